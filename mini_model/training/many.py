"""Several processes, one training: each takes its share of a batch, and all take the same step.

The same command on eight cards; every card holds the whole model, and gradients are added up:

    accelerate launch --multi_gpu --num_processes 8 -m mini_model train base --profile gpu

or with weights, gradients, averages and moments cut up among the cards, for a model that is too large for one:

    accelerate launch --use_fsdp --fsdp_version 2 --num_processes 8 -m mini_model train process \
        --preset bagel-7b --profile gpu --model DIR

On two machines with eight cards each, `--num_processes 16 --num_machines 2 --machine_rank 0` (1 on the other one) and
`--main_process_ip`; both must see the same folders. On a machine without a card the same commands take processors.
accelerate starts the processes and finds their devices; what they exchange is in this file, and torch's `fully_shard`
cuts the model up.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from mini_model.device import pick
from mini_model.model.transformer import Layer
from mini_model.model.unified import Losses, UnifiedModel


def team() -> Accelerator:
    """All processes of this run, and this one's place and device among them; often it is the only one."""
    compute = pick()
    precision = "bf16" if compute.dtype == torch.bfloat16 else "no"
    return Accelerator(mixed_precision=precision, cpu=compute.device.type == "cpu")


def many() -> int:
    """How many processes there are; 1 where none but this one is."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_main() -> bool:
    """Whether this process is the one that writes and speaks."""
    return many() == 1 or dist.get_rank() == 0


def cut_up() -> bool:
    """Whether the model is to be cut up among the processes: `accelerate launch --use_fsdp`."""
    return many() > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def add_up(numbers: Sequence[float], device: torch.device | str = "cpu") -> list[float]:
    """The sums of some numbers over all processes; every process must ask."""
    if many() == 1:
        return list(numbers)
    sums = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    return sums.tolist()


def agreed(word: bool, device: torch.device | str) -> bool:
    """What the main process says, known to all."""
    return add_up([float(word and is_main())], device)[0] > 0


def add_up_gradients(weights: list[nn.Parameter]) -> None:
    """The sum of all processes' gradients; one that no process has stays away."""
    if many() == 1 or cut_up():  # cut-up weights add theirs up by themselves
        return
    have = add_up([float(w.grad is not None) for w in weights], weights[0].device)
    found = [w for w, count in zip(weights, have, strict=True) if count]
    flat = torch.cat([(torch.zeros_like(w) if w.grad is None else w.grad).flatten() for w in found])
    dist.all_reduce(flat)
    for w, part in zip(found, flat.split([w.numel() for w in found]), strict=True):
        w.grad = part.view_as(w)


def shard(model: UnifiedModel, accelerator: Accelerator) -> None:
    """Cut every layer's weights up among the processes, and what is left; a layer is whole only while it computes.

    Where a run computes in bfloat16, a layer is whole in it, while the parts and the sums of gradients are float32.
    """
    half = accelerator.mixed_precision == "bf16"
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if half else MixedPrecisionPolicy()
    model.autoencoder.to(accelerator.device)  # stands beside the network, and stays whole
    layers = [module for module in model.modules() if isinstance(module, Layer)]
    within = {id(p) for layer in layers for p in layer.parameters()}
    rest = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in within]
    for unit in [*layers, model]:
        names = rest if unit is model else [name for name, p in unit.named_parameters() if p.requires_grad]
        unit.register_forward_hook(_touching(names))
        fully_shard(unit, mp_policy=policy)
        unit.set_force_sum_reduction_for_comms(True)
        unit.set_gradient_divide_factor(1.0)  # gradients are summed: the loss is divided by the counts of all


def _touching(names: list[str]) -> Callable:
    """A hook that gives each of these weights a gradient, if only zeros.

    Processes exchange the gradients of a layer as one block, so all must have the same ones; but a share of a batch in
    which no picture is drawn would leave out some of the generation expert's.
    """

    def hook(unit: nn.Module, _, answer: tuple[Tensor, ...] | Losses) -> tuple[Tensor, ...] | Losses:
        if not torch.is_grad_enabled() or not names:
            return answer
        nothing = 0.0 * sum(unit.get_parameter(name).flatten()[:1].sum() for name in names)
        if isinstance(answer, Losses):
            return replace(answer, ce=answer.ce + nothing, mse=answer.mse + nothing)
        return tuple(stream + nothing.to(stream.dtype) for stream in answer)

    return hook


def local(tensor: Tensor) -> Tensor:
    """The part of a cut-up tensor that lies in this process; any other tensor is its own."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """A cut-up tensor put together in the host's memory, for which every process must ask; any other as it is."""
    return tensor.full_tensor().cpu() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """A whole tensor on the device of another one, and cut up if that one is."""
    tensor = tensor.to(other.device)
    if not isinstance(other, DTensor):
        return tensor
    return distribute_tensor(tensor, other.device_mesh, other.placements, src_data_rank=None)


def put_together(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Named tensors, each whole, in the main process and nothing in the others; all processes must ask."""
    main, kept = is_main(), {}
    for name, tensor in tensors.items():
        tensor = whole(tensor)
        if main:
            kept[name] = tensor
    return kept


def is_cut_up(model: nn.Module) -> bool:
    """Whether a model's weights lie in parts in several processes."""
    return isinstance(model, FSDPModule)
