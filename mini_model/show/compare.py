"""Side by side: prompts painted in several ways, with what the judge says of each picture and what each took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mini_model.errors import KitError
from mini_model.show.draw import LINE, QUIET, SHARP, Block, Pen, Words, draw_stack, fit, stacked
from mini_model.show.explorer import Explorer, Look, choice, slider
from mini_model.show.figure import WIDTH, Figure, blank
from mini_model.show.language import FINAL, VERDICT_MARKS, counted, quoted
from mini_model.trajectory import Trajectory
from mini_model.world.judge import judge
from mini_model.world.things import SIDE

SHOWN, CELL, HIGH, ACROSS = 128, 150, 200, 4  # the widget: points of a picture and of its cell; ACROSS is a number
SMALL, COLUMN, COLUMNS = 96, 110, 6  # the still: the same, of COLUMNS pictures in a line
MARGIN, LEFT, GUTTER, GAP = 16, 184, 20, 14  # points; LEFT is the width of the words at the left of the pictures
MOST = 60  # stories in one comparison; more would make a page of metres
UNJUDGED = f"{VERDICT_MARKS['none']} not judged"

Rows = Mapping[str, Trajectory | Sequence[Trajectory]]  # how it was painted -> one trajectory for each prompt


@dataclass(frozen=True)
class Stroke:
    """One picture of a story: what it is called, the words it was painted by, and itself."""

    label: str
    words: str
    picture: Image.Image

    @property
    def said(self) -> str:
        """Both in one line: 'draft 2: add a blue house'."""
        return f"{self.label}: {self.words}" if self.words else self.label


@dataclass(frozen=True)
class Way:
    """One prompt painted in one way: its name, its pictures in order, the judge's word, and what it took."""

    name: str
    strokes: list[Stroke]
    verdict: str
    cost: list[str]

    def at(self, step: int) -> Stroke:
        """How far the story has come after a step; a short one waits at its last picture."""
        return self.strokes[min(step, len(self.strokes) - 1)]

    def told(self, step: int) -> str:
        """The name and the picture of a step in a line; once the story is at its end, verdict and cost as well."""
        line = f"{self.name} · {self.at(step).said}"
        return line if step < len(self.strokes) - 1 else f"{line}\n{self.verdict} · {', '.join(self.cost)}"


