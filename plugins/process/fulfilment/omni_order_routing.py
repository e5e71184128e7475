"""Omnichannel order routing: gives each online order, and each in-store order to be sent home, to the place or places that serve it in time
at least total cost.

A place is a store by its id: this one, and each that a snapshot names (`other_store`, or the store of the event). What its channel sees
(view channel) may be sold, else what it has less what is reserved; own allocations count until they are picked. Delivery is a tariff of
kind delivery whose band is the place, else `all`: `fixed` and `price` a km over the zones' neighbours from the order's zone. A lead time
whose supplier is the place says how long it takes (days, and `order_by`). A place is open by the hours of its row in zones, else by this
store's; one that opens in time will do. It has the right temperature if that row names no classes or all that its lines need.

Express is an order that says so (`express`, or in its kind or channel), `ship` is standard, all others are same day; `promised_to` goes
before. Orders to be fetched, eaten in, drafts and services are not routed. In a mall the seller of an order or line alone serves it.

A unit is slow where a score.report of the item says so (its state or class; of the place in labels, else of the reporting store), near its
end where its lot has a quarter of its shelf life left or three days. A place may reject, fail or be short of some lines by
order.status with its `place`; what is left of the order stays as it is. `ask` waits for confirmed (ship what there is) or cancelled.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.kernel.hours import StoreHours

KINDS = ("delivery", "ship", "express")
TAKEN = ("accepted", "confirmed", "picking", "picked", "packed", "ready", "dispatched", "delivered", "done")
LEFT = ("picked", "packed", "ready", "dispatched", "delivered", "done")
REFUSED = ("rejected", "declined", "failed")
GONE = ("cancelled", "expired", "refunded", "returned")
SLOW = ("slow", "slow_mover", "overstock", "dead", "stagnant")
NEAR_SHARE, NEAR_DAYS, DAY, KEPT = 0.25, 3, timedelta(days=1), timedelta(days=7)
Minutes = Annotated[int, Field(ge=1, le=100_000)]


class LoadPenalty(SolutionConfig):
    """What a place costs more from a load on."""

    start: float = Field(0.95, ge=0, le=5, alias="from", title="From load", json_schema_extra={"x-zh": "起始负荷"})
    cost: int = Field(500, ge=0, le=100_000, title="Cost", json_schema_extra={"x-zh": "附加成本"})


class PromiseBy(SolutionConfig):
    express: Minutes = setting(60, "Express", "急送", unit="min")
    same_day: Minutes = setting(480, "Same day", "当日达", unit="min")
    standard: Minutes = setting(2880, "Standard", "普通", unit="min")


class OmniOrderRouting(Solution):
    number = 104
    zh, en = "全渠道订单智能分单(OMS)", "Omnichannel order routing"
    purpose_zh = "为每张线上订单及店内送货订单，在门店、前置仓与中心仓之间选出按时且总成本最低的履约地点。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("order.status", "task.create", "alert.raise", "score.report")
    adapters = ("online_store?", "delivery?")
    reads = ("products", "tariffs", "lead_times", "zones")
    load = "optimise"
    kpis = {
        "cost_per_order": kpi("minor units", "Cost of an order", "单均履约成本"),
        "split_rate": kpi("%", "Orders split", "拆单率"),
        "first_choice_accepted": kpi("%", "First choice accepted", "首选接单率"),
        "promise_kept": kpi("%", "Promises kept", "承诺达成率"),
    }
    kinds = {
        "route_by_hand": ("Route an order by hand", "人工分单"),
        "not_covered": ("No places have all of an order", "无法满足整单"),
    }

    class Config(SolutionConfig):
        max_parcels: int = setting(2, "Places that may share an order", "单笔最多地点数", ge=1, le=6)
        split_cost: int = setting(400, "Cost of each parcel after the first", "拆单成本", unit="minor", ge=0, le=10_000)
        load_penalty: LoadPenalty = setting(LoadPenalty, "Cost of a loaded place", "高负荷附加成本")
        clear_bonus: int = setting(150, "Taken off for a slow or ending unit", "清货优惠", unit="minor", ge=0, le=10_000)
        promise_by: PromiseBy = setting(PromiseBy, "Time to the customer", "送达时限", unit="min")
        accept_timeout: int = setting(10, "A place must accept within", "接单时限", unit="min", ge=1, le=240)
        retries: int = setting(3, "Re-routings before a human decides", "转派次数上限", ge=0, le=10)
        partial: Literal["ask", "ship", "cancel"] = setting("ask", "When no places have everything", "无法整单满足时",
            help_en="Ask, ship what there is, or cancel.", help_zh="询问、部分发货或取消。")  # fmt: skip

    # What places have

    @on("inventory.snapshot")
    def counted(self, event):
        place = event.get("other_store") or (event.store if event.store else self.store.id)
        books = self.state.setdefault(f"stock|{self._written(event['gtin'])}", {})
        book = books.setdefault(place, {"places": {}, "channels": {}, "lots": []})
        if event.get("view") == "channel":
            book["channels"][event.get("channel") or ""] = event["on_hand"]
            return
        where = event.get("location", "store")
        if where == "store":
            book["places"] = {}
        book["places"][where] = event["on_hand"] - event.get("reserved", 0)
        book["counted"] = min(book.get("held", 0), event.get("reserved", 0))
        book["lots"] = [[lot["expiry"], lot["qty"]] for lot in event.get("lots") or () if lot.get("expiry")]

    @on("score.report?")
    def scored(self, event):
        labels = event.get("labels") or {}
        if event["subject_kind"] == "item":
            slow = self.state.setdefault(f"slow|{self._written(event['subject'])}", {})
            place = labels.get("place") or labels.get("store") or event.store or self.store.id
            slow[place] = any(str(labels.get(name)).lower() in SLOW for name in ("state", "class", "movement"))
        elif event["subject_kind"] == "store":
            load = next((part["value"] for part in event["parts"] if part["name"] == "load"), None)
            if load is not None:
                self.state.setdefault("loads", {})[event["subject"]] = load

    # Orders

    @on("order.placed")
    def placed(self, event):
        kind, order = event.get("kind", "delivery"), event["order"]
        if event.get("draft") or kind not in KINDS or f"order|{order}" in self.state:
            return
        lines = {str(line["line"]): self._line(line, event.get("seller")) for line in event["lines"] if line["qty"] > 0}
        if not lines:
            return
        express = event.get("express") or "express" in (kind, event["channel"])
        minutes = getattr(self.config.promise_by, "express" if express else "standard" if kind == "ship" else "same_day")
        due = event.get("promised_to") or rfc3339(event.time + timedelta(minutes=minutes))
        self.state[f"order|{order}"] = {"lines": lines, "zone": event.get("zone"), "channel": event["channel"], "due": due,
            "parcels": {}, "barred": {}, "tries": 0, "state": "new", "cost": 0, "seen": rfc3339(self.now)}  # fmt: skip
        yield from self._route(order, list(lines), first=True)

    def _line(self, line, seller):
        product = self.tables.products.get(line["gtin"]) or {}
        by_weight = product.get("unit") == "kg" and line.get("weight_g")
        own = (line.get("options") or {}).get("seller") or seller
        return {"line": line["line"], "gtin": self._written(line["gtin"]), "qty": line["weight_g"] / 1000 if by_weight else line["qty"],
                "seller": own if self.store.format == "mall" else None}  # fmt: skip

    @on("order.status?")
    def status(self, event):
        order, status = event["order"], event["status"]
        known = self.state.get(f"order|{order}")
        if known is None or known["state"] in ("cancelled", "done"):
            return
        known["seen"] = rfc3339(self.now)
        place = event.get("place") or (next(iter(known["parcels"])) if len(known["parcels"]) == 1 else None)
        parcel = known["parcels"].get(place)
        if status in GONE:
            yield from self._cancelled(order, known)
        elif known["state"] == "ask" and status in ("confirmed", "accepted"):
            yield from self._part(order, known)
        elif status in REFUSED and parcel:
            refused = _told(known, parcel, event) if event.get("lines") else parcel["lines"]
            if refused:
                yield from self._again(order, known, place, dict.fromkeys(refused, 0))
        elif status in TAKEN and parcel:
            short = {name: qty for name, qty in _told(known, parcel, event).items() if qty < parcel["lines"][name] - 1e-9}
            self._accepted(order, known, place, parcel, status)
            if short:
                yield from self._again(order, known, place, short)

    @on("delivery.status?")
    def delivered(self, event):
        known = self.state.get(f"order|{event['order']}")
        if known and event["status"] == "delivered" and known["state"] == "routed":
            known["state"] = "done"
            self._release(event["order"], known)
            self.kpi.share("promise_kept", int(event.time <= parse_time(known["due"])), 1)

    @timer("silent")
    def silent(self, due):
        order, _, place = due.key.rpartition("|")
        known = self.state[f"order|{order}"]
        yield from self._again(order, known, place, dict.fromkeys(known["parcels"][place]["lines"], 0))

    def _accepted(self, order, known, place, parcel, status):
        if not parcel["accepted"]:
            parcel["accepted"] = True
            self.timers.cancel("silent", f"{order}|{place}")
            if parcel["first"]:
                self.kpi.share("first_choice_accepted", 1, 1)
        if status in LEFT and not parcel["picked"]:
            parcel["picked"] = True
            for name, qty in parcel["lines"].items():
                self._hold(known, place, name, -qty)
                self._leaves(known["lines"][name]["gtin"], place, qty)

    def _again(self, order, known, place, left):
        """Bar a place for lines that it does not (wholly) send and route what is missing; `left` says what it sends of each."""
        parcel, missing = known["parcels"][place], []
        if parcel["first"] and not parcel["accepted"]:
            self.kpi.share("first_choice_accepted", 0, 1)
        for name, qty in left.items():
            known["barred"].setdefault(name, []).append(place)
            wanted = parcel["lines"].pop(name)
            if not parcel["picked"]:
                self._hold(known, place, name, qty - wanted)
            if qty > 0:
                parcel["lines"][name] = qty
                rest = f"{name}+"
                known["lines"][rest] = {**known["lines"][name], "qty": wanted - qty}
                known["barred"][rest] = list(known["barred"][name])
                missing.append(rest)
            else:
                missing.append(name)
        if not parcel["lines"]:
            self.timers.cancel("silent", f"{order}|{place}")
            del known["parcels"][place]
        parcel["first"] = False
        known["tries"] += 1
        if known["tries"] > self.config.retries:
            yield self._by_hand(order, known, missing)
        else:
            yield from self._route(order, missing)

    def _route(self, order, names, *, first=False):
        known, engine = self.state[f"order|{order}"], self.workers.optimise.order_routes
        goods = self._goods(known, names)
        found = engine.route(list(goods), self._places(known, goods), **self._limits(known))
        if found is None:
            yield from self._uncovered(order, known, names)
            return
        yield from self._allocate(order, known, goods, found, first=first)

    def _allocate(self, order, known, goods, found, *, first=False):
        known["cost"] += found.cost
        until = self.now + timedelta(minutes=self.config.accept_timeout)
        for place in sorted(found.goods):
            names = [name for one in found.goods[place] for name in goods[one]]
            parcel = known["parcels"].setdefault(place, {"lines": {}, "accepted": False, "first": first, "picked": False})
            parcel |= {"lines": parcel["lines"] | {name: known["lines"][name]["qty"] for name in names}, "accepted": False}
            for name in names:
                self._hold(known, place, name, known["lines"][name]["qty"])
            self.timers.set("silent", f"{order}|{place}", until)
            rows = [{"line": known["lines"][name]["line"], "qty": known["lines"][name]["qty"], "place": place} for name in names]
            yield out("order.status", order=order, status="allocated", place=place, channel=known["channel"], lines=rows,
                promised_to=known["due"])  # fmt: skip
        if known["state"] == "new":
            self.kpi.sample("cost_per_order", found.cost, "mean")
            self.kpi.share("split_rate", int(len(found.goods) > 1), 1)
            self.state["day"] = {"orders": self._day()["orders"] + 1, "split": self._day()["split"] + (len(found.goods) > 1),
                "cost": self._day()["cost"] + found.cost}  # fmt: skip
        known["state"] = "routed"

    def _uncovered(self, order, known, names):
        """No places have all that is still to be sent."""
        if self.config.partial == "cancel":
            yield from self._cancelled(order, known)
            yield out("order.status", order=order, status="cancelled", channel=known["channel"], reason="no_stock")
            return
        known["waits"] = names
        if self.config.partial == "ship":
            yield from self._part(order, known)
            return
        known["state"] = "ask"
        text = self.say(f"Order {order}: no places have all of it in time", f"订单 {order}：无地点可按时满足全部商品")
        yield out("alert.raise", alert=f"not_covered-{order}", kind="not_covered", severity="warn", state="open", subject=order, text=text)
        yield out("order.status", order=order, status="ask", channel=known["channel"], choice=["ship_partial", "cancel"], reason="no_stock",
            lines=[{"line": known["lines"][name]["line"], "qty": known["lines"][name]["qty"]} for name in names])  # fmt: skip

    def _part(self, order, known):
        """Send what there is of what waits; the rest is declined."""
        names, engine = known.pop("waits", []), self.workers.optimise.order_routes
        yield from self._cleared(order, known)
        goods = self._goods(known, names)
        found = engine.most_of(list(goods), self._places(known, goods), **self._limits(known))
        missing = names if found is None else [name for one in found.missing for name in goods[one]]
        if found is None and not known["parcels"]:
            known["state"] = "cancelled"
            yield out("order.status", order=order, status="cancelled", channel=known["channel"], reason="no_stock")
            return
        known["state"] = "new" if not known["parcels"] else "routed"
        if found is not None:
            yield from self._allocate(order, known, goods, found, first=not known["tries"])
        rows = [{"line": known["lines"][name]["line"], "qty": known["lines"][name]["qty"]} for name in missing]
        yield out("order.status", order=order, status="declined", channel=known["channel"], lines=rows, reason="no_stock")

    def _cancelled(self, order, known):
        yield from self._cleared(order, known)
        known["state"] = "cancelled"
        self._release(order, known)

    def _cleared(self, order, known):
        if known["state"] == "ask":
            text = self.say(f"Order {order}: decided", f"订单 {order}：已处理")
            yield out("alert.raise", alert=f"not_covered-{order}", kind="not_covered", severity="warn", state="cleared", subject=order,
                text=text)  # fmt: skip

    def _release(self, order, known):
        for place, parcel in known["parcels"].items():
            self.timers.cancel("silent", f"{order}|{place}")
            for name, qty in () if parcel["picked"] else parcel["lines"].items():
                self._hold(known, place, name, -qty)
        known["parcels"] = {}

    def _by_hand(self, order, known, names):
        known["state"] = "by_hand" if not known["parcels"] else "routed"
        title = self.say(f"Route order {order} by hand", f"订单 {order} 需人工分单")
        items = [{"gtin": known["lines"][name]["gtin"], "qty": known["lines"][name]["qty"], "note": order} for name in names]
        return out("task.create", task=f"route-{order}-{known['tries']}", kind="route_by_hand", title=title, priority=1, role="manager",
            due=known["due"], items=items, values={"order": order, "tries": known["tries"]})  # fmt: skip

    # Places

    def _limits(self, known):
        return {"most": self.config.max_parcels, "split": self.config.split_cost, "kept": len(known["parcels"])}

    def _goods(self, known, names):
        """What is to be sent, alike goods together, since a place must have enough for all of their lines."""
        goods = {}
        for name in names:
            line = known["lines"][name]
            barred = ",".join(sorted(set(known["barred"].get(name, ()))))
            goods.setdefault(f"{line['gtin']}|{line['seller'] or ''}|{barred}", []).append(name)
        return goods

    def _places(self, known, goods):
        found = {}
        for one, members in goods.items():
            gtin, seller, _ = one.split("|")
            wanted = sum(known["lines"][name]["qty"] for name in members)
            barred = {place for name in members for place in known["barred"].get(name, ())}
            for place in self.state.get(f"stock|{gtin}", ()):
                if place not in barred and seller in ("", place) and self._sellable(gtin, place, known["channel"]) >= wanted - 1e-9:
                    found.setdefault(place, {})[one] = self._off(gtin, place, wanted)
        places, km = [], self._km(known["zone"])
        for name, has in sorted(found.items()):
            minutes = self._minutes(name, parse_time(known["due"]))
            if minutes is not None:
                cold = {one for one in has if not self._is_cold_enough(name, one.partition("|")[0])}
                place = self.workers.optimise.order_routes.Place
                places.append(place(name, self._parcel(name, km), minutes, frozenset(has.keys() - cold), has, name in known["parcels"]))
        return places

    def _sellable(self, gtin, place, channel):
        book = self.state[f"stock|{gtin}"][place]
        held = book.get("held", 0)
        seen = book["channels"].get(channel, next(iter(book["channels"].values()), None))
        if seen is not None:
            return seen - held
        return sum(book["places"].values()) - max(0, held - book.get("counted", 0))

    def _hold(self, known, place, name, qty):
        """Keep goods of a line at a place for the order, or (under 0) let them go."""
        book = self.state[f"stock|{known['lines'][name]['gtin']}"][place]
        book["held"] = max(0, book.get("held", 0) + qty)

    def _leaves(self, gtin, place, qty):
        """Goods that were picked are gone, until the next count tells."""
        book = self.state.get(f"stock|{gtin}", {}).get(place)
        if book and book["places"]:
            where = "store" if "store" in book["places"] else next(iter(book["places"]))
            book["places"][where] -= qty
        for channel in book["channels"] if book else ():
            book["channels"][channel] -= qty

    def _off(self, gtin, place, wanted):
        """What is taken off for units of these goods that should go from this place."""
        lots = self.state[f"stock|{gtin}"][place]["lots"]
        shelf = (self.tables.products.get(gtin) or {}).get("shelf_days")
        within = NEAR_DAYS if not shelf else max(1, NEAR_SHARE * shelf)
        today = self.store.hours.store_day(self.now)
        near = sum(qty for expiry, qty in lots if today.isoformat() <= expiry <= (today + timedelta(days=within)).isoformat())
        units = wanted if self.state.get(f"slow|{gtin}", {}).get(place) else min(wanted, near)
        return round(units * self.config.clear_bonus)

    def _km(self, zone):
        return {} if zone is None else self.workers.optimise.walks.distances(self.tables.zones.rows(), zone)

    def _parcel(self, place, metres):
        """Cost of a parcel from a place: tariff and load; without a tariff the way costs nothing."""
        rows = self.tables.tariffs.rows(kind="delivery")
        row = next((row for band in (place, "all") for row in rows if row["band"] == band), {})
        way = metres.get(place, 0.0) / 1000 if row.get("per", "km") == "km" else 0.0
        cost = (row.get("fixed") or 0) + row.get("price", 0) * way
        heavy = self.state.get("loads", {}).get(place, 0) >= self.config.load_penalty.start - 1e-9
        return round(cost) + (self.config.load_penalty.cost if heavy else 0)

    def _minutes(self, place, due):
        """Minutes to the customer, from the opening on; None where it is closed or too late."""
        lead = next((row for row in self.tables.lead_times.rows(supplier=place)), {})
        row = self.tables.zones.get(place) or {}
        hours = StoreHours(str(self.store.hours.zone), row["hours"]) if row.get("hours") else self.store.hours
        begins = self.now if hours.is_open(self.now) else hours.next_open(self.now)
        if begins is not None and lead.get("order_by") and begins >= hours.at(hours.store_day(begins), lead["order_by"]):
            begins = hours.next_open(hours.midnight(hours.store_day(begins) + DAY))
        if begins is None:
            return None
        arrives = begins + timedelta(days=lead.get("days") or 0)
        return (arrives - self.now).total_seconds() / 60 if arrives <= due else None

    def _is_cold_enough(self, place, gtin):
        classes = (self.tables.zones.get(place) or {}).get("temperature_classes")
        return not classes or (self.tables.products.get(gtin) or {}).get("storage", "ambient") in classes

    # The day

    def _day(self):
        return self.state.get("day", {"orders": 0, "split": 0, "cost": 0})

    @every("1d", at="close")
    def daily(self, due):
        day = self._day()
        if day["orders"]:
            opens = self.store.hours.day(self.store.hours.ended_day(due.time))
            parts = [{"name": "orders", "value": day["orders"], "unit": "count"}, {"name": "split", "value": day["split"], "unit": "count"},
                     {"name": "cost", "value": day["cost"], "unit": "minor"}]  # fmt: skip
            yield out("score.report", {"from": opens[0] if opens else due.time - DAY, "to": due.time}, scheme="order_routing",
                subject_kind="store", subject=self.store.id, parts=parts)  # fmt: skip
        self.state.pop("day", None)
        old = [key for key in self.state if key.startswith("order|") and parse_time(self.state[key]["seen"]) < due.time - KEPT]
        for key in old:
            self._release(key.partition("|")[2], self.state[key])
            del self.state[key]

    def _written(self, gtin):
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]


def _told(known, parcel, event):
    """What an event tells of the lines of a parcel, by their names; a line in parts goes by its number, whichever part the place has."""
    told = {line["line"]: line["qty"] for line in event.get("lines") or ()}
    return {name: told[known["lines"][name]["line"]] for name in parcel["lines"] if known["lines"][name]["line"] in told}
