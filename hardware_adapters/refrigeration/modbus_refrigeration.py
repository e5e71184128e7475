"""Controllers of cold cabinets and cold rooms on Modbus: temperatures as `sensor.reading`, set temperature, defrost, alarms.

The registers as they stand are a common shape (temperature, set temperature in tenths; defrost as a coil); the controller's manual says
where its own are. Defrost is told with the state (`defrost` 1 or 0 in its metrics), so that its end is heard of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus import ModbusConfig, Station
from storeloom.hardware_adapters.links.register_map import Bounded, Register, Values
from storeloom.hardware_adapters.links.registers import RegisterDriver, Trouble
from storeloom.hardware_adapters.sensor.modbus_points import SensorRegister, point_name, readings

FIGURES = {"setpoint_c": "setpoint", "defrost": "defrosting", "evaporator_c": "evaporator"}


class ModbusRefrigeration(RegisterDriver):
    zh, en = "Modbus 冷藏控制器", "Modbus refrigeration"
    purpose_zh = "经 Modbus TCP 或 RTU 读取冷柜、冷库的温度与报警，设定温度，启动或结束除霜。"
    kind = "refrigeration"
    feeds = ("sensor.reading", "device.status")
    takes = ("refrigeration.set", "hvac.set")
    twin = "storeloom.hardware_adapters.refrigeration.modbus_refrigeration_twin:ModbusRefrigerationTwin"

    class Config(ModbusConfig):
        asset: str = setting("", "Asset; empty: the device's id", "资产编号，留空即设备号", effect="restart")
        points: list[SensorRegister] = setting(
            lambda: [SensorRegister(scale=0.1, low=-60, high=60)], "Temperatures and other values", "温度及其他测点", effect="restart"
        )
        setpoint: Bounded | None = setting(
            lambda: Bounded(address=1, scale=0.1, low=-45, high=25), "Set temperature (C)", "设定温度（℃）", effect="restart"
        )
        defrost: Register | None = setting(
            lambda: Register(kind="coil"), "Starts (1) and ends (0) a defrost", "启动（1）或结束（0）除霜", effect="restart"
        )
        defrosting: Register | None = setting(lambda: Register(kind="coil"), "Is defrosting", "正在除霜", effect="restart")
        evaporator: Bounded | None = setting(None, "Evaporator temperature (C)", "蒸发器温度（℃）", effect="restart")
        alarm: Register | None = setting(None, "Alarm, 0: none", "报警（0 为无）", effect="restart")

    def registers(self) -> Mapping[str, Register]:
        config = self.config
        found = {name: getattr(config, name) for name in ("setpoint", "defrosting", "evaporator", "alarm")}
        points: dict[str, Register] = {point_name(number): one for number, one in enumerate(config.points)}
        return {**points, **{name: one for name, one in found.items() if one is not None}}

    def taken(self, values: Values) -> Iterable[Fact]:
        return readings(self.config.points, values, self.device, self.now())

    def figures(self, values: Values) -> Mapping[str, float | str]:
        return {figure: value for figure, name in FIGURES.items() if (value := self.number(values, name)) is not None}

    def shown(self, figures: Mapping[str, float | str]) -> Mapping[str, float | str]:
        """The evaporator's temperature is news by whole degrees."""
        return {name: round(value) if name == "evaporator_c" else value for name, value in figures.items() if isinstance(value, float)}

    def trouble(self, values: Values) -> Trouble | None:
        code = self.number(values, "alarm")
        return Trouble(f"alarm_{code:g}", f"the controller reports alarm {code:g}", f"控制器报警 {code:g}") if code else None

    def mine(self, stream: str, data: Mapping[str, Any]) -> bool:
        return bool(data["asset" if stream == "refrigeration.set" else "unit"] == (self.config.asset or self.device))

    def carry_out(self, station: Station, stream: str, data: Mapping[str, Any]) -> None:
        defrost, mode = data.get("defrost"), data.get("mode")
        if mode not in (None, "defrost", "cool"):
            raise DeviceError(Code.ILLEGAL, f"the controller has no mode {mode}", f"控制器没有模式 {mode}")
        if mode is not None:
            defrost = mode == "defrost"
        wanted: list[tuple[Register, float]] = []
        if data.get("setpoint_c") is not None:
            wanted.append((self.register("setpoint", float(data["setpoint_c"])), float(data["setpoint_c"])))
        if defrost is not None:
            wanted.append((self.register("defrost"), float(defrost)))
        for register, value in wanted:
            self.put(station, register, value)
