"""Stories side by side: every picture, verdict and cost is there, with a kernel and without."""

import base64
import io
from html import escape

import numpy as np
import pytest
import story
from PIL import Image
from test_show import EVIL, Reader, evil

from mini_model.errors import KitError
from mini_model.show import compare
from mini_model.show.compare import CELL, COLUMN, COLUMNS, GUTTER, LEFT, MARGIN, MOST, SHOWN, SMALL, UNJUDGED, strokes
from mini_model.show.draw import SHARP, fit
from mini_model.trajectory import Plan, Reflection, Step, Trajectory

WIDGET = "application/vnd.jupyter.widget-view+json"
SHORT, LONG = story.one_step().prompt, story.three_steps().prompt


def at_once(prompt: str, spec: dict | None = None) -> Trajectory:
    return story.direct().model_copy(update={"prompt": prompt, "spec": spec})


def two_ways():
    """Two prompts by two ways; the first prompt's specification is known."""
    spec = story.three_steps().spec
    return {"at once": [at_once(LONG, spec), at_once(SHORT)], "process": [story.three_steps(), story.one_step()]}


def wicked():
    """Markup in a name, a prompt, a plan, a refinement and a verdict."""
    return compare({EVIL: evil(), "at once": at_once(EVIL)}, verdicts={EVIL: EVIL, "at once": "fine"})


def shown(explorer) -> tuple[str, str]:
    """The words and the picture that the widget shows now."""
    (image,) = Reader(explorer.picture.value).all("img")
    return Reader(explorer.words.value).text, image["src"]


def opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB")


def controls(explorer):
    return [control for control in explorer.children[1:-1] if control.layout.display != "none"]


# without a kernel


def test_without_a_kernel_there_is_a_picture_with_words():
    data, about = compare(two_ways())._repr_mimebundle_()
    picture = opened(base64.b64decode(data["image/png"]))
    assert picture.width == 900 * SHARP and 300 * SHARP < picture.height < 1000 * SHARP
    assert about["image/png"] == {"width": 900, "alt": data["text/plain"]}
    assert "model_id" in data[WIDGET]
    (image,) = Reader(data["text/html"]).tags
    assert image[1]["alt"] == data["text/plain"]


def test_the_still_holds_every_picture_in_order():
    page = np.array(compare({"process": story.three_steps()}).still().image)
    for number, stroke in enumerate(strokes(story.three_steps())):
        part = np.array(fit(stroke.picture, SMALL * SHARP))
        left = (MARGIN + LEFT + GUTTER + number * COLUMN) * SHARP
        tops = range(len(page) - len(part))
        assert any((page[top : top + len(part), left : left + part.shape[1]] == part).all() for top in tops)


def test_alt_text_tells_what_every_place_of_the_controls_tells():
    explorer = compare(two_ways())
    alt = explorer.alt_text()
    for way in (way for ways in explorer.ways for way in ways):
        assert way.name in alt and way.verdict.rstrip(".") in alt and ", ".join(way.cost) in alt
        assert all(stroke.said in alt for stroke in way.strokes)
    assert alt.index(LONG) < alt.index(SHORT)
    assert "4 pictures, 64 denoising steps, 301 forwards, 2,210 tokens, 4.2 s" in alt
    assert "refinement 2: make the star blue; draft 3: add a brown boat" in alt


def test_a_long_story_goes_on_in_the_next_line():
    many = story.six_steps()
    many = many.model_copy(update={"steps": many.steps * 2})
    short, long = (compare({"process": told}).still().image.height for told in (story.six_steps(), many))
    assert len(strokes(many)) == 2 * COLUMNS and long - short > SMALL * SHARP
    assert compare({"process": story.long()}).still().image.height < 900 * SHARP


# with one


def test_every_place_of_every_control_shows_something_else():
    explorer = compare(two_ways())
    for control in controls(explorer):
        places = range(control.max + 1) if hasattr(control, "max") else [value for _, value in control.options]
        seen = []
        for control.value in places:
            seen.append(shown(explorer))
        assert len(set(seen)) == len(seen) > 1
        assert len({words for words, _ in seen}) == len({picture for _, picture in seen}) == len(seen)
        control.value = places[0]


def test_it_opens_with_the_last_pictures_of_the_first_prompt():
    explorer = compare(two_ways())
    words = shown(explorer)[0]
    assert (explorer.prompt.value, explorer.step.value, explorer.step.max) == (0, 3, 3)
    assert words.startswith(f"Step 4 of 4: {LONG}\n")
    assert "process · draft 3: add a brown boat at the bottom center\n✓ accepted · 4 pictures" in words
    explorer.prompt.value = 1
    assert explorer.step.max == explorer.step.value == 0 and explorer.step.layout.display == "none"
    assert shown(explorer)[0].startswith(f"Step 1 of 1: {SHORT}\n")
    explorer.prompt.value = 0
    assert explorer.step.value == explorer.step.max == 3 and explorer.step.layout.display is None


