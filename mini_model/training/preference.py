"""Stage `preference`: a base model is tuned by DPO on pairs of its own pictures, ranked by the exact judge.

For one prompt, one right picture (w) and one wrong one (l), both noised to the same time with the same noise:

    loss = -log sigmoid( -beta * ( (error_w - frozen_w) - (error_l - frozen_l) ) )

where `error` is the squared error of the velocity by the model that learns, and `frozen` that by the model it started
from. It learns to explain right pictures better, and wrong ones worse, than it did at first.
Source: Diffusion-DPO, arXiv 2311.12908, equation 14, with rectified flow's velocity in the place of the noise; PARM
(arXiv 2501.13926) tunes its generator this way before it searches.

Letters in shapes:  P pairs
"""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import logsigmoid

from mini_model.model.checkpoint import save
from mini_model.model.generate import places_of
from mini_model.model.sequence import Noised, Packed, Sample, pack
from mini_model.model.unified import UnifiedModel
from mini_model.process.easel import Easel
from mini_model.training.assemble import gaussian, random_times
from mini_model.training.contact import contact_sheet
from mini_model.training.profiles import Profile
from mini_model.training.tries import Tries, tries, verdicts

EACH = 4  # tries at a prompt, among which a right and a wrong one are looked for
BETA = 100.0  # how far the model may go from where it started; the larger, the nearer it stays


@dataclass
class Pairs:
    """All right pictures of the pairs, then all wrong ones, noised alike."""

    batch: Packed
    count: int


class PreferenceStage:
    """The frozen base draws, the judge ranks, the model learns to prefer what is right."""

    def __init__(self, unified: UnifiedModel, profile: Profile, seed: int = 0) -> None:
        self.profile, self.seed = profile, seed
        self.frozen = deepcopy(unified).eval().requires_grad_(False)
        self.easel = Easel(self.frozen)
        self.model = self.unified = unified

    def batch(self, step: int, rank: int, count: int) -> Pairs:
        """A pair for each prompt that was drawn right as well as wrong; more prompts are drawn until there is one."""
        rng = np.random.default_rng((self.seed, 60, step, rank))
        self.frozen.to(self.unified.device)
        while True:
            drawn = tries(self.easel, rng, self.profile.batch // count, EACH)
            pairs = _pairs(verdicts(drawn.requests, self.easel.decoded(drawn.ends)))
            if pairs:
                return self._packed(rng, drawn, pairs)

    def _packed(self, rng: np.random.Generator, drawn: Tries, pairs: list[tuple[int, int]]) -> Pairs:
        at, shift = places_of(self.frozen, self.easel.grid), self.frozen.config.timestep_shift
        noised: tuple[list[Sample], list[Sample]] = ([], [])
        for pair in pairs:
            time, noise = random_times(rng, 1, shift)[0], gaussian(rng, drawn.ends.shape[1:])
            for side, index in zip(noised, pair, strict=True):
                words = self.easel.text(drawn.requests[index].sentence())
                side.append([words, Noised(drawn.ends[index].float().cpu(), at.cpu(), time, noise)])
        batch = pack([*noised[0], *noised[1]], self.easel.marks, starts=[0] * 2 * len(pairs))
        return Pairs(batch.to(self.frozen.device), len(pairs))

    def loss(self, batch: Pairs) -> tuple[Tensor, dict[str, float], int]:
        """The loss above; `preferred` is the share of pairs whose right picture has come nearer than the wrong one."""
        with torch.no_grad():
            frozen = _errors(self.frozen, batch)
        won, lost = (_errors(self.model, batch) - frozen).split(batch.count)
        margin = lost - won
        loss = -logsigmoid(BETA * margin).mean()
        parts = {"preference": loss.item(), "preferred": (margin > 0).float().mean().item()}
        return loss, parts, len(batch.batch.slot)

    @torch.no_grad()
    def sample(self) -> Image.Image:
        """A contact sheet of what the model paints by now."""
        return contact_sheet(self.unified)

    def save(self, out: Path) -> None:
        """Write the tuned model."""
        save(self.unified, out / "model")


def _errors(model: UnifiedModel, pairs: Pairs) -> Float[Tensor, "both"]:
    """The mean squared error of the velocity, for each picture."""
    return model(pairs.batch).mse.unflatten(0, (2 * pairs.count, -1)).mean((1, 2))


def _pairs(right: list[bool]) -> list[tuple[int, int]]:
    """For each prompt its first right and its first wrong try, where it has both."""
    found = []
    for start in range(0, len(right), EACH):
        mine = right[start : start + EACH]
        if any(mine) and not all(mine):
            found.append((start + mine.index(True), start + mine.index(False)))
    return found
