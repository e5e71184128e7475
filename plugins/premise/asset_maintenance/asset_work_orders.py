"""Asset register and work orders: services by days or run hours, faults to the right contractor with a clock, and when repair does not pay.

An asset is known by `assets.device`, or by its own id as the device; a meter by `asset`, a scan by the code or GIAI (AI 8004). Run hours
are `metrics.run_h` (a counter) of device.status, else the intervals of a meter's readings over `idle_w`. An asset's own `service_days`
and `service_hours` go before those of its kind. A scan with `values.note` is a report of a fault, stopped where `values.stopped` is true.

A `task.done` answers by its task, or by `values.asset` with `values.kind` service or repair; `values.cost` is what a repair cost. Accepted
is the response. A repair order that is done or cancelled ends; downtime runs from the report of a stop until then, or until the device is
online again, in operating hours (the store's open hours, all hours of what is `continuous`). An order with a stop is one failure. On each
month's first day every asset gets the figures of the last 365 days. An asset never seen counts from the start.
"""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp

DAYS_UNNAMED, YEAR = 180, timedelta(days=365)
STOPPED, IMPAIRED = ("fault", "offline"), ("degraded", "nonconforming")
LONGEST_INTERVAL_S = 3600
Priority = Literal["P1", "P2", "P3"]
Hours = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


