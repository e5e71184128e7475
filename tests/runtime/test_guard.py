"""The bounds of a host process, and the guard that starts hosts and leaves none behind."""

import subprocess
import sys
import time
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import PluginFault
from storeloom.core.kernel.registry import Entry, Package
from storeloom.core.runtime.guard import HostGuard, members
from storeloom.core.runtime.limits import Limits
from storeloom.core.runtime.log import micros
from storeloom.core.runtime.remote import Bucket

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def at(seconds: float) -> int:
    return micros(NOW) + int(seconds * 1_000_000)


def test_limits_are_by_load_and_the_operators(tmp_path):
    entry = Entry("w", Package("p", tmp_path), "w.py", {"load": "light"})
    assert (Limits.of(entry).handler_s, Limits.of(entry).memory_mb) == (5, 512)
    assert Limits.of(replace(entry, facts={"load": "optimise"})).handler_s == 300
    assert Limits.of(replace(entry, limits={"memory_mb": 256, "open_files": 99})) == replace(Limits(), memory_mb=256.0, open_files=99)
    with pytest.raises(PluginFault) as caught:
        Limits.of(replace(entry, limits={"memory_mbs": 256}))
    assert "limits of w has the unknown key 'memory_mbs'; Did you mean 'memory_mb'?" in caught.value.findings[0].text()
    with pytest.raises(PluginFault, match=r"limits\.memory_mb of w is 'much'"):
        Limits.of(replace(entry, limits={"memory_mb": "much"}))


def test_the_schema_of_plugins_toml_knows_every_limit():
    listing = schemas.load(schemas.SCHEMAS / "plugins.json")
    line = listing["properties"]["scenario"]["additionalProperties"]["properties"]["solutions"]["additionalProperties"]["anyOf"][1]
    assert list(line["properties"]["limits"]["properties"]) == [field.name for field in fields(Limits)]


def test_a_rate_counts_event_time_and_allows_a_burst():
    bucket = Bucket(rate_s=2, burst=10)
    assert bucket.take(10, at(0)) and not bucket.take(1, at(0))
    assert not bucket.take(3, at(1)) and bucket.take(2, at(1))
    assert not bucket.take(11, at(3600)) and bucket.take(10, at(3600))
    assert not bucket.take(1, at(3000))  # time that goes back gives nothing


def test_what_an_earlier_store_process_left_is_cleared(tmp_path):
    left = tmp_path / "hosts" / "7"
    left.mkdir(parents=True)
    (left / "note").write_text("x")
    guard = HostGuard(tmp_path / "hosts")
    assert list((tmp_path / "hosts").iterdir()) == []
    guard.close()


LEFT = """
import sys, time
from pathlib import Path
from storeloom.core.runtime.guard import HostGuard
from storeloom.core.runtime.hosts import environment
from storeloom.core.runtime.limits import Limits
host = HostGuard(Path(sys.argv[1])).spawn("a", "light", Limits(), environment())
while not host.pid:
    time.sleep(0.01)
print(host.pid, flush=True)
time.sleep(60)
"""


def test_a_host_ends_with_the_store_process_however_that_ends(tmp_path):
    store = subprocess.Popen([sys.executable, "-c", LEFT, str(tmp_path / "hosts")], stdout=subprocess.PIPE, text=True)
    pid = int(store.stdout.readline())
    assert members([pid]) == {pid: [pid]}
    store.kill()
    store.communicate()
    until = time.monotonic() + 30
    while (left := running(pid)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not left


def running(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
