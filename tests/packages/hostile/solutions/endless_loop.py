"""Never comes back from its handler."""

from hostile.base import Counting


class EndlessLoop(Counting):
    zh, en = "处理函数死循环", "Endless loop"
    purpose_zh = "处理函数死循环。"

    def misbehave(self, event):
        while True:
            pass
