"""A full-size model learns through an adapter: the plan of memory holds, rows are filled, nothing is lost by a kill."""

import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import bitsandbytes as bnb
import numpy as np
import pytest
import torch
import warm
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from mini_model.data.parts import Words
from mini_model.data.trajectories import Mix, parts_of, random_trajectory
from mini_model.errors import KitError
from mini_model.model.checkpoint import load
from mini_model.model.lora import Adapter, adapt, read_adapter, save_adapter
from mini_model.model.memory import Setting, fits
from mini_model.model.presets import preset
from mini_model.model.random_weights import random_model
from mini_model.training import full, profiles
from mini_model.training.assemble import Assembler
from mini_model.training.full import Start, fits_of, full_stage
from mini_model.training.profiles import FULL, profile_of
from mini_model.training.run import train
from mini_model.training.state import State, checkpoints
from mini_model.trajectory import Plan, Reflection, Step, Trajectory, save_many

HOME = Path(__file__).resolve().parent.parent
TINY, MINI = HOME / "tests/golden/bagel_tiny/model", HOME / "data_samples/weights/mini"
SMOKE = FULL["tiny"]["smoke"]
WHOLE = Mix(forget=0.0, half_way=0.0)
CPU = torch.device("cpu")
DRIVER = """
import dataclasses, sys
from pathlib import Path
from mini_model.training import profiles, run
out, model = sys.argv[1:3]
table = profiles.FULL["tiny"]
table["smoke"] = dataclasses.replace(table["smoke"], save_seconds=0.0)
run.train("process", "smoke", Path(model), out=Path(out), preset="tiny", steps=5, resume="--resume" in sys.argv)
"""


def trajectory(size: tuple[int, int] = (64, 64), pictures: int = 3, words: str = "a red circle") -> Trajectory:
    """A made-up painting of grey and noise."""
    dice = np.random.default_rng(0)
    drafts = [Image.fromarray(dice.integers(0, 255, (size[1], size[0], 3), np.uint8)) for _ in range(pictures)]
    right = Reflection(verdict="correct", text="this is right.")
    steps = [Step(plan=Plan(instruction=words, description=words), draft=one, reflection=right) for one in drafts]
    return Trajectory(prompt=words, steps=steps, final=drafts[-1], closing="done")


def a_stage(profile=SMOKE, data: Path | None = None, stage: str = "process") -> full.FullStage:
    return full_stage(stage, Start(TINY, None, data), profile, 0, Mix(), CPU)


def whole_sample(one: Trajectory) -> list:
    return parts_of(one, WHOLE, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["gpu-12gb", "gpu-16gb", "gpu-24gb"])
def test_each_profile_fits_the_card_it_is_named_after(name):
    profile = profile_of("process", name, "bagel-7b")
    assert f"{profile.budget}gb" == name.removeprefix("gpu-")
    assert fits(profile.setting, profile.budget) and profile.tokens == profile.setting.tokens
    assert profile.rate == 1e-4 and profile_of("reflect", "gpu", "bagel-7b").rate == 2e-5


def test_what_cannot_fit_is_refused_before_anything_is_read(monkeypatch, tmp_path):
    tight = replace(profile_of("process", "gpu-16gb", "bagel-7b"), budget=12.5)
    monkeypatch.setitem(FULL, "bagel-7b", {"gpu-16gb": tight})
    with pytest.raises(KitError, match=r"takes 15.\d+ GB of 12.5; nearest that fits: pixels 256 instead of 512"):
        train("process", "gpu-16gb", tmp_path / "nowhere", out=tmp_path / "out", preset="bagel-7b")
    monkeypatch.setitem(
        FULL,
        "bagel-7b",
        {"gpu": replace(profiles.FULL["tiny"]["gpu"], setting=Setting(und=0, gen=0, packing=None), budget=80)},
    )
    with pytest.raises(
        KitError, match=r"to teach every weight takes \d+ GB of 80 on each of 1 cards; start at least 4"
    ):
        train("process", "gpu", tmp_path / "nowhere", out=tmp_path / "out", preset="bagel-7b")


