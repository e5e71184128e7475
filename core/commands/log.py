"""`log`: check a store's log, make it smaller, copy it, whether the store runs or not."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.kernel.plan import RUNTIME_DEFAULTS
from storeloom.core.runtime.log import StoreLog, instant
from storeloom.core.runtime.log_file import STORE_DB
from storeloom.core.runtime.presence import hold
from storeloom.core.runtime.reader import LogReader
from storeloom.core.runtime.retention import Compacted, compact, rebuild, snapshot
from storeloom.core.runtime.verify import verify

MIB = 1 << 20


def log(arguments: argparse.Namespace) -> int:
    """Run the action on the log of a data folder."""
    actions = {"verify": _verify, "compact": _compact, "snapshot": _snapshot}
    return actions[arguments.action](Path(arguments.data) / STORE_DB, arguments)


def _verify(file: Path, arguments: argparse.Namespace) -> int:
    found = verify(file)
    if arguments.json:
        findings = [finding.as_dict(arguments.lang) for finding in found.findings]
        print_json(
            {"ok": not findings, "file": found.file, "oldest": found.oldest, "last": found.last, "rows": found.rows, "findings": findings}
        )
    else:
        for finding in found.findings:
            print(finding.render(arguments.lang))
        zh = arguments.lang == "zh"
        span = f"第 {found.oldest}–{found.last} 条记录" if zh else f"records {found.oldest} to {found.last}"
        many = len(found.findings)
        state = ("完好" if zh else "whole") if not many else (f"{many} 个问题" if zh else f"findings: {many}")
        print(f"{found.file}: {span}, {sum(found.rows.values())} {'行' if zh else 'rows'}, {state}")
    return 1 if found.findings else 0


def _compact(file: Path, arguments: argparse.Namespace) -> int:
    """Make the log smaller; writing the file anew needs the data folder to itself."""
    LogReader(file).close()
    with ExitStack() as open_things:
        if arguments.rebuild:
            open_things.callback(os.close, hold(file.parent))
        return _compact_it(file, arguments)


def _compact_it(file: Path, arguments: argparse.Namespace) -> int:
    """Time goes back from the newest record's arrival, so that a virtual store's log is measured in its own days."""
    store_log = StoreLog(file)
    try:
        now = instant(int(store_log.one("SELECT received FROM log ORDER BY seq DESC LIMIT 1") or 0))
        keep_bytes = None if arguments.keep_mb is None else arguments.keep_mb * MIB
        keep_days = RUNTIME_DEFAULTS["keep_days"] if arguments.keep_days is None else arguments.keep_days
        done = compact(store_log, now, keep_days=keep_days, keep_bytes=keep_bytes)
        if arguments.rebuild:
            rebuild(store_log)
            done.shrinks, done.bytes_after = True, store_log.size_bytes()
    finally:
        store_log.close()
    if arguments.json:
        print_json({"ok": True, "file": str(file), **asdict(done)})
    else:
        print("\n".join(_told(file, done, arguments.lang)))
    return 0


def _told(file: Path, done: Compacted, lang: str) -> list[str]:
    before, after = (f"{size / MIB:.1f} MiB" for size in (done.bytes_before, done.bytes_after))
    others = done.commands + done.failures + done.requests
    if lang == "zh":
        lines = [f"{file}：删除 {done.records} 条记录和 {others} 行附属数据，最早一条为第 {done.oldest} 条；{before} → {after}"]
        held = "更早的记录仍被需要："
        grown = "该文件由旧版本创建，空间会复用但不会归还磁盘：停店后运行 storeloom log compact --rebuild"
    else:
        lines = [f"{file}: {done.records} records and {others} rows beside them deleted, the oldest is {done.oldest}; {before} -> {after}"]
        held = "More could go, but is needed by: "
        grown = "An older version made this file: its space is used again, not given back. Stop the store: storeloom log compact --rebuild"
    if done.held_by:
        lines.append(held + ("、" if lang == "zh" else ", ").join(done.held_by))
    if not done.shrinks:
        lines.append(grown)
    return lines


def _snapshot(file: Path, arguments: argparse.Namespace) -> int:
    if not arguments.output:
        reason = {"en": "snapshot needs --output FILE", "zh": "snapshot 需要 --output FILE"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom log"}))
    reader = LogReader(file)
    try:
        found = snapshot(reader, arguments.output)
    finally:
        reader.close()
    size = Path(found.file).stat().st_size
    if arguments.json:
        print_json({"ok": True, "file": found.file, "oldest": found.oldest, "last": found.last, "bytes": size})
    elif arguments.lang == "zh":
        print(f"{found.file}：第 {found.oldest}–{found.last} 条记录，{size / MIB:.1f} MiB。恢复：停店后将其复制为 {file}")
    else:
        span = f"records {found.oldest} to {found.last}, {size / MIB:.1f} MiB"
        print(f"{found.file}: {span}. To restore: stop the store, copy it to {file}")
    return 0
