"""What a host process may use, and the part of it that the kernel enforces by itself (rlimits)."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, fields, replace

from storeloom.core.kernel.errors import Finding, PluginFault
from storeloom.core.kernel.registry import Entry, hint

HANDLER_S = {"light": 5.0, "vision": 10.0, "forecast": 120.0, "optimise": 300.0}
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one instance's process; an operator sets them in plugins.toml (`limits = { memory_mb = 256 }`).

    `handler_s` bounds one call, `start_s` import and making; `memory_mb` is resident memory; `cpu_share` is cores beside the calls, over
    10 s; `processes` counts children; `outputs_s` is events a second of event time after a burst of `outputs_burst`; `message_mb` bounds
    one answer, `state_mb` all that the instance remembers, `disk_mb` its temporary folder.
    """

    handler_s: float = 5.0
    start_s: float = 20.0
    memory_mb: float = 512.0
    cpu_share: float = 0.5
    open_files: int = 256
    threads: int = 64
    processes: int = 0
    outputs_s: float = 200.0
    outputs_burst: int = 2000
    message_mb: float = 8.0
    state_mb: float = 64.0
    disk_mb: float = 64.0

    @classmethod
    def of(cls, entry: Entry) -> Limits:
        """The limits of a solution by its load, with what the operator chose. PluginFault for a limit that there is not, or no number."""
        usual = cls(handler_s=HANDLER_S[str(entry.facts["load"])])
        known = [field.name for field in fields(cls)]
        for key, value in entry.limits.items():
            if key not in known:
                reason = f"limits of {entry.id} has the unknown key '{key}';{hint(key, known)['hint_en']} known: {', '.join(known)}"
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                reason = f"limits.{key} of {entry.id} is {value!r}, allowed is a number from 0"
            else:
                continue
            args = {"package": entry.package.name, "reason": reason}
            raise PluginFault(Finding("SL-PLG-06", args, file=str(entry.package.listing)))
        return replace(usual, **{key: type(getattr(usual, key))(value) for key, value in entry.limits.items()})


def call_cores(load: str) -> float:
    """Cores that a call may keep busy while it lasts: one for what reacts to events, all for what computes."""
    return 1.0 if load == "light" else float(os.cpu_count() or 1)


def set_rlimits(limits: Limits) -> None:
    """Bound this process for good.

    The watcher ends it at its resident memory; these stop what is faster than it. The address space is generous, for mapped libraries and
    models count in it; open files have some room, so that the watcher sees a leak before everything in the process fails.
    """
    data = int(2 * limits.memory_mb + 256) * MIB
    space = int(limits.memory_mb + 4096) * MIB
    disk = int(limits.disk_mb) * MIB
    wanted = {
        resource.RLIMIT_DATA: data,
        resource.RLIMIT_AS: space,
        resource.RLIMIT_NOFILE: 2 * limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: disk,
    }
    for which, value in wanted.items():
        ceiling = resource.getrlimit(which)[1]
        bound = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        resource.setrlimit(which, (bound, bound))
