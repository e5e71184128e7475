"""Counts readings and says so; the neighbour that must not notice the others."""

from hostile.base import Counting
from storeloom.core.kernel.contract import out


class Innocent(Counting):
    zh, en = "无辜的邻居", "Innocent neighbour"
    purpose_zh = "正常计数，不应受其他方案影响。"

    def misbehave(self, event):
        text = f"{self.state['seen']}"
        return out("alert.raise", alert=f"a-{event['sensor']}", kind="seen", severity="info", state="open", text=text)
