"""Member value and churn warning: who is still a customer by their own rhythm, what they will be worth, and whom to win back.

Each Monday at midnight, store time, every member is judged by BG/NBD and Gamma-Gamma from purchases up to the day before. Members whose
chance of being alive falls below `risk_below` climb the ladder (message, coupon, a guide's call) until they buy, unless they were worth
less than `min_value` when last healthy or belong to the hold-out. One first seen at risk is worth what it was on the day of its last
purchase. Won back is who buys within 60 days; the trial counts when these are over.

Paid orders count as purchases of their day, drafts and unpaid ones do not (their receipt will). Returns come off the day of the receipt
that they name. Days settle after eight weeks; a receipt that comes still later counts as a day of its own. Forgotten: members who left or
refused profiling, or bought nothing for two years. Who refused marketing, or unsubscribed, is reported on but left alone.

`fit` learns from what was known eight weeks ago and is kept if it foresees these weeks better (root mean square error). The coupon is the
best of the table that the member is worth, one for any product before others.
"""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw
from storeloom.core.kernel.hooks import hookimpl

WEEK = timedelta(weeks=1)
WON_WITHIN_D = 60
FORGET_AFTER = timedelta(weeks=104)
CALL_WITHIN_D = 7
USUAL_VALIDITY_D = 30
SEND_AT = "10:00"
SCHEME = "member_value"
STEPS = 3


class Visits(SolutionConfig):
    """Parameters of BG/NBD: purchases a week are Gamma(r, alpha), the chance of stopping after one is Beta(a, b)."""

    r: float = Field(0.243, gt=0, le=1000, title="Shape of the rate", json_schema_extra={"x-zh": "购买率形状"})
    alpha: float = Field(4.414, gt=0, le=10000, title="Scale of the rate, weeks", json_schema_extra={"x-zh": "购买率尺度（周）"})
    a: float = Field(0.793, gt=0, le=1000, title="First shape of the chance of stopping", json_schema_extra={"x-zh": "流失概率参数 a"})
    b: float = Field(2.426, gt=0, le=1000, title="Second shape of the chance of stopping", json_schema_extra={"x-zh": "流失概率参数 b"})


class Spend(SolutionConfig):
    """Parameters of Gamma-Gamma: an amount is Gamma(p, nu), nu is Gamma(q, gamma) over members."""

    p: float = Field(6.25, gt=0, le=1000, title="Shape of a member's amounts", json_schema_extra={"x-zh": "单次金额形状"})
    q: float = Field(3.74, gt=1, le=1000, title="Shape over members", json_schema_extra={"x-zh": "会员间形状"})
    gamma: float = Field(1544, gt=0, le=1e9, title="Scale over members, minor units", json_schema_extra={"x-zh": "会员间尺度（分）"})


