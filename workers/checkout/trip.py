"""One shopper's trip with a smart cart: what the scale says about the lines, what was taken out again, what is paid.

A trip is a plain dict, so that it can be kept; its lines are those of `basket`. Weights are grams, amounts minor units. `accepted_g` is
what an attendant found to be in order beyond the lines (a handbag), `mismatches` counts the open ones, `misfit_g` is the last weight that
made one, and `removed` the pieces taken out and not put back, by product.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from . import basket

Trip = dict[str, Any]
OPEN, PAID, CLOSED = "open", "paid", "closed"


def new_trip(session: str, cart: str, started: datetime) -> Trip:
    return {
        "state": OPEN, "session": session, "cart": cart, "seq": None, "member": None, "zone": None, "started": started.isoformat(),
        "lines": [], "total": 0, "discount": 0, "coupons": [], "used": [],
        "weight_g": None, "accepted_g": 0, "mismatches": 0, "misfit_g": None, "checked": False,
        "removed": {}, "offers": {}, "offered_at": None, "suggested": [], "attempt": 0, "asked": None, "paid": [],
    }  # fmt: skip


def end(trip: Trip, state: str) -> None:
    """Only what tells a late or repeated payment stays."""
    trip |= {"state": state, "lines": [], "removed": {}, "coupons": []}


def is_new(trip: Trip, seq: int) -> bool:
    """Whether an event of this sequence number is still to be taken; it then is the last."""
    if trip["state"] != OPEN or (trip["seq"] is not None and seq <= trip["seq"]):
        return False
    trip["seq"] = seq
    return True


def off_g(trip: Trip) -> float:
    """How much heavier the cart is than its lines."""
    return float(trip["weight_g"] - trip["accepted_g"] - basket.expected_g(trip["lines"]))


def fits(trip: Trip, tolerance_g: float, tolerance_pct: float) -> bool:
    """Whether the last weight is that of the lines."""
    return basket.fits(trip["weight_g"] - trip["accepted_g"], trip["lines"], tolerance_g, tolerance_pct)


def judge(trip: Trip, tolerance_g: float, tolerance_pct: float) -> Literal["fits", "misfit", "repeated"]:
    """What a stable weight says; a misfit is another open mismatch, but not where only the weighing before is repeated."""
    if fits(trip, tolerance_g, tolerance_pct):
        return "fits"
    if trip["misfit_g"] is not None and abs(trip["misfit_g"] - trip["weight_g"]) <= tolerance_g:
        return "repeated"
    trip["misfit_g"] = trip["weight_g"]
    trip["mismatches"] += 1
    return "misfit"


def resolve(trip: Trip) -> bool:
    """Close the open mismatches; whether there were any."""
    were_open: bool = trip["mismatches"] > 0
    trip |= {"mismatches": 0, "misfit_g": None}
    return were_open


def accept_weight(trip: Trip) -> None:
    """An attendant has looked: what the cart weighs is what its lines weigh."""
    if trip["weight_g"] is not None:
        trip["accepted_g"] = trip["weight_g"] - basket.expected_g(trip["lines"])


def take_out(trip: Trip, gtin: str, qty: float) -> bool:
    """Take pieces off the lines and remember them; whether there were any."""
    taken = basket.take_out(trip["lines"], gtin, qty)
    if taken:
        trip["removed"][gtin] = trip["removed"].get(gtin, 0) + taken
    return taken > 0


def put_back(trip: Trip, gtin: str, qty: float) -> float:
    """Pieces that were out and are back."""
    out = trip["removed"].pop(gtin, 0)
    if qty < out:
        trip["removed"][gtin] = out - qty
    back: float = min(qty, out)
    return back


def may_offer(trip: Trip, now: datetime, cooldown: timedelta) -> bool:
    last = trip["offered_at"]
    return last is None or now >= datetime.fromisoformat(last) + cooldown


def due(trip: Trip) -> int:
    """What is left to pay; nothing once the trip has ended, negative where the basket shrank below what was paid."""
    left: int = trip["total"] - sum(payment["amount"] for payment in trip["paid"])
    return left if trip["state"] == OPEN else 0


def pay(trip: Trip, payment: str, amount: int, **more: Any) -> int:
    """Take a payment up to what is due; what is beyond it, to be refunded."""
    taken = min(amount, max(0, due(trip)))
    trip["paid"].append({"payment": payment, **{name: value for name, value in more.items() if value is not None}, "amount": taken})
    return amount - taken


def has_paid(trip: Trip, payment: str) -> bool:
    return any(one["payment"] == payment for one in trip["paid"])
