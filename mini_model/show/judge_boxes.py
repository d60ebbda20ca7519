"""What the exact judge sees: a frame around each thing it found, how sure it is, and its verdict."""

from itertools import pairwise

import numpy as np
from PIL import Image

from mini_model.scoring import COUNTING_THRESHOLD, THRESHOLD
from mini_model.show.draw import INK, LINE, PAPER, QUIET, SHARP, Pen, Seal, Words, draw_stack, fit, font, stacked
from mini_model.show.explorer import Explorer, Look, slider
from mini_model.show.figure import WIDTH, Figure, as_picture, blank
from mini_model.show.language import VERDICT_MARKS, VERDICT_WORDS, counted
from mini_model.world.judge import detections, judge
from mini_model.world.scene import join
from mini_model.world.things import COLORS, SIDE, THINGS

MARGIN, GUTTER, SCALE, ROW = 16, 32, 6, 30  # points; SCALE is points to a pixel of the drawn world
CHOSEN = "#D55E00"
BAR, DASH, MOST = 130, 5, 9  # points of the bar of a full score and of a dash; rows of the list


class JudgeBoxes(Explorer):
    """The widget that `judge_boxes` makes; `detection.value` is the detection picked out, counted from 0."""

    def __init__(self, picture: Image.Image, spec: dict | None) -> None:
        self.drawn, self.spec = picture, spec
        pixels = np.asarray(picture)
        self.found = detections(pixels)
        self.verdict = judge(spec, pixels) if spec is not None else None
        self.counts = COUNTING_THRESHOLD if spec is not None and spec.get("tag") == "counting" else THRESHOLD
        self.detection = slider("Detection", max(0, len(self.found) - 1), "Which of the found things is picked out")
        super().__init__("What the judge sees", self.detection)

    def look(self) -> Look:
        """The boxes with one picked out, and that one in words."""
        side = SIDE * SCALE
        pen = blank(side + 2, side + 2)
        self._draw_boxes(pen, 1, 1, self.detection.value)
        words = "\n".join(part for part in (self._told(), self._judged()) if part)
        return Look(pen.page, f"The picture with {self._counted()}. {words}", words)

    def still(self) -> Figure:
        """All boxes with their numbers, beside them the list of what was found, below it the verdict."""
        side, left = SIDE * SCALE, MARGIN + SIDE * SCALE + GUTTER
        room = WIDTH - MARGIN - left
        verdict = self._verdict()
        listed = 34 + ROW * min(len(self.found), MOST + 1)
        height = max(side, listed + stacked(verdict, room) + 24 * bool(verdict))
        pen = blank(WIDTH, height + 2 * MARGIN)
        self._draw_boxes(pen, MARGIN, MARGIN, None)
        self._draw_list(pen, left, MARGIN)
        draw_stack(pen, verdict, left, MARGIN + listed + 24, room)
        return Figure(pen.page, self.alt_text(), WIDTH)

    def alt_text(self) -> str:
        """All that was found, where, and the verdict."""
        things = [f"{number}, {self._named(number - 1)}" for number in range(1, len(self.found) + 1)]
        told = f"The drawn world's judge found {self._counted()}{': ' if things else ''}{'; '.join(things)}."
        return f"{told} {self._judged()}".strip()

    def _counted(self) -> str:
        return counted(len(self.found), "thing") if self.found else "no things"

    def _named(self, number: int) -> str:
        one = self.found[number]
        kept = "" if one["score"] > self.counts else f", not counted: not above {self.counts}"
        x, y = (round((one["box"][edge] + one["box"][edge + 2]) / 2) for edge in (0, 1))
        return f"{one['color']} {one['class']} around pixel ({x}, {y}), score {one['score']:.2f}{kept}"

    def _told(self) -> str:
        """One detection in three lines: what, how sure, where."""
        if not self.found:
            return "Nothing found"
        one = self.found[self.detection.value]
        kept = "counted" if one["score"] > self.counts else "not counted"
        x0, y0, x1, y1 = map(round, one["box"])
        return (
            f"{self.detection.value + 1} of {len(self.found)}: {one['color']} {one['class']}\n"
            f"score {one['score']:.2f}, {kept}: {self.counts} is the bar\n"
            f"box: x {x0} to {x1}, y {y0} to {y1} pixels"
        )

    def _judged(self) -> str:
        """The verdict and its reason in a sentence, empty where nothing was asked."""
        if self.verdict is None:
            return ""
        word = "correct" if self.verdict.correct else "wrong"
        reason = f": {self.verdict.reason}" if self.verdict.reason else "."
        return f"Asked for {asked(self.spec)}. Verdict {VERDICT_MARKS[word]} {VERDICT_WORDS[word]}{reason}"

    def _verdict(self) -> list:
        """The verdict as blocks: what was asked, the seal, the reason."""
        if self.verdict is None:
            return []
        word = "correct" if self.verdict.correct else "wrong"
        seal = Seal(f"{VERDICT_MARKS[word]} {VERDICT_WORDS[word]}", loud=not self.verdict.correct)
        blocks = [Words(f"Asked for {asked(self.spec)}.", 12, color=QUIET, most=4), seal]
        return [*blocks, Words(self.verdict.reason, 12, most=4)] if self.verdict.reason else blocks

    def _draw_boxes(self, pen: Pen, left: float, top: float, chosen: int | None) -> None:
        """The enlarged picture with a numbered frame around each thing; dashed where the score is too low."""
        pen.picture(left, top, fit(self.drawn, SIDE * SCALE * SHARP))
        order = sorted(range(len(self.found)), key=lambda number: (number == chosen, -number))
        for number in order:  # the surest last, the chosen one on top of all
            one = self.found[number]
            x0, y0, x1, y1 = (min(max(edge, 0), SIDE) * SCALE for edge in one["box"])
            box = (left + x0, top + y0, left + x1, top + y1)
            color = CHOSEN if number == chosen else INK
            frame(pen, box, PAPER, 4 if number == chosen else 3, dashed=False)
            frame(pen, box, color, 3 if number == chosen else 1.5, dashed=one["score"] <= self.counts)
            chip(pen, box[0], box[1], number + 1, color)

    def _draw_list(self, pen: Pen, left: float, top: float) -> None:
        """A row for each detection: its number, its colour, its name, its score as a bar and in figures."""
        bar = WIDTH - MARGIN - BAR - 44
        pen.text(left, top, "found", font(12, bold=True))
        pen.text(bar, top, "score", font(12, bold=True))
        foot = top + 34 + ROW * min(len(self.found), MOST)
        if not self.found:
            pen.text(left, top + 30, "nothing", font(12), QUIET)
        for number, one in enumerate(self.found[:MOST]):
            y = top + 34 + ROW * number
            chip(pen, left, y, number + 1, INK)
            pen.box((left + 32, y + 2, left + 48, y + 18), fill=COLORS[one["color"]], outline=QUIET)
            pen.text(left + 58, y + 2, f"{one['color']} {one['class']}", font(12))
            _bar(pen, bar, y, one["score"], one["score"] > self.counts)
        if len(self.found) > MOST:
            pen.text(left, foot + 2, f"and {len(self.found) - MOST} more, less sure", font(11), QUIET)
        if self.found:
            tick = bar + self.counts * BAR
            pen.ink.line([tick * SHARP, (top + 26) * SHARP, tick * SHARP, (foot - 6) * SHARP], fill=INK, width=SHARP)
            pen.centered((tick - 60, top + 16, tick + 60, top + 28), f"counts above {self.counts}", font(9), QUIET)


