"""Results are files: each figure with what it says, how it was measured, where, and by which code.

A number in prose comes from a file in `data_samples/results/`, so that anyone can ask where it is from.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mini_model import circumstances
from mini_model.errors import KitError
from mini_model.files import write_whole

HOME = Path(__file__).resolve().parents[2]
FOLDER = HOME / "data_samples/results"


class Figure(BaseModel):
    """One measured number and its circumstances."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    name: str
    value: float
    interval: tuple[float, float] | None = None  # 95 %, where there is one
    n: int = Field(1, ge=1)  # prompts, questions, or repetitions behind the value
    seeds: int = Field(1, ge=0)  # pictures of each prompt; 0 where no chance is in play
    command: str = Field(default_factory=circumstances.command)
    commit: str = Field(default_factory=circumstances.commit)
    device: str = Field(default_factory=circumstances.device)
    versions: dict[str, str] = Field(default_factory=circumstances.versions)
    seconds: float = Field(0.0, ge=0)  # the measurement took
    when: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def figures_of(answer: dict, name: str, seconds: float = 0.0) -> list[Figure]:
    """The figures of an evaluation's answer: overall, each tag, and what else has an interval.

    `name` goes in front: "base direct" gives "base direct: mini-geneval standard: overall".
    """
    head = f"{name}: {answer['benchmark']} {answer['split']}"
    whole = {"score": answer["overall"], "interval": answer["interval"], "n": answer["n"]}
    parts = {"overall": whole, **{part: answer[part] for part in ("known", "held_out") if part in answer}}
    parts |= answer["by_tag"]
    return [
        Figure(
            name=f"{head}: {part}",
            value=score["score"],
            interval=tuple(score["interval"]),
            n=score["n"],
            seeds=answer["seeds"],
            seconds=seconds,
        )
        for part, score in parts.items()
    ]


def write_results(path: str | Path, figures: list[Figure]) -> Path:
    """Write figures as a JSON list, a whole file or none."""
    return write_whole(path, json.dumps([figure.model_dump() for figure in figures], indent=2) + "\n")


def read_results(path: str | Path) -> list[Figure]:
    """Read figures back; raises KitError that says which file and which figure is broken."""
    path = Path(path)
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KitError(f"no results at {path}; run the command that writes them first") from None
    except (OSError, ValueError) as error:
        raise KitError(f"{path} is no file of results ({error}); write it anew") from None
    if not isinstance(records, list):
        raise KitError(f"{path} holds a {type(records).__name__}, not a list of figures; write it anew")
    figures = []
    for number, record in enumerate(records, 1):
        try:
            figures.append(Figure.model_validate_json(json.dumps(record)))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"]))
            raise KitError(f"{path}, figure {number}: {place or 'the record'}: {fault['msg']}; write it anew") from None
    return figures
