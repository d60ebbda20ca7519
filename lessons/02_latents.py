# %% [markdown]
# # 2. Squeeze a picture into latents, and unfold it again
#
# Painting pixel by pixel is much work for details that nobody looks at. So pictures are squeezed into few
# numbers, their *latents*, and the model paints those. An *autoencoder* is two networks: the *encoder*
# squeezes, the *decoder* unfolds.
#
# **You will be able to show** how many things of a picture survive a trip through 512 numbers, with an
# autoencoder that you trained and with simpler ways.
#
# **Before this:** lesson 1, and first steps in PyTorch. **Your time:** about 60 minutes.
# **Machine time:** {minutes}, {memory} of memory, measured on {machine}.

# %% tags=["parameters"]
PROFILE = "cpu"  # "smoke" runs the same cells with fewer training steps and fewer pictures

# %%
import os
import sys
from pathlib import Path

TOP = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "mini_model").is_dir())
os.chdir(TOP)  # the kit's top folder, wherever this notebook lies
sys.path.insert(0, str(TOP))

# %%
import json
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn.functional import adaptive_avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

from mini_model.data.scenes import random_scene, random_scenes
from mini_model.model.autoencoder import Autoencoder, AutoencoderConfig
from mini_model.model.checkpoint import AUTOENCODER, load_autoencoder
from mini_model.model.pictures import to_picture, to_pixels
from mini_model.show import figure
from mini_model.show.draw import font
from mini_model.teach.asking import ask
from mini_model.teach.check import check
from mini_model.training import autoencoder as training
from mini_model.training.autoencoder import KL_WEIGHT, L1_WEIGHT, AutoencoderStage
from mini_model.training.profiles import profile_of
from mini_model.world.judge import see
from mini_model.world.render import render

# %% [markdown]
# ## 2.1 A picture first
#
# A picture is 3 · 64 · 64 = 12,288 numbers. The *shipped* encoder (the kit's own) makes 8 by 8 *cells* of
# it with 8 numbers each: 512, 24 times fewer. The first numbers of all cells are the first of eight
# *channels*. Each is shown as a small grey map.
#
# **Predict:** will you recognise the things in the grey maps?


