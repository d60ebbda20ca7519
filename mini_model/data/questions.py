"""Questions about a picture, with their answers: the eyes that reflection needs."""

import numpy as np

from mini_model.data.scenes import pick
from mini_model.world.prompts import in_reading_order
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import NUMBERS, PLACES, THINGS

QUESTION_KINDS = ("what", "how many", "color", "where")
CAPTION_QUESTION = "what is in the picture?"

Asked = tuple[str, str]  # a question and its answer


def caption(scene: Scene) -> str:
    """All that is in the picture, in reading order."""
    return in_reading_order(scene).describe()


def ask(scene: Scene, kind: str, rng: np.random.Generator) -> Asked:
    """A question of this kind about a scene, and its answer.

    `color` and `where` ask about a thing that is there once; where no such thing exists, the question falls back to
    `what`, which can always be asked.
    """
    names = [thing.name for thing in scene.things]
    single = [thing for thing in scene.things if names.count(thing.name) == 1]
    if kind == "how many":
        return _how_many(scene, pick(rng, names) if names and rng.random() < 0.8 else pick(rng, list(THINGS)))
    if kind in ("color", "where") and single:
        thing = single[rng.integers(len(single))]
        return _color(thing) if kind == "color" else _where(thing)
    taken = [thing.place for thing in scene.things]
    return _what(scene, pick(rng, taken) if taken and rng.random() < 0.75 else pick(rng, list(PLACES)))


def examine(scene: Scene, rng: np.random.Generator) -> list[Asked]:
    """Many questions about one scene, in any order, none of which gives the answer to another away.

    They pay together for the tokens a picture takes, and each still has to be answered by looking: all go by the
    number of things, or by their places, or by their names (a colour before the place, whose question names it).
    """
    names = [thing.name for thing in scene.things]
    single = [thing for thing in scene.things if names.count(thing.name) == 1]
    way = rng.choice(["number", "place", "name"], p=[0.3, 0.1, 0.6]) if single else rng.choice(["number", "place"])
    if way == "name":
        groups = [[_color(thing), _where(thing)] for thing in single]
    elif way == "place":
        groups = [[_what(scene, place)] for place in [*(t.place for t in scene.things), pick(rng, scene.free_places())]]
    else:
        absent = [name for name in THINGS if name not in names]
        asked = [*dict.fromkeys(names), *(pick(rng, absent) for _ in range(1 + len(names) // 3))]
        groups = [[_how_many(scene, name)] for name in dict.fromkeys(asked)]
    return [asked for i in rng.permutation(len(groups)) for asked in groups[i]]


def _how_many(scene: Scene, name: str) -> Asked:
    count = sum(thing.name == name for thing in scene.things)
    return f"how many {THINGS[name]} are there?", NUMBERS[min(count, len(NUMBERS) - 1)]


def _color(thing: Thing) -> Asked:
    return f"what color is the {thing.name}?", thing.color


def _where(thing: Thing) -> Asked:
    return f"where is the {thing.color} {thing.name}?", f"at the {thing.place}"


def _what(scene: Scene, place: str) -> Asked:
    found = next((thing for thing in scene.things if thing.place == place), None)
    return f"what is at the {place}?", found.phrase() if found else "nothing"
