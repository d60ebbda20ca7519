"""Pictures as the model takes them: resized by rule, cut into patches, put back together.

Letters in shapes:  H, W pixels   h, w latent cells   C channels   p patch edge   n patches
"""

from collections.abc import Iterable

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor


def fit_size(
    width: int,
    height: int,
    longest: int,
    shortest: int,
    stride: int,
    max_pixels: int = 14 * 14 * 9 * 1024,
    count: int = 1,
) -> tuple[int, int]:
    """The size a picture is given: at most `longest`, at least `shortest` (which wins), in whole strides.

    When one of `count` pictures would still hold too many pixels, both edges shrink by the ratio of the pixels
    itself. The rule, its order and its rounding (half to even) are upstream's `data/transforms.py`, restated.
    """

    def scaled(w: int, h: int, factor: float) -> tuple[int, int]:
        return tuple(max(stride, round(round(edge * factor) / stride) * stride) for edge in (w, h))

    factor = min(longest / max(width, height), 1.0)
    factor = max(factor, shortest / min(width, height))
    w, h = scaled(width, height, factor)
    if w * h > max_pixels / count:
        w, h = scaled(w, h, max_pixels / count / (w * h))
    if max(w, h) > longest:
        w, h = scaled(w, h, longest / max(w, h))
    return w, h


def resize(picture: Image.Image, longest: int, shortest: int, stride: int) -> Image.Image:
    """The picture at the size the rule gives it; what is transparent becomes white."""
    picture = to_rgb(picture)
    size = fit_size(*picture.size, longest, shortest, stride)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.BICUBIC)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any picture as RGB, transparent parts over white."""
    if picture.mode == "RGBA" or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def to_pixels(picture: Image.Image | UInt8[ndarray, "H W 3"]) -> Float[Tensor, "3 H W"]:
    """Numbers from -1 (black) to 1 (white), channels first."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


def to_picture(pixels: Float[Tensor, "3 H W"]) -> Image.Image:
    """A picture from numbers around -1 to 1; values are cut off, not rounded, as upstream does."""
    scaled = ((pixels.float() * 0.5 + 0.5).clamp(0, 1) * 255).permute(1, 2, 0)
    return Image.fromarray(scaled.to(torch.uint8).cpu().numpy())


def sheet(*rows: Iterable[Float[Tensor, "3 H W"]]) -> Image.Image:
    """Rows of pictures as one picture: pictures of a row side by side, rows one below the other."""
    return to_picture(torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1))


def patchify(picture: Float[Tensor, "C h w"], p: int) -> Float[Tensor, "n {p}*{p}*C"]:
    """Squares of p x p cells in reading order, each flattened with the channel fastest."""
    return rearrange(picture, "c (h p) (w q) -> (h w) (p q c)", p=p, q=p)


def unpatchify(tokens: Float[Tensor, "n _"], p: int, rows: int, columns: int) -> Float[Tensor, "C h w"]:
    """The inverse of `patchify` for a picture of rows x columns patches."""
    return rearrange(tokens, "(h w) (p q c) -> c (h p) (w q)", h=rows, w=columns, p=p, q=p)


def places(rows: int, columns: int, table: int, stretch: bool = False) -> Int[Tensor, "n"]:
    """Where each patch looks up its place: row * table + column, the top-left part of a square table.

    With `stretch` the picture is spread over the whole table instead (upstream's `interpolate_pos`, which no
    released model uses; it computes in float32 and so may pick a neighbour where an edge falls on a cell's).
    """
    row, column = (torch.arange(n) * table // n if stretch else torch.arange(n) for n in (rows, columns))
    return (row[:, None] * table + column).flatten()
