"""Shrink radar: splits stock loss between counts into mis-scans, receiving errors, unbooked waste, yield and probable theft, and says what
to count next.

Quantities are pieces, kilograms of weighed goods. A return told by the till and as a movement is one; goods sent back to the supplier
leave, goods made in the store come; moves between shelf and backroom are none, and an adjustment is no cause, so that what it wrote off
shows as loss. Voided and training receipts sell nothing. A swap is sought among counts whose intervals have time in common; both items
then bear it, and the find no longer counts as found stock. A count that is told late splits what moved in the last hours; one older than
the last is passed over. Late events change the intervals of the last two weeks, and the last one of each item.

A week runs from Monday to Monday, store time; its loss is that of the counts made in it, and what comes later does not change its point on
the chart. A figure for theft is what no other cause explains: a reason to look, at goods, not at people.
"""

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting

KEPT_S, RECENT_S, DAY_S = 14 * 86400.0, 6 * 3600.0, 86400.0
CAUSES = ("swap", "receiving", "late_waste", "yield", "theft_or_unknown")
INSIDE = {"shelf", "backroom", "store"}
SIGNED = ("received", "made")


class ShrinkRadar(Solution):
    number = 166
    zh, en = "损耗雷达", "Shrink radar"
    purpose_zh = "把两次盘点之间的损耗拆分为错扫、收货差错、未记报损、干耗与疑似盗损，并指出接下来该盘什么。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("score.report", "alert.raise", "task.create", "insight.report")
    reads = ("products", "prices", "suppliers")
    kpis = {
        "unknown_shrink_rate": kpi("%", "Unknown shrink", "不明损耗率"),
        "loss_explained": kpi("%", "Loss explained", "已解释损失占比"),
        "found_stock_value": kpi("minor", "Value of found stock", "盘盈金额"),
        "categories_out_of_control": kpi("count", "Categories out of control", "失控品类数"),
    }
    kinds = {
        "shrink_out_of_control": ("Shrink of a category out of control", "品类损耗失控"),
        "count_items": ("Items to count", "待盘商品"),
        "shrink": ("Shrink of the week", "一周损耗"),
    }

    class Config(SolutionConfig):
        ewma_lambda: float = setting(0.2, "Weight of the newest week", "最新一周权重", ge=0.05, le=1)
        sigma_limit: float = setting(3, "Width of the control limit", "控制限宽度", unit="s", ge=1, le=6,
            help_en="In standard deviations of the chart's figure.", help_zh="以控制图统计量的标准差计。")  # fmt: skip
        baseline_weeks: int = setting(8, "Weeks that set mean and spread", "基线周数", unit="w", ge=4, le=52)
        swap_price_tol_pct: float = setting(10, "Price distance of a mis-scan", "错扫价差", unit="%", ge=0, le=50,
            help_en="At which opposite variances of two items are one.", help_zh="两种商品盈亏相抵时允许的价差。")  # fmt: skip
        late_waste_days: int = setting(2, "Waste booked so soon explains a loss", "补记报损天数", unit="d", ge=0, le=7,
            help_en="After the count.", help_zh="自盘点起。")  # fmt: skip
        yield_pct: float = setting(5, "Drying and trim of weighed goods", "称重商品损耗率", unit="%", ge=0, le=20,
            help_en="Of the weight received.", help_zh="占收货重量。")  # fmt: skip
        min_loss_value: int = setting(2000, "Smaller losses get no cause", "不归因的损失上限", unit="minor", ge=0, le=1000000)
        count_top: int = setting(20, "Items in the weekly count task", "每周盘点商品数", ge=1, le=500)

    @on("inventory.movement")
    def moved(self, event):
        if event.get("state", "booked") != "booked":
            return
        qty, kind, gtin = event["qty"], event["kind"], self._written(event["gtin"])
        if kind == "count":
            yield from self._counted(gtin, qty, event.time)
        elif field := self._field(event, kind, qty):
            yield from self._enter(gtin, [(field, qty if field in SIGNED else abs(qty))], event.time)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        for line in event["lines"]:
            gtin = self._written(line["gtin"])
            qty = line["weight_g"] / 1000 if line.get("weight_g") and self._is_weighed(gtin) else line["qty"]
            if event["kind"] == "return" or qty < 0:
                moves = [("paid_back", abs(qty)), ("sales_value", -abs(line["amount"]))]
            else:
                moves = [("sold", qty), ("sales_value", line["amount"])]
            yield from self._enter(gtin, moves, event.time)

    @every("1d", at="00:00", weekday=1)
    def weekly(self, due):
        """The week's point of each category, what to count next, and the week's loss by cause."""
        hours = self.store.hours
        start = hours.midnight(hours.store_day(due.time) - timedelta(days=7))
        week = {}
        for gtin, closed in self._intervals(start.timestamp(), due.time.timestamp()):
            row = week.setdefault(self._category(gtin) or "uncategorised", dict.fromkeys(("loss", "sales", "found", "items", *CAUSES), 0))
            told = closed["told"]
            row["loss"] += told["loss"]
            row["sales"] += told["sales"]
            row["found"] += told["found"]
            row["items"] += 1
            if told["cause"] and told["loss"] > 0:
                row[told["cause"]] += told["loss"]
        points = {}
        for category in sorted(week):
            if week[category]["sales"] > 0:
                points[category] = yield from self._point(category, 100 * week[category]["loss"] / week[category]["sales"])
        self.kpi.set("categories_out_of_control", sum(self.state[key]["out"] for key in self.state if key.startswith("chart|")))
        yield from self._count_task(due.time)
        if week:
            yield self._report(start, due.time, week, points)

    def _enter(self, gtin, moves, at):
        """Book moves where their time belongs: after the last count, or into the interval that a late event reopens."""
        engine, t_s, item = self.workers.insight.shrink, at.timestamp(), self._item(gtin)
        since = item["open"]["from_s"]
        if since is None or t_s > since:
            for field, qty in moves:
                engine.remember(item["open"], field, qty, t_s, RECENT_S)
        late = next((closed for closed in item["closed"] if closed["from_s"] < t_s <= closed["to_s"]), None)
        if late is not None:
            for field, qty in moves:
                engine.add(late, field, qty, t_s)
            yield from self._judge(gtin, late)
        for closed in item["closed"] if moves[0][0] == "waste" else ():
            if closed["to_s"] < t_s <= closed["to_s"] + self.config.late_waste_days * DAY_S:
                yield from self._judge(gtin, closed)

    def _counted(self, gtin, counted, at):
        """The first count begins the book; each later one ends an interval, which then is judged."""
        engine, t_s, item = self.workers.insight.shrink, at.timestamp(), self._item(gtin)
        since = item["open"]["from_s"]
        if since is not None and t_s <= since:
            return
        closed, item["open"] = item["open"], engine.close(item["open"], counted, t_s)
        if since is None:
            return
        kept = [one for one in item["closed"] if t_s - one["to_s"] <= KEPT_S]
        item["closed"] = [*(kept or item["closed"][-1:]), closed]
        yield from self._judge(gtin, closed)

    def _judge(self, gtin, closed):
        """What an interval lost and why; told when it is new or has changed, as the other item of a swap is too."""
        engine, product = self.workers.insight.shrink, self.tables.products.get(gtin) or {}
        lost, partner = engine.loss(closed), closed.get("with")
        if partner and abs(lost + self._other(partner)[1]) > engine.EDGE:
            yield from self._part(closed)
        partner = closed.get("with")
        cause = "swap" if partner else None
        if not partner and (found := self._swap(gtin, closed, lost)):
            name, other = found
            closed["with"], other["with"] = [name, other["to_s"]], [gtin, closed["to_s"]]
            cause = "swap"
            yield from self._tell(name, other, "swap")
        if cause is None and lost > 0 and round(lost * self._cost(product)) >= self.config.min_loss_value:
            cause = self._cause(gtin, closed, lost, product)
        yield from self._tell(gtin, closed, cause)

    def _cause(self, gtin, closed, lost, product):
        engine, item = self.workers.insight.shrink, self._item(gtin)
        waste = [one for interval in [*item["closed"], item["open"]] for one in interval["wastes"]]
        later = engine.wasted_after(waste, closed["to_s"], self.config.late_waste_days)
        return engine.cause_of(lost, closed["sums"], case_pack=product.get("case_pack"), weighed=self._is_weighed(gtin), later_waste=later,
            yield_pct=self.config.yield_pct)  # fmt: skip

    def _swap(self, gtin, closed, lost):
        """The item of the same category whose find is this loss, or whose loss this find; of several the one nearest in price."""
        engine, category, price = self.workers.insight.shrink, self._category(gtin), self._price(gtin, closed)
        fits = []
        for name, other in self._intervals() if lost and category and not self._is_weighed(gtin) else ():
            if name == gtin or other.get("with") or self._category(name) != category or not engine.overlap(closed, other):
                continue
            theirs, variance = self._price(name, other), engine.loss(other)
            loser, prices = (gtin, (price, theirs)) if lost > 0 else (name, (theirs, price))
            value = round(abs(lost) * self._cost(self.tables.products.get(loser) or {}))
            pair = (lost, variance) if lost > 0 else (variance, lost)
            if value >= self.config.min_loss_value and engine.swapped(*pair, *prices, self.config.swap_price_tol_pct):
                fits.append(((abs(price - theirs), name, -other["to_s"]), other))
        nearest = min(fits, key=lambda fit: fit[0], default=None)
        return nearest and (nearest[0][1], nearest[1])

    def _other(self, partner):
        """The other interval of a swap and its loss; None and 0 where it is no longer kept."""
        name, to_s = partner
        other = next((one for one in self._item(name)["closed"] if one["to_s"] == to_s), None)
        return other, self.workers.insight.shrink.loss(other) if other else 0

    def _part(self, closed):
        """A late event made two items no swap any more: the other one is judged anew."""
        name, _ = closed["with"]
        other = self._other(closed.pop("with"))[0]
        if other is not None:
            other.pop("with", None)
            yield from self._judge(name, other)

    def _tell(self, gtin, closed, cause):
        engine, product = self.workers.insight.shrink, self.tables.products.get(gtin) or {}
        lost, sales = engine.loss(closed), closed["sums"]["sales_value"]
        value = round(lost * self._cost(product))
        told = {"loss": value, "sales": sales, "found": max(0, -value) if cause != "swap" else 0, "cause": cause,
            "with": closed["with"][0] if closed.get("with") else None}  # fmt: skip
        before = closed.get("told")
        now = told | {"lost": lost}
        if before == now:
            return
        closed["told"] = now
        self._figures(before or {"loss": 0, "sales": 0, "found": 0, "cause": None}, now)
        parts = [{"name": "book", "value": engine.book(closed)}, {"name": "counted", "value": closed["counted"]},
            {"name": "loss", "value": lost}, {"name": "loss_value", "value": value, "unit": "minor"},
            {"name": "sales_value", "value": sales, "unit": "minor"}]  # fmt: skip
        rate = round(100 * value / sales, 6) if sales > 0 else None
        labels = {name: what for name, what in (("cause", cause), ("with", told["with"])) if what}
        yield out("score.report", {"from": _at(closed["from_s"]), "to": _at(closed["to_s"])}, scheme="shrink", subject_kind="item",
            subject=gtin, score=rate, parts=parts + ([] if rate is None else [{"name": "rate", "value": rate, "unit": "%"}]),
            labels=labels or None)  # fmt: skip

    def _figures(self, before, now):
        """Enter what an interval says now in place of what it said before."""

        def weigh(told):
            unknown = told["loss"] if told["cause"] == "theft_or_unknown" else 0
            caused = max(0, told["loss"]) if told["cause"] else 0
            return unknown, told["sales"], caused - unknown, caused, told["found"]

        unknown, sales, explained, caused, found = (a - b for a, b in zip(weigh(now), weigh(before), strict=True))
        self.kpi.share("unknown_shrink_rate", unknown, sales)
        self.kpi.share("loss_explained", explained, caused)
        self.kpi.add("found_stock_value", found)

    def _point(self, category, rate):
        config = self.config
        state, point = self.workers.insight.control_chart.advance(self.state.get(f"chart|{category}", {}), rate, weight=config.ewma_lambda,
            width=config.sigma_limit, base=config.baseline_weeks)  # fmt: skip
        self.state[f"chart|{category}"] = state
        if point and point.change:
            crossed = point.change == "crossed"
            text = self.say(f"Shrink of {category}: {point.z:.2f} %", f"{category} 损耗率 {point.z:.2f}%")
            yield out("alert.raise", alert=f"shrink-{category}", kind="shrink_out_of_control", severity="warn", subject=category,
                state="open" if crossed else "cleared", value=round(point.z, 6), limit=round(point.limit, 6), unit="%",
                text=text)  # fmt: skip
        return point

    def _count_task(self, now):
        """Items that lose most by the day, times the days since their count."""
        ranked = []
        for gtin in self._items():
            closed = self._item(gtin)["closed"]
            if closed and closed[-1]["told"]["loss"] > 0 and closed[-1]["told"]["cause"] != "swap":
                last = closed[-1]
                days, since = (last["to_s"] - last["from_s"]) / DAY_S, (now.timestamp() - last["to_s"]) / DAY_S
                ranked.append((-last["told"]["loss"] / days * since, gtin))
        top = sorted(ranked)[: self.config.count_top]
        if top:
            items = [{"gtin": gtin, "note": self.say(f"about {-value:.0f} at risk", f"风险约 {-value:.0f}")} for value, gtin in top]
            yield out("task.create", task=f"count_items-{self.store.hours.store_day(now)}", kind="count_items", priority=3, role="stock",
                title=self.say(f"Count {len(items)} items", f"盘点 {len(items)} 种商品"), items=items, evidence="count")  # fmt: skip

    def _report(self, start, end, week, points):
        total = {name: sum(row[name] for row in week.values()) for name in ("loss", "sales", "found", *CAUSES)}
        figures = {f"{name}_value": {"value": value, "unit": "minor"} for name, value in total.items()}
        if total["sales"] > 0:
            figures["shrink_rate"] = {"value": round(100 * total["loss"] / total["sales"], 6), "unit": "%"}
        rows = []
        for category, row in sorted(week.items()):
            point, rate = points.get(category), {"rate_pct": round(100 * row["loss"] / row["sales"], 6)} if row["sales"] > 0 else {}
            chart = {"ewma_pct": round(point.z, 6), "limit_pct": round(point.limit, 6)} if point else {}
            rows.append({"category": category, "items": row["items"], "loss_value": row["loss"]} | rate | chart)
        rows += [self._claim(gtin, closed) for gtin, closed in self._intervals(start.timestamp(), end.timestamp())
            if closed["told"]["cause"] == "receiving"]  # fmt: skip
        return out("insight.report", {"from": start, "to": end}, report=f"shrink-{self.store.hours.store_day(start)}", kind="shrink",
            version=1, figures=figures, rows=rows)  # fmt: skip

    def _claim(self, gtin, closed):
        """A receiving error with the supplier to talk to."""
        supplier = (self.tables.products.get(gtin) or {}).get("supplier")
        name = ((self.tables.suppliers.get(supplier) or {}).get("name") if supplier else None) or supplier
        row = {"gtin": gtin, "cause": "receiving", "qty": closed["told"]["lost"], "loss_value": closed["told"]["loss"]}
        return row | ({"supplier": name} if name else {})

    def _field(self, event, kind, qty):
        """By what a movement changes the book; None where it does not."""
        places = {event.get("from"), event.get("to")}
        if kind == "receive":
            return "received"
        if kind == "transfer" and not places <= INSIDE:
            leaves = qty < 0 or (event.get("from") in INSIDE | {self.store.id} and event.get("to") not in (None, *INSIDE, self.store.id))
            return "moved_out" if leaves else "moved_in"
        if kind == "return":
            return "returned" if qty > 0 else "moved_out"
        return {"waste": "waste", "produce": "made"}.get(kind)

    def _intervals(self, from_s=None, to_s=None):
        """Judged intervals by item: those counted in a time, else all that are kept."""
        return [(gtin, closed) for gtin in self._items() for closed in self._item(gtin)["closed"]
            if closed.get("told") and (from_s is None or from_s <= closed["to_s"] < to_s)]  # fmt: skip

    def _items(self):
        return sorted(key.removeprefix("item|") for key in self.state if key.startswith("item|"))

    def _item(self, gtin):
        return self.state.setdefault(f"item|{gtin}", {"open": self.workers.insight.shrink.begin(), "closed": []})

    def _written(self, gtin):
        """A gtin as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _category(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("category")

    def _is_weighed(self, gtin):
        product = self.tables.products.get(gtin) or {}
        return bool(product.get("weighed")) or product.get("unit") == "kg"

    def _cost(self, product):
        return product.get("cost") or 0

    def _price(self, gtin, closed):
        pricing, product = self.workers.pricing, self.tables.products.get(gtin)
        if product is None:
            return None
        book = pricing.PriceBook(self.tables.prices.rows(gtin=gtin), products=pricing.index_products([product]), zone=self.store.hours.zone)
        return book.price_of(product, _at(closed["to_s"]))


def _at(t_s):
    return datetime.fromtimestamp(round(t_s, 6), UTC)
