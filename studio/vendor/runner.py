"""Runs the check of one package: `python -m storeloom.studio.vendor.runner FOLDER`. It runs no line of the vendor's itself.

The check is that of `storeloom plugin check` (`core/conformance/`): processes of its own read the package and run its code.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.conformance.report import Report
from storeloom.core.conformance.rules import Grade, Subject, Verdict
from storeloom.core.conformance.running import examine
from storeloom.core.conformance.subject import subject_of
from storeloom.core.control.trust.wheels import Wheel, read_wheel, unpack_wheel
from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.studio.vendor.checks import Check, write

LANGUAGES = ("en", "zh")
READABLE = {"en": "Its contents can be read", "zh": "内容可读取"}
Row = dict[str, Any]


def main() -> int:
    """Check the package of a folder."""
    check, began = Check(Path(sys.argv[1])), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done: Row = {"ok": False, "grade": None}
    with open(check.folder / "rows.jsonl", "ab", buffering=0) as rows:

        def tell(row: Row) -> None:
            rows.write(orjson.dumps(row) + b"\n")

        subject = _read(check, tell)
        if isinstance(subject, Wheel):
            done = {"ok": True, "grade": None}
        elif subject is not None:
            done = _examined(check, subject, tell)
    write(check.folder / "done.json", {**done, "seconds": round(time.monotonic() - began, 1)})
    return 0


def _examined(check: Check, subject: Subject, tell: Callable[[Row], None]) -> Row:
    """Each rule's verdict, told as it comes; how the package is graded. What stops the check itself is told as what does not hold."""
    began, verdicts = time.monotonic(), []
    try:
        for verdict in examine(subject):
            verdicts.append(verdict)
            tell(_row(verdict))
    except StoreloomError as fault:
        tell({**_readable(check), "ok": False, "got": _words(fault.findings), "seconds": round(time.monotonic() - began, 2)})
        return {"ok": False, "grade": None}
    report = Report(subject, verdicts)
    return {"ok": report.reaches(Grade.BRONZE), "grade": report.grade}


def _readable(check: Check) -> Row:
    """What is the same of each row about the wheel as a file."""
    return {"part": "wheel", "name": check.package.name, "check": "readable", "title": READABLE, "grade": Grade.BRONZE, "beside": False}


def _read(check: Check, tell: Callable[[Row], None]) -> Subject | Wheel | None:
    """The wheel as the chain's repository would read it, unpacked; of a library, which no rule is about, what was read. None where it
    cannot be read."""
    began, row = time.monotonic(), _readable(check)
    try:
        wheel = read_wheel(check.package.name, check.package.read_bytes())
        subject: Subject | Wheel = wheel
        if wheel.package:
            subject = subject_of(str(check.package), check.folder)
        else:
            unpack_wheel(check.package.name, check.package.read_bytes(), check.folder / "package-files")
    except StoreloomError as fault:
        tell({**row, "ok": False, "got": _words(fault.findings), "seconds": round(time.monotonic() - began, 2)})
        return None
    write(check.folder / "brought.json", _brought(wheel))
    tell({**row, "ok": True, "got": "", "seconds": round(time.monotonic() - began, 2)})
    return subject


def _brought(wheel: Wheel) -> Row:
    facts = {
        "name": wheel.name,
        "version": wheel.version,
        "package": wheel.package,
        "requires": list(wheel.requires),
        "python": wheel.python,
    }
    return {**facts, "solutions": dict(wheel.solutions), "adapters": dict(wheel.adapters)}


def _row(verdict: Verdict) -> Row:
    """A verdict as the page shows it."""
    rule, found = verdict.rule, verdict.found
    return {
        "part": rule.scope,
        "name": verdict.about,
        "check": rule.id,
        "title": {"en": rule.en, "zh": rule.zh},
        "grade": rule.grade,
        "ok": verdict.held,
        "beside": bool(found.beside),
        "got": _words(found.findings) if found.findings else {lang: found.why_beside(lang) for lang in LANGUAGES},
        "seconds": round(verdict.seconds, 2),
    }


def _words(findings: Iterable[Finding]) -> dict[str, str]:
    told = list(findings)
    return {lang: "\n".join(f"{one.text(lang)} {one.fix(lang)}".strip() for one in told) for lang in LANGUAGES}


if __name__ == "__main__":
    sys.exit(main())
