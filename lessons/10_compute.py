# %% [markdown]
# # 10. A gain must be paid for, so count the cost
#
# Painting in steps draws several pictures and writes besides. Would the same work, spent otherwise, do as
# well? You count it, ask whether a gain is luck, and give the baseline an equal budget.
#
# **You will be able to show** the cost of nine ways to paint in three counts, the interval of each gain,
# and what an equal budget buys.
#
# **Before this:** lessons 1 and 9. **Your time:** about 60 minutes. **Machine time:** {minutes}, {memory}
# of memory, measured on {machine}.

# %% tags=["parameters"]
PROFILE = "cpu"  # "smoke" runs the same cells on fewer prompts, with fewer denoising steps

# %%
import os
import sys
from pathlib import Path

TOP = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "mini_model").is_dir())
os.chdir(TOP)  # the kit's top folder, wherever this notebook lies
sys.path.insert(0, str(TOP))

# %%
from math import ceil, comb
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import hypergeom

from mini_model.evaluation.benchmarks import take_evenly, verdict
from mini_model.evaluation.mini_geneval import prompts
from mini_model.evaluation.results import read_results
from mini_model.evaluation.statistics import interval, resampled_means
from mini_model.model import UnifiedModel
from mini_model.model.flow import Guidance
from mini_model.model.sequence import Text
from mini_model.model.words import ids_of
from mini_model.process import Settings, paint_many
from mini_model.process.easel import Easel
from mini_model.process.script import PREFIX
from mini_model.process.story import Story
from mini_model.show import compare, figure
from mini_model.teach.check import check

base, mini = (UnifiedModel.from_pretrained(f"data_samples/weights/{name}") for name in ("base", "mini"))

# %% [markdown]
# ## 10.1 A picture first
#
# Nine *strategies* paint the same prompts. Five use base weights, never taught to paint in steps:
#
# * `direct`: the prompt, at once;
# * `reasoned`: first a text about the prompt, then one picture;
# * `planner`: a program plans the strokes, the model draws them; `inspector`: a program looks at the picture
#   and says what to change;
# * `oracle`: twenty pictures at once; the exact judge (lesson 1) takes a right one, if any.
#
# Four use the process weights:
#
# * `process`: plan, draft, reflection, refinement, all by the model;
# * `process-unmoved`: every draft is called right; `process-shuffled`: each gets the criticism of another
#   picture; `process-exact`: the exact judge's.
#
# Planner, inspector and judge are programs that read without a mistake. GPT, which plays the first two in
# the paper, does make mistakes. So rows with a program in them may beat everything here, and prove little.
#
# **Predict** the best and the worst of the nine.

# %%
AT_ONCE = "direct", "reasoned", "planner", "inspector", "oracle"
IN_STEPS = "process", "process-unmoved", "process-shuffled", "process-exact"
COUNT, SEEDS, TRIES = (18, 2, 20) if PROFILE == "cpu" else (3, 1, 6)  # prompts; pictures; the oracle's
SETTINGS = Settings() if PROFILE == "cpu" else Settings(steps=4, max_rounds=2)
bench = prompts()
rows = [bench[line] for line in take_evenly(bench, COUNT)]  # as many of each kind of task
asked = [row["prompt"] for row in rows]


def painted(strategy, turns):
    """For each prompt the trajectories of all turns; a turn is one batch, with every prompt in it once."""
    model = mini if strategy in IN_STEPS else base
    seeds = [[1000 * place + turn for place in range(COUNT)] for turn in turns]
    batches = [paint_many(model, asked, row, strategy, SETTINGS, rows) for row in seeds]
    return [list(told) for told in zip(*batches, strict=True)]


def judged(stories):
    """(prompts, pictures): 1 where the judge accepts the final picture, else 0."""
    pairs = zip(rows, stories, strict=True)
    return np.array([[float(verdict(row, one.final).correct) for one in told] for row, told in pairs])


# %%
stories, right = {}, {}
for strategy in (*AT_ONCE, *IN_STEPS):
    with patch("mini_model.process.search.PATHS", TRIES):
        stories[strategy] = painted(strategy, range(SEEDS))
    right[strategy] = judged(stories[strategy])
    print(f"{strategy:17} {right[strategy].mean():4.0%} of {right[strategy].size} accepted")

