"""Two processes train as one does: the same losses at each step, and the same weights at the end."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mini_model.device import Compute
from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.training import full, many, profiles, run, watch
from mini_model.training.base import UnifiedStage
from mini_model.training.run import train

HOME = Path(__file__).resolve().parent.parent
MINI, TINY = HOME / "data_samples/weights/mini", HOME / "tests/golden/bagel_tiny/model"
STEPS = 4
# what is trained, by one process and by two: stage, preset, profile
RUNS = {"mini": ("process", "mini", "smoke"), "tiny": ("process", "tiny", "gpu"), "lora": ("process", "tiny", "smoke")}
DRIVER = """
import os, shutil, sys
from pathlib import Path
import torch.distributed as dist
sys.path.insert(0, "tests")
import test_many
from mini_model.errors import KitError
from mini_model.training.run import train
out = Path(sys.argv[1])
os.environ["ACCELERATE_USE_FSDP"] = "false"
test_many.prepare(rows=1)
for name in ("mini", "lora"):
    test_many.learn(name, out / f"{name}-copies")
os.environ["ACCELERATE_USE_FSDP"] = "true"
for name in ("mini", "tiny"):
    test_many.learn(name, out / f"{name}-parts")
dist.barrier()
if dist.get_rank() == 0:
    shutil.copytree(out / "mini-parts", out / "mini-resumed")
    shutil.rmtree(out / f"mini-resumed/checkpoints/step-{test_many.STEPS:07d}")
dist.barrier()
test_many.learn("mini", out / "mini-resumed", resume=True)
for stage, words in (("vision", {}), ("process", {"preset": "tiny"})):
    try:
        train(stage, "smoke", test_many.MINI if stage == "vision" else test_many.TINY, out=out / "refused", **words)
    except KitError as error:
        (out / f"{stage}-{dist.get_rank()}.txt").write_text(str(error))
dist.destroy_process_group()
"""


def prepare(rows: int) -> None:
    """Computing in float32 on the processor, in small steps, with a checkpoint and a line of the log at each.

    Adam divides by the root of the squared gradient: where that is next to nothing, rounding shows in large steps.
    """
    many.pick = lambda: Compute(torch.device("cpu"), torch.float32, "float32")
    watch.KEEP_EVERY = 1
    run.contact_sheet = full.contact_sheet = lambda model, **_: Image.new("RGB", (8, 8))
    for numbers, batch in ((profiles.PROFILES["process"], 4), (profiles.FULL["tiny"], rows)):
        for name in ("smoke", "gpu"):
            numbers[name] = replace(numbers[name], save_seconds=0.0, batch=batch, rate=3e-5, workers=0)


def learn(name: str, out: Path, resume: bool = False) -> None:
    stage, preset, profile = RUNS[name]
    model = MINI if preset == "mini" else TINY
    train(stage, profile, model, out=out, preset=preset, steps=STEPS, seed=2, resume=resume)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Folders of the same runs: by one process, by two with a model each, by two with half a model each."""
    out = tmp_path_factory.mktemp("many")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--use_fsdp", "--fsdp_version", "2"]
    launch += [
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--main_process_port",
        "0",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]
    (out / "driver.py").write_text(DRIVER)
    words = [*launch, str(out / "driver.py"), str(out)]
    surroundings = {**os.environ, "PYTHONPATH": str(HOME), "OMP_NUM_THREADS": "1"}
    two = subprocess.Popen(
        words, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=surroundings
    )
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((many, "pick"), (watch, "KEEP_EVERY"), (run, "contact_sheet"), (full, "contact_sheet")):
            patch.setattr(owner, name, getattr(owner, name))  # as they were when the runs are over
        for table, key in ((profiles.PROFILES, "process"), (profiles.FULL, "tiny")):
            patch.setitem(table, key, dict(table[key]))
        prepare(rows=2)
        for name in RUNS:
            learn(name, out / f"{name}-one")
    told, _ = two.communicate(timeout=240)
    assert two.returncode == 0, told[-3000:]
    return out


def losses(folder: Path) -> list[tuple[float, float]]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    return [(row["words"], row["pictures"]) for row in rows]


def state(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / f"checkpoints/step-{STEPS:07d}/state.safetensors")


@pytest.mark.parametrize("kind", ["mini-copies", "mini-parts", "mini-resumed", "tiny-parts"])
def test_two_processes_train_as_one_does(trained, kind):
    one, two = (trained / f"{kind.split('-')[0]}-one"), trained / kind
    assert losses(two) == [pytest.approx(step, abs=1e-5, rel=1e-5) for step in losses(one)]
    wanted, found = state(one), state(two)
    assert wanted.keys() == found.keys()
    apart = {name: (found[name] - wanted[name]).abs().max().item() for name in wanted if "optimizer" not in name}
    assert max(apart.values()) < 1e-5, max(apart, key=apart.get)
    start = load_file((MINI if kind.startswith("mini") else TINY) / "ema.safetensors")
    assert sum(not torch.equal(found[f"model/{name}"], start[name].float()) for name in start if "pos" not in name) > 50


def test_two_processes_teach_one_adapter(trained):
    one, two = (trained / f"lora-{kind}" for kind in ("one", "copies"))
    assert losses(two) == [pytest.approx(step, rel=1e-2) for step in losses(one)]  # in bfloat16
    wanted, found = (load_file(folder / "adapter/adapter_model.safetensors") for folder in (one, two))
    assert wanted.keys() == found.keys() and any("lora_B" in name and found[name].any() for name in found)
    assert (two / "adapter/provenance.json").is_file()


def test_the_model_that_was_in_parts_is_written_whole(trained):
    wanted, found = (load_file(trained / f"mini-{kind}/model/ema.safetensors") for kind in ("one", "parts"))
    assert wanted.keys() == found.keys() and not list((trained / "mini-parts/model").glob(".*"))
    assert max((found[name].float() - wanted[name].float()).abs().max() for name in wanted) < 1e-2
    assert not (trained / "mini-parts/samples/step-0000004.png").exists()
    assert (trained / "mini-copies/samples/step-0000004.png").exists()


def test_what_one_process_should_do_is_refused_by_two(trained):
    for rank in (0, 1):
        assert "trains in one process" in (trained / f"vision-{rank}.txt").read_text()
        assert "leave out --use_fsdp" in (trained / f"process-{rank}.txt").read_text()


def test_more_processes_than_samples_are_refused():
    numbers = profiles.profile_of("process", "smoke")
    stage = UnifiedStage(UnifiedModel.from_pretrained(MINI), numbers, lambda rng, done: [], lambda model: None)
    with pytest.raises(KitError, match="4 samples a step are too few for 8 processes"):
        stage.batch(0, 7, 8)
