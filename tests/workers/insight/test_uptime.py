"""For how long a reporting device was up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.events import plain
from storeloom.workers.insight import uptime

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def elapsed(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def heard(seconds: float, works: bool) -> uptime.Entry:
    return {"at": plain(at(seconds)), "works": works, "counted": plain(at(seconds))}


def test_nothing_counts_before_the_first_report() -> None:
    entry = uptime.begin(NOON)
    assert uptime.count(entry, at(600), 300, elapsed) == (0.0, 0.0)
    assert uptime.silent_s(entry, at(420)) == 420


def test_a_good_report_is_trusted_for_a_while_and_no_longer() -> None:
    entry = heard(0, works=True)
    assert uptime.count(entry, at(200), 300, elapsed) == (200.0, 200.0)
    assert uptime.count(entry, at(500), 300, elapsed) == (100.0, 300.0)
    assert uptime.count(entry, at(600), 300, elapsed) == (0.0, 100.0)
    assert uptime.count(entry, at(600), 300, elapsed) == (0.0, 0.0)


def test_a_bad_report_counts_as_down() -> None:
    assert uptime.count(heard(0, works=False), at(60), 300, elapsed) == (0.0, 60.0)
