"""A model folder is read whole or refused in one sentence, and what is written can be read again."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.model.checkpoint import FIXED, load, marks_of, save
from mini_model.model.presets import mini

TINY = Path(__file__).parent / "golden/bagel_tiny/model"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A model folder of our own, to be spoilt."""
    return Path(shutil.copytree(TINY, tmp_path / "model"))


def rewrite(path: Path, change) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def test_all_faults_of_a_file_are_named_at_once(folder):
    def spoil(tensors):
        tensors["surplus.weight"] = torch.zeros(3)
        del tensors["llm2vae.bias"], tensors["connector.fc1.weight"]
        tensors["vae2llm.bias"] = torch.zeros(5)

    rewrite(folder / "ema.safetensors", spoil)
    with pytest.raises(KitError) as caught:
        load(folder)
    told = str(caught.value)
    assert "\n" not in told and str(folder / "ema.safetensors") in told
    for fault in ("missing llm2vae.bias", "missing connector.fc1.weight", "unexpected surplus.weight"):
        assert fault in told
    assert "vae2llm.bias has shape (5,), the model wants (64,)" in told


def test_many_faults_are_counted(folder):
    rewrite(folder / "ema.safetensors", lambda tensors: [tensors.pop(name) for name in list(tensors)[:40]])
    with pytest.raises(KitError, match=r"and \d\d more"):
        load(folder)


def test_tables_from_a_formula_may_be_absent(folder):
    def drop(tensors):
        del tensors["latent_pos_embed.pos_embed"], tensors["vit_pos_embed.pos_embed"]

    rewrite(folder / "ema.safetensors", drop)
    full, bare = load(TINY), load(folder)
    assert (full.latent_pos_embed.pos_embed - bare.latent_pos_embed.pos_embed).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["decoder.conv_in.weight", "encoder.down.0.block.0.conv1.weight"])
def test_an_autoencoder_that_lacks_a_tensor_is_refused(folder, name):
    rewrite(folder / "ae.safetensors", lambda tensors: tensors.pop(name))
    with pytest.raises(KitError, match="ae.safetensors does not fit"):
        load(folder)


@pytest.mark.parametrize("name", ["ema.safetensors", "ae.safetensors"])
@pytest.mark.parametrize("keep", [0, 6, 5000])
def test_a_truncated_file_is_refused(folder, name, keep):
    path = folder / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(KitError, match=f"{name} cannot be read"):
        load(folder)


@pytest.mark.parametrize("name", ["ema.safetensors", "ae.safetensors", "llm_config.json", "vit_config.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(KitError, match=name):
        load(folder)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(KitError, match="no model folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("text, told", [("{", "not valid JSON"), ("[]", "holds a list"), ("{}", "num_hidden_layers")])
def test_a_broken_config_is_refused(folder, text, told):
    (folder / "vit_config.json").write_text(text)
    with pytest.raises(KitError, match=told):
        load(folder)


def test_a_config_of_another_size_is_refused(folder):
    path = folder / "llm_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"intermediate_size": 96}))
    with pytest.raises(KitError, match=r"has shape \(128, 64\), the model wants \(96, 64\)"):
        load(folder)


def test_a_folder_without_words_is_refused(folder):
    for name in (
        "vocab.json",
        "merges.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
    ):
        (folder / name).unlink()
    with pytest.raises(KitError, match="tokenizer"):
        load(folder)


def test_first_weights_let_the_generation_expert_start_small():
    model = UnifiedModel(mini(100)).language_model
    weights = dict(model.named_parameters())
    spread = {name: weight.std().item() for name, weight in weights.items() if weight.dim() == 2}
    width, depth = model.lm_head.in_features, len(model.model.layers)
    assert spread["lm_head.weight"] == pytest.approx(0.02, rel=0.05)
    for name, found in spread.items():
        if "moe_gen" in name:
            assert found == pytest.approx(0.02, rel=0.05), name
        elif name.endswith("o_proj.weight"):
            assert found == pytest.approx((width * 2 * depth) ** -0.5, rel=0.05), name
        elif name.endswith("q_proj.weight"):
            assert found == pytest.approx(width**-0.5, rel=0.05), name


def test_what_is_saved_is_loaded_again(tmp_path):
    model = load(TINY)
    save(model, tmp_path / "copy", torch.float32)
    save(model, tmp_path / "copy", torch.float32)  # over an older one
    again = UnifiedModel.from_pretrained(tmp_path / "copy")
    for mine, theirs in ((model, again), (model.autoencoder, again.autoencoder)):
        held = theirs.state_dict()
        different = {name for name, tensor in mine.state_dict().items() if not torch.equal(tensor, held[name])}
        assert different <= set(FIXED)  # tables are not written but made anew from their formula
    assert again.tokenizer.encode("a red cat") == model.tokenizer.encode("a red cat")
    assert marks_of(again.tokenizer) == marks_of(model.tokenizer)
    assert again.config.max_latent_size == model.config.max_latent_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


def test_a_failed_save_leaves_the_old_folder(tmp_path, monkeypatch):
    model = load(TINY)
    save(model, tmp_path / "copy", torch.float32)

    def full_disk(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mini_model.model.checkpoint.save_file", full_disk)
    with pytest.raises(OSError):
        save(model, tmp_path / "copy", torch.float32)
    load(tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]
