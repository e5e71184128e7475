"""Gates and barriers whose controller is driven by relays and read by inputs on Modbus; what their two drivers share.

Opening is a pulse on a coil, one for each command: a turnstile lets one person through for each, so that a second command waits until the
first one's pulse is over. `seconds` makes the pulse longer, `hold` keeps the coil on until the next command without it. A pulse whose
beginning was not acknowledged is ended all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus import Kind, ModbusConfig, Station
from storeloom.hardware_adapters.links.register_map import SHAPES, Register, Values
from storeloom.hardware_adapters.links.registers import RegisterDriver, Trouble

Direction = Literal["in", "out"]
PATIENCE_S, LOOK_S = 10.0, 0.02


class Opener(Register):
    """What opens: a coil that is pulsed."""

    kind: Kind = setting("coil", "Kind of register", "寄存器类别", effect="restart")
    direction: Literal["in", "out", "both"] = setting("both", "Way that it opens", "开启方向", effect="restart")


class GateInput(Register):
    """What the controller tells: a contact or a bit, or with `count` a register that counts who passed."""

    kind: Kind = setting("discrete", "Kind of register", "寄存器类别", effect="restart")
    means: Literal["open", "closed", "passing", "count", "forced", "fault"] = setting("open", "What it tells", "含义", effect="restart")
    direction: Literal["", "in", "out"] = setting("", "Way, where it tells of one", "通行方向", effect="restart")
    inverted: bool = setting(False, "0 and 1 change places", "状态取反", effect="restart")

    @property
    def modulus(self) -> float:
        """Where a counter begins anew."""
        return 2.0 ** (16 * SHAPES[self.type][1]) if self.kind in ("holding", "input") else 2.0


class OpenerConfig(ModbusConfig):
    poll_s: float = setting(0.5, "Time between readings", "读取间隔", unit="s", effect="restart", ge=0.05, le=3600)
    gate: str = setting("", "Name; empty: the device's id", "编号，留空即设备号", effect="restart")
    openers: list[Opener] = setting(lambda: [Opener()], "What opens", "开启输出", effect="restart", min_length=1)
    pulse_s: float = setting(0.5, "Length of a pulse", "开启脉冲时长", unit="s", effect="restart", gt=0, le=60)
    inputs: list[GateInput] = setting(list, "What the controller tells", "反馈输入", effect="restart")


class OpenerDriver(RegisterDriver):
    """Base of the drivers of gates and barriers."""

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.gate = config.gate or device
        self._openers: dict[str, Opener] = {f"opener {number + 1}": one for number, one in enumerate(config.openers)}
        self._inputs: dict[str, GateInput] = {f"input {number + 1}": one for number, one in enumerate(config.inputs)}
        self._before: dict[str, float] = {}
        self._tells = any(one.means in ("open", "closed") for one in config.inputs)

    def registers(self) -> Mapping[str, Register]:
        return {**self._openers, **self._inputs}

    def taken(self, values: Values) -> Iterator[Fact]:
        for name, one in self._inputs.items():
            value = self.number(values, name)
            if value is None:
                continue
            if one.means != "count":
                value = float((value != 0.0) is not one.inverted)
            before = self._before.get(name)
            self._before[name] = value
            if value != before:
                yield from self.changed(one, before, value)

    def changed(self, one: GateInput, before: float | None, value: float) -> Iterator[Fact]:
        """The facts in a change of an input; `before` is None where it is seen for the first time."""
        if one.means in ("open", "closed"):
            yield self.state("opened" if (value == 1.0) is (one.means == "open") else "closed", one.direction)
        elif before is None:
            return
        elif one.means == "count":
            yield self.state("passed", one.direction, count=int((value - before) % one.modulus))
        elif one.means == "passing" and value == 1.0:
            yield self.state("passed", one.direction, count=1)
        elif one.means in ("forced", "fault") and value == 1.0:
            yield self.state(one.means, one.direction)

    def state(self, kind: str, direction: str = "", **more: Any) -> Fact:
        data = {"gate": self.gate, "kind": kind, "direction": direction, **more}
        return Fact(self.now(), "gate.state", self.device, {name: told for name, told in data.items() if told not in ("", None)})

    def trouble(self, values: Values) -> Trouble | None:
        wrong = any(self._before.get(name) == 1.0 for name, one in self._inputs.items() if one.means == "fault")
        return Trouble("gate_fault", "the controller reports a fault", "控制器报告故障") if wrong else None

    def figures(self, values: Values) -> Mapping[str, float | str]:
        return {name: value for name in self._openers if (value := self.number(values, name)) is not None}

    def mine(self, stream: str, data: Mapping[str, Any]) -> bool:
        return bool(data["gate"] == self.gate)

    def carry_out(self, station: Station, stream: str, data: Mapping[str, Any]) -> None:
        way = data.get("direction", "both")
        chosen = {name: one for name, one in self._openers.items() if way == "both" or one.direction in (way, "both")}
        if not chosen:
            raise DeviceError(Code.ILLEGAL, f"nothing opens it for the way {way}", f"没有用于方向 {way} 的开启输出")
        self._await_pulses(list(chosen))
        for name, one in chosen.items():
            if not data.get("hold"):
                self.put_later(name, max(self.config.pulse_s, float(data.get("seconds", 0.0))), one, 0.0)
            self.put(station, one, 1.0)

    def _await_pulses(self, names: list[str]) -> None:
        """Let pulses that are under way end first, so that this one is one of its own."""
        until = time.monotonic() + PATIENCE_S
        while any(self.is_due(name) for name in names):
            if time.monotonic() > until:
                raise DeviceError(Code.BUSY, "it is still opening", "上一次开启尚未结束")
            if self.stopping.wait(LOOK_S):
                raise DeviceError(Code.CLOSED, "the driver is to end", "驱动正在停止")

    def answer(self, data: Mapping[str, Any]) -> list[Fact]:
        kind = "held" if data.get("hold") else "granted" if self._tells else "opened"
        way = data.get("direction", "")
        return [self.state(kind, way if way != "both" else "", cmd=data.get("cmd"))]
