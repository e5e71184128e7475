"""Fulfilment capacity and slots: sells only the delivery times that pickers and riders can keep, quotes a true waiting time, stretches and
closes slots in good time at peaks, and calls for hands early.

Slots are steps of `slot` from the store's midnight. An order asks for the slot of `promised_from`, else of `wish`, else the one that ends
with `promised_to`; one that names none, or a time gone by, for the present one. Its lines are those of its rows, whatever their quantity.
Express is an order that says so (`express`, or in its kind or channel); while lines are kept for it, a closed slot takes it too. An offered
order is sold when it is confirmed, or placed anew for another time; the offer holds nothing. Orders of other sellers, drafts, tables and
services are none of its business.

A picker is who is clocked in (at most 16 hours) with a picking role or skill, or of whom none is known; on later slots who is rostered,
the part of the slot that counts. Where a day has no roster: who is clocked in now, and for a day that has not begun the most at once on
the day before; who is being trained is not counted. Lines an hour are lines by the time from `started` to the report, summed over pickers.

Riders are the couriers seen within the hour, or the rider shifts of the roster; drops an hour are learnt from collection to delivery. Drops
limit nothing before a delivery was seen, nor while nobody is seen on a day without riders on the roster: platforms send theirs on demand.
`Usual` is what a slot of that weekday still got from this far ahead on, the mean of the last four weeks that are known.
"""

from datetime import timedelta
from math import ceil

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339

KINDS = ("delivery", "pickup", "ship", "express")
GONE = ("cancelled", "declined", "rejected", "failed", "expired", "refunded", "returned")
PICKED = ("picked", "packed", "ready", "collected", "dispatched", "delivered", "done")
KEPT_BY = {"pickup": ("ready", "collected", "done"), "ship": ("dispatched", "delivered", "done")}
SOLD = ("accepted", "confirmed", "allocated")
PICKING, RIDING = ("pick",), ("rider", "courier", "driver", "deliver")
SMALL_LINES, EXPRESS_UNTIL = 3, timedelta(minutes=30)
LONGEST_SHIFT, SEEN, WEEKS, DAY = timedelta(hours=16), timedelta(hours=1), timedelta(days=28), timedelta(days=1)
INSTANT = timedelta(microseconds=1)


