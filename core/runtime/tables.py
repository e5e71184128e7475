"""Reference tables of a store in memory, looked up as they stand at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import ConfigFault, ContractFault, DocumentFault, Finding
from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours

Row = Mapping[str, Any]


def padded(gtin: str) -> str:
    """A GTIN as it is compared: padded to 14 digits."""
    return gtin.zfill(14) if gtin.isdigit() else gtin


class TableSet:
    """All tables of a store; replacing one leaves the others."""

    def __init__(self, tables: Mapping[str, Iterable[Row]], hours: StoreHours) -> None:
        self.hours = hours
        self._rows: dict[str, list[Row]] = {}
        self._derived: dict[str, dict[str, Any]] = {}
        self._index: dict[str, dict[tuple[Any, ...], list[Row]]] = {}
        for name, rows in tables.items():
            self.replace(name, rows)

    def replace(self, name: str, rows: Iterable[Row]) -> None:
        """Put new rows in place of a table's old ones."""
        self._rows[name] = list(rows)
        self._derived[name] = {}
        self._index.pop(name, None)

    def names(self) -> list[str]:
        return sorted(self._rows)

    def all(self, name: str) -> list[Row]:
        return self._rows.get(name, [])

    def derived(self, name: str, what: str, build: Callable[[list[Row]], Any]) -> Any:
        """What `build` makes of a table's rows, made once for as long as the table stands."""
        kept = self._derived.setdefault(name, {})
        if what not in kept:
            kept[what] = build(self.all(name))
        return kept[what]

    def find(self, name: str, key: tuple[Any, ...]) -> list[Row]:
        """Rows whose key starts with these values, valid or not."""
        keys = schemas.tables().get(name, ())
        wanted = tuple(_key(field, value) for field, value in zip(keys, key, strict=False))
        if name not in self._index:
            self._index[name] = _indexed(self.all(name), keys)
        return self._index[name].get(wanted, [])

    def valid(self, row: Row, at: datetime) -> bool:
        """Whether a row's `from` and `to` (half open) hold a time; a bare date is that store day's first moment."""
        start, end = row.get("from"), row.get("to")
        return (start is None or self._after(start, at)) and (end is None or self._before(end, at))

    def _after(self, bound: Any, at: datetime) -> bool:
        day = _date(bound)
        return self.hours.store_day(at) >= day if day else at >= parse_time(bound)

    def _before(self, bound: Any, at: datetime) -> bool:
        day = _date(bound)
        return self.hours.store_day(at) < day if day else at < parse_time(bound)


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


def _indexed(rows: Iterable[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by each beginning of their key."""
    index: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        whole = tuple(_key(field, row.get(field)) for field in keys)
        for length in range(1, len(keys) + 1):
            index.setdefault(whole[:length], []).append(row)
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
        now = self._now()
        found = [row for row in self._tables.find(self._name, key) if self._tables.valid(row, now)]
        return max(found, key=lambda row: str(row.get("from", ""))) if found else None

    def rows(self, **where: Any) -> list[Row]:
        """The valid rows whose fields equal these values (`from_` for `from`); GTINs are compared padded."""
        now = self._now()
        wanted = {name.rstrip("_"): _key(name, value) for name, value in where.items()}
        keys = schemas.tables().get(self._name, ())
        lead = keys[0] if keys and keys[0] in wanted else None
        pool = self._tables.find(self._name, (wanted[lead],)) if lead else self._tables.all(self._name)
        return [
            row
            for row in pool
            if all(_key(name, row.get(name)) == value for name, value in wanted.items()) and self._tables.valid(row, now)
        ]

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
