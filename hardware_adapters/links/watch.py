"""A device's state as the store is told: online, degraded, offline, fault; once for each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Literal

from storeloom.core.kernel.events import Fact, rfc3339

State = Literal["online", "degraded", "offline", "fault", "nonconforming"]
NO_WORDS: Mapping[str, str] = {"en": "", "zh": ""}


@dataclass(frozen=True)
class Standing:
    """A state since `since`, its code and why in both languages (both empty while all is well), and figures by name."""

    state: State
    since: datetime
    code: str = ""
    words: Mapping[str, str] = field(default_factory=lambda: NO_WORDS)
    figures: Mapping[str, float | str] = field(default_factory=dict)


class DeviceWatch:
    """Keeps a device's standing. `note` gives the `device.status` that is to be told, None where nothing but figures has changed.

    A change of state, code or firmware is told; figures alone are not, they stand in `as_status`. May be called from several threads.
    """

    def __init__(self, device: str, kind: str, language: str = "en") -> None:
        self.device, self.kind, self.language = device, kind, language
        self._standing: Standing | None = None
        self._firmware = ""
        self._lock = Lock()

    @property
    def standing(self) -> Standing | None:
        return self._standing

    def note(
        self,
        state: State,
        now: datetime,
        *,
        code: str = "",
        words: Mapping[str, str] = NO_WORDS,
        figures: Mapping[str, float | str] | None = None,
        firmware: str = "",
        cmd: str | None = None,
        tell: bool = False,
    ) -> Fact | None:
        """Take note of a state at a time. What answers the command `cmd` is always told, and what is to be told by `tell`: new figures."""
        with self._lock:
            before = self._standing
            same = before is not None and (before.state, before.code) == (state, code) and firmware in ("", self._firmware)
            since = before.since if before is not None and same else now
            kept = dict(figures) if figures is not None else dict(before.figures if before else {})
            self._standing = Standing(state, since, code, words, kept)
            self._firmware = firmware or self._firmware
            if same and cmd is None and not tell:
                return None
            return Fact(now, "device.status", self.device, self._data(cmd))

    def _data(self, cmd: str | None) -> dict[str, Any]:
        one = self._standing
        assert one is not None
        numbers = {name: value for name, value in one.figures.items() if not isinstance(value, str)}
        data: dict[str, Any] = {"device": self.device, "kind": self.kind, "state": one.state, "since": rfc3339(one.since)}
        optional = {
            "code": one.code,
            "text": one.words.get(self.language, one.words["en"]),
            "metrics": numbers,
            "firmware": self._firmware,
            "cmd": cmd,
        }
        return data | {key: value for key, value in optional.items() if value}

    def as_status(self) -> dict[str, Any]:
        """As `Adapter.status` gives it."""
        one = self._standing
        return {} if one is None else {"state": one.state, "text": dict(one.words), "figures": dict(one.figures)}
