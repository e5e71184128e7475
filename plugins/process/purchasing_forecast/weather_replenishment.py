"""Learns how heat, cold and rain move each category, orders the difference before the weather comes, and cuts an order when it stays away.

The run is at closing time; day 1 is the next day. Weather of a day is the mean of its windows' felt temperature (the air's where none is
told) and the sum of their rain; it moves nothing when the oldest of it was issued more than 24 hours ago. The response is fitted once three
weeks of a category are known, and anew on each first of the month. Days on which an item of the category had a promotion forecast, or its
base names the calendar or a holiday among its drivers, are not learnt. The base's learning window is the last four weeks.

A category's base is the sum of its items' forecasts; an item without one has its share of the category's, by what it sold in four weeks. A
storm warning is a warning whose words name an entry of `storm_list`; it counts fully and beyond `cap`, whatever was learnt. Extra that was
ordered already and lies ahead is not ordered again; it counts as coming until a count after its day of delivery.
"""

import math
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

DAY, FRESH, HISTORY_DAYS, LEAST_DAYS, WINDOW_DAYS, KEPT_DAYS = timedelta(days=1), timedelta(hours=24), 730, 21, 28, 60
CALENDAR = ("calendar", "holiday")
LEAST_MOVE = 1e-3

Felt = Annotated[float, Field(ge=-30, le=45)]
Rain = Annotated[float, Field(ge=0, le=200)]
Factor = Annotated[float, Field(ge=0.1, le=10)]


class Weights(SolutionConfig):
    """Trust in the weather forecast by days ahead."""

    d1_3: float = Field(1.0, title="Days 1 to 3", ge=0, le=1, json_schema_extra={"x-zh": "第1至3天"})
    d4_7: float = Field(0.5, title="Days 4 to 7", ge=0, le=1, json_schema_extra={"x-zh": "第4至7天"})
    beyond: float = Field(0, title="Beyond", ge=0, le=1, json_schema_extra={"x-zh": "更远"})

    def of(self, ahead):
        return self.d1_3 if ahead <= 3 else self.d4_7 if ahead <= 7 else self.beyond


