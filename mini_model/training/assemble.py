"""From plain samples to one packed batch: words become ids, pictures become patches and latents.

All pictures of a batch go through the autoencoder together, each of them once: one by one they would cost more
than the transformer's step.

A picture to be drawn is learnt as it is. A picture to look at or to draw on is shaken a little first, in its latents,
and decoded from there: when the model paints, it goes on from pictures of its own, and those are never perfect.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mini_model.data.parts import Have, Look, Part, Picture, Words
from mini_model.model.checkpoint import marks_of
from mini_model.model.flow import shift_time
from mini_model.model.generate import decode_tokens, encode_pictures
from mini_model.model.pictures import patchify, places, to_pixels
from mini_model.model.sequence import Clean, Marks, Noised, Packed, Sample, Seen, Text, pack
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of

AT_ONCE = 64  # pictures in one pass of the autoencoder
SHAKE = 0.2  # most that latents of unit variance are shaken, as a standard deviation

Tokens = dict[int, Float[Tensor, "n C"]]  # a picture's latent tokens, by the picture's identity


class Assembler:
    """Knows the model's sizes and words; turns samples into batches."""

    def __init__(self, model: UnifiedModel, copies: int = 1, length: int | None = None) -> None:
        self.model, self.copies, self.length = model, copies, length
        self.marks: Marks = marks_of(model.tokenizer)
        config = model.config
        self.patch, self.table = config.vit_config["patch_size"], config.vit_max_num_patch_per_side
        self.latent_patch, self.latent_table = config.latent_patch_size, config.max_latent_size
        self.pixels_per_token = config.pixels_per_token

    def batch(self, samples: Sequence[Sequence[Part]], rng: np.random.Generator) -> Packed:
        """The packed batch of some samples; `rng` draws the times and the noise of what is to be drawn."""
        pictures = {id(p.picture): p.picture for s in samples for p in s if not isinstance(p, Words)}
        latents = self._encode({key: to_pixels(picture) for key, picture in pictures.items()})
        shaken = {key: z + float(rng.random()) * SHAKE * gaussian(rng, z.shape) for key, z in latents.items()}
        looked = {id(p.picture) for s in samples for p in s if isinstance(p, Look)}
        pixels = self._decode({key: shaken[key] for key in shaken if key in looked}, pictures)
        sequences = [[seg for part in s for seg in self._segments(part, pixels, latents, shaken, rng)] for s in samples]
        return pack(sequences, self.marks, self.length)

    def _encode(self, pixels: dict[int, Float[Tensor, "3 H W"]]) -> Tokens:
        """Pixels to latent tokens, many pictures at once."""
        if not pixels:
            return {}
        parts = torch.stack(list(pixels.values())).split(AT_ONCE)
        tokens = torch.cat([encode_pictures(self.model, part).float().cpu() for part in parts])
        return dict(zip(pixels, tokens, strict=True))

    def _decode(self, tokens: Tokens, pictures: dict[int, Picture]) -> dict[int, Float[Tensor, "3 H W"]]:
        """Latent tokens to pixels, many pictures at once."""
        if not tokens:
            return {}
        grid = self._grid(pictures[next(iter(tokens))])
        parts = torch.stack(list(tokens.values())).split(AT_ONCE)
        pixels = torch.cat([decode_tokens(self.model, part, grid).clamp(-1, 1).cpu() for part in parts])
        return dict(zip(tokens, pixels, strict=True))

    def _grid(self, picture: Picture) -> tuple[int, int]:
        """Rows and columns of a picture's latent tokens."""
        return picture.shape[0] // self.pixels_per_token, picture.shape[1] // self.pixels_per_token

    def _segments(self, part: Part, pixels: dict, latents: Tokens, shaken: Tokens, rng: np.random.Generator) -> Sample:
        if isinstance(part, Words):
            then = {None: None, True: self.marks.picture_start, False: self.marks.text_end}[part.draws]
            words = self.model.tokenizer
            return [Text(ids_of(words, part.text), part.loss, then, given=len(ids_of(words, part.given)))]
        key = id(part.picture)
        if isinstance(part, Look):
            grid = [edge // self.patch for edge in pixels[key].shape[1:]]
            return [Seen(patchify(pixels[key], self.patch), places(*grid, self.table))]
        at = places(*self._grid(part.picture), self.latent_table)
        if isinstance(part, Have):
            return [Clean(shaken[key], at)]
        tokens = latents[key]
        return [
            Noised(tokens, at, time, gaussian(rng, tokens.shape))
            for time in random_times(rng, self.copies, self.model.config.timestep_shift)
        ]


def gaussian(rng: np.random.Generator, shape: Sequence[int]) -> Float[Tensor, "..."]:
    """Normal noise from the batch's own dice."""
    return torch.from_numpy(rng.standard_normal(tuple(shape), np.float32))


def random_times(rng: np.random.Generator, count: int, shift: float) -> list[float]:
    """Times for training: a normal number through a sigmoid, bent towards noise by the shift (upstream's choice)."""
    normal = torch.from_numpy(rng.standard_normal(count))
    return shift_time(torch.sigmoid(normal), shift).tolist()
