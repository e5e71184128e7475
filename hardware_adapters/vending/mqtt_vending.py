"""A vending machine: a command has the goods of a cell fall, and is done once they did. The messages are those of `cabinet.driver`."""

from __future__ import annotations

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.cabinet.driver import CabinetConfig, CabinetDriver


class MqttVending(CabinetDriver):
    zh, en = "MQTT 售货机", "Vending machine over MQTT"
    purpose_zh = "经 MQTT 令指定货道出货并等待结果，接收出货、补货、温度与故障事件。"
    kind = "vending"
    capabilities = ("cells", "vend")
    word, needs_cell = "vend", True
    twin = "storeloom.hardware_adapters.cabinet.cabinet_twin:VendingTwin"

    class Config(CabinetConfig):
        base: str = setting("vending", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
        answer_s: float = setting(30.0, "Time to carry out a command", "执行指令的时限", unit="s", gt=0, le=120)
