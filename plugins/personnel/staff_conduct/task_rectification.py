"""Task and rectification loop: every finding becomes a task with an owner, a due time, photo proof and an independent check.

Findings are open `alert.raise` and `vision.incident` events; those with the same kind and zone (or asset) belong to one case until it is
verified. The role is that of the checklist of the finding's kind, or of an item of that name, else of a checklist for the zone's kind;
without any, whoever is on duty. Cleared alerts say nothing of the repair and change nothing.

A photo's perceptual hash is read as 16 hex digits from the photo's name or from a value named after it (`values.hash`); photos without one
are told apart by their names. What no camera made is checked by a second person: a task `verify_fix` to somebody else than the doer, or
`approved` and `rejected` on the task itself. A case closes when it is verified; on time is judged by the last accepted report. Checklists
whose items have `slots` are issued at these, the others at the config's.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight import rectification
from storeloom.workers.optimise import store_times

PHOTO_MEMORY = timedelta(days=30)
PRIORITIES = {"critical": 1, "major": 2, "minor": 3}
UNFIXED = ("open", "reopened", "overdue")
Slot = Annotated[str, Field(pattern=store_times.TIME)]


class TaskRectification(Solution):
    number = 63
    zh, en = "任务派发与整改闭环", "Task and rectification loop"
    purpose_zh = "把每个发现的问题和例行检查变成有负责人、有时限、有照片、有独立复核的任务，确保发现即整改。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("task.create", "message.send", "score.report")
    adapters = ("messaging",)
    reads = ("checklists", "staff", "zones")
    kpis = {
        "on_time_rate": kpi("%", "Fixed on time", "按时整改率"),
        "first_time_fix": kpi("%", "Fixed at the first time", "一次整改合格率"),
        "reopened": kpi("count", "Cases reopened", "退回次数"),
        "median_close_time": kpi("min", "Median time to close", "闭环时长中位数"),
    }
    kinds = {
        "rectify": ("Put right", "整改"),
        "verify_fix": ("Check the repair", "复核整改"),
        "checklist": ("Routine checklist", "例行检查"),
    }

    class Config(SolutionConfig):
        due_critical: int = setting(30, "Time to fix a critical finding", "严重问题时限", unit="min", ge=5, le=1440,
            help_en="The clock never stops.", help_zh="全天计时。")  # fmt: skip
        due_major: int = setting(240, "Time to fix a major finding", "较重问题时限", unit="min", ge=30, le=10080,
            help_en="In opening hours.", help_zh="按营业时间计。")  # fmt: skip
        due_minor: int = setting(1440, "Time to fix a minor finding", "一般问题时限", unit="min", ge=60, le=43200,
            help_en="In opening hours.", help_zh="按营业时间计。")  # fmt: skip
        photo_required: bool = setting(True, "Photo required", "须附照片", help_en="A task counts as done only with a photo.",
            help_zh="附照片才算完成。")  # fmt: skip
        photo_distance: int = setting(5, "Likeness of a re-used photo", "重复照片距离", unit="bits", ge=0, le=16,
            help_en="A 64-bit perceptual hash this near an accepted photo of the last 30 days is refused.",
            help_zh="与近 30 天已采纳照片的 64 位感知哈希距离不超过此值视为重复。")  # fmt: skip
        verify_window: int = setting(30, "Time a finding must stay away", "验证时长", unit="min", ge=0, le=1440,
            help_en="Where a camera made it.", help_zh="摄像头发现的问题须在此时间内不再出现。")  # fmt: skip
        max_reopen: int = setting(2, "Re-openings before the area manager is told", "上报区域经理前退回次数", ge=0, le=10,
            help_en="More are told to the area manager.", help_zh="超过则通知区域经理。")  # fmt: skip
        checklist_slots: list[Slot] = setting(lambda: ["open+0", "14:00", "close-30"], "Times of routine checklists", "例行检查时间",
            help_en="Store time, or minutes from opening or closing.", help_zh="门店时间，或相对开店、闭店的分钟数。")  # fmt: skip

    # Findings

    @on("alert.raise")
    def alerted(self, event):
        if event["state"] == "open":
            place = event.get("zone") or event.get("asset") or event.get("subject") or ""
            yield from self._found(event, event["alert"], place, {"zone": event.get("zone"), "asset": event.get("asset")}, event["text"])

    @on("vision.incident?")
    def incident(self, event):
        if event["state"] != "closed":
            text = f"{event['kind']} {event.get('item') or ''}".strip()
            yield from self._found(
                event, event["incident"], event.get("zone") or event.get("camera") or "", {"zone": event.get("zone")}, text
            )

    def _found(self, event, found, place, where, text):
        """A new case, a repeat of one at hand, or a repair that did not hold."""
        key = f"case:{event['kind']}|{place}"
        case, repeat = self.state.get(key), f"ref:{found}" in self.state
        names = [found] if repeat else [found, event.id]
        for name in names:
            self.state[f"ref:{name}"] = key
        if case is None:
            grade = rectification.GRADES.get(event.get("severity"), "minor")
            number = self.state["number"] = self.state.get("number", 0) + 1
            case = self.state[key] = {
                "id": f"rectify-{number}", "kind": event["kind"], "text": text, "grade": grade, "where": where, "ref": event.ref,
                "opened": plain(event.time), "camera": event.stream == "vision.incident", "reopened": 0, "refs": names, "doer": None,
                "tasks": [], "who": None, "state": "open"}  # fmt: skip
            yield from self._assign(key, case, "open", event.time, 1)
            return
        case["refs"] += [name for name in names if name not in case["refs"]]
        if case["state"] == "done" and event.time >= parse_time(case["done"]) and not (repeat and event.get("state") == "update"):
            yield from self._reopen(key, case, event.time)

    def _assign(self, key, case, state, at, share):
        """Give a case to somebody with its time to fix, or half of it."""
        minutes = getattr(self.config, f"due_{case['grade']}") * share
        hours = self.store.hours
        due = at + timedelta(minutes=minutes) if case["grade"] == "critical" else rectification.open_time_after(hours, at, minutes)
        task = f"{case['id']}-{case['reopened']}" if case["reopened"] else case["id"]
        role, who = self._owner(self._role(case))
        case |= {"state": state, "due": plain(due), "who": who, "task": task, "tasks": [*case["tasks"], task]}
        self.state[f"task:{task}"] = key
        self.timers.set("due", key, due)
        yield out("task.create", {key: value for key, value in case["where"].items() if value}, task=task, kind="rectify",
                  title=self.say(f"Put right: {case['text']}", f"整改：{case['text']}"), priority=PRIORITIES[case["grade"]], staff=who,
                  role=role, due=due, evidence="photo" if self.config.photo_required else "none", ref=case["ref"],
                  values={"finding": case["kind"], "grade": case["grade"], "reopened": case["reopened"]})  # fmt: skip

    def _role(self, case):
        rows = self.tables.checklists.rows()
        zone = self.tables.zones.get(case["where"].get("zone") or "") or {}
        for wanted in ((lambda row: row["checklist"]), (lambda row: row["item"])):
            named = [row["role"] for row in rows if wanted(row) == case["kind"] and row.get("role")]
            if named:
                return named[0]
        kinds = [row["role"] for row in rows if row.get("zone_kind") and row["zone_kind"] == zone.get("kind") and row.get("role")]
        return kinds[0] if kinds else None

    def _owner(self, role, but=None):
        """(role, staff): somebody on duty with the role, least open tasks first; else the store manager."""
        present = [who for who in self.state.get("present", {}) if who != but]
        if role is not None:
            present = [who for who in present if role in ((self.tables.staff.get(who) or {}).get("roles") or ())]
        who = rectification.least_loaded(present, self._load())
        return (role, who) if who else ("manager", self._manager("manager", "store_manager", but=but))

    def _manager(self, *roles, but=None):
        people = [row["staff"] for row in self.tables.staff.rows() if set(roles) & set(row.get("roles") or ()) and row["staff"] != but]
        return min(people, default=None)

    def _load(self):
        load = {}
        for key in self.state:
            row = self.state[key] if key.startswith(("case:", "round:")) else None
            if row is not None and row["who"] and row["state"] in UNFIXED:
                load[row["who"]] = load.get(row["who"], 0) + 1
        return load

    @timer("due")
    def overdue(self, due):
        case = self.state[due.key]
        if case["state"] in UNFIXED:
            case["state"] = "overdue"
            yield self._tell(case, case["who"] or "manager", "overdue", f"Overdue: {case['text']}", f"已逾期：{case['text']}")

    def _tell(self, case, to, template, en, zh):
        number = case["told"] = case.get("told", 0) + 1
        return out("message.send", message=f"{case['id']}-{template}-{number}", channel="work_chat", to=to, purpose="staff",
                   template=template, text=self.say(en, zh), params={"task": case["task"], "finding": case["kind"]})  # fmt: skip

    # Repairs and checks

    @on("task.done")
    def answered(self, event):
        round_key = f"round:{event['task']}"
        if round_key in self.state and event["state"] in ("done", "failed", "cancelled"):
            del self.state[round_key]
            return
        key = self.state.get(f"task:{event['task']}") or self.state.get(f"ref:{(event.get('ref') or {}).get('id')}")
        case = self.state.get(key) if key else None
        if case is None:
            return
        if event["task"] == case.get("check") or event["state"] in ("approved", "rejected"):
            yield from self._checked(key, case, event)
        elif event["state"] == "done":
            yield from self._reported(key, case, event)

    def _reported(self, key, case, event):
        """A report of done counts with a photo that was not used before."""
        photos, values = event.get("photos") or [], event.get("values") or {}
        marks = rectification.marks_of(photos, values)
        accepted = [row for row in self.state.get("photos", []) if self.now - parse_time(row[0]) <= PHOTO_MEMORY]
        if self.config.photo_required and not marks:
            yield self._tell(case, event["staff"], "photo_missing", "Not accepted: send a photo.", "未通过：请附照片。")
            return
        if rectification.is_reused(marks, [row[1] for row in accepted], self.config.photo_distance):
            yield self._tell(case, event["staff"], "photo_reused", "Not accepted: this photo was used before.", "未通过：照片重复使用。")
            return
        self.state["photos"] = accepted + [[plain(event.time), one] for one in marks]
        case |= {"state": "done", "done": plain(event.time), "doer": event["staff"]}
        self.timers.cancel("due", key)
        if case["camera"]:
            self.timers.set("stays_away", key, event.time + timedelta(minutes=self.config.verify_window))
        else:
            yield from self._ask_check(key, case)

    def _ask_check(self, key, case):
        check = f"{case['task']}-check"
        role, who = self._owner(None, but=case["doer"])
        case["check"] = check
        case["tasks"] = [*dict.fromkeys([*case["tasks"], check])]
        self.state[f"task:{check}"] = key
        yield out("task.create", {name: value for name, value in case["where"].items() if value}, task=check, kind="verify_fix",
                  title=self.say(f"Check the repair: {case['text']}", f"复核整改：{case['text']}"), priority=PRIORITIES[case["grade"]],
                  staff=who, role=role, ref=case["ref"], values={"finding": case["kind"], "doer": case["doer"]})  # fmt: skip

    def _checked(self, key, case, event):
        """Somebody else than the doer says whether it is fixed."""
        if case["state"] != "done" or event["staff"] == case["doer"]:
            return
        if event["state"] in ("rejected", "failed") or (event.get("values") or {}).get("ok") is False:
            yield from self._reopen(key, case, event.time)
        elif event["state"] in ("approved", "done"):
            self._verified(key, case, event.time)

    @timer("stays_away")
    def stayed_away(self, due):
        self._verified(due.key, self.state[due.key], due.time)

    def _reopen(self, key, case, at):
        self.timers.cancel("stays_away", key)
        case["reopened"] += 1
        case["check"] = None
        self.kpi.add("reopened")
        self._count("reopened")
        if case["reopened"] == 1:
            self.kpi.share("first_time_fix", 0, 1)
        yield from self._assign(key, case, "reopened", at, 0.5)
        if case["reopened"] > self.config.max_reopen:
            to = self._manager("area_manager") or "area_manager"
            en = f"Re-opened {case['reopened']} times: {case['text']}"
            yield self._tell(case, to, "area_manager", en, f"已退回 {case['reopened']} 次：{case['text']}")

    def _verified(self, key, case, at):
        on_time = parse_time(case["done"]) <= parse_time(case["due"])
        self.kpi.share("on_time_rate", on_time, 1)
        if not case["reopened"]:
            self.kpi.share("first_time_fix", 1, 1)
        self.kpi.sample("median_close_time", (at - parse_time(case["opened"])).total_seconds() / 60, "median")
        self._count("verified")
        self._count("on_time" if on_time else "late")
        for name in [f"ref:{one}" for one in case["refs"]] + [f"task:{one}" for one in case["tasks"]]:
            self.state.pop(name, None)
        self.timers.cancel("due", key)
        del self.state[key]

    @on("staff.clock?")
    def clocked(self, event):
        present = self.state.setdefault("present", {})
        if event["kind"] in ("in", "break_end"):
            present[event["staff"]] = True
        else:
            present.pop(event["staff"], None)

    # Routine checklists and the day

    def start(self):
        self._plan(self.now)

    @every("1d", at="00:00")
    def new_day(self, due):
        for key in [key for key in self.state if key.startswith("round:")]:
            if parse_time(self.state[key]["at"]) < due.time - timedelta(days=1):
                del self.state[key]
        self._plan(due.time)

    @on_table("checklists")
    def checklists_changed(self, table):
        self._plan(self.now)

    def _plan(self, after):
        """Set the alarms of the day's routine checklists that are still to come; none on a closed day."""
        day, hours = self.store.hours.store_day(after), self.store.hours
        for key in self.state.get("planned", []):
            self.timers.cancel("issue", key)
        planned = []
        names = dict.fromkeys(row["checklist"] for row in self.tables.checklists.rows())
        for name in names if hours.day(day) else ():
            own = [slot for row in self.tables.checklists.rows(checklist=name) for slot in row.get("slots") or ()]
            for slot in dict.fromkeys(own or self.config.checklist_slots):
                at = store_times.moment(hours, day, slot)
                if at is not None and at >= after:
                    planned.append(f"{name}|{slot}")
                    self.timers.set("issue", planned[-1], at)
        self.state["planned"] = planned

    @timer("issue")
    def issue(self, due):
        name, rows = due.key.rpartition("|")[0], self.tables.checklists.rows(checklist=due.key.rpartition("|")[0])
        if not rows:
            return
        role, who = self._owner(next((row["role"] for row in rows if row.get("role")), None))
        task = f"checklist-{name}-{plain(due.time)}"
        self.state[f"round:{task}"] = {"who": who, "state": "open", "at": plain(due.time)}
        minutes = sum(row.get("minutes", 0) for row in rows)
        photo = any(row.get("answer") == "photo" for row in rows)
        yield out("task.create", task=task, kind="checklist", title=self.say(f"Checklist {name}", f"检查表 {name}"), priority=3, staff=who,
                  role=role, checklist=name, minutes=minutes or None, evidence="photo" if photo else "none",
                  items=[{"note": row.get("text") or row["item"]} for row in rows])  # fmt: skip

    def _count(self, what):
        day = self.state.setdefault("day", {})
        day[what] = day.get(what, 0) + 1

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", {})
        cases = [self.state[key] for key in sorted(self.state) if key.startswith("case:")]
        if day or cases:
            start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
            counts = [(name, day.get(name, 0)) for name in ("verified", "on_time", "late")]
            counts += [(state, sum(case["state"] == state for case in cases)) for state in ("open", "done", "overdue")]
            counts.append(("reopened", day.get("reopened", 0)))
            yield out("score.report", {"from": start, "to": due.time}, scheme="rectification", subject_kind="store", subject=self.store.id,
                      score=100 * day.get("on_time", 0) / day["verified"] if day.get("verified") else None,
                      parts=[{"name": name, "value": value, "unit": "count"} for name, value in counts])  # fmt: skip
