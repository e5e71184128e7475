"""Ends its process without a word."""

import os

from hostile.base import Counting


class OsExit(Counting):
    zh, en = "直接结束进程", "Os exit"
    purpose_zh = "直接结束进程。"

    def misbehave(self, event):
        os._exit(7)
