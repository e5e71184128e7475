from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.insight.submeters import Use, bands_cost, billing_month, pieces, split_bill, spread, use_between

HOURS = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
QUARTER = timedelta(minutes=15)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_registers_roll_over_or_are_another_meters():
    assert use_between(99990, 15, digits=5, intervals=1, largest=None) == Use(25, changed=False)
    assert use_between(99990, 15, digits=5, intervals=1, largest=9) == Use(25, changed=False)
    assert use_between(99990, 15, digits=5, intervals=1, largest=8) == Use(0, changed=True)
    assert use_between(99990, 15, digits=5, intervals=2, largest=8) == Use(25, changed=False)
    assert use_between(50000, 15, digits=5, intervals=1, largest=None) == Use(0, changed=True)
    assert use_between(10, 12.5, digits=5, intervals=1, largest=1) == Use(2.5, changed=False)


def test_time_is_cut_at_slots_midnights_and_bands():
    cut = pieces(at("2026-03-01T15:50"), at("2026-03-01T16:20"), QUARTER, ["00:05"], HOURS)
    assert [begin.strftime("%H:%M") for begin, _ in cut] == ["15:50", "16:00", "16:05", "16:15"]
    assert cut[-1][1] == at("2026-03-01T16:20")


def test_an_amount_is_spread_evenly_or_by_a_profile():
    cut = pieces(at("2026-03-01T10:00"), at("2026-03-01T10:45"), QUARTER, [], HOURS)
    assert spread(9, cut, None) == [3, 3, 3]
    assert spread(9, cut, {cut[0][0]: 2, cut[2][0]: 1}) == [6, 0, 3]
    assert spread(9, cut, {cut[0][0]: 0}) == [3, 3, 3]


OWN = {"B": (Fraction(28000), 350.0), "A": (Fraction(32000), 400.0)}


def test_the_shares_add_up_to_the_bill():
    shares = split_bill(Fraction(80000), 1000, OWN, {}, "usage")
    assert [(one.user, one.amount) for one in shares] == [("A", 42667), ("B", 37333)]
    assert shares[0].shared == pytest.approx(133.3333, abs=1e-4)
    assert [one.amount for one in split_bill(Fraction(80000), 1000, OWN, {"A": 100, "B": 300}, "area")] == [37000, 43000]
    assert [one.amount for one in split_bill(Fraction(80000), 1000, OWN, {"A": 31, "B": 31}, "equal")] == [42000, 38000]
    assert [one.amount for one in split_bill(Fraction(101), 0, {"A": (Fraction(0), 0), "B": (Fraction(0), 0)}, {}, "usage")] == [51, 50]


def test_a_cost_of_bands():
    assert bands_cost([("peak|108", 1.5), ("valley|32", 2)]) == (Fraction(226), 3.5)


def test_months_begin_on_the_billing_day():
    assert billing_month(date(2026, 3, 1), 1) == (date(2026, 3, 1), date(2026, 4, 1))
    assert billing_month(date(2026, 1, 14), 15) == (date(2025, 12, 15), date(2026, 1, 15))
    assert billing_month(date(2026, 2, 28), 28) == (date(2026, 2, 28), date(2026, 3, 28))
