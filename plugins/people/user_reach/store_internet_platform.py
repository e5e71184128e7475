"""Store internet platform: leads of public accounts and live rooms are scored, nurtured by a set procedure and handed to staff while hot.

A lead is a member, or a visitor until one of its events names the member too, or shows the hash of a member's phone (`values.phone_hash`;
the member's `phone_hash`, `keys` or an address in `channels`). Its source is online for live rooms and pages; for other events it is
`values.source` (online, offline, partner), else partner with `values.partner`, offline with a touchpoint. Contents are templates `sop_1`,
`sop_2`...; they need a yes: of the members table, or of the lead's last event with `consent`. One that falls due while the lead is hot
waits for the next day of the procedure. Orders, paid or not yet, and receipts end it, drafts do not; the receipt of an order that was
counted is not counted again.

Staff who are clocked in and not on a break take hot leads; without any the task goes to the role `sales`. A task that is declined passes on
at once. A member may invite who has spent enough in the 90 days before the friend joined, by receipts and orders seen here; who bought
before is no friend. Rooms and accounts (of pages: their campaign) are told each night until `retain_days` after they were last seen.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import leads, reach
from storeloom.workers.loyalty import coupon_copies

ACTIONS = {"add": "add_cart", "bind": "leave_phone"}
SOURCES = ("online", "offline", "partner")
SPEND_SEEN = timedelta(days=90)
MOST_PASSES = 3
RECEIPT_KEPT = timedelta(days=90)
TOUCHED, OVER = ("accepted", "done", "approved"), ("done", "approved", "failed", "rejected", "cancelled")


class StoreInternetPlatform(Solution):
    number = 10
    zh, en = "门店互联网化平台", "Store internet platform (public to private traffic)"
    purpose_zh = "把直播与多个公域账号的线索沉淀到自有渠道，按统一流程评分培育，热线索转给店员，并由老客带新客。"
    formats = ("supermarket", "mall", "specialty")
    produces = ("segment.assign", "score.report", "message.send", "task.create", "coupon.issue", "insight.report")
    adapters = ("messaging", "online_store")
    reads = ("members", "staff", "coupons")
    kpis = {
        "kept_viewer_rate": kpi("%", "Viewers who joined an owned channel", "观众留存率"),
        "cost_per_lead": kpi("minor", "Cost of a kept lead", "单个留存线索成本"),
        "hot_lead_conversion": kpi("%", "Hot leads who bought", "热线索成交率"),
        "invited_orders": kpi("count", "First orders of invited friends that were rewarded", "邀请首单数"),
    }
    kinds = {"hot_lead": ("Take a hot lead", "跟进热线索"), "traffic_report": ("Rooms and accounts", "直播间与账号日报")}

    class Config(SolutionConfig):
        weights: dict[str, Annotated[float, Field(ge=0, le=1000)]] = setting(
            lambda: {"view": 2, "comment": 5, "add_cart": 15, "leave_phone": 25}, "Points of each action", "各行为分值",
            help_en="Other kinds of events by their name.", help_zh="其他行为按事件类型名称。",
        )  # fmt: skip
        half_life_d: float = setting(7, "Time in which points lose half their weight", "分值半衰期", unit="d", ge=1, le=60)
        warm_at: int = setting(20, "Score from which a lead is warm", "温线索分数线", ge=1, le=100)
        hot_at: int = setting(60, "Score from which a lead goes to staff", "热线索分数线", ge=2, le=500)
        sop_days: list[Annotated[int, Field(ge=0, le=365)]] = setting(
            lambda: [0, 2, 5], "Days after entry with content", "培育内容发送日", unit="d",
            help_en="For cold and warm leads; day 0 is at once.", help_zh="仅冷、温线索；第0天为立即。",
        )  # fmt: skip
        hot_due_min: int = setting(30, "Time to take a hot lead before it passes on", "热线索跟进时限", unit="min", ge=5, le=1440)
        invite_min: int = setting(
            5000, "First order of a friend that rewards the inviter", "奖励邀请人的好友首单金额", unit="minor", ge=0, le=1_000_000
        )
        inviter_spend: int = setting(
            50000, "90-day spend from which a member may invite", "可邀请的90天消费额", unit="minor", ge=0, le=10_000_000
        )
        retain_days: int = setting(7, "Days within which a joining viewer counts as kept", "留存判定天数", unit="d", ge=1, le=30)
        invite_coupon: str = setting("invite_reward", "Coupon that the inviter gets", "邀请奖励券", min_length=1)
        costs: dict[str, Annotated[int, Field(ge=0)]] = setting(
            dict, "Spent on a live room or account", "直播间或账号投入", unit="minor",
            help_en="Live room or account to minor units.", help_zh="直播间或账号到金额（分）。",
        )  # fmt: skip

    # What leads do

    @on("live.event")
    def live(self, event):
        room, who = self._book("room", event["live"], event.time), self._who(event)
        books = [room, *([self._book("account", event["account"], event.time)] if event.get("account") else [])]
        before = leads.viewers(room)
        for book in books:
            leads.see(book, who, event.time)
            if event["kind"] == "viewers":
                book["counted"] = max(book["counted"], event.get("value", 0))
            book["told_orders"] += event["kind"] == "order"
        self.kpi.share("kept_viewer_rate", 0, leads.viewers(room) - before)
        if who is not None:
            yield from self._act(event, who, "online")

    @on("web.visit")
    def visited(self, event):
        who = self._who(event)
        if event.get("campaign"):
            leads.see(self._book("account", event["campaign"], event.time), who, event.time)
        if event.get("device"):
            self.state.setdefault(f"devices:{who}", {})[event["device"]] = 1
        yield from self._act(event, who, "online")

    @on("member.event")
    def did(self, event):
        values, who = event.get("values") or {}, self._who(event)
        if who is None:
            return
        partner = "partner" if values.get("partner") else "offline" if event.get("touchpoint") else "online"
        if values.get("device"):
            self.state.setdefault(f"devices:{who}", {})[values["device"]] = 1
        if event["kind"] == "join":
            self._joined(event, who, values.get("inviter"))
        refused = event["kind"] == "opt_out"
        consent = False if refused else event.get("consent")
        yield from self._act(event, who, values.get("source") if values.get("source") in SOURCES else partner, consent)

    def _who(self, event):
        """The member of an event, else the visitor, else None; a visitor who turns out to be a member is merged with that one."""
        visitor, member = event.get("visitor"), event.get("member")
        proof = (event.get("values") or {}).get("phone_hash")
        known = self.state.get(f"alias:{visitor}")
        member = member or known or (self._by_phone(proof) if proof else None)
        if visitor and member and known is None:
            self.state[f"alias:{visitor}"] = member
            self._merge(visitor, member)
        return member or visitor

    def _by_phone(self, proof):
        for row in self.tables.members.all_rows():
            keys = [one.get("hash") for one in row.get("keys") or ()]
            if proof in (row.get("phone_hash"), *keys, *(row.get("channels") or {}).values()):
                return row["member"]
        return None

    def _merge(self, visitor, member):
        other = self.state.pop(f"lead:{visitor}", None)
        devices = self.state.pop(f"devices:{visitor}", {})
        if devices:
            self.state.setdefault(f"devices:{member}", {}).update(devices)
        for key in [key for key in self.state if key.startswith(("room:", "account:"))]:
            for part in ("seen", "kept"):
                if (found := self.state[key][part].pop(visitor, None)) is not None:
                    self.state[key][part].setdefault(member, found)
        if other is None:
            return
        mine = self.state.get(f"lead:{member}")
        if mine is None:
            self.state[f"lead:{member}"] = mine = {**other, "tier": None}
        else:
            leads.merge(mine, other, self.config.half_life_d)
        self._procedure(visitor, member)
        if held := self.state.pop(f"hot:{visitor}", None):
            self.state.setdefault(f"hot:{member}", held)
            self.timers.cancel("pass", visitor)
            if held["staff"] and held["due"]:
                self.timers.set("pass", member, parse_time(held["due"]))

    def _procedure(self, visitor, member):
        """The content days still to come are those of the member's lead."""
        for place, days in enumerate(self.config.sop_days):
            self.timers.cancel("content", f"{visitor}|{place}")
            at = parse_time(self.state[f"lead:{member}"]["entered"]) + timedelta(days=days)
            if at > self.now and not self.state[f"lead:{member}"]["ended"]:
                self.timers.set("content", f"{member}|{place}", at)

    def _act(self, event, who, source, consent=None):
        fresh = f"lead:{who}" not in self.state
        lead = self.state.setdefault(f"lead:{who}", leads.new_lead(event.time, source))
        lead["consent"] = lead["consent"] if consent is None else consent
        kind = event["kind"]
        lead["ended"] = lead["ended"] or kind in ("buy", "order")
        weight = self.config.weights.get(ACTIONS.get(kind, kind), 0)
        score = leads.add(lead, weight, event.time, self.config.half_life_d)
        before, lead["tier"] = lead["tier"], leads.tier(score, self.config.warm_at, self.config.hot_at)
        named = {"visitor" if who == event.get("visitor") else "member": who}
        if weight:
            window = {"from": parse_time(lead["entered"]), "to": event.time}
            yield out("score.report", window, scheme="lead", subject_kind="member", subject=who, score=score,
                      parts=[{"name": ACTIONS.get(kind, kind), "value": weight}], labels={"tier": lead["tier"]})  # fmt: skip
        if lead["tier"] != before:
            yield out("segment.assign", named, scheme="lead", segment=lead["tier"], previous=before, score=score, reason=lead["source"])
            if lead["tier"] == "hot":
                if lead["hot"] is None:
                    lead["hot"] = "open"
                    self.kpi.share("hot_lead_conversion", 0, 1)
                yield from self._hand_out(who, event.time)
        if fresh:
            yield from self._enter(who, event.time)

    # The procedure

    def _enter(self, who, at):
        for place, days in enumerate(self.config.sop_days):
            if days == 0:
                yield from self._content(who)
            else:
                self.timers.set("content", f"{who}|{place}", at + timedelta(days=days))

    @timer("content")
    def content_due(self, due):
        yield from self._content(due.key.rpartition("|")[0])

    def _content(self, who):
        lead = self.state.get(f"lead:{who}")
        row = self.tables.members.get(who)
        agreed = lead and (lead["consent"] if lead["consent"] is not None else ((row or {}).get("consents") or {}).get("marketing") is True)
        if not agreed or lead["ended"] or lead["tier"] == "hot" or (row or {}).get("left"):
            return
        lead["sent"] += 1
        yield out("message.send", message=f"sop:{who}:{lead['sent']}", channel=reach.channel_of(row), to=who,
                  template=f"sop_{lead['sent']}", campaign=lead["source"], purpose="marketing")  # fmt: skip

    @on("message.outcome?")
    def answered(self, event):
        who = event["message"].removeprefix("sop:").rpartition(":")[0] if event["message"].startswith("sop:") else event.get("to")
        lead = self.state.get(f"lead:{who}")
        if lead and event["status"] == "unsubscribed":
            lead["consent"] = False
        elif lead and event["status"] == "failed" and event["message"] == f"sop:{who}:{lead['sent']}":
            lead["sent"] -= 1  # it was not seen: the next day brings the same content

    # Hot leads

    @on("staff.clock?")
    def clocked(self, event):
        present = self.state.setdefault("present", {})
        if event["kind"] in ("in", "break_end"):
            present[event["staff"]] = 1
        else:
            present.pop(event["staff"], None)

    def _hand_out(self, who, at):
        if f"hot:{who}" not in self.state:
            self.state[f"hot:{who}"] = {"staff": None, "tried": [], "due": None, "passes": 0}
            yield from self._to_next(who)

    def _to_next(self, who):
        held = self.state[f"hot:{who}"]
        counts: dict[str, int] = {}
        for key in [key for key in self.state if key.startswith("hot:")]:
            if (staff := self.state[key]["staff"]) is not None:
                counts[staff] = counts.get(staff, 0) + 1
        present = [one for one in sorted(self.state.get("present", ())) if not (self.tables.staff.get(one) or {}).get("left")]
        staff = leads.next_holder(present, counts, held["tried"], held["staff"])
        if staff is None and held["tried"]:
            return
        due = self.now + timedelta(minutes=self.config.hot_due_min)
        held |= {"staff": staff, "due": plain(due), "tried": [*held["tried"], staff or ""]}
        self.timers.set("pass", who, due)
        lead = self.state[f"lead:{who}"]
        yield out("task.create", task=f"hot_lead:{who}:{len(held['tried'])}:{lead['entered']}", kind="hot_lead", priority=2, staff=staff,
                  title=f"{self.say(*self.kinds['hot_lead'])} ({who})", role=None if staff else "sales", due=due,
                  values={"lead": who, "score": lead["score"], "source": lead["source"]})  # fmt: skip

    @timer("pass")
    def untouched(self, due):
        yield from self._pass(due.key)

    def _pass(self, who):
        held = self.state[f"hot:{who}"]
        if held["passes"] < MOST_PASSES:
            held["passes"] += 1
            yield from self._to_next(who)

    @on("task.done?")
    def task_done(self, event):
        parts = event["task"].split(":", 1)
        who = next((key[4:] for key in self.state if key.startswith("hot:") and parts[-1].startswith(f"{key[4:]}:")), None)
        if parts[0] != "hot_lead" or who is None:
            return
        if event["state"] in TOUCHED:
            self.timers.cancel("pass", who)
        if event["state"] in OVER:
            self.timers.cancel("pass", who)
            del self.state[f"hot:{who}"]
        elif event["state"] == "declined":
            self.timers.cancel("pass", who)
            yield from self._pass(who)

    # Joining and inviting

    def _book(self, kind, name, at):
        key = f"{kind}:{name}"
        if key not in self.state:
            self.state[key] = leads.new_book(at)
            self.kpi.share("cost_per_lead", self.config.costs.get(name, 0), 0)
        return self.state[key]

    def _joined(self, event, who, inviter):
        places = [key for key in self.state if key.startswith(("room:", "account:"))]
        kept = [key for key in places if leads.keep(self.state[key], who, event.time, self.config.retain_days)]
        self.kpi.share("kept_viewer_rate", sum(key.startswith("room:") for key in kept), 0)
        self.kpi.share("cost_per_lead", 0, int(bool(kept)))
        if inviter and inviter != who and f"invited:{who}" not in self.state and f"bought:{who}" not in self.state:
            spent = self._spent(inviter, event.time)
            self.state[f"invited:{who}"] = {"inviter": inviter, "may": spent >= self.config.inviter_spend}

    def _spent(self, member, at):
        bought = self.state.get(f"bought:{member}", {"receipts": []})["receipts"]
        return sum(amount for time, amount in bought if timedelta(0) <= at - parse_time(time) <= SPEND_SEEN)

    @on("order.placed")
    def ordered(self, event):
        if event.get("live") and not event.get("draft"):
            self._book("room", event["live"], event.time)["orders"][event["order"]] = 1
        if (lead := self.state.get(f"lead:{event.get('member')}")) and not event.get("draft"):
            lead["ended"] = True
        if event.get("paid") and not event.get("draft") and event.get("member"):
            yield from self._bought(event, event["order"])

    @on("pos.sale?")
    def sold(self, event):
        of_orders = any(f"receipt:{payment.get('ref')}" in self.state for payment in event.get("payments", ()) if payment.get("ref"))
        if event["kind"] == "sale" and event.get("member") and not of_orders:
            yield from self._bought(event, event["receipt"])
        elif event["kind"] == "return" and f"bought:{event.get('member')}" in self.state:
            self.state[f"bought:{event['member']}"]["receipts"].append([plain(event.time), event["total"]])

    def _bought(self, event, receipt):
        if f"receipt:{receipt}" in self.state:
            return
        self.state[f"receipt:{receipt}"] = 1
        self.timers.set("forget", receipt, self.now + RECEIPT_KEPT)
        member = event["member"]
        first = f"bought:{member}" not in self.state
        bought = self.state.setdefault(f"bought:{member}", {"receipts": []})
        recent = [one for one in bought["receipts"] if event.time - parse_time(one[0]) <= SPEND_SEEN]
        bought["receipts"] = [*recent, [plain(event.time), event["total"]]]
        if lead := self.state.get(f"lead:{member}"):
            lead["ended"] = True
            if lead["hot"] == "open":
                lead["hot"] = "bought"
                self.kpi.share("hot_lead_conversion", 1, 0)
        invited = self.state.get(f"invited:{member}")
        if first and invited and invited["may"] and event["total"] >= self.config.invite_min and not self._share_device(member, invited):
            self.kpi.add("invited_orders")
            row = self.tables.coupons.get(self.config.invite_coupon) or {"template": self.config.invite_coupon}
            copy = f"{row['template']}:{invited['inviter']}:{member}"
            yield out("coupon.issue", coupon_copies.copy_for(row, copy, invited["inviter"], self.now, self.store.hours), campaign="invite",
                      ref=event.ref)  # fmt: skip

    def _share_device(self, friend, invited):
        mine, theirs = (self.state.get(f"devices:{one}", {}) for one in (friend, invited["inviter"]))
        return not mine.keys().isdisjoint(theirs)

    @timer("forget")
    def forget(self, due):
        del self.state[f"receipt:{due.key}"]

    # The night

    @every("1d", at="00:00")
    def report(self, due):
        hours, rows = self.store.hours, []
        day = hours.ended_day(due.time)
        for key in sorted(key for key in self.state if key.startswith(("room:", "account:"))):
            kind, _, name = key.partition(":")
            rows.append({kind: name, **leads.account(self.state[key], self.config.costs.get(name))})
            if due.time - parse_time(self.state[key]["last"]) > timedelta(days=self.config.retain_days):
                del self.state[key]
        if not rows:
            return
        rooms = [row for row in rows if "room" in row]
        figures = {name: (sum(row[name] for row in rooms), "count") for name in ("viewers", "kept", "orders")}
        yield out("insight.report", {"from": hours.midnight(day), "to": due.time}, report=f"traffic:{day}", kind="traffic_report",
                  version=1, rows=rows,
                  figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """Hot lies above warm."""
    warm, hot = config.get("warm_at", 20), config.get("hot_at", 60)
    if hot > warm:
        return []
    return [
        Problem("hot_at", f"{hot} is not above warm_at {warm}", f"{hot}未高于温线索分数线{warm}", "Raise hot_at.", "请调高热线索分数线。")
    ]
