"""Autonomous vending vehicle: a self-driving cart learns where and when people are, drives there, advertises, and charges what was taken.

Stops are the zones that shoppers walk (not backrooms, parking, fitting rooms...); one is closed outside its `hours`. The cabinet, camera
and screens of a vehicle name it in their setting `robot`; without that they are the first vehicle's. It stands at a stop when it is seen
there, or when the way at 0.8 m/s is over; people seen on the way count for no stop. A visit lasts from one decision to the next and counts
each person once. The purchase rate of a stop is its receipts over its contacts, that of all stops where it has none, and 1 until the first
sale. It charges at the stop of its device's zone (else where it is) until 80 %.

A group on the way is three people, or one in the colour of the vehicle's setting `target_colour` (sizes: `target_group`); it halts once a
leg. The plan of the hour turns through the screen's setting `creatives`, each vehicle one further. Contacts of a creative are those that
its screens report, else those of the camera. Shares are compared each night. No faces are stored, nothing is told of anyone's age or
gender.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, plain
from storeloom.workers.checkout import cabinet as cabinets
from storeloom.workers.gs1 import item_key
from storeloom.workers.optimise import patrol
from storeloom.workers.optimise.walks import Floor
from storeloom.workers.pricing.prices import PriceBook, index_products

NO_STOPS = ("backroom", "restricted", "parking", "grid", "level", "fitting", "checkout", "kitchen", "exit")
SPEED_M_S, CHARGED_PCT, GROUP = 0.8, 80, 3
LEAST_CONTACTS = 200
CREATIVES = ("vending_a", "vending_b")
SPOT_S = 15
KEPT = timedelta(days=30)


class VendingVehicle(Solution):
    number = 11
    zh, en = "智能AI售卖小车", "Autonomous AI vending vehicle"
    purpose_zh = "自动驾驶售卖小车学习何时何地人多，主动驶往投放广告并售卖，按实际取走的商品扣款。"
    formats = ("mall", "specialty", "supermarket")
    produces = ("robot.go", "sign.play", "pos.sale", "task.create", "alert.raise", "experiment.result")
    adapters = ("robot", "vending|cabinet", "camera", "signage?", "payment?")
    reads = ("products", "prices", "zones", "vehicles")
    load = "vision"
    kpis = {
        "purchase_rate": kpi("%", "Receipts of contacts", "购买率"),
        "revenue_per_day": kpi("minor", "Takings of the day", "日营业额"),
        "contacts_per_hour": kpi("count", "People met in an hour", "每小时接触人数"),
        "refill_delay": kpi("min", "From low stock to refilled", "补货耗时"),
    }
    kinds = {
        "vehicle_refill": ("Refill a vending vehicle", "售卖小车补货"),
        "token_declined": ("A payment token was declined and is barred", "支付被拒，已列入黑名单"),
        "token_barred": ("A barred token opened the cabinet", "黑名单支付开柜"),
        "price_missing": ("A product sold in the vehicle has no price", "小车商品缺少价格"),
    }

    class Config(SolutionConfig):
        learn_days: int = setting(15, "Days of even patrol before routes follow the heat", "均匀巡游天数", unit="d", ge=1, le=60)
        shrink_n: int = setting(
            4, "Weight of a stop's mean in each hour of the week", "点位均值在每小时格中的权重", ge=0, le=50,
            help_en="In visits.", help_zh="以到访次数计。",
        )  # fmt: skip
        decide_every: int = setting(10, "How often the next stop is chosen", "选点间隔", unit="min", ge=1, le=60, effect="reload")
        explore_pct: int = setting(10, "Stops chosen at random to keep learning", "随机探索比例", unit="%", ge=0, le=50)
        travel_cost: float = setting(0.1, "Expected buyers given up for each 100 m", "每百米行驶折损的预期购买人数", ge=0, le=5)
        stop_distance_m: float = setting(1.5, "Nearest it comes to a person", "与人的最近距离", unit="m", ge=0.5, le=5)
        min_battery: int = setting(20, "Battery below which it goes to charge", "充电电量线", unit="%", ge=5, le=60)
        restock_below: int = setting(2, "Stock of a product that calls for a refill", "触发补货的库存", unit="units", ge=0, le=50)
        ab_alpha: float = setting(0.05, "Significance for creatives of different vehicles", "创意对比显著性水平", ge=0.001, le=0.2)

    # Vehicles and their parts

    def _robots(self):
        return self.devices.get("robot", ())

    def _robot_of(self, kind, device):
        """The vehicle that a device rides on."""
        named = next((one.settings.get("robot") for one in self.devices.get(kind, ()) if one.id == device), None)
        robots = self._robots()
        return next((one for one in robots if one.id in (named, device)), robots[0] if robots else None)

    def _vehicle(self, robot):
        fresh = {"stop": None, "arrives": None, "tracks": {}, "count": 0, "orders": 0, "order": None, "turn": -1, "charging": False,
                 "halted": False, "at": None, "creative": None, "reports": False}  # fmt: skip
        return self.state.setdefault(f"vehicle:{robot}", fresh)

    def start(self):
        self.state["started"] = self.store.hours.store_day(self.now).isoformat()

    # People

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision.algorithms.base import colour_of
        from storeloom.workers.vision.algorithms.placed import staff_of, tracked
        from storeloom.workers.vision.colour import WORN_LIKENESS, best_likeness

        robot = self._robot_of("camera", event["camera"])
        if robot is None or not self.store.hours.is_open(event.time):
            return
        view = self.workers.vision.view(event.data, event.time)
        people = tracked(view)
        staff = staff_of(view, people, (), {})
        guests = {track: person for track, person in people.items() if track not in staff}
        vehicle = self._vehicle(robot.id)
        if vehicle["stop"] is not None and not self._driving(vehicle, event.time):
            fresh = [track for track in guests if f"{event['camera']}|{track}" not in vehicle["tracks"]]
            vehicle["tracks"].update({f"{event['camera']}|{track}": 1 for track in fresh})
            self._met(vehicle, len(fresh))
            return
        target = robot.settings.get("target_colour")
        colours = [colour for person in guests.values() if target and (colour := colour_of(view, person))]
        wanted = len(guests) >= robot.settings.get("target_group", GROUP) or any(
            best_likeness(colour, (target,)) >= WORN_LIKENESS for colour in colours
        )
        if wanted and vehicle["order"] and not vehicle["halted"] and not vehicle["charging"]:
            vehicle["halted"] = True
            yield self._go(robot, vehicle, vehicle["stop"], update=True, pause=True)

    @on("robot.observation")
    def observed(self, event):
        robot = next((one for one in self._robots() if one.id == event["robot"]), None)
        if robot is None:
            return
        vehicle = self._vehicle(robot.id)
        if event.get("x") is not None and event.get("y") is not None:
            vehicle["at"] = [event["x"], event["y"]]
            if self._zone_at(vehicle["at"]) == vehicle["stop"]:
                vehicle["arrives"] = None
        if event["kind"] == "audience" and not self._driving(vehicle, event.time):
            count = (event.get("values") or {}).get("count", 0)
            self._met(vehicle, max(0, int(count) - vehicle["count"]))
        battery = event.get("battery_pct")
        if battery is None:
            return
        if battery < self.config.min_battery and not vehicle["charging"]:
            self._end_visit(vehicle)
            vehicle["charging"] = True
            yield self._go(robot, vehicle, robot.zone or vehicle["stop"] or "charger", charge=True)
        elif vehicle["charging"] and battery >= CHARGED_PCT:
            vehicle["charging"] = False
            yield from self._decide(robot)

    def _met(self, vehicle, people):
        vehicle["count"] += people
        if people and vehicle["stop"] is not None:
            self.kpi.share("purchase_rate", 0, people)
            self.kpi.share("contacts_per_hour", people, 0)
            self._stop(vehicle["stop"])["contacts"] += people
            if vehicle["creative"] and not vehicle["reports"]:
                self._creative(vehicle["creative"])["contacts"] += people

    def _driving(self, vehicle, at):
        return vehicle["arrives"] is not None and at < parse_time(vehicle["arrives"])

    def _stop(self, stop):
        return self.state.setdefault(f"stop:{stop}", {"total": 0, "visits": 0, "contacts": 0, "sold": 0, "cells": {}})

    def _end_visit(self, vehicle):
        """The visit's count goes into the cell of its stop and hour; who it was is forgotten."""
        if vehicle["stop"] is not None and vehicle.get("hour") is not None and not vehicle["charging"]:
            stop = self._stop(vehicle["stop"])
            cell = stop["cells"].setdefault(str(vehicle["hour"]), [0, 0])
            cell[:] = [cell[0] + vehicle["count"], cell[1] + 1]
            stop |= {"total": stop["total"] + vehicle["count"], "visits": stop["visits"] + 1}
        vehicle |= {"tracks": {}, "count": 0, "hour": None}

    # Where to

    @every("config.decide_every|min", only="open")
    def decide(self, due):
        for robot in self._robots() if self.store.hours.is_open(due.time) else ():
            self.kpi.share("contacts_per_hour", 0, self.config.decide_every / 60)
            if not self._vehicle(robot.id)["charging"]:
                yield from self._decide(robot)

    def _decide(self, robot):
        vehicle, hours = self._vehicle(robot.id), self.store.hours
        self._end_visit(vehicle)
        stops = self._open_stops()
        row = self.tables.vehicles.get(robot.id) or {}
        if not stops or row.get("status") == "blocked":
            return
        day = (hours.store_day(self.now) - date.fromisoformat(self.state["started"])).days
        key = (robot.id, plain(self.now))
        if day < self.config.learn_days:
            vehicle["turn"] += 1
            chosen = stops[(vehicle["turn"] + [one.id for one in self._robots()].index(robot.id)) % len(stops)]
        elif draw(*key, "explore", modulus=100) < self.config.explore_pct:
            chosen = stops[draw(*key, "stop", modulus=len(stops))]
        else:
            chosen = patrol.best(self._values(vehicle, stops), self.config.travel_cost)
        vehicle["hour"] = patrol.hour_of_week(hours.local(self.now))
        if chosen != vehicle["stop"]:
            metres = self._metres(vehicle["stop"], chosen)
            vehicle |= {"stop": chosen, "halted": False, "arrives": plain(self.now + timedelta(seconds=metres / SPEED_M_S))}
            yield self._go(robot, vehicle, chosen)
        elif vehicle["halted"]:
            vehicle["halted"] = False
            yield self._go(robot, vehicle, chosen, update=True)

    def _open_stops(self):
        found = [row for row in self.tables.zones.rows() if row.get("kind", "sales") not in NO_STOPS]
        return sorted(row["zone"] for row in found if self._is_open(row))

    def _is_open(self, row):
        """Whether the zone's own hours (`open` and `close`, store time), if it has any, hold now."""
        hours = row.get("hours") or {}
        clock = f"{self.store.hours.local(self.now):%H:%M}"
        return hours.get("open", "") <= clock < hours.get("close", "24:00")

    def _values(self, vehicle, stops):
        books = {stop: self._stop(stop) for stop in stops}
        rates = patrol.rates({stop: book["sold"] for stop, book in books.items()}, {stop: book["contacts"] for stop, book in books.items()})
        hour = str(patrol.hour_of_week(self.store.hours.local(self.now)))
        for stop, book in books.items():
            total, visits = book["cells"].get(hour, (0, 0))
            mean = book["total"] / book["visits"] if book["visits"] else 0
            yield_of = patrol.heat(total, visits, mean, self.config.shrink_n)
            books[stop] = patrol.Stop(stop, yield_of, rates[stop], self._metres(vehicle["stop"], stop))
        return list(books.values())

    def _metres(self, here, there):
        floor = self.tables.zones.derived("floor", lambda rows: Floor(rows, ()))
        return floor.metres(here, there) if here else 0.0

    def _zone_at(self, place):
        from storeloom.workers.vision.zones import contains

        return next((row["zone"] for row in self.tables.zones.rows() if row.get("polygon") and contains(row["polygon"], place)), None)

    def _go(self, robot, vehicle, node, *, update=False, pause=False, charge=False):
        polygon = (self.tables.zones.get(node) or {}).get("polygon")
        x, y = vehicle["at"] or (0.0, 0.0)
        if polygon and not pause:
            x, y = (sum(corner[axis] for corner in polygon) / len(polygon) for axis in (0, 1))
        if update and vehicle["order"]:
            vehicle["order"] = [vehicle["order"][0], vehicle["order"][1] + 1]
        else:
            vehicle["orders"] += 1
            vehicle["order"] = [f"{robot.id}-{vehicle['orders']}", 0]
        actions = [{"type": "keepDistance", "params": {"distance_m": self.config.stop_distance_m}}]
        actions += [{"type": "startPause"}] if pause else []
        actions += [{"type": "startCharging"}] if charge else []
        return out("robot.go", robot=robot.id, order=vehicle["order"][0], update=vehicle["order"][1], pause=pause or None,
                   nodes=[{"node": node, "x": float(x), "y": float(y), "actions": actions}])  # fmt: skip

    # Screens and creatives

    @every("1h", only="open")
    def screens(self, due):
        hour = self.store.hours.local(due.time).hour
        order = [robot.id for robot in self._robots()]
        for screen in self.devices.get("signage", ()):
            robot = self._robot_of("signage", screen.id)
            if robot is None or not self.store.hours.is_open(due.time):
                continue
            creatives = screen.settings.get("creatives") or CREATIVES
            chosen = creatives[(hour + order.index(robot.id)) % len(creatives)]
            self._vehicle(robot.id)["creative"] = chosen
            yield out("sign.play", {"from": due.time, "to": due.time + timedelta(hours=1)}, screen=screen.id,
                      items=[{"asset": chosen, "duration_s": SPOT_S, "campaign": robot.id}])  # fmt: skip

    @on("sign.played?")
    def played(self, event):
        robot = self._robot_of("signage", event["screen"])
        if robot is None or all(screen.id != event["screen"] for screen in self.devices.get("signage", ())):
            return
        vehicle = self._vehicle(robot.id)
        vehicle["creative"] = event["asset"]
        if event.get("audience") is not None:
            vehicle["reports"] = True
            self._creative(event["asset"])["contacts"] += event["audience"]

    def _creative(self, asset):
        return self.state.setdefault("creatives", {}).setdefault(asset, {"contacts": 0, "sold": 0, "told": None})

    @every("1d", at="close")
    def compare(self, due):
        """Each pair of creatives that have contacts enough, once they have new ones."""
        books = self.state.get("creatives", {})
        ready = sorted(asset for asset, book in books.items() if book["contacts"] >= LEAST_CONTACTS)
        news = {asset for asset in ready if books[asset]["told"] != [books[asset]["contacts"], books[asset]["sold"]]}
        for place, one in enumerate(ready):
            for other in ready[place + 1 :]:
                if news & {one, other}:
                    yield self._compared(one, other)
        for asset in news:
            books[asset]["told"] = [books[asset]["contacts"], books[asset]["sold"]]

    def _compared(self, one, other):
        """The better of two creatives is kept where the pooled z-test tells them apart; effect and limits in points."""
        books = self.state["creatives"]
        counts = {asset: (min(books[asset]["sold"], books[asset]["contacts"]), books[asset]["contacts"]) for asset in (one, other)}
        shares = {asset: hits / seen for asset, (hits, seen) in counts.items()}
        low, high = sorted((one, other), key=lambda asset: (shares[asset], asset == one))
        found = self.workers.insight.abtest.shares(*counts[low], *counts[high], level=1 - self.config.ab_alpha).effect
        arms = [{"arm": asset, "n": counts[asset][1], "value": 100 * shares[asset]} for asset in (one, other)]
        return out("experiment.result", experiment=f"creative:{one}|{other}", metric="purchase_rate", arms=arms, effect=100 * found.value,
                   lo=100 * found.low, hi=100 * found.high, p=found.p_value,
                   decision="keep" if found.p_value < self.config.ab_alpha else "extend",
                   method=f"two-proportion z-test; best {high}")  # fmt: skip

    # The cabinet

    @on("cabinet.event")
    def happened(self, event):
        name, kind = event["cabinet"], event["kind"]
        robot, seen = self._robot_of("vending", name) or self._robot_of("cabinet", name), f"seq:{cabinets.number(event.data)}"
        if seen in self.state:
            return
        self.state[seen] = 1
        self.timers.set("forget", seen, self.now + KEPT)
        key = f"session:{name}:{event.get('session', '')}"
        if kind == "opened":
            self.state[key] = {"payment": event.get("payment"), "steps": []}
            if event.get("payment") in self.state.get("barred", {}):
                yield self._alert("token_barred", event["payment"], name, "high")
        elif kind in ("pick", "put") and not event.get("staff"):
            steps = self.state.setdefault(key, {"payment": event.get("payment"), "steps": []})["steps"]
            steps += [[kind, item["gtin"], item["qty"]] for item in event.get("items") or ()]
        elif kind == "closed" and not event.get("staff"):
            yield from self._charge(event, robot, self.state.pop(key, {"payment": None, "steps": []}))
        if kind == "stock" or (kind == "put" and event.get("staff")):
            for item in event.get("items") or ():
                yield from self._stocked(name, robot, item["gtin"], item["qty"], added=kind == "put")

    def _charge(self, event, robot, session):
        """A receipt of what was taken, on the token that opened the cabinet."""
        final = [(item["gtin"], item["qty"]) for item in event["items"]] if event.get("items") is not None else None
        items = []
        zone = self.store.hours.zone
        products = self.tables.products.derived("by item", index_products)
        book = self.tables.prices.derived("book", lambda rows: PriceBook(rows, zone=zone))
        for gtin, qty in cabinets.taken([tuple(step) for step in session["steps"]], final).items():
            own = products.get(item_key(gtin), {}).get("gtin", gtin)
            price = cabinets.price_in(book, products, gtin, event.time, event["cabinet"])
            yield from self._stocked(event["cabinet"], robot, own, -qty, added=True)
            if price is None:
                yield self._alert("price_missing", own, event["cabinet"], "high")
            else:
                items.append((own, qty, price))
        if not items:
            return
        lines, token = cabinets.sale_lines(items), event.get("payment") or session["payment"]
        total = sum(line["amount"] for line in lines)
        self.kpi.add("revenue_per_day", total)
        vehicle = self._vehicle(robot.id) if robot else None
        if vehicle and vehicle["stop"] is not None:
            self.kpi.share("purchase_rate", 1, 0)
            self._stop(vehicle["stop"])["sold"] += 1
        if vehicle and vehicle["creative"]:
            self._creative(vehicle["creative"])["sold"] += 1
        payment = {"method": self.state.get(f"method:{token}", "wallet"), "amount": total} | ({"payment": token} if token else {})
        yield out("pos.sale", receipt=cabinets.number(event.data), kind="sale", till=event["cabinet"], channel="vending", lines=lines,
                  payments=[payment], total=total, member=event.get("member"), started=event.time)  # fmt: skip

    @on("payment.result?")
    def paid(self, event):
        token, status = event["payment"], event["status"]
        if status == "declined":
            fresh = token not in self.state.setdefault("barred", {})
            self.state["barred"][token] = event["amount"]
            if fresh:
                yield self._alert("token_declined", token, event.get("till"), "warn", event["amount"])
        elif status in ("approved", "settled"):
            self.state.get("barred", {}).pop(token, None)
            self.state[f"method:{token}"] = event["method"]
            self.timers.set("forget", f"method:{token}", self.now + KEPT)

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _stocked(self, name, robot, gtin, qty, *, added):
        """Stock of a product; low, it asks for one refill until it is filled."""
        gtin = (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]
        book = self.state.get(f"stock:{name}:{gtin}")
        if book is None:
            if added:
                return
            book = {"stock": 0, "low": None}
        stock = max(0, book["stock"] + qty) if added else qty
        low = stock <= self.config.restock_below
        if book["low"] and not low:
            self.kpi.sample("refill_delay", (self.now - parse_time(book["low"])).total_seconds() / 60)
        self.state[f"stock:{name}:{gtin}"] = {"stock": stock, "low": (book["low"] or plain(self.now)) if low else None}
        if low and not book["low"]:
            yield out("task.create", task=f"vehicle_refill:{name}:{gtin}:{plain(self.now)}", kind="vehicle_refill", priority=3,
                      title=f"{self.say(*self.kinds['vehicle_refill'])} ({name})", zone=self._vehicle(robot.id)["stop"] if robot else None,
                      asset=name, items=[{"gtin": gtin}], values={"cabinet": name, "stock": stock})  # fmt: skip

    def _alert(self, kind, subject, name, severity, value=None):
        text = f"{self.say(*self.kinds[kind])}: {subject}"
        return out("alert.raise", alert=f"{kind}:{subject}", kind=kind, severity=severity, state="open", subject=subject, asset=name,
                   text=text, value=value, unit=None if value is None else "minor")  # fmt: skip
