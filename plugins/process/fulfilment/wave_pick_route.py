"""Pick waves and routes: orders grouped onto trolleys by due time and place, walked the shortest way with frozen goods last.

An order is due at `promised_to`, else its `wish`, else `promised_from`; one without is due `pick_lead` after it was placed. Express is an
order that says so (`express`, or in its kind or channel) and one that would be due before the next wave. Goods lie in the zone of their
slot, else in the zone of their category. `heavy` is what is bulky or weighs 5 kg or more a unit and needs no cold; groups that `sequence`
leaves out go first. Walks begin and end in the zone `packing` (else of that kind, else the backroom). While a trolley is filled, walks
of more than eight stops are estimated by savings and 2-opt. Frozen goods that would be on their way for too long make trips of their own,
in halves where one is still too long.

The next trolley goes to whoever is free first of those clocked in who have a picking role, or of whom no role is known; without anyone it
is for the role. A picker's seconds a line, walking taken off, are a moving mean over what `pick.done` tells. With `zone_split` an order's
jobs end in packing, due alike, and go first to people of that section or zone. An order with more lines than a trolley takes is split. A
trolley that an order leaves is sent out again under the same ids; an order that others pick, or that was picked within a day, is not
released. What is not picked a day after it was due is forgotten, and a picker after thirty days without a sign.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

DAY = timedelta(days=1)
PICKERS_KEPT = 30 * DAY
LONGEST_SHIFT = timedelta(hours=16)
KINDS = ("delivery", "pickup", "ship", "express")
GONE = ("cancelled", "declined", "rejected", "failed", "expired", "refunded")
LEFT = ("picked", "packed", "ready", "collected", "dispatched", "delivered", "done")
Group = Literal["heavy", "ambient", "chilled", "frozen"]


class WavePickRoute(Solution):
    number = 105
    zh, en = "拣货波次与路径优化", "Pick waves and routes"
    purpose_zh = "人工拣货门店与前置仓：按时限和货位把订单拼上拣货车，路线最短、冷冻最后，并统计每个人的真实拣货速度。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("route.plan", "task.create", "order.status", "score.report")
    reads = ("planogram", "zones", "fixtures", "products", "staff")
    load = "optimise"
    kpis = {
        "lines_per_hour": kpi("count", "Lines picked an hour", "每小时拣货行数"),
        "metres_per_line": kpi("m", "Metres a line", "每行行走米数"),
        "released_late": kpi("count", "Orders released late", "超时下发订单数"),
        "pick_cost_per_order": kpi("minor units", "Cost of picking an order", "单均拣货成本"),
    }
    kinds = {"pick_orders": ("Pick orders", "订单拣货")}

    class Config(SolutionConfig):
        wave: int = setting(10, "Time between waves", "波次间隔", unit="min", ge=1, le=120)
        pick_lead: int = setting(40, "Lead of picking", "拣货提前量", unit="min", ge=5, le=480,
            help_en="An order is released this long before it is due, or in the wave before that moment.",
            help_zh="订单在应完成时间前这么久下发，或在该时刻之前的一个波次下发。")  # fmt: skip
        totes: int = setting(4, "Orders on a trolley", "每车订单数", ge=1, le=24)
        max_lines: int = setting(40, "Lines on a trolley", "每车行数上限", ge=5, le=300)
        zone_split: list[str] = setting(list, "Zones picked apart", "分区拣货区域",
            help_en="Zones picked by their own people and merged at packing.",
            help_zh="由本区人员单独拣货、在打包处合并的区域。")  # fmt: skip
        sequence: list[Group] = setting(lambda: ["heavy", "ambient", "chilled", "frozen"], "Order of product groups", "品类拣货顺序",
            help_en="Where they share a trolley.", help_zh="同车拣货时适用。")  # fmt: skip
        frozen_max: int = setting(15, "Longest way of frozen goods", "冷冻在途上限", unit="min", ge=5, le=60,
            help_en="From the first frozen pick to packing.", help_zh="从第一个冷冻品到打包的最长时间。")  # fmt: skip
        exact_stops: int = setting(12, "Stops planned exactly", "精确求解站点数", ge=4, le=16,
            help_en="Above it savings and 2-opt.", help_zh="超过时用节约法加 2-opt。")  # fmt: skip

    @on("order.placed")
    def placed(self, event):
        known = any(f"{what}:{event['order']}" in self.state for what in ("open", "done"))
        if known or event.get("draft") or event.get("kind", "delivery") not in KINDS:
            return
        promise = event.get("promised_to") or event.get("wish") or event.get("promised_from")
        due = parse_time(promise) if promise else event.time + timedelta(minutes=self.config.pick_lead)
        lines = [[line["line"], line["gtin"], line["qty"]] for line in event["lines"] if line["qty"] > 0]
        if not lines:
            return
        self.state[f"wait:{event['order']}"] = {"due": stamp(due), "lines": lines}
        express = event.get("express") or "express" in (event.get("kind"), event.get("channel"))
        if express or due < self._next_wave():
            yield from self._release([event["order"]])

    @on("order.status")
    def status(self, event):
        """Cancelled orders drop out until their first pick, a new promise moves those that wait."""
        order, status = event["order"], event["status"]
        waiting, begun = self.state.get(f"wait:{order}"), self.state.get(f"open:{order}")
        if status in GONE and begun and not begun["picked"]:
            yield from self._drop(order, begun)
        elif status in LEFT and begun:
            self._forget(order)
        if waiting and status in (*GONE, "picking", *LEFT):
            del self.state[f"wait:{order}"]
        elif waiting and event.get("promised_to"):
            waiting["due"] = stamp(parse_time(event["promised_to"]))

    @on("staff.clock?")
    def clocked(self, event):
        picker = self._picker(event["staff"])
        if event["kind"] in ("in", "break_end"):
            picker |= {"in": rfc3339(event.time), "zone": event.get("zone") or picker.get("zone")}
        else:
            picker["in"] = None

    @on("pick.done")
    def picked(self, event):
        """Lines of an order that were picked, or were not there: both are done."""
        order, staff, lines = event["order"], event["staff"], event["lines"]
        self.state.pop(f"wait:{order}", None)
        picker, begun = self._picker(staff), self.state.get(f"open:{order}")
        trips = {begun["left"].pop(str(line["line"]), None) for line in lines} - {None} if begun else set()
        trip = self.state.get(f"trip:{min(trips)}") if trips else None
        walked = trip["metres"] * len(lines) / trip["lines"] if trip else 0.0
        short = sum(bool(line.get("short")) or line["picked"] < line["asked"] for line in lines)
        seconds = self.workers.optimise.pick_rate.enter(picker, parse_time(event["started"]), event.time, len(lines), short, walked)
        if seconds:
            self.kpi.share("lines_per_hour", len(lines), seconds / 3600)
        pay = (self.tables.staff.get(staff) or {}).get("hourly_pay")
        if begun:
            begun["picked"] = True
            if pay is not None:
                self.kpi.share("pick_cost_per_order", pay * seconds / 3600, not begun["left"])
            for name in trips:
                self._leave(name, order, {str(line["line"]) for line in lines})
            if not begun["left"]:
                del self.state[f"open:{order}"]
                self.state[f"done:{order}"] = rfc3339(self.now)

    @every("config.wave|min")
    def release(self, due):
        before = due.time + timedelta(minutes=self.config.wave + self.config.pick_lead)
        waiting = {key.partition(":")[2]: parse_time(self.state[key]["due"]) for key in self.state if key.startswith("wait:")}
        orders = [order for order, at in waiting.items() if at < before]
        if orders:
            yield from self._release(orders)

    @every("1d", at="close")
    def report(self, due):
        """How fast each picker really was; what nobody finished is forgotten."""
        for key in [key for key in self.state if key.startswith("open:")]:
            if parse_time(self.state[key]["due"]) < due.time - DAY:
                self._forget(key.partition(":")[2])
        for key in [key for key in self.state if key.startswith("done:") and parse_time(self.state[key]) < due.time - DAY]:
            del self.state[key]
        opens = self.store.hours.day(self.store.hours.store_day(due.time - timedelta(microseconds=1)))
        window = {"from": opens[0] if opens else due.time - DAY, "to": due.time}
        pickers = {key.partition(":")[2]: self.state[key] for key in self.state if key.startswith("picker:")}
        ranked = self.workers.optimise.pick_rate.ranking(pickers)
        for rank, (staff, rate) in enumerate(ranked, 1):
            one = pickers[staff]
            yield out("score.report", window, scheme="pick_rate", subject_kind="staff", subject=staff, rank=rank, of=len(ranked),
                      score=round(rate, 2), parts=[
                          {"name": "lines", "value": one["lines"], "unit": "count"},
                          {"name": "hours", "value": round(one["seconds"] / 3600, 3), "unit": "h"},
                          {"name": "short", "value": one["short"], "unit": "count"},
                          {"name": "line_s", "value": round(one["line_s"], 3), "unit": "s"}])  # fmt: skip
        for staff, one in pickers.items():
            self.workers.optimise.pick_rate.clear(one)
            if not one["in"] and parse_time(one["last"] or one["seen"]) < due.time - PICKERS_KEPT:
                del self.state[f"picker:{staff}"]

    def _release(self, orders):
        """Put orders onto trolleys, zone by zone where these are picked apart, and send the trolleys out."""
        from storeloom.workers.optimise.pick_trips import keep_cold, loads

        jobs, walker, crew, config = {}, self._walker(), self._crew(), self.config
        for order in sorted(orders):
            row = self.state.pop(f"wait:{order}")
            due = parse_time(row["due"])
            self.kpi.add("released_late", self.now > due - timedelta(minutes=config.pick_lead))
            self.state[f"open:{order}"] = {"due": row["due"], "picked": False, "left": {}}
            lines = [{"line": line, "gtin": gtin, "qty": qty, "order": order, **self._place(gtin)} for line, gtin, qty in row["lines"]]
            parts = [(one["zone"] if one["zone"] in config.zone_split else "", one) for one in lines]
            for part in sorted({part for part, _ in parts}):
                own = sorted((one for zone, one in parts if zone == part), key=lambda one: (one["rank"], one["zone"], one["line"]))
                for first in range(0, len(own), config.max_lines):
                    jobs.setdefault(part, {})[f"{order}|{first:04d}"] = (due.timestamp(), own[first : first + config.max_lines])
            yield out("order.status", order=order, status="picking")
        number = 0
        for part, waiting in jobs.items():
            for lines, picker in loads(waiting, walker, crew, part, totes=config.totes, max_lines=config.max_lines):
                for own in keep_cold(walker, lines, picker.line_s, 60 * config.frozen_max):
                    number += 1
                    trip = f"pick-{self.now:%Y%m%dT%H%M%S}-{number}-{min(one['order'] for one in own)}"
                    for one in own:
                        self.state[f"open:{one['order']}"]["left"][str(one["line"])] = trip
                    self.state[f"trip:{trip}"] = {"staff": picker.name, "part": part, "own": own}
                    yield from self._send(trip, walker)
                    self.kpi.share("metres_per_line", self.state[f"trip:{trip}"]["metres"], len(own))

    def _send(self, name, walker):
        """The walk and the task of a trolley as it now is."""
        from storeloom.workers.optimise.pick_trips import stop_of

        trip = self.state[f"trip:{name}"]
        own, staff, walk = trip["own"], trip["staff"], walker.walk(trip["own"])
        own.sort(key=lambda one: (walk.stops.index(stop_of(one)), one["order"], one["line"]))
        line_s = (self.state.get(f"picker:{staff}") or self.workers.optimise.pick_rate.begin())["line_s"]
        seconds = walk.metres + line_s * len(own)
        trip |= {"metres": walk.metres, "lines": len(own), "ends": rfc3339(self.now + timedelta(seconds=round(seconds)))}
        orders = sorted({one["order"] for one in own})
        due = min((self.state[f"open:{order}"]["due"] for order in orders), default=None)
        yield out("route.plan", plan=name, kind="pick", staff=staff or None, distance_m=round(walk.metres, 1), duration_s=round(seconds),
                  stops=[{"seq": seq, "place": one["zone"], "order": one["order"], "gtin": one["gtin"], "service_s": round(line_s, 1)}
                         for seq, one in enumerate(own, 1)])  # fmt: skip
        title = self.say(f"Pick orders (orders: {len(orders)}, lines: {len(own)})", f"拣货：{len(orders)} 单 {len(own)} 行")
        if not own:
            title = self.say("Nothing left to pick: the orders were cancelled", "无需再拣：订单已取消")
        yield out("task.create", task=name, kind="pick_orders", title=title, priority=2, zone=trip["part"] or self._packing(), due=due,
                  staff=staff or None, role=None if staff else "picker", minutes=round(seconds / 60, 1),
                  items=[{"gtin": one["gtin"], "qty": one["qty"], "from": one["slot"], "note": one["order"]} for one in own],
                  values={"plan": name, "orders": orders})  # fmt: skip

    def _drop(self, order, begun):
        walker = None
        for name in sorted(set(begun["left"].values())):
            trip = self.state[f"trip:{name}"]
            trip["own"] = [one for one in trip["own"] if one["order"] != order]
            walker = walker or self._walker()
            yield from self._send(name, walker)
            if not trip["own"]:
                del self.state[f"trip:{name}"]
        del self.state[f"open:{order}"]

    def _forget(self, order):
        begun = self.state.pop(f"open:{order}")
        for name in set(begun["left"].values()):
            self._leave(name, order, set(begun["left"]))

    def _leave(self, name, order, lines):
        """Lines of an order are done with; a trolley without any left is home."""
        trip = self.state[f"trip:{name}"]
        trip["own"] = [one for one in trip["own"] if one["order"] != order or str(one["line"]) not in lines]
        if not trip["own"]:
            del self.state[f"trip:{name}"]

    def _crew(self):
        """Those on duty who pick, free again at the end of the walks that they have been given; anyone, where nobody is known."""
        from storeloom.workers.optimise.pick_rate import LINE_S
        from storeloom.workers.optimise.pick_trips import Picker

        now, crew, busy = self.now.timestamp(), [], {}
        for trip in [self.state[key] for key in self.state if key.startswith("trip:")]:
            busy[trip["staff"]] = max(parse_time(trip["ends"]).timestamp(), busy.get(trip["staff"], now))
        for key in [key for key in self.state if key.startswith("picker:")]:
            staff, one = key.partition(":")[2], self.state[key]
            row = self.tables.staff.get(staff) or {}
            roles = row.get("roles")
            if one["in"] and parse_time(one["in"]) > self.now - LONGEST_SHIFT and (not roles or any("pick" in role for role in roles)):
                crew.append(Picker(staff, frozenset({one.get("zone"), row.get("section")} - {None}), busy.get(staff, now), one["line_s"]))
        return crew or [Picker("", frozenset(), now, LINE_S)]

    def _picker(self, staff):
        picker = self.state.setdefault(f"picker:{staff}", {"in": None, **self.workers.optimise.pick_rate.begin()})
        picker["seen"] = rfc3339(self.now)
        return picker

    def _next_wave(self):
        midnight, step = self.store.hours.midnight(self.store.hours.store_day(self.now)), timedelta(minutes=self.config.wave)
        return midnight + -((midnight - self.now) // step) * step

    def _packing(self):
        zones = self.tables.zones.rows()
        named = [row["zone"] for name in ("zone", "kind") for row in zones if row.get(name) == "packing"]
        return next(iter([*named, *(row["zone"] for row in zones if row.get("kind") == "backroom")]), "packing")

    def _walker(self):
        from storeloom.workers.optimise.pick_trips import Walker
        from storeloom.workers.optimise.walks import Floor

        return Walker(Floor(self.tables.zones.rows(), self.tables.fixtures.rows()), self._packing(), self.config.exact_stops)

    def _place(self, gtin):
        """Where an item lies and in which group it is walked."""
        row = self.tables.products.get(gtin) or {}
        slot = next(iter(self.workers.optimise.planned.slots(self.tables.planogram, gtin)), {})
        zone = slot.get("zone") or (self.tables.fixtures.get(slot["fixture"]) or {}).get("zone") if slot else None
        if zone is None:
            category = row.get("category")
            rows = [one["zone"] for one in self.tables.zones.rows(category=category)] if category else []
            zone = rows[0] if rows else self._packing()
        storage, sequence = row.get("storage", "ambient"), self.config.sequence
        group = next((one for one in (self.workers.optimise.pick_trips.group_of(row), storage) if one in sequence), None)
        rank = sequence.index(group) + 1 if group else 0
        return {"gtin": row.get("gtin", gtin), "zone": zone, "slot": slot.get("slot", zone), "rank": rank, "frozen": storage == "frozen"}
