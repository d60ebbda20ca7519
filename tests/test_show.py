"""The picture language: strip, page and player tell one story, without need of colour or of sight."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import story
from PIL import Image

from mini_model.errors import KitError
from mini_model.show import alt_text, language, page, player, strip, write_page
from mini_model.show.draw import INK, SHARP, fit, font, ink_on, wrap
from mini_model.trajectory import Plan, Reflection, Step, Trajectory

EVIL = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title='ran'\"> & </style>"
STORIES = [story.direct, story.one_step, story.three_steps, story.long, story.six_steps]


class Reader(HTMLParser):
    """Collects the tags of a page and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, name: str) -> list[dict]:
        return [attrs for tag, attrs in self.tags if tag == name]


def evil() -> Trajectory:
    """Markup wherever a model can write."""
    picture = story.direct().final
    step = Step(
        plan=Plan(instruction=EVIL, description=EVIL),
        draft=picture,
        reflection=Reflection(verdict="wrong", text=EVIL, refine=EVIL),
        refinement=picture,
        after=Reflection(verdict="correct", text=EVIL),
    )
    return Trajectory(prompt=EVIL, steps=[step], final=picture, closing=EVIL, strategy=EVIL, provenance={EVIL: EVIL})


# the language


def test_each_stage_has_its_own_word_mark_and_colour():
    stages = language.STAGES
    assert [stage.word for stage in stages] == ["plan", "draft", "reflection", "refinement"]
    assert [stage.color for stage in stages] == ["#0072B2", "#E69F00", "#CC79A7", "#009E73"]
    assert len({stage.mark for stage in stages}) == len(set(language.VERDICT_MARKS.values())) + 1 == 4


def test_every_mark_can_be_drawn():
    hollow = font(20).getmask("\uffff").getbbox(), bytes(font(20).getmask("\uffff"))
    marks = [stage.mark for stage in (*language.STAGES, language.FINAL)]
    for mark in [*marks, *language.VERDICT_MARKS.values(), "→", "›", "…", "·"]:
        for bold in (False, True):
            drawn = font(20, bold).getmask(mark)
            assert (drawn.getbbox(), bytes(drawn)) != hollow


def luminance(color: str) -> float:
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return sum(
        weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
        for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)
    )


def test_marks_stand_out_from_their_colour():
    for stage in (*language.STAGES, language.FINAL):
        light, dark = sorted((luminance(stage.color), luminance(ink_on(stage.color))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_alt_text_tells_the_whole_story_in_sentences():
    alt = alt_text(story.three_steps())
    told = [
        "“a red circle left of a blue star, and a brown boat below them”",
        "It took 3 rounds.",
        "Round 2: the plan is “add a blue star at the middle right”.",
        "The reflection calls the draft wrong: “the star is green, it should be blue”.",
        "It asks to mend: “make the star blue”.",
        "A refinement is drawn. The reflection calls it correct: “the star is blue now”.",
        "At the end the model writes “Everything the prompt asks for is in the picture”.",
        "The final picture is 64 by 64 pixels.",
    ]
    places = [alt.index(sentence) for sentence in told]
    assert places == sorted(places)
    assert alt.count("There is nothing to mend.") == 2


def test_alt_text_of_other_endings():
    assert "It was painted at once, with strategy direct, without steps." in alt_text(story.direct())
    alt = alt_text(story.long())
    assert "The bound on rounds ended it, not the model." in alt
    assert "Round 2 has no plan." in alt
    assert "gives no verdict on the draft" in alt
    assert "There is no refinement." in alt
    assert "\n" not in alt


def test_moments_follow_the_painting():
    told = [(moment.round, moment.stage.word, moment.drawn) for moment in language.moments(story.three_steps())]
    assert told == [
        (1, "plan", None),
        (1, "draft", 0),
        (1, "reflection", None),
        (2, "plan", None),
        (2, "draft", 1),
        (2, "reflection", None),
        (2, "refinement", 2),
        (3, "plan", None),
        (3, "draft", 3),
        (3, "reflection", None),
        (0, "final", None),
    ]


# ink


def test_text_wraps_within_its_width_and_a_cut_shows():
    face = font(12)
    words = "a picture of a " + "very" * 30 + " long word and more " * 20
    lines = wrap(words, face, 100, most=6)
    assert len(lines) == 6
    assert lines[-1].endswith("…")
    assert all(face.getlength(line) <= 100 * SHARP for line in lines)
    whole = wrap(words, face, 100, most=1000)
    assert re.sub(r"\s", "", "".join(whole)) == re.sub(r"\s", "", words)
    assert wrap("one\ntwo", face, 100, most=5) == ["one", "two"]
    assert wrap(" \n ", face, 100, most=5) == []


def test_pixel_art_stays_crisp():
    small = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    grown = np.array(fit(small, 384))
    assert grown.shape == (384, 384, 3)
    assert (grown[3::6, 3::6] == np.array(small)).all()
    assert (grown == np.array(small).repeat(6, 0).repeat(6, 1)).all()


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((8, 8), (384, 384)), ((1024, 768), (384, 288)), ((300, 150), (384, 192)), ((1, 4000), (1, 384))],
)
def test_pictures_fit_their_frame(size, fitted):
    assert fit(Image.new("RGB", size), 384).size == fitted


