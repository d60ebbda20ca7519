"""What can be asked of a picture, in words: requests, their sentences, their rules, and scenes that fulfil them.

A request is the meaning of a prompt. It can be said (`sentence`), written as GenEval metadata (`spec`), and turned
into a scene that fulfils it (`fulfil`), so that captions, tasks and scores all come from one place.
"""

from dataclasses import dataclass

import numpy as np

from mini_model.errors import KitError
from mini_model.world.scene import Scene, Thing, join, with_article
from mini_model.world.things import COLORS, NUMBERS, PLACES, THINGS, related

OPENINGS = ("a photo of {}", "a picture of {}", "a drawing of {}", "an image of {}")


@dataclass(frozen=True)
class Group:
    """Some alike things: how many, which, and, where the words say so, their colour and size."""

    name: str
    count: int = 1
    color: str | None = None
    size: str | None = None

    def phrase(self) -> str:
        """'a small red circle', 'three blue stars'."""
        look = [word for word in (self.size, self.color) if word]
        if self.count == 1:
            return with_article(" ".join([*look, self.name]))
        return " ".join([NUMBERS[self.count], *look, THINGS[self.name]])


@dataclass(frozen=True)
class Request:
    """Groups of things, relations between neighbours in the list, and a background if one is named.

    `relations[i]` says how group i stands to group i + 1 (None: nothing is said).
    """

    groups: tuple[Group, ...]
    relations: tuple[str | None, ...] = ()
    background: str | None = None

    def sentence(self, opening: str = "a photo of {}") -> str:
        """The prompt in words."""
        phrases = [self.groups[0].phrase()]
        for group, relation in zip(self.groups[1:], self._links(), strict=True):
            if relation:
                phrases[-1] += f" {relation} {group.phrase()}"
            else:
                phrases.append(group.phrase())
        ground = f" on the {self.background}" if self.background else ""
        return opening.format(join(phrases)) + ground

    def _links(self) -> tuple[str | None, ...]:
        return self.relations or (None,) * (len(self.groups) - 1)

    def spec(self, tag: str) -> dict:
        """GenEval's metadata for this request; with tag `counting`, one thing more is excluded as there.

        The target of a relation must stand before its source in the list, so the groups are listed backwards.
        """
        include = []
        last = len(self.groups) - 1
        for i in range(last, -1, -1):
            group = self.groups[i]
            entry: dict = {"class": group.name, "count": group.count}
            if group.color:
                entry["color"] = group.color
            if i < last and self._links()[i]:
                entry["position"] = [self._links()[i], last - (i + 1)]
            include.append(entry)
        spec = {"tag": tag, "include": include}
        if tag == "counting":
            spec["exclude"] = [{"class": g.name, "count": g.count + 1} for g in self.groups]
        return {**spec, "prompt": self.sentence()}

    def fulfil(self, rng: np.random.Generator, nudge=lambda rng: (0, 0)) -> Scene:
        """A scene that fulfils the request; what the words leave open is drawn at random (a size not named is big)."""
        for _ in range(200):
            places = [list(PLACES)[i] for i in rng.permutation(len(PLACES))]
            things, firsts = [], []
            for group in self.groups:
                color = group.color or list(COLORS)[rng.integers(len(COLORS))]
                firsts.append(places[len(things)])
                for _ in range(group.count):
                    place = places[len(things)]
                    things.append(Thing(group.name, color, place, group.size or "big", nudge(rng)))
            if all(r is None or related(firsts[i], r, firsts[i + 1]) for i, r in enumerate(self._links())):
                return Scene(tuple(things), self.background or "paper")
        raise KitError(f"no scene fulfils {self.sentence()!r}; its relations contradict each other")


def instruction_add(thing: Thing) -> str:
    """'add a red circle at the top left'."""
    return f"add {thing.phrase(place=True)}"


def the(thing: Thing) -> str:
    """A thing that is there, named so that it cannot be confused: 'the red circle at the top left'."""
    return f"the {thing.color} {thing.name} at the {thing.place}"


def instruction_recolor(thing: Thing, color: str) -> str:
    """'make the red circle at the top left blue'."""
    return f"make {the(thing)} {color}"


def instruction_resize(thing: Thing, size: str) -> str:
    """'make the red circle at the top left small'."""
    return f"make {the(thing)} {size}"


def instruction_swap(old: Thing, new: Thing) -> str:
    """'replace the red circle at the top left with a blue star'."""
    return f"replace {the(old)} with {new.phrase()}"


def instruction_remove(thing: Thing) -> str:
    """'remove the red circle at the top left'."""
    return f"remove {the(thing)}"


def instruction_move(thing: Thing, place: str) -> str:
    """'move the red circle at the top left to the center'."""
    return f"move {the(thing)} to the {place}"


def caption(scene: Scene) -> str:
    """All that is in the picture, in reading order."""
    return in_reading_order(scene).describe()


def in_reading_order(scene: Scene) -> Scene:
    """The same scene with its things listed from top left to bottom right."""
    spots = list(PLACES)
    return Scene(tuple(sorted(scene.things, key=lambda thing: spots.index(thing.place))), scene.background)
