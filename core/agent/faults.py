"""The faults of an agent by what follows from them: try again soon, try again later, give the release up."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storeloom.core.kernel.errors import AgentFault, Finding, LogFault

MEGABYTE = 1_000_000


class Unreached(AgentFault):
    """The line is cut, or the other end is busy: tried again by itself."""


class NoRoom(AgentFault):
    """The disk is full: tried again by itself, once there is room."""


class Untrusted(AgentFault):
    """What came is not trusted. What runs goes on; it is tried again later, for a bad mirror or clock may be mended."""


class Turned(AgentFault):
    """The control plane refused; `status` is HTTP's."""

    def __init__(self, finding: Finding, status: int) -> None:
        super().__init__(finding)
        self.status = status


def no_room(folder: Path, needed_mb: float = 0.0) -> NoRoom:
    """The fault of a full disk."""
    free = shutil.disk_usage(folder).free / MEGABYTE
    return NoRoom(Finding("SL-AGT-06", {"folder": str(folder), "needed": f"{needed_mb:.0f}", "free": f"{free:.0f}"}))


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """Whatever fails in here for want of room is NoRoom, whoever notices it."""
    try:
        yield
    except LogFault as fault:
        if any(finding.code == "SL-LOG-05" for finding in fault.findings):
            raise no_room(folder) from fault
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_room(folder) from error
        raise
