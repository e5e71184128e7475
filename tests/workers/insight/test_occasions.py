"""Reasons for a contact and their rates, by hand; likeness of products."""

from datetime import date

import pytest

from storeloom.workers.insight import likeness, occasions


@pytest.mark.parametrize(
    ("month", "today", "due"),
    [
        (5, "2026-04-24", True),
        (5, "2026-04-23", False),
        (5, "2026-05-01", True),
        (5, "2026-05-02", False),
        (1, "2026-12-25", True),
        (None, "2026-05-01", False),
    ],
)
def test_the_birth_month_begins_within_seven_days(month, today, due):
    assert occasions.birthday(month, date.fromisoformat(today)) is due


def test_days_since_purchases():
    bought = [date(2026, 1, 1), date(2026, 1, 11), date(2026, 1, 31)]
    assert occasions.after_care(bought, date(2026, 2, 3)) and not occasions.after_care(bought, date(2026, 2, 4))
    assert occasions.silent_for(bought, date(2026, 2, 15), 1) and not occasions.silent_for(bought, date(2026, 2, 14), 1)
    assert occasions.silent_for(bought, date(2026, 3, 2), 2) and not occasions.silent_for(bought, date(2026, 3, 1), 2)
    assert not occasions.silent_for(bought[:1], date(2027, 1, 1), 1) and not occasions.silent_for([], date(2027, 1, 1), 1)


def test_new_is_thirty_days():
    today = date(2026, 3, 2)
    assert occasions.is_new("2026-03-02", today) and occasions.is_new("2026-02-01", today)
    assert not any(occasions.is_new(day, today) for day in ("2026-01-31", "2026-03-03", None))


def test_a_rate_is_learnt_from_a_prior_of_twenty_contacts():
    assert occasions.rate(8, 60, 10) == 0.125 and occasions.rate(0, 0, 10) == 0.1


def test_likeness_of_products():
    one = likeness.features({"attributes": {"fabric": "Silk", "uses": ["work", "party"]}, "brand": "X"})
    assert one == {("fabric", "silk"), ("uses", "work"), ("uses", "party")}
    other = likeness.features({"attributes": {"fabric": "silk", "uses": ["work"]}})
    assert likeness.jaccard(one, other) == pytest.approx(2 / 3) and likeness.jaccard([], []) == 0
    assert likeness.features({"colour": "Red", "brand": None, "size": "M"}) == {("colour", "red")}
    assert likeness.closest(one, [other, one]) == 1 and likeness.closest(one, []) == 0
