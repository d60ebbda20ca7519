"""Reading with a memory: text and pictures fed step by step, then greedy words."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mini_model.model.attention import Cache
from mini_model.model.checkpoint import marks_of
from mini_model.model.generate import clean_segment, greedy, next_logits, seen_segment, write
from mini_model.model.parity.layout import (
    Laid,
    attention,
    encode_together,
    latent_grid,
    outputs_of,
    pad_together,
)
from mini_model.model.parity.report import Golden
from mini_model.model.sequence import Segment, Text
from mini_model.model.unified import UnifiedModel


def check_prefill(golden: Golden, model: UnifiedModel) -> None:
    """Each step's positions, hidden states and lengths; the caches at the end; words where there are some."""
    for how in ("explicit", "sdpa"):
        with attention(model, how):
            cache = Cache.empty(len(golden.fact("steps", 0, "kv_lens")))
            for i, step in enumerate(golden.fact("steps")):
                read_step(golden, model, cache, step, f"step{i}", f" [{how}]")
                _check_lengths(golden, cache, ("steps", i))
            check_cache(golden, cache, "final", f" [{how}]")
            if "generate" in golden.facts:
                check_words(golden, model, cache, "generate.", f" [{how}]")


def check_writing(golden: Golden, model: UnifiedModel) -> None:
    """Greedy text after each of the golden's contexts: logits, tokens, and what the writer makes of them."""
    for name, run in golden.fact("runs").items():
        cache = Cache.empty(1)
        for i, step in enumerate(run["steps"]):
            read_step(golden, model, cache, step, f"{name}.step{i}")
            _check_lengths(golden, cache, ("runs", name, "steps", i))
        mark = cache.mark()
        logits = check_words(golden, model, cache, f"{name}.")
        tokens = golden[f"{name}.tokens"].tolist()
        golden.check_fact(("runs", name, "tokens"), tokens)
        golden.check_fact(("runs", name, "next_tokens"), logits[:, 0].argmax(-1))
        golden.add(f"{name}.text", float(model.tokenizer.decode(tokens) != run["text"]), 0.0)
        wrote = write(model, cache.at(mark), marks_of(model.tokenizer), len(tokens) - 1, greedy)
        golden.compare(f"{name}.tokens [write]", wrote.ids[0], tokens[1:])


def read_step(golden: Golden, model: UnifiedModel, cache: Cache, step: dict, name: str, label: str = "") -> None:
    """Feed one text or picture to each row, and compare what the original was fed and what it made of it.

    Some goldens keep the pictures alone, some the whole step.
    """
    kind, rows = step["kind"], len(cache.lengths)
    pictures = [] if kind == "text" else [golden[f"{name}.image.{r}"] for r in range(rows)]
    segments = _segments(model, kind, step.get("prompts", []), pictures)
    laid = Laid([[segment] for segment in segments], marks_of(model.tokenizer), cache.positions.tolist())
    if f"{name}.last_hidden" in golden:
        _check_step(golden, laid, cache, kind, f"{name}.in.", label)
        if kind == "vae":
            golden.check(f"{name}.in.padded_images", pad_together(pictures), label=label)
    with torch.no_grad(), outputs_of(model.language_model.model.layers) as layers:
        embedded = laid.in_order(model.embed(laid.batch))
        last = laid.in_order(torch.cat(model.hidden(laid.batch, cache, keep=True)))
    if f"{name}.last_hidden" in golden:
        golden.check(f"{name}.embeds", embedded, label=label)
        golden.check(f"{name}.last_hidden", last, label=label)
        if f"{name}.layer.0" in golden:
            for index, x in enumerate(layers):
                golden.check(f"{name}.layer.{index}", laid.in_order(x), label=label)


def _segments(model: UnifiedModel, kind: str, prompts: list[str], pictures: list[Tensor]) -> list[Segment]:
    """One segment for each row."""
    if kind == "text":
        return [Text(model.tokenizer.encode(prompt)) for prompt in prompts]
    if kind == "vit":
        return [seen_segment(model, picture) for picture in pictures]
    tokens = encode_together(model, pictures)[1]
    return [clean_segment(model, t, latent_grid(model, *p.shape[1:])) for t, p in zip(tokens, pictures, strict=True)]


