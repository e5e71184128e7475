"""Smart campaigns: ready templates that become live campaigns in minutes, matched to the right members, never above budget.

A template is draft while its coupon is missing (or its row in `promotions`, by the template's name, is not approved), ready until that
row's `from`, live, paused while the budget is used up, and ended at the row's `to`; without such a row it is live at once and has no end.
Templates: `welcome` (on joining), `second_purchase`, `birthday` (in the month), `spend_return` (a receipt of the row's, else the coupon's
threshold), `lapsed_recall`, `first_online_order`, `weather_day` (the forecast of the day at `send_at`) and `store_opening` (the first day
of its row). All draw on one budget.

A paused campaign goes on when there is room again for the coupon that was refused. A percentage coupon is reserved at what it takes off
its threshold, or a mean receipt where it has none, and spends what it granted. Members without visits are settled to their home store.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import conditions, reach, reach_results
from storeloom.workers.insight.coupon_value import face_value
from storeloom.workers.loyalty import coupon_budget, coupon_copies
from storeloom.workers.pricing.prices import instant

Template = Literal["welcome", "second_purchase", "birthday", "spend_return", "lapsed_recall", "first_online_order", "weather_day",
                   "store_opening"]  # fmt: skip
ALL = ["welcome", "second_purchase", "birthday", "spend_return", "lapsed_recall", "first_online_order", "weather_day", "store_opening"]
WEATHER = ("t_max", "t_min", "felt", "rain_mm", "rain_p", "humidity", "wind", "cloud", "warning")
SETTLED_BY, BUYS_KEPT, COPIES_KEPT = timedelta(days=90), timedelta(days=400), timedelta(days=30)
KINDS = {"new": "new", "active": "active", "won_back": "recalled"}
WORDS = {
    "welcome": ("Welcome! A gift for your first visit.", "欢迎入会，送您一张见面礼券。"),
    "second_purchase": ("Come again: a coupon for your second visit.", "期待再次光临，送您二次消费券。"),
    "birthday": ("Happy birthday! A gift is waiting for you.", "生日快乐，送您生日礼券。"),
    "spend_return": ("Thank you for your purchase: a coupon for the next one.", "感谢惠顾，返您一张下次可用的券。"),
    "lapsed_recall": ("We have missed you. Here is a coupon.", "好久不见，送您一张回店券。"),
    "first_online_order": ("Thank you for your first online order.", "感谢首次线上下单，送您一张券。"),
    "weather_day": ("The right thing for today's weather.", "应景好物，今日可用。"),
    "store_opening": ("We are open: come and see us.", "新店开业，欢迎光临。"),
}


class CampaignTemplates(Solution):
    number = 13
    zh, en = "智慧营销活动系统", "Smart campaign system"
    purpose_zh = "门店与总部营销无需专业技能：按场景与目的选模板，几分钟上线活动，匹配合适会员，绝不超预算。"
    formats = ("supermarket", "convenience", "specialty", "mall")
    produces = ("coupon.issue", "message.send", "segment.assign", "promo.result", "alert.raise")
    adapters = ("messaging?",)
    reads = ("members", "coupons", "promotions")
    kpis = {
        "campaign_setup_time": kpi("min", "From draft to ready", "活动搭建时长"),
        "redemption_rate": kpi("%", "Coupons redeemed of those issued", "核销率"),
        "new_buyers": kpi("count", "First purchases with a coupon", "新客购买人数"),
        "budget_used": kpi("%", "Budget spent on redeemed coupons", "预算使用率"),
    }
    kinds = {"budget_reached": ("The budget has no room for another coupon", "预算已不足以再发券")}

    class Config(SolutionConfig):
        templates: list[Template] = setting(lambda: list(ALL), "Templates switched on", "启用的模板")
        rewards: dict[Template, str] = setting(
            dict, "What each template gives", "各模板奖励", help_en="Template to coupon; else the coupon of the template's own name.",
            help_zh="模板到券编号；缺省为与模板同名的券。",
        )  # fmt: skip
        budget: int = setting(1000000, "Most face value that it may cost", "预算（券面额）", unit="minor", ge=0, le=1000000000)
        expected_redemption: float = setting(
            30, "Reserve for each unredeemed coupon", "未核销券的预留比例", unit="%", ge=1, le=100,
            help_en="Of its face value, until 200 coupons have ended.", help_zh="占面额比例；满200张结束后用实际核销率。",
        )  # fmt: skip
        second_after_days: int = setting(7, "Silence after a first receipt", "首单后沉默天数", unit="d", ge=1, le=60)
        lapse_days: int = setting(45, "Absence that starts a recall", "触发召回的未到店天数", unit="d", ge=14, le=365)
        send_at: str = setting(
            "10:00", "Store time of day-based templates", "按日模板发送时间", widget="time", pattern=r"^([01]\d|2[0-3]):[0-5]\d$"
        )
        per_member: int = setting(1, "Most rewards of one template to a member", "每模板每会员最多奖励", ge=1, le=10)
        weather_rule: str = setting(
            "t_max >= 35", "Forecast that starts weather_day", "天气触发规则", min_length=1,
            help_en=f"Over {', '.join(WEATHER)} of the store day.", help_zh="按当日天气预报字段书写。",
        )  # fmt: skip

    # Stages

    def start(self):
        self.state["drafted"] = plain(self.now)
        self._stages()

    @on_table("coupons", "promotions")
    def table_changed(self, table):
        self._stages()

    def _stages(self):
        """Note which templates are ready, and when those that end do."""
        ready = self.state.setdefault("ready", [])
        for template in self.config.templates:
            if template not in ready and self._stage(template) != "draft":
                ready.append(template)
                self.kpi.sample("campaign_setup_time", (self.now - parse_time(self.state["drafted"])) / timedelta(minutes=1))
            ends = self._bound(template, "to")
            if ends and ends > self.now:
                self.timers.set("end", template, ends)

    def _promotion(self, template):
        return next((row for row in self.tables.promotions.all_rows() if row["promo"] == template), {})

    def _bound(self, template, end):
        """An end of a template's row as an instant; a bare date is that store day's first moment."""
        text = self._promotion(template).get(end)
        return instant(text, self.store.hours.zone, self.now) if text else None

    def _reward(self, template):
        return self.tables.coupons.get(self.config.rewards.get(template, template))

    def _stage(self, template):
        begins, ends = self._bound(template, "from"), self._bound(template, "to")
        if self._reward(template) is None or self._promotion(template).get("approved") is False:
            return "draft"
        if begins and self.now < begins:
            return "ready"
        return "ended" if ends and self.now >= ends else "live"

    # Members

    def _record(self, member):
        fresh = {"told": {}, "refused": False, "buys": [], "orders": 0, "given": {}}
        return self.state.setdefault(f"member:{member}", fresh)

    def _buys(self, member):
        return self.state.get(f"member:{member}", {}).get("buys", [])

    def _row(self, member):
        return {"member": member, **(self.tables.members.get(member) or {}), **self.state.get(f"member:{member}", {}).get("told", {})}

    @on("member.profile?")
    def profiled(self, event):
        names = ("consents", "channels", "birth_month", "home_store", "joined", "left")
        self._record(event["member"])["told"] |= {name: event[name] for name in names if name in event}
        if str(event.get("joined", "")) == self.store.hours.store_day(event.time).isoformat():
            yield from self._give("welcome", event["member"], "join")

    @on("member.event")
    def did(self, event):
        if event.get("member") and event["kind"] == "join":
            yield from self._give("welcome", event["member"], "join")
        elif event.get("member") and event["kind"] == "opt_out":
            self._record(event["member"])["refused"] = True

    @on("pos.sale")
    def sold(self, event):
        member, kind = event.get("member"), event["kind"]
        if kind == "sale":
            self._receipt(event["total"])
        if member is None or kind not in ("sale", "void"):
            return
        record = self._record(member)
        if kind == "void":
            record["buys"] = [buy for buy in record["buys"] if buy[1] != event["receipt"]]
        elif self._bought(member, event, event["receipt"]) and event["total"] >= self._spend():
            yield from self._give("spend_return", member, event["receipt"])

    @on("order.placed?")
    def ordered(self, event):
        member = event.get("member")
        if member and not event.get("draft") and self._bought(member, event, event["order"]):
            record = self._record(member)
            record["orders"] += 1
            if record["orders"] == 1:
                yield from self._give("first_online_order", member, "first_order")

    def _bought(self, member, event, number):
        """Enter a receipt or an order; False for a repeat."""
        record = self._record(member)
        if any(buy[1] == number for buy in record["buys"]):
            return False
        oldest = stamp(self.now - BUYS_KEPT)
        record["buys"] = sorted([buy for buy in record["buys"] if buy[0] >= oldest] + [[stamp(event.time), number, event.store]])
        return True

    def _receipt(self, total):
        seen = self.state.setdefault("receipts", [0, 0])
        self.state["receipts"] = [seen[0] + 1, seen[1] + total]

    def _spend(self):
        row = self._promotion("spend_return")
        return row.get("threshold", (self._reward("spend_return") or {}).get("threshold")) or 0

    def _days(self, member, without=None):
        """The store days of a member's purchases that are known, in order; `without` the purchase at hand."""
        row, hours = self._row(member), self.store.hours
        days = [hours.store_day(parse_time(at)) for at, number, _ in self._buys(member) if number != without]
        if row.get("last_purchase"):
            days.append(reach.day_of(self.store.hours, row["last_purchase"]))
        return sorted(days)

    def _settled_here(self, member):
        """Whether this is the store where the member was most often in 90 days, of equal ones the latest."""
        recent = self.now - SETTLED_BY
        stores = [store or self.store.id for at, _, store in self._buys(member) if parse_time(at) > recent]
        if not stores:
            return self._row(member).get("home_store", self.store.id) == self.store.id
        last = {store: place for place, store in enumerate(stores)}
        return max(last, key=lambda store: (stores.count(store), last[store])) == self.store.id

    # Day-based templates

    @on("weather.forecast?")
    def forecast(self, event):
        if event.get("observed"):
            return
        begins = parse_time(event["from"])
        day = self.store.hours.store_day(begins).isoformat()
        windows = {
            key: value for key, value in self.state.get("weather", {}).items() if key >= self.store.hours.store_day(self.now).isoformat()
        }
        known = windows.setdefault(day, {})
        if known.get(event["from"], {}).get("issued", "") <= event["issued"]:
            known[event["from"]] = dict(event.data)
        self.state["weather"] = windows

    def _weather(self, today):
        """The fields of a store day over all its windows; None where nothing is foreseen."""
        windows = list(self.state.get("weather", {}).get(today.isoformat(), {}).values())
        if not windows:
            return None

        def over(pick, *names):
            known = [next((one[name] for name in names if one.get(name) is not None), None) for one in windows]
            return pick((value for value in known if value is not None), default=None)

        return {
            "t_max": over(max, "temp_max_c", "temp_c"), "t_min": over(min, "temp_min_c", "temp_c"), "felt": over(max, "felt_c"),
            "rain_mm": sum(one.get("rain_mm", 0) for one in windows), "rain_p": over(max, "rain_p"), "humidity": over(max, "humidity_pct"),
            "wind": over(max, "wind_ms"), "cloud": over(max, "cloud_pct"), "warning": over(max, "warning"),
        }  # fmt: skip

    @every("1d", at="config.send_at")
    def daily(self, due):
        today = self.store.hours.store_day(due.time)
        weather, opening = self._weather(today), self._bound("store_opening", "from")
        hot = weather is not None and conditions.holds(self.config.weather_rule, weather)
        opens = opening is not None and self.store.hours.store_day(opening) == today
        known = {key.partition(":")[2] for key in self.state if key.startswith("member:")}
        for member in sorted({row["member"] for row in self.tables.members.rows()} | known):
            for template, source in self._of_the_day(member, today, hot, opens):
                yield from self._give(template, member, source)

    def _of_the_day(self, member, today, hot, opens):
        days, row = self._days(member), self._row(member)
        away = (today - days[-1]).days if days else None
        once = len(days) == 1 and (row.get("receipts_12m") or 0) <= 1
        if once and self.config.second_after_days <= away < max(self.config.lapse_days, self.config.second_after_days + 1):
            yield "second_purchase", days[0].isoformat()
        if row.get("birth_month") == today.month:
            yield "birthday", str(today.year)
        if away is not None and away >= self.config.lapse_days:
            yield "lapsed_recall", days[-1].isoformat()
        if hot:
            yield "weather_day", today.isoformat()
        if opens:
            yield "store_opening", today.isoformat()

    # Giving

    def _give(self, template, member, source):
        """A reward for a trigger, where the template is live, the member may be written to and has not had it, and the budget allows."""
        if template not in self.config.templates or self._stage(template) != "live" or not self._settled_here(member):
            return
        record, row = self._record(member), self._row(member)
        given = record["given"].setdefault(template, [])
        if record["refused"] or reach.refuses(row, ("marketing",)) or source in given or len(given) >= self.config.per_member:
            return
        coupon = self._reward(template)
        face = self._face(coupon)
        if not self._has_room(face):
            yield from self._pause(template, face)
            return
        yield from self._resume()
        given.append(source)
        copy = f"{coupon['template']}:{member}:{len(given)}:{template}"
        coupon_budget.issue(self._ledger(), face)
        self._count(template, issued=1)
        self.kpi.share("redemption_rate", 0, 1)
        varies = coupon.get("kind", "amount") != "amount"
        self.state[f"copy:{copy}"] = {"template": template, "member": member, "face": face, "varies": varies, "expired": False}
        self.timers.set("expire", copy, coupon_copies.valid_until(coupon, self.now, self.store.hours))
        yield out("segment.assign", scheme="campaign", segment=template, member=member)
        channel = reach.first_channel(row)
        issued = coupon_copies.copy_for(coupon, copy, member, self.now, self.store.hours)
        yield out("coupon.issue", issued, campaign=template, channel=channel)
        if channel:
            words = self._promotion(template).get("wording") or self.say(*WORDS[template])
            yield out("message.send", message=f"campaign:{copy}", channel=channel, to=member, template=template, text=words,
                      params={"coupon": copy}, campaign=template, purpose="marketing")  # fmt: skip

    def _face(self, coupon):
        """What a copy may take off, minor units."""
        seen, total = self.state.get("receipts", (0, 0))
        price = coupon.get("threshold") or (total / seen if seen else 0)
        value = coupon.get("value") or 0
        return round(value if coupon.get("kind", "amount") == "amount" else face_value(coupon["kind"], value, price))

    # Budget

    def _ledger(self):
        return self.state.setdefault("ledger", coupon_budget.new())

    def _has_room(self, face):
        """Whether the budget allows a coupon; a paused campaign needs room for the one that was refused."""
        face = max(face, self.state.get("paused") or 0)
        return coupon_budget.fits(self._ledger(), face, self.config.expected_redemption, self.config.budget)

    def _pause(self, template, face):
        if self.state.get("paused") is None:
            self.state["paused"] = face
            yield self._alert(template, "open")

    def _resume(self):
        if self.state.get("paused") is not None:
            self.state["paused"] = None
            yield self._alert(None, "cleared")

    def _alert(self, template, state):
        committed = coupon_budget.committed(self._ledger(), self.config.expected_redemption)
        paused = ("The campaign is paused: its budget is used up", "活动已暂停：预算已用完")
        text = self.say(*paused) if state == "open" else self.say("The campaign goes on: there is budget again", "活动恢复：预算重新可用")
        return out("alert.raise", alert="campaign-budget", kind="budget_reached", severity="warn", state=state, subject=template, text=text,
                   value=float(committed), limit=self.config.budget, unit="minor")  # fmt: skip

    @on("coupon.redeemed")
    def redeemed(self, event):
        copy = self.state.get(f"copy:{event['coupon']}")
        if copy is None:
            return
        del self.state[f"copy:{event['coupon']}"]
        self.timers.cancel("expire", event["coupon"])
        worth = event["amount"] if copy["varies"] else copy["face"]
        coupon_budget.redeem(self._ledger(), copy["face"], worth, expired=copy["expired"])
        self.kpi.share("redemption_rate", 1, 0)
        if self.config.budget:
            self.kpi.set("budget_used", 100 * self._ledger()["spent"] / self.config.budget)
        today = self.store.hours.store_day(event.time)
        earlier = [day for day in self._days(copy["member"], event.get("receipt") or event.get("order")) if day <= today]
        kind = KINDS[reach_results.kind_of_buyer(earlier[-1] if earlier else None, today, self.config.lapse_days)]
        self.kpi.add("new_buyers", kind == "new")
        self._count(copy["template"], redeemed=1, cost=worth, **{kind: 1})

    @timer("expire")
    def expire(self, due):
        copy = self.state[f"copy:{due.key}"]
        if copy["expired"]:
            del self.state[f"copy:{due.key}"]
            return
        copy["expired"] = True
        coupon_budget.expire(self._ledger(), copy["face"])
        self.timers.set("expire", due.key, due.time + COPIES_KEPT)

    # Results

    def _count(self, template, **parts):
        fresh = dict.fromkeys(("issued", "redeemed", "cost", "new", "active", "recalled"), 0)
        counts = self.state.setdefault(f"counts:{template}", {**fresh, "since": plain(self.now), "told": True})
        for name, number in parts.items():
            counts[name] += number
        counts["told"] = False

    @timer("end")
    def end(self, due):
        ends = self._bound(due.key, "to")
        if ends and ends <= self.now:
            yield self._result(due.key, "final", due.time)

    @every("1d", at="close")
    def report(self, due):
        for template in ALL:
            if not self.state.get(f"counts:{template}", {"told": True})["told"]:
                yield self._result(template, "running" if self._stage(template) != "ended" else "final", due.time)

    def _result(self, template, state, at):
        self._count(template)
        counts = self.state[f"counts:{template}"]
        counts["told"] = True
        begins = self._bound(template, "from") or parse_time(counts["since"])
        buyers = {kind: counts[kind] for kind in KINDS.values()}
        return out("promo.result", {"from": begins, "to": at}, promo=template, state=state, issued=counts["issued"],
                   redeemed=counts["redeemed"], cost=counts["cost"], buyers=buyers, method="redeemed coupons")  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """The weather rule can be read."""
    wrong = conditions.fault(config["weather_rule"], WEATHER)
    return [Problem("weather_rule", wrong, f"天气规则有误：{wrong}", "Write a condition.", "请改写条件。")] if wrong else []
