"""`apply`: asks a running store to take another bundle, or another model, without a stop."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, MisuseFault, PresenceFault
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.log_delivery import STORE_PROCESS, TAKEN_BACK, TRIAL
from storeloom.core.runtime.log_file import STORE_DB
from storeloom.core.runtime.presence import fetch, read_presence

LOOK_S = 0.1
WORDS = {
    "done": ("{what} is in place", "{what} 已生效"),
    "trial": ("{what} is on trial; what becomes of it stands in: storeloom health", "{what} 试用中；结果见 storeloom health"),
    "taken_back": ("{what} was taken back", "{what} 已撤回"),
    "restarting": ("the store restarts with it", "门店将以其重启"),
    "refused": ("refused", "被拒绝"),
}
STATES = {
    "starting": ("starts beside the old one, then on probation", "新进程启动中，随后试用"),
    "loading": ("being loaded", "加载中"),
    "live": ("on probation", "试用中"),
    "kept": ("kept", "已保留"),
    "rolled_back": ("taken back", "已撤回"),
}
PROCESS = ("the store process", "门店进程")


def apply(arguments: argparse.Namespace) -> int:
    """Ask, wait for the answer, say it; of a model, wait for the verdict. 1 when it is refused or taken back."""
    folder, file = Path(arguments.data), Path(arguments.file).resolve()
    if not arguments.model and (arguments.camera is not None or arguments.classes is not None):
        reason = {"en": "--camera and --classes go with --model", "zh": "--camera 与 --classes 须与 --model 同用"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom apply"}))
    fetch(folder, "/health", arguments.lang)
    if arguments.model:
        file = _model_folder(arguments.file, folder).resolve()
        wanted = None if arguments.classes is None else [name.strip() for name in arguments.classes.split(",") if name.strip()]
        kind, body = "model", {"model": str(file), "camera": arguments.camera, "classes": wanted, "lang": arguments.lang}
    else:
        unpack(str(file), Registry().catalogue)
        kind, body = "apply", {"file": str(file), "lang": arguments.lang}
    follow = (lambda answer: None) if arguments.json else (lambda answer: _say_processes(answer, arguments.lang))
    log = StoreLog(folder / STORE_DB)
    try:
        status, answer = _ask(log, kind, body, arguments.wait, folder, follow)
    finally:
        log.close()
    if arguments.json:
        print_json({"status": status, **answer})
    else:
        _say(status, answer, file.name, arguments.lang)
    return 1 if status in ("refused", TAKEN_BACK) else 0


def _model_folder(written: str, data: Path) -> Path:
    """A model's folder, or that of a name among those of the store and those that ship; what is neither stays as it is written."""
    from storeloom.workers.vision.models import BUILT_IN

    places = [Path(written), data / "models" / written, BUILT_IN / written]
    return next((place for place in places if (place / "card.json").is_file()), places[0])


def _ask(
    log: StoreLog, kind: str, body: dict[str, Any], wait_s: float, folder: Path, follow: Callable[[dict[str, Any]], None]
) -> tuple[str, dict[str, Any]]:
    """The answer; of one on trial the last one, each change of it told to `follow`, or where it stands when the time is over."""
    from storeloom.core.runtime.clock import wall_utc

    number = log.ask(kind, body, at=micros(wall_utc()))
    until = time.monotonic() + wait_s
    last = None
    while (answer := log.answered(number)) is None or answer[0] == TRIAL:
        if answer is not None and answer != last:
            follow(answer[1])
            last = answer
        if time.monotonic() > until:
            if answer is not None:
                return answer
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
    if status == TAKEN_BACK:
        print(f"  {answer['reason'][lang]}")
    elif "processes" in answer and status != TRIAL:
        _say_processes(answer, lang)
    for finding in answer.get("findings", ()):
        print("\n".join(f"  {line}" for line in (finding["reason"], finding["fix"]) if line))


def _say_processes(answer: dict[str, Any], lang: str) -> None:
    """Where a model stands, a line a process."""
    zh = lang == "zh"
    for one in answer["processes"]:
        name = PROCESS[zh] if one["process"] == STORE_PROCESS else one["process"]
        print(f"  {answer['model']}: {name}: {STATES[one['state']][zh]}", flush=True)
