"""Near-expiry markdown: each morning the discount that earns most on a lot close to its date, waste and lost full-price sales counted.

Lots come from `inventory.snapshot` (also its `lot` and `expiry`, and lots flagged `recalled`) and from scanned GS1 codes; a code's lot is
counted by the code's AI 30 or 37, by what was keyed in beside it, or by the item's stock while it is the only lot known. Sales that name no
lot are taken from full-price lots, oldest first. A cut counts for its lot alone and is never taken back. The 28-day mean counts from the
day of listing where that is later. It decides prices, it does not write off: what is left at withdrawal becomes a task.
"""

import math
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, stamp
from storeloom.core.kernel.hooks import hookimpl

HISTORY_DAYS = 28
UNNAMED = ""


class NearExpiryMarkdown(Solution):
    number = 126
    zh, en = "临期商品定价", "Near-expiry markdown"
    purpose_zh = "为临近到期的每个批次选出收益最高的折扣（扣除报废与对正价的蚕食），并打印折扣签。"
    formats = ("supermarket", "convenience")
    produces = ("price.set", "print.job", "task.create", "insight.report")
    adapters = ("printer",)
    reads = ("products", "prices")
    kpis = {
        "waste_value": kpi("currency", "Value of units left over", "报损金额"),
        "markdown_recovery": kpi("%", "Full value recovered by markdown", "折扣回收率"),
        "lots_sold_out_before_expiry": kpi("%", "Lots sold out before expiry", "到期前售罄批次占比"),
        "discount_depth": kpi("%", "Mean discount", "平均折扣幅度"),
    }
    kinds = {"withdraw_lot": ("Take a lot off the shelf", "批次下架")}
    load = "optimise"

    class Config(SolutionConfig):
        ladder: list[Annotated[int, Field(ge=0, le=95)]] = setting(
            [0, 20, 30, 50, 70], "Allowed discounts, rising", "允许的折扣，递增", unit="%", min_length=1
        )
        max_days: float = setting(3, "Selling days left from which a lot is looked at", "剩余可售天数不超过时考虑", unit="d", ge=0.5, le=60)
        elasticity: float = setting(
            1.8, "Elasticity: demand grows with (1 - discount)^-elasticity", "价格弹性：需求按（1 − 折扣）的负弹性次方增长", ge=0, le=6
        )
        cannibal_share: float = setting(
            0.2, "Extra discounted units that would have sold at full price", "折扣多卖件数中原本会按正价卖出的比例", ge=0, le=1
        )
        disposal_cost: int = setting(50, "Cost of throwing one unit away", "报废一件的成本", unit="minor", ge=0, le=100000)
        floor_pct: float = setting(30, "Lowest price", "最低售价", unit="% of cost", ge=0, le=150)
        withdraw_h: float = setting(2, "Withdrawal before expiry", "到期前下架", unit="h", ge=0, le=72)
        decide_at: str = setting(
            "08:30",
            "Daily decision",
            "每日决策时间",
            effect="reload",
            widget="time",
            pattern=r"^(open|close|([01]\d|2[0-3]):[0-5]\d)$",
            help_en="Open, close or HH:MM in store time.",
            help_zh="open、close 或店铺时间 HH:MM。",
        )

    @on("inventory.snapshot")
    def counted(self, event):
        """What stands in lots is counted lot by lot; a plain figure is that of the only lot, or waits for it under no name."""
        position = self.workers.optimise.position
        if not position.is_count(event.data):
            return
        item = self._item(event["gtin"])
        named = [lot for lot in item["lots"] if lot != UNNAMED]
        current = [lot for lot in named if not item["lots"][lot]["withdrawn"]] or [UNNAMED]
        if event.get("lots"):
            seen = {entry.get("lot") or entry["expiry"]: entry for entry in event["lots"]}
            seen |= {lot: {"qty": 0} for lot in named if lot not in seen}
        elif event.get("lot"):
            seen = {event["lot"]: {"expiry": event.get("expiry"), "qty": event["on_hand"]}}
        elif event["on_hand"] <= 0:
            seen = {lot: {"qty": 0} for lot in named}
        else:
            seen = {lot: {"qty": event["on_hand"]} for lot in current if len(current) == 1}
        for lot, entry in seen.items():
            known = self._lot(item, event["gtin"], lot, entry.get("expiry"))
            known["recalled"] = known["recalled"] or bool(entry.get("recalled")) or entry.get("state") == "recalled"
            position.count(known["places"], event.data, event.time, entry["qty"])

    @on("scanner.code?")
    def scanned(self, event):
        found = self._read(event)
        if found is None:
            return
        gtin, lot, expiry, keyed = found
        item = self._item(gtin)
        unnamed = item["lots"].get(UNNAMED)
        known = self._lot(item, gtin, lot, expiry)
        if keyed is not None and not known["places"]:
            self.workers.optimise.position.count(known["places"], {"location": "shelf", "on_hand": keyed}, event.time)
        elif unnamed:
            known["places"] = unnamed["places"]

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] != "sale":
            return
        for line in event["lines"]:
            item = self._item(line["gtin"])
            day = self.store.hours.store_day(event.time).isoformat()
            sold = line["weight_g"] / 1000 if line.get("weight_g") else line["qty"]
            item["sales"][day] = item["sales"].get(day, 0) + sold
            lot = item["lots"].get(line.get("lot")) or self._oldest_at_full_price(item)
            if lot and line.get("lot") in item["lots"] and lot["discount"]:
                self.kpi.share("markdown_recovery", line["amount"], lot["price"] * sold)
            if lot:
                self.workers.optimise.position.take(lot["places"], sold, event.time)

    @on("forecast.demand?")
    def expected(self, event):
        if event.get("level", "item") != "item" or event.get("basis", "base") == "promotion":
            return
        item = self._item(event["key"])
        window = [stamp(parse_time(event["from"])), stamp(parse_time(event["to"]))]
        now = stamp(self.now)
        kept = [entry for entry in item["forecasts"] if entry[:2] != window and entry[1] > now]
        item["forecasts"] = sorted([*kept, [*window, event["mean"]]])

    @every("1d", at="config.decide_at")
    def decide(self, due):
        today = self.store.hours.store_day(due.time)
        if self.store.hours.day(today) is None:
            return
        rows = []
        for name in [name for name in self.state if name.startswith("item:")]:
            item = self.state[name]
            oldest = (today - timedelta(days=HISTORY_DAYS)).isoformat()
            item["sales"] = {day: units for day, units in item["sales"].items() if day >= oldest}
            item["lots"] = {lot: known for lot, known in item["lots"].items() if self._matters(known, oldest)}
            lot = self._earliest(item, due.time)
            if lot is not None:
                row, outs = self._decide_lot(item, lot, due.time)
                rows += row
                yield from outs
        if rows:
            cut = sum(row["discount"] > row["before"] for row in rows)
            figures = {"lots": {"value": len(rows), "unit": "count"}, "lots_cut": {"value": cut, "unit": "count"}}
            window, kind = {"from": due.time - timedelta(days=1), "to": due.time}, "near_expiry_markdown"
            yield out("insight.report", window, report=f"{kind}-{today}", kind=kind, version=1, figures=figures, rows=rows)

    @timer("withdraw")
    def withdraw(self, due):
        key, _, lot = due.key.partition("|")
        item = self.state.get(f"item:{key}")
        known = item and item["lots"].get(lot)
        if not known or known["withdrawn"]:
            return
        known["withdrawn"] = True
        left = self._left(known)
        product = self.tables.products.get(item["gtin"]) or {}
        if left is not None:
            self.kpi.share("lots_sold_out_before_expiry", int(left <= 0), 1)
            self.kpi.add("waste_value", round(max(0, left) * product.get("cost", 0)))
        if left is None or left > 0:
            name = product.get("name", item["gtin"])
            yield out(
                "task.create",
                task=f"withdraw-{key}-{lot}",
                kind="withdraw_lot",
                title=self.say(f"Take lot {lot} of {name} off the shelf", f"{name} 批次 {lot} 下架"),
                priority=2,
                due=max(self._expiry(known), due.time),
                items=[{"gtin": item["gtin"], "note": lot} | ({} if left is None else {"qty": left})],
                values={"lot": lot, "expiry": known["expiry"]},
            )

    def _decide_lot(self, item, lot, now):
        """Report row and outputs for an item's earliest lot; nothing where it is not near its date or has no price or count."""
        markdown = self.workers.optimise.markdown
        known, config = item["lots"][lot], self.config
        end = self._expiry(known) - timedelta(hours=config.withdraw_h)
        days, price, left = self._selling_days(now, end), self._full_price(item["gtin"]), self._left(known)
        if left is None or price is None or not 0 < days <= config.max_days:
            return [], []
        before = max(known["discount"], self._listed_discount(item["gtin"], lot, price))
        product = self.tables.products.get(item["gtin"]) or {}
        least = product.get("cost", 0) * config.floor_pct / 100
        steps = markdown.allowed(config.ladder, price=price, present=before, least_price=least)
        offered = markdown.Lot(left, price, self._daily_demand(item, now, end), days)
        best = markdown.best_step(offered, markdown.Terms(config.elasticity, config.cannibal_share, config.disposal_cost), steps)
        discount = best.discount if best else before
        asked, present = (math.floor((price * (100 - percent) + 50) / 100) for percent in (discount, before))
        row = {"gtin": item["gtin"], "lot": lot, "qty": left, "days": round(days, 2), "before": before, "discount": discount}
        if best:
            row |= {"expected_units": round(best.units, 3), "value": round(best.value)}
        if asked >= present:
            return [row | {"discount": before}], []
        known |= {"discount": discount, "price": price}
        self.kpi.sample("discount_depth", discount)
        return [row], self._cut(item, lot, asked, price, discount, now, end)

    def _cut(self, item, lot, price, struck, discount, now, end):
        known = item["lots"][lot]
        expiry = date.fromisoformat(known["expiry"])
        gtin = (self.tables.products.get(item["gtin"]) or item)["gtin"]
        reason = self.say(f"{discount} % off until {expiry}", f"临期 {discount}% 折让，{expiry} 到期")
        yield out(
            "price.set",
            {"from": now, "to": end},
            gtin=gtin,
            price=price,
            kind="markdown",
            struck=struck,
            scope={"lot": lot},
            lot=lot,
            expiry=expiry,
            reason=reason,
            state="approved",
        )
        yield out(
            "print.job",
            printer=next((printer.id for printer in self.devices.get("printer", ())), ""),
            job=f"markdown-{gtin}-{lot}-{discount}",
            kind="label",
            template="markdown",
            copies=math.ceil(self._left(known)),
            fields={
                "gtin": gtin,
                "name": (self.tables.products.get(gtin) or {}).get("name", gtin),
                "lot": lot,
                "expiry": expiry,
                "price": price,
                "struck": struck,
                "discount_pct": discount,
                "symbology": "gs1_datamatrix",
                "code": f"(01){gtin.zfill(14)}(17){expiry:%y%m%d}(10){lot}",
            },
        )

    def _item(self, gtin):
        key = f"item:{self.workers.gs1.item_key(gtin)}"
        return self.state.setdefault(key, {"gtin": gtin, "lots": {}, "sales": {}, "forecasts": []})

    def _lot(self, item, gtin, lot, expiry):
        """A lot of an item, made known where it is new; its withdrawal is set as soon as its date is known."""
        fresh = {"expiry": None, "places": {}, "discount": 0, "price": None, "recalled": False, "withdrawn": False}
        if lot != UNNAMED:
            item["lots"].pop(UNNAMED, None)
        known = item["lots"].setdefault(lot, fresh)
        if expiry and str(expiry)[:10] != known["expiry"]:
            known["expiry"] = str(expiry)[:10]
            end = self._expiry(known) - timedelta(hours=self.config.withdraw_h)
            self.timers.set("withdraw", f"{self.workers.gs1.item_key(gtin)}|{lot}", max(end, self.now))
        return known

    def _read(self, event):
        """GTIN, lot, expiry and count of a scanned code; None where it names no lot with a date."""
        today, values = self.store.hours.store_day(event.time), event.get("values") or {}
        ai, gtin = event.get("ai") or {}, event.get("gtin")
        if not ai:
            try:
                ai = self.workers.gs1.parse(event["code"], on=today).ai
            except self.workers.gs1.CodeError:  # a misread label says nothing about stock
                return None
        dated, gtin = ai.get("17") or ai.get("7003"), gtin or ai.get("01") or ai.get("02")
        if not (dated and gtin and ai.get("10")):
            return None
        try:
            expiry = self.workers.gs1.gs1_date(str(dated)[:6], today).isoformat()
        except self.workers.gs1.CodeError:
            return None
        keyed = next((values[name] for name in ("qty", "count") if name in values), ai.get("30") or ai.get("37"))
        return gtin, ai["10"], expiry, None if keyed is None else float(keyed)

    def _matters(self, known, oldest):
        """Whether a lot is still to be known: one without a date while it is there, else up to the history after its withdrawal."""
        return not known["withdrawn"] or known["expiry"] >= oldest if known["expiry"] else self._left(known) != 0

    def _left(self, known):
        """Units left of a lot, None where it was never counted."""
        return self.workers.optimise.position.units(known["places"])

    def _expiry(self, known):
        """A lot expires at the end of its day."""
        return self.store.hours.midnight(date.fromisoformat(known["expiry"]) + timedelta(days=1))

    def _earliest(self, item, now):
        """The item's lot with the earliest date among those that may still be sold; one without a count keeps its place."""
        sellable = [
            (known["expiry"], lot)
            for lot, known in item["lots"].items()
            if known["expiry"] and not known["recalled"] and not known["withdrawn"] and self._left(known) != 0 and self._expiry(known) > now
        ]
        return min(sellable)[1] if sellable else None

    def _oldest_at_full_price(self, item):
        lots = sorted((known["discount"] > 0, known["expiry"] or "", lot) for lot, known in item["lots"].items() if self._left(known))
        return item["lots"][lots[0][2]] if lots else None

    def _selling_days(self, now, end):
        """Open hours until `end` over the open hours of a usual day, the mean of this week's open days."""
        hours, today = self.store.hours, self.store.hours.store_day(now)
        spans = [span for ahead in range(7) if (span := hours.day(today + timedelta(days=ahead)))]
        if not spans or end <= now:
            return 0.0
        usual_s = sum((closes - opens).total_seconds() for opens, closes in spans) / len(spans)
        return hours.open_seconds(now, end) / usual_s

    def _full_price(self, gtin):
        pricing = self.workers.pricing
        rows = [row for row in self.tables.prices.rows(gtin=gtin) if row.get("kind", "base") == "base"]
        product = self.tables.products.get(gtin)
        book = pricing.PriceBook(rows, products=pricing.index_products([product] if product else []), zone=self.store.hours.zone)
        try:
            return book.lookup(gtin, self.now).price
        except pricing.UnpricedItem:
            return None

    def _listed_discount(self, gtin, lot, price):
        """The discount (%) that the price table already gives this lot."""
        listed = [row["price"] for row in self.tables.prices.rows(gtin=gtin) if (row.get("scope") or {}).get("lot") == lot]
        return max(0.0, 100 - 100 * min(listed) / price) if listed and price else 0

    def _daily_demand(self, item, now, end):
        """Full-price demand a day: the forecasts that reach into the lot's time, else the mean of the last 28 days."""
        ahead = [entry for entry in item["forecasts"] if entry[1] > stamp(now) and entry[0] < stamp(end)]
        if ahead:
            long = [(parse_time(to) - parse_time(start)).total_seconds() / 86400 for start, to, _ in ahead]
            starts = {self.store.hours.store_day(parse_time(entry[0])) for entry in ahead}
            return sum(entry[2] for entry in ahead) / (len(starts) if max(long) <= 1 else sum(long))
        today = self.store.hours.store_day(now)
        product = self.tables.products.get(item["gtin"]) or {}
        listed = product.get("listed_on")
        known = (today - date.fromisoformat(listed)).days if listed else HISTORY_DAYS
        past = sum(units for day, units in item["sales"].items() if day < today.isoformat())
        return past / min(HISTORY_DAYS, max(1, known))


@hookimpl
def storeloom_config_problems(config, store):
    """The ladder rises."""
    ladder = config.get("ladder", [])
    if ladder == sorted(set(ladder)):
        return []
    return [Problem("ladder", "The discounts do not rise", "折扣档位没有递增", "List them rising, each once.", "请按递增填写，且不重复。")]
