"""The virtual twin of a sales database: an SQLite file into which a till writes receipts, through SQLite itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from storeloom.hardware_adapters.links.twin import Said, Twin

FLOOD = 100
TABLES = """
CREATE TABLE IF NOT EXISTS receipts (id INTEGER PRIMARY KEY, receipt TEXT, time TEXT, till TEXT, total TEXT);
CREATE TABLE IF NOT EXISTS receipt_lines (receipt TEXT, line INTEGER, gtin TEXT, qty TEXT, price TEXT);
CREATE TABLE IF NOT EXISTS payments (receipt TEXT, method TEXT, amount TEXT);
"""


class SqlPollTwin(Twin):
    faults = (
        "refuse",
        "vanish",
        "garbage",
        "cut",
        "checksum",
        "partial",
        "late",
        "busy",
        "fail",
        "odd",
        "duplicate",
        "stale",
        "flood",
        "reboot",
    )

    at_once = 20

    def __init__(self) -> None:
        self._home = ""
        self._count = 0
        self._lock: sqlite3.Connection | None = None
        self._open: list[tuple[str, str]] = []

    @property
    def _path(self) -> str:
        return os.path.join(self._home, "sales.db")

    def start(self) -> None:
        self._home = tempfile.mkdtemp(prefix="sql-twin-")
        self._make()

    def _make(self) -> None:
        with closing(sqlite3.connect(self._path)) as base, base:
            base.executescript(TABLES)

    def settings(self) -> Mapping[str, Any]:
        return {
            "address": f"sqlite:///{self._path}",
            "payments": "SELECT * FROM payments WHERE receipt = :receipt",
            "poll_s": 0.05,
            "timeout_s": 0.3,
            "settle_s": 0.3,
        }

    def act(self, number: int) -> Sequence[Said]:
        self._count += 1
        receipt, qty = f"{self._count}-{number}", number % 4 + 1
        said = [
            Said("pos.sale", {"receipt": receipt, "till": "t1", "total": 250 * qty, "payments": [{"method": "qr", "amount": 250 * qty}]})
        ]
        if self.fault in ("refuse", "vanish", "garbage", "cut", "busy", "fail"):
            return said
        self._finish()
        for copy in range({"flood": FLOOD, "duplicate": 2}.get(self.fault, 1)):
            self._write(receipt if self.fault == "duplicate" or not copy else f"{receipt}/{copy}", qty)
        return said

    def _write(self, receipt: str, qty: int) -> None:
        number = "?" if self.fault == "odd" else str(qty)
        total = f"{2.5 * qty + (1 if self.fault == 'checksum' else 0):.2f}"
        with closing(sqlite3.connect(self._path)) as base, base:
            newest = base.execute("SELECT coalesce(max(id), 0) FROM receipts").fetchone()[0]
            step = 3 if self.fault == "late" else 1
            row = (newest + step, receipt, "2026-03-02 18:05:00", "t1", total)
            base.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?)", row)
            if self.fault == "late":
                base.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?)", (newest + 2, f"{receipt}/late", *row[2:]))
                self._rest(base, f"{receipt}/late", number, qty)
            if self.fault == "partial":
                self._open.append((receipt, number))
                return
            if self.fault != "duplicate" or not base.execute("SELECT 1 FROM payments WHERE receipt = ?", (receipt,)).fetchone():
                self._rest(base, receipt, number, qty)

    @staticmethod
    def _rest(base: sqlite3.Connection, receipt: str, number: str, qty: int) -> None:
        base.execute("INSERT INTO receipt_lines VALUES (?, 1, '6901234567892', ?, '2.50')", (receipt, number))
        base.execute("INSERT INTO payments VALUES (?, 'qr', ?)", (receipt, f"{2.5 * qty:.2f}"))

    def _finish(self) -> None:
        """Write what was left open of receipts."""
        with closing(sqlite3.connect(self._path)) as base, base:
            for receipt, number in self._open:
                self._rest(base, receipt, number, int(number))
        self._open.clear()

    def play(self, fault: str) -> None:
        super().play(fault)
        if fault in ("refuse", "vanish", "garbage", "cut"):
            os.replace(self._path, self._path + ".away")
        if fault == "garbage":
            with open(self._path, "wb") as file:
                file.write(b"no database" * 1000)
        if fault == "cut":
            with open(self._path + ".away", "rb") as whole, open(self._path, "wb") as file:
                file.write(whole.read()[:5000])
        if fault == "busy":
            self._lock = sqlite3.connect(self._path, check_same_thread=False)
            self._lock.execute("BEGIN EXCLUSIVE")
        if fault == "fail":
            self._run("ALTER TABLE receipt_lines RENAME TO gone")
            self._run("ALTER TABLE receipts RENAME TO gone_too")
        if fault == "stale":
            self._run("INSERT INTO receipts SELECT max(id) + 1, receipt, time, till, total FROM receipts HAVING max(id) IS NOT NULL")
        if fault == "reboot":
            os.unlink(self._path)
            self._make()
            self._run("INSERT INTO receipts (id, receipt) VALUES (1000, NULL)")

    def _run(self, statement: str) -> None:
        with closing(sqlite3.connect(self._path)) as base, base:
            base.execute(statement)

    def mend(self) -> None:
        before, self.fault = self.fault, ""
        if os.path.exists(self._path + ".away"):
            os.replace(self._path + ".away", self._path)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if before == "fail":
            self._run("ALTER TABLE gone RENAME TO receipt_lines")
            self._run("ALTER TABLE gone_too RENAME TO receipts")

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)
