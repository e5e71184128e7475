"""Pay-and-join enrolment: returning payers are recognised, the others invited as they pay and enrolled without a form or a double account.

An invitation is made when both the receipt and its approved payment are known. Every payment of an unbound token can be joined by, but
one message is sent while an invitation of that token runs. A receipt without a payer token (cash) gets its QR on the till's printer; a
cash invitation bears the payment's id, or the receipt's where the payment has none.

A join that names invitation and phone but no code asks for one: it goes to the phone (`message.send` by SMS to the hash, which the channel
resolves). Known phones and tokens are those enrolled here, tied by `member.event` bind, or in the members table (`keys` with kind `phone`
or `payer`, `phone_hash`). Who leaves (`opt_out` without a purpose) is forgotten by token; the phone's hash stays for `rejoin_days`, so
that no second gift is given. A return takes back its share of the points that were credited here.

Tokens and phones stand in the state as SHA-256 only; the token of a payment that comes before its receipt is held until that comes, at
most for an hour.
"""

from datetime import date, timedelta
from hashlib import sha256

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time
from storeloom.workers.loyalty.coupon_copies import copy_for
from storeloom.workers.loyalty.points import points_for

LOCK = timedelta(minutes=15)
WAIT_FOR_RECEIPT = timedelta(hours=1)
RECEIPT_KEPT = timedelta(days=31)
TOKEN_KEPT = timedelta(days=365)
CODE_SPACE = 1_000_000
NEEDED = "service"


def digest(*parts):
    return sha256("|".join(map(str, parts)).encode()).hexdigest()


def known_keys(rows):
    """Phones and payers that the members table names, each with its member: by digest, and as they stand there."""
    found = {}
    for row in rows:
        keys = [*row.get("keys", ()), {"kind": "phone", "hash": row.get("phone_hash")}, {"kind": "payer", "hash": row.get("payer")}]
        for key in keys:
            if key.get("hash") and not row.get("left"):
                found[key["hash"]] = found[digest(key["kind"], key["hash"])] = row["member"]
    return found


