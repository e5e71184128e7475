"""Clienteling: each morning a short list for every shopping guide of whom to contact, why and with what, through the company's account.

At `send_at` every member bound to a guide (tag `guide:<staff>`) who consents to marketing and did not refuse profiling is tested; so the
list knows the night's facts and the morning's stock. Guides off shift get none: who clocked out last, or did not clock in where others did;
where nobody did, the availability in the staff table tells. Who clocks in later gets the list then. A guide has left by the day in the
staff table, or once the row is gone from it.

The contact is the task's words, which leave by the company's account (`work_chat`) when the guide accepts the task; tasks and messages
never hold a number. A contact counts once, with the first acceptance or answer. A refusal is a `rejected` task, or `values.outcome` of
`refused`; an outcome `bought` is the purchase, whose receipt then only adds the amount. Days between contacts are store days.

Purchases are receipts and online orders of bound, consenting members, learnt from when this runs; two days of purchase make a personal
median. A mean basket is the table's `spend_12m` / `receipts_12m`, else that of the receipts seen. A wanted size is the `item` of a member's
reserve, or of a view, click or chat while it was sold out. New is what was listed within 30 days, is there in the member's size and not
owned. Attributes are the product's `attributes`, of products without any their category, brand and looks. Only counted stock is proposed.
What is known of a member is forgotten two years after the last of it, and at the next list once the binding or the consent is gone.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import buyer, contacts, likeness, occasions
from storeloom.workers.insight.contact_words import MESSAGES, REASONS
from storeloom.workers.insight.receptions import GUIDE_ROLES
from storeloom.workers.optimise import handover, position
from storeloom.workers.pricing.prices import PriceBook, index_products

WANTS = 20
FORGOTTEN, TASK_KEPT, CLOCK_KEPT = timedelta(days=730), timedelta(days=7), timedelta(days=31)
ASKS = ("reserve", "view", "click", "chat")
Reason = Literal["birthday", "cycle_due", "back_in_stock", "new_arrival", "after_care", "lapsed"]


class Clienteling(Solution):
    number = 50
    zh, en = "智能导购助手", "Clienteling assistant"
    purpose_zh = "每天早上给导购一份简短名单：联系谁、为什么、带什么货；依会员画像和当日库存，经企业账号联系。"
    formats = ("specialty", "mall")
    produces = ("task.create", "recommend.items", "message.send", "score.report", "insight.report")
    adapters = ("messaging",)
    reads = ("members", "staff", "products", "prices")
    kpis = {
        "contact_done_rate": kpi("%", "Contacts made of those asked", "联系完成率"),
        "contact_to_buy": kpi("%", "Contacts followed by a purchase", "联系成交率"),
        "sales_per_contact": kpi("minor", "Sales per contact", "每次联系销售额"),
        "members_per_guide": kpi("count", "Members per guide", "人均维护会员数"),
    }
    kinds = {"contact_member": ("Contact a member", "联系会员")}

    class Config(SolutionConfig):
        tasks_per_day: int = setting(8, "Contacts asked of a guide in a day", "导购每日联系数", ge=1, le=50)
        contact_gap_d: int = setting(14, "Least time between two contacts of a member", "同一会员联系间隔", unit="d", ge=1, le=90)
        refused_gap_d: int = setting(60, "Rest after a refusal", "拒绝后静默", unit="d", ge=7, le=365)
        reasons: list[Reason] = setting(lambda: list(REASONS), "Reasons in use", "启用的联系理由",
            help_en="Of equal rates the earlier one counts.", help_zh="成交率相同时取靠前者。")  # fmt: skip
        prior_buy: float = setting(10, "Purchase rate of a reason not yet known", "未知理由的成交率", unit="%", ge=0.1, le=50,
            help_en="Worth 20 contacts.", help_zh="相当于20次联系。")  # fmt: skip
        buy_days: int = setting(7, "A purchase this soon after contact counts", "联系后成交归因天数", unit="d", ge=1, le=30)
        items: int = setting(3, "Products proposed with a contact", "每次推荐商品数", ge=1, le=10)
        send_at: str = setting("09:30", "Store time of the list", "名单下发时间", effect="reload", widget="time",
            pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")  # fmt: skip

    # What is learnt of members

    @on("pos.sale")
    def sold(self, event):
        kind, member = event["kind"], event.get("member")
        for line in event["lines"] if kind in ("sale", "return") else ():
            places = self.state.get(f"stock:{item_key(line['gtin'])}")
            if places:
                position.take(places, line["qty"], event.time)
        if kind == "sale":
            self._bought(event, event["receipt"])
        elif kind in ("return", "void") and f"member:{member}" in self.state:
            self._undo(self.state[f"member:{member}"], event)

    @on("order.placed?")
    def ordered(self, event):
        if not event.get("draft"):
            self._bought(event, event["order"])

    def _bought(self, event, receipt):
        member = event.get("member")
        if member is None or self._guide_of(member) is None:
            return
        record, pieces = self._record(member), buyer.pieces(event["lines"])
        if not buyer.enter(record, receipt, self.store.hours.store_day(event.time), event["total"], pieces):
            return
        record["wants"] = {item: at for item, at in record["wants"].items() if item not in pieces}
        added = contacts.claim(record["contact"], event.time, receipt, event["total"], self.config.buy_days)
        if added is not None:
            self._credit(record["contact"], added, event["total"])

    def _undo(self, record, event):
        """A void, or the return of a whole receipt, takes back the purchase that was credited to a contact."""
        receipt, contact, gone = event.get("original") or event["receipt"], record["contact"], event["kind"] == "void"
        if gone:
            buyer.void(record, receipt)
        else:
            gone = buyer.give_back(record, receipt, event["total"], buyer.pieces(event["lines"]))
        if gone and contact and contact["bought"] == receipt:
            self._credit(contact, -1, -contact["amount"])
            contact["bought"] = None

    def _credit(self, contact, bought, amount):
        self.state["rates"][contact["reason"]]["bought"] += bought
        self.kpi.share("contact_to_buy", bought, 0)
        self.kpi.share("sales_per_contact", amount, 0)
        self._note(contact["guide"], bought=bought, sales=amount)

    @on("member.event?")
    def said(self, event):
        member, item, kind = event.get("member"), event.get("item"), event["kind"]
        if member is None or self._guide_of(member) is None:
            return
        if kind == "opt_out":
            self._record(member)["out"] = True
        elif item and kind in ASKS:
            units = position.units(self.state.get(f"stock:{item_key(item)}", {}))
            if (kind == "reserve") if units is None else units <= 0:
                record = self._record(member)
                record["wants"] = dict([*record["wants"].items(), (item_key(item), plain(event.time))][-WANTS:])

    def _record(self, member):
        key = f"member:{member}"
        self.timers.set("forget", key, self.now + FORGOTTEN)
        return self.state.setdefault(key, {"buys": [], "wants": {}, "contact": None, "refused": None, "out": False})

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    @on("inventory.snapshot")
    def counted(self, event):
        if self.tables.products.get(event["gtin"]):
            position.count(self.state.setdefault(f"stock:{item_key(event['gtin'])}", {}), event.data, event.time)

    # Guides

    def _guide_of(self, member):
        """The guide of a member who may be contacted; None for others, of whom nothing is learnt."""
        row, record = self.tables.members.get(member) or {}, self.state.get(f"member:{member}")
        return self._bound(row) if contacts.learnable(row, bool(record and record["out"])) else None

    def _bound(self, row):
        """Who looks after a member: whom the table names, unless that one has left since."""
        tag = contacts.guide_tag(row)
        moved = self.state.get(f"moved:{row.get('member')}")
        if moved and moved["from"] != tag:
            del self.state[f"moved:{row['member']}"]
        elif moved:
            return moved["to"]
        return None if row.get("left") else tag

    @on_table("staff", "members")
    def table_changed(self, table):
        yield from self._hand_over(self._teams())

    def _teams(self):
        """Members by guide, in order."""
        teams = {}
        for row in sorted(self.tables.members.rows(), key=lambda row: row["member"]):
            guide = self._bound(row)
            if guide is not None:
                teams.setdefault(guide, []).append(row["member"])
        return teams

    def _hand_over(self, teams):
        """Give the members of guides who have left to the others, one by one to whoever has fewest, and tell them."""
        rows = self.tables.staff.rows()
        gone = contacts.gone(rows, self.state.get("guides", ()), self._today())
        here = {row["staff"] for row in rows if GUIDE_ROLES & set(row.get("roles") or ())} | set(teams)
        self.state["guides"] = sorted(({row["staff"] for row in rows} & here) | (gone & set(teams)))
        orphans = sorted(member for guide in gone & set(teams) for member in teams[guide])
        if not orphans or not here - gone:
            return
        for member, guide in handover.hand_over({guide: len(teams.get(guide, ())) for guide in here - gone}, orphans).items():
            self.state[f"moved:{member}"] = {"from": contacts.guide_tag(self.tables.members.get(member)), "to": guide}
            name = (self.tables.staff.get(guide) or {}).get("name", guide)
            yield out("message.send", message=f"guide-{member}-{guide}-{plain(self.now)}", to=member, channel="work_chat",
                      purpose="service", template="guide_changed", params={"guide": guide},
                      text=self.say(f"{name} is your shopping guide from now on.", f"今后由{name}为您服务。"))  # fmt: skip

    def _is_guide(self, staff):
        tags = self.tables.members.derived("guides", lambda rows: {contacts.guide_tag(row) for row in rows})
        return staff in tags or bool(GUIDE_ROLES & set((self.tables.staff.get(staff) or {}).get("roles") or ()))

    @on("staff.clock?")
    def clocked(self, event):
        if event["kind"] not in ("in", "out"):
            return
        day = self.store.hours.store_day(event.time)
        self.state[f"clock:{event['staff']}"] = {"day": day.isoformat(), "in": event["kind"] == "in"}
        self.timers.set("forget", f"clock:{event['staff']}", self.now + CLOCK_KEPT)
        if event["kind"] == "in":
            self.state["clocked"] = day.isoformat()
            wanted = day == self._today() and event["staff"] not in self.state.get("lists", {}).get(day.isoformat(), ())
            if wanted and self.now > self.store.hours.at(day, self.config.send_at) and self._is_guide(event["staff"]):
                yield from self._lists({event["staff"]})

    def _on_shift(self, guide, today):
        row = self.tables.staff.get(guide) or {}
        clock, clocked = self.state.get(f"clock:{guide}"), self.state.get("clocked")
        return not contacts.has_left(row, today) and contacts.on_shift(clock, clocked, row.get("availability") or (), today)

    # The morning's list

    @every("1d", at="config.send_at")
    def morning(self, due):
        for key in [key for key in self.state if self._done_with(*key.split(":", 1))]:
            del self.state[key]
        yield from self._hand_over(self._teams())
        yield from self._lists(None)

    def _done_with(self, kind, member=""):
        """Whether a record or a binding is nobody's any longer; who opted out stays known as such."""
        if kind == "moved":
            return self.tables.members.get(member) is None
        return kind == "member" and not self.state[f"member:{member}"]["out"] and self._guide_of(member) is None

    def _lists(self, only):
        """A list for each guide on shift who has had none today (of these, if told)."""
        today, teams = self._today(), self._teams()
        had = self.state.get("lists", {}).get(today.isoformat(), [])
        due = [guide for guide in sorted(teams) if guide not in had and (only is None or guide in only) and self._on_shift(guide, today)]
        self.state["lists"] = {today.isoformat(): [*had, *due]}
        if teams:
            self.kpi.set("members_per_guide", sum(map(len, teams.values())) / len(teams))
        shop = self._shop(today) if due else None
        for guide in due:
            found = [one for member in teams[guide] if (one := self._candidate(member, shop, today))]
            for one in sorted(found, key=lambda one: (-one.value, one.member))[: self.config.tasks_per_day]:
                yield from self._ask(guide, one, shop)

    def _candidate(self, member, shop, today):
        """The best reason to contact a member today, and its value; None where there is none or the member rests."""
        if self._guide_of(member) is None:
            return None
        row, record = self.tables.members.get(member), self.state.get(f"member:{member}", {})
        last = (record.get("contact") or {}).get("at"), record.get("refused")
        if contacts.rests(*map(self._day, last), today, self.config.contact_gap_d, self.config.refused_gap_d):
            return None
        return shop.candidate(record, row, {reason: self._rate(reason) for reason in self.config.reasons})

    def _day(self, at):
        return self.store.hours.store_day(parse_time(at)) if at else None

    def _shop(self, today):
        hours, table = self.store.hours, self.tables.products
        book = self.tables.prices.derived(f"book in {hours.zone}", lambda rows: PriceBook(rows, zone=hours.zone))
        stock = {key[6:]: position.units(self.state[key]) or 0 for key in self.state if key.startswith("stock:")}

        return contacts.Shop(
            table.derived("by item", index_products),
            table.derived("features", likeness.by_item),
            stock,
            lambda product: book.price_of(product, self.now),
            today,
        )

    def _rate(self, reason):
        counts = self.state.get("rates", {}).get(reason, {"bought": 0, "contacts": 0})
        return occasions.rate(counts["bought"], counts["contacts"], self.config.prior_buy)

    def _ask(self, guide, one, shop):
        member, reason, until = one.member, one.reason, self.store.hours.midnight(shop.today + timedelta(days=1))
        row, record = self.tables.members.get(member), self.state.get(f"member:{member}", {})
        item = shop.products.get(item_key(one.item), {}) if one.item else {}
        words = self.say(*MESSAGES[reason]).format(item=item.get("name", one.item))
        proposed = shop.proposals(record)[: self.config.items]
        task = f"contact-{member}-{shop.today.isoformat()}"
        known = {"member": member, "guide": guide, "reason": reason, "words": words, "item": one.item, "made": False}
        self.state[f"task:{task}"] = known
        self.timers.set("forget", f"task:{task}", self.now + TASK_KEPT)
        self.kpi.share("contact_done_rate", 0, 1)
        self._note(guide, asked=1)
        values = {"member": member, "reason": reason, "value": one.value, "rate": 100 * one.rate, "words": words,
                  "profile": contacts.profile(record, row, shop.products)} | ({"item": item["gtin"]} if item else {})  # fmt: skip
        yield out("task.create", task=task, kind="contact_member", priority=3, staff=guide, role="guide", due=until,
                  title=self.say(f"Contact {member}: {REASONS[reason][0]}", f"联系会员{member}：{REASONS[reason][1]}"),
                  items=[{"gtin": found.product["gtin"]} for found in proposed] or None,
                  values=values)  # fmt: skip
        if proposed:
            items = [{"gtin": found.product["gtin"], "score": round(found.match, 4), "reason": reason} for found in proposed]
            yield out("recommend.items", context="clienteling", member=member, items=items, valid_to=until)

    # Contacts

    @on("task.done")
    def answered(self, event):
        task = self.state.get(f"task:{event['task']}")
        outcome = contacts.outcome(event.data)
        if task is None or outcome is None:
            return
        if not task["made"]:
            self._contacted(task, event)
            if event["state"] == "accepted":
                yield out("message.send", message=event["task"], to=task["member"], channel="work_chat", purpose="marketing",
                          template=f"contact_{task['reason']}", text=task["words"], params={"guide": task["guide"]},
                          campaign=task["reason"])  # fmt: skip
        record = self._record(task["member"])
        if outcome == "refused":
            record["refused"] = plain(event.time)
        elif outcome == "bought" and record["contact"].get("task") == event["task"] and record["contact"]["bought"] is None:
            record["contact"]["bought"] = contacts.TOLD
            self._credit(record["contact"], 1, 0)

    def _contacted(self, task, event):
        task["made"], record = True, self._record(task["member"])
        record["contact"] = {"at": plain(event.time), "task": event["task"], "reason": task["reason"], "guide": task["guide"],
                             "bought": None, "amount": 0}  # fmt: skip
        if task["item"]:
            record["wants"].pop(item_key(task["item"]), None)
        rates = self.state.setdefault("rates", {})
        rates.setdefault(task["reason"], {"bought": 0, "contacts": 0})["contacts"] += 1
        self.kpi.share("contact_done_rate", 1, 0)
        self.kpi.share("contact_to_buy", 0, 1)
        self.kpi.share("sales_per_contact", 0, 1)
        self._note(task["guide"], contacts=1)

    # Days

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", None)
        if day is None:
            return
        start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
        span = {"from": start, "to": due.time}
        for guide, sums in sorted(day.items()):
            yield out("score.report", span, scheme="clienteling", subject_kind="staff", subject=guide,
                      score=100 * sums["contacts"] / sums["asked"] if sums["asked"] else None,
                      parts=[{"name": name, "value": sums[name], "unit": unit} for name, unit in contacts.SUMS.items()])  # fmt: skip
        rates, known = {reason: 100 * self._rate(reason) for reason in self.config.reasons}, self.state.get("rates", {})
        rows = [{"reason": reason, **known.get(reason, {}), "rate": rate} for reason, rate in rates.items()]
        yield out("insight.report", span, report=f"clienteling-{self.store.hours.store_day(start)}", kind="clienteling", version=1,
                  figures=contacts.totals(day), rows=rows)  # fmt: skip

    def _note(self, guide, **sums):
        day = self.state.setdefault("day", {}).setdefault(guide, dict.fromkeys(contacts.SUMS, 0))
        for name, number in sums.items():
            day[name] += number

    def _today(self):
        return self.store.hours.store_day(self.now)
