"""The page of results: each table of the paper beside its counterpart here, and what became of each claim.

    python -m mini_model.evaluation.page

writes `data_samples/results/README.md` from the files of the experiments; one that was not run yet says so. A claim is
called agreed with where the whole 95 % interval of the gain lies above nothing, contradicted where it lies below.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import fill

from mini_model.evaluation import paper
from mini_model.evaluation.experiments import CLAIMS, EXPERIMENTS
from mini_model.evaluation.reflection import AT_LAST, SHARES
from mini_model.evaluation.remarks import REMARKS
from mini_model.evaluation.results import FOLDER, Figure, read_results
from mini_model.files import write_whole

FILE = FOLDER / "README.md"
TITLES = {
    "main": "Does painting in steps help? (table 2)",
    "wise": "Where the answer must be inferred (table 3)",
    "cost": "What else could the same computing buy? (table 4)",
    "table5": "Strokes that change, swap and remove; criticism (table 5)",
    "table6": "Criticism of whose mistakes? (table 6)",
    "table7": "Plans that contradict the prompt, pictures that contradict the plan (table 7)",
    "control": "Is it the reflection? (not in the paper)",
}
PAPER: dict[str, Mapping[str, Mapping[str, float]]] = {
    "main": paper.GENEVAL,
    "wise": paper.WISE,
    "cost": paper.COST,
    "table5": paper.TABLE_5,
    "table6": paper.TABLE_6,
    "table7": paper.TABLE_7,
    "control": {},
}
LOOKS = "reflection.json"
CARD, MEASURED = "gpu_report.json", ("seconds a step", "weights and adapter GB", "peak GB", "predicted peak GB")
PACKINGS, WAYS = "packings.json", {"process": "in steps", "direct": "at once"}
STRAYS = {  # how each packing strays: the end of a figure's name -> how it is written
    "tiny: error of logits": "{:.1%}",
    "tiny: error of velocity": "{:.1%}",
    "mini: error of logits": "{:.1%}",
    "mini: error of velocity": "{:.1%}",
    "mini: another word": "{:.1%}",
    "mini: weights MB": "{:.1f}",
    "mini: seconds a forward": "{:.2f}",
}
BESIDE = ("mini: error of logits", "mini: error of velocity")  # of layers that are left as they are
MOVES = [f"{who} moves {what}" for what in ("logits", "velocity") for who in ("adapter", "merging")]
WIDE = 120  # characters of a line
COSTS = {"denoising_steps": "denoising steps", "forwards": "forwards", "tokens": "tokens", "seconds": "seconds"}
HEAD = """# Results

Every table is followed by the command that measured it; its figures stand, with every seed's value, in a file of this
folder, and the page itself is written by `python -m mini_model.evaluation.page`. The drawn world's scores and the
paper's are scores of different tests: compare rows with rows, never a figure here with one of the paper's. Intervals
hold 95 % and resample prompts as well as seeds of training. Costs are those of one picture, on average.
"""


def page(folder: Path = FOLDER) -> str:
    """The whole page in Markdown."""
    tables = [section(name, folder / f"{name}.json") for name in EXPERIMENTS]
    more = reflection_section(folder / LOOKS), packings_section(folder / PACKINGS), card_section(folder / CARD)
    return "\n".join([HEAD, *tables, *more])


def section(name: str, file: Path) -> str:
    """One experiment: its table, its costs, and its claims."""
    head = f"## {TITLES[name]}\n"
    if not file.is_file():
        return f"{head}\nNot run yet: `python -m mini_model experiment {name}`.\n"
    figures = {figure.name: figure for figure in read_results(file)}
    parts = _parts(name, figures)
    rows = [_row(name, words, parts, figures) for words in EXPERIMENTS[name]]
    table = _table(["", *(part.replace("_", " ") for part in parts), *COSTS.values()], rows)
    about = next(iter(figures.values()))
    seeds = max(figure.seeds for figure in figures.values())
    said = f"`{about.command}`, {seeds} seeds, on {about.device}."
    return f"{head}\n{table}\n\n{said}\n\n{_claims(name, figures)}\n\n{_prose(REMARKS[name])}\n"


def _beside_the_paper(title: str, command: str, file: Path, tell: Callable[[list[Figure]], str]) -> str:
    """A section on something that the paper has no table of: what `tell` makes of the figures, once there are some."""
    told = tell(read_results(file)) if file.is_file() else f"Not measured yet: `{command}`."
    return f"## {title} (not in the paper)\n\n{told}\n"


def reflection_section(file: Path) -> str:
    """Whether the critic is right and whether it helps, of its own pictures and of a program's."""
    command = "python -m mini_model.evaluation.reflection"
    return _beside_the_paper("Is the critic right?", command, file, _critic)


def _critic(found: list[Figure]) -> str:
    figures = {figure.name: figure for figure in found}
    measures = [*SHARES, AT_LAST]
    rows = [
        [how.removeprefix("reflection "), *(_counted(figures.get(f"{how}: {measure}")) for measure in measures)]
        for how in dict.fromkeys(name.partition(": ")[0] for name in figures)
    ]
    about = next(iter(figures.values()))
    table = _table(["drafts", *measures], rows)
    return "\n\n".join([table, f"`{about.command}`, on {about.device}.", _prose(REMARKS["reflection"])])


def _counted(figure: Figure | None) -> str:
    """A share with its interval and of how many; a dash where nothing counted."""
    return f"{_cell(figure, None)}, n {figure.n}" if figure else "–"


