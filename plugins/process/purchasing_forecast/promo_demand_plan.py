"""Sizes the stock of a promotion from price, display and leaflet, ships it in two drops with a reading in between, plans the dip after.

Planned are approved promotions on items with an end. An advertisement counts as the leaflet of the promotions that it meets, a display as
their placement; alone, a display is planned too. `to` is the first moment that is not promoted. The regular price is the price table's base
price, else the list price; a promotion price there that begins with the promotion goes before the terms. A forecast goes out at the close
of the day once the base is known, and again whenever it moves by a tenth of a piece; the dip's days are published with it.

The base leaves out days on promotion, days after one while they dip, and days on which the item was counted empty. Past promotions are read
at their end, and from `promo.result` (final), which takes the place of the own reading. The category's elasticity is the mean of its other
items' readings, `elasticity_default` without any. A drop is proposed a supplier and lead time (1 day where unknown). An order counts as
unsent until the promotion starts; it is taken back as cancelled with quantities of 0. Orders on their way are those proposed here until
they are received, else the snapshot's `in_transit`.
"""

from datetime import date, timedelta

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1.numbers import item_key

DAY, INSTANT, BASE_DAYS, MOVED = timedelta(days=1), timedelta(microseconds=1), 56, 0.1
PLANNED = ("percent", "amount", "fixed", "nth", "multi_buy", "member_price", "display")
PLACES = {"endcap": "end", "table": "island", "bin": "island"}
LEAST_RATIO, MOST_RATIO = 0.5, 2


class Display(SolutionConfig):
    """Factor of a second placement."""

    none: float = Field(1, title="None", gt=0, le=20, json_schema_extra={"x-zh": "无"})
    end: float = Field(1.25, title="Gondola end", gt=0, le=20, json_schema_extra={"x-zh": "端架"})
    island: float = Field(1.6, title="Island", gt=0, le=20, json_schema_extra={"x-zh": "堆头"})


class Dip(SolutionConfig):
    """Lower demand after a promotion."""

    share: float = Field(0.15, title="Share of base demand", ge=0, le=1, json_schema_extra={"x-zh": "基础需求降幅"})
    days: int = Field(7, title="Days", ge=0, le=60, json_schema_extra={"x-zh": "天数"})


