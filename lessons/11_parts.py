# %% [markdown]
# # 11. Take one part away, and see what is missing
#
# The method has several parts. Which of them earns the gain? You plan comparisons that change one thing,
# judge a gain by its prompts *and* its trainings, and rerun a table small.
#
# **You will be able to show** which claims of three tables are decided here, which are not, and which
# comparison could not decide its question at all.
#
# **Before this:** lessons 8 and 10. **Your time:** about 60 minutes. **Machine time:** {minutes}, {memory}
# of memory, measured on {machine}.

# %% tags=["parameters"]
PROFILE = "cpu"  # "smoke" runs the same cells with fewer training steps, trainings and prompts

# %%
import os
import sys
from pathlib import Path

TOP = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "mini_model").is_dir())
os.chdir(TOP)  # the kit's top folder, wherever this notebook lies
sys.path.insert(0, str(TOP))

# %%
import io
from contextlib import redirect_stderr, redirect_stdout
from itertools import permutations, product
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure

from mini_model.data import self_sampled
from mini_model.evaluation import experiments, statistics, variants
from mini_model.evaluation.experiments import CLAIMS, EXPERIMENTS, Row
from mini_model.evaluation.page import PAPER
from mini_model.evaluation.results import read_results
from mini_model.evaluation.run import MINI
from mini_model.evaluation.variants import SIZES, WITH_AUGMENTATION, Size
from mini_model.show import figure
from mini_model.teach.check import check

# %% [markdown]
# ## 11.1 A picture first
#
# An **ablation** takes a part of a method away, trains anew, and measures what is missing. The paper has
# three:
#
# * table 5: strokes that change, swap and remove, beside those that add (*augmentation*), and *criticism* of
#   plans and pictures (lesson 8); each alone, and both;
# * table 6: criticism of mistakes *from the scene graph*, made up by a program, or *self-sampled*, the model's
#   own;
# * table 7: criticism of plans (*conflict*), of pictures (*alignment*), or of both.
#
# Below: every row's share of accepted pictures, by kind of task. A dot is the mean over trainings, small
# marks are single trainings, from other random numbers (*seeds*). An open diamond is the paper's, from another
# test: compare rows with rows, never a diamond with a dot.
#
# **Predict:** where does the last row lead the first one most?


# %%
def recorded(name):
    """The figures of an experiment by their names, from its file; empty where it was not run."""
    file = Path(f"data_samples/results/{name}.json")
    if not file.is_file():
        print(f"{name} is not measured yet: `python -m mini_model experiment {name}` writes {file}.")
        return {}
    figures = {one.name: one for one in read_results(file)}
    about = next(iter(figures.values()))
    print(f"{name}: `{about.command}`, on {about.device}")
    return figures


def by_seed(name, words, part):
    """(S,): a row's score in a part for each training."""
    head = f"{name}, {words}: {part}: seed "
    return np.array([one.value for key, one in tables[name].items() if key.startswith(head)])


tables = {name: recorded(name) for name in ("table5", "table6", "table7")}
SAID = {"colors": "colours", "color_attr": "each thing's colour", "single_object": "one thing"}
SAID |= {part: part for part in ("counting", "position")} | {"two_object": "two things"}


# %%
def scores(name):
    """A panel for each part of the score, a line for each row of the table."""
    rows, told = list(EXPERIMENTS[name]), []
    parts = list(PAPER[name][rows[0]])
    board = Figure(figsize=(9, 0.8 + 0.4 * len(rows)), layout="constrained")
    for axis, part in zip(board.subplots(1, len(parts), sharey=True), parts, strict=True):
        for at, words in enumerate(rows):
            theirs = PAPER[name][words][part]
            axis.plot(theirs, at - 0.25, "D", color="#D55E00", markerfacecolor="white")
            told.append(f"{SAID[part]}, {words}: the paper's {theirs:.2f}")
            if ours := tables[name].get(f"{name}, {words}: {part}"):
                each = by_seed(name, words, part)
                axis.plot(ours.interval, [at, at], color="#0072B2", lw=2)
                axis.plot(ours.value, at, "o", color="#0072B2", markersize=8)
                axis.plot(each, 0 * each + at + 0.25, "|", color="black")
                told[-1] += ", here {:.2f} ({:.2f} to {:.2f})".format(ours.value, *ours.interval)
        axis.set(title=SAID[part], xlim=(-0.04, 1.04), ylim=(len(rows) - 0.5, -0.6))
        axis.set_yticks(range(len(rows)), rows)
    return figure(board, alt=f"{name}: share accepted by row. {'; '.join(told)}.")


