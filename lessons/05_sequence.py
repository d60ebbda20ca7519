# %% [markdown]
# # 5. Words and pictures share one row of tokens
#
# A transformer reads rows of tokens. Here a whole trajectory goes into one: its words, and its pictures up to
# three times.
#
# **You will be able to show** for every token whose it is, where it stands and what is learnt at it, and that
# the words of a reflection hang on the picture before them.
#
# **Before this:** lessons 2 to 4. **Your time:** about 60 minutes. **Machine time:** {minutes}, {memory} of
# memory, measured on {machine}.

# %% tags=["parameters"]
PROFILE = "cpu"  # "smoke" runs the same cells on fewer trajectories and fewer training steps

# %%
import os
import sys
from pathlib import Path

TOP = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "mini_model").is_dir())
os.chdir(TOP)  # the kit's top folder, wherever this notebook lies
sys.path.insert(0, str(TOP))

# %%
from dataclasses import replace
from inspect import getsource
from itertools import cycle
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.functional import pad

from mini_model.data.parts import Draw, Have, Look, Words
from mini_model.data.trajectories import Mix, parts_of, random_trajectory
from mini_model.model import UnifiedModel, pictures
from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.generate import encode_pictures, feed, greedy, write
from mini_model.model.sequence import Text, pack
from mini_model.model.words import ids_of, text_of
from mini_model.process import Painter, Settings
from mini_model.process.script import LACKS, PREFIX
from mini_model.show import attention_explorer, figure, strip
from mini_model.teach.asking import ask
from mini_model.teach.check import check
from mini_model.training.assemble import Assembler
from mini_model.trajectory import load_many

# %% [markdown]
# ## 5.1 A picture first
#
# A training sample is a list of *parts*. `Words` are a text. A picture comes as `Draw` (noised latents), `Have`
# (clean latents) or `Look` (pixels, for the vision encoder). Every part stands between two marks, in the figure
# ▸ or the kind of picture, and ◂.
#
# `patchify`, printed below the parts, makes a picture's tokens: squares of 16 x 16 pixels, or 2 x 2 latents, in
# reading order. In its pattern h and w count squares, p and q rows and columns inside one, c channels.
#
# **Predict:** how many numbers does a token hold, of pixels and of latents? A wrong draft in this story lacks
# one copy: which, and what would be learnt from it?
#
# In the figure positions stand above the tokens; below, ▲ where the *next* word is learnt, and ~ where the
# *velocity* is (the direction from picture to noise).

# %%
model = UnifiedModel.from_pretrained("data_samples/weights/mini")
tokenizer, MARKS = model.tokenizer, marks_of(model.tokenizer)
shipped = load_many("data_samples/trajectories/multi-turn")
longer = [told for told in shipped if len(told.steps) > 1]  # here a plan comes after a picture
story = max(longer, key=lambda told: sum(step.refinement is not None for step in told.steps))
WHOLE = Mix(half_way=0, forget=0, facts=0)  # whole trajectories, and nothing that must be known by heart
parts = parts_of(story, WHOLE, np.random.default_rng(0))


def ids_in(part):
    """The ids of a part, its two marks included; the tokens of a picture are no words and stand as None."""
    if isinstance(part, Words):
        return [MARKS.text_start, *ids_of(tokenizer, part.text), MARKS.text_end]
    return [MARKS.picture_start, *[None] * 16, MARKS.picture_end]


for part in parts:
    print(f"{type(part).__name__:6}{len(ids_in(part)):3} tokens ", getattr(part, "text", "of a picture"))
print("", getsource(pictures.patchify), sep="\n")
pixels = pictures.to_pixels(story.final)
print(f"pixels of shape {tuple(pixels.shape)} become {tuple(pictures.patchify(pixels, 16).shape)}")
print(f"latents of shape (8, 8, 8) become {tuple(encode_pictures(model, pixels[None])[0].shape)}")

# %%
KINDS = {Draw: ("noised", "#E69F00"), Have: ("clean", "#009E73"), Look: ("seen", "#56B4E9")}
KINDS[Words] = ("▸", "white")


