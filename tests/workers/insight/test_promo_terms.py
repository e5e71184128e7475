"""Items, days and terms of promotions from their tables."""

from datetime import date

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.insight.promo_terms import by_category, by_item, combined, promotions, terms

HOURS = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
TEA = "06900000000011"


def test_who_pays_a_fee() -> None:
    assert terms({"kind": "display", "fee": 500}) == (0, 500, 0)
    assert terms({"kind": "percent", "fee": 500}) == (0, 0, 500)
    assert terms({"kind": "percent", "fee": 500, "fixed_cost": 200, "funding": 40}, {"funding": 30}) == (40, 0, 200)
    assert terms({"kind": "percent"}, {"funding": 30}) == (30, 0, 0)


def test_days_and_items() -> None:
    items = by_category([{"gtin": "6900000000011", "category": "tea"}, {"gtin": "6900000000028"}])
    assert items == {"tea": [TEA]}
    rows = [
        {"promo": "days", "gtins": ["6900000000011", TEA], "from": "2026-03-02", "to": "2026-03-09"},
        {"promo": "times", "category": "tea", "from": "2026-03-01T16:00:00Z", "to": "2026-03-08T16:00:01Z", "supplier": "s"},
        {"promo": "open", "category": "tea", "from": "2026-03-02"},
        {"promo": "refused", "category": "tea", "from": "2026-03-02", "to": "2026-03-09", "approved": False},
        {"promo": "always", "category": "tea", "from": "2026-01-01", "to": "2026-05-02"},
        {"promo": "basket", "from": "2026-03-02", "to": "2026-03-09"},
    ]
    found = promotions(rows, items, {"s": {"funding": 7}}.get, HOURS)
    assert list(found) == ["days", "times"]
    assert (found["days"]["items"], found["days"]["span"]) == ([TEA], (date(2026, 3, 2), date(2026, 3, 8)))
    assert (found["times"]["span"][1], found["times"]["funding"]) == (date(2026, 3, 9), 7)


def test_promotions_evaluated_as_one() -> None:
    rows = [
        {"promo": "a", "span": (date(2026, 3, 2), date(2026, 3, 8)), "items": [TEA], "funding": 40, "lump": 0, "fixed": 100},
        {"promo": "b", "span": (date(2026, 3, 5), date(2026, 3, 12)), "items": [TEA, "m"], "funding": 5, "lump": 900, "fixed": 20},
    ]
    group = combined(rows)
    assert (group["promos"], group["first"], group["last"]) == (["a", "b"], "2026-03-02", "2026-03-12")
    assert (group["lump"], group["fixed"]) == (900, 120)
    assert group["items"]["m"] == {"spans": [["2026-03-05", "2026-03-12"]], "funding": 5}
    assert group["items"][TEA] == {"spans": [["2026-03-02", "2026-03-08"], ["2026-03-05", "2026-03-12"]], "funding": 45}
    told = by_item({"a+b": group, "c": combined([rows[0]])}, 7)
    assert told["m"] == [["2026-03-02", "2026-03-12", "2026-03-19", "a+b"]]
    assert told[TEA][1] == ["2026-03-02", "2026-03-08", "2026-03-15", "c"]
