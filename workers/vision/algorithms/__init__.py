"""The algorithms that a camera can run, by name. Importing this package loads none of them.

Each is a small class over the engine's rules: it declares the stages that it needs and its rate, checks its settings when it is made, and
turns a `View` and its JSON state into the next state and readings on streams.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from storeloom.workers.vision.algorithms.base import Algorithm, AlgorithmError, Reading

CATALOGUE: Mapping[str, str] = {
    "line_count": "people.LineCount",
    "zone_occupancy": "people.ZoneOccupancy",
    "queue": "people.QueueWatch",
    "heat_map": "floor.HeatMap",
    "crowding": "floor.Crowding",
    "loitering": "incidents.Loitering",
    "fall": "incidents.Fall",
    "uniform": "incidents.Uniform",
    "stray_tracked": "strays.StrayTracked",
    "stray_seen": "strays.StraySeen",
    "cleanliness": "strays.Cleanliness",
    "facings": "goods.Facings",
    "items": "goods.Items",
    "texts": "written.Texts",
    "codes": "written.Codes",
    "plates": "written.Plates",
    "privacy": "privacy.Privacy",
}

__all__ = ["CATALOGUE", "Algorithm", "AlgorithmError", "Reading", "algorithm_class", "described", "make"]


def algorithm_class(name: str) -> type[Algorithm[Any]]:
    """The class of an algorithm; AlgorithmError for a name that is not in the catalogue."""
    if name not in CATALOGUE:
        raise AlgorithmError(f"There is no algorithm '{name}'.", "algorithm", f"Known: {', '.join(CATALOGUE)}.", zh=f"没有算法“{name}”。")
    module, attribute = CATALOGUE[name].split(".")
    found: type[Algorithm[Any]] = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    return found


def make(name: str, settings: Mapping[str, Any] | None = None) -> Algorithm[Any]:
    """An algorithm with its settings, the default ones where they are not given.

    AlgorithmError with all that is wrong with their form, GeometryError for a place that makes no sense.
    """
    made = algorithm_class(name)
    return made(made.settings_of(settings or {}))


def described(name: str) -> dict[str, Any]:
    """What a form or a catalogue shows: name, titles, needed stages, streams, and the settings as JSON Schema 2020-12."""
    made = algorithm_class(name)
    return {
        "name": name,
        "title": made.en,
        "x-zh": made.zh,
        "needs": sorted(made.needs),
        "streams": list(made.streams),
        "settings": made.schema(),
    }
