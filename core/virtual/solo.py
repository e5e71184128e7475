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


def with_providers(registry: Registry, solution: str) -> Composition:
    """The solution in a default store of the first format it is made for, with solutions added that provide what it needs.

    A stream that nothing installed provides stays silent.
    """
    entry = registry.catalogue.solution(solution)
    store = {**default_profile(entry["formats"][0]), "edge": ROOMY}
    body: dict[str, Any] = {"name": solution, "solutions": {solution: {}}, "store": store}
    silent: frozenset[str] = frozenset()
    while True:
        composition = compose_sources(gather(Document(solution, body, {}), registry.catalogue), registry, given=silent)
        missing = [finding for finding in composition.errors if finding.code == "SL-WIR-01"]
        wider = body
        for finding in missing:
            wider = merge_patch(wider, finding.patch or {})
        unprovided = silent | {str(finding.args["stream"]) for finding in missing if not finding.patch}
        if wider == body and unprovided == silent:
            return composition
        body, silent = wider, unprovided
