"""Changes Python and the kernel under everybody's feet."""

import builtins
import json
import sys

from hostile.base import Counting
from storeloom.core.kernel.contract import Event, out


class MonkeyPatch(Counting):
    zh, en = "篡改 Python 与内核", "Monkey patch"
    purpose_zh = "篡改 Python 与内核。"

    def misbehave(self, event):
        json.dumps = json.loads = builtins.open = None
        Event.__getitem__ = lambda self, key: 0
        sys.modules["__main__"].check_output = lambda *_: None
        return out("pos.sale", receipt="forged")
