"""Modbus for drivers, on pymodbus: Modbus TCP, RTU over a serial line, and RTU over TCP (serial device servers, gateways).

Modbus Application Protocol Specification V1.1b3 (2012); Modbus over Serial Line V1.02 (2006); Modbus Messaging on TCP/IP V1.0b (2006).

`with line_of(place) as line` opens a line with its first user and closes it with its last, so that several devices on one serial port or
gateway share it: one request is under way at a time, the next one comes in order of arrival. `Station` is one device on a line. What it
raises: DeviceError, of which `Refused` is the device's own exception response; a device that refuses is there, and its line stays open.

After a time-out an RTU line is left alone until a late answer can no longer be taken for the next one's; a TCP line tells them by number.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.loop import LoopThread, Stopped, shared_loop

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
    from pymodbus.pdu import ModbusPDU

    Client = AsyncModbusSerialClient | AsyncModbusTcpClient

Result = TypeVar("Result")
Kind = Literal["holding", "input", "coil", "discrete"]
Form = Literal["tcp", "rtu+tcp", "serial"]
PORT, MOST_REGISTERS, MOST_BITS = 502, 125, 2000
READS: Mapping[Kind, tuple[str, int]] = {
    "coil": ("read_coils", 1),
    "discrete": ("read_discrete_inputs", 2),
    "holding": ("read_holding_registers", 3),
    "input": ("read_input_registers", 4),
}
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS, IDENTIFY = 5, 6, 15, 16, 0x2B
NEVER_S = 3600.0
MISSES = 2
CLOSE_S = 2.0
SILENCE_S, SILENCE_BITS = 0.00175, 38.5

# Exception codes (V1.1b3, section 7) as UnifiedPOS's, with words.
EXCEPTIONS: Mapping[int, tuple[Code, str, str]] = {
    1: (Code.ILLEGAL, "it does not know this function", "设备不支持该功能码"),
    2: (Code.ILLEGAL, "it has no such register", "设备没有该寄存器地址"),
    3: (Code.ILLEGAL, "it does not take this value", "设备不接受该数值"),
    4: (Code.FAILURE, "it failed while carrying this out", "设备执行失败"),
    5: (Code.BUSY, "it has begun and needs longer", "设备已受理，尚未完成"),
    6: (Code.BUSY, "it is busy", "设备忙"),
    7: (Code.FAILURE, "it cannot carry this out", "设备无法执行"),
    8: (Code.FAILURE, "its memory has a parity error", "设备存储器奇偶校验错误"),
    10: (Code.NO_HARDWARE, "the gateway has no path to it", "网关没有到该设备的通路"),
    11: (Code.OFFLINE, "it does not answer the gateway", "设备未应答网关"),
}


class ModbusConfig(SolutionConfig):
    """Where the device is and how it is asked. Nothing but the address is needed."""

    address: str = setting(
        "tcp://127.0.0.1:502",
        "Device: tcp://HOST:502, rtu+tcp://HOST:PORT (RTU through a serial server), or a serial port as /dev/ttyUSB0",
        "设备地址：tcp://主机:502、rtu+tcp://主机:端口（经串口服务器的 RTU），或串口如 /dev/ttyUSB0",
        effect="restart",
        pattern=r"^((tcp|rtu\+tcp)://[^/@\s]+|/\S+|COM[0-9]+)$",
    )
    unit_id: int = setting(1, "Unit id (slave address)", "从站地址", effect="restart", ge=0, le=255)
    baud: int = setting(9600, "Bits a second of the serial line", "串口波特率", unit="bit/s", effect="restart", ge=300, le=1_000_000)
    parity: Literal["none", "even", "odd"] = setting("none", "Parity of the serial line", "串口校验", effect="restart")
    stop_bits: Literal[1, 2] = setting(1, "Stop bits of the serial line", "串口停止位", effect="restart")
    timeout_s: float = setting(1.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)
    tries: int = setting(2, "Times that a request is sent until it is answered", "每个请求的发送次数", effect="restart", ge=1, le=10)
    poll_s: float = setting(5.0, "Time between readings", "读取间隔", unit="s", effect="restart", ge=0.05, le=3600)
    count_from: Literal[0, 1] = setting(
        0, "Number of the first register in the device's manual", "设备手册中首个寄存器的编号", effect="restart"
    )
    most_registers: int = setting(120, "Most registers in one request", "单次请求的最多寄存器数", effect="restart", ge=1, le=125)
    gap: int = setting(
        0, "Unwanted registers that may be read to join two requests", "为合并请求可多读的寄存器数", effect="restart", ge=0, le=100
    )


class Refused(DeviceError):
    """The device answered with an exception response; `number` is its code."""

    def __init__(self, number: int) -> None:
        code, en, zh = EXCEPTIONS.get(number, (Code.FAILURE, "it answers with an unknown exception", "设备返回未知异常"))
        super().__init__(code, f"{en} (Modbus exception {number})", f"{zh}（Modbus 异常码 {number}）")
        self.number = number


class Place(NamedTuple):
    """A line. `host` is a serial port's path where `form` is serial; the rest counts for serial lines alone."""

    form: Form
    host: str
    port: int = 0
    baud: int = 0
    parity: str = "N"
    stop_bits: int = 1

    @property
    def silence_s(self) -> float:
        """Silence between two RTU frames: 3.5 characters of 11 bits, 1.75 ms at least (Modbus over Serial Line V1.02, 2.5.1.1)."""
        return 0.0 if self.form == "tcp" else max(SILENCE_S, SILENCE_BITS / self.baud if self.baud else 0.0)

    @property
    def words(self) -> str:
        return self.host if self.form == "serial" else f"{self.form}://{self.host}:{self.port}"


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """Neighbouring registers or bits that are read at once; `address` from 0."""

    kind: Kind
    address: int
    count: int