more = right["process"][:, 0] - right["direct"][:, 0]
best, worst = more.argmax(), COUNT - 1 - more[::-1].argmin()
SHOWN = "direct", "oracle", "inspector", "process", "process-shuffled"
compare({name: [stories[name][place][0] for place in (best, worst)] for name in SHOWN})

# %% [markdown] tags=["instructor"]
# **For the instructor.** On the board: one axis, score; a second, cost. Let the class place the nine names
# by guess, then ask in which unit the cost axis is. Leave it there: the figure of 10.5 is this drawing.

# %% [markdown]
# Choose a prompt, then move *Step* with the arrow keys. (Without a running notebook the stories stand below
# each other.) On one prompt `process` gains most on `direct`, on the other least: picked to show both ends,
# they prove nothing.
#
# ## 10.2 Exercise: an honest cost (15 min, ●●○)
#
# The paper counts *denoising steps*: 50 a picture, 2.62 pictures on average, 131 in all, against
# 20 · 50 = 1000 for PARM, a search among twenty pictures. For a story in steps that leaves out much:
#
# * *forwards*: one reads the prompt; one for each token written; for each picture, at each step, one for
#   each *branch* of guidance (with the words, without them); one more looks at the finished picture;
# * *tokens* in these forwards: prompt and written ones once; a picture has `tokens` of them and two marks,
#   all in each forward that draws it. To be looked at it enters as two copies, clean and seen.
#
# The marks around texts are counted in `prompt` and `written` already.
#
# **Predict:** do most forwards of a story draw, or write?


# %% tags=["exercise"]
def honest_cost(prompt, written, pictures, steps, branches, tokens):
    """prompt: tokens read at the start; written: tokens the model wrote; pictures: drawn and looked at;
    steps: denoising steps of each; branches: of guidance; tokens: of one picture, without marks.
    Returns (denoising steps, forwards, tokens), for the whole story.
    """
    # your turn: the paper's count, then the forwards, then the tokens in them
    # >>> solution
    denoising = pictures * steps
    drawing = branches * denoising
    picture = tokens + 2
    forwards = 1 + written + drawing + pictures
    return denoising, forwards, prompt + written + drawing * picture + 2 * pictures * picture
    # <<< solution


# %% [markdown] tags=["hints"]
# honest_cost
# 1. How many forwards draw? Each denoising step takes one for each branch.
# 2. `drawing = branches * pictures * steps`. The others: 1 for the prompt, `written`, and `pictures` looks.
# 3. Each drawing forward holds `tokens + 2` tokens, each look twice as many; add `prompt + written`.


# %%
def library_cost(prompt, written, pictures, steps, branches, tokens):
    """The library's own bookkeeping; nothing is painted."""
    easel, copy = Easel(mini, Settings(steps=steps)), SimpleNamespace(at=range(tokens))
    easel.grid, easel.read = (tokens, 1), lambda *_: None
    start, one = Story("", 0), Story("", 0)
    easel.feed(None, [[Text([0] * (prompt - 2))]], [start])
    with patch.multiple("mini_model.process.easel", draw=lambda *_: [None], decode_tokens=lambda *_: []):
        easel.pictures([None] * branches, [one], Guidance(text=2.0))
    easel.feed(None, [[copy, copy]], [one])
    cost, each = start.cost, one.cost
    forwards = cost.forwards + written + pictures * each.forwards
    return pictures * each.denoising_steps, forwards, cost.tokens + written + pictures * each.tokens


# %% tags=["check"]
def careless(guided=True, words=1, looks=1, opening=1, marks=2, copies=2, paper=True):
    def count(prompt, written, pictures, steps, branches, tokens):
        drawing = pictures * steps * (branches if guided else 1)
        forwards = opening + words * written + drawing + looks * pictures
        inside = prompt + written + (drawing + copies * pictures) * (tokens + marks)
        return pictures * steps if paper else drawing, forwards, inside

    return count


cases = [(21, 147, 3, 12, 2, 16), (40, 300, 2, 50, 3, 4096), (14, 60, 1, 4, 1, 4)]
cases += [((18, 9, 0, 12, 2, 16), "Nothing was drawn: what is left?")]
mistakes = {
    "Guidance asks the model once for each branch.": careless(guided=False),
    "Writing is not free: each token waits for a forward of its own.": careless(words=0),
    "A finished picture is looked at: one more forward each.": careless(looks=0),
    "The prompt must be read: one forward.": careless(opening=0),
    "A picture stands between two marks, and they are tokens too.": careless(marks=0),
    "A finished picture enters twice, clean and seen.": careless(copies=1),
    "The paper counts a denoising step once, whatever its branches.": careless(paper=False),
}
honest_cost = check("honest_cost", honest_cost, library_cost, cases, mistakes)


