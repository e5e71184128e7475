"""Lighting groups on BACnet/IP: levels (%) as analog outputs or values, circuits as binary ones; written into the priority array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.bacnet import STATES, BacnetConfig, BacnetDriver, Point, Write
from storeloom.hardware_adapters.links.errors import Code, DeviceError


class LightPoint(Point):
    """A group's level: `scale` 1 for an object that holds 0 to 100, 100 for one that holds 0 to 1. A binary object is on above 0 %."""

    object: str = setting("analog-output,1", "Object of the level", "亮度对象", effect="restart", pattern=r"^[a-z-]+,\d+$")
    group: str = setting("", "Group; empty: the device's id", "灯组编号，留空即设备号", effect="restart")


class BacnetLighting(BacnetDriver):
    zh, en = "BACnet 照明", "BACnet lighting"
    purpose_zh = "经 BACnet/IP 按优先级数组设定灯组亮度或开关，到期自动释放；支持 COV 变化通知与轮询。"
    kind = "lighting"
    feeds = ("device.status",)
    takes = ("light.set",)
    twin = "storeloom.hardware_adapters.lighting.bacnet_lighting_twin:BacnetLightingTwin"

    class Config(BacnetConfig):
        groups: list[LightPoint] = setting(lambda: [LightPoint()], "Groups", "灯组", effect="restart", min_length=1)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._groups = {one.group or device: one for one in config.groups}

    def points(self) -> Mapping[str, Point]:
        return self._groups

    def unit_of(self, point: Point) -> str:
        return "%"

    def told(self, values: Mapping[str, float]) -> Iterable[Fact]:
        """Levels stand among the figures of its status."""
        return ()

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        return data["group"] in self._groups

    def wanted(self, stream: str, data: Mapping[str, Any]) -> Sequence[Write]:
        one, level = self._groups.get(str(data["group"])), float(data["level_pct"])
        if one is None:
            raise DeviceError(Code.NO_EXIST, f"there is no group {data['group']}", f"没有灯组 {data['group']}")
        if not 0 <= level <= 100:
            raise DeviceError(Code.ILLEGAL, f"a level is 0 to 100 %, not {level:g}", f"亮度应为 0 至 100%，而非 {level:g}")
        if one.object.partition(",")[0] in STATES:
            return [Write(one.object, level > 0)]
        return [Write(one.object, level, one)]