class Comparison(Explorer):
    """The widget that `compare` makes; `prompt` and `step` are its controls, counted from 0."""

    def __init__(self, prompts: list[str], ways: list[list[Way]]) -> None:
        self.asked, self.ways = prompts, ways
        listed = [(f"{number}. {prompt}", number - 1) for number, prompt in enumerate(prompts, 1)]
        self.prompt = choice("Prompt", listed, "Which prompt the pictures were painted for")
        self.prompt.layout.width = "min(36rem, 100%)"
        self.prompt.layout.display = None if len(prompts) > 1 else "none"
        self.step = slider("Step", 0, "How far each story has come; at the right end all are finished")
        self._offer()
        self.prompt.observe(lambda _: self._offer(), "value")
        super().__init__("One prompt, painted in several ways", self.prompt, self.step)

    def _offer(self) -> None:
        """Offer as many steps as the longest story of this prompt has, and stand at the end of all."""
        last = max(len(way.strokes) for way in self.ways[self.prompt.value]) - 1
        self.step.max = last
        self.step.value = last
        self.step.layout.display = None if last else "none"

    def look(self) -> Look:
        """One picture of each way, as far as the step; below it which one that is, beside them the words."""
        ways, step = self.ways[self.prompt.value], self.step.value
        pen = blank(CELL * min(ACROSS, len(ways)), HIGH * -(-len(ways) // ACROSS))
        for number, way in enumerate(ways):
            _draw_cell(pen, number % ACROSS * CELL, number // ACROSS * HIGH, way, step)
        told = [way.told(step) for way in ways]
        head = f"Step {step + 1} of {self.step.max + 1}: {self.asked[self.prompt.value]}"
        names = "; ".join(f"{way.name}, {way.at(step).label}" for way in ways)
        return Look(pen.page, f"{counted(len(ways), 'picture')} side by side: {names}.", "\n\n".join([head, *told]))

    def still(self) -> Figure:
        """For each prompt a line of every story: its name, verdict and cost, and all its pictures in order."""
        heads = [Words(prompt, 15, bold=True, most=3) for prompt in self.asked]
        room = WIDTH - 2 * MARGIN
        height = MARGIN + sum(head.height(room) + GAP for head in heads)
        height += sum(_height(way) + GAP for ways in self.ways for way in ways)
        pen, y = blank(WIDTH, height), MARGIN
        for head, ways in zip(heads, self.ways, strict=True):
            head.draw(pen, MARGIN, y, room)
            y += head.height(room) + GAP
            for way in ways:
                _draw_way(pen, y, way)
                y += _height(way) + GAP
        return Figure(pen.page, self.alt_text(), WIDTH)

    def alt_text(self) -> str:
        """Every story in words: its pictures and what they were painted by, verdict and cost."""
        told = []
        for prompt, ways in zip(self.asked, self.ways, strict=True):
            told.append(f"Pictures for the prompt {quoted(prompt)}, painted in {counted(len(ways), 'way')}.")
            for way in ways:
                said = "; ".join(" ".join(stroke.said.split()) for stroke in way.strokes)
                told.append(f"{way.name}: {said}. Verdict {way.verdict.rstrip('.')}. It took {', '.join(way.cost)}.")
        return " ".join(told)


def compare(rows: Rows | Sequence[Trajectory], verdicts: Mapping[str, str | Sequence[str]] | None = None) -> Comparison:
    """A widget that lays stories side by side: for each way to paint its pictures, the judge's verdict and the cost.

    rows: a name for each way, and with it a trajectory, or one for each of several prompts, in one order for all
    ways. A plain list of trajectories of one prompt goes by their strategies. verdicts: words for each final
    picture, in the same form; without them the exact judge speaks where a trajectory holds its specification.
    Raises KitError where the rows are empty, too many, or of different prompts.
    """
    table = _as_table(rows)
    prompts = [story.prompt for story in next(iter(table.values()), [])]
    if not prompts:
        raise KitError("nothing to compare: give at least one trajectory with the name of how it was painted")
    for name, row in table.items():
        if [story.prompt for story in row] != prompts:
            raise KitError(
                f"the prompts of {name!r} are not those of the first row; give all rows the same, in one order"
            )
    if len(table) * len(prompts) > MOST:
        raise KitError(f"{len(table) * len(prompts)} stories are too many to see; choose {MOST} or fewer")
    words = {name: _verdicts(name, row, verdicts) for name, row in table.items()}
    return Comparison(
        prompts,
        [[_way(name, row[at], words[name][at]) for name, row in table.items()] for at in range(len(prompts))],
    )


def strokes(trajectory: Trajectory) -> list[Stroke]:
    """Every picture that was painted, in order, each with the instruction it was painted by; the last is the final one.

    A step without a plan goes on mending, and its draft is the refinement before it.
    """
    drawn: list[Stroke] = []
    for number, step in enumerate(trajectory.steps, 1):
        if step.plan.instruction.strip() or not drawn:
            drawn.append(Stroke(f"draft {number}", step.plan.instruction.strip(), step.draft))
        if step.refinement is not None:
            mend = (step.reflection.refine or "").strip()
            drawn.append(Stroke(f"refinement {number}", mend, step.refinement))
    if not drawn:
        return [Stroke("at once", "", trajectory.final)]
    if drawn[-1].picture.tobytes() != trajectory.final.tobytes():
        drawn.append(Stroke(FINAL.word, "", trajectory.final))
    return drawn


def _as_table(rows: Rows | Sequence[Trajectory]) -> dict[str, list[Trajectory]]:
    """Every row as a list under its name."""
    if isinstance(rows, Mapping):
        return {str(name): [row] if isinstance(row, Trajectory) else list(row) for name, row in rows.items()}
    return {f"{number} {story.strategy}": [story] for number, story in enumerate(rows, 1)}


def _verdicts(name: str, row: list[Trajectory], given: Mapping[str, str | Sequence[str]] | None) -> list[str]:
    """The words for each final picture of a row, given or the judge's own."""
    if given is None:
        return [_judged(story) for story in row]
    said = given.get(name, ())
    said = [said] if isinstance(said, str) else list(said)
    if len(said) != len(row):
        raise KitError(f"{len(said)} verdicts for {len(row)} pictures of {name!r}; give one for each, or none at all")
    return said


def _judged(story: Trajectory) -> str:
    """What the exact judge says of a final picture, where it knows what was asked and can see it."""
    if story.spec is None or story.final.size != (SIDE, SIDE):
        return UNJUDGED
    verdict = judge(story.spec, np.asarray(story.final))
    return (
        f"{VERDICT_MARKS['correct']} accepted"
        if verdict.correct
        else f"{VERDICT_MARKS['wrong']} refused: {verdict.reason}"
    )


def _way(name: str, story: Trajectory, verdict: str) -> Way:
    """A story with all that is told of it."""
    cost, drawn = story.cost, strokes(story)
    parts = [counted(len(drawn), "picture"), counted(cost.denoising_steps, "denoising step")]
    parts += [counted(cost.forwards, "forward"), counted(cost.tokens, "token"), f"{cost.seconds:.1f} s"]
    return Way(name, drawn, verdict, parts)


def _draw_cell(pen: Pen, x: float, y: float, way: Way, step: int) -> None:
    """One way in the widget: its name, its picture, what that is, and the verdict's first words at the end."""
    stroke, ended = way.at(step), step >= len(way.strokes) - 1
    Words(way.name, 12, bold=True, most=1).draw(pen, x + 1, y, SHOWN)
    pen.picture(x + 1, y + 20, fit(stroke.picture, SHOWN * SHARP))
    Words(stroke.label, 11, color=QUIET, most=1).draw(pen, x + 1, y + SHOWN + 24, SHOWN)
    if ended:
        Words(way.verdict.partition(":")[0], 12, bold=True, most=1).draw(pen, x + 1, y + SHOWN + 42, SHOWN)


def _left(way: Way) -> list[Block]:
    """What stands at the left of a story's pictures."""
    return [
        Words(way.name, 13, bold=True, most=2),
        Words(way.verdict, 11, bold=True, most=4),
        Words("\n".join(way.cost), 10, color=QUIET),
    ]


def _lines(way: Way) -> list[list[Stroke]]:
    """A story's pictures in lines of so many as fit."""
    return [way.strokes[at : at + COLUMNS] for at in range(0, len(way.strokes), COLUMNS)]


def _under(stroke: Stroke) -> list[Block]:
    """What stands below a picture in the still."""
    words = [Words(stroke.words, 8.5, color=QUIET, most=3)] if stroke.words else []
    return [Words(stroke.label, 10, bold=True, most=1), *words]


def _tall(line: list[Stroke]) -> float:
    """Points of a line of pictures with what stands below them."""
    return SMALL + GAP + max(stacked(_under(stroke), SMALL) for stroke in line)


def _height(way: Way) -> float:
    """Points that a story needs in the still: its words, or its lines of pictures."""
    return max(stacked(_left(way), LEFT), sum(map(_tall, _lines(way))))


def _draw_way(pen: Pen, y: float, way: Way) -> None:
    """A story in the still: words at the left, pictures in lines, each with its label and its instruction."""
    pen.ink.line([MARGIN * SHARP, (y - 6) * SHARP, (WIDTH - MARGIN) * SHARP, (y - 6) * SHARP], fill=LINE, width=SHARP)
    draw_stack(pen, _left(way), MARGIN, y, LEFT)
    for line in _lines(way):
        for number, stroke in enumerate(line):
            x = MARGIN + LEFT + GUTTER + number * COLUMN
            pen.picture(x, y, fit(stroke.picture, SMALL * SHARP))
            draw_stack(pen, _under(stroke), x, y + SMALL + 4, SMALL)
        y += _tall(line)
