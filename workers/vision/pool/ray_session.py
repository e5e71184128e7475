"""This process's connection to Ray, shared by its pools: a Ray of its own that ends with it, or a cluster joined by its address."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

import ray

from storeloom.workers.vision.pool.hosted import PoolError
from storeloom.workers.vision.pool.reaper import Reaper

LOCAL, AUTO = "local", "auto"
CONNECT_S = 5.0
STORE_BYTES = 100 * 2**20
_lock = threading.Lock()
_open: list[Session] = []


class Session:
    """A connection; `users` counts who holds it."""

    def __init__(self, address: str, reaper: Reaper | None) -> None:
        self.address = address
        self.users = 1
        self._reaper = reaper

    def release(self) -> None:
        """Give it back; the last one ends it, and a Ray of our own with it."""
        with _lock:
            self.users -= 1
            if self.users:
                return
            _open.remove(self)
            ray.shutdown()
            if self._reaper is not None:
                self._reaper.close()


def connect(address: str = LOCAL, cores: int | None = None) -> Session:
    """Start a Ray of `cores` cores (all that may be used, by default) in this machine (`local`), or join a cluster.

    Frames never go through Ray, so that its store of objects is kept small. No dashboard is started and nothing is reported to anyone.
    PoolError where the cluster cannot be joined, and where this process holds another one.
    """
    with _lock:
        if _open:
            session = _open[0]
            if session.address != address:
                what = f"This process is connected to Ray at '{session.address}' already."
                raise PoolError(what, "ray", "Close that pool first, or use the same address.")
            session.users += 1
            return session
        reaper: Reaper | None = None
        if address == LOCAL:
            reaper = _start(cores)
        else:
            join(address)
        session = Session(address, reaper)
        _open.append(session)
        return session


def _start(cores: int | None) -> Reaper:
    reaper = Reaper()
    settings: Mapping[str, Any] = {
        "num_cpus": cores if cores is not None else len(os.sched_getaffinity(0)),
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
    }
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with reaper.marking():
            context: Any = ray.init(address=LOCAL, **settings)
    except BaseException:
        reaper.close()
        raise
    reaper.tell(str(context.address_info["session_dir"]))
    return reaper


def join(address: str) -> None:
    """Join a cluster. Whether anything listens is tried first, for Ray itself asks for minutes."""
    if address != AUTO:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise PoolError(f"{address!r} is no address of a Ray cluster.", "ray", "Give HOST:PORT, auto, or local.")
        try:
            socket.create_connection((host.removeprefix("ray://"), int(port)), CONNECT_S).close()
        except OSError as error:
            raise PoolError(f"No Ray cluster answers at '{address}' ({error}).", "ray", "Check the address and the network.") from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        what = f"No Ray cluster can be joined at '{address}' ({error}).".replace("\n", " ")
        raise PoolError(what, "ray", "Check the address, or leave it out.") from error
