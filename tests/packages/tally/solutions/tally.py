"""Counts stock movements by product; made for the tests of faults."""

from tally.base import Tallying


class Tally(Tallying):
    zh, en = "计数", "Tally"
    purpose_zh = "按商品统计库存变动，供故障测试使用。"