for name in tables:
    display(scores(name))

# %% [markdown] tags=["instructor"]
# **For the instructor.** On the board: four boxes in a square, for table 5. Across: augmentation. Down:
# criticism. Ask which two boxes answer "does criticism help?"; there are two pairs. Keep the square for 11.5.
# The usual mistake is to compare two opposite corners.

# %% [markdown]
# ## 11.2 Exercise: what else was changed? (10 min, ●○○)
#
# A comparison answers its question if nothing else was changed. What was is a **confound**: the gain may be
# its doing. One is easy to forget: who learns from more data also learns *longer*. So every row here is
# trained on for as many steps, if need be on more of what it knows.
#
# **Predict:** table 6 sets the model's own mistakes against made-up ones. What else differs?


# %% tags=["exercise"]
def confounds(ours, theirs, asked):
    """ours, theirs: recipes, dicts from the name of a setting to its value; a setting may be in one alone.
    asked: a list with the names of the settings that the comparison is about.
    Returns a sorted list of the other names whose values differ. "steps", a number in both, differs if it
    is more than a twentieth of the larger one apart.
    """
    # your turn: go through the names of both recipes
    # >>> solution
    found = []
    for name in set(ours) | set(theirs):
        differs = ours.get(name) != theirs.get(name)
        if name == "steps":
            differs = abs(ours[name] - theirs[name]) > max(ours[name], theirs[name]) / 20
        if differs and name not in asked:
            found.append(name)
    return sorted(found)
    # <<< solution


# %% [markdown] tags=["hints"]
# confounds
# 1. `set(ours) | set(theirs)` holds the names of both. What does `ours.get(name)` give where there is none?
# 2. For "steps": `abs(ours["steps"] - theirs["steps"]) > max(ours["steps"], theirs["steps"]) / 20`.
# 3. Keep a name that differs and is not in `asked`; return `sorted(found)`.


# %% tags=["check"]
def listed(names=set.union, but=True, steps=lambda a, b: abs(a - b) > max(a, b) / 20, order=sorted):
    def find(ours, theirs, asked):
        differ = {name for name in names(set(ours), set(theirs)) if ours.get(name) != theirs.get(name)}
        differ = differ - {"steps"} | ({"steps"} if steps(ours["steps"], theirs["steps"]) else set())
        return order(differ - set(asked) if but else differ)

    return find


plain = {"strokes": "add", "plans": "none", "steps": 800}
cases = [({**plain, "plans": "own"}, plain, ["plans"])]
cases += [(({**plain, "plans": "own", "pictures": "own", "steps": 845}, plain, ["plans"]), "Three differ.")]
cases += [((plain, {**plain, "strokes": "all", "rate": 2, "steps": 760}, ["steps"]), "Two others differ.")]
cases += [(({**plain, "steps": 1}, {**plain, "steps": 2}, []), "Twice as long is longer.")]
cases += [({**plain, "steps": 4100}, {**plain, "steps": 4000}, [])]
mistakes = {
    "What is asked for is no confound.": listed(but=False),
    "A setting that one recipe alone has differs, too.": listed(names=set.intersection),
    "The other one may be trained longer.": listed(steps=lambda a, b: a - b > max(a, b) / 20),
    "Longer training is a change, too.": listed(steps=lambda *_: False),
    "A few steps more do not count: allow a twentieth.": listed(steps=lambda a, b: a != b),
    "A twentieth of the larger, not twenty steps.": listed(steps=lambda a, b: abs(a - b) > 20),
    "Sorted, please.": listed(order=lambda names: sorted(names, reverse=True)),
}
confounds = check("confounds", confounds, listed(), cases, mistakes)


