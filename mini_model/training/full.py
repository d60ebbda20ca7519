"""Stages `process` and `reflect` at full size: made ready so that a card of the named size holds all of it.

The folder of the model is read tensor by tensor and its experts are packed into 4 bits on the way; then an adapter
learns, and nothing else. Profile `gpu` teaches every weight instead, cut up among many cards (`training/many.py`).
What can be wrong is asked before the weights are read: the memory, the architecture, the adapter, the data.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from PIL import Image
from torch import Tensor

from mini_model.data.parts import Part
from mini_model.data.process import MIXTURE, painting
from mini_model.data.scenes import by_share
from mini_model.data.trajectories import Mix, parts_of
from mini_model.errors import KitError
from mini_model.model.checkpoint import load, located, new_folder, read_tokenizer
from mini_model.model.config import UnifiedConfig, read_json, read_released
from mini_model.model.contexts import Fit
from mini_model.model.lora import Adapter, adapt, read_adapter, remember_less, save_adapter
from mini_model.model.memory import GB, SEEN, Setting, answer, room
from mini_model.model.presets import check_sizes, preset
from mini_model.model.quantize import kept_packing
from mini_model.model.sequence import Packed
from mini_model.model.unified import UnifiedModel, outline
from mini_model.training.assemble import Assembler, Dice, Fits
from mini_model.training.base import Always, UnifiedStage
from mini_model.training.contact import PROMPTS, contact_sheet
from mini_model.training.many import cut_up, is_main, many
from mini_model.training.profiles import Profile
from mini_model.trajectory import MANY, Trajectory, load_many

TRIES = 200  # samples that are drawn for a row at most
WHOLE = Mix(forget=0.0, half_way=0.0)  # a trajectory from its first word to its last, as long as it can be
PER_WEIGHT = 20  # bytes: the weight, its gradient, its average and two moments, all in float32
Sets = dict[str, list[Trajectory]]


class Start(NamedTuple):
    """Where training begins: a model's folder, an adapter to go on from, trajectories, and how large pictures are."""

    model: Path
    adapter: Path | None = None
    data: Path | None = None
    pixels: int | None = None


class FullStage(UnifiedStage):
    """A full-size model learns from whole rows of trajectories, each row filled until the next would not fit."""

    def __init__(self, model: UnifiedModel | PeftModel, profile: Profile, make: partial, seed: int) -> None:
        bare = model.get_base_model() if profile.adapter else model
        side = profile.setting.side
        show = partial(contact_sheet, steps=12, side=side, prompts=PROMPTS[:2])
        super().__init__(bare, profile, Always(make), show, seed)
        self.model, self.again = model, 0
        self.assembler = Assembler(bare, profile.copies, profile.tokens, fits_of(profile.setting))

    def batch(self, step: int, rank: int, count: int) -> Packed:
        """This process's rows of a step; a row's samples, times and noise come from the row's number alone."""
        samples, dice = [], Dice({}, [])
        for row in range(rank * self.profile.batch, (rank + 1) * self.profile.batch):
            rng = np.random.default_rng((self.seed, 11, step, row))
            made = self.row(rng)
            thrown = self.assembler.throw(made, rng)
            samples, dice = [*samples, *made], Dice(dice.shakes | thrown.shakes, [*dice.drawings, *thrown.drawings])
        return self.assembler.packed(samples, dice)

    def row(self, rng: np.random.Generator) -> list[list[Part]]:
        """Samples of one row. One that is too long by itself is passed over, and counted; an error if all are."""
        row, left = [], self.profile.tokens
        for _ in range(TRIES):
            sample = self.sampler(rng, 0.0)
            size = self.assembler.size(sample)
            if size > self.profile.tokens:
                self.again += 1
            elif size > left:
                break
            else:
                row, left = [*row, sample], left - size
        if not row:
            raise KitError(f"{TRIES} samples one after another take more than the {self.profile.tokens} tokens {_LESS}")
        return row

    def computing(self) -> AbstractContextManager:
        """Beside an adapter in bfloat16, as the frozen model is; else as the loop has it."""
        if not self.profile.adapter:
            return nullcontext()
        return torch.autocast(self.unified.device.type, torch.bfloat16)

    def loss(self, batch: Packed) -> tuple[Tensor, dict[str, float], int]:
        """As at any size."""
        with self.computing():
            return super().loss(batch)

    @torch.no_grad()
    def sample(self) -> Image.Image:
        """Two prompts drawn by what there is by now."""
        with self.computing():
            return super().sample()

    def save(self, out: Path) -> None:
        """Write the adapter in peft's format, or the whole model; and say how many samples were too long."""
        if is_main() and self.again:
            print(f"{self.again} samples were longer than a row and passed over")
        if not self.profile.adapter:
            super().save(out)
        elif is_main():
            with new_folder(out / "adapter") as fresh:
                save_adapter(self.model, fresh)


_LESS = "that a row has room for; take a smaller --resolution, or a larger card and its profile"


def fits_of(setting: Setting) -> Fits:
    """Pictures are drawn with their longest edge at the setting's pixels, and looked at by upstream's rule."""
    return Fits(Fit(setting.pixels, setting.pixels, 16), SEEN[setting.preset])