# %%
def recorded(story):
    """What honest_cost is told of a story, and what the library counted while it was painted."""
    prompt, cost = len(ids_of(mini.tokenizer, PREFIX + story.prompt)) + 2, story.cost
    told = prompt, cost.text_tokens, cost.denoising_steps // SETTINGS.steps, SETTINGS.steps, 2, 16
    return told, (cost.denoising_steps, cost.forwards, cost.tokens)


def shares(told):
    """Of denoising steps, forwards and tokens: the part that draws, that reads and looks, that writes."""
    prompt, written, pictures, steps, *rest = told
    whole = np.array(honest_cost(*told))
    draws = whole - honest_cost(prompt, written, pictures, 0, *rest)
    writes = whole - honest_cost(prompt, 0, pictures, steps, *rest)
    return np.array([draws, whole - draws - writes, writes]) / np.maximum(whole, 1)


ledger = [recorded(one) for told in stories["process"] for one in told]
agree = sum(tuple(honest_cost(*told)) == kept for told, kept in ledger)
print(f"your count is the library's for {agree} of {len(ledger)} stories")
usual = sorted((told for told, _ in ledger), key=lambda told: told[2])[len(ledger) // 2]
LARGE = {"three in steps": (40, 400, 3, 50, 2, 4096), "twenty at once": (40, 0, 20, 50, 2, 4096)}
for name, told in LARGE.items():
    print("{}: {} denoising steps, {:,} forwards, {:,} tokens".format(name, *honest_cost(*told)))

# %%
SIZES = {"this kit": usual, "BAGEL's size": LARGE["three in steps"]}
PARTS = {"draws": ("#E69F00", ""), "reads and looks": ("#FFFFFF", ".."), "writes": ("#56B4E9", "//")}
board, told = Figure(figsize=(9, 2.8), layout="constrained"), []
for axis, (size, numbers) in zip(board.subplots(1, 2, sharey=True), SIZES.items(), strict=True):
    left = np.zeros(3)
    for (part, (color, hatch)), share in zip(PARTS.items(), shares(numbers), strict=True):
        axis.barh(range(3), share, left=left, color=color, hatch=hatch, edgecolor="black", label=part)
        left += share
        told.append(f"{size}, {part}: {share[1]:.0%} of forwards, {share[2]:.0%} of tokens")
    axis.set(yticks=range(3), yticklabels=["denoising steps", "forwards", "tokens"])
    axis.set(title=size, xticks=(0, 0.5, 1), ylim=(2.5, -0.5))
    axis.xaxis.set_major_formatter("{x:.0%}")
board.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
print("\n".join(told))
figure(board, alt=f"Where the work of a story goes. All denoising steps draw. {'; '.join(told)}.")

# %% [markdown]
# BAGEL's story is an assumption: three pictures of 4096 tokens, four texts of 100. Words take many forwards
# and, where pictures are large, next to no tokens. A forward of one token is cheaper than one of 4098, yet
# not free: every weight is read for it. No count is the truth, so none may be left out.
#
# ## 10.3 Exercise: gain or luck? (15 min, ●●○)
#
# Each prompt was painted with several seeds. Are that many pictures that many tries? Below are more pictures
# by `direct`, a row for each prompt.
#
# **Predict:** will a row mix accepted and refused ones like coin tosses?

# %%
tries = painted("direct", range(100, 100 + TRIES))
hits = judged(tries)
order = np.argsort(hits.mean(1), kind="stable")
board = Figure(figsize=(9, 1 + 0.27 * COUNT), layout="constrained")
axis = board.subplots()
for value, mark, color, word in ((1, "s", "#0072B2", "accepted"), (0, "x", "#D55E00", "refused")):
    down, across = np.nonzero(hits[order] == value)
    axis.scatter(across, down, marker=mark, color=color, s=36, label=word)
names = [asked[place].removeprefix("a photo of ") for place in order]
axis.set(yticks=range(COUNT), yticklabels=names, xticks=[], xlabel="pictures of one prompt")
board.legend(loc="outside upper right", ncols=2)
pure = int((hits == hits[:, :1]).all(1).sum())
print(f"{hits.mean():.0%} accepted; in {pure} of {COUNT} rows all {TRIES} pictures fare alike")
tossed = COUNT * sum(share**TRIES for share in (hits.mean(), 1 - hits.mean()))
print(f"tosses of a coin that is right {hits.mean():.0%} of the time: {tossed:.1f} such rows")
figure(board, alt=f"{COUNT} rows of {TRIES} pictures at once; {pure} are all squares or all crosses.")

# %% [markdown]
# Do more rows fare alike than tosses would make? Then some prompts are easy and some hard, and a second
# picture tells less than a second prompt. The *bootstrap* therefore draws whole prompts: as many as there
# are, some twice, some not at all, each with all its pictures, thousands of times. How far the mean wanders
# is how far to trust it; its middle 95 % is the *interval*.
#
# Two strategies are compared on the *same* drawn prompts (*paired*): what is hard for both falls out of
# their difference.
#
# **Predict:** does that make the interval wider or narrower?


# %% tags=["exercise"]
def gain_interval(ours, theirs, drawn):
    """ours, theirs: (P, pictures) of 0 and 1, a row for each prompt; they may differ in pictures.
    drawn: (D, P) numbers of prompts; each of its D rows is one set of prompts.
    Returns (low, high): where the middle 95 % of the mean gains over these sets lie.
    """
    # your turn: one gain for each prompt, the mean gain of each drawn set, two quantiles
    # >>> solution
    gains = ours.mean(1) - theirs.mean(1)
    again = gains[drawn].mean(1)
    low, high = np.quantile(again, [0.025, 0.975])
    return low, high
    # <<< solution


# %% [markdown] tags=["hints"]
# gain_interval
# 1. A prompt's score is the mean over its pictures, `ours.mean(1)`. What is its gain?
# 2. `gains[drawn]` has shape (D, P): every set with the gains of its prompts. You want a mean for each set.
# 3. `np.quantile(again, [0.025, 0.975])` gives both ends; return them as `low, high`.


# %%
def library_interval(ours, theirs, drawn):
    dice = SimpleNamespace(integers=lambda *_: drawn)
    return interval(resampled_means(ours.mean(1) - theirs.mean(1), dice))


def misread(axis=1, means=1, sign=1, ends=(0.025, 0.975), paired=True, resampled=True):
    def make(ours, theirs, drawn):
        gains = sign * (ours.mean(axis) - theirs.mean(axis))
        again = gains[drawn].mean(means) if resampled else gains
        if not paired:
            again = ours.mean(1)[drawn].mean(1) - theirs.mean(1)[drawn[::-1]].mean(1)
        return tuple(np.quantile(again, ends))

    return make


# %% tags=["check"]
dice, cases = np.random.default_rng(5), []
for many, ours, theirs in ((9, 4, 2), (7, 3, 3), (12, 1, 1)):
    hard = dice.random((many, 1))
    pair = [(dice.random((many, size)) > hard**power) * 1.0 for size, power in ((ours, 2), (theirs, 1))]
    cases.append((*pair, dice.integers(0, many, (400, many))))
mistakes = {
    "One gain for each prompt: the mean over its pictures is axis 1.": misread(axis=0),
    "One mean for each drawn set: the prompts of a set are axis 1.": misread(means=0),
    "The wrong way round: a gain is ours minus theirs.": misread(sign=-1),
    "That is the middle 90 %: cut off 2.5 % at each end.": misread(ends=(0.05, 0.95)),
    "Both must be judged on the same drawn prompts.": misread(paired=False),
    "That is how prompts differ, not how their mean does: use the drawn sets.": misread(resampled=False),
}
gain_interval = check("gain_interval", gain_interval, library_interval, cases, mistakes)

# %% [markdown]
# ## 10.4 Baseline and negative control
#
# The **baseline** is `direct`: the first lines give every other strategy's gain on it. The last three set
# criticism against none (`process-unmoved`). Among them is the **negative control**: if the criticism of
# *another* picture helps, it is not the criticism that helps.
#
# **Predict** which intervals keep clear of zero.


# %%
def forest(lines, what):
    """A line for each name: its gain and its interval or None; filled where the interval is clear of 0."""
    board = Figure(figsize=(9, 0.9 + 0.36 * len(lines)), layout="constrained")
    axis, told = board.subplots(), []
    for at, (name, (mean, ends)) in enumerate(lines.items()):
        low, high = ends or (mean, mean)
        face = "#0072B2" if ends and low * high > 0 else "white"
        axis.plot([low, high], [at, at], color="#0072B2", lw=2)
        axis.plot(mean, at, "o" if ends else "D", color="#0072B2", markerfacecolor=face, markersize=8)
        told.append(f"{name}: {mean:+.2f}, " + (f"{low:+.2f} to {high:+.2f}" if ends else "no interval"))
    axis.axvline(0, color="black", lw=1, ls=":")
    axis.set(yticks=range(len(lines)), yticklabels=list(lines), xlabel=what, ylim=(len(lines) - 0.5, -0.5))
    print("\n".join(told))
    return figure(board, alt=f"{what}, a line each. {'; '.join(told)}.")


def gain(ours, theirs):
    """The mean gain and its interval; every pair is asked on the same drawn prompts."""
    return ours.mean() - theirs.mean(), gain_interval(ours, theirs, DRAWN)


# %%
DRAWN = np.random.default_rng(0).integers(0, COUNT, (10_000, COUNT))
gains = {name: gain(right[name], right["direct"]) for name in right if name != "direct"}
criticism = {"own": "process", "another picture's": "process-shuffled", "the judge's": "process-exact"}
for who, name in criticism.items():
    gains[f"{who} criticism"] = gain(right[name], right["process-unmoved"])

large = {one.name: one for one in read_results("data_samples/results/mini.json")}
for name in ("base direct", "process"):
    found = large[f"{name}: mini-geneval standard: overall"]
    low, high = found.interval
    print(f"{name}, measured once on {found.n} prompts with {found.seeds} seeds: {found.value:.2f}", end="")
    print(f", interval {low:.2f} to {high:.2f}")
forest(gains, "gain in the share of accepted pictures")

# %% [markdown] tags=["instructor"]
# **For the instructor.** The usual mistake is to ask whether two intervals overlap. They may, and the paired
# gain can still be clear of zero: show it with two students who sat the same ten exams. Short of time? Leave
# out the figure of 10.2 and all but the first three lines of 10.6.

# %% [markdown]
# A filled dot: this gain is hardly luck. An open dot does *not* say "no effect"; it says that so few prompts
# cannot tell. The two scores on top come from a larger measurement, hence their narrow intervals.
#
# ## 10.5 Exercise: an equal budget (10 min, ●●○)
#
# Give `direct` what `process` spends. It buys n pictures; somebody must choose one. Let that be the oracle:
# no chooser can do better, and for photographs nobody has one.
#
# Of each prompt's tries above you know how many were right. Pick n of them blindly. All n are wrong in
# `comb(tries - right, n)` of `comb(tries, n)` ways; `comb(a, b)` counts the ways to choose b of a things.
#
# **Predict:** a story takes 200 forwards, a picture at once 25. Will eight at once, well chosen, do as well?


# %% tags=["exercise"]
def best_within(budget, price, right, tries):
    """budget: what may be spent; price: of one picture; right: so many of `tries` pictures were right.
    Returns (n, chance): how many pictures the budget buys, `tries` at most; and the chance that among n
    different ones, picked blindly, at least one is right.
    """
    # your turn: n, then the chance that all n are wrong
    # >>> solution
    n = min(int(budget // price), tries)
    wrong = comb(tries - right, n) / comb(tries, n)
    return n, 1 - wrong
    # <<< solution


# %% [markdown] tags=["hints"]
# best_within
# 1. A picture that cannot be paid in full is not painted: `budget // price` rounds down.
# 2. `n = min(int(budget // price), tries)`: there are no more to pick from.
# 3. All are wrong with a chance of `comb(tries - right, n) / comb(tries, n)`. One is right in the rest.


# %% tags=["check"]
def library_best(budget, price, right, tries):
    n = min(int(budget // price), tries)
    return n, float(hypergeom.sf(0, tries, right, n))


def spent(chance=lambda n, right, tries: 1 - comb(tries - right, n) / comb(tries, n), pay=int, most=True):
    def make(budget, price, right, tries):
        n = min(pay(budget / price), tries if most else 10**6)
        return n, chance(n, right, tries)

    return make


cases = [(215.5, 25, 4, 20), (90, 25, 5, 20), (24, 25, 5, 20), (100, 25, 0, 20), (500, 25, 1, 6)]
mistakes = {
    "Rounded up: the last picture is not paid for.": spent(pay=ceil),
    "There are no more than `tries` to pick from.": spent(most=False),
    "That is the chance that all are wrong.": spent(lambda n, r, t: comb(t - r, n) / comb(t, n)),
    "All need not be right, one is enough.": spent(lambda n, r, t: comb(r, n) / comb(t, n)),
    "The same picture cannot be picked twice.": spent(lambda n, r, t: 1 - (1 - r / t) ** n),
    "Chances do not add up: two right ones are no better than one.": spent(lambda n, r, t: n * r / t),
}
best_within = check("best_within", best_within, library_best, cases, mistakes)

# %%
COUNTS = {"denoising_steps": "denoising steps", "forwards": "forwards", "tokens": "tokens"}
costs = {
    name: [np.mean([getattr(one.cost, count) for told in made for one in told]) for count in COUNTS]
    for name, made in stories.items()
}


def chances(budget, price):
    """n, and (prompts, 1): the chance that n pictures at once hold a right one, for each prompt."""
    bought = [best_within(budget, price, int(found), TRIES) for found in hits.sum(1)]
    return bought[0][0], np.array([[chance] for _, chance in bought])


print(f"{'':17} accepted {' '.join(f'{words:>15}' for words in COUNTS.values())}         seconds")
for name, cost in costs.items():
    seconds = np.mean([one.cost.seconds for told in stories[name] for one in told])
    numbers = " ".join(f"{number:15,.0f}" for number in cost)
    print(f"{name:17} {right[name].mean():8.0%} {numbers} {seconds:15.2f}")
for place, words in enumerate(COUNTS.values()):
    n, chance = chances(costs["process"][place], costs["direct"][place])
    print(f"for the {words} of process: the best of {n} at once, {chance.mean():.0%} accepted")

# %%
COLORS = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999"]
curve = [chances(n, 1)[1].mean() for n in range(1, TRIES + 1)]
board, words = Figure(figsize=(9, 4.2), layout="constrained"), list(COUNTS.values())
for place, axis in enumerate(board.subplots(1, 3, sharey=True)):
    price = costs["direct"][place]
    axis.plot(price * np.arange(1, TRIES + 1), curve, ":", color="black", label="best of n at once")
    for name, mark, color in zip(stories, "os^vDPX*<", COLORS, strict=True):
        style = {"color": color, "markeredgecolor": "black", "markersize": 9, "linestyle": "none"}
        axis.plot(costs[name][place], right[name].mean(), marker=mark, label=name, **style)
    axis.set(xscale="log", xlabel=words[place], ylabel="" if place else "share accepted", ylim=(0, 1.05))
    ticks = [round(price * n) for n in (1, 3, 9, 27)]
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()
board.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5)
told = [f"{name} {right[name].mean():.0%} at {c[0]:.0f}, {c[1]:.0f}, {c[2]:.0f}" for name, c in costs.items()]
ends = f"The dotted line of the best of n climbs from {curve[0]:.0%} to {curve[-1]:.0%}."
figure(board, alt=f"Share accepted by denoising steps, forwards and tokens. {'; '.join(told)}. {ends}")

# %% [markdown]
# What lies above the dotted line spends its work better than a perfect choice among pictures at once. Is
# `process` above it in all three panels? (In `best-of-n` and `parm`, not run here, a trained reward model
# chooses in the oracle's place.)
#
# ## 10.6 Break it on purpose
#
# One question, does `process` beat the best of n at equal cost, and one corner cut at a time: only denoising
# steps counted; pictures taken for independent tries; one seed and no interval.
#
# **Predict** which cut changes the answer most.

# %%
ours, fair = right["process"], {}
for place, count in enumerate(words):
    fair[count] = chances(costs["process"][place], costs["direct"][place])[1]
lines = {f"{count} counted": gain(ours, theirs) for count, theirs in fair.items()}
theirs = fair["forwards"]
each = np.random.default_rng(0).integers(0, ours.size, (10_000, ours.size))
flat = ours.reshape(-1, 1), np.broadcast_to(theirs, ours.shape).reshape(-1, 1)
lines["forwards, pictures as tries"] = flat[0].mean() - flat[1].mean(), gain_interval(*flat, each)
lines["forwards, first seed alone"] = ours[:, :1].mean() - theirs.mean(), None
lines["forwards, last seed alone"] = ours[:, -1:].mean() - theirs.mean(), None

each = np.random.default_rng(0).integers(0, hits.size, (10_000, hits.size))
widths = [np.ptp(gain_interval(hits, 0 * hits, DRAWN))]
widths.append(np.ptp(gain_interval(hits.reshape(-1, 1), 0 * hits.reshape(-1, 1), each)))
print("width of the interval of direct: drawing prompts {:.2f}, drawing pictures {:.2f}".format(*widths))
forest(lines, "gain of process on the best of n at once")

# %% [markdown] tags=["instructor"]
# **For the instructor.** Hold the paper's table 4 against this list: its search runs on another, smaller
# model than its process, and no row has an interval. What would the class ask the authors to add?

# %% [markdown] tags=["quiz"]
# In denoising steps words are free, so they buy the baseline fewer pictures than forwards do, and the same
# stories look better. Pictures taken for tries mostly shrink an interval though nothing was learned. One seed
# without an interval gives a number that the next seed may move.
#
# ## Quiz
# Click a choice to see the reason.
#
# 1. A table sets 131 denoising steps against 1000. What does it leave out?
#    - [ ] Nothing, a step is a step. :: It takes a forward for each branch, and words are no steps.
#    - [x] Branches, words and looks. :: All are forwards; a search needs its chooser besides.
#    - [ ] The noise that is drawn. :: Random numbers cost next to nothing.
# 2. Twenty prompts, fifty pictures each. How sure is the score?
#    - [ ] As sure as with 1000 prompts. :: Pictures of one prompt fare alike.
#    - [x] Little surer than with twenty pictures each. :: What wanders is mostly the choice of prompts.
#    - [ ] One cannot say. :: Draw whole prompts anew and see.
# 3. Another picture's criticism gains +0.02, from -0.06 to +0.10. What was shown?
#    - [ ] It helps a little. :: Zero lies well inside the interval.
#    - [ ] It does not help. :: A gain of 0.08 would fit as well.
#    - [x] No help was seen, a small one is possible. :: More prompts would narrow it down.

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# * the steps, in
#   [`bagel.py`, lines 693 to 746](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L693-L746):
#   50 times make 49 steps, and guidance acts in a part of them alone;
# * the branches, in
#   [lines 815 to 905](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L815-L905):
#   up to three forwards a step, each of 4098 tokens of 3584 numbers;
# * the words, in
#   [lines 909 to 997](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L909-L997):
#   a forward for each token;
# * the look, in
#   [`inferencer.py`, lines 61 to 96](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/inferencer.py#L61-L96):
#   4096 clean tokens of 64 numbers and up to 4900 seen patches of 588, in two forwards.
#
# ## What you have
#
# Three counts of cost, an interval that respects prompts, a baseline with an equal budget, and a control.
# Which *part* of the method earns the gain is the next question. Words:
# [glossary of the course](../lessons/glossary.md).
#
# Read on: [the method's paper](https://arxiv.org/abs/2604.04746) ·
# [PARM, the search](https://arxiv.org/abs/2501.13926) ·
# [the best of n, estimated](https://arxiv.org/abs/2107.03374)

# %% [markdown] tags=["instructor"]
# **For the instructor.** Closing question: you may spend the work of one story on anything. What do you buy?

# %% tags=["verify"]
assert all(right[name].shape == (COUNT, SEEDS) for name in stories) and hits.shape == (COUNT, TRIES)
assert agree == len(ledger), "the count from a story is the count while painting"
assert all(np.diff(curve) > -1e-9), "more pictures never hurt an oracle"
assert abs(curve[0] - hits.mean()) < 1e-9, "the best of one is direct"
assert all(low - 1e-9 <= mean <= high + 1e-9 for mean, (low, high) in gains.values())
if PROFILE == "cpu":
    assert gains["process"][1][0] > 0, "painting in steps gains on direct"
    assert gains["another picture's criticism"][1][0] <= 0, "the control does not help"
    steps_buy, forwards_buy = (chances(costs["process"][at], costs["direct"][at])[0] for at in (0, 1))
    assert steps_buy < forwards_buy, "denoising steps alone flatter the process"
