"""Every lesson runs, solved and untouched; every check names the usual mistakes; every notebook is fresh.

The usual mistakes of a lesson lie in `mutants/NAME.py` as (right text, wrong text, words the check must say).
The solved lesson is run once with all of them planted in it, each tried just before its check.
"""

import re
import runpy
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from unittest.mock import patch

import jupytext
import nbformat
import pytest
import warm

from mini_model.teach import timings
from mini_model.teach.derive import FOLDERS, derive
from mini_model.teach.editions import find_lessons, orphans, place, run, stale

TOP = timings.TOP
LESSONS = find_lessons([])
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
UPSTREAM = "https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/"
PARTS = (
    "You will be able to show",
    "Before this",
    "Predict",
    "Break it",
    "Baseline",
    "ontrol",
    "What you have",
)
HOURGLASS = 10  # minutes of machine time that a lesson may take


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def printed(cells):
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


def mutants_of(lesson):
    return runpy.run_path(str(TOP / "tests" / "mutants" / f"{lesson.stem}.py"))["MUTANTS"]


def plant(notebook, mutants):
    """The solved notebook with every mistake tried first: the mistake, the check, the right cell again."""
    cells, waiting, number = [], [], 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        waiting += [cell] if "exercise" in tags else []
        if "check" in tags:
            for exercise in waiting:
                for right, wrong, _ in mutants:
                    if right in exercise.source:
                        bad = exercise.source.replace(right, wrong)
                        cells += [nbformat.v4.new_code_cell(bad, id=f"mistake-{number}")]
                        cells += [nbformat.v4.new_code_cell(cell.source, id=f"told-{number}")]
                        cells += [nbformat.v4.new_code_cell(exercise.source, id=f"right-again-{number}")]
                        number += 1
            waiting = []
        cells.append(cell)
    notebook.cells = cells
    return notebook


@cache
def both(lesson):
    """The lesson solved, with every mistake planted in it, and untouched: run side by side, a core each."""
    notebooks = plant(derive(lesson, "solution"), mutants_of(lesson)), derive(lesson, "student")
    launcher = "jupyter_client.provisioning.local_provisioner.launch_kernel"
    with patch(launcher, warm.launch_kernel), ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(run, notebook, lesson.stem, "smoke") for notebook in notebooks]
        return [job.result()[0] for job in jobs]


def solved(lesson):
    return both(lesson)[0]


def untouched(lesson):
    return both(lesson)[1]


@each_lesson
def test_the_solution_passes_every_check(lesson):
    checks = tagged(solved(lesson), "check")
    said = printed(checks)
    assert said.count(": correct.") == len(tagged(solved(lesson), "exercise")) > 0, said
    assert "to do." not in said and "try again." not in said


@each_lesson
def test_the_untouched_lesson_runs_to_its_end(lesson):
    said = printed(tagged(untouched(lesson), "check"))
    assert said.count(": to do.") == len(tagged(untouched(lesson), "exercise")), said
    assert all(cell.execution_count for cell in untouched(lesson).cells if cell.cell_type == "code")


@each_lesson
def test_every_usual_mistake_is_named(lesson):
    mutants = mutants_of(lesson)
    told = [cell for cell in solved(lesson).cells if cell.id.startswith("told-")]
    assert len(told) == len(mutants), "the right text of each mistake must stand in exactly one exercise"
    for (_, wrong, words), cell in zip(mutants, told, strict=True):
        assert ": try again." in printed([cell]) and words in printed([cell]), (wrong, printed([cell]))


@each_lesson
def test_every_exercise_has_three_mistakes_minutes_and_hints(lesson):
    notebook = derive(lesson, "solution")
    exercises = tagged(notebook, "exercise")
    assert 1 <= len(exercises) <= 3
    for exercise in exercises:
        assert sum(right in exercise.source for right, _, _ in mutants_of(lesson)) >= 3, exercise.source
        name = re.search(r"^(?:def|class) (\w+)", exercise.source, re.MULTILINE)[1]
        hints = [cell for cell in tagged(notebook, "hints") if f"`{name}`" in cell.source]
        assert len(hints) == 1 and hints[0].source.count("<details>") >= 2
    assert len(re.findall(r"^## .*Exercise.*\(\d+ min", prose(notebook), re.MULTILINE)) == len(exercises)


@each_lesson
def test_the_quiz_has_three_questions_one_right_choice_each_and_a_reason_for_all(lesson):
    quiz = tagged(derive(lesson, "student"), "quiz")
    questions = re.split(r"^\*\*\d+\. ", quiz[0].source, flags=re.MULTILINE)[1:]
    assert len(quiz) == 1 and len(questions) == 3
    for question in questions:
        assert question.count("**Right.**") == 1 and question.count("**No.**") >= 2
        assert all(len(reason.split()) >= 4 for reason in re.findall(r"\*\* (.*)\n\n</details>", question))


