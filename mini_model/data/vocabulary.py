"""Every word of the little language, collected from where sentences are made."""

import re

from mini_model.process.script import WORDS as SCRIPT_WORDS
from mini_model.world.facts import FACTS
from mini_model.world.prompts import OPENINGS
from mini_model.world.things import BACKGROUNDS, COLORS, NUMBERS, PLACES, RELATIONS, SIZES, THINGS

SENTENCES = (
    "a an the and in on at of to with is are there it what how many which color where nothing picture , . : ?",
    "add make replace remove move from show me draw paint please create image step by all i see",
)


def vocabulary() -> list[str]:
    """All words and punctuation marks, each once, in alphabetical order."""
    texts = [
        *SENTENCES,
        *SCRIPT_WORDS,
        *OPENINGS,
        *BACKGROUNDS,
        *COLORS,
        *NUMBERS,
        *PLACES,
        *RELATIONS,
        *SIZES,
    ]
    texts += [*THINGS, *THINGS.values()]
    texts += [phrasing for fact in FACTS for phrasing in fact.phrasings]
    return sorted(set(re.findall(r"\w+|[,.:?]", " ".join(texts).lower())))
