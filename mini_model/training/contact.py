"""Contact sheets: what a model in training draws for a few fixed prompts, and what it says it sees."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from mini_model.data.scenes import random_scene
from mini_model.model.answers import answer
from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.flow import Guidance
from mini_model.model.generate import decode_tokens, draw, feed
from mini_model.model.pictures import sheet, to_pixels
from mini_model.model.sequence import Text
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of
from mini_model.process.script import DESCRIBE
from mini_model.world.reading import read_scene
from mini_model.world.render import render

PROMPTS = (
    "a photo of a red circle", "a photo of a star and a tree", "a photo of three hearts",
    "a photo of a blue house right of a yellow moon", "a photo of a green cup and a purple fish",
    "a photo of two small black boats", "a photo of an orange leaf on the sky", "a photo of a cloud above a flower",
)  # fmt: skip


def contact_sheet(
    model: UnifiedModel, seed: int = 0, steps: int = 16, side: int | None = None, prompts: Sequence[str] = PROMPTS
) -> Image.Image:
    """Some prompts drawn at once, in one row, with guidance 3; `side` tokens wide, or as wide as can be."""
    side = side or model.config.max_latent_size
    marks, grid = marks_of(model.tokenizer), (side, side)
    empty, context = (Cache.empty(len(prompts), model.device) for _ in range(2))
    feed(model, context, [[Text(ids_of(model.tokenizer, prompt))] for prompt in prompts], marks)
    noise = torch.randn(
        len(prompts), side * side, model.config.patch_channels, generator=torch.Generator().manual_seed(seed)
    )
    *_, tokens = draw(model, [context, empty], noise, grid, marks, steps, 2.0, Guidance(text=3.0, interval=(0.0, 1.0)))
    return sheet(decode_tokens(model, tokens, grid))


def seeing_sheet(model: UnifiedModel, seed: int = 0, longest: int = 80) -> Image.Image:
    """Eight pictures above; below, each drawn again from the words in which the model described it."""
    rng = np.random.default_rng((seed, 7))
    shown = [to_pixels(render(random_scene(rng, count))) for count in (1, 1, 2, 2, 3, 3, 4, 5)]
    said, *_ = answer(model, shown, [DESCRIBE] * len(shown), longest)
    return sheet(shown, [to_pixels(render(read_scene(words))) for words in said])
