"""What the process model is taught: to paint in steps, without forgetting what the base model knew."""

from collections.abc import Sequence

import numpy as np

from mini_model.data.base import base_sample
from mini_model.data.parts import Part
from mini_model.data.trajectories import Mix, parts_of, random_trajectory
from mini_model.trajectory import Trajectory

REHEARSAL = 0.4  # of the samples are the base model's own lessons
# facts most of all: half of them stand in no trajectory, and what is not said again is forgotten
REHEARSED = {"draw": 0.16, "edit": 0.14, "see": 0.30, "read": 0.06, "imagine": 0.10, "compare": 0.04, "know": 0.20}
STORED = 0.5  # of the trajectories come from a folder, where one is given
USUAL = Mix()


def process_sample(
    rng: np.random.Generator,
    mix: Mix = USUAL,
    stored: Sequence[Trajectory] = (),
) -> list[Part]:
    """A trajectory, made up or out of a folder (the place of self-sampled ones), or a lesson of the base stage."""
    if rng.random() < REHEARSAL:
        return base_sample(rng, shares=REHEARSED)
    if stored and rng.random() < STORED:
        return parts_of(stored[rng.integers(len(stored))], mix, rng)
    return parts_of(random_trajectory(rng, mix), mix, rng)