class WeatherReplenishment(Solution):
    number = 80
    zh, en = "天气联动补货", "Weather-linked replenishment"
    purpose_zh = "学习冷热与降雨对各品类销量的影响，在天气到来前补订差额；天气落空时提示减订。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "alert.raise", "score.report")
    reads = ("products", "suppliers", "lead_times")
    load = "forecast"
    kpis = {
        "weather_lines": kpi("count", "Weather lines", "天气补货行数"),
        "extra_sold_share": kpi("%", "Extra sold", "加订售出率"),
        "forecast_gain": kpi("%", "Gain on the base forecast", "较基础预测的改进"),
    }
    kinds = {"weather_leave_out": ("Leave out of the next order", "下次订货应减量")}

    class Config(SolutionConfig):
        breakpoints: list[Felt] = setting(
            lambda: [0, 10, 18, 24, 30], "Bends of the response", "温度响应拐点", unit="degC",
            help_en="Felt temperatures at which it may bend.", help_zh="体感温度响应可能转折之处。",
        )  # fmt: skip
        rain_classes: list[Rain] = setting(
            lambda: [1, 10, 25], "Rain of a day", "日雨量分级", unit="mm",
            help_en="Least of light, moderate and heavy.", help_zh="小雨、中雨、大雨的下限。",
        )  # fmt: skip
        weights: Weights = setting(Weights, "Trust by days ahead", "按提前天数的置信权重")
        cap: list[Factor] = setting(lambda: [0.5, 2.5], "Least and greatest factor", "系数上下限", min_length=2, max_length=2)
        ridge: float = setting(1.0, "Shrinkage", "收缩强度", ge=0, le=100, help_en="Of the response to nil.", help_zh="将响应收缩向零。")
        min_r2: float = setting(
            0.05, "Variance that weather must explain", "最低解释度", ge=0, le=1,
            help_en="Categories under it are left alone.", help_zh="低于该值的品类不作调整。",
        )  # fmt: skip
        storm_list: dict[str, dict[str, Factor]] = setting(
            lambda: {"typhoon": {"water": 2.0, "bread": 1.8, "batteries": 3.0}}, "Factors on a warning", "预警系数",
            help_en="By word of the warning and category.", help_zh="按预警词与品类填写。",
        )  # fmt: skip

    # What comes in

    @on("weather.forecast")
    def weather(self, event):
        begin, end = parse_time(event["from"]), parse_time(event["to"])
        day, issued = self.store.hours.store_day(begin + (end - begin) / 2).isoformat(), event.get("issued") or event["from"]
        values = [event.get("felt_c", event["temp_c"]), event.get("rain_mm", 0), event.get("warning")]
        window = f"{rfc3339(begin)}/{rfc3339(end)}"
        self.workers.forecast.weather_response.enter(self.state.setdefault("weather", {}), day, window, values, stamp(parse_time(issued)))

    @on("forecast.demand")
    def forecast(self, event):
        row = self.tables.products.get(event["key"]) if event["level"] == "item" else None
        if event["level"] == "category":
            book = self._category(event["key"])
        elif row is not None:
            book = self._item(row["gtin"])
        else:
            return
        self.workers.optimise.outlook.enter_window(book["demand"], event.data, self.store.hours, self.now)
        if event.get("basis", "base") == "base":
            day, drivers = self.store.hours.store_day(parse_time(event["from"])).isoformat(), event.get("drivers") or {}
            book["drivers"][day] = [name for name in ("weather", *CALENDAR) if name in drivers]

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        day = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        for line in event["lines"]:
            row = self.tables.products.get(line["gtin"])
            if row is None:
                continue
            weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
            units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
            units = -units if kind == "return" or line["qty"] < 0 else units
            item = self._item(row["gtin"])
            item["sold"][day] = round(item["sold"].get(day, 0) + units, 4)
            self.workers.optimise.position.take(item["stock"]["places"], units, event.time)

    @on("inventory.snapshot")
    def counted(self, event):
        row, stock = self.tables.products.get(event["gtin"]), self.workers.optimise.position
        if row is None or event.get("other_store", self.store.id) != self.store.id:
            return
        book = self._item(row["gtin"])["stock"]
        if stock.enter_snapshot(book, {**event.data, "other_store": None}, event.time):
            for name in [name for name, entry in book["coming"].items() if parse_time(entry["eta"]) <= self.now]:
                del book["coming"][name]

    # The evening

    @every("1d", at="close")
    def evening(self, due):
        today = self.store.hours.ended_day(due.time)
        ranges = self.tables.products.derived("by category", _by_category)
        for category, rows in ranges.items():
            self._learn(category, rows, today)
        lines = {}
        for category, rows in ranges.items():
            for row in rows:
                line = yield from self._line(category, row, rows, today)
                if line:
                    lines.setdefault(row.get("supplier") or "", []).append(line)
        for supplier, found in lines.items():
            yield self._propose(supplier, found, today)
        self._forget(today)

    def _learn(self, category, rows, today):
        """Enter the day, and fit when it is time."""
        book, day, items = self._category(category), today.isoformat(), [self._item(row["gtin"]) for row in rows]
        bases = [self._base(item, row, rows, category, today) for item, row in zip(items, rows, strict=True)]
        for item, base in zip(items, bases, strict=True):
            factor = item["moved"].pop(day, None)
            item["bases"][day] = base or 0
            if factor is not None and base:
                actual = item["sold"].get(day, 0)
                self.kpi.share("forecast_gain", abs(actual - base) - abs(actual - base * factor), abs(actual - base))
        known, base = self.state.get("weather", {}).get(day), sum(one or 0 for one in bases)
        sold = sum(item["sold"].get(day, 0) for item in items)
        promoted = any("promotion" in one["demand"].get(day, {}) for one in (book, *items))
        odd = promoted or any(set(self._drivers(item, category, day)) & {*CALENDAR} for item in items)
        if known and base > 0 and sold > 0 and not odd:
            felt, rain, _, _ = self.workers.forecast.weather_response.of_day(known)
            book["days"][day] = [math.log(sold / base), felt, rain]
        if len(book["days"]) >= LEAST_DAYS and (book["fit"] is None or today.day == 1):
            self._fit(book)

    def _fit(self, book):
        engine, config, days = self.workers.forecast.weather_response, self.config, sorted(book["days"])
        logs, airs = [book["days"][day][0] for day in days], [tuple(book["days"][day][1:]) for day in days]
        dates = [date.fromisoformat(day) for day in days]
        effects, r2 = engine.fit(dates, logs, airs, config.breakpoints, config.rain_classes, config.ridge)
        window = [engine.response(effects, air, config.breakpoints, config.rain_classes) for air in airs[-WINDOW_DAYS:]]
        bends = [config.breakpoints, config.rain_classes]
        book["fit"] = {"effects": effects, "r2": r2, "level": sum(window) / len(window), "bends": bends}

    def _factor(self, category, day, ahead):
        """What the weather of a day does to the category's base; 1 where nobody can tell."""
        engine, known = self.workers.forecast.weather_response, self.state.get("weather", {}).get(day.isoformat())
        if not known:
            return 1.0
        felt, rain, words, issued = engine.of_day(known)
        if self.now - parse_time(issued) > FRESH:
            return 1.0
        storms = [found[category] for word, found in self.config.storm_list.items() if word.lower() in words.lower() and category in found]
        if storms:
            return max(storms)
        fit = self._category(category)["fit"]
        if fit is None or fit["r2"] < self.config.min_r2:
            return 1.0
        effect = engine.response(fit["effects"], (felt, rain), *fit["bends"]) - fit["level"]
        return engine.factor(effect, self.config.weights.of(ahead), *sorted(self.config.cap))

    def _line(self, category, row, rows, today):
        """The order line of an item for its cover period, None where the base will do."""
        stock, item, case = self.workers.optimise.position, self._item(row["gtin"]), row.get("case_pack") or 1
        lead = self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)
        weekdays = lead.get("order_weekdays") or self.workers.optimise.ordering.EVERY_DAY
        count = math.ceil((lead.get("days") or 1) + self.workers.optimise.ordering.days_to_next(today, weekdays))
        days, whole, extra = [today + n * DAY for n in range(1, count + 1)], 0.0, 0.0
        for ahead, day in enumerate(days, 1):
            base = self._base(item, row, rows, category, day) if self.store.hours.day(day) else None
            if not base:
                continue
            whole += base
            if "weather" in self._drivers(item, category, day.isoformat()):
                continue
            factor = self._factor(category, day, ahead)
            extra += base * (factor - 1)
            item["moved"].pop(day.isoformat(), None)
            if abs(factor - 1) > LEAST_MOVE:
                item["moved"][day.isoformat()] = factor
        ordered = sum(one["qty"] for one in item["ordered"] if one["until"] > today.isoformat())
        have = max(0, stock.on_hand(item["stock"]) or 0) + stock.coming(item["stock"], self.now, KEPT_DAYS) - ordered
        need = extra - max(0, have - whole) - ordered
        if extra <= -case:
            yield self._leave_out(row, -extra, case, days)
        elif f"left:{row['gtin']}" in self.state:
            del self.state[f"left:{row['gtin']}"]
            yield self._leave_out(row, 0, case, days, "cleared")
        qty = math.ceil(need / case - 1e-9) * case
        if extra <= LEAST_MOVE or qty <= 0:
            return None
        figures = {"base": whole, "extra": extra, "spare": max(0, have - whole), "ordered": ordered}
        item["ordered"].append({"qty": qty, "from": days[0].isoformat(), "until": days[-1].isoformat()})
        arrival = self.workers.optimise.ordering.delivery_day(today, lead)
        stock.expect(item["stock"], f"weather-{today:%Y%m%d}", qty, rfc3339(self.store.hours.midnight(arrival)))
        judged = self.store.hours.midnight(days[-1] + DAY) + timedelta(hours=12)
        self.timers.set(
            "judge", f"{row['gtin']}|{today:%Y%m%d}", judged, {"gtin": row["gtin"], "qty": qty, "days": [day.isoformat() for day in days]}
        )
        options = {name: round(value, 3) for name, value in figures.items()}
        cost = {"cost": row["cost"]} if "cost" in row else {}
        return {
            "gtin": row["gtin"],
            "qty": qty,
            "cases": round(qty / case),
            **cost,
            "reason": "weather",
            "options": options,
            "arrival": arrival,
        }

    def _propose(self, supplier, lines, today):
        arrival = max(line.pop("arrival") for line in lines)
        self.kpi.add("weather_lines", len(lines))
        total = round(sum(line["qty"] * line.get("cost", 0) for line in lines))
        return out("order.propose", proposal=f"weather-{supplier or 'store'}-{today:%Y%m%d}", stage="draft", kind="buy", lines=lines,
                   supplier=supplier or None, deliver_on=arrival, basis="weather", total=total)  # fmt: skip

    def _leave_out(self, row, units, case, days, state="open"):
        whole = math.floor(units / case + 1e-9) * case
        if state == "open":
            self.state[f"left:{row['gtin']}"] = True
        name = row.get("name", row["gtin"])
        return out(
            "alert.raise", alert=f"weather-{row['gtin']}", kind="weather_leave_out", severity="info", state=state, subject=row["gtin"],
            value=whole if state == "open" else None, unit="kg" if row.get("unit") == "kg" else "each",
            ref={"until": days[-1].isoformat(), "supplier": row.get("supplier")},
            text=self.say(f"{name}: leave {whole:g} out of the next order", f"{name}：下次订货减少{whole:g}"),
        )  # fmt: skip

    @timer("judge")
    def judge(self, due):
        """What sold beyond the base, of what was ordered beyond it."""
        item, qty, days = self._item(due.data["gtin"]), due.data["qty"], due.data["days"]
        beyond = sum(item["sold"].get(day, 0) - item["bases"].get(day, 0) for day in days)
        share = min(1, max(0, beyond / qty))
        self.kpi.share("extra_sold_share", share * qty, qty)
        begin, end = self.store.hours.midnight(date.fromisoformat(days[0])), self.store.hours.midnight(date.fromisoformat(days[-1]) + DAY)
        parts = [("ordered", qty, None), ("sold_beyond_base", round(beyond, 3), None), ("extra_sold_share", round(100 * share, 2), "%")]
        yield out("score.report", {"from": begin, "to": end}, scheme="weather_lines", subject_kind="item", subject=due.data["gtin"],
                  parts=[{"name": name, "value": value, **({"unit": unit} if unit else {})} for name, value, unit in parts])  # fmt: skip

    # What is known

    def _base(self, item, row, rows, category, day):
        """Base forecast of an item on a day: its own, else its share of the category's."""
        own = item["demand"].get(day.isoformat(), {})
        if "base" in own:
            return own["base"]["mean"]
        whole = self._category(category)["demand"].get(day.isoformat(), {}).get("base")
        if whole is None:
            return None
        since = (self.store.hours.store_day(self.now) - WINDOW_DAYS * DAY).isoformat()
        recent = {one["gtin"]: sum(v for d, v in self._item(one["gtin"])["sold"].items() if d >= since) for one in rows}
        total = sum(recent.values())
        return whole["mean"] * (recent[row["gtin"]] / total if total > 0 else 1 / len(rows))

    def _drivers(self, item, category, day):
        """What the base forecast of that day says it is made from."""
        book = item if "base" in item["demand"].get(day, {}) else self._category(category)
        return book["drivers"].get(day, ())

    def _forget(self, today):
        oldest, kept = (today - HISTORY_DAYS * DAY).isoformat(), (today - KEPT_DAYS * DAY).isoformat()
        weather = self.state.get("weather", {})
        for day in [day for day in weather if day <= today.isoformat()]:
            del weather[day]
        for key in list(self.state):
            if key.startswith("category:"):
                category = self.state[key]
                for book, since in ((category["days"], oldest), (category["drivers"], kept)):
                    for day in [day for day in book if day < since]:
                        del book[day]
            elif key.startswith("item:"):
                item = self.state[key]
                item["ordered"] = [one for one in item["ordered"] if one["until"] > today.isoformat()]
                for book in (item["sold"], item["bases"], item["drivers"]):
                    for day in [day for day in book if day < kept]:
                        del book[day]

    def _category(self, category):
        return self.state.setdefault(f"category:{category}", {"days": {}, "fit": None, "demand": {}, "drivers": {}})

    def _item(self, gtin):
        fresh = {"sold": {}, "bases": {}, "drivers": {}, "moved": {}, "ordered": [], "demand": {}}
        return self.state.setdefault(f"item:{gtin}", {**fresh, "stock": self.workers.optimise.position.empty()})


def _by_category(rows):
    """Products of each category, what keeps least first."""
    found = {}
    for row in sorted(rows, key=lambda row: (row.get("shelf_days") or math.inf, row["gtin"])):
        if row.get("category"):
            found.setdefault(row["category"], []).append(row)
    return found
