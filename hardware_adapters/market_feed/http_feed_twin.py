"""The virtual twin of a price feed: one competitor's prices as CSV, a new one with each act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from storeloom.hardware_adapters.links.http_twin import Asked, HttpTwin, Told
from storeloom.hardware_adapters.links.twin import Said


class HttpFeedTwin(HttpTwin):
    signed = False
    faults: ClassVar[tuple[str, ...]] = (*HttpTwin.faults, "checksum", "odd")

    def __init__(self) -> None:
        super().__init__()
        self.cents, self.version = 990, 0

    def act(self, number: int) -> Sequence[Said]:
        self.version += 1
        self.cents = 990 + self.version
        return [Said("competitor.price", {"competitor": "c-1", "gtin": "06901234567892", "price": self.cents})]

    def reply(self, asked: Asked) -> Told:
        tag = f'"v{self.version}"'
        if asked.headers.get("if-none-match") == tag:
            return Told(304, None, {"ETag": tag})
        price = "cheap" if self.fault == "odd" else f"{self.cents // 100}.{self.cents % 100:02d}"
        rows = f"competitor,gtin,price,seen,source\nc-1,06901234567892,{price},2026-03-02T10:00:00Z,web\n"
        content = b"\xff\xfe\x00" if self.fault == "checksum" else rows.encode()
        spoilt = self.fault in ("odd", "checksum")
        return Told(200, content, {"Content-Type": "text/csv"} if spoilt else {"Content-Type": "text/csv", "ETag": tag})
