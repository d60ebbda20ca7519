"""The history explorer: how a picture came about, its scene graph beside it at every step.

A node of the graph stands where its thing stands in the picture. A whole line is a relation that the prompt asks for,
a dashed one tells how a thing that was placed freely stands to the nearest that was there before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from mini_model.errors import KitError
from mini_model.show import language
from mini_model.show.draw import INK, QUIET, Drawing, Words, draw_stack, font, stacked
from mini_model.show.explorer import Explorer, Look, slider
from mini_model.show.figure import WIDTH, Figure, blank
from mini_model.show.graph import LARGE, SMALL, Edge, draw_graph, edges, ghosts, marks
from mini_model.trajectory import Step, Trajectory
from mini_model.world.faults import astray
from mini_model.world.prompts import Request, caption, the
from mini_model.world.reading import read_request, read_scene
from mini_model.world.render import render
from mini_model.world.scene import Scene, join

SIDE, SMALLER, EDGE, GUTTER, NUMBER = 320, 192, 10, 22, 22  # points; the pictures are five and three of 64
READING = "A box is a thing, where it stands in the picture. Line: the prompt asks for it. Dashed: it came out so."


@dataclass(frozen=True)
class Page:
    """One step of a history: what was there before it, what it asks for, and what is there after it."""

    before: Scene | None  # None: nothing, not even the background
    scene: Scene
    instruction: str
    description: str
    picture: Image.Image
    mended: str = ""  # what the refinement was asked to mend, where there was one


class HistoryExplorer(Explorer):
    """The widget that `history_explorer` makes; `step.value` is the step that is shown, counted from 0."""

    def __init__(self, pages: list[Page], prompt: str) -> None:
        self.pages, self.prompt = pages, prompt
        self.request = _asked_for(prompt)
        self.step = slider("Step", len(pages) - 1, "Which step of the history is shown")
        super().__init__(f"How a picture came about: {prompt}" if prompt else "How a picture came about", self.step)

    def look(self) -> Look:
        """The graph and the picture after one step, and in words what the step did."""
        page, words = self.pages[self.step.value], self.told(self.step.value)
        pen = blank(LARGE.width + GUTTER + SIDE + 2 * EDGE, max(LARGE.height, SIDE) + 2 * EDGE)
        draw_graph(pen, (EDGE, EDGE), page.before, page.scene, self.edges(page), LARGE)
        Drawing(page.picture).draw(pen, EDGE + LARGE.width + GUTTER, EDGE, SIDE)
        return Look(pen.page, f"The scene graph and the picture after a step. {_one_line(words)}", words)

    def still(self) -> Figure:
        """A row for each step: its graph, its picture, its words."""
        left = EDGE + NUMBER + SMALL.width + GUTTER + SMALLER + GUTTER
        room = WIDTH - left - EDGE
        rows = [self._row(number) for number in range(len(self.pages))]
        heights = [max(SMALL.height, SMALLER, stacked(row, room)) + GUTTER for row in rows]
        title = [Words(self.prompt, 16, bold=True, most=2)] if self.prompt.strip() else []
        title.append(Words(READING, 11, color=QUIET))
        top = EDGE + stacked(title, WIDTH - 2 * EDGE) + GUTTER
        pen = blank(WIDTH, top + sum(heights))
        draw_stack(pen, title, EDGE, EDGE, WIDTH - 2 * EDGE)
        for number, (page, row, tall) in enumerate(zip(self.pages, rows, heights, strict=True), 1):
            pen.text(EDGE, top, str(number), font(16, bold=True), INK)
            draw_graph(pen, (EDGE + NUMBER, top), page.before, page.scene, self.edges(page), SMALL)
            Drawing(page.picture).draw(pen, EDGE + NUMBER + SMALL.width + GUTTER, top, SMALLER)
            draw_stack(pen, row, left, top, room)
            top += tall
        return Figure(pen.page, self.alt_text(), WIDTH)

    def _row(self, number: int) -> list[Words]:
        """The words that stand beside a picture of the strip."""
        heading, _, rest = self.told(number).partition("\n")
        said = heading.partition(": ")[2]
        return [Words(said, 13, bold=True, most=6), *(Words(line, 10.5, most=6) for line in rest.splitlines())]

    def alt_text(self) -> str:
        """The whole history in sentences."""
        asked = f" for the prompt {language.quoted(self.prompt)}" if self.prompt.strip() else ""
        told = [_one_line(self.told(number)) for number in range(len(self.pages))]
        steps = language.counted(len(told), "step")
        return f"How a picture came about{asked}, in {steps}, each with its scene graph. {' '.join(told)}"

    def edges(self, page: Page) -> list[Edge]:
        """The relations of a step's graph."""
        return edges(page.scene, self.request)

    def told(self, number: int) -> str:
        """A step in words: the instruction, what is there after it, what is new, and the relations."""
        page = self.pages[number]
        lines = [f"Step {number + 1} of {len(self.pages)}: {page.instruction}", f"After it: {page.description}"]
        lines += [f"Mended: {page.mended}"] if page.mended else []
        lines += changes(page)
        for start, word, end, asked in self.edges(page):
            how = "asked for" if asked else "as it came out"
            lines.append(f"Relation: {start.color} {start.name} {word} {end.color} {end.name} ({how})")
        return "\n".join(lines)