class MemberValueChurn(Solution):
    number = 37
    zh, en = "会员价值与流失预警", "Member value and churn warning"
    purpose_zh = "按会员自身的购买节奏判断其是否仍是顾客、未来值多少，只对值得的会员做挽回。"
    formats = ("supermarket", "convenience", "specialty", "mall")
    produces = ("score.report", "segment.assign", "message.send", "coupon.issue", "task.create", "experiment.result")
    adapters = ("messaging?",)
    reads = ("members", "coupons")
    kpis = {
        "at_risk_members": kpi("count", "Members at risk", "流失风险会员数"),
        "win_back_rate": kpi("%", "Won back within 60 days of those addressed", "60天挽回率"),
        "member_value_sum": kpi("minor", "Value of all members", "会员价值合计"),
        "forecast_error": kpi("%", "Error of the purchases foreseen, last eight weeks", "近八周购买预测误差"),
    }
    kinds = {"win_back_call": ("Call a member who stays away", "联系久未到店会员")}
    load = "forecast"

    class Config(SolutionConfig):
        horizon_weeks: int = setting(
            26, "Future that value is counted over", "价值计算的未来周数", unit="week", ge=4, le=104,
            help_en="Purchases expected in these weeks are counted, without discount.", help_zh="计入该期间的预期购买，不折现。",
        )  # fmt: skip
        fit: Literal["never", "weekly", "monthly"] = setting(
            "monthly", "Models are fitted", "模型拟合频率",
            help_en="Monthly is the first Monday; never keeps the set parameters.", help_zh="每月为首个周一；never 沿用设定参数。",
        )  # fmt: skip
        bgnbd: Visits = setting(Visits, "Parameters of BG/NBD until a fit foresees better", "BG/NBD 参数（拟合更准前使用）", unit="week")
        gamma_gamma: Spend = setting(
            Spend, "Parameters of Gamma-Gamma until a fit foresees better", "Gamma-Gamma 参数（拟合更准前使用）", unit="minor"
        )
        margin: float = setting(20, "Margin in value", "价值中的毛利率", unit="%", ge=1, le=80)
        watch_below: float = setting(0.7, "Watched below this chance of being alive", "低于该活跃概率为关注", ge=0, le=1)
        risk_below: float = setting(0.4, "At risk below this chance of being alive", "低于该活跃概率为流失风险", ge=0, le=1)
        min_value: int = setting(
            1000, "Value below which no effort is made", "低于该价值不做挽回", unit="minor", ge=0, le=1000000,
            help_en="The value when the member was last healthy.", help_zh="以会员最近一次健康时的价值为准。",
        )  # fmt: skip
        ladder_days: list[Annotated[int, Field(ge=0, le=365)]] = setting(
            lambda: [0, 14, 28], "Days of message, coupon and guide's call", "消息、优惠券、导购联系的天数", unit="d",
            min_length=1, max_length=3,
            help_en="After the turn to at risk; a shorter list leaves out the last.", help_zh="自转为风险起计；列表较短则省去末尾步骤。",
        )  # fmt: skip
        holdout_pct: int = setting(
            10, "At-risk members left alone", "不干预的对照会员比例", unit="%", ge=0, le=50,
            help_en="Drawn by hash of the member; who is won back is compared with them.", help_zh="按会员哈希抽取，用于比较挽回效果。",
        )  # fmt: skip

    # Purchases

    @on("pos.sale")
    def sold(self, event):
        record, visits = self._record(event), self.workers.insight.visits
        if record is None:
            return
        total = event["total"] if "total" in event else sum(line["amount"] for line in event.get("lines", ()))
        if event["kind"] == "sale":
            self._purchase(event, record, event["receipt"], total)
        elif event["kind"] == "return":
            visits.give_back(record, event.get("original", ""), event["receipt"], abs(total))
        elif event["kind"] == "void":
            visits.void(record, event["receipt"])

    @on("order.placed?")
    def ordered(self, event):
        if event.get("draft") or not event.get("paid", True):
            return
        record = self._record(event)
        if record is not None:
            self._purchase(event, record, event["order"], event["total"])

    def _record(self, event):
        """The record of the member that an event names; None for guests and those who may not be told of."""
        member = event.get("member")
        if member is None or self._refused(member, "profiling"):
            return None
        return self.state.setdefault(f"member:{member}", self.workers.insight.visits.new())

    def _purchase(self, event, record, receipt, total):
        day = event.get("business_day") or self.store.hours.store_day(event.time).isoformat()
        if self.workers.insight.visits.add(record, date.fromisoformat(day), receipt, total) and total > 0:
            self._stop(event["member"])

    def _stop(self, member):
        for step in range(STEPS):
            self.timers.cancel("step", f"{member}|{step}")

    def _refused(self, member, purpose):
        """Whether a member has left or is known to have refused a purpose."""
        row = self.tables.members.get(member) or {}
        return bool(row.get("left")) or row.get("consents", {}).get(purpose) is False

    # The weekly round

    @every("1d", at="00:00", weekday=1)
    def weekly(self, due):
        today = self.store.hours.store_day(due.time)
        value, visits = self.workers.insight.member_value, self.workers.insight.visits
        cut = today - value.TEST_WEEKS * WEEK
        now, before, since = {}, {}, {}
        for member in self._members():
            record = self.state[f"member:{member}"]
            found = visits.history(record, today)
            if self._refused(member, "profiling") or (found.last if found else today) < today - FORGET_AFTER:
                self._forget(member)
                continue
            if found:
                now[member] = found
            if earlier := visits.history(record, cut):
                before[member], since[member] = earlier, visits.bought(record, cut, today)
            visits.settle(record, cut)
            if not found and not record["days"]:
                self._forget(member)
        models = self._fit(value.summary(before), since, today)
        yield from self._tell(models, now, due)
        yield from self._trial()

    def _members(self):
        return sorted(key.partition(":")[2] for key in self.state if key.startswith("member:"))

    def _forget(self, member):
        del self.state[f"member:{member}"]
        self._stop(member)

    def _fit(self, known, since, today):
        """The models in force after this week's fit, if one is due; also how they would have foreseen the last weeks."""
        value, config = self.workers.insight.member_value, self.config
        given = {"visits": config.bgnbd.model_dump(), "spend": config.gamma_gamma.model_dump()}
        kept = self.state.get("models", {})
        fitted = kept.get("fitted") if kept.get("given") == given and config.fit != "never" else None
        models = value.Models(**(fitted or given))
        made, amounts = ([since[member][part] for member in known["member"]] for part in (0, 1))
        if config.fit == "weekly" or (config.fit == "monthly" and today.day <= WEEK.days):
            models = value.refit(models, known, made, amounts)
            self.state["models"] = {"given": given, "fitted": {"visits": dict(models.visits), "spend": dict(models.spend)}}
        self.kpi.set("forecast_error", value.visits_error(models, known, made))
        return models

    def _tell(self, models, histories, due):
        value, config = self.workers.insight.member_value, self.config
        told = value.outlook(models, value.summary(histories), config.horizon_weeks, config.margin / 100)
        turned, at_risk, total = {}, 0, 0
        for row in told:
            record, state = self.state[f"member:{row['member']}"], self._state(row["p_alive"])
            yield self._score(row, state, histories[row["member"]], due)
            at_risk += state == "at_risk"
            total += round(row["value"])
            previous = record.get("state")
            if state == "healthy":
                record["worth"] = round(row["value"])
            if state != previous:
                record["state"] = state
                yield out("segment.assign", scheme=SCHEME, segment=state, member=row["member"], previous=previous, score=row["p_alive"])
                if state == "at_risk":
                    turned[row["member"]] = row["spend"]
        self.kpi.set("at_risk_members", at_risk)
        self.kpi.set("member_value_sum", total)
        self._win_back(models, turned, histories, due)

    def _state(self, p_alive):
        return "at_risk" if p_alive < self.config.risk_below else "watch" if p_alive < self.config.watch_below else "healthy"

    def _score(self, row, state, history, due):
        window = {"from": due.time, "to": self._later(due, 7 * self.config.horizon_weeks)}
        return out("score.report", window, scheme=SCHEME, subject_kind="member", subject=row["member"], score=round(row["value"]),
                   parts=self.workers.insight.member_value.parts(row, history), labels={"state": state})  # fmt: skip

    def _later(self, due, days):
        """Midnight, store time, so many days after an alarm's."""
        return self.store.hours.midnight(self.store.hours.store_day(due.time) + timedelta(days=days))

    # Winning back

    def _win_back(self, models, turned, histories, due):
        """Start the ladder, or the hold-out's 60 days, of members who turned at risk and are worth it."""
        config = self.config
        unknown = {member: histories[member] for member in turned if "worth" not in self.state[f"member:{member}"]}
        worth = self.workers.insight.member_value.when_last_seen(models, unknown, config.horizon_weeks, config.margin / 100)
        for member, spend in turned.items():
            known = self.state[f"member:{member}"].get("worth", worth.get(member))
            if known < config.min_value or not self._may_address(member):
                continue
            arm = "holdout" if draw("win_back", member, modulus=100) < config.holdout_pct else "ladder"
            since = self.store.hours.store_day(due.time).isoformat()
            self.timers.set("verdict", f"{member}|{since}", self._later(due, WON_WITHIN_D), {"arm": arm})
            for step, days in enumerate(config.ladder_days if arm == "ladder" else ()):
                self.timers.set("step", f"{member}|{step}", self._later(due, days), {"worth": known, "spend": spend})

    def _may_address(self, member):
        record = self.state.get(f"member:{member}")
        return record is not None and not record.get("unsubscribed") and not self._refused(member, "marketing")

    @timer("step")
    def climb(self, due):
        member, _, step = due.key.rpartition("|")
        if self._may_address(member):
            yield from (self._message, self._coupon, self._call)[int(step)](member, due)

    def _message(self, member, due):
        channels = self._channels(member)
        if channels:
            yield self._sent(member, f"win_back:{member}:{self.store.hours.store_day(due.time)}", channels[0], due.time)

    def _sent(self, member, message, channel, at):
        text = self.say("We have not seen you for a while. Come and see what is new.", "好久不见，欢迎回店看看新品。")
        return out("message.send", message=message, channel=channel, to=member, text=text, campaign="win_back", purpose="marketing",
                   not_before=max(at, self.store.hours.at(self.store.hours.store_day(at), SEND_AT)))  # fmt: skip

    def _channels(self, member):
        """Channels that the member agreed to, else those known of it."""
        row = self.tables.members.get(member) or {}
        agreed = row.get("consents", {}).get("messaging")
        return list(row.get("channels") or ("mini_program",)) if agreed is None else agreed

    def _coupon(self, member, due):
        rows = self.tables.coupons.rows()
        row = self.workers.insight.coupon_value.best_worth_giving(rows, due.data["worth"], due.data["spend"])
        if row is None:
            return
        today, until = self.store.hours.store_day(due.time), self._later(due, 1 + row.get("valid_days", USUAL_VALIDITY_D))
        value = {"percent": row["value"]} if row["kind"] == "percent" else {"value": round(row["value"])}
        yield out("coupon.issue", value, coupon=f"{row['template']}:{member}:{today:%Y%m%d}", template=row["template"],
                  member=member, valid_from=due.time, valid_to=until, threshold=row.get("threshold"), gtins=row.get("gtins"),
                  campaign="win_back")  # fmt: skip

    def _call(self, member, due):
        tags = (self.tables.members.get(member) or {}).get("tags") or ()
        guide = next((tag.partition(":")[2] for tag in tags if tag.startswith("guide:")), None)
        title = self.say(f"Call member {member}, who stays away", f"联系久未到店的会员 {member}")
        yield out("task.create", task=f"win_back:{member}:{self.store.hours.store_day(due.time)}", kind="win_back_call", title=title,
                  priority=3, staff=guide, role=None if guide else "guide", due=self._later(due, CALL_WITHIN_D),
                  values={"member": member, "value": due.data["worth"]})  # fmt: skip

    @on("message.outcome?")
    def answered(self, event):
        """An unsubscription ends all effort; a message that failed goes to the member's next channel."""
        ours = event["message"].startswith("win_back:")
        member = event["message"].removeprefix("win_back:").rpartition(":")[0] if ours else event.get("to", "")
        record = self.state.get(f"member:{member}")
        if record is None:
            return
        if event["status"] == "unsubscribed":
            record["unsubscribed"] = True
            self._stop(member)
        elif event["status"] == "failed" and ours and self._may_address(member):
            channels = self._channels(member)
            rest = channels[channels.index(event["channel"]) + 1 :] if event["channel"] in channels else []
            if rest:
                yield self._sent(member, event["message"], rest[0], self.now)

    @timer("verdict")
    def verdict(self, due):
        member, _, since = due.key.rpartition("|")
        record = self.state.get(f"member:{member}")
        if record is None:
            return
        found = self.workers.insight.visits.history(record, self.store.hours.store_day(due.time) + timedelta(days=1))
        won = int(found is not None and found.last.isoformat() >= since)
        trial = self.state.setdefault("trial", {"holdout": [0, 0], "ladder": [0, 0], "told": [0, 0]})
        trial[due.data["arm"]][0] += won
        trial[due.data["arm"]][1] += 1
        if due.data["arm"] == "ladder":
            self.kpi.share("win_back_rate", won, 1)

    def _trial(self):
        """What the ladder does beyond what would have come back by itself, told when there are new verdicts."""
        trial = self.state.get("trial", {"told": None})
        sizes = [trial[arm][1] for arm in ("holdout", "ladder") if arm in trial]
        if sizes in ([], trial["told"]):
            return
        trial["told"] = sizes
        fields = self.workers.insight.trial_report.share_fields(trial, "holdout", "ladder")
        if fields:
            yield out("experiment.result", fields, experiment="win_back", metric="win_back_rate")


@hookimpl
def storeloom_config_problems(config, store):
    """At risk begins no higher than watch."""
    if config.get("risk_below", 0.4) <= config.get("watch_below", 0.7):
        return []
    return [Problem("risk_below", "It lies above watch_below", "高于 watch_below", "Lower it to watch_below.", "请设为不高于它。")]
