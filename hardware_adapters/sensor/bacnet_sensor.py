"""Sensors on BACnet/IP: present values of inputs and values, told when they change and at least every `report_s`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.bacnet import BacnetConfig, BacnetDriver, Point

UNITS = {
    "temperature": "C", "humidity": "%", "co2": "ppm", "lux": "lx", "noise": "dB", "door": "state", "smoke": "state", "leak": "state",
    "presence": "state", "gas": "ppm", "rain": "state",
}  # fmt: skip


class SensorPoint(Point):
    """One sensor. A scale, or else the object's own unit, brings its value into the stream's (C, %, ppm, lx, dB, 0 or 1)."""

    sensor: str = setting("", "Sensor; empty: DEVICE/OBJECT", "传感器编号，留空即 设备/对象", effect="restart")
    kind: Literal["temperature", "humidity", "co2", "lux", "noise", "door", "smoke", "leak", "presence", "gas", "rain"] = setting(
        "temperature", "What it measures", "测量类别", effect="restart"
    )
    zone: str = setting("", "Zone", "区域", effect="restart")
    asset: str = setting("", "Asset", "资产", effect="restart")
    step: float = setting(0.0, "Smallest change that is told", "上报的最小变化", effect="restart", ge=0)


class BacnetSensor(BacnetDriver):
    zh, en = "BACnet 传感器", "BACnet sensors"
    purpose_zh = "经 BACnet/IP 读取温度、湿度、CO2、照度、门磁等对象的当前值，支持 COV 变化通知与轮询。"
    kind = "sensor"
    feeds = ("sensor.reading", "device.status")
    twin = "storeloom.hardware_adapters.sensor.bacnet_sensor_twin:BacnetSensorTwin"

    class Config(BacnetConfig):
        sensors: list[SensorPoint] = setting(lambda: [SensorPoint()], "Sensors", "传感器", effect="restart", min_length=1)
        report_s: float = setting(300.0, "Told at least every", "最长上报间隔", unit="s", effect="restart", gt=0, le=86400)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._last: dict[str, tuple[float, float]] = {}
        self._sensors = {one.sensor or f"{device}/{one.object}": one for one in config.sensors}

    def points(self) -> Mapping[str, Point]:
        return self._sensors

    def unit_of(self, point: Point) -> str:
        unit = UNITS[point.kind] if isinstance(point, SensorPoint) else ""
        return "" if unit == "state" else unit

    def told(self, values: Mapping[str, float]) -> Iterator[Fact]:
        now = time.monotonic()
        for name, value in values.items():
            one = self._sensors[name]
            at, before = self._last.get(name, (float("-inf"), 0.0))
            if now - at < self.config.report_s and (value == before or abs(value - before) < one.step):
                continue
            self._last[name] = (now, value)
            data = {"sensor": name, "kind": one.kind, "value": value, "unit": UNITS[one.kind], "quality": "good"}
            data |= {key: given for key, given in (("zone", one.zone), ("asset", one.asset)) if given}
            yield Fact(self.now(), "sensor.reading", self.device, data)
