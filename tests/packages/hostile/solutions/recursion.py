"""Goes deeper than the stack."""

import sys

from hostile.base import Counting


class Recursion(Counting):
    zh, en = "递归超出栈深", "Recursion"
    purpose_zh = "递归超出栈深。"

    def misbehave(self, event):
        sys.setrecursionlimit(10_000_000)
        nested = []
        for _ in range(1_000_000):
            nested = [nested]
        return repr(nested)
