"""Weather forecasts out of files that another system drops into a folder: one row an hour, columns called as the stream's fields.

CSV, JSON or JSON Lines (`links.rows`); `issued` says when the forecast was made. Each file is taken once and put aside (`links.drop`).
"""

from __future__ import annotations

from storeloom.hardware_adapters.links.rows_file import RowsFileConfig, RowsFileDriver


class WeatherFile(RowsFileDriver):
    zh, en = "天气预报文件", "Weather forecast files"
    purpose_zh = "读取文件夹中的天气预报文件（CSV、JSON），逐行上报；每个文件只读取一次。"
    kind = "weather"
    feeds = ("weather.forecast", "device.status")
    twin = "storeloom.hardware_adapters.links.rows_file_twin:WeatherFileTwin"

    class Config(RowsFileConfig):
        """The folder, and how its files are written."""
