"""What is taught says what it shows: every lesson, every answer, every trajectory."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from mini_model.data.base import SHARES, WORDS_FIRST, base_sample, shares_at, statement
from mini_model.data.compare import comparison, next_stroke, spot, verdict
from mini_model.data.parts import Draw, Have, Look, Words
from mini_model.data.process import looked_at, process_sample, reflect_sample
from mini_model.data.questions import COUNT_QUESTION, EACH_QUESTION, PLACE_QUESTION, examine
from mini_model.data.requests import loosely_joined
from mini_model.data.scenes import MOST, random_scene, scene_of_few
from mini_model.data.trajectories import Mix, on_a_found_page, parts_of, random_trajectory, told_of
from mini_model.process.judges import SURE
from mini_model.process.script import DESCRIBE, DONE, LACKS, PREFIX, RIGHT, WRONG, read, seen_in, turns
from mini_model.training.vision import scene_of, what_is_where
from mini_model.world.facts import FACTS, held_out
from mini_model.world.faults import lacking
from mini_model.world.judge import judge, see
from mini_model.world.prompts import caption
from mini_model.world.reading import read_request, read_scene
from mini_model.world.things import COLORS, NUMBERS, PLACES, RELATIONS, THINGS, UNCLEAR, related


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
            if question.text == DESCRIBE:
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


def test_what_is_lacking_is_the_first_thing_wished_for_that_is_not_there():
    rng, wished_for, nothing = np.random.default_rng(8), [], 0
    for _ in range(300):
        wish, there, lacks = comparison(rng)
        wished, named = _counted(wish), _counted(lacks)
        seen = Counter((t.color, THINGS[t.name]) for t in read_scene(there.split(RIGHT)[0]).things)
        if wished and not next(iter(wished))[0]:  # no colours asked for
            seen = Counter(("", THINGS[t.name]) for t in read_scene(there.split(RIGHT)[0]).things)
        missing = wished - seen
        first = next((one for one in wished if missing[one]), None)
        assert named == (Counter({first: missing[first]}) if first else Counter())
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


def test_every_reflection_that_is_content_asks_what_is_there_to_add():
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


def test_a_draft_told_of_is_right_or_wrong_as_its_plan_and_what_is_seen_say():
    rng, wrong = np.random.default_rng(16), 0
    for _ in range(150):
        wish, planned, seen, said, draws = verdict(rng)
        plan = read(planned).plan
        reflection = read(seen + said).reflection
        shown = set(re.split(", | and ", seen.removeprefix("i see ").removesuffix(". ")))
        wished_for = set(re.split(", | and ", plan.description))
        assert (reflection.verdict == "wrong") == (shown != wished_for)
        assert plan.instruction.removeprefix("add ") in wished_for and wish.startswith(PREFIX)
        assert bool(reflection.refine) == (reflection.verdict == "wrong") and draws != (DONE in said)
        wrong += reflection.verdict == "wrong"
    assert 60 < wrong < 120  # six tenths of them


@pytest.mark.parametrize("most", [1, 4])
def test_what_is_compared_differs_in_one_point_or_in_none(most):
    rng, kinds = np.random.default_rng(19), Counter()
    for _ in range(200):
        planned, seen, said, draws = spot(rng, most)
        plan, reflection = read(planned).plan, read(seen + said).reflection
        wished, there = (set(re.split(", | and ", text)) for text in (plan.description, seen_in(reflection)))
        kinds[(reflection.refine or "right").split()[0]] += 1
        assert len(wished - there) == len(there - wished) == (reflection.verdict == "wrong") == draws
        assert len(wished) <= most and (DONE in said) == (reflection.verdict == "correct")
    assert kinds["right"] > 60 and set(kinds) == {"right", "make", "replace", "move"}


def test_comparing_comes_first_where_drafts_are_criticised_and_nowhere_else():
    rng, sets = np.random.default_rng(20), {"alignment": [random_trajectory(np.random.default_rng(0), Mix())]}

    def words_alone(done: float, mix: Mix, sets: dict) -> bool:
        samples = [reflect_sample(rng, sets, mix, done) for _ in range(40)]
        return all(isinstance(part, Words) for sample in samples for part in sample)

    assert words_alone(0.0, Mix(), sets) and words_alone(0.3, Mix(slips=0.0), sets)
    assert not words_alone(0.6, Mix(), sets) and not words_alone(0.0, Mix(slips=0.0), {})
    told = [process_sample(rng, Mix(slips=0.0)) for _ in range(300)]
    assert not any(WRONG in part.text for sample in told for part in sample if isinstance(part, Words))


def test_a_smeared_picture_is_described_by_what_the_judge_can_tell():
    rng, smears = np.random.default_rng(17), 0
    for _ in range(30):
        look, question, answer, *_ = base_sample(rng, "squint")
        assert look.as_is and answer.loss
        seen = see(look.picture, sure=SURE)
        if question.text == DESCRIBE:
            assert answer.text == caption(seen)
        smears += any(thing.name == UNCLEAR for thing in seen.things)
    assert smears > 20


def test_the_models_own_drafts_are_described_without_their_plans():
    rng = np.random.default_rng(18)
    for _ in range(20):
        told = random_trajectory(rng, Mix())
        parts = looked_at(rng, told)
        assert len(parts) == 3 * len(told.steps) and [part.loss for part in parts[2::3]] == [True] * len(told.steps)
        spoken = {seen_in(step.reflection): step.draft for step in told.steps}
        for look, question, answer in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            assert question.text == DESCRIBE and (look.picture == np.asarray(spoken[answer.text])).all()
            assert "this is" not in answer.text and look.as_is


def test_what_the_encoder_is_asked_is_what_the_picture_shows():
    rng = np.random.default_rng(5)
    for _ in range(100):
        scene = random_scene(rng, int(rng.integers(0, 7)))
        names, hues, sizes = zip(*what_is_where(scene), strict=True)
        again = scene_of(list(names), list(hues), list(sizes), scene.background)
        looks = [{(t.name, t.color, t.place, t.size) for t in s.things} for s in (scene, again)]
        assert looks[0] == looks[1] and again.background == scene.background


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


def test_a_painting_may_begin_on_a_page_that_holds_other_things():
    rng, held = np.random.default_rng(15), set()
    for _ in range(40):
        told, given = on_a_found_page(rng, Mix(forget=0.0))
        prompt, page, looked, first, *_ = parts_of(told, Mix(forget=0.0), rng, given)
        assert isinstance(page, Have) and isinstance(looked, Look) and told.prompt in prompt.text
        beside, asked = see(page.picture).things, read_request(told.prompt)
        assert len(beside) == given and not {thing.name for thing in beside} & {group.name for group in asked.groups}
        assert RIGHT in first.text and f"{LACKS} {lacking(asked.groups, ())}." in first.text and first.draws
        assert judge(asked.spec("counting"), np.asarray(told.final)).correct
        held.add(len(see(np.asarray(told.final)).things))
    assert max(held) == MOST and min(held) >= 2


def test_criticism_is_learnt_from_the_subsets_in_the_papers_proportion():
    rng = np.random.default_rng(3)
    sets = {}
    for name in ("conflict", "alignment"):
        told = random_trajectory(rng, Mix())
        told.prompt = f"a photo of a cup out of the subset {name}"
        sets[name] = [told]

    def share(name: str, sets: dict) -> float:
        samples = [reflect_sample(rng, sets) for _ in range(300)]
        return sum(isinstance(s[0], Words) and s[0].text.endswith(name) for s in samples) / len(samples)

    assert 0.06 < share("conflict", sets) < 0.15  # 15,201 of 62,213, in 0.42 of the samples
    alone = {"alignment": sets["alignment"]}
    assert 0.08 < share("alignment", alone) < 0.2 and share("conflict", alone) == 0
