"""Guide performance and commission: each sale credited once to the guides who earned it, banded commission, returns taken back.

Net is what the lines cost after discounts. A member is bound by the table's tag, which stands for the member's yes; a tag that changes is
the member's wish. A binding ends after `bind_days` without a purchase or a click on the guide's link (the table's `last_purchase` where
nothing was seen yet), and when the guide leaves. A link's token counts where it is somebody of the staff, or whom a member is bound to. An
order that is not paid yet is credited with the receipt that pays it, by who earned the order. An online return counts with its request, a
store's with its receipt.

A dispute is a `pos.exception` of kind or reason `dispute`, or a reply to a month's statement (`message.outcome`, not in the row); the
manager's answer (`task.done`, not in the row; `values.shares` of guide to %) moves the receipt's credit.
Until its lock a month takes its late receipts and corrections, and what it pays is reported anew. Credits are kept for 400 days.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight import commission, contacts

KEPT = timedelta(days=400)
POOL = commission.POOL
TEAM = "guides"


class Band(SolutionConfig):
    """Commission on the part of the month's net above a border, up to the next one's."""

    border: int = Field(0, alias="from", ge=0, title="Above", json_schema_extra={"x-zh": "起点", "x-unit": "minor"})
    pct: float = Field(ge=0, le=100, title="Commission", json_schema_extra={"x-zh": "佣金比例", "x-unit": "%"})


class GuideCommission(Solution):
    number = 51
    zh, en = "导购业绩与佣金", "Guide performance and commission"
    purpose_zh = "线上线下每笔销售按同一规则归属导购，分档计佣，退货扣回，会员在哪买都不影响服务积极性。"
    formats = ("specialty", "mall")
    produces = ("score.report", "message.send", "task.create", "insight.report")
    adapters = ("messaging?",)
    reads = ("staff", "members", "products", "tenants?")
    kpis = {
        "commission_cost": kpi("% of sales", "Commission of sales", "佣金费率"),
        "guide_net_sales": kpi("minor", "Net sales credited to guides", "导购净销售额"),
        "online_share_of_credit": kpi("%", "Credit that came online", "线上业绩占比"),
        "disputes": kpi("count", "Disputes", "业绩申诉数"),
    }
    kinds = {"credit_dispute": ("Judge a dispute", "处理业绩申诉"), "guide_commission": ("Commission of the month", "月度佣金")}

    class Config(SolutionConfig):
        serve_share: float = setting(70, "Part of the serving guide", "服务导购占比", unit="%", ge=0, le=100,
            help_en="When another one is bound to the member.", help_zh="会员绑定其他导购时。")  # fmt: skip
        link_days: int = setting(7, "Last click that earns an online order", "链接归因天数", unit="d", ge=1, le=30)
        bind_days: int = setting(180, "Binding without contact or sale ends", "绑定失效天数", unit="d", ge=1, le=730)
        bands: list[Band] = setting(
            lambda: [Band(**{"from": 0, "pct": 1.0}), Band(**{"from": 5000000, "pct": 1.5})], "Commission bands", "佣金分档",
            help_en="On the part of the month's net above each border.", help_zh="按月净额超过各档起点的部分计。")  # fmt: skip
        category_pct: dict[str, Annotated[float, Field(ge=0, le=100)]] = setting(dict, "Categories paid outside the bands", "单独计佣品类",
            unit="%")  # fmt: skip
        dispute_days: int = setting(5, "Days for disputes after month end", "申诉期", unit="d", ge=1, le=30,
            help_en="Then the month is locked.", help_zh="之后锁定当月。")  # fmt: skip
        own_purchase: bool = setting(False, "A guide's own purchases count", "导购自购计业绩")
        publish_rank: bool = setting(True, "Morning ranking to the team", "每早公布排名")

    # Who is bound to whom

    def _binding(self, member, at):
        """The guide that a member is bound to at a time, None where the binding ended."""
        row = self.tables.members.get(member) or {} if member else {}
        guide = contacts.guide_tag(row)
        if guide is None or row.get("left"):
            return None
        bound = self.state.get(f"bound:{member}")
        if bound is None or bound["guide"] != guide:
            last = row.get("last_purchase") if bound is None else None
            since = self.store.hours.midnight(date.fromisoformat(str(last)[:10])) if last else at
            bound = self.state[f"bound:{member}"] = {"guide": guide, "last": plain(min(since, at)), "ended": False}
        bound["ended"] = bound["ended"] or at - parse_time(bound["last"]) > timedelta(days=self.config.bind_days)
        left = contacts.has_left(self.tables.staff.get(guide) or {}, self.store.hours.store_day(at))
        return None if bound["ended"] or left else guide

    def _seen(self, member, at):
        """The member bought or followed the guide's link."""
        bound = self.state.get(f"bound:{member}")
        if bound and not bound["ended"]:
            bound["last"] = max(bound["last"], plain(at), key=parse_time)

    @on("web.visit?")
    def visited(self, event):
        member, visitor = event.get("member"), event["visitor"]
        if member:
            clicks = self.state.pop(f"clicks:visitor:{visitor}", None)
            if clicks:
                self._clicked(f"clicks:member:{member}", clicks["guide"], clicks["at"])
        guide = event.get("token")
        if event["kind"] == "click" and guide and (self.tables.staff.get(guide) or guide in self._bound_guides()):
            self._clicked(f"clicks:member:{member}" if member else f"clicks:visitor:{visitor}", guide, plain(event.time))
            if member and self._binding(member, event.time) == guide:
                self._seen(member, event.time)

    def _bound_guides(self):
        return self.tables.members.derived("guides", lambda rows: {contacts.guide_tag(row) for row in rows})

    def _clicked(self, key, guide, at):
        before = self.state.get(key)
        if before is None or parse_time(before["at"]) <= parse_time(at):
            self.state[key] = {"guide": guide, "at": at}
            self.timers.set("forget", key, parse_time(at) + timedelta(days=31))

    # Credits

    @on("pos.sale")
    def sold(self, event):
        kind, receipt = event["kind"], event["receipt"]
        if kind == "void":
            yield from self._take_back(event.get("original") or receipt, None, event.time)
        elif kind == "return" and f"back:{receipt}" not in self.state:
            self._keep(f"back:{receipt}", event.get("original"))
            yield from self._returned(event)
        elif kind == "sale" and f"credit:{receipt}" not in self.state:
            order = next((ref for ref in (p.get("ref") for p in event.get("payments", ())) if f"credit:{ref}" in self.state), None)
            if order is None:
                yield from self._credit(receipt, event, self._shares(event), online=False)
            elif self.state[f"credit:{order}"]["unpaid"]:
                credit = self.state[f"credit:{order}"]
                yield from self._credit(order, event, [tuple(share) for share in credit["shares"]], online=True)

    @on("order.placed")
    def ordered(self, event):
        order, member = event["order"], event.get("member")
        if event.get("draft") or f"credit:{order}" in self.state:
            return
        click = self.state.get(f"clicks:member:{member}")
        linked = click and timedelta(0) <= event.time - parse_time(click["at"]) <= timedelta(days=self.config.link_days)
        guide = (click["guide"] if linked else None) or self._binding(member, event.time) or POOL
        shares = [(self._not_own(guide, member), 100)]
        if event.get("paid", True):
            yield from self._credit(order, event, shares, online=True)
        else:
            self._keep(f"credit:{order}", {"shares": shares, "nets": {}, "left": {}, "online": True, "unpaid": True})

    def _shares(self, event):
        """Who earned a receipt; the share of a guide's own purchase goes to the pool."""
        member = event.get("member")
        shares = commission.in_store(event.get("guide"), self._binding(member, event.time), self.config.serve_share)
        return [(self._not_own(guide, member), share) for guide, share in shares]

    def _not_own(self, guide, member):
        own = member is not None and (self.tables.staff.get(guide) or {}).get("own_member") == member if guide else False
        return POOL if own and not self.config.own_purchase else guide

    def _nets(self, lines):
        nets = {}
        for line in lines:
            category = (self.tables.products.get(line["gtin"]) or {}).get("category", "")
            nets[category] = nets.get(category, 0) + line["amount"]
        return nets

    def _keep(self, key, value):
        self.state[key] = value
        self.timers.set("forget", key, self.now + KEPT)

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _credit(self, name, event, shares, online):
        nets = self._nets(event["lines"])
        self._keep(f"credit:{name}", {"shares": shares, "nets": nets, "left": dict(nets), "online": online, "unpaid": False,
                                     "at": plain(event.time)})  # fmt: skip
        if event.get("member"):
            self._seen(event["member"], event.time)
        yield from self._enter(nets, shares, online, event.time)

    def _returned(self, event):
        original, nets = event.get("original"), self._nets(event["lines"])
        if original and f"credit:{original}" in self.state:
            asked = self.state.get(f"asked:{original}", 0)
            total = -sum(nets.values())
            if asked:
                self.state[f"asked:{original}"] = max(0, asked - total)
            if total > asked:
                yield from self._take_back(
                    original, {category: net * (total - asked) // total for category, net in nets.items()}, event.time
                )
        elif f"credit:{event['receipt']}" not in self.state:
            yield from self._credit(event["receipt"], event, self._shares(event), online=False)

    def _take_back(self, name, nets, at):
        """Take a return's nets (negative), or with None all that is left, off those who had the credit."""
        credit = self.state.get(f"credit:{name}")
        if credit is None or credit["unpaid"]:
            return
        nets = {category: -net for category, net in credit["left"].items()} if nets is None else nets
        credit["left"] = {category: credit["left"].get(category, 0) + nets.get(category, 0) for category in {**credit["left"], **nets}}
        yield from self._enter(nets, [tuple(share) for share in credit["shares"]], credit["online"], at)

    @on("return.requested?")
    def return_requested(self, event):
        order, key = event.get("order"), f"return:{event['return']}"
        if order is None or key in self.state or f"credit:{order}" not in self.state:
            return
        self._keep(key, order)
        lines = [{**line, "amount": -abs(line["amount"])} for line in event["lines"]]
        self._keep(f"asked:{order}", self.state.get(f"asked:{order}", 0) - sum(line["amount"] for line in lines))
        yield from self._take_back(order, self._nets(lines), event.time)

    @on("pos.exception?")
    def exception(self, event):
        if event["kind"] == "void_receipt" and event.get("receipt"):
            yield from self._take_back(event["receipt"], None, event.time)
        elif "dispute" in (event["kind"], event.get("reason")) and event.get("receipt"):
            yield from self._dispute(event, event["receipt"], event.get("cashier"))

    # Months

    def _enter(self, nets, shares, online, at):
        """Book nets by category in the month of a time, or in the present one where that is locked."""
        month = self._month(at)
        if month <= self.state.get("locked", ""):
            month = self._month(self.now)
        book = self.state.setdefault(f"month:{month}", {"guides": {}, "reported": False})
        moved = set()
        for category, net in nets.items():
            for guide, part in commission.split(net, shares).items():
                own = book["guides"].setdefault(guide, {})
                own[category] = own.get(category, 0) + part
                if guide != POOL:
                    moved.add(guide)
                    self.kpi.add("guide_net_sales", part)
                    self.kpi.share("online_share_of_credit", part if online else 0, part)
        if book["reported"]:
            yield from self._scores(month, moved)

    def _month(self, at):
        return self.store.hours.store_day(at).isoformat()[:7]

    @every(cron="0 0 1 * *")
    def month_end(self, due):
        month = self._month(due.time - timedelta(days=1))
        if (month_before := self.state.get("open")) and month_before > self.state.get("locked", ""):
            yield from self._lock(month_before)
        book = self.state.setdefault(f"month:{month}", {"guides": {}, "reported": False})
        book["reported"], self.state["open"] = True, month
        self.timers.set("lock", month, due.time + timedelta(days=self.config.dispute_days))
        guides = {guide for guide in book["guides"] if guide != POOL}
        yield from self._scores(month, guides)
        for guide in sorted(guides):
            pay = self._pay(book["guides"][guide])
            yield out("message.send", message=f"commission-{month}-{guide}", channel="work_chat", to=guide, purpose="staff",
                      template="commission_statement", params={"month": month, "commission": pay},
                      text=self.say(f"Commission of {month}: {pay}", f"{month}佣金：{pay}"))  # fmt: skip
        paid = sum(self._pay(book["guides"][guide]) for guide in guides)
        self.kpi.share("commission_cost", 100 * paid, sum(sum(nets.values()) for nets in book["guides"].values()))
        yield from self._report(month, 1)

    def _pay(self, nets):
        return commission.commission(nets, [band.model_dump(by_alias=True) for band in self.config.bands], self.config.category_pct)

    def _scores(self, month, guides):
        """What the month pays to these guides, with their rank by net among all."""
        book = self.state[f"month:{month}"]["guides"]
        order = [guide for guide, _ in commission.ranked(book)]
        for guide in sorted(guides):
            nets = book[guide]
            own = [(category, nets[category]) for category in sorted(self.config.category_pct) if category in nets]
            parts = [{"name": name, "value": net, "unit": "minor"} for name, net in [("net_sales", sum(nets.values())), *own]]
            yield out("score.report", self._span(month), scheme="guide_commission", subject_kind="staff", subject=guide,
                      score=self._pay(nets), parts=parts, rank=order.index(guide) + 1, of=len(order))  # fmt: skip

    def _span(self, month):
        return {"from": self.store.hours.midnight(date.fromisoformat(f"{month}-01")), "to": self._end(month)}

    def _end(self, month):
        first = date.fromisoformat(f"{month}-01")
        return self.store.hours.midnight((first + timedelta(days=31)).replace(day=1))

    def _report(self, month, version):
        book = self.state[f"month:{month}"]["guides"]
        rows = []
        for guide in sorted(book):
            section = (self.tables.staff.get(guide) or {}).get("section")
            tenant = self.tables.tenants.get(section) if section else None
            row = {"guide": guide or "pool", "net": sum(book[guide].values()), "commission": self._pay(book[guide]) if guide else 0}
            rows.append(row | ({"tenant": tenant["tenant"]} if tenant else {}))
        figures = {name: {"value": sum(row[key] for row in rows), "unit": "minor"}
                   for name, key in (("net_sales", "net"), ("commission", "commission"))}  # fmt: skip
        yield out("insight.report", self._span(month), report=f"guide-commission-{month}", kind="guide_commission", version=version,
                  figures=figures, rows=rows)  # fmt: skip

    @timer("lock")
    def lock(self, due):
        if due.key > self.state.get("locked", ""):
            yield from self._lock(due.key)

    def _lock(self, month):
        """The month's last word; what it leaves below zero goes to the next."""
        self.timers.cancel("lock", month)
        yield from self._report(month, 2)
        book = self.state.pop(f"month:{month}")["guides"]
        after = self.state.setdefault(f"month:{self._month(self._end(month))}", {"guides": {}, "reported": False})["guides"]
        for guide in book:
            for category, net in commission.carried(book[guide], self.config.category_pct).items() if guide else ():
                own = after.setdefault(guide, {})
                own[category] = own.get(category, 0) + net
        self.state["locked"] = month

    # Ranking and disputes

    @every("1d", at="open")
    def ranking(self, due):
        month = self._month(due.time)
        book = self.state.get(f"month:{month}", {"guides": {}})["guides"]
        ranks = [{"staff": guide, "net": net, "rank": rank} for rank, (guide, net) in enumerate(commission.ranked(book), 1)]
        if self.config.publish_rank and ranks:
            lines = [f"{one['rank']}. {(self.tables.staff.get(one['staff']) or {}).get('name', one['staff'])}" for one in ranks]
            yield out("message.send", message=f"ranking-{self.store.hours.store_day(due.time)}", channel="work_chat", to=TEAM,
                      purpose="staff", template="guide_ranking", text="\n".join(lines),
                      params={"month": month, "ranking": ranks})  # fmt: skip

    @on("message.outcome?")
    def answered(self, event):
        if event["status"] == "replied" and event["message"].startswith("commission-"):
            yield from self._dispute(event, event["message"].removeprefix("commission-"), event.get("to"))

    def _dispute(self, event, about, guide):
        task = f"dispute-{about}"
        if f"disputed:{task}" in self.state:
            return
        self._keep(f"disputed:{task}", about)
        self.kpi.add("disputes")
        credit = self.state.get(f"credit:{about}", {"shares": []})
        words = event.get("text") or event.get("reason")
        yield out("task.create", task=task, kind="credit_dispute", priority=3, role="manager",
                  due=self.now + timedelta(days=self.config.dispute_days),
                  title=self.say(f"Judge a dispute about {about}", f"处理业绩申诉：{about}"), ref=event.ref,
                  values={"about": about, "shares": {share[0] or "pool": share[1] for share in credit["shares"]}}
                  | ({"guide": guide} if guide else {}) | ({"text": words} if words else {}))  # fmt: skip

    @on("task.done?")
    def judged(self, event):
        """The manager's shares take the place of those that a receipt had."""
        about = self.state.get(f"disputed:{event['task']}")
        shares = (event.get("values") or {}).get("shares")
        credit = self.state.get(f"credit:{about}")
        if event["state"] not in ("done", "approved") or not shares or credit is None or credit["unpaid"]:
            return
        at = parse_time(credit["at"])
        yield from self._enter(
            {category: -net for category, net in credit["left"].items()}, [tuple(one) for one in credit["shares"]], credit["online"], at
        )
        credit["shares"] = [[POOL if guide == "pool" else guide, share] for guide, share in shares.items()]
        yield from self._enter(credit["left"], [tuple(one) for one in credit["shares"]], credit["online"], at)
