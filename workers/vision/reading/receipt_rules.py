"""What a receipt's lines say: whose it is, its number, its time and its total; and what must be blanked before any of it is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from storeloom.workers.vision.reading.amounts import amounts, plain
from storeloom.workers.vision.reading.results import Text

HEADER_ROWS = 6
NAME_DISTANCE = 2
COLON = r"[\s:：.#=]*"
TAX = re.compile(
    r"(?:纳税人识别号|统一社会信用代码|信用代码|纳税号|税\s*号|\b(?:vat|gst|tax)\s*(?:reg(?:istration)?)?\s*(?:id|no|number)?\b\.?)"
    rf"{COLON}(?P<value>[0-9A-Z][0-9A-Z -]{{6,22}}[0-9A-Z])",
    re.I,
)
NUMBER = re.compile(
    r"(?:小票(?:单)?号码?|收据号|流水号|交易(?:单)?号|单据号|销售单号|订单号|账单号|票号|单号|小票"
    r"|\b(?:receipt|invoice|bill|check|ticket|order|trans(?:action)?|docket)\b\s*(?:no|number|num|id)?\b\.?)"
    rf"{COLON}(?P<value>(?=[A-Z-]*\d)[0-9A-Z][0-9A-Z-]{{2,23}})",
    re.I,
)
CLOCK = r"(?P<hour>[01]?\d|2[0-3])\s*[::时]\s*(?P<minute>[0-5]\d)(?:\s*[::分]\s*(?P<second>[0-5]\d))?\s*(?P<half>[ap]\.?m\b)?"
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
NAMED = rf"(?P<named>{'|'.join(MONTHS)})[a-z]*\.?"
DAYS = tuple(
    re.compile(form, re.I)
    for form in (
        r"(?<!\d)(?P<year>20\d\d)\s*[-./年]\s*(?P<month>\d{1,2})\s*[-./月]\s*(?P<day>\d{1,2})(?:日|(?!\d)|(?=\d\d:))",
        rf"(?<!\d)(?P<day>\d{{1,2}})[ -]?{NAMED}[ -,]*(?P<year>20\d\d)(?!\d)",
        rf"{NAMED}\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ ,]*(?P<year>20\d\d)(?!\d)",
        r"(?<!\d)(?P<one>\d{1,2})\s*[-./]\s*(?P<other>\d{1,2})\s*[-./]\s*(?P<year>20\d\d)(?!\d)",
    )
)
CLOCKS = re.compile(rf"(?<!\d){CLOCK}", re.I)
TOTALS = (
    re.compile(r"应\s*付|应\s*收|实\s*付|grand\s*total|(?:total|amount|balance)\s*due|amount\s*payable|to\s*pay", re.I),
    re.compile(r"合\s*计|总\s*计|总\s*额|总\s*金\s*额|(?<!sub)(?<!sub )(?<!sub-)\btotal\b|\bamount\b", re.I),
    re.compile(r"实\s*收|付\s*款|支\s*付", re.I),
)
NO_TOTAL = re.compile(
    r"sub[ -]?total|小\s*计|数量|件数|税额|tax|vat|gst|sav(?:ed|ings?)|discount|优惠|折扣|找零|change|points|积分|items?\b", re.I
)
CARD = re.compile(r"(?<![\dA-Za-z])(?=(?:[\d*xX#•][ -]?){12,19})[\d*xX#•](?:[ -]?[\d*xX#•]){11,18}(?![\dA-Za-z])")
CARD_WORD = re.compile(
    rf"((?:银行)?卡\s*号|账\s*号|帐\s*号|\b(?:card|account|acct|pan)\b\s*(?:no|number)?\b\.?)({COLON})([\d*xX#•][\d*xX#• -]{{2,}})", re.I
)
PHONE = re.compile(r"(?<!\d)1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")
NAMES = re.compile(
    r"(姓\s*名|会员(?:姓名|名称)?|顾客|客户|收\s*银\s*员?|营业员|店员|服务员|导购|持卡人"
    r"|\b(?:cardholder|customer|member|cashier|clerk|operator|served by|server|your host|guest)\b(?:\s*name)?)"
    r"(\s*[:：=]\s*|\s+)([^\d\s:：][^\d:：]*)",
    re.I,
)


@dataclass(frozen=True)
class Field:
    """A field's value as printed, and the probability of the least sure of its characters."""

    value: str
    score: float


