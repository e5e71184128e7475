"""Competitors' prices or mentions fetched over HTTP: a list of rows as JSON, JSON Lines or CSV, fetched only when it has changed.

Columns called as the fields of the stream; `seen` (prices) or a column `time` (mentions) says when it was. Rows that are as they were at
the last look are not told again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.feed import Document, FeedConfig, FeedDriver
from storeloom.hardware_adapters.links.rows import BadRow, Rows, RowsConfig


class HttpFeed(FeedDriver):
    zh, en = "市场行情（HTTP）", "Market feed over HTTP"
    purpose_zh = "通过 HTTP 定时获取竞品价格或口碑（JSON、CSV），内容未变化时不重复下载与上报。"
    kind = "market_feed"
    feeds = ("competitor.price", "social.mention", "device.status")
    twin = "storeloom.hardware_adapters.market_feed.http_feed_twin:HttpFeedTwin"

    class Config(RowsConfig, FeedConfig):
        stream: Literal["competitor.price", "social.mention"] = setting(
            "competitor.price", "What the rows are", "数据行的内容", effect="restart"
        )

    def read(self, document: Document) -> Iterator[Fact]:
        for row in Rows(self.config.stream, self.config).read(document.content):
            if isinstance(row, BadRow):
                self.bad(row.en, row.zh)
            else:
                yield Fact(self.now(), self.config.stream, self.device, row.data, row.time, row.key)
