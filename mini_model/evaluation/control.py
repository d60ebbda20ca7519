"""Is the gain of painting in steps just more training? One base goes on in two ways, for about as long.

    python -m mini_model.evaluation.control BASE AT_ONCE IN_STEPS

BASE: the folder of a base model. AT_ONCE: that base after more training of its own lessons, painting at once.
IN_STEPS: that base after stage `process`, painting in steps. The seconds of either are in its provenance.
"""

import json
from pathlib import Path

import typer

from mini_model.evaluation.results import FOLDER, Figure, figures_of, write_results
from mini_model.evaluation.shipped import Run, answer_of
from mini_model.training.run import PROVENANCE

FILE = FOLDER / "control.json"


def measure(base: Path, at_once: Path, in_steps: Path, out: Path = FILE, seeds: int = 4) -> list[Figure]:
    """Score the base and both of its heirs on mini-GenEval, note how long each heir was trained, write `out`."""
    figures: list[Figure] = []
    ways = {"base": (base, "direct"), "base, more of the same": (at_once, "direct"), "process": (in_steps, "process")}
    for name, (folder, strategy) in ways.items():
        answer, seconds = answer_of(Run(name, folder, "mini-geneval", strategy), seeds)
        figures += figures_of(answer, f"control, {name}", seconds)
        if folder != base:
            spent = trained_seconds(folder) - trained_seconds(base)
            figures.append(Figure(name=f"control, {name}: seconds of training", value=spent, seeds=0))
    write_results(out, figures)
    return figures


def trained_seconds(folder: Path) -> float:
    """Seconds of all the stages that a model went through, the polishing of its decoder left out."""
    stages = json.loads((folder / PROVENANCE).read_text())
    return float(sum(stage["seconds"] for stage in stages if stage["stage"] != "autoencoder"))


def main(base: Path, at_once: Path, in_steps: Path) -> None:
    """Write `data_samples/results/control.json`, and print the overall scores."""
    for figure in measure(base, at_once, in_steps):
        if figure.name.endswith(("overall", "training")):
            print(f"{figure.name}: {figure.value:.3f}")


if __name__ == "__main__":
    typer.run(main)
