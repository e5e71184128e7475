"""What really happened in the virtual store, kept apart from the facts, so that a solution's answers can be judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from storeloom.core.virtual.facts import Row


@dataclass(slots=True)
class Truth:
    """Plain JSON values. Quantities are in the item's unit (each or kg), times RFC 3339 in UTC, hours and days local.

    - stock: gtin to [[time, shelf, backroom]], one entry an hour in which it changed
    - arrivals: local hour "2026-03-02T10" to true visitors
    - receipts: local hour to receipts
    - demand: day to gtin to {wanted, sold, lost}
    - balance: gtin to {opening, received, sold, waste, stolen, closing}; opening + received - sold - waste - stolen = closing
    - gaps: shelf empty, {gtin, fixture, slot, from, to}; `to` is null while it lasts
    - affinities: {a, b, chance, lift, baskets}; lift over wanted baskets
    - abandoned: carts or queues left, {shopper, kind, at, value}
    - cases: till fraud, {kind, receipt, till, cashier, at, amount}; thefts: {gtin, qty, at, zone}
    - lane_cases: goods that left the watched self-checkout unpaid, {kind: missed_scan|label_switch, receipt, till, gtin, at, amount}
    - lane_slips: honest shoppers there who scanned an item some seconds after they had bagged it, {receipt, till, gtin, at}
    - excursions, label_faults, device_faults: with from and to
    - findings: items of a checklist found at fault on a round, {checklist, item, task, staff, at}
    - coupons: template to {issued, used, granted}: copies issued to members in the trial, those used at tills, and minor units taken off
    - groups: chat groups, {group, network, metres from the store, members}
    - live_rooms: {live, from, to, viewers, orders, packs}
    - bookings: services ordered, {order, member, wish, comes}; parcels: {waybill, size, agreed}
    - fitting_losses: tried on and carried off, {epc, gtin, zone, at}; skin_tests: {session, at, scores, age, member}
    - posts of creators: {mention, creator, broken rules, false_traffic}; plans: paid memberships, {order, member, paid, at}
    - data_requests: {member, request, at}; receipt_photos: {member, number, kind (fine, unclear, borrowed, edited), at}
    - abuse of the membership programme: {kind (staff_points, account_ring), accounts, at, cashier and receipt of staff_points}
    - gift_cards sold: code to {face, spent}
    - price_slips: prices keyed wrong, {gtin, price, right, from, to}
    - queues: {at, wait_s} of each served shopper's wait above a minute
    """

    stock: dict[str, list[list[Any]]] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    receipts: dict[str, int] = field(default_factory=dict)
    demand: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    balance: dict[str, dict[str, float]] = field(default_factory=dict)
    gaps: list[Row] = field(default_factory=list)
    affinities: list[Row] = field(default_factory=list)
    abandoned: list[Row] = field(default_factory=list)
    cases: list[Row] = field(default_factory=list)
    thefts: list[Row] = field(default_factory=list)
    lane_cases: list[Row] = field(default_factory=list)
    lane_slips: list[Row] = field(default_factory=list)
    excursions: list[Row] = field(default_factory=list)
    label_faults: list[Row] = field(default_factory=list)
    device_faults: list[Row] = field(default_factory=list)
    findings: list[Row] = field(default_factory=list)
    coupons: dict[str, dict[str, int]] = field(default_factory=dict)
    groups: list[Row] = field(default_factory=list)
    live_rooms: list[Row] = field(default_factory=list)
    bookings: list[Row] = field(default_factory=list)
    parcels: list[Row] = field(default_factory=list)
    fitting_losses: list[Row] = field(default_factory=list)
    skin_tests: list[Row] = field(default_factory=list)
    posts: list[Row] = field(default_factory=list)
    plans: list[Row] = field(default_factory=list)
    data_requests: list[Row] = field(default_factory=list)
    receipt_photos: list[Row] = field(default_factory=list)
    abuse: list[Row] = field(default_factory=list)
    gift_cards: dict[str, dict[str, int]] = field(default_factory=dict)
    price_slips: list[Row] = field(default_factory=list)
    queues: list[Row] = field(default_factory=list)
    weather: dict[str, Row] = field(default_factory=dict)

    def as_dict(self) -> Row:
        """A copy that `json.dumps` takes."""
        return asdict(self)

    def arrive(self, hour: str) -> None:
        self.arrivals[hour] = self.arrivals.get(hour, 0) + 1

    def ring(self, hour: str) -> None:
        self.receipts[hour] = self.receipts.get(hour, 0) + 1

    def want(self, day: str, gtin: str, wanted: float, lost: float) -> None:
        """Note that a shopper wanted so much of an item and how much of it was missing."""
        entry = self.demand.setdefault(day, {}).setdefault(gtin, {"wanted": 0.0, "sold": 0.0, "lost": 0.0})
        entry["wanted"] = round(entry["wanted"] + wanted, 3)
        entry["lost"] = round(entry["lost"] + lost, 3)

    def sell(self, day: str, gtin: str, qty: float) -> None:
        entry = self.demand.setdefault(day, {}).setdefault(gtin, {"wanted": 0.0, "sold": 0.0, "lost": 0.0})
        entry["sold"] = round(entry["sold"] + qty, 3)
