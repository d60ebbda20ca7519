"""One attention for all tokens, computed in any of three ways, with or without a cache.

Letters in shapes:  R rows   Q query slots   K key slots   H heads   J key-value heads   D numbers per head
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

Queries = Float[Tensor, "R Q H D"]
Keys = Float[Tensor, "R K J D"]
Longer = Float[Tensor, "R longer J D"]


@dataclass
class Cache:
    """What the model remembers of each row: keys and values of every layer, and how far each row has come.

    Rows may differ in length: row r owns the first `lengths[r]` slots, the rest is free room. A noised picture is
    never kept. `positions` are the positions that the next token of each row takes. Upstream: `NaiveCache`.
    """

    lengths: Int[Tensor, "R"]
    positions: Int[Tensor, "R"]
    keys: list[Keys] = field(default_factory=list)
    values: list[Keys] = field(default_factory=list)
    scratch: int = 0  # slots behind the longest row that belong to this cache alone and hold nothing

    @classmethod
    def empty(cls, rows: int, device: torch.device | str = "cpu") -> "Cache":
        """A cache for `rows` sequences of which nothing is known yet."""
        zeros = torch.zeros(rows, dtype=torch.long, device=device)
        return cls(zeros, zeros.clone())

    def mark(self) -> tuple[Int[Tensor, "R"], Int[Tensor, "R"]]:
        """Where the rows stand now; `at` turns it into a view that has forgotten all that came later."""
        return self.lengths.clone(), self.positions.clone()

    def at(self, mark: tuple[Int[Tensor, "R"], Int[Tensor, "R"]]) -> "Cache":
        """The same memory as it stood at `mark`; nothing is copied."""
        return Cache(mark[0].clone(), mark[1].clone(), list(self.keys), list(self.values))

    def rows(self, index: Int[Tensor, "n"]) -> "Cache":
        """The memory of some rows, copied, in the order of `index`."""
        return Cache(
            self.lengths[index],
            self.positions[index],
            [k[index] for k in self.keys],
            [v[index] for v in self.values],
        )

    @classmethod
    def joined(cls, caches: Sequence["Cache"], room: int) -> "Cache":
        """The memories of several caches as the rows of one, copied, with `room` slots behind the longest.

        That room is for what is looked at and not kept: a picture being drawn, whose keys change at every step.
        """
        lengths = torch.cat([cache.lengths for cache in caches])
        joined = cls(lengths, torch.cat([cache.positions for cache in caches]), scratch=room)
        known = int(lengths.max())
        full = next((cache for cache in caches if cache.keys), None)
        for mine, name in ((joined.keys, "keys"), (joined.values, "values")):
            for layer, like in enumerate(getattr(full, name) if full else []):
                store = like.new_zeros(len(lengths), known + room, *like.shape[2:])
                for cache, rows in zip(caches, store.split([len(cache.lengths) for cache in caches]), strict=True):
                    part = getattr(cache, name)[layer][:, :known] if cache.keys else like[:0, :0]
                    rows[: len(part), : part.shape[1]] = part
                mine.append(store)
        return joined

    def recall(self, layer: int, known: int, keys: Keys, values: Keys) -> tuple[Longer, Longer]:
        """A layer's first `known` keys and values with new ones behind them, which are not kept."""
        both = []
        for store, new in ((self.keys[layer], keys), (self.values[layer], values)):
            if new.shape[1] <= self.scratch:
                store[:, known : known + new.shape[1]] = new
                both.append(store[:, : known + new.shape[1]])
            else:
                both.append(torch.cat([store[:, :known], new], dim=1))
        return both[0], both[1]

    def put(self, index: Int[Tensor, "n"], part: "Cache") -> None:
        """Write the memory of some rows back, after they went on alone."""
        for mine, theirs in ((self.keys, part.keys), (self.values, part.values)):
            for layer, tensor in enumerate(theirs):
                if layer == len(mine):
                    mine.append(tensor.new_zeros(len(self.lengths), *tensor.shape[1:]))
                mine[layer] = _with_room(mine[layer], tensor.shape[1])
                mine[layer][index, : tensor.shape[1]] = tensor
        self.lengths[index], self.positions[index] = part.lengths, part.positions

    def append(self, layer: int, keys: Keys, values: Keys) -> None:
        """Store a layer's new keys and values behind each row's own end; `advance` says how many count."""
        if layer == len(self.keys):
            self.keys.append(keys.new_zeros(len(keys), 0, *keys.shape[2:]))
            self.values.append(values.new_zeros(len(values), 0, *values.shape[2:]))
        end = int((self.lengths + keys.shape[1]).max())
        column = self.lengths[:, None] + torch.arange(keys.shape[1], device=keys.device)
        row = torch.arange(len(keys), device=keys.device)[:, None]
        for store, new in ((self.keys, keys), (self.values, values)):
            store[layer] = _with_room(store[layer], end)
            store[layer][row, column] = new

    def advance(self, used: Int[Tensor, "R"], positions: Int[Tensor, "R"]) -> None:
        """Count what `append` stored as known, once every layer has stored it."""
        self.lengths, self.positions = self.lengths + used, positions.clone()


def _with_room(store: Keys, needed: int) -> Float[Tensor, "R room J D"]:
    """The store, grown by half when it is too short, so that growing stays rare."""
    if store.shape[1] >= needed:
        return store
    room = max(needed, store.shape[1] * 3 // 2)
    grown = store.new_zeros(store.shape[0], room, *store.shape[2:])
    grown[:, : store.shape[1]] = store
    return grown


def attend(
    queries: Queries, keys: Keys, values: Keys, mask: Bool[Tensor, "R Q K"], how: str
) -> Float[Tensor, "R Q H D"]:
    """Each query takes a weighted mean of the values it may see; heads share keys and values in groups.

    `explicit` is softmax written out: on a CPU its backward is about twice as fast as that of `sdpa`.
    """
    q, k, v = (x.transpose(1, 2) for x in (queries, keys, values))
    if how == "flex":
        return _flex(q, k, v, mask).transpose(1, 2)
    if how == "sdpa":
        grouped = q.shape[1] != k.shape[1]
        return scaled_dot_product_attention(q, k, v, mask[:, None], enable_gqa=grouped).transpose(1, 2)
    rows, heads, length, width = q.shape
    groups = k.shape[1]
    # (R H Q D) -> (R J H/J*Q D): the heads that share a key stand one after another, so keys are not repeated
    q = (q * width**-0.5).reshape(rows, groups, heads // groups * length, width)
    scores = (q @ k.transpose(-1, -2)).reshape(rows, heads, length, -1)
    bias = torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, torch.finfo(scores.dtype).min)
    with torch.autocast(scores.device.type, enabled=False):  # it would widen the scores and narrow them again
        weights = torch.softmax(scores.add_(bias[:, None]), dim=-1)
    mixed = weights.reshape(rows, groups, heads // groups * length, -1) @ v
    return mixed.reshape(rows, heads, length, width).transpose(1, 2)


def _flex(q: Tensor, k: Tensor, v: Tensor, mask: Bool[Tensor, "R Q K"]) -> Tensor:
    """The same through flex attention, which skips the blocks of the mask that are empty (CUDA, long rows).

    On a CPU torch runs it unfused, which is slow, and forward only.
    """
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    block = create_block_mask(lambda r, h, i, j: mask[r, i, j], len(mask), None, *mask.shape[1:], device=q.device)
    return flex_attention(q, k, v, block_mask=block, enable_gqa=q.shape[1] != k.shape[1])
