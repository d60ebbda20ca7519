"""The model computes what the original computed, and a wrong model would be noticed."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch

from mini_model.errors import KitError
from mini_model.model import attention, flow, generate, parity, sequence
from mini_model.model.checkpoint import load
from mini_model.model.parity import CHECKS, Case, Report, print_report, run_golden
from mini_model.model.transformer import project

GOLDENS = Path(__file__).parent / "golden/bagel_tiny"


@pytest.fixture(scope="module")
def model():
    return load(GOLDENS / "model")


def check(name: str, model, folder: Path = GOLDENS) -> Report:
    report = Report()
    run_golden(folder, name, model, report)
    return report


@pytest.mark.parametrize("name", CHECKS)
def test_golden(name, model):
    report = check(name, model)
    assert report.cases and not [case for case in report.cases if not case.ok]
    assert report.unread == []  # nothing in the files was passed over


def swap_experts(model, patch):
    for layer in model.language_model.model.layers:
        layer.mlp, layer.mlp_moe_gen = layer.mlp_moe_gen, layer.mlp


def flip_mask(model, patch):
    true = sequence.attention_mask

    def flipped(*arguments):
        mask, lengths = true(*arguments)
        return mask.transpose(1, 2).contiguous(), lengths

    patch.setattr(sequence, "attention_mask", flipped)


def forget_shift(model, patch):
    patch.setattr(flow, "shift_time", lambda t, shift: t)


def confuse_branches(model, patch):
    true = generate.guide
    patch.setattr(generate, "guide", lambda v, text, image, *rest: true(v, image, text, *rest))


def forget_scale(model, patch):
    model.autoencoder.config.scale_factor = 1.0


def move_position(model, patch):
    model.latent_pos_embed.pos_embed.data = model.latent_pos_embed.pos_embed.data.roll(1, 0)


@pytest.mark.parametrize(
    "harm, name",
    [
        (swap_experts, "a_train"),
        (flip_mask, "a_train"),
        (forget_shift, "c_generate_image"),
        (confuse_branches, "c_velocity"),
        (forget_scale, "e_components"),
        (move_position, "b_prefill"),
    ],
)
def test_a_wrong_model_is_noticed(harm, name, model, monkeypatch):
    harmed = copy.deepcopy(model)
    harm(harmed, monkeypatch)
    report = check(name, harmed)
    assert not report.ok
    assert [case for case in report.cases if not case.ok and case.max_abs is not None]  # by its numbers


@pytest.fixture
def few_goldens(tmp_path) -> Path:
    """A folder with the model and one golden, to be spoilt."""
    folder = tmp_path / "goldens"
    shutil.copytree(GOLDENS / "model", folder / "model")
    for kind in ("json", "safetensors"):
        shutil.copy(GOLDENS / f"c_velocity_t2i.{kind}", folder)
    return folder


def test_absent_goldens_and_unknown_ones_are_failures(few_goldens, capsys):
    (few_goldens / "z_new.json").write_text("{}")
    report = parity.run(few_goldens)
    failed = {case.name for case in report.cases if not case.ok}
    assert failed == {f"{name}/{name}.json" for name in CHECKS if name != "c_velocity_t2i"} | {"z_new"}
    answer = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert answer.keys() == {"cases", "ok"} and answer["ok"] is False
    assert all(case.keys() == {"name", "max_abs", "tolerance", "ok"} for case in answer["cases"])
    print_report(report)
    assert "FAIL missing" in capsys.readouterr().out


def test_an_absent_tensor_or_fact_is_a_failure(few_goldens, model):
    from safetensors.torch import load_file, save_file

    path = few_goldens / "c_velocity_t2i.safetensors"
    tensors = load_file(path)
    del tensors["v.plain"], tensors["in.packed_seqlens"]
    save_file(tensors, path)
    failed = {case.name: case.note for case in check("c_velocity_t2i", model, few_goldens).cases if not case.ok}
    assert {name.split(" ")[0] for name in failed} == {"c_velocity_t2i/in.packed_seqlens"}
    del tensors["x_t"]
    save_file(tensors, path)
    assert "c_velocity_t2i/x_t" in {c.name for c in check("c_velocity_t2i", model, few_goldens).cases if not c.ok}
    path.write_bytes(path.read_bytes()[:1000])
    assert not check("c_velocity_t2i", model, few_goldens).ok


def test_a_report_without_numbers_is_not_ok():
    assert not Report().ok
    assert not Case("a", None, 1.0).ok and not Case("a", 2.0, 1.0).ok and Case("a", 1.0, 1.0).ok


def test_no_folder_is_one_clear_error(tmp_path):
    with pytest.raises(KitError, match="no folder of goldens"):
        parity.run(tmp_path / "nowhere")
    with pytest.raises(KitError, match="no model folder"):
        parity.run(tmp_path)


@pytest.mark.parametrize("how", ["sdpa", "flex"])
def test_attention_paths_agree(how):
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 128, 4, 16), torch.randn(2, 128, 2, 16), torch.randn(2, 128, 2, 16)
    mask = torch.rand(2, 128, 128) < 0.3
    mask |= torch.eye(128, dtype=torch.bool)
    written_out = attention.attend(q, k, v, attention.additive(mask, q), "explicit")
    assert (attention.attend(q, k, v, attention.additive(mask, q), how) - written_out).abs().max() < 1e-5


def test_one_product_equals_several():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(8, rows) for rows in (8, 4, 4)]
    few, many = torch.randn(5, 8), torch.randn(50, 8)  # fewer and more tokens than the 16 rows of weights
    apart = [torch.cat([layer(x) for layer in layers], dim=-1) for x in (few, many)]
    for x, wanted in zip((few, many), apart, strict=True):
        assert (project(x, *layers) - wanted).abs().max() < 1e-6
        with torch.no_grad():
            assert (project(x, *layers) - wanted).abs().max() < 1e-6


@torch.no_grad()
def test_weights_kept_side_by_side_follow_a_change():
    torch.manual_seed(0)
    layers, x = [torch.nn.Linear(8, 4) for _ in range(2)], torch.randn(5, 8)
    project(x, *layers)
    layers[1].weight.mul_(2)
    layers[0].bias = torch.nn.Parameter(torch.ones(4))
    assert (project(x, *layers) - torch.cat([layer(x) for layer in layers], dim=-1)).abs().max() < 1e-6
