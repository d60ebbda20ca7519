"""The words of the drawn world: sixteen things, eight colours, two sizes, four backgrounds, nine places.

Every other file of the world takes its names from here, so a new thing or colour is added in one line.
"""

from typing import Literal, get_args

SIDE = 64  # pixels along each edge of a picture

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (222, 45, 45),
    "orange": (246, 140, 30),
    "yellow": (250, 214, 30),
    "green": (45, 155, 70),
    "blue": (45, 95, 220),
    "purple": (150, 65, 190),
    "brown": (130, 82, 45),
    "black": (35, 35, 40),
}

# Each background runs from its top colour to its bottom colour; all are pale, so that things stand out.
BACKGROUNDS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "paper": ((252, 250, 246), (246, 243, 236)),
    "sky": ((186, 219, 248), (222, 239, 252)),
    "meadow": ((222, 240, 208), (196, 228, 180)),
    "sand": ((248, 234, 202), (238, 219, 180)),
}

SIZES: dict[str, int] = {"small": 12, "big": 18}  # name -> pixels along each edge of the thing's box

# Nine places in reading order: name -> (row, column) of a three-by-three grid.
PLACES: dict[str, tuple[int, int]] = {
    "top left": (0, 0),
    "top center": (0, 1),
    "top right": (0, 2),
    "middle left": (1, 0),
    "center": (1, 1),
    "middle right": (1, 2),
    "bottom left": (2, 0),
    "bottom center": (2, 1),
    "bottom right": (2, 2),
}

Relation = Literal["left of", "right of", "above", "below"]
RELATIONS: tuple[str, ...] = get_args(Relation)
OPPOSITE: dict[str, str] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

# singular -> plural; the order is the order of the classes everywhere
THINGS: dict[str, str] = {
    "circle": "circles",
    "square": "squares",
    "triangle": "triangles",
    "diamond": "diamonds",
    "star": "stars",
    "heart": "hearts",
    "ring": "rings",
    "moon": "moons",
    "tree": "trees",
    "house": "houses",
    "fish": "fish",
    "flower": "flowers",
    "boat": "boats",
    "cup": "cups",
    "leaf": "leaves",
    "cloud": "clouds",
}

UNCLEAR = "thing"  # what is plainly there and cannot be told; nothing of that name is ever drawn

NUMBERS: tuple[str, ...] = ("zero", "one", "two", "three", "four", "five")


def related(place: str, relation: str, other: str) -> bool:
    """Whether something at `place` stands in `relation` to something at `other`, judged on the grid.

    Rows and columns one apart in both directions count for both relations, as they do for GenEval's scorer.
    """
    (row, column), (other_row, other_column) = PLACES[place], PLACES[other]
    down, right = row - other_row, column - other_column
    length = (down**2 + right**2) ** 0.5 or 1.0
    return {"left of": -right, "right of": right, "above": -down, "below": down}[relation] / length > 0.5
