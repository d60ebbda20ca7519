"""The training forward: from plans, words and pictures to every element of the loss and every gradient."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from mini_model.model.checkpoint import marks_of
from mini_model.model.flow import shift_time
from mini_model.model.generate import clean_segment, seen_segment
from mini_model.model.parity.layout import (
    Laid,
    attention,
    encode_together,
    latent_grid,
    outputs_of,
    pad_together,
)
from mini_model.model.parity.report import NORM, Golden
from mini_model.model.sequence import Clean, Noised, Sample, Segment, Text, segment_length
from mini_model.model.unified import Losses, UnifiedModel

MODES = {Text: "causal", Noised: "noise"}  # the rest attends to all of itself


def check_training(golden: Golden, model: UnifiedModel) -> None:
    """One golden of the training forward, by both attention paths and both ways of filling rows."""
    source = golden if "plans" in golden.facts else golden.sibling("a_train")
    samples = read_samples(golden, source, model)
    marks = marks_of(model.tokenizer)
    for how, starts in (("explicit", None), ("sdpa", [0] * len(samples))):
        laid = Laid(samples, marks, starts)
        if source is golden:
            _check_layout(golden, laid, samples, shift_of(golden, model), how)
        with attention(model, how):
            _check_numbers(golden, model, laid, f" [{how}]")
    model.zero_grad(set_to_none=True)


def read_samples(golden: Golden, source: Golden, model: UnifiedModel) -> list[Sample]:
    """Segments from the plan's items; `source` holds the inputs, `golden` may name another time shift."""
    plans, texts = source.fact("plans"), source.fact("texts")
    pictures = _pictures(source, plans)
    items = [item for row in pictures for item in row]
    drawn = [picture for item, picture in items if item["type"] == "vae_image"]
    latents, tokens = encode_together(model, drawn) if drawn else (None, [])
    if drawn and source is golden:
        golden.check("in.padded_latent", latents)
        if "in.padded_images" in golden:
            golden.check("in.padded_images", pad_together(drawn))
    fed = _Latents(golden, source, model, iter(tokens))
    samples = []
    for plan, words, row in zip(plans, texts, pictures, strict=True):
        words, row = iter(words), iter(row)
        samples.append([_segment(item, words, row, fed, model) for item in plan])
    return samples


def _pictures(source: Golden, plans: list) -> list[list]:
    """For each sample its picture items, each with its pixels."""
    rows = []
    for i, plan in enumerate(plans):
        items = [item for item in plan if item["type"] != "text"]
        rows.append([(item, source[f"sample{i}.image.{j}"]) for j, item in enumerate(items)])
    return rows


def _segment(item: dict, words: Iterator, row: Iterator, fed: "_Latents", model: UnifiedModel) -> Segment:
    """One item of a plan as our segment."""
    if item["type"] == "text":
        then = item["special_token_label"] if item["special_token_loss"] else None
        return Text(model.tokenizer.encode(next(words)), loss=bool(item["loss"]), then=then)
    picture = next(row)[1]
    if item["type"] == "vit_image":
        return seen_segment(model, picture)
    return fed.take(picture, bool(item["loss"]))


class _Latents:
    """Hands out the tokens, noise and time of one picture after another, in the plan's order."""

    def __init__(self, golden: Golden, source: Golden, model: UnifiedModel, tokens: Iterator) -> None:
        self.source, self.model, self.tokens, self.used = source, model, tokens, 0
        self.shift = shift_of(golden, model)

    def take(self, picture: Tensor, drawn: bool) -> Clean | Noised:
        """The next picture's latents: as they are, or mixed with their noise at their time."""
        tokens = next(self.tokens)
        clean = clean_segment(self.model, tokens, latent_grid(self.model, *picture.shape[1:]))
        mine = slice(self.used, self.used + len(tokens))
        self.used = mine.stop
        if not drawn:
            return clean
        raw = self.source["in.packed_timesteps_raw"][mine][0]
        time = float(shift_time(torch.sigmoid(raw), self.shift))
        return Noised(tokens, clean.at, time, self.source["in.noise"][mine])


