"""Receipts out of a sales database, polled by queries of one's own; each once, and nothing in the database is changed.

`receipts` gives one row a receipt, in the order of a column that only ever rises (the cursor: a running number, a time of change);
`lines` and `payments` give the rows of one receipt. Fields and checks: `hardware_adapters.pos.sales`. Transactions may end out
of order, so the last `overlap` numbers (or seconds) are looked at again each time. A receipt whose sums do not add up yet is looked at
again for `settle_s`, and then told as a problem; it holds up no other. Several receipts may have one number or time: a page ends before
the last of them. With a text there is no looking again, so each is to be greater than those written before it.

How far it has come is remembered over a restart, for as long as address, query and rising column stay what they are; then it begins anew,
and the store tells repeats by receipt and time. A time without a zone is in `zone`; a MySQL or MariaDB server is told so, since it gives
its TIMESTAMP columns in the session's zone.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.settle import Settled
from storeloom.hardware_adapters.pos.plain import Terms
from storeloom.hardware_adapters.pos.reading import zone_of
from storeloom.hardware_adapters.pos.receipts_file import Channel, Tender
from storeloom.hardware_adapters.pos.sales import BadReceipt, receipt_facts
from storeloom.hardware_adapters.pos.sql_link import SqlLink, need_reading, sql_link

BATCH = 500
SEEN = 100_000
FIRST: Mapping[str, Any] = {"number": 0, "time": datetime(1970, 1, 2), "text": ""}
NAMES = ("columns", "currency", "minor_units", "max_amount", "max_qty", "till", "channel", "method")


class SqlPoll(LinkDriver[SqlLink]):
    zh, en = "销售数据库", "Sales database"
    purpose_zh = "按配置的查询轮询销售数据库（SQLAlchemy，只读），逐单输出小票，每单一次；游标列续读，不收银行卡号。"
    kind = "pos"
    feeds = ("pos.sale", "pos.exception", "device.status")
    twin = "storeloom.hardware_adapters.pos.sql_poll_twin:SqlPollTwin"

    class Config(SolutionConfig):
        address: str = setting(
            "",
            "Database, as postgresql+psycopg://host:5432/sales, mysql+pymysql://host:3306/sales or sqlite:////path/sales.db",
            "数据库地址，如 postgresql+psycopg://host:5432/sales、mysql+pymysql://host:3306/sales 或 sqlite:////path/sales.db",
            effect="restart",
            help_en="Any that SQLAlchemy has a dialect for; pip install 'storeloom[databases]' brings PostgreSQL's and MySQL's.",
            help_zh="支持 SQLAlchemy 各方言；PostgreSQL 与 MySQL 的驱动由 pip install 'storeloom[databases]' 安装。",
        )
        user: str = setting("", "User name", "用户名", effect="restart")
        password: str = setting("", "Secret with the password", "密码所在的密钥名", effect="restart", widget="secret")
        receipts: str = setting(
            "SELECT * FROM receipts WHERE id > :cursor ORDER BY id",
            "Query of receipts after :cursor",
            "查询 :cursor 之后的小票",
            effect="restart",
            widget="code",
        )
        lines: str = setting(
            "SELECT * FROM receipt_lines WHERE receipt = :receipt ORDER BY line",
            "Query of a receipt's lines",
            "查询一张小票的商品行",
            effect="restart",
            widget="code",
            help_en="Any column of the receipt can be used as :name.",
            help_zh="小票行的任意列都可用 :列名 引用。",
        )
        payments: str = setting(
            "", "Query of a receipt's payments (empty: none)", "查询一张小票的支付（留空：不查询）", effect="restart", widget="code"
        )
        cursor: str = setting("id", "Column that rises", "递增列", effect="restart", min_length=1)
        cursor_kind: Literal["number", "time", "text"] = setting("number", "What the rising column holds", "递增列的类型", effect="restart")
        overlap: int = setting(
            100, "Numbers, or seconds of a time, looked at again", "重复检查的编号数（时间列为秒）", effect="restart", ge=0, le=10_000
        )
        settle_s: float = setting(
            60.0, "Time for a receipt to become whole", "等待小票写全的时限", unit="s", effect="restart", ge=0, le=3600
        )
        poll_s: float = setting(5.0, "Time between polls", "轮询间隔", unit="s", effect="restart", gt=0, le=3600)
        timeout_s: float = setting(10.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=300)
        columns: dict[str, str] = setting(dict, "Field to its column", "字段对应的列名", effect="restart")
        zone: str = setting("Asia/Shanghai", "Zone of times without one", "无时区时间所属时区", effect="restart")
        currency: str = setting("", "Currency (empty: the store's)", "金额币种（空：门店币种）", effect="restart", pattern="^([A-Z]{3})?$")
        minor_units: bool = setting(False, "Amounts are whole minor units", "金额以最小货币单位书写", effect="restart")
        till: str = setting("till-1", "Till where a receipt names none", "小票未注明时的收银台", effect="restart")
        channel: Channel = setting("till", "Channel where a receipt names none", "小票未注明时的渠道", effect="restart")
        method: Tender = setting("card", "Tender where a receipt names none", "小票未注明时的支付方式", effect="restart")
        max_amount: int = setting(1_000_000, "Largest amount taken in", "可接受的最大金额", unit="currency", effect="restart", ge=1)
        max_qty: float = setting(100_000.0, "Largest quantity taken in", "可接受的最大数量", effect="restart", gt=0)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._cursor: Any = FIRST[config.cursor_kind]
        self._zoned = False  # whether the rising column's times have a zone; they are kept in UTC then
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._held: dict[tuple[str, str], float] = {}
        self._most = config.overlap + BATCH

    def place(self) -> str:
        return str(self.config.address).partition("?")[0].rpartition("@")[2] or self.device

    @contextmanager
    def connect(self) -> Iterator[SqlLink]:
        config = self.config
        for name in ("receipts", "lines", *(("payments",) if config.payments else ())):
            need_reading(name, getattr(config, name))
        if ":cursor" not in config.receipts:
            raise DeviceError(Code.ILLEGAL, "receipts does not use :cursor", "receipts 查询未使用 :cursor")
        self._recall()
        password = self.secret(config.password) if config.password else ""
        with sql_link(config.address, config.user, password, config.timeout_s, self.place(), zone_of(config.zone)) as link:
            yield link

    def session(self, link: SqlLink) -> Facts:
        locked = False
        while not self.stopping.is_set():
            try:
                more = yield from self._poll(link)
                if locked:
                    yield from self.tell("online")
                    locked = False
            except DeviceError as error:
                if error.code is not Code.BUSY:
                    raise
                more, locked = False, True  # the till writes: the next look will do, and the connection is as good as it was
                yield from self.tell("degraded", code=error.word, words=error.words)
            if not more:
                self.stopping.wait(self.config.poll_s)

    def _poll(self, link: SqlLink) -> Any:
        """One look: what is new, and the cursor moved on once it is stored. True where more is to be had at once.

        A full page does not move the cursor on to its last place, which more receipts may share; where it brings nothing new, all of it
        is looked at again or of one place, and the next page is longer.
        """
        settled, safe, newest, fresh = Settled(), self._cursor, self._cursor, 0
        heads = link.rows("receipts", self.config.receipts, {"cursor": self._from()}, self._most)
        places, waits, full = [self._cursor_of(head) for head in heads], False, len(heads) >= self._most
        last = places[-1] if full else None
        keys = [(str(head.get(self._terms.name("receipt"))), str(head.get(self._terms.name("time")))) for head in heads]
        for head, key, place in zip(heads, keys, places, strict=True):
            if key not in self._seen:
                done = yield from self._receipt(link, head, key, settled)
                if self.stopping.is_set():
                    return False
                waits, fresh = waits or not done, fresh + done
            if place > newest and place != last:
                newest = place
            if not waits:
                safe = newest
        if not settled.all_stored(self.stopping):
            return False
        if not full:  # all that is looked at again is here: what is not will not come again
            self._seen = OrderedDict((key, None) for key in keys if key in self._seen)
            self._held = {key: self._held[key] for key in keys if key in self._held}
        if safe > self._cursor:
            self._cursor, self._most = safe, self.config.overlap + BATCH
            self._remember()
        elif full and not fresh:
            self._most *= 2
        if fresh:
            yield from self.tell("online", figures={"receipts": fresh, "refused": settled.refused, "waiting": len(self._held)})
        return full and not waits

    def _receipt(self, link: SqlLink, head: Mapping[str, Any], key: tuple[str, str], settled: Settled) -> Any:
        """Hand one receipt in; False while it waits to become whole."""
        config, values = self.config, {**head, "receipt": head.get(self._terms.name("receipt"))}
        lines = link.rows("lines", config.lines, values)
        payments = link.rows("payments", config.payments, values) if config.payments else []
        try:
            facts = receipt_facts(head, lines, payments, self._terms, self.device, self.now())
        except BadReceipt as fault:
            since = self._held.setdefault(key, time.monotonic())
            if not fault.whole and time.monotonic() - since < config.settle_s:
                return False
            facts = self._problem(fault)
        for fact in facts:
            settled.note((yield fact), self.stopping)
        self._held.pop(key, None)
        self._seen[key] = None
        while len(self._seen) > SEEN:
            self._seen.popitem(last=False)
        return True

    def _problem(self, fault: BadReceipt) -> list[Fact]:
        told = list(self.tell("degraded", code="bad_receipt", words=fault.words))
        text = fault.words.get(self.context.language, str(fault))
        data = {"device": self.device, "kind": self.kind, "state": "degraded", "code": "bad_receipt", "text": text}
        return told or [Fact(self.now(), "device.status", self.device, data)]

    @property
    def _terms(self) -> Terms:
        return Terms(zone=zone_of(self.config.zone), **{name: getattr(self.config, name) for name in NAMES})

    def _cursor_of(self, head: Mapping[str, Any]) -> Any:
        value, kind = head.get(self.config.cursor), self.config.cursor_kind
        try:
            if kind == "time":
                time_ = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
                self._zoned = time_.tzinfo is not None
                return time_.astimezone(UTC).replace(tzinfo=None) if self._zoned else time_
            return int(value) if kind == "number" and value is not None and not isinstance(value, bool) else str(value)
        except ValueError:
            pass
        name = self.config.cursor
        raise DeviceError(Code.FAILURE, f"receipts gives no {kind} in column '{name}'", f"receipts 查询的“{name}”列不是 {kind}")

    def _from(self) -> Any:
        kind, overlap = self.config.cursor_kind, self.config.overlap
        if kind == "number":
            return max(0, self._cursor - overlap)
        if kind == "text":
            return self._cursor
        begin = max(FIRST["time"], self._cursor - timedelta(seconds=overlap))
        return begin.replace(tzinfo=UTC) if self._zoned else begin

    def _mark(self) -> str:
        """What a remembered cursor is of."""
        config = self.config
        return hashlib.sha256(repr((config.address, config.receipts, config.cursor, config.cursor_kind)).encode()).hexdigest()[:16]

    def _recall(self) -> None:
        kept = self.context.memory.get("cursor", {})
        if kept.get("of") != self._mark():
            return
        place = kept["at"]
        if self.config.cursor_kind == "time":
            place = datetime.fromisoformat(place)
            self._zoned, place = place.tzinfo is not None, place.replace(tzinfo=None)
        self._cursor = max(self._cursor, place)

    def _remember(self) -> None:
        place = self._cursor
        if isinstance(place, datetime):
            place = (place.replace(tzinfo=UTC) if self._zoned else place).isoformat()
        self.context.memory["cursor"] = {"of": self._mark(), "at": place}
