"""One trajectory of a fixed shape, painted with a memory and without one.

The texts have given lengths and the pictures a given number of Euler steps, so that the work is the same whatever the
weights are. Without a memory the whole context is read anew for each word and for each step: the honest baseline,
written with the same parts of the model. Both ways paint the same picture, up to rounding.

Letters in shapes:  R rows   n tokens of a picture   C numbers in a token   V vocabulary
"""

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mini_model.evaluation.speed_training import PATCHES, PICTURES, PLAN, PROMPT, REFLECTION
from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.flow import Guidance, guide, schedule
from mini_model.model.generate import Choose, clean_segment, decode_tokens, draw, feed, seen_segment, write
from mini_model.model.pictures import places, to_picture, to_pixels
from mini_model.model.sequence import Marks, Noised, Segment, Text, pack
from mini_model.model.unified import UnifiedModel


@dataclass(frozen=True)
class Script:
    """What is painted: how long the texts are, how many pictures, in how many steps, how strongly guided."""

    prompt: int = PROMPT
    plan: int = PLAN
    reflection: int = REFLECTION
    pictures: int = PICTURES
    steps: int = 49
    shift: float = 3.0  # upstream's default: four steps of five are guided
    guidance: Guidance = Guidance(text=4.0, interval=(0.4, 1.0))

    def noise(self, model: UnifiedModel, rows: int) -> Float[Tensor, "pictures R n C"]:
        """The noise that each picture starts from."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(self.pictures, rows, PATCHES, model.config.patch_channels, generator=generator)

    def asked(self, model: UnifiedModel, rows: int) -> list[list[int]]:
        """A random prompt for each row."""
        return np.random.default_rng(0).integers(20, len(model.tokenizer), (rows, self.prompt)).tolist()


@dataclass
class Painted:
    """What came out, and the seconds that went into pictures, into text, and into reading what was drawn."""

    words: list[list[list[int]]] = field(default_factory=list)  # for each text the ids of each row
    pictures: list[Tensor] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("pictures", "text", "context"), 0.0))

    @property
    def total(self) -> float:
        """Seconds in all."""
        return sum(self.seconds.values())


class _Clock:
    """Adds the time since it was last asked to one of the three sums."""

    def __init__(self, painted: Painted) -> None:
        self.painted, self.last = painted, time.perf_counter()

    def spent_on(self, part: str) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.painted.seconds[part] += now - self.last
        self.last = now


def never_ending(marks: Marks) -> Choose:
    """Always the likeliest word, but never the end: a text then runs to its limit."""

    def choose(logits: Float[Tensor, "R V"]) -> Int[Tensor, "R"]:
        return logits.index_fill(-1, torch.tensor([marks.text_end], device=logits.device), -torch.inf).argmax(-1)

    return choose


@torch.no_grad()
def paint_remembering(model: UnifiedModel, script: Script, rows: int = 1) -> Painted:
    """The trajectory with the model's own cache, `rows` of them side by side."""
    marks, cache, done = marks_of(model.tokenizer), Cache.empty(rows, model.device), Painted()
    clock, choose, grid = _Clock(done), never_ending(marks), (int(PATCHES**0.5),) * 2
    feed(model, cache, [[Text(ids)] for ids in script.asked(model, rows)], marks)
    clock.spent_on("context")
    for noise in script.noise(model, rows):
        unasked = cache.mark()
        done.words.append(write(model, cache, marks, script.plan, choose).ids)
        clock.spent_on("text")
        branches = [cache, cache.at(unasked)]
        *_, tokens = draw(model, branches, noise, grid, marks, script.steps, script.shift, script.guidance)
        done.pictures.append(tokens)
        clock.spent_on("pictures")
        feed(model, cache, [_as_read(model, row, grid) for row in tokens], marks)
        clock.spent_on("context")
        done.words.append(write(model, cache, marks, script.reflection, choose).ids)
        clock.spent_on("text")
    return done


@torch.no_grad()
def paint_forgetting(model: UnifiedModel, script: Script) -> Painted:
    """The same trajectory, one row, with all that was said and shown read anew at every word and every step."""
    marks, done = marks_of(model.tokenizer), Painted()
    clock, grid = _Clock(done), (int(PATCHES**0.5),) * 2
    history: list[Segment] = [Text(script.asked(model, 1)[0])]
    for noise in script.noise(model, 1):
        unasked = list(history)
        history.append(_write_anew(model, history, script.plan, marks))
        clock.spent_on("text")
        done.pictures.append(_draw_anew(model, [history, unasked], noise, grid, script, marks))
        clock.spent_on("pictures")
        history += _as_read(model, done.pictures[-1][0], grid)
        clock.spent_on("context")
        history.append(_write_anew(model, history, script.reflection, marks))
        clock.spent_on("text")
    texts = [segment for segment in history[1:] if isinstance(segment, Text)]
    done.words = [[text.ids] for text in texts]
    return done


def _as_read(model: UnifiedModel, tokens: Float[Tensor, "n C"], grid: tuple[int, int]) -> list[Segment]:
    """A drawn picture as the model reads it back: its latents, and what the eyes see of it."""
    pixels = to_pixels(to_picture(decode_tokens(model, tokens[None], grid)[0]))
    return [clean_segment(model, tokens.cpu(), grid), seen_segment(model, pixels)]


def _write_anew(model: UnifiedModel, history: list[Segment], count: int, marks: Marks) -> Text:
    """`count` words, then the end mark, then the look at whether to draw: a pass over everything for each."""
    ids, choose = [marks.text_start], never_ending(marks)
    for step in range(count + 2):
        batch = pack([[*history, Text(ids, marks=False)]], marks, starts=[0]).to(model.device, model.dtype)
        words, _ = model.hidden(batch)
        last = words[len(batch.text_ids) - 1 : len(batch.text_ids)]
        chosen = int(choose(model.language_model.lm_head(last).float()))
        ids.append(chosen if step < count else marks.text_end)
    return Text(ids[1 : count + 1])


def _draw_anew(
    model: UnifiedModel,
    branches: list[list[Segment]],
    noise: Float[Tensor, "1 n C"],
    grid: tuple[int, int],
    script: Script,
    marks: Marks,
) -> Float[Tensor, "1 n C"]:
    """A picture whose every step reads both branches' contexts from their beginnings."""
    at, times = places(*grid, model.config.max_latent_size), schedule(script.steps, script.shift).tolist()
    x = noise.to(model.device)
    for now, then in zip(times, times[1:], strict=False):
        scales = script.guidance.at(now)
        used = branches if scales[0] > 1 else branches[:1]
        samples = [[*context, Noised(x[0].cpu(), at, now)] for context in used]
        batch = pack(samples, marks, starts=[0] * len(samples)).to(model.device, model.dtype)
        _, hidden = model.hidden(batch)
        v = model.llm2vae(hidden[batch.noised]).float().unflatten(0, (len(used), 1, -1))
        x = x - (guide(v[0], v[1], None, script.guidance, scales) if len(used) > 1 else v[0]) * (now - then)
    return x
