"""The judgement on a release that has just been switched to: is the store at least as well as it was before?

What was wrong before the switch is not held against it: a solution that rested already, a device that was offline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.core.agent.store import Look
from storeloom.core.kernel.errors import Finding

CRASHES = 3
OTHER_S = 10.0  # its status is a second old at most
NOBODY = {"en": "nothing answers", "zh": "无应答"}


@dataclass(frozen=True, slots=True)
class Limits:
    """`ill_s`: for how long the store may be unwell, or silent, without a break; `crashes`: how often its process may end in the window."""

    ill_s: float = 120.0
    crashes: int = CRASHES


def state_before(look: Look | None) -> dict[str, Any]:
    """What is remembered of a store that is about to be switched: who rests, which devices are online."""
    if look is None:
        return {"resting": [], "online": []}
    resting = [one.name for one in look.status.instances if one.health == "resting"]
    return {"resting": resting, "online": [one.device for one in look.status.devices if one.state == "online"]}


class Watch:
    """Looks on while the health window lasts. `digest` is the bundle that the store should run; times are of a clock that only runs on."""

    def __init__(self, digest: str, before: Mapping[str, Any], limits: Limits) -> None:
        self._digest, self._limits = digest, limits
        self._resting, self._online = set(before.get("resting", ())), set(before.get("online", ()))
        self._ill_since: float | None = None
        self._other_since: float | None = None
        self._first_restarts: int | None = None
        self._began: float | None = None
        self._reason: Mapping[str, str] = NOBODY
        self._offline: dict[str, float] = {}
        self.well = False

    def look(self, look: Look | None, now: float) -> Finding | None:
        """Why the release must be taken back, None as long as it need not be."""
        self._began = now if self._began is None else self._began
        found = None if look is None else self._changed(look, now)
        ill = look is None or not look.ok
        self.well = not ill and self._other_since is None
        self._reason = NOBODY if look is None else look.reason
        self._ill_since = None if not ill else (now if self._ill_since is None else self._ill_since)
        if found is None and self._ill_since is not None and now - self._ill_since >= self._limits.ill_s:
            found = Finding("SL-AGT-14", {"seconds": f"{now - self._ill_since:.0f}", "reason": dict(self._reason)})
        return found

    def _changed(self, look: Look, now: float) -> Finding | None:
        status = look.status
        for one in status.instances:
            if one.health == "resting" and one.name not in self._resting:
                return Finding("SL-AGT-15", {"instance": one.name, "reason": one.reason.rstrip(".。")})
        first = self._first_restarts
        self._first_restarts = status.restarts if first is None or status.restarts < first else first
        count = status.restarts - self._first_restarts
        if count >= self._limits.crashes:
            assert self._began is not None
            reason = status.troubles[0].rstrip(".。") if status.troubles else {"en": "it gave no reason", "zh": "未说明原因"}
            return Finding("SL-AGT-13", {"count": count, "seconds": f"{now - self._began:.0f}", "reason": reason})
        for device in status.devices:
            if device.state == "online":
                self._offline.pop(device.device, None)
            elif device.device in self._online:
                self._offline.setdefault(device.device, now)
        if status.digest == self._digest or not status.digest:
            self._other_since = None
            return None
        self._other_since = now if self._other_since is None else self._other_since
        if now - self._other_since < OTHER_S:
            return None
        told = "; ".join(text.rstrip(".。") for text in status.troubles)
        return Finding("SL-AGT-16", {"reason": told or {"en": f"it runs {status.digest[:19]}", "zh": f"当前为 {status.digest[:19]}"}})

    def over(self, now: float) -> Finding | None:
        """At the end of the window: a device that was online before and has not been for long."""
        lost = [device for device, since in self._offline.items() if now - since >= self._limits.ill_s]
        if not lost:
            return None
        seconds = {"en": f"offline for over {self._limits.ill_s:.0f} s", "zh": f"离线超过 {self._limits.ill_s:.0f} 秒"}
        return Finding("SL-AGT-17", {"device": sorted(lost)[0], "reason": seconds})
