"""Everything a run needs to go on as if it had never stopped, in one folder per checkpoint.

Batches are made from (seed, step) alone, so no data position and no random state has to be kept: weights,
averages, the optimiser's moments and the step number are the whole state.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mini_model.errors import KitError
from mini_model.files import said_plainly
from mini_model.model.checkpoint import new_folder, read_tensors
from mini_model.training.many import is_main, like, local, put_together


@dataclass
class State:
    """A model in training: the weights that learn, their running average, the optimiser, the number of steps done."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    step: int = 0
    seconds: float = 0.0  # spent in training so far, over all restarts

    @classmethod
    def start(cls, model: nn.Module, optimizer: torch.optim.Optimizer, averaged: bool = True) -> "State":
        """The state before the first step; the average starts as a copy of the weights, where there is to be one."""
        average = {name: p.detach().clone() for name, p in trainable(model).items()} if averaged else {}
        return cls(model, optimizer, average)

    @torch.no_grad()
    def update_average(self, keep: float) -> None:
        """Move the average a little towards the weights; early on faster, so that it forgets the start."""
        if not self.average:
            return
        keep = min(keep, (1 + self.step) / (10 + self.step))
        weights = [local(p.detach()) for p in trainable(self.model).values()]
        torch._foreach_lerp_([local(average) for average in self.average.values()], weights, 1 - keep)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state under a name of its own, whole, in the main process; all must ask together."""
        held = {f"model/{name}": p.detach() for name, p in trainable(self.model).items()}
        held |= {f"average/{name}": tensor for name, tensor in self.average.items()}
        for name, p in trainable(self.model).items():
            held |= {f"optimizer/{name}/{key}": _kept(value) for key, value in self.optimizer.state.get(p, {}).items()}
        return {name: tensor.contiguous() for name, tensor in put_together(held).items()}

    def save(self, folder: Path) -> None:
        """Write a checkpoint as a whole or not at all, then drop all but the last two."""
        path, tensors = folder / f"step-{self.step:07d}", self.tensors()
        if not is_main():
            return
        with said_plainly(path), new_folder(path) as fresh:
            (fresh / "state.json").write_text(json.dumps({"step": self.step, "seconds": self.seconds}))
            save_file(tensors, fresh / "state.safetensors")
        for old in checkpoints(folder)[:-2]:
            shutil.rmtree(old)

    @torch.no_grad()
    def restore(self, folder: Path) -> None:
        """Take up a checkpoint where it left off."""
        tensors = read_tensors(folder / "state.safetensors")
        counts = json.loads((folder / "state.json").read_text())
        for name, p in trainable(self.model).items():
            local(p).copy_(local(like(tensors[f"model/{name}"], p)))
            if self.average:
                local(self.average[name]).copy_(local(like(tensors[f"average/{name}"], p)))
            prefix = f"optimizer/{name}/"
            moments = {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
            if moments:
                self.optimizer.state[p] = {key: _taken_up(one, p) for key, one in moments.items()}
        self.step, self.seconds = counts["step"], counts["seconds"]


def _kept(value: Tensor | int) -> Tensor:
    """What an optimiser remembers of a weight, as a tensor of its own: some count in plain numbers or share a table."""
    return torch.tensor(value) if isinstance(value, int) else value.clone() if value.dim() == 1 else value


def _taken_up(value: Tensor, weight: nn.Parameter) -> Tensor | int:
    """The inverse: counts as they were, all else beside the weight."""
    if value.dim() == 0:
        return value if value.is_floating_point() else int(value)
    return like(value, weight) if value.shape == weight.shape else value.to(weight.device)


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, oldest first; half-written ones have other names and are not among them."""
    return sorted(folder.glob("step-*")) if folder.is_dir() else []


def resume(state: State, folder: Path) -> bool:
    """Restore the newest checkpoint that can be read; False when there is none."""
    faults = []
    for path in reversed(checkpoints(folder)):
        try:
            state.restore(path)
            return True
        except (KitError, OSError, KeyError, ValueError) as error:
            faults.append(f"{path.name}: {error}")
    if faults:
        raise KitError(f"no checkpoint in {folder} can be read ({'; '.join(faults)}); start again without --resume")
    return False
