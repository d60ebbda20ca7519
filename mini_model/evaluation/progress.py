"""An evaluation that can be killed: what was judged so far lies in a file beside the result to come."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mini_model.files import write_whole
from mini_model.process.script import turns
from mini_model.scoring import Verdict
from mini_model.trajectory import Cost, Trajectory


class Judged(BaseModel):
    """One painted picture after judging: which line of the prompts, which seed, right or wrong, and at what cost."""

    model_config = ConfigDict(strict=True, extra="forbid")

    line: int
    seed: int
    correct: bool
    reason: str
    pictures: int
    refined: bool
    cost: Cost

    @classmethod
    def of(cls, line: int, seed: int, trajectory: Trajectory, verdict: Verdict) -> "Judged":
        """What is kept of a trajectory once its final picture is judged."""
        return cls(
            line=line,
            seed=seed,
            correct=verdict.correct,
            reason=verdict.reason,
            pictures=pictures_of(trajectory),
            refined=any(step.refinement is not None for step in trajectory.steps),
            cost=trajectory.cost,
        )


def pictures_of(trajectory: Trajectory) -> int:
    """How many pictures were painted; one painted at once has no steps and counts as one."""
    return max(1, sum(picture is not None for _, picture in turns(trajectory)))


class Progress:
    """The judged pictures of one evaluation, kept on disk as JSON Lines behind a line that says of what.

    A file that belongs to another evaluation (other prompts, weights, seeds or strategy) is started anew, and so is
    one that cannot be read. Without a path nothing is kept.
    """

    def __init__(self, out: Path | None, about: dict) -> None:
        self.path = out and out.with_name(f"{out.name}.partial.jsonl")
        self.about = json.dumps(about, sort_keys=True)
        self.judged = {(row.line, row.seed): row for row in self._read()}
        self._write()  # at once, so that a place that cannot be written is known before hours of painting

    def add(self, rows: list[Judged]) -> None:
        """Keep a finished batch."""
        self.judged |= {(row.line, row.seed): row for row in rows}
        self._write()

    def drop(self) -> None:
        """Remove the file, once the result is written."""
        if self.path:
            self.path.unlink(missing_ok=True)

    def _read(self) -> list[Judged]:
        if not (self.path and self.path.is_file()):
            return []
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        if not lines or lines[0] != self.about:
            return []
        try:
            return [Judged.model_validate_json(line) for line in lines[1:]]
        except ValidationError:
            return []

    def _write(self) -> None:
        if self.path:
            lines = [self.about, *(row.model_dump_json() for row in self.judged.values())]
            write_whole(self.path, "".join(f"{line}\n" for line in lines))
