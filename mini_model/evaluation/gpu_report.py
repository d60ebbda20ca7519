"""What one card can do with the model at its true size: memory and seconds, predicted beside measured.

python -m mini_model.evaluation.gpu_report     or     make gpu-report

On a CUDA card the model has BAGEL-7B's shape and random weights, and the allocator is held to the memory of a
smaller card where a row says so. Elsewhere the very same rows run at a tiny size on the processor, which shows that
they run and measures nothing about a card. The file is written anew with each figure, so a kill loses nothing.
"""

import gc
import os
import subprocess
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Annotated

import torch
import typer
from peft import PeftModel

from mini_model import circumstances
from mini_model.evaluation.card_work import denoise, learn, packed_trajectory
from mini_model.evaluation.results import FOLDER, Figure, write_results
from mini_model.model.lora import Adapter, adapt, remember_less
from mini_model.model.memory import DRIVER, GB, Setting, predict
from mini_model.model.presets import preset
from mini_model.model.random_weights import random_model
from mini_model.model.sequence import Packed
from mini_model.model.unified import UnifiedModel

FILE = FOLDER / "gpu_report.json"
SMALLER = 8  # how many times smaller the pictures' edges are in the tiny rows
UNCAPPED = " without the cap"  # said of what a row that does not fit would have taken
WEIGHTS = ("understanding expert", "generation expert", "table of words", "head", "joints", "encoder", "autoencoder")


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    setting: Setting
    budget: float | None = None  # GB of the card that is imitated; None: all there is
    attention: str = "sdpa"

    @property
    def name(self) -> str:
        """What is measured, for a reader."""
        s = self.setting
        sparing = [word for word, on in (("words on host", s.words_on_host), ("in parts", s.in_parts),
                                         ("branches apart", s.apart)) if on]  # fmt: skip
        work = "LoRA training" if s.task == "train" else "painting"
        cap = f"{self.budget:g} GB" if self.budget else "uncapped"
        size = f"{s.pictures} pictures of {s.pixels} px, {s.tokens} tokens"
        said = [s.packing or "bf16", size, self.attention, *sparing, cap]
        return f"{work}, {', '.join(said)}"


SPARING = Setting(words_on_host=True, in_parts=True)
PAINT = Setting(task="paint", pictures=1, words_on_host=True)
ROWS = (  # the most wanted first; neighbours of one packing share a model
    Row(SPARING, 16),
    Row(PAINT, 12),
    Row(replace(PAINT, pixels=1024, apart=True), 12),
    Row(replace(SPARING, pixels=256), 12),
    Row(Setting(words_on_host=True, pictures=3), 16),
    Row(Setting()),
    Row(Setting(packing=None)),
    Row(Setting(packing=None), attention="flex"),
    Row(Setting(), 24),
    Row(replace(PAINT, pixels=1024, words_on_host=False), 24),
)


