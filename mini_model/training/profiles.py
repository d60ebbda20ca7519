"""How long and how fast each stage trains: one dial with three positions, `smoke`, `cpu` and `gpu`."""

import math
from dataclasses import dataclass

from mini_model.errors import KitError


@dataclass(frozen=True)
class Profile:
    """The numbers of one training run."""

    steps: int  # optimiser steps
    batch: int  # samples a step, over all processes
    rate: float  # highest learning rate
    warmup: int = 50  # steps from zero to the highest rate
    clip: float = 1.0  # largest norm of the gradient
    ema: float = 0.999  # how much of the running average stays at each step
    save_seconds: float = 60.0  # time between checkpoints
    copies: int = 1  # noised copies of each drawn picture; they share one context
    workers: int = 0  # processes that make batches ahead while the card computes; 0: each is made when its step comes
    lambda_ce: float = 1.0  # weight of the words' loss (the paper does not give its own)

    def rate_at(self, step: int) -> float:
        """The learning rate of a step: a straight rise, then a cosine down to a hundredth of the top."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.rate * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))))


PROFILES: dict[str, dict[str, Profile]] = {
    "autoencoder": {
        "smoke": Profile(steps=12, batch=8, rate=2e-3, warmup=3, ema=0.9, save_seconds=2),
        "cpu": Profile(steps=3_600, batch=16, rate=3e-3, ema=0.995),
        "gpu": Profile(steps=40_000, batch=128, rate=2e-3, ema=0.999),
    },
    "vision": {
        "smoke": Profile(steps=12, batch=8, rate=2e-3, warmup=3, ema=0.9, save_seconds=2),
        "cpu": Profile(steps=2_400, batch=64, rate=2e-3, warmup=100, ema=0.995),
        "gpu": Profile(steps=40_000, batch=512, rate=1e-3, warmup=500, ema=0.999),
    },
    "language": {
        "smoke": Profile(steps=6, batch=8, rate=1e-3, warmup=2, ema=0.9, save_seconds=2),
        "cpu": Profile(steps=3_700, batch=32, rate=2e-3, warmup=50, ema=0.995),
        "gpu": Profile(steps=20_000, batch=256, rate=1.5e-3, warmup=500, ema=0.999, workers=8),
    },
    "base": {
        "smoke": Profile(steps=6, batch=8, rate=1e-3, warmup=2, ema=0.9, save_seconds=2, copies=2),
        "cpu": Profile(steps=6_400, batch=48, rate=2e-3, warmup=100, copies=4),
        "gpu": Profile(steps=60_000, batch=512, rate=1.5e-3, warmup=500, ema=0.9995, copies=2, workers=8),
    },
    "process": {
        "smoke": Profile(steps=6, batch=4, rate=5e-4, warmup=2, ema=0.9, save_seconds=2, copies=2),
        "cpu": Profile(steps=2_450, batch=24, rate=1e-3, warmup=100, copies=2),
        "gpu": Profile(steps=12_000, batch=256, rate=7e-4, warmup=200, copies=2, workers=8),
    },
    "reflect": {
        "smoke": Profile(steps=6, batch=4, rate=5e-4, warmup=2, ema=0.9, save_seconds=2, copies=2),
        "cpu": Profile(steps=320, batch=24, rate=7e-4, warmup=50, copies=2),
        "gpu": Profile(steps=4_000, batch=256, rate=5e-4, warmup=200, copies=2, workers=8),
    },
    "reward": {
        "smoke": Profile(steps=6, batch=4, rate=5e-4, warmup=2, ema=0.9, save_seconds=2),
        "cpu": Profile(steps=300, batch=32, rate=5e-4, warmup=20, ema=0.99),
        "gpu": Profile(steps=3_000, batch=256, rate=3e-4, warmup=100, ema=0.995),
    },
    "preference": {
        "smoke": Profile(steps=6, batch=4, rate=1e-5, warmup=2, ema=0.9, save_seconds=2),
        "cpu": Profile(steps=200, batch=24, rate=1e-4, warmup=20, ema=0.98),
        "gpu": Profile(steps=2_000, batch=128, rate=5e-5, warmup=100, ema=0.995),
    },
}


def profile_of(stage: str, name: str) -> Profile:
    """The profile of a stage, or one clear error that lists what there is."""
    if stage not in PROFILES:
        raise KitError(f"no training stage {stage!r}; choose one of: {', '.join(PROFILES)}")
    if name not in PROFILES[stage]:
        raise KitError(f"no profile {name!r}; choose one of: {', '.join(PROFILES[stage])}")
    return PROFILES[stage][name]
