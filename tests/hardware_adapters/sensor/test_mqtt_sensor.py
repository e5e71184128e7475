"""MQTT sensors: what makers publish, in the stream's units and with the device's time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.json_points import converted
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message
from storeloom.hardware_adapters.sensor.mqtt_sensor import MqttSensor


def heard(topic: str, payload: Any, *points: dict[str, Any]) -> list[Fact]:
    config = MqttSensor.Config(**({"points": list(points)} if points else {}))
    raw = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
    facts = list(MqttSensor("s1", config).heard(Message(topic, raw)))
    assert [schemas.first_error(schemas.stream_file(one.stream), one.data) for one in facts] == [None] * len(facts)
    return facts


def values(facts: list[Fact]) -> list[tuple[str, str, float, str]]:
    return [(one.data["sensor"], one.data["kind"], one.data["value"], one.data["unit"]) for one in facts]


def test_zigbee2mqtt_needs_no_config() -> None:
    facts = heard("zigbee2mqtt/fridge", {"temperature": 3.9, "humidity": 71, "battery": 80, "linkquality": 90})
    assert values(facts) == [("fridge", "temperature", 3.9, "C"), ("fridge", "humidity", 71.0, "%")]
    assert values(heard("zigbee2mqtt/door", {"contact": True})) == [("door", "door", 0.0, "state")]
    assert values(heard("zigbee2mqtt/door", {"contact": False})) == [("door", "door", 1.0, "state")]
    assert heard("zigbee2mqtt/lamp", {"state": "ON"}) == []


@pytest.mark.parametrize(
    ("value", "given", "wanted", "result"),
    [
        (41.0, "F", "C", 5.0),
        (-40.0, "F", "C", -40.0),
        (276.65, "K", "C", 3.5),
        (0.61, "ratio", "%", 61.0),
        (10.0, "fc", "lx", 107.639104),
        (0.03, "A", "mA", 30.0),
        (3.6, "GJ", "kWh", 1000.0),
        (1.2, "m3/h", "l/min", 20.0),
    ],
)
def test_units(value: float, given: str, wanted: str, result: float) -> None:
    assert converted(value, given, wanted) == pytest.approx(result, rel=1e-7)


def test_units_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(DeviceError, match="lx cannot be turned into C") as caught:
        converted(1.0, "lx", "C")
    assert caught.value.words["zh"] == "无法将 lx 换算为 C"


def test_a_path_factor_offset_zone_and_the_devices_own_time() -> None:
    point = {
        "topic": "lora/+/up",
        "path": "$.decoded.t[1].raw",
        "kind": "temperature",
        "unit": "F",
        "factor": 0.1,
        "offset": 32.0,
        "zone": "cold",
        "asset": "f7",
        "time_path": "$.at",
        "time_form": "ms",
        "key_path": "$.n",
        "high": 4.0,
    }
    fact = heard("lora/probe7/up", {"decoded": {"t": [{"raw": 1}, {"raw": 90}]}, "at": 1772445600500, "n": 17}, point)[0]
    # 90 * 0.1 + 32 = 41 F = 5 C, above what can be
    assert fact.data == {
        "sensor": "probe7",
        "kind": "temperature",
        "value": 5.0,
        "unit": "C",
        "zone": "cold",
        "asset": "f7",
        "quality": "bad",
    }
    assert fact.time == datetime(2026, 3, 2, 10, 0, 0, 500_000, tzinfo=UTC)
    assert fact.key == "17|probe7|temperature"


def test_bare_payloads_numbers_and_words() -> None:
    leak = {"topic": "leak/+", "kind": "leak", "yes": ["wet", "湿"], "no": ["dry"]}
    assert values(heard("leak/a", "湿", leak)) == [("a", "leak", 1.0, "state")]
    assert values(heard("leak/a", "DRY", leak)) == [("a", "leak", 0.0, "state")]
    assert values(heard("t/1", " 21.5 ", {"topic": "t/1", "kind": "temperature"})) == [("s1", "temperature", 21.5, "C")]
    with pytest.raises(BadMessage, match="leak/a: no number: damp"):
        heard("leak/a", "damp", leak)


@pytest.mark.parametrize("payload", ["{", '{"temperature": "warm"}', '{"temperature": [1]}', '{"temperature": 1e999}'])
def test_what_makes_no_sense_is_told(payload: str) -> None:
    with pytest.raises(BadMessage) as caught:
        heard("zigbee2mqtt/fridge", payload)
    assert "zigbee2mqtt/fridge" in caught.value.words["en"] and "zigbee2mqtt/fridge" in caught.value.words["zh"]


def test_good_values_beside_a_bad_one_are_kept() -> None:
    message = Message("zigbee2mqtt/fridge", b'{"temperature": "warm", "humidity": 60}')
    driver = MqttSensor("s1", MqttSensor.Config())
    facts = driver._facts_of(message)
    assert [(one.stream, one.data.get("kind")) for one in facts] == [("sensor.reading", "humidity"), ("device.status", "sensor")]
    assert facts[1].data["state"] == "degraded"


def test_the_same_message_gives_the_same_key_and_two_values_two() -> None:
    points = [{"path": path, "kind": kind, "time_path": "$.t"} for path, kind in (("$.a", "temperature"), ("$.b", "humidity"))]
    first, second = heard("zigbee2mqtt/x", {"a": 1, "b": 2, "t": "2026-03-02T10:00:00+08:00"}, *points)
    again = heard("zigbee2mqtt/x", {"a": 1, "b": 2, "t": "2026-03-02T10:00:00+08:00"}, *points)
    assert first.key == again[0].key != second.key
    assert first.time == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def test_a_path_that_is_none_is_told_as_a_fault_of_the_config() -> None:
    driver = MqttSensor("s1", MqttSensor.Config(points=[{"path": "$.a["}]))
    health = driver.check_health()
    assert not health.ok and health.facts["code"] == Code.ILLEGAL
    assert health.words["en"].startswith("'$.a[' is no JSONPath")
