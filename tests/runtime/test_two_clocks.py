"""The same facts give the same outcome on a virtual clock and in a live store on the wall clock."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.core.runtime.clock import LiveClock
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.live import LiveStore, Parts
from storeloom.core.runtime.log import StoreLog

T0 = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)  # the night in which Berlin goes to summer time
TELLER = """
@on("sensor.reading")
def f(self, event):
    self.state["n"] = self.state.get("n", 0) + 1
    self.timers.set("later", str(self.state["n"] % 3), event.time + timedelta(minutes=25))
    return self.tell(f"reading {event['value']}")

@timer("later")
def g(self, due):
    return self.tell(f"later {due.key}")

@every("1h")
def h(self, due):
    return self.tell("hour")

@every(cron="30 2 * * *")
def c(self, due):
    return self.tell("cron")

@every("1d", at="close")
def e(self, due):
    return self.tell("close")

def tell(self, text):
    return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text=text)
"""


@pytest.fixture
def plan(toys, bundle):
    toys.add("teller", TELLER, adapters='"sensor",', tail="\nfrom datetime import timedelta\n")
    registry = toys.registry()
    file = bundle("[solutions.teller]\n")
    file.write_text(file.read_text(encoding="utf-8").replace("Asia/Shanghai", "Europe/Berlin"), encoding="utf-8")
    return compose(file, registry).require(), registry


def facts():
    for number in range(60):
        at = T0 + timedelta(minutes=7 * number, seconds=number % 5)
        data = {"sensor": "p", "kind": "temperature", "value": number, "unit": "C"}
        yield Fact(at, "sensor.reading", "probe-1", data, at - timedelta(seconds=40 * (number % 4)))


def outcome(log, start, end):
    found = [(r.event.time, r.event["text"]) for r in log.read() if r.event.stream == "alert.raise"]
    return [(time, text) for time, text in found if start <= time <= end]


def test_live_and_virtual_agree_through_a_night_of_the_clock_change(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("storeloom.core.runtime.live.IDLE_S", 0.0)
    end = T0 + timedelta(hours=22)
    virtual = Engine(*plan, StoreLog(), {}, T0)
    for number, fact in enumerate(facts()):
        virtual.feed(fact, number)
    virtual.advance(end)

    hands = {"at": T0}

    def passed_s():
        return (hands["at"] - T0).total_seconds()

    clock = LiveClock(wall=lambda: hands["at"], monotonic=passed_s)
    store = LiveStore(Parts("b", *plan, tmp_path, clock=clock))
    coming = list(enumerate(facts()))
    while hands["at"] < end:
        following = min(coming[0][1].received if coming else end, hands["at"] + timedelta(seconds=47), end)
        hands["at"] = following
        if coming and coming[0][1].received == following:
            number, fact = coming.pop(0)
            store.intake.offer(fact, number)
        store.turn()
    expected = outcome(virtual.log, T0, end)
    assert outcome(store.log, T0, end) == expected
    assert [text for _, text in expected].count("cron") == 1 and [text for _, text in expected].count("close") == 1
    assert [time for time, text in expected if text == "cron"] == [parse_time("2026-03-29T01:00:00Z")]  # 02:30 does not exist: 03:00
    assert store.engine.instances["teller"].state.snapshot() == virtual.instances["teller"].state.snapshot()
    store.close()
