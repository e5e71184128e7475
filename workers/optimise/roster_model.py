"""The CP-SAT model of a roster: one Boolean a candidate, and for each rule that may give way one that sets it aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from storeloom.workers.optimise.roster_problem import WEEK_DAYS, WEEK_MIN, Duty, Person, Problem, Rules, Shift, stretches
from storeloom.workers.optimise.roster_rules import OVERTIME_EXTRA, REST_DAY_EXTRA, between, is_weekend, wage

MILLI = 1000
UNIT = 120 * MILLI
FIRST = 10**6
WEIGHTS = {"lock": 100, "least": 101, "day": 102, "rest": 102, "row": 102, "overtime": 102, "least_hours": 103, "most_hours": 103}
"""The fewest rules are set aside; of equally few, locks go first, then least numbers, house rules, contracts."""
Key = tuple[str, str]


class Model:
    """`chosen` holds the Boolean of each candidate. With `soft`, `gives` holds for each rule the Boolean that sets it aside and `short` by
    how much a least number of heads or of minutes is missed; without, all rules are firm. That nobody is in two places is always firm."""

    def __init__(self, problem: Problem, soft: bool = False) -> None:
        from ortools.sat.python import cp_model

        self.problem, self.soft = problem, soft
        self.model = cp_model.CpModel()
        self.chosen: dict[Duty, Any] = {duty: self.model.new_bool_var(f"x{n}") for n, duty in enumerate(problem.choices)}
        self.gives: dict[Key, Any] = {}
        self.short: dict[Key, Any] = {}
        self.terms: list[Any] = []
        for duty in problem.locked:
            self._rule("lock", f"{duty.person}|{duty.shift.start.isoformat()}|{duty.role}", self.chosen[duty] == 1)
        for person in sorted({duty.person for duty in self.chosen}):
            self._person(problem.people[person])
        self._cover()
        self._wishes()

    def cheapest(self) -> None:
        """Ask for the least cost. The greedy roster is no hint: a search that starts there stays about it."""
        self.model.minimize(sum(self.terms))

    def fewest(self, law: frozenset[str]) -> None:
        """Ask for the fewest rules set aside, none of them of the law, and of these for the least missed."""
        for (kind, _), gives in self.gives.items():
            if kind in law:
                self.model.add(gives == 0)
        self.model.minimize(FIRST * sum(WEIGHTS[kind] * gives for (kind, _), gives in self.gives.items()) + sum(self.short.values()))

    def _gives(self, kind: str, name: str) -> Any:
        if (kind, name) not in self.gives:
            self.gives[kind, name] = self.model.new_bool_var("")
        return self.gives[kind, name]

    def _rule(self, kind: str, name: str, constraint: Any) -> None:
        """A linear constraint that is firm, or holds unless its rule is set aside."""
        added = self.model.add(constraint)
        if self.soft:
            added.only_enforce_if(~self._gives(kind, name))

    def _least(self, kind: str, name: str, amount: Any, least: int) -> None:
        """At least so much, or short of it where the rule is set aside."""
        if not self.soft:
            self.model.add(amount >= least)
            return
        short = self.short[kind, name] = self.model.new_int_var(0, least, "")
        self.model.add(amount + short >= least)
        self.model.add(short == 0).only_enforce_if(~self._gives(kind, name))

    def _person(self, person: Person) -> None:
        own: dict[Shift, list[Any]] = defaultdict(list)
        for duty, chosen in self.chosen.items():
            if duty.person == person.id:
                own[duty.shift].append(chosen)
        standing = [duty.shift for duty in self.problem.standing if duty.person == person.id]
        self._apart(person.id, own, standing)
        days = self._days(person.id, own, standing)
        self._weeks(person, own, standing, days)
        people, rules = self.problem.people.values(), self.problem.rules
        weekends = [chosen for shift, variables in own.items() if is_weekend(shift) for chosen in variables]
        closings = [chosen for shift, variables in own.items() if shift.closing for chosen in variables]
        self._spread(weekends, person.weekends, sum(other.weekends for other in people), rules.weekend_cost)
        self._spread(closings, person.closings, sum(other.closings for other in people), rules.closing_cost)
        for shift, variables in own.items():
            self.terms += [round((wage(person, shift) + rules.change_cost) * UNIT) * variable for variable in variables]

    def _apart(self, who: str, own: Mapping[Shift, list[Any]], standing: Sequence[Shift]) -> None:
        """One shift a day, rest between shifts."""
        rest = self.problem.rules.min_rest_min
        shifts = sorted(own, key=lambda shift: (shift.start, shift.end))
        days: dict[date, list[Any]] = defaultdict(list)
        for n, shift in enumerate(shifts):
            self.model.add_at_most_one(own[shift])
            days[shift.day] += own[shift]
            for other in standing:
                if clash := between(shift, other, rest):
                    self._exclude(clash, who, own[shift])
            for later in shifts[n + 1 :]:
                if later.start > shift.end + timedelta(minutes=rest) and later.day != shift.day:
                    break
                clash = between(shift, later, rest)
                if clash and (self.soft or later.day != shift.day):
                    self._exclude(clash, who, own[shift], own[later])
        if not self.soft:
            for variables in days.values():
                self.model.add_at_most_one(variables)

    def _exclude(self, clash: str, who: str, one: Sequence[Any], other: Sequence[Any] | None = None) -> None:
        """Not both of two shifts, or not a shift beside a standing one."""
        most = 0 if other is None else 1
        if clash == "overlap":
            self.model.add(sum([*one, *(other or ())]) <= most)
        else:
            self._rule(clash, who, sum([*one, *(other or ())]) <= most)

    def _days(self, who: str, own: Mapping[Shift, list[Any]], standing: Sequence[Shift]) -> dict[date, Any]:
        """Whether each day is worked, as an expression; no row of worked days is longer than the limit."""
        days: dict[date, Any] = {shift.day: 1 for shift in standing}
        for shift in own:
            if not isinstance(days.get(shift.day), int):
                days[shift.day] = sum(variable for other, variables in own.items() if other.day == shift.day for variable in variables)
        longest = self.problem.rules.max_days_row
        for first in sorted({shift.day - timedelta(days=back) for shift in own for back in range(longest + 1)}):
            row = [days.get(first + timedelta(days=n), 0) for n in range(longest + 1)]
            settled = [day for day in row if isinstance(day, int)]
            if 0 not in settled and len(settled) < len(row):
                self._rule("row", who, sum(row) <= longest)
        return days

    def _weeks(self, person: Person, own: Mapping[Shift, list[Any]], standing: Sequence[Shift], days: Mapping[date, Any]) -> None:
        """Hours above the week's are overtime, within what the month leaves; a seventh day is rest-day work; the contract's hours."""
        overtime, already, normal = [], 0, self.problem.rules.max_week_min
        for year, week in sorted({shift.week for shift in own}):
            worked = sum(shift.paid_min for shift in standing if shift.week == (year, week))
            planned = sum(shift.paid_min * v for shift, variables in own.items() if shift.week == (year, week) for v in variables)
            extra = self.model.new_int_var(0, max(worked, 0) + WEEK_DAYS * WEEK_MIN, "")
            self.model.add(worked + planned - normal <= extra)
            overtime.append(extra)
            already += max(0, worked - normal)
            self.terms.append(round(person.pay * OVERTIME_EXTRA * UNIT / 60) * extra)
            name = f"{person.id}|{year}-W{week:02d}"
            if person.least_week_min > worked:
                self._least("least_hours", name, worked + planned, person.least_week_min)
            if person.most_week_min is not None:
                self._rule("most_hours", name, planned <= max(0, person.most_week_min - worked))
            self._seventh(person, own, days, date.fromisocalendar(year, week, 1))
        self._rule("overtime", person.id, sum(overtime) <= max(person.overtime_left_min, already))

    def _seventh(self, person: Person, own: Mapping[Shift, list[Any]], days: Mapping[date, Any], monday: date) -> None:
        six = [days.get(monday + timedelta(days=n), 0) for n in range(WEEK_DAYS - 1)]
        for shift, variables in own.items():
            if shift.day == monday + timedelta(days=WEEK_DAYS - 1):
                seventh = self.model.new_bool_var("")
                self.model.add(seventh >= sum(six) + sum(variables) - (WEEK_DAYS - 1))
                self.terms.append(round(person.pay * shift.paid_min * REST_DAY_EXTRA * UNIT / 60) * seventh)

    def _spread(self, new: Sequence[Any], before: int, total: int, cost: int) -> None:
        """New shifts of a kind above the average of all people cost."""
        heads = len(self.problem.people)
        if not new or not cost:
            return
        already = max(0, heads * before - total)
        above = self.model.new_int_var(already, heads * (len(new) + before + 1), "")
        self.model.add(above >= heads * (before + sum(new)) - total)
        self.terms.append(round(cost * UNIT / heads) * (above - already))

    def _cover(self) -> None:
        rules = self.problem.rules
        by_role: dict[str, list[tuple[Shift, Any]]] = defaultdict(list)
        for duty, chosen in self.chosen.items():
            by_role[duty.role].append((duty.shift, chosen))
        for role in sorted({need.role for need in self.problem.needs} | set(by_role)):
            wanted = [need for need in self.problem.needs if need.role == role]
            there = [duty.shift for duty in self.problem.present if duty.role == role]
            lengths: dict[tuple[int, tuple[int, ...]], int] = defaultdict(int)
            spans = [(n.start, n.end) for n in wanted] + [(s.start, s.end) for s in there] + [(s.start, s.end) for s, _ in by_role[role]]
            for start, end in stretches(spans):
                here = [need for need in wanted if need.start <= start and end <= need.end]
                settled = sum(shift.start <= start and end <= shift.end for shift in there)
                able = tuple(n for n, (shift, _) in enumerate(by_role[role]) if shift.start <= start and end <= shift.end)
                lengths[round((sum(need.heads for need in here) - settled) * MILLI), able] += round((end - start).total_seconds() / 60)
                least = sum(need.least for need in here) - settled
                if least > 0:
                    self._least("least", f"{role}|{start.isoformat()}", sum(by_role[role][n][1] for n in able), least)
            for (milli, able), minutes in lengths.items():
                staff = sum(by_role[role][n][1] for n in able)
                self._gap(milli, staff, len(able), minutes, rules)

    def _gap(self, milli: int, staff: Any, most: int, minutes: int, rules: Rules) -> None:
        """Cost of missing and needless staff where `milli` thousandths of a head are wanted and `staff` of `most` candidates come.

        Staff are whole people, so the line between the costs of the two whole numbers about a broken need bounds the cost, too: without it
        the linear relaxation would hire parts of people, and prove little."""
        scale = UNIT // MILLI // 60 * minutes

        def cost(heads: int) -> int:
            return scale * (rules.under_cost * max(0, milli - MILLI * heads) + rules.over_cost * max(0, MILLI * heads - milli))

        whole = max(0, min(most, milli // MILLI))
        costs = self.model.new_int_var(0, max(cost(0), cost(most)), "")
        self.model.add(costs >= scale * rules.under_cost * (milli - MILLI * staff))
        self.model.add(costs >= scale * rules.over_cost * (MILLI * staff - milli))
        if milli > 0 and milli % MILLI and whole < most:
            self.model.add(costs >= cost(whole) + (cost(whole + 1) - cost(whole)) * (staff - whole))
        self.terms.append(costs)

    def _wishes(self) -> None:
        cost = self.problem.rules.wish_cost * UNIT
        for wish in self.problem.wishes:
            own = [(duty.shift, chosen) for duty, chosen in self.chosen.items() if duty.person == wish.person]
            kept = self.model.new_bool_var("")
            if wish.off:
                for shift, chosen in own:
                    if not wish.kept(shift):
                        self.model.add_implication(kept, chosen.negated())
            else:
                self.model.add(kept <= sum(chosen for shift, chosen in own if wish.kept(shift)))
            self.terms.append(cost * (1 - kept))
