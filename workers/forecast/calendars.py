"""Days of a store's country as features: public holidays, feasts of the Chinese lunar calendar, adjusted working days, paydays, school.

Public holidays and lunar dates come from the library `holidays` (MIT). Compared with it: lunardate is GPL; chinesecalendar knows China's
public holidays alone and ends with the years announced; LunarCalendar is no longer kept. How far it knows ahead:

- feasts by the lunar calendar, Qingming and the winter solstice: computed tables, sure to 2099 (`LAST_YEAR`);
- public holidays by law: as the law stands today;
- adjusted working days (the State Council moves weekend days to working days and back): to the last year announced, usually each November
  for the next year. Beyond, `working` is null on weekends and within a week of a holiday, `adjusted_workday` null on all days, never
  guessed; finding SL-CAL-01 says from when. `calendar.event` facts of the store (`public_holiday`, `workday`) hold before the library's.

Feasts move through the year of the sun, so their run-up is counted in days to the feast, not in dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from storeloom.core.kernel.errors import Finding

LAST_YEAR = 2099
LUNAR_COUNTRIES = ("CN", "HK", "MO", "TW", "SG", "MY")
EASTER_COUNTRIES = (
    "AT",
    "AU",
    "BE",
    "BR",
    "CA",
    "CH",
    "DE",
    "DK",
    "ES",
    "FI",
    "FR",
    "GB",
    "IE",
    "IT",
    "NL",
    "NO",
    "NZ",
    "PL",
    "PT",
    "SE",
    "US",
)
KINDS = (
    "public_holiday",
    "workday",
    "school",
    "festival",
    "promotion",
    "local",
    "payday",
    "sport",
    "relayout",
    "closure",
    "short_day",
)
MARKED = ("school", "festival", "promotion", "local", "sport", "relayout", "closure", "short_day")
PAYDAY_DAYS = 3
NEAR = 7
DAY = timedelta(days=1)


class CalendarFault(ValueError):
    """A calendar that cannot be told; `findings` holds all that is wrong, in zh and en."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(f"{one.text()} {one.fix()}" for one in self.findings))


@dataclass(frozen=True)
class Feast:
    """A feast that trade runs up to: `on` gives its day in a year, None where it has none; `before`, `after`: days that it moves."""

    key: str
    en: str
    zh: str
    on: Callable[[int], date | None]
    before: int
    after: int


class Event(NamedTuple):
    """Days (both included) of a kind in `KINDS`, as the store was told."""

    kind: str
    first: date
    last: date
    name: str = ""


@dataclass(frozen=True)
class Calendar:
    """`frame`: a row a day, `ds` and what is known of it (null: not announced); `findings`: from when what is not known."""

    frame: pl.DataFrame
    feasts: tuple[Feast, ...]
    findings: tuple[Finding, ...]

    def features(self) -> pl.DataFrame:
        """`ds` and numbers from 0 to 1 for models; what is not announced counts as an ordinary day.

        `holiday`, `holiday_eve`, `after_holiday`, `adjusted_workday`, `payday` (falling over three days), a column a kind of event, and for
        each feast `before_`, `on_` and `after_`, the first rising and the last falling over its span. Columns that are 0 on all days
        are left out.
        """
        names = [name for name in self.frame.columns if name not in ("ds", "holiday_name", "holiday_name_zh", "working")]
        told = self.frame.select("ds", pl.col(names).cast(pl.Float64).fill_null(0.0))
        return told.select("ds", *(name for name in names if told[name].abs().max()))


