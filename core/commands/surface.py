"""`surface`: what changed of what storeloom promises since the last version, and whether it was announced."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from storeloom.core import __version__
from storeloom.core.commands.catalogue import print_findings, print_json
from storeloom.core.kernel.errors import StoreloomError

SIGNS = {"added": "+", "changed": "~", "removed": "-"}


def surface(arguments: argparse.Namespace) -> int:
    """Show the differences; 1 where one was not announced. `--write` keeps the present surface once all of them were."""
    from storeloom.core.surface import comparing
    from storeloom.core.surface.reading import surface as read

    now = read()
    there = comparing.SNAPSHOT.is_file()
    before, promised = comparing.read_snapshot() if there else (__version__, now)
    found = comparing.differences(promised, now)
    changelog = comparing.CHANGELOG.read_text(encoding="utf-8") if comparing.CHANGELOG.is_file() else ""
    findings = [*comparing.problems(found, changelog, before, __version__), *comparing.overdue(__version__)]
    if arguments.json:
        differences = [{**asdict(one), "named_by": one.named_by()} for one in found]
        told = [one.as_dict(arguments.lang) for one in findings]
        print_json({"before": before, "version": __version__, "promises": len(now), "differences": differences, "findings": told})
    else:
        for one in found:
            print(f"{SIGNS[one.did]}{'!' if one.breaks else ' '} {one.name}  {' -> '.join(text for text in (one.old, one.new) if text)}")
        if not arguments.write:
            print_findings(findings, arguments.lang)
    if arguments.write:
        if findings:
            raise StoreloomError(findings)
        comparing.SNAPSHOT.write_text(comparing.snapshot_text(__version__, now), encoding="utf-8")
    return 1 if findings else 0
