"""Gates, turnstiles and doors behind relays and inputs on Modbus.

Where an input tells whether it is open, opening is answered by `granted`, and what then happens is told as the input shows it; where there
is none, by `opened`. A credential is passed on to nobody and told nowhere.
"""

from __future__ import annotations

from storeloom.hardware_adapters.gate.modbus_openers import OpenerConfig, OpenerDriver


class ModbusGate(OpenerDriver):
    zh, en = "Modbus 闸机", "Modbus gate"
    purpose_zh = "经 Modbus 继电器开启闸机、门禁，读取开合、通行、强闯与故障反馈，输出闸机状态。"
    kind = "gate"
    feeds = ("gate.state", "device.status")
    takes = ("gate.open",)
    twin = "storeloom.hardware_adapters.gate.modbus_gate_twin:ModbusGateTwin"

    class Config(OpenerConfig):
        """Nothing of its own."""
