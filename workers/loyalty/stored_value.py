"""Stored-value cards to the minor unit: authorised, captured, given back, moved to a successor.

A card is a plain dict: `balance` (captured money taken off, authorised money still in), `holds` and `spent` by receipt, `member` (None: a
bearer card), `day` of its activation (ISO), `successor`. The books are the sums `sold`, `refunded` and `captured` over all cards; the
balances are sold + refunded - captured.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from math import ceil
from typing import Any

Card = dict[str, Any]
BUYER_RECORD_YEARS = 5


def new_card(face: int, day: date, member: str | None = None, secret: str | None = None) -> Card:
    return {
        "balance": face,
        "holds": {},
        "spent": {},
        "member": member,
        "secret": secret,
        "day": day.isoformat(),
        "successor": None,
        "wrong": 0,
        "locked": None,
    }


def available(card: Card) -> int:
    """What may still be authorised."""
    held: int = sum(card["holds"].values())
    return int(card["balance"]) - held


def years_after(day: date, years: int) -> date:
    """The same day some years later; 28 February for a leap day that the year does not have."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def has_expired(card: Card, today: date, bearer_years: int) -> bool:
    """Whether an unnamed card's life is over; named ones never end."""
    return card["member"] is None and today > years_after(date.fromisoformat(card["day"]), bearer_years)


def authorise(card: Card, receipt: str, amount: int) -> bool:
    """Hold an amount for a receipt, whole or not at all."""
    if amount <= 0 or amount > available(card):
        return False
    card["holds"][receipt] = amount
    return True


def capture(card: Card, receipt: str, amount: int) -> int:
    """Take a receipt's amount, out of its hold or (a sale that was never authorised) of what is there; what could not be covered."""
    card["holds"].pop(receipt, None)
    taken: int = min(amount, card["balance"])
    card["balance"] -= taken
    card["spent"][receipt] = card["spent"].get(receipt, 0) + taken
    return amount - taken


def give_back(card: Card, receipt: str, amount: int, onto: Card) -> int:
    """Money of a return, up to what the receipt took of the card and still has, goes `onto` the card or its successor; how much."""
    back: int = min(amount, card["spent"].get(receipt, 0))
    if back:
        card["spent"][receipt] -= back
        onto["balance"] += back
    return back


def escrow_need(balance: int, percent: int) -> int:
    """Escrow for a quarter-end balance, rounded up to the minor unit."""
    return ceil(Fraction(balance * percent, 100))


def difference(balances: Iterable[int], books: Mapping[str, int]) -> int:
    """What the balances lack (negative) or have (positive) against the books."""
    return sum(balances) - (books["sold"] + books["refunded"] - books["captured"])