def faces(part):
    """What to draw for each token of a part: a word, or a patch of the picture."""
    if isinstance(part, Words):
        return ["▸", *tokenizer.convert_ids_to_tokens(ids_in(part)[1:-1]), "◂"]
    noise = np.random.default_rng(0).random(part.picture.shape)
    pixels = part.picture / 255 if not isinstance(part, Draw) else 0.35 * part.picture / 255 + 0.65 * noise
    patches = [pixels[y : y + 16, x : x + 16] for y in range(0, 64, 16) for x in range(0, 64, 16)]
    return [KINDS[type(part)][0], *patches, "◂"]


def placed(parts, width=124):
    """Every token with its part, its face, its place on the paper and its width; a picture is not broken."""
    x, y = 0.0, 0.0
    for part in parts:
        x, y = (0.0, y - 4.4) if not isinstance(part, Words) and x + 48 > width else (x, y)
        for face in faces(part):
            wide = max(len(face) + 0.9, 2.4) if isinstance(face, str) else 2.4
            x, y = (x, y) if x + wide <= width else (0.0, y - 4.4)
            yield part, face, x, y, wide
            x += wide


# %%
def ribbon(parts, above, below, shade=None, alt="", width=124):
    """The row of tokens, broken into lines, with something above and below each token."""
    drawing, axes = plt.subplots()
    for token, (part, face, x, y, wide) in enumerate(placed(parts, width)):
        middle, color = x + wide / 2 - 0.1, KINDS[type(part)][1]
        if isinstance(face, str):
            fill = ("#CC79A7", min(1.0, shade[token])) if shade and isinstance(part, Words) else color
            axes.add_patch(plt.Rectangle((x, y), wide - 0.2, 1.9, facecolor=fill, edgecolor="gray", lw=0.6))
            axes.text(middle, y + 0.9, face, size=7, family="monospace", ha="center", va="center")
        else:
            axes.imshow(face, extent=(x, x + 2.2, y, y + 1.9), aspect="auto")
            axes.add_patch(plt.Rectangle((x, y), 2.2, 1.9, fill=False, edgecolor=color, lw=1))
        axes.text(middle, y + 2.1, above[token], size=5.5, ha="center", color="#59636E")
        axes.text(middle, y - 0.2, below[token], size=6.5, ha="center", va="top")
    axes.set(xlim=(-0.5, width), ylim=(y - 1.6, 3.2))
    axes.axis("off")
    drawing.set_size_inches(11.5, (4.8 - y) * 0.128)
    told = ", ".join(f"{len(ids_in(part))} {KINDS[type(part)][0].replace('▸', 'words')}" for part in parts)
    return figure(drawing, alt=f"{alt} The parts and their tokens in order: {told}.")


# %%
NOTHING = -100  # where no word is learnt; PyTorch's own number for that
SWITCH = {True: MARKS.picture_start, False: MARKS.text_end, None: NOTHING}  # what follows an end mark


def laid_out(parts):
    """What the library makes of a sample: position, word to learn and velocity to learn of every token."""
    batch = Assembler(model).batch([parts], np.random.default_rng(0))
    order, words = batch.slot.argsort(), batch.slot[batch.ce_at]  # `slot`: where in the row a token stands
    labels = torch.full_like(batch.slot, NOTHING).index_put((words,), batch.ce_labels)
    flow = torch.zeros(len(order), dtype=torch.bool)
    flow[batch.slot[len(order) - len(batch.noised) :]] = batch.noised
    return batch.position[order], labels, flow


def packed_rows(lengths, room):
    """The library's packing, of texts in which every token is the number of its sample."""
    batch = pack([[Text([i] * size, marks=False)] for i, size in enumerate(lengths)], MARKS, room)
    slots = torch.full((batch.rows * batch.length,), -1).index_put((batch.slot,), batch.text_ids)
    return slots.unflatten(0, (batch.rows, batch.length))


position, labels, flow = laid_out(parts)
below = ["~" if drawn else "▲" if label != NOTHING else "" for label, drawn in zip(labels, flow, strict=True)]
ribbon(parts, position.tolist(), below, alt="A trajectory as a row of tokens, positions above, losses below.")

# %% [markdown] tags=["instructor"]
# **For the instructor.** On the board: a row of boxes, prompt, plan, and then one picture as three boxes. Ask
# for each box who may need it later. Keep the drawing: positions go above it and losses below it as the
# exercises proceed. Where the picture is a wrong draft, cross out the noised box: it is there to be looked at
# and mended.

