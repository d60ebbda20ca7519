# %% [markdown]
# # 0. Watch a picture being thought
#
# A small model paints by taking turns: it writes what it will paint, paints it, looks, says what is wrong,
# and paints again.
#
# **You will be able to show** each of these turns in pictures that the model made on your machine, and
# whether its own criticism mends a picture.
#
# **Before this:** a little Python. **Your time:** about 40 minutes. **Machine time:** {minutes}, {memory}
# of memory, measured on {machine}.

# %% tags=["parameters"]
PROFILE = "cpu"  # "smoke" runs the same cells on fewer prompts

# %%
import os
import sys
from pathlib import Path

TOP = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "mini_model").is_dir())
os.chdir(TOP)  # the kit's top folder, wherever this notebook lies
sys.path.insert(0, str(TOP))

# %%
from dataclasses import replace
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from mini_model.model import UnifiedModel
from mini_model.process import Painter
from mini_model.process.script import read, turns
from mini_model.show import figure, player, strip
from mini_model.teach.check import check
from mini_model.trajectory import Reflection, Step, Trajectory
from mini_model.world.judge import judge, see
from mini_model.world.prompts import Group, Request
from mini_model.world.render import render

model = UnifiedModel.from_pretrained("data_samples/weights/mini")
painter = Painter(model, seed=3)
print(f"{model.num_parameters():,} weights")

# %% [markdown]
# ## 0.1 A picture first
#
# Give the painter a *prompt*, the sentence that asks for a picture. Each picture begins as *noise*, random
# numbers, and comes out of it in twelve *denoising steps*. The painter hands out an *event* after each turn;
# the last one holds the whole story. *Frames* show a picture after each denoising step.
#
# The cell takes the first *seed* (start of the random numbers) whose story needs a refinement, if any.

# %%
prompt = "a photo of a red star left of a blue house"
for seed in range(3, 7 if PROFILE == "cpu" else 5):
    print(f"seed {seed}:", end="  ")
    frames = []
    for event in Painter(model, seed).paint(prompt):
        print(event.kind, end="  ")
        if event.frames:
            frames.append(event.frames)
    print()
    story = event.trajectory
    if any(step.refinement for step in story.steps):
        break
else:
    print("No story needed a refinement. In 0.7 you spoil drafts, so that something must be mended.")
strip(story)

# %% [markdown]
# Read it row by row: a row is one round of four frames.
#
# * ✎ **plan**: what to paint next, and how the whole picture will look then;
# * ◐ **draft**: the picture that the model painted for the plan;
# * ◉ **reflection**: what it sees in its draft, and whether that is right; if so, what to add next;
# * ● **refinement**: the picture painted again, if the reflection asked for it.
#
# The last frame ★ is the final picture. Nobody told the model how many rounds to take.
#
# **Predict** before you run the next two cells: while a draft is denoised, what appears first, the place of a
# thing, its colour, or its outline?

# %% [markdown] tags=["instructor"]
# **For the instructor.** On the board, before anyone opens the notebook: four boxes, plan, draft, reflection,
# refinement, with an arrow from the last back to the first. Point at the box while the class reads a row.

# %%
player(story, frames)

# %% [markdown]
# Click the *Stage* slider and step with the arrow keys; the *Denoising* slider begins after the first step.
# (Without a running notebook you see the strip again.) The frames of two pictures:

# %%
board = Figure(figsize=(9, 1.9), layout="constrained")
walks = {"first draft": frames[0], "last picture": frames[-1]}
for row, (name, walk) in zip(board.subplots(2, len(frames[0])), walks.items(), strict=True):
    for number, (axis, picture) in enumerate(zip(row, walk, strict=True), 1):
        axis.imshow(picture)
        axis.set(xticks=[], yticks=[])
        axis.set_title(number, fontsize=8)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
figure(board, alt="The first draft and the last picture after each denoising step, from noise at the left.")

# %% [markdown]
# As a rule a pale smudge in the right place comes first, and the outline last. Older things come out of noise
# too: every picture is painted anew.
#
# ## 0.2 The story is an object
#
# A *trajectory* is the prompt, a list of steps, one for each round, and the final picture. Training data,
# painter and figures share it. Its *cost* counts denoising steps, *forwards* (passes through the model) and
# *tokens*, the units a model reads and writes: a word, a patch of a picture, a special mark.
#
# **Predict:** are most of its tokens those written as text, the `text_tokens`?

