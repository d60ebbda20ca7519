"""The paper's tables, row for row, in the drawn world: train what is needed, evaluate it, write one file of figures.

main      base painting at once, base trained on for as long, and the process model                    (table 2)
wise      the same where the answer must be inferred                                                     (table 3)
cost      every way to spend more on one picture, with what it spends                                    (table 4)
table5    with and without strokes that change, swap and remove; with and without criticism
table6    criticism made from the scene graph against criticism of the model's own pictures
table7    which of the two self-sampled subsets helps where
control   the process model without reflection, with its own, with another picture's, and with the exact judge's

Each row is trained from several seeds, and an interval resamples seeds as well as prompts.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from mini_model import circumstances
from mini_model.errors import KitError
from mini_model.evaluation.results import FOLDER as RESULTS
from mini_model.evaluation.results import Figure, write_results
from mini_model.evaluation.run import COSTS, digest, evaluate, fingerprint
from mini_model.evaluation.statistics import Shares, score_seeds
from mini_model.evaluation.variants import (
    BOTH,
    FOLDER,
    MORE_OF_THE_SAME,
    SIZES,
    WITH_AUGMENTATION,
    WITHOUT_AUGMENTATION,
    Size,
    Variant,
    further,
    seconds_of,
    trained,
)
from mini_model.files import write_whole
from mini_model.process import Settings


@dataclass(frozen=True)
class Row:
    """A line of a table: which model paints, and how; `reward` is the reward model that a search goes by."""

    variant: Variant | None
    strategy: str = "process"
    bench: str = "mini-geneval"
    reward: Variant | None = None

    def key(self, size: Size, seed: int) -> str:
        """A short name of all that the answer depends on."""
        recipes = [one.key(size, seed) if one else fingerprint(size.start) for one in (self.variant, self.reward)]
        content = [*recipes, self.bench, self.strategy, size.pictures, seed, size.euler, size.limit]
        return digest(json.dumps(content).encode())[:12]


OURS = further(WITH_AUGMENTATION, BOTH)
REWARD = Variant("reward")
TUNED = Variant("preference")
THREE = ("colors", "position", "color_attr")  # the tags that tables 5 and 6 tell
SLIPS = 0.4  # of the drafts, where a program makes them go wrong
EXPERIMENTS: dict[str, dict[str, Row]] = {
    "main": {
        "base direct": Row(None, "direct"),
        "base direct, more of the same": Row(MORE_OF_THE_SAME, "direct"),
        "process": Row(OURS),
    },
    "wise": {
        "base direct": Row(None, "direct", "mini-wise"),
        "base reasoned": Row(None, "reasoned", "mini-wise"),
        "process": Row(OURS, bench="mini-wise"),
    },
    "cost": {
        "direct": Row(None, "direct"),
        "planner": Row(None, "planner"),
        "inspector": Row(None, "inspector"),
        "best-of-n": Row(None, "best-of-n", reward=REWARD),
        "parm": Row(None, "parm", reward=REWARD),
        "preference": Row(TUNED, "direct"),
        "preference, then parm": Row(TUNED, "parm", reward=REWARD),
        "oracle": Row(None, "oracle"),
        "process": Row(OURS),
    },
    "table5": {
        "without augmentation": Row(further(WITHOUT_AUGMENTATION)),
        "without augmentation, criticised": Row(further(WITHOUT_AUGMENTATION, BOTH)),
        "with augmentation": Row(further(WITH_AUGMENTATION)),
        "with augmentation, criticised": Row(OURS),
    },
    "table6": {
        "no criticism": Row(further(WITH_AUGMENTATION)),
        "from the scene graph": Row(further(WITH_AUGMENTATION, slips=SLIPS)),
        "self-sampled": Row(OURS),
    },
    "table7": {
        "no criticism": Row(further(WITH_AUGMENTATION)),
        "conflict": Row(further(WITH_AUGMENTATION, ("conflict",))),
        "alignment": Row(further(WITH_AUGMENTATION, ("alignment",))),
        "both": Row(OURS),
    },
    "control": {
        "without reflection": Row(OURS, "process-unmoved"),
        "its own reflection": Row(OURS),
        "another picture's criticism": Row(OURS, "process-shuffled"),
        "the exact judge's criticism": Row(OURS, "process-exact"),
    },
}


# what the paper says is better than what, and where: experiment -> (better, worse, parts of the score)
CLAIMS: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {
    "main": [
        ("process", "base direct", ("overall", "position", "color_attr")),
        ("process", "base direct, more of the same", ("overall", "position", "color_attr")),
    ],
    "wise": [("process", "base reasoned", ("overall",)), ("process", "base direct", ("overall",))],
    "cost": [
        ("process", "parm", ("overall",)),
        ("preference, then parm", "parm", ("overall",)),
        ("process", "preference, then parm", ("overall",)),
    ],
    "table5": [
        ("with augmentation", "without augmentation", THREE),
        ("without augmentation, criticised", "without augmentation", THREE),
        ("with augmentation, criticised", "with augmentation", THREE),
    ],
    "table6": [("from the scene graph", "no criticism", THREE), ("self-sampled", "from the scene graph", THREE)],
    "table7": [("alignment", "no criticism", ("counting",)), ("conflict", "no criticism", ("position",))],
    "control": [
        ("its own reflection", "without reflection", ("overall",)),
        ("its own reflection", "another picture's criticism", ("overall",)),
        ("the exact judge's criticism", "its own reflection", ("overall",)),
    ],
}


def experiment(name: str, profile: str = "cpu", seeds: int | None = None, out: Path | None = None) -> list[Figure]:
    """Run an experiment and write its figures; whatever was trained or painted before is not done again.

    Raises KitError for an experiment or a profile that there is not.
    """
    if name not in EXPERIMENTS or profile not in SIZES:
        raise KitError(
            f"no experiment {name!r} of profile {profile!r}; choose one of: {', '.join(EXPERIMENTS)}, "
            f"of profile {', '.join(SIZES)}"
        )
    size = SIZES[profile]
    figures, told = [], {}
    for words, row in EXPERIMENTS[name].items():
        answers = told[words] = [answer_of(row, size, seed) for seed in range(seeds or size.seeds)]
        new = figures_of(f"{name}, {words}", answers)
        figures += new
        print(f"{words}: {next(one.value for one in new if one.name.endswith(': overall')):.3f}")
    figures += [gain for claim in CLAIMS[name] for gain in gains(name, *claim, told)]
    write_results(out or RESULTS / f"{name}.json", figures)
    return figures


def answer_of(row: Row, size: Size, seed: int) -> dict:
    """The evaluation of a row's model of one seed, from disk where this recipe was asked before, on whatever machine.

    Every seed paints other pictures; what was not trained has no other seeds than those.
    """
    path = FOLDER / "answers" / f"{row.bench}-{row.strategy}-{row.key(size, seed)}.json"
    with FileLock(path.with_suffix(".lock")):
        if not path.is_file():
            write_whole(path, json.dumps(_asked(row, size, seed, path.with_suffix(".asked.json")), indent=2) + "\n")
    return json.loads(path.read_text())


def _asked(row: Row, size: Size, seed: int, path: Path) -> dict:
    """The evaluation itself, with what it took and where it was made; `path` keeps what is judged so far."""
    model = trained(row.variant, size, seed)
    settings = Settings(steps=size.euler)
    settings = replace(settings, reward=trained(row.reward, size, seed)) if row.reward else settings
    began = time.monotonic()
    asked = evaluate(
        row.bench, "standard", model, row.strategy, size.limit, size.pictures, seed * size.pictures, path,
        settings=settings,
    )  # fmt: skip
    path.unlink()  # the answer that goes on holds all of it
    return asked | {
        "seconds": time.monotonic() - began,
        "training": seconds_of(row.variant, size, seed),
        "device": circumstances.device(),
        "commit": circumstances.commit(),
    }


def figures_of(name: str, answers: list[dict]) -> list[Figure]:
    """For every tag, the score of each seed and their mean with its interval; then the overall score and the costs."""
    made = {word: " and ".join(sorted({answer[word] for answer in answers})) for word in ("device", "commit")}
    shares: list[Shares] = [answer["shares"] for answer in answers]
    overall, by_tag = score_seeds(shares)
    figures = []
    for part, score in {**by_tag, "overall": overall}.items():
        each = [
            answer["by_tag"][part]["score"] if part in answer["by_tag"] else answer["overall"] for answer in answers
        ]
        figures += [Figure(name=f"{name}: {part}: seed {i}", value=value, **made) for i, value in enumerate(each)]
        about = {"interval": score.interval, "n": score.n, "seeds": len(answers)}
        about["seconds"] = sum(answer["seconds"] for answer in answers)
        figures.append(Figure(name=f"{name}: {part}", value=score.score, **about, **made))
    costs = {**_costs(answers), "seconds of training": sum(answer["training"] for answer in answers) / len(answers)}
    return figures + [Figure(name=f"{name}: {cost}", value=value, **made) for cost, value in costs.items()]


def gains(name: str, better: str, worse: str, parts: tuple[str, ...], told: Mapping[str, list[dict]]) -> list[Figure]:
    """How much better one row is than another, prompt by prompt and seed by seed, with intervals."""
    pairs = zip(told[better], told[worse], strict=True)
    apart = [
        {tag: [a - b for a, b in zip(one["shares"][tag], other["shares"][tag], strict=True)] for tag in one["shares"]}
        for one, other in pairs
    ]
    overall, by_tag = score_seeds(apart)
    scores = {**by_tag, "overall": overall}
    return [
        Figure(
            name=f"{name}, {better} over {worse}: {part}",
            value=scores[part].score,
            interval=scores[part].interval,
            n=scores[part].n,
            seeds=len(apart),
        )
        for part in parts
        if part in scores
    ]


def _costs(answers: list[dict]) -> Mapping[str, float]:
    """The mean cost of one picture over all seeds."""
    return {cost: sum(answer["cost"][cost] for answer in answers) / len(answers) for cost in COSTS}
