"""`plugin check`: a package against all rules, or adapters against their twins alone."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.kernel.registry import Registry


def check(arguments: argparse.Namespace) -> int:
    """Check one package (or some plugins of it); 1 when it is below the grade that is asked. Adapters' ids alone have their own check."""
    registry = Registry()
    if not arguments.names or all(_is_adapter(name, registry) for name in arguments.names):
        from storeloom.core.commands.plugin_drivers import drivers

        return drivers(arguments, registry)
    what, plugins = _one_package(arguments.names, registry)
    return _package(what, plugins, arguments)


def _is_adapter(name: str, registry: Registry) -> bool:
    return name in registry.catalogue.adapters and not Path(name).exists()


def _one_package(names: list[str], registry: Registry) -> tuple[str, list[str]]:
    """What is to be checked: a package by itself, or plugins of one package, one way for one report."""
    if len(names) == 1:
        return names[0], []
    known = {**registry.catalogue.solutions, **registry.catalogue.adapters}
    if len({known[name].package.name for name in names if name in known}) != 1 or any(name not in known for name in names):
        raise MisuseFault(Finding("SL-CHK-85", {"names": names}))
    return names[0], names


def _package(what: str, plugins: list[str], arguments: argparse.Namespace) -> int:
    from storeloom.core.commands.plugin_page import page
    from storeloom.core.commands.plugin_report import text
    from storeloom.core.conformance.report import Report
    from storeloom.core.conformance.rulebook import require_known
    from storeloom.core.conformance.rules import Grade
    from storeloom.core.conformance.running import examine
    from storeloom.core.conformance.subject import subject_of

    only = arguments.only or ()
    require_known(only)
    with tempfile.TemporaryDirectory(prefix="storeloom-check-") as scratch:
        subject = subject_of(what, Path(scratch), against=arguments.against, plugins=plugins, long=arguments.long)
        verdicts = list(examine(subject, only=only, jobs=os.cpu_count() or 1))
        report = Report(subject, verdicts, partial=bool(only or subject.plugins))
        if arguments.html:
            Path(arguments.html).write_text(page(report, arguments.lang), encoding="utf-8")
        wanted = Grade(arguments.grade)
        if arguments.json:
            print_json({"ok": report.reaches(wanted), "required": wanted, **report.as_dict(arguments.lang)})
        else:
            print(text(report, arguments.lang))
    return 0 if report.reaches(wanted) else 1
