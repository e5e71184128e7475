"""`fleet login`: a person comes in; server and token go into the settings file, for its owner alone."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from storeloom.core.commands.fleet_client import kept_file
from storeloom.core.commands.server import password
from storeloom.core.control.client import Access, FleetClient
from storeloom.core.kernel.errors import Finding, MisuseFault

DONE = ("{user} is logged in to {server} until {expires}; kept in {file}", "{user} 已登录 {server}，有效至 {expires}；已存入 {file}")


def login(arguments: argparse.Namespace) -> int:
    """Ask for the password, keep what the control plane gives."""
    if len(arguments.names) != 2 or not arguments.server:
        reason = {"en": "login needs CHAIN EMAIL --server URL", "zh": "login 需要：连锁编号 邮箱 --server 地址"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom fleet"}))
    chain, email = arguments.names
    ask = FleetClient(Access(arguments.server, "", arguments.ca), arguments.lang)
    came = ask.post("/login", {"chain": chain, "email": email, "password": password(arguments.lang)}).body
    file = kept_file(arguments)
    lines = [f'server = "{arguments.server}"', f'token = "{came["token"]}"', *([f'ca = "{arguments.ca}"'] if arguments.ca else [])]
    _write(file, "\n".join(lines) + "\n")
    print(DONE[arguments.lang == "zh"].format(user=email, server=arguments.server, expires=came["expires"], file=file))
    return 0


def _write(file: Path, text: str) -> None:
    """The file whole or as it was, never to be read by others."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f".{file.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    os.replace(part, file)
