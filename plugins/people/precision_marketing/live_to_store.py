"""Live stream to store: voucher packs sold in live rooms are issued, reminded of and refunded, and the store is told the visits to expect.

A pack is a line of a paid order of channel live (not shipped), `live` its room; an unpaid order brings its vouchers when it is told again
as paid. The store is the one that the buyer chose (`seller`), else the member's home store as the nearest, else this one. Vouchers are
numbered order-1, order-2. A free voucher is claimed in the room by a member who never bought. A product whose stock was never told is not
held back.

The catalogue names no stream that tells of a cancelled pack: `order.status` does, and a return of the till with the order as original. A
normal day is the mean number of receipts of the last 28 days with sales. Visits are published a quarter of an hour after a sale for all
sales since, when a room ends, and at opening. An age of the learnt curve that no past room has reached yet stays as it was set.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import live_rooms, reach

SHIPPED, GONE = ("ship", "delivery"), ("cancelled", "refunded", "returned", "failed", "expired", "declined")
REMIND_AT, PUBLISH_AFTER, BACK_WITHIN = "10:00", timedelta(minutes=15), timedelta(days=30)
KEPT, BUSY_SHARE, NORMAL_DAYS = timedelta(days=90), 0.2, 28
FREE = "live_free"
DAY = timedelta(days=1)


class LiveToStore(Solution):
    number = 15
    zh, en = "直播引流到店", "Live stream to store"
    purpose_zh = "便利店直播间卖券包：售卖、发券、到期提醒与退款，并告知各店预计到店人次。"
    formats = ("convenience", "specialty", "supermarket")
    produces = ("coupon.issue", "message.send", "forecast.traffic", "order.status", "task.create", "insight.report")
    adapters = ("online_store", "messaging")
    reads = ("products", "coupons", "members")
    kpis = {
        "live_conversion": kpi("%", "Viewers who bought", "直播转化率"),
        "voucher_fulfilment": kpi("%", "Vouchers redeemed of those that ended", "券履约率"),
        "visits_from_live": kpi("count", "Visits that redeemed a voucher", "直播到店人次"),
        "repurchase_30d": kpi("%", "Buyers who bought again within 30 days", "30天复购率"),
    }
    kinds = {
        "live_visits": ("Prepare for visits from live rooms", "备战直播到店客流"),
        "live_room": ("Result of a live room", "直播间成效"),
    }

    class Config(SolutionConfig):
        pack_size: int = setting(3, "Vouchers in a pack", "每包券数", unit="vouchers", ge=1, le=20)
        valid_days: int = setting(
            14, "Life of a voucher", "券有效天数", unit="d", ge=1, le=90,
            help_en="To the end of the store day.", help_zh="至当日营业日结束。",
        )  # fmt: skip
        remind_before_days: list[Annotated[int, Field(ge=0, le=90)]] = setting(
            lambda: [5, 1], "Reminders before expiry", "到期前提醒", unit="d"
        )
        auto_refund: bool = setting(True, "Refund paid vouchers at expiry", "到期自动退款")
        curve: list[Annotated[float, Field(ge=0, le=100)]] = setting(
            lambda: [20, 15, 10, 8, 7, 6, 5, 4, 4, 3, 3, 3, 2, 2], "Vouchers expected back on each day", "逐日核销占比",
            unit="%", min_length=1, max_length=91,
        )  # fmt: skip
        curve_learn: int = setting(8, "Past rooms that replace the curve", "多少场后以实际曲线替代", unit="rooms", ge=0, le=50)
        free_per_member: int = setting(1, "Free vouchers of a new member", "新会员可领免费券数", ge=0, le=5)
        stock_share: float = setting(50, "Most stock that open vouchers may claim", "未核销券可占库存上限", unit="%", ge=5, le=100)

    # The room

    @on("live.event")
    def room_event(self, event):
        room, kind = self._room(event["live"]), event["kind"]
        if kind == "viewers" and event.get("value") is not None:
            more = max(0, event["value"] - room["viewers"])
            room["viewers"] += more
            self.kpi.share("live_conversion", 0, more)
        elif kind == "claim" and event.get("member"):
            yield from self._free(event, event["member"])
        elif kind == "end":
            room["ended"] = True
            yield from self._publish()
            yield self._report(event["live"])

    def _room(self, name):
        fresh = {"viewers": 0, "buyers": 0, "packs": 0, "sold": {}, "back": {}, "redeemed": 0, "expired": 0, "open": 0, "since": None,
                 "ended": False, "settled": False, "version": 0}  # fmt: skip
        room = self.state.setdefault(f"room:{name}", fresh)
        room["since"] = room["since"] or plain(self.now)
        return room

    def _free(self, event, member):
        record = self._member(member)
        row = self.tables.members.get(member) or {}
        bought = record["bought"] or row.get("receipts_12m") or row.get("last_purchase")
        if bought or record["free"] >= self.config.free_per_member:
            return
        record["free"] += 1
        template = event.get("coupon") or FREE
        gtins = (self.tables.coupons.get(template) or {}).get("gtins") or ([event["gtin"]] if event.get("gtin") else None)
        order = f"{template}:{member}:{record['free']}"
        self._keep(order, event, [0], None, member, event["live"], self.store.id)
        yield from self._issue(order, template, gtins, event)

    def _member(self, member):
        return self.state.setdefault(f"member:{member}", {"free": 0, "bought": False})

    # Packs

    @on("order.placed")
    def ordered(self, event):
        if event["channel"] != "live" or event["kind"] in SHIPPED or event.get("draft") or not event["paid"]:
            return
        if f"order:{event['order']}" in self.state:
            return
        place = self._place(event)
        wanted = [(item_key(line["gtin"]), round(line["qty"]), line) for line in event["lines"] if round(line["qty"]) > 0]
        packs_of = {item: sum(packs for other, packs, _ in wanted if other == item) for item, _, _ in wanted}
        if not all(self._in_stock(place, item, packs) for item, packs in packs_of.items()):
            self.state[f"order:{event['order']}"] = {"vouchers": []}
            yield out("order.status", order=event["order"], status="rejected", channel="live", place=place, amount=event["total"],
                      reason="sold_out")  # fmt: skip
            return
        for item, packs, line in wanted:
            yield from self._sell(event, place, item, packs, line)
        self._bought(event)
        if self.timers.get("publish", "") is None:
            self.timers.set("publish", "", self.now + PUBLISH_AFTER)

    def _place(self, event):
        home = (self.tables.members.get(event["member"]) or {}).get("home_store") if event.get("member") else None
        return event.get("seller") or home or self.store.id

    def _in_stock(self, place, item, packs):
        """Whether the claims on a product with these packs stay within its share of the stock."""
        held = self.state.get(f"stock:{place}:{item}")
        if held is None:
            return True
        stock = held["store"] if "store" in held else sum(held.values())
        cohorts, today = self.state.get(f"sold:{place}:{item}", {}), self.store.hours.store_day(self.now)
        return live_rooms.fits(cohorts, self._curve(), today, packs * self.config.pack_size, stock, self.config.stock_share)

    def _sell(self, event, place, item, packs, line):
        prices = [
            price
            for pack in live_rooms.voucher_prices(line["amount"], packs)
            for price in live_rooms.voucher_prices(pack, self.config.pack_size)
        ]
        name = event.get("live") or ""
        room, day = self._room(name), self.store.hours.store_day(event.time).isoformat()
        room["packs"] += packs
        room["sold"][day] = room["sold"].get(day, 0) + len(prices)
        cohorts = self.state.setdefault(f"sold:{place}:{item}", {})
        cohorts[day] = cohorts.get(day, 0) + len(prices)
        self._keep(event["order"], event, prices, item, event.get("member"), name, place)
        rows = (row["template"] for row in self.tables.coupons.rows() if item in map(item_key, row.get("gtins") or ()))
        product = self.tables.products.get(line["gtin"]) or line
        yield from self._issue(event["order"], next(rows, f"live:{product['gtin']}"), [product["gtin"]], event)

    def _keep(self, order, event, prices, item, member, room, place):
        """Enter vouchers and when they end; those of an order's further lines are numbered on."""
        last = self.store.hours.store_day(event.time) + self.config.valid_days * DAY
        fresh = {"member": member, "room": room, "place": place, "day": plain(self.store.hours.store_day(event.time)),
                 "ends": plain(self.store.hours.midnight(last + DAY)), "vouchers": []}  # fmt: skip
        known = self.state.setdefault(f"order:{order}", fresh)
        known["vouchers"] += [{"price": price, "item": item, "state": "fresh"} for price in prices]
        self._room(room).update(open=self._room(room)["open"] + len(prices), settled=False)
        self.timers.set("expire", order, parse_time(known["ends"]))
        for days in self.config.remind_before_days if member else ():
            at = self.store.hours.at(last - days * DAY, REMIND_AT)
            if at > self.now:
                known_orders = self.state.setdefault(f"remind:{member}:{plain(last)}", [])
                known_orders += [order] if order not in known_orders else []
                self.timers.set("remind", f"{member}:{plain(last)}:{days}", at, {"member": member, "last": plain(last)})

    def _issue(self, order, template, gtins, event):
        known = self.state[f"order:{order}"]
        for number, voucher in enumerate(known["vouchers"], 1):
            if voucher["state"] == "fresh":
                voucher["state"], coupon = "open", f"{order}-{number}"
                self.state[f"coupon:{coupon}"] = [order, number]
                yield out("coupon.issue", coupon=coupon, template=template, member=known["member"], valid_from=self.now,
                          bearer=None if known["member"] else True, valid_to=parse_time(known["ends"]), value=voucher["price"] or None,
                          gtins=gtins, campaign=known["room"] or None, channel="live", ref=event.ref)  # fmt: skip

    def _bought(self, event):
        """Count the buyer of a room once, and who buys again."""
        name, who = event.get("live") or "", event.get("member") or event.get("payer") or event["order"]
        if f"buyer:{name}:{who}" not in self.state:
            self.state[f"buyer:{name}:{who}"] = 1
            self.timers.set("forget", f"buyer:{name}:{who}", self.now + KEPT)
            self._room(name)["buyers"] += 1
            self.kpi.share("live_conversion", 1, 0)
        if event.get("member"):
            record = self._member(event["member"])
            record["bought"] = True
            if "since" not in record:
                record["since"] = plain(event.time)
                self.kpi.share("repurchase_30d", 0, 1)

    @on("order.status?")
    def status(self, event):
        if event.source != self.context.instance and event["status"] in GONE:
            self._void(event["order"])

    def _void(self, order):
        """A cancelled pack: its open vouchers are void and expected no more."""
        known = self.state.get(f"order:{order}")
        for voucher in (known or {}).get("vouchers", ()):
            if voucher["state"] == "open":
                voucher["state"] = "void"
                room = self._room(known["room"])
                room["open"] -= 1
                if voucher["item"] is not None:
                    room["sold"][known["day"]] -= 1
                    cohorts = self.state[f"sold:{known['place']}:{voucher['item']}"]
                    cohorts[known["day"]] = max(0, cohorts.get(known["day"], 0) - 1)

    # Their end

    @on("coupon.redeemed")
    def redeemed(self, event):
        order, number = self.state.get(f"coupon:{event['coupon']}", (None, 0))
        known = self.state.get(f"order:{order}")
        if known is None or known["vouchers"][number - 1]["state"] != "open" or event.time >= parse_time(known["ends"]):
            return
        known["vouchers"][number - 1]["state"] = "redeemed"
        room = self._room(known["room"])
        room["open"], room["redeemed"] = room["open"] - 1, room["redeemed"] + 1
        if known["vouchers"][number - 1]["item"] is not None:
            age = str((self.store.hours.store_day(event.time) - date.fromisoformat(known["day"])).days)
            room["back"][age] = room["back"].get(age, 0) + 1
        self.kpi.share("voucher_fulfilment", 1, 1)
        visit = f"visit:{event.get('receipt') or event['coupon']}"
        if visit not in self.state:
            self.state[visit] = 1
            self.timers.set("forget", visit, self.now + DAY)
            self.kpi.add("visits_from_live")

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    @timer("expire")
    def expire(self, due):
        known = self.state[f"order:{due.key}"]
        self.timers.set("forget", f"order:{due.key}", due.time + KEPT)
        for number, voucher in enumerate(known["vouchers"], 1):
            self.state.pop(f"coupon:{due.key}-{number}", None)
            if voucher["state"] != "open":
                continue
            voucher["state"] = "expired"
            room = self._room(known["room"])
            room["open"], room["expired"] = room["open"] - 1, room["expired"] + 1
            self.kpi.share("voucher_fulfilment", 0, 1)
            if self.config.auto_refund and voucher["price"]:
                yield out("order.status", order=due.key, status="refunded", channel="live", place=known["place"], amount=voucher["price"],
                          reason=f"voucher {due.key}-{number} expired")  # fmt: skip
        if known["vouchers"] and self._room(known["room"])["open"] == 0 and not self._room(known["room"])["settled"]:
            self._room(known["room"]).update(ended=True, settled=True)
            yield self._report(known["room"])

    @timer("remind")
    def remind(self, due):
        member, last = due.data["member"], due.data["last"]
        kept = self.state.get(f"remind:{member}:{last}", ())
        held = [one for order in kept for one in self.state[f"order:{order}"]["vouchers"] if one["state"] == "open"]
        row = self.tables.members.get(member)
        paid = any(one["price"] for one in held)
        channel = reach.first_channel(row)
        if held and channel and (paid or not reach.refuses(row, ("marketing",))):
            text = self.say(f"{len(held)} of your vouchers end on {last}.", f"您有{len(held)}张券将于{last}到期，请到店使用。")
            yield out("message.send", message=f"live_remind:{due.key}", channel=channel, to=member, template="live_remind", text=text,
                      params={"vouchers": len(held), "until": last}, campaign="live",
                      purpose="service" if paid else "marketing")  # fmt: skip

    # Visits

    @on("inventory.snapshot?")
    def counted(self, event):
        if event.get("view", "physical") == "physical" and event.get("location", "store") in ("shelf", "backroom", "store"):
            key = f"stock:{event.get('other_store') or self.store.id}:{item_key(event['gtin'])}"
            self.state.setdefault(key, {})[event.get("location", "store")] = event["on_hand"]

    @on("pos.sale?")
    def sold(self, event):
        member, days = event.get("member"), self.state.setdefault("receipts", {})
        if event["kind"] == "return" and event.get("original"):
            self._void(event["original"])
        if event["kind"] != "sale":
            return
        day = plain(self.store.hours.trading_day(event.time))
        days[day] = days.get(day, 0) + 1
        self.state["receipts"] = dict(sorted(days.items())[-NORMAL_DAYS - 1 :])
        if not member:
            return
        record = self._member(member)
        vouchers = f"order:{event['receipt']}" in self.state or any(
            f"coupon:{coupon}" in self.state for coupon in event.get("coupons") or ()
        )
        since = parse_time(record["since"]) if record.get("since") else None
        if since and not vouchers and not record.get("back") and timedelta(0) < event.time - since <= BACK_WITHIN:
            record["back"] = True
            self.kpi.share("repurchase_30d", 1, 0)
        record["bought"] = True

    def _curve(self):
        past = [room for key in sorted(self.state) if key.startswith("room:") and (room := self.state[key])["ended"]]
        return live_rooms.learnt(self.config.curve, past, self.config.curve_learn, self.store.hours.store_day(self.now))

    @timer("publish")
    def publish(self, due):
        yield from self._publish()

    @every("1d", at="open")
    def morning(self, due):
        yield from self._publish()

    def _publish(self):
        """The visits of each day ahead that changed since they were last told, by store."""
        self.timers.cancel("publish", "")
        today, curve, places = self.store.hours.store_day(self.now), self._curve(), {}
        for key in sorted(key for key in self.state if key.startswith("sold:")):
            cohorts = places.setdefault(key.split(":")[1], {})
            self.state[key] = {day: sold for day, sold in self.state[key].items() if day > plain(today - KEPT)}
            for day, sold in self.state[key].items():
                cohorts[day] = cohorts.get(day, 0) + sold
        for place, cohorts in places.items():
            told = self.state.get(f"told:{place}", {})
            for day in live_rooms.horizon(cohorts, curve, today):
                expected = round(live_rooms.visits(cohorts, curve, day), 6)
                if expected != told.get(plain(day), 0):
                    told[plain(day)] = expected
                    window = {"from": self.store.hours.midnight(day), "to": self.store.hours.midnight(day + DAY)}
                    yield out(
                        "forecast.traffic", window, place=place, p50=expected, what="increment", issued=self.now, model="live_vouchers"
                    )
                    yield from self._prepare(place, day, expected)
            self.state[f"told:{place}"] = {day: expected for day, expected in told.items() if day >= plain(today)}

    def _prepare(self, place, day, expected):
        """Once a day, where this store is to expect a fifth more than it is used to."""
        known = [n for one, n in self.state.get("receipts", {}).items() if one < plain(self.store.hours.store_day(self.now))]
        task = f"live_visits:{place}:{day}"
        if place != self.store.id or not known or expected <= BUSY_SHARE * sum(known) / len(known) or task in self.state:
            return
        self.state[task] = 1
        self.timers.set("forget", task, self.store.hours.midnight(day + DAY))
        title = self.say(f"{expected:.0f} visits from live rooms on {day}", f"{day}预计直播到店{expected:.0f}人次")
        opens = (self.store.hours.day(day) or (self.now,))[0]
        yield out("task.create", task=task, kind="live_visits", title=title, priority=2, role="manager",
                  due=opens if opens > self.now else None,
                  values={"day": plain(day), "visits": expected, "normal": sum(known) / len(known)})  # fmt: skip

    def _report(self, live):
        room = self._room(live)
        room["version"] += 1
        ended = room["redeemed"] + room["expired"]
        counts = {name: room[name] for name in ("viewers", "buyers", "packs", "redeemed", "expired")} | {
            "vouchers": sum(room["sold"].values())
        }
        figures = {one: {"value": value, "unit": "count"} for one, value in counts.items()}
        if room["viewers"]:
            figures["conversion"] = {"value": 100 * room["buyers"] / room["viewers"], "unit": "%"}
        if ended:
            figures["fulfilment"] = {"value": 100 * room["redeemed"] / ended, "unit": "%"}
        return out("insight.report", {"from": parse_time(room["since"]), "to": self.now}, report=f"live_room:{live}", kind="live_room",
                   version=room["version"], figures=figures)  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """No more vouchers come back than were sold."""
    if sum(config.get("curve", [])) <= 100:
        return []
    return [Problem("curve", "More than all vouchers come back", "核销占比合计超过100%", "Lower the shares.", "请降低各日占比。")]
