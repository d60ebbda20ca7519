"""The dial: a slider through pictures, and a still that holds them all."""

import numpy as np
import pytest
from PIL import Image

from mini_model.errors import KitError
from mini_model.show import dial
from mini_model.show.dial import SIDE
from mini_model.show.draw import SHARP

EVIL = "<script>alert(1)</script>"


def pictures(count):
    return {f"place {k}": np.full((64, 64, 3), 20 * k, np.uint8) for k in range(count)}


def test_the_slider_goes_through_all_pictures_in_order_with_their_words():
    shown = dial("Bits", pictures(3), {"place 1": f"says {EVIL}"})
    seen = []
    for at in range(shown.at.max + 1):
        shown.at.value = at
        seen.append(shown.look())
        assert EVIL not in shown.words.value and f"place {at}" in shown.words.value
    assert [look.picture.getpixel((5, 5)) for look in seen] == [(20 * k,) * 3 for k in range(3)]
    assert seen[1].words.endswith(f"says {EVIL}") and seen[0].picture.size == (SIDE * SHARP,) * 2


@pytest.mark.parametrize("count", [1, 6, 7])
def test_the_still_holds_every_picture_and_every_name(count):
    still = dial("Bits", pictures(count), {"place 0": "right"}).still()
    page = np.asarray(still.image)
    for k in range(count):
        assert f"place {k}" in still.alt
        assert (page == 20 * k).all(-1).sum() > 100**2, "the picture is there"
    assert "place 0: right" in still.alt


@pytest.mark.parametrize(
    ("given", "words", "reason"),
    [({}, None, "at least one"), ({"a": Image.new("RGB", (8, 8))}, {"x": "y"}, "'x'"), ({"a": 3}, None, "picture")],
)
def test_what_cannot_be_shown_is_said_in_one_line(given, words, reason):
    with pytest.raises(KitError, match=reason) as told:
        dial("Bits", given, words)
    assert "\n" not in str(told.value)
