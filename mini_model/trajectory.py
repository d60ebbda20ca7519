"""The currency of the kit: a prompt, the steps that were painted for it, and the final picture.

    prompt -> [plan, draft, reflection, refinement]* -> final picture

A trajectory lives in memory as plain objects with PIL pictures, and on disk as readable JSON with PNG files
beside it: one folder for one trajectory, or JSON Lines and a folder of pictures for a set.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from mini_model.errors import KitError
from mini_model.fields import Picture, Text, size_words, writable
from mini_model.files import whole_folder

SCHEMA = 1  # goes up when a file written today could no longer be read as it was meant
ONE, MANY = "trajectory.json", "trajectories.jsonl"
OURS = r"(\d{6}-)?(step-\d+-(draft|refinement)|final)\.png"  # how a picture's file is named


class _Record(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        validate_assignment=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
    )


class Plan(_Record):
    """What to paint next: the one thing to do, and how the whole picture will look after it."""

    instruction: Text = ""
    description: Text = ""


class Reflection(_Record):
    """What the model sees in its own picture: a verdict ("none": it did not look), reasons, what to mend."""

    verdict: Literal["correct", "wrong", "none"]
    text: Text = ""
    refine: Text | None = None


class Step(_Record):
    """One round of the loop: plan, draft, reflection, and a refinement when the reflection asks for one."""

    plan: Plan
    draft: Picture
    reflection: Reflection
    refinement: Picture | None = None
    after: Reflection | None = None  # what the model says of its refinement


class Cost(_Record):
    """What a trajectory took; every comparison in the kit is made at equal cost."""

    denoising_steps: int = Field(0, ge=0)  # Euler steps over all pictures
    forwards: int = Field(0, ge=0)  # passes through the transformer
    tokens: int = Field(0, ge=0)  # tokens computed, of text and of pictures
    text_tokens: int = Field(0, ge=0)  # tokens written as text
    seconds: float = Field(0.0, ge=0)


class Trajectory(_Record):
    """A picture and how it came to be."""

    prompt: Text
    spec: dict[str, JsonValue] | None = None  # GenEval's own metadata, when the prompt has a checkable meaning
    steps: list[Step] = []
    final: Picture
    strategy: str = "process"
    seed: int = 0
    cost: Cost = Field(default_factory=Cost)
    provenance: dict[str, JsonValue] = {}
    closing: Text = ""  # what the model writes when it stops
    bounded: bool = False  # True when the bound on rounds ended it, not the model

    @model_validator(mode="after")
    def _one_size(self) -> "Trajectory":
        for label, picture in self.pictures():
            if picture.size != self.final.size:
                raise KitError(
                    f"the picture {label!r} is {size_words(picture)} but the final picture is "
                    f"{size_words(self.final)}; all pictures of a trajectory share one size"
                )
        return self

    def pictures(self) -> list[tuple[str, Image.Image]]:
        """Every picture with its label, in order: 'step-1-draft', 'step-1-refinement', ..., 'final'."""
        labelled = []
        for number, step in enumerate(self.steps, 1):
            labelled.append((f"step-{number}-draft", step.draft))
            if step.refinement is not None:
                labelled.append((f"step-{number}-refinement", step.refinement))
        return [*labelled, ("final", self.final)]

    def record(self, prefix: str = "") -> dict[str, Any]:
        """The trajectory as plain data for JSON; each picture stands there as its file name."""
        record = self.model_dump(warnings=False) | {"schema": SCHEMA, "final": f"{prefix}final.png"}
        for number, step in enumerate(record["steps"], 1):
            for kind in ("draft", "refinement"):
                if step[kind] is not None:
                    step[kind] = f"{prefix}step-{number}-{kind}.png"
        return record

    def save(self, folder: str | Path) -> Path:
        """Write `trajectory.json` and its PNGs into `folder` and return the path of the JSON.

        Other files in the folder stay; pictures of an earlier, longer trajectory go. Raises KitError if it
        cannot.
        """
        folder = Path(folder)
        with whole_folder(folder, ONE) as part:
            names = _write_pictures(self, part)
            part.joinpath(ONE).write_text(_json(self.record(), indent=2) + "\n", encoding="utf-8")
        _remove_stale(folder, set(names))
        return folder / ONE

    @classmethod
    def load(cls, path: str | Path) -> "Trajectory":
        """Read a trajectory from its folder or its JSON file; raises KitError naming what is broken where."""
        path = Path(path)
        path = path / ONE if path.is_dir() else path
        return _from_text(_read_text(path), path.parent, where=str(path))


def save_many(trajectories: Iterable[Trajectory], folder: str | Path) -> Path:
    """Write a set: a line of `trajectories.jsonl` each, PNGs in `pictures/`; returns the JSON Lines' path.

    The trajectories may come from a generator: one at a time is held.
    """
    folder, names = Path(folder), set()
    with whole_folder(folder, MANY) as part:
        part.joinpath("pictures").mkdir()
        with part.joinpath(MANY).open("w", encoding="utf-8") as lines:
            for number, trajectory in enumerate(trajectories):
                prefix = f"pictures/{number:06d}-"
                names.update(_write_pictures(trajectory, part, prefix))
                lines.write(_json(trajectory.record(prefix)) + "\n")
    _remove_stale(folder / "pictures", {Path(name).name for name in names})
    return folder / MANY


def load_many(folder: str | Path) -> list[Trajectory]:
    """Read a set written by `save_many`; raises KitError naming the line that is broken."""
    path = Path(folder) / MANY if Path(folder).is_dir() else Path(folder)
    lines = enumerate(_read_text(path).split("\n"), 1)
    return [_from_text(line, path.parent, f"{path}, line {number}") for number, line in lines if line.strip()]


def _write_pictures(trajectory: Trajectory, folder: Path, prefix: str = "") -> list[str]:
    """Write every picture as PNG and return the names."""
    pictures = trajectory._one_size().pictures()  # asked again: steps may have been appended since
    for label, picture in pictures:
        picture.save(folder / f"{prefix}{label}.png", optimize=True)
    return [f"{prefix}{label}.png" for label, _ in pictures]


def _remove_stale(folder: Path, names: set[str]) -> None:
    """Remove the pictures that an earlier, longer trajectory or set left in this folder."""
    for path in folder.glob("*.png"):
        if path.name not in names and re.fullmatch(OURS, path.name):
            path.unlink(missing_ok=True)


def _json(record: dict[str, Any], indent: int | None = None) -> str:
    """Stable text: sorted keys and readable letters, so that two files can be compared line by line."""
    try:
        return writable(json.dumps(record, sort_keys=True, indent=indent, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise KitError(f"this trajectory cannot be written as JSON: {error}; look at its provenance") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KitError(f"no trajectory at {path}; give a folder or file that the kit has written") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KitError(f"cannot read {path}: {error}; give a trajectory file in UTF-8") from error


def _from_text(text: str, folder: Path, where: str) -> Trajectory:
    """JSON text to a trajectory whose pictures lie in `folder`; `where` names the file in errors."""
    try:
        record = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise KitError(f"{where} is not whole JSON ({error}); the file may be cut short, write it anew") from error
    if not isinstance(record, dict):
        raise KitError(f"{where} holds a {type(record).__name__}, not a trajectory; give a trajectory file")
    schema = record.pop("schema", None)
    if schema != SCHEMA or isinstance(schema, bool):
        raise KitError(f"{where} has schema {schema!r}, this kit reads schema {SCHEMA}; use the kit that wrote it")
    try:
        return Trajectory.model_validate(record, context={"folder": folder})
    except ValidationError as error:
        raise KitError(f"{where}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    """'steps[0].draft: what is wrong with it', and how many faults there are when there are more."""
    faults = error.errors(include_url=False)
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in faults[0]["loc"]).lstrip(".")
    said = faults[0]["msg"]
    ours = "Value error, "  # how pydantic begins a sentence of ours, which says what to do already
    said = said.removeprefix(ours) if said.startswith(ours) else f"{said}; mend it or write it anew"
    more = f" (faults in all: {len(faults)})" if len(faults) > 1 else ""
    return f"{place}: {said}{more}" if place else f"{said}{more}"
