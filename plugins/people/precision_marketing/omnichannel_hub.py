"""Store omni-channel middle platform: baskets, a member's limited rights, receipts and points are one over all touchpoints, in real time.

A basket's id is the `receipt` of a scan, the `session` of a kiosk (or its `receipt`) and the number of an order; a touchpoint is the
till, the kiosk, the order's channel. A touch that is refused is answered by `order.status` rejected with the reason: `leased`, `expired`
(no such parked basket) or `unpriced`. Totals, resumed baskets and unpaid orders are answered by `basket.priced`. Rights are members': for
a guest the limited promotions do not hold. Units beyond a right are priced apart under the other promotions.

A sale from a till without connection (its status says so, or it arrives later than `offline_after_s`) may have given `offline_quota`
units and no more than were left; what goes beyond is told as an alert. Receipts older than `late_accept_h` are told and not booked; they
still close a gap. A silent terminal is counted as offline; it is an alert where the terminal reports its status, since others are silent
when idle. A till's first receipt, another prefix, and a leap of more than 200 begin a new series. Returns give back rights and points.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import numbering, shared_basket
from storeloom.workers.gs1 import item_key
from storeloom.workers.loyalty.points import points_for
from storeloom.workers.pricing import PriceBook, budgets, index_products, rights

PAID, BACK = ("approved", "settled"), ("refunded", "reversed")
DOWN = ("offline", "fault")
BEGINS = ("item", "weigh", "key", "member")
KIOSK_TOUCHES = ("scan", "choose", "weigh", "login", "confirm")
TERMINALS = frozenset(("till", "pos", "self_checkout", "kiosk", "handheld"))
FAR = frozenset(("online", "mini_program", "mini_app", "app", "web", "phone", "mobile"))
SOLD_KEPT = timedelta(days=60)
WORDS = {
    "receipt_gap": ("Receipt {0} is missing", "缺少小票{0}"),
    "late_receipt": ("Receipt {0} came too late to be booked", "小票{0}迟到超限，未入账"),
    "quota_surplus": ("More units of {1} than the right of {0} were sold", "会员{0}的{1}限购权益超量"),
    "terminal_offline": ("Terminal {0} is offline", "终端{0}离线"),
}


class OmnichannelHub(Solution):
    number = 16
    zh, en = "门店全渠道中台", "Store omni-channel middle platform"
    purpose_zh = "终端林立、数据滞后：由厚中台实时贯通各触点的购物篮、会员权益与小票，前端薄应用可快速增减。"
    formats = ("supermarket", "convenience", "specialty", "mall")
    produces = ("basket.priced", "order.status", "points.change", "alert.raise", "insight.report")
    adapters = ("pos", "online_store?", "kiosk?")
    reads = ("products", "prices", "promotions", "members", "assets")
    kpis = {
        "upload_delay_p95": kpi("s", "Delay of receipts, 95th percentile", "小票上传延迟P95"),
        "baskets_resumed_elsewhere": kpi("count", "Baskets resumed at another touchpoint", "跨触点续单数"),
        "checkout_time": kpi("s", "From the first scan to the sale", "结账时长"),
        "terminals_online": kpi("%", "Terminals online while open", "终端在线率"),
    }
    kinds = {
        "receipt_gap": ("A till's receipt is missing", "收银小票断号"),
        "late_receipt": ("A backlog receipt is too old", "补传小票超期"),
        "quota_surplus": ("A limited right was exceeded", "限购权益超量"),
        "terminal_offline": ("A terminal is offline", "终端离线"),
        "omnichannel_day": ("Receipts, sales and points of a day", "当日全渠道汇总"),
    }

    class Config(SolutionConfig):
        quotas: dict[str, Annotated[int, Field(ge=0)]] = setting(
            dict, "Units a member may buy in a day", "会员每日限购件数", help_en="By promotion, over all touchpoints.",
            help_zh="按促销编号，全触点合计。",
        )  # fmt: skip
        hold_min: int = setting(15, "Time an unpaid basket keeps its rights", "未付款保留权益时长", unit="min", ge=1, le=120)
        lease_s: int = setting(300, "Time a touchpoint alone may change a basket", "触点独占时长", unit="s", ge=30, le=1800)
        basket_h: int = setting(24, "Life of a parked basket", "挂单保留时长", unit="h", ge=1, le=168)
        points_rate: float = setting(1, "Points for each 100 spent", "每消费100所得积分", unit="points", ge=0, le=100)
        offline_quota: int = setting(1, "Units that a till without connection may give", "离线收银可给件数", unit="units", ge=0, le=20)
        gap_wait_s: int = setting(120, "Wait before a missing receipt is an alert", "断号告警等待", unit="s", ge=10, le=3600)
        late_accept_h: int = setting(72, "Oldest backlog receipts that are booked", "补传小票最长时效", unit="h", ge=1, le=720)
        offline_after_s: int = setting(180, "Silence that shows a terminal as offline", "判定离线的静默时长", unit="s", ge=30, le=3600)

    # Baskets

    @on("pos.scan")
    def scanned(self, event):
        yield from self._heard(event["till"])
        kind, name = event["kind"], event["receipt"]
        begins = kind in BEGINS or bool(event.get("basket"))
        if f"basket:{name}" not in self.state and not begins and kind != "recall":
            return
        basket = yield from self._open(name, event["till"], event, resumes=kind == "recall")
        if basket is None:
            return
        scan = [event["till"], event["seq"], kind, event.get("line"), event.get("gtin")]
        if scan == basket["last"]:
            return
        basket["last"] = scan
        basket["member"] = event.get("member") or basket["member"]
        if kind in ("item", "weigh", "key") and event.get("gtin"):
            yield from self._add(name, basket, event.data)
        elif kind == "void":
            shared_basket.take(basket, event.get("line"), event.get("gtin"))
            self._hold(name, basket)
        elif kind == "park":
            basket["parked"] = True
        elif kind in ("total", "recall"):
            if event.get("basket"):
                shared_basket.fill(basket, event["basket"])
            yield self._answer(name, basket)

    @on("kiosk.event?")
    def at_kiosk(self, event):
        yield from self._heard(event["kiosk"])
        kind, name = event["kind"], event.get("receipt") or event["session"]
        basket = self.state.get(f"basket:{name}")
        own = basket is not None and basket["holder"] == event["kiosk"]
        if kind in KIOSK_TOUCHES or own:
            basket = yield from self._open(name, event["kiosk"], event)
            if basket is None:
                return
            basket["member"] = event.get("member") or basket["member"]
            if kind in ("scan", "choose", "weigh") and event.get("gtin"):
                yield from self._add(name, basket, {"gtin": event["gtin"], "qty": event.get("qty", 1)})
            elif kind in ("confirm", "pay"):
                yield self._answer(name, basket)
            elif kind in ("end", "timeout"):
                basket["parked"] = True

    def _open(self, name, where, event, resumes=False):
        """The basket, if the touchpoint may change it now; else None, and the refusal is told."""
        key, moved = f"basket:{name}", False
        basket = self.state.get(key)
        if basket is None and resumes:
            yield self._refused(name, where, "expired", event)
            return None
        if basket is None:
            basket = self.state[key] = shared_basket.new(where, event.time)
        elif not shared_basket.may_touch(basket, where, event.time, timedelta(seconds=self.config.lease_s)):
            yield self._refused(name, where, "leased", event)
            return None
        else:
            moved = shared_basket.touch(basket, where, event.time)
        self.timers.set("die", name, self.now + timedelta(hours=self.config.basket_h))
        self.timers.set("free", name, self.now + timedelta(minutes=self.config.hold_min))
        if moved:
            self.kpi.add("baskets_resumed_elsewhere")
            if not resumes and basket["lines"]:
                yield self._answer(name, basket)
        return basket

    def _refused(self, name, where, reason, event):
        return out("order.status", order=name, status="rejected", place=where, reason=reason, channel=event.get("channel"))

    def _add(self, name, basket, line):
        if self._price(line, basket) is None:
            yield out("order.status", order=name, status="rejected", place=basket["holder"], reason="unpriced")
            return
        shared_basket.put(basket, line)
        self._hold(name, basket)

    def _price(self, line, basket):
        product = self.tables.products.get(line["gtin"]) or {"gtin": line["gtin"]}
        found = self._book().price_of(product, self.now, self._member(basket["member"]))
        return line.get("price") if found is None else found

    def _book(self):
        rows, zone = self.tables.products, self.store.hours.zone
        return self.tables.prices.derived("book", lambda prices: PriceBook(prices, products=index_products(rows.all_rows()), zone=zone))

    def _member(self, member):
        return None if member is None else {"member": member, **(self.tables.members.get(member) or {})}

    def _hold(self, name, basket):
        """Rights follow each change of a member's basket; others are priced when they are asked for."""
        if self.config.quotas and basket["member"]:
            self._reserve(name, basket)

    def _reserve(self, name, basket):
        """Price the basket under what is left of the member's rights, and hold what it takes of them."""
        for key in self._held(name):
            budgets.hold(self.state[key], name, 0)
        member, day = basket["member"], plain(self.store.hours.store_day(self.now))
        ledgers = {promo: self._right(promo, member, day) for promo in self.config.quotas} if member else {}
        left = dict.fromkeys(self.config.quotas, 0)
        for promo, ledger in ledgers.items():
            left[promo] = budgets.rest(ledger, self.config.quotas[promo], name)
            if self.state.get(f"terminal:{basket['holder']}", {}).get("down"):
                left[promo] = min(left[promo], self.config.offline_quota)
        lines = [{**line, "price": self._price(line, basket)} for line in basket["lines"]]
        products = self.tables.products.derived("by item", index_products)
        found = rights.priced(lines, self.tables.promotions.rows(), left, self._book(), products, self._member(member), self.now,
                              self.store.hours.zone)  # fmt: skip
        for promo, ledger in ledgers.items():
            budgets.hold(ledger, name, found.used[promo])
        basket["rights"] = {promo: f"right:{day}:{member}:{promo}" for promo in ledgers if found.used[promo]}
        return found

    def _right(self, promo, member, day):
        key = f"right:{day}:{member}:{promo}"
        if key not in self.state:
            self.timers.set("forget", key, self.now + SOLD_KEPT)
        return self.state.setdefault(key, budgets.new_ledger())

    def _answer(self, name, basket):
        found = self._reserve(name, basket)
        basket["version"] += 1
        return out("basket.priced", basket=name, version=basket["version"], lines=found.lines, total=found.total, savings=found.savings)

    def _held(self, name):
        """What a basket holds of rights: the keys of the ledgers by promotion."""
        known = (self.state.get(f"basket:{name}") or {}).get("rights", {})
        return {key: promo for promo, key in known.items() if name in self.state.get(key, {"held": {}})["held"]}

    @timer("free")
    def free(self, due):
        """The time to pay is over: rights go back; an order is told so."""
        for key in self._held(due.key):
            budgets.hold(self.state[key], due.key, 0)
        basket = self.state.get(f"basket:{due.key}")
        if basket and basket["order"]:
            yield out("order.status", order=due.key, status="expired", reason="unpaid")

    @timer("die")
    def die(self, due):
        self._drop(due.key)

    def _drop(self, name):
        for key in self._held(name):
            budgets.hold(self.state[key], name, 0)
        self.state.pop(f"basket:{name}", None)
        self.timers.cancel("free", name)
        self.timers.cancel("die", name)

    @on("pos.exception?")
    def exception(self, event):
        yield from self._heard(event["till"])
        basket = self.state.get(f"basket:{event.get('receipt')}")
        if basket and event["kind"] == "void_receipt":
            self._drop(event["receipt"])
        elif basket and event["kind"] == "void_line":
            shared_basket.take(basket, event.get("line"), event.get("gtin"))
            self._hold(event["receipt"], basket)

    # Orders, sales, payments

    @on("order.placed")
    def ordered(self, event):
        name = event["order"]
        if f"sold:{self._key('online', None, name)}" in self.state:
            return
        basket = yield from self._open(name, event["channel"], event)
        if basket is None:
            return
        basket["member"] = event.get("member") or basket["member"]
        basket["order"] = not event.get("draft")
        basket["total"] = event["total"]
        shared_basket.fill(basket, event["lines"])
        if event["paid"]:
            self._reserve(name, basket)
            yield from self._sell("online", None, name, event.time, event["total"], basket["member"], self._taken(name))
        else:
            yield self._answer(name, basket)

    @on("payment.result?")
    def paid(self, event):
        name, status = event.get("order") or event.get("receipt"), event["status"]
        basket = self.state.get(f"basket:{name}")
        if status in PAID and event.get("order") and basket and basket["order"]:
            if not self._held(name):
                self._reserve(name, basket)
            yield from self._sell("online", None, name, event.time, basket["total"], basket["member"], self._taken(name))
        elif status in BACK and event.get("order"):
            yield from self._give_back(f"sold:{self._key('online', None, name)}", event["payment"], event["amount"], None)

    @on("pos.sale")
    def sold(self, event):
        far = event.get("channel") in FAR
        delay = ((event.received or self.now) - event.time).total_seconds()
        if not far:
            late = delay > self.config.offline_after_s
            if not late:
                yield from self._heard(event["till"])
            yield from self._number(event["till"], event["receipt"])
        key = f"sold:{self._key(event['channel'], event['till'], event['receipt'])}"
        if event["kind"] == "void":
            sold = self.state.get(key)
            yield from self._give_back(key, "void", sold["total"] if sold else 0, None)
        elif event["kind"] == "return" and event.get("original"):
            original = self.state.get(f"number:{event['original']}")
            yield from self._give_back(original or "", event["receipt"], abs(event["total"]), event["lines"])
        elif event["kind"] == "sale" and key not in self.state:
            yield from self._sale(event, delay, late=not far and late)

    def _sale(self, event, delay, late):
        self.kpi.sample("upload_delay_p95", delay, "p95")
        if delay > 3600 * self.config.late_accept_h:
            yield self._alert("late_receipt", event["receipt"], "open", till=event["till"], value=delay / 3600,
                              limit=self.config.late_accept_h,
                              unit="h", severity="warn")  # fmt: skip
            return
        name, basket = event["receipt"], self.state.get(f"basket:{event['receipt']}")
        member = event.get("member") or (basket or {}).get("member")
        begun = parse_time(event["started"]) if event.get("started") else parse_time(basket["begun"]) if basket else None
        if begun is not None:
            self.kpi.sample("checkout_time", (event.time - begun).total_seconds())
        given = self._given(event["lines"]) or self._taken(name)
        offline = late or self.state.get(f"terminal:{event['till']}", {}).get("down")
        yield from self._sell(event["channel"], event["till"], name, event.time, event["total"], member, given, offline)

    def _key(self, channel, till, number):
        """An order and its receipt have one key; till receipts are numbered by till."""
        return f"online:{number}" if channel == "online" else f"{channel}:{till or ''}:{number}"

    def _taken(self, name):
        """Units of limited promotions that a basket holds."""
        return {promo: self.state[key]["held"][name] for key, promo in self._held(name).items()}

    def _given(self, lines):
        """Units of limited promotions that a receipt says it gave."""
        given: dict[str, int] = {}
        for line in lines:
            if line.get("promo") in self.config.quotas:
                units = int(line["qty"]) if line.get("weight_g") is None and float(line["qty"]).is_integer() else 1
                given[line["promo"]] = given.get(line["promo"], 0) + units
        return given

    def _sell(self, channel, till, name, at, total, member, given, offline=False):
        """Book a sale at its own time: rights are used up, points given once."""
        key, day = f"sold:{self._key(channel, till, name)}", plain(self.store.hours.store_day(at))
        points = points_for(total, self.config.points_rate) if member else 0
        self.state[key] = {"member": member, "day": day, "given": given if member else {}, "total": total, "points": points, "back": 0,
                           "undone": 0, "returns": []}  # fmt: skip
        self.state[f"number:{name}"] = key
        for one in (key, f"number:{name}"):
            self.timers.set("forget", one, self.now + SOLD_KEPT)
        self._drop(name)
        for promo, units in given.items() if member else ():
            ledger = self._right(promo, member, day)
            left = max(0, self.config.quotas[promo] - ledger["spent"])
            allowed = min(left, self.config.offline_quota) if offline else left
            budgets.spend(ledger, name, units)
            if units > allowed:
                yield self._alert("quota_surplus", member, "open", promo, name=f"quota_surplus:{day}:{member}:{promo}:{name}", till=till,
                                  value=units - allowed, limit=self.config.quotas[promo], unit="units", ref={"receipt": name})  # fmt: skip
        self._enter(day, receipts=1, sales=total, points=points, backlog=int(offline or False))
        if points:
            yield out("points.change", member=member, delta=points, reason="earn", source="omnichannel_hub", ref={"receipt": name})

    def _give_back(self, key, name, amount, lines):
        """A void, return or refund: its share of the points, and the units of rights that came back."""
        sold = self.state.get(key)
        if sold is None or name in sold["returns"]:
            return
        sold["returns"] += [name]
        sold["back"] = min(sold["total"], sold["back"] + amount)
        due = sold["points"] * sold["back"] // sold["total"] if sold["total"] > 0 else 0
        taken, sold["undone"] = due - sold["undone"], due
        whole = lines is None and sold["back"] >= sold["total"]
        for promo, units in sold["given"].items():
            back = units if whole else min(units, self._returned(promo, lines or ()))
            sold["given"][promo] = units - back
            self._right(promo, sold["member"], sold["day"])["spent"] -= back
        self._enter(sold["day"], sales=-amount, points=-taken)
        if taken:
            yield out(
                "points.change", member=sold["member"], delta=-taken, reason="return", source="omnichannel_hub", ref={"receipt": name}
            )

    def _returned(self, promo, lines):
        row = next((row for row in self.tables.promotions.all_rows() if row["promo"] == promo), {"promo": promo})
        products = self.tables.products.derived("by item", index_products)
        return sum(abs(int(line["qty"])) for line in lines if rights.reaches(row, line["gtin"], products.get(item_key(line["gtin"]), {})))

    # Receipts and terminals

    def _number(self, till, receipt):
        gap = f"{till}:{receipt}"
        self.timers.cancel("gap", gap)
        if self.state.pop(f"gap:{gap}", None):
            yield self._alert("receipt_gap", receipt, "cleared", name=f"receipt_gap:{gap}", till=till)
        last = self.state.get(f"last:{till}")
        for number in numbering.missing(last, receipt):
            at = self.now + timedelta(seconds=self.config.gap_wait_s)
            self.timers.set("gap", f"{till}:{number}", at, {"till": till, "receipt": number})
        self.state[f"last:{till}"] = numbering.highest(last, receipt)

    @timer("gap")
    def gap(self, due):
        self.state[f"gap:{due.key}"] = 1
        yield self._alert("receipt_gap", due.data["receipt"], "open", name=f"receipt_gap:{due.key}", till=due.data["till"], severity="high")

    @on("device.status?")
    def device(self, event):
        if event["kind"] in TERMINALS or f"terminal:{event['device']}" in self.state:
            told = event["state"] in DOWN
            fresh = {"down": False, "told": False, "reports": False}
            self.state.setdefault(f"terminal:{event['device']}", fresh).update(told=told, reports=True)
            if told:
                yield from self._down(event["device"])
            else:
                yield from self._heard(event["device"])

    def _heard(self, name):
        """A sign of life; a terminal whose status said that it is offline is so until its status says otherwise."""
        if name in FAR:
            return
        terminal = self.state.setdefault(f"terminal:{name}", {"down": False, "told": False, "reports": False})
        if terminal["told"]:
            return
        if terminal["down"]:
            terminal["down"] = False
            if terminal["reports"]:
                yield self._alert("terminal_offline", name, "cleared", till=name)
        silent = timedelta(seconds=self.config.offline_after_s)
        at = self.now + silent
        if not self.store.hours.is_open(at):
            at = (self.store.hours.next_open(at) or at) + silent
        self.timers.set("silent", name, at)

    @timer("silent")
    def silent(self, due):
        yield from self._down(due.key)

    def _down(self, name):
        terminal = self.state.setdefault(f"terminal:{name}", {"down": False, "told": False, "reports": False})
        self.timers.cancel("silent", name)
        if not terminal["down"]:
            terminal["down"] = True
            if terminal["reports"]:
                yield self._alert("terminal_offline", name, "open", till=name, severity="high")

    @every("15m", only="open")
    def look(self, due):
        terminals = [self.state[key] for key in self.state if key.startswith("terminal:")]
        self.kpi.share("terminals_online", sum(not terminal["down"] for terminal in terminals), len(terminals))

    def _alert(self, kind, subject, state, *words, name=None, till=None, severity="warn", **more):
        asset = next((row for row in self.tables.assets.rows() if till and till in (row["asset"], row.get("device"))), {})
        text = self.say(*WORDS[kind]).format(subject, *words)
        return out("alert.raise", alert=name or f"{kind}:{subject}", kind=kind, severity=severity, state=state, subject=subject, till=till,
                   zone=asset.get("zone"), asset=asset.get("asset"), text=text, **more)  # fmt: skip

    # Days

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _enter(self, day, **parts):
        book = self.state.setdefault(f"day:{day}", {"receipts": 0, "sales": 0, "points": 0, "backlog": 0, "version": 0, "told": True})
        for part, number in parts.items():
            book[part] += number
        book["told"] = False

    @every("1d", at="close")
    def report(self, due):
        """The day, and again each earlier one that backlog or returns changed."""
        for key in sorted(key for key in self.state if key.startswith("day:")):
            book = self.state[key]
            day = date.fromisoformat(key[4:])
            if not book["told"]:
                book.update(told=True, version=book["version"] + 1)
                units = {"receipts": "count", "sales": "minor", "points": "points", "backlog": "count"}
                figures = {part: {"value": book[part], "unit": unit} for part, unit in units.items()}
                midnight = self.store.hours.midnight
                yield out("insight.report", {"from": midnight(day), "to": midnight(day + timedelta(days=1))},
                          report=f"omnichannel:{key[4:]}", kind="omnichannel_day", version=book["version"], figures=figures)  # fmt: skip
            elif self.now - self.store.hours.midnight(day) > SOLD_KEPT:
                del self.state[key]