# %% [markdown] tags=["instructor"]
# **For the instructor.** Short of time? Leave out 0.2 and the strip in 0.5; 0.7 is what the lesson is for.

# %%
for number, step in enumerate(story.steps, 1):
    print(f"round {number}")
    print("  plan       ", step.plan.instruction)
    print("  the whole  ", step.plan.description)
    print("  draft      ", step.draft.size, "pixels")
    print("  reflection ", step.reflection.verdict, "|", step.reflection.text)
    print("  refinement ", step.refinement.size if step.refinement else "none needed")
print("\nclosing words:", story.closing)
print("cost:", story.cost)

# %% [markdown]
# ## 0.3 A judge that cannot be talked round
#
# The world of these pictures is so small that a program can measure every thing: what it is, its colour, its
# place. You tell this judge what was asked in a *specification*; it learns nothing and never sees the model's
# words.
#
# **Predict:** which pictures of the story will it accept? Is a picture it refuses always *drawn wrong*?

# %%
ASKED = {
    "tag": "position",  # the kind of task
    "include": [
        {"class": "house", "count": 1, "color": "blue"},
        {"class": "star", "count": 1, "color": "red", "position": ["left of", 0]},  # 0: the first, the house
    ],
}
for label, picture in story.pictures():
    verdict = judge(ASKED, np.asarray(picture))
    print(f"{label:20} {'accepted' if verdict.correct else 'refused: ' + verdict.reason}")

# %% [markdown]
# An early draft may be refused because something is *not drawn yet*. That is no mistake, and a good reflection
# must not call it one. It says: "this is right. what is there to add? a blue house." *Drawn wrong* is another
# matter: a star that is green, or one that the plan announced and the draft lacks.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Let the class sort the refusals of 0.3 into "not yet" and "wrong" by a show of
# hands. The usual mistake is to read "wrong" where the picture is merely unfinished. The whole method hangs on
# this difference: a model that calls every unfinished draft wrong never gets to its second plan. Ask which
# sentence of the reflection keeps the two apart.

# %% [markdown]
# ## 0.4 Exercise: read the reflection (10 min, ●○○)
#
# The model writes plain text: what it says of its last picture, then its next plan, with *tags*. `<ins>` and
# `<des>` hold the two halves of a plan. If something must be mended, the instruction stands between `<refine>`
# and `</refine>` instead: `this is wrong. <refine> make the star red </refine>`. No such tags, nothing to mend.
# The note behind each text says whether a picture follows.

# %%
for text, picture in turns(story):
    print(text, "  [draws]" if picture else "  [ends]")

# %% [markdown]
# Write `verdict_of`: text in, a pair out. It is `("wrong", instruction)`, or `("correct", None)` when there is
# nothing to mend, also for a plan alone.
#
# **Predict:** would it do to look for the word "wrong"?


# %% tags=["exercise"]
def verdict_of(text):
    """text: what the model wrote. Returns ("correct", None) or ("wrong", the instruction without tags)."""
    # your turn: find both tags, and take what stands between them, without spaces at its ends
    # >>> solution
    start, end = text.find("<refine>"), text.find("</refine>")
    if start < 0 or end < 0:
        return "correct", None
    return "wrong", text[start + len("<refine>") : end].strip()
    # <<< solution


# %% [markdown] tags=["hints"]
# verdict_of
# 1. Which piece of text is there whenever something is to be mended, and never otherwise?
# 2. `text.find("<refine>")` gives the place where the tag begins, or -1 when there is none. The instruction
#    begins `len("<refine>")` letters later.
# 3. `text[start:end]` is the text from one place to the other; `.strip()` takes the spaces off its ends. When
#    either tag is missing, return `"correct", None`.


# %% tags=["check"]
def reference(text):
    said = read(text).reflection  # the library's own; None where the model only plans
    return ("wrong", said.refine) if said and said.refine else ("correct", None)


def inside(text):
    return text.partition("<refine>")[2].partition("</refine>")[0]


