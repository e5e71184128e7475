"""High-loss shelf guard: notices a shelf being swept while it happens, runs assisted locked cases and knows by evening which pieces left
without being paid.

Items are the planogram's, or what the scale names; those without `high_loss` are not watched. An unknown change counts as one piece, taken
or put back. Staff are those who open with a `staff` number that has not left; a restock task is a `task.done` of another's task that names
the fixture (`values.fixture`, or in its id) or the goods put there (`values.filled`), from its acceptance on. A case that staff opened
alerts only once its quiet time is over. A customer's help request opens one cell, found by the gtin asked for, else as the kiosk names it
(`values.cabinet`, `values.cell`); approval is a `task.done` with state approved or done.

While a sensor is away (`device.status`, which the row does not name) its fixture's pieces do not age and its readings count nothing; what
the till sells is still taken off, for a paid piece is no loss. What is paid later than `unpaid_after_min` is taken off too, after all else.
A sweep is interrupted when staff have been there. No camera, no person: a count is asked for, nobody is accused.
"""

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

AWAY, BACK = ("offline", "fault"), ("online",)
APPROVED, ENDED = ("approved", "done"), ("rejected", "failed", "cancelled")
REQUESTS = ("help", "other")  # a till's need for staff is none
SETTLE = timedelta(seconds=5)
SALES_KEPT = 20  # a till's, to tell one that is sent again


