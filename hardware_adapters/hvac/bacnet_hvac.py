"""Air units on BACnet/IP: set point, mode, fan, damper by objects of the config, written into the priority array.

Every object is optional: one that the unit does not have is left empty, and a command that needs it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.bacnet import BacnetConfig, BacnetDriver, Point, Write
from storeloom.hardware_adapters.links.errors import Code, DeviceError

Mode = Literal["off", "cool", "heat", "vent", "auto", "defrost"]
CODES: Mapping[Mode, int] = {"off": 1, "heat": 2, "cool": 3, "vent": 4, "auto": 5}
FIGURES = {"setpoint_c": "setpoint", "damper_pct": "damper", "fan_pct": "fan"}
PERCENT = ("damper_pct", "fan_pct")


class BacnetHvac(BacnetDriver):
    zh, en = "BACnet 空调", "BACnet air unit"
    purpose_zh = "经 BACnet/IP 按优先级数组设定空调的模式、温度、风速与风阀，读取室温，到期自动释放；支持 COV 变化通知与轮询。"
    kind = "hvac"
    feeds = ("device.status",)
    takes = ("hvac.set",)
    twin = "storeloom.hardware_adapters.hvac.bacnet_hvac_twin:BacnetHvacTwin"

    class Config(BacnetConfig):
        unit: str = setting("", "Name; empty: the device's id", "编号，留空即设备号", effect="restart")
        setpoint: Point | None = setting(lambda: Point(object="analog-value,1"), "Set temperature (C)", "设定温度（℃）", effect="restart")
        lowest_c: float = setting(5.0, "Lowest set temperature", "最低设定温度", unit="°C", effect="restart", ge=-40, le=40)
        highest_c: float = setting(40.0, "Highest set temperature", "最高设定温度", unit="°C", effect="restart", ge=-40, le=60)
        mode: Point | None = setting(lambda: Point(object="multi-state-value,1"), "Mode", "模式", effect="restart")
        mode_codes: dict[Mode, int] = setting(lambda: dict(CODES), "What stands for each mode", "各模式的代码", effect="restart")
        fan: Point | None = setting(None, "Fan (%)", "风速（%）", effect="restart")
        damper: Point | None = setting(None, "Damper (%)", "风阀（%）", effect="restart")
        room: Point | None = setting(lambda: Point(object="analog-input,1"), "Room temperature (C)", "室温（℃）", effect="restart")

    def points(self) -> Mapping[str, Point]:
        named = {"setpoint_c": "setpoint", "mode": "mode", "fan_pct": "fan", "damper_pct": "damper", "room_c": "room"}
        return {figure: one for figure, name in named.items() if (one := getattr(self.config, name)) is not None}

    def unit_of(self, point: Point) -> str:
        config = self.config
        return "" if point is config.mode else "%" if point in (config.fan, config.damper) else "C"

    def told(self, values: Mapping[str, float]) -> Iterable[Fact]:
        """Values stand among the figures of its status."""
        return ()

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        return bool(data["unit"] == (self.config.unit or self.device))

    def wanted(self, stream: str, data: Mapping[str, Any]) -> Sequence[Write]:
        config = self.config
        if not self.serves(stream, data):
            raise DeviceError(Code.NO_EXIST, f"there is no unit {data['unit']}", f"没有空调 {data['unit']}")
        writes = []
        if data.get("mode") is not None:
            if data["mode"] not in config.mode_codes:
                raise DeviceError(Code.ILLEGAL, f"the unit has no mode {data['mode']}", f"空调没有模式 {data['mode']}")
            writes.append(self._write("mode", float(config.mode_codes[data["mode"]])))
        for figure, name in FIGURES.items():
            if data.get(figure) is not None:
                value = float(data[figure])
                low, high = (0.0, 100.0) if figure in PERCENT else (config.lowest_c, config.highest_c)
                if not low <= value <= high:
                    en, zh = f"{figure} is {low:g} to {high:g}, not {value:g}", f"{figure} 应为 {low:g} 至 {high:g}，而非 {value:g}"
                    raise DeviceError(Code.ILLEGAL, en, zh)
                writes.append(self._write(name, value))
        return writes

    def _write(self, name: str, value: float) -> Write:
        one: Point | None = getattr(self.config, name)
        if one is None:
            raise DeviceError(Code.ILLEGAL, f"the unit has no {name}", f"空调没有 {name}")
        return Write(one.object, value, one)