# %%
def recipe(row, size=SIZES["cpu"]):
    """A row of a table as its settings in words."""
    one, sets = row.variant, row.variant.sets
    pictures = "its own" if "alignment" in sets else "made up" if one.mix.slips else "none"
    strokes = "of all kinds" if one.mix.detours else "that add"
    if "alignment" in sets and not one.mix.detours:
        strokes = "that add; in samples for alignment of all kinds"  # these are made without asking the row
    told = {"strokes": strokes, "mistakes in pictures": pictures}
    told["mistakes in plans"] = "its own" if "conflict" in sets else "none"
    return told | {"steps": one.steps(size) + (one.start.steps(size) if one.start else 0)}


def plan(ours, theirs, asked):
    others = ", ".join(confounds(recipe(ROWS[ours]), recipe(ROWS[theirs]), asked)) or "nothing"
    print(f"{ours} over {theirs}\n    asks for: {', '.join(asked)}; also changed: {others}")


# %%
PICTURES, PLANS, STROKES = "mistakes in pictures", "mistakes in plans", "strokes"
ROWS = {words: row for name in tables for words, row in EXPERIMENTS[name].items()}
ROWS["not trained on"] = Row(WITH_AUGMENTATION)
plan("with augmentation", "without augmentation", [STROKES])
plan("with augmentation, criticised", "without augmentation", [STROKES])
plan("with augmentation, criticised", "with augmentation", [PICTURES, PLANS])
plan("without augmentation, criticised", "without augmentation", [PICTURES, PLANS])
plan("conflict", "no criticism", [PLANS])
plan("self-sampled", "from the scene graph", [PICTURES])
plan("alignment", "from the scene graph", [PICTURES])
plan("self-sampled", "not trained on", [PICTURES, PLANS])

# %% [markdown]
# Two rows of this kit are not what their names promise. In table 5, criticism brings other strokes with it, since
# samples for alignment hold all kinds. And table 6 cannot say whether a gain comes from whose mistakes these are,
# or from plans being criticised as well; there the clean comparison lies across tables: *alignment*, of table 7,
# over *from the scene graph*.
#
# ## 11.3 Exercise: a gain over prompts and trainings (15 min, ●●●)
#
# Lesson 10 drew prompts anew. But a training may be lucky, too: with other random numbers the same recipe
# gives another model. A gain of a *recipe* must outlast both, so trainings are drawn anew as well: as many as
# there are, some twice, some not at all. A drawn training meets every drawn prompt. And the comparison is
# *paired*: the same draws for both rows.
#
# **Predict:** from three trainings, can an interval be narrow?


# %% tags=["exercise"]
def gain_over_both(ours, theirs, trainings, drawn):
    """ours, theirs: (P, S) shares of accepted pictures, a row for each prompt, a column for each training.
    trainings: (D, S) and drawn: (D, P) hold numbers of trainings and of prompts; draw d is row d of both.
    Returns (gain, low, high): the mean gain, and where the middle 95 % of the draws' mean gains lie.
    """
    # your turn: `gains[np.ix_(rows, columns)]` is where these rows and columns cross
    # >>> solution
    gains = ours - theirs
    again = [gains[np.ix_(rows, columns)].mean() for rows, columns in zip(drawn, trainings, strict=True)]
    low, high = np.quantile(again, [0.025, 0.975])
    return gains.mean(), low, high
    # <<< solution