# %% [markdown]
# A token of pixels holds 16·16·3 = 768 numbers, one of latents 2·2·8 = 32. A picture comes **noised**, where
# drawing is learnt; **clean**, for what is drawn on it; **seen**, for the words about it. The wrong draft has
# no noised copy: from it the model would learn to draw what is wrong.
#
# | part | expert | moves the position on by |
# |---|---|---|
# | words | understanding | 1 for each token, marks too |
# | noised | generation | 0 |
# | clean | generation | 1 |
# | seen | understanding | 1 |
#
# ## 5.2 Exercise: packing (15 min, ●●○)
#
# A *batch* is what a model gets at once: here R rows of L *slots*, places for a token each. Empty slots cost
# memory and teach nothing, so *packing* lays samples side by side: longest first, each whole, into the first
# row that has room, else into a new one. Tokens see their own sample alone; its positions start at 0.
#
# **Predict:** samples of 4, 9, 3, 12, 5 and 7 tokens, at most 16 slots a row: how many rows, how many empty
# slots?


# %% tags=["exercise"]
def pack_rows(lengths, room):
    """lengths: a list, the number of tokens of each sample; room: most slots in a row, enough for any sample.
    Returns (R, L) whole numbers: for each slot the number of its sample, from 0, or -1 where it is empty.
    L is the length of the fullest row.
    """
    # your turn: lay the samples into lists, longest first; then bring these to one length with -1
    # >>> solution
    rows = []
    for sample in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        free = [row for row in rows if len(row) + lengths[sample] <= room]
        if not free:
            rows.append([])
        row = free[0] if free else rows[-1]
        row += [sample] * lengths[sample]
    width = max(len(row) for row in rows)
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows])
    # <<< solution


# %% [markdown] tags=["hints"]
# pack_rows
# 1. Let a row be a list of sample numbers. Sort these, not the lengths:
#    `sorted(range(len(lengths)), key=lambda i: -lengths[i])`.
# 2. `free = [row for row in rows if len(row) + lengths[sample] <= room]`; if it is empty, append `[]` to `rows`.
# 3. `row += [sample] * lengths[sample]`; at the end each row gets `[-1] * (width - len(row))`.


# %% tags=["check"]
def placed_by(lengths, room, sign=-1, since=0):
    """Packed in another order, or looking only at the rows from `since` on."""
    rows = []
    for i in sorted(range(len(lengths)), key=lambda i: sign * lengths[i]):
        free = [row for row in rows[since:] if len(row) + lengths[i] <= room]
        rows += [] if free else [[]]
        (free[0] if free else rows[-1]).extend([i] * lengths[i])
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], True, padding_value=-1)


SIZES = [4, 9, 3, 12, 5, 7]
cases = [(([3, 2], 8), "Both fit into one row of 5."), ((SIZES, 16), "The samples of the prediction.")]
cases += [(([5, 2, 6, 3], 8), "Here every row gets full.")]
mistakes = {
    "Longest first: short ones then fill the gaps.": lambda n, r: placed_by(n, r, sign=0),
    "Earlier rows may have room, not the last alone.": lambda n, r: placed_by(n, r, since=-1),
    "A sample may fill a row to its last slot: <=, not <.": lambda n, r: packed_rows(n, r - 1),
    "Each sample has a row of its own, so slots stay empty.": lambda n, r: packed_rows(n, None),
    "Number samples as `lengths` does, not as sorted.": lambda n, r: packed_rows(sorted(n, reverse=True), r),
    "An empty slot belongs to nobody: -1, for 0 is a sample.": lambda n, r: packed_rows(n, r).clamp(min=0),
    "L is the fullest row, not `room`.": lambda n, r: pad(packed_rows(n, r), (0, r), value=-1)[:, :r],
    "A tensor has rows of one length: fill up.": lambda n, r: [x[x >= 0].tolist() for x in packed_rows(n, r)],
}
attempt = ask(pack_rows, (SIZES, 16)).value  # kept for the picture below, right or wrong
pack_rows = check("pack_rows", pack_rows, packed_rows, cases, mistakes)

