"""Open to buy by the retail method: what of a category may still be bought for a month so that sales and stock end as planned.

Levy, Weitz and Grewal, Retailing Management, merchandise budget and open-to-buy: planned sales + markdowns + end stock - stock - on order,
all at retail; at cost after the initial markup. Money in minor units.
"""

from __future__ import annotations

FIRST_DAYS = 4
"""Ended days of a month that are too few to move its plan."""


def rest_of_sales(plan: float, sold: float, ended: int, days: int, damping: float) -> float:
    """Planned sales of the days left of a month of `days` open days, moved by how sales went so far: `sold` in the `ended` days."""
    left, to_date = plan * (days - ended) / days if days else 0.0, plan * ended / days if days else 0.0
    if ended < FIRST_DAYS or to_date <= 0:
        return left
    return left * max(0.0, 1 + damping * (sold / to_date - 1))


def open_to_buy(sales: float, markdown: float, end_stock: float, stock: float, on_order: float, reserve: float = 0) -> float:
    """What is open at retail, negative where more is bought than planned; `reserve` is kept back of what is open."""
    found = sales + markdown + end_stock - stock - on_order
    return found * (1 - reserve) if found > 0 else found


def overdraft(value: float, is_open: float, planned_receipts: float) -> tuple[float, float]:
    """By how much an order is beyond what is open, also as a share of the month's planned receipts (infinite where none are planned)."""
    excess = max(0.0, value - is_open)
    return excess, excess / planned_receipts if planned_receipts > 0 else (float("inf") if excess else 0.0)


def weeks_of_supply(stock: float, sales: float, calendar_days: int) -> float | None:
    """Weeks that a stock lasts at a month's mean planned sales; None where none are planned."""
    return stock / (sales * 7 / calendar_days) if sales > 0 else None
