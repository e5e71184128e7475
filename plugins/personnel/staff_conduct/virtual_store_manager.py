"""Virtual store manager: one list of cases of all cameras with a ladder of who is told next, and one sheet a day at closing.

Incidents count as kinds by the table KINDS, all others as conduct. One joins the open case of its kind and zone within `merge_window` of
that case's last incident; an update belongs to its incident's case, and an incident that is re-opened after its case was closed begins a
new one. A case is closed by `task.done` (done or approved) of one of its incidents, named in `ref.id` by itself or by its event, or by the
task `<incident>-task`, or when the cameras have ended all its incidents (one told only when it was over is on time). It belongs to the
sheet of the day on which it was decided: closed before the second step of the ladder, or still open then; a closing in time that is heard
of later mends the sheet until that is out. A message that waits for the end of the quiet hours is not sent if its case is closed by then;
a case that becomes critical waits no longer. Whoever holds the role (shift_leader, store_manager or manager, area_manager) is told, the
first by id, else the role; further steps go to the last.

Figures of visitors are of opening hours, from tracks of people who never count as staff (`attrs.age` or `age_band`, `attrs.group` or
`group_size`) and from counting lines; a capture rate needs lines that tell passers-by. Privacy: attributes are counted, never kept with a
track beyond its end; groups under `k_anonymity` are not shown.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp
from storeloom.workers.insight.reach import QUIET_HOURS, may_send_at

Kind = Literal["uniform", "absence", "hygiene", "conduct", "table", "pest"]
KINDS = {"uniform": "uniform", "absence": "absence", "asleep_or_unwell": "absence", "spill": "hygiene", "stain": "hygiene",
    "bin": "hygiene", "late_clear": "table", "rodent": "pest"}  # fmt: skip
ZH = {"uniform": "着装", "absence": "离岗", "hygiene": "卫生", "conduct": "操作规范", "table": "餐桌", "pest": "虫鼠害"}
LADDER = (("shift_leader",), ("store_manager", "manager"), ("area_manager",))
KEPT, KEPT_OPEN = timedelta(days=2), timedelta(days=7)
Points = Annotated[float, Field(ge=0, le=100)]


class VirtualStoreManager(Solution):
    number = 62
    zh, en = "虚拟店长", "Virtual store manager"
    purpose_zh = "汇总全部摄像头的发现为一份问题清单并逐级上报，每日出一张表：规范得分、客流、客群与参与度。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("message.send", "score.report", "insight.report")
    adapters = ("messaging",)
    reads = ("staff", "zones")
    kpis = {
        "conduct_score": kpi("points", "Conduct score", "规范得分"),
        "capture_rate": kpi("%", "Capture rate", "进店率"),
        "engagement_index": kpi("points", "Engagement index", "参与度指数"),
        "cases_on_time": kpi("%", "Cases closed on time", "问题按时关闭率"),
    }
    kinds = {"store_day": ("The store's day", "门店日报")}

    class Config(SolutionConfig):
        weights: dict[Kind, Points] = setting(
            lambda: {"uniform": 2, "absence": 3, "hygiene": 4, "conduct": 4, "table": 1, "pest": 10}, "Points by kind", "各类扣分",
            help_en="What an on-time case costs; a late one costs twice that, a kind left out nothing.",
            help_zh="按时关闭的问题扣分；超时加倍，未列出的类型不扣分。")  # fmt: skip
        kind_cap: float = setting(20, "Most points of one kind", "单类扣分上限", ge=1, le=100,
            help_en="In a day.", help_zh="每日。")  # fmt: skip
        merge_window: int = setting(900, "Window of one case", "问题合并窗口", unit="s", ge=0, le=7200,
            help_en="Same kind and zone inside it is one case.", help_zh="同类同区域在此时间内算一个问题。")  # fmt: skip
        ladder: Annotated[list[Annotated[int, Field(ge=0, le=1440)]], Field(min_length=1)] = setting(lambda: [0, 15, 60],
            "Ladder", "上报阶梯", unit="min", help_en="Minutes open after which shift leader, store manager and area manager are told.",
            help_zh="问题未关闭达到这些分钟数时依次通知班长、店长、区域经理。")  # fmt: skip
        k_anonymity: int = setting(10, "Smallest group shown", "最小展示人数", ge=5, le=100,
            help_en="Smaller visitor groups are merged.", help_zh="更小的客群合并展示。")  # fmt: skip
        dwell_target: float = setting(12, "Visit that is fully engaged", "目标停留时长", unit="min", ge=1, le=120,
            help_en="Median visit length.", help_zh="停留时长中位数。")  # fmt: skip
        stop_dwell: int = setting(20, "Dwell that is a stop", "驻足判定时长", unit="s", ge=5, le=300,
            help_en="In one zone.", help_zh="在同一区域。")  # fmt: skip
        quiet_hours: str = setting("22:00-07:00", "Only critical cases are sent in", "免打扰时段", pattern=QUIET_HOURS,
            help_en="Store time; other messages wait until they end.", help_zh="门店时间；其余消息待结束后发送。")  # fmt: skip

    # Cases

    @on("vision.incident")
    def incident(self, event):
        name, over = event["incident"], event["state"] == "closed"
        key = self.state.get(f"incident:{name}")
        case = self.state.get(key or "")
        if case is not None and case["closed"] is not None:
            again = event["state"] == "open" or (event.get("reopened") and not over)
            if not again or event.time <= parse_time(case["closed"]):
                return
            case = None
        if case is None:
            key, case = self._case_of(KINDS.get(event["kind"], "conduct"), event.get("zone") or "", name, event.time)
        case["last"] = max(case["last"], stamp(event.time))
        case["what"] = sorted({*case["what"], event["kind"]})
        case["critical"] |= event.get("severity") == "critical"
        if name not in case["incidents"]:
            case["events"].append(event.id)
            self.state[f"incident:{event.id}"] = key
        case["incidents"][name] = over
        self.state[f"incident:{name}"] = key
        if all(case["incidents"].values()):
            self._close(key, case, event.time)
        yield from self._tell(key, case, self.now)

    def _case_of(self, kind, zone, name, at):
        """The open case of a kind and zone that an incident joins, else a new one."""
        latest, window = self.state.setdefault("latest", {}), timedelta(seconds=self.config.merge_window)
        key = latest.get(f"{kind}|{zone}")
        case = self.state.get(key or "")
        still = case is not None and case["closed"] is None
        if still and parse_time(case["opened"]) - window <= at <= parse_time(case["last"]) + window:
            return key, case
        key = f"case:{kind}|{zone}|{name}"
        if key in self.state:
            key += f"|{plain(at)}"
        if not still or stamp(at) > case["last"]:
            latest[f"{kind}|{zone}"] = key
        case = self.state[key] = {"kind": kind, "zone": zone, "opened": stamp(at), "last": stamp(at), "closed": None, "step": 0,
                                  "critical": False, "verdict": None, "what": [], "incidents": {}, "events": []}  # fmt: skip
        if len(self.config.ladder) > 1:
            self.timers.set("second_step", key, at + timedelta(minutes=self.config.ladder[1]))
        return key, case

    @on("task.done?")
    def done(self, event):
        if event["state"] not in ("done", "approved"):
            return
        for name in ((event.get("ref") or {}).get("id"), event["task"].rsplit("-task", 1)[0]):
            key = self.state.get(f"incident:{name}")
            case = self.state.get(key or "")
            if case is not None and case["closed"] is None:
                self._close(key, case, event.time)

    def _close(self, key, case, at):
        case["closed"] = plain(at)
        self.timers.cancel("step", key)
        self.timers.cancel("second_step", key)
        steps = self.config.ladder
        in_time = len(steps) < 2 or at < parse_time(case["opened"]) + timedelta(minutes=steps[1])
        self._decide(key, case, "on_time" if in_time else "late")

    @timer("second_step")
    def second_step(self, due):
        self._decide(due.key, self.state[due.key], "late")

    def _decide(self, key, case, verdict):
        """Whether a case was on time; the day's score follows."""
        day, before = self._day(), case["verdict"]
        if before == verdict or (before is not None and key not in day["late"]):
            return
        case["verdict"] = verdict
        counts = day["cases"].setdefault(case["kind"], [0, 0])
        if before is not None:
            counts[1] -= 1
        elif verdict == "late":
            day["late"].append(key)
        counts[verdict == "late"] += 1
        self.kpi.share("cases_on_time", int(verdict == "on_time"), int(before is None))
        self.kpi.set("conduct_score", self._score()[0])

    def _score(self):
        """The day's score, and what each kind costs."""
        conduct = self.workers.insight.conduct
        costs = conduct.costs(self._day()["cases"], self.config.weights, self.config.kind_cap)
        return conduct.score(costs), costs

    # The ladder

    @timer("step")
    def step(self, due):
        yield from self._tell(due.key, self.state[due.key], due.time)

    def _tell(self, key, case, at):
        """Send each step that is due, then wait for the next; in quiet hours only critical cases are told."""
        steps = self.config.ladder
        while case["closed"] is None and case["step"] < len(steps):
            due = parse_time(case["opened"]) + timedelta(minutes=steps[case["step"]])
            leaves = due if case["critical"] else may_send_at(self.store.hours, max(due, at), self.config.quiet_hours)
            if leaves > at:
                self.timers.set("step", key, leaves)
                return
            yield self._message(key, case)
            case["step"] += 1
        self.timers.cancel("step", key)

    def _message(self, key, case):
        step, kind = case["step"], case["kind"]
        roles = LADDER[min(step, len(LADDER) - 1)]
        today = self.store.hours.store_day(self.now).isoformat()
        people = [row["staff"] for row in self.tables.staff.rows()
                  if set(roles) & set(row.get("roles") or ()) and (not row.get("left") or str(row["left"])[:10] > today)]  # fmt: skip
        place = (self.tables.zones.get(case["zone"]) or {}).get("name") or case["zone"] or self.store.id
        minutes, what = self.config.ladder[step], ", ".join(case["what"])
        return out("message.send", message=f"{key.removeprefix('case:')}-{step + 1}", channel="work_chat", to=min(people, default=roles[0]),
                   purpose="staff", template="case", text=self.say(f"{place}: {kind} ({what}), open for {minutes} min",
                                                                   f"{place}：{ZH[kind]}问题（{what}），已持续 {minutes} 分钟"),
                   params={"kind": kind, "zone": case["zone"], "step": step + 1, "opened": case["opened"], "what": case["what"],
                           "incidents": sorted(case["incidents"])})  # fmt: skip

    # Visitors

    @on("vision.count")
    def counted(self, event):
        if event.get("class", "person") != "person" or not self.store.hours.is_open(parse_time(event["from"])):
            return
        flow = self._day()["flow"]
        flow["entries"] += event["in"]
        if event.get("passers") is not None:
            flow["passers"] = (flow["passers"] or 0) + event["passers"]
        self.kpi.set("capture_rate", self.workers.insight.conduct.capture_pct(flow["entries"], flow["passers"]))

    @on("vision.track?")
    def tracked(self, event):
        """Follow an anonymous visitor; what is left at the end is a length, stops and counts."""
        from storeloom.workers.vision.zones import zone_at

        engagement, key = self.workers.insight.engagement, f"track:{event['camera']}|{event['track']}"
        times = [(parse_time(at), (x, y)) for at, x, y in event["points"]]
        start = min((at for at, _ in times), default=event.time)
        if event.get("class", "person") != "person" or (key not in self.state and not self.store.hours.is_open(start)):
            return
        track = self.state.setdefault(key, {**engagement.begin(start.timestamp()), "staff": False, "age": None, "group": None})
        attrs = event.get("attrs") or {}
        size = attrs.get("group_size")
        group = attrs.get("group") or (None if size is None else "alone" if size <= 1 else "group")
        track["age"] = attrs.get("age") or attrs.get("age_band") or track["age"]
        track["group"] = group if isinstance(group, str) else track["group"] if group is None else "group"
        track["staff"] |= bool(event.get("staff"))
        rows = [] if attrs.get("plane") == "picture" else self.tables.zones.rows()
        sights = [(at.timestamp(), event.get("zone") or zone_at(rows, point)) for at, point in times]
        engagement.see(track, sights, self.config.stop_dwell)
        if event["state"] == "end":
            self._visited(key, track, event.time.timestamp())

    def _visited(self, key, track, end_s):
        del self.state[key]
        if track["staff"]:
            return
        length_s, stops = self.workers.insight.engagement.finish(track, end_s, self.config.stop_dwell)
        self.state.setdefault(f"visits:{int(length_s // 60)}", []).append(round(length_s))
        day = self._day()
        day["stoppers"] += stops >= 2
        for name in ("age", "group"):
            if track[name] is not None:
                day[name][track[name]] = day[name].get(track[name], 0) + 1

    @on("vision.zone?")
    def stayed(self, event):
        """Stays that ended, by zone."""
        if event.get("dwell_s") is None or not self.store.hours.is_open(parse_time(event["from"])):
            return
        zone = self.state.setdefault("stays", {}).setdefault(event["zone"], {"stays": 0, "stops": 0, "dwell_s": 0})
        zone["stays"] += 1
        zone["stops"] += event["dwell_s"] >= self.config.stop_dwell
        zone["dwell_s"] += event["dwell_s"]

    # The day's sheet

    @every("1d", at="close")
    def sheet(self, due):
        for key in [key for key in sorted(self.state) if key.startswith("track:")]:
            self._visited(key, self.state[key], self.state[key]["last_s"])
        day, (score, costs) = self._day(), self._score()
        self.state.pop("day")
        self.kpi.set("conduct_score", score)
        span = {"from": self.store.hours.midnight(self.store.hours.ended_day(due.time)), "to": due.time}
        figures, rows = self._visitors(day)
        figures |= {"conduct_score": (score, "points"), "cases": (sum(map(sum, day["cases"].values())), "count")}
        if day["cases"]:
            figures["cases_on_time"] = (self.workers.insight.conduct.on_time_pct(day["cases"]), "%")
        rows += [
            {"kind": kind, "on_time": day["cases"][kind][0], "late": day["cases"][kind][1], "cost": cost} for kind, cost in costs.items()
        ]
        yield out("score.report", span, scheme="conduct", subject_kind="store", subject=self.store.id, score=score,
                  parts=[{"name": kind, "value": cost, "unit": "points"} for kind, cost in costs.items()])  # fmt: skip
        yield out("insight.report", span, report=f"store_day-{self.store.id}-{self.store.hours.ended_day(due.time)}", kind="store_day",
                  version=1, rows=rows or None,
                  figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip
        self._forget(due.time)

    def _visitors(self, day):
        """Figures of flow and engagement, absent where there is nothing to tell, and rows of the visitor mix and of stays."""
        from statistics import median

        insight, flow, figures, rows = self.workers.insight, day["flow"], {}, []
        shards = [key for key in sorted(self.state) if key.startswith("visits:")]
        lengths = [length for key in shards for length in self.state.pop(key)]
        if flow["entries"]:
            figures["entries"] = (flow["entries"], "count")
        captured = insight.conduct.capture_pct(flow["entries"], flow["passers"])
        if captured is not None:
            figures |= {"passers": (flow["passers"], "count"), "capture_rate": (captured, "%")}
        if lengths:
            share = day["stoppers"] / len(lengths)
            engaged = insight.engagement.index(lengths, 60 * self.config.dwell_target, share)
            self.kpi.set("engagement_index", engaged)
            figures |= {"visitors": (len(lengths), "count"), "median_visit": (median(lengths) / 60, "min"),
                        "two_stops": (100 * share, "%"), "engagement_index": (engaged, "points")}  # fmt: skip
        for name in ("age", "group"):
            shown = insight.small_cells.merged(day[name], self.config.k_anonymity)
            rows += [{"mix": name, "group": group, "visitors": count} for group, count in shown.items()]
        for zone, stay in sorted(self.state.pop("stays", {}).items()):
            rows.append({"zone": zone, "stays": stay["stays"], "stops": stay["stops"], "mean_dwell_s": stay["dwell_s"] / stay["stays"]})
        return figures, rows

    def _forget(self, at):
        """Drop cases closed for two days, and those open for a week."""
        for key in [key for key in self.state if key.startswith("case:")]:
            case = self.state[key]
            if at - parse_time(case["last"]) > (KEPT_OPEN if case["closed"] is None else KEPT):
                for name in (*case["incidents"], *case["events"]):
                    if self.state.get(f"incident:{name}") == key:
                        del self.state[f"incident:{name}"]
                self.timers.cancel("step", key)
                del self.state[key]

    def _day(self):
        return self.state.setdefault(
            "day", {"cases": {}, "late": [], "flow": {"entries": 0, "passers": None}, "stoppers": 0, "age": {}, "group": {}}
        )
