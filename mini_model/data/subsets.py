"""The paper's three subsets, each made by one command: of any size, and the same again from the same seed."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mini_model import circumstances
from mini_model.data.self_sampled import SAMPLER, alignment, conflict
from mini_model.data.trajectories import Mix, random_trajectory
from mini_model.errors import KitError
from mini_model.files import write_whole
from mini_model.model.checkpoint import load_here
from mini_model.trajectory import Trajectory, save_many

# what the paper's table 1 says of its own: 32,012 multi-turn samples, and so many of the others that are right
PAPER = {
    "multi-turn": {"samples": 32_012, "pictures a sample": 3.51, "most pictures": 5},
    "conflict": {"samples": 15_201, "right": 6_905 / 15_201},
    "alignment": {"samples": 15_000, "right": 5_000 / 15_000},
}
OPERATIONS = ("add", "make", "replace", "remove", "move")
PATIENCE = 2_000  # paintings of the kind that is not wanted any more, one after another
OTHER = {"right": "better", "wrong": "less trained"}
AUGMENTED = 0.3  # of the strokes change, swap or remove, where nothing else is asked for


def make(subset: str, n: int, seed: int, out: Path, model: Path | None = None, detours: float = AUGMENTED) -> dict:
    """Write `n` trajectories of a subset to a folder, `statistics.json` among them, and return the statistics.

    detours: which share of the strokes in `multi-turn` is no addition. `conflict` and `alignment` let the model in
    `model` paint. Raises KitError where the model or the folder cannot be used.
    """
    began, tally = time.monotonic(), Tally()
    if subset == "multi-turn":
        found = _multi_turn(n, seed, detours)
    else:
        source = {"conflict": conflict, "alignment": alignment}[subset]
        found = _in_proportion(source(load_here(model), seed), n, PAPER[subset]["right"])
    save_many(tally.watch(found, n), out)
    facts = {
        "subset": subset,
        "seed": seed,
        "statistics": tally.statistics(),
        "paper": PAPER[subset],
        "seconds": round(time.monotonic() - began, 1),
        "command": circumstances.command(),
        "commit": circumstances.commit(),
    }
    write_whole(out / "statistics.json", json.dumps(facts, indent=2) + "\n")
    return facts


def _multi_turn(n: int, seed: int, detours: float) -> Iterator[Trajectory]:
    """Paintings without a slip; each depends on the seed and its number alone."""
    mix = replace(Mix(), slips=0.0, detours=detours)
    for number in range(n):
        yield random_trajectory(np.random.default_rng((seed, SAMPLER, 2, number)), mix)


def _in_proportion(source: Iterator[tuple[bool, Trajectory]], n: int, share: float) -> Iterator[Trajectory]:
    """`n` paintings of which this share is right throughout, in the order in which they come.

    Raises KitError where one of the two kinds does not come any more: from a model that never errs, or always does.
    """
    wanted, in_vain = {True: round(n * share), False: n - round(n * share)}, 0
    while any(wanted.values()):
        right, told = next(source)
        in_vain = 0 if wanted[right] else in_vain + 1
        if in_vain > PATIENCE:
            kind = "right" if wanted[True] else "wrong"
            raise KitError(f"of the last {PATIENCE:,} paintings none was {kind}; let a {OTHER[kind]} model paint")
        if wanted[right]:
            wanted[right] -= 1
            yield told


class Tally:
    """Counts what passes by: samples, pictures, words of the prompt, operations, and what is right throughout."""

    def __init__(self) -> None:
        self.pictures: list[int] = []
        self.words: list[int] = []
        self.operations = dict.fromkeys(OPERATIONS, 0)
        self.right = 0

    def watch(self, found: Iterator[Trajectory], n: int) -> Iterator[Trajectory]:
        """The same `n` paintings, counted as they pass, with a bar that shows how far they are."""
        for told in tqdm(found, total=n, unit="painting", dynamic_ncols=True):
            self.pictures.append(sum(1 for label, _ in told.pictures() if label != "final"))
            self.words.append(len(told.prompt.split()))
            self.right += all(step.reflection.verdict == "correct" for step in told.steps)
            for step in told.steps:
                for said in (step.plan.instruction, step.reflection.refine or ""):
                    self._count(said)
            yield told

    def _count(self, instruction: str) -> None:
        word = next((word for word in instruction.replace(":", " ").split() if word in OPERATIONS), None)
        if word:
            self.operations[word] += 1

    def statistics(self) -> dict:
        """The figures, in the words of the paper's table 1 where it has them."""
        samples, strokes = len(self.pictures), sum(self.operations.values())
        return {
            "samples": samples,
            "pictures a sample": round(sum(self.pictures) / samples, 2),
            "most pictures": max(self.pictures),
            "words a prompt": round(sum(self.words) / samples, 1),
            "right": round(self.right / samples, 3),
            "operations": {word: round(count / strokes, 3) for word, count in self.operations.items()},
        }


def as_text(facts: dict) -> str:
    """The statistics as lines, the paper's beside them."""
    lines = [f"{facts['subset']}: {facts['seconds']} s"]
    for name, value in facts["statistics"].items():
        paper = facts["paper"].get(name)
        beside = f"  (paper: {paper:,})" if isinstance(paper, int) else f"  (paper: {paper:.2f})" if paper else ""
        told = ", ".join(f"{word} {share}" for word, share in value.items()) if isinstance(value, dict) else value
        lines.append(f"  {name:<18} {told}{beside}")
    return "\n".join(lines)