cases = [
    (("nothing is wrong here, so i refine nothing. this is right.",), "Go by the tags, not by words."),
    (("<ins> add a star </ins> <des> a star </des>",), "This is a plan; only <refine> asks to mend."),
    (("i see a cup. this is right. what is there to add? a hat.",), "Not there yet is not wrong."),
    (("this is wrong. <refine>make the star red</refine>",), "Take what stands between the tags."),
    (("one too many. <refine> remove one star </refine> then go on.",), "Take no more than that."),
]
mistakes = {
    "Nothing to mend is None, not an empty text.": lambda text: ("correct", ""),
    "Wrong way round: the verdict comes first.": lambda text: (inside(text).strip(), "wrong"),
    "The tags are still there.": lambda text: ("wrong", f"<refine>{inside(text)}</refine>"),
    "Spaces are left at the ends: `.strip()` takes them off.": lambda text: ("wrong", inside(text)),
    "What follows the second tag came along.": lambda text: ("wrong", text[text.find(">") + 1 :].strip()),
}
verdict_of = check("verdict_of", verdict_of, reference, cases, mistakes)

# %% [markdown]
# ## 0.5 Use it: does the painter know when it is right?
#
# Six prompts. For each the painter tells its story; your function reads its last words: what the *model*
# thinks of its picture. The judge says what *is*.
#
# **Predict:** with how many of the model's six verdicts will the judge agree?


# %%
def two(first, second, relation=None):
    """Two coloured things, perhaps with a relation: the tag of the task, and the request."""
    groups = [Group(name, color=color) for color, name in (first.split(), second.split())]
    return "position" if relation else "color_attr", Request(tuple(groups), (relation,))


REQUESTS = [
    two("red star", "blue house", "left of"),
    two("purple cup", "green tree"),
    two("yellow moon", "brown boat", "above"),
    ("counting", Request((Group("heart", count=3),))),
    two("black fish", "red ring", "right of"),
    two("orange leaf", "blue cloud", "below"),
]
TASKS = {request.sentence(): request.spec(tag) for tag, request in REQUESTS}
if PROFILE == "smoke":
    TASKS = dict(list(TASKS.items())[:2])


def accepted(picture, prompt):
    return judge(TASKS[prompt], np.asarray(picture)).correct


# %%
stories = {prompt: painter.trajectory(prompt) for prompt in TASKS}
for prompt, told in stories.items():
    verdicts = [verdict_of(text)[0] for text, _ in turns(told)]
    judged = "accepted" if accepted(told.final, prompt) else "refused"
    print(f"{prompt:44} model: {verdicts[-1]:8} judge: {judged:9} asked to mend: {verdicts.count('wrong')}")

refused = [prompt for prompt, told in stories.items() if not accepted(told.final, prompt)]
mended = [prompt for prompt, told in stories.items() if any(step.refinement for step in told.steps)]
shown = (refused or mended or list(TASKS))[-1]
print(f"\n{shown}: {judge(TASKS[shown], np.asarray(stories[shown].final)).reason or 'accepted'}")
strip(stories[shown])

# %% [markdown]
# The strip shows a refused story, else one with a refinement, if any. A model stops when it finds nothing to
# mend or add, so its last verdict is nearly always "correct"; where the judge refuses, it stopped too early. To
# call a right picture wrong, the other mistake, shows in the last column.
#
# ## 0.6 Baseline: the same model, all at once
#
# The same weights can also paint *direct*: prompt in, picture out. That is the **baseline**;
# painting in rounds is called *process*. The price is counted in denoising steps.
#
# **Predict:** on which kind of prompt is direct painting likeliest to fail: two colours, places, or counting?

# %%
direct = {prompt: painter.direct(prompt) for prompt in TASKS}
board, counts = Figure(figsize=(9, 4), layout="constrained"), []
ways = {"direct": direct, "process": stories}
for row, (name, made) in zip(board.subplots(2, len(TASKS)), ways.items(), strict=True):
    right = [accepted(told.final, prompt) for prompt, told in made.items()]
    steps = sum(told.cost.denoising_steps for told in made.values()) / len(made)
    counts.append(f"{name} {sum(right)} of {len(made)} accepted, {steps:.0f} denoising steps a picture")
    for axis, (prompt, told), fine in zip(row, made.items(), right, strict=True):
        axis.imshow(told.final)
        axis.set(title="✓ accepted" if fine else "✗ refused", xticks=[], yticks=[])
        axis.set_xlabel(fill(prompt.removeprefix("a photo of "), 20), fontsize=8)
    row[0].set_ylabel(name)
print("\n".join(counts))
figure(board, alt=f"Final pictures, direct above, process below. {'; '.join(counts)}.")

