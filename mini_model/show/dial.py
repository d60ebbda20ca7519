"""A dial: one picture for each place of a slider, such as fewer and fewer bits; beside it what is said of it."""

from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image

from mini_model.errors import KitError
from mini_model.show.draw import QUIET, SHARP, Block, Words, draw_stack, fit, stacked
from mini_model.show.explorer import Explorer, Look, slider
from mini_model.show.figure import WIDTH, Figure, as_picture, blank
from mini_model.show.language import counted

SIDE = 320  # points of the picture in the widget: five of 64
ACROSS, GAP, MARGIN = 6, 14, 16  # pictures in a row of the still; points


class Stop(NamedTuple):
    """One place of the dial: its name, its picture, and the words beside it."""

    name: str
    picture: Image.Image
    words: str


class Dial(Explorer):
    """The widget that `dial` makes; `at` is its control, counted from 0."""

    def __init__(self, title: str, stops: list[Stop]) -> None:
        self.title, self.stops = title, stops
        self.at = slider(title, len(stops) - 1, f"{title}: from {stops[0].name} to {stops[-1].name}")
        super().__init__(title, self.at)

    def look(self) -> Look:
        """The picture of the place chosen, and its words."""
        stop = self.stops[self.at.value]
        head = f"{self.title}, {self.at.value + 1} of {len(self.stops)}: {stop.name}"
        return Look(fit(stop.picture, SIDE * SHARP), f"{self.title}: {stop.name}.", f"{head}\n{stop.words}".strip())

    def still(self) -> Figure:
        """All places in order, in rows: each picture with its name and words below."""
        side = (WIDTH - 2 * MARGIN - (ACROSS - 1) * GAP) / ACROSS
        rows = [self.stops[start : start + ACROSS] for start in range(0, len(self.stops), ACROSS)]
        heights = [side + GAP + max(stacked(_under(stop), side) for stop in row) for row in rows]
        pen, y = blank(WIDTH, MARGIN + sum(heights)), MARGIN
        for row, height in zip(rows, heights, strict=True):
            for number, stop in enumerate(row):
                x = MARGIN + number * (side + GAP)
                pen.picture(x, y, fit(stop.picture, int(side * SHARP)))
                draw_stack(pen, _under(stop), x, y + side + 4, side)
            y += height
        return Figure(pen.page, self.alt_text(), WIDTH)

    def alt_text(self) -> str:
        """Every place with its words."""
        told = [f"{stop.name}: {stop.words.rstrip('.')}" if stop.words else stop.name for stop in self.stops]
        return f"{self.title}, {counted(len(told), 'picture')} in order. {'. '.join(told)}."


def dial(title: str, pictures: Mapping[str, object], words: Mapping[str, str] | None = None) -> Dial:
    """A widget whose slider goes through pictures in order; `words` says something of each, by the same names.

    Raises KitError where there is nothing to show, for words without a picture, and for what is no picture.
    """
    said = dict(words or {})
    if not pictures:
        raise KitError("a dial needs pictures: give at least one, by the name of its place")
    if strange := [name for name in said if name not in pictures]:
        raise KitError(f"there are words for {strange[0]!r}, but no picture of that name")
    return Dial(title, [Stop(str(name), as_picture(one), said.get(name, "")) for name, one in pictures.items()])


def _under(stop: Stop) -> list[Block]:
    """What stands below a picture in the still."""
    words = [Words(stop.words, 9.5, color=QUIET, most=5)] if stop.words else []
    return [Words(stop.name, 11, bold=True, most=2), *words]