# %% [markdown] tags=["hints"]
# gain_over_both
# 1. Subtract first: `ours - theirs` is a gain for each prompt and training.
# 2. For draw d the rows are `drawn[d]`, the columns `trainings[d]`; take one mean of all that cross.
# 3. `zip(drawn, trainings)` goes through the draws; then `np.quantile(again, [0.025, 0.975])`.


# %%
def library_gain(ours, theirs, trainings, drawn):
    """The library's own, its dice replaced by these draws."""
    given = iter((trainings, drawn))
    dice = SimpleNamespace(integers=lambda *_: next(given))
    with patch.object(statistics.np.random, "default_rng", lambda *_: dice):
        whole, _ = statistics.score_seeds([{"all": gains} for gains in (ours - theirs).T])
    return (whole.score, *whole.interval)


def crossed(values, trainings, drawn):
    return np.array([values[np.ix_(*pair)].mean() for pair in zip(drawn, trainings, strict=True)])


def careless(again=lambda a, b, s, p: crossed(a - b, s, p), ends=(0.025, 0.975), sign=1, gain=None):
    def make(ours, theirs, trainings, drawn):
        means = sign * again(ours, theirs, trainings, drawn)
        mean = sign * (ours - theirs).mean() if gain is None else gain(means)
        return (mean, *np.quantile(means, ends))

    return make


# %% tags=["check"]
dice, cases = np.random.default_rng(11), []
for many, seeds in ((12, 3), (7, 4), (20, 2)):
    hard, luck = dice.random((many, 1)), dice.normal(0, 0.2, (2, 1, seeds))
    pair = [np.clip(np.round(2 * (hard + luck[k] + 0.15 * k)) / 2, 0, 1) for k in (1, 0)]
    cases.append((*pair, dice.integers(0, seeds, (300, seeds)), dice.integers(0, many, (300, many))))


def apart(a, b, s, p):
    return crossed(a, s, p) - crossed(b, s[::-1], p[::-1])


mistakes = {
    "A training may be lucky, too: draw them anew.": careless(lambda a, b, s, p: (a - b).mean(1)[p].mean(1)),
    "Prompts must be drawn anew as well.": careless(lambda a, b, s, p: (a - b).mean(0)[s].mean(1)),
    "Both rows must meet the same draws.": careless(apart),
    "The wrong way round: a gain is ours minus theirs.": careless(sign=-1),
    "That is the middle 90 %: cut off 2.5 % at each end.": careless(ends=(0.05, 0.95)),
    "That is how single gains differ, not their mean.": careless(lambda a, b, *_: (a - b).ravel()),
    "The gain itself holds no dice: the mean of all gains.": careless(gain=np.mean),
}
gain_over_both = check("gain_over_both", gain_over_both, library_gain, cases, mistakes)

# %% [markdown]
# ## 11.4 Use it: table 6, rerun small
#
# The library trains the rows of table 6, but few steps each, from the shipped weights, and paints few prompts. A
# fourth row is not trained on at all; 11.7 needs it. The shipped weights have learnt both kinds of criticism
# before, so this shows how a table is made more than what it should say.
#
# **Predict:** how many of its gains will be decided?

# %%
CPU = PROFILE == "cpu"
STEPS, SETS, SEEDS, EULER, PROMPTS, AT_ONCE = (20, 8, 2, 12, 48, 48) if CPU else (1, 2, 1, 2, 6, 6)
SMALL = Size(MINI, "smoke", 1, STEPS, 1, SETS, SEEDS, 1, EULER, PROMPTS)
told = {}
with TemporaryDirectory() as folder:  # trained anew whenever this cell runs
    places = [patch.object(module, "FOLDER", Path(folder)) for module in (experiments, variants)]
    places.append(patch.object(self_sampled, "AT_ONCE", AT_ONCE))
    for words in (*EXPERIMENTS["table6"], "not trained on"):
        with places[0], places[1], places[2], redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            told[words] = [experiments.answer_of(ROWS[words], SMALL, seed) for seed in range(SEEDS)]
        each = ", ".join(f"{one['overall']:.2f}" for one in told[words])
        print(f"{words:22} overall {each}; trained {np.mean([one['training'] for one in told[words]]):.0f} s")

