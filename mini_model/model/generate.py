"""Writing and drawing with a memory: feed segments, write words one by one, draw a picture step by step.

Every function takes a batch of sequences at once, one row each; rows may differ in length.

Letters in shapes:  R rows   n tokens of a picture   C numbers in a token
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mini_model.model.attention import Cache
from mini_model.model.flow import Guidance, guide, schedule
from mini_model.model.pictures import patchify, places, unpatchify
from mini_model.model.sequence import Clean, Marks, Noised, Packed, Sample, Seen, pack
from mini_model.model.unified import UnifiedModel

UNGUIDED = Guidance()
Choose = Callable[[Float[Tensor, "R V"]], Int[Tensor, "R"]]


@torch.no_grad()
def feed(model: UnifiedModel, cache: Cache, samples: Sequence[Sample], marks: Marks) -> Float[Tensor, "U W"]:
    """Let each row read its segments, and remember them; returns the hidden states of the understanding tokens."""
    batch = pack(samples, marks, starts=cache.positions.tolist()).to(model.device, model.dtype)
    return model.hidden(batch, cache, keep=True)[0]


@torch.no_grad()
def next_logits(
    model: UnifiedModel, cache: Cache, ids: Int[Tensor, "R"], active: Bool[Tensor, "R"]
) -> Float[Tensor, "R V"]:
    """Feed one token to each active row and say what may come next; the other rows stay as they are."""
    rows, positions, active = len(ids), cache.positions.cpu(), active.long().cpu()
    none = torch.zeros(0, dtype=torch.long)
    batch = Packed(
        rows=rows, length=1, text_ids=ids.cpu(), patches=torch.zeros(0, 0), patch_at=none, patch_counts=[],
        latents=torch.zeros(0, 0), noise=torch.zeros(0, 0), latent_at=none, time=torch.zeros(0),
        noised=torch.zeros(0, dtype=torch.bool), slot=torch.arange(rows), position=positions,
        mask=torch.ones(rows, 1, 1, dtype=torch.bool), ce_at=none, ce_labels=none, lengths=active,
        after=positions + active,
    ).to(model.device, model.dtype)  # fmt: skip
    words, _ = model.hidden(batch, cache, keep=True)
    return model.language_model.lm_head(words).float()


@dataclass
class Written:
    """What the rows wrote: the ids between the marks, whether each came to its end, and the token after it."""

    ids: list[list[int]]
    ended: list[bool]
    then: list[int]  # the likeliest token after the end mark: the start of a picture means "now draw"
    forwards: int = 0
    tokens: int = 0


def write(
    model: UnifiedModel,
    cache: Cache,
    marks: Marks,
    limit: int,
    choose: Choose,
    begun: Sequence[Sequence[int]] = (),
) -> Written:
    """Let the rows write until each has set its end mark, at most `limit` words; all is remembered.

    begun: ids that a row must begin with; from there on it writes by itself.
    The end mark is fed as well, since the choice between drawing and stopping is read right after it. A row that
    runs into the limit is given its end mark.
    """
    active = torch.ones(len(cache.lengths), dtype=torch.bool)
    wrote = Written([[] for _ in active], [False] * len(active), [marks.text_end] * len(active))
    ids = torch.full((len(active),), marks.text_start)
    for step in range(limit + 1):
        logits = next_logits(model, cache, ids, active)
        wrote.forwards, wrote.tokens = wrote.forwards + 1, wrote.tokens + int(active.sum())
        ids = choose(logits).cpu()
        for row, given in enumerate(begun):
            ids[row] = given[step] if step < len(given) else ids[row]
        if step == limit:
            ids = torch.where(active, marks.text_end, ids)
        ending = active & (ids == marks.text_end)
        if ending.any():
            after = next_logits(model, cache, ids, ending)
            wrote.forwards, wrote.tokens = wrote.forwards + 1, wrote.tokens + int(ending.sum())
            for row in ending.nonzero().flatten().tolist():
                wrote.ended[row], wrote.then[row] = step < limit, int(after[row].argmax())
        active = active & ~ending
        for row in active.nonzero().flatten().tolist():
            wrote.ids[row].append(int(ids[row]))
        if not active.any():
            break
    return wrote


def greedy(logits: Float[Tensor, "R V"]) -> Int[Tensor, "R"]:
    """Always the likeliest word."""
    return logits.argmax(-1)


def sampler(temperature: float, generator: torch.Generator) -> Choose:
    """Words drawn by their probability; a temperature under 1 keeps to the likelier ones, 0 is greedy."""

    def choose(logits: Float[Tensor, "R V"]) -> Int[Tensor, "R"]:
        weights = torch.softmax(logits.cpu() / temperature, dim=-1)
        return torch.multinomial(weights, 1, generator=generator)[:, 0]

    return choose if temperature > 0 else greedy


@torch.no_grad()
def draw(
    model: UnifiedModel,
    contexts: Sequence[Cache],
    noise: Float[Tensor, "R n C"],
    grid: tuple[int, int],
    marks: Marks,
    steps: int,
    shift: float,
    guidance: Guidance = UNGUIDED,
    apart: bool = False,
) -> Iterator[Float[Tensor, "R n C"]]:
    """Walk from noise to latents, yielding the tokens after each Euler step.

    `contexts` holds one to three memories of the same rows: everything; everything but the last words; nothing but
    the words. All guidance branches go through the model in one forward, or one after another where they are kept
    `apart`: slower, in a third of the memory.
    """
    at = places_of(model, grid)
    x, times = noise.to(model.device, torch.float32), schedule(steps, shift)
    canvases: Canvases = {}
    for now, then in zip(times.tolist(), times[1:].tolist(), strict=False):
        x = x - guided_velocity(model, contexts, x, at, now, marks, guidance, canvases, apart) * (now - then)
        yield x


@dataclass
class Canvas:
    """All that stays as it is while a picture is drawn: what each branch knows, and where the new tokens stand."""

    contexts: Sequence[Cache]
    joined: Cache | None  # the contexts as one; None: joined anew for each step, and forgotten again
    batch: Packed

    @classmethod
    def of(
        cls,
        model: UnifiedModel,
        contexts: Sequence[Cache],
        x: Float[Tensor, "R n C"],
        at: Int[Tensor, "n"],
        marks: Marks,
        keep: bool = True,
    ) -> "Canvas":
        """A picture's tokens at the end of each branch's context; nothing will be remembered of them."""
        samples = [[Noised(tokens, at, 1.0)] for tokens in x.repeat(len(contexts), 1, 1).cpu()]
        batch = pack(samples, marks, starts=torch.cat([c.positions for c in contexts]).tolist())
        joined = Cache.joined(contexts, batch.length) if keep else None
        return cls(contexts, joined, batch.to(model.device, model.dtype))

    def velocities(
        self, model: UnifiedModel, x: Float[Tensor, "R n C"], time: float
    ) -> Float[Tensor, "branches R n C"]:
        """The velocity of every picture in every branch, in one forward."""
        branches = len(self.contexts)
        tokens = x.to(model.dtype).repeat(branches, 1, 1).flatten(0, 1)
        batch = replace(self.batch, latents=tokens, noise=tokens, time=torch.full_like(self.batch.time, time))
        _, hidden = model.hidden(batch, self.joined or Cache.joined(self.contexts, batch.length))
        return model.llm2vae(hidden).float().unflatten(0, (branches, *x.shape[:2]))


Canvases = dict[tuple[int, int], Canvas]  # for one picture, by the first branch on it and the one after its last


@torch.no_grad()
def guided_velocity(
    model: UnifiedModel,
    contexts: Sequence[Cache],
    x: Float[Tensor, "R n C"],
    at: Int[Tensor, "n"],
    time: float,
    marks: Marks,
    guidance: Guidance,
    canvases: Canvases,
    apart: bool = False,
) -> Float[Tensor, "R n C"]:
    """Where each picture goes from here, guided as far as this time allows it; `canvases` begins empty, and is filled.

    apart: the branches go through the model one after another.
    """
    scales = guidance.at(time)
    branches = len(contexts) if scales[0] > 1 else 1
    parts = [(i, i + 1) for i in range(branches)] if apart else [(0, branches)]
    for part in parts:
        if part not in canvases:
            canvases[part] = Canvas.of(model, contexts[slice(*part)], x, at, marks, keep=not apart)
    v = torch.cat([canvases[part].velocities(model, x, time) for part in parts])
    return guide(v[0], v[1], v[2] if branches > 2 else None, guidance, scales) if branches > 1 else v[0]


def places_of(model: UnifiedModel, grid: tuple[int, int]) -> Int[Tensor, "n"]:
    """Where the latent tokens of a picture look up their places."""
    return places(*grid, model.config.max_latent_size, model.config.interpolate_pos)


@torch.no_grad()
def encode_pictures(model: UnifiedModel, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B n C"]:
    """The latent tokens of pictures of one size (the posterior's mean)."""
    latents = model.autoencoder.encode(pixels.to(model.device, model.dtype))
    return torch.stack([patchify(z, model.config.latent_patch_size) for z in latents])


@torch.no_grad()
def decode_tokens(
    model: UnifiedModel, tokens: Float[Tensor, "B n C"], grid: tuple[int, int]
) -> Float[Tensor, "B 3 H W"]:
    """Pixels from latent tokens."""
    latents = torch.stack([unpatchify(t, model.config.latent_patch_size, *grid) for t in tokens])
    return model.autoencoder.decode(latents.to(model.device, model.dtype)).float()


def clean_segment(model: UnifiedModel, tokens: Float[Tensor, "n C"], grid: tuple[int, int]) -> Clean:
    """A picture's latent tokens as something that is there."""
    return Clean(tokens, places_of(model, grid))


def seen_segment(model: UnifiedModel, pixels: Float[Tensor, "3 H W"]) -> Seen:
    """A picture's pixels, already of a fitting size, as the vision encoder's patches."""
    patch = model.config.vit_config["patch_size"]
    rows, columns = (edge // patch for edge in pixels.shape[1:])
    table, stretch = model.config.vit_max_num_patch_per_side, model.config.interpolate_pos
    return Seen(patchify(pixels, patch), places(rows, columns, table, stretch))
