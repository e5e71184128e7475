"""Labels with an embedded price."""

import pytest

from storeloom.workers.gs1 import CodeError, has_valid_check_digit
from storeloom.workers.gs1.scale_labels import by_plu, plu_of, price_code


def test_the_code_holds_prefix_plu_and_price():
    # 2 2 0 0 4 5 1 0 1 1 9 1: odd places 2+0+4+1+1+9 = 17, even places 3 * (2+0+5+0+1+1) = 27, 44 -> check digit 6
    assert price_code("22", "00451", 1191) == price_code("22", "451", 1191) == price_code("22", "0000451", 1191) == "2200451011916"
    assert has_valid_check_digit(price_code("29", "99999", 99_999) or "")


def test_a_price_over_99999_has_no_code():
    assert price_code("22", "451", 100_000) is None


@pytest.mark.parametrize("plu", ["", "123456", "4a"])
def test_what_is_no_plu_is_refused(plu):
    with pytest.raises(CodeError, match="PLU"):
        price_code("22", plu, 1)


def test_the_plu_is_the_product_s_or_stands_in_its_in_store_number():
    assert plu_of({"gtin": "x", "plu": "451"}) == "451"
    assert plu_of({"gtin": "2200451000002"}) == "00451" and plu_of({"gtin": "02200451000002"}) == "00451"
    assert plu_of({"gtin": "6901234567892"}) is None and plu_of({}) is None


def test_products_by_their_number():
    apple, tea = {"gtin": "2200451000002", "plu": 451}, {"gtin": "6901234567892"}
    assert by_plu([apple, tea, {"gtin": "2200007000005"}]) == {"451": "2200451000002", "7": "2200007000005"}
