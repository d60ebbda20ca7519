# %% [markdown]
# # 7. A model learns to plan before it draws
#
# The base model draws what a prompt says and edits a picture in one stroke. Here it learns from whole
# trajectories to paint in several.
#
# **You will be able to show** what a trajectory teaches and what not, how two losses become one, and what so short
# a training gives: plans that fit their prompts, sooner than better pictures.
#
# **Before this:** lessons 5 and 6. **Your time:** about 60 minutes. **Machine time:** {minutes}, {memory} of
# memory, measured on {machine}.

# %% tags=["parameters"]
PROFILE = "cpu"  # "smoke" runs the same cells on fewer prompts and fewer training steps

# %%
import os
import sys
from pathlib import Path

TOP = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "mini_model").is_dir())
os.chdir(TOP)  # the kit's top folder, wherever this notebook lies
sys.path.insert(0, str(TOP))

# %%
import json
import time
from dataclasses import replace
from textwrap import fill
from unittest.mock import patch

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from mini_model.data.parts import Draw, Have, Look, Words
from mini_model.data.trajectories import Mix, parts_of, picture_of, random_trajectory
from mini_model.model import UnifiedModel
from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.generate import feed, greedy, write
from mini_model.model.words import ids_of, text_of
from mini_model.process.script import DONE, PREFIX, approval, complaint, plan_text, read, words_of
from mini_model.show import figure, strip
from mini_model.teach.asking import ask
from mini_model.teach.check import check
from mini_model.teach.difference import difference
from mini_model.trajectory import Plan, Step, Trajectory
from mini_model.world.reading import read_request, read_scene

# %% [markdown]
# ## 7.1 A picture first
#
# A made-up trajectory (lesson 6). One draft was spoilt on purpose (a *slip*), so that there is something to mend.
#
# **Predict:** from which of its texts and pictures should the model learn, and which should it only read?

# %%
PROMPT = "a photo of a red star left of a blue house"
base = UnifiedModel.from_pretrained("data_samples/weights/base")
TOKENIZER, MARKS = base.tokenizer, marks_of(base.tokenizer)
MIX = Mix(facts=0.0, slips=0.2, detours=0.0)  # slips: the share of drafts that are spoilt
made_up = [random_trajectory(np.random.default_rng(seed), MIX) for seed in range(60)]
by_mending = {tuple(step.refinement is not None for step in told.steps): told for told in made_up[::-1]}
story = by_mending[False, True]  # two rounds, and the second draft had to be mended
strip(story)

# %% [markdown] tags=["instructor"]
# **For the instructor.** On the board: a row of boxes, text, picture, text, picture, the last text alone. The
# class writes CE or MSE above each box, or crosses it out. Keep the drawing; 7.3 adds up what stands above it.
# The usual mistake is to cross out the wrong draft altogether. Ask what its reflection would then look at.

# %% [markdown]
# ## 7.2 Exercise: from steps to turns (15 min, ●●○)
#
# In training a trajectory is a row of *turns*: a text, with a picture or without. What is said of one picture
# and the plan of the next are **one** text, for between two pictures the model speaks once. What is learnt:
#
# * the words, by cross-entropy (CE, lesson 5), unless the plan was at fault. That shows by a reflection that asks
#   to mend with no refinement after it: the next step brings a better plan;
# * the picture, by the mean squared error (MSE) of its velocity (lesson 3), unless the reflection calls it wrong.
#   Each picture, not only the last, for each will have to be drawn.
#
# What is not learnt stays in the row, to be read and looked at. `plan_text(plan)` and `words_of(reflection)`
# write a plan and a reflection out.
#
# **Predict:** a plan was right, its draft is wrong. Are the plan's words learnt?


# %% tags=["exercise"]
def steps_to_turns(told):
    """told: a trajectory of T steps; each step has a draft, some a refinement (else None), which is right.
    Returns a list of (text, learnt, picture, drawn), one for each text; the last has no picture (None).
    learnt, drawn: whether the text, and the picture, is learnt.
    """
    # your turn: walk through told.steps, and keep in `said` what was said of the last picture
    # >>> solution
    made, said = [], ""
    for step in told.steps:
        seen = step.reflection
        at_fault = bool(seen.refine) and step.refinement is None
        text = f"{said} {plan_text(step.plan)}".strip()
        made.append((text, not at_fault, step.draft, seen.verdict != "wrong"))
        said = words_of(seen)
        if step.refinement is not None:
            made.append((said, True, step.refinement, True))
            said = words_of(step.after)
    made.append((f"{said} {told.closing}".strip(), True, None, False))
    return made
    # <<< solution


