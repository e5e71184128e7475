"""Area `adapters`: drivers at work, each beside a stated limit or the bare library."""

from __future__ import annotations

from storeloom.core.bench import adapters_labels, adapters_modbus, adapters_mqtt
from storeloom.core.bench.harness import Result


def measure() -> list[Result]:
    """MQTT messages through to a stream, shelf labels over a lossy gateway, registers read every second."""
    return [*adapters_mqtt.measure(), *adapters_labels.measure(), *adapters_modbus.measure()]
