from datetime import date

import pytest

from storeloom.workers.optimise import batch_ledger


def batch(lot, expiry, qty):
    return {"lot": lot, "expiry": expiry, "qty": qty, "life": None}


def left(batches):
    return {one["lot"]: pytest.approx(one["qty"]) for one in batches}


def test_a_share_of_the_sales_takes_the_newest_and_an_empty_batch_gives_the_rest_to_the_next():
    ledger = [batch("new", "2025-07-20", 20), batch("old", "2025-06-30", 10)]
    batch_ledger.sell(ledger, 10, 0.3)
    assert left(ledger) == {"new": 17, "old": 3}
    batch_ledger.sell(ledger, 10, 0.3)
    assert left(ledger) == {"new": 10, "old": 0}
    batch_ledger.sell(ledger, 30, 0.3)
    assert left(ledger) == {"new": 0, "old": 0}


def test_a_delivery_older_than_the_newest_on_hand_is_reversed_rotation():
    ledger = [batch("b", "2025-07-20", 5)]
    assert batch_ledger.receive(ledger, batch("a", "2025-06-30", 4))
    assert not batch_ledger.receive(ledger, batch("b", "2025-07-20", 2))
    assert left(ledger) == {"b": 7, "a": 4}
    ledger[0]["qty"] = 0
    assert not batch_ledger.receive(ledger, batch("a", "2025-06-30", 4)), "an emptied batch is not on hand"


def test_a_count_loses_the_oldest_and_finds_the_newest():
    ledger = [batch("b", "2025-07-20", 5), batch("a", "2025-06-30", 4)]
    batch_ledger.count(ledger, 6)
    assert left(ledger) == {"b": 5, "a": 1}
    batch_ledger.count(ledger, 9)
    assert left(ledger) == {"b": 8, "a": 1}
    empty = []
    batch_ledger.count(empty, 3)
    assert empty == [batch(None, None, 3)]


def test_a_batch_is_found_by_its_lot_or_else_by_its_date():
    ledger = [batch("a", "2025-06-30", 4), batch(None, "2025-07-20", 4)]
    assert batch_ledger.find(ledger, "a", "2025-07-20") is ledger[0]
    assert batch_ledger.find(ledger, None, "2025-07-20") is ledger[1]
    assert batch_ledger.find(ledger, None, None) is None


def test_life_and_its_classes():
    life = batch_ledger.life(None, "2025-01-01", "2025-06-30")
    assert life == 180
    assert batch_ledger.life(90, None, "2025-06-30") == 90
    assert batch_ledger.left_share("2025-06-30", 180, date(2025, 3, 12)) == pytest.approx(110 / 180)
    classes = {365: 45, 180: 20, 90: 15, 0: 1}
    assert [batch_ledger.near_days(classes, days) for days in (400, 180, 179, 5)] == [45, 20, 15, 1]
