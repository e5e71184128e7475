"""Triage of complaints in zh and en: by the labelled texts beside this file, and that every answer shows its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storeloom.workers.insight import triage_words
from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.triage import Labels, deceit, judge, triage

LINES = (Path(__file__).parent / "complaints.txt").read_text(encoding="utf-8").splitlines()
LABELLED = [(text.strip(), category.strip()) for category, text in (line.split("|") for line in LINES)]


def test_labelled_complaints_are_sorted_or_left_to_a_person() -> None:
    found = judge(LABELLED)
    assert found.texts == 59 and found.answered >= 0.9
    assert found.right >= 0.95 and found.missed_first == 0


def test_the_reason_is_shown() -> None:
    found = triage("牛奶已经过期三天，太差劲了")
    assert (found.category, found.severity) == ("food_safety", 1)
    assert [(word.text, word.source) for word in found.why] == [("过期", "lexicon")]
    assert found.sentiment < -0.5 and found.felt
    hurt = triage("Milk sour, child has stomach ache")
    assert hurt.severity == 1 and {word.text for word in hurt.urgent} == {"sour", "stomach"}


@pytest.mark.parametrize(
    ("text", "category", "severity"),
    [
        ("没有过期，但是店员态度不好", "conduct", 2),
        ("Nothing wrong with the date, but the cashier was rude", "conduct", 2),
        ("there was no mould, only a long queue, we waited", "queue", 3),
        ("ＭＩＬＫ ＥＸＰＩＲＥＤ", "food_safety", 1),
        ("排队的时候老人晕倒了", "queue", 1),
    ],
)
def test_negation_width_and_urgency(text: str, category: str, severity: int) -> None:
    found = triage(text)
    assert (found.category, found.severity) == (category, severity)


def test_it_abstains_without_evidence_and_between_two() -> None:
    for text in ("ok", "你好，请问几点开门", "12345", "缺货又排队"):
        assert triage(text).category is None
    assert triage("ok").best is None and triage("ok").why == ()
    assert triage("缺货又排队").best in ("stock", "queue")


def test_praise_is_not_anger() -> None:
    assert triage("Staff were friendly and helpful, thank you").sentiment > 0.5
    assert triage("This is not good").sentiment < 0 < triage("This is good").sentiment


def test_it_learns_a_chains_own_words() -> None:
    labels = Labels()
    for n in range(12):
        labels.learn(f"智能柜 {n} 号门打不开，扫码没反应", "delivery")
        labels.learn(f"the freezer cabinet number {n} keeps beeping all day", "environment")
    assert triage("智能柜扫码后门打不开").category is None
    found = triage("智能柜扫码后门打不开", labels)
    assert found.category == "delivery" and all(word.source == "labels" for word in found.why)
    assert triage("your cabinet is beeping", labels).category == "environment"
    kept = Labels.of(json.loads(json.dumps(labels.as_dict())))
    assert triage("智能柜扫码后门打不开", kept) == found
    assert triage("牛奶发霉了，孩子拉肚子", labels).category == "food_safety"


def test_learning_beats_the_lexicon_on_texts_kept_apart() -> None:
    labels = Labels()
    for text, category in LABELLED[::2]:
        labels.learn(text, category)
    alone, helped = judge(LABELLED[1::2]), judge(LABELLED[1::2], labels)
    assert helped.all_right >= alone.all_right - 0.07
    assert helped.missed_first == 0


def test_words_are_plain_and_stand_in_one_weight_a_category() -> None:
    for lexicon in (*triage_words.TOPICS.values(), triage_words.URGENT, triage_words.FEELINGS):
        assert all(word == word.strip().casefold() and word and weight for word, weight in lexicon.items())
    assert set(triage_words.TOPICS) == set(triage_words.CATEGORIES)


def test_bad_texts_are_refused() -> None:
    for call in (
        lambda: triage("  "),
        lambda: triage("x" * 5000),
        lambda: triage("a", sure=1.5),
        lambda: Labels().learn("a", "weather"),
        lambda: judge([]),
    ):
        with pytest.raises(InsightFault):
            call()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("这双鞋是假货，欺骗消费者", {"假货", "欺骗"}),
        ("A misleading label", {"misleading"}),
        ("not fake, just broken", set()),
        ("没有骗我，只是坏了", set()),
    ],
)
def test_deceit_is_told_unless_negated(text: str, found: set[str]) -> None:
    assert {word.text for word in deceit(text)} == found
