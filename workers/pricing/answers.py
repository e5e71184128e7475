"""What a kept answer (`PricedBasket.as_data`) still says later: discounts that go on for unchanged lines, and what returned pieces cost."""

from collections.abc import Iterable, Mapping
from typing import Any

from storeloom.workers.gs1 import item_key

from .basket import refund_amount

Answer = Mapping[str, Any]


def keep_discounts(answer: Answer, last: Answer) -> dict[str, Any]:
    """The answer with the discounts of an earlier one on the lines that it had just so."""
    known = {_identity(line): line for line in last["lines"]}
    lines = [known.get(_identity(line), line) for line in answer["lines"]]
    total, savings = (sum(line[name] for line in lines) for name in ("amount", "discount"))
    return {**answer, "lines": lines, "total": total, "savings": savings}


def returned_lines(
    answer: Answer, back: dict[str, dict[str, int]], receipt: str, asked: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Negative lines for what is `asked` back (`gtin`, `qty` of either sign), at the price paid after all discounts.

    `back` keeps the pieces returned so far, by line and return receipt, and is brought up to date; the same receipt may ask again and gets
    the same. More than was bought does not come back. A line whose quantity is no whole number comes back as a whole.
    """
    wanted: dict[str, float] = {}
    for row in asked:
        wanted[item_key(row["gtin"])] = wanted.get(item_key(row["gtin"]), 0) + abs(row.get("qty", 1))
    found = []
    for line in answer["lines"]:
        whole = float(line["qty"]).is_integer()
        qty = int(line["qty"]) if whole else 1
        returned = back.setdefault(str(line["line"]), {})
        before = sum(pieces for other, pieces in returned.items() if other != receipt)
        left = wanted.get(item_key(line["gtin"]), 0)
        pieces = min(int(left) if whole else int(left > 0), qty - before)
        if pieces <= 0:
            continue
        returned[receipt] = pieces
        wanted[item_key(line["gtin"])] = left - (pieces if whole else line["qty"])
        amount = refund_amount(line["amount"], qty, before, pieces)
        gross = refund_amount(line["amount"] + line["discount"], qty, before, pieces)
        found.append({**line, "qty": -pieces if whole else -line["qty"], "discount": amount - gross, "amount": -amount})
    return found


def _identity(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return line["line"], item_key(line["gtin"]), line["qty"], line["price"]