@pytest.mark.parametrize("pictures", [1, 3])
def test_the_plan_of_memory_counts_the_tokens_that_training_packs(pictures):
    stage = a_stage()
    *sample, have, look, closing = whole_sample(trajectory(pictures=pictures))  # the plan counts none after the last
    texts = sum(stage.assembler.size([part]) for part in sample if isinstance(part, Words))
    marks = 2 * (3 * pictures - 2)  # around each picture
    planned = replace(SMOKE.setting, pictures=pictures, words=texts + marks).tokens
    batch = stage.assembler.batch([sample], np.random.default_rng(0))
    assert planned == stage.assembler.size(sample) == len(batch.slot)


def test_pictures_are_enlarged_without_blur_and_looked_at_by_upstreams_rule():
    model = load(TINY)
    setting = replace(SMOKE.setting, pixels=128)
    assembler = Assembler(model, fits=fits_of(setting))
    square = np.asarray(random_trajectory(np.random.default_rng(0), Mix()).final)
    drawn = np.asarray(assembler._drawn(square))
    assert np.array_equal(drawn, square.repeat(2, 0).repeat(2, 1))
    batch = assembler.batch([whole_sample(trajectory((100, 50), 1))], np.random.default_rng(0))
    assert batch.noised.sum() == 8 * 4 and batch.patch_counts == [8 * 4]  # 128 x 64 drawn, 112 x 56 seen


def test_a_row_is_filled_until_the_next_sample_would_not_fit():
    stage = a_stage(replace(SMOKE, tokens=1500, batch=2))
    batch = stage.batch(3, 0, 1)
    assert batch.rows == 2 and batch.lengths.max() <= 1500
    rng, used = np.random.default_rng((0, 11, 3, 1)), 0
    row = stage.row(np.random.default_rng((0, 11, 3, 1)))
    while used <= 1500:  # the first sample that is in no row is the one that makes it too long
        size = stage.assembler.size(stage.sampler(rng, 0.0))
        used += size if size <= 1500 else 0
        row = row[1:] if used <= 1500 and size <= 1500 else row
    assert row == []


def test_equal_seeds_give_equal_rows_whichever_process_takes_them():
    two = a_stage(replace(SMOKE, batch=2)).batch(5, 0, 1)
    parts = [a_stage().batch(5, rank, 2) for rank in (0, 1)]
    assert len(two.slot) == sum(len(part.slot) for part in parts)
    assert {*two.noise.flatten().tolist()} == {*torch.cat([part.noise for part in parts]).flatten().tolist()}
    assert torch.equal(parts[0].noise, a_stage().batch(5, 0, 2).noise)


def test_made_up_samples_that_are_too_long_are_passed_over_and_counted(monkeypatch):
    monkeypatch.setattr(full, "TRIES", 20)
    stage = a_stage(replace(SMOKE, tokens=250))
    row = stage.row(np.random.default_rng(0))
    assert row and stage.again and sum(map(stage.assembler.size, row)) <= 250
    stage.assembler.length, stage.profile = 20, replace(SMOKE, tokens=20)
    with pytest.raises(KitError, match="20 samples one after another take more than the 20 tokens that a row has room"):
        stage.row(np.random.default_rng(0))


@pytest.mark.parametrize("size", [(64, 64), (90, 40)])
def test_trajectories_of_any_size_are_learnt_from(tmp_path, size):
    save_many([trajectory(size)], tmp_path)
    stage = a_stage(data=tmp_path)
    loss, parts, tokens = stage.loss(stage.batch(0, 0, 1))
    assert torch.isfinite(loss) and set(parts) == {"words", "pictures"} and tokens <= SMOKE.tokens


