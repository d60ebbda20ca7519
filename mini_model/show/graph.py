"""A scene graph, drawn: a box for each thing where it stands, an arrow with a word for each relation.

What a step did to the graph is told by a thick frame and a word, never by colour alone.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from mini_model.show import language
from mini_model.show.draw import INK, PAPER, QUIET, SHARP, Pen, font, ink_on
from mini_model.show.judge_boxes import frame
from mini_model.world.faults import fits
from mini_model.world.prompts import Request
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import COLORS, PLACES, RELATIONS, related

Point = tuple[float, float]
TINTS = {"new": language.PLAN.color, "changed": language.REFLECTION.color, "moved": language.DRAFT.color}
FAINT = ("gone", "was here")  # the marks of what is there no more
THICK, BAR, DASH = 3, 30, 5  # points: a thick frame, the bar of the background, a dash
SAMPLES = 97  # points that make a line


@dataclass(frozen=True)
class Scale:
    """How large a graph is drawn, in points: a cell of its three by three, a box in it, its letters."""

    cell: Point
    box: Point
    letters: float

    @property
    def width(self) -> float:
        """Points from the left to the right."""
        return 3 * self.cell[0]

    @property
    def height(self) -> float:
        """Points from the top to the foot of the background's bar."""
        return 3 * self.cell[1] + BAR


LARGE, SMALL = Scale((160, 96), (104, 52), 11), Scale((128, 62), (84, 38), 9)


class Edge(NamedTuple):
    """How one thing stands to another, and whether the prompt asks for it."""

    start: Thing
    word: str
    end: Thing
    asked: bool


def edges(scene: Scene, request: Request | None = None) -> list[Edge]:
    """The relations that are asked for; each other thing is tied to the nearest of those listed before it."""
    found = _asked(scene, request) if request else []
    for number, thing in enumerate(scene.things[1:], 1):
        earlier = scene.things[:number]
        tied = [edge for edge in found if thing in (edge.start, edge.end)]
        if not any(edge.start in earlier or edge.end in earlier for edge in tied):
            near = min(earlier, key=lambda other, thing=thing: _far(thing, other))
            word = next(relation for relation in RELATIONS if related(thing.place, relation, near.place))
            found.append(Edge(thing, word, near, False))
    return found


def _asked(scene: Scene, request: Request) -> list[Edge]:
    """The relations of a request between things that are there; one that does not hold says so."""
    stray, firsts = list(scene.things), []
    for group in request.groups:
        mine = [thing for thing in stray if fits(thing, group)][: group.count]
        stray = [thing for thing in stray if thing not in mine]
        firsts.append(mine[0] if mine else None)
    pairs = zip(firsts, request.relations, firsts[1:], strict=False)
    return [
        Edge(one, word if related(one.place, word, other.place) else f"not {word}", other, True)
        for one, word, other in pairs
        if one and word and other
    ]


def marks(before: Scene | None, scene: Scene) -> dict[Thing, str]:
    """The things that a step touched: "new", "changed" where they stand, or "moved" from elsewhere."""
    was, looks = _by_place(before), {_look(thing) for thing in _left(before, scene)}
    touched = [thing for thing in scene.things if _look(was.get(thing.place)) != _look(thing)]
    return {
        thing: "changed" if thing.place in was else "moved" if _look(thing) in looks else "new" for thing in touched
    }


def ghosts(before: Scene | None, scene: Scene) -> dict[Thing, str]:
    """What stood where nothing stands now: "gone", or "was here" where it has moved."""
    moved = {_look(thing) for thing, mark in marks(before, scene).items() if mark == "moved"}
    return {thing: "was here" if _look(thing) in moved else "gone" for thing in _left(before, scene)}


def _left(before: Scene | None, scene: Scene) -> list[Thing]:
    """The things whose places are empty now."""
    now = _by_place(scene)
    return [thing for place, thing in _by_place(before).items() if place not in now]


