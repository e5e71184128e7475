"""Sale interlock: for food, pharmacy and tobacco sellers: no expired, recalled or restricted item passes any till, judged from the date and
lot in the GS1 code at the moment of sale.

A scan that is blocked leaves as `pos.exception` blocked, and the till takes the line back; one that is in the receipt all the same is
alerted. Where only some lots are recalled, a code without a lot is blocked until staff have read it (`task.done` with `lot` in values). An
age that is asked for is no block yet: it becomes one with a no, or when the total is made without an answer. With `id_check` the reader's
`kiosk.event` of kind age says yes or no; with `staff` the task does, or that event with `staff` in its values.

A quantity beyond the limit makes a task; once staff allow it, the next scan of that item on that receipt passes. Guests, and everybody
where `day_limit_key` is none, have only their basket counted. No birth date and no name is kept, member ids for one store day.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import sale_rules

ITEMS = ("item", "weigh", "key")
GOOD = ("done", "approved")
YES, NO = ("yes", "true", "ok", "adult"), ("no", "false", "minor")
Hours = Annotated[float, Field(ge=0, le=8760)]
Span = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
WORDS = {
    "recall": ("Recalled: not for sale", "召回商品，禁止销售"),
    "expired": ("Expired: not for sale", "商品已过期，禁止销售"),
    "hours": ("Not sold at this hour", "该时段不可销售"),
    "age": ("Age not confirmed", "年龄未通过核验"),
    "quantity": ("More than one person may buy", "超过限购数量"),
    "read_lot": ("Please read the lot", "请核对批号"),
}


class Recalled(SolutionConfig):
    gtin: str = setting(..., "Item", "商品", min_length=1, widget="product")
    lots: list[str] = setting([], "Lots, all when empty", "批号，空为全部")


class SaleInterlock(Solution):
    number = 181
    zh, en = "收银合规拦截", "Sale interlock"
    purpose_zh = "食品、药品与烟酒门店：过期、召回与受限商品在任何收银台都无法售出，依据 GS1 码中的日期与批号在销售瞬间判断。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("pos.exception", "kiosk.show", "task.create", "alert.raise", "inventory.movement")
    adapters = ("kiosk|display",)
    reads = ("products",)
    kpis = {
        "expired_blocked": kpi("count", "Expired pieces blocked", "拦截过期件数"),
        "recall_blocked": kpi("count", "Recalled pieces blocked", "拦截召回件数"),
        "age_checks": kpi("count", "Age checks", "年龄核验次数"),
        "restricted_refused": kpi("count", "Restricted sales refused", "受限拒售次数"),
    }
    kinds = {
        "age_check": ("Confirm the customer's age", "核验顾客年龄"),
        "read_lot": ("Read the lot of an item", "核对商品批号"),
        "quantity_limit": ("Quantity above the limit", "超限购数量"),
        "expiry_check": ("Check the shelf for expired goods", "检查货架过期商品"),
        "recalled_item": ("Recalled item at the till", "收银台出现召回商品"),
        "sold_blocked": ("Blocked item was sold", "被拦截商品仍售出"),
    }

    class Config(SolutionConfig):
        recalls: list[Recalled] = setting([], "Recalled goods", "召回商品",
            help_en="No lots: all of the item.", help_zh="不填批号表示该商品全部召回。")  # fmt: skip
        stop_before_h: dict[str, Hours] = setting({}, "Last sale before expiry", "过期前停售", unit="h",
            help_en="By category: so long before the expiry moment.", help_zh="按类别：距过期时刻的小时数。")  # fmt: skip
        age_proof: Literal["staff", "id_check"] = setting("staff", "Who confirms the age", "年龄核验方式",
            help_en="At the till: staff, or an ID reader.", help_zh="由店员或证件阅读器核验。")  # fmt: skip
        young_looking_age: int = setting(25, "Ask below this apparent age", "看似低于此年龄须核验", unit="y", ge=18, le=60,
            help_en="Shown on screen.", help_zh="显示在屏幕上。")  # fmt: skip
        day_limit_key: Literal["member", "none"] = setting("member", "Whose purchases count", "每日限购口径",
            help_en="To the daily limit.", help_zh="计入每日限购的购买。")  # fmt: skip
        sale_hours: dict[str, Span] = setting({}, "Hours of sale", "可售时段",
            help_en="By category: from-to in store time, as 10:00-22:00.", help_zh="按类别：门店时间起止，如 10:00-22:00。")  # fmt: skip
        waste_on_block: bool = setting(True, "Book expired pieces", "过期件入隔离",
            help_en="A blocked expired piece is booked to quarantine.", help_zh="被拦截的过期件记入隔离库。")  # fmt: skip

    @on("pos.scan")
    def scanned(self, event):
        here, kind = self._basket(event["receipt"], event["till"]), event["kind"]
        here["member"] = event.get("member") or here["member"]
        if kind in ITEMS:
            yield from self._judge(event, here)
        elif kind == "void":
            self._void(here, event)
        elif kind in ("total", "tender"):
            yield from self._unanswered(event["receipt"], here)
        elif kind == "end":
            self.state.pop(f"basket:{event['receipt']}", None)

    def _basket(self, receipt, till):
        fresh = {"till": till, "member": None, "lines": [], "blocked": [], "age": None, "asked": 0, "allowed": {}, "lots": {}, "booked": [],
                 "at": plain(self.now)}  # fmt: skip
        return self.state.setdefault(f"basket:{receipt}", fresh)

    def _judge(self, event, here):
        """The first rule that bites decides."""
        hours = self.store.hours
        piece = sale_rules.read_piece(event.data, hours.store_day(event.time), hours.zone)
        product = (self.tables.products.get(piece.gtin) if piece.gtin else None) or {}
        gtin = product.get("gtin") or piece.gtin
        if gtin is None:
            return
        line = {"line": event.get("line"), "gtin": gtin, "qty": event.get("qty", 1), "min_age": product.get("min_age")}
        lot = piece.lot or here["lots"].get(gtin)
        recall = sale_rules.recalled(gtin, lot, [one.model_dump() for one in self.config.recalls])
        stop_h = sale_rules.by_category(product, self.config.stop_before_h) or 0
        span = sale_rules.by_category(product, self.config.sale_hours)
        if recall != "clear":
            yield from self._recall(event, here, line, lot, recall)
        elif sale_rules.expired(piece.expires, event.time, stop_h):
            yield from self._expired(event, here, line, piece)
        elif span and not sale_rules.within(span, hours.local(event.time).time()):
            yield from self._block(event["receipt"], here, line, "hours")
        elif line["min_age"] and here["age"] == "no":
            yield from self._block(event["receipt"], here, line, "age")
        elif not self._may_have(here, line, product):
            yield from self._block(event["receipt"], here, line, "quantity")
            values = {"receipt": event["receipt"], "gtin": gtin}
            yield from self._ask(f"quantity:{event['receipt']}:{gtin}", "quantity_limit", here, values)
        else:
            here["lines"].append(line)
            if line["min_age"] and line["min_age"] > here["asked"]:
                yield from self._age(event["receipt"], here, line["min_age"])

    def _block(self, receipt, here, line, rule, *, counted="restricted_refused"):
        self.kpi.add(counted)
        here["blocked"].append(line)
        yield out("pos.exception", kind="blocked", till=here["till"], receipt=receipt, line=line["line"], gtin=line["gtin"],
                  qty=line["qty"], rule=rule, reason=self.say(*WORDS[rule]))  # fmt: skip
        yield self._show(here, receipt, "blocked", WORDS[rule], {"rule": rule, "gtin": line["gtin"]})

    def _recall(self, event, here, line, lot, recall):
        receipt, gtin = event["receipt"], line["gtin"]
        yield from self._block(receipt, here, line, "recall", counted="recall_blocked")
        if recall == "unread":
            yield from self._ask(f"lot:{receipt}:{gtin}", "read_lot", here, {"receipt": receipt, "gtin": gtin})
            yield self._show(here, receipt, "read_lot", WORDS["read_lot"], {"gtin": gtin})
            return
        text = self.say(f"Recalled {gtin}, lot {lot or '?'} at {here['till']}", f"{here['till']} 出现召回商品 {gtin}，批号 {lot or '未知'}")
        yield out("alert.raise", alert=f"recall:{gtin}:{lot}", kind="recalled_item", severity="critical", state="open", subject=gtin,
                  till=here["till"], text=text)  # fmt: skip

    def _expired(self, event, here, line, piece):
        """The shelf is checked and the piece booked, once for a code on a receipt."""
        yield from self._block(event["receipt"], here, line, "expired", counted="expired_blocked")
        mark = f"{line['gtin']}|{piece.lot}|{plain(piece.expires)}"
        if mark in here["booked"]:
            return
        here["booked"].append(mark)
        title = f"{self.say(*self.kinds['expiry_check'])}: {line['gtin']}"
        yield out("task.create", task=f"expiry:{event['receipt']}:{mark}", kind="expiry_check", title=title, priority=2, role="clerk",
                  items=[{"gtin": line["gtin"], "note": plain(piece.expires)}],
                  values={"lot": piece.lot} if piece.lot else None)  # fmt: skip
        if self.config.waste_on_block:
            day = self.store.hours.store_day(piece.expires - timedelta(microseconds=1))
            yield out("inventory.movement", {"from": "shelf"}, kind="transfer", gtin=line["gtin"], qty=1, to="quarantine", lot=piece.lot,
                      expiry=day, reason="expired", state="booked", ref=event.ref)  # fmt: skip

    def _void(self, here, event):
        """A line that the till took back; without its number, first one that was blocked."""
        number, gtin = event.get("line"), event.get("gtin")
        if number is None and gtin is None:
            here["lines"] = []
            return
        gtin = gtin and (self.tables.products.get(gtin) or event.data)["gtin"]
        if number is None and (taken := [one for one in here["blocked"] if one["line"] is None and one["gtin"] == gtin]):
            here["blocked"].remove(taken[0])
            return
        found = [one for one in here["lines"] if (one["line"] == number if number is not None else one["gtin"] == gtin)]
        if found:
            found[-1]["qty"] -= min(event.get("qty", found[-1]["qty"]), found[-1]["qty"])
            here["lines"] = [one for one in here["lines"] if one["qty"] > 0]

    # --- age ---

    def _age(self, receipt, here, min_age):
        """Ask once a receipt, again only for goods that need more years."""
        here |= {"asked": min_age, "age": None}
        self.kpi.add("age_checks")
        young = self.config.young_looking_age
        if self.config.age_proof == "staff":
            words = f"Ask for proof of {min_age} if they look under {young}", f"顾客看似未满 {young} 岁须核验是否满 {min_age} 岁"
            yield from self._ask(f"age:{receipt}" + (f":{min_age}" if f"age:{receipt}" in here["allowed"] else ""), "age_check", here,
                                 {"receipt": receipt, "min_age": min_age, "young_looking_age": young})  # fmt: skip
        else:
            words = f"Please show proof of being {min_age}", f"请出示证件证明已满 {min_age} 岁"
        yield self._show(here, receipt, "age", words, {"min_age": min_age, "young_looking_age": young})

    @on("kiosk.event?")
    def reader(self, event):
        receipt = event.get("receipt") or event["session"]
        here = self.state.get(f"basket:{receipt}")
        by_staff = (event.get("values") or {}).get("staff")
        if event["kind"] == "age" and here and here["asked"] and (self.config.age_proof == "id_check" or by_staff):
            said = str(event.get("value")).lower()
            if said in (*YES, *NO):
                yield from self._answered(receipt, here, said in YES)

    def _answered(self, receipt, here, yes):
        if here["age"] is not None:
            return
        here["age"] = "yes" if yes else "no"
        if not yes:
            yield from self._block_aged(receipt, here)

    def _block_aged(self, receipt, here):
        aged = [line for line in here["lines"] if line["min_age"]]
        here["lines"] = [line for line in here["lines"] if not line["min_age"]]
        for line in aged:
            yield from self._block(receipt, here, line, "age")

    def _unanswered(self, receipt, here):
        if here["asked"] and here["age"] is None:
            here["age"] = "no"
            yield from self._block_aged(receipt, here)

    # --- quantity ---

    def _may_have(self, here, line, product):
        gtin = line["gtin"]
        if here["allowed"].get(f"quantity:{gtin}"):
            return True
        basket = sum(one["qty"] for one in here["lines"] if one["gtin"] == gtin) + line["qty"]
        bought = self._bought(here["member"]).get(gtin, 0) if self.config.day_limit_key == "member" else 0
        per_receipt, per_day = product.get("max_per_receipt"), product.get("max_per_day")
        return not ((per_receipt and basket > per_receipt) or (per_day and basket + bought > per_day))

    def _bought(self, member):
        return self.state.get(f"bought:{self.store.hours.store_day(self.now)}:{member}", {}) if member else {}

    @on("pos.sale")
    def sold(self, event):
        here = self.state.pop(f"basket:{event['receipt']}", None)
        for line in event["lines"] if here and event["kind"] == "sale" else ():
            yield from self._sold_blocked(event, here, line)
        sign = {"sale": 1, "return": -1, "void": -1}.get(event["kind"])
        mark = f"sale:{event['receipt']}:{event['kind']}"
        if sign is None or not event.get("member") or mark in self.state:
            return
        self.state[mark] = plain(event.time)
        row = self.state.setdefault(f"bought:{self.store.hours.store_day(event.time)}:{event['member']}", {})
        for line in event["lines"]:
            gtin = (self.tables.products.get(line["gtin"]) or line)["gtin"]
            row[gtin] = max(0, row.get(gtin, 0) + sign * abs(line["qty"]))

    def _sold_blocked(self, event, here, line):
        if any(one["line"] is not None and one["line"] == line["line"] and one["gtin"] == line["gtin"] for one in here["blocked"]):
            text = self.say(f"{event['till']} sold {line['gtin']} although blocked", f"{event['till']} 售出了被拦截的 {line['gtin']}")
            yield out("alert.raise", alert=f"sold:{event['receipt']}:{line['line']}", kind="sold_blocked", severity="critical",
                      state="open", subject=line["gtin"], till=event["till"], text=text)  # fmt: skip

    # --- staff ---

    def _ask(self, task, kind, here, values):
        """One task for one question on a receipt."""
        if task in here["allowed"]:
            return
        here["allowed"][task] = False
        yield out("task.create", task=task, kind=kind, title=f"{self.say(*self.kinds[kind])} ({here['till']})", priority=1,
                  role="attendant", values=values | {"till": here["till"]})  # fmt: skip

    @on("task.done?")
    def done(self, event):
        what, _, rest = event["task"].partition(":")
        found = [key for key in self.state if key.startswith("basket:") and event["task"] in self.state[key]["allowed"]]
        if not found or event["state"] not in (*GOOD, "rejected", "failed", "declined"):
            return
        receipt, here, good = found[0].removeprefix("basket:"), self.state[found[0]], event["state"] in GOOD
        values = event.get("values") or {}
        if what == "age":
            said = str(values.get("answer", values.get("confirmed", "yes" if good else "no"))).lower()
            yield from self._answered(receipt, here, good and said not in NO)
        elif what == "quantity" and good:
            here["allowed"][f"quantity:{rest.removeprefix(receipt + ':')}"] = True
        elif what == "lot" and good and values.get("lot"):
            here["lots"][rest.removeprefix(receipt + ":")] = str(values["lot"])

    def _show(self, here, receipt, screen, words, params):
        kiosk = next((one.id for one in self.devices.get("kiosk", ()) if one.settings.get("till") == here["till"]), here["till"])
        return out("kiosk.show", kiosk=kiosk, screen=screen, session=receipt, text=self.say(*words), params=params)

    @every("1d", at="03:00")
    def clear(self, due):
        today, oldest = self.store.hours.store_day(due.time).isoformat(), due.time - timedelta(days=1)
        for key in list(self.state):
            kind, _, rest = key.partition(":")
            stale = kind in ("basket", "sale") and parse_time(self.state[key]["at"] if kind == "basket" else self.state[key]) < oldest
            if stale or (kind == "bought" and rest[:10] < today):
                del self.state[key]
