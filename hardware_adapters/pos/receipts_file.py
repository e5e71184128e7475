"""Receipts out of files: a CSV or Parquet file, or a folder of them, becomes `pos.sale` and `coupon.redeemed`.

Two layouts: `plain`, one row a receipt line with columns called as the fields of `pos.sale` (names can be mapped), and
`complete_journey`, the data set of that name, known by its columns. A file is checked as a whole before its first receipt is handed in;
its columns are held in memory, receipts are made one by one. It reads what is there and ends; it does not watch a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.pos.journey import Wish, journey_facts, read_lines, recognise
from storeloom.hardware_adapters.pos.journey_tables import journey_tables
from storeloom.hardware_adapters.pos.plain import Terms, plain_facts, receipts_among
from storeloom.hardware_adapters.pos.reading import Source, found, moment, refuse, zone_of

Tender = Literal["cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit"]
Channel = Literal["till", "self_checkout", "cart", "scan_go", "mobile", "unattended", "vending", "canteen", "online"]


class ReceiptsFile(Adapter):
    zh, en = "小票文件", "Receipts from files"
    purpose_zh = "读取 CSV 或 Parquet 小票文件（或文件夹），逐单转换为销售小票与核销事件。"
    feeds = ("pos.sale", "coupon.redeemed")

    class Config(SolutionConfig):
        path: str = setting("", "File or folder", "文件或文件夹", effect="restart")
        layout: Literal["auto", "plain", "complete_journey"] = setting("auto", "Layout", "格式", effect="restart")
        store: str = setting("", "Store in the file (empty: all as one)", "文件中的门店（空：合并全部）", effect="restart")
        zone: str = setting("America/New_York", "Zone of times without one", "无时区时间所属时区", effect="restart")
        currency: str = setting("", "Currency (empty: the store's)", "金额币种（空：门店币种）", effect="restart", pattern="^([A-Z]{3})?$")
        minor_units: bool = setting(False, "Amounts are whole minor units", "金额以最小货币单位书写", effect="restart")
        separator: str = setting(",", "Separator of a CSV", "CSV 分隔符", effect="restart", min_length=1, max_length=1)
        columns: dict[str, str] = setting(dict, "Field to its column in the file", "字段对应的列名", effect="restart")
        till: str = setting("till-1", "Till where the file names none", "文件未注明时的收银台", effect="restart")
        channel: Channel = setting("till", "Channel where the file names none", "文件未注明时的渠道", effect="restart")
        method: Tender = setting("card", "Tender where the file names none", "文件未注明时的支付方式", effect="restart")
        redemptions: Literal["all", "priced", "none"] = setting("all", "Coupon redemptions handed in", "提交的核销记录", effect="restart")
        max_amount: int = setting(1_000_000, "Largest amount taken in", "可接受的最大金额", unit="currency", effect="restart", ge=1)
        max_qty: float = setting(100_000.0, "Largest quantity taken in", "可接受的最大数量", effect="restart", gt=0)

    def facts(self) -> Iterator[Fact]:
        """Receipts in order of time; InputFault before the first one where a file, a line or a setting is not right."""
        sources, kinds = self._sources()
        if kinds is not None:
            yield from journey_facts(kinds, self._wish(), self.device)
        else:
            terms = self._terms()
            yield from plain_facts(receipts_among(sources, terms), terms, self.device)

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Tables that the files let one make (see `journey_tables`); none from the plain layout. InputFault as for `facts`."""
        _, kinds = self._sources()
        return {} if kinds is None else journey_tables(kinds, self._wish())

    def profile(self) -> dict[str, Any]:
        """Zone, currency and the hours in which receipts were ever written; nothing where the files name neither zone nor currency."""
        _, kinds = self._sources()
        if kinds is None:
            return {}
        wish = self._wish()
        times = read_lines(kinds["transactions"], wish)["at"]
        hours = {moment(int(at)).astimezone(wish.zone).hour for at in times.unique()}
        closing = "24:00" if max(hours) == 23 else f"{max(hours) + 1:02d}:00"
        return {"zone": str(wish.zone), "currency": wish.currency, "hours": {"open": f"{min(hours):02d}:00", "close": closing}}

    def _sources(self) -> tuple[list[Source], dict[str, list[Source]] | None]:
        """The files, and what each holds of the Complete Journey data set; None in place of that for the plain layout."""
        config = self.config
        sources = found(config.path, config.separator)
        kinds = recognise(sources)
        if config.layout == "plain" or (config.layout == "auto" and not kinds):
            return sources, None
        if "transactions" not in kinds:
            there = "; ".join(f"{source.path.name}: {', '.join(source.columns)}" for source in sources[:4])
            en = f"no file in it has the columns basket_id and product_id; there is {there}"
            zh = f"没有含 basket_id 与 product_id 列的文件；现有 {there}"
            raise refuse(config.path, en, zh, "Add transactions.parquet, or set layout to plain.")
        return sources, kinds

    def _wish(self) -> Wish:
        config = self.config
        currency = config.currency or "USD"
        zone = zone_of(config.zone)
        return Wish(config.store, zone, currency, config.method, config.redemptions, config.max_amount, config.max_qty)

    def _terms(self) -> Terms:
        config = self.config
        return Terms(
            columns=config.columns,
            zone=zone_of(config.zone),
            currency=config.currency,
            minor_units=config.minor_units,
            max_amount=config.max_amount,
            max_qty=config.max_qty,
            till=config.till,
            channel=config.channel,
            method=config.method,
        )
