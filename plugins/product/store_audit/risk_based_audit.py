"""Risk-based audit: for the minutes there are, the checks most likely to find something that matters, learning from every result.

A result is an answer to a checklist's item in the values of any `task.done` (done, approved or failed): the audit's own task, or another
round over the same items. An item that two checklists share is named `checklist/item`, or `values.checklist` says which is meant. Minutes
count as 2 and severity as the item's weight where the table gives none; severity in words counts 1 to 4. Mandatory is `mandatory`, else
`critical`. Musts enter from the whole budget, the share for lots from what they leave.

An audit that falls on a day without opening, or on one that a closure of the store begins in, is made up at the next opening. An item lies
in its own `zone`, else in the zones of its `zone_kind`; it is skipped while all of them are closed. Riskiest is what is worth the most to
check. An item gone from the table for a year is forgotten, a task's counted answers 90 days after its first.
"""

from collections import Counter
from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, plain

ANSWERS_KEPT, ITEMS_KEPT = timedelta(days=90), timedelta(days=365)
MINUTES = 2.0
SEVERITY = {"info": 1, "warn": 2, "high": 3, "critical": 4}
REPORTED, LEVEL = 10, 0.9
DRAWN_FROM = 1 << 32
WORTH_DIGITS = 9  # so that equal worths tie


