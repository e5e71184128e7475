"""The machine itself: clock, time zones, encoding, cores, memory, open files, what shuts plugins in, processors of other kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storeloom.core.doctor.software import PIP
from storeloom.core.kernel.errors import Finding

if TYPE_CHECKING:
    from storeloom.core.doctor.probes import Clock, Room

# Before this version was written: a clock that lost its battery starts at 1970 or at its making.
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)


def clock_findings(clock: Clock) -> Iterator[Finding]:
    """A clock that cannot be right, that nobody sets, or that runs backwards."""
    if clock.now < EARLIEST:
        yield Finding("SL-MCH-20", {"now": clock.now.strftime("%Y-%m-%d %H:%M UTC")})
    if clock.synchronised is False:
        yield Finding("SL-MCH-21")
    if not clock.monotonic:
        yield Finding("SL-MCH-22")


def zone_findings(there: bool) -> Iterator[Finding]:
    """Time zones, by which a store's day begins."""
    if not there:
        yield Finding("SL-MCH-23", {"pip": PIP})


def encoding_findings(encodings: Iterable[str]) -> Iterator[Finding]:
    """Names of files and what is printed must take Chinese."""
    other = sorted({name for name in encodings if name and name.lower().replace("-", "") != "utf8"})
    if other:
        yield Finding("SL-MCH-24", {"got": other})


def room_findings(room: Room, memory_mb: int, files: int) -> Iterator[Finding]:
    """Cores, memory and open files against what is needed."""
    if room.cores < 1:
        yield Finding("SL-MCH-25", {"got": f"{room.cores:g}", "cores": room.machine_cores})
    if room.free_mb < memory_mb:
        yield Finding("SL-MCH-26", {"free": room.free_mb, "needed": memory_mb})
    if room.files < files:
        yield Finding("SL-MCH-27", {"got": room.files, "needed": files})


def sandbox_findings(missing: Iterable[str]) -> Iterator[Finding]:
    """What of the plugins' sandbox there is not, in the words that a running store uses."""
    for what in missing:
        yield Finding("SL-HST-07", {"what": what})


def gpu_findings(gpus: Iterable[str]) -> Iterator[Finding]:
    """A graphics processor, which nothing here uses."""
    found = list(gpus)
    if found:
        yield Finding("SL-MCH-28", {"found": found})


def unit_findings(units: Mapping[str, bool], kinds: Iterable[str]) -> Iterator[Finding]:
    """What should come up with the machine and would not. Nothing to say where there is no systemd (a container)."""
    if units.get(""):
        for kind in kinds:
            if not units.get(kind):
                yield Finding("SL-MCH-29", {"kind": kind})
