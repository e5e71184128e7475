"""A time clock that drops files: one line a clocking, CSV or text, taken once.

Columns called as the fields of `staff.clock`, with `time` when it happened; others are named in `columns`, or in `names` where the file has
no heading. A line that stands in a later file again is told as the repeat that it is.
"""

from __future__ import annotations

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.rows_file import RowsFileConfig, RowsFileDriver

WORDS = {
    "0": "in",
    "1": "out",
    "I": "in",
    "O": "out",
    "IN": "in",
    "OUT": "out",
    "上班": "in",
    "下班": "out",
    "签到": "in",
    "签退": "out",
    "休息开始": "break_start",
    "休息结束": "break_end",
}


class TerminalFile(RowsFileDriver):
    zh, en = "考勤机文件", "Time clock files"
    purpose_zh = "读取考勤机导出的打卡文件（CSV、TXT），逐行转换为员工打卡；每个文件只读取一次。"
    kind = "terminal"
    feeds = ("staff.clock", "device.status")
    twin = "storeloom.hardware_adapters.links.rows_file_twin:TerminalFileTwin"

    class Config(RowsFileConfig):
        fixed: dict[str, str] = setting(
            lambda: {"terminal": "time-clock"}, "Field to what it is in every row", "各行固定取值的字段", effect="restart"
        )
        words: dict[str, dict[str, str]] = setting(
            lambda: {"kind": dict(WORDS)}, "Field to what its words mean", "字段取值的对应关系", effect="restart"
        )
