"""What the process model is taught: to paint in steps, without forgetting what the base model knew."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mini_model.data.base import base_sample
from mini_model.data.parts import Part
from mini_model.data.scenes import by_share
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
STORED = 0.5  # of the trajectories come from a folder, where one is given
USUAL = Mix()


def process_sample(
    rng: np.random.Generator,
    mix: Mix = USUAL,
    stored: Sequence[Trajectory] = (),
) -> list[Part]:
    """A trajectory, made up or out of a folder (the place of self-sampled ones), its plans, or a lesson of the base."""
    lesson = by_share(rng, SHARES)
    if lesson == "rehearse":
        return base_sample(rng, shares=REHEARSED)
    if lesson == "tell":
        told, given = _painting(rng, replace(mix, slips=0.0))
        return told_of(told, mix, rng, given)
    if stored and rng.random() < STORED:
        return parts_of(stored[rng.integers(len(stored))], mix, rng)
    told, given = _painting(rng, mix)
    return parts_of(told, mix, rng, given)


def _painting(rng: np.random.Generator, mix: Mix) -> tuple[Trajectory, int]:
    """A trajectory from an empty page or a found one, and how many of its turns are given."""
    return on_a_found_page(rng, mix) if rng.random() < mix.found else (random_trajectory(rng, mix), 0)
