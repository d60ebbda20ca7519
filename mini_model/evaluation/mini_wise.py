"""mini-WISE: prompts in WISE's six domains whose answer is not in their words and must be known.

Two figures matter: `known`, facts of which plans were trained, told in words the plans never used; and `held_out`,
facts that the model met as text alone, so that drawing them needs reasoning from what was read.
Domains: WISE (arXiv 2503.07265). Unlike there, no judge model is needed: the answer is one thing in one colour.
"""

from mini_model.errors import KitError
from mini_model.evaluation.benchmarks import FOLDER, read_prompts

FILE = FOLDER / "mini-wise.jsonl"
PARTS = ("known", "held_out")


def prompts(split: str = "standard") -> list[dict]:
    """Every fact's prompt with its specification."""
    if split != "standard":
        raise KitError(f"mini-wise has no split {split!r}; leave --split out")
    return read_prompts(FILE)


def parts(row: dict) -> list[str]:
    """The sub-score a prompt counts for, besides its domain."""
    return ["known" if row["known"] else "held_out"]
