"""BACnet/IP (ANSI/ASHRAE 135-2020, annex J) on bacpypes3: properties read and written, changes of value told, devices found.

A driver is a `BacnetDriver` that gives `points` (objects by name), `told` (facts of their values) and `wanted` (what a command writes).
All points are read every `poll_s`, which also shows that the device is there; between, changes come by COV subscription where the device
grants one. Commands are written at the priority that the config has for their own (clause 19.2), and given back when their `until` passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from storeloom.core.kernel.adapter import Found
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.loop import LoopThread, Stopped, shared_loop
from storeloom.hardware_adapters.links.recent import Recent

PORT, VENDOR = 47808, 999
DONE = 500
OBJECT = r"^[a-z-]+,\d+$"
STATES = ("binary-input", "binary-output", "binary-value")
Value = float | bool


class BacnetConfig(SolutionConfig):
    """A BACnet/IP device."""

    address: str = setting("127.0.0.1", "Address (HOST or HOST:PORT)", "地址（主机或主机:端口）", effect="restart", min_length=1)
    poll_s: float = setting(30.0, "Time between readings", "读取间隔", unit="s", effect="restart", gt=0, le=3600)
    cov: bool = setting(True, "Subscribe to changes (COV)", "订阅变化通知（COV）", effect="restart")
    cov_lifetime_s: int = setting(300, "Lifetime of subscriptions", "订阅有效期", unit="s", effect="restart", ge=10, le=86400)
    timeout_s: float = setting(3.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)
    priorities: dict[str, int] = setting(
        lambda: {"safety": 5, "food": 9, "energy": 12, "comfort": 14},
        "BACnet priority (1-16) of each priority; others: 16",
        "各优先级对应的 BACnet 优先级（1 至 16），其余为 16",
        effect="restart",
    )


class Point(SolutionConfig):
    """One object's present value: told as value x scale + offset."""

    object: str = setting("analog-input,1", "Object, as analog-input,1", "对象，如 analog-input,1", effect="restart", pattern=OBJECT)
    scale: float = setting(1.0, "Factor", "系数", effect="restart")
    offset: float = setting(0.0, "Added after it", "偏移", effect="restart")


class Write(NamedTuple):
    """A present value that is to be written, in the object's own terms."""

    object: str
    value: Value


class Station:
    """A device at an address. Methods are called from threads and wait for the loop's."""

    def __init__(self, loop: LoopThread, host: str, port: int, timeout_s: float, place: str) -> None:
        self._loop, self._host, self._port, self._timeout_s, self.place = loop, host, port, timeout_s, place
        self._app: Any = None
        self._address: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self.changed = threading.Event()

    def open(self) -> None:
        """Make the client. OSError where there is no such host."""
        import bacpypes3.ipv4.app  # noqa: F401  (a second's work, which is not to hold up the loop)

        self._loop.call(self._open(socket.gethostbyname(self._host)), self._timeout_s + 5.0)

    async def _open(self, host: str) -> None:
        from bacpypes3.pdu import Address

        self._app = _application(host, self._timeout_s)
        self._address = Address(f"{host}:{self._port}")

    def close(self) -> None:
        if self._app is not None:
            with contextlib.suppress(TimeoutError):
                self._loop.call(self._close(), self._timeout_s)
            self._app = None

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._timeout_s / 2)
        self._app.close()

    def read(self, name: str, property_: str = "present-value") -> Any:
        """A property's value. DeviceError."""
        from bacpypes3.primitivedata import ObjectIdentifier

        what = f"{name} {property_}"
        return self._call(lambda: self._app.read_property(self._address, ObjectIdentifier(name), property_), what)

    def write(self, name: str, value: Value | None, priority: int) -> None:
        """Write a present value at a priority; None gives it back (clause 19.2.1.4). DeviceError."""
        from bacpypes3.primitivedata import Null, ObjectIdentifier

        given = Null(()) if value is None else _typed(name, value)
        work = lambda: self._app.write_property(self._address, ObjectIdentifier(name), "present-value", given, priority=priority)  # noqa: E731
        self._call(work, name)

    def _call(self, work: Any, what: str) -> Any:
        async def run() -> Any:
            from bacpypes3.apdu import ErrorRejectAbortNack

            try:
                return await work()
            except ErrorRejectAbortNack as refusal:  # it is no Exception
                return refusal

        from bacpypes3.apdu import AbortPDU, ErrorRejectAbortNack

        answer = self._loop.call(run(), 2 * self._timeout_s + 1.0)
        if isinstance(answer, AbortPDU) and "no-response" in str(answer):
            raise of_os(TimeoutError(), self.place)
        if isinstance(answer, ErrorRejectAbortNack):
            code = Code.NO_EXIST if "unknown" in str(answer) else Code.FAILURE
            raise DeviceError(code, f"{self.place}, {what}: {answer}", f"{self.place}，{what}：{answer}")
        if isinstance(answer, str) and answer.startswith("-no "):
            raise DeviceError(Code.ILLEGAL, f"{self.place}, {what}: {answer.strip('-')}", f"{self.place}，{what}：{answer.strip('-')}")
        return answer

    def subscribe(self, names: Sequence[str], lifetime_s: int) -> None:
        """Ask to be told of changes; `changed` is set when one comes. What the device does not grant is left to polling."""
        self._loop.call(self._subscribe(names, lifetime_s), self._timeout_s)

    async def _subscribe(self, names: Sequence[str], lifetime_s: int) -> None:
        self._tasks = [asyncio.create_task(self._follow(number, name, lifetime_s)) for number, name in enumerate(names, 1)]

    async def _follow(self, number: int, name: str, lifetime_s: int) -> None:
        from bacpypes3.apdu import ErrorRejectAbortNack
        from bacpypes3.primitivedata import ObjectIdentifier

        try:
            async with self._app.change_of_value(self._address, ObjectIdentifier(name), number, False, lifetime_s) as changes:
                while True:
                    await changes.get()
                    self.changed.set()
        except ErrorRejectAbortNack:
            return