# %%
TINTS = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7"]
drawing, axes = plt.subplots(1, 3, figsize=(11.5, 2.2))
tables = {"a row each": packed_rows(SIZES, None), "expected": packed_rows(SIZES, 16), "yours": attempt}
for axis, (name, table) in zip(axes, tables.items(), strict=True):
    axis.set(xlim=(-0.2, 16.2), ylim=(6.2, -0.2))
    axis.axis("off")
    fits = isinstance(table, torch.Tensor) and table.dim() == 2 and not table.is_floating_point()
    told = f"{len(table)} rows, {(table < 0).sum()} empty" if fits else "no table yet"
    axis.set_title(f"{name}: {told}")
    for y, row in enumerate(table[:6, :16].tolist() if fits else []):
        for x, sample in enumerate(row):
            color = TINTS[sample % len(TINTS)] if sample >= 0 else "white"
            axis.add_patch(plt.Rectangle((x, y), 0.94, 0.9, facecolor=color, edgecolor="gray", lw=0.6))
            axis.text(x + 0.47, y + 0.47, sample if sample >= 0 else "", size=7, ha="center", va="center")
told = "; ".join(axis.get_title() for axis in axes)
figure(drawing, alt=f"Slots in rows, each with the number of its sample, empty ones white. {told} slots.")

# %% [markdown]
# ## 5.3 Exercise: where each token stands (10 min, ●●○)
#
# The *position* of a token turns its queries and keys. All tokens of a picture share one; places inside it come
# from a table. While painting, noise is never kept in the row, so a noised picture must not move anyone.
#
# **Predict** the position of the first word after the first picture, without the figure.

# %% [markdown] tags=["instructor"]
# **For the instructor.** The usual mistake here is to think that the position counts tokens; let someone find
# the two neighbours in the row whose positions are equal.


# %% tags=["exercise"]
def positions_of(parts):
    """parts: a list of Words, Draw, Have and Look. Returns (L,) whole numbers, one for each token."""
    # your turn: walk through the parts and keep count; len(ids_in(part)) is a part's length, marks included
    # >>> solution
    positions, now = [], 0
    for part in parts:
        size = len(ids_in(part))
        if isinstance(part, Words):
            positions += range(now, now + size)
            now += size
        else:
            positions += [now] * size
            now += 0 if isinstance(part, Draw) else 1
    return torch.tensor(positions)
    # <<< solution


# %% [markdown] tags=["hints"]
# positions_of
# 1. Keep two things: the list so far, and the next free position.
# 2. For words add `range(now, now + size)` and move on by `size`. For a picture add `[now] * size`.
# 3. After a picture `now` grows by `0 if isinstance(part, Draw) else 1`. Return `torch.tensor(positions)`.


# %% tags=["check"]
def other(parts, draw=0, have=1, look=1, spread=False, bare=0):
    """Positions by another rule: how far each kind of part moves on."""
    out, now = [], 0
    for part in parts:
        size, words = len(ids_in(part)), isinstance(part, Words)
        out += range(now, now + size) if words or spread else [now] * size
        now += size - bare if words else {Draw: draw, Have: have, Look: look}[type(part)]
    return torch.tensor(out)


dot, said = np.zeros((64, 64, 3), "uint8"), Words("add a red star", loss=True, draws=True)
ended = Words("the picture is complete.", loss=True, draws=False)
small = [Words("a photo of a red star"), said, Draw(dot), Have(dot), Look(dot), ended]
cases = [(([said, Look(dot), said, Have(dot), ended],), "Seen and clean pictures move on by 1.")]
cases += [((small,), "One picture, three times.")]
mistakes = {
    "A noised picture moves nobody: while painting it is not in the row.": lambda p: other(p, draw=1),
    "A picture moves on by 1, not by its number of tokens.": lambda p: other(p, have=18, look=18),
    "All tokens of a picture share one position; yours count up.": lambda p: other(p, spread=True),
    "The two marks of a text have positions too and count.": lambda p: other(p, bare=2),
    "A seen picture moves the position on as a clean one does.": lambda p: other(p, look=0),
    "A list of the right numbers: make it a tensor.": lambda p: laid_out(p)[0].tolist(),
}
positions_of = check("positions_of", positions_of, lambda parts: laid_out(parts)[0], cases, mistakes)

# %% [markdown]
# ## 5.4 Exercise: where the loss lies (15 min, ●●●)
#
# Words are learnt by *cross-entropy*: how surprised the model is by the right next token. So a token's label is
# the id after it. At the end mark it is the *switch*, `SWITCH[part.draws]`: a picture starts (`True`), nothing
# follows (`False`), or nothing is learnt (`None`). Pictures are learnt by the squared error of their velocity,
# on noised tokens alone.
#
# **Predict:** how many tokens of the prompt carry a loss?


