"""One solution instance fed by hand, with pictures: what an episode, which is text, cannot carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from storeloom.core.kernel.contract import Solution
from storeloom.core.kernel.events import Event, Out, event_id
from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.runtime.context import StoreView, Workers
from storeloom.core.runtime.instance import Instance
from storeloom.core.runtime.log import micros
from storeloom.core.runtime.runner import Call
from storeloom.core.runtime.tables import TableSet
from storeloom.core.virtual.formats import default_profile


class Run:
    """A solution in a store of UTC that is always open, where no `hours` are given; `data` is the store's data folder."""

    def __init__(
        self,
        solution: type[Solution],
        start: datetime,
        tables: Mapping[str, Iterable[Mapping[str, Any]]],
        data: Path | None = None,
        config: Mapping[str, Any] | None = None,
        store_format: str = "mall",
        hours: Mapping[str, str] | None = None,
    ) -> None:
        day = hours or {"open": "00:00", "close": "24:00"}
        store = StoreView({**default_profile(store_format), "zone": "UTC", "language": "en", "hours": day})
        plan = InstancePlan("it", "it", config or {})
        self.workers = Workers(data)
        self.instance = Instance(plan, solution, None, store, TableSet(tables, store.hours), self.workers, start, strict=True)
        self.outs: list[Out] = []
        self._do(Call("start", micros(start)))

    def give(self, stream: str, time: datetime, **fields: Any) -> list[Out]:
        """Feed an event, after all that falls due before it; what it brought about."""
        self.until(time, inclusive=False)
        before = len(self.outs)
        event = Event(stream, time, fields, event_id(time, stream, len(self.outs), str(fields.get("seq"))), "store", "test")
        self._do(Call("event", micros(time), event=replace(event, received=time)))
        return self.outs[before:]

    def until(self, time: datetime, *, inclusive: bool = True) -> None:
        """Let time pass."""
        while (due := self.instance.due()) is not None and due[0] < micros(time) + inclusive:
            self._do(Call("due", due[0], at=due[0], name=due[1], key=due[2]))

    def _do(self, call: Call) -> None:
        self.instance.begin(call)
        for _, outs in self.instance.end():
            self.outs += outs
        self.instance.keep()
