"""Reference tables of a store in memory, looked up as they stand at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import ConfigFault, ContractFault, DocumentFault, Finding
from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours

Row = Mapping[str, Any]
EARLIEST = datetime.min.replace(tzinfo=UTC)


def padded(gtin: str) -> str:
    """A GTIN as it is compared: padded to 14 digits."""
    return gtin.zfill(14) if gtin.isdigit() else gtin


class TableSet:
    """All tables of a store; replacing one leaves the others."""

    def __init__(self, tables: Mapping[str, Iterable[Row]], hours: StoreHours) -> None:
        self.hours = hours
        self._tables: dict[str, _Table] = {}
        self._none: dict[str, _Table] = {}
        for name, rows in tables.items():
            self.replace(name, rows)

    def replace(self, name: str, rows: Iterable[Row]) -> None:
        """Put new rows in place of a table's old ones."""
        self._tables[name] = _Table(list(rows), schemas.tables().get(name, ()), self.hours)

    def names(self) -> list[str]:
        return sorted(self._tables)

    def table(self, name: str) -> _Table:
        """A table, empty where none was given."""
        return self._tables.get(name) or self._none.setdefault(name, _Table([], (), self.hours))

    def all(self, name: str) -> list[Row]:
        return self.table(name).rows

    def derived(self, name: str, what: str, build: Callable[[list[Row]], Any]) -> Any:
        """What `build` makes of a table's rows, made once for as long as the table stands."""
        kept = self.table(name).derived
        if what not in kept:
            kept[what] = build(self.all(name))
        return kept[what]


class _Table:
    """One table's rows as they were given, with what makes looking them up quick: indexes by key and by field, and when each row holds.

    Rows are named by their place. What holds at a time stays the same until the next `from` or `to`, and is kept as long.
    """

    def __init__(self, rows: list[Row], keys: Sequence[str], hours: StoreHours) -> None:
        self.rows, self.derived, self.keys, self._hours = rows, dict[str, Any](), keys, hours
        self._by_key: dict[tuple[Any, ...], list[int]] | None = None
        self._by_field: dict[str, dict[Any, list[int]]] = {}
        self._spans: list[tuple[datetime | None, datetime | None]] | None = None
        self._standing: tuple[list[int], datetime | None, datetime | None] = [], EARLIEST, EARLIEST

    def begins(self, key: tuple[Any, ...]) -> list[int]:
        """Places of the rows whose key starts with these values."""
        if self._by_key is None:
            self._by_key = _indexed(self.rows, self.keys)
        return self._by_key.get(tuple(_key(field, value) for field, value in zip(self.keys, key, strict=False)), [])

    def equal(self, field: str, value: Any) -> list[int]:
        """Places of the rows whose field has this value, in the form of `_key`."""
        if field not in self._by_field:
            index = self._by_field[field] = {}
            for place, row in enumerate(self.rows):
                index.setdefault(_key(field, row.get(field)), []).append(place)
        return self._by_field[field].get(value, [])

    def holds(self, place: int, at: datetime) -> bool:
        """Whether a row's `from` and `to` (half open) hold a time; a bare date is that store day's first moment."""
        start, end = self._span(place)
        return (start is None or start <= at) and (end is None or at < end)

    def standing(self, at: datetime) -> list[int]:
        """Places of the rows that hold at a time."""
        places, since, until = self._standing
        if (since is not None and at < since) or (until is not None and at >= until):
            places = [place for place in range(len(self.rows)) if self.holds(place, at)]
            bounds = [bound for span in self._spans or () for bound in span if bound is not None]
            since = max((bound for bound in bounds if bound <= at), default=None)
            until = min((bound for bound in bounds if bound > at), default=None)
            self._standing = places, since, until
        return places

    def _span(self, place: int) -> tuple[datetime | None, datetime | None]:
        if self._spans is None:
            self._spans = [(self._instant(row.get("from")), self._instant(row.get("to"))) for row in self.rows]
        return self._spans[place]

    def _instant(self, bound: Any) -> datetime | None:
        if bound is None:
            return None
        day = _date(bound)
        return self._hours.midnight(day) if day else parse_time(bound)


