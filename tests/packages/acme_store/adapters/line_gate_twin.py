"""The virtual twin of Acme's gate controller."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.twin import Said, Twin


class LineGateTwin(Twin):
    faults = ("silent", "reset", "partial", "garbage", "slow", "late", "fail", "reboot")

    def __init__(self) -> None:
        self.state = "closed"
        self.opened: list[Mapping[str, Any]] = []

    def start(self) -> None:
        twin = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(30)
                for line in self.rfile:
                    if not twin.answer(line.decode().split(), self.wfile.write, self.request):
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, block_on_close = True, True, False

            def handle_error(self, request: object, client_address: object) -> None:
                """The driver went away; that is its right."""

        self._server = Server(("127.0.0.1", 0), Talk)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self, words: list[str], write: Any, request: Any) -> bool:
        """Answer a line; False ends the connection."""
        if self.fault == "silent":
            return True
        if self.fault in ("reset", "reboot"):
            write(b"O")
            return False
        if self.fault == "garbage":
            write(b"\xff\x00?\n")
            return True
        time.sleep({"slow": 0.2, "late": 0.8}.get(self.fault, 0.0))
        if words[:1] == ["OPEN"] and self.fault != "fail":
            self.opened.append({"cmd": words[1] if len(words) > 1 else ""})
        text = b"ERR\n" if self.fault == "fail" else b"OK done\n" if words[:1] == ["OPEN"] else f"OK {self.state}\n".encode()
        for part in (text[:2], text[2:]) if self.fault == "partial" else (text,):
            write(part)
            time.sleep(0.05 if self.fault == "partial" else 0.0)
        return True

    def settings(self) -> Mapping[str, Any]:
        return {"host": "127.0.0.1", "port": self._server.server_address[1], "timeout_s": 0.5}

    def act(self, number: int) -> Sequence[Said]:
        self.state = "closed" if self.state == "open" else "open"
        return [Said("gate.state", {"gate": "unit-1", "kind": "opened" if self.state == "open" else "closed"})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "gate.open", {"gate": "unit-1", "reason": "visit", "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return self.opened

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
