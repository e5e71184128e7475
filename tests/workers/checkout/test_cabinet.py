from datetime import UTC, datetime

from storeloom.workers.checkout import cabinet
from storeloom.workers.pricing.prices import PriceBook

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
COLA = "6900000000012"


def test_a_sequence_is_that_of_its_session():
    assert cabinet.number({"cabinet": "c1", "seq": 7}) == "c1-7"
    assert cabinet.number({"cabinet": "c1", "session": "s1", "seq": 7}) == "c1-s1-7"


def test_the_price_of_the_cabinet_then_of_the_list():
    book = PriceBook([{"gtin": COLA, "price": 400, "per": "each"}, {"gtin": COLA, "price": 450, "per": "each", "scope": {"cabinet": "c1"}}])
    assert [cabinet.price_in(book, {}, COLA, NOON, name) for name in ("c1", "c2")] == [450, 400]
    products = {"06900000000029": {"gtin": "6900000000029", "list_price": 900}}
    assert cabinet.price_in(book, products, "6900000000029", NOON, "c1") == 900
    assert cabinet.price_in(book, products, "6900000000036", NOON, "c1") is None


def test_what_a_session_took():
    steps = [("pick", "a", 2), ("put", "a", 1), ("put", "b", 1), ("pick", "b", 1)]
    assert cabinet.taken(steps, None) == {"a": 1, "b": 1}
    assert cabinet.taken(steps, [("c", 1), ("c", 2), ("d", 0)]) == {"c": 3}
    assert cabinet.taken([("put", "b", 1)], None) == {}


def test_lines_of_a_receipt():
    assert cabinet.sale_lines([("a", 2, 2800), ("b", 1, 3200)]) == [
        {"line": 1, "gtin": "a", "qty": 2, "price": 2800, "amount": 5600},
        {"line": 2, "gtin": "b", "qty": 1, "price": 3200, "amount": 3200},
    ]
