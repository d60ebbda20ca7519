"""What the last two stages teach: to paint in steps, and to criticise one's own work.

process   trajectories that a program makes up, slips and their mending among them
reflect   the paper's three subsets, two of which the model has sampled itself (its table 1)

Neither may forget what the base model knew, so its lessons are rehearsed all the while.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mini_model.data.base import base_sample, shares_at
from mini_model.data.parts import Look, Part, Words
from mini_model.data.scenes import by_share, pick, shuffled
from mini_model.data.subsets import PAPER
from mini_model.data.trajectories import Mix, on_a_found_page, parts_of, random_trajectory, told_of
from mini_model.process.script import DESCRIBE, seen_in
from mini_model.trajectory import Trajectory

# of the samples: trajectories; plans alone, in words; and the base model's own lessons
SHARES = {"paint": 0.42, "tell": 0.1, "rehearse": 0.48}
# facts often: half of them stand in no trajectory, and what is not said again is forgotten
REHEARSED = {
    "draw": 0.12,
    "edit": 0.10,
    "see": 0.10,
    "squint": 0.06,
    "read": 0.02,
    "imagine": 0.05,
    "compare": 0.03,
    "choose": 0.24,
    "verdict": 0.08,
    "spot": 0.05,
    "know": 0.15,
}
CRITICISM = ("squint", "verdict", "spot")  # no part of a stage in which no draft is ever wrong
# stage reflect: the model's own pictures are described as well, with no plan beside them
REFLECTED = {"paint": 0.42, "look": 0.1, "tell": 0.08, "rehearse": 0.4}
LOOKED_AT = 2  # paintings in one sample of those
# to compare is learnt first, one thing with one thing, then lists: within minutes alone, and in no mixture
COMPARED_FIRST = ((0.0, {"spot one": 1.0}), (0.2, {"spot": 0.55, "verdict": 0.45}), (0.5, REFLECTED))
MIXTURE = {name: facts["samples"] for name, facts in PAPER.items()}  # the paper's subsets and their sizes
USUAL = Mix()


def process_sample(rng: np.random.Generator, mix: Mix = USUAL) -> list[Part]:
    """A trajectory, its plans alone, or a lesson of the base."""
    lesson = by_share(rng, SHARES)
    return painting(rng, mix) if lesson == "paint" else _beside(rng, lesson, mix)


def reflect_sample(
    rng: np.random.Generator, sets: Mapping[str, Sequence[Trajectory]], mix: Mix = USUAL, done: float = 1.0
) -> list[Part]:
    """As in stage process, but with the paper's subsets, in its proportion, once plans and pictures can be compared.

    Multi-turn paintings are made up here by `mix`, with slips where it has them: to notice them stays a lesson. The
    other subsets come from `sets`. One that is not there leaves its share to those that are. Where no pictures of the
    model's own are there to look at, a program's smears take their place. `done` is how much of the stage is over.
    """
    if not sets and not mix.slips:
        return process_sample(rng, mix)
    lesson = by_share(rng, shares_at(done, COMPARED_FIRST))
    if lesson not in REFLECTED:
        return base_sample(rng, lesson)
    if lesson == "look":
        if "alignment" not in sets:
            return base_sample(rng, "squint")
        return [part for _ in range(LOOKED_AT) for part in looked_at(rng, pick(rng, sets["alignment"]))]
    if lesson != "paint":
        return _beside(rng, lesson, mix)
    subset = by_share(rng, {name: size for name, size in MIXTURE.items() if name == "multi-turn" or name in sets})
    if subset in sets:
        return parts_of(pick(rng, sets[subset]), mix, rng)
    return painting(rng, mix)


def looked_at(rng: np.random.Generator, told: Trajectory) -> list[Part]:
    """The drafts of a painting in any order, each to be described as if nothing were known of its plan."""
    parts: list[Part] = []
    for step in shuffled(rng, list(told.steps)):
        described = Words(seen_in(step.reflection), loss=True)
        parts += [Look(np.asarray(step.draft), as_is=True), Words(DESCRIBE), described]
    return parts


def _beside(rng: np.random.Generator, lesson: str, mix: Mix) -> list[Part]:
    """What is learnt beside painting: plans in words alone, or a lesson of the base."""
    if lesson == "tell":
        return painting(rng, replace(mix, slips=0.0), told_of)
    kept = {name: share for name, share in REHEARSED.items() if mix.slips or name not in CRITICISM}
    return base_sample(rng, shares=kept)


def painting(rng: np.random.Generator, mix: Mix = USUAL, form: Callable = parts_of) -> list[Part]:
    """A made-up trajectory from an empty page or a found one, in this form."""
    told, given = on_a_found_page(rng, mix) if rng.random() < mix.found else (random_trajectory(rng, mix), 0)
    return form(told, mix, rng, given)
