"""What the base model is taught, so that it plays BAGEL's part: draw, edit, see, and know.

draw    prompt -> picture                           [Words] [Draw]
stroke  placed prompt on an empty page -> picture   [Words] [Draw]
edit    picture, instruction -> picture             [Have] [Look] [Words] [Draw]
see     picture, questions -> answers               [Look] [Words] [Words with loss] [Words] [Words with loss] ...
know    a few facts, as text alone                  [Words with loss] ...
"""

import numpy as np

from mini_model.data.edits import first_stroke, random_edit
from mini_model.data.parts import Draw, Have, Look, Part, Words
from mini_model.data.questions import CAPTION_QUESTION, QUESTION_KINDS, ask, caption
from mini_model.data.requests import random_request
from mini_model.data.scenes import pick, random_nudge, random_scene
from mini_model.world.facts import FACTS
from mini_model.world.prompts import OPENINGS
from mini_model.world.render import render

# lesson -> share of the samples
SHARES = {"draw": 0.28, "stroke": 0.05, "edit": 0.37, "see": 0.22, "know": 0.08}
LESSONS, WEIGHTS = list(SHARES), np.array(list(SHARES.values()))
FORGET_WORDS = 0.1  # how often the words are left out, for guidance (upstream's rate)
QUESTIONS, FACTS_TOLD = 2, 4  # in one sample, so that a picture pays for its tokens
CAPTION = 0.6  # of the pictures are described as a whole after the questions, never before: it would answer them


def base_sample(rng: np.random.Generator, lesson: str | None = None) -> list[Part]:
    """One sample of a lesson, or of a lesson drawn by its share."""
    lesson = lesson or LESSONS[rng.choice(len(LESSONS), p=WEIGHTS / WEIGHTS.sum())]
    return {"draw": _draw, "stroke": _stroke, "edit": _edit, "see": _see, "know": _know}[lesson](rng)


def _words(rng: np.random.Generator, text: str) -> list[Part]:
    return [] if rng.random() < FORGET_WORDS else [Words(text)]


def _draw(rng: np.random.Generator) -> list[Part]:
    request = random_request(rng)
    scene = request.fulfil(rng, random_nudge)
    return [*_words(rng, request.sentence(pick(rng, list(OPENINGS)))), Draw(render(scene))]


def _stroke(rng: np.random.Generator) -> list[Part]:
    instruction, scene = first_stroke(rng)
    return [*_words(rng, instruction), Draw(render(scene))]


def _edit(rng: np.random.Generator) -> list[Part]:
    before, instruction, after = random_edit(rng)
    old = render(before)
    return [Have(old), Look(old), *_words(rng, instruction), Draw(render(after))]


def _see(rng: np.random.Generator) -> list[Part]:
    scene = random_scene(rng, int(rng.integers(0, 6)))
    kinds = [QUESTION_KINDS[i] for i in rng.permutation(len(QUESTION_KINDS))[:QUESTIONS]]
    asked = [ask(scene, kind, rng) for kind in kinds]
    if rng.random() < CAPTION:
        asked.append((CAPTION_QUESTION, caption(scene)))
    answers = [[Words(question), Words(answer, loss=True)] for question, answer in asked]
    return [Look(render(scene)), *(part for pair in answers for part in pair)]


def _know(rng: np.random.Generator) -> list[Part]:
    facts = [pick(rng, list(FACTS)) for _ in range(FACTS_TOLD)]
    return [Words(statement(pick(rng, list(fact.phrasings)), fact.answer), loss=True) for fact in facts]


def statement(phrasing: str, answer: str) -> str:
    """A fact as a sentence: 'the tree in autumn is an orange tree'."""
    return f"{phrasing} is {answer}"
