"""Omni-channel member reach: select members by rule, write to each on the first channel that was agreed to, and follow to the purchase.

Each time of `plan_at` is a round of its own: crowd, hold-out, ladder, window and report. The window begins when the round leaves, for those
sent and those held out alike, and the held-out use up the weekly cap as if they had been written to; so both arms stay alike from round to
round. Channels are agreed to in the member's consents, or have an address where those name none; a `member.event` with `consent` adds one
(in mini_program: one subscription message, which is spent), `opt_out` or an unsubscription takes it away. The cap counts rounds, and what
channels report as sent to the member by others. `segment.assign` names the campaign and what becomes of the member: `sent`, `holdout`,
`no_channel` or `capped`. Reached are those sent less those whose last message failed.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import conditions, reach, reach_results, visits
from storeloom.workers.loyalty import coupon_copies

Channel = Literal["mini_program", "official_account", "work_chat", "app_push", "sms", "voice"]
PLAN_AT = r"^(\d{4}-\d{2}-\d{2} )?([01]\d|2[0-3]):[0-5]\d$"
SUBSCRIBED = "mini_program"
GOT = ("delivered", "read", "clicked", "replied", "unsubscribed")
KEPT = timedelta(days=60)
FIELDS = ("member", "tier", "points", "tags", "home_store", "birth_month", "joined_days", "spend_12m", "receipts_12m", "last_purchase_days",
          "recency", "frequency", "monetary")  # fmt: skip


class MemberReach(Solution):
    number = 3
    zh, en = "全渠道会员触达系统", "Omni-channel member reach"
    purpose_zh = "告别无法追踪的群发：打标签、选人、走已授权的最省渠道触达并跟踪到购买，用对照组证明增量。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("segment.assign", "message.send", "coupon.issue", "insight.report")
    adapters = ("messaging",)
    reads = ("members", "coupons?")
    kpis = {
        "click_rate": kpi("%", "Members who clicked of those sent", "点击率"),
        "click_to_buy_rate": kpi("%", "Members who bought of those who clicked", "点击购买转化率"),
        "incremental_buyers": kpi("count", "Buyers beyond those of the hold-out", "增量购买人数"),
        "cost_per_buyer": kpi("minor", "Cost of messages for each buyer", "单个购买者触达成本"),
    }
    kinds = {"member_reach": ("What a reach brought", "触达效果报告")}

    class Config(SolutionConfig):
        campaign: str = setting(
            "reach", "Name of the reach", "触达活动名称", min_length=1,
            help_en="Part of the hold-out's hash: another name holds out others.", help_zh="参与对照组哈希，改名即换对照组。",
        )  # fmt: skip
        plan_at: list[Annotated[str, Field(pattern=PLAN_AT)]] = setting(
            lambda: ["10:00"], "When the crowd is taken", "选人触达时刻",
            help_en="HH:MM each day, or YYYY-MM-DD HH:MM once; store time.", help_zh="每天 HH:MM，或一次性 YYYY-MM-DD HH:MM，门店时间。",
        )  # fmt: skip
        crowd_rule: str = setting(
            "last_purchase_days >= 30", "Who is selected", "人群规则", min_length=1,
            help_en=f"Over {', '.join(FIELDS)}; a word alone is a tag.", help_zh="按会员标签与RFM字段书写；单独一个词表示标签。",
        )  # fmt: skip
        channels: list[Channel] = setting(
            lambda: ["mini_program", "official_account", "work_chat", "app_push", "sms", "voice"], "Channels, in order", "渠道顺序"
        )
        holdout_pct: int = setting(10, "Share that is left alone", "对照组比例", unit="%", ge=0, le=50)
        weekly_cap: int = setting(3, "Most messages to a member in 7 days", "每位会员7天最多消息数", unit="messages", ge=1, le=20)
        quiet_hours: str = setting("21:00-09:00", "Store time in which nothing is sent", "免打扰时段", pattern=reach.QUIET_HOURS)
        fallback_after: int = setting(120, "Wait before the next channel", "失败后换渠道等待", unit="min", ge=0, le=2880)
        window_h: int = setting(72, "Purchases count for", "购买归因窗口", unit="h", ge=1, le=720)
        lapse_days: int = setting(30, "A buyer away for longer is won back", "召回判定天数", unit="d", ge=7, le=365)
        offer_coupon: str = setting(
            "none", "Coupon sent along", "随发优惠券", help_en="A template, or none.", help_zh="券模板编号或 none。"
        )

    def start(self):
        self._plan(self.store.hours.store_day(self.now))

    @every("1d", at="00:00")
    def new_day(self, due):
        self._plan(self.store.hours.store_day(due.time))

    def _plan(self, today):
        for text in self.config.plan_at:
            day, _, clock = text.rpartition(" ")
            at = self.store.hours.at(today, clock)
            if day in ("", today.isoformat()) and at >= self.now:
                self.timers.set("plan", text, at)

    # What is known of members

    def _record(self, member):
        fresh = {"visits": visits.new(), "touches": {}, "added": [], "removed": [], "once": 0, "refused": False, "told": {}, "rounds": {}}
        return self.state.setdefault(f"member:{member}", fresh)

    def _row(self, member):
        return {"member": member, **(self.tables.members.get(member) or {}), **self.state.get(f"member:{member}", {}).get("told", {})}

    @on("member.profile?")
    def profiled(self, event):
        names = ("consents", "channels", "tags", "tier", "points", "birth_month", "home_store", "joined", "left")
        self._record(event["member"])["told"] |= {name: event[name] for name in names if name in event}

    @on("member.event?")
    def did(self, event):
        member, channel = event.get("member"), event.get("channel")
        if member is None:
            return
        record = self._record(member)
        if event["kind"] == "opt_out" or event.get("consent") is False:
            self._take_away(record, channel)
        elif channel == SUBSCRIBED and event.get("consent"):
            record["once"] += 1
        elif channel and (event.get("consent") or event["kind"] == "follow"):
            record["added"] = sorted({*record["added"], channel})
            record["removed"] = [one for one in record["removed"] if one != channel]
        if event["kind"] == "click" and event.get("campaign") == self.config.campaign:
            sent = [name for name, entry in record["rounds"].items() if entry["messages"]]
            if sent:
                self._clicked(record["rounds"][sent[-1]], sent[-1])

    def _take_away(self, record, channel):
        if channel is None:
            record["refused"] = True
            return
        record["removed"] = sorted({*record["removed"], channel})
        record["once"] = 0 if channel == SUBSCRIBED else record["once"]

    def _channels(self, member):
        """The channels of the config on which a member may be written to, in order."""
        row, record = self._row(member), self._record(member)
        if record["refused"] or reach.refuses(row, ("marketing",)):
            return []
        agreed = ({*(reach.agreed_channels(row) or ())} | {*record["added"]}) - {*record["removed"]}
        return [one for one in self.config.channels if one in agreed or (one == SUBSCRIBED and record["once"] > 0)]

    def _last(self, member):
        """The store day of the last purchase known; None without any."""
        row = self._row(member)
        known = [reach.day_of(self.store.hours, row["last_purchase"])] if row.get("last_purchase") else []
        found = self._history(member)
        return max([*known, *([found.last] if found else [])], default=None)

    def _history(self, member):
        record = self.state.get(f"member:{member}")
        return visits.history(record["visits"], self.store.hours.store_day(self.now) + timedelta(days=1)) if record else None

    def _fields(self, member, today):
        row, last, found = self._row(member), self._last(member), self._history(member)
        seen = found.x + 1 if found else 0
        frequency, spend = row.get("receipts_12m", seen), row.get("spend_12m")
        days = (today - last).days if last else None
        joined = (today - reach.day_of(self.store.hours, row["joined"])).days if row.get("joined") else None
        fields = {"joined_days": joined, "last_purchase_days": days, "recency": days, "frequency": frequency, "monetary": spend}
        return {name: row.get(name) for name in FIELDS} | fields | {"tags": row.get("tags") or [], "receipts_12m": frequency}

    # A round

    @timer("plan")
    def select(self, due):
        """Take the crowd, leave out whom no channel reaches and who was written to enough, hold out by hash."""
        hours, today = self.store.hours, self.store.hours.store_day(due.time)
        name = f"{self.config.campaign}:{hours.local(due.time):%Y%m%d%H%M}"
        if f"round:{name}" in self.state:
            return
        leaves = reach.may_send_at(hours, due.time, self.config.quiet_hours)
        until = leaves + timedelta(hours=self.config.window_h)
        results, queue = reach_results.new(), []
        told = {key.partition(":")[2] for key in self.state if key.startswith("member:") and self.state[key]["told"]}
        for member in sorted({row["member"] for row in self.tables.members.rows()} | told):
            if not conditions.holds(self.config.crowd_rule, self._fields(member, today)):
                continue
            results["selected"] += 1
            fate = self._fate(member)
            if fate in results:
                results[fate] += 1
            else:
                results["arms"][fate][1] += fate == "holdout"
                self._record(member)["rounds"][name] = {"arm": fate, "from": plain(leaves), "until": plain(until), "messages": {},
                                                         "clicked": False, "bought": None}  # fmt: skip
                self._record(member)["touches"][name] = plain(leaves)
                queue.append(member)
            yield out("segment.assign", scheme=self.config.campaign, segment=fate, member=member)
        self.state[f"round:{name}"] = {"from": plain(due.time), "results": results, "members": queue}
        self.timers.set("report", name, until)
        if leaves > due.time:
            self.timers.set("leave", name, leaves)
        else:
            yield from self._leave(name)

    def _fate(self, member):
        record = self._record(member)
        if not self._channels(member):
            return "no_channel"
        record["touches"] = {key: at for key, at in record["touches"].items() if reach.of_last_week([at], self.now)}
        if len(record["touches"]) >= self.config.weekly_cap:
            return "capped"
        return "holdout" if draw(self.config.campaign + member, modulus=100) < self.config.holdout_pct else "sent"

    @timer("leave")
    def leave(self, due):
        yield from self._leave(due.key)

    def _leave(self, name):
        for member in self.state[f"round:{name}"]["members"]:
            if self._record(member)["rounds"][name]["arm"] == "sent":
                yield from self._send(member, name)

    def _send(self, member, name):
        """Write on the next channel that is agreed to and was not tried; the first time with the coupon."""
        record, results = self._record(member), self.state[f"round:{name}"]["results"]
        entry = record["rounds"][name]
        tried = [one["channel"] for one in entry["messages"].values()]
        passed = max((self.config.channels.index(one) + 1 for one in tried if one in self.config.channels), default=0)
        channel = next((one for one in self._channels(member) if self.config.channels.index(one) >= passed), None)
        if channel is None:
            return
        if channel == SUBSCRIBED and record["once"] and SUBSCRIBED not in (reach.agreed_channels(self._row(member)) or ()):
            record["once"] -= 1
        copy = f"{self.config.offer_coupon}:{member}:{name}" if self.config.offer_coupon != "none" else None
        if not tried:
            results["arms"]["sent"][1] += 1
            self.kpi.share("click_rate", 0, 1)
            if copy:
                row = self.tables.coupons.get(self.config.offer_coupon) or {"template": self.config.offer_coupon}
                issued = coupon_copies.copy_for(row, copy, member, self.now, self.store.hours)
                yield out("coupon.issue", issued, campaign=self.config.campaign, channel=channel)
        message = f"{name}:{member}:{len(tried) + 1}"
        entry["messages"][message] = {"channel": channel, "state": "sent", "cost": False}
        reach_results.count(results, channel, sent=1, reached=1)
        yield out("message.send", message=message, channel=channel, to=member, template=self.config.campaign, campaign=self.config.campaign,
                  purpose="marketing", params={"coupon": copy} if copy else None)  # fmt: skip

    # What became of it

    @on("message.outcome")
    def answered(self, event):
        message, status = event["message"], event["status"]
        name, _, rest = message.rpartition(":")[0].rpartition(":")
        if f"round:{name}" not in self.state or message not in self._record(rest)["rounds"].get(name, {}).get("messages", ()):
            self._others(event)
            return
        record, results = self._record(rest), self.state[f"round:{name}"]["results"]
        entry = record["rounds"][name]
        sent = entry["messages"][message]
        if event.get("cost") is not None and not sent["cost"]:
            sent["cost"] = True
            reach_results.count(results, sent["channel"], cost=event["cost"])
            self.kpi.share("cost_per_buyer", event["cost"], 0)
        if status == "failed" and sent["state"] == "sent":
            sent["state"] = "failed"
            reach_results.count(results, sent["channel"], reached=-1)
            after = max(self.now, event.time + timedelta(minutes=self.config.fallback_after))
            self.timers.set("ladder", message, reach.may_send_at(self.store.hours, after, self.config.quiet_hours))
        elif status in GOT and sent["state"] != "delivered":
            reach_results.count(results, sent["channel"], reached=sent["state"] == "failed")
            sent["state"] = "delivered"
            self.timers.cancel("ladder", message)
        if status == "clicked":
            self._clicked(entry, name)
        if status == "unsubscribed":
            self._take_away(record, event["channel"])

    def _others(self, event):
        """A message of somebody else: it counts to the week, and a refusal is a refusal."""
        if event.get("to") and event["status"] == "sent":
            self._record(event["to"])["touches"].setdefault(event["message"], plain(event.time))
        elif event.get("to") and event["status"] == "unsubscribed":
            self._take_away(self._record(event["to"]), event["channel"])

    @timer("ladder")
    def next_channel(self, due):
        name, _, member = due.key.rpartition(":")[0].rpartition(":")
        if f"round:{name}" in self.state:
            yield from self._send(member, name)

    def _clicked(self, entry, name):
        if not entry["clicked"]:
            entry["clicked"] = True
            reach_results.count(self.state[f"round:{name}"]["results"], self._channel_of(entry), clicks=1)
            self.kpi.share("click_rate", 1, 0)
            self.kpi.share("click_to_buy_rate", 0, 1)

    def _channel_of(self, entry):
        return list(entry["messages"].values())[-1]["channel"]

    @on("pos.sale")
    def sold(self, event):
        member, kind = event.get("member"), event["kind"]
        if member is None or kind == "training":
            return
        if kind == "sale":
            self._bought(event, event["receipt"], event["total"])
        elif f"member:{member}" in self.state:
            record = self._record(member)
            if kind == "return":
                visits.give_back(record["visits"], event.get("original", ""), event["receipt"], abs(event["total"]))
            else:
                visits.void(record["visits"], event["receipt"])
                for name, entry in record["rounds"].items():
                    if entry["bought"] and entry["bought"]["receipt"] == event["receipt"]:
                        self._credit(name, entry, -1)

    @on("order.placed?")
    def ordered(self, event):
        if event.get("member") and not event.get("draft"):
            self._bought(event, event["order"], event["total"])

    def _bought(self, event, receipt, total):
        member, day = event["member"], self.store.hours.store_day(event.time)
        last, record = self._last(member), self._record(member)
        if not visits.add(record["visits"], day, receipt, total):
            return
        for name, entry in record["rounds"].items():
            sent = entry["arm"] == "holdout" or entry["messages"]
            if sent and not entry["bought"] and parse_time(entry["from"]) <= event.time <= parse_time(entry["until"]):
                kind = reach_results.kind_of_buyer(last, day, self.config.lapse_days)
                entry["bought"] = {"receipt": receipt, "kind": kind, "clicked": entry["clicked"]}
                self._credit(name, entry, 1)

    def _credit(self, name, entry, number):
        """A buyer more, or one less where the receipt was voided."""
        results, bought = self.state[f"round:{name}"]["results"], entry["bought"]
        results["arms"][entry["arm"]][0] += number
        if entry["arm"] == "sent":
            results["kinds"][bought["kind"]] += number
            reach_results.count(results, self._channel_of(entry), buyers=number)
            self.kpi.share("cost_per_buyer", 0, number)
            self.kpi.share("click_to_buy_rate", number * bought["clicked"], 0)
        if number < 0:
            entry["bought"] = None

    @timer("report")
    def report(self, due):
        found = self.state.pop(f"round:{due.key}")
        for member in found["members"]:
            record = self._record(member)
            del record["rounds"][due.key]
            visits.settle(record["visits"], self.store.hours.store_day(due.time - KEPT))
        gained = reach_results.incremental_buyers(found["results"])
        if gained is not None:
            self.kpi.add("incremental_buyers", gained)
        yield out("insight.report", {"from": parse_time(found["from"]), "to": due.time}, report=due.key, kind="member_reach", version=1,
                  figures=reach_results.figures(found["results"]), rows=reach_results.rows(found["results"]))  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """The crowd rule can be read."""
    wrong = conditions.fault(config["crowd_rule"], FIELDS)
    return [Problem("crowd_rule", wrong, f"人群规则有误：{wrong}", "Write a condition.", "请改写条件。")] if wrong else []
