"""What the process model is taught: to paint in steps, without forgetting what the base model knew."""

import numpy as np

from mini_model.data.base import base_sample
from mini_model.data.parts import Part
from mini_model.data.trajectories import Mix, parts_of, random_trajectory

REHEARSAL = 0.25  # of the samples are the base model's own lessons


def process_sample(rng: np.random.Generator, mix: Mix = Mix()) -> list[Part]:  # noqa: B008 (frozen)
    """A trajectory of the drawn world, or now and then a lesson of the base stage."""
    if rng.random() < REHEARSAL:
        return base_sample(rng)
    return parts_of(random_trajectory(rng, mix), mix, rng)
