"""Multi-turn trajectories of the drawn world: a request, taken apart into strokes, with slips and their mending.

The factory plays three parts that the paper gives to other models: the planner (the scene graph is walked in the
order of the prompt), the renderer (the drawn world's own), and the critic (the scene graph knows what is wrong).
Places are always taken from what is free in the picture so far. The paper's self-sampled subsets, in which the
model's own mistakes take the place of made-up ones, are read from folders of trajectories instead.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mini_model.data.parts import Draw, Have, Look, Part, Picture, Words
from mini_model.data.requests import in_words, random_request
from mini_model.data.scenes import MOST, pick, random_nudge, random_thing, things_beside
from mini_model.data.slips import picture_of, slip, unlike
from mini_model.process.script import DONE, LACKS, PREFIX, approval, complaint, plan_text, turns
from mini_model.trajectory import Plan, Reflection, Step, Trajectory
from mini_model.world.facts import FACTS, held_out
from mini_model.world.faults import astray, lacking
from mini_model.world.prompts import OPENINGS, Group, Request, caption, instruction_add, instruction_remove
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import PLACES

PLANNED_FACTS = [fact for fact in FACTS if not held_out(fact)]
# kind of request -> share; what depends on the step before it (relations, counts) more often than what does not
REQUESTS = {
    "single": 0.05,
    "color": 0.06,
    "two": 0.10,
    "two colors": 0.12,
    "relation": 0.32,
    "count": 0.12,
    "three": 0.13,
    "count and one": 0.05,
    "count and two": 0.05,
}


@dataclass(frozen=True)
class Mix:
    """How trajectories are made; every share can be turned."""

    facts: float = 0.2  # of the prompts ask for something that must be inferred
    slips: float = 0.4  # of the drafts are wrong, and mended; with few of them, to say "right" unseen is a good guess
    detours: float = 0.06  # of the strokes change, swap or remove instead of adding (0: additive only)
    forget: float = 0.15  # of the trajectories lose one text, so that guidance has something to push from
    loose: float = 0.6  # of the prompts join their things any way; else "and" is waited for instead of the list's end
    found: float = 0.3  # of what the process stage learns begins on a page with other things; see `on_a_found_page`
    half_way: float = 0.4  # of the trajectories begin at a later picture; else rounds are counted instead of looking
    learn_slips: bool = False  # whether the wrong drafts themselves are learnt


def random_trajectory(rng: np.random.Generator, mix: Mix) -> Trajectory:
    """One made-up painting, from prompt to closing words."""
    if rng.random() < mix.facts:
        opening = pick(rng, list(OPENINGS))
        fact = pick(rng, PLANNED_FACTS)
        phrasing = fact.phrasings[rng.integers(2)]  # the third wording is kept for the tests
        thing = Thing(fact.name, fact.color, pick(rng, list(PLACES)), "big", random_nudge(rng))
        asked = (Group(fact.name, color=fact.color),)
        return _walk(rng, mix, opening.format(phrasing), asked, Scene((thing,)), f"{phrasing} is {fact.answer}: ")
    request, prompt = _asked_for(rng, mix)
    return _walk(rng, mix, prompt, request.groups, request.fulfil(rng, random_nudge), "")


def on_a_found_page(rng: np.random.Generator, mix: Mix) -> tuple[Trajectory, int]:
    """A painting on a page that holds things nobody asked for, and how many turns brought those.

    They stay, and are not to be mistaken for what is wished for. A model that has only seen pages on which all was
    asked for, up to four things, stops at four whatever the prompt says, since the number of things alone told it.
    """
    request, prompt = _asked_for(rng, mix)
    goal = request.fulfil(rng, random_nudge)
    empty = Scene((), goal.background)
    page = Scene(things_beside(rng, goal, MOST - len(goal.things)), goal.background)
    goal = Scene((*page.things, *goal.things), goal.background)
    given = steps_to(rng, replace(mix, slips=0.0, detours=0.0), request.groups, empty, page)
    steps = [*given, *steps_to(rng, mix, request.groups, page, goal)]
    return Trajectory(prompt=prompt, steps=steps, final=picture_of(goal), closing=DONE), len(given)


def _asked_for(rng: np.random.Generator, mix: Mix) -> tuple[Request, str]:
    """A request and its prompt, whose things are joined any way in some of the cases."""
    request = random_request(rng, shares=REQUESTS)
    return request, in_words(rng, request, mix.loose)


def _walk(
    rng: np.random.Generator, mix: Mix, prompt: str, asked: tuple[Group, ...], goal: Scene, reason: str
) -> Trajectory:
    """Paint a scene thing by thing; `asked` is what the prompt wants, `reason` stands before the first instruction."""
    lead = reason + ("" if goal.background == "paper" else f"on the {goal.background}, ")
    steps = steps_to(rng, mix, asked, Scene((), goal.background), goal, lead)
    return Trajectory(prompt=prompt, steps=steps, final=picture_of(goal), closing=DONE)


def steps_to(
    rng: np.random.Generator, mix: Mix, asked: tuple[Group, ...], scene: Scene, goal: Scene, lead: str = ""
) -> list[Step]:
    """The rounds from a scene that holds some of the goal's things to the goal; `lead` begins the first instruction."""
    steps = []
    for thing in goal.things:
        for instruction, after in _strokes(rng, mix, scene, thing, goal) if thing not in scene.things else []:
            right = approval(caption(after), lacking(asked, after.things))
            steps.append(_step(rng, mix, lead + instruction, after, thing, right))
            scene, lead = after, ""
    return steps


