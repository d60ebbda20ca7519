"""One attention for all tokens, computed in any of three ways, with or without a cache.

Letters in shapes:  R rows   Q query slots   K key slots   H heads   J key-value heads   D numbers per head
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

Queries = Float[Tensor, "R Q H D"]
Keys = Float[Tensor, "R K J D"]
Memory = Float[Tensor, "R slots both D"]
Slots = tuple[Int[Tensor, "R 1"], Int[Tensor, "R Q"]]  # row and column
# the kernels that never write all scores down: at 12,000 tokens those would fill a card several times over
LEAN = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]


@dataclass
class Cache:
    """What the model remembers of each row: keys and values of every layer, and how far each row has come.

    Rows may differ in length: row r owns the first `lengths[r]` slots, the rest is free room. A noised picture is
    never kept. `positions` are the positions that the next token of each row takes. Upstream: `NaiveCache`.
    """

    lengths: Int[Tensor, "R"]
    positions: Int[Tensor, "R"]
    layers: list[Memory] = field(default_factory=list)  # of each layer the keys, then the values, of every slot

    @classmethod
    def empty(cls, rows: int, device: torch.device | str = "cpu") -> "Cache":
        """A cache for `rows` sequences of which nothing is known yet."""
        zeros = torch.zeros(rows, dtype=torch.long, device=device)
        return cls(zeros, zeros.clone())

    @property
    def known(self) -> int:
        """Slots of the longest row that hold something."""
        return int(self.lengths.max()) if self.layers else 0

    def mark(self) -> tuple[Int[Tensor, "R"], Int[Tensor, "R"]]:
        """Where the rows stand now; `at` turns it into a view that has forgotten all that came later."""
        return self.lengths.clone(), self.positions.clone()

    def at(self, mark: tuple[Int[Tensor, "R"], Int[Tensor, "R"]]) -> "Cache":
        """The same memory as it stood at `mark`; nothing is copied, so whatever this one reads next, the other loses.

        Even a batch that is not kept is written behind the rows' ends while it is looked at; see `put`.
        """
        return Cache(mark[0].clone(), mark[1].clone(), list(self.layers))

    def rows(self, index: Int[Tensor, "n"]) -> "Cache":
        """The memory of some rows, copied, in the order of `index`."""
        return Cache(self.lengths[index], self.positions[index], [layer[index] for layer in self.layers])

    @classmethod
    def joined(cls, caches: Sequence["Cache"], room: int) -> "Cache":
        """The memories of several caches as the rows of one, copied, with `room` slots behind the longest."""
        counts = [len(cache.lengths) for cache in caches]
        joined = cls(torch.cat([c.lengths for c in caches]), torch.cat([c.positions for c in caches]))
        known, full = int(joined.lengths.max()), next((cache for cache in caches if cache.layers), joined)
        for number, like in enumerate(full.layers):
            store = like.new_zeros(sum(counts), known + room, *like.shape[2:])
            for cache, rows in zip(caches, store.split(counts), strict=True):
                if cache.layers:
                    part = cache.layers[number][:, :known]
                    rows[:, : part.shape[1]] = part
            joined.layers.append(store)
        return joined

    def slots(self, count: int) -> Slots:
        """Where `count` new tokens of each row go: behind the row's own end. The same for every layer."""
        column = self.lengths[:, None] + torch.arange(count, device=self.lengths.device)
        return torch.arange(len(column), device=column.device)[:, None], column

    def put(
        self, layer: int, new: Float[Tensor, "R Q both D"], slots: Slots, end: int
    ) -> Float[Tensor, "R {end} both D"]:
        """Write a layer's new keys and values into their slots; returns the first `end` slots, old and new.

        They count as known once `advance` says so; what is written and not counted is written over.
        """
        if layer == len(self.layers):
            self.layers.append(new.new_zeros(len(new), 0, *new.shape[2:]))
        self.layers[layer] = _with_room(self.layers[layer], end)
        self.layers[layer][slots] = new
        return self.layers[layer][:, :end]

    def advance(self, used: Int[Tensor, "R"], positions: Int[Tensor, "R"]) -> None:
        """Count what `put` wrote as known, once every layer has written it."""
        self.lengths, self.positions = self.lengths + used, positions.clone()


