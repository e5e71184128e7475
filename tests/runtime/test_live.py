"""The live store: acknowledged is kept, one loop for all, an operator's requests between two turns."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.lock import pack
from storeloom.core.runtime.clock import LiveClock
from storeloom.core.runtime.live import LiveStore, Parts
from storeloom.core.runtime.log import StoreLog

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
BODY = """
version = "{version}"

@on("sensor.reading")
def f(self, event):
    if event["value"] == 99:
        raise ValueError("ninety-nine")
    self.state["seen"] = self.state.get("seen", 0) + 1
    self.timers.set("later", "k", event.time + timedelta(seconds=60))
    yield out("alert.raise", alert="a", kind="hot", severity="info", state="open", text=f"{version} {{event['value']}}")
    yield out("relay.set", relay="relay-1", on=True)

@timer("later")
def g(self, due):
    return out("alert.raise", alert="b", kind="hot", severity="info", state="open", text="later")
"""
IMPORT = "\nfrom datetime import timedelta\n"


class Hands:
    """The wall and monotonic clocks of a test."""

    def __init__(self):
        self.at = T0

    def clock(self):
        return LiveClock(wall=lambda: self.at, monotonic=self.passed_s)

    def passed_s(self):
        return (self.at - T0).total_seconds()


class Relay(Adapter):
    """A relay that notes its commands and answers with its state."""

    def __init__(self):
        super().__init__("relay-1", None)
        self.got = []

    def command(self, stream, data, at):
        self.got.append(data["cmd"])
        yield Fact(at, "device.status", "relay-1", {"device": "relay-1", "status": "online"})


def reading(second, value, late_s=0.0):
    at = T0 + timedelta(seconds=second)
    data = {"sensor": "p", "kind": "temperature", "value": value, "unit": "C"}
    return Fact(at, "sensor.reading", "probe-1", data, at - timedelta(seconds=late_s))


@pytest.fixture
def shop(toys, bundle, tmp_path):
    def write(version="1.0.0"):
        text = BODY.format(version=version)
        toys.add("teller", text, produces='"alert.raise", "relay.set"', adapters='"sensor", "relay"', tail=IMPORT)
        toys.forget()
        return toys.registry()

    devices = {"probe-1": "sensor", "relay-1": "relay"}
    file = bundle("[solutions.teller]\n", devices=devices)
    hands = Hands()

    def live(registry, **more):
        plan = compose(file, registry).require()
        return LiveStore(Parts("b", plan, registry, tmp_path / "data", clock=hands.clock(), **more))

    (tmp_path / "data").mkdir()
    return write, live, hands, file


def offer(store, *facts):
    return [store.intake.offer(fact, number) for number, fact in enumerate(facts)]


def said(store):
    return [r.event["text"] for r in store.log.read() if r.event.stream == "alert.raise"]


def test_a_fact_is_acknowledged_handled_and_its_command_sent_once(shop):
    write, live, hands, _ = shop
    relay = Relay()
    store = live(write(), adapters={"relay-1": relay})
    (ticket,) = offer(store, reading(0, 5))
    store.turn()
    assert ticket.wait(0) is True and said(store) == ["1.0.0 5"] and store.log.waiting_facts() == 0
    store.outbox.drain(store.clock.now(), 5)
    store.turn()
    assert len(relay.got) == 1 and store.log.outbox() == {"sent": 1}
    (again,) = offer(store, reading(0, 5))
    store.turn()
    assert again.wait(0) is True and said(store) == ["1.0.0 5"]
    hands.at = T0 + timedelta(seconds=61)
    for _ in range(3):
        store.turn()
    assert said(store) == ["1.0.0 5", "later"]
    store.close()


def test_what_was_acknowledged_is_handled_after_a_kill_before_it_was(shop):
    write, live, _, _ = shop
    registry = write()
    first = live(registry)
    first.log.accept([first.engine.as_event(reading(1, 7), 1)])
    first.log.close()
    store = live(registry)
    assert store.run(lambda: True) == 0
    log = StoreLog(store.log.path)
    assert [r.event["text"] for r in log.read() if r.event.stream == "alert.raise"] == ["1.0.0 7"] and log.waiting_facts() == 0
    log.close()


def test_what_does_not_fit_and_what_is_too_late_is_refused_in_words(shop):
    write, live, _, _ = shop
    store = live(write())
    bad, late = offer(store, reading(0, "warm"), reading(1, 3, late_s=40 * 86400))
    store.turn()
    assert bad.wait(0) is False and bad.reason.code == "SL-INP-02"
    assert late.wait(0) is False and late.reason.code == "SL-INP-04"
    assert store.log.last == 0
    (queue,) = store.intake.statuses()
    assert (queue.refused, queue.late) == (1, 1)
    store.close()


def test_a_bundle_is_applied_while_facts_flow(shop, tmp_path):
    write, live, hands, file = shop
    store = live(write())
    offer(store, reading(0, 1))
    store.turn()
    registry = write("1.1.0")
    packed = tmp_path / "new.bundle.json"
    packed.write_bytes(pack(compose(file, registry), registry.catalogue))
    number = store.log.ask("apply", {"file": str(packed)})
    store.turn()
    status, body = store.log.answered(number)
    assert status == "done" and body["swaps"] == [{"instance": "teller", "before": "1.0.0", "after": "1.1.0", "state": "live"}]
    store.intake.offer(reading(2, 2), "x")
    store.turn()
    assert said(store) == ["1.0.0 1", "1.1.0 2"]
    assert not (tmp_path / "data" / "bundle.json").exists()
    hands.at = T0 + timedelta(minutes=6)
    for _ in range(12):
        hands.at += timedelta(seconds=1)
        store.turn()
    assert json.loads((tmp_path / "data" / "bundle.json").read_bytes()) == json.loads(packed.read_bytes())
    store.close()


def test_a_request_that_makes_no_sense_is_refused_in_words(shop, tmp_path):
    write, live, _, _ = shop
    store = live(write())
    numbers = [store.log.ask("apply", {"file": str(tmp_path / "none.json")}), store.log.ask("dance", {})]
    store.turn()
    answers = [store.log.answered(number) for number in numbers]
    assert [status for status, _ in answers] == ["refused", "refused"]
    assert "none.json" in json.dumps(answers[0][1]) and "dance" in json.dumps(answers[1][1])
    store.close()


def test_the_status_tells_what_an_operator_wants_to_know(shop):
    write, live, hands, _ = shop
    store = live(write())
    offer(store, reading(0, 1), reading(1, 99))
    store.turn()
    hands.at += timedelta(seconds=2)
    store.turn()
    (one,) = store.status.instances
    assert (one.name, one.version, one.handled, one.failures, one.health, one.lag) == ("teller", "1.0.0", 1, 1, "level", 0)
    assert store.status.last == store.log.last and store.status.inbox == 0 and store.status.memory_mb > 1
    store.close()


def test_a_command_that_no_device_serves_is_an_alert_in_the_log_and_stands_in_health(shop):
    write, live, hands, _ = shop
    relay = Relay()
    relay.serves = lambda stream, data: False
    store = live(write(), adapters={"relay-1": relay})
    offer(store, reading(0, 5), reading(1, 6))
    for _ in range(4):
        hands.at += timedelta(seconds=2)
        store.turn()
    assert relay.got == [] and store.log.outbox() == {"unrouted": 2}
    (alert,) = [r for r in store.log.read() if r.event.source == "#outbox"]
    assert (alert.event.stream, alert.event["kind"], alert.event["subject"]) == ("alert.raise", "undelivered", "teller")
    assert alert.event["text"] == "1 commands relay.set went to no device, the newest because none of relay-1 serves it (relay=relay-1)."
    assert any("relay=relay-1" in one for one in store._status().troubles)
    store.close()
