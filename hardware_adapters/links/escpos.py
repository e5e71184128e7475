"""ESC/POS devices for drivers: printers, customer displays, cash drawers (Epson, ESC/POS Command Reference); on python-escpos.

A driver is an `EscposDriver` whose `Config` is an `EscposConfig`. Every job has a connection of its own, which is closed after it: such
devices serve one host at a time, and one that stays connected keeps all others out. `self.job()` gives it; between jobs the driver asks
for the status every `poll_s`, and at once after a job that failed. What a device answers is told by its fixed bits, so that bytes that are
no answer (automatic status, noise) are passed over.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import ETIMEDOUT
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, not_installed, of_os
from storeloom.hardware_adapters.links.kept import Done
from storeloom.hardware_adapters.links.serial_line import SerialConfig, open_line

DLE_EOT, GS_R, GS_I = b"\x10\x04", b"\x1dr", b"\x1dI"
CHUNK = 1024
LOOK_S = 0.2
TURN_S = 25.0
REMEMBERED = 500
PROBLEMS: Mapping[str, tuple[str, str]] = {
    "cover_open": ("its cover is open", "机盖打开"),
    "paper_out": ("it has no paper", "缺纸"),
    "cutter": ("its cutter is jammed", "切刀故障"),
    "broken": ("it has an error that only switching off can clear, if that", "设备故障，需断电重启或维修"),
    "hot": ("it waits until it has cooled down", "打印头过热，等待冷却"),
    "fed_by_hand": ("somebody feeds paper by its button", "正在手动走纸"),
    "waiting": ("it is not on line", "设备未联机"),
}
LOW = {"code": "paper_low", "words": {"en": "its paper is near the end", "zh": "纸将用尽"}}


class EscposConfig(SerialConfig):
    """Where the device is. Nothing but the address is needed."""

    address: str = setting(
        "tcp://127.0.0.1:9100",
        "Device: tcp://HOST:9100, usb:VID:PID, /dev/ttyUSB0, COM3, socket://HOST:PORT or rfc2217://HOST:PORT",
        "设备：tcp://主机:9100、usb:厂商号:产品号、/dev/ttyUSB0、COM3、socket://主机:端口 或 rfc2217://主机:端口",
        effect="restart",
        pattern=r"^(tcp://[^/@\s:]+(:\d{1,5})?|/\S+|COM\d{1,3}|usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}|(socket|rfc2217)://[^/@\s]+:\d{1,5})$",
    )
    timeout_s: float = setting(3.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=10)
    poll_s: float = setting(10.0, "Status is asked for every", "状态查询间隔", unit="s", effect="restart", ge=0.05, le=3600)
    answers: bool = setting(
        True, "The device answers when its status is asked for", "设备可应答状态查询", effect="restart",
        help_en="Off: a job counts as done once it is sent.", help_zh="关闭时，任务发出即视为完成。",
    )  # fmt: skip
    usb_in: int = setting(0x82, "USB endpoint in", "USB 输入端点", effect="restart", ge=0x81, le=0x8F)
    usb_out: int = setting(0x01, "USB endpoint out", "USB 输出端点", effect="restart", ge=0x01, le=0x0F)


@dataclass(frozen=True)
class DeviceState:
    """What a device says of itself: a problem (one of PROBLEMS) or none, paper near its end, and its drawer connector's pin 3."""

    problem: str = ""
    paper_low: bool = False
    pin_high: bool = False

    def need_ready(self) -> None:
        """DeviceError where a job cannot be done now: EXTENDED with the problem, or BUSY where it passes by itself."""
        if self.problem:
            en, zh = PROBLEMS[self.problem]
            passing = self.problem in ("hot", "fed_by_hand", "waiting")
            raise DeviceError(Code.BUSY if passing else Code.EXTENDED, en, zh, extended="" if passing else self.problem)


