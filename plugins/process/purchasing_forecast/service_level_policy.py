"""Sorts items by worth and steadiness, gives each class the service level it deserves, and fits the whole to the stock money at hand.

The classes are made anew at the start of each month, from the Mondays' weeks that have ended. An item's history begins with its first sale;
items of class N are not ranked, and those that never sold or are delisted are left alone. A week counts as out of stock when a count of
shelf or store in it showed none. The deviation over protection time (lead time, 1 day where unknown, and the days between two order
chances) is that of the forecast where there is one, else that of the weekly units. Under a budget an item's level is what its factor still
gives.

The exchange curve shows the value of safety stock, from half to all of what the levels ask for, against the margin lost in a protection
time on average (standard normal loss).
"""

import math
from datetime import date, timedelta
from statistics import NormalDist, stdev
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting

DAY, WEEKS, LEAST_WEEKS, NEW_LEVEL = timedelta(days=1), 52, 13, 0.95
CURVE = (0.5, 0.625, 0.75, 0.875, 1.0)
NORMAL = NormalDist()
AbcCut = Annotated[float, Field(ge=0.3, le=0.99)]
XyzCut = Annotated[float, Field(ge=0.1, le=3)]


def _level(default):
    return Field(default, ge=0.5, le=0.999)


class Levels(SolutionConfig):
    """Wanted service by class."""

    AX: float = _level(0.98)
    AY: float = _level(0.97)
    AZ: float = _level(0.95)
    BX: float = _level(0.96)
    BY: float = _level(0.94)
    BZ: float = _level(0.9)
    CX: float = _level(0.93)
    CY: float = _level(0.9)
    CZ: float = _level(0.85)


