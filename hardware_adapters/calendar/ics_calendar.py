"""A calendar in iCalendar form (RFC 5545), from a file or an address that is looked at again and again, on the library icalendar.

Each entry becomes `calendar.event`; one that repeats (RRULE, RDATE, EXDATE, RECURRENCE-ID) is unfolded within `days_back` and `days_ahead`.
Days without a time begin and end by the store's zone. What kind an entry is says the first word of `kinds` that stands in its name or
categories: published calendars of holidays mark working days by 班 and days off by 休. A cancelled entry is left out; one that was told and
then vanishes cannot be taken back, for the stream has no word for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.feed import Document, FeedConfig, FeedDriver

Kind = Literal[
    "public_holiday", "workday", "school", "festival", "promotion", "local", "payday", "sport", "relayout", "closure", "short_day"
]  # fmt: skip
KINDS = {
    "班": "workday",
    "补班": "workday",
    "休": "public_holiday",
    "闭店": "closure",
    "促销": "promotion",
    "比赛": "sport",
    "开学": "school",
}
MOST = 2000
DAY = timedelta(days=1)


class IcsCalendar(FeedDriver):
    zh, en = "日历（iCalendar）", "Calendar (iCalendar)"
    purpose_zh = "读取 iCalendar 日历文件或订阅地址，展开重复事件，输出节假日、调休、促销等日历事件。"
    kind = "calendar"
    feeds = ("calendar.event", "device.status")
    twin = "storeloom.hardware_adapters.calendar.ics_calendar_twin:IcsCalendarTwin"

    class Config(FeedConfig):
        address: str = setting(
            "",
            "Address: https://HOST/PATH.ics; empty where a file is read",
            "订阅地址：https://主机/路径.ics，读取文件时留空",
            effect="restart",
            pattern=r"^(https?://[^/@\s?#]+(/[^\s?#]*)?)?$",
        )
        file: str = setting("", "File, in place of an address", "日历文件（代替订阅地址）", effect="restart")
        look_s: float = setting(3600.0, "Time between looks", "查看间隔", unit="s", effect="restart", gt=0, le=86400)
        zone: str = setting("Asia/Shanghai", "Zone of days and of times without one", "全天事件与无时区时间所属时区", effect="restart")
        kind: Kind = setting("public_holiday", "Kind of entries without a word of their own", "未匹配时的事件类型", effect="restart")
        kinds: dict[str, Kind] = setting(lambda: dict(KINDS), "Word to the kind that it tells", "关键词对应的事件类型", effect="restart")
        days_back: int = setting(7, "Days back", "回溯天数", unit="d", effect="restart", ge=0, le=366)
        days_ahead: int = setting(400, "Days ahead", "展望天数", unit="d", effect="restart", ge=1, le=1500)

    @cached_property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.config.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise DeviceError(Code.ILLEGAL, f"there is no time zone '{self.config.zone}'", f"没有时区“{self.config.zone}”") from error

    def look(self) -> Iterator[Fact]:
        if not self.config.file and not self.config.address:
            raise DeviceError(Code.ILLEGAL, "neither an address nor a file is set", "未设置订阅地址或日历文件")
        yield from super().look()

    def read(self, document: Document) -> Iterator[Fact]:
        from icalendar import Calendar

        try:
            calendars = Calendar.from_ical(document.content, multiple=True)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise DeviceError(Code.FAILURE, "its answer is no iCalendar", "内容不是 iCalendar 日历") from error
        entries = [one for calendar in calendars for one in calendar.walk("VEVENT")]
        if not calendars:
            raise DeviceError(Code.FAILURE, "its answer is no iCalendar", "内容不是 iCalendar 日历")
        moved = {(str(one.get("UID")), self._at(one.decoded("RECURRENCE-ID"))) for one in entries if "RECURRENCE-ID" in one}
        for number, entry in enumerate(entries, 1):
            try:
                yield from self._facts(entry, moved)
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
                self.bad(f"entry {number} of the calendar makes no sense", f"日历第 {number} 个事件无法识别")

    def _facts(self, entry: Any, moved: set[tuple[str, datetime]]) -> Iterator[Fact]:
        if str(entry.get("STATUS", "")).upper() == "CANCELLED":
            return
        uid, name = str(entry["UID"]), " ".join(str(entry.get("SUMMARY", "")).split())
        first = entry.decoded("DTSTART")
        lasting = self._lasting(entry, first)
        stamp = entry.decoded("LAST-MODIFIED", None) or entry.decoded("DTSTAMP", None)
        told = self._at(stamp) if stamp is not None else None
        repeats = any(name in entry for name in ("RRULE", "RDATE"))
        low, high = self.now() - self.config.days_back * DAY, self.now() + self.config.days_ahead * DAY
        for begins in islice(self._begins(entry, first, low - lasting, high), MOST):
            begin = self._at(begins)
            if begin + lasting <= low or begin >= high or ("RECURRENCE-ID" not in entry and (uid, begin) in moved):
                continue
            if isinstance(first, datetime) or not isinstance(begins, date):
                end = begin + lasting
            else:
                end = self._at(begins + lasting)
            single = f"{uid}|{rfc3339(begin)}" if repeats or "RECURRENCE-ID" in entry else uid
            kind = self._kind(name, entry)
            data = {"event": single, "kind": kind, "name": name, "from": rfc3339(begin), "to": rfc3339(end)}
            yield Fact(self.now(), "calendar.event", self.device, data, None if told is None or told > self.now() else told, single)

    def _lasting(self, entry: Any, first: date) -> timedelta:
        """How long an entry lasts: to its end, for its duration, else a day or no time (RFC 5545, 3.6.1)."""
        if "DTEND" in entry:
            end = entry.decoded("DTEND")
            if isinstance(first, datetime) != isinstance(end, datetime):
                raise ValueError("a day and a time")
            lasting: timedelta = self._at(end) - self._at(first) if isinstance(first, datetime) else end - first
        elif "DURATION" in entry:
            lasting = entry.decoded("DURATION")
        else:
            lasting = timedelta(0) if isinstance(first, datetime) else DAY
        if lasting < timedelta(0):
            raise ValueError("it ends before it begins")
        return lasting

    def _begins(self, entry: Any, first: date, low: datetime, high: datetime) -> Iterator[date]:
        """When it begins, each time; by the clocks of the zone that it is written in."""
        if "RRULE" not in entry and "RDATE" not in entry:
            yield first
            return
        from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

        zone = first.tzinfo if isinstance(first, datetime) and first.tzinfo else self.zone
        plain = first.replace(tzinfo=None) if isinstance(first, datetime) else datetime.combine(first, time())
        left_out = {_plain(one, zone) for one in _dates(entry, "EXDATE")}
        found = {_plain(one, zone) for one in _dates(entry, "RDATE")} | {plain}
        rules = entry.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            if str(rule.get("FREQ", [""])[0]).upper() in ("SECONDLY", "MINUTELY"):
                raise ValueError("too often for a store's calendar")
            text = _until_plain(rule, zone)
            start, stop = low.astimezone(zone).replace(tzinfo=None), high.astimezone(zone).replace(tzinfo=None)
            found |= set(islice(rrulestr(text, dtstart=plain).xafter(start, inc=True), MOST)) if start > plain else set()
            if start <= plain:
                found |= set(islice(rrulestr(text, dtstart=plain), MOST))
            found = {one for one in found if one <= stop}
        for one in sorted(found - left_out):
            yield one.replace(tzinfo=zone) if isinstance(first, datetime) else one.date()

    def _at(self, moment: date) -> datetime:
        """The instant of a day's beginning or of a time, in UTC."""
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)

    def _kind(self, name: str, entry: Any) -> str:
        told = entry.get("CATEGORIES")
        categories = " ".join(str(one) for one in getattr(told, "cats", [])) if told is not None else ""
        kinds: Mapping[str, str] = self.config.kinds
        return next((kind for word, kind in kinds.items() if word in name or word in categories), self.config.kind)


def _dates(entry: Any, name: str) -> Iterator[date]:
    told = entry.get(name, [])
    for group in told if isinstance(told, list) else [told]:
        for one in group.dts:
            if isinstance(one.dt, tuple):
                yield one.dt[0]
            else:
                yield one.dt


def _plain(moment: date, zone: Any) -> datetime:
    """A time as the zone's clocks show it."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment


def _until_plain(rule: Any, zone: Any) -> str:
    """A rule as text whose end is a time of the zone's clocks, as its beginning is."""
    ends = [_plain(one, zone) if isinstance(one, datetime) else datetime.combine(one, time.max) for one in rule.get("UNTIL", [])]
    parts = [part for part in rule.to_ical().decode().split(";") if not part.upper().startswith("UNTIL=")]
    return ";".join([*parts, *(f"UNTIL={end:%Y%m%dT%H%M%S}" for end in ends)])
