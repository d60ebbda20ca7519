"""Rectified flow: walk a straight line from noise to picture, one Euler step at a time.

    x_t = (1 - t) x_0 + t noise      x_0 the picture's latents, t = 1 is noise alone
    v   = noise - x_0                the velocity, the same all along the line; it is what the model learns
    x  <- x - v (t_i - t_{i+1})      one step of the sampler

Letters in shapes:  G latent tokens   C numbers in a token   R pictures drawn together, n tokens each
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Latents = Float[Tensor, "G C"]
Velocities = Float[Tensor, "R n C"]


@dataclass(frozen=True)
class Guidance:
    """How strongly a picture leans towards its words, and towards the pictures before it."""

    text: float = 1.0  # 1: no guidance at all, whatever `image` says (upstream's rule)
    image: float = 1.0
    interval: tuple[float, float] = (0.4, 1.0)  # guided while low < t <= high, t after the shift
    renorm: Literal["global", "channel", "text_channel"] = "global"
    renorm_min: float = 0.0  # 1 turns the renorm off

    def at(self, time: float) -> tuple[float, float]:
        """The text and image scales that hold at this time."""
        low, high = self.interval
        return (self.text, self.image) if low < time <= high and self.text > 1 else (1.0, 1.0)


def shift_time(t: Float[Tensor, "*any"], shift: float) -> Float[Tensor, "*any"]:
    """Bend time towards noise: with shift > 1 more steps are spent where the picture's plan is decided."""
    return shift * t / (1 + (shift - 1) * t)


def schedule(steps: int, shift: float) -> Float[Tensor, "{steps}+1"]:
    """The times an Euler walk visits, from 1 (noise) to 0 (picture): `steps` model evaluations.

    Upstream's `num_timesteps` counts the points, so its 50 is `steps=49` here.
    """
    return shift_time(torch.linspace(1, 0, steps + 1), shift)


def mix(x0: Latents, noise: Latents, t: Float[Tensor, "G"]) -> Latents:
    """The point at time t on the line from picture to noise, with a time for each token."""
    return (1 - t)[:, None] * x0 + t[:, None] * noise


def velocity(x0: Latents, noise: Latents) -> Latents:
    """The direction of the line, from picture to noise; it does not depend on t."""
    return noise - x0


def guide(
    v: Velocities,
    without_text: Velocities,
    without_image: Velocities | None,
    guidance: Guidance,
    scales: tuple[float, float],
) -> Velocities:
    """Push the velocity away from what the model would draw without the words, then without the pictures.

    The push makes the velocity longer; the renorm scales it back, never up: over the whole picture (`global`), for
    each token (`channel`), or for each token right after the text's push (`text_channel`). Upstream takes the
    global norm over a whole batch; here each picture has its own, so that company does not change a picture.
    Source: upstream `modeling/bagel/bagel.py`, `_forward_flow`, restated.
    """
    text, image = scales
    guided = without_text + text * (v - without_text)
    if guidance.renorm == "text_channel":
        guided = guided * _shrink(v, guided, guidance.renorm_min, each_token=True)
    if image > 1 and without_image is not None:
        guided = without_image + image * (guided - without_image)
    if guidance.renorm != "text_channel":
        guided = guided * _shrink(v, guided, guidance.renorm_min, each_token=guidance.renorm == "channel")
    return guided


def _shrink(v: Velocities, guided: Velocities, least: float, each_token: bool) -> Float[Tensor, "R *one"]:
    """The factor, at most 1, that brings a guided velocity back to the length it had."""
    over = (-1,) if each_token else (-2, -1)
    length, pushed = (torch.linalg.vector_norm(x, dim=over, keepdim=True) for x in (v, guided))
    return (length / (pushed + 1e-8)).clamp(least, 1.0)
