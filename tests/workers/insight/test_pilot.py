"""What a pilot did: a known effect is found, an absent one is not, and what cannot be compared says why."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.pilot import judge

START, BEFORE, AFTER = date(2026, 3, 30), 70, 42
PILOTS, OTHERS = ["p1", "p2", "p3"], [f"s{k}" for k in range(1, 9)]


def panel(effect: float, stores: list[str] | None = None, seed: int = 3) -> pl.DataFrame:
    """Stores of many levels that share weekdays and a common course; pilot stores gain `effect` a day from the start on."""
    chance = np.random.default_rng(seed)
    course = np.cumsum(chance.normal(0, 3, BEFORE + AFTER))
    rows = []
    for store in stores or [*PILOTS, *OTHERS]:
        level = 1000 + 200 * chance.random()
        for day in range(BEFORE + AFTER):
            gain = effect if store in PILOTS and day >= BEFORE else 0.0
            rows.append((store, START + timedelta(days=day - BEFORE), level + 40 * (day % 7) + course[day] + chance.normal(0, 15) + gain))
    return pl.DataFrame(rows, schema=["unique_id", "ds", "y"], orient="row")


def test_a_gain_is_found_by_both_comparisons() -> None:
    found = judge(panel(60.0), PILOTS, OTHERS, START, drivers={"visits": panel(5.0, seed=4), "nothing": panel(0.0, seed=5)})
    assert found.method == "did" and found.effect.covers(60.0) and found.effect.low > 0
    assert found.share == pytest.approx(60 / 1200, rel=0.25)
    assert found.twin is not None and found.twin.effect.value == pytest.approx(60, abs=12)
    assert len(found.placebos) == 4 and all(effect.p_value > 0.05 for _, effect in found.placebos)
    assert found.study is not None and found.study.table.filter(pl.col("period") == 1)["value"].item() == pytest.approx(60, abs=20)
    assert [one.name for one in found.drivers] == ["visits", "nothing"] and found.drivers[1].effect.covers(0.0)


def test_no_gain_is_not_found() -> None:
    assert judge(panel(0.0), PILOTS, OTHERS, START).effect.covers(0.0)


def test_one_pilot_store_is_held_against_its_synthetic_twin_and_the_other_comparison_says_why_not() -> None:
    found = judge(panel(60.0, ["p1", *OTHERS]), ["p1"], OTHERS, START)
    assert found.method == "synthetic" and found.effect.value == pytest.approx(60, abs=15) and found.change is None
    assert any("treated" in one.text() for one in found.findings)


def test_what_cannot_be_compared_at_all_is_a_fault() -> None:
    with pytest.raises(InsightFault) as fault:
        judge(panel(60.0, ["p1", "s1"]), ["p1"], ["s1"], START)
    assert len(fault.value.findings) >= 2
    with pytest.raises(InsightFault, match="pilot stores"):
        judge(panel(0.0), PILOTS, ["p1", *OTHERS], START)
