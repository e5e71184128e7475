"""Meters on Modbus: published maps, units, registers that fall, wrap or are not there."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin, Store
from storeloom.hardware_adapters.meter.modbus_meter import Counter, ModbusMeter
from storeloom.hardware_adapters.meter.modbus_meter_twin import ModbusMeterTwin

pytest.importorskip("pymodbus")
SOON_S = 5.0


def words(shape: str, value: float) -> list[int]:
    packed = struct.pack(shape, value)
    return list(struct.unpack(f">{len(packed) // 2}H", packed))


class Plain(ModbusTwin):
    """A device in which these words stand."""

    def __init__(self, kind: str, held: Mapping[int, list[int]]) -> None:
        super().__init__()
        self._held: Store = {(kind, at + n): word for at, told in held.items() for n, word in enumerate(told)}  # type: ignore[misc]

    def start_values(self) -> Store:
        return self._held


def first_reading(twin: ModbusTwin, **settings: Any) -> dict[str, Any]:
    rig = Rig(ModbusMeter("main", ModbusMeter.Config(**{**ModbusTwin.settings(twin), **settings})))
    try:
        assert rig.wait_for(lambda: any(one.stream == "meter.reading" for one in rig.facts), SOON_S)
        return dict(next(one.data for one in rig.facts if one.stream == "meter.reading"))
    finally:
        rig.close(SOON_S)


def test_an_eastron_meter() -> None:
    with Plain("input", {0x34: words(">f", 1530.0), 0x48: words(">f", 12345.5)}) as twin:
        found = first_reading(twin)
    assert found == {"meter": "main", "kind": "electricity", "total": 12345.5, "unit": "kWh", "power_kw": 1.53}


def test_a_sunspec_meter_wherever_its_model_stands() -> None:
    with ModbusMeterTwin() as twin:
        found = first_reading(twin, map="sunspec_meter")
    # 1 234 567 * 10^1 Wh, 4200 W
    assert (found["total"], found["power_kw"]) == (12345.67, 4.2)


def test_a_device_without_sunspec_models_says_so() -> None:
    with ModbusTwin() as twin:
        driver = ModbusMeter("main", ModbusMeter.Config(**twin.settings(), map="sunspec_meter"))
        health = driver.check_health()
    assert (health.ok, health.words["zh"]) == (False, "设备不支持 SunSpec 信息模型")


def test_units_of_water_heat_and_flow() -> None:
    water = {"measures": "water", "total": {"type": "uint32", "unit": "l"}, "flow": {"address": 2, "type": "uint16", "unit": "l/h"}}
    heat = {"meter": "h", "measures": "heat", "total": {"address": 3, "type": "uint16", "unit": "MJ"}, "tenant": "t1"}
    with Plain("holding", {0: [1, 0, 90, 360]}) as twin:
        rig = Rig(ModbusMeter("main", ModbusMeter.Config(**twin.settings(), points=[water, heat])))
        try:
            assert rig.wait_for(lambda: sum(one.stream == "meter.reading" for one in rig.facts) >= 2, SOON_S)
        finally:
            rig.close(SOON_S)
    told = [dict(one.data) for one in rig.facts if one.stream == "meter.reading"][:2]
    assert told[0] == {"meter": "main", "kind": "water", "total": 65.536, "unit": "m3", "flow_l_min": 1.5}
    assert told[1] == {"meter": "h", "kind": "heat", "total": 100.0, "unit": "kWh", "tenant": "t1"}


def test_a_fall_is_believed_once_it_is_seen_twice() -> None:
    counter = Counter()
    assert [counter.take(value) for value in (100.0, 101.0, 0.0, 102.0, 3.0, 3.5, 4.0)] == [100.0, 101.0, None, 102.0, None, 3.5, 4.0]
    assert counter.take(-1.0) is None


def test_a_register_that_comes_round_goes_on() -> None:
    counter = Counter(wraps_at=1000.0)
    assert [counter.take(value) for value in (998.0, 1.0, 2.0, 500.0, 999.0, 3.0, 4.0)] == [
        998.0,
        None,
        1002.0,
        1500.0,
        1999.0,
        None,
        2004.0,
    ]


def test_a_meter_that_is_exchanged_begins_where_the_new_one_stands() -> None:
    counter = Counter(wraps_at=1000.0)
    assert [counter.take(value) for value in (500.0, 2.0, 2.0)] == [500.0, None, 2.0]


def test_a_total_that_is_missing_is_left_out_and_the_device_degraded() -> None:
    points = [{"total": {"type": "uint32", "missing": [0xFFFFFFFF]}}]
    with Plain("holding", {0: [0xFFFF, 0xFFFF]}) as twin:
        rig = Rig(ModbusMeter("main", ModbusMeter.Config(**twin.settings(), points=points)))
        try:
            assert rig.wait_for(lambda: rig.state() == "degraded", SOON_S)
            twin.set("holding", 0, 0, 7)
            assert rig.wait_for(lambda: rig.state() == "online", SOON_S)
        finally:
            rig.close(SOON_S)
    assert next(one.data["total"] for one in rig.facts if one.stream == "meter.reading") == 7.0
