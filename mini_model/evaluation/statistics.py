"""How far to trust a score: intervals by resampling the prompts.

Four pictures of one prompt succeed or fail together more often than four of different prompts, so they are no four
independent tries. The bootstrap therefore draws prompts, each with all its pictures, and not single pictures.
(Efron 1979; resampling whole clusters: Davison and Hinkley 1997, section 3.8.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mini_model.errors import KitError

DRAWS = 10_000  # times that the prompts are drawn anew
LEVEL = 0.95

Shares = Mapping[str, Sequence[float]]  # tag -> for each of its prompts, the share of its pictures that are right


@dataclass(frozen=True)
class Score:
    """A score from 0 to 1, its 95 % interval, and the number of prompts behind it."""

    score: float
    interval: tuple[float, float]
    n: int

    def record(self) -> dict:
        """As plain data for JSON."""
        return {"score": self.score, "interval": list(self.interval), "n": self.n}


def score_tags(shares: Shares, seed: int = 0) -> tuple[Score, dict[str, Score]]:
    """The overall score, which is the mean of the tags' scores, and the score of each tag.

    Every tag keeps its number of prompts when they are drawn anew. Where all prompts of a tag agree, its interval has
    no width: the bootstrap cannot imagine what it has never seen.
    """
    return score_seeds([shares], seed)


def resampled_means(
    values: Float[ndarray, "prompts *seeds"], rng: np.random.Generator
) -> Float[ndarray, "draws *seeds"]:
    """The mean of as many prompts drawn with replacement, many times over."""
    return values[rng.integers(0, len(values), (DRAWS, len(values)))].mean(1)


def interval(means: Float[ndarray, "draws"]) -> tuple[float, float]:
    """The middle 95 % of the resampled means."""
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def score_within(clusters: Sequence[Sequence[bool]], seed: int = 0) -> Score | None:
    """A share of events of which each painting holds some or none; whole paintings are drawn anew for the interval.

    `n` counts the events. None where there is none.
    """
    held = [cluster for cluster in clusters if len(cluster)]
    if not held:
        return None
    hits, counts = np.array([sum(cluster) for cluster in held]), np.array([len(cluster) for cluster in held])
    drawn = np.random.default_rng(seed).integers(0, len(held), (DRAWS, len(held)))
    ratios = hits[drawn].sum(1) / counts[drawn].sum(1)
    return Score(float(hits.sum() / counts.sum()), interval(ratios), int(counts.sum()))


def score_seeds(seeds: Sequence[Shares], seed: int = 0) -> tuple[Score, dict[str, Score]]:
    """The same as `score_tags` for a model that was trained from several seeds: these are drawn anew as well.

    A recipe may be lucky with its seed as it may be with its prompts; the interval holds both.
    """
    if not seeds or not all(shares and all(map(len, shares.values())) for shares in seeds):
        raise KitError("there is nothing to score: every tag needs at least one painted prompt")
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(seeds), (DRAWS, len(seeds)))  # which trainings are drawn
    again, by_tag = {}, {}
    for tag in seeds[0]:
        values = np.array([shares[tag] for shares in seeds], float).T  # prompts x trainings
        again[tag] = np.take_along_axis(resampled_means(values, rng), chosen, 1).mean(1)
        by_tag[tag] = Score(float(values.mean()), interval(again[tag]), len(values))
    overall = float(np.mean([score.score for score in by_tag.values()]))
    whole = Score(overall, interval(np.mean(list(again.values()), axis=0)), sum(score.n for score in by_tag.values()))
    return whole, by_tag
