"""What a parity run compares and how it says so: a golden's files, single comparisons, the table.

A golden is a pair of files that the original wrote: NAME.json (facts) and NAME.safetensors (tensors).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mini_model.model.checkpoint import read_tensors
from mini_model.model.config import read_json

FLOAT = 1e-4  # absolute, in float32
NORM = (1e-3, 1e-6)  # gradient norms: relative and absolute
PIXEL = 1.0  # grey levels: values are cut off and not rounded, so a last digit can decide


class Missing(LookupError):
    """Something that a golden's files should hold and do not."""


@dataclass(frozen=True)
class Case:
    """One comparison; `max_abs` is None where nothing could be compared, and `note` says why."""

    name: str
    max_abs: float | None
    tolerance: float
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the error stays within the tolerance."""
        return self.max_abs is not None and self.max_abs <= self.tolerance

    def to_dict(self) -> dict:
        """The four values that a machine reads."""
        return {"name": self.name, "max_abs": self.max_abs, "tolerance": self.tolerance, "ok": self.ok}


@dataclass
class Report:
    """All comparisons of a folder, and the names of tensors that no comparison asked for."""

    cases: list[Case] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there was something to compare and all of it agreed."""
        return bool(self.cases) and all(case.ok for case in self.cases)

    def to_dict(self) -> dict:
        """The answer for a machine."""
        return {"cases": [case.to_dict() for case in self.cases], "ok": self.ok}

    def to_text(self) -> str:
        """The same as a table for a reader."""
        wide = max([len(case.name) for case in self.cases], default=4)
        lines = [f"{'name':<{wide}}  {'max abs':>8}  {'tolerance':>9}  ok"]
        for case in self.cases:
            error = "-" if case.max_abs is None else f"{case.max_abs:.1e}"
            word = "ok" if case.ok else f"FAIL {case.note}".rstrip()
            lines.append(f"{case.name:<{wide}}  {error:>8}  {case.tolerance:>9.1e}  {word}")
        failed = sum(not case.ok for case in self.cases)
        lines.append(f"{len(self.cases)} cases, {failed} failed")
        if self.unread:
            lines.append(f"in the files but not compared: {', '.join(self.unread)}")
        return "\n".join(lines)


def print_report(report: Report) -> None:
    """Show the table."""
    print(report.to_text())


class Golden:
    """One golden's facts and tensors; each comparison with them is noted down in a report."""

    def __init__(self, folder: Path, name: str, report: Report) -> None:
        self.folder, self.name, self.report = folder, name, report
        for file in (f"{name}.json", f"{name}.safetensors"):
            if not (folder / file).exists():
                raise Missing(file)
        self.facts, self.tensors = (
            read_json(folder / f"{name}.json"),
            read_tensors(folder / f"{name}.safetensors"),
        )
        self.unread = set(self.tensors)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise Missing(name)
        self.unread.discard(name)
        return self.tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def fact(self, *path: str | int) -> object:
        """A value deep in the facts."""
        value = self.facts
        for step in path:
            if isinstance(value, dict) and step not in value:
                raise Missing(f"{self.name}.json: {'.'.join(map(str, path))}")
            value = value[step]
        return value

    def sibling(self, name: str) -> "Golden":
        """Another golden of the folder, which this one builds on."""
        return Golden(self.folder, name, self.report)

    def check(self, name: str, ours: Tensor | Sequence, tolerance: float | None = None, label: str = "") -> None:
        """Compare with the tensor of this name; one that the file lacks is a failed case."""
        if name not in self:
            self.add(name + label, None, tolerance or FLOAT, "missing")
        else:
            self.compare(name + label, ours, self[name], tolerance)

    def check_fact(
        self, path: tuple, ours: Tensor | Sequence | float, tolerance: float | None = None, label: str = ""
    ) -> None:
        """Compare with a value of the facts; one that is not there is a failed case."""
        name = ".".join(map(str, path)) + label
        try:
            self.compare(name, ours, self.fact(*path), tolerance)
        except Missing:
            self.add(name, None, tolerance or FLOAT, "missing")

    def compare(
        self,
        name: str,
        ours: Tensor | Sequence | float,
        theirs: Tensor | Sequence | float,
        tolerance: float | None = None,
    ) -> None:
        """Note the largest difference; whole numbers must be equal, other numbers within `FLOAT`."""
        ours, theirs = (torch.as_tensor(x).detach() for x in (ours, theirs))
        whole = not theirs.is_floating_point() and theirs.numel() > 0
        allowed = (0.0 if whole else FLOAT) if tolerance is None else tolerance
        if ours.shape != theirs.shape:
            self.add(name, None, allowed, f"shape {tuple(ours.shape)}, golden {tuple(theirs.shape)}")
        else:
            error = float((ours.double() - theirs.double()).abs().max()) if ours.numel() else 0.0
            self.add(name, error, allowed)

    def add(self, name: str, error: float | None, tolerance: float, note: str = "") -> None:
        """Note one comparison down."""
        if error is not None and not math.isfinite(error):
            error, note = None, "not a finite number"
        self.report.cases.append(Case(f"{self.name}/{name}", error, tolerance, note))
