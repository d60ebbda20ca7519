"""Text and pictures in one sequence: segments in, one packed batch out.

A sample is a list of segments. Each segment says what its tokens are; everything else follows from four rules
(upstream `data/dataset_base.py`, `data/data_utils.py`):

    segment   tokens                                  expert  sees                        moves the position by
    Text      <|im_start|> ids <|im_end|>             und     what came before it         its length
    Seen      <|vision_start|> patches <|vision_end|> und     all of itself + before      1
    Clean     <|vision_start|> latents <|vision_end|> gen*    all of itself + before      1
    Noised    <|vision_start|> latents <|vision_end|> gen*    all of itself + before      0

    * the latents go to the generation expert; the two marks around a picture always go to the understanding one.

Every token of a picture has one and the same position. Nobody but itself ever sees a noised picture: what comes
later looks at the clean copy. A noised picture does not move the position, so the clean copy that follows takes
its place, and several noised copies of one picture can share one context.

Letters in shapes:  R rows   L slots in a row   T text tokens (marks included)   S seen patches   G latent tokens
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CAUSAL, FULL, NOISE = 0, 1, 2  # how a split attends


class Marks(NamedTuple):
    """The four special tokens: start and end of a text, start and end of a picture."""

    text_start: int
    text_end: int
    picture_start: int
    picture_end: int


@dataclass
class Text:
    """Words. With `loss`, each next token is a target; `then` is the token to switch to after the end mark."""

    ids: list[int]
    loss: bool = False
    then: int | None = None
    given: int = 0  # so many of the ids are no targets: they are there to be gone on from
    marks: bool = True  # False: the ids stand alone, as when one token is fed at a time


@dataclass
class Seen:
    """A picture as the vision encoder sees it: flattened pixel patches and their places in its tables."""

    patches: Float[Tensor, "s pixels"]
    at: Int[Tensor, "s"]


@dataclass
class Clean:
    """A picture that is there: its latents as tokens, at time 0."""

    tokens: Float[Tensor, "g channels"]
    at: Int[Tensor, "g"]


@dataclass
class Noised:
    """A picture being drawn: its latents mixed with noise at time t (1 is noise alone); the target of the loss."""

    tokens: Float[Tensor, "g channels"]
    at: Int[Tensor, "g"]
    time: float
    noise: Float[Tensor, "g channels"] | None = None  # None: the tokens are already mixed, as in the sampler


Segment = Text | Seen | Clean | Noised
Sample = Sequence[Segment]


@dataclass
class Packed:
    """One batch. Tokens are stored by kind, text then seen then latents; `*_slot` says where each one stands.

    The first T + S tokens belong to the understanding expert and the last G to the generation expert, so that each
    expert works on one unbroken block; only attention needs the order of the rows.
    """

    rows: int
    length: int
    text_ids: Int[Tensor, "T"]
    patches: Float[Tensor, "S pixels"]
    patch_at: Int[Tensor, "S"]
    patch_counts: list[int]  # patches of each seen picture
    latents: Float[Tensor, "G channels"]
    noise: Float[Tensor, "G channels"]
    latent_at: Int[Tensor, "G"]
    time: Float[Tensor, "G"]
    noised: Bool[Tensor, "G"]
    slot: Int[Tensor, "N"]  # N = T + S + G: row * L + column of each token
    position: Int[Tensor, "N"]
    mask: Bool[Tensor, "R L L"]  # mask[r, q, k]: may slot q see slot k
    ce_at: Int[Tensor, "C"]  # which text tokens predict (indices into the T text tokens)
    ce_labels: Int[Tensor, "C"]
    lengths: Int[Tensor, "R"]  # slots in use in each row
    after: Int[Tensor, "R"]  # the next free position of each row's last sample

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Packed":
        """The same batch on another device; `dtype` is that of pixels, latents and noise (times stay exact)."""

        def move(name: str, value):
            if not isinstance(value, Tensor):
                return value
            cast = dtype is not None and value.is_floating_point() and name != "time"
            return value.to(device, dtype if cast else value.dtype, non_blocking=True)

        return Packed(**{f.name: move(f.name, getattr(self, f.name)) for f in fields(self)})


class _Layout:
    """Collects plain lists while the samples are walked through; `pack` turns them into tensors."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.text_ids, self.text_slot, self.text_position = [], [], []
        self.ce_at, self.ce_labels = [], []
        self.seen, self.seen_slot, self.seen_position = [], [], []
        self.latents, self.latent_slot, self.latent_position = [], [], []
        self.splits = []  # (row, start, end, sample, kind)

    def text(self, segment: Text, start: int, position: int) -> int:
        """Lay down a text from a slot and a position on; returns how many slots it took."""
        marks = self.marks
        ids = [marks.text_start, *segment.ids, marks.text_end] if segment.marks else list(segment.ids)
        if segment.loss:
            first = len(self.text_ids) + segment.given
            targets = [*ids[1 + segment.given :], *([] if segment.then is None else [segment.then])]
            self.ce_at += range(first, first + len(targets))
            self.ce_labels += targets
        self.text_ids += ids
        self.text_slot += range(start, start + len(ids))
        self.text_position += range(position, position + len(ids))
        return len(ids)

    def picture(self, segment: Seen | Clean | Noised, start: int, position: int) -> int:
        """Lay down a picture between its two marks, all at one position; returns how many slots it took."""
        count = len(segment.at)
        self.text_ids += [self.marks.picture_start, self.marks.picture_end]
        self.text_slot += [start, start + count + 1]
        self.text_position += [position, position]
        seen = isinstance(segment, Seen)
        (self.seen if seen else self.latents).append(segment)
        (self.seen_slot if seen else self.latent_slot).append(np.arange(start + 1, start + 1 + count))
        (self.seen_position if seen else self.latent_position).append(np.full(count, position))
        return count + 2


