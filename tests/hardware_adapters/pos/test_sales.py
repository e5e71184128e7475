"""Receipts out of rows: minor units, returns, lines taken back, sums, and no card number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from storeloom.hardware_adapters.pos.cards import card_at
from storeloom.hardware_adapters.pos.plain import Terms
from storeloom.hardware_adapters.pos.sales import BadReceipt, receipt_facts

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HEAD = {"receipt": "R1", "time": "2026-03-02 18:05:00"}
MILK = {"gtin": "4901234567894", "qty": 2, "price": "2.50"}


def terms(**over: Any) -> Terms:
    zone, limits = ZoneInfo("Asia/Shanghai"), {"max_amount": 1000, "max_qty": 100.0}
    return Terms(
        **{
            "columns": {},
            "zone": zone,
            "currency": "CNY",
            "minor_units": False,
            "till": "t",
            "channel": "till",
            "method": "cash",
            **limits,
            **over,
        }
    )


def sale(head: dict[str, Any], lines: list[dict[str, Any]], payments: list[dict[str, Any]] | None = None, **over: Any) -> list[Any]:
    return receipt_facts({**HEAD, **head}, lines, payments or [], terms(**over), "pos-1", NOW)


def test_a_sale_is_in_minor_units_and_utc() -> None:
    apples = {"gtin": "2000001", "qty": 1, "weight_g": 1234, "price": "19.90", "discount": "0.56"}
    paid = [{"method": "qr", "amount": "20.00", "ref": "tx1"}, {"method": "points", "amount": "9.00"}]
    [fact] = sale({"total": "29.00", "cashier": 7.0}, [MILK, apples], paid)
    # 1.234 kg at 19.90 = 24.5566, half up 24.56, less 0.56 = 24.00
    assert [line["amount"] for line in fact.data["lines"]] == [500, 2400]
    assert fact.data["total"] == 2900 and fact.data["discount"] == 56 and fact.data["cashier"] == "7"
    assert fact.time == datetime(2026, 3, 2, 10, 5, tzinfo=UTC) and fact.key == "R1"
    assert fact.data["business_day"] == "2026-03-02" and fact.data["payments"][0] == {"method": "qr", "amount": 2000, "ref": "tx1"}


def test_a_return_is_negative_and_a_yen_has_no_decimals() -> None:
    [fact] = sale({"original": "R0"}, [{"gtin": "4901234567894", "qty": -1, "price": 250}], currency="JPY")
    assert (fact.data["kind"], fact.data["total"], fact.data["original"]) == ("return", -250, "R0")


def test_a_line_taken_back_counts_for_nothing_and_is_told() -> None:
    sold, void = sale({"cashier": "c1"}, [MILK, {**MILK, "void": "Y", "reason": "double scan"}])
    assert sold.data["total"] == 500 and len(sold.data["lines"]) == 1
    assert void.stream == "pos.exception"
    assert void.data | {"currency": "CNY"} == {
        "kind": "void_line", "till": "t", "receipt": "R1", "line": 2, "gtin": "4901234567894",
        "qty": 2, "amount": 500, "cashier": "c1", "reason": "double scan", "currency": "CNY",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("head", "line", "words"),
    [
        ({"time": "yesterday"}, {}, "receipt R1: 'time' is no time such as 2026-03-02 18:05:00"),
        ({}, {"qty": "two"}, "receipt R1 line 1: 'qty' is no number up to 100"),
        ({}, {"price": "2.505"}, "receipt R1 line 1: 'price' has more than 2 decimals"),
        ({}, {"gtin": "A1"}, "receipt R1 line 1: 'gtin' is not 1 to 14 digits"),
        ({"total": "6.00"}, {}, "receipt R1: its sums differ: lines 500, payments 600, total 600 in minor units"),
        ({"kind": "gift"}, {}, "receipt R1: 'kind' is none of sale, return, void, training"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(head: dict[str, Any], line: dict[str, Any], words: str) -> None:
    with pytest.raises(BadReceipt) as caught:
        sale(head, [{**MILK, **line}])
    assert str(caught.value) == words and set(caught.value.words) == {"en", "zh"}


@pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111", "6212345678901232", "3782-822463-10005"])
def test_a_card_number_is_refused_and_not_repeated(number: str) -> None:
    with pytest.raises(BadReceipt) as caught:
        sale({}, [MILK], [{"method": "card", "amount": "5.00", "ref": number}])
    assert str(caught.value) == "receipt R1: 'ref' looks like a card number; have the till send a token"
    assert not any(number[:6] in words for words in caught.value.words.values())


def test_goods_receipts_and_tokens_are_no_card_numbers() -> None:
    assert (
        card_at({"gtin": "4901234567894", "receipt": "4111111111111111", "ref": "tok_4111", "payer": "4200001234202603021234567890"})
        is None
    )
    assert card_at({"lines": [{"note": "4111111111111111"}]}) == "lines[0].note"
    assert card_at({"card_no": "x"}) == "card_no"
