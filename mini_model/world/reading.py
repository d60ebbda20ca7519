"""From words back to a scene or a request: the inverse of `Scene.describe` and of `Request.sentence`."""

import re

from mini_model.errors import KitError
from mini_model.world.facts import FACTS
from mini_model.world.prompts import OPENINGS, Group, Request
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import BACKGROUNDS, COLORS, NUMBERS, PLACES, RELATIONS, SIZES, THINGS, UNCLEAR

# longer places first: "center" is the end of "top center"
_PLACES = "|".join(sorted(PLACES, key=len, reverse=True))
_THING = re.compile(
    rf"\ban? (?:(small) )?({'|'.join(COLORS)}) ({'|'.join((*THINGS, UNCLEAR))}) at the ({_PLACES})\b",
)
_OPENING = re.compile("|".join(opening.format("") for opening in OPENINGS))
_ON = re.compile(rf" on the ({'|'.join(BACKGROUNDS)})$")
_LINK = re.compile(rf"(, | and | (?:{'|'.join(RELATIONS)}) )")
_NAMES = {word: name for name, plural in THINGS.items() for word in (plural, name)}
_GROUP = re.compile(
    rf"(an?|{'|'.join(NUMBERS[1:])}) (?:({'|'.join(SIZES)}) )?(?:({'|'.join(COLORS)}) )?({'|'.join(_NAMES)})",
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


def read_request(prompt: str) -> Request:
    """What a prompt of the drawn world asks for; facts are known. Raises KitError that names what it cannot read."""
    words = _OPENING.sub("", prompt.strip().lower(), count=1)
    fact = next((fact for fact in FACTS if words in fact.phrasings), None)
    if fact:
        return Request((Group(fact.name, color=fact.color),))
    ground = _ON.search(words)
    phrases = _LINK.split(_ON.sub("", words))
    links = tuple(link.strip() if link.strip() in RELATIONS else None for link in phrases[1::2])
    return Request(tuple(map(_group, phrases[::2])), links, ground and ground.group(1))


def _group(phrase: str) -> Group:
    """'three blue stars' as a group."""
    found = _GROUP.fullmatch(phrase)
    if not found:
        raise KitError(
            f"cannot read {phrase!r} in the prompt; ask for things of the drawn world, "
            "for example: a photo of two red circles left of a blue star"
        )
    number, size, color, name = found.groups()
    return Group(_NAMES[name], NUMBERS.index(number) if number in NUMBERS else 1, color, size)