class ServiceLevelPolicy(Solution):
    number = 84
    zh, en = "ABC-XYZ库存策略", "ABC-XYZ stock policy"
    purpose_zh = "按贡献与稳定性给商品分类，为每类设定应得的服务水平，并使整体适配可用库存资金，把资金用在损失毛利之处。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("score.report", "insight.report")
    reads = ("products", "lead_times")
    load = "optimise"
    kpis = {
        "safety_stock_value": kpi("minor", "Value of safety stock", "安全库存金额"),
        "weighted_service": kpi("%", "Service, weighted by worth", "加权服务水平"),
        "class_changes": kpi("count", "Class changes", "类别变更数"),
    }
    kinds = {"stock_policy": ("Stock policy of the month", "当月库存策略")}

    class Config(SolutionConfig):
        abc_cuts: list[AbcCut] = setting(
            lambda: [0.8, 0.95], "Cuts of A and B", "A、B类分界", min_length=2, max_length=2,
            help_en="Cumulative shares that end A and B.", help_zh="A类与B类的累计占比上限。",
        )  # fmt: skip
        xyz_cuts: list[XyzCut] = setting(
            lambda: [0.5, 1.0], "Cuts of X and Y", "X、Y类分界", min_length=2, max_length=2,
            help_en="Variation of weekly demand that ends X and Y.", help_zh="周需求变异系数上限。",
        )  # fmt: skip
        levels: Levels = setting(Levels, "Wanted service", "目标服务水平")
        hold_months: int = setting(
            2, "Months before a new class counts", "类别变更确认月数", ge=1, le=6,
            help_en="In a row that it must show.", help_zh="须连续出现的月数。",
        )  # fmt: skip
        stock_budget: int = setting(
            0, "Most value of safety stock", "安全库存预算", unit="minor", ge=0, le=100000000000,
            help_en="0: no limit.", help_zh="0为不限。",
        )  # fmt: skip
        z_min: float = setting(
            0.84, "Lowest safety factor of class A", "A类最低安全系数", ge=0, le=2, help_en="Under a budget.", help_zh="受预算约束时。"
        )
        value_basis: Literal["margin", "sales", "units"] = setting("margin", "What ABC is ranked by", "ABC排序依据")

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        day = date.fromisoformat(event.get("business_day") or self.store.hours.trading_day(event.time).isoformat())
        week = self.workers.optimise.weeks.monday(day)
        for line in event["lines"]:
            row = self.tables.products.get(line["gtin"])
            if row is None:
                continue
            weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
            units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
            back = -1 if kind == "return" or line["qty"] < 0 else 1
            known = self._item(row["gtin"])["weeks"].setdefault(week, [0, 0, 0])
            amount, cost = back * abs(line["amount"]), back * units * (row.get("cost") or 0)
            known[:] = [round(known[0] + back * units, 3), known[1] + amount, round(known[2] + amount - cost, 2)]

    @on("forecast.demand?")
    def forecast(self, event):
        row = self.tables.products.get(event["key"])
        if event["level"] == "item" and row is not None:
            self.workers.optimise.outlook.enter_window(self._item(row["gtin"])["demand"], event.data, self.store.hours, self.now)

    @on("inventory.snapshot?")
    def counted(self, event):
        here = event.get("location", "store") in ("shelf", "store") and event.get("other_store", self.store.id) == self.store.id
        row = self.tables.products.get(event["gtin"])
        if row is not None and here and event.get("view", "physical") == "physical" and event["on_hand"] <= 0:
            self._item(row["gtin"])["out"][self.workers.optimise.weeks.monday(self.store.hours.trading_day(event.time))] = True

    @every("1d", at="00:00")
    def month_begins(self, due):
        today = self.store.hours.store_day(due.time)
        if today.day != 1:
            return
        weeks = self.workers.optimise.weeks.window(today - 7 * DAY, WEEKS)
        items = self._items(weeks, today)
        self._classify(items, weeks)
        wanted = {gtin: self._wanted(fact) for gtin, fact in items.items()}
        z = {gtin: self.workers.optimise.inventory.safety_factor(level) for gtin, level in wanted.items()}
        money = {gtin: fact["cost"] * fact["sd"] for gtin, fact in items.items()}
        floors = {gtin: self.config.z_min for gtin, fact in items.items() if fact["class"].startswith("A")}
        found = self.workers.optimise.stock_classes.fitted(z, money, self.config.stock_budget, floors)
        begin = self.store.hours.midnight(date.fromisoformat(weeks[0]))
        for gtin, fact in items.items():
            level = wanted[gtin] if found[gtin] == z[gtin] else NORMAL.cdf(found[gtin])
            parts = {"level": level, "z": found[gtin], "value": fact["value"], "variation": fact["variation"], "sd": fact["sd"]}
            known = {name: value for name, value in parts.items() if value is not None and math.isfinite(value)}
            yield out(
                "score.report", {"from": begin, "to": due.time}, scheme="stock_policy", subject_kind="item", subject=gtin,
                labels={"class": fact["class"]}, parts=[{"name": name, "value": round(value, 4)} for name, value in known.items()],
            )  # fmt: skip
        if items:
            yield self._curve(items, z, found, money, begin, due.time)

    def _items(self, weeks, today):
        """What is known of each item that is sold."""
        found, column = {}, {"units": 0, "sales": 1, "margin": 2}[self.config.value_basis]
        for row in sorted(self.tables.products.all_rows(), key=lambda row: row["gtin"]):
            item = self.state.get(f"item:{row['gtin']}")
            if item is None or str(row.get("delisted_on") or "9999") <= today.isoformat():
                continue
            item["weeks"] = {week: known for week, known in sorted(item["weeks"].items()) if week >= weeks[0]}
            item["out"] = {week: True for week in item["out"] if week >= weeks[0]}
            item["first"] = min([week for week in (item["first"], min(item["weeks"], default=None)) if week], default=None)
            span = [week for week in weeks if item["first"] and week >= item["first"]]
            if not span:
                continue
            sold = [None if week in item["out"] else max(0, item["weeks"].get(week, [0])[0]) for week in span]
            lead = self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)
            weekdays = lead.get("order_weekdays") or self.workers.optimise.ordering.EVERY_DAY
            days = (lead.get("days") or 1) + self.workers.optimise.ordering.days_to_next(today, weekdays)
            known = [units for units in sold if units is not None]
            foreseen = self.workers.optimise.outlook.demand(item["demand"], self.store.hours, self.now, days)
            sd = math.sqrt(foreseen[1]) if foreseen else stdev(known) * math.sqrt(days / 7) if len(known) > 1 else 0
            sums = [sum(item["weeks"].get(week, (0, 0, 0))[n] for week in span) for n in range(3)]
            found[row["gtin"]] = {
                "category": row.get("category"), "sold": sold, "value": sums[column], "sd": sd, "cost": row.get("cost") or 0,
                "unit_margin": sums[2] / sums[0] if sums[0] > 0 else 0, "variation": None, "class": "N", "item": item,
            }  # fmt: skip
        return found

    def _classify(self, items, weeks):
        engine, seasons = self.workers.optimise.stock_classes, {}
        old = {gtin: fact for gtin, fact in items.items() if len(fact["sold"]) >= LEAST_WEEKS}
        ranks = engine.abc({gtin: fact["value"] for gtin, fact in old.items()}, self.config.abc_cuts)
        for category in {fact["category"] for fact in old.values() if len(fact["sold"]) >= WEEKS}:
            alike = [fact["item"]["weeks"] for fact in items.values() if fact["category"] == category]
            seasons[category] = engine.season_index([sum(known.get(week, [0])[0] for known in alike) for week in weeks])
        for gtin, fact in old.items():
            index = seasons.get(fact["category"])
            fact["variation"] = engine.variation(fact["sold"], index[-len(fact["sold"]) :] if index else None)
            shown = ranks[gtin] + engine.xyz(math.inf if fact["variation"] is None else fact["variation"], self.config.xyz_cuts)
            item = fact["item"]
            before = item["class"]
            item["class"], item["candidate"], item["seen"] = engine.moved(
                shown, before, item["candidate"], item["seen"], self.config.hold_months
            )
            self.kpi.add("class_changes", before is not None and before != item["class"])
            fact["class"] = item["class"]

    def _wanted(self, fact):
        return NEW_LEVEL if fact["class"] == "N" else getattr(self.config.levels, fact["class"])

    def _curve(self, items, z, found, money, begin, at):
        engine = self.workers.optimise.stock_classes

        def value(factors):
            return sum(factors[gtin] * money[gtin] for gtin in items)

        def lost(factors):
            losses = {gtin: NORMAL.pdf(one) - one * (1 - NORMAL.cdf(one)) for gtin, one in factors.items()}
            return sum(items[gtin]["sd"] * items[gtin]["unit_margin"] * loss for gtin, loss in losses.items())

        whole, worth = value(z), sum(max(0, fact["value"]) for fact in items.values())
        rows = []
        for share in CURVE:
            factors = engine.fitted(z, money, share * whole, {})
            rows.append({"budget": round(share * whole), "stock_value": round(value(factors)), "lost_margin": round(lost(factors))})
        service = sum(max(0, items[gtin]["value"]) * NORMAL.cdf(one) for gtin, one in found.items()) / worth if worth > 0 else 0
        figures = {"safety_stock_value": (round(value(found)), "minor"), "weighted_service": (round(100 * service, 3), "%")}
        self.kpi.set("safety_stock_value", round(value(found)))
        self.kpi.set("weighted_service", 100 * service)
        if 0 < self.config.stock_budget < value(found) - 1:
            figures["least_value"] = (round(value(found)), "minor")
        return out(
            "insight.report", {"from": begin, "to": at}, report=f"stock-policy-{self.store.hours.store_day(at):%Y%m}", kind="stock_policy",
            version=1, rows=rows, figures={name: {"value": one, "unit": unit} for name, (one, unit) in figures.items()},
            text=self.say(f"{len(items)} items classed", f"已分类{len(items)}个单品"),
        )  # fmt: skip

    def _item(self, gtin):
        fresh = {"weeks": {}, "out": {}, "demand": {}, "first": None, "class": None, "candidate": None, "seen": 0}
        return self.state.setdefault(f"item:{gtin}", fresh)
