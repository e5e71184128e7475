"""A handler that failed, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storeloom.core.kernel.errors import ContractFault, Finding, HostFault
from storeloom.core.runtime.crew import Member
from storeloom.core.runtime.runner import Call


@dataclass(frozen=True, slots=True)
class Failure:
    """A handler that raised: who, on what (an event's id, or the alarm's or schedule's reference), when, and the finding."""

    instance: str
    at: datetime
    event: str
    finding: Finding


def finding_of(member: Member, call: Call, error: BaseException) -> Finding:
    """Why a handler failed: the contract's own finding, or the exception with its place in the plugin."""
    if isinstance(error, (ContractFault, HostFault)):
        return error.findings[0]
    frame, place = error.__traceback__, ""
    module = getattr(getattr(member.runner, "cls", None), "__module__", None)
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__") == module:
            place = f" (line {frame.tb_lineno})"
        frame = frame.tb_next
    args = {"instance": member.name, "handler": call.label, "reason": f"{type(error).__name__}: {error}{place}"}
    return Finding("SL-RUN-05", args)
