"""One coherent outlook of sales, receipts and visitors by half hour and of sales by category, holidays of the lunar year included.

Each night at closing time the day is added, past forecasts of it are scored, and the days ahead are published: the first week at once, each
further week ten seconds later, so that no burst of events chokes a store. Seven known days are needed. A sale past midnight belongs to the
day on which the store opened, its half hour to the clock.

A holiday is a public holiday or festival; offsets count from its first day, and where two reach a day the nearer one counts. A working day
of the calendar on a weekend is a weekday, and whatever lies in a closure is closed. Visitors are people counted inwards at all lines; where
no camera counts, traffic is scored by receipts. Half hours outside the opening hours are published, as
0, where there was trade in them before.

Categories are forecast and reconciled in money. As `forecast.demand` counts units, each category's `mean` is its sales at the price of a
unit in the profile's weeks, and `sales` stands beside it. Like stores are those whose receipts come in under their own store in the
envelope; the likest profiles lend theirs, less by the day as the store's own days come in. Scores are reported 1, 7 and 28 days ahead;
`bias` is that of sales 7 days ahead (positive: too high).
"""

import math
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, stamp

DAY, SLOT = timedelta(days=1), timedelta(minutes=30)
HISTORY_DAYS, LEAST_DAYS, NEW_STORE_DAYS, SCORED_LEADS = 800, 7, 56, (1, 7, 28)
WEEK_DAYS, PAUSE, Z90 = 7, timedelta(seconds=10), 1.2816
HOLIDAYS, PEOPLE = ("public_holiday", "festival"), ("person", "adult", "child", "visitor")
WHATS = {"s": "sales", "r": "receipts", "v": "visitors"}

Offset = Annotated[str, Field(pattern=r"^-?\d{1,2}$")]


