"""Till price beside a promotion's."""

from datetime import UTC, datetime

from storeloom.workers.pricing.offers import TillPrices

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ITEM = "6904000000018"
FIXED = {"promo": "p", "kind": "fixed", "gtins": [ITEM], "value": 800}


def promised(*rows: dict[str, object], promotion: dict[str, object] = FIXED) -> tuple[int | None, int | None, bool]:
    found = TillPrices([{"gtin": ITEM, **row} for row in rows], [], UTC).promised(promotion, ITEM, NOON)
    return (*found, found.kept)


def test_a_promotion_row_agrees_or_contradicts() -> None:
    base = {"kind": "base", "price": 1000}
    assert promised(base, {"kind": "promotion", "price": 800}) == (800, 800, True)
    assert promised(base, {"kind": "promotion", "price": 850}) == (850, 800, False)


def test_from_a_base_price_the_till_takes_the_promotion_off() -> None:
    assert promised({"kind": "base", "price": 1000}) == (800, 800, True)
    assert promised({"kind": "base", "price": 700}) == (700, 800, False)


def test_without_a_price_nothing_is_promised() -> None:
    assert promised() == (None, None, False)


def test_a_condition_sets_no_price_of_one_piece() -> None:
    several = {"promo": "p", "kind": "multi_buy", "gtins": [ITEM], "qty": 3, "value": 2000}
    assert promised({"kind": "base", "price": 1000}, promotion=several) == (1000, None, True)
