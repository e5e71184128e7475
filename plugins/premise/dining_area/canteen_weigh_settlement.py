"""Canteen weigh-and-pay line: diners take what they like, each pan's scale charges the tray that took it by the gram.

A tray is its tag's EPC (or the `tray` of the read). One that nobody logged in for is charged too: its guest pays at the exit. A tray is at
an antenna where it was read within five seconds before the weight moved, else within 45 s and nowhere else since. An exit antenna has
`exit` in its name, zone or reader, or is listed under `exit` in the settings of an RFID device. Prices are those of the table `prices`,
taken per `unit_g` whatever their `per`; a receipt's line says the price per kg, as weighed lines do. A refill moves from the kitchen to the
scale. A payment without an answer for a minute, or `unknown`, counts as offline: the account's credit pays, a guest without an account is
an alert. A refused bill is asked for again when the tray comes to the exit again. A pan that gets other food (another gtin) begins anew. A
pan lifted off, which reads below zero, and an overloaded scale weigh nothing that stands. A reading with a session is a till's or a label
scale's, no pan's.

No face, no picture: tags, account numbers and grams.
"""

from datetime import date, timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

NEAR_S, LATELY_S = 5, 45
LEAD_DB = 3.0
ZERO_DIVISIONS = 2
NO_ANSWER = timedelta(seconds=60)
SCREENS = {
    "welcome": ("Your tray is ready, help yourself.", "餐盘已绑定，请自助取餐。"),
    "bill": ("Please pay.", "请付款。"),
    "paid": ("Thank you, enjoy your meal.", "支付成功，祝您用餐愉快。"),
    "refused": ("The payment did not go through.", "支付未成功，请联系工作人员。"),
}


