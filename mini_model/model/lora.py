"""LoRA: the model stays as it is, and next to each chosen layer two thin ones learn what to add.

    y = W x + (alpha / r) B A x      W frozen, in bf16 or 4 bits; A (r x in) random and B (out x r) zero at first

peft does the work. What is ours: which layers (both experts', by their whole names, since `gate_proj` alone would
catch both and the vision encoder has a `q_proj` too), how thin each expert's are, and that nothing else is widened to
float32 on the way, as peft's own preparation for 4 bits would do.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from warnings import catch_warnings, simplefilter

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import SafetensorError
from torch import nn
from torch.utils.checkpoint import checkpoint

from mini_model.errors import KitError
from mini_model.model.quantize import GEN, UND
from mini_model.model.stored import listed, opened
from mini_model.model.transformer import Mlp
from mini_model.model.unified import UnifiedModel


@dataclass(frozen=True)
class Adapter:
    """How an adapter is made: the rank for each expert, 0 for none, and two variants of the method."""

    und: int = 16  # plans and reflections are written by the understanding expert
    gen: int = 16  # pictures are drawn by the generation expert
    alpha: float = 2.0  # how loudly it speaks, as a multiple of its rank
    dora: bool = False  # learn directions and lengths apart (arXiv:2402.09353)
    rslora: bool = False  # divide by the root of the rank, not by the rank (arXiv:2312.03732)

    def config(self) -> LoraConfig:
        """The same in peft's words. Raises KitError where there is nothing to learn."""
        ranks = {pattern: rank for pattern, rank in ((UND, self.und), (GEN, self.gen)) if rank}
        if min(self.und, self.gen) < 0 or not ranks:
            raise KitError(f"ranks {self.und} and {self.gen} leave nothing to learn; one of them must be above 0")
        top = max(ranks.values())
        return LoraConfig(
            r=top,
            lora_alpha=self.alpha * top,
            target_modules="|".join(f"({pattern})" for pattern in ranks),
            rank_pattern=ranks,
            alpha_pattern={pattern: self.alpha * rank for pattern, rank in ranks.items()},
            use_dora=self.dora,
            use_rslora=self.rslora,
            bias="none",
        )


def adapt(model: UnifiedModel, adapter: Adapter = Adapter()) -> PeftModel:
    """A model with a fresh adapter, which changes nothing yet; all but the adapter is frozen.

    The adapter's own weights are float32, so that small steps are not lost; the rest keeps its format.
    """
    model.requires_grad_(False)
    with catch_warnings():
        simplefilter("ignore", FutureWarning)  # peft asks transformers for a property by its old name
        return get_peft_model(model, adapter.config())


def read_adapter(model: UnifiedModel, folder: str | Path, learning: bool = False) -> PeftModel:
    """A model with an adapter from a folder in peft's format; an outline's adapter has no numbers either.

    Raises KitError where the folder holds none, or one for another model.
    """
    folder = Path(folder)
    if not (folder / "adapter_config.json").is_file():
        raise KitError(f"{folder} holds no adapter_config.json; give the folder that an adapter was saved to")
    with opened(folder / "adapter_model.safetensors") as file:  # peft would take a pickle too
        held = set(file.keys())
    model.requires_grad_(False)
    outlined = model.device.type == "meta"
    device = "cpu" if outlined else str(model.device)
    try:
        with catch_warnings():
            simplefilter("ignore")  # what it finds wrong with the adapter is one clear error below
            adapted = PeftModel.from_pretrained(
                model, str(folder), is_trainable=learning, torch_device=device, low_cpu_mem_usage=outlined
            )
        wanted = set(get_peft_model_state_dict(adapted))
    except (RuntimeError, ValueError, OSError, SafetensorError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if "size mismatch" in line), str(error))
        raise KitError(f"the adapter in {folder} does not fit this model: {reason[:200]}") from None
    if held != wanted:  # peft leaves out what it has no place for, and makes up what is missing
        faults = [f"missing {name}" for name in sorted(wanted - held)]
        faults += [f"unexpected {name}" for name in sorted(held - wanted)]
        raise KitError(f"the adapter in {folder} does not fit this model: {listed(faults, most=3)}")
    return adapted


def save_adapter(model: PeftModel, folder: str | Path) -> None:
    """The adapter alone, in peft's format with upstream's names, for this kit and for other tools."""
    model.save_pretrained(str(folder), save_embedding_layers=False)


def merge(model: PeftModel) -> UnifiedModel:
    """The adapter's additions put into the weights themselves, so that nothing is left of it.

    Raises KitError for a packed model: the sum would be rounded to 4 bits again.
    """
    base = model.get_base_model()
    if getattr(base, "is_loaded_in_4bit", False) or getattr(base, "is_loaded_in_8bit", False):
        raise KitError(
            "an adapter cannot be merged into packed weights: the sum is rounded again, and that moves a picture's "
            "velocity as far as the adapter itself does (data_samples/results/packings.json); load the model in bf16"
        )
    return model.merge_and_unload(
        safe_merge=True
    )  # into new tensors, so that what was made of the old ones is not kept


def remember_less(model: UnifiedModel, in_parts: bool = False) -> None:
    """Let each layer forget what it computed and compute it again on the way back: a third more work, far less memory.

    in_parts: the MLPs too go through their tokens some at a time, a fourth pass for still less memory.
    """
    forget = partial(checkpoint, use_reentrant=False)
    for module in model.modules():
        if hasattr(module, "gradient_checkpointing"):  # transformers' own switch, on each layer
            module.gradient_checkpointing, module._gradient_checkpointing_func = True, forget
        if isinstance(module, Mlp):
            module.in_parts = in_parts


def learned(model: nn.Module) -> list[nn.Parameter]:
    """The weights that learn."""
    return [weight for weight in model.parameters() if weight.requires_grad]


def optimizer_for(model: nn.Module, rate: float = 1e-4, paged: bool = False) -> torch.optim.Optimizer:
    """AdamW over what learns: with moments in 8 bits on a card, torch's own elsewhere.

    paged: let the driver move the moments to the host's memory when the card is full.
    """
    weights = learned(model)
    if weights[0].is_cuda:
        from bitsandbytes.optim import AdamW8bit, PagedAdamW8bit

        return (PagedAdamW8bit if paged else AdamW8bit)(weights, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    return torch.optim.AdamW(weights, rate, betas=(0.9, 0.95), weight_decay=0.0)