class PromoDemandPlan(Solution):
    number = 77
    zh, en = "促销备货预测", "Promotion demand and build-up"
    purpose_zh = "按价格、陈列与海报估算促销备货量，分两批到货并在中间读取首日销售，同时规划促销后的回落。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("forecast.demand", "order.propose", "alert.raise", "score.report")
    reads = ("promotions", "products", "prices", "fixtures", "lead_times")
    load = "forecast"
    kpis = {
        "promo_forecast_error": kpi("%", "Forecast error of promotions", "促销预测误差"),
        "leftover_share": kpi("%", "Left over", "促销剩余率"),
        "promo_availability": kpi("%", "Availability on promotion", "促销有货率"),
    }
    kinds = {"promo_reading": ("Promotion sells far off its plan", "促销销售严重偏离计划")}

    class Config(SolutionConfig):
        prior_weight: float = setting(
            4, "Weight of the category's elasticity", "品类弹性权重", ge=0, le=50,
            help_en="In past promotions of the item.", help_zh="折合该单品的历史促销次数。",
        )  # fmt: skip
        elasticity_default: float = setting(-2.0, "Elasticity where the category has none", "默认价格弹性", ge=-6, le=-0.2)
        display_factor: Display = setting(Display, "Second placement", "二次陈列系数")
        leaflet_factor: float = setting(1.2, "Item in the leaflet", "海报系数", ge=1, le=3)
        first_share: float = setting(
            0.6, "First drop", "首批比例", ge=0.3, le=1, help_en="Share of the demand.", help_zh="占促销需求的比例。"
        )
        read_days: int = setting(2, "Days read before the second drop", "二批前读取天数", unit="d", ge=1, le=5)
        damping: float = setting(
            0.5, "Damping", "阻尼", ge=0, le=1, help_en="How far the reading moves the rest.", help_zh="读数对剩余需求的修正幅度。"
        )
        dip: Dip = setting(Dip, "After the promotion", "促销后回落")

    # What comes in

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        day = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        for line in event["lines"]:
            item, row = self._item(line["gtin"]), self.tables.products.get(line["gtin"]) or {}
            weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
            units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
            units = -units if kind == "return" or line["qty"] < 0 else units
            item["units"][day] = round(item["units"].get(day, 0) + units, 3)
            short = units - (self.workers.optimise.position.on_hand(item["stock"]) or 0)
            self.workers.optimise.position.take(item["stock"]["places"], units, event.time)
            for entry in item["stock"]["coming"].values():  # what sells beyond the count has come since
                if short > 0 and parse_time(entry["eta"]) <= event.time:
                    taken = min(short, entry["qty"])
                    entry["qty"] -= taken
                    short -= taken

    @on("inventory.snapshot")
    def counted(self, event):
        item = self._item(event["gtin"])
        if event.get("other_store", self.store.id) != self.store.id:
            return
        if self.workers.optimise.position.enter_snapshot(item["stock"], {**event.data, "other_store": None}, event.time):
            self._due_has_come(item)
            if event["on_hand"] <= 0 and event.get("location", "store") in ("shelf", "store"):
                item["empty"][self.store.hours.trading_day(event.time).isoformat()] = True

    def _due_has_come(self, item):
        """A count after the day of delivery has the goods in it."""
        coming = item["stock"]["coming"]
        for name in [name for name in coming if parse_time(coming[name]["eta"]) <= self.now]:
            del coming[name]

    @on("promo.result?")
    def result(self, event):
        units, base = event.get("units"), event.get("base_units")
        lift = units / base if units is not None and base else 1 + event["uplift_pct"] / 100 if "uplift_pct" in event else None
        promo = self._promotions().get(event["promo"])
        if event["state"] == "final" and promo and lift:
            for gtin in promo["gtins"]:
                self._learn(promo, gtin, lift)

    # The plan

    @on_table("promotions")
    def replaced(self, table):
        """What moved or was cancelled is taken back, and planned anew where it still is."""
        now = self._promotions()
        for key in sorted(key for key in self.state if key.startswith("plan:")):
            plan, promo = self.state[key], now.get(self.state[key]["promo"])
            if promo is None or promo["from"] != parse_time(plan["from"]) or promo["to"] != parse_time(plan["to"]):
                yield from self._take_back(key, plan)
        yield from self._plan_all()

    @every("1d", at="close")
    def evening(self, due):
        today = self.store.hours.ended_day(due.time)
        for key in sorted(key for key in self.state if key.startswith("plan:")):
            yield from self._follow(key, today, due.time)
        yield from self._plan_all()
        oldest = (today - 2 * BASE_DAYS * DAY).isoformat()
        for key in [key for key in self.state if key.startswith("item:")]:
            for book in (self.state[key]["units"], self.state[key]["empty"], self.state[key]["dips"]):
                for day in [day for day in book if day < oldest]:
                    del book[day]

    def _plan_all(self):
        drops, known = {}, self._promotions()
        for promo in known.values():
            for gtin in promo["gtins"] if promo["kind"] in PLANNED and promo["from"] > self.now else ():
                yield from self._plan(promo, gtin, known)
                plan = self.state.get(f"plan:{promo['promo']}:{gtin}")
                if plan and not plan["first"]:
                    at = promo["from"] - timedelta(days=plan["lead"])
                    drops.setdefault((max(at, self.now + INSTANT), promo["promo"], plan["supplier"], plan["lead"]), []).append(gtin)
        for (at, promo, supplier, lead), gtins in drops.items():
            self.timers.set("first", f"{promo}|{supplier}|{lead:g}", at, {"promo": promo, "gtins": gtins})

    def _plan(self, promo, gtin, promotions):
        """Work the figures out, and publish them where they are new or moved."""
        row, item, engine = self.tables.products.get(gtin) or {}, self._item(gtin), self.workers.forecast.promo_uplift
        base, key = self._base(item, promotions), f"plan:{promo['promo']}:{gtin}"
        if base is None:
            return
        lift = engine.uplift(promo["ratio"](gtin), self._elasticity(gtin, row), self._factors(promo, gtin, promotions))
        days = [day.isoformat() for day in self._days(promo)]
        known, lead = self.state.get(key), self._lead(row)
        told = known["told"] if known else None
        late = promo["from"] + self.config.read_days * DAY + timedelta(days=lead) >= promo["to"]
        self.state[key] = plan = {
            "promo": promo["promo"], "gtin": gtin, "from": rfc3339(promo["from"]), "to": rfc3339(promo["to"]),
            "days": days, "base": base, "daily": base * lift, "told": base * lift,
            "lead": lead, "supplier": row.get("supplier") or "", "first": known["first"] if known else None, "second": None,
            "share": 1 if late else self.config.first_share, "fill": promo["facings"], "sent": known["sent"] if known else [],
        }  # fmt: skip
        if told is None or abs(told - plan["daily"]) >= MOVED or len(known["days"]) != len(days):
            yield from self._publish(gtin, days, plan["daily"])
            yield from self._publish(gtin, self._dip_days(plan), base * (1 - self.config.dip.share))
        else:
            plan["told"] = told

    @timer("first")
    def first_drop(self, due):
        """Lead time before the start: a share of the demand and what the display takes."""
        known = self._promotions()
        promo = known.get(due.data["promo"])
        if promo is None:
            return
        lines = []
        for gtin in due.data["gtins"]:
            yield from self._plan(promo, gtin, known)
            plan = self.state.get(f"plan:{promo['promo']}:{gtin}")
            if plan and not plan["first"]:
                need = plan["share"] * plan["daily"] * len(plan["days"]) + plan["fill"]
                lines.append((gtin, need, plan, "first_drop"))
        yield from self._order(due.data["promo"], 1, lines, promo["from"])

    def _order(self, promo, drop, wanted, arrival):
        """One proposal for a supplier's items, in whole cases beyond what is on hand and due."""
        stock, lines, supplier = self.workers.optimise.position, [], None
        name = f"{promo}-{wanted[0][2]['supplier'] or 'store'}-{drop}" if wanted else ""
        for gtin, need, plan, reason in wanted:
            row, item = self.tables.products.get(gtin) or {}, self._item(gtin)
            have = max(0, stock.on_hand(item["stock"]) or 0) + stock.coming(item["stock"], self.now, BASE_DAYS)
            qty = self.workers.forecast.promo_uplift.order_units(need - have, row.get("case_pack") or 1)
            plan["first" if drop == 1 else "second"] = name
            supplier = plan["supplier"] or None
            if qty:
                stock.expect(item["stock"], name, qty, rfc3339(arrival))
                line = {"gtin": gtin, "qty": qty, "cases": round(qty / (row.get("case_pack") or 1)), "reason": reason}
                line["options"] = {"need": round(need, 3), "position": round(have, 3), "daily": round(plan["daily"], 3)}
                lines.append(line | ({"cost": row["cost"]} if "cost" in row else {}))
                plan["sent"] = [*plan["sent"], name]
        if lines:
            total = round(sum(line["qty"] * line.get("cost", 0) for line in lines))
            self.state[f"order:{name}"] = {"supplier": supplier, "lines": lines}
            yield out("order.propose", proposal=name, stage="draft", kind="buy", supplier=supplier, lines=lines, basis="promotion",
                      total=total, deliver_on=self.store.hours.store_day(arrival), ref={"promo": promo})  # fmt: skip

    # The reading

    def _follow(self, key, today, at):
        """At the close of a promoted day: the reading after the first days, the score after the last."""
        plan, day = self.state[key], today.isoformat()
        gtin = plan["gtin"]
        if day not in plan["days"]:
            return
        item, place = self._item(gtin), plan["days"].index(day) + 1
        self.kpi.share("promo_availability", day not in item["empty"], 1)
        if place == self.config.read_days and place < len(plan["days"]):
            yield from self._read(plan, gtin, item, place, at)
        if place == len(plan["days"]):
            yield from self._score(key, plan, gtin, item)

    def _read(self, plan, gtin, item, place, at):
        engine, daily = self.workers.forecast.promo_uplift, plan["daily"]
        sold = [item["units"].get(day, 0) for day in plan["days"][:place]]
        read = [max(units, daily) if day in item["empty"] else units for day, units in zip(plan["days"], sold, strict=False)]
        ratio = sum(read) / (daily * place)
        promo, name = plan["promo"], (self.tables.products.get(gtin) or {}).get("name", gtin)
        if not LEAST_RATIO <= ratio <= MOST_RATIO:
            yield out(
                "alert.raise", alert=f"promo-{promo}-{gtin}", kind="promo_reading", severity="warn", state="open", subject=gtin,
                value=round(ratio, 3), limit=MOST_RATIO if ratio > MOST_RATIO else LEAST_RATIO, ref={"promo": promo},
                text=self.say(f"{name}: sells {ratio:.2f} times its promotion plan", f"{name}：促销销售为计划的{ratio:.2f}倍"),
            )  # fmt: skip
        rest, left = daily * engine.damped(ratio, self.config.damping), plan["days"][place:]
        yield from self._publish(gtin, left, rest)
        if plan["share"] < 1 and at + timedelta(days=plan["lead"]) < parse_time(plan["to"]):
            yield from self._order(
                promo, f"2-{gtin}", [(gtin, rest * len(left), {**plan, "daily": rest}, "second_drop")], at + timedelta(days=plan["lead"])
            )

    def _score(self, key, plan, gtin, item):
        promo, sold = plan["promo"], sum(item["units"].get(day, 0) for day in plan["days"])
        foreseen, left = plan["daily"] * len(plan["days"]), max(0, self.workers.optimise.position.on_hand(item["stock"]) or 0)
        self.kpi.share("promo_forecast_error", abs(foreseen - sold), sold)
        self.kpi.share("leftover_share", left, sold + left)
        parts = {"forecast": foreseen, "sold": sold, "left_over": left, "base": plan["base"] * len(plan["days"])}
        yield out(
            "score.report", {"from": plan["from"], "to": plan["to"]}, scheme="promo_demand", subject_kind="promotion", subject=promo,
            parts=[{"name": name, "value": round(value, 3)} for name, value in parts.items()], labels={"gtin": gtin},
        )  # fmt: skip
        row = self._promotions().get(promo)
        if row and sold > 0 and plan["base"] > 0 and not any(day in item["empty"] for day in plan["days"]):
            self._learn(row, gtin, sold / len(plan["days"]) / plan["base"], own=True)
        for day in self._dip_days(plan):
            item["dips"][day] = True
        for name in plan["sent"]:
            self.state.pop(f"order:{name}", None)
        del self.state[key]

    def _take_back(self, key, plan):
        """The days back at the base, and drops that have not gone out at nought."""
        gtin = plan["gtin"]
        yield from self._publish(gtin, [*plan["days"], *self._dip_days(plan)], plan["base"])
        if parse_time(plan["from"]) > self.now:
            for name in plan["sent"]:
                order = self.state.pop(f"order:{name}", None)
                for line in order["lines"] if order else ():
                    self._item(line["gtin"])["stock"]["coming"].pop(name, None)
                if order:
                    lines = [{"gtin": line["gtin"], "qty": 0, "reason": "promotion_changed"} for line in order["lines"]]
                    yield out("order.propose", proposal=name, stage="cancelled", kind="buy", supplier=order["supplier"], lines=lines,
                              basis="promotion", total=0)  # fmt: skip
        self.timers.cancel("first", f"{plan['promo']}|{plan['supplier']}|{plan['lead']:g}")
        del self.state[key]

    def _publish(self, gtin, days, mean):
        unit = "kg" if (self.tables.products.get(gtin) or {}).get("unit") == "kg" else "each"
        for day in days:
            begin = date.fromisoformat(day)
            window = {"from": self.store.hours.midnight(begin), "to": self.store.hours.midnight(begin + DAY)}
            if window["to"] > self.now:
                yield out(
                    "forecast.demand", window, level="item", key=gtin, basis="promotion", mean=round(mean, 4), p50=round(mean, 4),
                    unit=unit, model="price_elasticity", issued=self.now,
                )  # fmt: skip

    # What is known

    def _promotions(self):
        """Promotions of items by id: from, to, kind, items, facings and price ratio of an item."""
        found, instant = {}, self.workers.pricing.prices.instant
        for row in self.tables.promotions.all_rows():
            if not (row.get("approved", True) and row.get("from") and row.get("to")):
                continue
            named = [self._gtin(gtin) for gtin in row.get("gtins") or ()]
            gtins = named or [
                one["gtin"] for one in self.tables.products.all_rows() if row.get("category") and one.get("category") == row["category"]
            ]
            begin, end = (instant(row[name], self.store.hours.zone, self.now) for name in ("from", "to"))
            found[row["promo"]] = {
                "promo": row["promo"], "kind": row.get("kind"), "from": begin, "to": end, "gtins": gtins, "fixture": row.get("fixture"),
                "facings": row.get("facings") or 0, "ratio": lambda gtin, row=row, begin=begin: self._ratio(row, gtin, begin),
            }  # fmt: skip
        return found

    def _ratio(self, row, gtin, begin):
        by_item = self.tables.prices.derived("by item", self.workers.pricing.prices.rows_by_item)
        prices, zone = by_item.get(item_key(gtin), ()), self.store.hours.zone
        product, instant = self.tables.products.get(gtin) or {}, self.workers.pricing.prices.instant
        base = next((one["price"] for one in prices if one.get("kind", "base") == "base"), product.get("list_price"))
        own = next((p["price"] for p in prices if p.get("kind") == "promotion" and instant(p.get("from"), zone, self.now) == begin), None)
        if own is not None and base:
            return max(0.01, own / base)
        return self.workers.forecast.promo_uplift.price_ratio(row.get("kind"), row.get("value"), base, row.get("qty"))

    def _factors(self, promo, gtin, promotions):
        """Display and leaflet of a promotion of an item."""
        alike = [one for one in promotions.values() if gtin in one["gtins"]]
        meets = [one for one in alike if one["from"] < promo["to"] and one["to"] > promo["from"]]
        fixtures = [promo["fixture"], *(one["fixture"] for one in meets if one["kind"] == "display")]
        kinds = [(self.tables.fixtures.get(name) or {}).get("kind") for name in fixtures if name]
        factors = [getattr(self.config.display_factor, PLACES[kind]) for kind in kinds if kind in PLACES]
        leaflet = self.config.leaflet_factor if any(one["kind"] == "ad" for one in meets) else 1
        return max(factors, default=self.config.display_factor.none) * leaflet

    def _learn(self, promo, gtin, lift, own=False):
        found = self.workers.forecast.promo_uplift.estimate(lift, promo["ratio"](gtin), self._factors(promo, gtin, self._promotions()))
        past = self._item(gtin)["past"]
        if found is not None and not (own and promo["promo"] in past):
            past[promo["promo"]] = found

    def _elasticity(self, gtin, row):
        others = [
            value
            for key in sorted(key for key in self.state if key.startswith("item:") and key[5:] != gtin)
            if row.get("category") and (self.tables.products.get(key[5:]) or {}).get("category") == row["category"]
            for value in self.state[key]["past"].values()
        ]
        category = sum(others) / len(others) if others else self.config.elasticity_default
        own = list(self._item(gtin)["past"].values())
        return self.workers.forecast.promo_uplift.elasticity(own, category, self.config.prior_weight)

    def _base(self, item, promotions):
        hours, today = self.store.hours, self.store.hours.store_day(self.now)
        first = min(item["units"], default=None)
        if first is None:
            return None
        gtin = item["gtin"]
        spans = [(one["from"], one["to"]) for one in promotions.values() if gtin in one["gtins"] and one["kind"] in PLANNED]
        days = [today - n * DAY for n in range(BASE_DAYS + 1)]
        days = [day for day in days if day.isoformat() >= first and (span := hours.day(day)) and span[1] <= self.now][:BASE_DAYS]
        plain = [day for day in days if not any(begin < hours.midnight(day + DAY) and end > hours.midnight(day) for begin, end in spans)]
        return self.workers.forecast.promo_uplift.base_rate(
            item["units"], {**item["empty"], **item["dips"]}, [day.isoformat() for day in plain]
        )

    def _days(self, promo):
        first, last = self.store.hours.store_day(promo["from"]), self.store.hours.store_day(promo["to"] - INSTANT)
        return [day for n in range((last - first).days + 1) if self.store.hours.day(day := first + n * DAY)]

    def _dip_days(self, plan):
        last = date.fromisoformat(plan["days"][-1])
        return [(last + n * DAY).isoformat() for n in range(1, self.config.dip.days + 1)]

    def _lead(self, row):
        lead = self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)
        return 1 if lead.get("days") is None else lead["days"]

    def _gtin(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("gtin", gtin)

    def _item(self, gtin):
        gtin = self._gtin(gtin)
        fresh = {"gtin": gtin, "units": {}, "empty": {}, "dips": {}, "past": {}, "stock": self.workers.optimise.position.empty()}
        return self.state.setdefault(f"item:{gtin}", fresh)
