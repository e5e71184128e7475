"""Part of area `adapters`: shelf labels brought up to date through a gateway that loses a share of what goes over the air.

The least number of messages is one image and one answer a label. Right is a label that shows, bit for bit, what its command asks for.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from storeloom.core.bench.harness import Result
from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.esl_gateway.mqtt_labels import MqttLabels
from storeloom.hardware_adapters.esl_gateway.mqtt_labels_twin import MqttLabelsTwin
from storeloom.hardware_adapters.esl_gateway.render import Fonts, Look, picture
from storeloom.hardware_adapters.links.errors import DeviceError

LABELS, LOSS, MOST = 5_000, 0.05, 1.2
LIMIT_S = 600.0


def measure(labels: int = LABELS, ack_s: float = 5.0) -> list[Result]:
    """Right labels and messages as a ratio of the least number; the pace informs."""
    with MqttLabelsTwin(LOSS, seed=1) as twin:
        settings = {**twin.settings(), "ack_s": ack_s, "timeout_s": 5.0, "keepalive_s": 30, "tries": 8}
        driver = MqttLabels("gateway", MqttLabels.Config(**settings))
        rig = Rig(driver)
        try:
            began = time.perf_counter()
            for number in range(labels):
                _give(driver, _command(number))
            rig.wait_for(lambda: driver.book.open == 0, LIMIT_S)
            seconds = time.perf_counter() - began
        finally:
            rig.close(10.0)
        right = sum(_right(number, twin.shelf.shown.get(f"L{number}", {})) for number in range(labels))
        messages = (twin.shelf.sent + twin.shelf.answered) / (2 * labels)
    against = f"{labels} labels, {LOSS:.0%} lost each way"
    return [
        Result("labels_right", right / labels, "share", ">= 1", against, 1),
        Result("labels_messages", messages, "x the least number", f"<= {MOST}", against, 1),
        Result("labels_pace", labels / seconds, "labels/s", "", against, 1),
    ]


def _command(number: int) -> dict[str, Any]:
    fields = {"name": f"Item {number}", "price": 100 + number * 7 % 9900}
    return {"label": f"L{number}", "version": f"v{number}", "template": "standard", "fields": fields, "cmd": f"c{number}"}


def _give(driver: MqttLabels, data: Mapping[str, Any]) -> None:
    """Give a command until the driver takes it, as the outbox does."""
    until = time.monotonic() + LIMIT_S
    while True:
        try:
            driver.command("label.update", data, datetime.now(UTC))
            return
        except DeviceError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


_FONTS = Fonts()


def _right(number: int, shown: Mapping[str, Any]) -> bool:
    wanted = picture(_command(number)["fields"], Look(296, 128, sign=""), _FONTS)
    planes = {ink: base64.b64decode(plane) for ink, plane in shown.get("planes", {}).items()}
    return planes == wanted.planes and shown.get("version") == f"v{number}"
