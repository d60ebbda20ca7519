"""By what, where and with which code something was made: what every figure and every set of weights carries."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from mini_model.device import pick

HOME = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "transformers", "diffusers", "numpy")


def command() -> str:
    """What was typed, with paths inside the kit told from its root and others by their last name."""
    module = getattr(sys.modules["__main__"], "__spec__", None)  # set where a module was run with -m
    name = module.name.removesuffix(".__main__") if module else Path(sys.argv[0]).name
    words = ["python", "-m", name] if module else ["python", name]
    return " ".join([*words, *map(_plain, sys.argv[1:])])


def _plain(word: str) -> str:
    """A word of the command line without the owner's folders."""
    path = Path(word)
    if not path.is_absolute():
        return word
    return str(path.relative_to(HOME)) if path.is_relative_to(HOME) else path.name


def commit() -> str:
    """The commit of the code, with `+` behind it when files have changed since; "unknown" without a repository."""

    def git(*words: str) -> str:
        asked = subprocess.run(["git", *words], cwd=HOME, capture_output=True, text=True, check=True, timeout=20)
        return asked.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def device() -> str:
    """The processor and its threads, and the card when there is one to compute on."""
    name = f"{processor()}, {torch.get_num_threads()} of {os.cpu_count()} threads"
    chosen = pick().device
    return f"{name}; {torch.cuda.get_device_name(chosen)}" if chosen.type == "cuda" else name


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as Linux knows it, else as Python does."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
