"""`goals`: what a retailer wants, the solutions that serve it in a store, and the bundle to begin with."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import DocumentFault, Finding, PluginFault
from storeloom.core.kernel.goals import GOALS, Advice, Goal, read_goals, recommend
from storeloom.core.kernel.registry import Catalogue, read_catalogue, unknown
from storeloom.core.kernel.sources import open_document

BETTER = {"higher": ("higher", "越高越好"), "lower": ("lower", "越低越好")}


def goals(arguments: argparse.Namespace) -> int:
    """List the goals, or what is recommended for some of them; with `-o` the bundle of those for which the store lacks nothing."""
    known = read_goals(arguments.file or GOALS)
    if not arguments.names:
        return _list(known, arguments)
    for name in arguments.names:
        if name not in known:
            raise PluginFault(unknown("goal", "目标", name, known))
    wanted = [known[name] for name in arguments.names]
    catalogue = read_catalogue()
    store: Mapping[str, Any] = open_document(arguments.store, "store/1").data if arguments.store else {}
    kinds = {str(one.get("kind")) for one in dict(store.get("devices", {})).values()}
    advice = recommend(wanted, str(store.get("format", arguments.format)), catalogue, kinds)
    if arguments.output:
        _write(Path(arguments.output), arguments, advice, catalogue)
    if arguments.json:
        print_json([_as_dict(one, bool(arguments.store)) for one in advice])
    else:
        _print(advice, wanted, catalogue, arguments)
    return 0


def _list(known: Mapping[str, Goal], arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json([{"id": one.id, "zh": one.zh, "en": one.en, "solutions": [s.solution for s in one.solutions]} for one in known.values()])
    else:
        for one in known.values():
            print(f"{one.id:<22} {one.zh if arguments.lang == 'zh' else one.en}")
    return 0


def _as_dict(one: Advice, stored: bool) -> dict[str, Any]:
    served = [{"goal": goal, "kpi": serving.kpi, "better": serving.better} for goal, serving in one.serves]
    found: dict[str, Any] = {"solution": one.solution, "serves": served, "feeds": [{"stream": s, "solution": to} for s, to in one.feeds]}
    return {**found, "lacks": list(one.lacks)} if stored else found


def _print(advice: Sequence[Advice], wanted: Sequence[Goal], catalogue: Catalogue, arguments: argparse.Namespace) -> None:
    zh = arguments.lang == "zh"
    print(("、" if zh else ", ").join(goal.zh if zh else goal.en for goal in wanted))
    for one in advice:
        entry = catalogue.solution(one.solution)
        print(f"  {one.solution:<28} {entry['zh' if zh else 'en']}")
        for _, serving in one.serves:
            figure = entry["kpis"][serving.kpi]["zh" if zh else "en"]
            print(f"    {figure}（{BETTER[serving.better][1]}）" if zh else f"    {figure}: {BETTER[serving.better][0]}")
        for stream, to in one.feeds:
            print(f"    为 {to} 提供 {stream}" if zh else f"    gives {stream} to {to}")
        if arguments.store and one.lacks:
            print(f"    门店缺少设备：{'、'.join(one.lacks)}" if zh else f"    the store lacks: {', '.join(one.lacks)}")
    if arguments.output:
        print(f"已写入 {arguments.output}" if zh else f"written: {arguments.output}")


def _write(target: Path, arguments: argparse.Namespace, advice: Sequence[Advice], catalogue: Catalogue) -> None:
    """A bundle with what is recommended; what the store lacks devices for is left in as a comment."""
    if target.exists():
        reason = {"en": "a file of this name exists", "zh": "同名文件已存在"}
        raise DocumentFault(Finding("SL-DOC-05", {"file": str(target), "reason": reason}, file=str(target)))
    zh = arguments.lang == "zh"
    rows = ['document = "bundle/1"', f'name = "{target.stem}"']
    rows += [f'store = "{os.path.relpath(arguments.store, target.parent)}"'] if arguments.store else []
    for one in advice:
        title = catalogue.solution(one.solution)["zh" if zh else "en"]
        rows += ["", f"# {title}"]
        table = f"[solutions.{one.solution}]"
        if arguments.store and one.lacks:
            table = f"# 缺少 {'、'.join(one.lacks)}：{table}" if zh else f"# lacks {', '.join(one.lacks)}: {table}"
        rows.append(table)
    target.write_text("\n".join(rows) + "\n", encoding="utf-8")
