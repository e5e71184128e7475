"""Out-of-stock signal from sales: an item that should have sold and did not sends somebody to look, and lost sales get a figure.

Day forecasts are spread over the opening hours by `forecast.traffic`, evenly where there is none, and scaled by what was counted today
against that forecast: `vision.count` where visitors are forecast, receipts where receipts are. Silence counts from the last sale of the
day, from opening, or from the last fill. A gap of two ticks without any receipt is the store's own silence and counts for no item.

`task.done` says `values.answer` (empty, full, hidden, misplaced) and `values.filled`. An item found empty that could not be filled is left
alone until closing; what was hidden or misplaced starts anew. Hourly sales of a day enter the variance when it ends, those of today when
an item was found full. The tuned threshold counts from the first month on in which a check was answered.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, stamp

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HISTORY_DAYS = 56
PRECISION_AIM = 0.6
SILENCE_LIMITS = (0.0001, 0.1)


class OsaSalesSignal(Solution):
    number = 99
    zh, en = "销售断点缺货预警", "Out-of-stock signal from sales"
    purpose_zh = "没有货架传感器也能从收银的沉默中判断商品可能缺货，派人查看，并估算货架空置期间损失的销售。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("shelf.state", "task.create", "score.report", "insight.report")
    reads = ("products", "prices", "planogram")
    kpis = {
        "check_precision": kpi("%", "Checks that found an empty shelf", "查看命中率"),
        "lost_sales": kpi("minor units", "Sales lost to empty shelves", "缺货损失销售额"),
        "phantom_items": kpi("count", "Empty with stock on the book", "虚库存商品数"),
        "availability_estimate": kpi("%", "Estimated availability", "估算可得率"),
    }
    kinds = {"check_shelf": ("Check a shelf", "查看货架"), "lost_sales": ("Sales lost to empty shelves", "缺货损失")}

    class Config(SolutionConfig):
        tick: int = setting(15, "Items are judged every", "判断周期", unit="min", ge=5, le=60, effect="reload")
        silence_p: float = setting(0.01, "Chance of silence at which somebody looks", "触发查看的沉默概率", ge=0.0001, le=0.1)
        min_daily: float = setting(4, "Slower items are left alone", "最低日销量", unit="units", ge=0.5, le=100)
        poisson_limit: float = setting(1.2, "Variance over mean up to which Poisson is used", "泊松方差均值比上限", ge=1, le=3,
            help_en="Above it the negative binomial.", help_zh="超过则用负二项分布。")  # fmt: skip
        daily_checks: int = setting(25, "Most checks a day", "每日最多查看数", ge=1, le=500,
            help_en="Highest hourly value first.", help_zh="小时销售额高者优先。")  # fmt: skip
        recheck: int = setting(24, "An item found full is left alone", "查看为满后的间隔", unit="h", ge=2, le=168)
        traffic_floor: float = setting(0.4, "Visitors of forecast below which nothing is judged", "客流下限", ge=0, le=1,
            help_en="Share of the forecast.", help_zh="占预测客流的比例。")  # fmt: skip

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") != "sale":
            return
        day, now = self._day(), stamp(event.time)
        if event.time - parse_time(day["receipt"]) >= self._two_ticks():
            day["dead"].append([day["receipt"], now])
        day["receipt"] = max(day["receipt"], now)
        day["receipts"] += 1
        hour = self.store.hours.local(event.time).strftime("%H")
        for line in event["lines"]:
            item = self._item(line["gtin"])
            item["sold"] = max(item["sold"], now)
            item["today"][hour] = item["today"].get(hour, 0) + abs(line["qty"])
            item["price"] = line["price"]
            item.pop("suspect", None)
            self.workers.optimise.position.take(item["places"], abs(line["qty"]), event.time)

    @on("forecast.demand")
    def demand(self, event):
        if event.get("level", "item") == "item":
            self.workers.optimise.demand_windows.enter(self._item(event["key"])["demand"], event.data, self.now - DAY)

    @on("forecast.traffic")
    def traffic(self, event):
        book, what = self.state.setdefault("traffic", []), event.get("what", "visitors")
        if what in ("visitors", "receipts"):
            row = {**event.data, "mean": event.get("mean", event["p50"]), "basis": "base"}
            self.workers.optimise.demand_windows.enter(book, row, self.now - DAY)
            self.state["what"] = what

    @on("inventory.snapshot")
    def stock(self, event):
        self.workers.optimise.position.count(self._item(event["gtin"])["places"], event.data, event.time)

    @on("vision.count?")
    def visitors(self, event):
        if event.get("class") == "person":
            self._day()["counts"].append([event["from"], event["to"], event["in"]])

    @every("config.tick|min", only="open")
    def judge(self, due):
        day, factor = self._day(), self._factor(due.time)
        if due.time - parse_time(day["receipt"]) >= self._two_ticks() or factor < self.config.traffic_floor:
            return
        limit, suspects = self.state.get("silence_p", self.config.silence_p), []
        for name in [key for key in self.state if key.startswith("item:")]:
            item = self.state[name]
            quiet = item.get("suspect") or item.get("quiet", "") > stamp(due.time) or item.get("task")
            if quiet or not item["demand"] or self._whole_day(item, due.time) < self.config.min_daily:
                continue
            expected = self._expected(item, self._since(item, due.time), due.time, factor)
            silence = self.workers.optimise.sales_silence
            chance = silence.chance(expected, silence.shape(item["history"].values(), self.config.poisson_limit))
            if chance < limit:
                hourly = self._expected(item, due.time - HOUR, due.time, factor)
                suspects.append((-hourly * self._price(name[5:], item), name[5:], chance))
        for _, key, chance in sorted(suspects):
            yield from self._suspect(key, chance, due.time)

    def _suspect(self, key, chance, at):
        item, day = self.state[f"item:{key}"], self._day()
        item["suspect"] = True
        place = self._place(key)
        gtin = (self.tables.products.get(key) or {}).get("gtin") or place.get("gtin") or item["gtin"]
        yield self._state(gtin, place, "out", "sales", round(1 - chance, 4), self._since(item, at))
        if day["checks"] >= self.config.daily_checks:
            return
        day["checks"] += 1
        task = f"check-{gtin}-{at:%Y%m%dT%H%M%S}"
        item["task"] = task
        self.state[f"task:{task}"] = {"key": key, "since": stamp(self._since(item, at))}
        name = (self.tables.products.get(key) or {}).get("name", gtin)
        yield out("task.create", task=task, kind="check_shelf", priority=2, fixture=place.get("fixture"), zone=place.get("zone"),
                  title=self.say(f"Check the shelf: {name}", f"查看货架：{name}"), due=self.store.hours.next_close(at),
                  items=[{"gtin": gtin, **({"to": place["slot"]} if place else {})}],
                  values={"answers": ["empty", "full", "hidden", "misplaced"]})  # fmt: skip

    @on("task.done")
    def answered(self, event):
        name, values = f"task:{event['task']}", event.get("values") or {}
        if name not in self.state or event["state"] in ("accepted", "approved"):
            return
        task = self.state.pop(name)
        item, answer = self.state[f"item:{task['key']}"], values.get("answer")
        item.pop("task", None)
        if event["state"] != "done" or answer not in ("empty", "full", "hidden", "misplaced"):
            return
        self.kpi.share("check_precision", answer == "empty", 1)
        month = self.state.setdefault("month", {"answered": 0, "empty": 0})
        month["answered"] += 1
        month["empty"] += answer == "empty"
        item.pop("suspect", None)
        place = self._place(task["key"])
        gtin = (self.tables.products.get(task["key"]) or {}).get("gtin") or item["gtin"]
        state = {"empty": "ok" if values.get("filled") else "out", "full": "full"}.get(answer, "misplaced")
        yield self._state(gtin, place, state, "staff", 1.0, event.time)
        if answer == "full":
            item["quiet"] = stamp(event.time + timedelta(hours=self.config.recheck))
            item["history"][self.store.hours.store_day(event.time).isoformat()] = self._hours(item, event.time)
        elif answer == "empty":
            self._lost(task, item, event.time, bool(values.get("filled")))
        item["fresh"] = stamp(event.time)

    def _lost(self, task, item, at, filled):
        """Units expected from when the shelf ran empty to the fill, or to closing where nothing was there to fill it with."""
        since, factor = parse_time(task["since"]), self._factor(at)
        rate = self._expected(item, since, since + HOUR, factor)
        closing = self.store.hours.next_close(at - timedelta(microseconds=1)) or at
        end = at if filled else closing
        units = self._expected(item, since + HOUR / rate, end, factor) if rate > 0 else 0
        value = round(units * self._price(task["key"], item))
        self.kpi.add("lost_sales", value)
        phantom = not filled and (self.workers.optimise.position.units(item["places"]) or 0) > 0
        self.kpi.add("phantom_items", phantom)
        self._day()["lost"].append({"gtin": item["gtin"], "units": round(units, 3), "value": value, "phantom": phantom})
        if not filled:
            item["quiet"] = stamp(closing)

    @every("1d", at="close")
    def close(self, due):
        """The day's losses and availability; its hourly sales enter the history."""
        hours, today, expected = self.store.hours, self.store.hours.ended_day(due.time), 0.0
        opens, day = hours.day(today), self.state.pop("day", None)
        for name in [key for key in self.state if key.startswith("item:")]:
            item = self.state[name]
            if item["demand"] and (units := self._whole_day(item, due.time - HOUR)) >= self.config.min_daily:
                expected += units
            item["history"][today.isoformat()] = self._hours(item, due.time)
            item["history"] = dict(sorted(item["history"].items())[-HISTORY_DAYS:])
            item["today"] = {}
            item.pop("suspect", None)
            self.state.pop(f"task:{item.pop('task', None)}", None)
        if day is None or not expected:
            return
        lost, value = sum(one["units"] for one in day["lost"]), sum(one["value"] for one in day["lost"])
        self.kpi.share("availability_estimate", max(0.0, expected - lost), expected)
        window = {"from": opens[0] if opens else due.time - DAY, "to": due.time}
        yield out("score.report", window, scheme="osa_sales_signal", subject_kind="store", subject=self.store.id,
                  score=100 * max(0.0, 1 - lost / expected), parts=[
                      {"name": "checks", "value": day["checks"]}, {"name": "lost_units", "value": lost}])  # fmt: skip
        if day["lost"]:
            figures = {"lost_sales": {"value": value, "unit": "minor"}, "lost_units": {"value": lost, "unit": "each"}}
            yield out(
                "insight.report", window, report=f"lost-sales-{today}", kind="lost_sales", version=1, figures=figures, rows=day["lost"]
            )

    @every("1d", at="00:00")
    def tune(self, due):
        """On the first of a month the threshold moves by a factor of 2 towards the precision that is aimed at."""
        month = self.state.get("month")
        if self.store.hours.store_day(due.time).day != 1 or not month:
            return
        del self.state["month"]
        now = self.state.get("silence_p", self.config.silence_p)
        precision = month["empty"] / month["answered"]
        self.state["silence_p"] = self.workers.optimise.sales_silence.tuned(now, precision, PRECISION_AIM, *SILENCE_LIMITS)

    def _expected(self, item, begin, end, factor):
        """Units expected in a stretch of the day, without the store's own silence."""
        dead = [(parse_time(a), parse_time(b)) for a, b in self._day()["dead"]]
        gaps = [(max(a, begin), min(b, end)) for a, b in dead if a < end and b > begin]
        return factor * (self._spread(item, begin, end) - sum(self._spread(item, a, b) for a, b in gaps))

    def _spread(self, item, begin, end):
        """The day's forecast by the share of visitors that the traffic forecast has in a stretch of it."""
        hours, windows = self.store.hours, self.workers.optimise.demand_windows
        span = hours.span(begin) or hours.day(hours.store_day(begin))
        if span is None or end <= begin:
            return 0.0
        whole, book = windows.expected(item["demand"], hours, *span) or 0.0, self.state.get("traffic", [])
        visitors = windows.expected(book, hours, *span)
        if visitors:
            return whole * (windows.expected(book, hours, begin, end) or 0.0) / visitors
        return whole * hours.open_seconds(begin, min(end, span[1])) / hours.open_seconds(*span)

    def _whole_day(self, item, at):
        span = self.store.hours.span(at)
        return (self.workers.optimise.demand_windows.expected(item["demand"], self.store.hours, *span) or 0.0) if span else 0.0

    def _factor(self, at):
        """Today's visitors over those forecast for the same time; 1 where nothing can be compared."""
        day, book, hours = self._day(), self.state.get("traffic", []), self.store.hours
        expected = self.workers.optimise.demand_windows.expected
        span = hours.span(at)
        if self.state.get("what") == "receipts" and span:
            seen, planned = day["receipts"], expected(book, hours, span[0], at) or 0
        else:
            seen = sum(count for *_, count in day["counts"])
            planned = sum(expected(book, hours, parse_time(begin), parse_time(end)) or 0 for begin, end, _ in day["counts"])
        return seen / planned if planned else 1.0

    def _hours(self, item, until):
        """Opening hours so far today, their sales and squares of sales."""
        span = self.store.hours.span(until - timedelta(microseconds=1))
        count = int((until - span[0]).total_seconds() // 3600) if span else 0
        return [max(count, len(item["today"])), sum(item["today"].values()), sum(qty**2 for qty in item["today"].values())]

    def _since(self, item, at):
        span = self.store.hours.span(at)
        return max(parse_time(item["sold"]), parse_time(item.get("fresh", item["sold"])), span[0] if span else at - DAY)

    def _two_ticks(self):
        return timedelta(minutes=2 * self.config.tick)

    def _day(self):
        """Today's receipts, counts and losses; silence begins at opening."""
        span = self.store.hours.span(self.now)
        first = stamp(span[0] if span else self.now)
        new = {"receipt": first, "receipts": 0, "counts": [], "dead": [], "checks": 0, "lost": []}
        if span and self.state.get("day", {}).get("receipt", first) < first:
            self.state["day"] = new
        return self.state.setdefault("day", new)

    def _price(self, key, item):
        prices = self.tables.prices.derived("base prices", self._base_prices)
        return prices.get(key) or (self.tables.products.get(key) or {}).get("list_price") or item.get("price", 0)

    def _base_prices(self, rows):
        base = [row for row in rows if row.get("kind", "base") == "base" and not row.get("scope")]
        return {self.workers.gs1.item_key(row["gtin"]): row["price"] for row in sorted(base, key=lambda row: str(row.get("from") or ""))}

    def _state(self, gtin, place, state, by, confidence, since):
        return out("shelf.state", gtin=gtin, fixture=place.get("fixture", ""), slot=place.get("slot", ""), state=state, by=by,
                   confidence=confidence, since=since)  # fmt: skip

    def _place(self, key):
        return next(iter(self.workers.optimise.planned.slots(self.tables.planogram, key)), {})

    def _item(self, gtin):
        new = {"gtin": gtin, "sold": stamp(self.now - DAY), "demand": [], "today": {}, "history": {}, "places": {}}
        return self.state.setdefault(f"item:{self.workers.gs1.item_key(gtin)}", new)
