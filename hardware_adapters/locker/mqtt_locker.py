"""Lockers for parcels and orders: every command names its cell. The messages are those of `cabinet.driver`."""

from __future__ import annotations

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.cabinet.driver import CabinetConfig, CabinetDriver


class MqttLocker(CabinetDriver):
    zh, en = "MQTT 自提柜", "Lockers over MQTT"
    purpose_zh = "经 MQTT 打开指定格口，接收格口门与锁的变化及超时未取事件。"
    kind = "locker"
    capabilities = ("cells", "locks")
    needs_cell = True
    twin = "storeloom.hardware_adapters.cabinet.cabinet_twin:LockerTwin"

    class Config(CabinetConfig):
        base: str = setting("locker", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
