"""From words back to a scene: the inverse of `Scene.describe`, for whoever wants to see what was said."""

import re

from mini_model.world.scene import Scene, Thing
from mini_model.world.things import BACKGROUNDS, COLORS, PLACES, THINGS

# longer places first: "center" is the end of "top center"
_PLACES = "|".join(sorted(PLACES, key=len, reverse=True))
_THING = re.compile(
    rf"\ban? (?:(small) )?({'|'.join(COLORS)}) ({'|'.join(THINGS)}) at the ({_PLACES})\b",
)
_GROUND = re.compile(rf"\bon the ({'|'.join(BACKGROUNDS)})\b")


def read_scene(words: str) -> Scene:
    """The scene that some words describe; what is not a whole phrase ('a red circle at the top left') is passed over.

    Where the words put two things in one place, the one said last stays.
    """
    found = _THING.findall(words)
    things = {place: Thing(name, color, place, size or "big") for size, color, name, place in found}
    ground = _GROUND.search(words)
    return Scene(tuple(things.values()), ground.group(1) if ground else "paper")
