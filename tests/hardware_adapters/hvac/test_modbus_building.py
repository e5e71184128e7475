"""Air units, lighting, cold cabinets and sensors on Modbus: commands into registers, readings into streams and states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.hvac.modbus_hvac import ModbusHvac
from storeloom.hardware_adapters.hvac.modbus_hvac_twin import ModbusHvacTwin
from storeloom.hardware_adapters.lighting.modbus_lighting import ModbusLighting
from storeloom.hardware_adapters.lighting.modbus_lighting_twin import ModbusLightingTwin
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin
from storeloom.hardware_adapters.links.registers import RegisterDriver
from storeloom.hardware_adapters.refrigeration.modbus_refrigeration import ModbusRefrigeration
from storeloom.hardware_adapters.refrigeration.modbus_refrigeration_twin import ModbusRefrigerationTwin
from storeloom.hardware_adapters.sensor.modbus_sensor import ModbusSensor

pytest.importorskip("pymodbus")
SOON_S = 5.0


@contextmanager
def at_work(driver: type[RegisterDriver], twin: ModbusTwin, **settings: Any) -> Iterator[Rig]:
    rig = Rig(driver("unit-1", driver.Config(**{**twin.settings(), **settings})))
    try:
        assert rig.wait_for(lambda: rig.state() is not None, SOON_S)
        yield rig
    finally:
        rig.close(SOON_S)


def refusal(rig: Rig, stream: str, **data: Any) -> DeviceError:
    raised = rig.send(stream, data, SOON_S)
    assert isinstance(raised, DeviceError)
    return raised


def last_metrics(rig: Rig) -> dict[str, Any]:
    return dict(next((one.data["metrics"] for one in reversed(rig.facts) if "metrics" in one.data), {}))


def test_an_air_unit_takes_mode_temperature_and_fan() -> None:
    with ModbusHvacTwin() as twin, at_work(ModbusHvac, twin) as rig:
        assert rig.send("hvac.set", {"unit": "unit-1", "mode": "heat", "setpoint_c": 21.5, "fan_pct": 60}, SOON_S) is None
        assert (twin.read("holding", 0, 5)) == [1, 1, 3, 0, 215]
        assert rig.send("hvac.set", {"unit": "unit-1", "mode": "off"}, SOON_S) is None
        assert twin.read("holding", 0) == [0]
        assert rig.wait_for(lambda: rig.adapter.status()["figures"].get("mode") == "off", SOON_S)
        assert rig.wait_for(lambda: last_metrics(rig).get("on") == 0.0, SOON_S)
        assert last_metrics(rig)["room_c"] == 26.3


def test_an_air_unit_refuses_what_it_cannot() -> None:
    with ModbusHvacTwin() as twin, at_work(ModbusHvac, twin) as rig:
        assert refusal(rig, "hvac.set", unit="unit-1", setpoint_c=60).code == Code.ILLEGAL
        assert refusal(rig, "hvac.set", unit="unit-1", damper_pct=50).words["en"] == "the device has no damper"
        assert refusal(rig, "hvac.set", unit="unit-1", mode="defrost").words["zh"] == "空调没有模式 defrost"
        assert refusal(rig, "hvac.set", unit="unit-2", setpoint_c=60).words["en"] == "this hvac.set is for another device"
        assert twin.took() == []


def test_an_error_code_is_a_fault() -> None:
    with ModbusHvacTwin() as twin, at_work(ModbusHvac, twin) as rig:
        twin.set("holding", 11, 42)
        assert rig.wait_for(lambda: rig.state() == "fault", SOON_S)
        assert (rig.facts[-1].data["code"], rig.facts[-1].data["text"]) == ("error_42", "the unit reports error 42")
        twin.set("holding", 11, 0)
        assert rig.wait_for(lambda: rig.state() == "online", SOON_S)


def test_lamps_take_level_and_colour_and_tell_the_hand() -> None:
    with ModbusLightingTwin() as twin, at_work(ModbusLighting, twin) as rig:
        assert rig.send("light.set", {"group": "unit-1", "level_pct": 35, "cct_k": 4000}, SOON_S) is None
        assert twin.read("holding", 0, 2) == [35, 4000]
        assert rig.wait_for(lambda: last_metrics(rig) == {"level_pct": 35.0, "cct_k": 4000.0}, SOON_S)
        twin.set("holding", 0, 80)
        assert rig.wait_for(lambda: last_metrics(rig).get("level_pct") == 80.0, SOON_S)
        assert refusal(rig, "light.set", group="unit-1", level_pct=130).words["zh"] == "亮度应为 0 至 100%，而非 130"


def test_a_circuit_is_on_for_every_level_above_zero() -> None:
    groups = [{"group": "window", "level": {"kind": "coil", "address": 5}}, {"group": "aisle", "level": {"kind": "coil", "address": 6}}]
    with ModbusTwin() as twin, at_work(ModbusLighting, twin, groups=groups) as rig:
        assert rig.send("light.set", {"group": "aisle", "level_pct": 20}, SOON_S) is None
        assert twin.read("coil", 5, 2) == [0, 1]
        assert rig.wait_for(lambda: last_metrics(rig).get("level_pct aisle") == 100.0, SOON_S)


def test_a_cold_cabinet_is_read_set_and_defrosted() -> None:
    with ModbusRefrigerationTwin() as twin, at_work(ModbusRefrigeration, twin, asset="chiller-1") as rig:
        assert rig.wait_for(lambda: any(one.stream == "sensor.reading" for one in rig.facts), SOON_S)
        data = {"asset": "chiller-1", "setpoint_c": -21.5, "defrost": True, "priority": "food"}
        assert rig.send("refrigeration.set", data, SOON_S) is None
        assert twin.read("holding", 1) == [0x10000 - 215]
        assert twin.read("coil", 0) == [1]
        assert rig.wait_for(lambda: last_metrics(rig) == {"setpoint_c": -21.5, "defrost": 1.0}, SOON_S)
        twin.set("coil", 0, 0)
        assert rig.wait_for(lambda: last_metrics(rig).get("defrost") == 0.0, SOON_S)
        assert rig.send("hvac.set", {"unit": "chiller-1", "mode": "defrost"}, SOON_S) is None
        assert twin.read("coil", 0) == [1]
        assert refusal(rig, "hvac.set", unit="chiller-1", mode="heat").code == Code.ILLEGAL
    reading = next(one.data for one in rig.facts if one.stream == "sensor.reading")
    assert reading == {"sensor": "unit-1", "kind": "temperature", "value": 3.5, "unit": "C"}


def test_sensors_in_their_units_states_and_bounds() -> None:
    points = [
        {"address": 0, "measures": "temperature", "unit": "F"},
        {"address": 1, "kind": "discrete", "measures": "door", "inverted": True, "sensor": "door-1", "zone": "back"},
        {"address": 2, "measures": "humidity", "low": 0, "high": 100, "sensor": "h"},
    ]
    with ModbusTwin() as twin:
        twin.set("holding", 0, 50, 0, 250)
        with at_work(ModbusSensor, twin, points=points) as rig:
            assert rig.wait_for(lambda: rig.state() == "degraded", SOON_S)
            assert rig.facts[-1].data["text"] == "no value, or one that cannot be: point 3"
            twin.set("holding", 2, 55)
            assert rig.wait_for(lambda: rig.state() == "online", SOON_S)
    told = [dict(one.data) for one in rig.facts if one.stream == "sensor.reading"]
    assert told[:2] == [
        {"sensor": "unit-1", "kind": "temperature", "value": 10.0, "unit": "C"},
        {"sensor": "door-1", "kind": "door", "value": 1.0, "unit": "state", "zone": "back"},
    ]
    assert {one["value"] for one in told if one["sensor"] == "h"} == {55.0}


def test_a_register_that_is_not_there_is_told_and_the_others_are_read() -> None:
    points = [{"address": 0, "sensor": "a"}, {"address": 500, "sensor": "b"}]
    with ModbusTwin() as twin, at_work(ModbusSensor, twin, points=points) as rig:
        assert rig.wait_for(lambda: rig.state() == "degraded", SOON_S)
        assert rig.facts[-1].data["text"] == "it has no such register (Modbus exception 2)"
        assert any(one.data.get("sensor") == "a" for one in rig.facts)


def test_health_names_the_device() -> None:
    with ModbusTwin() as twin:
        health = ModbusSensor("t", ModbusSensor.Config(**twin.settings())).check_health()
        assert health.ok
        assert health.facts["unit_id"] == 1.0
        twin.play("refuse")
        health = ModbusSensor("t", ModbusSensor.Config(**twin.settings())).check_health()
    assert (health.ok, health.facts["code"]) == (False, "no_hardware")
