"""Stage `vision`: learn to see, before there is anything to say.

BAGEL's vision encoder was trained on billions of captioned pictures before the rest began, by pulling what it makes of
a picture towards what the words of its caption become (SigLIP, arXiv 2303.15343). Here the patch in the middle of each
place is pulled towards the embeddings of the words for what is there: its name, its colour, its size. That is some
fifteen words a picture and no sentences, so it learns from a hundred times as many pictures a minute as questions
could show it. And what is seen then stands in the stream as the words for it would, so a word that is asked for can
be found in a picture as it is found in a text.

Letters in shapes:  B pictures   n patches of a picture   W width   K words that are told apart
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mini_model.data.scenes import HUES, random_scenes
from mini_model.model.checkpoint import save
from mini_model.model.pictures import patchify, places, sheet, to_pixels
from mini_model.model.unified import UnifiedModel
from mini_model.model.words import ids_of
from mini_model.training.profiles import Profile
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import PLACES, SIZES, THINGS

NAMES, EXTENTS = [None, *THINGS], list(SIZES)  # what may be at a place (None: nothing), and how big
PARTS = (len(NAMES), len(HUES), len(EXTENTS))  # how the numbers read at a place are divided
NOT_THERE = -100  # colour and size of nothing: not asked

SHARPNESS = 0.25  # what the likeness of a patch and a word is multiplied by; the smaller, the larger patches grow

Batch = tuple[Float[Tensor, "B n pixels"], Int[Tensor, "3 B 9"]]


class Sight(nn.Module):
    """The encoder, the connector and the words; how alike is what they make of a place and of a word?"""

    def __init__(self, unified: UnifiedModel) -> None:
        super().__init__()
        self.vit_model, self.connector = unified.vit_model, unified.connector
        self.words = unified.language_model.model.embed_tokens
        words = ["nothing" if name is None else name for name in NAMES] + HUES + EXTENTS
        self.ids = [ids_of(unified.tokenizer, word)[0] for word in words]
        self.middles = middles(unified.config.vit_max_num_patch_per_side)

    def forward(self, patches: Float[Tensor, "B n pixels"], at: Int[Tensor, "n"]) -> Float[Tensor, "B 9 K"]:
        """What each place of each picture holds, as unscaled log-probabilities of names, colours and sizes."""
        count, n = patches.shape[:2]
        features = self.vit_model.vision_model(patches.flatten(0, 1), at.repeat(count), [n] * count)
        seen = self.connector(features).unflatten(0, (count, n))[:, self.middles]
        return seen @ self.words.weight[self.ids].T * SHARPNESS


def middles(side: int) -> list[int]:
    """The patch in the middle of each place, of `side` x `side` patches in reading order."""
    rows_and_columns = ([int((at + 0.5) * side / 3) for at in place] for place in PLACES.values())
    return [row * side + column for row, column in rows_and_columns]


class VisionStage:
    """Random scenes in, what they hold out."""

    def __init__(self, unified: UnifiedModel, profile: Profile, seed: int = 0) -> None:
        self.unified, self.profile, self.seed = unified, profile, seed
        self.model = Sight(unified)
        config = unified.config
        self.patch = config.vit_config["patch_size"]
        side = config.vit_max_num_patch_per_side
        self.at = places(side, side, side)

    def batch(self, step: int, rank: int, count: int) -> Batch:
        """Pictures of random scenes as patches, and what they hold."""
        return self._seen(np.random.default_rng((self.seed, 5, step, rank)), self.profile.batch // count)[1]

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float], int]:
        """How surprising each name, colour and size is."""
        patches, wanted = batch
        found = self.model(patches, self.at.to(patches.device)).float().split(PARTS, dim=-1)
        losses = [cross_entropy(f.flatten(0, 1), w.flatten()) for f, w in zip(found, wanted, strict=True)]
        parts = {name: loss.item() for name, loss in zip(("names", "colors", "sizes"), losses, strict=True)}
        return torch.stack(losses).sum(), parts, patches.shape[0] * patches.shape[1]

    @torch.no_grad()
    def sample(self) -> Image.Image:
        """Pictures above; below, each drawn again from what was read off it."""
        scenes, (patches, _) = self._seen(np.random.default_rng((self.seed, 6)), 8)
        found = self.model(patches, self.at.to(patches.device)).split(PARTS, dim=-1)
        read = [scene_of(*(part[i].argmax(-1).tolist() for part in found), scenes[i].background) for i in range(8)]
        return sheet(*([to_pixels(render(scene)) for scene in row] for row in (scenes, read)))

    def save(self, out: Path) -> None:
        """Write a model folder whose eyes are open and whose other weights are as they were."""
        save(self.unified, out / "model")

    def _seen(self, rng: np.random.Generator, count: int) -> tuple[list[Scene], Batch]:
        scenes = random_scenes(rng, count)
        patches = torch.stack([patchify(to_pixels(render(scene)), self.patch) for scene in scenes])
        wanted = torch.tensor([what_is_where(scene) for scene in scenes]).permute(2, 0, 1)
        device = next(self.model.parameters()).device
        return scenes, (patches.to(device), wanted.to(device))


def what_is_where(scene: Scene) -> list[tuple[int, int, int]]:
    """For each place in reading order: the number of the name, the colour and the size of what is there."""
    held = {t.place: (NAMES.index(t.name), HUES.index(t.color), EXTENTS.index(t.size)) for t in scene.things}
    return [held.get(place, (0, NOT_THERE, NOT_THERE)) for place in PLACES]


def scene_of(names: list[int], hues: list[int], sizes: list[int], background: str) -> Scene:
    """The scene that was read: the inverse of `what_is_where`."""
    rows = zip(PLACES, names, hues, sizes, strict=True)
    return Scene(tuple(Thing(NAMES[n], HUES[h], place, EXTENTS[s]) for place, n, h, s in rows if n), background)
