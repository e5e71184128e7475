"""Several that command one target: the stronger goes through, the weaker is kept, not sent, and named."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def lights(toys, bundle):
    for name, priority in (("safe", "safety"), ("cosy", "comfort")):
        handler = f'@on("sensor.reading")\ndef f(self, event):\n    if event["sensor"] == "{name}":\n'
        handler += f'        return out("light.set", group="hall", level_pct=event["value"], priority="{priority}")\n'
        toys.add(name, handler, produces='"light.set",', adapters='"lighting",')
    registry = toys.registry()
    plan = compose(bundle("[solutions.safe]\n[solutions.cosy]\n", devices={"p": "sensor", "l": "lighting"}), registry).require()
    return plan, registry


def send(engine, second, name, value):
    data = {"sensor": name, "kind": "lux", "value": value, "unit": "lx"}
    engine.feed(Fact(T0 + timedelta(seconds=second), "sensor.reading", "p", data), second)


def test_the_stronger_holds_the_lamp_for_a_while(lights):
    engine = Engine(*lights, StoreLog(), {}, T0)
    send(engine, 0, "cosy", 40)
    send(engine, 1, "safe", 100)
    send(engine, 2, "cosy", 40)
    send(engine, 901, "cosy", 50)
    engine.flush()
    assert engine.log.outbox() == {"waiting": 3, "overruled": 1}
    (alert,) = [record.event for record in engine.log.read() if record.event.stream == "alert.raise"]
    assert alert.source == "arbiter" and alert.data["text"] == "safe holds it: light.set of cosy was not sent"


def test_who_holds_it_survives_a_restart(lights, tmp_path):
    path = tmp_path / "store.db"
    first = Engine(*lights, StoreLog(path, store="s1"), {}, T0)
    send(first, 1, "safe", 100)
    first.close()
    first.log.close()
    again = Engine(*lights, StoreLog(path, store="s1"), {}, T0)
    send(again, 2, "cosy", 40)
    again.flush()
    assert again.log.outbox() == {"waiting": 1, "overruled": 1}


def test_the_order_of_the_bundle_arbitrates_exclusive_commands(toys, bundle):
    for name in ("first", "second"):
        handler = f'@on("sensor.reading")\ndef f(self, event):\n    if event["sensor"] == "{name}":\n'
        handler += f'        return out("label.update", label="l1", version="v", template="t", fields={{"by": "{name}"}})\n'
        toys.add(name, handler, produces='"label.update",', adapters='"esl_gateway",')
    registry = toys.registry()
    body = '[solutions.first]\n[solutions.second]\n[arbitrate]\n"label.update" = ["second", "first"]\n'
    plan = compose(bundle(body, devices={"p": "sensor", "e": "esl_gateway"}), registry).require()
    engine = Engine(plan, registry, StoreLog(), {}, T0)
    send(engine, 0, "first", 1)
    send(engine, 1, "second", 1)
    send(engine, 2, "first", 1)
    engine.flush()
    assert engine.log.outbox() == {"waiting": 2, "overruled": 1}
