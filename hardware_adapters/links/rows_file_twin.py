"""The virtual twins of systems that drop files of rows: a weather service, a price watcher, a time clock."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.drop_twin import DropTwin
from storeloom.hardware_adapters.links.twin import Said


class RowsFileTwin(DropTwin):
    """One row a file."""

    heading: ClassVar[str]
    stream: ClassVar[str]
    spoilt: ClassVar[str]

    @abstractmethod
    def row(self, number: int) -> tuple[str, Mapping[str, Any]]:
        """Its cells, and what must come of it."""

    def content(self, number: int, *, odd: bool = False, wrong: bool = False) -> bytes:
        cells = self.spoilt if odd or wrong else self.row(number)[0]
        return f"{self.heading}\n{cells}\n".encode()

    def said(self, number: int) -> Sequence[Said]:
        return [Said(self.stream, self.row(number)[1])]


class WeatherFileTwin(RowsFileTwin):
    heading, stream = "from,to,temp_c,rain_mm,issued", "weather.forecast"
    spoilt = "2026-03-02T10:00:00Z,soon,warm,,2026-03-02T06:00:00Z"

    def row(self, number: int) -> tuple[str, Mapping[str, Any]]:
        hours = {"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T11:00:00Z", "temp_c": 8.5 + number % 30}
        return f"{hours['from']},{hours['to']},{hours['temp_c']},0.4,2026-03-02T06:00:00Z", {**hours, "rain_mm": 0.4}


class FeedFileTwin(RowsFileTwin):
    heading, stream = "competitor,gtin,price,seen,source", "competitor.price"
    spoilt = "c-1,06901234567892,cheap,2026-03-02T10:00:00Z,web"

    def row(self, number: int) -> tuple[str, Mapping[str, Any]]:
        cells = f"c-1,06901234567892,{9 + number}.90,2026-03-02T10:00:00Z,web"
        return cells, {"competitor": "c-1", "gtin": "06901234567892", "price": 990 + 100 * number}


class TerminalFileTwin(RowsFileTwin):
    heading, stream = "staff;time;kind", "staff.clock"
    spoilt = "1007;yesterday;下班"

    def row(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return f"10{number:02d};2026/03/02 08:{number % 60:02d}:00;上班", {
            "staff": f"10{number:02d}",
            "kind": "in",
            "terminal": "time-clock",
        }
