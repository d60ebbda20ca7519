"""Our packed batches beside the original's one long sequence: which token is which.

Letters in shapes:  N tokens   W width   s tokens of the original's sequence
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mini_model.model.pictures import patchify
from mini_model.model.sequence import Marks, Sample, pack, segment_length
from mini_model.model.unified import UnifiedModel


class Laid:
    """A batch and the place of each token in the original's sequence, where sample follows sample.

    Without `starts` all samples share one row, longest first as `pack` lays them; with `starts` each one
    continues a cache in a row of its own.
    """

    def __init__(self, samples: Sequence[Sample], marks: Marks, starts: Sequence[int] | None = None) -> None:
        sizes = [sum(map(segment_length, sample)) for sample in samples]
        self.batch = pack(samples, marks, None if starts is not None else sum(sizes), starts)
        first = [sum(sizes[:i]) for i in range(len(sizes))]
        of_slot = torch.full((self.batch.rows * self.batch.length,), -1)
        column = 0
        for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
            slot = column if starts is None else i * self.batch.length
            of_slot[slot : slot + sizes[i]] = first[i] + torch.arange(sizes[i])
            column += sizes[i]
        self.at = of_slot[self.batch.slot]
        self.slots = torch.empty(sum(sizes), dtype=torch.long)
        self.slots[self.at] = self.batch.slot

    def in_order(self, x: Tensor) -> Tensor:
        """What belongs to each token, in the original's order."""
        out = torch.empty_like(x)
        out[self.at] = x
        return out

    def part(self, kind: str) -> slice:
        """Where the tokens of a kind stand in the batch: text, seen or latents."""
        batch = self.batch
        text, seen = len(batch.text_ids), len(batch.text_ids) + len(batch.patches)
        return {"text": slice(0, text), "seen": slice(text, seen), "latents": slice(seen, None)}[kind]

    def indexes(self, kind: str) -> Int[Tensor, "n"]:
        """The places of the tokens of a kind, rising."""
        return self.at[self.part(kind)].sort().values

    def sorted(self, kind: str, x: Tensor) -> Tensor:
        """What belongs to the tokens of a kind, in the original's order."""
        return x[self.at[self.part(kind)].argsort()]

    def mask(self) -> Bool[Tensor, "s s"]:
        """Who may see whom, in the original's order."""
        row, column = self.slots // self.batch.length, self.slots % self.batch.length
        return self.batch.mask[row[:, None], column[:, None], column] & (row[:, None] == row)

    def seen_lengths(self) -> list[int]:
        """Patches of each seen picture, in the original's order."""
        counts, places = self.batch.patch_counts, self.at[self.part("seen")].split(self.batch.patch_counts)
        return [count for _, count in sorted(zip((int(p[0]) for p in places), counts, strict=True))]


@contextmanager
def outputs_of(layers: nn.ModuleList) -> Iterator[list[Tensor]]:
    """Collects what each layer gives back while the block runs; the experts' streams become one."""
    kept = []

    def keep(_layer: nn.Module, _inputs: tuple, out: Tensor | tuple[Tensor, Tensor]) -> None:
        kept.append(out if isinstance(out, Tensor) else torch.cat(out))

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def attention(model: UnifiedModel, how: str) -> Iterator[None]:
    """Lets the model attend in another way while the block runs."""
    before, model.config.attention = model.config.attention, how
    try:
        yield
    finally:
        model.config.attention = before


def pad_together(pictures: Sequence[Float[Tensor, "3 _ _"]]) -> Float[Tensor, "B 3 H W"]:
    """Pictures with zeros at the right and the bottom, so that all have the size of the largest edges."""
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (1, 2))
    padded = torch.zeros(len(pictures), 3, height, width)
    for picture, room in zip(pictures, padded, strict=True):
        room[:, : picture.shape[1], : picture.shape[2]] = picture
    return padded


def latent_grid(model: UnifiedModel, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the latent tokens of a picture of this size."""
    return height // model.config.pixels_per_token, width // model.config.pixels_per_token


@torch.no_grad()
def encode_together(
    model: UnifiedModel, pictures: Sequence[Float[Tensor, "3 _ _"]]
) -> tuple[Float[Tensor, "B C h w"], list[Float[Tensor, "_ channels"]]]:
    """Latents of padded pictures, and each picture's own tokens.

    The original encodes a batch like this; its norms see the padding, so it changes the latents a little.
    """
    latents = model.autoencoder.encode(pad_together(pictures))
    edge, tokens = model.config.latent_patch_size, []
    for picture, z in zip(pictures, latents, strict=True):
        rows, columns = latent_grid(model, *picture.shape[1:])
        tokens.append(patchify(z[:, : rows * edge, : columns * edge], edge))
    return latents, tokens
