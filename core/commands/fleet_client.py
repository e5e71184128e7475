"""Who asks a control plane, and where: the command line's options, the environment, the settings file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.control.client import Access, FleetClient
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.kernel.sources import open_document

SERVER, TOKEN = "STORELOOM_SERVER", "STORELOOM_TOKEN"


def access(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Access:
    """From the options, else the environment, else the settings file. MisuseFault says what is missing or open to others' eyes."""
    file = kept_file(arguments, environment)
    kept: Mapping[str, Any] = {}
    if getattr(arguments, "settings", None) or file.is_file():
        _private(file)
        kept = open_document(file).data
    token_file = getattr(arguments, "token_file", None)
    if token_file:
        _private(Path(token_file))
        token = Path(token_file).read_text(encoding="utf-8").strip()
    else:
        token = environment.get(TOKEN) or str(kept.get("token", ""))
    server = getattr(arguments, "server", None) or environment.get(SERVER) or str(kept.get("server", ""))
    missing = [word for word, value in (("server", server), ("token", token)) if not value]
    if missing:
        raise MisuseFault(Finding("SL-FLT-01", {"missing": missing, "file": str(file)}))
    return Access(server, token, getattr(arguments, "ca", None) or kept.get("ca"))


def is_known(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether anything says which control plane to ask."""
    return bool(getattr(arguments, "server", None) or environment.get(SERVER)) or kept_file(arguments, environment).is_file()


def kept_file(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Path:
    """The settings file."""
    named = getattr(arguments, "settings", None)
    home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "~")).expanduser() / ".config")
    return Path(named) if named else home / "storeloom" / "fleet.toml"


def _private(file: Path) -> None:
    """A file that holds a token is its owner's alone."""
    if file.stat().st_mode & 0o077:
        raise MisuseFault(Finding("SL-FLT-02", {"file": str(file)}, file=str(file)))


def client(arguments: argparse.Namespace) -> FleetClient:
    """The client that a command asks with."""
    return FleetClient(access(arguments), arguments.lang)
