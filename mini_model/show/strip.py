"""The strip: a whole trajectory in one picture, a row of four frames a round, for READMEs and notebooks."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, PngImagePlugin

from mini_model.files import write_whole
from mini_model.show import language
from mini_model.show.draw import (
    INK,
    PAPER,
    QUIET,
    SHARP,
    Block,
    Box,
    Drawing,
    Pen,
    Seal,
    Words,
    draw_stack,
    font,
    ink_on,
    png,
    stacked,
    tint,
)
from mini_model.show.figure import Figure
from mini_model.show.language import Stage
from mini_model.trajectory import Reflection, Step, Trajectory

WIDTH, MARGIN, GUTTER, PAD, HEAD = 900, 16, 12, 8, 26  # points
FRAME = (WIDTH - 2 * MARGIN - 3 * GUTTER) / 4  # leaves 192 points for a picture: three pixels of 64 to a point
INNER = FRAME - 2 * PAD
BESIDE = WIDTH - 2 * MARGIN - FRAME - 2 * GUTTER  # the width left beside the final picture


@dataclass(frozen=True)
class Frame:
    """One frame of a row: its stage, what stands in it, and what to say when nothing does."""

    stage: Stage
    blocks: list[Block]
    empty: str = ""


class Strip(Figure):
    """A drawn trajectory with its alt text; shows itself in notebooks."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size

    def save(self, path: str | Path) -> Path:
        """Write the strip as PNG with the alt text as its Description; raises KitError if it cannot."""
        return write_whole(path, self._repr_png_())

    def _repr_png_(self) -> bytes:
        notes = PngImagePlugin.PngInfo()
        notes.add_itxt("Description", self.alt)
        return png(self.image, pnginfo=notes, dpi=(72 * SHARP, 72 * SHARP))


def strip(trajectory: Trajectory) -> Strip:
    """Draw a trajectory: its prompt; plan, draft, reflection, refinement in a row for each round; the end."""
    title = [Words(trajectory.prompt, 19, bold=True, most=3)]
    rows = [_frames(step) for step in trajectory.steps]
    heights = [_row_height(row) for row in rows]
    top = MARGIN + stacked(title, WIDTH - 2 * MARGIN) + GUTTER
    picture, words = Drawing(trajectory.final), _last_words(trajectory)
    end = HEAD + 2 * PAD + max(picture.height(INNER), stacked(words, BESIDE))
    height = top + sum(heights) + GUTTER * len(rows) + end + MARGIN
    pen = Pen(Image.new("RGB", (WIDTH * SHARP, round(height * SHARP)), PAPER))
    draw_stack(pen, title, MARGIN, MARGIN, WIDTH - 2 * MARGIN)
    for number, (row, tall) in enumerate(zip(rows, heights, strict=True), 1):
        _draw_row(pen, row, top, tall, number)
        top += tall + GUTTER
    _draw_ending(pen, picture, words, (MARGIN, top, WIDTH - MARGIN, top + end))
    return Strip(pen.page, language.alt_text(trajectory), WIDTH)


def _frames(step: Step) -> list[Frame]:
    """What stands in the four frames of one round; a frame without blocks says why in a few quiet words."""
    plan: list[Block] = [Words(step.plan.instruction, 14, bold=True, most=7)] if step.plan.instruction else []
    plan += [Words(step.plan.description, 11, color=QUIET, most=9)] if step.plan.description else []
    mended: list[Block] = [Drawing(step.refinement)] if step.refinement is not None else []
    mended += [Words(language.said(step.after), 11, color=QUIET, most=4)] if step.after else []
    return [
        Frame(language.PLAN, plan, language.NO_PLAN),
        Frame(language.DRAFT, [Drawing(step.draft)]),
        Frame(language.REFLECTION, _judgement(step.reflection), language.VERDICT_WORDS["none"]),
        Frame(language.REFINEMENT, mended, language.unmended(step)),
    ]


def _judgement(reflection: Reflection) -> list[Block]:
    """The verdict as a seal; its words; what is to be mended."""
    blocks: list[Block] = []
    if reflection.verdict != "none":
        mark, word = language.VERDICT_MARKS[reflection.verdict], language.VERDICT_WORDS[reflection.verdict]
        blocks.append(Seal(f"{mark} {word}", loud=reflection.verdict == "wrong"))
    blocks += [Words(reflection.text, 12, most=9)] if reflection.text.strip() else []
    blocks += [Words(f"→ {reflection.refine}", 12, bold=True, most=5)] if reflection.refine else []
    return blocks


def _row_height(row: list[Frame]) -> float:
    return HEAD + 2 * PAD + max(stacked(frame.blocks, INNER) for frame in row)


def _draw_row(pen: Pen, row: list[Frame], y: float, tall: float, number: int) -> None:
    for column, frame in enumerate(row):
        x = MARGIN + column * (FRAME + GUTTER)
        box = (x, y, x + FRAME, y + tall)
        _draw_frame(pen, frame.stage, box, note="" if column else str(number), faint=not frame.blocks)
        if frame.blocks:
            draw_stack(pen, frame.blocks, x + PAD, y + HEAD + PAD, INNER)
        else:
            pen.centered((x, y + HEAD, x + FRAME, y + tall), frame.empty, font(12), QUIET)
        if column:
            pen.centered((x - GUTTER, y, x, y + HEAD), "›", font(15, bold=True), QUIET)


def _draw_frame(pen: Pen, stage: Stage, box: Box, note: str = "", faint: bool = False) -> None:
    """A frame with the stage's colour, mark and word on its head; a note stands at the right."""
    x, y, right, _ = box
    edge = tint(stage.color, 0.4) if faint else stage.color
    pen.box(box, fill=PAPER, outline=edge)
    pen.box((x, y, right, y + HEAD), fill=tint(stage.color, 0.1 if faint else 0.22), outline=edge, rounded="top")
    pen.box((x, y, x + HEAD, y + HEAD), fill=edge, rounded="left")
    pen.centered((x, y, x + HEAD, y + HEAD), stage.mark, font(14), INK if faint else ink_on(stage.color))
    pen.text(x + HEAD + 8, y + 5, stage.word, font(12, bold=True), QUIET if faint else INK)
    pen.centered((right - HEAD, y, right, y + HEAD), note, font(12, bold=True), INK)


def _last_words(trajectory: Trajectory) -> list[Block]:
    """What stands beside the final picture: the closing words, who ended it, what it cost."""
    words: list[Block] = []
    if trajectory.closing.strip():
        words.append(Words(trajectory.closing, 15, most=7))
    if trajectory.bounded:
        words.append(Words(language.BOUNDED, 12, bold=True))
    return [*words, Words(language.cost_line(trajectory), 11, color=QUIET)]


def _draw_ending(pen: Pen, picture: Drawing, words: list[Block], box: Box) -> None:
    """The final picture at the left of a wide frame, the last words beside it at half height."""
    x, y, _, foot = box
    _draw_frame(pen, language.FINAL, box)
    picture.draw(pen, x + PAD, y + HEAD + PAD, INNER)
    middle = (y + HEAD + foot - stacked(words, BESIDE)) / 2
    draw_stack(pen, words, x + FRAME + GUTTER, middle, BESIDE)
