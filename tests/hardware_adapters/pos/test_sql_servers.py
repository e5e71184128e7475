"""Sales out of a real PostgreSQL and a real MariaDB: money, zones, ties, login, read-only, and a server that starts again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.runtime.device_memory import DeviceMemory
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.pos.sql_poll import BATCH, SqlPoll
from tests import postgres

WAIT_S = 20.0
PASSWORD = "gehe1m"
LOST = {"offline", "timeout", "no_hardware"}


class Server:
    """A database server of its own, on a free port of the loopback, and its administrator's connection."""

    extra = ""
    scheme = ""
    TABLES: tuple[str, ...] = ()

    def __init__(self, home: Path) -> None:
        self.home, self.process = home, None
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=(self.home / "log").open("ab"))
        until = time.monotonic() + WAIT_S
        while True:
            try:
                self.run("SELECT 1")
                return
            except Exception:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(WAIT_S)

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/sales"

    def command(self) -> list[str]:
        raise NotImplementedError

    def admin(self) -> Any:
        raise NotImplementedError

    def run(self, *statements: str) -> None:
        connection = self.admin()
        try:
            with connection.cursor() as cursor:
                for one in statements:
                    cursor.execute(one)
        finally:
            connection.close()


class Postgres(Server):
    scheme = "postgresql+psycopg"
    TABLES = (
        "CREATE TABLE receipts (id bigserial PRIMARY KEY, receipt text, time timestamptz, at timestamp, total numeric(12,2))",
        "CREATE TABLE receipt_lines (receipt text, line int, gtin text, qty numeric(10,3), price numeric(12,4), amount numeric(12,2))",
        f"CREATE ROLE till LOGIN PASSWORD '{PASSWORD}'",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO till",
    )

    def __init__(self, home: Path) -> None:
        self.own, self.database = postgres.Postgres(home, "timezone=America/New_York"), "postgres"
        self.port = self.own.port

    def start(self) -> None:
        self.own.start()

    def stop(self, *, kill: bool = False) -> None:
        self.own.stop(kill=kill)

    def run(self, *statements: str) -> None:
        self.own.run(*statements, database=self.database)

    def make(self) -> None:
        self.run("CREATE DATABASE sales")
        self.database = "sales"
        self.run(*self.TABLES)


