"""Relays on Modbus: coils of relay modules, of programmable controllers, or bits and registers of other devices.

A relay that is switched for a time is switched back by this driver, also after the device was away, and when the driver ends. `after_loss`
says what a relay is set to when the driver ends, and when a device is there again that had been lost: a lost device itself does what it was
built to do, which is set on the device (its watchdog).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.modbus import Kind, ModbusConfig, Station
from storeloom.hardware_adapters.links.register_map import Register, Values
from storeloom.hardware_adapters.links.registers import RegisterDriver


class RelayRegister(Register):
    """A relay: where it is switched."""

    relay: str = setting("", "Relay; empty: the device's id", "继电器编号，留空即设备号", effect="restart")
    kind: Kind = setting("coil", "Kind of register", "寄存器类别", effect="restart")
    inverted: bool = setting(False, "On is 0 (normally closed contact)", "通为 0（常闭触点）", effect="restart")
    after_loss: Literal["keep", "off", "on"] = setting(
        "keep", "State at the end, and after a lost connection", "驱动结束及断线恢复后的状态", effect="restart"
    )

    def raw(self, on: bool) -> float:
        return float(on is not self.inverted)


class ModbusRelay(RegisterDriver):
    zh, en = "Modbus 继电器", "Modbus relays"
    purpose_zh = "经 Modbus TCP 或 RTU 控制继电器模块、PLC 的线圈或寄存器；限时接通到时自动恢复，断线恢复后的安全状态可配置。"
    kind = "relay"
    feeds = ("device.status",)
    takes = ("relay.set",)
    twin = "storeloom.hardware_adapters.relay.modbus_relay_twin:ModbusRelayTwin"

    class Config(ModbusConfig):
        poll_s: float = setting(2.0, "Time between readings", "读取间隔", unit="s", effect="restart", ge=0.05, le=3600)
        relays: list[RelayRegister] = setting(lambda: [RelayRegister()], "Relays", "继电器", effect="restart", min_length=1)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._relays: dict[str, RelayRegister] = {one.relay or device: one for one in config.relays}
        self._was_there = False

    def registers(self) -> Mapping[str, Register]:
        return self._relays

    def figures(self, values: Values) -> Mapping[str, float | str]:
        known = {name: value for name in self._relays if (value := self.number(values, name)) is not None}
        return {self._figure(name): float((value != 0.0) is not self._relays[name].inverted) for name, value in known.items()}

    def shown(self, figures: Mapping[str, float | str]) -> Mapping[str, float | str]:
        return figures

    def _figure(self, name: str) -> str:
        return "on" if len(self._relays) == 1 else f"on {name}"

    def mine(self, stream: str, data: Mapping[str, Any]) -> bool:
        return data["relay"] in self._relays

    def carry_out(self, station: Station, stream: str, data: Mapping[str, Any]) -> None:
        name, on = str(data["relay"]), bool(data["on"])
        relay = self._relays[name]
        self.put_no_later(name)
        if data.get("seconds"):
            self.put_later(name, float(data["seconds"]), relay, relay.raw(not on))
        self.put(station, relay, relay.raw(on))

    def arrived(self, station: Station) -> None:
        if self._was_there:
            self.leaving(station)
        self._was_there = True

    def leaving(self, station: Station) -> None:
        """Set each relay to its state after a loss; what is switched for a time stays until that time."""
        for name, relay in self._relays.items():
            if relay.after_loss != "keep" and not self.is_due(name):
                self.put(station, relay, relay.raw(relay.after_loss == "on"))
