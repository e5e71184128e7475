"""Service booking and queue: fills skilled hands and rooms from bookings and walk-ins, keeps waits honest and no-shows few.

A service is a product with `attributes.minutes`, or any line of an order of kind service (30 min); several follow one another. It is put
out as `service.booking` (its kind: the skill), a walk-in's under the kiosk session. Where the wished day is full the next 14 days are
looked at, then the order is rejected. Of a clock hour's starts the last ones are kept for walk-ins. The deposit is a `payment.request`.
A guest arrives by kiosk login or visit, from an hour before the start on. At the start of a guest who is there the person gets a task: a
service is past its end when that was taken up and is not done, or is done later; without word it ends as booked, after twice its time at
the latest. Who clocked out serves nobody until clocked in again that day; a booking that nobody takes over keeps its time, and is cancelled
without a no-show where nobody comes back. Walk-ins without a start wait for a release until closing. Purchases after a service are the
member's orders of that day: till receipts are not read. Days are kept for a week.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

DAY, MINUTE, EARLY = timedelta(days=1), timedelta(minutes=1), timedelta(minutes=60)
HORIZON_DAYS, KEPT_DAYS, STRIKE_DAYS = 14, 7, 90
SERVICE_MIN, CALL_S = 30, 15
PAID = ("approved", "settled")


class ServiceBooking(Solution):
    number = 48
    zh, en = "到店服务预约与排号", "Service booking and queue"
    purpose_zh = "把预约与到店排号合理安排给有技能的员工和房间：等待时间如实告知，爽约更少。"
    formats = ("specialty", "mall", "supermarket")
    produces = ("service.booking", "order.status", "payment.request", "task.create", "message.send", "kiosk.show", "sign.play",
        "insight.report")  # fmt: skip
    adapters = ("messaging", "kiosk?", "signage?")
    reads = ("staff", "skills", "products", "zones")
    kpis = {
        "hands_used": kpi("%", "Skilled hands used", "技能人员利用率"),
        "wait_median": kpi("min", "Median wait", "等待中位数"),
        "no_show_rate": kpi("%", "No-shows", "爽约率"),
        "service_to_purchase": kpi("%", "Guests who then buy", "服务后购买率"),
    }
    kinds = {
        "serve_guest": ("Serve a guest", "接待客人"),
        "call_guest": ("Call a guest: nobody can serve", "致电客人：无人可接待"),
        "service_day": ("Services of the day", "当日服务"),
    }

    class Config(SolutionConfig):
        grid_min: int = setting(15, "Grid of starts from opening", "自开店起的开始时间间隔", unit="min", ge=5, le=60)
        cleanup_min: int = setting(0, "Between two guests in a room", "同一房间两位客人之间的清洁时间", unit="min", ge=0, le=60)
        hold_min: int = setting(10, "Slot held for an unpaid deposit", "未付定金时段保留时长", unit="min", ge=1, le=60)
        remind_h: list[int] = setting(lambda: [24, 2], "Reminders before the start", "提前提醒", unit="h")
        grace_min: int = setting(10, "Lateness until a no-show", "迟到多久视为爽约", unit="min", ge=0, le=60)
        strikes: int = setting(2, "No-shows until a deposit", "收定金的爽约次数", ge=1, le=10,
            help_en="No-shows in 90 days after which a deposit is asked.", help_zh="90 天内爽约达到此次数后须付定金。")  # fmt: skip
        deposit: int = setting(3000, "Deposit", "定金", unit="minor", ge=0, le=100000,
            help_en="Deposit then asked; 0 asks none.", help_zh="届时收取的定金；0 表示不收。")  # fmt: skip
        walkin_share: float = setting(20, "Kept for walk-ins", "留给到店客人的比例", unit="%", ge=0, le=100,
            help_en="Share of the starts of each hour that is not bookable before it.", help_zh="每小时中不可提前预约的比例。")  # fmt: skip
        delay_min: int = setting(10, "Delay that is told", "告知延误阈值", unit="min", ge=5, le=60,
            help_en="Expected delay from which later guests are told.", help_zh="预计延误达到此值时告知后续客人。")  # fmt: skip

    @on("order.placed")
    def placed(self, event):
        order, member, lines, book = event["order"], event.get("member"), event.get("lines") or (), self._book()
        engine, products = self.workers.optimise.service_book, self.tables.products
        goods = event.get("kind") != "service" and not all(engine.minutes_of(products.get(line.get("gtin"))) for line in lines)
        if goods and book.first_purchase(member):
            self.kpi.share("service_to_purchase", 1, 0)
        service = engine.service(lines, products.get, SERVICE_MIN if event.get("kind") == "service" else 0)
        wish = event.get("wish") or event.get("promised_from")
        if event.get("draft") or not service or not wish or book.row(order):
            return
        ask = self.config.deposit > 0 and len(book.strikes(member, STRIKE_DAYS)) >= self.config.strikes
        place = book.find(service, parse_time(wish), HORIZON_DAYS)
        status = "rejected" if place is None else "held" if ask else "booked"
        row = engine.put(service | {"order": order, "member": member, "status": status}, place)
        book.keep(order, row)
        if place is None:
            yield out("order.status", order=order, status="rejected", reason="no_slot")
            return
        self._alarm(order, row)
        yield self._booking(order, row)
        yield out("order.status", order=order, status="accepted" if ask else "confirmed", staff=row["staff"], promised_to=row["end"])
        if ask:
            until = self.now + self.config.hold_min * MINUTE
            self.timers.set("hold", order, until)
            yield out("payment.request", payment=f"deposit-{order}", amount=self.config.deposit, order=order, expires=until)

    @on("payment.result?")
    def paid(self, event):
        order = event.get("order") or event["payment"].removeprefix("deposit-")
        row = self._book().row(order)
        settled = row is not None and event["status"] in PAID
        if settled and row["status"] == "held":
            row["status"] = "confirmed"
            self.timers.cancel("hold", order)
            self._alarm(order, row)
            yield self._booking(order, row)
            yield out("order.status", order=order, status="confirmed", staff=row["staff"], promised_to=row["end"])
        elif settled and row["status"] == "cancelled" and event["payment"] == f"deposit-{order}" and not row.get("refunded"):
            row["refunded"] = True
            yield out("order.status", order=order, status="refunded", amount=event["amount"], reason="deposit_late")

    @timer("hold")
    def unpaid(self, due):
        yield from self._close(due.key, "cancelled", "deposit_unpaid")

    @timer("remind")
    def remind(self, due):
        order = due.key.rpartition("|")[0]
        row = self._book().row(order)
        if row and row["status"] in self.workers.optimise.service_book.EXPECTED:
            when = self._clock(row["start"], "%m-%d %H:%M")
            yield from self._write(order, row, "reminder", self.say(f"Your appointment: {when}.", f"您的预约：{when}。"))

    @on("kiosk.event", "member.event?")
    def came(self, event):
        kind, value = event["kind"], event.get("value")
        if kind in ("login", "visit"):
            yield from self._arrived(event.get("member") or value, value)
        elif kind == "ticket" and not self._book().row(event["session"]):
            offered, products = list(self._offered()), self.tables.products
            gtin = event.get("gtin") or value or (offered[0] if len(offered) == 1 else None)
            if service := self.workers.optimise.service_book.service([{"gtin": gtin}], products.get):
                row = self._book().ticket(event["session"], service, member=event.get("member"), kiosk=event["kiosk"])
                yield from self._plan_tickets()
                if row["start"] is None:
                    yield self._show_wait(event["session"], row)

    def _arrived(self, member, order):
        """The guest of a member's next booking, or of an order, is there."""
        book = self._book()
        if order := book.expected(member, order, EARLY):
            row = book.row(order)
            row["status"] = "checked_in"
            self.timers.cancel("noshow", order)
            self.kpi.share("no_show_rate", 0, 1)
            yield self._booking(order, row)
            yield from self._call(order, row)

    @timer("noshow")
    def missing(self, due):
        book = self._book()
        row = book.row(due.key)
        if row["staff"] is None:
            yield from self._close(due.key, "cancelled", "nobody_to_serve")
            return
        self.kpi.share("no_show_rate", 1, 1)
        if row["member"]:
            book.strike(row["member"])
            self.timers.set("strike", row["member"], due.time + STRIKE_DAYS * DAY)
        yield from self._close(due.key, "no_show", "no_show")

    @timer("strike")
    def strikes_over(self, due):
        self._book().tidy(due.key, STRIKE_DAYS)

    @timer("start")
    def begin(self, due):
        yield from self._call(due.key, self._book().row(due.key))

    def _call(self, key, row):
        """Bring a guest who is there to the person and room at the start, unless either is still busy: that one's end comes back to it."""
        there = row["status"] in ("waiting", "checked_in") and row["staff"] is not None and parse_time(row["start"]) <= self.now
        if not there or self._book().held_up(row):
            return
        row["status"] = "called"
        if row["order"] is None:
            self.kpi.sample("wait_median", (self.now - parse_time(row["placed"])) / MINUTE, "median")
        self.timers.set("end", key, max(self.now, parse_time(row["end"])))
        yield self._booking(key, row)
        name = row["order"] or self.say(f"Ticket {row['number']}", f"{row['number']} 号")
        text = self.say(f"{name}: please come to {row['room']}", f"请 {name} 到 {row['room']}")
        for screen in self.devices.get("signage", ()):
            yield out("sign.play", screen=screen.id, items=[{"asset": "service_call", "duration_s": CALL_S, "text": text}], priority=2)
        yield out("task.create", task=f"serve-{key}", kind="serve_guest", title=self.say(f"Serve {name}", f"接待 {name}"), priority=2,
                  staff=row["staff"], zone=row["room"], minutes=row["minutes"], due=row["end"], skill=next(iter(row["skills"]), None),
                  items=[{"gtin": gtin} for gtin in row["gtins"]], values={"booking": key})  # fmt: skip

    @timer("end")
    def ends(self, due):
        """Over as booked, unless the task was taken up and is not done: then it holds up what follows until it is."""
        book = self._book()
        row = book.row(due.key)
        if not row["began"] or book.overlong(row):
            yield from self._served(due.key, row, due.time if row["began"] else parse_time(row["end"]))
            return
        self.timers.set("end", due.key, due.time + self.config.delay_min * MINUTE)
        if due.time > parse_time(row["end"]):
            row["end"] = plain(due.time)
            yield from self._pass_on()

    @on("task.done?")
    def worked(self, event):
        key, state = event["task"].removeprefix("serve-"), event["state"]
        row = self._book().row(key)
        if row is None or row["status"] not in ("called", "served") or row.get("done"):
            return
        if state == "accepted":
            row["began"] = True
        elif state in ("done", "approved"):
            row["done"] = True
            yield from self._served(key, row, max(event.time, parse_time(row["start"])))
        elif state in ("failed", "cancelled") and row["status"] == "called":
            yield from self._close(key, "cancelled", "not_served")

    def _served(self, key, row, end):
        """A service is over at `end`; a later word of it only moves what follows."""
        first, row["status"], row["end"] = row["status"] == "called", "served", plain(end)
        self.timers.cancel("end", key)
        if first:
            if row["member"]:
                self.kpi.share("service_to_purchase", 0, 1)
            yield self._booking(key, row)
            if row["order"]:
                yield out("order.status", order=key, status="done", staff=row["staff"])
        yield from self._pass_on()

    @on("staff.clock?")
    def clocked(self, event):
        """The bookings of a person who goes home are handed over, those that wait for one when somebody comes."""
        if event["kind"] not in ("in", "out"):
            return
        book, left = self._book(), event["staff"] if event["kind"] == "out" else None
        book.clock(event["staff"], there=left is None)
        for key, row, before in book.hand_over(left):
            if row["staff"] != before:
                yield self._booking(key, row)
                self._alarm(key, row)
            if row["staff"] is None and before is not None:
                title = self.say(f"Nobody can serve {key}: call the guest", f"{key} 无人可接待，请致电客人")
                yield out("task.create", task=f"call-{key}", kind="call_guest", title=title, priority=1, role="manager", due=row["start"],
                          values={"booking": key} | ({"member": row["member"]} if row["member"] else {}))  # fmt: skip
        yield from self._plan_tickets()

    def _book(self):
        from storeloom.workers.optimise.eligibility import Skills

        engine, config = self.workers.optimise.service_book, self.config
        skills, zones = self.tables.skills.derived("skills", Skills), self.tables.zones
        hands = engine.Hands(
            self.tables.staff.rows, skills, lambda: [zone["zone"] for zone in zones.rows() if zone.get("kind") == "fitting"]
        )
        terms = engine.Terms(config.grid_min * MINUTE, config.cleanup_min * MINUTE, config.walkin_share / 100)
        return engine.ServiceBook(self.store.hours, terms, hands, self.now, self.state)

    def _offered(self):
        return self.tables.products.derived("services", self.workers.optimise.service_book.services)

    def _plan_tickets(self):
        """Walk-ins still waiting get the first starts in the order of their tickets; each change is told."""
        book = self._book()
        for key, moved in book.plan_tickets():
            row = book.row(key)
            self.timers.cancel("start", key)
            if row["start"]:
                self.timers.set("start", key, parse_time(row["start"]))
                yield self._booking(key, row)
            if moved:
                yield self._show_wait(key, row)
                yield from self._tell(key, row)

    def _pass_on(self):
        """What an earlier or later end means for bookings, then for walk-ins."""
        book = self._book()
        for key in book.pass_on():
            row = book.row(key)
            self._alarm(key, row)
            yield self._booking(key, row)
            yield from self._tell(key, row)
        for key, row in book.ahead():
            yield from self._call(key, row)
        yield from self._plan_tickets()

    def _alarm(self, key, row):
        reminders = [hours * 60 * MINUTE for hours in self.config.remind_h]
        for (name, alarm), at in self._book().alarms(key, row, self.config.grace_min * MINUTE, reminders).items():
            self.timers.set(name, alarm, at)

    def _close(self, key, status, reason):
        """A booking is off: its slot is free, and walk-ins may come earlier."""
        book = self._book()
        row = book.row(key)
        row["status"] = status
        self._quiet(key)
        yield self._booking(key, row)
        if row["order"]:
            yield out("order.status", order=key, status="cancelled", reason=reason)
        if row["member"]:
            book.tidy(row["member"], STRIKE_DAYS)
        yield from self._pass_on()

    def _quiet(self, key):
        for name in ("hold", "start", "noshow", "end"):
            self.timers.cancel(name, key)

    @every("1d", at="close")
    def closing(self, due):
        """Nobody is served after closing; the day is counted and old days forgotten."""
        book, day = self._book(), self.store.hours.trading_day(due.time - MINUTE)
        rows = book.rows(day)
        for key in book.close(day):
            self._quiet(key)
            if rows[key]["start"]:
                yield self._booking(key, rows[key])
            if rows[key]["order"]:
                yield out("order.status", order=key, status="done" if rows[key]["status"] == "served" else "cancelled", reason="closing")
        counts = self.workers.optimise.service_book.tally(rows) | {"hand_min": book.hand_minutes(day, self._offered().values())}
        self.kpi.share("hands_used", counts["service_min"], counts["hand_min"])
        for member in {row["member"] for row in rows.values() if row["member"]}:
            book.tidy(member, STRIKE_DAYS, over=True)
        if rows:
            figures = {name: {"value": value, "unit": "min" if name.endswith("_min") else "count"} for name, value in counts.items()}
            span = {"from": self.store.hours.day(day)[0], "to": due.time}
            yield out("insight.report", span, report=f"services-{day}", kind="service_day", version=1, figures=figures)
        book.forget(KEPT_DAYS)

    def _booking(self, key, row):
        return out("service.booking", {"from": row["start"], "to": row["end"]}, booking=key, kind=next(iter(row["skills"]), "service"),
                   status="booked" if row["status"] in ("held", "waiting") else row["status"], member=row["member"], staff=row["staff"],
                   resource=row["room"])  # fmt: skip

    def _show_wait(self, key, row):
        """A walk-in's ticket on the kiosk, with the wait."""
        number, params = row["number"], {"ticket": row["number"]}
        text = self.say("No time left today; we call you if one comes free.", "今日已约满，如有空位将通知您。")
        if row["start"]:
            clock, wait = self._clock(row["start"]), round((parse_time(row["start"]) - self.now) / MINUTE)
            params |= {"start": row["start"], "wait_min": wait, "room": row["room"]}
            text = self.say(f"Ticket {number}: {clock}, in {wait} min", f"{number} 号：{clock}，约等 {wait} 分钟")
        return out("kiosk.show", kiosk=row["kiosk"], screen="ticket", session=key, text=text, params=params)

    def _tell(self, key, row):
        """A guest whose start has moved by `delay_min` or more since last told."""
        if self.workers.optimise.service_book.told_anew(row, self.config.delay_min * MINUTE):
            at = self._clock(row["start"])
            yield from self._write(key, row, "delay", self.say(f"Your service now starts at {at}.", f"您的服务改为 {at} 开始。"))

    def _write(self, key, row, template, text):
        if row["member"]:
            yield out("message.send", message=f"{template}-{key}-{plain(self.now)}", channel="mini_program", to=row["member"],
                      template=template, purpose="service", text=text, params={"booking": key})  # fmt: skip

    def _clock(self, text, form="%H:%M"):
        return self.store.hours.local(parse_time(text)).strftime(form)
