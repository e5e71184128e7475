"""Measures each supplier line by line on time, in full, quality and price, with honest limits for small samples, and its real lead times.

A line is due when its delivery window ends: the store day of `deliver_on` with the hours before and after; without that day, the day that
the lead times give. What became due together is judged together, and each time the supplier is reported on its lines of the period. A
receipt belongs to the order that it names, else to the earliest open line of the item; a notice likewise. What comes late, up to two
weeks, still counts for notice, quality and price, and brings a report at the end of its day. Invoiced as ordered is a price a unit or an
amount that agrees with the cost on the order, else the product's; a line without either is not judged on price, and a part without lines
does not weigh. A change after the cut-off (`order_by`, else that of the lead times, else the order itself) takes its lines out.

Lead time is the number of open days from the order to its first receipt, late ones as well, one an order. It begins with what the lead
times say, else with the first delivery.
"""

from datetime import date, timedelta

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

DAY = timedelta(days=1)
LATE = timedelta(days=14)
MOST_FULL = 1.02
COUNTS = ("due", "both", "on_time", "in_full", "asn", "received", "accepted", "priced", "as_ordered")


class Weights(SolutionConfig):
    """What the parts weigh in the score."""

    otif: float = Field(0.5, title="On time in full", ge=0, json_schema_extra={"x-zh": "准时足量"})
    asn: float = Field(0.2, title="Dispatch notices", ge=0, json_schema_extra={"x-zh": "发货通知"})
    quality: float = Field(0.2, title="Quality", ge=0, json_schema_extra={"x-zh": "质量"})
    price: float = Field(0.1, title="Price", ge=0, json_schema_extra={"x-zh": "价格"})


