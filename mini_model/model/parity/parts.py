"""The parts by themselves: autoencoder, vision encoder, places, times, positions, masks, sizes, words."""

import re
from collections.abc import Iterable

import torch

from mini_model.model.checkpoint import marks_of
from mini_model.model.embeddings import time_sinusoid
from mini_model.model.flow import schedule, shift_time
from mini_model.model.generate import seen_segment
from mini_model.model.parity.layout import outputs_of
from mini_model.model.parity.report import Golden, Missing
from mini_model.model.pictures import fit_size, patchify, places
from mini_model.model.sequence import CAUSAL, FULL, NOISE, attention_mask
from mini_model.model.unified import UnifiedModel


@torch.no_grad()
def check_parts(golden: Golden, model: UnifiedModel) -> None:
    """Every part of the model that can be looked at alone."""
    _check_autoencoder(golden, model)
    for name in sorted({key.split(".")[1] for key in golden.tensors if re.fullmatch(r"vit\.\w+\.tokens", key)}):
        _check_encoder(golden, model, name)
    _check_times(golden, model)
    _check_masks(golden)
    _check_places(golden)
    _check_sizes(golden)
    _check_words(golden, model)


def _check_autoencoder(golden: Golden, model: UnifiedModel) -> None:
    """Both ways through the autoencoder; `padded_batch` shows what a neighbour's size does to a picture."""
    net = model.autoencoder
    golden.check("vae.moments", net.moments(golden["vae.x"]))
    golden.check("vae.z_mean_scaled", net.encode(golden["vae.x"]))
    golden.check("vae.z_sampled_scaled", net.encode(golden["vae.x"], golden["vae.eps"]))
    golden.check("vae.decode_of_z_mean", net.decode(golden["vae.z_mean_scaled"]))
    alone, together = net.encode(golden["vae.x_nonsquare"]), net.encode(golden["vae.padded_batch"])
    golden.check("vae.z_nonsquare", alone)
    golden.check("vae.z_padded_batch", together)
    rows, columns = alone.shape[2:]
    height, width = golden["vae.x_nonsquare"].shape[2:]
    same = (golden["vae.padded_batch"][:, :, :height, :width] == golden["vae.x_nonsquare"]).flatten(1).all(1)
    shift = (together[same, :, :rows, :columns] - alone).abs().max()
    golden.check_fact(("padding_changes_latent_max_abs",), shift)


def _check_encoder(golden: Golden, model: UnifiedModel, name: str) -> None:
    """One picture or several in one go: patches, places, each layer, features, and the connector's answer."""
    counts = golden[f"vit.{name}.cu_seqlens"].diff().tolist()
    seen = [seen_segment(model, golden[f"vit.image.{i}"]) for i in range(len(counts))]
    golden.compare(f"vit.{name}.counts", [len(s.at) for s in seen], counts)
    patches, at = torch.cat([s.patches for s in seen]), torch.cat([s.at for s in seen])
    golden.check(f"vit.{name}.tokens", patches)
    golden.check(f"vit.{name}.position_ids", at)
    for how in ("explicit", "sdpa"):
        encoder, label = model.vit_model.vision_model, f" [{how}]"
        with outputs_of(encoder.encoder["layers"]) as layers:
            features = encoder(patches, at, counts, how)
        for index, padded in enumerate(layers):
            x = torch.cat([row[:count] for row, count in zip(padded, counts, strict=True)])
            golden.check(f"vit.{name}.layer.{index}", x, label=label)
        golden.check(f"vit.{name}.features", features, label=label)
        connected = model.connector(features)
        golden.check(f"vit.{name}.connector", connected, label=label)
        golden.check(f"vit.{name}.embeds", connected + model.vit_pos_embed(at), label=label)


