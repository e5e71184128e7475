"""Rows of a CSV, JSON or JSON Lines text as a stream's data: columns named, cells turned into the types and units that its schema says.

A cell of money is an amount with decimals (`12.50`) and becomes whole minor units; a time without a zone is the config's; a list stands in
one cell, parted by `;`. What is wrong with a row is told by its number and field, never by what stands there; the other rows count.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from storeloom.core.kernel import schemas
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.json_points import value_at
from storeloom.hardware_adapters.links.signed import misfit

SEPARATORS = ",;\t|"
TRUE, FALSE = ("1", "true", "yes", "y", "是"), ("0", "false", "no", "n", "否")
# The field, or else a column of its own, that says when it happened.
TIMES: Mapping[str, str] = {"weather.forecast": "issued", "competitor.price": "seen", "social.mention": "time", "staff.clock": "time"}


class RowsConfig(SolutionConfig):
    """How rows are written. Columns called as the stream's fields need nothing."""

    columns: dict[str, str] = setting(dict, "Field to its column", "字段对应的列名", effect="restart")
    fixed: dict[str, str] = setting(dict, "Field to what it is in every row", "各行固定取值的字段", effect="restart")
    words: dict[str, dict[str, str]] = setting(dict, "Field to what its words mean", "字段取值的对应关系", effect="restart")
    names: list[str] = setting(list, "Columns where the file has no heading", "无表头时的列名", effect="restart")
    rows_path: str = setting("", "JSONPath of the rows in a JSON object", "JSON 对象中数据行的 JSONPath", effect="restart")
    zone: str = setting("Asia/Shanghai", "Zone of times without one", "无时区时间所属时区", effect="restart")
    encoding: Literal["auto", "utf-8", "gb18030", "utf-16"] = setting("auto", "Encoding", "文本编码", effect="restart")
    minor_units: bool = setting(False, "Amounts are whole minor units", "金额以最小货币单位书写", effect="restart")
    decimals: int = setting(2, "Decimals of amounts", "金额小数位数", effect="restart", ge=0, le=4)


class Row(NamedTuple):
    """A row's data and time, and a key that is the same for the same row."""

    data: dict[str, Any]
    time: datetime
    key: str


class BadRow(NamedTuple):
    """What is wrong with a row."""

    en: str
    zh: str


class _Wrong(Exception):
    def __init__(self, field: str, en: str, zh: str) -> None:
        super().__init__()
        self.field, self.en, self.zh = field, en, zh


