"""Rosters, time clock and training of the virtual crew; who sits at which till."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, iso
from storeloom.core.virtual.world import World


@dataclass(frozen=True, slots=True)
class Shift:
    shift: str
    staff: str
    role: str
    start: float
    end: float
    till: str | None

    @property
    def pause(self) -> tuple[float, float]:
        """Half an hour in the middle; the till stays manned by a colleague."""
        middle = (self.start + self.end) / 2
        return middle - 15 * MINUTE, middle + 15 * MINUTE


class Staffing:
    """Five of seven days each, early and late halves that overlap by an hour; part-timers come late."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shifts: list[Shift] = []
        self.today: list[Shift] = []
        self.absent: set[str] = set()
        self.tills = [key for key, row in world.devices.items() if row["kind"] == "pos" and row.get("channel", "till") == "till"]

    def roster(self, day: date) -> list[Shift]:
        """The shifts of a store day: the same however often it is asked."""
        hours = self.world.opening(day)
        if hours is None:
            return []
        opens, closes = hours
        middle = (opens + closes) / 2
        halves = {0: (opens - 1 * HOUR, middle + 30 * MINUTE), 1: (middle - 30 * MINUTE, closes + 30 * MINUTE)}
        manned = {0: 0, 1: 0}
        turns: dict[str, int] = {}
        shifts: list[Shift] = []
        for place, row in enumerate(self.world.tables["staff"]):
            if row.get("left"):
                continue
            role = row["roles"][0]
            if (place * 3 + day.toordinal()) % 7 < 2:
                continue
            turns[role] = turns.get(role, day.isocalendar().week) + 1
            half = turns[role] % 2
            if role == "cashier" and manned[0] != manned[1]:
                half = 0 if manned[0] < manned[1] else 1
            half = 1 if row["availability"] else half
            till = None
            if role == "cashier":
                if manned[half] < max(1, round(0.4 * len(self.tills))):
                    till = self.tills[manned[half]]
                manned[half] += 1
            start, end = halves[half]
            shifts.append(Shift(f"s{day:%y%m%d}-{row['staff']}", row["staff"], role, start, end, till))
        return shifts

    def start_day(self, midnight: float) -> None:
        chance = self.world.chance("staff")
        self.today = self.roster(self.world.day)
        self.shifts = [shift for shift in self.shifts if shift.end > midnight] + self.today
        self.absent = {shift.staff for shift in self.today if chance.hit(0.02) and shift.till is None}
        for shift in self.today:
            if shift.staff not in self.absent:
                self._clock(shift, chance)
        tomorrow = self.world.day + timedelta(days=1)
        self.world.schedule(midnight + 18 * HOUR, lambda stamp: self._publish(stamp, self.roster(tomorrow)))
        self._train(chance)

    def first_day(self, midnight: float) -> None:
        """The first day's own roster, which would have been published the evening before."""
        self._publish(midnight + 60, self.roster(self.world.day))

    def cashier_at(self, till: str, stamp: float) -> str | None:
        for shift in self.shifts:
            if shift.till == till and shift.start <= stamp < shift.end:
                return shift.staff
        return None

    def on_duty(self, stamp: float, role: str | None = None) -> list[str]:
        """Staff at work at this time, of one role or of all."""
        return [
            shift.staff
            for shift in self.shifts
            if shift.start <= stamp < shift.end and shift.staff not in self.absent and role in {None, shift.role}
        ]

    def _publish(self, stamp: float, shifts: list[Shift]) -> None:
        for number, shift in enumerate(shifts):
            begin, end = shift.pause
            data: Row = {
                "shift": shift.shift,
                "staff": shift.staff,
                "role": shift.role,
                "start": iso(shift.start),
                "end": iso(shift.end),
                "breaks": [{"start": iso(begin), "end": iso(end)}],
                "version": 1,
            }
            self.world.tell(stamp + number * 0.1, "shift.fixed", "terminal-1", data)

    def _clock(self, shift: Shift, chance: Chance) -> None:
        late = chance.hit(0.04)
        marks = (
            ("in", shift.start + (chance.uniform(4, 25) if late else chance.uniform(-12, 0)) * MINUTE),
            ("break_start", shift.pause[0] + chance.uniform(-5, 5) * MINUTE),
            ("break_end", shift.pause[1] + chance.uniform(-2, 6) * MINUTE),
            ("out", shift.end + chance.uniform(0, 12) * MINUTE),
        )
        for kind, stamp in marks:
            data: Row = {"staff": shift.staff, "kind": kind, "terminal": "terminal-1", "method": "card", "shift": shift.shift}
            if kind == "in" and shift.role == "fresh":
                data["temperature_c"] = round(36.5 + 0.2 * chance.gauss(0, 1), 1)
            self.world.tell(stamp, "staff.clock", "terminal-1", data)

    def _train(self, chance: Chance) -> None:
        courses = self.world.tables["courses"]
        for shift in self.today[:40]:
            fits = [row for row in courses if shift.role in row["roles"]]
            if not fits or not chance.hit(0.03):
                continue
            course = chance.pick(fits)
            score = round(min(100.0, chance.uniform(60, 105)), 0)
            begin = shift.start + chance.uniform(1, 3) * HOUR
            base: Row = {"staff": shift.staff, "course": course["course"]}
            self.world.tell(begin, "training.event", "terminal-1", {**base, "kind": "started"})
            kind = "passed" if score >= course["pass_score"] else "failed"
            self.world.tell(begin + course["minutes"] * MINUTE, "training.event", "terminal-1", {**base, "kind": kind, "score": score})
