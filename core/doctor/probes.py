"""What is read from a machine, as plain values. Tests give others in their place."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from storeloom.core.doctor.folder import FolderFacts, probe_folder
from storeloom.core.doctor.reach import ServerFacts, probe_server
from storeloom.core.doctor.software import Installed, probe_installed

STA_UNSYNC = 0x0040
_SHUT_IN = """
import sys, tempfile
from pathlib import Path
from storeloom.core.runtime.sandbox import confine
with tempfile.TemporaryDirectory() as folder:
    print("\\n".join(confine([], Path(folder), children=False)), flush=True)
    import os; os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """`synchronised` is None where the kernel does not say."""

    now: datetime
    monotonic: bool
    synchronised: bool | None


@dataclass(frozen=True, slots=True)
class Room:
    """What this process may use: cores by affinity and control group, of how many the machine has; memory in MB (`free_mb`: what is to be
    had now, within the control group's limit); open files."""

    cores: float
    machine_cores: int
    memory_mb: int
    free_mb: int
    files: int


def _python() -> tuple[int, int, int]:
    return sys.version_info[:3]


def _encodings() -> tuple[str, str]:
    """Of file names, and of what is printed."""
    return sys.getfilesystemencoding(), sys.stdout.encoding or ""


def _program(name: str) -> bool:
    """Whether a program is there; Debian keeps some where an ordinary user's PATH does not lead."""
    beside = [*map(str, Path("/usr/lib/postgresql").glob("*/bin")), "/usr/sbin", "/usr/local/sbin"]
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *beside])) is not None


def _library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _sqlite() -> dict[str, str]:
    """The version of SQLite that each driver which is installed stands on; asked in a process of its own: no process should load two."""
    found = {}
    for name, words in (
        ("apsw", "import apsw; print(apsw.sqlite_lib_version())"),
        ("pysqlite3", "from pysqlite3 import dbapi2; print(dbapi2.sqlite_version)"),
        ("sqlite3", "import sqlite3; print(sqlite3.sqlite_version)"),
    ):
        done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode == 0:
            found[name] = done.stdout.strip()
    return found


def _clock() -> Clock:
    return Clock(datetime.now(UTC), time.get_clock_info("monotonic").monotonic, _synchronised())


def _synchronised() -> bool | None:
    """What the kernel says of its clock (adjtimex(2), reading only)."""
    buffer = ctypes.create_string_buffer(512)  # struct timex: modes, offset, freq, maxerror, esterror, status; modes = 0 changes nothing
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    long = ctypes.sizeof(ctypes.c_long)
    status = int.from_bytes(buffer.raw[5 * long : 5 * long + 4], sys.byteorder)
    return None if state < 0 else not status & STA_UNSYNC


def _zones() -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        offset = datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")).utcoffset()
    except ZoneInfoNotFoundError:
        return False
    return offset is not None and offset.total_seconds() == 8 * 3600


def _room() -> Room:
    own = len(os.sched_getaffinity(0))
    meminfo = {}
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        meminfo[name] = int(value.split()[0]) // 1024
    total, free = meminfo["MemTotal"], meminfo.get("MemAvailable", meminfo["MemFree"])
    quota, limit_mb, used_mb = _control_group()
    if limit_mb is not None:
        total, free = min(total, limit_mb), min(free, max(0, limit_mb - used_mb))
    cores = min(float(own), quota) if quota is not None else float(own)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return Room(cores, os.cpu_count() or 1, total, free, 1 << 30 if files == resource.RLIM_INFINITY else files)


def _control_group(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> tuple[float | None, int | None, int]:
    """The least limit on cores and on memory (MB) of this process's control group (version 2) and those above it, and what it uses (MB)."""
    try:
        path = next(line.partition("::")[2] for line in own.read_text(encoding="utf-8").splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None, None, 0
    place, cores, limits = root / path.lstrip("/"), [], []
    for folder in (place, *place.parents):
        if not folder.is_relative_to(root):
            break
        quota, period = (*_read(folder / "cpu.max").split(), "max", "100000")[:2]
        if quota != "max":
            cores.append(int(quota) / int(period))
        most = _read(folder / "memory.max")
        if most not in ("", "max"):
            limits.append((int(most), int(_read(folder / "memory.current") or 0)))
    limit = min(limits, default=None)
    return min(cores, default=None), None if limit is None else limit[0] >> 20, 0 if limit is None else limit[1] >> 20


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _shut_in() -> list[str]:
    """What of the plugins' sandbox this machine lacks, found out by shutting a process in."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", _SHUT_IN], capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    if done.returncode != 0:
        return [(done.stderr.strip().splitlines() or ["?"])[-1]]
    return [line for line in done.stdout.splitlines() if line]


def _gpus() -> list[str]:
    return sorted(str(path) for pattern in ("nvidia[0-9]*", "dri/renderD*", "kfd") for path in Path("/dev").glob(pattern))


def _units() -> dict[str, bool]:
    """Which of storeloom's units a service manager has, and whether one is there at all (under the empty name)."""
    from storeloom.core.units import KINDS, unit_name

    places = [Path(place) for place in ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")]
    return {
        "": Path("/run/systemd/system").is_dir(),
        **{kind: any((place / unit_name(kind)).exists() for place in places) for kind in KINDS},
    }


def _taken(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port), reuse_port=False):
            return False
    except OSError:
        return True


@dataclass(frozen=True)
class Probes:
    """How each thing is read."""

    python: Callable[[], tuple[int, int, int]] = _python
    system: Callable[[], str] = platform.system
    installed: Callable[[], Installed] = probe_installed
    library: Callable[[str], bool] = _library
    program: Callable[[str], bool] = _program
    sqlite: Callable[[], dict[str, str]] = _sqlite
    folder: Callable[[Path], FolderFacts] = probe_folder
    clock: Callable[[], Clock] = _clock
    zones: Callable[[], bool] = _zones
    encodings: Callable[[], tuple[str, ...]] = _encodings
    room: Callable[[], Room] = _room
    shut_in: Callable[[], list[str]] = _shut_in
    gpus: Callable[[], list[str]] = _gpus
    units: Callable[[], dict[str, bool]] = _units
    taken: Callable[[str, int], bool] = _taken
    server: Callable[[str, str], ServerFacts] = probe_server
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
