"""Intraday dispatch: each waiting task goes to who can do it soonest with least loss elsewhere, and to another if nobody answers.

People are those clocked in and not on a break. A task that names a skill goes to those who have it (valid, above level 0), whatever their
role; one that names a role alone goes to that role, to those with all skills that the role needs, and to people of whom no roles are known.
An assignment is exact (`workers/optimise/dealing.py`); a way that no neighbours join counts as no walk. Priorities below 3 are dealt as 3.
A zone that `vision.zone` shows without staff is nobody's last zone any longer, one with staff keeps the last zones there fresh.
Interrupted work of the pool waits again once the interruption is accepted; work that others assigned stays with its person.

`walking_saved` is the walk of the average person who could have been sent, less that of the one who was. Of a person only the last zone
is kept, and nothing after clocking out; a task that was left open then waits again.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp

WALK_M_MIN = 1.2 * 60
ZONE_KEPT = timedelta(minutes=30)
ENDED = ("done", "failed", "cancelled")
Minutes = Annotated[int, Field(ge=1, le=240)]


class IntradayDispatch(Solution):
    number = 69
    zh, en = "实时任务智能派工", "Intraday task dispatch"
    purpose_zh = "高峰时段把每个待办任务派给最快且影响最小的员工，无人应答时改派，并在排队形成前抽调人手到收银台。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("message.send", "alert.raise", "score.report")
    adapters = ("messaging",)
    reads = ("staff", "skills", "zones")
    load = "optimise"
    kpis = {
        "median_time_to_start": kpi("s", "Median time to start", "任务开始时长中位数"),
        "accepted_first_offer": kpi("%", "Accepted at the first offer", "首次派单接受率"),
        "undone_priority_1": kpi("count", "Urgent tasks undealt", "未派出的紧急任务"),
        "walking_saved": kpi("min", "Walking saved", "节省步行时间"),
    }
    kinds = {"undealt_task": ("Urgent task undealt", "紧急任务未派出")}

    class Config(SolutionConfig):
        cycle: int = setting(60, "Dealing cycle", "派工周期", unit="s", ge=10, le=600,
            help_en="Tasks are dealt this often.", help_zh="每隔此时间派工一次。")  # fmt: skip
        leave_cost: Annotated[list[Minutes], Field(min_length=3, max_length=3)] = setting(lambda: [30, 15, 5],
            "Cost of leaving a task undone", "任务未派成本", unit="min", help_en="Of priority 1, 2 and 3, for a cycle.",
            help_zh="优先级 1、2、3 在一个周期内未派的成本。")  # fmt: skip
        ageing: float = setting(1.0, "Ageing", "等待加成", unit="min", ge=0, le=10,
            help_en="Added to that cost for each cycle already waited.", help_zh="每多等待一个周期增加的成本。")  # fmt: skip
        accept_timeout: int = setting(120, "Time to accept", "接单时限", unit="s", ge=20, le=900,
            help_en="Then the task is dealt again.", help_zh="超过后任务重新派发。")  # fmt: skip
        cooldown: int = setting(300, "Pause after a lapse", "未应答冷却", unit="s", ge=0, le=3600,
            help_en="A person who let a task lapse gets none for this long.", help_zh="未应答的员工在此时间内不再派单。")  # fmt: skip
        preempt: bool = setting(True, "Interrupt for priority 1", "允许紧急任务打断",
            help_en="Priority 1 may interrupt priority 3 work.", help_zh="优先级 1 可打断优先级 3 的工作。")  # fmt: skip
        switch_cost: float = setting(4, "Cost of an interruption", "打断成本", unit="min", ge=0, le=60,
            help_en="Added to the walk of somebody who is interrupted.", help_zh="计入被打断员工的步行成本。")  # fmt: skip
        escalate_after: int = setting(180, "Tell the duty manager", "上报值班经理", unit="s", ge=30, le=3600,
            help_en="An undealt priority 1 task is told after this time.", help_zh="优先级 1 任务超过此时间未派出则上报。")  # fmt: skip

    # Tasks

    @on("task.create")
    def created(self, event):
        """Without an assignee it waits for a deal; a later issue of a task brings its fields up to date."""
        key = f"task:{event['task']}"
        fresh = {"created": stamp(event.time), "state": "new", "waited": 0, "offers": 0, "who": None, "told": False}
        task = self.state.setdefault(key, fresh)
        task |= {name: event.get(name) for name in ("kind", "title", "priority", "zone", "skill", "role", "not_before", "due")}
        task["pool"] = not event.get("staff")
        if not task["pool"]:
            self._leave_pool(event["task"], task)
        elif task["state"] == "waiting":
            self._wait(event["task"], parse_time(task["since"]))
        elif task["state"] in ("new", "assigned"):
            self._wait(event["task"], max(event.time, parse_time(task["not_before"] or task["created"])))

    def _leave_pool(self, name, task):
        self.timers.cancel("lapse", name)
        self.timers.cancel("escalate", name)
        if task["state"] == "offered":
            self._free(task["who"], name)
        if task["state"] != "working":
            task["state"] = "assigned"

    def _wait(self, name, since):
        task = self.state[f"task:{name}"]
        task |= {"state": "waiting", "who": None, "since": plain(since)}
        if task["priority"] == 1 and not task["told"]:
            self.timers.set("escalate", name, since + timedelta(seconds=self.config.escalate_after))

    @on("task.done")
    def answered(self, event):
        task = self.state.get(f"task:{event['task']}")
        if task is None:
            return
        if event["state"] == "accepted":
            yield from self._accepted(event, task)
        elif event["state"] == "declined" and task["state"] == "offered" and task["who"] == event["staff"]:
            self._lapsed(event["task"], event.time)
        elif event["state"] in ENDED:
            yield from self._ended(event, task)

    def _accepted(self, event, task):
        """Of who was asked, or who takes up a task that waits; it begins then."""
        name, who = event["task"], event["staff"]
        if task["state"] == "working" or (task["state"] == "offered" and task["who"] != who):
            return
        if task["state"] == "offered":
            self._answered_first(task, 1)
        yield from self._begin(name, task, who, parse_time(event.get("started") or plain(event.time)))

    def _begin(self, name, task, who, at):
        self.timers.cancel("lapse", name)
        self.timers.cancel("escalate", name)
        yield from self._clear(name, task)
        person = self.state.get(f"person:{who}")
        if person is not None:
            other = person["task"]
            if other and other != name:
                self._interrupt(other, at)
            if person["offer"] != name:
                self._left(person["offer"], at)
            person |= {"task": name, "offer": None}
            self._place(person, task["zone"], at)
        task |= {"state": "working", "who": who}
        if task["pool"] and not task.get("begun"):
            task["begun"] = True
            self.kpi.sample("median_time_to_start", (at - parse_time(task["created"])).total_seconds(), "median")

    def _interrupt(self, name, at):
        task = self.state.get(f"task:{name}")
        if task is not None and task["state"] == "working":
            task["state"] = "assigned"
            if task["pool"]:
                self._wait(name, at)

    def _ended(self, event, task):
        name, who = event["task"], event["staff"]
        if task["pool"] and not task.get("begun") and event["state"] == "done":
            start = parse_time(event.get("started") or plain(event.time))
            self.kpi.sample("median_time_to_start", (start - parse_time(task["created"])).total_seconds(), "median")
        for alarm in ("lapse", "escalate"):
            self.timers.cancel(alarm, name)
        yield from self._clear(name, task)
        self._free(task["who"], name)
        if event["state"] == "done" and (person := self.state.get(f"person:{who}")) is not None:
            self._place(person, task["zone"], event.time)
        self._count("ended")
        del self.state[f"task:{name}"]

    def _free(self, who, name):
        person = self.state.get(f"person:{who}")
        if person is not None:
            person |= {slot: None for slot in ("task", "offer") if person[slot] == name}

    def _answered_first(self, task, part):
        if task["offers"] == 1:
            self.kpi.share("accepted_first_offer", part, 1)
        self._count("accepted" if part else "lapsed")

    @timer("lapse")
    def unanswered(self, due):
        self._lapsed(due.key, due.time)

    def _lapsed(self, name, at):
        """Declined, or not answered in time: the task waits again and the person pauses."""
        task = self.state[f"task:{name}"]
        self.timers.cancel("lapse", name)
        self._answered_first(task, 0)
        if (person := self.state.get(f"person:{task['who']}")) is not None:
            person |= {"lapsed": plain(at), "offer": None}
        self._wait(name, at)

    @timer("escalate")
    def undealt(self, due):
        task = self.state[f"task:{due.key}"]
        task["told"] = True
        self.kpi.add("undone_priority_1")
        yield self._alert(due.key, task, "open", self.say(f"Nobody to do: {task['title']}", f"无人可派：{task['title']}"))

    def _clear(self, name, task):
        if task["told"]:
            task["told"] = False
            yield self._alert(name, task, "cleared", self.say(f"Dealt: {task['title']}", f"已派出：{task['title']}"))

    def _alert(self, name, task, state, text):
        return out("alert.raise", alert=f"undealt-{name}", kind="undealt_task", severity="high", state=state, subject=name,
                   zone=task["zone"], text=text, limit=self.config.escalate_after, unit="s")  # fmt: skip

    # People

    @on("staff.clock")
    def clocked(self, event):
        key = f"person:{event['staff']}"
        if event["kind"] == "out":
            person = self.state.pop(key, None)
            for name in (person["task"], person["offer"]) if person else ():
                self._left(name, event.time)
            return
        fresh = {"here": True, "zone": None, "seen": None, "task": None, "offer": None, "lapsed": None}
        person = self.state.setdefault(key, fresh)
        person["here"] = event["kind"] != "break_start"
        self._place(person, event.get("zone"), event.time)

    def _left(self, name, at):
        """What somebody had or was offered, who goes home or takes up something else, waits for another."""
        task = self.state.get(f"task:{name}") if name else None
        if task is not None and task["pool"]:
            self.timers.cancel("lapse", name)
            self._wait(name, at)

    @on("vision.zone?")
    def seen(self, event):
        count = event.get("staff")
        for key in [key for key in self.state if key.startswith("person:")] if count is not None else ():
            person, at = self.state[key], parse_time(event["to"])
            if person["zone"] == event["zone"] and parse_time(person["seen"]) <= at:
                person |= {"seen": plain(at)} if count else {"zone": None, "seen": None}

    def _place(self, person, zone, at):
        if zone and (person["seen"] is None or parse_time(person["seen"]) <= at):
            person |= {"zone": zone, "seen": plain(at)}

    def _zone_of(self, person):
        """Where somebody is: at the work in hand, else in the last zone of 30 minutes, else at the entrance."""
        work = self.state.get(f"task:{person['task']}") if person["task"] else None
        if work and work["zone"]:
            return work["zone"]
        if person["zone"] and self.now - parse_time(person["seen"]) <= ZONE_KEPT:
            return person["zone"]
        return min((row["zone"] for row in self.tables.zones.rows(kind="entrance")), default=None)

    def _is_able(self, who, task):
        skills = {row["skill"] for row in self.tables.skills.rows(staff=who) if row.get("level", 1) > 0 and self._is_valid(row)}
        if task["skill"]:
            return task["skill"] in skills
        roles = (self.tables.staff.get(who) or {}).get("roles")
        if not task["role"] or not roles or task["role"] in roles:
            return True
        needed = {row["skill"] for row in self.tables.skills.rows(role=task["role"])}
        return bool(needed) and needed <= skills

    def _is_valid(self, row):
        day = self.store.hours.store_day(self.now).isoformat()
        return (row.get("valid_from") or day)[:10] <= day <= (row.get("valid_to") or day)[:10]

    # Dealing

    @every("config.cycle|s")
    def deal(self, due):
        tasks = {key.removeprefix("task:"): self.state[key] for key in self.state if key.startswith("task:")}
        waiting = {name: task for name, task in tasks.items() if task["state"] == "waiting" and parse_time(task["since"]) <= due.time}
        if not waiting:
            return
        order = sorted(waiting, key=lambda name: (waiting[name]["created"], name))
        people = sorted(key.removeprefix("person:") for key in self.state if key.startswith("person:"))
        walks, costs = self._pairs(waiting, people)
        undone = {name: self._leave_cost(task) + self.config.ageing * task["waited"] for name, task in waiting.items()}
        dealt = self.workers.optimise.dealing.deal(order, people, costs, undone)
        for name in order:
            if name in dealt:
                yield self._offer(name, dealt[name], [walk for (task, _), walk in walks.items() if task == name], walks[name, dealt[name]])
            else:
                waiting[name]["waited"] += 1

    def _leave_cost(self, task):
        return self.config.leave_cost[min(task["priority"], 3) - 1]

    def _pairs(self, waiting, people):
        """Walking minutes and costs of the pairs (task, person) that may be."""
        rows, walks, costs, reached = self.tables.zones.rows(), {}, {}, {}
        for who in people:
            person = self.state[f"person:{who}"]
            lapsed = person["lapsed"]
            if not person["here"] or person["offer"]:
                continue
            if lapsed and self.now < parse_time(lapsed) + timedelta(seconds=self.config.cooldown):
                continue
            work = self.state.get(f"task:{person['task']}") if person["task"] else None
            here = self._zone_of(person)
            if here not in reached:
                reached[here] = self.workers.optimise.walks.distances(rows, here) if here else {}
            for name, task in waiting.items():
                interrupts = work is not None
                if interrupts and not (self.config.preempt and task["priority"] == 1 and work["priority"] >= 3):
                    continue
                if self._is_able(who, task):
                    walks[name, who] = reached[here].get(task["zone"], 0) / WALK_M_MIN
                    costs[name, who] = walks[name, who] + (self.config.switch_cost if interrupts else 0)
        return walks, costs

    def _offer(self, name, who, walks, walk):
        task = self.state[f"task:{name}"]
        task |= {"state": "offered", "who": who, "offers": task["offers"] + 1}
        self.state[f"person:{who}"]["offer"] = name
        self.timers.cancel("escalate", name)
        expires = self.now + timedelta(seconds=self.config.accept_timeout)
        self.timers.set("lapse", name, expires)
        self.kpi.add("walking_saved", sum(walks) / len(walks) - walk)
        self._count("offers")
        row = self.tables.zones.get(task["zone"]) if task["zone"] else None
        place = (row or {}).get("name") or task["zone"]
        text = f"{task['title']}（{place}）" if place and self.store.language.startswith("zh") else f"{task['title']} ({place})"
        params = {"task": name, "zone": task["zone"], "priority": task["priority"], "walk_min": round(walk, 2), "due": task["due"]}
        return out("message.send", message=f"dispatch-{name}-{task['offers']}", channel="work_chat", to=who, purpose="staff",
                   text=text if place else task["title"], expires=expires,
                   params={key: value for key, value in params.items() if value is not None})  # fmt: skip

    def _count(self, what):
        day = self.state.setdefault("day", {})
        day[what] = day.get(what, 0) + 1

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", {})
        if day:
            start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
            parts = [{"name": name, "value": day.get(name, 0)} for name in ("offers", "accepted", "lapsed", "ended")]
            answers = day.get("accepted", 0) + day.get("lapsed", 0)
            yield out("score.report", {"from": start, "to": due.time}, scheme="dispatch", subject_kind="store", subject=self.store.id,
                      score=100 * day.get("accepted", 0) / answers if answers else None, parts=parts)  # fmt: skip
