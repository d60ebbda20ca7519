"""The full-size model's machinery at tiny size: packed weights, adapters, frugal steps, plan of memory, report."""

import json
import sys
from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from torch import nn

from mini_model.__main__ import main
from mini_model.errors import KitError
from mini_model.evaluation import gpu_report
from mini_model.evaluation.card_work import MARKS, Material, learn, packed_trajectory
from mini_model.evaluation.results import read_results
from mini_model.model import UnifiedModel, transformer, unified
from mini_model.model.checkpoint import load, marks_of
from mini_model.model.generate import draw
from mini_model.model.lora import (
    Adapter,
    adapt,
    learned,
    merge,
    optimizer_for,
    read_adapter,
    remember_less,
    save_adapter,
)
from mini_model.model.memory import Setting, answer, fits, nearest, predict
from mini_model.model.parity import CHECKS, Report, run_golden
from mini_model.model.presets import bagel_7b, tiny
from mini_model.model.quantize import quantize
from mini_model.model.random_weights import outline, random_model
from mini_model.model.sequence import Clean, Noised, Seen, Text, pack
from mini_model.model.unified import word_losses

HOME = Path(__file__).resolve().parent.parent
MINI = HOME / "data_samples/weights/mini"
GOLDENS = HOME / "tests/golden/bagel_tiny"
TINY = Setting(preset="tiny", pixels=64, words=60, und=2, gen=2)


def packed_names(model: nn.Module) -> set[str]:
    kinds = (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)
    return {name for name, module in model.named_modules() if isinstance(module, kinds)}


def outputs(model: nn.Module, setting: Setting = TINY) -> tuple[torch.Tensor, torch.Tensor]:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    with torch.no_grad():
        losses = model(packed_trajectory(base, setting).to("cpu", base.dtype))
    return losses.ce, losses.mse


@pytest.mark.parametrize("packing", ["nf4", "int8"])
def test_only_the_experts_linears_are_packed(packing):
    model = random_model(tiny(), packing=packing)
    names = packed_names(model)
    layers = len(model.language_model.model.layers)
    assert len(names) == layers * 14  # seven linears in each of two experts
    assert all(name.startswith("language_model.model.layers.") for name in names)
    for name in ("vae2llm", "llm2vae", "connector.fc1", "language_model.lm_head", "time_embedder.mlp.0"):
        assert type(model.get_submodule(name)) is nn.Linear
        assert model.get_submodule(name).weight.dtype == torch.bfloat16
    assert not any(p.is_meta for p in [*model.parameters(), *model.buffers(), *model.autoencoder.parameters()])


