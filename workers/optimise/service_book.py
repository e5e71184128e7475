"""A store's book of services: bookings and walk-ins' tickets by day, and what is known of guests, in a mapping of plain JSON.

A row has `gtins`, `skills`, `minutes`, `status`, `member`, `order` (None for a ticket), `number` (of a ticket), `start`, `end`, `planned`,
`staff`, `room`, and `began` once its task was taken up. The mapping holds a day's rows at `day:<date>`, where each lies at `at:<key>`, who
has gone home at `out:<date>`, and at `member:<id>` the keys of open and of today's services with the times of no-shows. The book finds
times, people and rooms and writes them into the rows; what becomes of a guest is for its user to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise import diary
from storeloom.workers.optimise.eligibility import Skills, is_available, is_employed

Row = MutableMapping[str, Any]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
EXPECTED = ("booked", "confirmed")
AHEAD = ("held", *EXPECTED, "checked_in")
WAITING, CALLED = "waiting", "called"
OFF = ("rejected", "no_show", "cancelled")


@dataclass(frozen=True, slots=True)
class Terms:
    """Grid of starts, cleanup between two guests in a room, and the share (0..1) of an hour's starts kept for walk-ins until then."""

    grid: timedelta
    cleanup: timedelta
    walkin_share: float


@dataclass(frozen=True, slots=True)
class Hands:
    """Who can serve where: rows of the table `staff`, skills, and rooms in order, looked up when they are first needed."""

    staff: Callable[[], Sequence[Mapping[str, Any]]]
    skills: Skills
    rooms: Callable[[], Sequence[str]]


