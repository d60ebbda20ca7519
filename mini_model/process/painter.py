"""The painter's loop: write, draw, look, and go on, until the model itself sets an end.

The memory of the whole sequence is kept from the first word to the last picture, so nothing is ever computed
twice. What is drawn next and when to stop is the model's choice: after the end of each text it either goes over
to drawing (`<|vision_start|>`) or it does not. Only the number of pictures is bounded, and hitting that bound is
written into the trajectory.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from mini_model.errors import KitError
from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.flow import Guidance
from mini_model.model.generate import (
    clean_segment,
    decode_tokens,
    draw,
    encode_pictures,
    feed,
    seen_segment,
    write,
)
from mini_model.model.pictures import to_picture, to_pixels
from mini_model.model.sequence import Sample, Text, segment_length
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of, text_of
from mini_model.process.script import PREFIX, Said, read, turns
from mini_model.process.story import Story, finish
from mini_model.trajectory import Plan, Trajectory

WORDS, NOISE = 1, 2  # purposes of a story's dice


@dataclass(frozen=True)
class Settings:
    """The dials of painting; the defaults suit the mini model."""

    steps: int = 12  # Euler steps for each picture
    shift: float = 2.0  # more than 1 spends more steps near noise
    direct: Guidance = field(default_factory=lambda: Guidance(text=3.0, interval=(0.0, 1.0)))
    process: Guidance = field(default_factory=lambda: Guidance(text=1.5, interval=(0.0, 1.0)))
    temperature: float = 0.3  # of the words; 0 always takes the likeliest
    words: int = 160  # longest text
    max_rounds: int = 12  # most pictures in one trajectory
    side: int | None = None  # pixels along the edge of a picture; None: the largest the model has places for
    frames: bool = False  # keep the denoising pictures


@dataclass
class Event:
    """Something that happened in a painting; `trajectory` is all that is there by now."""

    kind: str  # "plan" | "draft" | "reflection" | "refinement" | "done"
    trajectory: Trajectory
    row: int = 0
    frames: list[Image.Image] = field(default_factory=list)  # one for each Euler step of the picture just drawn
    plan: Plan | None = None  # what will be drawn next, when the kind is "plan"


class Studio:
    """Paints several stories at once; each row of the memory belongs to one of them."""

    def __init__(self, model: UnifiedModel, settings: Settings) -> None:
        self.model, self.settings, self.marks = model, settings, marks_of(model.tokenizer)
        largest = model.config.max_latent_size * model.config.pixels_per_token
        side = min(settings.side or min(largest, 1024), largest)
        edge = side // model.config.pixels_per_token
        self.grid = (edge, edge)
        self.blank = Image.new("RGB", (edge * model.config.pixels_per_token,) * 2, "white")

    def paint(self, stories: list[Story], starts: Sequence[Trajectory | None] | None = None) -> Iterator[Event]:
        """All events of all stories; every story ends with `done`."""
        starts = starts or [None] * len(stories)
        rows, pending = list(range(len(stories))), []
        cache = Cache.empty(len(stories), self.model.device)
        opening = [self._opening(story, start) for story, start in zip(stories, starts, strict=True)]
        self._feed(cache, [sample for sample, _ in opening], stories)
        pending = [text for _, text in opening]
        while rows:
            live = [stories[row] for row in rows]
            before = cache.mark()
            texts, wants = self._speak(cache, live, pending)
            pending, keep, said = [None] * len(rows), [], [read(text) for text in texts]
            for i, story in enumerate(live):
                story.reflect(said[i])
                if said[i].reflection:
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
            live, said, pending = [live[i] for i in keep], [said[i] for i in keep], [None] * len(keep)
            for story, row, words in zip(live, rows, said, strict=True):
                if words.plan:
                    yield Event("plan", story.trajectory(self.blank, len(rows)), row, plan=words.plan)
            yield from self._draw(cache, without, live, said, rows)

    def _opening(self, story: Story, start: Trajectory | None) -> tuple[Sample, str | None]:
        """The prompt and what a resumed trajectory holds, as segments; and words already said but not yet drawn."""
        told = turns(start) if start else []
        sample = self._so_far(story.prompt, [turn for turn in told if turn[1] is not None])
        last = told[-1][0] if told and told[-1][1] is None else ""
        said = read(last).reflection
        return sample, last if said and said.refine else None

    def _so_far(self, prompt: str, drawn: Sequence[tuple[str, Image.Image]]) -> Sample:
        """A prompt and the turns that were drawn after it, as segments."""
        sample: Sample = [self._text(PREFIX + prompt)]
        for text, picture in drawn:
            sample += [self._text(text), *self._picture_segments([picture])[0]]
        return sample

    def _text(self, text: str) -> Text:
        return Text(ids_of(self.model.tokenizer, text))

    def _feed(self, cache: Cache, samples: list[Sample], stories: list[Story]) -> None:
        feed(self.model, cache, samples, self.marks)
        for story, sample in zip(stories, samples, strict=True):
            story.spend(1, sum(map(segment_length, sample)))

    def _speak(self, cache: Cache, stories: list[Story], pending: list[str | None]) -> tuple[list[str], list[bool]]:
        """What each row says next, and whether it wants to draw after it."""
        forced = [i for i, text in enumerate(pending) if text]
        if forced:
            index = torch.tensor(forced, device=cache.lengths.device)
            part = cache.rows(index)
            self._feed(part, [[self._text(pending[i])] for i in forced], [stories[i] for i in forced])
            cache.take_back(index, part)
        free = torch.tensor([not text for text in pending])
        texts, wants = [text or "" for text in pending], [bool(text) for text in pending]
        if free.any():
            dice = [story.dice(WORDS) for story in stories]
            wrote = write(self.model, cache, self.marks, self.settings.words, self._chooser(dice), free)
            for i in free.nonzero().flatten().tolist():
                texts[i] = text_of(self.model.tokenizer, wrote.ids[i])
                wants[i] = wrote.then[i] == self.marks.picture_start
                count = len(wrote.ids[i]) + 2
                stories[i].spend(count, count, text_tokens=count)
        return texts, wants

    def _chooser(self, dice: list[torch.Generator]):
        """Draw each row's next word with that row's own dice (the Gumbel trick: the largest of logit plus noise)."""
        heat = self.settings.temperature

        def choose(logits: Float[Tensor, "R V"]) -> Tensor:
            if heat == 0:
                return logits.argmax(-1)
            uniform = torch.stack([torch.rand(logits.shape[1], generator=d) for d in dice])
            return (logits.cpu() / heat - torch.log(-torch.log(uniform.clamp(1e-10, 1 - 1e-7)))).argmax(-1)

        return choose

    def _draw(
        self, cache: Cache, without: Cache, stories: list[Story], said: list[Said], rows: list[int]
    ) -> Iterator[Event]:
        """Draw one picture in every row, look at it, and remember it."""
        pictures, frames = self._pictures([cache, without], stories, self.settings.process)
        yield from self._show(cache, stories, said, rows, pictures, frames)

    def _show(
        self, cache: Cache, stories: list[Story], said: list[Said], rows: list[int],
        pictures: list[Image.Image], frames: list[list[Image.Image]],
    ) -> Iterator[Event]:  # fmt: skip
        """Let each row look at its new picture, and tell of it."""
        self._feed(cache, self._picture_segments(pictures), stories)
        for i, story in enumerate(stories):
            kind = story.draw(said[i], pictures[i])
            yield self._event(kind, story, rows[i], len(rows), frames[i])

    def _pictures(
        self, contexts: list[Cache], stories: list[Story], guidance: Guidance
    ) -> tuple[list[Image.Image], list[list[Image.Image]]]:
        """The pictures these memories lead to, and the denoising pictures where they are wanted."""
        count, settings = math.prod(self.grid), self.settings
        shape = (count, self.model.config.patch_channels)
        noise = torch.stack([torch.randn(shape, generator=story.dice(NOISE)) for story in stories])
        walk = list(draw(self.model, contexts, noise, self.grid, self.marks, settings.steps, settings.shift, guidance))
        branches = len(contexts) if guidance.text > 1 else 1
        for story in stories:
            story.spend(branches * settings.steps, branches * settings.steps * (count + 2), denoising=settings.steps)
        pictures = [to_picture(pixels) for pixels in decode_tokens(self.model, walk[-1], self.grid)]
        frames: list[list[Image.Image]] = [[] for _ in stories]
        for tokens in walk if settings.frames else []:
            for i, pixels in enumerate(decode_tokens(self.model, tokens, self.grid)):
                frames[i].append(to_picture(pixels))
        return pictures, frames

    def _picture_segments(self, pictures: list[Image.Image]) -> list[Sample]:
        """Pictures as something that is there and seen: first through the autoencoder, then through the encoder.

        They are encoded anew from their pixels, as they are saved, so that a trajectory read from disk continues
        exactly like one in memory.
        """
        pixels = torch.stack([to_pixels(picture) for picture in pictures])
        tokens = encode_pictures(self.model, pixels).cpu()
        clean = [clean_segment(self.model, t, self.grid) for t in tokens]
        return [[c, seen_segment(self.model, p)] for c, p in zip(clean, pixels, strict=True)]

    def sketch(self, begun: Sequence[Trajectory], seeds: Sequence[int]) -> list[Image.Image]:
        """The last picture of each trajectory, drawn anew by the model from all that stands before it."""
        stories = [Story(told.prompt, seed) for told, seed in zip(begun, seeds, strict=True)]
        drawn = [[turn for turn in turns(told) if turn[1] is not None] for told in begun]
        cache = Cache.empty(len(begun), self.model.device)
        self._feed(cache, [self._so_far(s.prompt, told[:-1]) for s, told in zip(stories, drawn, strict=True)], stories)
        before = cache.mark()
        self._feed(cache, [[self._text(told[-1][0])] for told in drawn], stories)
        return self._pictures([cache, cache.at(before)], stories, self.settings.process)[0]

    def _event(self, kind: str, story: Story, row: int, sharing: int, frames: list | None = None) -> Event:
        return Event(kind, story.trajectory(self.blank, sharing), row, frames or [])

    def direct(self, stories: list[Story]) -> Iterator[Event]:
        """Draw each prompt at once, with no words of one's own: the baseline."""
        cache = Cache.empty(len(stories), self.model.device)
        without = Cache.empty(len(stories), self.model.device)
        self._feed(cache, [[self._text(story.prompt)] for story in stories], stories)
        pictures, frames = self._pictures([cache, without], stories, self.settings.direct)
        for i, (story, picture) in enumerate(zip(stories, pictures, strict=True)):
            story.last, story.pictures = picture, 1
            yield self._event("done", story, i, len(stories), frames[i])


def paint_many(
    model: UnifiedModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    strategy: str = "process",
    settings: Settings | None = None,
    specs: Sequence[dict | None] | None = None,
) -> list[Trajectory]:
    """Paint several prompts as one batch; each (prompt, seed) gives one trajectory, whatever its company."""
    if strategy not in ("process", "direct"):
        raise KitError(f"no strategy {strategy!r}; choose process or direct")
    studio = Studio(model, settings or Settings())
    specs = specs or [None] * len(prompts)
    stories = [Story(p, s, spec, strategy) for p, s, spec in zip(prompts, seeds, specs, strict=True)]
    events = studio.paint(stories) if strategy == "process" else studio.direct(stories)
    ended = {event.row: event.trajectory for event in events if event.kind == "done"}
    return [ended[row] for row in range(len(stories))]


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
        story = Story(prompt, self.seed, strategy="direct")
        return next(Studio(self.model, self.settings).direct([story])).trajectory
