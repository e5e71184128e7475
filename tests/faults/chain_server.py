"""The command line with a crash hook: its process dies before or after the n-th commit to the database.

CHAIN_COMMIT=7 CHAIN_AFTER=1 python -m tests.faults.chain_server server run ...
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from storeloom.core.cli import main


def crash_at(number: int, *, after: bool) -> None:
    """SIGKILL to this process at a commit of a transaction that wrote."""
    from sqlalchemy.engine import Connection

    from storeloom.core.control.database import WRITES

    count = itertools.count(1)
    real: Any = Connection._commit_impl

    def commit(self: Any) -> None:
        here = self.get_execution_options().get(WRITES, False) and next(count) == number
        if here and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self)
        if here:
            os.kill(os.getpid(), signal.SIGKILL)

    Connection._commit_impl = commit  # type: ignore[method-assign]


if __name__ == "__main__":
    crash_at(int(os.environ["CHAIN_COMMIT"]), after=os.environ["CHAIN_AFTER"] == "1")
    sys.exit(main(sys.argv[1:]))
