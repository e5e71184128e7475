from datetime import UTC, datetime, timedelta

from storeloom.workers.checkout import numbering, shared_basket

AT, LEASE = datetime(2026, 3, 2, 2, tzinfo=UTC), timedelta(seconds=300)


def test_the_lease_ends_with_the_time_or_by_parking():
    basket = shared_basket.new("handheld", AT)
    assert shared_basket.may_touch(basket, "handheld", AT, LEASE)
    assert not shared_basket.may_touch(basket, "till", AT + timedelta(seconds=299), LEASE)
    assert shared_basket.may_touch(basket, "till", AT + timedelta(seconds=300), LEASE)
    basket["parked"] = True
    assert shared_basket.may_touch(basket, "till", AT, LEASE)
    assert shared_basket.touch(basket, "till", AT) and not basket["parked"] and basket["holder"] == "till"
    assert not shared_basket.touch(basket, "till", AT)


def test_lines_are_numbered_replaced_and_taken_out():
    basket = shared_basket.new("till", AT)
    shared_basket.fill(basket, [{"gtin": "1"}, {"gtin": "2", "qty": 2, "line": 5}, {"gtin": "1"}])
    assert [(line["line"], line["gtin"], line["qty"]) for line in basket["lines"]] == [(1, "1", 1), (5, "2", 2), (6, "1", 1)]
    shared_basket.take(basket, None, "1")
    shared_basket.put(basket, {"gtin": "2", "qty": 3, "line": 5})
    assert [(line["line"], line["qty"]) for line in basket["lines"]] == [(1, 1), (5, 3)]
    shared_basket.take(basket, 9, None)
    assert len(basket["lines"]) == 2


def test_missing_numbers_keep_prefix_and_width():
    assert numbering.missing(["T-", 8], "T-011") == ["T-009", "T-010"]
    assert numbering.missing(["T-", 8], "X-011") == numbering.missing(None, "5") == numbering.missing(["", 5], "abc") == []
    assert numbering.missing(["", 5], "7") == ["6"] and numbering.missing(["", 5], "500") == [] and numbering.missing(["", 5], "4") == []


def test_the_highest_number_stays_when_an_earlier_one_comes():
    assert numbering.highest(None, "12") == ["", 12]
    assert numbering.highest(["", 12], "11") == ["", 12]
    assert numbering.highest(["", 900], "1") == ["", 1]
    assert numbering.highest(["", 12], "abc") == ["", 12]
