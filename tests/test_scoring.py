"""The scoring rules agree with GenEval's own program, and say in plain words why an answer is wrong."""

import json
from pathlib import Path

import pytest

from mini_model.errors import KitError
from mini_model.scoring import COUNTING_THRESHOLD, MAX_OBJECTS, THRESHOLD, judge, relations

CASES = Path(__file__).parent / "golden" / "geneval" / "shared_cases.jsonl"


def seen(name: str, left: float = 0, top: float = 0, score: float = 0.95, color: str = "red") -> dict:
    """A detection ten pixels wide and high."""
    return {"class": name, "box": [left, top, left + 10, top + 10], "score": score, "color": color}


def wanted(*include: dict, exclude: tuple = (), tag: str = "two_object") -> dict:
    return {"tag": tag, "include": list(include), "exclude": list(exclude)}


def test_all_shared_cases_agree_with_the_official_program():
    cases = [json.loads(line) for line in CASES.read_text().splitlines()]
    verdicts = [judge(case["metadata"], case["detections"]) for case in cases]
    assert len(cases) == 1200
    assert [verdict.correct for verdict in verdicts] == [case["correct"] for case in cases]
    assert all(verdict.correct == (verdict.reason == "") for verdict in verdicts)


def test_a_score_must_be_above_the_threshold_not_at_it():
    cup = {"class": "cup", "count": 1}
    assert not judge(wanted(cup), [seen("cup", score=THRESHOLD)]).correct
    assert judge(wanted(cup), [seen("cup", score=THRESHOLD + 1e-6)]).correct
    assert not judge(wanted(cup, tag="counting"), [seen("cup", score=COUNTING_THRESHOLD)]).correct
    assert judge(wanted(cup, tag="counting"), [seen("cup", score=COUNTING_THRESHOLD + 1e-6)]).correct


def test_counting_wants_exactly_the_number():
    spec = wanted({"class": "cup", "count": 2}, exclude=({"class": "cup", "count": 3},), tag="counting")
    assert [judge(spec, [seen("cup")] * n).correct for n in range(5)] == [False, False, True, False, False]
    assert judge(spec, [seen("cup")] * 2 + [seen("cup", score=0.5)] * 9).correct


def test_at_most_sixteen_of_a_class_are_looked_at():
    spec = wanted(exclude=({"class": "cup", "count": MAX_OBJECTS + 1},))
    assert judge(spec, [seen("cup")] * 40).correct
    assert not judge(wanted(exclude=({"class": "cup", "count": MAX_OBJECTS},)), [seen("cup")] * 40).correct


def test_only_the_surest_may_bring_the_color():
    spec = wanted({"class": "cup", "count": 1, "color": "red"})
    blue, red = seen("cup", score=0.9, color="blue"), seen("cup", score=0.8)
    assert not judge(spec, [red, blue]).correct
    assert judge(spec, [red | {"score": 0.95}, blue]).correct


def test_every_found_thing_must_stand_in_the_relation_to_every_target():
    spec = wanted({"class": "cup", "count": 2}, {"class": "star", "count": 1, "position": ["left of", 0]})
    assert judge(spec, [seen("cup", 50), seen("cup", 90), seen("star", 0)]).correct
    verdict = judge(spec, [seen("cup", 50), seen("cup", 90), seen("star", 70)])
    assert verdict.reason == "'star' should be left of 'cup' but is right of it."


def test_a_failed_target_group_fails_what_refers_to_it():
    spec = wanted(
        {"class": "cup", "count": 1, "color": "blue"},
        {"class": "star", "count": 1, "position": ["above", 0]},
    )
    verdict = judge(spec, [seen("cup", 0, 50), seen("star")])
    assert verdict.reason == "'cup' should be blue but is red; what 'star' should be above is not there as asked."


def test_relations_of_level_diagonal_and_equal_boxes():
    here = [0, 0, 10, 10]
    assert relations(here, here) == set()
    assert relations(here, [2, 0, 12, 10]) == set()  # within a tenth of both extents
    assert relations(here, [2.1, 0, 12.1, 10]) == set()  # a nearly level pair: less than half is left of it
    assert relations(here, [30, 0, 40, 10]) == {"left of"}
    assert relations(here, [30, 30, 40, 40]) == {"left of", "above"}
    assert relations([30, 90, 40, 100], here) == {"below"}


@pytest.mark.parametrize(
    "spec, found",
    [
        (wanted({"class": "cup"}), []),
        (wanted({"class": "cup", "count": 1}), [{"class": "cup"}]),
        (wanted({"class": "cup", "count": 1, "position": ["left of", 3]}), [seen("cup")]),
        (wanted({"class": "cup", "count": 1}, {"class": "star", "count": 1, "position": ["beside", 0]}),
         [seen("cup"), seen("star")]),
        ("a cup", []),
    ],
)  # fmt: skip
def test_a_broken_specification_is_one_clear_error(spec, found):
    with pytest.raises(KitError, match="cannot score specification"):
        judge(spec, found)
