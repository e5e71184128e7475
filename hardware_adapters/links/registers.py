"""Drivers over register maps: one engine for every kind of Modbus device.

A driver is a `RegisterDriver` whose `Config` is a `ModbusConfig`. It gives `registers()`, all that is read at each poll, by name; and of
the hooks below those that mean something to it:

- `taken(values)`: the facts in a reading;
- `figures(values)`: what `device.status` tells as metrics, and `shown(figures)` those of them whose change is told at once;
- `trouble(values)`: a fault that the device reports of itself;
- `mine(stream, data)`: whether a command is for this device;
- `carry_out(station, stream, data)`: a command, by `self.put(station, register, value)` and `self.put_later(...)`;
- `answer(data)`: its facts; by default a `device.status` with its `cmd`;
- `arrived(station)` once the device answers, `leaving(station)` before it is let go.

The rest is done here: a command that comes again with the same `cmd` is answered and not repeated; what is to be switched back is switched
back in time, at the end of the driver, as soon as a lost device is there again, and after a kill by the driver that comes next.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from storeloom.core.kernel.adapter import Found
from storeloom.core.kernel.events import Fact, parse_time, rfc3339
from storeloom.hardware_adapters.links.driver import Facts, SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.kept import Done, Kept
from storeloom.hardware_adapters.links.modbus import Refused, Station, line_of, place_of
from storeloom.hardware_adapters.links.register_map import Bounded, Plan, Register, Values, signed

KEPT_COMMANDS, KEPT_LATER = 500, 500
NO_VALUE = "bad_value"
FAULTS = (Code.ILLEGAL, Code.FAILURE)
log = logging.getLogger(__name__)


class Trouble(NamedTuple):
    """A fault that a device reports of itself."""

    code: str
    en: str
    zh: str


class Later(NamedTuple):
    """A value that is to be put at a time (monotonic)."""

    at: float
    register: Register
    value: float


class RegisterDriver(SharedLinkDriver[Station]):
    """Base of Modbus drivers."""

    discovers = "addresses and unit ids, as 10.0.0.0/28 1-4, 10.0.0.7:502 1-32 or /dev/ttyUSB0 1-32"

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._wake = threading.Event()
        self._plan: Plan | None = None
        self._first: Values | None = None
        self._commanding = threading.Lock()
        self._done = Done(self, KEPT_COMMANDS)
        self._later: dict[str, Later] = {}
        self._kept: Kept[list[Any]] = Kept(self, f"later {self.place()}", KEPT_LATER)
        self._putting = threading.Lock()
        self._shown: dict[str, float | str] = {}
        self._again = False

    @abstractmethod
    def registers(self) -> Mapping[str, Register]:
        """What is read, by name."""

    def taken(self, values: Values) -> Iterable[Fact]:
        """The facts in a reading."""
        return ()

    def figures(self, values: Values) -> Mapping[str, float | str]:
        """Figures for `device.status`."""
        return {}

    def shown(self, figures: Mapping[str, float | str]) -> Mapping[str, float | str]:
        """What of the figures, or made of them, is told once it changes."""
        return {}

    def trouble(self, values: Values) -> Trouble | None:
        """What the device says is wrong with it."""
        return None

    def mine(self, stream: str, data: Mapping[str, Any]) -> bool:
        """Whether a command is for this device."""
        return True

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        return self.mine(stream, data)

    def carry_out(self, station: Station, stream: str, data: Mapping[str, Any]) -> None:
        """Do what a command asks. DeviceError where that fails."""
        raise DeviceError(Code.ILLEGAL, f"it takes no {stream}", f"设备不支持 {stream}")

    def answer(self, data: Mapping[str, Any]) -> list[Fact]:
        """What a carried out command is answered with."""
        standing = self.watch.standing
        state, code, words = (standing.state, standing.code, standing.words) if standing else ("online", "", {"en": "", "zh": ""})
        fact = self.watch.note(state, self.now(), code=code, words=words, cmd=str(data.get("cmd", "")), tell=True)
        return [] if fact is None else [fact]

    def arrived(self, station: Station) -> None:
        """The device answers."""

    def leaving(self, station: Station) -> None:
        """The device is about to be let go."""

    def base(self, station: Station) -> int:
        """What is added to each address of `registers`; found out once the line is open."""
        return 0

    @property
    def plan(self) -> Plan:
        """How `registers` are read; from the first connection on."""
        if self._plan is None:
            raise DeviceError(Code.CLOSED, f"{self.place()} is not connected", f"未连接到 {self.place()}")
        return self._plan

    def put(self, station: Station, register: Register, value: float) -> None:
        """Write a value in the register's own unit. DeviceError where it does not fit, or the device does not take it."""
        address = self.plan.address(register)
        if register.bit is not None:
            station.write_bit(address, register.bit, bool(value))
            return
        span = self.plan.exponent_span(register)
        exponent = 0 if span is None else signed(int(station.read_one(span)[0]))
        station.write(register.kind, address, register.words(value, exponent))

    def put_later(self, name: str, seconds: float, register: Register, value: float) -> None:
        """Write a value once this time has gone by; takes the place of what was to be written under this name."""
        with self._putting:
            self._kept[name] = [rfc3339(self.now() + timedelta(seconds=seconds)), value]
            self._later[name] = Later(time.monotonic() + seconds, register, value)
        self._wake.set()

    def put_no_later(self, name: str) -> None:
        with self._putting:
            self._later.pop(name, None)
            self._kept.pop(name, None)

    def _recall(self, registers: Mapping[str, Register]) -> None:
        """Take up what a driver that was killed was to put later."""
        with self._putting:
            for name, (at, value) in list(self._kept.items()):
                if name in self._later:
                    continue
                if name not in registers:
                    log.warning("%s was to set %s at %s, which its settings no longer have", self.device, name, at)
                    del self._kept[name]
                    continue
                left_s = max(0.0, (parse_time(at) - self.now()).total_seconds())
                self._later[name] = Later(time.monotonic() + left_s, registers[name], float(value))

    def is_due(self, name: str) -> bool:
        """Whether something is still to be written under this name."""
        return name in self._later

    def register(self, name: str, value: float | None = None) -> Register:
        """A register of the config that a command needs. DeviceError where the device has none, or the value cannot be."""
        one = getattr(self.config, name)
        if one is None:
            raise DeviceError(Code.ILLEGAL, f"the device has no {name}", f"设备没有 {name}")
        if value is not None and isinstance(one, Bounded) and not one.can_be(value):
            raise DeviceError(
                Code.ILLEGAL, f"{name} cannot be {value:g} ({one.low} to {one.high})", f"{name} 不能为 {value:g}（{one.low} 至 {one.high}）"
            )
        return one  # type: ignore[no-any-return]

    @contextmanager
    def connect(self) -> Iterator[Station]:
        """The line, and a device on it that has answered: with values, or by refusing them."""
        config = self.config
        with line_of(place_of(config)) as line:
            station = Station(line, config.unit_id, config.timeout_s, config.tries, self.stopping)
            station.open()
            self._plan = Plan(self.registers(), config, self.base(station))
            self._recall(self.registers())
            self._first = self._read(station)
            yield station

    def _read(self, station: Station) -> Values:
        return self.plan.values(station.read(self.plan.spans))

    def session(self, link: Station) -> Facts:
        next_at = time.monotonic()
        try:
            with self.holding(link):
                self._shown = {}
                self.arrived(link)
                while not self.stopping.is_set():
                    self._put_due(link, time.monotonic())
                    due = time.monotonic() >= next_at
                    if due or self._again:
                        self._again = False
                        values, self._first = self._first or self._read(link), None
                        yield from self.taken(values)
                        yield from self._stand(values)
                        next_at = max(next_at + self.config.poll_s, time.monotonic()) if due else next_at
                    self._wake.wait(max(0.0, min([next_at, *(one.at for one in list(self._later.values()))]) - time.monotonic()))
                    self._wake.clear()
        finally:
            if self.stopping.is_set():
                self._let_go(link.at_end())

    def _put_due(self, station: Station, until: float) -> None:
        """Write what is due; what cannot be written stays due."""
        with self._putting:
            due = sorted((one.at, name, one) for name, one in self._later.items() if one.at <= until)
        for _, name, one in due:
            self.put(station, one.register, one.value)
            with self._putting:
                if self._later.get(name) == one:
                    del self._later[name]
                    self._kept.pop(name, None)

    def _let_go(self, station: Station) -> None:
        try:
            self._put_due(station, float("inf"))
            self.leaving(station)
        except DeviceError as error:
            log.warning("%s was let go as it stood: %s", self.device, error)

    def _stand(self, values: Values) -> Iterator[Fact]:
        """The state that a reading shows, told where it has changed."""
        figures = dict(self.figures(values))
        shown = dict(self.shown(figures))
        news, self._shown = shown != self._shown, shown
        refused = [one for one in values.values() if isinstance(one, Refused)]
        trouble = self.trouble(values)
        common: dict[str, Any] = {"figures": figures, "tell": news}
        if refused:
            state = "fault" if len(refused) == len(values) and refused[0].code in FAULTS else "degraded"
            yield from self.tell(state, code=refused[0].word, words=refused[0].words, **common)
        elif trouble is not None:
            yield from self.tell("fault", code=trouble.code, words={"en": trouble.en, "zh": trouble.zh}, **common)
        elif bad := [name for name, value in values.items() if not self.good(name, value)]:
            names = ", ".join(bad[:5])
            words = {"en": f"no value, or one that cannot be: {names}", "zh": f"无读数或读数不合理：{names}"}
            yield from self.tell("degraded", code=NO_VALUE, words=words, **common)
        else:
            yield from self.tell("online", **common)

    def good(self, name: str, value: float | Refused | None) -> bool:
        """Whether a value can be: there is one, and it lies within the register's bounds."""
        register = self.plan.registers[name]
        if not isinstance(value, float):
            return False
        return not isinstance(register, Bounded) or register.can_be(value)

    def number(self, values: Values, name: str) -> float | None:
        """A value that can be, None otherwise."""
        value = values.get(name)
        return value if isinstance(value, float) and self.good(name, value) else None

    @contextmanager
    def for_the_moment(self) -> Iterator[Station]:
        """The device, until what is to be put later has been put."""
        with super().for_the_moment() as station:
            yield station
            while self._later and not self.stopping.wait(max(0.0, min(one.at for one in self._later.values()) - time.monotonic())):
                self._put_due(station, time.monotonic())
            self._let_go(station.at_end())

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        if not self.mine(stream, data):
            raise DeviceError(Code.NO_EXIST, f"this {stream} is for another device", f"该 {stream} 指令属于其他设备")
        with self._commanding:
            cmd = str(data.get("cmd", ""))
            if cmd and cmd in self._done:
                return list(self._done[cmd])
            with self.linked() as station:
                self.carry_out(station, stream, data)
            answers = self.answer(data)
            if cmd:
                self._done[cmd] = answers
        self._again = True
        self._wake.set()
        return answers

    def identity(self, link: Station) -> Mapping[str, str | float | bool]:
        return {**link.identify(), "unit_id": float(link.unit_id)}

    def close(self) -> None:
        super().close()
        self._wake.set()

    @classmethod
    def discover(cls, where: str, seconds: float) -> Iterator[Found]:
        from storeloom.hardware_adapters.links.modbus_scan import scan

        yield from scan(where, seconds)
