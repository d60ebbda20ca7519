"""A table of who looks at whom, drawn: tokens down the side and along the top, a square where a look is allowed.

Letters in shapes:  L tokens
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from jaxtyping import Bool
from numpy import ndarray
from PIL import Image, ImageDraw

from mini_model.show.draw import INK, LINE, PAPER, QUIET, SHARP, Pen, Words, font, ink_on, tint
from mini_model.show.figure import blank

# kind of token -> its letter and its colour (Okabe-Ito)
KINDS = {
    "text": ("T", "#0072B2"),
    "seen": ("S", "#CC79A7"),
    "clean": ("C", "#009E73"),
    "noised": ("N", "#E69F00"),
}
MARGIN, BAND, LANE, LEGEND, GUTTER = 16, 16, 12, 212, 24  # points
LARGEST, READABLE = 24, 9.5  # points: the largest square, and the smallest beside which a name can be read
LONGEST = 110  # points a name may take


@dataclass(frozen=True)
class Table:
    """A mask with a name and a kind for each of its tokens."""

    mask: Bool[ndarray, "L L"]
    names: tuple[str, ...]
    kinds: tuple[str, ...]

    @cached_property
    def runs(self) -> list[tuple[int, int, str]]:
        """Neighbours of one kind: (first, one after the last, kind)."""
        runs, start = [], 0
        for kind, members in groupby(self.kinds):
            end = start + len(list(members))
            runs.append((start, end, kind))
            start = end
        return runs

    @cached_property
    def run_of(self) -> list[int]:
        """The number of each token's run."""
        return [number for number, (start, end, _) in enumerate(self.runs) for _ in range(start, end)]


@dataclass(frozen=True)
class Grid:
    """Where the squares of a table stand."""

    left: float
    top: float
    cell: float
    count: int

    @property
    def side(self) -> float:
        """Points along each edge of the whole grid."""
        return self.cell * self.count

    def box(self, row: int, column: int, rows: int = 1, columns: int = 1) -> tuple[float, float, float, float]:
        """The edges of a square, or of several that stand together."""
        x, y = self.left + column * self.cell, self.top + row * self.cell
        return x, y, x + columns * self.cell, y + rows * self.cell


def draw_table(table: Table, width: float, chosen: int | None = None, legend: Sequence[tuple[str, str]] = ()) -> Pen:
    """The table on a sheet `width` points wide; with `chosen`, one token's row and column stand out."""
    labels, count = _labels(table, width, bool(legend)), len(table.names)
    head = max(font(9, bold=True).getlength(name) for _, name in labels) / SHARP + 8 + BAND + LANE
    room = width - 2 * MARGIN - head - (LEGEND + GUTTER if legend else 0)
    grid = Grid(MARGIN + head, MARGIN + head, min(LARGEST, room / count), count)
    pen = blank(width, max(grid.top + grid.side + MARGIN, grid.top + 62 * len(legend) + 60 if legend else 0))
    _draw_squares(pen, table, grid, chosen)
    _draw_heads(pen, table, grid, labels, chosen)
    if chosen is not None:
        _draw_chosen(pen, table, grid, chosen)
    if legend:
        _draw_legend(pen, legend, grid)
    return pen


def _labels(table: Table, width: float, legend: bool) -> list[tuple[float, str]]:
    """What to write along the edges and where, in squares: every name, or the runs where names would not fit."""
    names = [_short(name) for name in table.names]
    longest = max(font(9).getlength(name) for name in names) / SHARP
    room = width - 2 * MARGIN - longest - 8 - BAND - LANE - (LEGEND + GUTTER if legend else 0)
    if room / len(names) >= READABLE:
        return [(at + 0.5, name) for at, name in enumerate(names)]
    return [((start + end) / 2, f"{end - start} {kind}") for start, end, kind in table.runs]


def _short(name: str) -> str:
    """The name, cut where it would be too long."""
    while font(9).getlength(name) > LONGEST * SHARP:
        name = name.rstrip("…")[:-1] + "…"
    return name


