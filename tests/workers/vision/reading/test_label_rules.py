"""The rules of price labels on lines of known text and size."""

from __future__ import annotations

import pytest

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.reading.amounts import amounts, content_of, currency_of, plain
from storeloom.workers.vision.reading.label_rules import LabelRules, understand
from storeloom.workers.vision.reading.results import Code, PriceLabel, Text, corners


def line(text: str, y: float, height: float, x: float = 0.1, chances: tuple[float, ...] = ()) -> Text:
    box = (x, y, 0.5 * height * len(text), height)
    return Text(text, 0.99, box, corners(box), chances)


def code(gtin: str) -> Code:
    box: Box = (0.5, 0.8, 0.3, 0.1)
    return Code(gtin, "EAN-13", gtin.zfill(14), box, corners(box))


def label(*lines: Text, codes: tuple[Code, ...] = (), whole: bool = False, currency: str = "CNY") -> PriceLabel:
    return understand(lines, codes, LabelRules(currency, whole_prices=whole))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("¥12.90", [(1290, "CNY", None, None)]),
        ("12.9元", [(1290, "CNY", None, None)]),
        ("￥1,299.00", [(129900, "CNY", None, None)]),
        ("夫9.90", [(990, "CNY", None, None)]),  # a yuan sign read as a character
        ("会员价¥11.50", [(1150, "CNY", "member", None)]),
        ("原价 15.90 特价 9.90", [(1590, None, "was", None), (990, None, "price", None)]),
        ("SAVE £2.00", [(200, "GBP", "offer", None)]),
        ("单位价格 ¥25.80/kg", [(2580, "CNY", "unit", "kg")]),
        ("$0.59 per 100g", [(59, "USD", "unit", "100g")]),
        ("4.09元/500g", [(409, "CNY", "unit", "500g")]),
        ("12.90元/瓶", [(1290, "CNY", None, None)]),
        ("500ml", []),
        ("330ml x 6", []),
        ("2026-03-02", []),
        ("监督电话 12358", []),
        ("6901234567892", []),
        ("8折", []),
    ],
)
def test_amounts_of_a_line(text: str, found: list[tuple[int, str | None, str | None, str | None]]) -> None:
    assert [(one.minor, one.currency, one.role, one.unit) for one in amounts(plain(text))] == found


def test_contents_and_currencies() -> None:
    assert content_of("330ml x 6") == ("ml", 1980)
    assert content_of("1.5L") == ("ml", 1500)
    assert content_of("¥5.00/500g") is None
    assert (currency_of("CNY", "JPY"), currency_of("USD", "CAD"), currency_of("EUR", "CNY"), currency_of(None, "CNY")) == (
        "JPY",
        "CAD",
        "EUR",
        "CNY",
    )


def test_the_largest_figures_are_the_price() -> None:
    found = label(line("可口可乐 500ml", 0.05, 0.1), line("¥12.90", 0.3, 0.3), line("押金 ¥1.00", 0.8, 0.05))
    assert (found.price_minor, found.currency, found.name) == (1290, "CNY", "可口可乐 500ml")
    assert found.why == ("largest_figures", "currency_sign") and found.confidence == pytest.approx(0.99)


def test_a_larger_was_price_is_not_the_price() -> None:
    found = label(line("原价 ¥19.90", 0.1, 0.3), line("¥12.90", 0.6, 0.2))
    assert found.price_minor == 1290


def test_words_left_of_an_amount_and_above_it_say_what_it_is() -> None:
    assert label(line("会员价", 0.1, 0.1), line("¥9.90", 0.08, 0.15, x=0.3), line("¥12.90", 0.5, 0.3)).member_price_minor == 990
    found = label(line("原价", 0.1, 0.1), line("¥19.90", 0.22, 0.2), line("¥12.90", 0.6, 0.2))
    assert found.price_minor == 1290


