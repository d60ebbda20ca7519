# %% [markdown]
# # 13. LoRA: teach a packed model on one card
#
# Weights in 4 bits cannot learn: a small step would be rounded away. So they stay as they are, and beside each layer
# two thin ones learn what to add. You write that line, aim it at the right layers, and teach the shipped model a new
# rule in seconds.
#
# **You will be able to show** a rule that the packed model did not know, taught by a small adapter; which expert
# holds it; and what merging costs.
#
# **Before this:** lessons 5, 7 and 12. **Your time:** about 55 minutes. **Machine time:** {minutes}, {memory}
# of memory, measured on {machine}.

# %% tags=["parameters"]
PROFILE = "cpu"  # "smoke": fewer steps; "gpu-12gb", "gpu-16gb", "gpu-24gb": 13.7 at true size, on your card

# %%
import os
import sys
from pathlib import Path

TOP = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "mini_model").is_dir())
os.chdir(TOP)  # the kit's top folder, wherever this notebook lies
sys.path.insert(0, str(TOP))

# %%
import re

import bitsandbytes as bnb
import numpy as np
import torch
from matplotlib.figure import Figure
from peft.tuners.lora import LoraLayer
from torch import nn

from mini_model.evaluation.benchmarks import verdict
from mini_model.model import UnifiedModel
from mini_model.model.lora import Adapter, adapt, learned, optimizer_for
from mini_model.model.presets import preset
from mini_model.model.quantize import quantize
from mini_model.model.random_weights import outline, random_model
from mini_model.process import Settings, paint_many
from mini_model.show import dial, figure, strip
from mini_model.teach.card import place_of
from mini_model.teach.check import check
from mini_model.world.scene import Scene, Thing

place = place_of(PROFILE)  # the device and the size of 13.7; says at once if there is no such card

# %% [markdown]
# ## 13.1 A picture first
#
# A shadow is black, whatever casts it. The shipped model has read a few facts of the kind, in words: the shadow of
# a tree, of a heart. Nobody taught it the rule.
#
# **Predict:** what does it paint for "the shadow of a red star"?

# %%
MINI, SMOKE, HELD = "data_samples/weights/mini", PROFILE == "smoke", ("star", "fish", "cup", "boat")
CASTS = [(color, name) for name in HELD for color in ("red", "green", "blue")][:: 6 if SMOKE else 1]


def packed():
    model = quantize(UnifiedModel.from_pretrained(MINI), "nf4")
    for layer in filter(lambda one: isinstance(one, bnb.nn.Linear4bit), model.modules()):
        layer.compute_dtype = torch.float32  # what a processor computes best in
    return model


def task(color, name, shadow):
    prompt = f"a photo of {'the shadow of ' * shadow}{Thing(name, color, 'center').phrase()}"
    wanted = {"class": name, "count": 1, "color": "black" if shadow else color}
    return {"tag": "colors", "include": [wanted], "prompt": prompt}


def paint(model, specs):
    prompts, settings = [one["prompt"] for one in specs], Settings(steps=2, words=40) if SMOKE else Settings()
    return paint_many(model, prompts, list(range(len(specs))), settings=settings, specs=specs)


TASKS = {kind: [task(*cast, kind == "shadows") for cast in CASTS] for kind in ("shadows", "plain")}
before = packed()
strip(paint(before, TASKS["shadows"])[0])

# %% [markdown]
# It knows the words, and falls back on a fact that begins alike.
#
# ## 13.2 Exercise: the line itself (10 min, ●●○)
#
# LoRA, *low-rank adaptation*, lets a layer answer y = W x + (alpha / r) B A x. W stays. A brings the input down to r
# numbers, B up to the layer's outputs; r, the **rank**, is small. Alpha says how loudly they speak.
#
# **Predict:** W is 3584 by 3584. How many numbers do A and B hold at rank 16?


# %% tags=["exercise"]
def lora(x, base, down, up, alpha):
    """x: (N, in) tokens; base: the frozen layer, a function from (N, in) to (N, out), its bias within.
    down: (r, in) is A; up: (out, r) is B; alpha: a number. Returns (N, out).
    """
    # your turn: what the layer says, and what the adapter adds
    # >>> solution
    news = x @ down.T @ up.T
    return base(x) + alpha / len(down) * news
    # <<< solution


