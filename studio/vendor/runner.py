"""Runs the check of one package: `python -m storeloom.studio.vendor.runner FOLDER`. It runs no line of the vendor's itself.

The wheel is read and unpacked; then each solution and each driver is checked by `studio/vendor/child.py` in a process of its own, which
is ended with all that it started when its time is over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from storeloom.core.control.trust.wheels import Wheel, read_wheel
from storeloom.core.kernel.errors import StoreloomError
from storeloom.studio.vendor.checks import Check, write

SOLUTION_S, ADAPTER_S = 120.0, 600.0
MOST_BYTES, MOST_FILES = 512 << 20, 20_000
TOLD = 600
LANGUAGES = ("en", "zh")
Row = dict[str, Any]


def main() -> int:
    """Check the package of a folder."""
    check, began = Check(Path(sys.argv[1])), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ok = True
    with open(check.folder / "rows.jsonl", "ab", buffering=0) as rows:
        for row in _checked(check):
            ok = ok and bool(row["ok"])
            rows.write(orjson.dumps(row) + b"\n")
    write(check.folder / "done.json", {"ok": ok, "seconds": round(time.monotonic() - began, 1)})
    return 0


def _checked(check: Check) -> Iterator[Row]:
    """Each check, as it is made."""
    began = time.monotonic()
    try:
        wheel = read_wheel(check.package.name, check.package.read_bytes())
        site = _unpacked(check)
    except StoreloomError as fault:
        got = {lang: "; ".join(f"{one.text(lang)} {one.fix(lang)}" for one in fault.findings) for lang in LANGUAGES}
        yield _row("wheel", check.package.name, "readable", False, got, began)
        return
    write(check.folder / "brought.json", _brought(wheel))
    yield _row("wheel", check.package.name, "readable", True, "", began)
    for solution in sorted(wheel.solutions):
        yield from _run(check, site, "solution", solution, SOLUTION_S)
    for adapter in sorted(wheel.adapters):
        yield from _run(check, site, "adapter", adapter, ADAPTER_S)


def _brought(wheel: Wheel) -> dict[str, Any]:
    facts = {
        "name": wheel.name,
        "version": wheel.version,
        "package": wheel.package,
        "requires": list(wheel.requires),
        "python": wheel.python,
    }
    return {**facts, "solutions": dict(wheel.solutions), "adapters": dict(wheel.adapters)}


def _unpacked(check: Check) -> Path:
    """The wheel's files in a folder, each within it; what is too much is not unpacked."""
    site = check.folder / "site"
    site.mkdir(exist_ok=True)
    left = MOST_BYTES
    with zipfile.ZipFile(check.package) as archive:
        members = archive.infolist()[: MOST_FILES + 1]
        for one in members:
            place = PurePosixPath(one.filename)
            if one.is_dir():
                continue
            if place.is_absolute() or ".." in place.parts or len(members) > MOST_FILES:
                raise _refused(check.package.name, f"{one.filename}: outside of its folder, or too many files")
            target = site.joinpath(*place.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(one) as source, open(target, "wb") as out:
                while data := source.read(1 << 20):
                    left -= len(data)
                    if left < 0:
                        raise _refused(check.package.name, f"more than {MOST_BYTES >> 20} MiB unpacked")
                    out.write(data)
    return site


def _refused(file: str, reason: str) -> StoreloomError:
    from storeloom.core.kernel.errors import Finding, TrustFault

    return TrustFault(Finding("SL-TRU-21", {"file": file, "reason": {"en": reason, "zh": reason}}))


def _run(check: Check, site: Path, part: str, name: str, within_s: float) -> Iterator[Row]:
    """The checks of one plugin: the lines that its process tells, and how it ended where it told too little."""
    began = time.monotonic()
    scratch = check.folder / "scratch"
    scratch.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(scratch), "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "storeloom.studio.vendor.child", str(site), str(scratch), part, name]
    told = 0
    with open(check.folder / f"{part}-{name}.err", "w+b") as errors:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": errors}
        process = subprocess.Popen(command, env=environment, start_new_session=True, **streams)
        clock = threading.Timer(within_s, _end, [process])
        clock.start()
        try:
            for row in map(_line, process.stdout or ()):
                if row is not None:
                    told += 1
                    yield {"part": part, "name": name, **row}
            code = process.wait()
        finally:
            late = not clock.is_alive()
            clock.cancel()
            _end(process)
        errors.seek(0, os.SEEK_END)
        errors.seek(max(0, errors.tell() - TOLD))
        last = errors.read().decode(errors="replace").strip()
    if late or code or not told:
        why = f"not through within {within_s:g} s" if late else f"its process ended with {code}" if code else "it told nothing"
        yield _row(part, name, "process", False, f"{why}: {last}".rstrip(": "), began)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process and all of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _line(text: bytes) -> Row | None:
    """A row that a child told; what a vendor's code printed is none."""
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    fits = isinstance(row, Mapping) and {"check", "ok", "got", "seconds"} <= set(row)
    return {key: row[key] for key in ("check", "ok", "got", "seconds")} if fits else None


def _row(part: str, name: str, check: str, ok: bool, got: Any, began: float) -> Row:
    return {"part": part, "name": name, "check": check, "ok": ok, "got": got, "seconds": round(time.monotonic() - began, 2)}


if __name__ == "__main__":
    sys.exit(main())
