"""The queue behind the latency of events: worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.bench.harness import Result
from storeloom.core.bench.solutions import latencies, table

T0 = datetime(2026, 3, 2, 17, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def test_an_event_waits_for_what_came_before_it_and_for_due_work() -> None:
    jobs = [(at(0), 0.1, True), (at(0.05), 0.1, True), (at(1), 0.5, False), (at(1.2), 0.1, True), (at(5), 0.1, True)]
    assert latencies(jobs, T0, 1.0) == pytest.approx([100, 150, 400, 100])
    assert latencies(jobs, T0, 2.0) == pytest.approx([100, 175, 500, 100])


def test_the_slowest_stands_first() -> None:
    rows = [
        Result(f"month/{name}/{figure}", value, "", "", "", 1)
        for name, longest in (("calm", 2.0), ("slow", 40.0))
        for figure, value in (("events_s", 10.0), ("longest_ms", longest), ("state_kib", 1.0))
    ]
    lines = list(table([*rows, Result("supermarket_latency_p99", 1, "ms", "", "", 1)]))
    assert [line.split()[0] for line in lines] == ["solution", "slow", "calm"]