# %% [markdown] tags=["hints"]
# steps_to_turns
# 1. Begin with `said = ""`. A plan's text is `f"{said} {plan_text(step.plan)}".strip()`; after it,
#    `said = words_of(step.reflection)`.
# 2. `at_fault = bool(step.reflection.refine) and step.refinement is None`. A draft is drawn where
#    `step.reflection.verdict != "wrong"`.
# 3. A refinement is a turn: `(said, True, step.refinement, True)`; then `said = words_of(step.after)`. The last
#    turn is `(f"{said} {told.closing}".strip(), True, None, False)`.


# %%
def library_turns(told):
    """The library's training sample of a whole trajectory, as turns."""
    made = []
    for part in parts_of(told, Mix(half_way=0.0, forget=0.0), np.random.default_rng(0))[1:]:
        if isinstance(part, Words):
            made.append((part.text, part.loss, None, False))
        elif not isinstance(part, Look):
            text, learnt, _, drawn = made.pop()
            made.append((text, learnt, Image.fromarray(part.picture), drawn or isinstance(part, Draw)))
    return made


def last_alone(turns):
    return [(*turn[:3], False) for turn in turns[:-2]] + turns[-2:]


def misplanned():  # the first plan leaves no room left of the house
    first, moved = "a blue house at the middle left", "a blue house at the top center"
    both, mend = f"{moved} and a red star at the middle left", f"move the{first[1:]} to the top center"
    seen = complaint(first, mend), approval(moved, "a red star"), approval(both, "nothing")
    asked = (f"add {first}", first), (mend, moved), ("add a red star at the middle left", both)
    plans = [Plan(instruction=instruction, description=whole) for instruction, whole in asked]
    drafts = [picture_of(read_scene(plan.description)) for plan in plans]
    steps = [Step(plan=p, draft=d, reflection=r) for p, d, r in zip(plans, drafts, seen, strict=True)]
    return Trajectory(prompt=PROMPT, steps=steps, final=drafts[-1], closing=DONE)


# %% tags=["check"]
def bent(bend):
    return lambda told: [bend(*turn) for turn in library_turns(told)]


def stale(told):  # as if the model still spoke of the draft after its refinement
    said = [step.reflection.model_copy(update={"verdict": "correct"}) for step in told.steps]
    steps = [step.model_copy(update={"after": old}) for step, old in zip(told.steps, said, strict=True)]
    return library_turns(told.model_copy(update={"steps": steps}))


cases = [(story,), (by_mending[True, False],), ((misplanned(),), "Here the first plan was at fault.")]
mistakes = {
    "A wrong draft is looked at, not drawn.": bent(lambda t, ok, p, d: (t, ok, p, p is not None)),
    "A plan at fault is read, not learnt.": bent(lambda t, ok, p, d: (t, True, p, d)),
    "The plan of a wrong draft was right: learn its words.": bent(lambda t, ok, p, d: (t, d or not p, p, d)),
    "Each right picture is drawn, not the last alone.": lambda told: last_alone(library_turns(told)),
    "What was said stands before the plan.": bent(lambda t, *x: (t[max(0, t.find("<ins>")) :], *x)),
    "After a refinement the model speaks of that: `step.after`.": stale,
    "A refinement is a turn too.": lambda told: [x for x in stale(told) if not x[0].endswith("</refine>")],
    "The last turn is missing: it teaches to stop.": lambda told: library_turns(told)[:-1],
    "The closing text is learnt too.": bent(lambda t, ok, p, d: (t, ok and p is not None, p, d)),
}
attempts = [ask(steps_to_turns, (told,)).value for told in (story, misplanned())]  # right or wrong
steps_to_turns = check("steps_to_turns", steps_to_turns, library_turns, cases, mistakes)


