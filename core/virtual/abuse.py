"""Abuse of a membership programme: a cashier who banks customers' points, and rings of accounts that live on new-member coupons."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance, share
from storeloom.core.virtual.facts import DAY, HOUR, MINUTE, Row, iso
from storeloom.core.virtual.tables_people import DISHONEST
from storeloom.core.virtual.trade import Trade
from storeloom.core.virtual.wallets import Coupon, Wallets
from storeloom.core.virtual.world import World

BANKED = 0.15
RING = 6
WELCOME, FACE = "welcome", 500
TUESDAY = 2


class Abuse:
    """Cashier 1003 puts a card of her own on 15 % of the receipts of customers who show none.

    Each Tuesday six accounts are opened within two hours from one device; each comes once in the next day and a half, with the coupon for
    new members, if enough shoppers come.
    """

    def __init__(self, world: World, wallets: Wallets, trade: Trade) -> None:
        self.world = world
        self.wallets = wallets
        self.trade = trade
        self.card = next((row["own_member"] for row in world.tables["staff"] if row["staff"] == DISHONEST and row.get("own_member")), None)

    def start_day(self, midnight: float) -> None:
        if self.world.hours is not None and self.world.day.isoweekday() == TUESDAY:
            chance = Chance(self.world.seed, "ring", self.world.day.isoformat())
            self._ring(self.world.hours[0] + 30 * MINUTE, chance)

    def banked(self, cashier: str | None, receipt: str, stamp: float) -> str | None:
        """The card that a dishonest cashier puts on a receipt of somebody who is no member; None in all other cases."""
        if cashier != DISHONEST or self.card is None or share(self.world.seed, "banked", receipt) >= BANKED:
            return None
        self.world.truth.abuse.append(
            {"kind": "staff_points", "cashier": cashier, "accounts": [self.card], "receipt": receipt, "at": iso(stamp)}
        )
        return str(self.card)

    def _ring(self, begin: float, chance: Chance) -> None:
        device, accounts = chance.token("d-", 10), [chance.token("m-", 10) for _ in range(RING)]
        self.world.truth.abuse.append({"kind": "account_ring", "accounts": sorted(accounts), "at": iso(begin)})
        for account in accounts:
            stamp = begin + chance.uniform(0, 2 * HOUR)
            joined: Row = {"kind": "join", "member": account, "channel": "mini_app", "values": {"device_hash": device}}
            self.world.tell(stamp, "member.event", "online-1", joined)
            coupon = Coupon(f"{WELCOME}-{account}", WELCOME, stamp, begin + 14 * DAY, FACE, 0.0, 0, frozenset())
            self.wallets.grant(account, coupon)
            self.trade.expect(stamp + chance.uniform(1, 30) * HOUR, account)
