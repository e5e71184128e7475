"""Smart shift scheduling: the legal, fair and cheapest roster for the forecast need by role; wishes are kept where they cost little.

Each night at 23:00 store time the days ahead that have a need and no roster are planned (`workers/optimise/shifts.py`). The draft goes to
the manager as one task; approved, it is published; rejected with `values.locked` (shift ids to keep, or {staff, start, end, role} to
force, or {staff, date, off: true} to forbid), it is solved again. A draft stands until it is answered or its day's need changes.
The task tells how far the roster may be from the cheapest (`gap`), what holds it back (`binding`) and, where locks cannot all be kept, the
fewest rules to give up (`relax`); then, as where the solver found none in time, a greedy roster is given and marked.

Absences are `shift.propose` of kind absence, or a published shift that someone else withdraws: they re-open that cell alone.
`shift.fixed` of other sources and loans count as duties for rest and hours; public holidays come from `calendar.event`. The rest day that
pays double is the seventh worked day of a calendar week. Nobody is planned without the role's skills and papers: the gap is reported.
"""

from collections import defaultdict
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, plain

MEMORY_DAYS = 35
CHANGE_COST, WEEKEND_COST = 300, 200
Template = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class SmartScheduling(Solution):
    number = 68
    zh, en = "智能排班", "Smart shift scheduling"
    purpose_zh = "按预测需求自动排出合法、公平且成本最低的班表，兼顾员工意愿；经店长批准后发布。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("shift.propose", "shift.fixed", "task.create", "message.send", "score.report")
    adapters = ("messaging",)
    reads = ("staff", "skills")
    load = "optimise"
    kpis = {
        "coverage": kpi("%", "Need covered", "需求覆盖率"),
        "wage_cost": kpi("minor units", "Wages of the roster", "排班工资成本"),
        "overtime": kpi("h", "Overtime planned", "计划加班"),
        "wishes_kept": kpi("%", "Wishes kept", "意愿满足率"),
        "roster_changes": kpi("count", "Changes after publication", "发布后变更次数"),
    }
    kinds = {"approve_roster": ("Approve the roster", "审批班表")}

    class Config(SolutionConfig):
        templates: list[Template] = setting(lambda: ["06:00-14:00", "09:00-17:00", "13:00-21:00", "17:00-21:00"],
            "Shifts that may be used", "可用班次", help_en="Store time; an end at or before the start lies on the next day.",
            help_zh="门店当地时间；结束不晚于开始表示次日。")  # fmt: skip
        max_week: float = setting(40.0, "Paid hours a week without overtime", "每周正常工时上限", unit="h", ge=8, le=60,
            help_en="Paid hours a person and calendar week; more is overtime.", help_zh="每人每周计薪工时，超过为加班。")  # fmt: skip
        max_overtime_month: float = setting(36.0, "Overtime a month", "每月加班上限", unit="h", ge=0, le=36,
            help_en="Most overtime a person and calendar month.", help_zh="每人每月最多加班。")  # fmt: skip
        min_rest: float = setting(11.0, "Rest between shifts", "班次间最短休息", unit="h", ge=8, le=16,
            help_en="Least time between two shifts of a person.", help_zh="同一人两班之间的最短间隔。")  # fmt: skip
        max_days_row: int = setting(6, "Working days in a row", "最多连续工作天数", unit="d", ge=3, le=7,
            help_en="Most days worked without a day off.", help_zh="不休息的最多连续工作天数。")  # fmt: skip
        break_minutes: int = setting(30, "Unpaid break", "无薪休息", unit="min", ge=0, le=90,
            help_en="In shifts of 6 h or more, in the middle.", help_zh="6 小时及以上班次中段安排。")  # fmt: skip
        under_cost: int = setting(10000, "Cost of missing staff", "缺岗成本", unit="minor/h", ge=0, le=1000000,
            help_en="What an hour of missing staff is worth avoiding.", help_zh="每缺一人时的成本。")  # fmt: skip
        over_cost: int = setting(1000, "Cost of needless staff", "冗余成本", unit="minor/h", ge=0, le=1000000,
            help_en="An hour of needless staff, on top of wages.", help_zh="每多一人时的成本（工资之外）。")  # fmt: skip
        wish_cost: int = setting(500, "Cost of a wish not kept", "未满足意愿成本", unit="minor", ge=0, le=100000,
            help_en="How much the roster may cost more to keep a wish.", help_zh="为满足一个意愿可多付出的成本。")  # fmt: skip
        publish_days: int = setting(7, "Days planned ahead", "提前排班天数", unit="d", ge=1, le=28,
            help_en="The roster is sent out this long ahead.", help_zh="班表提前这么多天发布。")  # fmt: skip
        time_limit: int = setting(60, "Time for the solver", "求解时限", unit="s", ge=5, le=900,
            help_en="With no roster by then a greedy one is given and marked.", help_zh="到时无解则给出贪心班表并标注。")  # fmt: skip

    @on("forecast.labour")
    def need(self, event):
        slots = self.state.setdefault(f"need:{self.store.hours.store_day(parse_time(event['from']))}", {})
        slots[f"{event['role']}|{event['from']}"] = [event["to"], event["heads"]]

    @on("calendar.event?")
    def calendar(self, event):
        if event["kind"] == "public_holiday":
            self.state.setdefault("holidays", {})[event["event"]] = [event["from"], event["to"]]

    @on("shift.propose?")
    def proposed(self, event):
        if not event.get("staff"):
            return
        row = {key: event.get(key) for key in ("staff", "start", "end", "role")}
        if event["kind"] == "wish":
            self.state[f"wish:{event['shift']}"] = row | {"off": str(event.get("reason", "")).lower() in ("off", "leave", "rest", "free")}
        elif event["kind"] == "loan":
            self._keep(event["shift"], row | {"state": "other", "version": 1})
        elif event["kind"] == "absence":
            self.state[f"absent:{event['shift']}"] = row
            yield from self._drop(row["staff"], parse_time(row["start"]), parse_time(row["end"]))

    @on("shift.fixed?")
    def fixed(self, event):
        row = {key: event.get(key) for key in ("staff", "start", "end", "role")}
        known = self._duties().get(event["shift"])
        if event.get("withdrawn") and known and known["state"] == "published":
            self.state[f"absent:{event['shift']}"] = row
            yield from self._drop(row["staff"], parse_time(row["start"]), parse_time(row["end"]), told=True)
        elif not known or known["state"] == "other":
            if known:
                del self.state[f"duty:{known['day']}"][event["shift"]]
            self._keep(event["shift"], row | {"state": "withdrawn" if event.get("withdrawn") else "other", "version": 1})

    @every("1d", at="23:00")
    def plan_ahead(self, due):
        today = self.store.hours.store_day(due.time)
        self._forget(today)
        settled = self.state.setdefault("published", {})
        drafted = {day: slots for plan in self._kept("plan:").values() for day, slots in plan["needs"].items()}
        days = []
        for ahead in range(1, self.config.publish_days + 1):
            day = (today + timedelta(days=ahead)).isoformat()
            slots = self.state.get(f"need:{day}", {})
            if any(heads > 0 for _, heads in slots.values()) and day not in settled and drafted.get(day) != slots:
                days.append(day)
        if days:
            yield from self._plan(days, [], 1)

    @on("task.done?")
    def answered(self, event):
        plan = self.state.get(f"plan:{event['task']}")
        values = event.get("values") or {}
        if plan is None or event["state"] not in ("approved", "rejected", "done"):
            return
        verdict = values.get("approve", event["state"] in ("approved", "done"))
        del self.state[f"plan:{event['task']}"]
        if verdict and event["state"] != "rejected":
            yield from self._publish(plan)
        else:
            locks = values.get("locked") or values.get("locked_cells") or []
            kept = {lock for lock in locks if isinstance(lock, str)}
            forced = [row for key, row in self._duties().items() if key in kept and row["state"] == "draft"]
            forced += [lock for lock in locks if isinstance(lock, dict)]
            yield from self._plan(list(plan["needs"]), forced, plan["version"] + 1, repair=plan["repair"])

    def _duties(self):
        """All duties known, by shift id."""
        return {key: row for day in self.state if day.startswith("duty:") for key, row in self.state[day].items()}

    def _keep(self, key, row):
        day = self.store.hours.store_day(parse_time(row["start"])).isoformat()
        self.state.setdefault(f"duty:{day}", {})[key] = row | {"day": day}

    def _clear_drafts(self, days):
        for day in days:
            duties = self.state.setdefault(f"duty:{day}", {})
            self.state[f"duty:{day}"] = {key: row for key, row in duties.items() if row["state"] != "draft"}
        for key in [key for key in self.state if key.startswith("plan:")]:
            self.state[key]["needs"] = {day: slots for day, slots in self.state[key]["needs"].items() if day not in days}
            if not self.state[key]["needs"]:
                del self.state[key]

    def _forget(self, today):
        oldest = (today - timedelta(days=MEMORY_DAYS)).isoformat()
        published = self.state.setdefault("published", {})
        self.state["published"] = {day: True for day in published if day >= oldest}
        holidays = self.state.get("holidays", {})
        self.state["holidays"] = {event: span for event, span in holidays.items() if span[1][:10] >= oldest}
        for key in list(self.state):
            what, _, day = key.partition(":")
            if what in ("wish", "absent"):
                day = self.state[key]["end"][:10]
            elif what == "plan":
                day = max(self.state[key]["needs"])
            if what in ("need", "duty", "account", "overtime", "wish", "absent", "plan") and day < oldest:
                del self.state[key]

    def _plan(self, days, locks, version, *, repair=False):
        """Solve these days and bring the draft before the manager; `repair` fills gaps of a published roster."""
        self._clear_drafts(days)
        problem = self._book(CHANGE_COST if repair else 0).problem([date.fromisoformat(day) for day in days], locks)
        roster = self._solve(problem)
        status = roster.proof.status if roster.made_by == "cp_sat" else "greedy"
        task = f"roster-{days[0]}-{plain(self.now)[:16]}-v{version}"
        ids = []
        for duty in roster.duties:
            start, end = plain(duty.shift.start), plain(duty.shift.end)
            key = f"s-{duty.shift.day:%Y%m%d}-{duty.person}-{self.store.hours.local(duty.shift.start):%H%M}"
            self._keep(key, {"staff": duty.person, "role": duty.role, "start": start, "end": end, "state": "draft", "version": 0})
            ids.append(key)
            yield out("shift.propose", shift=key, staff=duty.person, role=duty.role, start=start, end=end, kind="draft",
                      breaks=self._breaks(duty.shift.start, duty.shift.end), reason=status)  # fmt: skip
        needs = {day: dict(self.state.get(f"need:{day}", {})) for day in days}
        self.state[f"plan:{task}"] = {"needs": needs, "shifts": ids, "version": version, "repair": repair}
        cost = self._account(days)
        slots = [{"role": slot.role, "from": plain(slot.start), "to": plain(slot.end), "need": slot.need, "staff": slot.staff,
                  "under_h": slot.under_h, "over_h": slot.over_h} for slot in roster.slots]  # fmt: skip
        under, over = (sum(slot[name] for slot in slots) for name in ("under_h", "over_h"))
        proof = roster.proof
        figures = {"wage_cost": round(cost), "under_h": under, "over_h": over, "cost": proof.objective, "bound": proof.bound}
        figures["gap"] = proof.gap
        words = {name: [self.say(note.en, note.zh) for note in getattr(proof, name)] for name in ("relax", "binding")}
        title = self.say(f"Approve the roster {days[0]} to {days[-1]}", f"审批班表 {days[0]} 至 {days[-1]}")
        yield out("task.create", task=task, kind="approve_roster", title=title, priority=2, role="manager",
                  due=self.store.hours.midnight(date.fromisoformat(days[0])),
                  values={"status": status, "time_limit_s": self.config.time_limit, "days": days, "shifts": ids, "slots": slots,
                          **{name: value for name, value in (figures | words).items() if value not in (None, [])}})  # fmt: skip
        yield self._report(days, roster, figures, status, words["relax"])

    def _report(self, days, roster, figures, status, relax):
        hours = self.store.hours
        units = {"under_h": "h", "over_h": "h", "gap": "share"}
        need = sum(slot.need * slot.hours for slot in roster.slots)
        notes = [f"{slot.role} {hours.local(slot.start):%m-%d %H:%M}-{hours.local(slot.end):%H:%M}: {-slot.under_h or slot.over_h:+.2f} h"
                 for slot in roster.slots if slot.under_h or slot.over_h]  # fmt: skip
        span = {"from": hours.midnight(date.fromisoformat(days[0])), "to": hours.midnight(date.fromisoformat(days[-1]) + timedelta(days=1))}
        parts = [{"name": name, "value": value, "unit": units.get(name, "minor")} for name, value in figures.items() if value is not None]
        score = 100 * (1 - figures["under_h"] / need) if need else None
        return out("score.report", span, scheme="roster", subject_kind="store", subject=self.store.id, score=score, parts=parts,
                   labels={"status": status}, notes=[*notes, *relax] or None)  # fmt: skip

    def _publish(self, plan):
        duties = self._duties()
        self.state.setdefault("published", {}).update(dict.fromkeys(plan["needs"], True))
        by_person = defaultdict(list)
        for key in plan["shifts"]:
            row = duties.get(key)
            if row is None or row["state"] != "draft" or row["day"] not in plan["needs"]:
                continue
            row.update(state="published", version=row["version"] + 1)
            by_person[row["staff"]].append(row)
            yield self._fixed_out(key, row)
        if plan["repair"]:
            self.kpi.add("roster_changes", sum(map(len, by_person.values())))
        for staff, rows in sorted(by_person.items()):
            local = self.store.hours.local
            when = "; ".join(f"{local(parse_time(r['start'])):%m-%d %H:%M}-{local(parse_time(r['end'])):%H:%M}" for r in rows)
            yield out("message.send", message=f"roster-{staff}-{rows[0]['day']}-v{plan['version']}", channel="work_chat", to=staff,
                      purpose="staff", text=self.say(f"Your shifts: {when}", f"您的班次：{when}"))  # fmt: skip

    def _fixed_out(self, key, row, *, withdrawn=None):
        return out("shift.fixed", shift=key, staff=row["staff"], role=row["role"], start=row["start"], end=row["end"],
                   breaks=self._breaks(parse_time(row["start"]), parse_time(row["end"])), version=row["version"],
                   withdrawn=withdrawn)  # fmt: skip

    def _drop(self, staff, start, end, *, told=False):
        """Take an absent person out of published shifts and plan their gaps anew, other cells as they are; drafts wait for the night."""
        published, drafted = set(), set()
        for key, row in self._duties().items():
            overlaps = parse_time(row["start"]) < end and parse_time(row["end"]) > max(start, self.now)
            if row["staff"] != staff or not overlaps:
                continue
            if row["state"] == "draft":
                drafted.add(row["day"])
            elif row["state"] == "published":
                row.update(state="withdrawn", version=row["version"] + 1)
                published.add(row["day"])
                self.kpi.add("roster_changes")
                if not told:
                    yield self._fixed_out(key, row, withdrawn=True)
        self._clear_drafts(sorted(drafted - published))
        if published:
            yield from self._plan(sorted(published), [], 1, repair=True)

    def _breaks(self, start, end):
        """The unpaid break, in the middle of a shift of six hours or more."""
        pause = timedelta(minutes=self.config.break_minutes)
        if not pause or end - start < timedelta(minutes=self.workers.optimise.roster_book.LONG_SHIFT_MIN):
            return None
        begin = start + (end - start - pause) / 2
        return [{"start": plain(begin), "end": plain(begin + pause)}]

    def _account(self, days):
        """Bring the figures of these days up to their duties; the wages of the days in minor units."""
        book, total = self._book(), 0.0
        for day in map(date.fromisoformat, days):
            figures = book.figures(day)
            fresh = [figures.need_h, figures.covered_h, figures.wages, figures.wishes, figures.kept]
            need, covered, wage, wishes, kept = self._change(f"account:{day}", fresh)
            self.kpi.share("coverage", covered, need)
            self.kpi.add("wage_cost", wage)
            self.kpi.share("wishes_kept", kept, wishes)
            total += figures.wages
        for monday in sorted({day - timedelta(days=day.weekday()) for day in map(date.fromisoformat, days)}):
            minutes, extra = self._change(f"overtime:{monday}", list(book.overtime(monday)))
            self.kpi.add("overtime", minutes / 60)
            self.kpi.add("wage_cost", extra)
            total += self.state[f"overtime:{monday}"][1]
        return total

    def _change(self, key, fresh):
        """Keep these values; by how much they changed."""
        old = self.state.get(key) or [0] * len(fresh)
        self.state[key] = fresh
        return [new - before for new, before in zip(fresh, old, strict=True)]

    def _solve(self, problem):
        return self.workers.optimise.shifts.solve(problem, self.config.time_limit)

    def _book(self, change_cost=0):
        """All that is known of the roster now."""
        config, book = self.config, self.workers.optimise.roster_book
        rules = self.workers.optimise.shifts.Rules(
            round(config.max_week * 60), round(config.min_rest * 60), config.max_days_row, config.under_cost, config.over_cost,
            config.wish_cost, WEEKEND_COST, change_cost,
        )  # fmt: skip
        return book.RosterBook(
            self.store.hours, book.Terms(config.templates, config.break_minutes, round(config.max_overtime_month * 60), rules),
            staff=self.tables.staff.rows(), skills=self.tables.skills.rows(), needs=self._kept("need:"),
            wishes=self._kept("wish:").values(),
            duties=[row for row in self._duties().values() if row["state"] != "withdrawn"], absences=self._kept("absent:").values(),
            holidays=self.state.get("holidays", {}).values(),
        )  # fmt: skip

    def _kept(self, prefix):
        return {key.removeprefix(prefix): self.state[key] for key in sorted(self.state) if key.startswith(prefix)}