def history_explorer(history: Trajectory | Sequence[Scene], prompt: str = "") -> HistoryExplorer:
    """A widget that plays how a picture came about: a slider over its steps, scene graph, picture and words.

    `history` is a trajectory, whose scenes are read from its plans, or the scenes themselves in order; `prompt` says
    which relations were asked for. Raises KitError when there is no step to show, or a thing that cannot be told.
    """
    if isinstance(history, Trajectory):
        pages, prompt = _told(history), prompt or history.prompt
    elif isinstance(history, Sequence) and all(isinstance(scene, Scene) for scene in history):
        if any(scene != scene.told() for scene in history):
            raise KitError("a thing that cannot be told cannot be drawn either; leave it out with scene.told()")
        pages = _drawn(history)
    else:
        raise KitError(f"a history is a trajectory or a list of scenes, not {type(history).__name__}; give one of them")
    if not pages:
        raise KitError("an empty history; give a trajectory that was painted in steps, or at least one scene")
    return HistoryExplorer(pages, prompt)


def changes(page: Page) -> list[str]:
    """What a step brought, changed, moved and took away, a line each."""
    lines = []
    if page.before is None or page.before.background != page.scene.background:
        lines.append(f"New: the background, {page.scene.background}")
    was = {thing.place: thing for thing in page.before.things} if page.before else {}
    for thing, mark in marks(page.before, page.scene).items():
        if mark == "changed":
            lines.append(f"Changed: {the(was[thing.place])} is now {thing.phrase()}")
        else:
            lines.append(f"{mark.capitalize()}: {the(thing)}")
    return lines + [f"Gone: {the(thing)}" for thing, mark in ghosts(page.before, page.scene).items() if mark == "gone"]


def _told(trajectory: Trajectory) -> list[Page]:
    """The pages of a trajectory; the scene after a step is what its plan describes."""
    before, pages = None, []
    for step in trajectory.steps:
        scene = _scene_after(step, before)
        asked = step.plan.instruction.strip() or step.reflection.refine or language.NO_PLAN
        picture = step.draft if step.refinement is None else step.refinement
        mended = "" if step.refinement is None else step.reflection.refine or ""
        pages.append(Page(before, scene, asked, step.plan.description.strip() or caption(scene), picture, mended))
        before = scene
    return pages


def _scene_after(step: Step, before: Scene | None) -> Scene:
    """What a plan describes, the things that were there before first; without a plan nothing changes."""
    if not step.plan.description.strip():
        return before or Scene()
    scene, there = read_scene(step.plan.description), list(before.things) if before else []
    order = {thing: there.index(thing) if thing in there else len(there) for thing in scene.things}
    return Scene(tuple(sorted(scene.things, key=order.get)), scene.background)


def _drawn(scenes: Sequence[Scene]) -> list[Page]:
    """The pages of scenes, drawn by the world's renderer and told by its words."""
    before, pages = None, []
    for scene in scenes:
        pages.append(Page(before, scene, _instruction(before, scene), caption(scene), Image.fromarray(render(scene))))
        before = scene
    return pages


def _instruction(before: Scene | None, scene: Scene) -> str:
    """What leads from one scene to the next."""
    wishes = join([fault.mend for fault in astray(scene, before or Scene((), scene.background))])
    if before is not None:
        return wishes or "nothing changes"
    ground = "" if scene.background == "paper" else f"on the {scene.background}, "
    return ground + wishes if wishes else f"begin with the {scene.background}"


def _asked_for(prompt: str) -> Request | None:
    """What the prompt asks for, or None where it is none of the drawn world's."""
    try:
        return read_request(prompt)
    except KitError:
        return None


def _one_line(words: str) -> str:
    """Lines as sentences on one line."""
    return " ".join(f"{line.rstrip('.')}." for line in words.splitlines())
