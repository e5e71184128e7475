"""Scanners that present themselves as a USB keyboard, on Linux by evdev.

The keyboard is claimed for this driver alone, so that no code lands in another program. The scanner's keyboard layout is to be the US
one, as it is unless set otherwise; Ctrl with `]` is the GS1 separator. A named pipe may stand in place of the device, into which the
device's events come from another host (`struct input_event` of linux/input.h, as `cat /dev/input/event0` gives them).
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from errno import EBUSY
from typing import TYPE_CHECKING, Any, ClassVar

from storeloom.core.kernel.adapter import Found
from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, not_installed, of_os
from storeloom.hardware_adapters.scanner.codes import LONGEST, CodeConfig, CodeReader

if TYPE_CHECKING:
    from evdev.events import InputEvent

LOOK_S = 0.1
PLAIN = {
    **{f"KEY_{sign}": (sign.lower(), sign) for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{f"KEY_{digit}": (digit, upper) for digit, upper in zip("1234567890", "!@#$%^&*()", strict=True)},
    **{f"KEY_KP{digit}": (digit, digit) for digit in "0123456789"},
    "KEY_SPACE": (" ", " "), "KEY_MINUS": ("-", "_"), "KEY_EQUAL": ("=", "+"), "KEY_LEFTBRACE": ("[", "{"), "KEY_RIGHTBRACE": ("]", "}"),
    "KEY_SEMICOLON": (";", ":"), "KEY_APOSTROPHE": ("'", '"'), "KEY_GRAVE": ("`", "~"), "KEY_BACKSLASH": ("\\", "|"),
    "KEY_COMMA": (",", "<"), "KEY_DOT": (".", ">"), "KEY_SLASH": ("/", "?"), "KEY_KPSLASH": ("/", "/"), "KEY_KPASTERISK": ("*", "*"),
    "KEY_KPMINUS": ("-", "-"), "KEY_KPPLUS": ("+", "+"), "KEY_KPDOT": (".", "."),
}  # fmt: skip
ENDS = ("KEY_ENTER", "KEY_KPENTER", "KEY_TAB")
UP, DOWN = 0, 1


class HidScanner(LinkDriver[Any]):
    zh, en = "键盘口扫码器（USB HID）", "Keyboard scanner (USB HID)"
    purpose_zh = "独占以 USB 键盘方式工作的扫码器，解析 GS1 条码、二维码与店内称重码，不干扰其他程序的输入。"
    kind = "scanner"
    feeds = ("scanner.code", "device.status")
    discovers = "the input devices of this host, as *, or those whose name holds a text"
    twin = "storeloom.hardware_adapters.scanner.hid_scanner_twin:HidScannerTwin"
    first_wait_s: ClassVar[float] = 0.2
    longest_wait_s: ClassVar[float] = 5.0

    class Config(CodeConfig):
        address: str = setting(
            "/dev/input/by-id/usb-scanner-event-kbd",
            "Device: /dev/input/by-id/NAME, usb:VID:PID, usb:VID:PID:SERIAL, or a named pipe with its events",
            "设备：/dev/input/by-id/名称、usb:厂商号:产品号、usb:厂商号:产品号:序列号，或传送其事件的命名管道",
            effect="restart",
            pattern=r"^(/\S+|usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(:\S+)?)$",
        )
        pause_s: float = setting(
            1.0, "Pause after which nothing more of a code comes", "视为条码中断的停顿", unit="s", effect="restart", ge=0.05, le=10
        )

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._reader = CodeReader(device, config)

    @contextmanager
    def connect(self) -> Iterator[Any]:
        source = open_source(self.config.address)
        try:
            yield source
        finally:
            with suppress(OSError):  # an unplugged device cannot be let go any more
                source.close()

    def session(self, link: Any) -> Facts:
        from evdev import ecodes

        typist, heard = Typist(ecodes.KEY), time.monotonic()
        while not self.stopping.is_set():
            events = read(link, self.place())
            if not events:
                if time.monotonic() - heard >= self.config.pause_s:
                    typist.text = ""
                continue
            heard = time.monotonic()
            for event in events:
                text = typist.typed(event) if event.type == ecodes.EV_KEY else None
                if text:
                    yield from self._told(text)

    def _told(self, text: str) -> Iterator[Fact]:
        try:
            fact = self._reader.fact(text, self.now())
        except ValueError:  # what a keyboard types that is no scanner
            return
        if fact is not None:
            yield fact

    def identity(self, link: Any) -> Mapping[str, str | float | bool]:
        if not hasattr(link, "info"):
            return {}
        return {"model": link.name, "usb": f"{link.info.vendor:04x}:{link.info.product:04x}"}

    @classmethod
    def discover(cls, where: str, seconds: float) -> Iterator[Found]:
        import evdev

        for path in evdev.list_devices():
            with closing(evdev.InputDevice(path)) as device:
                keys = device.capabilities().get(evdev.ecodes.EV_KEY, ())
                if evdev.ecodes.KEY_ENTER in keys and (where == "*" or where.lower() in device.name.lower()):
                    usb = f"usb:{device.info.vendor:04x}:{device.info.product:04x}"
                    yield Found({"address": f"{usb}:{device.uniq}" if device.uniq else usb}, {"name": device.name, "path": str(path)})


class Typist:
    """Puts key events together; `typed` gives a text when its end is typed. `names` are evdev's names of key codes."""

    def __init__(self, names: Mapping[int, Any]) -> None:
        self.text = ""
        self._names, self._held = names, set[str]()
        self._capitals = False

    def typed(self, event: InputEvent) -> str | None:
        name = self._names.get(event.code, "")
        name = name if isinstance(name, str) else name[0]
        modifier = next((one for one in ("SHIFT", "CTRL", "ALT") if name.endswith(one)), "")
        if modifier:
            (self._held.add if event.value != UP else self._held.discard)(modifier)
        elif event.value != DOWN:
            pass
        elif name in ENDS:
            text, self.text = self.text, ""
            return text
        elif name == "KEY_CAPSLOCK":
            self._capitals = not self._capitals
        elif name in PLAIN and "ALT" not in self._held:
            self.text = (self.text + self._sign(name))[-2 * LONGEST :]
        return None

    def _sign(self, name: str) -> str:
        plain, shifted = PLAIN[name]
        if "CTRL" in self._held:
            return chr(ord(shifted if plain.isalpha() else plain) & 0x1F)
        return shifted if ("SHIFT" in self._held) != (self._capitals and plain.isalpha()) else plain


