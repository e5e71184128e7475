"""The tills: queues, receipts, payments, abandoned baskets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from storeloom.core.virtual.chance import share
from storeloom.core.virtual.demand import Prices
from storeloom.core.virtual.facts import MINUTE, Row, iso
from storeloom.core.virtual.gift_cards import GiftCards
from storeloom.core.virtual.receipts import COUPON, make_lines, pay, tax_of
from storeloom.core.virtual.staffing import Staffing
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.tables_club import guide_of
from storeloom.core.virtual.till_events import TillEvents
from storeloom.core.virtual.wallets import Wallets
from storeloom.core.virtual.watched_lane import WatchedLane
from storeloom.core.virtual.world import World

if TYPE_CHECKING:
    from storeloom.core.virtual.trade import Shopper, Trade

PATIENCE = 12 * MINUTE
SELF_MOST_LINES = 15
KEPT_RECEIPTS = 600
GUIDED_SHARE = 0.7


def _guides(world: World) -> dict[str, str]:
    """Member to shopping guide; empty in a store without guides. Where nobody is bound there are none."""
    return {row["member"]: guide for row in world.tables["members"] if (guide := guide_of(row)) is not None}


class Checkout:
    """Each lane serves one shopper at a time; a shopper joins the lane that is free first."""

    def __init__(self, world: World, stock: Stock, prices: Prices, staffing: Staffing, wallets: Wallets, gift_cards: GiftCards) -> None:
        self.world = world
        self.wallets = wallets
        self.gift_cards = gift_cards
        self.guides = _guides(world)
        self.stock = stock
        self.prices = prices
        self.staffing = staffing
        self.events = TillEvents(world, stock, prices, staffing, self)
        self.watched = WatchedLane(world, stock)
        self.trade: Trade | None = None
        self.free: dict[str, float] = {}
        self.self_lanes = [key for key, row in world.devices.items() if row["kind"] == "pos" and row.get("channel") == "self_checkout"]
        self.recent: deque[Row] = deque(maxlen=KEPT_RECEIPTS)
        self.banked: Callable[[str | None, str, float], str | None] | None = None
        self.waiting: Callable[[str, float, float], None] | None = None
        self._numbers: dict[str, int] = {}

    def start_day(self, midnight: float) -> None:
        self._numbers.clear()
        self.free.clear()
        self.events.start_day(midnight)

    def number(self, till: str) -> str:
        """The next receipt number of a till on this day."""
        self._numbers[till] = self._numbers.get(till, 0) + 1
        return f"R{self.world.day:%y%m%d}-{till}-{self._numbers[till]:04d}"

    def expect(self, shopper: Shopper, now: float) -> None:
        self.world.schedule(max(now, shopper.ready), lambda stamp: self._arrive(shopper, stamp))
        if shopper.cart:
            self.events.cart_session(shopper, now)

    def _abandon(self, shopper: Shopper, stamp: float, kind: str) -> None:
        if shopper.cart:
            self.events.cart_left(shopper, stamp)
        if self.trade is not None:
            self.trade.abandon(shopper, stamp, kind)

    def _lane(self, shopper: Shopper, stamp: float) -> tuple[str, str, str | None]:
        """Lane, channel, cashier."""
        if shopper.cart:
            return shopper.cart, "cart", None
        self_lane = min(self.self_lanes, key=lambda lane: self.free.get(lane, 0.0), default=None)
        if self_lane and shopper.lane < self.world.shape.self_share and len(shopper.basket) <= SELF_MOST_LINES:
            return self_lane, "self_checkout", None
        manned = [(till, cashier) for till in self.staffing.tills if (cashier := self.staffing.cashier_at(till, stamp))]
        if manned:
            till, cashier = min(manned, key=lambda entry: self.free.get(entry[0], 0.0))
            return till, "till", cashier
        if self_lane:
            return self_lane, "self_checkout", None
        return self.staffing.tills[0], "till", "1001"

    def _arrive(self, shopper: Shopper, stamp: float) -> None:
        chance = self.world.chance("checkout")
        gives_up = chance.hit(0.05 if shopper.cart else 0.004)
        pace, tender = chance.spread(1.0, 0.2), chance.uniform(9, 26)
        lane, channel, cashier = self._lane(shopper, stamp)
        each = {"cart": 0.0, "self_checkout": 5.5}.get(channel, 2.7)
        start = max(stamp, self.free.get(lane, 0.0))
        ring = 4 + each * len(shopper.basket) * pace
        end = round(start + ring + tender, 1)
        if gives_up:
            self._abandon(shopper, stamp, "cart" if shopper.cart else "basket")
            return
        if start - stamp > PATIENCE or end > self.world.closing(stamp) - 1:
            self._abandon(shopper, stamp, "queue")
            return
        if channel != "cart":
            self.free[lane] = end
        if start - stamp > 60:
            self.world.truth.queues.append({"at": iso(stamp), "wait_s": round(start - stamp), "lane": lane})
        if self.waiting is not None:
            self.waiting("z-checkout", stamp, end)
        self.world.schedule(start, lambda now: self._serve(shopper, now, (lane, channel, cashier), (ring, tender)))

    def _serve(self, shopper: Shopper, start: float, lane: tuple[str, str, str | None], spans: tuple[float, float]) -> None:
        """Ring up: what happens on the way may take goods off the receipt; the rest is paid at the end."""
        till, channel, cashier = lane
        receipt = self.number(till)
        end = round(start + sum(spans), 1)
        entry = "scan" if channel != "cart" else "vision"
        voided = self.events.on_the_way(shopper, receipt, till, cashier, start + spans[0] * 0.8)
        doing = self.watched.before(shopper.basket, receipt, till, start)
        lines = make_lines(shopper.basket, self.stock.items, self.prices, start, entry)
        self.events.override(lines, receipt, till, cashier, start + spans[0] * 0.9)
        for line in lines:
            if (epc := shopper.tags.pop(line["gtin"], None)) is not None:
                line["epc"] = epc
        data: Row = {"receipt": receipt, "kind": "sale", "till": till, "channel": channel, "lines": lines}
        settled, template = self._settle(lines, receipt, shopper.member, start)
        data |= settled
        cards = [payment for payment in data["payments"] if payment["method"] == "stored_value" and "ref" in payment]
        self.events.scans(lines, voided, receipt, till, cashier, shopper, (start, spans[0], end), data.get("coupons", ()), cards)
        self.watched.show(self.events.stamped(lines, (start, spans[0], end)), doing, receipt, till, (start, end))
        data |= {
            "started": iso(start),
            "ring_s": round(spans[0], 1),
            "tender_s": round(spans[1], 1),
            "business_day": self.world.day.isoformat(),
        }
        if cashier:
            data["cashier"] = cashier
        member = shopper.member or (self.banked(cashier, receipt, start) if self.banked else None)
        if member:
            data["member"] = member
        if self.guides and cashier and share(self.world.seed, "guided", receipt) < GUIDED_SHARE:
            data["guide"] = self._guide(shopper.member, receipt, start) or cashier
        self.world.schedule(end, lambda now: self._finish(shopper, data, template, now))

    def _guide(self, member: str | None, receipt: str, stamp: float) -> str | None:
        """Who served: the member's own guide where that one is on duty, else one of those who are."""
        present = self.staffing.on_duty(stamp, "sales")
        own = self.guides.get(member or "")
        if own in present:
            return own
        return present[int(share(self.world.seed, "guide of", receipt) * len(present))] if present else None

    def _settle(self, lines: list[Row], receipt: str, member: str | None, start: float) -> tuple[Row, str]:
        """Tenders, total, tax and coupons, and the template of the coupon that was used."""
        chance = self.world.chance("payments")
        total = sum(line["amount"] for line in lines)
        uses, copy = chance.hit(0.05), chance.token("cp-", 10)
        template, coupon = COUPON[0], COUPON[1] if uses and member and total >= COUPON[2] else 0
        held = None if coupon else self.wallets.use(member, receipt, lines, start)
        if held is not None:
            template, copy, coupon = held[0].template, held[0].coupon, held[1]
        payments = pay(total, receipt, chance, coupon)
        for payment in payments:
            if payment["method"] == "stored_value" and (code := self.gift_cards.pay(payment["amount"], member, start)):
                payment["ref"] = code
        settled: Row = {"payments": payments, "total": total, "tax": tax_of(lines, self.stock.items)}
        discount = sum(line.get("discount", 0) for line in lines)
        if discount:
            settled["discount"] = discount
        if coupon:
            settled["coupons"] = [copy]
        return settled, template

    def _finish(self, shopper: Shopper, data: Row, template: str, now: float) -> None:
        lag = round(0.2 + 1.6 * ((shopper.number * 37) % 100) / 100, 1)
        self._book(data)
        self.world.tell(now, "pos.sale", self.world.pos(data["till"]), data, lag)
        self.events.cart_paid(shopper, now, data["total"])
        self._payments(data, now, lag)
        if data.get("coupons"):
            coupon: Row = {
                "coupon": data["coupons"][0],
                "template": template,
                "amount": data["payments"][0]["amount"],
                "receipt": data["receipt"],
                "till": data["till"],
                "member": data["member"],
            }
            self.world.tell(now, "coupon.redeemed", self.world.pos(data["till"]), coupon, lag)
        if self.trade is not None:
            self.world.schedule(now + 20, partial(self.trade.leave, shopper))

    def _book(self, data: Row) -> None:
        for line in data["lines"]:
            self.stock.sell(self.stock.items[line["gtin"]], line.get("weight_g", line["qty"]))
        self.world.truth.ring(self.world.hour_key(self.world.now))
        self.recent.append(data)

    def _payments(self, data: Row, now: float, lag: float) -> None:
        """What the provider answers: one payment in fifty is declined once, then approved."""
        chance = self.world.chance("provider")
        for payment in data["payments"]:
            if "payment" not in payment:
                continue
            declined, latency = chance.hit(0.02), round(chance.spread(900, 0.5))
            base: Row = {
                "payment": payment["payment"],
                "method": payment["method"],
                "amount": payment["amount"],
                "receipt": data["receipt"],
                "till": data["till"],
            }
            self.world.tell(now, "payment.request", self.world.pos(data["till"]), dict(base))
            base |= {"provider": payment["provider"], "payer": payment["payer"], "latency_ms": latency}
            if declined:
                self.world.tell(
                    now, "payment.result", "payment-1", {**base, "status": "declined", "attempt": 1, "code": "51", "hard": False}
                )
            attempt = 2 if declined else 1
            self.world.tell(now + 0.1, "payment.result", "payment-1", {**base, "status": "approved", "attempt": attempt}, lag)