# %% tags=["exercise"]
def learnt(parts):
    """parts: a list of Words, Draw, Have and Look. Returns (labels, flow), both (L,), one entry a token.

    labels: the id to come next, NOTHING where no word is learnt; flow: True where velocity is learnt.
    """
    # your turn: for each part take ids = ids_in(part); a part has .loss and .draws only if it is Words
    # >>> solution
    labels, flow = [], []
    for part in parts:
        ids = ids_in(part)
        if isinstance(part, Words) and part.loss:
            labels += [*ids[1:], SWITCH[part.draws]]
        else:
            labels += [NOTHING] * len(ids)
        flow += [isinstance(part, Draw) and token is None for token in ids]
    return torch.tensor(labels), torch.tensor(flow)
    # <<< solution


# %% [markdown] tags=["hints"]
# learnt
# 1. Both lists grow by `len(ids)` with every part. When is the label NOTHING throughout?
# 2. Where words are learnt, a token's label is its right neighbour: `[*ids[1:], SWITCH[part.draws]]`.
# 3. The marks of a noised picture are no latents: `[isinstance(part, Draw) and token is None for token in ids]`.


# %% tags=["check"]
def rule(of=None, reads=False, flows=lambda part, i: isinstance(part, Draw) and i is None):
    """Labels and flow by another rule."""

    def by(parts):
        labels, flow = [], []
        for part in parts:
            ids, says = ids_in(part), isinstance(part, Words) and (part.loss or reads)
            right = [*ids[1:], SWITCH[part.draws]] if says else [NOTHING] * len(ids)
            labels += of(ids) if of and says else right
            flow += [flows(part, i) for i in ids]
        return torch.tensor(labels), torch.tensor(flow)

    return by


mistakes = {
    "A token is asked for itself, which it sees: shift the labels by one.": rule(lambda ids: ids),
    "The switch is not learnt: the model could not choose to draw.": rule(lambda ids: [*ids[1:], NOTHING]),
    "Shifted the wrong way: a token is asked for what it follows.": rule(lambda ids: [NOTHING, *ids[:-1]]),
    "A text without loss is only read, as the prompt is: no labels there.": rule(reads=True),
    "Marks are no latents; velocity is learnt between.": rule(flows=lambda part, _: isinstance(part, Draw)),
    "Clean and seen pictures hold no noise to undo.": rule(flows=lambda part, i: i is None),
    "The flow is missing: return both, labels and flow.": lambda parts: laid_out(parts)[1],
}
learnt = check("learnt", learnt, lambda parts: laid_out(parts)[1:], [([said, ended],), (small,)], mistakes)

# %% [markdown]
# ## 5.5 Use it: which words surprise the model?
#
# `batch_of` lays out samples with your three functions, in rows as long as the longest sample.
#
# Loss is counted in *nats*: 0.7 is a coin toss between two words, 2.1 a choice among eight. **Predict** three
# words of the story that nobody could know beforehand.


# %%
def batch_of(samples, model=model, seed=0, shake=0.0):
    """The library's batch, with rows, positions and labels from your functions."""
    sizes = [sum(len(ids_in(part)) for part in parts) for parts in samples]
    owner = pack_rows(sizes, max(sizes)).flatten()  # whose each slot is
    order = torch.cat([(owner == sample).nonzero()[:, 0] for sample in range(len(samples))])
    with patch("mini_model.training.assemble.SHAKE", shake):  # training shakes what is looked at a little
        batch = Assembler(model, length=max(sizes)).batch(samples, np.random.default_rng(seed))

    def in_rows(made):
        """What was made for each sample, laid into its slots; then in the order of the batch's tokens."""
        made = torch.cat(list(made))
        slots = made.new_zeros(len(owner))
        slots[order] = made
        return slots[batch.slot]

    labels = in_rows(learnt(parts)[0] for parts in samples)
    drawn = in_rows(learnt(parts)[1] for parts in samples)[len(batch.slot) - len(batch.noised) :]
    at = (labels[: len(batch.text_ids)] != NOTHING).nonzero()[:, 0]
    position = in_rows(positions_of(parts) for parts in samples)
    return replace(batch, position=position, ce_at=at, ce_labels=labels[at], noised=drawn)