class AssetWorkOrders(Solution):
    number = 145
    zh, en = "门店资产全生命周期运维", "Asset register and work orders"
    purpose_zh = "按天数或运行小时安排设备保养，把故障派给合适的承修方并计时，并提示何时维修已不划算。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("task.create", "alert.raise", "score.report")
    adapters = ("scanner?",)
    reads = ("assets", "suppliers", "staff", "checklists")
    kpis = {
        "mtbf": kpi("h", "Mean time between failures", "平均无故障时间"),
        "mttr": kpi("h", "Mean time to repair", "平均修复时间"),
        "service_on_time": kpi("%", "Services on time", "保养准时率"),
        "repair_cost": kpi("currency", "Repair cost", "维修费用"),
    }
    kinds = {
        "service_asset": ("Service an asset", "设备保养"),
        "repair_asset": ("Repair an asset", "设备维修"),
        "replace_asset": ("Replace an asset", "建议更换设备"),
        "late_response": ("Late response", "响应超时"),
        "late_fix": ("Late fix", "修复超时"),
        "asset_unseen": ("Asset not seen", "资产长期未见"),
    }

    class Config(SolutionConfig):
        service_days: dict[str, Annotated[int, Field(ge=7, le=1825)]] = setting({"oven": 90}, "Days between services",
            "保养间隔天数", unit="days", help_en="By kind of asset; other kinds 180.",
            help_zh="按资产类别；未列类别为 180 天。")  # fmt: skip
        service_hours: dict[str, Annotated[int, Field(ge=10, le=50000)]] = setting({"oven": 500}, "Run hours between services",
            "保养间隔运行小时", unit="h", help_en="By kind of asset; other kinds have none.",
            help_zh="按资产类别；未列类别不限。")  # fmt: skip
        lead_days: int = setting(7, "How early a service order is made", "保养工单提前天数", unit="days", ge=0, le=60)
        sla_h: dict[Priority, Hours] = setting({"P1": (1, 4), "P2": (4, 24), "P3": (24, 72)}, "Hours to respond and to fix",
            "响应与修复时限", unit="h", help_en="By priority, in clock hours.", help_zh="按优先级，自然小时。")  # fmt: skip
        replace_ratio: float = setting(0.5, "Share of the remaining worth that repairs may cost", "维修费占剩余价值上限", ge=0.05, le=2)
        min_life_share: float = setting(0.2, "Least share of life left in that rule", "剩余寿命最低比例", ge=0, le=1)
        unseen_days: int = setting(180, "Days after which an asset is missing", "资产失联天数", unit="days", ge=7, le=1825)

    def start(self):
        self.state["began"] = stamp(self.now)
        yield from self._daily(self.store.hours.store_day(self.now))

    @every("1d", at="00:00")
    def midnight(self, due):
        today = self.store.hours.store_day(due.time)
        for row in self.tables.assets.rows():
            self._operated(row, due.time)
        yield from self._daily(today)
        if today.day == 1:
            for row in self.tables.assets.rows():
                yield self._score(row, today)

    @on("device.status")
    def heard(self, event):
        row = self._of_device(event["device"])
        if row is None:
            return
        asset = row["asset"]
        yield from self._seen(asset, event.time)
        run = (event.get("metrics") or {}).get("run_h")
        known = self._asset(asset)
        if run is not None:
            last = known["counter"]
            self._run(asset, event.time, 0 if last is None else run - last if run >= last else run)
            known["counter"] = run
        if event["state"] in STOPPED + IMPAIRED:
            yield from self._fault(row, event.time, event["state"] in STOPPED, event.get("text") or event.get("code") or event["state"])
        elif event["state"] == "online":
            self._up(row, event.time)

    @on("meter.reading?")
    def metered(self, event):
        row = self.tables.assets.get(event.get("asset"))
        if row is None or event["kind"] != "electricity":
            return
        yield from self._seen(row["asset"], event.time)
        known, power = self._asset(row["asset"]), event.get("power_kw")
        last = parse_time(known["metered"]) if known["metered"] else event.time
        seconds = event.get("interval_s") or min(LONGEST_INTERVAL_S, max(0, (event.time - last).total_seconds()))
        known["metered"] = stamp(max(last, event.time))
        if known["counter"] is None and power is not None and power * 1000 > row.get("idle_w", 0):
            self._run(row["asset"], event.time, seconds / 3600)

    @on("scanner.code?")
    def scanned(self, event):
        row = self.tables.assets.get((event.get("ai") or {}).get("8004") or event["code"]) or self.tables.assets.get(event["code"])
        if row is None:
            return
        yield from self._seen(row["asset"], event.time)
        values = event.get("values") or {}
        if values.get("note"):
            yield from self._fault(row, event.time, bool(values.get("stopped")), values["note"])

    @on("task.done")
    def answered(self, event):
        values, state = event.get("values") or {}, event["state"]
        kind, asset = self.state.get("tasks", {}).get(event["task"]) or (values.get("kind"), values.get("asset"))
        row = self.tables.assets.get(asset)
        if row is None or kind not in ("service", "repair"):
            return
        known = self._asset(asset)
        if kind == "service" and state in ("done", "approved"):
            self._serviced(known, self.store.hours.store_day(event.time))
        elif kind == "repair" and state in ("accepted", "done", "approved", "cancelled"):
            self.timers.cancel("late_response", asset)
            if state != "accepted":
                self._up(row, event.time)
                self._closed(known, asset)
                yield from self._paid(row, event.time, values.get("cost", 0))

    @timer("late_response")
    def late_response(self, due):
        yield self._late(due, "late_response", "high", self.say("No response yet", "尚未响应"))

    @timer("late_fix")
    def late_fix(self, due):
        yield self._late(due, "late_fix", "critical", self.say("Not fixed in time", "未按时修复"))

    def _late(self, due, kind, severity, words):
        text = f"{self._name(self.tables.assets.get(due.key) or {'asset': due.key})}: {words}"
        return out("alert.raise", alert=f"{kind}-{due.data['task']}", kind=kind, severity=severity, state="open", subject=due.key,
                   asset=due.key, text=text, value=due.data["hours"], limit=due.data["hours"], unit="h")  # fmt: skip

    def _fault(self, row, at, stopped, note):
        """An order for a fault, unless one is open, which it joins."""
        asset, known = row["asset"], self._asset(row["asset"])
        if stopped and known["down"] is None:
            known["down"] = stamp(at)
        if stopped and not known["failed"]:
            known["failed"] = True
            known["failures"].append(stamp(at))
            self._operated(row, at)
            self.kpi.share("mtbf", 0, 1)
            self.kpi.share("mttr", 0, 1)
        if known["repair"]:
            return
        grade = row.get("class", "C")
        priority = ("P1" if stopped else "P2") if grade == "A" else "P2" if grade == "B" and stopped else "P3"
        respond, fix = self.config.sla_h.get(priority) or type(self.config)().sla_h[priority]
        task = f"repair-{asset}-{at:%Y%m%dT%H%M%SZ}"
        known["repair"] = task
        self.state.setdefault("tasks", {})[task] = ["repair", asset]
        for name, hours in (("late_response", respond), ("late_fix", fix)):
            self.timers.set(name, asset, max(self.now, at + timedelta(hours=hours)), {"task": task, "hours": hours})
        day = self.store.hours.store_day(at)
        replace = self._beyond_repair(row, day)
        title = self.say(f"{priority}: repair {self._name(row)}: {note}", f"{priority}：维修 {self._name(row)}：{note}")
        if replace:
            title += self.say(" (replacement proposed)", "（建议更换）")
        to = row.get("supplier") if row.get("warranty_to") and day.isoformat() <= str(row["warranty_to"]) else row.get("contractor")
        yield self._order(row, task, "repair_asset", title, int(priority[1]), at + timedelta(hours=fix), to,
                          {"priority": priority, "respond_by": plain(at + timedelta(hours=respond)), "replace": replace})  # fmt: skip

    def _order(self, row, task, kind, title, priority, due, to, values):
        roles = {role for person in self.tables.staff.rows() for role in person.get("roles") or ()}
        checklist = row.get("kind") if self.tables.checklists.rows(checklist=row.get("kind")) else None
        party = self.tables.suppliers.get(to) or {} if to else {}
        named = {"asset": row["asset"], "contractor": to, "contractor_name": party.get("name")} | values
        return out("task.create", task=task, kind=kind, title=title, priority=priority, asset=row["asset"], zone=row.get("zone"), due=due,
                   role="technician" if "technician" in roles else "manager", checklist=checklist,
                   values={name: value for name, value in named.items() if value is not None})  # fmt: skip

    def _daily(self, today):
        """Service orders that fall, and assets not seen for long."""
        for row in self.tables.assets.rows():
            asset, known = row["asset"], self._asset(row["asset"])
            oldest = (today - YEAR).isoformat()
            known["runs"] = {day: run for day, run in known["runs"].items() if day >= (today - timedelta(days=28)).isoformat()}
            for name in ("failures", "repairs", "downs"):
                known[name] = [one for one in known[name] if (one if name == "failures" else one[0]) >= oldest]
            due = self._service_due(row, known, today)
            if not known["service"] and today >= due - timedelta(days=self.config.lead_days):
                task = known["service"] = f"service-{asset}-{due}"
                known["service_due"] = due.isoformat()
                self.state.setdefault("tasks", {})[task] = ["service", asset]
                title = self.say(f"Service {self._name(row)} by {due}", f"{due} 前保养 {self._name(row)}")
                yield self._order(row, task, "service_asset", title, 3, self.store.hours.midnight(due + timedelta(days=1)),
                                  row.get("contractor"), {"service_due": due, "run_h": known["run_h"]})  # fmt: skip
            unseen = (self.now - parse_time(known["seen"])).days
            if unseen >= self.config.unseen_days and not known["missing"]:
                known["missing"] = True
                yield self._unseen(asset, "open", unseen)

    def _service_due(self, row, known, today):
        days = row.get("service_days") or self.config.service_days.get(row.get("kind"), DAYS_UNNAMED)
        hours = row.get("service_hours") or self.config.service_hours.get(row.get("kind"))
        began = self.store.hours.store_day(parse_time(known["heard_from"]))
        serviced = date.fromisoformat(known["serviced"] or str(row.get("bought") or began)[:10])
        return self.workers.insight.asset_life.service_due(serviced, days, hours, known["run_h"], known["runs"], today, began)

    def _serviced(self, known, day):
        if known["service"]:
            self.kpi.share("service_on_time", int(day.isoformat() <= known["service_due"]), 1)
            del self.state["tasks"][known["service"]]
        known |= {"serviced": day.isoformat(), "run_h": 0.0, "service": None}

    def _closed(self, known, asset):
        self.timers.cancel("late_fix", asset)
        if known["repair"]:
            del self.state["tasks"][known["repair"]]
        known |= {"repair": None, "failed": False}

    def _up(self, row, at):
        """End a stop."""
        known = self._asset(row["asset"])
        if known["down"] is not None:
            hours = self._operating_h(row, parse_time(known["down"]), at)
            known["downs"].append([stamp(at), hours])
            known["down"] = None
            self._operated(row, at)
            self.kpi.share("mtbf", -hours, 0)
            self.kpi.share("mttr", hours, 0)

    def _paid(self, row, at, cost):
        """Book a repair's cost; the one that makes the year's repairs too dear proposes a replacement."""
        day, known = self.store.hours.store_day(at), self._asset(row["asset"])
        before = self._beyond_repair(row, day)
        self.kpi.add("repair_cost", cost)
        known["repairs"].append([day.isoformat(), cost])
        if self._beyond_repair(row, day) and not before:
            title = self.say(f"Replace {self._name(row)}: repairs no longer pay", f"建议更换 {self._name(row)}：维修已不划算")
            spent = sum(cost for _, cost in known["repairs"])
            yield self._order(row, f"replace-{row['asset']}-{day}", "replace_asset", title, 3, None, None,
                              {"repair_cost": spent, "limit": self._limit(row, day), "replace": True})  # fmt: skip

    def _limit(self, row, day):
        bought = date.fromisoformat(str(row["bought"])[:10]) if row.get("bought") else None
        ratio, least = self.config.replace_ratio, self.config.min_life_share
        return round(self.workers.insight.asset_life.repair_limit(row["value"], bought, row.get("life_y"), day, ratio, least))

    def _beyond_repair(self, row, day):
        oldest = (day - YEAR).isoformat()
        spent = sum(cost for at, cost in self._asset(row["asset"])["repairs"] if at > oldest)
        return bool(row.get("value")) and spent > self._limit(row, day)

    def _score(self, row, today):
        known, since = self._asset(row["asset"]), max(parse_time(self.state["began"]), self.now - YEAR)
        down = sum(hours for _, hours in known["downs"])
        down += self._operating_h(row, parse_time(known["down"]), self.now) if known["down"] else 0
        figures = self.workers.insight.asset_life.reliability(self._operating_h(row, since, self.now), down, len(known["failures"]))
        spent = sum(cost for _, cost in known["repairs"])
        parts = [("mtbf", figures.mtbf_h, "h"), ("mttr", figures.mttr_h, "h"), ("availability", figures.availability_pct, "%"),
                 ("failures", len(known["failures"]), "count"), ("repair_cost", spent, "currency")]  # fmt: skip
        return out("score.report", {"from": since, "to": self.now}, scheme="asset_reliability", subject_kind="asset", subject=row["asset"],
                   score=figures.availability_pct, labels={"state": "missing"} if known["missing"] else None,
                   parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts if value is not None])  # fmt: skip

    def _seen(self, asset, at):
        known = self._asset(asset)
        known["seen"] = max(known["seen"], stamp(at))
        if known["missing"]:
            known["missing"] = False
            yield self._unseen(asset, "cleared", 0)

    def _unseen(self, asset, state, days):
        text = (
            self.say(f"{asset} was not seen for {days} days", f"{asset} 已 {days} 天未见") if days else self.say("seen again", "已再次出现")
        )
        return out("alert.raise", alert=f"unseen-{asset}", kind="asset_unseen", severity="warn" if days else "info", state=state,
                   subject=asset, asset=asset, text=text, value=days, limit=self.config.unseen_days, unit="days")  # fmt: skip

    def _run(self, asset, at, hours):
        known, day = self._asset(asset), self.store.hours.store_day(at).isoformat()
        known["runs"][day] = known["runs"].get(day, 0.0) + hours
        known["run_h"] += hours

    def _operated(self, row, until):
        """Count an asset's operating hours up to a moment."""
        known = self._asset(row["asset"])
        since = parse_time(known["counted"])
        self.kpi.share("mtbf", self._operating_h(row, since, until), 0)
        known["counted"] = stamp(max(since, until))

    def _operating_h(self, row, start, end):
        if end <= start:
            return 0.0
        return ((end - start).total_seconds() if row.get("continuous") else self.store.hours.open_seconds(start, end)) / 3600

    def _asset(self, asset):
        now = stamp(self.now)
        return self.state.setdefault(f"asset:{asset}", {
            "serviced": None, "run_h": 0.0, "runs": {}, "counter": None, "metered": None,
            "service": None, "service_due": None, "repair": None, "down": None, "failed": False,
            "downs": [], "failures": [], "repairs": [], "seen": now,
            "heard_from": now, "counted": now, "missing": False})  # fmt: skip

    def _of_device(self, device):
        return next(iter(self.tables.assets.rows(device=device)), None) or self.tables.assets.get(device)

    def _name(self, row):
        return row.get("name") or row["asset"]
