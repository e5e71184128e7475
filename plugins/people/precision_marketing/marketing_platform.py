"""Promotion engine: prices any basket of any channel by one set of rules, with budgets and fair apportioning; rules leave the tills.

A till's total, or a draft order, is answered with one `basket.priced`; the same version gets the same answer, word for word. The rules are
those that stood when the basket's first scan came, even where the table is replaced before the total. Budgets are held at the total, spent
by the sale (or by the order that is no draft any more), free again when the hold runs out or the receipt is voided. A return is answered
with negative lines at what was paid after all discounts; a refund above that raises an alert. Paid baskets are remembered for 30 days,
others for one.

The answer time is the age of a request when it is handled: above `latency_ms` an alert is raised, and since the engine is overloaded, the
answer is the simpler one that `degrade` names. Coupons count when scanned at the till or named by the order; whether a copy is genuine and
unused is for the coupon account to say. Spent budgets and the day's figures of each rule leave as `promo.result`.
"""

import math
from datetime import timedelta
from functools import partial
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time
from storeloom.workers import gs1, pricing
from storeloom.workers.pricing import answers, budgets

REMEMBER_SOLD_D, REMEMBER_OPEN_D = 30, 1
ORDER_CHANNELS = {"mini_app": "mini_program"}  # the name of an order's channel in channel_scope
OWN_CHANNELS = ("mini_app", "mini_program", "app", "web", "phone", "kiosk", "live")  # an order of any other is a platform's


