"""What fewer bits cost: the same weights in bf16, 4 bits and 8, held beside float32.

    python -m mini_model.evaluation.packings

writes `data_samples/results/packings.json`. Two models are asked: the goldens' tiny one with the original's own inputs,
and the shipped mini weights with samples like those they learnt from. Of each packing the file says how far logits and
velocities stray, how often another word becomes the likeliest, what the weights weigh, how long a forward takes, and
how many right pictures of mini-GenEval are lost, prompt by prompt. Then, which of the layers that `nf4` leaves as they
are would stray most if they were packed too; last, what an adapter loses when it is merged.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn

from mini_model.data.process import process_sample
from mini_model.evaluation.results import FOLDER, HOME, Figure, write_results
from mini_model.evaluation.run import MINI, evaluate, fingerprint, once
from mini_model.evaluation.statistics import score_tags
from mini_model.model.checkpoint import load, marks_of
from mini_model.model.lora import Adapter, adapt
from mini_model.model.parity.drawing import distance
from mini_model.model.parity.report import Golden, Report
from mini_model.model.parity.training import read_samples
from mini_model.model.quantize import PACKINGS, packed, quantize, replace
from mini_model.model.sequence import Packed, pack
from mini_model.model.unified import UnifiedModel
from mini_model.process import paint_many
from mini_model.training.assemble import Assembler

FILE = FOLDER / "packings.json"
DONE = Path("out/packings")  # answers of evaluations that are through
GOLDENS = HOME / "tests/golden/bagel_tiny"
TRAININGS = ("a_train", "a_train_vlm", "a_train_t2i")  # goldens whose inputs hold words and pictures to predict
HOWS = ("float32", "bf16", *PACKINGS)
BESIDE = ("lm_head", "llm2vae", "time_embedder", "vit_model", "connector")  # what nf4 leaves as it is
ADDED = 0.05  # an adapter's addition to a layer, as a share of the size of the layer's weights
AWAY = 7_927  # keeps these random numbers apart from those of training


@dataclass(frozen=True)
class Effort:
    """How much is measured: samples of the drawn world, timed forwards, and what of mini-GenEval is painted."""

    samples: int = 48
    repeats: int = 5
    strategies: tuple[str, ...] = ("process", "direct")
    limit: int | None = None
    seeds: int = 2


@dataclass(frozen=True)
class Answers:
    """What a model says of a batch."""

    logits: Float[Tensor, "targets V"]
    velocity: Float[Tensor, "drawn C"]


def measure(out: Path = FILE, effort: Effort = Effort(), done: Path = DONE) -> list[Figure]:
    """Measure every packing on both models, then the merges; write the figures to `out`, and return them."""
    figures: list[Figure] = []
    batches = {"tiny": golden_batches(GOLDENS), "mini": [drawn_batch(load(MINI), effort.samples)]}
    for name, folder in (("tiny", GOLDENS / "model"), ("mini", MINI)):
        figures += errors(name, folder, batches[name], effort.repeats)
    figures += packed_too(MINI, batches["mini"])
    for strategy in effort.strategies:
        figures += lost_pictures(strategy, effort, done)
    for how in ("bf16", "nf4"):
        figures += merging(how, MINI, batches["mini"])
    write_results(out, figures)
    return figures


def loaded(folder: Path, how: str) -> UnifiedModel:
    """A model of a folder in float32, in bf16, or packed from there."""
    model = load(folder, torch.float32 if how == "float32" else torch.bfloat16)
    return quantize(model, how) if how in PACKINGS else model


def golden_batches(folder: Path) -> list[Packed]:
    """The inputs of the goldens' training forwards; their pictures are encoded in float32."""
    model = load(folder / "model")
    goldens = [Golden(folder, name, Report()) for name in TRAININGS]
    return [pack(read_samples(golden, golden, model), marks_of(model.tokenizer)) for golden in goldens]


def drawn_batch(model: UnifiedModel, samples: int) -> Packed:
    """Samples of stage process that training never drew, with their noise; the same every time."""
    rng = np.random.default_rng(AWAY)
    return Assembler(model).batch([process_sample(rng) for _ in range(samples)], rng)


@torch.no_grad()
def ask(model: UnifiedModel, batches: Sequence[Packed]) -> Answers:
    """Logits of each word to predict, and the velocity of each noised picture."""
    logits, velocity = [], []
    for batch in batches:
        words, pictures = model.hidden(batch.to(model.device, model.dtype))
        logits.append(model.language_model.lm_head(words[batch.ce_at]).float())
        if batch.noised.any():
            velocity.append(model.llm2vae(pictures[batch.noised]).float())
    return Answers(torch.cat(logits), torch.cat(velocity))


