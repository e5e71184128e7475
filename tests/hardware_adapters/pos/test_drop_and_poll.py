"""Files and databases of sales systems: complete files only, each receipt once, nothing written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.runtime.device_memory import DeviceMemory
from storeloom.hardware_adapters.links.drop import DropConfig, Folder
from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.pos.file_drop import FileDrop
from storeloom.hardware_adapters.pos.sql_link import need_reading, url_of
from storeloom.hardware_adapters.pos.sql_poll import SqlPoll

HEAD = "receipt,time,gtin,qty,price,cashier\n"
QUICK = {"poll_s": 0.02, "quiet_s": 0.0}


def run(driver: Any, until: Callable[[list[Any]], bool]) -> list[Any]:
    rig = Rig(driver)
    try:
        assert rig.wait_for(lambda: until(rig.facts), 5.0), [(one.stream, one.data) for one in rig.facts]
        return list(rig.facts)
    finally:
        assert rig.close(5.0)


def kept(folder: Path, driver: Any) -> Any:
    """The driver with its memory in a store's data folder, as a store's process makes it when it starts."""
    driver.context = AdapterContext(memory=DeviceMemory(folder, driver.device))
    return driver


def sales(facts: list[Any]) -> list[str]:
    return [one.data["receipt"] for one in facts if one.stream == "pos.sale"]


def test_a_file_in_gb18030_is_read_and_moved(tmp_path: Path) -> None:
    (tmp_path / "日结.csv").write_bytes(f"{HEAD}R1,2026-03-02 18:05:00,6901234567892,1,2.50,收银员甲\n".encode("gb18030"))
    driver = FileDrop("pos-1", FileDrop.Config(address=str(tmp_path), encoding="gb18030", **QUICK))
    facts = run(driver, lambda facts: (tmp_path / "done" / "日结.csv").exists())
    assert [one.data["cashier"] for one in facts if one.stream == "pos.sale"] == ["收银员甲"]
    assert not (tmp_path / "日结.csv").exists()


def test_a_bad_file_goes_aside_with_its_reason_and_holds_up_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}R1,2026-03-02 18:05:00,6901234567892,x,2.50,\n")
    (tmp_path / "b.csv").write_text(f"{HEAD}R2,2026-03-02 18:06:00,6901234567892,1,2.50,4111111111111111\n")
    (tmp_path / "c.csv").write_text(f"{HEAD}R3,2026-03-02 18:07:00,6901234567892,1,2.50,\n")
    driver = FileDrop("pos-1", FileDrop.Config(address=str(tmp_path), **QUICK))
    facts = run(driver, lambda facts: "R3" in sales(facts))
    assert sales(facts) == ["R3"]
    assert (tmp_path / "failed" / "a.csv.problems.txt").read_text().startswith("a.csv:2: column 'qty' has")
    assert "looks like a card number" in (tmp_path / "failed" / "b.csv.problems.txt").read_text()
    assert not any("4111111111111111" in str(one.data) for one in facts)
    assert [one.data["code"] for one in facts if one.data.get("state") == "degraded"] == ["bad_file", "bad_file"]


def test_an_unfinished_or_growing_file_is_left_alone(tmp_path: Path) -> None:
    clock = Folder(DropConfig(address=str(tmp_path), quiet_s=60.0), {})
    for name in ("a.csv.part", ".a.csv", "b.csv"):
        (tmp_path / name).write_text("x")
    assert list(clock.ready()) == []
    marked = Folder(DropConfig(address=str(tmp_path), marker=".ok", quiet_s=60.0), {})
    assert list(marked.ready()) == []
    (tmp_path / "b.csv.ok").touch()
    assert [one.name for one in marked.ready()] == ["b.csv"]


def test_remembered_files_stay_and_are_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}R1,2026-03-02 18:05:00,6901234567892,1,2.50,\n")
    config = FileDrop.Config(address=str(tmp_path), after="remember", **QUICK)
    assert sales(run(kept(tmp_path, FileDrop("pos-1", config)), lambda facts: "taken" in DeviceMemory(tmp_path, "pos-1"))) == ["R1"]
    (tmp_path / "b.csv").write_text(f"{HEAD}R2,2026-03-02 18:05:00,6901234567892,1,2.50,\n")
    assert sales(run(kept(tmp_path, FileDrop("pos-1", config)), lambda facts: bool(sales(facts)))) == ["R2"]
    assert (tmp_path / "a.csv").exists()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "sales.db"
    with closing(sqlite3.connect(path)) as one, one:
        one.executescript(
            "CREATE TABLE receipts (id INTEGER PRIMARY KEY, receipt TEXT, time TEXT, total TEXT);"
            "CREATE TABLE receipt_lines (receipt TEXT, line INTEGER, gtin TEXT, qty REAL, price TEXT);"
        )
    return path


def ring(base: Path, number: int, total: str = "2.50", lines: int = 1) -> None:
    with closing(sqlite3.connect(base)) as one, one:
        one.execute("INSERT INTO receipts VALUES (?, ?, '2026-03-02 18:05:00', ?)", (number, f"R{number}", total))
        for line in range(lines):
            one.execute("INSERT INTO receipt_lines VALUES (?, ?, '6901234567892', 1, '2.50')", (f"R{number}", line + 1))


def test_each_receipt_once_also_one_that_was_committed_late_and_after_a_restart(base: Path, tmp_path: Path) -> None:
    config = SqlPoll.Config(address=f"sqlite:///{base}", poll_s=0.02, overlap=10)
    ring(base, 100)
    ring(base, 102)
    rig = Rig(kept(tmp_path, SqlPoll("pos-1", config)))
    assert rig.wait_for(lambda: sales(rig.facts) == ["R100", "R102"], 5.0)
    ring(base, 101)
    assert rig.wait_for(lambda: len(sales(rig.facts)) == 3, 5.0) and rig.close(5.0)
    assert sales(rig.facts) == ["R100", "R102", "R101"]
    ring(base, 150)
    again = run(kept(tmp_path, SqlPoll("pos-1", config)), lambda facts: DeviceMemory(tmp_path, "pos-1")["cursor"]["at"] == 150)
    assert sales(again) == ["R100", "R101", "R102", "R150"]  # the last ten numbers are looked at again; the store tells repeats by key
    assert {(one.key, one.time) for one in rig.facts if one.stream == "pos.sale"} < {(one.key, one.time) for one in again}


def test_a_receipt_that_is_not_whole_waits_and_is_told_in_the_end(base: Path) -> None:
    ring(base, 1, total="5.00", lines=1)
    ring(base, 2)
    config = SqlPoll.Config(address=f"sqlite:///{base}", poll_s=0.02, settle_s=0.2)
    facts = run(SqlPoll("pos-1", config), lambda facts: any(one.data.get("code") == "bad_receipt" for one in facts))
    assert sales(facts) == ["R2"]
    assert [one.data["text"] for one in facts if one.data.get("code")] == [
        "receipt R1: its sums differ: lines 250, payments 500, total 500 in minor units"
    ]


def test_a_database_that_is_locked_is_looked_at_again_over_the_same_connection(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    sound = SqlPoll.connect
    monkeypatch.setattr(SqlPoll, "connect", lambda self: opened.append(self.device) or sound(self))
    rig = Rig(SqlPoll("pos-1", SqlPoll.Config(address=f"sqlite:///{base}", poll_s=0.05, timeout_s=0.1)))
    try:
        assert rig.wait_for(lambda: rig.state() == "online", 5.0)
        for _ in range(3):
            with closing(sqlite3.connect(base)) as till:
                till.execute("BEGIN EXCLUSIVE")
                assert rig.wait_for(lambda: rig.state() == "degraded", 5.0)
                assert rig.facts[-1].data["code"] == "busy"
            assert rig.wait_for(lambda: rig.state() == "online", 5.0)
    finally:
        rig.close(5.0)
    assert opened == ["pos-1"]


@pytest.mark.parametrize(
    ("given", "place", "asked"),
    [
        ("2026-03-02 18:05:00", "2026-03-02T18:05:00", datetime(2026, 3, 2, 18, 4)),
        ("2026-03-02 18:05:00+08:00", "2026-03-02T10:05:00+00:00", datetime(2026, 3, 2, 10, 4, tzinfo=UTC)),
    ],
)
def test_a_cursor_of_times_keeps_to_the_columns_kind_of_time(tmp_path: Path, given: str, place: str, asked: datetime) -> None:
    config = SqlPoll.Config(cursor_kind="time", overlap=60)
    driver = kept(tmp_path, SqlPoll("pos-1", config))
    driver._cursor = driver._cursor_of({"id": given})
    driver._remember()
    again = SqlPoll("pos-1", config)
    kept(tmp_path, again)
    assert again.context.memory["cursor"]["at"] == place
    again._recall()
    assert driver._from() == again._from() == asked


@pytest.mark.parametrize(
    "sql", ["DELETE FROM a", "SELECT 1; DROP TABLE a", "WITH x AS (SELECT 1) INSERT INTO a SELECT 1", "SELECT * INTO b FROM a", ""]
)
def test_only_a_single_select_is_run(sql: str) -> None:
    with pytest.raises(DeviceError, match="receipts is not a single SELECT"):
        need_reading("receipts", sql)


def test_words_in_quotes_are_no_commands_and_the_database_cannot_be_written(base: Path) -> None:
    from sqlalchemy.exc import OperationalError

    from storeloom.hardware_adapters.pos.sql_link import _engine

    need_reading("receipts", "SELECT \"update\", 'drop; delete' FROM receipts WHERE id > :cursor")
    engine = _engine(url_of(f"sqlite:///{base}", "", ""), 1.0)
    with engine.connect() as one, pytest.raises(OperationalError, match="readonly"):
        one.exec_driver_sql("INSERT INTO receipts (id) VALUES (9)")
    engine.dispose()


def test_an_address_holds_no_password() -> None:
    with pytest.raises(DeviceError, match="holds a password"):
        url_of("postgresql+psycopg://till:geheim@db/sales", "", "")
    assert url_of("postgresql+psycopg://db/sales", "till", "geheim").render_as_string() == "postgresql+psycopg://till:***@db/sales"
