"""Lighting groups on Modbus: dimmers and DALI gateways by level registers, plain circuits by coils.

A group whose level is a coil is on for every level above 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus import ModbusConfig, Station
from storeloom.hardware_adapters.links.register_map import BITS, Bounded, Register, Values
from storeloom.hardware_adapters.links.registers import RegisterDriver


class LightGroup(SolutionConfig):
    """A group of lamps that are set together."""

    group: str = setting("", "Group; empty: the device's id", "灯组编号，留空即设备号", effect="restart")
    level: Bounded = setting(lambda: Bounded(type="uint16", low=0, high=100), "Level (%), or a coil", "亮度（%）或线圈", effect="restart")
    cct: Bounded | None = setting(None, "Colour temperature (K)", "色温（K）", effect="restart")
    fade: Bounded | None = setting(None, "Fading time (s)", "渐变时间（秒）", effect="restart")


class ModbusLighting(RegisterDriver):
    zh, en = "Modbus 照明", "Modbus lighting"
    purpose_zh = "经 Modbus TCP 或 RTU 设定灯组的亮度、色温与渐变时间（调光器、DALI 网关），或以线圈开关回路；面板手动调节会上报。"
    kind = "lighting"
    feeds = ("device.status",)
    takes = ("light.set",)
    twin = "storeloom.hardware_adapters.lighting.modbus_lighting_twin:ModbusLightingTwin"

    class Config(ModbusConfig):
        poll_s: float = setting(2.0, "Time between readings", "读取间隔", unit="s", effect="restart", ge=0.05, le=3600)
        groups: list[LightGroup] = setting(lambda: [LightGroup()], "Groups", "灯组", effect="restart", min_length=1)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._groups: dict[str, LightGroup] = {one.group or device: one for one in config.groups}

    def registers(self) -> Mapping[str, Register]:
        named: dict[str, Register] = {}
        for name, one in self._groups.items():
            named |= {f"level_pct {name}": one.level} | ({} if one.cct is None else {f"cct_k {name}": one.cct})
        return named

    def figures(self, values: Values) -> Mapping[str, float | str]:
        found: dict[str, float | str] = {}
        for name in self.registers():
            value, figure = self.number(values, name), name
            if len(self._groups) == 1:
                figure = name.partition(" ")[0]
            if value is not None:
                coil = self.plan.registers[name].kind in BITS
                found[figure] = value * 100.0 if coil else value
        return found

    def shown(self, figures: Mapping[str, float | str]) -> Mapping[str, float | str]:
        return figures

    def mine(self, stream: str, data: Mapping[str, Any]) -> bool:
        return data["group"] in self._groups

    def carry_out(self, station: Station, stream: str, data: Mapping[str, Any]) -> None:
        one, level = self._groups[str(data["group"])], float(data["level_pct"])
        if not 0 <= level <= 100:
            raise DeviceError(Code.ILLEGAL, f"a level is 0 to 100 %, not {level:g}", f"亮度应为 0 至 100%，而非 {level:g}")
        for register, key in ((one.fade, "fade_s"), (one.cct, "cct_k")):
            if register is not None and data.get(key) is not None:
                self.put(station, register, float(data[key]))
        self.put(station, one.level, level)
