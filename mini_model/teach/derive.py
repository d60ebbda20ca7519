"""One solved source, three notebooks: what each edition keeps, drops and folds.

A lesson is a percent-format Python file. Tags on its cells say what they are:

    parameters   PROFILE, set by papermill           exercise     solved; the student gets the stub
    check        holds an exercise to the reference  verify       the lesson's own claims, asserted
    instructor   notes for teachers alone            solution     for the solution and instructor editions
    hints, quiz  folded (see hints.py)

Inside an exercise the lines between `# >>> solution` and `# <<< solution` are the answer. The student gets
`...` in their place, or the lines written there as `# stub: code`.
"""

import hashlib
import re
from collections import Counter
from functools import cache
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from mini_model.teach import timings
from mini_model.teach.hints import fold_hints, fold_quiz

FOLDERS = {"student": ".", "solution": "solutions", "instructor": "instructor"}  # inside notebooks/
LEFT_OUT = {"student": {"instructor", "solution"}, "solution": {"instructor"}, "instructor": set()}
SOLUTION = re.compile(
    r"^(?P<pad>[ \t]*)# >>> solution\n(?P<body>.*?)^[ \t]*# <<< solution\n?", re.MULTILINE | re.DOTALL
)
STUB_LINE = re.compile(r"^[ \t]*# stub: (.*)$", re.MULTILINE)
WEIGHTS = ("base", "mini")  # the shipped models; notebooks show what these very weights paint
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def derive(source: Path, edition: str, timings_file: Path = timings.FILE) -> NotebookNode:
    """The notebook of a lesson in one edition, not yet run; the same source and weights always give the same bytes."""
    lesson = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    about = {"kernelspec": KERNEL, "language_info": {"name": "python"}, "weights": shipped_weights()}
    notebook = nbformat.v4.new_notebook(metadata=about)
    seen: Counter[str] = Counter()
    for cell in lesson.cells:
        tags, name = cell.metadata.get("tags", []), _cell_id(cell.source, seen)
        if LEFT_OUT[edition] & set(tags):
            continue
        if cell.cell_type == "code":
            new, text = nbformat.v4.new_code_cell, _code(cell.source, tags, edition)
        else:
            new, text = nbformat.v4.new_markdown_cell, _prose(cell.source, tags, edition)
            text = timings.fill(text, source.stem, timings_file)
        notebook.cells.append(new(text, id=name, metadata={"tags": tags} if tags else {}))
    return notebook


@cache
def shipped_weights() -> str:
    """A fingerprint of the shipped weights: where they change, every notebook is stale."""
    files = [timings.TOP / "data_samples/weights" / name / "ema.safetensors" for name in WEIGHTS]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _cell_id(text: str, seen: Counter) -> str:
    """A name that stays while the cell's own source stays, wherever the cell moves."""
    name = hashlib.sha256(text.encode()).hexdigest()[:10]
    seen[name] += 1
    return f"{name}-{seen[name]}"


def _code(text: str, tags: list[str], edition: str) -> str:
    """An exercise as a stub for the student and solved for the others; other code as it stands."""
    if "exercise" not in tags:
        return text
    make = _as_stub if edition == "student" else _as_solved
    return SOLUTION.sub(make, text + "\n").rstrip()


def _as_stub(match: re.Match) -> str:
    """What stands in an answer's place."""
    lines = STUB_LINE.findall(match["body"]) or ["..."]
    return "".join(f"{match['pad']}{line}\n" for line in lines)


def _as_solved(match: re.Match) -> str:
    """The answer without its marks and stub lines."""
    return re.sub(r"^[ \t]*# stub: .*\n", "", match["body"], flags=re.MULTILINE)


def _prose(text: str, tags: list[str], edition: str) -> str:
    """Prose with hints and quiz folded, and its links made to fit the edition's folder."""
    if "hints" in tags:
        text = fold_hints(text)
    if "quiz" in tags:
        text = fold_quiz(text)
    return text if FOLDERS[edition] == "." else re.sub(r"(\]\(|src=\")(?=\.\./)", r"\1../", text)
