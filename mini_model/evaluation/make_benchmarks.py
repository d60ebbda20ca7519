"""Make the fixed prompt files of the benchmarks: `python -m mini_model.evaluation.make_benchmarks`.

The same code always gives the same bytes, on any machine: the only chance in it is `random.Random.random`, whose
numbers Python promises to keep. The files are kept in the repository; a test compares them with what comes out here.

    mini-geneval.jsonl        GenEval's six tags, 25 prompts each
    mini-geneval-hard.jsonl   more than any prompt that is painted in training asks for: 20 each of
                              many (four or five things), chain (two relations), mixed (two counts at once)
    mini-wise.jsonl           every fact once, in the phrasing that no plan of training uses

Tags and wording are those of GenEval (arXiv 2310.11513) and the domains those of WISE (arXiv 2503.07265); the
prompts are this project's own.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from mini_model.evaluation.benchmarks import FOLDER
from mini_model.files import write_whole
from mini_model.world.facts import DOMAINS, FACTS, held_out
from mini_model.world.prompts import Group, Request
from mini_model.world.things import COLORS, RELATIONS, THINGS

PER_TAG, PER_HARD_TAG = 25, 20
POOL = 1500  # random requests of a tag from which its prompts are chosen
KEPT_PHRASING = 2  # the third way to tell a fact; plans of training use the first two
SPLITS = ((2, 3), (3, 2), (4, 1), (1, 4))  # two counts that make five

Maker = Callable[[Random], Request]


def standard() -> list[dict]:
    """The prompts of mini-GenEval: six tags, at most four things in a picture."""
    makers: dict[str, Maker] = {
        "two_object": lambda dice: Request(_groups(dice, 2)),
        "counting": lambda dice: Request((Group(_draw(dice, THINGS, 1)[0], _draw(dice, (2, 3, 4), 1)[0]),)),
        "colors": lambda dice: Request(_groups(dice, 1, colored=True)),
        "position": lambda dice: Request(_groups(dice, 2), tuple(_draw(dice, RELATIONS, 1))),
        "color_attr": lambda dice: Request(_groups(dice, 2, colored=True)),
    }
    rows = [request.spec("single_object") for request in _single()]
    return rows + [r.spec(tag) for tag, make in makers.items() for r in spread(make, PER_TAG, tag)]


def hard() -> list[dict]:
    """The prompts of the hard split; every one can be painted with five things or fewer."""
    four = spread(lambda dice: Request(_groups(dice, 4, colored=True)), PER_HARD_TAG // 2, "four")
    five = spread(lambda dice: Request(_groups(dice, 5, colored=True)), PER_HARD_TAG // 2, "five")
    many = [request for pair in zip(four, five, strict=True) for request in pair]
    chain = spread(_chain, PER_HARD_TAG, "chain")
    mixed = spread(_mixed, PER_HARD_TAG, "mixed")
    rows = [request.spec("many") for request in many] + [request.spec("chain") for request in chain]
    return rows + [_counted(request) for request in mixed]


def wise() -> list[dict]:
    """The prompts of mini-WISE, domain by domain; `known` says whether plans of training may use the fact."""
    return [
        {
            "tag": domain,
            "known": not held_out(fact),
            "include": fact.spec()["include"],
            "prompt": f"a photo of {fact.phrasings[KEPT_PHRASING]}",
        }
        for domain in DOMAINS
        for fact in FACTS
        if fact.domain == domain
    ]


def spread(make: Maker, count: int, seed: str) -> list[Request]:
    """`count` different requests that between them use every thing, colour, number and relation evenly.

    One after another, the request whose parts were used least so far is taken from a pool of random ones.
    """
    dice = Random(seed)
    pool = list({request.sentence(): request for request in (make(dice) for _ in range(POOL))}.values())
    chosen: list[Request] = []
    used: Counter = Counter()
    for _ in range(count):
        best = min(pool, key=lambda request: sum(used[part] for part in _parts(request)))
        pool.remove(best)
        chosen.append(best)
        used.update(_parts(best))
    return chosen


def _parts(request: Request) -> list:
    """What a request is made of."""
    parts: list = [relation for relation in request.relations if relation]
    counts = tuple(group.count for group in request.groups)
    parts += [counts] if max(counts) > 1 else []
    return parts + [part for group in request.groups for part in (group.name, group.color) if part]


def _draw(dice: Random, options, count: int) -> list:
    """`count` different options in random order."""
    return sorted(options, key=lambda _: dice.random())[:count]


def _groups(dice: Random, count: int, colored: bool = False, counts: tuple[int, ...] = ()) -> tuple[Group, ...]:
    """Different things, each in a colour of its own when `colored`."""
    colors = _draw(dice, COLORS, count) if colored else [None] * count
    numbers = counts or (1,) * count
    return tuple(map(Group, _draw(dice, THINGS, count), numbers, colors))


def _single() -> list[Request]:
    """Every thing once; then, as sixteen are fewer than asked for, some once more with their size named."""
    again = spread(
        lambda dice: Request((Group(_draw(dice, THINGS, 1)[0], size="small"),)), PER_TAG - len(THINGS), "single"
    )
    return [*(Request((Group(name),)) for name in THINGS), *again]


def _chain(dice: Random) -> Request:
    """Three coloured things: the first stands in a relation to the second, the second to the third."""
    relations = (_draw(dice, RELATIONS, 1)[0], _draw(dice, RELATIONS, 1)[0])
    return Request(_groups(dice, 3, colored=True), relations)


def _mixed(dice: Random) -> Request:
    """Two kinds of things, each in its colour and its number, five things in all."""
    return Request(_groups(dice, 2, colored=True, counts=_draw(dice, SPLITS, 1)[0]))


def _counted(request: Request) -> dict:
    """The metadata of a mixed count: as in counting, one thing more of either kind is wrong."""
    spec = request.spec("mixed")
    spec["exclude"] = request.spec("counting")["exclude"]
    return spec


FILES: dict[str, Callable[[], list[dict]]] = {
    "mini-geneval.jsonl": standard,
    "mini-geneval-hard.jsonl": hard,
    "mini-wise.jsonl": wise,
}


def text_of(rows: list[dict]) -> str:
    """JSON Lines with the tag first and the prompt last, as GenEval writes them."""
    order = ("tag", "known", "include", "exclude", "prompt")
    return "".join(json.dumps({key: row[key] for key in order if key in row}) + "\n" for row in rows)


def make(folder: Path = FOLDER) -> list[Path]:
    """Write the three files and return their paths."""
    return [write_whole(folder / name, text_of(rows())) for name, rows in FILES.items()]


if __name__ == "__main__":
    for path in make():
        print(path)
