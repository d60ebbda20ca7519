"""A model folder on disk: read tensor by tensor with every fault named, written so that a kill leaves it whole.

ema.safetensors   the network          llm_config.json  vit_config.json   its sizes
ae.safetensors    the autoencoder      ae_config.json   bagel_config.json
tokenizer files   the words
"""

import json
import math
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from huggingface_hub import save_torch_state_dict, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding
from transformers.utils import logging

from mini_model.device import keep_freed_memory, pick, return_freed_memory
from mini_model.errors import KitError
from mini_model.model.autoencoder import Autoencoder
from mini_model.model.config import UnifiedConfig, read_released, write_released
from mini_model.model.embeddings import GridTable, grid_table
from mini_model.model.quantize import (
    RECORD,
    SCALES,
    Packing,
    check_packing,
    chosen,
    is_packed,
    kept_packing,
    marked,
    packed,
    parts_of,
    replace,
    restored,
)
from mini_model.model.sequence import Marks
from mini_model.model.stored import WEIGHTS, Stored, listed
from mini_model.model.unified import UnifiedModel, outline

AUTOENCODER = "ae.safetensors"
FIXED = (
    "latent_pos_embed.pos_embed",
    "vit_pos_embed.pos_embed",
)  # tables from a formula; a file may leave them out
Numbers = Callable[[str, nn.Module, Tensor], Tensor]  # of a weight: its name, its module, its shape
MARK_NAMES = Marks("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")


def load(
    folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu", packing: Packing | None = None
) -> UnifiedModel:
    """A model from a folder, in evaluation mode, with its autoencoder and its words.

    folder: in the released layout, in Hugging Face's (`model.safetensors`, in one file or several), or as `save_packed`
    left it; or the name of a repository on the hub.
    packing: pack the linear layers so, each on its way to the device: the whole model never stands anywhere unpacked.
    Raises KitError for what is missing, unexpected or of another shape, all of it named, before anything is copied.
    """
    folder = located(folder)
    config, kept = read_released(folder), kept_packing(folder)
    if packing and kept:
        raise KitError(f"{folder} is packed as {kept} already; load it without another packing")
    if packing:
        check_packing(packing)
    model = outline(config, dtype)
    stored = fitting(model, Stored.of(folder), kept)
    if packing or kept:
        return_freed_memory()

    def numbers(name: str, module: nn.Module, shape: Tensor) -> Tensor:
        if isinstance(module, GridTable) and name not in stored.shapes:
            return grid_table(module.side, shape.shape[1])
        return stored.tensor(name).to(device, shape.dtype, copy=True)  # a copy, so that the file can be let go

    if kept:
        _restore(model, stored, device, kept)
    fill(model, numbers, device, packing)
    load_autoencoder(model.autoencoder, folder / AUTOENCODER)
    model.companions["tokenizer"] = read_tokenizer(folder)
    return model.to(device).eval()


def located(folder: Path) -> Path:
    """The folder itself; or, where there is none and it has the form OWNER/NAME, the hub's copy of it."""
    if folder.is_dir():
        return folder
    name = folder.as_posix()
    if not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):
        raise KitError(f"no model folder at {folder}; give the folder that holds {WEIGHTS}")
    try:
        return Path(snapshot_download(name, allow_patterns=["*.safetensors", "*.json", "*.txt"]))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        raise KitError(
            f"no model folder at {folder}, and no such model in the hub's cache; give a folder that holds {WEIGHTS}, "
            "or set HF_HUB_OFFLINE=0 to ask the hub"
        ) from None


def fitting(model: UnifiedModel, stored: Stored, kept: Packing | None = None) -> Stored:
    """What a folder holds for this model, or one clear error that names all that does not fit.

    Upstream looks at the last layer but one of its encoder, and some files still hold the last: it is left out.
    """
    stored = stored.without(f"vit_model.vision_model.encoder.layers.{model.config.vit.num_hidden_layers}.")
    _match(model, stored.shapes, stored.path, FIXED, kept)
    return stored


def fill(model: UnifiedModel, numbers: Numbers, device: torch.device | str, packing: Packing | None = None) -> None:
    """Give an outline its numbers, one module after another, and pack those that are to be packed.

    `numbers` is asked for each weight that has none yet: by its name, the module it is of, and its shape.
    """
    names = [name for name, _ in model.named_modules()]  # names alone: the unpacked layers must not be kept
    for name in tqdm(names, "loading", unit="part", delay=2, dynamic_ncols=True, leave=False):
        module = model.get_submodule(name)
        give(module, name, numbers, device)
        if packing and chosen(name, module, packing):
            replace(model, name, packed(module, packing, device))
    # its frequencies are no weights: they come from a formula, and stay in float32
    model.language_model.model.rotary_emb = Qwen2RotaryEmbedding(model.config.llm).to(device)
    if packing:
        marked(model, packing)


def give(module: nn.Module, name: str, numbers: Numbers, device: torch.device | str) -> None:
    """A module's own weights, where it has only their shapes; `name` is the module's."""
    for own, shape in list(module.named_parameters(recurse=False)):
        if shape.is_meta:
            found = numbers(f"{name}.{own}", module, shape).to(device, shape.dtype)
            setattr(module, own, nn.Parameter(found, requires_grad=shape.requires_grad))


def _restore(model: UnifiedModel, stored: Stored, device: str, kept: Packing) -> None:
    """Put layers that were packed and kept in the place of their outlines."""
    for name in [name for name, module in model.named_modules() if chosen(name, module, kept)]:
        replace(model, name, restored(model.get_submodule(name), parts_of(stored, name), device))
    marked(model, kept)


