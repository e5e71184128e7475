"""Printers of receipts, labels and kitchen orders that speak ESC/POS: over the network, USB or a serial line.

A job is done once the printer says so: its status is asked for before, after the last byte a status that is answered in its turn, and the
status again. What comes again under the same `cmd` after that is not printed again; a job that broke off on its way is, with
`reprint_text` at its top, since how much of it is on paper cannot be told. Chinese is printed in GB18030.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.escpos import REMEMBERED, Charset, EscposConfig, EscposDriver
from storeloom.hardware_adapters.links.kept import Kept
from storeloom.hardware_adapters.printer.layout import compose


class EscposPrinter(EscposDriver):
    zh, en = "小票打印机（ESC/POS）", "Receipt printer (ESC/POS)"
    purpose_zh = "通过网络、USB 或串口连接 ESC/POS 打印机：中文小票（GB18030）、GS1 条码与二维码、切纸、缺纸与开盖状态。"
    kind = "printer"
    feeds = ("device.status",)
    takes = ("print.job",)
    capabilities = ("cut", "status", "barcode", "qr")
    twin = "storeloom.hardware_adapters.printer.escpos_printer_twin:EscposPrinterTwin"

    class Config(EscposConfig):
        till: str = setting("", "Till that it belongs to", "所属收银台", effect="restart")
        charset: Charset = setting("gb18030", "Charset", "字符集", effect="restart")
        columns: int = setting(48, "Columns of a line", "每行列数", effect="restart", ge=16, le=96)
        cut: Literal["full", "part", "none"] = setting("part", "Cut after each copy", "每份打印后切纸", effect="restart")
        feed: int = setting(5, "Lines fed before the cut", "切纸前走纸行数", effect="restart", ge=0, le=30)
        bar_height: int = setting(80, "Height of bar codes", "条码高度", unit="dots", effect="restart", ge=16, le=255)
        bar_width: int = setting(2, "Width of a bar code's module", "条码模块宽度", unit="dots", effect="restart", ge=2, le=6)
        profile: str = setting("", "Model, by python-escpos's profiles", "型号（python-escpos 配置名）", effect="restart")
        qr_size: int = setting(
            6, "Size of a module of QR codes and DataMatrix", "二维码（QR、DataMatrix）模块大小", unit="dots", effect="restart", ge=1, le=16
        )
        print_s: float = setting(30.0, "Longest time to print a job", "单个任务最长打印时间", unit="s", effect="restart", gt=0, le=600)
        reprint_text: str = setting("COPY 补打", "Text on what may have been printed before", "可能重复打印时的标注", effect="restart")
        templates: dict[str, list[str]] = setting(
            dict, "Lines of a template, with {field} in them", "模板各行内容（可含 {字段}）", effect="restart"
        )

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._begun: Kept[None] = Kept(self, "begun", REMEMBERED)

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> list[Fact]:
        cmd = data.get("cmd")
        with self.commanded(cmd) as wanted:
            if wanted:
                self._print(data, cmd)
            return list(self.tell("online", cmd=cmd))

    def _print(self, data: Mapping[str, Any], cmd: str | None) -> None:
        again = cmd in self._begun
        page = compose(data, self.config, again=again)
        with self.job() as job:
            if self.config.answers:
                job.state().need_ready()
            if cmd is not None:
                self._begun[cmd] = None
            try:
                job.send(page)
                if self.config.answers:
                    job.wait_done(self.config.print_s)
                    self._state = job.state()
                    self._state.need_ready()
            except BaseException:
                if cmd is not None and not again and not job.sent:
                    del self._begun[cmd]
                raise
