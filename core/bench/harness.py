"""What the areas of the bench share: results, interleaved runs, child processes with their peak memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding, InputFault


@dataclass(frozen=True, slots=True)
class Result:
    """One figure: `goal` is `<= x` or `>= x`, empty where it only informs; `against` names the limit or peer, `runs` how often it was
    measured. A name `task/method/figure` is a cell of a table, which its area prints as one (`table`)."""

    name: str
    value: float
    unit: str
    goal: str
    against: str
    runs: int

    @property
    def in_table(self) -> bool:
        return self.name.count("/") == 2

    @property
    def met(self) -> bool:
        if not self.goal:
            return True
        sign, bound = self.goal.split()
        return self.value <= float(bound) if sign == "<=" else self.value >= float(bound)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "goal": self.goal,
            "met": self.met,
            "against": self.against,
            "runs": self.runs,
        }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load": os.getloadavg()[0],
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.machine()


def interleaved(subjects: Mapping[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Median seconds of each subject, run in turn so that a busy machine hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(runs):
        for name, call in subjects.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def cold(command: Sequence[str], env: Mapping[str, str]) -> tuple[float, float]:
    """Seconds and peak resident MiB of a command in a process of its own. RuntimeError when it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(command, env=dict(env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
    return seconds, usage.ru_maxrss / 1024


def require_file(path: Path, remedy: str) -> Path:
    """The path of a file that a measurement reads; InputFault (SL-INP-01) with the next step where there is none."""
    if path.is_file():
        return path
    reason = {"en": "there is no such file", "zh": "文件不存在"}
    raise InputFault(Finding("SL-INP-01", {"file": str(path), "reason": reason, "remedy": remedy}, file=str(path)))
