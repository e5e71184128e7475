"""Puts out one event of 20 MB."""

from hostile.base import Counting
from storeloom.core.kernel.contract import out


class HugeEvent(Counting):
    zh, en = "输出 20 MB 的事件", "Huge event"
    purpose_zh = "输出 20 MB 的事件。"

    def misbehave(self, event):
        return out("alert.raise", alert="a", kind="seen", severity="info", state="open", text="x" * 20_000_000)
