"""`plugin check ADAPTER...`: the conformance of adapters with their virtual twins, of several side by side in processes of their own."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.documents import DocumentError, parse_json
from storeloom.core.kernel.errors import PluginFault
from storeloom.core.kernel.registry import Registry, unknown

JOBS = 4
LONGEST_S = 3600.0
Row = dict[str, Any]
PASSED = ("{passed} of {all} checks passed", "{all} 项检查通过 {passed} 项")


def drivers(arguments: argparse.Namespace, registry: Registry) -> int:
    """Check the adapters named, or all that name a twin; 1 when a check fails."""
    twinned = sorted(name for name, entry in registry.catalogue.adapters.items() if entry.facts.get("twin"))
    names = arguments.names or twinned
    for name in names:
        if name not in registry.catalogue.adapters:
            raise PluginFault(unknown("adapter", "适配器", name, registry.catalogue.adapters))
    rows: list[Row] = []
    for row in _here(registry, names[0], arguments) if len(names) == 1 else _side_by_side(names, arguments):
        rows.append(row)
        if not arguments.json:
            mark = "ok  " if row["ok"] else "FAIL"
            print(f"{mark} {row['adapter']} {row['check']} ({row['seconds']:.1f} s){': ' + row['got'] if row['got'] else ''}", flush=True)
    passed = sum(bool(row["ok"]) for row in rows)
    if arguments.json:
        print_json({"ok": passed == len(rows), "adapters": summary(rows), "checks": rows})
    else:
        print(PASSED[arguments.lang == "zh"].format(passed=passed, all=len(rows)))
    return 0 if passed == len(rows) else 1


def _here(registry: Registry, name: str, arguments: argparse.Namespace) -> Iterator[Row]:
    """The checks of one adapter in this process, as they come."""
    from storeloom.core.conformance.adapters import conform
    from storeloom.core.conformance.load import LONG, SHORT

    for one in conform(registry, name, arguments.only or (), LONG if arguments.long else SHORT):
        row = {"adapter": name, "check": one.name, "ok": one.ok, "got": one.got, "seconds": round(one.seconds, 2)}
        yield {**row, **({"figures": dict(one.figures)} if one.figures else {})}


def _side_by_side(names: Sequence[str], arguments: argparse.Namespace) -> Iterator[Row]:
    """The checks of several adapters, each in a process of its own, `JOBS` at a time; as each is through, in the order of `names`."""
    only = [word for check in arguments.only or () for word in ("--only", check)]
    options = [*only, *(["--long"] if arguments.long else []), "--json", "--lang", arguments.lang]

    def run(name: str) -> list[Row]:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "storeloom.core.cli", "plugin", "check", name, *options],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [_broken(name, f"it was not through within {LONGEST_S:g} s", LONGEST_S)]
        try:
            rows: list[Row] = parse_json(done.stdout, name).data["checks"]
        except (DocumentError, KeyError):
            return [_broken(name, f"it ended with {done.returncode}: {(done.stdout + done.stderr)[-400:]}", 0.0)]
        return rows

    with ThreadPoolExecutor(JOBS) as pool:
        for rows in pool.map(run, names):
            yield from rows


def _broken(name: str, why: str, seconds: float) -> Row:
    return {"adapter": name, "check": "process", "ok": False, "got": why, "seconds": seconds}


def summary(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Of each adapter: how many checks it had, how many of a fault at a moment, how many passed; what the check `messages` measured."""
    found: dict[str, Row] = {}
    for row in rows:
        one = found.setdefault(row["adapter"], {"adapter": row["adapter"], "checks": 0, "faults": 0, "passed": 0, "seconds": 0.0})
        one["checks"] += 1
        one["faults"] += row["check"].startswith("fault:")
        one["passed"] += row["ok"]
        one["seconds"] = round(one["seconds"] + row["seconds"], 2)
        one.update(row.get("figures", {}))
    return list(found.values())
