"""The virtual twin of a mail server, on aiosmtpd behind a wire that goes wrong; it tells repeats by Message-ID."""

from __future__ import annotations

import asyncio
import email
import os
import tempfile
from collections.abc import Mapping, Sequence
from email.policy import default
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.loop import LoopThread
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin

CALL_S = 5.0


class SmtpMailTwin(WireTwin):
    faults: ClassVar[tuple[str, ...]] = (*WIRE_FAULTS, "busy", "fail", "reboot")

    def __init__(self) -> None:
        self._mails: dict[str, Mapping[str, Any]] = {}
        self._loop: LoopThread | None = None
        self._contacts = ""

    def serve(self) -> int:
        handle, self._contacts = tempfile.mkstemp(suffix=".csv")
        os.write(handle, b"id,email\nm-1,zhang.san@example.com\n")
        os.close(handle)
        self._loop = LoopThread()
        self._server = self._loop.call(self._serve(), CALL_S)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self) -> asyncio.Server:
        from aiosmtpd.smtp import SMTP

        twin, loop = self, asyncio.get_running_loop()

        class Box:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
                return twin.take(envelope.content)

        return await loop.create_server(lambda: SMTP(Box(), loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)

    def take(self, content: bytes) -> str:
        """The server's answer to a mail."""
        if self.fault == "busy":
            return "451 4.3.0 try again later"
        if self.fault == "fail":
            return "554 5.7.1 not taken"
        mail = email.message_from_bytes(content, policy=default)
        body = mail.get_body()
        text = "" if body is None else str(body.get_content())
        self._mails.setdefault(str(mail["Message-ID"]), {"to": str(mail["To"]), "subject": str(mail["Subject"]), "text": text})
        return "250 2.0.0 taken"

    def settings(self) -> Mapping[str, Any]:
        return {"address": f"127.0.0.1:{self.port}", "tls": "none", "answer_s": 0.5, "look_s": 0.2, "contacts_file": self._contacts}

    def act(self, number: int) -> Sequence[Said]:
        return ()

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        about = {"message": f"M{number}", "channel": "email", "to": "m-1", "purpose": "service"}
        return "message.send", {**about, "text": f"您的第 {number} 张电子小票\n谢谢光临", "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self._mails.values())

    def reboot(self) -> None:
        self.blink()

    def shut(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call(self._ended(), CALL_S)
            loop.close()
            os.unlink(self._contacts)

    async def _ended(self) -> None:
        self._server.close()
