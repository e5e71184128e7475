"""Interactive marketing: a receipt invites to a draw, spending and sharing raise a plant, and both bring shoppers back.

An invitation goes to the member, or to the payment page of a guest whose payment named a payer (`message.send`), onto the till's printer
and the first screen; what was bought online has no printer and screen. The first touchpoint that is used closes the others. A draw is a
`member.event` click whose item is the receipt; a guest's (with a `visitor`) is played when that visitor joins, or a `join` or `bind` names
the receipt as item. Refusals are answered with the reason: `closed`, `limit`, `points`, `used` or `expired`; a refused draw may be tried
again. Winners of a day are counted by the store's trading day. Receipts are remembered for 30 days.

Growth of a receipt goes to its member, a guest's to who claims it. What is returned takes its growth back, and the invitation too where it
is unused and too little remains; coupons that were given stay.
"""

from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import reach
from storeloom.workers.loyalty import coupon_copies, raising_game

REMEMBERED, COMES_BACK = timedelta(days=30), timedelta(days=14)
CAMPAIGN, ON_SCREEN_S = "interactive", 15
FAR = ("online", "mobile")
REASONS = {
    "closed": ("The store is closed.", "门店未营业，暂不能抽奖。"),
    "limit": ("No more draws today.", "今日抽奖次数已用完。"),
    "points": ("Too few points for a draw.", "积分不足，无法抽奖。"),
    "used": ("This receipt has been drawn already.", "该小票已参与抽奖。"),
    "expired": ("The time to join has passed.", "入会领取时间已过。"),
}


