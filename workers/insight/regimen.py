"""What a guest tells a skin kiosk, and which products suit them: type, allergens, range of goods. Plain rows of the table `products`.

A product's `attributes` say its `step` (cleanse, serum...), its `strength` (points by concern), the `skin_types` that it is for (none, or
`all`: everybody) and its `ingredients`. Words are compared in lower case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from storeloom.workers.gs1 import item_key

Row = Mapping[str, Any]
ALLERGENS = ("allergens", "allergies", "allergen", "allergy")
THE_SET = (None, "set", "gift_set", "buy")


def told(kind: str, data: Row) -> dict[str, Any]:
    """What a `kiosk.event` says of the guest: member, age (or band), skin_type, allergens, budget (minor units); only what it says.

    An age event has the age as its `value`, a choose the budget as its `amount`; else they stand in `values`, allergens as a list or as
    words parted by commas.
    """
    values = data.get("values") or {}
    age = values.get("age_band", values.get("age", data.get("value") if kind == "age" else None))
    allergens = next((values[name] for name in ALLERGENS if name in values), None)
    found = {
        "member": data.get("member"),
        "age": age,
        "skin_type": str(values["skin_type"]).casefold() if values.get("skin_type") else None,
        "allergens": None if allergens is None else sorted(_words(allergens)),
        "budget": values.get("budget", data.get("amount") if kind == "choose" else None),
    }
    return {name: value for name, value in found.items() if value is not None}


def orders_set(kind: str, data: Row) -> bool:
    """Whether a `kiosk.event` orders the set: a payment, a choose of `set`, or a confirm that is about nothing else."""
    value, says_more = data.get("value"), bool(data.get("values"))
    if kind == "choose":
        return value in THE_SET[1:]
    return kind == "pay" or (kind == "confirm" and value in THE_SET and not (value is None and says_more))


def by_step(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Products by their step; those without one are left out."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        step = (row.get("attributes") or {}).get("step")
        if step:
            found.setdefault(step, []).append(row)
    return found


def suits(product: Row, guest: Row, today: str) -> bool:
    """Whether a product that is still listed on a day suits the guest's skin type, where told, and holds none of their allergens."""
    facts = product.get("attributes") or {}
    types = _words(facts.get("skin_types") or ())
    wrong_type = guest.get("skin_type") and types and not types & {guest["skin_type"], "all"}
    contents = {
        word for part in (product.get("allergens"), facts.get("allergens"), facts.get("ingredients")) for word in _words(part or ())
    }
    contents |= _words([product["gtin"], product.get("name", "")])
    return not wrong_type and not contents & set(guest.get("allergens", ())) and (product.get("delisted_on") or "9") > today


def bought(shown: Collection[str], receipt: Iterable[Row], by_coupon: bool) -> tuple[bool, bool]:
    """Of the items shown (by `item_key`) and the lines of a receipt: whether it is a purchase after the test, and of the whole set. The
    set's coupon makes any receipt one."""
    items = {item_key(line["gtin"]) for line in receipt}
    return by_coupon or not items.isdisjoint(shown), bool(shown) and items >= set(shown)


def _words(given: str | Iterable[Any]) -> set[str]:
    parts = given.replace("，", ",").split(",") if isinstance(given, str) else given
    return {str(part).strip().casefold() for part in parts} - {""}
