"""Ray for this process: one started here and gone with us however we end, or one that runs elsewhere.

Ray is one a process, so all pools of a process share it. The head that is started here asks for a token of its own and belongs to a guard
process: when this one ends, even killed, the guard ends Ray's daemons and workers with all that they started and deletes what was spilled.
"""

from __future__ import annotations

import importlib
import os
import secrets
import socket
import subprocess
import sys
import threading
from typing import Any

from storeloom.workers.pool.base import PoolError

GUARD = "storeloom.workers.pool.ray_guard"
START_S = 60.0
END_S = 15.0
REACH_S = 5.0


class RaySession:
    """What this process has joined, and how many use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._address = ""
        self._users = 0
        self._guard: subprocess.Popen[str] | None = None
        self._token = secrets.token_hex(32)

    def join(self, address: str | None = None, cores: int | None = None) -> Any:
        """The `ray` module, joined to the cluster at `address`, or (None) to a head started here with `cores`; call `leave` when done.

        PoolError where Ray does not start or cannot be reached, or where this process has joined another cluster already.
        """
        with self._lock:
            if not self._users:
                self._address = self._start(cores) if address is None else _reachable(address)
                self._connect()
            elif address not in (None, self._address):
                raise PoolError(f"This process has joined the Ray cluster {self._address} already. Leave it before you join {address}.")
            self._users += 1
        import ray

        return ray

    def leave(self) -> None:
        """One user less; the last one lets go of the cluster, and ends it where it was started here."""
        import ray

        with self._lock:
            self._users = max(0, self._users - 1)
            if not self._users:
                ray.shutdown()
                self._end()

    def _start(self, cores: int | None) -> str:
        """Start a head under a guard, whose standard input is held open by this process alone; its address."""
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=self._token)
        if "ray" in sys.modules:
            raylet: Any = importlib.import_module("ray._raylet")
            raylet.Config.initialize("")  # Ray reads the mode when it is imported; `ray.init` itself does this where it changes the mode
        command = [sys.executable, "-m", GUARD, str(cores or 0)]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self._guard.stdout is not None
        late = threading.Timer(START_S, self._guard.kill)
        late.start()
        said = self._guard.stdout.readline().strip()
        late.cancel()
        if not said.startswith("address "):
            self._end()
            raise PoolError(f"Ray did not start within {START_S:g} s: {said or 'it ended without a word'}. See what it wrote above.")
        return said.removeprefix("address ")

    def _connect(self) -> None:
        """Join as a driver; what fails leaves nothing behind."""
        import ray

        try:
            ray.init(address=self._address, namespace="storeloom", log_to_driver=False, configure_logging=False)
        except Exception as error:
            self._end()
            raise PoolError(f"The Ray cluster at {self._address} cannot be joined: {error}") from error

    def _end(self) -> None:
        """Let the guard end its head, by closing its input; kill it where it does not."""
        if self._guard is None:
            return
        assert self._guard.stdin is not None and self._guard.stdout is not None
        self._guard.stdin.close()
        try:
            self._guard.wait(END_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        self._guard.stdout.close()
        self._guard = None


def _reachable(address: str) -> str:
    """The address if something listens there: Ray itself would wait for minutes. `auto` is Ray's to find."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return address
    try:
        socket.create_connection((host, int(port)), REACH_S).close()
    except (OSError, ValueError) as error:
        raise PoolError(f"There is no Ray cluster at {address}: {error}.") from error
    return address


SESSION = RaySession()
