"""Backroom-to-shelf fill waves: before each round, the shortest trolley lists that keep every shelf full until the next one.

What a shelf holds is worked out from fills and sales and set right by `shelf.state`, by a count of the shelf and by what `task.done`
reports; a shelf of which nothing is known is taken to be full. Capacity is the planogram's, else facings times depth; an item without
either makes no line. Demand is spread over opening time, so the last round of a day looks to closing. Where stock was never counted the
backroom limits nothing. Walks begin and end in the zone of kind backroom and follow the way of customers from the entrance, put right by
2-opt. A trolley's volume and load are the products' (`volume_l`, else their three sides; `weight_g`); what is unknown weighs nothing.

`task.done` names what was filled in `values.filled` ({gtin: units}); without it a task that is done was filled as listed, and an item
left out of it was not reached. A count task is answered by a snapshot, or in `values.counted` ({gtin: units behind the shelf}). Beyond the
row: while the store is closed nothing is filled at once, the round before opening sees to it; a list without an answer for a day lapses.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
EMERGENCY_DUE = timedelta(minutes=30)
Wave = Annotated[str, Field(pattern=r"^((open|close)([+-]\d{1,3}m?)?|([01]\d|2[0-3]):[0-5]\d)$")]


class BackroomFillWave(Solution):
    number = 100
    zh, en = "后仓上架补货波次", "Backroom-to-shelf fill waves"
    purpose_zh = "由销售推算每个货架余量，每轮补货前生成能撑到下一轮的最短拣货车清单，并可点亮电子价签指示补货位置。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "label.update", "route.plan", "score.report")
    adapters = ("esl_gateway?",)
    reads = ("planogram", "products", "fixtures", "zones")
    load = "optimise"
    kpis = {
        "shelf_empty_hours": kpi("h", "Hours of empty shelves", "货架空置时长"),
        "lines_per_hour": kpi("count", "Lines filled an hour", "每小时补货行数"),
        "trips": kpi("count", "Trips", "补货趟数"),
        "backroom_errors": kpi("count", "Short in the backroom", "后仓差异次数"),
    }
    kinds = {"fill_shelf": ("Fill shelves", "补货上架"), "count_stock": ("Count an item", "盘点商品")}

    class Config(SolutionConfig):
        waves: list[Wave] = setting(lambda: ["open-90", "11:00", "15:00", "18:00"], "Rounds", "补货波次",
            help_en="Store times; `open` and `close` with minutes before or after.",
            help_zh="门店时间；open、close 可加减分钟。")  # fmt: skip
        cover_factor: float = setting(1.2, "Cover until the next round", "覆盖系数", ge=1, le=3,
            help_en="The shelf must hold this times the demand up to the next round.",
            help_zh="货架余量须达到下一轮前需求的该倍数。")  # fmt: skip
        min_facing: int = setting(1, "Units that must always stand", "最低陈列量", unit="each", ge=0, le=50,
            help_en="At or below it a shelf is filled whatever is expected to sell.",
            help_zh="货架余量不高于此数即补货，与预测无关。")  # fmt: skip
        cart_litres: float = setting(50, "Volume of a trolley", "推车容积", unit="l", ge=10, le=1000)
        cart_kg: float = setting(80, "Load of a trolley", "推车载重", unit="kg", ge=5, le=500)
        open_case: bool = setting(False, "Part cases", "允许拆箱",
            help_en="Part cases may be taken, the rest goes back.", help_zh="可拆箱取货，余下退回后仓。")  # fmt: skip
        emergency: bool = setting(True, "Fill empty shelves at once", "空货架立即补货",
            help_en="Those that a camera or scale reports out.", help_zh="摄像头或货架秤报告空缺的货架。")  # fmt: skip
        pick_light: bool = setting(False, "Flash labels", "价签闪灯",
            help_en="The electronic label of each line flashes until it is done.",
            help_zh="补货行的电子价签闪烁至完成。")  # fmt: skip

    def start(self):
        self.kpi.add("shelf_empty_hours", 0)
        self._arm(self.now - MOMENT)

    @every("1d", at="00:00")
    def forget(self, due):
        """Lists without an answer for a day, and items that are no longer planned."""
        if not self.timers.get("wave", "next"):
            self._arm(self.now)
        for task in [key for key in self.state if key.startswith("task:") and parse_time(self.state[key]["at"]) <= self.now - DAY]:
            yield from self._close(task)
        planned = self.workers.optimise.planned.index(self.tables.planogram)
        for name in [key for key in self.state if key.startswith(("item:", "demand:", "count:"))]:
            if name.partition(":")[2] not in planned or (name.startswith("count:") and parse_time(self.state[name]) <= self.now - DAY):
                del self.state[name]

    @on("forecast.demand")
    def forecast(self, event):
        key = self._key(event["key"])
        if event.get("level", "item") == "item" and key in self.workers.optimise.planned.index(self.tables.planogram):
            self.workers.optimise.demand_windows.enter(self.state.setdefault(f"demand:{key}", []), event.data, self.now)

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") in ("void", "training"):
            return
        for line in event["lines"]:
            if shelf := self._shelf(line["gtin"]):
                row = self.tables.products.get(line["gtin"]) or {}
                weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
                qty = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
                back = event.get("kind") == "return" or line["qty"] < 0
                self.workers.optimise.shelf_fill.sell(shelf, -qty if back else qty, event.time)
                self._watch(shelf)

    @on("inventory.snapshot")
    def counted(self, event):
        if event.get("other_store", self.store.id) == self.store.id and (shelf := self._shelf(event["gtin"])):
            self.workers.optimise.shelf_fill.count(shelf, {**event.data, "other_store": None}, event.time)
            self.state.pop(f"count:{self._key(event['gtin'])}", None)
            self._watch(shelf)

    @on("inventory.movement?")
    def moved(self, event):
        if shelf := self._shelf(event["gtin"]):
            self.workers.optimise.shelf_fill.move(shelf, event.data, event.time)
            if event["kind"] == "count":
                self.state.pop(f"count:{self._key(event['gtin'])}", None)
            self._watch(shelf)

    @on("shelf.state?")
    def seen(self, event):
        """A shelf as a camera, a scale or staff sees it; of an item in several slots, the others keep their share."""
        shelf, out_at = self._shelf(event["gtin"]), (event["fixture"], event["slot"])
        if not shelf or not self.workers.optimise.shelf_fill.look(shelf, self._slots(event["gtin"]), out_at, event.data, event.time):
            return
        self._watch(shelf)
        reported = event["state"] == "out" and event["by"] in ("camera", "weight")
        if reported and self.config.emergency and self.store.hours.is_open(self.now):
            line = self._line(self._key(event["gtin"]), self.now, self._next_round(), out_at)
            for number, trip in enumerate(self._trips([line] if line else []), 1):
                yield from self._issue(trip, f"fill-{self.now:%Y%m%dT%H%M%S}-{'-'.join(out_at)}-{number}", 1, self.now + EMERGENCY_DUE)

    @timer("wave")
    def round(self, due):
        self._arm(due.time)
        if self.workers.optimise.rounds.following(self.store.hours, self.config.waves, due.time - MOMENT) != due.time:
            return
        until = self._next_round()
        keys = [key.partition(":")[2] for key in self.state if key.startswith("item:")]
        lines = [line for key in keys if (line := self._line(key, due.time, until))]
        lines.sort(key=lambda line: (line["hours"], line["gtin"]))
        for number, trip in enumerate(self._trips(lines), 1):
            yield from self._issue(trip, f"fill-{self.store.hours.local(due.time):%Y%m%dT%H%M}-{number}", 2, until)

    @on("task.done")
    def done(self, event):
        name, values = f"task:{event['task']}", event.get("values") or {}
        if name not in self.state:
            for gtin, qty in (values.get("counted") or {}).items() if event["state"] == "done" else ():
                if (shelf := self._shelf(gtin)) and self.state.pop(f"count:{self._key(gtin)}", None):
                    self.workers.optimise.shelf_fill.count(shelf, {"location": "backroom", "on_hand": qty}, event.time)
            return
        task = self.state[name]
        if event["state"] == "accepted":
            task["started"] = event.get("started") or rfc3339(event.time)
        elif event["state"] in ("done", "failed", "cancelled", "declined", "rejected"):
            yield from self._filled(event, task, values.get("filled"))
            yield from self._close(name)

    @every("1d", at="close")
    def report(self, due):
        for shelf in [self.state[key] for key in self.state if key.startswith("item:") and "empty" in self.state[key]]:
            self._emptied(shelf, due.time)
            shelf["empty"] = rfc3339(due.time)
        day = self.state.pop("day", None)
        if day is None:
            return
        opens = self.store.hours.day(self.store.hours.store_day(due.time - MOMENT))
        whole = day.get("lines", 0)
        yield out("score.report", {"from": opens[0] if opens else due.time - DAY, "to": due.time}, scheme="fill_waves",
                  subject_kind="store", subject=self.store.id, score=100 * day.get("in_full", 0) / whole if whole else None,
                  parts=[{"name": name, "value": round(value, 3)} for name, value in sorted(day.items())])  # fmt: skip

    def _line(self, key, at, until, out_at=None):
        """The line of an item for a round; None where its shelf will do, nothing fits or is there, or a list holds it already."""
        from storeloom.workers.optimise.fill_trips import Rules, line

        shelf, slots, config, hours = self.state.get(f"item:{key}"), self._slots(key), self.config, self.store.hours
        if not shelf or not slots or shelf.get("task"):
            return None
        demand = self.workers.optimise.demand_windows.expected(self.state.get(f"demand:{key}", []), hours, at, until) or 0.0
        rules = Rules(config.cover_factor, config.min_facing, config.open_case)
        product = self.tables.products.get(slots[0]["gtin"]) or {}
        found = line(shelf, slots, product, (demand, hours.open_seconds(at, until) / 3600), rules, out_at)
        return found and {**found, "key": key}

    def _trips(self, lines):
        """Lines on trolleys with their walks, and the zone in which these begin and end."""
        from storeloom.workers.optimise.fill_trips import trips
        from storeloom.workers.optimise.walks import Floor

        zones = self.tables.zones.rows()
        entrance, home = (next((row["zone"] for row in zones if row.get("kind") == kind), None) for kind in ("entrance", "backroom"))
        floor = Floor(zones, self.tables.fixtures.rows())
        return [{**trip, "home": home} for trip in trips(lines, (self.config.cart_litres, self.config.cart_kg), floor, entrance, home)]

    def _issue(self, trip, task, priority, due):
        lines, home = trip["lines"], trip["home"]
        self.state[f"task:{task}"] = {"at": rfc3339(self.now), "lines": [
            {name: line[name] for name in ("key", "gtin", "qty", "slot", "labels")} for line in lines]}  # fmt: skip
        for line in lines:
            shelf = self.state[f"item:{line['key']}"]
            shelf["task"] = [*shelf.get("task", []), f"task:{task}"]
        self.kpi.add("trips")
        self._day("trips")
        items = [{"gtin": one["gtin"], "qty": _whole(one["qty"]), **({"from": home} if home else {}), "to": one["slot"]} for one in lines]
        title = self.say(f"Fill shelves (lines: {len(lines)})", f"补货上架：{len(lines)} 行")
        zones = {(self.tables.fixtures.get(place) or {}).get("zone") for place in trip["places"]}
        yield out("task.create", task=task, kind="fill_shelf", title=title, priority=priority, due=due, items=items,
                  fixture=trip["places"][0] if len(trip["places"]) == 1 else None, zone=zones.pop() if len(zones) == 1 else None,
                  minutes=round(trip["seconds"] / 60, 1), values={"group": lines[0]["group"], "plan": task})  # fmt: skip
        way = sorted(lines, key=lambda line: trip["places"].index(line["fixture"]))
        yield out("route.plan", plan=task, kind="walk", distance_m=round(trip["metres"], 1), duration_s=round(trip["seconds"]), stops=[
            {"seq": number, "place": line["fixture"], "gtin": line["gtin"]} for number, line in enumerate(way, 1)])  # fmt: skip
        if self.config.pick_light:
            yield from self._flash(self.state[f"task:{task}"], task, "on")

    def _filled(self, event, task, filled):
        """Enter what was carried; what the backroom did not have is to be counted."""
        given = None if filled is None else {self._key(gtin): qty for gtin, qty in filled.items()}
        done = 0
        for line in task["lines"]:
            whole = line["qty"] if event["state"] == "done" else None
            qty, shelf = whole if given is None else given.get(line["key"]), self.state.get(f"item:{line['key']}")
            if qty is None or shelf is None:
                continue
            done += qty > 0
            self.workers.optimise.shelf_fill.fill(shelf, qty)
            shelf["at"] = rfc3339(event.time)
            self._watch(shelf)
            self._day("lines")
            self._day("in_full", qty >= line["qty"])
            if qty < line["qty"]:
                yield from self._miscounted(line)
        started = event.get("started") or task.get("started")
        if started and event.time > parse_time(started):
            self.kpi.share("lines_per_hour", done, (event.time - parse_time(started)).total_seconds() / 3600)

    def _miscounted(self, line):
        """One count task an item, until it is counted."""
        self.kpi.add("backroom_errors")
        self._day("backroom_errors")
        if f"count:{line['key']}" in self.state:
            return
        self.state[f"count:{line['key']}"] = rfc3339(self.now)
        name = (self.tables.products.get(line["gtin"]) or {}).get("name", line["gtin"])
        yield out("task.create", task=f"count-{line['gtin']}-{self.now:%Y%m%dT%H%M%S}", kind="count_stock", priority=3, evidence="count",
                  title=self.say(f"Count {name} in the backroom", f"盘点后仓：{name}"), items=[{"gtin": line["gtin"]}],
                  zone=next((row["zone"] for row in self.tables.zones.rows() if row.get("kind") == "backroom"), None))  # fmt: skip

    def _close(self, name):
        task = self.state.pop(name)
        for line in task["lines"]:
            shelf = self.state.get(f"item:{line['key']}", {})
            left = [one for one in shelf.pop("task", []) if one != name]
            if left:
                shelf["task"] = left
        if self.config.pick_light:
            yield from self._flash(task, name.partition(":")[2], "off")

    def _flash(self, task, name, flash):
        if self.devices.get("esl_gateway"):
            for line in task["lines"]:
                for label in line["labels"]:
                    yield out("label.update", label=label, version=f"{name}-{flash}", template="pick_light", gtin=line["gtin"], fields={},
                              flash=flash)  # fmt: skip

    def _watch(self, shelf):
        """Since when a shelf stands empty."""
        if shelf["qty"] <= 0:
            shelf.setdefault("empty", rfc3339(self.now))
        elif "empty" in shelf:
            self._emptied(shelf, self.now)
            del shelf["empty"]

    def _emptied(self, shelf, until):
        hours = self.store.hours.open_seconds(parse_time(shelf["empty"]), until) / 3600
        if hours > 0:
            self.kpi.add("shelf_empty_hours", hours)
            self._day("shelf_empty_hours", hours)

    def _day(self, name, amount=1):
        day = self.state.setdefault("day", {})
        day[name] = day.get(name, 0) + amount

    def _arm(self, after):
        """Set the alarm of the next round; a config that moves rounds counts from there on."""
        at = self.workers.optimise.rounds.following(self.store.hours, self.config.waves, after)
        if at:
            self.timers.set("wave", "next", at)

    def _next_round(self):
        """The next round; a day from now where there is none within a week."""
        return self.workers.optimise.rounds.following(self.store.hours, self.config.waves, self.now) or self.now + DAY

    def _shelf(self, gtin):
        """The shelf of an item that has a place to fill."""
        fills, name = self.workers.optimise.shelf_fill, f"item:{self._key(gtin)}"
        if name not in self.state and (capacity := sum(map(fills.capacity_of, self._slots(gtin)))) > 0:
            self.state[name] = fills.begin(capacity, self.now - DAY)
        return self.state.get(name)

    def _slots(self, gtin):
        rows = self.workers.optimise.planned.slots(self.tables.planogram, gtin)
        return [row for row in rows if self.workers.optimise.shelf_fill.capacity_of(row) > 0]

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)


def _whole(qty):
    return int(qty) if qty == int(qty) else round(qty, 3)
