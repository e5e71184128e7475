"""Cabinets, lockers and vending machines behind an MQTT broker: one engine; a kind is a preset of it.

Under `BASE/command` the controller gets a JSON object: `id` (of the command), `do` (`open`, or `vend` at a vending machine),
`session`, `reason`, and where given `cell`, `seconds`, `member`, `staff`; under `BASE/answer` it answers with `id`, `ok` and where it
refuses `code` and `text`. What happens comes as

- `BASE/event`: `kind` and `seq` as in `cabinet.event`, and what else that stream has; `time` (RFC 3339) where it has a clock, `id` of the
  command that it answers;
- `BASE/door/CELL`: `open` or `closed`, as text or as `state` of an object;
- `BASE/weight/CELL`: grams as a number, or an object with `weight_g` and `stable`. With a `goods` row for the cell a change becomes what
  was taken or put in, the first weight what is there;
- `BASE/tags/CELL`: `epcs`, all tags that are inside (SGTIN as pure identity URN; GS1 EPC Tag Data Standard 2.0, 6.3.1); a change becomes
  what was taken or put in;
- `BASE/state`: `doors`, `locks` (cell to `open`, `closed`, `locked`, `unlocked`), `temperature_c`, `battery_pct`, `firmware`, `error`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import orjson

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.hardware_adapters.links.answers import REMEMBERED, Answers
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.kept import Kept
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver

KINDS = ("opened", "closed", "pick", "put", "stock", "timeout", "alarm")
TEXTS, NUMBERS = ("session", "cell", "payment", "member", "staff"), ("weight_g", "temperature_c")
PLACES = ("event", "answer", "state", "door/+", "weight/+", "tags/+")
CODES = {"busy": Code.BUSY, "no_cell": Code.NO_EXIST, "illegal": Code.ILLEGAL}
SGTIN = "urn:epc:id:sgtin:"


class Goods(SolutionConfig):
    """What lies on the scale of a cell."""

    cell: str = setting("", "Cell", "格口", min_length=1)
    gtin: str = setting("", "Product", "商品", min_length=1)
    weight_g: float = setting(100.0, "Weight of one", "单件重量", unit="g", gt=0)
    tolerance_g: float = setting(5.0, "How far the weight of one may be off", "单件重量误差", unit="g", ge=0)


class CabinetConfig(MqttConfig):
    """A controller and what is inside."""

    base: str = setting("cabinet", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
    cabinet: str = setting("", "Its id in the store; empty: the device's", "门店中的编号，留空则取设备号", effect="restart")
    answer_s: float = setting(10.0, "Time to carry out a command", "执行指令的时限", unit="s", gt=0, le=120)
    goods: list[Goods] = setting(list, "Products on scales", "称重格口的商品")


class CabinetDriver(MqttDriver):
    """The engine. `word` is what the controller is told to do; `needs_cell` says that a command makes no sense without a cell."""

    feeds = ("cabinet.event", "device.status")
    takes = ("cabinet.open",)
    word: ClassVar[str] = "open"
    needs_cell: ClassVar[bool] = False

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._answers = Answers(Kept(self, "done", REMEMBERED))
        self._seq = 0
        self._weights: dict[str, float] = {}
        self._tags: dict[str, frozenset[str]] = {}
        self._sessions: dict[str, str] = {}

    @property
    def cabinet(self) -> str:
        return str(self.config.cabinet or self.device)

    def topics(self) -> Mapping[str, int]:
        return {f"{self.config.base}/{place}": 1 for place in PLACES}

    def heard(self, message: Message) -> Iterator[Fact]:
        what, _, cell = message.topic.removeprefix(f"{self.config.base}/").partition("/")
        if what == "answer":
            told = message.json_object()
            self._answers.came(str(told.get("id", "")), told, told.get("ok") is True)
        elif what == "event":
            yield self._event(message)
        elif what == "state":
            yield from self._state(message)
        elif what == "door":
            yield from self._door(message, cell)
        elif what == "weight":
            yield from self._weight(message, cell)
        else:
            yield from self._inside(message, cell)

    def _fact(self, kind: str, at: datetime | None = None, key: str | None = None, **more: Any) -> Fact:
        seq = more.pop("seq", None)
        if seq is None:
            self._seq = seq = max(self._seq + 1, time.time_ns() // 1_000_000)
        data = {
            "cabinet": self.cabinet,
            "kind": kind,
            "seq": seq,
            **{name: value for name, value in more.items() if value not in (None, "")},
        }
        return Fact(self.now(), "cabinet.event", self.device, data, at, key)

    def _event(self, message: Message) -> Fact:
        told = message.json_object()
        kind, seq = told.get("kind"), told.get("seq")
        if kind not in KINDS or isinstance(seq, bool) or not isinstance(seq, int):
            raise BadMessage(f"{message.topic}: no kind or seq: {kind}, {seq}", f"{message.topic}：缺少类型或序号 {kind}, {seq}")
        data: dict[str, Any] = {name: str(told[name]) for name in TEXTS if told.get(name) is not None}
        data |= {name: _number(told[name], message.topic) for name in NUMBERS if told.get(name) is not None}
        if "items" in told:
            data["items"] = _items(told["items"], message.topic)
        try:
            at = parse_time(told["time"]) if "time" in told else None
        except (TypeError, ValueError) as error:
            raise BadMessage(f"{message.topic}: no time: {told['time']}", f"{message.topic}：不是时间 {told['time']}") from error
        if kind == "opened" and "session" in data:
            self._sessions[str(data.get("cell", ""))] = data["session"]
        return self._fact(str(kind), at, f"{kind}|{seq}", seq=seq, cmd=str(told.get("id", "")), **data)

    def _door(self, message: Message, cell: str) -> Iterator[Fact]:
        text = message.text().strip()
        told = message.json_object() if text.startswith("{") else {"state": text}
        kind = {"open": "opened", "closed": "closed"}.get(str(told.get("state")))
        if kind is None:
            raise BadMessage(f"{message.topic}: neither open nor closed", f"{message.topic}：门状态无法识别")
        yield self._fact(kind, cell=cell, session=str(told.get("session") or self._sessions.get(cell, "")), cmd=str(told.get("id", "")))

    def _weight(self, message: Message, cell: str) -> Iterator[Fact]:
        told = message.json()
        if isinstance(told, dict) and told.get("stable") is False:
            return
        weight = _number(told.get("weight_g") if isinstance(told, dict) else told, message.topic)
        goods = next((one for one in self.config.goods if one.cell == cell), None)
        before, self._weights[cell] = self._weights.get(cell), weight
        if goods is None:
            return
        change = weight - (before or 0.0)
        count = round(change / goods.weight_g)
        if before is None:
            yield self._fact("stock", cell=cell, items=[{"gtin": goods.gtin, "qty": max(0, count)}], weight_g=weight)
        elif abs(change - count * goods.weight_g) > goods.tolerance_g * max(1, abs(count)):
            yield self._fact("alarm", cell=cell, session=self._sessions.get(cell, ""), weight_g=change)
        elif count:
            items = [{"gtin": goods.gtin, "qty": abs(count)}]
            yield self._fact("pick" if count < 0 else "put", cell=cell, session=self._sessions.get(cell, ""), items=items, weight_g=change)

    def _inside(self, message: Message, cell: str) -> Iterator[Fact]:
        told = message.json_object().get("epcs")
        if not isinstance(told, list):
            raise BadMessage(f"{message.topic}: no list of epcs", f"{message.topic}：缺少标签列表")
        now = frozenset(str(one) for one in told)
        before = self._tags.get(cell)
        changes = [("stock", now)] if before is None else [("pick", before - now), ("put", now - before)]
        found = [(kind, Counter(gtin_of(epc) for epc in epcs)) for kind, epcs in changes if epcs or before is None]
        self._tags[cell] = now
        for kind, counts in found:
            items = [{"gtin": gtin, "qty": qty} for gtin, qty in sorted(counts.items())]
            yield self._fact(kind, cell=cell, session=self._sessions.get(cell, ""), items=items)

    def _state(self, message: Message) -> Iterator[Fact]:
        told = message.json_object()
        figures: dict[str, float | str] = {
            name: _number(told[name], message.topic) for name in ("temperature_c", "battery_pct") if told.get(name) is not None
        }
        for name, word in (("doors", "open"), ("locks", "unlocked")):
            if isinstance(told.get(name), dict):
                figures[f"{name}_{word}"] = float(sum(state == word for state in told[name].values()))
        error = str(told.get("error") or "")
        words = {"en": f"the controller reports {error}", "zh": f"控制器报告 {error}"} if error else {"en": "", "zh": ""}
        yield from self.tell(
            "fault" if error else "online", code=error, words=words, figures=figures, firmware=str(told.get("firmware", ""))
        )

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        return bool(data["cabinet"] == self.cabinet)

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        if self.needs_cell and not data.get("cell"):
            raise DeviceError(Code.ILLEGAL, "a cell must be named", "须指定格口")
        cmd = str(data.get("cmd") or f"{data['session']}|{data.get('cell', '')}")
        body = {"id": cmd, "do": self.word, "session": data["session"], "reason": data["reason"]}
        body |= {name: data[name] for name in ("cell", "seconds", "member", "staff") if name in data}
        with self.linked() as link:
            answer = self._answers.ask(cmd, lambda: link.publish(f"{self.config.base}/command", orjson.dumps(body)), self.config.answer_s)
        if answer is None:
            raise of_os(TimeoutError(), self.cabinet)
        if answer.get("ok") is not True:
            code, why = str(answer.get("code", "")), str(answer.get("text") or answer.get("code") or "")
            raise DeviceError(CODES.get(code, Code.FAILURE), f"it does not open: {why}", f"未开启：{why}")
        self._sessions[str(data.get("cell", ""))] = str(data["session"])
        return ()


def gtin_of(epc: str) -> str:
    """The GTIN-14 in an SGTIN (indicator, company prefix, item reference, check digit). BadMessage for another EPC."""
    parts = epc.removeprefix(SGTIN).split(".")
    if not epc.startswith(SGTIN) or len(parts) != 3 or not (parts[0] + parts[1]).isdigit() or len(parts[0] + parts[1]) != 13:
        raise BadMessage(f"no SGTIN: {epc}", f"不是 SGTIN：{epc}")
    digits = parts[1][0] + parts[0] + parts[1][1:]
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _number(value: Any, topic: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadMessage(f"{topic}: no number: {value}", f"{topic}：不是数值 {value}")
    return float(value)


def _items(told: Any, topic: str) -> list[dict[str, Any]]:
    try:
        return [{"gtin": str(one["gtin"]), "qty": int(one["qty"])} for one in told]
    except (KeyError, TypeError, ValueError) as error:
        raise BadMessage(f"{topic}: items have no gtin and qty", f"{topic}：物品缺少商品码或数量") from error
