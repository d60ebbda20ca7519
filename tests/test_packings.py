"""What fewer bits cost: the measurement runs whole on a few prompts, and the page says what its file says."""

import math

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from torch import nn

from mini_model.evaluation import packings
from mini_model.evaluation.packings import BESIDE, HOWS, MINI, Effort, loaded, lost_pictures, measure, weight_bytes
from mini_model.evaluation.page import MOVES, packings_section, page
from mini_model.evaluation.results import FOLDER, Figure, read_results
from mini_model.model.quantize import chosen

FEW = Effort(samples=3, repeats=1, strategies=("direct",), limit=2, seeds=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packings")
    measure(folder / "packings.json", FEW, folder / "done")
    return folder


def values(folder) -> dict[str, Figure]:
    return {figure.name: figure for figure in read_results(folder / "packings.json")}


def test_every_figure_is_there_and_finite(folder):
    found = values(folder)
    ends = ["tiny: another word", "tiny: weights MB", "tiny: seconds a forward", "mini: direct, gain on float32"]
    ends += [f"{model}: error of {what}" for model in ("tiny", "mini") for what in ("logits", "velocity")]
    assert {f"{how}, {end}" for how in HOWS for end in ends} <= set(found)
    assert {f"{how}, mini: {end}" for how in ("bf16", "nf4") for end in MOVES} <= set(found)
    assert all(math.isfinite(figure.value) and figure.commit and figure.device for figure in found.values())


@pytest.mark.parametrize("model", ["tiny", "mini"])
@pytest.mark.parametrize("what", ["logits", "velocity"])
def test_fewer_bits_stray_further_and_float32_not_at_all(folder, model, what):
    error = {how: values(folder)[f"{how}, {model}: error of {what}"].value for how in HOWS}
    assert error["float32"] == 0
    assert 0 < error["bf16"] < error["nf4"] < error["nf4-all"]
    assert error["bf16"] < error["int8"] < error["nf4"]


def test_a_layer_is_packed_only_where_it_is_unpacked_rightly():
    """A width off the blocks of 64: bitsandbytes 0.50 unpacks it wrongly on a processor, so it stays as it is."""
    assert not chosen("vae2llm", nn.Linear(32, 192), "nf4-all") and chosen("vae2llm", nn.Linear(64, 192), "nf4-all")
    numbers = torch.randn(16, 192, generator=torch.Generator().manual_seed(0))
    pairs, state = quantize_4bit(numbers, quant_type="nf4", blocksize=64)
    rows, by_row = quantize_4bit(numbers.reshape(-1, 64), quant_type="nf4", blocksize=64)
    assert torch.equal(dequantize_4bit(pairs, state), dequantize_4bit(rows, by_row).reshape(16, 192))


def test_pictures_are_drawn_by_the_layer_that_feels_it_most(folder):
    found = values(folder)
    beside = {part: found[f"nf4 and {part}, mini: error of velocity"].value for part in BESIDE}
    assert max(beside, key=beside.get) == "llm2vae"
    assert beside["lm_head"] == found["nf4, mini: error of velocity"].value  # it says words, and no picture


def test_fewer_bits_weigh_less(folder):
    weights = [
        values(folder)[f"{how}, mini: weights MB"].value for how in ("float32", "bf16", "int8", "nf4", "nf4-all")
    ]
    assert weights == sorted(weights, reverse=True) and weights[0] == 2 * weights[1]
    assert weights[0] * 1e6 == weight_bytes(loaded(MINI, "float32"))


def test_an_adapter_outlives_a_merge_into_bf16_alone(folder):
    found = values(folder)
    for what in ("logits", "velocity"):
        moved = {how: found[f"{how}, mini: adapter moves {what}"].value for how in ("bf16", "nf4")}
        lost = {how: found[f"{how}, mini: merging moves {what}"].value for how in ("bf16", "nf4")}
        assert lost["bf16"] < moved["bf16"] / 2 and lost["nf4"] > moved["nf4"] / 2


def test_what_was_painted_once_is_not_painted_again(folder, monkeypatch):
    monkeypatch.setattr(packings, "evaluate", None)  # would fail if it were called
    again = {figure.name: figure.value for figure in lost_pictures("direct", FEW, folder / "done")}
    assert all(values(folder)[name].value == value for name, value in again.items())


def test_the_page_says_what_the_file_says(folder):
    told = page(folder)
    assert told == page(folder) and packings_section(folder / "packings.json") in told
    nf4 = values(folder)["nf4, mini: error of velocity"].value
    row = next(line for line in told.splitlines() if line.startswith("| nf4 |"))
    assert f"{100 * nf4:.1f} %" in row and "adapter moves velocity" in told
    assert "Not measured yet: `python -m mini_model.evaluation.packings`" in page(folder / "nothing")


def test_the_shipped_file_measured_every_packing_on_every_prompt():
    shipped = values(FOLDER)
    for how in HOWS:
        for strategy in ("process", "direct"):
            gain = shipped[f"{how}, mini: {strategy}, gain on float32"]
            assert gain.n == 150 and gain.seeds >= 1 and gain.interval is not None
