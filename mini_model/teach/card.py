"""Where a lesson about the full size computes: what its parameters cell says, read once.

    cpu, smoke                        this machine's processor, BAGEL-7B's shape in tiny
    gpu-12gb, gpu-16gb, gpu-24gb      a CUDA card of at least that size, held to it; BAGEL-7B's true shape

GB are 2**30 bytes.
"""

from dataclasses import dataclass

import torch

from mini_model.errors import KitError
from mini_model.model.memory import DRIVER, GB
from mini_model.training.profiles import FULL

PLANNED = 16.0  # GB of the card that is planned for where there is none
CARDS = {name: profile.budget for name, profile in FULL["bagel-7b"].items() if profile.adapter}
PROFILES: dict[str, float | None] = {"cpu": None, "smoke": None, **CARDS}


@dataclass(frozen=True)
class Place:
    """A device, the preset whose shape is built there, and the GB that all of it may take."""

    device: torch.device
    preset: str
    budget: float

    @property
    def on_card(self) -> bool:
        """Whether this is a graphics card, with the model at its true size."""
        return self.device.type == "cuda"


def place_of(profile: str) -> Place:
    """What a profile asks for.

    Raises KitError for a profile that is not known, and for a card that is not there or too small: nothing goes on
    at another size without being asked to.
    """
    if profile not in PROFILES:
        raise KitError(f"no profile {profile!r}; choose one of: {', '.join(PROFILES)}")
    budget = PROFILES[profile]
    if budget is None:
        return Place(torch.device("cpu"), "tiny", PLANNED)
    if not torch.cuda.is_available():
        raise KitError(f"PROFILE is {profile!r}, but torch sees no CUDA card here; set it to 'cpu' and run all again")
    whole = torch.cuda.get_device_properties(0).total_memory / GB
    if whole < budget - DRIVER:
        raise KitError(f"PROFILE is {profile!r}, but this card has {whole:.1f} GB; choose a smaller profile, or 'cpu'")
    return Place(torch.device("cuda"), "bagel-7b", budget)
