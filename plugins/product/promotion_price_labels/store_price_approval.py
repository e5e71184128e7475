"""Store price approval: cuts inside the limits take effect at once, others go up for approval, and sales off the price book are shown.

A request is a `task.done` in state `done` whose `values` hold gtin and price. A store price without an end lasts `max_days`; the cut counts
from the list price, else from the base price. What is refused at once is told by an alert at severity info, with the reason. An approver's
answer is `approved`, or `done` with `approved: true`; the asker's own answer does not count. Before an approved price is set it is checked
once more. A request that says what already waits or holds changes nothing; one that is refused leaves the waiting one.

A sold line is on the book at any price that holds at its time for anybody, with the discount of a promotion or coupon that holds. An
override counts as authorised where `pos.exception` (price_override or discount) names its receipt and who authorised it, before or after
the sale. It grants prices; whether cashiers abuse overrides is another solution's question.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

DAY = timedelta(days=1)
HOUR_S = 3600
REASONS = {
    "unknown_item": ("unknown item", "商品不存在"),
    "unknown_reason": ("the reason is not allowed", "变价原因不在允许范围"),
    "under_floor": ("under the lowest price", "低于最低售价"),
    "over_list": ("over the list price", "高于标价"),
    "over_life": ("longer than a store price may last", "超过门店价最长有效期"),
    "over": ("it would end before it begins", "结束早于开始"),
    "promotion": ("the item is under a head-office promotion", "商品正在总部促销"),
}


class StorePriceApproval(Solution):
    number = 134
    zh, en = "门店变价审批与价格管控", "Store price approval and control"
    purpose_zh = "店长在限额内自行降价，超出的及时上报审批，并揪出每一笔偏离价格簿的销售。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("price.set", "task.create", "alert.raise", "insight.report")
    reads = ("products", "prices", "promotions", "staff")
    kpis = {
        "store_price_changes": kpi("count", "Store prices set", "门店变价次数"),
        "approval_time": kpi("h", "Open hours until approval", "审批用时（营业小时）"),
        "off_book_lines": kpi("count", "Unexplained lines off the price book", "无依据的偏离销售行"),
        "off_book_value": kpi("currency", "Money off the price book", "偏离金额"),
    }
    kinds = {
        "approve_price": ("Approve a store price", "审批门店变价"),
        "price_refused": ("Store price refused", "门店变价被拒"),
        "off_book_sales": ("Sales off the price book", "偏离价格簿的销售"),
        "store_prices": ("Live store prices", "生效中的门店价"),
    }

    class Config(SolutionConfig):
        manager_cut_pct: float = setting(
            15, "Cut that a store manager decides", "店长可自行决定的降幅", unit="%", ge=0, le=100,
            help_en="Of the list price.", help_zh="按标价计。",
        )  # fmt: skip
        area_cut_pct: float = setting(
            30, "Cut that an area manager may approve", "区域经理可审批的降幅", unit="%", ge=0, le=100,
            help_en="Above it head office decides.", help_zh="更高由总部审批。",
        )  # fmt: skip
        floor_pct: float = setting(
            102, "Lowest price for anyone", "任何人的最低售价", unit="% of cost", ge=0, le=200,
            help_en="A request under it is refused at once.", help_zh="低于此价立即拒绝。",
        )  # fmt: skip
        answer_h: float = setting(
            4, "Time to answer", "审批时限", unit="h", ge=0.25, le=72, help_en="In open hours.", help_zh="按营业小时计。"
        )
        max_days: int = setting(
            7, "Longest life of a store price", "门店价最长有效期", unit="d", ge=1, le=60,
            help_en="Longer ones are refused.", help_zh="更长的立即拒绝。",
        )  # fmt: skip
        deviation_lines: int = setting(
            3, "Unexplained lines that alert", "触发告警的偏离行数", ge=1, le=100,
            help_en="Of one item on one day.", help_zh="同一商品同一天。",
        )  # fmt: skip
        reasons: list[str] = setting(
            lambda: ["competitor", "near_expiry", "damage", "overstock"], "Allowed reasons", "允许的原因",
            help_en="Any other is refused.", help_zh="其余原因立即拒绝。",
        )  # fmt: skip

    # Requests and answers

    @on("task.done")
    def answered(self, event):
        values = event.get("values") or {}
        asked = next((one for one in self._waiting() if one["task"] == event["task"]), None)
        if asked is not None:
            yield from self._answer(asked, event)
        elif event["state"] == "done" and {"gtin", "price"} <= set(values):
            yield from self._request(event, values)

    def _request(self, event, values):
        zone, instant = self.store.hours.zone, self.workers.pricing.prices.instant
        start = instant(values.get("from"), zone, self.now)
        end = instant(values.get("to"), zone, max(start, self.now) + self.config.max_days * DAY)
        asked = {"gtin": values["gtin"], "price": round(values["price"]), "from": rfc3339(start), "to": rfc3339(end)}
        asked |= {"reason": values.get("reason"), "staff": event["staff"]}
        key = f"request:{self.workers.gs1.item_key(values['gtin'])}"
        if any(asked.items() <= one.items() for one in (*self._waiting(), *self._live())):
            return
        fault = self._fault(asked)
        if fault:
            yield self._refused(asked, fault)
            return
        self.state.pop(key, None)
        self.timers.cancel("answer", key)
        list_price = self._list(values["gtin"])
        cut = 100 * (1 - asked["price"] / list_price) if list_price else 0
        if cut <= self.config.manager_cut_pct + 1e-9:
            yield from self._set(asked, asked["staff"])
            return
        role = "area_manager" if cut <= self.config.area_cut_pct + 1e-9 else "head_office"
        due = self.workers.optimise.store_times.after_open(self.store.hours, self.now, timedelta(hours=self.config.answer_h))
        task = f"approve-price-{key.partition(':')[2]}-{rfc3339(self.now)}"
        self.state[key] = asked | {"task": task, "asked": rfc3339(self.now), "due": rfc3339(due)}
        self.timers.set("answer", key, due)
        name = (self.tables.products.get(asked["gtin"]) or {}).get("name", asked["gtin"])
        title = self.say(f"Approve {name} at {asked['price']}", f"审批 {name} 变价为 {asked['price']}")
        holders = sorted(row["staff"] for row in self.tables.staff.rows() if role in (row.get("roles") or ()) and not row.get("left"))
        yield out(
            "task.create", task=task, kind="approve_price", title=title,
            priority=2, role=role, staff=holders[0] if holders else None, due=due, items=[{"gtin": asked["gtin"]}],
            values={**asked, "cut_pct": round(cut, 1), "list_price": list_price},
        )  # fmt: skip

    def _answer(self, asked, event):
        approved = event["state"] == "approved" or (event["state"] == "done" and (event.get("values") or {}).get("approved") is True)
        if event["state"] == "accepted" or event["staff"] == asked["staff"]:
            return
        key = f"request:{self.workers.gs1.item_key(asked['gtin'])}"
        del self.state[key]
        self.timers.cancel("answer", key)
        if not approved:
            return
        self.kpi.sample("approval_time", self.store.hours.open_seconds(parse_time(asked["asked"]), self.now) / HOUR_S)
        fault = self._fault(asked)
        if fault:
            yield self._refused(asked, fault)
        else:
            yield from self._set(asked, event["staff"])

    @timer("answer")
    def silent(self, due):
        """No answer in time: the request ends and the till stays."""
        self.state.pop(due.key, None)

    def _fault(self, asked):
        """Why a request cannot be granted by anybody; None where it can."""
        product = self.tables.products.get(asked["gtin"])
        if product is None:
            return "unknown_item"
        start, end = max(parse_time(asked["from"]), self.now), parse_time(asked["to"])
        list_price, exact = self._list(asked["gtin"]), self.workers.pricing.money.exact
        pricing, zone = self.workers.pricing, self.store.hours.zone
        if asked["reason"] not in self.config.reasons:
            return "unknown_reason"
        if product.get("cost") is not None and 100 * asked["price"] < exact(product["cost"]) * exact(self.config.floor_pct):
            return "under_floor"
        if list_price is not None and asked["price"] > list_price:
            return "over_list"
        if end <= start:
            return "over"
        if end - parse_time(asked["from"]) > self.config.max_days * DAY:
            return "over_life"
        running = [row for row in self.tables.promotions.all_rows() if pricing.shelf.overlaps(row, start, end, zone)]
        return "promotion" if pricing.promoted.on_promotion(running, product) else None

    def _refused(self, asked, fault):
        text = self.say(
            f"{asked['gtin']} at {asked['price']} refused: {REASONS[fault][0]}",
            f"{asked['gtin']} 变价 {asked['price']} 被拒：{REASONS[fault][1]}",
        )
        key = f"price-refused-{self.workers.gs1.item_key(asked['gtin'])}-{rfc3339(self.now)}"
        return out("alert.raise", alert=key, kind="price_refused", severity="info", state="open", subject=asked["gtin"], text=text,
                   value=asked["price"], unit="minor", reason=fault, staff=asked["staff"])  # fmt: skip

    def _set(self, asked, approver):
        start = max(parse_time(asked["from"]), self.now)
        self.kpi.add("store_price_changes")
        live = self.state.setdefault("live", [])
        live.append(
            {name: asked[name] for name in ("gtin", "price", "to", "reason", "staff")}
            | {"from": asked["from"], "start": rfc3339(start), "by": approver}
        )
        yield out("price.set", {"from": start, "to": parse_time(asked["to"])}, gtin=asked["gtin"], price=asked["price"], kind="markdown",
                  struck=self._list(asked["gtin"]), reason=asked["reason"], state="approved")  # fmt: skip

    # Sales beside the price book

    @on("pos.exception?")
    def overridden(self, event):
        """An authorised override explains a line of its receipt, sold already or still to come."""
        if event["kind"] not in ("price_override", "discount") or not event.get("authorised_by") or not event.get("receipt"):
            return
        grant = {"till": event["till"], "receipt": event["receipt"], "line": event.get("line"), "gtin": event.get("gtin")}
        for item in [self.state[name] for name in list(self.state) if name.startswith("off:")]:
            found = next((one for one in item["lines"] if _grants(grant, one)), None)
            if found:
                item["lines"].remove(found)
                item["authorised"] += 1
                self.kpi.add("off_book_lines", -1)
                self.kpi.add("off_book_value", -found["value"])
                return
        self.state.setdefault("grants", []).append(grant)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] != "sale":
            return
        for line in event["lines"]:
            value = self._off_book(event, line)
            if value is None:
                continue
            item = self._deviations(line["gtin"], event.time)
            one = {"till": event["till"], "receipt": event["receipt"], "line": line.get("line"), "gtin": line["gtin"], "value": value}
            grant = next((grant for grant in self.state.get("grants", []) if _grants(grant, one)), None)
            if grant:
                self.state["grants"].remove(grant)
                item["authorised"] += 1
                continue
            item["lines"].append(one)
            self.kpi.add("off_book_lines")
            self.kpi.add("off_book_value", value)
            if len(item["lines"]) >= self.config.deviation_lines and not item["told"]:
                item["told"] = True
                yield self._alert(line["gtin"], item)

    def _off_book(self, event, line):
        product = self.tables.products.get(line["gtin"])
        if product is None:
            return None
        check, zone, promotions = self.workers.pricing.book_check, self.store.hours.zone, self.tables.promotions.all_rows()
        key = self.workers.gs1.item_key(line["gtin"])
        rows = self.tables.prices.derived("by_item", self.workers.pricing.rows_by_item).get(key, ())
        book = check.known_prices(product, rows, promotions, event.time, zone)
        at = rfc3339(event.time)
        book += [one["price"] for one in self._live() if self.workers.gs1.item_key(one["gtin"]) == key and one["start"] <= at < one["to"]]
        named = [row for row in promotions if row["promo"] == line.get("promo") and row.get("approved", True)]
        promoted = any(self.workers.pricing.shelf.holds(row, event.time, zone) for row in named)
        return check.off_book(line, book, explained=promoted or bool(event.get("coupons")))

    def _alert(self, gtin, item):
        lines, money = len(item["lines"]), sum(one["value"] for one in item["lines"])
        text = self.say(
            f"{lines} lines of {gtin} sold off the price book, {money} minor units", f"{gtin} 有 {lines} 行偏离价格簿，共 {money} 分"
        )
        key = f"off-book-{self.workers.gs1.item_key(gtin)}-{item['day']}"
        return out("alert.raise", alert=key, kind="off_book_sales", severity="warn", state="open", subject=gtin, text=text,
                   value=money, unit="minor", lines=lines)  # fmt: skip

    @every("1d", at="close")
    def report(self, due):
        """The book of live store prices, and the day's lines off the book."""
        now, day = rfc3339(due.time), self.store.hours.ended_day(due.time)
        live = [one for one in self._live() if one["to"] > now]
        off = [self.state[name] for name in list(self.state) if name.startswith("off:")]
        figures = {"live": len(live), "waiting": len(list(self._waiting()))}
        figures |= {
            "off_book_lines": sum(len(item["lines"]) for item in off),
            "authorised_overrides": sum(item["authorised"] for item in off),
        }
        rows = [{name: one[name] for name in ("gtin", "price", "to", "reason", "staff", "by")} | {"from": one["start"]} for one in live]
        window = {"from": self.store.hours.midnight(day), "to": due.time}
        figures = {name: {"value": value, "unit": "count"} for name, value in figures.items()}
        yield out("insight.report", window, report=f"store_prices-{day}", kind="store_prices", version=1, figures=figures, rows=rows)
        kept = rfc3339(due.time - 2 * DAY)
        self.state["live"] = [one for one in self._live() if one["to"] > kept]
        self.state["grants"] = []
        for name in [name for name in self.state if name.startswith("off:")]:
            del self.state[name]

    def _deviations(self, gtin, at):
        day = self.store.hours.trading_day(at).isoformat()
        empty = {"day": day, "lines": [], "authorised": 0, "told": False}
        return self.state.setdefault(f"off:{self.workers.gs1.item_key(gtin)}:{day}", empty)

    def _waiting(self):
        return [self.state[name] for name in list(self.state) if name.startswith("request:")]

    def _live(self):
        return self.state.get("live", [])

    def _list(self, gtin):
        """The list price, else the base price that holds."""
        listed = (self.tables.products.get(gtin) or {}).get("list_price")
        rows = self.tables.prices.rows(gtin=gtin)
        return self.workers.pricing.prices.base_price(rows, self.now, self.store.hours.zone) if listed is None else listed


def _grants(grant, line):
    """Whether an authorised override is for this line: same receipt and till, and what it names of line and item."""
    same = grant["till"] == line["till"] and grant["receipt"] == line["receipt"]
    return same and grant["line"] in (None, line["line"]) and grant["gtin"] in (None, line["gtin"])
