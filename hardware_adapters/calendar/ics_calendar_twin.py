"""The virtual twin of a published calendar: one day off, whose name changes with each act."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from storeloom.hardware_adapters.links.http_twin import Asked, HttpTwin, Told
from storeloom.hardware_adapters.links.twin import Said

PLAIN = {"Content-Type": "text/calendar; charset=utf-8"}


class IcsCalendarTwin(HttpTwin):
    signed = False
    faults: ClassVar[tuple[str, ...]] = (*HttpTwin.faults, "checksum", "odd")

    def __init__(self) -> None:
        super().__init__()
        self.version = 0

    @property
    def name(self) -> str:
        return f"国庆节（休）{self.version}"

    def act(self, number: int) -> Sequence[Said]:
        self.version += 1
        return [Said("calendar.event", {"event": "day-1@twin", "kind": "public_holiday", "name": self.name})]

    def reply(self, asked: Asked) -> Told:
        tag = f'"v{self.version}"'
        if asked.headers.get("if-none-match") == tag:
            return Told(304, None, {"ETag": tag})
        if self.fault == "checksum":
            return Told(200, b"BEGIN:NOTHING\r\nEND", PLAIN)
        day = datetime.now(UTC).date() + timedelta(days=3)
        begins = "someday" if self.fault == "odd" else f"{day:%Y%m%d}"
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//twin//EN", "BEGIN:VEVENT", "UID:day-1@twin", f"DTSTAMP:{day:%Y}0101T000000Z"]
        lines += [f"DTSTART;VALUE=DATE:{begins}", f"SUMMARY:{self.name}", "END:VEVENT", "END:VCALENDAR", ""]
        return Told(200, "\r\n".join(lines).encode(), PLAIN if self.fault == "odd" else {**PLAIN, "ETag": tag})
