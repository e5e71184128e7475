"""The virtual twin of an invoice service: accepts each invoice once, says when it is issued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.links.signed_twin import SignedTwin


class SignedInvoiceTwin(SignedTwin):
    odd = {"status": "lost"}

    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "message.outcome", {"message": f"invoice:7000{number}", "status": "delivered", "channel": "webhook"}

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        params = {"receipt": f"7000{number}", "title": "某某商贸有限公司", "tax_id": "91310000MA1K00000X", "total": 11300, "tax": 1300}
        about = {"message": f"invoice:7000{number}", "channel": "webhook", "to": "tax", "purpose": "tax"}
        return "message.send", {**about, "template": "blue_invoice", "params": params, "cmd": f"c{number}"}

    def reply(self, asked: Asked) -> Told:
        self.did(asked.headers["idempotency-key"], asked.json()["data"])
        return Told(202, {"status": "accepted"})