class EscposJob:
    """A connection for one job. Every method raises DeviceError where the device is gone, takes nothing or does not answer in time."""

    def __init__(self, device: Any, place: str, timeout_s: float, stopping: threading.Event | None = None) -> None:
        self.device, self.place, self.timeout_s = device, place, timeout_s
        self._stopping = stopping
        self._passed_over = b""
        self.sent = False

    def send(self, data: bytes) -> None:
        """In pieces, each with its own time: a printer takes in as fast as it prints."""
        with self._told():
            for start in range(0, len(data), CHUNK):
                self.device._raw(data[start : start + CHUNK])
                self.sent = True

    def ask(self, request: bytes, fits: Callable[[int], bool]) -> int:
        """The byte that answers a request; others are passed over. TIMEOUT where none comes in time."""
        pieces = self._answers(request)
        while True:
            piece = next(pieces)
            at = next((at for at, byte in enumerate(piece) if fits(byte)), None)
            self._passed_over += piece if at is None else piece[:at] + piece[at + 1 :]
            if at is not None:
                return piece[at]

    def about(self, number: int) -> str:
        """What GS I tells of the device: 65 firmware, 67 model, 68 serial number; empty where it answers nothing."""
        found = b""
        try:
            for piece in self._answers(GS_I + bytes([number])):
                found += piece
                _, head, text = found.partition(b"_")  # the block's header
                if head and b"\x00" in text:
                    return text.partition(b"\x00")[0].decode("ascii", "replace").strip()
        except DeviceError as error:
            if error.code is not Code.TIMEOUT:
                raise
        return ""

    def _answers(self, request: bytes) -> Iterator[bytes]:
        """What comes in after a request, without end; TIMEOUT once the time for an answer is over."""
        with self._told():
            if request:
                self.device._raw(request)
            until = time.monotonic() + self.timeout_s
            while (left := until - time.monotonic()) > 0:
                if self._stopping is not None and self._stopping.is_set():
                    raise DeviceError(Code.CLOSED, "the driver is closed", "驱动已关闭")
                yield self._read(min(left, LOOK_S))
        raise DeviceError(Code.TIMEOUT, f"{self.place} did not answer in time", f"{self.place} 未在规定时间内应答")

    def _read(self, left_s: float) -> bytes:
        line = self.device.device
        if not hasattr(line, "settimeout"):
            try:
                return bytes(self.device._read())
            except OSError as error:
                if error.errno == ETIMEDOUT:  # pyusb's way to say that nothing has come
                    return b""
                raise
        line.settimeout(left_s)
        try:
            data = bytes(self.device._read())
        except TimeoutError:
            return b""
        finally:
            line.settimeout(self.timeout_s)
        if not data:
            raise ConnectionResetError
        return data

    def status(self, number: int) -> int:
        """Real-time status (DLE EOT n): bits 1 and 4 set, 0 and 7 not."""
        return self.ask(DLE_EOT + bytes([number]), lambda byte: byte & 0x93 == 0x12)

    def state(self) -> DeviceState:
        """What the device says of itself, whether or not it is on line."""
        main, paper = self.status(1), self.status(4)
        problem = ""
        if paper & 0x60:
            problem = "paper_out"
        if main & 0x08:
            cause = self.status(2)
            if cause & 0x04:
                problem = "cover_open"
            elif cause & 0x20:
                problem = "paper_out"
            elif cause & 0x40:
                error = self.status(3)
                problem = "cutter" if error & 0x08 else "broken" if error & 0x20 else "hot" if error & 0x40 else "waiting"
            elif cause & 0x08:
                problem = "fed_by_hand"
            problem = problem or "waiting"
        return DeviceState(problem, bool(paper & 0x0C), bool(main & 0x04))

    def wait_done(self, longest_s: float) -> None:
        """Return once all that was sent is printed: GS r is answered in its turn. DeviceError where printing stops, or lasts longer."""
        until = time.monotonic() + longest_s
        request, self._passed_over = GS_R + b"\x01", b""
        while not any(byte & 0x90 == 0 for byte in self._passed_over):  # it may come in between two bytes of the status
            try:
                self.ask(request, lambda byte: byte & 0x90 == 0)
                return
            except DeviceError as error:
                if error.code is not Code.TIMEOUT or time.monotonic() > until:
                    raise
                self.state().need_ready()
                request = b""

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, AssertionError) as error:
            raise of_os(error if isinstance(error, OSError) else ConnectionResetError(), self.place) from error


