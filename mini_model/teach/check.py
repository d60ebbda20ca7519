"""Checks for exercises: they explain, they never stop the lesson.

`check(name, yours, reference, cases)` compares a student's function with the library's on cases that tell
the usual mistakes apart, prints what it found, and hands back the function the lesson goes on with: the
student's when it is right, the reference otherwise. So an untouched notebook runs to its end, and a solved
one runs on the student's own code.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mini_model.teach.asking import Answer, ask, disagreement, explain_error, is_stub, left_open
from mini_model.teach.difference import describe, shorten

MARKS = {"correct": "✓", "to do": "…", "try again": "✗"}
GOES_ON = "The lesson goes on with the reference."


class Result(NamedTuple):
    """What a check found: `status` is 'correct', 'to do' or 'try again'; `words` say why."""

    status: str
    words: str


RESULTS: dict[str, Result] = {}


def check(
    name: str,
    yours: Any,
    reference: Callable,
    cases: Sequence,
    mistakes: Mapping[str, Callable] | None = None,
    tolerance: float = 1e-5,
) -> Callable:
    """Hold an exercise against the reference, say what is wrong, hand back the one to go on with.

    cases     a list of argument tuples, or of (argument tuple, hint) pairs; a lone argument needs no tuple
    mistakes  {"words of the mistake": a function that makes it}, named when the student's answers equal its
    tolerance how far numbers may be off, absolute

    Never raises. What it found is kept in `RESULTS[name]`.
    """
    try:
        result = _examine(name, yours, reference, [_split(case) for case in cases], mistakes or {}, tolerance)
    except Exception as error:  # an answer may be too odd to look at; the lesson still goes on
        words = f"the check could not compare your answer ({type(error).__name__}: {error})."
        result = Result("try again", words)
    RESULTS[name] = result
    ending = "" if result.status == "correct" else f"\n  {GOES_ON}"
    print(f"{MARKS[result.status]} {name}: {result.status}. {result.words}{ending}")
    return yours if result.status == "correct" else reference


def _split(case: Any) -> tuple[tuple, str]:
    """A case as its argument tuple and its hint, which may be empty."""
    if isinstance(case, tuple) and len(case) == 2 and isinstance(case[0], tuple) and isinstance(case[1], str):
        return case
    return (case if isinstance(case, tuple) else (case,)), ""


def _examine(name: str, yours: Any, reference: Callable, cases: list, mistakes: Mapping, tolerance: float) -> Result:
    """Ask both functions every question and put the outcome in words."""
    if yours is None or yours is ... or is_stub(yours):
        return Result("to do", "Come back any time.")
    if not callable(yours):
        return Result("try again", f"{name} should be a function, but it is {describe(yours)}.")
    answers = [(ask(yours, args), ask(reference, args)) for args, _ in cases]
    told = [disagreement(got, want, tolerance) for got, want in answers]
    wrong = [place for place, words in enumerate(told) if words]
    if any(left_open(answers[place][0]) for place in wrong):
        return Result("to do", "A `...` is still waiting for you; come back any time.")
    if wrong:
        named = _name_mistake([(cases[place][0], answers[place][0]) for place in wrong], mistakes)
        (args, hint), got = cases[wrong[0]], answers[wrong[0]][0]
        words = explain_error(got.error, yours) if got.error is not None else told[wrong[0]]
        lead = named or hint
        return Result("try again", "\n  ".join(([lead] if lead else []) + [f"{_call(name, args)}: {words}"]))
    for (args, _), (got, want) in zip(cases, answers, strict=True):
        if got.altered is not None and want.altered is None:
            words = f"the answer is right, but argument {got.altered + 1} is altered: work on a copy."
            return Result("try again", f"{words}\n  {_call(name, args)}")
    return Result("correct", f"All {len(cases)} cases agree; the lesson goes on with your function.")


def _name_mistake(wrong: list[tuple[tuple, Answer]], mistakes: Mapping[str, Callable]) -> str:
    """The words of the first known mistake that gives the student's answers wherever they are wrong."""
    for words, makes_it in mistakes.items():
        if all(disagreement(got, ask(makes_it, args)) is None for args, got in wrong):
            return words
    return ""


def _call(name: str, args: tuple) -> str:
    """How the question looks as code, tensors named by their shape."""
    shown = [describe(arg) if hasattr(arg, "shape") else shorten(arg, 60) for arg in args]
    return f"{name}({', '.join(shown)})"
