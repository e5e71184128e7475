"""Price a basket under all rules that hold, in three steps, with every discount apportioned to its lines.

1. Item rules: of the rules on single products (percentage, amount, fixed price, nth piece, member price) each product
   takes the one that leaves it cheapest.
2. Basket rules: threshold, bundle, gift and any rule with a threshold, tested on the amounts after step 1; multi-buys
   that share no group with other kinds come before them. Of each exclusive group one rule applies.
3. Stackable promotions and coupons by priority, on what is left.

No line falls below zero, and the whole saving stays within a share of the basket. The same lines, rules and time
give the same answer in whatever order they come: lines are taken by their number, rules by priority and id.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from typing import Any, Literal

from storeloom.workers.gs1 import item_key

from .money import Rounding, apportion, exact, line_amount
from .prices import PriceBook
from .rule_index import RuleIndex
from .rules import Line, Row, Rule, coupon_rule, gift_pieces, promotion_rule, savings, spend

GroupPolicy = Literal["best_saving", "priority"]


@dataclass(frozen=True)
class PricedLine:
    """A line after all rules: gross - discount = amount, minor units; `promos` names the rules that reduced it."""

    line: int
    gtin: str
    qty: int | float
    weight_g: int | None
    price: int
    gross: int
    discount: int
    amount: int
    promos: tuple[str, ...]


@dataclass(frozen=True)
class AppliedRule:
    """A rule that applied, in which step, with its saving in all and by line number."""

    id: str
    coupon: bool
    step: int
    saving: int
    lines: Mapping[int, int]


@dataclass(frozen=True)
class Refusal:
    """A coupon that took nothing off.

    `reason` is not_valid_now, below_threshold, nothing_to_reduce, not_combinable or over_budget.
    """

    id: str
    reason: str


@dataclass(frozen=True)
class GiftOffer:
    """A gift that the basket has earned and does not hold yet: `qty` more pieces of one of `gtins`."""

    id: str
    gtins: tuple[str, ...]
    qty: int


@dataclass(frozen=True)
class PricedBasket:
    """The answer: lines by number, and sums of their gross, amount and discount."""

    lines: tuple[PricedLine, ...]
    gross: int
    total: int
    savings: int
    applied: tuple[AppliedRule, ...]
    refused: tuple[Refusal, ...]
    gifts: tuple[GiftOffer, ...]
    currency: str | None

    def as_data(self, basket: str, version: int) -> dict[str, Any]:
        """Fields of a `basket.priced` event; a line names the rule that saved most on it."""
        best: dict[int, tuple[int, str]] = {}
        for rule in self.applied:
            for line, saving in rule.lines.items():
                if line not in best or saving > best[line][0]:
                    best[line] = (saving, rule.id)
        lines = [
            {
                **{name: getattr(line, name) for name in ("line", "gtin", "qty", "price", "discount", "amount")},
                **({"promo": best[line.line][1]} if line.line in best else {}),
            }
            for line in self.lines
        ]
        coupons = [rule.id for rule in self.applied if rule.coupon]
        data = {"basket": basket, "version": version, "lines": lines, "total": self.total, "savings": self.savings}
        return {**data, **({"coupons": coupons} if coupons else {})}


def refund_amount(amount: int, qty: int, returned: int, back: int) -> int:
    """What `back` more pieces of a line of `qty` refund, when `returned` came back before; all pieces refund `amount`.

    ValueError when more would come back than the line still holds.
    """
    if min(returned, back) < 0 or returned + back > qty:
        raise ValueError(f"{back} more pieces of {qty}, {returned} returned before")
    return amount * (returned + back) // qty - amount * returned // qty


def price_basket(
    lines: Iterable[Row],
    *,
    promotions: Iterable[Row | Rule] | RuleIndex,
    coupons: Iterable[Row | Rule],
    prices: PriceBook,
    products: Mapping[str, Row],
    member: Row | None,
    at: datetime,
    rounding: Rounding = "half_up",
    max_discount_pct: float = 100,
    group_policy: GroupPolicy = "best_saving",
    budgets: Mapping[str, int] | None = None,
    zone: tzinfo = UTC,
) -> PricedBasket:
    """Price a basket at a time.

    A line is a mapping with `gtin`, `qty` and, where known, `line` (else its place from 1), `weight_g`, `price` (each,
    or per kg with a weight; else looked up) and `zone`, `cabinet`, `lot` for scoped prices. Promotions and coupons are
    table rows, whose bounds given as days are days in `zone`, or rules made ready once, for promotions best in an index;
    `products` is what `index_products` makes. A rule that would save more than what `budgets` still holds under its id does not apply.
    `rounding` is that of percentage discounts; prices times weights round half up.

    ValueError on a line number given twice, a quantity or price below zero, mixed currencies or a malformed rule;
    UnpricedItem when a line has no price.
    """
    if not 0 <= max_discount_pct <= 100:
        raise ValueError(f"max_discount_pct {max_discount_pct}: 0 to 100 expected")
    read, currency = _read_lines(lines, prices, products, member, at)
    candidates = promotions.touching(read) if isinstance(promotions, RuleIndex) else promotions
    rules = [rule for row in candidates if (rule := row if isinstance(row, Rule) else promotion_rule(row, zone)) is not None]
    held = [rule for row in coupons if (rule := row if isinstance(row, Rule) else coupon_rule(row, zone)) is not None]
    valid = [r for r in [*rules, *held] if r.start <= at < r.end and (member is not None or not r.members_only)]
    present = {line.key for line in read}
    valid = [r for r in valid if r.coupon or r.method == "gift" or not r.keys or not present.isdisjoint(r.keys)]
    pricing = _Pricing(read, rounding, max_discount_pct, group_policy, budgets or {})
    pricing.item_rules([r for r in valid if not (r.stack or r.coupon) and r.is_item_rule])
    pricing.basket_rules([r for r in valid if not (r.stack or r.coupon) and not r.is_item_rule])
    for rule in held:
        if rule not in valid:
            pricing.refused.append(Refusal(rule.id, "not_valid_now"))
    pricing.stackable_rules([r for r in valid if r.stack or r.coupon])
    return pricing.result(currency)


def _read_lines(
    rows: Iterable[Row], prices: PriceBook, products: Mapping[str, Row], member: Row | None, at: datetime
) -> tuple[list[Line], str | None]:
    lines: list[Line] = []
    currencies: set[str] = set()
    for place, row in enumerate(rows, 1):
        product = products.get(item_key(row["gtin"]), {})
        qty, weight_g, price, per_kg = exact(row["qty"]), row.get("weight_g"), row.get("price"), False
        if price is None:
            scope = {part: row.get(part) for part in ("zone", "cabinet", "lot")}
            found = prices.lookup(row["gtin"], at, member=member, **scope)
            price, per_kg = found.price, found.per == "kg"
            currencies |= {found.currency} if found.currency else set()
            if not per_kg:
                weight_g = None
        if qty <= 0 or price < 0 or (weight_g is not None and weight_g < 0):
            raise ValueError(f"line {row.get('line', place)}: qty {row['qty']}, price {price}, weight {weight_g}")
        whole = weight_g is None and not per_kg and qty.denominator == 1
        lines.append(
            Line(
                line=row.get("line", place),
                gtin=row["gtin"],
                key=item_key(row["gtin"]),
                categories=frozenset(product[c] for c in ("category", "subcategory") if product.get(c)),
                qty=qty,
                weight_g=weight_g,
                measure=qty if weight_g is None else Fraction(weight_g, 1000),
                pieces=int(qty) if whole else None,
                price=price,
                gross=line_amount(price, qty, weight_g),
            )
        )
    if len({line.line for line in lines}) < len(lines):
        raise ValueError("a line number is given twice")
    if len(currencies) > 1:
        raise ValueError(f"mixed currencies: {', '.join(sorted(currencies))}")
    return sorted(lines, key=lambda line: line.line), next(iter(currencies), None)


class _Pricing:
    """One basket on its way through the steps: what is left of each line, and what took it."""

    def __init__(
        self,
        lines: list[Line],
        rounding: Rounding,
        max_pct: float,
        policy: GroupPolicy,
        budgets: Mapping[str, int],
    ) -> None:
        self.lines, self.rounding, self.policy, self.budgets = lines, rounding, policy, budgets
        self.left = [line.gross for line in lines]
        self.room = int(sum(self.left) * exact(max_pct) / 100)
        self.applied: list[AppliedRule] = []
        self.refused: list[Refusal] = []
        self.gifts: list[GiftOffer] = []

    def _savings(self, rule: Rule) -> list[int]:
        return savings(rule, self.lines, self.left, self.rounding)

    def _affords(self, rule: Rule, off: Sequence[int]) -> bool:
        return sum(off) <= self.budgets.get(rule.id, sum(off))

    def _apply(self, rule: Rule, step: int, off: Sequence[int]) -> None:
        if sum(off) > self.room:
            off = apportion(self.room, off)
        if not any(off):
            return
        self.room -= sum(off)
        self.left = [amount - less for amount, less in zip(self.left, off, strict=True)]
        by_line = {line.line: less for line, less in zip(self.lines, off, strict=True) if less}
        self.applied.append(AppliedRule(rule.id, rule.coupon, step, sum(off), by_line))

    def item_rules(self, rules: list[Rule]) -> None:
        """Lines of one product at one price take one rule together, so that an nth piece counts across them."""
        offers = {rule: self._savings(rule) for rule in sorted(rules, key=lambda rule: rule.rank)}
        products: dict[tuple[str, int], list[int]] = defaultdict(list)
        for i, line in enumerate(self.lines):
            products[line.key, line.price].append(i)
        while True:
            chosen = {rule: [0] * len(self.lines) for rule in offers}
            for places in products.values():
                best = max(offers, key=lambda rule: sum(offers[rule][i] for i in places), default=None)
                for i in places if best is not None else ():
                    chosen[best][i] = offers[best][i]  # type: ignore[index]
            over = [rule for rule, off in chosen.items() if not self._affords(rule, off)]
            if not over:
                break
            del offers[over[-1]]
        for rule, off in chosen.items():
            self._apply(rule, 1, off)

    def basket_rules(self, rules: list[Rule]) -> None:
        groups: dict[tuple[bool, str], list[Rule]] = defaultdict(list)
        for rule in sorted(rules, key=lambda rule: rule.rank):
            groups[rule.group is not None, rule.group or rule.id].append(rule)
        deals = [group for group in groups.values() if all(rule.method == "multi_buy" for rule in group)]
        others = [group for group in groups.values() if group not in deals]
        for stage in (deals, others):
            tested = list(self.left)
            winners = [self._winner(group, tested) for group in stage]
            for rule in sorted((w for w in winners if w is not None), key=lambda rule: rule.rank):
                off = self._savings(rule)
                if self._affords(rule, off):
                    self._apply(rule, 2, off)

    def _winner(self, group: list[Rule], tested: Sequence[int]) -> Rule | None:
        """The rule of an exclusive group that applies; the group comes by rank, so equals go to the first."""
        met = [rule for rule in group if spend(rule, self.lines, tested) >= (rule.threshold or 0)]
        saving = {rule: sum(off) for rule in met if self._affords(rule, off := self._savings(rule)) and any(off)}
        winner = next(iter(saving), None) if self.policy == "priority" else max(saving, key=saving.__getitem__, default=None)
        for rule in met:
            if rule.method == "gift" and winner in (None, rule):
                self._offer(rule)
        return winner

    def _offer(self, rule: Rule) -> None:
        missing = (rule.qty or 1) - len(gift_pieces(rule, self.lines, self.left))
        if missing > 0:
            self.gifts.append(GiftOffer(rule.id, rule.gtins, missing))

    def stackable_rules(self, rules: list[Rule]) -> None:
        alone = [rule for rule in rules if rule.coupon and not rule.stack]
        kept = self._lone_coupon(alone)
        for rule in sorted(rules, key=lambda rule: rule.rank):
            reason = "not_combinable" if rule in alone and rule is not kept else self._stack(rule)
            if rule.coupon and reason is not None:
                self.refused.append(Refusal(rule.id, reason))

    def _lone_coupon(self, alone: list[Rule]) -> Rule | None:
        """Of the coupons that exclude each other the one that applies, judged on what step 2 left."""
        met = [r for r in sorted(alone, key=lambda r: r.rank) if spend(r, self.lines, self.left) >= (r.threshold or 0)]
        if self.policy == "priority" or not met:
            return next(iter(met), alone[0] if alone else None)
        return max(met, key=lambda rule: sum(self._savings(rule)))

    def _stack(self, rule: Rule) -> str | None:
        """Applies a rule of step 3, or tells why not."""
        if spend(rule, self.lines, self.left) < (rule.threshold or 0):
            return "below_threshold"
        if rule.method == "gift":
            self._offer(rule)
        off = self._savings(rule)
        if not any(off) or not self.room:
            return "nothing_to_reduce"
        if not self._affords(rule, off):
            return "over_budget"
        self._apply(rule, 3, off)
        return None

    def result(self, currency: str | None) -> PricedBasket:
        lines = tuple(
            PricedLine(
                line=line.line,
                gtin=line.gtin,
                qty=line.qty.numerator if line.qty.denominator == 1 else float(line.qty),
                weight_g=line.weight_g,
                price=line.price,
                gross=line.gross,
                discount=line.gross - left,
                amount=left,
                promos=tuple(rule.id for rule in self.applied if line.line in rule.lines),
            )
            for line, left in zip(self.lines, self.left, strict=True)
        )
        gross, total = sum(line.gross for line in lines), sum(self.left)
        return PricedBasket(lines, gross, total, gross - total, tuple(self.applied), tuple(self.refused), tuple(self.gifts), currency)
