from datetime import date

import pytest

from storeloom.workers.insight import spaced_repetition as cards

TERMS = cards.Terms()
DAY = date(2025, 3, 11)
TWICE = {"reps": 2, "interval": 6, "ease": 2.5, "due": "2025-03-11", "last": "2025-03-05", "passed": True}


@pytest.mark.parametrize(
    ("quality", "interval", "due", "ease", "reps"),
    [(4, 15, "2025-03-26", 2.5, 3), (5, 15, "2025-03-26", 2.6, 3), (3, 15, "2025-03-26", 2.36, 3), (2, 1, "2025-03-12", 2.5, 0)],
)
def test_an_answer_by_its_quality(quality, interval, due, ease, reps):
    found = cards.answer(TWICE, quality, DAY, TERMS)
    assert (found["interval"], found["due"], found["ease"], found["reps"]) == (interval, due, ease, reps)


def test_the_first_two_intervals_and_the_lowest_ease():
    one = cards.answer(None, 3, DAY, TERMS)
    two = cards.answer(one, 3, date(2025, 3, 12), TERMS)
    assert (one["interval"], one["due"], two["interval"], two["due"]) == (1, "2025-03-12", 6, "2025-03-18")
    assert cards.answer({**TWICE, "ease": 1.35}, 3, DAY, TERMS)["ease"] == 1.3
    assert cards.answer({**TWICE, "ease": 1.36, "interval": 7}, 4, DAY, TERMS)["interval"] == 10, "9.52 rounded up"
    assert not cards.answer(None, 2, DAY, TERMS)["passed"]


def test_early_answers_lengthen_nothing():
    early = cards.answer({**TWICE, "due": "2025-03-20"}, 5, DAY, TERMS)
    assert (early["interval"], early["due"], early["ease"], early["reps"]) == (6, "2025-03-20", 2.5, 2)
    assert cards.answer({**TWICE, "due": "2025-03-20"}, 1, DAY, TERMS)["due"] == "2025-03-12"


def test_a_session_of_nine_reviews_and_three_new():
    records = {f"c{number:02d}": {**TWICE, "due": "2025-03-10"} for number in range(14)}
    records["c05"]["due"] = "2025-03-01"
    records["c07"]["ease"] = 1.5
    records["c99"] = {**TWICE, "due": "2025-03-12"}
    reviews, new = cards.session(records, ["n1", "n2", "n3", "n4", "n5"], ["c13"], DAY, 12, 0.25)
    assert reviews == ["c13", "c05", "c07", "c00", "c01", "c02", "c03", "c04", "c06"] and new == ["n1", "n2", "n3"]
    assert cards.overdue(records, DAY) == 14


@pytest.mark.parametrize(
    ("due", "fresh", "counts"), [(0, 20, (0, 12)), (5, 20, (5, 7)), (20, 1, (11, 1)), (20, 0, (12, 0)), (3, 2, (3, 2))]
)
def test_places_are_not_left_empty(due, fresh, counts):
    records = {f"c{number}": TWICE for number in range(due)}
    assert tuple(map(len, cards.session(records, [f"n{number}" for number in range(fresh)], [], DAY, 12, 0.25))) == counts
