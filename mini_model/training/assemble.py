"""From plain samples to one packed batch: words become ids, pictures become patches and latents.

All pictures of a batch go through the autoencoder together, each of them once: one by one they would cost more
than the transformer's step.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mini_model.data.parts import Draw, Have, Look, Part, Words
from mini_model.model.checkpoint import marks_of
from mini_model.model.flow import shift_time
from mini_model.model.generate import encode_pictures
from mini_model.model.pictures import patchify, places, to_pixels
from mini_model.model.sequence import Clean, Marks, Noised, Packed, Sample, Seen, Text, pack
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of

ENCODE_AT_ONCE = 64  # pictures in one pass of the autoencoder


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
        pixels = {key: to_pixels(picture) for key, picture in pictures.items()}
        drawn = {id(p.picture) for s in samples for p in s if isinstance(p, Have | Draw)}
        latents = self._encode({key: pixels[key] for key in pixels if key in drawn})
        sequences = [[seg for part in s for seg in self._segments(part, pixels, latents, rng)] for s in samples]
        return pack(sequences, self.marks, self.length)

    def _encode(self, pixels: dict[int, Tensor]) -> dict[int, Float[Tensor, "n C"]]:
        keys = list(pixels)
        if not keys:
            return {}
        stacked = torch.stack([pixels[key] for key in keys])
        tokens = [encode_pictures(self.model, part).float().cpu() for part in stacked.split(ENCODE_AT_ONCE)]
        return dict(zip(keys, torch.cat(tokens), strict=True))

    def _segments(self, part: Part, pixels: dict, latents: dict, rng: np.random.Generator) -> Sample:
        if isinstance(part, Words):
            then = {None: None, True: self.marks.picture_start, False: self.marks.text_end}[part.draws]
            return [Text(ids_of(self.model.tokenizer, part.text), part.loss, then)]
        picture = pixels[id(part.picture)]
        if isinstance(part, Look):
            grid = [edge // self.patch for edge in picture.shape[1:]]
            return [Seen(patchify(picture, self.patch), places(*grid, self.table))]
        tokens = latents[id(part.picture)]
        at = places(*(edge // self.pixels_per_token for edge in picture.shape[1:]), self.latent_table)
        if isinstance(part, Have):
            return [Clean(tokens, at)]
        return [
            Noised(tokens, at, time, torch.from_numpy(rng.standard_normal(tokens.shape, np.float32)))
            for time in random_times(rng, self.copies, self.model.config.timestep_shift)
        ]


def random_times(rng: np.random.Generator, count: int, shift: float) -> list[float]:
    """Times for training: a normal number through a sigmoid, bent towards noise by the shift (upstream's choice)."""
    normal = torch.from_numpy(rng.standard_normal(count))
    return shift_time(torch.sigmoid(normal), shift).tolist()