class ServiceBook:
    """The book as it stands at `now`, kept in `state`."""

    def __init__(self, hours: StoreHours, terms: Terms, hands: Hands, now: datetime, state: MutableMapping[str, Any]) -> None:
        self._hours, self._terms, self._hands, self._now, self._state = hours, terms, hands, now, state
        self.today = hours.trading_day(now)

    def rows(self, day: date | None = None) -> dict[str, Row]:
        """A day's rows by key; today's without one."""
        found: dict[str, Row] = self._state.get(f"day:{day or self.today}", {})
        return found

    def row(self, key: str) -> Row | None:
        day = self._state.get(f"at:{key}")
        return self._state[f"day:{day}"].get(key) if day else None

    def keep(self, key: str, row: Row) -> None:
        """Enter a new row on the day of its start, today where it has none, and among its guest's."""
        day = self._hours.trading_day(parse_time(row["start"])) if row["start"] else self.today
        row["told"] = row["start"]
        self._state.setdefault(f"day:{day}", {})[key] = row
        self._state[f"at:{key}"] = day.isoformat()
        if row["member"] and row["status"] not in OFF:
            self._guest(row["member"])["open"].append(key)

    def ticket(self, key: str, service: Row, **known: Any) -> Row:
        """Enter a walk-in under the day's next number, without a time yet."""
        number = 1 + sum(row["order"] is None for row in self.rows().values())
        row = put({**service, **known, "order": None, "status": WAITING, "number": number, "placed": rfc3339(self._now)}, None)
        self.keep(key, row)
        return row

    def alarms(self, key: str, row: Row, grace: timedelta, reminders: Iterable[timedelta]) -> dict[tuple[str, str], datetime]:
        """When a row is to be looked at, by (what, key): `start`, `noshow` of a booking, `remind` of a known guest, `end` once called."""
        start, status = parse_time(row["start"]), row["status"]
        if status == CALLED:
            return {("end", key): parse_time(row["end"])}
        found = {("start", key): max(start, self._now)} if status != "held" else {}
        if status in EXPECTED:
            found["noshow", key] = max(start + grace, self._now)
            ahead = {f"{key}|{before // MINUTE}": start - before for before in (reminders if row["member"] else ())}
            found |= {("remind", name): at for name, at in ahead.items() if at > self._now}
        return found

    def close(self, day: date) -> list[str]:
        """End a day: guests called have been served, all else is off; the keys of the rows that this changes."""
        live = [key for key, row in self.rows(day).items() if row["status"] in (CALLED, WAITING, *AHEAD)]
        for key in live:
            row = self.rows(day)[key]
            row["status"] = "served" if row["status"] == CALLED else "cancelled"
        return live

    def forget(self, days: int) -> None:
        """Drop what lies more than so many days back."""
        oldest = (self.today - days * DAY).isoformat()
        for name in [name for name in self._state if name.startswith(("day:", "out:")) and name.partition(":")[2] < oldest]:
            for key in self._state[name] if name.startswith("day:") else ():
                self._state.pop(f"at:{key}", None)
            del self._state[name]

    def expected(self, member: str | None, key: str | None, early: timedelta) -> str | None:
        """The next booking, of a guest or with this key, that is expected within `early`."""
        keys = [*self._state.get(f"member:{member}", {"open": []})["open"], key]
        rows = [(row["start"], one) for one in keys if one and (row := self.row(one)) and row["status"] in EXPECTED]
        start, found = min(rows, default=(None, None))
        return found if start and parse_time(start) - early <= self._now else None

    def strike(self, member: str) -> None:
        self._guest(member)["strikes"].append(rfc3339(self._now))

    def strikes(self, member: str | None, days: int) -> list[str]:
        """A guest's no-shows of the last so many days."""
        known = self._state.get(f"member:{member}", {"strikes": []})
        return [at for at in known["strikes"] if parse_time(at) > self._now - days * DAY]

    def first_purchase(self, member: str | None) -> bool:
        """Whether this is the first purchase of a guest since a service today; it is noted with the service."""
        rows = [self.rows().get(key) for key in self._state.get(f"member:{member}", {"open": []})["open"]]
        served = [row for row in rows if row and row["status"] == "served" and not row.get("bought")]
        for row in served[:1]:
            row["bought"] = True
        return bool(served)

    def tidy(self, member: str, days: int, *, over: bool = False) -> None:
        """Forget of a guest what is off (with `over`, what is served too) and no-shows older than so many days."""
        known, gone = self._guest(member), (*OFF, "served") if over else OFF
        known["open"] = [key for key in known["open"] if (row := self.row(key)) and row["status"] not in gone]
        known["strikes"] = self.strikes(member, days)
        if not known["open"] and not known["strikes"]:
            del self._state[f"member:{member}"]

    def _guest(self, member: str) -> dict[str, list[str]]:
        known: dict[str, list[str]] = self._state.setdefault(f"member:{member}", {"open": [], "strikes": []})
        return known

    def clock(self, staff: str, *, there: bool) -> None:
        """Somebody came or went home."""
        gone = set(self._gone()) - {staff} if there else {*self._gone(), staff}
        self._state[f"out:{self.today}"] = sorted(gone)

    def _gone(self) -> list[str]:
        found: list[str] = self._state.get(f"out:{self.today}", [])
        return found

    def find(self, row: Row, wish: datetime, days: int) -> diary.Place | None:
        """The first start at or after a wish that can be booked ahead, on its day or one of so many after it."""
        earliest = max(wish, self._now)
        for ahead in range(days + 1):
            day = self._hours.trading_day(earliest) + ahead * DAY
            if place := self._first(row, day, earliest, self._uses(day), self._kept(day)):
                return place
        return None

    def ahead(self) -> list[tuple[str, Row]]:
        """Today's bookings that are still to be served, by time."""
        rows = [(row["start"], key, row) for key, row in self.rows().items() if row["status"] in AHEAD]
        return [(key, row) for _, key, row in sorted(rows, key=lambda item: item[:2])]

    def hand_over(self, left: str | None) -> list[tuple[str, Row, str | None]]:
        """Give today's bookings of somebody who `left`, and those without a person, to others at their time, walk-ins making way; each of
        those with whom it had before."""
        found: list[tuple[str, Row, str | None]] = []
        for key, row in self.ahead():
            before = row["staff"]
            if before in (None, left):
                use = _use(key, row)
                able = self.able(row["skills"], use.start, use.end)
                row["staff"] = diary.substitute(use, self._uses(self.today, tickets=False), able)
                found.append((key, row, before))
        return found

    def plan_tickets(self) -> list[tuple[str, bool]]:
        """Give today's waiting tickets the first starts in their order; the keys whose time, person or room changed, and whether the time
        did. A ticket without a start (any more) has None in its place."""
        uses = self._uses(self.today, tickets=False)
        changed = []
        waiting = [(row["number"], key) for key, row in self.rows().items() if row["status"] == WAITING]
        for _, key in sorted(waiting):
            row = self.rows()[key]
            before = [row[name] for name in ("start", "staff", "room")]
            put(row, self._first(row, self.today, self._now, uses))
            if row["start"]:
                uses.append(_use(key, row))
            if [row[name] for name in ("start", "staff", "room")] != before:
                changed.append((key, row["start"] != before[0]))
        return changed

    def pass_on(self) -> list[str]:
        """Move today's bookings, and guests called whose service has not begun, by what holds up their person or room, or back towards
        their planned time; the keys of those that moved, by time."""
        rows = self.rows()
        follow = {key: row for key, row in rows.items() if row["status"] in AHEAD or (row["status"] == CALLED and not row["began"])}
        fixed = [use for use in self._uses(self.today, tickets=False) if use.id not in follow]
        later = [_use(key, {**row, "start": row["planned"], "end": _end(row["planned"], row)}) for key, row in follow.items()]
        moved = []
        for key, start in sorted(diary.passed_on(fixed, later, self._terms.cleanup).items(), key=lambda item: (item[1], item[0])):
            if rfc3339(start) != follow[key]["start"]:
                follow[key].update(start=rfc3339(start), end=_end(rfc3339(start), follow[key]))
                moved.append(key)
        return moved

    def able(self, skills: Iterable[str], start: datetime, end: datetime) -> list[str]:
        """Who has these skills and is there for all of a time: available, and not gone home."""
        gone = self._gone() if self._hours.trading_day(start) == self.today else ()
        return [staff for staff in self._available(skills, start, end) if staff not in gone]

    def _available(self, skills: Iterable[str], start: datetime, end: datetime) -> list[str]:
        day, local = self._hours.trading_day(start), self._hours.local
        return [
            person["staff"]
            for person in self._staff
            if all(self._hands.skills.holds(person["staff"], skill, day) for skill in skills)
            and is_employed(person, day)
            and is_available(person.get("availability"), local(start), local(end))
        ]

    @cached_property
    def _staff(self) -> Sequence[Mapping[str, Any]]:
        return self._hands.staff()

    def overlong(self, row: Mapping[str, Any]) -> bool:
        """Whether a service has taken twice its time: its end was forgotten, not its guest."""
        return self._now >= parse_time(row["start"]) + timedelta(minutes=2 * row["minutes"])

    def held_up(self, row: Mapping[str, Any]) -> bool:
        """Whether a row's person or room is still with another guest, whose service has begun."""
        busy = [one for one in self.rows().values() if one["status"] == CALLED and one["began"]]
        return any(one["staff"] == row["staff"] or one["room"] == row["room"] for one in busy)

    def hand_minutes(self, day: date, skills: Iterable[str | None]) -> float:
        """Minutes of a day, by steps of the grid, for which people with one of these skills (None: anybody) are available."""
        span, wanted = self._hours.day(day), [[skill] if skill else [] for skill in sorted(set(skills), key=str)]
        steps = diary.starts(*span, self._terms.grid, self._terms.grid) if span else []
        there = [{who for asked in wanted for who in self._available(asked, step, step + self._terms.grid)} for step in steps]
        return sum(map(len, there)) * self._terms.grid / MINUTE

    def _kept(self, day: date) -> frozenset[datetime]:
        """Starts of a day that cannot be booked now: those kept for walk-ins, in hours to come."""
        span = self._hours.day(day)
        if span is None:
            return frozenset()
        kept = diary.kept(*span, self._terms.grid, self._terms.walkin_share, self._hour)
        return frozenset(start for start in kept if self._hour(start) > self._hour(self._now))

    def _hour(self, at: datetime) -> datetime:
        local = self._hours.local(at)
        return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)

    def _first(
        self, row: Row, day: date, earliest: datetime, uses: Iterable[diary.Use], kept: Collection[datetime] = ()
    ) -> diary.Place | None:
        span, length = self._hours.day(day), row["minutes"] * MINUTE
        if span is None:
            return None
        starts = [start for start in diary.starts(*span, self._terms.grid, length) if start >= earliest and start not in kept]
        return diary.first(
            starts, length, self._terms.cleanup, uses, self._hands.rooms(), lambda start, end: self.able(row["skills"], start, end)
        )

    def _uses(self, day: date, tickets: bool = True) -> list[diary.Use]:
        """What takes people and rooms on a day; a service that runs over takes them until now at least."""
        uses = []
        for key, row in self.rows(day).items():
            if row["status"] in OFF or not row["start"] or (row["status"] == WAITING and not tickets):
                continue
            use, runs = _use(key, row), row["status"] == CALLED and row["began"]
            uses.append(diary.Use(key, use.start, max(use.end, self._now), use.staff, use.room) if runs else use)
        return uses


