"""The virtual twin of a delivery platform: says where couriers are and which slots are open, takes states of orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.signed_twin import SignedTwin


class WebhookDeliveryTwin(SignedTwin):
    odd = {"status": "teleported", "capacity": "many"}

    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        if number % 2:
            hours = {"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T11:00:00Z"}
            return "delivery.slot", {"slot": f"S{number}", **hours, "capacity": 8, "taken": number, "open": True}
        return "delivery.status", {"order": f"W{number}", "status": "collected", "courier": "c-7", "distance_m": 1200 + number}

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "order.status", {"order": f"W{number}", "status": "ready", "cmd": f"c{number}"}
