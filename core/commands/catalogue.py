"""`catalogue`, `show`, `index`, `version`: what is installed. Reads the static index; imports no plugin (but for `index`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding, MisuseFault
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
    """List solutions by pillar and scenario, or adapters by kind of device."""
    known = read_catalogue()
    if arguments.adapters:
        return _adapters(known, arguments)
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
    return _spoken_of(entry, arguments.search)


def _spoken_of(entry: Entry, search: str | None) -> bool:
    """Whether all words that are searched for stand in an entry's id, titles or purpose."""
    words = (search or "").lower().split()
    text = " ".join((entry.id, entry["zh"], entry["en"], entry["purpose_en"], entry["purpose_zh"])).lower()
    return all(word in text for word in words)


def _adapters(known: Catalogue, arguments: argparse.Namespace) -> int:
    """List adapters by kind of device; MisuseFault for what chooses among solutions."""
    given = [f"--{name}" for name in ("pillar", "scenario", "format") if getattr(arguments, name)]
    if given:
        en, zh = f"{given[0]} chooses among solutions, not among adapters", f"{given[0]} 用于筛选方案，不适用于适配器"
        raise MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": "storeloom catalogue"}))
    chosen = [entry for entry in known.adapters.values() if _spoken_of(entry, arguments.search)]
    if arguments.json:
        findings = [finding.as_dict(arguments.lang) for finding in known.findings]
        print_json({"kinds": known.adapter_kinds, "adapters": [entry.as_dict() for entry in chosen], "findings": findings})
    else:
        _print_adapters(known, chosen, arguments.lang)
        print_findings(known.findings, arguments.lang)
    return 1 if known.findings else 0


def _print_adapters(known: Catalogue, chosen: list[Entry], lang: str) -> None:
    """Kinds of device, and under each its adapters with the package that they are from."""
    kinds = [name for name in known.adapter_kinds if any(entry["kind"] == name for entry in chosen)]
    for name in kinds:
        print(f"{known.adapter_kinds[name][lang]}  ({name})")
        for entry in (one for one in chosen if one["kind"] == name):
            off = "" if entry.enabled else ("  （已停用）" if lang == "zh" else "  (switched off)")
            print(f"  {entry.id:<20} {entry[lang]}  ({entry.package.name}){off}")
    print(f"共 {len(chosen)} 个适配器，{len(kinds)} 类设备" if lang == "zh" else f"{len(chosen)} adapters for {len(kinds)} kinds of device")


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
    """All about one solution (purpose, streams, devices, tables, config, figures) or one adapter."""
    known = read_catalogue()
    driver = known.adapters.get(arguments.id) if arguments.id not in known.solutions else None
    entry = driver or known.solution(arguments.id)
    with open(entry.schema_file, "rb") as file:
        schema = json.load(file)
    if arguments.json:
        print_json({**entry.as_dict(), "config": schema})
        return 0
    lines = describe_adapter(entry, schema, known, arguments.lang) if driver else describe(entry, schema, known.scenarios, arguments.lang)
    print("\n".join(lines))
    return 0


def describe(entry: Entry, schema: Mapping[str, Any], scenarios: Mapping[str, Any], lang: str) -> list[str]:
    """A solution in lines of text."""
    zh = lang == "zh"
    names = ("zh", "purpose_zh") if zh else ("en", "purpose_en")
    scenario = scenarios.get(entry["scenario"], {})
    lines = [f"{entry[names[0]]}  ({entry.id} {entry['version']}, {entry.package.name})", f"  {entry[names[1]]}", ""]
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
    lines += _config(schema, zh)
    lines += ["", "指标" if zh else "figures"]
    lines += [f"  {name} [{facts['unit']}]  {facts['zh' if zh else 'en']}" for name, facts in entry["kpis"].items()]
    return lines


def describe_adapter(entry: Entry, schema: Mapping[str, Any], known: Catalogue, lang: str) -> list[str]:
    """An adapter in lines of text."""
    zh = lang == "zh"
    kind = known.adapter_kinds.get(entry["kind"], {})
    lines = [
        f"{entry[lang]}  ({entry.id} {entry['version']}, {entry.package.name})",
        f"  {entry['purpose_zh' if zh else 'purpose_en']}",
        "",
    ]
    words = (
        ("设备类别", "上报", "接受", "能力", "已知设备") if zh else ("kind of device", "feeds", "takes", "capabilities", "known devices")
    )
    values = (
        f"{kind.get(lang, '')} ({entry['kind']})",
        *(", ".join(entry.facts.get(name, ())) for name in ("feeds", "takes", "capabilities", "known")),
    )
    lines += [f"  {word}: {value or '-'}" for word, value in zip(words, values, strict=True)]
    return [*lines, *_config(schema, zh)]


def _config(schema: Mapping[str, Any], zh: bool) -> list[str]:
    """The settings with their defaults, in lines of text."""
    lines = ["", "配置" if zh else "config"]
    for key, facts in schema.get("properties", {}).items():
        unit = f" {facts['x-unit']}" if "x-unit" in facts else ""
        default = json.dumps(facts.get("default"), ensure_ascii=False)
        lines.append(f"  {key} = {default}{unit}  {facts.get('x-zh' if zh else 'title', '')}")
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
