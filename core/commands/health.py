"""`health`: whether the store that runs on a data folder can sell, and what it should be looked at for."""

from __future__ import annotations

import argparse
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.commands.top import clean, device_line
from storeloom.core.runtime.presence import fetch
from storeloom.core.runtime.status import DeviceStatus

WORDS = {"ok": ("ok", "正常"), "warning": ("look", "留意"), "error": ("FAULT", "故障")}
CHECKS = {
    "loop": ("main loop", "主循环"),
    "solutions": ("solutions", "方案"),
    "disk": ("disk", "磁盘"),
    "queues": ("queues", "输入队列"),
    "inbox": ("inbox", "收件箱"),
    "outbox": ("outbox", "发件箱"),
    "devices": ("devices", "设备"),
    "troubles": ("troubles", "异常"),
}


def health(arguments: argparse.Namespace) -> int:
    """Ask the running store; 0 while it sells, 1 when it cannot or no store answers."""
    answer = fetch(Path(arguments.data), "/health", arguments.lang)
    zh = arguments.lang == "zh"
    if arguments.json:
        print_json(answer)
    else:
        for row in answer["checks"]:
            print(f"{WORDS[row['status']][zh]}  {CHECKS[row['check']][zh]}")
            for finding in row["findings"]:
                print("\n".join(f"    {clean(line)}" for line in (finding["reason"], finding["fix"]) if line))
            if row["check"] == "devices":
                print("".join(f"    {clean(device_line(DeviceStatus(**one), zh))}\n" for one in answer["devices"]), end="")
    return 1 if answer["status"] == "error" else 0
