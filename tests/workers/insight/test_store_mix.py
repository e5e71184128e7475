"""Preferences against the chain's mix, worked by hand."""

from datetime import UTC, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.insight import store_mix

PARTS = ["open-11:00", "11:00-14:00", "17:00-close"]


def test_plum_is_preferred_and_the_other_is_not():
    found = store_mix.indexes({"plum": 48, "other": 30, "rest": 322}, {"plum": 0.08, "other": 0.08}, 100)
    assert found["plum"] == (pytest.approx(0.112), pytest.approx(1.4))
    assert found["other"] == (pytest.approx(0.076), pytest.approx(0.95))


def test_nothing_sold_gives_the_mix():
    assert store_mix.indexes({}, {"plum": 0.08, "never": 0}, 0) == {"plum": (0.08, 1)}


def test_a_table_in_percent_and_items_without_a_mix():
    rows = [{"gtin": "1", "chain_mix": 8}, {"gtin": "2", "chain_mix": 0.5}, {"gtin": "3"}]
    assert list(store_mix.chain_mix(rows).values()) == [0.08, 0.005]
    assert store_mix.whole_mix({"a": 0.1}, [{"a": 5, "b": 10}, {"b": 5}]) == {"a": 0.1, "b": 0.75}


@pytest.mark.parametrize(
    ("clock", "part"), [("09:00", "open-11:00"), ("11:00", "11:00-14:00"), ("15:00", None), ("17:00", "17:00-close"), ("22:00", None)]
)
def test_the_part_of_the_day(clock, part):
    hours = StoreHours("UTC", {"open": "08:00", "close": "22:00"})
    assert store_mix.part_of(datetime.fromisoformat(f"2026-03-02T{clock}:00").replace(tzinfo=UTC), PARTS, hours) == part
