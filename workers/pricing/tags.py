"""A shelf tag against the till: whether its price is right, and how a store's sample of them is judged.

The sample follows NIST Handbook 130, Examination Procedure for Price Verification: accuracy is the share of right prices among those
that could be read; an item that could not be read is no error.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any, Literal

from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1 import item_key

from .money import round_money
from .prices import LATEST, instant
from .shelf import ShelfPrice, offer_price

Row = Mapping[str, Any]
Verdict = Literal["right", "overcharge", "undercharge"]
STATED = {"base": "base", "match": "base", "promotion": "promotion", "markdown": "markdown"}
PER_MEASURE = re.compile(r"(\d*)(kg|g|L|ml)")
GRAMS = {"kg": 1000, "g": 1, "L": 1000, "ml": 1}


@dataclass(frozen=True)
class Accuracy:
    """A sample of tags: how many could be read, were right, asked too little and too much at the till."""

    read: int
    right: int
    overcharges: int
    undercharges: int
    unread: tuple[str, ...]

    @property
    def pct(self) -> float | None:
        """Right among read, per cent; None where none was read."""
        return 100 * self.right / self.read if self.read else None


def statement(data: Row, at: datetime) -> Row | None:
    """A `price.set` of time `at` as a statement for `shelf.with_news`; None for one that changes no shelf price: a member's, a basket's,
    a lot's, and one that is only proposed."""
    kind, scope = STATED.get(data["kind"]), data.get("scope") or {}
    undecided = "proposed" in (data.get("state"), data.get("status")) or data.get("status") == "rejected"
    if kind is None or undecided or data.get("lot") or scope.keys() & {"lot", "basket", "member_tier"}:
        return None
    placed = {part: scope[part] for part in ("zone", "cabinet") if scope.get(part)}
    begins = rfc3339(parse_time(data.get("from") or at))
    given = {"gtin": data["gtin"], "kind": kind, "scope": placed, "from": begins, "to": data.get("to")}
    return {**given, "price": data["price"], "struck": data.get("struck"), "set": rfc3339(at)}


def comparable(tag: int, per: str | None, till: ShelfPrice) -> int:
    """A tag's price by the till's measure: one per 500 g as one per kg where the till weighs. `per` is the measure that the tag names."""
    match = PER_MEASURE.fullmatch(per or "")
    if till.per != "kg" or match is None:
        return tag
    return round_money(Fraction(tag * 1000, int(match[1] or 1) * GRAMS[match[2]]))


def promotions_by_scope(promotions: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Promotions by what they name: ("item", key of a gtin), or ("category", name) where they name no item."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in promotions:
        scopes = [("item", item_key(gtin)) for gtin in row.get("gtins") or ()] or [("category", str(row.get("category")))]
        for scope in scopes:
            found[scope].append(row)
    return dict(found)


def promotions_of(product: Row, by_scope: Mapping[tuple[str, str], list[Row]]) -> list[Row]:
    """The promotions that name a product or its categories."""
    categories = [product[field] for field in ("category", "subcategory") if product.get(field)]
    scopes = [("item", item_key(product["gtin"])), *(("category", name) for name in dict.fromkeys(categories))]
    return [row for scope in scopes for row in by_scope.get(scope, ())]


def verdict(tag: int, till: int) -> Verdict:
    """What a tag's price is beside the till's: `overcharge` where the till asks for more."""
    return "right" if tag == till else "overcharge" if till > tag else "undercharge"


def changed_within(turns: Iterable[datetime], at: datetime, grace: timedelta) -> bool:
    """Whether a price changed in the time before `at` in which an old tag is excused."""
    return any(timedelta() <= at - turn <= grace for turn in turns)


def is_past_offer(promotions: Iterable[Row], tag: int, base: int | None, at: datetime, zone: tzinfo) -> bool:
    """Whether a tag still shows the price of one of its product's promotions that has ended."""
    return any(instant(row.get("to"), zone, LATEST) <= at and offer_price(row, base, zone) == tag for row in promotions)


def accuracy(sample: Iterable[str], verdicts: Mapping[str, Verdict]) -> Accuracy:
    """The accuracy of the items of a sample, by the verdicts on those that were read."""
    items = list(sample)
    found = [verdicts[item] for item in items if item in verdicts]
    unread = tuple(item for item in items if item not in verdicts)
    return Accuracy(len(found), found.count("right"), found.count("overcharge"), found.count("undercharge"), unread)
