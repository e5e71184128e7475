"""A smart cabinet: one door or several, with scales or RFID inside. The messages are those of `cabinet.driver`."""

from __future__ import annotations

from storeloom.hardware_adapters.cabinet.driver import CabinetConfig, CabinetDriver


class MqttCabinet(CabinetDriver):
    zh, en = "MQTT 智能柜", "Smart cabinet over MQTT"
    purpose_zh = "经 MQTT 开柜，接收门、锁、称重与标签变化，换算为取放与库存事件。"
    kind = "cabinet"
    capabilities = ("weights", "tags", "locks")
    twin = "storeloom.hardware_adapters.cabinet.cabinet_twin:CabinetTwin"

    class Config(CabinetConfig):
        pass
