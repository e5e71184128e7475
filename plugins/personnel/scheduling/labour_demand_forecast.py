"""Labour demand: how many people each role needs in each slot of the next 14 days, from forecasts, standards and a queueing target.

At midnight the coming day is worked out, the 13 days after it a few seconds apart, so that no burst of outputs stands in the way of others.
A driver is `receipts`, `visitors`, `cases`, `online_lines`, `units` (all goods asked for) or the key of a `forecast.demand` (a category, an
item). A forecast under the driver's own key counts first. Receipts are those of tills with a cashier's lane; a forecast for the whole store
(`place` store or its id) counts in place of those of its doors. Online lines are forecast orders x lines an order of the last 28 days.
Cases are the despatched trade units of a shipment, put away in the first opening slot that begins at or after its arrival; on days with a
notice the notices are all there is. Without a forecast a slot has the mean of the last four same weekdays on which it was open.

A row of the table `skills` whose role is the role and whose skill is its driver gives the seconds (`standard_s`) in place of the config's;
items of `checklists` with `minutes` and `slots` are fixed work of workload roles. Each night the day that ended is scored: the hours last
forecast for it against the hours that its actual drivers would have asked for.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time
from storeloom.workers.gs1 import item_key

HORIZON_DAYS, LEARN_DAYS, WEEKS = 14, 28, 4
SPACING_S, BIN_MIN, LEAST_RECEIPTS = 5, 5, 200
LONG_AGO = datetime.min.replace(tzinfo=UTC)
PICKED = ("delivery", "pickup", "ship")
Group = Annotated[str, Field(pattern=r"^(open|closed|([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00))$")]


class Standard(SolutionConfig):
    driver: str = Field(min_length=1)
    seconds: float = Field(gt=0, le=86400)


class LabourDemandForecast(Solution):
    number = 67
    zh, en = "用工需求预测", "Labour demand forecast"
    purpose_zh = "依据客流、小票、到货箱数与线上订单预测，按工时标准和排队目标算出各岗位每个时段所需人数。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("forecast.labour", "score.report")
    reads = ("skills", "checklists")
    load = "forecast"
    kpis = {
        "required_hours": kpi("h", "Hours required", "所需工时"),
        "labour_forecast_error": kpi("%", "Labour forecast error", "用工预测误差"),
        "peak_staff": kpi("count", "Most staff at once", "高峰人数"),
    }

    class Config(SolutionConfig):
        slot: int = setting(15, "Length of a slot", "时段长度", unit="min", ge=15, le=60,
            help_en="People are counted for slots of this length from midnight on.", help_zh="从零点起按此长度划分时段。")  # fmt: skip
        standards: dict[str, Standard] = setting(
            lambda: {"cashier": {"driver": "receipts", "seconds": 90}, "stocker": {"driver": "cases", "seconds": 150},
                     "picker": {"driver": "online_lines", "seconds": 60}},
            "Work per driver unit", "单位工时标准",
            help_en="By role: receipts, visitors, cases, online_lines, units, or a forecast's category or item.",
            help_zh="按岗位：receipts、visitors、cases、online_lines、units，或预测的品类、商品。")  # fmt: skip
        fixed_work: dict[str, dict[Group, Annotated[float, Field(ge=0)]]] = setting(lambda: {"stocker": {"open": 30}},
            "Fixed work in a slot", "固定工作", unit="min", help_en="By role and group of slots: open, closed, or HH:MM-HH:MM store time.",
            help_zh="按岗位与时段组：open、closed 或门店时间 HH:MM-HH:MM。")  # fmt: skip
        queue_roles: list[str] = setting(lambda: ["cashier"], "Roles with a queue", "按排队目标配置的岗位",
            help_en="Staffed by the queueing target, the others by workload.", help_zh="按排队目标配人，其余按工作量。")  # fmt: skip
        wait_target: int = setting(60, "Wait not to be exceeded", "等待目标", unit="s", ge=5, le=600,
            help_en="The wait within which most customers should be served.", help_zh="多数顾客应在此时间内得到服务。")  # fmt: skip
        wait_share: float = setting(0.8, "Share of customers within it", "达标顾客比例", ge=0.5, le=0.99,
            help_en="Share of customers that wait no longer than the target.", help_zh="等待不超过目标的顾客比例。")  # fmt: skip
        allowance: float = setting(0.12, "Rest and walking", "休息与走动宽放", ge=0, le=0.4,
            help_en="Share of paid time, workload roles only.", help_zh="占计薪时间的比例，仅用于工作量岗位。")  # fmt: skip
        min_staff: dict[str, Annotated[int, Field(ge=0)]] = setting(lambda: {"cashier": 1}, "Least people while open", "营业时最少人数",
            help_en="By role.", help_zh="按岗位。")  # fmt: skip
        relearn: bool = setting(True, "Learn the cashier's standard", "自动校准收银工时",
            help_en="Median time from first scan to payment of the last 28 days, from 200 receipts on.",
            help_zh="最近 28 天首次扫码到付款的中位数，满 200 单起用。")  # fmt: skip

    # What is foreseen, and what happened

    @on("forecast.traffic")
    def traffic(self, event):
        if event["what"] in ("receipts", "visitors", "orders"):
            self._foresee(event, event["what"], "store" if event["place"] == self.store.id else event["place"])

    @on("forecast.demand?")
    def demand(self, event):
        drivers = self._drivers()
        if event["level"] in ("item", "category") and (event["key"] in drivers or "units" in drivers):
            self._foresee(event, event["level"], event["key"])

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] != "sale" or self._is_repeat(f"sale:{event['till']}|{event['receipt']}", event.time):
            return
        wanted = {item_key(driver): driver for driver in self._drivers() if driver.isdigit()}
        for line in event["lines"]:
            self._count("units", line["qty"], event.time)
            if (key := item_key(line["gtin"])) in wanted:
                self._count(wanted[key], line["qty"], event.time)
        if event["channel"] == "till":
            self._count("receipts", 1, event.time)
            self._time_receipt(event)

    @on("order.placed?")
    def ordered(self, event):
        if event["kind"] in PICKED and not event.get("draft") and not self._is_repeat(f"order:{event['order']}", event.time):
            self._count("online_lines", len(event["lines"]), event.time)
            self._count("orders", 1, event.time)

    @on("shipment.notice?")
    def announced(self, event):
        if event["state"] == "cancelled":
            self.state.pop(f"notice:{event['shipment']}", None)
        else:
            self.state[f"notice:{event['shipment']}"] = {"eta": event["eta"], "cases": sum(line["qty"] for line in event["lines"])}

    def _foresee(self, event, what, place):
        """Enter a forecast for every store day that it touches; the latest issue for a window counts."""
        hours, windows = self.store.hours, self.workers.optimise.demand_windows
        if not windows.tells(event):
            return
        day, end = hours.store_day(parse_time(event["from"])), parse_time(event["to"])
        row = {**event.data, "mean": event.get("p50", event.get("mean"))}
        while hours.midnight(day) < end:
            book = self.state.setdefault(f"book:{day}:{what}|{place}", [])
            windows.enter(book, row, LONG_AGO)
            day += timedelta(days=1)

    def _drivers(self):
        return {standard.driver for standard in self.config.standards.values()}

    def _is_repeat(self, key, at):
        known = key in self.state
        self.state[key] = self.store.hours.store_day(at).isoformat()
        return known

    def _count(self, driver, amount, at):
        """Actual drivers by store day and five minutes of wall time."""
        local = self.store.hours.local(at)
        bins = self.state.setdefault(f"actual:{local.date()}", {}).setdefault(driver, {})
        key = str((60 * local.hour + local.minute) // BIN_MIN * BIN_MIN)
        bins[key] = bins.get(key, 0) + amount
        self.state["since"] = min(self.state.get("since", "9999"), local.date().isoformat())

    def _time_receipt(self, event):
        if event.get("started"):
            seconds = (event.time - parse_time(event["started"])).total_seconds()
        else:
            seconds = event.get("ring_s", 0) + event.get("tender_s", 0)
        if seconds > 0:
            counts = self.state.setdefault(f"pace:{self.store.hours.store_day(event.time)}", {})
            key = str(round(seconds))
            counts[key] = counts.get(key, 0) + 1

    # The night

    @every("1d", at="00:00")
    def nightly(self, due):
        today = self.store.hours.store_day(due.time)
        self._keep_ratios(today - timedelta(days=1))
        yield from self._score(today - timedelta(days=1))
        self._forget(today)
        for ahead in range(1, HORIZON_DAYS):
            self.timers.set("day", f"{ahead:02}", due.time + timedelta(seconds=SPACING_S * ahead), {"today": today.isoformat()})
        yield from self._publish(today, today)

    @timer("day")
    def day_ahead(self, due):
        today = date.fromisoformat(due.data["today"])
        yield from self._publish(today + timedelta(days=int(due.key)), today)

    def _publish(self, day, today):
        heads = self._need(day, lambda driver, slots: self._foreseen(driver, day, today, slots))
        for start, end, role, people in heads:
            standard = self.config.standards.get(role)
            yield out("forecast.labour", {"from": start, "to": end}, role=role, heads=people, driver=standard.driver if standard else None)
        self.state[f"issued:{day}"] = hours = self.workers.optimise.labour.hours_by_role(heads)
        if day == today:
            by_slot = {}
            for start, _, _, people in heads:
                by_slot[start] = by_slot.get(start, 0) + people
            self.kpi.set("required_hours", sum(hours.values()))
            self.kpi.set("peak_staff", max(by_slot.values(), default=0))

    def _need(self, day, amounts):
        """(start, end, role, heads) of each slot of a store day; `amounts(driver, slots)` gives a driver's amount by slot."""
        hours, labour = self.store.hours, self.workers.optimise.labour
        slots = self._slots(day)
        roles = list(dict.fromkeys([*self.config.standards, *self.config.fixed_work, *self.config.min_staff]))
        known = {driver: amounts(driver, slots) for driver in sorted(self._drivers())}
        found = []
        for role in roles:
            standard, seconds = self.config.standards.get(role), self._seconds(role)
            routine = self._routine(role, day)
            for number, (start, end) in enumerate(slots):
                is_open = self.workers.optimise.store_times.is_in_hours(hours, start, end)
                amount = known[standard.driver][number] if standard and is_open else 0
                length = (end - start).total_seconds()
                minutes = labour.fixed_minutes(self.config.fixed_work.get(role, {}), hours, start, end)
                if role in self.config.queue_roles:
                    people = labour.queue_heads(amount, length, seconds, self.config.wait_target, self.config.wait_share)
                    people += labour.work_heads(minutes, 0, length / 60)
                else:
                    minutes += amount * seconds / 60 + sum(spent for at, spent in routine if start <= at < end)
                    people = labour.work_heads(minutes, self.config.allowance, length / 60)
                found.append((start, end, role, max(people, self.config.min_staff.get(role, 0) if is_open else 0)))
        return found

    def _seconds(self, role):
        """The standard: learnt at the till for cashiers, else the table's, else the config's."""
        standard = self.config.standards.get(role)
        if standard is None:
            return 0
        if role == "cashier" and self.config.relearn:
            counts = {}
            for key in [key for key in self.state if key.startswith("pace:")]:
                for seconds, number in self.state[key].items():
                    counts[int(seconds)] = counts.get(int(seconds), 0) + number
            learnt = self.workers.optimise.labour.median_of(counts, LEAST_RECEIPTS)
            if learnt is not None:
                return learnt
        rows = [row for row in self.tables.skills.rows(role=role, skill=standard.driver) if row.get("standard_s")]
        return rows[0]["standard_s"] if rows else standard.seconds

    def _routine(self, role, day):
        """(instant, minutes) of the checklists that a role does on a day."""
        items = [row for row in self.tables.checklists.rows(role=role) if row.get("minutes")]
        moments = [(self.workers.optimise.store_times.moment(self.store.hours, day, text), row["minutes"])
                   for row in items for text in row.get("slots") or ()]  # fmt: skip
        return [(at, minutes) for at, minutes in moments if at is not None]

    # A driver's amount by slot

    def _foreseen(self, driver, day, today, slots):
        """Amounts as forecast; slots without a forecast have the mean of the last four same weekdays."""
        told = self._landed(day, slots) if driver == "cases" else []
        if not any(told):
            books = self._books(day)
            told = [self._told(driver, books, start, end) for start, end in slots]
        if None not in told:
            return told
        usual = self._usual(driver, day, today)
        return [usual.get(self._clock(start), 0) if amount is None else amount for (start, _), amount in zip(slots, told, strict=True)]

    def _told(self, driver, books, start, end):
        amounts = [self._expected(books[key], start, end) for key in (f"category|{driver}", f"item|{driver}") if key in books]
        if driver in ("receipts", "visitors"):
            amounts.append(self._traffic(driver, books, start, end))
        if driver in ("receipts", "online_lines"):
            base = "visitors" if driver == "receipts" else "orders"
            count = self._traffic(base, books, start, end)
            ratio = None if count is None else self._ratio(base)
            amounts.append(None if ratio is None else ratio * count)
        if driver == "units":
            sums = [self._sum(books, f"{level}|", start, end) for level in ("category", "item")]
            amounts.append(max((one for one in sums if one is not None), default=None))
        return next((amount for amount in amounts if amount is not None), None)

    def _books(self, day):
        prefix = f"book:{day}:"
        return {key.removeprefix(prefix): self.state[key] for key in sorted(self.state) if key.startswith(prefix)}

    def _traffic(self, what, books, start, end):
        whole = books.get(f"{what}|store")
        return self._expected(whole, start, end) if whole else self._sum(books, f"{what}|", start, end)

    def _sum(self, books, prefix, start, end):
        amounts = [self._expected(book, start, end) for key, book in books.items() if key.startswith(prefix)]
        known = [amount for amount in amounts if amount is not None]
        return sum(known) if known else None

    def _expected(self, book, start, end):
        return self.workers.optimise.demand_windows.expected(book, self.store.hours, start, end)

    def _usual(self, driver, day, today):
        """Means by wall time of the last four same weekdays on which a slot was open, since the first day that was counted."""
        since, found = self.state.get("since", "9999"), {}
        for then in (today - timedelta(days=((today - day).days % 7 or 7) + 7 * week) for week in range(WEEKS)):
            slots = self._slots(then)
            if then.isoformat() < since:
                continue
            for (start, end), amount in zip(slots, self._happened(driver, then, slots), strict=True):
                if self.store.hours.open_seconds(start, end):
                    found.setdefault(self._clock(start), []).append(amount)
        return {clock: sum(amounts) / len(amounts) for clock, amounts in found.items()}

    def _happened(self, driver, day, slots):
        """What a day really brought, by slot; of visitors, who are not counted here, what was forecast."""
        if driver == "cases":
            return self._landed(day, slots)
        if driver == "visitors":
            books = self._books(day)
            return [self._traffic(driver, books, start, end) or 0 for start, end in slots]
        bins = self.state.get(f"actual:{day}", {}).get(driver, {})
        within = self.workers.optimise.labour.within
        return [within(bins, self._minute(start), (end - start).total_seconds() / 60, BIN_MIN) for start, end in slots]

    def _landed(self, day, slots):
        """Cases to put away by slot: in the first opening slot that begins at or after their arrival, be it of the day before."""
        hours, cases = self.store.hours, dict.fromkeys((start for start, _ in slots), 0)
        near = [*self._slots(day - timedelta(days=1)), *slots]
        for key in [key for key in self.state if key.startswith("notice:")]:
            arrival = parse_time(self.state[key]["eta"])
            if near[0][0] <= arrival < near[-1][1]:
                landing = self.workers.optimise.labour.landing_slot(hours, arrival, near)
                if landing in cases:
                    cases[landing] += self.state[key]["cases"]
        return list(cases.values())

    def _slots(self, day):
        return self.workers.optimise.store_times.slots(self.store.hours, day, self.config.slot)

    def _clock(self, at):
        return f"{self.store.hours.local(at):%H:%M}"

    def _minute(self, at):
        local = self.store.hours.local(at)
        return 60 * local.hour + local.minute

    # Ratios, accuracy

    def _keep_ratios(self, day):
        """Of the day that ended: receipts and the visitors that were forecast for the same slots; online lines and orders."""
        slots, books = self._slots(day), self._books(day)
        came = [self._traffic("visitors", books, start, end) or 0 for start, end in slots]
        receipts = sum(n for n, visitors in zip(self._happened("receipts", day, slots), came, strict=True) if visitors)
        totals = {name: sum(bins.values()) for name, bins in self.state.get(f"actual:{day}", {}).items()}
        self.state[f"ratio:{day}"] = {"visitors": [receipts, sum(came)], "orders": [totals.get("online_lines", 0), totals.get("orders", 0)]}

    def _ratio(self, base):
        rows = [self.state[key][base] for key in self.state if key.startswith("ratio:")]
        whole = sum(row[1] for row in rows)
        return sum(row[0] for row in rows) / whole if whole else None

    def _score(self, day):
        issued = self.state.get(f"issued:{day}")
        if issued is None:
            return
        labour = self.workers.optimise.labour
        actual = labour.hours_by_role(self._need(day, lambda driver, slots: self._happened(driver, day, slots)))
        parts = [
            {"name": f"{role}_{what}", "value": known.get(role, 0), "unit": "h"}
            for role in issued
            for what, known in (("forecast", issued), ("actual", actual))
        ]
        errors = labour.errors_pct(issued, actual)
        for error in errors:
            self.kpi.sample("labour_forecast_error", error)
        mape = sum(errors) / len(errors) if errors else None
        hours = self.store.hours
        parts += [{"name": "labour_forecast_error", "value": mape, "unit": "%"}] if errors else []
        yield out("score.report", {"from": hours.midnight(day), "to": hours.midnight(day + timedelta(days=1))}, scheme="labour_forecast",
                  subject_kind="store", subject=self.store.id, score=None if mape is None else max(0, 100 - mape), parts=parts)  # fmt: skip

    def _forget(self, today):
        """Forecasts and ratios of 28 days, counts of four same weekdays, notices as long; receipt numbers of two days."""
        limits = dict.fromkeys(("book", "ratio", "pace", "actual"), LEARN_DAYS) | {
            "issued": 1,
            "sale": 1,
            "order": 1,
            "notice": LEARN_DAYS + 1,
        }
        for key in list(self.state):
            what, _, rest = key.partition(":")
            if what in limits:
                day = self.state[key] if what in ("sale", "order") else self.state[key]["eta"][:10] if what == "notice" else rest[:10]
                if day < (today - timedelta(days=limits[what])).isoformat():
                    del self.state[key]
