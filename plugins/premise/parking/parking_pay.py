"""Plate parking with spend discount: cars enter and leave by plate, and hours earned by shopping and membership are taken off.

A lane's barrier is the bound one of its name, or whose settings name the `lane`, else the lane itself. A kiosk's quote is `plate` with the
plate (or its hash) as value; `values.receipts` (or `receipt`) names receipts, `member` the driver. A receipt belongs to the session that it
was quoted for. Quotes ask for the payment at once; a payment without an answer for a minute counts as failed. A row of `tariffs` gives
`fixed` for the first block and `price` for further ones. At a lane without a session staff ask for day_cap at most. parking.event of a
kind in EMERGENCIES raises all barriers, `fault` of a lane that lane's; who leaves within an hour of it pays nothing.

A plate stands in state only while its session is open, then its hash; sessions go after 30 days.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

ONE_READ, NO_ANSWER, KEPT = timedelta(seconds=10), timedelta(seconds=60), timedelta(days=30)
EMERGENCY, EMERGENCIES = timedelta(hours=1), ("fire", "power_loss", "emergency")
FAILURES_AT_LANE = 2
FREE_OWNERS, FREE_STATES = ("staff", "tenant"), ("free", "monthly")
SIGNS = {
    "blocked": ("Entry refused. Please ask for help.", "禁止进入，请联系工作人员。"),
    "pay": ("Please pay {due}.", "请支付 {due}。"),
    "help": ("Plate not found, help is on the way.", "未识别到车牌，工作人员马上就来。"),
    "bye": ("Thank you, drive safely.", "谢谢惠顾，一路平安。"),
}
Pair = Annotated[list[Annotated[int, Field(ge=0, le=100000000)]], Field(min_length=2, max_length=2)]
Minutes = Annotated[int, Field(ge=0, le=1440)]


class ParkingPay(Solution):
    number = 190
    zh, en = "无感停车缴费与消费减免", "Plate parking with spend discount"
    purpose_zh = "车辆凭车牌进出，按分钟计费，购物与会员所得时长自动抵扣，无需纸质票。"
    formats = ("mall",)
    produces = ("parking.event", "parking.charge", "payment.request", "gate.open", "sign.play", "alert.raise")
    adapters = ("camera", "barrier", "payment", "signage?", "kiosk?")
    reads = ("tariffs", "vehicles", "members")
    kpis = {
        "exit_time": kpi("s", "Time at the exit", "离场用时"),
        "plate_match_rate": kpi("%", "Exits matched by plate", "车牌匹配率"),
        "revenue": kpi("minor", "Parking revenue", "停车收入"),
        "discount_share": kpi("%", "Discounts in fees", "减免占比"),
    }
    kinds = {
        "blocked_vehicle": ("Blocked vehicle at the entry", "黑名单车辆入场"),
        "plate_unmatched": ("Exit plate without a session", "离场车牌无入场记录"),
        "parking_debt": ("Parking fee unpaid", "停车费欠缴"),
        "missed_exit": ("Exit was missed", "漏记离场"),
        "barriers_up": ("Barriers held up", "道闸常开"),
    }

    class Config(SolutionConfig):
        free_min: int = setting(30, "Stays up to this cost nothing", "免费时长", unit="min", ge=0, le=240)
        first_min: int = setting(60, "First block", "首段时长", unit="min", ge=1, le=240)
        first_fee: int = setting(1000, "Fee of the first block", "首段费用", unit="minor", ge=0, le=100000)
        next_min: int = setting(30, "Further blocks", "后续计费时长", unit="min", ge=1, le=240)
        next_fee: int = setting(500, "Fee of a further block", "后续每段费用", unit="minor", ge=0, le=100000)
        day_cap: int = setting(5000, "Most per 24 h from entry", "每 24 小时封顶", unit="minor", ge=0, le=1000000)
        spend_tiers: list[Pair] = setting([[10000, 60], [20000, 120], [50000, 240]], "Minutes off by spend of the day", "消费抵扣档位",
            help_en="Pairs of spend (minor) and minutes.", help_zh="消费额（分）与抵扣分钟成对。")  # fmt: skip
        tier_minutes: dict[str, Minutes] = setting({"gold": 60}, "Minutes off by member tier", "会员等级抵扣", unit="min")
        max_off_min: int = setting(300, "Most minutes off per stay", "单次最多抵扣", unit="min", ge=0, le=1440)
        exit_grace_min: int = setting(15, "Time to leave after paying", "缴费后离场时限", unit="min", ge=1, le=60)

    # --- plates ---

    @on("vision.plate")
    def plate(self, event):
        key = f"read:{event['lane']}"
        last = self.state.get(key)
        self.state[key] = {"hash": event["plate_hash"], "at": plain(event.time)}
        if last and last["hash"] == event["plate_hash"] and abs(event.time - parse_time(last["at"])) <= ONE_READ:
            return
        yield from self._enters(event) if event["direction"] == "in" else self._leaves(event)

    def _enters(self, event):
        vehicle = self._vehicle(event["plate_hash"], event.get("plate"))
        if vehicle.get("status") == "blocked":
            yield self._alert("blocked_vehicle", f"{event['lane']}-{plain(event.time)}", event["plate_hash"], lane=event["lane"])
            yield from self._sign(event["lane"], "blocked")
            return
        if old := self.state.get(f"hash:{event['plate_hash']}"):
            yield self._alert("missed_exit", old, old)
            self._close(old)
        session = f"{event['plate_hash']}-{event.time:%Y%m%dT%H%M%SZ}"
        self.state[f"hash:{event['plate_hash']}"] = session
        self.state[f"open:{session}"] = {"hash": event["plate_hash"], "plate": event.get("plate"), "class": event.get("class"),
            "tail": event.get("tail"), "from": plain(event.time), "asked": {}, "tries": 0, "paid": 0, "charged": 0, "paid_at": None,
            "member": None, "receipts": [], "payments": 0, "waits": None, "lane": None, "at_lane": None}  # fmt: skip
        yield out("parking.event", {"class": event.get("class")}, kind="enter", session=session, plate_hash=event["plate_hash"],
                  tail=event.get("tail"), lane=event["lane"], electric=event.get("electric"))  # fmt: skip
        yield self._gate(event["lane"], "in", "entry")

    def _leaves(self, event):
        session = self._match(event)
        self.kpi.share("plate_match_rate", int(session is not None), 1)
        if session is None:
            yield self._alert("plate_unmatched", f"{event['lane']}-{plain(event.time)}", event["plate_hash"], lane=event["lane"],
                              limit=self.config.day_cap, unit="minor")  # fmt: skip
            yield from self._sign(event["lane"], "help")
            return
        one = self.state[f"open:{session}"]
        if one["lane"] == event["lane"] and one["waits"]:
            return
        one |= {"lane": event["lane"], "at_lane": plain(event.time), "tries": 0}
        yield from self._quote(session, at_lane=True)

    def _open(self, fits):
        return sorted(key[5:] for key in self.state if key.startswith("open:") and fits(self.state[key]))

    def _match(self, event):
        """The open session of a plate: its own, else the only one of a plate one character off and of the same class."""
        own = self.state.get(f"hash:{event['plate_hash']}")
        if own or not event.get("plate"):
            return own
        from storeloom.workers.vision.reading.receipt_rules import edit_distance

        near = self._open(lambda one: one["plate"] and edit_distance(one["plate"], event["plate"]) <= 1
                          and event.get("class") in (None, one["class"] or event.get("class")))  # fmt: skip
        return near[0] if len(near) == 1 else None

    def _vehicle(self, plate_hash, plate):
        row = self.tables.vehicles.get(plate_hash) or (self.tables.vehicles.get(plate) if plate else None) or {}
        ended = row.get("valid_to") and str(row["valid_to"])[:10] < plain(self.store.hours.store_day(self.now))
        return {} if ended and row.get("status") != "blocked" else row

    # --- what a stay costs ---

    @on("kiosk.event?")
    def asked(self, event):
        if event["kind"] != "plate" or not event.get("value"):
            return
        plate = event["value"].replace(" ", "").upper()
        own = self.state.get(f"hash:{event['value']}")
        for session in [own] if own else self._open(lambda one: (one["plate"] or "").upper() == plate)[:1]:
            one, values = self.state[f"open:{session}"], event.get("values") or {}
            one["member"] = event.get("member") or one["member"]
            one["receipts"] += [*values.get("receipts", ()), *([event["receipt"]] if event.get("receipt") else [])]
            yield from self._quote(session, at_lane=False)

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] == "sale":
            day = plain(self.store.hours.store_day(event.time))
            self.state[f"receipt:{event['receipt']}"] = {"day": day, "total": event["total"], "session": None}
            if member := event.get("member"):
                self.state[f"shopped:{member}"] = [*self.state.get(f"shopped:{member}", []), event["receipt"]]
        elif event["kind"] in ("return", "void") and (sale := self.state.get(f"receipt:{event.get('original')}")):
            sale["total"] += min(0, event["total"])

    @on("member.profile?")
    def member_told(self, event):
        self.state[f"member:{event['member']}"] = {"tier": event.get("tier"), "left": event.get("left", False)}

    def _offs(self, session, one):
        """Minutes by source: the spend of the store day, and the driver's tier."""
        day, spend = plain(self.store.hours.store_day(self.now)), 0
        for receipt in dict.fromkeys([*one["receipts"], *self.state.get(f"shopped:{one['member']}", ())]):
            sale = self.state.get(f"receipt:{receipt}")
            if sale and sale["day"] == day and sale["session"] in (None, session):
                sale["session"] = session
                spend += sale["total"]
        told, row = self.state.get(f"member:{one['member']}", {}), (self.tables.members.get(one["member"]) if one["member"] else None) or {}
        tier = None if told.get("left") or row.get("left") else told.get("tier") or row.get("tier")
        return [("spend", self.workers.pricing.parking.tier_minutes(self.config.spend_tiers, spend)),
                (f"tier:{tier}", self.config.tier_minutes.get(tier, 0))]  # fmt: skip

    def _charge(self, session, one):
        """What a stay costs until now: gross, discounts and what is still due."""
        tools, config = self.workers.pricing.parking, self.config
        base = tools.ParkingTariff(config.free_min, config.first_min, config.first_fee, config.next_min, config.next_fee, config.day_cap)
        tariff = base.with_row(next(iter(self.tables.tariffs.rows(kind="parking")), None))
        begin, found = parse_time(one["from"]), []
        minutes = tools.minutes_between(begin, self.now)
        if one["paid_at"] is None:
            gross = tariff.gross(minutes)
            found = tools.discounts(tariff, minutes, self._offs(session, one), config.max_off_min) if gross else []
            due = gross - sum(discount["amount"] for discount in found)
        else:
            since = self.now - parse_time(one["paid_at"])
            late = since > timedelta(minutes=config.exit_grace_min)
            gross = tariff.extra(tools.minutes_between(parse_time(one["paid_at"]), self.now), minutes, one["charged"]) if late else 0
            due = gross
        return {"from": one["from"], "to": plain(self.now), "minutes": minutes, "gross": gross, "discounts": found, "due": due}

    def _quote(self, session, *, at_lane):
        one = self.state[f"open:{session}"]
        vehicle, raised = self._vehicle(one["hash"], one["plate"]), self.state.get("raised")
        free = vehicle.get("owner_kind") in FREE_OWNERS or vehicle.get("status") in FREE_STATES
        charge = self._charge(session, one)
        if free or (at_lane and raised and self.now - parse_time(raised) <= EMERGENCY):
            why = "vehicle" if free else "emergency"
            charge |= {"discounts": [{"source": why, "amount": charge["gross"]}] if charge["gross"] else [], "due": 0}
        if charge["due"] == 0:
            yield from self._nothing_due(session, one, charge, at_lane=at_lane)
            return
        one["payments"] += 1
        payment = f"{session}-{one['payments']}"
        one["asked"][payment] = charge
        yield self._told(session, one, "quoted", charge, payment)
        yield out("payment.request", payment=payment, amount=charge["due"], session=session)
        if at_lane:
            one["waits"] = payment
            self.timers.set("no_answer", payment, self.now + NO_ANSWER)
            yield from self._sign(one["lane"], "pay", due=charge["due"])

    def _nothing_due(self, session, one, charge, *, at_lane):
        if one["paid_at"] is None:
            self.kpi.share("discount_share", charge["gross"], charge["gross"])
            yield self._told(session, one, "waived", charge, None)
            if charge["discounts"]:
                one |= {"paid_at": plain(self.now), "charged": charge["gross"]}
        if at_lane:
            yield from self._lets_out(session, one)

    def _told(self, session, one, state, charge, payment):
        fields = {name: value for name, value in charge.items() if name != "from"}
        return out("parking.charge", {"from": charge["from"], **fields}, session=session, state=state, plate_hash=one["hash"],
                   payment=payment)  # fmt: skip

    # --- payments ---

    @on("payment.result")
    def answered(self, event):
        session = event["payment"].rpartition("-")[0]
        one = self.state.get(f"open:{session}")
        if one is None or event["payment"] not in one["asked"]:
            return
        if event["status"] == "approved":
            charge = one["asked"][event["payment"]]
            self._ask_no_more(one)
            one |= {"paid": one["paid"] + charge["due"], "charged": one["charged"] + charge["gross"], "paid_at": plain(self.now)}
            self.kpi.add("revenue", charge["due"])
            self.kpi.share("discount_share", sum(discount["amount"] for discount in charge["discounts"]), charge["gross"])
            yield self._told(session, one, "paid", charge, event["payment"])
            if one["lane"]:
                yield from self._lets_out(session, one)
        elif event["status"] in ("declined", "unknown", "reversed"):
            yield from self._failed(session, one, event["payment"])

    @timer("no_answer")
    def silent(self, due):
        session = due.key.rpartition("-")[0]
        one = self.state.get(f"open:{session}")
        if one and one["waits"] == due.key:
            yield from self._failed(session, one, due.key)

    def _failed(self, session, one, payment):
        """A payment failed: at the lane it is asked for once more, then it is a debt and the barrier opens."""
        if one["waits"] != payment:
            return
        self.timers.cancel("no_answer", payment)
        charge = one["asked"][payment]
        one["tries"] += 1
        if one["tries"] < FAILURES_AT_LANE:
            yield from self._quote(session, at_lane=True)
            return
        yield self._told(session, one, "debt", charge, payment)
        yield self._alert("parking_debt", session, one["hash"], value=charge["due"], unit="minor")
        yield from self._lets_out(session, one)

    def _lets_out(self, session, one):
        lane = one["lane"]
        self.kpi.sample("exit_time", (self.now - parse_time(one["at_lane"])).total_seconds())
        yield self._gate(lane, "out", "exit")
        yield from self._sign(lane, "bye")
        yield out("parking.event", {"class": one["class"]}, kind="exit", session=session, plate_hash=one["hash"], tail=one["tail"],
                  lane=lane)  # fmt: skip
        self._close(session)

    def _close(self, session):
        """Keep what a session was without its plate."""
        one = self.state.pop(f"open:{session}")
        del self.state[f"hash:{one['hash']}"]
        self._ask_no_more(one)
        kept = {key: one[key] for key in ("hash", "class", "from", "paid")}
        self.state[f"past:{session}"] = {**kept, "to": plain(self.now)}

    def _ask_no_more(self, one):
        if one["waits"]:
            self.timers.cancel("no_answer", one["waits"])
        one |= {"asked": {}, "waits": None}

    # --- barriers, signs ---

    @on("parking.event?")
    def emergency(self, event):
        everywhere = event["kind"] in EMERGENCIES
        if not everywhere and (event["kind"] != "fault" or not event.get("lane") or event.get("bay")):
            return
        if everywhere:
            self.state["raised"] = plain(self.now)
        names = [device.id for device in self.devices.get("barrier", ())] if everywhere else [self._barrier(event["lane"])]
        for gate in names:
            yield out("gate.open", gate=gate, direction="both", reason=event["kind"], hold=True)
        yield self._alert("barriers_up", event.get("lane") or "all", event.get("lane") or self.store.id)

    def _barrier(self, lane):
        barriers = self.devices.get("barrier", ())
        return next((device.id for device in barriers if lane in (device.id, device.settings.get("lane"))), lane)

    def _gate(self, lane, direction, reason):
        return out("gate.open", gate=self._barrier(lane), direction=direction, reason=reason)

    def _sign(self, lane, what, **words):
        """Words on the lane's screen, where one is bound: the one whose settings name the lane, else the first."""
        screens = self.devices.get("signage", ())
        screen = next((device.id for device in screens if lane in (device.id, device.settings.get("lane"))), None)
        if screen := screen or next((device.id for device in screens), None):
            due = self.workers.pricing.money.written(words["due"], self.store.currency) if "due" in words else ""
            text = self.say(*(line.format(due=due) for line in SIGNS[what]))
            item = {"asset": f"parking-{what}", "duration_s": 10, "text": text, "params": {"lane": lane}}
            yield out("sign.play", screen=screen, items=[item])

    def _alert(self, kind, key, subject, lane=None, **more):
        where = self.say(f" at {lane}", f"（{lane}）") if lane else ""
        text = self.say(f"{self.kinds[kind][0]}{where}", f"{self.kinds[kind][1]}{where}")
        severity = "critical" if kind == "barriers_up" else "warn"
        return out("alert.raise", alert=f"{kind}-{key}", kind=kind, severity=severity, state="open", subject=subject, text=text, **more)

    @every("1d", at="00:00")
    def forget(self, due):
        """Sessions go 30 days after the exit, receipts with their day."""
        today, oldest = plain(self.store.hours.store_day(due.time)), plain(due.time - KEPT)
        for key in sorted(self.state):
            gone = key.startswith("past:") and self.state[key]["to"] < oldest
            if gone or key.startswith("shopped:") or (key.startswith("receipt:") and self.state[key]["day"] < today):
                del self.state[key]
