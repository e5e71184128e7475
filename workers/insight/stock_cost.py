"""What goods cost that left a store's stock: moving average, first in first out, or by stocktake; an item's account as plain JSON.

IAS 2 Inventories (paragraphs 25 to 27: weighted average and FIFO; periodic inventory for the stocktake). Quantities are in the item's unit
(kg or pieces), costs in minor units a unit, kept unrounded. A period runs from count to count.

Stock that goes below zero is sold at the last cost; the next receipt pays for it, and what it cost more or less is the period's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Method = Literal["moving_average", "fifo", "stocktake"]
Account = dict[str, Any]


def new(cost: float, qty: float = 0) -> Account:
    """An account with an opening stock. `sold` is by channel; `closed` is the last period that sold something."""
    lots = [[qty, cost]] if qty else []
    return {"qty": qty, "unit": cost, "lots": lots, "period": _period(qty, qty * cost), "closed": None}


def _period(qty: float, value: float) -> dict[str, Any]:
    return {"in_qty": qty, "in_value": value, "cost": 0.0, "loss": 0.0, "sold": {}}


def _average(account: Account) -> float:
    """The period's average cost: opening and receipts."""
    period = account["period"]
    return float(period["in_value"] / period["in_qty"] if period["in_qty"] > 0 else account["unit"])


def receive(account: Account, qty: float, cost: float) -> float:
    """Goods come in; what units that were sold short cost more than was booked for them is returned and counts as cost."""
    held, period = account["qty"], account["period"]
    covered = min(qty, max(0.0, -held))
    more = float(covered * (cost - account["unit"]))
    left = held + qty
    if held > 0:
        account["unit"] = (held * account["unit"] + qty * cost) / left
    else:
        account["unit"] = cost
    if qty > covered:
        account["lots"].append([qty - covered, cost])
    account["qty"] = left
    period["in_qty"] += qty
    period["in_value"] += qty * cost
    period["cost"] += more
    return more


def _leave(account: Account, qty: float, method: Method) -> float:
    """Take goods out (or back in, `qty` < 0) and value them."""
    account["qty"] -= qty
    if method == "stocktake":
        return qty * _average(account)
    if method == "moving_average":
        return float(qty * account["unit"])
    return _from_lots(account, qty)


def _from_lots(account: Account, qty: float) -> float:
    lots, value = account["lots"], 0.0
    if qty < 0:
        lots.insert(0, [-qty, lots[0][1] if lots else account["unit"]])
        return float(qty * lots[0][1])
    last = account["unit"]
    while lots and qty > 0:
        taken = min(qty, lots[0][0])
        last = lots[0][1]
        value += taken * last
        qty -= taken
        lots[0][0] -= taken
        if lots[0][0] <= 0:
            lots.pop(0)
    if not lots:
        account["unit"] = last
    return float(value + qty * last)


def sell(account: Account, qty: float, channel: str, method: Method) -> float:
    """The cost of goods sold; with `stocktake` provisional until the count."""
    cost, period = _leave(account, qty, method), account["period"]
    period["cost"] += cost
    period["sold"][channel] = period["sold"].get(channel, 0) + qty
    return cost


def lose(account: Account, qty: float, method: Method) -> float:
    """The cost of waste; with `stocktake` 0, as the count will show it."""
    if method == "stocktake":
        account["qty"] -= qty
        return 0.0
    cost = _leave(account, qty, method)
    account["period"]["cost"] += cost
    account["period"]["loss"] += cost
    return cost


def move_out(account: Account, qty: float, method: Method) -> None:
    """Goods leave for another store or go back to the supplier: nobody's cost here."""
    value, period = _leave(account, qty, method), account["period"]
    period["in_qty"] -= qty
    period["in_value"] -= value


def count(account: Account, qty: float, method: Method) -> float:
    """What was found ends the period; returns the cost of what was missing (negative: found more), which is the period's too.

    By stocktake the period's cost is (opening + receipts - count) x its average.
    """
    period, average = account["period"], _average(account)
    if method == "stocktake":
        loss = (period["in_qty"] - qty) * average - period["cost"]
        account["unit"] = average
    else:
        loss = _leave(account, account["qty"] - qty, method)
    period["cost"] += loss
    period["loss"] += loss
    if sum(period["sold"].values()) > 0:
        account["closed"] = {"cost": period["cost"], "sold": sum(period["sold"].values())}
    if method != "fifo" or not account["lots"]:
        account["lots"] = [[qty, account["unit"]]] if qty > 0 else []
    value = sum(lot[0] * lot[1] for lot in account["lots"])
    account["qty"], account["period"] = qty, _period(qty, value)
    return float(loss)


def effective_unit_cost(account: Account) -> float:
    """Period cost / units sold, loss inside: of the last period counted, else of the present one; the unit cost before any sale."""
    closed: Mapping[str, float] | None = account["closed"]
    if closed is not None:
        return closed["cost"] / closed["sold"]
    sold = sum(account["period"]["sold"].values())
    return float(account["period"]["cost"] / sold if sold > 0 else account["unit"])


def deepest(price: float, cost: float, steps: list[int], floor_pct: float) -> int | None:
    """The deepest of the discounts (%) that leaves (price - cost) / price of at least the floor; None where none does."""
    for step in sorted(steps, reverse=True):
        reduced = price * (100 - step) / 100
        if reduced > 0 and 100 * (reduced - cost) / reduced >= floor_pct:
            return step
    return None
