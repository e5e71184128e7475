"""What an instance keeps between events: state by key, alarms, and figures. All of it is JSON and can be undone a handler at a time."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any

import orjson

from storeloom.core.kernel.contract import Kpi
from storeloom.core.kernel.errors import ContractFault, Finding
from storeloom.core.runtime.log import instant, micros
from storeloom.core.runtime.runner import AlarmRow, Row

SAMPLES_A_DAY = 10_000
RESIDENT = 2 << 20  # bytes of one instance's state in memory, where the log can give the rest
DECODED = 256


class State(MutableMapping[str, Any]):
    """A solution's state: string keys, each with one JSON value.

    A value that was read may be changed in place; after the handler every value that it touched is written again if it differs. With
    `strict` the value is read back from its JSON each time, which shows what would not survive a restart. With `fetch`, which reads one
    value from the log, only what was used lately stays in memory (RESIDENT bytes); the keys always do.
    """

    def __init__(
        self, stored: Mapping[str, bytes] | None = None, *, strict: bool = False, fetch: Callable[[str], bytes] | None = None
    ) -> None:
        self._bytes: dict[str, bytes | None] = dict(stored or {})
        self._live: dict[str, Any] = {}
        self._touched: set[str] = set()
        self._dirty: set[str] = set()
        self._strict = strict
        self._fetch = fetch
        self._resident = sum(len(data) for data in self._bytes.values() if data)

    def __getitem__(self, key: str) -> Any:
        if key not in self._live:
            self._live[key] = orjson.loads(self._json(key))
        elif self._live[key] is _GONE:
            raise KeyError(key)
        self._touched.add(key)
        return self._live[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"state keys are text, got {key!r}")
        self._live[key] = value
        self._touched.add(key)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._touched.add(key)
        self._live[key] = _GONE

    def __contains__(self, key: object) -> bool:
        if key in self._live:
            return self._live[key] is not _GONE
        return key in self._bytes

    def __iter__(self) -> Iterator[str]:
        keys = dict.fromkeys([*self._bytes, *self._live])
        return iter([key for key in keys if key in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _json(self, key: str) -> bytes:
        data = self._bytes[key]
        if data is None:
            assert self._fetch is not None
            data = self._fetch(key)
            self._put(key, data)
        return data

    def _put(self, key: str, data: bytes | None) -> None:
        """Keep a value's JSON as the one used last; None where the log has it."""
        self._resident += len(data or b"") - len(self._bytes.pop(key, None) or b"")
        self._bytes[key] = data

    def keep(self) -> None:
        """The handler succeeded: what it touched becomes the state. TypeError when a value is not JSON."""
        written = {key: orjson.dumps(value) for key in self._touched if (value := self._live[key]) is not _GONE}
        for key in self._touched:
            data = written.get(key)
            if data is None:
                if key in self._bytes:
                    self._resident -= len(self._bytes.pop(key) or b"")
                    self._dirty.add(key)
                del self._live[key]
                continue
            changed = self._bytes.get(key) != data
            if changed:
                self._put(key, _fitting(data))
                self._dirty.add(key)
            if changed or self._strict:  # read anew, so that no two keys share a part that one of them could change for both
                del self._live[key]
        self._touched.clear()
        if len(self._live) > DECODED:
            self._live.clear()

    def undo(self) -> None:
        """The handler failed: what it touched is as before."""
        for key in self._touched:
            self._live.pop(key, None)
        self._touched.clear()

    def changes(self) -> list[Row]:
        """Keys written or deleted since the last call, for the log."""
        changed: list[Row] = [(key, self._bytes.get(key)) for key in sorted(self._dirty)]
        if self._fetch is not None and self._resident > RESIDENT:
            self._let_go()
        self._dirty.clear()
        return changed

    def _let_go(self) -> None:
        """Leave to the log what was not used lately; what changed since the last saving is not there yet."""
        for key, data in list(self._bytes.items()):
            if self._resident <= RESIDENT / 2:
                return
            if data is not None and key not in self._dirty and key not in self._touched:
                self._bytes[key] = None
                self._resident -= len(data)
                self._live.pop(key, None)

    def snapshot(self) -> dict[str, Any]:
        """All of it, as plain JSON."""
        return {key: orjson.loads(self._json(key)) for key in sorted(self._bytes)}


_GONE = object()


def _fitting(data: bytes) -> bytes:
    """A copy of its own size: what orjson gives holds on to its whole buffer, up to 8 KiB for a few bytes."""
    return bytes(memoryview(data))


