"""The index finds every rule that can touch a basket, so that prices are those of all rules."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.workers.pricing import PriceBook, RuleIndex, index_products, price_basket

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
GTINS = [f"690000000{n:04}" for n in range(12)]
CATEGORIES = ["dairy", "care", "snacks"]
PRODUCTS = index_products({"gtin": gtin, "category": CATEGORIES[n % 3], "subcategory": f"sub{n % 5}"} for n, gtin in enumerate(GTINS))


def promotion(chance: random.Random, number: int) -> dict[str, Any]:
    kind = chance.choice(["percent", "amount", "fixed", "nth", "multi_buy", "threshold", "bundle", "gift", "member_price"])
    named: dict[str, Any] = {"category": chance.choice([*CATEGORIES, "sub3"])}
    if kind in ("bundle", "gift") or chance.random() < 0.5:
        named = {"gtins": chance.sample(GTINS, 2)}
    elif kind in ("amount", "threshold") and chance.random() < 0.3:
        named = {}
    needs = {"nth": {"qty": 2}, "multi_buy": {"qty": 3}, "threshold": {"threshold": 3000}, "gift": {"qty": 1, "threshold": 2000}}
    group = {"group": chance.choice("xy")} if chance.random() < 0.3 else {}
    value = chance.randint(5, 60) if kind in ("percent", "nth") else chance.randint(50, 900)
    row = {"promo": f"p{number}", "kind": kind, "value": value, "stack": chance.random() < 0.2, "priority": number % 7}
    return row | needs.get(kind, {}) | named | group


def basket(chance: random.Random) -> list[dict[str, Any]]:
    gtins = chance.sample(GTINS, chance.randint(1, 5))
    return [{"gtin": gtin, "qty": chance.randint(1, 4), "price": chance.randint(100, 2000)} for gtin in gtins]


@pytest.mark.parametrize("seed", range(40))
def test_the_index_prices_as_all_rows_do(seed: int) -> None:
    chance = random.Random(seed)
    rows = [promotion(chance, number) for number in range(60)]
    more: dict[str, Any] = {"coupons": (), "prices": PriceBook(()), "products": PRODUCTS, "member": {"member": "m"}, "at": AT}
    lines = basket(chance)
    assert price_basket(lines, promotions=RuleIndex(rows), **more) == price_basket(lines, promotions=rows, **more)


def test_only_what_can_touch_the_basket_is_looked_at() -> None:
    rows = [
        {"promo": "milk", "kind": "percent", "value": 10, "gtins": [GTINS[0], GTINS[3]]},
        {"promo": "soap", "kind": "percent", "value": 10, "gtins": [GTINS[1]]},
        {"promo": "dairy", "kind": "percent", "value": 10, "category": "dairy"},
        {"promo": "care", "kind": "percent", "value": 10, "category": "care"},
        {"promo": "all", "kind": "threshold", "value": 500, "threshold": 3000},
        {"promo": "sign", "kind": "display", "value": 0},
    ]
    index = RuleIndex(rows)
    seen: list[str] = []
    lines = [{"gtin": gtin, "qty": 1, "price": 100} for gtin in (GTINS[0], GTINS[3])]
    original = index.touching

    def spy(read: Any) -> Any:
        found = list(original(read))
        seen.extend(rule.id for rule in found)
        return found

    index.touching = spy  # type: ignore[method-assign]
    price_basket(lines, promotions=index, coupons=(), prices=PriceBook(()), products=PRODUCTS, member=None, at=AT)
    assert sorted(seen) == ["all", "dairy", "milk"]
    assert [rule.id for rule in index.item_rules()] == ["milk", "soap", "dairy", "care"]
