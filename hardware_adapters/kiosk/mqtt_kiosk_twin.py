"""The virtual twin of a self-checkout's screen behind a broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.mqtt_screen_twin import MqttScreenTwin


class MqttKioskTwin(MqttScreenTwin):
    base, event_stream, show_stream, name_key = "kiosks", "kiosk.event", "kiosk.show", "kiosk"

    def happens(self, number: int) -> Mapping[str, Any]:
        return {"session": "s1", "kind": "choose", "gtin": "4006381333931", "values": {"piece": number}}

    def wanted(self, number: int) -> Mapping[str, Any]:
        return {"screen": f"list-{number}", "session": "s1", "text": f"合计 {number} 件", "params": {"items": [number]}}