def open_source(address: str) -> Any:
    """The device, claimed, or the pipe. DeviceError where it is not there, is claimed by another program, or evdev is missing."""
    try:
        import evdev
    except ImportError as error:
        raise not_installed("evdev (Linux)", "input") from error
    try:
        path = _path(address)
        if stat.S_ISFIFO(os.stat(path).st_mode):
            return pipe(path)
        device = evdev.InputDevice(path)
    except OSError as error:
        raise of_os(error, address) from error
    try:
        device.grab()
    except OSError as error:
        device.close()
        if error.errno == EBUSY:
            raise DeviceError(Code.CLAIMED, f"{address} is in use by another program", f"{address} 已被其他程序占用") from error
        raise of_os(error, address) from error
    return device


def _path(address: str) -> str:
    if not address.startswith("usb:"):
        return address
    import evdev

    vendor, product, *serial_number = address[4:].split(":", 2)
    for path in evdev.list_devices():
        with closing(evdev.InputDevice(path)) as one:
            if (one.info.vendor, one.info.product) == (int(vendor, 16), int(product, 16)) and serial_number in ([], [one.uniq]):
                return str(path)
    raise DeviceError(Code.NO_HARDWARE, f"there is no {address}", f"{address} 不存在")


def pipe(path: str) -> Any:
    """A pipe that is read as evdev reads a device."""
    from evdev.eventio import EventIO

    class Pipe(EventIO):
        def __init__(self) -> None:
            self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

        def close(self) -> None:
            os.close(self.fd)

    return Pipe()


def read(source: Any, place: str) -> list[InputEvent]:
    """What has been typed; waits a moment for it. DeviceError once the device is gone."""
    if not select.select([source.fileno()], [], [], LOOK_S)[0]:
        return []
    try:
        events = list(source.read())
    except OSError as error:
        events = []
        if isinstance(error, BlockingIOError):
            return events
    if not events:
        raise DeviceError(Code.OFFLINE, f"{place} is gone: unplugged", f"{place} 已拔出")
    return events
