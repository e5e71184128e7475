"""Values of sensors in registers, and the readings they make; for every driver whose kind feeds `sensor.reading`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.json_points import converted
from storeloom.hardware_adapters.links.register_map import Bounded, Values
from storeloom.hardware_adapters.sensor.mqtt_sensor import STREAM_UNITS, Kind, Unit


class SensorRegister(Bounded):
    """One value: where it stands and what it means."""

    sensor: str = setting("", "Sensor; empty: the device's id", "传感器编号，留空即设备号", effect="restart")
    measures: Kind = setting("temperature", "What it measures", "测量内容", effect="restart")
    unit: Unit = setting("", "Unit that the device gives; empty: the stream's", "设备所用单位，留空即标准单位", effect="restart")
    inverted: bool = setting(False, "0 and 1 change places", "状态取反", effect="restart")
    zone: str = setting("", "Zone", "区域", effect="restart")
    asset: str = setting("", "Asset", "资产", effect="restart")

    def reading(self, value: float) -> float:
        """A value of the register in the stream's unit."""
        wanted = STREAM_UNITS.get(self.measures, "state")
        if wanted == "state":
            return float((value != 0.0) is not self.inverted)
        return round(converted(value, self.unit, wanted), 6)

    def can_be(self, value: float) -> bool:
        return super().can_be(self.reading(value))


def point_name(number: int) -> str:
    return f"point {number + 1}"


def readings(points: Sequence[SensorRegister], values: Values, device: str, now: datetime) -> Iterator[Fact]:
    """`sensor.reading` of each point that has a value that can be; `values` by `point_name`."""
    for number, point in enumerate(points):
        value = values.get(point_name(number))
        if not isinstance(value, float) or not point.can_be(value):
            continue
        unit = STREAM_UNITS.get(point.measures, "state")
        data = {"sensor": point.sensor or device, "kind": point.measures, "value": point.reading(value), "unit": unit}
        data |= {name: told for name, told in (("zone", point.zone), ("asset", point.asset)) if told}
        yield Fact(now, "sensor.reading", device, data)
