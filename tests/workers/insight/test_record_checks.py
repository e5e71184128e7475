"""Quality tests of records, and the score of a source, worked by hand."""

import pytest

from storeloom.workers.insight import record_checks

SALE = {"receipt": "r1", "kind": "sale", "till": "t", "channel": "till", "total": 300, "payments": [{"method": "cash", "amount": 300}],
        "lines": [{"line": 1, "gtin": "1", "qty": 1, "price": 300, "amount": 300}]}  # fmt: skip


def known(_):
    return True


@pytest.mark.parametrize("missing", ["till", "lines", "total"])
def test_a_required_field_makes_a_record_incomplete(missing):
    assert record_checks.complete("pos.sale", SALE)
    assert not record_checks.complete("pos.sale", {**SALE, missing: None})


def test_a_line_without_price_is_incomplete():
    line = {name: value for name, value in SALE["lines"][0].items() if name != "price"}
    assert not record_checks.complete("pos.sale", {**SALE, "lines": [line]})


def test_a_sale_and_its_void_are_two_records_and_a_snapshot_a_minute_later_is_another():
    key = record_checks.business_key
    assert key("pos.sale", SALE, "t1") == key("pos.sale", SALE, "t2") != key("pos.sale", {**SALE, "kind": "void"}, "t1")
    assert key("inventory.snapshot", {"gtin": "1"}, "t1") != key("inventory.snapshot", {"gtin": "1"}, "t2")
    assert key("pos.sale", {"kind": "sale"}, "t1") is None


def test_validity_asks_for_known_item_and_member_and_equal_sums():
    assert record_checks.valid(SALE, known, known)
    assert not record_checks.valid(SALE, lambda gtin: gtin == "2", known)
    assert not record_checks.valid({**SALE, "member": "m"}, known, lambda member: False)
    assert not record_checks.valid({**SALE, "payments": [{"amount": 299}]}, known, known)
    assert record_checks.valid({**SALE, "payments": None}, known, known), "that is a matter of completeness"


def test_the_score_is_the_weighted_mean_and_names_the_worst():
    counts = {"received": 1000, "completeness": 990, "uniqueness": 988, "validity": 970, "timeliness": 992}
    passing = record_checks.shares(counts)
    mean, worst = record_checks.score(passing, dict.fromkeys(record_checks.DIMENSIONS, 1))
    assert (mean, worst) == (pytest.approx(98.5), "validity")
    assert record_checks.score(passing, {"completeness": 3, "uniqueness": 1}) == (pytest.approx((3 * 99 + 98.8) / 4), "uniqueness")
