"""The virtual twin of a staff terminal: staff clock in and finish tasks, it shows new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.signed_twin import SignedTwin


class HttpTerminalTwin(SignedTwin):
    odd = {"kind": "teleport", "staff": 7}

    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        if number % 2:
            return "task.done", {"task": f"T{number}", "staff": "1007", "state": "done"}
        return "staff.clock", {"staff": f"10{number:02d}", "kind": "in", "terminal": "clock-1", "method": "card"}

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "task.create", {"task": f"T{number}", "kind": "refill", "title": "补货 3 号货架", "priority": 2, "cmd": f"c{number}"}
