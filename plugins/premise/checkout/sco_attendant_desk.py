"""Self-checkout attendant desk: for the one attendant of a dozen self-checkouts: one ordered list of who needs help, remote approval of
harmless stops, and proof of which machine causes the trouble.

The list stands on the attendant's handheld, the bound kiosk whose settings say `role: attendant` (else the id `attendant`), anew at every
change and every ten seconds. A tap comes as `task.done` under `help:<session>` (or the session or the kiosk alone), or as `confirm` with
the kiosk as value and `staff` in values, which from afar answers only what may be approved remotely; the walk's task answers all that was
merged into it, also what joined on the way. `rejected`, `declined` and `failed` answer nothing.

Kiosks are those of the assets table and those heard of. How many are open is managed once somebody clocked in or out; while a session runs
a kiosk is taken to hold a basket. An hour without receipts expects no interventions.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import attendance
from storeloom.workers.optimise.eligibility import Skills

SKILL, CALL, UNLISTED = "self_checkout", "sco_wait", 1
BETWEEN_CALLS, REFRESH_S = timedelta(minutes=5), 10
Need = Literal["weight_mismatch", "own_bag", "item_removed", "age", "security_tag", "pay_stuck", "help", "other"]
Points = Annotated[float, Field(ge=0, le=20)]


class ScoAttendantDesk(Solution):
    number = 170
    zh, en = "自助收银看护台", "Self-checkout attendant desk"
    purpose_zh = "一人看护十余台自助收银：按紧急程度排序的求助队列，无害拦截远程放行，并找出问题机器。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("kiosk.show", "task.create", "alert.raise", "score.report")
    adapters = ("kiosk",)
    reads = ("staff", "skills", "assets")
    kpis = {
        "wait_p90": kpi("s", "Waiting time, nine in ten", "等待时间九成位"),
        "remote_approval_share": kpi("%", "Answered from the handheld", "远程放行占比"),
        "interventions_per_kiosk": kpi("count", "Interventions a kiosk", "每台干预次数"),
        "kiosks_sent_to_service": kpi("count", "Kiosks sent to service", "送修台数"),
    }
    kinds = {
        "sco_walk": ("Walk to waiting self-checkouts", "前往求助的自助收银"),
        "kiosk_service": ("Service a self-checkout", "检修自助收银机"),
        "sco_wait": ("Customers wait at self-checkouts", "自助收银顾客等待过久"),
    }

    class Config(SolutionConfig):
        priority: dict[Need, Points] = setting({"pay_stuck": 5, "age": 3, "weight_mismatch": 2, "help": 1}, "Start points", "起始分",
            unit="points", help_en="By kind of intervention; others start at 1.", help_zh="按求助类型；未列出的为 1。")  # fmt: skip
        aging_per_10s: float = setting(1, "Points for waiting", "等待加分", unit="points", ge=0, le=10,
            help_en="Gained for each 10 s waited.", help_zh="每等待 10 秒增加。")  # fmt: skip
        remote_types: list[Need] = setting(["weight_mismatch", "own_bag", "item_removed"], "Remote approval", "可远程放行类型",
            help_en="May be approved from the handheld.", help_zh="可在手持设备上放行。")  # fmt: skip
        remote_value_max: int = setting(3000, "Largest remote approval", "远程放行金额上限", unit="minor", ge=0, le=100000,
            help_en="Above it somebody walks.", help_zh="超过则须到场。")  # fmt: skip
        sla_s: int = setting(30, "Longest wait", "最长等待", unit="s", ge=5, le=300,
            help_en="Before more help is called.", help_zh="超过则呼叫增援。")  # fmt: skip
        per_attendant: int = setting(6, "Kiosks an attendant", "每人看护台数", unit="kiosks", ge=1, le=20,
            help_en="Kiosks open per clocked-in attendant.", help_zh="每名在岗看护员可开放的台数。")  # fmt: skip
        cusum_k: float = setting(0.5, "Slack of the machine chart", "机器控制图余量", ge=0, le=3,
            help_en="Share of the interventions expected.", help_zh="占期望干预次数的比例。")  # fmt: skip
        cusum_h: float = setting(4, "Level that sends to service", "送修阈值", ge=1, le=20,
            help_en="Of the machine chart.", help_zh="机器控制图的阈值。")  # fmt: skip

    # --- the queue ---

    @on("kiosk.event")
    def pressed(self, event):
        name, session, kind = event["kiosk"], event["session"], event["kind"]
        if kind == "confirm" and (values := event.get("values") or {}).get("staff"):
            yield from self._answer([event.get("value"), values.get("session")], values["staff"], tapped_at=name)
            return
        kiosk = self._kiosk(name)
        if kind in ("end", "timeout"):
            kiosk["session"] = None
            self._hour(name)["receipts"] += int(kind == "end")
            for key in self._waiting(session=session):
                del self.state[key]
            yield from self._manage()
            yield from self._list()
            return
        kiosk["session"], kiosk["member"] = session, event.get("member") or (kiosk["member"] if kiosk["session"] == session else None)
        key = f"open:{name}|{session}|{event.get('need') or 'help'}"
        if kind == "help" and key not in self.state:
            self._opened(name, session, key, event)
            yield from self._walk(key)
            yield from self._list()

    def _opened(self, name, session, key, event):
        need, amount = event.get("need") or "help", event.get("amount") or 0
        remote = need in self.config.remote_types and amount <= self.config.remote_value_max
        self.state[key] = {"kiosk": name, "session": session, "need": need, "amount": amount, "since": plain(event.time), "remote": remote,
                           "trip": None}  # fmt: skip
        self._hour(name)["interventions"] += 1
        self._kiosk(name)["interventions"] += 1
        self.kpi.share("interventions_per_kiosk", 1, 0)
        self.timers.set("sla", key, max(self.now, event.time + timedelta(seconds=self.config.sla_s)))

    def _walk(self, key):
        """One task a trip; what waits in the same zone joins the trip that is not yet done."""
        one = self.state[key]
        if one["remote"]:
            return
        zone = self._zone(one["kiosk"])
        trips = self.state.setdefault("trips", {})
        one["trip"] = next((trip for trip, row in trips.items() if row["zone"] == zone), None)
        if one["trip"] is None:
            one["trip"] = f"walk:{one['kiosk']}:{one['session']}:{one['need']}:{one['since']}"
            trips[one["trip"]] = {"zone": zone}
            title = f"{self.say(*self.kinds['sco_walk'])}: {one['kiosk']}"
            yield out("task.create", task=one["trip"], kind="sco_walk", title=title, priority=1, zone=zone, skill=SKILL,
                      asset=self._asset(one["kiosk"]).get("asset"), values={"kiosk": one["kiosk"], "need": one["need"]},
                      items=[{"to": one["kiosk"], "note": one["need"]}])  # fmt: skip

    def _list(self):
        """Who needs help, the most urgent first; ties to the one that waits longest."""
        rows = []
        for key in self._waiting():
            one = self.state[key]
            waited = (self.now - parse_time(one["since"])).total_seconds()
            score = self.config.priority.get(one["need"], UNLISTED) + self.config.aging_per_10s * waited / 10
            told = {name: one[name] for name in ("kiosk", "session", "need", "amount", "remote", "since", "trip")}
            rows.append(told | {"waited_s": waited, "score": score})
        rows.sort(key=lambda row: (-row["score"], parse_time(row["since"]), row["kiosk"]))
        if rows:
            step = REFRESH_S - self.now.timestamp() % REFRESH_S
            self.timers.set("refresh", "list", datetime.fromtimestamp(round(self.now.timestamp() + step, 3), self.now.tzinfo))
        else:
            self.timers.cancel("refresh", "list")
            if self.state.pop("called", None):
                text = self.say("Nobody waits", "已无人等待")
                yield out("alert.raise", alert=CALL, kind=CALL, severity="info", state="cleared", text=text)
        yield out("kiosk.show", kiosk=self._handheld(), screen="queue", params={"items": rows})

    @timer("refresh")
    def refreshed(self, due):
        yield from self._list()

    @timer("sla")
    def waited_too_long(self, due):
        """One call for more help in five minutes."""
        one, last = self.state.get(due.key), self.state.get("last_call")
        if one is None:
            return
        if last and self.now - parse_time(last) < BETWEEN_CALLS:
            self.timers.set("sla", due.key, parse_time(last) + BETWEEN_CALLS)
            return
        self.state["last_call"], self.state["called"] = plain(self.now), True
        waited = (self.now - parse_time(one["since"])).total_seconds()
        text = self.say(
            f"{one['kiosk']} waits for {waited:.0f} s: a second person, please", f"{one['kiosk']} 已等待 {waited:.0f} 秒，请增援"
        )
        yield out("alert.raise", alert=CALL, kind=CALL, severity="warn", state="open", subject=one["kiosk"], till=one["kiosk"],
                  zone=self._zone(one["kiosk"]), text=text, value=waited, limit=self.config.sla_s, unit="s")  # fmt: skip

    # --- answers ---

    @on("task.done")
    def done(self, event):
        if event["state"] not in ("done", "approved"):
            return
        if event["task"] in self.state.get("trips", {}):
            del self.state["trips"][event["task"]]
            for key in [key for key in self._waiting() if self.state[key]["trip"] == event["task"]]:
                self._closed(key, remote=False)
            yield from self._list()
        else:
            yield from self._answer([event["task"].removeprefix("help:"), (event.get("values") or {}).get("kiosk")], event["staff"])

    def _answer(self, names, staff, tapped_at=None):
        """A tap on the handheld or at the kiosk, or a task done; nobody approves the basket of their own member id."""
        own = (self.tables.staff.get(staff) or {}).get("own_member")
        found = [key for key in self._waiting() if key in names or {self.state[key]["kiosk"], self.state[key]["session"]} & set(names)]
        found = [key for key in found if own is None or self._kiosk(self.state[key]["kiosk"])["member"] != own]
        found = [key for key in found if self.state[key]["remote"] or tapped_at in (None, self.state[key]["kiosk"])]
        for key in found:
            one = self.state[key]
            if one["remote"]:
                seconds = (self.now - parse_time(one["since"])).total_seconds()
                kept = {"staff": staff, "need": one["need"], "seconds": seconds}
                self.state.setdefault(f"approved:{self.store.hours.store_day(self.now)}", []).append({**kept, "kiosk": one["kiosk"]})
                yield out("kiosk.show", kiosk=one["kiosk"], screen="resume", session=one["session"], resume=True, params=kept)
            self._closed(key, remote=one["remote"])
        if found:
            yield from self._list()

    def _closed(self, key, *, remote):
        waited = (self.now - parse_time(self.state[key]["since"])).total_seconds()
        self.kpi.sample("wait_p90", waited, "p90")
        self.kpi.share("remote_approval_share", int(remote), 1)
        trip = self.state[key]["trip"]
        del self.state[key]
        self.timers.cancel("sla", key)
        if trip and not any(self.state[other]["trip"] == trip for other in self._waiting()):
            self.state["trips"].pop(trip, None)

    # --- how many kiosks are open ---

    @on("staff.clock?")
    def clocked(self, event):
        here = self.state.setdefault("people", {})
        here[event["staff"]] = event["kind"] in ("in", "break_end")
        self.timers.set("manning", "kiosks", self.now)

    @timer("manning")
    def manned(self, due):
        yield from self._manage()

    def _manage(self):
        if (people := self.state.get("people")) is None:
            return
        skills, today = Skills(self.tables.skills.rows()), self.store.hours.store_day(self.now)
        most = sum(skills.holds(who, SKILL, today) for who, here in people.items() if here) * self.config.per_attendant
        for row in self.tables.assets.rows(kind="kiosk"):
            self._kiosk(row.get("device") or row["asset"])
        kiosks = {name: self._kiosk(name) for name in self._names()}
        for name, closed in attendance.to_change(kiosks, most):
            kiosks[name]["closed"] = closed
            text = self.say("Closed", "暂停使用") if closed else self.say("Welcome", "欢迎使用")
            yield out("kiosk.show", kiosk=name, screen="closed" if closed else "welcome", text=text, closed=closed)

    # --- which machine causes the trouble ---

    @every("1h")
    def hour_over(self, due):
        hour = self.state.pop("hour", {})
        for name, row in attendance.chart(hour, self.state.setdefault("charts", {}), self.config.cusum_k, self.config.cusum_h).items():
            parts = [{"name": part, "value": row[part]} for part in ("interventions", "receipts", "expected", "cusum")]
            state = "service" if row["service"] else "ok"
            yield out("score.report", {"from": due.time - timedelta(hours=1), "to": due.time}, scheme="sco_interventions",
                      subject_kind="device", subject=name, score=row["cusum"], parts=parts, labels={"state": state})  # fmt: skip
            if row["service"]:
                self.kpi.add("kiosks_sent_to_service")
                title = self.say(f"Clean the scanner of {name}, check its scale", f"清洁 {name} 的扫描窗并检查其秤")
                yield out("task.create", task=f"service:{name}:{plain(due.time)}", kind="kiosk_service", title=title, priority=3,
                          asset=self._asset(name).get("asset") or name, zone=self._zone(name), role="technician")  # fmt: skip

    @every("1d", at="00:00")
    def new_day(self, due):
        for name in self._names():
            self._kiosk(name)["interventions"] = 0
            self._kiosk(name)["counted"] = False
        oldest = f"approved:{self.store.hours.store_day(due.time) - timedelta(days=31)}"
        for key in [key for key in self.state if key.startswith("approved:") and key < oldest]:
            del self.state[key]

    def _hour(self, name):
        return self.state.setdefault("hour", {}).setdefault(name, {"receipts": 0, "interventions": 0})

    def _waiting(self, session=None):
        return [key for key in sorted(self.state) if key.startswith("open:") and session in (None, self.state[key]["session"])]

    def _names(self):
        return [key.removeprefix("kiosk:") for key in sorted(self.state) if key.startswith("kiosk:")]

    def _kiosk(self, name):
        fresh = {"session": None, "member": None, "interventions": 0, "closed": False, "counted": False}
        kiosk = self.state.setdefault(f"kiosk:{name}", fresh)
        if not kiosk["counted"]:
            kiosk["counted"] = True
            self.kpi.share("interventions_per_kiosk", 0, 1)
        return kiosk

    def _asset(self, name):
        return next((row for row in self.tables.assets.rows(kind="kiosk") if name in (row["asset"], row.get("device"))), {})

    def _zone(self, name):
        return self._asset(name).get("zone") or next((one.zone for one in self.devices.get("kiosk", ()) if one.id == name), None)

    def _handheld(self):
        return next((one.id for one in self.devices.get("kiosk", ()) if one.settings.get("role") == "attendant"), "attendant")