def packings_section(file: Path) -> str:
    """What fewer bits cost: in errors, bytes and seconds, in right pictures, and in an adapter that is merged."""
    return _beside_the_paper("What 4 bits cost", "python -m mini_model.evaluation.packings", file, _fewer_bits)


def _fewer_bits(found: list[Figure]) -> str:
    figures = {figure.name: figure for figure in found}
    named = list(dict.fromkeys(name.partition(",")[0] for name in figures))
    hows, beside = ([how for how in named if (" and " in how) == more] for more in (False, True))
    strays = [[how, *(_shown(figures[f"{how}, {end}"], form) for end, form in STRAYS.items())] for how in hows]
    ways = [way for way in WAYS if f"{hows[0]}, mini: {way}, right" in figures]
    scores = [[how, *(cell for way in ways for cell in _painted(f"{how}, mini: {way}", figures))] for how in hows]
    merged = [how for how in hows if f"{how}, mini: {MOVES[0]}" in figures]
    more = [[how, *(_shown(figures[f"{how}, {end}"], STRAYS[end]) for end in BESIDE)] for how in ("nf4", *beside)]
    moves = [[how, *(_shown(figures[f"{how}, mini: {end}"], "{:.1%}") for end in MOVES)] for how in merged]
    about = next(iter(figures.values()))
    titles = [f"{WAYS[way]}{word}" for way in ways for word in ("", ", gain on float32", ", seconds")]
    tables = [_table(["", *STRAYS], strays), _table(["mini-GenEval", *titles], scores)]
    tables += [_table(["", *BESIDE], more), _table(["", *MOVES], moves)]
    return "\n\n".join([*tables, f"`{about.command}`, on {about.device}.", _prose(REMARKS["packings"])])


def _shown(figure: Figure, form: str) -> str:
    return form.format(figure.value).replace("%", " %")


def _painted(head: str, figures: Mapping[str, Figure]) -> list[str]:
    """One packing's score of one way of painting, its gain on float32, and its seconds."""
    right, gain, seconds = (figures[f"{head}, {word}"] for word in ("right", "gain on float32", "seconds a picture"))
    return [_cell(right, None), _signed(gain), f"{seconds.value:.2f}"]


def card_section(file: Path) -> str:
    """What a card holds of the model at its full size, and how long a step takes there."""
    return _beside_the_paper("BAGEL's full size on one card", "make gpu-report", file, _full_size)


def _full_size(figures: list[Figure]) -> str:
    rows: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        name, _, what = figure.name.rpartition(": ")
        rows.setdefault(name, {})[what] = figure
    told = [[name, *(f"{found[what].value:.2f}" for what in MEASURED)] for name, found in rows.items()]
    fit = all(found["fits"].value for found in rows.values())
    card = next(iter(next(iter(rows.values())).values())).device.partition(";")[0]
    said = (
        f"Random weights of the released shape, on one {card}, its memory held to that of a smaller card where a row "
        f"names one. {'Every row fits.' if fit else 'Not every row fits.'} The prediction is that of "
        "`python -m mini_model memory`. `make gpu-report` measures another card."
    )
    return f"{_table(['', *MEASURED], told)}\n\n{_prose(said)}"


def _prose(words: str) -> str:
    return fill(words, WIDE, break_on_hyphens=False)


def _parts(name: str, figures: Mapping[str, Figure]) -> list[str]:
    """The parts of the score, in the order of the file."""
    head = f"{name}, {next(iter(EXPERIMENTS[name]))}: "
    parts = [word.removeprefix(head) for word, figure in figures.items() if word.startswith(head) and figure.interval]
    return [part for part in parts if ": " not in part]


def _row(name: str, words: str, parts: list[str], figures: Mapping[str, Figure]) -> list[str]:
    """A line of the table: ours with its interval, the paper's in brackets."""
    theirs = PAPER[name].get(words, {})
    cells = [_cell(figures[f"{name}, {words}: {part}"], theirs.get(part)) for part in parts]
    costs = {cost: figures[f"{name}, {words}: {cost}"].value for cost in COSTS}
    steps = theirs.get("denoising steps")
    told = [f"{costs[cost]:,.0f}" if cost != "seconds" else f"{costs[cost]:.2f}" for cost in COSTS]
    told[0] += f" [paper: {steps:.0f}]" if steps else ""
    return [words, *cells, *told]


def _cell(figure: Figure, theirs: float | None) -> str:
    low, high = figure.interval
    return f"{figure.value:.2f} ({low:.2f} to {high:.2f})" + (f" [paper: {theirs:.2f}]" if theirs is not None else "")


def _claims(name: str, figures: Mapping[str, Figure]) -> str:
    """What the paper says, what came out here, and whether that agrees."""
    rows = []
    for better, worse, parts in CLAIMS[name]:
        for part in parts:
            if gain := figures.get(f"{name}, {better} over {worse}: {part}"):
                rows.append([f"{better} over {worse}", part.replace("_", " "), _theirs(name, better, worse, part)])
                rows[-1] += [_signed(gain), became_of(gain)]
    return _table(["claim", "in", "paper", "here", "agrees"], rows)


def became_of(gain: Figure) -> str:
    """Whether a gain is one."""
    low, high = gain.interval
    return "yes" if low > 0 else "no" if high < 0 else "not decided"


def _theirs(name: str, better: str, worse: str, part: str) -> str:
    rows = PAPER[name]
    if part in rows.get(better, {}) and part in rows.get(worse, {}):
        return f"{rows[better][part] - rows[worse][part]:+.2f}"
    return "not given"


def _signed(gain: Figure) -> str:
    low, high = gain.interval
    return f"{gain.value:+.2f} ({low:+.2f} to {high:+.2f})"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(write_whole(FILE, page()))
