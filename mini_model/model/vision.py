"""How the model sees: a picture as square patches, read by a SigLIP-style encoder.

Upstream: `modeling/bagel/siglip_navit.py`. The patch convolution is a linear layer on flattened patches (row,
column, channel; channel fastest), a patch's place in the table is row * patches_per_side + column, attention
stays within one picture, there is no pooling head.

Letters in shapes:  P patches of all pictures   I pictures   M most patches in one picture   V width
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers import SiglipVisionConfig

from mini_model.model.attention import additive, attend


class EncoderLayer(nn.Module):
    """Attention among a picture's patches, then an MLP, each behind a layer norm."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        width, self.heads = config.hidden_size, config.num_attention_heads
        self.self_attn = nn.ModuleDict({f"{name}_proj": nn.Linear(width, width) for name in ("k", "v", "q", "out")})
        self.layer_norm1 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.mlp = nn.ModuleDict(
            {
                "fc1": nn.Linear(width, config.intermediate_size),
                "fc2": nn.Linear(config.intermediate_size, width),
            }
        )
        self.layer_norm2 = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, x: Float[Tensor, "I M V"], bias: Float[Tensor, "I M M"], how: str) -> Float[Tensor, "I M V"]:
        """The patches after they have looked at each other."""
        normed = self.layer_norm1(x)
        q, k, v = (self.self_attn[f"{name}_proj"](normed).unflatten(-1, (self.heads, -1)) for name in "qkv")
        x = x + self.self_attn["out_proj"](attend(q, k, v, bias, how).flatten(2))
        return x + self.mlp["fc2"](gelu(self.mlp["fc1"](self.layer_norm2(x)), approximate="tanh"))


class VisionTransformer(nn.Module):
    """Patch embedding, learned places, encoder layers, a last norm."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        side = config.image_size // config.patch_size
        self.embeddings = nn.ModuleDict(
            {
                "patch_embedding": nn.Linear(config.patch_size**2 * 3, config.hidden_size),
                "position_embedding": nn.Embedding(side**2, config.hidden_size),
            }
        )
        self.encoder = nn.ModuleDict(
            {"layers": nn.ModuleList(EncoderLayer(config) for _ in range(config.num_hidden_layers))}
        )
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        patches: Float[Tensor, "P pixels"],
        at: Int[Tensor, "P"],
        counts: list[int],
        how: str = "explicit",
    ) -> Float[Tensor, "P V"]:
        """A feature vector for every patch; pictures of different sizes are padded to the longest."""
        x = self.embeddings["patch_embedding"](patches) + self.embeddings["position_embedding"](at)
        real = torch.arange(max(counts), device=x.device) < torch.tensor(counts, device=x.device)[:, None]
        padded = x.new_zeros(*real.shape, x.shape[-1])
        padded[real] = x
        mask = real[:, None] & real[:, :, None] | torch.eye(max(counts), dtype=torch.bool, device=x.device)
        bias = additive(mask, x)
        for layer in self.encoder["layers"]:
            padded = layer(padded, bias, "sdpa" if how == "flex" else how)  # a picture's patches all see each other
        return self.post_layernorm(padded[real])


class VisionModel(nn.Module):
    """The name under which upstream's checkpoints keep the encoder: `vit_model.vision_model`."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        self.vision_model = VisionTransformer(config)


class Connector(nn.Module):
    """Two linear layers from the encoder's width to the language model's."""

    def __init__(self, config: SiglipVisionConfig, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "P V"]) -> Float[Tensor, "P W"]:
        """Patches in the language model's own space."""
        return self.fc2(gelu(self.fc1(x), approximate="tanh"))
