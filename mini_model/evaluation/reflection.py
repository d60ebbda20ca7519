"""Is the critic right, and does it help? What the paper does not measure, from painted trajectories alone.

Every draft is held against its plan by the exact judge, which is the truth here. Then:

precision       of the drafts that the model calls wrong, how many are
recall          of the drafts that are wrong, how many the model calls wrong
mended          of the wrong drafts, how many are right after the refinement that follows
mended at last  the same after all refinements that follow
broken          of the right drafts that were refined all the same, how many are wrong afterwards
right by        of all plans, how many pictures are right after the draft, after one refinement, after two, ...

    python -m mini_model.evaluation.reflection [MODEL]

paints requests that no training run draws, once as usual and once looking at each draft afresh, with no plan in sight.
Beside these mistakes of its own the model is shown a program's, in half of the drafts that it goes on from. All is
written into `data_samples/results/reflection.json`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from PIL import Image
from tqdm import tqdm

from mini_model.data.requests import random_request
from mini_model.data.scenes import pick
from mini_model.data.self_sampled import cut
from mini_model.data.slips import slip
from mini_model.data.trajectories import Mix, random_trajectory
from mini_model.evaluation.results import FOLDER, Figure, write_results
from mini_model.evaluation.run import BATCH, MINI
from mini_model.evaluation.statistics import Score, score_within
from mini_model.model.checkpoint import load_here
from mini_model.model.unified import UnifiedModel
from mini_model.process import paint_many
from mini_model.process.easel import Easel
from mini_model.process.judges import Afresh, Judge, compared
from mini_model.process.painter import Studio
from mini_model.process.story import Story
from mini_model.trajectory import Plan, Reflection, Trajectory
from mini_model.world.reading import read_scene

FILE = FOLDER / "reflection.json"
AWAY = 7_927  # keeps these random numbers apart from those of training
EYES = {"": None, ", looked at afresh": Afresh}  # how a draft is looked at -> who says what is in it
MADE_UP = {"of sharp slips": 0.0, "of smears": 1.0}  # how many of a program's wrong drafts are smeared
SHARES = ("precision", "recall", "mended", "broken")
AT_LAST = "mended at last"
ROUNDS = 4  # looks that are told of one by one: at the draft and at three refinements


@dataclass(frozen=True)
class Look:
    """One picture that the model looked at: whether it was right, what was said, and what came of it."""

    right: bool
    called_wrong: bool
    right_after: bool | None  # None where no refinement followed
    round: int  # 0 for a draft, 1 for its first refinement, ...


def looks(trajectory: Trajectory) -> list[list[Look]]:
    """For each plan of a painting, its draft and its refinements in order, each as the model looked at it."""
    plans: list[tuple[Plan, list[tuple[Image.Image, Reflection | None]]]] = []
    for step in trajectory.steps:
        if step.plan.instruction:
            plans.append((step.plan, [(step.draft, step.reflection)]))
        elif plans:  # it goes on mending: what it says of the refinement before stands here
            told = plans[-1][1]
            told[-1] = (told[-1][0], step.reflection)
        if step.refinement is not None and plans:
            plans[-1][1].append((step.refinement, step.after))
    return [_looked(plan, told) for plan, told in plans]


def _looked(plan: Plan, told: Sequence[tuple[Image.Image, Reflection | None]]) -> list[Look]:
    right = [not compared(plan, picture)[1] for picture, _ in told]
    return [
        Look(right[i], bool(said and said.verdict == "wrong"), right[i + 1] if i + 1 < len(told) else None, i)
        for i, (_, said) in enumerate(told)
    ]


def measure(found: Sequence[list[list[Look]]]) -> dict[str, dict]:
    """Every measure above with its 95 % interval; paintings are drawn anew for the interval, not single pictures."""
    scores = {name: _share(name, found) for name in SHARES}
    deepest = max((len(plan) for painting in found for plan in painting), default=0)
    ends = [[plan[-1].right for plan in painting if not plan[0].right] for painting in found]
    scores[AT_LAST] = score_within(ends)
    scores |= {f"right by {count}": _right_by(count, found) for count in range(min(deepest, ROUNDS))}
    return {name: score.record() for name, score in scores.items() if score}


def _share(name: str, paintings: Sequence[list[list[Look]]]) -> Score | None:
    """A share of looks of which each painting holds some or none."""
    asked = [[_counts(name, look) for plan in painting for look in plan] for painting in paintings]
    return score_within([[bool(one) for one in painting if one is not None] for painting in asked])


def _counts(name: str, look: Look) -> bool | None:
    """Whether this look counts for a measure, or None where the measure does not ask about it."""
    if name == "precision":
        return not look.right if look.called_wrong else None
    if name == "recall":
        return look.called_wrong if not look.right else None
    if name == "mended":
        return bool(look.right_after) if not look.right else None
    return not look.right_after if look.right and look.right_after is not None else None


def _right_by(count: int, paintings: Sequence[list[list[Look]]]) -> Score | None:
    """How many plans are drawn right after so many refinements at most."""
    return score_within([[plan[min(count, len(plan) - 1)].right for plan in painting] for painting in paintings])


def paintings(model: UnifiedModel, count: int, strategy: str = "process", seed: int = 0) -> list[Trajectory]:
    """So many requests, painted in steps."""
    rng = np.random.default_rng((AWAY, seed))
    prompts = [random_request(rng).sentence() for _ in range(count)]
    seeds = rng.integers(1 << 30, size=count).tolist()
    batches = [slice(start, start + BATCH) for start in range(0, count, BATCH)]
    return [
        told
        for batch in tqdm(batches, unit="batch", dynamic_ncols=True)
        for told in paint_many(model, prompts[batch], seeds[batch], strategy)
    ]


def begun(rng: np.random.Generator, smears: float) -> Trajectory:
    """A program's painting up to a draft that nobody has looked at yet; half of these drafts hold a slip."""
    whole = random_trajectory(rng, Mix(slips=0.0, detours=0.0))
    told = cut(whole, int(rng.integers(len(whole.steps))))
    if rng.random() < 0.5:
        *before, last = told.steps
        planned = read_scene(last.plan.description)
        draft = slip(rng, planned, pick(rng, list(planned.things)), smears)[0]
        told = told.model_copy(update={"steps": [*before, last.model_copy(update={"draft": draft})]})
    return told


