"""Stage `autoencoder`: learn to squeeze a picture into few numbers and to unfold it again."""

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from mini_model.data.scenes import random_scenes
from mini_model.model.autoencoder import Autoencoder
from mini_model.model.checkpoint import AUTOENCODER, new_folder
from mini_model.model.pictures import sheet
from mini_model.training.profiles import Profile
from mini_model.world.render import render

KL_WEIGHT = 1e-4  # small: the latents should be smooth, but a shape must survive
ROUGH = 0.08  # what polishing adds to the latents' spread: painted latents are never perfect
L1_WEIGHT = 0.1  # beside the squared error; keeps edges sharp


class AutoencoderStage:
    """Random scenes in, the same scenes out, through a narrow middle.

    With `polish` the encoder stays as it is and the decoder alone learns on: pictures grow sharper, and a model that
    was trained on the latents keeps its meaning of them.
    """

    def __init__(self, model: Autoencoder, profile: Profile, seed: int = 0, polish: bool = False) -> None:
        self.model, self.profile, self.seed, self.polish = model, profile, seed, polish
        self.config = model.config
        model.net.encoder.requires_grad_(not polish)

    def batch(self, step: int, rank: int, count: int) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B C h w"]]:
        """Pictures of random scenes, from -1 to 1, and the noise that shakes their latents."""
        rng = np.random.default_rng((self.seed, 4 if self.polish else 1, step, rank))
        pixels = scene_pixels(rng, self.profile.batch // count)
        edge = pixels.shape[-1] // self.config.downsample
        shape = (len(pixels), self.config.z_channels, edge, edge)
        return pixels, torch.from_numpy(rng.standard_normal(shape, np.float32))

    def loss(
        self, batch: tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B C h w"]]
    ) -> tuple[Tensor, dict[str, float], int]:
        """How far the picture comes back from itself, and how far the latents are from plain noise."""
        pixels, noise = (part.to(next(self.model.parameters()).device) for part in batch)
        mean, log_variance = self.model.moments(pixels).float().chunk(2, dim=1)
        log_variance = log_variance.clamp(-12, 5)
        spread = torch.exp(0.5 * log_variance) + (ROUGH if self.polish else 0.0)
        error = self.model.decode(self.model.scaled(mean + spread * noise)).float() - pixels
        squared, absolute = error.pow(2).mean(), error.abs().mean()
        kl = kl_to_noise(mean, log_variance)
        loss = squared + L1_WEIGHT * absolute + KL_WEIGHT * kl
        return loss, {"squared error": squared.item(), "kl": kl.item()}, len(pixels)

    @torch.no_grad()
    def sample(self) -> Image.Image:
        """Pictures above, what comes back below."""
        pixels = scene_pixels(np.random.default_rng((self.seed, 2)), 8).to(next(self.model.parameters()).device)
        back = self.model.decode(self.model.encode(pixels))
        return sheet(pixels, back)

    def save(self, out: Path) -> None:
        """Measure the latents' mean and spread, write them into the settings, and save the weights."""
        config = self.config
        if not self.polish:
            config.scale_factor, config.shift_factor = 1.0, 0.0
            pixels = scene_pixels(np.random.default_rng((self.seed, 3)), 512)
            with torch.no_grad():
                latents = torch.cat([self.model.encode(part) for part in pixels.split(64)])
            config.shift_factor, config.scale_factor = shift_and_scale(latents)
        with new_folder(out / "model") as fresh:
            (fresh / "ae_config.json").write_text(json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n")
            save_file({name: t.contiguous() for name, t in self.model.state_dict().items()}, fresh / AUTOENCODER)


def kl_to_noise(mean: Float[Tensor, "*shape"], log_variance: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """How far the latents' clouds are from plain noise, in nats: the mean over all latents.

    Of two normal distributions, the posterior and the standard one (Kingma and Welling, arXiv 1312.6114, appendix B).
    """
    return 0.5 * (mean.pow(2) + log_variance.exp() - 1 - log_variance).mean()


def shift_and_scale(latents: Float[Tensor, "*shape"]) -> tuple[float, float]:
    """What brings latents to mean zero and unit variance: (latents - shift) * scale."""
    return latents.mean().item(), 1 / latents.std().item()


def scene_pixels(rng: np.random.Generator, count: int) -> Float[Tensor, "B 3 H W"]:
    """Pictures of random scenes of zero to six things, from -1 to 1."""
    pictures = np.stack([render(scene) for scene in random_scenes(rng, count)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
