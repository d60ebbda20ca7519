"""Speed, measured in one run: this machine's peak, then training, painting and the drawn world against it.

Figures of the reference stand beside ours in the printed table. They were not measured in this run; see `SOURCE`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from tqdm import tqdm

from mini_model.device import keep_freed_memory, pick
from mini_model.evaluation.results import FOLDER, Figure, write_results
from mini_model.evaluation.speed_painting import Script, paint_forgetting, paint_remembering
from mini_model.evaluation.speed_training import build, linear_weights, training_rate
from mini_model.evaluation.speed_world import SIDE, matrix_peak, world_rates
from mini_model.training.profiles import PROFILES, Profile

SOURCE = (
    "upstream BAGEL's own code built at the bench size, its fastest path, float32, on a 2-core machine with AMX; "
    "measured once when this kit was designed, one prompt at a time"
)
REFERENCE = {
    "training, bench size: tokens/s": "2,500-2,700",
    "training, bench size: share of the bfloat16 peak": "0.074-0.089",
    "training, bench size: share of the float32 peak": "0.29-0.31",
    "painting, bench size: seconds a trajectory": "4.0",
    "painting, bench size: seconds in pictures": "3.3",
    "painting, bench size: seconds in text": "0.6",
    "painting, bench size: seconds in context": "0.15",
    "painting, bench size, 32 prompts: trajectories/minute": "15",
}
SIZES = {"bench size": True, "shipped size": False}
Named = Iterator[tuple[str, float, int]]  # name, value, repetitions behind it


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    peak_seconds: float = 2.0
    side: int = SIDE
    warm: int = 5  # training steps that are not counted
    steps: int = 30
    batch: int = 8  # trajectories of the bench size in a step
    repeats: int = 3
    rows: int = 32
    pictures: int = 3_000
    script: Script = Script()


QUICK = Effort(0.01, 128, 1, 2, 2, 1, 2, 20, Script(plan=3, reflection=2, pictures=1, steps=2))


def bench(out: str | Path = FOLDER / "bench.json", quick: bool = False) -> list[Figure]:
    """Measure everything, write the figures to `out`, and return them; `quick` only shows that it runs.

    About five minutes on two cores. Nothing else should run meanwhile.
    """
    effort = QUICK if quick else Effort()
    keep_freed_memory()  # as training and evaluation do
    before = _peaks(effort)
    figures: list[Figure] = []
    parts = [_training(effort), _painting(effort), _world(effort)]
    with tqdm(unit="figure", dynamic_ncols=True) as bar:
        for part in parts:
            began = time.perf_counter()
            for name, value, n in part:
                figures.append(Figure(name=name, value=value, n=n, seeds=0, seconds=time.perf_counter() - began))
                began = time.perf_counter()
                bar.set_postfix_str(name)
                bar.update()
    # a neighbour may slow the machine for a while, so the better of two measurements is the peak
    peaks = {
        name: max(value, again) for (name, value), again in zip(before.items(), _peaks(effort).values(), strict=True)
    }
    figures = [*_peak_figures(peaks, effort), *_with_shares(figures, peaks)]
    write_results(out, figures)
    return figures


def as_text(figures: list[Figure]) -> str:
    """A table of name, ours, and the reference's own figure where there is one."""
    width = max(len(figure.name) for figure in figures)
    lines = [f"{'':<{width}} {'here':>12} {'reference':>14}"]
    lines += [f"{f.name:<{width}} {f.value:>12,.4g} {REFERENCE.get(f.name, ''):>14}" for f in figures]
    return "\n".join([*lines, f"reference: {SOURCE}"])


def _peaks(effort: Effort) -> dict[str, float]:
    device = pick().device
    formats = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    return {name: matrix_peak(dtype, device, effort.peak_seconds, effort.side) for name, dtype in formats.items()}


def _peak_figures(peaks: dict[str, float], effort: Effort) -> list[Figure]:
    return [
        Figure(name=f"matrix peak, {name}, {effort.side} cubed: TFLOP/s", value=value, n=2, seeds=0,
               seconds=2 * effort.peak_seconds)
        for name, value in peaks.items()
    ]  # fmt: skip


def _with_shares(figures: list[Figure], peaks: dict[str, float]) -> list[Figure]:
    """The figures, and behind each training rate its shares of the two peaks.

    Work is 6 x (weights of the linears that one token passes) x tokens: 2 forward and 4 backward.
    """
    done = []
    for figure in figures:
        done.append(figure)
        if figure.name.startswith("training") and figure.name.endswith(": tokens/s"):
            stem = figure.name.removesuffix(": tokens/s")
            weights = linear_weights(build("bench size" in stem).config)
            for name in ("bfloat16", "float32"):
                share = 6 * weights * figure.value / (peaks[name] * 1e12)
                done.append(figure.model_copy(update={"name": f"{stem}: share of the {name} peak", "value": share}))
    return done


def _training(effort: Effort) -> Named:
    """Tokens a second of the training loop: on ready batches at both sizes, and with making batches."""
    profile = Profile(steps=effort.warm + effort.steps + 1, batch=effort.batch, rate=1e-4, save_seconds=1e9)
    device = pick().device
    rate = training_rate(build(True).to(device), profile, fixed=True, warm=effort.warm)
    yield "training, bench size: tokens/s", rate, effort.steps
    shipped = replace(profile, batch=effort.batch * 4)  # a smaller model needs a bigger pack
    rate = training_rate(build(False).to(device), shipped, fixed=True, warm=effort.warm)
    yield "training, shipped size: tokens/s", rate, effort.steps
    base = PROFILES["base"]["cpu" if effort.steps > QUICK.steps else "smoke"]
    real = replace(base, steps=profile.steps, save_seconds=1e9)
    rate = training_rate(build(False).to(device), real, fixed=False, warm=effort.warm)
    yield "training, shipped size, batches made on the way: tokens/s", rate, effort.steps


def _painting(effort: Effort) -> Named:
    """Seconds of a trajectory, alone and in company, with the cache and without."""
    compute = pick()
    for size, is_bench in SIZES.items():
        head = f"painting, {size}"
        model = build(is_bench).to(compute.device, compute.dtype).eval()
        paint_remembering(model, effort.script)  # the first time is slower
        runs = sorted((paint_remembering(model, effort.script) for _ in range(effort.repeats)), key=lambda r: r.total)
        middle = runs[len(runs) // 2]
        yield f"{head}: seconds a trajectory", middle.total, effort.repeats
        for part, seconds in middle.seconds.items():
            yield f"{head}: seconds in {part}", seconds, effort.repeats
        many = median(paint_remembering(model, effort.script, effort.rows).total for _ in range(effort.repeats))
        yield f"{head}, {effort.rows} prompts: trajectories/minute", 60 * effort.rows / many, effort.repeats
        anew = paint_forgetting(model, effort.script).total
        yield f"{head}, without cache: seconds a trajectory", anew, 1
        yield f"{head}: times faster with cache", anew / middle.total, 1


def _world(effort: Effort) -> Named:
    drawing, judging = world_rates(effort.pictures)
    yield "render: pictures/s", drawing, effort.pictures
    yield "judge: pictures/s", judging, effort.pictures
