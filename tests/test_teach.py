"""The checks explain every kind of mistake and never raise; the editions know when they are stale."""

import json
import random
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from mini_model.errors import KitError
from mini_model.teach import timings
from mini_model.teach.asking import fresh
from mini_model.teach.check import RESULTS, check
from mini_model.teach.derive import derive
from mini_model.teach.difference import difference
from mini_model.teach.editions import LessonError, find_lessons, main, make, orphans, run, stale
from mini_model.teach.hints import fold_hints, fold_quiz, hint

LESSON = '''# %% [markdown]
# # 0. Numbers can be doubled
# It takes {minutes} and {memory}; see [the readme](../README.md).

# %% [markdown] tags=["instructor"]
# Ask what twice zero is.

# %% tags=["parameters"]
PROFILE = "cpu"

# %%
from mini_model.teach.check import check

print(PROFILE, object())

# %% tags=["exercise"]
def double(x):
    """x: a number. Returns a number."""
    # >>> solution
    return 2 * x
    # <<< solution

# %% tags=["exercise"]
def half(x):
    # >>> solution
    answer = x / 2
    # stub: answer = ...  # your turn
    # <<< solution
    return answer

# %% [markdown] tags=["hints"]
# double
# 1. Add it to
#    itself.
# 2. `2 * x`

# %% tags=["check"]
double = check("double", double, lambda x: x + x, [1, 2.5])
half = check("half", half, lambda x: 0.5 * x, [3, 5])

# %% [markdown] tags=["solution"]
# Doubling is adding a thing to itself.

# %% [markdown] tags=["quiz"]
# ## Quiz
# 1. Twice two?
#    - [x] Four. :: Two and
#      two are four.
#    - [ ] `5`. :: One too many.

# %% tags=["verify"]
assert double(3) == 6 and half(3) == 1.5
'''


@pytest.fixture
def house(tmp_path):
    """A kit with one small lesson."""
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    lessons.joinpath("00_double.py").write_text(LESSON)
    return tmp_path


def status_of(yours, reference, cases, **more):
    """Run a check: its status and its words, and that it handed back the right function."""
    handed = check("it", yours, reference, cases, **more)
    result = RESULTS["it"]
    assert handed is (yours if result.status == "correct" else reference)
    return result


# ---------------------------------------------------------------- the three statuses


def test_a_right_answer_is_correct_and_goes_on():
    assert status_of(lambda x: x + x, lambda x: 2 * x, [1, 2.5, (3,), ((4,), "a hint")]).status == "correct"


def test_an_untouched_exercise_is_to_do():
    def stub(x):
        """Words only."""

    def half_filled(x):
        y = ...
        return y + 1

    def refuses(x):
        raise NotImplementedError

    for yours in (None, ..., stub, half_filled, refuses):
        assert status_of(yours, lambda x: 2 * x, [1]).status == "to do"


def test_a_wrong_answer_is_told_with_the_hint_of_the_first_case_that_fails(capsys):
    result = status_of(lambda x: x * x, lambda x: 2 * x, [((2,), "never shown"), ((3,), "add, do not multiply")])
    assert result.status == "try again" and result.words.startswith("add, do not multiply")
    printed = capsys.readouterr().out
    assert "it(3)" in printed and "you have 9, expected 6" in printed and "reference" in printed


def test_a_known_mistake_is_named_before_the_hint():
    mistakes = {"you squared it": lambda x: x * x, "you tripled it": lambda x: 3 * x}
    cases = [((2,), "a hint"), ((3,), "a hint")]
    assert status_of(lambda x: x**2, lambda x: 2 * x, cases, mistakes=mistakes).words.startswith("you squared it")
    assert status_of(lambda x: x + x + x, lambda x: 2 * x, cases, mistakes=mistakes).words.startswith("you tripled")
    other = status_of(lambda x: 0, lambda x: 2 * x, cases, mistakes=mistakes).words
    assert "you squared" not in other and "you tripled" not in other and other.startswith("a hint")


