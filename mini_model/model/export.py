"""An adapter put into the weights, in the released layout, so that other tools for BAGEL can serve what was trained.

    W + (alpha / r) B A      for each layer that has an adapter, in bf16, computed by peft

One tensor at a time is read, added to, and written, so that 29 GB of weights pass through two of memory. Beside the
weights stands the `config.json` that vLLM asks for, with the parts' own sizes nested in it.
"""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from peft.utils.save_and_load import load_peft_weights
from torch import Tensor, nn
from tqdm import tqdm

from mini_model.errors import KitError
from mini_model.files import said_plainly
from mini_model.model.checkpoint import AUTOENCODER, fitting, load, located, new_folder
from mini_model.model.config import UnifiedConfig, nested, read_released, write_released
from mini_model.model.lora import read_adapter
from mini_model.model.quantize import kept_packing
from mini_model.model.stored import WEIGHTS, Stored, write_stream
from mini_model.model.unified import UnifiedModel, outline

ARCHITECTURE = "BagelForConditionalGeneration"  # vLLM's name for this model
LEFT = ("config.json", "model.safetensors.index.json", "provenance.json", "adapter_config.json")


def export(base: Path, adapter: Path, out: Path, dtype: torch.dtype = torch.bfloat16) -> Path:
    """Write the model of `base` with the adapter of `adapter` merged into it to the folder `out`, and return that.

    Raises KitError for packed weights, an adapter that does not fit, a full disk, and an `out` that is `base`.
    """
    base = located(base)
    if kept_packing(base):
        raise KitError(f"{base} is packed; adapters are merged into bf16 weights: name the folder it was packed from")
    if out.resolve() == base.resolve():
        raise KitError(f"{out} is the model that the adapter was trained on; name another folder for the merged one")
    config = read_released(base)
    bare = _bare(base, config, adapter, dtype)
    stored = fitting(bare, Stored.of(base))
    adapted = read_adapter(bare, adapter)
    additions = load_peft_weights(str(adapter), device="cpu")
    with said_plainly(out), new_folder(out) as fresh:
        _room_for(dtype.itemsize * sum(map(math.prod, stored.shapes.values())), out)
        write_stream(fresh / WEIGHTS, stored.shapes, dtype, _merged(adapted, additions, stored, dtype))
        _copy_the_rest(base, fresh)
        write_released(config, fresh)
        whole = nested(config) | {"architectures": [ARCHITECTURE], "torch_dtype": str(dtype).removeprefix("torch.")}
        (fresh / "config.json").write_text(json.dumps(whole, indent=2, sort_keys=True) + "\n")
    return out


def _bare(base: Path, config: UnifiedConfig, adapter: Path, dtype: torch.dtype) -> UnifiedModel:
    """The model to hang the adapter on: its outline; or all of it for DoRA, which begins by measuring the weights."""
    measures = (adapter / "adapter_config.json").is_file() and LoraConfig.from_pretrained(str(adapter)).use_dora
    return load(base, dtype) if measures else outline(config, dtype)


@torch.no_grad()
def _merged(
    adapted: PeftModel, additions: dict[str, Tensor], stored: Stored, dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the base in its order; those of layers with an adapter with what that adds."""
    layers = {f"{name}.weight": module for name, module in adapted.get_base_model().named_modules()}
    layers = {name: module for name, module in layers.items() if isinstance(module, LoraLayer)}
    for name in tqdm(stored.shapes, "merging", unit="tensor", delay=2, dynamic_ncols=True, leave=False):
        numbers = stored.tensor(name).to(dtype, copy=True)
        if layer := layers.get(name):
            numbers = _sum(layer, numbers, additions, f"base_model.model.{name.removesuffix('.weight')}")
        yield name, numbers


def _sum(layer: LoraLayer, numbers: Tensor, additions: dict[str, Tensor], name: str) -> Tensor:
    """A layer's weights and its adapter's in one; the outlined layer has numbers only for as long as that takes."""
    layer.base_layer.weight = nn.Parameter(numbers, requires_grad=False)
    for part in ("lora_A", "lora_B"):
        getattr(layer, part)["default"].weight = nn.Parameter(additions[f"{name}.{part}.weight"], requires_grad=False)
    layer.merge()
    merged, layer.base_layer.weight = (
        layer.base_layer.weight.data,
        nn.Parameter(numbers.to("meta"), requires_grad=False),
    )
    return merged


def _room_for(size: int, out: Path) -> None:
    """One clear error where the disk has no room for so many bytes, before any is written."""
    free = shutil.disk_usage(next(folder for folder in out.absolute().parents if folder.is_dir())).free
    if size > free:
        raise KitError(f"{out} needs {size / 1e9:.1f} GB and the disk has {free / 1e9:.1f}; make room, or name another")


def _copy_the_rest(base: Path, fresh: Path) -> None:
    """The autoencoder and the words as they are; what is written anew, and other weights, are left behind."""
    for path in base.iterdir():
        kept = path.name == AUTOENCODER or path.suffix in (".json", ".txt", ".jinja", ".md") or path.name == "LICENSE"
        if path.is_file() and kept and path.name not in LEFT:
            shutil.copyfile(path, fresh / path.name)