def _by_place(scene: Scene | None) -> dict[str, Thing]:
    return {thing.place: thing for thing in scene.things} if scene else {}


def _look(thing: Thing | None) -> tuple[str, str, str] | None:
    return (thing.name, thing.color, thing.size) if thing else None


def _far(thing: Thing, other: Thing) -> int:
    (row, column), (other_row, other_column) = PLACES[thing.place], PLACES[other.place]
    return (row - other_row) ** 2 + (column - other_column) ** 2


def draw_graph(
    pen: Pen, at: Point, before: Scene | None, scene: Scene, relations: list[Edge], scale: Scale = LARGE
) -> None:
    """The graph of a scene with its top left corner at a point; what differs from `before` stands out."""
    nodes = ghosts(before, scene) | dict.fromkeys(scene.things, "") | marks(before, scene)
    lines = [_way(at, edge, {PLACES[thing.place] for thing in nodes}, scale) for edge in relations]
    for line, edge in zip(lines, relations, strict=True):
        _draw_edge(pen, line, edge.asked)
    for thing, mark in nodes.items():
        _draw_node(pen, at, thing, mark, scale)
    _draw_labels(pen, lines, relations, [_middle(at, thing, scale) for thing in nodes], scale)
    new = before is None or before.background != scene.background
    left, top = at[0], at[1] + 3 * scale.cell[1]
    bar = (left + 2, top + 2, left + scale.width - 2, top + BAR - 2)
    _draw_box(pen, bar, "new" if new else "", scale)
    pen.centered(bar, f"{scene.background}: the background", font(scale.letters), INK)


def _middle(at: Point, thing: Thing, scale: Scale) -> Point:
    row, column = PLACES[thing.place]
    return at[0] + (column + 0.5) * scale.cell[0], at[1] + (row + 0.5) * scale.cell[1]


def _draw_node(pen: Pen, at: Point, thing: Thing, mark: str, scale: Scale) -> None:
    """A box with a thing's name, its colour and its size; faint where the thing is there no more."""
    x, y = _middle(at, thing, scale)
    (wide, tall), points = scale.box, scale.letters
    box = (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2)
    _draw_box(pen, box, mark, scale)
    faint, left, top = mark in FAINT, box[0] + 8, y - points * 1.35
    if not faint:
        swatch = [edge * SHARP for edge in (left, top + 2, left + points, top + 2 + points)]
        pen.ink.rectangle(swatch, fill=COLORS[thing.color], outline=QUIET)
    ink = QUIET if faint else INK
    pen.text(left if faint else left + points + 4, top, thing.name, font(points, bold=True), ink)
    pen.text(left, top + points * 1.45, f"{thing.color}, {thing.size}", font(points - 1), ink)


def _draw_box(pen: Pen, box: tuple[float, float, float, float], mark: str, scale: Scale) -> None:
    """A frame: thin, or thick with the mark's word on its upper edge, or dashed for what is there no more."""
    faint = mark in FAINT
    color = TINTS.get(mark, QUIET if faint else INK)
    sides = [round(edge * SHARP) for edge in box]
    pen.ink.rounded_rectangle(
        sides, 6 * SHARP, fill=PAPER, outline=None if faint else color, width=round((THICK if mark else 1) * SHARP)
    )
    if faint:
        frame(pen, box, color, 1, dashed=True)
    if mark:
        face = font(scale.letters - 1, bold=True)
        long, tall = face.getlength(mark) / SHARP + 8, scale.letters + 3
        chip = (box[2] - long + 8, box[1] - tall / 2, box[2] + 8, box[1] + tall / 2)
        pen.ink.rectangle([edge * SHARP for edge in chip], fill=color)
        pen.centered(chip, mark, face, ink_on(color))


