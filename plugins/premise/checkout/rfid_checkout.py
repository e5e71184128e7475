"""RFID self-checkout: for fashion and sport shops with tagged goods: put everything in the bin, see the whole basket in two seconds, pay,
and the tags are released for the exit.

Reader, scale and scanner belong to the kiosk of their zone, or to the one that their settings name as `kiosk`. A sale ends the bin: what
still lies in it is shown again only for the next session, and is then sold already. Goods without a price and tags that are sold block
pay. Goods added by bar code join the basket at once. The weight is checked while a basket is shown, where the table knows all weights,
and after a change of it once its piece had `stable_s` to be read; the same finding is one warning.

A reversal is a `payment.request` of the negative amount under the payment's id, as the payment router takes it; a payment that is approved
for a basket that was given up is reversed too. `pos.exception` return, void_receipt and void_line of a receipt, or one that names the goods
of it, release its tags. No card number enters.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import tag_bin, till
from storeloom.workers.checkout.stations import station_of, till_of
from storeloom.workers.gs1 import epc, item_key

METHODS = ("cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit")
TAKEN_BACK = ("return", "void_receipt", "void_line")
SOLD_KEPT = timedelta(days=90)
Prefix = Annotated[str, Field(pattern=r"^\d{6,12}$")]
SCREENS = {
    "reading": ("Reading your goods", "正在读取商品"),
    "basket": ("Please check your goods and pay", "请核对商品并付款"),
    "manned_till": ("Too many pieces, please go to a manned till", "件数过多，请到人工收银台"),
    "ask_staff": ("Please ask staff", "请联系店员"),
    "untagged_piece": ("A piece was not read, please scan its bar code", "有商品未被识别，请扫描条码"),
    "stray_tag": ("A piece beside the bin was read, please take it away", "误读到旁边的商品，请移开"),
    "pay": ("Please pay", "请付款"),
    "declined": ("Payment declined, please try again", "付款未成功，请重试"),
    "reversed": ("The goods have changed, your payment is given back", "商品已变动，款项将退回"),
    "paid": ("Paid. Thank you!", "已付款，谢谢！"),
}


class RfidCheckout(Solution):
    number = 175
    zh, en = "RFID自助收银", "RFID self-checkout"
    purpose_zh = "服装与运动用品：全部放入筐内，两秒看到整单，付款后标签即可出门。"
    formats = ("specialty",)
    produces = ("pos.sale", "kiosk.show", "payment.request", "print.job", "alert.raise")
    adapters = ("rfid", "kiosk", "payment", "scale?", "scanner?", "printer?")
    reads = ("products", "prices", "promotions")
    kpis = {
        "receipt_time": kpi("s", "Time of a receipt", "每单用时"),
        "first_read_exact": kpi("%", "First basket shown is the one paid", "首次读取即准确"),
        "stray_tags": kpi("count", "Stray tags", "误读标签数"),
        "reversed_payments": kpi("count", "Payments reversed", "冲正付款数"),
    }
    kinds = {
        "bin_weight": ("The bin's weight does not fit", "筐重不符"),
        "sold_tag": ("A tag in the bin is sold already", "筐内标签已售"),
    }

    class Config(SolutionConfig):
        stable_s: float = setting(1.5, "Tag set unchanged for", "标签集合稳定时间", unit="s", ge=0.5, le=10)
        min_reads: int = setting(3, "Reads a tag needs", "标签所需读取次数", ge=1, le=50)
        rssi_min: float = setting(-55, "Weakest median signal", "最弱信号中位数", unit="dBm", ge=-80, le=-20,
            help_en="Weaker tags belong to the neighbour.", help_zh="更弱的标签属于旁边。")  # fmt: skip
        company_prefixes: list[Prefix] = setting(list, "GS1 company prefixes", "GS1厂商前缀",
            help_en="Tags of others are ignored; empty allows every known GTIN.",
            help_zh="忽略其他前缀的标签；为空则允许所有已知商品。")  # fmt: skip
        weight_tol_g: float = setting(50, "Weight difference allowed", "允许重量差", unit="g", ge=5, le=1000)
        gone_s: float = setting(2, "Unread for so long has left", "未读多久算离开", unit="s", ge=0.5, le=10)
        max_items: int = setting(60, "Pieces at most", "最多件数", unit="pieces", ge=1, le=300,
            help_en="More are sent to a manned till.", help_zh="超过则转人工收银台。")  # fmt: skip

    # --- the bin ---

    @on("rfid.read")
    def read(self, event):
        item, prefix = epc.sgtin(event["epc"]), epc.company_prefix(event["epc"])
        product = item and self.tables.products.get(item.gtin)
        allowed = self.config.company_prefixes
        if not product or (allowed and not (prefix in allowed if prefix else item.gtin[1:].startswith(tuple(allowed)))):
            return
        station, t_s = self._station("rfid", event["reader"]), event.time.timestamp()
        here = self._bin(station)
        name = f"{event['reader']}|{event['antenna']}|{plain(event.time)}|{event['rssi_dbm']}"
        one = (name, t_s, event["rssi_dbm"], event.get("count") or 1)
        if tag_bin.add(here["tags"], f"{item.gtin}.{item.serial}", epc.uri(event["epc"]), product["gtin"], one, self.config.gone_s):
            here["began"] = here["began"] or plain(event.time)
            yield from self._watch(station, here)

    def _watch(self, station, here):
        """Follow what lies in the bin: a change hides the basket, and starts the wait anew."""
        now = tag_bin.inside(here["tags"], self.now.timestamp(), self._rules())
        gone_s = tag_bin.next_gone(here["tags"], now, self.config.gone_s)
        if gone_s is None:
            self.timers.cancel("gone", station)
        else:
            self.timers.set("gone", station, datetime.fromtimestamp(round(gone_s, 6), UTC))
        if now == here["set"]:
            return
        here["set"] = now
        self.timers.set("stable", station, self.now + timedelta(seconds=self.config.stable_s))
        if here["shown"] is not None:
            here["shown"] = None
            yield self._screen(station, here, "reading")
        if not now and here["closed"]:
            self.state[f"bin|{station}"] = self._fresh()

    @timer("gone")
    def gone(self, due):
        yield from self._watch(due.key, self._bin(due.key))

    @timer("stable")
    def stable(self, due):
        here = self._bin(due.key)
        if not here["closed"] and (here["set"] or here["added"]):
            yield from self._show_basket(due.key, here)

    def _show_basket(self, station, here):
        """The basket as it stands: its lines, or that it is one for a manned till."""
        pieces = len(here["set"]) + len(here["added"])
        here["shown"] = list(here["set"])
        if pieces > self.config.max_items:
            yield self._screen(station, here, "manned_till", pieces=pieces, limit=self.config.max_items)
            return
        if here["first"] is None:
            here["first"] = list(here["set"])
        fresh = [tag for tag in tag_bin.strays(here["tags"], self._rules()) if tag not in here["strays"]]
        here["strays"] += fresh
        self.kpi.add("stray_tags", len(fresh))
        receipt = self._receipt(station, here, here["session"] or "")
        lines = [{**row, "name": line["name"]} for row, line in zip(till.written(receipt), receipt["lines"], strict=True)]
        yield self._screen(station, here, "basket", lines=lines, total=receipt["total"], pieces=pieces)
        yield from self._check_weight(station, here)

    def _receipt(self, station, here, session):
        shop = till.Shop(self.tables, self.store.hours, self.now)
        receipt = till.new_receipt(session, till_of(self.devices.get("kiosk", ()), station), parse_time(here["began"]))
        tagged = [(here["tags"][tag]["gtin"], here["tags"][tag]["epc"], "rfid") for tag in here["set"]]
        for gtin, code, entry in [*tagged, *((gtin, None, "scan") for gtin in here["added"])]:
            goods = till.Goods(gtin, self.tables.products.get(gtin))
            if line := shop.line(goods):
                till.put(receipt, line, self.now, goods, code=code, entry=entry)
        shop.reprice(receipt)
        return receipt

    # --- weight ---

    @on("scale.reading?")
    def weighed(self, event):
        if not event["stable"] or event.get("overload"):
            return
        station = self._station("scale", event["scale"])
        here = self._bin(station)
        before, here["weight_g"] = here["weight_g"], event["weight_g"]
        if before is not None and abs(event["weight_g"] - before) > self.config.weight_tol_g:
            self.timers.set("settled", station, self.now + timedelta(seconds=self.config.stable_s))
        elif self.timers.get("settled", station) is None:
            yield from self._weigh(station, here)

    @timer("settled")
    def settled(self, due):
        """A piece that was just put in or taken out had time to be read."""
        yield from self._weigh(due.key, self._bin(due.key))

    def _weigh(self, station, here):
        if here["shown"] is not None and not here["closed"]:
            yield from self._check_weight(station, here)

    def _check_weight(self, station, here):
        """Heavier than its goods: a piece without a tag. Lighter: a tag that lies elsewhere. The second warning calls staff."""
        gtins = [here["tags"][tag]["gtin"] for tag in here["set"]] + here["added"]
        weights = [(self.tables.products.get(gtin) or {}).get("weight_g") for gtin in gtins]
        more = None if here["weight_g"] is None else tag_bin.difference(here["weight_g"], weights)
        if more is None or abs(more) <= self.config.weight_tol_g:
            here["misfit"] = None
            return
        screen, before = "untagged_piece" if more > 0 else "stray_tag", here["misfit"]
        same = before and before["set"] == gtins and abs(before["more"] - more) <= self.config.weight_tol_g
        here["misfit"] = {"set": gtins, "more": more}
        if same:
            return
        here["warnings"] += 1
        self.kpi.add("stray_tags", int(more < 0))
        yield self._screen(station, here, screen, difference_g=more)
        if here["warnings"] == 2:
            text = self.say(f"The bin of {station} is {more:g} g off", f"{station} 筐重相差 {more:g} g")
            yield from self._call_staff(station, here, f"bin_weight:{station}:{plain(self.now)}", "bin_weight", here["session"] or station,
                text, value=more, limit=self.config.weight_tol_g, unit="g")  # fmt: skip

    # --- the customer ---

    @on("scanner.code?")
    def scanned(self, event):
        """Goods whose tag is dead."""
        station = self._station("scanner", event["scanner"])
        here, goods = self._bin(station), till.Shop(self.tables, self.store.hours, self.now).goods(event.data)
        scan = [event["code"], plain(event.time)]
        if here["closed"] or here["asked"] or goods.product is None or here["scan"] == scan:
            return
        here["scan"] = scan
        here["began"] = here["began"] or plain(event.time)
        here["added"].append(goods.gtin)
        if here["shown"] is not None:
            yield from self._show_basket(station, here)
        elif not here["set"]:
            self.timers.set("stable", station, self.now + timedelta(seconds=self.config.stable_s))

    @on("kiosk.event")
    def pressed(self, event):
        station, session, kind = self._station("kiosk", event["kiosk"]), event["session"], event["kind"]
        here = self._bin(station)
        if here["ended"] == session:
            return
        if kind in ("end", "timeout"):
            self._give_up(here)
            yield from self._settle(station, here)
            self.state[f"bin|{station}"] = self._fresh() | {"tags": here["tags"], "set": here["set"], "ended": session, "closed": True,
                "weight_g": here["weight_g"]}  # fmt: skip
            return
        if here["session"] != session:
            yield from self._begin(station, here, session, event.time)
            here = self._bin(station)
        if kind == "pay":
            yield from self._pay(station, here, event.get("value"))

    def _begin(self, station, here, session, at):
        """A session takes over what was put into the bin before it; what the one before left there is shown to it anew."""
        left = here["session"] is not None or here["closed"]
        self._give_up(here)
        yield from self._settle(station, here)
        if left:
            here = self.state[f"bin|{station}"] = self._fresh() | {name: here[name] for name in ("tags", "set", "weight_g")}
            here["began"] = plain(at)
        here["session"], here["began"] = session, here["began"] or plain(at)
        if left and here["set"]:
            self.timers.set("stable", station, self.now + timedelta(seconds=self.config.stable_s))
            yield self._screen(station, here, "reading")

    def _pay(self, station, here, method):
        if here["asked"] or here["shown"] is None or here["closed"]:
            yield self._screen(station, here, "pay" if here["asked"] else "reading")
            return
        pieces = len(here["set"]) + len(here["added"])
        receipt = self._receipt(station, here, here["session"])
        sold = [tag for tag in here["set"] if f"sold|{tag}" in self.state]
        if pieces > self.config.max_items:
            yield self._screen(station, here, "manned_till", pieces=pieces, limit=self.config.max_items)
        elif sold or len(receipt["lines"]) < pieces or not pieces:
            yield self._screen(station, here, "ask_staff", epcs=[here["tags"][tag]["epc"] for tag in sold])
            for tag in sold:
                name, text = f"sold_tag:{here['session']}:{tag}", self.say("A piece in the bin is sold already", "筐内有已售商品")
                yield from self._call_staff(station, here, name, "sold_tag", here["tags"][tag]["epc"], text,
                    ref={"receipt": self.state[f"sold|{tag}"]["receipt"]})  # fmt: skip
        else:
            receipt["attempt"] = here["attempt"]
            asked = till.ask(receipt, method if method in METHODS else None)
            here |= {"asked": asked["payment"], "attempt": receipt["attempt"]}
            kept = {name: here[name] for name in ("set", "began", "first")}
            fresh = {"station": station, "receipt": receipt, "added": list(here["added"]), "at": plain(self.now), "ended": False}
            self.state[f"pay|{asked['payment']}"] = fresh | kept
            yield out("payment.request", **asked)
            yield self._screen(station, here, "pay", total=receipt["total"])

    def _give_up(self, here):
        """A basket that is asked for is nobody's any more; its payment is given back should it come."""
        if here["asked"]:
            self.state[f"pay|{here['asked']}"]["station"] = None

    # --- payment ---

    @on("payment.result")
    def paid(self, event):
        pay = self.state.get(f"pay|{event['payment']}")
        if pay is None or pay["ended"]:
            return
        said, station = till.answer(pay["receipt"], event), pay["station"]
        if said in ("repeated", "waits"):
            return
        pay["ended"] = said != "declined"
        here = self._bin(station) if station else None
        if here and here["asked"] == event["payment"]:
            here["asked"] = None
        if said == "declined":
            if here:
                yield self._screen(station, here, "declined")
            return
        now = tag_bin.inside(here["tags"], self.now.timestamp(), self._rules()) if here else None
        if here and said == "paid" and (now, here["added"]) == (pay["set"], pay["added"]):
            yield from self._sold(station, here, pay)
            return
        self.kpi.add("reversed_payments")
        yield out("payment.request", payment=event["payment"], amount=-event["amount"], method=event.get("method"),
            receipt=pay["receipt"]["receipt"], till=pay["receipt"]["till"])  # fmt: skip
        if here:
            yield self._screen(station, here, "reversed")

    def _sold(self, station, here, pay):
        receipt = pay["receipt"]
        yield out("pos.sale", **till.sale(receipt, "self_checkout", self.now, self.store.hours.store_day(self.now)))
        for printer in self.devices.get("printer", ())[:1]:
            yield out("print.job", printer=printer.id, job=f"receipt:{receipt['receipt']}", kind="receipt", template="receipt",
                fields={"receipt": receipt["receipt"], "total": receipt["total"]})  # fmt: skip
        yield self._screen(station, here, "paid", total=receipt["total"])
        yield from self._settle(station, here)
        for tag, line in zip(pay["set"], receipt["lines"], strict=False):
            self.state[f"sold|{tag}"] = {"receipt": receipt["receipt"], "line": line["line"], "gtin": line["gtin"], "at": plain(self.now)}
        self.kpi.sample("receipt_time", (self.now - parse_time(pay["began"])).total_seconds())
        self.kpi.share("first_read_exact", int(pay["first"] == pay["set"] and not pay["added"]), 1)
        self.state[f"bin|{station}"] = self._fresh() | {"tags": here["tags"], "set": here["set"], "ended": receipt["receipt"],
            "closed": True, "weight_g": here["weight_g"]}  # fmt: skip

    @on("pos.exception?")
    def taken_back(self, event):
        """Goods that came back may be sold again."""
        receipt = event.get("original") or event.get("receipt")
        if event["kind"] not in TAKEN_BACK or receipt is None:
            return
        line, gtin = event.get("line"), event.get("gtin")
        for key in [key for key in self.state if key.startswith("sold|") and self.state[key]["receipt"] == receipt]:
            one = self.state[key]
            named = one["line"] == line if line is not None else not gtin or item_key(one["gtin"]) == item_key(gtin)
            if event["kind"] == "void_receipt" or named:
                del self.state[key]

    @every("1d", at="04:00")
    def forget(self, due):
        for key in [key for key in self.state if key.startswith(("pay|", "sold|"))]:
            kept = SOLD_KEPT if key.startswith("sold|") else timedelta(days=1)
            if due.time - parse_time(self.state[key]["at"]) > kept:
                del self.state[key]

    # --- helpers ---

    def _call_staff(self, station, here, name, kind, subject, text, **more):
        """An alert of the basket, raised once, which ends with it."""
        if name not in here["alerts"]:
            here["alerts"][name] = [kind, subject]
            yield out("alert.raise", alert=name, kind=kind, severity="warn", state="open", subject=subject, text=text,
                till=till_of(self.devices.get("kiosk", ()), station), zone=self._zone(station), **more)  # fmt: skip

    def _settle(self, station, here):
        for name, (kind, subject) in here["alerts"].items():
            yield out("alert.raise", alert=name, kind=kind, severity="warn", state="cleared", subject=subject,
                text=self.say("The basket is closed", "该单已结束"), zone=self._zone(station))  # fmt: skip
        here["alerts"] = {}

    def _fresh(self):
        return {"tags": {}, "set": [], "shown": None, "session": None, "began": None, "first": None, "added": [], "strays": [],
            "asked": None, "attempt": 0, "weight_g": None, "misfit": None, "warnings": 0,
            "alerts": {}, "scan": None, "closed": False, "ended": None}  # fmt: skip

    def _bin(self, station):
        return self.state.setdefault(f"bin|{station}", self._fresh())

    def _rules(self):
        return tag_bin.Rules(self.config.min_reads, self.config.rssi_min, self.config.gone_s)

    def _station(self, kind, device):
        kiosks = self.devices.get("kiosk", ())
        return station_of(kiosks, "kiosk", self.devices.get(kind, ()), device) or (kiosks[0].id if kiosks else "kiosk")

    def _zone(self, station):
        return next((one.zone for one in self.devices.get("kiosk", ()) if one.id == station), None)

    def _screen(self, station, here, screen, **params):
        return out("kiosk.show", kiosk=station, screen=screen, session=here["session"], text=self.say(*SCREENS[screen]),
            params=params or None)  # fmt: skip
