"""Last-mile dispatch: bundles orders that lie together, chooses own riders or a platform by cost and promise, and acts on late riders
before the customer calls.

Own riders are the vehicles of the store (owner_kind store or staff, not blocked); a plan names the vehicle. A rider is back when he says so
(at_store without an order under way), else when his last door and the way home are due. Platforms are the tariffs of kind delivery by
their band (other than own and all); without one there is `platform` at `platform_cost`. A platform's order is order.status allocated
with the platform as channel. Orders that this store sends (delivery, express; not another place's) are dispatched, when packed.

The way between two zones is the mean of what was ridden in that hour of the day, else metres at 4 m/s over the neighbours that `zones`
names. A door is reached when the order is delivered. It rains where a forecast for now has 2.5 mm an hour. A companion is an order that is
picked and not packed: it is waited for, until `hold` after the first was packed, where the trip with it keeps every promise and
saves money. What nobody accepted in time goes to others, its carrier gets nothing for five minutes.

An order is late when its estimate (the plan, then the courier's eta) is past the promise: told once, and again when it slips by five
minutes.
"""

from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

KINDS, OWN = ("delivery", "express"), ("store", "staff")
GONE = ("cancelled", "declined", "rejected", "failed", "expired", "refunded")
SENT = ("collected", "delivered", "done", "returned")
TAKEN, RIDING = ("assigned", "at_store", "collected", "en_route", "delivered"), ("collected", "en_route")
CHANNELS = {"app": "app_push", "phone": "sms", "web": "email"}
STORE, NO_PLATFORM = "store", ("own", "all")
SPEED_M_MIN, NEWEST, RAIN_MM_H = 240.0, 0.2, 2.5
MINUTE, POSITIONS, KEPT = timedelta(minutes=1), timedelta(hours=24), timedelta(days=1)
BARRED = SILENT = SLIP = 5 * MINUTE
Money = Annotated[int, Field(ge=0, le=100_000)]


class OwnCost(SolutionConfig):
    trip: Money = setting(600, "Trip", "每趟", unit="minor")
    stop: Money = setting(100, "Each stop after the first", "后续每单", unit="minor")


class PlatformCost(SolutionConfig):
    order: Money = setting(550, "Order", "每单", unit="minor")