def _draw_edge(pen: Pen, line: list[Point], asked: bool) -> None:
    """An arrow along a line: whole and thick where it is asked for, else dashed."""
    if len(line) < 3:  # the boxes touch
        return
    color, width = (INK, 2) if asked else (QUIET, 1.2)
    dash = max(1, round(DASH / math.dist(line[0], line[1])))
    for number, (one, other) in enumerate(pairwise(line)):
        if asked or number // dash % 2 == 0:
            pen.ink.line([*_pixels(one), *_pixels(other)], fill=color, width=round(width * SHARP))
    (x, y), back = line[-1], line[-3]
    long = math.dist(line[-1], back)
    right, down = (x - back[0]) / long, (y - back[1]) / long
    tip = [(x, y)] + [(x - 8 * right + side * down, y - 8 * down - side * right) for side in (4, -4)]
    pen.ink.polygon([_pixels(point) for point in tip], fill=color)


def _way(at: Point, edge: Edge, taken: set, scale: Scale) -> list[Point]:
    """The points of a line between two boxes, outside both; bent where it would run through a third."""
    start, end = _middle(at, edge.start, scale), _middle(at, edge.end, scale)
    bend = _bend(PLACES[edge.start.place], PLACES[edge.end.place], taken)
    hinge = tuple((start[i] + end[i]) / 2 + bend[i] * scale.cell[i] for i in (0, 1))
    line = []
    for number in range(SAMPLES):
        t = number / (SAMPLES - 1)
        parts = (1 - t) ** 2, 2 * t * (1 - t), t**2
        point = tuple(sum(p * q[i] for p, q in zip(parts, (start, hinge, end), strict=True)) for i in (0, 1))
        if not any(_inside(point, middle, scale) for middle in (start, end)):
            line.append(point)
    return line


def _bend(start: tuple[int, int], end: tuple[int, int], taken: set) -> Point:
    """How far, in cells across and down, the hinge of a line lies beside its middle."""
    down, across = end[0] - start[0], end[1] - start[1]
    between = ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2)
    if {abs(down), abs(across)} - {0, 2} or between not in taken:
        return 0.0, 0.0
    if not down:
        return 0.0, (1.0 if start[0] < 2 else -1.0)
    if not across:
        return (1.0 if start[1] < 2 else -1.0), 0.0
    sides = [(1.0, -1.0), (-1.0, 1.0)] if down * across > 0 else [(-1.0, -1.0), (1.0, 1.0)]
    return min(sides, key=lambda side: sum((at[1] - 1) * side[0] + (at[0] - 1) * side[1] > 0 for at in taken))


def _inside(point: Point, middle: Point, scale: Scale) -> bool:
    """Whether a point lies in the box around a middle, or on its frame."""
    return all(abs(point[i] - middle[i]) < scale.box[i] / 2 + 2 for i in (0, 1))


def _draw_labels(pen: Pen, lines: list[list[Point]], relations: list[Edge], boxes: list[Point], scale: Scale) -> None:
    """The word of each line on a bit of paper of its own, where no box and no other word stands if possible."""
    face, tall, written = font(scale.letters - 1), scale.letters + 2, []
    for line, edge in zip(lines, relations, strict=True):
        spots = [line[int(share * len(line))] for share in (0.5, 0.35, 0.65, 0.2, 0.8)] if line else []
        free = [spot for spot in spots if not any(_inside(spot, box, scale) for box in boxes)]
        free = [at for at in free if all(abs(at[0] - x) > 50 or abs(at[1] - y) > tall for x, y in written)] or free
        if not spots:
            continue
        x, y = (free or spots)[0]
        long = face.getlength(edge.word) / SHARP + 4
        if abs(line[-1][1] - line[0][1]) < 1 and abs(line[-1][0] - line[0][0]) < long + 24:
            y -= tall  # a short arrow keeps its line, the word stands above it
        written.append((x, y))
        box = (x - long / 2, y - tall / 2, x + long / 2, y + tall / 2)
        pen.ink.rectangle([side * SHARP for side in box], fill=PAPER)
        pen.centered(box, edge.word, face, INK)


def _pixels(point: Point) -> tuple[float, float]:
    return point[0] * SHARP, point[1] * SHARP
