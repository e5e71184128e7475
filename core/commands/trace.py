"""`trace`: one event's way through the wiring as a tree, from the store's log, whether the store runs or not."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.commands.top import COMMANDS, clean
from storeloom.core.kernel.errors import InputFault
from storeloom.core.kernel.events import rfc3339
from storeloom.core.runtime import trace as tracing
from storeloom.core.runtime.log_file import STORE_DB
from storeloom.core.runtime.routing import in_chinese


def trace(arguments: argparse.Namespace) -> int:
    """Print the event's causes and all that followed."""
    with tracing.open_records(Path(arguments.data) / STORE_DB) as records:
        record = tracing.find(records, arguments.event)
        if record is None:
            raise InputFault(tracing.missing(records, arguments.event))
        found = tracing.follow(records, record)
    if arguments.json:
        print_json(tracing.as_json(found))
        return 0
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
    for line in lines(found, arguments.lang):
        print(cut(line, width))
    return 0


def lines(found: tracing.Trace, lang: str) -> Iterator[str]:
    """The tree, a line an event, with what became of it below."""
    zh = lang == "zh"
    first = found.steps[0].record.event
    begun = rfc3339(first.received or first.time)
    if found.lost:
        yield f"…  #{found.lost} {'（原因，日志已不保留）' if zh else '(its cause; the log keeps it no more)'}"
    for number, (step, (before, below)) in enumerate(zip(found.steps, margins(found.steps), strict=True)):
        record, event = step.record, step.record.event
        when = f"+{tracing.delay_s(found, step):.3f} s" if number else begun
        mark = ("  ◀ " + ("所查事件" if zh else "asked for")) if record.seq == found.asked else ""
        yield f"{before}#{record.seq}  {when}  {event.stream}  {'来自' if zh else 'from'} {event.source}{mark}"
        yield f"{below}{json.dumps(event.data, ensure_ascii=False, separators=(',', ':'))}"
        if step.command is not None:
            yield below + told(step.command, zh)
        yield from (f"{below}✗ {failure.reason}" for failure in step.failures)
    if found.more:
        yield f"…  只列出前 {len(found.steps)} 条" if zh else f"…  only the first {len(found.steps)} events are listed"
    if found.looked < found.last:
        yield (
            f"…  只查看到 #{found.looked}，日志已到 #{found.last}"
            if zh
            else f"…  looked as far as #{found.looked}; the log goes on to #{found.last}"
        )


def told(command: tracing.Command, zh: bool) -> str:
    """What became of a command."""
    if zh:
        note = in_chinese(command.note) or command.note
        why = f"：{note}" if note else ""
        return f"→ 指令{COMMANDS.get(command.status, command.status)}（已试 {command.tries} 次）{why}"
    why = f": {command.note}" if command.note else ""
    return f"→ command {command.status} ({command.tries} tries){why}"


def margins(steps: list[tracing.Step]) -> list[tuple[str, str]]:
    """What stands before each step, and before the lines about it: a bar for each branch that goes on further down."""
    found: list[tuple[str, str]] = []
    later: set[int] = set()  # depths at which the tree goes on below, before it climbs back above them
    for step in reversed(steps):
        depth = step.depth
        bars = ["│  " if level in later else "   " for level in range(1, depth + 1)]
        knee = ("├─ " if depth in later else "└─ ") if depth else ""
        found.append(("".join(bars[:-1]) + knee, "".join(bars) + ("│  " if depth + 1 in later else "   ")))
        later = {level for level in later if level < depth} | {depth}
    return found[::-1]


def cut(line: str, width: int) -> str:
    """A line of at most `width` columns, Chinese counted double; without what could steer a terminal."""
    from rich.cells import cell_len, set_cell_size

    line = clean(line)
    return line if cell_len(line) <= width else set_cell_size(line, width - 1).rstrip() + "…"
