"""Inter-store transfer: stock moves from stores where it sleeps to stores where it sells, only where the gain pays for the parcel.

Runs at the region's lead store, at opening on `batch_day`. A snapshot is of `other_store` where it has one, else of the store of its
envelope, as a forecast is. Chances come from the quantiles of a forecast of the whole horizon, else from the days' forecasts added up as a
normal demand. Presentation stock is `presentation` among the attributes, regulated are goods with `regulated` there or a minimum age.
Margin is retail price less cost. The core sizes of a style are S, M and L; of one with fewer than two of them, the three of the greatest
share.

What a parcel costs between two stores is on a row of the lead times: `supplier` the giving, `store` the receiving one, with `freight`, or
with `km` at the cheapest `cost_km` of the vehicles. A transfer is sent when a movement between the two stores names it or carries its
item; what is unsent at the next batch is cancelled. Sold after transfer is what of the units sent is no longer in the store after the
horizon.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
CORE = ("S", "M", "L")
FRESH = timedelta(hours=24)
DAY = timedelta(days=1)
MINUTES_A_UNIT = 0.5


class StoreTransfer(Solution):
    number = 90
    zh, en = "店间智能调拨", "Inter-store transfer"
    purpose_zh = "把滞销门店的库存调往畅销门店，仅在收益高于运费时调拨，并把断码的尺码重新配齐。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "task.create", "score.report")
    reads = ("products", "prices", "vehicles", "lead_times")
    load = "optimise"
    kpis = {
        "transfer_gain": kpi("minor units", "Gain of transfers", "调拨收益"),
        "units_moved": kpi("count", "Units moved", "调拨件数"),
        "sold_after_transfer": kpi("%", "Sold after transfer", "调拨后售出率"),
    }
    kinds = {"transfer_pick": ("Pick a transfer", "调拨拣货")}

    class Config(SolutionConfig):
        horizon: int = setting(
            28, "Horizon", "评估期", unit="d", ge=7, le=180,
            help_en="Selling days that a transfer is judged on.", help_zh="评估调拨的销售天数。",
        )  # fmt: skip
        keep_cover: int = setting(
            21, "Cover kept", "调出店保留天数", unit="d", ge=0, le=180,
            help_en="Cover a giving store keeps.", help_zh="调出门店保留的可售天数。",
        )  # fmt: skip
        unit_cost: int = setting(
            100, "Cost of a unit", "单件成本", unit="minor", ge=0, le=100_000, help_en="Picking and packing.", help_zh="拣货与包装。",
        )  # fmt: skip
        parcel_cost: int = setting(
            4000, "Cost of a parcel", "单票运费", unit="minor", ge=0, le=1_000_000,
            help_en="Of one pair of stores; the tables go before it.", help_zh="一对门店间一票的费用；表中有值时以表为准。",
        )  # fmt: skip
        min_parcel_gain: int = setting(
            3000, "Least gain of a parcel", "单票最低收益", unit="minor", ge=0, le=1_000_000,
            help_en="A parcel must gain this much.", help_zh="每票调拨至少获得的收益。",
        )  # fmt: skip
        rest_days: int = setting(
            14, "Rest", "静置天数", unit="d", ge=0, le=90,
            help_en="An item moved in or out of a store is not moved there again.", help_zh="商品调入或调出某店后该天数内不再调拨。",
        )  # fmt: skip
        max_lines: int = setting(
            30, "Most lines", "单日最多行数", ge=1, le=500,
            help_en="Lines that a store must pick on one day.", help_zh="门店单日需拣的行数上限。",
        )  # fmt: skip
        batch_day: Literal["daily", "monday", "tuesday", "wednesday", "thursday", "friday"] = setting(
            "tuesday", "Day of proposals", "提案日", help_en="When transfers are proposed.", help_zh="提出调拨建议的日子。",
        )  # fmt: skip

    # What it knows of the stores

    @on("inventory.snapshot")
    def counted(self, event):
        store = event.get("other_store") or event.store
        book = self._stock(self._gtin(event["gtin"]), store)
        if self.workers.optimise.position.enter_snapshot(book, event.data, event.time):
            book["at"] = rfc3339(event.time)

    @on("forecast.demand")
    def forecast(self, event):
        if event.get("level", "item") != "item":
            return
        name = f"{self._gtin(event['key'])}|{event.store}"
        outlook = self.workers.optimise.outlook
        outlook.enter_window(self.state.setdefault(f"demand:{name}", {}), event.data, self.store.hours, self.now)
        span = parse_time(event["to"]) - parse_time(event["from"])
        if abs(span / DAY - self.config.horizon) <= 1:
            points = dict(event.get("quantiles") or {}) | {share: event[key] for key, share in outlook.POINTS.items() if key in event}
            self.state[f"whole:{name}"] = {"from": event["from"], "points": points}

    @on("inventory.movement?")
    def moved(self, event):
        """A transfer between stores rests the item in both; one that was proposed is sent."""
        if event["kind"] != "transfer" or event.get("state", "booked") != "booked":
            return
        gtin, places = self._gtin(event["gtin"]), self.workers.optimise.position.PLACES
        giver = event["from"] if event.get("from") not in (None, *places) else event.store
        receiver = event["to"] if event.get("to") not in (None, *places) else event.store
        if giver == receiver:
            return
        for store in (giver, receiver):
            self.state[f"moved:{gtin}|{store}"] = rfc3339(event.time)
        for name in [name for name in self.state if name.startswith("parcel:")]:
            parcel = self.state[name]
            if event.get("order") in (None, name[7:]) and (parcel["from"], parcel["to"]) == (giver, receiver) and gtin in parcel["lines"]:
                parcel["sent"] = True

    # The batch

    @every("1d", at="open")
    def batch(self, due):
        """Cancel what was not sent, and propose anew."""
        weekday = self.store.hours.store_day(due.time).isoweekday()
        if self.config.batch_day != "daily" and WEEKDAYS[weekday - 1 : weekday] != (self.config.batch_day,):
            return
        yield from self._lapse()
        stocks = self._stocks()
        problem = self._problem(stocks)
        flow, nets = self.workers.optimise.transfers.solve(problem, self.config.min_parcel_gain)
        gain = round(sum(nets.values()))
        for giver, receiver in sorted(nets):
            lines = {item: units for (item, *pair), units in sorted(flow.items()) if pair == [giver, receiver]}
            yield from self._parcel(giver, receiver, lines, nets[giver, receiver])
        if flow:
            self.kpi.add("transfer_gain", gain)
            self.kpi.add("units_moved", sum(flow.values()))
            parts = [("transfer_gain", gain, "minor"), ("units_moved", sum(flow.values()), None), ("parcels", len(nets), None)]
            yield out("score.report", {"from": due.time, "to": due.time + self.config.horizon * DAY}, scheme="store_transfer",
                      subject_kind="store", subject=self.store.id,
                      parts=[{"name": name, "value": value, **({"unit": u} if u else {})} for name, value, u in parts])  # fmt: skip

    def _lapse(self):
        for name in [name for name in self.state if name.startswith("parcel:")]:
            parcel = self.state[name]
            if not parcel.get("sent"):
                del self.state[name]
                self.timers.cancel("judge", name[7:])
                yield self._order(name[7:], "cancelled", parcel["from"], parcel["to"], parcel["lines"], 0)

    def _parcel(self, giver, receiver, lines, gain):
        proposal = f"transfer-{giver}-{receiver}-{self.store.hours.local(self.now):%Y%m%d}"
        self.state[f"parcel:{proposal}"] = {"from": giver, "to": receiver, "lines": lines}
        self.timers.set("judge", proposal, self.now + self.config.horizon * DAY)
        yield self._order(proposal, "final", giver, receiver, lines, gain)
        closes = self.store.hours.next_close(self.now)
        yield out(
            "task.create", task=proposal, kind="transfer_pick", priority=3, role="stock", due=closes,
            title=self.say(f"Pick for {receiver} at {giver}", f"{giver}拣货调往{receiver}"), minutes=sum(lines.values()) * MINUTES_A_UNIT,
            items=[{"gtin": gtin, "qty": units, "from": giver, "to": receiver} for gtin, units in lines.items()],
            values={"store": giver, "proposal": proposal}, evidence="scan",
        )  # fmt: skip

    def _order(self, proposal, stage, giver, receiver, lines, gain):
        made = [{"gtin": gtin, "qty": units, "reason": "sells_there"} for gtin, units in lines.items()]
        if gain and made:
            made[0]["options"] = {"parcel_gain": round(gain)}
        return out("order.propose", proposal=proposal, stage=stage, kind="transfer", from_store=giver, to_store=receiver, lines=made)

    @timer("judge")
    def judge(self, due):
        """What became of the units that were sent."""
        parcel = self.state.pop(f"parcel:{due.key}")
        for gtin, units in parcel["lines"].items() if parcel.get("sent") else ():
            left = self.workers.optimise.position.on_hand(self._stock(gtin, parcel["to"]))
            if left is not None:
                self.kpi.share("sold_after_transfer", units - min(units, max(0, left)), units)

    # The problem

    def _stocks(self):
        """Units on hand by item and store, as counted in the last day, of items that may move."""
        found = {}
        for name in [name for name in self.state if name.startswith("stock:")]:
            gtin, _, store = name[6:].partition("|")
            book, row = self.state[name], self.tables.products.get(gtin) or {}
            attributes = row.get("attributes") or {}
            if (
                row
                and "at" in book
                and not row.get("min_age")
                and not attributes.get("regulated")
                and self.now - parse_time(book["at"]) <= FRESH
            ):
                found[gtin, store] = max(0, self.workers.optimise.position.on_hand(book))
        return found

    def _problem(self, stocks):
        from storeloom.workers.optimise.transfers import Problem

        givers, receivers, halved = {}, {}, self._broken(stocks)
        for (gtin, store), units in sorted(stocks.items()):
            name = f"{gtin}|{store}"
            rested = self.now - parse_time(self.state.get(f"moved:{name}", rfc3339(self.now - 365 * DAY))) >= self.config.rest_days * DAY
            wanted, kept = self._demand(name, self.config.horizon), self._demand(name, self.config.keep_cover)
            if not rested or wanted is None:
                continue
            row = self.tables.products.get(gtin)
            presentation = (row.get("attributes") or {}).get("presentation") or 0
            coming = self.state[f"stock:{name}"]["in_transit"]
            give = int(max(0, units - max(kept[0] if kept else 0, presentation)) + 1e-6)
            want = int(max(0, wanted[0] - units - coming) + 1e-6)
            share = 0.5 if (row.get("style"), store) in halved else 1
            givers[gtin, store] = tuple(share * self._chance(name, wanted, units - n) for n in range(1, give + 1))
            receivers[gtin, store] = tuple(share * self._chance(name, wanted, units + coming + n) for n in range(want))
        stores = sorted({store for _, store in stocks})
        parcels = {(giver, receiver): self._parcel_cost(giver, receiver) for giver in stores for receiver in stores if giver != receiver}
        margin = {gtin: self._margin(gtin) for gtin, _ in stocks}
        return Problem(givers, receivers, margin, parcels, self.config.unit_cost, self.config.max_lines)

    def _broken(self, stocks):
        """Styles and stores with fewer than two core sizes there."""
        sizes = {}
        for (gtin, store), units in stocks.items():
            row = self.tables.products.get(gtin)
            if row.get("style") and row.get("size"):
                sizes.setdefault(row["style"], {}).setdefault(row["size"], [row.get("size_share") or 0, set()])
                if units > 0:
                    sizes[row["style"]][row["size"]][1].add(store)
        broken = set()
        for style, known in sizes.items():
            core = [size for size in CORE if size in known]
            if len(core) < 2:
                core = sorted(known, key=lambda size: (-known[size][0], size))[:3]
            for store in {store for _, store in stocks}:
                if len(core) >= 2 and sum(store in known[size][1] for size in core) < 2:
                    broken.add((style, store))
        return broken

    def _demand(self, name, days):
        return (
            self.workers.optimise.outlook.demand(self.state.get(f"demand:{name}", {}), self.store.hours, self.now, days) if days else (0, 0)
        )

    def _chance(self, name, demand, units):
        whole = self.state.get(f"whole:{name}")
        if whole and abs((self.now - parse_time(whole["from"])) / DAY) <= 7:
            return self.workers.forecast.sell_chance.from_quantiles(whole["points"], units)
        return self.workers.forecast.sell_chance.from_moments(*demand, units)

    def _parcel_cost(self, giver, receiver):
        lane = next((row for row in self.tables.lead_times.rows(supplier=giver) if row.get("store") == receiver), {})
        rates = [row["cost_km"] for row in self.tables.vehicles.all_rows() if row.get("cost_km")]
        if lane.get("freight") is not None:
            return lane["freight"]
        return lane["km"] * min(rates) if lane.get("km") is not None and rates else self.config.parcel_cost

    def _margin(self, gtin):
        row = self.tables.products.get(gtin)
        return self.workers.pricing.retail.retail(self.tables.prices.rows(gtin=gtin), row) - (row.get("cost") or 0)

    def _gtin(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("gtin", gtin)

    def _stock(self, gtin, store):
        return self.state.setdefault(f"stock:{gtin}|{store}", self.workers.optimise.position.empty())