def _application(host: str, timeout_s: float, instance: int = 4194302) -> Any:
    """A client of its own on a free port of the interface that leads to the host; made in the loop."""
    from bacpypes3.ipv4.app import NormalApplication
    from bacpypes3.local.device import DeviceObject
    from bacpypes3.pdu import IPv4Address

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        way.connect((host, PORT))
        own = way.getsockname()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((own, 0))
        port = free.getsockname()[1]
    millis = max(1, round(1000 * timeout_s))
    times = {"apduTimeout": millis, "apduSegmentTimeout": millis, "numberOfApduRetries": 0}
    device = DeviceObject(objectIdentifier=("device", instance), objectName="storeloom", vendorIdentifier=VENDOR, **times)
    return NormalApplication(device, IPv4Address(f"{own}:{port}"))


def _typed(name: str, value: Value) -> Any:
    kind = name.partition(",")[0]
    if kind in STATES:
        return "active" if value else "inactive"
    return int(value) if kind.startswith("multi-state") or "integer" in kind else float(value)


def number_of(value: Any) -> float | None:
    """A present value as a number: states as 0 and 1. None for what is none, or not finite."""
    if hasattr(value, "attr") or isinstance(value, str):
        return {"active": 1.0, "inactive": 0.0}.get(str(value))
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if abs(found) < 1e15 else None


def host_of(address: str) -> tuple[str, int]:
    """Host and port of `HOST` or `HOST:PORT`. DeviceError."""
    host, _, port = address.rpartition(":") if address.count(":") == 1 else (address, "", "")
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise DeviceError(Code.ILLEGAL, f"'{address}' is not HOST:PORT", f"“{address}”不是 主机:端口 格式")
    return host, int(port or PORT)


