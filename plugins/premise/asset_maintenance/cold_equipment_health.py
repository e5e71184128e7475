"""Predictive maintenance of cold equipment: sees from power and temperature that a cabinet is failing days before goods are at risk, and
names the probable cause so that the fitter brings the right part.

A cabinet is an asset that has both power (meter.reading) and air temperature (sensor.reading) and is no plant or appliance. Readings name
the asset or come from its device; temperatures of neither are the room's, of the cabinet's zone if there are such. Power is `power_kw`,
else what the register rose by. A day has the readings that their usual step gives (`interval_s`, else the median gap).

Set point, defrosts and their end are the controller's (device.status: `setpoint_c`, `defrost`, codes defrost_start and defrost_end) or
those of sensors of kind setpoint and defrost. Without them the set point is the asset's `setpoint_c`, else the mean air of the learning
days, and a defrost ends when the compressor starts after a quarter of an hour's rest with the air 3 K over it. A recovery cut off by the
next defrost counts as long as it was.

Days are judged at midnight; one without enough readings changes nothing. More than half of the cabinets out, and at least two, is the
plant's. The day of a repair is neither judged nor learned from. An order that is cancelled may be made again. An answer that found nothing
(`values.fault` false, or a note that says so) was a false alarm.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting

NO_CABINET = ("hvac", "lighting", "meter", "door", "oven", "computer", "scale", "forklift", "rack", "compressor")
DEFROST_OVER = ("defrost_end", "defrost_ended", "defrost_done", "defrost_off")
DEFROST_BEGUN = ("defrost_start", "defrost_started", "defrost_on", "defrost")
LEAST_COVERAGE, RUNNING_DEFROSTS, LINE_DAYS, STEP_DAYS, ONE_MINUTE_S = 0.8, 3, 7, 7, 60
GONE_DAYS = 60
NOTHING_FOUND = ("no fault", "false alarm", "无故障", "误报")
FAULTY = "bad"
PARTS = {"duty": ("duty", "share"), "expected": ("duty_expected", "share"), "ewma": ("ewma", "share"), "limit": ("limit", "share"),
         "mean_c": ("mean_air", "C"), "starts": ("starts", "starts/h")}  # fmt: skip


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
        if event.get("quality") == FAULTY:
            return
        row, kind, value = self._asset(event.get("asset"), event["sensor"]), event["kind"], event["value"]
        if row is None and kind == "temperature":
            day = self.state.setdefault(f"room|{self._day(event)}", {})
            total, n = day.get(event.get("zone", ""), (0.0, 0))
            day[event.get("zone", "")] = [total + value, n + 1]
        if row is None or not _is_cabinet(row):
            return
        log = self._log(row["asset"])
        if kind == "door":
            log["door"] = bool(value)
        elif kind == "setpoint":
            self._cabinet(row["asset"])["setpoint"] = value
        elif kind == "defrost":
            self._defrost(row["asset"], bool(value), event.time, word=False)
        elif kind == "temperature" and row.get("kind") != "evaporator" and "evap" not in event["sensor"].lower():
            setpoint = self._setpoint(row["asset"])
            minutes = self.workers.insight.cooling_log.aired(log, event["sensor"], event.time, self._day(event), value, setpoint)
            if minutes is not None:
                self.workers.insight.cooling_log.recovered(log, minutes, self.config.recover_min)

    @on("meter.reading")
    def metered(self, event):
        row = self._asset(event.get("asset"), event["meter"])
        if row is None or not _is_cabinet(row) or event["kind"] != "electricity":
            return
        reader, log, setpoint = self.workers.insight.cooling_log, self._log(row["asset"]), self._setpoint(row["asset"])
        watts = reader.power_w(log, event["meter"], event.time, event["total"], event.get("power_kw"))
        if watts is None:
            return
        runs = watts > self.config.on_w
        if reader.powered(log, event["meter"], event.time, self._day(event), runs, event.get("interval_s"), setpoint):
            reader.defrost_ended(log, event.time, self.config.recover_min)

    @on("device.status?")
    def controller(self, event):
        row, metrics, code = self._asset(None, event["device"]), event.get("metrics") or {}, event.get("code")
        if row is None or not _is_cabinet(row):
            return
        if "setpoint_c" in metrics:
            self._cabinet(row["asset"])["setpoint"] = metrics["setpoint_c"]
        if "defrost" in metrics or code in DEFROST_OVER + DEFROST_BEGUN:
            running = bool(metrics.get("defrost", code in DEFROST_BEGUN))
            self._defrost(row["asset"], running, event.time, word=code in DEFROST_OVER)

    def _defrost(self, name, running, at, word):
        reader, log = self.workers.insight.cooling_log, self._log(name)
        if reader.defrost_told(log, running, word=word) and self._setpoint(name) is not None:
            reader.defrost_ended(log, at, self.config.recover_min)

    def _setpoint(self, name):
        """As told, else as the table has it, else the mean air of the days learned; None before the first."""
        c = self._cabinet(name)
        known = (c["setpoint"], (self.tables.assets.get(name) or {}).get("setpoint_c"), c["usual_c"])
        return next((one for one in known if one is not None), None)

    # Days

    @every("1d", at="00:00")
    def midnight(self, due):
        ended = self.store.hours.store_day(due.time - timedelta(hours=1))
        rooms = self.state.get(f"room|{ended}", {})
        names = sorted(key.partition("|")[2] for key in self.state if key.startswith("log|"))
        causes = {name: self._judge(name, ended, rooms) for name in names}
        for key in [key for key in self.state if key.startswith("room|") and key <= f"room|{ended}"]:
            del self.state[key]
        cabinets = [name for name in names if self._cabinet(name)["steps"]["power"] and self._cabinet(name)["steps"]["air"]]
        self.kpi.set("cabinets_out_of_control", sum(bool(self._cabinet(name)["causes"]) for name in cabinets))
        window = {"from": self.store.hours.midnight(ended), "to": due.time}
        for name in cabinets:
            yield self._report(name, window, causes[name])
        out_now = [name for name in cabinets if causes[name]]
        plant = len(out_now) >= 2 and 2 * len(out_now) > len(cabinets)
        if any(causes[name] is not None for name in cabinets) and plant != self.state.get("plant", False):
            self.state["plant"] = plant
            yield self._plant(plant, len(out_now), len(cabinets))
        for name in () if plant else out_now:
            for cause in causes[name]:
                yield from self._order(name, cause)
        for name in names:
            self._forget(name, ended)

    def _judge(self, name, ended, rooms):
        """The causes found in a cabinet's day, none where it is in control; None where too little was read."""
        reader, chart, c, log = self.workers.insight.cooling_log, self.workers.insight.duty_chart, self._cabinet(name), self._log(name)
        day = reader.close(log, ended)
        if day is None:
            return None
        c["seen"] = ended.isoformat()
        covered = min(reader.coverage(day[part]["n"], self._step_s(c, part, day[part]["step_s"])) for part in ("power", "air"))
        power, air = day["power"], day["air"]
        if covered < LEAST_COVERAGE - 1e-9 or not power["used"] or not air["used"]:
            return None
        duty, mean_c, room_c = power["on"] / power["used"], air["sum_c"] / air["used"], self._room_c(name, rooms)
        starts = power["starts"] / (24 * covered)
        c["day"] = {"duty": duty, "mean_c": mean_c, "starts": starts}
        self.kpi.share("mean_duty", power["on"], power["used"])
        c["causes"] = ["controller_or_fan"] if starts > self.config.short_cycles else []
        if log["slow"] >= RUNNING_DEFROSTS:
            c["causes"].append("heater_or_ice")
        if len(c["learned"]) < self.config.learn_days:
            c["learned"].append([room_c, duty, mean_c])
            c["usual_c"] = sum(learned[2] for learned in c["learned"]) / len(c["learned"])
            return c["causes"]
        line = chart.learn([(learned[0], learned[1]) for learned in c["learned"]])
        expected, bound = line.at(room_c), chart.limit(line.sigma, self.config.ewma_weight, self.config.limit_sigma)
        c["ewma"] = chart.ewma(c["ewma"], duty - expected, self.config.ewma_weight)
        c["averages"] = [*c["averages"], c["ewma"]][-LINE_DAYS:]
        c["day"] |= {"expected": expected, "ewma": c["ewma"], "limit": bound}
        if chart.is_out(c["ewma"], bound):
            up = mean_c >= self._setpoint(name) + self.config.band_k - 1e-9
            c["causes"].insert(0, "refrigerant_or_seal" if up else "dirty_condenser")
        return c["causes"]

    def _step_s(self, c, part, step_s):
        """The smallest usual step of the last week: gaps do not make a day whole."""
        c["steps"][part] = [*c["steps"][part], step_s or ONE_MINUTE_S][-STEP_DAYS:]
        return min(c["steps"][part])

    def _room_c(self, name, rooms):
        """The day's mean temperature of the cabinet's zone, else of all rooms; None without readings."""
        zone = (self.tables.assets.get(name) or {}).get("zone", "")
        chosen = [rooms[zone]] if zone in rooms else list(rooms.values())
        return sum(total for total, _ in chosen) / sum(n for _, n in chosen) if chosen else None

    def _report(self, name, window, causes):
        day = {} if causes is None else self._cabinet(name)["day"]
        parts = [{"name": PARTS[key][0], "value": round(day[key], 4), "unit": PARTS[key][1]} for key in PARTS if key in day]
        state = "no_verdict" if causes is None else "out" if causes else "in_control" if "ewma" in day else "learning"
        labels = {"state": state} | ({"cause": self.kinds[causes[0]][0]} if causes else {})
        return out("score.report", window, scheme="cold_equipment", subject_kind="asset", subject=name, parts=parts, labels=labels)

    def _plant(self, open_, many, of):
        called, called_zh = self.kinds["plant_fault"]
        text = self.say(f"{called}: {many} of {of}", f"{called_zh}：{many}/{of}")
        return out("alert.raise", alert="plant_fault", kind="plant_fault", severity="critical", state="open" if open_ else "cleared",
            subject="plant", text=text, value=many, limit=of / 2, unit="count")  # fmt: skip

    def _forget(self, name, ended):
        """A cabinet that has not been read for long."""
        c = self._cabinet(name)
        c["seen"] = c["seen"] or ended.isoformat()
        if c["seen"] < (ended - timedelta(days=GONE_DAYS)).isoformat() and not c["orders"]:
            del self.state[f"log|{name}"], self.state[f"cabinet|{name}"]

    # Orders

    def _order(self, name, cause):
        c, row = self._cabinet(name), self.tables.assets.get(name) or {}
        if cause in c["orders"]:
            return
        task, day, left = f"{cause}-{name}-{self.now:%Y%m%dT%H%M%S}", c["day"], None
        c["orders"][cause] = task
        self.state[f"order|{task}"] = [name, cause]
        if "ewma" in day:
            left = self.workers.insight.duty_chart.days_to(c["averages"], day["expected"], self.config.duty_limit)
        if left is not None:
            self.kpi.sample("warning_lead", left, "mean")
        values = {"cause": self.kinds[cause][0], "contractor": row.get("contractor"), "duty": round(day["duty"], 4),
                  "mean_c": round(day["mean_c"], 2), "starts": round(day["starts"], 2),
                  "days_left": None if left is None else round(left, 1)}  # fmt: skip
        called = row.get("name", name)
        title = self.say(f"{called}: {self.kinds[cause][0]}", f"{called}：{self.kinds[cause][1]}")
        yield out("alert.raise", alert=f"{cause}-{name}", kind=cause, severity="high", state="open", subject=name, asset=name,
            zone=row.get("zone"), text=title)  # fmt: skip
        yield out("task.create", task=task, kind=cause, title=title, priority=2, asset=name, zone=row.get("zone"), role="technician",
            values={key: value for key, value in values.items() if value is not None})  # fmt: skip

    @on("task.done?")
    def answered(self, event):
        if f"order|{event['task']}" not in self.state or event["state"] not in ("done", "approved", "cancelled"):
            return
        name, cause = self.state.pop(f"order|{event['task']}")
        c = self._cabinet(name)
        del c["orders"][cause]
        text = self.say(f"{name}: order closed", f"{name}：工单已关闭")
        yield out("alert.raise", alert=f"{cause}-{name}", kind=cause, severity="high", state="cleared", subject=name, asset=name,
            zone=(self.tables.assets.get(name) or {}).get("zone"), text=text)  # fmt: skip
        if event["state"] != "cancelled":
            note = (event.get("note") or "").lower()
            nothing = (event.get("values") or {}).get("fault") is False or any(words in note for words in NOTHING_FOUND)
            self.kpi.share("false_alarms", int(nothing), 1)
            c |= _unlearned()
            self.workers.insight.cooling_log.restart(self._log(name))

    # Cabinets

    def _log(self, name):
        return self.state.setdefault(f"log|{name}", self.workers.insight.cooling_log.new())

    def _cabinet(self, name):
        return self.state.setdefault(f"cabinet|{name}", {"steps": {"power": [], "air": []}, "setpoint": None, "orders": {}, "day": {},
            "seen": None} | _unlearned())  # fmt: skip

    def _day(self, event):
        return self.store.hours.store_day(event.time)

    def _asset(self, asset, device):
        """The asset that a reading is about: the one named, else the one whose device it is; None for a room's air."""
        if asset:
            return self.tables.assets.get(asset) or {"asset": asset}
        own = self.tables.assets.derived("by_device", _by_device).get(device, device)
        return self.tables.assets.get(own)


def _by_device(rows):
    return {row["device"]: row["asset"] for row in reversed(rows) if row.get("device")}


def _unlearned():
    return {"learned": [], "usual_c": None, "ewma": 0.0, "averages": [], "causes": []}


def _is_cabinet(row):
    return bool(row.get("limits")) or row.get("kind") not in NO_CABINET
