"""The process in which a vendor's code runs: `python -m storeloom.studio.vendor.child SITE SCRATCH solution|adapter NAME`. Each check is a
line of JSON on standard output.

A solution is shut in as a store does it (no files but its own, no network, no other process) before it is imported. A driver talks to its
twin over sockets, so of it only memory, disk and time are bounded.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from storeloom.core.commands.plugin_check import check
from storeloom.core.kernel.registry import Registry, read_catalogue
from storeloom.core.kernel.registry import packages as installed
from storeloom.core.runtime import packages
from storeloom.core.runtime.hosts import readable
from storeloom.core.runtime.limits import Limits, set_rlimits
from storeloom.core.runtime.sandbox import confine

LONGEST, MEMORY_MB = 2000, 2048
Row = dict[str, Any]


def main() -> int:
    """Check one plugin."""
    site, scratch, part, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a vendor's code prints goes with its errors
    packages.use_site(site)
    set_rlimits(Limits(memory_mb=MEMORY_MB, disk_mb=256))
    registry = Registry(read_catalogue(list(installed())))
    for row in _solution(registry, name, scratch) if part == "solution" else _adapter(registry, name):
        row["got"] = str(row["got"])[:LONGEST]
        out.write(json.dumps(row) + "\n")
        out.flush()
    return 0


def _solution(registry: Registry, name: str, scratch: Path) -> Iterator[Row]:
    """Its index is fresh, it can be imported shut in, an empty config runs, its episodes hold."""
    from storeloom.core.virtual import episode

    entry = registry.catalogue.solution(name)
    mine = str(entry.package.root)
    found = [one for one in registry.catalogue.findings if one.severity == "error" and str(one.file or "").startswith(mine)]
    yield _told("catalogue", not found, "; ".join(finding.text() for finding in found), time.monotonic())
    began = time.monotonic()
    open_yet = confine(readable(entry), scratch, children=False)
    yield _told("shut_in", not open_yet, "; ".join(open_yet), began)
    began = time.monotonic()
    try:
        registry.load(name)
    except Exception as error:  # whatever a vendor's code raises is what is told
        yield _told("imports", False, f"{type(error).__name__}: {error}", began)
        return
    yield _told("imports", True, "", began)
    for path in sorted(entry.package.root.rglob("episodes/**/*.yaml")):
        began = time.monotonic()
        for result in episode.run_all([path], registry):
            if result.ok or name in path.read_text(encoding="utf-8"):
                yield _told(f"episode: {result.title}", result.ok, "; ".join([*result.differences, *result.refused]), began)


def _adapter(registry: Registry, name: str) -> Iterator[Row]:
    """The checks of `storeloom plugin check`."""
    if not registry.catalogue.adapters[name].facts.get("twin"):
        yield _told("twin", False, "it names no virtual twin to be checked with", time.monotonic())
        return
    with redirect_stdout(io.StringIO()) as said:
        check(argparse.Namespace(names=[name], only=(), long=False, json=True, lang="en"))
    for row in json.loads(said.getvalue())["checks"]:
        yield {key: row[key] for key in ("check", "ok", "got", "seconds")}


def _told(check: str, ok: bool, got: str, began: float) -> Row:
    return {"check": check, "ok": ok, "got": got, "seconds": round(time.monotonic() - began, 2)}


if __name__ == "__main__":
    sys.exit(main())
