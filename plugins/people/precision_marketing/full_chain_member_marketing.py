"""Full-chain member marketing: points exchange, targeted offers and provably fair draws, gated by tier, crowd, spend and points.

An entry is a `member.event` click of the campaign, or a kiosk's choose or confirm whose value is the campaign, by a member. The failing
gate is named by its config key; besides `not_open`, `closed`, `once` and `quota`. A phone is the event's `values.phone_hash` or the
member's sms address token. Spend is what this store saw; an online order and its receipt count once. A draw's order can be recomputed
from the report at closing: `workers.loyalty.fair_draw`. The catalogue names no place for the seed: it is derived from the secret that
`seed_secret` names.

Targeted offers go at opening to the members of the crowd who did not refuse marketing, by spend (of the members table where none was
seen); tier, spend and points gate entries only. A right that is redeemed after it passed on, but was used in time by the till's clock,
counts too.
"""

import re
from datetime import datetime, timedelta
from typing import Literal

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import reach
from storeloom.workers.loyalty import coupon_copies, fair_draw

AWAY_D = 90
KIOSK_ENTRIES = ("choose", "confirm")
OPENS = r"^(start|\d{4}-\d{2}-\d{2} ([01]\d|2[0-3]):[0-5]\d)$"
GATES = {
    "not_open": ("The activity has not begun yet.", "活动尚未开始。"),
    "closed": ("The activity is closed.", "活动报名已截止。"),
    "once": ("You have entered already.", "您已报名，每人限一次。"),
    "min_tier": ("Your tier is below the one needed.", "会员等级不足。"),
    "crowd_tag": ("The activity is for another circle of members.", "您不在活动人群内。"),
    "min_spend": ("Your recent spend is below the one needed.", "近期消费未达门槛。"),
    "entry_points": ("You have too few points.", "积分不足。"),
    "quota": ("All is given away.", "名额已兑完。"),
}
WORDS = {
    "entered": ("You have entered.", "报名成功。"),
    "right": ("It is yours: come and collect it in time.", "恭喜获得资格，请在有效期内到店使用。"),
    "lost": ("No luck this time.", "很遗憾，本次未获得资格。"),
}


