"""BACnet/IP (ANSI/ASHRAE 135-2020, annex J) on bacpypes3: properties read and written, changes of value told, devices found.

A driver is a `BacnetDriver` that gives `points` (objects by name), `told` (facts of their values) and `wanted` (what a command writes).
All points are read every `poll_s`, which also shows that the device is there, by ReadPropertyMultiple (clause 15.7) where the device knows
it, else one by one; between, changes come by COV subscription where the device grants one. A point for which the config sets no scale is
brought into the stream's unit by what its object says of itself (property `units`, clause 21). Commands are written at the priority that
the config has for their own (clause 19.2), and given back when their `until` passes, after a kill by the driver that comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.driver import Facts, SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.kept import Kept
from storeloom.hardware_adapters.links.loop import LoopThread, Stopped, shared_loop
from storeloom.hardware_adapters.links.recent import Recent

PORT, VENDOR = 47808, 999
log = logging.getLogger(__name__)
DONE, LOOK_S = 500, 0.2
OBJECT = r"^[a-z-]+,\d+$"
MANY = 20
# What brings a value of an engineering unit (clause 21, BACnetEngineeringUnits) into a stream's unit: that unit, a factor, what is added.
ENGINEERING: Mapping[str, tuple[str, float, float]] = {
    "degrees-celsius": ("C", 1.0, 0.0),
    "degrees-fahrenheit": ("C", 5 / 9, -160 / 9),
    "degrees-kelvin": ("C", 1.0, -273.15),
    "percent": ("%", 1.0, 0.0),
    "percent-relative-humidity": ("%", 1.0, 0.0),
    "per-mille": ("%", 0.1, 0.0),
    "parts-per-million": ("ppm", 1.0, 0.0),
    "parts-per-billion": ("ppm", 0.001, 0.0),
    "luxes": ("lx", 1.0, 0.0),
    "foot-candles": ("lx", 10.7639104, 0.0),
    "decibels": ("dB", 1.0, 0.0),
    "decibels-a": ("dB", 1.0, 0.0),
}
STATES = ("binary-input", "binary-output", "binary-value")
ANALOG = ("analog-", "large-analog-")
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
    """One object's present value: told as value x scale + offset. Where both are left alone, the object's own unit is converted."""

    object: str = setting("analog-input,1", "Object, as analog-input,1", "对象，如 analog-input,1", effect="restart", pattern=OBJECT)
    scale: float = setting(1.0, "Factor", "系数", effect="restart")
    offset: float = setting(0.0, "Added after it", "偏移", effect="restart")


class Write(NamedTuple):
    """A present value that is to be written: in the stream's unit where its point is named, else in the object's own terms."""

    object: str
    value: Value
    point: Point | None = None


class Way(NamedTuple):
    """From an object's own terms into the stream's: value x scale + offset."""

    scale: float
    offset: float


class Station:
    """A device at an address. Methods are called from threads and wait for the loop's."""

    def __init__(self, loop: LoopThread, host: str, port: int, timeout_s: float, place: str) -> None:
        self._loop, self._host, self._port, self._timeout_s, self.place = loop, host, port, timeout_s, place
        self._app: Any = None
        self._address: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self.changed = threading.Event()
        self.multiple = True

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

    def read_all(self, names: Sequence[str], property_: str = "present-value") -> dict[str, Any]:
        """A property of each object; those left out that the device does not have. DeviceError where it does not answer."""
        found: dict[str, Any] = {}
        for start in range(0, len(names), MANY):
            part = names[start : start + MANY]
            if self.multiple and len(part) > 1:
                try:
                    found |= self._read_part(part, property_)
                    continue
                except DeviceError as error:
                    if error.code is Code.TIMEOUT:
                        self.read(part[0])  # away, or does it only not know the service?
                    self.multiple = False
            for name in part:
                try:
                    found[name] = self.read(name, property_)
                except DeviceError as error:
                    if error.code is Code.TIMEOUT:
                        raise
        return found

    def _read_part(self, names: Sequence[str], property_: str) -> dict[str, Any]:
        from bacpypes3.basetypes import ErrorType
        from bacpypes3.primitivedata import ObjectIdentifier

        idents = {ObjectIdentifier(name): name for name in names}
        asked = [part for ident in idents for part in (ident, [property_])]
        answer = self._call(lambda: self._app.read_property_multiple(self._address, list(asked)), f"{names[0]} ... {property_}")
        if answer is None:
            raise DeviceError(Code.FAILURE, f"{self.place} answers something else", f"{self.place} 的应答不符")
        return {
            idents[one]: value for one, _, _, value in answer if one in idents and value is not None and not isinstance(value, ErrorType)
        }

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