# %%
@torch.no_grad()
def surprise(parts, change=lambda batch: batch):
    """The loss at each token of the row, nan where no word is learnt."""
    batch = change(batch_of([parts]))
    return torch.full((len(batch.slot),), torch.nan).index_put((batch.slot[batch.ce_at],), model(batch).ce)


losses = surprise(parts).nan_to_num()
heard = [0.0, *losses[:-1].tolist()]  # the loss at a token is the surprise at the word after it
tokens = [face if isinstance(face, str) else "" for _, face, *_ in placed(parts)]
for place in np.argsort(heard)[:-6:-1]:
    print(f"{heard[place]:4.1f} nats: {' '.join(tokens[place - 6 : place])} [{tokens[place]}]")
numbers = [f"{loss:.1f}" if loss > 0.05 else "" for loss in heard]
shade = [loss / 3 for loss in heard]
ribbon(parts, numbers, [""] * len(tokens), shade, "The same row; dark words surprised the model.")

# %% [markdown]
# ## 5.6 Do the words hang on the pictures?
#
# A reflection repeats its plan whenever the draft is right. Does it look, or copy? On fresh trajectories, two
# fifths of whose drafts are wrong, take the loss of the words said of pictures:
#
# * **Baseline:** words alone; then with only the seen pictures dropped.
# * **Negative control:** another trajectory's pictures in their place, the fairer test: the row keeps its form.
# * **Break it**, first part: three wrong rules for positions.
#
# **Predict** the order of the seven losses, its own pictures included. And where do a *plan*'s words look: at the
# picture, or do they take what the reflection said?


# %%
def of_pictures(parts, change=lambda batch: batch):
    """The mean loss of the words said of pictures: what is seen, and the verdict."""
    losses, start, kept = surprise(parts, change), 0, []
    for part in parts:
        if isinstance(part, Words) and part.text.startswith("i see"):
            count = len(ids_of(tokenizer, part.text.partition(LACKS)[0].partition("<")[0]))
            kept.append(losses[start : start + count])
        start += len(ids_in(part))
    return torch.cat(kept).mean().item()


def dropped(parts, kinds):
    """The same parts without those of some kinds."""
    return [part for part in parts if not isinstance(part, kinds)]


def exchanged(parts, others):
    """The same parts, but what is to be seen and drawn on is the others'."""
    given = cycle([part.picture for part in others if isinstance(part, Have | Look)])
    return [replace(part, picture=next(given)) if isinstance(part, Have | Look) else part for part in parts]


rng = np.random.default_rng(7)
told = [parts_of(random_trajectory(rng, WHOLE), WHOLE, rng) for _ in range(24 if PROFILE == "cpu" else 4)]


# %%
def moved(parts, **by):
    """What puts positions by another rule into a batch; all of them 0 without parts."""
    return lambda batch: replace(batch, position=other(parts, **by)[batch.slot] if parts else 0 * batch.slot)


neighbours = zip(told, told[1:] + told[:1], strict=True)
WAYS = {
    "its own pictures": [of_pictures(parts) for parts in told],
    "baseline: words alone": [of_pictures(dropped(parts, Have | Look)) for parts in told],
    "seen ones dropped": [of_pictures(dropped(parts, Look)) for parts in told],
    "control: another's pictures": [of_pictures(exchanged(*pair)) for pair in neighbours],
    "noised picture moves on by 1": [of_pictures(parts, moved(parts, draw=1)) for parts in told],
    "each patch its own position": [of_pictures(parts, moved(parts, spread=True)) for parts in told],
    "every token at position 0": [of_pictures(parts, moved(None)) for parts in told],
}
drawing, axis = plt.subplots(figsize=(8, 3))
for row, values in enumerate(WAYS.values()):
    axis.plot(values, [row] * len(values), "o", color="#0072B2", alpha=0.35, ms=4)
    axis.plot(np.mean(values), row, "D", color="#D55E00", ms=7)
    axis.text(np.mean(values), row - 0.25, f"{np.mean(values):.3f}", ha="center", size=8)
axis.set(yticks=range(len(WAYS)), yticklabels=WAYS, xlabel="loss of the words said of pictures, nats a word")
axis.set_ylim(6.6, -0.9)
means = ", ".join(f"{way} {np.mean(values):.3f}" for way, values in WAYS.items())
figure(drawing, alt=f"Dots: one trajectory each; diamonds: means. {means}.")


