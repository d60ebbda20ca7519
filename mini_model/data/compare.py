"""Comparing a wish with what is there, in words alone: the question behind every next stroke.

A painter who goes on, or stops, must find what the prompt asks for and the picture lacks. BAGEL's language model
brings along how two lists are compared; the mini model learns it here. Up to five things are wished for, more than
any prompt that it ever paints from in training.
"""

from dataclasses import replace

import numpy as np

from mini_model.data.questions import caption
from mini_model.data.scenes import HUES, MOST, NAMES, pick, random_places, shuffled
from mini_model.world.prompts import OPENINGS, Group, Request
from mini_model.world.scene import Scene, Thing, join

LACKS_QUESTION = "what is not there?"
COLORED, COUNTED = 0.7, 0.35  # of the wishes name colours, ask for several things of a kind
IN_ORDER = 0.6  # of the scenes hold the first things wished for, as a painting half-way does
STRAY = 0.15  # how often one thing has a colour that was not asked for


def comparison(rng: np.random.Generator) -> tuple[str, str, str]:
    """What is wished for, what is there with the question, and the answer: 'a blue ring and two red cups'."""
    groups = _wish(rng)
    there = _share_of(rng, groups)
    things = [thing for group, count in zip(groups, there, strict=True) for thing in [_look(rng, group)] * count]
    if things and groups[0].color and rng.random() < STRAY:
        there, things = _with_a_stray(rng, groups, there, things)
    places = random_places(rng, len(things))
    scene = Scene(tuple(replace(thing, place=place) for thing, place in zip(things, places, strict=True)))
    lacking = [replace(g, count=g.count - n) for g, n in zip(groups, there, strict=True) if n < g.count]
    answer = join([group.phrase() for group in lacking] or ["nothing"])
    return Request(groups).sentence(pick(rng, list(OPENINGS))), f"i see {caption(scene)}. {LACKS_QUESTION}", answer


def _wish(rng: np.random.Generator) -> tuple[Group, ...]:
    """One to five things: each of another kind, or some of one kind."""
    colored, left = rng.random() < COLORED, int(rng.integers(1, MOST + 1))
    counted, groups = rng.random() < COUNTED, []
    for name in shuffled(rng, NAMES):
        if not left:
            break
        count = int(rng.integers(1, min(left, 4) + 1)) if counted else 1
        groups.append(Group(name, count, pick(rng, HUES) if colored else None))
        left -= count
    return tuple(groups)


def _share_of(rng: np.random.Generator, groups: tuple[Group, ...]) -> list[int]:
    """How many of each group are there: the first so and so many things, or any."""
    total = sum(group.count for group in groups)
    first = int(rng.integers(total + 1)) if rng.random() < IN_ORDER else None
    there = []
    for group in groups:
        count = int(rng.binomial(group.count, 0.7)) if first is None else min(first, group.count)
        there.append(count)
        first = None if first is None else first - count
    return there


def _look(rng: np.random.Generator, group: Group) -> Thing:
    """A thing of a group, in any colour where none is named; its place is found later."""
    return Thing(group.name, group.color or pick(rng, HUES), "center")


def _with_a_stray(
    rng: np.random.Generator, groups: tuple[Group, ...], there: list[int], things: list[Thing]
) -> tuple[list[int], list[Thing]]:
    """One of the things in a wrong colour, so that it does not count."""
    at = int(rng.integers(len(things)))
    wrong = replace(things[at], color=pick(rng, [hue for hue in HUES if hue != things[at].color]))
    counts = [n - (group.name == wrong.name) for group, n in zip(groups, there, strict=True)]
    return counts, [*things[:at], wrong, *things[at + 1 :]]