def told_anew(row: Row, least: timedelta) -> bool:
    """Whether a guest is to be told of another start than last told, as far off as `least` or more; it is noted as told."""
    told, start = row["told"], row["start"]
    if told and start and abs(parse_time(start) - parse_time(told)) < least:
        return False
    row["told"] = start
    return bool(told and start)


def services(products: Iterable[Mapping[str, Any]]) -> dict[str, str | None]:
    """The goods of a table `products` that are services (with `attributes.minutes`), each with the skill it needs."""
    return {row["gtin"]: row.get("skill") for row in products if minutes_of(row)}


def minutes_of(product: Mapping[str, Any] | None) -> float | None:
    """Minutes of a service; None for goods, and for what is in no table."""
    return ((product or {}).get("attributes") or {}).get("minutes")


def service(
    lines: Iterable[Mapping[str, Any]], product: Callable[[str], Mapping[str, Any] | None], otherwise: float = 0
) -> dict[str, Any] | None:
    """What is served of an order's lines: goods, skills, and minutes one after the other. `otherwise`: minutes of a line whose product says
    none. None where nothing is served."""
    found = [(line, product(line["gtin"]) or {}) for line in lines if line.get("gtin")]
    timed = [(line, row, minutes) for line, row in found if (minutes := minutes_of(row) or otherwise)]
    if not timed:
        return None
    total = sum(minutes * max(1, line.get("qty", 1)) for line, _, minutes in timed)
    skills = sorted({row["skill"] for _, row, _ in timed if row.get("skill")})
    return {"gtins": [line["gtin"] for line, *_ in timed], "skills": skills, "minutes": total, "began": False}


def tally(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """A day in figures: bookings, walk-ins, services and their minutes, no-shows."""
    served = [row for row in rows.values() if row["status"] == "served"]
    return {
        "booked": sum(row["order"] is not None and row["start"] is not None for row in rows.values()),
        "walk_ins": sum(row["order"] is None for row in rows.values()),
        "served": len(served),
        "no_shows": sum(row["status"] == "no_show" for row in rows.values()),
        "service_min": sum((parse_time(row["end"]) - parse_time(row["start"])) / MINUTE for row in served),
    }


def put(row: Row, place: diary.Place | None) -> Row:
    """Write a time, person and room into a row, and the time as the planned one; the row."""
    start = rfc3339(place.start) if place else None
    row.update(start=start, planned=start, end=_end(start, row), staff=place and place.staff, room=place and place.room)
    return row


def _end(start: str | None, row: Mapping[str, Any]) -> str | None:
    return rfc3339(parse_time(start) + row["minutes"] * MINUTE) if start else None


def _use(key: str, row: Mapping[str, Any]) -> diary.Use:
    return diary.Use(key, parse_time(row["start"]), parse_time(row["end"]), row["staff"], row["room"])
