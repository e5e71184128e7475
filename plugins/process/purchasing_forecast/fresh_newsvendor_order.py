"""Orders fresh goods at each cut-off by the balance of lost sales against waste, item by item, counting what is still good tonight.

Fresh are goods sold by weight and those that keep for two weeks at most (`shelf_days`). Cut-off, order and delivery weekdays are those of
the lead times, 15:00 every day where they name none; orders go out at that moment, at the price that holds then. A delivery serves the
days until the next one, as far as the goods live: the day of delivery is the first of `shelf_days`. Where the store is closed on all of
them it serves the next open day, if they live that long. Without `shelf_days` goods count as living just through the served days.

Stock is the last snapshot with the movements after it; what has sold since the snapshot is taken as the forecast's share of the opening
hours since, so that a snapshot of the morning does not pass for the stock of tonight. Own orders count as coming until a day after
their delivery, else `in_transit`. Sold of a week is stock before each snapshot less what it shows.

Each Monday at midnight the last 28 days of the waste log set `trim_loss` (waste of reason trim or drying by goods received) and the
salvage: of goods at the end of their life in snapshots of the last two opening hours, those not wasted after all brought `salvage_share`
of the price, the others nothing.
"""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time

CUTOFF = "15:00"
FRESH_DAYS = 14
LEARNT_DAYS = 28
OVERDUE_DAYS = 1
EVENING = timedelta(hours=2)
MOST_TRIM = 0.5
TRIMMING = ("trim", "trimming", "drying", "dry")
DAY = timedelta(days=1)


