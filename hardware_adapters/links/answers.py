"""Commands whose device answers later, by the command's id: who asks waits, and a command that was carried out is not given again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from storeloom.hardware_adapters.links.recent import Recent

REMEMBERED = 500


class Answers:
    """`ask` from the command's thread, `came` from the connection's. An answer that is no refusal is remembered, a late one too: in `done`,
    which a driver gives where they are to outlive it (`links.kept`)."""

    def __init__(self, done: MutableMapping[str, Mapping[str, Any]] | None = None) -> None:
        self._done: MutableMapping[str, Mapping[str, Any]] = Recent(REMEMBERED) if done is None else done
        self._refused: dict[str, Mapping[str, Any]] = {}
        self._asked: set[str] = set()
        self._changed = threading.Condition()

    def ask(self, cmd: str, send: Callable[[], None], seconds: float) -> Mapping[str, Any] | None:
        """The device's answer; None when there was none in time. `send` is left out where the command was carried out before."""
        with self._changed:
            if cmd in self._done:
                return self._done[cmd]
            self._asked.add(cmd)
            self._refused.pop(cmd, None)
        try:
            send()
            with self._changed:
                self._changed.wait_for(lambda: cmd in self._done or cmd in self._refused, seconds)
                return self._done.get(cmd) or self._refused.get(cmd)
        finally:
            with self._changed:
                self._asked.discard(cmd)
                self._refused.pop(cmd, None)

    def came(self, cmd: str, told: Mapping[str, Any], done: bool) -> None:
        with self._changed:
            if done:
                self._done[cmd] = told
            elif cmd in self._asked:
                self._refused[cmd] = told
            self._changed.notify_all()
