"""Merges a supplier's item proposals into one order that reaches its minimum or fills the truck, with what runs out first.

A draft waits for its `order_by`; without one, for the next cut-off of the supplier's lead times. A later chance's draft of an item takes
the place of what waited of it, for the need was worked out anew. The next chance is the next order weekday (lead times, else the
supplier's `order_days`) at their cut-off, else at the same clock. What a line risks by waiting is that the demand until the goods of the
next chance are there exceeds what is there and coming; a line without stock or forecast cannot be shown to be safe and does not wait.

Cover is stock, what is coming and what is ordered over the mean forecast of the days ahead. What is pulled must fit the truck where the
order did. A row of `vehicles` under the supplier's own id is its truck. Its `freight` is paid for orders under the minimum.
"""

from datetime import date, timedelta

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

CUTOFF = "15:00"
DAY = timedelta(days=1)


class Truck(SolutionConfig):
    """What one load holds."""

    m3: float = Field(66, title="Volume, m³", gt=0, json_schema_extra={"x-zh": "容积（立方米）"})
    kg: float = Field(20000, title="Payload, kg", gt=0, json_schema_extra={"x-zh": "载重（千克）"})
    pallets: float = Field(33, title="Pallets", gt=0, json_schema_extra={"x-zh": "托盘位"})


