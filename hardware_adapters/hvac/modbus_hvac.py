"""Air units on Modbus, by registers of the config; as it stands for Intesis gateways of room air conditioners (HMS, INMBS series).

Every register is optional: one that the unit does not have is left empty, and a command that needs it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus import ModbusConfig, Station
from storeloom.hardware_adapters.links.register_map import Bounded, Register, Values
from storeloom.hardware_adapters.links.registers import RegisterDriver, Trouble

Mode = Literal["off", "cool", "heat", "vent", "auto", "defrost"]
CODES: Mapping[Mode, int] = {"auto": 0, "heat": 1, "vent": 3, "cool": 4}
NONE_YET = (-32768, -32678)
FIGURES = {"setpoint_c": "setpoint", "damper_pct": "damper", "fan_pct": "fan"}


class ModbusHvac(RegisterDriver):
    zh, en = "Modbus 空调", "Modbus air unit"
    purpose_zh = "经 Modbus TCP 或 RTU 设定空调的模式、温度、风速与风阀，读取室温与故障；默认寄存器表适配 Intesis 空调网关。"
    kind = "hvac"
    feeds = ("device.status",)
    takes = ("hvac.set",)
    twin = "storeloom.hardware_adapters.hvac.modbus_hvac_twin:ModbusHvacTwin"

    class Config(ModbusConfig):
        unit: str = setting("", "Name; empty: the device's id", "编号，留空即设备号", effect="restart")
        on: Register | None = setting(lambda: Register(address=0), "On (1) and off (0)", "开关（1 开 0 关）", effect="restart")
        mode: Register | None = setting(lambda: Register(address=1), "Mode", "模式", effect="restart")
        mode_codes: dict[Mode, int] = setting(lambda: dict(CODES), "What stands for each mode", "各模式的代码", effect="restart")
        setpoint: Bounded | None = setting(
            lambda: Bounded(address=4, scale=0.1, missing=list(NONE_YET), low=5, high=40),
            "Set temperature (C)",
            "设定温度（℃）",
            effect="restart",
        )
        fan: Bounded | None = setting(lambda: Bounded(address=2, scale=20, low=0, high=100), "Fan (%)", "风速（%）", effect="restart")
        damper: Bounded | None = setting(None, "Damper (%)", "风阀（%）", effect="restart")
        room: Bounded | None = setting(
            lambda: Bounded(address=5, scale=0.1, missing=list(NONE_YET)), "Room temperature (C)", "室温（℃）", effect="restart"
        )
        error: Register | None = setting(
            lambda: Register(address=11, type="uint16"), "Error code, 0: none", "故障代码（0 为无）", effect="restart"
        )

    def registers(self) -> Mapping[str, Register]:
        config = self.config
        found = {name: getattr(config, name) for name in ("on", "mode", "setpoint", "fan", "damper", "room", "error")}
        return {name: one for name, one in found.items() if one is not None}

    def figures(self, values: Values) -> Mapping[str, float | str]:
        numbers = {figure: self.number(values, name) for figure, name in {**FIGURES, "room_c": "room", "on": "on"}.items()}
        found: dict[str, float | str] = {figure: value for figure, value in numbers.items() if value is not None}
        mode = self._mode(values)
        return {**found, "mode": mode} if mode else found

    def shown(self, figures: Mapping[str, float | str]) -> Mapping[str, float | str]:
        return {name: value for name, value in figures.items() if name != "room_c"}

    def _mode(self, values: Values) -> str:
        if self.number(values, "on") == 0.0:
            return "off"
        code = self.number(values, "mode")
        return next((mode for mode, number in self.config.mode_codes.items() if number == code), "")

    def trouble(self, values: Values) -> Trouble | None:
        code = self.number(values, "error")
        if not code:
            return None
        return Trouble(f"error_{code:g}", f"the unit reports error {code:g}", f"空调报告故障代码 {code:g}")

    def mine(self, stream: str, data: Mapping[str, Any]) -> bool:
        return bool(data["unit"] == (self.config.unit or self.device))

    def carry_out(self, station: Station, stream: str, data: Mapping[str, Any]) -> None:
        wanted: list[tuple[Register, float]] = []
        for figure, name in FIGURES.items():
            if data.get(figure) is not None:
                wanted.append((self.register(name, float(data[figure])), float(data[figure])))
        if data.get("mode") is not None:
            wanted += self._switched(str(data["mode"]))
        for register, value in wanted:
            self.put(station, register, value)

    def _switched(self, mode: str) -> list[tuple[Register, float]]:
        """What is written for a mode; the mode first, so that the unit starts in the right one."""
        config = self.config
        if mode == "off" and config.on is not None:
            return [(config.on, 0.0)]
        if mode not in config.mode_codes:
            raise DeviceError(Code.ILLEGAL, f"the unit has no mode {mode}", f"空调没有模式 {mode}")
        on = [] if config.on is None else [(config.on, 1.0)]
        return [(self.register("mode", float(config.mode_codes[mode])), float(config.mode_codes[mode])), *on]
