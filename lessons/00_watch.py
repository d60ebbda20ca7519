# %% [markdown]
# # 0. Watch a picture being thought
#
# A small model paints by taking turns: it writes what it will paint, paints it, looks, says what is wrong,
# and paints again.
#
# **You will be able to show** each of these turns in a picture that the model made on your machine, and
# whether its own criticism is what mends a picture.
#
# **Before this:** a little Python. **Your time:** about 40 minutes. **Machine time:** {minutes}, {memory}
# of memory, measured on {machine}.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Before anyone opens the notebook, draw four boxes on the board: plan, draft,
# reflection, refinement, with an arrow from the last back to the first. The usual mistake in this lesson is
# to read "wrong" where the picture is merely unfinished. When time is short leave out 0.7. Closing
# question: who decides that the picture is done?

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

import numpy as np

from mini_model.model import UnifiedModel
from mini_model.process import Painter
from mini_model.process.script import read, turns
from mini_model.show import player, strip
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
# Give the painter a prompt and wait a few seconds. It hands out an *event* after each turn; we keep the
# last one, which holds the whole story, and the *frames*: how each picture came out of noise.

# %%
prompt = "a photo of a red star left of a blue house"
frames = []
for event in painter.paint(prompt):
    print(event.kind, end="  ")
    if event.frames:
        frames.append(event.frames)

story = event.trajectory
strip(story)

# %% [markdown]
# Read it row by row. A row is one round, and its four frames are always these:
#
# * ✎ **plan**: what to paint next, and how the whole picture will look then;
# * ◐ **draft**: the picture that the model painted for the plan;
# * ◉ **reflection**: what the model says when it looks at its own draft;
# * ● **refinement**: the picture painted again, if the reflection asked for it.
#
# The last frame ★ is the final picture. Nobody told the model how many rounds to take.
#
# **Predict** before you run the next cell: in the denoising of a draft, what appears first, the place of a
# thing, its colour, or its outline?

# %%
player(story, frames)

# %% [markdown]
# Step through it with the arrow keys. On the *Denoising* slider the left end is pure noise. (Without a
# running notebook you see the strip instead; it says the same.)

# %% [markdown]
# ## 0.2 The story is an object
#
# A *trajectory* is the prompt, a list of steps and the final picture. Everything in this course reads or
# writes trajectories: training data, the painter, the judge, the figures.

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
# The world is small enough that a program can measure every thing in a picture: what it is, its colour, its
# place. You tell this judge what was asked in a *specification*; it learns nothing and never sees the
# model's words.
#
# **Predict:** which pictures of the story will it accept? Is a picture it refuses always *drawn wrong*?

# %%
ASKED = {
    "tag": "position",
    "include": [
        {"class": "house", "count": 1, "color": "blue"},
        {"class": "star", "count": 1, "color": "red", "position": ["left of", 0]},  # 0: the house
    ],
}
for label, picture in story.pictures():
    verdict = judge(ASKED, np.asarray(picture))
    print(f"{label:20} {'accepted' if verdict.correct else 'refused: ' + verdict.reason}")

# %% [markdown]
# An early draft is refused because something is *not drawn yet*. That is no mistake, and a good reflection
# must not call it one. *Drawn wrong* is another matter: say, a star that is there and is green.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Let the class sort the refusals of 0.3 into "not yet" and "wrong" by a show of
# hands. The whole method hangs on this difference: a model that calls every unfinished draft wrong never
# gets to its second plan.

# %% [markdown]
# ## 0.4 Exercise: read the reflection (10 min, ●○○)
#
# The model writes plain text. Look at it raw, with its tags: `<ins>` and `<des>` hold the two halves of a
# plan, and if something must be mended, the instruction stands between `<refine>` and `</refine>`. No such
# tags, nothing to mend.

# %%
for text, picture in turns(story):
    print(text, "  [draws]" if picture else "  [ends]")

