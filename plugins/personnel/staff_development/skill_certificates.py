"""Skill matrix and certificates: papers renewed in time, no shift without valid ones, and whom to train where a skill hangs on one head.

A paper is a row of the skills table (`valid_from`, `valid_to`, the last valid day) or a passed course that gives its skill. The health
certificate is named `health`: it runs `health_months` from its issue; others to `valid_to`, else the course's `valid_months`, else without
end. The later of both holds, and `expired` ends it. Levels of the table fade from when they are first seen here. A role uses the skills
that the table asks of it, the skill of its own name, and its papers where courses lead to levels of them.

A band is the morning (from 5), afternoon (12) or evening (17 to 5) of a day, and counts for the skills of the roles at work in it; whoever
is fixed there in any role is counted. Gaps are looked for each morning and ten minutes after the last change of the roster; somebody is
proposed once for a skill, and again after `gap_horizon` days. Notices go out in the morning; a day that was missed is made up.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time
from storeloom.workers.insight import skill_matrix as matrix
from storeloom.workers.insight.contacts import has_left

HEALTH, SETTLE = "health", timedelta(minutes=10)


class SkillCertificates(Solution):
    number = 65
    zh, en = "技能矩阵与持证上岗", "Skill matrix and certificates"
    purpose_zh = "健康证、上岗证与技能等级一张表：到期前提醒，无证不排班，关键技能只靠一人时给出最省的培训人选。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("alert.raise", "task.create", "score.report")
    reads = ("staff", "skills", "courses")
    kpis = {
        "valid_papers": kpi("%", "Papers needed that are valid", "证件有效率"),
        "blocked_shifts": kpi("count", "Shifts without valid papers", "无证班次"),
        "single_point_skills": kpi("count", "Skills that hang on one head", "单点技能数"),
        "training_hours_proposed": kpi("h", "Training proposed", "建议培训工时"),
    }
    kinds = {
        "renew_certificate": ("Renew a certificate", "证件续期"),
        "missing_paper": ("Shift without valid papers", "无有效证件排班"),
        "train_skill": ("Learn a skill", "技能培训"),
    }

    class Config(SolutionConfig):
        notice_days: list[Annotated[int, Field(ge=1, le=180)]] = setting(
            lambda: [30, 14, 3], "Notices before expiry", "到期提醒天数", unit="d"
        )
        health_months: int = setting(12, "Validity of a health certificate", "健康证有效期", unit="month", ge=1, le=36)
        role_needs: dict[str, list[str]] = setting(
            lambda: {role: list(papers) for role, papers in matrix.ROLE_PAPERS.items()}, "Papers of a role", "岗位所需证件"
        )
        min_depth: int = setting(2, "Qualified people for each skill and shift", "每班次技能人数下限", ge=1, le=10)
        decay_days: int = setting(180, "An unused skill loses a level after", "技能闲置降级天数", unit="d", ge=30, le=1095)
        gap_horizon: int = setting(28, "Rosters looked at", "排班查看天数", unit="d", ge=7, le=90)
        block: bool = setting(True, "Such a shift is critical", "无证排班视为严重",
            help_en="Otherwise a warning.", help_zh="关闭则仅为警告。")  # fmt: skip

    def start(self):
        self._see_levels()
        self._count_papers(self._today())

    # Papers

    def _until(self, staff, paper):
        """The first day on which a paper is not valid, and its issue; None for one that nobody knows of."""
        row, known = self._row(staff, paper), self.state.get(f"paper:{staff}|{paper}")
        found = [self._row_until(row)] if row else []
        if known and known["ended"]:
            ended = date.fromisoformat(known["ended"])
            found = [one for one in found if one[1] > ended] or [(ended, date.fromisoformat(known["issued"]))]
        elif known:
            issued = date.fromisoformat(known["issued"])
            months = self.config.health_months if paper == HEALTH else known["months"]
            found.append((matrix.runs_out(issued, months) if months else date.max, issued))
        return max(found) if found else None

    def _row(self, staff, skill):
        rows = self.tables.skills.derived("by person", lambda rows: {(row["staff"], row["skill"]): row for row in rows if row.get("staff")})
        return rows.get((staff, skill))

    def _row_until(self, row):
        issued = date.fromisoformat(str(row["valid_from"])[:10]) if row.get("valid_from") else None
        if row["skill"] == HEALTH and issued:
            return matrix.runs_out(issued, self.config.health_months), issued
        if row.get("valid_to"):
            return date.fromisoformat(str(row["valid_to"])[:10]) + timedelta(days=1), issued or date.min
        months = next(
            (course.get("valid_months") for course in self.tables.courses.rows(skill=row["skill"]) if course.get("valid_months")), None
        )
        return (matrix.runs_out(issued, months) if issued and months else date.max), issued or date.min

    def _valid(self, staff, paper, day):
        found = self._until(staff, paper)
        return found is not None and found[1] <= day < found[0]

    @on("training.event")
    def trained(self, event):
        course = self.tables.courses.get(event["course"]) or {}
        staff, skill, day = event["staff"], course.get("skill"), self.store.hours.store_day(event.time)
        if skill is None or event["kind"] not in ("passed", "expired"):
            return
        key = f"paper:{staff}|{skill}"
        if event["kind"] == "expired":
            before = self.state.get(key) or {"issued": day.isoformat(), "months": None}
            self.state[key] = {**before, "ended": day.isoformat()}
            self._count_papers(self._today())
            yield from self._check_known()
            return
        if key not in self.state or self.state[key]["issued"] <= day.isoformat():
            self.state[key] = {"issued": day.isoformat(), "months": course.get("valid_months"), "ended": None}
        for name in [name for name in self.state if name.startswith("notice:") and name[7:].startswith(f"{staff}|{skill}|")]:
            del self.state[name]
        level = self._level(staff, skill, day)
        self._set_level(staff, skill, min(matrix.TOP, max(level, course.get("level") or matrix.QUALIFIED)), day)
        self._count_papers(self._today())
        yield from self._report(staff, day)
        yield from self._clear()

    # Shifts

    @on("shift.fixed")
    def fixed(self, event):
        key, before = f"shift:{event['shift']}", self.state.get(f"shift:{event['shift']}")
        version = event.get("version", 1)
        if before and before["version"] > version:
            return
        shift = {name: event[name] for name in ("staff", "role", "start", "end")}
        self.state[key] = shift | {"version": version, "counted": False, "fixed": True, "gone": bool(event.get("withdrawn"))}
        yield from self._check(self.state[key])
        yield from self._clear() if before else ()
        self.timers.set("settle", "", self.now + SETTLE)

    @on("shift.propose?")
    def proposed(self, event):
        if event.get("staff"):
            key = f"shift:{event['shift']}"
            shift = {name: event[name] for name in ("staff", "role", "start", "end")}
            shift |= {"version": 0, "counted": False, "fixed": False, "gone": False}
            self.state.setdefault(key, shift)
            yield from self._check(shift)

    def _check(self, shift):
        """One alert for each person, role and day without a valid paper."""
        day = self.store.hours.store_day(parse_time(shift["start"]))
        lacking = [paper for paper in self.config.role_needs.get(shift["role"], ()) if not self._valid(shift["staff"], paper, day)]
        key = f"alert:{shift['staff']}|{shift['role']}|{day}"
        if not lacking or shift["gone"] or key in self.state:
            return
        self.state[key] = {"papers": lacking, "staff": shift["staff"], "role": shift["role"], "day": day.isoformat()}
        self.kpi.add("blocked_shifts")
        yield self._alert(key, "critical" if self.config.block else "warn", "open")

    def _alert(self, key, severity, state):
        one = self.state[key]
        name, papers = (self.tables.staff.get(one["staff"]) or {}).get("name", one["staff"]), ", ".join(one["papers"])
        words = self.say(
            f"{name} has no valid {papers} for {one['role']} on {one['day']}", f"{name} {one['day']}上岗{one['role']}缺有效证件：{papers}"
        )
        return out("alert.raise", alert=f"missing_paper:{key[6:]}", kind="missing_paper", severity=severity, state=state,
                   subject=one["staff"], text=words if state == "open" else self.say("No longer", "已解除"),
                   ref={name: one[name] for name in ("role", "day", "papers")})  # fmt: skip

    def _clear(self):
        """Alerts whose paper has come, or whose shifts are gone."""
        planned = {(s["staff"], s["role"], self._start_day(s)) for s in self._shifts()}
        for key in [key for key in self.state if key.startswith("alert:")]:
            one = self.state[key]
            wanting = [paper for paper in one["papers"] if not self._valid(one["staff"], paper, date.fromisoformat(one["day"]))]
            if not wanting or (one["staff"], one["role"], one["day"]) not in planned:
                yield self._alert(key, "info", "cleared")
                del self.state[key]

    def _shifts(self):
        return [shift for key in self.state if key.startswith("shift:") and not (shift := self.state[key])["gone"]]

    def _start_day(self, shift):
        return self.store.hours.store_day(parse_time(shift["start"])).isoformat()

    def _check_known(self):
        for shift in self._shifts():
            if parse_time(shift["start"]) > self.now:
                yield from self._check(shift)

    @on_table("skills", "courses")
    def table_changed(self, table):
        self._see_levels()
        self._count_papers(self._today())
        yield from self._clear()
        yield from self._check_known()

    # Levels

    def _see_levels(self):
        """Levels of the table: a new one counts from today, one that was written anew too."""
        today = self._today()
        for row in self.tables.skills.rows():
            if row.get("staff") and row.get("level") is not None:
                key = f"level:{row['staff']}|{row['skill']}"
                if self.state.get(key, {}).get("table") != row["level"]:
                    self.state[key] = {"level": row["level"], "since": today.isoformat(), "table": row["level"]}

    def _level(self, staff, skill, day):
        known = self.state.get(f"level:{staff}|{skill}")
        return matrix.level_on(known["level"], date.fromisoformat(known["since"]), day, self.config.decay_days) if known else 0

    def _set_level(self, staff, skill, level, day):
        table = self.state.get(f"level:{staff}|{skill}", {}).get("table")
        self.state[f"level:{staff}|{skill}"] = {"level": level, "since": day.isoformat(), "table": table}

    def _used(self, role):
        """The skills that a role uses."""
        asked = [row["skill"] for row in self.tables.skills.rows(role=role) if not row.get("staff")]
        taught = {row.get("skill") for row in self.tables.courses.rows() if row.get("level")}
        held = self.tables.skills.derived("held", lambda rows: {row["skill"] for row in rows if row.get("staff")})
        own = [role] if role in held | taught else []
        return dict.fromkeys([*asked, *own, *(paper for paper in self.config.role_needs.get(role, ()) if paper in taught)])

    def _use(self, today):
        """Shifts that have begun keep the skills of their roles fresh."""
        for key in [key for key in self.state if key.startswith("shift:")]:
            shift, day = self.state[key], date.fromisoformat(self._start_day(self.state[key]))
            if day < today - timedelta(days=1):
                del self.state[key]
            if day >= today or shift["counted"] or shift["gone"] or not shift["fixed"]:
                continue
            shift["counted"] = True
            for skill in self._used(shift["role"]):
                if f"level:{shift['staff']}|{skill}" in self.state:
                    self._set_level(shift["staff"], skill, self._level(shift["staff"], skill, day), day)

    def _report(self, staff, day):
        """A person's levels, where one has changed since they were last told."""
        names = sorted(key.partition("|")[2] for key in self.state if key.startswith(f"level:{staff}|"))
        levels = {name: self._level(staff, name, day) for name in names}
        if self.state.get(f"told:{staff}") != levels:
            self.state[f"told:{staff}"] = levels
            yield out("score.report", {"from": self.store.hours.midnight(day), "to": self.now}, scheme="skill_matrix", subject_kind="staff",
                      subject=staff, parts=[{"name": name, "value": level, "unit": "level"} for name, level in levels.items()])  # fmt: skip

    # Mornings

    def _today(self):
        return self.store.hours.store_day(self.now)

    @every("1d", at="08:00")
    def morning(self, due):
        today = self._today()
        for key in [key for key in self.state if key.startswith("alert:") and self.state[key]["day"] < today.isoformat()]:
            del self.state[key]
        self._use(today)
        people = sorted({key[6:].partition("|")[0] for key in self.state if key.startswith("level:")})
        for staff in people:
            if not self._gone(staff, today):
                before = self.state.setdefault(f"told:{staff}", self._first_told(staff))
                yield from self._report(staff, today) if before is not None else ()
        yield from self._notices(today)
        yield from self._gaps(today)
        self._count_papers(today)

    def _first_told(self, staff):
        """Levels as they were first seen, which are not told."""
        keys = sorted(key for key in self.state if key.startswith(f"level:{staff}|"))
        return {key.partition("|")[2]: self.state[key]["level"] for key in keys}

    def _gone(self, staff, day):
        return has_left(self.tables.staff.get(staff) or {}, day)

    def _papers(self):
        """Who holds or must hold which paper."""
        wanted = {paper for papers in self.config.role_needs.values() for paper in papers}
        rows = [(row["staff"], row["skill"]) for row in self.tables.skills.rows() if row.get("staff")]
        known = [tuple(key[6:].split("|", 1)) for key in self.state if key.startswith("paper:")]
        return sorted({(staff, skill) for staff, skill in [*rows, *known] if skill in wanted or self._until(staff, skill)[0] < date.max})

    def _notices(self, today):
        for staff, paper in self._papers():
            until, _ = self._until(staff, paper)
            left = (until - today).days
            key = f"notice:{staff}|{paper}|{until}"
            sent = self.state.get(key, [])
            fresh = [days for days in self.config.notice_days if left <= days and days not in sent]
            if left <= 0 or not fresh or self._gone(staff, today):
                continue
            self.state[key] = sorted({*sent, *fresh})
            words = self.say(
                f"Renew {paper}: last valid day {until - timedelta(days=1)}", f"请续办{paper}：有效至{until - timedelta(days=1)}"
            )
            values = {"paper": paper, "last_valid_day": until - timedelta(days=1), "days_left": left, "reminder": bool(sent)}
            yield out("task.create", task=f"renew-{staff}-{paper}-{until}", kind="renew_certificate", staff=staff, title=words,
                      priority=1 if left <= min(self.config.notice_days) else 2, due=self.store.hours.midnight(until),
                      values=values)  # fmt: skip

    def _count_papers(self, today):
        needed = [(row["staff"], paper) for row in self.tables.staff.rows() if not has_left(row, today)
                  for role in row.get("roles") or () for paper in self.config.role_needs.get(role, ())]  # fmt: skip
        valid = sum(self._valid(staff, paper, today) for staff, paper in needed)
        self.kpi.set("valid_papers", 100 * valid / len(needed) if needed else None)

    @timer("settle")
    def settle(self, due):
        yield from self._gaps(self._today())

    def _gaps(self, today):
        """Propose whom to train where too few are qualified in the days ahead."""
        last, local = today + timedelta(days=self.config.gap_horizon), self.store.hours.local
        fixed = [(shift, [local(parse_time(shift[end])) for end in ("start", "end")]) for shift in self._shifts() if shift["fixed"]]
        shifts = [(shift["staff"], shift["role"], day, band) for shift, span in fixed
                  for day, band in matrix.bands(*span) if today <= day < last]  # fmt: skip
        found = matrix.depths(shifts, self._used, self._able)
        self.kpi.set("single_point_skills", len({gap.skill for gap in found if gap.depth == 1}))
        gaps = [gap for gap in found if gap.depth < self.config.min_depth]
        wages = self.tables.staff.derived("wages", lambda rows: {row["staff"]: row.get("hourly_pay") or 0 for row in rows})
        for (staff, skill), (closed, hours) in sorted(matrix.proposals(gaps, self._hours, lambda staff: wages.get(staff, 0)).items()):
            key = f"proposed:{staff}|{skill}"
            again = self.state.get(key)
            if again and today < date.fromisoformat(again) + timedelta(days=self.config.gap_horizon):
                continue
            self.state[key] = today.isoformat()
            self.kpi.add("training_hours_proposed", hours)
            courses = matrix.missing_hours(self.tables.courses.rows(), skill, self._level(staff, skill, today))[1]
            yield out("task.create", task=f"train-{staff}-{skill}-{today}", kind="train_skill", priority=3, staff=staff, skill=skill,
                      minutes=60 * hours, title=self.say(f"Learn {skill} to level 2 ({hours:g} h)", f"学习{skill}至2级（{hours:g}小时）"),
                      values={"skill": skill, "hours": hours, "gaps": closed, "courses": courses})  # fmt: skip

    def _able(self, staff, skill, day):
        """Qualified on a day: level 2 or better, and a paper that is valid where it is one."""
        until = self._until(staff, skill)
        return self._level(staff, skill, min(day, self._today())) >= matrix.QUALIFIED and (until is None or day < until[0])

    def _hours(self, staff, skill):
        level = self._level(staff, skill, self._today())
        found = matrix.missing_hours(self.tables.courses.rows(), skill, level) if level < matrix.QUALIFIED else None
        return found[0] if found else None
