"""The three subsets: the same again from the same seed, right where they say so, and mended where they are not."""

import json
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from mini_model.data import self_sampled
from mini_model.data.parts import Words
from mini_model.data.self_sampled import alignment, completed, conflict
from mini_model.data.subsets import _in_proportion, as_text, make
from mini_model.data.trajectories import Mix, parts_of
from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.process.script import LACKS, RIGHT, WRONG
from mini_model.trajectory import Trajectory, load_many
from mini_model.world.faults import conflicts
from mini_model.world.judge import see
from mini_model.world.prompts import Group, Request
from mini_model.world.reading import read_scene
from mini_model.world.scene import Scene, Thing

MINI = Path(__file__).resolve().parent.parent / "data_samples/weights/mini"


@pytest.fixture(scope="module")
def model() -> UnifiedModel:
    return UnifiedModel.from_pretrained(MINI)


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a set but its statistics, which tell the time."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "statistics.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_multi_turn_is_the_same_again_and_counts_what_it_holds(tmp_path):
    facts = make("multi-turn", 60, 5, tmp_path / "one")
    make("multi-turn", 60, 5, tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two") and len(files(tmp_path / "one")) > 100
    told = load_many(tmp_path / "one")
    drawn = [len(one.pictures()) - 1 for one in told]
    assert facts["statistics"]["pictures a sample"] == round(np.mean(drawn), 2)
    assert facts["statistics"]["most pictures"] == max(drawn) and facts["statistics"]["right"] == 1.0
    assert json.loads((tmp_path / "one/statistics.json").read_text())["statistics"] == facts["statistics"]
    assert "(paper: 3.51)" in as_text(facts) and "(paper: 32,012)" in as_text(facts)


def test_without_detours_every_stroke_adds(tmp_path):
    plain = make("multi-turn", 40, 1, tmp_path / "plain", detours=0.0)["statistics"]["operations"]
    rich = make("multi-turn", 40, 1, tmp_path / "rich", detours=0.5)["statistics"]["operations"]
    assert plain["add"] == 1.0 and 0.5 < rich["add"] < 0.9
    assert rich["make"] and rich["replace"] and rich["remove"]


def is_whole(told: Trajectory) -> None:
    """The story ends with nothing lacking, and its last picture is what its last words say."""
    last = told.steps[-1].after or told.steps[-1].reflection
    assert last.text.endswith(f"{LACKS} nothing.")
    told_of = {(t.name, t.color, t.place) for t in read_scene(last.text.split(LACKS)[0]).things}
    assert told_of == {(t.name, t.color, t.place) for t in see(np.asarray(told.final)).things}


def test_a_picture_gone_astray_is_called_wrong_and_mended(model, monkeypatch):
    monkeypatch.setattr(self_sampled, "EULER", {"2": 1.0})  # so few steps go wrong often
    found = list(islice(alignment(model, 3), 24))
    wrong = [told for right, told in found if not right]
    assert wrong and all(all(s.refinement is None for s in told.steps) for right, told in found if right)
    for told in wrong:
        (step,) = [step for step in told.steps if step.refinement]
        assert step.reflection.refine and step.reflection.text.endswith(WRONG) and RIGHT in step.after.text
        is_whole(told)
        seen = read_scene(step.reflection.text)
        assert seen.describe() == see(np.asarray(step.draft), sure=0.9).describe()


def test_the_first_plan_that_contradicts_the_prompt_is_followed_by_a_better_one(model, monkeypatch):
    monkeypatch.setattr(self_sampled, "HEAT", 2.0)  # so hot a model contradicts its prompt
    monkeypatch.setattr(self_sampled, "AT_ONCE", 16)
    found = list(islice(conflict(model, 4), 8))
    wrong = [told for right, told in found if not right]
    assert wrong
    for told in wrong:
        is_whole(told)
        ((bad, good),) = [pair for pair in pairwise(told.steps) if pair[0].reflection.refine]
        assert good.plan.instruction == bad.reflection.refine and good.reflection.verdict == "correct"
        parts = parts_of(told, Mix(half_way=0.0, forget=0.0), np.random.default_rng(0))
        learnt = [part.text for part in parts if isinstance(part, Words) and part.loss]
        assert not any(f"<ins> {bad.plan.instruction} </ins>" in text for text in learnt)
        mended = f"<refine> {bad.reflection.refine} </refine> <ins> {good.plan.instruction} </ins>"
        assert any(mended in text for text in learnt)


def test_a_scene_is_completed_without_a_contradiction():
    request = Request((Group("star", color="red"), Group("cup")), ("left of",))
    begun = Scene((Thing("cup", "blue", "top center"),))
    rng = np.random.default_rng(0)
    for _ in range(20):
        goal = completed(rng, request, begun)
        assert len(goal.things) == 2 and not conflicts(request, goal)


def test_both_kinds_come_in_the_papers_proportion(tmp_path):
    facts = make("alignment", 9, 0, tmp_path, MINI)
    told = load_many(tmp_path)
    assert len(told) == 9 and facts["statistics"]["right"] == round(3 / 9, 3)


def test_a_model_that_never_errs_is_told_apart_from_a_long_wait():
    told = Trajectory(prompt="a photo of a cup", final=np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(KitError, match="none was wrong; let a less trained model paint"):
        list(_in_proportion(((True, told) for _ in range(10_000)), 3, 1 / 3))
