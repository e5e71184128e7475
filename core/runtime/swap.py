"""Hot swap: one solution replaced by another version, or given another config, while the store runs.

It happens between two events. The new one takes over state, alarms and figures where the old one stood; all that the old one had is
kept aside until the new one has run for the time of its probation. If it cannot start, or fails once in that time, it rolls back by
itself: the old version takes its state up again as it was and works through the log from the swap on. What the new version had put out
is not put out again, for an output's id follows from its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


@dataclass
class Swap:
    """One replacement: `live` while on probation, then `kept`, or `rolled_back` for a `reason`."""

    instance: str
    before: str
    after: str
    state: Literal["live", "kept", "rolled_back"] = "live"
    reason: str = ""


@dataclass
class _Trial:
    """A swap on probation, with what is needed to go back; those of one `group` stand or fall together."""

    swap: Swap
    item: InstancePlan
    registry: Registry
    until: datetime
    group: list[str]


class Swaps:
    """Replaces an engine's instances and watches the new ones."""

    def __init__(self, engine: Engine, probation: timedelta = PROBATION) -> None:
        self._engine = engine
        self._probation = probation
        self._trials: dict[str, _Trial] = {}
        self._registries: dict[str, Registry] = {}
        engine.on_failure = self._failed

    def recover(self) -> None:
        """After a restart in the middle of a probation: the versions that run now take up what was kept aside."""
        for name in self._engine.log.asides():
            if name in self._engine.crew.members:
                self._return(name, self._engine.crew.members[name].item, self._registry(name))
            else:
                self._engine.begin()
                self._engine.log.drop_aside(name)
        self._engine.flush()

    def swap(self, item: InstancePlan, registry: Registry, group: list[str] | None = None) -> Swap:
        """Replace the running instance of this name. Raises what kept the new one from being made; then the old one runs on.

        Swaps that share a `group` list are one change: when one fails, all of them roll back.
        """
        engine, log = self._engine, self._engine.log
        if item.name in self._trials:
            self._keep(item.name)
        engine.quiet(item.name)
        old = engine.crew.members[item.name]
        swap = Swap(item.name, old.runner.declared.version, registry.catalogue.solution(item.solution)["version"])
        trial = _Trial(swap, old.item, self._registry(item.name), engine.now + self._probation, [] if group is None else group)
        declared, clock = old.runner.declared, old.runner.clock_micros
        offset = engine.level if old.lag is None else old.lag.offset
        with log.transaction():
            log.save_instance(old.name, declared.solution, declared.version, offset, clock, old.started)
            log.set_aside(old.name)
            log.save_instance(old.name, declared.solution, declared.version, None if old.lag is None else offset, clock, old.started)
        try:
            engine.enlist(item, registry, old.order)
        except (StoreloomError, ValidationError):
            with log.transaction():
                log.drop_aside(item.name)
            raise
        old.runner.close()
        engine.supervisor.forget(item.name)
        self._trials[item.name] = trial
        trial.group.append(item.name)
        self._registries[item.name] = registry
        return swap

    def tend(self) -> None:
        """End the probations whose time is over."""
        for name, trial in list(self._trials.items()):
            if self._engine.now >= trial.until:
                self._keep(name)

    @property
    def pending(self) -> tuple[str, ...]:
        """Instances on probation."""
        return tuple(self._trials)

    def _registry(self, name: str) -> Registry:
        return self._registries.get(name, self._engine.registry)

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
        member = engine.enlist(item, registry, order)
        assert member.lag is not None
        member.lag.replay = True


def migrated(item: InstancePlan, solution: str, registry: Registry, version: str) -> InstancePlan:
    """The plan of an instance whose config was written for an older `version`, with the config brought to the registry's."""
    config: Mapping[str, Any] = registry.migrate_config(solution, item.config, version)
    return replace(item, solution=solution, config=config)