class RiderDispatch(Solution):
    number = 107
    zh, en = "即时配送调度", "Last-mile dispatch"
    purpose_zh = "把相邻订单拼成一趟，按成本与承诺选择自有骑手或平台，并在顾客来电之前处理迟到。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("route.plan", "order.status", "message.send", "alert.raise", "score.report")
    adapters = ("delivery", "messaging?")
    reads = ("vehicles", "tariffs", "zones", "products?")
    load = "optimise"
    kpis = {
        "on_time": kpi("%", "Delivered on time", "准时率"),
        "cost_per_drop": kpi("minor units", "Cost of a delivery", "单均配送成本"),
        "orders_per_trip": kpi("count", "Orders of a trip", "每趟单数"),
        "reassigned": kpi("count", "Reassigned", "改派单数"),
    }
    kinds = {
        "late_delivery": ("Delivery late", "配送将迟到"),
        "position_lost": ("No position of a rider", "骑手失联"),
        "no_rider": ("Nobody can deliver", "无运力可派"),
    }

    class Config(SolutionConfig):
        bundle: int = setting(3, "Orders of a trip", "每趟最多单数", ge=1, le=10)
        detour: int = setting(8, "Most that bundling may add to an order", "拼单最多延迟", unit="min", ge=0, le=60)
        hold: int = setting(5, "Longest wait for a companion", "等待拼单上限", unit="min", ge=0, le=30)
        buffer: int = setting(4, "Kept between arrival and promise", "到达与承诺间的余量", unit="min", ge=0, le=30)
        drop: int = setting(3, "Time at a door", "上门交付时间", unit="min", ge=1, le=20)
        own_cost: OwnCost = setting(OwnCost, "Own rider", "自有骑手成本")
        platform_cost: PlatformCost = setting(PlatformCost, "Platform", "平台成本",
            help_en="Where the table of tariffs has none.", help_zh="费率表没有时适用。")  # fmt: skip
        accept_timeout: int = setting(60, "Rider or platform must accept within", "接单时限", unit="s", ge=15, le=600)
        rain_factor: float = setting(1.3, "Travel time in rain", "雨天行程系数", ge=1, le=3)

    # Orders

    @on("order.placed")
    def placed(self, event):
        if event.get("draft") or event.get("kind", "delivery") not in KINDS or f"order|{event['order']}" in self.state:
            return
        rows = [(line, self.tables.products.get(line["gtin"]) or {}) for line in event["lines"]]
        self.state[f"order|{event['order']}"] = {
            "zone": event.get("zone"), "promise": event.get("promised_to"), "member": event.get("member"), "channel": event["channel"],
            "kg": sum((line.get("weight_g") or line["qty"] * (row.get("weight_g") or 0)) / 1000 for line, row in rows),
            "litres": sum(line["qty"] * (row.get("volume_l") or 0) for line, row in rows),
            "cold": any(row.get("storage") in ("chilled", "frozen") for _, row in rows), "state": "placed", "carrier": None,
            "packed": None, "told": None, "seen": rfc3339(self.now)}  # fmt: skip

    @on("order.status")
    def status(self, event):
        known = self.state.get(f"order|{event['order']}")
        if known is None:
            return
        status, elsewhere = event["status"], event.get("place", self.store.id) != self.store.id
        if event.get("promised_to") and status not in ("offered", "ask"):
            known["promise"] = event["promised_to"]
        if status in GONE or (elsewhere and known["state"] in ("placed", "picked")):
            self._drop(event["order"], known, "over")
        elif status in ("picked", "packed") and known["state"] in ("placed", "picked"):
            known |= {"state": status, "packed": rfc3339(event.time) if status == "packed" else None}
        elif status in SENT and known["state"] in ("placed", "picked", "packed"):
            known["state"] = "over"

    @on("delivery.status")
    def under_way(self, event):
        order, status = event["order"], event["status"]
        known = self.state.get(f"order|{order}")
        if known is None or known["state"] in ("over", "done"):
            return
        known["seen"] = rfc3339(event.time)
        if status in TAKEN and known["state"] == "given":
            known["state"] = "taken"
            self.timers.cancel("silent", known["plan"])
        if event.get("eta"):
            known["eta"] = event["eta"]
        if status in RIDING and not known.get("left"):
            known["left"] = rfc3339(event.time)
        if status in RIDING or event.get("geo"):
            known["position"] = {"at": rfc3339(event.time), "geo": event.get("geo")}
            yield from self._found(order, known)
        if status == "delivered":
            self._ridden(order, known, event.time)
            if known["promise"]:
                self.kpi.share("on_time", int(event.time <= parse_time(known["promise"])), 1)
            yield from self._ended(order, known, "done")
        elif status in ("failed", "returned"):
            yield from self._ended(order, known, "over")
            yield out("order.status", order=order, status="returned", reason=event.get("reason") or "not_delivered")
        else:
            yield from self._late(order, known)

    def _ended(self, order, known, state):
        yield from self._found(order, known)
        if known["told"]:
            yield self._alert(f"late-{order}", "late_delivery", "cleared", order, self.say("ended", "已结束"))
        self._drop(order, known, state)

    def _drop(self, order, known, state):
        """An order that nobody has to ride for any more; who rode last comes home."""
        known["state"], carrier = state, self.state.get(f"rider|{known['carrier']}")
        if carrier and order in carrier["orders"]:
            carrier["orders"].remove(order)
            if not carrier["orders"]:
                self.timers.cancel("silent", known.get("plan") or "")
                carrier["free"] = rfc3339(self.now + self._travel(known["zone"] or STORE, STORE) * MINUTE)

    def _ridden(self, order, known, at):
        """Learn the way from the last stop to this door."""
        rider = self.state.get(f"rider|{known['carrier']}", {})
        here, since = rider.get("last") or (STORE, known.get("left"))
        minutes = (at - parse_time(since)).total_seconds() / 60 if since else 0
        if here != STORE:
            minutes -= self.config.drop
        if minutes > 0 and known["zone"]:
            key, hour = f"way|{'|'.join(sorted((here, known['zone'])))}", str(self.store.hours.local(at).hour)
            way, dry = self.state.setdefault(key, {}), minutes / self._rain(at)
            way[hour] = way[hour] + NEWEST * (dry - way[hour]) if hour in way else dry
        if rider:
            rider["last"] = [known["zone"] or STORE, rfc3339(at)]

    @on("weather.forecast?")
    def forecast(self, event):
        hours = (parse_time(event["to"]) - parse_time(event["from"])).total_seconds() / 3600
        wet = (event.get("rain_mm") or 0) / hours >= RAIN_MM_H - 1e-9 if hours > 0 else False
        windows = {window: rain for window, rain in self.state.get("rain", {}).items() if parse_time(window.partition("/")[2]) > self.now}
        self.state["rain"] = windows | {f"{event['from']}/{event['to']}": wet}

    # Dispatch

    @every("30s")
    def dispatch(self, due):
        yield from self._dispatch()
        for key in [key for key in self.state if key.startswith("order|") and self.state[key]["state"] in ("given", "taken")]:
            order, known = key.partition("|")[2], self.state[key]
            yield from self._late(order, known)
            position = known.get("position")
            if position and not known.get("lost") and self.now - parse_time(position["at"]) >= SILENT:
                known["lost"] = True
                yield self._alert(f"position-{order}", "position_lost", "open", order, self.say("no position for 5 min", "5 分钟无位置"))

    def _dispatch(self):
        waiting = {key.partition("|")[2]: one for key, one in self.state.items()
                   if key.startswith("order|") and one["state"] in ("picked", "packed")}  # fmt: skip
        if not any(one["state"] == "packed" for one in waiting.values()):
            return
        engine, rules, riders = self.workers.optimise.last_mile, self._rules(), self._riders()
        packed = [self._order(name, one) for name, one in waiting.items() if one["state"] == "packed"]
        soon = [self._order(name, one, ready=self.config.hold) for name, one in waiting.items() if one["state"] == "picked"]
        held = self._held(packed, soon, riders, rules, {order.name: waiting[order.name]["packed"] for order in packed})
        found = engine.plan([order for order in packed if order.name not in held], riders, self._travel, rules)
        for rider, orders in found.trips.items():
            yield self._ride(rider, orders, next(one for one in riders if one.name == rider))
        for platform, orders in found.platforms.items():
            for order in orders:
                yield self._give(platform, order)
        left = {order.name for order in found.left}
        for name, known in waiting.items():
            if name in left and not known.get("stuck"):
                known["stuck"] = True
                yield self._alert(f"stuck-{name}", "no_rider", "open", name, self.say("no rider, no platform", "无骑手且无平台"))
            elif known["state"] == "given" and known.pop("stuck", None):
                yield self._alert(f"stuck-{name}", "no_rider", "cleared", name, self.say("taken", "已派单"))

    def _held(self, packed, soon, riders, rules, since):
        """Orders that wait for a companion who will be there within `hold`."""
        engine, held = self.workers.optimise.last_mile, set()
        patient = [order for order in packed if (self.now - parse_time(since[order.name])) < self.config.hold * MINUTE]
        for companion in soon if patient else ():
            alone = engine.plan(patient, riders, self._travel, rules).cost + engine.plan([companion], riders, self._travel, rules).cost
            both = engine.plan([*patient, companion], riders, self._travel, rules)
            trip = next((orders for orders in both.trips.values() if companion in orders and len(orders) > 1), ())
            if both.cost < alone:
                held |= {order.name for order in trip} - {companion.name}
        return held

    def _ride(self, rider, orders, own):
        engine, start = self.workers.optimise.last_mile, own.free
        times = engine.arrivals(orders, start, self._travel, self.config.drop)
        plan = f"trip-{rider}-{self.now:%Y%m%dT%H%M%S}"
        cost = self.config.own_cost.trip + self.config.own_cost.stop * (len(orders) - 1)
        home = times[-1] + self.config.drop + self._travel(orders[-1].zone, STORE)
        self.state[f"rider|{rider}"] = {"orders": [order.name for order in orders], "free": rfc3339(self.now + home * MINUTE),
            "barred": None, "last": None}  # fmt: skip
        for order, at in zip(orders, times, strict=True):
            self._given(order.name, rider, plan, self.now + at * MINUTE, cost / len(orders))
        self.kpi.share("orders_per_trip", len(orders), 1)
        stops = [{"seq": number, "place": order.zone, "order": order.name, "eta": rfc3339(self.now + at * MINUTE),
                  "service_s": self.config.drop * 60} for number, (order, at) in enumerate(zip(orders, times, strict=True), 1)]  # fmt: skip
        doors = [STORE, *(order.zone for order in orders)]
        metres = sum(self._metres(here, there) or 0 for here, there in pairwise(doors))
        return out("route.plan", plan=plan, kind="delivery", stops=stops, vehicle=rider, distance_m=round(metres),
            duration_s=round((times[-1] - start + self.config.drop) * 60))  # fmt: skip

    def _give(self, platform, order):
        cost, minutes = order.platforms[platform]
        self._given(order.name, platform, f"{platform}-{order.name}-{self.now:%H%M%S}", self.now + minutes * MINUTE, cost)
        return out("order.status", order=order.name, status="allocated", channel=platform, reason="platform")

    def _given(self, order, carrier, plan, eta, cost):
        known = self.state[f"order|{order}"]
        known |= {"state": "given", "carrier": carrier, "plan": plan, "eta": rfc3339(eta), "cost": cost, "left": None, "position": None}
        self.kpi.share("cost_per_drop", cost, 1)
        self.timers.set("silent", plan, self.now + timedelta(seconds=self.config.accept_timeout), {"carrier": carrier})

    @timer("silent")
    def silent(self, due):
        """Nobody accepted: others are asked."""
        carrier, until = due.data["carrier"], rfc3339(self.now + BARRED)
        for key in [key for key in self.state if key.startswith("order|")]:
            known = self.state[key]
            if known.get("plan") == due.key and known["state"] == "given":
                known |= {"state": "packed", "carrier": None, "packed": known["packed"] or rfc3339(self.now)}
                self.kpi.add("reassigned", 1)
                self.kpi.share("cost_per_drop", -known["cost"], -1)
        rider = self.state.get(f"rider|{carrier}")
        if rider:
            rider |= {"orders": [], "free": rfc3339(self.now)}
        self.state.setdefault("barred", {})[carrier] = until
        yield from self._dispatch()

    def _late(self, order, known):
        """Tell customer and store of a promise that will not be kept."""
        eta = max(parse_time(known["eta"]), self.now) if known.get("eta") else self.now
        told = known["told"]
        if not known["promise"] or eta <= parse_time(known["promise"]) or (told and eta < parse_time(told) + SLIP):
            return
        known["told"] = rfc3339(eta)
        local = f"{self.store.hours.local(eta):%H:%M}"
        text = self.say(f"Order {order} will come at {local}.", f"订单 {order} 预计 {local} 送达。")
        if known["member"]:
            yield out("message.send", message=f"late-{order}-{self.now:%Y%m%dT%H%M%S}", purpose="service", template="late_delivery",
                channel=CHANNELS.get(known["channel"], "mini_program"), to=known["member"], text=text,
                params={"order": order, "eta": known["told"]})  # fmt: skip
        yield self._alert(f"late-{order}", "late_delivery", "open", order, text)

    def _found(self, order, known):
        if known.pop("lost", None):
            yield self._alert(f"position-{order}", "position_lost", "cleared", order, self.say("found again", "位置恢复"))

    def _alert(self, alert, kind, state, order, text):
        return out("alert.raise", alert=alert, kind=kind, severity="warn", state=state, subject=order, text=f"{order}: {text}")

    # Riders, ways, costs

    def _rules(self):
        config = self.config
        return self.workers.optimise.last_mile.Rules(
            config.bundle, config.detour, config.buffer, config.drop, config.own_cost.trip, config.own_cost.stop
        )

    def _riders(self):
        """Own riders who are here, or on their way home and here within `hold`."""
        found = []
        for row in self.tables.vehicles.rows():
            rider = self.state.get(f"rider|{row['vehicle']}", {"orders": [], "free": None})
            free = max(0.0, (parse_time(rider["free"]) - self.now) / MINUTE) if rider["free"] else 0.0
            ours = row.get("owner_kind", "store") in OWN and row.get("status", "allowed") != "blocked"
            if ours and not rider["orders"] and free <= self.config.hold and not self._is_barred(row["vehicle"]):
                cold = row.get("temperature_class") not in (None, "ambient")
                one = self.workers.optimise.last_mile.Rider
                found.append(one(row["vehicle"], free, row.get("capacity_kg"), row.get("capacity_l"), cold))
        return found

    def _is_barred(self, carrier):
        until = self.state.get("barred", {}).get(carrier)
        return until is not None and parse_time(until) > self.now

    def _order(self, name, known, ready=0.0):
        promise = (parse_time(known["promise"]) - self.now) / MINUTE if known["promise"] else None
        zone = known["zone"] or STORE
        minutes = ready + self._travel(STORE, zone)
        asked = {platform: row for platform, row in self._platforms().items() if not self._is_barred(platform)}
        offers = {platform: (self._asks(row, zone), minutes) for platform, row in asked.items()}
        return self.workers.optimise.last_mile.Order(name, zone, promise, ready, known["kg"], known["litres"], known["cold"], offers)

    def _platforms(self):
        rows = self.tables.tariffs.rows(kind="delivery")
        return {row["band"]: row for row in rows if row["band"] not in NO_PLATFORM} or {"platform": None}

    def _asks(self, row, zone):
        if row is None:
            return self.config.platform_cost.order
        return round((row.get("fixed") or 0) + row["price"] * (self._metres(STORE, zone) or 0) / 1000)

    def _travel(self, here, there):
        """Minutes between two zones now."""
        if here == there:
            return 0.0
        known = self.state.get(f"way|{'|'.join(sorted((here, there)))}", {}).get(str(self.store.hours.local(self.now).hour))
        minutes = known if known is not None else (self._metres(here, there) or 0) / SPEED_M_MIN
        return minutes * self._rain(self.now)

    def _metres(self, here, there):
        ways = self.tables.zones.derived(f"from {here}", lambda rows: self.workers.optimise.walks.distances(rows, here))
        return ways.get(there)

    def _rain(self, at):
        windows = [window.split("/") for window, wet in self.state.get("rain", {}).items() if wet]
        return self.config.rain_factor if any(parse_time(a) <= at < parse_time(b) for a, b in windows) else 1.0

    @every("1d", at="close")
    def daily(self, due):
        """What was delivered today; positions are deleted after 24 hours, orders a day after their last sign."""
        day = self.store.hours.ended_day(due.time)
        done = [one for key, one in self.state.items() if key.startswith("order|") and one["state"] == "done"
                and self.store.hours.trading_day(parse_time(one["seen"])) == day]  # fmt: skip
        if done:
            opens = self.store.hours.day(day)
            cost = sum(one.get("cost", 0) for one in done) / len(done)
            figures = [("drops", len(done), "count"), ("late", sum(bool(one["told"]) for one in done), "count")]
            figures.append(("cost_per_drop", round(cost, 2), "minor"))
            parts = [{"name": name, "value": value, "unit": unit} for name, value, unit in figures]
            yield out("score.report", {"from": opens[0] if opens else due.time - KEPT, "to": due.time}, scheme="dispatch",
                subject_kind="store", subject=self.store.id, parts=parts)  # fmt: skip

    @every("1h")
    def forget(self, due):
        for key in [key for key in self.state if key.startswith("order|")]:
            known = self.state[key]
            if known.get("position") and parse_time(known["position"]["at"]) <= due.time - POSITIONS:
                known["position"] = None
            if known["state"] in ("done", "over") and parse_time(known["seen"]) <= due.time - KEPT:
                del self.state[key]
