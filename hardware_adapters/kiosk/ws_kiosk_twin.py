"""The virtual twin of a self-checkout's screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.screen_twin import WsScreenTwin


class WsKioskTwin(WsScreenTwin):
    event_stream, show_stream, name_key = "kiosk.event", "kiosk.show", "kiosk"

    def happens(self, number: int) -> Mapping[str, Any]:
        return {"session": "s1", "kind": "scan", "gtin": "4006381333931", "qty": 1 + number}

    def wanted(self, number: int) -> Mapping[str, Any]:
        return {"screen": f"list-{number}", "session": "s1", "text": f"合计 {number} 件", "params": {"items": [number]}}
