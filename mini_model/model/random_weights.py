"""A model of the true shape with random weights, built on its device part by part.

For sizes, memory and speed the weights themselves do not matter. The model is drawn on torch's `meta` device, where
tensors have shapes and no numbers; then each layer gets its numbers and, where asked for, is packed at once. So a
model of 14 billion weights never stands in memory unpacked.
"""

import torch
from torch import nn
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

from mini_model.model.config import UnifiedConfig
from mini_model.model.embeddings import GridTable, grid_table
from mini_model.model.quantize import Packing, chosen, marked, packed, replace
from mini_model.model.unified import UnifiedModel

SPREAD = 0.02  # of the random weights


def outline(config: UnifiedConfig) -> UnifiedModel:
    """The model's shape without any numbers; costs no memory at any size."""
    with torch.device("meta"):
        return UnifiedModel(config).to(torch.bfloat16).eval()


@torch.no_grad()
def random_model(
    config: UnifiedConfig,
    device: torch.device | str = "cpu",
    packing: Packing | None = None,
    seed: int = 0,
) -> UnifiedModel:
    """A frozen bf16 model with random weights, packed on the way if asked; equal seeds give equal weights."""
    model = outline(config)
    dice = torch.Generator(device).manual_seed(seed)
    for name in [name for name, _ in model.named_modules()]:  # names alone: the unpacked layers must not be kept
        module = model.get_submodule(name)
        _fill(module, device, dice)
        if packing and chosen(name, module, packing):
            replace(model, name, packed(module, packing, device))
    for module in model.autoencoder.modules():
        _fill(module, device, dice)
    model.language_model.model.rotary_emb = Qwen2RotaryEmbedding(config.llm).to(device)
    model.requires_grad_(False)
    return marked(model, packing) if packing else model


def _fill(module: nn.Module, device: torch.device | str, dice: torch.Generator) -> None:
    """Numbers for a module's own weights: random where they multiply many inputs, one where they scale, else zero."""
    for name, shape in list(module.named_parameters(recurse=False)):
        numbers = torch.empty(shape.shape, dtype=shape.dtype, device=device)
        if isinstance(module, GridTable):
            numbers.copy_(grid_table(module.side, shape.shape[1]))
        elif shape.dim() > 1:
            numbers.normal_(std=SPREAD, generator=dice)
        else:
            numbers.fill_(name == "weight")
        setattr(module, name, nn.Parameter(numbers, requires_grad=False))
