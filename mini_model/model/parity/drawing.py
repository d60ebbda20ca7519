"""Drawing with guidance: velocities in every setting, whole walks from noise to picture, and bfloat16."""

import re

import torch
from torch import Tensor

from mini_model.model.checkpoint import load
from mini_model.model.contexts import Contexts
from mini_model.model.flow import Guidance, schedule
from mini_model.model.generate import (
    Canvas,
    clean_segment,
    decode_tokens,
    draw,
    encode_pictures,
    guided_velocity,
    places_of,
    seen_segment,
)
from mini_model.model.parity.layout import Laid, attention, latent_grid
from mini_model.model.parity.memory import check_cache, flat_places
from mini_model.model.parity.report import PIXEL, Golden
from mini_model.model.pictures import to_picture, to_pixels, unpatchify
from mini_model.model.sequence import Noised
from mini_model.model.unified import UnifiedModel

BF16 = 2.0  # our distance to float32 may be this many times the original's own
BRANCHES = ("cond", "text_uncond", "img_uncond")


def check_velocity(golden: Golden, model: UnifiedModel) -> None:
    """The three branches and every setting of guidance, at every time the golden holds."""
    grid = latent_grid(model, *golden.fact("image_hw"))
    for how in ("explicit", "sdpa"):
        with attention(model, how):
            contexts = contexts_of(golden, model)
            _check_contexts(golden, contexts, grid, f" [{how}]")
            for start, time in times_of(golden):
                x = golden[f"{start}x_t"]
                _check_branches(golden, contexts, x, grid, start, time, f" [{how}]")
                for name in runs_of(golden, f"{start}v."):
                    v = _velocity(golden, contexts, x, grid, time, name)
                    golden.check(f"{start}v.{name}", v, label=f" [{how}]")


def contexts_of(golden: Golden, model: UnifiedModel) -> Contexts:
    """The contexts that stand before the drawing: a picture where there is one, then the words."""
    contexts = Contexts.empty(model)
    if "ctx.vae_image" in golden:
        picture = golden["ctx.vae_image"]
        tokens = encode_pictures(model, picture[None])[0]
        seen = seen_segment(model, golden["ctx.vit_image"])
        contexts.add_picture([[clean_segment(model, tokens, latent_grid(model, *picture.shape[1:])), seen]])
    contexts.add_text([model.tokenizer.encode(golden.fact("prompt"))])
    return contexts


def times_of(golden: Golden) -> list[tuple[str, float]]:
    """How the names of a time's tensors begin, and the time."""
    if "timestep" in golden.facts:
        return [("", golden.fact("timestep"))]
    return [(f"t{i}.", time) for i, time in enumerate(golden.fact("timesteps"))]


def runs_of(golden: Golden, start: str) -> list[str]:
    """The names of the guidance settings: those the facts list, and those whose result is kept."""
    kept = [name.removeprefix(start) for name in golden.tensors if name.startswith(start)]
    return sorted({*golden.facts.get("runs", {}), *kept})


def guidance_of(name: str, settings: dict, interval: tuple[float, float] = (0.0, 1.0)) -> Guidance:
    """A setting as its facts state it; where a golden keeps the name alone, as in `text4_img1.5_global`."""
    told = re.fullmatch(r"text([\d.]+)(?:_img([\d.]+))?(?:_(global|channel|text_channel))?(?:_min[\d]+)?", name)
    text, image, renorm = told.groups() if told else (None, None, None)
    return Guidance(
        text=float(settings.get("cfg_text_scale", text or 1.0)),
        image=float(settings.get("cfg_img_scale", image or 1.0)),
        interval=tuple(settings.get("cfg_interval", interval)),
        renorm=settings.get("cfg_renorm_type", renorm or "global"),
        renorm_min=float(settings.get("cfg_renorm_min", 0.0)),
    )


def _velocity(golden: Golden, contexts: Contexts, x: Tensor, grid: tuple, time: float, name: str) -> Tensor:
    """The velocity of one picture under one setting."""
    guidance = guidance_of(name, golden.facts.get("runs", {}).get(name, {}))
    at = places_of(contexts.model, grid)
    return guided_velocity(contexts.model, contexts.branches(), x[None], at, time, contexts.marks, guidance, {})[0]


def _check_contexts(golden: Golden, contexts: Contexts, grid: tuple[int, int], label: str) -> None:
    """What the contexts hold, and the indexes that the original was fed with them."""
    marks, caches = contexts.marks, dict(zip(("", "cfg_text_", "cfg_img_"), contexts.branches(), strict=True))
    golden.check("ctx.prompt_ids", contexts.model.tokenizer.encode(golden.fact("prompt")), label=label)
    if "gen" in golden.facts:
        for name, cache in zip(("gen", "cfg_text", "cfg_img"), contexts.branches(), strict=True):
            golden.check_fact((name, "kv_lens"), cache.lengths)
            golden.check_fact((name, "ropes"), cache.positions)
        check_cache(golden, contexts.main, "ctx.gen", label)
    noise = golden["in.packed_init_noises"]
    segment = Noised(noise, places_of(contexts.model, grid), 1.0)
    for name, cache in caches.items():
        if name == "cfg_img_" and f"in.{name}key_values_lens" not in golden and "gen" not in golden.facts:
            continue  # text to image: this context is the main one, and the original was fed it once
        laid = Laid([[segment]], marks, cache.positions.tolist())
        keys, queries = flat_places(cache.lengths.tolist(), laid.batch.lengths.tolist())
        golden.check(f"in.{name}key_values_lens", cache.lengths, label=label)
        golden.check(f"in.{name}packed_key_value_indexes", keys, label=label)
        golden.check(f"in.{name}packed_position_ids", laid.in_order(laid.batch.position), label=label)
        golden.check(f"in.{name}packed_query_indexes" if name else "in.packed_indexes", queries, label=label)
        if not name:
            _check_noised(golden, laid, label)