def _draw_squares(pen: Pen, table: Table, grid: Grid, chosen: int | None) -> None:
    """A square in the colour of the column's kind where a look is allowed, a pale grid elsewhere."""
    pen.ink.rectangle(_pixels(grid.box(0, 0, grid.count, grid.count)), outline=LINE, width=SHARP)
    gap = 1 if grid.cell >= 6 else 0
    for row in range(grid.count):
        for column in range(grid.count):
            x, y, right, foot = grid.box(row, column)
            inside = _pixels((x + gap, y + gap, right - gap / 2, foot - gap / 2))
            color = KINDS[table.kinds[column]][1]
            faint = chosen is not None and chosen not in (row, column)
            if table.mask[row, column]:
                pen.ink.rectangle(inside, fill=tint(color, 0.25 if faint else 1))
            elif grid.cell >= 6:
                pen.ink.rectangle(inside, fill="#F3F5F7")
    for start, _, _ in table.runs[1:]:
        for line in (grid.box(start, 0, 0, grid.count), grid.box(0, start, grid.count, 0)):
            pen.ink.line(_pixels(line), fill=INK, width=1)


def _draw_heads(pen: Pen, table: Table, grid: Grid, labels: list[tuple[float, str]], chosen: int | None) -> None:
    """Names and a band of kinds, down the side and along the top."""
    x, y = grid.left - LANE - BAND, grid.top - LANE - BAND
    for start, end, kind in table.runs:
        letter, color = KINDS[kind]
        for box in (
            (x, grid.top + start * grid.cell, x + BAND, grid.top + end * grid.cell - 1),
            (grid.left + start * grid.cell, y, grid.left + end * grid.cell - 1, y + BAND),
        ):
            pen.ink.rectangle(_pixels(box), fill=color)
            pen.centered(box, letter, font(10, bold=True), ink_on(color))
    for at, name in labels:
        own = chosen is not None and at == chosen + 0.5
        face, color = font(9, bold=own), INK if own or chosen is None else QUIET
        middle = grid.top + at * grid.cell
        pen.ink.text(((x - 5) * SHARP, middle * SHARP), name, font=face, fill=color, anchor="rm")
        _upright(pen, grid.left + at * grid.cell, y - 5, name, face, color)


def _upright(pen: Pen, x: float, foot: float, text: str, face, color: str) -> None:
    """Text that runs upwards from a foot point."""
    long, tall = round(face.getlength(text)) + 4, round(face.size * 1.5)
    strip = Image.new("RGB", (long, tall), PAPER)
    ImageDraw.Draw(strip).text((0, tall / 2), text, font=face, fill=color, anchor="lm")
    turned = strip.rotate(90, expand=True)
    pen.page.paste(turned, (round(x * SHARP - tall / 2), round(foot * SHARP) - turned.height))


def _draw_chosen(pen: Pen, table: Table, grid: Grid, chosen: int) -> None:
    """Frames around the chosen row and column, and marks on the sequence: ▼ it sees, ▶ sees it."""
    for frame, width in ((grid.box(chosen, 0, 1, grid.count), 2), (grid.box(0, chosen, grid.count, 1), 1)):
        around = (frame[0] - width, frame[1] - width, frame[2] + width, frame[3] + width)
        pen.ink.rectangle(_pixels(around), outline=INK, width=width * SHARP)
    face = font(max(4, min(9, grid.cell)))
    for at in range(grid.count):
        x, y, right, foot = grid.box(at, at)
        if table.mask[chosen, at]:
            pen.centered((x, grid.top - LANE, right, grid.top), "▼", face, INK)
        if table.mask[at, chosen]:
            pen.centered((grid.left - LANE, y, grid.left, foot), "▶", face, INK)


def _draw_legend(pen: Pen, legend: Sequence[tuple[str, str]], grid: Grid) -> None:
    """What the letters mean, and what the mask says of each kind, at the right of the grid."""
    x, y = grid.left + grid.side + GUTTER, grid.top
    reading = Words("Row: the token that looks. Column: the token it looks at. Filled: it may.", 11, color=QUIET)
    reading.draw(pen, x, y, LEGEND)
    y += reading.height(LEGEND) + 14
    for kind, rule in legend:
        letter, color = KINDS[kind]
        box = (x, y, x + 20, y + 20)
        pen.ink.rectangle(_pixels(box), fill=color)
        pen.centered(box, letter, font(11, bold=True), ink_on(color))
        pen.text(x + 28, y + 2, kind, font(12, bold=True))
        words = Words(rule, 11, most=3)
        words.draw(pen, x + 28, y + 20, LEGEND - 28)
        y += 20 + words.height(LEGEND - 28) + 10


def _pixels(box: tuple[float, float, float, float]) -> list[int]:
    """A box in points as whole pixels."""
    return [round(edge * SHARP) for edge in box]