# ---------------------------------------------------------------- kinds of mistakes, in words

T, A = torch.tensor, np.array
WORDS = [
    (None, 3, "is a `return` missing"),
    ("3", 3, "the string '3' where the number 3 was expected"),
    (True, 1, "True where the number 1"),
    (2.0, 2.5, "you have 2, expected 2.5"),
    ("A dog", "a dog", "only spaces or capital letters differ"),
    ("a dog", "a cat", "you have 'a dog', expected 'a cat'"),
    ([1, 2], (1, 2), "the list [1, 2]"),
    ([1], [1, 2], "length 1, expected 2"),
    ((1, [2, "x"]), (1, [2, "y"]), "item 1: item 1: you have 'x'"),
    ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing"),
    ({"a": 1, "b": 2}, {"a": 1}, "the key 'b' is not expected"),
    ({"a": 1}, {"a": 2}, "under the key 'a': you have 1"),
    ({1, 2}, {1}, "expected {1}"),
    (A([1.0]), T([1.0]), "an array of shape (1,) where a tensor"),
    (torch.ones(3, 2), torch.ones(2, 3), "two axes have changed places"),
    (torch.ones(3), torch.ones(3, 1), "an axis of length one is missing"),
    (torch.ones(1, 3), torch.ones(3), "an axis of length one is too many"),
    (torch.ones(3), torch.ones(2, 3), "an axis has been lost"),
    (T([1, 2]), T([1.0, 2.0]), "it holds whole numbers, expected fractions"),
    (T([True]), T([False]), "1 of 1 values differ"),
    (T([1.0, float("nan")]), T([1.0, 2.0]), "not a number (nan)"),
    (-T([1.0, 2.0]), T([1.0, 2.0]), "every value is -1 times"),
    (A([1.0, 9.0]), A([1.0, 2.0]), "at (1,) you have 9, expected 2"),
    (Image.new("RGB", (4, 4)), Image.new("RGB", (4, 5)), "expected (4, 5)"),
    (Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), "red"), "values differ"),
    (Path("a"), Path("b"), "expected"),
]


@pytest.mark.parametrize(("got", "want", "words"), WORDS, ids=[words for _, _, words in WORDS])
def test_a_difference_is_said_in_words(got, want, words):
    assert words in difference(got, want)
    assert difference(want, fresh(want)) is None
    result = status_of(lambda _: got, lambda _: want, [0])
    assert words in result.words and result.status == "try again"


def test_close_numbers_agree():
    assert difference(1.000001, 1.0) is None and difference(1, 1.0) is None
    assert difference(np.float32(0.1), 0.1) is None and difference(float("nan"), float("nan")) is None
    assert difference(torch.ones(2, dtype=torch.bfloat16), torch.ones(2)) is None
    assert difference(T([1.01]), T([1.0])) and difference(T([1.01]), T([1.0]), tolerance=0.1) is None


def test_a_forgotten_return_is_told():
    def forgets(x):
        2 * x

    assert "is a `return` missing" in status_of(forgets, lambda x: 2 * x, [1]).words


def test_errors_are_told_with_the_line_and_the_usual_reason():
    def typo(x):
        return x + nope  # noqa: F821

    result = status_of(typo, lambda x: x, [1])
    assert result.status == "try again" and "NameError at the line `return x + nope" in result.words
    assert "typo" in result.words
    assert "missing" in status_of(lambda a, b: a, lambda x: x, [1]).words
    assert "without end" in status_of(lambda x: endless(x), lambda x: x, [1]).words
    assert status_of(lambda x: sys.exit(), lambda x: x, [1]).status == "try again"


def endless(x):
    return endless(x)


def test_a_refusal_can_be_asked_for():
    def reference(x):
        if x < 0:
            raise ValueError("no")
        return x

    assert status_of(reference, reference, [1, -1]).status == "correct"
    assert "refuse with ValueError" in status_of(lambda x: x, reference, [1, -1]).words
    assert status_of(lambda x: x / 0, reference, [-1]).status == "try again"


