"""Cycle counting and record accuracy: the daily half hour of counting goes where a wrong record costs most.

An item's class is `products.attributes.class`, else its category; its minutes `attributes.count_minutes`, else the config's. Its weekly
value is the forecast of the next seven days, else the sales of four weeks, at the base price, else the list price. Lists go out at
opening; tasks that are open take their minutes of the day, and lapse after a week. An item never counted is dated from when it was first
heard of. Counts (`values.counted`, units or {gtin: units}) are held against the book at the answer's time, by the movements' own times.

A waste movement that stays `proposed` is waste not booked. A delivery is unposted while its eta has passed and no receipt came. The
recount goes to someone with a role of the first counter where the table `staff` has one; an answer by the first counter does not close it.
A negative book that a count found accurate is not counted first again until it changes.
"""

from datetime import timedelta

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, stamp

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
SAME_COUNT = 1


class Tolerance(SolutionConfig):
    """What is still accurate."""

    units: float = Field(1, title="Units", ge=0, json_schema_extra={"x-zh": "件数"})
    share: float = Field(0.02, title="Share of the book", ge=0, le=1, json_schema_extra={"x-zh": "占账面比例"})


class InventoryAccuracy(Solution):
    number = 94
    zh, en = "循环盘点与账实相符", "Cycle counting and record accuracy"
    purpose_zh = "把每天有限的盘点时间用在账差代价最高的商品上，从收银沉默中发现虚库存，并判断每笔差异的可能原因。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("task.create", "inventory.movement", "alert.raise", "score.report")
    reads = ("products", "prices", "staff")
    kpis = {
        "record_accuracy": kpi("%", "Accurate records of those counted", "账实相符率"),
        "phantom_items": kpi("count", "Items on the book that are not there", "虚库存商品数"),
        "count_minutes": kpi("min", "Time spent counting", "盘点用时"),
        "difference_value": kpi("minor units", "Value of differences", "差异金额"),
    }
    kinds = {
        "count": ("Count an item", "盘点商品"),
        "recount": ("Count again by someone else", "他人复盘"),
        "supervisor_count": ("Two counts differ", "主管核实"),
        "stock_difference": ("Large stock difference", "重大库存差异"),
    }

    class Config(SolutionConfig):
        daily_minutes: int = setting(30, "Counting time a day", "每日盘点时间", unit="min", ge=3, le=480)
        minutes_per_item: float = setting(3, "Minutes to count an item", "单品盘点时间", unit="min", ge=0.2, le=60)
        prior_error: float = setting(0.1, "Chance that a record is wrong", "账面出错先验概率", ge=0.01, le=0.9,
            help_en="Weighs as much as 10 counts.", help_zh="权重相当于10次盘点。")  # fmt: skip
        silence_p: float = setting(0.01, "Chance of silence that is doubtful", "沉默可疑概率", ge=0.0001, le=0.2,
            help_en="Chance of no sale for so long.", help_zh="如此长时间无销售的概率。")  # fmt: skip
        silence_error: float = setting(0.6, "Chance of error of a silent item", "沉默商品出错概率", ge=0.1, le=1)
        tolerance: Tolerance = setting(Tolerance, "Still accurate", "允差", help_en="The larger of the two.", help_zh="两者取大。")
        recount_value: int = setting(5000, "Differences worth more are recounted", "复盘金额", unit="minor", ge=0, le=10_000_000)
        max_age: int = setting(90, "Every item is counted at least every", "最长盘点间隔", unit="d", ge=7, le=730)

    # The book

    @on("inventory.snapshot")
    def snapshot(self, event):
        if self.workers.optimise.position.is_count(event.data):
            place = event.get("location", "store")
            self.workers.optimise.stock_records.count(self._item(event["gtin"])["book"], place, event["on_hand"], event.time)

    @on("inventory.movement")
    def moved(self, event):
        item, kind, qty = self._item(event["gtin"]), event["kind"], event["qty"]
        if event.get("state", "booked") != "booked":
            if kind == "waste":
                item["waste"] = [stamp(event.time), abs(qty)]
            return
        if kind == "count":
            self.workers.optimise.stock_records.count(item["book"], "store", qty, event.time)
        elif kind != "transfer" or not {event.get("from"), event.get("to")} <= {"shelf", "backroom", "store"}:
            qty = event.get("accepted", qty) if kind == "receive" else -abs(qty) if kind == "waste" else qty
            self.workers.optimise.stock_records.move(item["book"], qty, event.time)
        if kind == "waste":
            item.pop("waste", None)
        elif kind == "receive":
            item["coming"] = [row for row in item["coming"] if row[0] != event.get("order", row[0]) or row[1] > stamp(event.time + DAY)]

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") not in ("sale", "return"):
            return
        for line in event["lines"]:
            item, row = self._item(line["gtin"]), self.tables.products.get(line["gtin"]) or {}
            by_kg = row.get("unit") == "kg" and line.get("weight_g") is not None
            qty = line["weight_g"] / 1000 if by_kg else abs(line["qty"])
            back = event.get("kind") == "return" or line["qty"] < 0
            self.workers.optimise.stock_records.move(item["book"], qty if back else -qty, event.time)
            if not back:
                item["sold"] = max(item["sold"], stamp(event.time))
                self.workers.optimise.stock_records.sold(item["sales"], self.store.hours.store_day(event.time), qty)
                item.pop("out", None)

    @on("shelf.state?")
    def seen(self, event):
        item = self._item(event["gtin"])
        if event["state"] == "out":
            item["out"] = True
        elif event["state"] in ("full", "ok", "low"):
            item.pop("out", None)

    @on("forecast.demand?")
    def forecast(self, event):
        if event.get("level", "item") == "item":
            item = self._item(event["key"])
            self.workers.optimise.demand_windows.enter(item["demand"], event.data, parse_time(item["sold"]))

    @on("shipment.notice?")
    def announced(self, event):
        for line in event["lines"]:
            item, key = self._item(line["gtin"]), event.get("order") or event["shipment"]
            item["coming"] = [row for row in item["coming"] if row[0] != key]
            if event["state"] != "cancelled":
                item["coming"].append([key, stamp(parse_time(event["eta"])), line["qty"]])

    # The list

    @every("1d", at="open")
    def morning(self, due):
        for name in [key for key in self.state if key.startswith("task:") and parse_time(self.state[key]["at"]) <= due.time - WEEK]:
            del self.state[name]
        tasks = [self.state[name] for name in self.state if name.startswith("task:")]
        busy = {task["key"] for task in tasks}
        prices = self.tables.prices.derived("base prices", self._base_prices)
        rows = [row for name in self.state if name.startswith("item:") and name[5:] not in busy and (row := self._rank(name[5:], prices))]
        minutes = self.config.daily_minutes - sum(task["minutes"] for task in tasks)
        for row in self.workers.optimise.stock_records.plan(rows, minutes):
            yield self._task("count", row["key"], row["minutes"], {})

    def _rank(self, key, prices):
        """What an item's count is worth a minute; negative books first, then those long uncounted."""
        records, item, row = self.workers.optimise.stock_records, self.state[f"item:{key}"], self.tables.products.get(key)
        book = records.on_hand(item["book"], self.now)
        if row is None or book is None:
            return None
        week = self.workers.optimise.demand_windows.expected(item["demand"], self.store.hours, self.now, self.now + WEEK)
        sold = records.weekly(item["sales"], self.store.hours.store_day(self.now))
        weekly = week if week is not None and item["demand"] else sold
        since = self._silence(item, weekly)
        counts = self.state.get(f"class:{self._class(row)}", {"wrong": 0, "counts": 0})
        chance = records.chance_wrong(counts["wrong"], counts["counts"], self.config.prior_error)
        if book > 0 and (item.get("out") or records.is_silent(since, self.config.silence_p)):
            chance = max(chance, self.config.silence_error)
        minutes = (row.get("attributes") or {}).get("count_minutes") or self.config.minutes_per_item
        old = self.now - parse_time(item["counted"]) > timedelta(days=self.config.max_age)
        score = chance * weekly * prices.get(key, row.get("list_price") or row.get("cost") or 0) / minutes
        rank = 0 if book < 0 and book != item.get("confirmed") else 1 if old else 2
        return {"key": key, "gtin": row["gtin"], "rank": rank, "score": score, "minutes": minutes} if rank < 2 or score > 0 else None

    def _silence(self, item, weekly):
        """Units expected since the last sale: by the forecast of that time, else at the weekly rate, in opening hours."""
        hours, since = self.store.hours, parse_time(item["sold"])
        expected = self.workers.optimise.demand_windows.expected(item["demand"], hours, since, self.now) if item["demand"] else None
        if expected is not None:
            return expected
        week = hours.open_seconds(self.now - WEEK, self.now)
        return weekly * hours.open_seconds(since, self.now) / week if week else 0

    # Answers

    @on("task.done")
    def done(self, event):
        name = f"task:{event['task']}"
        task = self.state.get(name)
        if task is None or event["state"] in ("accepted", "approved") or event["staff"] in task.get("not_by", ()):
            return
        if event["state"] != "done":
            del self.state[name]
            return
        counted = (event.get("values") or {}).get("counted")
        if isinstance(counted, dict):
            counted = next((qty for gtin, qty in counted.items() if self.workers.gs1.item_key(gtin) == task["key"]), None)
        if counted is None:
            return
        del self.state[name]
        spent = (event.time - parse_time(event["started"])).total_seconds() / 60 if event.get("started") else task["minutes"]
        self.kpi.add("count_minutes", spent)
        item = self._item(task["key"])
        book = self.workers.optimise.stock_records.on_hand(item["book"], event.time)
        yield from self._judge(event, task, item, counted, counted - book)

    def _judge(self, event, task, item, counted, difference):
        row = self.tables.products.get(task["key"]) or {}
        value = abs(difference) * (row.get("cost") or 0)
        limits, book = self.config.tolerance, counted - difference
        accurate = self.workers.optimise.stock_records.is_accurate(difference, book, limits.units, limits.share)
        if task["kind"] == "count" and not accurate and value > self.config.recount_value:
            again = {"not_by": [event["staff"]], "first": difference}
            yield self._task("recount", task["key"], task["minutes"], again, staff=self._someone_else(event["staff"]))
        elif task["kind"] == "recount" and abs(difference - task["first"]) > SAME_COUNT:
            yield self._task("supervisor_count", task["key"], task["minutes"], {}, role="supervisor")
        else:
            yield from self._settle(event, task["key"], item, counted, difference, accurate)

    def _settle(self, event, key, item, counted, difference, accurate):
        """The record is judged; a wrong one is booked as counted, with the probable cause of its difference."""
        row = self.tables.products.get(key) or {}
        item["counted"] = stamp(event.time)
        item["sold"] = max(item["sold"], item["counted"])
        item.pop("out", None)
        self.kpi.share("record_accuracy", accurate, 1)
        counts = self.state.setdefault(f"class:{self._class(row)}", {"wrong": 0, "counts": 0})
        counts["counts"] += 1
        counts["wrong"] += not accurate
        day = self.state.setdefault("day", {"counted": 0, "accurate": 0, "difference_value": 0})
        day["counted"] += 1
        day["accurate"] += accurate
        item["confirmed"] = counted - difference if accurate else None
        if accurate:
            return
        value = round(abs(difference) * (row.get("cost") or 0))
        day["difference_value"] += value
        self.kpi.add("difference_value", value)
        self.kpi.add("phantom_items", counted == 0 and difference < 0)
        cause = self._cause(key, item, row, difference, event.time)
        self.workers.optimise.stock_records.count(item["book"], "store", counted, event.time)
        gtin = row.get("gtin", key)
        yield out("inventory.movement", kind="count", gtin=gtin, qty=counted, cost=row.get("cost"), reason=cause, state="booked",
                  ref={"task": event["task"], "difference": difference})  # fmt: skip
        if value > self.config.recount_value:
            yield out("alert.raise", alert=f"difference-{gtin}-{event.time:%Y%m%dT%H%M%S}", kind="stock_difference", severity="warn",
                      state="open", subject=gtin, value=value, limit=self.config.recount_value, unit="minor", text=self.say(
                          f"{row.get('name', gtin)}: {difference:+g} ({cause})", f"{row.get('name', gtin)}：{difference:+g}（{cause}）"),
                      ref={"cause": cause, "difference": difference})  # fmt: skip

    def _cause(self, key, item, row, difference, at):
        """Differences of a week wait for their counterpart; one that found it explains no other."""
        category = row.get("category")
        known = [one for one in self.state.setdefault("differences", []) if parse_time(one["at"]) > at - WEEK]
        others = [one for one in known if category is not None and one["category"] == category and one["key"] != key]
        due = sum(qty for _, eta, qty in item["coming"] if parse_time(eta) <= at)
        waste = item.get("waste")
        cause = self.workers.optimise.stock_records.cause(
            difference, [one["difference"] for one in others], row.get("case_pack"), due, waste[1] if waste else None)  # fmt: skip
        if cause == "swap":
            known.remove(next(one for one in others if abs(one["difference"] + difference) < 1e-9))
        else:
            known.append({"at": stamp(at), "key": key, "category": category, "difference": difference})
        self.state["differences"] = known
        return cause

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", None)
        if day is None:
            return
        opens = self.store.hours.day(self.store.hours.ended_day(due.time))
        yield out("score.report", {"from": opens[0] if opens else due.time - DAY, "to": due.time}, scheme="record_accuracy",
                  subject_kind="store", subject=self.store.id, score=100 * day["accurate"] / day["counted"],
                  parts=[{"name": name, "value": value} for name, value in day.items()])  # fmt: skip

    # Words

    def _task(self, kind, key, minutes, more, **who):
        row = self.tables.products.get(key) or {}
        gtin = row.get("gtin", key)
        task = f"{kind}-{gtin}-{self.now:%Y%m%dT%H%M%S}"
        self.state[f"task:{task}"] = {"kind": kind, "key": key, "minutes": minutes, "at": stamp(self.now), **more}
        title = {"count": ("Count", "盘点"), "recount": ("Count again", "复盘"), "supervisor_count": ("Settle the count of", "核实")}[kind]
        name = row.get("name", gtin)
        return out("task.create", task=task, kind=kind, title=self.say(f"{title[0]} {name}", f"{title[1]}{name}"), evidence="count",
                   priority=3 if kind == "count" else 2, items=[{"gtin": gtin}], minutes=minutes,
                   due=self.store.hours.next_close(self.now), **{name: value for name, value in who.items() if value})  # fmt: skip

    def _someone_else(self, staff):
        first = self.tables.staff.get(staff) or {}
        others = [row for row in self.tables.staff.rows() if row["staff"] != staff and not row.get("left")]
        fitting = [row for row in others if not first.get("roles") or set(row.get("roles") or ()) & set(first["roles"])]
        return min((row["staff"] for row in fitting), default=None)

    def _class(self, row):
        return (row.get("attributes") or {}).get("class") or row.get("category") or ""

    def _base_prices(self, rows):
        base = [row for row in rows if row.get("kind", "base") == "base" and not row.get("scope")]
        return {self.workers.gs1.item_key(row["gtin"]): row["price"] for row in sorted(base, key=lambda row: str(row.get("from") or ""))}

    def _item(self, gtin):
        new = {"book": self.workers.optimise.stock_records.new(), "sold": stamp(self.now), "counted": stamp(self.now)}
        return self.state.setdefault(f"item:{self.workers.gs1.item_key(gtin)}", {**new, "sales": {}, "demand": [], "coming": []})
