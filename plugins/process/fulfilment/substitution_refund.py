"""Substitution and weight refund: when a line cannot be picked finds the nearest like item that the customer would take, asks in time, and
settles substitutes and weighed goods to the fen without a call.

An answer is a click, vote, survey or chat of the order's member that names a candidate (`item`, else the text or `values.choice`), or says
refund. It is about the ask whose message or order it refers to (`ref`), else the member's oldest open one. What a member refused, every
candidate of an ask answered with refund, is not offered again for half a year. A line's own wish (`substitute`, or `no_answer` among its
options) goes before the setting: without an answer allow takes the best match and refund pays back; who refuses is not asked. Who has no
member number cannot be asked.

A substitute that the picker took by himself (`substitute` in pick.done) counts as chosen, unless the customer wanted none or an attribute
that must be equal differs: then the line is short. `picked` beside it counts the substitute's pieces, 0 all of them. A
report older than the last one of its line changes nothing. Free is the last count of the store less what is reserved and what
was chosen for orders not yet packed; what is no longer free when the answer comes is paid back. An ask that is open at packing
has lapsed, its line is paid back. Goods by weight are not substituted in part, and only by goods by weight; what stands in for them is
charged by its own weight. An order that is not packed within a month is forgotten. Nothing is paid back of an order that was not paid.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1.numbers import item_key

ANSWERS = ("click", "vote", "survey", "chat")
NO, YES = ("refund", "refuse", "no", "none", "退款"), ("allow", "best_match")
SETTLED = ("packed", "ready", "dispatched", "collected", "delivered", "done")
GONE = ("cancelled", "declined", "rejected", "failed", "expired", "returned")
KINDS = ("delivery", "pickup", "ship", "express")
CHANNELS = {"app": "app_push", "phone": "sms", "web": "email"}
REMEMBERED, KEPT, LOST = timedelta(days=180), timedelta(days=3), timedelta(days=30)
Share = Annotated[float, Field(ge=0, le=1)]


class Weights(SolutionConfig):
    brand: Share = setting(0.3, "Same brand", "品牌相同")
    size: Share = setting(0.3, "Near content", "规格接近")
    attributes: Share = setting(0.2, "Same attributes", "属性相同")
    history: Share = setting(0.2, "Bought before", "曾经购买")


class SubstitutionRefund(Solution):
    number = 109
    zh, en = "缺货替换与称重差额退款", "Substitution and weight refund"
    purpose_zh = "缺货时找出顾客最可能接受的相近商品并及时询问，替换品与称重商品分毫不差地结算，无需致电。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.status", "message.send", "task.create", "score.report")
    adapters = ("messaging", "online_store?")
    reads = ("products", "prices", "members")
    kpis = {
        "substitution_accepted": kpi("%", "Substitutes taken", "替换接受率"),
        "refund_value": kpi("minor units", "Paid back", "退款金额"),
        "lines_short": kpi("%", "Lines short", "缺货行占比"),
        "answer_rate": kpi("%", "Asks answered", "询问应答率"),
    }
    kinds = {
        "pick_substitute": ("Pick a substitute", "拣取替换品"),
        "take_off": ("Take off what is too much", "减去超重部分"),
    }

    class Config(SolutionConfig):
        weights: Weights = setting(Weights, "Weights of likeness", "相似度权重")
        min_score: float = setting(0.6, "Least likeness of a substitute", "替换品最低相似度", ge=0, le=1)
        price_up: float = setting(0.1, "Dearest substitute above the ordered price", "替换品最高加价比例", ge=0, le=1)
        size_limit: float = setting(0.2, "Largest difference of content", "最大规格差异", ge=0, le=1)
        ask_timeout: int = setting(180, "Time for the customer to answer", "顾客应答时限", unit="s", ge=30, le=1800)
        no_answer: Literal["best_match", "refund"] = setting("best_match", "Without an answer", "无应答时",
            help_en="The order's own wish goes before.", help_zh="订单自身意愿优先。")  # fmt: skip
        over_free: float = setting(0.05, "Overweight given free", "免费超重比例", ge=0, le=0.3,
            help_en="Beyond it the picker is asked to take off.", help_zh="超出则请拣货员减量。")  # fmt: skip
        hard_attributes: list[str] = setting(
            lambda: ["allergen", "halal", "infant_stage"], "Attributes that must be equal", "必须一致的属性",
            help_en="An item that differs in one is never offered.", help_zh="有一项不同即不提供替换。")  # fmt: skip

    @on("order.placed")
    def placed(self, event):
        if event.get("draft") or event.get("kind", "delivery") not in KINDS or f"order|{event['order']}" in self.state:
            return
        lines = {str(line["line"]): {**line, "gtin": self._written(line["gtin"])} for line in event["lines"]}
        self.state[f"order|{event['order']}"] = {
            "member": event.get("member"), "channel": event["channel"], "lines": lines, "total": event["total"], "paid": event["paid"],
            "due": event.get("promised_to"), "placed": rfc3339(event.time), "picked": {}, "told_at": {}, "asks": {}, "chosen": {},
            "short": 0, "settled": None}  # fmt: skip

    @on("order.status")
    def status(self, event):
        order = self.state.get(f"order|{event['order']}")
        if order is None or order["settled"]:
            return
        if event["status"] in GONE:
            self._close(event["order"], order)
        elif event["status"] in SETTLED:
            yield from self._settle(event["order"], order)

    @on("inventory.snapshot")
    def counted(self, event):
        gtin = self._written(event["gtin"])
        self.workers.optimise.position.enter_snapshot(self._stock(gtin), event.data, event.time)

    @on("pos.sale?")
    def sold(self, event):
        member = event.get("member")
        if member and event.get("kind", "sale") == "sale":
            bought = self.state.setdefault(f"bought|{member}", {})
            bought |= {self._written(line["gtin"]): rfc3339(event.time) for line in event["lines"] if line["qty"] > 0}

    # Picking

    @on("pick.done")
    def picked(self, event):
        order = self.state.get(f"order|{event['order']}")
        if order is None or order["settled"]:
            return
        for row in event["lines"]:
            name, line = str(row["line"]), order["lines"].get(str(row["line"]))
            if line is None or parse_time(order["told_at"].get(name, rfc3339(event.time))) > event.time:
                continue
            order["told_at"][name], told = rfc3339(event.time), self._told(line, row)
            if order["picked"].get(name) == told or self._fetched(order, name, told):
                continue
            self._withdraw(event["order"], order, name)
            order["picked"][name] = told
            yield from self._looked_at(event["order"], order, name, line, told, event["staff"])

    def _told(self, line, row):
        """Picked of the ordered article, weight, substitute, and pieces of it: what was picked, all where that is not told."""
        substitute = self._written(row["substitute"]) if row.get("substitute") else None
        if substitute is None:
            return [row["picked"], row.get("weight_g"), None, 0]
        if _wish(line) == "refuse" or not self._equal(line["gtin"], substitute):
            return [0, 0, None, 0]
        return [0, row.get("weight_g"), substitute, min(row["picked"] or line["qty"], line["qty"])]

    def _fetched(self, order, name, told):
        """Whether the report says that the substitute which was chosen was picked; its weight is noted."""
        chosen = order["chosen"].get(name)
        if name not in order["asks"] or not chosen or chosen["gtin"] != told[2]:
            return False
        chosen["weight_g"] = told[1]
        return True

    def _looked_at(self, number, order, name, line, told, staff):
        """What a line needs: too much taken off, a substitute noted or looked for."""
        picked, weight_g, substitute, pieces = told
        ordered_g = self._ordered_g(line)
        if substitute:
            order["chosen"][name] = {"gtin": substitute, "price": self._price(substitute) or line["price"], "qty": pieces,
                "weight_g": weight_g}  # fmt: skip
            return
        actual_g = self._actual_g(line, picked, weight_g, ordered_g)
        missing = line["qty"] - picked if ordered_g is None else line["qty"] if not actual_g else 0
        if missing > 0:
            yield from self._short(number, order, name, line, missing, staff)
        elif ordered_g is not None:
            too_much = self.workers.pricing.picked.over(ordered_g, actual_g, self.config.over_free)
            if too_much:
                yield self._task(number, order, "take_off", name, line["gtin"], staff, {"ordered_g": ordered_g, "actual_g": actual_g,
                    "take_off_g": round(too_much)})  # fmt: skip

    def _equal(self, gtin, substitute):
        same_in = self.workers.insight.substitutes.same_in
        return same_in(self._product(gtin), self._product(substitute), self.config.hard_attributes)

    def _short(self, number, order, name, line, missing, staff):
        wish = _wish(line)
        if wish == "refuse":
            return
        offers = self._offers(order, line, missing)
        if not offers:
            return
        ask = {"offers": offers, "missing": missing, "staff": staff,
               "default": "best_match" if wish in YES else "refund" if wish in NO else self.config.no_answer}  # fmt: skip
        order["asks"][name] = ask
        if order["member"] is None:
            yield from self._silent(number, order, name)
            return
        ask |= {
            "message": f"substitute-{number}-{name}-{self.now:%Y%m%dT%H%M%S}",
            "asked": rfc3339(self.now),
            "until": rfc3339(self._until()),
        }
        self.state.setdefault(f"asks|{order['member']}", []).append([number, name])
        self.timers.set("answer", f"{number}|{name}", self._until())
        yield self._asked(number, order, name, line, ask)

    def _offers(self, order, line, missing):
        rules = self.workers.insight.substitutes
        ordered, member = self._product(line["gtin"]), order["member"]
        refused = self.state.get(f"refused|{member}", {}) if member else {}
        bought = self.state.get(f"bought|{member}", {}) if member else {}
        recent = [gtin for gtin, at in bought.items() if parse_time(at) > self.now - REMEMBERED]
        rows = [row for row in self.tables.products.rows(category=ordered.get("category")) if row["gtin"] not in refused]
        free = [(row, self._price(row["gtin"])) for row in rows if self._free(row["gtin"]) >= missing]
        known = [(row, price) for row, price in free if price is not None]
        config = self.config
        limits = rules.Rules(config.weights.model_dump(), config.min_score, config.price_up, config.size_limit, config.hard_attributes)
        return [list(offer) for offer in rules.offers(ordered, line["price"], known, limits, recent)]

    def _asked(self, number, order, name, line, ask):
        goods = [{"gtin": gtin, "name": self._called(gtin), "price": price, "score": score} for gtin, score, price in ask["offers"]]
        listed = "; ".join(f"{one['name']} {self.workers.pricing.money.written(one['price'], self.store.currency)}" for one in goods)
        called, limit = self._called(line["gtin"]), self.config.ask_timeout
        text = self.say(f"{called} is not there. Would you take one of these: {listed}? Please answer within {limit} s.",
            f"{called}缺货，是否换成：{listed}？请在{limit}秒内答复。")  # fmt: skip
        return out("message.send", message=ask["message"], channel=self._channel(order), to=order["member"],
            template="substitution", purpose="service", text=text, expires=ask["until"],
            params={"order": number, "line": line["line"], "item": line["gtin"], "candidates": goods})  # fmt: skip

    def _channel(self, order):
        """The way to the customer: that of the order, unless the member allows only others."""
        allowed = ((self.tables.members.get(order["member"]) or {}).get("consents") or {}).get("messaging")
        usual = CHANNELS.get(order["channel"], "mini_program")
        return usual if not allowed or usual in allowed else allowed[0]

    # Answers

    @on("member.event?")
    def answered(self, event):
        member, open_asks = event.get("member"), self.state.get(f"asks|{event.get('member')}")
        if not open_asks or event["kind"] not in ANSWERS:
            return
        values = event.get("values") or {}
        said = [event.get("item"), values.get("choice"), values.get("item"), event.get("text")]
        said = [str(one).strip() for one in said if one is not None]
        for number, name in list(open_asks):
            order = self.state[f"order|{number}"]
            ask = order["asks"][name]
            if event.time < parse_time(ask["asked"]) or not _meant(event.get("ref") or {}, values, number, ask["message"]):
                continue
            taken = next((offer for offer in ask["offers"] if any(item_key(offer[0]) == item_key(one) for one in said)), None)
            if taken is None and not any(one.lower() in NO for one in said):
                continue
            self.kpi.share("answer_rate", 1, 1)
            if taken is None:
                refused = self.state.setdefault(f"refused|{member}", {})
                refused |= {offer[0]: rfc3339(event.time) for offer in ask["offers"]}
            elif self._free(taken[0]) >= ask["missing"]:
                yield from self._choose(number, order, name, taken)
            self._closed(number, order, name)
            return

    @timer("answer")
    def silence(self, due):
        number, _, name = due.key.rpartition("|")
        order = self.state[f"order|{number}"]
        self.kpi.share("answer_rate", 0, 1)
        yield from self._silent(number, order, name)

    def _silent(self, number, order, name):
        ask = order["asks"][name]
        free = next((offer for offer in ask["offers"] if self._free(offer[0]) >= ask["missing"]), None)
        if ask["default"] == "best_match" and free:
            yield from self._choose(number, order, name, free)
        self._closed(number, order, name)

    def _choose(self, number, order, name, offer):
        ask, gtin = order["asks"][name], offer[0]
        order["chosen"][name] = {"gtin": gtin, "price": offer[2], "qty": ask["missing"]}
        self._stock(gtin).setdefault("promised", {})[f"{number}|{name}"] = ask["missing"]
        yield self._task(number, order, "pick_substitute", name, gtin, ask["staff"], {"for": order["lines"][name]["gtin"]}, ask["missing"])

    def _closed(self, number, order, name):
        """Nobody waits for an answer any more; that the line was offered is remembered."""
        self.timers.cancel("answer", f"{number}|{name}")
        order["asks"][name]["open"] = False
        key = f"asks|{order['member']}"
        left = [one for one in self.state.get(key, ()) if one != [number, name]]
        if left:
            self.state[key] = left
        else:
            self.state.pop(key, None)

    def _withdraw(self, number, order, name):
        """Take back what an earlier report of a line brought about."""
        if name in order["asks"]:
            self._closed(number, order, name)
            del order["asks"][name]
        chosen = order["chosen"].pop(name, None)
        if chosen:
            self._stock(chosen["gtin"]).get("promised", {}).pop(f"{number}|{name}", None)

    # Settlement

    def _settle(self, number, order):
        for name, ask in order["asks"].items():
            if ask.get("open", True):
                self.kpi.share("answer_rate", 0, 1)
            self.kpi.share("substitution_accepted", int(name in order["chosen"]), 1)
        back, rows = 0, []
        for name, line in order["lines"].items():
            charged, left = self._charged(order, name, line)
            self.kpi.share("lines_short", int(left < line["qty"]), 1)
            order["short"] += left < line["qty"]
            if charged < line["amount"] or name in order["chosen"]:
                chosen = order["chosen"].get(name)
                rows.append({"line": line["line"], "qty": left, **({"substitute": chosen["gtin"]} if chosen else {})})
            back += max(0, line["amount"] - charged)
        back = min(back, order["total"]) if order["paid"] else 0
        self._close(number, order)
        if back > 0:
            self.kpi.add("refund_value", back)
            yield out("order.status", order=number, status="refunded", amount=back, lines=rows, reason="short_or_lighter")

    def _charged(self, order, name, line):
        """What a line comes to, and how many of the ordered pieces were there."""
        rules, told = self.workers.pricing.picked, order["picked"].get(name)
        if told is None:
            return line["amount"], line["qty"]
        ordered_g, chosen = self._ordered_g(line), order["chosen"].get(name)
        actual_g = self._actual_g(line, told[0], told[1], ordered_g)
        if ordered_g is not None and actual_g and not chosen:
            return rules.by_weight(line, ordered_g, actual_g), line["qty"]
        left = 0 if ordered_g is not None else min(told[0], line["qty"])
        charged = rules.by_pieces(line, left)
        if chosen:
            weighed = ordered_g is not None and self.workers.insight.substitutes.by_weight(self._product(chosen["gtin"]))
            grams = min(chosen.get("weight_g") or ordered_g, ordered_g) if weighed else None
            charged += rules.substituted(line, chosen["qty"], chosen["price"], grams)
        return charged, left

    def _close(self, number, order):
        for name in list(order["asks"]):
            self._closed(number, order, name)
        for name, chosen in order["chosen"].items():
            self._stock(chosen["gtin"]).get("promised", {}).pop(f"{number}|{name}", None)
        order["settled"] = rfc3339(self.now)

    @every("1d", at="close")
    def daily(self, due):
        """The day's figures; orders long settled and what was bought or refused long ago are forgotten."""
        day = self.store.hours.ended_day(due.time).isoformat()
        settled = [order for key, order in self.state.items() if key.startswith("order|") and order["settled"]]
        today = [one for one in settled if self.store.hours.trading_day(parse_time(one["settled"])).isoformat() == day]
        if today:
            lines, short = sum(len(one["lines"]) for one in today), sum(one["short"] for one in today)
            parts = [{"name": name, "value": value, "unit": "count"} for name, value in (
                ("orders", len(today)), ("lines", lines), ("short", short), ("offered", sum(len(one["asks"]) for one in today)),
                ("substituted", sum(len(one["chosen"]) for one in today)))]  # fmt: skip
            opens = self.store.hours.day(self.store.hours.ended_day(due.time))
            window = {"from": opens[0] if opens else due.time - timedelta(days=1), "to": due.time}
            yield out("score.report", window, scheme="substitution", subject_kind="store", subject=self.store.id, parts=parts)
        self._forget(due.time)

    def _forget(self, now):
        for key in list(self.state):
            what, _, _ = key.partition("|")
            if what == "order":
                self._forget_order(key, self.state[key], now)
            elif what in ("bought", "refused"):
                left = {gtin: at for gtin, at in self.state[key].items() if parse_time(at) > now - REMEMBERED}
                if left:
                    self.state[key] = left
                else:
                    del self.state[key]

    def _forget_order(self, key, order, now):
        if not order["settled"] and parse_time(order["due"] or order["placed"]) < now - LOST:
            self._close(key.partition("|")[2], order)
            del self.state[key]
        elif order["settled"] and parse_time(order["settled"]) < now - KEPT:
            del self.state[key]

    # Goods

    def _task(self, number, order, kind, name, gtin, staff, values, qty=None):
        title = self.say(f"{self.kinds[kind][0]}: {self._called(gtin)}", f"{self.kinds[kind][1]}：{self._called(gtin)}")
        item = {"gtin": gtin, "note": number} | ({"qty": qty} if qty else {})
        told = {"order": number, "line": order["lines"][name]["line"], **values}
        return out("task.create", task=f"{kind}-{number}-{name}-{self.now:%Y%m%dT%H%M%S}", kind=kind, title=title, priority=2, staff=staff,
            role="picker", due=order["due"], items=[item], values=told)  # fmt: skip

    def _until(self):
        return self.now + timedelta(seconds=self.config.ask_timeout)

    def _stock(self, gtin):
        return self.state.setdefault(f"stock|{gtin}", self.workers.optimise.position.empty())

    def _free(self, gtin):
        book = self.state.get(f"stock|{gtin}")
        counted = self.workers.optimise.position.on_hand(book) if book else None
        return -1 if counted is None else counted - book["reserved"] - sum(book.get("promised", {}).values())

    def _price(self, gtin):
        """What the goods cost now, each or per kg; None where nobody knows."""
        pricing, product = self.workers.pricing, self._product(gtin)
        rows = self.tables.prices.derived("by item", pricing.prices.rows_by_item).get(item_key(gtin), ())
        found = pricing.shelf.ShelfPrices(rows, (), [product], self.store.hours.zone).at(gtin, self.now) if rows else None
        return found.price if found else product.get("list_price")

    def _ordered_g(self, line):
        return self.workers.pricing.picked.ordered_grams(line, self._product(line["gtin"]).get("unit"))

    def _actual_g(self, line, picked, weight_g, ordered_g):
        """Grams that were picked; where nobody weighed them, by the share of the quantity."""
        if ordered_g is None or weight_g is not None:
            return weight_g or 0
        return ordered_g * picked / line["qty"] if line["qty"] else 0

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {"gtin": gtin}

    def _written(self, gtin):
        return self._product(gtin)["gtin"]

    def _called(self, gtin):
        row = self._product(gtin)
        return self.say(row.get("name_en") or row.get("name") or gtin, row.get("name") or gtin)


def _wish(line):
    return line.get("substitute") or (line.get("options") or {}).get("no_answer")


def _meant(ref, values, number, message):
    """Whether an answer is about this ask: what it refers to is its message or order; with no reference it may be any."""
    told = [ref.get("order"), ref.get("id"), ref.get("message"), values.get("order"), values.get("message")]
    told = [one for one in told if one is not None]
    return not told or number in told or message in told
