"""What commands do that is more than one call: paint and tell what happens, pack a folder, make up weights."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from mini_model.data.vocabulary import vocabulary
from mini_model.device import pick
from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.model.checkpoint import load, save_packed
from mini_model.model.presets import preset as sizes_of
from mini_model.model.presets import scaled
from mini_model.model.random_weights import random_folder
from mini_model.model.words import word_tokenizer
from mini_model.process import Settings, paint_many
from mini_model.process.endpoint import Endpoint
from mini_model.process.full import ready
from mini_model.process.judges import Judge, exact
from mini_model.process.painter import Event, Studio
from mini_model.process.story import Story
from mini_model.show import strip, write_page
from mini_model.trajectory import Trajectory
from mini_model.world.judge import judge

HOME = Path(__file__).resolve().parent.parent
DEMO = HOME / "data_samples/demo.json"  # prompts of the demo, each with GenEval metadata and a seed

STAGES = {"plan": "plans", "draft": "drafts", "reflection": "reflections", "refinement": "refinements"}

Say = Callable[[str], None]


def paint_to_folder(
    prompt: str,
    model: Path,
    strategy: str = "process",
    seed: int = 0,
    max_rounds: int = 12,
    out: Path = Path("out/paint"),
    say: Say = print,
    spec: dict | None = None,
    loaded: UnifiedModel | None = None,
) -> Path:
    """Paint a prompt into a folder (trajectory.json, PNGs, strip.png, page.html) and return the JSON's path."""
    check_prompts([prompt])
    loaded = loaded or UnifiedModel.from_pretrained(model)
    return paint([prompt], loaded, Settings(max_rounds=max_rounds), strategy, seed, out, say, [spec])[0]


def model_for(
    preset: str,
    folder: Path,
    most: int,
    adapter: Path | None = None,
    packing: str | None = "nf4",
    pixels: int | None = None,
    budget: float | None = None,
) -> tuple[UnifiedModel, Settings]:
    """The model of a folder and the dials to paint with; all but the first three words are for the full size."""
    if preset != "mini":
        return ready(folder, preset, adapter, packing, pixels, budget, most)
    if adapter:
        raise KitError("the mini model paints without an adapter; with --preset bagel-7b or tiny it takes one")
    return UnifiedModel.from_pretrained(folder), Settings(max_rounds=most)


def judge_of(words: str | None, name: str | None, strategy: str) -> Judge | None:
    """The judge that some words ask for: `exact`, or the address of a vision model of this name; none for none.

    Raises KitError for other words, an address without a model's name, and a strategy that asks no judge.
    """
    if words is None:
        return None
    if strategy != "process":
        raise KitError(f"strategy {strategy} asks no judge; leave --judge out, or take strategy process")
    if words == "exact":
        return exact
    if not words.startswith(("http://", "https://")) or not name:
        raise KitError("--judge takes `exact`, or an address like http://localhost:8000/v1 with --judge-model NAME")
    return Endpoint(words, name, os.environ.get("OPENAI_API_KEY", "none"))


def check_prompts(prompts: Sequence[str]) -> None:
    """One clear error for a prompt without words, before anything is loaded."""
    if not all(prompt.strip() for prompt in prompts):
        raise KitError("the prompt is empty; say what to paint, for example: a photo of a red circle")


def paint(
    prompts: Sequence[str],
    model: UnifiedModel,
    settings: Settings,
    strategy: str = "process",
    seed: int = 0,
    out: Path = Path("out/paint"),
    say: Say = print,
    specs: Sequence[dict | None] | None = None,
    judge: Judge | None = None,
) -> list[Path]:
    """Paint prompts side by side, one into `out`, several into its folders 1, 2, ...; returns each JSON's path.

    judge: what it says of each picture takes the place of the model's own reflections, in strategy `process`.
    """
    specs, seeds = specs or [None] * len(prompts), [seed] * len(prompts)
    if strategy == "process":
        stories = [Story(*told) for told in zip(prompts, seeds, specs, strict=True)]
        painted = _follow(Studio(model, settings, judge), stories, say)
    else:
        painted = paint_many(model, prompts, seeds, strategy, settings, specs)
    folders = [out / f"{number}" for number in range(1, len(prompts) + 1)] if len(prompts) > 1 else [out]
    paths = [trajectory.save(folder) for trajectory, folder in zip(painted, folders, strict=True)]
    for trajectory, folder in zip(painted, folders, strict=True):
        strip(trajectory).save(folder / "strip.png")
        write_page(trajectory, folder / "page.html")
    return paths


def _follow(studio: Studio, stories: list[Story], say: Say) -> list[Trajectory]:
    """Paint in steps and say each turn in a line, with the seconds it took; then what all turns of a kind took."""
    ended: dict[int, Trajectory] = {}
    took, before = dict.fromkeys(STAGES, 0.0), time.monotonic()
    for event in studio.paint(stories):
        now = time.monotonic()
        seconds, before = now - before, now
        whose = f"{event.row + 1}. " if len(stories) > 1 else ""
        say(f"  {whose}{event.kind:<11} {_words(event)}" + (f"  ({seconds:.1f} s)" if event.kind in took else ""))
        if event.kind == "done":
            ended[event.row] = event.trajectory
        else:
            took[event.kind] += seconds
    say("  time        " + ", ".join(f"{plural} {took[kind]:.1f} s" for kind, plural in STAGES.items()))
    return [ended[row] for row in range(len(stories))]


def _words(event: Event) -> str:
    """The gist of an event."""
    trajectory = event.trajectory
    if event.kind == "done":
        cost = trajectory.cost
        return f"{cost.denoising_steps} denoising steps, {cost.text_tokens} words written, {cost.seconds:.1f} s"
    if event.kind == "plan":
        return event.plan.instruction
    step = trajectory.steps[-1]
    if event.kind == "reflection":
        said = step.after or step.reflection
        return f"{said.text} {said.refine or ''}".strip()
    return {"draft": step.plan.description, "refinement": step.reflection.refine}[event.kind] or ""


def demo(model: Path, out: Path = Path("out/demo"), say: Say = print) -> None:
    """Paint the demo's prompts one after another and say what the exact judge makes of each picture."""
    tasks = json.loads(DEMO.read_text())
    loaded = UnifiedModel.from_pretrained(model)
    for number, task in enumerate(tasks, 1):
        say(f"\n{number}. {task['spec']['prompt']}")
        folder = out / f"{number}"
        path = paint_to_folder(
            task["spec"]["prompt"], model, seed=task["seed"], out=folder, say=say, spec=task["spec"], loaded=loaded
        )
        verdict = judge(task["spec"], np.asarray(Trajectory.load(path).final))
        say(f"  the judge   {'right' if verdict.correct else 'wrong: ' + verdict.reason}")
        say(f"  to look at  {folder / 'strip.png'} and {folder / 'page.html'}")


def quantize(model: Path, out: Path, packing: str = "nf4") -> Path:
    """Pack the model of a folder into 4 bits and write it to `out`."""
    save_packed(load(model, torch.bfloat16, str(pick().device), packing), out)
    return out


def random_model(out: Path, preset: str, layers: int | None = None, width: int | None = None, seed: int = 0) -> Path:
    """Write random weights of a preset's shape, with the words of the drawn world."""
    return random_folder(out, scaled(sizes_of(preset), layers, width), word_tokenizer(vocabulary()), seed)
