"""The exact judge: pixels in, things out, by measuring alone; nothing here is learnt.

Five steps, each a few lines: find the page under the things; measure how much of each pixel each colour
covers; gather covered pixels into patches; lay the renderer's stamps over each patch and keep the best; read
its colour. What is found goes into the very scoring rules that judge photographs (`mini_model.scoring`).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from scipy import ndimage

from mini_model import scoring
from mini_model.errors import KitError
from mini_model.scoring import Verdict
from mini_model.world.render import MAX_NUDGE, MIDDLES, background, stamp
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import BACKGROUNDS, COLORS, PLACES, SIDE, SIZES, THINGS, UNCLEAR

COVERED = 0.36  # a pixel belongs to a thing when a colour covers this much of it
DUST = 8  # patches of fewer pixels are specks, not things
WINDOW = 26  # pixels along each edge of the window in which stamps are laid over a patch
SHIFTS = (-1, 0, 1)  # where a stamp may lie around the patch's centre of mass
SOFT = (0.0, 0.6)  # stamps are tried sharp and slightly blurred, since a decoded picture is soft
# Agreement of a patch with its stamp that scores 0 and 1. Measured: things blurred by 0.6 pixels agree to
# 0.99 at the least, by 1.2 to 0.90; random blots to 0.75 as a rule, half one thing and half another to 0.81.
WORST, BEST = 0.70, 0.95

Image = UInt8[ndarray, "side side 3"]
Box = tuple[slice, slice]


class Sighting(NamedTuple):
    """One thing as it was seen: what, how sure (0 to 1), and the row and column of its frame's middle."""

    name: str
    size: str
    color: str
    score: float
    middle: tuple[int, int]


class Patch(NamedTuple):
    """A patch of colour as seen through a window around its centre of mass (row and column)."""

    middle: tuple[int, int]
    cover: Float[ndarray, "pixels"]  # how much of each pixel is covered
    paint: Float[ndarray, "pixels 3"]  # what was laid on the page: colour minus the page's colour
    mass: float  # squared length of the cover, also of what lies outside the window


def judge(spec: dict, image: Image) -> Verdict:
    """Is the picture what was asked for? `spec` is in GenEval's shape, as in `mini_model.scoring`."""
    return scoring.judge(spec, detections(image))


def detections(image: Image) -> list[dict]:
    """What a detector would report: a list of {"class", "box", "score", "color"}, surest first.

    The box [x0, y0, x1, y1] is the square frame that the thing is drawn in, so two things stand to each other
    as their places do. A clean or slightly soft thing scores above 0.9, a smear less, and a blot that is no
    thing below 0.3 as a rule.
    """
    found = []
    for seen in sightings(image):
        half, (row, column) = SIZES[seen.size] // 2, seen.middle
        box = [column - half, row - half, column + half, row + half]
        found.append({"class": seen.name, "box": box, "score": seen.score, "color": seen.color})
    return found


def see(image: Image, sure: float = scoring.THRESHOLD) -> Scene:
    """Read a picture back into a scene graph: `see(render(scene))` has the scene's things, in reading order.

    What does not score above `sure` is seen and not told: 'a red thing'; what not even a detector would report is left
    out. Where two share a place the surer one stays.
    """
    things: dict[str, Thing] = {}
    for seen in sightings(image):
        if seen.score > scoring.THRESHOLD:
            thing = _thing(seen if seen.score > sure else seen._replace(name=UNCLEAR))
            things.setdefault(thing.place, thing)
    return Scene(tuple(things[place] for place in PLACES if place in things), find_background(image))


def sightings(image: Image) -> list[Sighting]:
    """Every patch of colour on the page with the thing it looks most like, surest first.

    Raises KitError when the picture is not SIDE x SIDE x 3 bytes.
    """
    ground = find_background(image)
    paint, covers = image - background(ground), _covers(image, ground)
    labels, _ = ndimage.label(covers.max(0) > COVERED, np.ones((3, 3)))
    boxes = list(enumerate(ndimage.find_objects(labels), start=1))
    patches = [
        _patch(paint, covers, labels, label, box)
        for label, box in boxes
        if np.count_nonzero(labels[box] == label) >= DUST
    ]
    return sorted(_recognise(patches, ground), key=lambda seen: -seen.score)


def find_background(image: Image) -> str:
    """The background whose first and last row are most like the picture's; nothing is ever drawn there.

    Raises KitError when the picture is not SIDE x SIDE x 3 bytes.
    """
    shape, kind = np.shape(image), getattr(image, "dtype", type(image).__name__)
    if shape != (SIDE, SIDE, 3) or kind != np.uint8:
        raise KitError(f"the judge reads {SIDE}x{SIDE} RGB bytes, not {shape} of {kind}; resize and round first")
    far = np.abs(image[[0, -1]].mean(1) - np.array(list(BACKGROUNDS.values()))).sum((1, 2))
    return list(BACKGROUNDS)[far.argmin()]


def _thing(seen: Sighting) -> Thing:
    """A sighting as a node of the graph: its nearest place, and what is left over as the nudge."""
    spot = tuple(min(range(3), key=lambda i: abs(MIDDLES[i] - at)) for at in seen.middle)
    place = next(name for name, other in PLACES.items() if other == spot)
    nudge = (seen.middle[0] - MIDDLES[spot[0]], seen.middle[1] - MIDDLES[spot[1]])
    nudge = tuple(max(-MAX_NUDGE, min(MAX_NUDGE, shift)) for shift in nudge)
    return Thing(seen.name, seen.color, place, seen.size, nudge)


