"""Predictive maintenance of cold equipment: sees from power and temperature that a cabinet is failing days before goods are at risk, and
names the probable cause so that the fitter brings the right part.

A cabinet is an asset that has both power (meter.reading) and air temperature (sensor.reading) and is no plant or appliance. Readings name
the asset or come from its device; temperatures of neither are the room's, of the cabinet's zone if there are such. Power is `power_kw`,
else what the register rose by. A day has the readings that its usual step gives (`interval_s`, else the median gap).

Set point, defrosts and their end are the controller's (device.status: `setpoint_c`, `defrost`, codes defrost_start and defrost_end) or those
of a sensor of kind defrost. Without them the set point is the mean air of the learning days, and a defrost ends when the compressor starts
after a quarter of an hour's rest with the air 3 K over it. A recovery that the next defrost cuts off was too long.

Days are judged at midnight. More than half of the cabinets out, and at least two, is the plant's. An order that is cancelled may be made
again. An answer that found nothing (`values.fault` false, or a note that says so) was a false alarm.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, plain

NO_CABINET = ("hvac", "lighting", "meter", "door", "oven", "computer", "scale", "forklift", "rack", "compressor")
DEFROST_OVER = ("defrost_end", "defrost_ended", "defrost_done", "defrost_off")
DEFROST_BEGUN = ("defrost_start", "defrost_started", "defrost_on", "defrost")
LEAST_COVERAGE, RECOVERED_K, DEFROSTED_K, REST = 0.8, 1.0, 3.0, timedelta(minutes=15)
RUNNING_DEFROSTS, LINE_DAYS = 3, 7
NOTHING_FOUND = ("no fault", "false alarm", "无故障", "误报")
FAULTY = "bad"


class ColdEquipmentHealth(Solution):
    number = 146
    zh, en = "冷柜设备预测性维护", "Cold-equipment predictive maintenance"
    purpose_zh = "由功率与温度提前数天发现冷柜劣化，并给出可能原因，让维修人员带对备件。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("alert.raise", "task.create", "score.report")
    adapters = ("sensor", "meter")
    reads = ("assets",)
    kpis = {
        "cabinets_out_of_control": kpi("count", "Cabinets out of control", "失控冷柜数"),
        "warning_lead": kpi("days", "Days from order to no reserve", "预警提前天数"),
        "mean_duty": kpi("%", "Mean duty", "平均运行率"),
        "false_alarms": kpi("%", "Orders that found nothing", "误报率"),
    }
    kinds = {
        "dirty_condenser": ("dirty condenser", "冷凝器脏堵"),
        "refrigerant_or_seal": ("refrigerant loss or door seal", "制冷剂泄漏或门封不严"),
        "controller_or_fan": ("controller or fan", "控制器或风机故障"),
        "heater_or_ice": ("heater or ice", "加热器故障或结冰"),
        "plant_fault": ("Most cabinets out on one day: the plant", "多数冷柜同日失控：机组问题"),
    }

    class Config(SolutionConfig):
        on_w: int = setting(150, "Power over which a compressor runs", "压缩机运行功率", unit="W", ge=10, le=20_000)
        learn_days: int = setting(14, "Days of learning", "学习天数", unit="days", ge=7, le=60,
            help_en="After installation or repair.", help_zh="安装或维修后。")  # fmt: skip
        ewma_weight: float = setting(0.2, "Weight of the newest day", "最新一天的权重", ge=0.05, le=1)
        limit_sigma: float = setting(3, "Control limit in standard deviations", "控制限（标准差倍数）", ge=1.5, le=6)
        short_cycles: int = setting(6, "Starts an hour over which it is short cycling", "短循环启动次数", unit="starts/h", ge=2, le=60)
        recover_min: int = setting(45, "Longest recovery after a defrost", "除霜后最长恢复时间", unit="min", ge=5, le=240)
        band_k: float = setting(1.5, "Mean air this far over set point is temperature up", "平均温度高于设定判定", unit="K",
            ge=0.5, le=10)  # fmt: skip
        duty_limit: float = setting(0.90, "Duty without reserve", "无余量运行率", ge=0.5, le=1)

    # Minutes

    @on("sensor.reading")
    def sensed(self, event):
        row, kind, value = self._asset(event.get("asset"), event["sensor"]), event["kind"], event["value"]
        if event.get("quality") == FAULTY:
            return
        if row is None:
            if kind == "temperature":
                room = self.state.setdefault(f"room|{event.get('zone', '')}", {"sum": 0.0, "n": 0})
                room |= {"sum": room["sum"] + value, "n": room["n"] + 1}
        elif _is_cabinet(row) and kind == "door":
            self._cabinet(row["asset"])["door"] = bool(value)
        elif _is_cabinet(row) and kind == "defrost":
            self._defrost(self._cabinet(row["asset"]), bool(value), event.time)
        elif _is_cabinet(row) and kind == "temperature" and row.get("kind") != "evaporator" and "evap" not in event["sensor"].lower():
            self._air(self._cabinet(row["asset"]), value, event.time)

    @on("meter.reading")
    def metered(self, event):
        row = self._asset(event.get("asset"), event["meter"])
        if row is None or not _is_cabinet(row) or event["kind"] != "electricity":
            return
        c = self._cabinet(row["asset"])
        day, power = c["power"], event.get("power_kw")
        last, c["register"] = c["register"], [plain(event.time), event["total"]]
        if power is None:
            hours = (event.time - parse_time(last[0])).total_seconds() / 3600 if last else 0
            power = (event["total"] - last[1]) / hours if hours > 0 else None
        if power is None:
            return
        self._tick(day, event.time, event.get("interval_s"))
        runs = power * 1000 > self.config.on_w
        if not c["door"]:
            day |= {"used": day["used"] + 1, "on": day["on"] + runs}
        if runs and c["runs"] is False:
            day["starts"] += 1
            rested = event.time - parse_time(c["rested"]) >= REST
            if not c["controlled"] and rested and c["last_c"] is not None and c["last_c"] >= self._setpoint(c, c["last_c"]) + DEFROSTED_K:
                self._ended(c, event.time)
        if not runs and c["runs"] is not False:
            c["rested"] = plain(event.time)
        c["runs"] = runs

    @on("device.status?")
    def controller(self, event):
        row, metrics, code = self._asset(None, event["device"]), event.get("metrics") or {}, event.get("code")
        if row is None or not _is_cabinet(row):
            return
        c = self._cabinet(row["asset"])
        c["setpoint"] = metrics.get("setpoint_c", c["setpoint"])
        if "defrost" in metrics or code in DEFROST_OVER + DEFROST_BEGUN:
            self._defrost(c, bool(metrics.get("defrost", code in DEFROST_BEGUN)), event.time)

    def _tick(self, day, at, interval_s):
        """Count a reading, and what its step was."""
        gap = interval_s or ((at - parse_time(day["last"])).total_seconds() if day["last"] else None)
        if gap and gap > 0:
            day["gaps"][f"{gap:.0f}"] = day["gaps"].get(f"{gap:.0f}", 0) + 1
        day |= {"n": day["n"] + 1, "last": plain(at)}

    def _air(self, c, value, at):
        self._tick(c["air"], at, None)
        c["last_c"] = value
        if not c["door"]:
            c["air"] |= {"sum": c["air"]["sum"] + value, "used": c["air"]["used"] + 1}
        if c["ended"] and value <= self._setpoint(c, value) + RECOVERED_K:
            self._recovered(c, (at - parse_time(c["ended"])).total_seconds() / 60)

    def _defrost(self, c, running, at):
        c["controlled"] = True
        if c["defrosting"] and not running:
            self._ended(c, at)
        c["defrosting"] = running

    def _ended(self, c, at):
        if c["ended"]:
            self._recovered(c, self.config.recover_min + 1)
        c["ended"] = plain(at)

    def _recovered(self, c, minutes):
        c |= {"ended": None, "slow": c["slow"] + 1 if minutes > self.config.recover_min else 0, "recovery_min": round(minutes, 1)}

    def _setpoint(self, c, otherwise):
        known = c["setpoint"] if c["setpoint"] is not None else c["usual_c"]
        return otherwise if known is None else known

    # Days

    @every("1d", at="00:00")
    def midnight(self, due):
        names = sorted(key.partition("|")[2] for key in self.state if key.startswith("cabinet|"))
        found = {name: self._judge(name) for name in names}
        rooms = [key for key in self.state if key.startswith("room|")]
        found = {name: causes for name, causes in found.items() if causes is not None}
        window = {"from": self.store.hours.midnight(self.store.hours.store_day(due.time - timedelta(hours=1))), "to": due.time}
        for name in names:
            yield self._report(name, window, found.get(name))
            self._cabinet(name).update(power=_power(), air=_air())
        for key in rooms:
            del self.state[key]
        out_now = [name for name in found if found[name]]
        self.kpi.set("cabinets_out_of_control", len(out_now))
        whole = [name for name in names if self._cabinet(name)["whole"]]
        plant = len(out_now) >= 2 and 2 * len(out_now) > len(whole)
        if plant != self.state.get("plant", False) and found:
            self.state["plant"] = plant
            text = self.say(f"{self.kinds['plant_fault'][0]}, {len(out_now)} of {len(whole)}",
                f"{self.kinds['plant_fault'][1]}，{len(out_now)}/{len(whole)}")  # fmt: skip
            yield out("alert.raise", alert="plant_fault", kind="plant_fault", severity="critical", state="open" if plant else "cleared",
                subject="plant", text=text, value=len(out_now), limit=len(whole) / 2, unit="count")  # fmt: skip
        for name in () if plant else out_now:
            for cause in found[name]:
                yield from self._order(name, cause)

    def _judge(self, name):
        """The causes found in a cabinet's day, none where it is in control; None where too little was read."""
        chart, c = self.workers.insight.duty_chart, self._cabinet(name)
        for part in ("power", "air"):
            step = chart.step_s(c[part]["gaps"])
            if step:
                c["steps"][part] = min(step, c["steps"].get(part, step))
        power, air = c["power"], c["air"]
        covered = [chart.coverage(c[part]["n"], c["steps"].get(part, 60)) for part in ("power", "air")]
        if min(covered) < LEAST_COVERAGE - 1e-9 or not power["used"] or not air["used"]:
            return None
        c["whole"] = True
        duty, mean_c, room_c = power["on"] / power["used"], air["sum"] / air["used"], self._room_c(name)
        starts = power["starts"] / (24 * covered[0])
        c["day"] = {"duty": duty, "mean_c": mean_c, "starts": starts}
        self.kpi.share("mean_duty", power["on"], power["used"])
        causes = ["controller_or_fan"] if starts > self.config.short_cycles else []
        if c["slow"] >= RUNNING_DEFROSTS:
            causes.append("heater_or_ice")
        if len(c["learned"]) < self.config.learn_days:
            c["learned"].append([room_c, duty, mean_c])
            if len(c["learned"]) == self.config.learn_days:
                c["usual_c"] = sum(day[2] for day in c["learned"]) / len(c["learned"])
            return causes
        line = self._line(c)
        expected = line.at(line_room(c, room_c))
        c["ewma"] = chart.ewma(c["ewma"], duty - expected, self.config.ewma_weight)
        c["averages"] = [*c["averages"], c["ewma"]][-LINE_DAYS:]
        bound = chart.limit(line.sigma, self.config.ewma_weight, self.config.limit_sigma)
        c["day"] |= {"expected": expected, "ewma": c["ewma"], "limit": bound}
        if chart.is_out(c["ewma"], bound):
            up = mean_c >= self._setpoint(c, mean_c) + self.config.band_k - 1e-9
            causes.insert(0, "refrigerant_or_seal" if up else "dirty_condenser")
        return causes

    def _line(self, c):
        days = [(line_room(c, day[0]), day[1]) for day in c["learned"]]
        return self.workers.insight.duty_chart.learn(days)

    def _room_c(self, name):
        """The day's mean temperature of the cabinet's zone, else of all rooms; None without readings."""
        zone = (self.tables.assets.get(name) or {}).get("zone", "")
        rooms = [self.state[key] for key in sorted(self.state) if key.startswith("room|")]
        rooms = [self.state[f"room|{zone}"]] if f"room|{zone}" in self.state else rooms
        return sum(room["sum"] for room in rooms) / sum(room["n"] for room in rooms) if rooms else None

    def _report(self, name, window, causes):
        c = self._cabinet(name)
        units = {"duty": ("duty", "share"), "expected": ("duty_expected", "share"), "ewma": ("ewma", "share"), "limit": ("limit", "share"),
                 "mean_c": ("mean_air", "C"), "starts": ("starts", "starts/h")}  # fmt: skip
        parts = [{"name": units[key][0], "value": round(c["day"][key], 4), "unit": units[key][1]} for key in units if key in c["day"]]
        if causes is None:
            parts, state = [], "no_verdict"
        else:
            state = "out" if causes else "in_control" if "ewma" in c["day"] else "learning"
        labels = {"state": state} | ({"cause": self.kinds[causes[0]][0]} if causes else {})
        return out("score.report", window, scheme="cold_equipment", subject_kind="asset", subject=name, parts=parts, labels=labels)

    # Orders

    def _order(self, name, cause):
        c, row, day = self._cabinet(name), self.tables.assets.get(name) or {}, self._cabinet(name)["day"]
        if cause in c["orders"]:
            return
        task = c["orders"][cause] = f"{cause}-{name}-{self.now:%Y%m%dT%H%M%S}"
        left = None
        if "ewma" in day:
            left = self.workers.insight.duty_chart.days_to(c["averages"], day["expected"], self.config.duty_limit)
        if left is not None:
            self.kpi.sample("warning_lead", left, "mean")
        self.kpi.share("false_alarms", 0, 1)
        values = {"cause": self.kinds[cause][0], "contractor": row.get("contractor"), "duty": round(day["duty"], 4),
                  "mean_c": round(day["mean_c"], 2), "days_left": None if left is None else round(left, 1)}  # fmt: skip
        called = row.get("name", name)
        title = self.say(f"{called}: {self.kinds[cause][0]}", f"{called}：{self.kinds[cause][1]}")
        yield out("alert.raise", alert=f"{cause}-{name}", kind=cause, severity="high", state="open", subject=name, asset=name,
            zone=row.get("zone"), text=title)  # fmt: skip
        yield out("task.create", task=task, kind=cause, title=title, priority=2, asset=name, zone=row.get("zone"), role="technician",
            values={key: value for key, value in values.items() if value is not None})  # fmt: skip

    @on("task.done?")
    def answered(self, event):
        for key in sorted(key for key in self.state if key.startswith("cabinet|")):
            c, name = self.state[key], key.partition("|")[2]
            cause = next((cause for cause, task in c["orders"].items() if task == event["task"]), None)
            if cause is None or event["state"] not in ("done", "approved", "cancelled"):
                continue
            del c["orders"][cause]
            text = self.say(f"{name}: order closed", f"{name}：工单已关闭")
            yield out("alert.raise", alert=f"{cause}-{name}", kind=cause, severity="high", state="cleared", subject=name, asset=name,
                text=text)  # fmt: skip
            if event["state"] != "cancelled":
                note = (event.get("note") or "").lower()
                nothing = (event.get("values") or {}).get("fault") is False or any(words in note for words in NOTHING_FOUND)
                self.kpi.share("false_alarms", int(nothing), 0)
                c |= _unlearned()

    def _cabinet(self, asset):
        return self.state.setdefault(f"cabinet|{asset}", {"power": _power(), "air": _air(), "steps": {}, "register": None, "runs": None,
            "rested": None, "door": False, "last_c": None, "setpoint": None, "controlled": False, "defrosting": False,
            "orders": {}, "day": {}, "whole": False} | _unlearned())  # fmt: skip

    def _asset(self, asset, device):
        """The asset that a reading is about: the one named, else the one whose device it is; None for a room's air."""
        if asset:
            return self.tables.assets.get(asset) or {"asset": asset}
        return next(iter(self.tables.assets.rows(device=device)), None) or self.tables.assets.get(device)


def _power():
    return {"n": 0, "gaps": {}, "last": None, "used": 0, "on": 0, "starts": 0}


def _air():
    return {"n": 0, "gaps": {}, "last": None, "used": 0, "sum": 0.0}


def _unlearned():
    return {"learned": [], "usual_c": None, "ewma": 0.0, "averages": [], "ended": None, "slow": 0, "recovery_min": None}


def _is_cabinet(row):
    return row.get("kind") not in NO_CABINET
