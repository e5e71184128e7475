"""What a running store says of itself: plain figures, made by the engine's loop, read by metrics, health, `storeloom top`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Health = Literal["level", "behind", "resting"]


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One solution instance. `lag` counts log records it has yet to take; `busy_s` is the time its handlers took in all;
    `frames_missed` counts frames that came while it was behind.

    `health`: `level` with the log, `behind` it (slow, or catching up), `resting` while its circuit is open; `reason` says why in words.
    """

    name: str
    solution: str
    version: str
    isolation: str
    health: Health
    reason: str
    handled: int
    outputs: int
    failures: int
    lag: int
    busy_s: float
    longest_ms: float
    memory_mb: float | None
    frames_missed: int = 0


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device whose driver tells how it is: `state` is a word of `device.status`, `reason` says why it is not online."""

    device: str
    kind: str
    state: str
    reason: str = ""
    figures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One stream's way in: what waits, what was taken, dropped or sampled away, refused, or too late."""

    stream: str
    policy: str
    limit: int
    waiting: int
    taken: int
    dropped: int
    refused: int
    late: int


@dataclass(frozen=True, slots=True)
class FigureStatus:
    """A solution's named figure on the store's day that `begins` then (RFC 3339), renewed once a minute.

    `weight` is what the value is an average over (samples, or the whole of a share); 1 for what is counted. `how` it is made: `sum`,
    `mean`, `last`, `max`, `min`, `median`, `p95`; empty where it is not known.
    """

    instance: str
    solution: str
    name: str
    unit: str
    begins: str
    value: float
    weight: float = 1.0
    how: str = ""


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """A store at one moment. Times are RFC 3339; `log_bytes` is the size of the file with its WAL, `digest` that of the packed bundle."""

    store: str
    bundle: str
    pid: int
    since: str
    now: str
    restarts: int
    last: int
    oldest: int
    log_bytes: int
    inbox: int
    instances: tuple[InstanceStatus, ...]
    queues: tuple[QueueStatus, ...] = ()
    outbox: Mapping[str, int] = field(default_factory=dict)
    uplink: Mapping[str, int] = field(default_factory=dict)
    memory_mb: float = 0.0
    troubles: tuple[str, ...] = ()
    devices: tuple[DeviceStatus, ...] = ()
    digest: str = ""
    figures: tuple[FigureStatus, ...] = ()
