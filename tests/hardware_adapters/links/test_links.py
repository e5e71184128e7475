"""The life of a connection: told once a change, tried again later and later, acknowledged only when stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Backoff, Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.inbox import Inbox
from storeloom.hardware_adapters.links.watch import DeviceWatch

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
DOWN = DeviceError(Code.OFFLINE, "no answer", "无应答")


def reading(number: int) -> Fact:
    return Fact(T0, "sensor.reading", "probe-1", {"sensor": "s", "kind": "temperature", "value": number, "unit": "C"}, key=number)


class Probe(LinkDriver[int]):
    """A probe whose connections do what a script says: so many readings, then an error."""

    kind = "sensor"
    first_wait_s = 0.01
    longest_wait_s = 0.02

    def __init__(self, *script: tuple[int, Exception | None] | Exception) -> None:
        super().__init__("probe-1", None)
        self.script = iter(script)
        self.open = 0

    @contextmanager
    def connect(self) -> Iterator[int]:
        step = next(self.script)
        if isinstance(step, Exception):
            raise step
        self.open += 1
        try:
            self.step = step
            yield self.open
        finally:
            self.open -= 1

    def session(self, link: int) -> Facts:
        many, error = self.step
        for number in range(many):
            yield reading(number)
        if error is not None:
            raise error


def told(probe: Probe) -> list[tuple[str, str] | int]:
    def short(fact: Fact) -> tuple[str, str] | int:
        return (fact.data["state"], fact.data.get("code", "")) if fact.stream == "device.status" else fact.data["value"]

    return [short(fact) for fact in probe.facts()]


def test_each_change_of_state_is_told_once_and_readings_come_between() -> None:
    probe = Probe((2, DOWN), DOWN, DOWN, ConnectionRefusedError(), (1, None))
    assert told(probe) == [("online", ""), 0, 1, ("offline", "offline"), ("offline", "no_hardware"), ("online", ""), 0]
    assert probe.open == 0


def test_a_device_that_answers_but_cannot_is_at_fault_in_its_own_word() -> None:
    probe = Probe((1, DeviceError(Code.EXTENDED, "the cover is open", "上盖未合", extended="cover_open")), (0, None))
    probe.context = AdapterContext(language="zh")
    facts = list(probe.facts())
    assert facts[2].data | {"since": ""} == {
        "device": "probe-1", "kind": "sensor", "state": "fault", "since": "", "code": "cover_open", "text": "上盖未合",
    }  # fmt: skip


def test_a_closed_driver_ends_at_once_even_while_it_waits() -> None:
    probe = Probe(*[DOWN] * 3)
    probe.first_wait_s = probe.longest_wait_s = 60.0
    probe._backoff = Backoff(60, 60, "x")
    thread = threading.Thread(target=lambda: list(probe.facts()))
    thread.start()
    time.sleep(0.05)
    probe.close()
    thread.join(5)
    assert not thread.is_alive()


def test_waits_double_to_their_most_spread_by_chance_and_begin_anew_after_a_steady_time() -> None:
    backoff = Backoff(1.0, 8.0, "scale-1")
    waits = [backoff.wait_s(0.1) for _ in range(6)]
    assert all(least <= wait <= most for wait, least, most in zip(waits, (0.5, 1, 2, 4, 4, 4), (1, 2, 4, 8, 8, 8), strict=True))
    assert backoff.wait_s(61) <= 1.0 and waits != [Backoff(1.0, 8.0, "scale-2").wait_s(0.1)]
    again = Backoff(1.0, 8.0, "scale-1")
    assert [again.wait_s(0.1) for _ in range(6)] == waits


def test_a_watch_tells_changes_and_answers_to_commands_and_keeps_figures() -> None:
    watch = DeviceWatch("p1", "printer")
    first = watch.note("online", T0, figures={"paper": 80}, firmware="1.2")
    assert first is not None and first.data["metrics"] == {"paper": 80} and first.data["firmware"] == "1.2"
    assert watch.note("online", T0 + timedelta(seconds=5), figures={"paper": 70}) is None
    answer = watch.note("online", T0 + timedelta(seconds=6), cmd="c1")
    assert answer is not None and answer.data["cmd"] == "c1" and answer.data["since"] == "2026-03-02T10:00:00Z"
    assert watch.as_status()["figures"] == {"paper": 70}
    assert watch.note("online", T0, firmware="1.3") is not None


def test_a_watch_tells_another_reason_under_the_same_code_without_a_flood() -> None:
    watch = DeviceWatch("p1", "printer")

    def note(second: float, text: str) -> str | None:
        fact = watch.note("degraded", T0 + timedelta(seconds=second), code="no_value", words={"en": text, "zh": text})
        if fact is not None:
            assert fact.data["since"] == "2026-03-02T10:00:00Z"
        return None if fact is None else fact.data["text"]

    assert note(0, "a") == "a"
    assert note(1, "a, b") == "a, b", "the first other reason is told at once"
    assert note(5, "a, c") is None and note(10.9, "a, c") is None
    assert note(11, "a, c") == "a, c", "10 s later, by the first look after the pause"
    assert note(12, "a, d") is None and note(20, "a, c") is None and note(40, "a, c") is None, "what no longer holds is not told"
    told = [second for second in range(41, 41 + 36_000) if note(second, f"reading {second}")]
    assert told[:14] == [41, 81, 161, 321, 641, 1281, 2561, 5121, 8721, 8731, 8751, 8791, 8871, 9031], "pauses double up to an hour"
    assert len(told) <= 45


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "no_hardware"),
        (ConnectionResetError(), "offline"),
        (FileNotFoundError(), "no_hardware"),
        (PermissionError(), "no_service"),
        (OSError(113, "No route to host"), "offline"),
    ],
)
def test_what_the_system_says_has_a_code_and_words(error: OSError, code: str) -> None:
    known = of_os(error, "tcp://10.0.0.7")
    assert known.word == code and "10.0.0.7" in known.words["en"] and "10.0.0.7" in known.words["zh"]


class Paper:
    """A receipt whose outcome a test decides."""

    def __init__(self) -> None:
        self.outcome: bool | None = None

    def wait(self, timeout_s: float | None = None) -> bool | None:
        return self.outcome


def test_an_acknowledgement_goes_out_once_the_fact_is_stored_and_in_order() -> None:
    inbox, stopping, stored = Inbox(), threading.Event(), []
    for number in range(3):
        inbox.put(reading(number), lambda kept, number=number: stored.append((number, kept)))
    flow, papers = inbox.flow(stopping), [Paper() for _ in range(3)]
    next(flow)
    for paper in papers[:2]:
        flow.send(paper)
    papers[1].outcome = False
    inbox.put(reading(3))
    flow.send(papers[2])
    assert stored == []
    papers[0].outcome = papers[2].outcome = True
    inbox.put(reading(4))
    assert flow.send(None).data["value"] == 4
    assert stored == [(0, True), (1, False), (2, True)]


def test_where_no_store_is_live_what_is_taken_is_acknowledged() -> None:
    inbox, stopping, stored = Inbox(), threading.Event(), []
    inbox.put(reading(0), stored.append)
    inbox.fail(DOWN)
    flow = inbox.flow(stopping)
    next(flow)
    with pytest.raises(DeviceError):
        next(flow)
    assert stored == [True]


def test_a_full_inbox_holds_back_and_still_takes_a_failure() -> None:
    inbox = Inbox(limit=2)
    assert inbox.put(reading(0), wait_s=0) and inbox.put(reading(1), wait_s=0) and not inbox.put(reading(2), wait_s=0.01)
    inbox.fail(DOWN)
    flow = inbox.flow(threading.Event())
    assert next(flow).data["value"] == 1
    with pytest.raises(DeviceError):
        next(flow)
