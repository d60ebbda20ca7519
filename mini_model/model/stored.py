"""Tensors on disk, one at a time: read from whichever files of a folder hold them, written as they come.

A file of 29 GB never stands in memory: each reading maps the file, takes one tensor, and lets go of the map. Writing
lays down the header first, for which names, formats and shapes are enough, and then one tensor after another.
Source of the format: safetensors' own documentation (8 bytes of length, a JSON header, the numbers).
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mini_model.errors import KitError
from mini_model.model.config import read_json

WEIGHTS, SHARDS, ONE = "ema.safetensors", "model.safetensors.index.json", "model.safetensors"
FORMATS = {torch.bfloat16: "BF16", torch.float32: "F32", torch.float16: "F16"}  # what this kit writes as it comes


@dataclass(frozen=True)
class Stored:
    """Which file of a folder holds which tensor, and of which shape."""

    path: Path  # what names the set: the one file, or the index of several
    files: Mapping[str, Path]
    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, folder: Path) -> "Stored":
        """The weights of a folder: upstream's one file, or Hugging Face's, one or several.

        Raises KitError where a file cannot be read, or a shard lacks what the index promises.
        """
        path = next((folder / name for name in (WEIGHTS, SHARDS, ONE) if (folder / name).is_file()), folder / WEIGHTS)
        if path.name != SHARDS:
            return cls(path, *_held([path]))
        promised = read_json(path).get("weight_map")
        if not isinstance(promised, dict) or not promised:
            raise KitError(f"{path} names no weights (no weight_map); copy it again from where the model came")
        files, shapes = _held([folder / name for name in sorted(set(promised.values()))])
        absent = [f"{name} (in {file})" for name, file in promised.items() if files.get(name) != folder / file]
        if absent:
            raise KitError(f"{path} promises what its files do not hold: {listed(absent)}")
        return cls(path, files, shapes)

    def tensor(self, name: str) -> Tensor:
        """One tensor; nothing else of its file stays in memory."""
        with opened(self.files[name]) as file:
            return file.get_tensor(name)

    def without(self, beginning: str) -> "Stored":
        """The same, less what begins so."""
        return replace(self, shapes={name: s for name, s in self.shapes.items() if not name.startswith(beginning)})

    @property
    def size(self) -> int:
        """Bytes of all the files."""
        return sum(path.stat().st_size for path in set(self.files.values()))


class opened:
    """A safetensors file open for reading, or one clear error that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self):
        try:
            self.file = safe_open(self.path, "pt")
            return self.file.__enter__()
        except (SafetensorError, OSError) as error:
            raise KitError(f"{self.path} cannot be read ({error}); copy it again from where the model came") from None

    def __exit__(self, *raised) -> None:
        self.file.__exit__(*raised)


def _held(paths: Iterable[Path]) -> tuple[dict[str, Path], dict[str, tuple[int, ...]]]:
    """For every tensor in these files, its file and its shape."""
    files, shapes = {}, {}
    for path in paths:
        with opened(path) as file:
            for name in file.keys():  # noqa: SIM118 (this is no dictionary)
                files[name], shapes[name] = path, tuple(file.get_slice(name).get_shape())
    return files, shapes


def listed(faults: list[str], most: int = 8) -> str:
    """The first few of many faults, and how many more there are."""
    return "; ".join(faults[:most]) + (f"; and {len(faults) - most} more" if len(faults) > most else "")


def write_stream(
    path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, tensors: Iterable[tuple[str, Tensor]]
) -> None:
    """A safetensors file of one number format, written tensor by tensor; `tensors` come in the order of `shapes`.

    The format itself is read by every tool; only this way of writing needs no room for the whole.
    """
    width, header, at = dtype.itemsize, {}, 0
    for name, shape in shapes.items():
        end = at + width * math.prod(shape)
        header[name], at = {"dtype": FORMATS[dtype], "shape": list(shape), "data_offsets": [at, end]}, end
    told = json.dumps({"__metadata__": {"format": "pt"}, **header}, separators=(",", ":")).encode()
    told += b" " * (-len(told) % 8)  # the numbers begin at a multiple of eight
    with path.open("wb") as file:
        file.write(len(told).to_bytes(8, "little") + told)
        for (name, tensor), (wanted, shape) in zip(tensors, shapes.items(), strict=True):
            if name != wanted or tuple(tensor.shape) != tuple(shape):
                raise ValueError(f"{name} of shape {tuple(tensor.shape)} came where {wanted} of {shape} was due")
            file.write(tensor.detach().to("cpu", dtype).contiguous().flatten().view(torch.uint8).numpy().data)
        file.flush()
        os.fsync(file.fileno())
