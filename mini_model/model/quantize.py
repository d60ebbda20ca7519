"""Weights in 4 or 8 bits: a linear layer keeps small numbers and a scale, and unpacks them each time it is used.

NF4 with double quantisation: 64 weights share one scale, and 256 scales share one scale of scales, about 4.13 bits a
weight. Computed in bfloat16. Upstream's own app packs every linear layer; here the two experts' linears alone are
packed (nine tenths of all weights), since what goes in and out of the model is small and feels it most; what that costs
is measured in `data_samples/results/packings.json`.
Source: QLoRA, arXiv:2305.14314; bitsandbytes does the work, on a CPU too.
"""

import re
from pathlib import Path
from typing import Literal

import bitsandbytes as bnb
import torch
from torch import Tensor, nn

from mini_model.errors import KitError
from mini_model.model.config import read_json
from mini_model.model.stored import Stored

Packing = Literal["nf4", "nf4-all", "int8"]
PACKINGS = ("nf4", "nf4-all", "int8")
# what bitsandbytes keeps beside the numbers of a layer in NF4 with double quantisation
SCALES = ("absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state.bitsandbytes__nf4")
BLOCK = 64  # weights that share a scale
RECORD = "packing.json"  # beside weights that are kept packed
UND = r"language_model\.model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
GEN = r"language_model\.model\.layers\.\d+\.(self_attn\.[qkvo]_proj_moe_gen|mlp_moe_gen\.(gate|up|down)_proj)"
TOWERS = re.compile(f"{UND}|{GEN}")  # the linears of both experts, by their whole names


def check_packing(packing: str | None) -> Packing:
    """The packing itself, or one clear error where there is none of this name."""
    if packing not in PACKINGS:
        raise KitError(f"no packing {packing!r}; choose one of: {', '.join(PACKINGS)}")
    return packing


def chosen(name: str, module: nn.Module, packing: Packing) -> bool:
    """Whether this packing takes this layer: the experts' linears, or every linear there is.

    In 4 bits a layer whose width is no multiple of a block is left as it is: bitsandbytes 0.50 packs it rightly and,
    on a processor, unpacks it wrongly.
    """
    if type(module) is not nn.Linear or (packing != "int8" and module.in_features % BLOCK):
        return False
    return packing == "nf4-all" or TOWERS.fullmatch(name) is not None


def quantize(model: nn.Module, packing: Packing = "nf4", device: torch.device | str | None = None) -> nn.Module:
    """Pack a model's layers in place, one after another, and say so where peft asks; returns the model.

    Raises KitError for a packing that is not known and for a model that is packed already.
    """
    check_packing(packing)
    if is_packed(model):
        raise KitError("this model is in 4 or 8 bits already; load it again in bf16 to pack it another way")
    for name in [name for name, _ in model.named_modules()]:  # names alone: the unpacked layers must not be kept
        module = model.get_submodule(name)
        if chosen(name, module, packing):
            replace(model, name, packed(module, packing, device or module.weight.device))
    return marked(model, packing)


def marked(model: nn.Module, packing: Packing) -> nn.Module:
    """Tell peft how the model is packed: only then does it use its own layers for it."""
    model.is_loaded_in_4bit, model.is_loaded_in_8bit, model.packing = packing != "int8", packing == "int8", packing
    return model


def is_packed(model: nn.Module) -> bool:
    """Whether any layer of the model is in fewer bits."""
    return any(isinstance(module, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)) for module in model.modules())


def packed(linear: nn.Linear, packing: Packing, device: torch.device | str) -> nn.Module:
    """One linear layer in fewer bits; its bias stays as it is."""
    weight = linear.weight.detach()
    if packing == "int8":
        sizes = linear.in_features, linear.out_features, linear.bias is not None
        small = bnb.nn.Linear8bitLt(*sizes, has_fp16_weights=False, threshold=6.0, device="meta")
        small.weight = bnb.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    else:
        small = _four_bits(linear)
        small.weight = bnb.nn.Params4bit(weight, quant_type="nf4", compress_statistics=True, module=small)
    small.bias = linear.bias
    return small.train(linear.training).to(device)  # the move is what packs


def restored(linear: nn.Linear, parts: dict[str, Tensor], device: torch.device | str) -> bnb.nn.Linear4bit:
    """A linear layer that was packed and kept: its small numbers, and the scales beside them."""
    small, parts = _four_bits(linear), dict(parts)
    numbers = parts.pop("weight")
    if linear.bias is not None:
        small.bias = nn.Parameter(parts.pop("bias").to(device), requires_grad=False)
    scales = {name.removeprefix("weight."): part for name, part in parts.items()}
    small.weight = bnb.nn.Params4bit.from_prequantized(numbers, scales, device=device, module=small)
    return small.train(linear.training)


def _four_bits(linear: nn.Linear) -> bnb.nn.Linear4bit:
    """A 4-bit layer of the same sizes, still without numbers."""
    sizes = linear.in_features, linear.out_features, linear.bias is not None
    return bnb.nn.Linear4bit(*sizes, compute_dtype=torch.bfloat16, quant_type="nf4", device="meta")


def parts_of(stored: Stored, name: str) -> dict[str, Tensor]:
    """All that a folder holds of one layer, by the names that the layer has for it."""
    beginning = f"{name}."
    return {full.removeprefix(beginning): stored.tensor(full) for full in stored.shapes if full.startswith(beginning)}


def kept_packing(folder: Path) -> Packing | None:
    """How the weights of a folder are packed, if they are."""
    path = folder / RECORD
    return check_packing(read_json(path).get("packing")) if path.is_file() else None


def replace(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of the one with this name."""
    parent, _, last = name.rpartition(".")
    owner = model.get_submodule(parent)
    if isinstance(owner, nn.ModuleDict):
        owner[last] = module
    else:
        setattr(owner, last, module)
