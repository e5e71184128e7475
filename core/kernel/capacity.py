"""Whether a store's edge host can carry a bundle: cores and memory by class of load, against the profile's `edge`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.sources import Sources

if TYPE_CHECKING:
    from storeloom.core.kernel.compose import Instance


class Cost(NamedTuple):
    """What an instance takes of the host while it runs."""

    cores: float
    memory_mb: float


# One detector pass on a 416 x 416 picture takes about 60 ms of a core: five pictures a second a camera are 0.3 cores.
# Whichever driver reads it, a process of its own decodes it: 25 pictures a second of 1920 x 1080 in H.264 take 0.15 cores and 80 MB.
BASE = Cost(0.1, 150)
INSTANCE = {"light": Cost(0.01, 5), "vision": Cost(0.02, 20), "forecast": Cost(0.05, 150), "optimise": Cost(0.1, 200)}
CAMERA = Cost(0.45, 140)
DETECTOR = Cost(0.0, 250)


def needed(instances: Iterable[Instance]) -> tuple[Cost, dict[str, Cost]]:
    """What a set of instances takes in all, and each one's share; a camera is paid for once, whoever watches it."""
    shares: dict[str, Cost] = {}
    cameras: set[str] = set()
    total = BASE
    for one in instances:
        own = INSTANCE[one.entry["load"]]
        seen = {device.id for device in one.devices.get("camera", ())} if one.entry["load"] == "vision" else set()
        if seen and not cameras:
            own = _plus(own, DETECTOR)
        for _ in seen - cameras:
            own = _plus(own, CAMERA)
        cameras |= seen
        shares[one.name] = own
        total = _plus(total, own)
    return total, shares


def _plus(one: Cost, other: Cost) -> Cost:
    return Cost(one.cores + other.cores, one.memory_mb + other.memory_mb)


def capacity_findings(instances: list[Instance], sources: Sources, store: Mapping[str, Any]) -> list[Finding]:
    """A finding for each of cores and memory that the host lacks; none where the profile names no host."""
    edge = store.get("edge")
    if not isinstance(edge, Mapping):
        return []
    total, shares = needed(instances)
    findings = []
    for key, unit in (("cores", {"en": "cores", "zh": "核"}), ("memory_mb", {"en": "MB of memory", "zh": "MB 内存"})):
        have, need = edge.get(key), getattr(total, key)
        if isinstance(have, (int, float)) and need > have:
            heaviest = sorted(shares, key=lambda name: -getattr(shares[name], key))[:3]
            args = {
                "need": f"{need:.2f}" if key == "cores" else f"{need:.0f}",
                "have": have,
                "unit": unit,
                "key": key,
                "heaviest": heaviest,
            }
            file, line = sources.store_place("edge", key)
            findings.append(Finding("SL-CAP-01", args, f"store.edge.{key}", file, line))
    return findings
