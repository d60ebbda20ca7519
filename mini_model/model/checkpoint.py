"""A model folder on disk: read tensor by tensor with every fault named, written so that a kill leaves it whole.

ema.safetensors   the network          llm_config.json  vit_config.json   its sizes
ae.safetensors    the autoencoder      ae_config.json   bagel_config.json
tokenizer files   the words
"""

import os
import shutil
from pathlib import Path

import torch
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoTokenizer
from transformers.initialization import no_init_weights

from mini_model.device import keep_freed_memory, pick
from mini_model.errors import KitError
from mini_model.model.autoencoder import Autoencoder
from mini_model.model.config import read_released, write_released
from mini_model.model.sequence import Marks
from mini_model.model.unified import UnifiedModel

WEIGHTS, AUTOENCODER = "ema.safetensors", "ae.safetensors"
FIXED = (
    "latent_pos_embed.pos_embed",
    "vit_pos_embed.pos_embed",
)  # tables from a formula; a file may leave them out
MARK_NAMES = Marks("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")


def load(folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> UnifiedModel:
    """A model from a folder in the released layout, in evaluation mode, with its autoencoder and its words."""
    if not folder.is_dir():
        raise KitError(f"no model folder at {folder}; give the folder that holds {WEIGHTS}")
    with no_init_weights():  # every weight comes from the file, so none is drawn first
        model = UnifiedModel(read_released(folder)).to(dtype)
    fill(model, folder / WEIGHTS, optional=FIXED)
    load_autoencoder(model.autoencoder, folder / AUTOENCODER)
    model.companions["tokenizer"] = read_tokenizer(folder)
    return model.to(device).eval()


def load_here(folder: Path) -> UnifiedModel:
    """The model of a folder, where and in the number format in which this machine computes best."""
    compute = pick()
    keep_freed_memory()
    return load(folder, compute.dtype, str(compute.device))


def read_tokenizer(folder: Path):
    """The folder's words, as a Hugging Face tokenizer, or one clear error."""
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:160]
        raise KitError(f"{folder} holds no tokenizer that can be read ({reason}); copy its files again") from None


def load_autoencoder(autoencoder: Autoencoder, path: Path) -> None:
    """Weights of the autoencoder, under FLUX's key names or diffusers' own."""
    weights = read_tensors(path)
    if not any(name.startswith("net.") for name in weights):
        try:
            converted = convert_ldm_vae_checkpoint(weights, dict(autoencoder.net.config))
        except KeyError as missing:
            raise KitError(f"{path} does not fit the autoencoder its config describes: missing {missing}") from None
        weights = {f"net.{name}": tensor for name, tensor in converted.items()}
    _match(autoencoder, {name: tuple(t.shape) for name, t in weights.items()}, path, ())
    autoencoder.load_state_dict(weights)


def fill(model: nn.Module, path: Path, optional: tuple[str, ...] = ()) -> None:
    """Copy a file's tensors into a model one at a time; missing, unexpected and misshapen keys are all named."""
    own = dict(model.state_dict())
    try:
        with safe_open(path, "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _match(model, shapes, path, optional)
            with torch.no_grad():
                for name in shapes:
                    own[name].copy_(file.get_tensor(name))
    except (SafetensorError, FileNotFoundError, OSError) as error:
        raise KitError(f"{path} cannot be read ({error}); copy it again from where the model came") from None


def _match(model: nn.Module, found: dict[str, tuple], path: Path, optional: tuple[str, ...]) -> None:
    """Compare names and shapes before anything is copied."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    faults = [f"missing {name}" for name in wanted if name not in found and name not in optional]
    faults += [f"unexpected {name}" for name in found if name not in wanted]
    faults += [
        f"{name} has shape {found[name]}, the model wants {wanted[name]}"
        for name in found
        if name in wanted and found[name] != wanted[name]
    ]
    if faults:
        shown = "; ".join(faults[:8]) + (f"; and {len(faults) - 8} more" if len(faults) > 8 else "")
        raise KitError(f"{path} does not fit the model its configs describe: {shown}")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file, or one clear error that names it."""
    try:
        return load_file(path)
    except (SafetensorError, FileNotFoundError, OSError) as error:
        raise KitError(f"{path} cannot be read ({error}); it may be cut short or not be safetensors") from None


def save(model: UnifiedModel, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write a model folder beside its place, then move it there in one step."""
    with new_folder(folder) as fresh:
        write_released(model.config, fresh)
        weights = {name: t.to(dtype).contiguous() for name, t in model.state_dict().items() if name not in FIXED}
        save_file(weights, fresh / WEIGHTS)
        save_file(
            {k: t.to(dtype).contiguous() for k, t in model.autoencoder.state_dict().items()},
            fresh / AUTOENCODER,
        )
        model.tokenizer.save_pretrained(fresh)


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
