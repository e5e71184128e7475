"""Serial lines for drivers: real ports, device servers over plain TCP, and RFC 2217 (1997); on pySerial.

A driver is a `SerialDriver` whose `Config` is a `SerialConfig`. Its `session(line)` has `with self.exchange:` around each exchange, so that
commands from another thread (`with self.lined() as line:`) fall between two of them. `SerialLine` reads with time-outs and turns a line
that is gone (unplugged, hung up, reset) into DeviceError; `LinkDriver` opens it again. A port is claimed for this driver alone.

A twin builds on `links.serial_twin`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EBUSY, ENOENT, EWOULDBLOCK
from typing import Any, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.hardware_adapters.links.driver import SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, not_installed, of_os

try:
    import termios

    REFUSED: tuple[type[Exception], ...] = (ValueError, termios.error)  # for settings that a port does not have
except ImportError:  # there is none on Windows
    REFUSED = (ValueError,)

LOOK_S = 0.05
NOTICE_S = (10, 5, 3)  # TCP keep-alive: after so long a silence, every so often, so many times
PARITY = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}


class SerialConfig(SolutionConfig):
    """The line and its parameters. Nothing but the address is needed where the device keeps its maker's settings."""

    address: str = setting(
        "/dev/ttyUSB0",
        "Line: /dev/ttyUSB0, COM3, usb:VID:PID, usb:VID:PID:SERIAL, socket://HOST:PORT or rfc2217://HOST:PORT",
        "串口：/dev/ttyUSB0、COM3、usb:厂商号:产品号、usb:厂商号:产品号:序列号、socket://主机:端口 或 rfc2217://主机:端口",
        effect="restart",
        pattern=r"^(/\S+|COM\d{1,3}|usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(:\S+)?|(socket|rfc2217)://[^/@\s]+:\d{1,5})$",
        help_en="usb: finds the line again under whatever name the system gives it.",
        help_zh="usb: 形式可在重新插拔后按设备自动找到串口。",
    )
    baud: int = setting(9600, "Speed", "波特率", unit="bit/s", effect="restart", ge=50, le=4_000_000)
    data_bits: Literal[7, 8] = setting(8, "Data bits", "数据位", effect="restart")
    parity: Literal["none", "even", "odd", "mark", "space"] = setting("none", "Parity", "校验", effect="restart")
    stop_bits: Literal[1, 2] = setting(1, "Stop bits", "停止位", effect="restart")
    flow: Literal["none", "rts_cts", "xon_xoff"] = setting("none", "Flow control", "流控", effect="restart")
    timeout_s: float = setting(2.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=10)


