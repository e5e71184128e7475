"""Neighbourhood parcel and locker desk: parcels of all couriers and guests' bags, put where they fit and handed out by code.

A courier's scan bears `values` of `size` and `phone_hash` (with `consent`, and `last4`, `member`, `courier` where known); a bag is a scan
with `values.kind` of `bag`, or a kiosk's `bag` event, and opens with what was scanned or keyed there. A code is entered at a kiosk as a
lookup without a product, or scanned. Who is refused is told by an alert, and by a message to `values.courier` or a slip. Wrong codes count
on the phone that the lookup names (`values.phone_hash`), else on the kiosk, for 15 minutes; a right one forgets them.

A fee is asked as `payment.request` (which the row lacks) and shown at the kiosk; `payment.result`, a pay of that session, or a receipt
that names the waybill opens. `until` in messages is the day of return, `free_until` the end of free storage; reminders come after 24 h and
two hours before a fee. After `return_d` the code is void, and a scan of the waybill hands the parcel to the courier. Purchases count by
the member (told, or whose channel holds the phone), or by the slip, coupon or waybill in the receipt's coupons or payments. What is over
is forgotten after 30 days.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, plain
from storeloom.workers.loyalty import codes
from storeloom.workers.loyalty.coupon_copies import copy_for
from storeloom.workers.optimise import parcel_places as lockers

LOCK, DOOR, KEPT = timedelta(minutes=15), timedelta(seconds=120), timedelta(days=30)
REMIND, BEFORE_FEE = timedelta(hours=24), timedelta(hours=2)
REASONS = {
    "none_free": ("no free place", "无空余格口"),
    "max_fill": ("full", "已达存放上限"),
    "closed": ("store closed", "门店已打烊"),
    "no_consent": ("receiver did not consent", "收件人未同意"),
}


class ParcelDesk(Solution):
    number = 47
    zh, en = "社区包裹代收与寄存", "Neighbourhood parcel and locker desk"
    purpose_zh = "代收各家快递与顾客寄存：放进合适格口，凭码取件，超时计费、到期退回，把取件人变成顾客。"
    formats = ("convenience", "supermarket", "mall")
    produces = ("cabinet.open", "message.send", "print.job", "task.create", "coupon.issue", "alert.raise", "insight.report",
        "payment.request", "kiosk.show")  # fmt: skip
    adapters = ("scanner", "messaging", "locker|cabinet?", "printer?")
    reads = ("fixtures", "members?", "coupons?")
    kpis = {
        "parcels_per_day": kpi("count", "Parcels taken in", "代收件数"),
        "collect_time_median": kpi("h", "Median time to collection", "取件时长中位数"),
        "collector_purchase_rate": kpi("%", "Collectors who bought", "取件购买率"),
        "place_use": kpi("%", "Places in use", "格口使用率"),
    }
    kinds = {
        "parcel_refused": ("Parcel refused", "包裹拒收"),
        "code_locked": ("Wrong codes", "取件码错误锁定"),
        "door_open": ("Locker door not closed", "格口门未关"),
        "call_receiver": ("Call the receiver", "电话通知收件人"),
        "courier_return": ("Return to the courier", "退回快递"),
        "left_bag": ("Bag left behind", "逾期寄存物"),
        "parcel_desk": ("Parcels of the day", "代收日报"),
    }

    class Config(SolutionConfig):
        code_digits: int = setting(6, "Digits of the pick-up code", "取件码位数", ge=4, le=10)
        free_h: int = setting(48, "Storage without fee", "免费存放时长", unit="h", ge=1, le=336)
        fee_per_day: int = setting(100, "Fee for each started day after that", "超时每日费用", unit="minor", ge=0, le=10000)
        return_d: int = setting(7, "Uncollected parcels go back after", "未取退回期限", unit="d", ge=1, le=30)
        max_fill: float = setting(100, "Share of places that may be taken", "可占用格口比例", unit="%", ge=50, le=100)
        consent_needed: bool = setting(True, "Only with the receiver's consent", "须收件人同意方可代收")
        wrong_tries: int = setting(3, "Wrong codes before a lock of 15 minutes", "错误次数锁定", ge=2, le=10)
        buy_min: int = setting(15, "A purchase this soon counts", "取件后购买归因时间", unit="min", ge=1, le=120)
        pickup_coupon: str = setting("none", "Coupon in the pick-up message", "取件消息附券",
            help_en="A coupon's template, or none.", help_zh="优惠券模板，或none。")  # fmt: skip

    # Taking in

    @on("scanner.code")
    def scanned(self, event):
        code, values = event["code"], event.get("values") or {}
        bag = values.get("kind") == "bag"
        if bag or "size" in values or "phone_hash" in values:
            yield from self._take_in(code, values, bag)
        elif f"parcel:{code}" in self.state and not self.state[f"parcel:{code}"]["bag"]:
            yield from self._scanned_again(code)
        elif (waybill := self._by_code(code)) is not None and not self._locked(self.state[f"parcel:{waybill}"]["phone"]):
            yield from self._collect(waybill, event, None)

    def _take_in(self, code, values, bag):
        if f"parcel:{code}" in self.state:
            yield from self._scanned_again(code)
            return
        if not self.store.hours.is_open(self.now):
            place = "closed"
        elif self.config.consent_needed and not bag and values.get("consent") is not True:
            place = "no_consent"
        else:
            place = lockers.choose(self._places(), self._taken(), values.get("size", "medium"), self.config.max_fill)
        if isinstance(place, str):
            yield from self._refuse(code, place, values)
            return
        self._count("taken_in")
        self.kpi.add("parcels_per_day")
        parcel = {name: values.get(name) for name in ("last4", "member")} | {"phone": values.get("phone_hash")}
        parcel |= {"slot": place.slot, "fixture": place.fixture, "device": place.device, "zone": place.zone, "in": plain(self.now),
                   "bag": bag, "tries": 0, "fee": None, "coupon": None, "code": code if bag else self._new_code(code),
                   "state": "waiting"}  # fmt: skip
        self.state[f"parcel:{code}"] = parcel
        self._use()
        free_until, back = self.now + timedelta(hours=self.config.free_h), self.now + timedelta(days=self.config.return_d)
        self.timers.set("back", code, back)
        self.timers.set("remind", f"{code}|day", self.now + REMIND)
        if self.config.fee_per_day and free_until - BEFORE_FEE > self.now:
            self.timers.set("remind", f"{code}|fee", free_until - BEFORE_FEE)
        yield from self._open(code, parcel, "deposit")
        if not bag and (row := self.tables.coupons.get(self.config.pickup_coupon)):
            yield self._offer(code, parcel, row)
        yield from self._tell(code, parcel, "parcel_arrived")

    def _places(self):
        return self.tables.fixtures.derived("lockers", lockers.places)

    def _taken(self):
        return {(self.state[key]["fixture"], self.state[key]["slot"]) for key in self.state if key.startswith("parcel:")}

    def _new_code(self, code):
        """A code that no open parcel has, from what has happened here so far."""
        open_ones = {self.state[key]["code"] for key in self.state if key.startswith("parcel:")}
        while True:
            pool = self.state["pool"] = codes.stir(self.state.get("pool", ""), self.store.id, code, plain(self.now))
            found = f"{draw(pool, modulus=10**self.config.code_digits):0{self.config.code_digits}d}"
            if found not in open_ones:
                return found

    def _scanned_again(self, code):
        """The first place is shown again; one whose time is over goes to the courier."""
        parcel = self.state[f"parcel:{code}"]
        if parcel["state"] == "returning":
            yield from self._open(code, parcel, "return")
            self._over(code, parcel)
            return
        if self.timers.get("door", parcel["slot"]):
            yield self._cabinet(code, parcel, "deposit")
        yield from self._label(code, parcel)

    def _open(self, code, parcel, reason):
        """Open the place where there is a locker; else its label is printed."""
        if self._locker(parcel) is None:
            yield from self._label(code, parcel)
            return
        self.timers.set("door", parcel["slot"], self.now + DOOR, {"zone": parcel["zone"], "code": code})
        yield self._cabinet(code, parcel, reason)

    def _locker(self, parcel):
        devices = [*self.devices.get("locker", ()), *self.devices.get("cabinet", ())]
        named = [device.id for device in devices if device.id == parcel["device"]]
        return next(iter([*named, *(device.id for device in devices)]), None)

    def _cabinet(self, code, parcel, reason):
        return out("cabinet.open", cabinet=self._locker(parcel), session=code, reason=reason, cell=parcel["slot"], member=parcel["member"])

    def _label(self, code, parcel):
        ends = self.say("tail number", "手机尾号")
        lines = [parcel["slot"], code, *([f"{ends} {parcel['last4']}"] if parcel["last4"] else [])]
        yield from self._print("label", "parcel_place", code, {"place": parcel["slot"], "waybill": code}, lines)

    def _print(self, kind, template, code, fields, lines):
        for printer in self.devices.get("printer", ())[:1]:
            number = self.state["prints"] = self.state.get("prints", 0) + 1
            yield out(
                "print.job", printer=printer.id, job=f"{template}-{code}-{number}", kind=kind, template=template, fields=fields, lines=lines
            )

    def _refuse(self, code, reason, values):
        words, advice = self.say(*REASONS[reason]), self.say("please deliver to the door", "请送货上门")
        self._count("refused")
        yield out("alert.raise", alert=f"refused-{code}-{plain(self.now)}", kind="parcel_refused", severity="info", state="open",
                  subject=code, text=f"{code}: {words}; {advice}", ref={"waybill": code, "reason": reason})  # fmt: skip
        if values.get("courier"):
            yield out("message.send", message=f"refused-{code}-{plain(self.now)}", channel="sms", to=values["courier"], purpose="service",
                      template="parcel_refused", text=f"{code}: {words}; {advice}", params={"waybill": code, "reason": reason})  # fmt: skip
        else:
            yield from self._print("receipt", "parcel_refused", code, {"waybill": code, "reason": reason}, [code, words, advice])

    # Telling the receiver

    def _offer(self, code, parcel, row):
        member = self._member(parcel)
        parcel["coupon"] = f"parcel-{code}"
        return out("coupon.issue", {**copy_for(row, parcel["coupon"], member, self.now, self.store.hours), "member": member},
                   bearer=True if member is None else None, campaign="parcel_desk")  # fmt: skip

    def _member(self, parcel):
        """The member, as told or as the one whose channel holds the phone."""
        if parcel["member"] or not parcel["phone"]:
            return parcel["member"]
        phones = self.tables.members.derived("by phone", lambda rows: {token: row["member"] for row in rows for token in _tokens(row)})
        return phones.get(parcel["phone"])

    def _tell(self, code, parcel, template):
        to = parcel["phone"] or parcel["member"]
        if to is None:
            return
        since, local = parse_time(parcel["in"]), self.store.hours.local
        until, free = since + timedelta(days=self.config.return_d), since + timedelta(hours=self.config.free_h)
        if template == "parcel_arrived":
            parcel["tries"] += 1
        params = {"place": parcel["slot"], "code": parcel["code"], "until": until, "free_until": free, "waybill": code}
        text = self.say(
            f"Parcel at {parcel['slot']}, code {parcel['code']}, until {local(until):%m-%d %H:%M}.",
            f"包裹在{parcel['slot']}，取件码{parcel['code']}，请于{local(until):%m-%d %H:%M}前领取。",
        )
        name = f"{template}-{code}-{parcel['tries']}" if template == "parcel_arrived" else f"{template}-{code}"
        yield out("message.send", message=name, channel="sms", to=to, purpose="service", template=template, text=text,
                  params=params | ({"coupon": parcel["coupon"]} if parcel["coupon"] else {}))  # fmt: skip

    @on("message.outcome?")
    def message_failed(self, event):
        template, _, rest = event["message"].partition("-")
        code, _, tries = rest.rpartition("-")
        parcel = self.state.get(f"parcel:{code}")
        if template != "parcel_arrived" or event["status"] != "failed" or parcel is None or str(parcel["tries"]) != tries:
            return
        if parcel["tries"] < 2:
            yield from self._tell(code, parcel, template)
        else:
            parcel["tries"] += 1
            yield out("task.create", task=f"call-{code}", kind="call_receiver", priority=3, role="clerk", ref=event.ref,
                      title=self.say(f"Call the receiver of {code}", f"电话通知{code}收件人"),
                      values={"waybill": code, "place": parcel["slot"], "phone": parcel["last4"] or parcel["phone"]})  # fmt: skip

    @timer("remind")
    def remind(self, due):
        code, _, which = due.key.rpartition("|")
        parcel = self.state.get(f"parcel:{code}")
        if parcel and parcel["state"] == "waiting":
            yield from self._tell(code, parcel, "parcel_fee_soon" if which == "fee" else "parcel_waiting")

    @timer("back")
    def back(self, due):
        parcel = self.state[f"parcel:{due.key}"]
        parcel["state"] = "returning"
        kind = "left_bag" if parcel["bag"] else "courier_return"
        yield out("task.create", task=f"return-{due.key}", kind=kind, priority=3, role="clerk", zone=parcel["zone"], due=due.time,
                  title=self.say(f"Take {due.key} out of {parcel['slot']}", f"从{parcel['slot']}取出{due.key}退回"),
                  values={"waybill": due.key, "place": parcel["slot"]})  # fmt: skip

    # Handing out

    @on("kiosk.event?")
    def kiosk(self, event):
        kind, value, values = event["kind"], event.get("value"), event.get("values") or {}
        if kind == "lookup" and value and not event.get("gtin"):
            yield from self._enter(event, str(value), values.get("phone_hash"))
        elif kind == "bag" and value and values.get("size"):
            yield from self._take_in(str(value), values | {"member": event.get("member")}, True)
        elif kind == "pay":
            yield from self._paid(event.get("amount"), event["session"])

    def _by_code(self, code):
        waiting = ((key[7:], self.state[key]) for key in self.state if key.startswith("parcel:"))
        return next((waybill for waybill, parcel in waiting if parcel["code"] == code and parcel["state"] == "waiting"), None)

    def _enter(self, event, code, phone):
        waybill = self._by_code(code)
        who = phone or (waybill and self.state[f"parcel:{waybill}"]["phone"]) or event["kiosk"]
        if any(self._locked(one) for one in {who, event["kiosk"]}):
            yield self._show(event, "locked", {"until": max(self._locked(one) or "" for one in (who, event["kiosk"]))})
        elif waybill is not None and phone in (None, self.state[f"parcel:{waybill}"]["phone"]):
            self.state.pop(f"wrong:{who}", None)
            yield from self._collect(waybill, event, event["kiosk"])
        else:
            yield from self._wrong(event, phone or event["kiosk"])

    def _locked(self, who):
        until = self.state.get(f"wrong:{who}", {}).get("until")
        return until if until and self.now < parse_time(until) else None

    def _wrong(self, event, who):
        wrong = self.state.get(f"wrong:{who}", {"times": [], "until": None})
        recent = [at for at in wrong["times"] if self.now - parse_time(at) < LOCK]
        wrong = {"times": [*recent, plain(self.now)], "until": None}
        self.state[f"wrong:{who}"] = wrong
        self.timers.set("forget", f"wrong:{who}", self.now + LOCK)
        if len(wrong["times"]) < self.config.wrong_tries:
            yield self._show(event, "wrong_code", {"left": self.config.wrong_tries - len(wrong["times"])})
            return
        wrong.update(times=[], until=plain(self.now + LOCK))
        until = self.store.hours.local(self.now + LOCK)
        yield self._show(event, "locked", {"until": wrong["until"]})
        yield out("alert.raise", alert=f"code-{who}-{plain(self.now)}", kind="code_locked", severity="warn", state="open", subject=who,
                  text=self.say(f"Wrong codes, locked until {until:%H:%M}", f"取件码多次错误，锁定至{until:%H:%M}"),
                  value=self.config.wrong_tries, unit="count", ref={"until": wrong["until"], "kiosk": event["kiosk"]})  # fmt: skip

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _show(self, event, screen, params):
        return out("kiosk.show", kiosk=event["kiosk"], session=event["session"], screen=screen, params=params)

    def _collect(self, waybill, event, kiosk):
        """Open for whoever has the code, once the fee is paid."""
        parcel = self.state[f"parcel:{waybill}"]
        parcel["member"] = event.get("member") or parcel["member"]
        due = lockers.fee(parse_time(parcel["in"]), event.time, self.config.free_h, self.config.fee_per_day)
        if not due:
            yield from self._hand_out(waybill, parcel, event.time)
            return
        session = event.get("session") or event.id
        parcel["fee"] = {"amount": due, "session": session}
        yield out("payment.request", payment=f"storage-{waybill}-{session}", amount=due, session=session, till=event.get("till"))
        if kiosk:
            yield self._show(event, "pay", {"amount": due, "place": parcel["slot"], "waybill": waybill})

    @on("payment.result?")
    def payment(self, event):
        if event["status"] == "approved":
            yield from self._paid(event["amount"], event.get("session"), event["payment"])

    def _paid(self, amount, session, payment=None):
        """Hand out what waits for this payment, by its key or its session."""
        for waybill in [key[7:] for key in self.state if key.startswith("parcel:") and self.state[key]["fee"]]:
            parcel = self.state[f"parcel:{waybill}"]
            fee = parcel["fee"]
            named = fee["session"] == session or payment == f"storage-{waybill}-{fee['session']}"
            if named and (amount is None or amount >= fee["amount"]):
                yield from self._fee_paid(waybill, parcel)

    def _fee_paid(self, waybill, parcel):
        self._count("fees", parcel["fee"]["amount"])
        yield from self._hand_out(waybill, parcel, self.now)

    def _hand_out(self, waybill, parcel, at):
        yield from self._open(waybill, parcel, "pickup")
        yield from self._print("receipt", "pickup_slip", waybill, {"slip": f"slip-{waybill}", "place": parcel["slot"]}, [f"slip-{waybill}"])
        hours = (at - parse_time(parcel["in"])) / timedelta(hours=1)
        self.kpi.sample("collect_time_median", hours, "median")
        self.kpi.share("collector_purchase_rate", 0, 1)
        self._count("collected")
        names = [name for name in (self._member(parcel), parcel["phone"], f"slip-{waybill}", waybill, parcel["coupon"]) if name]
        self.state[f"buyer:{waybill}"] = {"names": names, "at": plain(at)}
        self.timers.set("forget", f"buyer:{waybill}", self.now + timedelta(minutes=self.config.buy_min, seconds=1))
        self._over(waybill, parcel)

    def _over(self, waybill, parcel):
        for name, key in (("back", waybill), ("remind", f"{waybill}|day"), ("remind", f"{waybill}|fee")):
            self.timers.cancel(name, key)
        del self.state[f"parcel:{waybill}"]
        self.state[f"past:{waybill}"] = {name: parcel[name] for name in ("slot", "in", "phone", "last4")} | {"out": plain(self.now)}
        self.timers.set("forget", f"past:{waybill}", self.now + KEPT)
        self._use()

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] != "sale":
            return
        named = {event.get("member"), *event.get("coupons", ()), *(payment.get("ref") for payment in event.get("payments", ()))}
        for waybill in [key[7:] for key in self.state if key.startswith("parcel:") and self.state[key]["fee"] and key[7:] in named]:
            yield from self._fee_paid(waybill, self.state[f"parcel:{waybill}"])
            return
        for key in [key for key in self.state if key.startswith("buyer:")]:
            since = event.time - parse_time(self.state[key]["at"])
            if timedelta(0) <= since <= timedelta(minutes=self.config.buy_min) and named & set(self.state[key]["names"]):
                self.kpi.share("collector_purchase_rate", 1, 0)
                self._count("buyers")
                del self.state[key]
                return

    # Doors and figures

    @on("cabinet.event?")
    def door(self, event):
        cell = event.get("cell")
        if event["kind"] != "closed" or cell is None:
            return
        self.timers.cancel("door", cell)
        late = self.state.pop(f"open:{cell}", None)
        if late:
            yield self._door_alert(cell, late, "cleared")

    @timer("door")
    def not_closed(self, due):
        self.state[f"open:{due.key}"] = dict(due.data)
        yield self._door_alert(due.key, due.data, "open")

    def _door_alert(self, cell, about, state):
        words = self.say(f"Door of {cell} not closed", f"格口{cell}门未关") if state == "open" else self.say("Closed", "已关门")
        return out("alert.raise", alert=f"door-{cell}", kind="door_open", severity="warn", state=state, subject=cell,
                   zone=about.get("zone"), text=words, ref={"waybill": about.get("code")})  # fmt: skip

    def _use(self):
        places = len(self._places())
        self.kpi.set("place_use", 100 * len(self._taken()) / places if places else None)

    def _count(self, name, number=1):
        day = self.state.setdefault("day", {})
        day[name] = day.get(name, 0) + number

    @every("1d", at="close")
    def report(self, due):
        sums = self.state.pop("day", None)
        if not sums:
            return
        day = self.store.hours.ended_day(due.time)
        figures = {name: {"value": number, "unit": "minor" if name == "fees" else "count"} for name, number in sorted(sums.items())}
        figures["waiting"] = {"value": len(self._taken()), "unit": "count"}
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"parcels-{day}", kind="parcel_desk",
                  version=1, figures=figures)  # fmt: skip


def _tokens(row):
    """By what a member's phone may be known."""
    return [row["member"], *map(str, (row.get("channels") or {}).values())]
