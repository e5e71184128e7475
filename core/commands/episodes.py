"""`episode run`: episodes from files and folders."""

from __future__ import annotations

import argparse

from storeloom.core.commands.catalogue import print_findings, print_json
from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual.episode import run_all


def run(arguments: argparse.Namespace) -> int:
    """Run episodes and print what differs; 0 when all hold."""
    registry = Registry()
    results = []
    for result in run_all(arguments.paths, registry):
        results.append(result)
        if not arguments.json:
            print(f"{'ok  ' if result.ok else 'FAIL'}  {result.path}  {result.title}")
            for difference in [*result.differences, *(f"(refused) {text}" for text in result.refused)]:
                print("      " + difference.replace("\n", "\n      "))
    failed = sum(not result.ok for result in results)
    if arguments.json:
        print_json({"passed": len(results) - failed, "failed": failed, "episodes": [result.as_dict() for result in results]})
    else:
        print_findings(registry.catalogue.findings, arguments.lang)
        zh = arguments.lang == "zh"
        print(f"通过 {len(results) - failed}，失败 {failed}" if zh else f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0