def place_of(config: ModbusConfig) -> Place:
    """The line that a config names. DeviceError where it names none, or a unit id that nobody answers."""
    if config.unit_id == 0 and not config.address.startswith("tcp:"):
        raise DeviceError(
            Code.ILLEGAL, "unit id 0 of an RTU line is all devices at once, and none answers", "RTU 线路的 0 号地址为广播，无设备应答"
        )
    if "://" not in config.address:
        return Place("serial", config.address, 0, config.baud, config.parity[0].upper(), config.stop_bits)
    found = urlsplit(config.address)
    form: Form = "tcp" if found.scheme == "tcp" else "rtu+tcp"
    try:
        port = found.port or PORT
    except ValueError as error:
        raise DeviceError(Code.ILLEGAL, f"{config.address}: no such port", f"{config.address}：端口无效") from error
    return Place(form, found.hostname or "", port)


class Line:
    """A connection that its users take turns on. All but the constructor runs in the shared loop."""

    def __init__(self, place: Place, loop: LoopThread) -> None:
        self.place, self.loop, self.users = place, loop, 0
        self._client: Client | None = None
        self._turn = asyncio.Lock()
        self._asking = False
        self._misses = 0
        self._quiet_at = 0.0

    async def open(self, timeout_s: float) -> None:
        """Connect, where it is not. DeviceError when that fails."""
        async with self._turn:
            await self._opened(timeout_s)

    async def ask(self, call: Callable[[Client], Awaitable[ModbusPDU]], timeout_s: float) -> ModbusPDU:
        """One exchange; waits for its turn. DeviceError where none comes of it."""
        from pymodbus.exceptions import ModbusException

        async with self._turn:
            client = await self._opened(timeout_s)
            if self.place.form != "tcp":
                await asyncio.sleep(max(0.0, self._quiet_at - asyncio.get_running_loop().time()))
            try:
                self._asking = True
                answer = await asyncio.wait_for(call(client), timeout_s)
            except TimeoutError as error:
                self._missed(client, timeout_s)
                raise of_os(error, self.place.words) from error
            except asyncio.CancelledError:
                self._missed(client, timeout_s)
                raise
            except OSError as error:
                self._drop()
                raise of_os(error, self.place.words) from error
            except ModbusException as error:
                self._drop()
                raise _senseless(self.place) from error
            finally:
                self._asking = False
            self._misses = 0
            self._quiet_at = asyncio.get_running_loop().time() + self.place.silence_s
            return answer

    async def _opened(self, timeout_s: float) -> Client:
        if self._client is not None and self._client.connected:
            return self._client
        self._drop()
        client, reasons = self._made()
        try:
            connected = await asyncio.wait_for(client.connect(), timeout_s)
        except TimeoutError as error:
            client.close()
            raise of_os(error, self.place.words) from error
        if not connected:
            client.close()
            raise _of_opening(reasons, self.place.words)
        self._client, self._misses = client, 0
        return client

    def _made(self) -> tuple[Client, list[OSError]]:
        """A client that is not connected yet, and where the reason will stand when it cannot be."""
        from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
        from pymodbus.framer import FramerType

        _quieten()
        place = self.place
        client: Client
        common: dict[str, Any] = {"reconnect_delay": 0, "timeout": NEVER_S, "retries": 0, "trace_connect": self._connection}
        if place.form == "serial":
            framing: dict[str, Any] = {"baudrate": place.baud, "parity": place.parity, "stopbits": place.stop_bits}
            client = AsyncModbusSerialClient(place.host, framer=FramerType.RTU, **framing, **common)
        else:
            framer = FramerType.SOCKET if place.form == "tcp" else FramerType.RTU
            client = AsyncModbusTcpClient(place.host, port=place.port, framer=framer, **common)
        reasons: list[OSError] = []
        create = client.ctx.call_create

        async def create_and_tell() -> Any:
            try:
                return await create()
            except OSError as error:
                reasons.append(error)
                raise

        client.ctx.call_create = create_and_tell
        return client, reasons

    def _connection(self, connected: bool) -> None:
        """The other side has gone: whoever waits for an answer is told at once."""
        if connected or not self._asking or self._client is None or self._client.ctx.response_future.done():
            return
        self._client.ctx.response_future.set_exception(ConnectionResetError())
        self._client.ctx.response_future.exception()

    def _missed(self, client: Client, timeout_s: float) -> None:
        """An answer did not come. What is left of one, or a second miss, means that the connection is of no more use."""
        self._misses += 1
        self._quiet_at = asyncio.get_running_loop().time() + timeout_s
        if self.place.form == "rtu+tcp" or self._misses >= MISSES or client.ctx.recv_buffer:
            self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def close(self) -> None:
        self._drop()


