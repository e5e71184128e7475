"""Receipts that a till or a sales system drops as CSV or Parquet files into a folder.

The columns are those of the plain layout (`hardware_adapters.pos.plain`). A file is checked as a whole before its first receipt is
handed in; one that is not right goes into `failed`, with the reason beside it, and holds up no other. A receipt that comes again in a later
file is told by its number and time and counts once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.errors import InputFault
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.drop import BadFile, DropConfig, DropDriver, Problem
from storeloom.hardware_adapters.pos.cards import card_at
from storeloom.hardware_adapters.pos.plain import Terms, plain_facts, receipts_among
from storeloom.hardware_adapters.pos.reading import found, zone_of
from storeloom.hardware_adapters.pos.receipts_file import Channel, Tender


class FileDrop(DropDriver):
    zh, en = "小票文件夹", "Dropped receipt files"
    purpose_zh = "监视文件夹，读取收银系统放入的 CSV 或 Parquet 小票文件：只取完整文件，每份只取一次，读完移走或记录；不收银行卡号。"
    kind = "pos"
    feeds = ("pos.sale", "device.status")
    twin = "storeloom.hardware_adapters.pos.file_drop_twin:FileDropTwin"

    class Config(DropConfig):
        patterns: list[str] = setting(
            lambda: ["*.csv", "*.parquet"],
            "File names (* and ? as wild cards)",
            "文件名（可用 * 与 ? 通配）",
            effect="restart",
            min_length=1,
        )
        encoding: str = setting(
            "utf-8", "Encoding of a CSV (utf-8, gb18030, big5 ...)", "CSV 编码（utf-8、gb18030、big5 等）", effect="restart"
        )
        separator: str = setting(",", "Separator of a CSV", "CSV 分隔符", effect="restart", min_length=1, max_length=1)
        columns: dict[str, str] = setting(dict, "Field to its column in the file", "字段对应的列名", effect="restart")
        zone: str = setting("Asia/Shanghai", "Zone of times without one", "无时区时间所属时区", effect="restart")
        currency: str = setting("", "Currency (empty: the store's)", "金额币种（空：门店币种）", effect="restart", pattern="^([A-Z]{3})?$")
        minor_units: bool = setting(False, "Amounts are whole minor units", "金额以最小货币单位书写", effect="restart")
        till: str = setting("till-1", "Till where the file names none", "文件未注明时的收银台", effect="restart")
        channel: Channel = setting("till", "Channel where the file names none", "文件未注明时的渠道", effect="restart")
        method: Tender = setting("card", "Tender where the file names none", "文件未注明时的支付方式", effect="restart")
        max_amount: int = setting(1_000_000, "Largest amount taken in", "可接受的最大金额", unit="currency", effect="restart", ge=1)
        max_qty: float = setting(100_000.0, "Largest quantity taken in", "可接受的最大数量", effect="restart", gt=0)

    def read(self, path: Path) -> Iterable[Fact | Problem]:
        config, now = self.config, self.now()
        names = {
            name: getattr(config, name)
            for name in ("columns", "currency", "minor_units", "max_amount", "max_qty", "till", "channel", "method")
        }
        terms = Terms(zone=zone_of(config.zone), **names)
        try:
            with _as_utf8(path, config.encoding) as readable:
                sources = found(str(readable), config.separator)
                facts = list(plain_facts(receipts_among(sources, terms), terms, self.device))
        except InputFault as fault:
            one = fault.findings[0]
            line = "" if one.line is None else f":{one.line}"
            reason = (
                {lang: str(one.args["reason"][lang]) for lang in ("en", "zh")}
                if "reason" in one.args
                else {"en": one.text("en"), "zh": one.text("zh")}
            )
            raise BadFile(Problem(f"{path.name}{line}: {reason['en']}", f"{path.name}{line}：{reason['zh']}")) from fault
        for fact in facts:
            place = card_at(fact.data)
            if place is not None:
                en = f"{path.name}: receipt {fact.data['receipt']}: '{place}' looks like a card number; have tokens written"
                raise BadFile(Problem(en, f"{path.name}：小票 {fact.data['receipt']}：“{place}”疑似银行卡号；请改写令牌"))
        return (replace(fact, received=now, time=fact.received, key=fact.data["receipt"]) for fact in facts)


@contextmanager
def _as_utf8(path: Path, encoding: str) -> Iterator[Path]:
    """The file as UTF-8, under its own name. BadFile where it is not in the encoding."""
    if path.suffix.lower() != ".csv" or encoding.lower().replace("-", "") == "utf8":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        try:
            with path.open(encoding=encoding, newline="") as given, copy.open("w", encoding="utf-8", newline="") as written:
                while text := given.read(1 << 20):
                    written.write(text)
        except (UnicodeError, LookupError) as error:
            raise BadFile(Problem(f"{path.name}: it is no text in {encoding}", f"{path.name}：不是 {encoding} 编码的文本")) from error
        yield copy
