"""What every way of painting does: read words, look at pictures, draw one in each memory, and count the cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.contexts import seen_fit
from mini_model.model.flow import Guidance
from mini_model.model.generate import (
    Choose,
    clean_segment,
    decode_tokens,
    draw,
    encode_pictures,
    feed,
    seen_segment,
    write,
)
from mini_model.model.pictures import resize, to_picture, to_pixels
from mini_model.model.sequence import Sample, Seen, Text, segment_length
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of, text_of
from mini_model.process.script import PREFIX
from mini_model.process.story import Story

WORDS, NOISE = 1, 2  # purposes of a story's dice


@dataclass(frozen=True)
class Settings:
    """The dials of painting; the defaults suit the mini model."""

    steps: int = 12  # Euler steps for each picture
    shift: float = 2.0  # more than 1 spends more steps near noise
    direct: Guidance = field(default_factory=lambda: Guidance(text=3.0, interval=(0.0, 1.0)))
    process: Guidance = field(default_factory=lambda: Guidance(text=1.5, interval=(0.0, 1.0)))
    temperature: float = 0.3  # of the words; 0 always takes the likeliest
    words: int = 160  # longest text
    max_rounds: int = 12  # most pictures in one trajectory
    side: int | None = None  # pixels along the edge of a picture; None: the largest the model has places for
    frames: bool = False  # keep the denoising pictures
    apart: bool = False  # guidance branches one after another: slower, in less memory
    reward: Path = Path("out/reward/model")  # folder of the reward model, for `best-of-n` and `parm`


class Easel:
    """A model that paints several stories side by side; each row of a memory belongs to one of them."""

    def __init__(self, model: UnifiedModel, settings: Settings | None = None) -> None:
        self.model, self.settings, self.marks = model, settings or Settings(), marks_of(model.tokenizer)
        largest = model.config.max_latent_size * model.config.pixels_per_token
        side = min(self.settings.side or min(largest, 1024), largest)
        edge = side // model.config.pixels_per_token
        self.grid, self.eyes = (edge, edge), seen_fit(model.config)
        self.blank = Image.new("RGB", (edge * model.config.pixels_per_token,) * 2, "white")

    def memory(self, rows: int) -> Cache:
        """An empty memory for so many stories."""
        return Cache.empty(rows, self.model.device)

    def text(self, text: str) -> Text:
        """Words as a segment of the sequence."""
        return Text(ids_of(self.model.tokenizer, text))

    def segments(self, pictures: Sequence[Image.Image]) -> list[Sample]:
        """Pictures as something that is there and seen: first through the autoencoder, then through the encoder.

        They are encoded anew from their pixels, as they are saved, so that a trajectory read from disk continues
        exactly like one in memory.
        """
        pixels = torch.stack([to_pixels(picture) for picture in pictures])
        tokens = encode_pictures(self.model, pixels).cpu()
        clean = [clean_segment(self.model, t, self.grid) for t in tokens]
        return [[c, self.seen(picture)] for c, picture in zip(clean, pictures, strict=True)]

    def seen(self, picture: Image.Image) -> Seen:
        """A picture as something to look at alone."""
        return seen_segment(self.model, to_pixels(resize(picture, *self.eyes)))

    def so_far(self, prompt: str, drawn: Sequence[tuple[str, Image.Image]]) -> Sample:
        """A prompt to paint in steps and the turns that were drawn after it, as segments."""
        sample: Sample = [self.text(PREFIX + prompt)]
        for text, picture in drawn:
            sample += [self.text(text), *self.segments([picture])[0]]
        return sample

    def chooser(self, dice: Sequence[torch.Generator]) -> Choose:
        """Draw each row's next word with that row's own dice (the Gumbel trick: the largest of logit plus noise)."""
        heat = self.settings.temperature

        def choose(logits: Float[Tensor, "R V"]) -> Int[Tensor, "R"]:
            if heat == 0:
                return logits.argmax(-1)
            uniform = torch.stack([torch.rand(logits.shape[1], generator=d) for d in dice])
            return (logits.cpu() / heat - torch.log(-torch.log(uniform.clamp(1e-10, 1 - 1e-7)))).argmax(-1)

        return choose

    def read(self, cache: Cache, samples: Sequence[Sample]) -> None:
        """Let each row read its segments."""
        feed(self.model, cache, samples, self.marks)

    def feed(self, cache: Cache, samples: Sequence[Sample], stories: Sequence[Story]) -> None:
        """Let each row read its segments, and count that."""
        self.read(cache, samples)
        for story, sample in zip(stories, samples, strict=True):
            story.spend(1, sum(map(segment_length, sample)))

    def write(
        self, cache: Cache, stories: Sequence[Story], begun: Sequence[Sequence[int]] = ()
    ) -> tuple[list[str], list[int]]:
        """What each row writes from the ids on that it must begin with, and the token that it sets after the end."""
        choose = self.chooser([story.dice(WORDS) for story in stories])
        wrote = write(self.model, cache, self.marks, self.settings.words, choose, begun)
        for story, ids, given in zip_longest(stories, wrote.ids, begun, fillvalue=()):
            passes = len(ids) + 2
            story.spend(passes, passes, text_tokens=passes - len(given))
        return [text_of(self.model.tokenizer, ids) for ids in wrote.ids], wrote.then

    def decoded(self, tokens: Float[Tensor, "B n C"]) -> Float[Tensor, "B 3 H W"]:
        """Latents as pixels from -1 to 1."""
        return decode_tokens(self.model, tokens, self.grid).clamp(-1, 1)

    def pictures(
        self, contexts: Sequence[Cache], stories: Sequence[Story], guidance: Guidance
    ) -> tuple[list[Image.Image], list[list[Image.Image]]]:
        """The pictures these memories lead to, and the denoising pictures where they are wanted."""
        count, settings = math.prod(self.grid), self.settings
        shape = (count, self.model.config.patch_channels)
        noise = torch.stack([torch.randn(shape, generator=story.dice(NOISE)) for story in stories])
        dials = settings.steps, settings.shift, guidance, settings.apart
        walk = list(draw(self.model, contexts, noise, self.grid, self.marks, *dials))
        branches = len(contexts) if guidance.text > 1 else 1
        for story in stories:
            story.spend(branches * settings.steps, branches * settings.steps * (count + 2), denoising=settings.steps)
        pictures = [to_picture(pixels) for pixels in decode_tokens(self.model, walk[-1], self.grid)]
        frames: list[list[Image.Image]] = [[] for _ in stories]
        for tokens in walk if settings.frames else []:
            for i, pixels in enumerate(decode_tokens(self.model, tokens, self.grid)):
                frames[i].append(to_picture(pixels))
        return pictures, frames

    def drawn_from(
        self, samples: Sequence[Sample], texts: Sequence[str], stories: Sequence[Story], guidance: Guidance
    ) -> list[Image.Image]:
        """One picture for each row, from what stands before and the last words; the words are what guides."""
        cache = self.memory(len(stories))
        if any(samples):
            self.feed(cache, samples, stories)
        before = cache.mark()
        self.feed(cache, [[self.text(text)] for text in texts], stories)
        return self.pictures([cache, cache.at(before)], stories, guidance)[0]

    def direct(self, stories: Sequence[Story]) -> None:
        """Draw each prompt at once, with no words of the model's own: the baseline."""
        prompts = [story.prompt for story in stories]
        drawn = self.drawn_from([[]] * len(stories), prompts, stories, self.settings.direct)
        for story, picture in zip(stories, drawn, strict=True):
            story.end(picture)
