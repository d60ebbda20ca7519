"""What is wrong with a picture, told apart from what is not there yet; and that each mending mends."""

from dataclasses import replace

import numpy as np
import pytest

from mini_model.data.requests import random_request
from mini_model.data.scenes import random_nudge, random_scene
from mini_model.data.slips import slip
from mini_model.process.judges import SURE
from mini_model.world.faults import astray, conflicts, lacking
from mini_model.world.judge import judge, see
from mini_model.world.prompts import Group, Request
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing

STAR, CUP = Group("star", color="red"), Group("cup", color="blue")


def scene(*words: str) -> Scene:
    """'red star top left' and so on as a scene."""
    things = (word.split(" ", 2) for word in words)
    return Scene(tuple(Thing(name, color, place) for color, name, place in things))


def test_a_thing_of_another_size_or_colour_is_not_the_one_that_was_wanted():
    wanted = (Group("cup", 2, "red", "small"), Group("star"))
    there = [Thing("cup", "red", "center", "big"), Thing("cup", "red", "top left", "small")]
    assert lacking(wanted, there) == "a small red cup"
    assert lacking(wanted, []) == "two small red cups" and lacking(wanted, [*there, there[1]]) == "a star"
    assert lacking(wanted, [*there, there[1], Thing("star", "blue", "top center")]) == "nothing"


def test_what_is_not_there_yet_is_no_conflict():
    rng = np.random.default_rng(0)
    for _ in range(300):
        request = random_request(rng)
        goal = request.fulfil(rng)
        for count in range(len(goal.things) + 1):
            assert conflicts(request, Scene(goal.things[:count], goal.background)) == []


@pytest.mark.parametrize(
    ("there", "kind", "mend"),
    [
        (["blue star center"], "color", "make the blue star at the center red"),
        (["red star top left", "red star center"], "extra", "remove the red star at the center"),
        (["green moon center"], "extra", "remove the green moon at the center"),
        (["red star center", "blue cup top left"], "place", "move the blue cup at the top left to the top right"),
        (["red star top right", "blue cup top left"], "place", "move the red star at the top right to the top center"),
        (["red star top right"], "place", "move the red star at the top right to the top left"),
        (["red star top center"], None, None),  # the cup is not there yet, but there is room for it
    ],
)
def test_a_conflict_names_what_mends_it(there, kind, mend):
    found = conflicts(Request((STAR, CUP), ("left of",)), scene(*there))
    assert [(fault.kind, fault.mend) for fault in found] == ([(kind, mend)] if kind else [])


def test_a_thing_that_leaves_no_room_for_its_neighbour_is_moved():
    crowded = ["red star middle right", *(f"green moon {place}" for place in ("top right", "bottom right"))]
    (fault,) = conflicts(Request((STAR, CUP, Group("moon", 2)), ("left of", None)), scene(*crowded))
    assert fault.mend == "move the red star at the middle right to the top left"


def test_mending_a_finished_scene_until_nothing_is_wrong_fulfils_the_request():
    rng, mended = np.random.default_rng(1), 0
    for _ in range(300):
        request = random_request(rng, kind="two colors")
        request = replace(request, relations=("above",), groups=tuple(replace(g, size=None) for g in request.groups))
        wrong = request.fulfil(rng)
        for thing in wrong.things:
            if thing in wrong.things and rng.random() < 0.5:  # what an earlier slip has changed slips no more
                wrong = slip(rng, wrong, thing)[1].told()
        for _ in range(6):
            faults = conflicts(request, wrong)
            if not faults:
                break
            wrong = faults[0].after
            mended += 1
        assert not conflicts(request, wrong)
        if lacking(request.groups, wrong.things) == "nothing":
            assert judge(request.spec("position"), render(wrong)).correct
    assert mended > 60


@pytest.mark.parametrize(
    ("seen", "mends"),
    [
        (["blue star center"], ["make the blue star at the center red"]),
        (["red cup center"], ["replace the red cup at the center with a red star"]),
        (["red star top left"], ["move the red star at the top left to the center"]),
        (["red star center", "red star top left"], ["remove the red star at the top left"]),
        ([], ["add a red star at the center"]),
        (["blue cup top left"], ["remove the blue cup at the top left", "add a red star at the center"]),
    ],
)
def test_what_differs_from_a_plan_is_named_with_what_mends_it(seen, mends):
    assert [fault.mend for fault in astray(scene("red star center"), scene(*seen))] == mends


def test_a_picture_as_planned_has_not_gone_astray_and_every_slip_is_found():
    rng, unclear = np.random.default_rng(2), 0
    for _ in range(300):
        before = random_scene(rng, int(rng.integers(0, 4)))
        thing = Thing("cup", "red", before.free_places()[0], "big", random_nudge(rng))
        planned = before.add(thing)
        shaken = Scene(tuple(replace(t, nudge=random_nudge(rng)) for t in planned.things), planned.background)
        assert astray(planned, shaken) == []
        picture, wrong = slip(rng, planned, thing)
        (fault,) = astray(planned, wrong)
        assert astray(planned, fault.after) == []
        assert [found.mend for found in astray(planned, see(np.asarray(picture), sure=SURE))] == [fault.mend]
        unclear += "thing" in fault.mend
    assert 30 < unclear < 200
