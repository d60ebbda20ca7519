"""Questions about a picture, with their answers: the eyes that reflection needs."""

import numpy as np

from mini_model.data.scenes import pick
from mini_model.world.prompts import in_reading_order
from mini_model.world.scene import Scene
from mini_model.world.things import NUMBERS, PLACES, THINGS

QUESTION_KINDS = ("what", "how many", "color", "where")
CAPTION_QUESTION = "what is in the picture?"


def caption(scene: Scene) -> str:
    """All that is in the picture, in reading order."""
    return in_reading_order(scene).describe()


def ask(scene: Scene, kind: str, rng: np.random.Generator) -> tuple[str, str]:
    """A question of this kind about a scene, and its answer.

    `color` and `where` ask about a thing that is there once; where no such thing exists, the question falls back to
    `what`, which can always be asked.
    """
    names = [thing.name for thing in scene.things]
    single = [thing for thing in scene.things if names.count(thing.name) == 1]
    if kind == "how many":
        name = pick(rng, names) if names and rng.random() < 0.8 else pick(rng, list(THINGS))
        return f"how many {THINGS[name]} are there?", NUMBERS[min(names.count(name), len(NUMBERS) - 1)]
    if kind in ("color", "where") and single:
        thing = single[rng.integers(len(single))]
        if kind == "color":
            return f"what color is the {thing.name}?", thing.color
        return f"where is the {thing.color} {thing.name}?", f"at the {thing.place}"
    taken = [thing.place for thing in scene.things]
    place = pick(rng, taken) if taken and rng.random() < 0.75 else pick(rng, list(PLACES))
    found = next((thing for thing in scene.things if thing.place == place), None)
    return f"what is at the {place}?", found.phrase() if found else "nothing"