def tiny(row: Row) -> Row:
    """The same row at a size for any processor."""
    setting = replace(row.setting, preset="tiny", pixels=row.setting.pixels // SMALLER, words=64, und=2, gen=2)
    return replace(row, setting=setting)


class Bench:
    """The model of the rows at hand, and what was measured so far."""

    def __init__(self, out: Path, repeats: int) -> None:
        self.out, self.repeats = out, repeats
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model: UnifiedModel | None = None
        self.adapted: PeftModel | None = None
        self.packing: str | None = "none yet"
        self.batches: dict[Setting, Packed] = {}
        self.figures: list[Figure] = []
        self.told = {
            "command": circumstances.command(),
            "commit": circumstances.commit(),
            "versions": {**circumstances.versions(), **{n: version(n) for n in ("bitsandbytes", "peft")},
                         "cuda": str(torch.version.cuda)},
        }  # fmt: skip

    def note(self, row: Row, what: str, value: float, n: int = 1, seconds: float = 0.0) -> None:
        """One more figure of a row, and the file with it, whole."""
        held = row.budget and self.device.type == "cuda" and UNCAPPED not in what
        cap = f"; held to {row.budget:g} GB" if held else ""
        self.figures.append(
            Figure(name=f"{row.name}: {what}", value=value, n=n, seeds=0, seconds=seconds,
                   device=f"{card(self.device)}{cap}", **self.told)
        )  # fmt: skip
        print(f"{what:>24} {value:.3f}", flush=True)
        write_results(self.out, self.figures)

    def measure(self, row: Row) -> None:
        """Run a row under its cap and note what came of it: fits or not, seconds, peak, and what was predicted."""
        print(f"{row.name}", flush=True)
        began, outcome = time.perf_counter(), self._outcome(row)
        if outcome in ("fits", "does not fit"):
            self.note(row, "fits", float(outcome == "fits"), seconds=time.perf_counter() - began)
            predicted = predict(row.setting)
            self.note(row, "predicted peak GB", sum(predicted.values()))
            self.note(row, "predicted weights GB", sum(predicted[name] for name in WEIGHTS))
        else:
            self.note(row, outcome, 0.0, seconds=time.perf_counter() - began)
        if outcome == "does not fit":  # how much it would have taken
            self._outcome(replace(row, budget=None), told_as=row)

    def _outcome(self, row: Row, told_as: Row | None = None) -> str:
        """Try a row: "fits", "does not fit", or how it failed. What it held is free afterwards."""
        try:
            with capped(row.budget, self.device):
                self._run(row, told_as or row, "" if told_as is None else UNCAPPED)
            outcome = "fits"
        except torch.OutOfMemoryError:
            outcome = "does not fit"
        except Exception as error:  # a row that fails must not cost the rows behind it
            traceback.print_exc()
            outcome = f"failed, {type(error).__name__}: {(str(error) or 'no reason given').splitlines()[0][:160]}"
        if self.adapted is not None:
            self.adapted.zero_grad()
        return outcome

    def _run(self, row: Row, told_as: Row, manner: str) -> None:
        """The row's work, its seconds and its peak."""
        setting, began = row.setting, time.perf_counter()
        model = self.prepared(row)
        weights = self.allocated()
        if setting.task == "train":
            batch = self.batch(setting).to(self.device)
            seconds = learn(model, batch, self.repeats)
        else:
            seconds = denoise(model, setting, self.repeats)
        self.note(told_as, f"seconds a step{manner}", mean(seconds), len(seconds), time.perf_counter() - began)
        if self.device.type == "cuda":
            self.note(told_as, f"weights and adapter GB{manner}", weights)
            self.note(told_as, f"peak GB{manner}", torch.cuda.max_memory_allocated() / GB)
            self.note(told_as, f"reserved GB{manner}", torch.cuda.max_memory_reserved() / GB)

    def allocated(self) -> float:
        """GB that tensors take on the card now."""
        return torch.cuda.memory_allocated() / GB if self.device.type == "cuda" else 0.0

    def batch(self, setting: Setting) -> Packed:
        """The packed trajectory of a setting, on the host; made once for rows that share its size."""
        key = replace(setting, packing=None, words_on_host=False, in_parts=False)
        if key not in self.batches:
            self.batches[key] = packed_trajectory(self.model, setting)
        return self.batches[key]

    def prepared(self, row: Row) -> UnifiedModel | PeftModel:
        """The model as the row wants it: packed, with or without adapter, sparing or not."""
        setting = row.setting
        if self.packing != setting.packing:
            self.model = self.adapted = None
            free()
            began = time.perf_counter()
            self.model = random_model(preset(setting.preset), self.device, setting.packing)
            self.packing = setting.packing
            print(f"{'built in s':>24} {time.perf_counter() - began:.1f}", flush=True)
        self.model.config.attention = row.attention
        self.model.language_model.model.embed_tokens.to("cpu" if setting.words_on_host else self.device)
        if setting.task == "paint" and self.adapted is not None:
            self.adapted.unload()
            self.adapted = None
        if setting.task == "train" and self.adapted is None:
            self.adapted = adapt(self.model, Adapter(setting.und, setting.gen))
        remember_less(self.model, setting.in_parts)
        free()
        return self.adapted.train() if setting.task == "train" else self.model.eval()


@contextmanager
def capped(budget: float | None, device: torch.device) -> Iterator[None]:
    """Hold torch's allocator to what a card of so many GB leaves free; on a processor nothing is held."""
    if device.type == "cuda":
        whole = torch.cuda.get_device_properties(device).total_memory
        free()
        torch.cuda.set_per_process_memory_fraction(min(1.0, (budget - DRIVER) * GB / whole) if budget else 1.0)
    try:
        yield
    finally:
        if device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(1.0)


def free() -> None:
    """Give back all that nobody holds, and begin to look for the highest moment anew."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


@lru_cache
def card(device: torch.device) -> str:
    """The card, its memory and its driver; or the processor, with a word that no card was measured."""
    if device.type != "cuda":
        return f"{circumstances.processor()}; no CUDA card, tiny size"
    facts = torch.cuda.get_device_properties(device)
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        driver = "unknown"
    return f"{facts.name}, {facts.total_memory / GB:.0f} GB, driver {driver}"


def report(
    out: str | Path = FILE, repeats: int = 3, seconds: float = 500.0, rows: tuple[Row, ...] = ROWS
) -> list[Figure]:
    """Measure every row, write each figure to `out` as it comes, and return them.

    No row begins once `seconds` have passed; those left over are named. Where there is no card, the rows are tiny.
    """
    began, bench = time.perf_counter(), Bench(Path(out), repeats)
    print(card(bench.device), flush=True)
    if bench.device.type != "cuda":
        print("no CUDA card here: the rows run at a tiny size and say nothing about a card", flush=True)
    for row in rows if bench.device.type == "cuda" else map(tiny, rows):
        if time.perf_counter() - began > seconds:
            print(f"{row.name}\n    not measured: the time is up", flush=True)
            continue
        bench.measure(row)
    print(f"{time.perf_counter() - began:.0f} s in all; figures in {out}", flush=True)
    return bench.figures


def main(
    out: Annotated[Path, typer.Option(help="JSON file of the figures.")] = FILE,
    repeats: Annotated[int, typer.Option(min=1, help="Steps that are timed in each row.")] = 3,
    seconds: Annotated[float, typer.Option(help="Begin no row after so many seconds.")] = 500.0,
) -> None:
    """Measure what this card can do with the 7B model."""
    report(out, repeats, seconds)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    typer.run(main)
