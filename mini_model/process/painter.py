"""The painter's loop: write, draw, look, and go on, until the model itself sets an end.

The memory of the whole sequence is kept from the first word to the last picture, so nothing is ever computed
twice. What is drawn next and when to stop is the model's choice: after the end of each text it either goes over
to drawing (`<|vision_start|>`) or it does not. Only the number of pictures is bounded, and hitting that bound is
written into the trajectory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image

from mini_model.model.attention import Cache
from mini_model.model.sequence import Sample
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of
from mini_model.process.easel import Easel, Settings
from mini_model.process.judges import Judge
from mini_model.process.script import PREFIX, Said, drawn, read, turns, words_of
from mini_model.process.story import Story, finish
from mini_model.trajectory import Plan, Trajectory


@dataclass
class Event:
    """Something that happened in a painting; `trajectory` is all that is there by now."""

    kind: str  # "plan" | "draft" | "reflection" | "refinement" | "done"
    trajectory: Trajectory
    row: int = 0
    frames: list[Image.Image] = field(default_factory=list)  # one for each Euler step of the picture just drawn
    plan: Plan | None = None  # what will be drawn next, when the kind is "plan"


class Studio(Easel):
    """Paints several stories in steps; where an outside `judge` is given, its reflections take the model's place."""

    def __init__(self, model: UnifiedModel, settings: Settings | None = None, judge: Judge | None = None) -> None:
        super().__init__(model, settings)
        self.judge = judge

    def paint(self, stories: list[Story], starts: Sequence[Trajectory | None] | None = None) -> Iterator[Event]:
        """All events of all stories; every story ends with `done`."""
        starts = starts or [None] * len(stories)
        rows, cache = list(range(len(stories))), self.memory(len(stories))
        opening = [self._opening(story, start) for story, start in zip(stories, starts, strict=True)]
        self.feed(cache, [sample for sample, _ in opening], stories)
        begun = self._looked_at(stories, [text for _, text in opening])
        while rows:
            live = [stories[row] for row in rows]
            before = cache.mark()
            texts, wants = self._speak(cache, live, begun)
            keep, said = [], [read(text) for text in texts]
            for i, story in enumerate(live):
                story.reflect(said[i])
                if said[i].reflection and story.steps:  # before the first picture there is nothing to look at
                    yield self._event("reflection", story, rows[i], len(rows))
                if wants[i] and story.may_draw(said[i]) and story.pictures < self.settings.max_rounds:
                    keep.append(i)
                    continue
                finish(story, texts[i], said[i], wants[i])
                yield self._event("done", story, rows[i], len(rows))
            if not keep:
                return
            index = torch.tensor(keep, device=cache.lengths.device)
            without = cache.at(before).rows(index)
            cache, rows = cache.rows(index), [rows[i] for i in keep]
            live, said = [live[i] for i in keep], [said[i] for i in keep]
            for story, row, words in zip(live, rows, said, strict=True):
                if words.plan:
                    yield Event("plan", story.trajectory(self.blank, len(rows)), row, plan=words.plan)
            guides = [without, *self._words_alone(live, [texts[i] for i in keep])]
            yield from self._draw([cache, *guides], live, said, rows)
            begun = self._looked_at(live, [""] * len(live))

    def _opening(self, story: Story, start: Trajectory | None) -> tuple[Sample, str]:
        """The prompt and what a resumed trajectory holds, as segments; and words already said but not yet drawn."""
        told = turns(start) if start else []
        sample = self.so_far(story.prompt, drawn(start) if start else [])
        last = told[-1][0] if told and told[-1][1] is None else ""
        return sample, last if _is_whole(last) else ""

    def _looked_at(self, stories: list[Story], said: list[str]) -> list[str]:
        """What an outside judge says of each last picture of which nothing was `said` yet; the rest stays as it is."""
        open_to = [i for i, story in enumerate(stories) if story.pictures and not said[i]]
        if not self.judge or not open_to:
            return said
        found = dict(zip(open_to, self.judge([stories[i] for i in open_to]), strict=True))
        return [words_of(found[i]) if i in found else text for i, text in enumerate(said)]

    def _speak(self, cache: Cache, stories: list[Story], begun: list[str]) -> tuple[list[str], list[bool]]:
        """What each row says next, from words that are put into its mouth on, and whether it wants to draw then."""
        whole, words = list(map(_is_whole, begun)), self.model.tokenizer
        ends = [[self.marks.text_end] * one for one in whole]
        ids = [[*ids_of(words, text), *end] for text, end in zip(begun, ends, strict=True)]
        texts, then = self.write(cache, stories, ids)
        return texts, [end == self.marks.picture_start or one for end, one in zip(then, whole, strict=True)]

    def _words_alone(self, stories: list[Story], texts: list[str]) -> list[Cache]:
        """A memory of all that was said and of no picture, where guidance is to lean on the pictures before."""
        if self.settings.process.image <= 1 or not any(story.pictures for story in stories):
            return []
        told = [[PREFIX + story.prompt, *(text for text, _ in story.drawn())] for story in stories]
        cache = self.memory(len(stories))
        samples = [[self.text(one) for one in (*said, text)] for said, text in zip(told, texts, strict=True)]
        self.feed(cache, samples, stories)
        return [cache]

    def _draw(self, contexts: list[Cache], stories: list[Story], said: list[Said], rows: list[int]) -> Iterator[Event]:
        """Draw one picture in every row, look at it, and remember it."""
        pictures, frames = self.pictures(contexts, stories, self.settings.process)
        yield from self._show(contexts[0], stories, said, rows, pictures, frames)

    def _show(
        self, cache: Cache, stories: list[Story], said: list[Said], rows: list[int],
        pictures: list[Image.Image], frames: list[list[Image.Image]],
    ) -> Iterator[Event]:  # fmt: skip
        """Let each row look at its new picture, and tell of it."""
        self.feed(cache, self.segments(pictures), stories)
        for i, story in enumerate(stories):
            kind = story.draw(said[i], pictures[i])
            yield self._event(kind, story, rows[i], len(rows), frames[i])

    def _event(self, kind: str, story: Story, row: int, sharing: int, frames: list | None = None) -> Event:
        return Event(kind, story.trajectory(self.blank, sharing), row, frames or [])


def _is_whole(text: str) -> bool:
    """Whether these words lead straight to a picture: they ask for a refinement."""
    said = read(text).reflection
    return bool(said and said.refine)


class Painter:
    """One painter at one easel: paints a prompt and tells what happens, or goes on from where a story stands."""

    def __init__(self, model: UnifiedModel, seed: int = 0, settings: Settings | None = None) -> None:
        self.model, self.seed = model, seed
        self.settings = settings or Settings(frames=True)

    def paint(self, prompt: str, start: Trajectory | None = None, spec: dict | None = None) -> Iterator[Event]:
        """Events in order: plan, draft, reflection, refinement, ..., done. `start` is a trajectory to go on from."""
        story = Story.resume(start, self.seed) if start else Story(prompt, self.seed, spec)
        return Studio(self.model, self.settings).paint([story], [start])

    def trajectory(self, prompt: str, start: Trajectory | None = None) -> Trajectory:
        """The whole painting at once."""
        *_, last = self.paint(prompt, start)
        return last.trajectory

    def direct(self, prompt: str) -> Trajectory:
        """The prompt drawn at once, with no words of the model's own."""
        easel, story = Easel(self.model, self.settings), Story(prompt, self.seed, strategy="direct")
        easel.direct([story])
        return story.trajectory(easel.blank)
