"""Headcount planner: how many full-time, part-time and on-call people a store should have for the coming quarter, and where it trails.

On the first of the month at six. The quarter is the thirteen weeks from the first forecast day that is not over; weeks that have forecasts
on fewer days than the fullest one are left out. The later forecast of an hour counts, of `forecast.labour` and of `forecast.traffic` for
sales (minor units), where one for the whole store (`store` or its id) stands for those of its parts. Without one there is no ratio.

Hours above the 85th percentile week are told as peak hours, beside the plan. A role is certified where the table `skills` asks it for a
skill with a certificate or a mandatory one: its hours are planned with contracts, and what the present staff lack of that skill is told.
Staff whose `contract_hours` are nearer to the full-time contract are full-time, those with 0 on call. Attrition is learnt from `left` dates
where the table has some of the last twelve months and somebody hired before. Surplus contracts of one kind offset posts of the other.

Productivity is of the month before, by `pos.sale` and `staff.clock` of this store and of the others whose events come here; these count
as of its format. No person stands in a report, punches are kept while somebody is at work.
"""

from datetime import date, timedelta

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, plain

WEEKS, PEAK_SHARE, BAND, LEAST_PEERS = 13, 0.85, 0.25, 5
YEAR = timedelta(days=365)
LONGEST_STAY = timedelta(hours=24)


class Contract(SolutionConfig):
    hours: int = Field(40, ge=1, le=84)
    week_cost: int = Field(160000, ge=0)


