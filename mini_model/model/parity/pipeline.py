"""The whole way from a picture's pixels and words to a drawn picture or an answer."""

from PIL import Image
from torch import Tensor

from mini_model.model.contexts import THINK_FIRST, Contexts, Fit, picture_segments
from mini_model.model.generate import greedy, write
from mini_model.model.parity.drawing import check_picture, grey_levels, guidance_of, walk_of
from mini_model.model.parity.layout import latent_grid
from mini_model.model.parity.memory import greedy_words
from mini_model.model.parity.report import FLOAT, PIXEL, Golden, Missing
from mini_model.model.pictures import resize, to_pixels
from mini_model.model.unified import UnifiedModel


def check_pipeline(golden: Golden, model: UnifiedModel) -> None:
    """Resizing, then every run: from words, from a picture and words, with a thought, or to an answer."""
    picture = Image.fromarray(golden["image_uint8"].numpy())
    fits = Fit(*golden.fact("vae_transform")), Fit(*golden.fact("vit_transform"))
    resized = _check_resizing(golden, picture, *fits)
    for name, run in golden.fact("runs").items():
        answers, contexts = run.get("understanding_output", False), Contexts.empty(model)
        if run.get("think"):
            contexts.add_text([model.tokenizer.encode(THINK_FIRST["answer" if answers else "draw"])])
        for item in run["inputs"]:
            if item == "image":
                contexts.add_picture([picture_segments(model, picture, *fits, draws=not answers)])
            else:
                contexts.add_text([model.tokenizer.encode(item)])
        if answers:
            _check_text(golden, contexts, name, "text", "next_tokens")
            continue
        if run.get("think"):
            contexts.add_thought([_check_text(golden, contexts, name, "thought", "generated_next_tokens")])
        _check_drawing(golden, contexts, name, run, resized.size[::-1] if "image" in run["inputs"] else None)


def _check_resizing(golden: Golden, picture: Image.Image, latent: Fit, seen: Fit) -> Image.Image:
    """The picture for the autoencoder, and for the eyes by way of it or directly."""
    resized = resize(picture, *latent)
    golden.check("resized_uint8", grey_levels(resized), PIXEL, " (grey levels)")
    golden.check("vae_tensor", to_pixels(resized))
    golden.check("vit_tensor", to_pixels(resize(resized, *seen)))
    golden.check("vit_tensor_direct", to_pixels(resize(picture, *seen)))
    return resized


def _check_text(golden: Golden, contexts: Contexts, name: str, told: str, next_tokens: str) -> list[int]:
    """What the model writes here, as tokens and as a string, and the string's ids; nothing is remembered."""
    model, mark, start = contexts.model, contexts.main.mark(), contexts.marks.text_start
    wanted = golden.fact("runs", name, next_tokens)
    _, logits = greedy_words(model, contexts.main.at(mark), len(wanted))
    golden.check_fact(("runs", name, next_tokens), logits[:, 0].argmax(-1))
    if f"{name}.logits" in golden or told == "text":
        golden.check(f"{name}.logits", logits[:, 0])
    limit = golden.fact("runs", name, "max_think_token_n") - 1  # the original counts the start mark as well
    ids = write(model, contexts.main.at(mark), contexts.marks, limit, greedy).ids[0]
    words = model.tokenizer.decode(ids[: ids.index(start)] if start in ids else ids)
    golden.add(f"runs.{name}.{told}", float(words != golden.fact("runs", name, told)), 0.0)
    again = model.tokenizer.encode(words)
    if told == "thought":
        golden.check_fact(("runs", name, "thought_ids"), again)
    return again


def _check_drawing(golden: Golden, contexts: Contexts, name: str, run: dict, size: tuple[int, int] | None) -> None:
    """The walk from noise, of the size of the picture shown or of the size asked for."""
    grid = latent_grid(contexts.model, *(size or run["image_shapes"]))
    noise = _noise(golden, (f"{name}.noise", "noise") if size else (f"{name}.noise", "t2i.noise"))
    walk = walk_of(contexts, noise, grid, run, guidance_of(name, run))
    golden.check(f"{name}.final", walk[-1][0], FLOAT)
    check_picture(golden, contexts.model, walk[-1], grid, name)


def _noise(golden: Golden, names: tuple[str, ...]) -> Tensor:
    """The first of these tensors that the golden holds."""
    for name in names:
        if name in golden:
            return golden[name]
    raise Missing(names[-1])
