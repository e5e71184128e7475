"""The virtual twin of a cart's screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.screen_twin import WsScreenTwin


class WsCartTwin(WsScreenTwin):
    event_stream, show_stream, name_key = "cart.event", "cart.show", "cart"

    def happens(self, number: int) -> Mapping[str, Any]:
        return {"session": "s1", "seq": number, "kind": "add", "gtin": "6901234567892", "qty": 1, "weight_g": 250.0 + number}

    def wanted(self, number: int) -> Mapping[str, Any]:
        return {"screen": f"offer-{number}", "session": "s1", "items": [{"gtin": "6901234567892", "price": 990 + number}]}
