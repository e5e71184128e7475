"""Leaves threads behind that use the processor for ever."""

import threading

from hostile.base import Counting


class GilHog(Counting):
    zh, en = "遗留占满处理器的线程", "Gil hog"
    purpose_zh = "遗留占满处理器的线程。"

    def misbehave(self, event):
        def spin():
            while True:
                pass

        for _ in range(2):
            threading.Thread(target=spin, daemon=True).start()
