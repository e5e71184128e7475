"""`catalogue`, `show`, `index`, `version`: what is installed. Reads the static index; imports no plugin (but for `index`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import BUILT_IN, ROOT, Catalogue, Entry, Package, read_catalogue, unknown

PILLARS = {
    "people": ("用户互动", "People"),
    "personnel": ("员工赋能", "Personnel"),
    "process": ("供应链高效", "Process"),
    "product": ("商品展现", "Product"),
    "premise": ("设施完备", "Premise"),
}


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")


def print_findings(findings: list[Finding], lang: str) -> None:
    for finding in findings:
        print(finding.render(lang), file=sys.stderr)


def catalogue(arguments: argparse.Namespace) -> int:
    """List solutions by pillar and scenario."""
    known = read_catalogue()
    if arguments.scenario and arguments.scenario not in known.scenarios:
        known.findings.append(unknown("scenario", "场景", arguments.scenario, known.scenarios))
    chosen = [entry for entry in known.solutions.values() if _wanted(entry, arguments)]
    chosen.sort(key=lambda entry: (entry["number"] is None, entry["number"], entry.id))
    if arguments.json:
        counts = {name: sum(entry["scenario"] == name for entry in known.solutions.values()) for name in known.scenarios}
        scenarios = [{"id": name, **facts, "solutions": counts[name]} for name, facts in known.scenarios.items()]
        findings = [finding.as_dict(arguments.lang) for finding in known.findings]
        print_json({"scenarios": scenarios, "solutions": [entry.as_dict() for entry in chosen], "findings": findings})
    else:
        print_catalogue(known, chosen, arguments.lang)
        print_findings(known.findings, arguments.lang)
    return 1 if known.findings else 0


def _wanted(entry: Entry, arguments: argparse.Namespace) -> bool:
    if arguments.pillar and entry["pillar"] != arguments.pillar:
        return False
    if arguments.scenario and entry["scenario"] != arguments.scenario:
        return False
    if arguments.format and arguments.format not in entry["formats"]:
        return False
    words = (arguments.search or "").lower().split()
    text = " ".join((entry.id, entry["zh"], entry["en"], entry["purpose_en"], entry["purpose_zh"])).lower()
    return all(word in text for word in words)


def print_catalogue(known: Catalogue, chosen: list[Entry], lang: str) -> None:
    """Pillars, their scenarios, and under each its solutions."""
    zh = lang == "zh"
    listing = {name for entry in chosen for name in (entry["scenario"],)}
    for pillar, titles in PILLARS.items():
        scenarios = [name for name, facts in known.scenarios.items() if facts["pillar"] == pillar and name in listing]
        if not scenarios:
            continue
        print(f"{titles[0] if zh else titles[1]}")
        for name in scenarios:
            facts = known.scenarios[name]
            print(f"  {facts['zh'] if zh else facts['en']}  ({name})")
            for entry in (one for one in chosen if one["scenario"] == name):
                number = f"{entry['number']:>4}" if entry["number"] else "   -"
                off = "" if entry.enabled else ("  （已停用）" if zh else "  (switched off)")
                print(f"  {number}  {entry.id:<28} {entry['zh'] if zh else entry['en']}{off}")
    total = len(chosen)
    print(f"共 {total} 个方案，{len(listing)} 个场景" if zh else f"{total} solutions in {len(listing)} scenarios")


def show(arguments: argparse.Namespace) -> int:
    """All about one solution: purpose, streams, devices, tables, config, figures."""
    known = read_catalogue()
    entry = known.solution(arguments.id)
    with open(entry.schema_file, "rb") as file:
        schema = json.load(file)
    if arguments.json:
        print_json({**entry.as_dict(), "config": schema})
        return 0
    print("\n".join(describe(entry, schema, known.scenarios, arguments.lang)))
    return 0


def describe(entry: Entry, schema: Mapping[str, Any], scenarios: Mapping[str, Any], lang: str) -> list[str]:
    """A solution in lines of text."""
    zh = lang == "zh"
    names = ("zh", "x-zh", "purpose_zh") if zh else ("en", "title", "purpose_en")
    scenario = scenarios.get(entry["scenario"], {})
    lines = [f"{entry[names[0]]}  ({entry.id} {entry['version']}, {entry.package.name})", f"  {entry[names[2]]}", ""]
    words = (
        ("业态", "场景", "输入", "输出", "设备", "数据表", "负载")
        if zh
        else ("formats", "scenario", "takes", "gives", "devices", "tables", "load")
    )
    values = (
        ", ".join(entry["formats"]),
        f"{scenario.get(names[0], entry['scenario'])} ({entry['pillar']})",
        ", ".join(entry["consumes"]),
        ", ".join(entry["produces"]),
        ", ".join(entry["adapters"]),
        ", ".join(entry["reads"]),
        entry["load"],
    )
    lines += [f"  {word}: {value or '-'}" for word, value in zip(words, values, strict=True)]
    lines += ["", "配置" if zh else "config"]
    for key, facts in schema.get("properties", {}).items():
        unit = f" {facts['x-unit']}" if "x-unit" in facts else ""
        default = json.dumps(facts.get("default"), ensure_ascii=False)
        lines.append(f"  {key} = {default}{unit}  {facts.get(names[1], '')}")
    lines += ["", "指标" if zh else "figures"]
    lines += [f"  {name} [{facts['unit']}]  {facts['zh' if zh else 'en']}" for name, facts in entry["kpis"].items()]
    return lines


def index(arguments: argparse.Namespace) -> int:
    """Write or check the generated schemas and the static catalogue."""
    from storeloom.core.kernel import index as indexing

    package = Package(BUILT_IN, ROOT)
    if arguments.package:
        folder = Path(arguments.package).resolve()
        package = Package(folder.name, folder)
        sys.path.insert(0, str(folder.parent))
    changed: list[Path] = []
    if arguments.check:
        findings = indexing.check(package)
    else:
        changed, findings = indexing.write(package)
    if arguments.json:
        print_json({"changed": [str(path) for path in changed], "findings": [f.as_dict(arguments.lang) for f in findings]})
    else:
        for path in changed:
            print(path.relative_to(package.root))
        print_findings(findings, arguments.lang)
    return 1 if findings else 0


def version(arguments: argparse.Namespace) -> int:
    """The version of storeloom."""
    from storeloom.core import __version__

    if arguments.json:
        print_json({"version": __version__})
    else:
        print(__version__)
    return 0
