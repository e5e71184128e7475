"""Meters of electricity, water, gas and heat that publish over MQTT: the register, and where there are some the power and the flow.

The default reads Tasmota's `tele/+/SENSOR` (ENERGY.Total in kWh, ENERGY.Power in W). A reading goes out with each register value; power
and flow may come in messages of their own, and then the newest of the last `power_age_s` seconds goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.json_points import Points, Taken, TopicPoint, converted, number_of, value_at
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver

UNITS = {"electricity": "kWh", "heat": "kWh", "water": "m3", "gas": "m3"}


class MeterPoint(TopicPoint):
    """A meter's values in one topic; a meter that publishes them in several has a point for each."""

    topic: str = setting("tele/+/SENSOR", "Topic (+ and # as in MQTT)", "主题（可用 + 与 #）", effect="restart", min_length=1)
    meter: str = setting("", "Meter; empty: what stands for the topic's +", "表计编号，留空则取主题中 + 对应的部分", effect="restart")
    kind: Literal["electricity", "water", "gas", "heat"] = setting("electricity", "What it measures", "计量类别", effect="restart")
    value: Literal["", "total", "power", "flow"] = setting(
        "", "What a payload is that is a bare number", "内容仅为一个数值时的含义", effect="restart"
    )
    total_path: str = setting("", "JSONPath of the register", "累计读数的 JSONPath", effect="restart")
    total_unit: Literal["kWh", "Wh", "MWh", "MJ", "GJ", "m3", "l", ""] = setting(
        "", "Unit of the register; empty: kWh or m3", "累计读数的单位，留空即 kWh 或 m3", effect="restart"
    )
    total_factor: float = setting(
        1.0, "Factor of the register (pulses, transformers)", "累计读数系数（脉冲、互感器）", effect="restart", gt=0
    )
    power_path: str = setting("", "JSONPath of the power", "功率的 JSONPath", effect="restart")
    power_unit: Literal["W", "kW", "MW"] = setting("W", "Unit of the power", "功率单位", effect="restart")
    flow_path: str = setting("", "JSONPath of the flow", "流量的 JSONPath", effect="restart")
    flow_unit: Literal["l/min", "l/h", "l/s", "m3/h"] = setting("l/min", "Unit of the flow", "流量单位", effect="restart")
    asset: str = setting("", "Asset", "资产", effect="restart")
    tenant: str = setting("", "Tenant", "商户", effect="restart")


def default_points() -> list[MeterPoint]:
    return [MeterPoint(total_path="$.ENERGY.Total", power_path="$.ENERGY.Power")]


class MqttMeter(MqttDriver):
    zh, en = "MQTT 表计", "MQTT meters"
    purpose_zh = "订阅 MQTT 主题，读取电、水、气、热表的累计读数、功率与流量，换算为 kWh、m3、kW、L/min；默认适配 Tasmota。"
    kind = "meter"
    feeds = ("meter.reading", "device.status")
    twin = "storeloom.hardware_adapters.meter.mqtt_meter_twin:MqttMeterTwin"

    class Config(MqttConfig):
        points: list[MeterPoint] = setting(default_points, "Meters", "表计", effect="restart", min_length=1)
        power_age_s: float = setting(
            300.0, "How old power and flow may be beside a register", "功率与流量的最大时差", unit="s", effect="restart", gt=0
        )

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._rates: dict[tuple[str, str], tuple[datetime, float]] = {}

    @cached_property
    def points(self) -> Points[MeterPoint]:
        return Points(self.config.points)

    def topics(self) -> Mapping[str, int]:
        return self.points.topics()

    def heard(self, message: Message) -> Iterator[Fact]:
        for taken in self.points.of(message):
            point = taken.point
            meter, at = point.meter or taken.name or self.device, taken.time or self.now()
            for name, path, given, wanted in (
                ("power_kw", point.power_path, point.power_unit, "kW"),
                ("flow_l_min", point.flow_path, point.flow_unit, "l/min"),
            ):
                number = self._number(taken, path, name.partition("_")[0], message.topic)
                if number is not None:
                    self._rates[meter, name] = (at, converted(number, given, wanted))
            total = self._number(taken, point.total_path, "total", message.topic)
            if total is not None:
                yield self._fact(taken, meter, at, total, message.topic)

    def _number(self, taken: Taken[MeterPoint], path: str, name: str, topic: str) -> float | None:
        told = value_at(taken.document, path) if path or taken.point.value == name else None
        return None if told is None else number_of(told, topic, (), ())

    def _fact(self, taken: Taken[MeterPoint], meter: str, at: datetime, total: float, topic: str) -> Fact:
        point, unit = taken.point, UNITS[taken.point.kind]
        if total < 0:
            raise BadMessage(f"{topic}: a register below zero: {total:g}", f"{topic}：累计读数为负 {total:g}")
        data: dict[str, Any] = {
            "meter": meter,
            "kind": point.kind,
            "total": converted(total * point.total_factor, point.total_unit, unit),
            "unit": unit,
        }
        for name in ("power_kw", "flow_l_min"):
            when, value = self._rates.get((meter, name), (None, 0.0))
            if when is not None and abs((at - when).total_seconds()) <= self.config.power_age_s:
                data[name] = value
        data |= {"asset": point.asset} if point.asset else {}
        data |= {"tenant": point.tenant} if point.tenant else {}
        return Fact(self.now(), "meter.reading", self.device, data, taken.time, None if taken.key is None else f"{taken.key}|{meter}")
