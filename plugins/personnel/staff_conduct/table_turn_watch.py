"""Table turn watch: each table free, seated or dirty by what a camera shows; calls staff to greet and to clear in time.

A table is a zone of kind dining that is no other zone's parent, and any zone whose parent is one of kind dining; where a zone has two or
more fixtures of kind table with a place, each of these is a table, 0.6 m around its point. Guests are all but staff. Staff are near at the
distance from the table's edge, in metres or by their own height in the picture. What several cameras see of a table is joined.

`from` and `to` of `vision.zone` are the sitting, or the time that the table was dirty; `start`, `end`, `cleared` the moments themselves.
A camera silent for two minutes is lost: a table in use is told as stale and what spans the gap is not measured. Tables are counted from
the tables as they stand at closing. No picture and no person is kept, tracks of staff for ten seconds.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

DISHES = ("cup", "bowl", "plate", "bottle", "wine glass")
HALF_TABLE_M = 0.6
LOST_S, TOGETHER_S = 120, 30


class TableTurnWatch(Solution):
    number = 58
    zh, en = "餐桌状态与翻台监测", "Table state and turn monitor"
    purpose_zh = "识别每张餐桌空闲、就座、离席或待清，及时提醒迎客与收台，提高翻台率。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.zone", "vision.incident", "task.create", "score.report")
    adapters = ("camera",)
    reads = ("zones", "fixtures")
    load = "vision"
    kpis = {
        "table_turns": kpi("1/day", "Table turns", "翻台率"),
        "median_turnaround": kpi("s", "Median turnaround", "翻台时长中位数"),
        "greet_on_time": kpi("%", "Greeted on time", "迎客及时率"),
        "clear_on_time": kpi("%", "Cleared on time", "收台及时率"),
    }
    kinds = {"greet": ("Greet guests", "迎客"), "clear_table": ("Clear a table", "收台")}

    class Config(SolutionConfig):
        seat_confirm: int = setting(15, "Presence that seats", "就座确认时长", unit="s", ge=5, le=120,
            help_en="Presence at a free table that seats it.", help_zh="空桌旁停留达到此时长算就座。")  # fmt: skip
        leave_confirm: int = setting(60, "Absence that ends a sitting", "离席确认时长", unit="s", ge=10, le=600)
        dirty_min: int = setting(1, "Dishes that make a table dirty", "待清餐具数", ge=1, le=20,
            help_en="Dishes or cups left behind.", help_zh="离席后留下的餐具数量。")  # fmt: skip
        clear_confirm: int = setting(10, "No dishes for", "收净确认时长", unit="s", ge=2, le=120,
            help_en="Then the table is cleared.", help_zh="无餐具达到此时长算收净。")  # fmt: skip
        greet_due: int = setting(120, "First visit due", "迎客时限", unit="s", ge=30, le=900,
            help_en="By staff, after the guests sat down.", help_zh="就座后员工首次到桌的时限。")  # fmt: skip
        clear_due: int = setting(180, "Clearing due", "收台时限", unit="s", ge=30, le=1800,
            help_en="After the table is found dirty.", help_zh="发现待清后的时限。")  # fmt: skip
        staff_near: float = setting(1.0, "Distance at which staff serve", "员工服务距离", unit="m", ge=0.3, le=3)
        min_sitting: int = setting(120, "Shortest sitting that is a turn", "计入翻台的最短用餐", unit="s", ge=0, le=1800)

    # Looking

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision import dining
        from storeloom.workers.vision.algorithms.placed import staff_of, tracked

        name, t_s = event["camera"], event.time.timestamp()
        camera = self.state.setdefault(f"camera:{name}", {"last_s": 0, "staff": {}})
        places = self._places(name)
        if t_s < camera["last_s"] or not places:
            return
        camera["last_s"] = t_s
        view = self.workers.vision.view(event.data, event.time)
        people = tracked(view)
        device = self._device(name)
        uniform = tuple(device.settings.get("uniform", ())) if device else ()
        camera["staff"] = staff_of(view, people, uniform, camera["staff"])
        staff = [person for track, person in people.items() if track in camera["staff"]]
        guests = [person for track, person in people.items() if track not in camera["staff"]]
        dishes = view.observation.of(*DISHES)
        for table, place in places.items():
            state = self.state.setdefault(
                f"table:{table}", {**dining.begin(), "zone": place.zone, "sights": {}, "clear": None, "greet": None}
            )
            sight = sum(map(place.holds, guests)), sum(map(place.holds, dishes)), any(
                dining.is_near(place, one, self.config.staff_near, view.aspect) for one in staff)  # fmt: skip
            state["sights"] = {other: seen for other, seen in state["sights"].items() if t_s - seen[0] <= TOGETHER_S and other != name}
            state["sights"][name] = [t_s, *sight]
            _, many, left, near = zip(*state["sights"].values(), strict=True)
            stale = state["stale"]
            changes = dining.look(state, self._rule(), max(many), max(left), any(near), t_s)
            if stale and not changes and state["state"] != "free":
                yield self._zone(table, state, event.time, {"from": event.time}, attrs={"stale": False})
            yield from self._changed(table, state, changes, event.time)

    def _device(self, camera):
        return next((one for one in self.devices.get("camera", ()) if one.id == camera), None)

    def _rule(self):
        from storeloom.workers.vision.dining import TableRule

        config = self.config
        return TableRule(config.seat_confirm, config.leave_confirm, config.clear_confirm, config.dirty_min, LOST_S)

    def _tables(self):
        """The tables of the store: (name, zone row, fixture row or None)."""
        rows = self.tables.zones.rows()
        dining = {row["zone"] for row in rows if row.get("kind") == "dining"}
        parents = {row.get("parent") for row in rows}
        for row in rows:
            if row["zone"] not in parents and (row["zone"] in dining or row.get("parent") in dining):
                own = [
                    one for one in self.tables.fixtures.rows(zone=row["zone"]) if one.get("kind") == "table" and one.get("x") is not None
                ]
                if len(own) < 2:
                    yield row["zone"], row, None
                for one in own if len(own) > 1 else ():
                    yield one["fixture"], row, one

    def _places(self, camera):
        """The tables that a camera sees, by name."""
        from dataclasses import replace

        from storeloom.workers.vision.places import places_of

        device = self._device(camera)
        seen = {place.zone: place for place in places_of(camera, self.tables.zones.rows(), device.zone if device else None)}
        found = {}
        for name, row, fixture in self._tables():
            place = seen.get(row["zone"])
            if place is not None and fixture is not None:
                x, y, h = fixture["x"], fixture["y"], HALF_TABLE_M
                place = replace(place, metres=((x - h, y - h), (x + h, y - h), (x + h, y + h), (x - h, y + h)), picture=(), alone=False)
            if place is not None and (place.certain or place.metres):
                found[name] = place
        return found

    # What changes

    @timer("step")
    def step(self, due):
        from storeloom.workers.vision.dining import step

        state = self.state[f"table:{due.key}"]
        yield from self._changed(due.key, state, step(state, self._rule(), due.time.timestamp()), due.time)

    @timer("lost")
    def lost(self, due):
        """No frame for two minutes: the state stays as it is, and what was being timed is not."""
        state = self.state[f"table:{due.key}"]
        state["stale"] = True
        self.timers.cancel("step", due.key)
        self.timers.cancel("greet", due.key)
        state["greet"] = None
        if state["state"] != "free":
            yield self._zone(due.key, state, due.time, {"from": self._at(state["look_s"])}, attrs={"stale": True})

    def _changed(self, table, state, changes, at):
        from storeloom.workers.vision.dining import next_step

        for change in changes:
            yield from {"seated": self._seated, "left": self._left, "cleared": self._cleared}[change.what](table, state, change, at)
        if state["greet"] is not None and state["greeted_s"] is not None:
            self.kpi.share("greet_on_time", 1, 1)
            self._day()["greeted"] += 1
            self.timers.cancel("greet", table)
            state["greet"] = None
        self.timers.set("lost", table, self._at(state["look_s"] + LOST_S + 0.001))
        due_s = next_step(state, self._rule())
        if due_s is None:
            self.timers.cancel("step", table)
        else:
            self.timers.set("step", table, max(self._at(due_s), at + timedelta(milliseconds=1)))

    def _seated(self, table, state, change, at):
        start = self._at(change.from_s)
        yield self._zone(table, state, at, {"from": start}, start=start)
        state["greet"] = plain(start)
        self.timers.set("greet", table, max(start + timedelta(seconds=self.config.greet_due), at))
        self._day()["seated"] += 1
        if state["clear"] is not None and not state["clear"]["urgent"]:
            state["clear"]["urgent"] = True
            yield self._clear(table, state)

    @timer("greet")
    def greet(self, due):
        """Nobody came in time."""
        state = self.state[f"table:{due.key}"]
        start, state["greet"] = state["greet"], None
        if start is None or state["state"] != "seated":
            return
        self.kpi.share("greet_on_time", 0, 1)
        name = self._name(due.key, state)
        yield out("task.create", task=f"greet-{due.key}-{start}", kind="greet", priority=2, zone=state["zone"], role="waiter",
                  fixture=due.key if due.key != state["zone"] else None, due=due.time,
                  title=self.say(f"Table {name}: greet the guests", f"{name}：请迎客点单"), values={"table": due.key})  # fmt: skip

    def _left(self, table, state, change, at):
        self.timers.cancel("greet", table)
        state["greet"] = None
        start, end = self._at(change.from_s), self._at(change.to_s)
        sitting_s = (end - start).total_seconds()
        yield self._zone(table, state, at, {"from": start}, to=end, start=start, end=end, dwell_s=sitting_s if change.sure else None)
        day = self._day()
        if change.sure and sitting_s >= self.config.min_sitting:
            day["turns"] += 1
            self.kpi.set("table_turns", day["turns"] / max(1, len(list(self._tables()))))
        if state["state"] == "dirty" and state["clear"] is None:
            due = at + timedelta(seconds=self.config.clear_due)
            state["clear"] = {"task": f"clear-{table}-{plain(end)}", "due": plain(due), "urgent": False}
            yield self._clear(table, state)

    def _clear(self, table, state):
        clear, name = state["clear"], self._name(table, state)
        return out("task.create", task=clear["task"], kind="clear_table", priority=1 if clear["urgent"] else 2, zone=state["zone"],
                   role="waiter", fixture=table if table != state["zone"] else None, due=clear["due"],
                   title=self.say(f"Table {name}: clear it", f"{name}：请收台"), values={"table": table})  # fmt: skip

    def _cleared(self, table, state, change, at):
        clear, state["clear"] = state["clear"], None
        end, cleared = self._at(change.from_s), self._at(change.to_s)
        turnaround_s = (cleared - end).total_seconds() if change.sure else None
        if state["state"] == "free":
            yield self._zone(table, state, at, {"from": end}, to=cleared, cleared=cleared, turnaround_s=turnaround_s)
        if not change.sure:
            return
        late_s = (cleared - parse_time(clear["due"])).total_seconds()
        self.kpi.sample("median_turnaround", turnaround_s, "median")
        self.kpi.share("clear_on_time", int(late_s <= 0), 1)
        day = self._day()
        day["cleared"] += 1
        day["late"] += late_s > 0
        if late_s > 0:
            yield out("vision.incident", incident=f"late_{clear['task']}", kind="late_clear", state="closed", severity="warn",
                      started=clear["due"], ended=cleared, zone=state["zone"], camera=next(iter(state["sights"])), item=table,
                      late_s=late_s, ref={"stream": "task.create", "id": clear["task"]})  # fmt: skip

    def _zone(self, table, state, at, span, to=None, attrs=None, **more):
        attrs = {**({"table": table} if table != state["zone"] else {}), "dishes": state["dishes"], **(attrs or {})}
        return out("vision.zone", span, zone=state["zone"], occupancy=state["guests"], to=to or at, state=state["state"],
                   camera=next(iter(state["sights"])), attrs=attrs, **more)  # fmt: skip

    def _name(self, table, state):
        return table if table != state["zone"] else (self.tables.zones.get(table) or {}).get("name", table)

    @every("1d", at="close")
    def report(self, due):
        day, tables = self._day(), len(list(self._tables()))
        del self.state["day"]
        if not tables or not any(day.values()):
            return None
        parts = [("tables", tables, "count"), ("table_turns", day["turns"] / tables, "1/day"),
                 *((name, day[name], "count") for name in ("seated", "greeted", "turns", "cleared", "late"))]  # fmt: skip
        start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
        return out("score.report", {"from": start, "to": due.time}, scheme="table_turns", subject_kind="store", subject=self.store.id,
                   parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts])  # fmt: skip

    def _day(self):
        return self.state.setdefault("day", {"seated": 0, "greeted": 0, "turns": 0, "cleared": 0, "late": 0})

    def _at(self, t_s):
        return parse_time("1970-01-01T00:00:00Z") + timedelta(seconds=t_s)