def _check_step(golden: Golden, laid: Laid, cache: Cache, kind: str, name: str, label: str) -> None:
    """The indexes that the original was fed in this step."""
    batch, positions = laid.batch, laid.in_order(laid.batch.position)
    keys, queries = flat_places(cache.lengths.tolist(), batch.lengths.tolist())
    fed = {"key_values_lens": cache.lengths, "packed_key_value_indexes": keys}
    fed["packed_text_ids"] = laid.sorted("text", batch.text_ids)
    if kind == "text":
        fed |= {"packed_text_position_ids": positions, "packed_text_indexes": queries}
        fed["text_token_lens"] = batch.lengths
    else:
        fed |= {"packed_position_ids": positions, "packed_indexes": queries}
        fed |= {"packed_seqlens": batch.lengths, "packed_text_indexes": laid.indexes("text")}
    if kind == "vae":
        fed |= {"packed_vae_position_ids": batch.latent_at, "packed_timesteps": batch.time[:1].long()}
        fed["packed_vae_token_indexes"] = laid.indexes("latents")
    if kind == "vit":
        fed |= {"packed_vit_position_ids": batch.patch_at, "packed_vit_tokens": batch.patches}
        fed |= {"packed_vit_token_indexes": laid.indexes("seen"), "vit_token_seqlens": batch.patch_counts}
    for key, ours in fed.items():
        golden.check(name + key, ours, label=label)


def flat_places(known: list[int], fed: list[int]) -> tuple[Tensor, Tensor]:
    """Where old keys and new queries stand when row lies behind row, as in the original's cache."""
    owner = torch.cat([torch.tensor([0] * k + [1] * q) for k, q in zip(known, fed, strict=True)])
    return (owner == 0).nonzero().flatten(), (owner == 1).nonzero().flatten()


def _check_lengths(golden: Golden, cache: Cache, path: tuple) -> None:
    """How much each row holds, and which position comes next."""
    golden.check_fact((*path, "kv_lens"), cache.lengths)
    golden.check_fact((*path, "ropes"), cache.positions)


def check_cache(golden: Golden, cache: Cache, name: str, label: str = "") -> None:
    """The keys and values of every layer, row behind row."""
    for layer, store in enumerate(cache.layers):
        rows = torch.cat([store[row, :length] for row, length in enumerate(cache.lengths)])
        for kind, part in zip(("key", "value"), rows.chunk(2, dim=1), strict=True):
            golden.check(f"{name}.{kind}.{layer}", part, label=label)


def check_words(golden: Golden, model: UnifiedModel, cache: Cache, name: str, label: str = "") -> Tensor:
    """Greedy words of every row, their logits, and the indexes that the original started from."""
    rows = len(cache.lengths)
    fed = {
        "key_values_lens": cache.lengths,
        "packed_key_value_indexes": flat_places(cache.lengths.tolist(), [0] * rows)[0],
        "packed_query_position_ids": cache.positions,
        "packed_start_tokens": [marks_of(model.tokenizer).text_start] * rows,
    }
    for key, ours in fed.items():
        golden.check(f"{name}in.{key}", ours, label=label)
    shape = golden[f"{name}tokens"].shape
    tokens, logits = greedy_words(model, cache, shape[0])
    golden.check(f"{name}tokens", tokens.reshape(shape), label=label)
    golden.check(f"{name}logits", logits.reshape(*shape, -1), label=label)
    return logits


def greedy_words(model: UnifiedModel, cache: Cache, steps: int) -> tuple[Int[Tensor, "n R"], Float[Tensor, "n R V"]]:
    """Feed the start mark, then always the likeliest word: what was fed, and the logits that followed."""
    ids = torch.full((len(cache.lengths),), marks_of(model.tokenizer).text_start)
    tokens, logits = [], []
    for _ in range(steps):
        tokens.append(ids)
        logits.append(next_logits(model, cache, ids, torch.ones(len(ids), dtype=torch.bool)))
        ids = greedy(logits[-1])
    return torch.stack(tokens), torch.stack(logits)
