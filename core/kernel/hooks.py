"""The pluggy hooks of a solution module. A module that defines none is a whole plugin: the first hook has a default.

A hook implementation is a function of the module, of that name, marked `@hookimpl`. The kernel calls each module's implementation
singly, so one that raises takes down no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from storeloom.core.kernel.contract import Problem, Solution

PROJECT = "storeloom"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Specs:
    """What a solution module may answer."""

    @hookspec(firstresult=True)
    def storeloom_solution(self, module: ModuleType) -> type[Solution] | None:
        """The solution class of the module. Default: the one subclass of `Solution` that the module defines."""

    @hookspec
    def storeloom_config_problems(self, config: Mapping[str, Any], store: Mapping[str, Any]) -> list[Problem]:
        """Problems of a config that no single key shows, given the whole config (defaults filled in) and the store profile."""
        return []

    @hookspec(firstresult=True)
    def storeloom_migrate_config(self, config: Mapping[str, Any], version: str) -> dict[str, Any] | None:
        """The config of an older `version` of this solution, brought to the present one; None when nothing changes."""

    @hookspec(firstresult=True)
    def storeloom_migrate_state(self, state: Mapping[str, Any], version: str) -> dict[str, Any] | None:
        """The state that an older `version` of this solution left, brought to the present one; None when nothing changes."""

    @hookspec(firstresult=True)
    def storeloom_sample_episode(self) -> Path | None:
        """The episode that shows the solution at work. Default: the first file of `tests/episodes/<id>/` beside the package."""

    @hookspec(firstresult=True)
    def storeloom_trial_config(self, tables: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any] | None:
        """Settings to try the solution alone with where its defaults leave it nothing to do (no campaign, no script); `tables` are the
        virtual store's. None: its defaults show it."""


class Defaults:
    """The kernel's own plugin: the defaults of the hooks above, tried last."""

    @hookimpl(trylast=True)
    def storeloom_solution(self, module: ModuleType) -> type[Solution] | None:
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Solution) and value.__module__ == module.__name__
        ]
        return found[0] if len(found) == 1 else None
