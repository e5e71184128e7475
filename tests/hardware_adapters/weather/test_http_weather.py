"""Forecasts: units and hours worked by hand from Open-Meteo's documented answer, fetched only when changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.feed import Document
from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.weather.http_weather import HttpWeather
from storeloom.hardware_adapters.weather.http_weather_twin import HttpWeatherTwin

ANSWER: dict[str, Any] = {
    "hourly_units": {"time": "unixtime", "temperature_2m": "°C", "precipitation": "mm", "precipitation_probability": "%"},
    "hourly": {
        "time": [1772445600, 1772449200, 1772452800],
        "temperature_2m": [8.4, 9.1, 9.9],
        "precipitation": [9.9, 0.4, None],
        "precipitation_probability": [99, 35, 40],
    },
}


def read(answer: Any) -> list[dict[str, Any]]:
    driver = HttpWeather("w-1", HttpWeather.Config())
    driver._wrong = None
    return [one.data for one in driver.read(Document(orjson.dumps(answer), None))]


def test_an_hours_rain_stands_at_its_end_and_its_temperature_at_its_beginning() -> None:
    first, second = read(ANSWER)
    assert {key: first[key] for key in first if key != "issued"} == {
        "from": "2026-03-02T10:00:00Z", "to": "2026-03-02T11:00:00Z", "temp_c": 8.4, "rain_mm": 0.4, "rain_p": 0.35,
    }  # fmt: skip
    assert "rain_mm" not in second and second["rain_p"] == 0.4


@pytest.mark.parametrize("spoilt", [{"hourly_units": {"temperature_2m": "°F"}}, {"hourly": {}}, {"hourly": {"time": 3}}])
def test_another_unit_or_form_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises(DeviceError):
        read({**ANSWER, **spoilt})


@pytest.fixture
def twin() -> Iterator[HttpWeatherTwin]:
    with HttpWeatherTwin() as one:
        yield one


def test_what_has_not_changed_is_neither_fetched_nor_told_again(twin: HttpWeatherTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    sound = twin.reply

    def noted(asked: Asked) -> Told:
        told = sound(asked)
        statuses.append(told.status)
        return told

    monkeypatch.setattr(twin, "reply", noted)
    driver = HttpWeather("w-1", HttpWeather.Config(**twin.settings()))
    assert len(list(driver.look())) == 47
    assert list(driver.look()) == []
    twin.act(0)
    assert [one.data["temp_c"] for one in driver.look()] == [8.25]
    assert statuses == [200, 304, 200]
    driver.close()
