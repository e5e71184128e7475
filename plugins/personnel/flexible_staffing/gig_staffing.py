"""On-call staffing: under-covered hours become paid posts, opened to the best known first, overbooked a little, paid by verified time.

A slot is a window of `forecast.labour`; somebody fixed fills it by being there for all of it, trainees do not. A post is named after its
role and start, and keeps that name: `gig.post` comes again with each tier, pay, or number of places, and `heads` are the places booked,
`skills` the papers that the role must have (the skills table's, save what is not mandatory, else the usual ones). A paper counts by the
table, and for people without a row by what they accept with. A place that is given up is open again. An accept that was made earlier than
one that has the last place takes it, if it comes before the start.

Who is not in 15 minutes after the start is told by an alert; the rest is posted for all if it lasts two hours and too few are there, who
then have an hour to come. Pay is settled by the punch out at the end, an hour after it otherwise, at the highest pay of the post; punched
breaks are not paid. The chance of coming is learned from people booked. Workers are pseudonyms; their punches and posts are forgotten a
week after the post.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight.contacts import has_left
from storeloom.workers.insight.skill_matrix import ROLE_PAPERS
from storeloom.workers.optimise import gigs

LATE, SETTLED, KEPT = timedelta(minutes=15), timedelta(hours=1), timedelta(days=7)
CLOSED_BEFORE, REPOSTED_H, EARLY, REACHED = timedelta(hours=12), 2, timedelta(hours=3), timedelta(minutes=45)
OPEN_TO_ALL = 3


class GigStaffing(Solution):
    number = 72
    zh, en = "灵活用工抢单平台", "On-call staffing"
    purpose_zh = "缺人时段自动发布有偿岗位：先给熟悉的好手，再放开平台，按爽约率多约一人，只付核实工时。"
    formats = ("supermarket",)
    produces = ("gig.post", "message.send", "alert.raise", "score.report")
    adapters = ("messaging",)
    reads = ("staff", "skills")
    kpis = {
        "fill_rate": kpi("%", "Heads found by the start", "到岗前满员率"),
        "show_rate": kpi("%", "People booked who came", "到岗率"),
        "pay_per_filled_hour": kpi("minor units", "Pay for an hour worked", "每工时成本"),
        "time_to_fill": kpi("min", "Time until enough accepted", "满员用时"),
    }
    kinds = {"gig_no_show": ("No clock-in", "未到岗")}

    class Config(SolutionConfig):
        min_block: float = setting(3, "Shortest post", "最短岗位时长", unit="h", ge=1, le=8)
        lead: int = setting(24, "Posts open this long before their start", "提前发布时间", unit="h", ge=2, le=168)
        tier_hours: list[Annotated[float, Field(ge=0, le=72)]] = setting(lambda: [2, 4], "Head start of tiers 1 and 2", "一二级优先时长",
            unit="h", help_en="Rated 4.5 or better and known here; own pool; then the open platform.",
            help_zh="评分4.5以上的熟手；自有人才池；之后全平台。")  # fmt: skip
        base_pay: int = setting(2400, "Pay at opening", "起始时薪", unit="minor/h", ge=1, le=100_000)
        pay_step: int = setting(150, "Rise at each wider tier", "每级加价", unit="minor/h", ge=0, le=10_000)
        fill_target: float = setting(0.9, "Wanted chance that enough come", "目标满员概率", ge=0.5, le=0.99)
        show_rate: float = setting(0.92, "Chance that one comes", "到岗概率", ge=0.3, le=1,
            help_en="Learned by role after 30 posts.", help_zh="同岗位30单后按实际。")  # fmt: skip
        max_week: float = setting(24, "Hours a person and week", "每人每周上限", unit="h", ge=4, le=40)
        pay_step_minutes: int = setting(15, "Payable time is rounded down to", "计薪取整", unit="min", ge=1, le=60)

    # Gaps

    @on("forecast.labour")
    def required(self, event):
        key = f"need:{event['role']}"
        slots = {start: slot for start, slot in self.state.get(key, {}).items() if parse_time(slot["to"]) > self.now}
        slots[plain(parse_time(event["from"]))] = {"to": plain(parse_time(event["to"])), "heads": event["heads"]}
        self.state[key] = slots
        self.timers.set("plan", event["role"], self.now)

    @on("shift.fixed")
    def fixed(self, event):
        key, before = f"shift:{event['shift']}", self.state.get(f"shift:{event['shift']}")
        version = event.get("version", 1)
        if before and before["version"] > version:
            return
        shift = {"staff": event["staff"], "role": event["role"], "start": event["start"], "end": event["end"], "version": version}
        self.state[key] = shift | {"counts": not event.get("withdrawn") and not event.get("training"), "gone": bool(event.get("withdrawn"))}
        self.timers.set("forget", key, parse_time(event["end"]) + KEPT)
        for role in dict.fromkeys([event["role"], before["role"] if before else event["role"]]):
            self.timers.set("plan", role, self.now)

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _blocks(self, role):
        needs = [(parse_time(start), parse_time(slot["to"]), slot["heads"]) for start, slot in self.state.get(f"need:{role}", {}).items()]
        booked = [(worker, _span(post)) for post in self._posts(role).values() for worker in post["accepted"]]
        working = [shift for shift in self._shifts() if shift["counts"] and shift["role"] == role and self._employed(shift)]
        fixed = [_span(shift) for shift in working if not self._is_booked(shift, booked)]
        ahead = [need for need in needs if need[0] > self.now]
        return gigs.blocks(ahead, fixed, self.config.min_block)

    def _is_booked(self, shift, booked):
        """Whether a shift is of somebody who took a post at that time, and so fills that post."""
        return any(worker == shift["staff"] and gigs.conflict(_span(shift), [span]) == "overlap" for worker, span in booked)

    def _shifts(self):
        return [self.state[key] for key in self.state if key.startswith("shift:")]

    def _employed(self, shift):
        return not has_left(self.tables.staff.get(shift["staff"]) or {}, self._day(parse_time(shift["start"])))

    def _day(self, at):
        return self.store.hours.store_day(at)

    @timer("plan")
    def plan(self, due):
        yield from self._plan(due.key)

    @timer("opening")
    def opening(self, due):
        yield from self._plan(due.key.partition("|")[0])

    def _plan(self, role):
        """Bring the posts of a role in line with its gaps; those of less than twelve hours ahead stay as they are."""
        found = self._blocks(role)
        posts = {gig: post for gig, post in self._posts(role).items() if post["state"] == "open" and not post["rest"]}
        for gig, post in posts.items():
            meets = [block for block in found if block.start < parse_time(post["end"]) and parse_time(post["start"]) < block.end]
            found = [block for block in found if block not in meets]
            early = parse_time(post["start"]) - self.now >= CLOSED_BEFORE
            if early or (meets and not post["accepted"] and (meets[0].start, meets[-1].end) != _span(post)):
                yield from self._amend(gig, post, meets)
        for block in found:
            opens = block.start - timedelta(hours=self.config.lead)
            if opens > self.now:
                self.timers.set("opening", f"{role}|{plain(block.start)}", opens)
            else:
                yield from self._open(role, block)

    def _posts(self, role=None):
        posts = {key[5:]: self.state[key] for key in self.state if key.startswith("post:")}
        return {gig: post for gig, post in posts.items() if role in (None, post["role"])}

    def _amend(self, gig, post, meets):
        """A gap that closed, shrank or grew: unfilled places go with it, people who accepted stay."""
        if not meets:
            post["state"], post["places"] = "withdrawn", len(post["accepted"])
            self._stop(gig)
            yield self._told(gig, post, withdrawn=True)
            return
        start, end, heads = meets[0].start, meets[-1].end, max(block.heads for block in meets)
        wanted = max(gigs.places(heads, self._show_rate(post["role"]), self.config.fill_target), len(post["accepted"]))
        moved = not post["accepted"] and (start, end) != _span(post)
        if moved:
            post.update(start=plain(start), end=plain(end))
            self._alarms(gig, post)
        if moved or heads != post["heads"]:
            post.update(heads=heads, places=wanted)
            yield self._told(gig, post)

    # Posts

    def _show_rate(self, role):
        return gigs.show_rate(self.state.get(f"history:{role}", {}), self.config.show_rate)

    def _open(self, role, block):
        booked = gigs.places(block.heads, self._show_rate(role), self.config.fill_target)
        post = {"role": role, "start": plain(block.start), "end": plain(block.end), "heads": block.heads, "places": booked, "tier": 1,
                "pay": self.config.base_pay, "state": "open", "accepted": {}, "opened": plain(self.now), "filled": False,
                "rest": False}  # fmt: skip
        yield from self._publish(f"gig-{role}-{post['start']}", post)

    def _publish(self, gig, post):
        self.state[f"post:{gig}"] = post
        self._alarms(gig, post)
        if post["tier"] < OPEN_TO_ALL and self.config.tier_hours:
            self.timers.set("tier", gig, self.now + timedelta(hours=self.config.tier_hours[0]))
        yield self._told(gig, post)

    def _alarms(self, gig, post):
        start, end = _span(post)
        self.timers.set("late", gig, max(start, self.now) + LATE + (REACHED if post["rest"] else timedelta(0)))
        self.timers.set("settle", gig, end + SETTLED)
        self.timers.set("forget", f"post:{gig}", end + KEPT)

    def _stop(self, gig):
        self.timers.cancel("tier", gig)

    def _told(self, gig, post, withdrawn=None):
        return out("gig.post", gig=gig, role=post["role"], start=post["start"], end=post["end"], heads=post["places"], pay=post["pay"],
                   skills=self._papers(post["role"]) or None, tier=post["tier"], withdrawn=withdrawn)  # fmt: skip

    @timer("tier")
    def wider(self, due):
        post = self.state.get(f"post:{due.key}")
        if post is None or post["state"] != "open" or len(post["accepted"]) >= post["places"] or self.now >= parse_time(post["start"]):
            return
        post.update(tier=post["tier"] + 1, pay=post["pay"] + self.config.pay_step)
        if post["tier"] <= len(self.config.tier_hours):
            self.timers.set("tier", due.key, due.time + timedelta(hours=self.config.tier_hours[post["tier"] - 1]))
        yield self._told(due.key, post)

    # Accepts

    @on("gig.accept")
    def answered(self, event):
        gig, worker, post = event["gig"], event["worker"], self.state.get(f"post:{event['gig']}")
        if post is None:
            return
        if event["state"] in ("withdrawn", "no_show") and worker in post["accepted"]:
            del post["accepted"][worker]
            if post["state"] == "open" and self.now < parse_time(post["start"]):
                yield self._told(gig, post)
        elif event["state"] == "accepted" and worker not in post["accepted"]:
            yield from self._accept(event, gig, post)

    def _accept(self, event, gig, post):
        worker, reason = event["worker"], self._refusal(event, gig, post)
        if reason == "full" and self.now < parse_time(post["start"]):
            last = max(post["accepted"], key=lambda one: tuple(post["accepted"][one]), default=None)
            earlier = last and (plain(event.time), event.id) < tuple(post["accepted"][last])
            if earlier and self._refusal(event, gig, post, full=False) is None:
                del post["accepted"][last]
                yield self._message(last, gig, post, "full")
                reason = None
        if reason is None:
            post["accepted"][worker] = [plain(event.time), event.id]
            if len(post["accepted"]) >= post["heads"] and not post["filled"]:
                post["filled"] = True
                self.kpi.sample("time_to_fill", (event.time - parse_time(post["opened"])) / gigs.MINUTE)
        yield self._message(worker, gig, post, reason)

    def _refusal(self, event, gig, post, full=True):
        """Why somebody may not have a place; None where nothing speaks against it."""
        worker, span = event["worker"], _span(post)
        if post["state"] != "open" or self.now >= span[1] or (full and len(post["accepted"]) >= post["places"]):
            return "full"
        row = self.tables.staff.get(worker)
        if row and has_left(row, self._day(span[0])):
            return "left"
        if not all(self._holds(worker, paper, self._day(span[0]), event.get("skills") or ()) for paper in self._papers(post["role"])):
            return "paper"
        others = [_span(one) for name, one in self._posts().items() if name != gig and worker in one["accepted"]]
        others += [_span(shift) for shift in self._shifts() if shift["staff"] == worker and not shift["gone"]]
        clash = gigs.conflict(span, others)
        if clash:
            return clash
        week = [one for one in [*others, span] if self._week(one[0]) == self._week(span[0])]
        return "max_week" if gigs.hours(week) > self.config.max_week else None

    def _week(self, at):
        return self._day(at).isocalendar()[:2]

    def _papers(self, role):
        """What a role must have: the table's skills for it that are not optional, else the usual papers."""
        rows = [row for row in self.tables.skills.rows(role=role) if not row.get("staff")]
        return [row["skill"] for row in rows if row.get("mandatory", True)] if rows else list(ROLE_PAPERS.get(role, ()))

    def _holds(self, worker, paper, day, claimed):
        known = {(row["staff"], row["skill"]) for row in self.tables.skills.rows(staff=worker)}
        if (worker, paper) not in known:
            return paper in claimed
        from storeloom.workers.optimise.eligibility import Skills

        return self.tables.skills.derived("skills", Skills).holds(worker, paper, day)

    def _message(self, worker, gig, post, reason):
        start, end = (self.store.hours.local(at) for at in _span(post))
        when = f"{start:%m-%d %H:%M}-{end:%H:%M}"
        yes, no = (f"{when} is yours.", f"{when} 已确认。"), (f"{when}: refused ({reason}).", f"{when} 未能接单（{reason}）。")
        params = {"gig": gig, "start": post["start"], "end": post["end"], "pay": post["pay"]} | ({"reason": reason} if reason else {})
        return out("message.send", message=f"{gig}-{worker}-{plain(self.now)}", channel="work_chat", to=worker, purpose="staff",
                   template="gig_refused" if reason else "gig_accepted", text=self.say(*(no if reason else yes)),
                   params=params)  # fmt: skip

    # Showing up and pay

    @on("staff.clock")
    def clocked(self, event):
        worker = event["staff"]
        mine = [gig for gig, post in self._posts().items() if worker in post["accepted"]]
        if not mine:
            return
        punches = self.state.setdefault(f"clock:{worker}", [])
        punches.append([plain(event.time), event["kind"]])
        self.timers.set("forget", f"clock:{worker}", self.now + KEPT)
        for gig in mine:
            if event["kind"] == "out" and event.time >= parse_time(self.state[f"post:{gig}"]["end"]):
                yield from self._pay(gig, self.state[f"post:{gig}"], worker)

    def _punches(self, worker, span):
        punches = [(parse_time(at), kind) for at, kind in self.state.get(f"clock:{worker}", ())]
        return [punch for punch in punches if span[0] - EARLY <= punch[0] <= span[1] + SETTLED]

    @timer("late")
    def late(self, due):
        """A quarter of an hour after the start: who is missing, and whether the rest is worth another post."""
        gig, post = due.key, self.state[f"post:{due.key}"]
        self._stop(gig)
        span = _span(post)
        came = [one for one in sorted(post["accepted"]) if any(kind == "in" and at <= due.time for at, kind in self._punches(one, span))]
        history = self.state.setdefault(f"history:{post['role']}", {"posts": 0, "booked": 0, "came": 0})
        for name, number in (("posts", 1), ("booked", len(post["accepted"])), ("came", len(came))):
            history[name] += number
        if post["state"] == "open":
            self.kpi.share("fill_rate", min(len(post["accepted"]), post["heads"]), post["heads"])
        self.kpi.share("show_rate", len(came), len(post["accepted"]))
        missing = [one for one in sorted(post["accepted"]) if one not in came]
        for worker in missing:
            words = self.say(f"{worker} has not clocked in for {post['role']}", f"{worker}未到岗（{post['role']}）")
            yield out("alert.raise", alert=f"no-show-{gig}-{worker}", kind="gig_no_show", severity="high", state="open", subject=worker,
                      text=words, ref={"gig": gig, "role": post["role"]})  # fmt: skip
        left = span[1] - self.now
        post["state"] = "closed"
        if missing and len(came) < post["heads"] and left >= REPOSTED_H * gigs.HOUR:
            heads = post["heads"] - len(came)
            booked = gigs.places(heads, self._show_rate(post["role"]), self.config.fill_target)
            rest = {**post, "start": plain(self.now), "heads": heads, "places": booked, "tier": OPEN_TO_ALL, "state": "open",
                    "accepted": {}, "opened": plain(self.now), "filled": False, "rest": True}  # fmt: skip
            yield from self._publish(f"{gig}-rest", rest)

    @timer("settle")
    def settle(self, due):
        post = self.state[f"post:{due.key}"]
        for worker in sorted(post["accepted"]):
            yield from self._pay(due.key, post, worker)

    def _pay(self, gig, post, worker):
        """What was clocked within the post, once a worker."""
        span, paid = _span(post), post.setdefault("paid", [])
        punches = self._punches(worker, span)
        if worker in paid or not any(kind == "in" for _, kind in punches):
            return
        paid.append(worker)
        overlap = gigs.clocked(punches, span)
        minutes = gigs.payable(overlap, self.config.pay_step_minutes)
        amount = gigs.pay(minutes, post["pay"])
        self.kpi.share("pay_per_filled_hour", amount, minutes / 60)
        parts = [("overlap", overlap, "min"), ("payable", minutes, "min"), ("rate", post["pay"], "minor/h"), ("pay", amount, "minor")]
        yield out("score.report", {"from": span[0], "to": span[1]}, scheme="gig_pay", subject_kind="staff", subject=worker, score=amount,
                  parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts],
                  labels={"gig": gig, "role": post["role"]})  # fmt: skip


def _span(row):
    return parse_time(row["start"]), parse_time(row["end"])