# ---------------------------------------------------------------- nothing is spoiled


@pytest.mark.parametrize(
    "given", [torch.ones(3), np.ones(3), [1.0], {"a": 1.0}], ids=["tensor", "array", "list", "dict"]
)
def test_an_altered_argument_is_told_and_the_lesson_keeps_its_own(given):
    def alters(thing):
        answer = difference(thing, thing)
        thing["a" if isinstance(thing, dict) else 0] = 7.0
        return answer

    kept = fresh(given)
    result = status_of(alters, lambda thing: None, [(given,)])
    assert result.status == "try again" and "altered" in result.words
    assert difference(given, kept) is None


def test_the_dice_are_the_same_for_both_and_untouched_for_the_lesson():
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    generator = torch.Generator().manual_seed(5)
    before = generator.get_state()

    def throw(generator):
        return [
            torch.rand(1).item(),
            np.random.rand(),
            random.random(),
            torch.rand(1, generator=generator).item(),
        ]

    assert status_of(lambda g: throw(g), throw, [(generator,)]).status == "correct"
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected
    assert torch.equal(generator.get_state(), before)


class Odd:
    """An answer that cannot be printed or compared."""

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None
    __repr__ = __eq__


@pytest.mark.parametrize("yours", [3, "text", Odd(), lambda x: Odd(), lambda: 1, len, int, Odd])
def test_check_never_raises(yours, capsys):
    assert status_of(yours, lambda x: Odd(), [1]).status == "try again"
    assert status_of(yours, lambda x: 2 * x, [1]).status == "try again"
    assert "try again" in capsys.readouterr().out


def test_a_generator_answers_with_what_it_yields():
    def counts(n):
        yield from range(n)

    assert status_of(counts, lambda n: list(range(n)), [3]).status == "correct"


# ---------------------------------------------------------------- hints and quiz


def test_hints_are_read_from_the_lesson_and_folded(house):
    lessons = house / "lessons"
    assert hint("double", 1, lessons) == "Hint 1 of 2 for double: Add it to itself."
    assert hint("double", 9, lessons) == hint("double", 2, lessons)
    assert "<details><summary>Hint 1 of 2 for double</summary>" in hint("double", 1, lessons)._repr_html_()
    assert "exercises with hints are double" in hint("treble", 1, lessons)
    folded = fold_hints("double\n1. Add it.\n2. `2 * x`")
    assert folded.count("<details>") == folded.count("</details>") == 2 and "`double`" in folded


def test_a_quiz_gives_a_reason_for_every_choice():
    folded = fold_quiz(
        "## Quiz\n1. Twice two?\n   - [x] Four. :: Yes\n     it is.\n   - [ ] `5` :: Too many."
        "\n2. One?\n   - [x] 1 :: Yes."
    )
    assert "<summary>a) Four.</summary>\n\n**Right.** Yes it is." in folded
    assert "<summary>b) <code>5</code></summary>\n\n**No.** Too many." in folded
    assert "**2. One?**" in folded and folded.count("<details>") == 3


# ---------------------------------------------------------------- editions


def source_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_each_edition_keeps_what_is_its_own(house):
    lesson, nowhere = house / "lessons" / "00_double.py", house / "none.json"
    made = {name: source_of(derive(lesson, name, nowhere)) for name in ("student", "solution", "instructor")}
    for name, text in made.items():
        assert ("twice zero" in text) == (name == "instructor")
        assert ("return 2 * x" in text) == (name != "student")
        assert ("adding a thing to itself" in text) == (name != "student")
        assert ("answer = ..." in text) == (name == "student")
        assert ("](../README.md)" in text) == (name == "student")
        assert ("](../../README.md)" in text) == (name != "student")
        assert "solution\n" not in text and "stub:" not in text and "(not measured yet)" in text
    assert '    """x: a number. Returns a number."""\n    ...' in made["student"]


