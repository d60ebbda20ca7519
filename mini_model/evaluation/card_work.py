"""What a card is measured on: a learning step on one trajectory, and a denoising step of one picture.

Words and pictures are random and of the right sizes; the packing, the loss, the cache and the classes are those with
which the kit trains and paints.

Letters in shapes:  n tokens of a picture   C numbers in a token
"""

import time
from collections.abc import Callable

import torch
from peft import PeftModel
from peft.helpers import disable_input_dtype_casting
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from mini_model.errors import KitError
from mini_model.model.attention import Cache
from mini_model.model.flow import Guidance
from mini_model.model.generate import Canvases, feed, guided_velocity, places_of
from mini_model.model.lora import learned, optimizer_for
from mini_model.model.memory import Setting
from mini_model.model.pictures import places
from mini_model.model.sequence import Clean, Marks, Noised, Packed, Sample, Seen, Text, pack
from mini_model.model.unified import UnifiedModel

MARKS = Marks(1, 2, 3, 4)
GUIDED = Guidance(text=4.0, image=2.0, interval=(0.0, 1.0))  # as upstream edits: three branches in every step


class Material:
    """Random words and pictures for one setting."""

    def __init__(self, model: UnifiedModel, setting: Setting) -> None:
        self.config, self.setting, self.dice = model.config, setting, torch.Generator().manual_seed(0)
        self.at = places_of(model, (setting.side,) * 2)
        self.seen_at = places(setting.side_seen, setting.side_seen, model.config.vit_max_num_patch_per_side)

    def text(self, count: int, loss: bool = False) -> Text:
        """So many words, marks among them."""
        ids = torch.randint(5, self.config.llm_config["vocab_size"], (max(1, count - 2),), generator=self.dice)
        return Text(ids.tolist(), loss=loss)

    def tokens(self) -> Tensor:
        """The latent tokens of a picture."""
        return torch.randn(self.setting.latents, self.config.patch_channels, generator=self.dice)

    def shown(self, tokens: Tensor) -> Sample:
        """A picture that is there: its latents, then what the eyes see of it."""
        patch = 3 * self.config.vit_config["patch_size"] ** 2
        patches = torch.randn(self.setting.patches, patch, generator=self.dice)
        return [Clean(tokens, self.at), Seen(patches, self.seen_at)]

    def trajectory(self) -> Sample:
        """A prompt; then for each picture a plan or a reflection and the drawing, which all but the last show again."""
        share = self.setting.words // (self.setting.pictures + 1)
        segments: list = [self.text(share)]
        for number in range(self.setting.pictures):
            tokens = self.tokens()
            segments += [self.text(share, loss=True), Noised(tokens, self.at, 0.6, self.tokens())]
            segments += self.shown(tokens) if number < self.setting.pictures - 1 else []
        return segments

    def contexts(self, model: UnifiedModel) -> tuple[Cache, Cache, Cache]:
        """What the three guidance branches remember when a picture is drawn after others."""
        main, without_image = (Cache.empty(1, model.device) for _ in range(2))
        prompt, plan = (self.text(self.setting.words // 2) for _ in range(2))
        pictures = [part for _ in range(self.setting.pictures) for part in self.shown(self.tokens())]
        feed(model, main, [[prompt, *pictures]], MARKS)
        before = main.mark()
        feed(model, main, [[plan]], MARKS)
        feed(model, without_image, [[prompt, plan]], MARKS)
        return main, main.at(before), without_image


def packed_trajectory(model: UnifiedModel, setting: Setting) -> Packed:
    """The trajectory of a setting as one batch, still on the host."""
    return pack([Material(model, setting).trajectory()], MARKS)


def learn(model: PeftModel, batch: Packed, repeats: int) -> list[float]:
    """Seconds of each learning step after a first one that is not counted."""
    device = batch.slot.device
    optimizer = optimizer_for(model)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16):
            loss = model(batch).total()
        if not torch.isfinite(loss):
            raise KitError(f"the loss is {loss.item()}, so this step says nothing about a real one")
        loss.backward()
        clip_grad_norm_(learned(model), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    with disable_input_dtype_casting(model):  # autocast does it, without leaving float32 copies behind
        return _timed(step, repeats, device)


@torch.no_grad()
def denoise(model: UnifiedModel, setting: Setting, repeats: int) -> list[float]:
    """Seconds of each guided denoising step, with a cache, after a first one that is not counted."""
    material = Material(model, setting)
    contexts, canvases = material.contexts(model), {}
    x = material.tokens()[None].to(model.device)

    def step(canvases: Canvases = canvases) -> None:
        guided_velocity(model, contexts, x, material.at, 0.9, MARKS, GUIDED, canvases, setting.apart)

    return _timed(step, repeats, model.device)


def _timed(step: Callable[[], None], repeats: int, device: torch.device) -> list[float]:
    """Seconds of each of `repeats` steps after one more."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]
