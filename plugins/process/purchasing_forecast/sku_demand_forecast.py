"""Forecasts each item of the store by day with quantiles, by the method that its demand pattern calls for, and owns up when it was wrong.

Each night at closing time the day is added to the item's series, last night's forecasts are scored against it, and the days ahead are
published. Three methods compete on true forecasts from the day before; a challenger needs 28 scored days to take the item over. The
tracking signal counts actual less forecast (positive: demand not foreseen) over the last 28 scored days; an item beyond the limit is
reported, its level, season and chance are learnt anew from its latest days, and its score begins again.

A store day is the day on which the store opened, so that sales past midnight belong to the evening before. A day is not known when the
store was closed for part of it, or when nothing sold and a snapshot of shelf or store showed none on hand. An item's series begins when
it was listed, or when the solution first saw it in the table, at the latest with its first sale; it spans 400 days at most. Planned
closed days are published as 0. Quantiles that have no field of their own stand in `quantiles`. An item without a product row counts as
sold by piece.

An item that sells less than `min_weekly` over its last 8 weeks of known days rests: its series is kept and waits for the night of a sale
that lifts it, its score begins again. So a night costs what the items cost that sell, however long the range is.
"""

import math
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting
from storeloom.core.kernel.events import parse_time
from storeloom.workers.gs1.numbers import item_key

HISTORY_DAYS = 400
SCORED_DAYS = 28
RECENT_DAYS = 56
KG_STEP = 0.1
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