@dataclass(frozen=True)
class Receipt:
    """What a receipt says; None where it does not say it. `header` are its first lines, of which one names the shop.

    `time` is the till's local time, a date alone where no time of day is printed; `total` is in minor units.
    `hash` are the 64 bits of its picture as 16 hex digits, None without picture.
    """

    header: tuple[Field, ...]
    tax: Field | None
    number: Field | None
    time: datetime | date | None
    time_score: float
    total: int | None
    total_score: float
    text: str
    hash: str | None = None


@dataclass(frozen=True)
class Row:
    """A printed line, put together from its parts left to right, with the probability of each of its characters."""

    text: str
    chances: tuple[float, ...]

    def least(self, start: int = 0, end: int | None = None) -> float:
        return min((c for c, letter in zip(self.chances[start:end], self.text[start:end], strict=True) if letter != " "), default=0.0)

    def field(self, match: re.Match[str]) -> Field:
        value = re.sub(r"[ ]", "", match["value"]).strip("-")
        return Field(value.upper(), self.least(*match.span("value")))


def rows_of_parts(texts: Sequence[Text]) -> list[list[Text]]:
    """The printed lines from top to bottom; parts side by side are one line, from left to right."""
    groups: list[list[Text]] = []
    for part in sorted(texts, key=lambda one: one.box[1] + one.box[3] / 2):
        middle = part.box[1] + part.box[3] / 2
        last = groups[-1][0] if groups else None
        if last is not None and abs(middle - last.box[1] - last.box[3] / 2) < min(last.box[3], part.box[3]) / 2:
            groups[-1].append(part)
        else:
            groups.append([part])
    return [sorted(group, key=lambda one: one.box[0]) for group in groups]


def row_of(parts: Sequence[Text]) -> Row:
    """A printed line from its parts."""
    letters, chances = "", list[float]()
    for part in parts:
        if letters:
            letters, chances = letters + " ", [*chances, 1.0]
        letters += part.text
        chances += part.chances if len(part.chances) == len(part.text) else [part.score] * len(part.text)
    return Row(plain(letters), tuple(chances))


def understand(texts: Sequence[Text], on: date, *, minor_digits: int = 2, hash64: str | None = None) -> Receipt:
    """A receipt from its lines. `on` is the day it is read on: a date that may be read two ways is the latest of them up to that day."""
    rows = [row_of(parts) for parts in rows_of_parts(texts)]
    moment, time_score = _time(rows, on)
    total, total_score = _total(rows, minor_digits)
    header = tuple(Field(row.text, _mean(row.chances)) for row in rows[:HEADER_ROWS])
    text = "\n".join(blanked(row.text) for row in rows)
    return Receipt(header, _found(rows, TAX), _found(rows, NUMBER), moment, time_score, total, total_score, text, hash64)


def _mean(chances: Sequence[float]) -> float:
    return sum(chances) / len(chances) if chances else 0.0


def _found(rows: Iterable[Row], form: re.Pattern[str]) -> Field | None:
    """The first field of this form."""
    matches = ((row, match) for row in rows for match in form.finditer(row.text))
    return next((row.field(match) for row, match in matches), None)


def _time(rows: Iterable[Row], on: date) -> tuple[datetime | date | None, float]:
    """The first date that may be the day of sale, with the time of day beside it or on the next line."""
    lines = list(rows)
    for number, row in enumerate(lines):
        for form in DAYS:
            for match in form.finditer(row.text):
                day = _day(match, on)
                if day is None:
                    continue
                score = row.least(*match.span())
                for later, start in ((row, match.end()), *((line, 0) for line in lines[number + 1 : number + 2])):
                    clock = CLOCKS.search(later.text[start:])
                    if clock is not None:
                        span = start + clock.start(), start + clock.end()
                        return datetime.combine(day, _clock(clock)), min(score, later.least(*span))
                return day, score
    return None, 0.0


