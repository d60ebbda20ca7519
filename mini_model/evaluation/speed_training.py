"""How fast the real training loop learns, on trajectories of one fixed shape.

prompt 24 | three times: plan 24, noised 16, clean 16, seen 16, reflection 14      314 tokens with their marks
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mini_model.data.base import base_sample
from mini_model.data.vocabulary import vocabulary
from mini_model.model.config import UnifiedConfig
from mini_model.model.pictures import places
from mini_model.model.presets import mini
from mini_model.model.sequence import Clean, Noised, Packed, Sample, Seen, Text, pack
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import word_tokenizer
from mini_model.training.base import UnifiedStage
from mini_model.training.loop import run
from mini_model.training.profiles import Profile

PROMPT, PLAN, REFLECTION, PICTURES, PATCHES = 24, 24, 14, 3, 16


def bench_size(words: int) -> UnifiedConfig:
    """The size at which speeds are compared: 8 layers, 256 wide; 16 tokens a picture in each of its three forms."""
    config = mini(words)
    config.llm_config |= {
        "hidden_size": 256,
        "intermediate_size": 768,
        "num_hidden_layers": 8,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    return config


def build(bench: bool) -> UnifiedModel:
    """An untrained model of the bench size or of the shipped size; how fast it is does not hang on its weights."""
    tokenizer = word_tokenizer(vocabulary())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = UnifiedModel((bench_size if bench else mini)(len(tokenizer)))
        torch.nn.init.normal_(model.llm2vae.weight, std=0.02)  # it starts at zero, and would draw nothing
    model.companions["tokenizer"] = tokenizer
    return model


def linear_weights(config: UnifiedConfig) -> int:
    """Weights of the linear layers that one token passes: one expert's, without embeddings, heads, and encoder."""
    llm = config.llm
    width = llm.hidden_size
    head = width // llm.num_attention_heads
    attention = 2 * width * width + 2 * width * llm.num_key_value_heads * head
    return llm.num_hidden_layers * (attention + 3 * width * llm.intermediate_size)


def sample(model: UnifiedModel, rng: np.random.Generator) -> Sample:
    """One trajectory of random words and pictures in the fixed shape."""
    config = model.config
    side = int(PATCHES**0.5)
    at, seen_at = places(side, side, config.max_latent_size), places(side, side, config.vit_max_num_patch_per_side)

    def words(count: int) -> list[int]:
        return rng.integers(20, len(model.tokenizer), count).tolist()  # the first ids are marks and tags

    def numbers(width: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal((PATCHES, width), np.float32))

    segments: list = [Text(words(PROMPT))]
    for _ in range(PICTURES):
        tokens = numbers(config.patch_channels)
        segments += [
            Text(words(PLAN), loss=True),
            Noised(tokens, at, float(rng.random()), numbers(config.patch_channels)),
            Clean(tokens, at),
            Seen(numbers(3 * config.vit_config["patch_size"] ** 2), seen_at),
            Text(words(REFLECTION), loss=True),
        ]
    return segments


class Timed(UnifiedStage):
    """A stage that notes when each step begins; with `fixed` every step learns from that same batch."""

    def __init__(self, model: UnifiedModel, profile: Profile, fixed: Packed | None) -> None:
        super().__init__(
            model, profile, lambda rng, done: base_sample(rng), show=lambda model: Image.new("RGB", (1, 1))
        )
        self.fixed, self.starts, self.tokens = fixed, [], []

    def batch(self, step: int, rank: int, count: int) -> Packed:
        """The fixed batch, or one made as in real training."""
        return self.fixed or super().batch(step, rank, count)

    def loss(self, batch: Packed) -> tuple[Tensor, dict[str, float], int]:
        """As in training."""
        answer = super().loss(batch)
        self.starts.append(time.perf_counter())  # after the forward: `.item()` has waited for a card's work
        self.tokens.append(answer[2])
        return answer


def training_rate(model: UnifiedModel, profile: Profile, fixed: bool, warm: int) -> float:
    """Tokens a second of the training loop over all steps after the first `warm` ones."""
    model.train()
    batch = None
    if fixed:
        rng = np.random.default_rng(0)
        stage = Timed(model, profile, None)
        batch = pack([sample(model, rng) for _ in range(profile.batch)], stage.assembler.marks).to(model.device)
    stage = Timed(model, profile, batch)
    with tempfile.TemporaryDirectory() as folder:
        run(stage, profile, Path(folder), resuming=False, say=lambda text: None)
    return sum(stage.tokens[warm + 1 :]) / (stage.starts[-1] - stage.starts[warm])
