"""Bay guidance and find-my-car: signs send each car to free bays near where it wants to go, and visitors find their car again by plate.

Levels are the zones of kind level, with their `capacity` or their bays counted; bays are the zones of kind parking below one (`parent`),
or what a bay event names with its level. Without bay events a level counts its ramps: `ramp_up` and `enter` of a level put one in,
`ramp_down` and `exit` take one out; under the ground (`floor` below 0) the ramp down puts one in, and the ramp up takes one out. A level's
sign is the bound screen in it, else its own id; the entrance's is the one in a zone of kind entrance, else `entrance`. Nearest to the
doors is the shortest walk from a zone of kind entrance, else the floor nearest to the ground. A forecast of traffic for a level's id
counts as its inflow where it is more than the present one.

A car is known by the hash of its plate; a plate camera whose lane is a bay tells where it stands, as does a bay event with the hash. Of a
readable plate only the last characters are kept, until the car leaves; what a visitor types is not. A kiosk asks by `plate`, one that bears
a zone's id by `lookup` too. Pictures are those of the bays, named `bay-<bay>`; this solution takes none.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp
from storeloom.core.kernel.hooks import hookimpl

SIGN_EVERY, FAULTY, SHOWN_S = timedelta(seconds=5), timedelta(minutes=15), 60
CAR_KEPT = timedelta(days=30)
WALK_M_S = 1.2
RAMPS = ("ramp_up", "ramp_down")
SCREENS = {
    "route": ("Follow the route to your car.", "请按路线找到爱车。"),
    "choose": ("Which one is your car?", "请选择您的车辆。"),
    "levels": ("Not found. Please look by level.", "未找到车辆，请按楼层查找。"),
    "more": ("Please type the last {digits} characters.", "请输入车牌后 {digits} 位。"),
}


class ParkingGuide(Solution):
    number = 191
    zh, en = "车位引导与反向寻车", "Bay guidance and find-my-car"
    purpose_zh = "多层车场引导车辆到近处空位，充电位留给充电车，访客凭车牌反向寻车。"
    formats = ("mall",)
    produces = ("sign.play", "kiosk.show", "route.plan", "alert.raise", "task.create", "insight.report")
    adapters = ("signage", "camera|sensor", "kiosk?")
    reads = ("zones", "vehicles?")
    kpis = {
        "search_time": kpi("min", "Time from entry to bay", "入场到停妥用时"),
        "occupancy": kpi("%", "Occupancy", "车位占用率"),
        "ev_bay_misuse": kpi("count", "Charging bays misused", "充电位被占用"),
        "cars_found": kpi("count", "Cars found", "成功寻车"),
    }
    kinds = {
        "ev_bay_misuse": ("Charging bay misused", "充电位被占用"),
        "recount": ("Recount a level", "重新盘点车位"),
        "parking_day": ("Parking of the day", "停车日报"),
    }

    class Config(SolutionConfig):
        full_pct: float = setting(98, "A level taken so far is full", "满位阈值", unit="%", ge=80, le=100)
        open_pct: float = setting(95, "It is open again below", "恢复开放阈值", unit="%", ge=50, le=99,
            help_en="Must be under full_pct.", help_zh="须低于满位阈值。")  # fmt: skip
        steer_margin_min: int = setting(5, "A level full sooner is not recommended", "推荐余量", unit="min", ge=0, le=30)
        flow_ewma: float = setting(0.2, "Weight of the newest minute in the inflow", "净流入最新一分钟权重", ge=0.01, le=1)
        ev_idle_min: int = setting(20, "Charging bay without current is misused after", "充电位无电流时限", unit="min", ge=1, le=240)
        ev_idle_kw: float = setting(0.2, "Less is no current", "视为无电流的功率", unit="kW", ge=0, le=5)
        drift_pct: float = setting(2, "Counter error that makes a recount", "计数偏差复核线", unit="%", ge=0, le=20)
        last_digits: int = setting(4, "Characters that a visitor types", "输入车牌位数", ge=3, le=8)

    # --- bays and ramps ---

    @on("parking.event")
    def moved(self, event):
        kind, bay = event["kind"], event.get("bay")
        if kind in ("bay_taken", "bay_free") and bay:
            yield from self._bay(bay, kind == "bay_taken", event)
        elif kind == "fault" and bay and self._level_of(bay, event):
            self.state[f"fault:{bay}"] = self._level_of(bay, event)
            self.timers.set("faulty", bay, max(self.now, event.time + FAULTY))
        elif kind in ("enter", "exit", *RAMPS):
            if event.get("plate_hash"):
                self._car(event, here=kind != "exit")
            if event.get("level"):
                level, floor = self._level(event["level"]), (self.tables.zones.get(event["level"]) or {}).get("floor") or 0
                more = kind == "enter" or kind == RAMPS[floor < 0]
                level["count"] = min(self._capacity(event["level"]), max(0, level["count"] + (1 if more else -1)))
                level["ramps"] = True
                yield from self._changed(event["level"])

    def _level_of(self, bay, event):
        return event.get("level") or (self.tables.zones.get(bay) or {}).get("parent")

    def _level(self, name):
        fresh = {"bays": [], "seen": False, "count": 0, "ramps": False, "full": False, "shown": None, "at": None, "minute": 0, "flow": None,
                 "most": 0}  # fmt: skip
        return self.state.setdefault(f"level:{name}", fresh)

    def _levels(self):
        """Levels, the nearest to the doors first, each with its capacity."""
        return self.tables.zones.derived("levels", _levels)

    def _capacity(self, level):
        return self._levels().get(level, 0)

    def _taken(self, name):
        level = self._level(name)
        return len(level["bays"]) if level["seen"] else level["count"]

    def _bay(self, bay, taken, event):
        name = self._level_of(bay, event)
        if name is None:
            return
        level = self._level(name)
        level["seen"] = True
        self.timers.cancel("faulty", bay)
        self.state.pop(f"fault:{bay}", None)
        if (bay in level["bays"]) == taken:
            return
        level["bays"] = sorted({*level["bays"], bay} if taken else set(level["bays"]) - {bay})
        stood = self.state.get(f"car:{self.state.pop(f'stands:{bay}', None)}")
        if stood and stood["bay"] == bay:
            stood["bay"] = None
        if taken and event.get("plate_hash"):
            self._parked(event["plate_hash"], bay, event)
        yield from self._charging_bay(bay, taken, event)
        yield from self._changed(name)

    @timer("faulty")
    def sensor_faulty(self, due):
        """A bay whose sensor stays in fault counts as taken."""
        name = self.state.pop(f"fault:{due.key}")
        level = self._level(name)
        level |= {"seen": True, "bays": sorted({*level["bays"], due.key})}
        yield from self._changed(name)

    # --- signs ---

    def _changed(self, name):
        level, capacity = self._level(name), self._capacity(name)
        if not capacity:
            return
        taken = self._taken(name)
        pct = 100 * taken / capacity
        level["full"] = pct >= self.config.full_pct or (level["full"] and pct >= self.config.open_pct)
        level["most"] = max(level["most"], taken)
        yield from self._sign(name)
        yield from self._recommend()

    def _words(self, name):
        free = max(0, self._capacity(name) - self._taken(name))
        return {"level": name, "free": free, "state": "full" if self._level(name)["full"] else "open"}

    def _sign(self, name):
        """Show what changed, at most every five seconds."""
        level, words = self._level(name), self._words(name)
        if words == level["shown"]:
            self.timers.cancel("sign", name)
        elif level["at"] and self.now - parse_time(level["at"]) < SIGN_EVERY:
            self.timers.set("sign", name, parse_time(level["at"]) + SIGN_EVERY)
        else:
            level |= {"shown": words, "at": plain(self.now)}
            yield self._play(self._screen(name), words)

    @timer("sign")
    def sign_again(self, due):
        yield from self._sign(due.key)

    def _play(self, screen, words):
        text = self.say(f"{words['level']}: {words['free']} free", f"{words['level']} 空位 {words['free']}")
        if words["state"] == "full":
            text = self.say(f"{words['level']}: full", f"{words['level']} 已满")
        return out("sign.play", screen=screen, items=[{"asset": "parking-level", "duration_s": SHOWN_S, "text": text, "params": words}])

    def _screen(self, zone):
        screens = self.devices.get("signage", ())
        return next((one.id for one in screens if zone in (one.zone, one.settings.get("level"))), zone)

    def _recommend(self):
        """The entrance sends cars to one level."""
        rows = [name for name, capacity in self._levels().items() if capacity]
        open_ones = [name for name in rows if not self._level(name)["full"]]
        good = [name for name in open_ones if self._minutes_to_full(name) > self.config.steer_margin_min]
        best = good[0] if good else max(open_ones or rows, key=lambda name: self._words(name)["free"], default=None)
        if best is not None and best != self.state.get("recommended"):
            self.state["recommended"] = best
            entrance = next((row["zone"] for row in self.tables.zones.rows() if row.get("kind") == "entrance"), "entrance")
            screen = self._screen(entrance)
            yield self._play("entrance" if screen == entrance else screen, self._words(best))

    def _minutes_to_full(self, name):
        told = [one["per_min"] for one in self.state.get("traffic", [])
                if one["place"] == name and parse_time(one["from"]) <= self.now < parse_time(one["to"])]  # fmt: skip
        inflow = max([self._level(name)["flow"] or 0.0, *told])
        return self._words(name)["free"] / inflow if inflow > 0 else float("inf")

    @on("forecast.traffic?")
    def foretold(self, event):
        minutes = (parse_time(event["to"]) - parse_time(event["from"])) / timedelta(minutes=1)
        kept = [one for one in self.state.get("traffic", []) if parse_time(one["to"]) > self.now
                and (one["place"], one["from"]) != (event["place"], event["from"])]  # fmt: skip
        told = {"place": event["place"], "from": event["from"], "to": event["to"], "per_min": event["p50"] / minutes}
        self.state["traffic"] = [*kept, told]
        yield from self._recommend()

    @every("1m")
    def minute(self, due):
        names = [key[6:] for key in sorted(self.state) if key.startswith("level:")]
        for name in names:
            level, taken, capacity = self._level(name), self._taken(name), self._capacity(name)
            change, weight = taken - level["minute"], self.config.flow_ewma
            level["flow"] = float(change) if level["flow"] is None else weight * change + (1 - weight) * level["flow"]
            level["minute"] = taken
            if capacity:
                self.kpi.share("occupancy", min(taken, capacity), capacity)
        if names:
            yield from self._recommend()

    # --- charging bays ---

    def _charging_bay(self, bay, taken, event):
        if (self.tables.zones.get(bay) or {}).get("category") != "ev":
            return
        meter = self.state.setdefault(f"ev:{bay}", {"taken": None, "low": None, "kw": None, "told": False})
        meter |= {"taken": plain(event.time) if taken else None, "low": None, "told": False}
        self.timers.cancel("idle", bay)
        if not taken:
            yield from self._misuse(bay, "cleared")
            return
        car = self.state.get(f"car:{event.get('plate_hash')}", {})
        row = self.tables.vehicles.get(event.get("plate_hash") or "") or {}
        electric = next((one for one in (event.get("electric"), car.get("electric"), row.get("electric")) if one is not None), None)
        if electric is False:
            yield from self._misuse(bay, "open")
        elif meter["kw"] is not None and meter["kw"] < self.config.ev_idle_kw:
            self._idle(bay, meter, event.time)

    @on("meter.reading?")
    def charged(self, event):
        names = [name for name in (event.get("asset"), event["meter"]) if name]
        bay = next((name for name in names if (self.tables.zones.get(name) or {}).get("category") == "ev"), None)
        if bay is None or event.get("power_kw") is None:
            return
        meter = self.state.setdefault(f"ev:{bay}", {"taken": None, "low": None, "kw": None, "told": False})
        meter["kw"] = event["power_kw"]
        if event["power_kw"] >= self.config.ev_idle_kw:
            meter["low"] = None
            self.timers.cancel("idle", bay)
        elif meter["taken"] and meter["low"] is None:
            self._idle(bay, meter, event.time)

    def _idle(self, bay, meter, since):
        meter["low"] = plain(since)
        self.timers.set("idle", bay, max(self.now, since + timedelta(minutes=self.config.ev_idle_min)))

    @timer("idle")
    def no_current(self, due):
        yield from self._misuse(due.key, "open")

    def _misuse(self, bay, state):
        """One alert a stay."""
        meter = self.state[f"ev:{bay}"]
        if state == "open" and meter["told"]:
            return
        if state == "cleared" and not self.state.pop(f"misused:{bay}", None):
            return
        if state == "open":
            meter["told"] = self.state[f"misused:{bay}"] = True
            self.kpi.add("ev_bay_misuse")
        text = self.say(f"Charging bay {bay} {'taken without charging' if state == 'open' else 'free again'}",
                        f"充电位 {bay} {'被占用未充电' if state == 'open' else '已恢复'}")  # fmt: skip
        yield out("alert.raise", alert=f"ev-bay-{bay}", kind="ev_bay_misuse", severity="warn", state=state, subject=bay,
                  zone=(self.tables.zones.get(bay) or {}).get("parent"), asset=bay, text=text)  # fmt: skip

    # --- cars, and who looks for one ---

    @on("vision.plate?")
    def plate(self, event):
        bay = (self.tables.zones.get(event["lane"]) or {}).get("kind") == "parking"
        self._car(event, here=bay or event["direction"] == "in")
        if bay:
            self._parked(event["plate_hash"], event["lane"], event)
            if event.get("electric") is False and self.state.get(f"ev:{event['lane']}", {}).get("taken"):
                yield from self._misuse(event["lane"], "open")

    def _car(self, event, *, here):
        """What is known of a car while it is here."""
        key = f"car:{event['plate_hash']}"
        if not here:
            self.state.pop(key, None)
            return
        car = self.state.setdefault(key, {"at": stamp(event.time), "last": None, "bay": None, "parked": False})
        plate = event.get("plate")
        if plate:
            car["last"] = plate[-self.config.last_digits :].upper()
        told = {name: event.get(name) for name in ("session", "tail", "class", "colour", "electric")}
        car |= {name: value for name, value in told.items() if value is not None}

    def _parked(self, plate_hash, bay, event):
        car = self.state.setdefault(f"car:{plate_hash}", {"at": stamp(event.time), "last": None, "bay": None, "parked": True})
        if not car["parked"]:
            self.kpi.sample("search_time", max(0.0, (event.time - parse_time(car["at"])).total_seconds()) / 60)
        car |= {"bay": bay, "parked": True}
        self.state[f"stands:{bay}"] = plate_hash

    @on("kiosk.event?")
    def looked_for(self, event):
        kind, typed = event["kind"], (event.get("value") or "").replace(" ", "").upper()
        if kind == "choose":
            cars = [key for key in sorted(self.state) if key.startswith("car:") and self._name(key) == event.get("value")]
        elif typed and (kind == "plate" or (kind == "lookup" and self.tables.zones.get(event["kiosk"]))):
            if len(typed) < self.config.last_digits:
                yield self._show(event, "more")
                return
            last = typed[-self.config.last_digits :]
            cars = [key for key in sorted(self.state) if key.startswith("car:") and self._bears(self.state[key], last, event["value"])]
        else:
            return
        if len(cars) > 1:
            rows = [{"session": self._name(key), "class": self.state[key].get("class"), "colour": self.state[key].get("colour"),
                     "picture": f"bay-{self.state[key]['bay']}" if self.state[key]["bay"] else None} for key in cars]  # fmt: skip
            yield self._show(event, "choose", {"cars": [{name: value for name, value in row.items() if value} for row in rows]})
        else:
            yield from self._guide(event, cars[0] if cars else None)

    def _name(self, key):
        return self.state[key].get("session") or key[4:]

    def _bears(self, car, last, typed):
        return car["last"].endswith(last) if car["last"] else car.get("tail") == typed

    def _guide(self, event, key):
        """The walk from the kiosk to the bay, or the levels where no way is known."""
        zones, bay = self.tables.zones.rows(), self.state[key]["bay"] if key else None
        places = {one.id: one.zone for one in self.devices.get("kiosk", ())}
        start = event["kiosk"] if self.tables.zones.get(event["kiosk"]) else places.get(event["kiosk"])
        goals = [bay, (self.tables.zones.get(bay) or {}).get("parent")] if bay else []
        found = next((way for goal in goals if goal and start and (way := self.workers.optimise.walks.path(zones, start, goal))), None)
        if found is None:
            level = (self.tables.zones.get(bay) or {}).get("parent") if bay else None
            levels = [self._words(name) for name in self._levels()]
            yield self._show(event, "levels", {"levels": levels} | ({"level": level} if level else {}))
            return
        metres, places = found
        self.kpi.add("cars_found")
        stops = [{"seq": number, "place": place} for number, place in enumerate(places, 1)]
        yield out("route.plan", plan=f"{event['session']}-{plain(self.now)}", kind="guide", stops=stops, distance_m=metres,
                  duration_s=round(metres / WALK_M_S), session=event["session"])  # fmt: skip
        yield self._show(event, "route", {"bay": bay, "places": places, "metres": metres})

    def _show(self, event, screen, params=None):
        text = self.say(*(line.format(digits=self.config.last_digits) for line in SCREENS[screen]))
        return out("kiosk.show", kiosk=event["kiosk"], screen=screen, session=event["session"], text=text, params=params)

    # --- the night ---

    @every("1d", at="03:00")
    def night(self, due):
        rows, oldest = [], stamp(due.time - CAR_KEPT)
        for key in [key for key in sorted(self.state) if key.startswith("car:") and self.state[key]["at"] < oldest]:
            del self.state[key]
        for name in [key[6:] for key in sorted(self.state) if key.startswith("level:")]:
            level, capacity = self._level(name), self._capacity(name)
            rows.append({"level": name, "capacity": capacity, "most_taken": level["most"], "taken": self._taken(name)})
            level["most"] = self._taken(name)
            drift = abs(level["count"] - len(level["bays"]))
            if level["seen"] and level["ramps"]:
                if drift > self.config.drift_pct / 100 * capacity:
                    title = self.say(f"Recount {name}: counter and bays differ by {drift}", f"复核 {name}：计数与车位相差 {drift}")
                    yield out("task.create", task=f"recount-{name}-{self.store.hours.store_day(due.time)}", kind="recount", title=title,
                              priority=3, zone=name, values={"counter": level["count"], "bays": len(level["bays"])})  # fmt: skip
                level["count"] = len(level["bays"])
        if rows:
            most = sum(row["most_taken"] for row in rows)
            yield out("insight.report", {"from": due.time - timedelta(days=1), "to": due.time}, kind="parking_day", version=1, rows=rows,
                      report=f"{self.context.instance}-{self.store.hours.store_day(due.time)}",
                      figures={"most_taken": {"value": most, "unit": "count"}})  # fmt: skip


def _levels(zones):
    from storeloom.workers.optimise.walks import path

    doors = [row["zone"] for row in zones if row.get("kind") == "entrance"]

    def away(row):
        ways = [found[0] for door in doors if (found := path(zones, door, row["zone"]))]
        return min(ways, default=float("inf")), abs(row.get("floor") or 0), row["zone"]

    bays = [row.get("parent") for row in zones if row.get("kind") == "parking"]
    rows = sorted((row for row in zones if row.get("kind") == "level"), key=away)
    return {row["zone"]: row.get("capacity") or bays.count(row["zone"]) for row in rows}


@hookimpl
def storeloom_config_problems(config, store):
    if config["open_pct"] < config["full_pct"]:
        return []
    words = ("A level would open while it is full", "恢复阈值不低于满位阈值", "Set open_pct under full_pct.", "请使恢复阈值低于满位阈值。")
    return [Problem("open_pct", *words)]