def _check_noised(golden: Golden, laid: Laid, label: str) -> None:
    """The picture to draw, as a batch."""
    batch = laid.batch
    golden.check("in.packed_seqlens", batch.lengths, label=label)
    golden.check("in.packed_text_ids", batch.text_ids, label=label)
    golden.check("in.packed_text_indexes", laid.indexes("text"), label=label)
    golden.check("in.packed_vae_position_ids", batch.latent_at, label=label)
    golden.check("in.packed_vae_token_indexes", laid.indexes("latents"), label=label)


@torch.no_grad()
def _check_branches(
    golden: Golden, contexts: Contexts, x: Tensor, grid: tuple[int, int], start: str, time: float, label: str
) -> None:
    """The velocities before guidance, and the states behind the first, where the golden keeps them."""
    if f"{start}raw.{BRANCHES[0]}" not in golden and "gen" not in golden.facts:
        return
    model, at = contexts.model, places_of(contexts.model, grid)
    raw = Canvas.of(model, contexts.branches(), x[None], at, contexts.marks).velocities(model, x[None], time)
    for name, v in zip(BRANCHES, raw, strict=True):
        golden.check(f"{start}raw.{name}", v[0], label=label)
    laid = Laid([[Noised(x, at, time)]], contexts.marks, contexts.main.positions.tolist())
    golden.check(f"{start}embeds", laid.in_order(model.embed(laid.batch)), label=label)
    last = torch.cat(model.hidden(laid.batch, contexts.main))
    golden.check(f"{start}last_hidden", laid.in_order(last), label=label)


def check_walk(golden: Golden, model: UnifiedModel) -> None:
    """Whole walks: every point, every velocity, the last latents, and the picture."""
    contexts = contexts_of(golden.sibling("c_velocity"), model)
    grid = latent_grid(model, *golden.fact("image_hw"))
    for name, run in golden.fact("runs").items():
        guidance = guidance_of(name, run)
        walk = walk_of(contexts, golden["noise"], grid, run, guidance)
        times = schedule(len(walk) - 1, run["timestep_shift"])[:-1]
        golden.check_fact(("runs", name, "n_updates"), len(walk) - 1)
        golden.check_fact(("runs", name, "timesteps"), times)
        golden.check(f"{name}.timesteps", times)
        golden.check(f"{name}.x", torch.cat(walk[:-1]))
        golden.check(f"{name}.final", walk[-1][0])
        at, canvases = places_of(model, grid), {}
        v = [
            guided_velocity(model, contexts.branches(), x, at, float(t), contexts.marks, guidance, canvases)
            for x, t in zip(walk, times, strict=False)
        ]
        golden.check(f"{name}.v", torch.cat(v))
        check_picture(golden, model, walk[-1], grid, name)


def walk_of(contexts: Contexts, noise: Tensor, grid: tuple[int, int], run: dict, guidance: Guidance) -> list[Tensor]:
    """The noise and the latents after each step; `num_timesteps` counts the points of the walk."""
    steps = draw(
        contexts.model, contexts.branches(), noise[None], grid, contexts.marks,
        run["num_timesteps"] - 1, run["timestep_shift"], guidance,
    )  # fmt: skip
    return [noise[None], *steps]


def check_picture(golden: Golden, model: UnifiedModel, tokens: Tensor, grid: tuple[int, int], name: str) -> None:
    """The decoded picture: as latents and numbers where they are kept, and always as grey levels."""
    pixels = decode_tokens(model, tokens, grid)
    if f"{name}.vae_latent" in golden:
        latent = unpatchify(tokens[0], model.config.latent_patch_size, *grid)
        golden.check(f"{name}.vae_latent", latent[None])
    if f"{name}.decoded" in golden:
        golden.check(f"{name}.decoded", pixels)
    golden.check(f"{name}.uint8", grey_levels(to_picture(pixels[0])), PIXEL, " (grey levels)")


def grey_levels(picture) -> Tensor:
    """A picture's pixels as whole numbers from 0 to 255."""
    return ((to_pixels(picture) + 1) * 127.5).round().permute(1, 2, 0)


def check_bf16(golden: Golden, model: UnifiedModel) -> None:
    """In bfloat16 our velocities are about as far from the float32 ones as the original's are."""
    float32 = golden.sibling("c_velocity")
    half = load(golden.folder / "model", torch.bfloat16)
    contexts, grid = contexts_of(float32, half), latent_grid(half, *float32.fact("image_hw"))
    for start, time in times_of(float32):
        for name in runs_of(golden, f"{start}v."):
            exact, theirs = float32[f"{start}v.{name}"], golden[f"{start}v.{name}"]
            stated = golden.fact("relative_l2_to_float32", f"{start}{name}")
            ours = _velocity(float32, contexts, float32[f"{start}x_t"], grid, time, name)
            golden.compare(f"{start}{name}, the original's relative distance", distance(theirs, exact), stated)
            golden.add(f"{start}{name}, our relative distance", distance(ours, exact), BF16 * stated)


def distance(x: Tensor, exact: Tensor) -> float:
    """Length of the difference, relative to the exact velocity's."""
    return float((x.float() - exact).norm() / exact.norm())
