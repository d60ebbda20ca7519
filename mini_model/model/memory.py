"""How much of a card's memory a setting takes, part by part, told before anything is loaded.

Weights, adapters and moments are counted exactly, from the model's outline. What a step computes is counted with the
number of copies that each kind of tensor leaves behind; the report of a card puts the measured peak beside it.
GB here are 2**30 bytes, as the memory of cards is counted.

Letters in comments:  N tokens   W width   F numbers inside an MLP   L layers
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import torch

from mini_model.errors import KitError
from mini_model.model.contexts import seen_fit
from mini_model.model.pictures import fit_size
from mini_model.model.presets import preset
from mini_model.model.quantize import BLOCK, TOWERS, check_packing
from mini_model.model.random_weights import outline
from mini_model.model.transformer import AT_ONCE
from mini_model.model.unified import LOGITS_AT_ONCE, UnifiedModel

GB = 2**30
DRIVER = 0.5  # GB of a card that its driver and the libraries' own code take
BYTES = {None: 2.0, "nf4": 0.5 + 1 / 64 + 4 / (64 * 256), "int8": 1.0}  # a packed weight's, its scales included
BYTES["nf4-all"] = BYTES["nf4"]
RESOLUTIONS = (1024, 512, 256)
SEEN = {name: seen_fit(preset(name)) for name in ("bagel-7b", "tiny")}  # how large a picture is looked at
IN_ATTENTION, IN_MLP = 30, 8  # bytes a layer leaves behind for each of N x W, and of N x F, while it learns
IN_PAINTING = 40  # bytes for each of N x W of the largest moment of a layer that does not learn


@dataclass(frozen=True)
class Setting:
    """What is to be done with the model, and how sparingly."""

    preset: str = "bagel-7b"
    task: str = "train"  # "train": learn from one trajectory; "paint": one denoising step
    packing: str | None = "nf4"
    und: int = 16  # rank of the adapter in each expert
    gen: int = 16
    pixels: int = 512
    pictures: int = 4  # drawn in the trajectory, all but the last looked at again; when painting: in the context
    words: int = 512
    in_parts: bool = False  # MLPs think of some tokens at a time while they learn
    words_on_host: bool = False  # the table of words stays outside the card
    apart: bool = False  # guidance branches one after another

    def check(self) -> None:
        """One clear error for what cannot be."""
        preset(self.preset)
        if self.packing is not None:
            check_packing(self.packing)
        if self.pixels < 32 or self.pixels > 1024 or self.pixels % 16:
            raise KitError(f"{self.pixels} pixels: the edge of a picture is 32 to 1024, in steps of 16")
        if min(self.pictures, self.words) < 1 or min(self.und, self.gen) < 0:
            raise KitError("pictures and words start at 1, ranks at 0")

    @property
    def latents(self) -> int:
        """Latent tokens of a picture."""
        return self.side**2

    @property
    def side(self) -> int:
        """Latent tokens along the edge of a picture."""
        return self.pixels // 16

    @property
    def patches(self) -> int:
        """Patches of a picture that is looked at."""
        return self.side_seen**2

    @property
    def side_seen(self) -> int:
        """Patches along the edge of a picture that is looked at."""
        fit = SEEN[self.preset]
        return fit_size(self.pixels, self.pixels, *fit)[0] // fit.stride

    @property
    def looked_at(self) -> int:
        """Tokens of a picture that is there: to draw on, and to look at."""
        return self.latents + self.patches

    @property
    def tokens(self) -> int:
        """Tokens of the trajectory, or of the context a picture is painted in; marks are counted among the words."""
        drawn = self.pictures if self.task == "train" else 0
        again = self.pictures - 1 if self.task == "train" else self.pictures
        return drawn * self.latents + again * self.looked_at + self.words


def predict(setting: Setting) -> dict[str, float]:
    """GB by part; their sum is the highest moment of a step. Raises KitError for a setting that cannot be."""
    setting.check()
    model = _shape(setting.preset)
    parts = _weights(model, setting)
    parts |= _training(model, setting) if setting.task == "train" else _painting(model, setting)
    return {name: amount / GB for name, amount in parts.items()}


@cache
def _shape(name: str) -> UnifiedModel:
    """The outline of a preset, drawn once."""
    return outline(preset(name))


def _weights(model: UnifiedModel, setting: Setting) -> dict[str, float]:
    """Bytes of the weights of each part."""
    names = ("understanding expert", "generation expert", "table of words", "head", "joints", "encoder")
    parts = dict.fromkeys(names, 0.0)
    packed = BYTES[setting.packing]
    linears = {f"{n}.weight" for n, module in model.named_modules() if getattr(module, "in_features", 1) % BLOCK == 0}
    for name, weight in model.named_parameters():
        everything = setting.packing == "nf4-all" and name in linears
        small = everything or TOWERS.fullmatch(name.removesuffix(".weight")) and name in linears
        parts[_part_of(name)] += weight.numel() * (packed if small else 2.0)
    if setting.words_on_host:
        parts["table of words"] = 0.0
    return {**parts, "autoencoder": 2.0 * sum(w.numel() for w in model.autoencoder.parameters())}


def _part_of(name: str) -> str:
    """The part that a weight belongs to."""
    starts = {
        "language_model.model.embed_tokens": "table of words",
        "language_model.lm_head": "head",
        "vit_model": "encoder",
    }
    known = next((part for start, part in starts.items() if name.startswith(start)), None)
    expert = "generation expert" if "moe_gen" in name else "understanding expert"
    return known or (expert if name.startswith("language_model") else "joints")


def _training(model: UnifiedModel, setting: Setting) -> dict[str, float]:
    """Bytes of the adapter, of what the optimiser keeps, and of one step whose layers forget and compute again."""
    llm = model.config.llm
    linears = [(n, m.in_features + m.out_features) for n, m in model.named_modules() if TOWERS.fullmatch(n)]
    adapter = sum(size * (setting.gen if "moe_gen" in name else setting.und) for name, size in linears)
    count, width, inner = setting.tokens, llm.hidden_size, llm.intermediate_size
    drawn = setting.latents * (2 * setting.pictures - 1)  # the larger expert's tokens, most often
    most = min(max(drawn, count - drawn) * inner, AT_ONCE if setting.in_parts else 2**62)
    in_mlps = IN_MLP * (most if setting.in_parts else count * inner)
    layer = IN_ATTENTION * count * width + in_mlps + 6 * most  # and three gradients of the MLP's inner numbers
    logits = 12 * min(setting.words * llm.vocab_size, LOGITS_AT_ONCE)  # bf16, float32, probabilities, gradient
    return {
        "adapter": 6.0 * adapter,  # float32, and a bf16 copy while it computes
        "gradients": 4.0 * adapter,
        "moments": 2.06 * adapter,  # two of 8 bits, and their scales
        "activations": 2.0 * llm.num_hidden_layers * count * width + layer,  # each layer's input, and one layer whole
        "logits": max(0.0, logits - layer),  # when they are there, no layer is
        "workspace": 3.0 * count**2 + 4 * width * inner,  # who sees whom; a layer's weights unpacked
    }


def _painting(model: UnifiedModel, setting: Setting) -> dict[str, float]:
    """Bytes of the memories of the guidance branches, and of one denoising step with three of them."""
    llm = model.config.llm
    width, inner, branches = llm.hidden_size, llm.intermediate_size, 1 if setting.apart else 3
    fresh, room = setting.latents + 2, setting.tokens + setting.latents + 2
    slot = 4 * llm.num_hidden_layers * llm.num_key_value_heads * (width // llm.num_attention_heads)
    count = branches * fresh
    return {
        "cache": 1.0 * slot * (setting.tokens + 1024 + setting.words + branches * room),  # two read, copies drawn on
        "activations": 1.0 * IN_PAINTING * count * width,
        "workspace": branches * (4.0 * room * width + 4 * fresh * room) + 4 * width * inner,  # keys repeated; the mask
    }


def fits(setting: Setting, budget: float) -> bool:
    """Whether a card of so many GB holds this setting, its driver beside it."""
    return sum(predict(setting).values()) + DRIVER <= budget


def room(device: torch.device, budget: float | None) -> float | None:
    """GB that may be used: as many as are planned for, and of a card no more than it has; None is no bound."""
    if device.type != "cuda":
        return budget
    whole = round(torch.cuda.get_device_properties(device).total_memory / GB, 1)
    return min(whole, budget or whole)


def nearest(setting: Setting, budget: float) -> Setting | None:
    """The setting closest to the one asked for that fits, dearest wishes kept longest; None if there is none.

    First what costs only time is given up, then the packing, then resolution, then pictures.
    """
    sizes = [pixels for pixels in RESOLUTIONS if pixels <= setting.pixels] or [setting.pixels]
    for pictures, pixels, packing in product(
        range(setting.pictures, 0, -1), dict.fromkeys([setting.pixels, *sizes]), dict.fromkeys([setting.packing, "nf4"])
    ):
        for on_host, slowly in ((False, False), (True, False), (True, True)):
            candidate = replace(
                setting, pictures=pictures, pixels=pixels, packing=packing,
                words_on_host=on_host or setting.words_on_host,
                in_parts=slowly and setting.task == "train" or setting.in_parts,
                apart=slowly and setting.task == "paint" or setting.apart,
            )  # fmt: skip
            if fits(candidate, budget):
                return candidate
    return None


def answer(setting: Setting, budget: float) -> dict:
    """The command's answer: parts, total, whether it fits, and what to do if it does not."""
    parts = predict(setting)
    total = sum(parts.values()) + DRIVER
    suggestion = None if total <= budget else _advice(setting, nearest(setting, budget), budget)
    return {
        "parts": {**{name: round(amount, 3) for name, amount in parts.items()}, "driver": DRIVER},
        "total_gb": round(total, 2),
        "budget_gb": budget,
        "fits": total <= budget,
        "suggestion": suggestion,
    }


def _advice(asked: Setting, found: Setting | None, budget: float) -> str:
    """In words, what to change for a setting to fit."""
    if found is None:
        return f"nothing of this kind fits {budget:g} GB; take a larger card"
    changes = [
        f"{name.replace('_', ' ')} {getattr(found, name)} instead of {getattr(asked, name)}"
        for name in ("packing", "pixels", "pictures", "words_on_host", "in_parts", "apart")
        if getattr(found, name) != getattr(asked, name)
    ]
    return f"{', '.join(changes)}: {sum(predict(found).values()) + DRIVER:.1f} GB"


def as_text(said: dict) -> str:
    """A table of the parts, the total, and the verdict."""
    lines = [f"{name:<22} {amount:>7.2f} GB" for name, amount in said["parts"].items()]
    verdict = "fits" if said["fits"] else f"does not fit; nearest that does: {said['suggestion']}"
    return "\n".join([*lines, f"{'in all':<22} {said['total_gb']:>7.2f} GB of {said['budget_gb']:g}: {verdict}"])
