"""Regional stock placement: which items lie near the stores, and how arriving stock is shared, so that short supply is fair.

Runs at the centre. A region is a store: snapshots by `other_store`, forecasts by the store of their envelope. Rows of the lead times with
a `store` say who serves whom: `supplier` the region and `store` the one served, whose forecasts pool into the region's; or `supplier` this
centre and `store` the region, with the days between them (1 where unknown) and, by their order, the priority.

Freight is in `tariffs` of kind delivery: band `direct` and band `region`, for one region `direct:R1` and `region:R1`, per each, kg or m3;
items are placed only where both are known. Holding is safety stock at cost. Placement is decided at opening, first when forecasts are
known; an item that was decided on is shared among the regions that hold it. Sharing follows the dispatch notice; the next arrival is that
of the next notice of the item, else the next delivery weekday of its lead time, else the end of what is forecast.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339

DAY = timedelta(days=1)
WEEKS_A_YEAR = 52


class RegionalStockPlacement(Solution):
    number = 92
    zh, en = "区域仓布货优化", "Regional stock placement"
    purpose_zh = "决定哪些商品放在靠近门店的区域仓，并公平分配到货，使畅销品就近、滞销品集中、短缺时各区风险相同。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "layout.propose", "score.report")
    reads = ("products", "lead_times", "tariffs", "vehicles")
    load = "optimise"
    kpis = {
        "regional_fill_rate": kpi("%", "Shared of what regions needed", "区域满足率"),
        "freight_per_unit": kpi("minor units", "Freight a unit", "单件运费"),
        "stock_value": kpi("minor units", "Value of regional stock", "区域库存金额"),
        "placement_changes": kpi("count", "Placements changed", "布货变更数"),
    }

    class Config(SolutionConfig):
        review_days: int = setting(
            28, "Review", "重新布货周期", unit="d", ge=7, le=180,
            help_en="Placement is decided anew.", help_zh="重新决定布货的间隔。",
        )  # fmt: skip
        holding_year: float = setting(
            0.18, "Yearly cost of stock", "年持有成本率", ge=0.01, le=1,
            help_en="Share of its cost value.", help_zh="占库存成本金额的比例。",
        )  # fmt: skip
        slot_cost: int = setting(
            20000, "Cost of a slot", "货位成本", unit="minor/wk", ge=0, le=10_000_000,
            help_en="Handling and space of an item at a region.", help_zh="一个商品在区域仓的作业与占位成本。",
        )  # fmt: skip
        service: float = setting(
            0.97, "Cycle service", "周期服务水平", ge=0.5, le=0.999,
            help_en="At the place where it is held.", help_zh="在存放地点的服务水平。",
        )  # fmt: skip
        min_weeks: int = setting(
            8, "Least stay", "最短布货时间", unit="wk", ge=0, le=52,
            help_en="A placement is kept at least this long.", help_zh="布货决定至少保持的时间。",
        )  # fmt: skip
        share_rule: Literal["equal_risk", "priority", "proportional"] = setting("equal_risk", "Sharing of short supply", "短缺分配规则")
        region_slots: int = setting(
            3000, "Slots of a region", "区域仓货位数", ge=1, le=100_000,
            help_en="Items a region can hold.", help_zh="区域仓可存放的商品数。",
        )  # fmt: skip

    # What it knows of the regions

    @on("forecast.demand")
    def forecast(self, event):
        if event.get("level", "item") == "item" and event.store != self.store.id:
            book = self.state.setdefault(f"demand:{self._gtin(event['key'])}|{event.store}", {})
            self.workers.optimise.outlook.enter_window(book, event.data, self.store.hours, self.now)

    @on("inventory.snapshot")
    def counted(self, event):
        region = event.get("other_store") or event.store
        if region != self.store.id and event.get("view", "physical") == "physical":
            name = f"stock:{self._gtin(event['gtin'])}|{region}"
            known = self.state.get(name)
            if known is None or parse_time(known["at"]) <= event.time:
                coming = event.get("in_transit", 0)
                self.state[name] = {"on_hand": event["on_hand"], "in_transit": coming, "at": rfc3339(event.time)}

    # Sharing

    @on("shipment.notice")
    def announced(self, event):
        """Share what was dispatched to the centre; a notice that is repeated replaces its shares."""
        name, gone = f"notice:{event['shipment']}", self.state.get(f"shared:{event['shipment']}", {})
        for old in [old for old in self.state if old.startswith("notice:") and parse_time(self.state[old]["eta"]) < self.now - 60 * DAY]:
            del self.state[old]
            self.state.pop(f"shared:{old[7:]}", None)
        self.state.pop(name, None)
        orders = {}
        if event["state"] != "cancelled":
            lines = {}
            for line in event["lines"]:
                gtin = self._gtin(line["gtin"])
                lines[gtin] = lines.get(gtin, 0) + line["qty"]
            self.state[name] = {"eta": event["eta"], "gtins": sorted(lines)}
            if event["state"] == "dispatched":
                for gtin, qty in lines.items():
                    self._share(gtin, qty, parse_time(event["eta"]), orders)
        for region in sorted({*orders, *gone}):
            stage = "final" if region in orders else "cancelled"
            yield out("order.propose", proposal=f"{event['shipment']}-{region}", stage=stage, kind="transfer", from_store=self.store.id,
                      to_store=region, lines=orders.get(region, gone.get(region)))  # fmt: skip
        if orders or gone:
            self.state[f"shared:{event['shipment']}"] = orders
        if not orders:
            self.state.pop(f"shared:{event['shipment']}", None)

    def _share(self, gtin, qty, eta, orders):
        from storeloom.workers.optimise.inventory import safety_factor
        from storeloom.workers.optimise.stock_sharing import Need, share

        placed = self.state.get(f"placed:{gtin}")
        needs = {}
        for region in self._regions(gtin):
            demand = self._until_next(gtin, region, eta)
            if demand is not None and (placed is None or placed.get(region, {}).get("held")):
                needs[region] = Need(demand[0], demand[1] ** 0.5, self._position(gtin, region))
        z = safety_factor(self.config.service)
        given = share(int(qty + 1e-6), needs, self.config.share_rule, z)
        wanted = sum(max(0, one.mean + z * one.sd - one.hold) for one in needs.values())
        if wanted > 0:
            self.kpi.share("regional_fill_rate", min(wanted, sum(given.values())), wanted)
        for region, units in given.items():
            if units > 0:
                options = {"mean": round(needs[region].mean, 3), "hold": round(needs[region].hold, 3)}
                orders.setdefault(region, []).append({"gtin": gtin, "qty": units, "reason": self.config.share_rule, "options": options})

    def _until_next(self, gtin, region, eta):
        """Mean and variance of a region's demand from an arrival to the next one."""
        later = [
            parse_time(self.state[name]["eta"]) for name in self.state if name.startswith("notice:") and gtin in self.state[name]["gtins"]
        ]
        following = min((at for at in later if at > eta), default=None)
        row = self.tables.products.get(gtin) or {}
        lead = self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)
        if following is None and lead.get("deliver_weekdays"):
            day = self.store.hours.store_day(eta)
            following = eta + DAY * self.workers.optimise.ordering.days_to_next(day, lead["deliver_weekdays"])
        if following is not None:
            return self._demand(gtin, region, eta, (following - eta) / DAY)
        today = self.store.hours.store_day(self.now).isoformat()
        books = [self.state.get(f"demand:{gtin}|{store}", {}) for store in self._served(region)]
        days = [found for book in books for day in book if day >= today and (found := self.workers.optimise.outlook.of_day(book, day))]
        return (sum(day["mean"] for day in days), sum(day["sd"] ** 2 for day in days)) if days else None

    def _position(self, gtin, region):
        """What a region holds and has coming; of an old snapshot, less what was forecast since."""
        known = self.state.get(f"stock:{gtin}|{region}")
        if known is None:
            return 0
        at, sold = parse_time(known["at"]), 0
        if self.now - at > DAY:
            demand = self._demand(gtin, region, at, (self.now - at) / DAY)
            sold = demand[0] if demand else 0
        return max(0, known["on_hand"] - sold) + known["in_transit"]

    # Placement

    @every("1d", at="open")
    def review(self, due):
        """Decide anew what each region holds."""
        last, today = self.state.get("reviewed"), self.store.hours.store_day(due.time)
        if last is not None and due.time - parse_time(last) < self.config.review_days * DAY - DAY / 2:
            return
        gtins = sorted({name[7:].partition("|")[0] for name in self.state if name.startswith("demand:")})
        regions = sorted({region for gtin in gtins for region in self._regions(gtin)})
        surpluses = {region: {gtin: worth for gtin in gtins if (worth := self._surplus(gtin, region)) is not None} for region in regions}
        if not any(surpluses.values()):
            return
        self.state["reviewed"], moves = rfc3339(due.time), []
        for region in regions:
            moves += self._place(region, surpluses[region], due.time)
        self.kpi.add("placement_changes", len(moves))
        if moves:
            yield out(
                "layout.propose", proposal=f"placement-{today:%Y%m%d}", moves=moves, gain=round(sum(move["gain"] for move in moves)),
                unit="minor/wk", reason="regional_placement", state="proposed",
            )  # fmt: skip
        yield self._report(gtins, surpluses, len(moves), due.time)

    def _place(self, region, surpluses, at):
        known = {gtin: self.state.setdefault(f"placed:{gtin}", {}).get(region, {"held": False}) for gtin in surpluses}
        young = {gtin: "since" in one and at - parse_time(one["since"]) < self.config.min_weeks * 7 * DAY for gtin, one in known.items()}
        held = {gtin: one["held"] for gtin, one in known.items()}
        chosen, moves = self.workers.optimise.stock_sharing.place(surpluses, held, young, self.config.region_slots), []
        for gtin, before in held.items():
            after = gtin in chosen
            self.state[f"placed:{gtin}"].setdefault(region, {"held": after})
            if after != before:
                self.state[f"placed:{gtin}"][region] = {"held": after, "since": rfc3339(at)}
                ends = (self.store.id, region) if after else (region, self.store.id)
                moves.append({"what": gtin, "from": ends[0], "to": ends[1], "gain": round(surpluses[gtin] if after else -surpluses[gtin])})
        return moves

    def _surplus(self, gtin, region):
        """What an item earns a week at a region; None where demand or freight is unknown."""
        stock, demand = self.workers.optimise.stock_sharing, self._demand(gtin, region, self.now, 7)
        direct, through = self._freight(gtin, "direct", region), self._freight(gtin, "region", region)
        if demand is None or direct is None or through is None:
            return None
        z = self.workers.optimise.inventory.safety_factor(self.config.service)
        row = self.tables.products.get(gtin) or {}
        week = (row.get("cost") or 0) * self.config.holding_year / WEEKS_A_YEAR
        lane = next((one for one in self.tables.lead_times.rows(supplier=self.store.id) if one.get("store") == region), {})
        lead = self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)
        others = [other[1] / 7 for one in self._regions(gtin) if one != region and (other := self._demand(gtin, one, self.now, 7))]
        days = lead.get("days") or 1
        relief = stock.safety(z, [*others, demand[1] / 7], days) - stock.safety(z, others, days)
        holding = stock.safety(z, [demand[1] / 7], lane.get("days") or 1)
        return stock.surplus(demand[0], direct, through, self.config.slot_cost, holding * week, relief * week)

    def _freight(self, gtin, way, region):
        """Freight of a unit, None where the tariffs do not tell."""
        row, rows = self.tables.products.get(gtin) or {}, self.tables.tariffs.rows(kind="delivery")
        found = next((one for band in (f"{way}:{region}", way) for one in rows if one.get("band") == band), None)
        if found is None:
            return None
        weight = 1 if row.get("unit") == "kg" else (row.get("weight_g") or 0) / 1000
        return found["price"] * {"kg": weight, "m3": (row.get("volume_l") or 0) / 1000}.get(found.get("per"), 1)

    def _report(self, gtins, surpluses, changes, at):
        freight = units = value = held = 0
        for region in sorted(surpluses):
            for gtin in surpluses[region]:
                near = self.state[f"placed:{gtin}"][region]["held"]
                weekly = self._demand(gtin, region, at, 7)[0]
                freight, units, held = (
                    freight + weekly * self._freight(gtin, "region" if near else "direct", region),
                    units + weekly,
                    held + near,
                )
        for gtin in gtins:
            cost = (self.tables.products.get(gtin) or {}).get("cost") or 0
            value += sum(self._position(gtin, region) * cost for region in self._regions(gtin))
        if units > 0:
            self.kpi.set("freight_per_unit", freight / units)
        self.kpi.set("stock_value", value)
        parts = [("held", held, None), ("placement_changes", changes, None), ("stock_value", round(value), "minor")]
        parts += [("freight_per_unit", round(freight / units, 2), "minor")] if units > 0 else []
        return out("score.report", {"from": at, "to": at + self.config.review_days * DAY}, scheme="regional_placement",
                   subject_kind="store", subject=self.store.id,
                   parts=[{"name": name, "value": figure, **({"unit": u} if u else {})} for name, figure, u in parts])  # fmt: skip

    # Who is a region

    def _regions(self, gtin):
        """Regions that are known to want an item, by their order in the lead times, then by name."""
        known = {name.partition("|")[2] for name in self.state if name.startswith((f"demand:{gtin}|", f"stock:{gtin}|"))} - {self.store.id}
        rows = self.tables.lead_times.all_rows()
        serving = {row["store"]: row["supplier"] for row in rows if row.get("store") and row["supplier"] != self.store.id}
        order = [name for row in rows for name in (row.get("store"), row["supplier"]) if name]
        regions = {serving.get(store, store) for store in known}
        return sorted(regions, key=lambda one: (order.index(one) if one in order else len(order), one))

    def _served(self, region):
        rows = self.tables.lead_times.rows(supplier=region)
        return sorted({region, *(row["store"] for row in rows if row.get("store"))})

    def _demand(self, gtin, region, at, days):
        """Mean and variance of a region's demand, pooled over the stores it serves; None where no forecast tells."""
        books = [self.state.get(f"demand:{gtin}|{store}", {}) for store in self._served(region)]
        found = [known for book in books if (known := self.workers.optimise.outlook.demand(book, self.store.hours, at, days))]
        return tuple(sum(column) for column in zip(*found, strict=True)) if found else None

    def _gtin(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("gtin", gtin)
