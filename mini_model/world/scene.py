"""A scene graph: which things there are, how each looks, and where it stands."""

from dataclasses import dataclass, replace

from mini_model.errors import KitError
from mini_model.world.things import BACKGROUNDS, COLORS, PLACES, SIZES, THINGS, UNCLEAR


@dataclass(frozen=True, order=True)
class Thing:
    """One node of the graph: a thing with its colour, its size, its place, and the shake of the hand in pixels."""

    name: str
    color: str
    place: str
    size: str = "big"
    nudge: tuple[int, int] = (0, 0)  # pixels down and right of the place's middle

    def __post_init__(self) -> None:
        for word, known in (
            (self.name, (*THINGS, UNCLEAR)),
            (self.color, COLORS),
            (self.place, PLACES),
            (self.size, SIZES),
        ):
            if word not in known:
                raise KitError(f"the drawn world has no {word!r}; choose one of: {', '.join(known)}")

    def phrase(self, color: bool = True, place: bool = False) -> str:
        """The words for this thing: 'a small red circle at the top left'."""
        words = [self.size] if self.size == "small" else []
        words += [self.color] * color + [self.name]
        text = with_article(" ".join(words))
        return f"{text} at the {self.place}" if place else text


@dataclass(frozen=True)
class Scene:
    """A whole picture as a graph: a background and the things on it, one to a place."""

    things: tuple[Thing, ...] = ()
    background: str = "paper"

    def __post_init__(self) -> None:
        if self.background not in BACKGROUNDS:
            raise KitError(f"no background {self.background!r}; choose one of: {', '.join(BACKGROUNDS)}")
        places = [thing.place for thing in self.things]
        if len(set(places)) < len(places):
            raise KitError("two things share a place; each of the nine places holds one thing")

    def add(self, thing: Thing) -> "Scene":
        """The scene with one thing more."""
        return replace(self, things=(*self.things, thing))

    def remove(self, thing: Thing) -> "Scene":
        """The scene without this thing."""
        return replace(self, things=tuple(other for other in self.things if other != thing))

    def swap(self, old: Thing, new: Thing) -> "Scene":
        """The scene with one thing put in another's stead, at the same point of the order."""
        return replace(self, things=tuple(new if other == old else other for other in self.things))

    def told(self) -> "Scene":
        """The scene without what is there and cannot be told."""
        return replace(self, things=tuple(thing for thing in self.things if thing.name != UNCLEAR))

    def free_places(self) -> list[str]:
        """The places where nothing stands yet, in reading order."""
        taken = {thing.place for thing in self.things}
        return [place for place in PLACES if place not in taken]

    def describe(self) -> str:
        """What is there and where: the global description that a plan carries."""
        ground = "" if self.background == "paper" else f" on the {self.background}"
        return join([thing.phrase(place=True) for thing in self.things] or ["nothing"]) + ground


def with_article(words: str) -> str:
    """'an orange star', 'a red star'."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def join(phrases: list[str]) -> str:
    """'a cup, a star and a tree': commas, and one 'and' before the last."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"