class FreshNewsvendorOrder(Solution):
    number = 81
    zh, en = "生鲜日配订货", "Fresh daily ordering"
    purpose_zh = "逐个单品权衡缺货损失与报损，并计入今晚仍可售的库存，让晚间货架既不空也不扔。"
    formats = ("supermarket", "convenience")
    produces = ("order.propose", "alert.raise", "score.report")
    reads = ("products", "prices", "suppliers", "lead_times")
    load = "optimise"
    kpis = {
        "waste_rate": kpi("%", "Waste by sales", "报损率"),
        "evening_availability": kpi("%", "Available in the evening", "晚间有货率"),
        "fresh_margin": kpi("minor units", "Margin after waste", "扣损毛利"),
    }
    kinds = {"waste_rate": ("Waste above the limit", "报损超限")}

    class Config(SolutionConfig):
        goodwill: int = setting(
            0, "Goodwill", "缺货附加损失", unit="minor", ge=0, le=100000,
            help_en="Extra cost of a lost sale beyond its margin.", help_zh="缺货除毛利外的附加损失。",
        )  # fmt: skip
        salvage_share: float = setting(
            0.3, "Salvage share", "残值比例", ge=0, le=1,
            help_en="Share of price that evening markdown brings back.", help_zh="晚间打折能收回的售价比例。",
        )  # fmt: skip
        trim_loss: float = setting(
            0.05, "Trim loss", "修整损耗", ge=0, le=0.5,
            help_en="Share lost in trimming and drying, where the waste log does not tell.",
            help_zh="修整与失水损失比例；报损记录可得时以记录为准。",
        )  # fmt: skip
        fresh_pick: float = setting(
            0.7, "Fresh pick", "挑新比例", ge=0, le=1,
            help_en="Share of customers who take the freshest.", help_zh="挑选最新鲜商品的顾客比例。",
        )  # fmt: skip
        min_display: float = setting(
            0, "Least display", "最低陈列", unit="kg", ge=0, le=500,
            help_en="Stock that must lie out at opening.", help_zh="开店时必须陈列的库存。",
        )  # fmt: skip
        ratio_limits: list[Annotated[float, Field(ge=0.05, le=0.999)]] = setting(
            lambda: [0.3, 0.98], "Bounds of the critical ratio", "临界比上下限", min_length=2, max_length=2,
            help_en="Lower and upper bound, from 0.05 to 0.999.", help_zh="下限与上限，取值 0.05 至 0.999。",
        )  # fmt: skip
        waste_alert: float = setting(
            12, "Waste alert", "报损告警", unit="%", ge=1, le=60,
            help_en="Weekly waste over sales that raises an alert.", help_zh="每周报损占销售达到该比例即告警。",
        )  # fmt: skip

    @on("forecast.demand")
    def forecast(self, event):
        from storeloom.workers.optimise.outlook import enter_forecast

        row = self._product(event["key"])
        if event.get("level", "item") == "item" and self._fresh(row):
            hours, begin = self.store.hours, parse_time(event["from"])
            span = range(max(1, round((parse_time(event["to"]) - begin) / DAY)))
            days = [hours.store_day(begin + number * DAY).isoformat() for number in span]
            enter_forecast(self._book(row["gtin"])["demand"], event.data, days, hours.store_day(self.now).isoformat())

    @on("inventory.snapshot")
    def counted(self, event):
        from storeloom.workers.optimise.position import enter_snapshot, on_hand

        row = self._product(event["gtin"])
        if not self._fresh(row) or event.get("other_store", self.store.id) != self.store.id:
            return
        book = self._book(row["gtin"])
        before = on_hand(book["stock"])
        if not enter_snapshot(book["stock"], event.data, event.time):
            return
        now, day = on_hand(book["stock"]), self.store.hours.store_day(event.time).isoformat()
        if before is not None and set(book["stock"]["places"]) == {"store"}:
            self._note(book, day, "sold", before - now)
        lots = event.get("lots") or [{"qty": max(0, now)}]
        book["batches"] = [{"lot": lot.get("lot"), "expiry": lot.get("expiry"), "qty": lot["qty"]} for lot in lots]
        book["at"] = event.time.isoformat()
        hours = self.store.hours.span(event.time - timedelta(microseconds=1))
        if hours and hours[1] - event.time <= EVENING:
            self.kpi.share("evening_availability", now > 0, 1)
            ending = sum(batch["qty"] for batch in book["batches"] if (batch["expiry"] or day) <= day)
            if row.get("shelf_days") == 1 or event.get("lots"):
                book["days"].setdefault(day, {})["ending"] = ending

    @on("inventory.movement")
    def moved(self, event):
        from storeloom.workers.optimise.newsvendor import remove
        from storeloom.workers.optimise.position import enter_movement

        row, kind, qty = self._product(event["gtin"]), event["kind"], event["qty"]
        if not self._fresh(row) or event.get("state", "booked") != "booked":
            return
        book, day = self._book(row["gtin"]), self.store.hours.store_day(event.time).isoformat()
        known = not book["at"] or event.time >= datetime.fromisoformat(book["at"])
        enter_movement(book["stock"], event.data, event.time)
        if kind == "waste":
            self._note(book, day, "trimmed" if event.get("reason") in TRIMMING else "wasted", abs(qty))
        elif kind == "receive":
            self._note(book, day, "received", event.get("accepted", qty))
        if known and kind == "count":
            book["batches"], book["at"] = [{"lot": None, "expiry": None, "qty": qty}], event.time.isoformat()
        elif known and kind in ("receive", "produce", "return") and qty > 0:
            book["batches"].append({"lot": event.get("lot"), "expiry": event.get("expiry"), "qty": event.get("accepted", qty)})
        elif known and not (kind == "transfer" and {event.get("from"), event.get("to")} <= {"store", "shelf", "backroom"}):
            remove(book["batches"], abs(qty) if kind == "waste" or qty < 0 else 0, event.get("lot"))

    def start(self):
        self.plan_day("")

    @on_table("lead_times", "products")
    def plan_day(self, table):
        """Set the alarms of today's runs, one for each supplier and cut-off."""
        today = self.store.hours.store_day(self.now)
        for supplier, chance in {(row.get("supplier") or "", self._chance(row)) for row in self._rows()}:
            cutoff = self.store.hours.at(today, chance.cutoff)
            if today.isoweekday() in chance.weekdays and cutoff > self.now:
                self.timers.set("run", f"{supplier}|{chance.cutoff}", cutoff)

    @every("1d", at="00:00")
    def new_day(self, due):
        self.plan_day("")
        oldest = (self.store.hours.store_day(due.time) - LEARNT_DAYS * DAY).isoformat()
        for key in list(self.state):
            if not self._fresh(self._product(key.partition(":")[2])):
                del self.state[key]
                continue
            days = self.state[key]["days"]
            for day in [day for day in days if day < oldest]:
                del days[day]

    @timer("run")
    def run(self, due):
        """Order the fresh goods of a supplier with this cut-off."""
        from storeloom.workers.optimise.ordering import delivery_day
        from storeloom.workers.optimise.position import expect

        supplier, _, clock = due.key.partition("|")
        day = self.store.hours.store_day(due.time)
        proposal = f"fresh-{supplier or 'store'}-{self.store.hours.local(due.time):%Y%m%d-%H%M}"
        lines, delivery = [], None
        for row in self._rows():
            delisted = row.get("delisted_on") and row["delisted_on"] <= day.isoformat()
            if delisted or (row.get("supplier") or "") != supplier or self._chance(row).cutoff != clock:
                continue
            arrival = delivery_day(day, self._lead(row))
            line = self._line(row, arrival)
            if line:
                eta = self.store.hours.midnight(arrival + DAY).isoformat()
                expect(self._book(row["gtin"])["stock"], proposal, line["qty"], eta)
                lines.append(line)
                delivery = max(delivery or arrival, arrival)
        if lines:
            yield out(
                "order.propose", proposal=proposal, stage="final", kind="buy", basis="fresh", supplier=supplier or None, order_by=due.time,
                deliver_on=delivery, lines=lines, total=round(sum(line["qty"] * line["cost"] for line in lines)),
            )  # fmt: skip

    def _line(self, row, arrival):
        from storeloom.workers.optimise.newsvendor import packs, target, total, usable
        from storeloom.workers.optimise.position import on_hand

        config, book, cost = self.config, self._book(row["gtin"]), row.get("cost", 0)
        if on_hand(book["stock"]) is None:
            return None
        served, life = self._served(row, arrival)
        if not served:
            return None
        price = self._price(row)
        learnt = book["learnt"]
        wanted = ratio = 0.0
        if price > cost:
            demand = total(served)
            salvage = min(price * learnt.get("salvage_share", config.salvage_share), cost)
            wanted, ratio = target(demand, price - cost + config.goodwill, cost - salvage, config.ratio_limits, life and total(life))
        early, due = self._coming(row, book["stock"], arrival)
        good = usable(book["batches"], self._until(book, arrival), arrival, config.fresh_pick, early)
        trim = min(learnt.get("trim_loss", config.trim_loss), MOST_TRIM)
        need = (max(wanted, config.min_display) - good - due) / (1 - trim)
        pack = row.get("case_pack") or 1
        count = packs(need, pack)
        facts = {"ratio": ratio, "target": wanted, "usable": good, "coming": due, "need": need}
        return count and {
            "gtin": row["gtin"],
            "qty": round(count * pack, 3),
            "cases": count,
            "cost": cost,
            "reason": "newsvendor" if wanted >= config.min_display else "min_display",
            "options": {name: round(value, 4) for name, value in facts.items()},
        }

    def _served(self, row, arrival):
        """Demand of each day that a delivery serves, and of each until the goods expire where they live past the served days."""
        from storeloom.workers.optimise.ordering import days_to_next, delivery_day

        chance, lead, life = self._chance(row), self._lead(row), row.get("shelf_days")
        ordered = self.store.hours.store_day(self.now)
        later = delivery_day(ordered + days_to_next(ordered, chance.weekdays) * DAY, lead)
        alive = range(life) if life else range(FRESH_DAYS)
        days = [arrival + number * DAY for number in alive if arrival + number * DAY < max(later, arrival + DAY)]
        served = [day for day in days if self.store.hours.day(day)]
        if not served:
            served = [day for number in alive if self.store.hours.day(day := arrival + number * DAY)][:1]
        known = [demand for day in served if (demand := self._demand(row, day))]
        whole = [day for number in alive if self.store.hours.day(day := arrival + number * DAY)]
        longer = [self._demand(row, day) for day in whole] if life and len(whole) > len(served) else None
        if longer and None in longer:
            mean = [demand for demand in longer if demand]
            longer = [demand or mean[-1] for demand in longer] if mean else None
        return known if len(known) == len(served) else [], longer

    def _demand(self, row, day):
        from storeloom.workers.optimise.newsvendor import Demand
        from storeloom.workers.optimise.outlook import of_day

        known = of_day(self._book(row["gtin"])["demand"], day.isoformat())
        return known and Demand(known["mean"], known["sd"], {float(share): value for share, value in known["points"].items()})

    def _coming(self, row, stock, arrival):
        """Batches that come before the delivery day, and what comes on it beside this order."""
        from storeloom.workers.optimise.position import arrivals

        early, due = [], 0 if stock["coming"] else stock["in_transit"]
        for eta, qty in arrivals(stock, self.now, OVERDUE_DAYS):
            day = self.store.hours.store_day(eta - timedelta(microseconds=1))
            if day < arrival:
                life = row.get("shelf_days")
                early.append((day, {"expiry": (day + (life - 1) * DAY).isoformat() if life else None, "qty": qty}))
            elif day == arrival:
                due += qty
        return early, due

    def _until(self, book, arrival):
        """Demand still to come before the delivery, from the last snapshot on, day by day."""
        from storeloom.workers.optimise.outlook import of_day

        hours, since = self.store.hours, datetime.fromisoformat(book["at"] or self.now.isoformat())
        day, found = max(hours.store_day(since), hours.store_day(self.now)), []
        while day < arrival:
            span, known = hours.day(day), of_day(book["demand"], day.isoformat())
            if span and known:
                found.append((day, known["mean"] * max(0.0, (span[1] - max(since, span[0])) / (span[1] - span[0]))))
            day += DAY
        return found

    @every("1d", at="00:00", weekday=1)
    def week(self, due):
        """Learn from the waste log and judge the week's waste."""
        end = self.store.hours.store_day(due.time)
        for row in self._rows():
            if f"item:{row['gtin']}" not in self.state:
                continue
            book = self._book(row["gtin"])
            month = self._sums(book, end - LEARNT_DAYS * DAY)
            if month["trimmed"] and month["received"]:
                book["learnt"]["trim_loss"] = min(MOST_TRIM, month["trimmed"] / month["received"])
            if month["ending"]:
                book["learnt"]["salvage_share"] = self.config.salvage_share * max(0.0, 1 - month["wasted"] / month["ending"])
            yield from self._judge(row, book, self._sums(book, end - 7 * DAY), due.time)

    def _judge(self, row, book, week, now):
        sold, wasted, gtin = max(0, week["sold"]), week["wasted"] + week["trimmed"], row["gtin"]
        if not sold and not wasted:
            return
        self.kpi.share("waste_rate", wasted, sold)
        self.kpi.add("fresh_margin", round(sold * (self._price(row) - row.get("cost", 0)) - wasted * row.get("cost", 0)))
        rate = 100 * wasted / sold if sold else 100.0
        parts = {"waste_rate": rate, "sold": sold, "wasted": wasted, **book["learnt"]}
        yield out(
            "score.report", {"from": now - 7 * DAY, "to": now}, scheme="fresh_waste", subject_kind="item", subject=gtin,
            parts=[{"name": name, "value": round(value, 4)} for name, value in parts.items()],
        )  # fmt: skip
        if (rate > self.config.waste_alert) != book["alerted"]:
            book["alerted"] = not book["alerted"]
            name = row.get("name", gtin)
            yield out(
                "alert.raise", alert=f"waste-{gtin}", kind="waste_rate", severity="warn", state="open" if book["alerted"] else "cleared",
                subject=gtin, value=round(rate, 2), limit=self.config.waste_alert, unit="%",
                text=self.say(f"{name}: waste {rate:.1f} % of sales", f"{name}报损占销售{rate:.1f}%"),
            )  # fmt: skip

    def _sums(self, book, since):
        days = [facts for day, facts in book["days"].items() if day >= since.isoformat()]
        return {name: sum(facts.get(name, 0) for facts in days) for name in ("sold", "wasted", "trimmed", "received", "ending")}

    def _note(self, book, day, name, qty):
        facts = book["days"].setdefault(day, {})
        facts[name] = facts.get(name, 0) + qty

    def _price(self, row):
        from storeloom.workers.pricing import PriceBook, UnpricedItem, index_products

        rows = self.tables.prices.rows(gtin=row["gtin"])
        try:
            return PriceBook(rows, products=index_products([row]), zone=self.store.hours.zone).lookup(row["gtin"], self.now).price
        except UnpricedItem:
            return 0

    def _fresh(self, row):
        return bool(row) and (row.get("unit") == "kg" or row.get("weighed") or (row.get("shelf_days") or FRESH_DAYS + 1) <= FRESH_DAYS)

    def _rows(self):
        return self.tables.products.derived("fresh", lambda rows: [row for row in rows if self._fresh(row)])

    def _lead(self, row):
        from storeloom.workers.optimise.ordering import lead_row

        return lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)

    def _chance(self, row):
        from storeloom.workers.optimise.ordering import Chance, order_chance

        return order_chance(self._lead(row), Chance(CUTOFF))

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {}

    def _book(self, gtin):
        from storeloom.workers.optimise.position import empty

        fresh = {"stock": empty(), "batches": [], "at": None, "demand": {}, "days": {}, "learnt": {}, "alerted": False}
        return self.state.setdefault(f"item:{gtin}", fresh)
