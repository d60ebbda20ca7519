"""Help from outside for a model that was never taught to paint in steps: a planner, and an inspector.

The paper gives both parts to GPT-4o (its table 4). In the drawn world a program plays them without a mistake: it
reads the prompt's grammar and the picture's pixels. What it writes is an instruction of the kind that the base model
follows anyway, for it was taught to edit one thing at a time.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from mini_model.process.easel import Easel
from mini_model.process.judges import SURE
from mini_model.process.script import Said, approval, complaint
from mini_model.process.story import NOT_LOOKED, Story
from mini_model.trajectory import Plan, Reflection, Step
from mini_model.world.faults import completed, conflicts, lacking
from mini_model.world.judge import see
from mini_model.world.prompts import Request, caption, instruction_add
from mini_model.world.reading import read_request
from mini_model.world.scene import Scene


def planned(easel: Easel, stories: Sequence[Story]) -> None:
    """A planner writes all strokes in advance, and the model draws one after another without looking back."""
    plans = [_strokes(story) for story in stories]
    for turn in range(max(map(len, plans))):
        at_work = [i for i, plan in enumerate(plans) if turn < len(plan)]
        live = [stories[i] for i in at_work]
        drawn = edited(easel, live, [plans[i][turn].instruction for i in at_work])
        for i, story, picture in zip(at_work, live, drawn, strict=True):
            story.draw(Said(None, plans[i][turn], done=False), picture)


def _strokes(story: Story) -> list[Plan]:
    """The plans that lead from an empty page to a scene that fulfils the prompt, one thing at a time."""
    request, rng = read_request(story.prompt), np.random.default_rng(story.seed)
    goal = request.fulfil(rng)
    states = [Scene(goal.things[:count], goal.background) for count in range(len(goal.things) + 1)]
    ground = "" if goal.background == "paper" else f"on the {goal.background}, "
    plans = [
        Plan(instruction=instruction_add(after.things[-1]), description=caption(after)) for _, after in pairwise(states)
    ]
    first = plans[0].model_copy(update={"instruction": ground + plans[0].instruction})
    return [first, *plans[1:]]


def inspected(easel: Easel, stories: Sequence[Story], rounds: int = 3) -> None:
    """The model paints at once; an inspector says what to change, and the model edits, at most so many times."""
    easel.direct(stories)
    for story in stories:
        story.steps.append(Step(plan=Plan(instruction=story.prompt), draft=story.last, reflection=NOT_LOOKED))
    live = list(stories)
    for _ in range(rounds):
        said = [inspection(story) for story in live]
        for story, reflection in zip(live, said, strict=True):
            story.reflect(Said(reflection, None, done=False))
        live = [story for story, reflection in zip(live, said, strict=True) if reflection.refine]
        if not live:
            return
        wrong = [reflection for reflection in said if reflection.refine]
        drawn = edited(easel, live, [reflection.refine for reflection in wrong])
        for story, reflection, picture in zip(live, wrong, drawn, strict=True):
            story.draw(Said(reflection, None, done=False), picture)


def inspection(story: Story) -> Reflection:
    """What a program says of a picture, held against its prompt: what contradicts it, or what is lacking."""
    request = read_request(story.prompt)
    seen = see(np.asarray(story.last), sure=SURE).told()
    faults = conflicts(request, seen)
    if faults:
        return complaint(caption(seen), faults[0].mend)
    if lacking(request.groups, seen.things) == "nothing":
        return approval(caption(seen), "nothing")
    return complaint(caption(seen), _next_thing(story, request, seen))


def _next_thing(story: Story, request: Request, seen: Scene) -> str:
    """The instruction that adds one of the things that are lacking, where it contradicts nothing."""
    rng = np.random.default_rng((story.seed, story.pictures))
    goal = completed(rng, request, seen)
    new = [thing for thing in goal.things if thing not in seen.things] if goal else request.fulfil(rng).things
    return instruction_add(new[0])


def edited(easel: Easel, stories: Sequence[Story], instructions: Sequence[str]) -> list[Image.Image]:
    """Each story's last picture after one instruction, as the base model was taught to edit; no memory but that."""
    shown = [story.last for story in stories if story.pictures]
    samples = easel.segments(shown) if shown else [[]] * len(stories)
    return easel.drawn_from(samples, instructions, stories, easel.settings.direct)