TAGS = {tag: len(shares) for tag, shares in told["no criticism"][0]["shares"].items()}


def matrix(words, tags=TAGS):
    """(P, S): the shares of a row's prompts in these kinds of task, a column for each training."""
    return np.array([sum((one["shares"][tag] for tag in tags), []) for one in told[words]], float).T


# %%
def rerun(better, worse, tags=TAGS, seeds=SEEDS):
    """The gain and its interval; every kind of task keeps its number of prompts when they are drawn."""
    dice, start, drawn = np.random.default_rng(0), 0, []
    for tag in tags:
        drawn.append(start + dice.integers(0, TAGS[tag], (4000, TAGS[tag])))
        start += TAGS[tag]
    trainings = dice.integers(0, seeds, (4000, seeds))
    ours, theirs = (matrix(words, tags)[:, :seeds] for words in (better, worse))
    gain, low, high = gain_over_both(ours, theirs, trainings, np.hstack(drawn))
    return gain, (low, high)


# %%
def forest(panels, what):
    """A panel for each title, a line for each name; filled where the interval is clear of 0."""
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    board, told = Figure(figsize=(9, 1.1 + 0.38 * len(names)), layout="constrained"), []
    grid = board.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
    for axis, (title, lines) in zip(grid, panels.items(), strict=True):
        for name, (mean, ends) in lines.items():
            at, (low, high) = names.index(name), ends or (mean, mean)
            face = "#0072B2" if ends and low * high > 0 else "white"
            axis.plot([low, high], [at, at], color="#0072B2", lw=2)
            axis.plot(mean, at, "o" if ends else "D", color="#0072B2", markerfacecolor=face, markersize=7)
            told.append(f"{title}, {name}: {mean:+.2f}" + (f" ({low:+.2f} to {high:+.2f})" if ends else ""))
        axis.axvline(0, color="black", lw=1, ls=":")
        axis.set(title=title, ylim=(len(names) - 0.5, -0.5))
        axis.set_yticks(range(len(names)), [name.replace(" over ", "\nover ") for name in names], size=8)
    board.supxlabel(what, size=10)
    print("\n".join(told))
    return figure(board, alt=f"{what}, a line each. {'; '.join(told)}.")


# %%
def claims(name):
    """Each claim of a table: its line, the paper's gain, the recorded one or None, and what it compares."""
    for better, worse, parts in CLAIMS[name]:
        for part in parts:
            theirs = PAPER[name][better][part] - PAPER[name][worse][part], None
            ours = tables[name].get(f"{name}, {better} over {worse}: {part}")
            yield f"{better} over {worse}: {SAID[part]}", theirs, ours, (better, worse, part)


panels = {"the paper": {}, "recorded here": {}, "rerun small": {}}
for line, theirs, ours, (better, worse, part) in claims("table6"):
    panels["the paper"][line], panels["rerun small"][line] = theirs, rerun(better, worse, [part])
    if ours:
        panels["recorded here"][line] = ours.value, ours.interval
display(forest(panels, "table 6: gain in the share accepted"))
panels = {"the paper": {}, "recorded here": {}}
for line, theirs, ours, _ in [*claims("table5"), *claims("table7")]:
    panels["the paper"][line] = theirs
    if ours:
        panels["recorded here"][line] = ours.value, ours.interval
forest(panels, "tables 5 and 7: gain in the share accepted")

