"""Questions about a picture, with their answers: the eyes that reflection needs."""

import numpy as np

from mini_model.data.scenes import pick
from mini_model.world.prompts import in_reading_order
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import NUMBERS, PLACES, THINGS

QUESTION_KINDS = ("what", "how many", "color", "where")
CAPTION_QUESTION = "what is in the picture?"

# how a thing is asked about: by its number, by its name (colour and place), else by its place. To find a thing by its
# name is learnt last, far later than to tell what stands at a place, so it is asked most.
COUNTED, FOUND = 0.3, 0.55

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
    """Questions about all of a scene, in any order, none of which gives the answer to another away.

    So many about one picture pay for the tokens it takes, and each of them still has to be answered by looking:
    alike things are asked about in one way only, and a colour before the place, whose question names it.
    """
    names = [thing.name for thing in scene.things]
    groups: list[list[Asked]] = []
    for name in dict.fromkeys(names):
        alike = [thing for thing in scene.things if thing.name == name]
        dice = rng.random()
        if dice < COUNTED:
            groups.append([_how_many(scene, name)])
        elif dice < COUNTED + FOUND and len(alike) == 1:
            groups.append([_color(alike[0]), _where(alike[0])])
        else:
            groups += [[_what(scene, thing.place)] for thing in alike]
    if rng.random() < 0.5:
        groups.append([_how_many(scene, pick(rng, [name for name in THINGS if name not in names]))])
    else:
        groups.append([_what(scene, pick(rng, scene.free_places()))])
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
