"""The memories from which a guided picture is drawn, kept side by side while a conversation grows.

    main           all that was said and shown
    without_text   the same without the last words: what the model would draw unasked
    without_image  the words alone: what it would draw without having seen anything

Guidance pushes a picture away from the last two. Source: upstream `inferencer.py`, restated.

Letters in shapes:  R rows
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.config import UnifiedConfig
from mini_model.model.generate import clean_segment, encode_pictures, feed, seen_segment
from mini_model.model.pictures import resize, to_pixels
from mini_model.model.sequence import Clean, Marks, Seen, Text
from mini_model.model.unified import UnifiedModel


class Fit(NamedTuple):
    """How large a picture may be, in pixels, and of what stride both edges are multiples."""

    longest: int
    shortest: int
    stride: int


# What upstream says first when the model is to think (`inferencer.py`, Apache-2.0): quoted, since the weights
# know these very words.
_THINK = (
    "You should first think about the {0} process in the mind and then {1}. \n"
    "The {0} process is enclosed within <think> </think> tags, "
    "i.e. <think> {0} process here </think> {2} here"
)
THINK_FIRST = {
    "draw": _THINK.format("planning", "generate the image", "image"),
    "answer": _THINK.format("reasoning", "provide the user with the answer", "answer"),
}
LATENT_FIT, SEEN_FIT = Fit(1024, 512, 16), Fit(980, 224, 14)  # upstream's `app.py`, for the 7B model


def seen_fit(config: UnifiedConfig) -> Fit:
    """How large a picture is looked at: as large as the encoder has places for, and not under upstream's 224 pixels."""
    patch = config.vit_config["patch_size"]
    longest = config.vit_max_num_patch_per_side * patch
    return Fit(longest, min(SEEN_FIT.shortest, longest), patch)


@dataclass
class Contexts:
    """Three caches of the same rows that are fed together; see the top of this file."""

    model: UnifiedModel
    marks: Marks
    main: Cache
    without_text: Cache
    without_image: Cache

    @classmethod
    def empty(cls, model: UnifiedModel, rows: int = 1) -> "Contexts":
        """Nothing said, nothing shown."""
        device = model.device
        return cls(model, marks_of(model.tokenizer), *(Cache.empty(rows, device) for _ in range(3)))

    def add_text(self, ids: Sequence[list[int]]) -> None:
        """Each row is told something."""
        self.without_text = self.main.at(self.main.mark())
        for cache in (self.main, self.without_image):
            feed(self.model, cache, [[Text(words)] for words in ids], self.marks)

    def add_thought(self, ids: Sequence[list[int]]) -> None:
        """Each row's own words, known to `main` alone, so that guidance pushes towards them too."""
        feed(self.model, self.main, [[Text(words)] for words in ids], self.marks)

    def add_picture(self, pictures: Sequence[list[Clean | Seen]]) -> None:
        """Each row is shown a picture: as latents, as patches, or as both in this order."""
        feed(self.model, self.main, pictures, self.marks)
        self.without_text = self.main.at(self.main.mark())

    def branches(self) -> tuple[Cache, Cache, Cache]:
        """The memories in the order in which `draw` takes them."""
        return self.main, self.without_text, self.without_image


def picture_segments(
    model: UnifiedModel,
    picture: Image.Image,
    latent: Fit = LATENT_FIT,
    seen: Fit = SEEN_FIT,
    draws: bool = True,
) -> list[Clean | Seen]:
    """A picture as the model takes it; with `draws` its latents come first, else it is only looked at.

    As upstream does, the vision encoder gets the picture that was already resized for the autoencoder.
    """
    picture = resize(picture, *latent)
    eyes = seen_segment(model, to_pixels(resize(picture, *seen)))
    if not draws:
        return [eyes]
    pixels = to_pixels(picture)
    grid = tuple(edge // model.config.pixels_per_token for edge in pixels.shape[1:])
    return [clean_segment(model, encode_pictures(model, pixels[None])[0], grid), eyes]
