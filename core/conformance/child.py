"""The process in which a package's code runs: `python -m storeloom.core.conformance.child TASK.json`. Each verdict is a line of JSON on
standard output, in the order of the task's rules.

A solution is shut in as a store does it (no files but its own, no network, no other process) before it is imported. A driver talks to its
twin over sockets, so of it only memory, disk and time are bounded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import orjson

from storeloom.core.conformance.looking import Task, look
from storeloom.core.conformance.rulebook import Part, rules
from storeloom.core.conformance.rules import Scope, Subject, Verdict
from storeloom.core.conformance.subject import read_back
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import BUILT_IN, ROOT
from storeloom.core.runtime.hosts import PARTS, SITES
from storeloom.core.runtime.limits import Limits, set_rlimits
from storeloom.core.runtime.sandbox import confine

MEMORY_MB, DISK_MB, LONGEST = 2048, 256, 20_000


def main() -> int:
    """Look with the rules of one task."""
    values = orjson.loads(Path(sys.argv[1]).read_bytes())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a vendor's code prints goes with its errors
    known = {rule.id: rule for rule in rules(Part(values["part"]))}
    task = Task(Part(values["part"]), Scope(values["scope"]), values["id"], tuple(known[name] for name in values["rules"]))
    set_rlimits(Limits(memory_mb=MEMORY_MB, disk_mb=DISK_MB))
    scratch = Path(values["scratch"])
    make_importable(values["subject"], scratch)
    subject = read_back(values["subject"])
    open_yet = _shut_in(subject, task, scratch) if task.part is Part.RUN and task.scope is not Scope.ADAPTER else []
    _say(out, {"ready": True})
    for number, rule in enumerate(task.rules):
        verdict = look(subject, task, rule)
        lacks = [Finding("SL-CHK-54", {"what": open_yet})] if open_yet and not number else []
        _say(out, told(verdict, lacks))
    return 0


def make_importable(values: Any, scratch: Path) -> None:
    """The package at hand is found before another version of it that is installed; its wheel's or folder's other modules after all else."""
    (name, root), site = values["package"], values["notes"]["site"]
    if name == BUILT_IN or site is None:
        return
    link = scratch / "first" / name.replace(".", "/")
    link.parent.mkdir(parents=True)
    link.symlink_to(root, target_is_directory=True)
    sys.path.insert(0, str(scratch / "first"))
    sys.path.append(site)


def told(verdict: Verdict, lacks: list[Finding]) -> dict[str, Any]:
    """A verdict as plain values."""
    findings = [
        {
            "code": one.code,
            "args": {key: _plain(value) for key, value in one.args.items()},
            "path": one.path,
            "file": one.file,
            "line": one.line,
        }
        for one in [*lacks, *verdict.found.findings]
    ]
    found = verdict.found
    figures = {key: float(value) for key, value in found.figures.items()}
    seconds = round(verdict.seconds, 3)
    return {"rule": verdict.rule.id, "findings": findings, "figures": figures, "beside": found.beside, "seconds": seconds}


def _plain(value: Any) -> Any:
    """What JSON can carry; a set reads as its sorted parts do."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)[:LONGEST]


def _say(out: TextIO, value: Any) -> None:
    out.write(orjson.dumps(value).decode() + "\n")
    out.flush()


def _shut_in(subject: Subject, task: Task, scratch: Path) -> list[str]:
    """Shut this process in; in words, what this machine cannot shut."""
    return confine(_readable(subject), scratch, children=False)


def _readable(subject: Subject) -> Iterator[Path]:
    """Python, what is installed, storeloom, and the package's own files and its last version's."""
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        yield Path(prefix)
    yield from (Path(place) for place in sys.path if Path(place).name in SITES)
    yield from (ROOT / part for part in PARTS)
    yield subject.package.root
    yield from () if subject.folder is None else (subject.folder,)
    yield from () if subject.before is None else (subject.before.root,)
    if subject.notes["site"]:
        yield Path(subject.notes["site"])


if __name__ == "__main__":
    sys.exit(main())
