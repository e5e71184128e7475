"""Open-to-buy control: buying stays inside the plan, category by category and month by month, and orders that overdraw it are held.

Each Monday and on the first of a month, at opening, a report for every category and month of the plan from this one on; one more for each
order as it is noted. Planned sales spread evenly over the month's open days; a day counts as gone once it has closed. Planned receipts are
what the month's plan asks for above the stock at its beginning. An item's retail price is its markdown where one holds for everybody, else
its base price, else the list price. What was never counted is no stock, and a category of which nothing was counted has no weeks of supply.

An order without `deliver_on` counts for the month of its notice's arrival, else for this one. Refused is an order that is cancelled or
whose task is rejected, declined or answered with `approved: false`. Categories and months without a plan have no budget.
"""

from calendar import monthrange
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time

DAY = timedelta(days=1)
LATE = timedelta(days=30)
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Weeks = Annotated[float, Field(ge=0, le=60)]


class MonthPlan(SolutionConfig):
    """A category's month at retail, in minor units."""

    sales: int = Field(title="Sales", ge=0, json_schema_extra={"x-zh": "销售"})
    markdown: int = Field(0, title="Markdown", ge=0, json_schema_extra={"x-zh": "降价"})
    end_stock: int = Field(0, title="Stock at its end", ge=0, json_schema_extra={"x-zh": "期末库存"})


