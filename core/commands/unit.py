"""`unit`: the systemd unit of what is to run for good on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.units import KINDS, make_unit, unit_name

PATHS = ("file", "data", "home", "folder")


def unit(arguments: argparse.Namespace) -> int:
    """Print the unit."""
    kind = KINDS[arguments.kind]
    given = {name: getattr(arguments, name) or "" for name in (*PATHS, "listen", "address")}
    idle = sorted(name for name, value in given.items() if value and name not in (*kind.needs, *kind.takes))
    if idle:
        listed = ", ".join(f"--{name}" for name in idle)
        raise misuse(f"{arguments.kind} takes no {listed}", f"{arguments.kind} 不使用 {listed}", "unit")
    values = {name: str(Path(value).absolute()) if value and name in PATHS else value for name, value in given.items()}
    return print_unit(arguments, arguments.kind, arguments.user, values, "unit")


def print_unit(arguments: argparse.Namespace, kind: str, user: str, values: dict[str, str], command: str) -> int:
    """Print a kind's unit for these values; MisuseFault names what is missing or cannot stand in one."""
    try:
        text = make_unit(kind, user, values)
    except KeyError as error:
        name = error.args[0]
        raise misuse(f"{kind} needs --{name}", f"{kind} 需要 --{name}", command) from error
    except ValueError as error:
        raise misuse(f"{error} cannot stand in a unit: only plain characters", f"{error} 含有单元文件不支持的字符", command) from error
    if arguments.json:
        print_json({"ok": True, "name": unit_name(kind), "unit": text})
    else:
        print(text, end="")
    return 0


def misuse(en: str, zh: str, command: str) -> MisuseFault:
    """A command line that makes no sense, in both languages."""
    return MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": f"storeloom {command}"}))
