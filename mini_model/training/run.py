"""Train a stage from the command line's words: build it, run the loop, keep the averaged weights."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mini_model import circumstances
from mini_model.data.base import WORDS_FIRST, base_sample, shares_at
from mini_model.data.parts import Part
from mini_model.data.process import MIXTURE, USUAL, process_sample, reflect_sample
from mini_model.data.trajectories import Mix
from mini_model.data.vocabulary import vocabulary
from mini_model.device import pick
from mini_model.errors import KitError
from mini_model.files import write_whole
from mini_model.model.autoencoder import Autoencoder, AutoencoderConfig
from mini_model.model.checkpoint import AUTOENCODER, WEIGHTS, load_autoencoder
from mini_model.model.config import read_json
from mini_model.model.presets import MINI_AUTOENCODER, mini
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import word_tokenizer
from mini_model.training.autoencoder import AutoencoderStage
from mini_model.training.base import Always, UnifiedStage
from mini_model.training.contact import contact_sheet, seeing_sheet
from mini_model.training.full import Start, full_stage
from mini_model.training.loop import Stage, run, use_average
from mini_model.training.many import is_main, many, team
from mini_model.training.preference import PreferenceStage
from mini_model.training.profiles import Profile, profile_of
from mini_model.training.reward import RewardStage
from mini_model.training.state import State
from mini_model.training.vision import VisionStage
from mini_model.trajectory import MANY, load_many

PROVENANCE = "provenance.json"  # beside the weights: every stage they went through, the first one first
# the folders that a stage starts from when none is named, the first that is there: what the stage before it left
BEFORE = {
    "vision": ("autoencoder",),
    "language": ("vision",),
    "base": ("language", "autoencoder"),
    "process": ("base",),
    "reflect": ("process",),
    "reward": ("base",),
    "preference": ("base",),
}
SETS = Path("out/data")  # where `data` leaves its subsets when no folder is named


def train(
    stage: str,
    profile: str = "cpu",
    model: Path | None = None,
    data: Path | None = None,
    out: Path | None = None,
    resume: bool = False,
    seed: int = 0,
    steps: int | None = None,
    mix: Mix | None = None,
    preset: str = "mini",
    adapter: Path | None = None,
    pixels: int | None = None,
) -> Path:
    """Train one stage and return the folder of the finished model (`out`/model) or adapter (`out`/adapter).

    model: the folder of the stage before; data: the folder of the subsets for stage `reflect`; steps: how many, where
    not as many as the profile says (the learning rate falls over just these); mix: how trajectories are made for stages
    `process` and `reflect`. preset: of which size the model is. At full size `model` must be given, `data` may hold
    trajectories for stage `process` too, `adapter` is a folder to go on from instead of a fresh adapter, and `pixels`
    makes pictures smaller than the profile's.
    Raises KitError for a word that is not known, a folder that cannot be read, and an `out` that holds another run.
    A run may be taken up with more or fewer `steps`, for one that was planned too long or too short.
    """
    numbers, small = profile_of(stage, profile, preset), preset == "mini"
    numbers = replace(numbers, steps=steps) if steps else numbers
    out = out or Path("out") / (stage if small else f"{stage}-{preset}")
    if (out / "checkpoints").is_dir() and any((out / "checkpoints").iterdir()) and not resume:
        raise KitError(f"{out} holds an earlier run; add --resume to go on with it, or name another --out")
    _are_for(stage, numbers, model, data, adapter or pixels)
    kind = {} if small else {"preset": preset, "pixels": pixels, "model": str(model)}  # what an adapter leans on
    _claim(out, {"stage": stage, "profile": profile, "seed": seed, **kind}, resume)
    torch.manual_seed(seed)
    before = model or _before(stage)
    built = _built(stage, Start(before, adapter, data, pixels), numbers, seed, mix)
    state = run(built, numbers, out, resume)
    use_average(state)
    built.model = state.model.eval()
    built.save(out)
    made = out / ("adapter" if numbers.adapter else "model")
    if is_main():
        _note(made, stage, profile, seed, state, adapter or before)
    return made


def _are_for(stage: str, numbers: Profile, model: Path | None, data: Path | None, more: Path | int | None) -> None:
    """One clear error for what this training has no use for, or what it lacks."""
    if not numbers.setting and data and stage != "reflect":
        raise KitError(f"stage {stage} makes its own samples; --data goes with stage reflect alone")
    if not numbers.setting and more:
        raise KitError("--adapter and --resolution go with a full-size model; name its --preset")
    if numbers.setting and model is None:
        raise KitError("a full-size model is not made from nothing: give --model DIR, a folder in the released layout")


def _built(stage: str, start: Start, numbers: Profile, seed: int, mix: Mix | None) -> Stage:
    """The stage as the loop takes it; one clear error where several processes would each train a model of their own."""
    device = team().device
    if numbers.setting:
        sets = start.data or (SETS if stage == "reflect" else None)
        return full_stage(stage, start._replace(data=sets), numbers, seed, mix or USUAL, device)
    built = STAGES[stage](start.model, start.data, numbers, seed, mix)
    if many() > 1 and not isinstance(built, UnifiedStage):
        raise KitError(f"stage {stage} trains in one process; start it without accelerate launch")
    return built


def _claim(out: Path, run: dict[str, str | int], resume: bool) -> None:
    """Write down which run a folder belongs to; one of another stage, seed or frozen model must not go on with it."""
    record = out / "run.json"
    held = read_json(record) if resume and record.is_file() else run
    other = [f"{word} {held.get(word)!r}, not {run[word]!r}" for word in run if held.get(word) != run[word]]
    if other:
        raise KitError(f"{out} holds a run of {' and '.join(other)}; take it up as it was, or name another --out")
    write_whole(record, json.dumps(run) + "\n")


def _before(stage: str) -> Path | None:
    """Where the stage before this one left its model; the last folder of the list when none is there."""
    folders = [Path("out") / earlier / "model" for earlier in BEFORE.get(stage, ())]
    return next((folder for folder in folders if folder.is_dir()), folders[-1] if folders else None)


def _note(made: Path, stage: str, profile: str, seed: int, state: State, before: Path | None) -> None:
    """Write down how these weights came to be, behind what is known of those they started from."""
    earlier = before / PROVENANCE if before else None
    record = {
        "stage": stage,
        "profile": profile,
        "seed": seed,
        "steps": state.step,
        "seconds": round(state.seconds),
        "losses": _last_losses(made.parent / "log.jsonl"),
        "command": circumstances.command(),
        "commit": circumstances.commit(),
        "device": circumstances.device(),
        "computed_in": pick().reason,
        "versions": circumstances.versions(),
    }
    history = json.loads(earlier.read_text()) if earlier and earlier.is_file() else []
    write_whole(made / PROVENANCE, json.dumps([*history, record], indent=2) + "\n")


def _last_losses(log: Path, rows: int = 20) -> dict[str, float]:
    """The mean of each loss over the last rows of the log."""
    last = [json.loads(line) for line in log.read_text().splitlines()[-rows:]]
    names = sorted({name for row in last for name in row} - {"step", "seconds", "tokens_per_second"})
    values = {name: [row[name] for row in last if name in row] for name in names}
    return {name: round(sum(found) / len(found), 5) for name, found in values.items()}


def _autoencoder(
    model: Path | None, data: Path | None, profile: Profile, seed: int, mix: Mix | None
) -> AutoencoderStage:
    """A new autoencoder; or the one in `model`, whose decoder alone learns on."""
    sizes = read_json(model / "ae_config.json") if model else MINI_AUTOENCODER
    autoencoder = Autoencoder(AutoencoderConfig.from_dict(sizes))
    if model:
        load_autoencoder(autoencoder, model / AUTOENCODER)
    return AutoencoderStage(autoencoder, profile, seed, polish=model is not None)


def _vision(model: Path, data: Path | None, profile: Profile, seed: int, mix: Mix | None) -> VisionStage:
    """A new model around the autoencoder in `model`, whose eyes are to be opened."""
    return VisionStage(_new(model).train(), profile, seed)


def _base(model: Path, data: Path | None, profile: Profile, seed: int, mix: Mix | None) -> UnifiedStage:
    """The model in `model`, or a new one where that folder holds an autoencoder alone."""
    whole = (model / WEIGHTS).exists()
    print(f"starting from the {'model' if whole else 'autoencoder alone'} in {model}")
    unified = UnifiedModel.from_pretrained(model) if whole else _new(model)
    return UnifiedStage(unified.train(), profile, Always(base_sample), contact_sheet, seed)


def _language(model: Path, data: Path | None, profile: Profile, seed: int, mix: Mix | None) -> UnifiedStage:
    """The model in `model`, taught to answer, to read and to know; it cannot draw yet."""
    unified = UnifiedModel.from_pretrained(model)

    def sampler(rng: np.random.Generator, done: float) -> list[Part]:
        return base_sample(rng, shares=shares_at(done, WORDS_FIRST))

    return UnifiedStage(unified.train(), profile, sampler, seeing_sheet, seed)


def _new(model: Path) -> UnifiedModel:
    """A new mini model around the autoencoder in a folder, with the words of the little language."""
    tokenizer = word_tokenizer(vocabulary())
    unified = UnifiedModel(mini(len(tokenizer), read_json(model / "ae_config.json")))
    load_autoencoder(unified.autoencoder, model / AUTOENCODER)
    unified.companions["tokenizer"] = tokenizer
    return unified


def _process(model: Path, data: Path | None, profile: Profile, seed: int, mix: Mix | None) -> UnifiedStage:
    """The model in `model`, taught to paint in steps."""
    unified = UnifiedModel.from_pretrained(model)
    return UnifiedStage(
        unified.train(), profile, Always(partial(process_sample, mix=mix or USUAL)), contact_sheet, seed
    )


def _reflect(model: Path, data: Path | None, profile: Profile, seed: int, mix: Mix | None) -> UnifiedStage:
    """The model in `model`, taught by the subsets in `data` what is wrong with its own work."""
    folder = data or SETS
    sets = {name: load_many(folder / name) for name in MIXTURE if (folder / name / MANY).is_file()}
    if not sets and mix is None:
        raise KitError(f"no subset in {folder}; make one first: python -m mini_model data alignment --model {model}")
    told = ", ".join(f"{len(told):,} of {name}" for name, told in sets.items())
    print(f"learning from {told or 'made-up paintings alone'}")
    unified = UnifiedModel.from_pretrained(model)

    def sampler(rng: np.random.Generator, done: float) -> list[Part]:
        return reflect_sample(rng, sets, mix or USUAL, done)

    return UnifiedStage(unified.train(), profile, sampler, contact_sheet, seed)


def _reward(model: Path, data: Path | None, profile: Profile, seed: int, mix: Mix | None) -> RewardStage:
    """The model in `model`, taught to judge its own pictures for the search baselines."""
    return RewardStage(UnifiedModel.from_pretrained(model).train(), profile, seed)


def _preference(model: Path, data: Path | None, profile: Profile, seed: int, mix: Mix | None) -> PreferenceStage:
    """The model in `model`, tuned towards those of its own pictures that are right."""
    return PreferenceStage(UnifiedModel.from_pretrained(model).train(), profile, seed)


STAGES = {
    "autoencoder": _autoencoder,
    "vision": _vision,
    "language": _language,
    "base": _base,
    "process": _process,
    "reflect": _reflect,
    "reward": _reward,
    "preference": _preference,
}
