"""Train a stage from the command line's words: build it, run the loop, keep the averaged weights."""

import json
from pathlib import Path

import torch

from mini_model.data.base import base_sample
from mini_model.data.process import process_sample
from mini_model.data.vocabulary import vocabulary
from mini_model.errors import KitError
from mini_model.model.autoencoder import Autoencoder, AutoencoderConfig
from mini_model.model.checkpoint import AUTOENCODER, load_autoencoder
from mini_model.model.config import read_json
from mini_model.model.presets import MINI_AUTOENCODER, mini
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import word_tokenizer
from mini_model.training.autoencoder import AutoencoderStage
from mini_model.training.base import UnifiedStage
from mini_model.training.contact import contact_sheet
from mini_model.training.loop import run, use_average
from mini_model.training.profiles import Profile, profile_of


def train(
    stage: str,
    preset: str = "mini",
    profile: str = "cpu",
    model: Path | None = None,
    data: Path | None = None,
    out: Path | None = None,
    resume: bool = False,
    seed: int = 0,
) -> Path:
    """Train one stage and return the folder of the finished model (`out`/model)."""
    numbers = profile_of(stage, profile)
    out = out or Path("out") / stage
    if (out / "checkpoints").is_dir() and any((out / "checkpoints").iterdir()) and not resume:
        raise KitError(f"{out} holds an earlier run; add --resume to go on with it, or name another --out")
    torch.manual_seed(seed)
    built = STAGES[stage](model, numbers, seed)
    state = run(built, numbers, out, resume)
    use_average(state)
    built.model = state.model.eval()
    built.save(out)
    summary = {
        "stage": stage,
        "profile": profile,
        "seed": seed,
        "steps": state.step,
        "seconds": round(state.seconds),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
    return out / "model"


def _autoencoder(model: Path | None, profile: Profile, seed: int) -> AutoencoderStage:
    return AutoencoderStage(Autoencoder(AutoencoderConfig(**MINI_AUTOENCODER)), profile, seed)


def _base(model: Path | None, profile: Profile, seed: int) -> UnifiedStage:
    """A new model around the autoencoder in `model` (by default the one the first stage left)."""
    folder = model or Path("out/autoencoder/model")
    tokenizer = word_tokenizer(vocabulary())
    unified = UnifiedModel(mini(len(tokenizer), read_json(folder / "ae_config.json")))
    load_autoencoder(unified.autoencoder, folder / AUTOENCODER)
    unified.companions["tokenizer"] = tokenizer
    return UnifiedStage(unified.train(), profile, base_sample, contact_sheet, seed)


def _process(model: Path | None, profile: Profile, seed: int) -> UnifiedStage:
    """The model in `model` (by default the one the base stage left), taught to paint in steps."""
    unified = UnifiedModel.from_pretrained(model or Path("out/base/model"))
    return UnifiedStage(unified.train(), profile, process_sample, contact_sheet, seed)


STAGES = {"autoencoder": _autoencoder, "base": _base, "process": _process}