# %%
def ledger(turns, mine):
    """A column for each turn: its text, its picture, what is learnt of them, and whether `mine` agrees."""
    board = Figure(figsize=(11, 4), layout="constrained")
    columns = board.subplots(2, len(turns), height_ratios=(1, 1.1)).T
    mine, told = mine if isinstance(mine, list) else [], []
    for number, (text, learnt, picture, drawn) in enumerate(turns):
        above, below = columns[number]
        same = number < len(mine) and difference(mine[number], turns[number]) is None
        words, drawing = "CE" if learnt else "only read", "MSE" if drawn else "only looked at"
        drawing = f"picture: {drawing}" if picture else "no picture: it stops"
        lines, paper = fill(text, 132 // len(turns)), {"fc": "#D6E8F4" if learnt else "white", "ec": "gray"}
        above.text(0.02, 0.95, lines, size=8.5, va="top", bbox=paper, in_layout=False)
        above.set(title=f"words: {words}", frame_on=False, xticks=[], yticks=[])
        below.imshow(picture or np.full((64, 64, 3), 255, np.uint8))
        yours = "yours: ✓" if same else "yours: ✗ not yet"
        below.set(xticks=[], yticks=[], frame_on=drawn, title=drawing, xlabel=yours)
        told.append(f"words: {words}, {drawing}")
    return figure(board, alt=f"The turns of a story, text above, picture below. {'; '.join(told)}.")


tokens = sum(len(ids_of(TOKENIZER, turn[0])) + 2 for turn in library_turns(story) if turn[1])
numbers = sum(turn[3] for turn in library_turns(story)) * 16 * 32
print(f"in this story CE at {tokens} tokens, MSE at {numbers} numbers")
display(ledger(library_turns(story), attempts[0]))
ledger(library_turns(misplanned()), attempts[1])

# %% [markdown]
# ## 7.3 Exercise: two losses, one number (10 min, ●○○)
#
# The paper adds them up: lambda_CE · CE + MSE. One is counted in nats (lesson 5), the other in squared latents, so
# no weight is natural. The paper does not publish its own; this kit and BAGEL's code take 1.
#
# Both are means over the whole batch: a learnt token counts the same in a long story and a short one. A part
# may be empty: plans told in words alone draw nothing, and a caption's picture teaches no words. Then the mean
# is *nan*, not a number.
#
# **Predict** what one nan does to the weights. With sums instead of means, which loss would win above?


# %% tags=["exercise"]
def total_loss(ce, mse, lambda_ce):
    """ce: (C,) surprise at each learnt token; mse: (D, 32) squared errors of the D learnt latent tokens;
    lambda_ce: the weight of the words. C or D may be 0. Returns one number, a tensor without axes.
    """
    # your turn: the mean of each part, 0 where it is empty; then the weighted sum
    # >>> solution
    words = ce.mean() if len(ce) else ce.sum()
    pictures = mse.mean() if len(mse) else mse.sum()
    return lambda_ce * words + pictures
    # <<< solution


# %% [markdown] tags=["hints"]
# total_loss
# 1. `len(ce)` is 0 where no word is learnt. What is the *sum* of no numbers?
# 2. `words = ce.mean() if len(ce) else ce.sum()`, and the pictures alike; only the words are multiplied.


# %% tags=["check"]
from mini_model.model.unified import Losses


def mean(x):
    return Losses(x, x[:0]).total()  # the library's mean of one part


dice = torch.Generator().manual_seed(7)
ce, mse = 3 * torch.rand(5, generator=dice), torch.rand(4, 32, generator=dice)
cases = [(ce, mse, 1.0), (ce, mse, 0.25), (ce[:1], mse, 4.0)]
cases += [((ce[:0], mse, 0.5), "No word is learnt here."), ((ce, mse[:0], 0.5), "Nothing is drawn here.")]
mistakes = {
    "The mean of nothing is not a number: an empty part adds 0.": lambda c, m, w: w * c.mean() + m.mean(),
    "Means, not sums: else long stories and pictures drown the rest.": lambda c, m, w: w * c.sum() + m.sum(),
    "lambda_CE weighs the words, not the pictures.": lambda c, m, w: mean(c) + w * mean(m),
    "Pictures weigh 1 whatever lambda_CE is.": lambda c, m, w: w * mean(c) + (1 - w) * mean(m),
    "lambda_CE is not used.": lambda c, m, w: mean(c) + mean(m),
    "A mean for each part, then add: they have different units.": lambda c, m, w: (
        (w * c.sum() + m.sum()) / (c.numel() + m.numel())
    ),
    "A token's 32 numbers count one by one.": lambda c, m, w: w * mean(c) + mean(m.sum(-1)),
    "A plain number has no gradient: no `.item()`.": lambda c, m, w: (w * mean(c) + mean(m)).item(),
}
total_loss = check("total_loss", total_loss, lambda c, m, w: Losses(c, m).total(w), cases, mistakes)

# %% [markdown]
# ## 7.4 Exercise: draw or stop? (10 min, ●●○)
#
# A text is finished. What does the model want next? Two places tell:
#
# * the *switch*: the logits (scores of all tokens) after the end mark. If the likeliest of **all** is the start
#   of a picture, `MARKS.picture_start`, it draws;
# * the words: a plan is what stands between `<ins>` and `</ins>`, and between `<des>` and `</des>`. No whole
#   instruction, no plan; a description may be missing.
#
# **Predict:** a text holds a plan, and the switch says stop. Is there a picture?


# %% tags=["exercise"]
def decide(text, logits):
    """text: what the model wrote, without marks; logits: (V,) scores of all tokens, after the end mark.
    Returns (draws, plan): True or False, and a Plan, as Plan(instruction="add a cup", description="a cup"),
    or None. A missing description is "".
    """
    # your turn: ask the logits; then look for each tag and its end, and strip the spaces
    # >>> solution
    between = {}
    for tag in ("ins", "des"):
        words, closed, _ = text.partition(f"<{tag}>")[2].partition(f"</{tag}>")
        between[tag] = words.strip() if closed else ""
    plan = Plan(instruction=between["ins"], description=between["des"]) if between["ins"] else None
    return int(logits.argmax()) == MARKS.picture_start, plan
    # <<< solution


# %% [markdown] tags=["hints"]
# decide
# 1. `int(logits.argmax())` is the likeliest token.
# 2. `before, found, after = text.partition("<ins>")` cuts a text at a tag; without the tag, `found` and `after`
#    are empty. Cut `after` again at `</ins>`.
# 3. Keep `words.strip()` only where the end tag was found. `plan` is None where the instruction is empty.


# %%
def library_decide(text, logits):
    """The library's writer, which ends at once and finds these logits after its end mark; and its reader."""
    with patch("mini_model.model.generate.next_logits", lambda *_: logits[None]):
        then = write(None, Cache.empty(1), MARKS, 0, greedy).then[0]
    return then == MARKS.picture_start, read(text).plan


def misread(change):
    return lambda text, logits: (library_decide(text, logits)[0], change(text, read(text).plan))


def spaced(plan):
    return Plan(instruction=f" {plan.instruction} ", description=plan.description and f" {plan.description} ")


def scores(*likely):
    """Logits with these tokens as the likeliest, in this order."""
    logits = torch.zeros(len(TOKENIZER))
    for place, token in enumerate(likely):
        logits[token] = 9.0 - place
    return logits


# %% tags=["check"]
DRAW, STOP, WRITE = MARKS.picture_start, MARKS.text_end, MARKS.text_start
ADD, MEND = "<ins> add a cup </ins> <des> a cup </des>", "this is wrong. <refine> make it red </refine>"
END = "i see a cup. this is right. what is there to add? nothing. the picture is complete."
rows = [(ADD, DRAW, STOP), (f"i see a hat. this is right. {ADD}", DRAW, STOP), (END, STOP, DRAW)]
rows += [(ADD, STOP, DRAW), (END, DRAW, STOP), (ADD, WRITE, DRAW, STOP), (ADD, WRITE, STOP, DRAW)]
rows += [(MEND, DRAW, STOP), ("<ins> add a cup", STOP, DRAW), ("<ins></ins> <des></des>", DRAW, STOP)]
rows += [("<ins> add a cup </ins>", DRAW, STOP), ("<ins>add a cup</ins> <des>a cup</des>", DRAW, STOP)]
cases = [((text, scores(*likely)), f"The text is {text!r}.") for text, *likely in rows]
mistakes = {
    "Likelier than the end mark is not likeliest.": lambda t, x: (bool(x[DRAW] > x[STOP]), read(t).plan),
    "Not to stop is not yet to draw.": lambda t, x: (int(x.argmax()) != STOP, read(t).plan),
    "A token decides whether to draw, not the words.": lambda t, x: (bool(read(t).plan), read(t).plan),
    "Spaces are left at the ends.": misread(lambda t, p: p and spaced(p)),
    "An instruction without its end tag is not whole.": misread(lambda t, p: read(f"{t} </ins>").plan),
    "No instruction, no plan: None, not an empty one.": misread(lambda t, p: p or Plan()),
    "A plan may lack its description.": misread(lambda t, p: p if p and p.description else None),
    "The two halves have changed places.": misread(
        lambda t, p: p and Plan(instruction=p.description, description=p.instruction)
    ),
}
decide = check("decide", decide, library_decide, cases, mistakes)

# %% [markdown]
# ## 7.5 Use it: train the base
#
# `as_parts` makes samples of your turns, and `trained` follows your loss down. `first_words` opens a painting for
# each prompt, and your `decide` reads it. A plan *fits* if the exact judge, shown the plan drawn without a
# mistake, finds nothing in it that contradicts the prompt.
#
# **Predict** what the base, which never met `<ins>`, writes when asked to paint step by step. And with
# lambda_CE at 0.03 or at 30, which loss will suffer?


# %%
from mini_model.evaluation import mini_geneval
from mini_model.evaluation.benchmarks import take_evenly
from mini_model.model.sequence import Text, segment_length
from mini_model.process import Settings, paint_many
from mini_model.process.judges import SURE
from mini_model.training.assemble import Assembler
from mini_model.world.faults import astray, conflicts
from mini_model.world.judge import judge, see
from mini_model.world.render import render

STEPS, FEW, AT_ONCE, PROMPTS = (80, 25, 8, 24) if PROFILE == "cpu" else (2, 1, 2, 6)
benchmark = mini_geneval.prompts()
TASKS = [benchmark[number] for number in take_evenly(benchmark, PROMPTS)]  # as many of each kind
WISHES = [task["prompt"] for task in TASKS]


def as_parts(told):
    """A trajectory as a training sample, by your turns."""
    parts = [Words(PREFIX + told.prompt)]
    for text, learnt, picture, drawn in steps_to_turns(told):
        parts.append(Words(text, loss=learnt, draws=picture is not None))
        pixels = np.asarray(picture)
        parts += [Draw(pixels)] * drawn + ([Have(pixels), Look(pixels)] if picture else [])
    return parts


# %%
def trained(steps, lambda_ce=1.0, told_as=list, change=lambda batch: batch):
    """The base after some steps on fresh trajectories, and both losses on the way: (steps, 2)."""
    learner = UnifiedModel.from_pretrained("data_samples/weights/base").train()
    assembler, log = Assembler(learner, copies=2), []  # each drawn picture is noised twice
    optimizer = torch.optim.AdamW(learner.parameters(), betas=(0.9, 0.95), weight_decay=0.0)
    for step in range(steps):
        rise, fall = (step + 1) / 10, 2.2 * (1 - step / STEPS)
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1.0, rise, fall)
        rng = np.random.default_rng((7, step))  # every run meets the same trajectories
        told = told_as([random_trajectory(rng, MIX) for _ in range(AT_ONCE)])
        losses = learner(change(assembler.batch([as_parts(one) for one in told], rng)))
        total_loss(losses.ce, losses.mse, lambda_ce).backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        log.append([losses.ce.mean().item(), losses.mse.mean().item()])
    return learner.eval(), np.array(log)


