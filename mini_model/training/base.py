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
from mini_model.errors import KitError
from mini_model.model.checkpoint import save
from mini_model.model.sequence import Packed
from mini_model.model.unified import UnifiedModel, outline
from mini_model.training.assemble import Assembler, Dice
from mini_model.training.many import add_up, is_cut_up, is_main, put_together
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
        self.unified = model  # stays the bare model where `model` has an adapter around it
        hands = deepcopy(model) if profile.workers else model  # stay where they are when `model` goes to the card
        self.assembler = Assembler(hands, profile.copies)

    def batch(self, step: int, rank: int, count: int) -> Packed:
        """A process's share of the packed samples of a step; equal numbers give equal batches on any machine."""
        if self.profile.batch < count:
            raise KitError(f"{self.profile.batch} samples a step are too few for {count} processes; start fewer")
        rng = np.random.default_rng((self.seed, 10, step, 0))
        samples = [self.sampler(rng, step / self.profile.steps) for _ in range(self.profile.batch)]
        shakes, drawings = self.assembler.throw(samples, rng)
        return self.assembler.packed(samples[rank::count], Dice(shakes, drawings[rank::count]))

    def loss(self, batch: Packed) -> tuple[Tensor, dict[str, float], int]:
        """Words and pictures, weighed: lambda_CE * CE + MSE.

        Each is this process's share of the mean over all processes' targets, so that the shares add up to it.
        """
        device = self.unified.device
        losses = self.model(batch.to(device))
        found = (losses.ce, losses.mse)
        counts = add_up([part.numel() for part in found], device)
        shares = [part.numel() / max(1, count) for part, count in zip(found, counts, strict=True)]
        words, pictures = (
            share * (part.mean() if part.numel() else part.sum()) for share, part in zip(shares, found, strict=True)
        )
        *told, tokens = add_up([words.item(), pictures.item(), len(batch.slot)], device)
        parts = {n: value for n, value, count in zip(("words", "pictures"), told, counts, strict=True) if count}
        return self.profile.lambda_ce * words + pictures, parts, int(tokens)

    @torch.no_grad()
    def sample(self) -> Image.Image:
        """A contact sheet of what the model paints by now."""
        return self.show(self.unified)

    def save(self, out: Path) -> None:
        """Write the finished model folder, in bfloat16 as it is shipped."""
        model = self.unified
        if is_cut_up(model):
            weights, model = put_together(model.state_dict()), outline(model.config)
            model.companions = self.unified.companions
            model.load_state_dict(weights, assign=True, strict=is_main())
        if is_main():
            save(model, out / "model")
