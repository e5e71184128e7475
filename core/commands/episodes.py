"""`episode run`: episodes from files and folders."""

from __future__ import annotations

import argparse

from storeloom.core.commands.catalogue import print_findings, print_json
from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual.episode import run_all

WORDS = {
    "en": {"held": "ok  ", "failed": "FAIL", "refused": "(refused) {}", "sum": "{} passed, {} failed"},
    "zh": {"held": "通过", "failed": "失败", "refused": "（拒收）{}", "sum": "通过 {}，失败 {}"},
}


def run(arguments: argparse.Namespace) -> int:
    """Run episodes and print what differs; 0 when all hold."""
    registry = Registry()
    lang, words = arguments.lang, WORDS[arguments.lang]
    results = []
    for result in run_all(arguments.paths, registry):
        results.append(result)
        if not arguments.json:
            print(f"{words['held' if result.ok else 'failed']}  {result.path}  {result.title}")
            told = result.as_dict(lang)
            for line in [*told["differences"], *(words["refused"].format(why) for why in told["refused"])]:
                print("      " + line.replace("\n", "\n      "))
    failed = sum(not result.ok for result in results)
    if arguments.json:
        print_json({"passed": len(results) - failed, "failed": failed, "episodes": [result.as_dict(lang) for result in results]})
    else:
        print_findings(registry.catalogue.findings, lang)
        print(words["sum"].format(len(results) - failed, failed))
    return 1 if failed or not results else 0
