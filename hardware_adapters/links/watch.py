"""A device's state as the store is told: online, degraded, offline, fault; once for each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Literal

from storeloom.core.kernel.events import Fact, rfc3339

State = Literal["online", "degraded", "offline", "fault", "nonconforming"]
NO_WORDS: Mapping[str, str] = {"en": "", "zh": ""}
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)


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

    A change of state, code or firmware is told at once. Other words under the same state and code are told, too: the first at once, then
    after a pause that doubles from 10 s to an hour while the words go on changing, so that a reason that names ever other readings does not
    flood. Words that came in a pause are told by the first `note` after it, if they still hold. Figures alone are not told, they stand in
    `as_status`. May be called from several threads.
    """

    def __init__(self, device: str, kind: str, language: str = "en") -> None:
        self.device, self.kind, self.language = device, kind, language
        self._standing: Standing | None = None
        self._firmware = ""
        self._told: tuple[Mapping[str, str], datetime] | None = None
        self._pause = timedelta(0)
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
            reason = same and self._other_reason(words, now)
            if same and not reason and cmd is None and not tell:
                return None
            if reason:
                self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
            elif not same:
                self._pause = timedelta(0)
            self._told = (words, now)
            return Fact(now, "device.status", self.device, self._data(cmd))

    def _other_reason(self, words: Mapping[str, str], now: datetime) -> bool:
        """Whether these words are others than those last told, and their turn has come."""
        assert self._told is not None
        before, at = self._told
        if abs(now - at) >= LONGEST_PAUSE:
            self._pause = timedelta(0)
        return dict(words) != dict(before) and abs(now - at) >= self._pause

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