# %%
def contact(rows, alt, heads=()):
    """rows: {label: pictures (3, 64, 64) or grey maps (8, 8)}; one line of the sheet each."""
    step, left, top = 134, 160, 26 if heads else 0
    page = Image.new("RGB", (left + step * max(map(len, rows.values())), top + step * len(rows)), "white")
    pen = ImageDraw.Draw(page)
    for right, head in enumerate(heads):
        pen.text((left + step * right + 64, top // 2), head, "black", font(8), "mm")
    for down, (label, drawn) in enumerate(rows.items()):
        pen.text((left - 10, top + step * down + 64), label, "black", font(8), "rm")
        for right, what in enumerate(drawn):
            what = what if what.ndim == 3 else torch.kron(what / 3, torch.ones(3, 8, 8))  # white: 3 or more
            drawing = to_picture(what).resize((128, 128), Image.Resampling.NEAREST)
            page.paste(drawing, (left + step * right, top + step * down))
    return figure(page, alt=alt)


def pixels_of(scenes):
    return torch.stack([to_pixels(render(scene)) for scene in scenes])


folder = Path("data_samples/weights/autoencoder")
shipped = Autoencoder(AutoencoderConfig.from_dict(json.loads((folder / "ae_config.json").read_text())))
load_autoencoder(shipped.requires_grad_(False), folder / AUTOENCODER)

# %%
EXAM = random_scenes(np.random.default_rng(7), 200 if PROFILE == "cpu" else 24)  # never used for training
exam = pixels_of(EXAM)
full = [place for place, scene in enumerate(EXAM) if len(scene.things) > 4][:4]  # four full ones to look at
FULL = [EXAM[place] for place in full]


def survival(pictures, scenes=EXAM):
    """The share of the scenes' things that the judge finds again, be it a pixel off its place."""
    found = 0
    for scene, picture in zip(scenes, pictures, strict=False):
        seen = see(np.asarray(to_picture(picture)))
        found += len(set.intersection(*({replace(t, nudge=(0, 0)) for t in s.things} for s in (scene, seen))))
    return found / sum(len(scene.things) for scene in scenes[: len(pictures)])


latents, bare = shipped.encode(exam[full]), pixels_of([replace(scene, things=()) for scene in FULL])
back, far = shipped.decode(latents), (latents - shipped.encode(bare)).abs().mean(1)
under = adaptive_avg_pool2d((exam[full] != bare).any(1).float(), 8) > 0  # cells where something stands
contact(
    {f"picture {n}": [exam[place], *latents[n - 1], back[n - 1]] for n, place in enumerate(full[:3], 1)},
    heads=["original", *(f"map {n}" for n in range(1, 9)), "back"],
    alt="Three pictures, each with eight grey maps of 8 by 8 cells and the picture that comes back. Numbers "
    f"differ from those of an empty page by {far[under].mean():.2f} where a thing stands, elsewhere by "
    f"{far[~under].mean():.2f}. The judge finds {survival(back[:3], FULL):.0%} of the things again.",
)

# %% [markdown] tags=["instructor"]
# **For the instructor.** On the board: an hourglass, 12,288 numbers above, 512 in the neck, 12,288 below.
# The usual mistake is to take the latents for a small picture. They are a code that this one decoder can
# read; ask whether the decoder of 2.4 could read the shipped one's.

# %% [markdown]
# The maps change where things stand; what stands there is told in a code of the network's own.
#
# ## 2.2 Exercise: a point in the cloud (10 min, ●○○)
#
# For each latent the encoder gives no single number but a small cloud: the *mean* is its middle, the
# *log-variance* says how wide. Variance is the square of the *spread* s (standard deviation), so
# log-variance is 2 · log s. A logarithm may be any number, which suits a network.
#
# In training the decoder gets a random point of each cloud and so learns to bear small errors. Make it
# out of *given* noise: then the *gradient*, the slope of the error that training follows, reaches mean and
# log-variance through plain arithmetic.
#
# **Predict:** which log-variance belongs to a spread of 1?


# %% tags=["exercise"]
def sample(mean, log_variance, noise):
    """mean, log_variance: (B, C, h, w) what the encoder says of each latent.
    noise: (B, C, h, w) with mean 0 and spread 1. Returns (B, C, h, w): one point of each cloud.
    """
    # your turn: the spread from the log-variance, then stretch the noise and move it
    # >>> solution
    return mean + torch.exp(0.5 * log_variance) * noise
    # <<< solution


# %% [markdown] tags=["hints"]
# sample
# 1. Mean 5, spread 2, noise -1: where is the point?
# 2. Noise times spread has that spread; plus the mean, it lies around the mean.
# 3. From log-variance = 2 · log s follows s = `torch.exp(0.5 * log_variance)`.


# %% tags=["check"]
def library_sample(mean, log_variance, noise):  # the library's own line, without its network
    given = SimpleNamespace(moments=lambda both: both, scaled=lambda point: point)
    return Autoencoder.encode(given, torch.cat([mean, log_variance], dim=1), noise)


mean, log_variance, noise = torch.randn(3, 2, 4, 3, 3)
cases = [
    ((0 * mean, 0 * mean, noise), "Mean 0 and log-variance 0, that is spread 1: the noise itself."),
    ((mean, 0 * mean - 20, noise), "Here the cloud is tiny: the answer lies close to the mean."),
    ((mean, log_variance, noise), "Each latent has its own mean and its own spread."),
]
mistakes = {
    "That is the variance, not the spread: halve the logarithm first.": lambda m, v, n: m + v.exp() * n,
    "The logarithm is still there: exp takes it away.": lambda m, v, n: m + 0.5 * v * n,
    "The root of a logarithm: exp comes first, and half of it is the root.": lambda m, v, n: m + v.sqrt() * n,
    "The mean is missing: all clouds lie around 0.": lambda m, v, n: (0.5 * v).exp() * n,
    "Fresh noise: use the noise that is given.": lambda m, v, n: m + (0.5 * v).exp() * torch.randn_like(m),
    "The spread is added, not multiplied: it moves the cloud.": lambda m, v, n: m + (0.5 * v).exp() + n,
    "Upside down: wide clouds come out narrow.": lambda m, v, n: m + (-0.5 * v).exp() * n,
}
my_sample, sample = sample, check("sample", sample, library_sample, cases, mistakes)

# %%
mean, log_variance = shipped.moments(exam[full]).chunk(2, dim=1)  # what the encoder says
spread = torch.exp(0.5 * log_variance)
print(f"spread of all means {mean.std():.2f}, of one cloud on average {spread.mean():.3f}")
mean, log_variance = mean[:2], log_variance[:2]  # two pictures are enough to look at
noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))


