"""A till's receipt: codes, prices, discounts, payments that count once."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from storeloom.workers.checkout import till
from storeloom.workers.gs1 import CodeError, item_key

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MILK, HAM, SALAD = "6901234560015", "6901234560022", "2112345000008"


class Rows:
    def __init__(self, rows):
        self.all = rows

    def get(self, gtin):
        return next((row for row in self.all if item_key(row["gtin"]) == item_key(gtin)), None)

    def rows(self, **where):
        return [row for row in self.all if all(row.get(name) == value for name, value in where.items())]

    def derived(self, what, build):
        return build(self.all)


@pytest.fixture
def shop():
    products = [{"gtin": MILK, "name": "Milk"}, {"gtin": HAM, "name": "Ham", "unit": "kg"}, {"gtin": SALAD, "name": "Salad"}]
    prices = [{"gtin": MILK, "price": 1290}, {"gtin": HAM, "price": 4000, "per": "kg"}]
    promotions = [{"promo": "two", "kind": "multi_buy", "gtins": [MILK], "qty": 2, "value": 2200}]
    tables = SimpleNamespace(products=Rows(products), prices=Rows(prices), promotions=Rows(promotions))
    return till.Shop(tables, SimpleNamespace(zone=UTC, store_day=lambda at: at.date()), AT)


@pytest.fixture
def receipt(shop):
    here = till.new_receipt("R1", "T1", AT)
    for code in (MILK, MILK, "2112345005409"):
        goods = shop.read({"code": code})
        till.put(here, shop.line(goods), AT, goods, code=code)
    shop.reprice(here)
    return here


def test_codes_say_item_weight_and_price(shop):
    assert shop.read({"code": f"(01)0{HAM}(3103)000250(10)L7(21)S9"})[2:] == (
        250,
        None,
        {"01": f"0{HAM}", "3103": "000250", "10": "L7", "21": "S9"},
        "S9",
    )
    assert shop.read({"code": "2112345005409"})[::3][:1] == (SALAD,) and shop.read({"code": "2112345005409"}).price == 540
    assert shop.read({"gtin": MILK}).product["name"] == "Milk"
    assert shop.read({"code": "hello"}).gtin is None
    with pytest.raises(CodeError):
        shop.read({"code": "2112345005408"})


def test_lines_take_the_promotion_and_the_coupon(shop, receipt):
    assert [line["amount"] for line in receipt["lines"]] == [1100, 1100, 540]
    receipt["coupons"] = [{"template": "C", "coupon": "C", "kind": "amount", "value": 500}]
    shop.reprice(receipt)
    assert receipt["total"] == 2240 and receipt["used"] == ["C"]
    assert [(row["template"], amount) for row, amount in shop.coupon_amounts(receipt)] == [("C", 500)]
    assert sum(row["amount"] for row in till.written(receipt)) == 2240


def test_a_manual_discount_comes_last_and_never_below_zero(shop, receipt):
    receipt["lines"][2]["manual"] = 600
    shop.reprice(receipt)
    assert receipt["lines"][2]["amount"] == 0 and receipt["total"] == 2200 and receipt["discount"] == 920


def test_a_line_taken_back_frees_the_promotion(shop, receipt):
    taken = till.remove(receipt, till.find(receipt, 1, None))
    shop.reprice(receipt)
    assert taken["line"] == 1 and receipt["total"] == 1830
    assert till.find(receipt, None, f"0{MILK}")["line"] == 2 and till.find(receipt, 9, None) is None


def test_a_payment_counts_once_however_often_its_answer_comes(receipt):
    assert till.ask(receipt, "qr") == {"payment": "R1-1", "amount": 2740, "method": "qr", "receipt": "R1", "session": "R1", "till": "T1"}
    told = {"payment": "R1-1", "method": "qr", "amount": 2740}
    assert till.answer(receipt, {**told, "status": "unknown"}) == "waits" and receipt["asked"] == "R1-1"
    assert till.answer(receipt, {**told, "status": "declined"}) == "declined" and receipt["asked"] is None
    assert till.answer(receipt, {**told, "status": "declined"}) == "repeated"
    assert till.ask(receipt, amount=740)["payment"] == "R1-2"
    assert till.answer(receipt, {**told, "payment": "R1-2", "amount": 740, "status": "approved"}) == "part"
    assert till.answer(receipt, {**told, "payment": "R1-2", "amount": 740, "status": "approved"}) == "repeated"
    assert till.ask(receipt)["amount"] == 2000
    assert till.answer(receipt, {**told, "payment": "R1-3", "amount": 2500, "status": "approved"}) == "surplus"
    assert till.due(receipt) == 0
    assert till.answer(receipt, {**told, "payment": "X-1", "status": "approved"}) == "repeated"


def test_a_late_approval_after_a_decline_counts(receipt):
    till.ask(receipt)
    told = {"payment": "R1-1", "method": "qr", "amount": 2740}
    till.answer(receipt, {**told, "status": "declined"})
    assert till.answer(receipt, {**told, "status": "approved"}) == "paid"
    assert till.answer(receipt, {**told, "status": "reversed"}) == "declined" and till.due(receipt) == 2740


def test_the_sale_carries_its_times_and_no_card_number(receipt):
    till.ask(receipt)
    receipt["totalled"] = "2026-03-02T10:00:30Z"
    till.answer(receipt, {"payment": "R1-1", "status": "approved", "method": "card", "amount": 2740, "pan": "4111111111111111"})
    sale = till.sale(receipt, "till", AT + timedelta(seconds=42), date(2026, 3, 2))
    assert (sale["ring_s"], sale["tender_s"]) == (30, 12)
    assert sale["payments"] == [{"payment": "R1-1", "method": "card", "amount": 2740}]


def test_a_card_number_is_no_reference_and_what_is_beyond_the_total_is_told(receipt):
    till.ask(receipt)
    told = {"payment": "R1-1", "method": "card", "amount": 2750, "ref": "4111111111111111", "payer": "t9", "status": "approved"}
    assert till.answer(receipt, told) == "surplus" and till.surplus(receipt, told) == 10
    assert receipt["paid"] == [{"payment": "R1-1", "method": "card", "payer": "t9", "amount": 2740}]


def test_an_approval_of_a_closed_receipt_bought_nothing_once():
    tries = {"R1-1": "declined", "R1-2": "approved"}
    told = [till.bought_nothing(tries, {"payment": f"R1-{n}", "status": "approved"}) for n in (1, 1, 2, 3)]
    assert told == [True, False, False, False]


@pytest.mark.parametrize(("qty", "weight_g"), [(0, None), (-1, None), (1, -250)])
def test_nothing_and_less_is_no_line(shop, qty, weight_g):
    assert shop.line(till.Goods(MILK, shop.read({"code": MILK}).product, weight_g), qty=qty) is None


def test_scans_are_numbered(receipt):
    assert [till.scan(receipt, "item", receipt["lines"][0])["seq"], till.scan(receipt, "end")["seq"]] == [1, 2]


def test_a_line_of_an_order_keeps_the_orders_price(shop):
    here = till.new_receipt("R1", "T1", AT)
    till.put_ordered(here, {"gtin": MILK, "qty": 2, "price": 1000, "discount": 100}, AT)
    shop.reprice(here, again=True)
    assert here["total"] == 1900


def test_the_first_key_names_what_a_scan_began():
    state, desk = {}, {"open": None, "cashier": "7"}
    begun = till.at_desk(state, desk, "T1", None, AT, orders=[])
    assert begun["receipt"].startswith("T1:") and begun["cashier"] == "7"
    named = till.at_desk(state, desk, "T1", "R1", AT)
    assert named["receipt"] == desk["open"] == "R1" and list(state) == ["receipt:R1"] and named["orders"] == []
    named["lines"].append({"line": 1})
    assert till.at_desk(state, desk, "T1", "R2", AT)["receipt"] == "R1"