def errors(name: str, folder: Path, batches: Sequence[Packed], repeats: int) -> list[Figure]:
    """How far each packing strays from float32, what it weighs, and its quickest forward of some."""
    exact, figures = ask(loaded(folder, "float32"), batches), []
    for how in HOWS:
        began, model = time.perf_counter(), loaded(folder, how)
        told = ask(model, batches)
        seconds = min(timed(partial(ask, model, batches)) for _ in range(repeats))
        other = (told.logits.argmax(-1) != exact.logits.argmax(-1)).float().mean()
        for what, value, n in (
            ("error of logits", distance(told.logits, exact.logits), len(exact.logits)),
            ("error of velocity", distance(told.velocity, exact.velocity), len(exact.velocity)),
            ("another word", float(other), len(exact.logits)),
            ("weights MB", weight_bytes(model) / 1e6, 1),
            ("seconds a forward", seconds, repeats),
        ):
            took = time.perf_counter() - began
            figures.append(Figure(name=f"{how}, {name}: {what}", value=value, n=n, seeds=0, seconds=took))
            print(f"{figures[-1].name} {value:.4g}", flush=True)
    return figures


def packed_too(folder: Path, batches: Sequence[Packed]) -> list[Figure]:
    """How far the model strays when, besides the experts' linears, the layers of one more part are in 4 bits."""
    exact, figures = ask(loaded(folder, "float32"), batches), []
    for part in BESIDE:
        model = loaded(folder, "nf4")
        for name in [n for n, layer in model.named_modules() if type(layer) is nn.Linear and part in n.split(".")]:
            replace(model, name, packed(model.get_submodule(name), "nf4", model.device))
        told = ask(model, batches)
        for what in ("logits", "velocity"):
            value, n = distance(getattr(told, what), getattr(exact, what)), len(getattr(exact, what))
            figures.append(Figure(name=f"nf4 and {part}, mini: error of {what}", value=value, n=n, seeds=0))
            print(f"{figures[-1].name} {value:.4g}", flush=True)
    return figures


def weight_bytes(model: nn.Module) -> int:
    """Bytes of a model's weights with their scales, as they stand in memory and in a file."""
    return sum(x.numel() * x.element_size() for x in model.state_dict().values() if isinstance(x, Tensor))


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def lost_pictures(strategy: str, effort: Effort, done: Path) -> list[Figure]:
    """mini-GenEval by each packing, and how much it gains on float32, prompt by prompt."""
    answers = {how: painted(how, strategy, effort, done) for how in HOWS}
    exact, figures = answers["float32"]["shares"], []
    for how, answer in answers.items():
        apart = {
            tag: [a - b for a, b in zip(shares, exact[tag], strict=True)] for tag, shares in answer["shares"].items()
        }
        about = {"n": answer["n"], "seeds": answer["seeds"], "seconds": answer["seconds"]}
        gain = score_tags(apart)[0]
        head = f"{how}, mini: {strategy}"
        figures += [
            Figure(name=f"{head}, right", value=answer["overall"], interval=tuple(answer["interval"]), **about),
            Figure(name=f"{head}, gain on float32", value=gain.score, interval=gain.interval, **about),
            Figure(name=f"{head}, seconds a picture", value=answer["cost"]["seconds"], **about),
        ]
    return figures


def painted(how: str, strategy: str, effort: Effort, done: Path) -> dict:
    """One evaluation with its seconds, from disk when these weights were asked before."""
    path = done / f"{how}-{strategy}-{fingerprint(MINI)}-{effort.seeds}-{effort.limit}.json"

    def asked() -> None:
        paint = partial(paint_many, loaded(MINI, how), strategy=strategy)
        asks = {"strategy": strategy, "limit": effort.limit, "seeds": effort.seeds, "out": path, "paint": paint}
        evaluate("mini-geneval", **asks)

    answer, seconds = once(path, asked)
    return answer | {"seconds": seconds}


def merging(how: str, folder: Path, batches: Sequence[Packed]) -> list[Figure]:
    """How far an adapter moves a model, and how far the model moves again when the adapter is merged into its weights.

    peft unpacks a 4-bit layer, adds, and packs the sum; what is left between its levels is rounded away.
    """
    began, model = time.perf_counter(), loaded(folder, how)
    bare = ask(model, batches)
    adapted = shaken(adapt(model, Adapter()))
    full = ask(model, batches)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft says that rounding is to come, which is what is measured
        merged = ask(adapted.merge_and_unload(safe_merge=True), batches)
    figures = []
    for what in ("logits", "velocity"):
        said = [getattr(answers, what) for answers in (bare, full, merged)]
        for who, before, after in (("adapter", said[0], said[1]), ("merging", said[1], said[2])):
            value, took = distance(after, before), time.perf_counter() - began
            figures.append(Figure(name=f"{how}, mini: {who} moves {what}", value=value, n=len(before), seconds=took))
            print(f"{figures[-1].name} {value:.4g}", flush=True)
    return figures


@torch.no_grad()
def shaken(adapted: PeftModel, seed: int = 0) -> PeftModel:
    """An adapter with random weights, whose addition to each layer is `ADDED` times as large as the layer's weights."""
    dice = torch.Generator().manual_seed(seed)
    for layer in adapted.modules():
        if isinstance(layer, LoraLayer):
            thin, wide = (getattr(layer, name)["default"].weight for name in ("lora_A", "lora_B"))
            thin.normal_(generator=dice)
            wide.normal_(generator=dice)
            size = dequantize_module_weight(layer.get_base_layer()).float().norm()
            wide.mul_(ADDED * size / (layer.scaling["default"] * wide @ thin).norm())
    return adapted.eval()


if __name__ == "__main__":
    measure()
