"""What drivers of screens share, over whatever they speak: messages with numbers, answers to them, events that are told once.

To a screen goes `{"n": number, "cmd": id, "show": {...}}`, with `"again": true` where it may have had it; it answers
`{"ack": number, "state": "shown"}`, or `"failed"` with `why`. A number that it has shown, and a `cmd` that it has shown under another
number, is answered and not shown again. From a screen comes `{"e": number, "series": id, "time": RFC 3339, "event": {...}}`; numbers rise
within a series, and a screen that loses its memory begins another. It is told `{"got": number}` once the event is stored,
`{"refused": number, "why": words}` where it makes no sense, and sends what it has not been told of again, in order.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.hardware_adapters.links.card_numbers import holds_card_number
from storeloom.hardware_adapters.links.errors import Code, DeviceError

REMEMBERED = 500
GTIN_LENGTHS = (8, 12, 13, 14)


class BadEvent(Exception):
    """An event that makes no sense; `words` say why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words: Mapping[str, str] = {"en": en, "zh": zh}


@dataclass
class Shown:
    """A message to a screen: `state` is empty until it answers."""

    number: int
    cmd: str
    data: Mapping[str, Any]
    until: float | None
    state: str = ""
    why: str = ""

    def message(self, again: bool) -> dict[str, Any]:
        return {"n": self.number, "cmd": self.cmd, "show": dict(self.data), **({"again": True} if again else {})}


@dataclass
class _Screen:
    newest: Shown | None = None
    done: OrderedDict[str, Shown] = field(default_factory=OrderedDict)


class ScreenBook:
    """The screens of a driver and what they are to show. `series` tells this driver's numbers from those before its restart."""

    def __init__(self, source: str, name_key: str, event_stream: str) -> None:
        self.source, self._name_key, self._event_stream = source, name_key, event_stream
        self.series = secrets.token_hex(8)
        self._screens: dict[str, _Screen] = {}
        self._number = 0
        self._changed = threading.Condition()

    def show(self, screen: str, data: Mapping[str, Any]) -> Shown:
        """The message for a command; the one from before where it comes again."""
        with self._changed:
            kept = self._screens.setdefault(screen, _Screen())
            cmd = str(data.get("cmd") or f"{self.series}-{self._number + 1}")
            known = kept.done.get(cmd) or (kept.newest if kept.newest is not None and kept.newest.cmd == cmd else None)
            if known is not None and known.state != "failed":
                return known
            self._number += 1
            seconds = data.get("seconds")
            until = None if seconds is None else time.monotonic() + float(seconds)
            shown = {key: value for key, value in data.items() if key not in (self._name_key, "cmd")}
            kept.newest = Shown(self._number, cmd, shown, until)
            return kept.newest

    def resumed(self, screen: str, series: str, last: int) -> Shown | None:
        """What a screen that comes back is to show: the newest message, where it has not had it and its time is not over."""
        with self._changed:
            newest = self._screens.setdefault(screen, _Screen()).newest
            over = newest is not None and newest.until is not None and newest.until <= time.monotonic()
            return None if newest is None or over or (series == self.series and last >= newest.number) else newest

    def acknowledged(self, screen: str, answer: Mapping[str, Any]) -> None:
        """A screen's answer; one to a message that is no longer the newest, or answered already, changes nothing."""
        with self._changed:
            kept = self._screens.setdefault(screen, _Screen())
            newest = kept.newest
            if newest is None or newest.number != answer.get("ack") or newest.state == "shown":
                return
            newest.state = "failed" if answer.get("state") == "failed" else "shown"
            newest.why = str(answer.get("why", ""))[:100]
            if newest.state == "shown":
                kept.done[newest.cmd] = newest
                while len(kept.done) > REMEMBERED:
                    kept.done.popitem(last=False)
            self._changed.notify_all()

    def wait(self, shown: Shown, screen: str, seconds: float) -> None:
        """Until the screen shows it. DeviceError when it cannot, or says nothing in time."""
        with self._changed:
            self._changed.wait_for(lambda: shown.state != "", seconds)
            state, why = shown.state, shown.why
        if not state:
            raise DeviceError(Code.TIMEOUT, f"screen {screen} does not answer", f"屏幕 {screen} 无应答")
        if state == "failed":
            en, zh = (f": {why}", f"：{why}") if why else ("", "")
            raise DeviceError(Code.FAILURE, f"screen {screen} cannot show it{en}", f"屏幕 {screen} 无法显示{zh}")

    def event(self, screen: str, told: Mapping[str, Any], now: datetime) -> Fact:
        """The fact of an event; its key and time tell a repeat. BadEvent where it makes no sense or holds a card number."""
        number, series, event = told.get("e"), told.get("series"), told.get("event")
        if not isinstance(number, int) or isinstance(number, bool) or not isinstance(series, str) or not isinstance(event, dict):
            raise BadEvent("an event has e, series and event", "事件应含 e、series 与 event")
        try:
            at = parse_time(told["time"])
        except (KeyError, TypeError, ValueError):
            raise BadEvent("the time of an event is none", "事件时间有误") from None
        data = {**event, self._name_key: screen}
        if holds_card_number(_but_gtins(data)):
            raise BadEvent("no card number may come in", "不得上传卡号")
        wrong = schemas.first_error(schemas.stream_file(self._event_stream), data)
        if wrong is not None:
            raise BadEvent(f"no {self._event_stream}: {wrong}"[:200], f"不是 {self._event_stream}：{wrong}"[:200])
        return Fact(now, self._event_stream, self.source, data, at, f"{screen}|{series}|{number}")


def _but_gtins(value: Any) -> Any:
    """A value without its GTINs (GS1 General Specifications, 7.9: check digit), of which some look like card numbers."""
    if isinstance(value, dict):
        return {key: _but_gtins(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_but_gtins(one) for one in value]
    digits = isinstance(value, str) and value.isascii() and value.isdigit()
    return "" if digits and len(value) in GTIN_LENGTHS and _checked(value) else value


def quiet() -> logging.Logger:
    """For a library that would log each connection that ends in disorder, with its stack: that is told as a state here."""
    one = logging.getLogger("storeloom.screens.connections")
    one.setLevel(logging.CRITICAL)
    return one


def _checked(digits: str) -> bool:
    return sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(reversed(digits))) % 10 == 0
