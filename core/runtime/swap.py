"""Hot swap: one solution replaced by another version, or given another config, while the store runs.

It happens between two events. One that runs in a process of its own is started beside the old one first, which goes on meanwhile. Then the
new one takes over state, alarms and figures where the old one stood; all that the old one had is kept aside until the new one has run for
the time of its probation. If it cannot start, or fails once in that time, it rolls back by itself: the old version takes its state up again
as it was and works through the log from the swap on. What the new version had put out is not put out again, for an output's id follows
from its cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.crew import Member
from storeloom.core.runtime.engine import Engine

PROBATION = timedelta(minutes=5)
Unfit = (StoreloomError, ValidationError)


@dataclass
class Swap:
    """One replacement: `starting` beside the old one, `live` while on probation, then `kept`, or `rolled_back` for a `reason`."""

    instance: str
    before: str
    after: str
    state: Literal["starting", "live", "kept", "rolled_back"] = "starting"
    reason: str = ""


@dataclass
class _Pending:
    """A swap that waits for its turn: until `spare` runs beside the old one, and that one has nothing under way."""

    swap: Swap
    item: InstancePlan
    registry: Registry
    group: list[str]
    spare: Member | None = None


@dataclass
class _Trial:
    """A swap on probation, with what is needed to go back; those of one `group` stand or fall together."""

    swap: Swap
    item: InstancePlan
    registry: Registry
    until: datetime
    group: list[str]


class Swaps:
    """Replaces an engine's instances and watches the new ones. `tend` belongs into the store's loop."""

    def __init__(self, engine: Engine, probation: timedelta = PROBATION) -> None:
        self._engine = engine
        self._probation = probation
        self._pending: dict[str, _Pending] = {}
        self._trials: dict[str, _Trial] = {}
        self._registries: dict[str, Registry] = {}
        engine.on_failure = self._failed
        self.before_keep: Callable[[list[str]], None] = lambda group: None  # what must be durable before there is no way back

    def recover(self) -> None:
        """After a restart in the middle of a probation: the versions that run now take up what was kept aside."""
        for name in self._engine.log.asides():
            if name in self._engine.crew.members:
                self._return(name, self._engine.crew.members[name].item, self.registry_of(name))
            else:
                self._engine.begin()
                self._engine.log.drop_aside(name)
        self._engine.flush()

    def swap(self, item: InstancePlan, registry: Registry, group: list[str] | None = None) -> Swap:
        """Replace the running instance of this name, at once where nothing keeps it, else when `tend` finds it ready.

        Raises what keeps the new one from being made; then the old one runs on. Swaps that share a `group` list are one change: when one
        fails, all of them roll back.
        """
        self._drop(item.name, "another swap took its place")
        before = self._engine.crew.members[item.name].runner.declared.version
        swap = Swap(item.name, before, str(registry.catalogue.solution(item.solution)["version"]))
        self._pending[item.name] = _Pending(swap, item, registry, [] if group is None else group)
        try:
            self._advance(self._pending[item.name])
        except Unfit:
            self._drop(item.name, "it could not be made")
            raise
        return swap

    def tend(self) -> None:
        """Go on with swaps that wait, and end the probations whose time is over."""
        for pending in list(self._pending.values()):
            try:
                self._advance(pending)
            except Unfit as error:
                reason = error.findings[0].text() if isinstance(error, StoreloomError) else str(error)
                self._drop(pending.item.name, reason)
                self.roll_back(pending.group, reason)
        for group in [trial.group for trial in self._trials.values()]:
            on_trial = [name for name in group if name in self._trials]
            if on_trial and self._over(group):
                self.before_keep(group)
                for name in on_trial:
                    self._keep(name)

    def _over(self, group: list[str]) -> bool:
        """Whether the probation of all swaps of a group is over."""
        waits = any(pending.group is group for pending in self._pending.values())
        return not waits and all(self._engine.now >= self._trials[name].until for name in group if name in self._trials)

    def _advance(self, pending: _Pending) -> None:
        """One step of a swap towards its turn."""
        engine, name = self._engine, pending.item.name
        old = engine.crew.members[name]
        if pending.spare is None:
            engine.begin()
            engine.flush()
            pending.spare = engine.spare(pending.item, pending.registry, old.order)
        if not pending.spare.runner.awake or not engine.quiet(name):
            return
        if name in self._trials:
            self._keep(name)
        self._exchange(pending, pending.spare, old)

    def _exchange(self, pending: _Pending, new: Member, old: Member) -> None:
        engine, log = self._engine, self._engine.log
        trial = _Trial(pending.swap, old.item, self.registry_of(old.name), engine.now + self._probation, pending.group)
        declared, clock = old.runner.declared, old.runner.clock_micros
        offset = engine.level if old.lag is None else old.lag.offset
        with log.transaction():
            log.save_instance(old.name, declared.solution, declared.version, offset, clock, old.started)
            log.set_aside(old.name)
            log.save_instance(old.name, declared.solution, declared.version, None if old.lag is None else offset, clock, old.started)
        stored = log.load_instance(old.name)
        try:
            new.stand(stored)
        except Unfit:
            with log.transaction():
                log.drop_aside(old.name)
            raise
        engine.enlist(new)
        old.runner.close()
        del self._pending[old.name]
        engine.supervisor.forget(old.name)
        pending.swap.state = "live"
        self._trials[old.name] = trial
        trial.group.append(old.name)
        self._registries[old.name] = pending.registry

    @property
    def pending(self) -> tuple[str, ...]:
        """Instances whose swap waits or is on probation."""
        return (*self._pending, *self._trials)

    def registry_of(self, name: str) -> Registry:
        """The registry that an instance was made from."""
        return self._registries.get(name, self._engine.registry)

    def _drop(self, name: str, reason: str) -> None:
        """Give up a swap that has not had its turn; the old one goes on."""
        pending = self._pending.pop(name, None)
        if pending is None:
            return
        pending.swap.state, pending.swap.reason = "rolled_back", reason
        if pending.spare is not None:
            pending.spare.runner.close()
        lag = self._engine.crew.members[name].lag
        if lag is not None:
            lag.hold = False

    def _keep(self, name: str) -> None:
        self._trials.pop(name).swap.state = "kept"
        self._engine.flush()
        with self._engine.log.transaction():
            self._engine.log.drop_aside(name)

    def _failed(self, member: Member, finding: Finding) -> bool:
        """Roll back what failed on probation; whether there was something to roll back."""
        trial = self._trials.get(member.name)
        if trial is None:
            return False
        self.roll_back(trial.group, finding.text())
        return True

    def roll_back(self, names: Iterable[str], reason: str) -> None:
        """Go back on swaps that are on probation."""
        for name in list(names):
            trial = self._trials.pop(name, None)
            if trial is not None:
                trial.swap.state, trial.swap.reason = "rolled_back", reason
                self._registries[name] = trial.registry
                self._return(name, trial.item, trial.registry)

    def _return(self, name: str, item: InstancePlan, registry: Registry) -> None:
        """The instance as it was kept aside, in place of the present one; it works through what came since."""
        engine = self._engine
        order = engine.crew.members[name].order
        engine.crew.leave(name).runner.close()
        engine.supervisor.forget(name)
        engine.begin()
        engine.log.bring_back(name)
        member = engine.enlist(engine.spare(item, registry, order))
        assert member.lag is not None
        member.lag.replay = True


def migrated(item: InstancePlan, solution: str, registry: Registry, version: str) -> InstancePlan:
    """The plan of an instance whose config was written for an older `version`, with the config brought to the registry's."""
    config: Mapping[str, Any] = registry.migrate_config(solution, item.config, version)
    return replace(item, solution=solution, config=config)
