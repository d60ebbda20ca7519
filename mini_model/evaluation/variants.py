"""Models that an experiment compares: what each was taught, and training it where that was not done yet.

A variant says from which other one it starts, at which stage, from which data. What it is called on disk comes from
the content of its recipe and of everything before it, so a changed recipe is trained anew and an unchanged one never.
A run that was killed goes on where it was.
"""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock

from mini_model.data import subsets
from mini_model.data.trajectories import Mix
from mini_model.evaluation.run import MINI, digest, fingerprint
from mini_model.training.run import PROVENANCE, train
from mini_model.trajectory import MANY

BASE = MINI.with_name("base")
FOLDER = Path("out/experiments")


@dataclass(frozen=True)
class Size:
    """How large an experiment is."""

    start: Path  # the model that every variant starts from; in smoke one that can paint, or it would sample nothing
    profile: str  # of the training stages: their batches, rates and copies
    process: int  # steps from the base on; "more of the same" takes as many seconds
    reflect: int  # steps from there on
    reward: int  # steps of the reward model, and of tuning by preference
    sets: int  # self-sampled trajectories of each subset
    seeds: int  # trainings of each variant, from different random numbers
    pictures: int  # pictures of each prompt
    euler: int  # steps from noise to picture
    limit: int | None  # prompts of a benchmark


SIZES = {
    "smoke": Size(MINI, "smoke", process=2, reflect=2, reward=2, sets=3, seeds=1, pictures=1, euler=4, limit=6),
    "cpu": Size(BASE, "cpu", process=600, reflect=240, reward=150, sets=400, seeds=3, pictures=2, euler=12, limit=None),
    "gpu": Size(
        BASE, "gpu", process=6_000, reflect=1_500, reward=2_000, sets=6_000, seeds=5, pictures=4, euler=12, limit=None
    ),
}


@dataclass(frozen=True)
class Variant:
    """A recipe: a stage, its data, and what it starts from (None: the shipped base, as a rule)."""

    stage: str
    start: "Variant | None" = None
    mix: Mix = Mix()
    sets: tuple[str, ...] = ()  # subsets that `start` samples for it
    share: float = 1.0  # of the stage's usual steps

    def steps(self, size: Size) -> int:
        """How long it is trained."""
        usual = {"process": size.process, "base": size.process, "reflect": size.reflect}
        return max(1, round(usual.get(self.stage, size.reward) * self.share))

    def key(self, size: Size, seed: int) -> str:
        """A short name of the recipe's whole content."""
        before = self.start.key(size, seed) if self.start else fingerprint(size.start)
        numbers = [self.stage, size.profile, self.steps(size), size.sets if self.sets else 0, seed, before]
        recipe = json.dumps([*numbers, asdict(self.mix), self.sets])
        return digest(recipe.encode())[:12]


def trained(variant: Variant | None, size: Size, seed: int) -> Path:
    """The folder of a variant's model, trained now where it is not there yet."""
    if variant is None:
        return size.start
    out = FOLDER / f"{variant.stage}-{variant.key(size, seed)}"
    with FileLock(out.with_suffix(".lock")):  # several experiments may run at once
        if (out / "model").is_dir():
            return out / "model"
        start = trained(variant.start, size, seed)
        data = _sampled(variant, start, size, seed) if variant.stage == "reflect" else None
        return train(
            variant.stage, size.profile, start, data, out,
            resume=True, seed=seed, steps=variant.steps(size), mix=variant.mix,
        )  # fmt: skip


def _sampled(variant: Variant, start: Path, size: Size, seed: int) -> Path:
    """The subsets that the model in `start` samples, made where they are not there yet."""
    folder = FOLDER / f"sets-{variant.start.key(size, seed)}-{size.sets}"
    for name in variant.sets:
        with FileLock(folder / f"{name}.lock"):
            if not (folder / name / MANY).is_file():
                subsets.make(name, size.sets, seed, folder / name, start)
    chosen = FOLDER / f"sets-{variant.key(size, seed)}"  # stage `reflect` takes all that it finds in a folder
    chosen.mkdir(parents=True, exist_ok=True)
    for name in variant.sets:
        shutil.copytree(folder / name, chosen / name, dirs_exist_ok=True)
    return chosen


def seconds_of(variant: Variant | None, size: Size, seed: int) -> float:
    """How long a variant was trained, from the shipped base on."""
    stages = [json.loads((folder / PROVENANCE).read_text()) for folder in (trained(variant, size, seed), size.start)]
    whole, before = (sum(stage["seconds"] for stage in told) for told in stages)
    return float(whole - before)


# multi-turn paintings without any criticism: strokes that add alone, and some that do more
ADDITIVE = Mix(slips=0.0, detours=0.0)
AUGMENTED = Mix(slips=0.0, detours=subsets.AUGMENTED)
BOTH = ("conflict", "alignment")

MORE_OF_THE_SAME = Variant("base", share=2.3)  # a step of it takes less; the figures tell the seconds of both
WITHOUT_AUGMENTATION = Variant("process", mix=ADDITIVE)
WITH_AUGMENTATION = Variant("process", mix=AUGMENTED)


def further(start: Variant, sets: tuple[str, ...] = (), slips: float = 0.0) -> Variant:
    """A variant trained on for as long as every other: with self-sampled subsets, made-up slips, or neither."""
    if sets:
        return Variant("reflect", start, start.mix, sets)
    return Variant("reflect", start, replace(start.mix, slips=slips))