def test_packing_a_loaded_model_is_packing_it_on_the_way():
    late, early = quantize(random_model(tiny())), random_model(tiny(), packing="nf4")
    assert late.is_loaded_in_4bit and early.is_loaded_in_4bit
    for a, b in zip(outputs(late), outputs(early), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(KitError, match="in 4 or 8 bits already"):
        quantize(late)


def test_everything_can_be_packed_for_comparison(unchecked):
    model = random_model(tiny(), packing="nf4-all")
    assert "language_model.lm_head" in packed_names(model)
    assert all(torch.isfinite(part).all() for part in outputs(model))
    with pytest.raises(KitError, match="no packing 'abacus'"):
        quantize(random_model(tiny()), "abacus")


def test_the_released_shape_has_14_6_billion_weights():
    shape = outline(bagel_7b())
    assert sum(weight.numel() for weight in shape.parameters()) == pytest.approx(14.6e9, rel=0.01)
    experts = [w.numel() for n, w in shape.named_parameters() if ".layers." in n and n.startswith("language")]
    assert sum(experts) == pytest.approx(13.05e9, rel=0.01)


@pytest.mark.parametrize("packing", [None, "nf4"])
@pytest.mark.parametrize("variant", [{}, {"dora": True}, {"rslora": True}])
def test_a_fresh_adapter_changes_nothing(packing, variant):
    model = random_model(tiny(), packing=packing)
    before = outputs(model)
    adapted = adapt(model, Adapter(und=2, gen=4, **variant)).eval()
    for a, b in zip(before, outputs(adapted), strict=True):
        if variant.get("dora"):  # it divides by a length and multiplies by it again
            assert (a - b).abs().max() <= 0.02 * a.abs().max()
        else:
            assert torch.equal(a, b)


def test_each_expert_has_its_own_rank_and_all_else_is_frozen():
    adapted = adapt(random_model(tiny(), packing="nf4"), Adapter(und=2, gen=4))
    for name, weight in adapted.named_parameters():
        assert weight.requires_grad == ("lora_" in name)
        if "lora_A" in name:
            assert ".layers." in name and "vit_model" not in name
            assert len(weight) == (4 if "moe_gen" in name else 2)
    assert {weight.dtype for weight in learned(adapted)} == {torch.float32}
    assert adapted.get_base_model().language_model.lm_head.weight.dtype == torch.bfloat16
    only = adapt(random_model(tiny()), Adapter(und=0, gen=4))
    assert all("moe_gen" in name for name, weight in only.named_parameters() if weight.requires_grad)
    with pytest.raises(KitError, match="nothing to learn"):
        Adapter(und=0, gen=0).config()


def shaken(adapted: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for weight in learned(adapted):
        nn.init.normal_(weight.data, std=0.1)
    return adapted.eval()


def test_an_adapter_comes_back_bit_for_bit(tmp_path):
    adapted = shaken(adapt(random_model(tiny(), packing="nf4"), Adapter(und=2, gen=4)))
    save_adapter(adapted, tmp_path)
    again = read_adapter(random_model(tiny(), packing="nf4"), tmp_path).eval()
    for a, b in zip(outputs(adapted), outputs(again), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(KitError, match="holds no adapter_config.json"):
        read_adapter(random_model(tiny()), tmp_path / "elsewhere")
    wider = tiny()
    wider.llm_config["intermediate_size"] = 192
    with pytest.raises(KitError, match="does not fit this model: size mismatch"):
        read_adapter(random_model(wider), tmp_path)


def test_a_merged_model_forgets_what_it_made_of_its_old_weights():
    model = random_model(tiny()).float()
    bare = outputs(model)  # layers remember their weights side by side from here on
    adapted = shaken(adapt(model, Adapter(und=2, gen=4)))
    before, merged = outputs(adapted), merge(adapted)
    for a, b, c in zip(before, outputs(merged), bare, strict=True):
        assert (a - b).abs().max() < 1e-4 < (a - c).abs().max()


def test_an_adapter_merges_into_bf16_but_not_into_4_bits():
    adapted = shaken(adapt(random_model(tiny()).float(), Adapter(und=2, gen=4)))
    before, merged = outputs(adapted), merge(adapted)
    for a, b in zip(before, outputs(merged), strict=True):
        assert (a - b).abs().max() < 1e-4
    with pytest.raises(KitError, match="the sum is rounded again"):
        merge(adapt(random_model(tiny(), packing="nf4")))


def gradients(model: nn.Module) -> list[torch.Tensor]:
    batch = packed_trajectory(model.get_base_model(), TINY)
    model.zero_grad()
    model(batch).total().backward()
    return [weight.grad.clone() for weight in learned(model)]


def test_remembering_less_gives_the_same_gradients(monkeypatch):
    adapted = shaken(adapt(random_model(tiny()).float(), Adapter(und=2, gen=4))).train()
    whole = gradients(adapted)
    remember_less(adapted.get_base_model())
    forgetful = gradients(adapted)
    monkeypatch.setattr(transformer.Mlp, "in_parts", False)
    for layer in adapted.get_base_model().language_model.model.layers:
        layer.mlp.most = layer.mlp_moe_gen.most = 50
    remember_less(adapted.get_base_model(), in_parts=True)
    frugal = gradients(adapted)
    for a, b, c in zip(whole, forgetful, frugal, strict=True):
        assert torch.equal(a, b)
        assert (a - c).abs().max() <= 1e-5 * max(1.0, a.abs().max())


def test_word_losses_in_parts_are_the_same(monkeypatch):
    torch.manual_seed(0)
    head, hidden = nn.Linear(16, 40, bias=False), torch.randn(30, 16, requires_grad=True)
    labels = torch.randint(40, (30,))
    answers = []
    for most in (2**24, 100):
        monkeypatch.setattr(unified, "LOGITS_AT_ONCE", most)
        hidden.grad = None
        losses = word_losses(hidden, head, labels)
        losses.sum().backward()
        answers.append((losses.detach(), hidden.grad))
    for a, b in zip(*answers, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_branches_apart_draw_the_same_picture():
    from mini_model.evaluation.card_work import GUIDED

    model = random_model(tiny(), seed=3).float()
    setting = Setting(preset="tiny", task="paint", pixels=64, pictures=1, words=20)
    material = Material(model, setting)
    contexts, noise = material.contexts(model), material.tokens()[None]
    pictures = [
        list(draw(model, contexts, noise, (4, 4), MARKS, 2, 3.0, GUIDED, apart=apart))[-1] for apart in (False, True)
    ]
    assert (pictures[0] - pictures[1]).abs().max() < 1e-4


def test_a_packed_model_learns_one_trajectory_by_heart():
    model = quantize(UnifiedModel.from_pretrained(MINI, dtype=torch.bfloat16))
    dice = torch.Generator().manual_seed(0)
    at = torch.arange(16)
    picture, noise = (torch.randn(16, model.config.patch_channels, generator=dice) for _ in range(2))
    seen = Seen(torch.rand(16, 768, generator=dice) * 2 - 1, at)
    words = torch.randint(20, 100, (24,), generator=dice).tolist()
    sample = [Text(words[:8]), Text(words[8:16], loss=True), Noised(picture, at, 0.5, noise), Clean(picture, at), seen,
              Text(words[16:], loss=True)]  # fmt: skip
    batch = pack([sample], marks_of(model.tokenizer))
    adapted = adapt(model, Adapter(und=16, gen=32)).train()
    optimizer, first = optimizer_for(adapted, rate=1e-2), None
    for _ in range(200):
        with torch.autocast("cpu", torch.bfloat16):
            losses = adapted(batch)
            loss = losses.total()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        words_loss, picture_loss = losses.ce.mean().item(), losses.mse.mean().item()
        first = first or picture_loss
        if words_loss < 0.05 and picture_loss < first / 5:
            return
    raise AssertionError(f"words {words_loss:.3f}, picture {picture_loss:.3f} of {first:.3f} at first")


@pytest.fixture(scope="module")
def adapted_original():
    model = load(GOLDENS / "model")
    adapt(model, Adapter(und=2, gen=4)).eval()
    return model


@pytest.mark.parametrize("name", CHECKS)
def test_the_original_is_still_met_with_a_fresh_adapter_on(name, adapted_original):
    report = Report()
    run_golden(GOLDENS, name, adapted_original, report)
    # what is frozen has no gradient to compare
    assert report.cases and not [c for c in report.cases if not c.ok and "grad_norms" not in c.name]


def test_the_plan_of_memory_adds_up():
    said = answer(Setting(), 24)
    assert set(said) == {"parts", "total_gb", "budget_gb", "fits", "suggestion"}
    assert sum(said["parts"].values()) == pytest.approx(said["total_gb"], abs=0.02)
    assert said["fits"] and said["suggestion"] is None
    weights = predict(Setting(packing=None))
    assert weights["understanding expert"] + weights["generation expert"] == pytest.approx(
        13.05e9 * 2 / 2**30, rel=0.01
    )
    assert fits(Setting(words_on_host=True, in_parts=True), 16)


def test_the_plan_predicts_the_weights_of_a_built_model():
    model = random_model(tiny(), packing="nf4")
    held = sum(w.numel() * w.element_size() for n, w in model.named_parameters() if ".layers." in n and "language" in n)
    states = [m.weight.quant_state for m in model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    held += sum(s.absmax.numel() + 4 * s.state2.absmax.numel() for s in states)
    predicted = predict(Setting(preset="tiny"))
    experts = predicted["understanding expert"] + predicted["generation expert"]
    assert experts * 2**30 == pytest.approx(held, rel=0.05)


def test_a_setting_that_cannot_fit_gets_the_nearest_that_does():
    said = answer(Setting(packing=None), 16)
    assert not said["fits"] and "packing nf4 instead of None" in said["suggestion"]
    found = nearest(Setting(pixels=1024), 16)
    assert found is not None and fits(found, 16)
    assert nearest(Setting(), 4) is None
    assert "larger card" in answer(Setting(), 4)["suggestion"]
    for wrong in (Setting(pixels=500), Setting(packing="abacus"), Setting(preset="abacus"), Setting(pictures=0)):
        with pytest.raises(KitError):
            predict(wrong)


def test_the_memory_command_refuses_politely(monkeypatch, capsys):
    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["mini_model", "memory", *words])
        return main()

    assert command("--budget", "24", "--json") == 0 and json.loads(capsys.readouterr().out)["fits"]
    assert command("--budget", "16", "--quantize", "none") == 1
    assert "does not fit" in capsys.readouterr().out
    assert command("--resolution", "500") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: 500 pixels") and said.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a card the report takes minutes")
def test_the_report_runs_whole_at_tiny_size(tmp_path, capsys):
    out = tmp_path / "report.json"
    gpu_report.report(out, repeats=1)
    names = [figure.name for figure in read_results(out)]
    for row in map(gpu_report.tiny, gpu_report.ROWS):
        ends = [name.removeprefix(f"{row.name}: ") for name in names if name.startswith(f"{row.name}: ")]
        if row.attention == "flex":
            assert [end for end in ends if end.startswith("failed, NotImplementedError")]  # a card alone learns by it
        else:
            assert {"fits", "seconds a step", "predicted peak GB"} <= set(ends)
    assert "no CUDA card here" in capsys.readouterr().out
    assert all("no CUDA card" in figure.device for figure in read_results(out))


def test_a_report_that_runs_out_of_time_or_memory_says_so(tmp_path, monkeypatch, capsys):
    row = gpu_report.ROWS[0]

    def full(*_):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(gpu_report, "learn", full)
    figures = gpu_report.report(tmp_path / "a.json", 1, rows=(row,))
    assert [f.value for f in figures if f.name.endswith(": fits")] == [0.0]
    assert gpu_report.report(tmp_path / "b.json", 1, seconds=-1, rows=(row,)) == []
    assert "the time is up" in capsys.readouterr().out
    assert learn is not full