class HighLossShelfGuard(Solution):
    number = 165
    zh, en = "高损货架防盗", "High-loss shelf guard"
    purpose_zh = "在扫货发生之时即刻察觉，管理需协助开启的锁柜，当晚即知哪些商品离店而未付款。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("alert.raise", "audio.play", "task.create", "cabinet.open")
    adapters = ("scale|sensor", "cabinet?", "audio?")
    reads = ("products", "prices", "planogram", "staff")
    kpis = {
        "sweeps_interrupted": kpi("count", "Sweeps interrupted", "制止扫货次数"),
        "likely_lost_value": kpi("minor", "Value likely lost", "疑似损失金额"),
        "assisted_open_s": kpi("s", "Wait for an assisted opening", "协助开柜等待"),
        "high_loss_sales": kpi("minor", "Sales of high-loss goods", "高损商品销售额"),
    }
    kinds = {
        "sweep": ("Shelf being swept", "货架疑似扫货"),
        "held_open": ("Case door held open", "柜门久开未关"),
        "open_limit": ("Too many pieces from one opening", "单次开柜取货超量"),
        "assisted_open": ("Open a case for a customer", "为顾客开柜"),
        "count_lost": ("Count pieces likely lost", "清点疑似损失商品"),
    }

    class Config(SolutionConfig):
        sweep_window_s: int = setting(30, "Window of takings per fixture", "取货滑动窗口", unit="s", ge=5, le=300)
        sweep_qty: int = setting(4, "Net pieces that are a sweep", "扫货件数", unit="pieces", ge=2, le=50)
        sweep_value: int = setting(60000, "Net value that is a sweep", "扫货金额", unit="minor", ge=1000, le=10000000)
        weight_tol_pct: float = setting(8, "Fit of a change to whole pieces", "整件匹配容差", unit="%", ge=1, le=40,
            help_en="Of one piece's weight.", help_zh="占单件重量的百分比。")  # fmt: skip
        restock_mute_min: int = setting(20, "Quiet after staff open or restock", "补货静默时间", unit="min", ge=1, le=120)
        held_open_s: int = setting(40, "A case door open longer alerts", "柜门开启时限", unit="s", ge=5, le=600)
        open_limit: int = setting(2, "Pieces per assisted opening", "单次协助开柜件数", unit="pieces", ge=1, le=20)
        unpaid_after_min: int = setting(45, "A piece unsold for so long is likely lost", "未付款判定时间", unit="min", ge=10, le=240)

    @on("shelf.weight")
    def weighed(self, event):
        fixture, product = event["fixture"], self._on(event)
        if product is None or not event["stable"]:
            return
        shelf = self.state.setdefault(f"fixture|{fixture}", {"source": None, "last": {}, "sweep": {}, "zone": None})
        shelf["source"] = event.source
        reading = [plain(event.time), event["weight_g"], event["delta_g"]]
        if f"away|{fixture}" in self.state or shelf["last"].get(event["slot"]) == reading or self._muted(fixture, event.time):
            return
        shelf["last"][event["slot"]] = reading
        engine, t_s = self.workers.checkout.taken, event.time.timestamp()
        put = engine.pieces(event["delta_g"], product.get("weight_g"), self.config.weight_tol_pct / 100)
        if not put:
            return
        price = self._price(product, event.time)
        ledger = self.state.setdefault(f"ledger|{product['gtin']}", [])
        if put < 0:
            engine.take(ledger, -put, t_s, price, fixture, 60 * self.config.unpaid_after_min)
        else:
            self._recovered(engine.put_back(ledger, put))
        self._wait(product["gtin"])
        yield from self._opening_taken(fixture, event["slot"], -put, event.time)
        shelf["sweep"] = engine.advance(shelf["sweep"], t_s, -put, -put * price, self.config.sweep_window_s)
        count, value = engine.net(shelf["sweep"])
        if put < 0 and not shelf["sweep"]["told"] and (count >= self.config.sweep_qty or value >= self.config.sweep_value):
            shelf["sweep"]["told"] = True
            yield from self._swept(fixture, count, value, event.time)

    @on("pos.sale")
    def sold(self, event):
        told, latest = [event["receipt"], plain(event.time)], self.state.get(f"till|{event['till']}", [])
        if event["kind"] in ("training", "void") or told in latest:
            return
        self.state[f"till|{event['till']}"] = [*latest, told][-SALES_KEPT:]
        for line in event["lines"]:
            product = self.tables.products.get(line["gtin"])
            if not product or not product.get("high_loss"):
                continue
            self.kpi.add("high_loss_sales", line["amount"])
            ledger = self.state.get(f"ledger|{product['gtin']}")
            if ledger and event["kind"] == "sale" and line["qty"] > 0:
                self._recovered(self.workers.checkout.taken.sold(ledger, round(line["qty"])))
                self._wait(product["gtin"])

    @on("cabinet.event?")
    def case(self, event):
        """A case of guarded goods was opened, by staff for themselves or for a customer, or closed."""
        cabinet, cell, kind = event["cabinet"], event.get("cell"), event["kind"]
        key = f"open|{cabinet}|{cell or ''}"
        opening, at = self.state.get(key), plain(event.time)
        if not self._guards(cabinet):
            return
        if kind == "opened" and (not opening or opening["seq"] != event["seq"] or (opening["closed"] and opening["at"] != at)):
            yield from self._end(cabinet, opening)
            assisted = self.state.get(f"session|{cabinet}|{event.get('session')}")
            if event.get("staff") and not assisted and self._is_staff(event["staff"]):
                self._mute(cabinet, event.time)
            self.state[key] = {"at": at, "seq": event["seq"], "cell": cell, "taken": 0, "alerts": {}, "closed": None}
            self.timers.set("held", key, max(self.now, event.time + timedelta(seconds=self.config.held_open_s)))
        elif kind == "closed" and opening and not opening["closed"]:
            opening["closed"] = at
            self.timers.cancel("held", key)
            if name := opening["alerts"].pop("held_open", None):
                yield self._alert(name, "held_open", "cleared", cabinet, self.say("Case closed", "柜门已关"))

    @timer("held")
    def held_open(self, due):
        opening, cabinet = self.state.get(due.key), due.key.split("|")[1]
        if opening is None or opening["closed"]:
            return None
        muted = self.state.get(f"mute|{cabinet}")
        if muted and parse_time(muted) > due.time:
            self.timers.set("held", due.key, parse_time(muted))
            return None
        name = f"held_open-{cabinet}-{opening['cell'] or ''}-{opening['at']}"
        opening["alerts"]["held_open"] = name
        seconds = (due.time - parse_time(opening["at"])).total_seconds()
        return self._alert(name, "held_open", "open", cabinet, self.say(f"Case {cabinet} is still open", f"柜 {cabinet} 仍未关门"),
            value=seconds, limit=self.config.held_open_s, unit="s")  # fmt: skip

    @on("kiosk.event?")
    def asked(self, event):
        """A customer asks for goods from a locked case: staff come, and decide."""
        wanted = self._wanted(event) if event["kind"] == "help" and event.get("need", "help") in REQUESTS else None
        if wanted is None:
            return None
        cabinet, cell, gtin = wanted
        task = f"assisted_open-{cabinet}-{cell or ''}-{event['session']}"
        if f"task|{task}" in self.state:
            return None
        self.state[f"task|{task}"] = {"kind": "assisted_open", "fixture": cabinet, "cell": cell, "session": event["session"],
            "at": plain(event.time)}  # fmt: skip
        return out("task.create", task=task, kind="assisted_open", priority=1, role="sales", fixture=cabinet, zone=self._zone(cabinet),
            title=self.say(f"A customer waits at case {cabinet}", f"顾客在锁柜 {cabinet} 前等候"), ref=event.ref,
            items=[{"gtin": gtin, "qty": 1, "from": cell}] if gtin else None,
            values={"cabinet": cabinet, "cell": cell, "session": event["session"], "limit": self.config.open_limit})  # fmt: skip

    @on("task.done?")
    def done(self, event):
        task = self.state.get(f"task|{event['task']}")
        if task is None:
            own = any(event["task"].startswith(f"{kind}-") for kind in self.kinds)
            if event["state"] in ("accepted", *APPROVED) and not own:
                for fixture in self._restocked(event):
                    self._mute(fixture, event.time)
            return
        if event["state"] not in (*APPROVED, *ENDED):
            return
        del self.state[f"task|{event['task']}"]
        if task["kind"] == "sweep":
            self.kpi.add("sweeps_interrupted", int(event["state"] in APPROVED))
            yield self._alert(task["alert"], "sweep", "cleared", task["fixture"], self.say("Staff have been there", "员工已到场"))
        elif event["state"] in APPROVED and self._is_staff(event["staff"]):
            self.kpi.sample("assisted_open_s", (event.time - parse_time(task["at"])).total_seconds())
            self.state[f"session|{task['fixture']}|{task['session']}"] = plain(event.time)
            yield out("cabinet.open", cabinet=task["fixture"], session=task["session"], reason="assisted", cell=task["cell"],
                staff=event["staff"])  # fmt: skip

    @on("device.status?")
    def sensor(self, event):
        for key in [key for key in self.state if key.startswith("fixture|")]:
            fixture, away = key.removeprefix("fixture|"), f"away|{key.removeprefix('fixture|')}"
            if not self._senses(event["device"], fixture):
                continue
            if event["state"] in AWAY:
                self.state.setdefault(away, plain(event.time))
            elif event["state"] in BACK and away in self.state:
                seconds = (event.time - parse_time(self.state.pop(away))).total_seconds()
                for name in [name for name in self.state if name.startswith("ledger|")]:
                    self.workers.checkout.taken.defer(self.state[name], fixture, seconds)
                    self._wait(name.removeprefix("ledger|"))

    @timer("unpaid")
    def unpaid(self, due):
        ledger = self.state.get(f"ledger|{due.key}", [])
        for entry in self.workers.checkout.taken.overdue(ledger, due.time.timestamp(), self._away()):
            self.kpi.add("likely_lost_value", entry["price"])
        self._wait(due.key)

    @every("1d", at="close")
    def closed(self, due):
        """One count for all that is likely lost, which is then handed on; what is open besides ends with the day."""
        items, value, day = [], 0, self.store.hours.ended_day(due.time)
        for key in sorted(key for key in self.state if key.startswith("ledger|")):
            lost = [entry for entry in self.state[key] if entry["lost"]]
            if lost:
                places = ", ".join(sorted({entry["fixture"] for entry in lost}))
                items.append({"gtin": key.removeprefix("ledger|"), "qty": len(lost), "from": places})
                value += sum(entry["price"] for entry in lost)
            self.state[key] = [entry for entry in self.state[key] if not entry["lost"]]
            if not self.state[key]:
                del self.state[key]
        for key in [key for key in self.state if key.startswith(("session|", "mute|", "task|", "open|"))]:
            entry = self.state[key]
            if key.startswith("task|") and entry["kind"] == "sweep":
                yield self._alert(entry["alert"], "sweep", "cleared", entry["fixture"], self.say("The day is over", "营业日结束"))
            if key.startswith("open|") and entry["closed"]:
                yield from self._end(key.split("|")[1], entry)
            if key.startswith(("session|", "task|")) or (entry["closed"] if key.startswith("open|") else parse_time(entry) < due.time):
                del self.state[key]
        if items:
            yield out("task.create", task=f"count_lost-{day}", kind="count_lost", priority=2, role="stock", evidence="count", items=items,
                title=self.say("Count pieces that left unpaid", "清点疑似未付款离店的商品"),
                values={"value": value, "pieces": sum(item["qty"] for item in items)})  # fmt: skip

    def _swept(self, fixture, count, value, at):
        zone, name = self._zone(fixture), f"sweep-{fixture}-{plain(at)}"
        by_count = count >= self.config.sweep_qty
        yield self._alert(name, "sweep", "open", fixture, self.say(f"{count} pieces taken at once from {fixture}",
            f"{fixture} 短时取走 {count} 件"), value=value, limit=None if by_count else self.config.sweep_value, unit="minor")  # fmt: skip
        yield out("audio.play", zone=zone or fixture, kind="staff",
            text=self.say("A colleague is on the way to help you.", "您好，我们的同事马上过来为您服务。"))  # fmt: skip
        self.state[f"task|{name}-task"] = {"kind": "sweep", "fixture": fixture, "alert": name}
        yield out("task.create", task=f"{name}-task", kind="sweep", priority=1, role="sales", fixture=fixture, zone=zone,
            title=self.say(f"Please offer help at {fixture}", f"请到 {fixture} 为顾客服务"),
            values={"pieces": count, "value": value})  # fmt: skip

    def _opening_taken(self, fixture, slot, taken, at):
        """Pieces taken while a case is open, or as its scale settles just after."""
        for key in [key for key in self.state if key.startswith(f"open|{fixture}|")]:
            opening = self.state[key]
            over = opening["closed"] and at - parse_time(opening["closed"]) > SETTLE
            elsewhere = opening["cell"] not in (None, slot) and self.tables.planogram.rows(fixture=fixture, slot=opening["cell"])
            if over or at < parse_time(opening["at"]) or elsewhere:
                continue
            opening["taken"] += taken
            if opening["taken"] > self.config.open_limit and "open_limit" not in opening["alerts"]:
                name = opening["alerts"]["open_limit"] = f"open_limit-{fixture}-{opening['cell'] or ''}-{opening['at']}"
                text = self.say(f"{opening['taken']} pieces from one opening of {fixture}", f"{fixture} 单次开柜取走 {opening['taken']} 件")
                yield self._alert(name, "open_limit", "open", fixture, text, value=opening["taken"], limit=self.config.open_limit,
                    unit="pieces")  # fmt: skip

    def _end(self, cabinet, opening):
        """An opening is over for good: the next one, or the day's end, takes its alerts back."""
        for kind, name in (opening or {"alerts": {}})["alerts"].items():
            yield self._alert(name, kind, "cleared", cabinet, self.say("That opening is over", "该次开柜已结束"))

    def _alert(self, name, kind, state, fixture, text, **measure):
        return out("alert.raise", alert=name, kind=kind, severity="high", state=state, subject=fixture, zone=self._zone(fixture), text=text,
            **measure)  # fmt: skip

    def _recovered(self, entries):
        """Pieces that were held for lost and are not."""
        for entry in entries:
            if entry["lost"]:
                self.kpi.add("likely_lost_value", -entry["price"])

    def _wait(self, gtin):
        due_s = self.workers.checkout.taken.next_due(self.state.get(f"ledger|{gtin}", []), self._away())
        if due_s is None:
            self.timers.cancel("unpaid", gtin)
        else:
            self.timers.set("unpaid", gtin, max(self.now, datetime.fromtimestamp(round(due_s, 6), UTC)))

    def _away(self):
        return {key.removeprefix("away|") for key in self.state if key.startswith("away|")}

    def _mute(self, fixture, at):
        until = max(at + timedelta(minutes=self.config.restock_mute_min), parse_time(self.state.get(f"mute|{fixture}", plain(at))))
        self.state[f"mute|{fixture}"] = plain(until)

    def _muted(self, fixture, at):
        return f"mute|{fixture}" in self.state and at < parse_time(self.state[f"mute|{fixture}"])

    def _restocked(self, event):
        """Guarded fixtures that a task of others was about."""
        values = event.get("values") or {}
        filled = values.get("filled") if isinstance(values.get("filled"), dict) else {}
        rows = self._guarded()
        keys = {self.workers.gs1.item_key(gtin) for gtin in filled}
        named = {row["fixture"] for row in rows if self.workers.gs1.item_key(row["gtin"]) in keys}
        fixtures = {row["fixture"] for row in rows} | {key.removeprefix("fixture|") for key in self.state if key.startswith("fixture|")}
        return sorted(named | {one for one in fixtures if one == values.get("fixture") or f"-{one}-" in f"-{event['task']}-"})

    def _wanted(self, event):
        """Cabinet, cell and item of a request; None where no guarded case is meant."""
        values, gtin = event.get("values") or {}, event.get("gtin")
        settings = next((one.settings for one in self.devices.get("kiosk", ()) if one.id == event["kiosk"]), {})
        cabinet = values.get("cabinet") or settings.get("cabinet") or event["kiosk"]
        product = gtin and self.tables.products.get(gtin)
        rows = [row for row in self._guarded() if product and self.tables.products.get(row["gtin"]) == product]
        row = next((row for row in rows if row["fixture"] == cabinet), rows[0] if rows else None)
        if row:
            return row["fixture"], row["slot"], row["gtin"]
        return (cabinet, values.get("cell"), None) if not gtin and self._guards(cabinet) else None

    def _on(self, event):
        """The guarded product of a slot; None where there is none."""
        rows = [] if event.get("gtin") else self.tables.planogram.rows(fixture=event["fixture"], slot=event["slot"])
        gtin = event.get("gtin") or (rows[0]["gtin"] if rows else None)
        product = gtin and self.tables.products.get(gtin)
        return product if product and product.get("high_loss") else None

    def _guarded(self):
        item_key = self.workers.gs1.item_key
        guarded = {item_key(row["gtin"]) for row in self.tables.products.rows() if row.get("high_loss")}
        return [row for row in self.tables.planogram.rows() if item_key(row["gtin"]) in guarded] if guarded else []

    def _guards(self, fixture):
        return f"fixture|{fixture}" in self.state or any(row["fixture"] == fixture for row in self._guarded())

    def _zone(self, fixture):
        return next((row["zone"] for row in self.tables.planogram.rows(fixture=fixture) if row.get("zone")), None)

    def _senses(self, device, fixture):
        """Whether a device weighs a fixture: by its id, its settings, or as the source of its readings."""
        bound = [one for kind in ("scale", "sensor") for one in self.devices.get(kind, ()) if one.id == device]
        named = any(one.settings.get("fixture") == fixture for one in bound)
        return device == fixture or named or self.state[f"fixture|{fixture}"]["source"] == device

    def _is_staff(self, number):
        left = (self.tables.staff.get(number) or {}).get("left")
        return not left or str(left) >= self.store.hours.store_day(self.now).isoformat()

    def _price(self, product, at):
        pricing = self.workers.pricing
        products = pricing.index_products([product])
        book = pricing.PriceBook(self.tables.prices.rows(gtin=product["gtin"]), products=products, zone=self.store.hours.zone)
        return book.price_of(product, at) or product.get("cost") or 0
