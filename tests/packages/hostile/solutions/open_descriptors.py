"""Opens files and never closes them."""

import os

from hostile.base import Counting


class OpenDescriptors(Counting):
    zh, en = "打开文件且从不关闭", "Open descriptors"
    purpose_zh = "打开文件且从不关闭。"

    def misbehave(self, event):
        self.kept = [*getattr(self, "kept", []), *(os.open(os.devnull, os.O_RDONLY) for _ in range(150))]
