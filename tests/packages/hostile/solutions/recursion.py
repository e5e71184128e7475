"""Goes deeper than the stack."""

from hostile.base import Counting


class Recursion(Counting):
    zh, en = "递归超出栈深", "Recursion"
    purpose_zh = "递归超出栈深。"

    def misbehave(self, event):
        nested = ()
        for _ in range(500_000):
            nested = (nested,)
        return hash(nested)