class RiskBasedAudit(Solution):
    number = 141
    zh, en = "风险抽样自检", "Risk-based audit selection"
    purpose_zh = "在有限的检查时间内挑出最可能发现重要问题的检查项，并从每次结果中学习，不再逐项打勾两百格。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "insight.report")
    reads = ("checklists", "zones", "staff")
    load = "optimise"
    kpis = {
        "findings_per_hour": kpi("count/h", "Findings an hour", "每小时发现问题数"),
        "severity_found": kpi("points", "Severity found", "发现问题严重度"),
        "items_overdue": kpi("count", "Items overdue", "超期未检项数"),
    }
    kinds = {"risk_audit": ("Audit by risk", "风险自检"), "risk_based_audit": ("Riskiest items", "最高风险项")}

    class Config(SolutionConfig):
        budget_min: float = setting(45, "Minutes of an audit", "每次自检分钟数", unit="min", ge=5, le=480)
        every_days: int = setting(7, "Days between audits", "自检间隔", unit="days", ge=1, le=90,
            help_en="Audits are made at opening.", help_zh="自检在开店时下达。")  # fmt: skip
        prior_fail: float = setting(1, "Prior fails", "先验不合格数", ge=0.1, le=50,
            help_en="Fails that an item is thought to have before its first result.",
            help_zh="检查项在首个结果之前假定的不合格次数。")  # fmt: skip
        prior_pass: float = setting(9, "Prior passes", "先验合格数", ge=0.1, le=500,
            help_en="Passes that an item is thought to have before its first result.",
            help_zh="检查项在首个结果之前假定的合格次数。")  # fmt: skip
        forget: float = setting(0.95, "Weight kept by old results", "旧结果保留权重", ge=0.5, le=1,
            help_en="What an item's results so far weigh at each new one; 1 never forgets.",
            help_zh="每来一个新结果，该项已有结果保留的权重；1 表示不遗忘。")  # fmt: skip
        max_gap_days: int = setting(60, "Longest time unchecked", "最长未检天数", unit="days", ge=7, le=365,
            help_en="An item unchecked for so long enters before others.", help_zh="未检达到此天数的项优先列入。")  # fmt: skip
        random_pct: float = setting(10, "Share drawn by lot", "随机抽检比例", unit="%", ge=0, le=50,
            help_en="Minutes kept for items drawn by store and date.", help_zh="为按门店与日期抽取的随机项保留的时间。")  # fmt: skip

    def start(self):
        self._meet_items(self.store.hours.store_day(self.now))

    @on_table("checklists")
    def items_changed(self, table):
        self._meet_items(self.store.hours.store_day(self.now))

    @on("calendar.event?")
    def calendar(self, event):
        if event["kind"] == "closure":
            self.state.setdefault("closures", {})[event["event"]] = [event.get("zone"), event["from"], event["to"]]

    @on("task.done")
    def answered(self, event):
        from storeloom.workers.insight.check_results import answers, failed

        if event["state"] not in ("done", "approved", "failed"):
            return
        values, task = event.get("values") or {}, f"task:{event['task']}"
        counted = self.state.get(task, [])
        for name, answer in answers(values).items():
            row = self._item(name, values.get("checklist"))
            verdict = failed(answer, row) if row else None
            if verdict is None or _key(row) in counted:
                continue
            day = self.store.hours.store_day(event.time)
            item = self._known(_key(row), day)
            counts = self._counts(_key(row)).add(verdict, self.config.forget)
            item.update(fails=counts.fails, passes=counts.passes, checked=max(item["checked"] or "", day.isoformat()))
            counted = [*counted, _key(row)]
            self.kpi.share("findings_per_hour", int(verdict), _minutes(row) / 60)
            self.kpi.add("severity_found", _severity(row) if verdict else 0)
        if counted:
            self.state[task] = counted
            if not self.timers.get("forget", event["task"]):
                self.timers.set("forget", event["task"], self.now + ANSWERS_KEPT)

    @timer("forget")
    def forget_answers(self, due):
        self.state.pop(f"task:{due.key}", None)

    @every("1d", at="open")
    def opening(self, due):
        day = self.store.hours.store_day(due.time)
        self._meet_items(day)
        self._forget(day)
        closed = self._closed(due.time)
        rows = {_key(row): row for row in self.tables.checklists.rows()}
        overdue = {key for key in rows if (day - self._last(key)).days >= self.config.max_gap_days}
        self.kpi.set("items_overdue", len(overdue))
        last = self.state.get("audited")
        waits = last is not None and (day - date.fromisoformat(last)).days < self.config.every_days
        if waits or None in closed or not rows:
            return
        self.state["audited"] = day.isoformat()
        self.kpi.add("severity_found", 0)
        worth = {key: round(_severity(row) * self._rate(key), WORTH_DIGITS) for key, row in rows.items()}
        zones = self._zones(closed)
        yield from self._audit(day, {key: row for key, row in rows.items() if zones(row) is not None}, worth, overdue, zones)
        yield self._report(day, rows, worth, overdue, last)

    def _audit(self, day, rows, worth, overdue, zones):
        """The day's task, unless nothing can be checked in its minutes."""
        from storeloom.workers.optimise.audit_plan import Item, choose

        items = [
            Item(key, _minutes(row), worth[key], self._last(key), bool(row.get("mandatory", row.get("critical"))) or key in overdue)
            for key, row in rows.items()
        ]
        chosen = choose(
            items, self.config.budget_min, self.config.random_pct, lambda key: draw(self.store.id, day, key, modulus=DRAWN_FROM)
        )
        why = {key: name for name in ("must", "risk", "lot") for key in getattr(chosen, name)}
        listed = sorted(why, key=lambda key: (zones(rows[key]), key))
        if not listed:
            return
        checklists = {rows[key]["checklist"] for key in listed}
        lines = [
            {"item": self._name(rows[key]), "checklist": rows[key]["checklist"], "note": rows[key].get("text", rows[key]["item"]),
             "minutes": _minutes(rows[key]), "why": why[key], "worth": worth[key]}
            for key in listed
        ]  # fmt: skip
        minutes = sum(line["minutes"] for line in lines)
        title = self.say(f"Check {len(lines)} items in {minutes:g} min", f"自检 {len(lines)} 项，约 {minutes:g} 分钟")
        yield out("task.create", task=f"audit-{day}", kind="risk_audit", title=title, priority=3, role=self._role(rows, listed),
                  minutes=minutes, due=self.store.hours.day(day)[1], items=lines, evidence="value",
                  checklist=checklists.pop() if len(checklists) == 1 else None,
                  values={"items": [line["item"] for line in lines], "worth": sum(worth[key] for key in listed)})  # fmt: skip

    def _report(self, day, rows, worth, overdue, last):
        riskiest = sorted(rows, key=lambda key: (-worth[key], self._last(key), key))[:REPORTED]
        lines = []
        for key in riskiest:
            low, high = self._prior().interval(self._counts(key), LEVEL)
            named = {"item": self._name(rows[key]), "checklist": rows[key]["checklist"], "last": plain(self._last(key))}
            risk = {"severity": _severity(rows[key]), "rate": self._rate(key), "low": low, "high": high, "worth": worth[key]}
            lines.append(named | risk)
        figures = {"items": {"value": len(rows), "unit": "count"}, "items_overdue": {"value": len(overdue), "unit": "count"}}
        span = {"from": self.store.hours.midnight(date.fromisoformat(last) if last else day), "to": self.now}
        return out("insight.report", span, report=f"risk-audit-{day}", kind="risk_based_audit", version=1, figures=figures, rows=lines)

    def _rate(self, key):
        """An item's posterior mean fail rate."""
        return self._prior().mean(self._counts(key))

    def _prior(self):
        return self.workers.insight.beta_rate.Prior(self.config.prior_fail, self.config.prior_pass)

    def _counts(self, key):
        item = self.state[f"item:{key}"]
        return self.workers.insight.beta_rate.Counts(item["fails"], item["passes"])

    def _known(self, key, day):
        return self.state.setdefault(f"item:{key}", {"fails": 0.0, "passes": 0.0, "checked": None, "since": day.isoformat()})

    def _last(self, key):
        """The day an item was last checked; its first day where it never was."""
        item = self.state[f"item:{key}"]
        return date.fromisoformat(item["checked"] or item["since"])

    def _meet_items(self, day):
        for row in self.tables.checklists.rows():
            self._known(_key(row), day)

    def _forget(self, day):
        there = {_key(row) for row in self.tables.checklists.all_rows()}
        for key in [key.removeprefix("item:") for key in self.state if key.startswith("item:")]:
            if key in there:
                self.state[f"item:{key}"].pop("gone", None)
            elif day - date.fromisoformat(self.state[f"item:{key}"].setdefault("gone", day.isoformat())) > ITEMS_KEPT:
                del self.state[f"item:{key}"]
        closures = self.state.get("closures", {})
        self.state["closures"] = {event: row for event, row in closures.items() if parse_time(row[2]) > self.now}

    def _closed(self, at):
        """Zones closed at a time; None among them for the whole store."""
        return {zone for zone, start, end in self.state["closures"].values() if parse_time(start) <= at < parse_time(end)}

    def _zones(self, closed):
        """Where a row is checked: its place in the order of zones (those without one last), None where all its zones are closed."""
        rows = self.tables.zones.rows()
        order = {row["zone"]: number for number, row in enumerate(rows)}

        def place(row):
            kind = row.get("zone_kind")
            own = [row["zone"]] if row.get("zone") else [zone["zone"] for zone in rows if kind and zone.get("kind") == kind]
            return min((order.get(zone, len(order)) for zone in own if zone not in closed), default=None if own else len(order))

        return place

    def _role(self, rows, listed):
        """The role that most of the minutes are for, among those that somebody holds."""
        held = {role for person in self.tables.staff.rows() for role in person.get("roles") or ()}
        minutes = Counter()
        for key in listed:
            minutes[rows[key].get("role")] += _minutes(rows[key])
        return next((role for role, _ in minutes.most_common() if role in held), "manager")

    def _item(self, name, checklist):
        """The row of an item that an answer names, None where none or several may be meant."""
        pairs = self.tables.checklists.derived("by name", _by_name).get(name, [])
        pairs = [pair for pair in pairs if pair[0] == checklist] or pairs
        return self.tables.checklists.get(*pairs[0]) if len(pairs) == 1 else None

    def _name(self, row):
        """How the task names an item: with its checklist where another has one of that name."""
        shared = len(self.tables.checklists.derived("by name", _by_name)[row["item"]]) > 1
        return f"{row['checklist']}/{row['item']}" if shared else row["item"]


def _key(row):
    return f"{row['checklist']}/{row['item']}"


def _by_name(rows):
    """Checklist and item by what answers may call them."""
    names = {}
    for pair in dict.fromkeys((row["checklist"], row["item"]) for row in rows):
        names.setdefault("/".join(pair), []).append(pair)
        names.setdefault(pair[1], []).append(pair)
    return names


def _minutes(row):
    minutes = row.get("minutes")
    return MINUTES if minutes is None else minutes


def _severity(row):
    """Points: the number given, what the word counts, else the item's weight."""
    severity = row.get("severity")
    if isinstance(severity, str):
        severity = SEVERITY.get(severity)
    return row.get("weight", 1) if severity is None else severity
