"""Unattended-hours store: for convenience stores that want night sales without night staff: verified entry, self payment, a remote
attendant and doors that always let people out.

By day the door is not ruled here. The sweep at `night_from` is the task `sweep:<store day>`; its `values.ins` and `values.outs` correct the
counts of `gate.state` passed. Whether a code is genuine is for its reader to say; who has left the programme is refused. A refusal is said
by `kiosk.show` of screen `refused` with `reason` in params: not_open, expired, used, debt, passback, full, left. A second attendant's call
is an alert after `attendant_s`. An attendant who accepts has twice that time anew; done or approved opens, `values.amount` stays as debt;
a refusal does not hold the door longer. Who names no member waits for the attendant likewise. A sale of the same receipt clears its debt.
What is scanned without a price is unpaid, of an amount that nobody knows. During the sweep the exit is asked for as at night.

Smoke, gas, a power sensor at 0, a gate's fault, `device.status` of a hub that is down (which the row does not name) hold all exits open;
the help button opens them, at night alone, for by day it is a till's. The report at `night_to` is an alert of severity info, warn with
drift: no row stream carries reports. No faces, no biometrics; members are pseudonymous ids.
"""

from contextlib import suppress
from datetime import timedelta

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.checkout import unpaid_scans
from storeloom.workers.checkout.stations import station_of

PASS, AGAIN = timedelta(seconds=10), timedelta(minutes=5)
OPEN_S, HELP_OPEN_S = 10, 60
NOBODY = "?"  # before the kiosk where somebody without a member's id asks
DOWN, HUBS = ("offline", "fault"), ("hub", "edge", "gateway", "controller")
NO_LIGHTS = ("parking", "grid", "level", "backroom", "restricted")
REASONS = {
    "not_open": ("The night has not begun, please wait", "夜间模式尚未开始，请稍候"),
    "expired": ("This code has expired, please make a new one", "入店码已过期，请重新生成"),
    "used": ("This code was used, please make a new one", "入店码已使用，请重新生成"),
    "debt": ("Please pay your open basket first", "请先支付未结账款"),
    "passback": ("You are inside already", "您已在店内"),
    "full": ("The store is full, please wait", "店内人数已满，请稍候"),
    "left": ("Your membership has ended", "会员资格已终止"),
}
WHY = {
    "smoke": ("Smoke: please leave by the open exits", "检测到烟雾：出口已全部打开，请尽快离开"),
    "power": ("Power failure: the exits are open", "断电：出口已全部打开"),
    "hub": ("The door control failed: the exits are open", "门控故障：出口已全部打开"),
    "help": ("Help was called: the exits are open", "已呼叫求助：出口已打开"),
}


