"""Pools customers' pre-orders into factory lots, starts stocked goods with small first runs and repeats them by sell-through.

Each line of a pre-order joins the lot of its item; drafts wait until they are placed. A lot's window begins with the event time of its
first order; an order that comes in after its lot has closed joins the next. The order that a lot makes is final; an order on the last
instant of the window still counts. Messages go to the member, else to the payer's token or the order.

A stocked item is one with a season forecast: one `forecast.demand` over at least four weeks; its season ends on `delisted_on`, if it has
that. Its first run is proposed at once, to be released by a person like its repeats. The days of a reading count from the first day with
sales or stock, the rate from the last reading on. Received is what was counted and sold, with what was to arrive since the count; without a
count what was to have arrived. A first run came early when it sells uncounted, or at least half of it is counted, before its day. The lead
time is 1 day where nobody knows it.
"""

import math
from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

DAY, SEASON_WINDOW, KEPT, TOO_SLOW = timedelta(days=1), timedelta(days=28), timedelta(days=90), 0.2
CHANNELS = {"app": "app_push", "phone": "sms", "web": "email"}


class C2mFlexibleSupply(Solution):
    number = 91
    zh, en = "C2M柔性供应", "Consumer-to-manufacturer flexible supply"
    purpose_zh = "汇集顾客预购成工厂批次，现货小单首产、按售罄率返单，先有需求再生产。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "order.status", "message.send", "alert.raise", "score.report")
    adapters = ("online_store?", "messaging")
    reads = ("products", "suppliers", "lead_times")
    kpis = {
        "made_to_order_share": kpi("%", "Made to order", "定制占比"),
        "lots_cancelled": kpi("count", "Lots cancelled", "取消批次数"),
        "sell_through": kpi("%", "Sell-through", "售罄率"),
        "unsold_at_end": kpi("%", "Unsold at the season's end", "季末未售占比"),
    }
    kinds = {"slow_seller": ("Sells too slowly for another run", "动销过慢，停止返单")}

    class Config(SolutionConfig):
        moq: int = setting(50, "Pieces that close a lot at once", "起订量", ge=1, le=100000)
        window: int = setting(72, "Longest time a lot stays open", "批次最长开放时间", unit="h", ge=1, le=720)
        min_viable: int = setting(
            30, "Least pieces of a lot", "最低成批量", ge=1, le=100000,
            help_en="With which it is made at the end of its window.", help_zh="窗口结束时达到该量即生产。",
        )  # fmt: skip
        lot_size: int = setting(20, "Repeats are multiples of", "返单倍数", ge=1, le=10000)
        first_share: float = setting(
            0.25, "First run", "首产比例", ge=0.05, le=1, help_en="Share of the season forecast.", help_zh="占季度预测。"
        )
        repeat_day: int = setting(
            7, "Day of the first reading", "首次读数日", unit="d", ge=2, le=60, help_en="And every so many.", help_zh="之后同间隔。"
        )
        repeat_at: float = setting(0.5, "Sell-through that repeats", "返单售罄率", ge=0.1, le=1)
        cover: int = setting(14, "Selling days of a repeat", "返单可售天数", unit="d", ge=1, le=120)
        stop_days: int = setting(
            21, "No repeat near the season's end", "季末停止返单", unit="d", ge=0, le=180,
            help_en="By its arrival.", help_zh="按到货日计。",
        )  # fmt: skip

    # Lots of pre-orders

    @on("order.placed")
    def placed(self, event):
        if not event.get("made_to_order") or event.get("draft") or f"seen:{event['order']}" in self.state:
            return
        self.state[f"seen:{event['order']}"] = rfc3339(self.now)
        items = {}
        for line in event["lines"]:
            items.setdefault(self._gtin(line["gtin"]), []).append(line)
        for gtin, lines in items.items():
            lot = self.state.setdefault(f"lot:{gtin}", {"opened": stamp(event.time), "orders": {}})
            lot["opened"] = min(lot["opened"], stamp(event.time))
            lot["orders"][event["order"]] = {
                "at": stamp(event.time), "to": event.get("member") or event.get("payer") or event["order"], "channel": event["channel"],
                "lines": [{"line": line["line"], "qty": line["qty"], "options": line.get("options") or {}} for line in lines],
                "amount": sum(line["amount"] for line in lines),
            }  # fmt: skip
            ends = parse_time(lot["opened"]) + timedelta(hours=self.config.window)
            if self._pieces(lot) >= self.config.moq:
                yield from self._make(gtin)
            else:
                self.timers.set("window", gtin, max(ends, self.now + timedelta(microseconds=1)))

    @on("order.status?")
    def cancelled(self, event):
        """A customer leaves a lot that is still open."""
        if event["status"] != "cancelled":
            return
        for key in [key for key in self.state if key.startswith("lot:") and event["order"] in self.state[key]["orders"]]:
            orders = self.state[key]["orders"]
            del orders[event["order"]]
            if not orders:
                del self.state[key]
                self.timers.cancel("window", key[4:])

    @timer("window")
    def window_ends(self, due):
        if self._pieces(self.state[f"lot:{due.key}"]) >= self.config.min_viable:
            yield from self._make(due.key)
            return
        lot = self.state.pop(f"lot:{due.key}")
        self.kpi.add("lots_cancelled")
        for name, order in self._in_order(lot):
            yield out("order.status", order=name, status="cancelled", channel=order["channel"], amount=order["amount"],
                      reason="lot_not_viable", lines=[{"line": line["line"], "qty": line["qty"]} for line in order["lines"]])  # fmt: skip
            yield self._message(name, order, due.key, "made_to_order_cancelled", {"amount": order["amount"]})

    def _make(self, gtin):
        """One final order with the pieces by option; every customer is promised the day."""
        lot, row, lead = self.state.pop(f"lot:{gtin}"), self.tables.products.get(gtin) or {}, self._lead(gtin)
        self.timers.cancel("window", gtin)
        promised, options = self.now + timedelta(days=lead), {}
        for _, order in self._in_order(lot):
            for line in order["lines"]:
                key = str(sorted(line["options"].items()))
                options.setdefault(key, {"options": line["options"], "qty": 0})["qty"] += line["qty"]
        pieces = self._pieces(lot)
        self.kpi.share("made_to_order_share", pieces, pieces)
        lines = [{"gtin": gtin, "qty": one["qty"], "reason": "pre_orders", "options": one["options"]} for _, one in sorted(options.items())]
        yield self._order(f"lot-{gtin}-{self.now:%Y%m%dT%H%M%S}", "final", row, lines, promised)
        for name, order in self._in_order(lot):
            yield out("order.status", order=name, status="confirmed", channel=order["channel"], promised_to=promised,
                      lines=[{"line": line["line"], "qty": line["qty"]} for line in order["lines"]])  # fmt: skip
            yield self._message(
                name, order, gtin, "made_to_order_confirmed", {"promised": self.store.hours.store_day(promised).isoformat()}
            )

    def _message(self, name, order, gtin, template, params):
        return out(
            "message.send", message=f"{template}-{name}-{gtin}", channel=CHANNELS.get(order["channel"], "mini_program"), to=order["to"],
            template=template, params={"order": name, "gtin": gtin, **params}, purpose="service",
        )  # fmt: skip

    def _pieces(self, lot):
        return sum(line["qty"] for order in lot["orders"].values() for line in order["lines"])

    def _in_order(self, lot):
        return sorted(lot["orders"].items(), key=lambda one: (one[1]["at"], one[0]))

    # Stocked goods

    @on("forecast.demand?")
    def forecast(self, event):
        gtin = self._gtin(event["key"])
        row = self.tables.products.get(gtin)
        long = parse_time(event["to"]) - parse_time(event["from"]) >= SEASON_WINDOW
        if event["level"] != "item" or row is None or not long or self._item(gtin)["ordered"]:
            return
        qty = math.ceil(event["mean"] * self.config.first_share - 1e-9)
        if qty > 0:
            yield self._run(gtin, row, qty, "first_run", {"season_forecast": event["mean"]})

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        for line in event["lines"]:
            gtin = self._gtin(line["gtin"])
            units = -abs(line["qty"]) if kind == "return" or line["qty"] < 0 else line["qty"]
            if f"item:{gtin}" in self.state or (self.tables.products.get(gtin) or {}).get("delisted_on"):
                item = self._item(gtin)
                item["sold"] += units
                item["lately"] += units
                item["today"] += units
                self.kpi.share("made_to_order_share", 0, max(0, units))
                if not item["stock"]["places"]:
                    self._came(item, event.time)
                self.workers.optimise.position.take(item["stock"]["places"], units, event.time)

    @on("inventory.snapshot?")
    def counted(self, event):
        gtin, stock = self._gtin(event["gtin"]), self.workers.optimise.position
        if f"item:{gtin}" in self.state and event.get("other_store", self.store.id) == self.store.id:
            item = self._item(gtin)
            stock.enter_snapshot(item["stock"], {**event.data, "other_store": None}, event.time)
            if item["ordered"] and (stock.on_hand(item["stock"]) or 0) >= item["ordered"][0]["qty"] / 2:
                self._came(item, event.time)

    def _came(self, item, at):
        """The first run is there, if it was not due before."""
        for run in item["ordered"][:1]:
            run["eta"] = rfc3339(min(at, parse_time(run["eta"])))

    @every("1d", at="close")
    def evening(self, due):
        today = self.store.hours.ended_day(due.time)
        for key in sorted(key for key in self.state if key.startswith("item:")):
            item, row = self.state[key], self.tables.products.get(key[5:])
            end = date.fromisoformat(row["delisted_on"][:10]) if row and row.get("delisted_on") else None
            on_hand, received = self._stock(item)
            there = item["today"] > 0 or on_hand > 0
            item["today"] = 0
            if item["days"] == 0 and not there:
                continue
            item["days"] += 1
            item["stocked"] += there
            if end and today + DAY == end:
                self.kpi.share("unsold_at_end", on_hand, received)
            going = row is not None and (end is None or today < end)
            read = item["days"] % self.config.repeat_day == 0 and item["ordered"] and received > 0
            if going and read and not item["stopped"]:
                yield from self._read(key[5:], row, item, on_hand, received, end)
            elif not going:
                del self.state[key]
        for key in [key for key in self.state if key.startswith("seen:") and parse_time(self.state[key]) < due.time - KEPT]:
            del self.state[key]

    def _read(self, gtin, row, item, on_hand, received, end):
        """Sell-through so far: a repeat, another reading, or no more runs."""
        share, rate, lead = item["sold"] / received, item["lately"] / max(1, item["stocked"]), self._lead(gtin)
        item["lately"] = item["stocked"] = 0
        self.kpi.sample("sell_through", 100 * share)
        parts = [("sell_through", 100 * share, "%"), ("daily_rate", rate, None), ("on_hand", on_hand, None), ("received", received, None)]
        known = [{"name": name, "value": round(value, 3), **({"unit": unit} if unit else {})} for name, value, unit in parts]
        yield out("score.report", {"from": self.now - self.config.repeat_day * DAY, "to": self.now}, scheme="quick_response",
                  subject_kind="item", subject=gtin, parts=known)  # fmt: skip
        if share < TOO_SLOW - 1e-9:
            item["stopped"] = True
            name = row.get("name", gtin)
            yield out(
                "alert.raise", alert=f"slow-{gtin}", kind="slow_seller", severity="warn", state="open", subject=gtin,
                value=round(100 * share, 2), limit=100 * TOO_SLOW, unit="%",
                text=self.say(f"{name}: {share:.0%} sold, no more runs", f"{name}：售罄率{share:.0%}，不再返单"),
            )  # fmt: skip
            return
        arrival = self.store.hours.store_day(self.now + timedelta(days=lead))
        if share < self.config.repeat_at - 1e-9 or (end and arrival > end - self.config.stop_days * DAY):
            return
        coming = sum(run["qty"] for run in item["ordered"] if parse_time(run["eta"]) > self.now)
        need = rate * (lead + self.config.cover) - on_hand - coming
        qty = math.ceil(need / self.config.lot_size - 1e-9) * self.config.lot_size
        if qty > 0:
            yield self._run(gtin, row, qty, "repeat", {"need": need, "rate": rate, "sell_through": share})

    def _run(self, gtin, row, qty, reason, facts):
        item, eta = self._item(gtin), self.now + timedelta(days=self._lead(gtin))
        item["ordered"].append({"qty": qty, "eta": rfc3339(eta)})
        options = {name: round(value, 3) for name, value in facts.items()}
        lines = [{"gtin": gtin, "qty": qty, "reason": reason, "options": options}]
        return self._order(f"run-{gtin}-{len(item['ordered'])}", "draft", row, lines, eta)

    def _order(self, proposal, stage, row, lines, eta):
        cost = {"cost": row["cost"]} if "cost" in row else {}
        total = round(sum(line["qty"] * row.get("cost", 0) for line in lines))
        return out("order.propose", proposal=proposal, stage=stage, kind="buy", supplier=row.get("supplier"),
                   lines=[{**one, **cost} for one in lines], deliver_on=self.store.hours.store_day(eta), basis="base",
                   total=total)  # fmt: skip

    def _stock(self, item):
        """On hand and received so far."""
        on_hand = self.workers.optimise.position.on_hand(item["stock"])
        arrived = sum(run["qty"] for run in item["ordered"] if parse_time(run["eta"]) <= self.now)
        if on_hand is not None:
            since = max(parse_time(place["at"]) for place in item["stock"]["places"].values())
            on_hand += sum(run["qty"] for run in item["ordered"] if since < parse_time(run["eta"]) <= self.now)
        if on_hand is None:
            return max(0, arrived - item["sold"]), arrived
        return max(0, on_hand), max(0, on_hand) + item["sold"]

    # What is known

    def _lead(self, gtin):
        row = self.tables.products.get(gtin) or {}
        return (
            self.workers.optimise.ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row).get("days") or 1
        )

    def _gtin(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("gtin", gtin)

    def _item(self, gtin):
        fresh = {"sold": 0, "lately": 0, "today": 0, "days": 0, "stocked": 0, "ordered": [], "stopped": False}
        return self.state.setdefault(f"item:{gtin}", {**fresh, "stock": self.workers.optimise.position.empty()})
