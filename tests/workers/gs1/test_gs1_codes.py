"""GS1 codes against numbers worked by hand from the General Specifications."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.workers.gs1 import (
    CodeError,
    EmbeddedLayout,
    check_digit,
    gs1_date,
    has_valid_check_digit,
    item_key,
    normalise_gtin,
    parse,
)

DAY = date(2026, 3, 2)


def test_check_digit_by_hand() -> None:
    # 690123456789: from the right 9x3 8 7x3 6 5x3 4 3x3 2 1x3 0 9x3 6 = 27+8+21+6+15+4+9+2+3+0+27+6 = 128 -> 2
    assert check_digit("690123456789") == 2
    assert has_valid_check_digit("6901234567892") and not has_valid_check_digit("6901234567893")
    assert not has_valid_check_digit("") and not has_valid_check_digit("69x2")


@pytest.mark.parametrize(
    ("given_gtin", "expected"),
    [
        ("96385074", "00000096385074"),
        ("036000291452", "00036000291452"),
        ("6901234567892", "06901234567892"),
        ("16901234567899", "16901234567899"),
    ],
)
def test_gtins_are_compared_with_14_digits(given_gtin: str, expected: str) -> None:
    assert normalise_gtin(given_gtin) == expected == item_key(given_gtin)


@pytest.mark.parametrize("bad", ["6901234567893", "690123456789", "123456789", "69012345678\u0669\u0662", ""])
def test_a_bad_gtin_is_refused(bad: str) -> None:
    with pytest.raises(CodeError, match="GTIN"):
        normalise_gtin(bad)


def test_item_key_leaves_other_ids_alone() -> None:
    assert item_key("milk") == "milk" and item_key("451") == "451"


def test_price_code_of_a_label_scale() -> None:
    layout = EmbeddedLayout()
    assert layout.build("22", "00451", 1191) == "2200451011916"
    assert layout.build("22", "451", 1191) == "2200451011916"
    code = parse("2200451011916", on=DAY)
    assert (code.kind, code.price, code.weight_g) == ("embedded", 1191, None)
    assert code.embedded is not None and (code.embedded.prefix, code.embedded.item) == ("22", "00451")
    # value 0: 2+0+5+0+0+0 + 3(2+0+4+1+0+0) = 28 -> check digit 2
    assert code.embedded.base == "2200451000002" and code.gtin == "02200451000002"


def test_in_store_codes_of_the_till() -> None:
    found = parse("2112345005409", on=DAY)
    assert found.embedded is not None and found.embedded.item == "12345" and found.price == 540
    with pytest.raises(CodeError, match="check digit 8, expected 9"):
        parse("2112345005408", on=DAY)


def test_weight_code_and_another_layout() -> None:
    assert parse(EmbeddedLayout().build("23", "7", 1234), on=DAY).weight_g == 1234
    layout = EmbeddedLayout("PPIIIIVVVVVVC", {"28": "price"})
    code = layout.build("28", "451", 123456)
    assert code.startswith("280451123456")
    assert parse(code, on=DAY, layout=layout).price == 123456
    assert parse(code, on=DAY, layout=None).kind == "gtin"


@pytest.mark.parametrize(
    ("pattern", "prefixes", "message"),
    [
        ("PPIIIIIVVVVV", {}, "13 letters"),
        ("PPVVVVVIIIIIC", {}, "13 letters"),
        ("PPIIIIIVVVVVC", {"2": "price"}, "2 digits"),
        ("PPIIIIIVVVVVC", {"69": "price"}, "beginning with 02, 04 or 2"),
        ("PPIIIIIVVVVVC", {"22": "count"}, "price or weight"),
    ],
)
def test_a_bad_layout_is_refused(pattern: str, prefixes: dict[str, str], message: str) -> None:
    with pytest.raises(CodeError, match=message):
        EmbeddedLayout(pattern, prefixes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("prefix", "item", "value"), [("29", "1", 1), ("22", "123456", 1), ("22", "1", 100000), ("22", "1", -1)])
def test_what_does_not_fit_is_not_built(prefix: str, item: str, value: int) -> None:
    with pytest.raises(CodeError):
        EmbeddedLayout().build(prefix, item, value)


@given(st.sampled_from(["21", "22", "23"]), st.integers(0, 99999), st.integers(0, 99999))
def test_build_and_read_are_inverse(prefix: str, item: int, value: int) -> None:
    found = EmbeddedLayout().read(EmbeddedLayout().build(prefix, str(item), value))
    assert (found.prefix, int(found.item), found.value) == (prefix, item, value)


def test_element_string_with_lot_expiry_and_weight() -> None:
    expected = {"01": "06901234567892", "3103": "000345", "10": "A1", "17": "261231"}
    for raw in (
        "0106901234567892310300034510A1\x1d17261231",
        "]C10106901234567892310300034510A1\x1d17261231",
        "]d2\x1d0106901234567892310300034510A1\x1d17261231",
        "(01)06901234567892(3103)000345(10)A1(17)261231",
    ):
        code = parse(raw, on=DAY)
        assert (code.kind, code.ai) == ("element_string", expected), raw
        assert (code.gtin, code.weight_g, code.lot) == ("06901234567892", 345, "A1")
        assert code.expiry == date(2026, 12, 31)


def test_amount_payable() -> None:
    code = parse("]e001069012345678923922001290", on=DAY)
    assert (code.price, code.currency) == (1290, None)
    code = parse("]e001069012345678923931156129", on=DAY)
    assert (code.price, code.currency) == (1290, "156")
    with pytest.raises(CodeError, match="more than 0 decimals"):
        parse("]e001069012345678923922001290"[:-2] + "95", on=DAY, minor_digits=0)


def test_serial_count_sscc_and_coupon() -> None:
    assert parse("]d2010690123456789221S-7", on=DAY).serial == "S-7"
    code = parse("]C102069012345678923712", on=DAY)
    assert (code.gtin, code.count) == ("06901234567892", 12)
    assert parse("00106141412345678908", on=DAY).sscc == "106141412345678908"
    assert parse("2556901234567892000123", on=DAY).coupon == "6901234567892000123"


def test_digital_link() -> None:
    code = parse("https://id.example.com/01/06901234567892/10/L7?17=260309", on=DAY)
    assert (code.kind, code.gtin, code.lot, code.expiry) == ("digital_link", "06901234567892", "L7", date(2026, 3, 9))
    assert parse("https://example.com/coupon/7", on=DAY).kind == "other"


def test_a_member_card_is_no_gs1_code() -> None:
    for raw in ("M-1001", "10ABC", "21", "8801"):
        code = parse(raw, on=DAY)
        assert (code.kind, code.gtin, code.ai) == ("other", None, {})


@pytest.mark.parametrize("bad", ["]C10106901234567893", "]C1XX", "(01)06901234567893", "(99999)1", "]E06901234567893"])
def test_broken_gs1_codes_are_refused(bad: str) -> None:
    with pytest.raises(CodeError):
        parse(bad, on=DAY)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("260200", date(2026, 2, 28)),
        ("280200", date(2028, 2, 29)),
        ("760101", date(2076, 1, 1)),
        ("770101", date(1977, 1, 1)),
        ("991231", date(1999, 12, 31)),
    ],
)
def test_dates_lie_within_half_a_century(value: str, expected: date) -> None:
    assert gs1_date(value, DAY) == expected


@pytest.mark.parametrize("bad", ["261301", "260230", "26010", "2601xx", "260001"])
def test_a_bad_date_is_refused(bad: str) -> None:
    with pytest.raises(CodeError, match="GS1 date"):
        gs1_date(bad, DAY)
