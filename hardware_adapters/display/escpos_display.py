"""Customer displays that speak ESC/POS (Epson DM-D and those like it): on a line of their own, or behind a printer.

A display tells nothing of itself, so that a job counts as done once it is sent; one behind a printer (`behind_printer`) is reached through
it, and the printer's status is the display's. What does not fit on it is left out. After `seconds` it shows its idle text, or nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.escpos import Charset, EscposConfig, EscposDriver, select_charset
from storeloom.hardware_adapters.printer.layout import plain, wrapped

TO_DISPLAY, TO_PRINTER = b"\x1b=\x02", b"\x1b=\x01"
INIT, CLEAR = b"\x1b@", b"\x0c"


class EscposDisplay(EscposDriver):
    zh, en = "顾客显示屏（ESC/POS）", "Customer display (ESC/POS)"
    purpose_zh = "通过网络、USB、串口或经由打印机连接 ESC/POS 顾客显示屏，按行显示中文与金额，到时恢复待机内容。"
    kind = "display"
    feeds = ("device.status",)
    takes = ("display.show",)
    capabilities = ("text",)
    twin = "storeloom.hardware_adapters.display.escpos_display_twin:EscposDisplayTwin"

    class Config(EscposConfig):
        till: str = setting("", "Till that it belongs to", "所属收银台", effect="restart")
        answers: bool = setting(False, "The device answers when its status is asked for", "设备可应答状态查询", effect="restart")
        behind_printer: bool = setting(False, "It hangs on a printer", "经由打印机连接", effect="restart")
        charset: Charset = setting("gb18030", "Charset", "字符集", effect="restart")
        columns: int = setting(20, "Columns", "每行列数", effect="restart", ge=8, le=80)
        rows: int = setting(2, "Rows", "行数", effect="restart", ge=1, le=16)
        idle_lines: list[str] = setting(list, "Shown while there is nothing else", "待机显示内容", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._until: float | None = None

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> list[Fact]:
        cmd = data.get("cmd")
        with self.commanded(cmd) as wanted:
            if wanted:
                self._show(data["lines"])
                seconds = data.get("seconds")
                self._until = None if seconds is None else time.monotonic() + seconds
            return list(self.tell("online", cmd=cmd))

    def idle(self) -> None:
        with self.at_work:
            if self._until is not None and time.monotonic() >= self._until:
                self._show(self.config.idle_lines)
                self._until = None

    def _show(self, lines: Sequence[str]) -> None:
        page = shown(lines, self.config)
        with self.job() as job:
            if self.config.answers:
                job.state().need_ready()
            job.send(page)


def shown(lines: Sequence[str], config: Any) -> bytes:
    """The bytes that show lines: cleared, then each row from its first column (US $ column row)."""
    rows = [part for line in lines for part in wrapped(line, config.columns)][: config.rows]
    text = b"".join(b"\x1f$\x01" + bytes([number]) + plain(row, config.columns, config.charset) for number, row in enumerate(rows, 1))
    page = INIT + select_charset(config.charset) + CLEAR + text
    return TO_DISPLAY + page + TO_PRINTER if config.behind_printer else page
