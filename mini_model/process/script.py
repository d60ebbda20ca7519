"""The text form of a trajectory: what the model writes before each picture, and how to read it back.

    prompt      please create the image step by step: a photo of a red circle and a blue star
    opening     <ins> add a red circle at the top left </ins> <des> a red circle at the top left </des>     [draws]
    right       i see a red circle at the top left. this is right. what is there to add? a blue star.
                <ins> ... </ins> <des> ... </des>                                                           [draws]
    wrong       i see a blue circle at the top left. this is wrong. <refine> ... </refine>                  [draws]
    closing     i see ... and a blue star at the center. this is right. what is there to add? nothing.
                the picture is complete.                                                               [stops]

Whether a picture follows is not in the words: it is the token after the end mark, `<|vision_start|>` or not.
Tags and prefix follow the paper (its figure 2 and 4); the sentences are this kit's own.
"""

import re
from dataclasses import dataclass

from PIL import Image

from mini_model.trajectory import Plan, Reflection, Trajectory

PREFIX = "please create the image step by step: "
RIGHT, WRONG, DONE = "this is right.", "this is wrong.", "the picture is complete."
LACKS = "what is there to add?"  # asked of every picture that is right: the first thing of the prompt that it lacks
DESCRIBE = "what is in the picture?"  # asked of a picture alone
WORDS = (PREFIX, "i see", RIGHT, WRONG, LACKS, DONE)


@dataclass(frozen=True)
class Said:
    """One text of the model, read: what it saw and judged, and what it wants to draw next, if anything."""

    reflection: Reflection | None
    plan: Plan | None
    done: bool


def plan_text(plan: Plan) -> str:
    """A plan between its tags."""
    return f"<ins> {plan.instruction} </ins> <des> {plan.description} </des>"


def seen_right(seen: str) -> Reflection:
    """What is said of a picture that is right, before it is asked what comes next."""
    return Reflection(verdict="correct", text=f"i see {seen}. {RIGHT}")


def before_verdict(text: str) -> str:
    """How a reflection begins: what is seen, up to its verdict."""
    return re.split(f"{re.escape(RIGHT)}|{re.escape(WRONG)}", text)[0]


def seen_in(reflection: Reflection) -> str:
    """What a reflection says is there, without its verdict."""
    return before_verdict(reflection.text).removeprefix("i see ").rstrip(" .")


def verdict_alone(reflection: Reflection) -> Reflection:
    """A reflection without what it says of the next stroke."""
    return reflection.model_copy(update={"text": reflection.text.split(LACKS)[0].strip()})


def approval(seen: str, lacks: str) -> Reflection:
    """What is said of a picture that is right, and what the prompt asks for next ("nothing" at the end)."""
    return Reflection(verdict="correct", text=f"{seen_right(seen).text} {LACKS} {lacks}.")


def complaint(seen: str, mend: str) -> Reflection:
    """What is said of a picture that is wrong, and the instruction that mends it."""
    return Reflection(verdict="wrong", text=f"i see {seen}. {WRONG}", refine=mend)


def read(text: str) -> Said:
    """Take a text of the model apart; whatever it wrote, the result is well-formed.

    A verdict counts as wrong when the words say so or a refinement is asked for.
    """
    plan = None
    if instruction := _between(text, "ins"):
        plan = Plan(instruction=instruction, description=_between(text, "des") or "")
    spoken = re.split(r"<ins>|<refine>", text)[0].strip()
    refine = _between(text, "refine")
    reflection = None
    if spoken or refine:
        verdict = "wrong" if refine or WRONG in spoken else "correct" if RIGHT in spoken else "none"
        reflection = Reflection(verdict=verdict, text=spoken.removesuffix(DONE).strip(), refine=refine)
    return Said(reflection, plan, DONE in spoken)


def _between(text: str, tag: str) -> str | None:
    """The words between a tag and its end, or None when either is missing."""
    found = re.search(rf"<{tag}>\s*(.*?)\s*</{tag}>", text, re.DOTALL)
    return found.group(1) if found and found.group(1) else None


def turns(trajectory: Trajectory) -> list[tuple[str, object]]:
    """The texts and pictures of a trajectory in the order of the sequence: (text, picture or None) pairs.

    Each text is written before its picture; the last one closes the trajectory and has none. A step that goes on
    mending (its plan says nothing) adds only its refinement, since its draft is the refinement before it.
    """
    spoken: list[tuple[str, object]] = []
    said = ""  # what the model says of the last picture; goes in front of whatever it writes next
    for step in trajectory.steps:
        if step.plan.instruction:
            spoken.append((f"{said} {plan_text(step.plan)}".strip(), step.draft))
            said = ""
        if step.refinement is not None:
            spoken.append((words_of(step.reflection), step.refinement))
            said = words_of(step.after) if step.after else ""
        else:
            said = words_of(step.reflection)
    closing = f"{said} {trajectory.closing}".strip()
    return [*spoken, (closing, None)] if closing else spoken


def drawn(trajectory: Trajectory) -> list[tuple[str, Image.Image]]:
    """The turns that end in a picture: all that stands in the sequence before the model speaks next."""
    return [(text, picture) for text, picture in turns(trajectory) if picture is not None]


def words_of(reflection: Reflection) -> str:
    """A reflection as the model writes it: a whole text where something is to be mended, else the beginning of one."""
    tail = f" <refine> {reflection.refine} </refine>" if reflection.refine else ""
    return f"{reflection.text}{tail}".strip()