def load_here(folder: Path) -> UnifiedModel:
    """The model of a folder, where and in the number format in which this machine computes best."""
    compute = pick()
    model = load(folder, compute.dtype, str(compute.device))
    keep_freed_memory()
    return model


def read_tokenizer(folder: Path):
    """The folder's words, as a Hugging Face tokenizer, or one clear error."""
    loud = logging.get_verbosity()
    logging.set_verbosity_error()  # it would warn of every model that transformers does not ship
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:160]
        raise KitError(f"{folder} holds no tokenizer that can be read ({reason}); copy its files again") from None
    finally:
        logging.set_verbosity(loud)


def load_autoencoder(autoencoder: Autoencoder, path: Path) -> None:
    """Weights of the autoencoder, under FLUX's key names or diffusers' own."""
    weights, own = read_tensors(path), autoencoder.state_dict()
    if not any(name.startswith("net.") for name in weights):
        try:
            converted = convert_ldm_vae_checkpoint(weights, dict(autoencoder.net.config))
        except KeyError as missing:
            raise KitError(f"{path} does not fit the autoencoder its config describes: missing {missing}") from None
        weights = {f"net.{name}": tensor for name, tensor in converted.items()}
    _match(autoencoder, {name: tuple(t.shape) for name, t in weights.items()}, path)
    autoencoder.load_state_dict({name: t.to(own[name].dtype) for name, t in weights.items()}, assign=True)


def _match(
    model: nn.Module,
    found: Mapping[str, tuple],
    path: Path,
    optional: tuple[str, ...] = (),
    kept: Packing | None = None,
) -> None:
    """Compare names and shapes before anything is copied; packed layers have scales beside their weights."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    small = {f"{name}.weight" for name, module in model.named_modules() if kept and chosen(name, module, kept)}
    wanted |= {name: ((math.prod(wanted[name]) + 1) // 2, 1) for name in small}
    scales = {f"{name}.{scale}" for name in small for scale in SCALES}
    faults = [f"missing {name}" for name in [*wanted, *scales] if name not in found and name not in optional]
    faults += [f"unexpected {name}" for name in found if name not in wanted and name not in scales]
    faults += [
        f"{name} has shape {found[name]}, the model wants {wanted[name]}"
        for name in found
        if name in wanted and found[name] != wanted[name]
    ]
    if faults:
        raise KitError(f"{path} does not fit the model its configs describe: {listed(faults)}")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file, or one clear error that names it."""
    try:
        return load_file(path)
    except (SafetensorError, FileNotFoundError, OSError) as error:
        raise KitError(f"{path} cannot be read ({error}); it may be cut short or not be safetensors") from None


def save(model: UnifiedModel, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write a model folder beside its place, then move it there in one step."""
    if is_packed(model):
        raise KitError("packed weights cannot be written as bf16 ones; write them with save_packed, as they are")
    with new_folder(folder) as fresh:
        weights = {name: t.to(dtype).contiguous() for name, t in model.state_dict().items() if name not in FIXED}
        save_file(weights, fresh / WEIGHTS)
        save_companions(model.config, model.autoencoder, model.tokenizer, fresh, dtype)


def save_packed(model: UnifiedModel, folder: Path) -> None:
    """Write a model in 4 bits as it is, in files of a gigabyte at most, so that it need not be packed again.

    Raises KitError for a model that is not in 4 bits.
    """
    if not getattr(model, "is_loaded_in_4bit", False):
        raise KitError("this model is not in 4 bits; pack it first, or write it with save")
    with new_folder(folder) as fresh:
        weights = {name: tensor for name, tensor in model.state_dict().items() if name not in FIXED}
        save_torch_state_dict(weights, fresh, max_shard_size="1GB")
        save_companions(model.config, model.autoencoder, model.tokenizer, fresh)
        (fresh / RECORD).write_text(json.dumps({"packing": model.packing}) + "\n")


def save_companions(
    config: UnifiedConfig,
    autoencoder: Autoencoder,
    words: PreTrainedTokenizerBase,
    folder: Path,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Write what stands beside the network: its sizes, the autoencoder, and the words."""
    write_released(config, folder)
    pixels = {name: t.to(dtype).contiguous() for name, t in autoencoder.state_dict().items()}
    save_file(pixels, folder / AUTOENCODER)
    words.save_pretrained(folder)


class new_folder:
    """A folder that appears whole or not at all: filled under another name, renamed when all went well."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fresh = folder, folder.with_name(f".{folder.name}.writing")

    def __enter__(self) -> Path:
        shutil.rmtree(self.fresh, ignore_errors=True)
        self.fresh.mkdir(parents=True)
        return self.fresh

    def __exit__(self, kind, *_) -> None:
        if kind is not None:
            shutil.rmtree(self.fresh, ignore_errors=True)
            return
        old = self.folder.with_name(f".{self.folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.folder.exists():
            os.replace(self.folder, old)
        os.replace(self.fresh, self.folder)
        shutil.rmtree(old, ignore_errors=True)


def marks_of(tokenizer) -> Marks:
    """The ids of the four marks, or one clear error when the tokenizer lacks one."""
    ids = tokenizer.convert_tokens_to_ids(list(MARK_NAMES))
    known = tokenizer.get_vocab()
    for name in MARK_NAMES:
        if name not in known:
            raise KitError(f"the tokenizer has no {name}; it needs the four marks {', '.join(MARK_NAMES)}")
    return Marks(*ids)
