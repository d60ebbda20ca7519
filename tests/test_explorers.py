"""The figures and explorers of the lessons: pictures with words, and controls that move both."""

import base64
import io
from html import escape

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure as Plot
from PIL import Image
from test_show import EVIL, Reader

from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.model.looking import attention_of
from mini_model.model.presets import mini
from mini_model.model.sequence import Clean, Marks, Noised, Seen, Text, pack
from mini_model.model.transformer import EXPERTS, to_rows
from mini_model.show import attention_explorer, figure, flow_explorer, judge_boxes, mask_explorer
from mini_model.show.draw import SHARP, font
from mini_model.show.flow_explorer import COLUMNS, placed
from mini_model.show.judge_boxes import asked
from mini_model.show.table import KINDS
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing

WIDGET = "application/vnd.jupyter.widget-view+json"
THINGS = Thing("star", "red", "top left"), Thing("house", "blue", "center"), Thing("cup", "green", "bottom right")
SCENE = Scene(THINGS)
SPEC = {
    "tag": "position",
    "include": [
        {"class": "house", "count": 1, "color": "blue"},
        {"class": "star", "count": 1, "position": ["right of", 0]},
    ],
}
MASK = np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 0, 1, 1]], bool)
KIND = ["text", "text", "noised", "clean", "seen"]


def judged():
    return judge_boxes(render(SCENE), SPEC)


def masked():
    return mask_explorer(MASK, ["start", EVIL, "n1", "c1", "s1"], KIND)


