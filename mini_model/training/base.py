"""Stages `language`, `base` and `process`: one class, three kinds of samples."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mini_model.data.parts import Part
from mini_model.model.checkpoint import save
from mini_model.model.sequence import Packed
from mini_model.model.unified import UnifiedModel
from mini_model.training.assemble import Assembler
from mini_model.training.profiles import Profile

# makes a sample, when this part of the stage is done (0 to 1): what is taught may change on the way
Sampler = Callable[[np.random.Generator, float], list[Part]]


@dataclass(frozen=True)
class Always:
    """A sampler that teaches the same from first to last."""

    make: Callable[[np.random.Generator], list[Part]]

    def __call__(self, rng: np.random.Generator, done: float) -> list[Part]:
        """A sample; how much of the stage is done makes no difference."""
        return self.make(rng)


class UnifiedStage:
    """Trains the whole unified model on samples of words and pictures; the autoencoder stays as it is."""

    def __init__(self, model: UnifiedModel, profile: Profile, sampler: Sampler, show: Callable, seed: int = 0) -> None:
        self.model, self.profile, self.sampler, self.show, self.seed = model, profile, sampler, show, seed
        self.unified = model  # stays the bare model when the loop wraps `model` for several processes
        hands = deepcopy(model) if profile.workers else model  # stay where they are when `model` goes to the card
        self.assembler = Assembler(hands, profile.copies)

    def batch(self, step: int, rank: int, count: int) -> Packed:
        """The packed samples of a step; equal numbers give equal batches on any machine."""
        rng = np.random.default_rng((self.seed, 10, step, rank))
        samples = [self.sampler(rng, step / self.profile.steps) for _ in range(self.profile.batch // count)]
        return self.assembler.batch(samples, rng)

    def loss(self, batch: Packed) -> tuple[Tensor, dict[str, float], int]:
        """Words and pictures, weighed: lambda_CE * CE + MSE."""
        losses = self.model(batch.to(self.unified.device))
        parts = {}
        if len(losses.ce):
            parts["words"] = losses.ce.mean().item()
        if len(losses.mse):
            parts["pictures"] = losses.mse.mean().item()
        return losses.total(self.profile.lambda_ce), parts, len(batch.slot)

    @torch.no_grad()
    def sample(self) -> Image.Image:
        """A contact sheet of what the model paints by now."""
        return self.show(self.unified)

    def save(self, out: Path) -> None:
        """Write the finished model folder, in bfloat16 as it is shipped."""
        save(self.unified, out / "model")
