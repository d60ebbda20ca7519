"""Pixels into latents and back: a KL autoencoder eight times smaller along each edge.

The network is diffusers' `AutoencoderKL`, which computes what BAGEL's FLUX autoencoder computes (upstream
`modeling/autoencoder.py`). The mini model puts a space-to-depth stem in front: squares of `stem` x `stem` pixels
become channels before the first convolution, so that no time is spent at full resolution on a CPU.

Letters in shapes:  B pictures   H, W pixels   C latent channels   h, w latent cells (H / 8, W / 8)
"""

from dataclasses import asdict, dataclass

import torch
from diffusers import AutoencoderKL
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle


@dataclass
class AutoencoderConfig:
    """Sizes of the autoencoder; the names are those of upstream's `AutoEncoderParams`, and `stem` is ours."""

    resolution: int = 64
    in_channels: int = 3
    downsample: int = 8  # pixels along the edge of one latent cell
    ch: int = 64
    out_ch: int = 3
    ch_mult: tuple[int, ...] = (1, 2)
    num_res_blocks: int = 1
    z_channels: int = 8
    scale_factor: float = 1.0
    shift_factor: float = 0.0
    stem: int = 4  # 1 means: no stem, as in BAGEL

    @classmethod
    def from_dict(cls, numbers: dict) -> "AutoencoderConfig":
        """The sizes out of JSON; what is not a size is left aside."""
        sizes = {name: numbers[name] for name in cls.__dataclass_fields__ if name in numbers}
        return cls(**{**sizes, "ch_mult": tuple(sizes.get("ch_mult", cls.ch_mult))})

    def to_dict(self) -> dict:
        """The numbers as JSON can hold them."""
        return {**asdict(self), "ch_mult": list(self.ch_mult)}


class Autoencoder(nn.Module):
    """A picture goes in as pixels from -1 to 1 and comes out as latents of unit variance."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(config.ch_mult)
        self.net = AutoencoderKL(
            in_channels=config.in_channels * config.stem**2,
            out_channels=config.out_ch * config.stem**2,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=tuple(config.ch * factor for factor in config.ch_mult),
            layers_per_block=config.num_res_blocks,
            latent_channels=config.z_channels,
            sample_size=config.resolution,
            use_quant_conv=False,
            use_post_quant_conv=False,
        )

    def moments(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B both h w"]:
        """Mean and log-variance of the latents, stacked along the channels, before any scaling."""
        if self.config.stem > 1:
            pixels = pixel_unshuffle(pixels, self.config.stem)
        return self.net.encoder(pixels)

    def encode(
        self, pixels: Float[Tensor, "B 3 H W"], noise: Float[Tensor, "B C h w"] | None = None
    ) -> Float[Tensor, "B C h w"]:
        """Scaled latents: the posterior's mean, or a sample of it when `noise` is given.

        Upstream samples in training and inference alike; the mean is the quieter choice for small models.
        """
        latents, log_variance = self.moments(pixels).chunk(2, dim=1)
        if noise is not None:
            latents = latents + torch.exp(0.5 * log_variance.clamp(-30, 20)) * noise
        return self.scaled(latents)

    def scaled(self, latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """The encoder's own latents brought to mean zero and unit variance, as the rest of the kit knows them."""
        return (latents - self.config.shift_factor) * self.config.scale_factor

    def decode(self, latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Pixels from -1 to 1 (a little beyond at hard edges) from scaled latents.

        After `net.enable_tiling()`, large pictures are decoded in overlapping tiles, whose seams diffusers blends.
        """
        latents = latents / self.config.scale_factor + self.config.shift_factor
        tiled = self.net.use_tiling and max(latents.shape[-2:]) > self.net.tile_latent_min_size
        pixels = self.net.tiled_decode(latents, return_dict=False)[0] if tiled else self.net.decoder(latents)
        return pixel_shuffle(pixels, self.config.stem) if self.config.stem > 1 else pixels
