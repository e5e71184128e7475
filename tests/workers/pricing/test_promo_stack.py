"""Stacks of promotions by hand: what one piece costs in the worst case."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from storeloom.workers.pricing.promo_stack import Offer, reduced, worst
from storeloom.workers.pricing.rules import Rule, coupon_rule, promotion_rule

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=7)


def promo(name: str, kind: str, value: float, **more: object) -> Rule:
    rule = promotion_rule({"promo": name, "kind": kind, "value": value, "category": "tea", **more})
    assert rule is not None
    return rule


def coupon(name: str, kind: str, value: float, **more: object) -> Rule:
    rule = coupon_rule({"template": name, "kind": kind, "value": value, **more})
    assert rule is not None
    return rule


def lowest(rules: list[Rule], offers: list[Offer] | None = None, base: int = 1290) -> tuple[int, tuple[str, ...]]:
    found = worst(base, rules, offers or [], START, END, {"a": 1290, "b": 710}.get)
    return found.price, found.rules


def test_20_percent_then_100_off() -> None:
    off = promo("P", "percent", 20, stack=True, priority=1)
    assert lowest([off, coupon("C", "amount", 100)]) == (932, ("P", "C"))
    assert lowest([off]) == (1032, ("P",))
    assert lowest([off, promo("Q", "amount", 100, stack=True, priority=0)]) == (952, ("Q", "P"))


def test_those_that_do_not_stack_compete_also_with_price_rows() -> None:
    rules = [promo("A", "percent", 10), promo("B", "percent", 30), promo("S", "amount", 3, stack=True)]
    assert lowest(rules) == (900, ("B", "S"))
    assert lowest(rules, [Offer(800, START, END)]) == (797, ("S",))
    assert lowest([coupon("C", "amount", 100, stack=False), coupon("D", "percent", 10, stack=False)]) == (1161, ("D",))


def test_only_what_holds_at_the_same_time_adds_up() -> None:
    early = promo("E", "percent", 50, stack=True, to=(START + timedelta(days=2)).isoformat())
    late = promo("L", "percent", 40, stack=True, **{"from": (START + timedelta(days=2)).isoformat()})
    assert lowest([early, late]) == (645, ("E",))
    assert worst(1000, [late], [], START, END, lambda _: None).at == START + timedelta(days=2)


@pytest.mark.parametrize(
    ("rule", "price"),
    [
        (promo("N", "nth", 100, qty=3), Fraction(860)),
        (promo("M", "multi_buy", 2400, qty=2), Fraction(1200)),
        (promo("T", "threshold", 1000, threshold=5000), Fraction(1032)),
        (promo("T", "threshold", 100, threshold=1000), Fraction(1190)),
        (promo("B", "bundle", 1500, gtins=["a", "b"]), Fraction(1290) * Fraction(3, 4)),
        (promo("B", "bundle", 1500, gtins=["a", "x"]), Fraction(1290)),
        (promo("G", "gift", 0, gtins=["b"]), Fraction(1290)),
        (promo("F", "fixed", 1500), Fraction(1290)),
        (coupon("F", "free", 0), Fraction(0)),
    ],
)
def test_what_each_kind_leaves_of_1290(rule: Rule, price: Fraction) -> None:
    assert reduced(rule, Fraction(1290), {"a": 1290, "b": 710}.get) == price
