"""Puts out events without end."""

from hostile.base import Counting
from storeloom.core.kernel.contract import out


class OutputFlood(Counting):
    zh, en = "无休止地输出事件", "Output flood"
    purpose_zh = "无休止地输出事件。"

    def misbehave(self, event):
        number = 0
        while True:
            number += 1
            yield out("alert.raise", alert=f"a{number}", kind="seen", severity="info", state="open", text="again")
