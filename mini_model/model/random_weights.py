"""A model of the true shape with random weights, built on its device or written to a folder, part by part.

For sizes, memory and speed the weights themselves do not matter. The model is drawn on torch's `meta` device, where
tensors have shapes and no numbers; then each layer gets its numbers and, where asked for, is packed at once. So a
model of 14 billion weights never stands in memory unpacked.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

from mini_model.files import said_plainly
from mini_model.model.autoencoder import Autoencoder
from mini_model.model.checkpoint import AUTOENCODER, FIXED, new_folder
from mini_model.model.config import UnifiedConfig, write_released
from mini_model.model.embeddings import GridTable, grid_table
from mini_model.model.quantize import Packing, chosen, marked, packed, replace
from mini_model.model.stored import WEIGHTS, write_stream
from mini_model.model.unified import UnifiedModel, outline

SPREAD = 0.02  # of the random weights


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


def random_folder(out: Path, config: UnifiedConfig, words: PreTrainedTokenizerBase, seed: int = 0) -> Path:
    """A folder in the released layout whose bf16 weights are random; equal seeds give equal files. Returns `out`.

    It is written tensor by tensor, so a model of any size needs no more memory than its largest tensor.
    """
    shapes = {name: tuple(t.shape) for name, t in outline(config).state_dict().items() if name not in FIXED}
    torch.manual_seed(seed)
    with said_plainly(out), new_folder(out) as fresh:
        write_stream(fresh / WEIGHTS, shapes, torch.bfloat16, _random_tensors(shapes))
        pixels = Autoencoder(config.autoencoder).to(torch.bfloat16).state_dict()
        save_file({name: tensor.contiguous() for name, tensor in pixels.items()}, fresh / AUTOENCODER)
        write_released(config, fresh)
        words.save_pretrained(fresh)
    return out


def _random_tensors(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in turn."""
    for name, shape in tqdm(shapes.items(), "writing", unit="tensor", delay=2, dynamic_ncols=True, leave=False):
        numbers = torch.empty(shape, dtype=torch.bfloat16)
        yield name, numbers.normal_(std=SPREAD) if len(shape) > 1 else numbers.fill_(name.endswith("weight"))


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
