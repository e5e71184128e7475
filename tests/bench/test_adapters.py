"""The bench of adapters: each part measures on little what it says it measures, and tells what it lacks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from storeloom.core.bench import adapters, adapters_labels, adapters_modbus, adapters_mqtt
from storeloom.core.bench.harness import Result
from storeloom.core.commands.bench import AREAS
from storeloom.core.kernel.errors import InputFault
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.inputs import Inputs
from storeloom.core.runtime.intake import Intake, bounds, fact_key, policies
from storeloom.core.runtime.log import StoreLog
from storeloom.hardware_adapters.links.mqtt_twin import mosquitto

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_the_area_is_known_and_has_the_three_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, part in enumerate((adapters_mqtt, adapters_labels, adapters_modbus)):
        monkeypatch.setattr(part, "measure", lambda number=number: [Result(f"r{number}", 1.0, "", "", "", 1)])
    assert "adapters" in AREAS and [one.name for one in adapters.measure()] == ["r0", "r1", "r2"]


def test_an_absent_broker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters_mqtt, "mosquitto", lambda: None)
    with pytest.raises(InputFault, match=r"Mosquitto is not installed[\s\S]*'mosquitto'"):
        adapters_mqtt.measure()


def test_a_round_of_the_store_counts_readings_alone_and_keeps_them_before_it_acknowledges() -> None:
    intake, log = Intake(policies({}), lambda: NOW), StoreLog(":memory:", store="bench")
    reading = {"sensor": "p", "kind": "temperature", "value": 4.5, "unit": "C"}
    status = {"device": "gateway", "kind": "sensor", "state": "online", "since": "2026-03-02T08:00:00Z"}
    facts = [Fact(NOW, "device.status", "gateway", status), *(Fact(NOW, "sensor.reading", "gateway", reading) for _ in range(2))]
    tickets = [intake.offer(fact, fact_key(fact, number)) for number, fact in enumerate(facts)]
    assert adapters_mqtt.store_once(intake, log, Inputs(), bounds({})) == 2
    assert [ticket.wait(0.0) for ticket in tickets] == [True] * 3
    assert [event.stream for _, event in log.pending()] == ["device.status", "sensor.reading", "sensor.reading"]


@pytest.mark.skipif(mosquitto() is None, reason="the broker Mosquitto is absent")
def test_messages_come_through_beside_the_bare_client() -> None:
    found = {one.name: one for one in adapters_mqtt.measure(messages=60, rounds=2)}
    assert found["mqtt_against_bare"].value > 0 and found["mqtt_against_bare"].goal == ">= 0.6"
    assert found["mqtt_through"].value > 0 and found["mqtt_bare"].value > 0


def test_labels_are_right_and_messages_are_counted() -> None:
    found = {one.name: one for one in adapters_labels.measure(labels=40, ack_s=0.5)}
    assert found["labels_right"].value == 1.0 and found["labels_right"].met
    assert 0.95 <= found["labels_messages"].value < 2.0
