"""Omni-channel lifecycle member marketing: each family's stage and supplies; the guide, then a message, come just before the need.

Categories followed are those of `use_per_day`. Tags, tasks and what follows come at 10:00 store time. Stages are named `month_6`; scheme
`lifecycle` is the eldest child's, `lifecycle:2` the next one's. The next stage's list are products whose attribute `stage` is its month,
or, where no attribute says, whose category bears its number (`formula_2` is the second). A family without a guide is written to at once,
one of which neither table nor profile tells never. It is lost when every category that it bought has gone without for so many cycles; it
is back with the next purchase.

The row's streams do not tell of a refunded order: `order.status` does (refunded, returned, cancelled), and is followed where it is there.
A receipt that a payment ties to an order is not counted again. A message that fails goes once more by the next channel agreed to.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import contacts, reach, supplies
from storeloom.workers.loyalty import coupon_copies

DAY, CONTACT_AT = timedelta(days=1), "10:00"
UNDONE = ("refunded", "returned", "cancelled")


class LifecycleMemberMarketing(Solution):
    number = 23
    zh, en = "全渠道会员生命周期营销", "Omni-channel lifecycle member marketing"
    purpose_zh = "面向母婴等多平台销售的连锁：跨渠道跟踪每个家庭的阶段与存量，在需要前先由导购、再由消息及时触达。"
    formats = ("specialty", "supermarket")
    produces = ("segment.assign", "task.create", "message.send", "coupon.issue", "recommend.items", "insight.report")
    adapters = ("messaging", "online_store?")
    reads = ("members", "products", "staff", "coupons")
    kpis = {
        "repurchase_in_cycle": kpi("%", "Bought again before running out", "周期内复购率"),
        "stage_retention": kpi("%", "Families that buy on in the next stage", "阶段留存率"),
        "guide_task_done": kpi("%", "Guides' tasks done in time", "导购任务完成率"),
        "lost_families": kpi("count", "Families lost", "流失家庭数"),
    }
    kinds = {
        "supplies_run_out": ("A family's supplies run out", "家庭存量即将用完"),
        "lifecycle": ("Families and their supplies", "家庭生命周期"),
    }

    class Config(SolutionConfig):
        stage_months: list[Annotated[int, Field(ge=0, le=216)]] = setting(
            lambda: [0, 6, 12, 36, 72], "Ages at which a stage begins", "阶段起始月龄", unit="month",
            help_en="In order; before the first is pregnancy.", help_zh="按顺序；首个之前为孕期。",
        )  # fmt: skip
        stage_lead_d: int = setting(14, "A change of stage is prepared before", "阶段变更提前天数", unit="d", ge=0, le=60)
        use_per_day: dict[str, Annotated[float, Field(gt=0)]] = setting(
            lambda: {"formula_1": 110, "formula_2": 90, "formula_3": 60}, "Typical daily use", "品类日均用量", unit="g",
            help_en="Category to grams.", help_zh="品类对应克数。")  # fmt: skip
        prior_n: int = setting(3, "Weight of the typical use", "典型用量权重", unit="cycles", ge=0, le=20,
            help_en="Against the family's own cycles.", help_zh="相对家庭自身周期数。")  # fmt: skip
        lead_d: int = setting(5, "Reminder before running out", "用完前提醒天数", unit="d", ge=0, le=30)
        guide_wait_h: int = setting(48, "Time for the guide", "导购跟进时限", unit="h", ge=1, le=168,
            help_en="Then a message takes over.", help_zh="超时由消息接续。")  # fmt: skip
        lost_after_cycles: float = setting(2, "Cycles without purchase: lost", "视为流失的周期数", unit="cycles", ge=1, le=10)
        win_back_coupon: str = setting("come_back", "Coupon for a lost family", "召回优惠券")

    # Families

    def start(self):
        yield from self._children_of_table("members")

    @on_table("members")
    def members_changed(self, table):
        yield from self._children_of_table(table)

    def _children_of_table(self, table):
        for row in self.tables.members.rows():
            if row.get("children"):
                yield from self._children(self._resolved(row["member"]), row["children"])

    @on("member.profile")
    def profile(self, event):
        member = self._resolved(event["member"])
        for old in event.get("merged_from", ()):
            if old != member and f"same:{old}" not in self.state:
                self._merge(old, member)
        self.state[f"profile:{member}"] = {name: event[name] for name in ("consents", "channels", "left") if name in event}
        yield from self._children(member, event.get("children", ()))
        for category in list(self._record(member)["bought"]):
            self._plan(member, category)

    def _resolved(self, member):
        while f"same:{member}" in self.state:
            member = self.state[f"same:{member}"]
        return member

    def _merge(self, old, member):
        self.state[f"same:{old}"] = member
        gone, record = self.state.pop(f"member:{old}", None), self._record(member)
        for category, purchases in (gone or {"bought": {}})["bought"].items():
            self._quiet(old, category)
            for one in purchases:
                supplies.enter(record["bought"].setdefault(category, []), date.fromisoformat(one["day"]), one["grams"], one["receipt"])
        if gone:
            record["guide"] = record["guide"] or gone["guide"]
            record["items"] = gone["items"] | record["items"]
            self.timers.cancel("lost", old)
            for born in gone["children"]:
                self.timers.cancel("tag", f"{old}|{born}")
                self.timers.cancel("border", f"{old}|{born}")

    def _record(self, member):
        fresh = {"bought": {}, "items": {}, "guide": None, "children": [], "lost": False, "gone": [], "stage": {}, "open": {}}
        return self.state.setdefault(f"member:{member}", fresh)

    def _row(self, member):
        return {**(self.tables.members.get(member) or {}), **self.state.get(f"profile:{member}", {})}

    # Stages

    def _children(self, member, children):
        known = self._record(member)["children"]
        for born in [str(child.get("born") or child.get("due") or "")[:10] for child in children]:
            if born and born not in known:
                known.append(born)
                known.sort()
                yield from self._prepare(member, born)

    def _border(self, born, after):
        """(index, first day) of the first stage that begins after a day."""
        borders = [supplies.months_after(date.fromisoformat(born), months) for months in self.config.stage_months]
        return next(((n, day) for n, day in enumerate(borders) if day > after), None)

    def _prepare(self, member, born):
        today = self.store.hours.store_day(self.now)
        border = self._border(born, today)
        if border is None:
            return
        at, hours, key = self.store.hours.at(border[1] - self.config.stage_lead_d * DAY, CONTACT_AT), self.store.hours, f"{member}|{born}"
        self.timers.set("border", key, hours.midnight(border[1]) if self.config.stage_lead_d else at)
        if not self.config.stage_lead_d:
            return
        if at > self.now:
            self.timers.set("tag", key, at)
        else:
            yield from self._tag(member, born, *border)

    @timer("tag")
    def tag(self, due):
        member, _, born = due.key.rpartition("|")
        border = self._border(born, self.store.hours.store_day(self.now))
        if border:
            yield from self._tag(member, born, *border)

    def _tag(self, member, born, index, begins):
        if reach.refuses(self._row(member), ("profiling",)):
            return
        months, n = self.config.stage_months, self._record(member)["children"].index(born)
        previous = f"month_{months[index - 1]}" if index else "pregnancy"
        yield out("segment.assign", scheme="lifecycle" if n == 0 else f"lifecycle:{n + 1}", segment=f"month_{months[index]}", member=member,
                  previous=previous, reason=f"{born}: {begins}")  # fmt: skip
        items = [{"gtin": row["gtin"], "score": 1, "reason": f"month_{months[index]}"} for row in self._list(index)]
        if items:
            yield out("recommend.items", context="lifecycle", items=items, member=member)

    def _list(self, index):
        month = self.config.stage_months[index]
        rows = self.tables.products.rows()
        return [row for row in rows if (row.get("attributes") or {}).get("stage", -1) == month] or [
            row for row in rows if str(row.get("category", "")).endswith(f"_{index + 1}")
        ]

    @timer("border")
    def border(self, due):
        """Whoever bought in the stage that ends should buy in the one that begins."""
        member, _, born = due.key.rpartition("|")
        stages, today = self._record(member)["stage"], self.store.hours.store_day(due.time)
        bought = stages.get(born) == supplies.stage(date.fromisoformat(born), self.config.stage_months, today) - 1
        if bought:
            self.kpi.share("stage_retention", 0, 1)
        stages[f"due:{born}"] = bought
        if not self.config.stage_lead_d:
            yield from self._tag(member, born, *self._border(born, today - DAY))
        yield from self._prepare(member, born)

    # Supplies

    @on("pos.sale")
    def sold(self, event):
        refs = {payment.get("ref") for payment in event.get("payments", ())} - {None}
        if event["kind"] == "sale" and event.get("member"):
            yield from self._bought(self._resolved(event["member"]), event, event["receipt"], refs)
        elif event["kind"] == "void" or (event["kind"] == "return" and event.get("original")):
            self._undo(event.get("original") or event["receipt"], None if event["kind"] == "void" else event["lines"])

    @on("order.placed")
    def ordered(self, event):
        if event.get("member") and not event.get("draft"):
            yield from self._bought(self._resolved(event["member"]), event, event["order"], set())

    @on("order.status?")
    def order_status(self, event):
        if event["status"] in UNDONE:
            self._undo(event["order"], None)

    def _contents(self, lines):
        """Grams and items by category followed."""
        found = {}
        for line in lines:
            product = self.tables.products.get(line["gtin"]) or {}
            pack = line["weight_g"] if line.get("weight_g") else supplies.pack_grams(product)
            if product.get("category") in self.config.use_per_day and pack:
                one = found.setdefault(product["category"], {"grams": 0, "items": {}})
                one["grams"] += abs(pack if line.get("weight_g") else pack * line["qty"])
                one["items"][product["gtin"]] = one["items"].get(product["gtin"], 0) + abs(line["qty"])
        return found

    def _bought(self, member, event, receipt, refs):
        day, record = self.store.hours.store_day(event.time), self._record(member)
        record["guide"] = event.get("guide") or record["guide"]
        for category, one in self._contents(event["lines"]).items():
            purchases = record["bought"].setdefault(category, [])
            before = self._outlook(category, purchases)
            if any(other["receipt"] in refs for other in purchases) or not supplies.enter(purchases, day, one["grams"], receipt):
                continue
            self.state[f"receipt:{receipt}"] = member
            record["items"][category] = one["items"]
            if before and day > date.fromisoformat(purchases[0]["day"]):
                self.kpi.share("repurchase_in_cycle", day <= before.runs_out, 1)
            self._keeps_on(record, day)
            self._plan(member, category)
            if record["lost"]:
                record["lost"] = False
                yield out("segment.assign", scheme="lifecycle_status", segment="active", member=member, previous="lost")

    def _keeps_on(self, record, day):
        for born in record["children"]:
            record["stage"][born] = supplies.stage(date.fromisoformat(born), self.config.stage_months, day)
            if record["stage"].pop(f"due:{born}", False):
                self.kpi.share("stage_retention", 1, 0)

    def _undo(self, receipt, lines):
        member = self.state.get(f"receipt:{receipt}")
        if member is None:
            return
        member = self._resolved(member)
        back = None if lines is None else self._contents(lines)
        for category, purchases in self._record(member)["bought"].items():
            grams = None if back is None else back.get(category, {"grams": 0})["grams"]
            if supplies.give_back(purchases, receipt, grams):
                self._plan(member, category)

    def _outlook(self, category, purchases):
        return supplies.outlook(purchases, self.config.use_per_day.get(category, 1), self.config.prior_n)

    def _quiet(self, member, category):
        for alarm in ("remind", "wait"):
            self.timers.cancel(alarm, f"{member}|{category}")

    def _plan(self, member, category):
        """Set anew when the family is reminded, and when it counts as lost."""
        bought, hours = self._record(member)["bought"], self.store.hours
        self._quiet(member, category)
        plans = {name: plan for name, purchases in bought.items() if (plan := self._outlook(name, purchases))}
        if category in plans:
            self.timers.set("remind", f"{member}|{category}", self._contact_day(plans[category].runs_out - self.config.lead_d * DAY))
        if not plans:
            self.timers.cancel("lost", member)
            return
        last = {name: supplies.by_day(purchases)[-1][0] for name, purchases in bought.items() if name in plans}
        ends = max(last[name] + int(self.config.lost_after_cycles * plan.days + 1e-9) * DAY for name, plan in plans.items())
        self.timers.set("lost", member, max(self.now, hours.at(ends, CONTACT_AT)))

    def _contact_day(self, day):
        """10:00 of a day, or the next one where that has passed."""
        hours = self.store.hours
        at = hours.at(day, CONTACT_AT)
        today = hours.store_day(self.now)
        return at if at > self.now else hours.at(today + (hours.at(today, CONTACT_AT) <= self.now) * DAY, CONTACT_AT)

    # Reaching

    @timer("remind")
    def remind(self, due):
        member, _, category = due.key.rpartition("|")
        record = self._record(member)
        plan = self._outlook(category, record["bought"][category])
        guide = record["guide"] or contacts.guide_tag(self._row(member))
        if guide is None or contacts.has_left(self.tables.staff.get(guide) or {}, self.store.hours.store_day(due.time)):
            yield from self._message(member, category, plan)
            return
        wait, task = timedelta(hours=self.config.guide_wait_h), f"lifecycle:{member}:{category}:{plan.runs_out}"
        self.kpi.share("guide_task_done", 0, 1)
        self.timers.set("wait", due.key, due.time + wait)
        self._open(member, category, f"task:{task}", {"key": due.key, "due": rfc3339(due.time + wait)})
        stages = [supplies.stage(date.fromisoformat(born), self.config.stage_months, self.store.hours.store_day(due.time))
                  for born in record["children"]]  # fmt: skip
        profile = {"member": member, "category": category, "runs_out": plan.runs_out, "grams_a_day": plan.use,
                   "stages": [f"month_{self.config.stage_months[n]}" if n >= 0 else "pregnancy" for n in stages]}  # fmt: skip
        yield out("task.create", task=task, kind="supplies_run_out", priority=3, staff=guide, role="guide", due=due.time + wait,
                  title=self.say(f"Supplies run out on {plan.runs_out}", f"存量将于{plan.runs_out}用完"),
                  items=[{"gtin": gtin, "qty": qty} for gtin, qty in record["items"][category].items()], values=profile)  # fmt: skip

    @on("task.done?")
    def task_done(self, event):
        task = self.state.get(f"task:{event['task']}")
        if task and event["state"] in ("done", "approved"):
            del self.state[f"task:{event['task']}"]
            self.kpi.share("guide_task_done", event.time <= parse_time(task["due"]), 0)
            self.timers.cancel("wait", task["key"])

    def _open(self, member, category, name, about):
        """Keep what an answer will refer to, until the next one of its kind for this family and category."""
        record, slot = self._record(member), f"{category}:{name.partition(':')[0]}"
        self.state.pop(record["open"].get(slot, ""), None)
        record["open"][slot] = name
        self.state[name] = about

    @timer("wait")
    def guide_did_not(self, due):
        member, _, category = due.key.rpartition("|")
        yield from self._message(member, category, self._outlook(category, self._record(member)["bought"][category]))

    def _message(self, member, category, plan, again=""):
        record, row = self._record(member), self._row(member)
        channel = None if not row or reach.refuses(row, ("marketing",)) else reach.first_channel(row, record["gone"])
        if channel:
            message = f"lifecycle:{member}:{category}:{plan.runs_out}{again}"
            self._open(member, category, f"message:{message}", {"member": member, "category": category, "channel": channel})
            text = self.say(f"Your supplies may run out on {plan.runs_out}.", f"您的宝宝用品预计{plan.runs_out}用完。")
            yield out("message.send", message=message, channel=channel, to=member, template="supplies_run_out", text=text,
                      purpose="marketing", campaign="lifecycle", params={"category": category, "runs_out": plan.runs_out})  # fmt: skip

    @on("message.outcome?")
    def outcome(self, event):
        sent = self.state.get(f"message:{event['message']}")
        if sent is None or event["status"] not in ("failed", "unsubscribed"):
            return
        record = self._record(sent["member"])
        if sent["channel"] not in record["gone"]:
            record["gone"].append(sent["channel"])
        plan = self._outlook(sent["category"], record["bought"].get(sent["category"], ()))
        if event["status"] == "failed" and plan and not event["message"].endswith(":again"):
            yield from self._message(sent["member"], sent["category"], plan, again=":again")

    @timer("lost")
    def lost(self, due):
        record, member = self._record(due.key), due.key
        if record["lost"]:
            return
        record["lost"] = True
        self.kpi.add("lost_families")
        self.kpi.share("repurchase_in_cycle", 0, 1)
        yield out("segment.assign", scheme="lifecycle_status", segment="lost", member=member)
        if not reach.refuses(self._row(member), ("marketing",)):
            row = self.tables.coupons.get(self.config.win_back_coupon) or {"template": self.config.win_back_coupon}
            copy = coupon_copies.copy_for(
                row, f"win_back:{member}:{self.store.hours.store_day(due.time)}", member, due.time, self.store.hours
            )
            yield out("coupon.issue", copy, campaign="lifecycle")

    @every("1d", at="00:00", weekday=1)
    def report(self, due):
        records = [self.state[key] for key in self.state if key.startswith("member:")]
        known = {one["receipt"] for record in records for purchases in record["bought"].values() for one in purchases}
        for key in [key for key in self.state if key.startswith("receipt:") and key.partition(":")[2] not in known]:
            del self.state[key]
        if records:
            counts = {"families": len(records), "with_children": sum(bool(one["children"]) for one in records),
                      "lost": sum(one["lost"] for one in records)}  # fmt: skip
            figures = {name: {"value": value, "unit": "count"} for name, value in counts.items()}
            window = {"from": due.time - 7 * DAY, "to": due.time}
            yield out("insight.report", window, report=f"lifecycle:{self.store.hours.store_day(due.time)}", kind="lifecycle", version=1,
                      figures=figures)  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """Stages begin one after the other."""
    months = config["stage_months"]
    if months == sorted(set(months)) and months:
        return []
    return [
        Problem("stage_months", "Ages must rise", "月龄必须递增", "List at least one age, each above the last.", "至少一个，且逐个递增。")
    ]
