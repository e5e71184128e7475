"""What happens at a till beside the receipt: scans, voids, overrides, returns, drawer; smart carts; one dishonest cashier."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from storeloom.core.virtual.demand import Prices
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, gtin13, iso
from storeloom.core.virtual.receipts import gross, reversed_receipt
from storeloom.core.virtual.staffing import Shift, Staffing
from storeloom.core.virtual.stock import Item, Stock
from storeloom.core.virtual.tables_people import DISHONEST
from storeloom.core.virtual.world import World

if TYPE_CHECKING:
    from storeloom.core.virtual.checkout import Checkout
    from storeloom.core.virtual.trade import Shopper

RETURN_SHARE = 0.008


class TillEvents:
    """Honest exceptions come from all tills; voids after the total and returns without a customer from one cashier."""

    def __init__(self, world: World, stock: Stock, prices: Prices, staffing: Staffing, checkout: Checkout) -> None:
        self.world = world
        self.stock = stock
        self.prices = prices
        self.staffing = staffing
        self.checkout = checkout

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None:
            return
        chance = self.world.chance("till day")
        opens, closes = self.world.hours
        shape = self.world.shape
        for _ in range(chance.poisson(RETURN_SHARE * shape.visitors * shape.buy_share * self.world.scale)):
            self.world.schedule(chance.uniform(opens + HOUR, closes - 10 * MINUTE), self._return)
        for shift in self.staffing.today:
            if shift.till is None:
                continue
            self._drawer(shift, chance.randint(0, 2))
            if shift.staff == DISHONEST:
                for _ in range(chance.randint(2, 4)):
                    stamp = chance.uniform(max(opens + HOUR, shift.start + HOUR), min(closes, shift.end) - HOUR)
                    self.world.schedule(stamp, partial(self._ghost_return, shift))

    def exception(self, stamp: float, kind: str, till: str, cashier: str | None, **more: object) -> None:
        data: Row = {"kind": kind, "till": till, **more}
        if cashier:
            data["cashier"] = cashier
        self.world.tell(stamp, "pos.exception", self.world.pos(till), data)

    def _drawer(self, shift: Shift, no_sales: int) -> None:
        hours = self.world.hours
        if hours is None or shift.till is None:
            return
        chance = self.world.chance("drawer")
        till = shift.till
        begin, end = max(shift.start, hours[0]), min(shift.end, hours[1])
        self.exception(begin - 5 * MINUTE, "drawer_float", till, shift.staff, amount=50000)
        for _ in range(no_sales):
            self.exception(chance.uniform(begin, end), "no_sale", till, shift.staff, reason="change")
        self.exception((begin + end) / 2, "drawer_drop", till, shift.staff, amount=100 * chance.randint(200, 1500))
        self.exception(end + 8 * MINUTE, "drawer_count", till, shift.staff, amount=50000 + 100 * chance.randint(0, 900))

    def on_the_way(self, shopper: Shopper, receipt: str, till: str, cashier: str | None, stamp: float) -> Item | None:
        """A line voided while ringing. The dishonest cashier voids the dearest line and hands the goods over."""
        chance = self.world.chance("voids")
        draw = chance.random()
        if len(shopper.basket) < 2:
            return None
        worth = {gtin: self._worth(gtin, units, stamp) for gtin, units in shopper.basket.items()}
        if cashier == DISHONEST and draw < 0.03:
            gtin = max(worth, key=lambda key: (worth[key], key))
            units = shopper.basket.pop(gtin)
            self.stock.lose(self.stock.items[gtin], units)
            self._case("sweetheart_void", receipt, till, cashier, stamp, worth[gtin])
        elif draw > 0.985:
            gtin = min(worth)
            units = shopper.basket.pop(gtin)
            self.stock.give_back(self.stock.items[gtin], units, stamp)
        else:
            return None
        item = self.stock.items[gtin]
        self.exception(stamp, "void_line", till, cashier, receipt=receipt, gtin=gtin, qty=1 if item.weighed else units, amount=worth[gtin])
        return item

    def _worth(self, gtin: str, units: int, stamp: float) -> int:
        price = self.prices.shelf_price(gtin, stamp)
        return round(price * units / 1000) if self.stock.items[gtin].weighed else price * units

    def _case(self, kind: str, receipt: str, till: str, cashier: str, stamp: float, amount: int) -> None:
        entry = {"kind": kind, "receipt": receipt, "till": till, "cashier": cashier, "at": iso(stamp), "amount": amount}
        self.world.truth.cases.append(entry)

    def override(self, lines: list[Row], receipt: str, till: str, cashier: str | None, stamp: float) -> None:
        """A damaged pack sold a fifth cheaper, with a supervisor's consent."""
        hit = self.world.chance("overrides").hit(0.003)
        if not hit or cashier is None:
            return
        line = lines[0]
        before = line["price"]
        line["price"] = round(before * 0.8)
        line.pop("promo", None)
        line.pop("discount", None)
        line["amount"] = gross(line)
        self.exception(
            stamp,
            "price_override",
            till,
            cashier,
            receipt=receipt,
            line=1,
            gtin=line["gtin"],
            price_from=before,
            price_to=line["price"],
            reason="damaged",
            authorised_by="1001",
        )

    def _return(self, stamp: float) -> None:
        """A customer brings back one line of a recent receipt with the receipt in hand."""
        chance = self.world.chance("returns")
        till = self.staffing.tills[0]
        cashier = self.staffing.cashier_at(till, stamp)
        sales = [row for row in self.checkout.recent if any(self._returnable(line) for line in row["lines"])]
        if not sales or cashier is None:
            return
        sale = chance.pick(sales)
        line = chance.pick([line for line in sale["lines"] if self._returnable(line)])
        self.checkout.recent.remove(sale)
        method = sale["payments"][-1]["method"]
        data = reversed_receipt(sale, self.checkout.number(till), till, cashier, method, [line])
        self.stock.restock_return(self.stock.items[line["gtin"]], line["qty"], stamp)
        self._tell_return(stamp, data, till, cashier, "unwanted")

    def _returnable(self, line: Row) -> bool:
        return "weight_g" not in line and line["amount"] > 0

    def _ghost_return(self, shift: Shift, stamp: float) -> None:
        """Cash out for a return that nobody made: the goods do not come back."""
        chance = self.world.chance("ghosts")
        sales = [row for row in self.checkout.recent if row.get("cashier") == shift.staff and any(map(self._returnable, row["lines"]))]
        if not sales or shift.till is None:
            return
        sale = chance.pick(sales)
        self.checkout.recent.remove(sale)
        line = max((line for line in sale["lines"] if self._returnable(line)), key=lambda line: line["amount"])
        data = reversed_receipt(sale, self.checkout.number(shift.till), shift.till, shift.staff, "cash", [line])
        item = self.stock.items[line["gtin"]]
        item.sold -= line["qty"]
        item.stolen += line["qty"]
        item.unseen += line["qty"]
        self._case("ghost_return", data["receipt"], shift.till, shift.staff, stamp, line["amount"])
        self._tell_return(stamp, data, shift.till, shift.staff, "unwanted")

    def _tell_return(self, stamp: float, data: Row, till: str, cashier: str, reason: str) -> None:
        self.world.tell(stamp, "pos.sale", self.world.pos(till), data, 0.5)
        line = data["lines"][0]
        self.exception(
            stamp,
            "return",
            till,
            cashier,
            receipt=data["receipt"],
            original=data["original"],
            gtin=line["gtin"],
            qty=-line["qty"],
            amount=-data["total"],
            reason=reason,
        )

    def scans(
        self,
        lines: Sequence[Row],
        voided: Item | None,
        receipt: str,
        till: str,
        cashier: str | None,
        shopper: Shopper,
        span: tuple[float, float, float],
        coupons: Sequence[str] = (),
        cards: Sequence[Row] = (),
    ) -> None:
        """Each scan with its raw code, evenly over the ringing time, then coupons, total, gift cards and the end."""
        if not self.world.wants("pos.scan", "scanner.code", "scale.reading", "kiosk.event"):
            return
        start, ring, end = span
        source = self.world.pos(till)
        seq = 0
        base: Row = {"till": till, "receipt": receipt} | ({"cashier": cashier} if cashier else {})
        scanner = f"scanner-{till[5:]}" if till.startswith("till-") else "scanner-1"
        for line, stamp in self.stamped(lines, span):
            seq += 1
            code = raw_code(line)
            kind = "weigh" if "weight_g" in line else "item"
            data: Row = {
                **base,
                "seq": seq,
                "kind": kind,
                "line": line["line"],
                "gtin": line["gtin"],
                "qty": line["qty"],
                "price": line["price"],
            }
            data |= {"entry": line["entry"], "code": code} | ({"weight_g": line["weight_g"]} if "weight_g" in line else {})
            self.world.tell(stamp, "pos.scan", source, data)
            if not shopper.cart:
                read: Row = {"scanner": scanner, "code": code, "symbology": "ean13", "gtin": line["gtin"], "till": till}
                self.world.tell(stamp, "scanner.code", scanner, read)
            if "weight_g" in line:
                self._weighing(line, shopper, stamp)
        if voided is not None:
            seq += 1
            self.world.tell(start + ring * 0.8, "pos.scan", source, {**base, "seq": seq, "kind": "void", "gtin": voided.gtin})
        for code in coupons:
            seq += 1
            self.world.tell(
                start + ring - 0.5, "pos.scan", source, {**base, "seq": seq, "kind": "coupon", "code": code, "member": shopper.member}
            )
        total = sum(line["amount"] for line in lines)
        asked: Row = {"kind": "total", "price": total, "version": 1, "basket": [undiscounted(line) for line in lines]}
        asked |= {"member": shopper.member} if shopper.member else {}
        self.world.tell(start + ring, "pos.scan", source, {**base, "seq": seq + 1, **asked})
        for number, card in enumerate(cards):
            tender: Row = {"kind": "tender", "code": card["ref"], "price": card["amount"], "method": "stored_value"}
            self.world.tell(end - 4, "pos.scan", source, {**base, "seq": seq + 2 + number, **tender})
        self.world.tell(end - 1, "pos.scan", source, {**base, "seq": seq + 2 + len(cards), "kind": "end"})
        if till.startswith("sco-"):
            self._self_service(till, receipt, shopper, total, (start, start + ring, end))

    @staticmethod
    def stamped(lines: Sequence[Row], span: tuple[float, float, float]) -> list[tuple[Row, float]]:
        """Each line with the second of its scan."""
        start, ring, _ = span
        return [(line, start + 2 + (ring - 4) * number / len(lines)) for number, line in enumerate(lines)]

    def _weighing(self, line: Row, shopper: Shopper, stamp: float) -> None:
        weighed: Row = {"scale": "scale-1", "gtin": line["gtin"], "session": shopper.key, "tare_g": 5.0}
        grams = float(line["weight_g"])
        self.world.tell(stamp - 1, "scale.reading", "scale-1", {**weighed, "weight_g": round(grams * 0.93, 0), "stable": False})
        self.world.tell(stamp, "scale.reading", "scale-1", {**weighed, "weight_g": grams, "stable": True, "gross_g": grams + 5.0})

    def _self_service(self, till: str, receipt: str, shopper: Shopper, total: int, span: tuple[float, float, float]) -> None:
        kiosk = f"kiosk-{till}"
        base: Row = {"kiosk": kiosk, "session": shopper.key}
        steps: list[tuple[float, Row]] = [(span[0], {"kind": "start"})]
        if shopper.number % 17 == 0:
            steps.append(((span[0] + span[1]) / 2, {"kind": "help", "need": "weight_mismatch" if shopper.number % 2 else "age"}))
        steps += [(span[1], {"kind": "pay", "amount": total}), (span[2], {"kind": "end", "receipt": receipt})]
        for stamp, step in steps:
            self.world.tell(stamp, "kiosk.event", kiosk, {**base, **step})

    def cart_session(self, shopper: Shopper, now: float) -> None:
        """Login, position by zone, each item put in with the weight it brings, and the way to the exit."""
        if not self.world.wants("cart.event") or shopper.cart is None:
            return
        base: Row = {"cart": shopper.cart, "session": shopper.key} | ({"member": shopper.member} if shopper.member else {})
        steps: list[tuple[float, Row]] = [(now, {"kind": "login"})]
        steps += [(start + 0.5, {"kind": "position", "zone": zone}) for zone, start, _ in shopper.path]
        grams = 0.0
        span = max(1.0, shopper.ready - now)
        for number, (gtin, units) in enumerate(shopper.basket.items(), 1):
            item = self.stock.items[gtin]
            stamp = now + span * number / (len(shopper.basket) + 1)
            grams += units if item.weighed else units * float(item.product.get("weight_g") or 500)
            added: Row = {"kind": "add", "gtin": gtin, "qty": 1 if item.weighed else units}
            if (shopper.number + number) % 29 == 0:
                steps.append((stamp - 4, added))
                steps.append((stamp - 2, {**added, "kind": "remove"}))
            steps.append((stamp, added))
            steps.append((stamp + 1.5, {"kind": "weight", "weight_g": round(grams, 1)}))
        for seq, (stamp, step) in enumerate(sorted(steps, key=lambda entry: entry[0]), 1):
            self.world.tell(stamp, "cart.event", shopper.cart, {**base, "seq": seq, **step})
        shopper.cart_seq = len(steps)

    def cart_paid(self, shopper: Shopper, stamp: float, total: int) -> None:
        self._cart_step(shopper, stamp, {"kind": "pay", "total": total})

    def cart_left(self, shopper: Shopper, stamp: float) -> None:
        self._cart_step(shopper, stamp, {"kind": "leave"})

    def _cart_step(self, shopper: Shopper, stamp: float, step: Row) -> None:
        if shopper.cart is not None:
            shopper.cart_seq += 1
            data: Row = {"cart": shopper.cart, "session": shopper.key, "seq": shopper.cart_seq, **step}
            self.world.tell(stamp, "cart.event", shopper.cart, data)


def raw_code(line: Row) -> str:
    """What the scanner reads: the GTIN, or for weighed goods the in-store code with PLU and grams."""
    if "weight_g" not in line:
        return str(line["gtin"])
    return gtin13(f"{str(line['gtin'])[:7]}{min(int(line['weight_g']), 99999):05d}")


def undiscounted(line: Row) -> Row:
    """A receipt's line as the till asks a price for it: before any discount."""
    asked = {key: value for key, value in line.items() if key not in ("discount", "promo", "amount")}
    return asked | {"amount": line["amount"] + line.get("discount", 0)}
