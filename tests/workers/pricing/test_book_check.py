from datetime import UTC, datetime

from storeloom.workers.pricing.book_check import known_prices, off_book

AT = datetime(2026, 3, 4, tzinfo=UTC)
MILK = {"gtin": "6901234567892", "category": "dairy", "list_price": 1000}


def line(price, qty=1, **more):
    return {"gtin": MILK["gtin"], "qty": qty, "price": price, "amount": round(price * qty), **more}


def test_the_book_holds_base_offers_and_promotions():
    prices = [{"gtin": MILK["gtin"], "price": 990}, {"gtin": MILK["gtin"], "kind": "markdown", "price": 700, "to": "2026-03-01"}]
    promotions = [
        {"promo": "P", "kind": "percent", "value": 10, "category": "dairy"},
        {"promo": "Q", "kind": "percent", "value": 50, "gtins": ["1"]},
    ]
    assert known_prices(MILK, prices, promotions, AT, UTC) == [990, 891]
    assert known_prices(MILK, [], [], AT, UTC) == [1000]


def test_a_fen_is_tolerated_and_a_cut_is_not():
    assert off_book(line(999), [1000], explained=False) is None
    assert off_book(line(998), [1000], explained=False) == 2
    assert off_book(line(850, 2), [1000], explained=False) == 300
    assert off_book(line(1000, discount=150, amount=850), [1000], explained=False) == 150
    assert off_book(line(1000, discount=150, amount=850), [1000], explained=True) is None


def test_weighed_lines_are_compared_by_the_kilogram():
    weighed = {"gtin": "2", "qty": 1, "weight_g": 333, "price": 3980, "amount": 1325}
    assert off_book(weighed, [3980], explained=False) is None
    assert off_book({**weighed, "price": 2980, "amount": 992}, [3980], explained=False) == 333


def test_what_the_book_does_not_know_is_not_judged():
    assert off_book(line(850), [], explained=False) is None
