"""What importing a plugin's module brings along. It shows only the first time in a process, so it is tried before any rule looks."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from storeloom.core.conformance.load import resident_kib
from storeloom.core.conformance.rules import Subject
from storeloom.core.kernel.errors import PluginFault
from storeloom.core.kernel.registry import import_plugin


@dataclass(frozen=True)
class Imported:
    """The top-level modules that were not there before the plugin's, and the process's memory (KiB) before them; `broken`: it cannot be
    imported, and they are those up to there."""

    brought: frozenset[str]
    broken: bool
    before_kib: int


def imported(subject: Subject, plugin: str) -> Imported:
    """What came of importing a plugin's module, tried once for a check."""
    known: dict[str, Imported] = subject.notes.setdefault("imported", {})
    if plugin not in known:
        catalogue = subject.registry.catalogue
        entry = catalogue.solutions.get(plugin) or catalogue.adapters[plugin]
        before, broken, resident = _loaded(), False, resident_kib()
        try:
            import_plugin(plugin, entry.package, entry.path)
        except PluginFault:
            broken = True
        known[plugin] = Imported(_loaded() - before, broken, resident)
    return known[plugin]


def _loaded() -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in sys.modules)
