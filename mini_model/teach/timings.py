"""What each lesson took when it was last run: the minutes and memory that its header quotes.

The figures are written by `python -m mini_model.teach.editions`. A lesson's source says `{minutes}`,
`{memory}` and `{machine}`; the words are filled in when its notebooks are made, so a header cannot go stale.
"""

import json
import os
import platform
import sys
import time
from importlib import metadata
from math import ceil
from pathlib import Path
from typing import Any

from mini_model.circumstances import commit
from mini_model.files import write_whole

TOP = Path(__file__).resolve().parents[2]
FILE = TOP / "data_samples" / "results" / "lesson_timings.json"
UNKNOWN = "(not measured yet)"
MEGABYTE = 2**20


def read(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """Every figure by its name, such as '00_watch.seconds'; empty when nothing was measured yet."""
    if not file.is_file():
        return {}
    return {figure["name"]: figure for figure in json.loads(file.read_text(encoding="utf-8"))}


def record(lesson: str, seconds: float, memory_mb: float, file: Path = FILE) -> None:
    """Put a lesson's wall-clock seconds and peak megabytes in the place of its last run's."""
    figures = read(file)
    shared = {
        "interval": None,
        "n": 1,
        "seeds": [0],
        "command": f"python -m mini_model.teach.editions {lesson}",
        "commit": commit(),
        "device": machine(),
        "versions": {"python": platform.python_version(), "torch": metadata.version("torch")},
        "seconds": round(seconds, 1),
        "when": time.strftime("%Y-%m-%d"),
    }
    for name, value in (("seconds", seconds), ("memory_mb", memory_mb)):
        figures[f"{lesson}.{name}"] = {"name": f"{lesson}.{name}", "value": round(value, 1), **shared}
    write_whole(file, json.dumps([figures[name] for name in sorted(figures)], indent=1) + "\n")


def fill(text: str, lesson: str, file: Path = FILE) -> str:
    """A lesson's prose with `{minutes}`, `{memory}` and `{machine}` replaced by what was measured."""
    figures = read(file)
    seconds, memory = (figures.get(f"{lesson}.{name}") for name in ("seconds", "memory_mb"))
    words = {
        "{minutes}": in_minutes(seconds["value"]) if seconds else UNKNOWN,
        "{memory}": f"{memory['value'] / 1024:.1f} GB" if memory else UNKNOWN,
        "{machine}": seconds["device"] if seconds else UNKNOWN,
    }
    for mark, value in words.items():
        text = text.replace(mark, value)
    return text


def in_minutes(seconds: float) -> str:
    """A length of time as a header says it: never less than it took."""
    minutes = ceil(seconds / 60)
    return "less than a minute" if seconds < 50 else f"{minutes} minute{'s' * (minutes > 1)}"


def machine() -> str:
    """The machine in words: cores, and the graphics card when torch is there and sees one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    has_card = torch is not None and torch.cuda.is_available()
    return f"{cores} processor cores, {torch.cuda.get_device_name() if has_card else 'no graphics card'}"


def peak_memory_mb() -> float:
    """The most memory, in megabytes, that this process has held at one time."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would also count the parent's memory at the moment of the fork
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import psutil  # comes with ipykernel

    info = psutil.Process().memory_info()
    return getattr(info, "peak_wset", info.rss) / MEGABYTE