# %%
@torch.no_grad()
def first_words(model):
    """For each prompt what the model writes first, and what you decide from it: (text, draws, plan)."""
    asked = [ids_of(TOKENIZER, PREFIX + wish) for wish in WISHES]
    cache = Cache.empty(len(asked))
    feed(model, cache, [[Text(ids)] for ids in asked], MARKS)
    wrote = write(model, cache, MARKS, 40, greedy).ids
    rows = [[Text(ids), Text(answer)] for ids, answer in zip(asked, wrote, strict=True)]
    ends = np.cumsum([sum(map(segment_length, row)) for row in rows]) - 1  # where the end marks stand
    hidden = feed(model, Cache.empty(len(rows)), rows, MARKS)[ends.tolist()]
    pairs = zip([text_of(TOKENIZER, ids) for ids in wrote], model.language_model.lm_head(hidden), strict=True)
    return [(text, *decide(text, logits)) for text, logits in pairs]


def fits(wish, plan):
    """Whether the plan, drawn without a mistake, shows something and contradicts nothing in the prompt."""
    seen = see(render(read_scene(plan.description)))
    return bool(seen.things) and not conflicts(read_request(wish), seen)


# %%
began = time.perf_counter()
yours, log = trained(STEPS)
minutes = (time.perf_counter() - began) / 60
said = {"base": first_words(base), "yours": first_words(yours)}
last_of = {task["tag"]: number for number, task in enumerate(TASKS)}  # the last prompt of each kind
for number in list(last_of.values())[-3:]:
    print(WISHES[number])
    for name, answers in said.items():
        text, draws, _ = answers[number]
        print(f"  {name:6}{text[:110]} [{'draws' if draws else 'stops'}]")

