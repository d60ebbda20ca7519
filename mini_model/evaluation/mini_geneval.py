"""mini-GenEval: GenEval's six tags on drawn pictures, and a split that asks for more than training ever did.

Rules and tags: GenEval (arXiv 2310.11513); the score is the mean of the tags' accuracies, as there.
"""

from mini_model.errors import KitError
from mini_model.evaluation.benchmarks import FOLDER, read_prompts

SPLITS = {"standard": FOLDER / "mini-geneval.jsonl", "hard": FOLDER / "mini-geneval-hard.jsonl"}


def prompts(split: str = "standard") -> list[dict]:
    """The prompts of a split, each a specification in GenEval's shape."""
    if split not in SPLITS:
        raise KitError(f"mini-geneval has no split {split!r}; choose one of: {', '.join(SPLITS)}")
    return read_prompts(SPLITS[split])


def parts(row: dict) -> list[str]:
    """The sub-scores a prompt counts for, besides its tag: none."""
    return []