# %% [markdown] tags=["instructor"]
# **For the instructor.** Let the class argue which of the two comparisons is fairer before they look: taking the
# pictures away, or exchanging them. A usual mistake is to read a bright patch in the next figure as proof.
# Cover the picture, ask what the word needs to know, and only then show where it looks. Short of time: leave
# out the next figure; 5.7 does not need it.

# %%
from mini_model.model.looking import attention_of

plan = next(i for i, part in enumerate(parts) if isinstance(parts[i - 1], Look) and "<ins>" in part.text)
saying = faces(parts[plan])[1:-1]  # the first text that has a picture before it and a plan in it
start, first = sum(len(ids_in(part)) for part in parts[:plan]), saying.index("<ins>")


def looking(layer):
    """(words, 16): how much the text, as it chooses each word, looks at the patches of its picture."""
    weights = attention_of(model, batch_of([parts]), layer).mean(0)  # the mean of its heads
    return weights[start : start + len(saying), start - 17 : start - 1]


layers = range(len(model.language_model.model.layers))
most = max(layers, key=lambda layer: looking(layer)[first:].sum().item())
looks = looking(most)
for name, part in (("reflection", looks[:first]), ("plan", looks[first:])):
    print(f"{name:10} {part.sum(1).mean():.0%} of a word's attention is on the seen picture")
words, weights = saying[first:], looks[first:].reshape(-1, 4, 4)
attention_explorer(words, weights, parts[plan - 1].picture, layer=f"layer {most + 1}, mean of its heads")

# %% [markdown]
# The printed shares compare the two texts. Attention shows where a word *may* get its news; that it needs them,
# the control shows.
#
# A wrong rule that costs nothing here may still be wrong: with several noised copies of a picture in one row,
# each would push the words behind it further away than in painting.
#
# ## 5.7 Train with it, and break it on purpose
#
# The *base* model knows pictures and captions, but not painting in steps. We train it briefly on your rows; then
# once more with the usual mistake: labels not shifted by one.
#
# **Predict:** whose loss of words falls, and what will either model write?


# %%
STEPS, AT_ONCE = ((80, 40), 4) if PROFILE == "cpu" else ((3, 2), 1)


def trained(steps, change=lambda batch: batch):
    """The base model after some steps on a few fresh trajectories each; and its loss of words on the way."""
    learner = UnifiedModel.from_pretrained("data_samples/weights/base").train()
    optimizer = torch.optim.AdamW(learner.parameters(), 1e-3, betas=(0.9, 0.95), weight_decay=0.0)
    warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
    mix, log = replace(WHOLE, slips=0), []
    for step in range(steps):
        rng = np.random.default_rng((5, step))
        samples = [parts_of(random_trajectory(rng, mix), mix, rng) for _ in range(AT_ONCE)]
        loss = learner(change(batch_of(samples, learner, seed=step, shake=0.2)))
        loss.total().backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        warm.step()
        optimizer.zero_grad()
        log.append(loss.ce.detach().mean().item())
    return learner.eval(), np.array(log)


def not_shifted(batch):
    return replace(batch, ce_labels=batch.text_ids[batch.ce_at])


# %%
def first_words(learner, prompt):
    """What the model writes first, and whether it would draw after it."""
    cache = Cache.empty(1)
    feed(learner, cache, [[Text(ids_of(tokenizer, PREFIX + prompt))]], MARKS)
    wrote = write(learner, cache, MARKS, 40, greedy)
    return text_of(tokenizer, wrote.ids[0]), wrote.then[0] == MARKS.picture_start


PROMPT = "a photo of a red star left of a blue house"
made = {"base": trained(0), "trained": trained(STEPS[0]), "not shifted": trained(STEPS[1], not_shifted)}
spoken = {name: first_words(learner, PROMPT) for name, (learner, _) in made.items()}
drawing, axis = plt.subplots(figsize=(8, 2.8))
for name, style, color in (("trained", "-", "#0072B2"), ("not shifted", "--", "#D55E00")):
    axis.plot(made[name][1], style, color=color, label=f"{name}: {made[name][1][-1]:.2f} at the end")
