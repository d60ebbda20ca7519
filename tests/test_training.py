"""Training can be killed at any moment: what goes on afterwards ends in the very same weights."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mini_model.data.base import SHARES, WORDS_FIRST, base_sample, shares_at, statement
from mini_model.data.compare import comparison, next_stroke
from mini_model.data.parts import Draw, Have, Look, Words
from mini_model.data.process import process_sample
from mini_model.data.questions import CAPTION_QUESTION, COUNT_QUESTION, EACH_QUESTION, PLACE_QUESTION, examine
from mini_model.data.requests import loosely_joined
from mini_model.data.scenes import random_scene, scene_of_few
from mini_model.data.trajectories import Mix, parts_of, random_trajectory, told_of
from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.model.transformer import spans_of
from mini_model.model.words import text_of
from mini_model.process.script import DONE, LACKS, PREFIX, RIGHT, WRONG, read, turns
from mini_model.training.assemble import Assembler
from mini_model.training.profiles import PROFILES, profile_of
from mini_model.training.run import STAGES, train
from mini_model.training.state import checkpoints
from mini_model.training.vision import scene_of, what_is_where
from mini_model.trajectory import save_many
from mini_model.world.facts import FACTS, held_out
from mini_model.world.judge import see
from mini_model.world.reading import read_scene
from mini_model.world.things import COLORS, NUMBERS, PLACES, RELATIONS, THINGS, related

HOME = Path(__file__).resolve().parent.parent
MINI = HOME / "data_samples/weights/mini"
# the command's own code, with a checkpoint at every step and an end after a few of them
DRIVER = """
import dataclasses, sys
from pathlib import Path
from mini_model.training import profiles, run
stage, out, model, steps = sys.argv[1:5]
numbers = profiles.PROFILES[stage]["smoke"]
profiles.PROFILES[stage]["smoke"] = dataclasses.replace(numbers, save_seconds=0.0)
start = None if stage == "autoencoder" else Path(model)
run.train(stage, profile="smoke", out=Path(out), model=start, resume="--resume" in sys.argv, steps=int(steps))
"""
STEPS = 6


def start(stage: str, out: Path, *more: str, limit: str = "") -> subprocess.Popen:
    words = [sys.executable, "-c", limit + DRIVER, stage, str(out), str(MINI), str(STEPS), *more]
    return subprocess.Popen(words, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(stage: str, out: Path, *more: str) -> None:
    process = start(stage, out, *more)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told


def wait_for(folder: Path, step: int) -> None:
    ends = time.monotonic() + 120
    while not (folder / f"step-{step:07d}").exists():
        assert time.monotonic() < ends, f"no checkpoint of step {step}"
        time.sleep(0.005)


def weights(out: Path) -> dict[str, torch.Tensor]:
    """The last checkpoint whole: weights, averages, and the optimiser's moments."""
    return load_file(checkpoints(out / "checkpoints")[-1] / "state.safetensors")


def test_a_run_is_taken_up_as_what_it_was(tmp_path):
    train("base", profile="smoke", model=MINI, out=tmp_path, steps=1)
    with pytest.raises(KitError, match="holds an earlier run"):
        train("base", profile="smoke", model=MINI, out=tmp_path)
    with pytest.raises(KitError, match="holds a run of stage 'base', not 'process' and seed 0, not 1; take it up"):
        train("process", profile="smoke", model=MINI, out=tmp_path, resume=True, seed=1)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(KitError, match="run.json"):
        train("base", profile="smoke", model=MINI, out=tmp_path, resume=True)


