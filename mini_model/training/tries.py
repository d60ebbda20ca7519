"""Pictures that a model draws while another one learns from them: prompts, tries, and the exact judge's verdicts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mini_model.data.requests import random_request
from mini_model.model.flow import schedule
from mini_model.model.generate import draw
from mini_model.model.pictures import to_picture
from mini_model.process.easel import Easel
from mini_model.process.judges import SURE
from mini_model.world.judge import judge, see
from mini_model.world.prompts import Request


@dataclass
class Tries:
    """So many tries at each prompt, drawn at once: where each step pointed to, and the latents at the end."""

    requests: list[Request]  # one for each try; tries at one prompt stand together
    ahead: list[Float[Tensor, "B n C"]]  # after each Euler step: the end of a straight line from there
    ends: Float[Tensor, "B n C"]

    @property
    def prompts(self) -> list[str]:
        """The words of each try."""
        return [request.sentence() for request in self.requests]


@torch.no_grad()
def tries(easel: Easel, rng: np.random.Generator, prompts: int, each: int) -> Tries:
    """Random requests, each drawn `each` times."""
    requests = [request for request in (random_request(rng) for _ in range(prompts)) for _ in range(each)]
    rows, shape = len(requests), (math.prod(easel.grid), easel.model.config.patch_channels)
    cache = easel.memory(rows)
    easel.read(cache, [[easel.text(request.sentence())] for request in requests])
    x = torch.from_numpy(rng.standard_normal((rows, *shape), np.float32)).to(easel.model.device)
    settings, ahead = easel.settings, []
    times = schedule(settings.steps, settings.shift).tolist()
    contexts = [cache, easel.memory(rows)]
    walk = draw(easel.model, contexts, x, easel.grid, easel.marks, settings.steps, settings.shift, settings.direct)
    for now, then, moved in zip(times, times[1:], walk, strict=False):
        ahead.append(moved - (x - moved) * (then / (now - then)))
        x = moved
    return Tries(requests, ahead, x)


def verdicts(requests: Sequence[Request], shown: Float[Tensor, "B 3 H W"]) -> list[bool]:
    """The exact judge's word on each picture."""
    pairs = zip(requests, shown, strict=True)
    return [judge(request.spec("tries"), np.asarray(to_picture(one))).correct for request, one in pairs]


def alike(one: Float[Tensor, "B 3 H W"], other: Float[Tensor, "B 3 H W"]) -> list[bool]:
    """Whether the exact judge sees the same things in two pictures."""
    seen = [[_things(picture) for picture in pictures] for pictures in (one, other)]
    return [a == b for a, b in zip(*seen, strict=True)]


def _things(picture: Float[Tensor, "3 H W"]) -> set[tuple[str, str, str]]:
    found = see(np.asarray(to_picture(picture)), sure=SURE)
    return {(thing.name, thing.color, thing.place) for thing in found.things}
