"""Slips of the hand, made up by a program: a stroke gone wrong, and what is to be seen of it.

Most are sharp, and something else than was planned; the rest show a thing that cannot be told (`smears.py`).
"""

from dataclasses import replace

import numpy as np
from PIL import Image

from mini_model.data.edits import change
from mini_model.data.scenes import HUES, NAMES, pick, random_nudge, random_thing
from mini_model.data.smears import smeared
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing

SLIPS = ("color", "name", "place", "missing", "extra", "lost")
SMEARED = 0.3  # of the wrong drafts hold a thing that cannot be told; the rest are sharp, and something else


def slip(rng: np.random.Generator, after: Scene, thing: Thing, smears: float = SMEARED) -> tuple[Image.Image, Scene]:
    """A wrong draft of `after`, in which `thing` was to be brought in, and what is to be seen in it."""
    if rng.random() < smears and (blot := smeared(rng, after, thing)):
        return blot
    wrong = slipped(rng, after, thing)
    return picture_of(wrong), wrong


def slipped(rng: np.random.Generator, after: Scene, thing: Thing) -> Scene:
    """The scene with one thing wrong in it: the new one, one too many, or one that was right before."""
    kind = pick(rng, list(SLIPS))
    others = [t for t in after.things if t != thing]
    free = after.free_places()
    if kind in ("color", "name"):
        return after.swap(thing, unlike(rng, thing, kind))
    if kind == "place":
        return after.swap(thing, replace(thing, place=pick(rng, free)))
    if kind == "extra":
        look = thing if rng.random() < 0.5 else random_thing(rng, thing.place)  # often one more of the same
        return after.add(Thing(look.name, look.color, pick(rng, free), look.size, random_nudge(rng)))
    if kind == "lost" and others:
        gone = others[rng.integers(len(others))]
        return after.remove(gone) if rng.random() < 0.5 else change(rng, after, gone, "recolor")[1]
    return after.remove(thing)


def unlike(rng: np.random.Generator, thing: Thing, what: str) -> Thing:
    """The same thing but for its colour, or but for its name."""
    color = pick(rng, [c for c in HUES if c != thing.color]) if what == "color" else thing.color
    name = pick(rng, [n for n in NAMES if n != thing.name]) if what == "name" else thing.name
    return Thing(name, color, thing.place, thing.size, thing.nudge)


def picture_of(scene: Scene) -> Image.Image:
    """A scene as a picture, drawn by the world's own renderer."""
    return Image.fromarray(render(scene))
