"""Made store-weeks to roster: a demand curve by hour, full and part-time contracts, skills, days off, weekends and closings so far."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storeloom.workers.optimise.shifts import Problem

MONDAY = date(2026, 3, 2)
PEOPLE = 12
ROLES = {"cashier": 1.6, "floor": 1.2}
TEMPLATES = ((7, 15), (9, 17), (14, 22), (17, 21))
CURVE = ((7, 9, 0.6), (9, 11, 1.0), (11, 14, 1.5), (14, 17, 1.0), (17, 20, 1.6), (20, 22, 0.7))
BUSY_FROM, BUSY = 4, 1.4
LONG_H, BREAK_MIN, CLOSES = 6, 30, 22
FULL_TIME = (480, 1800, None)
PART_TIME = (0, 960, 1440)
"""Overtime left, promised and most paid minutes of the week."""


@dataclass(frozen=True, slots=True)
class Week:
    """What came of a store-week; equal where the same roster costs the same. `to_greedy`: its cost to that of the rule of thumb."""

    made_by: str
    cost: float
    gap: float
    to_greedy: float


def store_week(seed: int) -> Problem:
    """One week of one store; every seed is another store."""
    from storeloom.workers.optimise.shifts import Duty, Need, Person, Problem, Rules, Shift, Wish

    rng = random.Random(seed)
    people, skills = {}, {}
    for number in range(PEOPLE):
        who, terms = f"p{number:02d}", PART_TIME if number % 3 == 2 else FULL_TIME
        overtime, least, most = terms
        people[who] = Person(who, rng.randrange(1800, 2800, 50), overtime, rng.randrange(4), rng.randrange(4), least, most)
        skills[who] = tuple(ROLES) if rng.random() < 0.5 else (rng.choice(list(ROLES)),)
    days = [datetime.combine(MONDAY + timedelta(days=n), datetime.min.time()) for n in range(7)]
    needs = [
        Need(role, day + timedelta(hours=a), day + timedelta(hours=b), _heads(rng, scale * level, n))
        for n, day in enumerate(days)
        for role, scale in ROLES.items()
        for a, b, level in CURVE
    ]
    shifts = [
        Shift(
            day.date(),
            day + timedelta(hours=a),
            day + timedelta(hours=b),
            60 * (b - a) - BREAK_MIN * (b - a >= LONG_H),
            closing=b == CLOSES,
        )
        for day in days
        for a, b in TEMPLATES
    ]
    duties = [Duty(who, role, shift) for who in people for shift in shifts for role in skills[who] if rng.random() < 0.93]
    off = [rng.choice(days) for _ in range(PEOPLE // 2)]
    wishes = [Wish(who, day, day + timedelta(days=1), off=True) for who, day in zip(people, off, strict=False)]
    return Problem(people, needs, duties, wishes=wishes, rules=Rules(closing_cost=100))


def _heads(rng: random.Random, level: float, day: int) -> float:
    return round(level * (BUSY if day >= BUSY_FROM else 1) * rng.uniform(0.85, 1.15), 1)


def roster(task: tuple[int, float]) -> Week:
    """Roster the store-week of a seed within so much work; runs in a worker."""
    from storeloom.workers.optimise.shifts import greedy, solve

    seed, work = task
    problem = store_week(seed)
    found, rule = solve(problem, work), greedy(problem)
    cost, plain = found.proof.objective or 0.0, rule.proof.objective or 1.0
    gap = found.proof.gap
    return Week(found.made_by, round(cost, 3), 1.0 if gap is None else gap, cost / plain)
