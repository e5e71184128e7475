"""The process that owns a Ray head: `python -m storeloom.workers.pool.ray_guard CORES`.

It says `address HOST:PORT` on standard output when Ray is up, waits until its standard input ends, and then ends Ray with every process
that Ray started, those too whose parents are gone (it is their subreaper; prctl(2)), and deletes Ray's folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
from typing import Any

import psutil

PR_SET_CHILD_SUBREAPER = 36
STORE_BYTES = 512 << 20
# A node that answers late on a machine with other work is not dead: Ray would end it, and its driver with it.
PATIENCE = {"agent_register_timeout_ms": 300_000, "health_check_failure_threshold": 20}
ENDING_S = 3.0


def main(cores: int) -> None:
    """Start a head, and end it when this process's input ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)  # who started us says when, by closing our input
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    folder = tempfile.mkdtemp(prefix="storeloom-ray-")
    try:
        print("address", _head(cores, folder), flush=True)
        sys.stdin.read()
    finally:
        _end_all()
        shutil.rmtree(folder, ignore_errors=True)


def _head(cores: int, folder: str) -> str:
    import ray

    spare = psutil.virtual_memory().available // 4
    context: Any = ray.init(
        num_cpus=cores or len(os.sched_getaffinity(0)),
        include_dashboard=False,
        object_store_memory=max(80 << 20, min(STORE_BYTES, spare)),
        log_to_driver=False,
        configure_logging=False,
        _temp_dir=folder,
        _system_config=PATIENCE,
    )
    return str(context.address_info["gcs_address"])


def _end_all() -> None:
    """Kill all descendants, until none is left; they keep nothing that is worth an orderly end."""
    while found := psutil.Process().children(recursive=True):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=ENDING_S)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    finally:
        os._exit(0)  # Ray's own end would wait for daemons that are gone