logs = {0.03: trained(FEW, 0.03)[1], 1.0: log[:FEW], 30.0: trained(FEW, 30.0)[1]}
board = Figure(figsize=(9, 3), layout="constrained")
for column, axis in enumerate(board.subplots(1, 2)):
    for weight, style, color in zip(logs, (":", "-", "--"), ("#D55E00", "#0072B2", "#009E73"), strict=True):
        losses = logs[weight][:, column]
        axis.plot(losses, style, color=color, label=f"{weight:g}: {losses[-5:].mean():.3f} at the end")
    axis.set(xlabel="step", ylabel=("words, nats", "pictures, squared latents")[column], yscale="log")
    axis.legend(title="lambda_CE")
ends = [f"{weight:g}: {np.round(losses[-5:].mean(0), 3).tolist()}" for weight, losses in logs.items()]
figure(board, alt=f"Losses of words and pictures by step; at the end, for each lambda_CE, {'; '.join(ends)}.")

# %% [markdown] tags=["instructor"]
# **For the instructor.** Short of time? Set `FEW` to 5, and tell the class what Adam does. The control of 7.6 is
# what the lesson is for.

# %% [markdown]
# A light weight slows the words, a heavy one costs the pictures. That a thousandfold does no more is the doing of
# Adam, the rule by which the weights are changed: it divides a weight's step by the usual size of its gradient. A
# weight that one loss alone reaches (`lm_head`: words, `llm2vae`: pictures) hardly feels lambda_CE; keys and values
# feel both losses, and follow the heavier one.
#
# ## 7.6 Negative control, and break it on purpose
#
# * **Negative control:** each story stands under its neighbour's prompt. Words, pictures and switches are all
#   there; only the link to the prompt is cut.
# * **Break it:** no loss at the end marks, where the switch is learnt.
#
# **Predict** for both: how many prompts bring a plan, how many one that fits, and after how many does the model go
# over to drawing?


