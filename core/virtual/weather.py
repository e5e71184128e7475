"""Weather of a humid subtropical city and its forecasts; a day's weather follows from the seed and the date alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import cos, pi

from storeloom.core.virtual.chance import share
from storeloom.core.virtual.facts import HOUR, iso
from storeloom.core.virtual.world import World

STEP_H = 3
AHEAD_H = 48


@dataclass(frozen=True, slots=True)
class DayWeather:
    mean_c: float
    rain_mm: float
    humidity_pct: float
    cloud_pct: float
    wind_ms: float

    def temp_c(self, hour: float) -> float:
        """Coolest at 5, warmest at 15; a cloudy day swings less."""
        swing = 4.5 * (1 - 0.6 * self.cloud_pct / 100)
        return self.mean_c - swing * cos((hour - 3) * pi / 12)


def weather_on(seed: int, day: date) -> DayWeather:
    """Yearly course (17 °C mean, 12 °C amplitude, coolest in late January) with spells of about four days."""
    spell = sum(share(seed, "warm", day - timedelta(days=back)) - 0.5 for back in range(4)) / 4
    wet = sum(share(seed, "wet", day - timedelta(days=back)) for back in range(2)) / 2
    season = -cos(2 * pi * (day.timetuple().tm_yday - 25) / 365.25)
    rain = max(0.0, wet - 0.62) * (70 + 60 * season)
    return DayWeather(
        mean_c=round(17 + 12 * season + 16 * spell - (2 if rain else 0), 1),
        rain_mm=round(rain, 1),
        humidity_pct=round(60 + 25 * wet + 5 * season, 0),
        cloud_pct=round(min(100.0, 110 * wet), 0),
        wind_ms=round(1.5 + 5 * share(seed, "wind", day), 1),
    )


class Weather:
    """Outdoor conditions, and the two forecasts a day that a service sends."""

    def __init__(self, world: World) -> None:
        self.world = world

    def outdoor_c(self, stamp: float) -> float:
        local = self.world.local(stamp)
        return weather_on(self.world.seed, local.date()).temp_c(local.hour + local.minute / 60)

    def traffic_factor(self, day: date) -> float:
        """Rain keeps shoppers at home: 1 % for each mm, at most 30 %; so does great heat or cold, by 8 %."""
        today = weather_on(self.world.seed, day)
        rain = 1 - min(0.3, 0.01 * today.rain_mm)
        return rain * (0.92 if today.mean_c > 33 or today.mean_c < 0 else 1.0)

    def start_day(self, midnight: float) -> None:
        today = weather_on(self.world.seed, self.world.day)
        self.world.truth.weather[self.world.day.isoformat()] = {"mean_c": today.mean_c, "rain_mm": today.rain_mm}
        for hour in (6, 18):
            self.world.schedule(midnight + hour * HOUR, self._issue)

    def _issue(self, stamp: float) -> None:
        """Errors grow with the square root of the time ahead, about 2 °C after two days."""
        chance = self.world.chance(f"forecast {self.world.local(stamp).hour}")
        drift = chance.gauss(0, 1)
        for ahead in range(0, AHEAD_H, STEP_H):
            begin = stamp + ahead * HOUR
            local = self.world.local(begin)
            real = weather_on(self.world.seed, local.date())
            error = drift * 0.3 * ahead**0.5
            rain = max(0.0, real.rain_mm / 8 * (1 + chance.gauss(0, 0.3 + 0.01 * ahead)))
            data = {
                "from": iso(begin),
                "to": iso(begin + STEP_H * HOUR),
                "issued": iso(stamp),
                "temp_c": round(real.temp_c(local.hour + STEP_H / 2) + error, 1),
                "rain_mm": round(rain, 1),
                "rain_p": round(min(0.95, 0.1 + 0.5 * (real.rain_mm > 0) + 0.02 * real.rain_mm), 2),
                "humidity_pct": real.humidity_pct,
                "wind_ms": real.wind_ms,
                "cloud_pct": real.cloud_pct,
            }
            self.world.tell(stamp + ahead / 100, "weather.forecast", "weather-1", data)