class SlotCapacityControl(Solution):
    number = 108
    zh, en = "履约产能与时段管控", "Fulfilment capacity and slots"
    purpose_zh = "只售拣货员与骑手做得到的配送时段，给出真实等待时间，高峰及时延长或关闭时段，并提早叫人。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("order.status", "alert.raise", "task.create", "score.report")
    adapters = ("online_store?",)
    reads = ("staff", "skills")
    kpis = {
        "slot_fill": kpi("%", "Lines sold by capacity", "时段售出率"),
        "promise_kept": kpi("%", "Promises kept", "承诺达成率"),
        "declined": kpi("count", "Orders declined", "拒单数"),
        "closed_minutes": kpi("min", "Slots closed", "时段关闭时长"),
    }
    kinds = {
        "slot_closed": ("Slot closed for larger orders", "时段对较大订单关闭"),
        "slot_open": ("Slot open again", "时段恢复开放"),
        "extra_hands": ("Extra pickers needed", "需要增援拣货员"),
    }

    class Config(SolutionConfig):
        slot: int = setting(30, "Length of a slot", "时段长度", unit="min", ge=10, le=120)
        rate_prior: float = setting(60, "Speed of a picker before it is learnt", "拣货员初始速度", unit="lines/h", ge=10, le=400)
        rate_ewma: float = setting(0.2, "Weight of the newest hour", "最新一小时的权重", ge=0.02, le=1)
        busy: float = setting(0.85, "Load from which a slot is busy", "繁忙时段负荷", ge=0.3, le=1)
        reopen: float = setting(0.75, "Load at which a closed slot opens again", "恢复开放负荷", ge=0.2, le=1)
        busy_extra: int = setting(15, "Added to the promise in a busy slot", "繁忙时段承诺延长", unit="min", ge=0, le=120)
        call_ahead: int = setting(2, "Extra hands are asked for this long before", "提前叫人时间", unit="h", ge=0, le=24)
        express_share: float = setting(0.2, "Lines kept for express", "为急单保留的比例", ge=0, le=0.6,
            help_en="Until 30 minutes before the slot.", help_zh="保留至时段开始前 30 分钟。")  # fmt: skip

    # Orders

    @on("order.placed")
    def placed(self, event):
        order, lines = event["order"], [line["line"] for line in event["lines"] if line["qty"] > 0]
        kind = event.get("kind", "delivery")
        if event.get("draft") or kind not in KINDS or event.get("seller", self.store.id) != self.store.id or not lines:
            return
        asked = event.get("promised_from") or event.get("wish")
        at = parse_time(asked) if asked else parse_time(event["promised_to"]) - INSTANT if event.get("promised_to") else self.now
        start, known = self._slot_of(max(at, self.now)), self.state.get(f"order|{order}")
        if known and (known["state"] not in ("offered", "declined") or known["asked"] == rfc3339(start)):
            return
        express = bool(event.get("express")) or "express" in (kind, event["channel"])
        due = parse_time(event["promised_to"]) if event.get("promised_to") else None
        self.state[f"order|{order}"] = {"asked": rfc3339(start), "left": lines, "kind": kind, "express": express, "state": "new",
            "slot": rfc3339(start), "promise": rfc3339(due if due and due > start else self._end(start))}  # fmt: skip
        yield from self._decide(order, start)

    @on("order.status")
    def status(self, event):
        known, status = self.state.get(f"order|{event['order']}"), event["status"]
        if known is None:
            return
        elsewhere = event.get("place", self.store.id) != self.store.id
        if status in GONE or (status in SOLD and elsewhere):
            yield from self._over(event["order"], known)
        elif status in SOLD and known["state"] == "offered":
            yield from self._decide(event["order"], max(parse_time(known["slot"]), self._slot_of(self.now)))
        elif status in PICKED:
            self._kept(known, status, event.time)
            known["left"] = []
            yield from self._counted(event["order"], known)

    @on("pick.done")
    def picked(self, event):
        told = [f"{event['order']}|{line['line']}" for line in event["lines"]]
        self.workers.optimise.slot_load.work(self._hour("pick"), event["staff"], parse_time(event["started"]), event.time, told)
        known, done = self.state.get(f"order|{event['order']}"), {line["line"] for line in event["lines"]}
        if known:
            known["left"] = [line for line in known["left"] if line not in done]
            yield from self._counted(event["order"], known)

    @on("delivery.status?")
    def on_its_way(self, event):
        status, courier, known = event["status"], event.get("courier"), self.state.get(f"order|{event['order']}")
        if courier:
            rider = self.state.setdefault("riders", {}).setdefault(courier, {"left": None})
            rider["seen"] = rfc3339(event.time)
            if status in ("collected", "en_route"):
                rider["left"] = rider["left"] or rfc3339(event.time)
            elif status == "delivered" and rider["left"]:
                self.workers.optimise.slot_load.work(self._hour("ride"), courier, parse_time(rider["left"]), event.time, [event["order"]])
            elif status in ("assigned", "at_store"):
                rider["left"] = None
        if known and status in ("delivered", "failed", "returned"):
            self._kept(known, "delivered" if status == "delivered" else "", event.time)
            known |= {"left": [], "kind": f"{known['kind']} over"}
            yield from self._counted(event["order"], known)

    def _decide(self, order, start):
        """Accept an order into the slot, else offer the next one of the day that takes it, else decline."""
        known = self.state[f"order|{order}"]
        if self._takes(start, known):
            yield from self._accept(order, known, start)
            return
        yield from self._close(start)
        later, day = self._end(start), self.store.hours.store_day(start)
        while self.store.hours.store_day(later) == day and not self._takes(later, known):
            later = self._end(later)
        if self.store.hours.store_day(later) != day:
            known["state"] = "declined"
            self.kpi.add("declined", 1)
            yield out("order.status", order=order, status="declined", place=self.store.id, reason="no_capacity")
            return
        promise = self._promise(later, known, self._end(later))
        known |= {"state": "offered", "slot": rfc3339(later), "promise": rfc3339(self._end(later))}
        yield out("order.status", order=order, status="offered", place=self.store.id, promised_to=promise,
            choice=[f"{rfc3339(later)}/{rfc3339(self._end(later))}"], reason="slot_full")  # fmt: skip

    def _accept(self, order, known, start):
        slot, ahead = self._slot(start), self._steps_to(start)
        promise = self._promise(start, known, parse_time(known["promise"]))
        known |= {"state": "accepted", "slot": rfc3339(start), "promise": rfc3339(promise)}
        slot["sold"][order] = {"lines": len(known["left"]), "all": len(known["left"]), "drop": known["kind"] == "delivery"}
        slot["came"][ahead] = slot["came"].get(ahead, 0) + len(known["left"])
        yield out("order.status", order=order, status="accepted", place=self.store.id, promised_to=promise)
        yield from self._call(start)

    def _takes(self, start, known):
        slot, lines = self.state.get(_key(start)) or self.workers.optimise.slot_load.empty(), len(known["left"])
        reserve = self.now < start - EXPRESS_UNTIL
        if slot["closed"] and lines > SMALL_LINES and not (known["express"] and reserve):
            return False
        kept = self.config.express_share if reserve and not known["express"] else 0.0
        return self.workers.optimise.slot_load.takes(slot, self._room(start), lines, drop=known["kind"] == "delivery", kept=kept)

    def _promise(self, start, known, due):
        slot = self.state.get(_key(start)) or self.workers.optimise.slot_load.empty()
        load = self.workers.optimise.slot_load.load(slot, self._room(start), lines=len(known["left"]), drop=known["kind"] == "delivery")
        return due + timedelta(minutes=self.config.busy_extra) if load >= self.config.busy - 1e-9 else due

    def _over(self, order, known):
        known |= {"state": "over", "left": []}
        slot = self.state.get(f"slot|{known['slot']}")
        if slot and slot["sold"].pop(order, None):
            yield from self._settle(parse_time(known["slot"]))

    def _counted(self, order, known):
        """What is left to do of an order, in its slot."""
        slot = self.state.get(f"slot|{known['slot']}")
        if slot and order in slot["sold"]:
            slot["sold"][order] |= {"lines": len(known["left"]), "drop": known["kind"] == "delivery"}
            yield from self._settle(parse_time(known["slot"]))

    def _kept(self, known, status, at):
        if known["state"] == "accepted" and status in KEPT_BY.get(known["kind"], ("delivered", "done")):
            known["state"] = "done"
            self.kpi.share("promise_kept", int(at <= parse_time(known["promise"])), 1)

    # People

    @on("staff.clock")
    def clocked(self, event):
        here, staff, told = self.state.setdefault("in", {}), event["staff"], self.state.setdefault("clock", {})
        if staff in told and event.time < parse_time(told[staff]):
            return
        told[staff] = rfc3339(event.time)
        if event["kind"] in ("in", "break_end"):
            here[staff] = rfc3339(event.time)
        else:
            here.pop(staff, None)
        day = self.store.hours.trading_day(self.now).isoformat()
        peak = self.state.setdefault("peak", {})
        peak[day] = max(peak.get(day, 0), self._clocked(PICKING))
        yield from self._settle_all()

    @on("shift.fixed?")
    def rostered(self, event):
        shifts, version = self.state.setdefault("shifts", {}), event.get("version", 0)
        if version < shifts.get(event["shift"], {}).get("version", 0):
            return
        shifts[event["shift"]] = {"role": event["role"], "start": event["start"], "end": event["end"], "version": version,
            "breaks": event.get("breaks") or [], "idle": bool(event.get("withdrawn") or event.get("training"))}  # fmt: skip
        yield from self._settle_all()

    def _room(self, start):
        rules, hours, end = self.workers.optimise.slot_load, self.config.slot / 60, self._end(start)
        pace, riders = self.state.get("ride_pace"), self._riders(start, end)
        drops = None if pace is None or riders is None else riders * pace * hours
        return rules.Room(self._pickers(start, end) * self._pace() * hours, drops)

    def _riders(self, start, end):
        """Riders of a slot; None where neither the roster of its day nor a courier tells of any, so that drops limit nothing."""
        seen = sum(parse_time(one["seen"]) > self.now - SEEN for one in self.state.get("riders", {}).values())
        rostered, day = self._rostered(start, end, RIDING), self.store.hours.store_day(start)
        found = max(seen, self._clocked(RIDING, strict=True)) or rostered if start <= self.now else rostered or seen
        planned = any(self.store.hours.store_day(parse_time(one["start"])) == day and self._does(one, RIDING) for one in self._shifts())
        return found or (0 if planned else None)

    def _pickers(self, start, end):
        if start <= self.now < end:
            return self._clocked(PICKING)
        day, today = self.store.hours.store_day(start), self.store.hours.store_day(self.now)
        if any(self.store.hours.store_day(parse_time(one["start"])) == day and self._does(one, PICKING) for one in self._shifts()):
            return self._rostered(start, end, PICKING)
        opening = self.store.hours.day(day)
        if opening is None or not opening[0] <= start < opening[1]:
            return 0
        begun = day == today and self.now >= opening[0]
        return self._clocked(PICKING) if begun else max(self.state.get("peak", {}).values(), default=0)

    def _clocked(self, words, *, strict=False):
        return sum(parse_time(at) > self.now - LONGEST_SHIFT and self._can(staff, words, strict)
                   for staff, at in self.state.get("in", {}).items())  # fmt: skip

    def _rostered(self, start, end, words):
        """People of the roster, by the part of the slot that each works."""
        worked = 0.0
        for one in self._shifts():
            if self._does(one, words):
                spans = [(1, one), *((-1, pause) for pause in one["breaks"])]
                worked += sum(sign * _overlap(start, end, parse_time(span["start"]), parse_time(span["end"])) for sign, span in spans)
        return worked / (end - start).total_seconds()

    def _does(self, shift, words):
        return not shift["idle"] and (
            any(word in shift["role"].lower() for word in words) or (words is PICKING and shift["role"] in ("", "any", "all"))
        )

    def _can(self, staff, words, strict=False):
        known = [role.lower() for role in (self.tables.staff.get(staff) or {}).get("roles") or ()]
        known += [row["skill"].lower() for row in self.tables.skills.rows(staff=staff) if row.get("level", 1)]
        return any(word in one for one in known for word in words) or (not known and not strict)

    def _pace(self):
        return self.state.get("pick_pace", self.config.rate_prior)

    def _hour(self, what):
        return self.state.setdefault(f"{what}_hour", self.workers.optimise.slot_load.idle())

    @every("1h")
    def hour_over(self, due):
        learn, weight = self.workers.optimise.slot_load.learn, self.config.rate_ewma
        self.state["pick_pace"] = learn(self._pace(), self._hour("pick"), weight)
        self.state["ride_pace"] = learn(self.state.get("ride_pace"), self._hour("ride"), weight)
        self.state["pick_hour"], self.state["ride_hour"] = (self.workers.optimise.slot_load.idle() for _ in range(2))
        yield from self._settle_all()

    # Slots

    @every("config.slot|min")
    def step(self, due):
        yield from self._end_of(self._slot_of(due.time - INSTANT))
        yield from self._settle_all()
        start = self._slot_of(due.time)
        if self.state.get("in") or _key(start) in self.state:
            yield self._report(start)
        ahead = self._end(start)
        while ahead <= due.time + timedelta(hours=self.config.call_ahead):
            yield from self._call(ahead)
            ahead = self._end(ahead)

    def _end_of(self, start):
        slot, local = self.state.pop(_key(start), None), self.store.hours.local(start)
        weeks = self.state.setdefault(f"usual|{local.isoweekday()}|{local:%H:%M}", {})
        weeks[local.date().isoformat()] = slot["came"] if slot else {}
        for day in [day for day in weeks if day <= (local.date() - WEEKS).isoformat()]:
            del weeks[day]
        if slot is None:
            return
        if slot["closed"]:
            yield self._opened(start, slot, "slot_closed", self.say("The slot is over.", "时段已结束。"))
        if slot.get("room"):
            self.kpi.share("slot_fill", min(sum(one["all"] for one in slot["sold"].values()), slot["room"]), slot["room"])

    def _report(self, start):
        rules, slot, room = self.workers.optimise.slot_load, self._slot(start), self._room(start)
        slot["room"], (lines, _) = room.lines, rules.committed(slot)
        load = min(rules.load(slot, room), 9.99) if room.lines else 9.99 if lines else 0.0
        parts = [{"name": "load", "value": round(load, 4)}, {"name": "committed", "value": lines, "unit": "lines"},
                 {"name": "capacity", "value": round(room.lines, 2), "unit": "lines"},
                 {"name": "lines_per_hour", "value": round(self._pace(), 2)}]  # fmt: skip
        if room.drops is not None:
            parts.append({"name": "drops", "value": round(room.drops, 2), "unit": "drops"})
        return out("score.report", {"from": start, "to": self._end(start)}, scheme="slot_capacity", subject_kind="store",
            subject=self.store.id, score=round(load, 4), parts=parts)  # fmt: skip

    def _call(self, start):
        """Ask once for the hands that a slot will want."""
        if not self.now < start <= self.now + timedelta(hours=self.config.call_ahead):
            return
        rules, local = self.workers.optimise.slot_load, self.store.hours.local(start)
        slot = self.state.get(_key(start)) or rules.empty()
        weeks = self.state.get(f"usual|{local.isoweekday()}|{local:%H:%M}", {})
        expected = rules.committed(slot)[0] + rules.usual(weeks.values(), int(self._steps_to(start)))
        room, each = self._room(start).lines, self._pace() * self.config.slot / 60
        many = rules.hands(expected, room, each)
        if many and not slot["asked"]:
            self._slot(start)["asked"] = True
            text = self.say(f"{many} more to pick at {local:%H:%M}", f"{local:%H:%M} 时段需增援拣货员 {many} 名")
            values = {"hands": many, "missing_lines": round(expected - room, 1), "expected": round(expected, 1), "capacity": round(room, 1)}
            yield out("task.create", task=f"extra_hands-{local:%Y%m%dT%H%M}", kind="extra_hands", title=text, priority=2, role="picker",
                due=start, minutes=self.config.slot, values=values)  # fmt: skip

    def _close(self, start):
        slot = self._slot(start)
        if slot["closed"]:
            return
        slot["closed"] = rfc3339(self.now)
        self.state.setdefault("closed", []).append(rfc3339(start))
        yield self._alert(start, "slot_closed", "open", self.say("Full for orders of more than three lines.", "三行以上订单已满。"))

    def _settle(self, start):
        """Open a slot again whose load has fallen."""
        slot = self.state.get(_key(start))
        if slot and slot["closed"]:
            room = self._room(start)
            if room.lines and self.workers.optimise.slot_load.load(slot, room) <= self.config.reopen + 1e-9:
                yield self._opened(start, slot, "slot_open", self.say("It takes orders again.", "恢复接单。"))

    def _settle_all(self):
        for start in list(self.state.get("closed", ())):
            yield from self._settle(parse_time(start))

    def _opened(self, start, slot, kind, text):
        ended = min(self.now, self._end(start))
        self.kpi.add("closed_minutes", max(0.0, (ended - parse_time(slot["closed"])).total_seconds() / 60))
        slot["closed"] = None
        self.state["closed"].remove(rfc3339(start))
        return self._alert(start, kind, "cleared", text)

    def _alert(self, start, kind, state, text):
        local = self.store.hours.local(start)
        return out("alert.raise", alert=f"slot-{local:%Y%m%dT%H%M}", kind=kind, severity="warn", state=state,
            subject=f"{local:%Y-%m-%d %H:%M}", text=f"{local:%H:%M}: {text}")  # fmt: skip

    @every("1d", at="00:00")
    def forget(self, due):
        old = due.time - DAY
        for key in [key for key in self.state if key.startswith("order|") and parse_time(self.state[key]["promise"]) < old]:
            del self.state[key]
        for what, last in (("shifts", "end"), ("riders", "seen")):
            self.state[what] = {name: one for name, one in self.state.get(what, {}).items() if parse_time(one[last]) >= old}
        self.state["clock"] = {staff: at for staff, at in self.state.get("clock", {}).items() if parse_time(at) >= old}
        for day in sorted(self.state.get("peak", {}))[:-1]:
            del self.state["peak"][day]

    def _slot(self, start):
        return self.state.setdefault(_key(start), self.workers.optimise.slot_load.empty())

    def _slot_of(self, at):
        midnight, length = self.store.hours.midnight(self.store.hours.store_day(at)), timedelta(minutes=self.config.slot)
        return midnight + (at - midnight) // length * length

    def _end(self, start):
        """A slot's end; the day's last one ends with the day."""
        midnight = self.store.hours.midnight(self.store.hours.store_day(start) + DAY)
        return min(start + timedelta(minutes=self.config.slot), midnight)

    def _steps_to(self, start):
        """Slots from now to a slot's begin, as the key of what came."""
        return str(max(0, ceil((start - self.now) / timedelta(minutes=self.config.slot) - 1e-9)))

    def _shifts(self):
        return self.state.get("shifts", {}).values()


def _key(start):
    return f"slot|{rfc3339(start)}"


def _overlap(start, end, begin, until):
    return max(0.0, (min(end, until) - max(start, begin)).total_seconds())
