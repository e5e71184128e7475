"""Events: what flows between devices and solutions, and the ids and times in them.

An event is a fact or a command on a named stream. Ids are ULIDs (48 bits of milliseconds, 80 bits that tell events apart); here those
80 bits are a hash of what made the event, so that the same cause brings the same id again and a repeat can be told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [one + other for one in _CROCKFORD for other in _CROCKFORD]  # ten bits as text
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a handler sees it. `time` is when it happened, `received` when it arrived; both UTC."""

    stream: str
    time: datetime
    data: Mapping[str, Any]
    id: str = ""
    store: str = ""
    source: str = ""
    received: datetime | None = None

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def get(self, key: str, default: Any = None) -> Any:
        return self.data.get(key, default)

    @property
    def ref(self) -> dict[str, str]:
        """How another event names this one as its cause."""
        return {"stream": self.stream, "id": self.id}


@dataclass(frozen=True, slots=True)
class Out:
    """What a handler puts out: a stream's data, without the envelope, which the runtime adds."""

    stream: str
    data: dict[str, Any]


def out(stream: str, data: Mapping[str, Any] | None = None, /, **fields: Any) -> Out:
    """An output on a stream. Fields that are None are left out; datetimes and dates become RFC 3339 text.

    `data` serves fields whose names Python keeps for itself (`from`, `class`): `out("vision.count", {"from": a}, line="door")`.
    """
    merged = {**(data or {}), **fields}
    return Out(stream, {key: plain(value) for key, value in merged.items() if value is not None})


def plain(value: Any) -> Any:
    """A value as JSON can carry it: times and dates as text, tuples as lists, sets sorted."""
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None or kind is bool:
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    return value


def rfc3339(time: datetime) -> str:
    """A time in UTC as RFC 3339 text, with milliseconds only where there are some."""
    text = time.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if time.microsecond else text) + "Z"


def stamp(time: str | datetime) -> str:
    """A time, or the text of one, as RFC 3339 text that sorts as times do: six digits of the second always.

    For times that are kept and compared as text: of `rfc3339` a whole second sorts after its own fractions.
    """
    return parse_time(time).isoformat(timespec="microseconds")[:-6] + "Z"


def parse_time(text: str | datetime) -> datetime:
    """RFC 3339 text as a time in UTC; ValueError when it is no such text or names no zone."""
    time = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"time without a zone: {text}")
    return time.astimezone(UTC)


def micros(time: datetime) -> int:
    """Microseconds since 1970, as a store's log keeps times."""
    return (time - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def event_id(time: datetime, *cause: object) -> str:
    """The ULID of the event that `cause` brings at `time`: the same cause and time give the same id."""
    millis = int(time.timestamp() * 1000) & ((1 << 48) - 1)
    digest = hashlib.sha256("|".join(map(str, cause)).encode()).digest()
    number = (millis << 80) | int.from_bytes(digest[:10], "big")
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


def draw(*parts: object, modulus: int = 10_000) -> int:
    """A draw by hash: SHA-256 of the parts joined with `|`, read as a big-endian integer, modulo `modulus`."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest(), "big") % modulus


@dataclass(frozen=True, slots=True)
class Fact:
    """What an adapter or a virtual device hands in: a stream's data from a source. `time` where the event is older than its arrival.

    `key` is the producer's own sequence or id for it: source, stream, time and key tell a repeat, so one who sends again gives both
    `time` and `key` as they were.
    """

    received: datetime
    stream: str
    source: str
    data: dict[str, Any]
    time: datetime | None = None
    key: str | int | None = None


def fact_row(fact: Fact) -> dict[str, Any]:
    """A fact as JSON that gives the same fact again, to the microsecond. TypeError or ValueError for what is no fact."""
    if not isinstance(fact, Fact):
        raise TypeError(f"{type(fact).__name__} is no Fact")
    row: dict[str, Any] = {"received": micros(fact.received), "stream": fact.stream, "source": fact.source, "data": plain(fact.data)}
    row |= {"time": None if fact.time is None else micros(fact.time), "key": fact.key}
    read_back: dict[str, Any] = orjson.loads(orjson.dumps(row))
    return read_back


def fact_of(row: Mapping[str, Any]) -> Fact:
    """The fact of a row of `fact_row`."""
    time = None if row["time"] is None else instant(row["time"])
    return Fact(instant(row["received"]), row["stream"], row["source"], row["data"], time, row.get("key"))