axis.set(xlabel="step", ylabel="loss of words, nats", yscale="log")
axis.legend()
display(figure(drawing, alt=f"Loss of words by step: {', '.join(axis.get_legend_handles_labels()[1])}."))
for name, (text, draws) in spoken.items():
    print(f"{name:12} {text[:100]} {'[draws]' if draws else '[ends]'}")
strip(Painter(made["trained"][0], seed=3, settings=Settings(max_rounds=4, words=60)).trajectory(PROMPT))

# %% [markdown] tags=["quiz"]
# The first model has the form of painting in steps; whether its plans are right takes longer. The second learnt
# what it was asked: to name the token it sees. No loss tells you that a question was wrong; what the model
# writes does.
#
# ## 5.8 Three questions
# Click a choice to see the reason.
#
# 1. Why does a drawn picture enter the row noised *and* clean?
#    - [ ] Two copies are twice the practice. :: Only the noised copy carries a loss.
#    - [x] Drawing is learnt on the noised one; what follows builds on a finished picture. :: Yes, as in
#      painting, where the noise is gone by then.
#    - [ ] The vision encoder needs clean latents. :: It reads pixels: the seen copy.
# 2. The loss of words falls to nearly nothing, yet the model repeats one mark. Where do you look first?
#    - [ ] At the learning rate. :: Too high a rate makes losses rise or jump.
#    - [x] At the labels: are they shifted? :: Yes, unshifted labels are answered by copying.
#    - [ ] At the amount of data. :: With too little it would repeat learnt sentences.
# 3. Without pictures the loss of reflections is higher. What does that alone show?
#    - [ ] That the model looks at pictures. :: Not alone: such a task is strange to it anyway.
#    - [x] Little; another trajectory's pictures are the fairer test. :: Yes, there only the content is
#      wrong.
#    - [ ] That words are harder than pictures. :: Their losses have different units.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Closing question: what in this row would change if the model could also hear?

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# * a packed row of 36,864 tokens, its padding as one more sample:
#   [`data/dataset_base.py`, lines 197 to 202](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/data/dataset_base.py#L197-L202);
# * a text and its labels:
#   [lines 326 to 344](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/data/dataset_base.py#L326-L344).
#   n words become ids (n + 2,), labels (n + 1,), and the switch only if a sample asks for it;
# * latents, their one position, and noise that does not count:
#   [lines 404 to 458](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/data/dataset_base.py#L404-L458).
#   At 1024 pixels a picture is 4096 tokens of 64 numbers; noised, clean, and seen at 980 pixels (4900 patches)
#   it takes 13,098 tokens with marks, and moves the position on by 2;
# * patchify:
#   [`data/data_utils.py`, lines 43 to 50](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/data/data_utils.py#L43-L50).
#   (3, 980, 980) becomes (4900, 588).
#
# ## What you have
#
# Trajectories in rows, with slots, positions and labels by your own functions; a measured answer to whether
# reflections look; a model that learnt the form of planning from your rows. The library's versions are in
# `mini_model/model/sequence.py` and `mini_model/training/assemble.py`, the terms in the
# [glossary of the course](../lessons/glossary.md).
#
# Read on: [BAGEL's paper](https://arxiv.org/abs/2505.14683) ·
# [Transfusion, one transformer for both](https://arxiv.org/abs/2408.11039) ·
# [packing pictures of any size, NaViT](https://arxiv.org/abs/2307.06304)

# %% tags=["verify"]
mean = {way: np.mean(values) for way, values in WAYS.items()}
assert all(torch.equal(mine, theirs) for mine, theirs in zip(learnt(parts), laid_out(parts)[1:], strict=True))
assert any(step.refinement for step in story.steps), "the story of 5.1 holds a wrong draft"
assert torch.equal(positions_of(parts), position) and len(words) == len(weights)
assert list(spoken) == list(made) and [len(log) for _, log in made.values()] == [0, *STEPS]
if PROFILE == "cpu":
    assert mean["its own pictures"] < min(mean["baseline: words alone"], mean["control: another's pictures"])
    for name in ("trained", "not shifted"):
        assert made[name][1][-5:].mean() < made[name][1][:5].mean() / 3, name
    assert spoken["trained"][0].startswith("<ins>") and spoken["trained"][1]
    assert "<ins>" not in spoken["base"][0] + spoken["not shifted"][0]