# %% [markdown]
# A filled dot is decided, one way or the other. A diamond has no interval, since the paper gives none. Where a
# gain here points the other way and is decided, that is a result too; where it is open, say so. From two or three
# trainings few different draws can be made, so these intervals are rather too narrow than too wide. One without any
# width is not sure at all: all prompts fared alike, and no draw can bring up what was never seen.
#
# ## 11.5 Exercise: two parts, four rows (10 min, ●●○)
#
# Table 5 has two parts, each with and without the other. So a part has two gains: alone, and on top of the other.
# Its *effect* is the mean of both. Their difference is the **interaction**: above 0 the parts help each other,
# below 0 they do the same work twice, at 0 they add up.
#
# **Predict:** if scores are near 1, what can the interaction hardly be?


# %% tags=["exercise"]
def effects(neither, first, second, both):
    """neither, first, second, both: (S,) scores of four rows, one for each training.
    Returns (effect of the first part, effect of the second part, interaction), (S,) each.
    """
    # your turn: each part's gain without the other, and with it
    # >>> solution
    alone_1, on_top_1 = first - neither, both - second
    alone_2, on_top_2 = second - neither, both - first
    return (alone_1 + on_top_1) / 2, (alone_2 + on_top_2) / 2, on_top_1 - alone_1
    # <<< solution


# %% [markdown] tags=["hints"]
# effects
# 1. The first part alone gains `first - neither`. What does it gain on top of the second?
# 2. On top: `both - second`. An effect is the mean of the two, the interaction on top minus alone.


# %% tags=["check"]
def contrast(neither, first, second, both):
    """The same from a table of signs, as statisticians write it."""
    signs = np.array([[-1, 1, -1, 1], [-1, -1, 1, 1], [2, -2, -2, 2]]) / 2
    return tuple(signs @ np.stack([neither, first, second, both]))


def but(change):
    return lambda n, f, s, b: change(n, f, s, b, contrast(n, f, s, b))


cases = [tuple(np.random.default_rng(k).random((4, 3))) for k in range(3)]
mistakes = {
    "Alone is half: the gain on top counts, too.": but(lambda n, f, s, b, e: (f - n, s - n, e[2])),
    "On top is half: the gain alone counts, too.": but(lambda n, f, s, b, e: (b - s, b - f, e[2])),
    "The mean of two gains, not their sum.": but(lambda n, f, s, b, e: (2 * e[0], 2 * e[1], e[2])),
    "The two parts are exchanged.": but(lambda n, f, s, b, e: (e[1], e[0], e[2])),
    "The wrong way round: on top minus alone.": but(lambda n, f, s, b, e: (e[0], e[1], -e[2])),
    "That is the gain of both together, no interaction.": but(lambda n, f, s, b, e: (*e[:2], b - n)),
    "One number for each training, no mean over them.": but(lambda *x: tuple(one.mean() for one in x[-1])),
}
effects = check("effects", effects, contrast, cases, mistakes)

# %%
ORDER = list(EXPERIMENTS["table5"])
ORDER[1], ORDER[2] = ORDER[2], ORDER[1]  # neither, augmentation, criticism, both
board, said = Figure(figsize=(9, 2.6), layout="constrained"), []
NAMES = "augmentation", "criticism", "interaction"
for axis, part in zip(board.subplots(1, 3, sharex=True, sharey=True), PAPER["table5"][ORDER[0]], strict=True):
    paper = effects(*(np.array([PAPER["table5"][words][part]]) for words in ORDER))
    ours = effects(*(by_seed("table5", words, part) for words in ORDER)) if tables["table5"] else [()] * 3
    for at, (name, theirs, each) in enumerate(zip(NAMES, paper, ours, strict=True)):
        axis.plot(theirs, at - 0.2, "D", color="#D55E00", markerfacecolor="white")
        axis.plot(each, [at + 0.2] * len(each), "|", color="black", markersize=9)
        said.append(f"{SAID[part]}, {name}: the paper's {theirs[0]:+.2f}")
        if len(each):
            axis.plot(np.mean(each), at, "o", color="#0072B2", markersize=8)
            said[-1] += f", here {np.mean(each):+.2f}, trainings from {min(each):+.2f} to {max(each):+.2f}"
    axis.axvline(0, color="black", lw=1, ls=":")
    axis.set(title=SAID[part], yticks=range(3), yticklabels=NAMES, ylim=(2.5, -0.5))
