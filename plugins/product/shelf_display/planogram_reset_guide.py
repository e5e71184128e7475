"""For store teams: turns a new planogram into the shortest list of removes, moves and adds with minutes and a quiet time slot.

An approved proposal is one whose `status` (or the older `state`) says so; templates for many stores are not resets. What is proposed each
within a minute of the one before is planned together. A bay is compared board by board: what changes its board is moved, a change of
facings alone needs no label. Walking order is by zone, then by the fixtures' place (y, then x), then by name.

A newer proposal dissolves the open task of its bay: its bays are planned anew and the task is sent again under its name, empty and marked
as cancelled where nothing is left to do. Until the table `planogram` is replaced a bay that was reset stands as it was reset. Days without
a traffic forecast, and those without a quiet hour, give their first two open hours. Where no such time is left before the effective date,
work is due by its opening. Work goes to somebody of the bay's section who is available, where the table `staff` knows one.

Moves saved are facings of items at a new place that need not be moved, of all such facings.
"""

from collections import Counter
from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1.numbers import item_key

TOGETHER = timedelta(seconds=60)
DAY = timedelta(days=1)
FIRST_HOURS = timedelta(hours=2)


class PlanogramResetGuide(Solution):
    number = 120
    zh, en = "棚格调整作业指引", "Planogram reset guide"
    purpose_zh = "把新的陈列图变成最短的撤、移、补清单，附工时与客流低谷时段，让调整一次做完、按时做完。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "print.job", "alert.raise", "score.report")
    adapters = ("printer?",)
    reads = ("planogram", "fixtures", "products", "staff")
    kpis = {
        "reset_on_time": kpi("%", "Resets on time", "按时完成率"),
        "minutes_planned_to_actual": kpi("ratio", "Minutes planned to actual", "计划与实际工时比"),
        "moves_saved": kpi("%", "Moves saved", "省去的移位"),
    }
    kinds = {
        "planogram_reset": ("Reset shelves", "调整棚格"),
        "reset_unfinished": ("Reset not finished in time", "棚格调整未按时完成"),
    }

    class Config(SolutionConfig):
        remove_min: float = setting(0.5, "Time to take out one facing", "撤下一个排面工时", unit="min", ge=0.1, le=10)
        move_min: float = setting(0.8, "Time to move one facing", "移动一个排面工时", unit="min", ge=0.1, le=10)
        add_min: float = setting(1.0, "Time to fill one new facing", "补满一个新排面工时", unit="min", ge=0.1, le=10)
        label_min: float = setting(0.3, "Time to set one shelf label", "更换一张标签工时", unit="min", ge=0, le=5)
        task_max_min: int = setting(60, "Largest task", "单个任务最长时间", unit="min", ge=10, le=480,
            help_en="Bays are split between tasks, never within.", help_zh="只在货架之间拆分任务，不拆开一个货架。")  # fmt: skip
        quiet_pct: float = setting(60, "Quiet hours have less than", "低谷时段客流低于", unit="%", ge=10, le=100,
            help_en="Share of the day's mean traffic.", help_zh="占当日平均客流的比例。")  # fmt: skip
        days_before: int = setting(3, "How early work may start", "最早提前天数", unit="d", ge=0, le=30,
            help_en="Days before the effective date.", help_zh="生效日前的天数。")  # fmt: skip
        photo: bool = setting(True, "A task closes only with a photo", "附照片才能完成任务")

    @on("planogram.propose")
    def proposed(self, event):
        name, status = f"bay:{event['fixture']}", event.get("status") or event.get("state")
        bay = self.state.get(name)
        if event.get("kind") == "template" or (bay and event.time < parse_time(bay["at"])):
            return
        if status == "rejected" and bay and bay["proposal"] == event["proposal"]:
            self._dissolve(event["fixture"], bay)
            bay["slots"] = None
            self._plan_soon()
        if status != "approved":
            return
        rows = self.workers.optimise.shelf_reset.in_order(event["slots"])
        if not all("x_mm" in row for row in rows):
            rows = sorted(event["slots"], key=lambda row: row.get("shelf", 1))
        slots = [[row.get("shelf", 1), row["slot"], item_key(row["gtin"]), row["facings"]] for row in rows if row["facings"] > 0]
        if bay and bay["slots"] == slots and bay["from"] == event["from"][:10]:
            return
        if bay:
            self._dissolve(event["fixture"], bay)
        self.state[name] = {"proposal": event["proposal"], "at": rfc3339(event.time), "from": event["from"][:10], "slots": slots,
                            "stands": bay and bay["stands"], "printed": False, "task": None}  # fmt: skip
        self._pending()["bays"][event["fixture"]] = None
        self._plan_soon()

    @on("forecast.traffic?")
    def traffic(self, event):
        book = self.workers.optimise.quiet_hours.book_of(event.data)
        if book:
            row = {**event.data, "mean": event.get("mean", event["p50"])}
            self.workers.optimise.demand_windows.enter(self.state.setdefault(f"traffic:{book}", []), row, self.now - DAY)

    @timer("plan")
    def plan(self, due):
        """Tasks of all that was proposed together, by effective date."""
        pending = self.state.pop("pending")
        names, days = list(pending["tasks"]), {}
        for fixture in sorted(pending["bays"], key=self._walk):
            days.setdefault(self.state[f"bay:{fixture}"]["from"], []).append(fixture)
        for name, task in pending["tasks"].items():
            if task.get("alert"):
                yield self._alert(name, task, "cleared")
        reset, config = self.workers.optimise.shelf_reset, self.config
        times = {"remove": config.remove_min, "move": config.move_min, "add": config.add_min}
        for day in sorted(days):
            work = [(fixture, self._reset(fixture)) for fixture in days[day]]
            work = [(fixture, one, one.minutes(times, config.label_min)) for fixture, one in work if one.steps]
            for group in reset.tasks([minutes for *_, minutes in work], config.task_max_min):
                name = names.pop(0) if names else self._name(day)
                yield from self._send(name, day, [work[number] for number in group])
        for name in names:
            title = self.say("Cancelled: nothing left to reset", "已取消：无需调整")
            yield out("task.create", task=name, kind="planogram_reset", title=title, priority=3, minutes=0, items=[],
                      values={"cancelled": True})  # fmt: skip

    def _send(self, name, day, work):
        minutes, bays = round(sum(one for *_, one in work), 2), [fixture for fixture, *_ in work]
        opens = self._opens(day)
        start, ends = self._slot(day, minutes, opens)
        told = [{"fixture": fixture, "minutes": round(took, 2), **reset.counts()} for fixture, reset, took in work]
        for fixture, reset, _ in work:
            self.kpi.share("moves_saved", max(0, reset.shifted - reset.moved), max(reset.shifted, reset.moved))
            self.state[f"bay:{fixture}"]["task"] = name
        until = start and start + timedelta(minutes=minutes)
        staff = start and self._who(bays[0], start, until)
        busy = start and [rfc3339(start), rfc3339(until)]
        self.state[f"task:{name}"] = {"day": day, "bays": bays, "minutes": minutes, "busy": busy, "staff": staff}
        self.state.setdefault(f"day:{day}", {"since": rfc3339(self.now), "on_time": 0, "planned": 0, "actual": 0})
        self.timers.set("effective", day, max(opens, self.now))
        title = self.say(f"Reset {', '.join(bays)}", f"调整棚格：{'、'.join(bays)}")
        yield out("task.create", task=name, kind="planogram_reset", title=title, priority=3,
                  zone=self._zone(bays[0]), fixture=bays[0], staff=staff, minutes=minutes,
                  not_before=start, due=ends, items=[item for _, reset, _ in work for item in reset.items(self._written)],
                  evidence="photo" if self.config.photo else "none",
                  values={"bays": told, "effective": day, "labels": sum(one["labels"] for one in told)})  # fmt: skip
        for fixture, reset, _ in work:
            yield from self._print(name, fixture, reset)

    def _print(self, name, fixture, reset):
        """One label for each item that moves or is new, once a proposal."""
        bay, zone = self.state[f"bay:{fixture}"], self._zone(fixture)
        printers = sorted(self.devices.get("printer", ()), key=lambda one: one.zone != zone or zone is None)
        if bay["printed"] or not printers:
            return
        bay["printed"] = True
        for number, step in enumerate(reset.labels, 1):
            gtin = self._written(step.item)
            fields = {"gtin": gtin, "name": (self.tables.products.get(gtin) or {}).get("name", gtin), "fixture": fixture,
                      "slot": step.end, "from": bay["from"]}  # fmt: skip
            yield out("print.job", printer=printers[0].id, job=f"{bay['proposal']}-{fixture}-{number}", kind="label", copies=1,
                      template="shelf_label", fields=fields, ref={"stream": "task.create", "id": name})  # fmt: skip

    @on("task.done")
    def task_ended(self, event):
        task = self.state.get(f"task:{event['task']}")
        if task is None:
            return
        task["photo"] = task.get("photo") or bool(event.get("photos"))
        if event["state"] not in ("done", "approved") or (self.config.photo and not task["photo"]):
            return
        del self.state[f"task:{event['task']}"]
        for fixture in task["bays"]:
            bay = self.state[f"bay:{fixture}"]
            bay["stands"], bay["task"] = bay["slots"], None
        spent = (event.get("values") or {}).get("minutes")
        if spent is None and event.get("started"):
            spent = (event.time - parse_time(event["started"])).total_seconds() / 60
        dated = self.state.get(f"day:{task['day']}")
        if spent and spent > 0:
            self.kpi.share("minutes_planned_to_actual", task["minutes"], spent)
        if dated:
            dated["on_time"] += 1
            dated["planned"] += task["minutes"] if spent else 0
            dated["actual"] += spent or 0
            self.kpi.share("reset_on_time", 1, 1)
        if task.get("alert"):
            yield self._alert(event["task"], task, "cleared")

    @timer("effective")
    def effective(self, due):
        """At the opening of the effective date what is not finished is told, and how the reset went."""
        dated = self.state.pop(f"day:{due.key}")
        late = [(name, task) for name, task in self._tasks() if task["day"] == due.key and not task.get("alert")]
        for name, task in late:
            self.kpi.share("reset_on_time", 0, 1)
            task["alert"] = True
            yield self._alert(name, task, "open")
        count = dated["on_time"] + len(late)
        if count:
            minutes = [{"name": name, "value": round(dated[key], 2), "unit": "min"} for name, key in
                       (("minutes_planned", "planned"), ("minutes_actual", "actual"))]  # fmt: skip
            yield out("score.report", {"from": dated["since"], "to": due.time}, scheme="planogram_reset_guide", subject_kind="store",
                      subject=self.store.id, score=round(100 * dated["on_time"] / count, 2),
                      parts=[{"name": "tasks", "value": count}, {"name": "on_time", "value": dated["on_time"]}, *minutes],
                      labels={"effective": due.key})  # fmt: skip

    @on_table("planogram")
    def planned_anew(self, table):
        for name in [name for name in self.state if name.startswith("bay:")]:
            self.state[name]["stands"] = None

    def _alert(self, name, task, state):
        bays = ", ".join(task["bays"])
        text = self.say(f"Reset of {bays} was not finished by {task['day']}", f"{bays} 棚格调整未在 {task['day']} 开店前完成")
        bay = task["bays"][0]
        return out("alert.raise", alert=f"reset_unfinished-{name}", kind="reset_unfinished", severity="high", state=state, subject=bay,
                   zone=self._zone(bay), text=text, ref={"stream": "task.create", "id": name})  # fmt: skip

    def _dissolve(self, fixture, bay):
        """The bays of a bay's open task wait to be planned anew; its name is free."""
        pending = self._pending()
        pending["bays"].pop(fixture, None)
        if bay["task"] is None:
            return
        task = pending["tasks"][bay["task"]] = self.state.pop(f"task:{bay['task']}")
        for one in task["bays"]:
            self.state[f"bay:{one}"]["task"] = None
            if one != fixture:
                pending["bays"][one] = None

    def _tasks(self):
        return [(name[5:], self.state[name]) for name in sorted(self.state) if name.startswith("task:")]

    def _pending(self):
        return self.state.setdefault("pending", {"bays": {}, "tasks": {}})

    def _plan_soon(self):
        self.timers.set("plan", "", self.now + TOGETHER)

    def _name(self, day):
        number = self.state["number"] = self.state.get("number", 0) + 1
        return f"reset-{day}-{number}"

    def _reset(self, fixture):
        """The steps from how a bay stands to its latest approved proposal."""
        reset, bay = self.workers.optimise.shelf_reset, self.state[f"bay:{fixture}"]
        rows = reset.in_order(self.tables.planogram.rows(fixture=fixture))
        old = bay["stands"] or [[row.get("shelf", 1), row["slot"], item_key(row["gtin"]), row.get("facings", 1)] for row in rows]
        return reset.compare(reset.slots(old), reset.slots(bay["slots"]))

    def _slot(self, day, minutes, opens):
        """When a task begins (None: before opening) and by when it is due."""
        hours, quiet_hours, spans = self.store.hours, self.workers.optimise.quiet_hours, []
        effective, today = date.fromisoformat(day), hours.store_day(self.now)
        first = max(today, effective - self.config.days_before * DAY)
        books = {name[8:]: self.state[name] for name in self.state if name.startswith("traffic:")}
        late = opens <= self.now
        for ahead in range(2 if late else max(0, (effective - first).days)):
            on = (today if late else first) + ahead * DAY
            spans += quiet_hours.of_day(books, self.store.id, hours, on, self.config.quiet_pct, FIRST_HOURS)
        busy = [task["busy"] for _, task in self._tasks() if task["busy"]]
        return quiet_hours.place(spans, minutes, [(parse_time(a), parse_time(b)) for a, b in busy], self.now) or (None, opens)

    def _opens(self, day):
        hours, first = self.store.hours, date.fromisoformat(day)
        opening = hours.day(first)
        return opening[0] if opening else hours.next_open(hours.midnight(first)) or hours.midnight(first)

    def _who(self, fixture, start, end):
        """Who of the bay's section is available then, of several who has fewest open tasks."""
        section, local = (self.tables.fixtures.get(fixture) or {}).get("section"), self.store.hours.local
        people = self.workers.optimise.eligibility.of_section(self.tables.staff.rows(), section, local(start), local(end))
        load = Counter(task["staff"] for _, task in self._tasks() if task["staff"])
        return self.workers.insight.rectification.least_loaded(people, load)

    def _zone(self, fixture):
        rows = self.tables.planogram.rows(fixture=fixture)
        return (self.tables.fixtures.get(fixture) or {}).get("zone") or next((row["zone"] for row in rows if row.get("zone")), None)

    def _walk(self, fixture):
        row = self.tables.fixtures.get(fixture) or {}
        return self._zone(fixture) or "", row.get("y") or 0, row.get("x") or 0, fixture

    def _written(self, key):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(key) or {}).get("gtin", key)
