"""Sub-metering: what a register says was used, when, and who pays what part of a bill.

Registers count up and start anew after their last digit. Uses are in the meter's unit (kWh, m3), times are UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.pricing.money import apportion, exact, round_money

ROLL_OVER_USE = 3.0
ROLL_OVER_SHARE = 0.1
SplitBy = Literal["usage", "area", "equal"]


class Use(NamedTuple):
    """What was used between two registers; `changed` where they are those of two meters, so that nothing can be told."""

    amount: float
    changed: bool


def use_between(before: float, after: float, *, digits: int, intervals: float, largest: float | None) -> Use:
    """The difference of two registers of a meter of so many digits, `intervals` apart.

    A smaller one is a roll-over where, with 10^digits added, an interval used at most three times the `largest` use of one before; without
    history where it is at most a tenth of the register. Else the meter was changed.
    """
    if after >= before:
        return Use(after - before, changed=False)
    amount = after + 10**digits - before
    most = ROLL_OVER_USE * largest * max(1.0, intervals) if largest else ROLL_OVER_SHARE * 10**digits
    return Use(amount, changed=False) if 0 <= amount <= most else Use(0.0, changed=True)


def pieces(
    begin: datetime, end: datetime, interval: timedelta, clocks: Sequence[str], hours: StoreHours
) -> list[tuple[datetime, datetime]]:
    """[begin, end) cut at every multiple of the interval, at the store's midnights and at these times of its days."""
    cuts, step = {begin, end}, interval.total_seconds()
    at = math.floor(begin.timestamp() / step) * step + step
    while at < end.timestamp():
        cuts.add(datetime.fromtimestamp(at, begin.tzinfo))
        at += step
    day = hours.store_day(begin)
    while hours.midnight(day) < end:
        cuts |= {moment for clock in ("00:00", *clocks) if begin < (moment := hours.at(day, clock)) < end}
        day += timedelta(days=1)
    ordered = sorted(cuts)
    return list(pairwise(ordered))


def spread(amount: float, parts: Sequence[tuple[datetime, datetime]], profile: Mapping[datetime, float] | None) -> list[float]:
    """An amount over parts of time: evenly, or by a profile of what each part (by its begin) used, where that is more than nothing."""
    weights = [(end - begin).total_seconds() for begin, end in parts]
    if profile:
        shaped = [profile.get(begin, 0.0) for begin, _ in parts]
        weights = shaped if sum(shaped) > 0 else weights
    whole = sum(weights)
    return [amount * weight / whole for weight in weights]


class Share(NamedTuple):
    """A user's part of a bill: own and shared use, and minor units."""

    user: str
    own: float
    shared: float
    amount: int


def split_bill(
    cost: Fraction, use: float, own: Mapping[str, tuple[Fraction, float]], keys: Mapping[str, float], split_by: SplitBy
) -> list[Share]:
    """Divide a bill among users, by their names' order: own cost, and the rest of cost and use by the key.

    `own`: cost and use of each by its own meters. `keys`: area or days of each, which counts unless the key is `usage`; without any the
    rest is split evenly. Amounts are rounded by largest remainder, ties to the earlier name, so that they add up to the bill, half up.
    """
    users = sorted(own)
    weights = {user: exact(round(own[user][1] if split_by == "usage" else keys.get(user, 0), 6)) for user in users}
    whole = sum(weights.values(), Fraction(0))
    parts = {user: weights[user] / whole if whole > 0 else Fraction(1, len(users)) for user in users}
    rest_cost = cost - sum((own[user][0] for user in users), Fraction(0))
    rest_use = use - sum(own[user][1] for user in users)
    costs = [max(Fraction(0), own[user][0] + rest_cost * parts[user]) for user in users]
    scale = math.lcm(*(one.denominator for one in costs))
    total = round_money(max(Fraction(0), cost))
    amounts = apportion(total, [int(one * scale) for one in costs]) if sum(costs) > 0 else [0] * len(users)
    return [Share(user, own[user][1], rest_use * float(parts[user]), amount) for user, amount in zip(users, amounts, strict=True)]


def billing_month(day: date, bill_day: int) -> tuple[date, date]:
    """First day of the billing month of a day, and of the one after; `bill_day` 1 to 28."""
    first = day.replace(day=bill_day) if day.day >= bill_day else (day.replace(day=1) - timedelta(days=1)).replace(day=bill_day)
    return first, (first.replace(day=28) + timedelta(days=7)).replace(day=bill_day)


def bands_cost(bands: Iterable[tuple[str, float]]) -> tuple[Fraction, float]:
    """Cost and use of amounts by band and price, written `band|price` in minor units."""
    cost, use = Fraction(0), 0.0
    for name, amount in bands:
        cost += exact(float(name.rpartition("|")[2])) * exact(round(amount, 6))
        use += amount
    return cost, use