class FullChainMemberMarketing(Solution):
    number = 18
    zh, en = "全链路会员营销体系", "Full-chain member marketing"
    purpose_zh = "大卖场与百货线上线下会员一体：以统一标签人群做积分兑换、定向权益与可验证公平的稀缺商品抽签，到店核销。"
    formats = ("supermarket", "mall", "specialty")
    produces = ("segment.assign", "points.change", "coupon.issue", "message.send", "insight.report")
    adapters = ("messaging", "online_store?", "kiosk?")
    reads = ("members", "coupons", "products?")
    kpis = {
        "entries": kpi("count", "Entries", "报名数"),
        "store_redemption_rate": kpi("%", "Rights used in store", "到店核销率"),
        "members_reactivated": kpi("count", "Members back after 90 days", "唤醒会员数"),
        "points_burned": kpi("points", "Points spent on entries", "消耗积分"),
    }
    kinds = {
        "activity_opened": ("An activity opened; a draw's commitment", "活动开启与抽签承诺"),
        "activity_closed": ("Entries closed; a draw's order and seed", "报名截止与抽签公示"),
        "activity_result": ("Result of an activity", "活动结果"),
    }

    class Config(SolutionConfig):
        activity: Literal["exchange", "draw", "targeted"] = setting("draw", "Kind of activity", "活动类型")
        campaign: str = setting("activity", "Campaign whose clicks are entries", "活动编号", min_length=1)
        opens_at: str = setting(
            "start", "When entries open", "开放时间", pattern=OPENS, help_en="start, or YYYY-MM-DD HH:MM in store time.",
            help_zh="start 或门店时间 YYYY-MM-DD HH:MM。",
        )  # fmt: skip
        open_h: int = setting(168, "Time from opening to closing", "开放时长", unit="h", ge=1, le=2160)
        right_coupon: str = setting("purchase_right", "Coupon that a right is issued as", "资格券", min_length=1)
        min_tier: int = setting(2, "Member tier needed", "最低会员等级", ge=0, le=10)
        min_spend: int = setting(50000, "Net spend needed", "消费门槛", unit="minor", ge=0, le=100000000)
        spend_days: int = setting(30, "Days of the spend needed", "消费统计天数", unit="d", ge=1, le=365)
        entry_points: int = setting(10, "Points that an entry costs", "报名消耗积分", unit="points", ge=0, le=100000)
        quota: int = setting(100, "Rights, goods or offers in all", "名额总数", ge=1, le=100000)
        refund_losers: bool = setting(True, "Give points back to those without a right", "未中退还积分")
        pickup_h: int = setting(48, "Time to use a right in store", "到店使用时限", unit="h", ge=1, le=336)
        crowd_tag: str = setting("any", "Crowd allowed in", "允许人群标签", min_length=1, help_en="A tag, or any.", help_zh="标签，或any。")
        seed_secret: str = setting("draw_seed", "Secret behind the draw", "抽签密钥", widget="secret", min_length=1)

    # Opening and closing

    def start(self):
        text = self.config.opens_at
        opens = self.now
        if text != "start":
            opens = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=self.store.hours.zone)
        self.state["activity"] = {"opens": plain(opens), "closes": plain(opens + timedelta(hours=self.config.open_h)), "waiting": [],
                                  "stage": "before", "entries": 0, "issued": 0, "open": 0, "redeemed": 0}  # fmt: skip
        if opens > self.now:
            self.timers.set("open", "", opens)
            return
        yield from self._open()

    @timer("open")
    def open(self, due):
        yield from self._open()

    def _open(self):
        activity = self.state["activity"]
        activity["stage"] = "open"
        self.timers.set("close", "", max(parse_time(activity["closes"]), self.now))
        drawn = self.config.activity == "draw"
        yield self._report("activity_opened", rows=[{"sha256_of_seed": fair_draw.commitment(self._seed())}] if drawn else None)
        if self.config.activity == "targeted":
            for member in self._crowd()[: self.config.quota]:
                yield from self._right(member)

    def _seed(self):
        secret = self.secret(self.config.seed_secret)
        return fair_draw.seed_of(secret, self.context.instance, self.config.campaign, self.state["activity"]["opens"])

    def _crowd(self):
        rows = [row for row in self.tables.members.rows() if self._in_crowd(row) and not reach.refuses(row, ("marketing",))]
        spend = {row["member"]: self._spend(row["member"], self.now) or row.get("spend_12m") or 0 for row in rows}
        return sorted(spend, key=lambda member: (-spend[member], member))

    @timer("close")
    def close(self, due):
        """Entries close; a draw is made, and its seed disclosed."""
        activity = self.state["activity"]
        activity["stage"] = "closed"
        if self.config.activity != "draw":
            yield self._report("activity_closed")
            yield from self._finish()
            return
        seed = self._seed()
        members = {self.state[key]["entry"]: key.partition(":")[2] for key in sorted(self.state) if key.startswith("entry:")}
        order = fair_draw.order(seed, members)
        rows = [
            {"place": place, "entry": entry, "member": members[entry], "hmac": fair_draw.ticket(seed, entry)}
            for place, entry in enumerate(order, 1)
        ]
        yield self._report("activity_closed", rows=rows, text=f"seed {seed}")
        for entry in order[: self.config.quota]:
            yield from self._right(members[entry])
        activity["waiting"] = [members[entry] for entry in order[self.config.quota :]]
        for member in activity["waiting"]:
            yield self._tag(member, "waiting")
        yield from self._finish()

    # Entries

    @on("member.event")
    def clicked(self, event):
        if event["kind"] == "click" and event.get("campaign") == self.config.campaign and event.get("member"):
            yield from self._enter(event, event["member"], (event.get("values") or {}).get("phone_hash"))

    @on("kiosk.event?")
    def at_kiosk(self, event):
        if event["kind"] in KIOSK_ENTRIES and event.get("value") == self.config.campaign and event.get("member"):
            yield from self._enter(event, event["member"], (event.get("values") or {}).get("phone_hash"))

    def _enter(self, event, member, phone):
        if self.config.activity == "targeted":
            return
        if self.state["activity"]["stage"] == "before" and self.now >= parse_time(self.state["activity"]["opens"]):
            self.timers.cancel("open", "")
            yield from self._open()
        row = self.tables.members.get(member) or {}
        phones = [f"phone:{one}" for one in (phone, (row.get("channels") or {}).get("sms")) if one]
        gate = self._failing(event, member, row, phones)
        if gate:
            yield self._message(member, "refused", gate, event.id)
            return
        activity = self.state["activity"]
        activity["entries"] += 1
        self.kpi.add("entries")
        for key in phones:
            self.state[key] = 1
        last = max(filter(None, [self._last_purchase(member), row.get("last_purchase")]), default=None)
        away = last is not None and (self.store.hours.store_day(event.time) - reach.day_of(self.store.hours, last)).days >= AWAY_D
        self.state[f"entry:{member}"] = {"entry": f"e{activity['entries']}", "away": away, "right": None, "paid": self.config.entry_points}
        yield from self._points(member, -self.config.entry_points, "redeem", event.ref)
        yield self._tag(member, "entered")
        if self.config.activity == "exchange":
            yield from self._right(member)
        else:
            yield self._message(member, "entered", None, event.id)

    def _failing(self, event, member, row, phones):
        """The first gate that an entry fails, by its name; None where it is taken."""
        config, activity = self.config, self.state["activity"]
        if event.time < parse_time(activity["opens"]):
            return "not_open"
        if activity["stage"] in ("closed", "over") or event.time >= parse_time(activity["closes"]):
            return "closed"
        if f"entry:{member}" in self.state or any(key in self.state for key in phones):
            return "once"
        if self._tier(row) < config.min_tier:
            return "min_tier"
        if not self._in_crowd(row):
            return "crowd_tag"
        if self._spend(member, event.time) < config.min_spend:
            return "min_spend"
        if self._balance(member) < config.entry_points:
            return "entry_points"
        return "quota" if config.activity == "exchange" and activity["issued"] >= config.quota else None

    def _tier(self, row):
        found = re.search(r"\d+", str(row.get("tier") or ""))
        return int(found[0]) if found else 0

    def _in_crowd(self, row):
        return self.config.crowd_tag == "any" or self.config.crowd_tag in (row.get("tags") or ())

    # Spend and points

    @on("pos.sale")
    def sold(self, event):
        if event.get("member") and event["kind"] in ("sale", "return"):
            self._bought(event["member"], event["receipt"], event.time, event["total"])
        elif event["kind"] == "void" and event.get("member"):
            self._record(event["member"])["receipts"].pop(event["receipt"], None)

    @on("order.placed?")
    def ordered(self, event):
        if event.get("member") and event["paid"] and not event.get("draft"):
            self._bought(event["member"], event["order"], event.time, event["total"])

    def _record(self, member):
        return self.state.setdefault(f"member:{member}", {"receipts": {}, "points": None})

    def _bought(self, member, number, at, amount):
        record, oldest = self._record(member), stamp(self.now - timedelta(days=self.config.spend_days + AWAY_D))
        record["receipts"].setdefault(number, [stamp(at), amount])
        record["receipts"] = {name: one for name, one in record["receipts"].items() if one[0] >= oldest}

    def _spend(self, member, at):
        since = stamp(at - timedelta(days=self.config.spend_days))
        receipts = self.state.get(f"member:{member}", {"receipts": {}})["receipts"].values()
        return sum(amount for time, amount in receipts if since <= time <= stamp(at))

    def _last_purchase(self, member):
        receipts = self.state.get(f"member:{member}", {"receipts": {}})["receipts"].values()
        return max((time for time, amount in receipts if amount > 0), default=None)

    @on("points.change?")
    def points_changed(self, event):
        if event.source != self.context.instance:
            balance = event.get("balance", self._balance(event["member"]) + event["delta"])
            self._record(event["member"])["points"] = balance

    def _balance(self, member):
        known = self.state.get(f"member:{member}", {"points": None})["points"]
        return (self.tables.members.get(member) or {}).get("points") or 0 if known is None else known

    def _points(self, member, delta, reason, ref=None):
        if delta:
            balance = self._record(member)["points"] = self._balance(member) + delta
            self.kpi.add("points_burned", -delta)
            yield out("points.change", member=member, delta=delta, reason=reason, balance=balance, source=self.config.campaign, ref=ref)

    # Rights

    def _right(self, member):
        """A right, good for `pickup_h`."""
        activity = self.state["activity"]
        activity["issued"], activity["open"] = activity["issued"] + 1, activity["open"] + 1
        coupon, ends = f"{self.config.campaign}:{member}", self.now + timedelta(hours=self.config.pickup_h)
        row = {"template": self.config.right_coupon, **(self.tables.coupons.get(self.config.right_coupon) or {})}
        issued = coupon_copies.copy_for(row, coupon, member, self.now, self.store.hours)
        entry = self.state.setdefault(f"entry:{member}", {"entry": None, "away": False, "right": None, "paid": 0})
        entry["right"] = ["open", plain(ends)]
        self.timers.set("lapse", member, ends)
        yield out("coupon.issue", issued | {"valid_to": ends}, campaign=self.config.campaign)
        yield self._tag(member, "right")
        yield self._message(member, "right", None, coupon, {"coupon": coupon, "until": plain(ends)})

    @on("coupon.redeemed")
    def redeemed(self, event):
        campaign, _, member = event["coupon"].rpartition(":")
        entry = self.state.get(f"entry:{member}")
        if campaign != self.config.campaign or entry is None or entry["right"] is None or event.get("member", member) != member:
            return
        was, ends = entry["right"]
        if was == "used" or event.time >= parse_time(ends):
            return
        entry["right"] = ["used", ends]
        self.state["activity"]["redeemed"] += 1
        self.kpi.share("store_redemption_rate", 1, was == "open")
        if entry["away"]:
            self.kpi.add("members_reactivated")
        if was == "open":
            self.timers.cancel("lapse", member)
            self.state["activity"]["open"] -= 1
            yield self._tag(member, "used")
            yield from self._finish()

    @timer("lapse")
    def lapse(self, due):
        """An unused right passes to the next who waits."""
        activity, entry = self.state["activity"], self.state[f"entry:{due.key}"]
        entry["right"] = ["lapsed", entry["right"][1]]
        activity["open"] -= 1
        self.kpi.share("store_redemption_rate", 0, 1)
        yield self._tag(due.key, "lapsed")
        if activity["waiting"]:
            yield from self._right(activity["waiting"].pop(0))
        yield from self._finish()

    def _finish(self):
        """Once entries are closed and no right is open: losers' points go back, and the result is told."""
        activity = self.state["activity"]
        if activity["stage"] != "closed" or activity["open"]:
            return
        activity["stage"] = "over"
        for member in activity["waiting"]:
            entry = self.state[f"entry:{member}"]
            if self.config.refund_losers:
                yield from self._points(member, entry["paid"], "return")
            yield self._tag(member, "lost")
            yield self._message(member, "lost", None, self.config.campaign)
        yield self._report("activity_result")

    # Words

    def _tag(self, member, segment):
        return out("segment.assign", scheme=self.config.campaign, segment=segment, member=member)

    def _message(self, member, template, gate, about, params=None):
        channel = reach.first_channel(self.tables.members.get(member)) or reach.DEFAULT_CHANNEL
        text = self.say(*(GATES[gate] if gate else WORDS[template]))
        return out("message.send", message=f"{template}:{self.config.campaign}:{member}:{about}", channel=channel, to=member,
                   template=template, text=text, params={"gate": gate} if gate else params, campaign=self.config.campaign,
                   purpose="marketing" if self.config.activity == "targeted" else "service")  # fmt: skip

    def _report(self, kind, **more):
        activity = self.state["activity"]
        figures = {name: {"value": activity[name], "unit": "count"} for name in ("entries", "issued", "redeemed")}
        return out("insight.report", {"from": parse_time(activity["opens"]), "to": max(self.now, parse_time(activity["opens"]))},
                   report=f"{self.config.campaign}:{kind}", kind=kind, version=1, figures=figures, **more)  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """The opening is a time that exists."""
    text = config.get("opens_at", "start")
    try:
        if text != "start":
            datetime.strptime(text, "%Y-%m-%d %H:%M")
    except ValueError:
        return [Problem("opens_at", f"No such time: {text}", f"无此时间：{text}", "Write YYYY-MM-DD HH:MM.", "请写为YYYY-MM-DD HH:MM。")]
    return []
