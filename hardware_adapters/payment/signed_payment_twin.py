"""The virtual twin of a payment service: collects each payment once, says by webhook what became of others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from storeloom.core.kernel.events import rfc3339
from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.links.signed_twin import SignedTwin


class SignedPaymentTwin(SignedTwin):
    odd = {"status": "maybe", "amount": "12.50"}

    def __init__(self) -> None:
        super().__init__()
        self.payments: dict[str, dict[str, Any]] = {}

    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        fixed = {"status": "refunded", "method": "wallet", "provider": "twin-pay", "payer": "tok_9f2c"}
        return "payment.result", {"payment": f"R{number}-{len(self.payments)}-{self._sent}", "amount": 100 + number, **fixed}

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "payment.request", {"payment": f"P{number}", "amount": 1250, "method": "qr", "receipt": f"7000{number}", "cmd": f"c{number}"}

    def reply(self, asked: Asked) -> Told:
        if asked.method == "GET":
            found = self.payments.get(asked.path.rpartition("/")[2])
            return Told(200, found) if found else Told(404, {"title": "no such payment"})
        wanted = asked.json()["data"]
        payment = wanted["payment"]
        if self.did(asked.headers["idempotency-key"], wanted):
            now = rfc3339(datetime.now(UTC))
            self.payments[payment] = {"payment": payment, "status": "succeeded", "ref": f"tx-{payment}", "time": now, "payer": "tok_9f2c"}
        return Told(201, self.payments[payment])
