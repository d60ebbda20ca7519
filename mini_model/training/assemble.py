"""From plain samples to one packed batch: words become ids, pictures become patches and latents.

All pictures of a batch go through the autoencoder together, each of them once: one by one they would cost more
than the transformer's step.

A picture to be drawn is learnt as it is. A picture to look at or to draw on is shaken a little first, in its latents,
and decoded from there: when the model paints, it goes on from pictures of its own, and those are never perfect. At full
size only what is drawn on is shaken: the way back from latents to pixels takes more of a card's memory than the plan
of memory has left for it.

The dice are thrown for all samples of a step before any process takes its share, so that the samples, times and noise
of a step are the same however many processes there are.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from mini_model.data.parts import Draw, Have, Look, Part, Picture, Words
from mini_model.model.checkpoint import marks_of
from mini_model.model.contexts import Fit
from mini_model.model.flow import shift_time
from mini_model.model.generate import decode_tokens, encode_pictures
from mini_model.model.pictures import fit_size, patchify, places, resize, to_pixels
from mini_model.model.sequence import Clean, Marks, Noised, Packed, Sample, Seen, Text, pack
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of
from mini_model.world.things import SIDE

AT_ONCE = 64 * SIDE**2  # pixels in one pass of the autoencoder
SHAKE = 0.2  # most that latents of unit variance are shaken, as a standard deviation

Pixels = dict[int, Float[Tensor, "3 _ _"]]  # by the picture's identity; pictures may differ in size
Tokens = dict[int, Float[Tensor, "_ C"]]  # a picture's latent tokens, by the picture's identity
Drawing = list[tuple[float, Float[Tensor, "_ C"]]]  # time and noise of each copy of a picture that is drawn


class Fits(NamedTuple):
    """How large a picture is made before it is drawn, and before it is looked at."""

    drawn: Fit
    seen: Fit


class Dice(NamedTuple):
    """All that is random about some samples."""

    shakes: Tokens
    drawings: list[list[Drawing]]  # of each sample


class Assembler:
    """Knows the model's sizes and words; turns samples into batches.

    fits: the sizes that pictures are given; without them they are taken as they come, and shaken before they are looked
    at. length: the room in a row that samples share; without it each has a row of its own.
    """

    def __init__(
        self, model: UnifiedModel, copies: int = 1, length: int | None = None, fits: Fits | None = None
    ) -> None:
        self.model, self.copies, self.length, self.fits = model, copies, length, fits
        self.marks: Marks = marks_of(model.tokenizer)
        config = model.config
        self.patch, self.table = config.vit_config["patch_size"], config.vit_max_num_patch_per_side
        self.latent_patch, self.latent_table = config.latent_patch_size, config.max_latent_size
        self.pixels_per_token = config.pixels_per_token

    def batch(self, samples: Sequence[Sequence[Part]], rng: np.random.Generator) -> Packed:
        """The packed batch of some samples; `rng` draws the times and the noise of what is to be drawn."""
        return self.packed(samples, self.throw(samples, rng))

    def throw(self, samples: Sequence[Sequence[Part]], rng: np.random.Generator) -> Dice:
        """How each picture is shaken, then times and noise of what is to be drawn."""
        pictures = _pictures(samples)
        shakes = {key: float(rng.random()) * SHAKE * gaussian(rng, self._shape(p)) for key, p in pictures.items()}
        return Dice(shakes, [[self._drawing(rng, p) for p in s if isinstance(p, Draw)] for s in samples])

    def _drawing(self, rng: np.random.Generator, part: Draw) -> Drawing:
        times = random_times(rng, self.copies, self.model.config.timestep_shift)
        return [(time, gaussian(rng, self._shape(part.picture))) for time in times]

    def packed(self, samples: Sequence[Sequence[Part]], dice: Dice) -> Packed:
        """The packed batch of some samples whose dice have been thrown."""
        images = {key: self._drawn(picture) for key, picture in _pictures(samples).items()}
        latents = self._encode({key: to_pixels(image) for key, image in images.items()})
        shaken = {key: z + dice.shakes[key] for key, z in latents.items()}
        looked = {id(p.picture): p.as_is for s in samples for p in s if isinstance(p, Look)}
        if self.fits:
            pixels = {key: to_pixels(resize(images[key], *self.fits.seen)) for key in images if key in looked}
        else:
            pixels = {key: to_pixels(images[key]) for key, as_is in looked.items() if as_is}
            pixels |= self._decode({key: z for key, z in shaken.items() if key in looked.keys() - pixels}, images)
        sequences = []
        for sample, drawings in zip(samples, dice.drawings, strict=True):
            left = iter(drawings)
            sequences.append([seg for part in sample for seg in self._segments(part, pixels, latents, shaken, left)])
        return pack(sequences, self.marks, self.length)

    def _drawn(self, picture: Picture) -> Picture | Image.Image:
        """A picture at the size at which it is drawn; one of the drawn world is enlarged without blur."""
        if not self.fits:
            return picture
        size = fit_size(picture.shape[1], picture.shape[0], *self.fits.drawn)
        how = Image.Resampling.NEAREST if picture.shape[:2] == (SIDE, SIDE) else Image.Resampling.BICUBIC
        return Image.fromarray(picture).resize(size, how)

    def _encode(self, pixels: Pixels) -> Tokens:
        """Pixels to latent tokens, neighbours of one size together."""
        tokens = []
        for size, group in groupby(pixels.values(), key=lambda one: one.shape):
            for part in torch.stack(list(group)).split(_at_once(size)):
                tokens += encode_pictures(self.model, part).float().cpu()
        return dict(zip(pixels, tokens, strict=True))

    def _decode(self, tokens: Tokens, pictures: dict[int, Picture]) -> Pixels:
        """Latent tokens to pixels, many pictures of one size at once."""
        if not tokens:
            return {}
        picture = pictures[next(iter(tokens))]
        parts = torch.stack(list(tokens.values())).split(_at_once((3, *picture.shape[:2])))
        pixels = torch.cat([decode_tokens(self.model, part, self._grid(picture)).clamp(-1, 1).cpu() for part in parts])
        return dict(zip(tokens, pixels, strict=True))

    def _grid(self, picture: Picture) -> tuple[int, int]:
        """Rows and columns of a picture's latent tokens."""
        height, width = picture.shape[:2]
        if self.fits:
            width, height = fit_size(width, height, *self.fits.drawn)
        return height // self.pixels_per_token, width // self.pixels_per_token

    def _shape(self, picture: Picture) -> tuple[int, int]:
        """Latent tokens of a picture, and numbers in each."""
        rows, columns = self._grid(picture)
        return rows * columns, self.model.config.patch_channels

    def size(self, sample: Sequence[Part]) -> int:
        """Slots that a sample takes in a row, told before any picture is made ready."""
        return sum(self._size(part) for part in sample)

    def _size(self, part: Part) -> int:
        if isinstance(part, Words):
            return len(ids_of(self.model.tokenizer, part.text)) + 2
        if not isinstance(part, Look):
            return (self._shape(part.picture)[0] + 2) * (self.copies if isinstance(part, Draw) else 1)
        height, width = part.picture.shape[:2]
        for fit in self.fits or ():
            width, height = fit_size(width, height, *fit)
        return (height // self.patch) * (width // self.patch) + 2

    def _segments(self, part: Part, pixels: Pixels, latents: Tokens, shaken: Tokens, left: Iterator[Drawing]) -> Sample:
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
        return [Noised(latents[key], at, time, noise) for time, noise in next(left)]


def _pictures(samples: Sequence[Sequence[Part]]) -> dict[int, Picture]:
    """Every picture once, in order, by its identity."""
    return {id(p.picture): p.picture for s in samples for p in s if not isinstance(p, Words)}


def _at_once(size: Sequence[int]) -> int:
    """How many pictures of a size go through the autoencoder together."""
    return max(1, AT_ONCE // (size[1] * size[2]))


def gaussian(rng: np.random.Generator, shape: Sequence[int]) -> Float[Tensor, "..."]:
    """Normal noise from the batch's own dice."""
    return torch.from_numpy(rng.standard_normal(tuple(shape), np.float32))


def random_times(rng: np.random.Generator, count: int, shift: float) -> list[float]:
    """Times for training: a normal number through a sigmoid, bent towards noise by the shift (upstream's choice)."""
    normal = torch.from_numpy(rng.standard_normal(count))
    return shift_time(torch.sigmoid(normal), shift).tolist()
