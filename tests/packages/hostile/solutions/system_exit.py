"""Calls sys.exit in its handler."""

import sys

from hostile.base import Counting


class SystemExit(Counting):
    zh, en = "处理函数调用 sys.exit", "System exit"
    purpose_zh = "处理函数调用 sys.exit。"

    def misbehave(self, event):
        sys.exit(3)
