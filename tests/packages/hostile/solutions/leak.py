"""Keeps memory for ever, 300 MB a time."""

from hostile.base import Counting


class Leak(Counting):
    zh, en = "内存泄漏，每次 300 MB", "Leak"
    purpose_zh = "内存泄漏，每次 300 MB。"

    def misbehave(self, event):
        self.kept = [*getattr(self, "kept", []), b"x" * 300_000_000]
