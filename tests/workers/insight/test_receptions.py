from datetime import UTC, datetime, timedelta

from storeloom.workers.insight import receptions
from storeloom.workers.insight.receptions import Guide

TWO = datetime(2026, 3, 2, 14, tzinfo=UTC)
MIN = timedelta(minutes=1)


def visit(last="2026-03-02T14:00:00Z", arrival="2026-03-02T14:08:00Z", seen=False):
    return {"last": last, "arrival": arrival, "seen": seen}


def guide(staff, places=(), open=0, idle=0):
    return Guide(staff, frozenset(places), open, TWO - idle * MIN)


def test_signals_closer_than_the_gap_are_one_visit():
    gap = timedelta(hours=4)
    assert receptions.is_same_visit(visit(), TWO + 239 * MIN, gap)
    assert not receptions.is_same_visit(visit(), TWO + 240 * MIN, gap)
    assert receptions.is_same_visit(visit(), TWO - 5 * MIN, gap), "a signal that comes late"


def test_an_arrival_that_was_seen_stands():
    assert receptions.sharper(visit(), TWO + 7 * MIN, True, TWO + 7 * MIN)
    assert receptions.sharper(visit(), TWO + 10 * MIN, False, TWO + 2 * MIN)
    assert not receptions.sharper(visit(), TWO + 30 * MIN, False, TWO + 22 * MIN), "the reckoned arrival has come about"
    assert not receptions.sharper(visit(seen=True), TWO, True, TWO)


def test_fewest_open_then_longest_idle_then_id():
    assert receptions.receiver([guide("a", open=1), guide("b"), guide("c", idle=5)], (), 2) == "c"
    assert receptions.receiver([guide("b"), guide("a")], (), 2) == "a"
    assert receptions.receiver([guide("a", open=2)], (), 2) is None
    assert receptions.receiver([guide("a"), guide("b", ["Z1"])], ["Z1"], 2) == "b"
    assert receptions.receiver([guide("a"), guide("b")], (), 2, {"a"}) == "b"


def test_waits_and_rows():
    assert receptions.wait_min(TWO + 7 * MIN, TWO + 12 * MIN) == 5
    assert receptions.wait_min(TWO, TWO - MIN) == 0
    assert receptions.rows({"g2": [5.0, 11.0, None], "g1": [None]}, 10) == [
        {"guide": "g1", "receptions": 1, "on_time": 0},
        {"guide": "g2", "receptions": 3, "on_time": 100 / 3, "median_wait": 8},
    ]
