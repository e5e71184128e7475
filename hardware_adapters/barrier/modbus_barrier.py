"""Barriers of car parks behind relays and inputs on Modbus: `gate.state`, and what the car park hears of it (`parking.event`).

A barrier that goes up is `barrier_up`; a vehicle on the passage loop (an input that means `passing`, with its way) is `enter` or `exit`.
"""

from __future__ import annotations

from collections.abc import Iterator

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.gate.modbus_openers import GateInput, OpenerConfig, OpenerDriver

WAYS = {"in": "enter", "out": "exit"}


class ModbusBarrier(OpenerDriver):
    zh, en = "Modbus 道闸", "Modbus barrier"
    purpose_zh = "经 Modbus 继电器升起道闸，读取到位、车辆通过与故障反馈，输出道闸状态与停车事件。"
    kind = "barrier"
    feeds = ("gate.state", "parking.event", "device.status")
    takes = ("gate.open",)
    twin = "storeloom.hardware_adapters.barrier.modbus_barrier_twin:ModbusBarrierTwin"

    class Config(OpenerConfig):
        lane: str = setting("", "Lane; empty: the name", "车道，留空即编号", effect="restart")

    def changed(self, one: GateInput, before: float | None, value: float) -> Iterator[Fact]:
        for fact in super().changed(one, before, value):
            yield fact
            kind, way = fact.data["kind"], fact.data.get("direction", "")
            if kind == "opened" and before is not None:
                yield self._parking("barrier_up")
            elif kind == "fault":
                yield self._parking("fault")
            elif kind == "passed" and way in WAYS:
                for _ in range(fact.data["count"]):
                    yield self._parking(WAYS[way])

    def _parking(self, kind: str) -> Fact:
        return Fact(self.now(), "parking.event", self.device, {"kind": kind, "lane": self.config.lane or self.gate})
