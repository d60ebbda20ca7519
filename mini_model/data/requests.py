"""Random requests of every kind the base model is trained on: at most three kinds of things and one relation.

Four things at most. The hard split of the benchmarks asks for more (four or five kinds of things, two relations,
five things in two counts); nothing that is painted in training goes that far. Only in words alone are as many things
wished for (`compare`), and what is seen or told of may hold as many.
"""

import re

import numpy as np

from mini_model.data.scenes import GROUNDS, HUES, NAMES, by_share, pick, shuffled
from mini_model.world.prompts import OPENINGS, Group, Request
from mini_model.world.things import RELATIONS

# kind of request -> share of the requests
SHARES = {
    "single": 0.10,
    "color": 0.10,
    "two": 0.12,
    "two colors": 0.20,
    "relation": 0.20,
    "count": 0.13,
    "three": 0.09,
    "count and one": 0.04,
    "count and two": 0.02,
}
COLORED, RELATED = 0.6, 0.75  # of the relations and counts name colours; of three things two stand in a relation
KINDS_OF_THINGS = {
    "single": 1,
    "color": 1,
    "two": 2,
    "two colors": 2,
    "relation": 2,
    "count": 1,
    "three": 3,
    "count and one": 2,
    "count and two": 3,
}
SMALL, GROUND = 0.12, 0.15  # how often a size or a background is named


def random_request(rng: np.random.Generator, kind: str | None = None, shares: dict[str, float] = SHARES) -> Request:
    """A request of one kind, or of a kind drawn by its share."""
    kind = kind or by_share(rng, shares)
    ground = pick(rng, GROUNDS[1:]) if rng.random() < GROUND else None
    colored = kind in ("color", "two colors") or (kind not in ("single", "two") and rng.random() < COLORED)
    names = shuffled(rng, NAMES)[: KINDS_OF_THINGS[kind]]
    counts = _counts(rng, kind)
    groups = tuple(_group(rng, colored, name, count) for name, count in zip(names, counts, strict=True))
    relations: tuple = ()
    if kind == "relation":
        relations = (pick(rng, list(RELATIONS)),)
    elif kind == "three" and rng.random() < RELATED:
        relations = (pick(rng, list(RELATIONS)), None) if rng.random() < 0.5 else (None, pick(rng, list(RELATIONS)))
    return Request(groups, relations, ground)


def _counts(rng: np.random.Generator, kind: str) -> list[int]:
    """How many of each kind of thing."""
    if kind == "count":
        return [int(rng.integers(2, 5))]
    if kind == "count and one":
        return pick(rng, [[2, 1], [1, 2], [3, 1], [1, 3]])
    if kind == "count and two":
        return pick(rng, [[2, 1, 1], [1, 2, 1], [1, 1, 2]])
    return [1] * KINDS_OF_THINGS[kind]


def _group(rng: np.random.Generator, colored: bool, name: str, count: int) -> Group:
    size = "small" if rng.random() < SMALL else None
    return Group(name, count, pick(rng, HUES) if colored else None, size)


def in_words(rng: np.random.Generator, request: Request, loose: float) -> str:
    """The request as a prompt; `loose` is how often its things are joined any way."""
    prompt = request.sentence(pick(rng, list(OPENINGS)))
    return loosely_joined(rng, prompt) if rng.random() < loose else prompt


def loosely_joined(rng: np.random.Generator, prompt: str) -> str:
    """The same list with a comma or an "and" at random between its things: 'a cup and a star, a tree'."""
    return re.sub(r", | and ", lambda _: pick(rng, [", ", " and "]), prompt)
