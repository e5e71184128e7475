"""Queue and lane control: opens the next lane before the queue is there, from entrants and service speed, and closes it without see-sawing.

Need comes from `workers/optimise/queueing.py` (M/M/c, Erlang C). Each checkout zone is a lane; in a store with a single one its `staff`
counts the lanes. Where no camera tells staff, the tills with a receipt in the last ten minutes are the lanes, and only lanes opened here
are closed. Self-checkouts are the zones of category self_checkout, else the tills whose receipts of the last week say so. A lane closes
only if a whole lane is surplus (need at most one lane below what is open), so that a part of a self-checkout never makes it see-saw;
lanes opened here close first, the latest before the others. Without history every entrant is taken to pay. In a store without any
`staff.clock` the task goes out unassigned, after one alert that nobody is known to be free. Until a lane camera has reported, nothing
is decided.

Privacy: counts per zone and line, staff numbers of clocked-in people; nobody is tracked.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.optimise import arrivals, lanes, queueing, walks
from storeloom.workers.optimise.eligibility import Skills

BETWEEN_ORDERS = timedelta(minutes=3)
ORDER_DUE = timedelta(minutes=2)
CAMERA_SILENT = timedelta(minutes=2)
ENTRANTS_SPAN = timedelta(minutes=5)
COUNT_OLDEST = timedelta(minutes=20)
AT_TILL, TILL_IDLE = timedelta(minutes=5), timedelta(minutes=10)
LONGEST_RECEIPT_S = 3600
EXTRA, NO_CASHIER = "extra", "lanes-no-cashier"
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
    }

    class Config(SolutionConfig):
        target_wait_s: int = setting(120, "Wait that most customers stay within", "多数顾客不应超过的等待时间", unit="s", ge=10, le=900)
        service_level: float = setting(0.8, "Share of customers within the target wait", "等待达标的顾客比例", ge=0.5, le=0.99)
        q_open: float = setting(4.0, "Queue per open lane that opens one more", "触发增开的每通道排队人数", unit="people", ge=1, le=15)
        open_hold_s: int = setting(60, "How long that queue must last", "队长需持续时间", unit="s", ge=0, le=600)
        lead_min: int = setting(10, "How far ahead the need is computed", "预判提前量", unit="min", ge=0, le=60)
        shop_lag_min: int = setting(18, "Usual time from door to till", "进店到结账的通常时长", unit="min", ge=1, le=120)
        close_hold_min: int = setting(8, "How long a surplus lasts before a lane closes", "关闭前富余需持续时间", unit="min", ge=1, le=60)
        min_open_min: int = setting(20, "Least time that an opened lane stays open", "通道最短开放时间", unit="min", ge=1, le=120)
        sco_weight: float = setting(0.6, "Lanes that one self-checkout is worth", "一台自助收银折合的通道数", ge=0.1, le=1.5)
        service_ewma: float = setting(0.1, "Weight of the newest service time", "最新服务时间的权重", ge=0.01, le=1)

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
        line, entrants = event["line"], self._day(parse_time(event["to"]))["entrants"]
        self.state.setdefault("lines", {})[line] = True
        entrants[line] = entrants.get(line, 0) + event["in"]
        recent = self.state.setdefault("counts", [])
        recent.append([line, event["from"], event["to"], event["in"]])
        limit = self.now - timedelta(minutes=self.config.shop_lag_min) - 2 * COUNT_OLDEST
        self.state["counts"] = [row for row in recent if parse_time(row[2]) > limit]

    @on("forecast.traffic?")
    def foreseen(self, event):
        if event["what"] in ("visitors", "receipts"):
            key = f"{event['what']}|{event['place']}|{event['from']}"
            rows = self.state.get("forecast", {}) | {key: [event["place"], event["from"], event["to"], event["p50"]]}
            self.state["forecast"] = {key: row for key, row in rows.items() if parse_time(row[2]) > self.now}

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
            lanes.see_staff(lane, staff, event.time)
        self._watch_queue(event.time)

    @timer("hold")
    def queue_held(self, due):
        if self.store.hours.is_open(due.time):
            yield from self._decide_opening(self._need())

    @every("1m", only="open")
    def each_minute(self, due):
        if not self.state.get("lanes"):
            return
        self._new_day()
        if not self.state.get("staff_seen"):
            for lane in self.state["lanes"].values():
                lanes.lapse(lane, due.time)
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

    def _new_day(self):
        day = self.store.hours.store_day(self.now)
        if self.state.get("today") == day.isoformat():
            return
        self.state["today"] = day.isoformat()
        oldest = f"day:{day - timedelta(weeks=EQUAL_WEEKDAYS + 1)}"
        for key in [key for key in self.state if key.startswith("day:") and key < oldest]:
            del self.state[key]
        for lane in self.state.get("lanes", {}).values():
            lanes.start_day(lane)
        at_till = self.state.get("at_till", {}).items()
        self.state["at_till"] = {who: at for who, at in at_till if self.now - parse_time(at) <= AT_TILL}
        self.state.pop("flow", None)

    def _flow(self):
        return self.state.setdefault("flow", {"queue_since": None, "surplus_since": None, "last_order": None})

    def _past(self):
        """Earlier store days by date, the oldest first."""
        today = f"day:{self.store.hours.store_day(self.now)}"
        return {key.removeprefix("day:"): self.state[key] for key in sorted(self.state) if key.startswith("day:") and key < today}

    def _weeks_ago(self, weeks):
        return str(self.store.hours.store_day(self.now) - timedelta(weeks=weeks))

    def _service_s(self):
        """Seconds a receipt takes: today's average, before the first receipt last week's, else the latest known."""
        today = self._day(self.now)["service_s"]
        if today:
            return today
        past = {date: day["service_s"] for date, day in self._past().items() if day["service_s"]}
        return past.get(self._weeks_ago(1)) or next(reversed(past.values()), None)

    def _conversion(self):
        """Receipts per entrant on the last equal weekdays; on all days known where there are none; None without history."""
        past, weekdays = self._past(), [self._weeks_ago(weeks) for weeks in range(1, EQUAL_WEEKDAYS + 1)]
        for days in ([past[date] for date in weekdays if date in past], past.values()):
            share = arrivals.conversion((day["receipts"], self._at_doors(day["entrants"])) for day in days)
            if share is not None:
                return share
        return None

    def _at_doors(self, by_line):
        """Sum over the lines at entrances; over all lines where the zones name none of them."""
        doors = {door for row in self.tables.zones.rows(kind="entrance") for door in row.get("doors") or ()}
        known = doors & self.state.get("lines", {}).keys()
        return sum(n for line, n in by_line.items() if line in known or not known)

    def _entrants_per_min(self):
        """At the time whose entrants will be at the tills `lead_min` from now; None while that still lies ahead."""
        at = self.now - timedelta(minutes=self.config.shop_lag_min - self.config.lead_min)
        counts = [(line, parse_time(start), parse_time(end), heads) for line, start, end, heads in self.state.get("counts", [])]
        rates = arrivals.per_minute(counts, at, ENTRANTS_SPAN)
        by_door = [self._at_doors({line: rate}) for line, rate in rates.items() if self._at_doors({line: 1})]
        return sum(by_door) if by_door and at <= self.now else None

    def _foreseen(self, what, at):
        rows = [row for key, row in self.state.get("forecast", {}).items() if key.startswith(f"{what}|")]
        windows = [(place, parse_time(start), parse_time(end), value) for place, start, end, value in rows]
        return arrivals.foreseen(windows, at, (self.store.id, "store"))

    def _need(self):
        """Lanes needed `lead_min` from now; None when nothing tells the arrivals or the service time."""
        at = self.now + timedelta(minutes=self.config.lead_min)
        receipts, visitors = self._foreseen("receipts", at), self._foreseen("visitors", at)
        rate = arrivals.expected(self._entrants_per_min(), receipts, visitors, self._conversion())
        service_s = self._service_s()
        if rate is None or service_s is None:
            return None
        return queueing.servers_needed(rate, service_s / 60, self.config.target_wait_s / 60, self.config.service_level)

    def _lane(self, zone):
        return self.state.setdefault("lanes", {}).setdefault(zone, lanes.new())

    def _self_checkout_zones(self):
        return [row["zone"] for row in self.tables.zones.rows(kind="checkout") if row.get("category") == "self_checkout"]

    def _single(self):
        return len(self.tables.zones.rows(kind="checkout")) == 1

    def _manned(self):
        """Lanes that are manned or ordered, by name, in order of opening."""
        sco = self._self_checkout_zones()
        known = {zone: lane for zone, lane in self.state.get("lanes", {}).items() if zone not in sco}
        return lanes.manned(known, single=self._single())

    def _lane_count(self):
        if self.state.get("staff_seen"):
            return lanes.count(self._manned(), single=self._single())
        tills = sum(self.now - parse_time(at) <= TILL_IDLE for at in self.state.get("tills", {}).values())
        return tills + sum(bool(lane["ordered"]) for lane in self._manned().values())

    def _open(self):
        week = self.now - timedelta(days=SELF_CHECKOUT_DAYS)
        seen = sum(parse_time(at) > week for at in self.state.get("self_checkouts", {}).values())
        return self._lane_count() + self.config.sco_weight * (len(self._self_checkout_zones()) or seen)

    def _watch_queue(self, at):
        """Since when the queue per open lane has been too long; an alarm for when that has lasted."""
        flow, queue = self._flow(), lanes.waiting(self.state["lanes"], self.now, CAMERA_SILENT)
        if queue is None or queue < self.config.q_open * max(self._open(), 1):
            flow["queue_since"] = None
        elif flow["queue_since"] is None:
            flow["queue_since"] = plain(at)
            self.timers.set("hold", "queue", at + timedelta(seconds=self.config.open_hold_s))

    def _measure(self):
        queue, service_s, day = lanes.waiting(self.state["lanes"], self.now, CAMERA_SILENT), self._service_s(), self._day(self.now)
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
        free = zones if self._single() else sorted(zone for zone in zones if zone not in manned)
        lane = free[0] if free else EXTRA
        if lane in manned and manned[lane]["ordered"]:
            return
        staff = self._nearest(lane)
        if staff is None:
            yield from self._nobody(lane)
            if "people" in self.state:
                return
        else:
            yield from self._clear()
        lanes.order(self._lane(lane), staff, self.now)
        self._flow().update(last_order=plain(self.now), queue_since=None, surplus_since=None)
        self.kpi.add("openings")
        self._day(self.now)["openings"] += 1
        name, zone = self._name(lane), None if lane == EXTRA else lane
        title = self.say(f"Open {name}", f"请增开：{name}")
        yield out("task.create", task=f"open-{lane}-{plain(self.now)}", kind="open_lane", title=title, priority=1, zone=zone, staff=staff,
                  skill="till", due=self.now + ORDER_DUE)  # fmt: skip
        for screen in self._screens(lane):
            text = self.say(f"Now opening: {name}", f"即将开放：{name}")
            yield out("sign.play", screen=screen.id, items=[{"asset": "lane", "duration_s": 60, "text": text, "params": {"lane": lane}}])

    def _name(self, lane):
        if lane == EXTRA:
            return self.say("one more lane", "一条收银通道")
        return (self.tables.zones.get(lane) or {}).get("name") or self.say(f"lane {lane}", f"收银通道 {lane}")

    def _screens(self, lane):
        screens = self.devices.get("signage", ())
        return [screen for screen in screens if screen.zone == lane] or screens[:1]

    def _nearest(self, lane):
        """The clocked-in person with skill till who has the shortest way and is at no lane already."""
        skills, today = Skills(self.tables.skills.rows()), self.store.hours.store_day(self.now)
        busy = {row["by"] for row in self._manned().values()}
        busy |= {who for who, at in self.state.get("at_till", {}).items() if self.now - parse_time(at) <= AT_TILL}
        people = {who: row["zone"] for who, row in self.state.get("people", {}).items() if row["free"] and who not in busy}
        able = {who: zone for who, zone in people.items() if skills.holds(who, "till", today)}
        return walks.nearest(self.tables.zones.rows(), lane, able)

    def _decide_closing(self, need):
        flow, open_ = self._flow(), self._open()
        if need is None or need > open_ - 1 + 1e-9 or self._lane_count() <= 1:
            flow["surplus_since"] = None
            return
        flow["surplus_since"] = flow["surplus_since"] or plain(self.now)
        if self.now - parse_time(flow["surplus_since"]) < timedelta(minutes=self.config.close_hold_min):
            return
        least_open = timedelta(minutes=self.config.min_open_min)
        lane = lanes.to_close(self._manned(), self.now, least_open, CAMERA_SILENT, only_ours=not self.state.get("staff_seen"))
        if lane is not None:
            flow["surplus_since"] = None
            yield self._close(lane, self._lane(lane))

    def _close(self, lane, row):
        staff, name = row["by"], self._name(lane)
        lanes.close(row)
        return out("task.create", task=f"close-{lane}-{plain(self.now)}", kind="close_lane", priority=3, staff=staff,
                  title=self.say(f"Close {name}", f"请关闭：{name}"), zone=None if lane == EXTRA else lane,
                  skill="till")  # fmt: skip

    def _nobody(self, lane):
        """One alert until somebody can open a lane again."""
        if not self.state.get("nobody"):
            self.state["nobody"] = True
            text = self.say(f"Nobody is free to open {self._name(lane)}", f"需要增开：{self._name(lane)}，但无人可用")
            yield out("alert.raise", alert=NO_CASHIER, kind="no_cashier", severity="high", state="open",
                      zone=None if lane == EXTRA else lane, text=text)  # fmt: skip

    def _clear(self):
        if self.state.pop("nobody", False):
            text = self.say("A lane is opening again", "已可增开通道")
            yield out("alert.raise", alert=NO_CASHIER, kind="no_cashier", severity="info", state="cleared", text=text)