# %%
def exchanged(told):
    """Each story under its neighbour's prompt."""
    pairs = zip(told, told[1:] + told[:1], strict=True)
    return [one.model_copy(update={"prompt": other.prompt}) for one, other in pairs]


def no_switch(batch):
    """The batch without the labels at end marks."""
    keep = batch.text_ids[batch.ce_at] != MARKS.text_end
    return replace(batch, ce_at=batch.ce_at[keep], ce_labels=batch.ce_labels[keep])


control, broken = trained(STEPS, told_as=exchanged)[0], trained(STEPS // 2, change=no_switch)[0]
said |= {"control": first_words(control), "no switch": first_words(broken)}
counts, board = {}, Figure(figsize=(9, 2.6), layout="constrained")
for name, answers in said.items():
    plans = [(wish, plan) for wish, (_, _, plan) in zip(WISHES, answers, strict=True) if plan]
    counts[name] = len(plans), sum(fits(*pair) for pair in plans), sum(draws for _, draws, _ in answers)
for column, axis in enumerate(board.subplots(1, 3)):
    bars = axis.barh(list(counts), [count[column] for count in counts.values()], color="#0072B2")
    axis.bar_label(bars, padding=3)
    axis.set(title=("a plan", "it fits", "then draws")[column], xlim=(0, 1.2 * len(TASKS)))
    axis.invert_yaxis()
board.supxlabel(f"of {len(TASKS)} prompts", size=10)
figure(board, alt=f"Of {len(TASKS)} prompts: first texts with a plan, with one that fits, drawing: {counts}.")

# %% [markdown]
# The form is learnt from any prompt. What of the control still fits it owes to the base, which knew before how to
# turn a prompt into a scene (its lines in 7.5). Without its loss the switch stays as the base has it, which never
# learnt one.
#
# ## 7.7 Use it: plans, drafts, pictures
#
# A picture fails by its plan, or by a draft that leaves the plan. So three counts: *last plans* that the judge
# would accept if drawn without a mistake, *drafts* that are as planned, and *pictures* accepted.
#
# **Baseline:** the base at once. It also tries in steps, as do the control and yours. Then come the shipped
# weights: the same losses, for longer, on more kinds of stories, with the base's lessons rehearsed.
#
# **Predict** the order in each count. Where will the control be as good as yours?


# %%
SETTINGS = Settings(temperature=0.0, max_rounds=6)
if PROFILE == "smoke":
    SETTINGS = replace(SETTINGS, steps=4, words=40, max_rounds=2)
stories, planned_well = {}, {}


def paint(name, model, way="process"):
    """Paint every prompt, and print what is right: last plans, drafts, pictures."""
    stories[name] = paint_many(model, WISHES, range(len(WISHES)), way, SETTINGS)
    plans = planned_well[name] = []
    drafts = []
    for task, told in zip(TASKS, stories[name], strict=True):
        steps = [step for step in told.steps if step.plan.instruction]
        steps = [(read_scene(step.plan.description), np.asarray(step.draft)) for step in steps]
        plans.append(bool(steps) and judge(task, render(steps[-1][0])).correct)
        drafts += [not astray(planned, see(draft, sure=SURE)) for planned, draft in steps]
    pictures = [accepted(task, told) for task, told in zip(TASKS, stories[name], strict=True)]
    print(f"{name:15} last plans {sum(plans):2} of {len(plans)}", end="  ")
    print(f"drafts {sum(drafts):2} of {len(drafts):2}  pictures {sum(pictures):2} of {len(pictures)}")


def accepted(task, told):
    return judge(task, np.asarray(told.final)).correct


# %%
paint("base, at once", base, "direct")
paint("base, in steps", base)
paint("control", control)
paint("yours", yours)
trio = zip(TASKS, planned_well["yours"], stories["yours"], strict=True)
rank = [(accepted(task, told) + planned, len(told.steps)) for task, planned, told in trio]
best = rank.index(max(rank))  # the longest of those that were planned and painted well
strip(stories["yours"][best])

# %%
paint("shipped", UnifiedModel.from_pretrained("data_samples/weights/mini"))
history = json.loads(Path("data_samples/weights/mini/provenance.json").read_text())
hour = sum(stage["seconds"] for stage in history if stage["stage"] in ("process", "reflect")) / 60
print(f"trained in steps: yours {minutes:.1f} minutes, shipped {hour:.0f} minutes")
board, kinds = Figure(figsize=(9, 9), layout="constrained"), list(last_of.values())
for row, (name, made) in zip(board.subplots(len(stories), len(kinds)), stories.items(), strict=True):
    for axis, number in zip(row, kinds, strict=True):
        axis.imshow(made[number].final)
        axis.set_title("✓ accepted" if accepted(TASKS[number], made[number]) else "✗ refused", size=8)
        axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)
