"""The account of a promotion worked by hand, and which promotions belong together."""

from datetime import date

import pytest

from storeloom.workers.insight.promo_effect import (
    Loss,
    Promoted,
    Window,
    control_factor,
    effect,
    groups,
    halo,
    margin,
    nearest,
    shortfall,
)

TEA = Promoted(units=1200, base=735, promo_margin=200, regular_margin=300, discount=100, funding=40, forward=-70)


def test_the_worked_promotion() -> None:
    found = effect([TEA], [Loss(-105, 250)], fixed=10000)
    assert (found.lift, found.cannibalised, found.forward, found.funding) == (465, -105, -70, 48000)
    assert found.lift_pct == pytest.approx(63.265, abs=1e-3)
    assert found.profit == pytest.approx(240000 - 220500 - 26250 - 21000 + 48000 - 10000) == 10250
    assert found.cost == 82000
    assert found.roi == pytest.approx(12.5)
    assert found.tally() == [10250, 82000, 465, 735, 105, 0, 1]


def test_no_return_on_what_cost_nothing_and_no_share_of_no_baseline() -> None:
    found = effect([TEA._replace(base=0, discount=0)], [], halo=500, lump=20000)
    assert (found.lift_pct, found.roi, found.cost) == (None, None, -68000)
    assert found.profit == 1200 * 200 - 70 * 300 + 48000 + 20000 + 500
    assert effect([TEA._replace(promo_margin=0, funding=0)], []).tally()[5] == 1


def test_parts() -> None:
    assert (shortfall(420, 500, 1.05), shortfall(600, 500, 1.05)) == (-105, 0)
    assert (control_factor(1470, 1400), control_factor(10, 0)) == (1.05, 1)
    assert halo(140, 70, 140 * 400, 0.3) == pytest.approx(8400)
    assert (halo(60, 70, 100, 0.3), halo(0, 0, 0, 0.3)) == (0, 0)
    assert margin({"a": (2, 1000), "b": (1, 500), "c": (-1, -300)}, {"a": 300, "c": 200}.get) == 1000 - 600 - 300 + 200


def window(name: str, first: int, last: int, *items: str) -> Window:
    return Window(name, date(2026, 3, first), date(2026, 3, last), frozenset(items))


def test_overlapping_promotions_of_a_product_are_one() -> None:
    found = groups(
        [window("a", 1, 7, "tea"), window("b", 5, 12, "tea", "milk"), window("c", 12, 14, "milk"), window("d", 13, 20, "tea"),
         window("e", 1, 30, "wine")]
    )  # fmt: skip
    assert [[one.promo for one in group] for group in found] == [["a", "b", "c"], ["e"], ["d"]]


def test_nearest_siblings() -> None:
    prices = {"p": 1000.0, "far": 5000.0, "near": 1100.0, "same": 9000.0, "also": 900.0}
    others = [{"gtin": gtin, "subcategory": "green" if gtin == "same" else "black"} for gtin in ("far", "near", "same", "also", "none")]
    product = {"gtin": "p", "subcategory": "green"}
    assert nearest(product, others, prices, 3) == ["same", "also", "near"]
    assert nearest(product, others, prices, 9)[-2:] == ["far", "none"]
    assert nearest(product, others, prices, 0) == []