class MemberEnrolment(Solution):
    number = 31
    zh, en = "支付即会员入会", "Pay-and-join enrolment"
    purpose_zh = "面向匿名小票多的零售商：识别回头付款人，付款瞬间邀请其余顾客，无需填表、不重复建户，合规入会。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("member.profile", "points.change", "coupon.issue", "message.send", "print.job", "insight.report")
    adapters = ("messaging", "printer?", "payment?")
    reads = ("members", "coupons", "staff?")
    kpis = {
        "enrolment_rate": kpi("%", "Joins of tokens invited", "邀请入会率"),
        "member_sales_share": kpi("%", "Receipts with a member", "会员小票占比"),
        "new_members": kpi("count", "New members", "新会员数"),
        "double_accounts_avoided": kpi("count", "Double accounts avoided", "避免的重复账户"),
    }

    class Config(SolutionConfig):
        invite_h: int = setting(24, "Life of an invitation", "邀请有效期", unit="h", ge=1, le=168,
            help_en="From the payment on.", help_zh="自付款时起算。")  # fmt: skip
        backdate_h: int = setting(24, "Receipts credited on joining, age", "入会补记小票时限", unit="h", ge=0, le=720,
            help_en="Unclaimed ones of the same payer up to this age.", help_zh="同一付款人此时限内的小票补记积分。")  # fmt: skip
        points_rate: float = setting(1, "Points for each 100 minor units", "每100分所得积分", unit="points", ge=0, le=100,
            help_en="Of a credited receipt, floored.", help_zh="按补记小票计算，向下取整。")  # fmt: skip
        code_ttl_min: int = setting(5, "Life of the one-time code", "验证码有效期", unit="min", ge=1, le=30,
            help_en="A later code counts as a wrong one.", help_zh="超时的验证码视为错误。")  # fmt: skip
        code_tries: int = setting(5, "Wrong codes before a lock", "验证码错误次数上限", ge=1, le=10,
            help_en="The invitation is then locked for 15 minutes.", help_zh="达到后该邀请锁定15分钟。")  # fmt: skip
        welcome_coupon: str = setting("welcome", "Welcome coupon", "入会礼券", unit="coupon id",
            help_en="Given once to a new phone; empty for none.", help_zh="每个新手机号一次；留空则不发。")  # fmt: skip
        rejoin_days: int = setting(180, "No second gift after leaving for", "退会后不再发礼期", unit="d", ge=0, le=730,
            help_en="Counted from the day of leaving.", help_zh="自退会日起算。")  # fmt: skip
        min_age: int = setting(14, "Age of own consent", "自主同意年龄", unit="year", ge=14, le=18,
            help_en="Younger persons need a guardian's consent.", help_zh="未满者须监护人同意。")  # fmt: skip
        purposes: list[str] = setting(lambda: ["service", "marketing", "profiling"], "Consents asked", "征询的授权用途",
            help_en="Asked one by one; only service is needed to join.", help_zh="逐项征询；入会仅需同意 service。")  # fmt: skip

    # Receipts and payments

    @on("pos.sale")
    def sale(self, event):
        receipt = event["receipt"]
        if event["kind"] in ("return", "void"):
            yield from self._returned(event, event.get("original") or receipt, event["kind"] == "void")
            return
        if event["kind"] != "sale" or f"receipt:{receipt}" in self.state:
            return
        in_points = sum(payment["amount"] for payment in event.get("payments", ()) if payment["method"] == "points")
        self.state[f"receipt:{receipt}"] = {
            "at": event.time.isoformat(), "net": max(0, event.get("total", 0) - in_points), "points": 0, "back": 0,
            "till": event.get("till"), "recruiter": event.get("guide") or event.get("cashier"),
            "member": event.get("member"), "invited": False,
        }  # fmt: skip
        self.timers.set("forget", receipt, self.now + RECEIPT_KEPT)
        self.kpi.share("member_sales_share", bool(event.get("member")), 1)
        self._count("receipts")
        early = (self.state.pop(f"early:{receipt}", None) or {}).get("payments", [])
        self.timers.cancel("early", receipt)
        for paid in early:
            yield from self._paid(receipt, paid)
        payments = event.get("payments", ())
        if not early and payments and all(payment["method"] == "cash" for payment in payments):
            name = payments[0].get("payment") or receipt
            yield from self._paid(receipt, {"payment": name, "payer": None, "at": event.time.isoformat()})

    @on("payment.result")
    def payment(self, event):
        receipt = event.get("receipt")
        if event["status"] != "approved" or not receipt or f"invite:{event['payment']}" in self.state:
            return
        paid = {"payment": event["payment"], "payer": event.get("payer"), "at": event.time.isoformat()}
        if f"receipt:{receipt}" in self.state:
            yield from self._paid(receipt, paid)
            return
        early = self.state.setdefault(f"early:{receipt}", {"payments": []})
        if all(other["payment"] != paid["payment"] for other in early["payments"]):
            early["payments"].append(paid)
            self.timers.set("early", receipt, self.now + WAIT_FOR_RECEIPT)

    @timer("early")
    def no_receipt(self, due):
        self.state.pop(f"early:{due.key}", None)

    @timer("forget")
    def forget(self, due):
        self.state.pop(f"receipt:{due.key}", None)

    def _paid(self, receipt, paid):
        sold, payer = self.state[f"receipt:{receipt}"], paid["payer"]
        if sold["member"]:
            return
        token = digest("payer", payer) if payer else None
        member = token and self._member_of(token)
        if member:
            yield from self._claim(receipt, member)
            return
        at = parse_time(paid["at"])
        until = at + timedelta(hours=self.config.invite_h)
        self.state[f"invite:{paid['payment']}"] = {"receipt": receipt, "token": token, "until": until.isoformat(), "wrong": 0}
        self.timers.set("invitation", paid["payment"], max(until, self.now))
        if token:
            yield from self._invite(paid["payment"], payer, token, receipt, at, until)
        elif not sold["invited"]:
            yield from self._print(paid["payment"], receipt, until)
        sold["invited"] = True

    def _invite(self, payment, payer, token, receipt, at, until):
        """A message to the payer, unless an earlier invitation of that token still runs."""
        if f"token:{token}" not in self.state:
            self.kpi.share("enrolment_rate", 0, 1)
            self._count("invited")
        known = self.state.setdefault(f"token:{token}", {"receipts": [], "until": None})
        known["receipts"] = [*known["receipts"], receipt][-100:]
        self.timers.set("token", token, self.now + TOKEN_KEPT)
        if known["until"] is None or parse_time(known["until"]) <= at:
            known["until"] = until.isoformat()
            yield out("message.send", message=f"join-{payment}", channel="mini_program", to=payer, purpose="service", expires=until,
                      text=self.say("Join now and this receipt counts.", "立即入会，本单即可积分。"),
                      params={"invitation": payment, "receipt": receipt, "purposes": self.config.purposes, "until": until})  # fmt: skip

    def _print(self, payment, receipt, until):
        till = self.state[f"receipt:{receipt}"]["till"]
        printers = sorted(self.devices.get("printer", ()), key=lambda printer: printer.settings.get("till") != till)
        if printers:
            yield out("print.job", printer=printers[0].id, job=f"join-{payment}", kind="receipt",
                      fields={"invitation": payment, "receipt": receipt, "qr": f"join:{payment}", "until": until},
                      lines=[self.say("Scan to join", "扫码入会，本单积分")], ref={"receipt": receipt})  # fmt: skip

    @timer("invitation")
    def invitation_over(self, due):
        self.state.pop(f"invite:{due.key}", None)

    @timer("token")
    def token_over(self, due):
        if not (self.state.get(f"token:{due.key}") or {}).get("member"):
            self.state.pop(f"token:{due.key}", None)

    # Joining

    @on("member.event")
    def doing(self, event):
        values = event.get("values") or {}
        if event["kind"] == "join":
            yield from self._join(event, values)
        elif event["kind"] == "bind" and event.get("member") and values.get("payer"):
            self._bind(digest("payer", values["payer"]), event["member"])
        elif event["kind"] == "opt_out" and event.get("member") and not values.get("purpose"):
            self._leave(event["member"], self._day(event))

    @on("kiosk.event?")
    def kiosk(self, event):
        values = event.get("values") or {}
        if values.get("invitation"):
            yield from self._join(event, values)

    def _join(self, event, values):
        invitation, phone = values.get("invitation"), values.get("phone_hash")
        invite = self.state.get(f"invite:{invitation}")
        if invite is None or not phone or event.time > parse_time(invite["until"]):
            return
        locked = invite.get("locked") and event.time < parse_time(invite["locked"])
        agreed = [purpose for purpose in self.config.purposes if purpose in (values.get("purposes") or ())]
        too_young = values.get("age") is not None and values["age"] < self.config.min_age and not values.get("guardian")
        if locked or too_young or (NEEDED in self.config.purposes and NEEDED not in agreed):
            return
        if values.get("verified") is not True:
            if not values.get("code"):
                yield from self._send_code(event, invitation, invite, phone)
                return
            if not self._right_code(event, invite, phone, values["code"]):
                return
        yield from self._enrol(event, values, invitation, invite, digest("phone", phone), agreed)

    def _send_code(self, event, invitation, invite, phone):
        """A code to the phone, one at a time."""
        sent = invite.get("code")
        if sent and sent["phone"] == digest("phone", phone) and event.time <= parse_time(sent["until"]):
            return
        code = f"{draw(event.id, invitation, phone, modulus=CODE_SPACE):06d}"
        until = event.time + timedelta(minutes=self.config.code_ttl_min)
        invite["code"] = {"phone": digest("phone", phone), "code": digest(invitation, code), "until": until.isoformat()}
        yield out("message.send", message=f"code-{invitation}-{event.id}", channel="sms", to=phone, purpose="service", expires=until,
                  text=self.say(f"Your code: {code}", f"您的验证码：{code}"), params={"code": code, "invitation": invitation})  # fmt: skip

    def _right_code(self, event, invite, phone, code):
        sent = invite.get("code")
        asked = {"phone": digest("phone", phone), "code": digest(event["values"]["invitation"], code)}
        if sent and event.time <= parse_time(sent["until"]) and asked.items() <= sent.items():
            return True
        invite["wrong"] += 1
        if invite["wrong"] >= self.config.code_tries:
            invite.update(wrong=0, locked=(event.time + LOCK).isoformat())
        return False

    def _enrol(self, event, values, invitation, invite, phone, agreed):
        token, kept = invite["token"], self.state.get(f"phone:{phone}") or {}
        member = None if kept.get("left") else kept.get("member") or self._table().get(phone)
        if token and member and self._member_of(token) == member:
            return
        if member:
            self.kpi.add("double_accounts_avoided")
        else:
            member = kept.get("member") or event.get("member") or f"m-{phone[:16]}"
            yield self._profile(event, values, member, token, agreed)
            yield from self._welcome(event, member, phone, kept)
        gift = self.state.get(f"phone:{phone}", {}).get("gift")
        self.state[f"phone:{phone}"] = {"member": member, "gift": gift}
        unclaimed = [invite["receipt"]]
        if token:
            self.kpi.share("enrolment_rate", 1, 0)
            unclaimed = (self.state.get(f"token:{token}") or {}).get("receipts", [])
            self._bind(token, member)
        del self.state[f"invite:{invitation}"]
        self.timers.cancel("invitation", invitation)
        recruiter = (self.state.get(f"receipt:{invite['receipt']}") or {}).get("recruiter")
        self._count(f"by:{recruiter}" if recruiter else "by")
        oldest = event.time - timedelta(hours=self.config.backdate_h)
        for receipt in unclaimed:
            sold = self.state.get(f"receipt:{receipt}")
            if sold and not sold["member"] and parse_time(sold["at"]) >= oldest:
                yield from self._claim(receipt, member)

    def _profile(self, event, values, member, token, agreed):
        self.kpi.add("new_members")
        text = {"version": str(values.get("version", "1")), "at": event.time}
        consents = {
            **{purpose: purpose in agreed for purpose in ("marketing", "profiling", *self.config.purposes)},
            "messaging": ["mini_program"] if "marketing" in agreed else [],
            "texts": dict.fromkeys(self.config.purposes, text),
        }
        keys = [{"kind": "phone", "hash": values["phone_hash"]}, *([{"kind": "payer", "hash": token}] if token else [])]
        return out(
            "member.profile", member=member, consents=consents, joined=self._day(event), home_store=self.store.id, keys=keys, left=False
        )

    def _welcome(self, event, member, phone, kept):
        """The gift of a new phone; one who left gets it again only after `rejoin_days`."""
        template, day = self.config.welcome_coupon, self._day(event)
        again = kept.get("gift") and (day - date.fromisoformat(kept["left"])).days <= self.config.rejoin_days
        if not template or again:
            return
        row = {"template": template, **(self.tables.coupons.get(template) or {})}
        self.state[f"phone:{phone}"] = {"member": member, "gift": day.isoformat()}
        copy = copy_for(row, f"welcome-{digest(phone, day)[:20]}", member, event.time, self.store.hours)
        yield out("coupon.issue", copy, campaign="member_enrolment", ref=event.ref)

    # Credit

    def _claim(self, receipt, member):
        """The receipt is the member's from now on."""
        sold = self.state[f"receipt:{receipt}"]
        sold["member"] = member
        self.kpi.share("member_sales_share", 1, 0)
        self._count("claimed")
        sold["points"] = points_for(sold["net"] - sold["back"], self.config.points_rate)
        if sold["points"]:
            yield self._points(member, sold["points"], "earn", receipt)

    def _returned(self, event, receipt, whole):
        sold = self.state.get(f"receipt:{receipt}")
        if sold is None or event["receipt"] in sold.get("returns", ()):
            return
        sold["returns"] = [*sold.get("returns", ()), event["receipt"]]
        sold["back"] = sold["net"] if whole else min(sold["net"], sold["back"] - min(0, event.get("total", 0)))
        left = points_for(sold["net"] - sold["back"], self.config.points_rate)
        if sold["points"] > left:
            taken, sold["points"] = sold["points"] - left, left
            yield self._points(sold["member"], -taken, "return", receipt)

    def _points(self, member, delta, reason, receipt):
        return out("points.change", member=member, delta=delta, reason=reason, source="member_enrolment", ref={"receipt": receipt})

    # Who is who

    def _table(self):
        return self.tables.members.derived("keys", known_keys)

    def _member_of(self, token):
        return (self.state.get(f"token:{token}") or {}).get("member") or self._table().get(token)

    def _bind(self, token, member):
        known = self.state.setdefault(f"token:{token}", {"receipts": [], "until": None})
        known.update(member=member, receipts=[])
        self.timers.cancel("token", token)

    def _leave(self, member, day):
        for key in [key for key in self.state if key.startswith(("token:", "phone:")) and self.state[key].get("member") == member]:
            if key.startswith("token:"):
                del self.state[key]
            else:
                self.state[key]["left"] = day.isoformat()

    # The day

    def _day(self, event):
        return self.store.hours.store_day(event.time)

    def _count(self, what):
        counts = self.state.setdefault("day", {})
        counts[what] = counts.get(what, 0) + 1

    @every("1d", at="00:00")
    def midnight(self, due):
        """Recruits by who rang up or guided the receipt."""
        counts = self.state.pop("day", {})
        if not counts:
            return
        day = self.store.hours.ended_day(due.time)
        rows = [
            {"staff": who, "section": (self.tables.staff.get(who) or {}).get("section"), "joins": joins}
            for key, joins in sorted(counts.items())
            if (who := key.removeprefix("by:")) != key
        ]
        rows = [{name: value for name, value in row.items() if value is not None} for row in rows]
        joins = sum(number for key, number in counts.items() if key == "by" or key.startswith("by:"))
        figures = {name: {"value": counts.get(name, 0), "unit": "count"} for name in ("receipts", "invited", "claimed")}
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"enrolment:{day}", kind="enrolment",
                  version=1, figures={**figures, "joins": {"value": joins, "unit": "count"}}, rows=rows)  # fmt: skip