class BacnetDriver(LinkDriver[Station]):
    """Base of drivers of BACnet devices; its config is a `BacnetConfig`."""

    discovers = "a broadcast or host address (Who-Is), as 192.168.1.255"

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._station: Station | None = None
        self._writing = threading.Lock()
        self._done: Recent[str, None] = Recent(DONE)
        self._until: dict[tuple[str, int], datetime] = {}

    @abstractmethod
    def points(self) -> Mapping[str, Point]:
        """What is read, by name."""

    @abstractmethod
    def told(self, values: Mapping[str, float]) -> Iterable[Fact]:
        """The facts of a reading; a point whose value makes no sense lacks."""

    def wanted(self, stream: str, data: Mapping[str, Any]) -> Sequence[Write]:
        """What a command writes. DeviceError for one that makes no sense here."""
        raise DeviceError(Code.ILLEGAL, f"it takes no {stream}", f"不支持 {stream}")

    @contextmanager
    def connect(self) -> Iterator[Station]:
        config = self.config
        host, port = host_of(config.address)
        with shared_loop() as loop:
            station = Station(loop, host, port, config.timeout_s, self.place())
            try:
                station.open()
                for point in list(self.points().values())[:1]:
                    station.read(point.object)
                yield station
            finally:
                self._station = None
                station.close()

    def session(self, link: Station) -> Facts:
        if self.config.cov:
            link.subscribe([point.object for point in self.points().values()], self.config.cov_lifetime_s)
        self._station = link
        while not self.stopping.is_set():
            link.changed.clear()
            values, missing = self._read(link)
            yield from self._stands(values, missing)
            yield from self.told(values)
            self._give_back(link)
            until = time.monotonic() + self.config.poll_s
            while time.monotonic() < until and not link.changed.wait(min(0.2, max(0.0, until - time.monotonic()))):
                if self.stopping.is_set():
                    return

    def _read(self, link: Station) -> tuple[dict[str, float], list[str]]:
        values: dict[str, float] = {}
        missing: list[str] = []
        for name, point in self.points().items():
            try:
                number = number_of(link.read(point.object))
            except DeviceError as error:
                if error.code is Code.TIMEOUT or self.stopping.is_set():
                    raise
                number = None
            if number is None:
                missing.append(point.object)
            else:
                values[name] = number * point.scale + point.offset
        return values, missing

    def _stands(self, values: Mapping[str, float], missing: Sequence[str]) -> Iterator[Fact]:
        if not missing:
            yield from self.tell("online", figures=dict(values))
            return
        listed = "; ".join(missing)
        words = {"en": f"no sound value of {listed}", "zh": f"以下对象没有有效值：{listed}"}
        yield from self.tell("degraded", code="no_value", words=words, figures=dict(values))

    def _give_back(self, link: Station) -> None:
        """Give back what was set until a time that has passed."""
        with self._writing:
            for (name, priority), until in list(self._until.items()):
                if until <= self.now():
                    link.write(name, None, priority)
                    del self._until[name, priority]

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """Write what it wants; one that was carried out before writes nothing again."""
        cmd = str(data.get("cmd", ""))
        with self._writing:
            if not cmd or cmd not in self._done:
                self._carry_out(stream, data)
                if cmd:
                    self._done[cmd] = None
        return list(self.tell("online", cmd=cmd)) if cmd else ()

    def _carry_out(self, stream: str, data: Mapping[str, Any]) -> None:
        writes, station = self.wanted(stream, data), self._station
        if station is None:
            raise DeviceError(Code.OFFLINE, f"{self.place()} is not connected", f"未连接到 {self.place()}")
        priority = int(self.config.priorities.get(str(data.get("priority", "")), 16))
        for name, value in writes:
            try:
                station.write(name, value, priority)
            except Stopped:
                raise DeviceError(Code.CLOSED, "it was let go", "已断开") from None
            self._until.pop((name, priority), None)
            if data.get("until"):
                self._until[name, priority] = parse_time(str(data["until"]))
        station.changed.set()

    def identity(self, link: Station) -> Mapping[str, str | float | bool]:
        found = {}
        for name in ("vendor-name", "model-name", "firmware-revision"):
            with contextlib.suppress(DeviceError):  # not every device lets itself be asked by the wildcard instance
                found[name.replace("-", "_")] = str(link.read("device,4194303", name))
        return found

    @classmethod
    def discover(cls, where: str, seconds: float) -> Iterator[Found]:
        """The devices that answer a Who-Is (clause 16.10)."""
        try:
            host, port = host_of(where)
            socket.inet_aton(host)
        except (DeviceError, OSError):
            raise ValueError(f"'{where}' is no IPv4 address") from None
        import bacpypes3.ipv4.app  # noqa: F401

        with shared_loop() as loop:
            for answer in loop.call(_who_is(host, port, seconds), seconds + 5.0):
                ident = answer.iAmDeviceIdentifier[1]
                yield Found({"address": str(answer.pduSource)}, {"device": str(ident), "vendor": str(answer.vendorID)})


async def _who_is(host: str, port: int, seconds: float) -> list[Any]:
    from bacpypes3.pdu import Address

    app = _application(host, seconds)
    try:
        found: list[Any] = await app.who_is(address=Address(f"{host}:{port}"), timeout=seconds) or []
        return found
    finally:
        app.close()
