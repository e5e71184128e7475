"""Whether a store can sell: what its status, the silence of its loop and the room on its disk say, in words.

An error is what stops selling: the loop stands still, every solution rests, the log has no room, senders are kept waiting. Everything else
that an operator should look at is a warning; the store goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from storeloom.core.kernel.errors import Finding, worst
from storeloom.core.runtime.status import DeviceStatus, QueueStatus, StoreStatus

PATIENCE_S = 10.0
LITTLE_ROOM_MB, NO_ROOM_MB = 512, 64
MANY_WAITING = 1000
DEVICE_STATES = {"online": "在线", "degraded": "性能下降", "offline": "离线", "fault": "故障", "nonconforming": "不合规"}


class Watch:
    """Looks at the status now and then and remembers since when the loop is silent and since when a queue is full.

    A new status object is a beat of the loop. Times are seconds of a clock that only runs forward.
    """

    def __init__(self) -> None:
        self._seen: StoreStatus | None = None
        self._beat = 0.0
        self._full: dict[str, float] = {}

    def look(self, status: StoreStatus, now: float) -> None:
        """Take note of the newest status."""
        if status is self._seen:
            return
        self._seen, self._beat = status, now
        self._full = {queue.stream: self._full.get(queue.stream, now) for queue in status.queues if is_full(queue)}

    def silent_s(self, now: float) -> float:
        """Seconds since the loop was last known to move."""
        return now - self._beat

    def full_s(self, now: float) -> dict[str, float]:
        """For how many seconds each queue that keeps its senders waiting has been full."""
        return {stream: now - since for stream, since in self._full.items()}


def is_full(queue: QueueStatus) -> bool:
    """Whether senders wait: only `block` queues make them, the others drop or thin."""
    return queue.policy == "block" and queue.waiting >= queue.limit


def assess(status: StoreStatus, silent_s: float, full_s: Mapping[str, float], free_mb: float, folder: str) -> dict[str, list[Finding]]:
    """What each check found, by name; an empty list is a check that is passed."""
    return {
        "loop": [Finding("SL-HLT-01", {"seconds": f"{silent_s:.0f}"})] if silent_s > PATIENCE_S else [],
        "solutions": _solutions(status),
        "disk": _disk(free_mb, folder),
        "queues": _queues(status, full_s),
        "inbox": [Finding("SL-HLT-10", {"count": status.inbox})] if status.inbox >= MANY_WAITING else [],
        "outbox": [Finding("SL-HLT-08", {"count": status.outbox["dead"], "folder": folder})] if status.outbox.get("dead") else [],
        "devices": [_device(one) for one in status.devices if one.state != "online"],
        "troubles": [Finding("SL-HLT-09", {"trouble": trouble.rstrip(".。")}) for trouble in status.troubles],
    }


def _solutions(status: StoreStatus) -> list[Finding]:
    resting = [one for one in status.instances if one.health == "resting"]
    found = [Finding("SL-HLT-02", {"count": len(resting)})] if resting and len(resting) == len(status.instances) else []
    found += [Finding("SL-HLT-03", {"instance": one.name, "reason": one.reason.rstrip(".。")}) for one in resting]
    behind = [one for one in status.instances if one.health == "behind"]
    catching_up = {"en": "it catches up", "zh": "正在追赶"}
    return found + [Finding("SL-HLT-04", {"instance": one.name, "lag": one.lag, "reason": one.reason or catching_up}) for one in behind]


def _device(one: DeviceStatus) -> Finding:
    state = {"en": one.state, "zh": DEVICE_STATES.get(one.state, one.state)}
    reason = one.reason.rstrip(".。") or {"en": "its driver gives no reason", "zh": "驱动未说明原因"}
    return Finding("SL-HLT-11", {"device": one.device, "kind": one.kind, "state": state, "reason": reason})


def _disk(free_mb: float, folder: str) -> list[Finding]:
    if free_mb >= LITTLE_ROOM_MB:
        return []
    code, limit = ("SL-HLT-05", NO_ROOM_MB) if free_mb < NO_ROOM_MB else ("SL-HLT-06", LITTLE_ROOM_MB)
    return [Finding(code, {"free": f"{free_mb:.0f}", "folder": folder, "limit": limit})]


def _queues(status: StoreStatus, full_s: Mapping[str, float]) -> list[Finding]:
    limits = {queue.stream: queue.limit for queue in status.queues}
    return [
        Finding("SL-HLT-07", {"stream": stream, "seconds": f"{seconds:.0f}", "limit": limits[stream]})
        for stream, seconds in full_s.items()
        if seconds > PATIENCE_S
    ]


def summary(checks: Mapping[str, list[Finding]], lang: str, devices: Sequence[DeviceStatus] = ()) -> dict[str, Any]:
    """The checks as JSON: `status` is `ok`, `warning` or `error`, over all and for each; and the devices with their figures."""
    rows = [{"check": name, "status": worst(found) or "ok", "findings": [f.as_dict(lang) for f in found]} for name, found in checks.items()]
    return {
        "status": worst(finding for found in checks.values() for finding in found) or "ok",
        "checks": rows,
        "devices": [asdict(one) for one in devices],
    }
