"""The virtual twin of a gateway for text messages: takes each message once, says when phones have them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.links.signed_twin import SignedTwin
from storeloom.hardware_adapters.links.twin import Said

PHONE = "+8613800138000"


class SmsGatewayTwin(SignedTwin):
    odd = {"status": "teleported"}

    def start(self) -> None:
        super().start()
        handle, self.contacts = tempfile.mkstemp(suffix=".csv")
        os.write(handle, f"id,phone\nm-1,{PHONE}\n".encode())
        os.close(handle)

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "contacts_file": self.contacts}

    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "message.outcome", {"message": f"M{number}", "status": "delivered"}

    def act(self, number: int) -> Sequence[Said]:
        stream, data = self.word(number)
        self.say(stream, {**data, "to": PHONE}, self.odd)
        return [Said(stream, {**data, "channel": "sms"})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        about = {"message": f"M{number}", "channel": "sms", "to": "m-1", "purpose": "service"}
        return "message.send", {**about, "text": f"您的取货码是 {1000 + number}", "cmd": f"c{number}"}

    def reply(self, asked: Asked) -> Told:
        self.did(asked.headers["idempotency-key"], asked.json()["data"])
        return Told(202, {"status": "sent", "cost": 5})

    def close(self) -> None:
        super().close()
        if os.path.exists(getattr(self, "contacts", "")):
            os.unlink(self.contacts)
