"""Where the kit computes and in which number format: one decision, made once, with its reason.

bfloat16 halves the memory and is several times faster where the silicon multiplies it natively, and slower
than float32 where it does not, so the question is asked of the machine and never guessed.
"""

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from mini_model.errors import KitError


@dataclass(frozen=True)
class Compute:
    """The device to compute on, the number format to compute in, and why."""

    device: torch.device
    dtype: torch.dtype
    reason: str


def pick(device: str | None = None) -> Compute:
    """The best device here, or the one asked for, in bfloat16 wherever the hardware has it.

    `device` is a word such as "cpu", "cuda:1" or "mps"; None takes CUDA, then MPS, then the processor.
    Raises KitError for a word torch does not know and for a device that this machine lacks.
    """
    chosen = torch.device(_best()) if device is None else _asked(device)
    has_bf16, reason = {"cuda": _cuda, "mps": _mps, "cpu": _cpu}[chosen.type](chosen)
    dtype = torch.bfloat16 if has_bf16 else torch.float32
    return Compute(chosen, dtype, f"{str(dtype).removeprefix('torch.')} because {reason}")


def keep_freed_memory() -> None:
    """Let the C library keep what tensors give back, for the tensors of the next step.

    By default glibc hands every large block back to the kernel and asks for a new one, which must be zeroed page by
    page: a fifth of a training step on long rows. Elsewhere than under glibc this does nothing.
    """
    _tell_malloc({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**28})


def return_freed_memory() -> None:
    """Let the C library hand back every block of a megabyte or more, so that holes between small tensors do not add up.

    For a while in which many large tensors come and go beside small ones that stay.
    """
    _tell_malloc({_MMAP_MAX: 2**16, _MMAP_THRESHOLD: 2**20, _TRIM_THRESHOLD: 2**20, _TOP_PAD: 0})


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4  # glibc's numbers for its own dials


def _tell_malloc(dials: dict[int, int]) -> None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt"):
        for dial, value in dials.items():
            libc.mallopt(dial, value)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _asked(word: str) -> torch.device:
    try:
        device = torch.device(word)
    except RuntimeError as error:
        raise KitError(f"Device {word!r} is not known: use cpu, cuda, cuda:1 or mps.") from error
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    present = {"cpu": device.index in (None, 0), "cuda": (device.index or 0) < count}
    present["mps"] = torch.backends.mps.is_available() and device.index in (None, 0)
    if not present.get(device.type, False):
        raise KitError(f"Device {word!r} is not on this machine: leave it out, or use {_best()}.")
    return device


def _cuda(device: torch.device) -> tuple[bool, str]:
    name = torch.cuda.get_device_name(device)
    native = torch.cuda.get_device_capability(device) >= (
        8,
        0,
    )  # Ampere was the first; older cards emulate it
    return native, f"{name} {'has it' if native else 'only emulates bfloat16'}"


def _mps(device: torch.device) -> tuple[bool, str]:
    native = torch.backends.mps.is_macos_or_newer(14, 0)
    return native, "Metal has it from macOS 14 on" if native else "Metal has bfloat16 only from macOS 14 on"


def _cpu(device: torch.device) -> tuple[bool, str]:
    flags = processor_flags()
    for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX512-BF16")):
        if flag in flags:
            return True, f"the processor has {name}"
    return False, "the processor has neither AMX nor AVX512-BF16, without which bfloat16 is the slower one"


def processor_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """The processor's own list of abilities on Linux; elsewhere the two that matter here, by torch."""
    if sys.platform == "linux" and cpuinfo.is_file():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        return next((set(words.split()) for key, _, words in lines if key.strip() == "flags"), set())
    probes = {"amx_bf16": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return {flag for flag, probe in probes.items() if getattr(torch.cpu, probe, lambda: False)()}