class SerialLine:
    """An open line. Every method raises DeviceError (OFFLINE) once it is gone. Not for two threads at a time."""

    def __init__(self, port: Any, place: str, timeout_s: float) -> None:
        self._port, self.place, self.timeout_s = port, place, timeout_s
        self.stopping = threading.Event()  # once it is set no answer is waited for any more
        self._kept = b""

    def read(self, wait_s: float) -> bytes:
        """What has come in; waits up to `wait_s` for the first byte, empty where none came."""
        if self._kept:
            found, self._kept = self._kept, b""
            return found
        until = time.monotonic() + wait_s
        with self._gone():
            while not (first := self._port.read(1)):
                if time.monotonic() >= until:
                    return b""
            parts = [first]
            while (waiting := self._port.in_waiting) and len(parts) < 4096:
                parts.append(self._port.read(waiting))
            return b"".join(parts)

    def read_until(self, end: bytes, timeout_s: float | None = None, longest: int = 4096) -> bytes:
        """A message up to and with its end; what follows is kept for the next read.

        DeviceError: TIMEOUT where it does not come whole in time (`timeout_s`, else the line's), FAILURE where it is longer than `longest`.
        """
        until = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        found = bytearray()
        while True:
            at = found.find(end)
            if at >= 0:
                self._kept = bytes(found[at + len(end) :])
                return bytes(found[: at + len(end)])
            if len(found) > longest:
                raise DeviceError(Code.FAILURE, f"{self.place} sends no message that can be read", f"{self.place} 发送的数据无法识别")
            if self.stopping.is_set():
                raise DeviceError(Code.CLOSED, "the driver is closed", "驱动已关闭")
            left = until - time.monotonic()
            if left <= 0:
                raise DeviceError(Code.TIMEOUT, f"{self.place} did not answer in time", f"{self.place} 未在规定时间内应答")
            found += self.read(min(left, LOOK_S))

    def write(self, data: bytes) -> None:
        with self._gone():
            self._port.write(data)

    def drop_input(self) -> None:
        """Forget what has come in and was not read."""
        self._kept = b""
        with self._gone():
            while waiting := self._port.in_waiting:
                self._port.read(waiting)

    def close(self) -> None:
        with suppress(OSError):  # it is given up either way
            self._port.close()

    @contextmanager
    def _gone(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise DeviceError(Code.TIMEOUT, f"{self.place} takes no data", f"{self.place} 不接收数据") from error
        except (OSError, TypeError) as error:  # pySerial's own errors are OSErrors, save where the port was closed under it
            raise DeviceError(Code.OFFLINE, f"{self.place} is gone: unplugged or hung up", f"{self.place} 已断开") from error


class SerialDriver(SharedLinkDriver[SerialLine]):
    """Base of drivers on a serial line."""

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.exchange = threading.RLock()

    @contextmanager
    def connect(self) -> Iterator[SerialLine]:
        line = open_line(self.config)
        line.stopping = self.stopping
        try:
            with self.holding(line):
                yield line
        finally:
            with self.exchange:
                line.close()

    @contextmanager
    def lined(self) -> Iterator[SerialLine]:
        """The line, claimed for one exchange; otherwise as `linked`."""
        with self.linked() as line, self.exchange:
            yield line


def open_line(config: SerialConfig) -> SerialLine:
    """The line that the settings name, claimed and empty.

    DeviceError: CLAIMED where another program has it, NO_HARDWARE where it is not there, ILLEGAL for parameters that the port does not
    have, NO_SERVICE where pySerial or the right to use the port is missing, TIMEOUT or OFFLINE where a device server does not answer.
    """
    try:
        import serial
    except ImportError as error:
        raise not_installed("pyserial") from error
    address = _named(config.address)
    more = {} if address.startswith("rfc2217:") else {"write_timeout": config.timeout_s}
    if "://" not in address:
        more["exclusive"] = True
    try:
        port = serial.serial_for_url(
            address,
            config.baud,
            bytesize=config.data_bits,
            parity=PARITY[config.parity],
            stopbits=config.stop_bits,
            timeout=LOOK_S,
            rtscts=config.flow == "rts_cts",
            xonxoff=config.flow == "xon_xoff",
            **more,
        )
    except REFUSED as error:
        en, zh = f"{config.address} cannot be set so: {error}", f"{config.address} 不支持所设参数：{error}"
        raise DeviceError(Code.ILLEGAL, en, zh) from error
    except OSError as error:
        raise _not_opened(error, config.address) from error
    _keep_alive(port)
    return SerialLine(port, config.address, config.timeout_s)


def _named(address: str) -> str:
    """The system's name of a port that is given by its USB ids."""
    if not address.startswith("usb:"):
        return address
    from serial.tools import list_ports

    vendor, product, *serial_number = address[4:].split(":", 2)
    for one in list_ports.comports():
        if (one.vid, one.pid) == (int(vendor, 16), int(product, 16)) and serial_number in ([], [one.serial_number]):
            return str(one.device)
    raise DeviceError(Code.NO_HARDWARE, f"there is no {address}", f"{address} 不存在")


def _not_opened(error: OSError, place: str) -> DeviceError:
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    if cause.errno in (EWOULDBLOCK, EBUSY):
        return DeviceError(Code.CLAIMED, f"{place} is in use by another program", f"{place} 已被其他程序占用")
    known = {ENOENT: FileNotFoundError(), EACCES: PermissionError()}.get(cause.errno or 0)
    return of_os(known or cause, place)


def _keep_alive(port: Any) -> None:
    """Have TCP tell when the device server is gone without a word; pySerial shows its socket nowhere else."""
    line = getattr(port, "_socket", None)
    if not isinstance(line, socket.socket):
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in zip(("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"), NOTICE_S, strict=True):
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
