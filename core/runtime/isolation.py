"""Which instances once took the store process with them: these run in processes of their own until their code is another."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from storeloom.core.kernel.lock import fingerprint
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.runtime.keeper import Verdict

FILE = "isolated.json"


def isolated(folder: Path, told: Iterable[Verdict], plan: Plan, catalogue: Catalogue) -> set[str]:
    """The instances to be kept apart: those named in what the keeper told, and those of earlier starts whose source has not changed since.

    They are remembered in `isolated.json`, instance to hash of its source; whoever deletes the file gives all of them another chance.
    """
    sources = {one.name: fingerprint(catalogue.solution(one.solution))["source_sha256"] for one in plan.instances}
    file = folder / FILE
    before = _read(file)
    now = {name: source for name, source in before.items() if sources.get(name) == source}
    now |= {one.instance: sources[one.instance] for one in told if one.instance in sources}
    if now != before:
        _write(file, now)
    return set(now)


def _read(file: Path) -> dict[str, str]:
    """What is remembered; a file that is no such thing counts as none, and is written anew."""
    try:
        found = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(source) for name, source in found.items()} if isinstance(found, dict) else {}


def _write(file: Path, names: dict[str, str]) -> None:
    part = file.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as out:
        json.dump(names, out)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
