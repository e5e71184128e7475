"""Paid posts for hours that the roster leaves open: blocks of gaps, places to book against no-shows, who may take one, and verified pay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, comb, floor

from storeloom.workers.pricing.money import exact, round_money

REST = timedelta(hours=11)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Block:
    """Hours in which `heads` people are missing at most."""

    start: datetime
    end: datetime
    heads: int


def blocks(needs: Iterable[tuple[datetime, datetime, float]], fixed: Sequence[Span], min_block_h: float) -> list[Block]:
    """Gaps by slot (need rounded up, less the people who are there for all of it), joined.

    Adjoining gaps join, a hole of one slot between two is bridged; what is shorter than `min_block_h` hours is dropped.
    """
    slots = [(start, end, ceil(round(need, 6)) - sum(a <= start and end <= b for a, b in fixed)) for start, end, need in sorted(needs)]
    found: list[Block] = []
    for place, (start, end, gap) in enumerate(slots):
        if gap <= 0:
            continue
        last = found[-1] if found else None
        bridged = place > 0 and slots[place - 1][1] == start and last is not None and last.end == slots[place - 1][0]
        if last is not None and (last.end == start or bridged):
            found[-1] = Block(last.start, end, max(last.heads, gap))
        else:
            found.append(Block(start, end, gap))
    return [block for block in found if block.end - block.start >= min_block_h * HOUR]


def chance(places: int, heads: int, show_rate: float) -> float:
    """P(at least `heads` of `places` people come), each with `show_rate` by itself (binomial)."""
    return sum(comb(places, come) * show_rate**come * (1 - show_rate) ** (places - come) for come in range(heads, places + 1))


def places(heads: int, show_rate: float, target: float) -> int:
    """The least number of people to book so that enough come with a chance of `target` or better; three for each head at most."""
    return next((n for n in range(heads, 3 * heads) if chance(n, heads, show_rate) >= target), 3 * heads)


def conflict(duty: Span, others: Iterable[Span]) -> str | None:
    """What keeps somebody with other duties from one more: `overlap`, or `rest` under 11 hours; None where nothing does."""
    found = None
    for start, end in others:
        if start < duty[1] and duty[0] < end:
            return "overlap"
        if max(start - duty[1], duty[0] - end) < REST:
            found = "rest"
    return found


def hours(spans: Iterable[Span]) -> float:
    """Hours of these spans together."""
    return sum((end - start) / HOUR for start, end in spans)


def clocked(punches: Iterable[tuple[datetime, str]], block: Span) -> float:
    """Minutes of clocked time within a block; breaks that were punched do not count, and who is still in counts to its end."""
    since: datetime | None = None
    total = timedelta(0)
    for at, kind in sorted([*punches, (block[1], "end")]):
        if kind in ("in", "break_end") and since is None:
            since = at
        elif kind in ("out", "break_start", "end") and since is not None:
            total += max(timedelta(0), min(at, block[1]) - max(since, block[0]))
            since = None
    return total / MINUTE


def payable(minutes: float, step: int) -> int:
    """Minutes that are paid: rounded down to whole steps."""
    return floor(minutes / step + 1e-9) * step


def pay(minutes: int, per_hour: int) -> int:
    """Minor units for paid minutes, half up."""
    return round_money(exact(minutes) * per_hour / 60)


def show_rate(history: Mapping[str, int], usual: float, least_posts: int = 30) -> float:
    """The chance that somebody comes: learned (`came` of `booked`) once `posts` of a role are enough, else the usual one."""
    if history.get("posts", 0) < least_posts or not history.get("booked"):
        return usual
    return min(1.0, max(0.3, history["came"] / history["booked"]))