def test_data_that_cannot_be_learnt_from_is_one_clear_error(tmp_path):
    with pytest.raises(KitError, match="no trajectory at"):
        a_stage(data=tmp_path)
    save_many([], tmp_path / "none")
    with pytest.raises(KitError, match="no trajectory in .*none; give --data DIR, which holds trajectories.jsonl"):
        a_stage(data=tmp_path / "none")
    with pytest.raises(KitError, match="give --data DIR, which holds multi-turn or conflict or alignment"):
        a_stage(stage="reflect", data=tmp_path)
    save_many([trajectory(), trajectory(pictures=20)], tmp_path / "long/conflict")
    with pytest.raises(
        KitError, match=rf"number 2 of conflict takes \d+ tokens, more than the {SMOKE.tokens} tokens that"
    ):
        a_stage(stage="reflect", data=tmp_path / "long")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"preset": "abacus"}, "no preset 'abacus'; choose one of: mini, bagel-7b, tiny"),
        ({"preset": "bagel-7b"}, "no profile 'smoke' for preset bagel-7b; choose one of: gpu-12gb, gpu-16gb"),
        ({"preset": "mini", "profile": "gpu-12gb"}, "no profile 'gpu-12gb'; choose one of: smoke, cpu, gpu"),
        ({"stage": "base"}, "stage 'base' trains the mini model alone; with --preset tiny: process, reflect"),
        ({"model": None}, "a full-size model is not made from nothing: give --model DIR"),
        ({"model": MINI}, "is no tiny: its llm_config has hidden_size 192, not 64; take another --preset"),
        ({"model": Path("nowhere")}, "no model folder at nowhere"),
        ({"adapter": TINY}, "holds no adapter_config.json"),
        ({"profile": "gpu", "adapter": TINY}, "every weight learns; --adapter goes with a profile of one card"),
        ({"preset": "mini", "adapter": TINY}, "--adapter and --resolution go with a full-size model"),
        ({"pixels": 50}, "50 pixels: the edge of a picture is 32 to 1024, in steps of 16"),
        ({"pixels": 128}, "128 pixels are more than the 64 that this profile is planned for"),
    ],
)
def test_wrong_words_are_refused(tmp_path, words, said):
    asked = {"stage": "process", "profile": "smoke", "model": TINY, "preset": "tiny", "out": tmp_path / "out"} | words
    with pytest.raises(KitError, match=said):
        train(**asked)


def test_an_adapter_of_another_rank_or_another_model_is_refused(tmp_path):
    save_adapter(adapt(random_model(preset("tiny")), Adapter(und=4, gen=2)), tmp_path / "four")
    with pytest.raises(KitError, match="has ranks 4, 2, this profile 2, 2; take the profile"):
        full_stage("process", Start(TINY, tmp_path / "four"), SMOKE, 0, Mix(), CPU)
    wider = preset("tiny")
    wider.llm_config["intermediate_size"] = 192
    save_adapter(adapt(random_model(wider), Adapter(und=2, gen=2)), tmp_path / "wider")
    with pytest.raises(KitError, match="does not fit this model"):
        full_stage("process", Start(TINY, tmp_path / "wider"), SMOKE, 0, Mix(), CPU)


def test_a_run_leaves_an_adapter_from_which_another_goes_on(tmp_path):
    made = train("process", "smoke", TINY, out=tmp_path / "first", preset="tiny", steps=2)
    assert made == tmp_path / "first/adapter" and not (tmp_path / "first/model").exists()
    save_many([trajectory()], tmp_path / "sets/alignment")
    again = train(
        "reflect", "smoke", TINY, data=tmp_path / "sets", out=tmp_path / "second", preset="tiny", steps=2, adapter=made
    )
    told = json.loads((again / "provenance.json").read_text())
    assert [one["stage"] for one in told] == ["process", "reflect"]
    one, two = (load_file(folder / "adapter_model.safetensors") for folder in (made, again))
    assert one.keys() == two.keys() and any(not torch.equal(one[name], two[name]) for name in one)
    read_adapter(load(TINY, torch.bfloat16, packing="nf4"), again)
    assert list((tmp_path / "second/samples").glob("*.png"))
    held = load_file(checkpoints(tmp_path / "second/checkpoints")[-1] / "state.safetensors")
    assert all("lora_" in name for name in held) and not [name for name in held if name.startswith("average")]


