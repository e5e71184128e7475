"""Member tiers and growth: a fair, explainable tier for every member from spend and tasks, up at once, down softly, proof against returns.

Growth is counted in store days: a lot of 1 May still counts on the 365th day after it. A tier runs to the end of its month and is judged on
that last day. A skipped step brings one gift, that of the tier reached. The row names no stream for a gift that is taken back: it is
`coupon.state` with status `void`; a gift counts as redeemed once a receipt or order names the coupon.

A return takes its part of the lot. Several tiers that came within `return_days` fall one after the other, but never below what the
rest still reaches. A receipt that comes late counts at its own date and restores a tier that fell for want of it. A paid order counts
once: the receipt that its payment names brings nothing more. A member first seen has the tier that the members table holds as a
number, from then on for a whole validity.
"""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.loyalty import growth
from storeloom.workers.loyalty.coupon_copies import copy_for
from storeloom.workers.loyalty.points import month_end

SCHEME = "tier"
TASKS = ("survey", "share", "visit")
WARN_D, WARN_AT = 30, "09:00"


class TierGrowth(Solution):
    number = 32
    zh, en = "会员等级与成长值", "Member tiers and growth"
    purpose_zh = "按消费与任务为每位会员维护公平、可解释的等级：达标即升，缓降一级，退货无法刷级。"
    formats = ("supermarket", "mall", "specialty", "convenience")
    produces = ("segment.assign", "coupon.issue", "coupon.state", "message.send", "insight.report")
    adapters = ("messaging?",)
    reads = ("members", "products", "coupons")
    kpis = {
        "members_by_tier": kpi("count", "Members above the lowest tier", "高等级会员数"),
        "upgrades": kpi("count", "Upgrades", "升级次数"),
        "kept_tier_rate": kpi("%", "Tiers kept at their end", "保级率"),
        "spend_per_tier": kpi("minor", "Spend of members above the lowest tier", "高等级会员消费额"),
    }

    class Config(SolutionConfig):
        thresholds: list[Annotated[int, Field(ge=0)]] = setting(
            lambda: [0, 1000, 5000, 20000], "Growth needed for each tier", "各等级所需成长值", unit="growth", min_length=1,
            help_en="Ascending from 0, the lowest tier.", help_zh="从0（最低等级）起递增。")  # fmt: skip
        spend_per_growth: int = setting(100, "Net spend for one growth point", "每点成长值所需净消费", unit="minor", ge=1, le=100_000,
            help_en="Floored for each receipt.", help_zh="按小票向下取整。")  # fmt: skip
        category_factor: dict[str, Annotated[float, Field(ge=0)]] = setting(dict, "Faster or slower categories", "品类成长系数",
            help_en="Category or subcategory to factor; 0 for none.", help_zh="品类或子类到系数；0为不计。")  # fmt: skip
        window_d: int = setting(365, "Age at which growth is forgotten", "成长值有效天数", unit="d", ge=90, le=730,
            help_en="In store days.", help_zh="按门店日计。")  # fmt: skip
        valid_months: int = setting(12, "Life of a tier", "等级有效期", unit="month", ge=3, le=24,
            help_en="To the end of that month.", help_zh="至到期月月末。")  # fmt: skip
        keep_share: float = setting(80, "Share of the threshold that keeps a tier", "保级比例", unit="%", ge=0, le=100,
            help_en="Judged at the end of its validity.", help_zh="在有效期末判断。")  # fmt: skip
        task_cap: int = setting(100, "Growth from tasks in a month", "每月任务成长值上限", unit="growth", ge=0, le=10_000,
            help_en="Surveys, shares and visits, by calendar month.", help_zh="问卷、分享、到店，按自然月。")  # fmt: skip
        return_days: int = setting(30, "A return takes back a tier for", "退货回退等级期限", unit="d", ge=0, le=180,
            help_en="Days since the tier came.", help_zh="自升级日起的天数。")  # fmt: skip
        tier_gifts: dict[str, str] = setting(dict, "Gifts at an upgrade", "升级礼券",
            help_en="Tier number to coupon id.", help_zh="等级序号到券编号。")  # fmt: skip

    # Growth

    @on("pos.sale")
    def sale(self, event):
        kind, receipt = event["kind"], event["receipt"]
        if kind == "return" and event.get("original"):
            yield from self._returned(event, event["original"], -self._worth(event.get("lines", ())))
        elif kind == "void":
            yield from self._returned(event, event.get("original") or receipt, None)
        elif kind == "sale":
            self._redeemed(event)
            order = next((one for paid in event.get("payments", ()) if f"receipt:{(one := paid.get('ref'))}" in self.state), None)
            if order:
                self.state.setdefault(f"receipt:{receipt}", {"same": order})
            elif event.get("member"):
                yield from self._bought(event, receipt)

    @on("order.placed?")
    def order(self, event):
        if event.get("paid") and not event.get("draft"):
            self._redeemed(event)
            if event.get("member"):
                yield from self._bought(event, event["order"])

    @on("pos.exception?")
    def exception(self, event):
        """A receipt voided after the sale; a return comes with its own receipt."""
        if event["kind"] == "void_receipt" and event.get("receipt"):
            yield from self._returned(event, event["receipt"], None)

    @on("member.event?")
    def task(self, event):
        points = int((event.get("values") or {}).get("growth") or 0)
        if event["kind"] not in TASKS or points <= 0 or not event.get("member"):
            return
        account, day = self._account(event["member"], event), self._day(event)
        points = min(points, growth.task_room(account["lots"], day, self.config.task_cap))
        if points:
            yield from self._grow(event["member"], account, {"day": day.isoformat(), "points": points})

    def _bought(self, event, receipt):
        member, key = event["member"], f"receipt:{receipt}"
        if key in self.state or (self.tables.members.get(member) or {}).get("left"):
            return
        account, worth, day = self._account(member, event), self._worth(event.get("lines", ())), self._day(event)
        self.state[key] = {"member": member, "returns": []}
        self.timers.set("forget", receipt, self.now + timedelta(days=self.config.window_d))
        spend = sum(line["amount"] for line in event.get("lines", ()))
        if account["tier"]:
            self.kpi.add("spend_per_tier", spend)
        spent = self.state.setdefault("spend", {})
        spent[str(account["tier"])] = spent.get(str(account["tier"]), 0) + spend
        points = growth.growth(worth, self.config.spend_per_growth)
        yield from self._grow(member, account, {"day": day.isoformat(), "points": points, "worth": str(worth), "receipt": receipt})

    @timer("forget")
    def forget(self, due):
        self.state.pop(f"receipt:{due.key}", None)

    def _worth(self, lines):
        return growth.worth(lines, self._factor)

    def _factor(self, gtin):
        product, factors = self.tables.products.get(gtin) or {}, self.config.category_factor
        return factors.get(product.get("subcategory"), factors.get(product.get("category"), 1))

    def _grow(self, member, account, lot):
        """A lot counts, and a tier that it reaches applies at once."""
        today, day = self.store.hours.store_day(self.now), date.fromisoformat(lot["day"])
        kept = [one for one in account["lots"] if (today - date.fromisoformat(one["day"])).days <= self.config.window_d]
        account["lots"] = [*kept, lot]
        best, fell = growth.tier(self.config.thresholds, self._value(account, today)), account["fell"]
        if best > account["tier"]:
            account["climbs"] = [*account["climbs"], {"came": lot["day"], "tier": account["tier"], "until": account["until"]}]
            self.kpi.add("upgrades")
            yield self._assign(member, account, best, month_end(day, self.config.valid_months), "upgrade")
            yield from self._gift(member, account, day)
        elif fell and day <= date.fromisoformat(fell["day"]) and fell["tier"] == account["tier"] + 1 and self._keeps(account, fell):
            self.kpi.share("kept_tier_rate", 1, 0)
            until = month_end(date.fromisoformat(fell["day"]), self.config.valid_months)
            yield self._assign(member, account, fell["tier"], until, "late_receipt")

    # Returns

    def _returned(self, event, original, worth):
        """Takes a return (its weighted amount, None for all of it) off its receipt's lot; a tier that the lot brought falls with it."""
        original = self.state.get(f"receipt:{original}", {}).get("same", original)
        sold, back = self.state.get(f"receipt:{original}"), event.get("receipt") or event.id
        if sold is None or back in sold["returns"]:
            return
        sold["returns"].append(back)
        member = sold["member"]
        account = self._account(member, event)
        for lot in account["lots"]:
            if lot.get("receipt") == original:
                left = Fraction(0) if worth is None else Fraction(lot["worth"]) - worth
                lot.update(worth=str(left), points=growth.growth(left, self.config.spend_per_growth))
        yield from self._climb_down(member, account, self._day(event))

    def _climb_down(self, member, account, day):
        value, before, tier, until = self._value(account, day), account["tier"], account["tier"], account["until"]
        climbs = list(account["climbs"])
        while climbs and value < self._threshold(tier):
            climb = climbs[-1]
            if (day - date.fromisoformat(climb["came"])).days > self.config.return_days:
                break
            reached = growth.tier(self.config.thresholds, value)
            if reached > climb["tier"]:
                tier = reached
                break
            tier, until = climb["tier"], climb["until"]
            climbs.pop()
        if tier == before:
            return
        account["climbs"] = climbs
        for place in range(tier + 1, before + 1):
            yield from self._take_back(member, account, str(place))
        yield self._assign(member, account, tier, until and date.fromisoformat(until), "return")

    # Gifts

    def _gift(self, member, account, day):
        """The tier's gift, once for each validity."""
        tier = str(account["tier"])
        template, had = self.config.tier_gifts.get(tier), account["gifts"].get(tier)
        if not template or (had and had["until"] >= day.isoformat()):
            return
        row = {"template": template, **(self.tables.coupons.get(template) or {})}
        coupon = f"tier-{tier}-{member}-{day:%Y%m%d}-{account['given']}"
        account["given"] += 1
        account["gifts"][tier] = {"coupon": coupon, "until": account["until"]}
        self.state[f"gift:{coupon}"] = {"member": member, "tier": tier}
        yield out("coupon.issue", copy_for(row, coupon, member, self.now, self.store.hours), campaign=SCHEME)

    def _take_back(self, member, account, tier):
        had = account["gifts"].get(tier)
        if had and self.state.pop(f"gift:{had['coupon']}", None):
            del account["gifts"][tier]
            yield out("coupon.state", coupon=had["coupon"], code=had["coupon"], member=member, status="void", ref={"reason": "return"})

    def _redeemed(self, event):
        for coupon in event.get("coupons", ()):
            self.state.pop(f"gift:{coupon}", None)

    # Tiers

    @timer("end")
    def validity_over(self, due):
        """Renewed at the threshold or at the share of it that keeps; else one tier lower, with a new validity."""
        member, account = due.key, self.state[f"member:{due.key}"]
        last = date.fromisoformat(account["until"])
        judged = {"tier": account["tier"], "day": account["until"]}
        keeps = self._keeps(account, judged)
        self.kpi.share("kept_tier_rate", keeps, 1)
        account.update(climbs=[], fell=None if keeps else judged)
        tier, until = account["tier"] - (not keeps), month_end(last, self.config.valid_months)
        yield self._assign(member, account, tier, until if tier else None, "renewed" if keeps else "fell", last)

    @timer("warn")
    def warn(self, due):
        """Names the growth that is missing as things stand for the last day."""
        member, account = due.key, self.state[f"member:{due.key}"]
        last = date.fromisoformat(account["until"])
        kept = [lot for lot in account["lots"] if (last - date.fromisoformat(lot["day"])).days <= self.config.window_d]
        missing = growth.keeps_at(self._threshold(account["tier"]), self.config.keep_share) - sum(lot["points"] for lot in kept)
        row = self.tables.members.get(member) or {}
        if missing <= 0 or row.get("left"):
            return
        channel = next(iter((row.get("consents") or {}).get("messaging") or row.get("channels") or ()), "mini_program")
        text = self.say(f"{missing} growth points keep your tier until {last}", f"截至{last}再得{missing}成长值即可保级")
        yield out("message.send", message=f"tier-{member}-{last}", channel=channel, to=member, purpose="service", text=text,
                  params={"missing": missing, "tier": account["tier"], "until": last.isoformat()},
                  not_before=self.store.hours.at(self.store.hours.store_day(due.time), WARN_AT))  # fmt: skip

    def _keeps(self, account, judged):
        needed = growth.keeps_at(self._threshold(judged["tier"]), self.config.keep_share)
        return self._value(account, date.fromisoformat(judged["day"])) >= needed

    def _assign(self, member, account, tier, until, reason, day=None):
        """The member's tier from now on, valid to the end of a day (None: for good), with the alarms of that validity."""
        previous, account["tier"] = account["tier"], tier
        account["until"] = until.isoformat() if until else None
        counts = self.state.setdefault("tiers", {})
        for place, change in ((previous, -1), (tier, 1)):
            counts[str(place)] = counts.get(str(place), 0) + change
        self.kpi.set("members_by_tier", sum(number for place, number in counts.items() if place != "0"))
        self._watch(member, until)
        return out("segment.assign", scheme=SCHEME, segment=str(tier), member=member, previous=str(previous), reason=reason,
                   score=self._value(account, day or self.store.hours.store_day(self.now)),
                   valid_to=until and self._end(until))  # fmt: skip

    def _watch(self, member, until):
        self.timers.cancel("warn", member)
        self.timers.cancel("end", member)
        if until:
            self.timers.set("end", member, max(self._end(until), self.now))
            warn = self.store.hours.midnight(until - timedelta(days=WARN_D))
            if warn > self.now:
                self.timers.set("warn", member, warn)

    def _end(self, last):
        return self.store.hours.midnight(last + timedelta(days=1))

    def _threshold(self, tier):
        return self.config.thresholds[min(tier, len(self.config.thresholds) - 1)]

    def _value(self, account, day):
        return growth.value(account["lots"], day, self.config.window_d)

    def _account(self, member, event):
        key = f"member:{member}"
        if key not in self.state:
            said = str((self.tables.members.get(member) or {}).get("tier", ""))
            tier = min(int(said), len(self.config.thresholds) - 1) if said.isdecimal() else 0
            until = month_end(self._day(event), self.config.valid_months) if tier else None
            self.state[key] = {
                "lots": [],
                "tier": tier,
                "until": until and until.isoformat(),
                "climbs": [],
                "fell": None,
                "gifts": {},
                "given": 0,
            }
            self._watch(member, until)
            counts = self.state.setdefault("tiers", {})
            counts[str(tier)] = counts.get(str(tier), 0) + 1
        return self.state[key]

    def _day(self, event):
        return self.store.hours.store_day(event.time)

    @every("1d", at="00:00")
    def month(self, due):
        """On the first: members by tier, and what they spent in the month before."""
        today, counts = self.store.hours.store_day(due.time), self.state.get("tiers")
        if today.day != 1 or not counts:
            return
        first = (today - timedelta(days=1)).replace(day=1)
        spent = self.state.pop("spend", {})
        rows = [{"tier": place, "members": counts[place], "spend": spent.get(place, 0)} for place in sorted(counts, key=int)]
        members = sum(number for place, number in counts.items() if place != "0")
        yield out("insight.report", {"from": self.store.hours.midnight(first), "to": due.time}, report=f"tiers:{first:%Y-%m}", kind="tiers",
                  version=1, figures={"members_by_tier": {"value": members, "unit": "count"}}, rows=rows)  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """Thresholds ascend from 0."""
    steps = config.get("thresholds", [0])
    if steps[:1] == [0] and all(low < high for low, high in pairwise(steps)):
        return []
    return [Problem("thresholds", "They do not ascend from 0", "门槛未从0起递增", "Begin with 0, each larger than the one before.",
                    "以0开头，逐级增大。")]  # fmt: skip
