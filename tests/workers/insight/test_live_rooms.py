from datetime import date

from storeloom.workers.insight import live_rooms

CURVE = [20, 15, 10]
FIRST = date(2026, 6, 1)


def test_the_last_voucher_carries_the_remainder():
    assert live_rooms.voucher_prices(2990, 3) == [996, 996, 998]
    assert live_rooms.voucher_prices(2, 3) == [0, 0, 2]


def test_visits_follow_the_curve_and_sum_over_days_of_sale():
    sold = {"2026-06-01": 540}
    assert [live_rooms.visits(sold, CURVE, date(2026, 6, day)) for day in (1, 2, 3, 4)] == [108, 81, 54, 0]
    assert live_rooms.visits({**sold, "2026-06-02": 100}, CURVE, date(2026, 6, 2)) == 101
    assert live_rooms.horizon(sold, CURVE, date(2026, 6, 2)) == [date(2026, 6, 2), date(2026, 6, 3)]


def test_claims_that_are_left_stay_within_the_share_of_stock():
    assert live_rooms.open_claims({"2026-06-01": 10}, CURVE, date(2026, 6, 2)) == 2.5
    assert live_rooms.fits({}, CURVE, FIRST, 10, 9, 50)  # 4.5 of 4.5
    assert not live_rooms.fits({"2026-06-01": 1}, CURVE, FIRST, 10, 9, 50)


def test_past_rooms_replace_the_curve_as_far_as_they_have_been_seen():
    rooms = [{"sold": {"2026-06-01": 10}, "back": {"0": 5, "1": 1}}, {"sold": {"2026-06-02": 10}, "back": {"0": 3}}]
    assert live_rooms.learnt(CURVE, rooms, 2, date(2026, 6, 3)) == [40, 10, 10]
    assert live_rooms.learnt(CURVE, rooms, 3, date(2026, 6, 3)) == CURVE
    assert live_rooms.learnt(CURVE, [{"sold": {}, "back": {}}], 0, FIRST) == CURVE
