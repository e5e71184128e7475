"""For twins of screens: one that keeps its events until they are got, answers what it is to show, and comes back by itself."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson

from storeloom.hardware_adapters.links.screens import quiet
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, CallingTwin

SCREEN, TOKEN = "unit-1", "twin-screen-0001"
OPEN_S, LOOK_S, AGAIN_S, FLOOD = 0.5, 0.02, 0.05, 100
SPOILT = ("reboot", "duplicate", "stale", "checksum", "flood", "odd", "fail")


class ScreenTwin:
    """The screen's own part, over whatever it speaks. `heard` gives what it answers to a message."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.effects: list[dict[str, Any]] = []
        self.queue: dict[int, dict[str, Any]] = {}
        self.store, self.last = "", 0
        self._boots = self._number = 0
        self._cmds: set[str] = set()
        self._before: dict[str, Any] | None = None

    @property
    def series(self) -> str:
        return f"boot-{self._boots}"

    def forget(self) -> None:
        """It starts anew: what it shows and which events it sent is gone, what waits is in its storage."""
        with self.lock:
            waiting = list(self.queue.values())
            self._boots, self._number, self.store, self.last = self._boots + 1, len(waiting), "", 0
            self.queue = {place: {**one, "e": place, "series": self.series} for place, one in enumerate(waiting, 1)}

    def event(self, event: Mapping[str, Any]) -> None:
        with self.lock:
            self._number += 1
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self.queue[self._number] = {"e": self._number, "series": self.series, "time": at, "event": dict(event)}

    def sending(self, fault: str, after: int) -> list[tuple[int, bytes]]:
        """Events with a higher number than `after`, as a fault has them."""
        with self.lock:
            waiting = [one for number, one in self.queue.items() if number > after]
        sent: list[tuple[int, bytes]] = []
        for one in waiting:
            before, self._before = self._before, one
            told = {**one, "event": {"kind": 7}} if fault == "odd" else one
            body = orjson.dumps(told)
            body = body[: len(body) // 2] if fault == "checksum" else body
            stale = [orjson.dumps(before)] if fault == "stale" and before is not None else []
            sent += [(one["e"], each) for each in [*stale, *[body] * {"duplicate": 2, "flood": FLOOD}.get(fault, 1)]]
        return sent

    def heard(self, told: Mapping[str, Any], fault: str) -> list[dict[str, Any]]:
        with self.lock:
            for word in ("got", "refused"):
                if word in told:
                    self.queue.pop(told[word], None)
            if "n" not in told:
                return []
            if fault == "fail":
                return [{"ack": told["n"], "state": "failed", "why": "no room"}]
            if told["n"] > self.last or told["cmd"] not in self._cmds:
                self.last = max(self.last, told["n"])
                if told["cmd"] not in self._cmds:
                    self._cmds.add(told["cmd"])
                    self.effects.append({"cmd": told["cmd"], "screen": told["show"]["screen"]})
            answer = {"ack": told["n"], "state": "shown"}
            return [answer, answer] if fault == "duplicate" else [{"ack": 0, "state": "shown"}, answer] if fault == "stale" else [answer]


class WsScreenTwin(CallingTwin):
    """A screen that connects by WebSocket. A subclass gives `happens` and `wanted`: an event and a command, another for each number."""

    faults = (*WIRE_FAULTS, *SPOILT)
    at_once = 50
    event_stream: ClassVar[str]
    show_stream: ClassVar[str]
    name_key: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.screen = ScreenTwin()
        self._anew = threading.Event()

    @abstractmethod
    def happens(self, number: int) -> Mapping[str, Any]: ...

    @abstractmethod
    def wanted(self, number: int) -> Mapping[str, Any]: ...

    def settings(self) -> Mapping[str, Any]:
        return {"listen": self.listen, "token": "screen_token", "heartbeat_s": 0.5, "ack_s": 1.0}

    def secrets(self) -> Mapping[str, str]:
        return {"screen_token": TOKEN}

    def run(self) -> None:
        from websockets.exceptions import WebSocketException

        while not self.ending.wait(AGAIN_S):
            self._anew.clear()
            try:
                self._talk()
            except (OSError, WebSocketException, ValueError, KeyError, TypeError):
                continue  # the network is away or spoils what comes: it connects again

    def _talk(self) -> None:
        from websockets.sync.client import connect

        with connect(
            f"ws://127.0.0.1:{self.port}",
            open_timeout=OPEN_S,
            close_timeout=0.2,
            ping_interval=0.5,
            ping_timeout=0.5,
            compression=None,
            proxy=None,
            logger=quiet(),
        ) as line:
            screen = self.screen
            hello = {"screen": SCREEN, "token": TOKEN, "series": screen.store, "last": screen.last}
            line.send(orjson.dumps({"hello": hello}).decode())
            store = orjson.loads(line.recv(timeout=OPEN_S))["welcome"]["series"]
            if store != screen.store:
                screen.store, screen.last = store, 0
            self._pass(line.send, line.recv)

    def _pass(self, send: Callable[[str], Any], receive: Callable[..., Any]) -> None:
        """Both ways, until it is to begin anew."""
        sent = 0
        while not self.ending.is_set() and not self._anew.is_set():
            for number, body in self.screen.sending(self.fault, sent):
                send(body.decode())
                sent = max(sent, number)
            try:
                told = orjson.loads(receive(timeout=LOOK_S))
            except TimeoutError:
                continue
            for answer in self.screen.heard(told, self.fault):
                send(orjson.dumps(answer).decode())

    def reboot(self) -> None:
        self.screen.forget()
        self._anew.set()

    def act(self, number: int) -> Sequence[Said]:
        event = self.happens(number)
        self.screen.event(event)
        return [Said(self.event_stream, {**event, self.name_key: SCREEN})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return self.show_stream, {self.name_key: SCREEN, **self.wanted(number), "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.screen.effects)
