"""The painter's loop with the shipped weights: what it remembers, when it stops, how it goes on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ImageChops

from mini_model.commands import DEMO, paint_to_folder
from mini_model.errors import KitError
from mini_model.evaluation.speed_painting import Script, paint_forgetting, paint_remembering
from mini_model.evaluation.speed_training import build
from mini_model.model import UnifiedModel
from mini_model.model.flow import Guidance
from mini_model.process import Painter, Settings, paint_many
from mini_model.process.script import DONE, read, turns
from mini_model.trajectory import Plan, Reflection, Step, Trajectory
from mini_model.world.judge import judge
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing

MINI = Path(__file__).resolve().parent.parent / "data_samples/weights/mini"
PROMPT = "a photo of a red star left of a blue house"
QUICK = Settings(steps=4)
LEANING = Guidance(text=1.5, image=2.0, interval=(0.0, 1.0))


@pytest.fixture(scope="module")
def model() -> UnifiedModel:
    return UnifiedModel.from_pretrained(MINI)


@pytest.fixture(scope="module")
def story(model) -> Trajectory:
    return Painter(model, seed=0).trajectory(PROMPT)


def spoken(trajectory: Trajectory) -> list[str]:
    return [text for text, _ in turns(trajectory)]


def apart(one, other) -> int:
    """The largest difference of two pictures' bytes."""
    return max(high for _, high in ImageChops.difference(one, other).getextrema())


def test_events_come_in_the_order_of_the_loop(model):
    events = list(Painter(model, seed=0).paint(PROMPT))
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["plan", "draft"] and kinds[-1] == "done" and kinds.count("done") == 1
    for one, after in zip(kinds, kinds[1:], strict=False):
        allowed = {
            "plan": {"draft"},
            "draft": {"reflection", "plan", "done"},
            "reflection": {"plan", "refinement", "done"},
            "refinement": {"reflection", "plan", "done"},
        }
        assert after in allowed[one], kinds
    plans = [event.plan.instruction for event in events if event.kind == "plan"]
    assert plans == [step.plan.instruction for step in events[-1].trajectory.steps if step.plan.instruction]
    drawn = [event for event in events if event.kind in ("draft", "refinement")]
    assert all(len(event.frames) == Settings().steps for event in drawn)


def test_the_model_itself_ends_the_story_and_the_cost_is_counted(story):
    assert story.closing == DONE and not story.bounded and len(story.steps) == 2
    pictures = sum(picture is not None for _, picture in turns(story))
    assert story.cost.denoising_steps == pictures * Settings().steps
    assert story.cost.forwards > 2 * story.cost.denoising_steps  # two guidance branches, and the words
    assert 0 < story.cost.text_tokens < story.cost.tokens and story.cost.seconds > 0


def test_the_same_seed_paints_the_same_picture_and_another_one_another(model, story):
    again = Painter(model, seed=0).trajectory(PROMPT)
    assert spoken(again) == spoken(story) and apart(again.final, story.final) == 0
    assert apart(Painter(model, seed=1).trajectory(PROMPT).final, story.final) > 0


def test_company_changes_nothing(model):
    prompts = ["a photo of a green tree", PROMPT, "a photo of two yellow cups"]
    together = paint_many(model, prompts, [3, 4, 5], settings=QUICK)
    for prompt, seed, told in zip(prompts, [3, 4, 5], together, strict=True):
        alone = paint_many(model, [prompt], [seed], settings=QUICK)[0]
        assert spoken(alone) == spoken(told) and apart(alone.final, told.final) <= 2


