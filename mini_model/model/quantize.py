"""Weights in 4 or 8 bits: a linear layer keeps small numbers and a scale, and unpacks them each time it is used.

NF4 with double quantisation: 64 weights share one scale, and 256 scales share one scale of scales, about 4.13 bits a
weight. Computed in bfloat16. Upstream's own app packs every linear layer; here the two experts' linears alone are
packed (nine tenths of all weights), since what goes in and out of the model is small and feels it most.
Source: QLoRA, arXiv:2305.14314; bitsandbytes does the work, on a CPU too.
"""

import re
from typing import Literal

import bitsandbytes as bnb
import torch
from torch import nn

from mini_model.errors import KitError

Packing = Literal["nf4", "nf4-all", "int8"]
PACKINGS = ("nf4", "nf4-all", "int8")
UND = r"language_model\.model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
GEN = r"language_model\.model\.layers\.\d+\.(self_attn\.[qkvo]_proj_moe_gen|mlp_moe_gen\.(gate|up|down)_proj)"
TOWERS = re.compile(f"{UND}|{GEN}")  # the linears of both experts, by their whole names


def chosen(name: str, module: nn.Module, packing: Packing) -> bool:
    """Whether this packing takes this layer: the experts' linears, or every linear there is."""
    return type(module) is nn.Linear and (packing == "nf4-all" or TOWERS.fullmatch(name) is not None)


def quantize(model: nn.Module, packing: Packing = "nf4", device: torch.device | str | None = None) -> nn.Module:
    """Pack a model's layers in place, one after another, and say so where peft asks; returns the model.

    Raises KitError for a packing that is not known and for a model that is packed already.
    """
    if packing not in PACKINGS:
        raise KitError(f"no packing {packing!r}; choose one of: {', '.join(PACKINGS)}")
    if any(isinstance(module, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)) for module in model.modules()):
        raise KitError("this model is in 4 or 8 bits already; load it again in bf16 to pack it another way")
    for name in [name for name, _ in model.named_modules()]:  # names alone: the unpacked layers must not be kept
        module = model.get_submodule(name)
        if chosen(name, module, packing):
            replace(model, name, packed(module, packing, device or module.weight.device))
    return marked(model, packing)


def marked(model: nn.Module, packing: Packing) -> nn.Module:
    """Tell peft how the model is packed: only then does it use its own layers for it."""
    model.is_loaded_in_4bit, model.is_loaded_in_8bit = packing != "int8", packing == "int8"
    return model


def packed(linear: nn.Linear, packing: Packing, device: torch.device | str) -> nn.Module:
    """One linear layer in fewer bits; its bias stays as it is."""
    sizes = linear.in_features, linear.out_features, linear.bias is not None
    weight = linear.weight.detach()
    if packing == "int8":
        small = bnb.nn.Linear8bitLt(*sizes, has_fp16_weights=False, threshold=6.0, device="meta")
        small.weight = bnb.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    else:
        small = bnb.nn.Linear4bit(*sizes, compute_dtype=torch.bfloat16, quant_type="nf4", device="meta")
        small.weight = bnb.nn.Params4bit(weight, quant_type="nf4", compress_statistics=True, module=small)
    small.bias = linear.bias
    return small.to(device)  # the move is what packs


def replace(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of the one with this name."""
    parent, _, last = name.rpartition(".")
    owner = model.get_submodule(parent)
    if isinstance(owner, nn.ModuleDict):
        owner[last] = module
    else:
        setattr(owner, last, module)