class BacnetDriver(SharedLinkDriver[Station]):
    """Base of drivers of BACnet devices; its config is a `BacnetConfig`."""

    discovers = "a broadcast or host address (Who-Is), as 192.168.1.255"

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._writing = threading.RLock()
        self._stated: dict[str, str] = {}
        self._done: Recent[str, None] = Recent(DONE)
        self._until: Kept[str] = Kept(self, f"until {self.place()}", DONE)

    @abstractmethod
    def points(self) -> Mapping[str, Point]:
        """What is read, by name."""

    @abstractmethod
    def told(self, values: Mapping[str, float]) -> Iterable[Fact]:
        """The facts of a reading; a point whose value makes no sense lacks."""

    def unit_of(self, point: Point) -> str:
        """The stream's unit of a point, empty where it has none: a state, a mode."""
        return ""

    def wanted(self, stream: str, data: Mapping[str, Any]) -> Sequence[Write]:
        """What a command writes. DeviceError for one that makes no sense here."""
        raise DeviceError(Code.ILLEGAL, f"it takes no {stream}", f"不支持 {stream}")

    @contextmanager
    def connect(self) -> Iterator[Station]:
        config = self.config
        host, port = address_of(config.address, PORT)
        with shared_loop() as loop:
            station = Station(loop, host, port, config.timeout_s, self.place())
            try:
                station.open()
                for point in list(self.points().values())[:1]:
                    station.read(point.object)
                yield station
            finally:
                station.close()

    def session(self, link: Station) -> Facts:
        if self.config.cov:
            link.subscribe([point.object for point in self.points().values()], self.config.cov_lifetime_s)
        self._stated.clear()
        with self.holding(link):
            while not self.stopping.is_set():
                link.changed.clear()
                values, missing = self._read(link)
                yield from self._stands(values, missing)
                yield from self.told(values)
                self._give_back(link)
                until = time.monotonic() + self.config.poll_s
                while time.monotonic() < until and not link.changed.wait(min(LOOK_S, max(0.0, until - time.monotonic()))):
                    if self.stopping.is_set():
                        return

    @contextmanager
    def for_the_moment(self) -> Iterator[Station]:
        """The device, until what was set until a time has been given back."""
        with super().for_the_moment() as station:
            yield station
            while self._until and not self.stopping.wait(LOOK_S):
                self._give_back(station)

    def _read(self, link: Station) -> tuple[dict[str, float], list[str]]:
        values: dict[str, float] = {}
        missing: list[str] = []
        points = self.points()
        self._ask_units(link, points.values())
        read = link.read_all(list(dict.fromkeys(point.object for point in points.values())))
        for name, point in points.items():
            number, way = number_of(read.get(point.object)), self._way(point)
            if number is None or way is None:
                missing.append(point.object)
            else:
                values[name] = number * way.scale + way.offset
        return values, missing

    def _converts(self, point: Point) -> bool:
        return (point.scale, point.offset) == (1.0, 0.0) and bool(self.unit_of(point)) and point.object.startswith(ANALOG)

    def _ask_units(self, link: Station, points: Iterable[Point]) -> None:
        """What objects say that they count in, once in a session."""
        unknown = [point.object for point in points if self._converts(point) and point.object not in self._stated]
        told = link.read_all(unknown, "units") if unknown else {}
        self._stated |= {name: str(told.get(name, "no-units")) for name in unknown}

    def _way(self, point: Point) -> Way | None:
        """A point's way into the stream's unit; None where its object counts in what is no such unit."""
        stated = self._stated.get(point.object, "no-units") if self._converts(point) else "no-units"
        if stated == "no-units":
            return Way(point.scale, point.offset)
        unit, scale, offset = ENGINEERING.get(stated, ("", 1.0, 0.0))
        return Way(scale, offset) if unit == self.unit_of(point) else None

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
            for key, until in list(self._until.items()):
                name, _, priority = key.rpartition("|")
                if parse_time(until) <= self.now():
                    try:
                        link.write(name, None, int(priority))
                    except DeviceError as error:
                        if error.code is Code.TIMEOUT or self.stopping.is_set():
                            raise
                        log.warning("%s does not give %s back at priority %s: %s", self.device, name, priority, error)
                    del self._until[key]

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
        writes = self.wanted(stream, data)
        priority = int(self.config.priorities.get(str(data.get("priority", "")), 16))
        with self.linked() as station:
            for name, value, point in writes:
                given = value if point is None else self._own(station, point, value)
                key = f"{name}|{priority}"
                before = self._until.get(key, "")
                if data.get("until"):
                    self._until[key] = str(data["until"])
                try:
                    station.write(name, given, priority)
                except Stopped:
                    raise DeviceError(Code.CLOSED, "it was let go", "已断开") from None
                except DeviceError as error:
                    if error.code is not Code.TIMEOUT:
                        self._keep(key, before)
                    raise
                self._keep(key, str(data.get("until", "")))
            station.changed.set()

    def _own(self, station: Station, point: Point, value: Value) -> float:
        """A value in the object's own terms. DeviceError where these are of another kind."""
        self._ask_units(station, [point])
        way = self._way(point)
        if way is None:
            unit = self.unit_of(point)
            raise DeviceError(Code.ILLEGAL, f"{point.object} does not count in {unit}", f"{point.object} 的单位不是 {unit}")
        return (value - way.offset) / way.scale

    def _keep(self, key: str, until: str) -> None:
        """Remember until when an object is written at a priority, with an empty text that it is for good."""
        if not until:
            self._until.pop(key, None)
        elif self._until.get(key) != until:
            self._until[key] = until

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
            host, port = address_of(where, PORT)
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
