"""Painting at full size: upstream's dials, and as frugal a way as the card's memory asks for.

What costs only time is given up first: the table of words moves to the host's memory, then the guidance branches go
through the model one after another. The prediction is `model/memory.py`'s, and is made before anything is loaded.
Source of the dials: upstream's `app.py` and `inferencer.py`; the paper does not give its own.
"""

from dataclasses import replace
from pathlib import Path

import torch

from mini_model.device import pick
from mini_model.errors import KitError
from mini_model.model.checkpoint import load, located
from mini_model.model.config import read_released
from mini_model.model.flow import Guidance
from mini_model.model.lora import read_adapter
from mini_model.model.memory import Setting, answer, nearest, room
from mini_model.model.presets import check_sizes
from mini_model.model.quantize import kept_packing
from mini_model.model.unified import UnifiedModel
from mini_model.process.easel import Settings

AT_ONCE = Guidance(text=4.0, interval=(0.4, 1.0))
EDITING = Guidance(text=4.0, image=2.0, interval=(0.0, 1.0), renorm="text_channel")  # each step changes a picture
DIALS = Settings(steps=49, shift=3.0, direct=AT_ONCE, process=EDITING, words=512)  # upstream's 50 times are 49 steps
TILED_UNDER = 24.0  # GB of a card on which pictures are decoded in tiles


def ready(
    folder: Path,
    preset: str = "bagel-7b",
    adapter: Path | None = None,
    packing: str | None = "nf4",
    pixels: int | None = None,
    budget: float | None = None,
    most: int = 8,
) -> tuple[UnifiedModel, Settings]:
    """The model, where it is to paint, and the dials to paint with.

    pixels: edge of a picture, as large as can be where none is named. budget: GB of the card; all it has, where none is
    named. most: pictures in one painting, all of which stand in the context of the last.
    Raises KitError where no frugal way fits, before anything is loaded, and for a folder or an adapter that does not.
    """
    compute, folder = pick(), located(folder)
    config = read_released(folder)
    check_sizes(config, preset, folder)
    largest = config.max_latent_size * config.pixels_per_token
    pixels = pixels or largest
    setting = Setting(preset, "paint", packing, pixels=pixels, pictures=most)
    setting.check()
    if pixels > largest:
        raise KitError(
            f"the model has places for pictures of {largest} pixels, not {pixels}; name a smaller --resolution"
        )
    setting = frugal(setting, room(compute.device, budget))
    dtype = compute.dtype if preset == "tiny" else torch.bfloat16
    model = load(folder, dtype, str(compute.device), None if kept_packing(folder) else packing)
    if adapter:
        read_adapter(model, adapter)
    if setting.words_on_host:
        model.language_model.model.embed_tokens.to("cpu")
    model.config.attention = "sdpa"
    if budget and budget < TILED_UNDER:
        model.autoencoder.net.enable_tiling()
    return model.eval(), replace(DIALS, side=pixels, apart=setting.apart, max_rounds=most)


def frugal(setting: Setting, budget: float | None) -> Setting:
    """The same work in the quickest way that fits; raises KitError where none does."""
    if budget is None:
        return setting
    found, most = nearest(setting, budget), replace(setting, words_on_host=True, apart=True)
    if found is None or replace(found, words_on_host=True, apart=True) != most:  # less work would fit, or none
        said = answer(most, budget)
        raise KitError(
            f"to paint at {setting.pixels} pixels takes {said['total_gb']:g} GB of {budget:g}; nearest that fits: "
            f"{said['suggestion']}"
        )
    return found
