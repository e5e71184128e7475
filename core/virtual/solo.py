"""A bundle for one solution alone: its defaults, a default store with a device of every kind, and providers of what it needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from storeloom.core.kernel.compose import Composition, compose_sources
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.registry import Registry
from storeloom.core.kernel.sources import gather
from storeloom.core.virtual.formats import default_profile
from storeloom.core.virtual.tables import default_tables

ROOMY = {"cores": 64, "memory_mb": 65536}


def compose_solo(
    registry: Registry,
    solution: str,
    store: Mapping[str, Any],
    config: Mapping[str, Any],
    document: Document,
    given: Collection[str] = (),
) -> Composition:
    """Compose one solution. Lines of findings about its config come from `document`; the streams `given` need no source."""
    body = {"solutions": {solution: {"config": config}}, "store": store}
    lines = {("solutions", solution, *keys): line for keys, line in (document.lines or {}).items() if keys[:1] == ("config",)}
    return compose_sources(gather(Document(document.path, body, lines), registry.catalogue), registry, given=given)


def with_providers(registry: Registry, solution: str, *, seed: int = 1) -> Composition:
    """The solution in a default store of the first format it is made for, with solutions added that provide what it needs.

    Its settings are its defaults, or what its hook `storeloom_trial_config` gives for the virtual store of this seed. A stream that
    nothing installed provides stays silent.
    """
    store_format = registry.catalogue.solution(solution)["formats"][0]
    config = registry.trial_config(solution, default_tables(store_format, seed))
    return _settled(registry, solution, store_format, {solution: config})


def all_that_fit(registry: Registry, store_format: str) -> Composition:
    """Every enabled solution made for a format, in one default store of it; those that command one device in the order of their names."""
    entries = registry.catalogue.solutions.items()
    names = sorted(name for name, entry in entries if entry.enabled and store_format in entry["formats"])
    return _settled(registry, "all", store_format, {name: {} for name in names})


def _settled(registry: Registry, name: str, store_format: str, solutions: Mapping[str, Mapping[str, Any]]) -> Composition:
    """Solutions by their settings, with what they miss added and their commands put in order, as far as the findings' patches say how."""
    store = {**default_profile(store_format), "edge": ROOMY}
    body: dict[str, Any] = {
        "name": name,
        "solutions": {one: {"config": dict(config)} if config else {} for one, config in solutions.items()},
        "store": store,
    }
    silent: frozenset[str] = frozenset()
    while True:
        composition = compose_sources(gather(Document(name, body, {}), registry.catalogue), registry, given=silent)
        wider, unprovided = body, silent
        for finding in composition.errors:
            if finding.code == "SL-WIR-01" and not finding.patch:
                unprovided |= {str(finding.args["stream"])}
            elif finding.code == "SL-WIR-01":
                wider = merge_patch(wider, finding.patch or {})
            elif finding.code == "SL-WIR-04":
                stream = str(finding.args["stream"])
                known = wider.get("arbitrate", {}).get(stream, [])
                order = [*known, *(one for one in finding.args["instances"] if one not in known)]
                wider = merge_patch(wider, {"arbitrate": {stream: order}})
        if wider == body and unprovided == silent:
            return composition
        body, silent = wider, unprovided
