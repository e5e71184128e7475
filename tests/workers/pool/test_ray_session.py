"""Ray leaves nothing behind, however its user ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from storeloom.core.kernel.registry import ROOT
from storeloom.workers.pool import PoolError
from storeloom.workers.pool.ray_session import RaySession

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed")

USER = """
import sys
from storeloom.workers.pool import open_pool
from tests.workers.pool import calls
import ray
with open_pool("ray", cores=1) as pool:
    print(pool.map(calls.square, [3]), flush=True)
    sys.stdin.read()
"""


@pytest.mark.thorough
@pytest.mark.parametrize("killed", [True, False])
def test_a_user_that_ends_or_is_killed_takes_ray_with_it(killed: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="sl") as short:  # sockets lie in it, whose paths must be short
        _ends_all(killed, Path(short))


def _ends_all(killed: bool, folder: Path) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER], cwd=ROOT, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "HOME": str(folder)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert user.stdin is not None and user.stdout is not None
    assert user.stdout.readline() == "[9]\n"
    started = psutil.Process(user.pid).children(recursive=True)
    assert len(started) > 3 and list(folder.glob("storeloom-ray-*"))
    if killed:
        next(process for process in started if process.name().startswith("ray::")).suspend()  # one that is stuck goes too
        user.send_signal(signal.SIGKILL)
    else:
        user.stdin.close()
    user.wait(30)
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive
    assert not list(folder.glob("storeloom-ray-*"))


def test_a_cluster_that_is_not_there_is_said_and_nothing_is_joined() -> None:
    script = (
        "from storeloom.workers.pool import PoolError, open_pool\n"
        "try:\n    open_pool('127.0.0.1:1')\nexcept PoolError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert said.stdout.startswith("There is no Ray cluster at 127.0.0.1:1: ")


def test_leaving_what_was_never_joined_is_no_fault() -> None:
    RaySession().leave()
    assert issubclass(PoolError, Exception)