def _day(match: re.Match[str], on: date) -> date | None:
    parts = match.groupdict()
    year = int(parts["year"])
    if parts.get("one"):
        one, other = int(parts["one"]), int(parts["other"])
        days = [day for day in (_valid(year, other, one), _valid(year, one, other)) if day is not None]
        return max((day for day in days if day <= on), default=min(days, default=None))
    month = MONTHS.index(parts["named"].lower()) + 1 if parts.get("named") else int(parts["month"])
    return _valid(year, month, int(parts["day"]))


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _clock(match: re.Match[str]) -> time:
    hour = int(match["hour"])
    if match["half"] and hour <= 12:
        hour = hour % 12 + (12 if match["half"].lower().startswith("p") else 0)
    return time(hour, int(match["minute"]), int(match["second"] or 0))


def _total(rows: Sequence[Row], minor_digits: int) -> tuple[int | None, float]:
    """What was to be paid: the last amount of the surest kind of line that names one, or of the line after it."""
    for words in TOTALS:
        for number, row in enumerate(rows):
            named = words.search(row.text)
            if named is None or NO_TOTAL.search(row.text):
                continue
            for line, start in ((row, named.end()), *((line, 0) for line in rows[number + 1 : number + 2])):
                tail = " " * start + line.text[start:]
                found = [
                    one for one in amounts(tail, minor_digits) if one.unit is None and (one.decimals or not minor_digits or one.currency)
                ]
                if found and (line is row or found[-1].alone):
                    return found[-1].minor, line.least(*found[-1].span)
    return None, 0.0


def blanked(text: str) -> str:
    """A line with the figures of cards, mobile telephone numbers and the names of people made unreadable.

    A run of 13 to 19 figures is a card's where its check digit holds (Luhn, ISO/IEC 7812-1), and any run that is masked or named as one.
    """
    text = CARD_WORD.sub(lambda found: found[1] + found[2] + _stars(found[3]), text)
    text = CARD.sub(lambda found: _stars(found[0]) if _is_card(found[0]) else found[0], text)
    text = PHONE.sub(lambda found: _stars(found[0]), text)
    return NAMES.sub(lambda found: found[1] + found[2] + re.sub(r"\w", "*", found[3]), text)


def is_private(text: str) -> bool:
    """Whether a line holds something that must be blanked."""
    return blanked(text) != text


def _stars(figures: str) -> str:
    return re.sub(r"[^\s-]", "*", figures)


def _is_card(run: str) -> bool:
    figures = re.sub(r"[ -]", "", run)
    if not figures.isdigit():
        return sum(c.isdigit() for c in figures) >= 4 and sum(not c.isdigit() for c in figures) >= 3
    doubled = (int(c) * (1 + n % 2) for n, c in enumerate(reversed(figures)))
    return len(figures) >= 13 and sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def differing_bits(one: str, other: str) -> int:
    """In how many bits two hashes of 16 hex digits differ (Hamming distance)."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def edit_distance(one: str, other: str) -> int:
    """Insertions, deletions and replacements that make one text the other (Levenshtein 1966)."""
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, against in enumerate(other, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != against)))
        above = line
    return above[-1]


def folded(name: str) -> str:
    """A name as it is compared: letters and figures only, of one width and case."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def nearest_name(lines: Sequence[str], names: Mapping[str, str], *, inside: bool = False) -> tuple[str, int] | None:
    """Which name (by key) a line says, and the number of the line: the fewest wrong characters, at most two and at most half of a name.

    With `inside` a name that stands whole within a longer line counts as well, the longest first. None where no name is near, or two
    are equally so.
    """
    found: list[tuple[int, int, str, int]] = []
    for number, line in enumerate(map(folded, lines)):
        for key, name in names.items():
            wanted = folded(name)
            distance = edit_distance(line, wanted) if abs(len(line) - len(wanted)) <= NAME_DISTANCE else NAME_DISTANCE + 1
            if inside and len(wanted) >= 2 and wanted in line:
                distance = 0
            if wanted and distance <= min(NAME_DISTANCE, len(wanted) // 2):
                found.append((distance, -len(wanted), key, number))
    found.sort()
    rivals = [one for one in found if one[:2] == found[0][:2] and one[2] != found[0][2]]
    return (found[0][2], found[0][3]) if found and not rivals else None


def field_scores(receipt: Receipt, tenant_score: float) -> dict[str, Any]:
    """The four scores that a receipt is trusted by; 0 for a field that was not read."""
    return {
        "tenant": tenant_score,
        "number": receipt.number.score if receipt.number is not None else 0.0,
        "time": receipt.time_score if receipt.time is not None else 0.0,
        "total": receipt.total_score if receipt.total is not None else 0.0,
    }
