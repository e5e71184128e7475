"""Touchpoint funnel and placement: shows for each screen, kiosk and code where people drop out, whether place, content or operation is to
blame, and whether moving it helped.

A touchpoint is an asset of such a kind (kiosk, screen, code...; of none it is a kiosk) or one that is used: the kiosk of a kiosk.event, by
asset or device; the `token`, `campaign` or `page` of a web.visit that names one. Everybody in its zone (`assets.zone`) passes it: a stay
that ended (`dwell_s`), those who left a window (`dwell_mean_s` says whether they stopped; `attrs.stopped` counts them), else who entered.
Windows of a camera that tells each stay of the zone are of the same people and count nothing. Stays of staff pass nothing.

A session's goal is an order, a joining, or a coupon redeemed within a week by the same member, on the same receipt or at the kiosk itself.
It counts on the day of the session. Waking the screen (`start`) is no touch; a login whose value or role says service takes the session
back. What happens while the touchpoint's device is offline does not count.

A week is Monday to Sunday's close, to midnight where Sunday has none. Under the limit of no stage, a dear touchpoint is moved all the same,
and judged by its stops. Once asked for, a move is not asked for again before the cost of a use has been within the limit.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

KINDS = ("kiosk", "screen", "display", "sign", "code", "qr", "terminal", "tablet", "touch")
NO_TOUCH = ("start", "timeout", "end")
GOALS = ("order", "confirm", "pay", "ticket", "join", "buy", "redeem")
SERVICE = ("service", "maintenance", "technician", "engineer", "staff", "admin")
PASSED, STOPPED, USED, FINISHED = range(4)
STAGES = ("passed", "stopped", "used", "finished")
CAUSES = {
    STOPPED: ("place or height", "位置或高度"),
    USED: ("content", "内容"),
    FINISHED: ("flow or fault", "流程或故障"),
}
MONDAY, SUNDAY, WEEK_DAYS, COST_DAYS = 1, 7, 7, 30
KEPT = timedelta(days=2)


class TouchpointFunnel(Solution):
    number = 148
    zh, en = "触点漏斗与摆位评测", "Touchpoint funnel and placement"
    purpose_zh = "逐一说明屏幕、自助机与扫码点的顾客在哪一步流失，是位置、内容还是运行的问题，以及移位是否有效。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("score.report", "insight.report", "task.create")
    reads = ("assets", "zones")
    kpis = {
        "stop_rate": kpi("%", "Passers who stop", "驻足率"),
        "use_rate": kpi("%", "Stops that become a use", "使用率"),
        "cost_per_use": kpi("currency", "Cost of a use", "单次使用成本"),
        "moves_confirmed": kpi("count", "Moves that helped", "确认有效的移位"),
    }
    kinds = {
        "weak_stage": ("Weak stage of a touchpoint", "触点薄弱环节"),
        "move_result": ("Result of a move", "移位评测结果"),
        "move_touchpoint": ("Move a touchpoint", "移动触点"),
        "move_back": ("Move a touchpoint back", "触点移回原位"),
    }

    class Config(SolutionConfig):
        stop_s: float = setting(3, "Stay from which a passer has stopped", "判定驻足的停留时长", unit="s", ge=1, le=60)
        idle_s: int = setting(60, "A session without touch ends after", "无触摸结束会话", unit="s", ge=10, le=600)
        z: float = setting(1.96, "Width of the control limits", "控制限宽度", ge=1.28, le=3.3,
            help_en="In standard errors; a move has to help by as much.", help_zh="以标准误计；移位效果也须达到此值。")  # fmt: skip
        min_n: int = setting(200, "Least trials of a stage to be judged", "环节评判的最少样本", ge=30, le=100_000)
        max_cost_per_use: int = setting(400, "Cost of a use over which a move is asked for", "要求移位的单次使用成本", unit="minor",
            ge=1, le=1_000_000)  # fmt: skip
        trial_days: int = setting(14, "Days compared before and after a move", "移位前后对比天数", unit="days", ge=3, le=60)
        repeat_min: int = setting(10, "Repeated scans within count once", "重复扫码合并时间", unit="min", ge=0, le=1440,
            help_en="Of one code by one visitor.", help_zh="同一访客扫同一码。")  # fmt: skip

    # Passers, uses, goals

    @on("vision.zone?")
    def stood(self, event):
        one_stay, camera = event.get("dwell_s") is not None, f"stays:{event['zone']}|{event.get('camera')}"
        if one_stay and event.get("camera"):
            self.state[camera] = plain(event.time)
        elif camera in self.state:
            return
        stay_s = event["dwell_s"] if one_stay else event.get("dwell_mean_s")
        people = int(not event.get("staff")) if one_stay else event.get("left", event.get("entered", event["occupancy"]))
        stopped = people if stay_s is not None and stay_s >= self.config.stop_s else 0
        stopped = min(people, (event.get("attrs") or {}).get("stopped", stopped))
        start, end = parse_time(event["from"]), parse_time(event["to"])
        for name in self._in_zone(event["zone"]):
            if people and not self._offline(name, start, end):
                self._count(name, PASSED, people, end)
                self._count(name, STOPPED, stopped, end)
                self.kpi.share("stop_rate", stopped, people)
                self.kpi.share("use_rate", 0, stopped)

    @on("kiosk.event")
    def touched(self, event):
        name, key, kind = self._row(event["kiosk"])["asset"], f"{event['kiosk']}|{event['session']}", event["kind"]
        if self._offline(name, event.time, event.time):
            return
        sessions = self.workers.insight.touch_sessions
        use = sessions.running(self.state, key, name, event.time, timedelta(seconds=self.config.idle_s))
        if kind not in NO_TOUCH:
            self._use(use, event.time)
        if kind == "login" and _is_service(event):
            used, done = sessions.to_service(use)
            self._booked(use, USED, -used)
            self._booked(use, FINISHED, -done)
        sessions.belongs(self.state, key, {"till": event["kiosk"], "member": event.get("member"), "receipt": event.get("receipt")})
        if kind in GOALS or event.get("value") in GOALS or (kind == "end" and event.get("receipt")):
            self._finish(use)

    @on("web.visit?")
    def scanned(self, event):
        sessions, goal = self.workers.insight.touch_sessions, event["kind"] in GOALS
        name = next((row["asset"] for field in ("token", "campaign", "page") if (row := self._known(event.get(field)))), None)
        if name is None:
            self._finish(sessions.last_of(self.state, "visitor", event["visitor"], event.time) if goal else None)
        elif not self._offline(name, event.time, event.time):
            key, apart = f"{name}|{event['visitor']}", timedelta(minutes=self.config.repeat_min)
            use = sessions.running(self.state, key, name, event.time, sessions.KNOWN_FOR if goal else apart)
            self._use(use, parse_time(use["began"]))
            sessions.belongs(self.state, key, {"visitor": event["visitor"], "member": event.get("member")})
            if goal:
                self._finish(use)

    @on("coupon.redeemed?")
    def redeemed(self, event):
        last_of, idle = self.workers.insight.touch_sessions.last_of, timedelta(seconds=self.config.idle_s)
        found = last_of(self.state, "till", event.get("till"), event.time, idle)
        for by in ("receipt", "member"):
            found = found or last_of(self.state, by, event.get(by), event.time)
        self._finish(found)

    @on("device.status?")
    def reported(self, event):
        row = self._known(event["device"])
        if row is None:
            return
        spells = self._touchpoint(row["asset"])["offline"]
        down = bool(spells) and spells[-1][1] is None
        if event["state"] == "offline" and not down:
            spells.append([plain(event.time), None])
        elif event["state"] != "offline" and down:
            spells[-1][1] = plain(event.time)

    def _use(self, use, at):
        if self.workers.insight.touch_sessions.touch(use, at):
            self._booked(use, USED, 1)

    def _finish(self, use):
        if self.workers.insight.touch_sessions.finish(use):
            self._booked(use, FINISHED, 1)

    def _booked(self, use, stage, number):
        if number:
            self._count(use["name"], stage, number, parse_time(use["began"]))
        if stage == USED and self._touchpoint(use["name"])["watched"]:
            self.kpi.share("use_rate", number, 0)

    def _count(self, name, stage, number, at):
        known = self._touchpoint(name)
        days, move = known["days"], known["move"]
        days.setdefault(self.store.hours.trading_day(at).isoformat(), [0, 0, 0, 0])[stage] += number
        known["watched"] = known["watched"] or stage == PASSED
        if move and move["moved"] and at >= parse_time(move["moved"]):
            move["after"][stage] += number

    def _offline(self, name, start, end):
        spells = self._touchpoint(name)["offline"]
        return any(parse_time(down) <= end and (up is None or start < parse_time(up)) for down, up in spells)

    # The week

    @every("1d", at="close", weekday=SUNDAY)
    def sunday_close(self, due):
        yield from self._week(self.store.hours.ended_day(due.time))

    @every("1d", at="00:00", weekday=MONDAY)
    def after_shut_sunday(self, due):
        sunday = self.store.hours.store_day(due.time) - timedelta(days=1)
        if self.store.hours.day(sunday) is None:
            yield from self._week(sunday)

    def _week(self, sunday):
        window = {"from": self.store.hours.midnight(sunday - timedelta(days=WEEK_DAYS - 1)), "to": self.now}
        names = self._names()
        counts = {name: self._sum(name, sunday, WEEK_DAYS) for name in names}
        plot, kinds = self.workers.insight.funnel_plot, {name: self._row(name).get("kind", "kiosk") for name in names}
        placed = plot.stages(counts, kinds, z=self.config.z, min_n=self.config.min_n)
        weak = {name: plot.first_under(placed[name]) for name in names}
        for name in names:
            yield self._report(name, window, counts[name], placed[name], weak[name])
            if weak[name] is not None:
                yield self._weak(name, window, counts[name], placed[name][weak[name]], weak[name])
        costs = {name: self._row(name)["monthly_cost"] for name in names if self._row(name).get("monthly_cost")}
        uses = {name: self._sum(name, sunday, COST_DAYS)[USED] for name in costs}
        if sum(uses.values()):
            self.kpi.set("cost_per_use", sum(costs.values()) / sum(uses.values()))
        for name in costs:
            yield from self._dear(name, costs[name], uses[name], weak[name], sunday)

    def _report(self, name, window, counts, placed, weak):
        parts = [{"name": STAGES[stage], "value": counts[stage], "unit": "count"} for stage in range(4)]
        for stage in CAUSES:
            if counts[stage - 1]:
                share = round(100 * min(1, counts[stage] / counts[stage - 1]), 4)
                parts.append({"name": f"{STAGES[stage]}_rate", "value": share, "unit": "%"})
        judged = any(placed.values())
        labels = {"kind": self._row(name).get("kind", "kiosk"), "state": "weak" if weak else "fine" if judged else "not_judged"}
        if weak:
            labels |= {"stage": STAGES[weak], "cause": CAUSES[weak][0]}
        return out("score.report", window, scheme="touchpoint_funnel", subject_kind="touchpoint", subject=name, parts=parts, labels=labels)

    def _weak(self, name, window, counts, place, stage):
        figures = {key: {"value": round(100 * value, 4), "unit": "%"}
                   for key, value in (("rate", place.rate), ("pooled", place.pooled), ("limit", place.low))}  # fmt: skip
        row = {"touchpoint": name, "stage": STAGES[stage], "cause": CAUSES[stage][0], "hits": counts[stage], "trials": counts[stage - 1]}
        text = self.say(f"{self._called(name)}: {STAGES[stage]} {place.rate:.1%} under {place.low:.1%}: {CAUSES[stage][0]}",
            f"{self._called(name)}：{place.rate:.1%}低于{place.low:.1%}，原因：{CAUSES[stage][1]}")  # fmt: skip
        return out("insight.report", window, report=f"weak_stage-{name}-{self.now:%Y%m%d}", kind="weak_stage", version=1,
            figures=figures, rows=[row], text=text)  # fmt: skip

    # The move

    def _dear(self, name, cost, uses, weak, sunday):
        known = self._touchpoint(name)
        if uses == 0 and self._sum(name, sunday, COST_DAYS)[PASSED] < self.config.min_n:
            return
        if uses and cost / uses <= self.config.max_cost_per_use:
            known["asked"] = False
        elif not known["asked"] and not known["move"]:
            task, stage = f"move-{name}-{sunday}", weak or STOPPED
            known |= {"asked": True, "move": {"task": task, "stage": stage, "moved": None, "after": [0, 0, 0, 0]}}
            values = {"monthly_cost": cost, "uses": uses, "limit": self.config.max_cost_per_use, "stage": STAGES[stage]}
            values |= {"cost_per_use": round(cost / uses, 2)} if uses else {}
            values |= {"cause": CAUSES[weak][0]} if weak else {}
            yield self._task(name, task, "move_touchpoint", values)

    def _task(self, name, task, kind, values):
        row = self._row(name)
        zone = (self.tables.zones.get(row.get("zone")) or {}).get("name", row.get("zone"))
        where = f" ({zone})" if zone else ""
        title = self.say(f"{self.kinds[kind][0]}: {self._called(name)}{where}", f"{self.kinds[kind][1]}：{self._called(name)}{where}")
        return out("task.create", task=task, kind=kind, title=title, priority=3, asset=name, zone=row.get("zone"), role="manager",
            evidence="photo", values=values)  # fmt: skip

    @on("task.done?")
    def answered(self, event):
        for name in self._names():
            known = self._touchpoint(name)
            move = known["move"]
            if move is None or move["task"] != event["task"] or move["moved"]:
                continue
            if event["state"] in ("done", "approved"):
                day = self.store.hours.trading_day(event.time)
                move |= {"moved": plain(event.time), "before": self._sum(name, day, self.config.trial_days + 1)}
                self.timers.set("judge", name, max(self.now, event.time + timedelta(days=self.config.trial_days)))
            elif event["state"] in ("declined", "failed", "cancelled"):
                known["move"] = None

    @timer("judge")
    def judge(self, due):
        known = self._touchpoint(due.key)
        move, known["move"] = known["move"], None
        stage = move["stage"]
        before, after = [(counts[stage], counts[stage - 1]) for counts in (move["before"], move["after"])]
        z = self.workers.insight.funnel_plot.pooled_z(before, after)
        kept = z >= self.config.z
        self.kpi.add("moves_confirmed", int(kept))
        rates = [round(100 * min(1, hits / trials), 4) if trials else 0 for hits, trials in (before, after)]
        figures = {"before": {"value": rates[0], "unit": "%"}, "after": {"value": rates[1], "unit": "%"}, "z": {"value": round(z, 4)}}
        moved = parse_time(move["moved"])
        window = {"from": moved - timedelta(days=self.config.trial_days), "to": due.time}
        row = {"touchpoint": due.key, "stage": STAGES[stage], "result": "kept" if kept else "moved back",
               "hits_before": before[0], "trials_before": before[1], "hits_after": after[0], "trials_after": after[1]}  # fmt: skip
        called, shares = self._called(due.key), f"{rates[0]:.1f} % → {rates[1]:.1f} %, z {z:.2f}"
        text = self.say(f"{called}: {shares}: {row['result']}", f"{called}：{shares}：{'保留' if kept else '移回'}")
        yield out("insight.report", window, report=f"result-{move['task']}", kind="move_result", version=1, figures=figures, rows=[row],
            text=text)  # fmt: skip
        if not kept:
            yield self._task(due.key, f"back-{move['task']}", "move_back", {"stage": STAGES[stage], "z": round(z, 4)})

    @every("1d", at="00:00")
    def forget(self, due):
        """What no figure looks at any more."""
        oldest = self.store.hours.store_day(due.time) - timedelta(days=max(COST_DAYS, self.config.trial_days + 1) + WEEK_DAYS)
        self.workers.insight.touch_sessions.forget(self.state, due.time)
        for key in [key for key in self.state if key.startswith("stays:") and due.time - parse_time(self.state[key]) > KEPT]:
            del self.state[key]
        for name in self._names():
            known = self._touchpoint(name)
            known["days"] = {day: counts for day, counts in known["days"].items() if date.fromisoformat(day) >= oldest}
            known["offline"] = [spell for spell in known["offline"] if spell[1] is None or due.time - parse_time(spell[1]) <= KEPT]

    # Touchpoints

    def _sum(self, name, last, days):
        first = (last - timedelta(days=days - 1)).isoformat()
        chosen = [counts for day, counts in self._touchpoint(name)["days"].items() if first <= day <= last.isoformat()]
        return [sum(column) for column in zip(*chosen, strict=True)] or [0, 0, 0, 0]

    def _names(self):
        used = set(self.state.get("touchpoints", ()))
        return sorted(used | {row["asset"] for row in self.tables.assets.rows() if _is_touchpoint(row)})

    def _in_zone(self, zone):
        """The touchpoints that stand in a zone."""
        placed = self.tables.assets.derived("by_zone", _by_zone).get(zone, {})
        return [name for name, touch in placed.items() if (touch or f"tp:{name}" in self.state) and self.tables.assets.get(name)]

    def _touchpoint(self, name):
        if f"tp:{name}" not in self.state:
            self.state["touchpoints"] = [*self.state.get("touchpoints", ()), name]
            self.state[f"tp:{name}"] = {"days": {}, "offline": [], "watched": False, "asked": False, "move": None}
        return self.state[f"tp:{name}"]

    def _known(self, name):
        """The touchpoint of that name, device or code."""
        row = (self.tables.assets.get(name) or next(iter(self.tables.assets.rows(device=name)), None)) if name else None
        used = row["asset"] if row else name
        return (row or {"asset": name}) if (row and _is_touchpoint(row)) or f"tp:{used}" in self.state else None

    def _row(self, name):
        return self.tables.assets.get(name) or next(iter(self.tables.assets.rows(device=name)), {"asset": name})

    def _called(self, name):
        return self._row(name).get("name", name)


def _by_zone(rows):
    """The assets of each zone, and whether they are touchpoints by their kind."""
    zones = {}
    for row in sorted(rows, key=lambda row: row["asset"]):
        zones.setdefault(row.get("zone"), {})[row["asset"]] = _is_touchpoint(row)
    return zones


def _is_touchpoint(row):
    return "kind" not in row or any(word in row["kind"].lower() for word in KINDS)


def _is_service(event):
    values = event.get("values") or {}
    said = (event.get("value"), values.get("role"), values.get("kind"))
    return bool(values.get("service")) or any(str(word).lower() in SERVICE for word in said)
