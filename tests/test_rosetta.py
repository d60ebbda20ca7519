"""The page beside BAGEL's code: what it names exists, what it counts is so, and its links lead somewhere."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import torch

from mini_model.model.config import UnifiedConfig, read_released
from mini_model.model.contexts import LATENT_FIT, SEEN_FIT
from mini_model.model.embeddings import TIME_WIDTH
from mini_model.model.flow import schedule
from mini_model.model.pictures import fit_size, patchify, places
from mini_model.model.presets import bagel_7b
from mini_model.model.random_weights import outline
from mini_model.model.sequence import Clean, Marks, Noised, Seen, Text, pack, segment_length
from mini_model.model.unified import UnifiedModel
from mini_model.process import Settings

HOME = Path(__file__).resolve().parent.parent
PAGE = HOME / "lessons/rosetta.md"
COMMIT = "056b5fd51a88c1eb4547318609e25d40080fcf87"
UPSTREAM = f"https://github.com/ByteDance-Seed/Bagel/blob/{COMMIT}/"
LINK = re.compile(r"\[`([\w.]+)`\]\((\.\./mini_model/[\w/.]+)\)")
BLOCK = "language_model.model.layers.0"


def show(*shapes) -> str:
    return ", ".join("(" + ", ".join(map(str, s)) + ("," if len(s) == 1 else "") + ")" for s in map(tuple, shapes))


@dataclass(frozen=True)
class Size:
    """A model and the picture that the page follows through it."""

    config: UnifiedConfig
    pixels: int  # along the edge
    seen: int  # the same as the vision encoder gets it
    steps: int

    @cached_property
    def model(self) -> UnifiedModel:
        return outline(self.config)

    def weight(self, *names: str) -> str:
        return show(*(self.model.get_parameter(name).shape for name in names))

    @property
    def width(self) -> int:
        return self.config.llm.hidden_size

    @property
    def heads(self) -> tuple[int, int, int]:
        """Of queries, of keys, and the numbers in each."""
        llm = self.config.llm
        return llm.num_attention_heads, llm.num_key_value_heads, llm.hidden_size // llm.num_attention_heads

    @property
    def cells(self) -> tuple[int, int, int]:
        edge = self.pixels // self.config.autoencoder.downsample
        return self.config.autoencoder.z_channels, edge, edge

    @property
    def latents(self) -> tuple[int, int]:
        return tuple(patchify(torch.empty(self.cells, device="meta"), self.config.latent_patch_size).shape)

    @property
    def patches(self) -> tuple[int, int]:
        return tuple(patchify(torch.empty(3, self.seen, self.seen), self.config.vit_config["patch_size"]).shape)

    @cached_property
    def segments(self) -> list[Noised | Clean | Seen]:
        (g, c), (s, p) = self.latents, self.patches
        at = [torch.arange(count) for count in (g, s)]
        return [
            Noised(torch.zeros(g, c), at[0], 0.5),
            Clean(torch.zeros(g, c), at[0]),
            Seen(torch.zeros(s, p), at[1]),
        ]

    @property
    def slots(self) -> list[int]:
        return [segment_length(segment) for segment in self.segments]


def released() -> Size:
    seen, _ = fit_size(512, 512, *SEEN_FIT)
    return Size(bagel_7b(), fit_size(512, 512, *LATENT_FIT)[0], seen, 49)


def shipped() -> Size:
    return Size(read_released(HOME / "data_samples/weights/mini"), 64, 64, Settings().steps)


SIZES = {"BAGEL-7B": released(), "mini": shipped()}


def mask_of(size: Size) -> str:
    return show(pack([size.segments], Marks(0, 1, 2, 3)).mask.shape)


def table_of(size: Size) -> str:
    table = size.config.max_latent_size
    edge = size.cells[1] // size.config.latent_patch_size
    at = places(edge, edge, table)
    assert at[edge] == table
    return f"row * {table} + column, {show(at.shape)}"


def text_of(size: Size) -> str:
    batch = pack([[Text([5] * 7, loss=True, then=9)]], Marks(0, 1, 2, 3))
    assert (len(batch.text_ids), len(batch.ce_labels)) == (7 + 2, 7 + 2)
    return "ids (n + 2,), labels (n + 2,) with the switch"


def kept_of(size: Size) -> str:
    _, groups, numbers = size.heads
    return f"{2 * groups * numbers * size.config.llm.num_hidden_layers * 2:,} bytes a token"


def fits_of(size: Size) -> str:
    if size.pixels == 64:
        return "drawn at 64 x 64"
    return f"1920 x 1080 becomes {' x '.join(map(str, fit_size(1920, 1080, *LATENT_FIT)))}"


# what the page says of each part, worked out anew for either size
SHAPES = {
    "pack": lambda s: f"{' + '.join(f'{n:,}' for n in s.slots)} = {sum(s.slots):,} slots",
    "Text": text_of,
    "marks_of": lambda s: f"4 ids of {s.config.llm.vocab_size:,}",
    "patchify": lambda s: f"{show(s.cells)} to {show(s.latents)}; {show((3, s.seen, s.seen))} to {show(s.patches)}",
    "places": table_of,
    "UnifiedModel.embed": lambda s: f"(N, {s.width})",
    "attention_mask": mask_of,
    "blocks": lambda s: "{0} x {0} blocks of 128".format(-(-sum(s.slots) // 128)),
    "attend": lambda s: "{} heads share {} of {} numbers".format(*s.heads),
    "Attention": lambda s: s.weight(*(f"{BLOCK}.self_attn.{name}_proj.weight" for name in "qkvo")),
    "project": lambda s: f"(n, {s.width}) to (n, {(s.heads[0] + 2 * s.heads[1]) * s.heads[2]})",
    "rotate": lambda s: f"(N, {s.heads[0] + s.heads[1]}, {s.heads[2]})",
    "Mlp": lambda s: s.weight(*(f"{BLOCK}.mlp.{name}_proj.weight" for name in ("gate", "up", "down"))),
    "Norm": lambda s: s.weight(f"{BLOCK}.input_layernorm.weight", f"{BLOCK}.self_attn.q_norm.weight"),
    "Layer": lambda s: f"{len(s.model.language_model.model.layers)} layers: (U, {s.width}), (G, {s.width})",
    "Stack": lambda s: s.weight("language_model.model.embed_tokens.weight", "language_model.model.norm.weight"),
    "VisionTransformer": lambda s: s.weight(
        "vit_model.vision_model.embeddings.patch_embedding.weight",
        "vit_model.vision_model.embeddings.position_embedding.weight",
    ),
    "EncoderLayer": lambda s: (
        f"{s.config.vit.num_hidden_layers} layers, {s.config.vit.num_attention_heads} heads of "
        f"{s.config.vit.hidden_size // s.config.vit.num_attention_heads}"
    ),
    "Connector": lambda s: s.weight("connector.fc1.weight", "connector.fc2.weight"),
    "GridTable": lambda s: s.weight("latent_pos_embed.pos_embed", "vit_pos_embed.pos_embed"),
    "TimeEmbedder": lambda s: f"{TIME_WIDTH} to {s.width} to {s.model.time_embedder.mlp['2'].out_features}",
    "random_times": lambda s: "one for each noised picture",
    "shift_time": lambda s: show(s.latents[:1]),
    "mix": lambda s: show(s.latents),
    "velocity": lambda s: show(s.latents),
    "schedule": lambda s: f"{len(schedule(s.steps, 2.0))} times, {s.steps} steps",
    "draw": lambda s: f"{show((1, *s.latents))} at each step",
    "Guidance.at": lambda s: "2 scales",
    "guided_velocity": lambda s: f"up to 3 rows of {s.slots[0]:,} slots",
    "guide": lambda s: f"up to 3 of {show((1, *s.latents))}",
    "Contexts": lambda s: "3 memories",
    "Cache": kept_of,
    "feed": lambda s: f"(U, {s.width})",
    "next_logits": lambda s: show((1, s.config.llm.vocab_size)),
    "write": lambda s: "a forward for each token",
    "Autoencoder.moments": lambda s: f"{show((1, 2 * s.cells[0], *s.cells[1:]))}",
    "Autoencoder.encode": lambda s: f"{show((1, 3, s.pixels, s.pixels))} to {show((1, *s.cells))}",
    "Autoencoder.decode": lambda s: f"{show((1, *s.cells))} to {show((1, 3, s.pixels, s.pixels))}",
    "decode_tokens": lambda s: f"{show((1, *s.latents))} to {show((1, 3, s.pixels, s.pixels))}",
    "to_picture": lambda s: show((s.pixels, s.pixels, 3)),
    "Losses": lambda s: f"ce (targets,), mse {show(s.latents)}",
    "word_losses": lambda s: f"logits (targets, {s.config.llm.vocab_size})",
    "State.update_average": lambda s: f"{sum(p.numel() for p in s.model.parameters()) / 1e6:,.1f} million weights",
    "fit_size": fits_of,
    "to_rgb": lambda s: show((s.pixels, s.pixels, 3)),
    "picture_segments": lambda s: f"{show(s.latents)}, then {show(s.patches)}",
    "read_released": lambda s: (
        f"{s.config.vit.num_hidden_layers + 1} layers in the file, {s.config.vit.num_hidden_layers} in use"
    ),
    "load": lambda s: f"{len(s.model.state_dict()):,} tensors",
}


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if LINK.match(line.removeprefix("| "))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_part_of_the_page_is_checked_and_none_twice():
    names = [LINK.match(row[0])[1] for row in rows()]
    assert names == list(SHAPES)


@pytest.mark.parametrize("number, size", [(2, "BAGEL-7B"), (3, "mini")])
def test_every_shape_is_that_of_the_presets(number, size):
    said = {LINK.match(row[0])[1]: row[number] for row in rows()}
    assert said == {name: tell(SIZES[size]) for name, tell in SHAPES.items()}


def defined(tree: ast.AST) -> dict[str, ast.AST]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node for node in ast.iter_child_nodes(tree) if isinstance(node, kinds)}


def test_every_part_stands_in_the_file_that_is_named():
    found = LINK.findall(PAGE.read_text())
    assert len(found) >= len(SHAPES)
    for name, path in found:
        tree = ast.parse((PAGE.parent / path).read_text())
        for part in name.split("."):
            assert part in defined(tree), f"{path} holds no {name}"
            tree = defined(tree)[part]


def test_every_link_leads_to_a_file_or_to_lines_of_one_commit():
    links = re.findall(r"\]\(([^)#]+)(#[^)]*)?\)", PAGE.read_text())
    for target, anchor in links:
        if target.startswith("http"):
            assert target.startswith((UPSTREAM, "https://github.com/ByteDance-Seed/Bagel")), target
        else:
            assert (PAGE.parent / target).exists(), target
        if target.startswith(UPSTREAM) and anchor:
            first, _, last = anchor.removeprefix("#L").partition("-L")
            assert int(first) <= int(last or first)
    assert sum(target.startswith(UPSTREAM) for target, _ in links) > 30


def test_the_words_of_a_link_are_its_lines():
    for first, last, a, b in re.findall(
        r"\[[^\]]*?(\d+)(?: to (\d+))?\]\([^)]*#L(\d+)(?:-L(\d+))?\)", PAGE.read_text()
    ):
        assert (first, last) == (a, b)
