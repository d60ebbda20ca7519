"""Scene graph in, pixels out: the same scene always gives the same picture, thousands a second.

Each silhouette is a formula on a square from -1 to 1 (x to the right, y down). It is sampled once, finely, and
shrunk to a soft-edged stamp; drawing a thing is then one multiply-add on a small part of the picture.
"""

from functools import cache

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from mini_model.world.scene import Scene, Thing
from mini_model.world.things import BACKGROUNDS, COLORS, PLACES, SIDE, SIZES

FINE = 8  # samples along each edge of a pixel when a stamp is made
MIDDLES = (11, 32, 53)  # pixel middles of the three rows and columns
MAX_NUDGE = 1  # how far, in pixels, the hand may shake; keeps neighbours from touching

Grid = Float[ndarray, "n n"]


def _disc(x: Grid, y: Grid, cx: float, cy: float, r: float) -> Bool[ndarray, "n n"]:
    return (x - cx) ** 2 + (y - cy) ** 2 <= r**2


def _box(x: Grid, y: Grid, x0: float, x1: float, y0: float, y1: float) -> Bool[ndarray, "n n"]:
    return (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)


SILHOUETTES = {
    "circle": lambda x, y: _disc(x, y, 0, 0, 0.92),
    "square": lambda x, y: _box(x, y, -0.82, 0.82, -0.82, 0.82),
    "triangle": lambda x, y: (y <= 0.85) & (y >= -0.9 + 1.85 * np.abs(x) / 0.98),
    "diamond": lambda x, y: np.abs(x) / 0.72 + np.abs(y) / 0.98 <= 1,
    "star": lambda x, y: _polygon(x, y, _star_corners()),
    "heart": lambda x, y: (
        _disc(x, y, -0.44, -0.36, 0.47)
        | _disc(x, y, 0.44, -0.36, 0.47)
        | ((np.abs(x) * 1.08 + y * 0.98 <= 0.86) & (y >= -0.3))
    ),
    "ring": lambda x, y: _disc(x, y, 0, 0, 0.92) & ~_disc(x, y, 0, 0, 0.5),
    "moon": lambda x, y: _disc(x, y, 0.1, 0, 0.92) & ~_disc(x, y, 0.56, -0.12, 0.74),
    "tree": lambda x, y: (
        _box(x, y, -0.17, 0.17, 0.4, 0.95)
        | ((y <= 0.0) & (y >= -0.97 + 1.0 * np.abs(x) / 0.56))
        | ((y <= 0.52) & (y >= -0.6 + 1.12 * np.abs(x) / 0.76))
    ),
    "house": lambda x, y: (
        (_box(x, y, -0.7, 0.7, -0.15, 0.9) | ((y <= -0.1) & (y >= -0.92 + 0.82 * np.abs(x) / 0.95)))
        & ~_box(x, y, -0.2, 0.2, 0.35, 0.95)
    ),
    "fish": lambda x, y: (
        (
            (((x + 0.22) / 0.72) ** 2 + (y / 0.52) ** 2 <= 1)
            | ((x >= 0.3) & (x <= 0.95) & (np.abs(y) <= 0.1 + 0.85 * (x - 0.3)))
        )
        & ~_disc(x, y, -0.58, -0.12, 0.12)
    ),
    "flower": lambda x, y: (
        (
            _disc(x, y, 0, -0.5, 0.42)
            | _disc(x, y, 0, 0.5, 0.42)
            | _disc(x, y, -0.5, 0, 0.42)
            | _disc(x, y, 0.5, 0, 0.42)
        )
        & ~_disc(x, y, 0, 0, 0.2)
    ),
    "boat": lambda x, y: (
        ((y >= 0.35) & (y <= 0.85) & (np.abs(x) <= 0.95 - 0.8 * (y - 0.35)))
        | _box(x, y, -0.12, 0.04, -0.9, 0.4)
        | ((x >= 0.04) & (x <= 0.75) & (y <= 0.15) & (y >= -0.9 + 1.45 * (x - 0.04)))
    ),
    "cup": lambda x, y: (
        _box(x, y, -0.75, 0.35, -0.7, 0.75)
        | (_disc(x, y, 0.4, -0.02, 0.52) & ~_disc(x, y, 0.4, -0.02, 0.25) & (x > 0.3))
    ),
    "leaf": lambda x, y: (
        (
            (_disc(x, y, -0.46, 0.2, 1.05) & _disc(x, y, 0.2, -0.46, 1.05))
            & ((np.abs(x - y) > 0.1) | (x < -0.35) | (x > 0.35))
        )
        | ((np.abs(x - y) <= 0.17) & (x + y >= 0.8) & (x + y <= 1.75))
    ),
    "cloud": lambda x, y: (
        _disc(x, y, -0.5, 0.15, 0.42)
        | _disc(x, y, 0.08, -0.15, 0.55)
        | _disc(x, y, 0.56, 0.2, 0.37)
        | _box(x, y, -0.5, 0.56, 0.1, 0.57)
    ),
}


def _star_corners() -> Float[ndarray, "10 2"]:
    """Ten corners, far and near in turn, starting at the top."""
    turn = np.arange(10) * np.pi / 5
    reach = np.where(np.arange(10) % 2 == 0, 1.0, 0.45)
    return np.stack([reach * np.sin(turn), 0.06 - reach * np.cos(turn)], 1)


def _polygon(x: Grid, y: Grid, corners: Float[ndarray, "c 2"]) -> Bool[ndarray, "n n"]:
    """Even-odd rule: a point is inside if a ray to the right crosses the outline an odd number of times."""
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0 + 1e-12) + x0)
    return inside


@cache
def stamp(name: str, size: str) -> Float[ndarray, "n n"]:
    """How much of each pixel a thing covers, from 0 to 1: its soft-edged silhouette, n pixels along each edge."""
    n = SIZES[size]
    axis = (np.arange(n * FINE) + 0.5) / (n * FINE) * 2 - 1
    x, y = np.meshgrid(axis, axis)
    inside = SILHOUETTES[name](x, y).astype(np.float32)
    return inside.reshape(n, FINE, n, FINE).mean((1, 3))


@cache
def background(name: str) -> Float[ndarray, "side side 3"]:
    """An empty page: a soft fall of colour from top to bottom, 0 to 255."""
    top, bottom = (np.array(color, np.float32) for color in BACKGROUNDS[name])
    fall = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top + (bottom - top) * fall, (SIDE, SIDE, 3)).copy()


def corner(thing: Thing) -> tuple[int, int]:
    """Row and column of the top-left pixel of a thing's stamp."""
    row, column = PLACES[thing.place]
    half = SIZES[thing.size] // 2
    return MIDDLES[row] - half + thing.nudge[0], MIDDLES[column] - half + thing.nudge[1]


def render(scene: Scene) -> UInt8[ndarray, "side side 3"]:
    """The picture of a scene: RGB, 0 to 255, the same bytes every time."""
    page = background(scene.background).copy()
    for thing in scene.things:
        cover = stamp(thing.name, thing.size)[:, :, None]
        (top, left), n = corner(thing), len(cover)
        patch = page[top : top + n, left : left + n]
        patch += cover * (np.array(COLORS[thing.color], np.float32) - patch)
    return (page + 0.5).astype(np.uint8)
