"""What the last two stages teach: to paint in steps, and to criticise one's own work.

process   trajectories that a program makes up, slips and their mending among them
reflect   the paper's three subsets, two of which the model has sampled itself (its table 1)

Neither may forget what the base model knew, so its lessons are rehearsed all the while.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mini_model.data.base import base_sample
from mini_model.data.parts import Part
from mini_model.data.scenes import by_share
from mini_model.data.subsets import PAPER
from mini_model.data.trajectories import Mix, on_a_found_page, parts_of, random_trajectory, told_of
from mini_model.trajectory import Trajectory

# of the samples: trajectories; plans alone, in words; and the base model's own lessons
SHARES = {"paint": 0.42, "tell": 0.1, "rehearse": 0.48}
# facts often: half of them stand in no trajectory, and what is not said again is forgotten
REHEARSED = {
    "draw": 0.12,
    "edit": 0.10,
    "see": 0.16,
    "read": 0.02,
    "imagine": 0.06,
    "compare": 0.05,
    "choose": 0.31,
    "know": 0.18,
}
MIXTURE = {name: facts["samples"] for name, facts in PAPER.items()}  # the paper's subsets and their sizes
USUAL = Mix()


def process_sample(rng: np.random.Generator, mix: Mix = USUAL) -> list[Part]:
    """A trajectory, its plans alone, or a lesson of the base."""
    lesson = by_share(rng, SHARES)
    return painting(rng, mix) if lesson == "paint" else _beside(rng, lesson, mix)


def reflect_sample(rng: np.random.Generator, sets: Mapping[str, Sequence[Trajectory]], mix: Mix = USUAL) -> list[Part]:
    """As in stage process, but with the paper's subsets, in its proportion.

    Multi-turn paintings are made up here by `mix`, with slips where it has them: to notice them stays a lesson. The
    other subsets come from `sets`. One that is not there leaves its share to those that are.
    """
    lesson = by_share(rng, SHARES)
    if lesson != "paint":
        return _beside(rng, lesson, mix)
    subset = by_share(rng, {name: size for name, size in MIXTURE.items() if name == "multi-turn" or name in sets})
    if subset in sets:
        return parts_of(sets[subset][rng.integers(len(sets[subset]))], mix, rng)
    return painting(rng, mix)


def _beside(rng: np.random.Generator, lesson: str, mix: Mix) -> list[Part]:
    """What is learnt beside painting: plans in words alone, or a lesson of the base."""
    if lesson == "tell":
        return painting(rng, replace(mix, slips=0.0), told_of)
    return base_sample(rng, shares=REHEARSED)


def painting(rng: np.random.Generator, mix: Mix = USUAL, form: Callable = parts_of) -> list[Part]:
    """A made-up trajectory from an empty page or a found one, in this form."""
    told, given = on_a_found_page(rng, mix) if rng.random() < mix.found else (random_trajectory(rng, mix), 0)
    return form(told, mix, rng, given)
