"""The virtual twin of a weather service in Open-Meteo's form: two days by the hour, the first hour's temperature as it is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.http_twin import Asked, HttpTwin, Told
from storeloom.hardware_adapters.links.twin import Said

START = 1772445600
UNITS = {
    "temperature_2m": "°C",
    "apparent_temperature": "°C",
    "relative_humidity_2m": "%",
    "cloud_cover": "%",
    "wind_speed_10m": "m/s",
    "precipitation": "mm",
    "precipitation_probability": "%",
}


class HttpWeatherTwin(HttpTwin):
    signed = False
    faults: ClassVar[tuple[str, ...]] = (*HttpTwin.faults, "checksum", "odd")

    def __init__(self) -> None:
        super().__init__()
        self.celsius, self.version = 8.0, 0

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "hours": 47}

    def act(self, number: int) -> Sequence[Said]:
        self.version += 1
        self.celsius = 8.0 + self.version % 100 / 4
        return [
            Said("weather.forecast", {"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T11:00:00Z", "temp_c": self.celsius, "rain_mm": 0.4})
        ]

    def reply(self, asked: Asked) -> Told:
        tag = f'"v{self.version}"'
        if asked.headers.get("if-none-match") == tag and self.fault not in ("odd", "checksum"):
            return Told(304, None, {"ETag": tag})
        size = int(asked.query["forecast_hours"])
        columns: dict[str, Any] = {name: [5.0] * size for name in UNITS}
        columns["temperature_2m"][0] = "warm" if self.fault == "odd" else self.celsius
        columns["precipitation"][:2] = [9.0, 0.4]
        units = {**UNITS, "temperature_2m": "°F"} if self.fault == "checksum" else UNITS
        return Told(
            200, {"hourly_units": units, "hourly": {"time": [START + 3600 * hour for hour in range(size)], **columns}}, {"ETag": tag}
        )
