"""Evening day-clear: discounts on what may not stay overnight, only as deep as the stock left needs, on all channels at once.

Items are those flagged `products.day_clear`. Expected demand is the forecast's part of the remaining opening hours, else that part of the
weekday's mean over the last four weeks, in which units sold at a discount count as what would have sold at full price. The stock at start
is that of the evening's first decision with a count. Each bound speaker's zone hears an announcement once.

An item whose stock is not known, nought or negative is not stepped and stands in the report to be counted. Where the start lies before
opening the first decision is at opening. A decision that was missed is not made up: the next one goes on from the discount that stands.
Lots near their date have a solution of their own; this one looks at the evening alone.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

WEEKS = 4
WEEK = timedelta(days=7)


class DayClearDiscount(Solution):
    number = 135
    zh, en = "生鲜日清阶梯折扣", "Evening day-clear discount"
    purpose_zh = "不卖隔夜货的门店，晚间按剩余库存的需要逐级打折，电子秤、收银、价签和广播同时生效。"
    formats = ("supermarket", "convenience")
    produces = ("price.set", "audio.play", "inventory.movement", "insight.report")
    adapters = ("audio?",)
    reads = ("products", "prices")
    kpis = {
        "leftover": kpi("%", "Left at close, of the stock at start", "闭店剩余占起始库存"),
        "revenue_per_kg": kpi("currency", "Evening sales a kg", "晚间每公斤销售额"),
        "mean_discount": kpi("%", "Mean discount at close", "闭店时平均折扣"),
        "sold_out_before_close": kpi("%", "Items sold out before close", "闭店前售罄的商品"),
    }
    kinds = {"day_clear": ("Day-clear evening", "日清晚间结果")}

    class Config(SolutionConfig):
        start: str = setting(
            "19:00", "First decision", "首次决策", effect="reload", widget="time", pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
            help_en="Store time.", help_zh="店铺时间。",
        )  # fmt: skip
        step_min: int = setting(
            30, "Time between decisions", "决策间隔", unit="min", ge=5, le=120, help_en="Until close.", help_zh="直到闭店。"
        )
        step_pct: int = setting(
            10, "Depth of one step", "每级折扣", unit="%", ge=5, le=50, help_en="Off the base price.", help_zh="按原价计。"
        )
        max_pct: int = setting(
            70, "Deepest discount", "最大折扣", unit="%", ge=10, le=100, help_en="Off the base price.", help_zh="按原价计。"
        )
        uplift_pct: float = setting(
            15, "Extra demand a step", "每级需求增幅", unit="%", ge=0, le=100, help_en="Steps multiply.", help_zh="逐级相乘。"
        )
        target_pct: float = setting(
            5, "Leftover allowed", "允许剩余", unit="%", ge=0, le=50,
            help_en="Of the stock at start.", help_zh="占起始库存的比例。",
        )  # fmt: skip
        double_pct: float = setting(
            50, "Leftover for two steps", "连降两级的剩余", unit="%", ge=10, le=100,
            help_en="Two steps where more than this share of the stock now would stay.", help_zh="预计剩余超过当前库存的该比例则连降两级。",
        )  # fmt: skip
        announce_min: int = setting(
            15, "Least time between announcements", "广播最短间隔", unit="min", ge=0, le=120,
            help_en="Steps of one decision share one.", help_zh="同一次决策共用一条广播。",
        )  # fmt: skip

    @on("inventory.snapshot")
    def counted(self, event):
        if self._product(event["gtin"]) and event.get("other_store", self.store.id) == self.store.id:
            self.workers.optimise.position.count(self._item(event["gtin"])["places"], {**event.data, "other_store": None}, event.time)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        day = self.store.hours.store_day(event.time)
        for line in event["lines"]:
            product = self._product(line["gtin"])
            if product is None:
                continue
            item, by_kg = self._item(line["gtin"]), line.get("weight_g") is not None
            sign = -1 if event["kind"] == "return" or line["qty"] < 0 else 1
            units = sign * (abs(line["weight_g"]) / 1000 if by_kg else abs(line["qty"]))
            self.workers.optimise.position.take(item["places"], units, event.time)
            item["days"][day.isoformat()] = item["days"].get(day.isoformat(), 0) + units / self._steps().lift(item["discount"])
            for old in [one for one in item["days"] if date.fromisoformat(one) < day - WEEKS * WEEK]:
                del item["days"][old]
            if item["evening"] and (by_kg or product.get("unit") == "kg"):
                self.kpi.share("revenue_per_kg", sign * abs(line["amount"]), units)

    @on("forecast.demand?")
    def expected(self, event):
        if event.get("level", "item") != "item" or event.get("basis") == "promotion" or self._product(event["key"]) is None:
            return
        self.workers.optimise.demand_windows.enter(self._item(event["key"])["forecasts"], event.data, self.now)

    @every("1d", at="config.start")
    def begin(self, due):
        """The evening's first decision, at opening where the store opens later than the start."""
        span = self.store.hours.span(due.time)
        opening = self.store.hours.day(self.store.hours.store_day(due.time))
        if span:
            yield from self._decide(due.time, span[1])
        elif opening and opening[0] > due.time:
            self.timers.set("step", "", opening[0])

    @timer("step")
    def step(self, due):
        span = self.store.hours.span(due.time)
        if span:
            yield from self._decide(due.time, span[1])

    @every("1d", at="close")
    def close(self, due):
        """What is left is proposed as waste, and the evening ends: the base price holds again."""
        self.timers.cancel("step", "")
        rows, day = [], self.store.hours.ended_day(due.time)
        for product, item in self._items():
            stock, at_start = self.workers.optimise.position.units(item["places"]), item["start"]
            if not item["evening"]:
                continue
            left = max(0.0, stock or 0.0)
            row = {"gtin": product["gtin"], "at_start": at_start, "leftover": stock, "discount_pct": item["discount"]}
            rows.append({name: value for name, value in row.items() if value is not None} | {"count": item["count"] or stock is None})
            if at_start:
                self.kpi.share("leftover", left, at_start)
                self.kpi.share("sold_out_before_close", int(left <= 0), 1)
                self.kpi.sample("mean_discount", item["discount"])
            if left > 0:
                grams = round(left * 1000) if product.get("unit") == "kg" else None
                yield out(
                    "inventory.movement", kind="waste", gtin=product["gtin"], qty=-round(left, 3), weight_g=grams,
                    cost=product.get("cost"), reason="day_clear", state="proposed",
                )  # fmt: skip
            item |= {"discount": 0, "start": None, "evening": False, "count": False}
        if rows:
            window = {"from": self.store.hours.midnight(day), "to": due.time}
            figures = {
                "items": {"value": len(rows), "unit": "count"},
                "to_count": {"value": sum(row["count"] for row in rows), "unit": "count"},
            }
            yield out("insight.report", window, report=f"day_clear-{day}", kind="day_clear", version=1, figures=figures, rows=rows)

    def _decide(self, now, close):
        following = now + timedelta(minutes=self.config.step_min)
        if following < close:
            self.timers.set("step", "", following)
        deeper = []
        for product, item in self._items():
            stock, base = self.workers.optimise.position.units(item["places"]), self._base(product, now)
            item["evening"], item["count"] = True, item["count"] or stock is None or stock <= 0
            if stock is None or base is None:
                continue
            item["start"] = stock if item["start"] is None else item["start"]
            demand = self._demand(item, now, close)
            discount = self._steps().after(item["discount"], stock=stock, at_start=item["start"], demand=demand)
            if discount > item["discount"]:
                item["discount"] = discount
                deeper.append((product, discount))
                yield self._cut(product, base, discount, now, close)
        if deeper:
            yield from self._announce(deeper, now)

    def _cut(self, product, base, discount, now, close):
        pricing = self.workers.pricing
        price = pricing.round_money(pricing.money.exact(base) * (100 - pricing.money.exact(discount)) / 100)
        reason = self.say(f"day-clear, {discount:g} % off until close", f"日清 {discount:g}% 折让，至闭店")
        window = {"from": now, "to": close}
        return out(
            "price.set",
            window,
            gtin=product["gtin"],
            price=price,
            kind="markdown",
            struck=base,
            reason=reason,
            announce=True,
            state="approved",
        )

    def _announce(self, deeper, now):
        said = self.state.setdefault("announced", {"at": None})
        if said["at"] is not None and now - parse_time(said["at"]) < timedelta(minutes=self.config.announce_min):
            return
        zones = sorted({speaker.zone or speaker.id for speaker in self.devices.get("audio", ())})
        words = [f"{product.get('name', product['gtin'])} {discount:g}%" for product, discount in deeper]
        text = self.say(
            "Evening offers: " + ", ".join(f"{one} off" for one in words), "晚间日清：" + "，".join(f"{one} 折让" for one in words)
        )
        if zones:
            said["at"] = rfc3339(now)
        for zone in zones:
            yield out("audio.play", zone=zone, kind="promotion", text=text)

    def _demand(self, item, now, close):
        """Expected demand at full price until close."""
        hours = self.store.hours
        found = self.workers.optimise.demand_windows.expected(item["forecasts"], hours, now, close)
        if found is not None:
            return found
        today = hours.trading_day(now)
        past = [today - n * WEEK for n in range(1, WEEKS + 1)]
        first = min(item["days"], default=today.isoformat())
        known = [item["days"].get(day.isoformat(), 0) for day in past if day.isoformat() >= first]
        opens, closes = hours.day(today) or (now, close)
        whole = (closes - opens).total_seconds()
        return sum(known) / len(known) * (close - now).total_seconds() / whole if known and whole else 0.0

    def _steps(self):
        config = self.config
        return self.workers.optimise.day_clear.Steps(
            config.step_pct, config.max_pct, config.uplift_pct, config.target_pct, config.double_pct
        )

    def _items(self):
        return [(product, self._item(product["gtin"])) for product in self.tables.products.rows(day_clear=True)]

    def _product(self, gtin):
        product = self.tables.products.get(gtin)
        return product if product and product.get("day_clear") else None

    def _item(self, gtin):
        empty = {"places": {}, "days": {}, "forecasts": [], "discount": 0, "start": None, "evening": False, "count": False}
        return self.state.setdefault(f"item:{self.workers.gs1.item_key(gtin)}", empty)

    def _base(self, product, at):
        """The base price for everybody, else the list price."""
        found = self.workers.pricing.prices.base_price(self.tables.prices.rows(gtin=product["gtin"]), at, self.store.hours.zone)
        return product.get("list_price") if found is None else found
