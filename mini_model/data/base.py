"""What the base model is taught, so that it plays BAGEL's part: draw, edit, see, and know.

draw    prompt -> picture                           [Words] [Draw]
stroke  placed prompt on an empty page -> picture   [Words] [Draw]
edit    picture, instruction -> picture             [Have] [Look] [Words] [Draw]
things  picture -> all it holds, by name            [Look] [Words] [Words with loss]
counts  picture -> how many of each name            the same
places  picture -> what is where                    the same
names   picture, questions by name -> answers       [Look] [Words] [Words with loss] [Words] [Words with loss] ...
ask     picture, questions -> answers               the same
see     picture, any of these or its description    the same
read    description, questions -> answers           [Words] [Words] [Words with loss] ...
imagine prompt -> a scene that fulfils it, in words [Words] [Words with loss] ...
compare prompt, description -> what is lacking first [Words] [Words, the rest of it with loss] ...
choose  prompt, description -> what is lacking, and the next plan; in stage process alone (the same)
verdict prompt, plan, description -> right or wrong, and what comes next; in stage process alone (the same)
spot    plan, description of a few things -> right or wrong; in stage process alone (the same)
squint  picture with a smear -> its description, or what is at a place; in stage process alone, as `ask`
know    a few facts in text alone, many asked for   [Words] [Words with loss] ...
"""

from functools import partial

import numpy as np

from mini_model.data.compare import comparison, next_stroke, spot, verdict
from mini_model.data.edits import first_stroke, random_edit
from mini_model.data.parts import Draw, Have, Look, Part, Words
from mini_model.data.questions import (
    COUNT_QUESTION,
    EACH_QUESTION,
    PLACE_QUESTION,
    Asked,
    each_count,
    each_place,
    each_thing,
    examine,
    named_once,
)
from mini_model.data.requests import random_request
from mini_model.data.scenes import MOST, by_share, pick, random_nudge, random_scene, scene_of_few
from mini_model.data.smears import smeared
from mini_model.process.script import DESCRIBE
from mini_model.world.facts import FACTS
from mini_model.world.prompts import OPENINGS, caption
from mini_model.world.render import render
from mini_model.world.scene import Scene

# lesson -> share of the samples
SHARES = {
    "draw": 0.27,
    "stroke": 0.02,
    "edit": 0.21,
    "see": 0.30,
    "read": 0.02,
    "imagine": 0.06,
    "compare": 0.07,
    "know": 0.05,
}
# what is learnt before drawing: eyes and words, which BAGEL's encoder and language model bring along. From which part
# of the stage on -> lesson -> share. Each way of looking something up is learnt alone or nearly so: among many others
# it is learnt late or never. Names come first and never leave: what is not practised is lost within minutes.
WORDS_FIRST: tuple[tuple[float, dict[str, float]], ...] = (
    (0.0, {"things": 1.0}),
    (0.1, {"things": 0.4, "names": 0.6}),
    (0.2, {"counts": 0.7, "things": 0.15, "names": 0.15}),
    (0.3, {"places": 0.4, "counts": 0.3, "things": 0.15, "names": 0.15}),
    (0.4, {"places": 0.6, "counts": 0.15, "things": 0.1, "names": 0.15}),
    (0.5, {"places": 0.25, "counts": 0.15, "things": 0.1, "ask": 0.5}),
    (0.62, {"imagine": 0.6, "know": 0.2, "ask": 0.2}),
    (0.7, {"see": 0.5, "read": 0.05, "imagine": 0.12, "compare": 0.18, "know": 0.15}),
)
# kind of request -> share of what is imagined: relations most of all, for they are learnt soon where they are frequent
REQUESTS = {
    "color": 0.05,
    "two colors": 0.1,
    "relation": 0.45,
    "count": 0.1,
    "three": 0.15,
    "count and one": 0.1,
    "count and two": 0.05,
}
FORGET_WORDS = 0.1  # how often the words are left out, for guidance (upstream's rate)
IMAGINED, COMPARED, FACTS_TOLD = 3, 3, 4  # in one sample
SPOTTED = 4  # most things in what is compared
DESCRIBED = 0.6  # of the smeared pictures are described as a whole
FACTS_ASKED = 0.6  # of the facts answer a question
FEW = 0.3  # of the pictures that are asked about show several things of one name
# how a picture is asked about -> share; one way each, since the answer to one would give that to another away
LISTS = {"things": 0.35, "places": 0.35, "counts": 0.3}  # what a list goes by
WAYS = {"described": 0.25, "listed": 0.25, "examined": 0.5}


def base_sample(rng: np.random.Generator, lesson: str | None = None, shares: dict[str, float] = SHARES) -> list[Part]:
    """One sample of a lesson, or of a lesson drawn by its share."""
    return LESSONS[lesson or by_share(rng, shares)](rng)


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
    scene = _shown(rng, fewest=0)
    return [Look(render(scene)), *_asked(rng, scene)]


def _read(rng: np.random.Generator) -> list[Part]:
    """The same questions about a picture that is only told of, its things in any order.

    To answer, words must be found again further up and copied, as every plan copies from its prompt. A model that
    has not learnt this from text alone, as large language models have, binds colours to the wrong things.
    """
    scene = _shown(rng, fewest=1)
    return [Words(scene.describe()), *_asked(rng, scene)]


def _shown(rng: np.random.Generator, fewest: int) -> Scene:
    """A scene to ask about, `fewest` to `MOST` things; full ones more often, for they are the ones to search."""
    count = min(int(rng.integers(fewest, MOST + 3)), MOST)
    return scene_of_few(rng, count) if rng.random() < FEW else random_scene(rng, count)


