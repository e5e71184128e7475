"""Member arrival and reception: tells the right guide, minutes ahead and without faces, that a valued member is coming, and sees to it.

A member's plate is bound and loosed by `member.event` bind (`values.plate_hash`; `consent` false looses it), `opt_out` switches all off
until the next bind. What is told of the arrival stands once it was seen (check-in, scan, login); a reckoned one gives way to a later one
until it has come about, and whoever has the task is told. A tier is a number or a name of the usual ladders. Guides of the same brand are
those of the own guide's `section`, of the same zone those clocked in there or in a zone of its category; without either anybody. A guide
who declines is passed over at once. A visit that began while the store was closed is asked for with its first signal in opening hours.

The row names no source for spend, last items and open orders: receipts and orders are read for them where there are any, of members with
that consent only. Cards, and what is known of a visit, are gone `visit_gap_h` after its last signal; purchases after a year.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight import contacts, receptions
from storeloom.workers.loyalty import tiers

FORGOTTEN, LAST_ITEMS = timedelta(days=365), 3
ORDER_OVER = ("collected", "delivered", "done", "failed", "expired", "cancelled", "rejected", "declined", "refunded", "returned")
SUPERVISORS = ("supervisor", "shift_leader", "manager")
NOBODY = "-"


class VipArrival(Solution):
    number = 40
    zh, en = "会员到店识别与接待", "Member arrival and reception"
    purpose_zh = "不用人脸：凭车牌、停车、签到或扫码提前几分钟告知专属导购重要会员将到店，并确保有人接待。"
    formats = ("mall", "specialty")
    produces = ("task.create", "message.send", "insight.report")
    adapters = ("messaging?", "kiosk?")
    reads = ("members", "staff", "zones")
    kpis = {
        "received_on_time": kpi("%", "Receptions taken in time", "接待及时率"),
        "arrival_notice": kpi("min", "Notice ahead of the arrival", "提前通知时长"),
        "visits_recognised": kpi("count", "Visits recognised", "识别到店次数"),
        "spend_per_received_visit": kpi("minor", "Spend in a received visit", "接待后客单消费"),
    }
    kinds = {"receive_member": ("Receive a member", "接待会员"), "member_arrivals": ("Members received", "会员接待日报")}

    class Config(SolutionConfig):
        min_tier: int = setting(2, "Lowest tier that is received", "人工接待的最低等级", ge=0, le=10,
            help_en="Members below it are welcomed by the app only.", help_zh="低于该等级仅由应用欢迎。")  # fmt: skip
        walk_min: float = setting(8, "Way from the car park", "停车场到店步行时间", unit="min", ge=0, le=60)
        visit_gap_h: float = setting(4, "Signals closer than this are one visit", "同次到店间隔", unit="h", ge=0.5, le=24)
        max_open: int = setting(2, "Open receptions of a guide", "导购同时接待上限", unit="tasks", ge=1, le=10,
            help_en="A guide with that many gets no more.", help_zh="达到上限的导购不再派单。")  # fmt: skip
        accept_min: int = setting(3, "Untaken for this long it moves on", "未接单转派时间", unit="min", ge=1, le=30,
            help_en="To the next guide, then to the supervisor.", help_zh="先转下一位导购，再转主管。")  # fmt: skip
        card_fields: list[str] = setting(
            lambda: ["name", "tier", "sizes", "last_items", "open_orders"], "What the guide sees", "导购可见信息",
            help_en="Columns of the members table, sizes, last_items and open_orders.",
            help_zh="会员表的列，以及尺码、最近购买与未完成订单。")  # fmt: skip
        sla_min: int = setting(10, "In time within this of the arrival", "及时接待时限", unit="min", ge=1, le=60)

    # Signals

    @on("member.event")
    def said(self, event):
        kind, member = event["kind"], event.get("member")
        plate = (event.get("values") or {}).get("plate_hash")
        if member is None:
            return
        if kind == "visit":
            yield from self._signal(member, event, seen=True)
        elif kind == "opt_out":
            self._forget(member)
            self.state[f"off:{member}"] = True
        elif kind == "bind" and plate and event.get("consent") is False:
            if self.state.get(f"plate:{plate}") == member:
                del self.state[f"plate:{plate}"]
        elif kind == "bind" and plate:
            self.state.pop(f"off:{member}", None)
            if self._counts(member):
                self.state[f"plate:{plate}"] = member

    @on("vision.plate?")
    def plate_seen(self, event):
        if event.get("direction") != "out":
            yield from self._plate(event)

    @on("parking.event?")
    def parked(self, event):
        if event["kind"] == "enter":
            yield from self._plate(event)

    def _plate(self, event):
        member = self.state.get(f"plate:{event.get('plate_hash')}")
        if member is not None:
            yield from self._signal(member, event, seen=False)

    @on("kiosk.event?")
    def kiosk_login(self, event):
        if event["kind"] == "login" and event.get("member"):
            yield from self._signal(event["member"], event, seen=True)

    def _counts(self, member):
        """Whether a member agreed to profiling, is one still, and did not switch it off."""
        row = self.tables.members.get(member) or {}
        return (row.get("consents") or {}).get("profiling") is True and not row.get("left") and f"off:{member}" not in self.state

    def _forget(self, member):
        for key in [key for key in self.state if key.startswith("plate:") and self.state[key] == member]:
            del self.state[key]
        for key in [f"visit:{member}", f"bought:{member}"]:
            self.state.pop(key, None)
        for name in ("untaken", "over"):
            self.timers.cancel(name, member)

    @on_table("members")
    def consents_changed(self, table):
        known = {self.state[key] for key in self.state if key.startswith("plate:")} | {
            key.partition(":")[2] for key in self.state if key.startswith(("visit:", "bought:"))
        }
        for member in sorted(known):
            if not self._counts(member):
                self._forget(member)

    def _signal(self, member, event, seen):
        if not self._counts(member):
            return
        gap = timedelta(hours=self.config.visit_gap_h)
        arrival = event.time if seen else event.time + timedelta(minutes=self.config.walk_min)
        visit = self.state.get(f"visit:{member}")
        if visit and not receptions.is_same_visit(visit, event.time, gap):
            self._end(member)
            visit = None
        if visit is None:
            visit = {"id": f"{member}-{plain(event.time)}", "arrival": plain(arrival), "seen": seen, "last": plain(event.time),
                     "tasks": [], "tried": [], "holder": None, "state": "new"}  # fmt: skip
            self.state[f"visit:{member}"] = visit
            self.kpi.add("visits_recognised")
        else:
            if receptions.sharper(visit, arrival, seen, event.time):
                visit.update(arrival=plain(arrival), seen=seen)
                yield from self._tell_holder(member, visit)
            visit["last"] = max(visit["last"], plain(event.time), key=parse_time)
        self.timers.set("over", member, parse_time(visit["last"]) + gap)
        if visit["state"] == "new" and self.store.hours.is_open(self.now):
            yield from self._receive(member, visit)

    def _receive(self, member, visit):
        row = self.tables.members.get(member) or {}
        if tiers.rank(row.get("tier")) >= self.config.min_tier:
            self.kpi.sample("arrival_notice", max(0.0, (parse_time(visit["arrival"]) - self.now) / timedelta(minutes=1)))
            yield from self._ask(member, visit)
            return
        visit["state"] = "welcomed"
        channel = next(iter((row.get("consents") or {}).get("messaging", ("app_push",))), None)
        if channel:
            yield out("message.send", message=f"welcome-{visit['id']}", channel=channel, to=member, purpose="service",
                      template="welcome", text=self.say("Welcome, good to see you.", "欢迎光临。"))  # fmt: skip

    def _tell_holder(self, member, visit):
        if visit["holder"] and visit["state"] in ("asked", "taken") and self.store.hours.is_open(self.now):
            at = f"{self.store.hours.local(parse_time(visit['arrival'])):%H:%M}"
            yield out("message.send", message=f"arrival-{visit['id']}-{visit['arrival']}", channel="work_chat", to=visit["holder"],
                      purpose="staff", template="arrival_time", params={"member": member, "arrival": visit["arrival"]},
                      text=self.say(f"Your member arrives at {at}.", f"会员预计{at}到店。"))  # fmt: skip

    # Who receives

    @on("staff.clock")
    def clocked(self, event):
        known = self.state.setdefault(f"staff:{event['staff']}", {"in": False, "break": False, "zone": None, "idle": plain(event.time)})
        kind = event["kind"]
        known["break"] = kind == "break_start"
        if kind in ("in", "out"):
            known["in"] = kind == "in"
        if kind == "in":
            known.update(zone=event.get("zone"), idle=plain(event.time))

    def _guides(self):
        """Guides who are there and not on break, with the places where they work."""
        open_by = [visit["holder"] for visit in self._visits() if visit["state"] in ("asked", "taken")]
        found = {}
        for key in [key for key in self.state if key.startswith("staff:") and self.state[key]["in"] and not self.state[key]["break"]]:
            staff, known = key[6:], self.state[key]
            row = self.tables.staff.get(staff) or {}
            if not contacts.has_left(row, self.store.hours.store_day(self.now)):
                found[staff] = receptions.Guide(staff, self._places(row, known), open_by.count(staff), parse_time(known["idle"]))
        return found

    def _visits(self):
        return [self.state[key] for key in self.state if key.startswith("visit:")]

    def _places(self, row, known):
        zone = known.get("zone")
        category = (self.tables.zones.get(zone) or {}).get("category") if zone else None
        return frozenset(f"{kind}:{name}" for kind, name in (("s", row.get("section")), ("z", zone), ("c", category)) if name)

    def _is_guide(self, staff):
        roles = (self.tables.staff.get(staff) or {}).get("roles")
        return roles is None or bool(receptions.GUIDE_ROLES & set(roles))

    def _choose(self, member, visit):
        """The own guide first, then another of the same place; None where it is the supervisor's turn."""
        own, guides = contacts.guide_tag(self.tables.members.get(member) or {}), self._guides()
        if len(visit["tried"]) > 1:
            return None
        if own in guides and own not in visit["tried"] and guides[own].open < self.config.max_open:
            return own
        places = self._places(self.tables.staff.get(own) or {}, self.state.get(f"staff:{own}", {})) if own else frozenset()
        others = [guide for guide in guides.values() if self._is_guide(guide.staff)]
        return receptions.receiver(others, places, self.config.max_open, visit["tried"])

    def _supervisor(self):
        """Who of the supervisors is there, by rank of the role, then id."""
        there = [(staff, (self.tables.staff.get(staff) or {}).get("roles") or ()) for staff in sorted(self._guides())]
        return next((staff for role in SUPERVISORS for staff, roles in there if role in roles), None)

    def _ask(self, member, visit):
        staff = self._choose(member, visit)
        last = staff is None
        holder = self._supervisor() if last else staff
        visit["tried"].append(holder or NOBODY)
        visit.update(state="asked", holder=holder)
        if last:
            self.timers.cancel("untaken", member)
        else:
            self.timers.set("untaken", member, self.now + timedelta(minutes=self.config.accept_min))
        zone = self.state.get(f"staff:{holder}", {}).get("zone")
        arrival = parse_time(visit["arrival"])
        task = f"receive-{visit['id']}-{len(visit['tried'])}"
        visit["tasks"].append(task)
        self.state[f"task:{task}"] = member
        if f"staff:{holder}" in self.state:
            self.state[f"staff:{holder}"]["idle"] = plain(self.now)
        place, at = (self.tables.zones.get(zone) or {}).get("name", "") if zone else "", f"{self.store.hours.local(arrival):%H:%M}"
        until = parse_time(visit["last"]) + timedelta(hours=self.config.visit_gap_h)
        values = {"member": member, "arrival": visit["arrival"], "card": self._card(member), "card_until": until}
        yield out("task.create", task=task, kind="receive_member", priority=2, staff=holder, role="supervisor" if last else "guide",
                  zone=zone, due=arrival + timedelta(minutes=self.config.sla_min), values=values,
                  title=self.say(f"Receive a member at {at} {place}".rstrip(), f"{at}接待到店会员 {place}".rstrip()))  # fmt: skip

    def _card(self, member):
        row, bought = self.tables.members.get(member) or {}, self.state.get(f"bought:{member}", {"items": [], "orders": []})
        sizes = [str(tag)[5:] for tag in row.get("tags") or () if str(tag).startswith("size:")]
        card = {"sizes": sizes, "last_items": bought["items"], "open_orders": bought["orders"]}
        card = {name: row.get(name) if row.get(name) is not None else card.get(name) for name in self.config.card_fields}
        return {name: value for name, value in card.items() if value not in (None, [])}

    @timer("untaken")
    def untaken(self, due):
        yield from self._move_on(due.key)

    def _move_on(self, member):
        visit = self.state.get(f"visit:{member}")
        if visit and visit["state"] == "asked" and self._counts(member) and self.store.hours.is_open(self.now):
            yield from self._ask(member, visit)

    @on("task.done?")
    def answered(self, event):
        member = self.state.get(f"task:{event['task']}")
        visit = self.state.get(f"visit:{member}")
        if visit is None or event["task"] not in visit["tasks"]:
            return
        state, staff, current = event["state"], event["staff"], event["task"] == visit["tasks"][-1]
        if state in ("accepted", "done") and visit["state"] == "asked":
            self._taken(member, visit, staff, event.time)
        elif state == "declined" and visit["state"] == "asked" and current and self.timers.get("untaken", member):
            self.timers.cancel("untaken", member)
            yield from self._move_on(member)
        if state in ("done", "failed", "cancelled") and visit["state"] == "taken":
            visit["state"] = "closed"
            if f"staff:{visit['holder']}" in self.state:
                self.state[f"staff:{visit['holder']}"]["idle"] = plain(event.time)

    def _taken(self, member, visit, staff, at):
        self.timers.cancel("untaken", member)
        visit.update(state="taken", holder=staff)
        self.kpi.share("spend_per_received_visit", 0, 1)
        self._count(staff, receptions.wait_min(parse_time(visit["arrival"]), at))

    def _count(self, guide, wait):
        self.kpi.share("received_on_time", wait is not None and wait <= self.config.sla_min, 1)
        self.state.setdefault("day", {}).setdefault(guide, []).append(wait)

    @timer("over")
    def over(self, due):
        self._end(due.key)

    def _end(self, member):
        visit = self.state.pop(f"visit:{member}", None)
        if visit is None:
            return
        self.timers.cancel("untaken", member)
        if visit["state"] == "asked":
            self._count(visit["holder"] or NOBODY, None)
        for task in visit["tasks"]:
            self.state.pop(f"task:{task}", None)

    # What the card and the figures rest on

    @on("pos.sale?")
    def sold(self, event):
        member = event.get("member")
        if member is None or event["kind"] not in ("sale", "return") or not self._counts(member):
            return
        if (self.state.get(f"visit:{member}") or {}).get("state") in ("taken", "closed"):
            self.kpi.share("spend_per_received_visit", event["total"], 0)
        if event["kind"] == "sale":
            bought = self._bought(member)
            newest = [line["gtin"] for line in event["lines"]]
            bought["items"] = list(dict.fromkeys([*newest, *bought["items"]]))[:LAST_ITEMS]

    @on("order.placed?")
    def ordered(self, event):
        member = event.get("member")
        if member is not None and self._counts(member) and not event.get("draft"):
            bought = self._bought(member)
            bought["orders"] = list(dict.fromkeys([*bought["orders"], event["order"]]))
            self.state[f"order:{event['order']}"] = member
            self.timers.set("forget", f"order:{event['order']}", self.now + FORGOTTEN)

    @on("order.status?")
    def order_over(self, event):
        if event["status"] in ORDER_OVER:
            member = self.state.pop(f"order:{event['order']}", None)
            bought = self.state.get(f"bought:{member}")
            if bought:
                bought["orders"] = [order for order in bought["orders"] if order != event["order"]]

    def _bought(self, member):
        self.timers.set("forget", f"bought:{member}", self.now + FORGOTTEN)
        return self.state.setdefault(f"bought:{member}", {"items": [], "orders": []})

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    @every("1d", at="close")
    def report(self, due):
        taken = self.state.pop("day", None)
        if not taken:
            return
        day = self.store.hours.ended_day(due.time)
        found = receptions.rows(taken, self.config.sla_min)
        whole = receptions.rows({"": [wait for waits in taken.values() for wait in waits]}, self.config.sla_min)[0]
        figures = {"receptions": {"value": whole["receptions"], "unit": "count"}, "on_time": {"value": whole["on_time"], "unit": "%"}}
        if "median_wait" in whole:
            figures["median_wait"] = {"value": whole["median_wait"], "unit": "min"}
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"member-arrivals-{day}",
                  kind="member_arrivals", version=1, figures=figures, rows=found)  # fmt: skip
