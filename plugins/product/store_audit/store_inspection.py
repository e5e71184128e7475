"""For field managers: scores store visits, makes repeated faults hurt more, and takes out who is strict and who is lenient.

A visit is a `task.done` (done, approved or failed) that answers a checklist: `values.checklist`, else the one that most answered items
are of; by somebody of the checklist's role, where both are known. Its id is `values.visit`, else the task. Required is what `required` or
`mandatory` says, else what is critical. A visit that is told late is judged by those before it. Fixes are followed by their own tasks,
and a fault ends with its fix or with a later pass.

The store is that of the envelope. Its code names the store's id or location number (AI 414); any other code that is no item's and not
read at a till counts once a visit began and ended with it, and from then on it is the only other one. A visit lasts from the first scan
to the last of that inspector since his last visit, at most a day before; a scan that closes it may come up to 10 minutes after its
answers. A code read again within a minute was read once. Without codes a visit lasts from `started` to its end; one that tells neither is
not held to be short. Leaning counts earlier visits only, and scores before adjustment.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, stamp

VISIT_AT_MOST, CLOSING, TWICE = timedelta(days=1), timedelta(minutes=10), timedelta(minutes=1)
VISITS_KEPT = timedelta(days=400)
MOST_VISITS, MOST_PEERS, MOST_SCANS = 20, 50, 200
ENDED = ("done", "approved", "failed")


class StoreInspection(Solution):
    number = 137
    zh, en = "督导巡店评分", "Supervisor visits with calibrated scores"
    purpose_zh = "按加权检查表为巡店评分，重复问题加重扣分，并校正督导的宽严差异，让门店可比。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("score.report", "task.create", "alert.raise")
    adapters = ("scanner?",)
    reads = ("checklists", "staff", "zones")
    kpis = {
        "visit_score_adjusted": kpi("points", "Adjusted score of a visit", "巡店校正得分"),
        "repeat_findings": kpi("%", "Repeated findings", "重复问题占比"),
        "inspector_leaning": kpi("points", "Inspector's leaning", "督导宽严偏差"),
        "visits_void": kpi("count", "Void visits", "无效巡店"),
    }
    kinds = {
        "inspection_finding": ("Finding of a store visit", "巡店发现问题"),
        "fix_finding": ("Put a finding right", "巡店问题整改"),
    }

    class Config(SolutionConfig):
        critical_cap: float = setting(59, "Highest score with a critical fault", "存在关键项不合格时最高分", ge=0, le=100)
        repeat_visits: int = setting(3, "Earlier visits that make a fault repeated", "重复判定回溯次数", ge=1, le=20)
        repeat_factor: float = setting(2, "Weight factor of a repeated fault", "重复问题权重倍数", ge=1, le=5,
            help_en="Its time to be fixed is divided by it.", help_zh="整改时限同时除以该倍数。")  # fmt: skip
        shrink_visits: float = setting(10, "Visits that are believed by half", "偏差收缩次数", ge=0, le=200,
            help_en="Comparable visits at which an inspector's leaning counts by half.",
            help_zh="达到此可比巡店次数时，宽严偏差按一半计入。")  # fmt: skip
        peer_visits: int = setting(6, "Last visits by others", "他人最近巡店次数", ge=2, le=50,
            help_en="They give a store's usual score.", help_zh="用于确定门店常态得分。")  # fmt: skip
        min_visit_min: int = setting(20, "Shortest visit", "最短巡店时长", unit="min", ge=0, le=240, help_en="Shorter ones are void.",
            help_zh="低于此时长的巡店无效。")  # fmt: skip
        check_in_code: bool = setting(True, "Store's code scanned at start and end", "进出店须扫门店码")
        fix_h: int = setting(24, "Time to put a finding right", "整改时限", unit="h", ge=1, le=720,
            help_en="Where the item says nothing.", help_zh="检查项未规定时采用。")  # fmt: skip
        make_tasks: bool = setting(True, "Make the fix tasks here", "在此生成整改任务",
            help_en="Off where a rectification loop takes the alerts.", help_zh="由整改闭环接收告警时关闭。")  # fmt: skip

    # Visits

    @on("scanner.code?")
    def scanned(self, event):
        code, ai, store = event["code"], event.get("ai") or {}, event.store
        if event.get("gtin") or "01" in ai:
            return
        named = store in code or "414" in ai
        if not named and (event.get("till") or self.state.get(f"code:{store}", code) != code):
            return
        name, first = f"scans:{store}", stamp(self.now - VISIT_AT_MOST)
        scan = {"at": stamp(event.time), "code": "" if named else code, "staff": event.get("staff"), "used": False}
        scans = self.state[name] = [one for one in self.state.get(name, []) if one["at"] > first]
        if any(self._is_twice(scan, one) for one in scans):
            return
        scans.append(scan)
        del scans[:-MOST_SCANS]
        for waiting in [name for name in self.state if name.startswith(f"waiting:{store}|")]:
            visit = self.state[waiting]
            if event.get("staff") in (None, visit["staff"]):
                del self.state[waiting]
                self.timers.cancel("unclosed", waiting)
                yield from self._judge(visit)

    def _is_twice(self, scan, other):
        """Whether a code was read twice at once."""
        if (scan["code"], scan["staff"]) != (other["code"], other["staff"]):
            return False
        return abs(parse_time(scan["at"]) - parse_time(other["at"])) < min(TWICE, timedelta(minutes=self.config.min_visit_min))

    @on("task.done")
    def done(self, event):
        if event["task"] in self.state.get("fixes", {}):
            yield from self._fixed(event)
            return
        rows, said = self._checklist(event)
        if event["state"] not in ENDED or not rows:
            return
        values = event.get("values") or {}
        name = f"{event.store}|{values.get('visit') or event['task']}"
        if f"visit:{name}" in self.state:
            return
        self.state[f"visit:{name}"] = True
        self.timers.set("forget", f"visit:{name}", self.now + VISITS_KEPT)
        started = event.get("started") or values.get("started")
        visit = {"name": name, "store": event.store, "staff": event["staff"], "started": started, "ended": stamp(event.time),
                 "checklist": rows[0]["checklist"], "answers": said}  # fmt: skip
        if self.config.check_in_code and len(self._scans(visit)) == 1:
            self.state[f"waiting:{name}"] = visit
            self.timers.set("unclosed", f"waiting:{name}", self.now + CLOSING)
        else:
            yield from self._judge(visit)

    @timer("unclosed")
    def unclosed(self, due):
        yield from self._judge(self.state.pop(due.key))

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _checklist(self, event):
        """Rows of the checklist that a task answers, and its answers by item; no rows where it is no visit."""
        from storeloom.workers.insight.check_results import answers

        values = event.get("values") or {}
        said = {str(item): answer for item, answer in answers(values).items()}
        by_list = {}
        for row in self.tables.checklists.rows():
            by_list.setdefault(row["checklist"], []).append(row)
        hits = {name: sum(row["item"] in said for row in rows) for name, rows in by_list.items()}
        name = values.get("checklist") or max(sorted(hits), key=hits.get, default=None)
        rows = by_list.get(name, []) if hits.get(name) else []
        roles, holder = {row["role"] for row in rows if row.get("role")}, self.tables.staff.get(event["staff"]) or {}
        fits = not roles or not holder.get("roles") or roles & set(holder["roles"])
        return (rows if fits else []), {row["item"]: said[row["item"]] for row in rows if said.get(row["item"]) not in (None, "")}

    def _scans(self, visit):
        """The scans of a visit in order of time: one code throughout."""
        known = self.state.get(f"scans:{visit['store']}", [])
        scans = [one for one in known if not one["used"] and one["staff"] in (None, visit["staff"])]
        since = stamp(parse_time(visit["ended"]) - VISIT_AT_MOST)
        scans = sorted((one for one in scans if one["at"] > since), key=lambda one: one["at"])
        return [one for one in scans if one["code"] == scans[0]["code"]]

    def _void(self, visit, rows):
        """Whether a visit does not count; the scans of one that was made are used up."""
        start, end = visit["started"], visit["ended"]
        if self.config.check_in_code:
            scans = self._scans(visit)
            if len(scans) < 2:
                return True
            start, end = scans[0]["at"], scans[-1]["at"]
            for one in scans:
                one["used"] = True
            if scans[0]["code"]:
                self.state.setdefault(f"code:{visit['store']}", scans[0]["code"])
        if start and parse_time(end) - parse_time(start) < timedelta(minutes=self.config.min_visit_min):
            return True
        return any(row.get("required", row.get("mandatory", row.get("critical"))) and row["item"] not in visit["answers"] for row in rows)

    # Scores

    def _judge(self, visit):
        from storeloom.workers.insight.check_results import failed

        rows = [row for row in self.tables.checklists.rows() if row["checklist"] == visit["checklist"]]
        if self._void(visit, rows):
            self.kpi.add("visits_void", 1)
            return
        store, config, engine = visit["store"], self.config, self.workers.insight.inspection
        book = self.state.setdefault(f"history:{store}|{visit['checklist']}", [])
        earlier = [items for ended, items in book if ended <= visit["ended"]]
        before = {item for items in earlier[-config.repeat_visits :] for item in items}
        verdicts = {row["item"]: failed(visit["answers"].get(row["item"]), row) for row in rows if row["item"] in visit["answers"]}
        faults = [row for row in rows if verdicts.get(row["item"])]
        repeated = {row["item"] for row in faults if row["item"] in before}
        book.insert(len(earlier), [visit["ended"], [row["item"] for row in faults]])
        del book[:-MOST_VISITS]
        passed = [row for row in rows if verdicts.get(row["item"]) is False]
        raw = engine.score(
            [row.get("weight", 1) for row in passed],
            [row.get("weight", 1) * (config.repeat_factor if row["item"] in repeated else 1) for row in faults],
        )
        if raw is not None:
            yield self._score(visit, raw, faults, repeated)
        self.kpi.share("repeat_findings", len(repeated), len(faults))
        for row in passed:
            yield from self._clear(f"{store}|{row['checklist']}|{row['item']}", visit["ended"])
        for row in faults:
            yield from self._fault(visit, row, row["item"] in repeated)

    def _score(self, visit, raw, faults, repeated):
        store, who, engine, config = visit["store"], visit["staff"], self.workers.insight.inspection, self.config
        scores, known = self.state.setdefault(f"scores:{store}", []), self.state.setdefault(f"leaning:{who}", {"visits": 0, "apart": 0.0})
        lean = engine.leaning(known["apart"], known["visits"], config.shrink_visits)
        cap = config.critical_cap if any(row.get("critical") for row in faults) else None
        points = round(engine.adjusted(raw, lean, cap=cap), 1)
        earlier = [one[:2] for one in scores if one[2] <= visit["ended"]]
        usual = engine.usual(earlier, who, config.peer_visits)
        if usual is not None:
            known["visits"] += 1
            known["apart"] += raw - usual
        latest = self.state.setdefault("latest", {})
        if len(earlier) == len(scores):
            latest[store] = points
        scores.insert(len(earlier), [who, raw, visit["ended"]])
        if sum(one[0] == who for one in scores) > MOST_PEERS:
            scores.remove(next(one for one in scores if one[0] == who))
        self.kpi.sample("visit_score_adjusted", points)
        self.kpi.set("inspector_leaning", round(lean, 2))
        parts = {"score": round(raw, 1), "leaning": round(lean, 2), "faults": len(faults), "repeated": len(repeated)}
        labels = {"inspector": who, "visit": visit["name"].partition("|")[2], "checklist": visit["checklist"]}
        labels |= {"capped": "critical"} if cap is not None else {}
        return out("score.report", {"from": visit["started"] or visit["ended"], "to": visit["ended"]}, scheme="store_inspection",
                   subject_kind="store", subject=store, score=points, labels=labels,
                   parts=[{"name": name, "value": value} for name, value in parts.items()],
                   rank=1 + sum(other > points for other in latest.values()), of=len(latest),
                   notes=[row.get("text", row["item"]) for row in faults])  # fmt: skip

    # Faults

    def _fault(self, visit, row, repeated):
        key, store = f"{visit['store']}|{row['checklist']}|{row['item']}", visit["store"]
        hours = (row.get("fix_h") or self.config.fix_h) / (self.config.repeat_factor if repeated else 1)
        due, text = parse_time(visit["ended"]) + timedelta(hours=hours), row.get("text", row["item"])
        given = row.get("severity") if row.get("severity") in ("info", "warn", "high", "critical") else "warn"
        zone = next((one["zone"] for one in self.tables.zones.rows() if row.get("zone_kind") and one.get("kind") == row["zone_kind"]), None)
        ref = {"visit": visit["name"].partition("|")[2], "checklist": row["checklist"], "item": row["item"], "store": store}
        known = self.state.setdefault(f"fault:{key}", {"task": None, "seen": ""})
        severity, seen = "critical" if row.get("critical") else given, max(known["seen"], visit["ended"])
        known.update(subject=row["item"], severity=severity, zone=zone, text=text, ref=ref, seen=seen)
        yield self._alert(key, known, "open", due=due, repeated=repeated)
        if self.config.make_tasks and known["task"] is None:
            task = known["task"] = f"fix-{ref['visit']}-{row['item']}"
            self.state.setdefault("fixes", {})[task] = key
            yield out("task.create", task=task, kind="fix_finding", title=self.say(f"Put right: {text}", f"整改：{text}"), zone=zone,
                      priority=1 if row.get("critical") else 2 if repeated else 3, due=due, evidence="photo", checklist=row["checklist"],
                      items=[{"note": row["item"]}], ref=ref)  # fmt: skip

    def _fixed(self, event):
        if event["state"] in ("accepted", "failed", "rejected"):
            return
        key = self.state["fixes"].pop(event["task"])
        if event["state"] in ("done", "approved"):
            yield from self._clear(key)
        elif f"fault:{key}" in self.state:
            self.state[f"fault:{key}"]["task"] = None

    def _clear(self, key, passed=None):
        """End a fault that was fixed, or that a visit that is no older passed."""
        known = self.state.get(f"fault:{key}")
        if known and (passed is None or passed >= known["seen"]):
            del self.state[f"fault:{key}"]
            self.state.get("fixes", {}).pop(known["task"], None)
            yield self._alert(key, known, "cleared")

    def _alert(self, key, known, state, **more):
        return out("alert.raise", alert=f"finding-{key.replace('|', '-')}", kind="inspection_finding", state=state,
                   **{name: known[name] for name in ("subject", "severity", "zone", "text", "ref")}, **more)  # fmt: skip
