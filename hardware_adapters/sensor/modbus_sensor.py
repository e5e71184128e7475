"""Sensors on Modbus: temperature, humidity, doors, gas ..., by a register map of the config or a published one.

Every value is told at each poll. One that the device marks as missing, that is no number, or lies outside `low` and `high`, is left out and
makes the device `degraded`. Several sensors of one device need names of their own (`sensor`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.modbus import ModbusConfig
from storeloom.hardware_adapters.links.register_map import Register, Values, with_map
from storeloom.hardware_adapters.links.registers import RegisterDriver
from storeloom.hardware_adapters.sensor.modbus_points import SensorRegister, point_name, readings

MAPS = Path(__file__).parent / "modbus_maps"


class ModbusSensor(RegisterDriver):
    zh, en = "Modbus 传感器", "Modbus sensors"
    purpose_zh = "经 Modbus TCP 或 RTU 读取温度、湿度、门磁、气体等传感器，按寄存器表换算为标准单位；内置常见型号的寄存器表。"
    kind = "sensor"
    feeds = ("sensor.reading", "device.status")
    twin = "storeloom.hardware_adapters.sensor.modbus_sensor_twin:ModbusSensorTwin"

    class Config(ModbusConfig):
        map: Literal["xy_md02"] = setting(
            "xy_md02", "Known device, where no values are given", "未填写测点时采用的已知型号", effect="restart"
        )
        points: list[SensorRegister] = setting(list, "Values", "测点", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, with_map(config, MAPS))

    def registers(self) -> Mapping[str, Register]:
        return {point_name(number): one for number, one in enumerate(self.config.points)}

    def taken(self, values: Values) -> Iterable[Fact]:
        return readings(self.config.points, values, self.device, self.now())
