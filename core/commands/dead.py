"""`dead`: the commands that no device took, listed and sent again, whether the store runs or not."""

from __future__ import annotations

import argparse
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import DeliveryFault, Finding, MisuseFault
from storeloom.core.kernel.events import rfc3339
from storeloom.core.runtime.log import StoreLog, instant
from storeloom.core.runtime.log_delivery import Command
from storeloom.core.runtime.log_file import STORE_DB
from storeloom.core.runtime.outbox import FORGOTTEN
from storeloom.core.runtime.reader import LogReader
from storeloom.core.runtime.routing import in_chinese


def dead(arguments: argparse.Namespace) -> int:
    """List what was given up, or let it be sent again: a running store does so at once, another when it next runs."""
    file = Path(arguments.data) / STORE_DB
    return _resend(file, arguments) if arguments.action == "resend" else _list(file, arguments)


def _list(file: Path, arguments: argparse.Namespace) -> int:
    reader = LogReader(file)
    try:
        found = [(one, rfc3339(reader.event(one.seq).time) if one.seq >= reader.oldest else None) for one in reader.dead()]
    finally:
        reader.close()
    if arguments.json:
        commands = [{**one._asdict(), "time": time, "due": rfc3339(instant(one.due))} for one, time in found]
        print_json({"ok": True, "commands": commands})
        return 0
    for one, time in found:
        print(f"{one.id}  {time or '-'}  {one.stream}  {one.instance}  {_why(one, arguments.lang)}")
    print(f"共 {len(found)} 条已放弃的指令" if arguments.lang == "zh" else f"commands given up: {len(found)}")
    return 0


def _why(command: Command, lang: str) -> str:
    """Why a command was given up: its last failure, after how many tries."""
    note = command.note or ""
    chinese = "日志已不再保留其记录" if note == FORGOTTEN else in_chinese(note)
    if chinese:
        return chinese if lang == "zh" else note
    return f"尝试 {command.tries} 次：{command.note}" if lang == "zh" else f"{command.tries} tries: {command.note}"


def _resend(file: Path, arguments: argparse.Namespace) -> int:
    if bool(arguments.ids) == arguments.all:
        reason = {"en": "name the commands to send again, or --all", "zh": "请给出要重发的指令 id，或使用 --all"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom dead"}))
    LogReader(file).close()
    log = StoreLog(file)
    try:
        known = {one.id for one in log.dead()}
        unknown = [one for one in arguments.ids if one not in known]
        if unknown:
            raise DeliveryFault(Finding("SL-OUT-02", {"id": one, "folder": str(arguments.data)}) for one in unknown)
        chosen = [one for one in dict.fromkeys(arguments.ids or [row.id for row in log.dead()]) if log.resend(one)]
    finally:
        log.close()
    if arguments.json:
        print_json({"ok": True, "resent": chosen})
    else:
        print(f"重发 {len(chosen)} 条指令" if arguments.lang == "zh" else f"sent again: {len(chosen)}")
    return 0
