from datetime import date

from storeloom.workers.gs1.dated import Dated, read

ON = date(2025, 6, 1)


def test_a_code_gives_item_lot_and_the_last_of_a_month_for_day_00():
    seen = read({"code": "(01)06900000000014(11)250101(17)250600(10)L1"}, ON)
    assert seen == Dated("06900000000014", "L1", "2025-06-30", "2025-01-01")


def test_best_before_counts_where_there_is_no_expiry_and_what_was_keyed_in_goes_first():
    assert read({"gtin": "6900000000014", "ai": {"15": "250731", "30": "12"}}, ON) == Dated("6900000000014", None, "2025-07-31", None, 12)
    keyed = read({"gtin": "6900000000014", "code": "6900000000014", "values": {"expiry": "2025-08-01", "lot": "X", "qty": 5}}, ON)
    assert keyed == Dated("6900000000014", "X", "2025-08-01", None, 5)


def test_a_misread_code_says_nothing():
    assert read({"gtin": "6900000000014", "code": "(17)259999"}, ON) == Dated("6900000000014")