print("\n".join(said))
figure(board, alt=f"Table 5 taken apart. {'; '.join(said)}.")

# %% [markdown] tags=["instructor"]
# **For the instructor.** Short of time? Leave out 11.5 and its figure; or set `STEPS` to 5. Point at the small
# marks: whoever has one training sees one of them, and does not know which.

# %% [markdown]
# Small marks are trainings; how prompts differ is not in them. Where scores are near 1 nothing is left for the second
# part to gain, so an interaction seldom comes out above 0: a test that is too easy hides it.
#
# ## 11.6 Baseline and negative control
#
# The **baseline** of every claim is the row it is held against, trained on for as long. The **negative control**
# changes nothing but the seed: a row against itself, one training against another. No part was taken away, so
# whatever gap there is, is luck.
#
# **Predict:** how many single trainings would tell a claim's opposite?

# %%
lines, luck, RERUN = {}, {}, "rerun: self-sampled over no criticism"
for line, _, ours, (better, worse, part) in [one for name in tables for one in claims(name)]:
    name = next(name for name in tables if better in EXPERIMENTS[name] and worse in EXPERIMENTS[name])
    if ours and part in ("position", "counting"):
        up, down = (by_seed(name, words, part) for words in (better, worse))
        lines[line] = [a - b for a, b in product(up, down)]
        luck[line] = [a - b for a, b in permutations(down, 2)]
overall = [one["overall"] for one in told["no criticism"]]
lines[RERUN] = [one["overall"] - b for one, b in product(told["self-sampled"], overall)]
luck[RERUN] = [a - b for a, b in permutations(overall, 2)]
board, said = Figure(figsize=(9, 1 + 0.4 * len(lines)), layout="constrained"), []
axis = board.subplots()
for at, (line, gaps) in enumerate(lines.items()):
    axis.plot(gaps, [at - 0.15] * len(gaps), "o", color="#0072B2", alpha=0.6)
    axis.plot(luck[line], [at + 0.15] * len(luck[line]), "x", color="#D55E00")
    against = sum(gap * np.mean(gaps) < 0 for gap in gaps)
    said.append(f"{line}: {np.mean(gaps):+.2f} on average, {against} of {len(gaps)} pairs say the opposite")
    said[-1] += f"; luck alone up to {max(luck[line], default=0):.2f}" if luck[line] else ""
axis.axvline(0, color="black", lw=1, ls=":")
axis.set_ylim(len(lines) - 0.5, -0.5)
axis.set_yticks(range(len(lines)), [line.replace(" over ", "\nover ") for line in lines], size=8)
board.supxlabel("gap of two single trainings: ● one row over the other, × a row over itself", size=10)
print("\n".join(said))
figure(board, alt=f"Gaps of two single trainings. {'; '.join(said)}.")

# %% [markdown]
# Where crosses reach as far as dots, one training would have decided nothing.
#
# ## 11.7 Break it on purpose
#
# One claim, the small table's *self-sampled over no criticism*, and one rule broken at a time: a baseline that is
# *not trained on*; one training; the kind of task picked after looking.
#
# **Predict** which makes the gain look best.

# %%
pair = "self-sampled", "no criticism"
by_part = {tag: rerun(*pair, [tag]) for tag in TAGS}
picked = max(by_part, key=lambda tag: by_part[tag][0])
cuts = {"fair": rerun(*pair), "baseline not trained on": rerun("self-sampled", "not trained on")}
cuts["first training alone"] = rerun(*pair, seeds=1)
cuts[f"picked afterwards: {SAID[picked]}"] = by_part[picked]
forest({"rerun small": cuts}, "gain of self-sampled criticism")

# %% [markdown] tags=["instructor"]
# **For the instructor.** The paper's first row of table 7 and third row of table 5 should be the same model.
# Let the class find both in 11.1 and read off how far apart they stand: so far does a score wander that nobody
# changed. Self-sampling also takes time that no row is charged for; ask who should pay.