# %% [markdown] tags=["instructor"]
# **For the instructor.** Ask what else the steps of a process could buy: several direct pictures and the best
# of them. Who would choose it? A later lesson takes this up. The usual mistake is to compare the two counts
# without their price.

# %% [markdown]
# Six prompts prove nothing: one lucky picture moves the count by 17 points of a hundred. The course measures
# hundreds of pictures from several seeds, with an interval for chance, and asks what as many denoising steps
# buy when spent otherwise.
#
# ## 0.7 Break it on purpose
#
# Is it the *criticism* that mends a picture, or does painting once more help by itself? We spoil the last
# draft of stories that ended well:
#
# * the planned thing is *left out*; the painter goes on by its own reflection;
# * **negative control**: the same, but by the criticism that it wrote for *another* picture;
# * one thing gets a *false colour*; again its own reflection.
#
# **Predict** for each: all mended, some, or none?


# %%
def left_out(told):
    """The picture before the last stroke, as if that stroke had left no mark."""
    return told.steps[-2].refinement or told.steps[-2].draft


def false_color(told):
    """The final picture, drawn by the program, with the thing nearest its top in a false colour."""
    scene = see(np.asarray(told.final))
    first = scene.things[0]
    return render(scene.swap(first, replace(first, color="green" if first.color != "green" else "purple")))


def spoilt(spoil):
    """For each story that ended well its spoilt last draft, where the judge refuses it."""
    good = [p for p in TASKS if accepted(stories[p].final, p) and len(stories[p].steps) > 1]
    drafts = {p: spoil(stories[p]) for p in good if stories[p].steps[-1].plan.instruction}
    return {p: draft for p, draft in drafts.items() if not accepted(draft, p)}


# %%
NOT_YET = Reflection(verdict="none")


def go_on(prompt, draft, reflection=NOT_YET):
    """The last step again from a spoilt draft: by this reflection, or by the painter's own."""
    told = stories[prompt]
    step = Step(plan=told.steps[-1].plan, draft=draft, reflection=reflection)
    start = Trajectory(prompt=prompt, steps=[*told.steps[:-1], step], final=step.draft)
    for event in painter.paint(prompt, start=start):
        if event.kind in ("refinement", "done"):
            return event.trajectory.steps[len(start.steps) - 1]


gaps, odd = spoilt(left_out), spoilt(false_color)
own = {prompt: go_on(prompt, draft) for prompt, draft in gaps.items()}
recolored = {prompt: go_on(prompt, draft) for prompt, draft in odd.items()}
asked = [prompt for prompt in own if own[prompt].reflection.refine]  # those with a criticism to lend
pairs = zip(asked, asked[1:] + asked[:1], strict=True)  # each gets its neighbour's
foreign = {p: go_on(p, gaps[p], own[other].reflection) for p, other in pairs if other != p}
if len(asked) < 2:
    print("Fewer than two stories asked to mend what was left out, so none could lend its criticism.")

# %%
painted, counts = [], []
for name, made in (
    ("left out, own criticism", own),
    ("left out, another picture's", foreign),
    ("false colour, own criticism", recolored),
):
    painted.append({p: step.refinement for p, step in made.items() if step.refinement is not None})
    mended = sum(accepted(picture, p) for p, picture in painted[-1].items())
    counts.append(f"{name}: {len(made)} spoilt, {len(painted[-1])} painted again, {mended} mended")
print("\n".join(counts))
for name, made in (("left out", own), ("false colour", recolored)):
    for prompt, step in made.items():
        wish = f" -> {step.reflection.refine}" if step.reflection.refine else ""
        print(f"\n{name}: {prompt}\n  {step.reflection.text}{wish}")

# %%
names = [prompt for prompt in TASKS if prompt in gaps or prompt in odd] or list(TASKS)[:1]
board = Figure(figsize=(9, 7.6), layout="constrained")
grid = board.subplots(5, len(names), squeeze=False)
titles = "left out", "own criticism", "another's", "false colour", "own criticism"
rows = zip(grid, titles, (gaps, *painted[:2], odd, painted[2]), strict=True)
for row, title, made in rows:
    for axis, prompt in zip(row, names, strict=True):
        axis.set(xticks=[], yticks=[], box_aspect=1)
        if prompt in made:
            axis.imshow(made[prompt])
            axis.set_title("✓ accepted" if accepted(made[prompt], prompt) else "✗ refused", fontsize=8)
        else:
            axis.text(0.5, 0.5, "–", transform=axis.transAxes, ha="center", va="center")
    row[0].set_ylabel(title)
