"""The history explorer: what a picture went through, told alike by the widget and by the still picture."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import story
from PIL import Image
from test_show import EVIL, Reader, evil

from mini_model.errors import KitError
from mini_model.show import history_explorer
from mini_model.show.draw import SHARP
from mini_model.show.graph import LARGE, edges, ghosts, marks
from mini_model.trajectory import Plan, Reflection, Step, Trajectory
from mini_model.world.prompts import Group, Request
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import PLACES, UNCLEAR

WIDGET = "application/vnd.jupyter.widget-view+json"
PROMPT = "a photo of a red star left of a blue house on the meadow"
STAR, HOUSE = Thing("star", "red", "top left"), Thing("house", "blue", "bottom right")
CUP = Thing("cup", "green", "center", "small")
PAGE = Scene((), "meadow")
GREEN = replace(HOUSE, color="green")
SCENES = [PAGE, PAGE.add(STAR), PAGE.add(STAR).add(GREEN), PAGE.add(STAR).add(HOUSE), PAGE.add(HOUSE)]


def played():
    return history_explorer(SCENES, PROMPT)


def told():
    return history_explorer(story.three_steps())


def marked_up():
    return history_explorer(evil())


def full():
    """Nine things, placed one after another, with none but dashed lines."""
    things = [Thing("triangle", "orange", place, "small") for place in PLACES]
    return history_explorer([Scene(tuple(things[:count])) for count in (1, 5, 9)])


each_explorer = pytest.mark.parametrize("make", [played, told, full])


def steps(explorer):
    """The words and the picture's attributes at every place of the slider."""
    for number in range(explorer.step.max + 1):
        explorer.step.value = number
        (image,) = Reader(explorer.picture.value).all("img")
        yield Reader(explorer.words.value).text, image


def pixels(source: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(source.split(",")[-1]))).convert("RGB"))


@each_explorer
def test_the_still_says_what_the_widget_says(make):
    explorer = make()
    data, about = explorer._repr_mimebundle_()
    assert "model_id" in data[WIDGET] and about["image/png"] == {"width": 900, "alt": data["text/plain"]}
    (image,) = Reader(data["text/html"]).all("img")
    assert image["alt"] == data["text/plain"]
    for number, (words, _) in enumerate(steps(explorer), 1):
        assert words.startswith(f"Step {number} of {len(explorer.pages)}: ")
        for line in words.splitlines():
            assert f"{line.rstrip('.')}." in data["text/plain"]
    assert 200 * SHARP < pixels(data["image/png"]).shape[0] < 2400 * SHARP
    assert pixels(data["image/png"]).shape[1] == 900 * SHARP


@each_explorer
def test_every_step_shows_something_else(make):
    seen = list(steps(make()))
    assert len({words for words, _ in seen}) == len({image["src"] for _, image in seen}) == len(seen) > 1
    assert all(words.splitlines()[0].split(": ", 1)[1] in image["alt"] for words, image in seen)


def test_the_slider_is_named_moves_by_keys_and_its_words_are_announced():
    explorer = played()
    (control,) = explorer.children[1:-1]
    assert control is explorer.step and control.description and control.tooltip and control.step == 1
    assert 'aria-live="polite"' in explorer.words.value
    one = history_explorer(SCENES[:1])
    assert one.step.layout.display == "none" and "Step 1 of 1: begin with the meadow" in one.words.value


def test_no_word_becomes_markup():
    explorer = marked_up()
    data, _ = explorer._repr_mimebundle_()
    for html in (explorer.children[0].value, explorer.picture.value, explorer.words.value, data["text/html"]):
        assert "<script" not in html and "&lt;script" in html
    (words, _) = next(steps(explorer))
    assert words.startswith(f"Step 1 of 1: {EVIL}\nAfter it: {EVIL}\nMended: {EVIL}")


def test_the_words_tell_what_a_step_did():
    began, added, wrong, mended, removed = (words for words, _ in steps(played()))
    assert began == "Step 1 of 5: begin with the meadow\nAfter it: nothing on the meadow\nNew: the background, meadow"
    assert added.splitlines()[0] == "Step 2 of 5: add a red star at the top left"
    assert added.splitlines()[2:] == ["New: the red star at the top left"]
    assert wrong.endswith("Relation: green house right of red star (as it came out)")
    assert "make the green house at the bottom right blue" in mended
    assert "Changed: the green house at the bottom right is now a blue house" in mended
    assert mended.endswith("Relation: red star left of blue house (asked for)")
    assert removed.endswith("on the meadow\nGone: the red star at the top left")