def from_clouds(function, times):
    """Two pictures, each cloud so many times as wide as it is; grey where the function gives no latents."""
    point = ask(function, (mean, log_variance + 2 * np.log(times), noise)).value
    if not isinstance(point, torch.Tensor) or point.shape != mean.shape:
        return torch.full((2, 3, 64, 64), 0.8)
    return shipped.decode(shipped.scaled(point.float().nan_to_num()))  # what `scaled` does comes in 2.5


by = {times: [from_clouds(each, times) for each in (my_sample, library_sample)] for times in (1, 10, 20, 40)}
contact(
    {f"cloud × {times}": [*own, *expected] for times, (own, expected) in by.items()},
    heads=["yours", "yours", "expected", "expected"],
    alt="Two pictures decoded from points of their clouds, beside the expected ones, which they "
    f"{'equal' if sample is my_sample else 'do not equal'}. Of the things in these the judge finds "
    + ", ".join(f"{survival(made, FULL):.0%} at cloud × {times}" for times, (_, made) in by.items())
    + ".",
)

# %% [markdown]
# Good clouds are narrow beside the spread of all means, and a good decoder bears wider ones: *painted*
# latents are never perfect.
#
# ## 2.3 Exercise: how far from plain noise? (10 min, ●●○)
#
# Left alone, the encoder would shrink its clouds to points, which unfold best, and put them anywhere. The
# *loss*, the number that training lowers, has a price for that, the *KL term* (Kullback and Leibler): how far
# a cloud is from plain noise of mean 0 and variance 1. For one latent
#
# KL = ½ (mean² + variance - 1 - log-variance)
#
# which is 0 for plain noise, positive for all else. Take its average over all latents of all pictures.
#
# **Predict:** at mean 0, which costs more, a spread of ½ or of 2?


# %% tags=["exercise"]
def kl_to_noise(mean, log_variance):
    """mean, log_variance: (B, C, h, w) what the encoder says of each latent.
    Returns the average KL of a latent, as a tensor of shape (), so that a gradient can flow.
    """
    # your turn: the formula for all latents at once, then the average
    # >>> solution
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
    # <<< solution


# %% [markdown] tags=["hints"]
# kl_to_noise
# 1. By hand first: what is it at mean 1, log-variance 0?
# 2. Write the formula with whole tensors; the variance is `log_variance.exp()`.
# 3. `.mean()` over everything comes last.


# %% tags=["check"]
def textbook(mean, log_variance):
    return training.kl_to_noise(mean, log_variance)


m, v = torch.randn(2, 2, 4, 3, 3)
cases = [
    ((0 * m, 0 * m), "This is plain noise: no distance at all."),
    ((0 * m, 0 * m - 4), "A narrow cloud around 0 has its price."),
    ((m, 0 * m), "Here only the mean is off: half of its square."),
    ((m, v), "All terms at once."),
]
mistakes = {
    "Summed, not averaged: larger pictures would weigh more.": lambda m, v: m.numel() * textbook(m, v),
    "Summed over channels: the average goes over all latents.": lambda m, v: m.shape[1] * textbook(m, v),
    "Not averaged yet: one number is asked for.": lambda m, v: 0.5 * (m**2 + v.exp() - 1 - v),
    "The sign is turned: training would flee from noise.": lambda m, v: -textbook(m, v),
    "The half is missing.": lambda m, v: 2 * textbook(m, v),
    "The 1 is missing, so plain noise has a price.": lambda m, v: textbook(m, v) + 0.5,
    "The mean is not squared: a negative one would pay.": lambda m, v: textbook(0 * m, v) + m.mean() / 2,
    "The variance is exp of its logarithm.": lambda m, v: textbook(m, 0 * v) - 0.5,
}
kl_to_noise = check("kl_to_noise", kl_to_noise, textbook, cases, mistakes)
for spread in (0.5, 1.0, 2.0):
    price = kl_to_noise(torch.zeros(1), torch.tensor([2 * np.log(spread)]))
    print(f"mean 0, spread {spread}: KL {price:.3f}")

# %% [markdown] tags=["instructor"]
# **For the instructor.** Have the class work out both prices of the prediction by hand: variance ¼ gives
# ½ (¼ - 1 + log 4), variance 4 gives ½ (4 - 1 - log 4). Then ask what the decoder would like best (no
# noise at all), and what the KL term would like best (no picture at all). The weight between them is the
# only dial.

