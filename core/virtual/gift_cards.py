"""Gift cards: sold at a till by code and face, then used to pay receipts until nothing is left on them."""

from __future__ import annotations

from functools import partial

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, Row
from storeloom.core.virtual.staffing import Staffing
from storeloom.core.virtual.world import World

A_DAY = 10
NAMED = 0.4
FACES = (10_000, 20_000, 20_000, 50_000)


class GiftCards:
    """Ten a day at scale 1, of 100, 200 or 500 yuan, two in five named (with the record of who bought).

    Who pays with stored value uses the oldest card that covers the amount: an unnamed one, or one of his own name. Where none does it is a
    card from before, of which the till tells no number.
    """

    def __init__(self, world: World, staffing: Staffing) -> None:
        self.world = world
        self.staffing = staffing
        self.members = [row["member"] for row in world.tables["members"] if not row.get("left")]
        self.cards: dict[str, Row] = {}

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("gift cards")
        stamps = sorted(chance.uniform(opens + HOUR, closes - HOUR) for _ in range(chance.poisson(A_DAY * self.world.scale)))
        for number, stamp in enumerate(stamps, 1):
            self.world.schedule(stamp, partial(self._sell, f"G{self.world.day:%y%m%d}-{number:03d}"))

    def _sell(self, receipt: str, stamp: float) -> None:
        chance = Chance(self.world.seed, "gift card", receipt)
        till, face, code = self.staffing.tills[0], chance.choice(FACES), f"gc-{chance.getrandbits(48):012x}"
        member = chance.pick(self.members) if self.members and chance.hit(NAMED) else None
        cashier = self.staffing.cashier_at(till, stamp)
        scan: Row = {"till": till, "receipt": receipt, "seq": 1, "kind": "card", "code": code, "price": face}
        scan |= {"cashier": cashier} if cashier else {}
        self.world.tell(stamp, "pos.scan", till, scan | ({"member": member, "buyer": chance.token("buyer-", 12)} if member else {}))
        paid: Row = {"payment": f"pay-{receipt}", "method": "qr", "amount": face, "receipt": receipt, "till": till, "status": "approved"}
        self.world.tell(stamp + 20, "payment.result", "payment-1", {**paid, "provider": "alipay"}, 1.0)
        self.cards[code] = {"member": member, "from": stamp + 60, "left": face}
        self.world.truth.gift_cards[code] = {"face": face, "spent": 0}

    def pay(self, amount: int, member: str | None, stamp: float) -> str | None:
        """The code of the card that pays an amount at a time."""
        for code, card in self.cards.items():
            if card["left"] >= amount > 0 and stamp >= card["from"] and card["member"] in (None, member):
                card["left"] -= amount
                self.world.truth.gift_cards[code]["spent"] += amount
                if not card["left"]:
                    del self.cards[code]
                return code
        return None
