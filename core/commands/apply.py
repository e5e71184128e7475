"""`apply`: asks a running store to take another bundle, or another model, without a stop."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, PresenceFault
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.log_file import STORE_DB
from storeloom.core.runtime.presence import fetch, read_presence

LOOK_S = 0.1
WORDS = {
    "done": ("{what} is in place", "{what} 已生效"),
    "restarting": ("the store restarts with it", "门店将以其重启"),
    "refused": ("refused", "被拒绝"),
}
STATES = {
    "starting": ("starts beside the old one, then on probation", "新进程启动中，随后试用"),
    "live": ("on probation", "试用中"),
    "kept": ("kept", "已保留"),
    "rolled_back": ("taken back", "已撤回"),
}


def apply(arguments: argparse.Namespace) -> int:
    """Ask, wait for the answer, say it; 1 when it is refused."""
    folder, file = Path(arguments.data), Path(arguments.file).resolve()
    fetch(folder, "/health", arguments.lang)
    if arguments.model:
        kind, body = "model", {"model": str(file), "camera": arguments.camera, "lang": arguments.lang}
    else:
        unpack(str(file), Registry().catalogue)
        kind, body = "apply", {"file": str(file), "lang": arguments.lang}
    log = StoreLog(folder / STORE_DB)
    try:
        status, answer = _ask(log, kind, body, arguments.wait, folder)
    finally:
        log.close()
    if arguments.json:
        print_json({"status": status, **answer})
    else:
        _say(status, answer, file.name, arguments.lang)
    return 1 if status == "refused" else 0


def _ask(log: StoreLog, kind: str, body: dict[str, Any], wait_s: float, folder: Path) -> tuple[str, dict[str, Any]]:
    from storeloom.core.runtime.clock import wall_utc

    number = log.ask(kind, body, at=micros(wall_utc()))
    until = time.monotonic() + wait_s
    while (answer := log.answered(number)) is None:
        if time.monotonic() > until:
            raise PresenceFault(_silent(folder, wait_s))
        time.sleep(LOOK_S)
    return answer


def _silent(folder: Path, wait_s: float) -> Finding:
    presence = read_presence(folder)
    reason = {"en": f"the request was not taken within {wait_s:g} s", "zh": f"{wait_s:g} 秒内未处理该请求"}
    pid, address = (presence.pid, presence.address) if presence else (0, "-")
    return Finding("SL-OBS-02", {"folder": str(folder), "pid": pid, "address": address, "reason": reason})


def _say(status: str, answer: dict[str, Any], what: str, lang: str) -> None:
    zh = lang == "zh"
    print(WORDS[status][zh].format(what=what))
    for one in answer.get("swaps", ()):
        print(f"  {one['instance']}: {one['before']} -> {one['after']} ({STATES[one['state']][zh]})")
    for name in answer.get("joined", ()):
        print(f"  + {name}")
    for name in answer.get("left", ()):
        print(f"  - {name}")
    for finding in answer.get("findings", ()):
        print("\n".join(f"  {line}" for line in (finding["reason"], finding["fix"]) if line))
