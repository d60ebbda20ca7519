"""Every way to paint gives a trajectory with an honest cost, and does what its name says."""

from pathlib import Path
from typing import get_args
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image

from mini_model.__main__ import Strategy
from mini_model.errors import KitError
from mini_model.evaluation.reflection import EYES, MADE_UP, Look, begun, looks, measure, shown
from mini_model.model import UnifiedModel
from mini_model.process import STRATEGIES, Settings, paint_many, search
from mini_model.process.judges import SURE, exact
from mini_model.process.outside import inspection
from mini_model.process.reward import RewardModel
from mini_model.process.story import Story
from mini_model.trajectory import Plan, Reflection, Step, Trajectory
from mini_model.world.faults import astray
from mini_model.world.judge import judge, see
from mini_model.world.reading import read_request, read_scene
from mini_model.world.render import render

WEIGHTS = Path(__file__).resolve().parent.parent / "data_samples/weights"
PROMPTS = ["a photo of two yellow cups", "a photo of a christmas tree"]
RELATION = "a photo of a red star left of a blue house"
EULER, PATHS = 4, 6
SEARCHES = ("best-of-n", "parm", "oracle")


def a_reward_model(folder: Path) -> Path:
    """A reward model that finds everything clear and nearly everything hopeless: only the best path is walked on."""
    torch.manual_seed(0)
    reward = RewardModel(UnifiedModel.from_pretrained(WEIGHTS / "base"))
    torch.nn.init.normal_(reward.head.weight, std=0.01)
    reward.head.bias.data.copy_(torch.tensor([5.0, -5.0, 0.0]))
    reward.save(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> dict[str, list[Trajectory]]:
    """Three prompts by every strategy; base weights at once, process weights in steps."""
    models = {name: UnifiedModel.from_pretrained(WEIGHTS / name) for name in ("base", "mini")}
    which = {name: models["mini" if name.startswith("process") else "base"] for name in STRATEGIES}
    settings = Settings(steps=EULER, max_rounds=3, reward=a_reward_model(tmp_path_factory.mktemp("reward")))
    with patch.object(search, "PATHS", PATHS):
        return {name: paint_many(model, PROMPTS, [3, 4], name, settings) for name, model in which.items()}


def test_the_command_line_offers_every_strategy():
    assert set(get_args(get_args(Strategy)[0])) == set(STRATEGIES)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_paints_and_counts(name, painted):
    for prompt, told in zip(PROMPTS, painted[name], strict=True):
        drawn = max(1, sum(label != "final" for label, _ in told.pictures()) - _twice(told))
        assert told.prompt == prompt and told.strategy == name
        most = PATHS * EULER if name in SEARCHES else drawn * EULER
        assert told.cost.denoising_steps == most or (name == "parm" and EULER < told.cost.denoising_steps < most)
        assert told.cost.forwards > 2 * told.cost.denoising_steps and told.cost.tokens > told.cost.text_tokens
        wrote = name == "reasoned" or name.startswith("process")
        assert bool(told.cost.text_tokens) == wrote and told.cost.seconds > 0


def _twice(told: Trajectory) -> int:
    """Pictures that stand twice: a refinement that is refined again is the draft of the next step."""
    return sum(not step.plan.instruction for step in told.steps)


def test_a_planner_plans_every_thing_of_the_prompt_and_the_model_draws_them(painted):
    cups, tree = painted["planner"]
    assert len(cups.steps) == 2 and len(tree.steps) == 1
    for told in painted["planner"]:
        goal = read_scene(told.steps[-1].plan.description)
        spec = read_request(told.prompt).spec("two_object")
        assert judge(spec, render(goal)).correct and all(s.reflection.verdict == "none" for s in told.steps)
    assert "green tree" in tree.steps[0].plan.instruction


def test_an_inspector_asks_for_what_is_wrong_or_lacking_until_all_is_there(painted):
    for told in painted["inspector"]:
        *_, last = (step.after or step.reflection for step in told.steps)
        assert (last.verdict == "correct") == (inspection(_at(told)).verdict == "correct")
        for step in told.steps:
            assert (step.reflection.verdict == "wrong") == (step.refinement is not None)


def _at(told: Trajectory) -> Story:
    return Story.resume(told, told.seed)


def test_an_inspector_tells_what_is_lacking_from_what_is_wrong():
    shown = {
        "a red star at the center": "add a blue house at the ",
        "a green star at the center": "make the green star at the center red",
        "a red star at the top right and a blue house at the top left": "move the ",
        "a red star at the top left and a blue house at the center": None,
    }
    for words, begins in shown.items():
        said = inspection(Story(RELATION, 0, last=Image.fromarray(render(read_scene(words)))))
        assert (said.refine or "").startswith(begins or "") and (said.verdict == "wrong") == bool(begins)


def test_reasoning_comes_before_the_picture(painted):
    assert all(told.steps[0].plan.description and len(told.steps) == 1 for told in painted["reasoned"])


def test_a_search_takes_the_best_of_its_tries(painted):
    """The exact judge's choice is right wherever any of its tries is, so it is right whenever the first try is."""
    pairs = list(zip(painted["direct"], painted["oracle"], strict=True))
    for first, best in pairs:
        spec = read_request(best.prompt).spec("colors")
        assert judge(spec, np.asarray(best.final)).correct >= judge(spec, np.asarray(first.final)).correct
    assert any(judge(read_request(b.prompt).spec("colors"), np.asarray(b.final)).correct for _, b in pairs)
    assert [told.final.size for told in painted["parm"]] == [told.final.size for told in painted["direct"]]


def test_paths_without_hope_are_given_up(painted):
    assert [told.cost.denoising_steps for told in painted["parm"]] == [PATHS + EULER - 1] * len(PROMPTS)


def test_a_search_without_a_reward_model_says_how_to_train_one(tmp_path):
    model = UnifiedModel.from_pretrained(WEIGHTS / "base")
    with pytest.raises(KitError, match="train one first: python -m mini_model train reward"):
        paint_many(model, PROMPTS[:1], [0], "parm", Settings(reward=tmp_path / "none"))


def test_who_does_not_look_refines_nothing(painted):
    steps = [step for told in painted["process-unmoved"] for step in told.steps]
    assert steps and all(step.refinement is None and step.reflection.verdict == "correct" for step in steps)


def test_the_exact_judge_calls_wrong_what_is_wrong_and_nothing_else(painted):
    found = [look for told in painted["process-exact"] if not told.bounded for plan in looks(told) for look in plan]
    assert found and all(look.called_wrong != look.right for look in found)


def test_a_prompt_that_cannot_be_read_has_no_outside_plan():
    model = UnifiedModel.from_pretrained(WEIGHTS / "base")
    with pytest.raises(KitError, match="cannot read 'a hat'"):
        paint_many(model, ["a photo of a hat"], [0], "planner")


RED, BLUE = "a red cup at the center", "a blue cup at the center"


def told_of(*looked: tuple[str, str]) -> Trajectory:
    """One plan, a red cup, and the pictures drawn for it, each with the verdict it got."""
    pictures = [render(read_scene(words)) for words, _ in looked]
    said = [Reflection(verdict=verdict, refine="make it red" if verdict == "wrong" else None) for _, verdict in looked]
    steps = [Step(plan=Plan(instruction="add a red cup", description=RED), draft=pictures[0], reflection=said[0])]
    for number in range(1, len(looked)):
        if number > 1:
            steps.append(Step(plan=Plan(), draft=pictures[number - 1], reflection=said[number - 1]))
        steps[-1].refinement, steps[-1].after = pictures[number], said[number]
    return Trajectory(prompt="a photo of a red cup", steps=steps, final=pictures[-1])


def test_each_look_at_a_picture_is_held_against_the_plan():
    (plan,) = looks(told_of((BLUE, "wrong"), (BLUE, "wrong"), (RED, "correct")))
    assert plan == [Look(False, True, False, 0), Look(False, True, True, 1), Look(True, False, None, 2)]


def test_the_measures_of_reflection_count_what_they_say():
    told = [
        told_of((BLUE, "wrong"), (RED, "correct")),  # noticed and mended
        told_of((BLUE, "correct")),  # not noticed
        told_of((RED, "wrong"), (BLUE, "correct")),  # a false alarm that breaks, and is not noticed
        told_of((RED, "correct")),
    ]
    told = [looks(one) for one in told]
    found = {name: (score["score"], score["n"]) for name, score in measure(told).items()}
    assert found["precision"] == (0.5, 2) and found["recall"] == (1 / 3, 3)
    assert found["mended"] == (1 / 3, 3) and found["broken"] == (1.0, 1) and found["mended at last"] == (0.5, 2)
    assert found["right by 0"] == (0.5, 4) and found["right by 1"] == (0.5, 4)
    low, high = measure(told)["precision"]["interval"]
    assert 0 <= low <= 0.5 <= high <= 1


def test_the_model_is_shown_a_programs_drafts_of_which_half_are_wrong():
    rng, right = np.random.default_rng(0), []
    for smears in MADE_UP.values():
        for told in [begun(rng, smears) for _ in range(60)]:
            (looked,) = looks(told)[-1:]
            right += [looked[0].right]
            assert told.steps[-1].reflection.verdict == "none" and told.steps[-1].refinement is None
            assert all(look.right for plan in looks(told)[:-1] for look in plan)
    assert 0.35 < np.mean(right) < 0.65
    model = UnifiedModel.from_pretrained(WEIGHTS / "mini")
    for eyes in EYES.values():
        found = shown(model, 6, smears=0.0, eyes=eyes)
        assert len(found) == 6 and {one.right for ((one, *_),) in found} == {True, False}
    assert all(one.right != one.called_wrong for ((one, *_),) in shown(model, 6, smears=0.0, eyes=lambda _: exact))


def test_the_judge_of_strategies_is_as_strict_as_the_measures():
    picture = Image.fromarray(render(read_scene(RED)))
    tale = Story("a photo of a red cup", 0, steps=told_of((RED, "correct")).steps, last=picture)
    assert exact([tale])[0].verdict == "correct"
    assert not astray(read_scene(RED), see(np.asarray(picture), sure=SURE))
