"""Painting at full size, at the size of a test: packed weights, adapters, batches, tiles, and what does not fit."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mini_model.__main__ import main
from mini_model.commands import paint, random_model
from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.model.autoencoder import Autoencoder
from mini_model.model.checkpoint import load, save_packed
from mini_model.model.lora import Adapter, adapt, learned, save_adapter
from mini_model.model.memory import Setting
from mini_model.model.presets import tiny
from mini_model.process import Settings, full
from mini_model.process.easel import Easel
from mini_model.process.full import DIALS, frugal, ready
from mini_model.trajectory import Trajectory
from mini_model.world.judge import judge

MINI = Path(__file__).resolve().parent.parent / "data_samples/weights/mini"
PROMPT = "a photo of a red circle"
SPEC = {"tag": "colors", "include": [{"class": "circle", "count": 1, "color": "red"}], "prompt": PROMPT}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return random_model(tmp_path_factory.mktemp("full") / "model", "tiny")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(full, "DIALS", replace(DIALS, steps=3, words=8))


def command(monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["mini_model", "paint", *map(str, words)])
    return main()


def test_a_packed_model_paints_in_steps_as_any_other(tmp_path):
    model = UnifiedModel.from_pretrained(MINI, "nf4")
    said: list[str] = []
    path, _ = paint([PROMPT, "a photo of two stars"], model, Settings(), out=tmp_path, say=said.append)
    one = Trajectory.load(path)
    assert path == tmp_path / "1/trajectory.json" and (tmp_path / "2/page.html").is_file()
    assert one.steps and judge(SPEC, np.asarray(one.final)).correct
    assert any(line.startswith("  2. plan") for line in said)
    assert said[-1].startswith("  time        plans ") and said[-1].count(" s") == 4


def test_a_batch_paints_what_each_prompt_paints_alone(tmp_path):
    model = UnifiedModel.from_pretrained(MINI)
    prompts = [PROMPT, "a photo of a blue star left of a tree"]
    together = paint(prompts, model, Settings(), seed=3, out=tmp_path, say=lambda line: None)
    for prompt, path in zip(prompts, together, strict=True):
        alone = paint([prompt], model, Settings(), seed=3, out=tmp_path / "alone", say=lambda line: None)[0]
        one, other = Trajectory.load(path), Trajectory.load(alone)
        assert [s.plan.instruction for s in one.steps] == [s.plan.instruction for s in other.steps]
        assert np.abs(np.asarray(one.final, int) - np.asarray(other.final, int)).max() <= 2


def test_a_model_that_babbles_ends_all_the_same(folder, tmp_path, monkeypatch, capsys, quick):
    assert (
        command(monkeypatch, PROMPT, "--preset", "tiny", "--resolution", 64, "--model", folder, "--out", tmp_path) == 0
    )
    assert Trajectory.load(tmp_path / "trajectory.json").final.size == (64, 64)
    assert "time        plans" in capsys.readouterr().out


def test_the_command_paints_with_packed_weights_and_an_adapter(folder, tmp_path, monkeypatch, capsys, quick):
    adapted = adapt(load(folder), Adapter(und=2, gen=4))
    torch.manual_seed(0)
    for weight in learned(adapted):
        nn.init.normal_(weight.data, std=0.3)
    save_adapter(adapted, tmp_path / "adapter")
    save_packed(load(folder, packing="nf4"), tmp_path / "small")
    common = (PROMPT, "--preset", "tiny", "--resolution", 64, "--strategy", "direct", "--json")
    pictures = {}
    for name, words in {
        "packed": ("--model", folder),
        "kept packed": ("--model", tmp_path / "small"),
        "bf16": ("--model", folder, "--quantize", "none"),
        "adapted": ("--model", folder, "--adapter", tmp_path / "adapter"),
    }.items():
        assert command(monkeypatch, *common, *words, "--out", tmp_path / name) == 0, capsys.readouterr().err
        told = json.loads(capsys.readouterr().out)
        assert told["path"] == str(tmp_path / name / "trajectory.json")
        pictures[name] = np.asarray(Trajectory.load(told["path"]).final, int)
        assert pictures[name].shape == (64, 64, 3)
    assert (pictures["packed"] == pictures["kept packed"]).all()
    assert (pictures["packed"] != pictures["bf16"]).any()
    assert (pictures["packed"] != pictures["adapted"]).any()


def test_what_cannot_be_painted_is_said_in_one_line(folder, tmp_path, monkeypatch, capsys, quick):
    for words, told in (
        ((PROMPT, "--preset", "tiny", "--model", folder, "--budget", 0.4), "larger card"),
        ((PROMPT, "--preset", "bagel-7b", "--model", folder), "is no bagel-7b: its llm_config has hidden_size 64"),
        ((PROMPT, "--preset", "tiny", "--model", folder, "--resolution", 72), "72 pixels"),
        ((PROMPT, "--preset", "tiny", "--model", folder, "--resolution", 256), "pictures of 128 pixels, not 256"),
        ((PROMPT, "--preset", "tiny", "--model", folder, "--adapter", tmp_path), "holds no adapter_config.json"),
        ((PROMPT, "--adapter", tmp_path), "paints without an adapter"),
        ((PROMPT, " ", "--model", tmp_path / "nowhere"), "the prompt is empty"),
        ((PROMPT, "--preset", "tiny", "--model", tmp_path / "nowhere"), "no model folder"),
    ):
        assert command(monkeypatch, *words, "--out", tmp_path / "out") == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1 and told in said
    assert not (tmp_path / "out").exists()


def test_what_costs_only_time_is_given_up_first():
    at_1024 = Setting(task="paint", pixels=1024, pictures=1)
    assert frugal(at_1024, None) == at_1024 == frugal(at_1024, 24)
    assert frugal(at_1024, 12) == replace(at_1024, words_on_host=True, apart=True)
    with pytest.raises(KitError, match=r"to paint at 1024 pixels takes [\d.]+ GB of 9; nearest that fits: .*"):
        frugal(at_1024, 9)


def test_guidance_branches_give_the_same_picture_apart_and_together(folder, quick):
    together, settings = ready(folder, "tiny", packing=None, pixels=64)
    pictures = []
    for apart in (False, True):
        path = paint([PROMPT], together, replace(settings, apart=apart), "direct", out=folder.with_name(f"{apart}"))[0]
        pictures.append(np.asarray(Trajectory.load(path).final, int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 2


def test_tiles_of_a_large_picture_meet_without_a_seam():
    torch.manual_seed(0)
    autoencoder = Autoencoder(tiny().autoencoder).eval()
    latents = torch.randn(1, 16, 24, 24)
    with torch.no_grad():
        whole = autoencoder.decode(latents)
        autoencoder.net.enable_tiling()
        tiled = autoencoder.decode(latents)
    assert tiled.shape == whole.shape == (1, 3, 192, 192)
    jumps = (tiled[..., 1:] - tiled[..., :-1]).abs().mean((0, 1, 2))
    assert jumps.max() < 3 * (whole[..., 1:] - whole[..., :-1]).abs().mean((0, 1, 2)).max()
    assert not torch.equal(tiled, whole)  # so tiles it was


def test_a_small_card_decodes_in_tiles(folder, quick):
    assert ready(folder, "tiny", pixels=64, budget=12)[0].autoencoder.net.use_tiling
    assert not ready(folder, "tiny", pixels=64, budget=80)[0].autoencoder.net.use_tiling


def test_a_picture_is_looked_at_in_whole_patches(folder, quick):
    model, settings = ready(folder, "tiny", packing=None, pixels=64)
    easel = Easel(model, settings)
    clean, seen = easel.segments([easel.blank])[0]
    assert len(clean.tokens) == 16 and len(seen.patches) == 64  # 4 x 4 latents; 112 pixels in patches of 14
