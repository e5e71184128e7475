"""Omni-channel marketing attribution: each sale is shared among the contacts that led to it, and money moved to where it works.

Contacts: messages that were read, clicked or answered (delivered ones too with `view_only`, as are impressions and views), searches,
visits and member events whose campaign, channel or touchpoint is a channel or begins with its name, live rooms, and redeemed coupons
whose template does. A person is the member, or the visitor until an event names both. Paths of a month close at its end; the model is
estimated from those of the last twelve months. A sale after which no contact came is followed by a new path; without a contact in it, it
is base.

Under the model a channel's share holds for all attributed sales of the month; position-based credit goes path by path. The catalogue
names no table of costs of goods: margin is revenue less the products' costs where these are known. Channels without `costs` take the fee
of the promotion of their name. Attribution shows no cause: each proposal asks for a test that holds a channel back.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import stamp
from storeloom.workers.insight import contact_paths, reach

OPENED, SEEN = ("read", "clicked", "replied"), ("delivered",)
MONTHS_KEPT = 12
DAY = timedelta(days=1)


class CampaignAttribution(Solution):
    number = 44
    zh, en = "全渠道营销归因", "Omni-channel marketing attribution"
    purpose_zh = "市场负责人为多个触点付费：把线上线下每笔销售分摊给促成它的触点，把钱挪到有效之处。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("score.report", "promo.result", "insight.report")
    reads = ("members", "promotions?", "products?")
    kpis = {
        "attributed_sales": kpi("minor", "Net revenue after a contact", "归因销售额"),
        "cost_per_sale": kpi("minor", "Spend for each attributed sale", "单笔成交成本"),
        "return_on_spend": kpi("ratio", "Attributed margin for the spend", "投放回报"),
        "base_share": kpi("%", "Revenue without any contact", "自然销售占比"),
    }
    kinds = {
        "attribution": ("Sales by channel of a month", "当月各渠道归因"),
        "budget_proposal": ("Move budget, and test it", "预算调整建议与留出测试"),
    }

    class Config(SolutionConfig):
        lookback_d: int = setting(30, "Contacts this long before a sale count", "触点回溯天数", unit="d", ge=1, le=90)
        order_of_chain: int = setting(1, "Memory of the Markov chain", "马尔可夫链阶数", ge=1, le=3)
        channels: list[str] = setting(
            lambda: ["sms", "chat", "app_push", "live", "search", "screen", "leaflet"], "Contacts told apart", "区分的触点渠道"
        )
        min_paths: int = setting(300, "Paths before the model replaces position-based shares", "启用模型的最少路径数", ge=1, le=1000000)
        max_contacts: int = setting(20, "Longer paths keep the newest", "路径最多触点数", ge=2, le=100)
        costs: dict[str, int] = setting(dict, "Monthly spend by channel", "各渠道月投入", unit="minor")
        view_only: bool = setting(False, "Count contacts delivered but not opened", "计入仅送达未打开的触点")
        shift_pct: float = setting(10, "Most budget moved in one proposal", "单次建议最多挪动预算", unit="%", ge=0, le=50)

    # Contacts

    @on("web.visit")
    def visited(self, event):
        self._same(event["visitor"], event.get("member"))
        search = "search" if event["kind"] == "search" or event.get("query") else None
        if event["kind"] != "impression" or self.config.view_only:
            self._contact(event.get("member") or event["visitor"], event, search, event.get("campaign"), event.get("page"))

    @on("message.outcome")
    def answered(self, event):
        if event.get("to") and event["status"] in OPENED + (SEEN if self.config.view_only else ()):
            self._contact(event["to"], event, event["channel"])

    @on("member.event?")
    def did(self, event):
        self._same(event.get("visitor"), event.get("member"))
        if event["kind"] != "view" or self.config.view_only:
            chat = "chat" if event["kind"] == "chat" else None
            names = (chat, event.get("channel"), event.get("touchpoint"), event.get("campaign"))
            self._contact(event.get("member") or event.get("visitor"), event, *names)

    @on("live.event?")
    def in_room(self, event):
        self._contact(event.get("member") or event.get("visitor"), event, "live")

    @on("coupon.redeemed?")
    def redeemed(self, event):
        self._contact(event.get("member"), event, event["template"], event["coupon"])

    def _contact(self, person, event, *names):
        channel = contact_paths.channel_of(names, self.config.channels)
        if person and channel and not self._refused(person):
            record = self._person(person)
            record["contacts"].append([stamp(event.time), channel, event.get("receipt") or event.get("order")])

    def _person(self, person):
        return self.state.setdefault(f"person:{person}", {"contacts": [], "sales": []})

    def _refused(self, person):
        return reach.refuses(self.tables.members.get(person), ("profiling",))

    def _same(self, visitor, member):
        """What a visitor did before is the member's."""
        early = self.state.pop(f"person:{visitor}", None) if visitor and member and visitor != member else None
        if early and not self._refused(member):
            self._person(member)["contacts"] += early["contacts"]

    # Sales

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] == "sale":
            self._sale(event, event["receipt"])
        elif event["kind"] == "return":
            self._back(event, event.get("original"))
        elif event["kind"] == "void":
            self._back(event, event["receipt"])

    @on("order.placed")
    def ordered(self, event):
        if event["paid"] and not event.get("draft"):
            self._sale(event, event["order"])

    def _sale(self, event, number):
        key, member = f"sale:{number}", event.get("member")
        if key in self.state:
            return
        person = member if member and not self._refused(member) else None
        self.state[key] = {"at": stamp(event.time), "person": person, "path": None, "back": []}
        one = [stamp(event.time), number, event["total"], event["total"] - self._cost(event.get("lines") or ())]
        if person:
            self._person(person)["sales"].append(one)
        else:
            self._book(stamp(event.time))["base"] += event["total"]

    def _cost(self, lines):
        """What the goods cost, as far as it is known."""
        rows = ((line, self.tables.products.get(line["gtin"]) or {}) for line in lines)
        return round(sum(row.get("cost", 0) * line.get("weight_g", 1000 * line["qty"]) / 1000 for line, row in rows))

    def _back(self, event, number):
        """A return or void takes its revenue and margin off in its own month, from where the sale was counted."""
        sale, name = self.state.get(f"sale:{number}"), event["receipt"] + event["kind"]
        if sale and name not in sale["back"]:
            sale["back"].append(name)
            amount = abs(event["total"])
            goods = [{**line, "qty": abs(line["qty"])} for line in event.get("lines") or ()]
            self._book(stamp(event.time))["returns"].append([number, amount, amount - self._cost(goods)])

    def _book(self, at):
        """The month of a store day (or RFC 3339 time): base revenue and what came back."""
        month = at[:7] if len(at) == 10 else f"{reach.day_of(self.store.hours, at):%Y-%m}"
        return self.state.setdefault(f"month:{month}", {"base": 0, "returns": []})

    # Months

    @every("1d", at="03:00")
    def night(self, due):
        today = self.store.hours.store_day(due.time)
        if today.day == 1:
            last = today - DAY
            yield from self._month(last.replace(day=1), today)

    def _month(self, first, after):
        until, lookback = self.store.hours.midnight(after), timedelta(days=self.config.lookback_d)
        paths = []
        for key in sorted(key for key in self.state if key.startswith("person:")):
            record = self.state[key]
            sales = [sale for sale in record["sales"] if sale[0] < stamp(until)]
            found, contacts = contact_paths.closed(record["contacts"], sales, lookback, until, self.config.max_contacts)
            paths += found
            record.update(contacts=contacts, sales=[sale for sale in record["sales"] if sale not in sales])
            if not record["contacts"] and not record["sales"]:
                del self.state[key]
        contact_paths.add(self.state.setdefault(f"paths:{first:%Y-%m}", {}), paths)
        book = self._book(first.isoformat())
        bought = []
        for path in paths:
            if path.sale and path.channels:
                self.state[f"sale:{path.sale[1]}"]["path"] = list(path.channels)
                bought.append((path.channels, 1, path.sale[2], path.sale[3]))
            elif path.sale:
                book["base"] += path.sale[2]
        bought += self._returns(book)
        yield from self._told(first, until, bought, book["base"])
        self._forget(first)

    def _returns(self, book):
        """What came back, as sales below nought of the paths that the sales closed; of base it lowers the base."""
        found = []
        for number, amount, margin in book["returns"]:
            path = (self.state.get(f"sale:{number}") or {"path": None})["path"]
            if path:
                found.append((tuple(path), 0, -amount, -margin))
            else:
                book["base"] -= amount
        return found

    def _forget(self, first):
        oldest = f"{first.year - 1}-{first.month:02d}"
        for key in list(self.state):
            kind, _, rest = key.partition(":")
            old = kind in ("month", "paths") and rest <= oldest
            if kind == "sale":  # what no contact led to is kept for repeats and returns alone
                old = self.state[key]["at"] < (oldest if self.state[key]["path"] else first.isoformat())
            if old:
                del self.state[key]

    def _told(self, first, until, bought, base):
        revenue = sum(one[2] for one in bought)
        self.kpi.add("attributed_sales", revenue)
        self.kpi.share("base_share", base, base + revenue)
        shares, method, effects = self._credit(bought)
        if not shares:
            return
        window = {"from": self.store.hours.midnight(first), "to": until}
        costs = {channel: cost for channel in shares if (cost := self._spend(channel))}
        ranked = sorted(shares, key=lambda channel: (-shares[channel][0], channel))
        whole = sum(one[1] for one in bought)
        self.kpi.share("cost_per_sale", sum(costs.values()), sum(shares[channel][0] for channel in costs))
        self.kpi.share("return_on_spend", sum(shares[channel][2] for channel in costs), sum(costs.values()))
        for rank, channel in enumerate(ranked, 1):
            sales, net, margin = shares[channel]
            cost = costs.get(channel)
            parts = [("sales", sales, "count"), ("revenue", net, "minor"), ("removal_effect", effects.get(channel), "share"),
                     ("cost_per_sale", cost / sales if cost and sales else None, "minor"),
                     ("return_on_spend", margin / cost if cost else None, "ratio")]  # fmt: skip
            yield out("score.report", window, scheme="attribution", subject_kind="touchpoint", subject=channel,
                      score=100 * sales / whole if whole else None, rank=rank, of=len(ranked), labels={"method": method},
                      parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts if value is not None])  # fmt: skip
            if cost:
                yield out("promo.result", window, promo=channel, state="final", units=sales, margin=round(margin), cost=cost,
                          roi=(margin - cost) / cost, method=method)  # fmt: skip
        figures = {"attributed_sales": {"value": revenue, "unit": "minor"}, "base_sales": {"value": base, "unit": "minor"},
                   "sales": {"value": whole, "unit": "count"}}  # fmt: skip
        yield out(
            "insight.report", window, report=f"attribution:{first:%Y-%m}", kind="attribution", version=1, figures=figures, text=method
        )
        yield from self._proposal(first, window, {channel: shares[channel][2] / cost for channel, cost in costs.items()}, costs)

    def _credit(self, bought):
        """Sales, revenue and margin of each channel; how they were shared out; removal effects where the model did."""
        attribution = self.workers.insight.attribution
        counts = contact_paths.merged(self.state[key] for key in sorted(self.state) if key.startswith("paths:"))
        if not bought:
            return {}, "", {}
        if sum(count for count, _ in counts.values()) < self.config.min_paths or not any(sold for _, sold in counts.values()):
            credits = [attribution.position([attribution.Path(one[0], one[place]) for one in bought]) for place in (1, 2, 3)]
            return {channel: tuple(credit[channel] for credit in credits) for channel in credits[0]}, "position", {}
        paths = [attribution.Path(channels, sold, count) for channels, (count, sold) in sorted(counts.items())]
        effects = attribution.removal_effects(paths, self.config.order_of_chain)
        total, sums = sum(effects.values()), [sum(one[place] for one in bought) for place in (1, 2, 3)]
        return {channel: tuple(effect / total * one for one in sums) for channel, effect in effects.items()}, "markov", effects

    def _spend(self, channel):
        named = next((row for row in self.tables.promotions.all_rows() if row["promo"] == channel), {})
        return self.config.costs.get(channel, named.get("fee"))

    def _proposal(self, first, window, returns, costs):
        if len(returns) < 2:
            return
        low, high = min(returns, key=lambda one: (returns[one], one)), max(returns, key=lambda one: (returns[one], one))
        moved = int(costs[low] * self.config.shift_pct // 100)
        if returns[low] < returns[high] and moved:
            text = self.say(f"Move {moved} from {low} to {high}, and hold a group of members out to prove it",
                            f"建议将{moved}从{low}挪至{high}，并留出对照人群验证")  # fmt: skip
            yield out("insight.report", window, report=f"budget_proposal:{first:%Y-%m}", kind="budget_proposal", version=1, text=text,
                      figures={"moved": {"value": moved, "unit": "minor"}},
                      rows=[{"from": low, "to": high, "amount": moved, "test": "hold_out"}])  # fmt: skip
