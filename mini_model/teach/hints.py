"""Hints and quizzes: plain in a lesson's source, folded in its notebooks until a student opens them.

A cell tagged `hints` holds the name of an exercise and a numbered list, from a nudge to nearly the answer:

    verdict_of
    1. Print one reflection first.
    2. `text.find` gives -1 when there is nothing to find.

A cell tagged `quiz` holds numbered questions; each choice has its reason after `::`, the right one an x:

    1. Who decides when to stop?
       - [ ] The judge. :: No, the judge only looks at the end.
       - [x] The model. :: Yes, it writes text that no picture follows.
"""

import html
import re
from pathlib import Path

LESSONS = Path(__file__).resolve().parents[2] / "lessons"
HINT_CELL = re.compile(r'^# %% \[markdown\] tags=\["hints"\]\n((?:#.*\n?)+)', re.MULTILINE)
CHOICE = re.compile(r"- \[(?P<mark>[ x])\] (?P<choice>.*?) :: (?P<reason>.*)", re.DOTALL)


class Hint(str):
    """A hint that a notebook shows folded, and a terminal as plain text."""

    def _repr_html_(self) -> str:
        head, _, text = self.partition(": ")
        return f"<details><summary>{html.escape(head)}</summary><p>{html.escape(text)}</p></details>"


def hint(name: str, level: int = 1, lessons: Path = LESSONS) -> Hint:
    """The hint of that strength for an exercise, 1 the gentlest; beyond the last it gives the last."""
    known: dict[str, list[str]] = {}
    for lesson in sorted(lessons.glob("*.py")):
        for cell in HINT_CELL.findall(lesson.read_text(encoding="utf-8")):
            found, texts = read_hints(re.sub(r"^# ?", "", cell, flags=re.MULTILINE))
            known[found] = texts
    if name not in known:
        return Hint(f"No hints for {name!r}: exercises with hints are {', '.join(known) or 'none'}")
    level = min(max(int(level), 1), len(known[name]))
    return Hint(f"Hint {level} of {len(known[name])} for {name}: {known[name][level - 1]}")


def read_hints(text: str) -> tuple[str, list[str]]:
    """The exercise's name and its hints, gentlest first."""
    name, _, rest = text.strip().partition("\n")
    return name.strip(), _numbered(rest)


def fold_hints(text: str) -> str:
    """A hints cell as it stands in a notebook: every hint behind a line to click."""
    name, texts = read_hints(text)
    folds = [_fold(f"Hint {number} of {len(texts)}", words) for number, words in enumerate(texts, 1)]
    return "\n\n".join([f"**Hints for `{name}`**, each stronger than the one before.", *folds])


def fold_quiz(text: str) -> str:
    """A quiz cell as it stands in a notebook: click a choice to see whether it is right, and why."""
    head, _, rest = text.partition("\n1. ")
    questions = []
    for number, block in enumerate(_numbered("1. " + rest), 1):
        question, *choices = re.split(r" (?=- \[[ x]\] )", block)
        parts = [CHOICE.fullmatch(choice.strip()) for choice in choices]
        questions.append(f"**{number}. {question.strip()}**")
        for letter, part in zip("abcdef", parts, strict=False):
            verdict = "**Right.**" if part["mark"] == "x" else "**No.**"
            questions.append(_fold(f"{letter}) {part['choice']}", f"{verdict} {part['reason']}"))
    return "\n\n".join([head.strip(), *questions])


def _numbered(text: str) -> list[str]:
    """The items of a numbered list, lines joined."""
    items = re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:]
    return [" ".join(item.split()) for item in items]


def _fold(summary: str, text: str) -> str:
    """HTML that hides a text behind its summary; the blank lines let Markdown work inside."""
    summary = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(summary, quote=False))
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
