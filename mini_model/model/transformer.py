"""One transformer, two experts: every token has its own half of each layer, and all meet in attention.

Text and seen pictures go through the understanding expert, latents through the generation expert (`*_moe_gen`).
The experts own their norms, projections and MLPs; attention is one for all. Tokens arrive sorted by expert, so
each expert works on one unbroken block and nothing is gathered or scattered outside attention.
Upstream: `modeling/bagel/qwen2_navit.py`, whose parameter names these are.

Letters in shapes:  N tokens   W width   R rows   L slots in a row   D numbers per head
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2MLP, Qwen2RMSNorm, Qwen2RotaryEmbedding, rotate_half

from mini_model.model.attention import Cache, attend
from mini_model.model.sequence import Packed

Tokens = Float[Tensor, "N W"]


@dataclass
class Route:
    """What every layer needs to know of a batch: who belongs to which expert, and who sees whom."""

    batch: Packed
    und: int  # the first `und` tokens are the understanding expert's
    cos: Float[Tensor, "N 1 D"]
    sin: Float[Tensor, "N 1 D"]
    caches: list[Cache]  # none in training; else one per equal share of the rows (the guidance branches)
    keep: bool  # whether this batch is added to the caches
    how: str

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The understanding expert's block and the generation expert's block, as views."""
        return x[: self.und], x[self.und :]


def both(route: Route, x: Tokens, und: nn.Module, gen: nn.Module) -> Tokens:
    """Each expert's module on its own tokens."""
    first, second = route.split(x)
    if not len(second):
        return und(first)
    if not len(first):
        return gen(second)
    return torch.cat([und(first), gen(second)])


class Attention(nn.Module):
    """Queries, keys and values by each token's own expert; then one attention over all tokens together."""

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        width, self.heads, self.groups = config.hidden_size, config.num_attention_heads, config.num_key_value_heads
        self.head_dim = getattr(config, "head_dim", None) or width // self.heads
        for expert in ("", "_moe_gen"):
            for name, heads in (("q", self.heads), ("k", self.groups), ("v", self.groups)):
                self.add_module(f"{name}_proj{expert}", nn.Linear(width, heads * self.head_dim))
            self.add_module(f"o_proj{expert}", nn.Linear(self.heads * self.head_dim, width, bias=False))
            self.add_module(f"q_norm{expert}", Qwen2RMSNorm(self.head_dim, config.rms_norm_eps))
            self.add_module(f"k_norm{expert}", Qwen2RMSNorm(self.head_dim, config.rms_norm_eps))

    def forward(self, x: Tokens, route: Route, layer: int) -> Tokens:
        """Each token's news from the tokens it may see."""

        def project(name: str) -> Float[Tensor, "N heads D"]:
            flat = both(route, x, getattr(self, f"{name}_proj"), getattr(self, f"{name}_proj_moe_gen"))
            return flat.unflatten(-1, (-1, self.head_dim))

        q = both(route, project("q"), self.q_norm, self.q_norm_moe_gen)
        k = both(route, project("k"), self.k_norm, self.k_norm_moe_gen)
        v = project("v")
        q, k = rotate(q, route).to(v.dtype), rotate(k, route).to(v.dtype)
        mixed = self._meet(to_rows(q, route), to_rows(k, route), to_rows(v, route), route, layer)
        return both(route, mixed.flatten(0, 1).flatten(1)[route.batch.slot], self.o_proj, self.o_proj_moe_gen)

    def _meet(self, q: Tensor, k: Tensor, v: Tensor, route: Route, layer: int) -> Float[Tensor, "R L H D"]:
        """Attention within the batch, and over the caches where there are any."""
        batch = route.batch
        if not route.caches:
            return attend(q, k, v, batch.mask, route.how)
        share = batch.rows // len(route.caches)
        mixed = []
        for i, cache in enumerate(route.caches):
            mine = slice(i * share, (i + 1) * share)
            known = int(cache.lengths.max()) if cache.keys else 0
            old = torch.arange(known, device=q.device) < cache.lengths[:, None]
            mask = torch.cat([old[:, None].expand(-1, batch.length, -1), batch.mask[mine]], dim=-1)
            keys, values = k[mine], v[mine]
            if known:
                keys = torch.cat([cache.keys[layer][:, :known], keys], dim=1)
                values = torch.cat([cache.values[layer][:, :known], values], dim=1)
            mixed.append(attend(q[mine], keys, values, mask, "explicit" if route.how == "flex" else route.how))
            if route.keep:
                cache.append(layer, k[mine], v[mine], batch.lengths[mine])
        return torch.cat(mixed)


def rotate(x: Float[Tensor, "N heads D"], route: Route) -> Float[Tensor, "N heads D"]:
    """Turn each pair of numbers by an angle that grows with the position, so that only distances matter."""
    return x * route.cos + rotate_half(x) * route.sin


def to_rows(x: Float[Tensor, "N heads D"], route: Route) -> Float[Tensor, "R L heads D"]:
    """Tokens sorted by expert, laid into the rows where they stand; empty slots hold zeros."""
    batch = route.batch
    rows = x.new_zeros(batch.rows * batch.length, *x.shape[1:]).index_copy(0, batch.slot, x)
    return rows.unflatten(0, (batch.rows, batch.length))


class Layer(nn.Module):
    """Attention, then an MLP, each behind a norm and added to the stream; all but attention exists twice."""

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        for expert in ("", "_moe_gen"):
            self.add_module(f"mlp{expert}", Qwen2MLP(config))
            for name in ("input_layernorm", "post_attention_layernorm"):
                self.add_module(f"{name}{expert}", Qwen2RMSNorm(config.hidden_size, config.rms_norm_eps))

    def forward(self, x: Tokens, route: Route, layer: int) -> Tokens:
        """The stream after this layer."""
        normed = both(route, x, self.input_layernorm, self.input_layernorm_moe_gen)
        x = x + self.self_attn(normed, route, layer)
        normed = both(route, x, self.post_attention_layernorm, self.post_attention_layernorm_moe_gen)
        return x + both(route, normed, self.mlp, self.mlp_moe_gen)


class Stack(nn.Module):
    """The layers, the embeddings below them, and one last norm for each expert."""

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Qwen2RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.norm_moe_gen = Qwen2RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary_emb = Qwen2RotaryEmbedding(config)

    def forward(self, x: Tokens, batch: Packed, caches: list[Cache], keep: bool, how: str) -> tuple[Tokens, Tokens]:
        """The last hidden states of the understanding tokens and of the generation tokens."""
        cos, sin = self.rotary_emb(x.float(), batch.position[None])
        und = len(x) - len(batch.latents)
        route = Route(batch, und, cos[0, :, None], sin[0, :, None], caches, keep, how)
        for index, layer in enumerate(self.layers):
            x = layer(x, route, index)
        if keep:
            share = batch.rows // len(caches)
            for i, cache in enumerate(caches):
                mine = slice(i * share, (i + 1) * share)
                cache.advance(batch.lengths[mine], batch.after[mine])
        first, second = route.split(x)
        return self.norm(first), self.norm_moe_gen(second)


class LanguageModel(nn.Module):
    """The stack and the head that turns hidden states into words."""

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        self.model = Stack(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
