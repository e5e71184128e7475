"""`fleet`: what people of a chain ask its control plane for. Each action is a function of a module, imported when it is called."""

from __future__ import annotations

import argparse
import importlib

ACTIONS = {
    "login": "fleet_login:login",
    "release": "fleet_designs:release",
    "plan": "fleet_designs:plan",
    "explain": "fleet_designs:explain",
    "quote": "fleet_designs:quote",
    "stores": "fleet_rollouts:stores",
    "rollout": "fleet_rollouts:rollout",
    "watch": "fleet_rollouts:watch",
}


def fleet(arguments: argparse.Namespace) -> int:
    """Carry the action out."""
    module, _, function = ACTIONS[arguments.action].partition(":")
    code: int = getattr(importlib.import_module(f"storeloom.core.commands.{module}"), function)(arguments)
    return code