@pytest.mark.parametrize("stage", STAGES)
def test_killed_and_resumed_ends_in_the_same_bits(tmp_path, stage):
    finish(stage, tmp_path / "whole")
    process = start(stage, tmp_path / "killed")
    wait_for(tmp_path / "killed/checkpoints", 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was over before it was killed"
    finish(stage, tmp_path / "killed", "--resume")
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == killed.keys() and any("optimizer" in name for name in whole)
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    for name in ("ae.safetensors", *(["ema.safetensors"] if stage != "autoencoder" else [])):
        paths = [tmp_path / out / "model" / name for out in ("whole", "killed")]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    last = json.loads((tmp_path / "killed/model/provenance.json").read_text())[-1]
    assert (last["stage"], last["steps"]) == (stage, STEPS) and all(np.isfinite(list(last["losses"].values())))


def test_a_disk_that_fills_up_costs_one_clear_error_and_no_checkpoint(tmp_path):
    whole = tmp_path / "checkpoints"
    process = start("autoencoder", tmp_path)
    wait_for(whole, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = checkpoints(whole)[-1]
    room = (before / "state.safetensors").stat().st_size // 2
    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
    )
    process = start("autoencoder", tmp_path, "--resume", limit=full)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1 and "KitError: cannot write" in told
    assert checkpoints(whole)[-1] == before and not list(whole.glob(".*"))
    finish("autoencoder", tmp_path, "--resume")
    assert len(weights(tmp_path))


def test_a_checkpoint_cut_short_is_passed_over(tmp_path):
    process = start("autoencoder", tmp_path)
    wait_for(tmp_path / "checkpoints", 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    newest = checkpoints(tmp_path / "checkpoints")[-1] / "state.safetensors"
    os.truncate(newest, newest.stat().st_size // 2)
    finish("autoencoder", tmp_path, "--resume")
    for folder in checkpoints(tmp_path / "checkpoints"):
        os.truncate(folder / "state.safetensors", 100)
    with pytest.raises(KitError, match="start again without --resume"):
        train("autoencoder", profile="smoke", out=tmp_path, resume=True)


def test_a_run_is_not_overwritten_and_wrong_words_are_refused(tmp_path):
    (tmp_path / "checkpoints/step-0000001").mkdir(parents=True)
    with pytest.raises(KitError, match="add --resume"):
        train("autoencoder", profile="smoke", out=tmp_path)
    with pytest.raises(KitError, match="--data goes with stage process"):
        train("base", profile="smoke", data=tmp_path, out=tmp_path / "new")
    with pytest.raises(KitError, match="no profile"):
        profile_of("base", "abacus")
    with pytest.raises(KitError, match="no model folder"):
        train("process", profile="smoke", model=tmp_path / "nowhere", out=tmp_path / "new")


def test_a_run_leaves_a_log_a_plot_and_pictures(tmp_path):
    train("autoencoder", profile="smoke", out=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows and {"step", "seconds", "tokens_per_second", "squared error"} <= set(rows[0])
    assert (tmp_path / "loss.png").stat().st_size > 1000 and list((tmp_path / "samples").glob("*.png"))


def test_polishing_leaves_the_encoder_and_its_scale_as_they_are(tmp_path):
    train("autoencoder", profile="smoke", model=MINI, out=tmp_path)
    config = json.loads((MINI / "ae_config.json").read_text())
    polished, before = load_autoencoder_of(tmp_path / "model"), load_autoencoder_of(MINI)
    assert json.loads((tmp_path / "model/ae_config.json").read_text()) == config
    changed = {name.split(".")[1] for name, tensor in before.items() if not torch.equal(tensor, polished[name])}
    assert changed == {"decoder"}


def load_autoencoder_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_file(folder / "ae.safetensors").items()}


def test_the_learning_rate_rises_and_falls():
    profile = PROFILES["base"]["cpu"]
    rates = [profile.rate_at(step) for step in range(profile.steps)]
    assert rates[0] < rates[profile.warmup] == max(rates) == profile.rate
    assert rates[-1] < 0.02 * profile.rate and rates[profile.warmup :] == sorted(rates[profile.warmup :], reverse=True)


def test_batches_depend_on_the_step_alone():
    assembler = Assembler(UnifiedModel.from_pretrained(MINI), copies=2)
    one, again, other = (
        assembler.batch([base_sample(rng) for _ in range(6)], rng)
        for rng in (np.random.default_rng(n) for n in (5, 5, 6))
    )
    assert torch.equal(one.latents, again.latents) and torch.equal(one.noise, again.noise)
    assert one.text_ids.tolist() == again.text_ids.tolist() != other.text_ids.tolist()


def test_of_a_text_that_begins_with_what_is_given_only_the_rest_is_learnt():
    model = UnifiedModel.from_pretrained(MINI)
    said = Words("i see nothing. what is not there? a star.", loss=True, draws=False, given="i see nothing. ")
    batch = Assembler(model).batch([[Words("a photo of a star"), said]], np.random.default_rng(0))
    assert text_of(model.tokenizer, batch.ce_labels.tolist()) == "what is not there? a star. <|im_end|> <|im_end|>"
    after = text_of(model.tokenizer, batch.text_ids[batch.ce_at].tolist())
    assert after == ". what is not there? a star. <|im_end|>", "a word is learnt at the word before it"


def test_rows_of_their_own_and_shared_rows_give_the_same_losses():
    model = UnifiedModel.from_pretrained(MINI)
    batches = []
    for length in (None, 700):
        rng = np.random.default_rng(9)
        batches.append(Assembler(model, 2, length).batch([process_sample(rng) for _ in range(6)], rng))
    own, shared = batches
    assert own.rows == 6 > shared.rows and len(spans_of(own.lengths.tolist())) > 1
    with torch.no_grad():
        apart, together = model(own), model(shared)
    for one, other in ((apart.ce, together.ce), (apart.mse, together.mse)):
        assert len(one) == len(other) and torch.allclose(one.mean(), other.mean(), rtol=1e-5)


def test_neighbouring_rows_of_about_one_length_go_together():
    assert spans_of([100, 90, 86, 50, 45, 10]) == [(0, 3, 100), (3, 5, 50), (5, 6, 10)]
    assert spans_of([10, 100, 99]) == [(0, 1, 10), (1, 3, 100)]


@pytest.mark.parametrize("lesson", list(SHARES))
def test_every_base_lesson_has_something_to_learn(lesson):
    rng = np.random.default_rng(0)
    for _ in range(50):
        sample = base_sample(rng, lesson)
        draws, answers = (
            [p for p in sample if isinstance(p, Draw)],
            [p for p in sample if isinstance(p, Words) and p.loss],
        )
        assert bool(draws) == (lesson in ("draw", "stroke", "edit")) and bool(draws) != bool(answers)
        assert any(isinstance(p, Look) for p in sample) == (lesson in ("edit", "see"))


def test_looking_up_is_learnt_first_and_alone_and_every_lesson_of_words_comes():
    assert shares_at(0.0, WORDS_FIRST) == {"things": 1.0}
    assert all("ask" in shares_at(done, WORDS_FIRST) or "names" in shares_at(done, WORDS_FIRST) for done in (0.2, 0.4))
    assert set(shares_at(0.99, WORDS_FIRST)) == {"see", "read", "imagine", "compare", "know"}
    rng = np.random.default_rng(0)
    for lesson in ("things", "counts", "places", "names", "ask"):
        look, *told = base_sample(rng, lesson)
        assert isinstance(look, Look) and [part.loss for part in told[:2]] == [False, True]


PHRASE = r"an? [^,]*? at the (?:[a-z]+ (?:left|right|center)|center)"


def test_what_is_read_can_be_answered_from_the_words_before_it():
    rng, described, listed = np.random.default_rng(4), 0, 0
    for _ in range(200):
        told, *asked = base_sample(rng, "read")
        for question, answer in zip(asked[::2], asked[1::2], strict=True):
            assert answer.loss and not question.loss
            if question.text == CAPTION_QUESTION:
                assert set(re.findall(PHRASE, told.text)) == set(re.findall(PHRASE, answer.text))
                described += 1
            elif question.text == EACH_QUESTION:
                for name, color, place in re.findall(r"(\w+) (\w+) ([a-z ]+)", answer.text):
                    assert f"{color} {name} at the {place}" in told.text
                listed += 1
            elif question.text == COUNT_QUESTION:
                told_of = Counter(THINGS[thing.name] for thing in read_scene(told.text).things)
                said = dict(re.findall(r"(\w+) (\w+)", answer.text))
                assert set(told_of) < set(said)
                assert all(number == NUMBERS[told_of[name]] for name, number in said.items())
                listed += 1
            elif question.text == PLACE_QUESTION:
                for line in answer.text.split(", "):
                    place = max((place for place in PLACES if line.startswith(place)), key=len)
                    held = line.removeprefix(place).strip()
                    assert (f" {held} at the {place}" in told.text) != (held == "nothing")
                    assert held != "nothing" or f"at the {place}" not in told.text
                listed += 1
            elif not question.text.startswith("how many") and answer.text != "nothing":
                assert answer.text in told.text
    assert 35 < described < 75 and 35 < listed < 75


def test_no_question_about_a_picture_answers_another():
    rng = np.random.default_rng(6)
    for scene in (scene_of_few(rng, count % 6) for count in range(200)):
        said = ""
        for question, answer in examine(scene, rng):
            place = question.removeprefix("what is at the ").removesuffix("?")
            found = [t for t in scene.things if t.place == place or t.name in question or THINGS[t.name] in question]
            for thing in found:  # nothing said before names what is asked for together with what was asked
                assert f"at the {thing.place}" not in said
                assert f"{THINGS[thing.name]} are there" not in said
            said += f"{question} {answer} "


def test_what_is_imagined_fulfils_what_was_asked_for():
    rng = np.random.default_rng(7)
    for _ in range(60):
        parts = base_sample(rng, "imagine")
        for asked, told in zip(parts[::2], parts[1::2], strict=True):
            scene = read_scene(told.text)
            assert told.loss and scene.describe() == told.text
            for relation in RELATIONS:
                if f" {relation} " in asked.text:
                    first, second = asked.text.split(f" {relation} ")
                    name, other = first.split()[-1], re.split(r" (?:on|and) |,", second)[0].split()[-1]
                    spots = {thing.name: thing.place for thing in scene.things}
                    assert related(spots[name], relation, spots[other])


def test_what_is_lacking_is_all_that_was_wished_for_and_is_not_there():
    rng, wished_for, nothing = np.random.default_rng(8), [], 0
    for _ in range(300):
        wish, there, lacks = comparison(rng)
        wished, missing = _counted(wish), _counted(lacks)
        seen = Counter((t.color, THINGS[t.name]) for t in read_scene(there.split(RIGHT)[0]).things)
        if wished and not next(iter(wished))[0]:  # no colours asked for
            seen = Counter(("", THINGS[t.name]) for t in read_scene(there.split(RIGHT)[0]).things)
        assert missing == wished - seen
        wished_for.append(wished.total())
        nothing += lacks == "nothing."
    assert set(wished_for) == {1, 2, 3, 4, 5} and 20 < nothing < 150


def test_the_next_stroke_is_the_first_thing_lacking():
    rng, wished, ends = np.random.default_rng(14), set(), 0
    for _ in range(300):
        wish, seen, said, draws = next_stroke(rng)
        there = read_scene(seen).things
        assert wish.startswith(PREFIX) and draws == ("<ins> add" in said) and draws != (DONE in said)
        assert bool(there) == seen.startswith("i see") == said.startswith(LACKS)
        wished.add(_counted(wish).total())
        ends += not draws
        if draws:
            (new,) = read_scene(said.split("<des>")[0]).things
            after = read_scene(said.split("<des>")[1]).things
            assert new in after and {t.place for t in after} == {t.place for t in (*there, new)}
            first = next(iter(_counted(said if there else wish)))
            assert first[0] in ("", new.color) and first[1] == THINGS[new.name]
    assert wished == {1, 2, 3, 4, 5} and 20 < ends < 150


def test_every_reflection_that_is_content_asks_what_is_still_lacking():
    rng = np.random.default_rng(13)
    for _ in range(60):
        trajectory = random_trajectory(rng, Mix())
        asked = [step.after or step.reflection for step in trajectory.steps]
        assert all(reflection.text.count(LACKS) == 1 for reflection in asked)
        done = [reflection.text.endswith(f"{LACKS} nothing.") for reflection in asked]
        assert done == [False] * (len(done) - 1) + [True]


def _counted(words: str) -> Counter:
    """How many of each colour and name some words speak of: {("blue", "rings"): 1}."""
    names = "|".join(name for pair in THINGS.items() for name in pair[::-1])
    found = re.findall(rf"(an?|{'|'.join(NUMBERS)}) (?:({'|'.join(COLORS)}) )?({names})\b", words)
    return Counter({(hue, THINGS.get(name, name)): NUMBERS.index(n) if n in NUMBERS else 1 for n, hue, name in found})


def test_a_painting_taken_up_half_way_goes_on_from_a_picture_that_is_right():
    rng, taken_up = np.random.default_rng(9), 0
    for _ in range(60):
        trajectory = random_trajectory(rng, Mix())
        prompt, first, *rest = parts_of(trajectory, Mix(half_way=1.0, forget=0.0), rng)
        looked, said, *_ = rest
        assert isinstance(first, Have) and isinstance(looked, Look) and first.picture is looked.picture
        assert trajectory.prompt in prompt.text and said.loss and RIGHT in said.text and WRONG not in said.text
        told, shown = read_scene(said.text.split(RIGHT)[0]), see(looked.picture)
        assert {(t.name, t.color, t.place) for t in told.things} == {(t.name, t.color, t.place) for t in shown.things}
        taken_up += any(isinstance(part, Draw) for part in rest)
    assert 10 < taken_up < 50


def test_facts_are_told_in_text_alone_and_many_answer_a_question():
    rng, asked, told = np.random.default_rng(12), 0, 0
    facts = {statement(words, fact.answer): words for fact in FACTS for words in fact.phrasings}
    for _ in range(60):
        for before, part in pairwise([None, *base_sample(rng, "know")]):
            assert isinstance(part, Words) and part.loss == (part.text in facts)
            told += part.loss
            if before and not before.loss:
                asked += 1
                assert before.text.removesuffix("?").endswith(f" {facts[part.text]}")
    assert told == 240 and 0.4 < asked / told < 0.8


def test_the_things_of_a_prompt_are_joined_any_way():
    rng = np.random.default_rng(11)
    told = {loosely_joined(rng, "a photo of a cup, a star and a tree") for _ in range(60)}
    assert told == {f"a photo of a cup{one}a star{two}a tree" for one in (", ", " and ") for two in (", ", " and ")}
    assert loosely_joined(rng, "a photo of a cup on the sand") == "a photo of a cup on the sand"


def test_plans_told_in_words_are_learnt_and_what_is_seen_is_not():
    rng = np.random.default_rng(10)
    for _ in range(40):
        trajectory = random_trajectory(rng, Mix(slips=0.0))
        prompt, *told = told_of(trajectory, Mix(half_way=0.0), rng)
        assert not prompt.loss and all(isinstance(part, Words) for part in told)
        assert all(part.loss for part in told)
        assert [part.draws for part in told] == [True] * len(trajectory.steps) + [False]
        first, *others = told
        assert not first.given and first.text.startswith("<ins>")
        for part in others:
            assert part.given.startswith("i see") and part.given.strip().endswith(RIGHT)
            assert part.text.removeprefix(part.given).startswith(LACKS)
        later = told_of(trajectory, Mix(half_way=1.0), rng)
        assert later == [prompt, *told[len(told) - len(later) + 1 :]] and later[1].given


def test_what_the_encoder_is_asked_is_what_the_picture_shows():
    rng = np.random.default_rng(5)
    for _ in range(100):
        scene = random_scene(rng, int(rng.integers(0, 7)))
        names, hues, sizes = zip(*what_is_where(scene), strict=True)
        again = scene_of(list(names), list(hues), list(sizes), scene.background)
        looks = [{(t.name, t.color, t.place, t.size) for t in s.things} for s in (scene, again)]
        assert looks[0] == looks[1] and again.background == scene.background


def test_the_encoder_learns_to_see():
    torch.manual_seed(0)
    stage = STAGES["vision"](MINI, None, replace(profile_of("vision", "smoke"), batch=32), 0)
    optimizer = torch.optim.AdamW(stage.model.parameters(), 2e-3)
    told = []
    for step in range(150):
        loss, parts, _ = stage.loss(stage.batch(step, 0, 1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        told.append(parts["colors"])
    assert np.mean(told[:5]) > 1.9 and np.mean(told[-5:]) < 1.2  # eight colours by chance: 2.08
    assert stage.sample().size == (8 * 64, 2 * 64)


def test_facts_stand_in_no_caption_and_half_of_them_in_no_plan():
    rng = np.random.default_rng(1)
    phrasings = {p for fact in FACTS for p in fact.phrasings}
    for _ in range(300):
        prompt = next((p.text for p in base_sample(rng, "draw") if isinstance(p, Words)), "")
        assert not any(phrasing in prompt for phrasing in phrasings)
    kept = {p for fact in FACTS if held_out(fact) for p in fact.phrasings}
    kept |= {fact.phrasings[2] for fact in FACTS}
    told = [random_trajectory(rng, Mix(facts=1.0)) for _ in range(300)]
    assert not [t.prompt for t in told if t.prompt.split(" of ", 1)[1] in kept]


def test_made_up_trajectories_say_what_they_show():
    from mini_model.world.judge import see

    rng, slips = np.random.default_rng(2), 0
    for _ in range(60):
        told = random_trajectory(rng, Mix())
        for step in told.steps:
            right = step.refinement if step.reflection.verdict == "wrong" else step.draft
            shown = {thing.phrase(place=True) for thing in see(np.asarray(right)).things}
            assert all(phrase in step.plan.description for phrase in shown)
            slips += step.reflection.verdict == "wrong"
        assert read(turns(told)[-1][0]).done and turns(told)[-1][1] is None
    assert slips > 10


def test_stored_trajectories_are_learnt_from(tmp_path):
    rng = np.random.default_rng(3)
    told = random_trajectory(rng, Mix())
    told.prompt = "a photo of a cup that stands in no made-up trajectory"
    save_many([told], tmp_path)
    from mini_model.trajectory import load_many

    samples = [process_sample(rng, stored=load_many(tmp_path)) for _ in range(40)]
    assert sum(told.prompt in sample[0].text for sample in samples if isinstance(sample[0], Words)) > 5