# %% [markdown]
# Spread 2 costs more: the variance adds 3, its logarithm takes off only log 4.
#
# ## 2.4 Use it: train your own
#
# Each step renders eight new pictures, squeezes them, unfolds a point of each cloud, and lowers
#
# squared error + 0.1 · absolute error + 0.0001 · KL
#
# **Predict:** what comes back first, the place of a thing, its colour, or its outline?


# %%
def train(model, steps, kl_weight=KL_WEIGHT, rate=3e-3, watch=()):
    """Trains a model in place. Returns the pictures that came back at the steps in `watch`."""
    dice, chance, sheets = np.random.default_rng(1), torch.Generator().manual_seed(1), {}
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.05)
    for step in range(1, steps + 1):
        pixels = pixels_of([random_scene(dice, 6) for _ in range(8)])
        mean, log_variance = model.moments(pixels).chunk(2, dim=1)
        log_variance = log_variance.clamp(-12, 5)  # a fence, for the first steps
        noise = torch.randn(mean.shape, generator=chance)
        error = model.decode(model.scaled(sample(mean, log_variance, noise))) - pixels
        squared, distance = error.pow(2).mean(), kl_to_noise(mean, log_variance)
        loss = squared + L1_WEIGHT * error.abs().mean() + kl_weight * distance  # absolute: sharp edges
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step in watch:
            print(f"step {step:4}  squared error {squared.item():.4f}  KL {distance.item():.2f}")
            with torch.no_grad():
                sheets[f"step {step}"] = model.decode(model.encode(exam[full]))  # no noise: the mean
    return sheets


