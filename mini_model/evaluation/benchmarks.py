"""Reading a benchmark's prompt file: one JSON object a line, in GenEval's metadata shape."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from mini_model.errors import KitError
from mini_model.scoring import Verdict
from mini_model.world.judge import judge

FOLDER = Path(__file__).resolve().parents[2] / "data_samples/benchmarks"
NEEDED = ("tag", "include", "prompt")


def read_prompts(path: Path) -> list[dict]:
    """Every prompt of a file with its specification; raises KitError naming the line that is broken."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KitError(
            f"cannot read the prompts {path}: {error}; write them anew with "
            "python -m mini_model.evaluation.make_benchmarks"
        ) from None
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise KitError(f"{path} holds no prompts; write it anew with python -m mini_model.evaluation.make_benchmarks")
    return rows


def _row(line: str, where: str) -> dict:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise KitError(f"{where} is not JSON ({error}); a line holds tag, include and prompt") from None
    missing = [key for key in NEEDED if not isinstance(row, dict) or key not in row]
    if missing:
        raise KitError(f"{where} lacks {', '.join(missing)}; a line holds tag, include and prompt")
    return row


def take_evenly(rows: list[dict], limit: int | None) -> list[int]:
    """Which lines to paint: all, or `limit` in all, dealt evenly over the tags: the first of each, the second, ..."""
    if limit is None:
        return list(range(len(rows)))
    if limit < 1:
        raise KitError(f"the limit is {limit}; paint at least one prompt")
    seen: dict[str, int] = {}
    turns = []
    for index, row in enumerate(rows):
        seen[row["tag"]] = seen.get(row["tag"], 0) + 1
        turns.append((seen[row["tag"]], index))
    return sorted(index for _, index in sorted(turns)[:limit])


def verdict(row: dict, picture: Image.Image) -> Verdict:
    """The exact judge's word on a painted picture."""
    return judge(row, np.asarray(picture.convert("RGB")))
