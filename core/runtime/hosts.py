"""Which instances get a process of their own, and what it is given."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.kernel.registry import BUILT_IN, ROOT, Entry, Registry
from storeloom.core.runtime.crew import Make
from storeloom.core.runtime.guard import HostGuard
from storeloom.core.runtime.host import Making
from storeloom.core.runtime.limits import Limits
from storeloom.core.runtime.remote import RemoteInstance
from storeloom.core.runtime.runner import Stored
from storeloom.core.runtime.seats import Chosen

OWN_PROCESS_LOADS = frozenset({"forecast", "optimise"})
PARTS = ("core", "workers", "schemas", "plugins", "hardware_adapters", "plugins.toml")
SITES = frozenset({"site-packages", "dist-packages"})
MOST_MATH_THREADS = 4
MATH_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Hosts:
    """Makes instances that run in processes of their own; see `engine.Hosts`.

    These are vendors' (an operator may say otherwise in plugins.toml), those that compute for long (`forecast`, `optimise`), and those
    named in `isolated`. `now` gives the start of an instance that is new. A host is given the rows of the tables that its solution declares
    and the secrets that its config names, no more. `models` are those that a new host's detectors are to use.
    """

    def __init__(
        self,
        profile: Mapping[str, Any],
        tables: Mapping[str, Iterable[Mapping[str, Any]]],
        now: Callable[[], datetime],
        guard: HostGuard,
        *,
        secrets: Mapping[str, str] | None = None,
        strict: bool = False,
        isolated: Iterable[str] = (),
    ) -> None:
        self.guard = guard
        self.isolated = set(isolated)
        self.missing: set[str] = set()
        self.models: Sequence[Chosen] = ()
        self._profile, self._now, self._secrets, self._strict = profile, now, secrets, strict
        self._tables = {name: list(rows) for name, rows in tables.items()}

    def apart(self, name: str, entry: Entry) -> bool:
        """Whether an instance runs in a process of its own."""
        return name in self.isolated or entry.isolation == "process" or str(entry.facts["load"]) in OWN_PROCESS_LOADS

    def maker(self, item: InstancePlan, registry: Registry) -> Make | None:
        """How to make an instance in its own process; None when it is to share the engine's."""
        entry = registry.catalogue.solution(item.solution)
        if not self.apart(item.name, entry):
            return None

        def make(item: InstancePlan, stored: Stored | None) -> RemoteInstance:
            making = Making(
                entry,
                item,
                item.config,
                stored,
                self._profile,
                {table: self._tables.get(table, []) for table in (name.rstrip("?") for name in entry.facts["reads"])},
                self._now(),
                self._strict,
                secrets_for(entry, item.config, self._secrets),
                Limits.of(entry),
                tuple(readable(entry)),
            )
            chosen = self.models if entry.facts["load"] == "vision" else ()
            return RemoteInstance(making, self.guard, environment(), on_table=self._replaced, on_trouble=self.missing.add, chosen=chosen)

        return make

    def troubles(self) -> tuple[Finding, ...]:
        """What of the sandbox this machine lacks, and whether it lacks shared memory."""
        lacks = tuple(Finding("SL-HST-07", {"what": what}) for what in sorted(self.missing))
        return lacks if self.guard.frames.trouble is None else (*lacks, self.guard.frames.trouble)

    def _replaced(self, table: str, rows: list[Mapping[str, Any]]) -> None:
        self._tables[table] = rows


def readable(entry: Entry) -> Iterator[Path]:
    """What a host may read: Python, the installed packages, storeloom, and the plugin's own package."""
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        yield Path(prefix)
    yield from (Path(place) for place in sys.path if Path(place).name in SITES)
    yield from (ROOT / part for part in PARTS)
    if entry.package.name != BUILT_IN:
        yield entry.package.root


def environment() -> dict[str, str]:
    """A host's environment: where Python finds its modules, nothing else of the engine's. Hashes are fixed, so sets keep their order."""
    threads = str(min(MOST_MATH_THREADS, os.cpu_count() or 1))
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPATH": os.pathsep.join(os.path.abspath(place) for place in sys.path),
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(MATH_THREADS, threads),
    }


def secrets_for(entry: Entry, config: Mapping[str, Any], secrets: Mapping[str, str] | None) -> dict[str, str] | None:
    """The secrets that a config names, in the keys that its schema marks as such; None in a dry run, where a secret's value is its name."""
    if secrets is None:
        return None
    with open(entry.schema_file, "rb") as file:
        schema = json.load(file)
    keys: set[str] = set()
    named: set[str] = set()
    for key, field in _secret_fields(schema):
        keys.add(key)
        named |= set(_texts(field.get("default")))
    for key, value in _pairs(config):
        if key in keys:
            named |= set(_texts(value))
    return {name: secrets[name] for name in named if name in secrets}


def _secret_fields(schema: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, value in _pairs(schema):
        if isinstance(value, dict) and value.get("x-widget") == "secret":
            yield key, value


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, Mapping):
        yield from value.items()
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _pairs(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