class EscposDriver(LinkDriver[None]):
    """Base of drivers of ESC/POS devices. A subclass gives `kind` and `command`, and may give `look` more to do."""

    first_wait_s: ClassVar[float] = 0.2
    longest_wait_s: ClassVar[float] = 10.0

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.at_work = threading.Lock()
        self._done = Done(self, REMEMBERED)
        self._ask_now = threading.Event()
        self._state = DeviceState()

    @contextmanager
    def connect(self) -> Iterator[None]:
        """Reach the device once; between jobs there is no connection."""
        with self.at_work:
            self.look().need_ready()
        yield

    def look(self) -> DeviceState:
        """Ask for the status. Only under `at_work`."""
        with self.job() as job:
            self._state = job.state() if self.config.answers else DeviceState()
        return self._state

    def session(self, link: None) -> Facts:
        while not self._waited():
            with self.at_work:
                self.look().need_ready()
                facts = [*self.seen(self._state), *self.tell("online")]
            yield from (fact for fact in facts)  # a generator: a list takes no receipts

    def seen(self, state: DeviceState) -> Iterator[Fact]:
        """Facts that come of a status, besides the device's own."""
        return iter(())

    def idle(self) -> None:
        """Looked in on every `LOOK_S` between two statuses."""

    def _waited(self) -> bool:
        """Wait until the status is to be asked for; True where the driver is to end."""
        until = time.monotonic() + self.config.poll_s
        while (left := until - time.monotonic()) > 0 and not self.stopping.is_set():
            self.idle()
            if self._ask_now.wait(min(left, LOOK_S)):
                break
        self._ask_now.clear()
        return self.stopping.is_set()

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        if state == "online" and self._state.paper_low:
            state, more = "degraded", {**more, **LOW}
        yield from super().tell(state, **more)

    @contextmanager
    def job(self) -> Iterator[EscposJob]:
        """A connection for one job; a printer and the drawer or display behind it take turns. DeviceError where it cannot be reached."""
        with _turn(self.config.address, self.stopping):
            job = open_job(self.config, self.stopping)
            try:
                yield job
            finally:
                with suppress(OSError):  # it is given up either way
                    job.device.close()

    @contextmanager
    def commanded(self, cmd: str | None) -> Iterator[bool]:
        """Around a command: True where it is to be carried out, False where it was before. What fails is looked into at once."""
        with self.at_work:
            if cmd is not None and cmd in self._done:
                yield False
                return
            try:
                yield True
            except BaseException:
                self._ask_now.set()
                raise
            if cmd is not None:
                self._done[cmd] = []

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        """By its id, else by the till where both name one."""
        till = getattr(self.config, "till", "")
        named = super().serves(stream, data)
        return data["till"] == till if named is None and till and data.get("till") else named

    @abstractmethod
    def command(self, stream: str, data: Mapping[str, Any], at: Any) -> list[Fact]: ...

    def identity(self, link: None) -> Mapping[str, str | float | bool]:
        if not self.config.answers:
            return {}
        with self.at_work, self.job() as job:
            found = {name: job.about(number) for name, number in (("model", 67), ("firmware", 65), ("serial", 68))}
        return {name: text for name, text in found.items() if text}


_turns: dict[str, threading.Lock] = {}


@contextmanager
def _turn(address: str, stopping: threading.Event) -> Iterator[None]:
    """Have an address alone among this process's drivers. DeviceError (BUSY) where another one has it for very long."""
    lock = _turns.setdefault(address, threading.Lock())
    until = time.monotonic() + TURN_S
    while not lock.acquire(timeout=LOOK_S):
        if stopping.is_set():
            raise DeviceError(Code.CLOSED, "the driver is closed", "驱动已关闭")
        if time.monotonic() > until:
            raise DeviceError(Code.BUSY, f"{address} is at work for another device", f"{address} 正在处理其他设备的任务")
    try:
        yield
    finally:
        lock.release()


