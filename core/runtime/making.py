"""How instances are made: in the engine's process, or through `Hosts` in one of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.context import StoreView, Workers
from storeloom.core.runtime.crew import Make, Member
from storeloom.core.runtime.instance import make_instance
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.runner import Runner, Stored
from storeloom.core.runtime.seats import Chosen
from storeloom.core.runtime.tables import TableSet


class Hosts(Protocol):
    """Who gives instances a process of their own; `models` are those that a new process's detectors are to use."""

    models: Sequence[Chosen]

    def maker(self, item: InstancePlan, registry: Registry) -> Make | None:
        """How to make an instance in its own process; None when it is to share the engine's."""


class Making:
    """Makes members of the crew from what the log keeps of them. `now` is the engine's time, `data` the folder of a live store."""

    def __init__(
        self,
        store: StoreView,
        tables: TableSet,
        now: Callable[[], datetime],
        *,
        strict: bool = False,
        secrets: Mapping[str, str] | None = None,
        hosts: Hosts | None = None,
        data: Path | None = None,
    ) -> None:
        self.workers = Workers(data)
        self._store, self._tables, self._now = store, tables, now
        self._strict, self._secrets, self._hosts = strict, secrets, hosts

    def member(self, item: InstancePlan, registry: Registry, order: int, log: StoreLog) -> Member:
        """An instance as the log knows it (`stored`), or a new one."""
        stored, begins = log.load_instance(item.name), None
        if stored is not None and stored.started == 0:
            begins = stored.offset
            stored = None
        make = self._hosts.maker(item, registry) if self._hosts is not None else None
        isolation = "shared" if make is None else "process"
        make = make or self._shared(registry, log)
        member = Member(make(item, stored), item, make, isolation, order, started=micros(self._now()), begins=begins)
        member.knows(stored)
        return member

    def _shared(self, registry: Registry, log: StoreLog) -> Make:
        def make(item: InstancePlan, stored: Stored | None) -> Runner:
            fetch = None if log.path == ":memory:" else partial(log.state_value, item.name)
            return make_instance(
                registry.load(item.solution),
                item,
                stored,
                self._store,
                self._tables,
                self.workers,
                self._now(),
                strict=self._strict,
                secrets=self._secrets,
                fetch=fetch,
            )

        return make
