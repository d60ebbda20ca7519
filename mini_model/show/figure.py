"""A figure: one picture with the words that say what it shows, for those who look and for those who listen."""

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot
from PIL import Image

from mini_model.errors import KitError
from mini_model.show.draw import PAPER, SHARP, Pen, fit, png

WIDTH = 900  # points: as wide as a column of text gets
INCH = 100  # points to an inch of a matplotlib figure
SMALL = 320  # pictures with a longer edge below this grow, pixel by pixel, towards it


@dataclass(frozen=True)
class Figure:
    """A picture with its alt text; shows itself in notebooks, `width` points wide."""

    image: Image.Image
    alt: str
    width: int

    def _repr_png_(self) -> bytes:
        return png(self.image)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        source = base64.b64encode(self._repr_png_()).decode()
        html = (
            f'<img alt="{escape(self.alt)}" width="{self.width}" style="max-width:100%;height:auto" '
            f'src="data:image/png;base64,{source}">'
        )
        data = {"image/png": source, "text/html": html, "text/plain": self.alt}
        return data, {"image/png": {"width": self.width, "alt": self.alt}}


def figure(drawing: Plot | Image.Image | np.ndarray, alt: str) -> Figure:
    """A drawing with its alt text: a matplotlib figure, which is closed, or a picture.

    Raises KitError without alt text, and for what is no drawing.
    """
    if not alt.strip():
        raise KitError("a figure needs alt text: say in a sentence what one sees in it")
    if isinstance(drawing, Plot):
        return _plotted(drawing, alt)
    picture = as_picture(drawing)
    if max(picture.size) < SMALL:
        picture = fit(picture, SMALL)
    return Figure(picture, alt, min(picture.width, WIDTH))


def _plotted(plot: Plot, alt: str) -> Figure:
    """A matplotlib figure as pixels, two to a point, and no wider than the page."""
    points = min(plot.get_figwidth() * INCH, WIDTH)
    data = io.BytesIO()
    plot.savefig(data, format="png", dpi=points * SHARP / plot.get_figwidth(), bbox_inches="tight", facecolor=PAPER)
    _close(plot)
    with Image.open(data) as image:
        return Figure(image.convert("RGB"), alt, min(image.width // SHARP, WIDTH))


def _close(plot: Plot) -> None:
    """Let pyplot forget the figure, or the notebook would show it a second time without its words."""
    from matplotlib import pyplot

    pyplot.close(plot)


def as_picture(picture: Image.Image | np.ndarray) -> Image.Image:
    """A picture or an array of bytes (H, W, 3) as an RGB picture; raises KitError for anything else."""
    if isinstance(picture, Image.Image):
        return picture.convert("RGB")
    shape, kind = np.shape(picture), getattr(picture, "dtype", type(picture).__name__)
    if len(shape) != 3 or shape[-1] != 3 or kind != np.uint8:
        raise KitError(f"a picture is a PIL image or an array of bytes (height, width, 3), not {shape} of {kind}")
    return Image.fromarray(np.asarray(picture))


def blank(width: float, height: float) -> Pen:
    """A pen over an empty sheet of this size in points."""
    return Pen(Image.new("RGB", (round(width * SHARP), round(height * SHARP)), PAPER))
