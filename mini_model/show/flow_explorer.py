"""The flow explorer: the walk from noise to picture, frame by frame, for several numbers of steps and guidances."""

from collections.abc import Mapping, Sequence

from PIL import Image

from mini_model.errors import KitError
from mini_model.show.draw import INK, LINE, QUIET, SHARP, Pen, fit, font
from mini_model.show.explorer import Explorer, Look, choice, slider
from mini_model.show.figure import WIDTH, Figure, as_picture, blank
from mini_model.show.language import counted

Walks = dict[tuple[int, float], list[Image.Image]]  # (steps, guidance) -> frames from noise to picture

SIDE = 384  # points of the picture in the widget: six of 64
COLUMNS, FRAME, GAP, LABEL, MARGIN, HEAD, CAPTION = 7, 96, 12, 124, 16, 44, 20  # points, COLUMNS is a number


class FlowExplorer(Explorer):
    """The widget that `flow_explorer` makes; `time`, `steps` and `guidance` are its controls."""

    def __init__(self, walks: Walks, name: str, shift: float | None) -> None:
        self.walks, self.name, self.shift = walks, name, shift
        counts = sorted({steps for steps, _ in walks})
        self.time = slider("Time", counts[-1], "From noise at the left end to the picture at the right end")
        self.steps = choice("Steps", [(counted(n, "step"), n) for n in counts], "How many steps the walk takes")
        self.guidance = choice("Guidance", [("", 0.0)], "How strongly the picture is pushed towards its words")
        self.steps.value = counts[-1]
        self._offer()
        self.steps.observe(lambda _: self._offer(), "value")
        super().__init__(f"From noise to {name}", self.time, self.steps, self.guidance)

    def _offer(self) -> None:
        """Offer the guidances with which this number of steps was walked; stay as far along the walk as before."""
        steps, before = self.steps.value, self.guidance.value
        offered = sorted(guidance for count, guidance in self.walks if count == steps)
        way = self.time.value / self.time.max
        self.guidance.options = [(f"{guidance:g}", guidance) for guidance in offered]
        self.guidance.value = before if before in offered else offered[-1]
        self.time.max = steps
        self.time.value = round(way * steps)

    def look(self) -> Look:
        """One frame of the chosen walk, and in words where on the way it stands."""
        steps, guidance, number = self.steps.value, self.guidance.value, self.time.value
        frames = self.walks.get((steps, guidance)) or next(iter(self.walks.values()))
        number = min(number, len(frames) - 1)
        where = {0: "noise alone, t = 1", steps: f"{self.name}, t = 0"}.get(number, self._when(number, steps))
        words = f"After {number} of {counted(steps, 'step')}: {where}\nguidance {guidance:g}"
        return Look(fit(frames[number], SIDE * SHARP), words.replace("\n", ", "), words)

    def _when(self, number: int, steps: int) -> str:
        """The time after a step, where the shift of the schedule is known."""
        if self.shift is None:
            return "on the way"
        even = 1 - number / steps
        return f"t = {self.shift * even / (1 + (self.shift - 1) * even):.2f}"

    def still(self) -> Figure:
        """A row for each walk, its frames in the columns nearest to where they stand on the way."""
        row = FRAME + CAPTION + GAP
        pen = blank(WIDTH, MARGIN + HEAD + row * len(self.walks))
        left = MARGIN + LABEL
        _draw_axis(pen, left, MARGIN, self.name)
        for number, (steps, guidance) in enumerate(self.walks):
            y = MARGIN + HEAD + row * number
            pen.text(MARGIN, y + FRAME / 2 - 18, counted(steps, "step"), font(13, bold=True))
            pen.text(MARGIN, y + FRAME / 2 + 2, f"guidance {guidance:g}", font(12), QUIET)
            self._draw_walk(pen, left, y, (steps, guidance))
        return Figure(pen.page, self.alt_text(), WIDTH)

    def _draw_walk(self, pen: Pen, left: float, top: float, walk: tuple[int, float]) -> None:
        """The frames of one walk on a line, each with its number below."""
        steps, frames = walk[0], self.walks[walk]
        middle = (top + FRAME / 2) * SHARP
        pen.ink.line([left * SHARP, middle, (left + FRAME) * SHARP + 6 * _column() * SHARP, middle], fill=LINE, width=4)
        for column, number in placed(steps):
            x, shown = left + column * _column(), fit(frames[number], FRAME * SHARP)
            pen.picture(x, top + (FRAME - shown.height / SHARP) / 2, shown)
            caption = {0: "noise"}.get(number, f"step {number}")
            if self.shift is not None and 0 < number < steps:
                caption += f" · {self._when(number, steps)}"
            pen.centered((x, top + FRAME, x + FRAME, top + FRAME + CAPTION), caption, font(9.5), QUIET)

    def alt_text(self) -> str:
        """Which walks there are and what a row holds."""
        told = [f"{counted(steps, 'step')} with guidance {guidance:g}" for steps, guidance in self.walks]
        return (
            f"{counted(len(told), 'row')} of pictures, from pure noise at the left (t = 1) to the end of the walk at "
            f"the right (t = 0, {self.name}): {'; '.join(told)}. A walk of few steps has few frames."
        )


def flow_explorer(
    walks: Mapping[tuple[int, float], Sequence], name: str = "picture", shift: float | None = None
) -> FlowExplorer:
    """A widget that walks from noise to picture: `walks` holds for each (steps, guidance) the steps + 1 frames.

    With `shift`, that of the schedule the frames were made with, it tells the time t of each frame. Raises KitError
    when the frames are not as many as the steps ask for.
    """
    if not walks:
        raise KitError("no walks: give at least one (steps, guidance) with its frames")
    for (steps, guidance), frames in walks.items():
        if len(frames) != steps + 1 or steps < 1:
            raise KitError(
                f"{len(frames)} frames for {steps} steps with guidance {guidance:g}; "
                f"give {steps + 1}, the noise first and the picture last"
            )
    return FlowExplorer({walk: [as_picture(frame) for frame in frames] for walk, frames in walks.items()}, name, shift)


def placed(steps: int) -> list[tuple[float, int]]:
    """Which frames are shown and in which column: all where they stand on the way, or of many one for each column."""
    last = COLUMNS - 1
    if steps <= last:
        return [(number * last / steps, number) for number in range(steps + 1)]
    return [(column, round(column * steps / last)) for column in range(COLUMNS)]


def _column() -> float:
    return FRAME + GAP


def _draw_axis(pen: Pen, left: float, top: float, name: str) -> None:
    """An arrow along the top from noise to picture, with the times of both ends."""
    end = left + FRAME + (COLUMNS - 1) * _column()
    y = top + 26
    pen.text(left, top, "noise  t = 1", font(12, bold=True))
    words = f"t = 0  {name}"
    pen.text(end - font(12, bold=True).getlength(words) / SHARP, top, words, font(12, bold=True))
    pen.ink.line([left * SHARP, y * SHARP, (end - 4) * SHARP, y * SHARP], fill=INK, width=SHARP)
    tip = [(end - 8, y - 4), (end, y), (end - 8, y + 4)]
    pen.ink.polygon([(x * SHARP, at * SHARP) for x, at in tip], fill=INK)