class MariaDb(Server):
    scheme = "mysql+pymysql"
    TABLES = (
        "CREATE TABLE receipts (id bigint AUTO_INCREMENT PRIMARY KEY, receipt varchar(40), time timestamp NULL, at datetime,"
        " total decimal(12,2))",
        "CREATE TABLE receipt_lines (receipt varchar(40), line int, gtin varchar(14), qty decimal(10,3), price decimal(12,4),"
        " amount decimal(12,2))",
        f"CREATE USER till@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
        "GRANT ALL ON sales.* TO till@'127.0.0.1'",
    )

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        import getpass

        self.options = [f"--datadir={home}/data", f"--user={getpass.getuser()}"]
        install = ["mariadb-install-db", "--no-defaults", *self.options, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True)

    def command(self) -> list[str]:
        place = ["--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.home}/sock", f"--pid-file={self.home}/pid"]
        zone = ["--default-time-zone=-05:00", "--character-set-server=utf8mb4", "--skip-name-resolve"]
        return [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", *self.options, *place, *zone]

    def admin(self) -> Any:
        import pymysql

        name = "sales" if (self.home / "made").exists() else None
        return pymysql.connect(
            unix_socket=f"{self.home}/sock", user="root", database=name, autocommit=True, init_command="SET time_zone='+00:00'"
        )

    def make(self) -> None:
        self.run("CREATE DATABASE sales")
        (self.home / "made").touch()
        self.run(*self.TABLES)


@pytest.fixture(scope="module", params=[Postgres, MariaDb], ids=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind = request.param
    if kind is Postgres:
        pytest.importorskip("psycopg", reason="psycopg is not installed")
        if not postgres.installed():
            pytest.skip("the server of PostgreSQL is not installed")
    else:
        pytest.importorskip("pymysql", reason="PyMySQL is not installed")
        if shutil.which("mariadb-install-db") is None:
            pytest.skip("the server of MariaDB is not installed")
    home = Path(tempfile.mkdtemp(prefix="sales-"))
    one = kind(home)
    try:
        one.start()
        one.make()
        yield one
    finally:
        one.stop(kill=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def base(server: Server) -> Server:
    """The server, with nothing in its tables."""
    server.run("DELETE FROM receipts", "DELETE FROM receipt_lines")
    return server


def driver(server: Server, folder: Path | None = None, **more: Any) -> SqlPoll:
    settings = {"address": server.address, "user": "till", "password": "db", "poll_s": 0.05, "settle_s": 0.2, "timeout_s": 5.0}
    one = SqlPoll("pos-1", SqlPoll.Config(**{**settings, **more}))
    memory: Any = {} if folder is None else DeviceMemory(folder, "pos-1")
    one.context = AdapterContext(secrets={"db": PASSWORD}, memory=memory)
    return one


def ring(server: Server, number: int, *, at: str = "2026-03-02 18:05:00", total: str = "2.50", line: str = "1, 2.5, 2.50") -> None:
    utc = "'2026-03-02 10:05:00+00'" if isinstance(server, Postgres) else "'2026-03-02 10:05:00'"
    server.run(
        f"INSERT INTO receipts (id, receipt, time, at, total) VALUES ({number}, 'R{number}', {utc}, '{at}', {total})",
        f"INSERT INTO receipt_lines VALUES ('R{number}', 1, '6901234567892', {line})",
    )


def sales(rig: Rig) -> list[str]:
    return [one.data["receipt"] for one in rig.facts if one.stream == "pos.sale"]


def test_money_and_weights_are_taken_as_they_are_and_times_of_both_kinds_are_the_same_instant(base: Server) -> None:
    ring(base, 1, total="12345678.41", line="0.456, 27073856.1600, 12345678.41")
    for column in ("time", "at"):
        rig = Rig(driver(base, columns={"time": column}, zone="Asia/Shanghai", max_amount=100_000_000_000))
        try:
            assert rig.wait_for(lambda rig=rig: sales(rig) == ["R1"], WAIT_S), rig.facts
        finally:
            assert rig.close(5.0)
        sale = next(one for one in rig.facts if one.stream == "pos.sale")
        assert sale.data["total"] == 1234567841 and sale.data["lines"][0]["qty"] == 0.456
        assert sale.time == datetime(2026, 3, 2, 10, 5, tzinfo=UTC), column
        assert sale.data["business_day"] == "2026-03-02"


def test_receipts_of_one_instant_come_all_though_they_fill_more_than_a_page(base: Server, tmp_path: Path) -> None:
    count = 2 * BATCH + 7
    rows = ", ".join(f"({n}, 'T{n}', '2026-03-02 18:05:00', 1)" for n in range(1, count + 1))
    lines = ", ".join(f"('T{n}', 1, '6901234567892', 1, 1, 1)" for n in range(1, count + 1))
    base.run(f"INSERT INTO receipts (id, receipt, at, total) VALUES {rows}", f"INSERT INTO receipt_lines VALUES {lines}")
    ties = {
        "receipts": "SELECT receipt, at, total FROM receipts WHERE at > :cursor ORDER BY at, id",
        "cursor": "at",
        "cursor_kind": "time",
        "columns": {"time": "at"},
        "overlap": 0,
    }
    rig = Rig(driver(base, tmp_path, **ties))
    try:
        assert rig.wait_for(lambda: len(sales(rig)) == count, 3 * WAIT_S), len(sales(rig))
        ring(base, 5000, at="2026-03-02 18:05:01")
        assert rig.wait_for(lambda: sales(rig)[-1] == "R5000", WAIT_S)
        assert rig.wait_for(lambda: DeviceMemory(tmp_path, "pos-1").get("cursor", {}).get("at") == "2026-03-02T18:05:01", WAIT_S)
    finally:
        assert rig.close(5.0)
    assert len(set(sales(rig))) == count + 1 == len(sales(rig))
    again = Rig(driver(base, tmp_path, **ties))
    try:
        ring(base, 5001, at="2026-03-02 18:05:02")
        assert again.wait_for(lambda: bool(sales(again)), WAIT_S)
        assert sales(again) == ["R5001"], "it goes on where the first one was"
    finally:
        assert again.close(5.0)


def test_a_server_that_starts_again_is_come_back_to(base: Server) -> None:
    ring(base, 1)
    rig = Rig(driver(base))
    try:
        assert rig.wait_for(lambda: sales(rig) == ["R1"], WAIT_S)
        base.stop(kill=True)
        assert rig.wait_for(lambda: rig.state() == "offline", WAIT_S), rig.facts
        told = next(one.data for one in reversed(rig.facts) if one.stream == "device.status")
        assert told["code"] in LOST and PASSWORD not in str(told)
        base.start()
        ring(base, 2)
        assert rig.wait_for(lambda: sales(rig) == ["R1", "R2"] and rig.state() == "online", 2 * WAIT_S), rig.facts
        assert not rig.faults
    finally:
        assert rig.close(5.0)


def test_a_wrong_password_is_a_fault_and_stands_in_no_word(base: Server) -> None:
    one = driver(base)
    one.context = AdapterContext(secrets={"db": "wr0ng"})
    health = one.check_health()
    assert not health.ok and "wr0ng" not in str(health) and "till" in health.words["en"]
    assert driver(base).check_health().ok


def test_nothing_can_be_written_even_by_a_function(base: Server) -> None:
    ring(base, 1)
    if isinstance(base, Postgres):
        base.run("CREATE OR REPLACE FUNCTION wipe() RETURNS bigint AS 'DELETE FROM receipts; SELECT 1::bigint' LANGUAGE sql")
    else:
        base.run("DROP FUNCTION IF EXISTS wipe", "CREATE FUNCTION wipe() RETURNS INT BEGIN DELETE FROM receipts; RETURN 1; END")
    one = driver(base, receipts="SELECT wipe() AS id, :cursor AS since")
    with one.connect() as link, pytest.raises(DeviceError) as caught:
        link.rows("receipts", one.config.receipts, {"cursor": 0})
    assert caught.value.code is Code.FAILURE and "read" in str(caught.value).lower()
    with driver(base).connect() as link:
        assert len(link.rows("receipts", "SELECT * FROM receipts", {})) == 1


def test_a_backlog_is_not_fetched_at_once(base: Server) -> None:
    made = "generate_series(1, 300000) AS n" if isinstance(base, Postgres) else "seq_1_to_300000"
    number = "n" if isinstance(base, Postgres) else "seq"
    with driver(base).connect() as link:
        rows = link.rows("receipts", f"SELECT {number} AS id, repeat('x', 200) AS pad FROM {made}", {}, 600)
        assert [len(rows), rows[-1]["id"]] == [600, 600]
        assert link.rows("receipts", "SELECT 1 AS id", {})[0]["id"] == 1