class SupplierScorecard(Solution):
    number = 87
    zh, en = "供应商履约评分", "Supplier scorecard"
    purpose_zh = "逐行衡量供应商准时、足量、质量与价格，小样本给出可信区间，并把真实到货周期交给订货。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("score.report", "alert.raise")
    reads = ("suppliers", "lead_times", "products")
    kpis = {
        "otif": kpi("%", "Lines on time in full", "准时足量率"),
        "score": kpi("points", "Score", "评分"),
        "mean_lead_time": kpi("d", "Mean lead time", "平均到货周期"),
        "lead_time_sd": kpi("d", "Deviation of the lead time", "到货周期标准差"),
    }
    kinds = {
        "otif_below_target": ("On time in full surely below target", "准时足量率确定低于目标"),
        "lead_time_shift": ("Lead time has shifted", "到货周期发生偏移"),
    }

    class Config(SolutionConfig):
        window_before: int = setting(
            24, "Early arrival", "提前到货容差", unit="h", ge=0, le=168,
            help_en="Early arrival that is still on time.", help_zh="提前到货仍算准时的小时数。",
        )  # fmt: skip
        window_after: int = setting(
            0, "Late arrival", "迟到容差", unit="h", ge=0, le=48,
            help_en="Late arrival that is still on time.", help_zh="迟到仍算准时的小时数。",
        )  # fmt: skip
        full_share: float = setting(
            0.98, "In full from", "足量下限", ge=0.8, le=1,
            help_en="Received over ordered that is in full; over 1.02 is not.", help_zh="实收与订量之比达到该值为足量；超过1.02不算。",
        )  # fmt: skip
        weights: Weights = setting(Weights, "Weights of the score", "评分权重")
        target_otif: float = setting(
            0.95, "Agreed level", "约定准时足量率", ge=0.5, le=1,
            help_en="An alert is raised only when the whole interval lies below it.", help_zh="仅当整个置信区间低于该值时告警。",
        )  # fmt: skip
        ewma: float = setting(0.2, "Weight of a new lead time", "新周期权重", ge=0.05, le=0.5)
        period: int = setting(
            90, "Period", "考核周期", unit="d", ge=14, le=365, help_en="Lines looked at.", help_zh="纳入考核的天数。",
        )  # fmt: skip
        cusum_h: float = setting(
            5, "CUSUM limit", "CUSUM控制限", ge=2, le=10,
            help_en="In standard deviations; beyond it a shift of lead time is reported.", help_zh="以标准差计；超过即报告到货周期偏移。",
        )  # fmt: skip

    # Orders

    @on("order.propose")
    def ordered(self, event):
        """A final order opens lines; changes after its cut-off take theirs out."""
        name = f"order:{event['proposal']}"
        known = self.state.get(name)
        if event.get("kind", "buy") != "buy" or event["stage"] == "draft" or (known is None and event["stage"] == "cancelled"):
            return
        if known and self.now > parse_time(known["cutoff"]):
            wanted = {} if event["stage"] == "cancelled" else {self._gtin(line["gtin"]): line["qty"] for line in event["lines"]}
            moved = wanted and event.get("deliver_on", known["deliver_on"]) != known["deliver_on"]
            for gtin, line in known["lines"].items():
                line["changed"] = line.get("changed", False) or bool(moved) or wanted.get(gtin) != line["qty"]
            return
        self.state.pop(name, None)
        supplier = event.get("supplier") or next((self._product(line["gtin"]).get("supplier") for line in event["lines"]), None)
        if supplier and event["stage"] == "final":
            self._open(name, event, supplier)

    def _open(self, name, event, supplier):
        hours, lead = self.store.hours, self._lead(supplier, event["lines"])
        day = hours.store_day(event.time)
        due = event.get("deliver_on") or self.workers.optimise.ordering.delivery_day(day, lead).isoformat()
        cutoff = event.get("order_by") or (rfc3339(hours.at(day, lead["order_by"])) if lead.get("order_by") else rfc3339(event.time))
        end = hours.midnight(date.fromisoformat(due) + DAY) + timedelta(hours=self.config.window_after)
        lines = {}
        for line in event["lines"]:
            gtin = self._gtin(line["gtin"])
            cost = line.get("cost", self._product(gtin).get("cost"))
            lines.setdefault(gtin, {"qty": 0, "cost": cost, "received": 0, "accepted": 0, "told": 0, "first": None})["qty"] += line["qty"]
        dates = {"day": day.isoformat(), "deliver_on": due, "cutoff": cutoff, "end": rfc3339(end)}
        self.state[name] = {"supplier": supplier, **dates, "lines": lines}
        self.timers.set("due", f"{supplier}|{rfc3339(end)}", end, {"supplier": supplier})

    @on("shipment.notice")
    def announced(self, event):
        if event["state"] != "dispatched":
            return
        for line in event["lines"]:
            found = self._line_of(self._gtin(line["gtin"]), event.get("order"), event["supplier"])
            if found:
                found[1]["told"] += line["qty"]

    @on("inventory.movement")
    def received(self, event):
        if event["kind"] != "receive" or event.get("state", "booked") != "booked":
            return
        gtin = self._gtin(event["gtin"])
        found = self._line_of(gtin, event.get("order"), event.get("supplier") or self._product(gtin).get("supplier"))
        if found is None:
            return
        order, line = found
        line["first"] = line["first"] or rfc3339(event.time)
        line["received"] += event["qty"]
        line["accepted"] += event.get("accepted", event["qty"])
        agrees = self._agrees(event, line["cost"])
        if agrees is not None:
            line["as_ordered"] = line.get("as_ordered", True) and agrees
        if order.get("judged"):
            supplier, night = order["supplier"], self.store.hours.midnight(self.store.hours.store_day(self.now) + DAY)
            self.timers.set("due", f"{supplier}|{rfc3339(night)}", night, {"supplier": supplier})
        if not order.get("came"):
            order["came"] = True
            yield from self._lead_time(order, event.time)

    def _agrees(self, event, cost):
        """Whether a receipt is invoiced as ordered: a unit's price or the amount; None where either side is unknown."""
        invoiced = event.get("invoiced", event.get("cost"))
        if invoiced is None or cost is None:
            return None
        amounts = {cost, round(cost * event["qty"]), round(cost * event.get("accepted", event["qty"]))}
        return round(invoiced) in amounts

    def _line_of(self, gtin, order, supplier):
        """The order and line that a fact is about: as it names it, else the earliest open one of the item."""
        named = self.state.get(f"order:{order}") if order else None
        if named:
            return (named, named["lines"][gtin]) if gtin in named["lines"] else None
        names = [name for name in self.state if name.startswith("order:")]
        known = [self.state[name] for name in names if self.state[name]["supplier"] == supplier and gtin in self.state[name]["lines"]]
        waiting = [one for one in known if one["lines"][gtin]["received"] < one["lines"][gtin]["qty"]]
        found = min(waiting, key=lambda one: (one.get("judged", False), one["deliver_on"], one["day"]), default=None)
        return None if found is None else (found, found["lines"][gtin])

    # Lead time

    def _lead_time(self, order, at):
        supplier, hours = order["supplier"], self.store.hours
        began, ended = date.fromisoformat(order["day"]), hours.store_day(at)
        days = sum(hours.day(began + n * DAY) is not None for n in range(1, (ended - began).days + 1))
        lead_shift, row = self.workers.insight.lead_shift, self._lead(supplier, [{"gtin": gtin} for gtin in order["lines"]])
        first = lead_shift.new(days if row.get("days") is None else row["days"], (row.get("days_sd") or 0) ** 2)
        lead = self.state.setdefault(f"lead:{supplier}", first)
        before = lead["mean"]
        shift = lead_shift.observe(lead, days, self.config.ewma, self.config.cusum_h)
        self.kpi.set("mean_lead_time", lead["mean"])
        self.kpi.set("lead_time_sd", lead["variance"] ** 0.5)
        if shift:
            name = self._name(supplier)
            longer = shift == "longer"
            yield out(
                "alert.raise", alert=f"lead-time-{supplier}-{at:%Y%m%dT%H%M%S}", kind="lead_time_shift", severity="warn", state="open",
                subject=supplier, value=round(lead["mean"], 3), limit=round(before, 3), unit="d", ref={"shift": shift, "days": days},
                text=self.say(f"{name}: lead time is {shift}, now {days} d", f"{name}：周期{'变长' if longer else '变短'}，本次{days}天"),
            )  # fmt: skip

    # Judging

    @timer("due")
    def due(self, due):
        """Judge what of a supplier is due now, then report on its lines of the period."""
        supplier, today = due.data["supplier"], self.store.hours.store_day(due.time)
        book, open_counts = self.state.setdefault(f"judged:{supplier}", {}), []
        for name in [name for name in self.state if name.startswith("order:") and self.state[name]["supplier"] == supplier]:
            order = self.state[name]
            if parse_time(order["end"]) > due.time:
                continue
            lines = [line for line in order["lines"].values() if not line.get("changed")]
            if not order.get("judged"):
                order["judged"] = True
                for line in lines:
                    self._judge(order, line)
            counts = [sum(column) for column in zip(*(self._counts(line) for line in lines), strict=True)] or [0] * len(COUNTS)
            if due.time - parse_time(order["end"]) < LATE:
                open_counts.append(counts)
                continue
            day = self.store.hours.store_day(parse_time(order["end"])).isoformat()
            book[day] = [sum(pair) for pair in zip(book.get(day, [0] * len(COUNTS)), counts, strict=True)]
            del self.state[name]
        for day in [day for day in book if day <= (today - self.config.period * DAY).isoformat()]:
            del book[day]
        total = dict(zip(COUNTS, map(sum, zip(*book.values(), *open_counts, strict=True)), strict=False))
        if total.get("due"):
            yield from self._report(supplier, total, due.time)

    def _judge(self, order, line):
        begin = self.store.hours.midnight(date.fromisoformat(order["deliver_on"])) - timedelta(hours=self.config.window_before)
        line["on_time"] = line["first"] is not None and begin <= parse_time(line["first"]) <= parse_time(order["end"])
        line["in_full"] = self.config.full_share - 1e-9 <= line["received"] / (line["qty"] or 1) <= MOST_FULL + 1e-9
        self.kpi.share("otif", line["on_time"] and line["in_full"], 1)

    def _counts(self, line):
        """What a judged line adds to each of COUNTS."""
        matched = line["told"] > 0 and abs(line["told"] - line["received"]) < 1e-6
        marks = (line["on_time"] and line["in_full"], line["on_time"], line["in_full"], matched)
        return (1, *map(int, marks), line["received"], line["accepted"], int("as_ordered" in line), int(line.get("as_ordered", False)))

    def _report(self, supplier, total, at):
        from storeloom.workers.insight.proportions import wilson

        otif, (low, high), weights = total["both"] / total["due"], wilson(total["both"], total["due"]), self.config.weights
        parts = {"otif": otif, "asn": total["asn"] / total["due"]}
        if total["received"] > 0:
            parts["quality"] = total["accepted"] / total["received"]
        if total["priced"]:
            parts["price"] = total["as_ordered"] / total["priced"]
        weight = sum(getattr(weights, name) for name in parts)
        score = 100 * sum(getattr(weights, name) * value for name, value in parts.items()) / weight if weight else None
        if score is not None:
            self.kpi.set("score", score)
        shares = {
            **parts,
            "otif_low": low,
            "otif_high": high,
            "on_time": total["on_time"] / total["due"],
            "in_full": total["in_full"] / total["due"],
        }
        told = [{"name": name, "value": round(100 * value, 2), "unit": "%"} for name, value in shares.items()]
        told.append({"name": "lines_due", "value": total["due"]})
        lead = self.state.get(f"lead:{supplier}")
        if lead:
            told.append({"name": "mean_lead_time", "value": round(lead["mean"], 3), "unit": "d"})
            told.append({"name": "lead_time_sd", "value": round(lead["variance"] ** 0.5, 3), "unit": "d"})
        yield out("score.report", {"from": at - self.config.period * DAY, "to": at}, scheme="supplier_scorecard", subject_kind="supplier",
                  subject=supplier, score=None if score is None else round(score, 2), parts=told)  # fmt: skip
        yield from self._compare(supplier, otif, low, high)

    def _compare(self, supplier, otif, low, high):
        """An alert while even the upper bound lies below what was agreed."""
        below, told = high < self.config.target_otif, f"below:{supplier}" in self.state
        if below == told:
            return
        if below:
            self.state[f"below:{supplier}"] = True
        else:
            del self.state[f"below:{supplier}"]
        name, words = self._name(supplier), f"{100 * otif:.1f} % ({100 * low:.1f}..{100 * high:.1f})"
        yield out(
            "alert.raise", alert=f"otif-{supplier}", kind="otif_below_target", severity="warn", state="open" if below else "cleared",
            subject=supplier, value=round(100 * otif, 2), limit=100 * self.config.target_otif, unit="%",
            ref={"low": round(100 * low, 2), "high": round(100 * high, 2)},
            text=self.say(f"{name}: on time in full {words}", f"{name}：准时足量率{words}"),
        )  # fmt: skip

    # What is known

    def _name(self, supplier):
        return (self.tables.suppliers.get(supplier) or {}).get("name", supplier)

    def _lead(self, supplier, lines):
        product = next((row for line in lines if (row := self._product(line["gtin"]))), {})
        rows = self.tables.lead_times.rows(supplier=supplier)
        return self.workers.optimise.ordering.lead_row(rows, product) or next(iter(rows), {})

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {}

    def _gtin(self, gtin):
        return self._product(gtin).get("gtin", gtin)
