"""Attendance and working-hours control: pairs punches with shifts, counts lateness, breaks and overtime, warns before the monthly cap.

A person's days are worked out anew from punches, shifts and calendar with every fact, so a punch that a terminal delivers late, a changed
shift or a holiday announced afterwards corrects that day and its report. Days of rest are Saturday and Sunday, unless the calendar makes
them workdays or the person's roster of that week gives weekdays off instead: shops roster weekends. Nothing is paid by guess: a day with
a punch missing has no worked time until a punch settles it.

Privacy: staff numbers, punches and terminals only; no face templates. A suspicion of punching for a colleague goes to a human.
"""

from collections import defaultdict
from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight import worktime

KEPT = timedelta(days=62)
SHIFTS_KEPT = KEPT + timedelta(days=7)
BUDDY_SPAN = timedelta(days=30)
PUNCHES = ("in", "out", "break_start", "break_end")


class Rates(SolutionConfig):
    workday: float = setting(1.5, "Workday", "工作日", ge=1, le=5)
    rest_day: float = setting(2.0, "Rest day", "休息日", ge=1, le=5)
    public_holiday: float = setting(3.0, "Public holiday", "法定节假日", ge=1, le=5)


class AttendanceHours(Solution):
    number = 70
    zh, en = "考勤与工时合规", "Attendance and working-hours control"
    purpose_zh = "将打卡与排班配对，依法统计迟到、休息与加班，在突破月度上限前预警，并提示代打卡嫌疑。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("alert.raise", "message.send", "score.report")
    adapters = ("messaging?",)
    reads = ("staff",)
    kpis = {
        "punctuality": kpi("%", "Shifts begun on time", "准点率"),
        "overtime": kpi("h", "Overtime", "加班时长"),
        "people_near_cap": kpi("count", "People near the monthly cap", "接近加班上限人数"),
        "open_punches": kpi("count", "Open punches", "缺卡数"),
    }
    kinds = {
        "overtime_warning": ("Overtime near the monthly cap", "加班接近月上限"),
        "overtime_cap": ("Monthly overtime cap reached", "加班达到月上限"),
        "open_punch": ("Missing punch", "缺卡"),
        "absence": ("Absent from a shift", "缺勤"),
        "buddy_punch": ("Punches in pairs", "疑似代打卡"),
    }

    class Config(SolutionConfig):
        late_grace: int = setting(5, "Tolerated lateness", "迟到宽限", unit="min", ge=0, le=30,
            help_en="Lateness and early leaving up to this are not counted; above it they count in full.",
            help_zh="不超过此值的迟到与早退不计；超过则全额计入。")  # fmt: skip
        overtime_step: int = setting(15, "Overtime step", "加班计量单位", unit="min", ge=1, le=60,
            help_en="A day's overtime is rounded down to whole steps.", help_zh="每日加班向下取整到此单位。")  # fmt: skip
        day_hours: float = setting(8.0, "Normal working day", "标准日工时", unit="h", ge=4, le=12,
            help_en="Time worked beyond it on a workday is overtime.", help_zh="工作日超过此时长的部分为加班。")  # fmt: skip
        month_cap: float = setting(36.0, "Monthly overtime cap", "月加班上限", unit="h", ge=0, le=100,
            help_en="Most overtime that the law allows in a calendar month.", help_zh="一个自然月内法律允许的最多加班。")  # fmt: skip
        cap_warn: float = setting(0.8, "Warn at this share of the cap", "上限预警比例", ge=0.3, le=1,
            help_en="A warning goes out when a person's month reaches this share of the cap.",
            help_zh="个人当月加班达到上限的此比例时预警。")  # fmt: skip
        rates: Rates = setting(Rates, "Overtime pay factors", "加班工资倍数",
            help_en="Paid hours for an hour of overtime, by kind of day.", help_zh="按日期类型，每小时加班折算的计薪小时。")  # fmt: skip
        terminals: list[str] = setting(list, "Time clocks", "考勤机", widget="device",
            help_en="Punches at other terminals are refused; empty: any terminal.",
            help_zh="其他终端的打卡不予采纳；留空表示不限。")  # fmt: skip
        missing_punch_after: int = setting(4, "Report a missing punch after", "缺卡上报延时", unit="h", ge=1, le=16,
            help_en="Counted from the end of the shift.", help_zh="自班次结束起计。")  # fmt: skip
        buddy_gap: int = setting(10, "Gap of paired punches", "成对打卡间隔", unit="s", ge=2, le=60,
            help_en="Two people punching at one terminal within it count as a pair.",
            help_zh="两人在同一终端于此间隔内打卡视为成对。")  # fmt: skip
        buddy_days: int = setting(3, "Days of paired punches", "成对打卡天数", unit="d", ge=2, le=20,
            help_en="So many days in 30 raise a suspicion.", help_zh="30 天内达到此天数即提示嫌疑。")  # fmt: skip

    @on("staff.clock")
    def punched(self, event):
        terminal = event.get("terminal", "")
        if event["kind"] not in PUNCHES or (self.config.terminals and terminal not in self.config.terminals):
            return
        staff = event["staff"]
        punches = self._person(staff)["punches"]
        punch = [plain(event.time), event["kind"]]
        if punch in punches:
            return
        punches.append(punch)
        yield from self._buddies(event, staff, terminal)
        yield from self._work_out(staff)

    @on("shift.fixed")
    def rostered(self, event):
        staff, shift = event["staff"], event["shift"]
        version = event.get("version", 1)
        holder = self.state.setdefault(f"shift:{shift}", {"staff": staff, "version": 0})
        if version < holder["version"]:
            return
        if holder["staff"] != staff:
            self._person(holder["staff"])["shifts"].pop(shift, None)
            yield from self._work_out(holder["staff"])
        holder.update(staff=staff, version=version)
        withdrawn = bool(event.get("withdrawn"))
        row = {"start": event["start"], "end": event["end"], "breaks": event.get("breaks") or [], "withdrawn": withdrawn}
        self._person(staff)["shifts"][shift] = row
        if not withdrawn:
            end = parse_time(event["end"])
            self.timers.set("look", f"{staff}|{shift}|end", end)
            self.timers.set("look", f"{staff}|{shift}|missing", end + timedelta(hours=self.config.missing_punch_after))
        yield from self._work_out(staff)

    @on("calendar.event?")
    def calendar(self, event):
        if event["kind"] not in ("public_holiday", "workday"):
            return
        known = self.state.get("calendar", {}) | {event["event"]: [event["kind"], event["from"], event["to"]]}
        self.state["calendar"] = {key: row for key, row in known.items() if parse_time(row[2]) > self.now - KEPT}
        for key in [key for key in self.state if key.startswith("staff:")]:
            yield from self._work_out(key.removeprefix("staff:"))

    @timer("look")
    def look_again(self, due):
        yield from self._work_out(due.key.split("|")[0])

    @timer("pair")
    def forget_pair(self, due):
        self.state.pop(due.key, None)

    def _person(self, staff):
        return self.state.setdefault(f"staff:{staff}", {"punches": [], "shifts": {}, "days": {}, "warned": {}})

    def _work_out(self, staff):
        """A person's days as the facts now stand, and what changed in them since the last time."""
        person = self._person(staff)
        self._forget(person)
        fresh = self._days(staff, person)
        oldest = self.store.hours.store_day(self.now - KEPT).isoformat()
        for day in sorted(day for day in fresh.keys() | person["days"].keys() if day > oldest):
            old, new = person["days"].get(day), fresh.get(day, _empty_day("workday"))
            if old != new:
                person["days"][day] = new
                yield from self._day_changed(staff, day, old or _empty_day("workday"), new)
        yield from self._month_caps(staff, person)

    def _forget(self, person):
        oldest = self.now - KEPT
        first = self.store.hours.store_day(oldest).isoformat()
        person["punches"] = [punch for punch in person["punches"] if parse_time(punch[0]) >= oldest]
        for shift in [shift for shift, row in person["shifts"].items() if parse_time(row["end"]) < self.now - SHIFTS_KEPT]:
            del person["shifts"][shift]
            self.state.pop(f"shift:{shift}", None)
        person["days"] = {day: row for day, row in person["days"].items() if day > first}
        person["warned"] = {month: kinds for month, kinds in person["warned"].items() if month >= first[:7]}

    def _days(self, staff, person):
        shifts = [_shift(key, row) for key, row in person["shifts"].items() if not row["withdrawn"]]
        groups = defaultdict(list)
        for pair in worktime.pair_punches((parse_time(time), kind) for time, kind in person["punches"]):
            groups[worktime.shift_of(pair, shifts)].append(pair)
        store_day = self.store.hours.store_day
        rostered = {store_day(shift.start) for shift in shifts}
        days = {}
        for shift in shifts:
            if shift in groups or self.now >= shift.end:
                self._add_shift(self._day(days, store_day(shift.start), rostered), shift, groups.pop(shift, []))
        for pair in groups.get(None, []):
            self._add_unplanned(staff, self._day(days, store_day(pair.punch), rostered), pair)
        for day in days.values():
            self._settle(day)
        return days

    def _day(self, days, day, rostered):
        return days.setdefault(day.isoformat(), _empty_day(self._day_kind(day, rostered)))

    def _day_kind(self, day: date, rostered):
        noon = self.store.hours.at(day, "12:00")
        kinds = {kind for kind, start, end in self.state.get("calendar", {}).values() if parse_time(start) <= noon < parse_time(end)}
        if "public_holiday" in kinds:
            return "public_holiday"
        return "rest_day" if "workday" not in kinds and worktime.is_rest_day(day, rostered) else "workday"

    def _add_shift(self, day, shift, pairs):
        closed = [pair for pair in pairs if pair.closed]
        starts = [pair.start for pair in pairs if pair.start]
        ends = [pair.end for pair in pairs if pair.end]
        grace = self.config.late_grace
        late = worktime.beyond_grace(worktime.minutes(shift.start, min(starts)), grace) if starts else 0.0
        day["due"] += 1
        day["punctual"] += bool(starts) and not late
        day["late"] += late
        day["worked"] += worktime.worked_min(closed, shift.breaks)
        if len(closed) < len(pairs):
            overdue = shift.end + timedelta(hours=self.config.missing_punch_after)
            day["open"] += len(pairs) - len(closed) if self.now >= shift.end else 0
            day["unsettled"] = True
            day["missing"] += [plain(pair.punch) for pair in pairs if not pair.closed and self.now >= overdue]
        elif ends:
            day["early"] += worktime.beyond_grace(worktime.minutes(max(ends), shift.end), grace)
        if not pairs:
            day["absent"].append(shift.id)

    def _add_unplanned(self, staff, day, pair):
        day["worked"] += worktime.worked_min([pair], ())
        if not pair.closed:
            overdue = pair.punch + timedelta(hours=self.config.day_hours + self.config.missing_punch_after)
            day["unsettled"] = True
            if self.now >= overdue:
                day["open"] += 1
                day["missing"].append(plain(pair.punch))
            else:
                self.timers.set("look", f"{staff}|{plain(pair.punch)}|missing", overdue)

    def _settle(self, day):
        """Overtime and its pay in hours; none while a punch is missing."""
        if not day["unsettled"]:
            normal = self.config.day_hours * 60 if day["kind"] == "workday" else 0.0
            day["overtime"] = worktime.overtime_min(day["worked"], normal, self.config.overtime_step) / 60
            day["paid"] = day["overtime"] * getattr(self.config.rates, day["kind"])

    def _day_changed(self, staff, day, old, new):
        self.kpi.share("punctuality", new["punctual"] - old["punctual"], new["due"] - old["due"])
        self.kpi.add("overtime", new["overtime"] - old["overtime"])
        counts = self.state.setdefault("open", {})
        counts[f"{staff}|{day}"] = new["open"]
        if not new["open"]:
            del counts[f"{staff}|{day}"]
        self.kpi.set("open_punches", sum(counts.values()))
        yield from self._missing_alerts(staff, old["missing"], new["missing"])
        for shift in sorted(set(old["absent"]) ^ set(new["absent"])):
            state = "open" if shift in new["absent"] else "cleared"
            words = self.say(f"{staff} did not come to shift {shift}", f"{staff} 未到岗：班次 {shift}")
            yield out("alert.raise", alert=f"absence-{shift}", kind="absence", severity="warn", state=state, subject=staff, text=words)
        if not new["unsettled"] or new["missing"]:
            yield self._report(staff, date.fromisoformat(day), new)

    def _missing_alerts(self, staff, old, new):
        for punch in sorted(set(old) ^ set(new)):
            opened = punch in new
            local = f"{self.store.hours.local(parse_time(punch)):%m-%d %H:%M}"
            words = self.say(f"The punch of {staff} at {local} has no counterpart", f"{staff} 于 {local} 的打卡缺少配对")
            key = f"open-punch-{staff}-{punch}"
            state = "open" if opened else "cleared"
            yield out("alert.raise", alert=key, kind="open_punch", severity="warn", state=state, subject=staff, text=words)
            if opened:
                yield from self._message(key, staff, words)

    def _report(self, staff, day, row):
        hours = self.store.hours
        known = not row["unsettled"]
        parts = [("late", row["late"], "min"), ("early", row["early"], "min")]
        if known:
            parts += [("worked", row["worked"] / 60, "h"), ("overtime", row["overtime"], "h"), ("paid_equivalent", row["paid"], "h")]
        status = "open" if not known else "absent" if row["absent"] else "settled"
        return out(
            "score.report", {"from": hours.midnight(day), "to": hours.midnight(day + timedelta(days=1))}, scheme="attendance",
            subject_kind="staff", subject=staff, labels={"status": status, "day": row["kind"]},
            parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts],
        )  # fmt: skip

    def _month_caps(self, staff, person):
        months = defaultdict(float)
        for day, row in person["days"].items():
            months[day[:7]] += row["overtime"]
        cap = self.config.month_cap
        steps = [("overtime_warning", "warn", self.config.cap_warn * cap), ("overtime_cap", "high", cap)]
        for month, hours in sorted(months.items()):
            warned = person["warned"].setdefault(month, [])
            for kind, severity, limit in steps:
                if kind in warned or hours <= 0 or hours < limit - 1e-6:
                    continue
                warned.append(kind)
                words = self.say(f"{staff}: {hours:.1f} h overtime in {month}, the cap is {cap:g} h",
                                 f"{staff} {month} 已加班 {hours:.1f} 小时，上限 {cap:g} 小时")  # fmt: skip
                key = f"{kind.replace('_', '-')}-{staff}-{month}"
                yield out("alert.raise", alert=key, kind=kind, severity=severity, state="open", subject=staff, text=words,
                          value=hours, limit=limit, unit="h")  # fmt: skip
                yield from self._message(key, (self.tables.staff.get(staff) or {}).get("manager", staff), words)
        month = self.store.hours.store_day(self.now).isoformat()[:7]
        near = {who: reached for who, reached in self.state.get("near", {}).items() if reached == month}
        if "overtime_warning" in person["warned"].get(month, ()):
            near[staff] = month
        self.state["near"] = near
        self.kpi.set("people_near_cap", len(near))

    def _message(self, key, to, words):
        if self.devices.get("messaging"):
            yield out("message.send", message=key, channel="work_chat", to=to, text=words, purpose="staff")

    def _buddies(self, event, staff, terminal):
        """Two people at one terminal within the gap, on enough different days: one suspicion."""
        recent = self.state.setdefault(f"terminal:{terminal}", [])
        recent[:] = [row for row in recent if self.now - parse_time(row[0]) <= timedelta(days=2)]
        near = {who for time, who in recent if abs((event.time - parse_time(time)).total_seconds()) <= self.config.buddy_gap}
        recent.append([plain(event.time), staff])
        day = self.store.hours.store_day(event.time)
        for other in sorted(near - {staff}):
            one, two = sorted((staff, other))
            key = f"pair:{one}|{two}"
            pair = self.state.setdefault(key, {"days": [], "told": None})
            self.timers.set("pair", key, self.now + BUDDY_SPAN + timedelta(days=1))
            if pair["told"] and date.fromisoformat(pair["told"]) > day - BUDDY_SPAN:
                continue
            days = {past for past in pair["days"] if date.fromisoformat(past) > day - BUDDY_SPAN} | {day.isoformat()}
            pair["days"] = sorted(days)
            if len(days) >= self.config.buddy_days:
                pair.update(days=[], told=day.isoformat())
                words = self.say(f"{one} and {two} punched together on {len(days)} days; please look into it",
                                 f"{one} 与 {two} 在 {len(days)} 天内成对打卡，请人工核实")  # fmt: skip
                yield out("alert.raise", alert=f"buddy-{one}-{two}-{day:%Y%m%d}", kind="buddy_punch", severity="warn", state="open",
                          subject=f"{one},{two}", text=words, value=len(days), limit=self.config.buddy_days, unit="d")  # fmt: skip


def _empty_day(kind):
    return {"kind": kind, "due": 0, "punctual": 0, "late": 0.0, "early": 0.0, "worked": 0.0, "overtime": 0.0, "paid": 0.0,
            "open": 0, "unsettled": False, "missing": [], "absent": []}  # fmt: skip


def _shift(key, row):
    breaks = tuple((parse_time(pause["start"]), parse_time(pause["end"])) for pause in row["breaks"])
    return worktime.Shift(key, parse_time(row["start"]), parse_time(row["end"]), breaks)
