"""What the base model is taught, so that it plays BAGEL's part: draw, edit, see, and know.

draw    prompt -> picture                           [Words] [Draw]
stroke  placed prompt on an empty page -> picture   [Words] [Draw]
edit    picture, instruction -> picture             [Have] [Look] [Words] [Draw]
see     picture, questions -> answers               [Look] [Words] [Words with loss] [Words] [Words with loss] ...
read    description, questions -> answers           [Words] [Words] [Words with loss] ...
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
from mini_model.world.scene import Scene

# lesson -> share of the samples
SHARES = {"draw": 0.38, "stroke": 0.03, "edit": 0.30, "see": 0.17, "read": 0.07, "know": 0.05}
# what is learnt before drawing: eyes and words, which BAGEL's encoder and language model bring along
SHARES_OF_WORDS = {"see": 0.5, "read": 0.35, "know": 0.15}
FORGET_WORDS = 0.1  # how often the words are left out, for guidance (upstream's rate)
QUESTIONS, FACTS_TOLD = 3, 4  # in one sample, so that a picture pays for its tokens
MOST = 5  # things in a picture that is asked about
CAPTION = 0.6  # of the pictures are described as a whole after the questions, never before: it would answer them


def base_sample(rng: np.random.Generator, lesson: str | None = None, shares: dict[str, float] = SHARES) -> list[Part]:
    """One sample of a lesson, or of a lesson drawn by its share."""
    lesson = lesson or list(shares)[rng.choice(len(shares), p=list(shares.values()))]
    makers = {"draw": _draw, "stroke": _stroke, "edit": _edit, "see": _see, "read": _read, "know": _know}
    return makers[lesson](rng)


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
    scene = random_scene(rng, int(rng.integers(0, MOST + 1)))
    return [Look(render(scene)), *_asked(rng, scene, CAPTION)]


def _read(rng: np.random.Generator) -> list[Part]:
    """The same questions about a picture that is only told of, its things in any order.

    To answer, words must be found again further up and copied, as every plan copies from its prompt. A model that
    has not learnt this from text alone, as large language models have, binds colours to the wrong things.
    """
    scene = random_scene(rng, int(rng.integers(1, MOST + 1)))
    return [Words(scene.describe()), *_asked(rng, scene, 1.0)]


def _asked(rng: np.random.Generator, scene: Scene, described: float) -> list[Part]:
    """Questions about a scene with their answers, and a description of all of it as often as `described` says."""
    kinds = [QUESTION_KINDS[i] for i in rng.permutation(len(QUESTION_KINDS))[:QUESTIONS]]
    asked = [ask(scene, kind, rng) for kind in kinds]
    if rng.random() < described:
        asked.append((CAPTION_QUESTION, caption(scene)))
    return [part for question, answer in asked for part in (Words(question), Words(answer, loss=True))]


def _know(rng: np.random.Generator) -> list[Part]:
    facts = [pick(rng, list(FACTS)) for _ in range(FACTS_TOLD)]
    return [Words(statement(pick(rng, list(fact.phrasings)), fact.answer), loss=True) for fact in facts]


def statement(phrasing: str, answer: str) -> str:
    """A fact as a sentence: 'the tree in autumn is an orange tree'."""
    return f"{phrasing} is {answer}"
