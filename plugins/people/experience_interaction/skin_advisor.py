"""Skin analysis and regimen: a two-minute measurement becomes a report against peers and a full regimen within purse, type and allergies.

A guest consents with `kiosk.event` confirm, value `skin_data`, in each session; a measurement before that is answered with the question,
not kept. Age or band, `skin_type`, `allergens` and `budget` come in `values` of any event of the session (see `workers.insight.regimen`);
told after the test, they make the regimen anew. A choose or confirm of the `set`, or a pay, has it packed, once. Captures that still
differ after two repeats count by their median, marked unsteady. Where norms have one band only, it serves guests who told no age. Prices
are the till's; the set's discount is a coupon over its sum. Stock that was never counted is taken for there; sales lower what was counted.

Scores are health data: guests' end with the session (or 30 minutes without touch), members' after `keep_scores_d`, and at once when consent
is withdrawn (`member.profile` without profiling, or `member.consent`, which the row predates). What stays for the figures, the products
shown and whether they were bought, holds no score and is forgotten two retest spans after the test. A purchase counts once, within
`retest_d` of the test, by the set's coupon or by the member buying a product shown; `set_basket` is the mean receipt with a whole set.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing.money import exact, round_money
from storeloom.workers.pricing.prices import PriceBook

SESSION = timedelta(minutes=30)
OFFER_DAYS = 7
TABLE_KNOWS = timedelta(days=90)
OVER = ("end", "timeout")
WITHDRAWN = ("skin_data", "profiling")
Mean, Deviation = Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(gt=0, le=100)]


class Norm(SolutionConfig):
    """How a score is distributed among peers."""

    mean: Mean = Field(title="Mean", json_schema_extra={"x-zh": "均值"})
    deviation: Deviation = Field(title="Deviation", json_schema_extra={"x-zh": "标准差"})


class SkinAdvisor(Solution):
    number = 52
    zh, en = "智能肤质检测与护肤方案", "Skin analysis and regimen advisor"
    purpose_zh = "美妆店两分钟测肤：与同龄人对比出报告，按肤质、过敏与预算配齐整套护肤礼盒，四周后复测见变化。"
    formats = ("specialty", "mall")
    produces = ("kiosk.show", "recommend.items", "coupon.issue", "task.create", "message.send", "insight.report")
    adapters = ("kiosk", "messaging?")
    reads = ("products", "prices", "members", "coupons?")
    load = "optimise"
    kpis = {
        "tests": kpi("count", "Skin tests", "测肤次数"),
        "test_to_purchase": kpi("%", "Tests followed by a purchase", "测肤转化率"),
        "set_basket": kpi("minor", "Mean receipt with a whole set", "套装客单价"),
        "retest_rate": kpi("%", "Members who measure again", "复测率"),
    }
    kinds = {"pack_set": ("Pack a gift set", "包装护肤礼盒"), "skin_advice": ("Advise a guest", "顾客需人工护肤建议")}

    class Config(SolutionConfig):
        captures: int = setting(3, "Measurements of one test", "每次检测的测量次数", ge=1, le=5)
        max_range: int = setting(15, "Spread of a score that repeats the test", "需重测的极差（超过）", unit="points", ge=1, le=50)
        norms: dict[str, dict[str, Norm | tuple[Mean, Deviation]]] = setting(
            dict, "Peers by age band and score", "同龄人常模（年龄段、指标）",
            help_en="Bands as 25-34, 60+, <18, 30s. Without norms no percentile is shown.",
            help_zh="年龄段写作 25-34、60+、<18、30s；未设常模则不显示百分位。",
        )  # fmt: skip
        concern_below: float = setting(30, "Percentile below which a score is a concern", "关注项百分位（低于）", unit="%", ge=5, le=50,
            help_en="100 is the best.", help_zh="100为最好。")  # fmt: skip
        steps: list[str] = setting(
            lambda: ["cleanse", "serum", "cream"], "Steps of the regimen", "护肤步骤", min_length=1,
            help_en="One product each, by attributes.step of the product.", help_zh="每步一件，按商品表 attributes.step。",
        )  # fmt: skip
        budget: int = setting(70000, "Guest's limit unless entered", "默认预算上限", unit="minor", ge=0, le=1_000_000)
        set_discount: float = setting(10, "Price cut on the whole set", "整套折扣", unit="%", ge=0, le=50)
        retest_d: int = setting(28, "Invitation to measure again after", "复测邀请间隔", unit="d", ge=7, le=180)
        keep_scores_d: int = setting(365, "Life of scores of consenting members", "会员检测结果保存天数", unit="d", ge=0, le=1095,
            help_en="From the test; guests' scores end with the session. 0: nobody's are kept.",
            help_zh="自检测起算；散客结果随会话删除。0为一律不保存。")  # fmt: skip

        @field_validator("norms")
        @classmethod
        def _named(cls, norms):
            """A pair is a mean and a deviation."""
            for scores in norms.values():
                pairs = {name: norm for name, norm in scores.items() if isinstance(norm, tuple)}
                scores |= {name: Norm(mean=mean, deviation=deviation) for name, (mean, deviation) in pairs.items()}
            return norms

    @on("kiosk.event")
    def used(self, event):
        key = f"session:{event['kiosk']}|{event['session']}"
        if event["kind"] in OVER:
            self.state.pop(key, None)
            return
        scores = self.workers.insight.skin.scores_of(event.get("values") or {}) if event["kind"] == "measure" else {}
        regimen = self.workers.insight.regimen
        told = regimen.told(event["kind"], event.data)
        consents = event["kind"] == "confirm" and event.get("value") == "skin_data"
        session = self.state.get(key)
        if session is None and not (told or consents or scores):
            return
        if session is None:
            session = self.state[key] = {"consent": False, "captures": [], "times": [], "repeats": 0, "told": {}, "result": None}
        self.timers.set("forget", key, self.now + SESSION)
        news = {name: value for name, value in told.items() if session["told"].get(name) != value}
        session["told"] |= news
        if consents and not session["consent"]:
            session["consent"] = True
            yield self._show(event, "measure", {"taken": 0, "of": self.config.captures})
        if scores:
            yield from self._measured(event, session, scores)
        elif session["result"] and news:
            if "member" in news:
                self._remember(session)
            yield from self._advise(event, session)
        if regimen.orders_set(event["kind"], event.data):
            yield from self._pack(event, session)

    # The test

    def _measured(self, event, session, scores):
        config, skin = self.config, self.workers.insight.skin
        if not session["consent"]:
            yield self._show(event, "consent", {"purpose": "skin_data"})
            return
        step = skin.enter(session, scores, plain(event.time), of=config.captures, max_range=config.max_range)
        if step is None:
            return
        if step.screen != "report":
            if step.screen == "repeat":
                self._count("repeats")
            yield self._show(event, *step)
            return
        session["result"] = {
            "test": f"skin-{event.id}", "at": plain(event.time), **step.params, "change": {},
            "offers": 0, "kept": None, "set": None, "offered": None, "packed": None,
        }  # fmt: skip
        self.kpi.add("tests")
        self.kpi.share("test_to_purchase", 0, 1)
        self._count("tests")
        self._remember(session)
        yield from self._advise(event, session, counted=True)

    def _remember(self, session):
        """Keep a consenting member's scores, show what changed since the last time, and have the next one come due."""
        member, result = session["told"].get("member"), session["result"]
        if member is None or result["kept"] or self._refused(member):
            return
        result["kept"], at = member, parse_time(result["at"])
        before = self.state.get(f"skin:{member}")
        if before:
            result["change"] = self.workers.insight.skin.changes(before["scores"], result["scores"])
        if self.config.keep_scores_d:
            self.state[f"skin:{member}"] = {"scores": result["scores"], "at": result["at"]}
            self.timers.set("forget", f"skin:{member}", at + timedelta(days=self.config.keep_scores_d))
        last = self.state.get(f"last:{member}")
        if last is not None:
            self.kpi.share("retest_rate", 1, 0 if self.timers.get("invite", member) is None else 1)
        self.state[f"last:{member}"] = result["test"]
        self.timers.set("forget", f"last:{member}", at + timedelta(days=2 * self.config.retest_d))
        self.timers.set("invite", member, at + timedelta(days=self.config.retest_d))

    def _test(self, test):
        """What is kept of a test for the figures: no scores."""
        key = f"test:{test}"
        if key not in self.state:
            self.state[key] = {"at": plain(self.now), "set": [], "bought": False}
            self.timers.set("forget", key, self.now + timedelta(days=2 * self.config.retest_d))
        return self.state[key]

    # The regimen

    def _advise(self, event, session, counted=False):
        config, skin, result, told = self.config, self.workers.insight.skin, session["result"], session["told"]
        band, peers = skin.among_peers(result["scores"], told.get("age"), config.norms)
        weights = skin.concerns(result["scores"], peers, config.concern_below)
        for name in weights if counted else ():
            self._count(name, "concerns")
        budget = told.get("budget", config.budget)
        options = [self._options(step, weights, told) for step in config.steps]
        found = self.workers.optimise.one_of_each.choose(options, budget)
        report = skin.report(result, weights, band, peers, budget)
        if found is None:
            missing = [step for step, some in zip(config.steps, options, strict=True) if not some]
            result["set"] = None
            yield self._show(event, "report", {**report, "missing": missing})
            title = self.say(f"Advise a guest: nothing for {', '.join(missing)}", f"顾客需人工建议：{'、'.join(missing)}无合适商品")
            yield self._task(event, "skin_advice", f"{result['test']}-advise", title, {"missing": missing})
            return
        offer = self._offer(found, result)
        yield self._show(event, "report", report | offer)
        items = [{"gtin": option.id, "score": round(option.value, 4), "reason": step}
                 for step, option in zip(config.steps, found.options, strict=True)]  # fmt: skip
        yield out("recommend.items", context="skin_regimen", items=items, member=told.get("member"), session=event["session"])
        if offer["price"] < offer["sum"] and result["offered"] != result["set"]:
            result["offered"] = result["set"]
            yield self._coupon(event, result, offer, told.get("member"))

    def _options(self, step, weights, told):
        """What may stand for a step: in stock, of the guest's type, without the guest's allergens, with a price."""
        option, today = self.workers.optimise.one_of_each.Option, self.store.hours.store_day(self.now).isoformat()
        regimen, skin = self.workers.insight.regimen, self.workers.insight.skin
        found = []  # goods never counted are taken for there
        for product in self.tables.products.derived("by step", regimen.by_step).get(step, ()):
            price = self._price(product, told.get("member"))
            units = self.workers.optimise.position.units(self.state.get(f"stock:{item_key(product['gtin'])}", {}))
            if price is not None and regimen.suits(product, told, today) and (units is None or units > 0):
                fit = skin.strength(product["attributes"].get("strength") or {}, weights)
                found.append(option(product["gtin"], fit, price))
        return found

    def _price(self, product, member):
        book = self.tables.prices.derived(f"book in {self.store.hours.zone}", lambda rows: PriceBook(rows, zone=self.store.hours.zone))
        return book.price_of(product, self.now, (self.tables.members.get(member) or {}) if member else None)

    def _offer(self, found, result):
        price = round_money(found.price * (1 - exact(self.config.set_discount) / 100))
        names = [self.tables.products.get(option.id).get("name", option.id) for option in found.options]
        lines = [{"step": step, "gtin": option.id, "name": name, "price": option.price}
                 for step, option, name in zip(self.config.steps, found.options, names, strict=True)]  # fmt: skip
        result["set"], result["price"] = [option.id for option in found.options], price
        self._test(result["test"])["set"] = [item_key(option.id) for option in found.options]
        excess = {"excess": found.excess} if found.excess else {}
        return {"set": lines, "sum": found.price, "price": price, "fit": round(found.value, 4), **excess}

    def _coupon(self, event, result, offer, member):
        result["offers"] += 1
        row = self.tables.coupons.get("skin_set") or {}
        until = self.store.hours.midnight(self.store.hours.store_day(self.now) + timedelta(days=1 + row.get("valid_days", OFFER_DAYS)))
        return out("coupon.issue", coupon=f"{result['test']}-{result['offers']}", template="skin_set", valid_from=self.now, valid_to=until,
                   member=member, bearer=None if member else True, value=offer["sum"] - offer["price"], threshold=offer["sum"],
                   gtins=result["set"], channel="kiosk", ref=event.ref)  # fmt: skip

    def _pack(self, event, session):
        result = session["result"]
        if result and result["set"] and result.get("packed") != result["set"]:
            result["packed"] = result["set"]
            title, items = self.say("Pack a skincare gift set", "包装护肤礼盒"), [{"gtin": gtin, "qty": 1} for gtin in result["set"]]
            yield self._task(event, "pack_set", f"{result['test']}-pack-{result['offers']}", title, {"price": result["price"]}, items)

    def _task(self, event, kind, task, title, values, items=None):
        zone = next((device.zone for device in self.devices.get("kiosk", ()) if device.id == event["kiosk"]), None)
        return out("task.create", task=task, kind=kind, title=title, priority=2, role="sales", zone=zone, items=items,
                   values=values | {"kiosk": event["kiosk"]}, ref=event.ref)  # fmt: skip

    def _show(self, event, screen, params):
        return out("kiosk.show", kiosk=event["kiosk"], screen=screen, session=event["session"], params=params)

    # Stock and purchases

    @on("inventory.snapshot?")
    def counted(self, event):
        product = self.tables.products.get(event["gtin"])
        if product and (product.get("attributes") or {}).get("step"):
            self.workers.optimise.position.count(self.state.setdefault(f"stock:{item_key(event['gtin'])}", {}), event.data, event.time)

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        for line in event["lines"]:
            places = self.state.get(f"stock:{item_key(line['gtin'])}")
            if places:
                self.workers.optimise.position.take(places, line["qty"], event.time)
        if event["kind"] == "sale":
            self._purchase(event)

    @on("order.placed?")
    def ordered(self, event):
        if not event.get("draft"):
            self._purchase(event)

    def _purchase(self, event):
        named = [f"test:{coupon.rpartition('-')[0]}" for coupon in event.get("coupons") or ()]
        own = f"test:{self.state.get('last:' + str(event.get('member')))}"
        key = next((key for key in [*named, own] if key in self.state), None)
        if key is None:
            return
        test = self.state[key]
        counts, whole = self.workers.insight.regimen.bought(test["set"], event["lines"], key in named)
        if test["bought"] or not counts or event.time > parse_time(test["at"]) + timedelta(days=self.config.retest_d):
            return
        test["bought"] = True
        self.kpi.share("test_to_purchase", 1, 0)
        self._count("purchases")
        if whole:
            self.kpi.sample("set_basket", event["total"])

    # Members

    @timer("invite")
    def invite(self, due):
        self.kpi.share("retest_rate", 0, 1)
        reach, row = self.workers.insight.reach, self.tables.members.get(due.key)
        if reach.refuses(row, ["marketing"]) or self._refused(due.key):
            return None
        text = self.say("It is time to measure your skin again and see what has changed.", "护肤满一个周期啦，欢迎到店复测，看看肌肤变化。")
        return out("message.send", message=f"retest-{due.key}-{plain(due.time)}", channel=reach.channel_of(row), to=due.key,
                   template="skin_retest", text=text, purpose="marketing")  # fmt: skip

    @on("member.profile?")
    def profile(self, event):
        self._consent(event["member"], not self.workers.insight.reach.refuses(event.data, WITHDRAWN))

    @on("member.consent?")
    def consented(self, event):
        if event["purpose"] in WITHDRAWN or event.get("request") == "delete":
            self._consent(event["member"], event["status"] == "granted" and event.get("request") != "delete")

    def _consent(self, member, given):
        """Delete all that is kept of the skin of a member who withdraws; the members table says it too before the mark is forgotten."""
        self.state.pop(f"refused:{member}", None)
        if not given:
            self.timers.cancel("invite", member)
            self.state.pop(f"skin:{member}", None)
            self.state.pop(f"last:{member}", None)
            self.state[f"refused:{member}"] = True
            self.timers.set("forget", f"refused:{member}", self.now + TABLE_KNOWS)

    def _refused(self, member):
        told = self.workers.insight.reach.refuses(self.tables.members.get(member), WITHDRAWN)
        return told or f"refused:{member}" in self.state

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    # Days

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", None)
        if day is None:
            return None
        start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
        figures = {name: {"value": number, "unit": "count"} for name, number in day["counts"].items()}
        rows = [{"concern": name, "tests": number} for name, number in sorted(day["concerns"].items())]
        return out("insight.report", {"from": start, "to": due.time}, report=f"skin-{self.store.hours.store_day(start)}", kind="skin_tests",
                   version=1, figures=figures, rows=rows)  # fmt: skip

    def _count(self, name, group="counts"):
        part = self.state.setdefault("day", {"counts": {}, "concerns": {}})[group]
        part[name] = part.get(name, 0) + 1
