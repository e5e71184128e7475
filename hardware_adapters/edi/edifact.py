"""EDIFACT interchanges (ISO 9735), on pydifact: told apart into messages, each checked by itself: a faulty one holds up no other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

# ISO 9735 syntax identifiers (data element 0001) and their character sets.
CHARSETS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOW": "utf-8",
    "UNOX": "iso2022_jp",
    "UNOY": "utf-8",
}
DATES = {"102": "%Y%m%d", "203": "%Y%m%d%H%M", "204": "%Y%m%d%H%M%S", "101": "%y%m%d", "201": "%y%m%d%H%M"}
PERIODS = {"718": ("%Y%m%d", 8), "719": ("%Y%m%d%H%M", 12)}


class Faulty(Exception):
    """What is wrong, at a segment: its number in the message (UNH is 1) and its tag. `words` say it without the place."""

    def __init__(self, number: int, tag: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.number, self.tag, self.en, self.zh = number, tag, en, zh


@dataclass(frozen=True)
class Segment:
    """A segment and its number in its message; `at(2, 0)` is the first component of the second data element, empty where it lacks."""

    number: int
    tag: str
    elements: Sequence[str | Sequence[str]]

    def at(self, element: int, component: int = 0) -> str:
        if element > len(self.elements):
            return ""
        one = self.elements[element - 1]
        parts = [one] if isinstance(one, str) else one
        return parts[component].strip() if component < len(parts) else ""

    def bad(self, en: str, zh: str) -> Faulty:
        return Faulty(self.number, self.tag, en, zh)


@dataclass
class Message:
    """A message from UNH to UNT. `sender` and `control` are the interchange's; `fault` is why its end cannot be trusted."""

    sender: str
    control: str
    segments: list[Segment] = field(default_factory=list)
    fault: Faulty | None = None
    mark: str = "."

    @property
    def ref(self) -> str:
        return self.segments[0].at(1)

    @property
    def type(self) -> str:
        return self.segments[0].at(2)

    @property
    def directory(self) -> str:
        """As `D.96A`."""
        return f"{self.segments[0].at(2, 1)}.{self.segments[0].at(2, 2)}"

    def check(self) -> None:
        """Faulty where UNT is missing, or its count or reference is another than what came (ISO 9735, 0074 and 0062)."""
        if self.fault is not None:
            raise self.fault
        end = self.segments[-1]
        if end.at(1) != str(len(self.segments)):
            raise end.bad(
                f"it counts {end.at(1) or 'no'} segments, {len(self.segments)} came",
                f"声明 {end.at(1) or '无'} 段，实收 {len(self.segments)} 段",
            )
        if end.at(2) != self.ref:
            raise end.bad(f"its reference is {end.at(2)}, that of UNH {self.ref}", f"参考号为 {end.at(2)}，UNH 为 {self.ref}")

    def first(self, tag: str, **wanted: str) -> Segment | None:
        """The first segment of a tag whose first component of the first element is `code`."""
        return next((one for one in self.segments if one.tag == tag and wanted.get("code", one.at(1)) == one.at(1)), None)


def text_of(content: bytes, encoding: str) -> str:
    """An interchange as text, by its own syntax identifier where no encoding is set. UnicodeError, LookupError."""
    start = content.find(b"UNB")
    named = content[start + 4 : start + 8].decode("ascii", "replace") if start >= 0 else ""
    return content.decode(encoding or CHARSETS.get(named, "iso8859-1"))


def messages(text: str) -> Iterator[Message]:
    """The messages of one or more interchanges. Faulty, as the last, where the text is no EDIFACT from some place on; its number is 0."""
    from pydifact.exceptions import EDISyntaxError, MissingImplementationWarning
    from pydifact.parser import Parser

    warnings.filterwarnings("ignore", category=MissingImplementationWarning)  # it brings tables of few directories
    sender = control = ""
    mark = "."
    open_: Message | None = None
    try:
        for raw in Parser().parse(text):
            if raw.tag == "UNA":
                mark = str(raw.elements[0])[2:3] or "."
                continue
            if raw.tag == "UNB":
                head = Segment(0, raw.tag, raw.elements)
                sender, control = head.at(2), head.at(5)
            if raw.tag in ("UNH", "UNB", "UNZ") and open_ is not None:
                open_.fault = Faulty(len(open_.segments), open_.segments[-1].tag, "UNT is missing after it", "其后缺少 UNT")
                yield open_
                open_ = None
            if raw.tag == "UNH":
                open_ = Message(sender, control, [], None, mark)
            if open_ is not None:
                open_.segments.append(Segment(len(open_.segments) + 1, raw.tag, raw.elements))
                if raw.tag == "UNT":
                    yield open_
                    open_ = None
            elif raw.tag not in ("UNB", "UNZ", "UNG", "UNE"):
                raise Faulty(0, raw.tag, "it stands outside of a message", "位于报文之外")
    except (EDISyntaxError, ValueError, IndexError, TypeError, KeyError, AttributeError, AssertionError) as error:
        if open_ is not None:
            open_.fault = Faulty(
                len(open_.segments),
                open_.segments[-1].tag,
                f"what follows is cut off or no EDIFACT ({error})",
                f"其后内容被截断或不是 EDIFACT（{error}）",
            )
            yield open_
            return
        raise Faulty(0, "UNB", f"it is no EDIFACT ({error})", f"不是 EDIFACT（{error}）") from error
    if open_ is not None:
        open_.fault = Faulty(len(open_.segments), open_.segments[-1].tag, "UNT is missing after it", "其后缺少 UNT")
        yield open_


def number(segment: Segment, element: int, component: int, mark: str = ".") -> Decimal:
    """A numeric component, with the interchange's decimal mark or a full stop. Faulty."""
    text = segment.at(element, component)
    try:
        found = Decimal(text.replace(mark, "."))
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or abs(found) > 10**12:
        raise segment.bad(f"'{text}' is no number", f"“{text}”不是数字")
    return found


def time(segment: Segment, zone: ZoneInfo) -> datetime:
    """A DTM's time in UTC; a day alone counts as its noon in the store's zone, a period as its begin. Faulty."""
    text, form = segment.at(1, 1), segment.at(1, 2) or "102"
    pattern, length = PERIODS.get(form, (DATES.get(form, ""), len(text)))
    try:
        if form == "303":
            offset = timedelta(hours=int(text[12:15]))
            return (datetime.strptime(text[:12], "%Y%m%d%H%M") - offset).replace(tzinfo=UTC)
        found = datetime.strptime(text[:length], pattern)
    except ValueError:
        raise segment.bad(f"'{text}' is no time of format {form}", f"“{text}”不是格式 {form} 的时间") from None
    return (found if "%H" in pattern else found.replace(hour=12)).replace(tzinfo=zone).astimezone(UTC)


def day(segment: Segment) -> str:
    """A DTM's day, ISO 8601. Faulty."""
    text, form = segment.at(1, 1), segment.at(1, 2) or "102"
    try:
        pattern = DATES[form].partition("%H")[0]
        return datetime.strptime(text[: 6 if form in ("101", "201") else 8], pattern).date().isoformat()
    except (ValueError, KeyError):
        raise segment.bad(f"'{text}' is no day of format {form}", f"“{text}”不是格式 {form} 的日期") from None