def shift_of(golden: Golden, model: UnifiedModel) -> float:
    """The time shift: a fact of its own, else told in words (`timestep_shift = 3.0`), else the model's."""
    if "timestep_shift" in golden.facts:
        return float(golden.fact("timestep_shift"))
    told = re.search(r"timestep_shift = ([\d.]*\d)", str(golden.facts.get("what", "")))
    return float(told[1]) if told else model.config.timestep_shift


def _check_layout(golden: Golden, laid: Laid, samples: list[Sample], shift: float, how: str) -> None:
    """Everything `pack` decides, against the indexes that the original was fed."""
    label = f" [{how}]"
    fed = _words_fed(laid) | _seen_fed(laid) | _latents_fed(laid)
    for name, ours in fed.items():
        golden.check(f"in.{name}", ours, label=label)
    if "in.packed_timesteps_sigmoid" in golden:
        times = shift_time(golden["in.packed_timesteps_sigmoid"], shift)
        golden.compare(f"times{label}", laid.sorted("latents", laid.batch.time), times)
    if "in.attention_mask_dense" in golden:
        golden.check("in.attention_mask_dense", laid.mask().to(torch.uint8), label=label)
    if how == "explicit":
        segments = [segment for sample in samples for segment in sample]
        _check_plan(golden, segments, [sum(map(segment_length, sample)) for sample in samples])


def _words_fed(laid: Laid) -> dict[str, Tensor]:
    """Positions of all tokens, ids of the text tokens, and the targets among them."""
    batch = laid.batch
    fed = {
        "packed_position_ids": laid.in_order(batch.position),
        "packed_text_ids": laid.sorted("text", batch.text_ids),
        "packed_text_indexes": laid.indexes("text"),
    }
    if len(batch.ce_at):
        at = laid.at[batch.ce_at].sort()
        fed |= {"ce_loss_indexes": at.values, "packed_label_ids": batch.ce_labels[at.indices]}
    return fed


def _seen_fed(laid: Laid) -> dict[str, Tensor]:
    """The vision encoder's patches, where there are any."""
    if not laid.batch.patch_counts:
        return {}
    return {
        "packed_vit_token_indexes": laid.indexes("seen"),
        "packed_vit_tokens": laid.sorted("seen", laid.batch.patches),
        "packed_vit_position_ids": laid.sorted("seen", laid.batch.patch_at),
        "vit_token_seqlens": torch.tensor(laid.seen_lengths()),
    }


def _latents_fed(laid: Laid) -> dict[str, Tensor]:
    """Places of the latent tokens, where there are any, and which of them are drawn."""
    if not len(laid.batch.latents):
        return {}
    return {
        "packed_vae_token_indexes": laid.indexes("latents"),
        "packed_latent_position_ids": laid.sorted("latents", laid.batch.latent_at),
        "mse_loss_indexes": laid.at[laid.part("latents")][laid.batch.noised].sort().values,
    }


def _check_plan(golden: Golden, segments: list[Segment], sizes: list[int]) -> None:
    """Lengths of segments and samples; the original's lists end with an entry of padding that we lack."""
    lengths = [segment_length(segment) for segment in segments]
    golden.check_fact(("sequence_length",), sum(sizes))
    golden.compare("split_lens", lengths, golden.fact("split_lens")[:-1])
    golden.compare("sample_lens", sizes, golden.fact("sample_lens")[:-1])
    modes = [MODES.get(type(segment), "full") for segment in segments]
    golden.add("attn_modes", float(modes != golden.fact("attn_modes")[:-1]), 0.0)
    if "in.ce_loss_weights" in golden:
        golden.check("in.ce_loss_weights", loss_weights(segments))


