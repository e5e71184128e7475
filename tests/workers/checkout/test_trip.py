"""A cart's trip: weighings, pieces out and back, payments."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.checkout import trip as t

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def trip() -> t.Trip:
    trip = t.new_trip("s1", "cart-1", AT)
    lines = [{"gtin": "a", "qty": 1, "unit_g": 1000}, {"gtin": "b", "qty": 2, "unit_g": 250}]
    return trip | {"lines": lines, "total": 1940}


def test_old_sequences_and_ended_trips_take_nothing(trip: t.Trip) -> None:
    assert [t.is_new(trip, seq) for seq in (5, 5, 3, 6)] == [True, False, False, True]
    t.end(trip, t.PAID)
    assert not t.is_new(trip, 7)
    assert json.loads(json.dumps(trip)) == trip


@pytest.mark.parametrize("weight_g, verdict", [(1530, "fits"), (1531, "misfit"), (1470, "fits"), (1469, "misfit")])
def test_two_percent_of_1500_g_are_30_g(trip: t.Trip, weight_g: int, verdict: str) -> None:
    trip["weight_g"] = weight_g
    assert t.judge(trip, 10, 2) == verdict


def test_a_repeated_weight_is_no_new_mismatch(trip: t.Trip) -> None:
    verdicts = []
    for weight_g in (2014, 2020, 2500, 1500):
        trip["weight_g"] = weight_g
        verdicts.append(t.judge(trip, 10, 2))
    assert verdicts == ["misfit", "repeated", "misfit", "fits"]
    assert (trip["mismatches"], t.off_g(trip)) == (2, 0)
    assert (t.resolve(trip), t.resolve(trip)) == (True, False)


def test_what_an_attendant_accepts_counts_no_more(trip: t.Trip) -> None:
    t.accept_weight(trip)  # never weighed: nothing to accept
    trip["weight_g"] = 1900
    t.accept_weight(trip)
    assert (trip["accepted_g"], t.judge(trip, 10, 2)) == (400, "fits")


def test_pieces_out_and_back(trip: t.Trip) -> None:
    assert not t.take_out(trip, "c", 1)
    assert t.take_out(trip, "b", 2)
    assert (t.put_back(trip, "b", 1), trip["removed"]) == (1, {"b": 1})
    assert (t.put_back(trip, "b", 3), trip["removed"], t.put_back(trip, "b", 1)) == (1, {}, 0)


def test_offers_keep_their_distance(trip: t.Trip) -> None:
    rest = timedelta(seconds=300)
    assert t.may_offer(trip, AT, rest)
    trip["offered_at"] = AT.isoformat()
    assert not t.may_offer(trip, AT + timedelta(seconds=299), rest)
    assert t.may_offer(trip, AT + rest, rest)


def test_payments_beyond_what_is_due_go_back(trip: t.Trip) -> None:
    assert (t.pay(trip, "p1", 1000, method="qr", payer=None), t.due(trip)) == (0, 940)
    assert (t.pay(trip, "p2", 1000), t.due(trip)) == (60, 0)
    assert trip["paid"] == [{"payment": "p1", "method": "qr", "amount": 1000}, {"payment": "p2", "amount": 940}]
    assert (t.has_paid(trip, "p2"), t.has_paid(trip, "p3")) == (True, False)
    t.end(trip, t.CLOSED)
    assert t.pay(trip, "p3", 500) == 500