# %%
STEPS = 1200 if PROFILE == "cpu" else 30
torch.manual_seed(0)
yours = Autoencoder(AutoencoderConfig(stem=8, ch_mult=(1,)))  # the shipped one's size
print(f"{sum(weight.numel() for weight in yours.parameters()):,} weights")
# the KL may rise on the way: its weight is small
sheets = train(yours, STEPS, watch=[STEPS * share // 60 for share in (2, 5, 15, 30, 60)])
contact(
    {"originals": exam[full], **sheets},
    alt="Four originals above; below, what came back as training went on. Of their things the judge finds "
    + ", ".join(f"{survival(pictures, FULL):.0%} at {step}" for step, pictures in sheets.items())
    + ".",
)

# %% [markdown]
# As a rule places come first, then colours, outlines last: what fills many pixels saves most error.
#
# ## 2.5 Exercise: the scale of latents (10 min, ●○○)
#
# Lesson 3 mixes latents with noise, x = (1 - t) · latents + t · noise, and learns the way back.
# Noise has mean 0 and spread 1, and the latents should too: much larger ones would hide the noise, much
# smaller ones drown in it. The KL term only leans that way. So after training two numbers are measured, one
# pair for all channels:
#
# scaled = (latents - *shift factor*) · *scale factor*
#
# **Predict** both for latents around 2 with a spread of 4.


# %% tags=["exercise"]
def shift_and_scale(latents):
    """latents: (B, C, h, w) as the encoder gives them, for many pictures.
    Returns (shift, scale), two plain numbers: (latents - shift) * scale has mean 0 and spread 1.
    """
    # your turn: two measurements; `.item()` makes a plain number of a tensor
    # >>> solution
    return latents.mean().item(), 1 / latents.std().item()
    # <<< solution


# %% [markdown] tags=["hints"]
# shift_and_scale
# 1. What do you take away from numbers so that their mean becomes 0?
# 2. What is left has a spread. By what do you multiply to make it 1?
# 3. `latents.mean().item()` first, then 1 over `latents.std().item()`.


# %% tags=["check"]
def measured(latents):
    return training.shift_and_scale(latents)


drawn = torch.randn(64, 4, 8, 8, generator=torch.Generator().manual_seed(2))
uneven = drawn * torch.tensor([1.0, 2, 3, 4])[:, None, None] + torch.tensor([0.0, 3, -1, 2])[:, None, None]
cases = [
    ((3 * drawn,), "Three times too wide, so the scale is a third."),
    ((drawn / 10,), "Ten times too narrow, so the scale is 10."),
    ((drawn + 2,), "Right spread, wrong place."),
    ((uneven,), "Channels differ; still one pair for all of them."),
]
mistakes = {
    "Scale is the spread itself: wide latents need a small one.": lambda z: (z.mean().item(), z.std().item()),
    "Divided by the variance: its root is the spread.": lambda z: (z.mean().item(), 1 / z.var().item()),
    "The shift's sign: it is taken away, not added.": lambda z: (-z.mean().item(), 1 / z.std().item()),
    "Wrong way round: the shift comes first.": lambda z: measured(z)[::-1],
    "Take the mean off before you square.": lambda z: (z.mean().item(), (z**2).mean().item() ** -0.5),
    "A pair for each channel, one for all is asked for.": lambda z: (z.mean((0, 2, 3)), 1 / z.std((0, 2, 3))),
}
shift_and_scale = check("shift_and_scale", shift_and_scale, measured, cases, mistakes)
shift, scale = shift_and_scale(2 + 4 * (drawn - drawn.mean()) / drawn.std())
print(f"latents around 2 with spread 4: shift factor {shift:.2f}, scale factor {scale:.2f}")

# %% [markdown]
# ## 2.6 How much survives? Baseline and control
#
# The judge counts the things it finds again: same class, colour, size, place. Three ways without a network,
# of at most 512 numbers, are the **Baseline**:
#
# * *averages* over a grid of 13 by 13 squares;
# * *PCA of each cell* (principal component analysis): the 8 weighted sums of a cell's pixels from which it
#   comes back with least squared error;
# * *PCA of whole pictures*: the same with 512 sums of all 12,288 numbers.
#
# Three **negative controls** spoil the code: another picture's latents, cells in another order, latents twice
# too large.
#
# **Predict** the order of baselines, yours and the shipped one. Can a control beat a baseline?


# %%
yours.requires_grad_(False)
many = pixels_of(random_scenes(np.random.default_rng(8), 256 if PROFILE == "cpu" else 32))
yours.config.shift_factor, yours.config.scale_factor = shift_and_scale(yours.encode(many))  # your function
for name, config in (("yours", yours.config), ("shipped", shipped.config)):
    print(f"{name:8} shift factor {config.shift_factor:.4f}, scale factor {config.scale_factor:.4f}")
print("BAGEL    shift factor 0.1159, scale factor 0.3611")
print(f"your exam, scaled: mean {yours.encode(exam).mean():.3f}, spread {yours.encode(exam).std():.3f}")


def weighted_sums(rows, count):
    """PCA of rows (N, D): a function that sends rows through `count` numbers each and back."""
    torch.manual_seed(0)
    mean = rows.mean(0)
    best = torch.pca_lowrank(rows - mean, count, center=False)[2]
    return lambda rows: mean + (rows - mean) @ best @ best.T


def in_cells(pixels):
    return pixel_unshuffle(pixels, 8).movedim(1, -1)  # (B, 8, 8, 192): the pixels of each cell


known = pixels_of(random_scenes(np.random.default_rng(9), 2000 if PROFILE == "cpu" else 600))
by_cell, by_picture = weighted_sums(in_cells(known).flatten(0, 2), 8), weighted_sums(known.flatten(1), 512)

# %%
code, order = yours.encode(exam), torch.randperm(64, generator=torch.Generator().manual_seed(0))
returned = {
    "averages": interpolate(adaptive_avg_pool2d(exam, 13), size=64, mode="bicubic"),
    "PCA of each cell": pixel_shuffle(by_cell(in_cells(exam)).movedim(-1, 1), 8),
    "PCA of pictures": by_picture(exam.flatten(1)).view_as(exam),
    "yours": yours.decode(code),
    "shipped": shipped.decode(shipped.encode(exam)),
    "another picture's": yours.decode(code.roll(1, dims=0)),
    "cells reordered": yours.decode(code.flatten(2)[..., order].view_as(code)),
    "twice too large": yours.decode(2 * code),
}
survived = {name: survival(pictures) for name, pictures in {"originals": exam, **returned}.items()}
for name, share in survived.items():
    print(f"{name:18} {share:6.1%} of the things")
best = max(("another picture's", "cells reordered", "twice too large"), key=survived.get)
print(f"of the three controls most is left by: {best}, {survived[best]:.1%}")
contact(
    {"originals": exam[full], **{name: pictures[full] for name, pictures in returned.items()}},
    alt="Four originals and what came back by each way. Of all things of the exam the judge finds again: "
    + ", ".join(f"{name} {share:.0%}" for name, share in survived.items())
    + ".",
)

# %% [markdown] tags=["instructor"]
# **For the instructor.** Ask who is surprised by PCA of whole pictures, and why it was worth reporting: a
# claim ("it takes a network") got smaller and truer. A wrong reading to expect: "the shipped code is
# better than mine". Ask what must be held equal to say that (steps, pictures, weights).

# %% [markdown]
# Latents twice too large still belong to the picture: shapes may stay, colours grow too strong.
#
# PCA of whole pictures may win in a world this small. But it takes 6 million weights, at BAGEL's size 800
# billion, and its numbers belong to no place, while a cell can become a token. The fair rival is PCA of each
# cell; a network also looks at the neighbours.
#
# ## 2.7 Between two pictures
#
# Halfway between two pictures, pixel by pixel, lies a double exposure. **Predict:** and between their
# latents?

# %% [markdown] tags=["instructor"]
# **For the instructor.** Short of time? Leave out 2.7 and say its last sentence: the autoencoder does not
# know which latents are pictures.

# %%
one, other = exam[full[:1]], exam[full[1:2]]
ways = [step / 6 for step in range(7)]
mixed = torch.cat([(1 - way) * one + way * other for way in ways])
between = [(1 - way) * shipped.encode(one) + way * shipped.encode(other) for way in ways]
rows = {"pixels mixed": mixed, "latents mixed": shipped.decode(torch.cat(between))}
half = {name: [survival(row[3:4], [scene]) for scene in FULL[:2]] for name, row in rows.items()}
told = "; ".join(f"{name} {a:.0%} of the first's, {b:.0%} of the other's" for name, (a, b) in half.items())
contact(
    rows,
    heads=[f"{way:.2f}" for way in ways],
    alt=f"From one picture to another in seven steps. Half-way the judge finds of the things: {told}.",
)

# %% [markdown]
# The middle is hardly a picture of this world, either way. The autoencoder does not know which latents *are*
# pictures; the model of lesson 3 learns that.
#
# ## 2.8 Break it on purpose: the weight of KL
#
# Four copies of yours learn on, each with another KL weight.
#
# **Predict** for weights 0 and 1: what becomes of clouds and pictures?

# %%
kept, sheets = {}, {}
for weight in (0.0, KL_WEIGHT, 0.1, 1.0):
    model, name = deepcopy(yours).requires_grad_(True), f"weight {weight:g}"
    train(model, STEPS // 10, kl_weight=weight, rate=1e-3)
    with torch.no_grad():
        mean, log_variance = model.moments(exam).chunk(2, dim=1)
        back = model.decode(model.encode(exam))
    cloud = torch.exp(0.5 * log_variance).mean() / mean.std()
    kept[name], sheets[name] = (cloud.item(), survival(back)), back[full]
    print(f"{name:13} spread of a cloud / of latents {kept[name][0]:.3f}, things found {kept[name][1]:.1%}")
contact(
    {"originals": exam[full], **sheets},
    alt="Four originals, and what comes back after training on. Of all the exam's things the judge finds: "
    + ", ".join(f"{name}: {share:.0%}" for name, (_, share) in kept.items())
    + ".",
)

# %% [markdown]
# At a large weight the clouds grow wider than the latents' own spread: they overlap, and the decoder cannot
# tell pictures apart. At weight 0 they shrink to points, and nothing holds the latents near 0.
#
# ## 2.9 Break it again: the wrong scale
#
# Shipped latents are mixed with noise as in 2.5, then divided by 1 - t and unfolded: a rough look at what
# a painter sees at time t. Then latents 8 times too large or small, set right again at the end.
#
# **Predict:** at which t does the judge lose things, in each case?

# %%
TIMES, few = (0.05, 0.2, 0.5, 0.8, 0.95), exam[: 60 if PROFILE == "cpu" else 8]
noise = torch.randn(shipped.encode(few).shape, generator=torch.Generator().manual_seed(3))
sheets, readable = {}, {}
for name, size in (("right scale", 1.0), ("8 times too large", 8.0), ("8 times too small", 1 / 8)):
    mixed = [(1 - t) * size * shipped.encode(few) + t * noise for t in TIMES]
    made_out = [shipped.decode(x / (1 - t) / size) for x, t in zip(mixed, TIMES, strict=True)]  # noise stays
    sheets[name] = [pictures[full[0]] for pictures in made_out]
    readable[name] = [survival(pictures) for pictures in made_out]
    print(f"{name:18} things found:", "  ".join(f"{share:4.0%}" for share in readable[name]))
contact(
    sheets,
    heads=[f"t = {t:g}" for t in TIMES],
    alt="One picture at five times, in three scales. Things that the judge finds in all pictures: "
    + "; ".join(f"{name} {', '.join(f'{share:.0%}' for share in row)}" for name, row in readable.items())
    + ".",
)

# %% [markdown] tags=["quiz"]
# At the right scale things are lost midway; too large, only near t = 1; too small, already near t = 0.
#
# ## Quiz
# Click a choice to see the reason.
#
# 1. A painter's houses have no doors. Rendered houses, squeezed and unfolded, lose theirs too. Where do
#    you look?
#    - [x] At the autoencoder. :: No painter is better than what the decoder can unfold.
#    - [ ] At the model that paints latents. :: It had no hand in the rendered houses.
#    - [ ] At the scale of the latents. :: A wrong scale would spoil more than doors.
# 2. Latents have a spread of 3, and nobody measured it. What does the painter see at t = 0.5?
#    - [ ] Mostly noise. :: The noise has only a third of the latents' spread.
#    - [x] The picture, rather clear. :: So all is decided very near t = 1, in few steps.
#    - [ ] The same as ever, networks adapt. :: The mixture itself is another one.
# 3. A colleague's squared error is half of yours, with a KL weight of 0. What follows?
#    - [ ] Hers is the better one. :: For painting, latents must also bear noise.
#    - [ ] Hers is worse. :: It may be as good; the error alone does not tell.
#    - [x] Little: shake the latents and count things. :: Painted latents are never perfect.

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# BAGEL takes the autoencoder of FLUX, another image model, so no KL term stands in its code. A picture
# (3, 1024, 1024) becomes (32, 128, 128): 16 channels of means and 16 of log-variances.
#
# * `sample`:
#   [`autoencoder.py`, lines 275 to 287](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/autoencoder.py#L275-L287);
# * shift and scale, both ways:
#   [lines 315 to 322](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/autoencoder.py#L315-L322),
#   and all sizes:
#   [lines 339 to 351](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/autoencoder.py#L339-L351).
#   3,145,728 numbers become 262,144;
# * into tokens:
#   [`bagel.py`, lines 184 to 187](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/bagel.py#L184-L187).
#   2 by 2 cells make a token: 4096 tokens of 64 numbers. Here it is 16 tokens of 32.
#
# ## What you have
#
# You have trained an autoencoder with your own `sample`, `kl_to_noise` and `shift_and_scale`, compared it
# with ways that need no network, and seen what a wrong weight or scale costs. Every term:
# [glossary of the course](../lessons/glossary.md).
#
# Read on: [variational autoencoders](https://arxiv.org/abs/1312.6114) ·
# [latent diffusion](https://arxiv.org/abs/2112.10752) ·
# [FLUX](https://github.com/black-forest-labs/flux)

# %% [markdown] tags=["instructor"]
# **For the instructor.** Closing question: which faults of a painted picture can no training of the painter
# mend? (Those that a squeezed and unfolded picture has as well.)

# %% tags=["verify"]
stage = AutoencoderStage(deepcopy(yours), profile_of("autoencoder", "smoke"))
with torch.no_grad():
    mean, log_variance = yours.moments(few).chunk(2, dim=1)
    library = stage.loss((few, torch.zeros_like(mean)))[1]["kl"]
assert abs(library - kl_to_noise(mean, log_variance.clamp(-12, 5)).item()) < 1e-4 * library
assert abs(yours.encode(many).mean()) < 1e-3 and abs(yours.encode(many).std() - 1) < 1e-3
assert survived["originals"] == 1 and survived["shipped"] > 0.95
assert readable["8 times too small"][1] < readable["right scale"][1] <= readable["8 times too large"][1]
assert max(survived[name] for name in ("another picture's", "cells reordered")) < 0.1
if PROFILE == "cpu":
    assert survived["yours"] > survived["PCA of each cell"] > survived["averages"]
    assert kept["weight 0"][0] < kept["weight 0.0001"][0] < kept["weight 0.1"][0]
    assert kept["weight 1"][1] < 0.5 * kept["weight 0"][1]
