"""A trajectory as it grows: each text and each picture finds its place in the steps."""

import time
from dataclasses import dataclass, field

import torch
from PIL import Image

from mini_model.process.script import Said, drawn, read
from mini_model.trajectory import Cost, Plan, Reflection, Step, Trajectory

NOT_LOOKED = Reflection(verdict="none")


@dataclass
class Story:
    """One painting under way: what was asked, what came of it so far, and its own dice."""

    prompt: str
    seed: int
    spec: dict | None = None
    strategy: str = "process"
    steps: list[Step] = field(default_factory=list)
    closing: str = ""
    bounded: bool = False
    cost: Cost = field(default_factory=Cost)
    pictures: int = 0  # drawn so far, those of a resumed beginning included
    last: Image.Image | None = None
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def resume(cls, start: Trajectory, seed: int) -> "Story":
        """Go on from a trajectory, perhaps an edited one, after its last picture."""
        story = cls(start.prompt, seed, start.spec, start.strategy)
        story.steps = [step.model_copy(deep=False) for step in start.steps]
        told = drawn(start)
        story.pictures, story.last = len(told), told[-1][1] if told else None
        return story

    def dice(self, purpose: int) -> torch.Generator:
        """Random numbers that depend on the seed, the picture's number and the purpose alone, not on company."""
        return torch.Generator().manual_seed((self.seed * 1_000 + self.pictures) * 10 + purpose)

    @property
    def plan(self) -> Plan:
        """The plan that the last picture was drawn by; a refinement that follows another has none of its own."""
        return next(step.plan for step in reversed(self.steps) if step.plan.instruction)

    def drawn(self) -> list[tuple[str, Image.Image]]:
        """What was said before each picture, and the picture: all that stands in the sequence so far."""
        return drawn(Trajectory(prompt=self.prompt, steps=self.steps, final=self.last)) if self.steps else []

    def reflect(self, said: Said) -> None:
        """What the model says belongs to the picture it has just looked at."""
        if not self.steps or said.reflection is None:
            return
        step = self.steps[-1]
        if step.refinement is None:
            step.reflection = said.reflection
        else:
            step.after = said.reflection

    def draw(self, said: Said, picture: Image.Image) -> str:
        """Put a new picture where its words say it belongs: a new step's draft, or a refinement."""
        self.last, self.pictures = picture, self.pictures + 1
        if said.plan is not None:
            self.steps.append(Step(plan=said.plan, draft=picture, reflection=NOT_LOOKED))
            return "draft"
        step = self.steps[-1]
        if step.refinement is None:
            step.refinement = picture
        else:  # mended once already: a further round on the same plan, from the refinement on
            again = Step(plan=Plan(), draft=step.refinement, reflection=said.reflection, refinement=picture)
            self.steps.append(again)
        return "refinement"

    def end(self, picture: Image.Image) -> None:
        """The one picture of a story that has no steps."""
        self.last, self.pictures = picture, 1

    def may_draw(self, said: Said) -> bool:
        """Whether the words name something to draw: a plan, or a refinement of a picture that is there."""
        return said.plan is not None or bool(self.steps and said.reflection and said.reflection.refine)

    def spend(self, forwards: int, tokens: int, text_tokens: int = 0, denoising: int = 0) -> None:
        """Count work: passes through the transformer (each guidance branch is one) and tokens in them."""
        cost = self.cost
        self.cost = Cost(
            denoising_steps=cost.denoising_steps + denoising,
            forwards=cost.forwards + forwards,
            tokens=cost.tokens + tokens,
            text_tokens=cost.text_tokens + text_tokens,
            seconds=cost.seconds,
        )

    def trajectory(self, blank: Image.Image, sharing: int = 1) -> Trajectory:
        """The story so far; `sharing` stories were painted in the same time."""
        cost = self.cost.model_copy(update={"seconds": (time.monotonic() - self.began) / sharing})
        return Trajectory(
            prompt=self.prompt, spec=self.spec, steps=[s.model_copy() for s in self.steps],
            final=self.last or blank, strategy=self.strategy, seed=self.seed, cost=cost,
            closing=self.closing, bounded=self.bounded,
        )  # fmt: skip


def finish(story: Story, text: str, said: Said, wanted_to_draw: bool) -> None:
    """Close a story with the model's last words; wanting to draw without a right to is recorded as a bound."""
    spoken = said.reflection.text if said.reflection else ""
    story.closing = text[len(spoken) :].strip() if text.startswith(spoken) else text
    story.bounded = wanted_to_draw


__all__ = ["Story", "finish", "read"]
