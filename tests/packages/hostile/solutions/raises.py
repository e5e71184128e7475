"""Raises an exception in its handler."""

from hostile.base import Counting


class Raises(Counting):
    zh, en = "处理函数抛出异常", "Raises"
    purpose_zh = "处理函数抛出异常。"

    def misbehave(self, event):
        raise ValueError("no such shelf")
