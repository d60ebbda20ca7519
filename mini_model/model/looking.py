"""Where a token looks: the attention weights of one layer, computed once more beside the model's own fast path.

The model never keeps these weights: its attention is computed in one stroke. To look at them, stop at the layer's
door, take what comes in, and write the softmax out.

Letters in shapes:  L slots of the row   D numbers per head
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mini_model.errors import KitError
from mini_model.model.sequence import Packed
from mini_model.model.transformer import EXPERTS, Attention, Route, Streams, rotate, to_rows
from mini_model.model.unified import UnifiedModel


@torch.no_grad()
def attention_of(model: UnifiedModel, batch: Packed, layer: int) -> Float[Tensor, "heads L L"]:
    """How much each token of a packed sample looks at each other one in a layer, counted from 0.

    weights[h, q, k] is what slot q takes of slot k in head h; each row sums to one. Raises KitError for a batch of
    several rows and for a layer that is not there.
    """
    layers = model.language_model.model.layers
    if batch.rows != 1 or not 0 <= layer < len(layers):
        raise KitError(
            f"looking takes one packed row and a layer from 0 to {len(layers) - 1}, "
            f"not {batch.rows} rows and layer {layer}"
        )
    caught = []
    attention = layers[layer].self_attn
    door = attention.register_forward_pre_hook(lambda _, given: caught.append(_weights(attention, *given[:2])))
    try:
        model.hidden(batch)
    finally:
        door.remove()
    return caught[0]


def _weights(attention: Attention, streams: Streams, route: Route) -> Float[Tensor, "heads L L"]:
    """softmax(q k / sqrt(D) + bias), with the layer's own queries and keys."""
    asked = [attention._ask(x, expert)[0] for x, expert in zip(streams, EXPERTS, strict=True) if len(x)]
    row = to_rows(rotate(torch.cat(asked), route), route)[0].float()
    queries, keys = row.split([attention.heads, attention.groups], dim=1)
    keys = keys.repeat_interleave(attention.heads // attention.groups, dim=1)  # neighbouring heads share a key
    scores = torch.einsum("qhd,khd->hqk", queries, keys) * attention.head_dim**-0.5
    return torch.softmax(scores + route.bias[0].float(), dim=-1)
