"""The one training loop: make a batch from the step's number, take a step, keep watch, save now and then."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_all_start_methods
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from mini_model.device import keep_freed_memory, pick
from mini_model.model.lora import optimizer_for
from mini_model.training.many import add_up_gradients, agreed, cut_up, is_cut_up, local, shard, team
from mini_model.training.profiles import Profile
from mini_model.training.state import State, resume, trainable
from mini_model.training.watch import Log

LOOK_EVERY = 10  # checkpoints between two sample pictures


@runtime_checkable
class Stage(Protocol):
    """What a stage brings to the loop."""

    model: nn.Module

    def batch(self, step: int, rank: int, count: int) -> Any:
        """The batch of a step, made from its number alone; `rank` of `count` processes takes its share."""

    def loss(self, batch: Any) -> tuple[Tensor, dict[str, float], int]:
        """The loss to descend, its parts for the eye, and how many tokens were learnt from."""

    def sample(self) -> Image.Image:
        """A picture that shows what the model can do by now."""


def run(stage: Stage, profile: Profile, out: Path, resuming: bool, say=print) -> State:
    """Train a stage to its last step and return the state; `out` gets checkpoints, a log, a plot, and samples."""
    keep_freed_memory()
    torch.backends.mkldnn.deterministic = True  # else a convolution's gradient may, seldom, be summed in another order
    accelerator = team()
    say = say if accelerator.is_main_process else lambda text: None
    say(f"computing in {pick().reason}")
    if cut_up():
        shard(stage.model, accelerator)
    elif not profile.adapter:  # a model with an adapter is where it should be already
        stage.model.to(accelerator.device)  # before the averages are copied from it
    state = State.start(stage.model, _optimizer(stage.model, profile), averaged=profile.ema > 0)
    if resuming and resume(state, out / "checkpoints"):
        say(f"taken up at step {state.step} of {profile.steps}")
    _steps(stage, profile, out, accelerator, state)
    return state


def _optimizer(model: nn.Module, profile: Profile) -> torch.optim.Optimizer:
    """AdamW over what learns; an adapter's moments take 8 bits where it lies on a card whole."""
    if profile.adapter and not cut_up():
        return optimizer_for(model, profile.rate)
    weights = list(trainable(model).values())
    return torch.optim.AdamW(weights, profile.rate, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)


def _steps(stage: Stage, profile: Profile, out: Path, accelerator: Accelerator, state: State) -> None:
    """All the steps that are left."""
    main = accelerator.is_main_process
    log = Log(out, state.step) if main else None
    bar = tqdm(total=profile.steps, initial=state.step, unit="step", disable=not main, dynamic_ncols=True)
    saved = began = time.monotonic()
    saves, before = 0, state.seconds
    for batch in _batches(stage, profile, accelerator, state.step):
        parts, tokens = _step(stage, profile, accelerator, state, batch)
        state.seconds = before + time.monotonic() - began
        if log:
            log.add(state.step, parts, tokens, state.seconds)
            bar.update()
            bar.set_postfix_str(log.line(), refresh=False)
        due = agreed(time.monotonic() - saved > profile.save_seconds, accelerator.device)
        if due or state.step == profile.steps:
            state.save(out / "checkpoints")
            saves += 1
            if log and (saves % LOOK_EVERY == 1 or state.step == profile.steps):
                log.picture(None if is_cut_up(stage.model) else _with_average(stage, state), state.step)
            saved = time.monotonic()
    bar.close()


def _batches(stage: Stage, profile: Profile, accelerator: Accelerator, first: int) -> Iterable[Any]:
    """The batches from step `first` on; `workers` make them ahead, the same ones in the same order."""
    make = partial(stage.batch, rank=accelerator.process_index, count=accelerator.num_processes)
    steps = range(first, profile.steps)
    if not profile.workers or "fork" not in get_all_start_methods():
        return map(make, steps)
    return DataLoader(_Made(make), None, sampler=steps, num_workers=profile.workers, multiprocessing_context="fork")


@dataclass
class _Made(Dataset):
    """Batches by their step, as torch's loader wants them."""

    make: Callable[[int], Any]

    def __getitem__(self, step: int) -> Any:
        return self.make(step)


def _step(
    stage: Stage, profile: Profile, accelerator: Accelerator, state: State, batch: Any
) -> tuple[dict[str, float], int]:
    """One step down the slope."""
    for group in state.optimizer.param_groups:
        group["lr"] = profile.rate_at(state.step)
    with accelerator.autocast():
        loss, parts, tokens = stage.loss(batch)
    loss.backward()
    weights = list(trainable(stage.model).values())
    add_up_gradients(weights)
    clip_grad_norm_(weights, profile.clip)
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.step += 1
    state.update_average(profile.ema)
    return parts, tokens


@torch.no_grad()
def use_average(state: State) -> None:
    """Put the averaged weights in the place of the last ones, as the model that is kept."""
    weights = trainable(state.model)
    for name, average in state.average.items():
        local(weights[name]).copy_(local(average))


@torch.no_grad()
def _with_average(stage: Stage, state: State) -> Image.Image:
    """A sample drawn with the averaged weights, after which the last weights are put back bit for bit."""
    weights = trainable(state.model)
    last = {name: weights[name].detach().clone() for name in state.average}
    use_average(state)
    state.model.eval()
    picture = stage.sample()
    state.model.train()
    for name, tensor in last.items():
        weights[name].copy_(tensor)
    return picture
