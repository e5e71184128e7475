"""The outbox: commands on their way to devices, in order, tried again with back-off, dead after the last try.

A command is in the store log from the moment that its solution put it out; it is settled only when the device's driver has taken it, so
a kill in between sends it once more. The command's id travels with it (`cmd`): a device that has seen it does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.plan import Plan
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog, micros

Command = Callable[[str, Mapping[str, Any], datetime], Iterable[Fact]]
FIRST_WAIT, LONGEST_WAIT, TRIES = timedelta(seconds=5), timedelta(minutes=10), 8


class Outbox:
    """Sends what waits to the drivers (`device id -> command`) of the devices that its instance is bound to."""

    def __init__(self, log: StoreLog, plan: Plan, drivers: Mapping[str, Command]) -> None:
        self._log = log
        self._plan = {one.name: one for one in plan.instances}
        self._store_devices: Mapping[str, Any] = plan.store.get("devices", {})
        self._drivers = drivers

    def dispatch(self, engine: Engine) -> int:
        """Send what is due; the devices' answers go into the engine. Returns how many were sent."""
        engine.flush()
        sent = 0
        for command_id, seq, instance, stream, tries in self._log.waiting(micros(engine.now)):
            drivers = [self._drivers[device] for device in self._targets(instance, stream) if device in self._drivers]
            if not drivers:
                self._settle(command_id, "unrouted", tries, engine.now, "no device with a driver takes it")
                continue
            event = self._log.event(seq)
            data = {"cmd": command_id, **event.data}
            try:
                answers = [fact for driver in drivers for fact in driver(stream, data, engine.now)]
            except (OSError, TimeoutError) as error:
                wait = min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
                status = "waiting" if tries + 1 < TRIES else "dead"
                self._settle(command_id, status, tries + 1, engine.now + wait, str(error))
                continue
            self._settle(command_id, "sent", tries + 1, engine.now)
            sent += 1
            for number, fact in enumerate(answers):
                engine.feed(fact, f"{command_id}|{number}")
        return sent

    def _settle(self, command_id: str, status: str, tries: int, due: datetime, note: str | None = None) -> None:
        with self._log.transaction():
            self._log.settle(command_id, status, tries, micros(due), note)

    def _targets(self, instance: str, stream: str) -> list[str]:
        """The bound devices whose kind takes the command; where the solution binds none of such a kind, the store's."""
        kinds = {kind for kind, facts in schemas.adapter_kinds().items() if stream in facts["takes"]}
        bound = [device.id for kind, devices in self._plan[instance].devices.items() if kind in kinds for device in devices]
        return bound or [device for device, facts in self._store_devices.items() if facts.get("kind") in kinds]