# %% [markdown] tags=["quiz"]
# An idle baseline loses to longer training, whatever it is spent on, or wins if longer training harms. The best of
# six kinds of task looks good even where nothing helps.
#
# ## Quiz
# Click a choice to see the reason.
#
# 1. Row B has criticism and 40 % more steps than row A. It is better. Why?
#    - [ ] Criticism helps. :: The steps may have done it.
#    - [ ] More steps help. :: Criticism may have done it.
#    - [x] One cannot tell. :: Train row A for as long, then compare.
# 2. One training, a thousand prompts: a narrow interval clear of zero. What is shown?
#    - [ ] The recipe helps. :: The recipe was tried once; that training may be lucky.
#    - [x] This model is better than that one. :: Prompts cannot tell what another seed would give.
#    - [ ] Nothing. :: Of these two models it says a lot.
# 3. Two parts gain 0.05 each alone, 0.06 together. What follows?
#    - [ ] One of them is useless. :: Alone, each of them helps.
#    - [x] They do partly the same work. :: The interaction is below zero.
#    - [ ] They help each other. :: Then both would give more than 0.10.

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# BAGEL's code has no tables, but the switches that an ablation turns:
#
# * which modules learn, and whether one expert starts as a copy of the other, in
#   [`pretrain_unified_navit.py`, lines 382 to 401](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/train/pretrain_unified_navit.py#L382-L401);
# * how often a condition is left out, in
#   [lines 161 to 172](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/train/pretrain_unified_navit.py#L161-L172);
# * what is learnt of a picture, here the difference between a draft and a draft called wrong, in
#   [`interleave_t2i_dataset.py`, lines 36 to 86](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/data/interleave_datasets/interleave_t2i_dataset.py#L36-L86):
#   4096 noised tokens of 64 numbers come or stay away.
#
# ## What you have
#
# A test for confounds, an interval over prompts and trainings, effects that add up or do not, and a small table of
# your own. The library's versions: `mini_model/evaluation/experiments.py`,
# `mini_model/evaluation/statistics.py`; the terms: [glossary of the course](../lessons/glossary.md).
#
# Read on: [the method's paper](https://arxiv.org/abs/2604.04746) ·
# [how many seeds a comparison needs](https://arxiv.org/abs/1806.08295) ·
# [reporting what was tried](https://arxiv.org/abs/1909.03004)

# %% [markdown] tags=["instructor"]
# **For the instructor.** Closing question: you may train one more row. Which, and which claim does it settle?

# %% tags=["verify"]
assert all(matrix(words).shape == (PROMPTS, SEEDS) for words in told)
for better, worse, parts in CLAIMS["table6"]:  # your interval and the library's: other dice, the same gain
    for one in experiments.gains("table6", better, worse, parts, told):
        assert np.isclose(rerun(better, worse, [one.name.split(": ")[1]])[0], one.value)
assert confounds(recipe(ROWS["self-sampled"]), recipe(ROWS["from the scene graph"]), [PICTURES]) == [PLANS]
few = [recipe(ROWS[words]) for words in ("without augmentation, criticised", "without augmentation")]
assert confounds(*few, [PICTURES, PLANS]) == [STROKES]
assert confounds(recipe(ROWS["alignment"]), recipe(ROWS["from the scene graph"]), [PICTURES]) == []
assert confounds(recipe(ROWS["self-sampled"]), recipe(ROWS["not trained on"]), [PICTURES, PLANS]) == ["steps"]
for name, figures in tables.items():
    for words in EXPERIMENTS[name] if figures else ():
        for part in PAPER[name][words]:
            assert np.isclose(by_seed(name, words, part).mean(), figures[f"{name}, {words}: {part}"].value)
if PROFILE == "cpu":
    assert all(tables.values()), "the three tables are measured"
