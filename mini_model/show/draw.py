"""Ink on paper: text that wraps, pictures that stay crisp, and blocks that stack. The strip is made of these.

Sizes are in points of a page 900 wide; every point becomes `SHARP` pixels, for the sake of fine screens.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import matplotlib
from PIL import Image, ImageDraw, ImageFont

SHARP = 2  # pixels to a point
INK, QUIET, PAPER, LINE = "#1F2328", "#59636E", "#FFFFFF", "#D1D9E0"
Box = tuple[float, float, float, float]  # left, top, right, bottom in points
Color = str | tuple[int, int, int] | None


@cache
def font(points: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has every mark of the picture language."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), points * SHARP)


def wrap(text: str, face: ImageFont.FreeTypeFont, width: float, most: int) -> list[str]:
    """Text as lines no wider than `width` points, at most `most` of them; a cut is shown by an ellipsis."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            for piece in _pieces(word, face, width):
                if line and _fits(f"{line} {piece}", face, width):
                    line = f"{line} {piece}"
                else:
                    lines += [line] if line else []
                    line = piece
        lines += [line] if line else []
    if len(lines) > most:
        last = lines[most - 1]
        while last and not _fits(f"{last}…", face, width):
            last = last[:-1]
        lines = [*lines[: most - 1], f"{last.rstrip()}…"]
    return lines


def _fits(text: str, face: ImageFont.FreeTypeFont, width: float) -> bool:
    return face.getlength(text) <= width * SHARP


def _pieces(word: str, face: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """A word, broken by force where it is wider than a whole line."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and not _fits(pieces[-1] + letter, face, width):
            pieces.append("")
        pieces[-1] += letter
    return pieces


def fit(picture: Image.Image, side: int) -> Image.Image:
    """The picture scaled so that its longer edge fits `side` pixels.

    Small pictures grow by a whole factor, pixel by pixel, and stay crisp; large ones shrink smoothly.
    """
    factor = side / max(picture.size)
    if factor >= 2:
        factor = int(factor)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.NEAREST if factor >= 2 else Image.Resampling.LANCZOS)


def png(picture: Image.Image, **options: Any) -> bytes:
    """A picture as the bytes of a PNG file."""
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True, **options)
    return data.getvalue()


def data_uri(picture: Image.Image) -> str:
    """A picture as an address that holds the picture itself, for HTML that needs no other file."""
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"


def tint(color: str, strength: float) -> tuple[int, int, int]:
    """A colour on white paper, thinned to `strength` (0 is white, 1 the colour itself)."""
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    red, green, blue = (round(255 + (part - 255) * strength) for part in parts)
    return red, green, blue


def ink_on(color: str) -> str:
    """Black or white, whichever stands out more on a colour (relative luminance of WCAG 2)."""
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 else PAPER


class Pen:
    """Draws on a page in points."""

    def __init__(self, page: Image.Image) -> None:
        self.page, self.ink = page, ImageDraw.Draw(page)

    def text(self, x: float, y: float, text: str, face: ImageFont.FreeTypeFont, color: str = INK) -> None:
        """One line of text whose ascent starts at (x, y)."""
        self.ink.text((x * SHARP, y * SHARP), text, font=face, fill=color)

    def centered(self, box: Box, text: str, face: ImageFont.FreeTypeFont, color: str = INK) -> None:
        """One line of text in the middle of a box."""
        middle = ((box[0] + box[2]) / 2 * SHARP, (box[1] + box[3]) / 2 * SHARP)
        self.ink.text(middle, text, font=face, fill=color, anchor="mm")

    def box(self, box: Box, fill: Color = None, outline: Color = None, rounded: str = "all") -> None:
        """A box whose corners are rounded: "all", the "top" two, or only the top "left" one."""
        corners = {"all": (1, 1, 1, 1), "top": (1, 1, 0, 0), "left": (1, 0, 0, 0)}[rounded]
        sides = [round(side * SHARP) for side in box]
        self.ink.rounded_rectangle(
            sides, 6 * SHARP, fill=fill, outline=outline, width=SHARP, corners=tuple(map(bool, corners))
        )

    def picture(self, x: float, y: float, picture: Image.Image) -> None:
        """A picture, already scaled, with a hairline around it."""
        left, top = round(x * SHARP), round(y * SHARP)
        self.page.paste(picture, (left, top))
        edge = (left - 1, top - 1, left + picture.width, top + picture.height)
        self.ink.rectangle(edge, outline=LINE)


class Block(Protocol):
    """Something with a height that can be drawn at a place; blocks stack into frames."""

    def height(self, width: float) -> float:
        """Points it needs when it is `width` points wide."""

    def draw(self, pen: Pen, x: float, y: float, width: float) -> None:
        """Draw it with its top left corner at (x, y)."""


@dataclass(frozen=True)
class Words:
    """Wrapped text."""

    text: str
    points: float = 12
    bold: bool = False
    color: str = INK
    most: int = 12  # lines

    @property
    def step(self) -> float:
        """Points from one line to the next."""
        return self.points * 1.4

    def lines(self, width: float) -> list[str]:
        """The text as lines that fit the width."""
        return wrap(self.text, font(self.points, self.bold), width, self.most)

    def height(self, width: float) -> float:
        """Points from the first line's top to the last line's foot."""
        return len(self.lines(width)) * self.step

    def draw(self, pen: Pen, x: float, y: float, width: float) -> None:
        """Draw the lines with the first one's top at y."""
        for number, line in enumerate(self.lines(width)):
            pen.text(x, y + number * self.step, line, font(self.points, self.bold), self.color)


@dataclass(frozen=True)
class Drawing:
    """A picture in a square as wide as its frame, in the middle if it is not square itself."""

    picture: Image.Image

    def height(self, width: float) -> float:
        """As tall as the scaled picture."""
        return fit(self.picture, int(width * SHARP)).height / SHARP

    def draw(self, pen: Pen, x: float, y: float, width: float) -> None:
        """Draw the picture in the middle of the width."""
        scaled = fit(self.picture, int(width * SHARP))
        pen.picture(x + (width - scaled.width / SHARP) / 2, y, scaled)


@dataclass(frozen=True)
class Seal:
    """A short word in a rounded box, dark on light, or light on dark when it must catch the eye."""

    text: str
    loud: bool = False
    points: float = 13

    def height(self, width: float) -> float:
        """Twice the height of its letters."""
        return self.points * 1.9

    def draw(self, pen: Pen, x: float, y: float, width: float) -> None:
        """Draw the box as wide as its word needs."""
        face = font(self.points, bold=True)
        box = (x, y, x + face.getlength(self.text) / SHARP + self.points * 1.4, y + self.height(width))
        pen.box(box, fill=INK if self.loud else PAPER, outline=INK)
        pen.centered(box, self.text, face, PAPER if self.loud else INK)


GAP = 7  # points between stacked blocks


def stacked(blocks: Sequence[Block], width: float) -> float:
    """The height of blocks on top of one another."""
    return sum(block.height(width) for block in blocks) + GAP * max(0, len(blocks) - 1)


def draw_stack(pen: Pen, blocks: Sequence[Block], x: float, y: float, width: float) -> None:
    """Draw blocks on top of one another, from y downwards."""
    for block in blocks:
        block.draw(pen, x, y, width)
        y += block.height(width) + GAP
