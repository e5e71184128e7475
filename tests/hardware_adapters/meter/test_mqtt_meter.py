"""MQTT meters: registers, power and flow in the stream's units."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from storeloom.core.kernel import schemas
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message
from storeloom.hardware_adapters.meter.mqtt_meter import MqttMeter


class Meter:
    def __init__(self, *points: dict[str, Any], **more: Any) -> None:
        self.driver = MqttMeter("m1", MqttMeter.Config(**({"points": list(points)} if points else {}), **more))

    def hear(self, topic: str, payload: Any) -> list[dict[str, Any]]:
        facts = list(self.driver.heard(Message(topic, orjson.dumps(payload))))
        assert [schemas.first_error(schemas.stream_file(one.stream), one.data) for one in facts] == [None] * len(facts)
        return [one.data for one in facts]


def test_tasmota_needs_no_config() -> None:
    told = Meter().hear("tele/plug/SENSOR", {"Time": "2026-03-02T10:00:00", "ENERGY": {"Total": 1042.5, "Power": 1500}})
    assert told == [{"meter": "plug", "kind": "electricity", "total": 1042.5, "unit": "kWh", "power_kw": 1.5}]
    assert Meter().hear("tele/plug/SENSOR", {"AM2301": {"Temperature": 20}}) == []


def test_shelly_gives_register_and_power_in_topics_of_their_own() -> None:
    total = {"topic": "shellies/em/emeter/0/total", "meter": "main", "value": "total", "total_unit": "Wh", "tenant": "t1"}
    power = {"topic": "shellies/em/emeter/0/power", "meter": "main", "value": "power"}
    meter = Meter(total, power)
    assert meter.hear("shellies/em/emeter/0/power", 2340.0) == []
    assert meter.hear("shellies/em/emeter/0/total", 18250.0) == [
        {"meter": "main", "kind": "electricity", "total": 18.25, "unit": "kWh", "power_kw": 2.34, "tenant": "t1"}
    ]


def test_power_that_is_old_is_left_out() -> None:
    point = {"topic": "e", "meter": "m", "total_path": "$.e", "power_path": "$.p", "time_path": "$.t"}
    meter = Meter(point, power_age_s=60.0)
    meter.hear("e", {"p": 100, "t": "2026-03-02T10:00:00Z"})
    assert "power_kw" in meter.hear("e", {"e": 1, "t": "2026-03-02T10:01:00Z"})[0]
    assert "power_kw" not in meter.hear("e", {"e": 2, "t": "2026-03-02T10:01:01Z"})[0]


def test_water_pulses_and_flow() -> None:
    point = {
        "topic": "w/+",
        "kind": "water",
        "total_path": "$.pulses",
        "total_factor": 10.0,
        "total_unit": "l",
        "flow_path": "$.flow",
        "flow_unit": "m3/h",
    }
    told = Meter(point).hear("w/main", {"pulses": 12345, "flow": 1.2})
    assert told == [{"meter": "main", "kind": "water", "total": pytest.approx(123.45), "unit": "m3", "flow_l_min": pytest.approx(20.0)}]


def test_a_register_below_zero_or_of_no_number_makes_no_sense() -> None:
    for total in (-1, "many"):
        with pytest.raises(BadMessage):
            Meter().hear("tele/plug/SENSOR", {"ENERGY": {"Total": total, "Power": 0}})
