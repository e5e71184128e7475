"""Scanners on a line and as a keyboard: charsets, ends, what is cut off, what keys type."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.serial_twin import SerialTwin
from storeloom.hardware_adapters.scanner.hid_scanner import HidScanner, Typist, open_source
from storeloom.hardware_adapters.scanner.hid_scanner_twin import HidScannerTwin, keystrokes
from storeloom.hardware_adapters.scanner.serial_scanner import SerialScanner


class Gun(SerialTwin):
    """A scanner that sends what it is told."""

    def act(self, number: int) -> Any:
        raise NotImplementedError


@contextmanager
def scanning(**settings: Any) -> Iterator[tuple[Callable[..., None], Callable[[int], list[str]], Rig]]:
    """What sends bytes, what waits for so many codes, and the rig."""
    with Gun() as gun:
        driver = SerialScanner("gun-1", SerialScanner.Config(**{**gun.settings(), "repeat_s": 0, "pause_s": 0.15, **settings}))
        rig = Rig(driver)
        try:
            assert rig.wait_for(lambda: rig.state() == "online", 5.0)

            def codes(count: int) -> list[str]:
                rig.wait_for(lambda: len([one for one in rig.facts if one.stream == "scanner.code"]) >= count, 3.0)
                return [one.data["code"] for one in rig.facts if one.stream == "scanner.code"]

            yield gun._send, codes, rig
        finally:
            rig.close(5.0)


def test_codes_end_with_cr_or_lf_or_both() -> None:
    with scanning() as (send, codes, _):
        send(b"A1\r\nB2\rC3\nD4\r\n")
        assert codes(4) == ["A1", "B2", "C3", "D4"]


def test_codes_in_stx_and_etx_and_by_a_pause() -> None:
    with scanning(end="etx") as (send, codes, _):
        send(b"\x02A1\x03\x02B2\x03")
        assert codes(2) == ["A1", "B2"]
    with scanning(end="pause") as (send, codes, _):
        send(b"6901")
        send(b"234")
        assert codes(1) == ["6901234"]


def test_chinese_in_the_set_charset() -> None:
    with scanning(charset="gb18030") as (send, codes, _):
        send("会员𠮷\r".encode("gb18030"))
        assert codes(1) == ["会员𠮷"]


def test_half_a_code_is_never_joined_to_the_next_one() -> None:
    with scanning() as (send, codes, rig):
        send(b"690123")
        assert rig.wait_for(lambda: rig.state() == "degraded", 3.0)
        send(b"B2\r")
        assert codes(1) == ["B2"]
        assert rig.state() == "online"


def test_another_charset_is_told_and_gives_no_code() -> None:
    with scanning() as (send, codes, rig):
        send("会员".encode("gb18030") + b"\r")
        assert rig.wait_for(lambda: rig.state() == "degraded", 3.0)
        assert codes(0) == []
        told = [one.data for one in rig.facts if one.data.get("code") == "bad_code"]
        assert told[0]["text"] == "it sends what is no code in the set charset; look at its speed, parity and charset"


evdev = pytest.importorskip("evdev", reason="evdev is for Linux alone")


class Key:
    """A key event."""

    def __init__(self, name: str, value: int) -> None:
        self.code, self.value = evdev.ecodes.ecodes[name], value


def typed(*events: tuple[str, int]) -> list[str | None]:
    typist = Typist(evdev.ecodes.KEY)
    return [text for name, value in events if (text := typist.typed(Key(name, value))) is not None]


def test_shift_caps_lock_and_the_gs1_separator() -> None:
    keys = [("KEY_A", 1), ("KEY_A", 2), ("KEY_A", 0), ("KEY_LEFTSHIFT", 1), ("KEY_B", 1), ("KEY_B", 0), ("KEY_1", 1), ("KEY_LEFTSHIFT", 0)]
    assert typed(*keys, ("KEY_ENTER", 1)) == ["aB!"]
    assert typed(("KEY_CAPSLOCK", 1), ("KEY_A", 1), ("KEY_1", 1), ("KEY_TAB", 1)) == ["A1"]
    assert typed(("KEY_LEFTCTRL", 1), ("KEY_RIGHTBRACE", 1), ("KEY_LEFTCTRL", 0), ("KEY_KP7", 1), ("KEY_ENTER", 1)) == ["\x1d7"]


@pytest.mark.parametrize("text", ["]C10109501101530003", "https://id.gs1.org/01/09501101530003?17=261231", "a\x1dB-_{}~'\"\\|"])
def test_every_sign_comes_back_as_it_was_typed(text: str) -> None:
    typist = Typist(evdev.ecodes.KEY)
    events = [Key(evdev.ecodes.KEY[code] if isinstance(evdev.ecodes.KEY[code], str) else evdev.ecodes.KEY[code][0], value)
              for kind, code, value in keystrokes(text) if kind == evdev.ecodes.EV_KEY]  # fmt: skip
    assert [found for one in events if (found := typist.typed(one)) is not None] == [text]


class Keyboard:
    """evdev's device, as far as the driver uses it."""

    def __init__(self, path: str, grabbed: list[str], taken: bool = False) -> None:
        self.path, self._grabbed, self._taken, self.closed = path, grabbed, taken, False

    def grab(self) -> None:
        if self._taken:
            raise OSError(16, "Device or resource busy")
        self._grabbed.append(self.path)

    def close(self) -> None:
        self.closed = True


def test_a_keyboard_is_claimed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "event0"
    path.touch()
    grabbed: list[str] = []
    monkeypatch.setattr(evdev, "InputDevice", lambda where: Keyboard(where, grabbed))
    open_source(str(path))
    assert grabbed == [str(path)]
    taken = Keyboard(str(path), grabbed, taken=True)
    monkeypatch.setattr(evdev, "InputDevice", lambda where: taken)
    with pytest.raises(DeviceError) as caught:
        open_source(str(path))
    assert (caught.value.code, taken.closed) == (Code.CLAIMED, True)
    with pytest.raises(DeviceError) as caught:
        open_source(str(tmp_path / "event1"))
    assert caught.value.code is Code.NO_HARDWARE


def test_half_a_typed_code_is_dropped_after_the_pause() -> None:
    with HidScannerTwin() as twin:
        rig = Rig(HidScanner("unit-1", HidScanner.Config(**twin.settings())))
        try:
            assert rig.wait_for(lambda: rig.state() == "online", 5.0)
            twin._send(list(keystrokes("69012"))[:-5])
            time.sleep(0.6)
            twin._send(list(keystrokes("B2")))
            assert rig.wait_for(lambda: any(one.data.get("code") == "B2" for one in rig.facts), 3.0)
        finally:
            rig.close(5.0)


@pytest.mark.skipif(not os.access("/dev/uinput", os.W_OK), reason="no right to make input devices on this host")
def test_a_keyboard_of_the_kernels_own() -> None:
    with evdev.UInput(name="storeloom scanner") as keyboard:
        rig = Rig(HidScanner("unit-1", HidScanner.Config(address=keyboard.device.path)))
        try:
            assert rig.wait_for(lambda: rig.state() == "online", 5.0)
            for kind, code, value in keystrokes("9501101530003"):
                keyboard.write(kind, code, value)
            assert rig.wait_for(lambda: any(one.data.get("gtin") == "9501101530003" for one in rig.facts), 3.0)
        finally:
            rig.close(5.0)
