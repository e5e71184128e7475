"""Time that can be trusted: TUF takes the machine's clock as it is, and a store's clock may stand at 1970 or run ten years ahead.

The floor is the newest time that something verified says it was signed at; it never goes back, and no clock of this machine ever enters it.
Whoever can read its clock as earlier than the floor knows it to be wrong. The rule, which `TufClient` keeps:

* a clock more than a day behind the floor: nothing new is taken in until it is set;
* else what ends is judged by the later of clock and floor, so that turning a clock back by a day opens nothing again;
* a clock ahead makes everything look ended: it is refused as such, and nothing of it is remembered, so that setting it right mends all.

Times signed by keys that are online are believed up to a day beyond this machine's clock: a stolen one must not lock a store out for years.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import durable

TOLERANCE = timedelta(days=1)
FILE = "trusted-time"
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class TrustedTime:
    """The floor, kept in `folder`."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._file, self._now = folder / FILE, now
        self.floor = _read(self._file)

    def judge(self) -> datetime:
        """The time by which what ends is judged. TrustFault (SL-TRU-05) where this machine's clock is known to be wrong."""
        now = self._now()
        if now < self.floor - TOLERANCE:
            raise TrustFault(Finding("SL-TRU-05", {"now": text(now), "floor": text(self.floor)}))
        return max(now, self.floor)

    def saw(self, moment: datetime, *, offline: bool = False) -> None:
        """Something verified was signed at `moment`; `offline` where the keys that say so are kept off every network."""
        if moment > self.floor and (offline or moment <= self._now() + TOLERANCE):
            durable.write(self._file, text(moment).encode())
            self.floor = moment


def text(moment: datetime) -> str:
    """A time as it stands in metadata: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(value: object) -> datetime | None:
    """The time that `text` wrote, None for anything else."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _read(file: Path) -> datetime:
    """What was kept; a damaged file counts as none, since the metadata kept beside it says its times again when next verified."""
    try:
        return parse(file.read_text(encoding="ascii")) or FIRST
    except (FileNotFoundError, UnicodeDecodeError):
        return FIRST
