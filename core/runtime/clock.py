"""The live store's clock: UTC that never goes back and believes no jump of the wall clock before it has lasted.

Time is carried by the monotonic clock and follows the wall clock. Differences up to 2 s (NTP's work) are followed at once. A jump is
believed when the wall clock keeps to it for 10 s of monotonic time; so a machine that wakes from suspend is right after 10 s, and a
glitch moves nothing. Where the wall clock falls behind, store time runs on at half speed until both are level. A wall clock before
2024, or more than a day behind what the store has seen, is not believed at all.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import rfc3339

FOLLOWED = timedelta(seconds=2)
CONFIRM_S = 10.0
FARTHEST_BEHIND = timedelta(days=1)
EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
SLEW = 0.5
TOLD = timedelta(hours=1)
_NONE = timedelta(0)


def wall_utc() -> datetime:
    """The machine's wall clock."""
    return datetime.fromtimestamp(time.time(), UTC)


class LiveClock:
    """Store time, from any thread. `newest` is the newest instant in the store's log: time starts there or later.

    `wall` gives aware UTC datetimes, `monotonic` seconds. `jumps` counts the jumps of the wall clock that were believed.
    """

    def __init__(
        self,
        newest: datetime | None = None,
        *,
        wall: Callable[[], datetime] = wall_utc,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._lock = Lock()
        self.jumps = 0
        self._told: deque[tuple[datetime, Finding]] = deque(maxlen=8)
        self._suspect: tuple[timedelta, float] | None = None
        self._mono, self._seen = monotonic(), wall()
        self._now = max(self._seen, newest) if newest else self._seen
        self._belief = self._seen if self._believable(self._seen) else self._now
        if self._belief < EARLIEST:
            self._now = self._belief = EARLIEST

    def now(self) -> datetime:
        """Store time in UTC, never earlier than it ever was."""
        with self._lock:
            mono, self._seen = self._monotonic(), self._wall()
            passed = timedelta(seconds=max(0.0, mono - self._mono))
            self._mono = max(mono, self._mono)
            self._belief += passed
            if self._believable(self._seen):
                self._follow(self._seen - self._belief)
            else:
                self._suspect = None
            self._now = max(self._belief, self._now + passed * SLEW)
            return self._now

    def troubles(self) -> tuple[Finding, ...]:
        """What is wrong with the wall clock as of the last `now`, and its jumps of the last hour."""
        with self._lock:
            found = [finding for at, finding in self._told if self._now - at <= TOLD]
            if not self._believable(self._seen):
                found.append(Finding("SL-CLK-02", {"wall": _second(self._seen), "now": _second(self._now)}))
            elif self._now - self._belief > FOLLOWED:
                found.append(Finding("SL-CLK-03", {"ahead": span(self._now - self._belief)}))
            return tuple(found)

    def _believable(self, wall: datetime) -> bool:
        return wall >= EARLIEST and self._now - wall <= FARTHEST_BEHIND

    def _follow(self, gap: timedelta) -> None:
        """Let the belief follow the wall clock, which differs from it by `gap`: at once when it is small, later when it lasts."""
        if abs(gap) <= FOLLOWED:
            self._suspect = None
            self._belief += gap
            return
        if self._suspect is None or abs(gap - self._suspect[0]) > FOLLOWED:
            self._suspect = gap, self._mono
            return
        if self._mono - self._suspect[1] < CONFIRM_S:
            return
        self._suspect = None
        self.jumps += 1
        self._belief += gap
        forward = gap > _NONE
        which = {"en": "forward", "zh": "前"} if forward else {"en": "back", "zh": "后"}
        at = max(self._now, self._belief)
        self._told.append((at, Finding("SL-CLK-01", {"which": which, "amount": span(abs(gap)), "now": _second(at)})))


def _second(at: datetime) -> str:
    return rfc3339(at.replace(microsecond=0))


def span(length: timedelta) -> dict[str, str]:
    """A length of time in words, in its two largest units."""
    whole = round(length.total_seconds())
    names = (("d", "天", 86400), ("h", "小时", 3600), ("min", "分", 60), ("s", "秒", 1))
    parts = []
    for en, zh, size in names:
        count, whole = divmod(whole, size)
        if count:
            parts.append((f"{count} {en}", f"{count} {zh}"))
    parts = parts[:2] or [("0 s", "0 秒")]
    return {"en": " ".join(en for en, _ in parts), "zh": " ".join(zh for _, zh in parts)}
