"""Meters of electricity, water, gas and heat on Modbus, by a register map of the config or a published one.

`total` is the meter's own register in the stream's unit, as an operator reads it off the display. A meter that starts anew, or is
exchanged, shows less than before: that is told once two readings agree on it, so that a reading taken in the middle of its start is not.
Where `wraps_at` is given, a register that has come round goes on in the readings until the driver is started again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.json_points import converted
from storeloom.hardware_adapters.links.modbus import ModbusConfig, Station
from storeloom.hardware_adapters.links.register_map import Bounded, Register, Values, preset, with_map
from storeloom.hardware_adapters.links.registers import RegisterDriver
from storeloom.hardware_adapters.links.sunspec import model_at

MAPS = Path(__file__).parent / "modbus_maps"
UNITS = {"electricity": "kWh", "heat": "kWh", "water": "m3", "gas": "m3"}
NEAR = 0.1


class TotalRegister(Bounded):
    unit: Literal["", "Wh", "kWh", "MWh", "MJ", "GJ", "l", "m3"] = setting(
        "", "Unit; empty: kWh or m3", "单位，留空即 kWh 或 m3", effect="restart"
    )
    wraps_at: float = setting(
        0.0, "Where it begins anew at 0, in kWh or m3; 0: never", "读数归零的满度（kWh 或 m3），0 表示不归零", effect="restart", ge=0
    )


class PowerRegister(Bounded):
    unit: Literal["W", "kW", "MW"] = setting("W", "Unit", "单位", effect="restart")


class FlowRegister(Bounded):
    unit: Literal["l/min", "l/h", "l/s", "m3/h"] = setting("l/min", "Unit", "单位", effect="restart")


class MeterRegisters(SolutionConfig):
    """A meter: its cumulative register, and where there are some its power and flow."""

    meter: str = setting("", "Meter; empty: the device's id", "表计编号，留空即设备号", effect="restart")
    measures: Literal["electricity", "water", "gas", "heat"] = setting("electricity", "What it measures", "计量类别", effect="restart")
    total: TotalRegister = setting(TotalRegister, "Cumulative register", "累计读数", effect="restart")
    power: PowerRegister | None = setting(None, "Power", "功率", effect="restart")
    flow: FlowRegister | None = setting(None, "Flow", "流量", effect="restart")
    asset: str = setting("", "Asset", "资产", effect="restart")
    tenant: str = setting("", "Tenant", "商户", effect="restart")


class ModbusMeter(RegisterDriver):
    zh, en = "Modbus 表计", "Modbus meters"
    purpose_zh = "经 Modbus TCP 或 RTU 读取电、水、气、热表的累计读数、功率与流量，换算为 kWh、m3、kW、L/min；内置 SunSpec 等公开寄存器表。"
    kind = "meter"
    feeds = ("meter.reading", "device.status")
    twin = "storeloom.hardware_adapters.meter.modbus_meter_twin:ModbusMeterTwin"

    class Config(ModbusConfig):
        map: Literal["eastron_sdm630", "eastron_sdm230", "schneider_iem3000", "sunspec_meter"] = setting(
            "eastron_sdm630", "Known device, where no meters are given", "未填写表计时采用的已知型号", effect="restart"
        )
        points: list[MeterRegisters] = setting(list, "Meters", "表计", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, with_map(config, MAPS))
        self._models = () if config.points else preset(MAPS, config.map).get("sunspec_models", ())
        self._counters = [Counter(one.total.wraps_at) for one in self.config.points]

    def registers(self) -> Mapping[str, Register]:
        named: dict[str, Register] = {}
        for number, one in enumerate(self.config.points):
            parts = {"total": one.total, "power": one.power, "flow": one.flow}
            named |= {f"{name} {number + 1}": part for name, part in parts.items() if part is not None}
        return named

    def base(self, station: Station) -> int:
        return model_at(station, self._models) if self._models else 0

    def taken(self, values: Values) -> Iterator[Fact]:
        for number, one in enumerate(self.config.points):
            raw = self.number(values, f"total {number + 1}")
            unit = UNITS[one.measures]
            total = None if raw is None else self._counters[number].take(converted(raw, one.total.unit, unit))
            if total is None:
                continue
            data: dict[str, Any] = {"meter": one.meter or self.device, "kind": one.measures, "total": round(total, 6), "unit": unit}
            for name, part, wanted, key in (("power", one.power, "kW", "power_kw"), ("flow", one.flow, "l/min", "flow_l_min")):
                value = self.number(values, f"{name} {number + 1}")
                if part is not None and value is not None:
                    data[key] = round(converted(value, part.unit, wanted), 6)
            data |= {name: told for name, told in (("asset", one.asset), ("tenant", one.tenant)) if told}
            yield Fact(self.now(), "meter.reading", self.device, data)


class Counter:
    """A cumulative register as it is told: a fall is believed once it is seen twice, a wrap at `wraps_at` goes on."""

    def __init__(self, wraps_at: float = 0.0) -> None:
        self._wraps_at = wraps_at
        self._rounds = 0
        self._last: float | None = None
        self._fell_to: float | None = None

    def take(self, value: float) -> float | None:
        """The total for a reading; None where it must be seen again first, or lies below zero."""
        if value < 0:
            return None
        if self._last is not None and value < self._last:
            if self._fell_to is None or value < self._fell_to:
                self._fell_to = value
                return None
            top = self._wraps_at
            self._rounds = self._rounds + 1 if top and self._last >= top * (1 - NEAR) and value <= top * NEAR else 0
        self._fell_to, self._last = None, value
        return value + self._rounds * self._wraps_at
