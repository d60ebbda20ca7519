"""The attention explorer: which part of a picture each word looks at.

Letters in shapes:  W words   R rows   C columns of picture tokens
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from mini_model.errors import KitError
from mini_model.show.draw import INK, PAPER, QUIET, SHARP, Pen, Words, fit, font
from mini_model.show.explorer import Explorer, Look, as_numbers, slider
from mini_model.show.figure import WIDTH, Figure, as_picture, blank

SIDE, SMALL = 384, 128  # points of the picture in the widget, and in the still
MARGIN, GAP, CAPTION, ACROSS, HEAD = 16, 20, 44, 6, 40  # points; ACROSS pictures to a row
SHADE = 0.25  # the light that is left on a part that is not looked at


class AttentionExplorer(Explorer):
    """The widget that `attention_explorer` makes; `word.value` is the word looked from, counted from 0."""

    def __init__(
        self, words: Sequence[str], weights: Float[ndarray, "W R C"], picture: Image.Image, layer: str
    ) -> None:
        self.said, self.weights, self.drawn, self.layer = list(words), weights, picture, layer
        self.word = slider("Word", len(words) - 1, "Which word looks at the picture")
        super().__init__(f"Where each word looks{f' ({layer})' if layer else ''}", self.word)

    def look(self) -> Look:
        """The picture lit where one word looks."""
        number = self.word.value
        pen = blank(SIDE + 2, SIDE + 2)
        _draw_lit(pen, 1, 1, self.drawn, self.weights[number], SIDE)
        words = f"{number + 1} of {len(self.said)}: “{self.said[number]}”\n{self._told(number)}"
        return Look(pen.page, f"The picture, lit where the word “{self.said[number]}” looks. {words}", words)

    def _told(self, number: int) -> str:
        """How much a word looks at the picture, and where most."""
        weights = self.weights[number]
        row, column = np.unravel_index(weights.argmax(), weights.shape)
        where = f", most at row {row + 1}, column {column + 1} ({weights.max():.0%})" if weights.max() > 0 else ""
        return f"{weights.sum():.0%} of its attention is on the picture{where}"

    def still(self) -> Figure:
        """One small picture for each word."""
        rows = -(-len(self.said) // ACROSS)
        pen = blank(WIDTH, 2 * MARGIN + HEAD + rows * (SMALL + CAPTION) + (rows - 1) * GAP)
        how = "Bright: where the word looks, against the part it looks at most (framed). Below: how much in all."
        pen.text(MARGIN, MARGIN, f"{self.layer}. {how}" if self.layer else how, font(11), QUIET)
        for number, word in enumerate(self.said):
            x = MARGIN + number % ACROSS * (SMALL + GAP)
            y = MARGIN + HEAD + number // ACROSS * (SMALL + CAPTION + GAP)
            _draw_lit(pen, x, y, self.drawn, self.weights[number], SMALL)
            Words(word, 13, bold=True, most=1).draw(pen, x, y + SMALL + 4, SMALL)
            pen.text(x, y + SMALL + 24, f"{self.weights[number].sum():.0%} on the picture", font(10), QUIET)
        return Figure(pen.page, self.alt_text(), WIDTH)

    def alt_text(self) -> str:
        """Each word with how much it looks at the picture and where most."""
        rows, columns = self.weights.shape[1:]
        told = [f"“{word}”: {self._told(number)}" for number, word in enumerate(self.said)]
        layer = f" in {self.layer}" if self.layer else ""
        return (
            f"One picture of {rows} by {columns} tokens for each of {len(self.said)} words, lit where the word "
            f"looks{layer}. {'; '.join(told)}."
        )


def attention_explorer(
    words: Sequence[str], weights: Float[ndarray, "W R C"], picture: Image.Image | ndarray, layer: str = ""
) -> AttentionExplorer:
    """A widget that lights a picture where each word looks.

    weights: (words, rows, columns), how much of its attention each word gives to each picture token. Raises KitError
    when there are not as many as words.
    """
    table = as_numbers(weights).astype(np.float64)
    if table.ndim != 3 or len(table) != len(words) or not table.size:
        raise KitError(f"weights of shape {table.shape} for {len(words)} words; give (words, rows, columns)")
    if not np.isfinite(table).all() or table.min() < 0:
        raise KitError("weights of attention are at least 0; these are not, or are no numbers")
    return AttentionExplorer([str(word) for word in words], table, as_picture(picture), layer)


def _draw_lit(pen: Pen, x: float, y: float, picture: Image.Image, weights: Float[ndarray, "R C"], side: int) -> None:
    """The picture, dark where the weights are small, with a frame around the part of the largest weight."""
    shown = fit(picture, side * SHARP)
    most = weights.max()
    light = SHADE + (1 - SHADE) * (weights / most if most > 0 else weights)
    rows, columns = (np.arange(n) * parts // n for n, parts in zip(shown.size[::-1], weights.shape, strict=True))
    lit = np.asarray(shown) * light[rows][:, columns][..., None]
    pen.picture(x, y, Image.fromarray(lit.astype(np.uint8)))
    if most > 0:
        row, column = np.unravel_index(weights.argmax(), weights.shape)
        high, wide = shown.height / weights.shape[0], shown.width / weights.shape[1]
        edges = [x * SHARP + column * wide, y * SHARP + row * high]
        edges += [edges[0] + wide - 1, edges[1] + high - 1]
        pen.ink.rectangle(edges, outline=PAPER, width=3 * SHARP)
        pen.ink.rectangle(edges, outline=INK, width=SHARP)
