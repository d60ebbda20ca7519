"""Questions about a picture, with their answers: the eyes that reflection needs."""

import numpy as np

from mini_model.data.scenes import pick, shuffled
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import NUMBERS, PLACES, THINGS

QUESTION_KINDS = ("what", "how many", "color", "where")
EACH_QUESTION = "what color is it all, and where is it?"
COUNT_QUESTION = "how many are there of all?"
PLACE_QUESTION = "what is where?"

Asked = tuple[str, str]  # a question and its answer


def ask(scene: Scene, kind: str, rng: np.random.Generator) -> Asked:
    """A question of this kind about a scene, and its answer.

    `color` and `where` ask about a thing that is there once; where no such thing exists, the question falls back to
    `what`, which can always be asked.
    """
    names, single = [thing.name for thing in scene.things], named_once(scene)
    if kind == "how many":
        return _how_many(scene, pick(rng, names) if names and rng.random() < 0.8 else pick(rng, list(THINGS)))
    if kind in ("color", "where") and single:
        thing = single[rng.integers(len(single))]
        return _color(thing) if kind == "color" else _where(thing)
    taken = [thing.place for thing in scene.things]
    return _what(scene, pick(rng, taken) if taken and rng.random() < 0.75 else pick(rng, list(PLACES)))


def each_thing(scene: Scene, rng: np.random.Generator) -> str:
    """Colour and place of everything that is there once, by its name: 'boat red top left, moon blue center'.

    The answer stands right behind what it must be looked up by. There it is learnt within minutes, and questions are
    then learnt from it; with one word between the two it was not learnt in hours.
    """
    return ", ".join(f"{thing.name} {thing.color} {thing.place}" for thing in shuffled(rng, named_once(scene)))


def each_count(scene: Scene, rng: np.random.Generator) -> str:
    """How many there are of each name, and of some that are not there: 'boats two, cups zero, moons one'."""
    names = [thing.name for thing in scene.things]
    asked = shuffled(rng, _and_some_absent(names, rng))
    return ", ".join(f"{THINGS[name]} {_number(names, name)}" for name in asked)


def _and_some_absent(names: list[str], rng: np.random.Generator) -> list[str]:
    """Each name once, and a few that are not among them, so that a name alone says nothing."""
    absent = [name for name in THINGS if name not in names]
    return list(dict.fromkeys([*names, *(pick(rng, absent) for _ in range(1 + len(names) // 3))]))


def _number(names: list[str], name: str) -> str:
    return NUMBERS[min(names.count(name), len(NUMBERS) - 1)]


def each_place(scene: Scene, rng: np.random.Generator) -> str:
    """What is where, by the place, one empty place among them: 'center small blue moon, top left nothing'."""
    found = [f"{thing.place} {thing.phrase().partition(' ')[2]}" for thing in scene.things]
    found.append(f"{pick(rng, scene.free_places())} nothing")
    return ", ".join(shuffled(rng, found))


def named_once(scene: Scene) -> list[Thing]:
    """The things whose name no other thing of the scene bears."""
    names = [thing.name for thing in scene.things]
    return [thing for thing in scene.things if names.count(thing.name) == 1]


def examine(scene: Scene, rng: np.random.Generator, way: str | None = None) -> list[Asked]:
    """Many questions about one scene, in any order, none of which gives the answer to another away.

    They pay together for the tokens a picture takes, and each still has to be answered by looking: all go by the
    number of things, or by their places, or by their names (the colour before the place, whose question names it).
    way: "number", "place" or "name"; one of them at random where none is given.
    """
    names, single = [thing.name for thing in scene.things], named_once(scene)
    way = way or rng.choice(["number", "place", "name"], p=[0.35, 0.15, 0.5])
    if way == "name" and single:
        groups = [pick(rng, [[_color(t), _where(t)], [_where(t)], [_where(t)]]) for t in single]
    elif way == "place":
        groups = [[_what(scene, place)] for place in [*(t.place for t in scene.things), pick(rng, scene.free_places())]]
    else:
        groups = [[_how_many(scene, name)] for name in _and_some_absent(names, rng)]
    return [asked for group in shuffled(rng, groups) for asked in group]


def _how_many(scene: Scene, name: str) -> Asked:
    return f"how many {THINGS[name]} are there?", _number([thing.name for thing in scene.things], name)


def _color(thing: Thing) -> Asked:
    return f"what color is the {thing.name}?", thing.color


def _where(thing: Thing) -> Asked:
    return f"where is the {thing.color} {thing.name}?", f"at the {thing.place}"


def _what(scene: Scene, place: str) -> Asked:
    found = next((thing for thing in scene.things if thing.place == place), None)
    return f"what is at the {place}?", found.phrase() if found else "nothing"
