"""Every experiment runs from its first training to the page, and the page says what the files say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mini_model.errors import KitError
from mini_model.evaluation.experiments import CLAIMS, EXPERIMENTS, experiment, gains
from mini_model.evaluation.page import LOOKS, PAPER, became_of, page
from mini_model.evaluation.reflection import EYES, MADE_UP, SHARES
from mini_model.evaluation.results import FOLDER, Figure, read_results
from mini_model.evaluation.statistics import score_seeds, score_tags
from mini_model.evaluation.variants import SIZES, WITH_AUGMENTATION, Variant, further

pytestmark = pytest.mark.timeout(900)  # a dozen trainings and three dozen evaluations, however short
HOME = Path(__file__).resolve().parent.parent
DRIVER = """
from functools import partial
from pathlib import Path
from mini_model.evaluation import experiments
from mini_model.evaluation.experiments import EXPERIMENTS, experiment
from mini_model.process import search
experiments.Settings, search.PATHS = partial(experiments.Settings, words=60, max_rounds=4), 6
for name in EXPERIMENTS:
    experiment(name, "smoke", out=Path("results") / f"{name}.json")
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A folder where all experiments were run in smoke."""
    folder = tmp_path_factory.mktemp("experiments")
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=folder, env=os.environ | {"PYTHONPATH": str(HOME)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_gives_every_row_its_figures_and_every_claim_its_gain(name, run):
    figures = {figure.name: figure for figure in read_results(run / "results" / f"{name}.json")}
    for words in EXPERIMENTS[name]:
        whole = figures[f"{name}, {words}: overall"]
        assert whole.interval[0] <= whole.value <= whole.interval[1] and whole.n == SIZES["smoke"].limit
        assert figures[f"{name}, {words}: overall: seed 0"].value == pytest.approx(whole.value)
        assert (
            figures[f"{name}, {words}: denoising_steps"].value >= SIZES["smoke"].euler
            and f"{name}, {words}: forwards" in figures
        )
        assert f"{name}, {words}: seconds of training" in figures
    for better, worse, _ in CLAIMS[name]:
        gain = figures[f"{name}, {better} over {worse}: overall" if "overall" in _ else
                       next(key for key in figures if key.startswith(f"{name}, {better} over {worse}: "))]  # fmt: skip
        assert gain.interval[0] <= gain.value <= gain.interval[1]


def test_the_page_says_what_the_files_say(run):
    told = page(run / "results")
    for name in EXPERIMENTS:
        for figure in read_results(run / "results" / f"{name}.json"):
            if figure.interval and " over " in figure.name:
                low, high = figure.interval
                assert f"{figure.value:+.2f} ({low:+.2f} to {high:+.2f}) | {became_of(figure)} |" in told
    assert "[paper: 0.83]" in told and "[paper: 131]" in told and "Not run yet" not in told


def test_the_saved_page_is_that_of_the_saved_files():
    assert (FOLDER / "README.md").read_text() == page()


def test_the_page_tells_how_often_the_critic_is_right(tmp_path):
    told, figures = page(), read_results(FOLDER / LOOKS)
    for figure in figures:
        if figure.name.rpartition(": ")[2] in SHARES:
            low, high = figure.interval
            assert f"{figure.value:.2f} ({low:.2f} to {high:.2f}), n {figure.n}" in told, figure.name
    assert all(f"| {how}{eyes} |" in told for how in ("as usual", *MADE_UP) for eyes in EYES)
    kept = [figure.model_dump(mode="json") for figure in figures if not figure.name.endswith("smears: broken")]
    (tmp_path / LOOKS).write_text(json.dumps(kept))
    assert "| – |" in page(tmp_path), "of smears no right one was painted again"
    (tmp_path / LOOKS).unlink()
    assert "Not measured yet: `python -m mini_model.evaluation.reflection`" in page(tmp_path)


def test_what_is_trained_is_kept_and_nothing_is_trained_twice(run):
    trained = [path.parent for path in (run / "out/experiments").glob("*/model")]
    assert len(trained) == 12
    stages = {json.loads((folder / "run.json").read_text())["stage"] for folder in trained}
    assert stages == {"base", "process", "reflect", "reward", "preference"}


def test_a_recipe_is_known_by_its_content():
    size = SIZES["cpu"]
    one = further(WITH_AUGMENTATION, ("conflict",))
    assert one.key(size, 0) == further(WITH_AUGMENTATION, ("conflict",)).key(size, 0)
    others = [further(WITH_AUGMENTATION), further(WITH_AUGMENTATION, slips=0.4), WITH_AUGMENTATION, Variant("base")]
    assert len({one.key(size, 0), one.key(size, 1), one.key(SIZES["gpu"], 0), *(o.key(size, 0) for o in others)}) == 7


def test_an_interval_over_seeds_is_wider_than_over_prompts_alone():
    rng = np.random.default_rng(0)
    shares = [{"a": (rng.random(40) < p).astype(float).tolist()} for p in (0.2, 0.5, 0.8)]
    both, by_tag = score_seeds(shares)
    alone, _ = score_tags({"a": np.mean([one["a"] for one in shares], 0).tolist()})
    assert both.score == pytest.approx(alone.score) and by_tag["a"].n == 40
    assert both.interval[1] - both.interval[0] > 1.5 * (alone.interval[1] - alone.interval[0])
    same, _ = score_seeds([{"a": [1.0, 0.0]}] * 3)
    assert same.score == 0.5


def test_a_gain_is_taken_prompt_by_prompt():
    rng = np.random.default_rng(1)
    worse = [{"shares": {"a": rng.random(30).tolist()}} for _ in range(3)]
    better = [{"shares": {"a": [share + 0.1 for share in one["shares"]["a"]]}} for one in worse]
    (gain,) = gains("x", "b", "w", ("overall",), {"b": better, "w": worse})
    assert gain.value == pytest.approx(0.1) and gain.interval[0] == pytest.approx(0.1)
    assert became_of(gain) == "yes"
    verdicts = [became_of(Figure(name="g", value=0.0, interval=limits)) for limits in ((-0.2, -0.1), (-0.1, 0.1))]
    assert verdicts == ["no", "not decided"]


def test_every_row_of_the_paper_has_its_counterpart():
    for name, rows in PAPER.items():
        assert set(rows) <= set(EXPERIMENTS[name]), name


def test_an_experiment_that_there_is_not_is_named():
    with pytest.raises(KitError, match="no experiment 'table9'"):
        experiment("table9")
