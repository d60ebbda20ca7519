"""A reward model: it looks at a picture and a prompt, and says how likely three things are.

clear    the picture, perhaps half denoised, is clear enough to judge
hope     a picture that looks like this half-way will be right in the end
right    a finished picture shows what the prompt asks for

These are the three questions of PARM (arXiv 2501.13926, "potential assessment reward model"), which teaches a 7B vision
language model to answer them in words. Here the base model itself is the reader, with one linear head on its last word.

Letters in shapes:  B pictures   W width
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from mini_model.errors import KitError
from mini_model.model.checkpoint import load_here, marks_of, new_folder, read_tensors, save
from mini_model.model.generate import seen_segment
from mini_model.model.sequence import Text, pack, segment_length
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of

ASKED = ("clear", "hope", "right")
MODEL, HEAD = "reader", "head.safetensors"


class RewardModel(nn.Module):
    """A unified model that reads picture and prompt, and a head that answers."""

    def __init__(self, unified: UnifiedModel) -> None:
        super().__init__()
        self.unified = unified
        self.head = nn.Linear(unified.config.llm.hidden_size, len(ASKED))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, pixels: Float[Tensor, "B 3 H W"], prompts: Sequence[str]) -> Float[Tensor, "B 3"]:
        """The log-odds of each question, for each picture with its prompt."""
        model, marks = self.unified, marks_of(self.unified.tokenizer)
        texts = [Text(ids_of(model.tokenizer, prompt)) for prompt in prompts]
        samples = [[seen_segment(model, one), text] for one, text in zip(pixels.cpu(), texts, strict=True)]
        batch = pack(samples, marks, starts=[0] * len(samples)).to(model.device, model.dtype)
        words, _ = model.hidden(batch)
        counts = torch.tensor([segment_length(text) + 2 for text in texts])  # two marks stand around a picture
        return self.head(words[counts.cumsum(0) - 1].float())

    @torch.no_grad()
    def chances(self, pixels: Float[Tensor, "B 3 H W"], prompt: str) -> dict[str, Float[Tensor, "B"]]:
        """How likely each of the three is, from 0 to 1, for several pictures of one prompt."""
        answers = torch.sigmoid(self(pixels, [prompt] * len(pixels))).unbind(1)
        return dict(zip(ASKED, (answer.cpu() for answer in answers), strict=True))

    def save(self, folder: Path) -> None:
        """Write the reader in the released layout, and the head beside it."""
        with new_folder(folder) as fresh:
            save(self.unified, fresh / MODEL)
            save_file({name: tensor.contiguous() for name, tensor in self.head.state_dict().items()}, fresh / HEAD)


@lru_cache(maxsize=1)
def load_reward(folder: Path) -> RewardModel:
    """A reward model from its folder, ready to judge; raises KitError where it is not one."""
    if not (folder / HEAD).is_file():
        raise KitError(f"no reward model at {folder}; train one first: python -m mini_model train reward")
    unified = load_here(folder / MODEL)
    reward = RewardModel(unified).eval()
    reward.head.load_state_dict(read_tensors(folder / HEAD))
    reward.head.to(unified.device)
    return reward