# the strip


@pytest.mark.parametrize("tell", STORIES)
def test_strip_is_as_wide_as_a_readme_and_carries_its_alt_text(tell, tmp_path):
    drawn = strip(tell())
    assert drawn.size[0] == 900 * SHARP
    assert drawn.alt == alt_text(tell())
    with Image.open(drawn.save(tmp_path / "strip.png")) as picture:
        assert picture.size == drawn.size
        assert picture.text["Description"] == drawn.alt


def test_strip_grows_by_a_row_for_each_round():
    heights = [strip(tell()).size[1] for tell in (story.direct, story.one_step, story.three_steps, story.six_steps)]
    assert heights == sorted(set(heights))
    assert heights[3] < 2400 * SHARP


def test_strip_holds_every_picture_and_every_colour():
    told = story.three_steps()
    pixels = np.array(strip(told).image)
    for _, picture in told.pictures():
        grown = np.array(fit(picture, 192 * SHARP))
        assert contains(pixels, grown)
    for stage in language.STAGES:
        color = [int(stage.color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == color).all(-1).sum() > 1000


def contains(page: np.ndarray, part: np.ndarray) -> bool:
    """Whether a picture stands somewhere on a page, pixel by pixel."""
    height, width = part.shape[:2]
    probe = part[height // 2, ::6].astype(int)
    for top in range(page.shape[0] - height + 1):
        for left in COLUMNS:
            line = page[top + height // 2, left : left + width : 6]
            block = page[top : top + height, left : left + width]
            if (line == probe).all() and (block == part).all():
                return True
    return False


COLUMNS = [(16 + 8 + column * 220) * SHARP for column in range(4)]  # where the pictures of a row may start


def test_strip_shows_itself_in_notebooks():
    drawn = strip(evil())
    data, metadata = drawn._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == drawn._repr_png_()
    assert metadata["image/png"] == {"width": 900, "alt": drawn.alt}
    assert data["text/plain"] == drawn.alt
    (tag, attrs), *rest = Reader(data["text/html"]).tags
    assert (tag, attrs["alt"], rest) == ("img", drawn.alt, [])


def test_strip_needs_a_place(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KitError, match="cannot write"):
        strip(story.direct()).save(tmp_path / "file" / "strip.png")


# the page


@pytest.mark.parametrize("tell", [*STORIES, evil])
def test_page_describes_every_picture_and_needs_no_other_file(tell):
    told = tell()
    html = Reader(page(told))
    images = html.all("img")
    assert len(images) == len(told.pictures())
    for attrs, (_, picture) in zip(images, told.pictures(), strict=True):
        assert attrs["alt"].strip()
        head, data = attrs["src"].split(",")
        assert head == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").tobytes() == picture.tobytes()
    assert not html.all("script")
    assert all(attrs["href"].startswith("data:") for attrs in html.all("link"))
    assert html.all("html") == [{"lang": "en"}]


def test_page_escapes_every_word_of_the_model():
    html = page(evil())
    assert "<script" not in html
    assert "</style> " not in html
    assert not re.search(r"<[^>]*onerror=\"", html)
    assert Reader(html).text.count(EVIL) >= 8  # title, heading, plan twice, reflection twice, after, closing


def test_page_says_what_the_strip_says():
    text = Reader(page(story.three_steps())).text
    for words in ("✗ wrong", "✓ correct", "→ make the star blue", "nothing to mend", "3 rounds", "seed 7"):
        assert words in text
    assert language.BOUNDED in Reader(page(story.long())).text


def test_page_is_written_whole(tmp_path):
    path = write_page(story.one_step(), tmp_path / "new" / "page.html")
    assert path.read_text(encoding="utf-8") == page(story.one_step())
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


# the player


def shown(widget) -> str:
    """The stage word that the player shows."""
    return Reader(widget.head.value).text


def test_player_steps_through_all_the_stages():
    widget = player(story.three_steps())
    seen = [shown(widget)]
    assert widget.previous.disabled
    while not widget.next.disabled:
        widget.next.click()
        seen.append(shown(widget))
    words = [moment.stage.word for moment in language.moments(story.three_steps())]
    assert len(seen) == len(words) == 11
    assert all(word in text for word, text in zip(words, seen, strict=True))
    assert "round 2 of 3" in seen[6]
    widget.next.click()
    assert "final" in shown(widget)
    widget.previous.click()
    assert "reflection" in shown(widget)
    widget.stage.value = 0
    assert "plan" in shown(widget)
    assert "nothing is drawn yet" in widget.picture.value


def test_player_shows_the_picture_of_the_moment():
    told = story.three_steps()
    widget = player(told)
    widget.show(6)
    (image,) = Reader(widget.picture.value).all("img")
    pixels = Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1])))
    assert pixels.tobytes() == fit(told.steps[1].refinement, 320).tobytes()
    assert "refinement" in image["alt"]


