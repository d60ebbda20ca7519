"""Paint every prompt of a benchmark, judge each final picture, and say how good and how sure.

The answer is plain data for JSON:

    overall, interval   mean of the tags' accuracies, and its 95 % interval by resampling prompts
    by_tag              the same for each tag; `n` counts prompts, here and at the top
    seeds               pictures painted of each prompt
    cost                of one trajectory, on average
    mean_pictures       pictures painted for one trajectory, drafts and refinements alike
    refined             share of the trajectories with at least one refinement
    known, held_out     for mini-wise: facts with and without plans in training
    shares              for each tag, the share of right pictures of each of its prompts
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from tqdm import tqdm

from mini_model.errors import KitError
from mini_model.evaluation import mini_geneval, mini_wise
from mini_model.evaluation.benchmarks import take_evenly, verdict
from mini_model.evaluation.eyes import evaluate_eyes
from mini_model.evaluation.progress import Judged, Progress
from mini_model.evaluation.statistics import score_tags
from mini_model.files import write_whole
from mini_model.model.checkpoint import WEIGHTS, load_here
from mini_model.process import STRATEGIES, Settings, paint_many
from mini_model.trajectory import Trajectory

MINI = Path(__file__).resolve().parents[2] / "data_samples/weights/mini"
BENCHES: dict[str, ModuleType] = {"mini-geneval": mini_geneval, "mini-wise": mini_wise}
BATCH = 50  # trajectories painted side by side
SEEDS_APART = 1000  # so that no two prompts are painted from the same noise
COSTS = ("denoising_steps", "forwards", "tokens", "seconds")

Paint = Callable[[list[str], list[int]], list[Trajectory]]


def evaluate(
    bench: str,
    split: str = "standard",
    model: Path = MINI,
    strategy: str = "process",
    limit: int | None = None,
    seeds: int = 4,
    first: int = 0,
    out: Path | None = None,
    paint: Paint | None = None,
    settings: Settings | None = None,
) -> dict:
    """Score a model on a benchmark; see the top of this file for what comes back.

    seeds, first: how many pictures of each prompt, and from which seed on.
    limit: paint only so many prompts in all, taken evenly from the tags, the first of each tag first.
    out: write the answer there as JSON; an evaluation that was killed is taken up where its last batch ended.
    paint: paints one trajectory per (prompt, seed), in place of the model's own painter; settings: the painter's.
    Raises KitError for an unknown benchmark, split or strategy, and for a model folder that cannot be read.
    """
    if bench == "eyes":
        return _kept(evaluate_eyes(load_here(model), limit), out)
    if bench not in BENCHES or strategy not in STRATEGIES or seeds < 1:
        raise KitError(
            f"cannot evaluate {bench!r} by strategy {strategy!r} with {seeds} seeds: benchmarks are "
            f"{', '.join(BENCHES)} and eyes, strategies {', '.join(STRATEGIES)}, seeds 1 or more"
        )
    rows = BENCHES[bench].prompts(split)
    lines = take_evenly(rows, limit)
    head = {"benchmark": bench, "split": split, "strategy": strategy}
    about = {"seeds": seeds, "first": first, "lines": lines, "prompts": digest(json.dumps(rows).encode())}
    progress = Progress(out, head | about | {"model": "given" if paint else fingerprint(model)})
    judged = paint_and_judge(
        rows, lines, range(first, first + seeds), paint or _painter(model, strategy, settings), progress
    )
    answer = _kept(head | summary(rows, judged, BENCHES[bench].parts), out)
    progress.drop()
    return answer


def _kept(answer: dict, out: Path | None) -> dict:
    """The answer, written to its file if one is named."""
    if out:
        write_whole(out, json.dumps(answer, indent=2) + "\n")
    return answer


def paint_and_judge(
    rows: list[dict], lines: list[int], seeds: Sequence[int], paint: Paint, progress: Progress
) -> list[Judged]:
    """Every wanted picture, judged; batches that `progress` knows already are not painted again.

    Batches are cut the same way each time, so a resumed evaluation paints what an unbroken one would.
    """
    tasks = [(line, line * SEEDS_APART + turn) for line in lines for turn in seeds]
    with tqdm(total=len(tasks), unit="picture", dynamic_ncols=True) as bar:
        for start in range(0, len(tasks), BATCH):
            batch = tasks[start : start + BATCH]
            if not all(task in progress.judged for task in batch):
                painted = paint([rows[line]["prompt"] for line, _ in batch], [seed for _, seed in batch])
                progress.add(
                    [
                        Judged.of(line, seed, trajectory, verdict(rows[line], trajectory.final))
                        for (line, seed), trajectory in zip(batch, painted, strict=True)
                    ]
                )
            bar.update(len(batch))
            right = sum(row.correct for row in progress.judged.values())
            bar.set_postfix_str(f"right {right / len(progress.judged):.3f}")
    return [progress.judged[task] for task in tasks]


def summary(rows: list[dict], judged: list[Judged], parts: Callable[[dict], list[str]] = lambda row: []) -> dict:
    """Scores with their intervals, and the mean cost, from judged pictures."""
    pictures: dict[int, list[bool]] = {}
    for one in judged:
        pictures.setdefault(one.line, []).append(one.correct)
    shares: dict[str, list[float]] = {}
    halves: dict[str, dict[str, list[float]]] = {}
    for line, correct in pictures.items():
        share, tag = float(np.mean(correct)), rows[line]["tag"]
        shares.setdefault(tag, []).append(share)
        for part in parts(rows[line]):
            halves.setdefault(part, {}).setdefault(tag, []).append(share)
    overall, by_tag = score_tags(shares)
    return {
        "overall": overall.score,
        "interval": list(overall.interval),
        "by_tag": {tag: score.record() for tag, score in by_tag.items()},
        **{part: score_tags(half)[0].record() for part, half in sorted(halves.items(), reverse=True)},
        "cost": {name: float(np.mean([getattr(one.cost, name) for one in judged])) for name in COSTS},
        "mean_pictures": float(np.mean([one.pictures for one in judged])),
        "refined": float(np.mean([one.refined for one in judged])),
        "seeds": len(judged) // len(pictures),
        "n": overall.n,
        "shares": shares,
    }


def _painter(folder: Path, strategy: str, settings: Settings | None) -> Paint:
    model = load_here(folder)
    return lambda prompts, seeds: paint_many(model, prompts, seeds, strategy, settings)


def once(path: Path, asked: Callable[[], object]) -> tuple[dict, float]:
    """The answer that `asked` writes to a file and its seconds, from disk where it was asked before."""
    clock = path.with_suffix(".seconds")
    if not (path.is_file() and clock.is_file()):
        began = time.monotonic()
        asked()
        clock.write_text(f"{time.monotonic() - began:.1f}")
    return json.loads(path.read_text()), float(clock.read_text())


def fingerprint(folder: Path) -> str:
    """A fingerprint of a model's weights, so that no batch painted by other weights is taken for theirs."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise KitError(f"no model at {folder}: {WEIGHTS} is missing; name a folder of weights with --model")
    return digest(path.read_bytes())


def digest(content: bytes) -> str:
    """A short name of some content; other content has another."""
    return hashlib.sha256(content).hexdigest()[:16]
