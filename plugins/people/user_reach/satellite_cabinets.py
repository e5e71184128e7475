"""Satellite cabinets: 24 h self-service cabinets around the store, refilled by its own staff off-peak, and an outlet for short-dated goods.

Each pick is a receipt of its own (`<cabinet>-<session>-<seq>`) at the lowest price that holds in the cabinet; what the shopper puts back
is returned at the price of the pick. Its payment has the method of the session's `payment.result`, else `wallet`. What staff put in, and
the rest of a refill task that they report as done (`task.done`), is booked as a transfer; a refill not done by midnight is asked for anew.
A slot's stock is that of the last `stock` event, less picks, plus what was put in; until one came it counts as in stock, and no refill is
asked for.

Expected sales of a lot are what the store sells of the product a day (receipts of others, `pos.sale`) times the days left; what is beyond
goes into the cabinet, also as a proposed transfer. In its first days a slot counts with what it sold so far. A running site is a cabinet
of the same id; its margin is that of what it sold with a known cost. Sales that arrive late count to the day on which they arrive.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout.cabinet import number, price_in
from storeloom.workers.gs1 import item_key
from storeloom.workers.optimise import cabinets
from storeloom.workers.pricing.money import exact, line_amount, round_money
from storeloom.workers.pricing.prices import PriceBook, index_products

KINDS = ("cabinet", "vending")
SEQUENCE_KEPT, SESSION_KEPT = timedelta(days=30), timedelta(days=1)
HERE = ("store", "shelf", "backroom")
Window = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class SiteRow(SolutionConfig):
    """A running cabinet, or a place where one may be set up."""

    site: str = setting(..., "Site (a running one: its cabinet)", "点位（运营中为柜机编号）")
    type: str = setting("", "Type of the place", "点位类型")
    footfall: float = setting(0, "People who pass a day", "日均客流", ge=0)
    price: int = setting(0, "Price of the cabinet, minor units", "柜机价格（分）", ge=0)
    rent: int = setting(0, "Rent a month, minor units", "月租金（分）", ge=0)
    running: bool = setting(False, "Running", "已运营")


class SatelliteCabinets(Solution):
    number = 5
    zh, en = "便利店卫星店", "Convenience satellite cabinets"
    purpose_zh = "在门店周边布设24小时自助柜作为卫星店，由本店员工在闲时补货，并消化临期商品。"
    formats = ("convenience",)
    produces = ("pos.sale", "inventory.movement", "task.create", "price.set", "score.report", "alert.raise")
    adapters = ("cabinet|vending", "payment?")
    reads = ("products", "prices", "assets", "planogram")
    kpis = {
        "satellite_sales_share": kpi("%", "Sales of the cabinets of all sales", "卫星店销售占比"),
        "cabinet_stockout_rate": kpi("%", "Time that slots stood empty", "柜机缺货率"),
        "payback": kpi("month", "Shortest payback of a candidate site", "候选点位最短回本期"),
        "near_expiry_rescued": kpi("count", "Short-dated units sent to a cabinet", "临期转柜件数"),
    }
    kinds = {
        "cabinet_refill": ("Refill a cabinet", "柜机补货"),
        "near_expiry_move": ("Take short-dated goods to a cabinet", "临期商品转入柜机"),
        "cabinet_offline": ("Cabinet offline", "柜机离线"),
        "price_missing": ("A product sold in a cabinet has no price", "柜机商品缺少价格"),
    }

    class Config(SolutionConfig):
        sites: list[SiteRow] = setting(
            list, "Running cabinets and candidate sites", "运营与候选点位", widget="table",
            help_en="Candidates are judged by running sites of their type.", help_zh="候选点位参照同类型运营点位评估。",
        )  # fmt: skip
        alpha: float = setting(0.2, "Weight of the newest day in a slot's sales rate", "最新一天在货道销速中的权重", ge=0.01, le=1)
        cover_days: float = setting(2, "Days of sales a refill should last", "补货覆盖天数", unit="d", ge=0.5, le=14)
        safety_z: float = setting(1.28, "Safety factor on the root of the cover demand", "安全系数", ge=0, le=3)
        reorder_share: float = setting(0.4, "Share of par at which a slot asks for a refill", "触发补货的库存比例", ge=0.1, le=0.9)
        offpeak: list[Window] = setting(
            lambda: ["14:00-16:00", "22:00-23:00"], "Store times for refill walks", "闲时补货时段",
            help_en="HH:MM-HH:MM each.", help_zh="每项为 HH:MM-HH:MM。",
        )  # fmt: skip
        near_expiry_days: int = setting(3, "Days left from which a lot may move", "临期转柜的剩余天数", unit="d", ge=1, le=30)
        near_expiry_discount: int = setting(30, "Price cut on moved lots", "临期折扣", unit="%", ge=0, le=90)
        max_payback_months: float = setting(
            8, "Payback above which a site is advised against", "建议放弃的回本期", unit="month", ge=1, le=36
        )
        neighbours: int = setting(3, "Running sites compared with a candidate", "对比的运营点位数", ge=1, le=20)

    # What happens at a cabinet

    @on("cabinet.event")
    def happened(self, event):
        cabinet, kind, seen = event["cabinet"], event["kind"], f"seq:{number(event.data)}"
        if seen in self.state:
            return
        self.state[seen] = 1
        self.timers.set("forget", seen, self.now + SEQUENCE_KEPT)
        session = self._session(event)
        if kind == "pick":
            yield from self._sell(event, session)
        elif kind == "put":
            for cell, gtin, qty in self._items(event):
                yield from self._put(event, session, cell, gtin, qty)
        elif kind == "stock":
            for cell, gtin, qty in self._items(event):
                self._restock(self._slot(cabinet, cell, gtin), qty)
        elif kind == "closed" and event.get("staff") and any(item["put"] for item in self._open_refill(cabinet)["items"]):
            self.state.pop(f"refill:{cabinet}")
        if kind in ("pick", "stock"):
            yield from self._ask_refill(cabinet)

    def _session(self, event):
        """The shopper's session: its payment, and what was picked, so that it can be put back."""
        key = f"session:{event['cabinet']}:{event.get('session', '')}"
        self.timers.set("forget", key, self.now + SESSION_KEPT)
        session = self.state.setdefault(key, {"payment": None, "picks": []})
        session["payment"] = event.get("payment") or session["payment"]
        return session

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _items(self, event):
        """Cell, product (as the products table writes it) and units of an event; one of the slot's product where it names none."""
        rows = self.tables.planogram.rows(fixture=event["cabinet"])
        cell = event.get("cell")
        own = [{"gtin": row["gtin"], "qty": 1} for row in rows if row["slot"] == cell][:1]
        for item in event.get("items") or own:
            gtin = (self.tables.products.get(item["gtin"]) or item)["gtin"]
            place = cell or next((row["slot"] for row in rows if item_key(row["gtin"]) == item_key(gtin)), gtin)
            yield place, gtin, item.get("qty", 1)

    def _slot(self, cabinet, cell, gtin):
        self.state.setdefault(f"site:{cabinet}", {"today": 0, "sales": 0, "costed": 0, "margin": 0, "days": 0})
        fresh = {"cabinet": cabinet, "cell": cell, "gtin": gtin, "stock": None, "since": None, "empty_s": 0, "sold": 0, "rate": None}
        slot = self.state.setdefault(f"slot:{cabinet}:{cell}", fresh)
        slot["gtin"] = gtin
        return slot

    def _restock(self, slot, stock):
        if slot["since"] is not None and stock > 0:
            slot["empty_s"] += (self.now - parse_time(slot["since"])).total_seconds()
            slot["since"] = None
        elif slot["since"] is None and stock <= 0:
            slot["since"] = plain(self.now)
        slot["stock"] = max(0, stock)

    def _sell(self, event, session):
        receipt, lines = number(event.data), []
        for cell, gtin, qty in self._items(event):
            slot = self._slot(event["cabinet"], cell, gtin)
            slot["sold"] += qty
            if slot["stock"] is not None:
                self._restock(slot, slot["stock"] - qty)
            price = self._price(event["cabinet"], gtin, event.time)
            if price is None:
                text = self.say(f"{gtin} has no price and was taken from {event['cabinet']}", f"{gtin}无价格，已从{event['cabinet']}取走")
                yield out("alert.raise", alert=f"price_missing:{gtin}", kind="price_missing", severity="high", state="open", subject=gtin,
                          asset=event["cabinet"], till=event["cabinet"], text=text)  # fmt: skip
                continue
            lines.append({"line": len(lines) + 1, "gtin": gtin, "qty": qty, "price": price, "amount": line_amount(price, qty)})
            session["picks"].append({"gtin": gtin, "left": qty, "price": price, "receipt": receipt})
        if lines:
            yield self._receipt(event, session, "sale", lines)

    def _put(self, event, session, cell, gtin, qty):
        slot = self._slot(event["cabinet"], cell, gtin)
        if slot["stock"] is not None:
            self._restock(slot, slot["stock"] + qty)
        if event.get("staff"):
            items = self._open_refill(event["cabinet"])["items"]
            for item in [item for item in items if item["cell"] == cell]:
                item["put"] += qty
            if items and all(item["put"] >= item["qty"] for item in items):
                del self.state[f"refill:{event['cabinet']}"]
            yield self._transfer(gtin, qty, event["cabinet"], event.ref)
            return
        for pick in reversed([pick for pick in session["picks"] if pick["gtin"] == gtin]):
            back = min(qty, pick["left"])
            if back > 0:
                qty, pick["left"] = qty - back, pick["left"] - back
                slot["sold"] -= back
                lines = [{"line": 1, "gtin": gtin, "qty": -back, "price": pick["price"], "amount": -line_amount(pick["price"], back)}]
                yield self._receipt(event, session, "return", lines, original=pick["receipt"])

    def _receipt(self, event, session, kind, lines, original=None):
        total, site = sum(line["amount"] for line in lines), self.state[f"site:{event['cabinet']}"]
        site["today"] += total
        for line in lines:
            cost = (self.tables.products.get(line["gtin"]) or {}).get("cost")
            if cost is not None:
                site["costed"] += line["amount"]
                site["margin"] += line["amount"] - line_amount(cost, abs(line["qty"])) * (1 if line["qty"] > 0 else -1)
        self.kpi.share("satellite_sales_share", total, total)
        known = self.state.get(f"payment:{session['payment']}", {})
        payment = {"payment": session["payment"], "method": "wallet", "amount": total, **known}
        payment = {name: value for name, value in payment.items() if value is not None}
        return out("pos.sale", receipt=number(event.data), kind=kind, till=event["cabinet"], channel="unattended",
                   lines=lines, payments=[payment], total=total, member=event.get("member"), original=original,
                   started=event.time)  # fmt: skip

    def _price(self, place, gtin, at):
        """The lowest price that holds in the cabinet, that of short-dated goods sent there included; None without any."""
        zone = self.store.hours.zone
        products = self.tables.products.derived("by item", index_products)
        book = self.tables.prices.derived("book", lambda rows: PriceBook(rows, zone=zone))
        price = price_in(book, products, gtin, at, place)
        cut = self.state.get(f"cut:{place}:{item_key(gtin)}")
        found = [] if price is None else [price]
        return min([*found, *([cut["price"]] if cut and at < parse_time(cut["to"]) else [])], default=None)

    @on("payment.result?")
    def paid(self, event):
        if event["status"] in ("approved", "settled"):
            known = {name: event.get(name) for name in ("method", "provider", "payer", "ref")}
            self.state[f"payment:{event['payment']}"] = {name: value for name, value in known.items() if value is not None}
            self.timers.set("forget", f"payment:{event['payment']}", self.now + SESSION_KEPT)

    # Refills

    def _slots(self, cabinet=""):
        return [self.state[key] for key in sorted(self.state) if key.startswith(f"slot:{cabinet}{':' if cabinet else ''}")]

    def _par(self, slot):
        """None until the slot's rate is known."""
        row = next((row for row in self.tables.planogram.rows(fixture=slot["cabinet"]) if row["slot"] == slot["cell"]), {})
        if slot["rate"] is None:
            return None
        return cabinets.par(slot["rate"], self.config.cover_days, self.config.safety_z, row.get("capacity"))

    def _open_refill(self, cabinet):
        return self.state.get(f"refill:{cabinet}", {"items": []})

    def _ask_refill(self, cabinet):
        """One task that brings all slots of a cabinet to par, once one of them is low."""
        slots = [(slot, par) for slot in self._slots(cabinet) if slot["stock"] is not None and (par := self._par(slot))]
        window = cabinets.window(self.store.hours, self.config.offpeak, self.now)
        low = any(slot["stock"] <= self.config.reorder_share * par for slot, par in slots)
        if not low or f"refill:{cabinet}" in self.state or window is None:
            return
        items = []
        for slot, par in slots:
            qty = min(par - slot["stock"], self._in_store(slot["gtin"], items))
            if qty >= 1:
                items.append({"cell": slot["cell"], "gtin": slot["gtin"], "qty": int(qty), "put": 0})
        if items:
            task = f"cabinet_refill:{cabinet}:{plain(self.now)}"
            self.state[f"refill:{cabinet}"] = {"task": task, "cabinet": cabinet, "items": items}
            yield self._task("cabinet_refill", task, cabinet, window, items)

    def _in_store(self, gtin, items):
        """What the store holds and is not yet promised to a cabinet; no limit where it was never counted."""
        counts = self.state.get(f"stock:{item_key(gtin)}")
        if counts is None:
            return float("inf")
        held = counts.get("store", counts.get("shelf", 0) + counts.get("backroom", 0))
        promised = [item for key in self.state if key.startswith("refill:") for item in self.state[key]["items"]]
        return held - sum(item["qty"] - min(item["qty"], item["put"]) for item in [*promised, *items] if item["gtin"] == gtin)

    def _task(self, kind, task, cabinet, window, items):
        zone = (self.tables.assets.get(cabinet) or {}).get("zone")
        listed = [{"gtin": item["gtin"], "qty": item["qty"], "from": "store", "to": item["cell"]} for item in items]
        for item, told in zip(items, listed, strict=True):
            told |= {"note": item["lot"]} if item.get("lot") else {}
        return out("task.create", task=task, kind=kind, title=f"{self.say(*self.kinds[kind])} ({cabinet})", priority=3, zone=zone,
                   asset=cabinet, items=listed, not_before=window[0], due=window[1], evidence="count",
                   values={"cabinet": cabinet})  # fmt: skip

    @on("task.done?")
    def done(self, event):
        name = next((key for key in self.state if key.startswith(("refill:", "move:")) and self.state[key]["task"] == event["task"]), None)
        if name is None or event["state"] not in ("done", "approved", "failed", "cancelled", "rejected"):
            return
        task = self.state.pop(name)
        for item in task["items"] if event["state"] in ("done", "approved") else ():
            left = item["qty"] - item["put"]
            slot = self.state.get(f"slot:{task['cabinet']}:{item['cell']}")
            if left > 0:
                if slot and slot["stock"] is not None:
                    self._restock(slot, slot["stock"] + left)
                yield self._transfer(item["gtin"], left, task["cabinet"], {"stream": "task.done", "id": event.id, "task": task["task"]},
                                     lot=item.get("lot"), expiry=item.get("expiry"))  # fmt: skip

    def _transfer(self, gtin, qty, cabinet, ref, state="booked", **lot):
        return out("inventory.movement", {"from": "store"}, kind="transfer", gtin=gtin, qty=qty, to=cabinet, state=state, ref=ref, **lot)

    # Stock of the store, and its short-dated lots

    @on("pos.sale?")
    def sold_elsewhere(self, event):
        if event["kind"] in ("sale", "return"):
            self.kpi.share("satellite_sales_share", 0, event["total"])
            for line in event["lines"]:
                item = self.state.setdefault(f"item:{item_key(line['gtin'])}", {"sold": 0, "rate": None})
                item["sold"] += line["qty"]

    @on("inventory.snapshot")
    def counted(self, event):
        place = event.get("location", "store")
        if event.get("other_store", self.store.id) != self.store.id or place not in HERE or event.get("view", "physical") != "physical":
            return
        self.state.setdefault(f"stock:{item_key(event['gtin'])}", {})[place] = event["on_hand"]
        for lot in event.get("lots") or ():
            yield from self._rescue(event, lot)

    def _rescue(self, event, lot):
        """Send what the store will not sell of a short-dated lot to where its category sells best."""
        product = self.tables.products.get(event["gtin"]) or {"gtin": event["gtin"]}
        gtin, today = product["gtin"], self.store.hours.store_day(self.now)
        key = f"move:{item_key(gtin)}:{lot['lot']}"
        days = (date.fromisoformat(lot["expiry"]) - today).days if lot.get("expiry") else None
        known, window = f"lot:{key}" in self.state, cabinets.window(self.store.hours, self.config.offpeak, self.now)
        if days is None or not 0 <= days <= self.config.near_expiry_days or known or window is None:
            return
        expected = days * (self.state.get(f"item:{item_key(gtin)}", {}).get("rate") or 0)
        qty, cabinet = int(lot["qty"] - expected), self._best_cabinet(product)
        base = self._price("", gtin, self.now)
        if qty < 1 or cabinet is None or base is None:
            return
        self.state[f"lot:{key}"] = 1
        until = self.store.hours.midnight(today + timedelta(days=days + 1))
        self.timers.set("forget", f"lot:{key}", until)
        price = round_money(exact(base) * (100 - self.config.near_expiry_discount) / 100)
        self.state[f"cut:{cabinet}:{item_key(gtin)}"] = {"price": price, "to": plain(until)}
        self.timers.set("forget", f"cut:{cabinet}:{item_key(gtin)}", until)
        rows = self.tables.planogram.rows(fixture=cabinet)
        cell = next((row["slot"] for row in rows if item_key(row["gtin"]) == item_key(gtin)), cabinet)
        items = [{"cell": cell, "gtin": gtin, "qty": qty, "put": 0, "lot": lot["lot"], "expiry": lot["expiry"]}]
        task = f"near_expiry_move:{gtin}:{lot['lot']}"
        self.state[key] = {"task": task, "cabinet": cabinet, "items": items}
        self.kpi.add("near_expiry_rescued", qty)
        yield self._task("near_expiry_move", task, cabinet, window, items)
        yield self._transfer(gtin, qty, cabinet, {"task": task}, "proposed", lot=lot["lot"], expiry=lot["expiry"])
        yield out("price.set", {"from": self.now}, gtin=gtin, price=price, to=until, kind="markdown", struck=base, reason="near_expiry",
                  scope={"cabinet": cabinet, "lot": lot["lot"]}, lot=lot["lot"], expiry=lot["expiry"])  # fmt: skip

    def _best_cabinet(self, product):
        rates: dict[str, float] = {}
        for slot in self._slots():
            other = self.tables.products.get(slot["gtin"]) or {}
            same = other.get("category") == product.get("category") if product.get("category") else slot["gtin"] == product["gtin"]
            rate = max(0, slot["sold"]) if slot["rate"] is None else slot["rate"]
            if same and (rate or slot["rate"] is None) and f"offline:{slot['cabinet']}" not in self.state:
                rates[slot["cabinet"]] = rates.get(slot["cabinet"], 0) + rate
        return min(rates, key=lambda cabinet: (-rates[cabinet], cabinet), default=None)

    # Nights

    @every("1d", at="00:00")
    def night(self, due):
        hours = self.store.hours
        day_s = (due.time - hours.midnight(hours.ended_day(due.time))).total_seconds()
        for slot in self._slots():
            if slot["since"] is not None:
                slot["empty_s"] += (due.time - parse_time(slot["since"])).total_seconds()
                slot["since"] = plain(due.time)
            empty = min(1.0, slot["empty_s"] / day_s)
            self.kpi.share("cabinet_stockout_rate", empty, 1)
            slot["rate"] = cabinets.next_rate(slot["rate"], max(0, slot["sold"]), 1 - empty, self.config.alpha)
            slot |= {"sold": 0, "empty_s": 0}
        for key in [key for key in self.state if key.startswith("item:")]:
            item = self.state[key]
            item |= {"rate": cabinets.next_rate(item["rate"], max(0, item["sold"]), 1, self.config.alpha), "sold": 0}
        names = sorted(key.partition(":")[2] for key in self.state if key.startswith("site:"))
        for name in names:
            site = self.state[f"site:{name}"]
            site |= {"sales": site["sales"] + site["today"], "today": 0, "days": site["days"] + 1}
            self.state.pop(f"refill:{name}", None)
            yield from self._ask_refill(name)
        yield from self._judge_sites(due)

    def _judge_sites(self, due):
        running = []
        for row in self.config.sites:
            site = self.state.get(f"site:{row.site}")
            if row.running and site and site["days"]:
                sales = site["sales"] / site["days"]
                margin = sales * site["margin"] / site["costed"] if site["costed"] else 0
                running.append({"type": row.type, "footfall": row.footfall, "sales": sales, "margin": margin})
        judged = [
            (row.site, cabinets.site(row.model_dump(), running, self.config.neighbours)) for row in self.config.sites if not row.running
        ]
        months = [found.payback for _, found in judged if found and found.payback is not None]
        if months:
            self.kpi.set("payback", min(months))
        start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
        for name, found in judged:
            if found is None:
                continue
            advised = found.payback is not None and found.payback <= self.config.max_payback_months
            parts = [
                ("daily_sales", found.sales, "minor"),
                ("daily_margin", found.margin, "minor"),
                ("monthly_profit", found.month, "minor"),
            ]
            parts += [("payback", found.payback, "month")] if found.payback is not None else []
            yield out("score.report", {"from": start, "to": due.time}, scheme="cabinet_site", subject_kind="asset", subject=name,
                      score=found.sales, parts=[{"name": part, "value": value, "unit": unit} for part, value, unit in parts],
                      labels={"advice": "advised" if advised else "advised_against"})  # fmt: skip

    @on("device.status?")
    def reported(self, event):
        device, key = event["device"], f"offline:{event['device']}"
        if event["kind"] not in KINDS:
            return
        if event["state"] == "offline" and key not in self.state:
            self.state[key] = 1
            yield self._offline(device, "open", event)
        elif event["state"] in ("online", "degraded") and self.state.pop(key, None):
            yield self._offline(device, "cleared", event)

    def _offline(self, cabinet, state, event):
        text = self.say(
            f"Cabinet {cabinet} is {'offline' if state == 'open' else 'back'}", f"柜机{cabinet}{'离线' if state == 'open' else '已恢复'}"
        )
        return out("alert.raise", alert=f"cabinet_offline:{cabinet}", kind="cabinet_offline", severity="high", state=state, subject=cabinet,
                   asset=cabinet, zone=(self.tables.assets.get(cabinet) or {}).get("zone"), text=text, ref=event.ref)  # fmt: skip
