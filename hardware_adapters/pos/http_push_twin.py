"""The virtual twin of a sales system that pushes receipts and takes priced baskets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.http_twin import Asked, HttpTwin, Told
from storeloom.hardware_adapters.links.twin import Said


class HttpPushTwin(HttpTwin):
    faults = (*HttpTwin.faults, "checksum", "duplicate", "stale", "flood", "odd")

    def __init__(self) -> None:
        super().__init__()
        self._receipts = 0

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), **self.hooks()}

    def reply(self, asked: Asked) -> Told:
        content = asked.json()
        self.did(asked.headers.get("idempotency-key", ""), {"type": content["type"], **content["data"]})
        return Told(200, {})

    def act(self, number: int) -> Sequence[Said]:
        self._receipts += 1
        qty = number % 3 + 1
        line = {"line": 1, "gtin": "4901234567894", "qty": qty, "price": 250, "amount": 250 * qty}
        paid = {"method": "card", "amount": 250 * qty, "payer": "tok_9f86d0"}
        head = {"receipt": f"{self._receipts}-{number}", "kind": "sale", "till": "t1", "channel": "till"}
        data = {**head, "lines": [line], "payments": [paid], "total": 250 * qty}
        self.say("pos.sale", data, {"total": "much"})
        return [Said("pos.sale", data)]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        line = {"line": 1, "gtin": "4901234567894", "qty": 1, "price": 250, "discount": 50, "amount": 200}
        return "basket.priced", {"basket": "b1", "version": number, "lines": [line], "total": 200, "cmd": f"c{number}"}