def prose(notebook):
    """All Markdown of a notebook, without HTML tags."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"<[a-z/][^>]*>", " ", text)


@each_lesson
def test_a_lesson_is_one_sitting(lesson):
    student = derive(lesson, "student")
    assert len(student.cells) <= 35
    assert len(prose(student).split()) <= 1500, len(prose(student).split())
    for cell in student.cells:
        lines = cell.source.splitlines()
        assert cell.cell_type != "code" or (len(lines) <= 25 and max(map(len, lines)) <= 110), cell.source


@each_lesson
def test_a_lesson_has_its_form(lesson):
    student = derive(lesson, "student")
    text = prose(student)
    assert re.match(rf"# {int(lesson.stem[:2])}\. [A-Z]", student.cells[0].source)
    assert ['PROFILE = "cpu"' in cell.source for cell in tagged(student, "parameters")] == [True]
    for part in PARTS:
        assert part in text, part
    assert UPSTREAM in text and len(re.findall(r"#L\d+", text)) >= 2, "where the same lines live in BAGEL"
    assert re.search(r"!(?![\[=])", re.sub(r"`[^`]*`", "", text)) is None, "no exclamation marks"
    assert tagged(derive(lesson, "instructor"), "instructor") and not tagged(student, "instructor")
    assert jupytext.reads(lesson.read_text(), fmt="py:percent").cells[-1].metadata.get("tags") == ["verify"]


@each_lesson
def test_a_lesson_states_its_time_and_links_the_glossary(lesson):
    text = prose(derive(lesson, "student"))
    stated = int(re.search(r"\*\*Your time:\*\* about\s+(\d+)\s+minutes", text)[1])
    exercises = [int(minutes) for minutes in re.findall(r"^## .*Exercise.*\((\d+) min", text, re.MULTILINE)]
    assert sum(exercises) <= stated <= 60
    assert "(../lessons/glossary.md)" in text
    links = re.findall(r"\]\(https://[^)]+\)", text[text.index("Read on:") :])
    assert len(links) == 3


def test_the_course_has_exercises_enough_and_a_glossary_in_order():
    exercises = [cell for lesson in LESSONS for cell in tagged(derive(lesson, "solution"), "exercise")]
    assert len(exercises) >= 14 and sum(len(mutants_of(lesson)) for lesson in LESSONS) >= 42
    words = re.findall(r"^\*\*([^*]+)\*\*", (TOP / "lessons" / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) >= 40 and words == sorted(words, key=str.lower)


@each_lesson
def test_links_and_file_names_in_prose_exist(lesson):
    tops = {path.name for path in TOP.iterdir()}
    for edition, folder in FOLDERS.items():
        text = "\n".join(c.source for c in derive(lesson, edition).cells if c.cell_type == "markdown")
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert target.startswith("https://") or (TOP / "notebooks" / folder / target).exists(), (
                edition,
                target,
            )
        for name in re.findall(r"`([\w./]+/[\w./]*)`", text):
            assert name.split("/")[0] not in tops or (TOP / name).exists(), name


def test_every_notebook_is_fresh_and_has_its_lesson():
    assert stale(LESSONS) == [] and orphans() == []


@each_lesson
def test_the_header_quotes_a_measured_run_within_the_limit(lesson):
    figures = timings.read()
    seconds = figures[f"{lesson.stem}.seconds"]["value"]
    header = derive(lesson, "student").cells[0].source
    assert seconds <= HOURGLASS * 60 and "not measured" not in header
    stated = re.search(r"\*\*Machine time:\*\* (?:(\d+) minutes?|less than a minute)", header)
    most = 60 * int(stated[1] or 1)
    assert seconds <= most and (not stated[1] or most <= 2 * seconds), (seconds, header)


@each_lesson
def test_instructors_are_told_what_to_draw_what_goes_wrong_what_to_cut_and_what_to_ask(lesson):
    notes = " ".join(cell.source.lower() for cell in tagged(derive(lesson, "instructor"), "instructor"))
    words = " ".join(notes.replace("# ", " ").split())
    for part in ("on the board", "usual mistake", "short of time", "closing question"):
        assert part in words, part


def pictures_without_words(notebook):
    """Every picture of a run notebook that carries no alt text."""
    bare = []
    for cell in notebook.cells:
        bare += re.findall(r"!\[\s*\]\(.*?\)", cell.source) if cell.cell_type == "markdown" else []
        for output in cell.get("outputs", []):
            kinds = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
            bare += [kind for kind in kinds if not output.metadata.get(kind, {}).get("alt", "").strip()]
            images = re.findall(r"<img\b[^>]*>", str(output.get("data", {}).get("text/html", "")))
            bare += [image[:80] for image in images if not re.search(r"alt=[\"'][^\"']", image)]
    return bare


@each_lesson
def test_every_picture_carries_words_and_is_saved_with_the_notebook(lesson):
    for edition in FOLDERS:
        path = place(lesson, edition)
        notebook = nbformat.read(path, as_version=4)
        assert pictures_without_words(notebook) == []
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2, "pictures show without a kernel"
        assert path.stat().st_size < 4e6 and str(TOP) not in path.read_text(), Path(path).name