def calendar(
    country: str,
    first: date,
    last: date,
    *,
    region: str | None = None,
    events: Sequence[Event] = (),
    paydays: Sequence[int] = (),
) -> Calendar:
    """The days from `first` to `last` in a country (ISO 3166 alpha-2) and region.

    `events`: what the store was told, school holidays among them. `paydays`: days of the month, -1 for its last; one that falls on a day
    off moves to the working day before. CalendarFault names all that is wrong: an unknown country or region, a span turned round or beyond
    2099, unknown kinds, paydays out of range.
    """
    country = country.upper()
    _check(country, region, first, last, events, paydays)
    span = [first + number * DAY for number in range((last - first).days + 1)]
    names, moved, announced = _public(country, region, first.year - 1, last.year + 1)
    given = _given(events)
    holiday = {day for day in names if day not in moved} | given["public_holiday"] - given["workday"]
    holiday -= given["workday"]
    working = {day: _working(day, holiday, moved | given["workday"], announced, given) for day in _wider(span)}
    feasts = feasts_of(country)
    adjusted = [
        None if announced is not None and day.year > announced and day not in given["workday"] else day in moved | given["workday"]
        for day in span
    ]
    data: dict[str, Any] = {
        "ds": span,
        "holiday_name": [names.get(day, ("", ""))[0] if day in holiday else "" for day in span],
        "holiday_name_zh": [names.get(day, ("", ""))[1] if day in holiday else "" for day in span],
        "working": [working[day] for day in span],
        "holiday": [day in holiday for day in span],
        "holiday_eve": [day not in holiday and day + DAY in holiday for day in span],
        "after_holiday": [day not in holiday and day - DAY in holiday for day in span],
        "adjusted_workday": pl.Series(adjusted, dtype=pl.Boolean),
        "payday": _paid(span, paydays, working, given["payday"]),
    }
    data |= {kind: [day in given[kind] for day in span] for kind in MARKED}
    for feast in feasts:
        data |= _run_up(feast, span)
    return Calendar(pl.DataFrame(data), feasts, _unannounced(country, last, announced))


def events_of(rows: Iterable[Mapping[str, Any]], zone: str) -> list[Event]:
    """`calendar.event` facts as days in the store's zone; one that ends at midnight ends the day before. Rows of a part of the store
    (`zone` in the fact) are left out."""
    found = []
    for row in rows:
        if row.get("zone") is None:
            begin, end = (datetime.fromisoformat(str(row[name])).astimezone(ZoneInfo(zone)) for name in ("from", "to"))
            found.append(
                Event(str(row["kind"]), begin.date(), max(begin, end - timedelta(microseconds=1)).date(), str(row.get("name", "")))
            )
    return found


def feasts_of(country: str) -> tuple[Feast, ...]:
    """The feasts of a country that trade runs up to."""
    found = [Feast("new_year", "New Year", "元旦", lambda year: date(year, 1, 1), 7, 1)]
    if country in LUNAR_COUNTRIES:
        found += [
            Feast("spring_festival", "Spring Festival", "春节", spring_festival, 21, 7),
            Feast("lantern", "Lantern Festival", "元宵节", lambda year: spring_festival(year) + 14 * DAY, 3, 0),
            Feast("qingming", "Qingming", "清明节", lambda year: _lunar().qingming_date(year)[0], 3, 0),
            Feast("dragon_boat", "Dragon Boat Festival", "端午节", lambda year: _lunar().dragon_boat_date(year)[0], 10, 0),
            Feast("mid_autumn", "Mid-Autumn Festival", "中秋节", lambda year: _lunar().mid_autumn_date(year)[0], 14, 0),
            Feast("double_ninth", "Double Ninth", "重阳节", lambda year: _lunar().double_ninth_date(year)[0], 3, 0),
            Feast("winter_solstice", "Winter Solstice", "冬至", lambda year: _lunar().winter_solstice_date(year)[0], 2, 0),
        ]
    if country == "CN":
        found += [
            Feast("labour_day", "Labour Day", "劳动节", lambda year: date(year, 5, 1), 4, 4),
            Feast("national_day", "National Day", "国庆节", lambda year: date(year, 10, 1), 4, 6),
        ]
    if country in EASTER_COUNTRIES:
        found += [
            Feast("easter", "Easter", "复活节", _easter, 10, 1),
            Feast("christmas", "Christmas", "圣诞节", lambda year: date(year, 12, 25), 24, 2),
        ]
    if country == "US":
        found.append(Feast("thanksgiving", "Thanksgiving", "感恩节", _thanksgiving, 10, 3))
    return tuple(found)


def spring_festival(year: int) -> date:
    """First day of the lunar year that begins in a year of the sun."""
    found: date = _lunar().lunar_new_year_date(year)[0]
    return found


@cache
def _lunar() -> Any:
    from holidays.calendars.chinese import _ChineseLunisolar

    return _ChineseLunisolar()


def _easter(year: int) -> date:
    from dateutil.easter import easter  # type: ignore[import-untyped]

    found: date = easter(year)
    return found


