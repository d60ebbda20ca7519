"""Drafts as a hurried hand leaves them: one thing on the page is smeared until the exact judge cannot tell what it is.

Most wrong drafts of a trained painter look like this: the thing is there, in its colour and its place, and has no clear
outline. A picture by the renderer never does, so a program that makes up mistakes must smear what was rendered.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image
from scipy import ndimage

from mini_model.process.judges import SURE
from mini_model.world.faults import astray
from mini_model.world.judge import see
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import UNCLEAR

TRIES = 12
PUSH = (0.6, 2.2)  # pixels that the hand shakes by, along each edge
WAVE = 2.0  # pixels over which it shakes alike
BLUR = (0.3, 0.9)  # pixels


def smeared(rng: np.random.Generator, scene: Scene, thing: Thing) -> tuple[Image.Image, Scene] | None:
    """A picture of the scene with one of its things smeared, and what the judge sees in it.

    None where after every try the thing was still plain to see, or hardly there, or others had been smeared as well.
    """
    page = render(scene.remove(thing)).astype(np.float32)
    laid = render(scene) - page
    for _ in range(TRIES):
        shaken = (page + _smear(rng, laid)).clip(0, 255).round().astype(np.uint8)
        seen = see(shaken, sure=SURE)
        faults = astray(scene, seen)
        if len(faults) == 1 and any(other.name == UNCLEAR and other.place == thing.place for other in seen.things):
            return Image.fromarray(shaken), seen
    return None


def _smear(rng: np.random.Generator, laid: Float[ndarray, "side side 3"]) -> Float[ndarray, "side side 3"]:
    """What was laid on the page, pushed about in waves and blurred."""
    side = len(laid)
    waves = ndimage.gaussian_filter(rng.standard_normal((2, side, side)), (0, WAVE, WAVE))
    at = np.indices((side, side)) + waves / waves.std() * rng.uniform(*PUSH)
    blur = rng.uniform(*BLUR)
    return np.stack([ndimage.gaussian_filter(ndimage.map_coordinates(c, at, order=1), blur) for c in laid.T], 0).T