def full_stage(stage: str, start: Start, profile: Profile, seed: int, mix: Mix, device: torch.device) -> FullStage:
    """A stage at full size, ready for the loop. Raises KitError for what cannot be, before the weights are read."""
    if start.adapter and not profile.adapter:
        raise KitError("here every weight learns; --adapter goes with a profile of one card")
    if profile.adapter and cut_up():
        raise KitError("an adapter's model is small enough for each card whole; leave out --use_fsdp")
    _has_room(profile, device)
    profile = _smaller(profile, start.pixels)
    folder, setting = located(start.model), profile.setting
    config = read_released(folder)
    check_sizes(config, setting.preset, folder)
    if start.adapter:
        _adapter_is_of(start.adapter, setting)
    sets = _sets(stage, start.data)
    _are_short(sets, config, folder, profile)
    made = partial(_told, sets=sets, mix=mix) if sets else partial(painting, mix=mix)
    if is_main():
        print(f"learning from {', '.join(f'{len(s):,} of {n}' for n, s in sets.items()) or 'made-up paintings'}")
    return FullStage(_ready(folder, start.adapter, profile, device), profile, made, seed)


def _ready(folder: Path, adapter: Path | None, profile: Profile, device: torch.device) -> UnifiedModel | PeftModel:
    """The model where it is to learn: packed, on its device, with an adapter around it; or all of it, on the host."""
    setting = profile.setting
    if profile.adapter:
        model = load(folder, torch.bfloat16, str(device), None if kept_packing(folder) else setting.packing)
        learner = read_adapter(model, adapter, True) if adapter else adapt(model, Adapter(setting.und, setting.gen))
    else:
        model = learner = load(folder, torch.float32)
    for module in learner.modules():
        if isinstance(module, BaseTunerLayer):
            module.cast_input_dtype_enabled = False  # autocast does it, without leaving float32 copies behind
    if setting.words_on_host:
        model.language_model.model.embed_tokens.to("cpu")
    model.config.attention = "sdpa"
    remember_less(model, setting.in_parts)
    return learner.train()


def _has_room(profile: Profile, device: torch.device) -> None:
    """One clear error where the card, or the one the profile is planned for, is too small."""
    budget = room(device, profile.budget)
    if profile.adapter:
        said = answer(profile.setting, budget)
        if not said["fits"]:
            raise KitError(
                f"this takes {said['total_gb']:g} GB of {budget:g}; nearest that fits: {said['suggestion']}; see the "
                "command `memory`"
            )
        return
    weights = sum(weight.numel() for weight in outline(preset(profile.setting.preset)).parameters())
    each = PER_WEIGHT * weights / many() / GB
    if each > budget:
        raise KitError(
            f"to teach every weight takes {each:.0f} GB of {budget:g} on each of {many()} cards; start at least "
            f"{int(each * many() / budget) + 1} processes with accelerate launch --use_fsdp, or let an adapter learn"
        )


def _smaller(profile: Profile, pixels: int | None) -> Profile:
    """The profile with pictures of fewer pixels, so that a row holds more of them; the memory stays as planned."""
    setting = replace(profile.setting, pixels=pixels or profile.setting.pixels)
    setting.check()
    if setting.pixels > profile.setting.pixels:
        raise KitError(f"{pixels} pixels are more than the {profile.setting.pixels} that this profile is planned for")
    return replace(profile, setting=setting)


def _adapter_is_of(folder: Path, setting: Setting) -> None:
    """One clear error for an adapter of other ranks than the setting's, whose memory was planned."""
    if not (folder / "adapter_config.json").is_file():
        raise KitError(f"{folder} holds no adapter_config.json; give the folder that an adapter was saved to")
    told, wanted = read_json(folder / "adapter_config.json"), Adapter(setting.und, setting.gen).config().rank_pattern
    ranks = told.get("rank_pattern") or dict.fromkeys(wanted, told.get("r"))  # other tools may name one for all
    if ranks != wanted:
        here, there = (", ".join(str(named.get(expert)) for expert in wanted) for named in (ranks, wanted))
        raise KitError(
            f"the adapter in {folder} has ranks {here}, this profile {there}; take the profile it was made with"
        )


def _sets(stage: str, data: Path | None) -> Sets:
    """The trajectories in a folder: one set for stage process, the paper's subsets for stage reflect."""
    if stage == "process":
        sets = {"trajectories": load_many(data)} if data else {}
    else:
        sets = {name: load_many(data / name) for name in MIXTURE if data and (data / name / MANY).is_file()}
    if (data or stage == "reflect") and not any(sets.values()):
        wanted = MANY if stage == "process" else f"{' or '.join(MIXTURE)} with a {MANY}"
        raise KitError(f"no trajectory in {data or 'no folder at all'}; give --data DIR, which holds {wanted}")
    return {name: told for name, told in sets.items() if told}


def _are_short(sets: Sets, config: UnifiedConfig, folder: Path, profile: Profile) -> None:
    """One clear error for a trajectory that is too long for a row at the profile's resolution."""
    model = outline(config)
    model.companions["tokenizer"] = read_tokenizer(folder)
    assembler = Assembler(model, profile.copies, fits=fits_of(profile.setting))
    for name, told in sets.items():
        for number, one in enumerate(told, 1):
            size = assembler.size(parts_of(one, WHOLE, np.random.default_rng(0)))
            if size > profile.tokens:
                raise KitError(
                    f"number {number} of {name} takes {size} tokens, more than the {profile.tokens} tokens {_LESS}"
                )


def _told(rng: np.random.Generator, sets: Sets, mix: Mix) -> list[Part]:
    """A trajectory from one of the sets, the paper's in the paper's proportion."""
    name = by_share(rng, {name: MIXTURE.get(name, 1.0) for name in sets})
    told: Sequence[Trajectory] = sets[name]
    return parts_of(told[rng.integers(len(told))], mix, rng)