class JointTruckloadOrder(Solution):
    number = 85
    zh, en = "联合订货与拼车装载", "Joint ordering and truck fill"
    purpose_zh = "把同一供应商的单品建议合成一张订单，用最先断货的商品补足起订额或装满车辆，而不是凭感觉凑单。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "alert.raise", "score.report")
    reads = ("suppliers", "products", "vehicles", "lead_times")
    load = "optimise"
    kpis = {
        "orders_under_minimum": kpi("%", "Orders under the minimum", "未达起订额订单占比"),
        "truck_fill": kpi("%", "Truck fill", "车辆装载率"),
        "freight_per_case": kpi("minor units", "Freight a case", "每箱运费"),
        "pulled_value": kpi("minor units", "Value pulled forward", "提前订货金额"),
    }
    kinds = {"order_under_minimum": ("Order under the minimum pays freight", "订单未达起订额需付运费")}

    class Config(SolutionConfig):
        min_value: int = setting(
            300_000, "Minimum order value", "起订额", unit="minor", ge=0, le=100_000_000,
            help_en="Minimum or free-freight value; the suppliers table goes before it.",
            help_zh="起订额或免运费额；供应商表中有值时以表为准。",
        )  # fmt: skip
        can_order: int = setting(
            10, "Cover that may be pulled", "可提前订货的可售天数", unit="d", ge=1, le=60,
            help_en="Items with cover at or below it may be pulled forward.", help_zh="可售天数不超过该值的商品可提前订货。",
        )  # fmt: skip
        max_cover: int = setting(
            21, "Longest cover by pulling", "提前订货可售天数上限", unit="d", ge=2, le=120,
            help_en="No pull lifts cover beyond it.", help_zh="提前订货后的可售天数不超过该值。",
        )  # fmt: skip
        truck: Truck = setting(Truck, "One load", "单车装载量")
        fill_from: float = setting(
            0.9, "Fill from which a truck is topped up", "开始补满的装载率", ge=0.5, le=1,
            help_en="A truck below it is left as it is.", help_zh="低于该装载率的车辆不再加货。",
        )  # fmt: skip
        postpone_max: int = setting(
            1, "Chances an order may wait", "最多推迟次数", ge=0, le=5,
            help_en="Order chances that an order under the minimum may wait.", help_zh="未达起订额的订单可推迟的订货机会数。",
        )  # fmt: skip
        risk: float = setting(
            0.05, "Risk that forbids waiting", "禁止等待的缺货概率", ge=0, le=0.5,
            help_en="Stock-out chance of any of its lines.", help_zh="订单任一行的缺货概率达到该值即不等待。",
        )  # fmt: skip

    # What it knows of items

    @on("forecast.demand")
    def forecast(self, event):
        if event.get("level", "item") == "item":
            book = self.state.setdefault(f"demand:{self._gtin(event['key'])}", {})
            self.workers.optimise.outlook.enter_window(book, event.data, self.store.hours, self.now)

    @on("inventory.snapshot")
    def counted(self, event):
        if event.get("other_store", self.store.id) == self.store.id:
            self.workers.optimise.position.enter_snapshot(self._book(self._gtin(event["gtin"])), event.data, event.time)

    # Drafts

    @on("order.propose")
    def proposed(self, event):
        """Drafts wait for their cut-off; what is withdrawn before goes."""
        if event["stage"] == "final" or event.get("kind", "buy") != "buy":
            return
        self.state.pop(f"draft:{event['proposal']}", None)
        supplier = event.get("supplier") or next((self._product(line["gtin"]).get("supplier") for line in event["lines"]), None)
        if event["stage"] == "cancelled" or not supplier:
            return
        cutoff = parse_time(event["order_by"]) if event.get("order_by") else None
        if cutoff is None or cutoff < self.now:
            cutoff = self._next_cutoff(supplier, self.now, CUTOFF)
        lines = [{**line, "gtin": self._gtin(line["gtin"]), "promotion": self._promoted(event, line)} for line in event["lines"]]
        known = sum(line["qty"] * self._cost(line) for line in lines)
        unknown = 0 if all(self._cost(line) for line in lines) else max(0, event.get("total", 0) - known)
        self.state[f"draft:{event['proposal']}"] = {
            "supplier": supplier, "cutoff": rfc3339(cutoff), "deliver_on": event.get("deliver_on"), "unpriced": unknown,
            "lines": [line for line in lines if line["qty"] > 0], "at": rfc3339(self.now),
        }  # fmt: skip
        self._set(supplier, cutoff)

    def _promoted(self, event, line):
        return "promotion" in (event.get("basis"), line.get("reason"))

    @timer("cutoff")
    def order(self, due):
        """One order of all that was proposed, or none yet."""
        supplier = due.data["supplier"]
        rest = self.state.pop(f"rest:{supplier}", {"lines": {}, "waited": 0})
        names = [name for name in self.state if name.startswith("draft:") and self.state[name]["supplier"] == supplier]
        drafts = [self.state.pop(name) for name in names if parse_time(self.state[name]["cutoff"]) <= due.time]
        lines = self._merged(rest["lines"], drafts)
        if not lines:
            return
        items = self._items(supplier, lines)
        unknown = sum(draft["unpriced"] for draft in drafts)
        worth, least = lambda: sum(one.value * one.units / one.case for one in items) + unknown, self._least(supplier)
        if worth() < least and rest["waited"] < self.config.postpone_max and self._may_wait(supplier, lines, due.time):
            self._carry(supplier, lines, rest["waited"] + 1, due.time)
            return
        before, fill, config = worth(), self.workers.optimise.joint_fill.fill, self.config
        pull = self.workers.optimise.joint_fill.pull
        pulled = {"minimum_value": pull(items, config.can_order, config.max_cover, lambda: worth() >= least)}
        if config.fill_from <= fill(items) < 1:
            pulled["truck_fill"] = pull(items, config.can_order, config.max_cover, lambda: False)
        extra = worth() - before
        self.kpi.add("pulled_value", round(extra))
        moved = self.workers.optimise.joint_fill.put_off(items)
        if moved:
            self._carry(supplier, {gtin: {**lines[gtin], "qty": units} for gtin, units in moved.items() if gtin in lines}, 0, due.time)
        delivery = min((draft["deliver_on"] for draft in drafts if draft["deliver_on"]), default=None)
        delivery = delivery or self._delivery(supplier, lines, due.time)
        yield self._final(supplier, items, lines, pulled, delivery, due.time)
        begin = min((parse_time(draft["at"]) for draft in drafts), default=due.time)
        yield from self._account(supplier, items, {"value": worth(), "least": least, "pulled": extra}, begin, due.time)

    def _merged(self, waiting, drafts):
        """Lines by gtin: those of the drafts added up, and what waited of items that no draft names anew."""
        lines = {}
        for line in [line for draft in drafts for line in draft["lines"]]:
            known = lines.setdefault(line["gtin"], {**line, "qty": 0, "promotion": False})
            known["qty"] += line["qty"]
            known["promotion"] |= line["promotion"]
        return {**{gtin: line for gtin, line in waiting.items() if gtin not in lines}, **lines}

    def _carry(self, supplier, lines, waited, at):
        """Keep lines for the supplier's next chance."""
        self.state[f"rest:{supplier}"] = {"lines": lines, "waited": waited}
        self._set(supplier, self._next_cutoff(supplier, at, self.store.hours.local(at).strftime("%H:%M")))

    def _may_wait(self, supplier, lines, at):
        """Whether every line is safe enough until the goods of the next chance are there."""
        wait = self._next_cutoff(supplier, at, self.store.hours.local(at).strftime("%H:%M")) - at
        return all(self._chance_of_running_out(line["gtin"], at, wait / DAY) < self.config.risk for line in lines.values())

    def _chance_of_running_out(self, gtin, at, wait_days):
        from statistics import NormalDist

        demand = self._demand(gtin, at, wait_days + (self._lead(gtin).get("days") or 1))
        stock = self._position(gtin, at)
        if demand is None or stock is None:
            return 1.0
        mean, variance = demand
        return 1 - NormalDist(mean, variance**0.5).cdf(stock) if variance > 0 else float(mean > stock)

    # The order

    def _items(self, supplier, lines):
        """What is ordered, and what else of the supplier could be pulled forward, by gtin."""
        range_of = self.tables.products.derived("by supplier", self.workers.optimise.ordering.by_supplier)
        day = self.store.hours.store_day(self.now).isoformat()
        others = {row["gtin"] for row in range_of.get(supplier, ()) if self._orderable(row, day) and f"demand:{row['gtin']}" in self.state}
        return [self._item(supplier, gtin, lines.get(gtin)) for gtin in sorted({*lines, *others})]

    def _orderable(self, row, day):
        blocked = (row.get("attributes") or {}).get("blocked")
        return not blocked and (not row.get("delisted_on") or row["delisted_on"] > day)

    def _item(self, supplier, gtin, line):
        from storeloom.workers.optimise.joint_fill import Item

        row, units = self._product(gtin), line["qty"] if line else 0
        case = (row.get("case_pack") or 1) * (self._lead(gtin).get("pack_multiple") or 1)
        demand, stock = self._demand(gtin, self.now, self.config.max_cover), self._position(gtin, self.now)
        cover, case_days = 0.0, float("inf")
        if demand is not None and stock is not None:
            daily = demand[0] / self.config.max_cover
            cover = (stock + units) / daily if daily > 0 else float("inf")
            case_days = case / daily if daily > 0 else float("inf")
        value = case * self._cost(line or {"gtin": gtin})
        return Item(gtin, cover, case_days, value, self._load(supplier, row, case), case, units, bool(line and line["promotion"]))

    def _load(self, supplier, row, case):
        """Shares of the truck that a case takes by volume, weight and pallets; 0 where the product does not tell."""
        own, truck = self.tables.vehicles.get(supplier) or {}, self.config.truck
        litres, kilos = own.get("capacity_l") or truck.m3 * 1000, own.get("capacity_kg") or truck.kg
        unit_kg = 1 if row.get("unit") == "kg" else (row.get("weight_g") or 0) / 1000
        per_pallet = (row.get("cases_per_pallet") or 0) * (row.get("case_pack") or 1)
        pallets = case / per_pallet / truck.pallets if per_pallet else 0.0
        return (case * (row.get("volume_l") or 0) / litres, case * unit_kg / kilos, pallets)

    def _final(self, supplier, items, lines, pulled, delivery, at):
        made = []
        for one in [one for one in items if one.units > 0]:
            known, cost = lines.get(one.gtin, {}), self._cost(lines.get(one.gtin) or {"gtin": one.gtin})
            extra = {why: cases for why, found in pulled.items() if (cases := found.get(one.gtin))}
            cases = one.units / (self._product(one.gtin).get("case_pack") or 1)
            made.append({
                "gtin": one.gtin, "qty": round(one.units, 3), "reason": known.get("reason") or next(iter(extra), "joint"),
                **({"cases": round(cases)} if abs(cases - round(cases)) < 1e-9 else {}), **({"cost": cost} if cost else {}),
                **({"options": options} if (options := {**(known.get("options") or {}), **extra}) else {}),
            })  # fmt: skip
            eta = self.store.hours.midnight(self.store.hours.store_day(at) + 2 * DAY)
            if delivery:
                eta = self.store.hours.at(date.fromisoformat(delivery), "24:00")
            proposal = f"{supplier}-{self.store.hours.local(at):%Y%m%d-%H%M}-joint"
            self.workers.optimise.position.expect(self._book(one.gtin), proposal, one.units, rfc3339(eta))
        return out(
            "order.propose", proposal=f"{supplier}-{self.store.hours.local(at):%Y%m%d-%H%M}-joint", stage="final", kind="buy",
            supplier=supplier, lines=made, order_by=at, deliver_on=delivery, basis="joint",
            total=round(sum(line["qty"] * line.get("cost", 0) for line in made)),
        )  # fmt: skip

    def _account(self, supplier, items, sums, begin, at):
        """The figures of an order that was sent, and an alert where its freight is to be paid."""
        row = self.tables.suppliers.get(supplier) or {}
        under, fill = sums["value"] < sums["least"], self.workers.optimise.joint_fill.fill(items)
        freight = row.get("freight") if under else 0
        cases = sum(one.units / (self._product(one.gtin).get("case_pack") or 1) for one in items)
        self.kpi.share("orders_under_minimum", under, 1)
        if fill > 0:
            self.kpi.share("truck_fill", fill, 1)
        if freight is not None:
            self.kpi.share("freight_per_case", freight, cases)
        parts = [
            ("value", sums["value"], "minor"),
            ("pulled_value", sums["pulled"], "minor"),
            ("truck_fill", 100 * fill, "%"),
            ("cases", cases, "case"),
        ]
        yield out("score.report", {"from": begin, "to": at}, scheme="joint_order", subject_kind="supplier", subject=supplier,
                  parts=[{"name": name, "value": round(value, 3), "unit": unit} for name, value, unit in parts])  # fmt: skip
        if under:
            name, value, least = row.get("name", supplier), round(sums["value"]), sums["least"]
            paid = self.say("unknown", "未知") if freight is None else f"{freight:g}"
            yield out(
                "alert.raise", alert=f"under-minimum-{supplier}-{at:%Y%m%dT%H%M}", kind="order_under_minimum", severity="info",
                state="open",
                subject=supplier, value=freight, unit="minor", ref={"order_value": value, "minimum": least}, text=self.say(
                    f"{name}: order of {value} is under {least}; freight {paid}", f"{name}：订单{value}未达{least}，运费{paid}"),
            )  # fmt: skip

    # What is known

    def _set(self, supplier, at):
        self.timers.set("cutoff", f"{supplier}|{rfc3339(at)}", at, {"supplier": supplier})

    def _next_cutoff(self, supplier, after, clock):
        from storeloom.workers.optimise.ordering import Chance, next_cutoff, order_chance

        order_days = (self.tables.suppliers.get(supplier) or {}).get("order_days") or ()
        weekdays = tuple(day for day in order_days if isinstance(day, int)) or (1, 2, 3, 4, 5, 6, 7)
        lead = next(iter(self.tables.lead_times.rows(supplier=supplier)), {})
        return next_cutoff(self.store.hours, after, order_chance(lead, Chance(clock, weekdays)))

    def _delivery(self, supplier, lines, at):
        day, ordering = self.store.hours.store_day(at), self.workers.optimise.ordering
        return max(ordering.delivery_day(day, self._lead(gtin)) for gtin in lines).isoformat()

    def _least(self, supplier):
        least = (self.tables.suppliers.get(supplier) or {}).get("min_order")
        return self.config.min_value if least is None else least

    def _demand(self, gtin, at, days):
        """Mean and variance of the demand of the next days, None where no forecast tells."""
        return self.workers.optimise.outlook.demand(self.state.get(f"demand:{gtin}", {}), self.store.hours, at, days)

    def _position(self, gtin, at):
        stock = self.workers.optimise.position
        book = self._book(gtin)
        found = stock.on_hand(book)
        return None if found is None else max(0, found) + stock.coming(book, at, 0) - book["reserved"]

    def _lead(self, gtin):
        row = self._product(gtin)
        return self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)

    def _cost(self, line):
        return line.get("cost") or self._product(line["gtin"]).get("cost") or 0

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {}

    def _gtin(self, gtin):
        return self._product(gtin).get("gtin", gtin)

    def _book(self, gtin):
        return self.state.setdefault(f"item:{gtin}", self.workers.optimise.position.empty())
