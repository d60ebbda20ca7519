"""The unified model: one sequence of words and pictures in, next words and picture velocities out.

The same class at every size. Parameter names are upstream BAGEL's (`modeling/bagel/bagel.py`), so any BAGEL
checkpoint loads as it is.

Letters in shapes:  N tokens   T text tokens   S seen patches   G latent tokens   W width   C numbers in a token
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from mini_model.model.attention import Cache
from mini_model.model.autoencoder import Autoencoder
from mini_model.model.config import UnifiedConfig
from mini_model.model.embeddings import GridTable, TimeEmbedder
from mini_model.model.flow import mix, velocity
from mini_model.model.sequence import Packed
from mini_model.model.transformer import LanguageModel
from mini_model.model.vision import Connector, VisionModel

LOGITS_AT_ONCE = 2**24  # most logits that are held at once in training: 64 MB in float32


@dataclass
class Losses:
    """The two parts of the loss, element by element: words and pictures."""

    ce: Float[Tensor, "targets"]
    mse: Float[Tensor, "drawn C"]

    def total(self, lambda_ce: float = 1.0) -> Float[Tensor, ""]:
        """lambda_CE * mean CE + mean MSE (paper, section on the loss; lambda_CE is not published, so it is ours)."""
        words = self.ce.mean() if len(self.ce) else self.ce.sum()
        return lambda_ce * words + (self.mse.mean() if len(self.mse) else self.mse.sum())


class UnifiedModel(PreTrainedModel):
    """Understands and draws: a vision encoder and a latent head around one transformer with two experts."""

    config_class = UnifiedConfig
    base_model_prefix = "bagel"
    supports_gradient_checkpointing = True

    def __init__(self, config: UnifiedConfig) -> None:
        super().__init__(config)
        llm, vit = config.llm, config.vit
        width = llm.hidden_size
        self.language_model = LanguageModel(llm)
        self.time_embedder = TimeEmbedder(width)
        self.vae2llm = nn.Linear(config.patch_channels, width)
        self.llm2vae = nn.Linear(width, config.patch_channels)
        self.latent_pos_embed = GridTable(config.max_latent_size, width)
        self.vit_model = VisionModel(vit)
        self.connector = Connector(vit, width)
        self.vit_pos_embed = GridTable(config.vit_max_num_patch_per_side, width)
        # the autoencoder and the words stand beside the network: frozen, and kept in files of their own
        self.companions: dict[str, object] = {
            "autoencoder": Autoencoder(config.autoencoder).eval(),
            "tokenizer": None,
        }
        self.post_init()

    @property
    def autoencoder(self) -> Autoencoder:
        """Pixels to latents and back; frozen."""
        return self.companions["autoencoder"]

    @property
    def tokenizer(self):
        """Words to ids and back; a Hugging Face tokenizer."""
        return self.companions["tokenizer"]

    @property
    def device(self) -> torch.device:
        """Where the network computes; the table of words may stay in the host's memory."""
        return self.vae2llm.weight.device

    def _apply(self, fn, recurse: bool = True):
        """Move the autoencoder along with the network."""
        self.companions["autoencoder"]._apply(fn)
        return super()._apply(fn, recurse)

    def initialize_weights(self) -> None:
        """First weights of every module, then the small ones.

        Those span several modules, and transformers leaves out of its own round whatever holds no weights itself.
        """
        super().initialize_weights()
        _start_small(self.language_model)

    def _init_weights(self, module: nn.Module) -> None:
        """Every signal starts at about unit size: weights spread by one over the root of a layer's inputs.

        What a picture's tokens become starts at zero, as upstream's does.
        """
        super()._init_weights(module)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)
        if module is self.llm2vae:
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        quantization: str | None = None,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> "UnifiedModel":
        """Load a folder in the released layout (`ema.safetensors` and its configs), ready to paint.

        quantization: "nf4" packs the experts' layers into 4 bits on the way; see `model/quantize.py` for the others.
        """
        from mini_model.model.checkpoint import load  # the loader builds this class, so it cannot come first

        return load(Path(folder), dtype, device, quantization)

    def embed(self, batch: Packed) -> Float[Tensor, "N W"]:
        """Every token as a vector of one width: words, then seen patches, then latents."""
        words = self.language_model.model.embed_tokens
        parts = [words(batch.text_ids.to(words.weight.device)).to(batch.text_ids.device)]
        if len(batch.patches):
            features = self.vit_model.vision_model(
                batch.patches, batch.patch_at, batch.patch_counts, self.config.attention
            )
            parts.append(self.connector(features) + self.vit_pos_embed(batch.patch_at))
        if len(batch.latents):
            mixed = mix(batch.latents, batch.noise, batch.time.to(batch.latents.dtype))
            parts.append(self.vae2llm(mixed) + self.time_embedder(batch.time) + self.latent_pos_embed(batch.latent_at))
        return torch.cat([part.to(parts[0].dtype) for part in parts])

    def hidden(
        self, batch: Packed, cache: Cache | None = None, keep: bool = False
    ) -> tuple[Float[Tensor, "U W"], Float[Tensor, "G W"]]:
        """Last hidden states of the understanding tokens (text, then seen) and of the latent tokens."""
        x = self.embed(batch)
        return self.language_model.model(x, batch, cache, keep, self.config.attention)

    def forward(self, batch: Packed) -> Losses:
        """The loss of each target word, and of each number of each noised picture."""
        words, pictures = self.hidden(batch)
        drawn = batch.noised
        predicted = self.llm2vae(pictures[drawn]).float() if len(pictures) else batch.latents
        target = velocity(batch.latents[drawn], batch.noise[drawn]) if len(pictures) else batch.latents
        return Losses(
            word_losses(words[batch.ce_at], self.language_model.lm_head, batch.ce_labels),
            (predicted - target.float()).pow(2),
        )


def outline(config: UnifiedConfig, dtype: torch.dtype = torch.bfloat16) -> UnifiedModel:
    """The model's shape without any numbers; costs no memory at any size."""
    with torch.device("meta"):
        return UnifiedModel(config).to(dtype).eval()


def word_losses(
    hidden: Float[Tensor, "targets W"], head: nn.Linear, labels: Int[Tensor, "targets"]
) -> Float[Tensor, "targets"]:
    """How surprised the head is by each word that came, a few words at a time where the vocabulary is large.

    A word's logits are 152,000 numbers at 7B. Each part forgets them and computes them again on the way back.
    """

    def surprise(some: Tensor, wanted: Tensor) -> Tensor:
        return cross_entropy(head(some).float(), wanted, reduction="none")

    parts = zip(*(x.split(max(1, LOGITS_AT_ONCE // head.out_features)) for x in (hidden, labels)), strict=True)
    if hidden.numel() and len(labels) * head.out_features > LOGITS_AT_ONCE:
        return torch.cat([checkpoint(surprise, *part, use_reentrant=False) for part in parts])
    return surprise(hidden, labels)


@torch.no_grad()
def _start_small(model: LanguageModel) -> None:
    """Let the layers add little to the stream at first, the generation expert least, and all words be as likely."""
    depth = len(model.model.layers)
    for name, weight in model.named_parameters():
        if "moe_gen" in name and weight.dim() == 2:
            weight.normal_(std=0.02)
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.mul_((2 * depth) ** -0.5)
    model.lm_head.weight.normal_(std=0.02)