def test_two_prices_of_like_size_are_not_guessed_between() -> None:
    found = label(line("¥12.90", 0.1, 0.2), line("¥9.90", 0.5, 0.19))
    assert (found.price_minor, found.refusal, found.confidence) == (None, "two_prices", 0.0)
    assert label(line("¥12.90", 0.1, 0.2), line("¥12.90", 0.5, 0.19)).price_minor == 1290  # the same amount twice
    assert label(line("¥12.90", 0.1, 0.2), line("¥9.90", 0.5, 0.1)).price_minor == 1290  # clearly smaller
    assert label(line("特价 ¥9.90", 0.1, 0.2), line("¥12.90", 0.5, 0.19)).price_minor == 990  # a word decides


def test_unsure_figures_are_refused_and_an_unsure_name_is_not() -> None:
    assert label(line("¥12.90", 0.1, 0.2, chances=(0.9, 0.9, 0.4, 0.9, 0.9, 0.9))).refusal == "unsure_characters"
    assert label(line("NOw ¥12.90", 0.1, 0.2, chances=(0.3,) * 4 + (0.95,) * 6)).confidence == pytest.approx(0.95)


def test_a_price_that_may_have_lost_its_point_is_refused_unless_whole_prices_are_usual() -> None:
    assert label(line("¥1290", 0.1, 0.2)).refusal == "no_decimal_point"
    assert label(line("¥1290", 0.1, 0.2), whole=True).price_minor == 129000
    assert label(line("¥12", 0.1, 0.2)).price_minor == 1200
    assert label(line("¥12.9", 0.1, 0.3), line("会员价 ¥11.50", 0.6, 0.1)).refusal == "lost_decimal"


def test_small_decimals_apart_are_joined_and_unexplained_figures_beside_are_refused() -> None:
    assert label(line("¥", 0.2, 0.15, x=0.02), line("12", 0.1, 0.4, x=0.12), line("90", 0.1, 0.2, x=0.53)).price_minor == 1290
    assert label(line("¥12", 0.1, 0.4, x=0.1), line(".90", 0.28, 0.2, x=0.71)).price_minor == 1290
    assert label(line("¥12", 0.1, 0.4, x=0.1), line("90", 0.1, 0.38, x=0.71)).refusal == "loose_figures"


def test_unit_price_and_content_are_held_against_the_price() -> None:
    agrees = label(line("500g", 0.05, 0.1), line("12.90", 0.3, 0.3), line("¥25.80/kg", 0.8, 0.1))
    assert agrees.price_minor == 1290 and "unit_price_agrees" in agrees.why
    assert (agrees.unit_price_minor, agrees.unit) == (2580, "kg")
    assert agrees.confidence == pytest.approx(1 - (1 - 0.99 * 0.9) / 2, abs=1e-4)
    assert label(line("500g", 0.05, 0.1), line("72.90", 0.3, 0.3), line("¥25.80/kg", 0.8, 0.1)).refusal == "unit_price_disagrees"


def test_goods_sold_by_weight_have_their_unit_price_as_price() -> None:
    found = label(line("红富士苹果", 0.05, 0.1), line("4.09", 0.3, 0.3), line("元/500g", 0.45, 0.1, x=0.71))
    assert (found.price_minor, found.unit_price_minor, found.unit, found.why[0]) == (409, 409, "500g", "sold_by_measure")


def test_a_members_price_above_the_price_is_a_misreading() -> None:
    assert label(line("¥9.90", 0.1, 0.3), line("会员价 ¥11.50", 0.6, 0.1)).refusal == "member_price_above_price"


def test_the_item_is_named_by_the_one_code_or_by_its_printed_figures() -> None:
    price = line("¥9.90", 0.1, 0.3)
    assert label(price, codes=(code("6901234567892"),)).gtin == "06901234567892"
    assert label(price, line("6901234567892", 0.8, 0.05)).gtin == "06901234567892"
    assert label(price, line("6901234567891", 0.8, 0.05)).gtin is None  # wrong check digit
    assert label(price, codes=(code("6901234567892"), code("96385074"))).gtin is None  # two items


def test_no_lines_at_all() -> None:
    found = label()
    assert (found.price_minor, found.refusal, found.name, found.gtin) == (None, "no_price", None, None)
