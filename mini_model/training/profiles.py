"""How long and how fast each stage trains: one dial with three positions, `smoke`, `cpu` and `gpu`.

At full size the dial names the card instead, and each position carries the setting whose memory is planned for it
(`model/memory.py`; the report of a card puts the measured peaks beside the plan). The rates there are others' for this
very model: 1e-4 for an adapter in both experts, as the LoRA recipes of ThinkMorph and Flow-GRPO for BAGEL have it, and
2e-5 for all weights, as upstream's own example of fine-tuning.
"""

import math
from dataclasses import dataclass, replace

from mini_model.errors import KitError
from mini_model.model.memory import Setting


@dataclass(frozen=True)
class Profile:
    """The numbers of one training run."""

    steps: int  # optimiser steps
    batch: int  # samples a step, over all processes; where `tokens` are given: rows a step, for each process
    rate: float  # highest learning rate
    warmup: int = 50  # steps from zero to the highest rate
    clip: float = 1.0  # largest norm of the gradient
    ema: float = 0.999  # how much of the running average stays at each step; 0: none is kept
    save_seconds: float = 60.0  # time between checkpoints
    copies: int = 1  # noised copies of each drawn picture; they share one context
    workers: int = 0  # processes that make batches ahead while the card computes; 0: each is made when its step comes
    lambda_ce: float = 1.0  # weight of the words' loss (the paper does not give its own)
    tokens: int | None = None  # room in a row, which is filled with samples until the next one would not fit
    setting: Setting | None = None  # of a full-size model: packing, ranks, resolution, and how sparingly
    budget: float | None = None  # GB of the card that the setting is planned for

    @property
    def adapter(self) -> bool:
        """Whether an adapter learns instead of the model's own weights."""
        return self.setting is not None and max(self.setting.und, self.setting.gen) > 0

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


def _to_the_end(setting: Setting) -> Setting:
    """With room for looking at the last picture too, before the closing words."""
    return replace(setting, words=setting.words + setting.looked_at)


# four pictures, a slip among them or none; measured in 12 and 16 GB without the last look, which is planned alone, as
# all of 24 GB is: there is room for twice as many pictures there, and for ranks of 32
_SMALL = _to_the_end(Setting(pixels=256, words_on_host=True, in_parts=True))
_MEDIUM = _to_the_end(Setting(pixels=512, words_on_host=True, in_parts=True))
_LARGE = replace(_MEDIUM, pictures=8, words=768, und=32, gen=32)
_WHOLE = Setting(packing=None, und=0, gen=0, pictures=9, in_parts=True)
_TINY = Setting(preset="tiny", pixels=64, words=600, und=2, gen=2)
_TINY_WHOLE = replace(_TINY, packing=None, und=0, gen=0)


def _adapter(setting: Setting, budget: float) -> Profile:
    """An adapter learns on one card, or one on each; three thousand steps, as in ThinkMorph's recipe."""
    return Profile(
        steps=3_000, batch=1, rate=1e-4, warmup=100, ema=0.0, save_seconds=600, tokens=setting.tokens,
        setting=setting, budget=budget,
    )  # fmt: skip


# the paper packs its trajectories into rows of at most 33,000 tokens
_ALL = Profile(
    steps=6_000, batch=1, rate=2e-5, warmup=200, save_seconds=1_800, tokens=33_000, setting=_WHOLE, budget=80
)
_BRIEF = {"steps": 4, "warmup": 2, "save_seconds": 2}
FULL: dict[str, dict[str, Profile]] = {
    "bagel-7b": {
        "gpu-12gb": _adapter(_SMALL, 12),
        "gpu-16gb": _adapter(_MEDIUM, 16),
        "gpu-24gb": _adapter(_LARGE, 24),
        "gpu": _ALL,
    },
    "tiny": {
        "smoke": replace(_adapter(_TINY, 1), **_BRIEF),
        "gpu": replace(_ALL, ema=0.9, tokens=_TINY.tokens, setting=_TINY_WHOLE, budget=1, **_BRIEF),
    },
}
TAUGHT = ("process", "reflect")  # what a full-size model is taught


def profile_of(stage: str, name: str, preset: str = "mini") -> Profile:
    """The profile of a stage, or one clear error that lists what there is."""
    if preset != "mini" and preset not in FULL:
        raise KitError(f"no preset {preset!r}; choose one of: mini, {', '.join(FULL)}")
    if preset != "mini" and stage not in TAUGHT:
        raise KitError(f"stage {stage!r} trains the mini model alone; with --preset {preset}: {', '.join(TAUGHT)}")
    if stage not in PROFILES:
        raise KitError(f"no training stage {stage!r}; choose one of: {', '.join(PROFILES)}")
    known = PROFILES[stage] if preset == "mini" else FULL[preset]
    if name not in known:
        size = "" if preset == "mini" else f" for preset {preset}"
        raise KitError(f"no profile {name!r}{size}; choose one of: {', '.join(known)}")
    return known[name]
