"""Tag reads brought together: one `rfid.read` a tag, antenna and window, which bears the strongest read and how many there were.

A reader sees a tag hundreds of times a second. Whoever asks whether a tag came by, lies there or has gone needs the number of reads, the
peak and its time, and to be told again while the tag is there; not each read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from storeloom.core.kernel.events import Fact, rfc3339

if TYPE_CHECKING:
    from llrpkit.inventory import TagReport

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SANE = (EPOCH + timedelta(days=365 * 40), EPOCH + timedelta(days=365 * 130))
MOST = 20_000


@dataclass
class Window:
    """Reads of one tag at one antenna. `peak` is when the strongest was; `closes` is the monotonic time at which it is told."""

    closes: float
    first: datetime
    last: datetime
    peak: datetime
    rssi_dbm: float
    count: int


class Reads:
    """`add` from the connection's loop, `due` from the driver's thread. `weak` counts reads below the floor, `left_out` those for which
    there was no room."""

    def __init__(self, window_s: float, floor_dbm: float, min_reads: int) -> None:
        self._window_s, self._floor_dbm, self._min_reads = window_s, floor_dbm, min_reads
        self._open: dict[tuple[bytes, int], Window] = {}
        self._lock = Lock()
        self.taken = self.weak = self.left_out = 0

    def add(self, tag: TagReport, now: datetime, monotonic: float) -> None:
        """Take a read; `now` stands in where the reader gives no sound time of the day."""
        rssi, antenna = tag.rssi_dbm, tag.antenna or 0
        first, last = _time(tag.first_seen_us, now), _time(tag.last_seen_us or tag.first_seen_us, now)
        with self._lock:
            if rssi is None or rssi < self._floor_dbm or not tag.epc:
                self.weak += 1
                return
            one = self._open.get((tag.epc, antenna))
            count = max(1, tag.seen_count or 1)
            self.taken += count
            if one is None:
                if len(self._open) >= MOST:
                    self.left_out += count
                    return
                self._open[tag.epc, antenna] = Window(monotonic + self._window_s, first, last, last, rssi, count)
                return
            one.first, one.last, one.count = min(one.first, first), max(one.last, last), one.count + count
            if rssi > one.rssi_dbm:
                one.rssi_dbm, one.peak = rssi, last

    def due(self, monotonic: float) -> list[tuple[bytes, int, Window]]:
        """Windows that have closed with enough reads."""
        with self._lock:
            closed = [key for key, one in self._open.items() if one.closes <= monotonic]
            found = [(*key, self._open.pop(key)) for key in closed]
        return [(epc, antenna, one) for epc, antenna, one in found if one.count >= self._min_reads]


def _time(micros: int | None, now: datetime) -> datetime:
    """A reader without a clock counts from when it was switched on."""
    if micros is None:
        return now
    try:
        time = EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return now
    return time if SANE[0] < time < SANE[1] else now


def named(epc: bytes) -> dict[str, str]:
    """What an EPC says (GS1 EPC Tag Data Standard 2.0, 96-bit schemes): its pure identity URI, for an SGTIN its GTIN and serial too.

    What is no GS1 EPC keeps its bits, as hexadecimal digits.
    """
    from llrpkit.epc import decode_epc

    decoded = decode_epc(epc)
    if decoded is None:
        return {"epc": epc.hex().upper()}
    return {"epc": decoded.pure_identity_uri} | {
        key: decoded.fields[key] for key in ("gtin", "serial") if decoded.scheme == "sgtin-96" and key in decoded.fields
    }


def facts(closed: list[tuple[bytes, int, Window]], reader: str, places: Mapping[int, Mapping[str, str]], now: datetime) -> Iterator[Fact]:
    """`rfid.read` of each window; `places` name antennas and their zones or trays. Its time is that of the strongest read."""
    for epc, antenna, one in closed:
        data: dict[str, Any] = {**named(epc), "reader": reader, "antenna": str(antenna), "rssi_dbm": round(one.rssi_dbm, 2)}
        data |= {"count": one.count, "first": rfc3339(one.first), "last": rfc3339(one.last), **places.get(antenna, {})}
        yield Fact(now, "rfid.read", reader, data, one.peak, f"{epc.hex()}|{antenna}|{data['first']}|{one.count}")