class UnattendedStore(Solution):
    number = 174
    zh, en = "夜间无人值守门店", "Unattended-hours store"
    purpose_zh = "无夜班也能做夜间生意：核验入店、自助付款、远程值守，出门永远放行。"
    formats = ("convenience", "supermarket")
    produces = ("gate.open", "alert.raise", "audio.play", "light.set", "kiosk.show", "task.create", "member.event")
    adapters = ("gate", "scanner", "kiosk?", "audio?", "lighting?", "sensor?")
    reads = ("members", "zones")
    kpis = {
        "night_sales": kpi("minor", "Night sales", "夜间销售额"),
        "entries_refused": kpi("count", "Entries refused", "拒绝入店次数"),
        "attendant_answer": kpi("s", "Attendant's answer", "远程值守应答时间"),
        "unpaid_value": kpi("minor", "Unpaid value", "未付金额"),
    }
    kinds = {
        "sweep": ("Check that the store is empty", "清场确认"),
        "not_empty": ("The night has not begun", "未能进入夜间模式"),
        "exit_help": ("A customer waits at the exit", "顾客在出口等候"),
        "attendant_silent": ("No attendant answers", "远程值守未应答"),
        "door_forced": ("Door forced", "门被强行打开"),
        "door_held_open": ("Door held open", "门久开未关"),
        "exits_open": ("All exits open", "出口全部打开"),
        "night_report": ("Report of the night", "夜间报告"),
    }

    class Config(SolutionConfig):
        night_from: str = setting("23:00", "Unattended from", "夜间开始", widget="time", pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
            help_en="Store time at which unattended mode may begin.", help_zh="门店时间，此时起可进入无人模式。")  # fmt: skip
        night_to: str = setting("06:00", "Unattended until", "夜间结束", widget="time", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
        max_inside: int = setting(6, "Visitors at a time", "同时在店人数", unit="people", ge=1, le=50)
        entry_ttl_s: int = setting(60, "Life of an entry code", "入店码有效期", unit="s", ge=10, le=600)
        attendant_s: int = setting(40, "A remote attendant answers within", "远程值守应答时限", unit="s", ge=10, le=300,
            help_en="After twice this time the door opens anyway.", help_zh="两倍时限后自动开门。")  # fmt: skip
        held_open_s: int = setting(20, "A door open longer alerts", "门久开告警时限", unit="s", ge=5, le=120)
        debt_max: int = setting(0, "Unpaid sum that is let pass", "允许的欠款", unit="minor", ge=0, le=100000,
            help_en="Above it entry is refused.", help_zh="超过则拒绝入店。")  # fmt: skip
        low_light_pct: float = setting(40, "Lights with nobody inside", "无人时照明", unit="%", ge=0, le=100)

    # --- day, sweep, night ---

    @every("1d", at="config.night_from")
    def sweep(self, due):
        day = self.store.hours.store_day(due.time)
        task = f"sweep:{day}"
        self.state["night"] = {"mode": "sweep", "task": task, "confirmed": False, "from": plain(due.time)}
        self.timers.set("not_empty", task, due.time + AGAIN)
        for name, kind in self.state.pop("told", {}).items():
            yield self._alert(name, kind, "info", self.say("Handed on to the day", "已移交白班"), "cleared")
        yield out("task.create", task=task, kind="sweep", priority=2, role="closing", due=due.time + AGAIN,
            title=self.say("Make sure that nobody is inside, then confirm", "请确认店内无人后提交"))  # fmt: skip

    @timer("not_empty")
    def not_yet(self, due):
        night, (ins, outs) = self._night(), self._counts()
        if night["mode"] != "sweep" or night["task"] != due.key:
            return None
        self.timers.set("not_empty", due.key, due.time + AGAIN)
        why = ("staff have not confirmed", "员工未确认") if ins == outs else (f"{ins} came in, {outs} went out", f"进 {ins} 出 {outs}")
        return self._alert(f"not_empty:{due.key}", "not_empty", "high", self.say(f"Night waits: {why[0]}", f"未能进入夜间：{why[1]}"),
                           value=ins - outs, limit=0, unit="people")  # fmt: skip

    def _begin(self):
        """The night begins once staff confirm and as many went out as came in."""
        night, (ins, outs) = self._night(), self._counts()
        if night["mode"] != "sweep" or not night["confirmed"] or ins != outs:
            return
        night["mode"], self.state["count"] = "night", [0, 0]
        self.timers.cancel("not_empty", night["task"])
        if self.now >= parse_time(night["from"]) + AGAIN:
            yield self._alert(f"not_empty:{night['task']}", "not_empty", "info", self.say("Night has begun", "已进入夜间模式"), "cleared")
        yield from self._light()

    @every("1d", at="config.night_to")
    def morning(self, due):
        night, (ins, outs) = self._night(), self._counts()
        members = [key.removeprefix("inside|") for key in self._all("inside|")]
        self.timers.cancel("not_empty", night.get("task", ""))
        for key in (*self._all("inside|"), *self._all("entry|"), *self._all("leaving")):
            del self.state[key]
        self.state["night"] = {"mode": "day"}
        if night["mode"] == "sweep":
            yield self._alert(f"not_empty:{night['task']}", "not_empty", "info", self.say("Day has begun", "已进入白天模式"), "cleared")
        if night["mode"] != "night":
            return
        self.state["count"] = [ins - outs, 0] if ins > outs else [0, 0]
        text = self.say(f"{ins} came in, {outs} went out, drift {ins - outs}", f"进 {ins} 人，出 {outs} 人，差 {ins - outs}")
        severity = "warn" if ins != outs or members else "info"
        yield self._passing(f"night_report:{night['task'].removeprefix('sweep:')}", "night_report", severity,
            text, value=ins - outs, unit="people", ref={"ins": ins, "outs": outs, "drift": ins - outs, "members": members})  # fmt: skip
        yield from self._light(100)

    # --- entry ---

    @on("scanner.code")
    def code(self, event):
        values, night = event.get("values") or {}, self._night()
        member = values.get("member")
        if not member or night["mode"] == "day":
            return None
        read, pending = plain(event.time), self.state.get(f"entry|{member}", {})
        if (pending.get("code"), pending.get("read")) == (self._code(event), read):
            return None
        reason = self._refused(member, values.get("issued"), event)
        gate = self._gate("in", "scanner", event["scanner"])
        if reason:
            self.kpi.add("entries_refused")
            kiosk = (
                station_of(self.devices.get("kiosk", ()), "kiosk", self.devices.get("scanner", ()), event["scanner"]) or event["scanner"]
            )
            return self._show(kiosk, "refused", REASONS[reason], {"reason": reason, "member": member})
        self.state[f"entry|{member}"] = {"code": self._code(event), "gate": gate, "at": plain(self.now), "read": read}
        self.timers.set("unused", member, self.now + PASS)
        return out("gate.open", gate=gate, direction="in", seconds=OPEN_S, reason="entry", credential=member)

    def _refused(self, member, issued, event):
        """Why a code does not let in; None where it does."""
        config, age = self.config, timedelta(days=1)
        with suppress(ValueError):  # what is no time is as good as none: the code does not let in
            age = event.time - parse_time(issued) if issued else age
        coming = sum(key != f"entry|{member}" for key in self._all("entry|"))
        checks = (
            ("not_open", self._night()["mode"] != "night"),
            ("expired", not timedelta(0) <= age <= timedelta(seconds=config.entry_ttl_s)),
            ("used", self._code(event) in self.state.get(f"used|{member}", {})),
            ("left", bool((self.tables.members.get(member) or {}).get("left") or self.state.get(f"left|{member}"))),
            ("debt", self._debt(member) > config.debt_max),
            ("passback", f"inside|{member}" in self.state),
            ("full", self._inside() + coming >= config.max_inside),
        )
        return next((reason for reason, holds in checks if holds), None)

    @timer("unused")
    def not_passed(self, due):
        """Nobody went through: the code stays usable."""
        self.state.pop(f"entry|{due.key}", None)

    @on("member.profile")
    def profile(self, event):
        if event.get("left"):
            self.state[f"left|{event['member']}"] = plain(event.time)
        else:
            self.state.pop(f"left|{event['member']}", None)

    # --- the doors ---

    @on("gate.state")
    def door(self, event):
        gate, kind, night = event["gate"], event["kind"], self._night()["mode"] != "day"
        if kind == "passed" and event.get("direction") in ("in", "out"):
            yield from self._passed(event, event["direction"], event.get("count") or 1)
        elif kind == "forced" and night:
            yield self._passing(f"forced:{gate}:{plain(event.time)}", "door_forced", "critical", self.say(f"Door {gate} was forced",
                f"门 {gate} 被强行打开"), subject=gate)  # fmt: skip
            yield self._voice(("This door is watched. Please step back.", "此门有监控，请离开。"))
        elif kind in ("opened", "held") and night and f"door|{gate}" not in self.state and not self._all("why|"):
            self.state[f"door|{gate}"] = {"since": plain(event.time), "told": False}
            self.timers.set("held", gate, max(self.now, event.time + timedelta(seconds=self.config.held_open_s)))
        elif kind == "closed" and f"door|{gate}" in self.state:
            self.timers.cancel("held", gate)
            if self.state.pop(f"door|{gate}")["told"]:
                yield self._alert(f"held:{gate}", "door_held_open", "info", self.say("Closed", "已关闭"), "cleared", subject=gate)
        elif kind == "fault":
            yield from self._emergency("hub", gate)
        if kind == "closed":
            yield from self._over("hub", gate)

    @timer("held")
    def held_open(self, due):
        if f"door|{due.key}" not in self.state or self._all("why|"):
            return
        self.state[f"door|{due.key}"]["told"] = True
        yield self._alert(f"held:{due.key}", "door_held_open", "high", self.say(f"Door {due.key} stays open", f"门 {due.key} 一直开着"),
            subject=due.key, value=self.config.held_open_s, limit=self.config.held_open_s, unit="s")  # fmt: skip
        yield self._voice(("Please close the door.", "请关好门。"))

    def _passed(self, event, way, count):
        told, key = [plain(event.time), way, event.get("credential"), count], f"passed|{event['gate']}"
        if self.state.get(key) == told:
            return
        self.state[key] = told
        before, counts = self._inside(), self._counts()
        counts[0 if way == "in" else 1] += count
        self.state["count"], named = counts, event.get("credential")
        if way == "in":
            coming = [key.removeprefix("entry|") for key in self._all("entry|")]
            coming = [one for one in coming if one == named] or sorted(coming, key=lambda one: parse_time(self.state[f"entry|{one}"]["at"]))
            for member in coming[:count]:
                entry = self.state.pop(f"entry|{member}")
                self.timers.cancel("unused", member)
                alive = event.time - timedelta(seconds=self.config.entry_ttl_s)
                used = {code: at for code, at in self.state.get(f"used|{member}", {}).items() if parse_time(at) >= alive}
                self.state[f"used|{member}"] = used | {entry["code"]: plain(event.time)}
                self.state[f"inside|{member}"] = plain(event.time)
        else:
            going = [one for one in self.state.get("leaving", []) if f"inside|{one}" in self.state]
            inside = [key.removeprefix("inside|") for key in self._all("inside|")]
            going = [named] if named in inside else going or (inside if len(inside) == 1 else [])
            for member in going[:count]:
                del self.state[f"inside|{member}"]
            self.state["leaving"] = [one for one in self.state.get("leaving", []) if one not in going[:count]]
        yield from self._begin()
        if self._night()["mode"] == "night" and (before > 0) != (self._inside() > 0):
            yield from self._light()

    # --- the exit ---

    @on("kiosk.event?")
    def pressed(self, event):
        kind, member, night = event["kind"], event.get("member"), self._night()["mode"]
        if kind == "help" and event.get("need", "help") in ("help", "other") and night != "day":
            yield from self._emergency("help", event["kiosk"])
        elif kind == "choose" and event.get("value") in ("exit", "bought_nothing") and night != "day":
            member = member or f"{NOBODY}{event['kiosk']}"
            if not member.startswith(NOBODY) and not unpaid_scans.unpaid(self._baskets(), member):
                yield from self._let_out(member, event["kiosk"], "exit")
            elif f"wait|{member}" not in self.state:
                yield from self._call(member, event["kiosk"], unpaid_scans.due(self._baskets(), member))

    def _call(self, member, kiosk, owed):
        task, wait = f"exit_help:{member}:{plain(self.now)}", timedelta(seconds=self.config.attendant_s)
        self.state[f"wait|{member}"] = {"task": task, "kiosk": kiosk, "at": plain(self.now), "answered": False, "told": False}
        self.timers.set("silent", member, self.now + wait)
        self.timers.set("anyway", member, self.now + 2 * wait)
        words = ("Please pay, or wait: an attendant is called", "请付款，或稍候远程值守人员")
        who = {} if member.startswith(NOBODY) else {"member": member}
        yield self._show(kiosk, "unpaid", words, {**who, "amount": owed})
        yield out("task.create", task=task, kind="exit_help", priority=1, role="attendant", due=self.now + wait,
            title=self.say("A customer who may have unpaid goods waits at the exit", "出口有可能未付款的顾客等候"),
            values={**who, "amount": owed, "kiosk": kiosk})  # fmt: skip

    @timer("silent")
    def silent(self, due):
        wait = self.state.get(f"wait|{due.key}")
        if wait and not wait["answered"]:
            wait["told"] = True
            text = self.say("Nobody answers a customer at the exit", "出口顾客求助无人应答")
            yield self._alert(f"silent:{wait['task']}", "attendant_silent", "high", text, subject=due.key,
                              value=self.config.attendant_s, limit=self.config.attendant_s, unit="s")  # fmt: skip

    @timer("anyway")
    def anyway(self, due):
        """Nobody is locked in: the door opens, the basket is a debt."""
        wait = self.state.get(f"wait|{due.key}")
        if wait:
            yield from self._owe(due.key, unpaid_scans.due(self._baskets(), due.key))
            yield from self._let_out(due.key, wait["kiosk"], "no_answer")

    @on("task.done?")
    def done(self, event):
        night, state, values = self._night(), event["state"], event.get("values") or {}
        if event["task"] == night.get("task") and night["mode"] == "sweep" and state in ("done", "approved"):
            night["confirmed"] = True
            if {"ins", "outs"} <= set(values):
                self.state["count"] = [int(values["ins"]), int(values["outs"])]
            yield from self._begin()
            return
        found = [key for key in self._all("wait|") if self.state[key]["task"] == event["task"]]
        for key in found:
            wait, member = self.state[key], key.removeprefix("wait|")
            first, wait["answered"] = not wait["answered"], True
            if first:
                self.kpi.sample("attendant_answer", (event.time - parse_time(wait["at"])).total_seconds())
            if first and state == "accepted":
                self.timers.set("anyway", member, self.now + 2 * timedelta(seconds=self.config.attendant_s))
            elif state in ("done", "approved"):
                yield from self._owe(member, int(values.get("amount") or 0))
                yield from self._let_out(member, wait["kiosk"], "attendant")

    def _owe(self, member, amount):
        """The open baskets of a member end, what stays unpaid is a debt."""
        receipts = [key for key in self._all("basket|") if self.state[key]["member"] == member]
        debt = self.state.setdefault(f"debt|{member}", {})
        names = [self.state.pop(key)["receipt"] for key in receipts]
        if amount > 0:
            debt[names[0] if names else plain(self.now)] = {"amount": amount, "receipts": names}
            self.kpi.add("unpaid_value", amount)
            yield out("member.event", kind="unpaid", member=member, channel="store", values={"amount": amount})

    def _let_out(self, member, kiosk, reason):
        wait = self.state.pop(f"wait|{member}", None)
        if wait:
            self.timers.cancel("silent", member)
            self.timers.cancel("anyway", member)
        known = None if member.startswith(NOBODY) else member
        if known:
            self.state["leaving"] = [*(one for one in self.state.get("leaving", []) if one != member), member]
        yield out("gate.open", gate=self._gate("out", "kiosk", kiosk), direction="out", seconds=OPEN_S, reason=reason, credential=known)
        if wait and wait["told"]:
            yield self._alert(f"silent:{wait['task']}", "attendant_silent", "info", self.say("The customer could leave", "顾客已放行"),
                              "cleared", subject=member)  # fmt: skip

    @on("pos.scan?")
    def scan(self, event):
        basket = self.state.setdefault(f"basket|{event['receipt']}", unpaid_scans.begin(event["receipt"], event["till"]))
        unpaid_scans.scanned(basket, event.data)
        basket["at"] = plain(event.time)
        if f"sold|{event['receipt']}" in self.state:
            del self.state[f"basket|{event['receipt']}"]

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] != "sale" or f"sold|{event['receipt']}" in self.state:
            return
        self.state[f"sold|{event['receipt']}"] = plain(event.time)
        if self._night()["mode"] == "night":
            self.kpi.add("night_sales", event["total"])
        paid = [key for key in self._all("basket|") if unpaid_scans.settles(event, self.state[key])]
        members = {self.state.pop(key)["member"] for key in paid}
        for debts in (self.state[key] for key in self._all("debt|")):
            for name in [name for name, one in debts.items() if event["receipt"] in one["receipts"]]:
                self.kpi.add("unpaid_value", -debts.pop(name)["amount"])
        for member in sorted(members - {None}):
            wait = self.state.get(f"wait|{member}")
            if wait and not unpaid_scans.unpaid(self._baskets(), member):
                yield from self._let_out(member, wait["kiosk"], "paid")

    @every("1d", at="12:00")
    def forget(self, due):
        for key in (*self._all("sold|"), *self._all("used|")):
            times = self.state[key].values() if isinstance(self.state[key], dict) else [self.state[key]]
            if all(due.time - parse_time(at) > timedelta(days=1) for at in times):
                del self.state[key]
        waiting = {key.removeprefix("wait|") for key in self._all("wait|")}
        for key in self._all("basket|"):
            if self.state[key]["member"] not in waiting and due.time - parse_time(self.state[key]["at"]) > timedelta(days=1):
                del self.state[key]
        for key in [key for key in self._all("debt|") if not self.state[key]]:
            del self.state[key]

    # --- safety ---

    @on("sensor.reading?")
    def sensed(self, event):
        why = "smoke" if event["kind"] in ("smoke", "gas") else "power" if event["kind"] in ("power", "mains") else None
        if why and event.get("quality") != "bad":
            bad = (event["value"] > 0) == (why == "smoke")
            yield from self._emergency(why, event["sensor"]) if bad else self._over(why, event["sensor"])

    @on("device.status?")
    def device(self, event):
        """A hub that is down cannot open anything later."""
        if event["kind"] in HUBS and event["state"] in DOWN:
            yield from self._emergency("hub", event["device"])
        elif event["kind"] in HUBS and event["state"] == "online":
            yield from self._over("hub", event["device"])

    def _emergency(self, why, source):
        """All exits open, lights full, in this very step; told once while it lasts."""
        if f"why|{why}|{source}" in self.state:
            return
        hold = why != "help"
        if hold:
            self.state[f"why|{why}|{source}"] = plain(self.now)
        for gate in self._gates("out"):
            yield out("gate.open", gate=gate, direction="out", reason=why, seconds=None if hold else HELP_OPEN_S, hold=hold or None)
        for group in self._lamps():
            yield out("light.set", group=group, level_pct=100, priority="safety")
        name = f"exits_open:{why}:{source}" + ("" if hold else f":{plain(self.now)}")
        tell = self._alert if hold else self._passing
        yield tell(name, "exits_open", "critical", self.say(*WHY[why]), subject=source)
        yield self._voice(WHY[why], "evacuation" if why == "smoke" else "safety")

    def _over(self, why, source):
        if self.state.pop(f"why|{why}|{source}", None):
            yield self._alert(f"exits_open:{why}:{source}", "exits_open", "info", self.say("Over", "已解除"), "cleared", subject=source)
            if not self._all("why|"):
                yield from self._light(None if self._night()["mode"] == "night" else 100)

    # --- helpers ---

    def _light(self, level=None):
        level = level if level is not None else 100 if self._inside() > 0 else self.config.low_light_pct
        if not self._all("why|"):
            for group in self._lamps():
                yield out("light.set", group=group, level_pct=level, priority="comfort" if level == 100 else "energy")

    def _lamps(self):
        zones = [row["zone"] for row in self.tables.zones.rows() if row.get("kind") not in NO_LIGHTS]
        return zones or [one.id for one in self.devices.get("lighting", ())] or ["store"]

    def _night(self):
        return self.state.setdefault("night", {"mode": "day"})

    def _counts(self):
        return list(self.state.get("count", [0, 0]))

    def _inside(self):
        ins, outs = self._counts()
        return max(len(self._all("inside|")), ins - outs)

    def _debt(self, member):
        booked = sum(one["amount"] for one in self.state.get(f"debt|{member}", {}).values())
        return max(booked, (self.tables.members.get(member) or {}).get("debt") or 0)

    def _baskets(self):
        return [self.state[key] for key in self._all("basket|")]

    def _code(self, event):
        return f"{event['code']}|{(event.get('values') or {}).get('issued')}"

    def _gates(self, way):
        known = self.devices.get("gate", ())
        return [one.id for one in known if one.settings.get("direction", way) in (way, "both")] or [one.id for one in known] or ["gate"]

    def _gate(self, way, kind, device):
        gates = [one for one in self.devices.get("gate", ()) if one.id in self._gates(way)]
        return station_of(gates, "gate", self.devices.get(kind, ()), device) or self._gates(way)[0]

    def _show(self, kiosk, screen, words, params):
        return out("kiosk.show", kiosk=kiosk, screen=screen, text=self.say(*words), params=params)

    def _voice(self, words, kind="safety"):
        doors = [row["zone"] for row in self.tables.zones.rows() if row.get("kind") in ("entrance", "exit")]
        return out("audio.play", zone=doors[0] if doors and kind != "evacuation" else "store", kind=kind, text=self.say(*words))

    def _passing(self, name, kind, *said, **more):
        """An alert of what happened once, which nothing ends: the next sweep takes it back."""
        self.state["told"] = self.state.get("told", {}) | {name: kind}
        return self._alert(name, kind, *said, **more)

    def _alert(self, name, kind, severity, text, state="open", **more):
        return out("alert.raise", alert=name, kind=kind, severity=severity, state=state, text=text, **more)

    def _all(self, prefix):
        return [key for key in self.state if key.startswith(prefix)]


@hookimpl
def storeloom_config_problems(config, store):
    if config["night_from"] != config["night_to"]:
        return []
    return [Problem("night_to", "The night ends when it begins", "夜间开始与结束相同", "Give another time.", "请填写不同的时间。")]
