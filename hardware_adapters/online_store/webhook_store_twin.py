"""The virtual twin of an online store: places orders, takes their states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.signed_twin import SignedTwin


class WebhookStoreTwin(SignedTwin):
    odd = {"total": "twelve", "lines": None}

    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        line = {"line": 1, "gtin": "06901234567892", "qty": 1 + number, "price": 350, "amount": 350 * (1 + number)}
        order = {"order": f"W{number}", "channel": "mini_app", "kind": "pickup", "lines": [line], "total": line["amount"], "paid": True}
        return "order.placed", order

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "order.status", {"order": f"W{number}", "status": "ready", "cmd": f"c{number}"}
