"""The two subsets that a model makes of its own mistakes: plans that contradict the prompt, pictures gone astray.

The exact judge plays the part that the paper gives to GPT: it says which step is wrong, why, and what would mend it.

conflict    the model writes its plans, the renderer draws them, and the first plan from which the wish can no longer
            be reached is called wrong; a corrected plan follows (the paper's instruction-intermediate conflict)
alignment   a made-up painting in which one picture is the model's own; where it is not as planned, it is called
            wrong, and a refinement follows (the paper's image-instruction alignment)
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from PIL import Image

from mini_model.data.requests import random_request
from mini_model.data.scenes import by_share, pick
from mini_model.data.slips import picture_of
from mini_model.data.trajectories import REQUESTS, Mix, random_trajectory, steps_to
from mini_model.model.attention import Cache
from mini_model.model.unified import UnifiedModel
from mini_model.process.easel import Easel, Settings
from mini_model.process.judges import compared
from mini_model.process.painter import Event, Studio
from mini_model.process.script import DONE, Said, approval, complaint, drawn
from mini_model.process.story import NOT_LOOKED, Story
from mini_model.trajectory import Plan, Step, Trajectory
from mini_model.world.faults import Fault, completed, conflicts, lacking
from mini_model.world.prompts import OPENINGS, Request, caption
from mini_model.world.reading import read_scene
from mini_model.world.scene import Scene

SAMPLER = 40  # keeps these random numbers apart from those of training
AT_ONCE = 48  # paintings side by side
HEAT = 1.0  # temperature of the plans: at the usual 0.3 a model seldom contradicts its prompt
# Euler steps of a picture -> share; fewer steps go astray more often
EULER = {"12": 0.4, "8": 0.3, "4": 0.3}
PLAIN = Mix(facts=0.0, slips=0.0, detours=0.0)


class Rendered(Studio):
    """A studio in which the world's renderer draws what the model plans, so that only plans can be wrong."""

    def _draw(self, contexts: list[Cache], stories: list[Story], said: list[Said], rows: list[int]) -> Iterator[Event]:
        """The pictures that the plans describe; where the words hold no plan, the last picture once more."""
        pictures = [
            picture_of(read_scene(words.plan.description).told()) if words.plan else story.last or self.blank
            for words, story in zip(said, stories, strict=True)
        ]
        return self._show(contexts[0], stories, said, rows, pictures, [[] for _ in stories])


def alignment(model: UnifiedModel, seed: int) -> Iterator[tuple[bool, Trajectory]]:
    """Paintings with one picture of the model's own, without end: whether it is as planned, and the painting.

    Pictures with more than one fault are passed over: one instruction is to mend what is wrong.
    """
    for batch in count():
        rng = np.random.default_rng((seed, SAMPLER, 0, batch))
        whole = [random_trajectory(rng, replace(PLAIN, facts=0.2, detours=0.3)) for _ in range(AT_ONCE)]
        at = [int(rng.integers(len(told.steps))) for told in whole]
        easel = Easel(model, Settings(steps=int(by_share(rng, EULER))))
        begun = [cut(told, k) for told, k in zip(whole, at, strict=True)]
        drawn = _redrawn(easel, begun, seeds=rng.integers(1 << 30, size=AT_ONCE).tolist())
        for told, k, picture in zip(whole, at, drawn, strict=True):
            step = told.steps[k]
            seen, faults = compared(step.plan, picture)
            if len(faults) < 2:
                judged = _judged(step, picture, seen, faults)
                yield not faults, told.model_copy(update={"steps": [*told.steps[:k], judged, *told.steps[k + 1 :]]})


def _redrawn(easel: Easel, begun: Sequence[Trajectory], seeds: Sequence[int]) -> list[Image.Image]:
    """The last picture of each painting, drawn anew by the model from all that stands before it."""
    stories = [Story(told.prompt, seed) for told, seed in zip(begun, seeds, strict=True)]
    told = [drawn(one) for one in begun]
    before = [easel.so_far(story.prompt, so_far) for story, (*so_far, _) in zip(stories, told, strict=True)]
    return easel.drawn_from(before, [text for *_, (text, _) in told], stories, easel.settings.process)


def _judged(step: Step, picture: Image.Image, seen: Scene, faults: list[Fault]) -> Step:
    """The step with the model's own draft, and what the judge says of it."""
    mine = {"draft": picture}
    if faults:
        said = complaint(caption(seen), faults[0].mend)
        mine |= {"reflection": said, "refinement": step.draft, "after": step.reflection}
    return step.model_copy(update=mine)


def cut(told: Trajectory, k: int) -> Trajectory:
    """The painting up to its k-th plan, whose picture is still to be drawn."""
    last = told.steps[k].model_copy(update={"reflection": NOT_LOOKED})
    return told.model_copy(update={"steps": [*told.steps[:k], last], "closing": ""})


def conflict(model: UnifiedModel, seed: int) -> Iterator[tuple[bool, Trajectory]]:
    """Paintings by the model's own plans, without end: whether no plan contradicts the prompt, and the painting."""
    for batch in count():
        rng = np.random.default_rng((seed, SAMPLER, 1, batch))
        requests = [random_request(rng, shares=REQUESTS) for _ in range(AT_ONCE)]
        prompts = [request.sentence(pick(rng, list(OPENINGS))) for request in requests]
        studio = Rendered(model, Settings(temperature=HEAT, max_rounds=6))
        stories = [Story(prompt, int(rng.integers(1 << 30))) for prompt in prompts]
        ended = {event.row: event.trajectory for event in studio.paint(stories) if event.kind == "done"}
        for row, request in enumerate(requests):
            if told := _put_right(rng, request, ended[row]):
                yield told


def _put_right(rng: np.random.Generator, request: Request, told: Trajectory) -> tuple[bool, Trajectory] | None:
    """The model's plans with the judge's reflections; after the first conflict a corrected plan and the rest.

    None where the model stopped too early, where a plan describes nothing or changes the background, and where one
    correction is not enough.
    """
    scene, steps = Scene((), request.background or "paper"), []
    for step in told.steps:
        after = read_scene(step.plan.description)
        if not after.things or after.background != scene.background:
            return None
        faults = conflicts(request, after)
        if faults:
            steps.append(
                Step(plan=step.plan, draft=picture_of(after), reflection=complaint(caption(after), faults[0].mend))
            )
            return _corrected(rng, request, told.prompt, steps, faults[0])
        right = approval(caption(after), lacking(request.groups, after.things))
        steps.append(Step(plan=step.plan, draft=picture_of(after), reflection=right))
        scene = after
    if not steps or lacking(request.groups, scene.things) != "nothing":
        return None
    return True, Trajectory(prompt=told.prompt, steps=steps, final=picture_of(scene), closing=DONE)


def _corrected(
    rng: np.random.Generator, request: Request, prompt: str, steps: list[Step], fault: Fault
) -> tuple[bool, Trajectory] | None:
    """The steps up to a plan in conflict, then the plan that mends it, and the way from there to the goal."""
    mended = fault.after
    goal = completed(rng, request, mended)
    if goal is None or conflicts(request, mended):
        return None
    better = Plan(instruction=fault.mend, description=caption(mended))
    right = approval(caption(mended), lacking(request.groups, mended.things))
    good = Step(plan=better, draft=picture_of(mended), reflection=right)
    rest = steps_to(rng, PLAIN, request.groups, mended, goal)
    return False, Trajectory(prompt=prompt, steps=[*steps, good, *rest], final=picture_of(goal), closing=DONE)
