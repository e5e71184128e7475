"""Sensors that publish over MQTT: any mix of topics, values picked out of JSON by path, turned into the stream's units.

The default reads what Zigbee2MQTT publishes (one topic a device, a JSON object with `temperature`, `humidity`, `contact` ...); ESPHome,
Tasmota, LoRaWAN servers and makers' own gateways are read by points of their own. What a message does not hold is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.json_points import NO, YES, Points, Taken, TopicPoint, converted, number_of
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver

STREAM_UNITS = {
    "temperature": "C",
    "humidity": "%",
    "co2": "ppm",
    "lux": "lx",
    "noise": "dB",
    "gas": "ppm",
    "residual_current": "mA",
    "cable_temperature": "C",
}
Kind = Literal[
    "temperature",
    "humidity",
    "co2",
    "lux",
    "noise",
    "door",
    "smoke",
    "leak",
    "presence",
    "rodent",
    "gas",
    "residual_current",
    "cable_temperature",
    "rain",
    "vibration",
]
Unit = Literal["", "C", "F", "K", "%", "ratio", "ppm", "ppb", "lx", "fc", "dB", "mA", "A", "uA", "state"]
ZIGBEE2MQTT: tuple[tuple[Kind, str, bool], ...] = (
    ("temperature", "$.temperature", False),
    ("humidity", "$.humidity", False),
    ("co2", "$.co2", False),
    ("lux", "$.illuminance", False),
    ("door", "$.contact", True),
    ("presence", "$.occupancy", False),
    ("leak", "$.water_leak", False),
    ("smoke", "$.smoke", False),
    ("vibration", "$.vibration", False),
)


class SensorPoint(TopicPoint):
    """One value: where it stands and what it means."""

    topic: str = setting("zigbee2mqtt/+", "Topic (+ and # as in MQTT)", "主题（可用 + 与 #）", effect="restart", min_length=1)
    path: str = setting("", "JSONPath of the value; empty: the whole payload", "数值的 JSONPath，留空则取整个内容", effect="restart")
    kind: Kind = setting("temperature", "What it measures", "测量内容", effect="restart")
    sensor: str = setting("", "Sensor; empty: what stands for the topic's +", "传感器编号，留空则取主题中 + 对应的部分", effect="restart")
    unit: Unit = setting("", "Unit that the device gives; empty: the stream's", "设备所用单位，留空即标准单位", effect="restart")
    factor: float = setting(1.0, "Factor", "系数", effect="restart")
    offset: float = setting(0.0, "Added after the factor, in the device's unit", "乘系数后再加的值（设备单位）", effect="restart")
    inverted: bool = setting(False, "0 and 1 change places", "状态取反", effect="restart")
    yes: list[str] = setting(lambda: list(YES), "Words for 1", "表示 1 的词", effect="restart")
    no: list[str] = setting(lambda: list(NO), "Words for 0", "表示 0 的词", effect="restart")
    low: float | None = setting(None, "Lowest value that can be, in the stream's unit", "可能的最小值（标准单位）", effect="restart")
    high: float | None = setting(None, "Highest value that can be, in the stream's unit", "可能的最大值（标准单位）", effect="restart")
    zone: str = setting("", "Zone", "区域", effect="restart")
    asset: str = setting("", "Asset", "资产", effect="restart")


def default_points() -> list[SensorPoint]:
    return [SensorPoint(kind=kind, path=path, inverted=inverted) for kind, path, inverted in ZIGBEE2MQTT]


class MqttSensor(MqttDriver):
    zh, en = "MQTT 传感器", "MQTT sensors"
    purpose_zh = "订阅 MQTT 主题，按 JSONPath 取出温度、湿度、门磁、漏水等读数，换算为标准单位；默认适配 Zigbee2MQTT。"
    kind = "sensor"
    feeds = ("sensor.reading", "device.status")
    twin = "storeloom.hardware_adapters.sensor.mqtt_sensor_twin:MqttSensorTwin"

    class Config(MqttConfig):
        points: list[SensorPoint] = setting(default_points, "Values", "测点", effect="restart", min_length=1)

    @cached_property
    def points(self) -> Points[SensorPoint]:
        return Points(self.config.points, "path")

    def topics(self) -> Mapping[str, int]:
        return self.points.topics()

    def heard(self, message: Message) -> Iterator[Fact]:
        bad: BadMessage | None = None
        for taken in self.points.of(message):
            try:
                yield self._fact(taken, message.topic)
            except BadMessage as error:
                bad = error
        if bad is not None:
            raise bad

    def _fact(self, taken: Taken[SensorPoint], topic: str) -> Fact:
        point, told = taken.point, taken.value
        wanted = STREAM_UNITS.get(point.kind, "state")
        number = number_of(told, topic, point.yes, point.no) if wanted == "state" else number_of(told, topic, (), ())
        value = converted(number * point.factor + point.offset, point.unit, wanted)
        if wanted == "state":
            value = float((value != 0.0) is not point.inverted)
        sensor = point.sensor or taken.name or self.device
        data: dict[str, Any] = {"sensor": sensor, "kind": point.kind, "value": value, "unit": wanted}
        below = point.low is not None and value < point.low
        above = point.high is not None and value > point.high
        data |= {"zone": point.zone} if point.zone else {}
        data |= {"asset": point.asset} if point.asset else {}
        data |= {"quality": "bad"} if below or above else {}
        key = None if taken.key is None else f"{taken.key}|{sensor}|{point.kind}"
        return Fact(self.now(), "sensor.reading", self.device, data, taken.time, key)