class CanteenWeighSettlement(Solution):
    number = 157
    zh, en = "团餐称重自助结算", "Canteen weigh-and-pay line"
    purpose_zh = "食客随取随走，每口餐盆的秤按克把取走的重量计到对应托盘，无需收银员结算。"
    formats = ("supermarket", "mall", "convenience")
    produces = ("pos.sale", "payment.request", "kiosk.show", "inventory.movement", "alert.raise")
    adapters = ("scale", "rfid", "payment", "kiosk?")
    reads = ("products", "prices", "members", "assets")
    kpis = {
        "trays_settled": kpi("count", "Trays settled", "结算餐盘数"),
        "seconds_per_diner": kpi("s", "Time per diner", "每位食客用时"),
        "unattributed_weight": kpi("g", "Weight charged to nobody", "未归属重量"),
        "mean_bill": kpi("currency", "Mean bill", "平均账单"),
    }
    kinds = {
        "unattributed_take": ("Food taken by an unknown tray", "取餐无法归属"),
        "scale_not_selling": ("Scale must not sell", "秤不可用于结算"),
        "payment_refused": ("Canteen bill not paid", "团餐账单未付款"),
        "paid_twice": ("Payment after the account paid", "账户已付后又收款"),
    }

    class Config(SolutionConfig):
        division_g: int = setting(2, "Verification interval of the pan scales", "餐盆秤检定分度值", unit="g", ge=1, le=20)
        stable_ms: int = setting(800, "A weight stands after", "重量稳定时长", unit="ms", ge=200, le=5000,
            help_en="It moved at most one division for so long.", help_zh="该时长内变化不超过一个分度。")  # fmt: skip
        min_take_g: int = setting(6, "Smallest difference that counts", "最小计入差值", unit="g", ge=1, le=100)
        put_back_s: int = setting(60, "Food may be put back within", "可放回时限", unit="s", ge=0, le=600)
        idle_close_min: int = setting(20, "A tray without new takes is settled after", "无取餐自动结算", unit="min", ge=2, le=180)
        refill_g: int = setting(300, "Rise that is always a refill", "视为补菜的增重", unit="g", ge=50, le=10000)
        unit_g: Literal[100, 500, 1000] = setting(100, "Prices are per", "计价单位", unit="g")

    # --- who is where ---

    @on("kiosk.event?")
    def at_entrance(self, event):
        if event["kind"] != "login" or not event.get("value"):
            return
        tag = event["value"]
        yield from self._settle(tag, None)
        self.state.pop(f"refused:{tag}", None)
        tray = self._tray(tag)
        tray |= {"account": event.get("member"), "session": event["session"]}
        self._keep_open(tag)
        yield self._show("welcome", event["kiosk"], event["session"])

    @on("rfid.read")
    def tagged(self, event):
        tag = event["epc"] if f"tray:{event['epc']}" in self.state else event.get("tray") or event["epc"]
        if self._is_goods(tag):
            return
        if self._is_exit(event):
            if refused := self.state.pop(f"refused:{tag}", None):
                yield from self._ask(refused)
            yield from self._settle(tag, event)
        else:
            key, at = f"near:{event['antenna']}", event.time.timestamp()
            known = [read for read in self.state.get(key, ()) if read[0] >= at - LATELY_S]
            self.state[key] = [*known, [at, tag, event["rssi_dbm"]]]

    def _is_goods(self, tag):
        """Whether a tag is that of goods on sale, as on clothes that are worn."""
        item = self.workers.gs1.epc.sgtin(tag)
        return item is not None and self.tables.products.get(item.gtin) is not None and f"tray:{tag}" not in self.state

    def _is_exit(self, event):
        listed = [antenna for device in self.devices.get("rfid", ()) for antenna in device.settings.get("exit", ())]
        names = (event["antenna"], event.get("zone") or "", event["reader"])
        return event["antenna"] in listed or any("exit" in name.lower() for name in names)

    def _trays_at(self, scale, moved):
        """The reads of trays that were at a scale when its weight moved, those left out that were read elsewhere since."""
        pans, moved_s = self.workers.checkout.pans, parse_time(moved).timestamp()
        latest = {}
        for key in sorted(key for key in self.state if key.startswith("near:")):
            for at, tag, _ in self.state[key]:
                latest[tag] = max(latest.get(tag, (0, "")), (at, key))
        reads = [pans.Read(*read) for read in self.state.get(f"near:{scale}", ())]
        here = [read for read in reads if latest[read.tray][1] == f"near:{scale}" or read.at_s >= moved_s - NEAR_S]
        return pans.at_antenna(here, moved_s, NEAR_S, LATELY_S)

    # --- what the pans weigh ---

    @on("scale.reading")
    def weighed(self, event):
        scale = event["scale"]
        fresh = {"pan": self.workers.checkout.pans.new_pan(), "gtin": None, "at": None, "off": None, "zero_off": False}
        place = self.state.setdefault(f"scale:{scale}", fresh)
        if event.get("session") or (place["at"] and event.time < parse_time(place["at"])):
            return
        place["at"] = plain(event.time)
        yield from self._check_scale(scale, place, event)
        gtin = self._gtin(event)
        if gtin and gtin != place["gtin"]:
            place |= {"pan": self.workers.checkout.pans.new_pan(), "gtin": gtin}
        division, at = self.config.division_g, plain(event.time)
        weighs = not event.get("overload") and event["weight_g"] >= -ZERO_DIVISIONS * division
        steady = event.get("stable", True) and weighs
        if self.workers.checkout.pans.follow(place["pan"], max(0, event["weight_g"]), at, steady=steady, division_g=division):
            self.timers.cancel("stable", scale)
            if steady:
                stands = event.time + timedelta(milliseconds=self.config.stable_ms)
                self.timers.set("stable", scale, max(self.now, stands))

    def _gtin(self, event):
        plus = self.tables.products.derived("plu", self.workers.gs1.scale_labels.by_plu)
        return event.get("gtin") or plus.get(str(event.get("plu") or "").lstrip("0"))

    def _check_scale(self, scale, place, event):
        """A scale whose verification expired, or whose zero is off, does not sell until that is mended."""
        if event.get("zero"):
            place["zero_off"] = abs(event["weight_g"]) > ZERO_DIVISIONS * self.config.division_g
        row = self.tables.assets.get(scale) or next(iter(self.tables.assets.rows(device=scale)), {})
        verified, why = row.get("verified_to"), None
        if verified and self.store.hours.store_day(event.time) > date.fromisoformat(str(verified)[:10]):
            why = self.say(f"verification expired on {verified}", f"检定有效期至 {verified}")
        elif place["zero_off"]:
            why = self.say("its zero is off", "零点超差")
        if (why is None) != (place["off"] is None):
            text = self.say(f"Scale {scale}: {why or 'in use again'}", f"秤 {scale}：{why or '已恢复使用'}")
            yield out("alert.raise", alert=f"scale-{scale}", kind="scale_not_selling", severity="high", subject=scale, text=text,
                      state="open" if why else "cleared", asset=row.get("asset"), zone=row.get("zone"))  # fmt: skip
        place["off"] = why

    @timer("stable")
    def stands(self, due):
        place = self.state[f"scale:{due.key}"]
        pan = place["pan"]
        before, pan["stable_g"] = pan["stable_g"], pan["now_g"]
        grams = 0 if before is None else round(before - pan["now_g"])
        if abs(grams) < self.config.min_take_g:
            return
        reads = self._trays_at(due.key, pan["since"])
        if grams > 0:
            yield from self._taken(due.key, place, grams, reads)
        else:
            yield from self._added(due.key, place, -grams, reads)

    def _taken(self, scale, place, grams, reads):
        tag = self.workers.checkout.pans.nearest(reads, LEAD_DB)
        if place["off"] or tag is None or self._price(place["gtin"], None) is None:
            yield from self._unattributed(scale, place, grams, reads)
            return
        takes = self._tray(tag)["takes"]
        take = takes.setdefault(scale, {}).setdefault(place["gtin"], {"grams": 0, "at": None})
        take |= {"grams": take["grams"] + grams, "at": place["pan"]["since"]}
        self._keep_open(tag)

    def _added(self, scale, place, grams, reads):
        """Food put back by the tray that took it, or a refill by staff."""
        if grams >= self.config.refill_g or not reads:
            if place["gtin"]:
                product = self.tables.products.get(place["gtin"]) or {}
                yield out("inventory.movement", {"from": "kitchen"}, kind="transfer", gtin=product.get("gtin", place["gtin"]),
                          qty=grams / 1000, weight_g=grams, to=scale, reason="refill", state="booked")  # fmt: skip
            return
        since, takes = parse_time(place["pan"]["since"]), {}
        for tag in {read.tray for read in reads}:
            take = self.state.get(f"tray:{tag}", {}).get("takes", {}).get(scale, {}).get(place["gtin"])
            if take and take["grams"] and since - parse_time(take["at"]) <= timedelta(seconds=self.config.put_back_s):
                takes[tag] = take
        tag = self.workers.checkout.pans.nearest([read for read in reads if read.tray in takes], LEAD_DB)
        if tag:
            self.state[f"tray:{tag}"]["takes"][scale][place["gtin"]]["grams"] -= min(grams, takes[tag]["grams"])

    def _unattributed(self, scale, place, grams, reads):
        self.kpi.add("unattributed_weight", grams)
        if place["off"]:
            return
        trays = len({read.tray for read in reads})
        text = self.say(f"{grams} g taken at scale {scale}, {trays} trays there", f"秤 {scale} 被取走 {grams} 克，附近餐盘 {trays} 个")
        yield out("alert.raise", alert=f"take-{scale}-{plain(self.now)}", kind="unattributed_take", severity="warn", state="open",
                  subject=scale, value=grams, unit="g", text=text)  # fmt: skip

    # --- the bill ---

    def _tray(self, tag):
        fresh = {"account": None, "session": None, "since": plain(self.now), "takes": {}}
        return self.state.setdefault(f"tray:{tag}", fresh)

    def _keep_open(self, tag):
        self.timers.set("idle", tag, self.now + timedelta(minutes=self.config.idle_close_min))

    @timer("idle")
    def nothing_taken(self, due):
        yield from self._settle(due.key, None)

    def _settle(self, tag, event):
        """Bill what a tray took, one line a pan; a tray that took nothing is only set free."""
        tray = self.state.pop(f"tray:{tag}", None)
        if tray is None:
            return
        self.timers.cancel("idle", tag)
        lines = []
        for gtin, grams in [(gtin, take["grams"]) for pan in tray["takes"].values() for gtin, take in pan.items() if take["grams"]]:
            price, unit = self._price(gtin, tray["account"]), self.config.unit_g
            if price is not None:
                written = (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]
                lines.append({"line": len(lines) + 1, "gtin": written, "qty": 1, "weight_g": grams, "price": price * 1000 // unit,
                              "amount": self.workers.checkout.pans.amount(grams, price, unit), "entry": "weigh"})  # fmt: skip
        if lines:
            receipt = tray["session"] or f"{tag}-{parse_time(tray['since']):%Y%m%dT%H%M%SZ}"
            kiosk = self._kiosk(event)
            yield from self._ask({"tag": tag, "account": tray["account"], "session": tray["session"], "since": tray["since"],
                                  "until": plain(self.now), "receipt": receipt, "lines": lines, "attempt": 0, "kiosk": kiosk,
                                  "till": event["antenna"] if event else kiosk or "canteen"})  # fmt: skip

    def _ask(self, bill):
        bill["attempt"] += 1
        bill["total"] = sum(line["amount"] for line in bill["lines"])
        payment = f"{bill['receipt']}-{bill['attempt']}"
        self.state[f"bill:{payment}"] = bill
        if bill["total"] == 0:
            yield from self._sell(payment, [])
            return
        self.timers.set("no_answer", payment, self.now + NO_ANSWER)
        yield out("payment.request", payment=payment, amount=bill["total"], receipt=bill["receipt"], session=bill["session"],
                  till=bill["till"])  # fmt: skip
        yield from self._tell("bill", bill, {"lines": bill["lines"], "total": bill["total"]})

    @on("payment.result?")
    def answered(self, event):
        payment, status = event["payment"], event["status"]
        if f"bill:{payment}" not in self.state:
            if status == "approved" and self.state.pop(f"credited:{payment}", None):
                yield self._alert(payment, "paid_twice", payment)
        elif status == "approved":
            amount = self.state[f"bill:{payment}"]["total"]
            yield from self._sell(payment, [{"payment": payment, "method": event.get("method", "wallet"), "amount": amount}])
        elif status in ("declined", "reversed", "refunded"):
            yield from self._refused(payment)
        elif status == "unknown":
            yield from self._offline(payment)
        elif status == "pending":
            self.timers.set("no_answer", payment, self.now + NO_ANSWER)

    @timer("no_answer")
    def silent(self, due):
        yield from self._offline(due.key)

    def _offline(self, payment):
        """The account's credit pays while payments are out of reach."""
        bill = self.state[f"bill:{payment}"]
        if not bill["account"] or self._member(bill["account"]) is None:
            yield from self._refused(payment)
            return
        self.state[f"credited:{payment}"] = {"day": plain(self.store.hours.store_day(self.now))}
        yield from self._sell(payment, [{"payment": payment, "method": "credit", "amount": bill["total"], "payer": bill["account"]}])

    def _refused(self, payment):
        self.timers.cancel("no_answer", payment)
        bill = self.state.pop(f"bill:{payment}")
        self.state[f"refused:{bill['tag']}"] = bill
        yield self._alert(bill["receipt"], "payment_refused", bill["tag"], value=bill["total"], unit="minor")
        yield from self._tell("refused", bill)

    def _alert(self, key, kind, subject, **more):
        text = self.say(f"{self.kinds[kind][0]}: {subject}", f"{self.kinds[kind][1]}：{subject}")
        return out("alert.raise", alert=f"{kind}-{key}", kind=kind, severity="high", state="open", subject=subject, text=text, **more)

    def _sell(self, payment, payments):
        self.timers.cancel("no_answer", payment)
        bill = self.state.pop(f"bill:{payment}")
        if bill["attempt"] > 1:
            text = self.say("Paid after all", "已付款")
            yield out("alert.raise", alert=f"payment_refused-{bill['receipt']}", kind="payment_refused", severity="high", state="cleared",
                      subject=bill["tag"], text=text)  # fmt: skip
        yield out("pos.sale", receipt=bill["receipt"], kind="sale", till=bill["till"], channel="canteen", lines=bill["lines"],
                  payments=payments, total=bill["total"], member=bill["account"], started=bill["since"],
                  business_day=self.store.hours.store_day(self.now))  # fmt: skip
        self.kpi.add("trays_settled")
        self.kpi.sample("mean_bill", bill["total"])
        self.kpi.sample("seconds_per_diner", (parse_time(bill["until"]) - parse_time(bill["since"])).total_seconds())
        yield from self._tell("paid", bill)

    @every("1d", at="00:00")
    def new_day(self, due):
        """Forget what waits for nobody any longer."""
        today = plain(self.store.hours.store_day(due.time))
        for key in [key for key in self.state if key.startswith("credited:") and self.state[key]["day"] < today]:
            del self.state[key]

    # --- accounts, prices, screens ---

    @on("member.profile?")
    def told_of(self, event):
        merged, left = event.get("merged_from") or (), event.get("left", False)
        self.state[f"member:{event['member']}"] = {"tier": event.get("tier"), "left": left}
        for old in merged:
            self.state[f"member:{old}"] = {"into": event["member"]}

    def _member(self, account):
        """The account as prices see it; None for one that left."""
        told = self.state.get(f"member:{account}", {})
        account, told = (told["into"], self.state[f"member:{told['into']}"]) if "into" in told else (account, told)
        row = self.tables.members.get(account)
        if told.get("left") or (row or {}).get("left"):
            return None
        return {"member": account, "tier": told.get("tier") or (row or {}).get("tier")}

    def _price(self, gtin, account):
        """Minor units per `unit_g`; None for food without a price."""
        product = self.tables.products.get(gtin or "") or ({"gtin": gtin} if gtin else None)
        if product is None:
            return None
        rows = self.tables.prices.rows(gtin=product["gtin"])
        member = self._member(account) if account else None
        price = self.workers.checkout.basket.price_now(product, rows, self.now, member, self.store.hours.zone)
        return price.price if price else None

    def _kiosk(self, event):
        """The kiosk that stands by the exit: the one whose settings name the antenna, else the first."""
        kiosks = self.devices.get("kiosk", ())
        named = [one.id for one in kiosks if event and one.settings.get("rfid") in (event["antenna"], event["reader"])]
        return next(iter([*named, *(one.id for one in kiosks)]), None)

    def _tell(self, screen, bill, params=None):
        if bill["kiosk"]:
            yield self._show(screen, bill["kiosk"], bill["session"], params)

    def _show(self, screen, kiosk, session, params=None):
        return out("kiosk.show", kiosk=kiosk, screen=screen, session=session, text=self.say(*SCREENS[screen]), params=params)
