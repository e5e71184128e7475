"""Arrivals at the tills, worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise.arrivals import conversion, expected, foreseen, per_minute

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_counts_are_spread_over_their_windows() -> None:
    counts = [("north", at(-10), at(0), 30.0), ("north", at(0), at(5), 5.0), ("south", at(-1), at(0), 4.0), ("east", at(5), at(6), 9.0)]
    assert per_minute(counts, at(0), FIVE) == {"north": pytest.approx(3.0), "south": pytest.approx(4.0)}
    assert per_minute(counts, at(2), FIVE)["north"] == pytest.approx((3 * 3 + 2 * 1) / 5)
    assert per_minute(counts, at(5), FIVE) == {"north": pytest.approx(1.0)}


def test_conversion_leaves_out_days_that_were_not_counted() -> None:
    assert conversion([(60, 100.0), (90, 200.0), (70, 0.0)]) == pytest.approx(0.5)
    assert conversion([(70, 0.0)]) is None


def test_a_forecast_of_the_store_comes_before_its_places() -> None:
    places = [("door", at(0), at(60), 120.0), ("gate", at(0), at(30), 30.0)]
    assert foreseen(places, at(0), ["store"]) == pytest.approx(3.0)
    assert foreseen(places, at(30), ["store"]) == pytest.approx(2.0)
    assert foreseen([*places, ("store", at(0), at(60), 60.0)], at(0), ["s1", "store"]) == pytest.approx(1.0)
    assert foreseen(places, at(60), ["store"]) is None


@pytest.mark.parametrize(
    ("entrants", "receipts", "visitors", "share", "rate"),
    [
        (4.0, 1.0, 3.0, 0.5, 2.0),
        (4.0, 1.0, 3.0, None, 1.0),
        (4.0, None, 3.0, None, 4.0),
        (None, None, 3.0, 0.5, 1.5),
        (None, None, None, 0.5, None),
    ],
)
def test_the_best_source_is_taken(
    entrants: float | None, receipts: float | None, visitors: float | None, share: float | None, rate: float | None
) -> None:
    assert expected(entrants, receipts, visitors, share) == rate
