"""Cannot be imported. Its facts in schemas/ were indexed before it broke, and stand there by hand."""

from hostile.base import Counting

raise RuntimeError("no licence")


class CrashOnImport(Counting):
    zh, en = "导入即失败", "Crash on import"
    purpose_zh = "导入即失败。"
