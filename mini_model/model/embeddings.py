"""Where a patch stands and what time it is, as vectors: sines and cosines, written from the formula.

Letters in shapes:  n entries   W width
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

TIME_WIDTH = 256  # numbers in the sinusoid of a time, before the two linear layers


def frequencies(count: int) -> Float[Tensor, "{count}"]:
    """`count` frequencies falling from 1 towards 1/10000, evenly on a logarithmic scale."""
    return torch.exp(-math.log(10_000) * torch.arange(count, dtype=torch.float64) / count).float()


def grid_table(side: int, width: int) -> Float[Tensor, "n W"]:
    """A vector for every cell of a side x side grid: half of it tells the column, half the row.

    Each half holds sines, then cosines, of the coordinate at falling frequencies.
    """
    rates = frequencies(width // 4).double()
    row, column = torch.meshgrid(torch.arange(side).double(), torch.arange(side).double(), indexing="ij")
    halves = []
    for coordinate in (column, row):
        angle = coordinate.flatten()[:, None] * rates
        halves += [angle.sin(), angle.cos()]
    return torch.cat(halves, dim=1).float()


def time_sinusoid(t: Float[Tensor, "n"]) -> Float[Tensor, "n 256"]:
    """A time from 0 to 1 as cosines, then sines, at falling frequencies."""
    angle = t.float()[:, None] * frequencies(TIME_WIDTH // 2).to(t.device)
    return torch.cat([angle.cos(), angle.sin()], dim=1)


class TimeEmbedder(nn.Module):
    """A time as a vector of the model's width: the sinusoid through two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.ModuleDict({"0": nn.Linear(TIME_WIDTH, width), "2": nn.Linear(width, width)})

    def forward(self, t: Float[Tensor, "n"]) -> Float[Tensor, "n W"]:
        """One vector a time; equal times give equal vectors."""
        weight = self.mlp["0"].weight
        sinusoid = time_sinusoid(t).to(weight.dtype if weight.is_floating_point() else self.mlp["2"].bias.dtype)
        return self.mlp["2"](silu(self.mlp["0"](sinusoid)))


class GridTable(nn.Module):
    """A fixed table of places, kept as a weight under upstream's name `pos_embed`."""

    def __init__(self, side: int, width: int) -> None:
        super().__init__()
        self.side = side
        self.pos_embed = nn.Parameter(grid_table(side, width), requires_grad=False)

    def forward(self, at: Tensor) -> Float[Tensor, "n W"]:
        """The vectors of these places."""
        return self.pos_embed[at]