def open_job(config: Any, stopping: threading.Event | None = None) -> EscposJob:
    """Connect by python-escpos. DeviceError where that fails."""
    try:
        from escpos.exceptions import DeviceNotFoundError
    except ImportError as error:
        raise not_installed("python-escpos") from error
    address: str = config.address
    if not address.startswith(("tcp://", "usb:")):
        return EscposJob(_on_line(config), address, config.timeout_s, stopping)
    device = _network(config) if address.startswith("tcp://") else _usb(config)
    try:
        device.open()
    except DeviceNotFoundError as error:
        cause = error.__context__
        if isinstance(cause, TimeoutError) or (isinstance(cause, OSError) and cause.errno is not None):
            raise of_os(cause, address) from error
        raise DeviceError(Code.NO_HARDWARE, f"there is no {address}", f"{address} 不存在") from error
    except ValueError as error:  # pyusb's NoBackendError
        if type(error).__name__ != "NoBackendError":
            raise
        install = "sudo apt-get install libusb-1.0-0"
        raise DeviceError(Code.NO_SERVICE, f"libusb is not installed: {install}", f"未安装 libusb：{install}") from error
    return EscposJob(device, address, config.timeout_s, stopping)


def _network(config: Any) -> Any:
    from escpos.printer import Network

    found = urlsplit(config.address)
    try:
        return Network(found.hostname or "", found.port or 9100, timeout=config.timeout_s)
    except ValueError as error:
        raise DeviceError(Code.ILLEGAL, f"{config.address}: no such port", f"{config.address}：端口无效") from error


def _usb(config: Any) -> Any:
    from escpos.printer import Usb

    if not Usb.is_usable():
        raise not_installed("pyusb")
    vendor, product = config.address[4:].split(":")
    return Usb(int(vendor, 16), int(product, 16), timeout=round(config.timeout_s * 1000), in_ep=config.usb_in, out_ep=config.usb_out)


def _on_line(config: Any) -> Any:
    """An ESC/POS device of python-escpos on one of our serial lines, which are claimed and tell when they are gone."""
    from escpos.escpos import Escpos

    line = open_line(config)

    class OnLine(Escpos):  # type: ignore[misc, unused-ignore]
        device = line

        def open(self) -> None:
            """It is open."""

        def _raw(self, msg: bytes) -> None:
            if msg:
                line.write(msg)

        def _read(self) -> bytes:
            return line.read(LOOK_S)

        def close(self) -> None:
            line.close()

    return OnLine()


Charset = Literal["gb18030", "big5", "shift_jis", "cp437", "cp850", "cp858", "cp866", "cp1252"]
MULTIBYTE = ("gb18030", "big5", "shift_jis")
KANJI_ON, KANJI_OFF = b"\x1c&", b"\x1c."
# Numbers of the code pages for ESC t n, the same on every TM printer that has them.
CODE_PAGES: Mapping[str, int] = {"cp437": 0, "cp850": 2, "cp866": 17, "cp858": 19, "cp1252": 16}


def encoded(text: str, charset: str) -> bytes:
    """A text in the device's charset. DeviceError (ILLEGAL) naming the sign that it lacks."""
    try:
        return text.encode(charset)
    except UnicodeEncodeError as error:
        sign = text[error.start]
        raise DeviceError(Code.ILLEGAL, f"the charset {charset} lacks {sign!r}", f"字符集 {charset} 不含字符 {sign!r}") from error


def select_charset(charset: str) -> bytes:
    """The command that has the device read text in a charset: FS & for those of two bytes a sign, ESC t n for the others."""
    return KANJI_ON if charset in MULTIBYTE else KANJI_OFF + b"\x1bt" + bytes([CODE_PAGES[charset]])
