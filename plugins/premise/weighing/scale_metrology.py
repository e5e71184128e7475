"""Scale metrology guard: zero, span, tare and seal of every trade scale are watched, for the person answerable to the metrology inspector.

Scales are the assets of a kind with `scale` in it (by `device`, else `asset`) and those that report. A daily zero is judged when its store
day is over; the crossing is reckoned from the last day's median. A weighing is a stable load after the pan was empty, or one that comes
after half a minute without readings; below 20 e it is none. A negative reading that stays for a minute is fixed. A tamper alert ends when
a service task on the scale is done or its verification is renewed; a service task is open from its creation to its answer.

It judges scales of class III only, and puts none out of trade by itself: it says so, and the score report keeps the record.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

FIXED = timedelta(seconds=60)
ANOTHER = timedelta(seconds=30)
LEAST_DAYS = 5
LEAST_LOAD_E = 20
EMPTY_E = 2
SETTLED = ("done", "approved")
OVER = (*SETTLED, "declined", "failed", "rejected", "cancelled")
Days = Annotated[int, Field(ge=1, le=180)]
Grams = Annotated[int, Field(ge=1, le=300000)]


class ScaleMetrology(Solution):
    number = 186
    zh, en = "计量合规与防作弊", "Scale metrology guard"
    purpose_zh = "监测每台贸易结算秤的零点、示值、皮重与铅封，按法定允差判定砝码测试，提前发现漂移。"
    formats = ("supermarket",)
    produces = ("alert.raise", "task.create", "score.report")
    adapters = ("scale",)
    reads = ("assets", "products?")
    kpis = {
        "scales_in_trade": kpi("%", "Scales in trade", "可用于贸易的秤占比"),
        "tests_failed": kpi("count", "Tests failed", "测试不合格次数"),
        "days_to_limit": kpi("d", "Fewest days to the zero limit", "距零点限值最少天数"),
        "overdue_scales": kpi("count", "Scales past their verification", "检定过期的秤"),
    }
    kinds = {
        "test_failed": ("Scale test failed", "砝码测试不合格"),
        "zero_off": ("Zero beyond its limit", "零点超限"),
        "verification_due": ("Verification due soon", "检定即将到期"),
        "verification_overdue": ("Verification overdue", "检定已过期"),
        "tamper": ("Seal or firmware changed", "铅封或固件被改动"),
        "tare_share": ("Tare too heavy", "皮重占比过高"),
        "negative_empty": ("Empty pan reads negative", "空秤显示负值"),
        "scale_test": ("Test a scale with weights", "砝码测试"),
        "service": ("Service a scale", "秤维护"),
    }

    class Config(SolutionConfig):
        e_g: int = setting(5, "Verification interval", "检定分度值", unit="g", ge=1, le=50,
            help_en="The scale's row in assets wins.", help_zh="以设备表为准。")  # fmt: skip
        max_g: int = setting(15000, "Capacity", "最大秤量", unit="g", ge=300, le=300000,
            help_en="The scale's row in assets wins.", help_zh="以设备表为准。")  # fmt: skip
        zero_limit_e: float = setting(0.5, "Zero offset that needs service", "需维护的零点偏移", unit="e", ge=0.25, le=2)
        drift_days: int = setting(14, "Days of the zero trend", "零点趋势天数", unit="d", ge=5, le=90)
        soon_days: float = setting(7, "A crossing sooner makes a service task", "预计超限提前维护天数", unit="d", ge=1, le=60)
        due_warn_days: list[Days] = setting([30, 7], "Reminders before verification runs out", "检定到期提醒", unit="d")
        test_loads_g: list[Grams] = setting([500, 2500, 5000], "Weights of the daily test", "每日测试砝码", unit="g")
        tare_max_pct: float = setting(25, "Tare over gross that is looked into", "可疑皮重占比", unit="%", ge=1, le=100)
        tare_run: int = setting(5, "Such weighings in a row", "连续次数", ge=2, le=50)

    # --- scales ---

    def start(self):
        yield from self._verify(self.store.hours.store_day(self.now), remind=False)

    def _scales(self):
        rows = [row for row in self.tables.assets.rows() if "scale" in str(row.get("kind", "")).lower()]
        listed = {row.get("device") or row["asset"] for row in rows}
        return sorted(listed | {key[6:] for key in self.state if key.startswith("scale:")})

    def _row(self, scale):
        return self.tables.assets.get(scale) or next(iter(self.tables.assets.rows(device=scale)), {})

    def _interval(self, scale):
        return self._row(scale).get("e_g") or self.config.e_g

    def _scale(self, scale):
        fresh = {"pan": self.workers.checkout.weighing.new_pan(), **self.workers.checkout.metrology.new_zeros(), "read_at": None,
                 "zeros": {}, "days": [], "tares": 0, "weighings": 0, "seal": {}, "service": [], "alerts": {}, "tested": "",
                 "negative": None, "verified_to": None}  # fmt: skip
        return self.state.setdefault(f"scale:{scale}", fresh)

    def _raise(self, scale, kind, severity, en, zh, *, again=False, **more):
        """One alert per cause until it is cleared."""
        known, row = self._scale(scale), self._row(scale)
        if kind in known["alerts"] and not again:
            return
        known["alerts"][kind] = plain(self.now)
        yield out("alert.raise", alert=f"{kind}-{scale}", kind=kind, severity=severity, state="open", subject=scale, asset=row.get("asset"),
                  zone=row.get("zone"), text=self.say(f"Scale {scale}: {en}", f"秤 {scale}：{zh}"), **more)  # fmt: skip

    def _clear(self, scale, *kinds):
        known, row = self._scale(scale), self._row(scale)
        for kind in kinds:
            if known["alerts"].pop(kind, None):
                text = self.say(f"Scale {scale}: {self.kinds[kind][0]}, settled", f"秤 {scale}：{self.kinds[kind][1]}已解除")
                yield out("alert.raise", alert=f"{kind}-{scale}", kind=kind, severity="info", state="cleared", subject=scale,
                          asset=row.get("asset"), zone=row.get("zone"), text=text)  # fmt: skip

    def _in_trade(self, scale):
        return not {"test_failed", "verification_overdue"} & self._scale(scale)["alerts"].keys()

    # --- the daily test with weights ---

    @every("1d", at="open")
    def ask_for_tests(self, due):
        day = self.store.hours.store_day(due.time)
        for scale in self._scales():
            row = self._row(scale)
            loads = [load for load in self.config.test_loads_g if load <= (row.get("max_g") or self.config.max_g)]
            if loads:
                title = self.say(f"Test scale {scale} with weights", f"用砝码测试秤 {scale}")
                items = [{"qty": load, "note": self.say(f"reading at {load} g", f"{load} 克示值")} for load in loads]
                yield out("task.create", task=f"test:{scale}:{day}", kind="scale_test", title=title, priority=2, zone=row.get("zone"),
                          asset=row.get("asset") or scale, items=items, evidence="value", values={"loads_g": loads})  # fmt: skip

    @on("task.done")
    def answered(self, event):
        kind, _, rest = event["task"].partition(":")
        scale, _, day = rest.rpartition(":")
        if kind == "test" and scale and event["state"] in SETTLED:
            yield from self._tested(scale, day, event.get("values") or {})
        for scale in [scale for scale in self._scales() if event["task"] in self._scale(scale)["service"]]:
            if event["state"] in OVER:
                self._scale(scale)["service"].remove(event["task"])
            if event["state"] in SETTLED:
                yield from self._clear(scale, "tamper")

    def _tested(self, scale, day, values):
        known, tools, e_g = self._scale(scale), self.workers.checkout.metrology, self._interval(scale)
        readings = [(load, reading) for load, reading in ((_number(load), _number(value)) for load, value in values.items())
                    if load is not None and reading is not None]  # fmt: skip
        if not readings or day < known["tested"]:
            return
        known["tested"] = day
        wrong = [pair for pair in readings if not tools.passes(*pair, e_g)]
        if not wrong:
            yield from self._clear(scale, "test_failed")
            return
        self.kpi.add("tests_failed")
        load, reading = max(wrong, key=lambda pair: abs(pair[1] - pair[0]) / tools.limit_g(pair[0], e_g))
        yield from self._raise(scale, "test_failed", "critical", f"{load:g} g reads {reading:g} g, out of trade",
                               f"{load:g} 克示值 {reading:g} 克，停止贸易使用", value=round(abs(reading - load), 6),
                               limit=tools.limit_g(load, e_g), unit="g")  # fmt: skip

    # --- zero, tare and what an empty pan reads ---

    @on("scale.reading")
    def read(self, event):
        scale, at, weight = event["scale"], event.time, event["weight_g"]
        known, e_g = self._scale(scale), self._interval(scale)
        last = parse_time(known["read_at"]) if known["read_at"] else None
        if last and at < last:
            return
        known["read_at"] = plain(at)
        stable = event.get("stable", True) and not event.get("overload")
        zeros = self.workers.checkout.metrology
        zeros.note_zero(known, at, weight, stable=stable, empty_g=EMPTY_E * e_g)
        self._settle(known, at - zeros.NEAR_LOAD)
        yield from self._negative(scale, known, at, weight, stable, self.config.zero_limit_e * e_g)
        net = {**event.data, "weight_g": weight}
        step = self.workers.checkout.weighing.weigh(known["pan"], net, zero_g=EMPTY_E * e_g, least_g=LEAST_LOAD_E * e_g)
        if step == "placed" or (step in ("same", "changed") and last and at - last >= ANOTHER):
            yield from self._weighed(scale, known, event)

    def _settle(self, known, until):
        """Count the readings of the empty pan that no load came near to, by store day."""
        for at, weight in self.workers.checkout.metrology.settled_zeros(known, until):
            counts = known["zeros"].setdefault(plain(self.store.hours.store_day(at)), {})
            text = f"{round(weight, 2):g}"
            counts[text] = counts.get(text, 0) + 1

    def _negative(self, scale, known, at, weight, stable, limit_g):
        held = stable and weight < -limit_g
        if held and known["negative"] == weight:
            return
        known["negative"] = weight if held else None
        if held:
            self.timers.set("negative", scale, max(self.now, at + FIXED))
        else:
            self.timers.cancel("negative", scale)
            if stable and weight >= -limit_g:
                yield from self._clear(scale, "negative_empty")

    @timer("negative")
    def stays_negative(self, due):
        weight = self._scale(due.key)["negative"]
        yield from self._raise(due.key, "negative_empty", "high", f"the empty pan reads {weight:g} g", f"空秤显示 {weight:g} 克",
                               value=weight, limit=-self.config.zero_limit_e * self._interval(due.key), unit="g")  # fmt: skip

    def _weighed(self, scale, known, event):
        known["weighings"] += 1
        tare = event.get("tare_g") or max(0, event.get("gross_g", 0) - event["weight_g"])
        gross = event.get("gross_g") or event["weight_g"] + tare
        share = 100 * tare / gross
        if share <= self.config.tare_max_pct:
            known["tares"] = 0
            yield from self._clear(scale, "tare_share")
            return
        known["tares"] += 1
        if known["tares"] >= self.config.tare_run:
            name = (self.tables.products.get(event.get("gtin") or "") or {}).get("name") or event.get("gtin") or ""
            runs = known["tares"]
            yield from self._raise(scale, "tare_share", "high", f"tare {tare:g} of {gross:g} g, {runs} times running {name}".strip(),
                                   f"连续 {runs} 次皮重占比过高（{tare:g}/{gross:g} 克）{name}", value=round(share, 3),
                                   limit=self.config.tare_max_pct, unit="%")  # fmt: skip

    # --- seal ---

    @on("device.status")
    def reported(self, event):
        scale = event["device"]
        if event["kind"] != "scale" and scale not in self._scales():
            return
        known = self._scale(scale)
        told = {"adjustments": (event.get("metrics") or {}).get("adjustments"), "firmware": event.get("firmware")}
        told = {name: value for name, value in told.items() if value is not None}
        changed = [name for name, value in told.items() if known["seal"].get(name, value) != value]
        before, known["seal"] = known["seal"], known["seal"] | told
        if changed and not known["service"]:
            what = ", ".join(f"{name} {before[name]} -> {told[name]}" for name in changed)
            yield from self._raise(scale, "tamper", "critical", f"changed without a service task: {what}", f"无维护任务被改动：{what}")

    # --- the day that is over, and verification ---

    @every("1d", at="00:00")
    def new_day(self, due):
        day = self.store.hours.store_day(due.time)
        yield from self._verify(day, remind=True)
        left = []
        for scale in self._scales():
            known, days = self._scale(scale), (yield from self._trend(scale, day))
            left += [] if days is None else [days]
            self.kpi.share("scales_in_trade", int(self._in_trade(scale)), 1)
            yield self._scored(scale, known, due.time)
            known["weighings"] = 0
        if left:
            self.kpi.set("days_to_limit", min(left))

    def _trend(self, scale, today):
        """Close the days before today; the days until the zero crosses its limit, where that can be told."""
        known, tools = self._scale(scale), self.workers.checkout.metrology
        self._settle(known, self.now)
        for day in sorted(day for day in known["zeros"] if day < plain(today)):
            known["days"].append([day, tools.median_of(known["zeros"].pop(day))])
        first = plain(today - timedelta(days=self.config.drift_days))
        known["days"] = [one for one in known["days"] if one[0] >= first]
        if not known["days"]:
            return None
        limit, (_, value) = self.config.zero_limit_e * self._interval(scale), known["days"][-1]
        if abs(value) > limit:
            yield from self._raise(scale, "zero_off", "high", f"zero at {value:g} g", f"零点 {value:g} 克", value=round(value, 3),
                                   limit=limit, unit="g")  # fmt: skip
        else:
            yield from self._clear(scale, "zero_off")
        if len(known["days"]) < LEAST_DAYS:
            return None
        points = [(date.fromisoformat(day).toordinal(), median) for day, median in known["days"]]
        days = tools.time_to(value, tools.slope(points), limit)
        if days is not None and 0 < days <= self.config.soon_days and not known["service"]:
            yield self._service(scale, known, today, days)
        return days

    def _service(self, scale, known, day, days):
        task, row = f"service:{scale}:{day}", self._row(scale)
        known["service"].append(task)
        title = self.say(f"Scale {scale}: zero leaves its limit in {days:.1f} days", f"秤 {scale}：预计 {days:.1f} 天后零点超限")
        return out("task.create", task=task, kind="service", title=title, priority=2, asset=row.get("asset") or scale, zone=row.get("zone"),
                   due=self.now + timedelta(days=days), values={"days_to_limit": round(days, 3)})  # fmt: skip

    def _scored(self, scale, known, until):
        zero = known["days"][-1][1] if known["days"] else None
        parts = [{"name": "weighings", "value": known["weighings"]}, {"name": "open_alerts", "value": len(known["alerts"])}]
        if zero is not None:
            parts.append({"name": "zero", "value": round(zero, 3), "unit": "g"})
        state, midnight = "in_trade" if self._in_trade(scale) else "out_of_trade", self.store.hours.midnight
        day = self.store.hours.store_day(until) - timedelta(days=1)
        return out("score.report", {"from": midnight(day), "to": until}, scheme="scale_metrology", subject_kind="asset", subject=scale,
                   score=100.0 if state == "in_trade" else 0.0, parts=parts, labels={"state": state},
                   notes=sorted(known["alerts"]) or None)  # fmt: skip

    @on_table("assets")
    def renewed(self, table):
        yield from self._verify(self.store.hours.store_day(self.now), remind=False)

    def _verify(self, day, *, remind):
        overdue = 0
        for scale in self._scales():
            verified = self._row(scale).get("verified_to")
            left = (date.fromisoformat(str(verified)[:10]) - day).days if verified else None
            known = self._scale(scale)
            if left is not None and left < 0:
                overdue += 1
                yield from self._clear(scale, "verification_due")
                yield from self._raise(scale, "verification_overdue", "critical", f"verification ran out on {verified}, out of trade",
                                       f"检定于 {verified} 到期，停止贸易使用")  # fmt: skip
                continue
            renewed = verified != known["verified_to"]
            known["verified_to"] = verified
            yield from self._clear(scale, "verification_overdue", *(("verification_due", "tamper") if renewed else ()))
            if remind and left in self.config.due_warn_days:
                yield from self._raise(scale, "verification_due", "warn", f"verification runs out on {verified}, in {left} days",
                                       f"检定将于 {verified} 到期，还有 {left} 天", again=True, value=left, unit="d")  # fmt: skip
        self.kpi.set("overdue_scales", overdue)


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
