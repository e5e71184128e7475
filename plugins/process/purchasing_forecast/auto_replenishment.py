"""Proposes what to order from each supplier before its cut-off, so that the wanted service level is met with the least stock.

The run is half an hour before the cut-off. Facts that come in between run and cut-off repeat it after a minute: a proposal of the same
id replaces the earlier one, `cancelled` takes it back. A supplier's own entry of `order_calendar` goes before the days and cut-off of
its lead times, these before `default`. The forecast counts from the cut-off over lead time and the time to the next chance, a day by
the share of its opening hours in that window; days without a forecast count as the mean of the others. Where no lead time is known it
is one day. A supplier's minimum value is left to joint ordering, and vendor-managed suppliers (`vmi`) order for themselves.

Stock is the last snapshot and the movements after it. Coming is what was ordered as final and what suppliers announced; an announcement
takes the place of the order it names, a receipt of either. Where neither is known, the snapshot's `in_transit` counts. Drafts that the
store has not let go by the next run have lapsed. Beyond the catalogue's streams it reads `order.propose`: a proposal of the same id by
somebody else is the store's edit, one of basis promotion or fresh keeps its items out until it is delivered.

Sold in the week after an order is stock then and since moved less stock now. An item is blocked by `blocked` among its attributes;
`min_order` there is its least order.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time

AHEAD_OF_CUTOFF = timedelta(minutes=30)
REPEAT_AFTER = timedelta(seconds=60)
MEAN_DAYS = 28
JUDGED_AFTER = timedelta(days=7)
DAY = timedelta(days=1)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class OrderChance(SolutionConfig):
    """When a supplier takes orders."""

    days: Literal["daily"] | list[Weekday] | list[Annotated[int, Field(ge=1, le=7)]] = Field(
        "daily", title="Order days", json_schema_extra={"x-zh": "订货日"}
    )
    cutoff: str = Field("15:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", title="Cut-off, store time", json_schema_extra={"x-zh": "截单时间"})

    def weekdays(self):
        days = WEEKDAYS if self.days == "daily" else self.days
        return tuple(day if isinstance(day, int) else WEEKDAYS.index(day) + 1 for day in days)


class AutoReplenishment(Solution):
    number = 79
    zh, en = "智能补货", "Automatic replenishment"
    purpose_zh = "在每个供应商截单前提出订货建议，以最少库存达到目标服务水平，不必拿着本子逐排看货。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "alert.raise", "score.report")
    reads = ("products", "suppliers", "lead_times", "planogram")
    load = "optimise"
    kpis = {
        "stockout_rate": kpi("%", "Items out of stock", "缺货率"),
        "days_of_cover": kpi("d", "Days of cover", "库存可售天数"),
        "lines_touched": kpi("%", "Lines changed by the store", "门店改动行占比"),
        "edit_value_added": kpi("%", "Value added by changes", "改动增值"),
    }
    kinds = {"negative_stock": ("Stock below nil", "库存为负")}

    class Config(SolutionConfig):
        service_level: float = setting(
            0.95, "Service level", "服务水平", ge=0.5, le=0.999,
            help_en="Chance of no stock-out in a cycle, where no policy class gives one.",
            help_zh="一个补货周期内不缺货的概率；有策略分级的以分级为准。",
        )  # fmt: skip
        order_calendar: dict[str, OrderChance] = setting(
            lambda: {"default": OrderChance()}, "Order calendar", "订货日历",
            help_en="Order days and local cut-off by supplier; `default` for the others.",
            help_zh="各供应商订货日与当地截单时间；其余用 default。",
        )  # fmt: skip
        presentation: float = setting(
            0, "Presentation stock", "陈列量", unit="each", ge=0, le=500,
            help_en="Units that keep the shelf looking full, unless the planogram gives more.",
            help_zh="使货架显得丰满的数量；棚格图要求更多时以其为准。",
        )  # fmt: skip
        backroom: float = setting(
            0, "Backroom space", "后仓容量", unit="each", ge=0, le=5000,
            help_en="Units that may lie behind the shelf, added to its capacity.", help_zh="后仓可放数量，计入货架容量。",
        )  # fmt: skip
        overdue_days: int = setting(
            3, "Overdue after", "逾期天数", unit="d", ge=0, le=30,
            help_en="An order this late no longer counts as coming.", help_zh="晚到达到该天数的订单不再计为在途。",
        )  # fmt: skip
        max_cover: int = setting(
            45, "Longest cover", "最长可售天数", unit="d", ge=3, le=365,
            help_en="No order lifts cover beyond it.", help_zh="订货后的可售天数不超过该值。",
        )  # fmt: skip
        auto_release: float = setting(
            0.3, "Distance released", "自动放行幅度", ge=0, le=5,
            help_en="Lines within this relative distance of the four-week mean go out as final, others wait for the store.",
            help_zh="与四周均值相差在该比例内的行直接定稿，其余等门店确认。",
        )  # fmt: skip

    @on("forecast.demand")
    def forecast(self, event):
        from storeloom.workers.optimise.outlook import enter_forecast

        if event.get("level", "item") != "item":
            return
        gtin, hours, begin = self._gtin(event["key"]), self.store.hours, parse_time(event["from"])
        span = range(max(1, round((parse_time(event["to"]) - begin) / DAY)))
        days = [hours.store_day(begin + number * DAY).isoformat() for number in span]
        enter_forecast(self.state.setdefault(f"demand:{gtin}", {}), event.data, days, hours.store_day(self.now).isoformat())
        self._repeat(gtin)

    @on("inventory.snapshot")
    def counted(self, event):
        from storeloom.workers.optimise.position import enter_snapshot, on_hand

        gtin = self._gtin(event["gtin"])
        book = self._book(gtin)
        if event.get("other_store", self.store.id) != self.store.id or not enter_snapshot(book, event.data, event.time):
            return
        self._repeat(gtin)
        if book.get("alerted") and on_hand(book) >= 0:
            book["alerted"] = False
            yield self._negative(gtin, on_hand(book), "cleared")

    @on("inventory.movement?")
    def moved(self, event):
        from storeloom.workers.optimise.position import enter_movement

        gtin = self._gtin(event["gtin"])
        enter_movement(self._book(gtin), event.data, event.time)
        self._repeat(gtin)

    @on("shipment.notice?")
    def announced(self, event):
        from storeloom.workers.optimise.position import expect

        for line in event["lines"]:
            gtin = self._gtin(line["gtin"])
            if event["state"] != "cancelled" and event.get("order"):
                self._ordered(event["order"], gtin, line["qty"])
            qty = 0 if event["state"] == "cancelled" else line["qty"]
            expect(self._book(gtin), event["shipment"], qty, event.get("eta", self.now.isoformat()), event.get("order"))
            self._repeat(gtin)

    @on("score.report?")
    def classified(self, event):
        """The safety factor of an item's policy class."""
        from storeloom.workers.optimise.inventory import safety_factor

        parts = {part["name"]: part["value"] for part in event["parts"]}
        if event["subject_kind"] == "item" and ("z" in parts or 0 < parts.get("level", 0) < 1):
            gtin = self._gtin(event["subject"])
            self._book(gtin)["z"] = parts["z"] if "z" in parts else safety_factor(parts["level"])
            self._repeat(gtin)

    @on("order.propose?")
    def proposed(self, event):
        """The store's edit of a proposal, or an order made elsewhere."""
        from storeloom.workers.optimise.position import expect

        own = self.state.get(f"proposal:{event['proposal']}")
        for line in event["lines"]:
            gtin, qty = self._gtin(line["gtin"]), 0 if event["stage"] == "cancelled" else line["qty"]
            if own:
                self._ordered(event["proposal"], gtin, qty)
                if event["stage"] != "draft":
                    expect(self._book(gtin), event["proposal"], qty, own["eta"])
            elif event.get("basis") in ("promotion", "fresh"):
                due = event.get("deliver_on") or self.store.hours.store_day(self.now).isoformat()
                self._book(gtin)["elsewhere_until"] = due if qty else ""

    def start(self):
        self.plan_day("")

    @on_table("suppliers", "lead_times", "products")
    def plan_day(self, table):
        """Set the alarms of today's runs, one for each supplier and cut-off."""
        today = self.store.hours.store_day(self.now)
        for supplier, chance in {(name, self._chance(row)) for name, rows in self._ranges().items() for row in self._unlike(name, rows)}:
            cutoff = self.store.hours.at(today, chance.cutoff)
            if today.isoweekday() in chance.weekdays and cutoff > self.now:
                run = max(cutoff - AHEAD_OF_CUTOFF, self.now)
                self.timers.set("run", f"{supplier}|{chance.cutoff}", run, {"cutoff": cutoff.isoformat()})

    @every("1d", at="00:00")
    def new_day(self, due):
        self.plan_day("")
        for key in [key for key in self.state if key.startswith(("item:", "demand:")) and not self._product(key.partition(":")[2])]:
            del self.state[key]

    @timer("run")
    def run(self, due):
        """Propose for all items of a supplier with this cut-off."""
        supplier, _, clock = due.key.partition("|")
        cutoff = parse_time(due.data["cutoff"])
        day, stages = self.store.hours.store_day(cutoff), {"final": [], "draft": []}
        forecast = {key.removeprefix("demand:") for key in self.state if key.startswith("demand:")}
        for row in self._ranges().get(supplier, ()):
            if row["gtin"] in forecast and self._chance(row).cutoff == clock and self._orderable(row, day):
                self._book(row["gtin"])["coming"].pop(self._proposal(due.key, day, "final"), None)
                line = yield from self._line(row, cutoff)
                stage = self._stage(row["gtin"], line and line["qty"], day)
                if line:
                    stages[stage].append(line)
        for stage, lines in stages.items():
            yield from self._propose(self._proposal(due.key, day, stage), stage, supplier, lines, cutoff)

    def _stage(self, gtin, qty, day):
        """Final for a line near the item's mean of four weeks; what is proposed enters the mean."""
        past = self._book(gtin).setdefault("ordered", {})
        for old in [old for old in past if not (day - MEAN_DAYS * DAY).isoformat() <= old < day.isoformat()]:
            del past[old]
        mean = sum(past.values()) / len(past) if past else None
        if qty:
            past[day.isoformat()] = qty
        return "final" if qty and mean is not None and abs(qty - mean) <= self.config.auto_release * mean + 1e-9 else "draft"

    def _proposal(self, run, day, stage):
        supplier, _, clock = run.partition("|")
        return f"{supplier or 'store'}-{day:%Y%m%d}-{clock.replace(':', '')}-{stage}"

    def _line(self, row, cutoff):
        """The order line of an item, None where nothing is to be ordered."""
        from storeloom.workers.optimise.inventory import order_line, protected_demand, safety_factor, safety_stock
        from storeloom.workers.optimise.ordering import days_to_next
        from storeloom.workers.optimise.outlook import window
        from storeloom.workers.optimise.position import coming, on_hand

        gtin, config = row["gtin"], self.config
        book, lead = self._book(gtin), self._lead(row)
        found, review = on_hand(book), days_to_next(self.store.hours.store_day(cutoff), self._chance(row).weekdays)
        days, multiple = (lead.get("days") or 1) + review, lead.get("pack_multiple") or 1
        demand = protected_demand(window(self.state.get(f"demand:{gtin}", {}), self.store.hours, cutoff, days))
        if demand is None or found is None:
            return None
        mean, variance = demand
        daily = mean / days
        if found < 0 and not book.get("alerted"):
            book["alerted"] = True
            yield self._negative(gtin, found, "open")
        self.kpi.share("stockout_rate", found <= 0, 1)
        if daily > 0:
            self.kpi.sample("days_of_cover", max(0, found) / daily)
        slots = self.tables.planogram.rows(gtin=gtin)
        presentation = max(config.presentation, sum(slot.get("min_qty") or 0 for slot in slots))
        z = book.get("z", safety_factor(config.service_level))
        safety = safety_stock(z, variance, daily, lead.get("days_sd") or 0)
        position = max(0, found) + coming(book, cutoff, config.overdue_days) - book["reserved"]
        room = sum(slot["capacity"] for slot in slots) + config.backroom if slots and all(slot.get("capacity") for slot in slots) else None
        line = order_line(
            mean + max(presentation, safety), position, (row.get("case_pack") or 1) * multiple,
            minimum=(row.get("attributes") or {}).get("min_order", 0), capacity=room, cover_limit=config.max_cover * daily,
            reason="presentation" if presentation > safety else "order_up_to",
        )  # fmt: skip
        if line is None:
            return None
        facts = {"forecast": mean, "safety": safety, "presentation": presentation, "order_up_to": mean + max(presentation, safety)}
        facts |= {"position": position, "on_hand": max(0, found)}
        return {
            "gtin": gtin,
            "qty": line.qty,
            "cases": line.cases * multiple,
            **({"cost": row["cost"]} if "cost" in row else {}),
            "reason": line.reason,
            "options": {name: round(value, 3) for name, value in facts.items()},
        }

    def _propose(self, proposal, stage, supplier, lines, cutoff):
        from storeloom.workers.optimise.ordering import delivery_day
        from storeloom.workers.optimise.position import expect

        before = self.state.get(f"proposal:{proposal}")
        wanted, earlier = {line["gtin"]: line for line in lines}, before["lines"] if before else {}
        if not wanted and not earlier:
            return
        day = self.store.hours.store_day(cutoff)
        delivery = max((delivery_day(day, self._lead(self._product(gtin))) for gtin in wanted), default=None)
        eta = self.store.hours.midnight(delivery + DAY).isoformat() if delivery else self.now.isoformat()
        if stage == "final":
            for gtin, line in wanted.items():
                expect(self._book(gtin), proposal, line["qty"], eta)
        if {gtin: line["proposed"] for gtin, line in earlier.items()} == {gtin: line["qty"] for gtin, line in wanted.items()}:
            return
        kept = {
            gtin: {"proposed": line["qty"], "on_hand": line["options"]["on_hand"], "net": self._book(gtin)["net"]}
            for gtin, line in wanted.items()
        }
        self.state[f"proposal:{proposal}"] = {"day": day.isoformat(), "eta": eta, "lines": kept}
        self.timers.set("judge", proposal, cutoff + JUDGED_AFTER)
        yield out(
            "order.propose", proposal=proposal, stage=stage if lines else "cancelled", kind="buy", supplier=supplier or None,
            order_by=cutoff, deliver_on=delivery, basis="base", total=round(sum(line["qty"] * line.get("cost", 0) for line in lines)),
            lines=[{**line, "qty": round(line["qty"], 3)} for line in lines],
        )  # fmt: skip

    @timer("judge")
    def judge(self, due):
        """A week after: what was proposed and what the store made of it, against what sold."""
        from storeloom.workers.optimise.position import on_hand

        for gtin, line in self.state.pop(f"proposal:{due.key}")["lines"].items():
            touched = line.get("ordered", line["proposed"]) != line["proposed"]
            self.kpi.share("lines_touched", touched, 1)
            book = self._book(gtin)
            if not touched or on_hand(book) is None:
                continue
            sold = line["on_hand"] + book["net"] - line["net"] - on_hand(book)
            gain = abs(line["proposed"] - sold) - abs(line["ordered"] - sold)
            self.kpi.share("edit_value_added", gain, max(0, sold))
            parts = {"proposed": line["proposed"], "ordered": line["ordered"], "sold": sold, "value_added": gain}
            yield out(
                "score.report", {"from": due.time - JUDGED_AFTER, "to": due.time}, scheme="forecast_value_added", subject_kind="item",
                subject=gtin, labels={"proposal": due.key},
                parts=[{"name": name, "value": round(value, 3)} for name, value in parts.items()],
            )  # fmt: skip

    def _ordered(self, proposal, gtin, qty):
        """Keep beside a proposal what was ordered in fact; that counts in the four-week mean, too."""
        known = self.state.get(f"proposal:{proposal}")
        if known and gtin in known["lines"]:
            known["lines"][gtin]["ordered"] = qty
            self._book(gtin)["ordered"][known["day"]] = qty

    def _repeat(self, gtin):
        """Run again for an item's supplier when a fact comes in between run and cut-off, unless the store has begun to edit."""
        row, day = self._product(gtin), self.store.hours.store_day(self.now)
        chance = self._chance(row)
        cutoff, key = self.store.hours.at(day, chance.cutoff), f"{row.get('supplier') or ''}|{chance.cutoff}"
        if day.isoweekday() not in chance.weekdays or not cutoff - AHEAD_OF_CUTOFF <= self.now < cutoff or self.timers.get("run", key):
            return
        made = [self.state.get(f"proposal:{self._proposal(key, day, stage)}", {"lines": {}}) for stage in ("final", "draft")]
        if not any("ordered" in line for one in made for line in one["lines"].values()):
            self.timers.set("run", key, min(self.now + REPEAT_AFTER, cutoff), {"cutoff": cutoff.isoformat()})

    def _negative(self, gtin, value, state):
        name = self._product(gtin).get("name", gtin)
        return out(
            "alert.raise", alert=f"negative-{gtin}", kind="negative_stock", severity="warn", state=state, subject=gtin, value=value,
            limit=0, text=self.say(f"{name}: {value:g} on hand; count it", f"{name}库存为{value:g}，请盘点"),
        )  # fmt: skip

    def _orderable(self, row, day):
        supplier = self.tables.suppliers.get(row.get("supplier")) or {}
        listed = not row.get("delisted_on") or row["delisted_on"] > day.isoformat()
        blocked = row.get("blocked") or (row.get("attributes") or {}).get("blocked") or supplier.get("vmi")
        return listed and not blocked and self._book(row["gtin"]).get("elsewhere_until", "") < day.isoformat()

    def _ranges(self):
        """The products of each supplier, "" for those without one."""
        from storeloom.workers.optimise.ordering import by_supplier

        return self.tables.products.derived("by supplier", by_supplier)

    def _unlike(self, supplier, rows):
        """Enough of a supplier's products to know all its order chances: one, where its lead times do not tell them apart."""
        return rows if self.tables.lead_times.rows(supplier=supplier) else rows[:1]

    def _lead(self, row):
        from storeloom.workers.optimise.ordering import lead_row

        return lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)

    def _chance(self, row):
        """Order days and cut-off of an item: its supplier's entry, else its lead times', else the default."""
        from storeloom.workers.optimise.ordering import Chance, order_chance

        calendar = self.config.order_calendar
        own, default = calendar.get(row.get("supplier") or ""), calendar.get("default") or OrderChance()
        return Chance(own.cutoff, own.weekdays()) if own else order_chance(self._lead(row), Chance(default.cutoff, default.weekdays()))

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {}

    def _gtin(self, gtin):
        return self._product(gtin).get("gtin", gtin)

    def _book(self, gtin):
        from storeloom.workers.optimise.position import empty

        return self.state.setdefault(f"item:{gtin}", empty())
