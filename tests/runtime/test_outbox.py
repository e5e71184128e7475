"""The outbox: each command reaches its device, again after a fault, dead after the last try."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.outbox import TRIES, Outbox

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
SENDER = """
@on("sensor.reading")
def f(self, event):
    return out("relay.set", relay="r1", on=True)

@on("device.status?")
def g(self, event):
    self.kpi.add("seen")
"""


@pytest.fixture
def store(toys, bundle):
    toys.add("sender", SENDER, produces='"relay.set",', adapters='"sensor", "relay?",')
    registry = toys.registry()
    plan = compose(bundle("[solutions.sender]\n", devices={"probe-1": "sensor", "relay-1": "relay"}), registry).require()
    engine = Engine(plan, registry, StoreLog(), {}, T0)
    data = {"sensor": "p", "kind": "temperature", "value": 1, "unit": "C"}
    engine.feed(Fact(T0, "sensor.reading", "probe-1", data), 1)
    return plan, engine


def test_a_command_is_sent_once_and_its_answer_taken_in(store):
    plan, engine = store
    sent = []

    def relay(stream, data, at):
        sent.append((stream, dict(data)))
        return [Fact(at, "device.status", "relay-1", {"device": "relay-1", "kind": "relay", "state": "online"})]

    outbox = Outbox(engine.log, plan, {"relay-1": relay})
    assert outbox.dispatch(engine) == 1 and outbox.dispatch(engine) == 0
    (event,) = [record.event for record in engine.log.read() if record.event.stream == "relay.set"]
    assert sent == [("relay.set", {"cmd": event.id, "relay": "r1", "on": True})]
    assert engine.log.outbox() == {"sent": 1} and engine.figures() == {"sender": {"seen": 1}}


def test_a_device_that_fails_is_tried_again_later_and_then_given_up(store):
    plan, engine = store
    tries = []

    def relay(stream, data, at):
        tries.append(at)
        raise OSError("no route")

    outbox = Outbox(engine.log, plan, {"relay-1": relay})
    for minute in range(0, 120):
        engine.advance(T0 + timedelta(minutes=minute))
        outbox.dispatch(engine)
    waits = [(b - a).total_seconds() for a, b in pairwise(tries)]
    assert len(tries) == TRIES and waits == sorted(waits)
    assert engine.log.outbox() == {"dead": 1}


def test_a_command_that_no_driver_takes_is_kept_and_named(store):
    plan, engine = store
    assert Outbox(engine.log, plan, {}).dispatch(engine) == 0
    assert engine.log.outbox() == {"unrouted": 1}
