"""Promotion simulator: tries depth and week of every product that sells before it runs, and picks the calendar that earns the most.

Each Monday the weeks from the next one on are planned anew. A weekly baseline comes from `forecast.demand` (basis base), spread over what
it covers, and has calendar and weather in it; else it is the mean of the last eight weeks without a promotion, times how much busier weeks
of the same kinds of calendar entries and the same weather class (hot from 30 C, cold below 5 C, wet from 30 mm) were. Past promotions are
the results that others tell (`promo.result` final, kind percent), else this store's weeks on promotion; in-store display of the promotions
table (kind display, `value` from 1) is the display factor.

Approved promotions of the table stand: they use slots, and their products rest about them. Rows not approved, or with funding and no
value, are the supplier's offers: these products are planned in those weeks alone, with the row's `funding` a unit and `fixed_cost`; without
an offer the supplier's or product's `funding` counts. `attributes.siblings` of a product is its row of the sibling matrix: product to the
units it loses with each extra unit. Where the lead time is longer than a week is away no more than the baseline can be supplied. It
proposes; it sets no price. A forecast is held against what came when its promotion really ran.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, stamp
from storeloom.workers.forecast import week_marks
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import promo_terms
from storeloom.workers.optimise import demand_windows, promo_calendar
from storeloom.workers.optimise.weeks import monday, window
from storeloom.workers.pricing.money import round_money
from storeloom.workers.pricing.prices import EARLIEST, LATEST, base_price, instant, rows_by_item

DAY, WEEK = timedelta(days=1), timedelta(days=7)
BASELINE_WEEKS, HISTORY_WEEKS, RATIOS_KEPT, TOLD = 8, 60, 200, 100
ON_SHOW = ("display", "ad")


class PromoSimulator(Solution):
    number = 43
    zh, en = "促销方案模拟与优化", "Promotion simulation and planning"
    purpose_zh = "在执行前逐一模拟折扣深度、档期与陈列，在档位、供应与预算内选出收益最高的促销日历。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("promo.result", "forecast.demand", "score.report", "insight.report")
    reads = ("products", "prices", "promotions", "suppliers", "lead_times?")
    load = "optimise"
    kpis = {
        "planned_gain": kpi("minor", "Profit gain of the plan", "计划利润增量"),
        "forecast_error": kpi("%", "Error of the forecasts of promotions that ran", "促销预测误差"),
        "slots_used": kpi("%", "Slots used of those there are", "档位使用率"),
        "promotions_rejected": kpi("count", "Products of which no promotion pays", "未入选商品数"),
    }
    kinds = {"promo_plan": ("The plan of promotions", "促销计划")}

    class Config(SolutionConfig):
        depths: list[Annotated[int, Field(ge=1, le=90)]] = setting(lambda: [10, 15, 20, 30], "Discounts tried", "试算折扣", unit="%")
        weeks: int = setting(8, "Length of the plan", "计划周数", unit="week", ge=1, le=26)
        slots: int = setting(1, "Promotions of a category in one week", "每周每品类促销数", unit="promotions", ge=1, le=100)
        cooldown_weeks: int = setting(4, "Rest of a product after a promotion", "同品促销间隔", unit="week", ge=0, le=26)
        budget: int = setting(
            0, "Most discount and fixed cost less funding", "促销预算上限", unit="minor", ge=0, le=1_000_000_000,
            help_en="0: no limit.", help_zh="0为不限。",
        )  # fmt: skip
        prior_elasticity: float = setting(-2.5, "Price elasticity until a product's own is known", "先验价格弹性", ge=-8, le=-0.1)
        own_from: int = setting(
            4, "Past promotions from which the own elasticity is used fully", "完全采用自身弹性的促销次数", unit="promotions", ge=1, le=50
        )
        min_gain: int = setting(0, "Least profit gain of a planned promotion", "最低利润增量", unit="minor", ge=-1_000_000, le=10_000_000)
        solve_s: int = setting(60, "Time for the solver", "求解时限", unit="s", ge=1, le=600)

    # What comes in

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return") or f"seen:{event['receipt']}" in self.state:
            return
        self.state[f"seen:{event['receipt']}"] = 1
        self.timers.set("forget", event["receipt"], self.now + WEEK)
        week = monday(date.fromisoformat(event["business_day"]) if "business_day" in event else self.store.hours.trading_day(event.time))
        totals = self.state.setdefault("totals", {})
        for line in event["lines"]:
            units = line["weight_g"] / 1000 * (1 if line["amount"] >= 0 else -1) if "weight_g" in line else line["qty"]
            book = self.state.setdefault(f"sold:{item_key(line['gtin'])}", {})
            known = book.get(week, [0, 0])
            book[week] = [known[0] + units, known[1] + line["amount"]]
            totals[week] = totals.get(week, 0) + units

    @timer("forget")
    def forget(self, due):
        del self.state[f"seen:{due.key}"]

    @on("forecast.demand?")
    def foreseen(self, event):
        if event["level"] == "item" and event["basis"] == "base":
            demand_windows.enter(self.state.setdefault(f"forecast:{item_key(event['key'])}", []), event.data, self.now)

    @on("promo.result?")
    def evaluated(self, event):
        row = next((row for row in self.tables.promotions.all_rows() if row["promo"] == event["promo"]), None)
        if event["state"] == "final" and row and row.get("kind") == "percent" and "value" in row and event.get("base_units"):
            ratio = event.get("units", 0) / event["base_units"]
            for item in dict.fromkeys(item_key(gtin) for gtin in row.get("gtins") or ()):
                self.state.setdefault(f"past:{item}", {})[event["promo"]] = [1 - row["value"] / 100, ratio]

    @on("weather.forecast?")
    def weather(self, event):
        day = self.store.hours.store_day(parse_time(event["from"])).isoformat()
        warmest = event.get("temp_max_c", event["temp_c"])
        week_marks.enter(self.state.setdefault("weather", {}), day, warmest, event.get("rain_mm", 0), stamp(event["issued"]))

    @on("calendar.event?")
    def entered(self, event):
        hours, start, end = self.store.hours, parse_time(event["from"]), parse_time(event["to"])
        last = hours.store_day(max(start, end - timedelta(microseconds=1)))
        self.state.setdefault("calendar", {})[event["event"]] = [event["kind"], hours.store_day(start).isoformat(), last.isoformat()]

    # Weeks

    def _marks(self, week):
        return week_marks.of_week(date.fromisoformat(week), self.state.get("calendar", {}), self.state.get("weather", {}))

    def _rows(self, *, stand):
        """Rows of price promotions: those that stand, or the suppliers' offers."""
        rows = [row for row in self.tables.promotions.all_rows() if row.get("kind") not in ON_SHOW]
        return [row for row in rows if (row.get("approved", True) and ("value" in row or "funding" not in row)) == stand]

    def _items_of(self):
        return self.tables.products.derived("by category", promo_terms.by_category)

    def _promoted(self):
        """Of each item the weeks in which a promotion stands, with its name."""
        found: dict[str, dict[str, str]] = {}
        standing = promo_terms.promotions(self._rows(stand=True), self._items_of(), self.tables.suppliers.get, self.store.hours)
        for name, row in standing.items():
            first, last = row["span"]
            for n in range((last - first).days + 1):
                for item in row["items"]:
                    found.setdefault(item, {})[monday(first + n * DAY)] = name
        return found

    def _baseline(self, item, week, past, promoted, factor):
        """Units of a week without a promotion; None where nothing tells."""
        hours = self.store.hours
        begin, end = hours.midnight(date.fromisoformat(week)), hours.midnight(date.fromisoformat(week) + WEEK)
        foreseen = demand_windows.expected(self.state.get(f"forecast:{item}", []), hours, begin, end)
        if foreseen is not None:
            return foreseen
        usual = self._usual(item, past, promoted)
        return None if usual is None else usual * factor

    def _usual(self, item, past, promoted):
        """The mean of the last eight weeks without a promotion since the item was first sold."""
        book = self.state.get(f"sold:{item}", {})
        weeks = [week for week in past if week >= min(book, default="9") and week not in promoted.get(item, ())][-BASELINE_WEEKS:]
        return sum(book.get(week, (0, 0))[0] for week in weeks) / len(weeks) if weeks else None

    # The plan

    @every("1d", at="04:00", weekday=1)
    def plan(self, due):
        today = self.store.hours.store_day(due.time)
        past = [week for week in window(today - WEEK, HISTORY_WEEKS) if week >= min(self.state.get("totals", {}), default="9")]
        promoted = self._promoted()
        yield from self._hold_against(today, promoted)
        self._tidy(today)
        weeks = [(today + (n + 1) * WEEK).isoformat() for n in range(self.config.weeks)]
        totals = self.state.get("totals", {})
        history, marks = {week: totals.get(week, 0) for week in past}, {week: self._marks(week) for week in past}
        factors = {week: promo_calendar.week_factor(self._marks(week), history, marks) for week in weeks}
        items = sorted({key.partition(":")[2] for key in self.state if key.startswith(("sold:", "forecast:"))})
        offers, shown = self._offers(), self._shown()
        known, left_out, candidates = {}, [], []
        for item in items:
            reason = self._reason(item, weeks[0])
            if reason:
                left_out.append({"gtin": (self.tables.products.get(item) or {"gtin": item})["gtin"], "reason": reason})
                continue
            elasticity = self._elasticity(item, past, promoted)
            for number, week in enumerate(weeks):
                baseline = self._baseline(item, week, past, promoted, factors[week])
                terms = self._terms(item, week, offers.get(item))
                if not baseline or baseline <= 0 or terms is None:
                    continue
                offer = self._offer(item, week, baseline, elasticity, terms, today)
                offer = replace(offer, display=self._display(item, week, shown))
                for one, price, found in self._tries(item, number, offer):
                    known[item, number, one.depth] = (offer, price, found)
                    candidates.append(one)
        chosen, outcome = self._choose(candidates, promoted, weeks)
        yield from self._tell(due, weeks, chosen, candidates, known, left_out, outcome)

    def _reason(self, item, week):
        product = self.tables.products.get(item) or {}
        if product.get("cost") is None:
            return "no_cost"
        return None if self._regular(item, week) else "no_price"

    def _regular(self, item, week):
        at = self.store.hours.midnight(date.fromisoformat(week))
        rows = self.tables.prices.derived("by item", rows_by_item).get(item, ())
        return base_price(rows, at, self.store.hours.zone) or (self.tables.products.get(item) or {}).get("list_price")

    def _offer(self, item, week, baseline, elasticity, terms, today):
        product, regular = self.tables.products.get(item), self._regular(item, week)
        return promo_calendar.Offer(
            baseline, regular, product["cost"], elasticity, funding=terms[0], fixed=terms[1], lost=self._lost(product, week),
            most=self._most(product, week, baseline, today),
        )  # fmt: skip

    def _tries(self, item, number, offer):
        """Every depth of a product in a week: the candidate, its price and what it brings."""
        category = self.tables.products.get(item).get("category", "")
        for depth in sorted(set(self.config.depths)):
            price = round_money(Fraction(offer.regular * (100 - depth), 100))
            found = promo_calendar.simulate(offer, price)
            yield promo_calendar.Candidate(item, category, number, depth, found.gain, found.spend), price, found

    def _offers(self):
        """Of each item the suppliers' offers for it: first and last day, funding and fixed cost."""
        found = defaultdict(list)
        for row in self._rows(stand=False):
            supplier = self.tables.suppliers.get(row["supplier"]) if row.get("supplier") else None
            terms = promo_terms.terms(row, supplier)
            for item in [item_key(gtin) for gtin in row.get("gtins") or ()] or self._items_of().get(row.get("category", ""), ()):
                found[item].append((*self._days(row), terms.funding, terms.fixed))
        return found

    def _days(self, row):
        """The first and last store day of a row, as text."""
        hours = self.store.hours
        start, end = instant(row.get("from"), hours.zone, EARLIEST), instant(row.get("to"), hours.zone, LATEST)
        last = hours.store_day(max(start, end - timedelta(microseconds=1))) if row.get("to") else date.max
        return (hours.store_day(start) if row.get("from") else date.min).isoformat(), last.isoformat()

    def _shown(self):
        """Displays: items, first and last day, and how much more they sell."""
        found = []
        for row in self.tables.promotions.all_rows():
            if row.get("kind") == "display" and row.get("approved", True) and row.get("from") and row.get("to"):
                found.append(({item_key(gtin) for gtin in row.get("gtins") or ()}, self._days(row), row.get("value", 1)))
        return found

    def _display(self, item, week, shown):
        last = (date.fromisoformat(week) + 6 * DAY).isoformat()
        return max([1, *(worth for items, days, worth in shown if item in items and days[0] <= last and days[1] >= week)])

    def _terms(self, item, week, offers):
        """Funding of a unit and fixed cost; None in weeks that the supplier's offers leave out."""
        if not offers:
            product = self.tables.products.get(item)
            supplier = self.tables.suppliers.get(product["supplier"]) if product.get("supplier") else None
            return product.get("funding", (supplier or {}).get("funding", 0)), 0
        last = (date.fromisoformat(week) + 6 * DAY).isoformat()
        return max(((funding, fixed) for begins, ends, funding, fixed in offers if begins <= last and ends >= week), default=None)

    def _elasticity(self, item, past, promoted):
        points = dict(self.state.get(f"past:{item}", {}))
        usual = self._usual(item, past, promoted)
        sold = defaultdict(list)
        for week in past if usual else ():
            units, amount = self.state.get(f"sold:{item}", {}).get(week, (0, 0))
            regular = self._regular(item, week)
            name = promoted.get(item, {}).get(week)
            if name and name not in points and units > 0 and regular:
                sold[name].append((amount / units / regular, units / usual))
        own = [tuple(sum(one[axis] for one in weeks) / len(weeks) for axis in (0, 1)) for weeks in sold.values()]
        return promo_calendar.elasticity([*map(tuple, points.values()), *own], self.config.prior_elasticity, self.config.own_from)

    def _lost(self, product, week):
        """Margin of siblings that each extra unit costs."""
        lost = 0
        for gtin, share in ((product.get("attributes") or {}).get("siblings") or {}).items():
            sibling, regular = self.tables.products.get(gtin) or {}, self._regular(item_key(gtin), week)
            if regular and sibling.get("cost") is not None:
                lost += share * (regular - sibling["cost"])
        return lost

    def _most(self, product, week, baseline, today):
        """What can be supplied: the baseline in weeks that begin before the lead time is over, else `max_units` of its row, else all."""
        rows = self.tables.lead_times.rows(supplier=product["supplier"]) if product.get("supplier") else []
        own = [row for row in rows if row.get("gtin") and item_key(row["gtin"]) == item_key(product["gtin"])]
        row = next(iter(own or [row for row in rows if not row.get("gtin") and row.get("category") in (None, product.get("category"))]), {})
        if row.get("days", 0) + row.get("transit_days", 0) > (date.fromisoformat(week) - today).days:
            return baseline
        return row.get("max_units")

    def _choose(self, candidates, promoted, weeks):
        """The best calendar beside what stands."""
        begins, taken = date.fromisoformat(weeks[0]), defaultdict(set)
        busy = {item: sorted((date.fromisoformat(week) - begins).days // 7 for week in names) for item, names in promoted.items()}
        for item, names in promoted.items():
            category = (self.tables.products.get(item) or {}).get("category", "")
            for week, name in names.items():
                taken[category, (date.fromisoformat(week) - begins).days // 7].add(name)
        used = {place: len(names) for place, names in taken.items()}
        paying = [one for one in candidates if one.gain >= self.config.min_gain]
        chosen, outcome = promo_calendar.calendar(
            paying, slots=self.config.slots, cooldown=self.config.cooldown_weeks, taken=used, busy=busy,
            budget=self.config.budget or None, work=self.config.solve_s,
        )  # fmt: skip
        if candidates:
            categories = {one.category for one in candidates}
            standing = sum(
                min(n, self.config.slots) for (category, week), n in used.items() if category in categories and 0 <= week < len(weeks)
            )
            self.kpi.set("slots_used", 100 * (len(chosen) + standing) / (self.config.slots * len(weeks) * len(categories)))
        return chosen, outcome

    def _tell(self, due, weeks, chosen, candidates, known, left_out, outcome):
        for key in [key for key in self.state if key.startswith("plan:") and self.state[key]["week"] >= weeks[0]]:
            del self.state[key]
        rows = []
        for one in chosen:
            offer, price, found = known[one.product, one.week, one.depth]
            row, outputs = self._planned(due, one, weeks[one.week], offer, price, found)
            rows.append(row)
            yield from outputs
        best = {}
        for one in candidates:
            if one.product not in best or one.gain > best[one.product].gain:
                best[one.product] = one
        for one in sorted(best.values(), key=lambda one: (-one.gain, one.product))[:TOLD]:
            yield self._scored(due, one, weeks, known, {row.product for row in chosen})
        rejected, gain = len(best.keys() - {one.product for one in chosen}), round(sum(one.gain for one in chosen))
        self.kpi.set("planned_gain", gain)
        self.kpi.set("promotions_rejected", rejected)
        if not best and not left_out:
            return
        figures = {"planned_gain": (gain, "minor"), "promotions": (len(chosen), "count"), "promotions_rejected": (rejected, "count"),
                   "solver_limit": (self.config.solve_s, "s")}  # fmt: skip
        span = {"from": self._midnight(weeks[0]), "to": self._midnight(weeks[-1], WEEK)}
        yield out("insight.report", span, report=f"promo_plan:{weeks[0]}", kind="promo_plan", version=1, rows=[*rows, *left_out],
                  text=self.say(f"Search: {outcome}", f"求解：{outcome}"),
                  figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip

    def _planned(self, due, one, week, offer, price, found):
        product = self.tables.products.get(one.product)
        promo, ratios = f"plan:{product['gtin']}:{week}", self.state.get("ratios", [])
        low, high = promo_calendar.range_80(found.units, ratios)
        self.state[promo] = {"item": one.product, "week": week, "units": found.units, "depth": one.depth, "regular": offer.regular}
        span = {"from": self._midnight(week), "to": self._midnight(week, WEEK)}
        lift, lo, hi = (100 * (units / offer.baseline - 1) for units in (found.units, low, high))
        row = {"gtin": product["gtin"], "week": week, "depth": one.depth, "price": price, "units": found.units, "gain": round(found.gain)}
        method = f"constant elasticity {offer.elasticity:.4g}, {one.depth} % off"
        drivers = {"depth": one.depth, "price": price, "elasticity": offer.elasticity, "baseline": offer.baseline}
        result = out("promo.result", span, promo=promo, state="planned", units=found.units, base_units=offer.baseline, uplift_pct=lift,
                     lo=lo, hi=hi, margin=round(found.gain), cost=round(found.spend), method=method)  # fmt: skip
        forecast = out("forecast.demand", span, level="item", key=product["gtin"], basis="promotion", mean=found.units, p10=low,
                       p50=found.units, p90=high, unit=product.get("unit", "each"), issued=due.time, model="promo_simulator",
                       drivers=drivers)  # fmt: skip
        return row, [result, forecast]

    def _scored(self, due, one, weeks, known, planned):
        """A product's gain by depth in its best week."""
        gtin = self.tables.products.get(one.product)["gtin"]
        depths = sorted({depth for item, week, depth in known if (item, week) == (one.product, one.week)})
        parts = [{"name": f"{depth} %", "value": round(known[one.product, one.week, depth][2].gain), "unit": "minor"} for depth in depths]
        return out("score.report", {"from": self._midnight(weeks[0]), "to": self._midnight(weeks[-1], WEEK)}, scheme="promo_plan",
                   subject_kind="item", subject=gtin, score=round(one.gain), parts=parts,
                   labels={"state": "planned" if one.product in planned else "rejected"})  # fmt: skip

    def _midnight(self, week, after=timedelta(0)):
        return self.store.hours.midnight(date.fromisoformat(week) + after)

    # Afterwards

    def _hold_against(self, today, promoted):
        """The error of each forecast whose week is over and whose promotion ran."""
        for key in sorted(key for key in self.state if key.startswith("plan:")):
            plan = self.state[key]
            if date.fromisoformat(plan["week"]) + WEEK > today:
                continue
            del self.state[key]
            units, amount = self.state.get(f"sold:{plan['item']}", {}).get(plan["week"], (0, 0))
            cheaper = units > 0 and amount / units <= plan["regular"] * (1 - plan["depth"] / 200)
            if not cheaper and plan["week"] not in promoted.get(plan["item"], ()):
                continue
            error = plan["units"] - units
            self.kpi.share("forecast_error", abs(error), units)
            self.state["ratios"] = [*self.state.get("ratios", []), units / plan["units"]][-RATIOS_KEPT:]
            parts = [("forecast", plan["units"], "units"), ("actual", units, "units")]
            parts += [("error", 100 * error / units, "%")] if units else []
            span = {"from": self._midnight(plan["week"]), "to": self._midnight(plan["week"], WEEK)}
            yield out("score.report", span, scheme="promo_forecast", subject_kind="promotion", subject=key,
                      score=100 * abs(error) / units if units else None,
                      parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts])  # fmt: skip

    def _tidy(self, today):
        """Forget what is older than the plan looks back."""
        oldest = window(today, HISTORY_WEEKS)[0]
        over = self.store.hours.midnight(today)
        for key in [key for key in self.state if key.startswith(("sold:", "forecast:"))]:
            if key.startswith("sold:"):
                self.state[key] = {week: sold for week, sold in self.state[key].items() if week >= oldest}
            else:
                self.state[key] = [row for row in self.state[key] if parse_time(row["to"]) > over]
            if not self.state[key]:
                del self.state[key]
        for name in ("weather", "totals"):
            self.state[name] = {day: value for day, value in self.state.get(name, {}).items() if day >= oldest}
        self.state["calendar"] = {name: row for name, row in self.state.get("calendar", {}).items() if row[2] >= oldest}
