"""For buyers and suppliers: makes sure that a new item leaves the back room within hours of arrival, and warns when silence at the till
means a failed display, not a failed product.

An item is new from its receipt until `new_days` after its `listed_on`; goods that come before that day start their clock on it. What sold
before its receipt was booked was on the shelf at its receipt. A task names an item in its values or note. Stock is what came in less what
was sold, wasted, moved or returned; `return` goes to the supplier unless it goes to a place of the store. A clock that stopped does not
start again; its item counts in the scores only where it came to the shelf.

Forecasts count by the opening time of their windows, else `default_daily` for each open day. Sections are categories; the task goes to
somebody of the section (or of the planogram's zone) where the table `staff` knows one, the alert names the manager. At each close the
scores of all new items are told by supplier and by category, and for the store with the items that have no planogram place.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, stamp
from storeloom.workers.gs1.numbers import item_key

SECONDS_AN_HOUR = 3600


class NewItemOnShelf(Solution):
    number = 124
    zh, en = "新品上架跟踪", "New-item speed to shelf"
    purpose_zh = "确保新品到货后数小时内上架，并在收银沉默意味着陈列失败而非商品失败时预警。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "alert.raise", "score.report")
    reads = ("products", "planogram", "staff")
    kpis = {
        "on_shelf_in_time": kpi("%", "On shelf in time", "按时上架率"),
        "speed_to_shelf": kpi("h", "Median hours to the shelf", "上架用时中位数"),
        "silent_new_items": kpi("count", "Silent new items", "沉默新品数"),
    }
    kinds = {
        "shelve_new_item": ("Put a new item on the shelf", "新品上架"),
        "new_item_not_on_shelf": ("New item not on the shelf", "新品未上架"),
        "silent_new_item": ("New item does not sell", "新品无销售"),
    }

    class Config(SolutionConfig):
        new_days: int = setting(60, "An item is new after its listing date for", "新品期", unit="d", ge=7, le=180)
        shelf_h: float = setting(12, "Open hours from first receipt to shelf", "到货至上架营业时长", unit="h", ge=1, le=72)
        alert_factor: float = setting(2, "Times this after which the manager is alerted", "提醒经理的倍数", ge=1, le=5)
        p_silent: float = setting(0.05, "Chance of no sale under which silence is a fault", "判定异常的沉默概率", ge=0.001, le=0.3)
        default_daily: float = setting(1.0, "Expected units a day without a forecast", "无预测时的日销量", unit="units", ge=0.1, le=100)
        min_facings: int = setting(1, "Facings seen that count as on shelf", "视为已上架的排面", ge=1, le=10)

    @on("inventory.movement")
    def moved(self, event):
        key, position = item_key(event["gtin"]), self.workers.optimise.position
        if event.get("state", "booked") != "booked" or not (f"item:{key}" in self.state or self._is_new(key, event.time)):
            return
        item, data = self._item(key), dict(event.data)
        if data["kind"] == "return" and data.get("to") not in position.PLACES:
            data["qty"] = -abs(data["qty"])
        position.enter_movement(item["book"], data, event.time)
        if data["kind"] == "receive" and data.get("accepted", data["qty"]) > 0 and not item["stopped"]:
            listed = self._product(key).get("listed_on")
            start = max(event.time, self.store.hours.midnight(date.fromisoformat(listed[:10]))) if listed else event.time
            if item["start"] is None or start < parse_time(item["start"]):
                yield from self._begin(key, item, start)
        yield from self._stop_if_gone(key, item)

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") != "sale":
            return
        for line in event["lines"]:
            key = item_key(line["gtin"])
            if line["qty"] > 0 and (f"item:{key}" in self.state or self._is_new(key, event.time)):
                item = self._item(key)
                item["sold"] = min(item["sold"] or stamp(event.time), stamp(event.time))
                self.workers.optimise.position.take(item["book"]["places"], line["qty"], event.time)
                if item["start"] is not None and not item["stopped"]:
                    yield from self._on_shelf(key, item, max(event.time, parse_time(item["start"])))
                if item["silent"]:
                    item["silent"] = None
                    yield self._alert(key, "silent_new_item", "cleared", self.say("sold", "已售出"))
                yield from self._stop_if_gone(key, item)

    @on("vision.shelf?")
    def seen(self, event):
        facings = {}
        for slot in event["slots"] if not event.get("blocked") else ():
            if slot.get("gtin"):
                key = item_key(slot["gtin"])
                facings[key] = facings.get(key, 0) + slot["facings"]
        for key in sorted(facings):
            if facings[key] >= self.config.min_facings:
                yield from self._proof(key, event.time)

    @on("task.done?")
    def answered(self, event):
        if event["state"] in ("done", "approved"):
            own = self.state.get(f"task:{event['task']}")
            words = self.workers.insight.shelf_launches.named(event.data)
            for key in sorted({item_key(word) for word in words} | ({own} if own else set())):
                yield from self._proof(key, event.time)

    @on("forecast.demand?")
    def forecast(self, event):
        key = item_key(event["key"])
        if event.get("level", "item") == "item" and (f"item:{key}" in self.state or self._is_new(key, self.now)):
            row = {**event.data, "mean": event.get("mean", event["p50"])}
            kept = self.now - timedelta(days=self.config.new_days)
            self.workers.optimise.demand_windows.enter(self.state.setdefault(f"forecast:{key}", []), row, kept)

    @timer("task")
    def not_there(self, due):
        """The time to the shelf is over: one task."""
        item = self.state[f"item:{due.key}"]
        self.kpi.share("on_shelf_in_time", 0, 1)
        item["late"], place = True, self._place(due.key)
        task, gtin, stock = f"shelve-{due.key}", self._written(due.key), self.workers.optimise.position.on_hand(item["book"])
        self.state[f"task:{task}"], product = due.key, self._product(due.key)
        name, zone = product.get("name", gtin), place.get("zone")
        line = {"gtin": gtin, "qty": stock, "from": "backroom", **({"to": place["slot"]} if place else {"note": "no planogram place"})}
        title = self.say(f"Put the new item {name} on the shelf", f"新品上架：{name}")
        yield out("task.create", task=task, kind="shelve_new_item", title=title, priority=2, zone=zone, fixture=place.get("fixture"),
                  staff=self._who(product.get("category"), zone), items=[line],
                  values={"stock": stock, "received": item["start"]})  # fmt: skip

    @timer("alert")
    def still_not_there(self, due):
        self.state[f"item:{due.key}"]["alert"] = True
        hours = self.config.alert_factor * self.config.shelf_h
        text = self.say(f"not on the shelf after {hours:g} open hours", f"到货 {hours:g} 个营业小时仍未上架")
        yield self._alert(due.key, "new_item_not_on_shelf", "open", text, value=hours, limit=self.config.shelf_h, unit="h")

    @every("1d", at="close")
    def close(self, due):
        """Silence of what is on the shelf and unsold; scores; what is new no longer goes."""
        for name in sorted(name for name in self.state if name.startswith("item:")):
            key, item = name[5:], self.state[name]
            if not self._is_new(key, due.time - timedelta(seconds=1)):
                yield from self._forget(key, item)
            elif item["shelf"] and not item["sold"] and not item["stopped"] and item["silent"] is None:
                chance = self.workers.optimise.sales_silence.chance(self._expected(key, parse_time(item["shelf"]), due.time), None)
                if chance < self.config.p_silent:
                    item["silent"] = stamp(due.time)
                    self.kpi.add("silent_new_items")
                    text = self.say("on the shelf and no sale: check price, label, place", "已上架但无销售：检查价格、标签、位置")
                    yield self._alert(key, "silent_new_item", "open", text, value=round(chance, 6), limit=self.config.p_silent)
        for name in sorted(name for name in self.state if name.startswith("forecast:")):
            if not self._is_new(name[9:], due.time):
                del self.state[name]
        yield from self._report(due.time)

    def _begin(self, key, item, start):
        item["start"] = stamp(start)
        if item["sold"]:
            yield from self._on_shelf(key, item, max(start, parse_time(item["sold"])))
            return
        store_times, config = self.workers.optimise.store_times, self.config
        for name, flag, hours in (("task", "late", config.shelf_h), ("alert", "alert", config.alert_factor * config.shelf_h)):
            if not item[flag]:
                at = store_times.after_open(self.store.hours, start, timedelta(hours=hours))
                self.timers.set(name, key, max(at, self.now))

    def _proof(self, key, at):
        item = self.state.get(f"item:{key}")
        if item and item["start"] and not item["stopped"] and at >= parse_time(item["start"]):
            yield from self._on_shelf(key, item, at)

    def _on_shelf(self, key, item, at):
        """The earliest proof counts; one that comes late can still show that it was in time."""
        if item["shelf"] and stamp(at) >= item["shelf"]:
            return
        hours = self.store.hours.open_seconds(parse_time(item["start"]), at) / SECONDS_AN_HOUR
        in_time = hours <= self.config.shelf_h
        if item["shelf"] is None:
            self.kpi.sample("speed_to_shelf", hours, "median")
        if in_time and item["hours"] is None:
            self.kpi.share("on_shelf_in_time", 1, 0 if item["late"] else 1)
        elif in_time and item["hours"] > self.config.shelf_h:
            self.kpi.share("on_shelf_in_time", 1, 0)
        item |= {"shelf": stamp(at), "hours": hours}
        yield from self._quiet(key, item, self.say("on the shelf", "已上架"))

    def _quiet(self, key, item, text):
        """No task and alert about the shelf any more."""
        for name in ("task", "alert"):
            self.timers.cancel(name, key)
        self.state.pop(f"task:shelve-{key}", None)
        if item["alert"]:
            item["alert"] = False
            yield self._alert(key, "new_item_not_on_shelf", "cleared", text)

    def _stop_if_gone(self, key, item):
        stock = self.workers.optimise.position.on_hand(item["book"])
        if item["start"] and not item["stopped"] and stock is not None and stock <= 0:
            item["stopped"], text = True, self.say("no stock", "无库存")
            yield from self._quiet(key, item, text)
            if item["silent"]:
                item["silent"] = None
                yield self._alert(key, "silent_new_item", "cleared", text)

    def _forget(self, key, item):
        yield from self._quiet(key, item, self.say("no longer new", "已过新品期"))
        if item["silent"]:
            yield self._alert(key, "silent_new_item", "cleared", self.say("no longer new", "已过新品期"))
        del self.state[f"item:{key}"]

    def _report(self, at):
        launches, groups, begin = self.workers.insight.shelf_launches, {}, at
        homeless = []
        for name in sorted(name for name in self.state if name.startswith("item:")):
            key, item, product = name[5:], self.state[name], self._product(name[5:])
            if item["start"] is None or (item["stopped"] and item["hours"] is None):
                continue
            start = parse_time(item["start"])
            waited, begin = self.store.hours.open_seconds(start, at) / SECONDS_AN_HOUR, min(begin, start)
            one = launches.Launch(start, item["hours"], waited, item["sold"] and parse_time(item["sold"]))
            homeless += [] if self._place(key) else [self._written(key)]
            for kind, subject in (("store", self.store.id), ("supplier", product.get("supplier")), ("category", product.get("category"))):
                if subject:
                    groups.setdefault((kind, subject), []).append(one)
        for kind, subject in sorted(groups):
            parts = launches.scores(groups[kind, subject], self.config.shelf_h, at)
            score = next((part["value"] for part in parts if part["name"] == "on_shelf_in_time"), None)
            yield out("score.report", {"from": begin, "to": at}, scheme="new_item_on_shelf", subject_kind=kind, subject=subject,
                      score=score, parts=parts, notes=homeless if kind == "store" and homeless else None)  # fmt: skip

    def _expected(self, key, begin, end):
        """Units that should have sold in a stretch of time, by forecast, else by the usual day."""
        hours, book = self.store.hours, self.state.get(f"forecast:{key}", [])
        units = self.workers.optimise.demand_windows.expected(book, hours, begin, end) if book else None
        return self.workers.insight.shelf_launches.usual(hours, begin, end, self.config.default_daily) if units is None else units

    def _alert(self, key, kind, state, text, **figures):
        gtin, place = self._written(key), self._place(key)
        managers = [row["staff"] for row in self.tables.staff.rows() if {"manager", "store_manager"} & set(row.get("roles") or ())]
        text = f"{self._product(key).get('name', gtin)}: {text}"
        return out("alert.raise", alert=f"{kind}-{key}", kind=kind, severity="warn", state=state, subject=gtin, zone=place.get("zone"),
                   asset=place.get("fixture"), text=text, staff=min(managers, default=None), **figures)  # fmt: skip

    def _who(self, *sections):
        local = self.store.hours.local(self.now)
        for section in sections:
            people = self.workers.optimise.eligibility.of_section(self.tables.staff.rows(), section, local, local)
            if people:
                return people[0]
        return None

    def _is_new(self, key, at):
        listed = self._product(key).get("listed_on")
        return bool(listed) and self.store.hours.store_day(at) <= date.fromisoformat(listed[:10]) + timedelta(days=self.config.new_days)

    def _item(self, key):
        new = {"start": None, "shelf": None, "hours": None, "sold": None, "late": False, "alert": False, "silent": None, "stopped": False}
        return self.state.setdefault(f"item:{key}", {**new, "book": self.workers.optimise.position.empty()})

    def _place(self, key):
        return next(iter(self.workers.optimise.planned.slots(self.tables.planogram, key)), {})

    def _product(self, key):
        return self.tables.products.get(key) or {}

    def _written(self, key):
        return self._product(key).get("gtin", key)