def walked():
    def frames(steps):
        return [np.full((64, 64, 3), 250 * number // steps, np.uint8) for number in range(steps + 1)]

    walks = {(steps, guidance): frames(steps) for steps, guidance in ((1, 1.0), (4, 3.0), (9, 1.0), (9, 3.0))}
    return flow_explorer(walks, EVIL, shift=2.0)


def attended():
    weights = np.zeros((3, 4, 4))
    weights[0, 1, 2], weights[1, 3, 3], weights[1, 0, 0] = 0.5, 0.25, 0.125
    return attention_explorer(["red", EVIL, "house"], weights, render(SCENE), "layer 4")


EXPLORERS = [judged, masked, walked, attended]
each_explorer = pytest.mark.parametrize("make", EXPLORERS)


def controls(explorer):
    return explorer.children[1:-1]


def shown(explorer) -> tuple[str, str]:
    """The words and the picture that an explorer shows now."""
    (image,) = Reader(explorer.picture.value).all("img")
    return Reader(explorer.words.value).text, image["src"]


def opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB")


# all of them


@each_explorer
def test_without_a_kernel_there_is_a_picture_with_words(make):
    data, about = make()._repr_mimebundle_()
    picture = opened(base64.b64decode(data["image/png"]))
    assert picture.width == 900 * SHARP and 200 < picture.height < 2000 * SHARP
    assert about["image/png"] == {"width": 900, "alt": data["text/plain"]}
    assert "model_id" in data[WIDGET]
    assert len(data["text/plain"].split()) > 20
    (image,) = Reader(data["text/html"]).tags
    assert image[1]["alt"] == data["text/plain"]


@each_explorer
def test_every_place_of_every_control_shows_something_else(make):
    explorer = make()
    for control in controls(explorer):
        places = range(control.max + 1) if hasattr(control, "max") else [value for _, value in control.options]
        seen = []
        for place in places:
            control.value = place
            seen.append(shown(explorer))
        words = [words for words, _ in seen]
        assert len(seen) > 1 and len(set(words)) == len(seen), words
        if "max" in control.trait_names():
            assert len({picture for _, picture in seen}) > 1


@each_explorer
def test_controls_have_names_and_words_are_announced(make):
    explorer = make()
    assert all(control.description and control.tooltip for control in controls(explorer))
    assert 'aria-live="polite"' in explorer.words.value
    (image,) = Reader(explorer.picture.value).all("img")
    assert len(image["alt"].split()) > 3


@each_explorer
def test_no_word_becomes_markup(make):
    explorer = make()
    places = controls(explorer)[0].max + 1
    for place in range(places):
        controls(explorer)[0].value = place
        data, _ = explorer._repr_mimebundle_()
        for html in (explorer.children[0].value, explorer.picture.value, explorer.words.value, data["text/html"]):
            assert "<script" not in html
    if make is not judged:  # the judge's words are the kit's own
        assert escape(EVIL)[:20] in explorer.children[0].value + explorer.words.value + seen_all(explorer)


def seen_all(explorer) -> str:
    """The HTML of all words that the first control leads to."""
    told, slider = "", controls(explorer)[0]
    for place in range(slider.max + 1):
        slider.value = place
        told += explorer.words.value
    return told


def test_marks_can_be_drawn():
    hollow = bytes(font(20).getmask("\uffff"))
    assert all(bytes(font(20).getmask(mark)) != hollow for mark in "▼▶✓✗…“”")
    assert len({letter for letter, _ in KINDS.values()}) == len({color for _, color in KINDS.values()}) == len(KINDS)


# the figure


@pytest.mark.parametrize("make", [pyplot.figure, Plot])
def test_a_plot_becomes_a_picture_with_words(make):
    plot = make(figsize=(6, 2), layout="constrained")
    plot.subplots().plot([1, 2])
    drawn = figure(plot, alt="a <line>")
    assert not pyplot.get_fignums()
    data, about = drawn._repr_mimebundle_()
    assert about["image/png"] == {"width": drawn.width, "alt": "a <line>"}
    assert Reader(data["text/html"]).tags[0][1]["alt"] == data["text/plain"] == "a <line>"
    assert abs(drawn.width - 600) < 40 and abs(drawn.image.width - SHARP * drawn.width) <= 1


def test_a_plot_is_no_wider_than_the_page():
    plot = Plot(figsize=(20, 4))
    plot.subplots().plot([1, 2])
    assert figure(plot, alt="a line").width <= 900


@pytest.mark.parametrize(("size", "width"), [((64, 64), 320), ((640, 64), 640), ((1800, 20), 900)])
def test_a_picture_is_shown_at_a_size_one_can_see(size, width):
    drawn = figure(Image.new("RGB", size), alt="black")
    assert drawn.width == width and drawn.image.width >= min(width, size[0])


def test_an_array_is_a_picture_too():
    drawn = figure(render(SCENE), alt="a star, a house and a cup")
    assert (np.array(drawn.image)[2::5, 2::5] == render(SCENE)).all()


@pytest.mark.parametrize(
    ("drawing", "alt", "says"),
    [
        (Image.new("RGB", (8, 8)), " ", "alt text"),
        ("a path", "words", "not"),
        (np.zeros((8, 8)), "words", "float64"),
    ],
)
def test_a_figure_needs_a_drawing_and_words(drawing, alt, says):
    with pytest.raises(KitError, match=says):
        figure(drawing, alt)


# the judge's boxes


def test_all_that_was_found_is_told_with_the_verdict():
    alt = judged()._repr_mimebundle_()[0]["text/plain"]
    places = [alt.index(words) for words in ("3 things", "red star", "Asked for", "Verdict ✗ wrong", "'star' should")]
    assert places == sorted(places) and alt.count("score 1.00") == 3
    assert "blue house around pixel (32, 32)" in alt and "green cup" in alt
    right = judge_boxes(Image.fromarray(render(SCENE)), {"tag": "single", "include": [{"class": "cup", "count": 1}]})
    assert "Verdict ✓ correct." in right.alt_text()
    assert "Verdict" not in judge_boxes(render(SCENE)).alt_text()


def test_the_widget_tells_what_the_still_tells():
    explorer = judged()
    for number in range(3):
        explorer.detection.value = number
        words, _ = shown(explorer)
        one = explorer.found[number]
        assert words.startswith(f"{number + 1} of 3: {one['color']} {one['class']}\nscore {one['score']:.2f}, counted")
        assert f"{number + 1}, {one['color']} {one['class']}" in explorer.alt_text()
        assert explorer.alt_text().split("Asked")[1] in words


def test_the_chosen_box_stands_out():
    explorer = judged()
    orange = np.array([0xD5, 0x5E, 0x00])
    explorer.detection.value = [one["class"] for one in explorer.found].index("house")
    page = np.array(opened(base64.b64decode(shown(explorer)[1].split(",")[1])))
    rows, columns = np.nonzero((page == orange).all(-1))
    middle = page.shape[0] / 2
    assert abs((rows.min() + rows.max()) / 2 - middle) < 8 and abs((columns.min() + columns.max()) / 2 - middle) < 8


def test_what_is_not_sure_is_told_and_nothing_is_no_trouble():
    soft = np.clip(render(SCENE) + np.random.default_rng(0).normal(0, 55, (64, 64, 3)), 0, 255).astype(np.uint8)
    groups = {name: [{"class": "star", "count": count}] for name, count in (("include", 2), ("exclude", 3))}
    counting = {"tag": "counting", **groups}
    assert "not counted: not above 0.9" in judge_boxes(soft, counting).alt_text()
    empty = judge_boxes(np.full((64, 64, 3), 250, np.uint8), counting)
    assert "found no things." in empty.alt_text() and shown(empty)[0].startswith("Nothing found")
    assert empty.detection.layout.display == "none"
    assert asked(counting) == "2 stars and fewer than 3 stars"
    assert asked(SPEC) == "1 blue house and 1 star right of the house"


def test_many_detections_fit_the_page():
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert judge_boxes(noise).still().image.height <= 1200


@pytest.mark.parametrize("picture", [np.zeros((8, 8, 3), np.uint8), np.zeros((64, 64, 3)), "a path"])
def test_the_judge_sees_pictures_of_the_drawn_world_alone(picture):
    with pytest.raises(KitError):
        judge_boxes(picture)


# the mask


def test_a_token_tells_whom_it_sees_and_who_sees_it():
    explorer = masked()
    explorer.token.value = 3
    assert shown(explorer)[0] == (
        "Token 4 of 5: c1 (clean)\n▼ It sees 3 tokens: 1–2 (text), 4 (clean).\n"
        "▶ It is seen by 2 tokens: 4 (clean), 5 (seen)."
    )
    alt = explorer.still().alt
    assert "1 token, seen by noised alone" in alt and "14 of 25 squares" not in alt
    assert f"{MASK.sum()} of 25 squares are filled" in alt
    assert "in order: 2 text, 1 noised, 1 clean, 1 seen" in alt


def test_the_table_is_filled_where_the_mask_is():
    for mask in (MASK, np.eye(5, dtype=bool)):
        page = np.array(mask_explorer(mask, list("abcde"), ["clean"] * 5).still().image)
        green = (page == [0x00, 0x9E, 0x73]).all(-1)  # the squares, and the bands above and at the left of them
        square, foot = 24 * SHARP, np.nonzero(green)[0].max()
        right = np.nonzero(green[foot])[0].max()
        back = square // 2 + square * np.arange(4, -1, -1)
        assert (green[foot - back][:, right - back] == mask).all()


@pytest.mark.parametrize("length", [1, 40, 200])
def test_tables_of_any_length_fit_the_page(length):
    kinds = ["text"] * (length // 2) + ["noised"] * (length - length // 2)
    explorer = mask_explorer(torch.ones(length, length).tril().bool(), ["a very long name indeed"] * length, kinds)
    explorer.token.value = length - 1
    assert f"It sees {length} token" in shown(explorer)[0]
    assert explorer.still().image.width == 1800 and explorer.still().image.height < 2000


@pytest.mark.parametrize(
    ("mask", "names", "kinds", "says"),
    [
        (MASK, ["a"] * 4, KIND, "4 names"),
        (MASK, ["a"] * 5, KIND[:3], "3 kinds"),
        (MASK[:3], ["a"] * 5, KIND, r"\(3, 5\)"),
        (MASK, ["a"] * 5, ["text"] * 4 + ["dreamt"], "no kind 'dreamt'"),
    ],
)
def test_names_and_kinds_must_fit_the_mask(mask, names, kinds, says):
    with pytest.raises(KitError, match=says):
        mask_explorer(mask, names, kinds)


# the walk


def test_time_follows_the_shift_of_the_schedule():
    explorer = walked()
    assert (explorer.steps.value, explorer.time.max) == (9, 9)
    explorer.steps.value = 4
    told = []
    for explorer.time.value in range(5):
        told.append(shown(explorer)[0].split("\n")[0].split(": ")[1])
    assert told == ["noise alone, t = 1", "t = 0.86", "t = 0.67", "t = 0.40", f"{EVIL}, t = 0"]
    plain = flow_explorer({(2, 1.0): [render(SCENE)] * 3})
    plain.time.value = 1
    assert "After 1 of 2 steps: on the way" in shown(plain)[0]


def test_only_walks_that_were_taken_are_offered():
    explorer = walked()
    assert [value for _, value in explorer.guidance.options] == [1.0, 3.0]
    explorer.time.value, explorer.guidance.value = 9, 1.0
    explorer.steps.value = 4
    assert [value for _, value in explorer.guidance.options] == [3.0]
    assert (explorer.guidance.value, explorer.time.value) == (3.0, 4)
    explorer.steps.value = 1
    assert (explorer.guidance.value, explorer.time.value, explorer.time.max) == (1.0, 1, 1)


def test_each_row_starts_with_noise_and_ends_with_the_picture():
    for steps in range(1, 60):
        columns, numbers = zip(*placed(steps), strict=True)
        assert (columns[0], columns[-1], numbers[0], numbers[-1]) == (0, COLUMNS - 1, 0, steps)
        assert all(b - a >= 1 for a, b in zip(columns, columns[1:], strict=False))
        assert list(numbers) == sorted(set(numbers))
    alt = walked().alt_text()
    assert "4 rows" in alt and "1 step with guidance 1; 4 steps with guidance 3; 9 steps with guidance 1" in alt


@pytest.mark.parametrize(
    ("walks", "says"),
    [({}, "no walks"), ({(4, 1.0): [render(SCENE)] * 4}, "give 5"), ({(0, 1.0): [render(SCENE)]}, "0 steps")],
)
def test_frames_must_fit_the_steps(walks, says):
    with pytest.raises(KitError, match=says):
        flow_explorer(walks)


# where words look


def test_a_word_tells_how_much_it_looks_and_where():
    explorer = attended()
    assert shown(explorer)[0] == (
        "1 of 3: “red”\n50% of its attention is on the picture, most at row 2, column 3 (50%)"
    )
    explorer.word.value = 2
    assert shown(explorer)[0] == "3 of 3: “house”\n0% of its attention is on the picture"
    alt = explorer.alt_text()
    assert "4 by 4 tokens for each of 3 words" in alt and "in layer 4" in alt and "38% of its attention" in alt


def test_the_picture_is_bright_where_the_word_looks():
    explorer = attended()
    page = np.array(opened(base64.b64decode(shown(explorer)[1].split(",")[1]))).mean(-1)
    middles = page.shape[0] // 8 * np.array([1, 3, 5, 7])
    light = page[middles][:, middles]
    assert np.unravel_index(np.argmax(light), (4, 4)) == (1, 2)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (np.ones((2, 4, 4)), "3 words"),
        (np.ones((3, 16)), "rows, columns"),
        (-np.ones((3, 4, 4)), "at least 0"),
        (np.full((3, 4, 4), np.nan), "at least 0"),
    ],
)
def test_weights_must_fit_the_words(weights, says):
    with pytest.raises(KitError, match=says):
        attention_explorer(["a", "red", "star"], weights, render(SCENE))


# looking into the model


@pytest.fixture(scope="module")
def sample():
    """A small model with weights of some size, and a sample with every kind of segment."""
    torch.manual_seed(5)
    model = UnifiedModel(mini(40)).eval()
    with torch.no_grad():
        for weight in model.language_model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    latents, at = torch.randn(4, model.config.patch_channels), torch.arange(4)
    seen = Seen(torch.randn(4, 3 * model.config.vit_config["patch_size"] ** 2), at)
    noised = Noised(latents, at, 0.5, torch.randn_like(latents))
    batch = pack([[Text([4, 5, 6]), noised, Clean(latents, at), seen, Text([7, 8])]], Marks(0, 1, 2, 3))
    return model, batch


@pytest.mark.parametrize("layer", [0, 3, 5])
def test_weights_sum_to_one_and_keep_to_the_mask(sample, layer):
    model, batch = sample
    weights = attention_of(model, batch, layer)
    assert weights.shape == (6, batch.length, batch.length)
    torch.testing.assert_close(weights.sum(-1), torch.ones(6, batch.length))
    assert (weights[:, ~batch.mask[0]] == 0).all()
    assert (weights[:, batch.mask[0]] > 0).all()


@pytest.mark.parametrize("layer", [0, 5])
def test_weights_times_values_are_what_the_layer_gave(sample, layer):
    model, batch = sample
    attention, caught = model.language_model.model.layers[layer].self_attn, {}

    def arrive(module, given):
        streams, route = given[:2]
        values = torch.cat([module._ask(x, expert)[1] for x, expert in zip(streams, EXPERTS, strict=True)])
        caught["values"] = to_rows(values, route)[0].repeat_interleave(module.heads // module.groups, dim=1)

    doors = [attention.register_forward_pre_hook(arrive)]
    for expert in EXPERTS:
        keep = getattr(attention, f"o_proj{expert}").register_forward_pre_hook
        doors.append(keep(lambda _, given, expert=expert: caught.update({expert: given[0]})))
    weights = attention_of(model, batch, layer)
    for door in doors:
        door.remove()
    mixed = torch.einsum("hqk,khd->qhd", weights, caught["values"]).flatten(1)
    given = torch.cat([caught[expert] for expert in EXPERTS])
    torch.testing.assert_close(mixed[batch.slot], given, rtol=1e-4, atol=1e-5)


def test_looking_leaves_the_model_as_it_was(sample):
    model, batch = sample
    with torch.no_grad():
        before = model.hidden(batch)
        attention_of(model, batch, 2)
        after = model.hidden(batch)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not model.language_model.model.layers[2].self_attn._forward_pre_hooks


def test_looking_takes_one_row_and_a_layer_that_is_there(sample):
    model, batch = sample
    two = pack([[Text([4])], [Text([5])]], Marks(0, 1, 2, 3))
    with pytest.raises(KitError, match="2 rows"):
        attention_of(model, two, 0)
    for layer in (-1, 6):
        with pytest.raises(KitError, match="from 0 to 5"):
            attention_of(model, batch, layer)
