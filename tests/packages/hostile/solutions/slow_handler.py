"""Takes ten minutes for one event."""

import time

from hostile.base import Counting


class SlowHandler(Counting):
    zh, en = "处理一个事件需十分钟", "Slow handler"
    purpose_zh = "处理一个事件需十分钟。"

    def misbehave(self, event):
        time.sleep(600)