def _check_times(golden: Golden, model: UnifiedModel) -> None:
    """Time as a vector, the schedule, the shift; and positions as angles."""
    golden.check("time.sinusoid", time_sinusoid(golden["time.t"]))
    golden.check("time.embedding", model.time_embedder(golden["time.t"]))
    positions = golden["rope.position_ids"]
    cos, sin = model.language_model.model.rotary_emb(torch.zeros(1), positions[None])
    golden.check("rope.cos", cos[0])
    golden.check("rope.sin", sin[0])
    for name, points, shift in _named(golden, r"schedule_(\d+)_shift([\d.]+)"):
        golden.check_fact((name,), schedule(int(points) - 1, float(shift)))
    raw = torch.tensor([float(value) for value in golden.fact("shift", "raw")])
    golden.check_fact(("shift", "sigmoid"), raw.sigmoid())
    for key in [key for key in golden.fact("shift") if key.startswith("shift")]:
        golden.check_fact(("shift", key), shift_time(raw.sigmoid(), float(key.removeprefix("shift"))))


def _named(golden: Golden, pattern: str) -> Iterable[tuple[str, ...]]:
    """The facts whose name tells their settings; at least one must be there."""
    found = [(match[0], *match.groups()) for match in (re.fullmatch(pattern, name) for name in golden.facts) if match]
    if not found:
        raise Missing(pattern)
    return found


def _check_masks(golden: Golden) -> None:
    """Who sees whom, for small samples of every kind of split."""
    kinds = {"causal": CAUSAL, "full": FULL, "noise": NOISE}
    for i, case in enumerate(golden.fact("masks")):
        ends = torch.tensor(case["split_lens"]).cumsum(0).tolist()
        starts = [0, *ends]
        splits = [(0, *span, 0, kinds[mode]) for *span, mode in zip(starts, ends, case["attn_modes"], strict=False)]
        mask, _ = attention_mask(splits, 1, ends[-1])
        golden.compare(f"masks.{i}", mask[0].long(), case["allowed"])


def _check_places(golden: Golden) -> None:
    """Flattening a picture, and where each patch looks its place up, with and without stretching."""
    rows, columns, edge = map(int, re.search(r"h=(\d+), w=(\d+), patch (\d+)", golden.fact("latent_patchify")).groups())
    latent = golden["latent_patchify.latent"][:, : rows * edge, : columns * edge]
    golden.check("latent_patchify.tokens", patchify(latent, edge))
    for i, case in enumerate(golden.fact("position_ids")):
        size = case["img_h"] // case["patch"], case["img_w"] // case["patch"]
        plain, wide = (places(*size, case["max_per_side"], stretch) for stretch in (False, True))
        ours = {"n": len(plain), "sum": int(plain.sum()), "extrapolate": plain}
        ours |= {"n_interpolate": len(wide), "interpolate_sum": int(wide.sum()), "interpolate": wide}
        for key in ("first", "last"):
            few = len(case[key])
            ours[key] = plain[:few] if key == "first" else plain[-few:]
        for key in ours.keys() & case.keys():
            golden.compare(f"position_ids.{i}.{key}", ours[key], case[key])


def _check_sizes(golden: Golden) -> None:
    """The resize rule: one case for each preset, the error being the worst edge."""
    for name, table in golden.fact("image_sizes").items():
        rule = table["max_size"], table["min_size"], table["stride"], table["max_pixels"]
        ours = [fit_size(row["w"], row["h"], *rule, row["img_num"]) for row in table["rows"]]
        golden.compare(f"image_sizes.{name}", ours, [(row["out_w"], row["out_h"]) for row in table["rows"]])


def _check_words(golden: Golden, model: UnifiedModel) -> None:
    """Ids of whole texts and of the four marks."""
    for i, (text, ids) in enumerate(golden.fact("tokenizer", "encode").items()):
        golden.compare(f"tokenizer.{i}", model.tokenizer.encode(text), ids)
    names = "bos_token_id", "eos_token_id", "start_of_image", "end_of_image"
    golden.compare(
        "tokenizer.special",
        list(marks_of(model.tokenizer)),
        [golden.fact("tokenizer", "special", n) for n in names],
    )
