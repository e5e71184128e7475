"""Invoice arithmetic against values worked by hand."""

import pytest

from storeloom.workers.pricing.invoice import TaxedAmount, credit_code_valid, invoiceable, reversed_part, split_tax


def test_the_part_paid_otherwise_is_taken_off_by_largest_remainder():
    assert invoiceable([11300, 5450], 1675) == [10170, 4905]
    assert invoiceable([100, 100, 100], 100) == [66, 67, 67]
    assert invoiceable([100, 50], 500) == [0, 0]
    assert invoiceable([100, -20], 10) == [90, -20]


@pytest.mark.parametrize(
    ("total", "rate", "net", "tax"), [(10170, 13, 9000, 1170), (4905, 9, 4500, 405), (100, 13, 88, 12), (103, 3, 100, 3), (7, 0, 7, 0)]
)
def test_net_and_tax(total, rate, net, tax):
    assert split_tax(total, rate) == TaxedAmount(total, net, tax)


def test_red_parts_sum_to_the_invoiced_line():
    invoiced = split_tax(10170, 13)
    first = reversed_part(invoiced, 13, sold=11300, returned_before=0, returned=3767)
    second = reversed_part(invoiced, 13, 11300, 3767, 7533)
    assert first.total == 3390
    assert first.net == 3000
    assert tuple(a + b for a, b in zip(first, second, strict=True)) == (10170, 9000, 1170)


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("91350100M000100Y43", True),
        ("91350100M000100Y44", False),
        ("91350100M000100Y4", False),
        ("91350100M000100y43", False),
        ("91350100I000100Y43", False),
        ("", False),
    ],
)
def test_credit_code(code, valid):
    assert credit_code_valid(code) is valid
