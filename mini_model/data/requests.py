"""Random requests of every kind the base model is trained on: at most three kinds of things and one relation.

The hard split of the benchmarks asks for more (four or five things, two relations, two counts at once); nothing
here or in any trajectory of training goes that far.
"""

import numpy as np

from mini_model.data.scenes import GROUNDS, HUES, NAMES, pick
from mini_model.world.prompts import Group, Request
from mini_model.world.things import RELATIONS

# kind of request -> share of the requests
SHARES = {
    "single": 0.10,
    "color": 0.12,
    "two": 0.12,
    "two colors": 0.20,
    "relation": 0.20,
    "count": 0.16,
    "three": 0.10,
}
KINDS, WEIGHTS = list(SHARES), np.array(list(SHARES.values())) / sum(SHARES.values())
COLORED = 0.6  # of the relations and counts name colours
SMALL, GROUND = 0.12, 0.15  # how often a size or a background is named


def random_request(rng: np.random.Generator, kind: str | None = None) -> Request:
    """A request of one kind, or of a kind drawn by its share."""
    kind = kind or KINDS[rng.choice(len(KINDS), p=WEIGHTS)]
    ground = pick(rng, GROUNDS[1:]) if rng.random() < GROUND else None
    colored = kind in ("color", "two colors") or (kind in ("relation", "count", "three") and rng.random() < COLORED)
    if kind == "count":
        return Request((_group(rng, colored, count=int(rng.integers(2, 5))),), background=ground)
    count = {"single": 1, "color": 1, "three": 3}.get(kind, 2)
    names = [NAMES[i] for i in rng.permutation(len(NAMES))[:count]]
    groups = tuple(_group(rng, colored, name=name) for name in names)
    relations: tuple = ()
    if kind == "relation":
        relations = (pick(rng, list(RELATIONS)),)
    elif kind == "three" and rng.random() < 0.5:
        relations = (pick(rng, list(RELATIONS)), None) if rng.random() < 0.5 else (None, pick(rng, list(RELATIONS)))
    return Request(groups, relations, ground)


def _group(rng: np.random.Generator, colored: bool, name: str | None = None, count: int = 1) -> Group:
    size = "small" if rng.random() < SMALL else None
    return Group(name or pick(rng, NAMES), count, pick(rng, HUES) if colored else None, size)