def test_player_walks_through_the_denoising():
    told = story.one_step()
    noise = [Image.new("RGB", (64, 64), (shade, 0, 0)) for shade in (10, 20, 30)]
    widget = player(told, frames=[noise])
    assert widget.denoising.layout.display == "none"
    widget.show(1)
    assert widget.denoising.layout.display is None
    assert (widget.denoising.value, widget.denoising.max) == (2, 2)
    whole = widget.picture.value
    widget.denoising.value = 0
    image = Reader(widget.picture.value).all("img")[0]
    pixels = Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1])))
    assert pixels.getpixel((0, 0)) == (10, 0, 0)
    widget.denoising.value = 2
    assert widget.picture.value == whole
    widget.show(2)
    assert widget.denoising.layout.display == "none"
    assert widget.stage.layout.display is None


def test_player_of_a_direct_picture_has_its_frames():
    widget = player(story.direct(), frames=[[story.direct().final] * 4])
    assert widget.denoising.max == 3
    assert widget.next.disabled and widget.previous.disabled


@pytest.mark.parametrize("frames", [[], [[]], [[Image.new("RGB", (8, 8))]] * 2])
def test_player_refuses_frames_that_do_not_match(frames):
    with pytest.raises(KitError, match="for 1 drawn pictures"):
        player(story.one_step(), frames=frames)


def test_player_escapes_and_labels():
    widget = player(evil())
    for number in range(len(widget.moments)):
        widget.show(number)
        for html in (widget.children[0], widget.head, widget.picture, widget.words):
            assert "<script" not in html.value
    assert widget.stage.description == "Stage"
    assert widget.denoising.description == "Denoising"
    assert (widget.previous.description, widget.next.description) == ("Previous", "Next")


def test_player_carries_the_strip_for_those_without_a_kernel():
    told = story.one_step()
    bundle = player(told)._repr_mimebundle_()
    still, _ = strip(told)._repr_mimebundle_()
    assert bundle["image/png"] == still["image/png"]
    assert bundle["text/html"] == still["text/html"]
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]


def test_ink_is_readable():
    assert (1.05) / (luminance(INK) + 0.05) > 7