for axis, number in zip(row, kinds, strict=True):
    axis.set_xlabel(fill(WISHES[number].removeprefix("a photo of "), 20), size=8)
right = {name: sum(map(accepted, TASKS, made)) for name, made in stories.items()}
display(figure(board, alt=f"Final pictures, a row for each painter. Accepted of all {len(TASKS)}: {right}."))
strip(stories["shipped"][best])

# %% [markdown] tags=["quiz"]
# Control and yours differ in what the prompt decides, the plans; a draft follows its plan, whoever ordered it.
# If yours still loses to the baseline, look at which count is short: plans or drafts. White pages are those of a
# model that never went over to drawing. A few minutes are few: the shipped weights show what the same two losses
# give with more time.
#
# ## 7.8 Three questions
# Click a choice to see the reason.
#
# 1. A plan is right, its draft wrong, then mended. What is learnt?
#    - [ ] Both pictures, for practice. :: The model would learn to draw the mistake.
#    - [x] All words, and the refinement. :: The wrong draft is there to be looked at.
#    - [ ] The refinement alone. :: Then nobody would learn to plan or to criticise.
# 2. The loss of words falls steadily. Does the model plan well?
#    - [ ] Yes, low loss is good planning. :: The control's loss falls too.
#    - [x] That is open: most words are form. :: Hold plans against their prompts to know.
#    - [ ] No, only pictures can tell. :: A plan can be judged before it is drawn.
# 3. A model writes good plans and never draws. Where do you look?
#    - [ ] At lambda_CE. :: It weighs all words and the switch alike.
#    - [ ] At the noised pictures. :: They teach how to draw, not when.
#    - [x] At the labels after the end marks. :: There drawing or stopping is learnt.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Closing question: from which single token did the model learn when to stop?

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# * `total_loss` in
#   [`pretrain_unified_navit.py`, lines 696 to 720](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/train/pretrain_unified_navit.py#L696-L720):
#   CE is (C,), each from about 152,000 logits, MSE is (D, 64), with 4096 latent tokens for a picture of 1024 by
#   1024 pixels. Both are divided by their counts over all machines;
# * a picture to be drawn and then looked at, three times in the row:
#   [`interleave_t2i_dataset.py`, lines 36 to 86](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/data/interleave_datasets/interleave_t2i_dataset.py#L36-L86);
# * the switch:
#   [`dataset_base.py`, lines 326 to 344](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/data/dataset_base.py#L326-L344)
#   can learn it, but BAGEL's own data never ask for that
#   ([its authors on it](https://github.com/ByteDance-Seed/Bagel/issues/94)). The paper adds this loss.
#
# ## What you have
#
# Your turns and your loss have made a painter in steps of the base; a control shows that its plans come from the
# prompt; and plans and drafts are counted apart. The library's versions are in `mini_model/data/trajectories.py`
# and `mini_model/model/unified.py`, the terms in the [glossary of the course](../lessons/glossary.md).
#
# Read on: [the method's paper](https://arxiv.org/abs/2604.04746) ·
# [Transfusion, which weighs the pictures](https://arxiv.org/abs/2408.11039) ·
# [Adam](https://arxiv.org/abs/1412.6980)

# %% tags=["verify"]
assert all(difference(steps_to_turns(told), library_turns(told)) is None for told in made_up[:20])
assert counts["base"][0] == 0 and not any(told.steps for told in stories["base, in steps"])
assert list(said) == list(counts) and [len(log), *map(len, logs.values())] == [STEPS, FEW, FEW, FEW]
assert {len(made) for made in stories.values()} == {len(TASKS)}
if PROFILE == "cpu":
    assert log[-10:, 0].mean() < log[:5, 0].mean() / 2
    assert min(counts["yours"]) > 0.8 * len(TASKS) and counts["yours"][1] > counts["control"][1]
    assert counts["yours"][2] > counts["no switch"][2] == counts["base"][2] == 0
    ends = {weight: losses[-5:].mean(0) for weight, losses in logs.items()}
    assert ends[0.03][0] > ends[1.0][0] and ends[30.0][1] > ends[1.0][1], "each weight has its price"
    assert right["shipped"] > right["yours"] > right["control"] >= right["base, in steps"] == 0
