"""Training can be killed at any moment: what goes on afterwards ends in the very same weights."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
import warm
from safetensors.torch import load_file

from mini_model.data.base import base_sample
from mini_model.data.parts import Words
from mini_model.data.process import process_sample
from mini_model.data.trajectories import Mix, random_trajectory
from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.model.transformer import spans_of
from mini_model.model.words import text_of
from mini_model.training.assemble import Assembler
from mini_model.training.profiles import PROFILES, profile_of
from mini_model.training.run import STAGES, train
from mini_model.training.state import checkpoints
from mini_model.trajectory import save_many

HOME = Path(__file__).resolve().parent.parent
MINI = HOME / "data_samples/weights/mini"
# the command's own code, with a checkpoint at every step and an end after a few of them
DRIVER = """
import dataclasses, sys
from pathlib import Path
from mini_model.training import profiles, run
stage, out, model, steps = sys.argv[1:5]
numbers = profiles.PROFILES[stage]["smoke"]
profiles.PROFILES[stage]["smoke"] = dataclasses.replace(numbers, save_seconds=0.0)
start = None if stage == "autoencoder" else Path(model)
run.SETS = Path(out).parent / "sets"
run.train(stage, profile="smoke", out=Path(out), model=start, resume="--resume" in sys.argv, steps=int(steps))
"""
STEPS = 4


def start(stage: str, out: Path) -> warm.Process:
    return warm.Process(warm.script, DRIVER, words_for(stage, out))


def words_for(stage: str, out: Path) -> list[str]:
    return [stage, str(out), str(MINI), str(STEPS)]


def kill(process: warm.Process) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was over before it was killed"


def finish(stage: str, out: Path, resume: bool = False) -> None:
    """The same run in this process, which need not be killed and has all libraries at hand."""
    often = replace(PROFILES[stage]["smoke"], save_seconds=0.0)
    model = None if stage == "autoencoder" else MINI
    with patch.dict(PROFILES[stage], smoke=often), patch("mini_model.training.run.SETS", out.parent / "sets"):
        train(stage, profile="smoke", out=out, model=model, resume=resume, steps=STEPS)


def wait_for(folder: Path, step: int) -> None:
    ends = time.monotonic() + 120
    while not (folder / f"step-{step:07d}").exists():
        assert time.monotonic() < ends, f"no checkpoint of step {step}"
        time.sleep(0.005)


def weights(out: Path) -> dict[str, torch.Tensor]:
    """The last checkpoint whole: weights, averages, and the optimiser's moments."""
    return load_file(checkpoints(out / "checkpoints")[-1] / "state.safetensors")


def test_a_run_is_taken_up_as_what_it_was(tmp_path):
    train("base", profile="smoke", model=MINI, out=tmp_path, steps=1)
    with pytest.raises(KitError, match="holds an earlier run"):
        train("base", profile="smoke", model=MINI, out=tmp_path)
    with pytest.raises(KitError, match="holds a run of stage 'base', not 'process' and seed 0, not 1; take it up"):
        train("process", profile="smoke", model=MINI, out=tmp_path, resume=True, seed=1)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(KitError, match="run.json"):
        train("base", profile="smoke", model=MINI, out=tmp_path, resume=True)


def a_set(folder: Path) -> None:
    """A subset of one trajectory."""
    save_many([random_trajectory(np.random.default_rng(1), Mix())], folder)


# stages `language` and `process` are `base` and `reflect` with other samples
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in ("language", "process")])
def test_killed_and_resumed_ends_in_the_same_bits(tmp_path, stage):
    a_set(tmp_path / "sets/conflict")  # stage reflect learns from it
    finish(stage, tmp_path / "whole")
    process = start(stage, tmp_path / "killed")
    wait_for(tmp_path / "killed/checkpoints", 2)
    kill(process)
    finish(stage, tmp_path / "killed", resume=True)
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == killed.keys() and any("optimizer" in name for name in whole)
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    for name in ("ae.safetensors", *(["ema.safetensors"] if stage != "autoencoder" else [])):
        inside = Path("model", "reader" if stage == "reward" else "", name)
        paths = [tmp_path / out / inside for out in ("whole", "killed")]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    last = json.loads((tmp_path / "killed/model/provenance.json").read_text())[-1]
    assert (last["stage"], last["steps"]) == (stage, STEPS) and all(np.isfinite(list(last["losses"].values())))