def segment_length(segment: Segment) -> int:
    """Slots that a segment takes, marks included."""
    if isinstance(segment, Text):
        return len(segment.ids) + 2 * segment.marks
    return len(segment.at) + 2


def _fill_rows(sizes: list[int], length: int | None) -> list[list[int]]:
    """Which samples share a row: longest first, each into the first row with room (first-fit decreasing).

    Without a `length` none do.
    """
    order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
    if length is None:
        return [[sample] for sample in order]
    room = max(length, max(sizes))
    rows, left = [], []
    for sample in order:
        fit = next((r for r, free in enumerate(left) if free >= sizes[sample]), None)
        if fit is None:
            rows.append([])
            left.append(room)
            fit = len(rows) - 1
        rows[fit].append(sample)
        left[fit] -= sizes[sample]
    return rows


def pack(
    samples: Sequence[Sample],
    marks: Marks,
    length: int | None = None,
    starts: Sequence[int] | None = None,
) -> Packed:
    """Lay samples into rows and write down, for every token, its place, position, expert, and what it may see.

    Each sample has a row of its own, the longest first, so that attention can go by rows of about one length. With
    `length`, the room in a row, several samples share one and never see each other. With `starts`, one position per
    sample, each sample continues a cache, and the rows keep the samples' order.
    """
    sizes = [sum(map(segment_length, sample)) for sample in samples]
    bins = [[i] for i in range(len(samples))] if starts is not None else _fill_rows(sizes, length)
    width = max(sum(sizes[i] for i in row) for row in bins)
    layout, after = _Layout(marks), []
    for r, row in enumerate(bins):
        column = 0
        for i in row:
            position = starts[i] if starts is not None else 0
            for segment in samples[i]:
                start = r * width + column
                if isinstance(segment, Text):
                    size, kind = layout.text(segment, start, position), CAUSAL
                    moved = size
                else:
                    size = layout.picture(segment, start, position)
                    kind = NOISE if isinstance(segment, Noised) else FULL
                    moved = 0 if kind == NOISE else 1
                layout.splits.append((r, column, column + size, i, kind))
                column, position = column + size, position + moved
        after.append(position)
    return _tensors(layout, len(bins), width, after)


