"""The picture language: four stages, each with a word, a mark and a colour, never a colour alone.

The colours are four of Okabe and Ito's palette ("Color Universal Design", 2008), made to stay apart for
readers who confuse red and green.
"""

from dataclasses import dataclass

from PIL import Image

from mini_model.trajectory import Reflection, Step, Trajectory


@dataclass(frozen=True)
class Stage:
    """One of the things the model does: its word, its mark (a glyph) and its colour as #rrggbb."""

    word: str
    mark: str
    color: str


PLAN = Stage("plan", "✎", "#0072B2")
DRAFT = Stage("draft", "◐", "#E69F00")
REFLECTION = Stage("reflection", "◉", "#CC79A7")
REFINEMENT = Stage("refinement", "●", "#009E73")
FINAL = Stage("final", "★", "#3A3A44")  # not a stage of its own: the last picture once more, with the last words
STAGES = (PLAN, DRAFT, REFLECTION, REFINEMENT)

VERDICT_MARKS = {"correct": "✓", "wrong": "✗", "none": "–"}
VERDICT_WORDS = {"correct": "correct", "wrong": "wrong", "none": "no verdict"}
NOTHING_TO_MEND = "nothing to mend"
NOT_MENDED = "not mended"
NO_PLAN = "no plan"
BOUNDED = "Stopped at the bound on rounds, not by the model."


@dataclass(frozen=True)
class Moment:
    """One point of the story: its stage, its round (0 at the end), its words, and the picture then."""

    stage: Stage
    round: int
    text: str
    picture: Image.Image | None  # None before the first draft
    drawn: int | None = None  # which of the drawn pictures this one is, counted from 0; None if nothing was drawn


def said(reflection: Reflection) -> str:
    """A reflection as one line of text: '✗ wrong: there are two stars → remove one star'."""
    head = f"{VERDICT_MARKS[reflection.verdict]} {VERDICT_WORDS[reflection.verdict]}"
    line = f"{head}: {reflection.text.strip()}" if reflection.text.strip() else head
    return f"{line} → {reflection.refine.strip()}" if reflection.refine else line


def unmended(step: Step) -> str:
    """What to say where a refinement would stand and there is none."""
    return NOTHING_TO_MEND if step.reflection.verdict == "correct" else NOT_MENDED


def moments(trajectory: Trajectory) -> list[Moment]:
    """The whole story in order: the stages of each round (refinement where there is one), then the end."""
    story: list[Moment] = []
    picture, drawn = None, 0
    for number, step in enumerate(trajectory.steps, 1):
        words = [part for part in (step.plan.instruction, step.plan.description) if part.strip()]
        story.append(Moment(PLAN, number, "\n".join(words) or NO_PLAN, picture))
        picture = step.draft
        story.append(Moment(DRAFT, number, "", picture, drawn))
        story.append(Moment(REFLECTION, number, said(step.reflection), picture))
        drawn += 1
        if step.refinement is not None:
            picture = step.refinement
            after = said(step.after) if step.after else ""
            story.append(Moment(REFINEMENT, number, after, picture, drawn))
            drawn += 1
    ending = Moment(FINAL, 0, ending_words(trajectory), trajectory.final, None if drawn else 0)
    return [*story, ending]


def ending_words(trajectory: Trajectory) -> str:
    """The model's closing words, and who ended it when it was not the model."""
    words = trajectory.closing.strip()
    return "\n".join(part for part in (words, BOUNDED if trajectory.bounded else "") if part)


def cost_line(trajectory: Trajectory) -> str:
    """How the picture was made and what it took: 'process · 3 rounds · 96 denoising steps · seed 7'."""
    cost, rounds = trajectory.cost, len(trajectory.steps)
    parts = [trajectory.strategy]
    parts += [counted(rounds, "round")] if rounds else []
    parts += [counted(cost.denoising_steps, "denoising step")] if cost.denoising_steps else []
    parts += [f"{cost.seconds:.1f} s"] if cost.denoising_steps and cost.seconds else []
    return " · ".join([*parts, f"seed {trajectory.seed}"])


def counted(number: int, word: str) -> str:
    """'1 round', '3 rounds'."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def alt_text(trajectory: Trajectory) -> str:
    """The whole trajectory in sentences, for those who do not see the pictures."""
    told = [f"A picture painted for the prompt {quoted(trajectory.prompt)}."]
    if not trajectory.steps:
        told.append(f"It was painted at once, with strategy {trajectory.strategy}, without steps.")
    else:
        told.append(f"It took {counted(len(trajectory.steps), 'round')}.")
    for number, step in enumerate(trajectory.steps, 1):
        told += _round_in_sentences(number, step)
    if trajectory.closing.strip():
        told.append(f"At the end the model writes {quoted(trajectory.closing)}.")
    if trajectory.bounded:
        told.append("The bound on rounds ended it, not the model.")
    width, height = trajectory.final.size
    told.append(f"The final picture is {width} by {height} pixels.")
    return " ".join(told)


def _round_in_sentences(number: int, step: Step) -> list[str]:
    plan, told = step.plan, []
    if plan.instruction.strip():
        told.append(f"Round {number}: the plan is {quoted(plan.instruction)}.")
    else:
        told.append(f"Round {number} has no plan.")
    if plan.description.strip():
        told.append(f"The picture is to show {quoted(plan.description)}.")
    told.append(f"A draft is drawn. {_judged('the draft', step.reflection)}")
    if step.reflection.refine:
        told.append(f"It asks to mend: {quoted(step.reflection.refine)}.")
    if step.refinement is not None:
        told.append("A refinement is drawn." + (f" {_judged('it', step.after)}" if step.after else ""))
    else:
        told.append("There is no refinement." if unmended(step) == NOT_MENDED else "There is nothing to mend.")
    return told


def _judged(what: str, reflection: Reflection) -> str:
    judged = f"calls {what} {reflection.verdict}"
    if reflection.verdict == "none":
        judged = f"gives no verdict on {what}"
    because = f": {quoted(reflection.text)}" if reflection.text.strip() else ""
    return f"The reflection {judged}{because}."


def quoted(text: str) -> str:
    """Text on one line in quotation marks, its own full stop left out so that the sentence can go on."""
    return f"“{' '.join(text.split()).rstrip('.')}”"
