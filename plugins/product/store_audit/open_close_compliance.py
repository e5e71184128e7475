"""Opening and closing compliance: proves from independent signals when a store really opened and closed, and catches unlocked nights.

Five signals prove an opening: gate, light, first clock-in, first scan or sale, customers in a zone. `device.status` tells which devices
have been offline since yesterday. A `closure` or `public_holiday` asks for no opening and excuses its hours; on a `short_day` the store is
open within the event's times. Without gate and light in sight nothing is said about a night. A store open round the clock has neither.

Privacy: first times of a kind, counts per zone; no person is named.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp

NOT_OPENED_AFTER = timedelta(minutes=60)
LEAST_SIGNALS = 2
NOT_FOR_CUSTOMERS = ("kitchen", "backroom", "restricted", "parking")
AWAY_CHANNELS = ("online", "vending", "unattended")
EVIDENCE_KINDS = ("gate", "sensor", "terminal", "pos", "camera")
DAYS_KEPT = 40


class OpenCloseCompliance(Solution):
    number = 140
    zh, en = "开闭店合规巡检", "Opening and closing compliance"
    purpose_zh = "用多路独立信号核实门店真实开闭店时间，发现晚开、早关与未锁闭的夜晚。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("score.report", "alert.raise", "task.create")
    adapters = ("sensor?", "gate?")
    reads = ("zones", "staff")
    kpis = {
        "opened_on_time": kpi("%", "Opened on time", "准时开店率"),
        "minutes_lost": kpi("min", "Trading minutes lost", "损失营业分钟"),
        "unsecured_nights": kpi("count", "Unsecured nights", "未锁闭夜数"),
        "evidence_offline": kpi("%", "Evidence devices offline", "取证设备离线率"),
    }
    kinds = {
        "late_opening": ("Opened late", "晚开店"),
        "not_opened": ("Not opened", "未开店"),
        "early_closing": ("Closed early", "早闭店"),
        "unsecured": ("Night not secured", "夜间未锁闭"),
        "secure_store": ("Lock and darken the store", "锁闭门店"),
    }

    class Config(SolutionConfig):
        grace_min: int = setting(10, "Tolerance", "容忍时长", unit="min", ge=0, le=60,
            help_en="Tolerated delay of opening and haste of closing.", help_zh="允许的晚开与早关时长。")  # fmt: skip
        min_evidence: int = setting(3, "Signals that prove an opening", "开店所需信号数", ge=1, le=5,
            help_en="Different signals that prove an opening.", help_zh="证明开店所需的不同信号数。")  # fmt: skip
        open_lux: float = setting(300.0, "Light of an open store", "营业照度", unit="lux", ge=50, le=2000,
            help_en="At or above it the store is lit for trade.", help_zh="达到此值视为营业照明。")  # fmt: skip
        closed_lux: float = setting(50.0, "Light of a closed store", "闭店照度", unit="lux", ge=1, le=300,
            help_en="Below it the store is dark.", help_zh="低于此值视为熄灯。")  # fmt: skip
        evidence_from_min: int = setting(60, "Signals count before opening", "信号提前计入", unit="min", ge=10, le=240,
            help_en="Signals count from this long before opening time.", help_zh="开店时间前多久起计入信号。")  # fmt: skip
        empty_min: int = setting(10, "Time without people", "无人确认时长", unit="min", ge=1, le=60,
            help_en="Time without people that confirms closing.", help_zh="无人达到此时长确认闭店。")  # fmt: skip
        secure_by_min: int = setting(45, "Secured after closing", "闭店锁闭时限", unit="min", ge=5, le=240,
            help_en="This long after closing time the store must be shut and dark.", help_zh="闭店时间后此时长内须锁门熄灯。")  # fmt: skip

    def start(self):
        self._plan(self.store.hours.store_day(self.now))

    @every("1d")
    def new_day(self, due):
        today = self.store.hours.store_day(due.time)
        oldest = f"day:{today - timedelta(days=DAYS_KEPT)}"
        for key in [key for key in self.state if key.startswith("day:") and key < oldest]:
            del self.state[key]
        kept = due.time - timedelta(days=DAYS_KEPT)
        calendar = self.state.get("calendar", {})
        self.state["calendar"] = {event: row for event, row in calendar.items() if parse_time(row[2]) > kept}
        self._plan(today)

    @on("calendar.event?")
    def calendar(self, event):
        if event["kind"] in ("closure", "public_holiday", "short_day"):
            self.state.setdefault("calendar", {})[event["event"]] = [event["kind"], event["from"], event["to"]]
            self._plan(self.store.hours.store_day(self.now))

    @on("gate.state")
    def gate(self, event):
        if event["kind"] not in ("opened", "held", "closed"):
            return
        shut = event["kind"] == "closed"
        self._last("gates", event["gate"], event.time, shut)
        if not shut:
            self._row(self._trading_day(event.time))["closed"] = None
            yield from self._stamp("gate", event.time)
        yield from self._consider_closing()

    @on("sensor.reading?")
    def light(self, event):
        if event["kind"] != "lux" or event.get("quality") == "bad":
            return
        self._last("lights", event["sensor"], event.time, event["value"] < self.config.closed_lux)
        if event["value"] >= self.config.open_lux:
            yield from self._stamp("light", event.time)
        yield from self._consider_closing()

    @on("staff.clock?")
    def clocked(self, event):
        if event["kind"] == "in":
            yield from self._stamp("clock", event.time)

    @on("pos.sale?", "pos.scan?")
    def till_used(self, event):
        if event.get("channel") not in AWAY_CHANNELS and event.get("kind") != "training":
            yield from self._stamp("till", event.time)

    @on("vision.zone?")
    def zone_seen(self, event):
        people = self.state.setdefault("people", {"last": None})
        if event["occupancy"] > 0:
            people["last"] = max(people["last"] or "", stamp(event.time))
        kind = (self.tables.zones.get(event["zone"]) or {}).get("kind")
        if event["occupancy"] > (event.get("staff") or 0) and kind not in NOT_FOR_CUSTOMERS:
            yield from self._stamp("customers", event.time)
        yield from self._consider_closing()

    @on("device.status?")
    def device(self, event):
        devices = self.state.setdefault("devices", {})
        if event["state"] != "offline":
            devices[event["device"]] = [event.get("kind"), None]
        elif devices.get(event["device"], [None, None])[1] is None:
            devices[event["device"]] = [event.get("kind"), event.get("since") or plain(event.time)]

    @timer("not_opened")
    def not_opened(self, due):
        day = date.fromisoformat(due.key)
        row, hours = self._row(day), self._hours(day)
        known = {key for key, one in self.store.profile.get("devices", {}).items() if one.get("kind") in EVIDENCE_KINDS}
        self.kpi.share("evidence_offline", len(self._offline(day)), max(1, len(known | self.state.get("devices", {}).keys())))
        if hours is None or row["proven"]:
            return
        self.kpi.share("opened_on_time", 0, 1)
        row["counted"] = True
        text = self.say(f"No proof of opening by {self._clock(due.time)}", f"至 {self._clock(due.time)} 仍无开店证据")
        yield from self._alert(day, "not_opened", "critical", text, (due.time - hours[0]).total_seconds() / 60)

    @timer("confirm")
    def confirmed(self, due):
        yield from self._consider_closing()

    @timer("secure")
    def secure(self, due):
        day = date.fromisoformat(due.key)
        row, hours = self._row(day), self._hours(day)
        row["over"] = True
        if hours is not None and not row["proven"] and "not_opened" in row["alerts"]:
            self.kpi.add("minutes_lost", (hours[1] - hours[0]).total_seconds() / 60)
        if not self._shut() and self._in_sight() and (hours is not None or row["proven"]):
            self.kpi.add("unsecured_nights")
            row["unsecured"] = True
            text = self.say("The store is not shut and dark", "门店未锁闭或未熄灯")
            yield from self._alert(day, "unsecured", "critical", text, float(self.config.secure_by_min))
            title = self.say("Lock and darken the store", "请立即锁闭门店并熄灯")
            yield out("task.create", task=f"secure-{day}", kind="secure_store", title=title, priority=1, role="manager", due=due.time)
        if hours is not None:
            yield self._score(day, row)

    def _plan(self, day):
        """Set the alarms of a day and the day before (whose night may not be over), those that lie ahead."""
        for each in (day - timedelta(days=1), day):
            self.timers.cancel("not_opened", each.isoformat())
            regular = self.store.hours.day(each)
            hours = self._hours(each) or regular
            if regular is None or regular[1] - regular[0] >= timedelta(days=1):
                continue
            alarms = (("not_opened", hours[0] + NOT_OPENED_AFTER), ("secure", hours[1] + timedelta(minutes=self.config.secure_by_min)))
            for name, at in alarms:
                if at >= self.now and not self._row(each)["over"]:
                    self.timers.set(name, each.isoformat(), at)

    def _hours(self, day):
        """Opening and closing time that are asked for on a store day; None where none is."""
        hours = self.store.hours.day(day)
        if hours is None or hours[1] - hours[0] >= timedelta(days=1):
            return None
        for kind, start, end in self.state.get("calendar", {}).values():
            start, end = parse_time(start), parse_time(end)
            if start >= hours[1] or end <= hours[0]:
                continue
            if kind == "short_day":
                hours = max(hours[0], start), min(hours[1], end)
            elif start <= hours[0] + (hours[1] - hours[0]) / 2 < end:
                return None
        return hours

    def _row(self, day):
        empty = {"stamps": {}, "proven": None, "counted": False, "alerts": [], "closed": None, "unsecured": False, "over": False}
        return self.state.setdefault(f"day:{day}", empty)

    def _trading_day(self, at):
        """The store day that a time belongs to, from evidence_from_min before its opening on."""
        day = self.store.hours.store_day(at)
        hours = self._hours(day) or self.store.hours.day(day)
        before = hours is None or at < hours[0] - timedelta(minutes=self.config.evidence_from_min)
        return day - timedelta(days=1) if before else day

    def _offline(self, day):
        """Evidence devices that have been offline since the day before or longer."""
        midnight = self.store.hours.midnight(day)
        devices = self.state.get("devices", {}).items()
        return [key for key, (kind, since) in devices if since and kind in (None, *EVIDENCE_KINDS) and parse_time(since) < midnight]

    def _stamp(self, signal, at):
        """A signal's first occurrence of the day; with enough of them the opening is proven."""
        day = self._trading_day(at)
        row, hours = self._row(day), self._hours(day)
        if hours is None or row["proven"] or at >= hours[1]:
            return
        row["stamps"][signal] = min(row["stamps"].get(signal, stamp(at)), stamp(at))
        needed = min(self.config.min_evidence, max(LEAST_SIGNALS, self.config.min_evidence - len(self._offline(day))))
        stamps = sorted(map(parse_time, row["stamps"].values()))
        if len(stamps) < needed:
            return
        proven = stamps[needed - 1]
        row["proven"] = plain(proven)
        self.kpi.add("minutes_lost", 0)
        late_min = (proven - hours[0]).total_seconds() / 60
        late = late_min > self.config.grace_min
        if not row["counted"]:
            self.kpi.share("opened_on_time", int(not late), 1)
        if late:
            self.kpi.add("minutes_lost", late_min)
            text = self.say(
                f"Opened at {self._clock(proven)}, {late_min:.0f} min late", f"{self._clock(proven)} 开店，晚 {late_min:.0f} 分钟"
            )
            yield from self._alert(day, "late_opening", "high", text, late_min, self.config.grace_min)

    def _last(self, what, key, at, closed):
        """Keep since when a gate is shut, or a light out; None while it is not."""
        states = self.state.setdefault(what, {})
        if not closed:
            states[key] = None
        elif states.get(key) is None:
            states[key] = plain(at)

    def _in_sight(self):
        return bool(self.state.get("gates") or self.state.get("lights"))

    def _shut(self):
        """When the later of gates and lights went, None while one is open or lit, people are about, or no gate and light is in sight."""
        states = [*self.state.get("gates", {}).values(), *self.state.get("lights", {}).values()]
        if not states or None in states:
            return None
        last = self.state.get("people", {}).get("last")
        empty_at = parse_time(last) + timedelta(minutes=self.config.empty_min) if last else None
        if empty_at and self.now < empty_at:
            self.timers.set("confirm", "", empty_at)
            return None
        return max(map(parse_time, states))

    def _consider_closing(self):
        closed = self._shut()
        if closed is None:
            return
        day = self._trading_day(closed)
        row, hours = self._row(day), self._hours(day)
        if row["unsecured"]:
            row["unsecured"] = False
            yield self._alert_out(day, "unsecured", "info", self.say("Shut and dark now", "现已锁闭"), state="cleared")
        if hours is None or row["closed"] or closed <= hours[0]:
            return
        early_min = (hours[1] - closed).total_seconds() / 60
        if early_min > 0 and not self.state.get("gates"):
            return
        row["closed"] = plain(closed)
        if early_min > self.config.grace_min and "early_closing" not in row["alerts"]:
            self.kpi.add("minutes_lost", early_min)
            at = self._clock(closed)
            text = self.say(f"Closed at {at}, {early_min:.0f} min early", f"{at} 闭店，早 {early_min:.0f} 分钟")
            yield from self._alert(day, "early_closing", "high", text, early_min, self.config.grace_min)

    def _clock(self, at):
        return f"{self.store.hours.local(at):%H:%M}"

    def _alert(self, day, kind, severity, text, value, limit=None):
        """One alert a kind and day."""
        row = self._row(day)
        if kind not in row["alerts"]:
            row["alerts"].append(kind)
            yield self._alert_out(day, kind, severity, text, value=value, limit=limit, unit="min")

    def _alert_out(self, day, kind, severity, text, *, state="open", **fields):
        key = f"{kind.replace('_', '-')}-{day}"
        return out("alert.raise", alert=key, kind=kind, severity=severity, state=state, subject=self.store.id, text=text, **fields)

    def _score(self, day, row):
        """The share of the month's days without an alert, with this day's times."""
        month = [one for key, one in self.state.items() if key.startswith(f"day:{day:%Y-%m}") and (one["over"] or key == f"day:{day}")]
        good = sum(not one["alerts"] for one in month)
        opened, closed = (row[name] and self._clock(parse_time(row[name])) for name in ("proven", "closed"))
        labels = {name: value for name, value in (("opened", opened), ("closed", closed)) if value}
        span = {"from": self.store.hours.midnight(day.replace(day=1)), "to": self.store.hours.midnight(day + timedelta(days=1))}
        return out("score.report", span, scheme="open_close", subject_kind="store", subject=self.store.id, score=100 * good / len(month),
                   parts=[{"name": "days", "value": len(month)}, {"name": "days_without_alert", "value": good}], labels=labels,
                   notes=row["alerts"] or None)  # fmt: skip