def _covers(image: Image, ground: str) -> Float[ndarray, "colors side side"]:
    """For each colour, how much of each pixel it covers: 0 on the page's colour, 1 on its own.

    A pixel on the way from the page to the colour is as far along as it is covered; another hue falls short.
    """
    palette, reach = _palette(ground)
    pixels = image.reshape(-1, 3).astype(np.float32)
    squared = (palette**2).sum(1)[:, None] - 2 * palette @ pixels.T + (pixels**2).sum(1)
    far = np.sqrt(np.maximum(squared, 0)).reshape(reach.shape)
    return np.maximum(1 - far / reach, 0)


def _patch(
    paint: Float[ndarray, "side side 3"],
    covers: Float[ndarray, "colors side side"],
    labels: Int[ndarray, "side side"],
    label: int,
    box: Box,
) -> Patch:
    """Look at one patch through a window: covered by its likeliest colour, with other patches blanked out."""
    inside = labels[box] == label
    color = (covers[:, *box] ** 4 * inside).sum((1, 2)).argmax()  # the fourth power listens to full cover
    weight = covers[color][box] * inside
    middle = [
        round(float(weight.sum(1 - axis) @ np.arange(box[axis].start, box[axis].stop) / weight.sum()))
        for axis in (0, 1)
    ]
    top, left = (at - WINDOW // 2 for at in middle)
    crop = slice(max(top, 0), top + WINDOW), slice(max(left, 0), left + WINDOW)
    mine = (labels[crop] == label) | (labels[crop] == 0)
    window = np.zeros((WINDOW, WINDOW, 4), np.float32)
    target = window[max(-top, 0) :, max(-left, 0) :][: mine.shape[0], : mine.shape[1]]
    target[..., 0] = covers[color][crop] * mine
    target[..., 1:] = paint[crop] * mine[..., None]
    flat = window.reshape(-1, 4)
    mass = max(float((flat[:, 0] ** 2).sum()), float((weight**2).sum()))
    return Patch(tuple(middle), flat[:, 0], flat[:, 1:], mass)


def _recognise(patches: list[Patch], ground: str) -> list[Sighting]:
    """The stamp that agrees best with each patch, how well, and the patch's colour under that stamp.

    Agreement is overlap over union for soft edges (Tanimoto): <a, s> / (|a|^2 + |s|^2 - <a, s>).
    """
    if not patches:
        return []
    stamps, norms, keys = _stamps()
    overlap = stamps @ np.stack([patch.cover for patch in patches], 1)
    agreement = overlap / (np.array([patch.mass for patch in patches], np.float32) + norms[:, None] - overlap)
    found = []
    for patch, best, value in zip(patches, agreement.argmax(0), agreement.max(0), strict=True):
        name, size, down, right = keys[best]
        score = min(max((float(value) - WORST) / (BEST - WORST), 0.0), 1.0)
        color = _color(patch, stamps[best], float(norms[best]), ground)
        found.append(Sighting(name, size, color, score, (patch.middle[0] + down, patch.middle[1] + right)))
    return found


def _color(patch: Patch, shape: Float[ndarray, "pixels"], norm: float, ground: str) -> str:
    """The palette's colour nearest to the one that, laid on through the stamp, explains the patch best."""
    row = min(max(patch.middle[0], 0), SIDE - 1)
    mixed = background(ground)[row, 0] + shape @ patch.paint / norm  # least squares
    palette, _ = _palette(ground)
    return list(COLORS)[((palette - mixed) ** 2).sum(1).argmin()]


@cache
def _palette(ground: str) -> tuple[Float[ndarray, "colors 3"], Float[ndarray, "colors side side"]]:
    """The eight colours, and how far each is from the page, pixel by pixel."""
    palette = np.array(list(COLORS.values()), np.float32)
    return palette, np.linalg.norm(palette[:, None, None] - background(ground), axis=-1)


@cache
def _stamps() -> tuple[Float[ndarray, "stamps pixels"], Float[ndarray, "stamps"], list[tuple]]:
    """Every stamp at every shift in a window about its centre of mass, its squared length, and what it is.

    A key is (name, size, down, right): the way from the window's middle to the middle of the thing's frame.
    """
    stamps, keys = [], []
    for name in THINGS:
        for size, n in SIZES.items():
            shape = stamp(name, size)
            mass = [round(float(at)) for at in ndimage.center_of_mass(shape)]
            for down in SHIFTS:
                for right in SHIFTS:
                    top, left = WINDOW // 2 + down - mass[0], WINDOW // 2 + right - mass[1]
                    window = np.zeros((WINDOW, WINDOW), np.float32)
                    window[top : top + n, left : left + n] = shape
                    stamps += [ndimage.gaussian_filter(window, blur).ravel() for blur in SOFT]
                    keys += [(name, size, down - mass[0] + n // 2, right - mass[1] + n // 2)] * len(SOFT)
    table = np.stack(stamps)
    return table, (table**2).sum(1), keys