for axis, prompt in zip(grid[-1], names, strict=True):
    axis.set_xlabel(fill(prompt.removeprefix("a photo of "), 16))
figure(board, alt=f"Spoilt drafts, and below them what was painted again, by prompt. {'; '.join(counts)}.")

# %% [markdown]
# A column is a prompt; – means not painted again, or no such draft. If its own criticism mends and another's
# does not, it is the words that mend. If both do, the refinement goes by the prompt.
#
# A false colour that is not painted again was not *noticed*: do the printed words name the colour that is
# there, or the planned one? A draft may also be called right, and the missing thing planned anew.

# %% [markdown] tags=["instructor"]
# **For the instructor.** If two counts are alike, do not explain it away: with six pictures at most it can be
# chance, and it can also mean that the refinement looks at the prompt more than at the criticism. Ask how
# one would tell the two apart. Most common wrong reading: "another picture's criticism is noise". It is not
# noise, it is a clear order that happens to be wrong.

# %% [markdown] tags=["quiz"]
# ## Quiz
# Click a choice to see the reason.
#
# 1. The prompt asks for a star and a house. The first plan adds the house, and the draft shows it alone. What
#    should the reflection say?
#    - [ ] Wrong, the star is missing. :: The star is not drawn *yet*; a later plan brings it.
#    - [x] Right; what is there to add? A star. :: The draft is as planned, and the star is the next plan.
#    - [ ] Nothing, it should look at the last picture alone. :: A wrong draft is cheapest to mend at once.
# 2. Why may the judge not read the model's plan or reflection?
#    - [ ] It would be too slow. :: Reading a sentence takes no time.
#    - [x] A picture must be right for what was asked, not for what is said of it. :: Otherwise a model
#      could talk a wrong picture right.
#    - [ ] The judge cannot read English. :: It is kept from reading on purpose.
# 3. Process accepted 5 of 6, direct 3 of 6. What can you claim?
#    - [ ] Painting in rounds is better. :: Two pictures of luck give the same counts.
#    - [ ] Nothing can be claimed from counts. :: With more prompts, seeds and an interval it can.
#    - [x] It looks promising; measure it on more prompts and at equal cost. :: The rounds took more work.

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# This kit's class is built after BAGEL, a model with twice 7 billion weights, and loads its files:
#
# * the loop over words and pictures in
#   [`inferencer.py`, lines 242 to 286](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/inferencer.py#L242-L286):
#   after reading, the model writes and paints *once*. Going round and round is what
#   `mini_model/process/painter.py` adds;
# * the denoising, your player's slider, in
#   [`bagel.py`, lines 693 to 746](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L693-L746):
#   a picture of 1024 by 1024 pixels is 4096 tokens of 64 numbers each (here 16 of 32), walked in 49 steps;
# * the writing in
#   [lines 909 to 997](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L909-L997):
#   token by token, each 3584 numbers inside the model (here 192), from `<|im_start|>` until `<|im_end|>`.
#
# ## What you have
#
# You have watched one model plan, paint and speak about its drafts; read its verdicts by your own function and
# held them against a judge; compared it with a baseline; and seen, with a negative control, which spoilt
# drafts its criticism finds and whether it mends them. Every term:
# [glossary of the course](../lessons/glossary.md).
#
# Read on: [the method's paper](https://arxiv.org/abs/2604.04746) ·
# [BAGEL](https://github.com/ByteDance-Seed/Bagel) ·
# [GenEval, whose rules the judge follows](https://arxiv.org/abs/2310.11513)

# %% [markdown] tags=["instructor"]
# **For the instructor.** Closing question: who decides that the picture is done?

# %% tags=["verify"]
assert story.final.size == (64, 64) and story.steps and len(frames) >= len(story.steps)
assert set(stories) == set(direct) == set(TASKS)
assert set(foreign) <= set(own) == set(gaps) <= set(TASKS) and set(recolored) == set(odd) <= set(TASKS)
assert not any(accepted(draft, p) for spoils in (gaps, odd) for p, draft in spoils.items())
assert all(told.strategy == "direct" and not told.steps for told in direct.values())
