"""An order that is fetched or brought, as plain JSON: what was picked of its lines (by number), what has come back, what was paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing.order_refunds import coupon_value, value_back

Row = Mapping[str, Any]
Lines = dict[str, dict[str, Any]]


def new_order(placed: Row, name: str) -> dict[str, Any]:
    """What is kept of an `order.placed`: `total` was paid, `due` is still to pay; who is told of it."""
    amounts, fee = sum(line["amount"] for line in placed["lines"]), placed.get("delivery_fee", 0)
    total, paid = placed.get("total", amounts + fee), placed.get("paid", True)
    return {
        **{
            "lines": lines_of(placed["lines"]),
            "pickup": placed.get("kind", "pickup") == "pickup",
            "channel": placed.get("channel", "online"),
        },
        **{"to": placed.get("member") or placed.get("payer") or name},
        **{"total": total if paid else 0, "due": 0 if paid else total, "coupon": coupon_value(amounts, fee, total)},
        **{"refunded": 0, "returned": 0, "returns": []},
    }


def pay(order: dict[str, Any]) -> None:
    """What was due is paid."""
    order |= {"total": order["total"] + order["due"], "due": 0}


def lines_of(ordered: Iterable[Row]) -> Lines:
    """The lines of an `order.placed`; `got` is None until a line was picked."""
    return {
        str(line["line"]): {
            **{"gtin": line["gtin"], "qty": line["qty"], "amount": line["amount"], "g": line.get("weight_g")},
            **{"got": None, "class": None, "back": 0},
        }
        for line in ordered
        if line["qty"] > 0
    }


def pick(lines: Lines, picked: Iterable[Row], storage: str | None) -> None:
    """Enter a `pick.done`: pieces and grams, the product that took another's place, the class it was picked in. A later one replaces."""
    for line in picked:
        if (known := lines.get(str(line["line"]))) is not None:
            known |= {"got": line["picked"], "g": line.get("weight_g", known["g"]), "class": storage}
            known["taken"] = line.get("substitute") or line["gtin"]


def is_picked(lines: Lines) -> bool:
    """Whether each line was picked, or was not there."""
    return all(line["got"] is not None for line in lines.values())


def goods(lines: Lines) -> dict[str, dict[str, Any]]:
    """The lines of which something was picked."""
    return {number: line for number, line in lines.items() if line["got"]}


def product_of(line: Row) -> str:
    """The product handed out for a line: the one picked in its place, else the one ordered."""
    return str(line.get("taken") or line["gtin"])


def left(order: Row) -> int | None:
    """What was paid and not yet refunded; None where that is nothing."""
    return order["total"] - order["refunded"] or None


def refund(order: dict[str, Any]) -> int:
    """What is due for all that has come back and was not refunded before, in minor units; never more than is left of what was paid."""
    worth = value_back(order["lines"].values(), order["coupon"])
    amount = max(0, min(worth - order["returned"], left(order) or 0))
    order["returned"], order["refunded"] = worth, order["refunded"] + amount
    return int(amount)


def pieces(lines: Lines) -> list[tuple[str, float]]:
    """The products of an order with their pieces: as picked, where a line was picked, else as ordered."""
    found = [(product_of(line), line["qty"] if line["got"] is None else line["got"]) for line in lines.values()]
    return [(gtin, qty) for gtin, qty in found if qty]


def returnable(lines: Lines, asked: Row) -> tuple[str | None, str | None]:
    """The number of the line that a line of a return names, by its product (and `line`, where it says which), with so many pieces left;
    else None and why not: `not_on_order`, `returned_before`, `too_many`."""
    key, number = item_key(asked["gtin"]), asked.get("line")
    own = {
        name: line
        for name, line in lines.items()
        if key in (item_key(product_of(line)), item_key(line["gtin"])) and number in (None, int(name))
    }
    rest = {name: (line["qty"] if line["got"] is None else line["got"]) - line["back"] for name, line in own.items()}
    if not own or not any(rest[name] + own[name]["back"] for name in own):
        return None, "not_on_order"
    found = next((name for name in rest if rest[name] >= asked["qty"] > 0), None)
    if found is None:
        return None, "too_many" if any(pieces > 0 for pieces in rest.values()) else "returned_before"
    return found, None


def barred(order: Row | None, day: str) -> str | None:
    """Why nothing of an order may come back on a store day: `not_found`, `not_collected`, `too_late`; None where it may, by `last`."""
    if order is None:
        return "not_found"
    if order["phase"] != "handed":
        return "not_collected"
    return "too_late" if day > order["last"] else None


def take_back(order: dict[str, Any] | None, asked: Iterable[Row], day: str) -> tuple[list[tuple[str, Row]], list[tuple[str, Row]]]:
    """The lines of a return that are taken, each with the number of its line of the order, whose pieces are then back; and the others, each
    with its reason."""
    taken, refused, bar = [], [], barred(order, day)
    for line in asked:
        number, reason = (None, bar) if order is None or bar else returnable(order["lines"], line)
        if order is not None and number is not None:
            order["lines"][number]["back"] += line["qty"]
            taken.append((number, line))
        else:
            refused.append((str(reason), line))
    return taken, refused