class InteractiveMarketing(Solution):
    number = 9
    zh, en = "全渠道互动营销", "Omni-channel interactive marketing"
    purpose_zh = "把到店、支付与小票变成游戏、抽奖和会员任务，拉新、消耗积分并带来复购。"
    formats = ("convenience", "supermarket", "mall", "specialty")
    produces = ("message.send", "print.job", "sign.play", "points.change", "coupon.issue", "insight.report")
    adapters = ("messaging", "printer?", "signage?")
    reads = ("members", "coupons")
    kpis = {
        "participation_rate": kpi("%", "Invitations that led to a draw", "参与率"),
        "members_recruited": kpi("count", "Guests who joined for a draw", "拉新会员数"),
        "points_burned": kpi("points", "Points spent on draws", "消耗积分"),
        "repeat_within_14d": kpi("%", "Draws whose member bought again within 14 days", "14天内复购率"),
    }
    kinds = {"interactive_marketing": ("Invitations, draws and prizes of a day", "当日互动与中奖汇总")}

    class Config(SolutionConfig):
        min_spend: int = setting(0, "Net receipt that earns an invitation", "获得邀请的最低净额", unit="minor", ge=0, le=1000000)
        draws_per_day: int = setting(2, "Most draws of a member in a store day", "每位会员每日最多抽奖次数", ge=1, le=20)
        draw_points: int = setting(0, "Points that a draw costs", "每次抽奖消耗积分", unit="points", ge=0, le=10000)
        prizes_per_day: int = setting(
            28, "Prizes of the day", "每日奖品数", ge=0, le=100000,
            help_en="Released evenly over the opening hours.", help_zh="在营业时间内均匀放出。",
        )  # fmt: skip
        win_odds: float = setting(100, "Chance while a prize waits", "有奖可放时的中奖概率", unit="%", ge=0, le=100)
        growth_per_1000: int = setting(1, "Growth for each 1000 spent", "每消费1000的成长值", unit="drops", ge=0, le=100)
        share_growth: int = setting(3, "Growth for sharing, once a day", "每日分享成长值", unit="drops", ge=0, le=100)
        levels: list[Annotated[int, Field(ge=1)]] = setting(
            lambda: [10, 30, 80], "Growth at which a level is reached", "各等级所需成长值", min_length=1
        )
        decay_after_days: int = setting(
            7, "Idle days before growth falls", "开始衰减的闲置天数", unit="d", ge=1, le=90,
            help_en="Then by 1 a day; a level is never lost.", help_zh="此后每天减1，等级不降。",
        )  # fmt: skip
        claim_hours: int = setting(24, "How long a guest's draw waits for joining", "非会员抽奖等待入会时长", unit="h", ge=1, le=168)
        prize_coupon: str = setting("lucky_draw", "What a won draw gives", "中奖券", min_length=1)
        level_coupons: list[str] = setting(lambda: ["level_1", "level_2", "level_3"], "What each level gives", "各等级奖励券", min_length=1)
        seed_id: str = setting("default", "Key of the draw", "抽奖密钥", widget="secret", min_length=1)

    # Receipts

    @on("payment.result?")
    def paid(self, event):
        """The payer of a guest's receipt: the payment page is a touchpoint of its own."""
        if event.get("status") not in ("approved", "settled") or not event.get("payer") or not event.get("receipt"):
            return
        key = f"payer:{event['receipt']}"
        if key not in self.state:
            self.state[key] = event["payer"]
            self.timers.set("forget", key, self.now + REMEMBERED)
            receipt = self.state.get(f"receipt:{event['receipt']}")
            if receipt and receipt["member"] is None and receipt["open"]:
                yield self._invite_by_message(event["receipt"], event["payer"], reach.DEFAULT_CHANNEL)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] == "sale":
            yield from self._sold(event)
        elif event["kind"] in ("return", "void"):
            number = event.get("original") if event["kind"] == "return" else event["receipt"]
            if f"receipt:{number}" in self.state:
                yield from self._taken_back(self.state[f"receipt:{number}"], event, abs(event["total"]))

    def _sold(self, event):
        number, member, key = event["receipt"], event.get("member"), f"receipt:{event['receipt']}"
        if key in self.state:
            return
        invited = event["total"] >= self.config.min_spend
        until = event.time + timedelta(hours=self.config.claim_hours)
        self.state[key] = {"member": member, "total": event["total"], "back": 0, "drops": 0, "open": invited, "used": None,
                           "until": plain(until), "returns": []}  # fmt: skip
        self.timers.set("forget", key, self.now + REMEMBERED)
        if invited:
            self._note("invitations")
            self.kpi.share("participation_rate", 0, 1)
            yield from self._invite(event)
        if member is not None:
            self._came_back(member, event.time)
            yield from self._grow_by(number, member)

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    def _invite(self, event):
        """The invitation on every touchpoint that is there."""
        number, member = event["receipt"], event.get("member")
        payers = (payment.get("payer") for payment in event.get("payments") or ())
        payer = self.state.get(f"payer:{number}") or next(filter(None, payers), None)
        if member is not None and not reach.refuses(self.tables.members.get(member), ("marketing",)):
            channel = reach.first_channel(self.tables.members.get(member))
            if channel:
                yield self._invite_by_message(number, member, channel)
        elif member is None and payer:
            yield self._invite_by_message(number, payer, reach.DEFAULT_CHANNEL)
        if event.get("channel") in FAR:
            return
        text = self.say("Scan and draw your prize", "扫码抽奖，好礼等你")
        printers = sorted(self.devices.get("printer", ()), key=lambda printer: printer.settings.get("till") != event.get("till"))
        for printer in printers[:1]:
            yield out("print.job", printer=printer.id, job=f"draw:{number}", kind="coupon", template="draw_invitation", copies=1,
                      fields={"receipt": number, "qr": number}, lines=[text, number], ref=event.ref)  # fmt: skip
        for screen in self.devices.get("signage", ())[:1]:
            item = {
                "asset": "draw_invitation",
                "duration_s": ON_SCREEN_S,
                "campaign": CAMPAIGN,
                "text": text,
                "params": {"receipt": number},
            }
            yield out("sign.play", screen=screen.id, items=[item])

    def _invite_by_message(self, number, to, channel):
        text = self.say("Your receipt takes part in today's draw.", "您的小票可参与今日抽奖。")
        return out("message.send", message=f"draw:{number}", channel=channel, to=to, template="draw_invitation", text=text,
                   params={"receipt": number}, campaign=CAMPAIGN, purpose="marketing")  # fmt: skip

    def _taken_back(self, receipt, event, amount):
        """A return or a void: growth of what is gone goes, prizes stay."""
        if event["receipt"] in receipt["returns"]:
            return
        receipt["returns"] += [event["receipt"]]
        receipt["back"] = receipt["total"] if event["kind"] == "void" else min(receipt["total"], receipt["back"] + amount)
        left = receipt["total"] - receipt["back"]
        keeps = raising_game.drops_for(left, self.config.growth_per_1000)
        receipt["open"] = receipt["open"] and left > 0 and left >= self.config.min_spend
        if receipt["drops"] > keeps and receipt["member"] is not None:
            lost, receipt["drops"] = receipt["drops"] - keeps, keeps
            yield from self._grow(receipt["member"], -lost)

    # The draw

    @on("member.event")
    def did(self, event):
        member, visitor, kind = event.get("member"), event.get("visitor"), event["kind"]
        if kind == "click" and f"receipt:{event.get('item')}" in self.state:
            if member is not None:
                yield from self._draw(event["item"], member, event)
            elif visitor is not None:
                self._wait(event["item"], visitor, event)
        elif kind in ("join", "bind") and member is not None:
            yield from self._joined(member, visitor, event)
        elif kind == "share" and member is not None and raising_game.share(self._record(member)["player"], self._today(event.time)):
            yield from self._grow(member, self.config.share_growth)

    def _wait(self, number, visitor, event):
        """A guest has drawn: the draw waits for joining."""
        receipt = self.state[f"receipt:{number}"]
        if receipt["open"] and receipt["member"] is None and event.time <= parse_time(receipt["until"]):
            waiting = self.state.setdefault(f"visitor:{visitor}", {})
            waiting.setdefault(number, event.get("touchpoint"))
            self.timers.set("forget", f"visitor:{visitor}", parse_time(receipt["until"]))

    def _joined(self, member, visitor, event):
        drawn = self.state.pop(f"visitor:{visitor}", {}) if visitor else {}
        named = {event["item"]: None} if f"receipt:{event.get('item')}" in self.state else {}
        for number in {**drawn, **named}:
            receipt = self.state.get(f"receipt:{number}")
            if receipt and receipt["open"] and receipt["member"] is None and event.time <= parse_time(receipt["until"]):
                if event["kind"] == "join":
                    self.kpi.add("members_recruited")
                    self._note("recruited")
                yield from self._claim(number, member)
                if number in drawn:
                    yield from self._draw(number, member, event, drawn[number])

    def _claim(self, number, member):
        """A guest's receipt becomes the member's."""
        self.state[f"receipt:{number}"]["member"] = member
        yield from self._grow_by(number, member)

    def _draw(self, number, member, event, touchpoint=None):
        receipt, record = self.state[f"receipt:{number}"], self._record(member)
        touchpoint = touchpoint or event.get("touchpoint") or ""
        owner, late = receipt["member"], event.time > parse_time(receipt["until"])
        if receipt["used"] is not None:
            if owner == member and touchpoint != receipt["used"]:
                yield self._answer(member, number, "draw_refused", "used")
            return
        if not receipt["open"] or owner not in (None, member):
            return
        span, day = self.store.hours.span(event.time), self.store.hours.trading_day(event.time).isoformat()
        reason = self._objection(record, member, day, span, owner is None and late)
        if reason:
            self._note("refused")
            yield self._answer(member, number, "draw_refused", reason)
            return
        if owner is None:
            yield from self._claim(number, member)
        receipt["used"], receipt["open"] = touchpoint, False
        record["draws"] = {day: record["draws"].get(day, 0) + 1}
        record["drawn"].append(plain(event.time))
        self._note("draws")
        self.kpi.share("participation_rate", 1, 0)
        self.kpi.share("repeat_within_14d", 0, 1)
        if self.config.draw_points:
            record["points"] = self._points(member) - self.config.draw_points
            self.kpi.add("points_burned", self.config.draw_points)
            yield out("points.change", member=member, delta=-self.config.draw_points, reason="redeem", balance=record["points"],
                      source="lucky_draw", ref=event.ref)  # fmt: skip
        yield from self._play(number, member, day, span, event.time)

    def _objection(self, record, member, day, span, expired):
        """Why a draw is refused; None where it is not."""
        if expired:
            return "expired"
        if span is None:
            return "closed"
        if record["draws"].get(day, 0) >= self.config.draws_per_day:
            return "limit"
        return "points" if self._points(member) < self.config.draw_points else None

    def _play(self, number, member, day, span, at):
        won = self.state.setdefault("won", {})
        waits = raising_game.released(self.config.prizes_per_day, *span, at) > won.get(day, 0)
        if not (waits and raising_game.lucky(self.secret(self.config.seed_id), number, self.config.win_odds)):
            yield self._answer(member, number, "draw_lost", None)
            return
        self.state["won"] = dict(sorted({**won, day: won.get(day, 0) + 1}.items())[-3:])
        self._note("won")
        yield self._coupon(self.config.prize_coupon, f"{self.config.prize_coupon}:{number}", member)
        yield self._answer(member, number, "draw_won", None)

    def _answer(self, member, number, template, reason):
        words = {
            "draw_won": ("You have won: a coupon is yours.", "恭喜中奖，优惠券已到账。"),
            "draw_lost": ("No luck this time.", "很遗憾，这次没有中奖。"),
        }
        channel = reach.first_channel(self.tables.members.get(member)) or reach.DEFAULT_CHANNEL
        text = self.say(*(REASONS[reason] if reason else words[template]))
        params = {"receipt": number} | ({"reason": reason} if reason else {})
        return out("message.send", message=f"{template}:{number}:{reason or 'played'}:{plain(self.now)}", channel=channel, to=member,
                   template=template, text=text, params=params, campaign=CAMPAIGN, purpose="service")  # fmt: skip

    def _coupon(self, template, copy, member):
        row = self.tables.coupons.get(template) or {"template": template}
        return out("coupon.issue", coupon_copies.copy_for(row, copy, member, self.now, self.store.hours), campaign=CAMPAIGN)

    # Points and growth

    def _record(self, member):
        fresh = {"player": raising_game.new(), "draws": {}, "drawn": [], "points": None}
        return self.state.setdefault(f"member:{member}", fresh)

    @on("points.change?")
    def points_changed(self, event):
        if event.source != self.context.instance:
            balance = event.get("balance", self._points(event["member"]) + event["delta"])
            self._record(event["member"])["points"] = balance

    def _points(self, member):
        known = self._record(member)["points"]
        return (self.tables.members.get(member) or {}).get("points") or 0 if known is None else known

    def _grow_by(self, number, member):
        receipt = self.state[f"receipt:{number}"]
        receipt["drops"] = raising_game.drops_for(receipt["total"] - receipt["back"], self.config.growth_per_1000)
        yield from self._grow(member, receipt["drops"])

    def _grow(self, member, drops):
        config, player = self.config, self._record(member)["player"]
        for level in raising_game.add(player, drops, self._today(self.now), config.decay_after_days, config.levels):
            if level <= len(config.level_coupons):
                template = config.level_coupons[level - 1]
                yield self._coupon(template, f"{template}:{member}:{level}", member)

    def _came_back(self, member, at):
        """A sale is the return that draws of the last 14 days were for; each counts once."""
        record = self._record(member)
        back = [one for one in record["drawn"] if timedelta(0) < at - parse_time(one) <= COMES_BACK]
        self.kpi.share("repeat_within_14d", len(back), 0)
        record["drawn"] = [one for one in record["drawn"] if parse_time(one) >= at]

    def _today(self, at):
        return self.store.hours.store_day(at)

    # Days

    def _note(self, what):
        day = self.state.setdefault("day", {})
        day[what] = day.get(what, 0) + 1

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", None)
        if day:
            start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
            names = ("invitations", "draws", "won", "refused", "recruited")
            figures = {name: {"value": day.get(name, 0), "unit": "count"} for name in names}
            yield out("insight.report", {"from": start, "to": due.time}, report=f"interactive-{self._today(start)}",
                      kind="interactive_marketing", version=1, figures=figures)  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """Levels rise, and each has its coupon."""
    problems = []
    if any(later <= earlier for earlier, later in pairwise(config["levels"])):
        problems.append(Problem("levels", "Levels do not rise", "等级成长值未递增", "Write them in rising order.", "请按升序填写。"))
    if len(config["level_coupons"]) < len(config["levels"]):
        problems.append(
            Problem("level_coupons", "A level has no coupon", "有等级没有奖励券", "Name one for each level.", "请为每级指定券。")
        )
    return problems
