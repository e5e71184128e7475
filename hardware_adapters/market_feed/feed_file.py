"""Competitors' prices or mentions out of files that another system drops into a folder: one row each, CSV or JSON, taken once.

Columns called as the fields of the stream; `seen` (prices) or a column `time` (mentions) says when it was.
"""

from __future__ import annotations

from typing import Literal

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.rows_file import RowsFileConfig, RowsFileDriver


class FeedFile(RowsFileDriver):
    zh, en = "市场行情文件", "Market feed files"
    purpose_zh = "读取文件夹中的竞品价格或口碑文件（CSV、JSON），逐行上报；每个文件只读取一次。"
    kind = "market_feed"
    feeds = ("competitor.price", "social.mention", "device.status")
    twin = "storeloom.hardware_adapters.links.rows_file_twin:FeedFileTwin"

    class Config(RowsFileConfig):
        stream: Literal["competitor.price", "social.mention"] = setting(
            "competitor.price", "What the rows are", "数据行的内容", effect="restart"
        )

    def stream(self) -> str:
        return str(self.config.stream)
