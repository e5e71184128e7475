"""Promotion and coupon rules, and what each kind takes off the lines of a basket.

Kinds of promotions: `percent`; `amount` off each piece or kg (off the basket, once, when no product is named); `fixed`
price each or per kg; `nth` (`value` % off every `qty`-th piece of one product at one price); `member_price`; `multi_buy` (`qty` pieces
of the products named for `value`, dearest first); `threshold` (`value` off from `threshold`); `bundle` (one of each
product named for `value`); `gift` (`qty` pieces of the products named at `value` each, from a spend of `threshold` on
the rest).
With percent, amount, fixed and member_price, `qty` is the least quantity to buy.
A coupon's `fixed` and `free` price one piece, the dearest. Other kinds (`display`, `ad`, `points`) price nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from typing import Any

from storeloom.workers.gs1 import item_key

from .money import Rounding, apportion, exact, round_money
from .prices import EARLIEST, LATEST, instant

Row = Mapping[str, Any]
LAST_PRIORITY = 1_000_000
PROMOTIONS = {
    "percent": "percent_each",
    "amount": "amount_each",
    "fixed": "unit_price",
    "member_price": "unit_price",
    "nth": "nth",
    "multi_buy": "multi_buy",
    "threshold": "amount_once",
    "bundle": "bundle",
    "gift": "gift",
}
COUPONS = {"amount": "amount_once", "percent": "percent_once", "fixed": "one_piece", "free": "one_piece"}
ITEM_METHODS = frozenset({"percent_each", "amount_each", "unit_price", "nth"})
LEAST_QTY = frozenset({"percent_each", "percent_once", "amount_each", "amount_once", "unit_price"})


@dataclass(frozen=True)
class Line:
    """A basket line before discounts.

    `measure` is what the price is multiplied by, pieces or kilograms; `pieces` is None where the line cannot be taken
    apart, since it is weighed or its quantity is no whole number.
    """

    line: int
    gtin: str
    key: str
    categories: frozenset[str]
    qty: Fraction
    weight_g: int | None
    measure: Fraction
    pieces: int | None
    price: int
    gross: int


@dataclass(frozen=True)
class Rule:
    """A promotion or coupon made ready: see `promotion_rule` and `coupon_rule`."""

    id: str
    method: str
    value: Fraction
    coupon: bool = False
    gtins: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    category: str | None = None
    qty: int | None = None
    threshold: int | None = None
    group: str | None = None
    stack: bool = False
    members_only: bool = False
    priority: int = LAST_PRIORITY
    start: datetime = field(default=EARLIEST)
    end: datetime = field(default=LATEST)

    @property
    def rank(self) -> tuple[int, bool, str]:
        """Order in which rules are taken: by priority, 1 first; promotions before coupons; then by id."""
        return self.priority, self.coupon, self.id

    @property
    def is_item_rule(self) -> bool:
        return self.method in ITEM_METHODS and self.threshold is None

    @property
    def money(self) -> int:
        """`value` where it is an amount of money; ValueError when it is no whole number of minor units."""
        if self.value.denominator != 1:
            raise ValueError(f"rule {self.id}: value {float(self.value)} is no whole amount in minor units")
        return self.value.numerator

    def covers(self, line: Line) -> bool:
        return (not self.keys or line.key in self.keys) and (self.category is None or self.category in line.categories)


def promotion_rule(row: Row, zone: tzinfo = UTC) -> Rule | None:
    """A row of the table `promotions`; None when it is not approved or of a kind that prices nothing.

    ValueError when a field that its kind needs is missing or out of range.
    """
    kind, named = row["kind"], bool(row.get("gtins") or row.get("category"))
    method = PROMOTIONS.get(kind)
    if method is None or not row.get("approved", True):
        return None
    if kind == "percent" and row.get("threshold") is not None:
        method = "percent_once"
    if kind == "amount" and (row.get("threshold") is not None or not named):
        method = "amount_once"
    needs = {"nth": "qty", "multi_buy": "qty", "threshold": "threshold", "bundle": "gtins", "gift": "gtins"}
    if kind in needs and not row.get(needs[kind]):
        raise ValueError(f"promotion {row['promo']}: kind {kind} needs {needs[kind]}")
    return _rule(row, str(row["promo"]), method, bool(row.get("stack", False)), kind == "member_price", False, zone)


def coupon_rule(row: Row, zone: tzinfo = UTC) -> Rule | None:
    """A row of the table `coupons`, with `coupon` (the copy's id) where known; None when it prices nothing.

    Coupons whose `stack` is false exclude each other. One without `priority` comes after the promotions.
    """
    method = COUPONS.get(row["kind"])
    if method is None:
        return None
    row = {**row, "value": 0} if row["kind"] == "free" else row
    return _rule(row, str(row.get("coupon", row["template"])), method, bool(row.get("stack", True)), False, True, zone)


def _rule(row: Row, name: str, method: str, stack: bool, members_only: bool, coupon: bool, zone: tzinfo) -> Rule:
    value, qty = exact(row.get("value", 0)), row.get("qty")
    if value < 0 or (method in ("percent_each", "percent_once", "nth") and value > 100):
        raise ValueError(f"rule {name}: value {row['value']} is out of range")
    if qty is not None and qty < 1:
        raise ValueError(f"rule {name}: qty {qty} is out of range")
    gtins = tuple(row.get("gtins") or ())
    return Rule(
        id=name,
        method=method,
        value=value,
        coupon=coupon,
        gtins=gtins,
        keys=tuple(item_key(gtin) for gtin in gtins),
        category=row.get("category"),
        qty=None if qty is None else int(qty),
        threshold=row.get("threshold"),
        group=row.get("group"),
        stack=stack,
        members_only=members_only,
        priority=row.get("priority", LAST_PRIORITY),
        start=instant(row.get("from"), zone, EARLIEST),
        end=instant(row.get("to"), zone, LATEST),
    )


@dataclass(frozen=True)
class Piece:
    """One piece of a line and its share of what is left of the line."""

    line: int
    amount: int


def pieces_of(lines: Sequence[Line], left: Sequence[int], covered: Callable[[Line], bool]) -> list[Piece]:
    """The pieces of the covered lines, dearest first, those of earlier lines before equals."""
    found = []
    for i, line in enumerate(lines):
        if line.pieces and covered(line):
            low, more = divmod(left[i], line.pieces)
            found += [Piece(i, low + (n < more)) for n in range(line.pieces)]
    return sorted(found, key=lambda piece: -piece.amount)


def spread(saving: int, pieces: Sequence[Piece], size: int) -> list[int]:
    """A saving on pieces as savings of lines, by the pieces' amounts."""
    weights = [0] * size
    for piece in pieces:
        weights[piece.line] += piece.amount
    return apportion(saving, weights)


def savings(rule: Rule, lines: Sequence[Line], left: Sequence[int], rounding: Rounding) -> list[int]:
    """What the rule takes off each line, given what is `left` of it; no condition is tested but a least quantity."""
    least = rule.qty or 0 if rule.method in LEAST_QTY else 0
    if sum(line.qty for line in lines if rule.covers(line)) < least:
        return [0] * len(lines)
    return METHODS[rule.method](rule, lines, left, rounding)


def _percent_each(rule: Rule, lines: Sequence[Line], left: Sequence[int], rounding: Rounding) -> list[int]:
    return [round_money(amount * rule.value / 100, rounding) if rule.covers(line) else 0 for line, amount in zip(lines, left, strict=True)]


def _percent_once(rule: Rule, lines: Sequence[Line], left: Sequence[int], rounding: Rounding) -> list[int]:
    weights = [amount if rule.covers(line) else 0 for line, amount in zip(lines, left, strict=True)]
    return apportion(round_money(sum(weights) * rule.value / 100, rounding), weights)


def _amount_each(rule: Rule, lines: Sequence[Line], left: Sequence[int], _: Rounding) -> list[int]:
    return [
        min(amount, round_money(rule.money * line.measure)) if rule.covers(line) else 0 for line, amount in zip(lines, left, strict=True)
    ]


def _amount_once(rule: Rule, lines: Sequence[Line], left: Sequence[int], _: Rounding) -> list[int]:
    weights = [amount if rule.covers(line) else 0 for line, amount in zip(lines, left, strict=True)]
    return apportion(min(rule.money, sum(weights)), weights)


def _unit_price(rule: Rule, lines: Sequence[Line], left: Sequence[int], _: Rounding) -> list[int]:
    return [
        max(0, amount - round_money(rule.money * line.measure)) if rule.covers(line) else 0
        for line, amount in zip(lines, left, strict=True)
    ]


def _nth(rule: Rule, lines: Sequence[Line], left: Sequence[int], rounding: Rounding) -> list[int]:
    """Lines of one product at one price count together; the cheapest of their pieces are the ones reduced."""
    off = [0] * len(lines)
    for pool in sorted({(line.key, line.price) for line in lines if rule.covers(line)}):
        pieces = pieces_of(lines, left, lambda line, pool=pool: (line.key, line.price) == pool)  # type: ignore[misc]
        reduced = len(pieces) // (rule.qty or 1)
        if reduced:
            saving = sum(round_money(piece.amount * rule.value / 100, rounding) for piece in pieces[-reduced:])
            off = [a + b for a, b in zip(off, spread(saving, pieces, len(lines)), strict=True)]
    return off


def _multi_buy(rule: Rule, lines: Sequence[Line], left: Sequence[int], _: Rounding) -> list[int]:
    size, pieces = rule.qty or 1, pieces_of(lines, left, rule.covers)
    taken = 0
    while taken + size <= len(pieces) and sum(p.amount for p in pieces[taken : taken + size]) > rule.money:
        taken += size
    deal = pieces[:taken]
    return spread(sum(p.amount for p in deal) - taken // size * rule.money, deal, len(lines))


def _bundle(rule: Rule, lines: Sequence[Line], left: Sequence[int], _: Rounding) -> list[int]:
    wanted: dict[str, int] = defaultdict(int)
    for key in rule.keys:
        wanted[key] += 1
    stock = {key: pieces_of(lines, left, lambda line, key=key: line.key == key) for key in wanted}  # type: ignore[misc]
    deal: list[Piece] = []
    sets = 0
    while True:
        one = [p for key, n in wanted.items() for p in stock[key][sets * n : sets * n + n]]
        if len(one) < len(rule.keys) or sum(p.amount for p in one) <= rule.money:
            break
        deal, sets = deal + one, sets + 1
    return spread(sum(p.amount for p in deal) - sets * rule.money, deal, len(lines))


def gift_pieces(rule: Rule, lines: Sequence[Line], left: Sequence[int]) -> list[Piece]:
    """The pieces in the basket that may be the gift; the category of a gift rule is about the spend, not the gift."""
    return pieces_of(lines, left, lambda line: line.key in rule.keys)[: rule.qty or 1]


def _reprice(rule: Rule, pieces: Sequence[Piece], size: int) -> list[int]:
    off = [0] * size
    for piece in pieces:
        off[piece.line] += max(0, piece.amount - rule.money)
    return off


def _gift(rule: Rule, lines: Sequence[Line], left: Sequence[int], _: Rounding) -> list[int]:
    return _reprice(rule, gift_pieces(rule, lines, left), len(lines))


def _one_piece(rule: Rule, lines: Sequence[Line], left: Sequence[int], _: Rounding) -> list[int]:
    return _reprice(rule, pieces_of(lines, left, rule.covers)[:1], len(lines))


def spend(rule: Rule, lines: Sequence[Line], amounts: Sequence[int]) -> int:
    """The amount that the rule's threshold is tested on: the lines it names; for a gift all but the gift itself."""
    if rule.method != "gift":
        return sum(amount for line, amount in zip(lines, amounts, strict=True) if rule.covers(line))
    bought = list(amounts)
    for piece in gift_pieces(rule, lines, amounts):
        bought[piece.line] -= piece.amount
    counted = (rule.category is None or rule.category in line.categories for line in lines)
    return sum(amount for amount, counts in zip(bought, counted, strict=True) if counts)


Method = Callable[[Rule, Sequence[Line], Sequence[int], Rounding], list[int]]
METHODS: dict[str, Method] = {
    "percent_each": _percent_each,
    "percent_once": _percent_once,
    "amount_each": _amount_each,
    "amount_once": _amount_once,
    "unit_price": _unit_price,
    "nth": _nth,
    "multi_buy": _multi_buy,
    "bundle": _bundle,
    "gift": _gift,
    "one_piece": _one_piece,
}