def _thanksgiving(year: int) -> date:
    """Fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)


def _public(country: str, region: str | None, first: int, last: int) -> tuple[dict[date, tuple[str, str]], set[date], int | None]:
    """Holidays by day with names (en, zh), weekend days that are worked, and for China the last year whose adjusted days are announced."""
    import holidays

    years = range(first, last + 1)
    texts = []
    for language in ("en_US", "zh_CN"):
        supported = getattr(holidays, country).supported_languages
        spoken = language if language in supported else None
        texts.append(holidays.country_holidays(country, subdiv=region, years=years, language=spoken))
    english, chinese = texts
    names = {day: (name, str(chinese.get(day, name))) for day, name in english.items()}
    worked = {day for day in english.weekend_workdays if first <= day.year <= last}
    return names, worked, _announced() if country == "CN" else None


@cache
def _announced() -> int:
    """Last year for which the library holds adjusted working days of China."""
    import holidays

    return max(day.year for day in holidays.country_holidays("CN", years=range(2024, LAST_YEAR + 1)).weekend_workdays)


def _given(events: Sequence[Event]) -> dict[str, set[date]]:
    found: dict[str, set[date]] = {kind: set() for kind in KINDS}
    for event in events:
        found[event.kind] |= {event.first + number * DAY for number in range((event.last - event.first).days + 1)}
    return found


def _working(day: date, holiday: set[date], worked: set[date], announced: int | None, given: Mapping[str, set[date]]) -> bool | None:
    """Whether most people work; None on days that the State Council may yet move."""
    if day in worked:
        return True
    if day in holiday:
        return False
    weekend = day.weekday() >= 5
    if announced is not None and day.year > announced and (weekend or any(day + near * DAY in holiday for near in range(-NEAR, NEAR + 1))):
        return None
    return not weekend


def _wider(span: Sequence[date]) -> list[date]:
    """The span and a month before, for paydays that move back."""
    return [span[0] - number * DAY for number in range(31, 0, -1)] + list(span) + [span[-1] + number * DAY for number in range(1, 11)]


def _paid(span: Sequence[date], paydays: Sequence[int], working: Mapping[date, bool | None], given: set[date]) -> list[float]:
    """1 on a payday, falling to 0 over `PAYDAY_DAYS`."""
    paid = set(given)
    for day in working:
        length = ((day.replace(day=1) + timedelta(days=31)).replace(day=1) - day.replace(day=1)).days
        if any(day.day == (length + 1 + one if one < 0 else min(one, length)) for one in paydays):
            while working.get(day) is False or (working.get(day) is None and day.weekday() >= 5):
                day -= DAY
            paid.add(day)
    return [max((1 - back / PAYDAY_DAYS for back in range(PAYDAY_DAYS) if day - back * DAY in paid), default=0.0) for day in span]


def _run_up(feast: Feast, span: Sequence[date]) -> dict[str, list[float]]:
    days = [day for year in range(span[0].year - 1, min(span[-1].year + 2, LAST_YEAR + 1)) if (day := feast.on(year)) is not None]
    before, on, after = ([0.0] * len(span) for _ in range(3))
    for day in days:
        at = (day - span[0]).days
        for number in range(-feast.before, feast.after + 1):
            if 0 <= at + number < len(span):
                if number < 0:
                    before[at + number] = max(before[at + number], 1 + (number + 1) / feast.before)
                elif number:
                    after[at + number] = max(after[at + number], 1 - (number - 1) / feast.after)
                else:
                    on[at] = 1.0
    return {f"before_{feast.key}": before, f"on_{feast.key}": on, f"after_{feast.key}": after}


def _unannounced(country: str, last: date, announced: int | None) -> tuple[Finding, ...]:
    if announced is None or last.year <= announced:
        return ()
    return (Finding("SL-CAL-01", {"country": country, "since": f"{announced + 1}-01-01"}),)


def _check(country: str, region: str | None, first: date, last: date, events: Sequence[Event], paydays: Sequence[int]) -> None:
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    found = []
    if country not in known:
        found.append(Finding("SL-CAL-02", {"country": country}))
    elif region is not None and region not in known[country]:
        found.append(Finding("SL-CAL-03", {"country": country, "region": region, "known": ", ".join(known[country]) or "-"}))
    if not first <= last or last.year > LAST_YEAR:
        found.append(Finding("SL-CAL-04", {"first": first.isoformat(), "last": last.isoformat(), "most": LAST_YEAR}))
    for event in events:
        if event.kind not in KINDS or event.last < event.first:
            got = f"{event.kind} {event.first} - {event.last}"
            found.append(Finding("SL-CAL-05", {"got": got, "known": ", ".join(KINDS)}))
    wrong = [one for one in paydays if not (1 <= one <= 31 or one == -1)]
    if wrong:
        found.append(Finding("SL-CAL-06", {"got": ", ".join(map(str, wrong))}))
    if found:
        raise CalendarFault(found)
