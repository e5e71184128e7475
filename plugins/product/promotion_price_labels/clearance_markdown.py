"""End-of-season clearance: each week the step of the price at which a style earns most until its exit date, and the path that is planned.

A style is the items that share `products.style`, an item without one is a style by itself; the latest `delisted_on` of its items is the
first day without it. The base rate counts weeks of seven days up to the decision, four at least since the first sale. The seasonal factor
of a week is what the category sold 52 weeks before it, over the mean of the four weeks 52 weeks before the decision; 1 where that year is
not known. The size factor uses `size_share`, equal shares where an item has none. A last week that is cut short counts by its days.

A decision day on which the store is closed is made up on the next open day. What is not on the ladder (a price cut otherwise) is the first
step until a deeper one is taken. The figure of the gain is of the season: what was taken since a style's first plan and what is still
planned, against no cut as that first plan saw it. Near-expiry goods and evening discounts have solutions of their own; this one plans
whole seasons.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.hooks import hookimpl

LEAST_WEEKS, MOST_WEEKS, SEASON_WEEKS, WEEK_DAYS = 4, 26, 104, 7
REASONS = {
    "not_counted": ("stock was never counted", "库存从未盘点"),
    "few_pieces": ("under min_stock: left to the assortment sale", "低于最少件数：留给整类处理"),
    "promotion": ("on a running promotion", "正在促销"),
    "few_weeks": ("without four weeks of sales", "销售不足四周"),
    "no_price": ("without a full price", "没有正价"),
}


class ClearanceMarkdown(Solution):
    number = 133
    zh, en = "季末清仓降价规划", "End-of-season clearance planner"
    purpose_zh = "按周规划每款商品降到哪一档，使剩余库存在退场日前收入最高，而不是最后一次甩卖。"
    formats = ("specialty", "supermarket")
    produces = ("price.set", "insight.report")
    reads = ("products", "prices", "promotions")
    kpis = {
        "sell_through": kpi("%", "Sold of sold and left", "售罄率"),
        "clearance_revenue": kpi("currency", "Sales at cut prices", "清仓销售额"),
        "leftover_at_exit": kpi("pieces", "Pieces left at the exit date", "退场时剩余件数"),
        "gain_against_no_cut": kpi("%", "Planned gain against no cut", "相对不降价的预计增益"),
    }
    kinds = {"clearance_plan": ("Clearance plan", "清仓降价计划")}
    load = "optimise"

    class Config(SolutionConfig):
        ladder: list[Annotated[float, Field(ge=0.05, le=1)]] = setting(
            lambda: [1.0, 0.7, 0.5], "Allowed prices, falling", "允许的价格档位，递减", unit="of full price", min_length=1,
            help_en="Each as a share of the full price.", help_zh="各档为正价的比例。",
        )  # fmt: skip
        elasticity: float = setting(
            2.0, "Elasticity", "价格弹性", ge=0, le=6,
            help_en="Demand grows with share^-elasticity.", help_zh="需求按价格比例的负弹性次方增长。",
        )  # fmt: skip
        salvage_pct: float = setting(
            10, "Worth of a piece left", "剩余件残值", unit="% of full price", ge=0, le=60,
            help_en="What a piece brings after the exit date.", help_zh="退场后一件还值多少。",
        )  # fmt: skip
        min_weeks_between: int = setting(
            1, "Least time between two cuts", "两次降价最短间隔", unit="weeks", ge=1, le=6,
            help_en="Of one style.", help_zh="同一款商品。",
        )  # fmt: skip
        ewma: float = setting(
            0.4, "Weight of the newest week", "最近一周的权重", ge=0.05, le=1,
            help_en="In the base rate of sales.", help_zh="用于基准周销量。",
        )  # fmt: skip
        decide_weekday: int = setting(
            3, "Day of the weekly decision", "每周决策日", ge=1, le=7, help_en="Monday is 1.", help_zh="星期一为 1。"
        )
        min_stock: int = setting(
            6, "Least pieces", "最少件数", unit="pieces", ge=0, le=1000,
            help_en="Styles with fewer are left to the assortment sale.", help_zh="少于此数的款留给整类处理。",
        )  # fmt: skip

    @on("inventory.snapshot")
    def counted(self, event):
        if event.get("other_store", self.store.id) == self.store.id:
            self.workers.optimise.position.count(self._item(event["gtin"])["places"], event.data, event.time)

    @on("pos.sale")
    def sold(self, event):
        """Sales as if at full price, by day for the item and by week for its category; a return takes back."""
        if event["kind"] not in ("sale", "return"):
            return
        day = self.store.hours.store_day(event.time)
        for line in event["lines"]:
            product, qty = self.tables.products.get(line["gtin"]), line["qty"]
            item = self._item(line["gtin"])
            self.workers.optimise.position.take(item["places"], qty, event.time)
            full = self._base(product or line, event.time)
            if not full or not qty:
                continue
            share = min(1.0, max(0.0, line["amount"] / qty / full))
            self._keep_day(item["days"], day, qty * share**self.config.elasticity)
            item["sold"] += qty
            item["taken"] += line["amount"] if item["no_cut"] is not None else 0
            if item["cut"]:
                self.kpi.add("clearance_revenue", line["amount"])
            if product and product.get("category"):
                week = self.workers.optimise.weeks.monday(day)
                season = self.state.setdefault(f"season:{product['category']}", {})
                season[week] = season.get(week, 0) + qty * share**self.config.elasticity
                for old in [one for one in season if date.fromisoformat(one) < day - timedelta(weeks=SEASON_WEEKS)]:
                    del season[old]

    @every("1d", at="open")
    def decide(self, due):
        today = self.store.hours.store_day(due.time)
        back = (today.isoweekday() - self.config.decide_weekday) % WEEK_DAYS
        if any(self.store.hours.day(today - timedelta(days=n)) for n in range(1, back + 1)):
            return
        rows, planned, kept, earned, usual, sold, left = [], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for name, products in self._styles(today).items():
            row, outs = self._style(name, products, today, due.time)
            rows.append(row)
            yield from outs
            items = [self._item(product["gtin"]) for product in products]
            if "value" in row:
                planned, kept = planned + row["value"], kept + row["no_cut"]
                earned += row["value"] + sum(item["taken"] for item in items)
                usual += sum(item["no_cut"] or 0 for item in items)
            sold, left = sold + sum(item["sold"] for item in items), left + row["stock"]
        if not rows:
            return
        gain = 100 * (planned / kept - 1) if kept else None
        share = 100 * sold / (sold + left) if sold + left else None
        if usual:
            self.kpi.set("gain_against_no_cut", 100 * (earned / usual - 1))
        if share is not None:
            self.kpi.set("sell_through", share)
        figures = {"planned": {"value": round(planned), "unit": "minor"}, "no_cut": {"value": round(kept), "unit": "minor"}}
        figures |= {
            name: {"value": round(value, 1), "unit": "%"} for name, value in (("gain", gain), ("sell_through", share)) if value is not None
        }
        window = {"from": due.time, "to": due.time + timedelta(days=WEEK_DAYS)}
        yield out("insight.report", window, report=f"clearance_plan-{today}", kind="clearance_plan", version=1, figures=figures, rows=rows)

    def _style(self, name, products, today, now):
        """Report row and outputs of a style at a decision."""
        exit_day = max(date.fromisoformat(product["delisted_on"]) for product in products)
        stocks = [self.workers.optimise.position.units(self._item(product["gtin"])["places"]) for product in products]
        stock = sum(units or 0 for units in stocks)
        row = {"style": name, "stock": stock, "exit": exit_day.isoformat()}
        full = [self._base(product, now) for product in products]
        over = today >= exit_day
        first = self._item(products[0]["gtin"])
        if over and stock > 0 and not first["left"]:
            first["left"] = True
            self.kpi.add("leftover_at_exit", stock)
        reason = self._unpriced(products, stocks, full, today, over)
        if reason:
            return row | {"listed": reason, "text": self.say(*REASONS[reason])}, []
        mean = sum(price * max(units or 0, 0) for price, units in zip(full, stocks, strict=True)) / stock if stock > 0 else full[0]
        present = min(1.0, *(self._present(product, price, now) for product, price in zip(products, full, strict=True)))
        if over:
            share = min(present, self.config.ladder[-1]) if stock > 0 else present
            return row | {"share": share, "weeks": 0}, self._cut(products, full, share, present, today, now)
        clearance = self.workers.optimise.clearance
        rate = max(0.0, clearance.ewma(self._sales_by_week(products, today), self.config.ewma))
        base = rate * self._size_factor(products, stocks)
        weekly = clearance.demand(base, self.state.get(f"season:{products[0].get('category')}") or {}, today, exit_day)
        since = (today - date.fromisoformat(first["cut"])).days // WEEK_DAYS if first["cut"] else self.config.min_weeks_between
        shares = (present, *(step for step in self.config.ladder if step < present - 1e-9))
        style = clearance.Style(
            stock, mean, weekly, shares, self.config.elasticity, self.config.salvage_pct / 100, self.config.min_weeks_between, since
        )
        path = clearance.plan(style)
        for product in products if first["no_cut"] is None else ():
            self._item(product["gtin"])["no_cut"] = path.no_cut / len(products)
        row |= {"weeks": len(weekly), "base": round(base, 3), "path": list(path.shares), "share": path.shares[0]}
        row |= {"value": round(path.value), "no_cut": round(path.no_cut), "sell_through_pct": round(100 * path.sold / stock, 1)}
        if path.no_cut:
            row["gain_pct"] = round(100 * (path.value / path.no_cut - 1), 1)
        return row, self._cut(products, full, path.shares[0], present, today, now)

    def _unpriced(self, products, stocks, full, today, over):
        """Why a style is listed and not priced; None where it is priced."""
        stock = sum(units or 0 for units in stocks)
        promotions = self.tables.promotions.rows()
        promoted = self.workers.pricing.promoted.on_promotion
        if all(units is None for units in stocks):
            return "not_counted"
        if any(promoted(promotions, product) or self.tables.prices.rows(gtin=product["gtin"], kind="promotion") for product in products):
            return "promotion"
        if any(price is None for price in full):
            return "no_price"
        if over:
            return None
        if stock < self.config.min_stock or stock <= 0:
            return "few_pieces"
        return None if len(self._sales_by_week(products, today)) >= LEAST_WEEKS else "few_weeks"

    def _cut(self, products, full, share, present, today, now):
        if share > present - 1e-9:
            return
        for product, price in zip(products, full, strict=True):
            self._item(product["gtin"]).update(share=share, cut=today.isoformat())
            asked = self.workers.pricing.round_money(price * self.workers.pricing.money.exact(share))
            reason = self.say(f"clearance: {share:.0%} of the full price", f"季末清仓：正价的 {share:.0%}")
            yield out(
                "price.set",
                {"from": now},
                gtin=product["gtin"],
                price=asked,
                kind="markdown",
                struck=price,
                reason=reason,
                state="approved",
            )

    # What is known of items

    def _item(self, gtin):
        empty = {"places": {}, "days": {}, "sold": 0, "taken": 0, "no_cut": None, "share": 1.0, "cut": None, "left": False}
        return self.state.setdefault(f"item:{self.workers.gs1.item_key(gtin)}", empty)

    def _keep_day(self, days, day, units):
        days[day.isoformat()] = days.get(day.isoformat(), 0) + units
        for old in [one for one in days if date.fromisoformat(one) < day - timedelta(weeks=MOST_WEEKS)]:
            del days[old]

    def _styles(self, today):
        """Products with an exit date by style, until a style is sold out after it."""
        styles = {}
        for product in self.tables.products.rows():
            if product.get("delisted_on"):
                styles.setdefault(product.get("style") or product["gtin"], []).append(product)
        return {name: products for name, products in styles.items() if not self._is_gone(products, today)}

    def _is_gone(self, products, today):
        over = all(product["delisted_on"] <= today.isoformat() for product in products)
        return over and not any(self.workers.optimise.position.units(self._item(product["gtin"])["places"]) for product in products)

    def _base(self, product, at):
        """The full price of an item: its base price for everybody, else the list price."""
        zone, prices = self.store.hours.zone, self.workers.pricing.prices
        found = prices.base_price(
            self.tables.prices.derived("by_item", prices.rows_by_item).get(self.workers.gs1.item_key(product["gtin"]), ()), at, zone
        )
        return product.get("list_price") if found is None else found

    def _present(self, product, full, at):
        """The share of the full price that everybody pays now: by the price table, or as set here."""
        zone, pricing = self.store.hours.zone, self.workers.pricing
        listed = self.tables.prices.derived("book", lambda rows: pricing.PriceBook(rows, zone=zone)).price_of(product, at)
        return min(self._item(product["gtin"])["share"], 1.0 if listed is None else listed / full)

    def _sales_by_week(self, products, today):
        return self.workers.optimise.clearance.by_week([self._item(product["gtin"])["days"] for product in products], today)

    def _size_factor(self, products, stocks):
        shares = [product.get("size_share") or 1 / len(products) for product in products]
        return sum(share for share, units in zip(shares, stocks, strict=True) if units and units > 0) / sum(shares)


@hookimpl
def storeloom_config_problems(config, store):
    """The ladder falls."""
    ladder = config.get("ladder", [])
    if ladder == sorted(set(ladder), reverse=True):
        return []
    return [Problem("ladder", "The prices do not fall", "价格档位没有递减", "List them falling, each once.", "请按递减填写，且不重复。")]
