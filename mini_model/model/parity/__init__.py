"""Parity: the model against the original program's own numbers, case by case.

A folder of goldens holds `model/` (tiny random weights in the released layout) and pairs of files, NAME.json
and NAME.safetensors, that the original wrote with them. Every size is read from the folder.
"""

from pathlib import Path

from mini_model.errors import KitError
from mini_model.model.checkpoint import load
from mini_model.model.parity.drawing import check_bf16, check_velocity, check_walk
from mini_model.model.parity.memory import check_prefill, check_writing
from mini_model.model.parity.parts import check_parts
from mini_model.model.parity.pipeline import check_pipeline
from mini_model.model.parity.report import Case, Golden, Missing, Report, print_report
from mini_model.model.parity.training import check_training
from mini_model.model.unified import UnifiedModel

__all__ = ["CHECKS", "Case", "Report", "print_report", "run", "run_golden"]

CHECKS = {
    "a_train": check_training,
    "a_train_shift3": check_training,
    "a_train_vlm": check_training,
    "a_train_t2i": check_training,
    "b_prefill": check_prefill,
    "b_prefill_batch2": check_prefill,
    "c_velocity": check_velocity,
    "c_velocity_t2i": check_velocity,
    "c_generate_image": check_walk,
    "d_generate_text": check_writing,
    "e_components": check_parts,
    "f_pipeline": check_pipeline,
    "g_velocity_bf16": check_bf16,
}
NOT_GOLDENS = {"meta"}


def run(folder: Path) -> Report:
    """Every golden of the folder; one that is absent, or that no check knows, is a failed case."""
    folder = Path(folder)
    if not folder.is_dir():
        raise KitError(f"no folder of goldens at {folder}; give one such as tests/golden/bagel_tiny")
    model, report = load(folder / "model"), Report()
    there = {path.stem for kind in ("json", "safetensors") for path in folder.glob(f"*.{kind}")} - NOT_GOLDENS
    for name in [*CHECKS, *sorted(there - CHECKS.keys())]:
        run_golden(folder, name, model, report)
    return report


def run_golden(folder: Path, name: str, model: UnifiedModel, report: Report) -> None:
    """One golden, with a failed case for whatever it lacks and for whatever breaks on the way."""
    if name not in CHECKS:
        report.cases.append(Case(name, None, 0.0, "no check knows this golden"))
        return
    try:
        golden = Golden(folder, name, report)
        CHECKS[name](golden, model)
        report.unread += [f"{name}/{tensor}" for tensor in sorted(golden.unread)]
    except Missing as absent:
        report.cases.append(Case(f"{name}/{absent}", None, 0.0, "missing"))
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        report.cases.append(Case(name, None, 0.0, f"broke: {type(error).__name__}: {error}"[:200]))