def loss_weights(segments: list[Segment]) -> Tensor:
    """A target counts 1/sqrt(targets in its text), a switch token 1 (an option of the original)."""
    weights = []
    for segment in segments:
        if isinstance(segment, Text) and segment.loss:
            count = len(segment.ids) + 1
            weights += [count**-0.5] * count + [1.0] * (segment.then is not None)
    return torch.tensor(weights)


def _check_numbers(golden: Golden, model: UnifiedModel, laid: Laid, label: str) -> None:
    """Hidden states, losses and gradients of one forward and backward."""
    model.zero_grad(set_to_none=True)
    with outputs_of(model.language_model.model.layers) as layers:
        losses = model(laid.batch)
    losses.total().backward()
    order = laid.at[laid.batch.ce_at].argsort()
    ce, mse = losses.ce[order], losses.mse
    if len(ce) or "out.ce" in golden:
        golden.check("out.ce", ce, label=label)
    if len(mse) or "out.mse" in golden:
        golden.check("out.mse", mse[laid.at[laid.part("latents")][laid.batch.noised].argsort()], label=label)
    _check_means(golden, losses, ce, label)
    if "mid.packed_sequence" in golden:
        _check_middle(golden, model, laid, layers, label)
    if "grad_norms" in golden.facts:
        _check_gradients(golden, model, label)


def _check_means(golden: Golden, losses: Losses, ce: Tensor, label: str) -> None:
    """The single figures that the facts state, each under one of two names."""
    figures = {"loss_value": losses.total(), "ce": losses.ce.mean(), "mse": losses.mse.mean()}
    for kind, ours in figures.items():
        for path in ((kind,), (f"{kind}_mean",), ("mean", kind)):
            if path[-1] in (golden.facts if len(path) == 1 else golden.facts.get("mean", {})):
                golden.check_fact(path, ours, label=label)
    if "ce_reweighted" in golden.facts:
        weights = golden["in.ce_loss_weights"]
        golden.check_fact(("ce_reweighted",), (ce * weights).sum() / weights.sum(), label=label)


@torch.no_grad()
def _check_middle(golden: Golden, model: UnifiedModel, laid: Laid, layers: list, label: str) -> None:
    """Embedded tokens, the stream after each layer, and the normed last states."""
    golden.check("mid.packed_sequence", laid.in_order(model.embed(laid.batch)), label=label)
    for index, x in enumerate(layers):
        golden.check(f"mid.layer.{index}", laid.in_order(x), label=label)
    last = torch.cat(model.hidden(laid.batch))
    golden.check("mid.last_hidden_state", laid.in_order(last), label=label)


def _check_gradients(golden: Golden, model: UnifiedModel, label: str) -> None:
    """The norm of every parameter's gradient, the worst of them as one case, and the gradients kept whole."""
    norms = dict(golden.fact("grad_norms")) | dict.fromkeys(golden.facts.get("params_without_grad", []), 0.0)
    ours = {name: 0.0 if p.grad is None else float(p.grad.norm()) for name, p in model.named_parameters()}
    if norms.keys() != ours.keys():
        odd = ", ".join(sorted(norms.keys() ^ ours.keys())[:4])
        golden.add(f"grad_norms{label}", None, NORM[1], f"names differ: {odd}")
        return
    errors = {name: abs(ours[name] - norms[name]) for name in ours}
    worst = max(errors, key=lambda name: errors[name] / (NORM[0] * norms[name] + NORM[1]))
    golden.add(f"grad_norms, {len(ours)} parameters{label}", errors[worst], NORM[0] * norms[worst] + NORM[1], worst)
    if "grad_total_norm" in golden.facts:
        total = torch.tensor(list(ours.values())).norm()
        allowed = NORM[0] * golden.fact("grad_total_norm") + NORM[1]
        golden.check_fact(("grad_total_norm",), total, allowed, label)
    for name in [name for name in golden.tensors if name.startswith("grad.")]:
        golden.check(name, model.get_parameter(name.removeprefix("grad.")).grad, label=label)
