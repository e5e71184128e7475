"""Wiring: where each consumed stream comes from, what has no source, what runs in a ring, and who commands what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.kernel.sources import Sources

if TYPE_CHECKING:
    from storeloom.core.kernel.compose import Instance


class Edge(NamedTuple):
    """A stream from a source (instance name, or `device:KIND`) to an instance; `needed` when it is not optional."""

    source: str
    stream: str
    target: str
    needed: bool


def wire(
    instances: list[Instance],
    sources: Sources,
    store: Mapping[str, Any],
    catalogue: Catalogue,
    findings: list[Finding],
    given: Collection[str] = (),
) -> list[Edge]:
    """The edges between devices and instances; what is wrong with them is added to the findings."""
    kinds = {str(facts["kind"]) for facts in store.get("devices", {}).values() if isinstance(facts, Mapping) and "kind" in facts}
    feeds: dict[str, Collection[str]] = {kind: catalogue.adapter_kinds.get(kind, {}).get("feeds", ()) for kind in sorted(kinds)}
    if given:
        feeds["given"] = given
    edges: list[Edge] = []
    for one in instances:
        for spec in one.entry["consumes"]:
            edges += _edges(one, spec, instances, feeds, sources, catalogue, findings, store.get("format"))
    findings += _rings(instances, edges, sources, catalogue)
    findings += _rivals(instances, sources, catalogue)
    return edges


def _edges(
    one: Instance,
    spec: str,
    instances: list[Instance],
    feeds: Mapping[str, Collection[str]],
    sources: Sources,
    catalogue: Catalogue,
    findings: list[Finding],
    store_format: object,
) -> list[Edge]:
    """The sources of one consumed stream; `from` in the bundle narrows them."""
    stream, needed = spec.rstrip("?"), not spec.endswith("?")
    found = [other.name for other in instances if other is not one and stream in other.entry["produces"]]
    devices = [f"device:{kind}" for kind, streams in feeds.items() if stream in streams]
    wanted = one.body.get("from", {}).get(stream) if isinstance(one.body.get("from", {}), Mapping) else None
    if wanted:
        known = set(found) | {device.id for bound in one.devices.values() for device in bound}
        for source in wanted:
            if source not in known:
                path = ("solutions", one.name, "from", stream)
                args = {"source": source, "stream": stream, "known": known}
                findings.append(Finding("SL-WIR-06", args, ".".join(path), *sources.place(*path)))
        found = [name for name in found if name in wanted]
        devices = [] if set(wanted) <= set(found) else devices
    if not found and not devices:
        findings.append(_no_source(one, stream, needed, sources, catalogue, store_format))
    return [Edge(source, stream, one.name, needed) for source in [*devices, *found]]


def _no_source(one: Instance, stream: str, needed: bool, sources: Sources, catalogue: Catalogue, store_format: object) -> Finding:
    """What could provide the stream: solutions made for the store's format first, the first of which the patch adds."""
    found, kinds = catalogue.providers(stream)
    solutions = [solution for solution in found if solution != one.entry.id]
    if isinstance(store_format, str):
        solutions.sort(key=lambda name: store_format not in catalogue.solution(name)["formats"])
    patch: dict[str, Any] | None = {"solutions": {solutions[0]: {}}} if solutions else None
    args = {"stream": stream, "instance": one.name, "providers": _named(solutions, kinds)}
    file, line = sources.place("solutions", one.name)
    return Finding("SL-WIR-01" if needed else "SL-WIR-05", args, f"solutions.{one.name}", file, line, patch)


def _named(solutions: list[str], kinds: list[str]) -> dict[str, str]:
    """Providers in words: solutions by id, devices by kind."""
    en = ", ".join([*solutions, *(f"a device of kind {kind}" for kind in kinds)])
    zh = "、".join([*solutions, *(f"{kind} 类设备" for kind in kinds)])
    return {"en": en or "nothing that is installed", "zh": zh or "已安装的插件中没有"}


def _rings(instances: list[Instance], edges: list[Edge], sources: Sources, catalogue: Catalogue) -> list[Finding]:
    """Rings of needed streams that nothing outside feeds are errors; other rings are feedback loops."""
    by_name = {one.name: one for one in instances}
    stuck = _stuck(list(by_name), edges)
    findings = []
    for ring in _cycles(by_name, edges):
        args: dict[str, Any] = {"cycle": " -> ".join([*ring, ring[0]])}
        file, line = sources.place("solutions", ring[0])
        code = "SL-WIR-03"
        if set(ring) <= stuck:
            code = "SL-WIR-02"
            inside = {edge.stream for edge in edges if edge.source in ring and edge.target in ring and edge.needed}
            providers = [catalogue.providers(stream) for stream in sorted(inside)]
            solutions = sorted({s for found, _ in providers for s in found} - {by_name[name].entry.id for name in ring})
            kinds = sorted({kind for _, found in providers for kind in found})
            args |= {"streams": inside, "providers": _named(solutions, kinds)}
        findings.append(Finding(code, args, f"solutions.{ring[0]}", file, line))
    return findings


def _stuck(names: list[str], edges: list[Edge]) -> set[str]:
    """Instances that can never start: some needed stream has sources, but none of them can start either."""
    needed: dict[tuple[str, str], set[str]] = {}
    for edge in edges:
        if edge.needed:
            needed.setdefault((edge.target, edge.stream), set()).add(edge.source)
    stuck = set(names)
    while True:
        free = {
            name for name in stuck if all(any(s not in stuck for s in found) for (target, _), found in needed.items() if target == name)
        }
        if not free:
            return stuck
        stuck -= free


def _cycles(names: Iterable[str], edges: list[Edge]) -> list[list[str]]:
    """One ring for each group of instances that feed one another, in order of the wiring."""
    follow: dict[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        if edge.source in follow and edge.target not in follow[edge.source]:
            follow[edge.source].append(edge.target)
    rings: list[list[str]] = []
    covered: set[str] = set()
    for start in follow:
        if start in covered:
            continue
        path = _path_back(start, follow)
        if path:
            rings.append(path)
            covered |= set(path)
    return rings


def _path_back(start: str, follow: Mapping[str, list[str]]) -> list[str] | None:
    """The shortest way from an instance back to itself."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        longer = []
        for way in ways:
            for name in follow[way[-1]]:
                if name == start:
                    return way
                if name not in seen:
                    seen.add(name)
                    longer.append([*way, name])
        ways = longer
    return None


def _rivals(instances: list[Instance], sources: Sources, catalogue: Catalogue) -> list[Finding]:
    """Instances that send an exclusive command to one device without an order between them."""
    claims: dict[tuple[str, str], list[str]] = {}
    for one in instances:
        for kind, devices in one.devices.items():
            for stream, rule in catalogue.adapter_kinds.get(kind, {}).get("takes", {}).items():
                if rule == "exclusive" and stream in one.entry["produces"]:
                    for device in devices:
                        claims.setdefault((stream, device.id), []).append(one.name)
    findings = []
    order = sources.value.get("arbitrate", {})
    for (stream, device_id), names in claims.items():
        if len(names) > 1 and not set(names) <= set(order.get(stream, ())):
            file, line = sources.place("solutions", names[1])
            args = {"instances": names, "stream": stream, "device": device_id}
            patch = {"arbitrate": {stream: names}}
            findings.append(Finding("SL-WIR-04", args, f"solutions.{names[1]}", file, line, patch))
    return findings
