"""The virtual twin of a cart's screen behind a broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.mqtt_screen_twin import MqttScreenTwin


class MqttCartTwin(MqttScreenTwin):
    base, event_stream, show_stream, name_key = "carts", "cart.event", "cart.show", "cart"

    def happens(self, number: int) -> Mapping[str, Any]:
        return {"session": "s1", "seq": number, "kind": "add", "gtin": "6901234567892", "qty": 1, "weight_g": 250.0 + number}

    def wanted(self, number: int) -> Mapping[str, Any]:
        return {"session": "s1", "screen": f"offer-{number}", "seconds": 30}
