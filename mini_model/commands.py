"""What commands do that is more than one call: paint and tell what happens, pack a folder, make up weights."""

import json
from collections.abc import Callable
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
from mini_model.process import Painter, Settings, paint_many
from mini_model.process.painter import Event
from mini_model.show import strip, write_page
from mini_model.trajectory import Trajectory
from mini_model.world.judge import judge

HOME = Path(__file__).resolve().parent.parent
DEMO = HOME / "data_samples/demo.json"  # prompts of the demo, each with GenEval metadata and a seed

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
    if not prompt.strip():
        raise KitError("the prompt is empty; say what to paint, for example: a photo of a red circle")
    loaded, settings = loaded or UnifiedModel.from_pretrained(model), Settings(max_rounds=max_rounds)
    if strategy == "process":
        trajectory = _follow(Painter(loaded, seed, settings), prompt, spec, say)
    else:
        trajectory = paint_many(loaded, [prompt], [seed], strategy, settings, [spec])[0]
    path = trajectory.save(out)
    strip(trajectory).save(out / "strip.png")
    write_page(trajectory, out / "page.html")
    return path


def _follow(painter: Painter, prompt: str, spec: dict | None, say: Say) -> Trajectory:
    """Paint in steps and say each turn in a line."""
    for event in painter.paint(prompt, spec=spec):
        say(f"  {event.kind:<11} {_words(event)}")
    return event.trajectory


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
