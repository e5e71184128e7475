"""Whom a shopping guide should contact today, why and with what: reasons that hold for a member, and products for them.

Members' records are those of `buyer`, with `wants` (products wanted while sold out, and since when). Products stand by `item_key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from storeloom.workers.insight import buyer, likeness, occasions

Row = Mapping[str, Any]
ALIKE = 0.5
COMPARED = 30
WANTED_FOR = timedelta(days=180)
SUMS = {"asked": "count", "contacts": "count", "bought": "count", "sales": "minor"}
TOLD = "told"
MADE = ("accepted", "done", "approved")
REFUSED, BOUGHT = ("refused", "refuse", "declined", "拒绝"), ("bought", "buy", "purchased", "成交", "已购买")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member to contact: the reason, the item that it is about, the rate of the reason (0 to 1), and the value in minor units."""

    member: str
    reason: str
    item: str | None
    rate: float
    value: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A product for a member: how alike it is to what the member owns (0 to 1), and its margin in minor units."""

    product: Row
    match: float
    margin: float


@dataclass(frozen=True)
class Shop:
    """What can be offered on a day: `products` and their `features` by item, units in `stock`, `price` of a product, None where unknown."""

    products: Mapping[str, Row]
    features: Mapping[str, frozenset[tuple[str, str]]]
    stock: Mapping[str, float]
    price: Callable[[Row], int | None]
    today: date

    @cached_property
    def there(self) -> list[str]:
        """Items of the range with units in stock."""
        return [item for item, units in sorted(self.stock.items()) if units > 0 and item in self.products]

    @cached_property
    def arrivals(self) -> list[str]:
        return [item for item in self.there if occasions.is_new(self.products[item].get("listed_on"), self.today)]

    def proposals(self, record: buyer.Record, items: Sequence[str] | None = None) -> list[Proposal]:
        """Of these items (all that are there), those in the member's size and not owned: the best match first, then the greatest margin."""
        owned = buyer.owned(record)
        own, known = buyer.sizes(record, self.products), [self.features[item] for item in list(owned)[-COMPARED:] if item in self.features]
        found = []
        for item in self.there if items is None else items:
            product = self.products[item]
            if item not in owned and buyer.fits(product, own):
                margin = (self.price(product) or 0) - (product.get("cost") or 0)
                found.append(Proposal(product, likeness.closest(self.features[item], known), margin))
        return sorted(found, key=lambda one: (-one.match, -one.margin, one.product["gtin"]))

    def reasons(self, record: buyer.Record, member: Row) -> Iterator[tuple[str, str | None]]:
        """Every reason that holds today, with the product that it is about."""
        bought = buyer.days(record)
        if occasions.birthday(member.get("birth_month"), self.today):
            yield "birthday", None
        if occasions.silent_for(bought, self.today, 1):
            yield "cycle_due", None
        back = next((item for item in record.get("wants", {}) if self.stock.get(item, 0) > 0 and self._wanted(record, item)), None)
        if back:
            yield "back_in_stock", back
        arrived = next(iter(self.proposals(record, self.arrivals)), None) if record.get("buys") and self.arrivals else None
        if arrived and arrived.match >= ALIKE:
            yield "new_arrival", str(arrived.product["gtin"])
        if occasions.after_care(bought, self.today):
            yield "after_care", None
        if occasions.silent_for(bought, self.today, occasions.LAPSED_CYCLES):
            yield "lapsed", None

    def candidate(self, record: buyer.Record, member: Row, rates: Mapping[str, float]) -> Candidate | None:
        """The best reason to contact a member, worth its rate times the mean basket; None without any."""
        found = best(dict(self.reasons(record, member)), rates)
        if found is None:
            return None
        rate = rates[found[0]]
        return Candidate(member["member"], *found, rate, rate * mean_basket(record, member))

    def _wanted(self, record: buyer.Record, item: str) -> bool:
        return self.today - date.fromisoformat(record["wants"][item][:10]) <= WANTED_FOR


def rests(contacted: date | None, refused: date | None, today: date, gap_d: int, refused_gap_d: int) -> bool:
    """Whether a member is left alone: contacted or refused too few days ago."""
    recent = contacted is not None and (today - contacted).days < gap_d
    return recent or (refused is not None and (today - refused).days < refused_gap_d)


