"""Starts processes that stay behind."""

import os
import signal
import time

from hostile.base import Counting


class Forks(Counting):
    zh, en = "启动遗留进程", "Forks"
    purpose_zh = "启动遗留进程。"

    def misbehave(self, event):
        for _ in range(8):
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                if os.fork() == 0:
                    time.sleep(300)
                os._exit(0)
