"""A weather forecast by the hour over HTTP, in the form of Open-Meteo (open-meteo.com/en/docs): its public service, its commercial one with
a key, or a server of one's own.

Values are asked for in the stream's units (C, mm, m/s, %); a service that answers in others is refused. Rain and its chance stand there
with the hour's end, temperatures with its beginning. What has changed since the last look is told, with when the forecast was fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.feed import Document, FeedConfig, FeedDriver
from storeloom.hardware_adapters.links.signed import misfit

HOUR = timedelta(hours=1)
# Field, its name at the service, the unit that is asked for, what it is multiplied by, and whether it stands at the hour's end.
FIELDS = (
    ("temp_c", "temperature_2m", "°C", 1.0, False),
    ("felt_c", "apparent_temperature", "°C", 1.0, False),
    ("humidity_pct", "relative_humidity_2m", "%", 1.0, False),
    ("cloud_pct", "cloud_cover", "%", 1.0, False),
    ("wind_ms", "wind_speed_10m", "m/s", 1.0, False),
    ("rain_mm", "precipitation", "mm", 1.0, True),
    ("rain_p", "precipitation_probability", "%", 0.01, True),
)


class HttpWeather(FeedDriver):
    zh, en = "天气预报（HTTP）", "Weather forecast over HTTP"
    purpose_zh = "按小时获取天气预报（Open-Meteo 格式），换算为标准单位；内容未变化时不重复上报。"
    kind = "weather"
    feeds = ("weather.forecast", "device.status")
    twin = "storeloom.hardware_adapters.weather.http_weather_twin:HttpWeatherTwin"

    class Config(FeedConfig):
        address: str = setting(
            "https://api.open-meteo.com/v1/forecast",
            "Address",
            "服务地址",
            effect="restart",
            pattern=r"^https?://[^/@\s?#]+(/[^\s?#]*)?$",
        )
        latitude: float = setting(31.23, "Latitude (WGS 84)", "纬度（WGS 84）", unit="°", effect="restart", ge=-90, le=90)
        longitude: float = setting(121.47, "Longitude (WGS 84)", "经度（WGS 84）", unit="°", effect="restart", ge=-180, le=180)
        hours: int = setting(72, "Hours ahead", "预报时长", unit="h", effect="restart", ge=1, le=384)
        key_parameter: str = setting("apikey", "Parameter that bears the access token", "携带访问令牌的地址参数", effect="restart")

    def parameters(self) -> Mapping[str, str]:
        config = self.config
        return {
            "latitude": f"{config.latitude:g}",
            "longitude": f"{config.longitude:g}",
            "hourly": ",".join(name for _, name, _, _, _ in FIELDS),
            "wind_speed_unit": "ms",
            "timeformat": "unixtime",
            "timezone": "GMT",
            "forecast_hours": str(config.hours + 1),
        }

    def read(self, document: Document) -> Iterator[Fact]:
        table = _table(document.content)
        issued = self.now().replace(microsecond=0)
        times = table["time"]
        for place in range(len(times) - 1):
            try:
                data = self._hour(table, place)
            except (TypeError, ValueError, OverflowError, IndexError):
                self.bad(f"hour {place + 1} of the forecast makes no sense", f"预报第 {place + 1} 个小时的数据无法识别")
                continue
            data["issued"] = rfc3339(issued)
            wrong = misfit("weather.forecast", data)
            if wrong:
                self.bad(f"hour {place + 1} of the forecast lacks or spoils {wrong}", f"预报第 {place + 1} 个小时缺少或错误：{wrong}")
                continue
            yield Fact(self.now(), "weather.forecast", self.device, data, issued, data["from"])

    def content_of(self, fact: Fact) -> Mapping[str, Any]:
        return {key: value for key, value in fact.data.items() if key != "issued"}

    @staticmethod
    def _hour(table: Mapping[str, Any], place: int) -> dict[str, Any]:
        begins = datetime.fromtimestamp(int(table["time"][place]), UTC)
        data: dict[str, Any] = {"from": rfc3339(begins), "to": rfc3339(begins + HOUR)}
        for field, name, _, factor, at_end in FIELDS:
            value = table[name][place + at_end] if name in table else None
            if value is None:
                continue
            if isinstance(value, (bool, str)):
                raise TypeError(name)
            data[field] = round(float(value) * factor, 6)
        return data


def _table(content: bytes) -> dict[str, Any]:
    """The columns by name. DeviceError where the document is no such forecast, or in units that were not asked for."""
    try:
        found = orjson.loads(content)
        table, units = found["hourly"], found.get("hourly_units", {})
        sound = isinstance(table["time"], list) and all(isinstance(one, list) for one in table.values()) and isinstance(units, dict)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise DeviceError(Code.FAILURE, "its answer is no hourly forecast", "应答不是逐小时预报")
    other = next((f"{name} ({units[name]})" for _, name, unit, _, _ in FIELDS if units.get(name, unit) != unit), None)
    if other:
        raise DeviceError(Code.FAILURE, f"it answers in another unit: {other}", f"应答的单位不符：{other}")
    return dict(table)
