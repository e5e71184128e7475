"""Demand-based pricing: each Sunday at close a small step of an item's regular price to where it earns most, the same for every shopper.

The base forecast is the mean of the last four weeks' days, without days of a promotion and days on which a count found no stock. Where the
store counts stock, an item needs counts over a week; the week's sales are needed anyway. An item without cost, price or sales is left
alone. A competitor's price is valid for two weeks. Packs are of one article where brand, name and flavour agree but for the content.
Staples are items flagged `must_stock` or `kvi` or of a category `staples`; a warning counts that holds within the next day. Where Sunday
is closed the week ends with its last open day. Nothing of the person who buys is read or kept: prices are of item and store only.

The report says of each item how demand answers its price, and what a promotion or display adds to a day's units at the same price
(`promoted_pct`), each with a 95 % interval. That is what was seen with promotions as they came, not a test: `shelf_switchback_test` is one.
"""

import math
from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

HISTORY, FORECAST, WEEK, COMPETITOR = timedelta(weeks=26), timedelta(weeks=4), timedelta(days=7), timedelta(days=14)
DAY = timedelta(days=1)
NORMAL_95 = 1.96
STAPLES = {"staples", "staple"}


class DynamicPricing(Solution):
    number = 128
    zh, en = "智能动态定价", "Demand-based dynamic pricing"
    purpose_zh = "学习需求对价格的反应，在护栏内小步调整正价到利润最高处，对所有顾客一视同仁。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("price.set", "insight.report")
    reads = ("products", "prices", "promotions")
    load = "optimise"
    kpis = {
        "profit_gain_expected": kpi("%", "Expected gain of the changes", "调价预期增益"),
        "price_changes": kpi("count", "Price changes", "调价次数"),
        "guard_hits": kpi("count", "Items held by a guard", "被护栏拦下的商品"),
        "elasticity_median": kpi("ratio", "Median elasticity", "弹性中位数"),
    }
    kinds = {"dynamic_prices": ("Weekly price steps", "每周调价")}

    class Config(SolutionConfig):
        prior_elasticity: float = setting(
            -1.6, "Elasticity before data", "先验弹性", ge=-6, le=-0.1, help_en="Of the category.", help_zh="按品类经验。"
        )
        prior_sd: float = setting(
            0.8,
            "Its standard deviation",
            "先验标准差",
            ge=0.05,
            le=3,
            help_en="Small: data count for little.",
            help_zh="越小则数据影响越小。",
        )
        max_step_pct: float = setting(
            10, "Largest change at once", "单次最大调幅", unit="%", ge=1, le=50, help_en="Up or down.", help_zh="上调或下调。"
        )
        grid: int = setting(
            10, "Price grid", "价格粒度", unit="minor", ge=1, le=1000, help_en="Prices are its multiples.", help_zh="价格为其整数倍。"
        )
        min_gain_pct: float = setting(
            0.5, "Least expected gain", "最低预期增益", unit="%", ge=0, le=20, help_en="Under it the price stays.", help_zh="更低则不动。"
        )
        min_days: int = setting(
            7, "Least time between two changes", "两次调价最短间隔", unit="d", ge=1, le=90, help_en="Of one item.", help_zh="同一商品。"
        )
        min_margin_pct: float = setting(
            8, "Least margin", "最低毛利", unit="% of cost", ge=-20, le=200, help_en="Floor of a price.", help_zh="价格底线。"
        )
        max_over_competitor_pct: float = setting(
            5, "Most over the lowest competitor", "最多高于最低竞品价", unit="%", ge=0, le=100,
            help_en="Cap of a price.", help_zh="价格上限。",
        )  # fmt: skip

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        day = self.store.hours.store_day(event.time)
        for line in event["lines"]:
            days, sign = self._item(line["gtin"])["days"], -1 if event["kind"] == "return" or line["qty"] < 0 else 1
            units = sign * (abs(line["weight_g"]) / 1000 if line.get("weight_g") is not None else abs(line["qty"]))
            known = days.setdefault(day.isoformat(), {"units": 0, "price": line["price"], "promo": False})
            known["units"] += units
            known["promo"] = known["promo"] or bool(line.get("promo") or line.get("discount")) or self._promoted(line["gtin"])
            if sign > 0:
                known["price"] = line["price"]
            for old in [one for one in days if date.fromisoformat(one) < day - HISTORY]:
                del days[old]

    @on("inventory.snapshot?")
    def counted(self, event):
        position = self.workers.optimise.position
        if not position.is_count(event.data):
            return
        item = self._item(event["gtin"])
        position.count(item["places"], event.data, event.time)
        item["first_count"] = item["first_count"] or rfc3339(event.time)
        self.state["counts"] = True
        if position.units(item["places"]) <= 0:
            earliest = (self.store.hours.store_day(event.time) - HISTORY).isoformat()
            item["out"] = sorted({*(one for one in item["out"] if one >= earliest), self.store.hours.store_day(event.time).isoformat()})

    @on("competitor.price?")
    def compared(self, event):
        if event.get("gtin"):
            seen, offers = event.get("seen") or rfc3339(event.time), self._item(event["gtin"])["offers"]
            if event["competitor"] not in offers or parse_time(offers[event["competitor"]][1]) <= parse_time(seen):
                offers[event["competitor"]] = [event["price"], seen]

    @on("weather.forecast?")
    def warned(self, event):
        now = stamp(self.now)
        kept = {name: to for name, to in self.state.get("warnings", {}).items() if to > now}
        start, end = stamp(parse_time(event["from"])), stamp(parse_time(event["to"]))
        kept.pop(start, None)
        self.state["warnings"] = kept | ({start: end} if event.get("warning") and event["warning"] != "none" else {})

    @every("1d", at="close")
    def decide(self, due):
        today = self.store.hours.ended_day(due.time)
        if not self.workers.optimise.weeks.ends_week(self.store.hours, today):
            return
        rows, before, after = [], 0.0, 0.0
        for product in self.tables.products.rows():
            found = self._decide(product, today, due.time)
            if found is None:
                continue
            row, present, expected = found
            rows.append(row)
            if "price" in row:
                before, after = before + present, after + expected
                self.kpi.add("price_changes")
                item = self._item(product["gtin"])
                item |= {"price": row["price"], "changed": rfc3339(due.time)}
                gain, b = row["gain_pct"], row["elasticity"]
                reason = self.say(f"elasticity {b:.2f}, expected profit +{gain:.2f} %", f"弹性 {b:.2f}，预期利润 +{gain:.2f}%")
                yield out(
                    "price.set", {"from": due.time}, gtin=product["gtin"], price=row["price"], kind="base", reason=reason, state="approved"
                )
        if before > 0:
            self.kpi.set("profit_gain_expected", 100 * (after / before - 1))
        if rows:
            figures = {"items": len(rows), "changes": sum("price" in row for row in rows), "guarded": sum("guard" in row for row in rows)}
            figures = {name: {"value": value, "unit": "count"} for name, value in figures.items()}
            window = {"from": due.time - WEEK, "to": due.time}
            yield out(
                "insight.report", window, report=f"dynamic_prices-{today}", kind="dynamic_prices", version=1, figures=figures, rows=rows
            )

    def _decide(self, product, today, now):
        """Report row of an item with its profit a day before and after; None where nothing is known of it."""
        item, cost, present = self._item(product["gtin"]), product.get("cost"), self._price(product)
        days = [(date.fromisoformat(day), one) for day, one in sorted(item["days"].items())]
        if cost is None or not present or not days:
            return None
        guard = self._guard(product, item, days[0][0], today, now)
        if guard:
            self.kpi.add("guard_hits")
            return {"gtin": product["gtin"], "guard": guard}, 0, 0
        in_stock = [(day, one) for day, one in days if day.isoformat() not in item["out"]]
        usual, promoted = ([(day, one["units"], one["price"]) for day, one in in_stock if one["promo"] is was] for was in (False, True))
        steps, config = self.workers.optimise.price_steps, self.config
        learnt = steps.estimate(usual)
        b, sd = steps.believed(learnt, config.prior_elasticity, config.prior_sd), steps.doubt(learnt, config.prior_sd)
        self.kpi.sample("elasticity_median", b, "median")
        terms = {"present": present, "cost": cost, "daily": self._daily(item, days[0][0], usual, today), "elasticity": b}
        offers = [price for price, seen in item["offers"].values() if now - parse_time(seen) <= COMPETITOR]
        caps = [price * (1 + config.max_over_competitor_pct / 100) for price in offers] + [product.get("list_price") or float("inf")]
        prices = steps.grid_prices(present, config.grid, config.max_step_pct, cost * (1 + config.min_margin_pct / 100), min(caps))
        low, high = self._pack_limits(product)
        allowed = [
            one for one in prices if low <= one <= high and not (one > present and self._is_staple(product) and self._is_warned(now))
        ]
        profit = steps.profit(present, **terms)
        price, expected = steps.best(allowed, **terms)
        row = {"gtin": product["gtin"], "elasticity": round(b, 3), "daily": round(terms["daily"], 3), "present": present}
        row |= {"elasticity_low": round(b - NORMAL_95 * sd, 3), "elasticity_high": round(b + NORMAL_95 * sd, 3)}
        row |= _percent(steps.promoted_effect(usual, promoted))
        if len(allowed) < len(prices) and steps.best(prices, **terms)[0] != price:
            self.kpi.add("guard_hits")
            row["guard"] = "packs_or_weather"
        gain = 100 * (expected / profit - 1) if profit > 0 else 0
        return (
            row | ({"price": price, "gain_pct": round(gain, 3)} if price != present and gain >= config.min_gain_pct else {}),
            profit,
            expected,
        )

    def _guard(self, product, item, first, today, now):
        """Why an item's price stays, whatever it would earn."""
        if self._promoted(product["gtin"]):
            return "promotion"
        known = self.workers.pricing.rows_by_item(self.tables.prices.rows(gtin=product["gtin"], kind="base")).values()
        begun = [
            self.workers.pricing.prices.instant(row.get("from"), self.store.hours.zone, now - HISTORY) for rows in known for row in rows
        ]
        changes = begun + ([parse_time(item["changed"])] if item["changed"] else [])
        if any(now - at < timedelta(days=self.config.min_days) for at in changes):
            return "min_days"
        counted = item["first_count"] and now - parse_time(item["first_count"]) >= WEEK - DAY
        return "little_data" if today - first < WEEK - DAY or (self.state.get("counts") and not counted) else None

    def _daily(self, item, first, usual, today):
        """Mean units of the last four weeks' days that count, those without sales too."""
        begin = max(first, today - FORECAST + DAY)
        left_out = {day for day, one in item["days"].items() if one["promo"]} | set(item["out"])
        counting = sum((begin + n * DAY).isoformat() not in left_out for n in range((today - begin).days + 1))
        return sum(units for day, units, _ in usual if day >= begin) / counting if counting else 0.0

    def _pack_limits(self, product):
        """Least and highest price at which no bigger pack of the article costs more a unit than a smaller one."""
        match = self.workers.insight.offer_match
        own = match.content(product, "net_content", "content_unit")
        low, high = 0.0, float("inf")
        for gtin, words, content in self.tables.products.derived("offer_match", match.candidates) if own else ():
            if gtin == product["gtin"] or words != match.tokens(product) or not content or content.unit != own.unit:
                continue
            price = self._price(self.tables.products.get(gtin) or {"gtin": gtin})
            if price and content.amount > own.amount:
                low = max(low, price * own.amount / content.amount)
            elif price and content.amount < own.amount:
                high = min(high, price * own.amount / content.amount)
        return low, high

    def _is_staple(self, product):
        return bool(product.get("must_stock") or product.get("kvi") or STAPLES & {product.get("category"), product.get("subcategory")})

    def _is_warned(self, now):
        return any(start < stamp(now + DAY) and end > stamp(now) for start, end in self.state.get("warnings", {}).items())

    def _promoted(self, gtin):
        listed = self.tables.prices.rows(gtin=gtin, kind="promotion")
        product = self.tables.products.get(gtin) or {"gtin": gtin}
        return bool(listed) or self.workers.pricing.promoted.on_promotion(self.tables.promotions.rows(), product)

    def _price(self, product):
        """The regular price: a later one set here, else the base price of the table, else the list price."""
        item = self.state.get(f"item:{self.workers.gs1.item_key(product['gtin'])}") or {}
        rows, prices, zone = self.tables.prices.rows(gtin=product["gtin"]), self.workers.pricing.prices, self.store.hours.zone
        later = [
            row
            for row in rows
            if item.get("changed") and prices.instant(row.get("from"), zone, prices.EARLIEST) > parse_time(item["changed"])
        ]
        found = item["price"] if item.get("price") and not later else prices.base_price(rows, self.now, zone)
        return product.get("list_price") if found is None else found

    def _item(self, gtin):
        empty = {"days": {}, "places": {}, "first_count": None, "out": [], "offers": {}, "price": None, "changed": None}
        return self.state.setdefault(f"item:{self.workers.gs1.item_key(gtin)}", empty)


def _percent(found):
    """What a promotion adds, in percent of a day's units, with its interval; nothing where it cannot be told."""
    if found is None:
        return {}
    bounds = {"promoted_pct": 0, "promoted_low_pct": -NORMAL_95, "promoted_high_pct": NORMAL_95}
    return {name: round(100 * math.expm1(found[0] + width * found[1]), 2) for name, width in bounds.items()}
