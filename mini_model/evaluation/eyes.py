"""Can the model see? Questions about pictures it was never shown, answered in words, right only to the letter.

Who cannot see what is in a picture cannot find what is wrong with it, so this is measured before reflection is.
The pictures come from random numbers that no training run draws from, the questions from the same four kinds.

Letters in shapes:  none; a batch of questions is one row of the cache each
"""

import time
from math import ceil

import numpy as np
from tqdm import tqdm

from mini_model.data.questions import QUESTION_KINDS, ask
from mini_model.data.scenes import MOST, random_scene
from mini_model.evaluation.statistics import score_tags
from mini_model.model.answers import answer
from mini_model.model.pictures import to_pixels
from mini_model.model.unified import UnifiedModel
from mini_model.world.render import render
from mini_model.world.scene import Scene

AWAY = 7_919  # keeps these random numbers apart from those of training, whose seeds are (seed, 10, step, rank)
LONGEST = 24  # words an answer may have
BATCH = 50  # questions asked side by side
# how a question of each kind begins; where a picture does not allow the kind, `ask` falls back to another
BEGINS = {"what": "what is at", "how many": "how many", "color": "what color", "where": "where"}

Question = tuple[Scene, str, str]  # picture, question, answer


def eyes(model: UnifiedModel, per_kind: int = 200, seed: int = 0) -> dict[str, dict]:
    """For each kind of question the share answered right, its 95 % interval, and the number asked."""
    shares = _asked(model, per_kind, seed)[0]
    return {kind: score.record() for kind, score in score_tags(shares)[1].items()}


def evaluate_eyes(model: UnifiedModel, limit: int | None = None, seed: int = 0) -> dict:
    """The same in the form of every evaluation; `limit` questions in all, evenly from the four kinds."""
    began = time.perf_counter()
    shares, cost = _asked(model, ceil(limit / len(QUESTION_KINDS)) if limit else 200, seed)
    overall, by_kind = score_tags(shares)
    cost |= {"denoising_steps": 0.0, "seconds": (time.perf_counter() - began) / overall.n}
    return {
        "benchmark": "eyes",
        "split": "standard",
        "strategy": "questions",
        "overall": overall.score,
        "interval": list(overall.interval),
        "by_tag": {kind: score.record() for kind, score in by_kind.items()},
        "cost": cost,
        "seeds": 1,
        "n": overall.n,
    }


def questions(kind: str, count: int, seed: int = 0) -> list[Question]:
    """Questions of one kind, each about a picture of its own with one to five things."""
    rng = np.random.default_rng((AWAY, seed, QUESTION_KINDS.index(kind)))
    found: list[Question] = []
    while len(found) < count:
        scene = random_scene(rng, int(rng.integers(1, MOST + 1)))
        question, answer = ask(scene, kind, rng)
        if question.startswith(BEGINS[kind]):
            found.append((scene, question, answer))
    return found


def answers(model: UnifiedModel, batch: list[Question]) -> tuple[list[str], int, int]:
    """What the model says to each question, always in its likeliest words; also forwards and tokens it took."""
    shown = [to_pixels(render(scene)) for scene, *_ in batch]
    return answer(model, shown, [question for _, question, _ in batch], LONGEST)


def _asked(model: UnifiedModel, per_kind: int, seed: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Right (1) or wrong (0) for every question of every kind, and the mean cost of a question."""
    shares: dict[str, list[float]] = {kind: [] for kind in QUESTION_KINDS}
    forwards = tokens = 0
    with tqdm(total=per_kind * len(QUESTION_KINDS), unit="question", dynamic_ncols=True) as bar:
        for kind in QUESTION_KINDS:
            asked = questions(kind, per_kind, seed)
            for batch in (asked[i : i + BATCH] for i in range(0, per_kind, BATCH)):
                said, passes, count = answers(model, batch)
                forwards, tokens = forwards + passes * len(batch), tokens + count
                shares[kind] += [float(one == right) for one, (*_, right) in zip(said, batch, strict=True)]
                bar.update(len(batch))
    n = per_kind * len(QUESTION_KINDS)
    return shares, {"forwards": forwards / n, "tokens": tokens / n}