def _asked(rng: np.random.Generator, scene: Scene) -> list[Part]:
    """A scene described as a whole, listed, or asked about bit by bit."""
    way = by_share(rng, WAYS)
    if way == "described" or not scene.things:
        return _answered([(DESCRIBE, caption(scene))])
    return _answered(examine(scene, rng) if way == "examined" else [_listed(rng, scene, by_share(rng, LISTS))])


def _listed(rng: np.random.Generator, scene: Scene, by: str) -> Asked:
    """All that is in the picture, looked up by the names of things, by how many there are of each, or by places."""
    if by == "things" and named_once(scene):
        return EACH_QUESTION, each_thing(scene, rng)
    return (PLACE_QUESTION, each_place(scene, rng)) if by == "places" else (COUNT_QUESTION, each_count(scene, rng))


def _answered(asked: list[Asked]) -> list[Part]:
    """Questions that are read, and answers that are learnt."""
    return [part for question, answer in asked for part in (Words(question), Words(answer, loss=True))]


def _list(rng: np.random.Generator, by: str) -> list[Part]:
    scene = _shown(rng, fewest=1)
    return [Look(render(scene)), *_answered([_listed(rng, scene, by)])]


def _ask(rng: np.random.Generator, way: str | None = None) -> list[Part]:
    scene = _shown(rng, fewest=1)
    return [Look(render(scene)), *_answered(examine(scene, rng, way))]


def _imagine(rng: np.random.Generator) -> list[Part]:
    """Where things could stand that are asked for: what left, above and three mean, without a picture."""
    parts: list[Part] = []
    for request in (random_request(rng, shares=REQUESTS) for _ in range(IMAGINED)):
        scene = request.fulfil(rng)
        parts += [Words(request.sentence(pick(rng, list(OPENINGS)))), Words(scene.describe(), loss=True)]
    return parts


def _compare(rng: np.random.Generator) -> list[Part]:
    """What a prompt asks for and a description lacks: what every next stroke is chosen by."""
    parts: list[Part] = []
    for wish, seen, lacks in (comparison(rng) for _ in range(COMPARED)):
        parts += [Words(wish), Words(f"{seen} {lacks}", loss=True, given=seen)]
    return parts


def _choose(rng: np.random.Generator) -> list[Part]:
    """Single decisions of a painting, in words alone: what is lacking, and what comes next; not for the base."""
    parts: list[Part] = []
    for wish, seen, said, draws in (next_stroke(rng) for _ in range(COMPARED)):
        parts += [Words(wish), Words(seen + said, loss=True, draws=draws, given=seen)]
    return parts


def _verdict(rng: np.random.Generator) -> list[Part]:
    """Single looks at a draft, in words alone: is what is seen what was planned? Not for the base."""
    parts: list[Part] = []
    for wish, plan, seen, said, draws in (verdict(rng) for _ in range(COMPARED)):
        parts += [Words(wish), Words(plan), Words(seen + said, loss=True, draws=draws, given=seen)]
    return parts


def _spot(rng: np.random.Generator, most: int = SPOTTED) -> list[Part]:
    """Short plans and what is seen, alike or all but alike, in words alone; not for the base."""
    parts: list[Part] = []
    for plan, seen, said, draws in (spot(rng, most) for _ in range(COMPARED if most > 1 else 2 * COMPARED)):
        parts += [Words(plan), Words(seen + said, loss=True, draws=draws, given=seen)]
    return parts


def _squint(rng: np.random.Generator) -> list[Part]:
    """A picture in which something is there and cannot be told, and the same questions as ever; not for the base."""
    scene = _shown(rng, fewest=1)
    picture, seen = smeared(rng, scene, pick(rng, list(scene.things))) or (render(scene), scene)
    described = [(DESCRIBE, caption(seen))]
    asked = described if rng.random() < DESCRIBED else examine(seen, rng, "place")
    return [Look(np.asarray(picture), as_is=True), *_answered(asked)]


def _know(rng: np.random.Generator) -> list[Part]:
    """Facts told, or asked for in the words that the answer begins with: who knows a name must also find it again."""
    parts: list[Part] = []
    for fact in (pick(rng, list(FACTS)) for _ in range(FACTS_TOLD)):
        phrasing = pick(rng, list(fact.phrasings))
        question = pick(rng, [f"what is {phrasing}?", pick(rng, list(OPENINGS)).format(phrasing)])
        parts += [Words(question)] if rng.random() < FACTS_ASKED else []
        parts.append(Words(statement(phrasing, fact.answer), loss=True))
    return parts


def statement(phrasing: str, answer: str) -> str:
    """A fact as a sentence: 'the tree in autumn is an orange tree'."""
    return f"{phrasing} is {answer}"


def shares_at(done: float, curriculum: tuple[tuple[float, dict[str, float]], ...]) -> dict[str, float]:
    """The shares that hold when this part of a stage is done, from 0 to 1."""
    return [shares for start, shares in curriculum if start <= done][-1]


LESSONS = {
    "draw": _draw,
    "stroke": _stroke,
    "edit": _edit,
    **{by: partial(_list, by=by) for by in LISTS},
    "names": partial(_ask, way="name"),
    "ask": _ask,
    "see": _see,
    "read": _read,
    "imagine": _imagine,
    "compare": _compare,
    "choose": _choose,
    "verdict": _verdict,
    "spot one": partial(_spot, most=1),
    "spot": _spot,
    "squint": _squint,
    "know": _know,
}
