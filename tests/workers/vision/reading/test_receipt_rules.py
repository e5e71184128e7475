"""The rules over a receipt's lines, each on lines written down."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from storeloom.workers.vision.reading.receipt_rules import (
    Receipt,
    blanked,
    differing_bits,
    edit_distance,
    field_scores,
    nearest_name,
    understand,
)
from storeloom.workers.vision.reading.results import Text, corners

ON = date(2026, 3, 10)


def lines(*rows: str | tuple[str, str]) -> list[Text]:
    """Rows from top to bottom; a pair stands side by side."""
    found = []
    for number, row in enumerate(rows):
        for place, text in enumerate(row if isinstance(row, tuple) else (row,)):
            box = (0.1 + 0.5 * place, number / 50, 0.4, 0.015)
            found.append(Text(text, 0.9 - number / 100, box, corners(box)))
    return found


def said(*rows: str | tuple[str, str]) -> Receipt:
    return understand(lines(*rows), ON)


@pytest.mark.parametrize(
    ("row", "total"),
    [
        ("合计：¥258.80", 25880),
        (("合 计", "258.80"), 25880),
        ("应付金额 1,258.80元", 125880),
        ("Grand Total: $14.85", 1485),
        ("TOTAL 14.85", 1485),
        ("Amount due £9.00", 900),
        ("Subtotal 13.75", None),
        ("小计 13.75", None),
        ("Total items 12.00", None),
        ("合计件数 3", None),
    ],
)
def test_the_total_is_what_was_to_be_paid(row: str | tuple[str, str], total: int | None) -> None:
    assert said("Shop", row).total == total


def test_what_is_due_goes_before_a_total_and_what_was_received_comes_last() -> None:
    assert said("合计 300.00", "应付 258.80", "实收 300.00").total == 25880
    assert said("实收 300.00", "合计 258.80").total == 25880
    assert said("实收 258.80").total == 25880
    assert said("合计", "¥258.80").total == 25880


@pytest.mark.parametrize(
    ("row", "time"),
    [
        ("日期 2026-03-02 14:05:33", datetime(2026, 3, 2, 14, 5, 33)),
        ("2026-03-0214:05", datetime(2026, 3, 2, 14, 5)),
        ("2026年3月2日 14时05分", datetime(2026, 3, 2, 14, 5)),
        ("02 Mar 2026 9:41 PM", datetime(2026, 3, 2, 21, 41)),
        ("March 2nd, 2026 12:10 am", datetime(2026, 3, 2, 0, 10)),
        ("25/02/2026 10:00", datetime(2026, 2, 25, 10)),
        ("02/03/2026 10:00", datetime(2026, 3, 2, 10)),  # 3 February or 2 March: the later of the two that has been
        ("12/03/2026 10:00", datetime(2026, 3, 12, 10)),  # both lie ahead: the nearer one
        ("2026/3/2", date(2026, 3, 2)),
        ("2026-13-02 10:00", None),
    ],
)
def test_the_time_is_read_in_many_forms(row: str, time: datetime | date | None) -> None:
    assert said("Shop", row).time == time


def test_number_and_tax_number() -> None:
    found = said("税号：91310000607200123X", "小票号：88123 机台 03")
    assert found.tax is not None and found.number is not None
    assert (found.tax.value, found.number.value) == ("91310000607200123X", "88123")
    other = said("VAT No. GB 123 4567 89", "Invoice #: INV-2026-0042")
    assert other.tax is not None and other.number is not None
    assert (other.tax.value, other.number.value) == ("GB123456789", "INV-2026-0042")
    assert said("Thank you for your order", "Receipt").number is None


def test_a_field_is_as_sure_as_its_least_sure_character() -> None:
    box = (0.1, 0.1, 0.8, 0.02)
    chances = (0.3, *[0.99] * 5, 0.8, 0.99)
    found = understand([Text("票号:88123", 0.9, box, corners(box), chances[:8])], ON)
    assert found.number is not None and found.number.score == 0.8
    assert field_scores(found, 0.95) == {"tenant": 0.95, "number": 0.8, "time": 0.0, "total": 0.0}


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("VISA 4111 1111 1111 1111", "VISA **** **** **** ****"),
        ("6222021234567890129", "6222021234567890129"),  # no card: its check digit does not hold
        ("卡号：6222****1234", "卡号：************"),
        ("XXXX-XXXX-XXXX-1234", "****-****-****-****"),
        ("Card no: 1234", "Card no: ****"),
        ("收银员：王小明", "收银员：***"),
        ("Served by Alice Brown", "Served by ***** *****"),
        ("会员: 李雷 13812345678", "会员: ** ***********"),
        ("Total 258.80  88123", "Total 258.80  88123"),
        ("税号 91310000607200123X", "税号 91310000607200123X"),
    ],
)
def test_cards_telephones_and_names_are_blanked(line: str, kept: str) -> None:
    assert blanked(line) == kept


def test_distances() -> None:
    assert edit_distance("kitten", "sitting") == 3 and edit_distance("", "ab") == 2 and edit_distance("优衣库", "优农库") == 1
    assert differing_bits("ffff000000000000", "fffe000000000001") == 2


def test_the_nearest_name() -> None:
    names = {"T1": "Uniqlo", "T2": "优衣库", "T3": "苹果", "T4": "Zara", "T5": "Zara Home"}
    assert nearest_name(["UNIQL0"], names) == ("T1", 0)
    assert nearest_name(["welcome", "优农库"], names) == ("T2", 1)
    assert nearest_name(["Unilever"], names) is None
    assert nearest_name(["小米"], names) is None  # two wrong characters of two
    assert nearest_name(["优衣库（国贸店）"], names) is None
    assert nearest_name(["优衣库（国贸店）"], names, inside=True) == ("T2", 0)
    assert nearest_name(["ZARA HOME LTD"], names, inside=True) == ("T5", 0)
    assert nearest_name(["Mall"], {"A": "Mill", "B": "Mell"}) is None
    assert nearest_name([], names) is None