def test_a_disk_that_fills_up_costs_one_clear_error_and_no_checkpoint(tmp_path):
    whole = tmp_path / "checkpoints"
    process = start("autoencoder", tmp_path)
    wait_for(whole, 2)
    kill(process)
    before = checkpoints(whole)[-1]
    room = (before / "state.safetensors").stat().st_size // 2
    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
    )
    words = [sys.executable, "-c", full + DRIVER, *words_for("autoencoder", tmp_path), "--resume"]
    ended = subprocess.run(words, cwd=HOME, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1 and "KitError: cannot write" in ended.stderr
    assert checkpoints(whole)[-1] == before and not list(whole.glob(".*"))
    finish("autoencoder", tmp_path, resume=True)
    assert len(weights(tmp_path))


def test_a_checkpoint_cut_short_is_passed_over(tmp_path):
    process = start("autoencoder", tmp_path)
    wait_for(tmp_path / "checkpoints", 3)
    kill(process)
    newest = checkpoints(tmp_path / "checkpoints")[-1] / "state.safetensors"
    os.truncate(newest, newest.stat().st_size // 2)
    finish("autoencoder", tmp_path, resume=True)
    for folder in checkpoints(tmp_path / "checkpoints"):
        os.truncate(folder / "state.safetensors", 100)
    with pytest.raises(KitError, match="start again without --resume"):
        train("autoencoder", profile="smoke", out=tmp_path, resume=True)


def test_a_run_is_not_overwritten_and_wrong_words_are_refused(tmp_path):
    (tmp_path / "checkpoints/step-0000001").mkdir(parents=True)
    with pytest.raises(KitError, match="add --resume"):
        train("autoencoder", profile="smoke", out=tmp_path)
    with pytest.raises(KitError, match="--data goes with stage reflect"):
        train("base", profile="smoke", data=tmp_path, out=tmp_path / "new")
    with pytest.raises(KitError, match="no profile"):
        profile_of("base", "abacus")
    with pytest.raises(KitError, match="no model folder"):
        train("process", profile="smoke", model=tmp_path / "nowhere", out=tmp_path / "new")


def test_a_run_leaves_a_log_a_plot_and_pictures(tmp_path):
    train("autoencoder", profile="smoke", out=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows and {"step", "seconds", "tokens_per_second", "squared error"} <= set(rows[0])
    assert (tmp_path / "loss.png").stat().st_size > 1000 and list((tmp_path / "samples").glob("*.png"))


def test_polishing_leaves_the_encoder_and_its_scale_as_they_are(tmp_path):
    train("autoencoder", profile="smoke", model=MINI, out=tmp_path)
    config = json.loads((MINI / "ae_config.json").read_text())
    polished, before = load_autoencoder_of(tmp_path / "model"), load_autoencoder_of(MINI)
    assert json.loads((tmp_path / "model/ae_config.json").read_text()) == config
    changed = {name.split(".")[1] for name, tensor in before.items() if not torch.equal(tensor, polished[name])}
    assert changed == {"decoder"}


def load_autoencoder_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_file(folder / "ae.safetensors").items()}


def test_the_learning_rate_rises_and_falls():
    profile = PROFILES["base"]["cpu"]
    rates = [profile.rate_at(step) for step in range(profile.steps)]
    assert rates[0] < rates[profile.warmup] == max(rates) == profile.rate
    assert rates[-1] < 0.02 * profile.rate and rates[profile.warmup :] == sorted(rates[profile.warmup :], reverse=True)


def test_batches_depend_on_the_step_alone():
    assembler = Assembler(UnifiedModel.from_pretrained(MINI), copies=2)
    one, again, other = (
        assembler.batch([base_sample(rng) for _ in range(6)], rng)
        for rng in (np.random.default_rng(n) for n in (5, 5, 6))
    )
    assert torch.equal(one.latents, again.latents) and torch.equal(one.noise, again.noise)
    assert one.text_ids.tolist() == again.text_ids.tolist() != other.text_ids.tolist()


def test_of_a_text_that_begins_with_what_is_given_only_the_rest_is_learnt():
    model = UnifiedModel.from_pretrained(MINI)
    said = Words("i see nothing. what is there to add? a star.", loss=True, draws=False, given="i see nothing. ")
    batch = Assembler(model).batch([[Words("a photo of a star"), said]], np.random.default_rng(0))
    assert text_of(model.tokenizer, batch.ce_labels.tolist()) == "what is there to add? a star. <|im_end|> <|im_end|>"
    after = text_of(model.tokenizer, batch.text_ids[batch.ce_at].tolist())
    assert after == ". what is there to add? a star. <|im_end|>", "a word is learnt at the word before it"


def test_rows_of_their_own_and_shared_rows_give_the_same_losses():
    model = UnifiedModel.from_pretrained(MINI)
    batches = []
    for length in (None, 700):
        rng = np.random.default_rng(9)
        batches.append(Assembler(model, 2, length).batch([process_sample(rng) for _ in range(6)], rng))
    own, shared = batches
    assert own.rows == 6 > shared.rows and len(spans_of(own.lengths.tolist())) > 1
    with torch.no_grad():
        apart, together = model(own), model(shared)
    for one, other in ((apart.ce, together.ce), (apart.mse, together.mse)):
        assert len(one) == len(other) and torch.allclose(one.mean(), other.mean(), rtol=1e-5)


def test_neighbouring_rows_of_about_one_length_go_together():
    assert spans_of([100, 90, 86, 50, 45, 10]) == [(0, 3, 100), (3, 5, 50), (5, 6, 10)]
    assert spans_of([10, 100, 99]) == [(0, 1, 10), (1, 3, 100)]


def test_the_encoder_learns_to_see():
    torch.manual_seed(0)
    stage = STAGES["vision"](MINI, None, replace(profile_of("vision", "smoke"), batch=32), 0, None)
    optimizer = torch.optim.AdamW(stage.model.parameters(), 2e-3)
    told = []
    for step in range(150):
        loss, parts, _ = stage.loss(stage.batch(step, 0, 1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        told.append(parts["colors"])
    assert np.mean(told[:5]) > 1.9 and np.mean(told[-5:]) < 1.2  # eight colours by chance: 2.08
    assert stage.sample().size == (8 * 64, 2 * 64)


def test_stage_reflect_asks_for_its_subsets(tmp_path):
    with pytest.raises(KitError, match="no subset in .*; make one first"):
        train("reflect", profile="smoke", model=MINI, data=tmp_path / "none", out=tmp_path / "out")
    a_set(tmp_path / "sets/alignment")
    model = train("reflect", profile="smoke", model=MINI, data=tmp_path / "sets", out=tmp_path / "out", steps=2)
    assert json.loads((model / "provenance.json").read_text())[-1]["stage"] == "reflect"


def test_batches_made_ahead_are_the_same_batches(tmp_path, monkeypatch):
    smoke = profile_of("process", "smoke")
    for workers in (0, 2):
        monkeypatch.setitem(PROFILES["process"], "smoke", replace(smoke, steps=3, workers=workers))
        train("process", "smoke", MINI, out=tmp_path / str(workers))
    told = [load_file(tmp_path / f"{workers}/model/ema.safetensors") for workers in (0, 2)]
    assert all(torch.equal(told[0][name], told[1][name]) for name in told[0])
