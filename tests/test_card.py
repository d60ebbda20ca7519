"""Profiles of the lessons about the full size: what each asks for, and one clear line where it cannot be had."""

from types import SimpleNamespace

import pytest
import torch

from mini_model.errors import KitError
from mini_model.model.memory import GB
from mini_model.teach.card import PLANNED, PROFILES, place_of


@pytest.mark.parametrize("profile", ["cpu", "smoke"])
def test_without_a_card_the_shape_is_tiny_and_stays_on_the_processor(profile):
    place = place_of(profile)
    assert (place.device.type, place.preset, place.budget, place.on_card) == ("cpu", "tiny", PLANNED, False)


@pytest.mark.parametrize("profile", [name for name, budget in PROFILES.items() if budget])
def test_a_card_profile_takes_the_true_shape_or_says_in_one_line_why_not(profile, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(KitError, match="no CUDA card") as told:
        place_of(profile)
    assert "\n" not in str(told.value) and profile in str(told.value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for size, fits in ((PROFILES[profile] - 0.4, True), (PROFILES[profile] - 1, False)):
        card = SimpleNamespace(total_memory=size * GB)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, card=card: card)
        if fits:
            place = place_of(profile)
            assert (place.device.type, place.preset, place.budget) == ("cuda", "bagel-7b", PROFILES[profile])
            assert place.on_card
        else:
            with pytest.raises(KitError, match="a smaller profile"):
                place_of(profile)


def test_a_profile_nobody_knows_is_refused_with_the_list():
    with pytest.raises(KitError, match="gpu-24gb"):
        place_of("gpu-8gb")