def test_remembering_and_reading_anew_paint_the_same():
    bench, script = build(False).eval(), Script(plan=6, reflection=4, pictures=2, steps=4)
    with_cache, without = paint_remembering(bench, script), paint_forgetting(bench, script)
    assert with_cache.words == without.words
    for one, other in zip(with_cache.pictures, without.pictures, strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_a_saved_beginning_goes_on_as_the_whole_did(model, story, tmp_path):
    beginning = story.model_copy(update={"steps": story.steps[:1], "final": story.steps[0].draft, "closing": ""})
    beginning.save(tmp_path)
    resumed = Painter(model, seed=0).trajectory(PROMPT, start=Trajectory.load(tmp_path))
    assert spoken(resumed) == spoken(story) and apart(resumed.final, story.final) <= 2


def test_an_edited_criticism_is_obeyed(model):
    """A right draft, and a criticism put into the painter's mouth: it paints what the criticism asks for."""
    star = Thing("star", "red", "middle left")
    seen = Scene((star,))
    wrong = Reflection(verdict="wrong", text="i see a red star at the middle left. this is wrong.",
                       refine="make the red star at the middle left blue")  # fmt: skip
    plan = Plan(instruction="add a blue star at the middle left", description="a blue star at the middle left")
    blue = {"tag": "colors", "include": [{"class": "star", "count": 1, "color": "blue"}]}
    right = 0
    for seed in range(3):
        step = Step(plan=plan, draft=render(seen), reflection=wrong)
        start = Trajectory(prompt="a photo of a blue star", steps=[step], final=render(seen))
        told = Painter(model, seed=seed).trajectory("a photo of a blue star", start=start)
        assert told.steps[0].reflection == wrong and told.steps[0].refinement is not None
        right += judge(blue, np.asarray(told.steps[0].refinement)).correct
    assert right >= 2


def test_guidance_may_lean_on_the_pictures_before(model, tmp_path):
    plain, settings = replace(QUICK, max_rounds=2), replace(QUICK, max_rounds=2, process=LEANING)
    without, leaning = (Painter(model, seed=0, settings=one).trajectory(PROMPT) for one in (plain, settings))
    assert apart(without.steps[0].draft, leaning.steps[0].draft) == 0, "before the first there is none to lean on"
    assert spoken(without)[:2] == spoken(leaning)[:2] and apart(without.final, leaning.final) > 0
    more = [told.cost.forwards - told.cost.text_tokens for told in (leaning, without)]
    assert more[0] - more[1] == QUICK.steps + 1, "one branch more at each step, and its words are read"
    beginning = leaning.model_copy(update={"steps": leaning.steps[:1], "final": leaning.steps[0].draft, "closing": ""})
    beginning.save(tmp_path)
    resumed = Painter(model, seed=0, settings=settings).trajectory(PROMPT, start=Trajectory.load(tmp_path))
    company = paint_many(model, ["a photo of two cups", PROMPT], [4, 0], settings=settings)[1]
    assert apart(resumed.final, leaning.final) <= 2 and apart(company.final, leaning.final) <= 2


def test_the_bound_on_pictures_is_kept_and_recorded(model):
    told = Painter(model, seed=0, settings=replace(QUICK, max_rounds=1)).trajectory("a photo of three red hearts")
    assert told.bounded and len(turns(told)) - (not turns(told)[-1][1]) == 1
    free = Painter(model, seed=0, settings=QUICK).trajectory("a photo of a red heart")
    assert not free.bounded


def test_direct_is_one_picture_without_words(model):
    told = Painter(model, seed=0).direct(PROMPT)
    assert told.strategy == "direct" and not told.steps and told.cost.text_tokens == 0
    assert told.cost.denoising_steps == Settings().steps
    with pytest.raises(KitError, match="no strategy"):
        paint_many(model, [PROMPT], [0], "abacus")


@pytest.mark.parametrize("strategy", ["process", "direct"])
def test_words_the_model_does_not_know_are_named(model, tmp_path, strategy):
    with pytest.raises(KitError, match="does not know 'zeppelin', 'abacus'"):
        paint_to_folder("a photo of a zeppelin and an abacus", MINI, strategy, out=tmp_path / "out", loaded=model)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "plan", "verdict", "refine", "done"),
    [
        ("<ins> add a cup </ins> <des> a cup </des>", "add a cup", None, None, False),
        ("i see a cup. this is right. the picture is complete.", None, "correct", None, True),
        ("i see a cup. this is wrong. <refine> make it red </refine>", None, "wrong", "make it red", False),
        ("i see a cup. this is wrong.", None, "wrong", None, False),
        ("<ins> add a cup", None, None, None, False),
        ("<refine> </refine> <ins></ins>", None, None, None, False),
        ("", None, None, None, False),
    ],
)
def test_whatever_the_model_writes_is_read(text, plan, verdict, refine, done):
    said = read(text)
    assert (said.plan and said.plan.instruction) == plan
    assert (said.reflection and said.reflection.verdict) == verdict
    assert (said.reflection and said.reflection.refine) == refine
    assert said.done == done


def test_paint_leaves_a_trajectory_a_strip_and_a_page(model, tmp_path):
    path = paint_to_folder(PROMPT, MINI, out=tmp_path / "new/folder", loaded=model)
    assert Trajectory.load(path).prompt == PROMPT
    assert {"strip.png", "page.html", "final.png"} <= {file.name for file in path.parent.iterdir()}
    with pytest.raises(KitError, match="prompt is empty"):
        paint_to_folder("  ", MINI, out=tmp_path)


def test_the_demo_paints_three_right_pictures_and_one_refinement(model):
    """The three prompts of `make demo`, each with its seed, as the shipped weights paint them."""
    tasks = json.loads(DEMO.read_text())
    told = [Painter(model, task["seed"]).trajectory(task["spec"]["prompt"]) for task in tasks]
    assert [judge(task["spec"], np.asarray(one.final)).reason for task, one in zip(tasks, told, strict=True)] == [
        ""
    ] * 3
    mended = [step for one in told for step in one.steps if step.refinement is not None]
    assert mended and all(step.reflection.verdict == "wrong" and step.reflection.refine for step in mended)