def test_a_trajectory_is_told_by_its_plans_and_shown_as_it_was_mended():
    painted = story.three_steps()
    explorer = history_explorer(painted)
    seen = [words for words, _ in steps(explorer)]
    assert [words.splitlines()[0].split(": ")[1] for words in seen] == [s.plan.instruction for s in painted.steps]
    assert "Mended: make the star blue" in seen[1] and "Mended" not in seen[0] + seen[2]
    right = [step.draft if step.refinement is None else step.refinement for step in painted.steps]
    assert [page.picture.tobytes() for page in explorer.pages] == [picture.tobytes() for picture in right]
    assert painted.prompt in explorer.alt_text() and painted.prompt in explorer.children[0].value


def test_a_step_that_only_goes_on_mending_leaves_the_graph_as_it_is():
    picture, right = render(SCENES[1]), Reflection(verdict="correct")
    first = Step(
        plan=Plan(instruction="add", description="a red star at the top left"), draft=picture, reflection=right
    )
    again = Step(
        plan=Plan(),
        draft=picture,
        reflection=Reflection(verdict="wrong", refine="mend"),
        refinement=picture,
        after=right,
    )
    explorer = history_explorer(Trajectory(prompt="a star", steps=[first, again], final=picture))
    one, other = explorer.pages
    assert one.scene == other.scene and other.instruction == "mend" and other.description == one.description


def test_new_things_are_marked_by_a_thick_frame_and_a_word():
    blue = (0x00, 0x72, 0xB2)
    (_, before), (_, after) = list(steps(played()))[:2]
    thick = [(pixels(image["src"])[: round(LARGE.cell[1] * SHARP)] == blue).all(-1).sum() for image in (before, after)]
    assert thick[0] == 0 and thick[1] > 2 * 3 * SHARP * LARGE.box[0] * SHARP


def test_what_was_touched_is_told_apart():
    moved = Scene((replace(STAR, place="top right"), replace(HOUSE, nudge=(1, 1)), CUP))
    before = Scene((STAR, HOUSE))
    assert list(marks(before, moved).values()) == ["moved", "new"]  # the shake of the hand is no change
    assert ghosts(before, moved) == {STAR: "was here"}
    assert marks(before, Scene((STAR, GREEN))) == {GREEN: "changed"} and ghosts(before, Scene((STAR,))) == {
        HOUSE: "gone"
    }
    assert marks(None, before) == {STAR: "new", HOUSE: "new"} and ghosts(None, before) == {}


def test_relations_that_are_asked_for_are_told_from_those_that_came_out():
    request = Request((Group("star"), Group("house", color="blue"), Group("cup")), ("left of", None))
    found = edges(Scene((STAR, HOUSE, CUP)), request)
    assert [(edge.start, edge.word, edge.end, edge.asked) for edge in found] == [
        (STAR, "left of", HOUSE, True),
        (CUP, "right of", STAR, False),
    ]
    crossed = Scene((replace(STAR, place="bottom right"), replace(HOUSE, place="top left")))
    assert [edge.word for edge in edges(crossed, request)] == ["not left of"]
    assert [edge.word for edge in edges(Scene((STAR, GREEN)), request)] == ["right of"]  # this house was not asked for
    assert edges(Scene((STAR,)), request) == edges(Scene()) == []


def test_each_thing_but_the_first_has_a_relation_to_one_before_it():
    explorer = full()
    scene = explorer.pages[-1].scene
    found = explorer.edges(explorer.pages[-1])
    assert [edge.start for edge in found] == list(scene.things[1:])
    assert all(scene.things.index(edge.end) < scene.things.index(edge.start) for edge in found)


def test_a_prompt_of_another_world_is_shown_and_asks_for_no_relation():
    explorer = history_explorer(SCENES, "a zebra left of a parking meter")
    assert explorer.request is None and "zebra" in explorer.alt_text() and "asked for" not in explorer.alt_text()
    plain = history_explorer(SCENES)
    assert "prompt" not in plain.alt_text().split(",")[0]


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ([], "empty history"),
        (story.direct(), "empty history"),
        ([render(PAGE)], "list of scenes"),
        (PAGE, "not Scene"),
        ([PAGE.add(replace(CUP, name=UNCLEAR))], "leave it out with scene.told"),
        (None, "not NoneType"),
    ],
)
def test_without_steps_there_is_no_history(history, says):
    with pytest.raises(KitError, match=says):
        history_explorer(history)