def judge_boxes(picture: Image.Image | np.ndarray, spec: dict | None = None) -> JudgeBoxes:
    """A widget that shows what the exact judge finds in a picture, and with `spec` its verdict.

    Raises KitError for a picture that is not of the drawn world's size, or a specification it cannot read.
    """
    return JudgeBoxes(as_picture(picture), spec)


def asked(spec: dict) -> str:
    """A specification in words: '1 blue house and 1 red star left of the house'."""
    groups = spec.get("include", [])
    wanted = []
    for group in groups:
        words = " ".join(filter(None, (str(group["count"]), group.get("color"), _class_of(group))))
        relation, target = group.get("position", ("", 0))
        wanted.append(f"{words} {relation} the {_class_of(groups[target])}" if relation else words)
    wanted += [f"fewer than {ban['count']} {_class_of(ban)}" for ban in spec.get("exclude", [])]
    return join(wanted) or "nothing"


def _class_of(group: dict) -> str:
    """The name of a group's class, in the plural where it has more than one."""
    return THINGS.get(group["class"], group["class"]) if group["count"] > 1 else group["class"]


def frame(pen: Pen, box: tuple[float, float, float, float], color: str, width: float, dashed: bool) -> None:
    """A rectangle of lines, whole or in dashes."""
    left, top, right, foot = (edge * SHARP for edge in box)
    corners = [(left, top), (right, top), (right, foot), (left, foot), (left, top)]
    for (x0, y0), (x1, y1) in pairwise(corners):
        pieces = 2 * round(max(abs(x1 - x0), abs(y1 - y0)) / DASH / SHARP / 2) + 1 if dashed else 1
        for piece in range(0, pieces, 2):  # every other piece is a gap
            ends = [(x0 + (x1 - x0) * at / pieces, y0 + (y1 - y0) * at / pieces) for at in (piece, piece + 1)]
            pen.ink.line(ends, fill=color, width=round(width * SHARP))


def chip(pen: Pen, x: float, y: float, number: int, color: str) -> None:
    """A small dark box with a number in it."""
    box = (x, y, x + 20, y + 18)
    pen.ink.rectangle([edge * SHARP for edge in box], fill=color, outline=PAPER)
    pen.centered(box, str(number), font(11, bold=True), PAPER)


def _bar(pen: Pen, left: float, top: float, score: float, counts: bool) -> None:
    """A score as the length of a bar, hollow where it does not count."""
    edges = [left, top + 4, left + BAR, top + 16]
    pen.ink.rectangle([edge * SHARP for edge in edges], fill="#F3F5F7", outline=LINE)
    edges[2] = left + max(1, BAR * score)
    pen.ink.rectangle([edge * SHARP for edge in edges], fill="#0072B2" if counts else PAPER, outline="#0072B2", width=2)
    pen.text(left + BAR + 10, top + 2, f"{score:.2f}", font(12), INK if counts else QUIET)