def test_a_kept_4_bit_folder_is_taken_as_it_is(tmp_path):
    from mini_model.model.checkpoint import save_packed

    model = load(TINY, torch.bfloat16, packing="nf4")
    save_packed(model, tmp_path / "packed")
    stage = full_stage("process", Start(tmp_path / "packed"), SMOKE, 0, Mix(), CPU)
    assert torch.equal(stage.batch(0, 0, 1).noise, a_stage().batch(0, 0, 1).noise)
    losses = [s.loss(s.batch(0, 0, 1))[0].item() for s in (stage, a_stage())]
    assert losses[0] == losses[1]


def start(out: Path, *more: str) -> warm.Process:
    return warm.Process(warm.script, DRIVER, [str(out), str(TINY), *more])


def test_killed_and_resumed_ends_in_the_same_adapter(tmp_path):
    whole, killed = (start(tmp_path / name) for name in ("whole", "killed"))
    ends = time.monotonic() + 120
    while not (tmp_path / "killed/checkpoints/step-0000002").exists():
        assert time.monotonic() < ends and killed.poll() is None
        time.sleep(0.005)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL, "it was over before it was killed"
    resumed = start(tmp_path / "killed", "--resume")
    assert whole.wait(120) == resumed.wait(120) == 0
    name = "adapter/adapter_model.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    states = [
        load_file(checkpoints(tmp_path / out / "checkpoints")[-1] / "state.safetensors") for out in ("whole", "killed")
    ]
    assert states[0].keys() == states[1].keys() and all(torch.equal(states[0][n], states[1][n]) for n in states[0])
    with pytest.raises(KitError, match="holds a run of model '.*bagel_tiny/model', not '.*mini'; take it up as it was"):
        train("process", "smoke", MINI, out=tmp_path / "killed", preset="tiny", resume=True)


@pytest.mark.parametrize("kind", [bnb.optim.AdamW8bit, torch.optim.AdamW])
def test_moments_in_8_bits_come_back_as_they_were(tmp_path, kind):
    def begun(seed: int) -> State:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 128), nn.Linear(128, 8))
        return State.start(model, kind(model.parameters(), lr=1e-2), averaged=False)

    def step(state: State, seed: int) -> None:
        state.model(torch.randn(16, 64, generator=torch.Generator().manual_seed(seed))).pow(2).mean().backward()
        state.optimizer.step()
        state.optimizer.zero_grad()
        state.step += 1

    one = begun(0)
    for seed in range(3):
        step(one, seed)
    one.save(tmp_path)
    two = begun(1)
    two.restore(checkpoints(tmp_path)[-1])
    if kind is bnb.optim.AdamW8bit:
        assert two.optimizer.state[two.model[0].weight]["state1"].dtype == torch.uint8
    for state in (one, two):
        step(state, 9)
    assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True))


def test_a_packed_model_learns_a_trajectory_by_heart():
    torch.manual_seed(0)
    profile = replace(SMOKE, setting=replace(SMOKE.setting, und=16, gen=32))
    stage = a_stage(profile)
    told = whole_sample(trajectory(pictures=1))
    rng = np.random.default_rng(0)
    batch = stage.assembler.batch([told], rng)
    optimizer, first = torch.optim.AdamW([w for w in stage.model.parameters() if w.requires_grad], 1e-2), None
    for _ in range(300):
        loss, parts, _ = stage.loss(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        first = first or parts["pictures"]
        if parts["words"] < 0.05 and parts["pictures"] < first / 5:
            return
    raise AssertionError(f"words {parts['words']:.3f}, pictures {parts['pictures']:.3f} of {first:.3f} at first")