def shown(
    model: UnifiedModel, count: int, smears: float, seed: int = 0, eyes: Callable[[Easel], Judge] | None = None
) -> list[list[list[Look]]]:
    """So many paintings that a program began, each with what the model makes of the draft that it goes on from."""
    rng, studio, found = np.random.default_rng((AWAY, 1, seed)), Studio(model), []
    studio.judge = eyes and eyes(studio)
    for first in tqdm(range(0, count, BATCH), unit="batch", dynamic_ncols=True):
        starts = [begun(rng, smears) for _ in range(min(BATCH, count - first))]
        stories = [Story.resume(start, first + row) for row, start in enumerate(starts)]
        ended = {event.row: event.trajectory for event in studio.paint(stories, starts) if event.kind == "done"}
        found += [[looks(ended[row])[len(start.steps) - 1]] for row, start in enumerate(starts)]
    return found


def figures(model: UnifiedModel, count: int, seed: int = 0) -> list[Figure]:
    """All measures for its own paintings and for a program's drafts, as usual and looked at afresh, as figures."""
    asked = {}
    for how, eyes in EYES.items():
        own = paintings(model, count, "process-afresh" if eyes else "process", seed)
        asked["as usual" + how] = [looks(told) for told in own]
        asked |= {what + how: shown(model, count, smears, seed, eyes) for what, smears in MADE_UP.items()}
    found = []
    for what, told in asked.items():
        for name, score in measure(told).items():
            value, low_high, n = score["score"], tuple(score["interval"]), score["n"]
            found.append(Figure(name=f"reflection {what}: {name}", value=value, interval=low_high, n=n))
    return found


def main(model: Path = MINI, count: int = 600, out: Path = FILE) -> None:
    """Measure, write the figures, and print them."""
    found = figures(load_here(model), count)
    write_results(out, found)
    for one in found:
        print(f"{one.name}: {one.value:.3f} ({one.interval[0]:.3f} to {one.interval[1]:.3f}), n {one.n}")


if __name__ == "__main__":
    typer.run(main)