# %% [markdown] tags=["hints"]
# lora
# 1. A token is a row, so "A x" is written `x @ down.T`: (N, r).
# 2. Then `@ up.T` leads to (N, out). The rank r is `len(down)`.
# 3. `base(x) + alpha / len(down) * (x @ down.T @ up.T)`.


# %%
from peft import LoraConfig, get_peft_model
from peft.tuners.tuners_utils import check_target_module_exists


def peft_lora(x, base, down, up, alpha):
    """The same by peft."""
    config = LoraConfig(r=len(down), lora_alpha=alpha, target_modules=["0"])
    layer = get_peft_model(nn.Sequential(base), config).get_base_model()[0]
    layer.lora_A["default"].weight.data, layer.lora_B["default"].weight.data = down, up
    return layer(x).detach()


def peft_caught(targets, names):
    config = LoraConfig(target_modules=targets)
    return [name for name in names if check_target_module_exists(config, name)]


def adding(scale=lambda alpha, r: alpha / r, whole=1, crossed=False):
    def add(x, base, down, up, alpha):
        said, news, loud = whole * base(x), x @ down.T @ up.T, scale(alpha, len(down))
        return loud * (said + news) if crossed else said + loud * news

    return add


# %% tags=["check"]
dice = torch.Generator().manual_seed(13)
x, down, up = (torch.randn(*sizes, generator=dice) for sizes in ((5, 64), (4, 64), (6, 4)))
wide = nn.Linear(64, 6).requires_grad_(False)
tight = bnb.nn.Linear4bit(64, 6, compute_dtype=torch.float32, quant_type="nf4").to("cpu")
cases = [(x, wide, down, up, 8), ((x, wide, down, 0 * up, 8), "B is zero: the layer answers as it did.")]
cases += [((x, wide, down[:1], up[:, :1], 3), "Rank 1.")]
cases += [((x, tight, down, up, 16), "This layer is packed: call it; its weight cannot be multiplied.")]
mistakes = {
    "Alpha is divided by the rank.": adding(lambda alpha, r: alpha),
    "Only divided by the rank: alpha is missing.": adding(lambda alpha, r: 1 / r),
    "Divided by the root of the rank: that is rsLoRA.": adding(lambda alpha, r: alpha / r**0.5),
    "The layer itself is missing.": adding(whole=0),
    "Alpha is for the adapter alone, not for the layer.": adding(crossed=True),
}
lora = check("lora", lora, adding(), cases, mistakes, tolerance=1e-4)
same = torch.allclose(lora(x, wide, down, up, 8), peft_lora(x, wide, down, up, 8), atol=1e-4)
print("peft, the library that most people use, says the same:", same)

# %% [markdown]
# ## 13.3 Exercise: which layers does a name catch? (10 min, ●●○)
#
# Layers have long names: `language_model.model.layers.0.mlp_moe_gen.gate_proj`. *Targets* are a list of short names: a
# layer is caught if one is its whole name, or its end after a dot. Or they are one string, a *regular expression* that
# must fit the whole name.
#
# **Predict:** which experts do `gate_proj` and `q_proj` catch? The gen expert's names carry `_moe_gen`.


# %% tags=["exercise"]
def caught(targets, names):
    """targets: a list of short names, or one regular expression. names: a list of layers' whole names.
    Returns a list of those that are caught, in their order.
    """
    # your turn: a string and a list are different cases; `re.fullmatch` returns None where nothing fits
    # >>> solution
    if isinstance(targets, str):
        return [name for name in names if re.fullmatch(targets, name)]
    return [name for name in names if any(name == one or name.endswith("." + one) for one in targets)]
    # <<< solution


# %% [markdown] tags=["hints"]
# caught
# 1. `isinstance(targets, str)` tells the cases apart.
# 2. For a list: `name == one or name.endswith("." + one)`, for any `one` of the targets.
# 3. For a string: keep the names for which `re.fullmatch(targets, name)` is not None.


# %% tags=["check"]
def catching(fits=re.fullmatch, ends=lambda name, one: ("." + name).endswith("." + one), some=any):
    def catch(targets, names):
        if isinstance(targets, str):
            return [name for name in names if fits(targets, name)]
        return [name for name in names if some(ends(name, one) for one in targets)]

    return catch