class OpenToBuy(Solution):
    number = 88
    zh, en = "采购预算OTB管控", "Open-to-buy control"
    purpose_zh = "每周给出各品类各月尚可采购的金额，拦下超预算的订单，使采购不偏离计划。"
    formats = ("supermarket", "specialty")
    produces = ("score.report", "alert.raise", "task.create")
    reads = ("products", "prices", "suppliers")
    kpis = {
        "open_to_buy": kpi("minor units", "Open to buy this month, at retail", "本月尚可采购（零售价）"),
        "overdrawn_orders": kpi("count", "Orders that overdraw", "超预算订单数"),
        "weeks_of_supply": kpi("wk", "Weeks of supply", "库存周数"),
        "sell_through": kpi("%", "Sold of sold and stock", "售罄率"),
    }
    kinds = {
        "order_overdraws": ("Order beyond open to buy", "订单超出采购预算"),
        "approve_order": ("Approve an order beyond the budget", "审批超预算订单"),
    }

    class Config(SolutionConfig):
        plan: dict[str, dict[Month, MonthPlan]] = setting(
            dict, "Plan", "计划", unit="minor",
            help_en="Category, month as 2026-04, and its sales, markdown and end stock at retail.",
            help_zh="品类、月份（如 2026-04）及其零售价口径的销售、降价与期末库存。",
        )  # fmt: skip
        initial_markup: float = setting(
            0.6, "Initial markup", "初始加价率", ge=0.1, le=0.95,
            help_en="Share of retail that is markup.", help_zh="加价占零售价的比例。",
        )  # fmt: skip
        reforecast_damping: float = setting(
            0.5, "Weight of sales to date", "滚动修正系数", ge=0, le=1,
            help_en="How far sales to date move the rest of the month.", help_zh="迄今销售对本月剩余计划的影响程度。",
        )  # fmt: skip
        hold_over: float = setting(
            0.05, "Overdraft held", "超额审批比例", ge=0, le=1,
            help_en="An order overdrawing by more than this share of the month's planned receipts needs approval.",
            help_zh="超出额占当月计划进货额的比例大于该值即需审批。",
        )  # fmt: skip
        reserve: float = setting(
            0.1, "Reserve", "预留比例", ge=0, le=0.5,
            help_en="Kept for repeats and chances until the month starts.", help_zh="当月开始前为补单与机会采购预留。",
        )  # fmt: skip
        wos_band: list[Weeks] = setting(
            lambda: [4, 12], "Weeks of supply", "库存周数区间", unit="wk", min_length=2, max_length=2,
            help_en="Outside it a category is reported.", help_zh="超出该区间的品类会被报告。",
        )  # fmt: skip
        owner_role: str = setting("category_manager", "Who approves", "审批角色", min_length=1)

    # Stock and sales

    @on("inventory.snapshot")
    def counted(self, event):
        gtin, row = self._item(event["gtin"])
        if row and event.get("other_store", self.store.id) == self.store.id:
            self.workers.optimise.position.enter_snapshot(self._book(gtin), event.data, event.time)

    @on("inventory.movement?")
    def moved(self, event):
        """Stock moves; a receipt turns the order's reservation into stock, and what it is short of is free again."""
        gtin, row = self._item(event["gtin"])
        if not row or event.get("state", "booked") != "booked":
            return
        self.workers.optimise.position.enter_movement(self._book(gtin), event.data, event.time)
        name = f"order:{event.get('order')}"
        if event["kind"] == "receive" and name in self.state:
            self.state[name]["lines"].pop(gtin, None)
            if not self.state[name]["lines"]:
                del self.state[name]

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") not in ("sale", "return"):
            return
        day = self.store.hours.store_day(event.time).isoformat()
        for line in event["lines"]:
            gtin, row = self._item(line["gtin"])
            if row:
                sign = -1 if event.get("kind") == "return" or line["qty"] < 0 else 1
                qty = abs(line["weight_g"]) / 1000 if row.get("unit") == "kg" and line.get("weight_g") else abs(line["qty"])
                self.workers.optimise.position.take(self._book(gtin)["places"], sign * qty, event.time)
                days = self.state.setdefault(f"sold:{row['category']}", {})
                days[day] = days.get(day, 0) + sign * abs(line["amount"])

    # Orders

    @on("order.propose")
    def proposed(self, event):
        name = f"order:{event['proposal']}"
        if event.get("kind", "buy") != "buy" or event["stage"] == "draft":
            return
        self.state.pop(name, None)
        if event["stage"] == "cancelled":
            return
        lines, day = {}, event.get("deliver_on") or self.store.hours.store_day(self.now).isoformat()
        for line in event["lines"]:
            gtin, row = self._item(line["gtin"])
            if row and day[:7] in self.config.plan[row["category"]]:
                lines[gtin] = lines.get(gtin, 0) + line["qty"]
        if not lines:
            return
        values = {}
        for gtin, qty in lines.items():
            category = self.tables.products.get(gtin)["category"]
            values[category] = values.get(category, 0) + qty * self._price(gtin)
        before = {category: self._budget(category, day[:7]) for category in sorted(values)}
        self.state[name] = {"deliver_on": day, "lines": lines, "dated": bool(event.get("deliver_on"))}
        yield from self._decide(event, day[:7], values, before)

    def _decide(self, event, month, values, before):
        """Note an order that is inside its budget or little beyond; ask for approval of one that is far beyond."""
        over = {}
        for category, budget in before.items():
            excess, share = self.workers.pricing.open_to_buy.overdraft(values[category], budget["open"], budget["receipts"])
            if excess > 0:
                over[category] = (round(excess), share > self.config.hold_over + 1e-9)
            yield self._report(category, month, [f"order {event['proposal']}: {round(values[category])}"])
        self.kpi.add("overdrawn_orders", bool(over))
        held = {category: excess for category, (excess, beyond) in over.items() if beyond}
        if not held:
            return
        excess, order, supplier = sum(held.values()), event["proposal"], event.get("supplier")
        name = (self.tables.suppliers.get(supplier) or {}).get("name", supplier or "")
        words = self.say(f"{name} order {order}: {excess} beyond open to buy", f"{name}订单{order}超出可采购额{excess}")
        facts = {"order": order, "month": month, "excess": held}
        yield out(
            "task.create", task=f"otb-{order}", kind="approve_order", title=words.strip(), priority=2, role=self.config.owner_role,
            values={"order": order, "month": month, "excess": excess, "value": round(sum(values.values()))}, ref=facts,
        )  # fmt: skip
        yield out(
            "alert.raise", alert=f"otb-{order}", kind="order_overdraws", severity="warn", state="open", subject=order, value=excess,
            unit="minor", text=words.strip(), ref=facts,
        )  # fmt: skip

    @on("task.done?")
    def answered(self, event):
        """A refused order is free again."""
        refused = event["state"] in ("rejected", "declined") or (event.get("values") or {}).get("approved") is False
        if event["task"].startswith("otb-") and refused:
            self.state.pop(f"order:{event['task'][4:]}", None)

    @on("shipment.notice?")
    def announced(self, event):
        """An order without a day of delivery arrives when its notice says."""
        order = self.state.get(f"order:{event.get('order')}")
        if order and not order["dated"] and event["state"] != "cancelled":
            order["deliver_on"] = self.store.hours.store_day(parse_time(event["eta"])).isoformat()

    # Reports

    @every("1d", at="open")
    def morning(self, due):
        """Free what is long late; report each week and at the start of a month."""
        today, notes = self.store.hours.store_day(due.time), {}
        for name in [name for name in self.state if name.startswith("order:")]:
            if date.fromisoformat(self.state[name]["deliver_on"]) + LATE <= today:
                order = self.state.pop(name)
                for category in sorted({row["category"] for gtin in order["lines"] if (row := self._item(gtin)[1])}):
                    notes.setdefault(category, []).append(f"late order {name[6:]} of {order['deliver_on']} freed")
        if today.isoweekday() != 1 and not self._first(today) and not notes:
            return
        month = today.isoformat()[:7]
        for category in sorted(self.config.plan):
            if today.isoweekday() != 1 and not self._first(today) and category not in notes:
                continue
            for planned in sorted(name for name in self.config.plan[category] if name >= month):
                yield self._report(category, planned, notes.pop(category, None))
        for name in [name for name in self.state if name.startswith("open:") and name[5:] < month]:
            del self.state[name]
        for name in [name for name in self.state if name.startswith("sold:")]:
            self.state[name] = {day: amount for day, amount in self.state[name].items() if day[:7] >= month}

    @every("1d", at="00:00")
    def month_begins(self, due):
        """The stock that a month begins with, for what it plans to receive."""
        today = self.store.hours.store_day(due.time)
        if today.day == 1:
            self.state["begin"] = {"month": today.isoformat()[:7], "stock": {one: self._stock(one) for one in sorted(self.config.plan)}}

    def _first(self, today):
        """Whether no day of the month before this one was open."""
        return all(self.store.hours.day(today - n * DAY) is None for n in range(1, today.day))

    def _report(self, category, month, notes=None):
        budget, config, plan = self._budget(category, month), self.config, self.config.plan[category][month]
        now, stock = self.store.hours.store_day(self.now).isoformat()[:7], budget["stock"]
        parts = [("open_to_buy", budget["open"], "minor"), ("open_to_buy_at_cost", budget["open"] * (1 - config.initial_markup), "minor"),
                 ("rest_of_sales", budget["rest"], "minor"), ("on_order", budget["on_order"], "minor")]  # fmt: skip
        labels = {"month": month}
        if stock is not None:
            year, number = int(month[:4]), int(month[5:])
            weeks = self.workers.pricing.open_to_buy.weeks_of_supply(stock, plan.sales, monthrange(year, number)[1])
            parts.append(("stock", stock, "minor"))
            if weeks is not None:
                parts.append(("weeks_of_supply", weeks, "wk"))
                low, high = config.wos_band
                labels |= {"supply": "low" if weeks < low else "high"} if not low <= weeks <= high else {}
        if month == now:
            known = self.state.setdefault(f"open:{month}", {})
            known[category] = round(budget["open"])
            self.kpi.set("open_to_buy", sum(known.values()))
            if stock is not None and weeks is not None:
                self.kpi.sample("weeks_of_supply", weeks)
                self.kpi.share("sell_through", budget["sold"], budget["sold"] + stock)
        first, after = self._bounds(month)
        hours = self.store.hours
        return out(
            "score.report", {"from": hours.midnight(first), "to": hours.midnight(after)}, scheme="open_to_buy", subject_kind="category",
            subject=category, labels=labels, notes=notes,
            parts=[{"name": name, "value": round(value, 0 if unit == "minor" else 2), "unit": unit} for name, value, unit in parts],
        )  # fmt: skip

    # The budget

    def _budget(self, category, month):
        """What is open of a category's month at retail, with what it is worked out from."""
        from storeloom.workers.pricing.open_to_buy import open_to_buy, rest_of_sales

        plan, hours, config = self.config.plan[category][month], self.store.hours, self.config
        first, after = self._bounds(month)
        days = [day for n in range((after - first).days) if hours.day(day := first + n * DAY)]
        gone = {day.isoformat() for day in days if hours.day(day)[1] <= self.now}
        sold = sum(amount for day, amount in self.state.get(f"sold:{category}", {}).items() if day in gone)
        rest = rest_of_sales(plan.sales, sold, len(gone), len(days), config.reforecast_damping)
        markdown = plan.markdown * (len(days) - len(gone)) / len(days) if days else 0
        stock, on_order = self._stock(category), self._on_order(category, month)
        ahead = config.reserve if self.now < hours.midnight(first) else 0
        begin = self.state.get("begin", {})
        start = begin["stock"].get(category) if begin.get("month") == month else None
        receipts = plan.sales + plan.markdown + plan.end_stock - ((stock or 0) if start is None else start)
        return {
            "open": open_to_buy(rest, markdown, plan.end_stock, stock or 0, on_order, ahead),
            "rest": rest, "sold": sold, "stock": stock, "on_order": on_order, "receipts": receipts,
        }  # fmt: skip

    def _bounds(self, month):
        first = date.fromisoformat(f"{month}-01")
        return first, (first + 31 * DAY).replace(day=1)

    def _stock(self, category):
        """Value at retail of what was counted, None where nothing was."""
        values = []
        for name in [name for name in self.state if name.startswith("item:")]:
            gtin, row = self._item(name[5:])
            if row and row["category"] == category:
                found = self.workers.optimise.position.on_hand(self.state[name])
                if found is not None:
                    values.append(max(0, found) * self._price(gtin))
        return sum(values) if values else None

    def _on_order(self, category, month):
        orders = [self.state[name] for name in self.state if name.startswith("order:")]
        lines = [line for order in orders if order["deliver_on"][:7] == month for line in order["lines"].items()]
        return sum(qty * self._price(gtin) for gtin, qty in lines if self._item(gtin)[1].get("category") == category)

    def _price(self, gtin):
        return self.workers.pricing.retail.retail(self.tables.prices.rows(gtin=gtin), self.tables.products.get(gtin) or {})

    def _item(self, gtin):
        """A gtin as the table writes it, and its row where its category is planned."""
        row = self.tables.products.get(gtin) or {}
        return row.get("gtin", gtin), row if row.get("category") in self.config.plan else {}

    def _book(self, gtin):
        return self.state.setdefault(f"item:{gtin}", self.workers.optimise.position.empty())
