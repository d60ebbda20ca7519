"""The benchmarks are fixed, the scores are what they say, and a killed evaluation goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

from mini_model.errors import KitError
from mini_model.evaluation import make_benchmarks, shipped
from mini_model.evaluation.bench import as_text, bench
from mini_model.evaluation.benchmarks import FOLDER, read_prompts, take_evenly
from mini_model.evaluation.eyes import eyes, questions
from mini_model.evaluation.results import Figure, figures_of, read_results, write_results
from mini_model.evaluation.run import MINI, evaluate
from mini_model.evaluation.statistics import score_tags
from mini_model.model import UnifiedModel
from mini_model.trajectory import Trajectory
from mini_model.world.facts import FACTS
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import PLACES

HOME = Path(__file__).resolve().parent.parent


def blank(prompts, seeds):
    return [
        Trajectory(prompt=p, final=render(Scene()), strategy="direct", seed=s)
        for p, s in zip(prompts, seeds, strict=True)
    ]


def knowing(prompts, seeds):
    """A painter that knows every fact."""
    answers = {f"a photo of {fact.phrasings[2]}": fact for fact in FACTS}
    scenes = [Scene((Thing(answers[p].name, answers[p].color, "center"),)) for p in prompts]
    return [Trajectory(prompt=p, final=render(s), seed=n) for p, s, n in zip(prompts, scenes, seeds, strict=True)]


@pytest.mark.parametrize("name", list(make_benchmarks.FILES))
def test_benchmark_files_are_what_their_code_makes(name):
    assert (FOLDER / name).read_text() == make_benchmarks.text_of(make_benchmarks.FILES[name]())


def test_benchmarks_are_as_wide_as_they_say():
    standard, hard, wise = (read_prompts(FOLDER / name) for name in make_benchmarks.FILES)
    assert {row["tag"] for row in standard} == {
        "single_object", "two_object", "counting", "colors", "position", "color_attr",
    }  # fmt: skip
    assert len({row["prompt"] for row in standard}) == len(standard) == 150 and len(hard) == 60
    assert len(wise) == len(FACTS) >= 100 and sum(row["known"] for row in wise) == len(wise) / 2
    assert all(sum(g["count"] for g in row["include"]) <= len(PLACES) for row in hard)


def test_a_painter_that_knows_scores_one_and_one_that_does_not_zero(tmp_path):
    right = evaluate("mini-wise", seeds=1, paint=knowing)
    assert right["overall"] == right["known"]["score"] == right["held_out"]["score"] == 1.0
    assert right["n"] == len(FACTS) and right["refined"] == 0.0
    wrong = evaluate("mini-geneval", seeds=2, limit=12, paint=blank, out=tmp_path / "result.json")
    assert wrong["overall"] == 0.0 and wrong["seeds"] == 2 and wrong["n"] == 12
    assert json.loads((tmp_path / "result.json").read_text()) == wrong


def test_a_killed_evaluation_paints_only_what_is_missing(tmp_path):
    out, calls = tmp_path / "result.json", []

    def dies(prompts, seeds):
        calls.append(len(prompts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return knowing(prompts, seeds)

    with pytest.raises(KeyboardInterrupt):
        evaluate("mini-wise", seeds=1, paint=dies, out=out)
    assert not out.exists()
    again = evaluate("mini-wise", seeds=1, paint=dies, out=out)
    assert again["overall"] == 1.0 and sum(calls) == len(FACTS) + calls[2]
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"bench": "abacus"}, "cannot evaluate 'abacus'"),
        ({"bench": "mini-geneval", "split": "abacus"}, "no split"),
        ({"bench": "mini-wise", "split": "hard"}, "no split"),
        ({"bench": "mini-geneval", "limit": 0}, "at least one prompt"),
        ({"bench": "mini-geneval", "model": Path("nowhere")}, "ema.safetensors is missing"),
    ],
)
def test_wrong_words_are_refused_in_one_sentence(words, told):
    with pytest.raises(KitError, match=told):
        evaluate(**words)


def test_broken_prompt_files_name_their_line(tmp_path):
    path = tmp_path / "prompts.jsonl"
    for text, told in (("", "holds no prompts"), ('{"tag": 1}\n', "line 1 lacks include, prompt"), ("{", "not JSON")):
        path.write_text(text)
        with pytest.raises(KitError, match=told):
            read_prompts(path)
    with pytest.raises(KitError, match="cannot read"):
        read_prompts(tmp_path / "none")


def test_a_limit_is_dealt_evenly():
    rows = read_prompts(FOLDER / "mini-geneval.jsonl")
    tags = [rows[line]["tag"] for line in take_evenly(rows, 12)]
    assert sorted(tags) == sorted(list(dict.fromkeys(tags)) * 2) and len(tags) == 12


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
    for turn in range(100):
        shares = {tag: list(rng.binomial(4, p, 25) / 4) for tag, p in (("a", 0.7), ("b", 0.4))}
        low, high = score_tags(shares, seed=turn)[0].interval
        covered += low <= 0.55 <= high
    assert 88 <= covered <= 99
    with pytest.raises(KitError, match="nothing to score"):
        score_tags({})


def test_questions_are_of_their_kind_and_the_recorded_answers_come_again():
    assert len({question for _, question, _ in questions("where", 20)}) > 10
    recorded = {f.name.split(": ")[-1]: f.value for f in read_results(shipped.FILE) if f.name.startswith("base: eyes")}
    seen = eyes(UnifiedModel.from_pretrained(shipped.BASE), per_kind=200)
    assert set(seen) == {"what", "how many", "color", "where"}
    assert all(abs(score["score"] - recorded[kind]) < 0.05 for kind, score in seen.items()), (seen, recorded)


def test_results_are_read_back_and_broken_ones_refused(tmp_path):
    figures = figures_of(evaluate("mini-wise", seeds=1, paint=knowing), "test")
    path = write_results(tmp_path / "results.json", figures)
    assert read_results(path) == figures and {f.name for f in figures} >= {"test: mini-wise standard: known"}
    record = figures[0].model_dump() | {"value": "much"}
    path.write_text(json.dumps([record]))
    with pytest.raises(KitError, match="figure 1: value"):
        read_results(path)


def test_the_shipped_weights_are_scored_in_one_call(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "DONE", tmp_path / "answers")
    monkeypatch.setattr(shipped, "RUNS", [shipped.RUNS[0], shipped.RUNS[6]])
    told = shipped.measure(tmp_path / "mini.json", seeds=1, limit=4)
    assert [one.value for one in told] == [one.value for one in read_results(tmp_path / "mini.json")]
    assert {one.name.partition(": ")[0] for one in told} == {"base direct", "base"}
    asked = shipped.measure(tmp_path / "mini.json", seeds=1, limit=4)
    assert [one.value for one in asked] == [one.value for one in told], "what was asked before is not painted again"


def test_the_readme_quotes_the_results_of_the_shipped_weights():
    figures = read_results(shipped.FILE)
    assert shipped.table(figures) in (HOME / "README.md").read_text()
    assert all(figure.seeds == (1 if ": eyes " in figure.name else 4) for figure in figures)


def test_the_shipped_weights_say_where_they_come_from():
    for folder, last in ((shipped.BASE, "base"), (MINI, "reflect")):
        history = json.loads((folder / "provenance.json").read_text())
        stages = [stage["stage"] for stage in history]
        # the decoder was polished before the rest was built on it, and words were gone over a second time
        assert stages[:6] == ["autoencoder", "autoencoder", "vision", "language", "language", "base"]
        assert stages[-1] == last
        for stage in history:
            assert {"command", "commit", "seconds", "steps", "device", "losses"} <= set(stage)
    sizes = [path.stat().st_size for path in MINI.parent.rglob("*.safetensors")]
    assert sum(sizes) <= 30e6


def test_the_bench_measures_every_figure_it_promises(tmp_path):
    figures = bench(tmp_path / "bench.json", quick=True)
    names = {figure.name for figure in figures}
    for part in (
        "matrix peak, bfloat16",
        "training, shipped size: share of the bfloat16 peak",
        "painting, bench size: seconds a trajectory",
        "painting, bench size: times faster with cache",
        "render: pictures/s",
        "judge: pictures/s",
    ):
        assert any(name.startswith(part) for name in names), part
    assert all(isinstance(figure, Figure) and figure.value > 0 for figure in figures)
    assert "reference" in as_text(figures) and len(read_results(tmp_path / "bench.json")) == len(figures)