class SkuDemandForecast(Solution):
    number = 74
    zh, en = "单品销量预测", "Item demand forecast"
    purpose_zh = "按需求形态为每个单品选用预测方法，逐日给出销量及分位数，并按单品如实报告偏差，让订货依据数字而非习惯。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("forecast.demand", "score.report")
    reads = ("products", "promotions")
    load = "forecast"
    kpis = {
        "wape": kpi("%", "Weighted absolute error", "加权绝对百分比误差"),
        "bias": kpi("%", "Bias", "预测偏差"),
        "flagged_items": kpi("count", "Items flagged", "标记单品数"),
        "items_forecast": kpi("count", "Items forecast", "已预测单品数"),
    }

    class Config(SolutionConfig):
        horizon: int = setting(14, "Days ahead", "预测天数", unit="d", ge=1, le=90)
        min_history: int = setting(
            28, "Known days needed", "最少有效天数", unit="d", ge=14, le=365,
            help_en="Items with fewer known days (open, in stock) are left to the new-item forecast.",
            help_zh="有效天数（营业且有货）不足的单品交由新品预测处理。",
        )  # fmt: skip
        adi_cut: float = setting(
            1.32, "Gap of intermittent demand", "间断需求间隔阈值", ge=1, le=5,
            help_en="Mean days between demands from which an item is intermittent.", help_zh="平均需求间隔达到该值即视为间断需求。",
        )  # fmt: skip
        cv2_cut: float = setting(
            0.49, "Variation of erratic demand", "波动需求阈值", ge=0.1, le=3,
            help_en="Squared variation of sizes from which demand is erratic.", help_zh="需求量变异系数平方达到该值即视为波动需求。",
        )  # fmt: skip
        alpha: float = setting(
            0.2, "Smoothing of demand size", "需求量平滑系数", ge=0.01, le=0.9,
            help_en="Of TSB, for items that do not sell every day.", help_zh="用于间断需求的 TSB 方法。",
        )  # fmt: skip
        beta: float = setting(
            0.1, "Smoothing of demand chance", "需求概率平滑系数", ge=0.01, le=0.9,
            help_en="Of TSB, for items that do not sell every day.", help_zh="用于间断需求的 TSB 方法。",
        )  # fmt: skip
        switch_gain: float = setting(
            0.02, "Gain that a challenger needs", "换用方法所需改进", ge=0, le=0.5,
            help_en="A challenger must beat the champion's MASE by this share.", help_zh="挑战方法的 MASE 须比现用方法低出该比例。",
        )  # fmt: skip
        signal_limit: float = setting(
            4, "Tracking signal limit", "跟踪信号上限", ge=2, le=10,
            help_en="Beyond it the item is flagged and refitted.", help_zh="超过该值的单品将被标记并重新拟合。",
        )  # fmt: skip
        min_weekly: float = setting(
            0, "Weekly sales needed", "最低周销量", unit="units/week", ge=0, le=1000,
            help_en="Items that sold less a week over the last 8 weeks are not forecast; 0: all.",
            help_zh="最近 8 周平均每周销量低于该值的单品不作预测；0 表示全部预测。",
        )  # fmt: skip
        quantiles: list[Annotated[float, Field(ge=0.01, le=0.99)]] = setting(
            lambda: [0.1, 0.5, 0.9, 0.95], "Quantiles published", "发布的分位数", min_length=1,
            help_en="Shares from 0.01 to 0.99.", help_zh="取值 0.01 至 0.99。",
        )  # fmt: skip

    def start(self):
        self.assortment("products")

    @on_table("products")
    def assortment(self, table):
        """Remember since when each product is in the range; what rested and is out of it starts afresh if it comes back."""
        before, today = self.state.get("in_range", {}), self.store.hours.trading_day(self.now).isoformat()
        rows = self.tables.products.all_rows()
        self.state["in_range"] = {row["gtin"]: max(before.get(row["gtin"], today), row.get("listed_on") or "") for row in rows}
        for gtin in self._kept()["rest"]:
            row = self._product(gtin)[1]
            if not row or str(row.get("delisted_on") or "9999") <= today:
                del self.state[f"rest:{gtin}"]

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        day = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        for line in event["lines"]:
            gtin, row = self._product(line["gtin"])
            weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
            units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
            back = kind == "return" or line["qty"] < 0
            self._news(gtin, day)["units"] += -units if back else units

    @on("inventory.snapshot?")
    def counted(self, event):
        here = event.get("location", "store") in ("shelf", "store") and event.get("view", "physical") == "physical"
        if here and event["on_hand"] <= 0 and event.get("other_store", self.store.id) == self.store.id:
            self._news(self._product(event["gtin"])[0], self.store.hours.trading_day(event.time).isoformat())["out"] = True

    @on("calendar.event?")
    def planned(self, event):
        if event.get("zone") is None:
            self.state[f"calendar:{event['event']}"] = {name: event[name] for name in ("kind", "from", "to")}

    @on("weather.forecast?")
    def weather(self, event):
        begin, end = parse_time(event["from"]), parse_time(event["to"])
        windows = self.state.setdefault(f"weather:{self.store.hours.store_day(begin + (end - begin) / 2).isoformat()}", {})
        issued = event.get("issued", event["from"])
        known = windows.get(event["from"])
        if known is None or parse_time(known["issued"]) <= parse_time(issued):
            windows[event["from"]] = {"issued": issued, "c": event.get("temp_max_c", event["temp_c"]), "mm": event.get("rain_mm", 0)}

    @every("1d", at="close")
    def night(self, due):
        from storeloom.workers.forecast.regressors import columns, with_promotions
        from storeloom.workers.forecast.series import weekly_sales

        today, config = self.store.hours.ended_day(due.time), self.config
        days = [today + n * DAY for n in range(1 - HISTORY_DAYS, config.horizon + 1)]
        kept = self._kept()
        self._forget(kept, days[0])
        shut, common = self._shut(days, kept), columns(days, self._calendar(kept), self._weather(kept))
        promoted, scored, forecast = self.tables.promotions.derived("days promoted", self._promoted), {}, 0
        for gtin in self._awake(kept):
            row = self._product(gtin)[1]
            item = self._carry_on(gtin, row, today, days[0])
            if item is None:
                continue
            begin = len(days) - config.horizon - len(item["units"])
            series = [None if closed else units for closed, units in zip(shut[begin:], item["units"], strict=False)]
            self._score(item, series[-1], today)
            scored.setdefault(row.get("category"), []).extend(item["scored"])
            if weekly_sales(series, RECENT_DAYS) < config.min_weekly:
                self.state[f"rest:{gtin}"] = {**self.state.pop(f"item:{gtin}"), "next": None, "scored": []}
            elif sum(units is not None for units in series) >= config.min_history:
                spans = [*promoted.get(item_key(gtin), ()), *promoted.get(row.get("category"), ())]
                yield from self._flag(gtin, item, series, today)
                drivers = with_promotions(common[begin:], days[begin], spans)
                yield from self._publish(gtin, row, item, series, drivers, shut[-config.horizon :], due.time)
                forecast += 1
        self.kpi.set("items_forecast", forecast)
        yield from self._report(scored, today)

    def _kept(self):
        """Names in the state by kind."""
        kept = {kind: [] for kind in ("item", "rest", "news", "calendar", "weather")}
        for key in self.state:
            kind, _, name = key.partition(":")
            if name:
                kept[kind].append(name)
        return kept

    def _forget(self, kept, earliest):
        """Drop calendar entries and weather from before the span."""
        begin = self.store.hours.midnight(earliest)
        past = {
            "weather": [day for day in kept["weather"] if day < earliest.isoformat()],
            "calendar": [name for name in kept["calendar"] if parse_time(self.state[f"calendar:{name}"]["to"]) <= begin],
        }
        for kind, names in past.items():
            for name in names:
                kept[kind].remove(name)
                del self.state[f"{kind}:{name}"]

    def _awake(self, kept):
        """The items to look at tonight: those not at rest, those with news, and all when the limit has changed."""
        changed = self.state.get("rest_below", 0) != self.config.min_weekly
        self.state["rest_below"] = self.config.min_weekly
        return sorted({*kept["item"], *kept["news"], *(kept["rest"] if changed else ())})

    def _carry_on(self, gtin, row, today, earliest):
        """The item with its series up to today; None for one that is delisted, has not sold in the whole span, or never sold."""
        from storeloom.workers.forecast.series import extend

        news = {day: facts for day, facts in self.state.pop(f"news:{gtin}", {}).items() if day >= earliest.isoformat()}
        late = {day: facts for day, facts in news.items() if day > today.isoformat()}
        if f"rest:{gtin}" in self.state:
            self.state[f"item:{gtin}"] = self.state.pop(f"rest:{gtin}")
        item = self.state.get(f"item:{gtin}")
        sold = [day for day, facts in news.items() if facts["units"] and day not in late]
        if late:
            self.state[f"news:{gtin}"] = late
        delisted = str(row.get("delisted_on") or "9999") <= today.isoformat() or (item and item["listed"] and not row)
        if delisted or not (item or sold):
            self.state.pop(f"item:{gtin}", None)
            return None
        if item is None:
            first = min([self.state["in_range"].get(gtin, min(sold)), *sold])
            item = self.state[f"item:{gtin}"] = {"first": first, "units": [], "scored": [], "next": None, "method": None, "since": first}
        item["listed"] = bool(row)
        extend(item, {day: facts for day, facts in news.items() if day not in late}, today, earliest)
        if not any(item["units"]):
            del self.state[f"item:{gtin}"]
            return None
        return item

    def _score(self, item, actual, today):
        """Hold last night's forecasts against the day."""
        if item["next"] and item["next"]["day"] == today.isoformat() and actual is not None:
            actual, forecast = max(0, actual), item["next"]["means"]
            published = forecast[item["method"]]
            item["scored"] = [*item["scored"], {"actual": actual, "published": published, **forecast}][-SCORED_DAYS:]
            self.kpi.share("wape", abs(actual - published), actual)
            self.kpi.share("bias", published - actual, actual)

    def _flag(self, gtin, item, series, today):
        """Report an item whose forecasts lean to one side, and learn it anew from its latest days."""
        from storeloom.workers.forecast.series import latest_known, signal

        value = signal(item["scored"], SCORED_DAYS)
        if abs(value) > self.config.signal_limit:
            item["since"] = latest_known({**item, "units": series}, self.config.min_history)
            item["scored"] = []
            self.kpi.add("flagged_items")
            parts = {"tracking_signal": value, "signal_limit": self.config.signal_limit}
            yield self._scored_report("item", gtin, today, parts, state="flagged", method=item["method"])

    def _publish(self, gtin, row, item, series, drivers, shut, issued):
        from storeloom.workers.forecast.items import METHODS, SMOOTHING, first_method, forecast_item
        from storeloom.workers.forecast.regressors import grouped
        from storeloom.workers.forecast.series import champion, mase

        since = max(0, (date.fromisoformat(item["since"]) - date.fromisoformat(item["first"])).days)
        config = self.config
        found = forecast_item(
            series, config.horizon, min_history=config.min_history, alpha=config.alpha, beta=config.beta,
            adi_cut=config.adi_cut, cv2_cut=config.cv2_cut, regressors=drivers, since=since,
        )  # fmt: skip
        current = item["method"] or first_method(found.pattern)
        method = item["method"] = champion(current, item["scored"], METHODS, config.switch_gain, SCORED_DAYS)
        unit = "kg" if row.get("unit") == "kg" else "each"
        shares = sorted({*config.quantiles, 0.5})
        quantiles = found.quantiles(method, shares, KG_STEP if unit == "kg" else 1)
        error = mase(method, item["scored"], series)
        known = {"pattern": found.pattern.name, "cv2": round(found.pattern.cv2, 4)}
        if math.isfinite(found.pattern.adi):  # no sale in the window: no interval between sales
            known["adi"] = round(found.pattern.adi, 4)
        known |= {} if error is None else {"mase": round(error, 4)}
        day, item["next"] = self.store.hours.ended_day(issued), None
        for ahead, closed in enumerate(shut):
            day += DAY
            if row.get("delisted_on") and day.isoformat() >= row["delisted_on"]:
                break
            if not closed and item["next"] is None:
                item["next"] = {"day": day.isoformat(), "means": {name: round(means[ahead], 4) for name, means in found.means.items()}}
            points = {f"{share:g}": 0.0 if closed else round(point, 4) for share, point in zip(shares, quantiles[ahead], strict=True)}
            published = {f"{share:g}": points[f"{share:g}"] for share in config.quantiles}
            yield out(
                "forecast.demand", {"from": self.store.hours.midnight(day), "to": self.store.hours.midnight(day + DAY)},
                level="item", key=gtin, basis="base", unit=unit, issued=issued, model="closed" if closed else method,
                mean=0.0 if closed else round(found.means[method][ahead], 6), p50=points["0.5"],
                p10=published.get("0.1"), p90=published.get("0.9"), quantiles=published,
                drivers=known | (grouped(found.effects(ahead)) if method == SMOOTHING else {}),
            )  # fmt: skip

    def _report(self, scored, today):
        """Error and bias of the last scored days by category."""
        from storeloom.workers.forecast.accuracy import bias, wape

        for category in sorted(name for name in scored if name):
            actual, published = ([row[name] for row in scored[category]] for name in ("actual", "published"))
            if sum(actual) > 0:
                yield self._scored_report("category", category, today, {"wape": wape(actual, published), "bias": bias(actual, published)})

    def _scored_report(self, kind, subject, today, parts, **labels):
        hours = self.store.hours
        window = {"from": hours.midnight(today - (SCORED_DAYS - 1) * DAY), "to": hours.midnight(today + DAY)}
        listed = [{"name": name, "value": round(value, 4), **({"unit": "%"} if name in self.kpis else {})} for name, value in parts.items()]
        return out(
            "score.report", window, scheme="demand_forecast", subject_kind=kind, subject=subject, parts=listed, labels=labels or None
        )

    def _product(self, gtin):
        row = self.tables.products.get(gtin)
        return (row["gtin"], row) if row else (gtin, {})

    def _news(self, gtin, day):
        return self.state.setdefault(f"news:{gtin}", {}).setdefault(day, {"units": 0, "out": False})

    def _shut(self, days, kept):
        """Whether each day is closed: for days gone, also when a closure took part of it; for days ahead, when it takes the whole."""
        closures = [(parse_time(row["from"]), parse_time(row["to"])) for row in self._events(kept) if row["kind"] == "closure"]
        shut = []
        for day in days:
            hours = self.store.hours.day(day)
            gone = hours and hours[1] <= self.now
            shut.append(
                hours is None
                or any(begin < hours[1] and end > hours[0] if gone else begin <= hours[0] and end >= hours[1] for begin, end in closures)
            )
        return shut

    def _events(self, kept):
        return [self.state[f"calendar:{name}"] for name in kept["calendar"]]

    def _span(self, begin, end):
        """First and last store day of a window given by instants, or by days of which the last counts."""
        first, last = (date.fromisoformat(bound) if len(bound) == 10 else None for bound in (begin, end))
        hours = self.store.hours
        return first or hours.store_day(parse_time(begin)), last or hours.store_day(parse_time(end) - INSTANT)

    def _calendar(self, kept):
        spans = {}
        for row in self._events(kept):
            spans.setdefault(row["kind"], []).append(self._span(row["from"], row["to"]))
        return spans

    def _weather(self, kept):
        """Highest temperature and rain of each day known."""
        found = {}
        for day in kept["weather"]:
            windows = self.state[f"weather:{day}"].values()
            found[date.fromisoformat(day)] = (max(w["c"] for w in windows), sum(w["mm"] for w in windows))
        return found

    def _promoted(self, rows):
        """Spans of days by gtin, or by category where a promotion names no items."""
        found = {}
        for row in rows:
            if row.get("approved", True) and row.get("from") and row.get("to"):
                span = self._span(row["from"], row["to"])
                for name in [item_key(gtin) for gtin in row.get("gtins") or ()] or [row.get("category")]:
                    found.setdefault(name, []).append(span)
        return found
