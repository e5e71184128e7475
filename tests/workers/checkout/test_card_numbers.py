import pytest

from storeloom.workers.checkout.card_numbers import is_card_number, without_card


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("4111 1111 1111 1111", None),
        ("4111-1111-1111-1111", None),
        ("378282246310005", None),
        ("6200000000000005", None),
        ("4111111111111112", "4111111111111112"),
        ("x4111111111111111", "x4111111111111111"),
        ("123", "123"),
        (None, None),
    ],
)
def test_card_numbers_are_dropped(text, kept):
    assert without_card(text) == kept


@pytest.mark.parametrize("text", ["6901234560015", "20260302100000", "2000000000008", "1234567890123452", ""])
def test_goods_times_and_numbers_of_no_issuer_are_none(text):
    assert not is_card_number(text)
