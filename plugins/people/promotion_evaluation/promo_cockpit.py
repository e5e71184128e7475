"""Live promotion control and fuse: each running promotion against its plan, staff where it lags or runs dry, a cut where it loses money.

The plan is `forecast.demand` of the day by product, that of basis promotion before others; without one there is no pace. Stock is checked
product by product. A floor is the cost less the loss that is allowed, or the lowest price that promotions or price rows plan, if lower. A
price once cut, or a coupon once stopped, is cut no second time until a person has changed the tables (prices or promotions, coupons). The
loss stopped is what the sales of the fuse lost a minute, times the open time left. Buckets of a coupon count while the store is open.
"""

import math
from datetime import UTC, date, datetime, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import promo_terms, surge
from storeloom.workers.optimise import position
from storeloom.workers.pricing.prices import base_price, rows_by_item
from storeloom.workers.pricing.shelf import holds, offer_price

DAY, STEP = timedelta(days=1), timedelta(minutes=5)
PROFILE_WEEKS = 8
TOO_LATE = timedelta(hours=1)
LEAST_BUCKETS, LEAST_REDEEMED, MOST_EMPTY = 24, 10, 600


class PromoCockpit(Solution):
    number = 45
    zh, en = "促销实时监控与熔断", "Live promotion control and fuse"
    purpose_zh = "促销值班台：逐时对照计划监控每个促销，滞后或将断货时派人，价格错误或优惠券泄漏时数分钟内熔断。"
    formats = ("supermarket", "convenience", "specialty", "mall")
    produces = ("alert.raise", "task.create", "price.set", "insight.report")
    adapters = ("pos?",)
    reads = ("products", "prices", "promotions", "coupons")
    kpis = {
        "promotions_on_pace": kpi("%", "Promotions on pace", "达标促销占比"),
        "fuse_reaction": kpi("min", "First wrong sale to cut", "熔断反应时间"),
        "loss_stopped": kpi("minor", "Loss stopped", "止损金额"),
        "promo_stockout_hours": kpi("h", "Hours of promoted goods out of stock", "促销缺货时长"),
    }
    kinds = {
        "promo_lags": ("A promotion lags behind its plan", "促销进度滞后"),
        "promo_check": ("Check display, label and stock", "检查陈列、价签与库存"),
        "promo_replenish": ("Promoted goods will run out", "促销商品补货"),
        "price_fuse": ("A price below the floor was cut", "低于底价，价格熔断"),
        "coupon_fuse": ("A coupon leaks and is stopped", "优惠券异常核销，停用"),
        "promo_cockpit": ("Promotions of the day", "促销当日进度"),
    }

    class Config(SolutionConfig):
        under_pace: float = setting(0.7, "Pace below which a promotion lags", "滞后进度门槛", ge=0.1, le=1,
            help_en="Sold over expected by now.", help_zh="当前销量与预期之比。")  # fmt: skip
        under_min: int = setting(60, "How long it must lag", "滞后持续时长", unit="min", ge=10, le=480)
        over_pace: float = setting(1.5, "Pace above which stock is checked", "超速检查库存门槛", ge=1, le=10)
        min_expected: int = setting(20, "Expected units before pace is judged", "开始判断的预期件数", unit="units", ge=1, le=10_000)
        rate_h: float = setting(2, "Sales looked at for the present rate", "当前销速统计时长", unit="h", ge=0.5, le=8)
        max_loss_pct: float = setting(0, "Loss on cost that a price may carry", "允许的成本亏损比例", unit="%", ge=0, le=100)
        fuse_count: int = setting(3, "Sales below the floor that cut the price", "触发熔断的低价销售数", unit="sales", ge=1, le=100)
        fuse_min: int = setting(10, "Window of the fuse", "熔断时间窗", unit="min", ge=1, le=120)
        coupon_sigma: float = setting(4, "Deviations above which a coupon is stopped", "停券标准差倍数", ge=2, le=10,
            help_en="Of its redemptions in five minutes.", help_zh="按5分钟核销数计。")  # fmt: skip

    # Sales and stock

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] == "training":
            return
        sign, day, bucket = -1 if event["kind"] == "void" else 1, self._day(event.time), str(self._bin(event.time))
        profile, below = self.state.setdefault(f"profile:{day}", {}), {}
        for line in event["lines"]:
            item, qty = item_key(line["gtin"]), sign * line["qty"]
            bins = self.state.setdefault(f"sold:{day}:{item}", {})
            bins[bucket] = bins.get(bucket, 0) + qty
            profile[bucket] = profile.get(bucket, 0) + qty
            if f"stock:{item}" in self.state:
                position.take(self.state[f"stock:{item}"], qty, event.time)
            if qty > 0 and event["kind"] == "sale" and (loss := self._loss(item, line, event.time)):
                below[item] = below.get(item, 0) + loss
        if self.now - event.time <= TOO_LATE:
            for item, loss in below.items():
                yield from self._fuse(item, loss, event)

    def _day(self, at):
        return self.store.hours.store_day(at).isoformat()

    def _bin(self, at):
        """Number of the five minutes of the store day."""
        return (at - self.store.hours.midnight(self.store.hours.store_day(at))) // STEP

    @on("inventory.snapshot?")
    def counted(self, event):
        position.count(self.state.setdefault(f"stock:{item_key(event['gtin'])}", {}), event.data, event.time)

    def _on_hand(self, item):
        return position.units(self.state.get(f"stock:{item}", {}))

    @on("forecast.demand?")
    def foreseen(self, event):
        if event["level"] != "item":
            return
        first, over = parse_time(event["from"]), parse_time(event["to"])
        days = max(1, round((over - first) / DAY))
        for n in range(days):
            plan = self.state.setdefault(f"plan:{self._day(first + n * DAY)}:{item_key(event['key'])}", {})
            plan.setdefault(event["basis"], {})[event["from"]] = event["mean"] / days

    # Fuses

    def _product(self, item):
        return self.tables.products.get(item) or {}

    def _regular(self, item, at):
        rows = self.tables.prices.derived("by item", rows_by_item).get(item, ())
        return base_price(rows, at, self.store.hours.zone) or self._product(item).get("list_price")

    def _allowed(self, item):
        """The cost less the loss that is allowed, None where the cost is not known."""
        cost = self._product(item).get("cost")
        return None if cost is None else cost * (1 - self.config.max_loss_pct / 100)

    def _floor(self, item, at):
        """What is allowed, or the lowest planned price if that is lower."""
        zone, rows = self.store.hours.zone, self.tables.prices.derived("by item", rows_by_item).get(item, ())
        planned = [row["price"] for row in rows if row.get("kind", "base") != "base" and holds(row, at, zone)]
        regular = self._regular(item, at)
        planned += [offer_price(row, regular, zone) for row in self._running(at).values() if item in self._items(row)]
        return min([self._allowed(item), *(price for price in planned if price is not None)])

    def _loss(self, item, line, at):
        """What a line lost against its floor, 0 for none."""
        allowed = self._allowed(item)
        measure = line["weight_g"] / 1000 if line.get("weight_g") else line["qty"]
        if allowed is None or not measure or line["amount"] >= allowed * measure:
            return 0
        return max(0.0, self._floor(item, at) * measure - line["amount"])

    def _fuse(self, item, loss, event):
        window = timedelta(minutes=self.config.fuse_min)
        known = self.state.get(f"below:{item}", [])
        known = [one for one in known if abs(event.time - parse_time(one["at"])) <= window and one["receipt"] != event["receipt"]]
        self.state[f"below:{item}"] = known = [*known, {"at": rfc3339(event.time), "receipt": event["receipt"], "loss": loss}]
        if len(known) < self.config.fuse_count or f"cut:{item}" in self.state:
            return
        self.state[f"cut:{item}"] = rfc3339(self.now)
        first = min(parse_time(one["at"]) for one in known)
        span = self.store.hours.span(self.now)
        left_min = (span[1] - self.now) / timedelta(minutes=1) if span else 0
        self.kpi.sample("fuse_reaction", (self.now - first) / timedelta(minutes=1))
        self.kpi.add("loss_stopped", round(sum(one["loss"] for one in known) / self.config.fuse_min * left_min))
        gtin, regular, receipts = self._product(item).get("gtin", item), self._regular(item, self.now), [one["receipt"] for one in known]
        if regular is not None:
            yield out("price.set", {"from": self.now}, gtin=gtin, price=regular, kind="base", reason="price_fuse", state="approved",
                      ref=event.ref)  # fmt: skip
        text = self.say(f"{len(known)} sales below the floor: the regular price holds again", f"{len(known)}笔低于底价，已恢复原价")
        yield out("alert.raise", alert=f"price-fuse:{item}:{rfc3339(self.now)}", kind="price_fuse", severity="critical", state="open",
                  subject=gtin, till=event["till"], text=text, value=len(known), limit=self.config.fuse_count,
                  ref={"receipts": receipts, "floor": self._floor(item, event.time)})  # fmt: skip

    @on_table("prices", "promotions")
    def prices_changed(self, table):
        for key in [key for key in self.state if key.startswith(("cut:", "below:"))]:
            del self.state[key]

    @on_table("coupons")
    def coupons_changed(self, table):
        for key in [key for key in self.state if key.startswith("stopped:")]:
            del self.state[key]

    @on("coupon.redeemed")
    def redeemed(self, event):
        """Count into the coupon's running five minutes; what comes an hour late, or after them, fires nothing."""
        template, bucket = event["template"], int(event.time.timestamp() // STEP.total_seconds())
        if self.now - event.time > TOO_LATE:
            return
        record = self.state.setdefault(f"coupon:{template}", surge.new(bucket))
        if bucket < record["bucket"]:
            return
        if bucket > record["bucket"]:
            ends, begins = (datetime.fromtimestamp(n * STEP.total_seconds(), UTC) for n in (record["bucket"] + 1, bucket))
            empty = int(self.store.hours.open_seconds(ends, begins) // STEP.total_seconds())
            surge.go_on(record, bucket, min(MOST_EMPTY, empty))
        record["count"] += 1
        leaks = surge.is_surge(record, self.config.coupon_sigma, LEAST_BUCKETS, LEAST_REDEEMED)
        if leaks and f"stopped:{template}" not in self.state:
            self.state[f"stopped:{template}"] = rfc3339(self.now)
            text = self.say(f"Coupon {template} leaks: stop it", f"优惠券{template}核销异常：立即停用")
            yield out("alert.raise", alert=f"coupon-fuse:{template}:{rfc3339(self.now)}", kind="coupon_fuse", severity="critical",
                      state="open", subject=template, till=event.get("till"), text=text, value=record["count"],
                      limit=surge.limit(record, self.config.coupon_sigma))  # fmt: skip

    # Pace

    def _running(self, at):
        """Approved promotions of products that hold, by name."""
        zone = self.store.hours.zone
        rows = self.tables.promotions.all_rows()
        return {row["promo"]: row for row in rows if row.get("approved", True) and holds(row, at, zone) and self._items(row)}

    def _items(self, row):
        by_category = self.tables.products.derived("by category", promo_terms.by_category)
        return [item_key(gtin) for gtin in row.get("gtins") or ()] or by_category.get(row.get("category", ""), [])

    def _share(self, now):
        """The part of the day's sales that is usual by now: of the last same weekdays, else evenly over the open hours."""
        today, upto = self.store.hours.store_day(now), self._bin(now)
        days = (self.state.get(f"profile:{today - 7 * n * DAY}", {}) for n in range(1, PROFILE_WEEKS + 1))
        known = [day for day in days if sum(day.values()) > 0]
        if known:
            return sum(qty for day in known for n, qty in day.items() if int(n) < upto) / sum(sum(day.values()) for day in known)
        opens, closes = self.store.hours.day(today) or (now, now)
        return min(1.0, max(0.0, (now - opens) / (closes - opens))) if closes > opens else 1.0

    def _pace(self, items, now, share):
        """Sold and expected units by now of those items that have a plan."""
        sold = expected = 0
        for item in items:
            plans = self.state.get(f"plan:{self._day(now)}:{item}", {})
            plan = plans.get("promotion") or next(iter(plans.values()), None)
            if plan:
                expected += share * sum(plan.values())
                sold += sum(qty for n, qty in self.state.get(f"sold:{self._day(now)}:{item}", {}).items() if int(n) <= self._bin(now))
        return sold, expected

    @every("5m", only="open")
    def check(self, due):
        running = self._running(due.time)
        share = self._share(due.time) if running else 0
        for name, row in running.items():
            yield from self._lags(name, row, *self._pace(self._items(row), due.time, share), due.time)
        for item in dict.fromkeys(item for row in running.values() for item in self._items(row)):
            on_hand = self._on_hand(item)
            if on_hand is not None:
                self.kpi.add("promo_stockout_hours", STEP / timedelta(hours=1) if on_hand <= 0 else 0)
                yield from self._runs_dry(item, on_hand, *self._pace([item], due.time, share), due.time)

    def _lags(self, name, row, sold, expected, now):
        if expected < self.config.min_expected or sold / expected >= self.config.under_pace:
            self.state.pop(f"lag:{name}", None)
            return
        since = self.state.setdefault(f"lag:{name}", rfc3339(now))
        told = f"told:{self._day(now)}:{name}"
        if now - parse_time(since) >= timedelta(minutes=self.config.under_min) and told not in self.state:
            self.state[told] = True
            text = self.say(f"{name}: {sold:g} sold of {expected:.0f} expected", f"{name}：已售{sold:g}，预期{expected:.0f}")
            yield out("alert.raise", alert=f"promo-lags:{name}:{self._day(now)}", kind="promo_lags", severity="warn", state="open",
                      subject=name, zone=row.get("zone"), text=text, value=sold / expected, limit=self.config.under_pace)  # fmt: skip
            items = [{"gtin": self._product(item).get("gtin", item)} for item in self._items(row)]
            title = self.say(f"Check display, label and stock of {name}", f"检查{name}的陈列、价签与库存")
            yield out("task.create", task=f"promo-check:{name}:{self._day(now)}", kind="promo_check", priority=2, role="sales", title=title,
                      zone=row.get("zone"), fixture=row.get("fixture"), items=items, values={"promo": name})  # fmt: skip

    def _runs_dry(self, item, on_hand, sold, expected, now):
        told, since = f"told:{self._day(now)}:{item}", now - timedelta(hours=self.config.rate_h)
        span = self.store.hours.span(now)
        if told in self.state or span is None or expected < self.config.min_expected or sold / expected <= self.config.over_pace:
            return
        midnight = self.store.hours.midnight(self.store.hours.store_day(now))
        bins = self.state.get(f"sold:{self._day(now)}:{item}", {})
        rate = sum(qty for n, qty in bins.items() if since <= midnight + int(n) * STEP <= now) / self.config.rate_h
        left_h = (span[1] - now) / timedelta(hours=1)
        if rate > 0 and on_hand / rate < left_h:
            self.state[told] = True
            gtin, missing = self._product(item).get("gtin", item), math.ceil(rate * left_h - on_hand - 1e-9)
            name = self._product(item).get("name", gtin)
            title = self.say(f"Fill up {missing} of {name}", f"补货{name} {missing}件")
            yield out("task.create", task=f"promo-replenish:{item}:{self._day(now)}", kind="promo_replenish", priority=1, role="stock",
                      title=title, items=[{"gtin": gtin, "qty": missing}], due=now + timedelta(hours=max(0.0, on_hand / rate)))  # fmt: skip

    @every("1d", at="close")
    def report(self, due):
        hours, rows = self.store.hours, []
        day = hours.ended_day(due.time)
        for name, row in self._running(due.time - STEP).items():
            sold, expected = self._pace(self._items(row), due.time - timedelta(microseconds=1), 1.0)
            if expected >= self.config.min_expected:
                self.kpi.share("promotions_on_pace", sold / expected >= self.config.under_pace, 1)
                rows.append({"promo": name, "sold": sold, "expected": expected, "pace": sold / expected})
        if rows:
            figures = {"promotions": {"value": len(rows), "unit": "count"}}
            yield out("insight.report", {"from": hours.midnight(day), "to": due.time}, report=f"promo_cockpit:{day}", kind="promo_cockpit",
                      version=1, figures=figures, rows=rows)  # fmt: skip
        self._forget(day)

    def _forget(self, day):
        oldest = {"profile": day - (7 * PROFILE_WEEKS + 1) * DAY, "sold": day - DAY, "plan": day, "told": day}
        for key in list(self.state):
            kind, _, rest = key.partition(":")
            if kind in oldest and date.fromisoformat(rest[:10]) < oldest[kind]:
                del self.state[key]
