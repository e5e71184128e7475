from datetime import UTC, datetime

from storeloom.workers.pricing.parking import ParkingTariff, discounts, minutes_between, tier_minutes

TARIFF = ParkingTariff(free_min=30, first_min=60, first_fee=1000, next_min=30, next_fee=500, cap=5000)


def test_fees_by_blocks_with_a_cap_a_day():
    assert [TARIFF.fee(minutes) for minutes in (0, 1, 42, 60, 61, 102, 222, 600)] == [0, 1000, 1000, 1000, 1500, 2000, 4000, 5000]
    assert TARIFF.fee(1440 + 61) == 6500
    assert [TARIFF.gross(minutes) for minutes in (30, 31)] == [0, 1000]


def test_a_row_of_the_table_wins_where_it_says_something():
    assert TARIFF.with_row({"price": 600, "free_min": 0, "cap": 4000}) == ParkingTariff(0, 60, 1000, 30, 600, 4000)
    assert TARIFF.with_row(None) == TARIFF


def test_time_after_paying_is_further_blocks_up_to_the_cap():
    assert TARIFF.extra(16, 238, 4000) == 500
    assert TARIFF.extra(31, 253, 4000) == 1000
    assert TARIFF.extra(300, 700, 4500) == 500
    assert TARIFF.extra(0, 222, 4000) == 0


def test_spend_and_membership_take_minutes_off():
    tiers = [[10000, 60], [20000, 120], [50000, 240]]
    assert [tier_minutes(tiers, spend) for spend in (9999, 10000, 25600, 60000)] == [0, 60, 120, 240]
    assert discounts(TARIFF, 222, [("spend", 120)], 300) == [{"source": "spend", "minutes": 120, "amount": 2000}]
    both = discounts(TARIFF, 222, [("spend", 120), ("gold", 60)], 300)
    assert both == [{"source": "spend", "minutes": 120, "amount": 2000}, {"source": "gold", "minutes": 60, "amount": 1000}]
    assert discounts(TARIFF, 222, [("spend", 120), ("gold", 60)], 150)[1]["minutes"] == 30
    assert sum(one["amount"] for one in discounts(TARIFF, 222, [("spend", 300)], 300)) == 4000


def test_begun_minutes_count():
    begin = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)
    assert minutes_between(begin, datetime(2026, 3, 2, 13, 47, tzinfo=UTC)) == 222
    assert minutes_between(begin, datetime(2026, 3, 2, 13, 47, 1, tzinfo=UTC)) == 223