def test_cells_keep_their_names_when_others_come_or_go(house):
    lesson, nowhere = house / "lessons" / "00_double.py", house / "none.json"
    before = [cell.id for cell in derive(lesson, "student", nowhere).cells]
    assert before == [cell.id for cell in derive(lesson, "student", nowhere).cells]
    lesson.write_text("# %% [markdown]\n# A new first cell.\n\n" + LESSON)
    assert [cell.id for cell in derive(lesson, "student", nowhere).cells][1:] == before
    assert set(before) <= {cell.id for cell in derive(lesson, "instructor", nowhere).cells}


def test_lessons_are_made_run_and_timed_and_then_fresh_until_the_source_changes(house):
    lesson, timings_file = house / "lessons" / "00_double.py", house / "timings.json"
    assert len(stale([lesson], house, timings_file)) == 3
    written = make(lesson, house, timings_file)
    assert [path.relative_to(house).as_posix() for path in written] == [
        "notebooks/00_double.ipynb",
        "notebooks/solutions/00_double.ipynb",
        "notebooks/instructor/00_double.ipynb",
    ]
    assert stale([lesson], house, timings_file) == [] and orphans(house) == []
    student, solution, instructor = (nbformat.read(path, as_version=4) for path in written)
    for notebook in (student, solution, instructor):
        nbformat.validate(notebook)
        assert set(notebook.metadata) == {"kernelspec", "language_info", "weights"}
        assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert printed(student).count("to do") == 2 and "correct" not in printed(student)
    assert printed(solution) == printed(instructor) and printed(solution).count("correct") == 2
    assert "cpu <object object>" in printed(student)
    figures = timings.read(timings_file)
    assert figures["00_double.seconds"]["value"] > 0 and 20 < figures["00_double.memory_mb"]["value"] < 4000
    assert "less than a minute and 0." in source_of(student)

    lesson.write_text(LESSON.replace("Twice two", "Twice 2"))
    assert len(stale([lesson], house, timings_file)) == 3
    lesson.write_text(LESSON.replace("twice zero", "twice one"))
    assert [line.split(" ")[0] for line in stale([lesson], house, timings_file)] == [
        "notebooks/instructor/00_double.ipynb"
    ]
    lesson.write_text(LESSON)
    timings_file.write_text(timings_file.read_text().replace('"value": ', '"value": 900'))
    assert "cell 0 differs" in stale([lesson], house, timings_file)[0]
    lesson.rename(lesson.with_name("01_double.py"))
    assert len(orphans(house)) == 3


def printed(notebook):
    """Everything that a notebook's cells have printed."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return "".join(output.get("text", "") for cell in code for output in cell.outputs)


def test_a_failing_cell_is_named_and_the_profile_is_passed_on(house):
    lesson = house / "lessons" / "00_double.py"
    lesson.write_text(
        LESSON.replace("assert double(3)", "assert PROFILE == 'cpu', f'it is {PROFILE}'\nassert double(3)")
    )
    notebook = derive(lesson, "solution", house / "none.json")
    with pytest.raises(LessonError, match="00_double: cell .* failed, AssertionError: it is smoke"):
        run(notebook, "00_double", "smoke")


def test_an_unknown_lesson_gives_one_clear_line(capsys):
    with pytest.raises(KitError, match="no lesson '99_none'"):
        find_lessons(["99_none"])
    assert main(["--check", "99_none"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_headers_quote_the_last_measured_run(tmp_path):
    file = tmp_path / "timings.json"
    assert timings.fill("{minutes}", "00_x", file) == "(not measured yet)"
    timings.record("00_x", 130, 700, file)
    timings.record("01_y", 20, 100, file)
    timings.record("00_x", 170, 1500, file)
    assert timings.fill("{minutes}, {memory}, {other}", "00_x", file) == "3 minutes, 1.5 GB, {other}"
    assert [timings.in_minutes(s) for s in (20, 50, 89, 100)] == [
        "less than a minute",
        "1 minute",
        "2 minutes",
        "2 minutes",
    ]
    assert {"name", "value", "interval", "n", "seeds", "command", "device", "when"} <= set(
        json.loads(file.read_text())[0]
    )
