"""What a driver remembers: on the disk when the assignment returns, whole or as it was, never silently lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storeloom.core.kernel.adapter import Adapter, AdapterContext
from storeloom.core.kernel.errors import ContractFault
from storeloom.core.runtime.device_memory import DeviceMemory

COUNTS = """
import sys
from pathlib import Path
from storeloom.core.runtime.device_memory import DeviceMemory
memory = DeviceMemory(Path(sys.argv[1]), "till-db")
for number in range(1_000_000):
    memory["cursor"] = {"at": number, "pad": "x" * 20_000}
    print(number, flush=True)
"""


def test_what_is_assigned_is_there_for_the_next_driver(tmp_path: Path) -> None:
    memory = DeviceMemory(tmp_path, "till-db")
    assert (dict(memory), (tmp_path / "devices").exists()) == ({}, False), "nothing to remember makes no file"
    memory["cursor"] = {"at": 7, "of": ("a", "b")}
    memory["done"] = {"c1": []}
    del memory["done"]
    assert dict(DeviceMemory(tmp_path, "till-db")) == dict(memory) == {"cursor": {"at": 7, "of": ["a", "b"]}}
    assert dict(DeviceMemory(tmp_path, "till-2")) == {}
    assert (tmp_path / "devices" / "till-db.json").stat().st_mode & 0o777 == 0o600


def test_a_process_that_is_killed_has_what_it_assigned(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", COUNTS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait(20)
    process.stdout.close()
    memory = DeviceMemory(tmp_path, "till-db")
    assert memory.trouble is None and memory["cursor"]["at"] in (said[-1], said[-1] + 1)


def test_a_disk_that_refuses_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = DeviceMemory(tmp_path, "till-db")
    memory["cursor"] = 1

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            memory["cursor"] = 2
    assert memory["cursor"] == 1 == DeviceMemory(tmp_path, "till-db")["cursor"]
    memory["cursor"] = 3
    assert DeviceMemory(tmp_path, "till-db")["cursor"] == 3


@pytest.mark.parametrize(("content", "reason"), [(b'{"cursor": 4', "unexpected end of data"), (b"", "empty"), (b"[1]", "no JSON object")])
def test_a_broken_file_is_told_and_put_aside(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "devices").mkdir()
    file = tmp_path / "devices" / "till-db.json"
    file.write_bytes(content)
    (tmp_path / "devices" / "till-db.json.broken-1").write_bytes(b"older")
    memory = DeviceMemory(tmp_path, "till-db")
    aside = tmp_path / "devices" / "till-db.json.broken-2"
    assert aside.read_bytes() == content and not file.exists() and dict(memory) == {}
    assert memory.trouble is not None and memory.trouble.code == "SL-DEV-06"
    assert reason in memory.trouble.text("en") and str(aside) in memory.trouble.fix("zh")
    memory["cursor"] = 1
    assert DeviceMemory(tmp_path, "till-db").trouble is None


def test_there_is_a_bound_and_only_json(tmp_path: Path) -> None:
    memory = DeviceMemory(tmp_path, "till-db", most_bytes=100)
    memory["a"] = "x" * 80
    with pytest.raises(ContractFault, match="The driver of till-db wants to remember 115 bytes; 100 are allowed"):
        memory["b"] = "y" * 20
    for wrong in (datetime(2026, 3, 2, tzinfo=UTC), object(), {1, 2}):
        with pytest.raises(TypeError):
            memory["b"] = wrong
    assert dict(memory) == {"a": "x" * 80} == dict(DeviceMemory(tmp_path, "till-db"))


@pytest.mark.parametrize("device", ["../till", "a/b", "收银 1", "a%2Fb", ".."])
def test_any_id_of_a_device_is_a_file_of_the_folder(tmp_path: Path, device: str) -> None:
    DeviceMemory(tmp_path / "data", device)["a"] = 1
    assert DeviceMemory(tmp_path / "data", device)["a"] == 1
    assert [one.parent for one in tmp_path.rglob("*.json")] == [tmp_path / "data" / "devices"]


def test_without_a_store_each_driver_has_a_memory_of_its_own() -> None:
    one, other = Adapter("a", None), Adapter("b", None)
    one.context.memory["x"] = 1
    assert dict(other.context.memory) == {} == dict(AdapterContext().memory)
