"""Uplift-based coupon allocation: a fixed budget of coupons goes to the members whom a coupon changes most, not to those who buy anyway.

Rounds are at midnight, store time: each day, on Mondays, or on the first of the month. A member is in one arm at a time: who has an arm
keeps it for `window_d` store days, in which a purchase, or the redemption of the copy, is the response. `explore_pct` of the members, drawn
anew every `window_d` days, get an arm by chance; models learn from random arms alone, of the last year, the latest eight of a member.
The first of `arms` is the control; one that is not in the coupons table is not given.

Members are those of the table and those who bought, but for who left, refused marketing or profiling, unsubscribed, or is in a segment
`opt_out`. Prices on the shelf are the same for all. A member's habits are forgotten 13 months after the last purchase. Uplift is told
by arm and, where other solutions assign segments, by segment. KPIs of money are what the plan of the round expects.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import draw, parse_time, rfc3339
from storeloom.core.kernel.hooks import hookimpl

OUTCOMES_KEPT, SCHEMES_KEPT = 8, 5
LEARN_FROM = timedelta(days=365)
FORGET_AFTER = timedelta(days=396)
OPT_OUT = ("opt_out", "opted_out", "no_marketing")
BAD_ROUNDS = 2
Feature = Literal["recency", "frequency", "monetary", "tenure", "category_mix", "discount_share"]


class UpliftCoupons(Solution):
    number = 28
    zh, en = "增益模型智能发券", "Uplift-based coupon allocation"
    purpose_zh = "估计每张券对每位会员的改变，把固定预算花在改变最大的会员身上，而不是本来就会购买的人。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("coupon.issue", "score.report", "experiment.result", "insight.report")
    reads = ("members", "coupons", "products")
    kpis = {
        "incremental_profit": kpi("minor", "Profit that the plans expect over no coupons", "预期增量利润"),
        "qini": kpi("ratio", "Qini coefficient on random members", "随机组 Qini 系数"),
        "uplift": kpi("points", "Purchase rate with any coupon less without", "有券与无券购买率之差"),
        "budget_used": kpi("%", "Expected redeemed face value of the budget", "预算使用率"),
    }
    load = "optimise"

    class Config(SolutionConfig):
        arms: list[Annotated[str, Field(min_length=1)]] = setting(
            lambda: ["none", "c5", "c10"], "Coupons that may be given, the first is no coupon", "可发的券（首项为不发券）", min_length=2,
            help_en="Coupon templates; the first name stands for the control.", help_zh="优惠券模板编号；首项代表对照组。",
        )  # fmt: skip
        budget: int = setting(
            500000, "Expected redeemed face value of a round", "每轮预期核销面额", unit="minor", ge=0, le=1000000000,
            help_en="Random coupons are outside of it.", help_zh="随机发放的券不计入。",
        )  # fmt: skip
        window_d: int = setting(
            14, "Days in which a purchase counts as response", "购买计为响应的天数", unit="d", ge=1, le=60,
            help_en="Coupons are valid for as long, unless their template's days are fewer.",
            help_zh="券的有效期与此相同，券模板更短时从其规定。",
        )  # fmt: skip
        explore_pct: int = setting(10, "Members whose arm is drawn at random", "随机发券的会员比例", unit="%", ge=2, le=50)
        min_arm: int = setting(
            1000, "Random responses per arm before a model is fitted", "建模前每组所需随机结果数", unit="members", ge=100, le=1000000
        )
        features: list[Feature] = setting(
            lambda: ["recency", "frequency", "monetary", "tenure", "category_mix", "discount_share"], "Inputs of the models", "模型输入",
            help_en="Never age, gender or device price.", help_zh="不使用年龄、性别或手机价格。",
        )  # fmt: skip
        margin: float = setting(20, "Margin on a member's expected basket", "预期客单的毛利率", unit="%", ge=1, le=80)
        round: Literal["daily", "weekly", "monthly"] = setting(
            "weekly", "Coupons are allocated", "发券频率", help_en="At midnight; Mondays, or the first.", help_zh="零点；每周一或每月1日。",
        )  # fmt: skip

    # What members do

    @on("pos.sale")
    def sold(self, event):
        member = event.get("member")
        if member is None or self._refused(member):
            return
        record = self._record(member)
        if event["kind"] == "void":
            self._respond(record, event["receipt"], None)
        elif event["kind"] == "sale":
            day = self.store.hours.store_day(event.time)
            lines = event.get("lines", ())
            off = abs(event.get("discount", sum(line.get("discount", 0) for line in lines)))
            total = event["total"] if "total" in event else sum(line["amount"] for line in lines)
            rows = (self.tables.products.get(line["gtin"]) for line in lines)
            categories = [row["category"] for row in rows if row and row.get("category")]
            self.workers.insight.habits.add(record["habits"], day, event["receipt"], total, off, categories)
            self._respond(record, None, event["receipt"], event.time)

    @on("coupon.redeemed")
    def redeemed(self, event):
        """The redemption of a copy is a response, also where the receipt names no member."""
        template, _, rest = event["coupon"].partition(":")
        record = self.state.get(f"member:{event.get('member') or rest.rpartition(':')[0]}")
        if record is None or (record["open"] or {}).get("coupon") != event["coupon"]:
            return
        self._respond(record, None, event.get("receipt") or event["coupon"], event.time)
        taken = self.state.setdefault("redeemed", {}).setdefault(template, [0, 0])
        taken[0], taken[1] = taken[0] + 1, taken[1] + event["amount"]

    def _respond(self, record, before, receipt, at=None):
        """Note the receipt that answers an open arm, the first one in its window; a void takes its own back."""
        given = record["open"]
        if given and given["by"] == before and (at is None or parse_time(given["since"]) <= at < parse_time(given["until"])):
            given["by"] = receipt

    @on("segment.assign?")
    def assigned(self, event):
        member = event.get("member")
        if member is not None and not self._refused(member):
            schemes = self._record(member)["segments"]
            schemes.pop(event["scheme"], None)
            schemes[event["scheme"]] = event["segment"]
            for scheme in list(schemes)[:-SCHEMES_KEPT]:
                del schemes[scheme]

    @on("message.outcome?")
    def answered(self, event):
        if event["status"] == "unsubscribed" and event.get("to"):
            self._record(event["to"])["unsubscribed"] = True

    def _record(self, member):
        fresh = {"habits": self.workers.insight.habits.new(), "open": None, "outcomes": [], "segments": {}, "unsubscribed": False}
        return self.state.setdefault(f"member:{member}", fresh)

    def _row(self, member):
        return self.tables.members.get(member) or {}

    def _refused(self, member):
        row = self._row(member)
        consents = row.get("consents", {})
        return bool(row.get("left")) or consents.get("marketing") is False or consents.get("profiling") is False

    # Rounds

    @every("1d", at="00:00")
    def allocate(self, due):
        today = self.store.hours.store_day(due.time)
        if {"daily": True, "weekly": today.isoweekday() == 1, "monthly": today.day == 1}[self.config.round]:
            members, outcomes = self._close(due.time, today)
            if members or outcomes:
                yield from self._round(members, outcomes, due, today)

    def _close(self, now, today):
        """The members of this round who have no arm, with their features, and the random outcomes known by now."""
        habits = self.workers.insight.habits
        kept = {key.partition(":")[2] for key in self.state if key.startswith("member:")}
        listed = {row["member"] for row in self.tables.members.rows()}
        members, outcomes = {}, []
        for member in sorted(kept | listed):
            record = self.state.get(f"member:{member}")
            if self._refused(member) or (record and self._forgotten(record, member in listed, today)):
                self.state.pop(f"member:{member}", None)
                continue
            if record and record["open"] and parse_time(record["open"]["until"]) <= now:
                self._harvest(record, today)
            if record:
                outcomes += [{**one, "segments": record["segments"]} for one in record["outcomes"]]
            if record is None or not (record["open"] or self._opted_out(record)):
                found = habits.features(record["habits"] if record else habits.new(), today, self._row(member))
                members[member] = {name: round(value, 4) for name, value in found.items()}
        return members, outcomes

    def _harvest(self, record, today):
        given = record["open"]
        record["open"] = None
        if given["random"]:
            outcome = {"arm": given["arm"], "bought": int(given["by"] is not None), "features": given["features"], "day": today.isoformat()}
            record["outcomes"] = [*record["outcomes"], outcome][-OUTCOMES_KEPT:]
            self.state["harvested"] = self.state.get("harvested", 0) + 1

    def _forgotten(self, record, listed, today):
        """Old outcomes go; so does the record once nothing is left of it, but for a listed member's wish and segments."""
        record["outcomes"] = [one for one in record["outcomes"] if one["day"] > (today - LEARN_FROM).isoformat()]
        last = record["habits"]["last"]
        stale = last is None or last < (today - FORGET_AFTER).isoformat()
        wish = listed and (record["unsubscribed"] or record["segments"])
        return stale and not (record["open"] or record["outcomes"] or wish)

    def _opted_out(self, record):
        return record["unsubscribed"] or not set(OPT_OUT).isdisjoint(record["segments"].values())

    def _round(self, members, outcomes, due, today):
        arms = [self.config.arms[0], *(arm for arm in self.config.arms[1:] if self.tables.coupons.get(arm))]
        outcomes = [one for one in outcomes if one["arm"] in arms]
        counts = self.workers.insight.trial_report.counts(outcomes, arms)
        model, told = self._learn(outcomes, counts, arms)
        epoch = today.toordinal() // self.config.window_d
        drawn = {m for m in members if model is None or draw("explore", m, epoch, modulus=100) < self.config.explore_pct}
        plan, outlook = self._plan(model, {m: found for m, found in members.items() if m not in drawn}, arms)
        for member in sorted(members):
            random = member in drawn
            arm = arms[draw("arm", member, today, modulus=len(arms))] if random else plan[member].arm if member in plan else arms[0]
            yield from self._give(member, arm, arms[0], random, members[member], due, today)
            if member in plan:
                yield self._why(member, plan[member], outlook[member], due, today)
        for arm in arms[1:]:
            fields = self.workers.insight.trial_report.share_fields(counts, arms[0], arm)
            if fields:
                yield out("experiment.result", fields, experiment=f"uplift_coupons:{arm}", metric="purchase_rate")
        yield self._report(members, drawn, plan, outcomes, counts, told, due, today)

    def _learn(self, outcomes, counts, arms):
        """The models to allocate by, None while all is random; and what to tell of them."""
        if len(arms) < 2 or min(n for _, n in counts.values()) < self.config.min_arm:
            return None, {"mode": "random"}
        response, names = self.workers.insight.arm_response, self.config.features
        rows = response.matrix([one["features"] for one in outcomes], names)
        given, bought = [one["arm"] for one in outcomes], [one["bought"] for one in outcomes]
        qini = response.qini(rows, given, bought, arms)
        judged = self.state.setdefault("judged", {"outcomes": 0, "bad": 0})
        if judged["outcomes"] != self.state["harvested"]:  # a round that learnt nothing new is no second opinion
            judged["outcomes"], judged["bad"] = self.state["harvested"], judged["bad"] + 1 if qini.value <= 0 else 0
        self.kpi.set("qini", qini.value)
        bad = judged["bad"] >= BAD_ROUNDS
        told = {"mode": "random" if bad else "model", "qini": qini, "bad": bad}
        return None if bad else response.fit(rows, given, bought, arms), told

    def _plan(self, model, members, arms):
        """The coupons that earn most within the budget, by member, and the outlook of each member."""
        if model is None or not members:
            return {}, {}
        allocation, face = self.workers.optimise.coupon_allocation, self.workers.insight.coupon_value.face_value
        rows = {arm: self.tables.coupons.get(arm) for arm in arms[1:]}
        chances = model.chances(self.workers.insight.arm_response.matrix(list(members.values()), self.config.features))
        known = [found["monetary"] for found in members.values() if found["monetary"]]
        usual = sum(known) / len(known) if known else 0.0
        options, outlook = {}, {}
        for (member, found), own in zip(members.items(), chances, strict=True):
            basket = found["monetary"] or usual
            margin = basket * self.config.margin / 100
            p = dict(zip(arms, map(float, own), strict=True))
            faces = {arm: face(row.get("kind", "amount"), row.get("value", 0), basket) for arm, row in rows.items()}
            options[member] = [allocation.option(arm, p[arm], p[arms[0]], margin, faces[arm]) for arm in arms[1:]]
            outlook[member] = {"p_none": p[arms[0]], "margin": margin, "p": p}
        plan = allocation.allocate(options, self.config.budget)
        self.kpi.add("incremental_profit", round(sum(one.profit for one in plan.values())))
        self.kpi.share("budget_used", sum(one.cost for one in plan.values()), self.config.budget)
        return plan, outlook

    def _give(self, member, arm, control, random, features, due, today):
        """Note a random arm, or a coupon, for its window; issue the coupon."""
        if arm == control and not random:
            return
        until, coupon = self._midnight(today, self.config.window_d), f"{arm}:{member}:{today:%Y%m%d}"
        given = {"arm": arm, "random": random, "since": rfc3339(due.time), "until": rfc3339(until), "by": None}
        self._record(member)["open"] = given | ({"features": features} if random else {}) | ({} if arm == control else {"coupon": coupon})
        if arm != control:
            row = self.tables.coupons.get(arm)
            value, valid_d = row.get("value", 0), min(row.get("valid_days", self.config.window_d), self.config.window_d)
            face = {"percent": value} if row.get("kind") == "percent" else {"value": round(value)}
            yield out("coupon.issue", face, coupon=coupon, template=arm, member=member, valid_from=due.time,
                      valid_to=self._midnight(today, valid_d), threshold=row.get("threshold"), gtins=row.get("gtins"),
                      campaign="uplift_coupons")  # fmt: skip

    def _why(self, member, chosen, outlook, due, today):
        parts = {"p_none": (outlook["p_none"], None), "p_arm": (outlook["p"][chosen.arm], None), "profit": (chosen.profit, "minor"),
                 "cost": (chosen.cost, "minor"), "basket_margin": (outlook["margin"], "minor")}  # fmt: skip
        listed = [{"name": name, "value": value, **({"unit": unit} if unit else {})} for name, (value, unit) in parts.items()]
        window = {"from": due.time, "to": self._midnight(today, self.config.window_d)}
        return out("score.report", window, scheme="uplift", subject_kind="member", subject=member, score=chosen.profit, parts=listed,
                   labels={"arm": chosen.arm})  # fmt: skip

    def _report(self, members, drawn, plan, outcomes, counts, told, due, today):
        control, report, redeemed = self.config.arms[0], self.workers.insight.trial_report, self.state.pop("redeemed", {})
        figures = {"members": (len(members), "count"), "random": (len(drawn), "count"), "given": (len(plan), "count"),
                   "expected_cost": (sum(one.cost for one in plan.values()), "minor"), "budget": (self.config.budget, "minor"),
                   "expected_profit": (sum(one.profit for one in plan.values()), "minor"),
                   "redeemed": (sum(amount for _, amount in redeemed.values()), "minor")}  # fmt: skip
        rows = [{"arm": arm, "n": n, "bought": bought, "redeemed": redeemed.get(arm, [0, 0])[0]} for arm, (bought, n) in counts.items()]
        pooled = report.any_arm(outcomes, control)
        if pooled:
            self.kpi.set("uplift", pooled["effect"])
            figures |= {f"uplift{end}": (pooled[part], "points") for end, part in (("", "effect"), ("_lo", "lo"), ("_hi", "hi"))}
        if qini := told.get("qini"):
            figures |= {"qini": (qini.value, "ratio"), "qini_lo": (qini.low, "ratio"), "qini_hi": (qini.high, "ratio")}
        rows += report.by_segment(outcomes, control)
        listed = {name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()}
        window = {"from": self._midnight(today, -self.config.window_d), "to": due.time}
        return out("insight.report", window, kind="uplift_coupons", report=f"uplift_coupons:{today}", version=1,
                   figures=listed, rows=rows, text=self._text(told, counts))  # fmt: skip

    def _text(self, told, counts):
        if told.get("bad"):
            said = self.say(
                "The ranking is worth nothing (Qini <= 0 twice): back to random", "排序无效（Qini 连续两轮不大于0），恢复随机发券"
            )
        elif told["mode"] == "random":
            said = self.say("Arms drawn at random", "随机发券")
        else:
            said = self.say("Allocated by uplift", "按增益发券")
        missing = ", ".join(arm for arm in self.config.arms[1:] if arm not in counts)
        return said + (self.say(f"; not in the coupons table: {missing}", f"；优惠券表中没有：{missing}") if missing else "")

    def _midnight(self, day, days):
        return self.store.hours.midnight(day + timedelta(days=days))


@hookimpl
def storeloom_config_problems(config, store):
    """Every arm and feature once."""
    twice = [key for key in ("arms", "features") if len(set(config.get(key, ()))) < len(config.get(key, ()))]
    return [Problem(key, "A name stands twice", "名称重复", "List each name once.", "每个名称只列一次。") for key in twice]
