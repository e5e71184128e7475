"""How a server serves, and how it stops: what was begun is answered, who waits is sent home, what is idle is closed.

Waitress itself, told to close, goes on for as long as any client keeps its connection, and agents and stores keep theirs.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from storeloom.core.control.agents.waits import Waits

LOOK_S = 0.5
STOP_S = 10.0


def serve_until(serving: Any, channels: dict[int, Any], stopping: threading.Event, waits: Waits) -> None:
    """Run a waitress server on its own map of `channels` until `stopping`; then let what is under way end, within STOP_S."""
    from waitress.wasyncore import loop

    while not stopping.is_set():
        loop(LOOK_S, True, channels, 1)
    serving.accepting = False
    serving.socket.close()
    serving.del_channel(channels)
    waits.close()
    until = time.monotonic() + STOP_S
    while serving.active_channels and time.monotonic() < until:
        for one in list(serving.active_channels.values()):
            one.will_close = one.will_close or not (one.requests or one.total_outbufs_len)
        loop(LOOK_S, True, channels, 1)
    serving.task_dispatcher.shutdown(timeout=1)
