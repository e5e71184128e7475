"""Vendor-managed inventory: an agreed supplier sees its sell-through and stock, proposes within agreed cover, is paid for what sold.

Mean forecast is that of the days ahead up to `max_cover`. A proposal is a `shipment.notice` of state planned; the answer carries its
shipment as proposal, and what was accepted counts as in transit until it is received. The own proposal is a draft for the buyer, withdrawn
when the supplier proposes after all. Cut-off and order weekdays are those of the lead times, else 15:00 every day; transit is
`transit_days` there, else `days`. Windows of a supplier's forecasts are half open, days that the own forecast does not know count as the
mean of the others.

Receipts are read from `inventory.movement`: what a dispatch notice said and what came is listed in the report of the day of the first
receipt. Whose goods are consigned says the table of suppliers, else the setting; cost is the price of kind `cost` of the day, else the
product's. A count below the book is unexplained loss. The last trading day of a period settles it.
"""

from datetime import date, timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

CUTOFF = "15:00"
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
FORGOTTEN_AFTER = timedelta(days=60)


class VmiCollaboration(Solution):
    number = 86
    zh, en = "供应商协同补货(VMI)", "Vendor-managed inventory and CPFR"
    purpose_zh = "向大供应商共享动销与库存，让其在约定可售天数内提出补货，只讨论分歧大的预测，寄售商品按收银销量结算。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "message.send", "alert.raise", "score.report")
    adapters = ("messaging",)
    reads = ("suppliers", "products", "prices", "lead_times")
    kpis = {
        "cover_in_band": kpi("%", "Items with cover in the agreed band", "可售天数达标率"),
        "trimmed_lines": kpi("count", "Trimmed lines", "削减行数"),
        "forecast_exceptions": kpi("count", "Forecasts that clash", "预测分歧数"),
        "consigned_payable": kpi("minor units", "Payable for consigned goods", "寄售应付款"),
    }
    kinds = {
        "vmi_no_proposal": ("Supplier proposed nothing and cover is short", "供应商未提案且库存不足"),
        "forecast_exception": ("Two forecasts clash", "供需双方预测分歧"),
    }

    class Config(SolutionConfig):
        suppliers: list[str] = setting(list, "Suppliers with an agreement", "协同供应商")
        min_cover: float = setting(
            7, "Least cover", "最低可售天数", unit="d", ge=1, le=60,
            help_en="Least projected cover on arrival.", help_zh="到货时预计可售天数的下限。",
        )  # fmt: skip
        max_cover: float = setting(
            14, "Greatest cover", "最高可售天数", unit="d", ge=2, le=120,
            help_en="A proposal beyond it is trimmed.", help_zh="超过该值的提案将被削减。",
        )  # fmt: skip
        transit: int = setting(
            3, "Transit", "在途天数", unit="d", ge=0, le=60,
            help_en="From acceptance to arrival; the lead times go before it.", help_zh="从确认到到货；供货周期表优先。",
        )  # fmt: skip
        exception: float = setting(
            0.2, "Gap that is talked about", "预测分歧阈值", ge=0.05, le=1,
            help_en="Relative gap of the two forecasts.", help_zh="双方预测的相对差。",
        )  # fmt: skip
        consigned: bool = setting(
            False, "Consigned goods", "寄售", help_en="Goods stay the supplier's until sold.", help_zh="售出前货权归供应商。",
        )  # fmt: skip
        settle: Literal["daily", "weekly", "monthly"] = setting(
            "weekly", "Settlement", "结算周期", help_en="When sold consigned goods are paid.", help_zh="寄售商品结算的周期。",
        )  # fmt: skip
        share_scope: list[Literal["units", "on_hand", "in_transit", "forecast"]] = setting(
            lambda: ["units", "on_hand"], "Figures shared", "共享数据",
            help_en="What the supplier sees; members and margins are never among it.", help_zh="供应商可见的数据；绝不含会员与毛利。",
        )  # fmt: skip

    # Facts

    @on("forecast.demand")
    def forecast(self, event):
        gtin, row = self._item(event["key"])
        if event.get("level", "item") == "item" and row:
            book = self.state.setdefault(f"demand:{gtin}", {})
            self.workers.optimise.outlook.enter_window(book, event.data, self.store.hours, self.now)

    @on("inventory.snapshot")
    def counted(self, event):
        stock = self.workers.optimise.position
        gtin, row = self._item(event["gtin"])
        if not row or event.get("other_store", self.store.id) != self.store.id:
            return
        book = self._book(gtin)
        before, places = stock.on_hand(book), sorted(book["places"])
        if stock.enter_snapshot(book, event.data, event.time) and before is not None and places == sorted(book["places"]):
            lost = self._owed(row["supplier"])["lost"]
            lost[gtin] = lost.get(gtin, 0) + before - stock.on_hand(book)

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") not in ("sale", "return"):
            return
        day = self.state.setdefault("day", {"units": {}})
        for line in event["lines"]:
            gtin, row = self._item(line["gtin"])
            if not row:
                continue
            by_kg = row.get("unit") == "kg" and line.get("weight_g") is not None
            qty = abs(line["weight_g"]) / 1000 if by_kg else abs(line["qty"])
            qty = -qty if event.get("kind") == "return" or line["qty"] < 0 else qty
            day["units"][gtin] = day["units"].get(gtin, 0) + qty
            self.workers.optimise.position.take(self._book(gtin)["places"], qty, event.time)
            owed = self._owed(row["supplier"])
            owed["units"] += qty
            owed["payable"] += qty * self._cost(gtin, row)

    @on("inventory.movement?")
    def moved(self, event):
        """Receipts and what else moved stock; a receipt is held against what its dispatch notice said."""
        gtin, row = self._item(event["gtin"])
        if not row or event.get("state", "booked") != "booked":
            return
        self.workers.optimise.position.enter_movement(self._book(gtin), event.data, event.time)
        if event["kind"] != "receive":
            return
        sent = {name[5:]: self.state[name] for name in self.state if name.startswith("sent:")}
        found = self.workers.optimise.vendor_stock.nearest_notice(sent, gtin, event.get("order"))
        if found:
            sent[found]["lines"][gtin]["received"] += event.get("accepted", event["qty"])
            sent[found]["came"] = True

    # Proposals

    @on("shipment.notice")
    def announced(self, event):
        if event["supplier"] not in self.config.suppliers:
            return
        yield from self._compare(event)
        lines = {}
        for line in event["lines"]:
            gtin = self._item(line["gtin"])[0]
            lines[gtin] = lines.get(gtin, 0) + line["qty"]
        if event["state"] == "planned":
            if lines:
                yield from self._answer(event, lines)
            return
        for gtin, qty in lines.items():
            qty = 0 if event["state"] == "cancelled" else qty
            self.workers.optimise.position.expect(self._book(gtin), event["shipment"], qty, event["eta"], event.get("order"))
        if event["state"] == "dispatched":
            told = {gtin: {"told": qty, "received": 0} for gtin, qty in lines.items()}
            sent = {"supplier": event["supplier"], "order": event.get("order"), "eta": event["eta"], "lines": told}
            self.state[f"sent:{event['shipment']}"] = sent
        else:
            self.state.pop(f"sent:{event['shipment']}", None)

    def _answer(self, event, lines):
        """The order that answers a proposal: each line as far as it keeps within the greatest cover."""
        stock, supplier, answer = self.workers.optimise.position, event["supplier"], []
        yield from self._withdraw(supplier)
        for gtin, qty in lines.items():
            row, book = self.tables.products.get(gtin) or {}, self._book(gtin)
            book["coming"].pop(event["shipment"], None)
            if not book["coming"]:
                stock.expect(book, "before", book["in_transit"], event["eta"])
            have, daily = self._position(gtin) or 0, self._daily(gtin)
            accepted, case = qty, row.get("case_pack") or 1
            if daily is not None:
                accepted = self.workers.optimise.vendor_stock.accepted(qty, have, daily, self.config.max_cover, case)
            options = {"proposed": qty} | ({"cover": round((have + qty) / daily, 3)} if daily else {})
            self.kpi.add("trimmed_lines", accepted < qty)
            stock.expect(book, event["shipment"], accepted, event["eta"])
            self.state[f"proposed:{gtin}"] = stamp(self.now)
            reason = "trimmed_to_max_cover" if accepted < qty else "accepted"
            answer.append(self._line(gtin, row, accepted, reason, options))
            yield from self._clear(gtin, row)
        yield self._order(event["shipment"], "final", supplier, answer, self.store.hours.store_day(parse_time(event["eta"])))

    def _line(self, gtin, row, qty, reason, options):
        cases = qty / (row.get("case_pack") or 1)
        whole = {"cases": round(cases)} if cases == round(cases) else {}
        return {"gtin": gtin, "qty": qty, **whole, **({"cost": row["cost"]} if "cost" in row else {}), "reason": reason, "options": options}

    def _order(self, proposal, stage, supplier, lines, day):
        total = round(sum(line["qty"] * line.get("cost", 0) for line in lines))
        return out("order.propose", proposal=proposal, stage=stage, kind="buy", supplier=supplier, lines=lines, deliver_on=day,
                   basis="base", total=total)  # fmt: skip

    def _withdraw(self, supplier):
        """Take back the own proposal that nobody let go."""
        own = self.state.pop(f"own:{supplier}", None)
        if own:
            yield self._order(own["proposal"], "cancelled", supplier, own["lines"], date.fromisoformat(own["day"]))

    def _compare(self, event):
        """Talk about the supplier's forecasts that are far off the own ones, once a week an item."""
        for row in event.get("forecasts") or ():
            gtin, product = self._item(row["gtin"])
            begin, end = date.fromisoformat(row["from"][:10]), date.fromisoformat(row["to"][:10])
            own, last = self._expected(gtin, begin, max(end, begin + DAY)), self.state.get(f"talked:{gtin}")
            if not product or not own or (last and self.now - parse_time(last) < WEEK):
                continue
            gap = abs(row["qty"] - own) / own
            if gap > self.config.exception + 1e-9:
                self.state[f"talked:{gtin}"] = rfc3339(self.now)
                self.kpi.add("forecast_exceptions")
                name = product.get("name", gtin)
                yield out(
                    "alert.raise", alert=f"forecast-{gtin}-{self.now:%Y%m%d}", kind="forecast_exception", severity="info", state="open",
                    subject=gtin, value=round(100 * gap, 2), limit=100 * self.config.exception, unit="%",
                    ref={"supplier": event["supplier"], "own": round(own, 3), "theirs": row["qty"], "from": row["from"], "to": row["to"]},
                    text=self.say(f"{name}: forecast {own:g}, supplier's {row['qty']:g}", f"{name}：本方{own:g}，供应商{row['qty']:g}"),
                )  # fmt: skip

    def _expected(self, gtin, begin, end):
        book = self.state.get(f"demand:{gtin}", {})
        days = [self.workers.optimise.outlook.of_day(book, (begin + n * DAY).isoformat()) for n in range((end - begin).days)]
        known = [day["mean"] for day in days if day]
        return sum(known) / len(known) * len(days) if known else None

    # The cut-off

    def start(self):
        self.plan_day("")

    @on_table("lead_times")
    def plan_day(self, table):
        from storeloom.workers.optimise.ordering import Chance, order_chance

        today = self.store.hours.store_day(self.now)
        for supplier in self.config.suppliers:
            chance = order_chance(next(iter(self.tables.lead_times.rows(supplier=supplier)), {}), Chance(CUTOFF))
            cutoff = self.store.hours.at(today, chance.cutoff)
            if today.isoweekday() in chance.weekdays and cutoff > self.now:
                self.timers.set("cutoff", supplier, cutoff)

    @every("1d", at="00:00")
    def new_day(self, due):
        self.plan_day("")

    @timer("cutoff")
    def cutoff(self, due):
        """Propose for the items that the supplier left out and that will be short on arrival."""
        supplier, lines, arrival = due.key, [], due.time
        yield from self._withdraw(supplier)
        last = self.state.get(f"cutoff:{supplier}", "")
        self.state[f"cutoff:{supplier}"] = stamp(due.time)
        for row in self._range(supplier):
            gtin = row["gtin"]
            have, daily, transit = self._position(gtin), self._daily(gtin), self._transit(row)
            if have is None or not daily or self.state.get(f"proposed:{gtin}", "") > last:
                continue
            needed = self.workers.optimise.outlook.demand(self.state[f"demand:{gtin}"], self.store.hours, due.time, transit)
            arriving = max(0, have - needed[0]) if needed else have
            if arriving / daily >= self.config.min_cover - 1e-6:
                yield from self._clear(gtin, row)
                continue
            yield from self._alarm(gtin, row, arriving / daily)
            vendor_stock, case = self.workers.optimise.vendor_stock, row.get("case_pack") or 1
            qty = vendor_stock.own_proposal(arriving, daily, self.config.min_cover, case)
            lines.append(self._line(gtin, row, qty, "min_cover", {"cover": round(arriving / daily, 3)}))
            arrival = max(arrival, due.time + transit * DAY)
        if lines:
            proposal, day = f"{supplier}-{self.store.hours.local(due.time):%Y%m%d}-vmi", self.store.hours.store_day(arrival)
            self.state[f"own:{supplier}"] = {"proposal": proposal, "lines": lines, "day": day.isoformat()}
            yield self._order(proposal, "draft", supplier, lines, day)

    def _alarm(self, gtin, row, cover):
        if f"short:{gtin}" not in self.state:
            self.state[f"short:{gtin}"] = True
            yield self._short(gtin, row, "open", value=round(cover, 3))

    def _clear(self, gtin, row):
        if self.state.pop(f"short:{gtin}", None):
            yield self._short(gtin, row, "cleared")

    def _short(self, gtin, row, state, value=None):
        name, supplier = row.get("name", gtin), row.get("supplier")
        return out(
            "alert.raise", alert=f"vmi-{gtin}", kind="vmi_no_proposal", severity="warn", state=state, subject=gtin, value=value,
            limit=self.config.min_cover, unit="d", ref={"supplier": supplier}, text=self.say(
                f"{name}: no proposal of {supplier}, cover on arrival", f"{name}：{supplier}未提案，到货时可售天数"),
        )  # fmt: skip

    # The evening

    @every("1d", at="close")
    def evening(self, due):
        """Figures for each supplier, the report of the day, and the settlement of a period that ends."""
        day, today = self.state.pop("day", None), self.store.hours.ended_day(due.time)
        for name in [name for name in self.state if name.startswith("sent:")]:
            if parse_time(self.state[name]["eta"]) < due.time - FORGOTTEN_AFTER:
                del self.state[name]
        opens = self.store.hours.day(today)
        begin = opens[0] if opens else due.time - DAY
        for supplier in self.config.suppliers:
            if day is not None:
                items = [self._figures(row, day["units"]) for row in self._range(supplier)]
                contact = (self.tables.suppliers.get(supplier) or {}).get("contact")
                yield out(
                    "message.send", message=f"vmi-{supplier}-{today:%Y%m%d}", channel="webhook", template="vmi_figures", purpose="service",
                    to=contact if isinstance(contact, str) else supplier, params={"day": today.isoformat(), "items": items},
                )  # fmt: skip
            yield from self._report(supplier, begin, due.time)
            following = self.store.hours.next_open(due.time)
            if following is None or self._period(self.store.hours.store_day(following)) != self._period(today):
                yield from self._settle(supplier, due.time)

    def _figures(self, row, units):
        gtin = row["gtin"]
        known = {
            "units": round(units.get(gtin, 0), 3),
            "on_hand": self.workers.optimise.position.on_hand(self._book(gtin)),
            "in_transit": self.workers.optimise.position.coming(self._book(gtin), self.now, 0),
            "forecast": self._daily(gtin),
        }
        return {"gtin": gtin, **{name: known[name] for name in self.config.share_scope if known[name] is not None}}

    def _report(self, supplier, begin, end):
        """Items in the band, and lines whose receipt was a case or more off the notice."""
        rates = [(self._position(row["gtin"]), self._daily(row["gtin"])) for row in self._range(supplier)]
        covers = [have / daily for have, daily in rates if have is not None and daily]
        within = sum(self.config.min_cover <= cover <= self.config.max_cover for cover in covers)
        if covers:
            self.kpi.share("cover_in_band", within, len(covers))
        notes = []
        for name in [name for name in self.state if name.startswith("sent:")]:
            if self.state[name].get("came") and self.state[name]["supplier"] == supplier:
                lines = self.state.pop(name)["lines"]
                cases = {gtin: (self.tables.products.get(gtin) or {}).get("case_pack") or 1 for gtin in lines}
                differing = self.workers.optimise.vendor_stock.differences(lines, cases)
                notes += [f"{name[5:]} {gtin}: {told:g} / {came:g}" for gtin, (told, came) in differing.items()]
        if covers or notes:
            parts = [{"name": "receipt_differences", "value": len(notes)}]
            parts += [{"name": "cover_in_band", "value": round(100 * within / len(covers), 2), "unit": "%"}] if covers else []
            yield out("score.report", {"from": begin, "to": end}, scheme="vmi", subject_kind="supplier", subject=supplier, parts=parts,
                      notes=notes or None)  # fmt: skip

    def _period(self, day):
        year, week, _ = day.isocalendar()
        return {"daily": day.isoformat(), "weekly": (year, week), "monthly": (day.year, day.month)}[self.config.settle]

    def _settle(self, supplier, at):
        """What sold of consigned goods is owed; what is missing without a reason is listed beside it."""
        owed = self.state.pop(f"owed:{supplier}", None)
        row = self.tables.suppliers.get(supplier) or {}
        if owed is None or not (self.config.consigned if row.get("consigned") is None else row["consigned"]):
            return
        payable, lost = round(owed["payable"]), {gtin: round(qty, 3) for gtin, qty in sorted(owed["lost"].items()) if qty > 1e-9}
        self.kpi.add("consigned_payable", payable)
        parts = [
            ("consigned_payable", payable, "minor"),
            ("units", round(owed["units"], 3), None),
            ("unexplained_loss", sum(lost.values()), None),
        ]
        yield out("score.report", {"from": parse_time(owed["since"]), "to": at}, scheme="consignment", subject_kind="supplier",
                  subject=supplier, parts=[{"name": name, "value": value, **({"unit": u} if u else {})} for name, value, u in parts],
                  notes=[f"{gtin}: {qty:g}" for gtin, qty in lost.items()] or None)  # fmt: skip

    # What is known

    def _item(self, gtin):
        """A gtin as the table writes it, and its row where its supplier has an agreement."""
        row = self.tables.products.get(gtin) or {}
        return row.get("gtin", gtin), row if row.get("supplier") in self.config.suppliers else {}

    def _range(self, supplier):
        return self.tables.products.derived("by supplier", self.workers.optimise.ordering.by_supplier).get(supplier, ())

    def _owed(self, supplier):
        return self.state.setdefault(f"owed:{supplier}", {"units": 0, "payable": 0, "lost": {}, "since": rfc3339(self.now)})

    def _cost(self, gtin, row):
        costs = self.tables.prices.rows(gtin=gtin, kind="cost")
        return costs[0]["price"] if costs else row.get("cost") or 0

    def _daily(self, gtin):
        book, days = self.state.get(f"demand:{gtin}", {}), self.config.max_cover
        found = self.workers.optimise.outlook.demand(book, self.store.hours, self.now, days)
        return None if found is None else found[0] / days

    def _position(self, gtin):
        stock, book = self.workers.optimise.position, self._book(gtin)
        found = stock.on_hand(book)
        return None if found is None else max(0, found) + stock.coming(book, self.now, 1)

    def _transit(self, row):
        lead = self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)
        return next((lead[key] for key in ("transit_days", "days") if lead.get(key) is not None), self.config.transit)

    def _book(self, gtin):
        return self.state.setdefault(f"item:{gtin}", self.workers.optimise.position.empty())
