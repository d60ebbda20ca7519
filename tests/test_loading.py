"""Models from every layout, packed on the way, kept packed, merged and exported; random ones of any size."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import load_file, save_file
from torch import nn

from mini_model.__main__ import main
from mini_model.errors import KitError
from mini_model.evaluation.card_work import packed_trajectory
from mini_model.model import UnifiedModel
from mini_model.model.checkpoint import load, save, save_packed
from mini_model.model.config import nested, read_released
from mini_model.model.export import export
from mini_model.model.lora import Adapter, adapt, learned, read_adapter, save_adapter
from mini_model.model.memory import Setting
from mini_model.model.parity import Report, run_golden
from mini_model.model.presets import bagel_7b, scaled, tiny
from mini_model.model.quantize import quantize
from mini_model.model.random_weights import random_folder, random_model
from mini_model.model.words import word_tokenizer

HOME = Path(__file__).resolve().parent.parent
GOLDENS = HOME / "tests/golden/bagel_tiny"
RELEASED = GOLDENS / "model"
SETTING = Setting(preset="tiny", pixels=64, words=60, und=2, gen=2)
WORDS = word_tokenizer(["red", "circle"])


def outputs(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        losses = model(packed_trajectory(model, SETTING).to("cpu", torch.float32))
    return torch.cat([losses.ce.flatten(), losses.mse.flatten()])


def same(one: nn.Module, other: nn.Module) -> bool:
    held = other.state_dict()
    return held.keys() == one.state_dict().keys() and all(torch.equal(t, held[n]) for n, t in one.state_dict().items())


@pytest.fixture
def folder(tmp_path) -> Path:
    """A model of random weights in the released layout."""
    return random_folder(tmp_path / "model", tiny(), WORDS)


def as_hugging_face(released: Path, out: Path, shard: str = "200KB", name: str = "config.json") -> Path:
    """The same model with its weights in several files and its sizes in one."""
    shutil.copytree(released, out)
    save_torch_state_dict(load_file(out / "ema.safetensors"), out, max_shard_size=shard)
    whole = nested(read_released(out)) | {"architectures": ["BagelForConditionalGeneration"]}
    (out / name).write_text(json.dumps(whole))
    for path in ("ema.safetensors", "llm_config.json", "vit_config.json", "bagel_config.json"):
        (out / path).unlink(missing_ok=True)
    return out


@pytest.mark.parametrize("shard", ["200KB", "5GB"])
def test_several_files_hold_the_same_model_as_one(tmp_path, shard):
    other = as_hugging_face(RELEASED, tmp_path / "other", shard)
    assert (len(list(other.glob("model*.safetensors"))) > 1) == (shard == "200KB")
    assert same(load(RELEASED), load(other))


def test_parity_holds_for_a_model_of_several_files(tmp_path):
    model, report = load(as_hugging_face(RELEASED, tmp_path / "other")), Report()
    for name in ("a_train", "b_prefill", "c_velocity", "d_generate_text", "e_components"):
        run_golden(GOLDENS, name, model, report)
    assert len(report.cases) > 50 and report.ok, report.to_text()


def test_a_name_on_the_hub_is_found_in_its_cache(tmp_path, monkeypatch):
    cached = tmp_path / "models--some--bagel/snapshots/abc"
    shutil.copytree(RELEASED, cached)
    (tmp_path / "models--some--bagel/refs").mkdir()
    (tmp_path / "models--some--bagel/refs/main").write_text("abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert same(load(RELEASED), UnifiedModel.from_pretrained("some/bagel"))
    with pytest.raises(KitError, match="no such model in the hub's cache.*HF_HUB_OFFLINE=0"):
        load(Path("some/other"))


def test_the_encoders_last_layer_is_left_out(folder):
    weights = load_file(folder / "ema.safetensors")
    last = {n.replace("layers.0.", "layers.2."): t for n, t in weights.items() if "vit_model" in n and "layers.0." in n}
    assert last
    before = load(folder)
    save_file(weights | {name: torch.ones_like(t) for name, t in last.items()}, folder / "ema.safetensors")
    assert same(before, load(folder))


def test_a_config_of_another_kind_is_refused(tmp_path):
    other = as_hugging_face(RELEASED, tmp_path / "other")
    (other / "config.json").write_text(json.dumps({"model_type": "llava", "text_config": {}}))
    with pytest.raises(KitError, match="describes a model of type 'llava', not one of BAGEL's kind"):
        load(other)


def test_shards_that_lack_what_the_index_promises_are_named(tmp_path):
    other = as_hugging_face(RELEASED, tmp_path / "other")
    index = other / "model.safetensors.index.json"
    told = json.loads(index.read_text())
    told["weight_map"]["llm2vae.extra"] = next(iter(told["weight_map"].values()))
    index.write_text(json.dumps(told))
    with pytest.raises(KitError, match="promises what its files do not hold: llm2vae.extra"):
        load(other)
    shard = sorted(other.glob("model-*.safetensors"))[1]
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(KitError, match=f"{shard.name} cannot be read"):
        load(other)
    shard.unlink()
    with pytest.raises(KitError, match=f"{shard.name} cannot be read"):
        load(other)
    index.write_text("{}")
    with pytest.raises(KitError, match="names no weights"):
        load(other)


@pytest.mark.parametrize("packing", ["nf4", "nf4-all", "int8"])
def test_packing_on_the_way_is_packing_afterwards(folder, packing, unchecked):
    late, early = quantize(load(folder), packing), load(folder, packing=packing)
    assert torch.equal(outputs(late), outputs(early))
    assert not torch.equal(outputs(load(folder)), outputs(early))


@pytest.mark.parametrize("packing", ["nf4", "nf4-all"])
def test_what_was_packed_once_is_loaded_packed(folder, tmp_path, packing, unchecked):
    model = load(folder, packing=packing)
    before = outputs(model)
    save_packed(model, tmp_path / "small")
    again = load(tmp_path / "small")
    assert again.is_loaded_in_4bit and again.packing == packing
    assert torch.equal(before, outputs(again))
    assert same(model, again)
    with pytest.raises(KitError, match=f"packed as {packing} already"):
        load(tmp_path / "small", packing="nf4")
    with pytest.raises(KitError, match="packed weights cannot be written as bf16"):
        save(again, tmp_path / "wrong")


def test_only_four_bits_are_kept(folder, tmp_path, unchecked):
    with pytest.raises(KitError, match="not in 4 bits"):
        save_packed(load(folder, packing="int8"), tmp_path / "small")
    with pytest.raises(KitError, match="no packing 'nf3'"):
        load(folder, packing="nf3")
    assert not (tmp_path / "small").exists()


def test_a_packed_folder_that_lacks_a_scale_is_refused(folder, tmp_path):
    small = tmp_path / "small"
    save_packed(load(folder, packing="nf4"), small)
    name = "language_model.model.layers.0.mlp.up_proj.weight"
    weights = load_file(small / "model.safetensors")
    for part in ("absmax", "quant_state.bitsandbytes__nf4"):
        save_file({n: t for n, t in weights.items() if n != f"{name}.{part}"}, small / "model.safetensors")
        with pytest.raises(KitError, match=rf"model.safetensors.*missing {name}\.{part}"):
            load(small)
    (small / "packing.json").write_text('{"packing": "nf2"}')
    with pytest.raises(KitError, match="no packing 'nf2'"):
        load(small)


MEASURE = """
import resource, sys
from pathlib import Path
import torch
from mini_model.model.checkpoint import load
warm, big = (Path(word) for word in sys.argv[1:])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
load(warm, torch.bfloat16, packing="nf4")  # what the libraries take for themselves
before = peak()
model = load(big, torch.bfloat16, packing="nf4")
print(peak() - before)
"""


def test_a_large_model_is_packed_without_standing_in_memory(folder, tmp_path):
    """The whole is never there: the bound of 3 GB for a folder of 2 GB, at a seventh of that size, and a closer one."""
    big = random_folder(tmp_path / "big", scaled(tiny(), layers=8, width=1024), WORDS)
    size = (big / "ema.safetensors").stat().st_size
    said = subprocess.run(
        [sys.executable, "-c", MEASURE, folder, big], capture_output=True, text=True, cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME)}, check=True,
    )  # fmt: skip
    above = int(said.stdout)
    assert size > 250e6
    assert above < 3 / 2 * size
    assert above < 0.6 * size  # packed it takes 0.3, and one layer or table at a time stands beside it


def shaken(adapted: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for weight in learned(adapted):
        nn.init.normal_(weight.data, std=0.1)
    return adapted.eval()


@pytest.mark.parametrize("variant", [{}, {"dora": True}, {"rslora": True}])
def test_an_exported_model_is_the_merged_one_bit_for_bit(folder, tmp_path, variant):
    adapted = shaken(adapt(load(folder, torch.bfloat16), Adapter(und=2, gen=4, **variant)))
    save_adapter(adapted, tmp_path / "adapter")
    out = export(folder, tmp_path / "adapter", tmp_path / "merged")
    served, merged = load(out, torch.bfloat16), adapted.merge_and_unload()
    assert same(merged, served)
    assert same(merged.autoencoder, served.autoencoder)
    assert not same(merged, load(folder, torch.bfloat16))
    assert served.tokenizer.encode("red circle") == WORDS.encode("red circle")


def test_an_export_tells_vllm_what_it_is(folder, tmp_path):
    save_adapter(shaken(adapt(load(folder, torch.bfloat16), Adapter(und=2, gen=4))), tmp_path / "adapter")
    out = export(folder, tmp_path / "adapter", tmp_path / "merged")
    told = json.loads((out / "config.json").read_text())
    assert told["model_type"] == "bagel" and told["architectures"] == ["BagelForConditionalGeneration"]
    assert told["llm_config"]["hidden_size"] == 64 and told["vae_config"]["z_channels"] == 16
    assert told["vit_config"]["num_hidden_layers"] == 3  # as released: one more than is used
    assert told["max_latent_size"] == 8 and told["torch_dtype"] == "bfloat16"
    (out / "llm_config.json").unlink()  # and it is enough to load the model by
    assert same(load(out), load(out))
    assert load(out).config.vit_config["num_hidden_layers"] == 2


def test_exports_that_cannot_be_are_refused(folder, tmp_path):
    save_adapter(adapt(load(folder, torch.bfloat16), Adapter(und=2, gen=4)), tmp_path / "adapter")
    save_packed(load(folder, torch.bfloat16, packing="nf4"), tmp_path / "small")
    with pytest.raises(KitError, match="is packed; adapters are merged into bf16 weights"):
        export(tmp_path / "small", tmp_path / "adapter", tmp_path / "merged")
    with pytest.raises(KitError, match="name another folder"):
        export(folder, tmp_path / "adapter", folder)
    wider = random_folder(tmp_path / "wider", scaled(tiny(), width=128), WORDS)
    with pytest.raises(KitError, match="does not fit this model: size mismatch"):
        export(wider, tmp_path / "adapter", tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_adapter_of_a_deeper_model_is_refused(tmp_path):
    save_adapter(adapt(random_model(scaled(tiny(), layers=4)), Adapter(und=2, gen=4)), tmp_path / "deep")
    with pytest.raises(KitError, match=r"unexpected .*layers\.3\."):
        read_adapter(random_model(tiny()), tmp_path / "deep")
    save_adapter(adapt(random_model(tiny()), Adapter(und=2, gen=4)), tmp_path / "flat")
    with pytest.raises(KitError, match=r"missing .*layers\.3\."):
        read_adapter(random_model(scaled(tiny(), layers=4)), tmp_path / "flat")


def test_an_adapter_that_says_another_rank_is_refused(tmp_path):
    save_adapter(adapt(random_model(tiny()), Adapter(und=2, gen=4)), tmp_path / "adapter")
    path = tmp_path / "adapter/adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": 8, "rank_pattern": {}}))
    with pytest.raises(KitError, match="does not fit this model: size mismatch"):
        read_adapter(random_model(tiny()), tmp_path / "adapter")


def test_random_folders_are_the_same_again_and_of_any_size(tmp_path):
    one, two = (random_folder(tmp_path / name, tiny(), WORDS) for name in ("one", "two"))
    assert (one / "ema.safetensors").read_bytes() == (two / "ema.safetensors").read_bytes()
    other = random_folder(tmp_path / "three", tiny(), WORDS, seed=1)
    assert (one / "ema.safetensors").read_bytes() != (other / "ema.safetensors").read_bytes()
    small = scaled(bagel_7b(), layers=1)
    assert small.llm_config["num_hidden_layers"] == 1 and small.llm_config["hidden_size"] == 3584
    with pytest.raises(KitError, match="no multiple of 3584"):
        scaled(bagel_7b(), width=4000)


def test_the_commands_make_pack_and_refuse(tmp_path, capsys, monkeypatch):
    def run(*words) -> int:
        monkeypatch.setattr(sys, "argv", ["mini_model", *map(str, words)])
        return main()

    made, small = tmp_path / "made", tmp_path / "small"
    assert run("random-model", made, "--layers", 2, "--width", 256) == 0
    assert run("quantize", made, "--out", small) == 0
    assert load(small).packing == "nf4"
    assert (small / "model.safetensors").stat().st_size < 0.6 * (made / "ema.safetensors").stat().st_size
    save_adapter(shaken(adapt(load(made, torch.bfloat16), Adapter(und=2, gen=0))), tmp_path / "adapter")
    assert run("export", made, tmp_path / "adapter", tmp_path / "merged") == 0
    assert load(tmp_path / "merged").config.llm_config["num_hidden_layers"] == 2
    capsys.readouterr()
    assert run("export", small, tmp_path / "adapter", tmp_path / "again") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and "is packed" in said
    (made / "ema.safetensors").write_bytes((made / "ema.safetensors").read_bytes()[:5000])
    assert run("quantize", made, "--out", tmp_path / "never") == 2
    assert "ema.safetensors cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()