class StoreSalesForecast(Solution):
    number = 75
    zh, en = "门店业绩与客流预测", "Store sales and traffic forecast"
    purpose_zh = "给店长和财务一份口径一致的展望：按半小时的销售、单数与客流，按品类的销售，含农历节日，供排班、备金、采购与目标共用。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("forecast.traffic", "forecast.demand", "score.report")
    reads = ("products",)
    load = "forecast"
    kpis = {
        "sales_mape_7d": kpi("%", "Sales error, 7 days ahead", "提前7天销售误差"),
        "traffic_mape_7d": kpi("%", "Traffic error, 7 days ahead", "提前7天客流误差"),
        "bias": kpi("%", "Bias", "预测偏差"),
    }

    class Config(SolutionConfig):
        horizon: int = setting(28, "Days ahead", "预测天数", unit="d", ge=1, le=180)
        profile_weeks: int = setting(
            8, "Weeks of the half-hour profile", "半小时曲线所用周数", unit="wk", ge=2, le=26,
            help_en="Like days (weekday, weekend or holiday) of so many weeks shape the half hours.",
            help_zh="用最近这些周的同类日（工作日、周末或节日）形成半小时曲线。",
        )  # fmt: skip
        holiday_span: list[Annotated[int, Field(ge=-21, le=21)]] = setting(
            lambda: [-3, 7], "Days around a holiday", "节日影响天数", unit="d", min_length=2, max_length=2,
            help_en="First and last day, counted from the holiday's first, with an effect of their own.",
            help_zh="以节日首日为0，具有单独影响的起止天数。",
        )  # fmt: skip
        shrink_holiday: float = setting(
            2, "Weight of the chain's holiday effect", "连锁节日效应权重", ge=0, le=10,
            help_en="In own observations.", help_zh="折合本店观测次数。",
        )  # fmt: skip
        chain_effects: dict[str, dict[Offset, float]] = setting(
            dict, "Holiday effects of the chain", "连锁节日效应",
            help_en="Log effect by holiday's name and day offset.", help_zh="按节日名称和偏移天数填写对数效应。",
        )  # fmt: skip
        reconcile: Literal["wls", "none", "bottom_up"] = setting(
            "wls", "How forecasts are made to add up", "预测协调方式",
            help_en="wls: the gap is spread by residual variances; bottom_up: the total is the sum of its categories.",
            help_zh="wls：按残差方差分摊差额；bottom_up：总量为品类之和。",
        )  # fmt: skip
        outlier_k: float = setting(
            4, "Outlier limit", "异常日界限", ge=2, le=10,
            help_en="Days this many robust deviations off are not learnt.", help_zh="偏离超过该倍稳健标准差的日子不学习。",
        )  # fmt: skip
        new_store_peers: int = setting(
            5, "Like stores for a new one", "新店参照门店数", ge=1, le=30,
            help_en="They lend their half-hour profile in the first 56 days.", help_zh="开业前56天借用其半小时曲线。",
        )  # fmt: skip

    # What comes in

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        day = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        slot, sign = self._slot(day, event.time), -1 if kind == "return" else 1
        amount = sign * abs(event["total"]) if kind == "return" else event["total"]
        if event.store not in ("", self.store.id):
            lent = self.state.setdefault(f"peer:{event.store}", {})
            slots = lent.setdefault(self._kind(date.fromisoformat(day), self._calendar()), {"s": {}, "r": {}})
            self._add(slots["s"], slot, amount)
            self._add(slots["r"], slot, 1 if kind == "sale" else 0)
            return
        book = self._day(day)
        self._add(book["s"], slot, amount)
        self._add(book["r"], slot, 1 if kind == "sale" else 0)
        for line in event.get("lines") or ():
            row = self.tables.products.get(line["gtin"]) or {}
            weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
            units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
            back = -1 if kind == "return" or line["qty"] < 0 else 1
            known = book["c"].setdefault(row.get("category") or "other", [0, 0])
            known[:] = [known[0] + back * abs(line["amount"]), round(known[1] + back * units, 3)]

    @on("vision.count?")
    def counted(self, event):
        if event.get("class", "person") in PEOPLE:
            begin = parse_time(event.get("from") or event.time.isoformat())
            day = self.store.hours.trading_day(begin).isoformat()
            self._add(self._day(day)["v"], self._slot(day, begin), event["in"])

    @on("calendar.event")
    def planned(self, event):
        if event.get("zone") is None:
            self.state[f"calendar:{event['event']}"] = {name: event[name] for name in ("kind", "name", "from", "to")}

    @on("weather.forecast?")
    def weather(self, event):
        begin, end = parse_time(event["from"]), parse_time(event["to"])
        day, issued = self.store.hours.store_day(begin + (end - begin) / 2).isoformat(), stamp(event.get("issued") or event["from"])
        warm = event.get("temp_max_c", event["temp_c"])
        self.workers.forecast.week_marks.enter(self.state.setdefault("weather", {}), day, warm, event.get("rain_mm", 0), issued)

    # The night

    @every("1d", at="close")
    def night(self, due):
        today = self.store.hours.ended_day(due.time)
        self._forget(today)
        books = {key[4:]: book for key, book in self.state.items() if key.startswith("day:") and key[4:] <= today.isoformat()}
        yield from self._score(books.get(today.isoformat()), today)
        calendar = self._calendar()
        days = [day for day in self._span(books, today) if self._open(day, calendar)]
        if len(days) < LEAST_DAYS:
            return
        ahead = [today + n * DAY for n in range(1, self.config.horizon + 1)]
        self.state["plan"] = {"issued": due.time.isoformat(), "days": self._plan(days, ahead, books, calendar)}
        self._tell(today)
        yield from self._publish(0)
        for week in range(1, math.ceil(len(ahead) / WEEK_DAYS)):
            self.timers.set("further", str(week), due.time + week * PAUSE, {"week": week})

    @timer("further")
    def further(self, due):
        yield from self._publish(due.data["week"])

    def _plan(self, days, ahead, books, calendar):
        """Medians and deviations of each day ahead."""
        engine, config = self.workers.forecast.store_days, self.config
        chain = {name: {int(offset): effect for offset, effect in found.items()} for name, found in config.chain_effects.items()}
        marks, to_come = [[self._marks(day, calendar) for day in span] for span in (days, ahead)]

        def outlook(of):
            """Of a series by day; days on which it is not known are left out."""
            known = [
                (day, mark, value) for day, mark in zip(days, marks, strict=True) if (value := of(books.get(day.isoformat()))) is not None
            ]
            if not known:
                return None
            past, seen, totals = zip(*known, strict=True)
            return engine.outlook(past, totals, seen, ahead, to_come, chain=chain, shrink=config.shrink_holiday, outlier_k=config.outlier_k)

        wholes = {name: outlook(lambda book, name=name: self._total(book, name)) for name in WHATS}
        names = sorted({name for book in books.values() for name in book["c"]})
        parts = {name: found for name in names if (found := outlook(lambda book, name=name: (book or {"c": {}})["c"].get(name, [0])[0]))}
        plan = []
        for n, day in enumerate(ahead):
            shut = not self._open(day, calendar)
            row = {name: [0 if shut else found.medians[n], found.log_sd] for name, found in wholes.items() if found}
            cats = {name: 0 if shut else found.medians[n] for name, found in parts.items()}
            if wholes["s"] and not shut:
                variances = {name: found.variance for name, found in parts.items()}
                row["s"][0], cats = engine.reconciled(row["s"][0], cats, wholes["s"].variance, variances, config.reconcile)
            plan.append({"day": day.isoformat(), "of": row, "c": {name: [value, parts[name].log_sd] for name, value in cats.items()}})
        return plan

    def _tell(self, today):
        """Remember what was foreseen, for the score."""
        for lead in SCORED_LEADS:
            day = (today + lead * DAY).isoformat()
            row = next((row for row in self.state["plan"]["days"] if row["day"] == day), None)
            if row:
                told = {name: value for name, (value, _) in row["of"].items()}
                self.state.setdefault(f"told:{day}", {})[str(lead)] = told

    def _score(self, book, today):
        told, parts = self.state.pop(f"told:{today.isoformat()}", {}), []
        for lead, values in told.items():
            traffic = "v" if "v" in values and self._total(book, "v") is not None else "r"
            for what, name in (("s", "sales"), (traffic, "traffic")):
                actual = self._total(book, what) or 0
                if actual <= 0 or what not in values:
                    continue
                off = 100 * (values[what] - actual) / actual
                parts.append({"name": f"{name}_error_{lead}d", "value": round(off, 3), "unit": "%"})
                if lead == "7":
                    self.kpi.sample(f"{name}_mape_7d", abs(off))
                    if what == "s":
                        self.kpi.share("bias", values[what] - actual, actual)
        if parts:
            window = {"from": self.store.hours.midnight(today), "to": self.store.hours.midnight(today + DAY)}
            yield out("score.report", window, scheme="sales_forecast", subject_kind="store", subject=self.store.id, parts=parts)

    # What goes out

    def _publish(self, week):
        plan = self.state["plan"]
        issued, calendar = parse_time(plan["issued"]), self._calendar()
        profiles = self._profiles(self.store.hours.ended_day(issued), calendar)
        prices = self._prices(self.store.hours.ended_day(issued))
        for row in plan["days"][week * WEEK_DAYS : (week + 1) * WEEK_DAYS]:
            day = date.fromisoformat(row["day"])
            if self._open(day, calendar):
                yield from self._half_hours(row, day, profiles, calendar, issued)
            window = {"from": self.store.hours.midnight(day), "to": self.store.hours.midnight(day + DAY)}
            for name, (sales, sd) in row["c"].items():
                if name in prices:
                    price, unit = prices[name]
                    units = round(sales / price, 3)
                    yield out(
                        "forecast.demand", window, level="category", key=name, basis="base", mean=units, p50=units, unit=unit,
                        p90=round(units * math.exp(Z90 * sd), 3), sales=round(sales), model="store_days", issued=issued,
                    )  # fmt: skip

    def _half_hours(self, row, day, profiles, calendar, issued):
        engine = self.workers.forecast.store_days
        for name, (total, sd) in row["of"].items():
            found = profiles(name, self._kind(day, calendar))
            span = self.store.hours.day(day)
            slots = [slot for slot in range(96) if span[0] < self._at(day, slot + 1) and self._at(day, slot) < span[1]]
            slots = [slot for slot in slots if not self._closure(self._at(day, slot), self._at(day, slot + 1), calendar)]
            traded = engine.shares(found, slots) if slots else {}
            for slot in sorted({*traded, *(slot for slot, share in found.items() if share > 0)}):
                value = total * traded.get(slot, 0)
                spread = (value * math.expm1(sd)) ** 2 + (value if name != "s" else 0)
                yield out(
                    "forecast.traffic", {"from": self._at(day, slot), "to": self._at(day, slot + 1)}, place=self.store.id, what=WHATS[name],
                    p50=round(value, 3), p90=round(value + Z90 * math.sqrt(spread), 3), model="store_days", issued=issued,
                )  # fmt: skip

    def _profiles(self, today, calendar):
        """Shares of the half hours of a series on days of a kind; a new store's mixed with those of like stores."""
        engine, weeks = self.workers.forecast.store_days, self.config.profile_weeks
        days = [today - n * DAY for n in range(7 * weeks)]
        books = {day: self.state.get(f"day:{day.isoformat()}") for day in days}
        books = {day: book for day, book in books.items() if book}
        first = date.fromisoformat(min(key[4:] for key in self.state if key.startswith("day:")))
        own_weight = min(1.0, ((today - first).days + 1) / NEW_STORE_DAYS)

        def of(name, kind):
            like = [book for day, book in books.items() if self._kind(day, calendar) == kind and book[name]]
            slots = [{int(slot): value for slot, value in book[name].items()} for book in like or books.values()]
            own = engine.profile(slots)
            peers = self._peers(name, kind, own) if own_weight < 1 else []
            if not peers:
                return own
            lent = engine.profile(peers)
            weight = own_weight if own else 0
            return {slot: weight * own.get(slot, 0) + (1 - weight) * lent.get(slot, 0) for slot in {*own, *lent}}

        return of

    def _peers(self, name, kind, own):
        engine, lent = self.workers.forecast.store_days, []
        for key in sorted(key for key in self.state if key.startswith("peer:")):
            slots = self.state[key].get(kind, {}).get("r" if name == "v" else name)
            if slots:
                lent.append({int(slot): value for slot, value in slots.items()})
        return sorted(lent, key=lambda slots: engine.unlike(engine.profile([slots]), own))[: self.config.new_store_peers]

    def _prices(self, today):
        """What a unit of each category brought in the profile's weeks, and its unit."""
        begin, sums = (today - 7 * self.config.profile_weeks * DAY).isoformat(), {}
        for key, book in self.state.items():
            if key.startswith("day:") and key[4:] > begin:
                for name, (amount, units) in book["c"].items():
                    known = sums.setdefault(name, [0, 0])
                    known[:] = [known[0] + amount, known[1] + units]
        weighed = self.tables.products.derived("sold by kg", _sold_by_kg)
        return {name: (sums[name][0] / sums[name][1], "kg" if name in weighed else "each") for name in sorted(sums) if min(sums[name]) > 0}

    # Days

    def _day(self, day):
        return self.state.setdefault(f"day:{day}", {"s": {}, "r": {}, "v": {}, "c": {}})

    def _add(self, slots, slot, amount):
        slots[str(slot)] = slots.get(str(slot), 0) + amount

    def _slot(self, day, at):
        local = self.store.hours.local(at)
        return 48 * (local.date() - date.fromisoformat(day)).days + local.hour * 2 + local.minute // 30

    def _at(self, day, slot):
        return self.store.hours.at(day + (slot // 48) * DAY, f"{slot % 48 // 2:02d}:{slot % 2 * 30:02d}")

    def _total(self, book, name):
        """The day's sum; None where nothing was counted that day."""
        return sum(book[name].values()) if book and book[name] else None

    def _span(self, books, today):
        first = date.fromisoformat(min(books, default=today.isoformat()))
        return [first + n * DAY for n in range((today - first).days + 1)]

    def _forget(self, today):
        oldest = (today - HISTORY_DAYS * DAY).isoformat()
        for key in [key for key in self.state if key.startswith(("day:", "told:")) and key.partition(":")[2] < oldest]:
            del self.state[key]
        weather = self.state.get("weather", {})
        for day in [day for day in weather if day < oldest]:
            del weather[day]
        for key in [key for key in self.state if key.startswith("day:") and key[4:] < (today - 7 * 26 * DAY).isoformat()]:
            for name in WHATS:  # beyond the longest profile only the day's sum counts
                total = self._total(self.state[key], name)
                self.state[key][name] = {} if total is None else {"0": total}

    def _calendar(self):
        rows = [self.state[key] for key in sorted(key for key in self.state if key.startswith("calendar:"))]
        return [(row["kind"], row["name"], parse_time(row["from"]), parse_time(row["to"])) for row in rows]

    def _marks(self, day, calendar):
        engine, nearest = self.workers.forecast.store_days, None
        low, high = sorted(self.config.holiday_span)
        for kind, name, begin, _ in calendar:
            offset = (day - self.store.hours.store_day(begin)).days
            if kind in HOLIDAYS and low <= offset <= high and (nearest is None or abs(offset) < abs(nearest[1])):
                nearest = (name, offset)
        air = self.state.get("weather", {}).get(day.isoformat())
        return engine.Marks(nearest, self._within(day, "school", calendar), (air[0], air[1]) if air else None)

    def _within(self, day, kind, calendar):
        begin, end = self.store.hours.midnight(day), self.store.hours.midnight(day + DAY)
        return any(one == kind and since < end and until > begin for one, _, since, until in calendar)

    def _kind(self, day, calendar):
        if any(self._within(day, kind, calendar) for kind in HOLIDAYS):
            return "holiday"
        return "weekday" if day.isoweekday() < 6 or self._within(day, "workday", calendar) else "weekend"

    def _open(self, day, calendar):
        span = self.store.hours.day(day)
        return span is not None and not self._closure(*span, calendar)

    def _closure(self, begin, end, calendar):
        return any(kind == "closure" and since <= begin and until >= end for kind, _, since, until in calendar)


def _sold_by_kg(rows):
    """Categories all of whose products are sold by weight."""
    units = {}
    for row in rows:
        units.setdefault(row.get("category") or "other", set()).add(row.get("unit", "each"))
    return {name for name, found in units.items() if found == {"kg"}}