class MarketingPlatform(Solution):
    number = 12
    zh, en = "营销中台", "Marketing middle platform (promotion engine)"
    purpose_zh = "把埋在ERP和收银系统里的促销规则集中为一个服务，各渠道同一购物篮同一价格，高并发下守住预算并公平分摊优惠。"
    formats = ("supermarket", "mall", "specialty", "convenience")
    produces = ("basket.priced", "promo.result", "alert.raise")
    adapters = ("pos", "online_store?")
    reads = ("promotions", "products", "prices", "coupons", "members")
    kpis = {
        "answer_time_p95": kpi("ms", "Answer time, 95th percentile", "响应时间（95分位）"),
        "baskets_priced": kpi("count", "Baskets priced", "计价购物篮数"),
        "discount_rate": kpi("%", "Discount as a share of sales before it", "优惠占折前销售比例"),
        "budget_used": kpi("%", "Promotion budget spent", "促销预算使用率"),
    }
    kinds = {
        "slow_answer": ("Baskets wait too long for their price", "购物篮计价响应过慢"),
        "budget_spent": ("A promotion's budget is spent", "促销预算已用完"),
        "over_refund": ("More was refunded than paid", "退款高于实付分摊价"),
    }

    class Config(SolutionConfig):
        latency_ms: int = setting(
            150, "Longest answer time", "最长响应时间", unit="ms", ge=20, le=2000,
            help_en="Above it an alert is raised and the answer is degraded.", help_zh="超过时告警，并按降级方式计价。",
        )  # fmt: skip
        hold_s: int = setting(
            300, "Time that a priced basket keeps its budget", "已计价购物篮保留预算的时间", unit="s", ge=30, le=3600,
            help_en="Then the budget is free for others; the answer stands.", help_zh="到期后预算释放，已给出的价格不变。",
        )  # fmt: skip
        rounding: Literal["half_up", "down", "bankers"] = setting("half_up", "Rounding of percentage discounts", "百分比优惠的取整方式")
        max_discount_pct: int = setting(
            70, "Most that a basket may lose in all", "整单最高优惠比例", unit="%", ge=0, le=100,
            help_en="Of its amount before discounts; what comes last is cut.", help_zh="占折前金额；超出部分从最后的优惠扣减。",
        )  # fmt: skip
        group_policy: Literal["best_saving", "priority"] = setting(
            "best_saving", "Which rule of an exclusive group applies", "互斥组内选用规则",
            help_en="The one that saves most, or the first by priority.", help_zh="优惠最大者，或优先级最高者。",
        )  # fmt: skip
        channel_scope: list[str] = setting(
            lambda: ["till", "self_checkout", "mini_program", "delivery"], "Channels answered", "计价的渠道",
            help_en="Others get no answer; delivery stands for all delivery platforms.", help_zh="其他渠道不应答；delivery指所有外卖平台。",
        )  # fmt: skip
        degrade: Literal["none", "item_rules", "last_known"] = setting(
            "item_rules", "What still applies when overloaded", "过载时仍生效的规则",
            help_en="No rule, single-item rules only, or what the basket's last answer gave each unchanged line.",
            help_zh="不优惠、仅单品规则，或沿用该购物篮上次的各行优惠。",
        )  # fmt: skip

    def start(self):
        self.keep_rules("promotions")

    @on_table("promotions")
    def keep_rules(self, table):
        """A new version of the rules; the one before serves the baskets that began under it."""
        old = self.state.get("rules", 0)
        self.state["rules"] = old + 1
        self.state[f"rules:{old + 1}"] = self.tables.promotions.all_rows()
        self.timers.set("drop_rules", str(old), self.now + timedelta(days=REMEMBER_OPEN_D))

    @timer("drop_rules")
    def drop_rules(self, due):
        self.state.pop(f"rules:{due.key}", None)

    # Questions

    @on("pos.scan")
    def scan(self, event):
        if self._channel(event) not in self.config.channel_scope:
            return
        receipt, kind = event["receipt"], event["kind"]
        basket = self._basket(receipt, event)
        if kind == "coupon" and event.get("code"):
            basket["coupons"] = [*basket["coupons"], event["code"]]
        elif kind == "total" and event.get("original"):
            yield from self._answer_return(receipt, event["original"], event.get("basket", ()))
        elif kind == "total" and event.get("basket"):
            yield from self._answer(receipt, basket, event["basket"], event, event["till"])

    def _channel(self, event):
        """The channel that a scan names, else that of its till's device."""
        settings = next((device.settings for device in self.devices.get("pos", ()) if device.id == event["till"]), {})
        return event.get("channel") or settings.get("channel") or "till"

    @on("order.placed?")
    def order(self, event):
        channel = event["channel"]
        platform = "delivery" if event.get("kind") == "delivery" and channel not in OWN_CHANNELS else channel
        if {channel, ORDER_CHANNELS.get(channel, platform)}.isdisjoint(self.config.channel_scope):
            return
        if event.get("draft"):
            yield from self._answer(event["order"], self._basket(event["order"], event), event["lines"], event, event["channel"])
        else:
            yield from self._sold(event["order"])

    def _basket(self, name, event):
        """An open basket; its first scan fixes the rules and their time."""
        basket = self.state.get(f"basket:{name}")
        if basket is None:
            basket = {"rules": self.state["rules"], "first": event.time.isoformat(), "member": None, "coupons": [], "answers": {},
                      "last": 0, "took": {}, "back": {}, "versions": {}, "sold": False}  # fmt: skip
            self.state[f"basket:{name}"] = basket
            self.timers.set("forget", name, self.now + timedelta(days=REMEMBER_OPEN_D))
        basket["member"] = event.get("member", basket["member"])
        return basket

    @timer("forget")
    def forget(self, due):
        del self.state[f"basket:{due.key}"]

    def _answer(self, name, basket, lines, event, asked_by):
        waited_ms = (self.now - event.time) / timedelta(milliseconds=1)
        self.kpi.sample("answer_time_p95", waited_ms, "p95")
        slow = waited_ms > self.config.latency_ms
        yield from self._latency(slow, waited_ms, asked_by)
        coupons = list(dict.fromkeys([*basket["coupons"], *event.get("coupons", ())]))
        asked = {"lines": list(lines), "coupons": coupons, "member": basket["member"]}
        last = basket["answers"].get(str(basket["last"]))
        unchanged = last is not None and last["asked"] == asked
        version = event.get("version", basket["last"] + (not unchanged))
        known = basket["answers"].get(str(version))
        if known is None:
            data, took = self._price(name, basket, asked, slow)
            known = basket["answers"][str(version)] = {"asked": asked, "data": {**data, "basket": name, "version": version}}
            if last is None or version > basket["last"]:
                self._measure(data, last)
                self._hold(name, basket, took)
                basket["last"] = version
        yield out("basket.priced", known["data"])

    def _latency(self, slow, waited_ms, asked_by):
        if slow != self.state.get("slow", False):
            self.state["slow"] = slow
            text = self.say(f"A basket waited {waited_ms:.0f} ms", f"购物篮计价等待{waited_ms:.0f}毫秒")
            yield out("alert.raise", alert="marketing-latency", kind="slow_answer", severity="warn", state="open" if slow else "cleared",
                      subject=asked_by, text=text, value=waited_ms, limit=self.config.latency_ms, unit="ms")  # fmt: skip

    def _measure(self, data, last):
        """A new version takes the place of the basket's last one in the figures."""
        self.kpi.add("baskets_priced")
        before = last["data"] if last else {"savings": 0, "total": 0}
        saved, total = data["savings"] - before["savings"], data["total"] - before["total"]
        self.kpi.share("discount_rate", saved, saved + total)

    # Prices

    def _price(self, name, basket, asked, slow):
        """The answer's data, and what each rule took of its budget, by promotion and coupon template."""
        rules = self._rules(basket["rules"])
        coupons = {code: row for code in asked["coupons"] if (row := self._coupon(code))}
        if not slow:
            return self._priced(name, basket, asked, rules, coupons)
        if self.config.degrade == "item_rules":
            return self._priced(name, basket, asked, rules.item_rules(), {})
        data, _ = self._priced(name, basket, asked, (), {})
        last = basket["answers"].get(str(basket["last"]))
        if self.config.degrade == "last_known" and last:
            return answers.keep_discounts(data, last["data"]), basket["took"]
        return data, {}

    def _rules(self, version):
        """The rules of a version; one that is too old to be kept gives way to the table as it stands."""
        zone, kept = self.store.hours.zone, None if version == self.state["rules"] else self.state.get(f"rules:{version}")
        if kept is not None:
            return pricing.RuleIndex(kept, zone)
        return self.tables.promotions.derived("price rules", lambda rows: pricing.RuleIndex(rows, zone))

    def _priced(self, name, basket, asked, rules, coupons):
        hours = self.store.hours
        gtins = dict.fromkeys(line["gtin"] for line in asked["lines"])
        products = pricing.index_products(product for gtin in gtins if (product := self.tables.products.get(gtin)))
        known = self.tables.prices.derived("by item", pricing.rows_by_item)
        prices = [row for item in dict.fromkeys(map(gs1.item_key, gtins)) for row in known.get(item, ())]
        account = {code: row["template"] for code, row in coupons.items()}
        funded = self._funded()
        owners = {**{owner: owner for owner in funded}, **account}
        rest = {rule: budgets.rest(self._ledger(owner), funded[owner], name) for rule, owner in owners.items() if owner in funded}
        book = pricing.PriceBook(prices, products=products, zone=hours.zone)
        priced = pricing.price_basket(
            asked["lines"], promotions=rules, coupons=coupons.values(), prices=book, products=products, zone=hours.zone, budgets=rest,
            member=self._member(asked["member"]), at=parse_time(basket["first"]), rounding=self.config.rounding,
            max_discount_pct=self.config.max_discount_pct, group_policy=self.config.group_policy,
        )  # fmt: skip
        qty = {line.line: line.qty for line in priced.lines}
        took = {}
        for rule in priced.applied:
            part = took.setdefault(account.get(rule.id, rule.id), {"amount": 0, "units": 0})
            part["amount"] += rule.saving
            part["units"] += sum(qty[line] for line in rule.lines)
        return priced.as_data(name, 0), took

    def _coupon(self, code):
        """The coupon that a code stands for: a template, a copy `template:...`, or a GS1 coupon number under a template's base."""
        digits = code.removeprefix("(255)")
        row = self.tables.coupons.get(code) or self.tables.coupons.get(code.partition(":")[0])
        row = row or next((row for row in self.tables.coupons.rows() if digits.startswith(row.get("gcn_base") or "-")), None)
        return row and {**row, "coupon": code, "from": None, "to": None}

    def _member(self, member):
        row = self.tables.members.get(member) if member else None
        return None if member is None or (row and row.get("left")) else row or {"member": member}

    # Budgets

    def _ledger(self, owner):
        return self.state.setdefault(f"budget:{owner}", budgets.new_ledger())

    def _hold(self, name, basket, took):
        for owner in {*basket["took"], *took}:
            budgets.hold(self._ledger(owner), name, took.get(owner, {"amount": 0})["amount"])
        basket["took"] = took
        self.timers.set("release", name, self.now + timedelta(seconds=self.config.hold_s))

    @timer("release")
    def release(self, due):
        self._free(due.key, self.state[f"basket:{due.key}"])

    @on("pos.sale")
    def sale(self, event):
        if event["kind"] == "sale":
            yield from self._sold(event["receipt"])
        elif event["kind"] == "void":
            self._voided(event["receipt"])
        elif event["kind"] == "return" and event.get("original"):
            yield from self._check_return(event)

    def _sold(self, name):
        basket = self.state.get(f"basket:{name}")
        if basket is None or basket["sold"]:
            return
        basket["sold"] = True
        last = str(basket["last"])
        basket["answers"] = {version: answer for version, answer in basket["answers"].items() if version == last}
        self.timers.cancel("release", name)
        self.timers.set("forget", name, self.now + timedelta(days=REMEMBER_SOLD_D))
        for owner, part in basket["took"].items():
            budgets.spend(self._ledger(owner), name, part["amount"])
            day = self.state.setdefault("day", {}).setdefault(owner, {"amount": 0, "units": 0, "baskets": 0})
            day |= {"amount": day["amount"] + part["amount"], "units": day["units"] + part["units"], "baskets": day["baskets"] + 1}
            yield from self._spent(owner, part["amount"])
        funded = self._funded()
        if any(funded.values()):
            self.kpi.set("budget_used", 100 * sum(self._ledger(owner)["spent"] for owner in funded) / sum(funded.values()))

    def _spent(self, owner, amount):
        budget, spent = self._funded().get(owner), self._ledger(owner)["spent"]
        if budget is not None and spent - amount < budget <= spent:
            yield out("alert.raise", alert=f"budget-{owner}", kind="budget_spent", severity="info", state="open", subject=owner,
                      text=self.say(f"Budget of {owner} is spent", f"{owner}预算已用完"), value=spent, limit=budget)  # fmt: skip

    def _funded(self):
        """Budgets by promotion and coupon template."""
        tables = {"promo": self.tables.promotions, "template": self.tables.coupons}
        parts = [table.derived("budgets", partial(_budgets, key)) for key, table in tables.items()]
        return {owner: budget for part in parts for owner, budget in part.items()}

    def _voided(self, name):
        basket = self.state.get(f"basket:{name}")
        if basket and not basket["sold"]:
            self.timers.cancel("release", name)
            self._free(name, basket)

    def _free(self, name, basket):
        for owner in basket["took"]:
            budgets.hold(self._ledger(owner), name, 0)

    # Returns

    @on("pos.exception?")
    def exception(self, event):
        if event["kind"] == "void_receipt" and event.get("receipt"):
            self._voided(event["receipt"])
        elif event["kind"] == "return" and event.get("gtin"):
            original = event.get("original") or event.get("receipt", "")
            yield from self._answer_return(event.get("receipt") or original, original, [event.data])

    def _answer_return(self, receipt, original, asked):
        """What the lines cost when they were bought, all discounts taken off, as a basket of negative lines."""
        lines = self._owed(receipt, original, asked)
        if lines:
            versions = self.state[f"basket:{original}"]["versions"]
            versions[receipt] = versions.get(receipt, 0) + 1
            total, savings = (sum(line[name] for line in lines) for name in ("amount", "discount"))
            yield out("basket.priced", basket=receipt, version=versions[receipt], lines=lines, total=total, savings=savings)

    def _owed(self, receipt, original, asked):
        basket = self.state.get(f"basket:{original}")
        bought = basket["answers"].get(str(basket["last"])) if basket else None
        return answers.returned_lines(bought["data"], basket["back"], receipt, asked) if bought else []

    def _check_return(self, event):
        """The till has paid out: say what it should have been, if it did not ask, and find what went beyond it."""
        receipt, original = event["receipt"], event["original"]
        basket = self.state.get(f"basket:{original}")
        if basket is None or not basket["answers"]:
            return
        if receipt not in basket["versions"]:
            yield from self._answer_return(receipt, original, event["lines"])
        owed = -sum(line["amount"] for line in self._owed(receipt, original, event["lines"]))
        paid = -sum(line["amount"] for line in event["lines"])
        if paid > owed:
            text = self.say("More was refunded than paid", "退款高于实付分摊价")
            yield out("alert.raise", alert=f"refund-{receipt}", kind="over_refund", severity="warn", state="open", subject=receipt,
                      till=event["till"], text=text, value=paid, limit=owed)  # fmt: skip

    # Figures

    @every("1d", at="close")
    def report(self, due):
        """What each rule gave away since the last report."""
        hours, funded = self.store.hours, self._funded()
        since = self.state.get("reported") or hours.midnight(hours.store_day(due.time)).isoformat()
        for owner, day in sorted(self.state.get("day", {}).items()):
            spent_up = self._ledger(owner)["spent"] >= funded.get(owner, math.inf)
            over = spent_up or not (self.tables.promotions.get(owner) or self.tables.coupons.get(owner))
            yield out("promo.result", {"from": since, "to": due.time}, promo=owner, state="final" if over else "running",
                      units=day["units"], cost=day["amount"], redeemed=day["baskets"], method="discounts of paid baskets")  # fmt: skip
        self.state["day"], self.state["reported"] = {}, due.time.isoformat()


def _budgets(key, rows):
    return {row[key]: row["budget"] for row in rows if row.get("budget") is not None}