def mean_basket(record: buyer.Record, member: Row) -> float:
    """A member's mean basket in minor units: of the last twelve months where the table tells them, else of the receipts seen."""
    receipts = member.get("receipts_12m")
    if receipts and member.get("spend_12m") is not None:
        return float(member["spend_12m"] / receipts)
    return buyer.mean_basket(record) or 0.0


def best(held: Mapping[str, str | None], rates: Mapping[str, float]) -> tuple[str, str | None] | None:
    """Of the reasons that hold, the one with the highest rate and its product; of equal ones the first of `rates`; None without any."""
    known = [reason for reason in rates if reason in held]
    reason = max(known, key=lambda one: rates[one], default=None)
    return (reason, held[reason]) if reason else None


def profile(record: buyer.Record, member: Row, products: Mapping[str, Row]) -> dict[str, Any]:
    """What a guide should know of a member before the contact; only what is known."""
    bought = buyer.days(record)
    found = {
        "tier": member.get("tier"),
        "mean_basket": round(mean_basket(record, member)),
        "purchases": len(bought),
        "last_purchase": bought[-1].isoformat() if bought else member.get("last_purchase"),
        "sizes": sorted(set(buyer.sizes(record, products).values())),
    }
    return {name: value for name, value in found.items() if value}


def learnable(member: Row, opted_out: bool) -> bool:
    """Whether a member may be contacted and learnt of: consents to marketing, did not refuse profiling, is still there."""
    consents = member.get("consents") or {}
    return consents.get("marketing") is True and consents.get("profiling") is not False and not member.get("left") and not opted_out


def guide_tag(member: Row) -> str | None:
    """The guide that the table binds a member to."""
    return next((str(tag)[6:] for tag in member.get("tags") or () if str(tag).startswith("guide:")), None)


def has_left(staff: Row, today: date) -> bool:
    """Whether somebody of the table `staff` has left by a day."""
    left = staff.get("left")
    return left is True or bool(left and str(left)[:10] <= today.isoformat())


def on_shift(clock: Row | None, clocked: str | None, availability: Sequence[Row], today: date) -> bool:
    """Whether somebody is at work: by the own last punch (`day`, `in`) where that was today or a leaving; absent where others clocked in
    today (`clocked`, a day); where nobody did, by the weekdays of the availability (none: always)."""
    if clock and (clock["day"] == today.isoformat() or not clock["in"]):
        return bool(clock["in"])
    return clocked != today.isoformat() and (not availability or any(span.get("weekday") == today.isoweekday() for span in availability))


def outcome(done: Row) -> str | None:
    """What a guide's `task.done` tells of a contact: `refused`, `bought`, else `made`; None where there was none. The words stand in
    `values.outcome` (or `result`); a rejected task is a refusal."""
    values = done.get("values") or {}
    word = str(values.get("outcome") or values.get("result") or "").strip().casefold()
    if word in REFUSED or values.get("refused") is True or done["state"] == "rejected":
        return "refused"
    return None if done["state"] not in MADE else "bought" if word in BOUGHT else "made"


def claim(contact: dict[str, Any] | None, at: datetime, receipt: str, amount: int, days: int) -> int | None:
    """Enter a purchase with the latest contact (`at`, `bought`, `amount`; changed in place): how many purchases it adds, none where the
    guide had told of it; None where it does not count: too late, a second one, nothing spent."""
    if not contact or contact["bought"] not in (None, TOLD) or amount <= 0:
        return None
    if not timedelta(0) <= at - datetime.fromisoformat(contact["at"]) <= timedelta(days=days):
        return None
    added = 0 if contact["bought"] == TOLD else 1
    contact |= {"bought": receipt, "amount": amount}
    return added


def totals(day: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """The sums of all guides' days (`SUMS`), each with its unit."""
    return {name: {"value": sum(sums[name] for sums in day.values()), "unit": unit} for name, unit in SUMS.items()}


def gone(staff: Iterable[Row], seen: Iterable[str], today: date) -> set[str]:
    """Who of the table `staff` has left by a day, and who was `seen` there and is not there any more."""
    rows = list(staff)
    return {row["staff"] for row in rows if has_left(row, today)} | (set(seen) - {row["staff"] for row in rows})
