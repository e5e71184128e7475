"""`plugin`: what a vendor does with its own package: make it, check it, sign it, publish it. Each action is a module of its own."""

from __future__ import annotations

import argparse
import importlib

ACTIONS = {
    "check": "plugin_check:check",
    "sign": "plugin_sign:sign",
    "publish": "plugin_publish:publish",
}


def plugin(arguments: argparse.Namespace) -> int:
    """Carry out one action of `storeloom plugin`."""
    module, _, function = ACTIONS[arguments.action].partition(":")
    code: int = getattr(importlib.import_module(f"storeloom.core.commands.{module}"), function)(arguments)
    return code
