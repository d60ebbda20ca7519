"""What is wrong with a picture, and what would mend it: two questions a critic asks, answered from scene graphs.

`astray` asks whether a picture is what was planned; `conflicts` asks whether what is there can still become what
was wished for. What is wished for and not there yet is no fault: `lacking` says it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mini_model.world.prompts import (
    Group,
    Request,
    instruction_add,
    instruction_move,
    instruction_recolor,
    instruction_remove,
    instruction_resize,
    instruction_swap,
)
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import COLORS, PLACES, related


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: of which kind, the instruction that mends it, and the scene once it is mended."""

    kind: str  # "color" | "name" | "size" | "place" | "missing" | "extra"
    mend: str
    after: Scene


def lacking(wanted: Sequence[Group], there: Sequence[Thing]) -> str:
    """The first of what is wanted and not there, and how many of it: 'two red cups', or 'nothing'."""
    rest = [replace(group, count=group.count - sum(fits(thing, group) for thing in there)) for group in wanted]
    return next((group.phrase() for group in rest if group.count > 0), "nothing")


def fits(thing: Thing, group: Group) -> bool:
    """Whether this thing is one of those that are wanted."""
    looks_right = group.color in (None, thing.color) and group.size in (None, thing.size)
    return thing.name == group.name and looks_right


def astray(planned: Scene, seen: Scene) -> list[Fault]:
    """How a picture differs from its plan, in reading order: the shake of the hand does not count."""
    wanted, there = _by_place(planned), _by_place(seen)
    lost = {place: thing for place, thing in wanted.items() if place not in there}
    faults = []
    for place in PLACES:
        want, got = wanted.get(place), there.get(place)
        if want and got and _look(want) != _look(got):
            faults.append(_unlike(seen, got, want))
        elif got and not want:
            home = next((spot for spot, thing in lost.items() if _look(thing) == _look(got)), None)
            faults.append(moved(seen, got, home) if home else taken_away(seen, got))
            lost.pop(home, None)
    faults += [Fault("missing", instruction_add(thing), seen.add(thing)) for thing in lost.values()]
    return faults


def conflicts(request: Request, scene: Scene) -> list[Fault]:
    """What in a scene contradicts a request, however the painting goes on; what is merely missing does not."""
    faults, open_groups, firsts = [], [], []
    stray = list(scene.things)
    for group in request.groups:
        mine = [thing for thing in stray if fits(thing, group)][: group.count]
        stray = [thing for thing in stray if thing not in mine]
        firsts.append(mine[0] if mine else None)
        open_groups += [group] if len(mine) < group.count else []
    for thing in stray:
        home = next((group for group in open_groups if group.name == thing.name), None)
        faults.append(_made_fit(scene, thing, home) if home else taken_away(scene, thing))
    return [*faults, *_misplaced(request, scene, firsts)]


def _misplaced(request: Request, scene: Scene, firsts: list[Thing | None]) -> list[Fault]:
    """Relations that do not hold, and things that leave no room for the one they are related to."""
    pairs = zip(firsts, request.relations, firsts[1:], strict=False)
    found = [_apart(scene, first, relation, second) for first, relation, second in pairs if relation]
    return [fault for fault in found if fault]


def _apart(scene: Scene, first: Thing | None, relation: str, second: Thing | None) -> Fault | None:
    """Two things that do not and cannot stand as they should, and one move that mends it or makes room for a second."""
    free = scene.free_places()
    starts, ends = ([thing.place] if thing else free for thing in (first, second))
    if not (first or second) or _reachable(starts, relation, ends):
        return None
    if second and (home := next((place for place in free if _reachable(starts, relation, [place])), None)):
        return moved(scene, second, home)
    for room in (ends, free):  # where the second stands, or could be moved to after this
        if first and (home := next((place for place in free if _reachable([place], relation, room)), None)):
            return moved(scene, first, home)
    return None


def _reachable(starts: Sequence[str], relation: str, ends: Sequence[str]) -> bool:
    """Whether some two of these places stand in a relation."""
    return any(related(start, relation, end) for start in starts for end in ends)


def moved(scene: Scene, thing: Thing, place: str) -> Fault:
    """A thing that stands in the wrong place."""
    after = scene.swap(thing, replace(thing, place=place))
    return Fault("place", instruction_move(thing, place), after)


def taken_away(scene: Scene, thing: Thing) -> Fault:
    """A thing too many."""
    return Fault("extra", instruction_remove(thing), scene.remove(thing))


def _unlike(scene: Scene, got: Thing, want: Thing) -> Fault:
    """A thing that looks other than it should, mended by one instruction."""
    new = replace(want, place=got.place, nudge=got.nudge)
    if got.name != want.name or (got.color != want.color and got.size != want.size):
        return Fault("name", instruction_swap(got, new), scene.swap(got, new))
    if got.color != want.color:
        return Fault("color", instruction_recolor(got, want.color), scene.swap(got, new))
    return Fault("size", instruction_resize(got, want.size), scene.swap(got, new))


def _made_fit(scene: Scene, thing: Thing, group: Group) -> Fault:
    """A thing of the right name in the colour or size of its group."""
    return _unlike(scene, thing, replace(thing, color=group.color or thing.color, size=group.size or thing.size))


def _by_place(scene: Scene) -> dict[str, Thing]:
    return {thing.place: thing for thing in scene.things}


def _look(thing: Thing) -> tuple[str, str, str]:
    return thing.name, thing.color, thing.size


def completed(rng: np.random.Generator, request: Request, scene: Scene, tries: int = 100) -> Scene | None:
    """The scene with all that the request asks for beside it, each thing where it contradicts nothing; or None."""
    for _ in range(tries):
        goal = scene
        for group in request.groups:
            there = [thing for thing in goal.things if thing.name == group.name]
            for _ in range(group.count - len(there)):
                color, place = group.color or str(rng.choice(list(COLORS))), str(rng.choice(goal.free_places()))
                goal = goal.add(Thing(group.name, color, place, group.size or "big"))
        if not conflicts(request, goal):
            return goal
    return None
