"""The virtual twin of a gate controller: opens once a command, is read for its state, tells of passages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.links.signed_twin import SignedTwin


class HttpGateTwin(SignedTwin):
    odd = {"kind": "ajar", "count": "two"}

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "state_path": "/state"}

    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "gate.state", {"gate": "unit-1", "kind": "passed", "direction": "in" if number % 2 else "out", "count": 1 + number}

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "gate.open", {"gate": "unit-1", "direction": "in", "seconds": 5, "reason": "visit", "cmd": f"c{number}"}

    def reply(self, asked: Asked) -> Told:
        if asked.method == "GET":
            return Told(200, {"state": "ajar" if self.fault == "odd" else "closed"})
        self.did(asked.headers["idempotency-key"], asked.json())
        return Told(200, {})
