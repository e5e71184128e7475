"""The virtual twin of a mail server, on aiosmtpd behind a wire that goes wrong; it tells repeats by Message-ID."""

from __future__ import annotations

import asyncio
import email
import os
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from email.policy import default
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.twin import Said, Twin
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, Wire

START_S = 5.0
BOOT_S = 0.1


class SmtpMailTwin(Twin):
    faults: ClassVar[tuple[str, ...]] = (*WIRE_FAULTS, "busy", "fail", "reboot")

    def __init__(self) -> None:
        self._mails: dict[str, Mapping[str, Any]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wire: Wire | None = None
        self._contacts = ""

    def start(self) -> None:
        from aiosmtpd.smtp import SMTP

        twin = self

        class Box:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
                return twin.take(envelope.content)

        handle, self._contacts = tempfile.mkstemp(suffix=".csv")
        os.write(handle, b"id,email\nm-1,zhang.san@example.com\n")
        os.close(handle)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-twin", daemon=True)
        self._thread.start()
        made = self._loop.create_server(lambda: SMTP(Box(), loop=self._loop, enable_SMTPUTF8=True), "127.0.0.1", 0)

        async def serve() -> asyncio.Server:
            return await made

        self._server = asyncio.run_coroutine_threadsafe(serve(), self._loop).result(START_S)
        self._wire = Wire(self._server.sockets[0].getsockname()[1])

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
        assert self._wire is not None, "the twin has not been started"
        return {"address": f"127.0.0.1:{self._wire.port}", "tls": "none", "answer_s": 0.5, "look_s": 0.2, "contacts_file": self._contacts}

    def act(self, number: int) -> Sequence[Said]:
        return ()

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        about = {"message": f"M{number}", "channel": "email", "to": "m-1", "purpose": "service"}
        return "message.send", {**about, "text": f"您的第 {number} 张电子小票\n谢谢光临", "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self._mails.values())

    def play(self, fault: str) -> None:
        super().play(fault)
        assert self._wire is not None
        if fault in WIRE_FAULTS:
            self._wire.play(fault)
        if fault == "reboot":
            self._wire.play("refuse")
            time.sleep(BOOT_S)
            self._wire.play("")

    def mend(self) -> None:
        super().mend()
        if self._wire is not None:
            self._wire.play("")

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._ended(), loop).result(START_S)
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()
            os.unlink(self._contacts)

    async def _ended(self) -> None:
        self._server.close()
        tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