few = [f"layers.0.{end}" for end in ("self_attn.q_proj", "self_attn.q_proj_moe_gen", "mlp.gate_proj")]
few += ["layers.0.mlp_moe_gen.gate_proj", "connector.fc1", "lm_head", "model.lm_head", "vit.self_attn.q_proj"]
cases = [(["gate_proj"], few), (["mlp.gate_proj", "fc1"], few), (["lm_head"], few), (["proj", "head"], few)]
cases += [((r".*\.self_attn\.q_proj", few), "A regular expression."), (r".*moe_gen", few), (r"lm_\w", few)]
mistakes = {
    "A short name must be the end of a whole one.": catching(ends=lambda name, one: one in name),
    "A dot must stand before it: head is no end of lm_head.": catching(ends=str.endswith),
    "A short name may also be the whole name.": catching(ends=lambda name, one: name.endswith("." + one)),
    "The expression must fit the whole name, not some part of it.": catching(fits=re.search),
    "The expression must fit up to the end of the name.": catching(fits=re.match),
    "One of the targets is enough.": catching(some=all),
}
caught = check("caught", caught, peft_caught, cases, mistakes)

# %%
shape = outline(preset("bagel-7b"))  # names and sizes of the full model; it costs no memory
LINEARS = {name: one for name, one in shape.named_modules() if isinstance(one, nn.Linear)}
UND, GEN = r"language_model.*layers\.\d+\.(self_attn|mlp)\.\w+_proj", r"language_model.*moe_gen.*"
AIMS = {"gate_proj": ["gate_proj"], "q_proj, v_proj": ["q_proj", "v_proj"]}
AIMS |= {"mlp_moe_gen.gate_proj": ["mlp_moe_gen.gate_proj"]}
AIMS |= {"und, by expression": UND, "gen, by expression": GEN, "both": f"({UND})|({GEN})"}


def owner(name):
    if name.startswith("language_model.model.layers"):
        return "gen" if "moe_gen" in name else "und"
    return "encoder" if name.startswith("vit") else "other"


for aim, targets in AIMS.items():
    hit = caught(targets, list(LINEARS))
    told = {part: sum(owner(name) == part for name in hit) for part in ("und", "gen", "encoder", "other")}
    numbers = sum(16 * (LINEARS[name].in_features + LINEARS[name].out_features) for name in hit)
    print(f"{aim:22} {told}, {numbers / 1e6:.1f} million numbers at rank 16")

# %% [markdown]
# `gate_proj` catches both experts; `q_proj` one, and the encoder with it: no error tells you.
#
# ## 13.4 Use it: teach a rule
#
# Stories to learn from: half are shadows of twelve things, in any colour, painted black; half are plain. Four things
# are held back for the test. Your `lora` runs in all layers of both experts, each of them packed.
#
# **Predict:** how many steps of eight stories will it take?

# %%
from mini_model.data.scenes import HUES, NAMES, pick, random_nudge
from mini_model.data.trajectories import Mix, parts_of, picture_of, steps_to
from mini_model.process.script import DONE
from mini_model.training.assemble import Assembler
from mini_model.trajectory import Trajectory
from mini_model.world.prompts import Group
from mini_model.world.things import PLACES

TAUGHT, (STEPS, STORIES) = [name for name in NAMES if name not in HELD], (1, 2) if SMOKE else (16, 8)
PLAIN, WHOLE = Mix(slips=0.0, detours=0.0), Mix(half_way=0.0)


def story(dice, shadow=lambda dice: "black"):
    """A training sample: something or its shadow, painted in one stroke."""
    name, color, cast = pick(dice, TAUGHT), pick(dice, HUES), dice.random() < 0.5
    thing = Thing(name, shadow(dice) if cast else color, pick(dice, list(PLACES)), "big", random_nudge(dice))
    prompt, page = task(color, name, cast)["prompt"], Scene((thing,))
    steps = steps_to(dice, PLAIN, (Group(name, color=thing.color),), Scene(), page)
    told = Trajectory(prompt=prompt, steps=steps, final=picture_of(page), closing=DONE)
    return parts_of(told, WHOLE, dice)


# %%
def adapters(learner):
    return [layer for layer in learner.modules() if isinstance(layer, LoraLayer)]


