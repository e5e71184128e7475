"""Click-and-collect: an honest promise, the right door or desk, handed out by a one-time code, and online returns back into stock or not.

An order's `wish` moves its promise back, never forward. It is ready once each of its lines was picked or was not there; without any goods
it is cancelled. An order that is not paid, has chilled beside frozen goods, or whose customer waits already goes to the desk. The code is
told once, in the message, and only its hash is kept: the reminder cannot repeat it. What is typed (symbology other) or a short number is
a code, right or wrong, wherever it is scanned but at a till; a scanner stands at the locker by its setting `cabinet`, its id, or its zone
where both have one. A wrong code counts on the door that `values` names (`order` or `cell`), else on all that it might have opened; a
right one forgets them.

At the desk the code says that its customer has come, as the order's number does; scanned by staff, or once the customer has come, it
hands over. Staff open a door by scanning the order's number, to load or to empty it. Offline doors are told by `device.status` (which the
row lacks), their customers by a message. A door whose goods were left stays taken until it was opened and closed, a day at most.

Goods left stock when they were picked, so what comes back is booked as a `return` first; waste and vendors' goods go by quarantine. Of
returned goods the storage class decides before their condition: new is sealed, damaged or unknown is opened. Refunds told by others lower
what is left to refund. Orders are forgotten 30 days after their right to return.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

KINDS = ("pickup", "delivery", "ship")
HANDED = ("collected", "delivered", "done")
GONE = ("cancelled", "declined", "rejected", "failed", "expired", "returned")
DOWN, COLD = ("offline", "fault"), ("chilled", "frozen")
LEFT_OPEN, AGAIN, EMPTIED = timedelta(minutes=2), timedelta(seconds=10), timedelta(days=1)
KEPT, PICKS_KEPT, MOST_SEEN, SHORTEST_GTIN = timedelta(days=30), timedelta(days=2), 100, 8
CHANNELS = {"mini_app": "mini_program", "mini_program": "mini_program", "official_account": "official_account", "app": "app_push"}
UNKNOWN = ("promise", "door", "locked", "code", "sent", "opened", "came", "asked", "last")
Place = Literal["stock", "vendor", "waste"]
ZH = {"stock": "回库", "vendor": "退供应商", "waste": "报损"}


class Dwell(SolutionConfig):
    ambient: int = setting(1440, "Ambient", "常温", unit="min", ge=1, le=20160)
    chilled: int = setting(240, "Chilled", "冷藏", unit="min", ge=1, le=20160)
    frozen: int = setting(120, "Frozen", "冷冻", unit="min", ge=1, le=20160)


class Resale(SolutionConfig):
    sealed: Place = setting("stock", "Sealed", "未拆封")
    opened: Place = setting("vendor", "Opened or damaged", "已拆封或破损")
    chilled: Place = setting("waste", "Chilled or frozen", "冷藏与冷冻")


class ClickCollectReturn(Solution):
    number = 106
    zh, en = "线上下单到店自提与退换", "Click-and-collect and returns in store"
    purpose_zh = "线上下单到店自提：承诺可信的提货时间，按温区和容积分配格口或服务台，凭一次性提货码交付；线上退货按状态回库、退供或报损。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("order.status", "message.send", "cabinet.open", "task.create", "inventory.movement", "score.report")
    adapters = ("messaging", "locker|cabinet?", "scanner?", "online_store?")
    reads = ("products", "fixtures", "zones")
    kpis = {
        "promise_kept": kpi("%", "Orders ready as promised", "按承诺备好率"),
        "median_wait": kpi("s", "Median wait of the customer", "顾客等待时长中位数"),
        "not_collected": kpi("%", "Orders not collected", "逾期未取率"),
        "resold_returns": kpi("%", "Returned lines that went back into stock", "退货回库率"),
    }
    kinds = {
        "empty_place": ("Take back an order that was not collected", "清退未取订单"),
        "door_left_open": ("Locker door left open", "格口门未关"),
        "door_to_desk": ("Hand a locked door's order out at the desk", "格口锁定，转服务台交付"),
        "hand_over": ("Hand an order over", "交付订单"),
    }

    class Config(SolutionConfig):
        prep: int = setting(60, "From order to ready", "备货时间", unit="min", ge=5, le=1440,
            help_en="In opening hours.", help_zh="按营业时间计。")  # fmt: skip
        close_margin: int = setting(15, "No promise nearer to closing", "距打烊最短时间", unit="min", ge=0, le=120)
        dwell: Dwell = setting(Dwell, "How long goods wait", "存放时限", unit="min",
            help_en="The shortest class of the order rules.", help_zh="以订单中时限最短的温区为准。")  # fmt: skip
        remind_at: float = setting(0.5, "Share of that time after which a reminder goes out", "提醒时点占比", ge=0.1, le=0.95)
        code_tries: int = setting(5, "Wrong codes before a door is locked to the desk", "错码锁定次数", ge=3, le=10)
        return_days: int = setting(7, "Whole days in which a return is taken", "可退天数", unit="d", ge=0, le=90,
            help_en="Store days after the order was collected or delivered.", help_zh="自提货或送达次日起的门店日。")  # fmt: skip
        resale: Resale = setting(Resale, "Where returned goods go", "退货去向")
        handover_due: int = setting(3, "Desk hand-over after the customer's arrival", "到店交付时限", unit="min", ge=1, le=30)

    # From order to ready

    @on("order.placed")
    def placed(self, event):
        name, own = event["order"], event.get("seller", self.store.id) == self.store.id
        if event.get("draft") or not own or event.get("kind", "pickup") not in KINDS:
            return
        if (known := self.state.get(f"order:{name}")) is not None:
            if event.get("paid"):  # told again once it is paid
                self.workers.checkout.pickup_order.pay(known)
            return
        order = self.workers.checkout.pickup_order.new_order(event.data, name) | dict.fromkeys(UNKNOWN) | {"phase": "placed", "tries": 0}
        self.state[f"order:{name}"] = order
        self.timers.set("forget", f"order:{name}", self.now + KEPT)
        if order["pickup"]:
            yield from self._promise(name, order, event)
        if early := self.state.pop(f"picks:{name}", None):
            self.timers.cancel("forget", f"picks:{name}")
            for lines, storage in early:
                yield from self._pick(event, lines, storage)

    def _promise(self, name, order, event):
        prep = timedelta(minutes=self.config.prep)
        start = max(event.time, parse_time(event["wish"]) - prep) if event.get("wish") else event.time
        promised = self.workers.optimise.pickup.promise(self.store.hours, start, prep, timedelta(minutes=self.config.close_margin))
        if promised is None:
            yield self._status(name, order, "declined", reason="closed", amount=self.workers.checkout.pickup_order.left(order))
            self._close(name, order, "gone")
            return
        order["promise"] = plain(promised)
        yield self._status(name, order, "confirmed", promised_to=promised)

    @on("pick.done")
    def picked(self, event):
        storage = event.get("temperature_class")
        if f"order:{event['order']}" in self.state:
            yield from self._pick(event, event["lines"], storage)
            return
        self.state.setdefault(f"picks:{event['order']}", []).append([list(event["lines"]), storage])
        self.timers.set("forget", f"picks:{event['order']}", self.now + PICKS_KEPT)

    def _pick(self, event, lines, storage):
        orders, name, order = self.workers.checkout.pickup_order, event["order"], self.state[f"order:{event['order']}"]
        if order["phase"] != "placed":
            return
        orders.pick(order["lines"], lines, storage)
        if not order["pickup"] or not orders.is_picked(order["lines"]):
            return
        if orders.goods(order["lines"]):
            yield from self._ready(name, order, event.id)
        else:
            yield self._status(name, order, "cancelled", reason="out_of_stock", amount=self.workers.checkout.pickup_order.left(order))
            self._close(name, order, "gone")

    def _ready(self, name, order, cause):
        """Goods are there: a door or the desk, a code, and the time that they may wait."""
        lines = self.workers.checkout.pickup_order.goods(order["lines"])
        wait = timedelta(minutes=min(getattr(self.config.dwell, self._storage(line)) for line in lines.values()))
        until, kept = self.now + wait, order["promise"] is None or self.now <= parse_time(order["promise"])
        door = None if order["came"] or order["due"] else self._free_door(lines.values())
        code, order["code"] = self._new_code(cause)
        order |= {"phase": "ready", "door": door and door.key}
        self.state[f"code:{order['code']}"] = name
        self.timers.set("forget", f"order:{name}", until + KEPT)
        if door:
            self._used()[door.key] = {"order": name, **self._record(door)}
        self.timers.set("remind", name, self.now + wait * self.config.remind_at)
        self.timers.set("expire", name, until)
        self.kpi.share("promise_kept", kept, 1)
        self._count(ready=1, kept=int(kept))
        picked = [{"line": int(number), "qty": line["got"]} for number, line in lines.items()]
        yield self._status(name, order, "ready", locker=door and door.slot, lines=picked)
        place, end = self._place(order), f"{self.store.hours.local(until):%m-%d %H:%M}"
        text = self.say(f"Your order {name} is ready at {place}: code {code}, until {end}.",
                        f"您的订单{name}已备好，请到{place}提货，提货码{code}，{end}前有效。")  # fmt: skip
        yield self._tell(name, order, "pickup_ready", text, {"code": code, "until": plain(until)}, expires=until)

    def _new_code(self, cause):
        """A code and its hash. It is drawn from the id of the event that brings it, which is not kept beside the hash."""
        return self.workers.security.pickup_codes.fresh(lambda kept: f"code:{kept}" in self.state, self.store.id, cause)

    def _free_door(self, lines):
        """The smallest free door for goods, None for the desk."""
        pickup, orders = self.workers.optimise.pickup, self.workers.checkout.pickup_order
        storage = pickup.class_of({self._storage(line) for line in lines})
        litres = sum(pickup.goods_litres(self._product(orders.product_of(line)), line["got"], line["g"]) for line in lines)
        usable = [door for door in self._doors() if not self._is_down(self._record(door))]
        return pickup.smallest(usable, self._used(), litres, storage)

    def _doors(self):
        return self.workers.optimise.pickup.doors(self.tables.fixtures.rows(), self.tables.zones.rows())

    def _record(self, door):
        device = self.workers.checkout.lockers.opener((door.cabinet, door.fixture), self._lockers())
        return {"slot": door.slot, "fixture": door.fixture, "device": device}

    def _lockers(self):
        return [*self.devices.get("locker", ()), *self.devices.get("cabinet", ())]

    def _used(self):
        """The doors in use, by key."""
        return self.state.setdefault("doors", {})

    def _storage(self, line):
        """The storage class of a line's product, else the one it was picked in."""
        known = self._product(self.workers.checkout.pickup_order.product_of(line)).get("storage") or line["class"]
        return known if known in COLD else "ambient"

    # While it waits

    @timer("remind")
    def remind(self, due):
        order, until = self.state[f"order:{due.key}"], self.timers.get("expire", due.key)
        end, place = f"{self.store.hours.local(until):%m-%d %H:%M}", self._place(order)
        text = self.say(f"Your order {due.key} waits at {place} until {end}.", f"您的订单{due.key}在{place}等您提取，{end}前有效。")
        yield self._tell(due.key, order, "pickup_reminder", text, {"until": plain(until)}, expires=until)

    @timer("expire")
    def expire(self, due):
        order = self.state[f"order:{due.key}"]
        if (shut := order["sent"] and parse_time(order["sent"]) + LEFT_OPEN) and shut > due.time:
            self.timers.set("expire", due.key, shut)
        elif shut:  # who opened the door has the goods, whether or not its closing was told
            self._handed(due.key, order, parse_time(order["sent"]))
            yield self._status(due.key, order, "collected")
        else:
            yield self._status(due.key, order, "expired", amount=self.workers.checkout.pickup_order.left(order), reason="not_collected")
            order["refunded"] = order["total"]
            self.kpi.share("not_collected", 1, 1)
            self._count(expired=1)
            yield from self._take_back(due.key, order)
            self._close(due.key, order, "expired")

    def _take_back(self, name, order):
        """Goods that nobody fetched go back into stock, cold ones to waste; staff empty their place, which stays taken until then."""
        orders, items = self.workers.checkout.pickup_order, []
        for line in orders.goods(order["lines"]).values():
            goal = "waste" if self._storage(line) in COLD else "stock"
            gtin = self._written(orders.product_of(line))
            items.append({"gtin": gtin, "qty": line["got"], "from": self._cell(order), "note": self.say(goal, ZH[goal])})
            yield from self._move(name, gtin, line["got"], goal, "locker" if order["door"] else "desk", "not_collected", line["g"])
        if order["door"]:
            self._used()[order["door"]]["order"] = None
            self.timers.set("empty", order["door"], self.now + EMPTIED)
        yield self._task("empty_place", name, self.say(f"Take back order {name} from {self._cell(order)}",
                         f"从{self._cell(order)}取回订单{name}"), order, 2, items=items)  # fmt: skip

    def _move(self, name, gtin, qty, goal, source, reason, grams=None):
        """Book goods that come back from a place of hand-over or from the customer."""
        told = {"gtin": gtin, "order": name, "reason": reason, "state": "booked"}
        hold = "stock" if goal == "stock" else "quarantine"
        yield out("inventory.movement", {"from": source}, kind="return", qty=qty, weight_g=grams, to=hold, **told)
        if goal == "stock":
            return
        supplier = self._product(gtin).get("supplier") if goal == "vendor" else None
        yield out("inventory.movement", {"from": hold}, kind="waste" if goal == "waste" else "return", qty=-qty,
                  weight_g=None if grams is None else -grams, to=goal, supplier=supplier, **told)  # fmt: skip

    @timer("empty")
    def emptied(self, due):
        self._used().pop(due.key, None)

    @on("order.status?")
    def told(self, event):
        """What others say of an order."""
        name, status = event["order"], event["status"]
        order = self.state.get(f"order:{name}")
        if order is None:
            return
        if event.get("promised_to") and order["phase"] == "placed":
            order["promise"] = plain(parse_time(event["promised_to"]))
        if status == "refunded":
            order["refunded"] = min(order["total"], order["refunded"] + event.get("amount", order["total"]))
        waits = order["phase"] in ("placed", "ready")
        if status in HANDED and (waits or (order["phase"] == "gone" and not order["pickup"])):
            self._handed(name, order, event.time)
        elif not waits:
            return
        elif status in GONE or (status == "refunded" and order["total"] and order["refunded"] >= order["total"]):
            if order["phase"] == "ready":
                yield from self._take_back(name, order)
            self._close(name, order, "gone")

    # Handing over

    @on("scanner.code?")
    def scanned(self, event):
        code, codes, place = event["code"].strip(), self.workers.security.pickup_codes, self._at_locker(event)
        if f"order:{code}" in self.state:
            yield from self._number_scanned(code, self.state[f"order:{code}"], event)
            return
        typed = event.get("symbology") == "other" or (code.isdecimal() and len(code) < SHORTEST_GTIN)
        if event.get("gtin") or event.get("till") or not (place or typed or codes.is_code(code)):
            return
        name = self.state.get(f"code:{codes.hashed(code, self.store.id)}")
        if name is not None:
            yield from self._right(name, self.state[f"order:{name}"], event)
        elif place is not False and not event.get("staff"):
            yield from self._wrong(event)

    def _at_locker(self, event):
        return self.workers.checkout.lockers.stands_at(event["scanner"], self.devices.get("scanner", ()), self._lockers())

    def _number_scanned(self, name, order, event):
        """The order's number: staff at its door, or a customer who has come to the desk."""
        door, waits = self._used().get(order["door"]), order["phase"] == "ready"
        if event.get("staff") and door and door["order"] in (name, None) and not self._is_down(door):
            yield self._open(name, order, "empty" if order["locked"] or not waits else "load", staff=event["staff"])
        elif order["pickup"] and order["phase"] in ("placed", "ready"):
            yield from self._arrive(name, order, event)

    def _arrive(self, name, order, event):
        order["came"] = order["came"] or plain(event.time)
        if order["asked"]:
            return
        order["asked"] = True
        due = event.time + timedelta(minutes=self.config.handover_due)
        items = [{"gtin": self._written(gtin), "qty": qty, "from": self._cell(order)}
                 for gtin, qty in self.workers.checkout.pickup_order.pieces(order["lines"])]  # fmt: skip
        yield self._task("hand_over", name, self.say(f"Hand over order {name}", f"交付订单{name}"), order, 1, due=due, items=items)

    def _right(self, name, order, event):
        """A right code opens the door, once; at the desk it hands over."""
        if order["phase"] != "ready":
            return
        at_desk = not order["door"] or self._at_locker(event) is False
        if at_desk or self._shut(order):
            if event.get("staff") or (at_desk and order["came"]):
                self._handed(name, order, event.time)
                yield self._status(name, order, "collected", staff=event.get("staff"))
            else:
                yield from self._arrive(name, order, event)
            return
        if order["opened"] or (order["sent"] and event.time - parse_time(order["sent"]) < AGAIN):
            return
        for other in self._behind(self._used()[order["door"]]["device"]):
            self.state[f"order:{other}"]["tries"] = 0
        order |= {"came": order["came"] or plain(event.time), "sent": plain(event.time)}
        self.timers.set("door", name, event.time + LEFT_OPEN)
        yield self._open(name, order, "pickup")

    def _wrong(self, event):
        """Count a wrong code on the doors that it may have been meant for."""
        for name in self.workers.checkout.lockers.meant(self._used(), event["scanner"], event.get("values") or {}):
            order = self.state[f"order:{name}"]
            order["tries"] += 1
            if order["tries"] >= self.config.code_tries and not (order["sent"] or self._shut(order)):
                yield from self._lock(name, order, "wrong_codes")

    def _lock(self, name, order, why):
        """The order is handed out at the desk from now on; its goods are fetched from the door there."""
        order["locked"], cell = why, self._cell(order)
        words = self.say(f"Order {name}: door {cell} is locked, hand out at the desk", f"订单{name}：格口{cell}已锁定，转服务台交付")
        yield self._task("door_to_desk", name, words, order, 2, why=why)
        text = self.say(f"Please fetch your order {name} at the desk.", f"请到服务台提取您的订单{name}。")
        yield self._tell(name, order, "pickup_at_desk", text, {"reason": why})

    def _shut(self, order):
        return bool(order["locked"]) or self._is_down(self._used()[order["door"]])

    def _is_down(self, door):
        names = self.workers.checkout.lockers.names_of(door)
        return None in names or any(f"down:{one}" in self.state for one in names)

    @on("device.status?")
    def device(self, event):
        """Doors that are offline are handed out at the desk until they are back."""
        down, key = event["state"] in DOWN, f"down:{event['device']}"
        names = {one for door in self._doors() for one in (door.fixture, door.slot, door.cabinet)} | {one.id for one in self._lockers()}
        if event["device"] not in names or down == (key in self.state):
            return
        self.state[key] = plain(event.time)
        if not down:
            del self.state[key]
        for name in self._behind(event["device"]):
            order = self.state[f"order:{name}"]
            if down and not order["locked"]:
                yield from self._lock(name, order, "offline")
            elif order["locked"] == "offline":
                order["locked"] = None

    def _behind(self, device):
        """Orders that wait in the doors of a device, or in a door of that name."""
        return [one["order"] for one in self._used().values() if one["order"] and device in self.workers.checkout.lockers.names_of(one)]

    def _open(self, name, order, reason, staff=None):
        door = self._used()[order["door"]]
        return out("cabinet.open", cabinet=door["device"], session=name, reason=reason, cell=door["slot"], staff=staff)

    @on("cabinet.event?")
    def door(self, event):
        used = self._used()
        opened = {one["order"] for one in used.values() if one["order"] and self.state[f"order:{one['order']}"]["sent"]}
        key = self.workers.checkout.lockers.of_event(used, event.data, opened)
        if key is None:
            return
        name, slot = used[key]["order"], used[key]["slot"]
        if name is None:
            if event["kind"] == "closed":  # what was left in it was taken out
                self.timers.cancel("empty", key)
                del used[key]
            return
        order = self.state[f"order:{name}"]
        if event["kind"] == "opened" and order["sent"] and not order["opened"]:
            order["opened"] = plain(event.time)
            self.timers.set("door", name, max(self.now, event.time + LEFT_OPEN))
        elif event["kind"] == "closed" and order["sent"] and not order["locked"] and event.time >= parse_time(order["sent"]):
            self._handed(name, order, event.time)
            yield self._status(name, order, "collected", locker=slot)

    @timer("door")
    def left_open(self, due):
        cell = self._cell(order := self.state[f"order:{due.key}"])
        yield self._task("door_left_open", due.key, self.say(f"Close door {cell}", f"关闭格口{cell}"), order, 2)

    def _handed(self, name, order, at):
        """The customer has the goods; the days of return begin."""
        if order["pickup"]:
            self.kpi.share("not_collected", 0, 1)
            self._count(collected=1)
        if order["came"] and at >= parse_time(order["came"]):
            self.kpi.sample("median_wait", (at - parse_time(order["came"])).total_seconds(), "median")
        self._used().pop(order["door"], None)
        last = self.store.hours.store_day(at) + timedelta(days=self.config.return_days)
        order["last"] = plain(last)
        self.workers.checkout.pickup_order.pay(order)
        self._close(name, order, "handed", self.store.hours.midnight(last))

    def _close(self, name, order, phase, last=None):
        order["phase"] = phase
        for alarm in ("remind", "expire", "door"):
            self.timers.cancel(alarm, name)
        self.timers.set("forget", f"order:{name}", (last or self.now) + KEPT)

    # Returns

    @on("return.requested?")
    def returned(self, event):
        """Each line by itself: those that may come back are refunded and booked, of the others the first reason is told."""
        orders, name = self.workers.checkout.pickup_order, event.get("order") or event.get("receipt")
        order = self.state.get(f"order:{name}")
        if name is None or (order is None and not event.get("order")) or (order and event["return"] in order["returns"]):
            return
        taken, refused = orders.take_back(order, event["lines"], plain(self.store.hours.store_day(event.time)))
        answer = {"order": name, "return": event["return"], "channel": order["channel"] if order else event.get("channel")}
        for number, line in taken:
            yield from self._resell(name, order["lines"][number], line)
        if order:
            order["returns"] = [*order["returns"], event["return"]][-MOST_SEEN:]
        if taken:
            lines = [{"line": int(number), "qty": line["qty"]} for number, line in taken]
            yield out("order.status", answer, status="refunded", amount=orders.refund(order), lines=lines)
        if refused:
            lines = [{"line": line["line"], "qty": line["qty"]} for _, line in refused if "line" in line]
            yield out("order.status", answer, status="rejected", reason=refused[0][0], lines=lines or None)

    def _resell(self, name, kept, line):
        """Book goods that came back to where their class, then their condition sends them."""
        gtin = self._written(line["gtin"])
        state = "chilled" if self._storage(kept) in COLD else "sealed" if line.get("condition") == "new" else "opened"
        goal = getattr(self.config.resale, state)
        self.kpi.share("resold_returns", goal == "stock", 1)
        self._count(returned=1, resold=int(goal == "stock"))
        grams = None if kept["g"] is None else round(kept["g"] * line["qty"] / (kept["got"] or kept["qty"]))
        yield from self._move(name, gtin, line["qty"], goal, "customer", state, grams)

    # Words and figures

    def _status(self, name, order, status, **more):
        return out("order.status", order=name, status=status, channel=order["channel"], **more)

    def _tell(self, name, order, template, text, params, expires=None):
        return out("message.send", message=f"{template}-{name}", channel=CHANNELS.get(order["channel"], "sms"), to=order["to"],
                   template=template, text=text, params={"order": name, "place": self._place(order), **params}, purpose="service",
                   expires=expires)  # fmt: skip

    def _task(self, kind, name, title, order, priority, items=None, due=None, **values):
        zone = self.workers.optimise.pickup.desk_zone(self.tables.zones.rows())
        told = {"order": name, "place": self._cell(order), "amount_due": order["due"] or None, **values}
        return out("task.create", task=f"{kind}-{name}", kind=kind, title=title, priority=priority, role="service_desk", zone=zone,
                   fixture=self._used()[order["door"]]["fixture"] if order["door"] else None, due=due, items=items,
                   values={key: value for key, value in told.items() if value is not None})  # fmt: skip

    def _cell(self, order):
        """Where the goods lie."""
        return self._used()[order["door"]]["slot"] if order["door"] else self.say("the service desk", "服务台")

    def _place(self, order):
        """Where the customer fetches them."""
        return self._cell(order) if not order["locked"] else self.say("the service desk", "服务台")

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {}

    def _written(self, gtin):
        return self._product(gtin).get("gtin", gtin)

    @timer("forget")
    def forget(self, due):
        order = self.state.pop(due.key, None)
        if due.key.startswith("order:") and order["code"]:
            del self.state[f"code:{order['code']}"]

    def _count(self, **parts):
        day = self.state.setdefault("day", {})
        for part, number in parts.items():
            day[part] = day.get(part, 0) + number

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", None)
        if not day:
            return None
        window = {"from": self.store.hours.midnight(self.store.hours.ended_day(due.time)), "to": due.time}
        score = round(100 * day["kept"] / day["ready"], 1) if day.get("ready") else None
        return out("score.report", window, scheme="click_collect", subject_kind="store", subject=self.store.id, score=score,
                   parts=[{"name": name, "value": value, "unit": "count"} for name, value in sorted(day.items())])  # fmt: skip
