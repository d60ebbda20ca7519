"""Make the notebooks of every lesson, run them, and say which are stale.

    python -m mini_model.teach.editions              derive and run all lessons
    python -m mini_model.teach.editions 00_watch     only this one
    python -m mini_model.teach.editions --check      run nothing; exit code 1 if a notebook is stale

The solution edition is run and timed, the student edition is run untouched, and the instructor edition, whose
code is the solution's, takes its outputs from there.
"""

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from mini_model.errors import KitError
from mini_model.files import write_whole
from mini_model.teach import timings
from mini_model.teach.derive import FOLDERS, derive

TOP = timings.TOP
WIDGET = "application/vnd.jupyter.widget-view+json"
MEASURE = "from mini_model.teach.timings import peak_memory_mb\nprint(peak_memory_mb())"
# What changes from run to run and says nothing: where the kit lies, the kernel's own files, addresses.
NOISE = (
    (re.compile(re.escape(str(TOP)) + r"/?"), ""),
    (re.compile(r"(/[\w.-]+)*/ipykernel_\d+/\d+\.py"), "this cell"),
    (re.compile(r" at 0x[0-9a-f]+"), ""),
)


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 when all is well, 1 when something is stale or a cell fails, 2 for a wrong name."""
    parser = argparse.ArgumentParser("python -m mini_model.teach.editions", description=__doc__.split("\n")[0])
    parser.add_argument("lesson", nargs="*", help="names such as 00_watch; all when left out")
    parser.add_argument("--check", action="store_true", help="run nothing, say which notebooks are stale")
    chosen = parser.parse_args(arguments)
    try:
        sources = find_lessons(chosen.lesson)
        if not chosen.check:
            for source in sources:
                print(f"{source.stem}: {', '.join(str(path) for path in make(source))}")
            return 0
        found = stale(sources) + (orphans() if not chosen.lesson else [])
        print("\n".join(found) or f"{len(sources)} lessons, all notebooks fresh")
        return 1 if found else 0
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    except KitError as error:
        print(error, file=sys.stderr)
        return 2


class LessonError(KitError):
    """A cell of a lesson failed when the lesson was run."""


def find_lessons(names: list[str], top: Path = TOP) -> list[Path]:
    """The sources of these lessons, all when none is named; raises KitError for a name that is no lesson."""
    every = {path.stem: path for path in sorted((top / "lessons").glob("[0-9]*.py"))}
    names = [Path(name).stem for name in names] or list(every)
    for name in names:
        if name not in every:
            raise KitError(f"no lesson {name!r} in {top / 'lessons'}; choose one of: {', '.join(every)}")
    return [every[name] for name in names]


def place(source: Path, edition: str, top: Path = TOP) -> Path:
    """Where the notebook of a lesson lies."""
    return top / "notebooks" / FOLDERS[edition] / f"{source.stem}.ipynb"


def make(source: Path, top: Path = TOP, timings_file: Path = timings.FILE) -> list[Path]:
    """Derive, run and write the three notebooks of a lesson, and record what it took."""
    solved, seconds, memory = run(derive(source, "solution", timings_file), source.stem)
    untouched, _, _ = run(derive(source, "student", timings_file), source.stem)
    timings.record(source.stem, seconds, memory, timings_file)
    ran = {"student": untouched, "solution": solved, "instructor": solved}
    written = []
    for edition, done in ran.items():  # derived once more: the headers now quote this very run
        notebook = with_outputs(derive(source, edition, timings_file), done)
        path = place(source, edition, top)
        write_whole(path, nbformat.writes(notebook) + "\n")
        written.append(path)
    return written


def run(notebook: NotebookNode, name: str, profile: str = "cpu") -> tuple[NotebookNode, float, float]:
    """Run a notebook through papermill: the notebook with its outputs, seconds, peak megabytes.

    Raises LessonError naming the cell that failed.
    """
    import papermill

    notebook = nbformat.from_dict(notebook)
    notebook.cells.append(nbformat.v4.new_code_cell(MEASURE))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.ipynb", Path(folder) / "after.ipynb"
        nbformat.write(notebook, before)
        parameters = {} if profile == "cpu" else {"PROFILE": profile}  # the sources themselves say "cpu"
        settings = {"cwd": str(TOP), "kernel_name": "python3", "progress_bar": False}
        try:
            papermill.execute_notebook(before, after, parameters=parameters, **settings)
        except papermill.PapermillExecutionError as error:
            told = f"{name}: cell {error.cell_index} failed, {error.ename}: {error.evalue}"
            raise LessonError(told) from error
        done = nbformat.read(after, as_version=4)
    seconds = time.perf_counter() - started
    memory = float(done.cells.pop().outputs[0].text)
    return done, seconds, memory


def with_outputs(notebook: NotebookNode, done: NotebookNode) -> NotebookNode:
    """A freshly derived notebook with the cleaned outputs of a run, matched by cell names."""
    ran = {cell.id: cell for cell in done.cells if cell.cell_type == "code"}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
        cell.outputs = [clean for output in ran[cell.id].outputs if (clean := _clean(output, count))]
    return notebook


def _clean(output: NotebookNode, count: int) -> NotebookNode | None:
    """An output without live widgets, paths and addresses; None when nothing is left to see."""
    output = nbformat.from_dict(output)
    if "execution_count" in output:
        output.execution_count = count
    if "text" in output:
        output.text = _quiet(output.text)
    if WIDGET in output.get("data", {}):  # dead without a kernel; the still picture beside it says the same
        del output.data[WIDGET]
        if "image/png" not in output.data:
            return None
        output.metadata["image/png"] = {"alt": output.data["text/plain"]} | output.metadata.get("image/png", {})
    for kind, data in output.get("data", {}).items():
        if kind.startswith("text/"):
            output.data[kind] = _quiet(data)
    return output


def _quiet(text: str) -> str:
    """A text without what changes from run to run and says nothing."""
    for pattern, instead in NOISE:
        text = pattern.sub(instead, text)
    return text


def stale(sources: list[Path], top: Path = TOP, timings_file: Path = timings.FILE) -> list[str]:
    """One line for each notebook that is missing, was not run, or is not what its source would give today."""
    found = []
    for source in sources:
        for edition in FOLDERS:
            path = place(source, edition, top)
            reason = _why_stale(path, derive(source, edition, timings_file))
            if reason:
                found.append(f"{path.relative_to(top)} is stale: {reason}; run `make notebooks`")
    return found


def _why_stale(path: Path, fresh: NotebookNode) -> str:
    """Why the notebook on disk is not the fresh one, sources compared and outputs not; empty when it is."""
    if not path.is_file():
        return "it is missing"
    notebook = nbformat.read(path, as_version=4)
    if any(cell.cell_type == "code" and cell.execution_count is None for cell in notebook.cells):
        return "it was not run"
    for number, (old, new) in enumerate(zip(_bones(notebook), _bones(fresh), strict=False)):
        if old != new:
            return f"cell {number} differs from the lesson's source"
    if len(notebook.cells) != len(fresh.cells):
        return f"it has {len(notebook.cells)} cells, the lesson's source gives {len(fresh.cells)}"
    return "" if notebook.metadata == fresh.metadata else "its metadata differ"


def _bones(notebook: NotebookNode) -> list[tuple[Any, ...]]:
    """What makes a cell, outputs left aside."""
    return [(cell.cell_type, cell.id, cell.source, cell.metadata) for cell in notebook.cells]


def orphans(top: Path = TOP) -> list[str]:
    """One line for each notebook that no lesson stands behind."""
    known = {path.stem for path in find_lessons([], top)}
    folders = [top / "notebooks" / folder for folder in FOLDERS.values()]
    every = [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]
    return [f"{path.relative_to(top)} has no lesson; delete it" for path in every if path.stem not in known]


if __name__ == "__main__":
    sys.exit(main())
