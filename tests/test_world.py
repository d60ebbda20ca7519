"""The drawn world: the same scene gives the same bytes, and the judge reads back every picture drawn."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mini_model.errors import KitError
from mini_model.scoring import COUNTING_THRESHOLD, THRESHOLD, relations
from mini_model.world.judge import detections, find_background, judge, see
from mini_model.world.reading import read_scene
from mini_model.world.render import MAX_NUDGE, background, corner, render, stamp
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import BACKGROUNDS, COLORS, PLACES, RELATIONS, SIDE, SIZES, THINGS, related

NUDGES = range(-MAX_NUDGE, MAX_NUDGE + 1)


def random_scene(rng: random.Random, most: int = 6) -> Scene:
    """Nought to `most` random things in reading order, each with a random shake of the hand."""
    places = sorted(rng.sample(list(PLACES), rng.randint(0, most)), key=list(PLACES).index)
    things = (
        Thing(rng.choice([*THINGS]), rng.choice([*COLORS]), place, rng.choice([*SIZES]),
              (rng.choice(NUDGES), rng.choice(NUDGES)))
        for place in places
    )  # fmt: skip
    return Scene(tuple(things), rng.choice([*BACKGROUNDS]))


def smear(image: np.ndarray, rng: np.random.Generator, blur: float = 0.6, noise: float = 6) -> np.ndarray:
    """What a trip through an autoencoder does: soft edges, and grain of some grey levels."""
    soft = gaussian_filter(image.astype(float), (blur, blur, 0)) + rng.normal(0, noise, image.shape)
    return soft.round().clip(0, 255).astype(np.uint8)


def test_the_same_scene_gives_the_same_bytes():
    scene = random_scene(random.Random(0))
    first, second = render(scene), render(scene)
    assert first.dtype == np.uint8 and first.shape == (SIDE, SIDE, 3)
    assert first.tobytes() == second.tobytes()
    assert render(scene.add(Thing("cup", "red", scene.free_places()[0]))).tobytes() != first.tobytes()


@pytest.mark.parametrize("name, size", itertools.product(THINGS, SIZES))
def test_every_stamp_fills_its_frame_and_none_is_another(name, size):
    shape = stamp(name, size)
    assert shape.shape == (SIZES[size], SIZES[size])
    assert 0.2 < shape.mean() < 0.9 and shape.max() == 1
    others = [stamp(other, size) for other in THINGS if other != name]
    assert min(np.abs(shape - other).mean() for other in others) > 0.08


def test_things_in_neighbouring_places_never_touch():
    size = SIZES["big"]
    for nudges in itertools.product(NUDGES, repeat=4):
        for place, other in itertools.combinations(PLACES, 2):
            first, second = (
                corner(Thing("square", "red", at, nudge=nudge))
                for at, nudge in ((place, nudges[:2]), (other, nudges[2:]))
            )
            gaps = [abs(a - b) - size for a, b in zip(first, second, strict=True)]
            assert max(gaps) >= 1
            assert min(*first, *second) >= 1 and max(*first, *second) + size <= SIDE - 1


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Thing("teapot", "red", "center"), "no 'teapot'; choose one of: circle"),
        (lambda: Thing("cup", "pink", "center"), "no 'pink'; choose one of: red"),
        (lambda: Thing("cup", "red", "middle"), "no 'middle'; choose one of: top left"),
        (lambda: Thing("cup", "red", "center", "huge"), "no 'huge'; choose one of: small"),
        (lambda: Scene((), "night"), "no background 'night'; choose one of: paper"),
        (lambda: Scene((Thing("cup", "red", "center"), Thing("star", "red", "center"))), "share a place"),
        (lambda: see(np.zeros((32, 32, 3), np.uint8)), "64x64 RGB bytes"),
        (lambda: detections(np.zeros((SIDE, SIDE, 3), np.float32)), "64x64 RGB bytes"),
    ],
)
def test_a_mistake_is_one_clear_error(make, message, unchecked):
    with pytest.raises(KitError, match=message):
        make()


def test_the_judge_is_right_on_ten_thousand_scenes():
    rng = random.Random(1)
    scenes = [random_scene(rng) for _ in range(10_000)]
    wrong = [scene for scene in scenes if see(render(scene)) != scene]
    assert wrong == []


def test_the_judge_is_right_on_every_thing_in_every_colour_and_size():
    for (i, name), color, size, ground in itertools.product(enumerate(THINGS), COLORS, SIZES, BACKGROUNDS):
        scene = Scene((Thing(name, color, [*PLACES][i % 9], size),), ground)
        assert see(render(scene)) == scene


def test_the_judge_is_right_through_blur_and_grain():
    rng, grain = random.Random(2), np.random.default_rng(2)
    scenes = [random_scene(rng) for _ in range(600)]
    right = [see(smear(render(scene), grain)) == scene for scene in scenes]
    assert np.mean(right) >= 0.995


def test_scores_tell_a_thing_from_a_smear_and_a_smear_from_a_blot():
    rng, grain = random.Random(3), np.random.default_rng(3)
    images = [render(random_scene(rng, 3)) for _ in range(150)]
    soft = [found["score"] for image in images for found in detections(smear(image, grain))]
    lost = [found["score"] for image in images for found in detections(smear(image, grain, blur=2.8))]
    blots = [found["score"] for _ in range(150) for found in detections(blot(grain))]
    assert min(soft) > COUNTING_THRESHOLD
    assert np.median(lost) < COUNTING_THRESHOLD and np.percentile(blots, 99) < COUNTING_THRESHOLD
    assert np.median(blots) < THRESHOLD


def blot(grain: np.random.Generator) -> np.ndarray:
    """A random patch of red in the middle of the page."""
    rows, columns = np.indices((SIDE, SIDE)) - SIDE / 2
    hills = gaussian_filter(grain.normal(0, 1, (SIDE, SIDE)), 2.2)
    inside = hills / hills.std() > 2 * ((rows**2 + columns**2) / 81 - 1)
    return np.where(inside[..., None], COLORS["red"], background("paper")).astype(np.uint8)


def test_boxes_stand_to_each_other_as_places_do():
    rng = random.Random(4)
    for _ in range(200):
        scene = random_scene(rng)
        boxes = {}
        for thing in scene.things:
            (found,) = detections(render(Scene((thing,))))
            boxes[thing.place] = found["box"]
        for place, other in itertools.permutations(boxes, 2):
            named = relations(boxes[place], boxes[other])
            assert named == {relation for relation in RELATIONS if related(place, relation, other)}


def test_the_background_is_found_under_a_full_page():
    for ground in BACKGROUNDS:
        things = tuple(Thing("square", "brown", place) for place in PLACES)
        assert find_background(render(Scene(things, ground))) == ground


def test_a_picture_is_judged_by_the_scoring_rules():
    image = render(Scene((Thing("cup", "blue", "top left"), Thing("star", "red", "top right"))))
    star = {"class": "star", "count": 1, "color": "red", "position": ["right of", 0]}
    spec = {"tag": "position", "include": [{"class": "cup", "count": 1}, star]}
    assert judge(spec, image).correct
    spec["include"][1] = star | {"position": ["above", 0]}
    assert judge(spec, image).reason == "'star' should be above 'cup' but is right of it."
    assert detections(render(Scene())) == []
    assert judge({"tag": "single_object", "include": [{"class": "cup", "count": 1}]}, render(Scene())).reason


def test_a_description_is_read_back_as_the_scene_it_describes():
    rng = random.Random(11)
    for _ in range(500):
        scene = random_scene(rng)
        still = Scene(tuple(replace(thing, nudge=(0, 0)) for thing in scene.things), scene.background)
        assert read_scene(scene.describe()) == still
    assert read_scene("a circle, a red star and three moons") == Scene()
    assert read_scene("a red star at the center and a blue cup at the center").things == (
        Thing("cup", "blue", "center"),
    )


def test_a_scene_is_edited_and_told_in_words():
    cup, star = Thing("cup", "orange", "center", "small"), Thing("star", "red", "top left")
    scene = Scene((cup,)).add(star)
    assert scene.describe() == "a small orange cup at the center and a red star at the top left"
    assert scene.remove(cup) == Scene((star,))
    assert scene.swap(cup, Thing("moon", "blue", "center")).things[0].name == "moon"
    assert len(scene.free_places()) == 7 and "center" not in scene.free_places()
    assert Scene((), "sky").describe() == "nothing on the sky"