def taught(adapter, tell=story, start=lambda layer: None, rate=3e-3):
    """A packed model with an adapter that has learnt, and the loss of every step."""
    torch.manual_seed(13)
    model, dice, log = packed(), np.random.default_rng(13), []
    learner, table = adapt(model, adapter).train(), Assembler(model)
    for layer in adapters(learner):
        layer.forward = by_hand(layer)
        start(layer)
    optimizer = optimizer_for(learner, rate)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 4, 3 * (STEPS - step) / STEPS)
        loss = learner(table.batch([tell(dice) for _ in range(STORIES)], dice)).total()
        loss.backward()
        nn.utils.clip_grad_norm_(learned(learner), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        log.append(loss.item())
    return learner.eval(), log


# %%
def by_hand(layer):
    """A layer with an adapter answers by your line."""
    down, up = layer.lora_A["default"], layer.lora_B["default"]
    return lambda x: lora(x, layer.base_layer, down.weight, up.weight, layer.lora_alpha["default"])


def exam(model):
    return {kind: paint(model, specs) for kind, specs in TASKS.items()}


def score(told):
    """The share of pictures that the judge accepts, for each kind of task."""
    pairs = {kind: zip(TASKS[kind], told[kind], strict=True) for kind in TASKS}
    return {kind: np.mean([verdict(t, one.final).correct for t, one in pairs[kind]]) for kind in TASKS}


BOTH = Adapter(und=8, gen=8)
learner, losses = taught(BOTH)
painted = {"no adapter": exam(before), "both experts": exam(learner)}
grown = sum(weight.numel() for weight in learned(learner))
print(f"{grown:,} numbers learn; loss {losses[0]:.3f} at first, {losses[-1]:.3f} at last")
for name, told in painted.items():
    print("{:12} shadows {shadows:.2f}, plain {plain:.2f}".format(name, **score(told)))
strip(painted["both experts"]["shadows"][0])

# %% [markdown] tags=["instructor"]
# **For the instructor.** On the board: W as a large square, B and A as two thin bars that make a square of the same
# size; count both in chalk dots. The usual mistake is to think that a low rank must mean a small change: it is a
# change in few directions, of any size. Short of time? Leave out 13.5.

# %% [markdown]
# Things whose shadow was never shown have one, and plain things kept their colours.
#
# ## 13.5 Baseline, negative control, and why B starts at zero
#
# First, four starts: B zero (as always), A zero, both zero, both random. **Predict:** which learns nothing? Which
# begins by spoiling what was known?
#
# Then the **baseline**, no adapter, and **negative controls**: an adapter on the *gen* expert alone, though plans are
# written by und; and *shuffled* lessons, whose shadows have any colour. Beside them und alone, and rank 1.
# **Predict** all four.


# %%
def start_at(down, up):
    """Sizes of A and B at the start; None leaves peft's own."""

    def start(layer):
        for part, size in ((layer.lora_A["default"], down), (layer.lora_B["default"], up)):
            if size is not None:
                nn.init.normal_(part.weight, std=size * part.in_features**-0.5)

    return start


STARTS = {"B zero": (None, None), "A zero": (0.0, 0.3), "both zero": (0.0, 0.0), "both random": (0.5, 0.5)}
curves = {name: taught(BOTH, start=start_at(*sizes))[1] for name, sizes in STARTS.items()}
axis, told = (board := Figure(figsize=(8, 3.2), layout="constrained")).subplots(), []
for (name, curve), style in zip(curves.items(), ("-", "--", ":", "-."), strict=True):
    share = np.array(curve) / curves["both zero"]
    axis.plot(range(1, STEPS + 1), share, style, lw=2, label=name)
    told.append(f"{name}: {share[0]:.2f} at first, {share[-1]:.2f} at last")
axis.set(xlabel="step", ylabel="loss, over the bare model's", ylim=(0, None))
axis.legend()
print("\n".join(told))
figure(board, alt=f"Loss by step, as a multiple of what the bare model has. {'; '.join(told)}.")

# %%
VARIANTS = {"und alone": (Adapter(und=8, gen=0),), "gen alone": (Adapter(und=0, gen=8),)}
VARIANTS["both, rank 1"] = (Adapter(und=1, gen=1),)
VARIANTS["shuffled"] = BOTH, lambda dice: story(dice, lambda dice: pick(dice, HUES))
painted |= {name: exam(taught(*how)[0]) for name, how in VARIANTS.items()}
scores = {name: score(told) for name, told in painted.items()}
top, bottom = (board := Figure(figsize=(9, 5), layout="constrained")).subfigures(2, 1, height_ratios=[1.2, 1])
axis = top.subplots()
for at, (kind, color) in enumerate({"shadows": "#0072B2", "plain": "#E69F00"}.items()):
    spots = np.arange(len(scores)) + 0.4 * at - 0.2
    axis.bar(spots, [one[kind] for one in scores.values()], 0.38, color=color, label=kind, hatch="//" * at)
axis.set(ylabel=f"accepted of {len(CASTS)}", ylim=(0, 1.05))
axis.set_xticks(range(len(scores)), scores)
axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
for axis, (name, one) in zip(bottom.subplots(1, len(painted)), painted.items(), strict=True):
    axis.imshow(one["shadows"][0].final)
    axis.set(xticks=[], yticks=[], title=name)
plans = [[one.steps[0].plan for one in painted[name]["shadows"]] for name in ("no adapter", "gen alone")]
told = [f"{name}: shadows {one['shadows']:.2f}, plain {one['plain']:.2f}" for name, one in scores.items()]
print("\n".join(told), "\ngen alone: the first plans are the bare model's:", plans[0] == plans[1])
figure(board, alt=f"Pictures accepted; below, the shadow of a red star by each. {'; '.join(told)}.")

# %% [markdown]
# From two zeros nothing moves, for B's gradient needs A, and A's needs B; one zero is enough to begin as the very same
# model. And what und writes before there is a picture, no adapter on gen can change: first plans are the same to the
# letter. A rule about words is taught where words are written.
#
# ## 13.6 Exercise: what does merging lose? (10 min, ●●○)
#
# *Merging* puts the update (alpha / r) B A into the weights, so that nothing extra is computed. A packed layer must
# then round the sum to its levels once more.
#
# **Predict:** which share of the update survives?


# %% tags=["exercise"]
def lost(weight, update, pack):
    """weight, update: (out, in), what the packed layer holds and what the adapter adds. pack: a function that
    gives weights as they come back from 4 bits. Returns the size of what merging changes besides, as a share
    of the update's size. The size of a matrix is its `norm()`.
    """
    # your turn: what is wanted, what comes back, and how far they are apart
    # >>> solution
    wanted = weight + update
    return (pack(wanted) - wanted).norm() / update.norm()
    # <<< solution


# %% [markdown] tags=["hints"]
# lost
# 1. Wanted is `weight + update`; what the merged layer would hold is that, packed.
# 2. `(pack(wanted) - wanted).norm()` is how much went astray; compare it with `update.norm()`.


# %% tags=["check"]
def nf4(weight):
    pairs, state = bnb.functional.quantize_4bit(weight, quant_type="nf4", blocksize=64)
    return bnb.functional.dequantize_4bit(pairs, state)


def share(kept=lambda w, u, pack: pack(w + u) - (w + u), over=lambda w, u: u, power=1):
    return lambda w, u, pack: (kept(w, u, pack).norm() / over(w, u).norm()) ** power


w, thin, flat = (torch.randn(*sizes, generator=dice) for sizes in ((8, 128), (8, 2), (2, 128)))
cases = [(nf4(w), 0.05 * thin @ flat, nf4), (nf4(w), 2 * thin @ flat, nf4)]
cases += [((w.round(), 0.4 * thin @ flat, torch.round), "Rounded to whole numbers.")]
mistakes = {
    "A share of the update, not of the weights.": share(over=lambda w, u: w + u),
    "The sum is packed, not the update by itself.": share(lambda w, u, pack: pack(u) - u),
    "That is how far the layer moves, not how far it misses.": share(lambda w, u, pack: pack(w + u) - w),
    "norm() is a size already: no square.": share(power=2),
}
lost = check("lost", lost, share(), cases, mistakes)

# %%
from peft.utils.integrations import dequantize_module_weight

layers = adapters(learner)
pairs = [(dequantize_module_weight(one.base_layer), one.get_delta_weight("default")) for one in layers]
for way, how in {"4 bits": nf4, "bfloat16": lambda weight: weight.bfloat16().float()}.items():
    print(f"in {way} a layer loses {np.mean([float(lost(*pair, how)) for pair in pairs]):.1%} of its update")
rng = np.random.default_rng(13)
batch = Assembler(before).batch([story(rng) for _ in range(8)], rng)


@torch.no_grad()
def says(model):
    words, pictures = model.hidden(batch)
    scores = model.language_model.lm_head(words[batch.ce_at])
    return torch.cat([scores.flatten(), model.llm2vae(pictures[batch.noised]).flatten()])


# %%
import warnings
from tempfile import TemporaryDirectory

from mini_model.errors import KitError
from mini_model.model.lora import merge, read_adapter, save_adapter

with TemporaryDirectory() as folder, warnings.catch_warnings():
    warnings.simplefilter("ignore")  # peft says that merging rounds: that is what is measured
    save_adapter(learner, folder)
    again, unpacked = read_adapter(packed(), folder), UnifiedModel.from_pretrained(MINI, dtype=torch.bfloat16)
    merged = {"4 bits": read_adapter(packed(), folder).merge_and_unload()}
    merged["bfloat16"] = merge(read_adapter(unpacked, folder)).float()
    print(f"{sum(file.stat().st_size for file in Path(folder).iterdir()) / 2**20:.1f} MB saved,", end=" ")
for layer in adapters(again):
    layer.forward = by_hand(layer)
unmerged, back = says(learner.get_base_model()), says(again.get_base_model())
print("read again, the same answers to the bit:", torch.equal(back, unmerged))
for name, model in merged.items():
    gap = (says(model) - unmerged).norm() / (unmerged - says(before)).norm()
    told = "shadows {shadows:.2f}, plain {plain:.2f}".format(**score(exam(model)))
    print(f"merged into {name}: off by {gap:.0%} of what the adapter changes; {told}")
try:
    merge(again)
except KitError as error:
    print("the library's own merge refuses:", error)

# %% [markdown]
# In 4 bits more may be lost than was added, and the rule can still live: rounding errs at random, an update pushes all
# one way. "bfloat16" are the weights from before packing, as the library's `export` takes them; the adapter learnt
# beside packed ones, so that figure holds their difference, too.
#
# ## 13.7 Break it on purpose, then at full size
#
# How loudly may it speak? First, alpha is turned from nothing to far too much. **Predict** where the picture breaks.
#
# Then the same step at full size. With `PROFILE = "gpu-16gb"` the last cell plans, builds BAGEL's shape on your card,
# packed layer by layer, puts an adapter on both experts, and learns from one story of several pictures. The weights
# are random, so it shows memory and seconds and teaches nothing. Without a card it does so in tiny.

# %%
loud, said, spec = {}, {}, TASKS["shadows"][0]
for factor in (0.0, 1.0) if SMOKE else (0.0, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 8.0):
    for layer in adapters(learner):
        layer.lora_alpha["default"] = factor * BOTH.alpha * BOTH.und
    one = paint(learner, [spec])[0]
    plan = one.steps[0].plan.instruction if one.steps else "no plan"
    loud[f"x {factor:g}"] = one.final
    said[f"x {factor:g}"] = f"{plan}; judge: {verdict(spec, one.final).reason or 'accepted'}"
dial("Alpha", loud, said)

# %%
from mini_model.evaluation.card_work import learn, packed_trajectory
from mini_model.evaluation.gpu_report import Row, capped, free, tiny
from mini_model.model.lora import remember_less
from mini_model.model.memory import Setting, answer, as_text, nearest, predict

plan = nearest(Setting(), place.budget)  # wished for: four pictures of 512 px, rank 16 in both experts
print(as_text(answer(plan, place.budget)))
plan = plan if place.on_card else tiny(Row(plan)).setting
with capped(place.budget, place.device):
    full = random_model(preset(place.preset), place.device, plan.packing)
    full.language_model.model.embed_tokens.to("cpu" if plan.words_on_host else place.device)
    student = adapt(full, Adapter(plan.und, plan.gen)).train()
    remember_less(full, plan.in_parts)
    free()
    seconds = learn(student, packed_trajectory(full, plan).to(place.device), 2)
grown = sum(weight.numel() for weight in learned(student))
print(f"{place.preset}: {plan.tokens} tokens, {grown:,} numbers learn, {min(seconds):.2f} s a step")
if place.on_card:
    peak = torch.cuda.max_memory_allocated() / 2**30
    print(f"peak: predicted {sum(predict(plan).values()):.1f} GB, measured {peak:.1f} GB")

# %% [markdown] tags=["instructor"]
# **For the instructor.** Closing question: you have two adapters, a rule and a style. May you add their updates? When
# would that go wrong?

# %% [markdown] tags=["quiz"]
# ## Quiz
# Click a choice to see the reason.
#
# 1. Why not let packed weights learn?
#    - [ ] Their gradient is always zero. :: A gradient can be computed; it is the step that is rounded away.
#    - [x] A small step does not reach the next level. :: Codes would stay, or jump.
#    - [ ] It would take too long. :: Time is not what forbids it.
# 2. You teach a new way of painting, with `q_proj` and `v_proj` as targets. It is not learnt. Why?
#    - [ ] The rank is too low. :: Rank 1 was enough for a rule here; look first at what was caught.
#    - [x] What paints was not caught. :: The gen expert's layers end in `_moe_gen`; print the list before training.
#    - [ ] Attention cannot learn. :: It can, where an adapter is.
# 3. Both A and B begin random. What happens first?
#    - [ ] Nothing, they cancel out. :: A product of random numbers is not zero.
#    - [ ] It learns twice as fast. :: It must first unlearn the noise.
#    - [x] The model begins spoilt. :: A zero in one of the two keeps it as it was.

# %% [markdown]
# ## Where the same lines live in BAGEL
#
# BAGEL's code has no LoRA. What an adapter hangs on, and what it freezes:
#
# * queries, keys and values of both experts, 3584 to 3584 and 512, in
#   [`qwen2_navit.py`, lines 377 to 398](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/modeling/bagel/qwen2_navit.py#L377-L398);
# * which parts stay frozen, whole ones only, in
#   [`pretrain_unified_navit.py`, lines 382 to 401](https://github.com/ByteDance-Seed/Bagel/blob/056b5fd51a88c1eb4547318609e25d40080fcf87/train/pretrain_unified_navit.py#L382-L401).
#
# ## What you have
#
# LoRA in one line, targets you can read, a rule taught in seconds with its controls, and the price of merging. With the
# released folder on a card, the library goes on:
#
# * `python -m mini_model train process --preset bagel-7b` (or `reflect`) trains an adapter on packed weights;
# * `python -m mini_model export BASE ADAPTER OUT` merges it into unpacked ones;
# * `python -m mini_model paint PROMPT --adapter DIR` paints with it unmerged.
#
# The library's: `mini_model/model/lora.py`; the terms: [glossary of the course](../lessons/glossary.md).
#
# Read on: [LoRA](https://arxiv.org/abs/2106.09685) · [QLoRA](https://arxiv.org/abs/2305.14314) ·
# [rank and scale, rsLoRA](https://arxiv.org/abs/2312.03732)

# %% tags=["verify"]
ALL = list(LINEARS)
assert same, "your line and peft's layer agree"
assert {owner(name) for name in caught(GEN, ALL)} == {"gen"}
assert {owner(name) for name in caught(UND, ALL)} == {"und"}
assert {owner(name) for name in caught(["gate_proj"], ALL)} == {"und", "gen"}
assert {owner(name) for name in caught(["q_proj"], ALL)} == {"und", "encoder"}
assert torch.equal(back, unmerged), "an adapter comes back bit for bit"
assert plans[0] == plans[1], "no adapter on gen changes a first plan"
assert np.isclose(curves["B zero"][0], curves["both zero"][0]), "one zero, and the model begins as it was"
if PROFILE == "cpu":
    shadows = {name: one["shadows"] for name, one in scores.items()}
    assert shadows["both experts"] > max(shadows["no adapter"], shadows["gen alone"]) + 0.5
    assert shadows["both experts"] > shadows["shuffled"] + 0.3 and scores["both experts"]["plain"] > 0.8
    assert curves["both random"][0] > 1.3 * curves["B zero"][0], "two random ones spoil what was known"
    assert curves["B zero"][-1] < 0.7 * curves["both zero"][-1], "and two zeros learn nothing"