def _strokes(rng: np.random.Generator, mix: Mix, scene: Scene, thing: Thing, goal: Scene) -> list[tuple[str, Scene]]:
    """The instructions that bring one thing in: as a rule one, on a detour two."""
    after = scene.add(thing)
    if rng.random() >= mix.detours:
        return [(instruction_add(thing), after)]
    kind = pick(rng, ["recolor", "swap", "remove"])
    if kind == "remove":
        taken = {t.place for t in goal.things}
        stray = random_thing(rng, pick(rng, [p for p in PLACES if p not in taken]))
        return [
            (instruction_add(stray), scene.add(stray)),
            (instruction_remove(stray), scene),
            (instruction_add(thing), after),
        ]
    first = unlike(rng, thing, "color" if kind == "recolor" else "name")
    begun = scene.add(first)
    return [(instruction_add(first), begun), (astray(after, begun)[0].mend, after)]


def _step(rng: np.random.Generator, mix: Mix, instruction: str, after: Scene, thing: Thing, right: Reflection) -> Step:
    """One round: the plan, a draft that is right or wrong, and what follows from that; in the end it is `right`."""
    plan = Plan(instruction=instruction, description=caption(after))
    if rng.random() >= mix.slips or thing not in after.things:
        return Step(plan=plan, draft=picture_of(after), reflection=right)
    draft, wrong = slip(rng, after, thing)
    seen = complaint(caption(wrong), astray(after, wrong)[0].mend)
    return Step(plan=plan, draft=draft, reflection=seen, refinement=picture_of(after), after=right)


def parts_of(trajectory: Trajectory, mix: Mix, rng: np.random.Generator, given: int = 0) -> list[Part]:
    """A trajectory as a training sample: loss on every text, every switch, every picture that is right.

    Of the first turns, as many as are `given`, only the last picture is known: where the painting begins.

    A picture that is drawn and looked at later enters three times: noised (with loss), clean, and seen. Wrong drafts
    enter clean and seen only, unless `mix.learn_slips`: a model that learns to draw them draws them. A plan that
    contradicts its prompt is read and not learnt, and so is its picture.
    """
    spoken, wrong, unwise = turns(trajectory), _wrong(trajectory), _unwise(trajectory)
    first = _half_way(rng, spoken, wrong) if not given and rng.random() < mix.half_way else given
    forgotten = rng.integers(first, len(spoken)) if rng.random() < mix.forget else -1
    parts: list[Part] = [Words(PREFIX + trajectory.prompt)]
    if first:
        parts += _known(np.asarray(spoken[first - 1][1]))
    for number, (text, picture) in enumerate(spoken[first:], first):
        if number != forgotten:
            parts.append(Words(text, loss=id(picture) not in unwise, draws=picture is not None))
        if picture is None:
            continue
        pixels = np.asarray(picture)
        if mix.learn_slips or id(picture) not in wrong:
            parts.append(Draw(pixels))
        parts += _known(pixels)
    return parts


def _known(pixels: Picture) -> list[Part]:
    """A finished picture: to draw on, and to look at."""
    return [Have(pixels), Look(pixels)]


def _wrong(trajectory: Trajectory) -> set[int]:
    """The identities of the pictures that are called wrong."""
    drafts = {id(step.draft) for step in trajectory.steps if step.reflection.verdict == "wrong"}
    return drafts | {id(s.refinement) for s in trajectory.steps if s.after and s.after.verdict == "wrong"}


def _unwise(trajectory: Trajectory) -> set[int]:
    """The identities of the pictures whose plan is at fault: what mends them begins with another plan."""
    pairs = pairwise(trajectory.steps)
    return {id(step.draft) for step, then in pairs if step.refinement is None and step.reflection.refine}


def _half_way(rng: np.random.Generator, spoken: list, wrong: set[int]) -> int:
    """After which picture to begin; never after a wrong one, for only its plan tells what is wrong with it."""
    right = [number for number, (_, picture) in enumerate(spoken) if picture and id(picture) not in wrong]
    return int(pick(rng, right)) + 1 if right else 0


def told_of(trajectory: Trajectory, mix: Mix, rng: np.random.Generator, given: int = 0) -> list[Part]:
    """A trajectory without its pictures: what is seen is read, and what to do next, or that all is done, is learnt.

    Where the second thing of a relation goes is a matter of words, and a sample without pictures is a short one.
    What is seen is not learnt here: without a picture it would be made up. Some begin half-way, as paintings do.
    """
    steps = trajectory.steps
    first = int(rng.integers(given or 1, len(steps) + 1)) if rng.random() < mix.half_way else given
    said = [*(plan_text(step.plan) for step in steps), trajectory.closing]
    parts: list[Part] = [Words(PREFIX + trajectory.prompt)]
    for number in range(first, len(said)):
        reflection = (steps[number - 1].after or steps[number - 1].reflection).text if number else ""
        seen = reflection.split(LACKS)[0]
        text = f"{reflection} {said[number]}".strip()
        parts.append(Words(text, loss=True, draws=number < len(steps), given=seen))
    return parts
