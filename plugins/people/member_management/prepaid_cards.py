"""Prepaid and gift cards: stored value sold, authorised and refunded to the cent, within the rules on limits, real names and escrow.

Selling, by `pos.scan` kind card: `code`, `price`, and where they apply the extra fields `buyer` (the record's hash), `company` (true: a
company buys), `secret` (its hash) and `replaces` (the card whose balance moves: a named one of the same member, or an expired unnamed one).
A card that exists is topped up within its maximum. What concerns a purchase as a whole (`id_from`, cash) is refused once, and none of its
cards counts while it is refused. Cash is judged at the tender (`method` cash), a `payment.result` asked, or at the latest the sale.

A card counts with the sale, or with approved payments that cover the faces; a payment that has an id waits for its `payment.result`.
Answers carry the extra field `balance`, what may still be spent. Only an approved answer stands for (card, receipt); one that was declined
is judged anew, unless it is the very same scan. The part of a return that was not paid by card goes back as the till says, the rest to the
card. A sale that takes more off a card than was on it opens the books, and the difference is told; stored value that is no card of ours is
not booked.

Limit: a reload of an unnamed card does not prolong its life.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time
from storeloom.workers.loyalty import stored_value as cards

LOCK = timedelta(hours=24)
BASKET_KEPT = timedelta(days=1)
RECEIPT_KEPT = timedelta(days=400)
METHOD = "stored_value"
AT_ONCE = ("cash", "coupon", "points", METHOD)


class PrepaidCards(Solution):
    number = 35
    zh, en = "单用途预付卡管理", "Prepaid and gift cards"
    purpose_zh = "按限额、实名与资金存管规定发售、授权、退款储值卡，分毫不差，负债随时可知。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("payment.result", "message.send", "alert.raise", "insight.report")
    adapters = ("pos", "payment?", "messaging?")
    reads = ("members", "products")
    kpis = {
        "card_balance": kpi("minor", "Balance of all cards", "卡内余额合计"),
        "escrow_cover": kpi("%", "Escrow held of escrow needed", "存管覆盖率"),
        "declined_rate": kpi("%", "Card payments declined", "卡支付拒绝率"),
        "cards_sold": kpi("count", "Cards sold", "售卡张数"),
    }
    kinds = {
        "refused_cards_sold": ("Cards were paid for that were refused", "被拒的卡已收款"),
        "card_not_entered": ("A gift card was sold without its number", "礼品卡售出未录卡号"),
        "card_locked": ("A card is locked after wrong secrets", "卡因密码错误被锁"),
        "books_differ": ("Card balances and books differ", "卡余额与账目不符"),
        "escrow_short": ("Escrow is below what is needed", "存管资金不足"),
    }

    class Config(SolutionConfig):
        registered_max: int = setting(500_000, "Largest face of a named card", "记名卡限额", unit="minor", ge=0, le=100_000_000,
            help_en="With what is on it already.", help_zh="含卡内已有余额。")  # fmt: skip
        bearer_max: int = setting(100_000, "Largest face of an unnamed card", "不记名卡限额", unit="minor", ge=0, le=100_000_000,
            help_en="With what is on it already.", help_zh="含卡内已有余额。")  # fmt: skip
        id_from: int = setting(1_000_000, "Purchase that needs the buyer's record", "购卡实名登记起点", unit="minor", ge=0, le=100_000_000,
            help_en="Unnamed cards of one purchase together.", help_zh="一次购买的不记名卡合计。")  # fmt: skip
        cash_company: int = setting(500_000, "Companies pay by transfer from", "单位购卡转账起点", unit="minor", ge=0, le=100_000_000,
            help_en="Cash of this amount or more is refused.", help_zh="达到此金额不收现金。")  # fmt: skip
        cash_person: int = setting(5_000_000, "Persons pay by transfer from", "个人购卡转账起点", unit="minor", ge=0, le=100_000_000,
            help_en="Cash of this amount or more is refused.", help_zh="达到此金额不收现金。")  # fmt: skip
        bearer_years: int = setting(3, "Life of unnamed cards", "不记名卡有效期", unit="year", ge=3, le=10,
            help_en="Named ones never end.", help_zh="记名卡不设有效期。")  # fmt: skip
        escrow_pct: int = setting(20, "Share held in escrow", "存管比例", unit="%", ge=0, le=100,
            help_en="Of the last quarter's balance, by issuer class.", help_zh="按上季末余额，企业分20、30、40三档。")  # fmt: skip
        escrow_held: int = setting(0, "Balance of the escrow account", "存管账户余额", unit="minor", ge=0, le=100_000_000_000,
            help_en="As the bank states it.", help_zh="以银行对账为准。")  # fmt: skip
        auth_ttl_min: int = setting(10, "An authorisation holds for", "授权有效时间", unit="min", ge=1, le=120,
            help_en="Then it is released if no sale came.", help_zh="无销售单则释放。")  # fmt: skip
        pin_tries: int = setting(5, "Wrong secrets before a lock", "密码错误次数上限", ge=3, le=10,
            help_en="The card is then locked for 24 hours.", help_zh="达到后锁卡24小时。")  # fmt: skip

    # Tills

    @on("pos.scan")
    def scan(self, event):
        kind, code = event["kind"], event.get("code")
        if kind == "card" and code and event.get("replaces"):
            yield self._moved(event, code, event["replaces"])
        elif kind == "card" and code:
            yield from self._offered(event, code)
        elif kind == "void" and code:
            basket = self._basket(event["receipt"])
            if basket["cards"].pop(code, None) and not self._needs_record(basket):
                basket["refused"] = [rule for rule in basket["refused"] if rule != "id_from"]
        elif kind == "tender" and event.get("method") == "cash":
            yield from self._cash(event["receipt"], event["till"], event.get("price", 0))
        elif kind == "tender" and code and event.get("method", METHOD) == METHOD:
            yield from self._asked(event, code)

    # Selling

    def _basket(self, receipt):
        self.timers.set("basket", receipt, self.now + BASKET_KEPT)
        return self.state.setdefault(f"basket:{receipt}", {"cards": {}, "buyer": None, "company": False, "refused": [], "results": {}})

    @timer("basket")
    def basket_left(self, due):
        self.state.pop(f"basket:{due.key}", None)

    def _offered(self, event, code):
        """A card of the open basket: its face against its maximum, then the purchase as a whole."""
        face, member, receipt, till = event.get("price", 0), event.get("member"), event["receipt"], event["till"]
        basket, known = self._basket(receipt), self._card(code)
        if known:
            member = known["member"]
        rule = "registered_max" if member else "bearer_max"
        if face + (known["balance"] if known else 0) > getattr(self.config, rule):
            yield self._declined(code, receipt, till, face, rule)
            return
        basket["cards"][code] = {"face": face, "member": member, "secret": event.get("secret")}
        basket["buyer"] = basket["buyer"] or event.get("buyer") or self._recorded(member)
        basket["company"] = basket["company"] or bool(event.get("company"))
        yield from self._judge(basket, "id_from", self._needs_record(basket) and not basket["buyer"], receipt, till)

    def _needs_record(self, basket):
        unnamed = sum(card["face"] for card in basket["cards"].values() if not card["member"])
        return unnamed >= self.config.id_from or any(card["member"] for card in basket["cards"].values())

    def _judge(self, basket, rule, broken, receipt, till):
        """A rule of the whole purchase: told once, lifted when it holds again."""
        if broken and rule not in basket["refused"]:
            basket["refused"].append(rule)
            yield self._declined(next(iter(basket["cards"])), receipt, till, self._faces(basket), rule)
        elif not broken and rule in basket["refused"]:
            basket["refused"].remove(rule)

    def _cash(self, receipt, till, cash):
        basket = self.state.get(f"basket:{receipt}")
        if basket and basket["cards"]:
            rule = "cash_company" if basket["company"] else "cash_person"
            yield from self._judge(basket, rule, min(cash, self._faces(basket)) >= getattr(self.config, rule), receipt, till)

    def _faces(self, basket):
        return sum(card["face"] for card in basket["cards"].values())

    def _recorded(self, member):
        return (self.state.get(f"buyer:{member}") or {}).get("buyer") if member else None

    @on("payment.result?")
    def paid(self, event):
        """Approved payments that cover the faces make the cards count; until then a payment of a known id is waited for."""
        receipt = event.get("receipt")
        basket = self.state.get(f"basket:{receipt}")
        if not basket or event["method"] == METHOD:
            return
        if event["status"] == "asked" and event["method"] == "cash":
            yield from self._cash(receipt, event.get("till"), event["amount"])
            return
        basket["results"][event["payment"]] = {"status": event["status"], "amount": event["amount"]}
        if event["method"] == "cash" and event["status"] == "approved":
            yield from self._cash(receipt, event.get("till"), event["amount"])
        approved = sum(result["amount"] for result in basket["results"].values() if result["status"] in ("approved", "settled"))
        waiting = basket.get("waiting")
        if basket["cards"] and (approved >= self._faces(basket) if waiting is None else self._all_paid(basket, waiting)):
            yield from self._activate(event, receipt, basket)

    def _all_paid(self, basket, waiting):
        return all(basket["results"].get(payment, {}).get("status") in ("approved", "settled") for payment in waiting)

    def _activate(self, event, receipt, basket):
        sold, basket["cards"] = basket["cards"], {}
        if basket["refused"]:
            yield self._alert("refused_cards_sold", receipt, self.say("Paid, but the cards do not count", "已收款，卡未生效"),
                              sum(card["face"] for card in sold.values()), None, till=event.get("till"),
                              ref={"receipt": receipt, "rules": basket["refused"]})  # fmt: skip
            return
        day = self._day(event)
        for code, offer in sold.items():
            card = self._card(code)
            if card:
                card["balance"] += offer["face"]
            else:
                card = self.state[f"card:{code}"] = cards.new_card(offer["face"], day, offer["member"], offer["secret"])
                self.kpi.add("cards_sold")
            self._book("sold", offer["face"])
            if offer["member"]:
                yield from self._tell(card, code, receipt)
        if basket["buyer"]:
            for key in sorted({card["member"] or receipt for card in sold.values()}):
                self.state[f"buyer:{key}"] = {"buyer": basket["buyer"], "day": day.isoformat()}
                end = self.store.hours.midnight(cards.years_after(day, cards.BUYER_RECORD_YEARS))
                self.timers.set("buyer", key, max(end, self.now))
        self.state[f"sold:{receipt}"] = {code: offer["face"] for code, offer in sold.items()}
        self.timers.set("receipt", receipt, self.now + RECEIPT_KEPT)

    @timer("buyer")
    def record_old(self, due):
        self.state.pop(f"buyer:{due.key}", None)

    def _moved(self, event, code, old):
        """The balance of a lost named card, or of an expired unnamed one, goes to a new card."""
        card, receipt = self._card(old), event["receipt"]
        mine = card and (
            card["member"] == event.get("member") if card["member"] else cards.has_expired(card, self._day(event), self.config.bearer_years)
        )
        if not mine or card["successor"] or self._card(code):
            return self._declined(code, receipt, event["till"], 0, "replaces")
        moved = card["balance"]
        new = self.state[f"card:{code}"] = cards.new_card(moved, self._day(event), event.get("member"), event.get("secret"))
        new["holds"], new["spent"] = card["holds"], {}
        card.update(balance=0, holds={}, successor=code)
        return self._answer(code, receipt, event["till"], "approved", moved, cards.available(new))

    # Paying

    def _asked(self, event, code):
        card, receipt, amount = self._card(code), event["receipt"], event.get("price", 0)
        asks = self.state.setdefault(f"asks:{receipt}", {})
        before = asks.get(code)
        if before and (before["status"] == "approved" or (before["seq"], before["amount"]) == (event.get("seq"), amount)):
            yield self._answer(code, receipt, event["till"], **{key: before[key] for key in ("status", "amount", "balance", "code")})
            return
        reason = self._why_not(event, card, amount)
        self.kpi.share("declined_rate", reason is not None, 1)
        if reason is None:
            cards.authorise(card, receipt, amount)
            self.timers.set("auth", f"{receipt}|{code}", self.now + timedelta(minutes=self.config.auth_ttl_min))
        answer = {"status": "declined" if reason else "approved", "amount": amount, "balance": self._left(card), "code": reason}
        asks[code] = {**answer, "seq": event.get("seq")}
        self.timers.set("asks", receipt, self.now + BASKET_KEPT)
        yield self._answer(code, receipt, event["till"], **answer)
        if reason == "pin_tries" and card["wrong"] == 0 and card.pop("just_locked", None):
            text = self.say("Locked for 24 hours", "锁定24小时")
            yield self._alert("card_locked", code, text, self.config.pin_tries, self.config.pin_tries, unit="count", till=event["till"])

    def _why_not(self, event, card, amount):
        """The rule that an authorisation breaks, None if it may be given: active, secret, life, balance."""
        if card is None or card["successor"]:
            return "inactive"
        if card["locked"] and event.time < parse_time(card["locked"]):
            return "pin_tries"
        if card["secret"] is not None and event.get("secret") != card["secret"]:
            card["wrong"] += 1
            if card["wrong"] < self.config.pin_tries:
                return "secret"
            card.update(wrong=0, locked=(event.time + LOCK).isoformat(), just_locked=True)
            return "pin_tries"
        card["wrong"] = 0
        if cards.has_expired(card, self._day(event), self.config.bearer_years):
            return "bearer_years"
        return None if 0 < amount <= cards.available(card) else "balance"

    @timer("auth")
    def auth_over(self, due):
        """No sale came: the money is free again."""
        receipt, _, code = due.key.partition("|")
        card = self._holder(code, receipt)
        amount = card["holds"].pop(receipt, None) if card else None
        if amount:
            self.state.get(f"asks:{receipt}", {}).pop(code, None)
            yield self._answer(code, receipt, None, "reversed", amount, cards.available(card))

    @timer("asks")
    def asks_old(self, due):
        self.state.pop(f"asks:{due.key}", None)

    # Sales and returns

    @on("pos.sale")
    def sale(self, event):
        kind, receipt = event["kind"], event["receipt"]
        if kind == "sale" and f"receipt:{receipt}" not in self.state:
            yield from self._spent(event, receipt)
            yield from self._sold(event, receipt)
        elif kind == "return" and event.get("original"):
            yield from self._returned(event, event["original"])
        elif kind == "void":
            yield from self._undo(event, event.get("original") or receipt)

    @on("pos.exception?")
    def exception(self, event):
        if event["kind"] == "void_receipt" and event.get("receipt"):
            yield from self._undo(event, event["receipt"])

    def _sold(self, event, receipt):
        """The cards of a sale count once its payments are approved; those with an id are waited for."""
        entered = sum(self.state.get(f"sold:{receipt}", {}).values())
        basket = self.state.get(f"basket:{receipt}")
        if basket and basket["cards"]:
            entered += self._faces(basket)
            payments = event.get("payments", ())
            yield from self._cash(receipt, event["till"], sum(paid["amount"] for paid in payments if paid["method"] == "cash"))
            basket["waiting"] = [paid["payment"] for paid in payments if paid.get("payment") and paid["method"] not in AT_ONCE]
            if self._all_paid(basket, basket["waiting"]):
                yield from self._activate(event, receipt, basket)
        lines = self._gift_cards(event.get("lines", ()))
        if lines > entered:
            text = self.say("Gift cards were sold that were not entered", "售出的礼品卡未录入卡号")
            yield self._alert("card_not_entered", receipt, text, lines, entered, till=event["till"], ref={"receipt": receipt})

    def _spent(self, event, receipt):
        """Takes what the sale was paid with off the cards; a card that was not used after all is free again."""
        asks = self.state.get(f"asks:{receipt}", {})
        held = sorted(code for code, ask in asks.items() if ask["status"] == "approved")
        paid, taken = {}, [one for one in event.get("payments", ()) if one["method"] == METHOD or one.get("ref") in held]
        for one in taken:
            code = next((name for name in (one.get("ref"), str(one.get("payment")).partition(":")[0]) if name and self._card(name)), None)
            code = code or next((name for name in held if name not in paid), one.get("ref"))
            paid[code] = paid.get(code, 0) + one["amount"]
        for code, amount in paid.items():
            card = self._holder(code, receipt)
            if card:
                cards.capture(card, receipt, amount)
                self._book("captured", amount)
                if card["member"]:
                    yield from self._tell(card, code, receipt)
        for code in set(held) - paid.keys():
            self._holder(code, receipt)["holds"].pop(receipt, None)
        for code in held:
            self.timers.cancel("auth", f"{receipt}|{code}")
        used = [code for code in paid if code and self._card(code)]
        self.state[f"receipt:{receipt}"] = {"cards": used, "other": event["total"] - sum(paid.values()), "returns": []}
        self.timers.set("receipt", receipt, self.now + RECEIPT_KEPT)

    def _returned(self, event, original):
        """Money goes back the way it came: other tenders up to what they paid, the rest onto the cards or their successors."""
        sold, back = self.state.get(f"receipt:{original}"), event["receipt"]
        if sold is None or back in sold["returns"]:
            return
        sold["returns"].append(back)
        to_cards = -sum(paid["amount"] for paid in event.get("payments", ()) if paid["method"] == METHOD)
        other = max(0, min(-event["total"] - to_cards, sold["other"]))
        sold["other"] -= other
        yield from self._credit(event, original, sold, -event["total"] - other)
        self._take_back(event, original)

    def _credit(self, event, original, sold, due):
        for code in sold["cards"]:
            card, (last, onto) = self._holder(code, original), self._latest(code)
            given = cards.give_back(card, original, due, onto)
            due -= given
            if given:
                self._book("refunded", given)
                yield self._answer(last, original, event.get("till"), "refunded", given, cards.available(onto))

    def _take_back(self, event, original):
        """Cards bought with a receipt end when their lines are returned, if nothing was spent of them."""
        bought = self.state.get(f"sold:{original}", {})
        due = -self._gift_cards(event.get("lines", ()))
        for code, face in sorted(bought.items()):
            card = self._card(code)
            if card and face <= min(due, cards.available(card)):
                due -= face
                card["balance"] -= face
                self._book("sold", -face)
                del bought[code]

    def _gift_cards(self, lines):
        return sum(line["amount"] for line in lines if (self.tables.products.get(line["gtin"]) or {}).get("category") == "gift_card")

    def _undo(self, event, receipt):
        """A voided receipt: nothing was sold, nothing spent."""
        self.state.pop(f"basket:{receipt}", None)
        for code in sorted(self.state.pop(f"asks:{receipt}", {})):
            card = self._holder(code, receipt)
            amount = card["holds"].pop(receipt, None) if card else None
            if amount:
                self.timers.cancel("auth", f"{receipt}|{code}")
                yield self._answer(code, receipt, event.get("till"), "reversed", amount, cards.available(card))
        sold = self.state.get(f"receipt:{receipt}")
        if sold and "void" not in sold["returns"]:
            sold["returns"].append("void")
            yield from self._credit(
                event, receipt, sold, sum(self._holder(code, receipt)["spent"].get(receipt, 0) for code in sold["cards"])
            )
        yield from self._voided_cards(receipt)

    def _voided_cards(self, receipt):
        for code, face in self.state.pop(f"sold:{receipt}", {}).items():
            card = self._card(code)
            taken = min(face, cards.available(card))
            card["balance"] -= taken
            self._book("sold", -taken)
            if taken < face:
                text = self.say("Spent before its sale was voided", "售卡作废前已消费")
                yield self._alert("refused_cards_sold", code, text, face - taken, None, ref={"receipt": receipt, "rules": ["void"]})

    @timer("receipt")
    def receipt_old(self, due):
        self.state.pop(f"receipt:{due.key}", None)
        self.state.pop(f"sold:{due.key}", None)

    # The books

    def _book(self, name, amount):
        books = self.state.setdefault("books", {"sold": 0, "refunded": 0, "captured": 0})
        books[name] += amount

    @every("1d", at="00:00")
    def night(self, due):
        books = self.state.get("books")
        if books is None:
            return
        balances = [self.state[key]["balance"] for key in self.state if key.startswith("card:")]
        total, today = sum(balances), self.store.hours.store_day(due.time)
        self.kpi.set("card_balance", total)
        off = cards.difference(balances, books)
        text = self.say("Sales took more than the cards held", "销售扣款与卡余额不符")
        yield from self._standing("books_differ", off != 0, self.store.id, text, off, 0)
        if today.day == 1 and today.month in (1, 4, 7, 10):
            self.state["quarter"] = {"balance": total}
        yield from self._escrow()
        figures = {name: {"value": value, "unit": "minor"} for name, value in {"card_balance": total, **books}.items()}
        yield out("insight.report", {"from": due.time - timedelta(days=1), "to": due.time}, report=f"prepaid:{today - timedelta(days=1)}",
                  kind="prepaid_books", version=1, figures=figures)  # fmt: skip

    def _escrow(self):
        """The need of this quarter against what is held; the shortfall is the alert's value."""
        need = cards.escrow_need(self.state.get("quarter", {"balance": 0})["balance"], self.config.escrow_pct)
        held = self.config.escrow_held
        if need:
            self.kpi.set("escrow_cover", 100 * held / need)
        text = self.say(f"Escrow is {need - held} short of {need}", f"存管应有{need}，缺{need - held}")
        yield from self._standing("escrow_short", held < need, self.store.id, text, need - held, need)

    def _standing(self, kind, is_wrong, subject, text, value, limit):
        """An alert that is opened once and cleared when things are right again."""
        open_ = self.state.setdefault("alerts", {})
        if bool(open_.get(kind)) != is_wrong:
            open_[kind] = is_wrong
            yield self._alert(kind, subject, text, value, limit, state="open" if is_wrong else "cleared")

    # Words

    def _day(self, event):
        return self.store.hours.store_day(event.time)

    def _card(self, code):
        return self.state.get(f"card:{code}")

    def _latest(self, code):
        """A card's last successor, or itself."""
        while self._card(code)["successor"]:
            code = self._card(code)["successor"]
        return code, self._card(code)

    def _holder(self, code, receipt):
        """The card that a receipt's hold or spending lies on: the card itself, or the successor that took over its holds."""
        card = self._card(code)
        while card and card["successor"] and receipt not in card["spent"] and receipt not in card["holds"]:
            card = self._card(card["successor"])
        return card

    def _left(self, card):
        return cards.available(card) if card else 0

    def _answer(self, card, receipt, till, status, amount, balance, code=None):
        return out("payment.result", payment=f"{card}:{receipt}", status=status, method=METHOD, amount=amount, receipt=receipt, till=till,
                   ref=card, code=code, balance=balance)  # fmt: skip

    def _declined(self, card, receipt, till, amount, rule):
        return self._answer(card, receipt, till, "declined", amount, self._left(self._card(card)), rule)

    def _tell(self, card, code, receipt):
        row = self.tables.members.get(card["member"]) or {}
        if row.get("left"):
            return
        channel = next(iter((row.get("consents") or {}).get("messaging") or row.get("channels") or ()), "mini_program")
        left = cards.available(card)
        yield out("message.send", message=f"card-{code}-{receipt}", channel=channel, to=card["member"], purpose="service",
                  text=self.say(f"Card balance {left}", f"卡余额{left}"),
                  params={"card": code, "balance": left, "receipt": receipt})  # fmt: skip

    def _alert(self, kind, subject, text, value, limit, *, state="open", unit="minor", till=None, ref=None):
        return out("alert.raise", alert=f"{kind}:{subject}", kind=kind, severity="high", state=state, subject=subject, text=text,
                   value=value, limit=limit, unit=unit, till=till, ref=ref)  # fmt: skip
