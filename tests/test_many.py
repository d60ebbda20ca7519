"""Two processes train as one does: the same losses at each step, and the same weights at the end."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mini_model.device import Compute
from mini_model.errors import KitError
from mini_model.training import many, profiles
from mini_model.training.run import train

HOME = Path(__file__).resolve().parent.parent
MINI, TINY = HOME / "data_samples/weights/mini", HOME / "tests/golden/bagel_tiny/model"
STEPS = 4
# what is trained, by one process and by two: stage, preset, profile
RUNS = {"mini": ("process", "mini", "smoke"), "tiny": ("process", "tiny", "gpu")}
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
test_many.learn("mini", out / "mini-copies")
os.environ["ACCELERATE_USE_FSDP"] = "true"
for name in test_many.RUNS:
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
    """Computing in float32 on the processor, a checkpoint and a line of the log at every step."""
    from mini_model.training import watch

    many.pick = lambda: Compute(torch.device("cpu"), torch.float32, "float32")
    watch.KEEP_EVERY = 1
    for table, key, batch in (("PROFILES", "process", 4), ("FULL", "tiny", rows)):
        numbers = getattr(profiles, table)[key]
        for name in ("smoke", "gpu"):
            numbers[name] = replace(numbers[name], save_seconds=0.0, batch=batch, workers=0)


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
        patch.setattr(many, "pick", many.pick)
        for table in ("PROFILES", "FULL"):
            for key, numbers in getattr(profiles, table).items():
                patch.setitem(getattr(profiles, table), key, dict(numbers))
        patch.setattr("mini_model.training.watch.KEEP_EVERY", 1)
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


@pytest.mark.parametrize("run", ["mini-copies", "mini-parts", "mini-resumed", "tiny-parts"])
def test_two_processes_train_as_one_does(trained, run):
    one, two = (trained / f"{run.split('-')[0]}-one"), trained / run
    assert losses(two) == [pytest.approx(step, abs=1e-5, rel=1e-5) for step in losses(one)]
    wanted, found = state(one), state(two)
    assert wanted.keys() == found.keys()
    apart = {name: (found[name] - wanted[name]).abs().max().item() for name in wanted if "optimizer" not in name}
    assert max(apart.values()) < 1e-5, max(apart, key=apart.get)
    moved = [
        name for name in found if name.startswith("model/") and not torch.equal(found[name], state_of_start(run, name))
    ]
    assert len(moved) > 50


def state_of_start(run: str, name: str) -> torch.Tensor:
    folder = MINI if run.startswith("mini") else TINY
    return load_file(folder / "ema.safetensors")[name.removeprefix("model/")].float()


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
    from mini_model.model import UnifiedModel
    from mini_model.training.base import UnifiedStage

    stage = UnifiedStage(UnifiedModel.from_pretrained(MINI), profiles.profile_of("process", "smoke"), None, None)
    with pytest.raises(KitError, match="4 samples a step are too few for 8 processes"):
        stage.batch(0, 7, 8)
