"""A model of the true shape with random weights, built on its device or written to a folder, part by part.

For sizes, memory and speed the weights themselves do not matter. The model is drawn on torch's `meta` device, where
tensors have shapes and no numbers; then each layer gets its numbers and, where asked for, is packed at once. So a
model of 14 billion weights never stands in memory unpacked.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from mini_model.files import said_plainly
from mini_model.model.autoencoder import Autoencoder
from mini_model.model.checkpoint import FIXED, fill, give, new_folder, save_companions
from mini_model.model.config import UnifiedConfig
from mini_model.model.embeddings import GridTable, grid_table
from mini_model.model.quantize import Packing
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

    def numbers(name: str, module: nn.Module, shape: Tensor) -> Tensor:
        if isinstance(module, GridTable):
            return grid_table(module.side, shape.shape[1])
        return _random(name, torch.empty(shape.shape, dtype=shape.dtype, device=device), dice)

    fill(model, numbers, device, packing)
    for module in model.autoencoder.modules():
        give(module, "autoencoder", numbers, device)
    model.autoencoder.requires_grad_(False)
    return model.requires_grad_(False)


def random_folder(out: Path, config: UnifiedConfig, words: PreTrainedTokenizerBase, seed: int = 0) -> Path:
    """A folder in the released layout whose bf16 weights are random; equal seeds give equal files. Returns `out`.

    It is written tensor by tensor, so a model of any size needs no more memory than its largest tensor.
    """
    shapes = {name: tuple(t.shape) for name, t in outline(config).state_dict().items() if name not in FIXED}
    torch.manual_seed(seed)
    with said_plainly(out), new_folder(out) as fresh:
        write_stream(fresh / WEIGHTS, shapes, torch.bfloat16, _random_tensors(shapes))
        save_companions(config, Autoencoder(config.autoencoder), words, fresh)
    return out


def _random_tensors(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in turn."""
    for name, shape in tqdm(shapes.items(), "writing", unit="tensor", delay=2, dynamic_ncols=True, leave=False):
        yield name, _random(name, torch.empty(shape, dtype=torch.bfloat16))


def _random(name: str, numbers: Tensor, dice: torch.Generator | None = None) -> Tensor:
    """Numbers for a weight: random where it multiplies many inputs, one where it scales, else zero."""
    if numbers.dim() > 1:
        return numbers.normal_(std=SPREAD, generator=dice)
    return numbers.fill_(name.endswith("weight"))