def _with_room(store: Memory, needed: int) -> Float[Tensor, "R room both D"]:
    """The store, grown by half but at most by 1024 slots when it is too short, so that growing stays rare."""
    if store.shape[1] >= needed:
        return store
    room = max(needed, min(store.shape[1] * 3 // 2, store.shape[1] + 1024))
    grown = store.new_zeros(store.shape[0], room, *store.shape[2:])
    grown[:, : store.shape[1]] = store
    return grown


def additive(mask: Bool[Tensor, "R Q K"], like: Tensor) -> Float[Tensor, "R Q K"]:
    """A mask as what is added to the scores: nothing where a query may look, the lowest number where it may not."""
    device = like.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else like.dtype
    keys = mask.shape[-1]
    room = keys + -keys % 8 if mask.is_cuda else keys  # a card wants rows of whole eights, else it copies the mask
    bias = torch.zeros(*mask.shape[:-1], room, dtype=dtype, device=mask.device)[..., :keys]
    return bias.masked_fill_(~mask, torch.finfo(dtype).min)


def attend(
    queries: Queries, keys: Keys, values: Keys, bias: Float[Tensor, "R Q K"] | BlockMask, how: str
) -> Float[Tensor, "R Q H D"]:
    """Each query takes a weighted mean of the values it may see; heads share keys and values in groups.

    bias: a mask made `additive`, or for `flex` a mask cut into `blocks`. `explicit` is softmax written out: on a CPU
    its backward is about twice as fast as that of `sdpa`.
    """
    q, k, v = (x.transpose(1, 2) for x in (queries, keys, values))
    if how == "flex":
        return _flex(q, k, v, bias if isinstance(bias, BlockMask) else blocks(bias == 0)).transpose(1, 2)
    if how == "sdpa":
        return _sdpa(q, k, v, bias[:, None]).transpose(1, 2)
    rows, heads, length, width = q.shape
    groups = k.shape[1]
    # (R H Q D) -> (R J H/J*Q D): the heads that share a key stand one after another, so keys are not repeated
    q = (q * width**-0.5).reshape(rows, groups, heads // groups * length, width)
    scores = (q @ k.transpose(-1, -2)).reshape(rows, heads, length, -1)
    with torch.autocast(scores.device.type, enabled=False):  # it would widen the scores and narrow them again
        weights = torch.softmax(scores.add_(bias[:, None]), dim=-1)
    mixed = weights.reshape(rows, groups, heads // groups * length, -1) @ v
    return mixed.reshape(rows, heads, length, width).transpose(1, 2)


def _sdpa(
    q: Float[Tensor, "R H Q D"],
    k: Float[Tensor, "R J K D"],
    v: Float[Tensor, "R J K D"],
    bias: Float[Tensor, "R 1 Q K"],
) -> Float[Tensor, "R H Q D"]:
    """The same through torch's own attention, on a card without ever holding all scores.

    Torch's kernels for masks want one key head for each query head; asked to share them, torch would fall back to
    writing out the scores. So on a card the keys are repeated, and that fallback is ruled out.
    """
    grouped = q.shape[1] != k.shape[1]
    if not q.is_cuda:
        return scaled_dot_product_attention(q, k, v, bias, enable_gqa=grouped)
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v)) if grouped else (k, v)
    with sdpa_kernel(LEAN):
        return scaled_dot_product_attention(q, k, v, bias)


def blocks(mask: Bool[Tensor, "R Q K"]) -> BlockMask:
    """A mask cut into blocks of 128 x 128 for flex attention, which skips those that are empty.

    Made once for a batch, since it is the same in every layer.
    """
    return create_block_mask(lambda r, h, i, j: mask[r, i, j], len(mask), None, *mask.shape[1:], device=mask.device)


@lru_cache(1)
def _fused():
    """Flex attention compiled into one kernel; uncompiled it would write all scores down."""
    return torch.compile(flex_attention)


def _flex(
    q: Float[Tensor, "R H Q D"], k: Float[Tensor, "R J K D"], v: Float[Tensor, "R J K D"], block: BlockMask
) -> Float[Tensor, "R H Q D"]:
    """The same through flex attention, which skips the blocks of the mask that are empty (CUDA, long rows).

    On a CPU torch runs it unfused, which is slow, and forward only.
    """
    run = _fused() if q.is_cuda else flex_attention
    return run(q, k, v, block_mask=block, enable_gqa=q.shape[1] != k.shape[1])
