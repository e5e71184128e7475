"""EDIFACT by files: suppliers' ORDRSP, DESADV and INVOIC out of a folder, orders as ORDERS into another.

The folders are those of an AS2, OFTP2 or SFTP program, which does the sending, the signatures and the receipts. A faulty message is told
with file, message, segment and place, and holds up no other, nor the rest of its interchange.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.edi.edifact import Faulty, messages, text_of
from storeloom.hardware_adapters.edi.edifact_in import facts_of
from storeloom.hardware_adapters.edi.edifact_out import Directory, orders
from storeloom.hardware_adapters.links.drop import BadFile, DropConfig, DropDriver, Problem
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.pos.reading import zone_of

MOST_BYTES = 64 << 20
REMEMBERED = 500
INVOLVED = ("stage", "lines", "supplier", "deliver_on")


class EdifactFiles(DropDriver):
    zh, en = "EDIFACT 文件", "EDIFACT files"
    purpose_zh = "按文件夹收发 EDIFACT（EANCOM D.96A、D.01B）：读 ORDRSP、DESADV、INVOIC，写 ORDERS；错误报文注明段与位置，不影响其他报文。"
    kind = "edi"
    feeds = ("shipment.notice", "inventory.movement", "device.status")
    takes = ("order.propose",)
    capabilities = ("orders",)
    twin = "storeloom.hardware_adapters.edi.edifact_files_twin:EdifactFilesTwin"
    problem_code = "bad_message"

    class Config(DropConfig):
        patterns: list[str] = setting(
            lambda: ["*.edi", "*.txt", "*.dat", "*.edifact"],
            "File names (* and ? as wild cards)",
            "文件名（可用 * 与 ? 通配）",
            effect="restart",
            min_length=1,
        )
        encoding: str = setting("", "Encoding (empty: what the interchange says)", "编码（留空：按报文声明）", effect="restart")
        out: str = setting("", "Folder for orders (empty: none are sent)", "订单输出文件夹（留空：不发送）", effect="restart")
        gln: str = setting("", "Own GLN", "本企业 GLN", effect="restart", pattern=r"^(\d{13})?$")
        deliver_to: str = setting("", "GLN of the place of delivery", "收货地 GLN", effect="restart", pattern=r"^(\d{13})?$")
        directory: Directory = setting("D.01B", "Directory of orders", "订单所用目录版本", effect="restart")
        currency: str = setting("CNY", "Currency of prices", "价格币种", effect="restart", pattern="^([A-Z]{3})?$")
        zone: str = setting("Asia/Shanghai", "Zone of times without one", "无时区时间所属时区", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._written: OrderedDict[str, None] = OrderedDict()
        self._writing = Lock()

    def read(self, path: Path) -> Iterable[Fact | Problem]:
        if path.stat().st_size > MOST_BYTES:
            raise BadFile(Problem(f"{path.name}: larger than {MOST_BYTES >> 20} MiB", f"{path.name}：超过 {MOST_BYTES >> 20} MiB"))
        try:
            text = text_of(path.read_bytes(), self.config.encoding)
        except (UnicodeError, LookupError) as error:
            raise BadFile(
                Problem(f"{path.name}: no text in its encoding ({error})", f"{path.name}：与声明的编码不符（{error}）")
            ) from error
        if not text.strip():
            raise BadFile(Problem(f"{path.name}: it is empty", f"{path.name}：文件为空"))
        return self._facts(path.name, text)

    def _facts(self, name: str, text: str) -> Iterator[Fact | Problem]:
        zone, now = zone_of(self.config.zone), self.now()
        where, seen = name, 0
        try:
            for message in messages(text):
                seen += 1
                where = f"{name}, {message.type or 'message'} {message.ref}"
                try:
                    yield from facts_of(message, self.device, now, zone, self.config.currency)
                except Faulty as fault:
                    yield _problem(where, fault)
        except Faulty as fault:
            yield _problem(name, fault)
            return
        if not seen:
            yield Problem(f"{name}: there is no message in it", f"{name}：其中没有报文")

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """Write an order's file, once. Drafts, and what goes to no supplier, are the store's own affair: nothing is written for them."""
        if data["stage"] == "draft" or data["kind"] != "buy":
            return ()
        config = self.config
        if not config.out or not config.gln:
            raise DeviceError(Code.ILLEGAL, "no folder for orders or no own GLN is set", "未设置订单输出文件夹或本企业 GLN")
        said = repr([(name, data.get(name)) for name in INVOLVED])
        mark = hashlib.sha256(f"{data['proposal']}|{said}".encode()).hexdigest()[:12]
        with self._writing:
            if mark not in self._written:
                terms = {"buyer": config.gln, "deliver_to": config.deliver_to, "directory": config.directory, "currency": config.currency}
                content = orders(data, **terms, at=at, zone=zone_of(config.zone))
                self._write(Path(config.out), f"ORDERS_{mark}.edi", content)
                self._written[mark] = None
                while len(self._written) > REMEMBERED:
                    self._written.popitem(last=False)
        return list(self.tell("online", cmd=data.get("cmd") or str(data["proposal"])))

    @staticmethod
    def _write(folder: Path, name: str, content: bytes) -> None:
        """Under another name first: who watches the folder sees it whole or not at all."""
        target, part = folder / name, folder / f".{name}.part"
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except OSError as error:
            raise of_os(error, str(folder)) from error


def _problem(where: str, fault: Faulty) -> Problem:
    place = f"segment {fault.number} ({fault.tag})" if fault.number else fault.tag
    place_zh = f"第 {fault.number} 段（{fault.tag}）" if fault.number else fault.tag
    return Problem(f"{where}, {place}: {fault.en}", f"{where}，{place_zh}：{fault.zh}")
