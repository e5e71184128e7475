"""Shared staff between stores: people are lent to a neighbouring store that is short, with consent and rest, before outside help is paid.

It runs at the pool's lead store. Whose an event is says its `store` (in the data where there is one, else of the envelope). A need is a
`gig.post` less those who took it from outside; one under `min_block` stays open and counts as not met. Only people on a fixed shift of
the need's role, for all of it, are lent; where a store's need (`forecast.labour`) is not known for all of the time, it has nobody to
spare. A match is made at `run_times`, and again for the needs of the last one after each no, silence, or fact that changes them; asks
that stand are kept where the cost is the same, else taken back by a message. Nobody is asked too late to be there in time.

An agreed loan is a `shift.propose` of the home shift's own id where it takes all of that shift, else of an id of its own. A person who
withdraws after agreeing re-opens it: the same id, open again. A loan that is called off or not kept is not paid. A month's settlement is
a score report for each pair of stores on the first of the next month, about the store that owes. Rosters, needs and gigs are forgotten
three days after they are over, loans with their settlement.
"""

from collections import Counter
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

REST = timedelta(hours=11)
KEPT_DAYS = 3
DAY = timedelta(days=1)
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


class SharedStaffPool(Solution):
    number = 73
    zh, en = "跨店共享用工", "Shared staff between stores"
    purpose_zh = "同一时段一店富余、邻店缺人时，经本人同意并保证法定休息，先在相邻门店间借调并公平结算，再付费找外部人员。"
    formats = ("supermarket",)
    produces = ("shift.propose", "message.send", "score.report")
    adapters = ("messaging",)
    reads = ("staff", "skills")
    load = "optimise"
    kpis = {
        "needs_met_inside": kpi("%", "Needs met inside", "内部满足率"),
        "loan_hours": kpi("h", "Hours lent", "借调工时"),
        "outside_pay_saved": kpi("minor units", "Outside pay saved", "节省外部用工费"),
        "mean_travel": kpi("min", "Mean way", "平均路程"),
    }

    class Config(SolutionConfig):
        max_travel: int = setting(40, "Longest one-way trip", "单程最长路程", unit="min", ge=5, le=120)
        travel: dict[str, dict[str, Annotated[int, Field(ge=0)]]] = setting(dict, "Ways", "路程", unit="min",
            help_en="One-way minutes by person or home store, then store; a pair not named is forbidden.",
            help_zh="按员工或所属门店、再按目的门店的单程分钟；未列出的组合不可借调。")  # fmt: skip
        keep_margin: int = setting(0, "People kept above the need", "借出店在需求之上保留的人数", ge=0, le=5)
        min_block: float = setting(3, "Shortest loan", "最短借调", unit="h", ge=1, le=8)
        unserved_cost: int = setting(240, "Cost of an open need", "缺口成本", unit="min", ge=30, le=1440,
            help_en="What a need left open counts for, in minutes of travel.", help_zh="缺口未补的成本，折算为路程分钟。")  # fmt: skip
        max_loans_month: int = setting(4, "Loans of a person a month", "每人每月借调上限", ge=0, le=20,
            help_en="Counted by the calendar month in which they begin.", help_zh="按借调开始所在自然月计。")  # fmt: skip
        consent_timeout: int = setting(60, "Time to agree", "答复时限", unit="min", ge=5, le=720,
            help_en="After it the next best is asked.", help_zh="超时后询问次优人选。")  # fmt: skip
        transfer_rate: int = setting(3200, "Charged to the borrowing store", "借入店结算单价", unit="minor/h", ge=0, le=100000)
        run_times: list[Annotated[str, Field(pattern=CLOCK)]] = setting(lambda: ["10:00", "15:00"], "Times of matching", "匹配时间",
            help_en="Store time; new times count from the next day.", help_zh="门店当地时间；修改后次日生效。")  # fmt: skip

    # When it runs

    def start(self):
        self._plan_runs(self.store.hours.store_day(self.now))

    @every("1d", at="00:00")
    def new_day(self, due):
        today = self.store.hours.store_day(due.time)
        self._plan_runs(today)
        self._rosters().forget(today - KEPT_DAYS * DAY)

    def _plan_runs(self, day):
        for clock in self.config.run_times:
            if (at := self.store.hours.at(day, clock)) >= self.now:
                self.timers.set("run", clock, at)

    @timer("run")
    def run(self, due):
        """All open needs enter the match."""
        self.kpi.add("loan_hours", 0)
        for key in [key for key in self.state if key.startswith("gig:")]:
            gig = self.state[key]
            if not gig["matched"] and parse_time(gig["start"]) > self.now and self._open_heads(gig):
                gig["matched"] = True
                self._count(gig, 0)
        yield from self._match()

    # Facts of the stores

    @on("forecast.labour")
    def required(self, event):
        store, role, heads = _store(event, self.store.id), event["role"], event["heads"]
        start, end = parse_time(event["from"]), parse_time(event["to"])
        before = self._rosters().require(store, role, start, end, heads)
        asked = any((ask["lender"], ask["role"]) == (store, role) and _meets(ask, start, end) for ask in self._asks().values())
        if heads > before and asked:
            yield from self._match()

    @on("shift.fixed")
    def fixed(self, event):
        from storeloom.workers.optimise.lending import Stint

        store, start, end = _store(event, self.store.id), parse_time(event["start"]), parse_time(event["end"])
        stint = Stint(event["staff"], store, event["role"], start, end)
        changed = self._rosters().fix(event["shift"], event.get("version", 1), stint, withdrawn=bool(event.get("withdrawn")))
        asks = self._asks().values()
        if any(
            ask["staff"] == one.staff or (ask["lender"] == store and _meets(ask, one.start, one.end)) for one in changed for ask in asks
        ):
            yield from self._match()

    @on("gig.post")
    def posted(self, event):
        key, heads = f"gig:{event['gig']}", 0 if event.get("withdrawn") else event["heads"]
        block = {name: event[name] for name in ("start", "end", "role")}
        gig = self.state.get(key)
        if gig is None:
            if heads and parse_time(event["start"]) > self.now:
                people = {"outside": [], "inside": [], "out": [], "back": []}
                said = {"store": _store(event, self.store.id), "pay": event.get("pay", 0), "skills": event.get("skills") or []}
                self.state[key] = {**block, **said, **people, "heads": heads, "matched": False, "counted": [0, 0]}
                self.timers.set("over", event["gig"], parse_time(event["end"]) + KEPT_DAYS * DAY)
            return
        before = {name: gig[name] for name in block}
        changed = (before, gig["heads"]) != (block, heads)
        gig.update(block, heads=heads, pay=event.get("pay", gig["pay"]), skills=event.get("skills") or gig["skills"])
        if gig["matched"] and changed:
            asks = [ask["staff"] for ask in self._asks().values() if ask["gig"] == event["gig"]]
            for staff in asks if before != block else ():
                yield self._take_back(event["gig"], staff)
            self._count(gig, 0)
            yield from self._match()

    @timer("over")
    def forget(self, due):
        self.state.pop(f"gig:{due.key}", None)

    # Answers

    @on("gig.accept?")
    def answered(self, event):
        gig, staff, state = self.state.get(f"gig:{event['gig']}"), event["worker"], event["state"]
        if gig is None:
            return
        asked, inside, outside = f"{event['gig']}|{staff}" in self._asks(), staff in gig["inside"], staff in gig["outside"]
        if asked and state == "accepted":
            yield self._agree(event["gig"], staff)
            return
        if asked:
            self._drop(event["gig"], staff)
        elif inside and state != "accepted":
            yield from self._call_off(event["gig"], staff)
        elif state == "accepted" and not inside and not outside and staff not in [*gig["out"], *gig["back"]]:
            gig["outside"].append(staff)
        elif outside and state != "accepted":
            gig["outside"].remove(staff)
        else:
            return
        if gig["matched"]:
            self._count(gig, 0)
            yield from self._match()

    @timer("consent")
    def silent(self, due):
        for ask in [ask for ask in self._asks().values() if parse_time(ask["until"]) <= due.time]:
            self._drop(ask["gig"], ask["staff"])
        yield from self._match()

    def _drop(self, gig, staff):
        """An ask is over; the pair is not asked again."""
        self._asks().pop(f"{gig}|{staff}")
        self.timers.cancel("consent", f"{gig}|{staff}")
        self.state[f"gig:{gig}"]["out"].append(staff)

    def _agree(self, gig, staff):
        ask, need = self._asks().pop(f"{gig}|{staff}"), self.state[f"gig:{gig}"]
        self.timers.cancel("consent", f"{gig}|{staff}")
        self._loans(ask["start"])[f"{gig}|{staff}"] = ask | {"pay": need["pay"]}
        need["inside"].append(staff)
        self._count(need, 1)
        self._book(ask, need["pay"], 1)
        self.kpi.sample("mean_travel", ask["travel"])
        return out("shift.propose", shift=ask["shift"], staff=staff, role=ask["role"], start=ask["start"], end=ask["end"], kind="loan",
                   lender=ask["lender"], reason=self.say(f"lent to {ask['store']}", f"借调至 {ask['store']}"))  # fmt: skip

    def _call_off(self, gig, staff):
        """A loan that was agreed is not kept: its shift is open again, and nothing is paid for it."""
        need = self.state[f"gig:{gig}"]
        loan = self._loans(need["start"]).pop(f"{gig}|{staff}", None)
        need["inside"].remove(staff)
        need["out"].append(staff)
        self._count(need, -1)
        if loan:
            self._book(loan, loan["pay"], -1)
            yield out("shift.propose", shift=loan["shift"], role=loan["role"], start=loan["start"], end=loan["end"], kind="loan",
                      lender=loan["lender"], reason=self.say(f"{staff} does not come", f"{staff} 取消借调"))  # fmt: skip

    # The match

    def _match(self):
        """Bring the asks in line with the cheapest match of what is open; agreed loans stand."""
        asks = self._asks()
        found = {f"{loan.need.id}|{loan.staff}": loan for loan in self.workers.optimise.lending.match(self._problem()).loans}
        for key in [key for key in asks if key not in found]:
            yield self._take_back(asks[key]["gig"], asks[key]["staff"])
        for key in [key for key in found if key not in asks]:
            yield self._ask(found[key])

    def _problem(self):
        from storeloom.workers.optimise import lending

        config, gigs = self.config, {key.removeprefix("gig:"): self.state[key] for key in sorted(self.state) if key.startswith("gig:")}
        needs = [
            lending.Need(gig, row["store"], row["role"], parse_time(row["start"]), parse_time(row["end"]), self._open_heads(row),
                 self._day(row["start"])[:7])
            for gig, row in gigs.items()
            if row["matched"] and self._open_heads(row) > 0 and parse_time(row["start"]) > self.now and _hours(row) >= config.min_block
        ]  # fmt: skip
        rules = lending.Rules(config.max_travel, REST, config.max_loans_month)
        months = {key: self.state[key] for key in self.state if key.startswith("loans:")}
        agreed = [lending.from_row(row) for loans in months.values() for row in loans.values()]
        rosters = self._rosters()
        days = rosters.days(needs)
        stints = rosters.stints(days)
        out_of = {(gig, staff) for gig, row in gigs.items() for staff in row["out"]}
        found = lending.offers(needs, stints, agreed, self._way, self._may(gigs), rules, self.now, out_of)
        free = lending.free(found, stints, agreed, rosters.required(days), config.keep_margin)
        lent = Counter((row["staff"], month.removeprefix("loans:")) for month, loans in months.items() for row in loans.values())
        asked = frozenset((ask["gig"], ask["staff"]) for ask in self._asks().values())
        return lending.Problem(tuple(needs), tuple(found), free, lent, rules, config.unserved_cost, asked)

    def _way(self, staff, home, store):
        """Minutes from a person's store to another: the person's own, else the store's."""
        own = self.config.travel.get(staff, {})
        return own[store] if store in own else self.config.travel.get(home, {}).get(store)

    def _may(self, gigs):
        """Whether a person has what a need asks for, on its day; somebody outside the table works in the role of the fixed shift."""
        from storeloom.workers.optimise.eligibility import Skills, is_employed

        skills = self.tables.skills.derived("skills", Skills)

        def may(staff, need):
            day = date.fromisoformat(self._day(plain(need.start)))
            person = self.tables.staff.get(staff) or {"staff": staff, "roles": [need.role]}
            held = all(skills.holds(staff, skill, day) for skill in gigs[need.id]["skills"])
            return held and is_employed(person, day) and skills.may_work(person, need.role, day)

        return may

    def _ask(self, loan):
        need, local = loan.need, self.store.hours.local
        until = min(self.now + timedelta(minutes=self.config.consent_timeout), need.start - timedelta(minutes=loan.travel_min))
        key = f"{need.id}|{loan.staff}"
        shift = self._rosters().home_shift(loan) or f"loan-{need.id}-{loan.staff}"
        self._asks()[key] = ask = loan.row() | {"until": plain(until), "shift": shift}
        self.timers.set("consent", key, until)
        when = f"{local(need.start):%m-%d %H:%M}-{local(need.end):%H:%M}"
        text = self.say(
            f"Would you work at {need.store} on {when} ({need.role}), {loan.travel_min} min away? Please answer by {local(until):%H:%M}.",
            f"能否于 {when} 到 {need.store} 支援（{need.role}），路程 {loan.travel_min} 分钟？请在 {local(until):%H:%M} 前答复。",
        )
        params = {name: ask[name] for name in ("gig", "store", "lender", "role", "start", "end", "travel")}
        return out("message.send", message=f"loan-{key}-{plain(self.now)}", channel="work_chat", to=loan.staff, template="loan_ask",
                   purpose="staff", text=text, params=params, expires=until)  # fmt: skip

    def _take_back(self, gig, staff):
        self._asks().pop(f"{gig}|{staff}")
        self.timers.cancel("consent", f"{gig}|{staff}")
        self.state[f"gig:{gig}"]["back"].append(staff)
        text = self.say(f"You are no longer asked for {gig}.", f"{gig} 的支援请求已撤回。")
        return out("message.send", message=f"loan-back-{gig}|{staff}-{plain(self.now)}", channel="work_chat", to=staff,
                   template="loan_recall", purpose="staff", text=text, params={"gig": gig})  # fmt: skip

    # Figures and settlement

    def _open_heads(self, gig):
        return gig["heads"] - len(gig["outside"]) - len(gig["inside"])

    def _count(self, gig, loans):
        """Bring `needs_met_inside` up to a need's heads left to the pool, and by so many loans."""
        met, whole = gig["counted"]
        gig["counted"] = [met + loans, max(len(gig["inside"]), gig["heads"] - len(gig["outside"]))]
        self.kpi.share("needs_met_inside", loans, gig["counted"][1] - whole)

    def _book(self, loan, pay, sign):
        hours = _hours(loan)
        self.kpi.add("loan_hours", sign * hours)
        self.kpi.add("outside_pay_saved", sign * round(pay * hours))

    @every(cron="0 0 1 * *")
    def settle(self, due):
        last = self.store.hours.store_day(due.time) - DAY
        loans = self.state.pop(f"loans:{last:%Y-%m}", {}).values()
        span = {"from": self.store.hours.midnight(last.replace(day=1)), "to": due.time}
        for balance in self.workers.optimise.lending.settle(
            [(loan["lender"], loan["store"], _hours(loan)) for loan in loans], self.config.transfer_rate
        ):
            parts = [("owed", balance.owed, "minor"), ("hours_borrowed", balance.hours, "h"), ("hours_lent", balance.hours_back, "h")]
            yield out("score.report", span, scheme="staff_loans", subject_kind="store", subject=balance.debtor,
                      parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts],
                      labels={"creditor": balance.creditor, "debtor": balance.debtor})  # fmt: skip

    def _asks(self):
        return self.state.setdefault("asks", {})

    def _rosters(self):
        return self.workers.optimise.pool_rosters.PoolRosters(self.store.hours.store_day, self.state)

    def _loans(self, start):
        return self.state.setdefault(f"loans:{self._day(start)[:7]}", {})

    def _day(self, text):
        return self.store.hours.store_day(parse_time(text)).isoformat()


def _store(event, lead):
    return str(event.get("store") or event.store or lead)


def _meets(ask, start, end):
    return parse_time(ask["start"]) < end and start < parse_time(ask["end"])


def _hours(row):
    return (parse_time(row["end"]) - parse_time(row["start"])) / timedelta(hours=1)
