"""Random scenes: the raw material of every lesson the model is given."""

import numpy as np

from mini_model.world.render import MAX_NUDGE
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import BACKGROUNDS, COLORS, PLACES, THINGS

NAMES, HUES, SPOTS, GROUNDS = list(THINGS), list(COLORS), list(PLACES), list(BACKGROUNDS)
MOST = 5  # things in a picture that is edited, described or asked about
SMALL_SHARE = 0.3  # of the things
PAPER_SHARE = 0.55  # of the pages; the other three backgrounds share the rest


def pick(rng: np.random.Generator, options: list):
    """One of the options, each as likely as the others."""
    return options[rng.integers(len(options))]


def shuffled(rng: np.random.Generator, options: list) -> list:
    """All of the options in any order."""
    return [options[i] for i in rng.permutation(len(options))]


def by_share(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """One of the keys, each as often as its share of the sum."""
    weights = np.array(list(shares.values()))
    return list(shares)[rng.choice(len(shares), p=weights / weights.sum())]


def random_thing(rng: np.random.Generator, place: str | None = None, **fixed: str) -> Thing:
    """A thing of any name, colour and size at a place, set down with a slightly unsteady hand."""
    look = {
        "name": pick(rng, NAMES),
        "color": pick(rng, HUES),
        "place": place or pick(rng, SPOTS),
        "size": "small" if rng.random() < SMALL_SHARE else "big",
    }
    return Thing(**{**look, **fixed}, nudge=random_nudge(rng))


def random_nudge(rng: np.random.Generator) -> tuple[int, int]:
    """How far the hand shakes, down and right, in pixels."""
    down, right = rng.integers(-MAX_NUDGE, MAX_NUDGE + 1, size=2)
    return int(down), int(right)


def random_background(rng: np.random.Generator) -> str:
    """Paper more often than not."""
    return "paper" if rng.random() < PAPER_SHARE else pick(rng, GROUNDS[1:])


def random_places(rng: np.random.Generator, count: int) -> list[str]:
    """Different places in any order."""
    return shuffled(rng, SPOTS)[:count]


def random_scene(rng: np.random.Generator, count: int) -> Scene:
    """A scene of `count` unrelated things."""
    things = tuple(random_thing(rng, place) for place in random_places(rng, count))
    return Scene(things, random_background(rng))


def scene_of_few(rng: np.random.Generator, count: int, names: int = 2) -> Scene:
    """A scene of `count` things that share a few names between them, so that there is something to count."""
    few = shuffled(rng, NAMES)[:names]
    things = tuple(random_thing(rng, place, name=pick(rng, few)) for place in random_places(rng, count))
    return Scene(things, random_background(rng))


def things_beside(rng: np.random.Generator, scene: Scene, most: int = MOST) -> tuple[Thing, ...]:
    """One or more things of other names than the scene's, in places it leaves free; at most `most` and three."""
    others = [name for name in shuffled(rng, NAMES) if name not in {thing.name for thing in scene.things}]
    count = int(rng.integers(1, 4))
    places = shuffled(rng, scene.free_places())[: max(0, min(count, most))]
    return tuple(random_thing(rng, place, name=name) for place, name in zip(places, others, strict=False))


def random_scenes(rng: np.random.Generator, count: int) -> list[Scene]:
    """`count` scenes of zero to six things each, for stages that learn from pictures alone."""
    return [random_scene(rng, int(rng.integers(0, 7))) for _ in range(count)]
