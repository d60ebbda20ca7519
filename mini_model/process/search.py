"""Many tries and a choice: the search baselines, all at once and without a word.

best-of-n   n pictures; the one that a reward model finds likeliest to be right
parm        n paths; those that look hopeless once they are clear are given up half-way, then the best of the rest
oracle      n pictures; the exact judge chooses: no reward model can do better

Source: PARM, arXiv 2501.13926, whose three questions are asked by `reward.py`. The paper counts 20 x 50 denoising
steps for it; here a path that is given up costs no further steps, and the reward model's own passes are counted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mini_model.model.flow import schedule
from mini_model.model.generate import Canvas, decode_tokens, guided_velocity, places_of
from mini_model.model.pictures import to_picture
from mini_model.process.easel import NOISE, Easel
from mini_model.process.reward import RewardModel, load_reward
from mini_model.process.story import Story
from mini_model.world.judge import judge
from mini_model.world.reading import read_request

PATHS = 20  # PARM's N
CLEAR, HOPELESS = 0.5, 0.5  # judged from this clearness on; given up below this hope


@dataclass
class Paths:
    """The paths that are still walked, and where each of them stands."""

    x: Float[Tensor, "paths n C"]
    judged: Tensor  # whether a path was found clear, and hopeful
    story: Story


def best_of_n(easel: Easel, stories: Sequence[Story]) -> None:
    """All paths to their end; the reward model chooses."""
    reward = load_reward(easel.settings.reward)
    for story in stories:
        _choose(easel, story, _walked(easel, story, None), reward)


def parm(easel: Easel, stories: Sequence[Story]) -> None:
    """Paths without hope are given up on the way; the reward model chooses among the rest."""
    reward = load_reward(easel.settings.reward)
    for story in stories:
        _choose(easel, story, _walked(easel, story, reward), reward)


def oracle(easel: Easel, stories: Sequence[Story]) -> None:
    """All paths to their end; the exact judge takes the first right one, or the first."""
    for story in stories:
        pictures = [to_picture(one) for one in _pixels(easel, _walked(easel, story, None))]
        spec = story.spec or read_request(story.prompt).spec("search")
        right = [judge(spec, np.asarray(picture)).correct for picture in pictures]
        story.last, story.pictures = pictures[right.index(True) if any(right) else 0], 1


def _choose(easel: Easel, story: Story, ends: Float[Tensor, "paths n C"], reward: RewardModel) -> None:
    pixels = _pixels(easel, ends)
    story.spend(len(pixels), len(pixels) * _looked_at(easel, story))
    best = int(reward.chances(pixels, story.prompt)["right"].argmax())
    story.last, story.pictures = to_picture(pixels[best]), 1


@torch.no_grad()
def _walked(easel: Easel, story: Story, reward: RewardModel | None) -> Float[Tensor, "paths n C"]:
    """From noise to the ends of the paths that were not given up; with a reward model, it looks at every step."""
    settings, count = easel.settings, math.prod(easel.grid)
    noise = torch.randn(PATHS, count, easel.model.config.patch_channels, generator=story.dice(NOISE))
    paths = Paths(noise.to(easel.model.device), torch.zeros(PATHS, dtype=torch.bool), story)
    once = easel.memory(1)
    easel.feed(once, [[easel.text(story.prompt)]], [story])
    canvases: dict[int, Canvas] = {}
    times = schedule(settings.steps, settings.shift).tolist()
    for number, (now, then) in enumerate(zip(times, times[1:], strict=False)):
        rows = len(paths.x)
        contexts = [once.rows(torch.zeros(rows, dtype=torch.long)), easel.memory(rows)]
        v = guided_velocity(
            easel.model, contexts, paths.x, places_of(easel.model, easel.grid), now, easel.marks,
            settings.direct, canvases,
        )  # fmt: skip
        story.spend(2 * rows, 2 * rows * (count + 2), denoising=rows)
        ahead, paths.x = paths.x - v * now, paths.x - v * (now - then)
        if reward and number < settings.steps - 1 and _give_up(easel, paths, ahead, reward):
            canvases.clear()
    return paths.x


def _give_up(easel: Easel, paths: Paths, ahead: Float[Tensor, "paths n C"], reward: RewardModel) -> bool:
    """Judge the paths that have become clear, drop those without hope, and say whether any was dropped.

    `ahead` is where each path would end in one straight step. The most hopeful path is always kept.
    """
    waiting = (~paths.judged).nonzero().flatten()
    if not len(waiting):
        return False
    paths.story.spend(len(waiting), len(waiting) * _looked_at(easel, paths.story))
    found = reward.chances(_pixels(easel, ahead[waiting]), paths.story.prompt)
    clear, hope = found["clear"] > CLEAR, found["hope"]
    keep = torch.ones(len(paths.x), dtype=torch.bool)
    keep[waiting[clear & (hope < HOPELESS)]] = False
    if not keep.any():
        keep[waiting[int(hope.argmax())]] = True
    paths.judged[waiting[clear]] = True
    paths.x, paths.judged = paths.x[keep], paths.judged[keep]
    return not bool(keep.all())


def _pixels(easel: Easel, tokens: Float[Tensor, "paths n C"]) -> Float[Tensor, "paths 3 H W"]:
    return decode_tokens(easel.model, tokens, easel.grid).clamp(-1, 1)


def _looked_at(easel: Easel, story: Story) -> int:
    """Tokens of one look of the reward model: the patches, the prompt, and the marks."""
    return easel.model.config.vit_max_num_patch_per_side**2 + len(easel.text(story.prompt).ids) + 4
