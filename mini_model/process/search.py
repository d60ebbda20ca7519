"""Many tries and a choice: the search baselines, all at once and without a word.

best-of-n   n pictures; the one that a reward model finds likeliest to be right
parm        n paths; those that look hopeless once they are clear are given up half-way, then the best of the rest
oracle      n pictures; the exact judge chooses: no reward model can do better

Source: PARM, arXiv 2501.13926, whose three questions are asked by `reward.py`. The paper counts 20 x 50 denoising
steps for it; here a path that is given up costs no further steps, and the reward model's own passes are counted.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mini_model.model.attention import Cache
from mini_model.model.flow import schedule
from mini_model.model.generate import guided_velocity, places_of
from mini_model.model.pictures import to_picture
from mini_model.process.easel import NOISE, Easel
from mini_model.process.reward import RewardModel, load_reward
from mini_model.process.story import Story
from mini_model.world.judge import judge
from mini_model.world.reading import read_request

PATHS = 20  # PARM's N
CLEAR, HOPELESS = 0.5, 0.5  # judged from this clearness on; given up below this hope


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
        pictures = [to_picture(one) for one in easel.decoded(_walked(easel, story, None))]
        spec = story.spec or read_request(story.prompt).spec("search")
        right = [judge(spec, np.asarray(picture)).correct for picture in pictures]
        story.end(pictures[right.index(True) if any(right) else 0])


def _choose(easel: Easel, story: Story, ends: Float[Tensor, "paths n C"], reward: RewardModel) -> None:
    pixels = easel.decoded(ends)
    story.spend(len(pixels), len(pixels) * _looked_at(easel, story))
    best = int(reward.chances(pixels, story.prompt)["right"].argmax())
    story.end(to_picture(pixels[best]))


@torch.no_grad()
def _walked(easel: Easel, story: Story, reward: RewardModel | None) -> Float[Tensor, "paths n C"]:
    """From noise to the ends of the paths that were not given up; with a reward model, it looks at every step."""
    settings, count = easel.settings, math.prod(easel.grid)
    noise = torch.randn(PATHS, count, easel.model.config.patch_channels, generator=story.dice(NOISE))
    x, undecided = noise.to(easel.model.device), torch.ones(PATHS, dtype=torch.bool)
    once = easel.memory(1)
    easel.feed(once, [[easel.text(story.prompt)]], [story])
    contexts, canvases = _side_by_side(easel, once, PATHS), {}
    at, times = places_of(easel.model, easel.grid), schedule(settings.steps, settings.shift).tolist()
    for now, then in pairwise(times):
        v = guided_velocity(easel.model, contexts, x, at, now, easel.marks, settings.direct, canvases)
        story.spend(2 * len(x), 2 * len(x) * (count + 2), denoising=len(x))
        ahead, x = x - v * now, x - v * (now - then)  # `ahead`: where each path would end in one straight step
        if reward and then > 0 and undecided.any():
            keep = _hopeful(easel, story, ahead, undecided, reward)
            if not keep.all():
                x, undecided = x[keep], undecided[keep]
                contexts, canvases = _side_by_side(easel, once, len(x)), {}
    return x


def _side_by_side(easel: Easel, once: Cache, paths: int) -> list[Cache]:
    """The same words for every path, and none, for guidance."""
    return [once.rows(torch.zeros(paths, dtype=torch.long)), easel.memory(paths)]


def _hopeful(
    easel: Easel, story: Story, ahead: Float[Tensor, "paths n C"], undecided: Bool[Tensor, "paths"], reward: RewardModel
) -> Bool[Tensor, "paths"]:
    """Which paths to keep: all but those that have become clear and are without hope. What is clear is decided.

    The most hopeful path is always kept.
    """
    asked = undecided.nonzero().flatten()
    story.spend(len(asked), len(asked) * _looked_at(easel, story))
    found = reward.chances(easel.decoded(ahead[asked]), story.prompt)
    clear, hope = found["clear"] > CLEAR, found["hope"]
    keep = torch.ones(len(ahead), dtype=torch.bool)
    keep[asked[clear & (hope < HOPELESS)]] = False
    if not keep.any():
        keep[asked[int(hope.argmax())]] = True
    undecided[asked[clear]] = False
    return keep


def _looked_at(easel: Easel, story: Story) -> int:
    """Tokens of one look of the reward model: the patches, the prompt, and the marks."""
    return easel.model.config.vit_max_num_patch_per_side**2 + len(easel.text(story.prompt).ids) + 4
