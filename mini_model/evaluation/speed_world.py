"""How fast this machine multiplies, and how fast the drawn world is made and judged."""

import time
from collections.abc import Callable

import numpy as np
import torch

from mini_model.data.scenes import random_scene
from mini_model.world.judge import detections
from mini_model.world.render import render

SIDE = 1024  # rows and columns of the matrices whose product gives the peak


def matrix_peak(dtype: torch.dtype, device: torch.device, seconds: float = 2.0, side: int = SIDE) -> float:
    """The most multiply-adds a second that a plain matrix product reaches here, in TFLOP/s (2 per multiply-add).

    Many short rounds are timed and the fastest one counts, since a peak is what the machine can do undisturbed.
    """
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    rounds, best, stop = 5, float("inf"), time.perf_counter() + seconds

    def multiply() -> None:
        for _ in range(rounds):
            a @ b
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    multiply()
    while best == float("inf") or time.perf_counter() < stop:
        best = min(best, seconds_of(multiply))
    return 2 * side**3 * rounds / best / 1e12


def seconds_of(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def world_rates(count: int) -> tuple[float, float]:
    """Pictures a second: drawn from a scene, and read back by the exact judge."""
    rng = np.random.default_rng(0)
    scenes = [random_scene(rng, int(rng.integers(1, 6))) for _ in range(count)]
    detections(render(scenes[0]))  # stamps are cut once, at first use
    drawing = seconds_of(lambda: [render(scene) for scene in scenes])
    pictures = [render(scene) for scene in scenes]
    judging = seconds_of(lambda: [detections(picture) for picture in pictures])
    return count / drawing, count / judging