def test_a_short_story_waits_at_its_end():
    explorer = compare(two_ways())
    explorer.step.value = 1
    words = shown(explorer)[0]
    assert words.endswith("process · draft 2: add a blue star at the middle right")  # no verdict yet
    assert "at once · at once\n✓ accepted · 1 picture" in words
    page = np.array(opened(base64.b64decode(shown(explorer)[1].split(",")[1])))
    for number, picture in enumerate((story.direct().final, story.three_steps().steps[1].draft)):
        part, left = np.array(fit(picture, SHOWN * SHARP)), (CELL * number + 1) * SHARP
        assert any((page[top : top + len(part), left : left + part.shape[1]] == part).all() for top in range(100))


def test_controls_have_names_and_words_are_announced():
    explorer = compare(two_ways())
    assert all(control.description and control.tooltip for control in controls(explorer))
    assert len(controls(explorer)) == 2 and 'aria-live="polite"' in explorer.words.value
    (image,) = Reader(explorer.picture.value).all("img")
    assert "at once, at once; process, draft 3" in image["alt"]


def test_a_control_that_leads_nowhere_is_hidden():
    explorer = compare({"at once": at_once(LONG)})
    assert controls(explorer) == [] and shown(explorer)[0].startswith("Step 1 of 1")


def test_no_word_becomes_markup():
    explorer = wicked()
    for place in range(explorer.step.max + 1):
        explorer.step.value = place
        data, _ = explorer._repr_mimebundle_()
        for html in (explorer.children[0].value, explorer.picture.value, explorer.words.value, data["text/html"]):
            assert "<script" not in html and "<img src=x" not in html
        assert explorer.words.value.count(escape(EVIL)) >= 3  # the prompt, the name, the plan or the refinement
    assert Reader(explorer.words.value).text.count(EVIL) >= 4  # and at the end the verdict


# what is told


def test_every_picture_has_the_words_it_was_painted_by():
    told = [(stroke.label, stroke.words) for stroke in strokes(story.three_steps())]
    assert told == [
        ("draft 1", "add a red circle at the middle left"),
        ("draft 2", "add a blue star at the middle right"),
        ("refinement 2", "make the star blue"),
        ("draft 3", "add a brown boat at the bottom center"),
    ]
    assert [stroke.said for stroke in strokes(story.direct())] == ["at once"]


def test_a_picture_that_is_mended_twice_is_told_once():
    pictures = [story.direct().final, story.one_step().final, story.three_steps().final]
    wrong = Reflection(verdict="wrong", refine="again")
    first = Step(plan=Plan(instruction="add"), draft=pictures[0], reflection=wrong, refinement=pictures[1])
    second = Step(plan=Plan(), draft=pictures[1], reflection=wrong, refinement=pictures[2])
    told = strokes(Trajectory(prompt="a cup", steps=[first, second], final=pictures[2]))
    assert [stroke.label for stroke in told] == ["draft 1", "refinement 1", "refinement 2"]
    other = strokes(Trajectory(prompt="a cup", steps=[first], final=pictures[2]))
    assert [stroke.label for stroke in other] == ["draft 1", "refinement 1", "final"]


def test_the_judge_speaks_where_it_knows_what_was_asked():
    spec = {"tag": "single_object", "include": [{"class": "cup", "count": 1}]}
    rows = {"known": at_once(LONG, story.three_steps().spec), "other": at_once(LONG, spec), "open": at_once(LONG)}
    known, other, unknown = compare(rows).ways[0]
    assert known.verdict == "✓ accepted" and other.verdict.startswith("✗ refused: ") and unknown.verdict == UNJUDGED
    large = story.long().model_copy(update={"spec": spec})
    assert (
        compare({"process": large}).ways[0][0].verdict == UNJUDGED
    )  # a picture that the drawn world's judge cannot see
    told = compare(rows, verdicts={"known": "well done", "other": ["so, so"], "open": "who knows"}).ways[0]
    assert [way.verdict for way in told] == ["well done", "so, so", "who knows"]


def test_a_list_goes_by_its_strategies():
    explorer = compare([at_once(LONG), at_once(LONG), story.three_steps()])
    assert [way.name for way in explorer.ways[0]] == ["1 direct", "2 direct", "3 process"]


@pytest.mark.parametrize(
    ("rows", "verdicts", "says"),
    [
        ({}, None, "nothing to compare"),
        ([], None, "nothing to compare"),
        ({"at once": []}, None, "nothing to compare"),
        ({"at once": at_once(LONG), "process": story.one_step()}, None, "prompts of 'process'"),
        ({"at once": [at_once(LONG)] * 2, "process": [story.three_steps()]}, None, "prompts of 'process'"),
        ({"at once": [at_once(LONG)] * (MOST + 1)}, None, f"choose {MOST} or fewer"),
        ({"at once": at_once(LONG)}, {"process": "fine"}, "0 verdicts for 1 pictures of 'at once'"),
        ({"at once": at_once(LONG)}, {"at once": ["fine", "fine"]}, "2 verdicts for 1"),
    ],
)
def test_rows_must_be_of_the_same_prompts(rows, verdicts, says):
    with pytest.raises(KitError, match=says):
        compare(rows, verdicts)