class Rows:
    """Reads rows of one stream. DeviceError for settings that are not right."""

    def __init__(self, stream: str, config: RowsConfig) -> None:
        self.stream, self.config = stream, config
        self._fields: Mapping[str, Mapping[str, Any]] = schemas.load(schemas.stream_file(stream))["properties"]
        try:
            self._zone = ZoneInfo(config.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise DeviceError(Code.ILLEGAL, f"there is no time zone '{config.zone}'", f"没有时区“{config.zone}”") from error

    def read(self, content: bytes) -> Iterator[Row | BadRow]:
        """Each row that is not blank. DeviceError where the whole is no CSV or JSON."""
        for number, found in enumerate(self._raw(content), 1):
            try:
                row = self._row(found)
            except _Wrong as wrong:
                yield BadRow(f"row {number}, {wrong.field}: {wrong.en}", f"第 {number} 行 {wrong.field}：{wrong.zh}")
                continue
            misfits = misfit(self.stream, row.data)
            yield BadRow(f"row {number}: it does not fit at {misfits}", f"第 {number} 行不符合格式：{misfits}") if misfits else row

    def _raw(self, content: bytes) -> Iterator[Mapping[str, Any]]:
        text = decoded(content, self.config.encoding).strip("\ufeff \r\n\0")
        if text[:1] in ("[", "{"):
            yield from self._json(text)
            return
        lines = text.splitlines()
        heading = ",".join(self.config.names) if self.config.names else lines[0] if lines else ""
        first = lines[0] if lines else ""
        separator = max(SEPARATORS, key=first.count) if any(one in first for one in SEPARATORS) else " "
        names = self.config.names or [one.strip() for one in next(csv.reader([heading], delimiter=separator), [])]
        body = text if self.config.names else text.partition("\n")[2]
        try:
            for cells in csv.reader(io.StringIO(body, newline=""), delimiter=separator, skipinitialspace=separator == " "):
                if any(map(str.strip, cells)):
                    yield dict(zip(names, map(str.strip, cells), strict=False))
        except csv.Error as error:
            raise DeviceError(Code.FAILURE, f"no CSV: {error}", f"不是 CSV：{error}") from error

    def _json(self, text: str) -> Iterator[Mapping[str, Any]]:
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            try:
                found = [orjson.loads(line) for line in text.splitlines() if line.strip()]
            except orjson.JSONDecodeError as error:
                raise DeviceError(Code.FAILURE, f"no JSON: {error}", f"不是 JSON：{error}") from error
        if isinstance(found, dict):
            rows = value_at(found, self.config.rows_path) if self.config.rows_path else [found]
            found = rows if isinstance(rows, list) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise DeviceError(Code.FAILURE, "a list of JSON objects is wanted; set rows_path", "应为 JSON 对象列表，请设置 rows_path")
        yield from found

    def _row(self, found: Mapping[str, Any]) -> Row:
        config = self.config
        data: dict[str, Any] = {}
        for field, form in self._fields.items():
            raw = config.fixed[field] if field in config.fixed else found.get(config.columns.get(field, field))
            if isinstance(raw, str):
                raw = self._meaning(field, raw.strip())
            if raw is None or raw == "":
                continue
            data[field] = self._cell(field, form, raw)
        name = TIMES[self.stream]
        told = data.get(name) or found.get(config.columns.get(name, name))
        if not told:
            raise _Wrong(name, "a time is wanted", "缺少时间")
        time = self._moment(name, told)
        return Row(data, time, hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24])

    def _meaning(self, field: str, word: str) -> str:
        """What a word means where the config says so for its field; then others than those are wrong."""
        known = self.config.words.get(field)
        if not known or not word or word in known.values():
            return word
        if word not in known:
            raise _Wrong(field, "a word that is not in `words`", "`words` 中没有的取值")
        return known[word]

    def _cell(self, field: str, form: Mapping[str, Any], raw: Any) -> Any:
        kind = form.get("type")
        if form.get("x-money"):
            return self._money(field, raw)
        if form.get("format") == "date-time":
            return rfc3339(self._moment(field, raw))
        if kind in ("integer", "number"):
            return self._number(field, raw, whole=kind == "integer")
        if kind == "boolean":
            word = str(raw).lower()
            if word not in (*TRUE, *FALSE):
                raise _Wrong(field, "yes or no is wanted", "应为是或否")
            return word in TRUE
        if kind == "array" and isinstance(raw, str):
            return [one.strip() for one in raw.split(";") if one.strip()]
        return str(raw) if kind == "string" and isinstance(raw, (int, float)) and not isinstance(raw, bool) else raw

    def _money(self, field: str, raw: Any) -> int:
        amount = self._decimal(field, raw) * (1 if self.config.minor_units else 10**self.config.decimals)
        if amount != amount.to_integral_value():
            raise _Wrong(
                field, f"an amount of at most {self.config.decimals} decimals is wanted", f"金额最多 {self.config.decimals} 位小数"
            )
        return int(amount)

    def _number(self, field: str, raw: Any, *, whole: bool) -> int | float:
        number = self._decimal(field, raw)
        if whole and number != number.to_integral_value():
            raise _Wrong(field, "a whole number is wanted", "应为整数")
        return int(number) if whole else float(number)

    @staticmethod
    def _decimal(field: str, raw: Any) -> Decimal:
        try:
            number = Decimal(str(raw).strip()) if not isinstance(raw, bool) else Decimal("nan")
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite() or abs(number) > 10**12:
            raise _Wrong(field, "a number is wanted", "应为数字")
        return number

    def _moment(self, field: str, raw: Any) -> datetime:
        try:
            time = datetime.fromisoformat(str(raw).strip().replace("/", "-"))
            return parse_time(time if time.tzinfo else time.replace(tzinfo=self._zone))
        except (ValueError, OverflowError):
            raise _Wrong(field, "a time as 2026-03-02T18:05:00 is wanted", "应为时间，如 2026-03-02T18:05:00") from None


def decoded(content: bytes, encoding: str) -> str:
    """A text; `auto` is UTF-8, UTF-16 with its mark, else GB18030. DeviceError where it is none of that encoding."""
    if encoding == "auto":
        marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        tried = ("utf-16",) if marked else ("utf-8", "gb18030")
    else:
        tried = (encoding,)
    for one in tried:
        try:
            return content.decode(one)
        except UnicodeDecodeError:
            continue
    raise DeviceError(Code.FAILURE, f"no text in {' or '.join(tried)}", f"不是 {'、'.join(tried)} 文本")