def _tensors(layout: _Layout, rows: int, width: int, after: list[int]) -> Packed:
    """The collected lists as tensors, tokens in the order text, seen, latents."""

    def join(arrays: list, start: list) -> Tensor:
        return torch.from_numpy(np.concatenate([np.array(start, np.int64), *arrays]))

    seen, latents = layout.seen, layout.latents
    # without noise of its own a segment mixes with itself, which changes nothing at any time
    noise = [s.tokens if isinstance(s, Clean) or s.noise is None else s.noise for s in latents]
    empty = torch.zeros(0, 0)
    mask, lengths = attention_mask(layout.splits, rows, width)
    return Packed(
        rows=rows,
        length=width,
        text_ids=torch.tensor(layout.text_ids, dtype=torch.long),
        patches=torch.cat([s.patches for s in seen]) if seen else empty,
        patch_at=torch.cat([s.at for s in seen]) if seen else torch.zeros(0, dtype=torch.long),
        patch_counts=[len(s.at) for s in seen],
        latents=torch.cat([s.tokens for s in latents]) if latents else empty,
        noise=torch.cat(noise) if latents else empty,
        latent_at=torch.cat([s.at for s in latents]) if latents else torch.zeros(0, dtype=torch.long),
        time=_per_token([s.time if isinstance(s, Noised) else 0.0 for s in latents], latents, torch.float32),
        noised=_per_token([isinstance(s, Noised) for s in latents], latents, torch.bool),
        slot=join([*layout.seen_slot, *layout.latent_slot], layout.text_slot),
        position=join([*layout.seen_position, *layout.latent_position], layout.text_position),
        mask=mask,
        ce_at=torch.tensor(layout.ce_at, dtype=torch.long),
        ce_labels=torch.tensor(layout.ce_labels, dtype=torch.long),
        lengths=lengths,
        after=torch.tensor(after),
    )


def _per_token(values: list, segments: list, dtype: torch.dtype) -> Tensor:
    """One value a segment, repeated for each of its tokens."""
    counts = torch.tensor([len(s.at) for s in segments], dtype=torch.long)
    return torch.tensor(values, dtype=dtype).repeat_interleave(counts)


def attention_mask(
    splits: list[tuple[int, int, int, int, int]], rows: int, width: int
) -> tuple[Bool[Tensor, "R L L"], Int[Tensor, "R"]]:
    """Who may see whom: same sample, and earlier or in the same picture, and never another's noised picture.

    `splits` holds (row, start, end, sample, kind) of each segment, row after row. An empty slot sees itself
    alone, so that no row of the softmax is empty. Source of the rule: upstream `data/data_utils.py`, restated.
    """
    may = np.zeros((rows, width, width), bool)
    may[:, range(width), range(width)] = True
    lengths = np.zeros(rows, np.int64)
    for row, segments in groupby(splits, key=itemgetter(0)):
        mine = list(segments)
        lengths[row] = end = max(split[2] for split in mine)
        may[row, :end, :end] = _row_mask(mine, end)  # row by row: most are far shorter than the longest
    return torch.from_numpy(may), torch.from_numpy(lengths)


def _row_mask(splits: list[tuple[int, int, int, int, int]], end: int) -> np.ndarray:
    """The rule above for one row, as (end, end) truth values; a slot before `end` that no segment has sees itself."""
    sample, split, kind = np.full(end, -1), -1 - np.arange(end), np.zeros(end, np.int8)
    for index, (_, start, stop, owner, how) in enumerate(splits):
        sample[start:stop], split[start:stop], kind[start:stop] = owner, index, how
    together = split[:, None] == split
    may = (sample[:, None] == sample) & (np.tri(end, dtype=bool) | (together & (kind != CAUSAL)[:, None]))
    return may & (together | (kind != NOISE))
