"""A PostgreSQL server of the tests' own, where the binaries are installed (Debian's package postgresql)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from glob import glob
from pathlib import Path
from typing import Any

WAIT_S = 30.0
USER, PASSWORD = "admin", "adm1n"


def installed() -> bool:
    """Whether there is a server to start."""
    return bool(glob("/usr/lib/postgresql/*/bin/initdb"))


class Postgres:
    """A server on a free port of the loopback, its data in `home`, nothing of it durable."""

    def __init__(self, home: Path, *options: str) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self._bin, self._home = Path(sorted(glob("/usr/lib/postgresql/*/bin"))[-1]), home
        self._as: list[str] = []
        if os.geteuid() == 0:  # it does not run as root
            shutil.chown(home, "postgres")
            self._as = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        (home / "word").write_text(PASSWORD)
        (home / "word").chmod(0o644)
        create = ["initdb", "-D", f"{home}/data", "-U", USER, "-A", "scram-sha-256", f"--pwfile={home}/word", "--no-sync", "-E", "UTF8"]
        subprocess.run([*self._as, str(self._bin / create[0]), *create[1:], "--locale", "C.UTF-8"], check=True, capture_output=True)
        quick = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", f"unix_socket_directories={home}", *options]
        self._command = [*self._as, str(self._bin / "postgres"), "-D", f"{home}/data", "-h", "127.0.0.1", "-p", str(self.port)]
        self._command += [part for one in quick for part in ("-c", one)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=(self._home / "log").open("ab"))
        until = time.monotonic() + WAIT_S
        while True:
            try:
                self.run("SELECT 1")
                return
            except Exception:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        """End it, in order or at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if kill else signal.SIGINT)
            self._process.wait(WAIT_S)

    def url(self, database: str) -> str:
        """The address of a database for SQLAlchemy."""
        return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements; the rows of the last one."""
        import psycopg

        rows: list[Any] = []
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True
        ) as connection:
            for one in statements:
                cursor = connection.execute(one)  # type: ignore[call-overload]
                rows = cursor.fetchall() if cursor.description else []
        return rows
