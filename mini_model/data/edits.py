"""One change to a scene, with the words that ask for it: add, recolour, resize, swap, remove, move."""

import numpy as np

from mini_model.data.scenes import (
    HUES,
    MOST,
    by_share,
    pick,
    random_background,
    random_nudge,
    random_scene,
    random_thing,
)
from mini_model.world.prompts import (
    instruction_add,
    instruction_move,
    instruction_recolor,
    instruction_remove,
    instruction_resize,
    instruction_swap,
)
from mini_model.world.scene import Scene, Thing

# kind of edit -> share of the edits
SHARES = {"add": 0.55, "recolor": 0.14, "swap": 0.09, "remove": 0.12, "move": 0.06, "resize": 0.04}


def random_edit(rng: np.random.Generator) -> tuple[Scene, str, Scene]:
    """A scene, one instruction, and the scene after it."""
    kind = by_share(rng, SHARES)
    if kind == "add":
        before = random_scene(rng, int(rng.integers(0, MOST)))
        thing = random_thing(rng, pick(rng, before.free_places()))
        return before, instruction_add(thing), before.add(thing)
    before = random_scene(rng, int(rng.integers(1, MOST + 1)))
    return (before, *change(rng, before, before.things[rng.integers(len(before.things))], kind))


def change(rng: np.random.Generator, scene: Scene, thing: Thing, kind: str) -> tuple[str, Scene]:
    """An instruction that changes one thing of a scene in this way, and the scene after it."""
    if kind == "recolor":
        color = pick(rng, [hue for hue in HUES if hue != thing.color])
        new = Thing(thing.name, color, thing.place, thing.size, thing.nudge)
        return instruction_recolor(thing, color), scene.swap(thing, new)
    if kind == "resize":
        size = "small" if thing.size == "big" else "big"
        new = Thing(thing.name, thing.color, thing.place, size, thing.nudge)
        return instruction_resize(thing, size), scene.swap(thing, new)
    if kind == "swap":
        new = random_thing(rng, thing.place)
        return instruction_swap(thing, new), scene.swap(thing, new)
    if kind == "move":
        place = pick(rng, scene.free_places())
        new = Thing(thing.name, thing.color, place, thing.size, random_nudge(rng))
        return instruction_move(thing, place), scene.swap(thing, new)
    return instruction_remove(thing), scene.remove(thing)


def first_stroke(rng: np.random.Generator) -> tuple[str, Scene]:
    """An instruction for an empty page, with its background, and the picture it asks for."""
    thing, ground = random_thing(rng), random_background(rng)
    opening = "" if ground == "paper" else f"on the {ground}, "
    return opening + instruction_add(thing), Scene((thing,), ground)