def read_tables(folder: Path) -> dict[str, list[Row]]:
    """The tables of a folder: one JSON file a table (`products.json`), a list of rows. None where there is no folder.

    DocumentFault when a file cannot be read, ConfigFault with every row that does not fit its table's schema.
    """
    tables: dict[str, list[Row]] = {}
    findings: list[Finding] = []
    for name in schemas.tables():
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        try:
            tables[name] = json.loads(path.read_bytes())
            if not isinstance(tables[name], list):
                raise ValueError("it holds no list")
        except (OSError, ValueError) as error:
            args = {"file": str(path), "reason": str(error), "remedy": "Write it as a JSON list of rows."}
            raise DocumentFault(Finding("SL-DOC-02", args, file=str(path))) from error
        for number, row in enumerate(tables[name]):
            findings += [replace(f, file=str(path)) for f in schemas.check(schemas.table_file(name), row, at=f"{name}[{number}]")]
    if findings:
        raise ConfigFault(findings)
    return tables


def _indexed(rows: Iterable[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], list[int]]:
    """Places of rows by each beginning of their key."""
    index: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        whole = tuple(_key(field, row.get(field)) for field in keys)
        for length in range(1, len(keys) + 1):
            index.setdefault(whole[:length], []).append(place)
    return index


def _key(field: str, value: Any) -> Any:
    """A field's value as part of a key: GTINs padded, tables and lists as their JSON."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    return padded(value) if field == "gtin" and isinstance(value, str) else value


def _date(bound: Any) -> date | None:
    if isinstance(bound, datetime):
        return None
    if isinstance(bound, date):
        return bound
    return date.fromisoformat(bound) if isinstance(bound, str) and len(bound) == 10 else None


class View:
    """One table as a solution sees it: valid rows at its time."""

    def __init__(self, tables: TableSet, name: str, now: Callable[[], datetime]) -> None:
        self._tables, self._name, self._now = tables, name, now

    def get(self, *key: Any) -> Row | None:
        """The valid row of a key (the first fields of it may do); the one with the latest `from` when several are valid."""
        now, table = self._now(), self._tables.table(self._name)
        found = [table.rows[place] for place in table.begins(key) if table.holds(place, now)]
        return max(found, key=lambda row: str(row.get("from", "")), default=None)

    def rows(self, **where: Any) -> list[Row]:
        """The valid rows whose fields equal these values (`from_` for `from`); GTINs are compared padded."""
        now, table = self._now(), self._tables.table(self._name)
        if not where:
            return [table.rows[place] for place in table.standing(now)]
        wanted = [(name.rstrip("_"), _key(name, value)) for name, value in where.items()]
        fewest = min((table.equal(name, value) for name, value in wanted), key=len)
        found = [place for place in fewest if table.holds(place, now)]
        return [row for row in map(table.rows.__getitem__, found) if all(_key(name, row.get(name)) == value for name, value in wanted)]

    def derived(self, what: str, build: Callable[[list[Row]], Any]) -> Any:
        """An index or rules made ready from all rows, made once until the table is replaced: for what would cost too much at each event.

        `what` names it among the table's; it must depend on nothing but the rows.
        """
        return self._tables.derived(self._name, what, build)

    def all_rows(self) -> list[Row]:
        """Every row, those not yet or no longer valid too (future prices, past promotions)."""
        return list(self._tables.all(self._name))


class DeclaredTables:
    """The tables that a solution declares; any other is refused."""

    def __init__(self, instance: str, declared: Iterable[str], tables: TableSet, now: Callable[[], datetime]) -> None:
        self._instance = instance
        self._views = {name: View(tables, name, now) for name in (item.rstrip("?") for item in declared)}

    def __getattr__(self, name: str) -> View:
        if name.startswith("_"):
            raise AttributeError(name)
        view = self._views.get(name)
        if view is None:
            args = {"instance": self._instance, "table": name, "known": list(self._views)}
            raise ContractFault(Finding("SL-RUN-03", args))
        return view
