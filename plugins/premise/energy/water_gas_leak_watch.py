"""Water and gas leak watch: finds running toilets, slow pipe leaks and gas left on from night flow, puts a price on them and closes the
valve when it cannot wait.

Night flow is read from the meter's register, interpolated at the full hours between the night times; estimated readings count nowhere.
A night is judged with the first reading at or after its end. Flow is the meter's own where it gives it, else the register's between two
readings. A wet sensor closes its own asset's relay, else those of the water meters in its zone, else of all water meters.

A closed valve opens again only when the task of its incident is answered as done. A search task answered with `normal_use` (in values or
note) takes its nights out of the count and ends the leak.
"""

import statistics
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight.nightflow import daily_loss, least_hourly_use, night_threshold

ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
LEAST_NIGHTS, NORMAL_NIGHTS_TO_END = 5, 2
HOUR = timedelta(hours=1)
LITRES_PER_M3 = 1000
MINOR_UNITS = 100


class WaterGasLeakWatch(Solution):
    number = 156
    zh, en = "水气用量与泄漏监测", "Water and gas leak watch"
    purpose_zh = "由夜间流量发现长流水、暗漏与未关燃气，折算损失，紧急时自动关阀。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("alert.raise", "task.create", "relay.set", "insight.report")
    adapters = ("meter", "relay?", "sensor?")
    reads = ("assets", "tariffs", "zones")
    kpis = {
        "night_flow": kpi("l/h", "Minimum night flow", "夜间最小流量"),
        "leak_loss": kpi("currency/day", "Loss by leaks", "泄漏损失"),
        "time_to_close": kpi("s", "Time until a valve was closed", "关阀用时"),
        "open_leaks": kpi("count", "Open leaks", "未消除泄漏数"),
    }
    kinds = {
        "leak": ("Water leak", "漏水"),
        "search_leak": ("Search for a leak", "查找漏点"),
        "burst": ("Burst pipe", "爆管"),
        "gas_flow": ("Gas flowing while closed", "打烊后燃气流动"),
        "wet_sensor": ("Water on the floor", "水浸"),
        "release_valve": ("Mend and release the valve", "修复并开阀"),
    }

    class Config(SolutionConfig):
        night: list[ClockTime] = setting(["02:00", "04:00"], "Hours of the night flow", "夜间流量时段", widget="time",
            min_length=2, max_length=2, help_en="Store time, from and to.", help_zh="门店时间，起与止。")  # fmt: skip
        history_nights: int = setting(14, "Nights of comparison", "对比夜数", ge=5, le=60,
            help_en="Normal nights that the threshold is taken from.", help_zh="用于计算阈值的正常夜数。")  # fmt: skip
        mad_factor: float = setting(3, "Deviations that are too much", "偏差倍数", ge=1, le=10,
            help_en="Scaled median deviations over the median.", help_zh="超过中位数的绝对中位差（换算后）倍数。")  # fmt: skip
        confirm_nights: int = setting(2, "Nights in a row", "连续夜数", ge=1, le=7,
            help_en="So many nights over the threshold are a leak.", help_zh="连续超过阈值的夜数即判为泄漏。")  # fmt: skip
        burst_l_min: float = setting(20, "Flow of a burst", "爆管流量", unit="l/min", ge=1, le=1000,
            help_en="In closed hours.", help_zh="非营业时段。")  # fmt: skip
        burst_min: int = setting(10, "Burst lasts", "爆管持续", unit="min", ge=1, le=60,
            help_en="How long the flow must last.", help_zh="流量须持续的时长。")  # fmt: skip
        gas_off_min: int = setting(5, "Gas flow tolerated", "燃气流动容许时长", unit="min", ge=1, le=60,
            help_en="In closed hours; longer is an alarm.", help_zh="非营业时段超过即告警。")  # fmt: skip
        auto_close: bool = setting(True, "Close the valve", "自动关阀",
            help_en="On a burst, gas or a wet sensor.", help_zh="爆管、燃气或水浸时。")  # fmt: skip

    @on("meter.reading")
    def metered(self, event):
        if event["kind"] not in ("water", "gas") or event.get("estimated"):
            return
        meter = self._meter(event["meter"])
        meter |= {"kind": event["kind"], "asset": event.get("asset") or meter["asset"]}
        flow, since = event.get("flow_l_min"), event.time
        last = meter["last"]
        if last is None or event.time > parse_time(last["at"]):
            if flow is None and last:
                since = parse_time(last["at"])
                flow = max(0.0, event["total"] - last["total"]) * LITRES_PER_M3 / ((event.time - since).total_seconds() / 60)
            meter["last"] = {"at": plain(event.time), "total": event["total"]}
            self._flowing(event["meter"], meter, flow or 0, since)
        if event["kind"] == "water":
            yield from self._night_reading(event["meter"], meter, event)

    def _flowing(self, name, meter, flow, since):
        """Watch how long flow lasts that has no business in closed hours."""
        too_much = flow >= self.config.burst_l_min if meter["kind"] == "water" else flow > 0 and not self._continuous(name, meter)
        if not too_much:
            meter["since"] = None
            self.timers.cancel("flow", name)
        elif meter["since"] is None:
            meter["since"] = plain(since)
        self._watch(name, meter)

    def _watch(self, name, meter):
        if meter["since"] and not self.store.hours.is_open(self.now):
            minutes = self.config.burst_min if meter["kind"] == "water" else self.config.gas_off_min
            self.timers.set("flow", name, max(self.now, self._closed_flow_since(meter) + timedelta(minutes=minutes)))

    def _closed_flow_since(self, meter):
        closed_at = self.state.get("closed_at")
        return max(parse_time(meter["since"]), parse_time(closed_at)) if closed_at else parse_time(meter["since"])

    @every("1d", at="close")
    def closed(self, due):
        self.state["closed_at"] = plain(due.time)
        for key in [key for key in self.state if key.startswith("meter|")]:
            self._watch(key.partition("|")[2], self.state[key])

    @timer("flow")
    def flow_lasted(self, due):
        meter = self._meter(due.key)
        if meter["since"] and not self.store.hours.is_open(self.now):
            kind = "burst" if meter["kind"] == "water" else "gas_flow"
            row = self._row(due.key, meter)
            yield from self._incident(kind, due.key, row, [row.get("relay")], self._closed_flow_since(meter))

    @on("sensor.reading?")
    def wet(self, event):
        if event["kind"] != "leak" or event.get("quality") == "bad" or not event["value"]:
            return
        row = self.tables.assets.get(event.get("asset", "")) or next(iter(self.tables.assets.rows(device=event["sensor"])), {})
        place = {"asset": row.get("asset"), "zone": event.get("zone") or row.get("zone")}
        meters = [self._row(key.partition("|")[2], self.state[key]) for key in sorted(self.state)
            if key.startswith("meter|") and self.state[key]["kind"] == "water"]  # fmt: skip
        near = [one for one in meters if place["zone"] and one.get("zone") == place["zone"]] or meters
        relays = [row["relay"]] if row.get("relay") else [one.get("relay") for one in near]
        yield from self._incident("wet_sensor", event["sensor"], place, relays, event.time)

    def _incident(self, kind, subject, place, relays, since):
        """One alert, one task and one closing of the valve until the task is done."""
        key = f"incident|{kind}|{subject}"
        if key in self.state:
            return
        task = f"{kind}-{subject}-{self.now:%Y%m%dT%H%M%S}"
        relays = [relay for relay in dict.fromkeys(relays) if relay] if self.config.auto_close else []
        self.state[key] = {"task": task, "relays": relays, "kind": kind, "subject": subject}
        zone = place.get("zone")
        where = (self.tables.zones.get(zone) or {}).get("name") or zone or subject
        title = self.say(f"{self.kinds[kind][0]}: {where}", f"{self.kinds[kind][1]}：{where}")
        yield out("alert.raise", alert=f"{kind}-{subject}", kind=kind, severity="critical", state="open", subject=subject,
            asset=place.get("asset"), zone=zone, text=title)  # fmt: skip
        for relay in relays:
            if not self._closed_by_others(relay, key):
                self.kpi.sample("time_to_close", (self.now - since).total_seconds())
                yield out("relay.set", relay=relay, on=False, priority="safety", reason=title)
        yield out("task.create", task=task, kind="release_valve", title=title, priority=1, asset=place.get("asset"), zone=zone,
            role="facility", values={"incident": kind, "relays": relays})  # fmt: skip

    def _closed_by_others(self, relay, key):
        return any(one != key and relay in self.state[one]["relays"] for one in self.state if one.startswith("incident|"))

    @on("task.done?")
    def answered(self, event):
        if event["state"] not in ("done", "approved"):
            return
        for key in [key for key in self.state if key.startswith("incident|") and self.state[key]["task"] == event["task"]]:
            incident = self.state[key]
            for relay in incident["relays"]:
                if not self._closed_by_others(relay, key):
                    yield out("relay.set", relay=relay, on=True, priority="safety", reason=self.say("released", "已确认开阀"))
            yield self._cleared(incident["kind"], incident["subject"])
            del self.state[key]
        if _normal_use(event):
            for key in [key for key in self.state if key.startswith("meter|") and self.state[key]["task"] == event["task"]]:
                meter = self.state[key]
                nights = {night for night, _ in meter["over"]} | {(event.get("values") or {}).get("night")}
                meter |= {"history": [one for one in meter["history"] if one[0] not in nights], "over": []}
                yield from self._leak_over(key.partition("|")[2], meter)

    def _night_reading(self, name, meter, event):
        """Keep the readings around each full hour of the night; judge the night once its end is covered."""
        start, end = self._night(event.time)
        night = self.store.hours.store_day(end).isoformat()
        if meter["night"] != night:
            meter |= {"night": night, "marks": [], "judged": False}
            at = start
            while at < end - HOUR / 2:
                meter["marks"].append({"at": plain(at), "before": meter["previous"], "after": None})
                at += HOUR
            meter["marks"].append({"at": plain(end), "before": meter["previous"], "after": None})
        for mark in meter["marks"]:
            at, reading = parse_time(mark["at"]), [plain(event.time), event["total"]]
            if event.time <= at and (mark["before"] is None or event.time >= parse_time(mark["before"][0])):
                mark["before"] = reading
            if event.time >= at and (mark["after"] is None or event.time <= parse_time(mark["after"][0])):
                mark["after"] = reading
        if meter["previous"] is None or event.time > parse_time(meter["previous"][0]):
            meter["previous"] = [plain(event.time), event["total"]]
        if event.time >= end and not meter["judged"]:
            meter["judged"] = True
            marks = [(_seconds(mark["at"]), *(_point(mark[side]) for side in ("before", "after"))) for mark in meter["marks"]]
            flow = least_hourly_use(marks, longest_gap_s=max(end - start, HOUR).total_seconds())
            if flow is not None:
                yield from self._judge(name, meter, night, flow, start, end)

    def _night(self, at):
        """The night that a time belongs to: the one that ended today, until noon after it; from noon on the coming one."""
        first, last = self.config.night
        day = self.store.hours.store_day(at + timedelta(hours=12)) if first > last else self.store.hours.store_day(at)
        end = self.store.hours.at(day, last)
        if at > end + timedelta(hours=12):
            day += timedelta(days=1)
            end = self.store.hours.at(day, last)
        start = self.store.hours.at(day - timedelta(days=1) if first > last else day, first)
        return start, end

    def _judge(self, name, meter, night, flow, start, end):
        history = [value for _, value in meter["history"]]
        self.kpi.set("night_flow", flow)
        figures = {"night_flow": {"value": round(flow, 3), "unit": "l/h"}}
        normal = True
        if len(history) >= LEAST_NIGHTS:
            threshold, median = night_threshold(history, self.config.mad_factor), statistics.median(history)
            normal = flow <= threshold
            figures |= {"median": {"value": median, "unit": "l/h"}, "threshold": {"value": round(threshold, 3), "unit": "l/h"}}
        yield out("insight.report", {"from": start, "to": end}, report=f"night-flow-{name}-{night}", kind="night_flow", version=1,
            figures=figures, rows=[{"meter": name, "night": night, "normal": normal}])  # fmt: skip
        if normal:
            meter["history"] = [*meter["history"], [night, flow]][-self.config.history_nights :]
            meter["normal"] += 1
            if not meter["leak"]:
                meter["over"] = []
            elif meter["normal"] >= NORMAL_NIGHTS_TO_END:
                yield from self._leak_over(name, meter)
            return
        meter |= {"over": [*meter["over"], [night, flow]], "normal": 0}
        if len(meter["over"]) >= self.config.confirm_nights and not meter["leak"]:
            yield from self._leak(name, meter, daily_loss([value for _, value in meter["over"]], median))

    def _leak(self, name, meter, litres):
        row, cost = self._row(name, meter), round(litres / LITRES_PER_M3 * self._water_price())
        task = f"search-leak-{name}-{meter['night']}"
        meter |= {"leak": cost, "task": task}
        self._leaks()
        title = self.say(f"Leak at {name}: {litres:.0f} l a day", f"{name} 疑似漏水：每天 {litres:.0f} 升")
        money = f"{cost / MINOR_UNITS:.2f} {self.store.currency}"
        yield out("alert.raise", {"cost": cost, "currency": self.store.currency}, alert=f"leak-{name}", kind="leak", severity="high",
            state="open", subject=name, asset=row.get("asset"), zone=row.get("zone"), text=self.say(f"{title}, {money} a day",
            f"{title}，每天约 {money}"), value=round(litres, 3), unit="l/day")  # fmt: skip
        yield out("task.create", task=task, kind="search_leak", title=title, priority=2, asset=row.get("asset"), zone=row.get("zone"),
            role="facility",
            values={"litres_per_day": round(litres, 3), "cost_per_day": cost, "nights": [night for night, _ in meter["over"]]})  # fmt: skip

    def _leak_over(self, name, meter):
        meter["over"] = []
        if meter["leak"] is not None:
            meter |= {"leak": None, "task": None}
            self._leaks()
            yield self._cleared("leak", name)

    def _leaks(self):
        costs = [self.state[key]["leak"] for key in self.state if key.startswith("meter|") and self.state[key]["leak"] is not None]
        self.kpi.set("open_leaks", len(costs))
        self.kpi.set("leak_loss", sum(costs))

    def _cleared(self, kind, subject):
        text = self.say(f"{self.kinds[kind][0]} over", f"{self.kinds[kind][1]}已解除")
        return out("alert.raise", alert=f"{kind}-{subject}", kind=kind, severity="high", state="cleared", subject=subject, text=text)

    def _water_price(self):
        rows = self.tables.tariffs.rows(kind="water")
        return next((row["price"] for row in rows if row.get("band") == "all"), rows[0]["price"] if rows else 0)

    def _continuous(self, name, meter):
        """Whether the meter feeds something that may burn by night."""
        asset = self._row(name, meter).get("asset")
        fed = self.tables.assets.rows(parent=asset) if asset else []
        return any(row.get("continuous") for row in (self._row(name, meter), *fed))

    def _row(self, name, meter):
        """The meter's asset: named in the reading, or the one whose device or id it is."""
        assets = self.tables.assets
        return assets.get(meter["asset"] or name) or next(iter(assets.rows(device=name)), {"asset": meter["asset"]})

    def _meter(self, name):
        empty = {"kind": None, "asset": None, "last": None, "since": None, "night": None, "marks": [], "judged": False, "previous": None,
            "history": [], "over": [], "normal": 0, "leak": None, "task": None}  # fmt: skip
        return self.state.setdefault(f"meter|{name}", empty)


def _seconds(time):
    return parse_time(time).timestamp()


def _point(reading):
    return None if reading is None else (_seconds(reading[0]), reading[1] * LITRES_PER_M3)


def _normal_use(event):
    values = event.get("values") or {}
    said = [event.get("note") or "", *(key for key, value in values.items() if value is True), *map(str, values.values())]
    return any("normal use" in text.replace("_", " ").lower() for text in said)


@hookimpl
def storeloom_config_problems(config, store):
    if config["night"][0] != config["night"][1]:
        return []
    return [Problem("night", "The night has no length", "夜间时段长度为零", "Give two different times.", "请填写两个不同的时间。")]
