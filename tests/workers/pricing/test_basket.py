"""Baskets priced by hand: each kind of rule, the three steps, exclusive groups, caps, coupons."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.pricing import (
    PriceBook,
    PricedBasket,
    Refusal,
    coupon_rule,
    index_products,
    price_basket,
    promotion_rule,
    refund_amount,
)

Row = dict[str, Any]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PRODUCTS = [
    {"gtin": "milk", "category": "dairy", "unit": "each"},
    {"gtin": "soap", "category": "care", "unit": "each"},
    {"gtin": "tea", "category": "drinks", "subcategory": "hot", "unit": "each"},
    {"gtin": "apple", "category": "fruit", "unit": "kg"},
]
PRICES = {"milk": 1500, "soap": 2600, "tea": 999, "apple": 998}


def line(gtin: str, qty: float = 1, **more: Any) -> Row:
    return {"gtin": gtin, "qty": qty, **more}


def promo(name: str, kind: str, value: float = 0, **more: Any) -> Row:
    return {"promo": name, "kind": kind, "value": value, "stack": False, "priority": 5, "approved": True, **more}


def coupon(name: str, kind: str, value: float = 0, **more: Any) -> Row:
    return {"template": name, "kind": kind, "value": value, **more}


def priced(lines: Sequence[Row], promotions: Sequence[Row] = (), coupons: Sequence[Row] = (), **more: Any) -> PricedBasket:
    options: Row = {"member": None, "at": NOON, **more}
    products = index_products(PRODUCTS)
    book = PriceBook([{"gtin": gtin, "price": price} for gtin, price in PRICES.items()], products=products)
    return price_basket(lines, promotions=promotions, coupons=coupons, prices=book, products=products, **options)


def amounts(basket: PricedBasket) -> list[int]:
    return [found.amount for found in basket.lines]


MIDDLE_PLATFORM = [
    promo("R1", "percent", 10, gtins=["milk"]),
    promo("R2", "threshold", 800, threshold=5000, group="spend"),
    promo("R3", "threshold", 500, threshold=3000, group="spend", priority=1),
]


@pytest.mark.parametrize("as_promotion", [True, False])
def test_the_worked_basket_of_the_promotion_platform(as_promotion: bool) -> None:
    r4 = [promo("R4", "amount", 200, stack=True)] if as_promotion else []
    coupons = [] if as_promotion else [coupon("R4", "amount", 200, stack=True)]
    found = priced([line("milk", 2), line("soap")], [*MIDDLE_PLATFORM, *r4], coupons)
    assert [(rule.id, rule.step, rule.saving, dict(rule.lines)) for rule in found.applied] == [
        ("R1", 1, 300, {1: 300}),
        ("R2", 2, 800, {1: 408, 2: 392}),
        ("R4", 3, 200, {1: 102, 2: 98}),
    ]
    assert (amounts(found), found.gross, found.total, found.savings) == ([2190, 2110], 5600, 4300, 1300)
    assert refund_amount(found.lines[1].amount, 1, 0, 1) == 2110
    data = found.as_data("r1", 2)
    assert data["lines"][0] == {
        "line": 1, "gtin": "milk", "qty": 2, "price": 1500, "discount": 810, "amount": 2190, "promo": "R2",
    }  # fmt: skip
    assert (data["total"], data["savings"], data.get("coupons")) == (4300, 1300, None if as_promotion else ["R4"])


def test_group_policy_priority_takes_the_first_rule() -> None:
    found = priced([line("milk", 2), line("soap")], MIDDLE_PLATFORM, group_policy="priority")
    assert [rule.id for rule in found.applied] == ["R1", "R3"] and found.total == 4800


def test_the_worked_basket_of_the_till() -> None:
    lines = [line("milk", price=1290), line("milk", price=1290), line("pork", price=540)]
    rules = [promo("two", "multi_buy", 2200, qty=2, gtins=["milk"])]
    five_off = [coupon("c", "amount", 500, threshold=3000)]
    found = priced(lines, rules, five_off)
    assert (found.total, found.refused) == (2740, (Refusal("c", "below_threshold"),))
    found = priced([*lines, line("bread", price=680)], rules, five_off)
    assert found.total == 2920
    assert found.applied[-1].lines == {1: 161, 2: 161, 3: 79, 4: 99}


@pytest.mark.parametrize(
    ("lines", "rule", "expected"),
    [
        ([line("tea", 3)], promo("p", "percent", 15), [2547]),  # 449.55 -> 450 off 2997
        ([line("tea"), line("soap")], promo("p", "percent", 10, category="hot"), [899, 2600]),
        ([line("milk", 2)], promo("p", "percent", 10, qty=3, gtins=["milk"]), [3000]),
        ([line("milk", 3)], promo("p", "percent", 10, qty=3, gtins=["milk"]), [4050]),
        ([line("milk", 2), line("soap")], promo("p", "percent", 10, threshold=5600), [2700, 2340]),
        ([line("milk", 2), line("soap")], promo("p", "percent", 10, threshold=5601), [3000, 2600]),
        ([line("milk", 2), line("soap")], promo("p", "amount", 100, gtins=["milk"]), [2800, 2600]),
        ([line("milk", 2), line("soap")], promo("p", "amount", 560), [2700, 2340]),
        ([line("milk", 2)], promo("p", "amount", 9000, gtins=["milk"]), [0]),
        ([line("apple", weight_g=500)], promo("p", "amount", 100, gtins=["apple"]), [449]),  # 499 - 50
        ([line("milk", 2)], promo("p", "fixed", 1200, gtins=["milk"]), [2400]),
        ([line("milk", 2)], promo("p", "fixed", 1600, gtins=["milk"]), [3000]),
        ([line("apple", weight_g=345)], promo("p", "fixed", 800, gtins=["apple"]), [276]),
        ([line("milk", 3)], promo("p", "nth", 50, qty=2, gtins=["milk"]), [3750]),
        ([line("milk"), line("milk")], promo("p", "nth", 50, qty=2, gtins=["milk"]), [1125, 1125]),
        ([line("milk"), line("tea")], promo("p", "nth", 50, qty=2), [1500, 999]),
        ([line("milk"), line("milk", price=750)], promo("p", "nth", 50, qty=2), [1500, 750]),
        ([line("milk", 5)], promo("p", "multi_buy", 2500, qty=2, gtins=["milk"]), [6500]),
        # dearest pieces first: soap + soap for 4000, then milk + tea for 4000 is dearer than 2499
        ([line("milk"), line("soap", 2), line("tea")], promo("p", "multi_buy", 4000, qty=2), [1500, 4000, 999]),
        ([line("milk", 2), line("soap")], promo("p", "threshold", 800, threshold=3000, category="dairy"), [2200, 2600]),
        ([line("milk"), line("soap")], promo("p", "threshold", 800, threshold=3000, category="dairy"), [1500, 2600]),
        # two sets at 3500: (2 x 4100 - 7000) = 1200 over 3000 and 5200: 439.02, 760.98
        ([line("milk", 3), line("soap", 2)], promo("p", "bundle", 3500, gtins=["milk", "soap"]), [4061, 4439]),
        ([line("milk", 3)], promo("p", "bundle", 3500, gtins=["milk", "soap"]), [4500]),
        ([line("tea", 4)], promo("p", "bundle", 2000, gtins=["tea", "tea", "tea"]), [2999]),
        ([line("soap", 2), line("tea")], promo("p", "gift", 0, threshold=5000, gtins=["tea"]), [5200, 0]),
        ([line("soap", 2), line("tea", 2)], promo("p", "gift", 100, threshold=5000, gtins=["tea"]), [5200, 1099]),
        ([line("soap"), line("tea", 3)], promo("p", "gift", 0, threshold=5000, gtins=["tea"]), [2600, 2997]),
        ([line("milk", 2)], promo("p", "display", 10, gtins=["milk"]), [3000]),
        ([line("milk", 2)], promo("p", "percent", 10, approved=False), [3000]),
        ([line("milk", 2)], promo("p", "percent", 10, to="2026-03-02T12:00:00Z"), [3000]),
        ([line("milk", 2)], {**promo("p", "percent", 10), "from": "2026-03-02T12:00:00Z"}, [2700]),
    ],
)
def test_each_kind_by_hand(lines: list[Row], rule: Row, expected: list[int]) -> None:
    assert amounts(priced(lines, [rule])) == expected


def test_member_prices() -> None:
    rule = [promo("m", "member_price", 1350, gtins=["milk"])]
    assert priced([line("milk", 2)], rule).total == 3000
    assert priced([line("milk", 2)], rule, member={"member": "m1"}).total == 2700


def test_the_cheapest_item_rule_wins_for_each_product() -> None:
    rules = [
        promo("a", "percent", 10),
        promo("b", "fixed", 1400, gtins=["milk"]),
        promo("c", "nth", 100, qty=3, gtins=["tea"]),
    ]
    found = priced([line("milk"), line("tea", 2), line("tea"), line("soap")], rules)
    assert [one.promos for one in found.lines] == [("a",), ("c",), ("c",), ("a",)]
    assert amounts(found) == [1350, 1332, 666, 2340]


@pytest.mark.parametrize(
    ("given_coupon", "expected", "refused"),
    [
        (coupon("c", "percent", 10), 5040, None),
        (coupon("c", "percent", 10, gtins=["soap"]), 5340, None),
        (coupon("c", "fixed", 1000, gtins=["milk"]), 5100, None),
        (coupon("c", "free", gtins=["milk"]), 4100, None),
        (coupon("c", "free", gtins=["tea"]), 5600, "nothing_to_reduce"),
        (coupon("c", "amount", 300, threshold=2601, category="care"), 5600, "below_threshold"),
        (coupon("c", "amount", 300, to="2026-03-02"), 5600, "not_valid_now"),
    ],
)
def test_coupons(given_coupon: Row, expected: int, refused: str | None) -> None:
    found = priced([line("milk", 2), line("soap")], [], [given_coupon])
    assert found.total == expected
    assert [refusal.reason for refusal in found.refused] == ([] if refused is None else [refused])


def test_coupons_that_do_not_stack_exclude_each_other() -> None:
    lone = [coupon("a", "amount", 300, stack=False), coupon("b", "amount", 400, stack=False), coupon("c", "amount", 50)]
    found = priced([line("milk")], [], lone)
    assert (found.total, found.refused) == (1050, (Refusal("a", "not_combinable"),))
    assert priced([line("milk")], [], lone, group_policy="priority").total == 1150


def test_stackable_rules_go_by_priority() -> None:
    percent, amount = (
        promo("p", "percent", 10, stack=True, priority=1),
        promo("a", "amount", 500, stack=True, priority=2),
    )
    assert priced([line("milk")], [percent, amount]).total == 850
    assert priced([line("milk")], [{**percent, "priority": 3}, amount]).total == 900


def test_a_gift_that_is_not_in_the_basket_is_offered() -> None:
    rule = promo("g", "gift", 0, threshold=5000, gtins=["tea", "apple"], qty=2)
    found = priced([line("soap", 2), line("tea")], [rule])
    assert [(gift.id, gift.gtins, gift.qty) for gift in found.gifts] == [("g", ("tea", "apple"), 1)]
    assert priced([line("soap")], [rule]).gifts == ()


def test_multi_buys_come_before_thresholds() -> None:
    rules = [promo("t", "threshold", 500, threshold=3000, priority=1), promo("m", "multi_buy", 2900, qty=2, priority=9)]
    assert priced([line("milk", 2)], rules).total == 2900


def test_the_cap_on_the_whole_saving() -> None:
    rules = [promo("p", "percent", 50), promo("t", "threshold", 1000, threshold=1)]
    found = priced([line("milk", 2), line("soap")], rules, max_discount_pct=60)
    assert (found.savings, [rule.saving for rule in found.applied]) == (3360, [2800, 560])
    assert priced([line("milk", 2)], rules, max_discount_pct=0).savings == 0
    assert priced([line("x", price=999)], [promo("a", "amount", 500)], max_discount_pct=50).savings == 499


def test_the_nth_piece_is_the_cheapest_of_what_is_left() -> None:
    one_off, third_free = promo("t", "threshold", 1, threshold=1), promo("n", "nth", 100, qty=3, stack=True)
    assert priced([line("milk", 3)], [one_off, third_free]).total == 3000  # pieces left: 1500, 1500, 1499


@pytest.mark.parametrize(("rounding", "saving"), [("half_up", 3), ("down", 2), ("bankers", 2)])
def test_rounding_of_percentages(rounding: str, saving: int) -> None:
    assert priced([line("x", price=25)], [promo("p", "percent", 10)], rounding=rounding).savings == saving


def test_a_rule_without_budget_does_not_apply() -> None:
    rules = [
        promo("a", "percent", 20, gtins=["milk"]),
        promo("b", "percent", 10),
        promo("t", "threshold", 100, threshold=1),
    ]
    found = priced([line("milk", 2)], rules, budgets={"a": 599, "t": 99})
    assert [rule.id for rule in found.applied] == ["b"] and found.total == 2700
    found = priced([line("milk", 2)], [], [coupon("c", "amount", 100)], budgets={"c": 0})
    assert found.refused == (Refusal("c", "over_budget"),)


def test_scoped_and_weighed_lines_are_looked_up() -> None:
    rows = [
        {"gtin": "milk", "price": 1500, "currency": "CNY"},
        {"gtin": "milk", "kind": "markdown", "price": 750, "scope": {"lot": "A"}},
        {"gtin": "apple", "price": 998, "per": "kg"},
    ]
    lines = [line("milk", lot="A", weight_g=1030), line("milk"), line("apple", weight_g=345), line("apple", 0.345)]
    found = price_basket(lines, promotions=[], coupons=[], prices=PriceBook(rows), products={}, member=None, at=NOON)
    assert amounts(found) == [750, 1500, 344, 344] and found.currency == "CNY"
    assert [one.weight_g for one in found.lines] == [None, None, 345, None]


@pytest.mark.parametrize(
    ("lines", "rules", "message"),
    [
        ([line("milk", line=1), line("soap", line=1)], [], "given twice"),
        ([line("milk", -1)], [], "line 1: qty -1"),
        ([line("milk")], [promo("p", "percent", 101)], "out of range"),
        ([line("milk")], [promo("p", "amount", 0.5)], "no whole amount"),
        ([line("milk")], [promo("p", "multi_buy", 100)], "needs qty"),
        ([line("milk")], [promo("p", "bundle", 100)], "needs gtins"),
        ([line("milk")], [promo("p", "nth", 50, qty=0)], "needs qty"),
    ],
)
def test_faults_are_refused(lines: list[Row], rules: list[Row], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        priced(lines, rules)
    with pytest.raises(ValueError, match="0 to 100"):
        priced([], max_discount_pct=101)


def test_rules_may_be_made_ready_once() -> None:
    ready = [promotion_rule(row) for row in MIDDLE_PLATFORM]
    held = [coupon_rule(coupon("R4", "amount", 200)), coupon_rule(coupon("pts", "points", 5))]
    found = priced([line("milk", 2), line("soap")], [r for r in ready if r], [c for c in held if c])  # type: ignore[misc]
    assert found.total == 4300


def test_bounds_given_as_days_are_days_of_the_store() -> None:
    rules, late = [{**promo("p", "percent", 10), "from": "2026-03-03"}], datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert priced([line("milk")], rules, at=late, zone=ZoneInfo("Asia/Shanghai")).total == 1350
    assert priced([line("milk")], rules, at=late).total == 1500


def test_refunds_of_pieces_add_up() -> None:
    assert [refund_amount(1000, 3, n, 1) for n in range(3)] == [333, 333, 334]
    with pytest.raises(ValueError, match="2 more pieces of 3, 2 returned"):
        refund_amount(1000, 3, 2, 2)


ITEMS = st.builds(
    lambda gtin, qty, price: line(gtin, qty, price=price),
    st.sampled_from(["milk", "soap", "tea"]),
    st.integers(1, 6),
    st.integers(0, 5000),
)
SCOPES = st.sampled_from([{}, {"gtins": ["milk"]}, {"gtins": ["milk", "soap"]}, {"category": "drinks"}])
RULES = st.builds(
    lambda kind, value, scope, qty, threshold, group, stack, priority: promo(
        "p",
        kind,
        value,
        **({"gtins": ["milk", "tea"]} | scope),
        qty=qty,
        threshold=threshold,
        group=group,
        stack=stack,
        priority=priority,
    ),
    st.sampled_from(["percent", "amount", "fixed", "nth", "multi_buy", "threshold", "bundle", "gift", "member_price"]),
    st.integers(0, 100),
    SCOPES,
    st.integers(1, 4),
    st.integers(1, 9000),
    st.sampled_from([None, "g", "h"]),
    st.booleans(),
    st.integers(1, 3),
)
COUPONS = st.builds(
    lambda kind, value, stack: coupon("c", kind, value, stack=stack),
    st.sampled_from(["amount", "percent", "fixed", "free"]),
    st.integers(0, 100),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ITEMS, min_size=1, max_size=6),
    st.lists(RULES, max_size=6),
    st.lists(COUPONS, max_size=2),
    st.sampled_from([0, 30, 100]),
    st.sampled_from(["best_saving", "priority"]),
    st.randoms(use_true_random=False),
)
def test_sums_hold_and_order_does_not_matter(
    lines: list[Row], rules: list[Row], held: list[Row], cap: int, policy: str, chance: Any
) -> None:
    lines = [{**row, "line": n} for n, row in enumerate(lines, 1)]
    rules = [{**row, "promo": f"p{n}"} for n, row in enumerate(rules)]
    held = [{**row, "template": f"c{n}"} for n, row in enumerate(held)]
    options: Row = {"max_discount_pct": cap, "group_policy": policy, "member": {"member": "m"}}
    found = priced(lines, rules, held, **options)
    assert all(0 <= one.amount <= one.gross and one.gross - one.discount == one.amount for one in found.lines)
    assert sum(amounts(found)) == found.total == found.gross - found.savings
    assert found.savings * 100 <= found.gross * cap
    assert sum(rule.saving for rule in found.applied) == found.savings
    assert all(sum(rule.lines.values()) == rule.saving > 0 for rule in found.applied)
    for items in (lines, rules, held):
        chance.shuffle(items)
    assert priced(lines, rules, held, **options) == found
