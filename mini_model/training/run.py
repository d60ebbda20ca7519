"""Train a stage from the command line's words: build it, run the loop, keep the averaged weights."""

import json
from pathlib import Path

import torch

from mini_model.errors import KitError
from mini_model.model.autoencoder import Autoencoder, AutoencoderConfig
from mini_model.training.autoencoder import AutoencoderStage
from mini_model.training.loop import run, use_average
from mini_model.training.profiles import Profile, profile_of

MINI_AUTOENCODER = AutoencoderConfig(ch=64, ch_mult=(1,), stem=8)


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
    summary = {"stage": stage, "profile": profile, "seed": seed, "steps": state.step, "seconds": round(state.seconds)}
    (out / "summary.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
    return out / "model"


def _autoencoder(model: Path | None, profile: Profile, seed: int) -> AutoencoderStage:
    return AutoencoderStage(Autoencoder(MINI_AUTOENCODER), profile, seed)


STAGES = {"autoencoder": _autoencoder}