class HeadcountPlanner(Solution):
    number = 71
    zh, en = "编制与人效优化", "Headcount and productivity planner"
    purpose_zh = "在工资预算内以最低成本算出下季度门店需要的全职、兼职与灵活用工，并指出人效落后于同类门店之处。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("score.report", "insight.report")
    reads = ("staff", "skills")
    load = "optimise"
    kpis = {
        "planned_week_cost": kpi("minor units", "Planned cost a week", "计划周人力成本"),
        "wage_ratio": kpi("%", "Wage ratio", "人力成本率"),
        "sales_per_hour": kpi("minor units", "Sales per hour worked", "工时销售额"),
        "posts_to_open": kpi("count", "Posts to open", "待招岗位数"),
    }
    kinds = {"headcount_plan": ("Headcount plan", "编制方案")}

    class Config(SolutionConfig):
        shrinkage: float = setting(0.12, "Paid hours lost", "工时损耗率", ge=0, le=0.4,
            help_en="Share of paid hours lost to leave, sickness and training.", help_zh="休假、病假与培训占计薪工时的比例。")  # fmt: skip
        full_time: Contract = setting(lambda: {"hours": 40, "week_cost": 160000}, "Full-time contract", "全职合同",
            help_en="Hours and cost (minor units) a week.", help_zh="每周工时与成本（最小货币单位）。")  # fmt: skip
        part_time: Contract = setting(lambda: {"hours": 20, "week_cost": 70000}, "Part-time contract", "兼职合同",
            help_en="Hours and cost (minor units) a week.", help_zh="每周工时与成本（最小货币单位）。")  # fmt: skip
        gig_cost: int = setting(4500, "On-call hour", "灵活用工时薪", unit="minor/h", ge=0, le=100000)
        min_full_share: float = setting(0.6, "Least share of full-time hours", "全职工时最低占比", ge=0, le=1,
            help_en="Of all hours planned.", help_zh="占计划总工时的比例。")  # fmt: skip
        wage_ratio_max: float = setting(9.0, "Highest wage ratio", "人力成本率上限", unit="%", ge=1, le=40,
            help_en="Wage cost over forecast sales; the plan shows the gap.", help_zh="人力成本占预测销售额，超出给出差额。")  # fmt: skip
        hire_weeks: int = setting(4, "Time to hire", "招聘周期", unit="wk", ge=0, le=26,
            help_en="From opening a post to the first shift.", help_zh="从开放岗位到首次上岗。")  # fmt: skip
        attrition_month: float = setting(5, "Leavers a month", "月离职率", unit="%", ge=0, le=40,
            help_en="Learned from the last 12 months where known.", help_zh="已知时按最近 12 个月学习。")  # fmt: skip
        peer_quantile: float = setting(0.75, "Mark among like stores", "同类门店标杆分位", ge=0.5, le=0.95,
            help_en="Quantile of their productivity.", help_zh="同类门店人效的分位数。")  # fmt: skip

    # What is foreseen

    @on("forecast.labour")
    def needed(self, event):
        self._foresee(f"need:{event['role']}", event, event["heads"])

    @on("forecast.traffic?")
    def sales_foreseen(self, event):
        if event["what"] == "sales" and event.store in ("", self.store.id):
            place = "store" if event["place"] == self.store.id else event["place"]
            amount = event["p50"] if event.get("mean") is None else event["mean"]
            self._foresee(f"sales:{place}", event, amount)

    def _foresee(self, name, event, value):
        """Enter a forecast under its first day, in place of those that it overlaps."""
        if event.store not in ("", self.store.id):
            return
        start, end = parse_time(event["from"]), parse_time(event["to"])
        day = self.state.setdefault(f"{name}|{self.store.hours.store_day(start)}", {})
        for old in [old for old in day if parse_time(old) < end and parse_time(day[old][0]) > start]:
            del day[old]
        day[plain(start)] = [plain(end), value]

    def _weeks(self, prefix, *, rate):
        """Sums of the coming weeks by role or place: of hours where the values are a `rate` (heads), else of the values."""
        from storeloom.workers.optimise.headcount import weekly

        windows = []
        for key in sorted(key for key in self.state if key.startswith(prefix)):
            for begin, (end, value) in self.state[key].items():
                start, stop = parse_time(begin), parse_time(end)
                amount = value * (stop - start).total_seconds() / 3600 if rate else value
                windows.append((key.removeprefix(prefix).rsplit("|", 1)[0], start, stop, amount))
        return weekly(windows, self.store.hours, self.now, WEEKS)

    # What was sold and worked

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] in ("sale", "return"):
            self._book(event)["sales"] += event["total"] if event["kind"] == "sale" else -abs(event["total"])

    @on("staff.clock?")
    def clocked(self, event):
        """Hours count when somebody clocks out."""
        from storeloom.workers.insight.worktime import pair_punches

        key = f"punch:{event.store or self.store.id}|{event['staff']}"
        punches = [*self.state.get(key, ()), [plain(event.time), event["kind"]]]
        if event["kind"] == "in" and event.time - parse_time(punches[0][0]) > LONGEST_STAY:
            punches = punches[-1:]
        self.state[key] = punches
        if event["kind"] == "out":
            del self.state[key]
            for pair in pair_punches((parse_time(at), kind) for at, kind in punches):
                if pair.closed:
                    self._book(event)["min"] += (pair.end - pair.start).total_seconds() / 60 - pair.break_min

    def _book(self, event):
        month = f"{self.store.hours.store_day(event.time):%Y-%m}"
        return self.state.setdefault(f"month:{month}|{event.store or self.store.id}", {"sales": 0, "min": 0.0})

    # The first of the month

    @every(cron="0 6 1 * *")
    def plan(self, due):
        today = self.store.hours.store_day(due.time)
        self._forget(today)
        needs = self._weeks("need:", rate=True)
        if needs.count:
            yield self._planned(due.time, today, needs)
        yield from self._productivity(today)

    def _planned(self, at, today, needs):
        from storeloom.workers.optimise import headcount

        config, (full, part, leavers) = self.config, self._present(at)
        roles = {role: sum(hours) / needs.count for role, hours in needs.sums.items()}
        required, peaks = headcount.base_load([sum(week) for week in zip(*needs.sums.values(), strict=True)], PEAK_SHARE)
        lost = 1 - config.shrinkage
        papers = {role: skills for role in roles if (skills := self._papers(role))}
        contracts = [headcount.Contract(one.hours, one.week_cost) for one in (config.full_time, config.part_time)]
        certified = min(sum(roles[role] for role in papers), required) / lost
        plan = headcount.cheapest(required / lost, *contracts, config.gig_cost, config.min_full_share, certified)
        posts = max(0, plan.full + plan.part - full - part + leavers)
        figures = {
            "required_hours": (required, "h"), "paid_hours": (required / lost, "h"), "full_time": (plan.full, "count"),
            "part_time": (plan.part, "count"), "on_call_hours": (plan.on_call, "h"), "peak_on_call_hours": (peaks / lost, "h"),
            "full_share": (100 * plan.full_share, "%"), "planned_week_cost": (plan.cost, "minor"), "weeks": (needs.count, "count"),
            "present_full_time": (full, "count"), "present_part_time": (part, "count"), "leavers": (leavers, "count"),
            "posts_to_open": (posts, "count"),
        }  # fmt: skip
        self.kpi.set("planned_week_cost", plan.cost)
        self.kpi.set("posts_to_open", posts)
        text = [f"{plan.full} full-time, {plan.part} part-time, {plan.on_call} on-call hours a week",
                f"每周全职 {plan.full} 人、兼职 {plan.part} 人、灵活用工 {plan.on_call} 小时"]  # fmt: skip
        sales = self._sales_a_week()
        if sales:
            ratio, gap = 100 * plan.cost / sales, max(0.0, plan.cost - config.wage_ratio_max * sales / 100)
            self.kpi.set("wage_ratio", ratio)
            figures |= {"sales_a_week": (sales, "minor"), "wage_ratio": (ratio, "%"), "wage_gap": (gap, "minor")}
            if gap > 0:
                text = [f"{text[0]}; {gap / 100:.2f} a week above the wage budget", f"{text[1]}；每周超出人力预算 {gap / 100:.2f}"]
        rows = [
            {"role": role, "hours": hours, **self._skilled(role, hours / lost, papers.get(role))} for role, hours in sorted(roles.items())
        ]
        return out("insight.report", {"from": needs.start, "to": needs.start + timedelta(weeks=WEEKS)}, rows=rows, kind="headcount_plan",
                   report=f"headcount-{self.store.id}-{today:%Y-%m}", version=1, text=self.say(*text),
                   figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip

    def _present(self, at):
        """Full-time and part-time people present, and how many of them are expected to leave before a post can be filled."""
        from storeloom.workers.optimise.headcount import monthly_attrition

        rows, today = self.tables.staff.all_rows(), self.store.hours.store_day(at)
        here = [row for row in rows if self._employed(row, today)]
        middle = (self.config.full_time.hours + self.config.part_time.hours) / 2
        hours = [row["contract_hours"] if row.get("contract_hours") is not None else self.config.full_time.hours for row in here]
        full, part = sum(one >= middle for one in hours), sum(0 < one < middle for one in hours)
        share = self.config.attrition_month / 100
        left = sum(1 for row in rows if (gone := _day(row.get("left"))) and today - YEAR < gone <= today)
        if left and any((hired := _day(row.get("hired"))) and hired <= today - YEAR for row in rows):
            then = sum(self._employed(row, today - YEAR) for row in rows)
            learnt = monthly_attrition(then, len(here), left)
            share = share if learnt is None else learnt
        return full, part, int(share * 12 / 52 * self.config.hire_weeks * (full + part) + 0.5)

    def _employed(self, row, day):
        hired, left = _day(row.get("hired")), _day(row.get("left"))
        return (hired is None or hired <= day) and (left is None or left > day)

    def _papers(self, role):
        """The certified skills of a role with the level needed."""
        rows = self.tables.skills.rows(role=role)
        return {row["skill"]: row.get("level", 1) for row in rows if row.get("certificate") or row.get("mandatory")}

    def _skilled(self, role, paid, skills):
        """For a certified role: the contract hours of present staff who have all its skills, and what is short."""
        if not skills:
            return {}
        today, held = self.store.hours.store_day(self.now), 0.0
        for person in self.tables.staff.all_rows():
            own = {row["skill"]: row for row in self.tables.skills.rows(staff=person["staff"])}
            able = all(
                skill in own and own[skill].get("level", 1) >= level and not _over(own[skill], today) for skill, level in skills.items()
            )
            held += (person.get("contract_hours") or 0) if able and self._employed(person, today) else 0
        return {"skills": sorted(skills), "skilled_hours": held, "short_hours": max(0.0, paid - held)}

    def _sales_a_week(self):
        sales = self._weeks("sales:", rate=False)
        places = ["store"] if "store" in sales.sums else list(sales.sums)
        return sum(sum(sales.sums[place]) for place in places) / sales.count if sales.count else None

    def _productivity(self, today):
        """Sales an hour of the month before, beside like stores where there are enough."""
        from storeloom.workers.optimise.headcount import like_stores, quantile

        last = today.replace(day=1) - timedelta(days=1)
        prefix = f"month:{last:%Y-%m}|"
        books = {key.removeprefix(prefix): self.state[key] for key in sorted(self.state) if key.startswith(prefix)}
        own = books.pop(self.store.id, None)
        if own is None or own["min"] <= 0:
            return
        sales, hours = own["sales"], own["min"] / 60
        mine = sales / hours
        self.kpi.set("sales_per_hour", mine)
        peers = like_stores(sales, {name: (book["sales"], book["min"] / 60) for name, book in books.items()}, BAND)
        if len(peers) < LEAST_PEERS:
            return
        mark = quantile(list(peers.values()), self.config.peer_quantile)
        potential = max(0.0, hours - sales / mark) if mark > 0 else 0.0
        parts = [("sales", sales, "minor"), ("hours", hours, "h"), ("sales_per_hour", mine, "minor/h"), ("mark", mark, "minor/h"),
                 ("potential_hours", potential, "h")]  # fmt: skip
        midnight = self.store.hours.midnight
        yield out("score.report", {"from": midnight(last.replace(day=1)), "to": midnight(today.replace(day=1))}, scheme="productivity",
                  subject_kind="store", subject=self.store.id, score=100 * mine / mark if mark > 0 else None,
                  rank=1 + sum(one > mine for one in peers.values()), of=1 + len(peers),
                  parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts])  # fmt: skip

    def _forget(self, today):
        """Drop forecasts of days gone by and months before the last."""
        month = f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"
        for key in list(self.state):
            kind, _, rest = key.partition(":")
            past = kind in ("need", "sales") and all(parse_time(end) <= self.now for end, _ in self.state[key].values())
            if past or (kind == "month" and rest[:7] < month):
                del self.state[key]


def _day(text):
    return date.fromisoformat(str(text)[:10]) if text else None


def _over(row, day):
    end = _day(row.get("valid_to"))
    return end is not None and end < day