class Alarms:
    """The alarms that an instance set; see `contract.Timers`. `cause` is the log sequence of the event at hand, kept with what is set."""

    def __init__(self, stored: Iterable[AlarmRow] = ()) -> None:
        self._due = {(row.name, row.key): row for row in stored}
        self._before: dict[tuple[str, str], AlarmRow | None] = {}
        self._dirty: set[tuple[str, str]] = set()
        self._heap = [(row.due, row.name, row.key) for row in self._due.values() if row.due is not None]
        heapq.heapify(self._heap)
        self.cause = 0

    def set(self, name: str, key: str, at: datetime, data: Mapping[str, Any] | None = None) -> None:
        self._change((name, key), AlarmRow(name, key, micros(at), _fitting(orjson.dumps(data or {})), self.cause))

    def cancel(self, name: str, key: str) -> None:
        if (name, key) in self._due:
            self._change((name, key), None)

    def get(self, name: str, key: str) -> datetime | None:
        found = self._due.get((name, key))
        return instant(found.due) if found and found.due is not None else None

    def cause_of(self, name: str, key: str) -> int:
        """The log sequence of the event that set an alarm, 0 where none did."""
        found = self._due.get((name, key))
        return found.cause if found else 0

    def _change(self, which: tuple[str, str], row: AlarmRow | None) -> None:
        self._before.setdefault(which, self._due.get(which))
        self._put(which, row)

    def _put(self, which: tuple[str, str], row: AlarmRow | None) -> None:
        if row is None or row.due is None:
            self._due.pop(which, None)
        else:
            self._due[which] = row
            heapq.heappush(self._heap, (row.due, *which))

    def next(self) -> tuple[int, str, str] | None:
        """The earliest alarm: due (microseconds), name, key."""
        while self._heap:
            due, name, key = self._heap[0]
            found = self._due.get((name, key))
            if found is not None and found.due == due:
                return self._heap[0]
            heapq.heappop(self._heap)
        return None

    def take(self, name: str, key: str) -> Mapping[str, Any]:
        """Remove a due alarm; its data."""
        data = self._due[(name, key)].data
        self._change((name, key), None)
        loaded: Mapping[str, Any] = orjson.loads(data)
        return loaded

    def keep(self) -> None:
        self._dirty |= self._before.keys()
        self._before.clear()

    def undo(self) -> None:
        for which, row in self._before.items():
            self._put(which, row)
        self._before.clear()

    def changes(self) -> list[AlarmRow]:
        """Alarms set or gone since the last call, for the log."""
        changed = [self._due.get(which) or AlarmRow(*which, None, b"{}", 0) for which in sorted(self._dirty)]
        self._dirty.clear()
        return changed


class FigureBook:
    """An instance's figures by store day; see `contract.Figures`. Whole-run values merge the days."""

    def __init__(self, instance: str, declared: Mapping[str, Kpi], state: State, day: Callable[[], str]) -> None:
        self._instance, self._declared, self._state, self._day = instance, declared, state, day

    def add(self, name: str, amount: float = 1) -> None:
        cell = self._cell(name, {"sum": 0})
        cell["sum"] += amount

    def share(self, name: str, part: float, whole: float) -> None:
        cell = self._cell(name, {"part": 0, "whole": 0})
        cell["part"] += part
        cell["whole"] += whole

    def set(self, name: str, value: float | None) -> None:
        self._cell(name, {"value": None})["value"] = value

    def sample(self, name: str, value: float, how: str = "mean") -> None:
        """A value to be summed up as `mean`, `median`, `max`, `min` or a percentile such as `p95`."""
        cell = self._cell(name, {"how": how, "n": 0, "total": 0, "values": []})
        cell["n"] += 1
        cell["total"] += value
        if how in ("max", "min"):
            cell["values"] = [max(value, *cell["values"]) if how == "max" else min(value, *cell["values"])] if cell["values"] else [value]
        elif how != "mean" and len(cell["values"]) < SAMPLES_A_DAY:
            cell["values"].append(value)

    def _cell(self, name: str, empty: dict[str, Any]) -> dict[str, Any]:
        if name not in self._declared:
            args = {"instance": self._instance, "kpi": name, "known": list(self._declared)}
            raise ContractFault(Finding("SL-RUN-08", args))
        day = self._state.setdefault(self._day(), {})
        cell: dict[str, Any] = day.setdefault(name, empty)
        return cell

    def days(self) -> list[str]:
        return sorted(self._state)

    def values(self, *only: str) -> dict[str, float | None]:
        """Each declared figure, over these store days, or over all."""
        days = only or self.days()
        book = self._state.snapshot()
        return {name: summed([book[d][name] for d in days if name in book.get(d, {})], figure) for name, figure in self._declared.items()}

    def weighed(self, day: str) -> dict[str, tuple[float, float, str]]:
        """The figures of one store day that have a value, each with what it averages (samples, or the whole of a share; else 1) and how it
        is made: `sum`, `mean` (also a share), `last`, or as its samples are summed up."""
        cells = self._state.snapshot().get(day, {})
        found = {}
        for name, cell in cells.items():
            value = summed([cell], self._declared[name]) if name in self._declared else None
            if value is not None:
                how = "sum" if "sum" in cell else "last" if "value" in cell else str(cell.get("how", "mean"))
                found[name] = value, float(cell.get("whole", cell.get("n", 1))), how
        return found


def summed(cells: list[dict[str, Any]], figure: Kpi) -> float | None:
    """Merge a figure's cells; with none of them, 0 for what is counted and None for what is measured."""
    if not cells:
        return 0 if figure.unit in ("count", "currency", "minor", "kWh", "minor units") else None
    kind = cells[0]
    if "sum" in kind:
        return float(sum(cell["sum"] for cell in cells))
    if "whole" in kind:
        whole = sum(cell["whole"] for cell in cells)
        scale = 100 if figure.unit == "%" else 1
        return float(scale * sum(cell["part"] for cell in cells) / whole) if whole else None
    if "value" in kind:
        last = cells[-1]["value"]
        return None if last is None else float(last)
    return _sampled(cells)


def _sampled(cells: list[dict[str, Any]]) -> float | None:
    how = cells[0]["how"]
    if how == "mean":
        return float(sum(cell["total"] for cell in cells) / sum(cell["n"] for cell in cells))
    values = sorted(value for cell in cells for value in cell["values"])
    if how == "median":
        return float(statistics.median(values))
    if how in ("max", "min"):
        return float(values[-1] if how == "max" else values[0])
    rank = float(how.removeprefix("p")) / 100 * (len(values) - 1)
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (values[high] - values[low]) * (rank - low))
