"""What a solution object is given to hold on to: its time, the store profile, the engines, its secrets."""

from __future__ import annotations

import importlib
import inspect
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import BoundDevice
from storeloom.core.runtime.pictures import Pictures
from storeloom.core.runtime.state import Alarms, FigureBook, State
from storeloom.core.runtime.tables import DeclaredTables


@dataclass
class InstanceClock:
    """The instance's time: the arrival of what it handles now."""

    now: datetime


class StoreView:
    """The store profile as solutions see it."""

    def __init__(self, profile: Mapping[str, Any]) -> None:
        self.profile = profile
        self.id = str(profile["store"])
        self.format = str(profile["format"])
        self.currency = str(profile.get("currency", "CNY"))
        self.language = str(profile.get("language", "zh"))
        self.hours = StoreHours(str(profile["zone"]), profile["hours"])


class EnginePackage:
    """An engine under `workers/`: what its package offers, and its modules, imported on first use."""

    def __init__(self, name: str) -> None:
        self._package = importlib.import_module(f"storeloom.workers.{name}")

    def __getattr__(self, name: str) -> Any:
        if hasattr(self._package, name) or name.startswith("_"):
            return getattr(self._package, name)
        return importlib.import_module(f"{self._package.__name__}.{name}")


class Workers:
    """The engines by name; the vision engine is one object, so that cameras share its detector.

    What it learns of goods it keeps under `data`, the folder of a live store, else in memory.
    """

    def __init__(self, data: Path | None = None) -> None:
        self._data = data
        self._vision: Any = None
        self._pool: Any = None

    @property
    def pool(self) -> Any:
        """Where heavy work runs: in this process unless the environment names another place; see `workers.pool`."""
        if self._pool is None:
            package = importlib.import_module("storeloom.workers.pool")
            self._pool = package.open_pool(package.chosen())
        return self._pool

    @property
    def vision(self) -> Any:
        if self._vision is None:
            shops = importlib.import_module("storeloom.workers.vision.items.shops")
            items = shops.Shops(self._data / "items" if self._data is not None else None)
            self._vision = importlib.import_module("storeloom.workers.vision.pipeline").VisionWorker(items=items)
        return self._vision

    def bring(self, solution: type) -> None:
        """Import the parts of engines that a solution names, so that none of its events waits for that.

        What cannot be imported here is told by the handler that uses it.
        """
        for engine, part in _parts_named(solution):
            with suppress(ImportError, AttributeError):
                getattr(getattr(self, engine), part)

    def pictures(self, instance: str) -> Pictures:
        """The pictures that an instance keeps."""
        folder = quote(instance, safe="").replace(".", "%2E")
        return Pictures(self._data / "pictures" / folder if self._data is not None else None)

    def troubles(self) -> tuple[Finding, ...]:
        """What is wrong with what the engines keep."""
        return tuple(self._vision.items.troubles()) if self._vision is not None else ()

    def close(self) -> None:
        """Have the engines save what they learnt, and let go of other processes."""
        if self._vision is not None:
            self._vision.close()
        if self._pool is not None:
            self._pool.close()

    def __getattr__(self, name: str) -> EnginePackage:
        if name.startswith("_"):
            raise AttributeError(name)
        engine = self.__dict__[name] = EnginePackage(name)
        return engine


@cache
def _parts_named(solution: type) -> tuple[tuple[str, str], ...]:
    """Engine and part, wherever its module says `workers.<engine>.<part>`; the pool is opened by the first work that needs it."""
    module = inspect.getmodule(solution)
    try:
        source = inspect.getsource(module) if module is not None else ""
    except OSError:  # it has no source here
        return ()
    return tuple(sorted(set(re.findall(r"\bworkers\.(?!pool\b)([a-z]\w*)\.([a-z]\w*)", source))))


@dataclass
class InstanceContext:
    """What the solution object holds; see `contract.Context`."""

    instance: str
    state: State
    timers: Alarms
    kpi: FigureBook
    tables: DeclaredTables
    clock: InstanceClock
    store: StoreView
    devices: Mapping[str, tuple[BoundDevice, ...]]
    workers: Workers
    log: logging.Logger
    secrets: Mapping[str, str] | None
    pictures: Pictures

    def secret(self, name: str) -> str:
        if self.secrets is None:
            return name
        if name not in self.secrets:
            raise LookupError(f"the store has no secret '{name}'; put it into secrets.json of its data folder")
        return self.secrets[name]
