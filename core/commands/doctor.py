"""`doctor`: whether this machine is fit for what it is to do; what is missing, all at once, and how to get it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.commands.health import WORDS
from storeloom.core.doctor.examine import Asked, Checked, examine

CHECKS = {
    "python": ("Python", "Python"),
    "packages": ("packages", "软件包"),
    "plugins": ("plugins", "插件"),
    "native": ("libraries and programs", "共享库与程序"),
    "sqlite": ("SQLite", "SQLite"),
    "clock": ("clock and time zones", "时钟与时区"),
    "encoding": ("encoding", "编码"),
    "room": ("cores, memory, open files", "处理器、内存、文件数"),
    "sandbox": ("sandbox of plugins", "插件隔离"),
    "gpu": ("graphics processor", "图形处理器"),
    "unit": ("start with the machine", "随机启动"),
    "folder": ("data folder", "数据目录"),
    "ports": ("ports", "端口"),
    "server": ("control plane", "控制平面"),
}
SAID = {
    "python": ("{version}", "{version}"),
    "packages": ("storeloom {storeloom}; whole extras: {extras}", "storeloom {storeloom}；完整的组件：{extras}"),
    "plugins": (
        "{solutions} solutions, {adapters} adapters; vendors: {vendors}",
        "{solutions} 个方案，{adapters} 个适配器；供应商：{vendors}",
    ),
    "encoding": ("{encodings}", "{encodings}"),
    "gpu": ("{found}", "{found}"),
    "room": (
        "{cores:g} cores, {memory_mb} MB ({free_mb} MB free), {files} files",
        "{cores:g} 核，内存 {memory_mb} MB（可用 {free_mb} MB），文件数 {files}",
    ),
    "folder": (
        "{folder} ({kind}), {free_mb} MB free, durable in {sync_ms:g} ms",
        "{folder}（{kind}），剩余 {free_mb} MB，落盘 {sync_ms:g} 毫秒",
    ),
    "server": ("{url}", "{url}"),
}


def doctor(arguments: argparse.Namespace) -> int:
    """Look at the machine; 1 where something must be mended before it is fit."""
    data = Path(arguments.data) if arguments.data else None
    rows = examine(Asked(tuple(dict.fromkeys(arguments.uses)), data, arguments.server or "", arguments.ca or ""))
    ill = any(row.status == "error" for row in rows)
    if arguments.json:
        checks = [{**_row(row), "findings": [finding.as_dict(arguments.lang) for finding in row.findings]} for row in rows]
        print_json({"ok": not ill, "for": arguments.uses, "checks": checks})
    else:
        print("\n".join(_lines(row, arguments.lang) for row in rows))
        print(_sum(rows, arguments.lang == "zh"))
    return int(ill)


def _row(row: Checked) -> dict[str, Any]:
    return {"check": row.check, "status": row.status, "facts": dict(row.facts)}


def _lines(row: Checked, lang: str) -> str:
    """A check as a person reads it: how it stands, what was seen, what is wrong and what to do."""
    zh = lang == "zh"
    said = _said(row.check, row.facts, zh)
    head = f"{WORDS[row.status][zh]}  {CHECKS[row.check][zh]}{said}"
    body = [f"    {line}" for finding in row.findings for line in finding.render(lang).splitlines()]
    return "\n".join([head, *body])


def _said(check: str, facts: Mapping[str, Any], zh: bool) -> str:
    if check == "sqlite":
        text = ("、" if zh else ", ").join(f"{name} {version}" for name, version in facts.items())
    elif check in SAID:
        comma, none = ("、", "（无）") if zh else (", ", "(none)")
        words = {name: comma.join(value) or none if isinstance(value, list) else value for name, value in facts.items()}
        text = SAID[check][zh].format(**words)
    else:
        text = ""
    return f"{'：' if zh else ': '}{text}" if text else ""


def _sum(rows: list[Checked], zh: bool) -> str:
    found = [finding.severity for row in rows for finding in row.findings]
    errors, warnings = found.count("error"), found.count("warning")
    if zh:
        return f"必须处理 {errors} 项，请留意 {warnings} 项" if errors or warnings else "一切就绪"
    return f"to be mended: {errors}; to be looked at: {warnings}" if errors or warnings else "all is well"
