"""Counts of categories by week: lift by hand, the window, and what is forgotten."""

import pytest

from storeloom.workers.insight.category_pairs import count, earn, forget, read


def filled():
    counts = {}
    for week, receipts in {"2026-01-05": 60, "2026-01-12": 40}.items():
        for n in range(receipts):
            count(counts, week, ["beer", "snacks", "beer"] if n % 10 == 0 else ["beer"] if n % 10 == 1 else ["tissue"])
    return counts


def test_lift_and_support_by_hand():
    """100 receipts: beer 20, snacks 10, both 10: lift 0.1 / (0.2 x 0.1) = 5."""
    seen = read(filled(), ["2026-01-05", "2026-01-12"])
    assert (seen.receipts, seen.having) == (100, {"beer": 20, "snacks": 10, "tissue": 80})
    assert seen.lift(("snacks", "beer")) == pytest.approx(5) and seen.lift(("beer", "tissue")) == 0
    assert seen.affinity(10) == {("beer", "snacks"): pytest.approx(4)}
    assert seen.affinity(10.01) == {}


def test_chance_alone_is_no_affinity():
    counts = {}
    for items in (["a", "b"], ["a"], ["b"], []):
        count(counts, "2026-01-05", items)
    seen = read(counts, ["2026-01-05"])
    assert seen.receipts == 4 and seen.lift(("a", "b")) == 1 and seen.affinity(0.01) == {}


def test_margin_and_the_window():
    counts = filled()
    earn(counts, "2026-01-05", "beer", 500)
    earn(counts, "2026-01-12", "beer", -100)
    earn(counts, "2026-01-12", "a:b", 7)
    assert read(counts, ["2026-01-05", "2026-01-12"]).margin == {"beer": 400, "snacks": 0, "tissue": 0, "a:b": 7}
    assert read(counts, ["2026-01-12"]).receipts == 40
    forget(counts, "2026-01-12")
    assert read(counts, ["2026-01-05"]).receipts == 0 and read(counts, ["2026-01-12"]).margin["beer"] == -100
    assert not any("2026-01-05" in key for key in counts)
