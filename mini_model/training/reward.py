"""Stage `reward`: a base model learns to tell which of its pictures, done or half done, will be right.

The frozen base draws at every step of training; the exact judge says what became of each picture. So nothing has to be
stored, and the reward model sees as many tries as it is trained on.

Letters in shapes:  B pictures
"""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mini_model.model.pictures import sheet
from mini_model.model.unified import UnifiedModel
from mini_model.process.easel import Easel
from mini_model.process.reward import ASKED, RewardModel
from mini_model.training.profiles import Profile
from mini_model.training.tries import Tries, alike, tries, verdicts


@dataclass
class Judged:
    """Pictures with their prompts, the answers to the three questions, and which of them are asked."""

    pixels: Float[Tensor, "B 3 H W"]
    prompts: list[str]
    answers: Float[Tensor, "B 3"]
    asked: Float[Tensor, "B 3"]


class RewardStage:
    """Half-done pictures are asked for clearness and hope, finished ones for being right."""

    def __init__(self, unified: UnifiedModel, profile: Profile, seed: int = 0) -> None:
        self.profile, self.seed = profile, seed
        self.easel = Easel(deepcopy(unified).eval().requires_grad_(False))
        self.model = self.reward = RewardModel(unified)

    def batch(self, step: int, rank: int, count: int) -> Judged:
        """As many finished pictures as half-done ones, of which each stands at a random Euler step."""
        rng = np.random.default_rng((self.seed, 50, step, rank))
        self.easel.model.to(self.reward.unified.device)
        return self._judged(rng, tries(self.easel, rng, self.profile.batch // count, 1))

    def _judged(self, rng: np.random.Generator, drawn: Tries) -> Judged:
        count = len(drawn.requests)
        at = rng.integers(len(drawn.ahead) - 1, size=count)
        half = self.easel.decoded(torch.stack([drawn.ahead[k][i] for i, k in enumerate(at)]))
        done = self.easel.decoded(drawn.ends)
        clear, right = (torch.tensor(found).float() for found in (alike(half, done), verdicts(drawn.requests, done)))
        nothing = torch.zeros(count)
        answers = torch.cat([torch.stack(rows, 1) for rows in ((clear, right, nothing), (nothing, nothing, right))])
        asked = torch.tensor([[1.0, 1.0, 0.0]] * count + [[0.0, 0.0, 1.0]] * count)
        device = self.reward.unified.device
        return Judged(torch.cat([half, done]), drawn.prompts * 2, answers.to(device), asked.to(device))

    def loss(self, batch: Judged) -> tuple[Tensor, dict[str, float], int]:
        """How surprising the judge's answers are."""
        odds = self.model(batch.pixels, batch.prompts)
        each = binary_cross_entropy_with_logits(odds, batch.answers, reduction="none") * batch.asked
        means = each.sum(0) / batch.asked.sum(0)
        return means.sum(), dict(zip(ASKED, means.tolist(), strict=True)), len(batch.prompts)

    @torch.no_grad()
    def sample(self) -> Image.Image:
        """Eight finished pictures, the likeliest to be right first."""
        drawn = tries(self.easel, np.random.default_rng((self.seed, 51)), 8, 1)
        shown = self.easel.decoded(drawn.ends)
        return sheet(shown[self.reward(shown, drawn.prompts)[:, ASKED.index("right")].argsort(descending=True)])

    def save(self, out: Path) -> None:
        """Write the reward model."""
        self.reward.save(out / "model")
