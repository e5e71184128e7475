"""The virtual twin of a receipt printer: its paper runs low and is changed, and it keeps what it has printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.escpos_twin import EscposTwin
from storeloom.hardware_adapters.links.twin import Said


class EscposPrinterTwin(EscposTwin):
    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "print_s": 1.0}

    def act(self, number: int) -> Sequence[Said]:
        self.paper_low = not self.paper_low
        told: Mapping[str, Any] = {"state": "degraded", "code": "paper_low"} if self.paper_low else {"state": "online"}
        return [Said("device.status", {"device": "unit-1", "kind": "printer", **told})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        lines = [
            "[centre][big]示例超市",
            f"有机牛奶 × {number + 1}",
            "[rule]",
            "[ean13]6901234567892",
            "[qr]https://id.gs1.org/01/06901234567892",
        ]
        return "print.job", {"printer": "unit-1", "job": f"r{number}", "kind": "receipt", "lines": lines, "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.jobs)
