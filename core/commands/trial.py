"""`try`: a bundle on the virtual store, or on real receipts and footage."""

from __future__ import annotations

import argparse
import heapq
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import Composition, compose
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.kernel.events import Fact, plain
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.virtual.figures import figure_text
from storeloom.core.virtual.solo import with_providers
from storeloom.core.virtual.tables import default_tables
from storeloom.core.virtual.trial import Progress, TrialResult, try_real, try_virtual

EXAMPLE = ROOT / "examples" / "supermarket" / "bundle.toml"
FIRST_DAY = date(2026, 3, 2)
EVERY_NTH = 2  # of a recording's pictures: five a second, at which a store's cameras are watched


def trial(arguments: argparse.Namespace) -> int:
    """Try a bundle, print what each solution did, write the report if one is asked for."""
    if arguments.file and arguments.solution:
        raise _misuse("give either a bundle or --solution ID, not both", "方案包与 --solution ID 只能给出其一")
    registry = Registry()
    if arguments.solution:
        composition = with_providers(registry, arguments.solution, seed=arguments.seed)
    else:
        composition = compose(arguments.file or EXAMPLE, registry)
    plan = composition.require()
    result = _run(arguments, composition, plan, registry)
    if arguments.report:
        from storeloom.core.virtual.report import write_report

        write_report(result, registry.catalogue, arguments.report, arguments.lang)
    if arguments.json:
        print_json(result.as_dict(arguments.lang))
    else:
        print_result(result, registry, arguments.lang)
        if arguments.report:
            print(f"{'报告' if arguments.lang == 'zh' else 'report'}: {arguments.report}")
    return 1 if result.failures else 0


def _run(arguments: argparse.Namespace, composition: Composition, plan: Plan, registry: Registry) -> TrialResult:
    name = composition.sources.name
    if arguments.pos or arguments.video:
        plan, facts, tables = real_input(plan, registry, arguments.pos, arguments.video)
        with progress_bar(None, arguments) as progress:
            given = {**default_tables(str(plan.store["format"]), 1), **tables}
            source = arguments.pos or arguments.video
            return try_real(plan, registry, facts, given, name=name, source=source, progress=progress)
    start = _day(arguments.start)
    hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
    span = hours.midnight(start - timedelta(days=arguments.history)), hours.midnight(start + timedelta(days=arguments.days))
    with progress_bar(span, arguments) as progress:
        return try_virtual(
            plan,
            registry,
            start=start,
            days=arguments.days,
            seed=arguments.seed,
            scale=arguments.scale,
            history=arguments.history,
            name=name,
            progress=progress,
        )


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else FIRST_DAY
    except ValueError:
        raise _misuse(f"--start '{text}' is no date like 2026-03-02", f"--start“{text}”不是 2026-03-02 这样的日期") from None


def _misuse(en: str, zh: str) -> MisuseFault:
    return MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": "storeloom try"}))


def real_input(plan: Plan, registry: Registry, pos: str | None, video: str | None) -> tuple[Plan, Iterable[Fact], dict[str, Any]]:
    """The plan in the recordings' own store (zone, hours), their facts in order of arrival, and the tables that come with them.

    Footage begins with the first receipt; by itself, at the opening of the first trial day.
    """
    tables: dict[str, Any] = {}
    streams: list[Iterable[Fact]] = []
    start: datetime | None = None
    if pos:
        receipts = make_adapter(registry, "receipts_file", "pos-file", {"path": pos})
        plan = replace(plan, store=merge_patch(dict(plan.store), receipts.profile()))
        tables = receipts.tables()
        facts = iter(receipts.facts())
        first = next(facts, None)
        if first is not None:
            start = first.received
            streams.append(itertools.chain([first], facts))
    if video:
        hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
        start = start or hours.next_open(hours.midnight(FIRST_DAY)) or hours.midnight(FIRST_DAY)
        named, _, path = video.rpartition("=")
        camera = named or next((d.id for one in plan.instances for d in one.devices.get("camera", ())), "camera-file")
        streams.append(make_adapter(registry, "video_file", camera, {"path": path, "start": plain(start), "every_nth": EVERY_NTH}).facts())
    return plan, heapq.merge(*streams, key=lambda fact: fact.received), tables


@contextmanager
def progress_bar(span: tuple[datetime, datetime] | None, arguments: argparse.Namespace) -> Iterator[Progress | None]:
    """A bar on standard error over virtual time (or a plain clock where the end is not known); none for JSON or without a terminal."""
    if arguments.json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        total = (span[1] - span[0]).total_seconds() if span else None
        task = bar.add_task("...", total=total)

        def show(now: datetime) -> None:
            done = (now - span[0]).total_seconds() if span else 0
            bar.update(task, completed=done, description=f"{now:%Y-%m-%d %H:%M}")

        yield show


def print_result(result: TrialResult, registry: Registry, lang: str) -> None:
    """What each solution did, as a table: figures, commands, alerts."""
    from rich.console import Console
    from rich.table import Table

    zh = lang == "zh"
    table = Table(title=f"{result.name}  {result.start:%Y-%m-%d %H:%M} - {result.end:%Y-%m-%d %H:%M} UTC", title_justify="left")
    for word in ("方案", "事件", "指标", "动作", "告警") if zh else ("solution", "events", "figures", "actions", "alerts"):
        table.add_column(word, justify="right" if word in ("events", "事件", "alerts", "告警") else "left")
    commands = schemas.streams()
    for name, one in result.solutions.items():
        entry = registry.catalogue.solution(one.solution)
        figures = [
            f"{entry['kpis'][k]['zh' if zh else 'en']} {figure_text(v, entry['kpis'][k]['unit'], lang, result.currency)}"
            for k, v in one.figures.items()
        ]
        actions = [f"{stream} {n}" for stream, n in sorted(one.outputs.items()) if commands[stream] and stream != "alert.raise"]
        facts = [f"{stream} {n}" for stream, n in sorted(one.outputs.items()) if not commands[stream] and stream != "alert.raise"]
        title = f"{entry['zh' if zh else 'en']}\n[dim]{name}[/dim]"
        table.add_row(title, str(one.handled), "\n".join(figures), "\n".join(actions + facts), str(one.outputs["alert.raise"]))
        table.add_section()
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    total = sum(result.facts.values())
    if zh:
        console.print(f"{total} 个输入事件，用时 {result.seconds:.1f} 秒，为实时的 {result.speed:.0f} 倍", highlight=False)
    else:
        console.print(f"{total} facts in {result.seconds:.1f} s, {result.speed:.0f} times real time", highlight=False)
    for name, one in result.solutions.items():
        if one.silence:
            told = " ".join(one.silence.said(lang))
            console.print(f"{name} 没有输出。{told}" if zh else f"{name} put out nothing. {told}", markup=False, highlight=False)
    for finding in result.failures[:10]:
        console.print(finding.render(lang), markup=False, highlight=False)
