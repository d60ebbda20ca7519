"""Who says what is wrong with a picture: judges behind one interface.

A judge is asked about stories whose last picture nobody has looked at yet, and gives one reflection for each:
whether the picture is as planned, and if not, the instruction that mends it. The painter takes its words for its own.

exact       the world's judge: it reads the pixels, and cannot be wrong about a sharp picture (GPT's part in the paper)
Own         the model itself, that paints
Afresh      the model's eyes and a program's comparison: it describes the picture alone, with no plan in sight
Shuffled    what another judge says of another story's picture: a criticism of the right form and of no use
unmoved     finds everything right, without looking

An outside model behind a network address is in `endpoint.py`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from mini_model.errors import KitError
from mini_model.process.easel import Easel
from mini_model.process.script import DESCRIBE, complaint, read, seen_right, verdict_alone
from mini_model.process.story import NOT_LOOKED, Story
from mini_model.trajectory import Plan, Reflection
from mini_model.world.faults import Fault, astray
from mini_model.world.judge import see
from mini_model.world.prompts import caption
from mini_model.world.reading import read_scene
from mini_model.world.scene import Scene

Judge = Callable[[Sequence[Story]], list[Reflection]]
SURE = 0.9  # a thing that the exact judge is less sure of is seen and not told; GenEval's own bar for counting


def exact(stories: Sequence[Story]) -> list[Reflection]:
    """What the pixels say: is each last picture what its plan describes?"""
    found = [compared(story.plan, story.last) for story in stories]
    return [_reflection(caption(seen), faults) for seen, faults in found]


def compared(plan: Plan, picture: Image.Image) -> tuple[Scene, list[Fault]]:
    """What is in a picture, and how that differs from the plan it was drawn by."""
    seen = see(np.asarray(picture), sure=SURE)
    return seen, astray(read_scene(plan.description), seen)


def _reflection(seen: str, faults: list[Fault]) -> Reflection:
    """What these words say is there, and the first of these faults."""
    return complaint(seen, faults[0].mend) if faults else seen_right(seen)


def unmoved(stories: Sequence[Story]) -> list[Reflection]:
    """Every picture is what was planned: a painter that does not look."""
    return [seen_right(story.plan.description) for story in stories]


class Own:
    """The model judges what was painted, from all that stands before it: what the painter would say by itself."""

    def __init__(self, easel: Easel) -> None:
        self.easel = easel

    def __call__(self, stories: Sequence[Story]) -> list[Reflection]:
        """Each story is read anew from its beginning, which costs more than going on from a memory."""
        easel, cache = self.easel, self.easel.memory(len(stories))
        easel.feed(cache, [easel.so_far(story.prompt, story.drawn()) for story in stories], stories)
        texts, _ = easel.write(cache, stories)
        return [read(text).reflection or NOT_LOOKED for text in texts]


class Afresh:
    """The model describes each picture as if it had never seen the plan, and a program compares the two.

    It tells which half of a critic fails: with the judge's eyes in place of the model's this is `exact`, with the
    model's comparison in place of the program's it is `Own`.
    """

    def __init__(self, easel: Easel) -> None:
        self.easel = easel

    def __call__(self, stories: Sequence[Story]) -> list[Reflection]:
        """The description is counted as work; to compare two lists of words is not."""
        easel, cache = self.easel, self.easel.memory(len(stories))
        easel.feed(cache, [[easel.seen(story.last), easel.text(DESCRIBE)] for story in stories], stories)
        texts, _ = easel.write(cache, stories)
        plans = [read_scene(story.plan.description) for story in stories]
        return [_reflection(text, astray(plan, read_scene(text))) for plan, text in zip(plans, texts, strict=True)]


class Shuffled:
    """Gives each story what a judge said last of another one: the control for every gain by criticism.

    What comes next is no criticism, and stays the painter's own choice.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.said: dict[int, Reflection] = {}  # by the story's identity

    def __call__(self, stories: Sequence[Story]) -> list[Reflection]:
        """Raises KitError where there is no other story to take the words from."""
        said = map(verdict_alone, self.judge(stories))
        self.said |= {id(story): reflection for story, reflection in zip(stories, said, strict=True)}
        ring = list(self.said)
        if len(ring) < 2:
            raise KitError("a criticism cannot be shuffled with one story alone; paint two prompts or more at once")
        return [self.said[ring[(ring.index(id(story)) + 1) % len(ring)]] for story in stories]
