"""Whether a release may run here: the dry check in a process of its own, with a limit on its time, and what follows from what it found."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import AgentFault, Finding

CHECK_S = 180.0
MOST_FINDINGS = 5

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What the dry check found: why the release must not run, how changed devices answered, and whether vendors' code all runs apart."""

    findings: tuple[Words, ...] = ()
    probes: tuple[Mapping[str, Any], ...] = ()
    apart: bool = False

    def refusal(self, online: Collection[str]) -> dict[str, str] | None:
        """Why not, in words; None where it may run. A device that is `online` in the running store must answer with the release's settings
        too; of one that is not, or is new, it is only told."""
        lost = [_unanswered(one) for one in self.probes if not one["ok"] and one["device"] in online]
        return joined([*self.findings, *lost])

    def warnings(self) -> list[Words]:
        """What is worth a look: devices that do not answer."""
        return [_unanswered(one) for one in self.probes if not one["ok"]]


@dataclass(frozen=True, slots=True)
class Question:
    """What to check: a release's folder, for which store, with which secrets (by name), beside which devices of the running store."""

    folder: Path
    store: str
    data: Path
    secrets: Collection[str] = ()
    changed: Mapping[str, Any] = field(default_factory=dict)


def dry_check(question: Question, limit_s: float = CHECK_S) -> Checked:
    """Ask. AgentFault where the process crashes or does not end in time."""
    asked = {"folder": question.folder, "store": question.store, "data": question.data, "secrets": list(question.secrets)}
    with tempfile.TemporaryDirectory(prefix="storeloom-check-") as scratch:
        return _asked({**asked, "changed": dict(question.changed), "scratch": scratch}, limit_s)


def _asked(asked: Mapping[str, Any], limit_s: float) -> Checked:
    text = json.dumps(asked, default=str)
    command = [sys.executable, "-m", "storeloom.core.agent.dry_check"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, errors = process.communicate(text, limit_s)
    except subprocess.TimeoutExpired as error:
        reason = {"en": f"it took over {limit_s:.0f} s", "zh": f"超过 {limit_s:.0f} 秒"}
        raise AgentFault(Finding("SL-AGT-09", {"reason": reason})) from error
    finally:
        _end(process)
    try:
        found = json.loads(out.rstrip().rpartition("\n")[2])
        return Checked(tuple(found["findings"]), tuple(found["probes"]), bool(found.get("apart")))
    except (ValueError, KeyError, TypeError) as error:
        last = errors.strip().rpartition("\n")[2][:300]
        raise AgentFault(Finding("SL-AGT-09", {"reason": f"exit code {process.returncode} {last}".strip().rstrip(".")})) from error


def joined(words: Collection[Words]) -> dict[str, str] | None:
    """Several findings as one reason; None for none."""
    if not words:
        return None
    more = len(words) - MOST_FINDINGS
    tail = {"en": f"\nand {more} more", "zh": f"\n另有 {more} 项"} if more > 0 else {"en": "", "zh": ""}
    return {lang: "\n".join(one[lang] for one in list(words)[:MOST_FINDINGS]) + tail[lang] for lang in ("en", "zh")}


def words_of(fault_findings: Collection[Finding]) -> dict[str, str]:
    """Findings as one reason."""
    reason = joined([{"en": one.text("en"), "zh": one.text("zh")} for one in fault_findings])
    assert reason is not None, "a fault has findings"
    return reason


def _unanswered(probe: Mapping[str, Any]) -> dict[str, str]:
    reason = {lang: str(probe["text"][lang]).rstrip(".。") or "–" for lang in ("en", "zh")}
    finding = Finding("SL-AGT-24", {"device": probe["device"], "reason": reason})
    return {"en": finding.text("en"), "zh": finding.text("zh")}


def _end(process: subprocess.Popen[str]) -> None:
    """Nothing of it stays behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