# %% [markdown]
# Write `verdict_of`: text in, a pair out. The pair is `("wrong", instruction)` or `("correct", None)`.
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
# 1. Which piece of text is there whenever something is to be mended, and never otherwise? It is not a word
#    of English.
# 2. `text.find("<refine>")` gives the place where the tag begins, or -1 when there is none. The instruction
#    begins `len("<refine>")` letters later.
# 3. `text[start:end]` is the text from one place up to the other, and `.strip()` takes the spaces off its
#    ends. When either tag is missing, return `"correct", None`.


# %% tags=["check"]
def reference(text):
    said = read(text).reflection  # the library's own; None where the model only plans
    return ("wrong", said.refine) if said and said.refine else ("correct", None)


def inside(text):
    return text.partition("<refine>")[2].partition("</refine>")[0]


cases = [
    (("nothing is wrong here, so i refine nothing. this is right.",), "Go by the tags, not by words."),
    (("<ins> add a star </ins> <des> a star </des>",), "This is a plan; only <refine> asks to mend."),
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
# Six prompts, each with its specification. For each the painter tells its story; your function reads
# its last words, which say what the *model* thinks of its picture. The judge says what *is*.


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
    print(f"{prompt:47} model: {verdicts[-1]:8} judge: {judged:9} mended: {verdicts.count('wrong')}")

# %% [markdown]
# Where the two columns disagree the model is mistaken about its own picture. Keep an eye on which way: a
# painter that calls wrong pictures right stops too early; one that calls right pictures wrong spoils them.
#
# ## 0.6 Baseline: the same model, all at once
#
# The same weights can also paint *direct*: prompt in, one picture out, no words. That is the baseline. A
# fair comparison names the price as well; here it is counted in denoising steps.
#
# **Predict:** on which kind of prompt will direct painting fail first: colours, places, or counting?

# %%
direct = {prompt: painter.direct(prompt) for prompt in TASKS}
for name, made in (("direct", direct), ("process", stories)):
    right = sum(accepted(told.final, prompt) for prompt, told in made.items())
    steps = sum(told.cost.denoising_steps for told in made.values()) / len(made)
    print(f"{name:8} {right} of {len(made)} accepted, {steps:.0f} denoising steps a picture")

failed = [prompt for prompt in TASKS if not accepted(direct[prompt].final, prompt)]
strip(direct[(failed or list(TASKS))[0]])

# %% [markdown]
# Six prompts prove nothing: one lucky picture moves the count by 17 points of a hundred. The course
# measures on hundreds of prompts, with several seeds and an interval around each figure, and it asks what
# the same number of denoising steps buys when spent in another way.

# %% [markdown]
# ## 0.7 Break it on purpose
#
# Is it really the *criticism* that mends a picture, or does painting once more help by itself? We take the
# stories that ended well and spoil their last draft in two ways: the new thing is *left out*, or the oldest
# thing gets a *false colour*. The painter goes on by its own reflection, and, as a **negative control**, by the
# one that it wrote for *another* picture.
#
# **Predict** the three counts of mended pictures before you run the last cell.


# %%
def left_out(told):
    """The picture before the last stroke, as if that stroke had left no mark."""
    return told.steps[-2].refinement or told.steps[-2].draft


def false_color(told):
    """The final picture with its first thing in a false colour."""
    scene = see(np.asarray(told.final))
    first = scene.things[0]
    return render(scene.swap(first, replace(first, color="green" if first.color != "green" else "purple")))


NOT_YET = Reflection(verdict="none")


def go_on(prompt, draft, reflection=NOT_YET):
    """The last step again from a spoilt draft: by this reflection, or by the painter's own."""
    told = stories[prompt]
    step = Step(plan=told.steps[-1].plan, draft=draft, reflection=reflection)
    start = Trajectory(prompt=prompt, steps=[*told.steps[:-1], step], final=step.draft)
    for event in painter.paint(prompt, start=start):
        if event.kind in ("refinement", "done"):
            return event.trajectory.steps[len(start.steps) - 1]


# %%
good = [p for p in TASKS if accepted(stories[p].final, p) and len(stories[p].steps) > 1]
others = dict(zip(good, good[1:] + good[:1], strict=True))  # each gets its neighbour's criticism
own = {prompt: go_on(prompt, left_out(stories[prompt])) for prompt in good}
foreign = {p: go_on(p, left_out(stories[p]), own[others[p]].reflection) for p in good}
recolored = {prompt: go_on(prompt, false_color(stories[prompt])) for prompt in good}
for name, made in (
    ("left out, own criticism", own),
    ("left out, another picture's", foreign),
    ("false colour, own criticism", recolored),
):
    tried = {prompt: step.refinement for prompt, step in made.items() if step.refinement is not None}
    mended = sum(accepted(picture, prompt) for prompt, picture in tried.items())
    print(f"{name:27} {len(made)} spoilt, {len(tried)} painted again, {mended} mended")
for prompt, step in [*own.items(), *recolored.items()]:
    print(f"{prompt:44} {step.reflection.verdict:8} {step.reflection.refine}")

# %% [markdown] tags=["instructor"]
# **For the instructor.** If two counts are alike, do not explain it away: with six pictures it can be
# chance, and it can also mean that the refinement looks at the prompt more than at the criticism. Ask how
# one would tell the two apart. Most common wrong reading: "another picture's criticism is noise". It is not
# noise, it is a clear order that happens to be wrong.

# %% [markdown] tags=["quiz"]
# ## Quiz
# Click a choice to see the reason.
#
# 1. The prompt asks for a star and a house. The first draft shows only the house. What should the
#    reflection say?
#    - [ ] Wrong, the star is missing. :: The star is not drawn *yet*; a later plan brings it.
#    - [x] Correct so far. :: What is there fits the plan; what is missing comes in a later round.
#    - [ ] Nothing, it should look at the last picture alone. :: A wrong draft is cheapest to mend before
#      more is painted on it.
# 2. Why may the judge not read the model's plan or reflection?
#    - [ ] It would be too slow. :: Reading a sentence takes no time; speed is not the point.
#    - [x] A picture must be right for what was asked, not for what the model says of it. :: Otherwise a
#      model could talk a wrong picture right.
#    - [ ] The judge cannot read English. :: It could be taught to; it is kept from it on purpose.
# 3. Process accepted 5 of 6, direct 3 of 6. What can you claim?
#    - [ ] Painting in steps is better. :: Two pictures of luck give the same counts.
#    - [ ] Nothing can ever be claimed from counts. :: With more prompts, several seeds and an interval it
#      can.
#    - [x] It looks promising; measure it on more prompts and at equal cost. :: The steps also took several
#      times the work.

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# This kit's class is built after BAGEL, a model of 7 billion weights, and loads its files. There you find:
#
# * the loop over words and pictures in
#   [`inferencer.py`, lines 242 to 266](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/inferencer.py#L242-L266):
#   each item joins the context, then the model writes or paints *once*. Going round and round is what
#   `mini_model/process/painter.py` adds, and training teaches the model when to switch;
# * the denoising, your player's slider, in
#   [`bagel.py`, lines 693 to 746](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L693-L746):
#   for a picture of 1024 by 1024 pixels the state is 4096 tokens of 64 numbers each, and 50 times make 49
#   steps;
# * the writing in
#   [lines 909 to 997](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L909-L997):
#   one token at a time, from `<|im_start|>` until `<|im_end|>`.
#
# ## What you have
#
# You have watched one model plan, paint and speak about its own drafts; held its pictures against a judge that
# cannot be talked round; compared with the same model painting at once; and tried which spoilt drafts its
# criticism finds, and whether it is the criticism that mends them. The words of this lesson stand in the
# [glossary of the course](../lessons/glossary.md).
#
# Read on: [the method's paper](https://arxiv.org/abs/2604.04746) ·
# [BAGEL](https://github.com/ByteDance-Seed/Bagel) ·
# [GenEval, whose rules the judge follows](https://arxiv.org/abs/2310.11513)

# %% tags=["verify"]
assert story.final.size == (64, 64) and story.steps and len(frames) >= len(story.steps)
assert set(stories) == set(direct) == set(TASKS) and set(own) == set(foreign) == set(recolored) == set(good)
assert all(told.strategy == "direct" and not told.steps for told in direct.values())
