"""Small trajectories of the drawn world for the tests to tell."""

import numpy as np

from mini_model.trajectory import Cost, Plan, Reflection, Step, Trajectory
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import PLACES

CIRCLE = Thing("circle", "red", "middle left")
STAR = Thing("star", "blue", "middle right")
WRONG_STAR = Thing("star", "green", "middle right")
BOAT = Thing("boat", "brown", "bottom center")


def direct() -> Trajectory:
    """A picture painted at once."""
    return Trajectory(prompt="a red circle", final=render(Scene((CIRCLE,))), strategy="direct", seed=3)


def one_step() -> Trajectory:
    """One right draft."""
    picture = render(Scene((CIRCLE,), "sky"))
    plan = Plan(instruction="add a red circle at the middle left", description="a red circle on sky")
    step = Step(plan=plan, draft=picture, reflection=Reflection(verdict="correct", text="it is all there"))
    return Trajectory(prompt="a red circle on sky", steps=[step], final=picture, closing="The picture is done.")


def three_steps() -> Trajectory:
    """A right draft, a wrong one that is mended, a right one."""
    first = Scene((CIRCLE,))
    wrong, right = first.add(WRONG_STAR), first.add(STAR)
    last = right.add(BOAT)
    steps = [
        Step(
            plan=Plan(instruction="add a red circle at the middle left", description=first.describe()),
            draft=render(first),
            reflection=Reflection(verdict="correct", text="the red circle is at the middle left"),
        ),
        Step(
            plan=Plan(instruction="add a blue star at the middle right", description=right.describe()),
            draft=render(wrong),
            reflection=Reflection(
                verdict="wrong", text="the star is green, it should be blue", refine="make the star blue"
            ),
            refinement=render(right),
            after=Reflection(verdict="correct", text="the star is blue now"),
        ),
        Step(
            plan=Plan(instruction="add a brown boat at the bottom center", description=last.describe()),
            draft=render(last),
            reflection=Reflection(verdict="correct", text="the boat is below the circle and the star"),
        ),
    ]
    return Trajectory(
        prompt="a red circle left of a blue star, and a brown boat below them",
        spec={"tag": "position", "include": [{"class": "circle", "count": 1, "color": "red"}]},
        steps=steps,
        final=render(last),
        seed=7,
        cost=Cost(denoising_steps=64, forwards=301, tokens=2210, text_tokens=190, seconds=4.25),
        provenance={"model": "mini"},
        closing="Everything the prompt asks for is in the picture.",
    )


def six_steps() -> Trajectory:
    """One thing after another."""
    scene, steps = Scene((), "meadow"), []
    for place in list(PLACES)[:6]:
        scene = scene.add(Thing("flower", "purple", place))
        plan = Plan(instruction=f"add a purple flower at the {place}", description=scene.describe())
        steps.append(Step(plan=plan, draft=render(scene), reflection=Reflection(verdict="correct")))
    return Trajectory(prompt="six purple flowers", steps=steps, final=render(scene))


def long() -> Trajectory:
    """Large pictures, long words and long texts, a round without a plan, and the bound at the end."""
    words = (
        "The red circle is at the middle left, which is right, but the star has come out green where the "
        "prompt says blue; apart from this the background is plain paper and nothing stands in the way. "
    ) * 3
    down, right = np.mgrid[0:768, 0:1024]
    picture = np.stack([right // 4, down // 3, (right // 64 + down // 64) % 2 * 200], -1).astype(np.uint8)
    wrong = Reflection(verdict="wrong", text=words, refine=words)
    steps = [
        Step(
            plan=Plan(instruction=words, description=words),
            draft=picture,
            reflection=wrong,
            refinement=picture,
            after=wrong,
        ),
        Step(plan=Plan(), draft=picture, reflection=Reflection(verdict="none")),
        Step(
            plan=Plan(instruction="Donaudampfschifffahrtsgesellschaftskapitänsmützenhersteller"),
            draft=picture,
            reflection=Reflection(verdict="wrong"),
        ),
    ]
    return Trajectory(prompt=words, steps=steps, final=picture, closing=words, bounded=True)
