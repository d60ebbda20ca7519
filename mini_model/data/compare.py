"""Comparing a wish with what is there, in words alone: the question behind every next stroke.

A painter who goes on, or stops, must find the first thing that the prompt asks for and the picture lacks. BAGEL's
language model brings along how two lists are compared; the mini model learns it here, in the words its reflections
use. Up to five things are wished for, more than any prompt that it ever paints from in training: no picture, no whole
story, but single decisions are practised at that length.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mini_model.data.requests import in_words
from mini_model.data.scenes import HUES, MOST, NAMES, pick, random_places, random_thing, shuffled, things_beside
from mini_model.data.slips import slipped, unlike
from mini_model.process.script import DONE, LACKS, PREFIX, approval, before_verdict, complaint, plan_text, words_of
from mini_model.trajectory import Plan
from mini_model.world.faults import astray, lacking
from mini_model.world.prompts import Group, Request, caption, instruction_add
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import RELATIONS, UNCLEAR

COLORED, COUNTED, RELATED = 0.7, 0.35, 0.5  # of the wishes name colours, ask for several of a kind, or for one relation
LOOSE, TO_PAINT = 0.5, 0.5  # of the wishes join their things any way; ask to paint in steps
IN_ORDER = 0.6  # of the scenes hold the first things wished for, as a painting half-way does
STRAY = 0.15  # how often one thing has a colour that was not asked for
BESIDE = 0.3  # how often things stand there that nobody asked for
SPOILT, UNTOLD = 0.6, 0.3  # of the drafts told of are not as planned; of those show a thing that cannot be told


def comparison(rng: np.random.Generator) -> tuple[str, str, str]:
    """What is wished for, what is seen with the question, and the answer: 'a blue ring and two red cups.'."""
    request = _wish(rng)
    things = _some_of(rng, request.fulfil(rng).things)
    if things and request.groups[0].color and rng.random() < STRAY:
        at = int(rng.integers(len(things)))
        things[at] = replace(things[at], color=pick(rng, [hue for hue in HUES if hue != things[at].color]))
    wish = in_words(rng, request, LOOSE)
    wish = PREFIX + wish if rng.random() < TO_PAINT else wish
    seen, lacks = _reflection(request, things).split(LACKS)
    return wish, seen + LACKS, lacks.strip()


def next_stroke(rng: np.random.Generator) -> tuple[str, str, str, bool]:
    """What is wished for, what is seen of it, what is said then, and whether that leads to drawing.

    One decision of a painting, in words alone: what is lacking, and the plan for one of it.
    """
    request = _wish(rng)
    goal = request.fulfil(rng)
    there = _some_of(rng, goal.things)
    if rng.random() < BESIDE:
        there = [*things_beside(rng, goal, MOST - 1 - len(there)), *there]
    said, then, draws = _what_next(request, goal, there)
    seen = said.split(LACKS)[0]
    return PREFIX + in_words(rng, request, LOOSE), seen, f"{said.removeprefix(seen)} {then}".strip(), draws


def verdict(rng: np.random.Generator) -> tuple[str, str, str, str, bool]:
    """What is wished for, what was planned, what is seen then, what is said of it, and whether that leads to drawing.

    One look at a draft, in words alone: it is as planned and the next plan follows, or else what mends it.
    """
    request = _wish(rng)
    goal = request.fulfil(rng)
    there = list(goal.things[: int(rng.integers(1, len(goal.things) + 1))])
    new = there[-1]
    if rng.random() < BESIDE:
        there = [*things_beside(rng, goal, MOST - len(there)), *there]
    planned = Scene(tuple(there))
    if rng.random() < SPOILT:
        wrong = _untold(rng, planned) if rng.random() < UNTOLD else slipped(rng, planned, new)
        said, draws = _told_off(planned, wrong), True
    else:
        reflection, then, draws = _what_next(request, goal, there)
        said = f"{reflection} {then}"
    plan = plan_text(Plan(instruction=instruction_add(new), description=caption(planned)))
    seen = before_verdict(said)
    return PREFIX + in_words(rng, request, LOOSE), plan, seen, said.removeprefix(seen), draws


def spot(rng: np.random.Generator, most: int) -> tuple[str, str, str, bool]:
    """A plan of at most so many things, what is seen, what is said of it, and whether that leads to drawing.

    In half of the cases one thing differs in one point.
    """
    count = int(rng.integers(1, most + 1))
    planned = Scene(tuple(random_thing(rng, place) for place in random_places(rng, count)))
    thing = pick(rng, list(planned.things))
    plan = plan_text(Plan(instruction=instruction_add(thing), description=caption(planned)))
    if spoilt := rng.random() < 0.5:
        said = _told_off(planned, planned.swap(thing, _other(rng, planned, thing)))
    else:
        said = f"{approval(caption(planned), 'nothing').text} {DONE}"
    seen = before_verdict(said)
    return plan, seen, said.removeprefix(seen), spoilt


def _told_off(planned: Scene, seen: Scene) -> str:
    """What a painter says of a draft that is not as planned, with the instruction that mends it."""
    return words_of(complaint(caption(seen), astray(planned, seen)[0].mend))


def _other(rng: np.random.Generator, scene: Scene, thing: Thing) -> Thing:
    """The same thing but for its colour, name, size or place."""
    kind = pick(rng, ["color", "name", "size", "place"])
    if kind == "place":
        return replace(thing, place=pick(rng, scene.free_places()))
    if kind == "size":
        return replace(thing, size="small" if thing.size == "big" else "big")
    return unlike(rng, thing, kind)


def _untold(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene with one of its things smeared, so that its colour alone is plain to see."""
    thing = pick(rng, list(scene.things))
    return scene.swap(thing, replace(thing, name=UNCLEAR, size=pick(rng, [thing.size, "small"])))


def _what_next(request: Request, goal: Scene, there: Sequence[Thing]) -> tuple[str, str, bool]:
    """What a painter says of these things when none is wrong, what it says next, and whether that leads to drawing."""
    rest = [thing for thing in goal.things if thing not in there]
    then = DONE
    if rest:
        after = Scene((*there, rest[0]))
        then = plan_text(Plan(instruction=instruction_add(rest[0]), description=caption(after)))
    said = _reflection(request, there) if there else ""  # a painting begins with a plan
    return said, then, bool(rest)


def _reflection(request: Request, there: Sequence[Thing]) -> str:
    """What a painter says of these things when none of them is wrong."""
    return approval(caption(Scene(tuple(there))), lacking(request.groups, there)).text


def _wish(rng: np.random.Generator) -> Request:
    """One to five things: each of another kind, two of them perhaps in a relation, or some of one kind."""
    colored, left = rng.random() < COLORED, int(rng.integers(1, MOST + 1))
    counted, groups = rng.random() < COUNTED, []
    for name in shuffled(rng, NAMES):
        if not left:
            break
        count = int(rng.integers(1, min(left, 4) + 1)) if counted else 1
        groups.append(Group(name, count, pick(rng, HUES) if colored else None))
        left -= count
    relations: list[str | None] = [None] * (len(groups) - 1)
    if relations and not counted and rng.random() < RELATED:
        relations[int(rng.integers(len(relations)))] = pick(rng, list(RELATIONS))
    return Request(tuple(groups), tuple(relations))


def _some_of(rng: np.random.Generator, wished: Sequence[Thing]) -> list[Thing]:
    """Some of the things wished for: the first so and so many, or any."""
    first = int(rng.integers(len(wished) + 1)) if rng.random() < IN_ORDER else None
    return list(wished[:first]) if first is not None else [thing for thing in wished if rng.random() < 0.7]
