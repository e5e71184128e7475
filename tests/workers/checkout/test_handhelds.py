"""Discount rights, queues and numbers that are used once."""

from storeloom.workers.checkout import handhelds

LIMITS = {"assistant": 5, "keyholder": 10, "manager": 30}


def test_the_best_role_counts_to_the_minor_unit():
    limit = handhelds.discount_limit({"roles": ["assistant", "keyholder"], "grade": "x"}, LIMITS)
    assert limit == 10 and handhelds.discount_limit(None, LIMITS) == 0 and handhelds.discount_limit({"grade": "manager"}, LIMITS) == 30
    assert handhelds.may_give(1000, 20000, 5) and not handhelds.may_give(1001, 20000, 5)


def test_people_per_open_till():
    rows = [{"queue": 6, "staff": 1}, {"queue": 4, "staff": 2}, {"queue": 2, "staff": 0}]
    assert handhelds.waiting_per_till(rows) == 6 and handhelds.waiting_per_till(rows[2:]) == 2


def test_a_serial_and_a_tag_of_one_piece_are_one_number():
    by_code = handhelds.unique_number(None, "00614141123452", "400")
    assert by_code == handhelds.unique_number("urn:epc:id:sgtin:0614141.012345.400", None, None)
    assert handhelds.unique_number("6901234567892", "6901234567892", None) is None
