"""`check`, `compose`, `explain`, `pack`: from a bundle's sources to findings, wiring, origins and the packed file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel import schemas
from storeloom.core.kernel.capacity import needed
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.compose import compose as compose_bundle
from storeloom.core.kernel.documents import Keys
from storeloom.core.kernel.errors import Finding, MisuseFault, StoreloomError, worst
from storeloom.core.kernel.lock import PACKED, unpack
from storeloom.core.kernel.lock import pack as pack_bundle
from storeloom.core.kernel.registry import Registry, hint
from storeloom.core.kernel.sources import BUNDLE, STORE, document_findings, open_document, read_sources


def report_findings(findings: Sequence[Finding], lang: str) -> None:
    """Findings, then how many there are of each severity."""
    for finding in findings:
        print(finding.render(lang))
    counts = {severity: sum(f.severity == severity for f in findings) for severity in ("error", "warning", "info")}
    if lang == "zh":
        words = {"error": "个错误", "warning": "个警告", "info": "条提示"}
        print("，".join(f"{n} {words[s]}" for s, n in counts.items()))
    else:
        words = {"error": "error", "warning": "warning", "info": "note"}
        print(", ".join(f"{n} {words[s]}{'' if n == 1 else 's'}" for s, n in counts.items()))


def check(arguments: argparse.Namespace) -> int:
    """All findings of a document, whatever kind it is."""
    registry = Registry()
    document = open_document(arguments.file)
    kind = document.data.get("document", "bundle/1")
    if kind == PACKED:
        findings = _packed_findings(arguments.file, registry)
    elif kind in ("store/1", "template/1", "overlay/1"):
        findings = document_findings(document, STORE if kind == "store/1" else BUNDLE, registry.catalogue)
    else:
        findings = list(compose_bundle(arguments.file, registry).findings)
    findings += registry.catalogue.findings
    if arguments.json:
        print_json({"file": arguments.file, "ok": worst(findings) != "error", "findings": [f.as_dict(arguments.lang) for f in findings]})
    else:
        report_findings(findings, arguments.lang)
    return 1 if worst(findings) == "error" else 0


def _packed_findings(path: str, registry: Registry) -> list[Finding]:
    try:
        unpack(path, registry.catalogue)
    except StoreloomError as fault:
        return list(fault.findings)
    return []


def compose(arguments: argparse.Namespace) -> int:
    """The bundle as the runtime would get it: solutions, devices, wiring, capacity, and all findings."""
    registry = Registry()
    composition = compose_bundle(arguments.file, registry)
    if arguments.json:
        print_json(summary(composition, arguments.lang))
    else:
        _print_composition(composition, arguments.lang)
        report_findings(composition.findings, arguments.lang)
    return 1 if composition.errors else 0


def summary(composition: Composition, lang: str) -> dict[str, Any]:
    """A composition as JSON."""
    instances = composition.instances
    total, shares = needed(instances)
    return {
        "name": composition.sources.name,
        "ok": not composition.errors,
        "solutions": {
            one.name: {
                "solution": one.entry.id,
                "config": one.config,
                "devices": {kind: [d.id for d in bound] for kind, bound in one.devices.items()},
                "cost": shares[one.name]._asdict(),
            }
            for one in instances
        },
        "wiring": [edge._asdict() for edge in composition.edges],
        "capacity": total._asdict(),
        "findings": [finding.as_dict(lang) for finding in composition.findings],
    }


def _print_composition(composition: Composition, lang: str) -> None:
    zh = lang == "zh"
    total, _ = needed(composition.instances)
    print(f"{composition.sources.name}: {len(composition.instances)} {'个方案' if zh else 'solutions'}")
    for one in composition.instances:
        print(f"  {one.name}  {one.entry['zh' if zh else 'en']}")
        for kind, bound in one.devices.items():
            ids = [device.id for device in bound]
            print(f"    {kind}: {', '.join(ids[:4])}{' ...' if len(ids) > 4 else ''} ({len(ids)})")
        sources: dict[str, list[str]] = {}
        for edge in composition.edges:
            if edge.target == one.name:
                sources.setdefault(edge.stream, []).append(edge.source)
        for stream, names in sources.items():
            print(f"    {stream} <- {', '.join(names)}")
    print(f"{'约需' if zh else 'needs about'} {total.cores:.2f} {'核' if zh else 'cores'}, {total.memory_mb:.0f} MB")


def explain(arguments: argparse.Namespace) -> int:
    """Each value, the layer, file and line that set it, and what it overrode."""
    sources = read_sources(arguments.file, Registry().catalogue)
    prefix = tuple(arguments.path.split(".")) if arguments.path else ()
    rows = sources.layered.explain(*prefix)
    if not rows:
        raise _nothing_at(prefix, [row.path for row in sources.layered.explain()])
    if arguments.json:
        print_json(
            [
                {
                    "path": ".".join(map(str, row.path)),
                    "value": row.value,
                    "layer": row.origin.layer,
                    "file": row.origin.path,
                    "line": row.origin.line,
                    "overridden": [{"layer": layer, "value": value} for layer, value in row.overridden],
                }
                for row in rows
            ]
        )
    else:
        for row in rows:
            place = f"{row.origin.path}:{row.origin.line}" if row.origin.path else row.origin.layer
            before = "".join(f"  ({layer}: {schemas.show(value)})" for layer, value in row.overridden)
            print(f"{'.'.join(map(str, row.path))} = {schemas.show(row.value)}  [{row.origin.layer}] {place}{before}")
    return 0


def _nothing_at(wanted: tuple[str, ...], known: Sequence[Keys]) -> MisuseFault:
    """The fault of a place that a bundle does not have; it names what there is instead, where the path leaves the known ones."""
    paths = [tuple(map(str, path)) for path in known]
    depth = next((size for size in range(len(wanted), 0, -1) if any(path[:size] == wanted[:size] for path in paths)), 0)
    there = list(dict.fromkeys(path[depth] for path in paths if path[:depth] == wanted[:depth] and len(path) > depth))
    place, word = ".".join(wanted[:depth]), wanted[min(depth, len(wanted) - 1)]
    meant = hint(word, there)
    reason = {
        "en": f"the bundle has no {'.'.join(wanted)}.{meant['hint_en']} Known{f' in {place}' if place else ''}: {', '.join(there) or '-'}",
        "zh": f"方案包中没有 {'.'.join(wanted)}。{meant['hint_zh']}{f'{place} 中' if place else ''}可用：{'、'.join(there) or '无'}",
    }
    return MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom explain"}))


def pack(arguments: argparse.Namespace) -> int:
    """Write the packed bundle; the same sources and plugins give the same bytes."""
    registry = Registry()
    composition = compose_bundle(arguments.file, registry)
    data = pack_bundle(composition, registry.catalogue)
    target = Path(arguments.output) if arguments.output else Path(arguments.file).with_suffix(".bundle.json")
    target.write_bytes(data)
    digest = open_document(target).data["digest"]
    if arguments.json:
        print_json({"file": str(target), "bytes": len(data), "digest": digest})
    else:
        print(f"{target}  {len(data)} bytes  {digest}")
    return 0
