"""Score the shipped weights on everything at once: `python -m mini_model.evaluation.shipped`.

The answers become figures in `data_samples/results/mini.json`, from which the README's table is written. An
evaluation that was killed is taken up where it ended; finished ones are not painted again unless the weights changed.
"""

from dataclasses import dataclass
from pathlib import Path

from mini_model.evaluation.results import FOLDER, Figure, figures_of, read_results, write_results
from mini_model.evaluation.run import MINI, evaluate, fingerprint, once

FILE = FOLDER / "mini.json"
BASE = MINI.with_name("base")
DONE = Path("out/shipped")  # answers of evaluations that are through


@dataclass(frozen=True)
class Run:
    """One evaluation: how it is called in the figures, and what it takes."""

    name: str
    model: Path
    bench: str
    strategy: str
    split: str = "standard"


RUNS = [
    Run("base direct", BASE, "mini-geneval", "direct"),
    Run("process", MINI, "mini-geneval", "process"),
    Run("base direct", BASE, "mini-geneval", "direct", "hard"),
    Run("process", MINI, "mini-geneval", "process", "hard"),
    Run("base direct", BASE, "mini-wise", "direct"),
    Run("process", MINI, "mini-wise", "process"),
    Run("base", BASE, "eyes", "direct"),
    Run("process", MINI, "eyes", "direct"),
    Run("process weights direct", MINI, "mini-geneval", "direct"),
]
ROWS = {  # rows of the README's table: words -> the end of a figure's name
    "mini-GenEval": "mini-geneval standard: overall",
    "one thing": "mini-geneval standard: single_object",
    "two things": "mini-geneval standard: two_object",
    "counting": "mini-geneval standard: counting",
    "colours": "mini-geneval standard: colors",
    "position": "mini-geneval standard: position",
    "colour of each thing": "mini-geneval standard: color_attr",
    "mini-GenEval, hard": "mini-geneval hard: overall",
    "mini-WISE, facts with plans in training": "mini-wise standard: known",
    "mini-WISE, facts without": "mini-wise standard: held_out",
}


def measure(out: Path = FILE, seeds: int = 4, limit: int | None = None) -> list[Figure]:
    """Run every evaluation, write the figures to `out`, and return them."""
    figures: list[Figure] = []
    for run in RUNS:
        answer, seconds = answer_of(run, seeds, limit)
        figures += figures_of(answer, run.name, seconds)
        print(f"{run.name}, {run.bench} {run.split}: {answer['overall']:.3f}")
    write_results(out, figures)
    return figures


def answer_of(run: Run, seeds: int, limit: int | None = None) -> tuple[dict, float]:
    """The answer of one evaluation and its seconds, from disk when these very weights were asked before."""
    key = f"{run.bench}-{run.split}-{run.strategy}-{fingerprint(run.model)}-{seeds}-{limit}"
    path = DONE / f"{key}.json"
    return once(
        path, lambda: evaluate(run.bench, run.split, run.model, run.strategy, limit=limit, seeds=seeds, out=path)
    )


def table(figures: list[Figure]) -> str:
    """The README's table in Markdown: the base painting at once beside the process model, with intervals."""
    values = {figure.name: figure for figure in figures}
    lines = ["| | base, at once | in steps |", "|---|---|---|"]
    for words, end in ROWS.items():
        cells = [_cell(values[f"{name}: {end}"]) for name in ("base direct", "process")]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: Figure) -> str:
    low, high = figure.interval
    return f"{figure.value:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    measure()
    print(table(read_results(FILE)))
