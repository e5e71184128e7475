"""Tells a counter when to cook how many of what for the next half hours, what to throw away now, and when to stop, by HACCP holding times.

Planned are products made in the store: with a recipe, a skill, meal periods or one of the attributes below, or without a supplier.
`hold_min`, `lead_min`, `batch` and `capacity` among an item's attributes go before the settings, `made_to_order` frees it from the last
cooking time, `case` names the sensor, asset or zone that keeps it (without: every hot case). A hot case is one whose sensor ever read 40
degC or more.

A day's forecast is spread by `forecast.traffic` of visitors (of receipts where none is told of visitors), of the store as a whole where it
is told, evenly over the opening hours where there is none. A task done puts its pieces on display, `qty` among its values if it says so;
one that was not planned here counts with `gtin` and `qty` among its values. A hold breach is a case gone cold under food, or a discard
that nobody confirmed within ten minutes.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

PATIENCE, DAY_LONG, EWMA, HOT_FROM_C, DAY = timedelta(minutes=10), timedelta(hours=20), 0.3, 40, timedelta(days=1)
OWN = ("hold_min", "lead_min", "batch", "capacity", "made_to_order", "case", "ready")
CHECKLISTS = ("ready_food", "foodservice", "haccp", "cooking")

Ratio = Annotated[float, Field(ge=0.1, le=3)]


class FoodserviceProduction(Solution):
    number = 82
    zh, en = "鲜食现制生产计划", "Ready-food production plan"
    purpose_zh = "按HACCP保温时限，告诉热食、面包、沙拉柜台接下来半小时何时做什么做多少、现在该扔什么、今天何时停做。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "inventory.movement", "alert.raise", "score.report")
    adapters = ("sensor?",)
    reads = ("products", "checklists")
    kpis = {
        "sold_out_slots": kpi("%", "Slots sold out", "售罄时段占比"),
        "food_waste": kpi("%", "Food wasted", "食品浪费率"),
        "pieces_per_hour": kpi("count", "Pieces an hour", "每小时产量"),
        "hold_breaches": kpi("count", "Hold breaches", "保温违规次数"),
    }
    kinds = {
        "cook": ("Cook now", "现在制作"),
        "discard": ("Throw away now", "立即报废"),
        "hot_breach": ("Hot case too cold", "热柜温度过低"),
    }

    class Config(SolutionConfig):
        slot: int = setting(30, "Planning step", "计划时段", unit="min", ge=10, le=60, effect="reload")
        hold: int = setting(
            120, "Longest time on display", "最长陈列时间", unit="min", ge=15, le=1440,
            help_en="An item's own goes before.", help_zh="商品自设优先。",
        )  # fmt: skip
        lead: int = setting(15, "From task to display", "制作到上柜时间", unit="min", ge=1, le=180)
        batch: int = setting(6, "Pieces in a batch", "每批件数", ge=1, le=200)
        capacity: int = setting(12, "Pieces that one oven run takes", "单炉容量", ge=1, le=500)
        ratio_bounds: list[Ratio] = setting(
            lambda: [0.7, 1.4], "Bounds of today's correction", "当日修正上下限", min_length=2, max_length=2
        )
        last_cook: int = setting(
            60, "No cooking before closing", "打烊前停做", unit="min", ge=0, le=480,
            help_en="Except what is made to order.", help_zh="现点现做除外。",
        )  # fmt: skip
        hot_limit: float = setting(60, "Lowest holding temperature", "最低保温温度", unit="degC", ge=50, le=90)
        hot_breach: int = setting(
            30, "Time below it", "低温容忍时间", unit="min", ge=5, le=120,
            help_en="After which the batch is discarded.", help_zh="超过即报废。",
        )  # fmt: skip

    # Forecasts

    @on("forecast.demand")
    def demand(self, event):
        row = self.tables.products.get(event["key"])
        if event["level"] == "item" and row is not None and self._made_here(row):
            book = self.state.setdefault(f"demand:{row['gtin']}", {})
            self.workers.optimise.outlook.enter_window(book, event.data, self.store.hours, self.now)

    @on("forecast.traffic")
    def traffic(self, event):
        begin, end = parse_time(event["from"]), parse_time(event["to"])
        if event["what"] in ("visitors", "receipts") and end - begin < DAY_LONG:
            day = self.store.hours.store_day(begin).isoformat()
            place = "store" if event["place"] == self.store.id else "parts"
            windows = self.state.setdefault(f"traffic:{day}", {}).setdefault(f"{event['what']}|{place}", {})
            windows[f"{event['place']}|{rfc3339(begin)}"] = [rfc3339(begin), rfc3339(end), event["p50"]]

    # The display

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        for line in event["lines"]:
            row = self.tables.products.get(line["gtin"])
            if row is None or not self._made_here(row):
                continue
            item, units = self._item(row["gtin"]), abs(line["qty"])
            if kind == "return" or line["qty"] < 0:
                yield from self._waste(row["gtin"], units, "returned")
                continue
            for part in ("slot", "day"):
                item[part]["sold"] += units
            self.workers.optimise.ready_food.sell(item["display"], units)
            item["slot"]["out"] = item["slot"]["out"] or not item["display"]

    @on("task.done")
    def done(self, event):
        name, values = event["task"], event.get("values") or {}
        if f"discard:{name}" in self.state and event["state"] == "done":
            del self.state[f"discard:{name}"]
            self.timers.cancel("unconfirmed", name)
            return
        cook = self.state.get(f"cook:{name}") or ({"gtin": values["gtin"], "qty": values.get("qty", 0)} if "gtin" in values else None)
        row = cook and self.tables.products.get(cook["gtin"])
        if not row or event["state"] not in ("done", "declined", "failed", "cancelled"):
            return
        self.state.pop(f"cook:{name}", None)
        self.timers.cancel("not_made", name)
        if event["state"] == "done":
            item, qty = self._item(row["gtin"]), values.get("qty", cook["qty"])
            ends = event.time + timedelta(minutes=self._own(row, "hold_min", self.config.hold))
            self.workers.optimise.ready_food.put_out(item["display"], qty, ends)
            item["day"]["made"] += qty
            self.kpi.share("food_waste", 0, qty)
            self.timers.set(
                "hold", f"{row['gtin']}|{rfc3339(ends)}", max(ends, self.now + timedelta(microseconds=1)), {"gtin": row["gtin"]}
            )

    @timer("hold")
    def hold(self, due):
        """What has lain its time goes."""
        over = self.workers.optimise.ready_food.discard(self._item(due.data["gtin"])["display"], due.time)
        if over > 0:
            yield from self._discard(due.data["gtin"], over, "hold", due.time)

    def _discard(self, gtin, qty, reason, at):
        name, title = f"discard-{gtin}-{at:%Y%m%dT%H%M%S}", (self.tables.products.get(gtin) or {}).get("name", gtin)
        self.state[f"discard:{name}"] = True
        self.timers.set("unconfirmed", name, at + PATIENCE)
        yield out(
            "task.create", task=name, kind="discard", priority=1, role="kitchen", due=at + PATIENCE, items=[{"gtin": gtin, "qty": qty}],
            title=self.say(f"Throw away {qty:g} x {title}", f"报废{title} {qty:g}件"), ref={"reason": reason},
        )  # fmt: skip
        yield from self._waste(gtin, qty, reason)

    def _waste(self, gtin, qty, reason):
        self._item(gtin)["day"]["wasted"] += qty
        self.kpi.share("food_waste", qty, 0)
        yield out("inventory.movement", kind="waste", gtin=gtin, qty=-qty, reason=reason, state="booked")

    @timer("unconfirmed")
    def unconfirmed(self, due):
        self.state.pop(f"discard:{due.key}", None)
        self.kpi.add("hold_breaches")

    @timer("not_made")
    def not_made(self, due):
        """Planned without it from now on; should it be put out yet, it still counts."""
        self.state[f"cook:{due.key}"]["overdue"] = True

    # Hot cases

    @on("sensor.reading?")
    def reading(self, event):
        if event["kind"] != "temperature" or event.get("quality") == "bad":
            return
        case = self.state.setdefault(f"case:{event['sensor']}", {"hot": False, "names": []})
        case["hot"] = case["hot"] or event["value"] >= HOT_FROM_C
        case["names"] = [name for name in (event["sensor"], event.get("asset"), event.get("zone")) if name]
        case["value"] = event["value"]
        if event["value"] >= self.config.hot_limit:
            self.timers.cancel("cold", event["sensor"])
            if case.pop("alerted", None):
                yield self._cold(event["sensor"], case, "cleared")
        elif case["hot"] and self.timers.get("cold", event["sensor"]) is None:
            at = event.time + timedelta(minutes=self.config.hot_breach)
            self.timers.set("cold", event["sensor"], max(at, self.now + timedelta(microseconds=1)))

    @timer("cold")
    def too_cold(self, due):
        case = self.state[f"case:{due.key}"]
        self.timers.set("cold", due.key, due.time + timedelta(minutes=self.config.hot_breach))
        found = [
            key[5:] for key in sorted(self.state) if key.startswith("item:") and self.state[key]["display"] and self._in_case(key[5:], case)
        ]
        if not found:
            return
        self.kpi.add("hold_breaches")
        case["alerted"] = True
        yield self._cold(due.key, case, "open")
        for gtin in found:
            item = self._item(gtin)
            qty, item["display"] = sum(batch["qty"] for batch in item["display"]), []
            yield from self._discard(gtin, qty, "hot_breach", due.time)

    def _in_case(self, gtin, case):
        row = self.tables.products.get(gtin) or {}
        own = (row.get("attributes") or {}).get("case")
        return own in case["names"] if own else row.get("storage") not in ("chilled", "frozen")

    def _cold(self, sensor, case, state):
        asset = case["names"][1] if len(case["names"]) > 1 else None
        return out(
            "alert.raise", alert=f"hot-{sensor}", kind="hot_breach", severity="critical", state=state, subject=sensor, asset=asset,
            value=case["value"], limit=self.config.hot_limit, unit="C",
            text=self.say(f"Hot case {sensor} at {case['value']:g} degC", f"热柜{sensor}温度{case['value']:g}°C"),
        )  # fmt: skip

    # The plan

    @every("config.slot|min", only="open")
    def slot_begins(self, due):
        hours = self.store.hours
        begin, span = due.time - timedelta(minutes=self.config.slot), hours.span(due.time)
        if span is None:
            return
        for key in sorted(key for key in self.state if key.startswith("demand:")):
            row = self.tables.products.get(key[7:])
            if row is None:
                continue
            item = self._item(row["gtin"])
            if hours.is_open(begin):
                self._finish(row["gtin"], item, begin, due.time)
            item["slot"] = {"sold": 0, "out": not item["display"]}
            free = (row.get("attributes") or {}).get("made_to_order")
            if free or due.time < span[1] - timedelta(minutes=self.config.last_cook):
                yield from self._cook(row, item, due.time)

    def _finish(self, gtin, item, begin, end):
        """What the slot that ended tells of the day."""
        expected = self._expected(gtin, begin, end)
        if expected <= 0:
            return
        self.kpi.share("sold_out_slots", item["slot"]["out"], 1)
        slot = item["slot"]
        item["ratio"] = self.workers.optimise.ready_food.corrected(item["ratio"], slot["sold"], expected, slot["out"], EWMA)

    def _cook(self, row, item, at):
        (low, high), ready_food = sorted(self.config.ratio_bounds), self.workers.optimise.ready_food
        lead = timedelta(minutes=self._own(row, "lead_min", self.config.lead))
        end = at + lead + timedelta(minutes=self.config.slot)
        ratio, gtin = min(high, max(low, item["ratio"])), row["gtin"]
        good = ready_food.good(item["display"], end)
        cooks = [cook for key, cook in self.state.items() if key.startswith("cook:") and cook["gtin"] == gtin]
        cooking = sum(cook["qty"] for cook in cooks if not cook["overdue"])
        need = self._expected(gtin, at, end) * ratio - good - cooking
        qty = ready_food.to_cook(need, self._own(row, "batch", self.config.batch), self._own(row, "capacity", self.config.capacity))
        if qty == 0:
            return
        name, title = f"cook-{gtin}-{at:%Y%m%dT%H%M}", row.get("name", gtin)
        self.state[f"cook:{name}"] = {"gtin": gtin, "qty": qty, "overdue": False}
        self.timers.set("not_made", name, at + lead + PATIENCE)
        yield out(
            "task.create", task=name, kind="cook", priority=2, role="kitchen", due=at + lead, items=[{"gtin": gtin, "qty": qty}],
            skill=row.get("skill"), checklist=self._checklist(row), title=self.say(f"Cook {qty:g} x {title}", f"制作{title} {qty:g}件"),
            values={"need": round(need, 3), "ratio": round(ratio, 4), "good": good, "cooking": cooking},
        )  # fmt: skip

    def _expected(self, gtin, begin, end):
        """Pieces of a stretch of time: the day's forecast by its visitors."""
        hours, day = self.store.hours, self.store.hours.trading_day(begin)
        known = self.workers.optimise.outlook.of_day(self.state.get(f"demand:{gtin}", {}), day.isoformat())
        span = hours.day(day)
        if not known or not span:
            return 0.0
        traffic = self.state.get(f"traffic:{day.isoformat()}", {})
        names = ("visitors|store", "visitors|parts", "receipts|store", "receipts|parts")
        rows = next((list(traffic[name].values()) for name in names if name in traffic), [])
        windows = [(parse_time(start), parse_time(stop), value) for start, stop, value in rows]
        share = self.workers.optimise.ready_food.share(windows, begin, end)
        return known["mean"] * (hours.open_seconds(begin, end) / hours.open_seconds(*span) if share is None else share)

    @every("1d", at="close")
    def evening(self, due):
        today = self.store.hours.ended_day(due.time)
        span, made = self.store.hours.day(today), 0
        for key in sorted(key for key in self.state if key.startswith("item:")):
            item, day = self.state[key], self.state[key]["day"]
            made += day["made"]
            known = self.workers.optimise.outlook.of_day(self.state.get(f"demand:{key[5:]}", {}), today.isoformat())
            parts = {"forecast": known["mean"] if known else 0, **day}
            if any(parts.values()):
                yield out("score.report", {"from": span[0], "to": due.time}, scheme="ready_food", subject_kind="item", subject=key[5:],
                          parts=[{"name": name, "value": round(value, 3)} for name, value in parts.items()])  # fmt: skip
            item.update(ratio=1.0, day={"sold": 0, "made": 0, "wasted": 0}, slot={"sold": 0, "out": False})
        self.kpi.set("pieces_per_hour", made / ((span[1] - span[0]) / timedelta(hours=1)))
        for key in [key for key, known in self.state.items() if self._is_over(key, known, today)]:
            del self.state[key]

    def _is_over(self, key, known, today):
        return key[8:] <= today.isoformat() if key.startswith("traffic:") else key.startswith("cook:") and known["overdue"]

    # What is known

    def _made_here(self, row):
        own = row.get("attributes") or {}
        told = any(row.get(name) for name in ("recipe", "skill", "meal_periods")) or any(name in own for name in OWN)
        return told or not row.get("supplier")

    def _own(self, row, name, usual):
        return (row.get("attributes") or {}).get(name, usual)

    def _checklist(self, row):
        named = (row.get("attributes") or {}).get("checklist")
        known = {one["checklist"] for one in self.tables.checklists.all_rows()}
        return next((name for name in (named, *CHECKLISTS) if name in known), None)

    def _item(self, gtin):
        fresh = {"display": [], "ratio": 1.0, "slot": {"sold": 0, "out": False}, "day": {"sold": 0, "made": 0, "wasted": 0}}
        return self.state.setdefault(f"item:{gtin}", fresh)
