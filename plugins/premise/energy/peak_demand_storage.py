"""Peak demand, solar and storage dispatch: sheds unimportant load in the last minutes of a window, and plans the battery's next day.

The main meter is the electricity meter without a parent in assets; of several the one that has `main` in its id or asset, else the first
heard. Meters of assets of a kind in SOLAR count what the roof gives. A load is switched by its asset's `relay`, an air unit without one by
hvac.set, else by its id. Assets of a kind in STORAGE have their relay on in the hours in which the battery works. The plan leaves as
insight.report; its gain and its cycles count when it is made, and the next day begins with what it leaves stored.

Loads that max_min brought back are not shed again in the same window. A forecast of a longer window takes its shape from the mean of the
weekday. Load is what the main meter and the roof gave together. An hour without a band costs the mean of the bands.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

SOLAR = ("solar", "pv", "inverter", "photovoltaic")
STORAGE = ("battery", "storage", "bess")
AIR_UNITS = ("hvac", "ahu", "air_", "fan_coil", "heat_pump")
HISTORY_DAYS, SUN_DAYS = 28, 14
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST_STEP = timedelta(hours=2)


class SheddableLoad(SolutionConfig):
    asset: str = setting(..., "Asset", "设备", min_length=1)
    kw: float = setting(..., "Power", "功率", unit="kW", gt=0, le=20000)
    max_min: int = setting(30, "Longest time off", "最长停用", unit="min", ge=1, le=1440)


class PeakDemandStorage(Solution):
    number = 155
    zh, en = "需量控制与光储峰谷调度", "Peak demand, solar and storage dispatch"
    purpose_zh = "在需量窗口末段按次序切除不重要负荷，并以最低电费安排次日电池、光伏与充电。"
    formats = ("supermarket", "mall", "convenience")
    produces = ("relay.set", "hvac.set", "insight.report", "alert.raise")
    adapters = ("meter", "relay", "hvac?")
    reads = ("tariffs", "assets")
    load = "optimise"
    kpis = {
        "peak_demand": kpi("kW", "Highest demand of the month", "当月最大需量"),
        "demand_exceeded": kpi("count", "Windows over the target", "超目标窗口数"),
        "energy_cost_saved": kpi("currency", "Energy cost saved as planned", "计划节省电费"),
        "battery_cycles": kpi("count", "Battery cycles planned", "计划电池循环"),
    }
    kinds = {
        "demand_gap": ("Demand cannot be kept", "需量无法控制"),
        "storage_plan": ("Plan of the battery", "电池计划"),
    }

    class Config(SolutionConfig):
        target_kw: float = setting(200, "Demand not to be exceeded", "需量目标", unit="kW", ge=5, le=20000)
        window_min: int = setting(15, "Demand window", "需量窗口", unit="min", ge=5, le=60, help_en="On the clock.", help_zh="按整点对齐。")
        shed: list[SheddableLoad] = setting(list, "Loads that may go, least important first", "可切负荷（最不重要在前）")
        restore_margin_pct: float = setting(10, "Loads return this far under target", "恢复裕度", unit="%", ge=1, le=50)
        battery_kwh: float = setting(0, "Usable battery capacity", "电池可用容量", unit="kWh", ge=0, le=50000,
            help_en="0: no battery.", help_zh="0 表示无电池。")  # fmt: skip
        battery_kw: float = setting(0, "Charge and discharge power", "充放电功率", unit="kW", ge=0, le=10000)
        charge_efficiency: float = setting(0.90, "Stored over drawn energy", "充电效率", ge=0.5, le=1)
        plan_at: str = setting("20:00", "Planning of the next day", "次日计划时间", widget="time", effect="reload",
            pattern=r"^([01]\d|2[0-3]):[0-5]\d$", help_en="Store time.", help_zh="门店时间。")  # fmt: skip

    # --- meters ---

    @on("meter.reading")
    def metered(self, event):
        if event["kind"] != "electricity" or event.get("estimated"):
            return
        row = self._row(event["meter"]) or self._row(event.get("asset") or "")
        role = "solar" if str(row.get("kind", "")).lower() in SOLAR else "main"
        if role == "main" and not self._is_main(event["meter"], row):
            return
        meter = self.state.setdefault(f"meter:{event['meter']}", {"role": role, "at": None, "total": None})
        last, before = parse_time(meter["at"]) if meter["at"] else None, meter["total"]
        if last and event.time <= last:
            return
        meter |= {"role": role, "at": plain(event.time), "total": event["total"]}
        if last and event["total"] >= before and event.time - last <= LONGEST_STEP:
            self._remember(role, last, event.time, event["total"] - before)
        if role == "main":
            yield from self._window(event, last, before)

    def _row(self, name):
        return self.tables.assets.get(name) or next(iter(self.tables.assets.rows(device=name)), {})

    def _is_main(self, name, row):
        """Whether this is the meter that is billed."""
        known, called_main = self.state.get("main"), "main" in f"{name} {row.get('asset')}".lower()
        if not row.get("parent") and (known is None or (called_main and not self.state.get("surely"))):
            self.state["main"], self.state["surely"] = name, called_main
        return name == self.state.get("main")

    def _remember(self, role, begin, end, kwh):
        """Use by store day and hour, for the weekday's mean."""
        for at, until in self.workers.insight.submeters.pieces(begin, end, HOUR, [], self.store.hours):
            local = self.store.hours.local(at)
            day = self.state.setdefault(f"{role}:{local.date()}", {})
            share = kwh * ((until - at) / (end - begin))
            day[str(local.hour)] = round(day.get(str(local.hour), 0.0) + share, 6)

    # --- the demand window ---

    def _window_start(self, at):
        """The beginning of the window on the store's clock that holds an instant."""
        midnight = self.store.hours.midnight(self.store.hours.store_day(at))
        length = timedelta(minutes=self.config.window_min)
        return midnight + (at - midnight) // length * length

    def _window(self, event, last, before):
        begin, length = self._window_start(event.time), timedelta(minutes=self.config.window_min)
        self.timers.set("lost", "", max(self.now, event.time + 2 * length))
        window, power = self.state.get("window"), event.get("power_kw")
        falls = last is None or event["total"] < before
        if power is None:
            power = 0.0 if falls else (event["total"] - before) / ((event.time - last) / HOUR)
        if window is None or parse_time(window["from"]) != begin:
            start = None if falls else event["total"] - (event["total"] - before) * max(0.0, (event.time - begin) / (event.time - last))
            if event.time == begin:
                start = event["total"]
            yield from self._window_over(window, start, begin)
            window = self.state["window"] = {"from": plain(begin), "start": start, "returned": [], "alert": (window or {}).get("alert")}
        elapsed = event.time - begin
        used = power * (elapsed / HOUR) if window["start"] is None or event["total"] < window["start"] else event["total"] - window["start"]
        left = (begin + length - event.time) / timedelta(minutes=1)
        projected = self.workers.optimise.dispatch.projected(used, power, self.config.window_min, left)
        if projected > self.config.target_kw:
            if elapsed >= length / 3:
                yield from self._shed(window, projected, left)
        elif projected < self.config.target_kw * (1 - self.config.restore_margin_pct / 100) and self.state.get("off"):
            yield from self._back(self.state["off"][-1]["asset"])

    def _window_over(self, window, total, begin):
        """The demand of the window that ended; the register at its end is that at the beginning of the next."""
        if window is None:
            return
        start, length = parse_time(window["from"]), timedelta(minutes=self.config.window_min)
        if window["start"] is None or total is None or start + length != begin:
            return
        demand = (total - window["start"]) / (self.config.window_min / 60)
        month = f"{self.store.hours.local(start):%Y-%m}"
        peak = self.state.get("peak", {"month": month, "kw": 0.0})
        self.state["peak"] = {"month": month, "kw": max(demand, peak["kw"] if peak["month"] == month else 0.0)}
        self.kpi.set("peak_demand", round(self.state["peak"]["kw"], 6))
        over = demand > self.config.target_kw + 1e-6
        self.kpi.add("demand_exceeded", int(over))
        if window["alert"] and not over:
            window["alert"] = None
            yield self._gap("cleared", 0.0)

    def _shed(self, window, projected, left):
        excess = self.workers.optimise.dispatch.to_shed(projected, self.config.target_kw, self.config.window_min, left)
        off = self.state.setdefault("off", [])
        gone, shed = {one["asset"] for one in off} | set(window["returned"]), 0.0
        for load in self.config.shed:
            if shed >= excess - 1e-9:
                break
            if load.asset not in gone:
                shed += load.kw
                off.append({"asset": load.asset, "kw": load.kw})
                self.timers.set("return", load.asset, self.now + timedelta(minutes=load.max_min))
                yield self._switch(load.asset, on=False)
        gap = excess - shed
        if gap > 1e-6 and not window["alert"]:
            window["alert"] = plain(self.now)
            yield self._gap("open", round(gap, 3))

    def _gap(self, state, gap):
        text = self.say(f"{gap:g} kW too much even with all loads shed", f"切除全部可切负荷后仍超 {gap:g} kW")
        return out("alert.raise", alert="demand-gap", kind="demand_gap", severity="high", state=state, subject=self.state["main"],
                   value=gap, limit=self.config.target_kw, unit="kW",
                   text=text if state == "open" else self.say("Demand is kept again", "需量恢复受控"))  # fmt: skip

    def _back(self, asset):
        self.timers.cancel("return", asset)
        self.state["off"] = [one for one in self.state["off"] if one["asset"] != asset]
        yield self._switch(asset, on=True)

    @timer("return")
    def long_enough(self, due):
        if (window := self.state.get("window")) is not None:
            window["returned"].append(due.key)
        yield from self._back(due.key)

    def _switch(self, asset, *, on):
        row, reason = self._row(asset), self.say("demand control", "需量控制")
        if not row.get("relay") and any(kind in str(row.get("kind", "")).lower() for kind in AIR_UNITS):
            return out("hvac.set", unit=row.get("device") or asset, mode="auto" if on else "off", priority="energy", reason=reason)
        return out("relay.set", relay=row.get("relay") or asset, on=on, priority="energy", reason=reason)

    @timer("lost")
    def meter_lost(self, due):
        """Without the meter nothing may stay off, and the battery rests."""
        for load in list(reversed(self.state.get("off", []))):
            yield from self._back(load["asset"])
        self.state.pop("window", None)
        yield from self._battery(works=False)

    # --- the plan of the battery ---

    @on("forecast.energy?")
    def energy_foretold(self, event):
        if event["meter"] == self.state.get("main", event["meter"]):
            self._keep("load", event, event["kwh"])

    @on("weather.forecast?")
    def weather_foretold(self, event):
        if event.get("cloud_pct") is not None:
            self._keep("clouds", event, event["cloud_pct"])

    def _keep(self, name, event, value):
        kept = [one for one in self.state.get(name, []) if one["from"] != event["from"] or one["to"] != event["to"]]
        kept = [one for one in kept if parse_time(one["to"]) > self.now]
        self.state[name] = [*kept, {"from": event["from"], "to": event["to"], "value": value}]

    @every("1d", at="config.plan_at")
    def plan(self, due):
        self._forget()
        tomorrow = self.store.hours.store_day(due.time) + DAY
        begin, end = self.store.hours.midnight(tomorrow), self.store.hours.midnight(tomorrow + DAY)
        times = [begin + HOUR * number for number in range(round((end - begin) / HOUR))]
        load = self._load(tomorrow, times)
        if not self.config.battery_kwh or not self.config.battery_kw or load is None:
            return
        tools, sun = self.workers.optimise.dispatch, self._sun(times)
        hours = [tools.Hour(self._price(at), load[at], sun[at]) for at in times]
        battery = tools.Battery(self.config.battery_kwh, self.config.battery_kw, self.config.charge_efficiency,
                                min(self.state.get("stored", 0.0), self.config.battery_kwh))  # fmt: skip
        found = tools.plan(hours, battery, self.config.target_kw)
        self.state["stored"] = found.actions[-1].stored_kwh
        drawn, given = sum(one.charge_kwh for one in found.actions), sum(one.discharge_kwh for one in found.actions)
        self.kpi.add("energy_cost_saved", round(found.gain, 2))
        self.kpi.add("battery_cycles", round(given / self.config.battery_kwh, 4))
        self.state["works"] = [plain(at) for at, one in zip(times, found.actions, strict=True) if one.charge_kwh or one.discharge_kwh]
        self.timers.set("hour", "", begin)
        figures = {"gain": (found.gain, "minor"), "charging_cost": (found.charging, "minor"), "saved": (found.saved, "minor"),
                   "drawn": (drawn, "kWh"), "given": (given, "kWh"), "cycles": (given / self.config.battery_kwh, "count")}  # fmt: skip
        rows = [{"from": plain(at)} | {name: round(value, 3) for name, value in (hour._asdict() | one._asdict()).items()}
                for at, hour, one in zip(times, hours, found.actions, strict=True)]  # fmt: skip
        yield out("insight.report", {"from": begin, "to": end}, report=f"{self.context.instance}-storage-{tomorrow}", kind="storage_plan",
                  version=1, figures={name: {"value": round(value, 2), "unit": unit} for name, (value, unit) in figures.items()},
                  rows=rows, text=self.say(f"Battery gains {found.gain:.0f} tomorrow", f"电池明日预计节省 {found.gain:.0f}"))  # fmt: skip

    def _forget(self):
        today = self.store.hours.store_day(self.now)
        for role in ("main", "solar"):
            oldest = f"{role}:{today - timedelta(days=HISTORY_DAYS)}"
            for key in [key for key in self.state if key.startswith(f"{role}:") and key < oldest]:
                del self.state[key]

    def _day_of(self, role, day):
        return self.state.get(f"{role}:{day}", {})

    def _load(self, day, times):
        """Use by hour by the forecast, in the weekday's shape where it tells a longer time, else that weekday's mean; None without any."""
        days = [day - 7 * DAY * number for number in range(1, HISTORY_DAYS // 7 + 1)]
        usual = {}
        for at in times:
            hour = str(self.store.hours.local(at).hour)
            known = [self._day_of("main", one)[hour] + self._day_of("solar", one).get(hour, 0.0) for one in days
                     if hour in self._day_of("main", one)]  # fmt: skip
            usual[at] = sum(known) / len(known) if known else None
        told = [(parse_time(one["from"]), parse_time(one["to"]), one["value"]) for one in self.state.get("load", [])]
        return self.workers.optimise.dispatch.hourly_load(usual, told)

    def _sun(self, times):
        """What the roof gives by hour: its best of the last days, under the clouds that are told."""
        today = self.store.hours.store_day(self.now)
        days, found = [today - DAY * number for number in range(SUN_DAYS)], {}
        for at in times:
            hour = str(self.store.hours.local(at).hour)
            best = max((self._day_of("solar", one).get(hour, 0.0) for one in days), default=0.0)
            cloud = next((one["value"] for one in self.state.get("clouds", []) if parse_time(one["from"]) <= at < parse_time(one["to"])), 0)
            found[at] = best * self.workers.optimise.dispatch.clear_share(cloud)
        return found

    def _price(self, at):
        from storeloom.workers.pricing.shelf import holds

        rows = [row for row in self.tables.tariffs.all_rows() if row["kind"] == "electricity" and row.get("per", "kWh") == "kWh"]
        held = [row for row in rows if holds(row, at, self.store.hours.zone)]
        row = self.workers.pricing.tariffs.row_at(held, self.store.hours.local(at))
        return row["price"] if row else self.workers.pricing.tariffs.mean_price(held) or 0

    @timer("hour")
    def hour_begins(self, due):
        yield from self._battery(works=plain(due.time) in self.state["works"] and self.timers.get("lost", "") is not None)
        later = [at for at in self.state["works"] if at > plain(due.time)]
        if later or self.state.get("battery_on"):
            self.timers.set("hour", "", due.time + HOUR)

    def _battery(self, *, works):
        """Switch the battery's relays where that changes something."""
        if self.state.get("battery_on", False) == works:
            return
        self.state["battery_on"] = works
        for row in self.tables.assets.rows():
            if str(row.get("kind", "")).lower() in STORAGE:
                yield out("relay.set", relay=row.get("relay") or row["asset"], on=works, priority="energy", reason=self.say("plan", "计划"))
