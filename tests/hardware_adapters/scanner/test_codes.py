"""What a scanned text says, by the AIM identifier or by its form; GS1 numbers worked by hand from the General Specifications."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.scanner.codes import CodeConfig, CodeReader, described
from storeloom.workers.gs1 import DEFAULT_LAYOUT

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
GTIN = "9501101530003"  # GS1's own sample


def said(text: str) -> dict[str, Any]:
    return described(text, date(2026, 3, 2), DEFAULT_LAYOUT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GTIN, {"code": GTIN, "symbology": "ean13", "gtin": GTIN}),
        (f"]E0{GTIN}", {"code": GTIN, "symbology": "ean13", "gtin": GTIN}),
        ("]E412345670", {"code": "12345670", "symbology": "ean8", "gtin": "12345670"}),
        ("036000291452", {"code": "036000291452", "symbology": "upca", "gtin": "036000291452"}),
        ("]E0036000291452", {"code": "036000291452", "symbology": "upca", "gtin": "036000291452"}),
        (f"]E3{GTIN}05", {"code": f"{GTIN}05", "symbology": "ean13", "gtin": GTIN}),  # with an add-on
        ("]A0MEMBER-7", {"code": "MEMBER-7", "symbology": "other"}),
        ("]C0MEMBER-7", {"code": "MEMBER-7", "symbology": "code128"}),
        ("]Q1会员 7", {"code": "会员 7", "symbology": "qr"}),
        ("]d1AB", {"code": "AB", "symbology": "datamatrix"}),
        ("MEMBER-7", {"code": "MEMBER-7", "symbology": "other"}),
        ("https://example.com/menu", {"code": "https://example.com/menu", "symbology": "other"}),
        ("2300042003502", {"code": "2300042003502", "symbology": "other"}),  # wrong check digit
    ],
)
def test_numbers_and_other_codes(text: str, expected: dict[str, Any]) -> None:
    assert said(text) == expected


def test_goods_weighed_in_the_store() -> None:
    # 2*1 3*3 0 0 0 4*3 2*1 0 0 3*3 5*1 0*3: 2+9+12+2+9+5 = 39, check digit 1; without the weight 25, check digit 5
    assert said("]E02300042003501")["symbology"] == "ean13"
    assert said("2300042003501") == {
        "code": "2300042003501",
        "symbology": "ean13",
        "gtin": "2300042000005",
        "values": {"weight_g": 350},
    }


def test_element_strings() -> None:
    ai = {"01": f"0{GTIN}", "17": "261231", "10": "AB-123"}
    body = f"010{GTIN}17261231" + "10AB-123"
    for mark, symbology in (("]C1", "gs1_128"), ("]e0", "databar"), ("]d2", "gs1_datamatrix"), ("]Q3", "qr"), ("", "gs1_128")):
        assert said(mark + body) == {"code": body, "symbology": symbology, "gtin": GTIN, "ai": ai}
    assert said(f"]C1010{GTIN}10AB\x1d21S-9")["ai"] == {"01": f"0{GTIN}", "10": "AB", "21": "S-9"}
    assert said(f"]C1010{GTIN}3103001234")["ai"]["3103"] == "001234"


def test_a_digital_link() -> None:
    link = f"https://id.gs1.org/01/0{GTIN}/10/ABC?17=261231"
    assert said(link) == {
        "code": link,
        "symbology": "digital_link",
        "gtin": GTIN,
        "ai": {"01": f"0{GTIN}", "10": "ABC", "17": "261231"},
    }


def test_a_code_that_breaks_gs1s_rules_comes_without_a_gtin() -> None:
    assert said("]E09501101530004") == {"code": "9501101530004", "symbology": "ean13"}
    assert said("]C10109501101530004") == {"code": "0109501101530004", "symbology": "gs1_128"}


def reader(**settings: Any) -> CodeReader:
    return CodeReader("gun-1", CodeConfig(**settings))


def codes(one: CodeReader, *texts: str) -> list[str]:
    return [fact.data["code"] for text in texts if (fact := one.fact(text, NOW))]


def told(one: CodeReader, text: str, mark: str = "") -> Fact:
    fact = one.fact(text, NOW, mark)
    assert fact is not None
    return fact


def test_repeats_within_the_set_time_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr("storeloom.hardware_adapters.scanner.codes.time.monotonic", lambda: clock)
    one = reader(repeat_s=1.0)
    assert codes(one, "A", "A", "B", "A") == ["A", "B"]
    clock += 0.9
    assert codes(one, "A") == []  # seen again: the time begins anew
    clock += 0.9
    assert codes(one, "A", "B") == ["B"]
    clock += 1.0
    assert codes(one, "A") == ["A"]
    assert codes(reader(repeat_s=0), "A", "A") == ["A", "A"]


def test_prefix_suffix_separator_and_till() -> None:
    one = reader(prefix="<<", suffix=">>", group_sign="|", till="till-3")
    fact = told(one, f"<<]C1010{GTIN}10AB|21S>>")
    assert fact.data["ai"] == {"01": f"0{GTIN}", "10": "AB", "21": "S"}
    assert (fact.data["till"], fact.data["scanner"], fact.key) == ("till-3", "gun-1", 1)


def test_an_identifier_beside_the_text() -> None:
    fact = told(reader(), f"010{GTIN}", "]d2")
    assert (fact.data["symbology"], fact.data["gtin"]) == ("gs1_datamatrix", GTIN)


@pytest.mark.parametrize("text", ["", "\r\n", "A\x00B", "\x07", "x" * 5000])
def test_a_text_that_can_be_no_code(text: str) -> None:
    with pytest.raises(ValueError, match="no code"):
        reader().fact(text, NOW)


def test_another_form_of_in_store_codes() -> None:
    # prefix 2, item 0-4242, price 0990 in cents: 2+0*3+4+2*3+4+2*3 ... by the layout PIIIIIIVVVVVC
    one = reader(in_store="PPIIIIVVVVVVC", in_store_prefixes={"20": "price"})
    body = "20" + "4242" + "000990"  # 2 + 0 + 4 + 6 + 4 + 6 + 0 + 0 + 0 + 27 + 9 + 0 = 58, check digit 2
    fact = told(one, body + "2")
    assert fact.data["values"] == {"amount": 990}
    assert fact.data["gtin"][:12] == "204242000000"
