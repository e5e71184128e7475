"""Queue and lane control: opens the next lane before the queue is there, from entrants and service speed, and closes it without see-sawing.

Need comes from `workers/optimise/queueing.py` (M/M/c, Erlang C). Each checkout zone is a lane; in a store with a single one its `staff`
counts the lanes. Where no camera tells staff, the tills with a receipt in the last ten minutes are the lanes, and only lanes opened here
are closed. Self-checkouts are the zones of category self_checkout, else the tills whose receipts of the last week say so. A lane closes
only if a whole lane is surplus (need at most one lane below what is open), so that a part of a self-checkout never makes it see-saw;
lanes opened here close first, the latest before the others. Without history every entrant is taken to pay. Without any `staff.clock`
the task goes out unassigned, for a person with skill till. Until a lane camera has reported, nothing is decided.

Privacy: counts per zone and line, staff numbers of clocked-in people; nobody is tracked.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.optimise import queueing, walks
from storeloom.workers.optimise.eligibility import Skills

BETWEEN_ORDERS = timedelta(minutes=3)
ORDER_DUE = timedelta(minutes=2)
ORDER_LAPSES = timedelta(minutes=7)
CAMERA_SILENT = timedelta(minutes=2)
ENTRANTS_SPAN = timedelta(minutes=5)
COUNT_OLDEST = timedelta(minutes=20)
AT_TILL, TILL_IDLE = timedelta(minutes=5), timedelta(minutes=10)
LONGEST_RECEIPT_S = 3600
EQUAL_WEEKDAYS, SELF_CHECKOUT_DAYS = 7, 7


class QueueLaneControl(Solution):
    number = 178
    zh, en = "收银排队与开道调度", "Queue and lane control"
    purpose_zh = "依据进店人数与结账速度，在排队形成之前增开收银通道，并避免反复开关。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "alert.raise", "sign.play", "score.report")
    adapters = ("camera?", "signage?")
    reads = ("staff", "skills", "zones")
    kpis = {
        "wait_p80": kpi("s", "Wait, 80th percentile", "排队等待P80"),
        "within_target": kpi("%", "Customers within the target wait", "达标等待占比"),
        "lane_hours": kpi("h", "Lane hours", "开道工时"),
        "openings": kpi("count", "Lanes opened", "增开次数"),
    }
    kinds = {
        "open_lane": ("Open a lane", "增开收银通道"),
        "close_lane": ("Close a lane", "关闭收银通道"),
        "no_cashier": ("Nobody free for a lane", "无人可开通道"),
        "all_lanes_open": ("All lanes are open", "通道已全开"),
    }

    class Config(SolutionConfig):
        target_wait_s: int = setting(120, "Target wait", "目标等待时间", unit="s", ge=10, le=900,
            help_en="Wait that most customers should not exceed.", help_zh="多数顾客不应超过的等待时间。")  # fmt: skip
        service_level: float = setting(0.8, "Share within the target", "达标比例", ge=0.5, le=0.99,
            help_en="Share of customers who wait no longer than the target.", help_zh="等待不超过目标的顾客比例。")  # fmt: skip
        q_open: float = setting(4.0, "Queue that opens a lane", "触发开道的队长", unit="people", ge=1, le=15,
            help_en="Measured queue per open lane that opens one more.", help_zh="每条开放通道的实测排队人数达到此值即增开。")  # fmt: skip
        open_hold_s: int = setting(60, "Queue must last", "排队持续时间", unit="s", ge=0, le=600,
            help_en="How long that queue must last.", help_zh="队长需持续此时间才触发。")  # fmt: skip
        lead_min: int = setting(10, "Look-ahead", "预判提前量", unit="min", ge=0, le=60,
            help_en="How far ahead the need is computed.", help_zh="提前多久计算所需通道。")  # fmt: skip
        shop_lag_min: int = setting(18, "From door to till", "进店到结账时长", unit="min", ge=1, le=120,
            help_en="Usual time a customer spends before the till.", help_zh="顾客从进店到结账的通常时长。")  # fmt: skip
        close_hold_min: int = setting(8, "Surplus must last", "富余持续时间", unit="min", ge=1, le=60,
            help_en="How long a lane must be surplus before it closes.", help_zh="通道富余持续此时间后才关闭。")  # fmt: skip
        min_open_min: int = setting(20, "Least opening time", "最短开放时间", unit="min", ge=1, le=120,
            help_en="An opened lane stays open at least this long.", help_zh="通道开放后至少保持此时间。")  # fmt: skip
        sco_weight: float = setting(0.6, "Weight of a self-checkout", "自助收银折算", ge=0.1, le=1.5,
            help_en="Lanes that one self-checkout is worth.", help_zh="一台自助收银折合的人工通道数。")  # fmt: skip
        service_ewma: float = setting(0.1, "Weight of the newest receipt", "服务时间平滑系数", ge=0.01, le=1,
            help_en="Weight of the newest service time in the average.", help_zh="最新一笔服务时间在平均中的权重。")  # fmt: skip

    @on("pos.sale")
    def sold(self, event):
        channel = event.get("channel", "till")
        if event.get("kind", "sale") != "sale" or channel not in ("till", "self_checkout"):
            return
        self._day(event.time)["receipts"] += 1
        if channel == "self_checkout":
            self.state.setdefault("self_checkouts", {})[event.get("till", "")] = plain(event.time)
            return
        self.state.setdefault("tills", {})[event.get("till", "")] = plain(event.time)
        if event.get("cashier"):
            self.state.setdefault("at_till", {})[event["cashier"]] = plain(event.time)
        seconds = (event.time - parse_time(event["started"])).total_seconds() if event.get("started") else 0
        if 0 < seconds <= LONGEST_RECEIPT_S:
            known, weight = self._service_s(), self.config.service_ewma
            self._day(event.time)["service_s"] = seconds if known is None else weight * seconds + (1 - weight) * known

    @on("vision.count?")
    def entered(self, event):
        if event.get("class", "person") != "person":
            return
        start, end = parse_time(event["from"]), parse_time(event["to"])
        self.state.setdefault("lines", {})[event["line"]] = True
        self._day(end)["entrants"].setdefault(event["line"], 0)
        self._day(end)["entrants"][event["line"]] += event["in"]
        recent = self.state.setdefault("counts", [])
        recent.append([event["line"], event["from"], event["to"], event["in"] / max((end - start).total_seconds() / 60, 1e-9)])
        limit = self.now - timedelta(minutes=self.config.shop_lag_min) - 2 * COUNT_OLDEST
        self.state["counts"] = [row for row in recent if parse_time(row[2]) > limit]

    @on("forecast.traffic?")
    def foreseen(self, event):
        if event["what"] in ("visitors", "receipts"):
            rows = self.state.setdefault("forecast", {})
            rows[f"{event['what']}|{event['place']}|{event['from']}"] = [event["to"], event["p50"]]
            self.state["forecast"] = {key: row for key, row in rows.items() if parse_time(row[0]) > self.now}

    @on("staff.clock?")
    def clocked(self, event):
        people = self.state.setdefault("people", {})
        if event["kind"] in ("in", "break_end"):
            people[event["staff"]] = {"zone": event.get("zone") or people.get(event["staff"], {}).get("zone"), "free": True}
        elif event["staff"] in people:
            people[event["staff"]]["free"] = False

    @on("vision.zone")
    def lane_seen(self, event):
        row = self.tables.zones.get(event["zone"])
        if row is None or row.get("kind") != "checkout":
            return
        lane = self._lane(event["zone"])
        if lane["seen"] and parse_time(lane["seen"]) > event.time:
            return
        staff = event.get("staff")
        lane["seen"] = plain(event.time)
        lane["queue"] = event.get("queue", max(0, event.get("occupancy", 0) - (staff or 0)))
        if staff is not None:
            self.state["staff_seen"] = True
            self._manning(lane, staff, event.time)
        self._watch_queue(event.time)

    def _manning(self, lane, staff, at):
        """Who stands at a lane: an order is met once more staff is there than before it, and lapses when nobody comes."""
        lane["staff"], lane["closing"] = staff, lane["closing"] and staff >= lane["before"]
        if lane["ordered"] and (staff > lane["before"] or at - parse_time(lane["ordered"]) > ORDER_LAPSES):
            lane["ordered"] = None
        if not lane["ordered"]:
            lane["since"] = (lane["since"] or plain(at)) if staff else None
            lane["ours"] = lane["ours"] and staff > 0

    @timer("hold")
    def queue_held(self, due):
        if self.store.hours.is_open(due.time):
            yield from self._decide_opening(self._need())

    @every("1m", only="open")
    def each_minute(self, due):
        if not self.store.hours.is_open(due.time) or not self.state.get("lanes"):
            return
        self._new_day()
        self._lapse()
        need = self._need()
        self._measure()
        yield from self._decide_opening(need)
        yield from self._decide_closing(need)

    @every("1d", at="close")
    def report(self, due):
        day = self._day(due.time - timedelta(microseconds=1))
        minutes, opens = day["minutes"], self.store.hours.span(due.time - timedelta(microseconds=1))
        parts = [{"name": "lane_hours", "value": day["lane_min"] / 60, "unit": "h"}, {"name": "openings", "value": day["openings"]}]
        score = 100 * day["within"] / minutes if minutes else None
        return out("score.report", {"from": opens[0] if opens else due.time - timedelta(days=1), "to": due.time}, scheme="queue",
                   subject_kind="store", subject=self.store.id, score=score, parts=parts)  # fmt: skip

    def _day(self, at):
        """Counts of a store day, kept for the equal weekdays of the weeks to come."""
        day = self.store.hours.store_day(at)
        empty = {"receipts": 0, "entrants": {}, "service_s": None, "minutes": 0, "within": 0, "lane_min": 0, "openings": 0}
        return self.state.setdefault(f"day:{day}", empty)

    def _past(self, weeks):
        day = self.store.hours.store_day(self.now) - timedelta(weeks=weeks)
        return self.state.get(f"day:{day}")

    def _new_day(self):
        day = self.store.hours.store_day(self.now)
        if self.state.get("today") == day.isoformat():
            return
        self.state["today"] = day.isoformat()
        oldest = f"day:{day - timedelta(weeks=EQUAL_WEEKDAYS + 1)}"
        for key in [key for key in self.state if key.startswith("day:") and key < oldest]:
            del self.state[key]
        for lane in self.state.get("lanes", {}).values():
            lane.update(ordered=None, ours=False, closing=False, since=lane["since"] if lane["staff"] else None)
        self.state["flow"] = {"queue_since": None, "surplus_since": None, "last_order": None}

    def _flow(self):
        return self.state.setdefault("flow", {"queue_since": None, "surplus_since": None, "last_order": None})

    def _service_s(self):
        """Seconds a receipt takes: today's average, before the first receipt last week's, else the latest known."""
        today, week_ago = self._day(self.now)["service_s"], (self._past(1) or {}).get("service_s")
        if today or week_ago:
            return today or week_ago
        days = sorted(key for key in self.state if key.startswith("day:") and self.state[key]["service_s"])
        return self.state[days[-1]]["service_s"] if days else None

    def _conversion(self):
        """Receipts per entrant on the last equal weekdays; on all days known where there are none; None without history."""
        equal = [day for weeks in range(1, EQUAL_WEEKDAYS + 1) if (day := self._past(weeks))]
        today = f"day:{self.store.hours.store_day(self.now)}"
        for days in (equal, [self.state[key] for key in self.state if key.startswith("day:") and key != today]):
            entrants = sum(self._at_doors(day["entrants"]) for day in days)
            if entrants:
                return sum(day["receipts"] for day in days if self._at_doors(day["entrants"])) / entrants
        return None

    def _at_doors(self, by_line):
        """Sum over the lines at entrances; over all lines where the zones name none of them."""
        doors = {door for row in self.tables.zones.rows(kind="entrance") for door in row.get("doors") or ()}
        known = doors & self.state.get("lines", {}).keys()
        return sum(n for line, n in by_line.items() if line in known or not known)

    def _rate(self):
        """Customers a minute at the tills, `lead_min` from now; None when nothing tells."""
        conversion, entrants = self._conversion(), self._entrants_per_min()
        if entrants is not None and conversion is not None:
            return entrants * conversion
        at = self.now + timedelta(minutes=self.config.lead_min)
        receipts, visitors = self._foreseen("receipts", at), self._foreseen("visitors", at)
        if receipts is not None:
            return receipts
        heads = entrants if entrants is not None else visitors
        return None if heads is None else heads * (1.0 if conversion is None else conversion)

    def _entrants_per_min(self):
        at = self.now - timedelta(minutes=self.config.shop_lag_min - self.config.lead_min)
        rows = [(line, parse_time(start), parse_time(end), rate) for line, start, end, rate in self.state.get("counts", [])]
        near = [row for row in rows if row[1] < at and row[2] > at - ENTRANTS_SPAN and self._at_doors({row[0]: 1})]
        if not near or at > self.now:
            return None
        by_line = {}
        for line in {row[0] for row in near}:
            shares = [(min(end, at) - max(start, at - ENTRANTS_SPAN), rate) for name, start, end, rate in near if name == line]
            by_line[line] = sum(span.total_seconds() * rate for span, rate in shares) / sum(span.total_seconds() for span, _ in shares)
        return self._at_doors(by_line)

    def _foreseen(self, what, at):
        """A forecast's rate a minute at a time: the store's where there is one, else its places together."""
        found = {}
        for key, (end, value) in self.state.get("forecast", {}).items():
            kind, place, start = key.split("|")
            if kind == what and parse_time(start) <= at < parse_time(end):
                found[place] = value / ((parse_time(end) - parse_time(start)).total_seconds() / 60)
        whole = [rate for place, rate in found.items() if place in (self.store.id, "store")]
        return (whole[0] if whole else sum(found.values())) if found else None

    def _need(self):
        rate, service_s = self._rate(), self._service_s()
        if rate is None or service_s is None:
            return None
        return queueing.servers_needed(rate, service_s / 60, self.config.target_wait_s / 60, self.config.service_level)

    def _lane(self, zone):
        empty = {"staff": 0, "queue": 0, "seen": None, "since": None, "ordered": None, "before": 0, "by": None, "ours": False,
                 "closing": False}  # fmt: skip
        return self.state.setdefault("lanes", {}).setdefault(zone, empty)

    def _self_checkout_zones(self):
        return [row["zone"] for row in self.tables.zones.rows(kind="checkout") if row.get("category") == "self_checkout"]

    def _single(self):
        return len(self.tables.zones.rows(kind="checkout")) == 1

    def _manned(self):
        """Lanes that are manned or ordered, by name, in order of opening."""
        sco = self._self_checkout_zones()
        lanes = {
            zone: lane for zone, lane in self.state.get("lanes", {}).items() if zone not in sco and (not lane["closing"] or self._single())
        }
        open_ = {zone: lane for zone, lane in lanes.items() if lane["staff"] or lane["ordered"] or self._single()}
        return dict(sorted(open_.items(), key=lambda item: (item[1]["since"] or item[1]["ordered"] or "", item[0])))

    def _lapse(self):
        """Where no camera tells staff, an order stands until its till shows in the receipts."""
        for lane in self.state["lanes"].values():
            if lane["ordered"] and not self.state.get("staff_seen") and self.now - parse_time(lane["ordered"]) > ORDER_LAPSES:
                lane["ordered"] = None

    def _lane_count(self):
        if not self.state.get("staff_seen"):
            tills = sum(self.now - parse_time(at) <= TILL_IDLE for at in self.state.get("tills", {}).values())
            return tills + sum(bool(lane["ordered"]) for lane in self._manned().values())
        if self._single():
            return sum(lane["staff"] + bool(lane["ordered"]) - lane["closing"] for lane in self._manned().values())
        return len(self._manned())

    def _open(self):
        week = self.now - timedelta(days=SELF_CHECKOUT_DAYS)
        seen = sum(parse_time(at) > week for at in self.state.get("self_checkouts", {}).values())
        return self._lane_count() + self.config.sco_weight * (len(self._self_checkout_zones()) or seen)

    def _queue(self):
        """People waiting, None when no queue camera has reported for two minutes."""
        fresh = [lane["queue"] for lane in self.state.get("lanes", {}).values()
                 if lane["seen"] and self.now - parse_time(lane["seen"]) <= CAMERA_SILENT]  # fmt: skip
        return sum(fresh) if fresh else None

    def _watch_queue(self, at):
        """Since when the queue per open lane has been too long; an alarm for when that has lasted."""
        flow, queue = self._flow(), self._queue()
        if queue is None or queue < self.config.q_open * max(self._open(), 1):
            flow["queue_since"] = None
        elif flow["queue_since"] is None:
            flow["queue_since"] = plain(at)
            self.timers.set("hold", "queue", at + timedelta(seconds=self.config.open_hold_s))

    def _measure(self):
        queue, service_s, day = self._queue(), self._service_s(), self._day(self.now)
        self.kpi.add("lane_hours", self._lane_count() / 60)
        day["lane_min"] += self._lane_count()
        if queue is not None and service_s is not None and self._open():
            wait_s = queue / self._open() * service_s
            within = wait_s <= self.config.target_wait_s
            self.kpi.sample("wait_p80", wait_s, "p80")
            self.kpi.share("within_target", within, 1)
            day["minutes"] += 1
            day["within"] += within

    def _decide_opening(self, need):
        self._watch_queue(self.now)
        flow = self._flow()
        since, last = flow["queue_since"], flow["last_order"]
        held = since is not None and self.now - parse_time(since) >= timedelta(seconds=self.config.open_hold_s)
        if (need is None or need <= self._open() + 1e-9) and not held:
            return
        if last is None or self.now - parse_time(last) >= BETWEEN_ORDERS:
            yield from self._open_one()

    def _open_one(self):
        manned, sco = self._manned(), self._self_checkout_zones()
        zones = [row["zone"] for row in self.tables.zones.rows(kind="checkout") if row["zone"] not in sco]
        if self._single() and manned and self._lane(zones[0])["ordered"]:
            return
        free = zones if self._single() else sorted(zone for zone in zones if zone not in manned)
        lane = free[0] if free else "extra"
        if lane == "extra" and lane in manned:
            yield from self._alert("all_lanes_open", self.say("All lanes are open and the queue grows", "通道已全开，排队仍在增长"))
            return
        known = "people" in self.state
        staff = self._nearest(lane) if known else None
        if known and staff is None:
            yield from self._alert("no_cashier", self.say("A lane is needed, nobody is free", "需要增开通道，但无人可用"), lane)
            return
        yield from self._clear()
        row = self._lane(lane)
        row.update(ordered=plain(self.now), before=row["staff"], since=plain(self.now), by=staff, ours=True, closing=False)
        self._flow().update(last_order=plain(self.now), queue_since=None, surplus_since=None)
        self.kpi.add("openings")
        self._day(self.now)["openings"] += 1
        zone = None if lane == "extra" else lane
        name = (self.tables.zones.get(lane) or {}).get("name", lane)
        title = self.say(f"Open lane {name}", f"请增开收银通道 {name}")
        yield out("task.create", task=f"open-{lane}-{plain(self.now)}", kind="open_lane", title=title, priority=1, zone=zone, staff=staff,
                  skill="till", due=self.now + ORDER_DUE)  # fmt: skip
        for screen in self._screens(lane):
            text = self.say(f"Lane {name} is opening", f"{name} 通道即将开放")
            yield out("sign.play", screen=screen.id, items=[{"asset": "lane", "duration_s": 60, "text": text, "params": {"lane": lane}}])

    def _screens(self, lane):
        screens = self.devices.get("signage", ())
        return [screen for screen in screens if screen.zone == lane] or screens[:1]

    def _nearest(self, lane):
        """The clocked-in person with skill till who has the shortest way and is at no lane already."""
        skills, today = Skills(self.tables.skills.rows()), self.store.hours.store_day(self.now)
        metres = walks.distances(self.tables.zones.rows(), lane)
        busy = {row["by"] for row in self._manned().values()}
        busy |= {who for who, at in self.state.get("at_till", {}).items() if self.now - parse_time(at) <= AT_TILL}
        free = [(metres.get(row["zone"], float("inf")), who) for who, row in self.state["people"].items()
                if row["free"] and who not in busy and skills.holds(who, "till", today)]  # fmt: skip
        return min(free)[1] if free else None

    def _decide_closing(self, need):
        flow, open_ = self._flow(), self._open()
        if need is None or need > open_ - 1 + 1e-9 or self._lane_count() <= 1:
            flow["surplus_since"] = None
            return
        flow["surplus_since"] = flow["surplus_since"] or plain(self.now)
        if self.now - parse_time(flow["surplus_since"]) < timedelta(minutes=self.config.close_hold_min):
            return
        manned = self._manned()
        ours = [lane for lane in manned if manned[lane]["ours"]]
        for lane in ours[-1:] or (reversed(manned) if self.state.get("staff_seen") else ()):
            if self._may_close(manned[lane]):
                yield from self._close(lane, manned[lane])
                flow["surplus_since"] = None
                return

    def _may_close(self, lane):
        since = parse_time(lane["since"]) if lane["since"] else self.now - timedelta(minutes=self.config.min_open_min)
        silent = not lane["seen"] or self.now - parse_time(lane["seen"]) > CAMERA_SILENT
        return self.now - since >= timedelta(minutes=self.config.min_open_min) and (silent or not lane["queue"])

    def _close(self, lane, row):
        name = (self.tables.zones.get(lane) or {}).get("name", lane)
        staff = row["by"]
        row.update(ordered=None, by=None, ours=False, since=None, closing=row["staff"] > 0, before=row["staff"])
        yield out("task.create", task=f"close-{lane}-{plain(self.now)}", kind="close_lane", priority=3, staff=staff,
                  title=self.say(f"Close lane {name}", f"请关闭收银通道 {name}"), zone=None if lane == "extra" else lane,
                  skill="till")  # fmt: skip

    def _alert(self, kind, text, zone=None):
        """One alert until a lane could be opened again."""
        if self.state.get("alert") != kind:
            yield from self._clear()
            self.state["alert"] = kind
            yield out("alert.raise", alert=f"lanes-{kind}", kind=kind, severity="high", state="open", zone=zone, text=text)

    def _clear(self):
        kind = self.state.get("alert")
        if kind:
            self.state["alert"] = None
            text = self.say("A lane is opening again", "已可增开通道")
            yield out("alert.raise", alert=f"lanes-{kind}", kind=kind, severity="info", state="cleared", text=text)