_lock = threading.Lock()
_lines: dict[tuple[str, int], Line] = {}


@contextmanager
def line_of(place: Place) -> Iterator[Line]:
    """The line of a place, shared with its other users. DeviceError where these run it with other settings. It opens when it is used."""
    key = (place.host, place.port)
    with shared_loop() as loop:
        with _lock:
            line = _lines.get(key)
            if line is None:
                line = _lines[key] = Line(place, loop)
            elif line.place != place:
                en = f"{place.words} is in use with other settings (speed, parity, form)"
                raise DeviceError(Code.CLAIMED, en, f"{place.words} 已被其他设备以不同的参数（波特率、校验、协议形式）使用")
            line.users += 1
        try:
            yield line
        finally:
            with _lock:
                line.users -= 1
                if line.users == 0:
                    del _lines[key]
                    loop.call(line.close(), CLOSE_S)


@dataclass(frozen=True)
class Station:
    """A device on a line. Its methods are for any thread but the loop's; they end early, with a DeviceError, once `stopping` is set."""

    line: Line
    unit_id: int
    timeout_s: float
    tries: int
    stopping: Flag

    def open(self) -> None:
        """Connect the line, where it is not."""
        self._call(self.line.open(self.timeout_s))

    def read(self, spans: Sequence[Span]) -> list[list[int] | list[bool] | Refused]:
        """What stands in each span, or how the device refused it. DeviceError once one cannot be had at all."""
        return self._call(self._read_all(spans))

    def read_one(self, span: Span) -> list[int] | list[bool]:
        (found,) = self.read([span])
        if isinstance(found, Refused):
            raise found
        return found

    def at_end(self) -> Station:
        """The same station for what is still to be done when the driver ends."""
        return replace(self, stopping=Flag())

    def write(self, kind: Kind, address: int, values: Sequence[int]) -> None:
        """Write coils or holding registers, checked by the device's echo.

        One alone goes as a single write (functions 5 and 6), several as one request (15 and 16).
        """
        if kind not in ("coil", "holding"):
            raise DeviceError(Code.ILLEGAL, f"a register of kind {kind} cannot be written", f"{kind} 类寄存器不可写")
        self._call(self._write(kind, address, values))

    def write_bit(self, address: int, bit: int, on: bool) -> None:
        """Set one bit of a holding register, the others left as they stand."""
        word = int(self.read_one(Span("holding", address, 1))[0])
        self.write("holding", address, [word | 1 << bit if on else word & ~(1 << bit)])

    def identify(self) -> dict[str, str]:
        """Vendor, product code and revision as the device tells them (function 0x2B/0x0E); empty where it does not."""
        try:
            answer = self._call(self._asked("read_device_information", IDENTIFY, read_code=1, object_id=0))
        except DeviceError:
            return {}
        names = ("vendor", "product", "revision")
        told = {names[number]: text.decode("utf-8", "replace") for number, text in answer.information.items() if number < len(names)}
        return {name: text for name, text in told.items() if text}

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        try:
            return self.line.loop.call(work, stopping=self.stopping)
        except Stopped as error:
            raise DeviceError(Code.CLOSED, "the driver is to end", "驱动正在停止") from error

    async def _read_all(self, spans: Sequence[Span]) -> list[list[int] | list[bool] | Refused]:
        found: list[list[int] | list[bool] | Refused] = []
        for span in spans:
            name, function = READS[span.kind]
            try:
                answer = await self._asked(name, function, address=span.address, count=span.count)
            except Refused as refused:
                found.append(refused)
                continue
            values = answer.bits[: span.count] if span.kind in ("coil", "discrete") else answer.registers
            if len(values) != span.count:
                raise _senseless(self.line.place)
            found.append(list(values))
        return found

    async def _write(self, kind: Kind, address: int, values: Sequence[int]) -> None:
        one = len(values) == 1
        if kind == "coil":
            bits = [bool(value) for value in values]
            if one:
                answer = await self._asked("write_coil", WRITE_COIL, address=address, value=bits[0])
            else:
                answer = await self._asked("write_coils", WRITE_COILS, address=address, values=bits)
        elif one:
            answer = await self._asked("write_register", WRITE_REGISTER, address=address, value=values[0])
        else:
            answer = await self._asked("write_registers", WRITE_REGISTERS, address=address, values=list(values))
        if answer.address != address:
            raise _senseless(self.line.place)

    async def _asked(self, name: str, function: int, **what: Any) -> Any:
        """The answer of the device, asked again while none comes. Refused for an exception response, DeviceError for none that fits."""
        for left in range(self.tries - 1, -1, -1):
            try:
                answer = await self.line.ask(lambda client: getattr(client, name)(device_id=self.unit_id, **what), self.timeout_s)
            except DeviceError as error:
                if left == 0 or error.code not in (Code.TIMEOUT, Code.OFFLINE):
                    raise
                continue
            if answer.isError() and answer.function_code == function | 0x80:
                raise Refused(answer.exception_code)
            if answer.function_code != function:
                raise _senseless(self.line.place)
            return answer
        raise AssertionError("there is at least one try")


def _senseless(place: Place) -> DeviceError:
    return DeviceError(Code.OFFLINE, f"{place.words} answers something else than was asked", f"{place.words} 的应答与请求不符")


def _of_opening(reasons: Sequence[OSError], where: str) -> DeviceError:
    """Why a line could not be opened. pyserial's and asyncio's errors bear the system's number, not its class."""
    import errno
    import socket

    if not reasons:
        return of_os(ConnectionError(), where)
    reason = reasons[-1]
    if isinstance(reason, socket.gaierror):
        return DeviceError(Code.NO_HARDWARE, f"{where}: there is no such host", f"{where}：找不到该主机")
    if reason.errno in (errno.EAGAIN, errno.EBUSY):
        return DeviceError(Code.CLAIMED, f"{where} is in use by another program", f"{where} 正被其他程序占用")
    if reason.errno is None and "Connect call failed" in str(reason):
        return of_os(ConnectionRefusedError(), where)
    return of_os(OSError(reason.errno, reason.strerror) if reason.errno is not None else reason, where)


def _quieten() -> None:
    """pymodbus reports each missed answer as an error of its own; a driver's standing says it once. A level set by hand stays."""
    logger = logging.getLogger("pymodbus.logging")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
