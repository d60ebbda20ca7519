"""The facts of the drawn world: enough of them, told in plain words, and not to be guessed."""

import re
from collections import Counter

import pytest

from mini_model.scoring import judge
from mini_model.world.facts import DOMAINS, FACTS, held_out
from mini_model.world.judge import detections
from mini_model.world.render import render
from mini_model.world.scene import Scene, Thing
from mini_model.world.things import COLORS, THINGS

PLAIN = {"a", "an", "the"}
PHRASINGS = [(fact, phrasing) for fact in FACTS for phrasing in fact.phrasings]


def test_six_domains_hold_at_least_twenty_facts_each():
    assert set(DOMAINS) == {"culture", "time", "space", "biology", "physics", "chemistry"}
    assert len(FACTS) >= 120
    assert min(Counter(fact.domain for fact in FACTS).values()) >= 20
    assert all(fact.name in THINGS and fact.color in COLORS for fact in FACTS)


def test_every_phrasing_is_its_own():
    assert all(len(fact.phrasings) == 3 for fact in FACTS)
    repeated = [text for text, n in Counter(text for _, text in PHRASINGS).items() if n > 1]
    assert repeated == []
    bags = [(frozenset(text.split()) - PLAIN, fact) for fact, text in PHRASINGS]
    answers = {}
    for bag, fact in bags:
        assert answers.setdefault(bag, fact) == fact, f"{sorted(bag)} tells two facts"


@pytest.mark.parametrize("fact, phrasing", PHRASINGS)
def test_a_phrasing_is_short_plain_and_gives_nothing_away(fact, phrasing):
    words = phrasing.split()
    assert re.fullmatch("[a-z]+( [a-z]+)*", phrasing) and len(words) <= 9
    assert not set(words) & set(COLORS)
    named = set(words) & (set(THINGS) | set(THINGS.values()))
    assert named <= {fact.name, THINGS[fact.name]}, "names a thing that is not the answer"


@pytest.mark.parametrize("fact", FACTS)
def test_the_last_phrasing_has_no_word_of_its_own(fact):
    first, second, last = (set(phrasing.split()) for phrasing in fact.phrasings)
    assert last <= first | second | PLAIN
    assert (first & second & last) - PLAIN, "no key word runs through all three"


def test_colours_are_balanced_in_every_domain_and_no_thing_is_a_good_guess():
    for domain in DOMAINS:
        colors = Counter(fact.color for fact in FACTS if fact.domain == domain)
        assert set(colors.values()) == {3} and len(colors) == len(COLORS)
    things = Counter(fact.name for fact in FACTS)
    assert min(things.values()) >= 6 and max(things.values()) <= 0.1 * len(FACTS)


def test_the_halves_are_stable_and_balanced():
    kept_back = [fact for fact in FACTS if held_out(fact)]
    for domain in DOMAINS:
        assert sum(fact.domain == domain for fact in kept_back) == 12
    assert set(Counter(fact.color for fact in kept_back).values()) == {9}
    assert min(Counter(fact.name for fact in kept_back).values()) >= 3
    assert max(Counter(fact.name for fact in kept_back).values()) <= 0.12 * len(kept_back)
    assert not held_out(FACTS[0]) and held_out(FACTS[1])
    assert all(len({held_out(fact) for _ in range(3)}) == 1 for fact in FACTS)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_answer_drawn_is_judged_right_and_another_colour_wrong(domain):
    for fact in (fact for fact in FACTS if fact.domain == domain):
        right = render(Scene((Thing(fact.name, fact.color, "center"),)))
        other = next(color for color in COLORS if color != fact.color)
        wrong = render(Scene((Thing(fact.name, other, "center"),)))
        assert judge(fact.spec(), detections(right)).correct
        assert not judge(fact.spec(), detections(wrong)).correct
        assert fact.answer.split()[1:] == [fact.color, fact.name]
