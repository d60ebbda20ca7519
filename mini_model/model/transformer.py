"""One transformer, two experts: every token has its own half of each layer, and all meet in attention.

Text and seen pictures go through the understanding expert, latents through the generation expert (`*_moe_gen`).
The experts own their norms, projections and MLPs; attention is one for all. Tokens arrive sorted by expert, so
each expert works on one unbroken block and nothing is gathered or scattered outside attention.
Upstream: `modeling/bagel/qwen2_navit.py`, whose parameter names these are.

Letters in shapes:  N tokens   U of them und's   G gen's   W width   R rows   L slots in a row   D numbers per head
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask
from torch.nn.functional import linear, pad, rms_norm, silu
from torch.utils.checkpoint import checkpoint
from transformers import Qwen2Config
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

from mini_model.model.attention import Cache, Slots, additive, attend, blocks
from mini_model.model.sequence import Packed

EXPERTS = ("", "_moe_gen")  # the suffix of each expert's parameters: understanding, generation
Tokens = Float[Tensor, "N W"]
Made = TypeVar("Made")
ALIKE = 0.85  # how long a row must be, against the longest, to be worked on beside it
KEPT_TOGETHER = 2**21  # most weights that are kept a second time, side by side, to paint faster
AT_ONCE = 2**26  # most numbers inside an MLP at once where memory is to be saved; the mini model never comes near


Streams = tuple[Float[Tensor, "U W"], Float[Tensor, "G W"]]  # the two experts' tokens


@dataclass
class Route:
    """What every layer needs to know of a batch: who stands where, and who sees whom."""

    batch: Packed
    und: int  # the first `und` tokens are the understanding expert's
    cos: Float[Tensor, "N 1 D"]
    sin: Float[Tensor, "N 1 D"]  # its first half negated, as `rotate` takes it
    cache: Cache | None  # what each row remembers; none in training
    slots: Slots | None  # where in the cache the batch's keys and values go
    bias: Float[Tensor, "R L K"] | BlockMask  # what each slot sees: of the cache, if there is one, else of the batch
    spans: list[tuple[int, int, int]]  # without a cache: rows of about one length, to be worked on together
    how: str


class Norm(nn.Module):
    """Divide by the root mean square, then scale each number by its own weight (Qwen2's RMSNorm)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Float[Tensor, "*any W"]) -> Float[Tensor, "*any W"]:
        """The same directions at unit size; computed in float32 where the input is shorter."""
        return rms_norm(x.float(), self.weight.shape, self.weight.float(), self.eps).to(x.dtype)


def project(x: Float[Tensor, "n W"], *layers: nn.Module) -> Float[Tensor, "n all"]:
    """Several linear layers on the same input, their outputs side by side; a single product when that pays.

    Few large products run faster than many small ones. While weights change it pays once there are more tokens than
    weight rows to put together; layers in 4 bit or with an adapter are called as they are.
    """
    plain = _plain(layers)
    if plain and not torch.is_grad_enabled() and sum(layer.weight.numel() for layer in layers) <= KEPT_TOGETHER:
        parts = [p for layer in layers for p in (layer.weight, layer.bias) if p is not None]
        return linear(x, *kept(layers[0], "together", parts, lambda: _together(layers)))
    if plain and len(x) >= sum(layer.out_features for layer in layers):
        return linear(x, *_together(layers))
    return torch.cat([layer(x) for layer in layers], dim=-1)


def _plain(layers: tuple[nn.Module, ...]) -> bool:
    """Whether these are linear layers and nothing else: not in 4 bit, without an adapter."""
    return all(type(layer) is nn.Linear for layer in layers)


def _together(layers: tuple[nn.Linear, ...]) -> tuple[Tensor, Tensor | None]:
    """The weights of several layers as one weight, their biases as one bias."""
    bias = None if layers[0].bias is None else torch.cat([layer.bias for layer in layers])
    return torch.cat([layer.weight for layer in layers]), bias


def kept(owner: nn.Module, name: str, parts: list[Tensor], make: Callable[[], Made]) -> Made:
    """What is made of some weights, remembered on a module until one of them is another or has changed."""
    state = [(id(p), p.data_ptr(), p._version, p.dtype) for p in parts]
    found = owner.__dict__.get(f"_kept_{name}")
    if found is None or found[0] != state:  # the parts are held too, so that no newcomer can take over their ids
        found = owner.__dict__[f"_kept_{name}"] = (state, make(), parts)
    return found[1]


class Attention(nn.Module):
    """Queries, keys and values by each token's own expert; then one attention over all tokens together."""

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        width, self.heads, self.groups = (
            config.hidden_size,
            config.num_attention_heads,
            config.num_key_value_heads,
        )
        self.head_dim = getattr(config, "head_dim", None) or width // self.heads
        for expert in EXPERTS:
            for name, heads in (("q", self.heads), ("k", self.groups), ("v", self.groups)):
                self.add_module(f"{name}_proj{expert}", nn.Linear(width, heads * self.head_dim))
            self.add_module(f"o_proj{expert}", nn.Linear(self.heads * self.head_dim, width, bias=False))
            self.add_module(f"q_norm{expert}", Norm(self.head_dim, config.rms_norm_eps))
            self.add_module(f"k_norm{expert}", Norm(self.head_dim, config.rms_norm_eps))

    def forward(self, streams: Streams, route: Route, layer: int) -> Streams:
        """Each token's news from the tokens it may see."""
        parts = [self._ask(x, expert) for x, expert in zip(streams, EXPERTS, strict=True) if len(x)]
        qk, v = (torch.cat(part) if len(part) > 1 else part[0] for part in zip(*parts, strict=True))
        rows = to_rows(torch.cat([rotate(qk, route).to(v.dtype), v], dim=1), route)
        q, kv = rows.split([self.heads, 2 * self.groups], dim=2)
        mixed = meet(q, kv, route, layer).flatten(0, 1).flatten(1).index_select(0, route.batch.slot)
        und, gen = mixed[: route.und], mixed[route.und :]
        return self.o_proj(und), self.o_proj_moe_gen(gen) if len(gen) else gen

    def _ask(
        self, x: Float[Tensor, "n W"], expert: str
    ) -> tuple[Float[Tensor, "n turning D"], Float[Tensor, "n groups D"]]:
        """One expert's queries and keys side by side, each head at unit size, since they turn alike; and its values."""
        both = self.heads + self.groups
        asked = project(x, *(getattr(self, f"{name}_proj{expert}") for name in "qkv")).unflatten(
            -1, (-1, self.head_dim)
        )
        qk = rms_norm(asked[:, :both].float(), (self.head_dim,), eps=self.q_norm.eps) * self._scale(expert)
        return qk.to(asked.dtype), asked[:, both:]

    def _scale(self, expert: str) -> Float[Tensor, "turning D"]:
        """The weights of the two head norms, one row for each query head and each key head."""
        q, k = getattr(self, f"q_norm{expert}").weight, getattr(self, f"k_norm{expert}").weight

        def make() -> Tensor:
            return torch.cat([q.expand(self.heads, -1), k.expand(self.groups, -1)]).float()

        return make() if torch.is_grad_enabled() else kept(self, f"scale{expert}", [q, k], make)


def meet(q: Tensor, kv: Tensor, route: Route, layer: int) -> Float[Tensor, "R L H D"]:
    """Attention over the cache, to which the batch's keys and values have been added; or within the batch alone."""
    if route.cache is None:
        return meet_at_length(q, *kv.chunk(2, dim=2), route)
    keys, values = route.cache.put(layer, kv, route.slots, route.bias.shape[-1]).chunk(2, dim=2)
    return attend(q, keys, values, route.bias, "sdpa")  # the fastest where no gradient is wanted


def meet_at_length(q: Tensor, k: Tensor, v: Tensor, route: Route) -> Float[Tensor, "R L H D"]:
    """Attention within the batch, rows of about one length at a time: its cost grows with their square."""
    if route.how == "flex":  # it skips what is empty by itself
        return attend(q, k, v, route.bias, route.how)
    mixed = []
    for start, end, used in route.spans:
        part = (x[start:end, :used] for x in (q, k, v))
        news = attend(*part, route.bias[start:end, :used, :used], route.how)
        mixed.append(pad(news, (0, 0, 0, 0, 0, route.batch.length - used)))
    return torch.cat(mixed) if len(mixed) > 1 else mixed[0]


def spans_of(lengths: list[int]) -> list[tuple[int, int, int]]:
    """Neighbouring rows of about one length: (first row, row after the last, longest of them)."""
    spans: list[tuple[int, int, int]] = []
    for row, length in enumerate(lengths):
        start, _, longest = spans[-1] if spans else (row, row, length)
        if spans and ALIKE * max(longest, length) <= min(lengths[start], length, longest):
            spans[-1] = (start, row + 1, max(longest, length))
        else:
            spans.append((row, row + 1, length))
    return spans


def mask_over(cache: Cache, batch: Packed) -> Bool[Tensor, "R L K"]:
    """What each slot sees: all that its row has stored, and behind it of the batch what the batch's mask allows."""
    slot = torch.arange(cache.known + batch.length, device=batch.mask.device)
    new = (slot - cache.lengths[:, None])[:, None]  # (R 1 K): a slot's place in the batch
    at = new.clamp(0, batch.length - 1).expand(-1, batch.length, -1)  # a view; written out it would be the largest
    return (new < 0) | (new >= 0) & (new < batch.length) & batch.mask.gather(-1, at)


def rotate(x: Float[Tensor, "N heads D"], route: Route) -> Float[Tensor, "N heads D"]:
    """Turn each pair of numbers by an angle that grows with the position, so that only distances matter."""
    return torch.addcmul(x * route.cos, x.roll(x.shape[-1] // 2, -1), route.sin)


def to_rows(x: Float[Tensor, "N heads D"], route: Route) -> Float[Tensor, "R L heads D"]:
    """Tokens sorted by expert, laid into the rows where they stand; empty slots hold zeros."""
    batch = route.batch
    rows = x.new_zeros(batch.rows * batch.length, *x.shape[1:]).index_copy(0, batch.slot, x)
    return rows.unflatten(0, (batch.rows, batch.length))


class Mlp(nn.Module):
    """Two linear layers up, one gating the other, and one down (Qwen2's MLP)."""

    in_parts = False  # while training: think of some tokens at a time, and of all of them once more on the way back

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.most = max(1, AT_ONCE // config.intermediate_size)  # tokens at once

    def forward(self, x: Float[Tensor, "n W"]) -> Float[Tensor, "n W"]:
        """What this token makes of what it knows; no token needs another here, so parts give the same as the whole."""
        learning = torch.is_grad_enabled()
        if len(x) <= self.most or learning and not self.in_parts:
            return self._think(x)
        parts = x.split(self.most)
        if not learning:
            return torch.cat([self._think(part) for part in parts])
        return torch.cat([checkpoint(self._think, part, use_reentrant=False) for part in parts])

    def _think(self, x: Float[Tensor, "n W"]) -> Float[Tensor, "n W"]:
        """Gate, up, and down again."""
        if not _plain((self.gate_proj, self.up_proj)):
            return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        gate, up = project(x, self.gate_proj, self.up_proj).chunk(2, dim=-1)
        return self.down_proj(silu(gate) * up)


class Layer(GradientCheckpointingLayer):
    """Attention, then an MLP, each behind a norm and added to the stream; all but attention exists twice.

    A layer can forget what it computed and compute it again on the way back (transformers' own mechanism).
    """

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        for expert in EXPERTS:
            self.add_module(f"mlp{expert}", Mlp(config))
            for name in ("input_layernorm", "post_attention_layernorm"):
                self.add_module(f"{name}{expert}", Norm(config.hidden_size, config.rms_norm_eps))

    def forward(self, streams: Streams, route: Route, layer: int) -> Streams:
        """The two streams after this layer."""
        und, gen = streams
        normed = self.input_layernorm(und), self.input_layernorm_moe_gen(gen) if len(gen) else gen
        news = self.self_attn(normed, route, layer)
        und = und + news[0]
        und = und + self.mlp(self.post_attention_layernorm(und))
        if len(gen):  # no picture is in the batch while words are written
            gen = gen + news[1]
            gen = gen + self.mlp_moe_gen(self.post_attention_layernorm_moe_gen(gen))
        return und, gen


class Stack(nn.Module):
    """The layers, the embeddings below them, and one last norm for each expert."""

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Norm(config.hidden_size, config.rms_norm_eps)
        self.norm_moe_gen = Norm(config.hidden_size, config.rms_norm_eps)
        self.rotary_emb = Qwen2RotaryEmbedding(config)

    def forward(self, x: Tokens, batch: Packed, cache: Cache | None, keep: bool, how: str) -> Streams:
        """The last hidden states of the understanding tokens and of the generation tokens."""
        cos, sin = self.rotary_emb(x.float(), batch.position[None])
        und = len(x) - len(batch.latents)
        sin[..., : sin.shape[-1] // 2] *= -1  # a pair's first number takes less of its second
        slots = cache.slots(batch.length) if cache else None
        mask, spans = (mask_over(cache, batch), []) if cache else (batch.mask, spans_of(batch.lengths.tolist()))
        bias = blocks(mask) if how == "flex" and cache is None else additive(mask, x)
        route = Route(batch, und, cos[0, :, None], sin[0, :, None], cache, slots, bias, spans, how)
        streams = (x[:und], x[und:])
        for index, layer in enumerate(self.layers):
            streams = layer(streams, route, index)
        if keep:
            cache.advance(batch.lengths, batch.after)
        return self.norm(streams[0]), self.norm_moe_gen(streams[1])


class LanguageModel(nn.Module):
    """The stack and the head that turns hidden states into words."""

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        self.model = Stack(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
