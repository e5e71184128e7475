"""What composing hands to the runtime: the instances of one store, each with its config, devices and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RUNTIME_DEFAULTS: Mapping[str, Any] = {"lateness_d": 30, "keep_days": 35, "keep_mb": 4096, "queues": {}}


@dataclass(frozen=True, slots=True)
class BoundDevice:
    """A device of the store that is bound to an instance."""

    id: str
    kind: str
    zone: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstancePlan:
    """One solution instance. `sources` limits a consumed stream to these instances or devices; a stream that is not in it takes all."""

    name: str
    solution: str
    config: Mapping[str, Any]
    devices: Mapping[str, tuple[BoundDevice, ...]] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuntimeProfile:
    """Config values that hold while `when` does: `from`/`to` (store time), `weekdays` (1..7), `dates`, `calendar` (kind of event)."""

    name: str
    when: Mapping[str, Any]
    configs: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a store runs. `store` is the whole profile; `arbitrate` orders instances that may command one stream's devices.

    `runtime`: a fact may arrive `lateness_d` days after its time; the log keeps `keep_days` days or `keep_mb` MiB; `queues` overrides
    the queues of streams (see `runtime.intake`).
    """

    store: Mapping[str, Any]
    instances: tuple[InstancePlan, ...]
    profiles: tuple[RuntimeProfile, ...] = ()
    arbitrate: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    runtime: Mapping[str, Any] = field(default_factory=lambda: dict(RUNTIME_DEFAULTS))
