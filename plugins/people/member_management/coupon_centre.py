"""Coupon centre: the one keeper of every coupon from issue to settlement, so that none is used twice and each funder pays its share.

A coupon is known by its code and by its own id (a GCN with or without AI 255). A scan that is refused is told as `coupon_refused` with
till and reason; what cannot be known at the scan (a basket whose prices were not seen) is no reason. Who redeems without a hold, being
offline or online shopping, is taken up to `offline_limit`. An order that is no draft redeems like a receipt; the receipt that pays it does
not do so again. A code is random by an entropy pool of event ids and arrival times, which a replay of the store's log repeats.

A coupon that a return gives back goes out as `returned` and then, as it can be used again, as `issued`; its share is taken back in the next
night's split. The row's streams do not tell of a coupon that another solution takes back: `coupon.state` with status `void` does. Tables:
`budget` is the most face value, `limit` the most copies of a definition, `stores` where it counts.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.gs1 import item_key
from storeloom.workers.loyalty import codes, redemption
from storeloom.workers.loyalty.coupon_copies import valid_until
from storeloom.workers.pricing.money import line_amount

GUESS_WINDOW = timedelta(minutes=10)
BASKET_KEPT = timedelta(days=1)
KEPT_AFTER_END = timedelta(days=400)
REMIND_AT = "09:00"
ITEMS = ("item", "weigh", "key")


class CouponCentre(Solution):
    number = 34
    zh, en = "券生命周期与核销中心", "Coupon life-cycle and redemption centre"
    purpose_zh = "从发券到清算由一处保管每张券：任何收银台与渠道都无法重复核销，各出资方按比例承担。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("coupon.redeemed", "coupon.state", "message.send", "alert.raise", "insight.report")
    adapters = ("pos", "messaging?")
    reads = ("coupons", "members", "tenants?")
    kpis = {
        "redemption_rate": kpi("%", "Coupons redeemed of those issued", "核销率"),
        "double_redemptions": kpi("count", "Double redemptions", "重复核销次数"),
        "open_face_value": kpi("minor", "Face value of open coupons", "未核销券面额"),
        "settled_by_funder": kpi("minor", "Face value settled with funders", "出资方清算额"),
    }
    kinds = {
        "double_redemption": ("A coupon was redeemed twice", "优惠券重复核销"),
        "coupon_refused": ("A coupon was refused", "优惠券被拒"),
        "code_guessing": ("Unknown coupon codes at a till", "收银台连续出现未知券码"),
    }

    class Config(SolutionConfig):
        hold_s: int = setting(180, "A scanned coupon belongs to one till for", "扫券后锁定时间", unit="s", ge=30, le=1800,
            help_en="Another till is refused meanwhile.", help_zh="期间其他收银台不可用。")  # fmt: skip
        code_bits: int = setting(96, "Randomness of a code", "券码随机位数", unit="bit", ge=64, le=128,
            help_en="A check character is added.", help_zh="另加一位校验字符。")  # fmt: skip
        grace_days: int = setting(7, "New life after a return", "退货返券宽限期", unit="d", ge=0, le=60,
            help_en="Of a coupon that has expired meanwhile; 0 for none.", help_zh="返还时已过期的券；0为不宽限。")  # fmt: skip
        remind_days: int = setting(3, "Reminder before expiry", "到期提醒提前天数", unit="d", ge=0, le=30,
            help_en="0 for none.", help_zh="0为不提醒。")  # fmt: skip
        guess_limit: int = setting(10, "Unknown codes before an alert", "未知券码告警次数", ge=3, le=100,
            help_en="At one till within 10 minutes.", help_zh="同一收银台10分钟内。")  # fmt: skip
        default_shares: dict[str, Annotated[float, Field(ge=0, le=100)]] = setting(lambda: {"store": 100}, "Usual funders", "默认出资比例",
            unit="%", help_en="Of coupons without a split of their own.", help_zh="未设出资比例的券适用。")  # fmt: skip
        offline_limit: int = setting(5000, "Largest face value taken unseen", "离线可收最大面额", unit="minor", ge=0, le=100_000,
            help_en="From a till that did not hold the coupon.", help_zh="适用于未先锁券的收银台。")  # fmt: skip

    # Issue

    @on("coupon.issue")
    def issue(self, event):
        coupon, key = event["coupon"], f"coupon:{event['coupon']}"
        if key in self.state:
            return
        pool = self.state["pool"] = {"hash": codes.stir(self.state.get("pool", {}).get("hash", ""), event.id, self.now.isoformat())}
        code = codes.new_code(pool["hash"], self.config.code_bits)
        row = self.tables.coupons.get(event["template"]) or {}
        valid_to = parse_time(event.get("valid_to") or valid_until(row, event.time, self.store.hours))
        value, percent = event.get("value"), event.get("percent")
        if value is None and percent is None:
            percent, value = (row.get("value"), None) if row.get("kind") == "percent" else (None, row.get("value"))
        self.state[key] = record = {
            "coupon": coupon, "code": code, "template": event["template"], "status": "issued", "face": value or 0, "percent": percent,
            "member": None if event.get("bearer") else event.get("member"), "owner": event.get("member"), "hold": None, "used": None,
            "from": event.get("valid_from") or event.time.isoformat(), "to": self._day_end(valid_to).isoformat(), "reported": [],
            "threshold": event.get("threshold", row.get("threshold")),
            "gtins": [item_key(gtin) for gtin in event.get("gtins") or row.get("gtins") or ()],
        }  # fmt: skip
        made = self.state.setdefault(f"made:{event['template']}", {"copies": 0, "face": 0, "members": {}})
        reason = redemption.surplus(made, row, record["face"], record["owner"])
        if reason:
            record["status"] = "void"
            yield self._told(record, ref={"reason": reason})
            return
        self.state[f"code:{code}"] = {"coupon": coupon}
        self.kpi.share("redemption_rate", 0, 1)
        self._open(record, 1)
        self._alarms(record)
        yield self._told(record)

    def _alarms(self, record):
        end = parse_time(record["to"])
        self.timers.set("expire", record["coupon"], max(end, self.now))
        remind = self.store.hours.midnight(self.store.hours.store_day(end) - timedelta(days=self.config.remind_days))
        if self.config.remind_days and record["owner"] and remind > self.now:
            self.timers.set("remind", record["coupon"], remind)

    def _day_end(self, valid_to):
        """24:00 of the last store day."""
        return self.store.hours.midnight(self.store.hours.store_day(valid_to - timedelta(microseconds=1)) + timedelta(days=1))

    # Tills

    @on("pos.scan")
    def scan(self, event):
        kind, code = event["kind"], event.get("code")
        if kind in ITEMS or event.get("basket") or (kind == "void" and event.get("line") is not None):
            self._ring(event)
        elif kind == "member" and (event.get("member") or code):
            self._basket(event["receipt"])["member"] = event.get("member") or code
        if kind == "coupon" and code:
            yield from self._scanned(event, self._record(code, event.get("ai")))
        elif kind == "void" and code:
            record = self._record(code)
            if record and record["status"] == "locked" and record["hold"]["till"] == event["till"]:
                yield self._release(record)

    def _scanned(self, event, record):
        if record is None:
            yield from self._guess(event)
            return
        reason = self._refusal(event, record)
        if reason:
            yield self._refused(record, reason, event["till"], event["receipt"])
            return
        until = event.time + timedelta(seconds=self.config.hold_s)
        record.update(status="locked", hold={"till": event["till"], "receipt": event["receipt"], "until": until.isoformat()})
        self.timers.set("hold", record["coupon"], max(until, self.now))
        basket = self._basket(event["receipt"])
        basket["held"] = sorted({*basket.get("held", ()), record["coupon"]})
        yield self._told(record, until=until, ref={"till": event["till"], "receipt": event["receipt"]})

    def _refusal(self, event, record):
        """Why a till may not use a coupon, None if it may: state, time, store, member, the basket's minimum."""
        row, basket = self.tables.coupons.get(record["template"]) or {}, self.state.get(f"basket:{event['receipt']}", {})
        member = event.get("member") or basket.get("member")
        amount = redemption.eligible(record["gtins"], basket["lines"].values()) if basket.get("lines") else None
        if record["status"] == "locked" and record["hold"]["till"] != event["till"]:
            return "held"
        if record["status"] not in ("issued", "locked"):
            return record["status"]
        if event.time < parse_time(record["from"]):
            return "too_early"
        if event.time >= parse_time(record["to"]):
            return "expired"
        if row.get("stores") and self.store.id not in row["stores"]:
            return "store"
        if record["member"] and member and member != record["member"]:
            return "member"
        if amount is not None and (amount < (record["threshold"] or 0) or (record["gtins"] and not amount)):
            return "minimum"
        return None

    def _basket(self, receipt):
        self.timers.set("basket", receipt, self.now + BASKET_KEPT)
        return self.state.setdefault(f"basket:{receipt}", {"lines": {}})

    def _ring(self, event):
        basket, line = self._basket(event["receipt"]), str(event.get("line", f"seq{event.get('seq')}"))
        if event.get("basket"):
            lines = enumerate(event["basket"], 1)
            basket["lines"] = {str(one.get("line", at)): {"gtin": one["gtin"], "amount": one.get("amount")} for at, one in lines}
        elif event["kind"] == "void":
            basket["lines"].pop(line, None)
        elif event.get("gtin"):
            price = event.get("price")
            amount = None if price is None else line_amount(price, event.get("qty", 1), event.get("weight_g"))
            basket["lines"][line] = {"gtin": event["gtin"], "amount": amount}

    @timer("basket")
    def basket_left(self, due):
        self.state.pop(f"basket:{due.key}", None)

    def _guess(self, event):
        seen = self.state.setdefault(f"unknown:{event['till']}", {"times": []})
        seen["times"] = [one for one in seen["times"] if event.time - parse_time(one) < GUESS_WINDOW] + [event.time.isoformat()]
        if len(seen["times"]) >= self.config.guess_limit:
            number, seen["times"] = len(seen["times"]), []
            text = self.say(f"{number} unknown coupon codes in ten minutes", f"10分钟内出现{number}个未知券码")
            name = f"code_guessing:{event['till']}:{event.time:%Y%m%dT%H%M%S}"
            yield out("alert.raise", alert=name, kind="code_guessing", severity="high", state="open", subject=event["till"],
                      till=event["till"], text=text, value=number, limit=self.config.guess_limit, unit="count")  # fmt: skip

    @timer("hold")
    def hold_over(self, due):
        record = self.state.get(f"coupon:{due.key}")
        if record and record["status"] == "locked":
            yield self._release(record)

    def _release(self, record):
        self.timers.cancel("hold", record["coupon"])
        expired = parse_time(record["to"]) <= self.now
        record.update(status="expired" if expired else "issued", hold=None)
        if expired:
            self._closed(record)
        return self._told(record)

    # Redemption

    @on("pos.sale")
    def sale(self, event):
        kind, receipt = event["kind"], event["receipt"]
        if kind in ("return", "void"):
            yield from self._returned(event.get("original") or (receipt if kind == "void" else None), event, kind == "void")
        elif kind == "sale":
            orders = [payment["ref"] for payment in event.get("payments", ()) if payment.get("ref")]
            used = {"receipt": receipt, "till": event["till"], "at": event.time.isoformat(), "orders": orders}
            yield from self._redeem_all(event, used, event.get("lines", ()))
            self.state.pop(f"basket:{receipt}", None)
            self.timers.cancel("basket", receipt)

    @on("order.placed?")
    def order(self, event):
        if not event.get("draft"):
            used = {"order": event["order"], "at": event.time.isoformat(), "orders": [event["order"]]}
            yield from self._redeem_all(event, used, event.get("lines", ()))

    @on("pos.exception?")
    def exception(self, event):
        """A voided receipt gives its coupons back, or frees those that it held."""
        if event["kind"] != "void_receipt" or not event.get("receipt"):
            return
        yield from self._returned(event["receipt"], event, True)
        for coupon in self.state.get(f"basket:{event['receipt']}", {}).get("held", ()):
            record = self.state.get(f"coupon:{coupon}")
            if record and record["status"] == "locked" and record["hold"]["receipt"] == event["receipt"]:
                yield self._release(record)

    def _redeem_all(self, event, used, lines):
        named = [*event.get("coupons", ()), *(p.get("ref") for p in event.get("payments", ()) if p["method"] == "coupon")]
        for record in {one["coupon"]: one for code in named if code and (one := self._record(code))}.values():
            amount = redemption.eligible(record["gtins"], lines) or 0
            face = redemption.face_value(record["face"], record["percent"], amount)
            use = {**used, "member": event.get("member"), "face": face, "paid": sum(line["amount"] for line in lines), "back": []}
            for name in {used.get("receipt"), *used["orders"]} - {None}:
                on = self.state.setdefault(f"on:{name}", {"coupons": []})
                on["coupons"] = sorted({*on["coupons"], record["coupon"]})
                self.timers.set("receipt", name, self.now + KEPT_AFTER_END)
            yield from self._redeem(event, record, use | {"eligible": amount})

    @timer("receipt")
    def receipt_old(self, due):
        self.state.pop(f"on:{due.key}", None)

    def _redeem(self, event, record, use):
        before, name = record["used"], use.get("receipt") or use.get("order")
        if before:
            if name in (before.get("receipt"), *before["orders"]) or set(use["orders"]) & set(before["orders"]):
                return
            later, stands = (before, use) if event.time < parse_time(before["at"]) else (use, before)
            yield from self._double(record, later, stands)
            if stands is before:
                return
            record["used"] = use | {"settled": before.get("settled", 0)}
            yield self._redeemed(record)
            return
        held = record["status"] == "locked" and (record["hold"]["receipt"] == name or record["hold"]["till"] == use.get("till"))
        reason = None if held else self._unseen(event, record, use)
        if reason:
            if name not in record["reported"]:
                record["reported"].append(name)
                yield self._refused(record, reason, use.get("till"), name)
            return
        if record["status"] in ("issued", "locked"):
            self._open(record, -1)
        self.timers.cancel("hold", record["coupon"])
        record.update(status="redeemed", hold=None, used=use)
        self.kpi.share("redemption_rate", 1, 0)
        self._to_split(record)
        yield self._told(record, ref={key: use[key] for key in ("receipt", "order", "till") if use.get(key)})
        yield self._redeemed(record)

    def _unseen(self, event, record, use):
        """Why a redemption without a hold is not taken. A coupon that expired since counts by the time of the sale."""
        if record["status"] == "void":
            return "void"
        if not parse_time(record["from"]) <= event.time < parse_time(record["to"]):
            return "expired"
        return "offline_limit" if use.get("till") and use["face"] > self.config.offline_limit else None

    def _double(self, record, later, stands):
        name = later.get("receipt") or later.get("order")
        if name in record["reported"]:
            return
        record["reported"].append(name)
        self.kpi.add("double_redemptions")
        other = stands.get("receipt") or stands.get("order")
        text = self.say(f"{name} used what {other} had", f"{name}重复核销，{other}有效")
        yield out("alert.raise", alert=f"double_redemption:{record['coupon']}:{name}", kind="double_redemption", severity="high",
                  state="open", subject=record["coupon"], till=later.get("till"), text=text, value=later["face"], unit="minor",
                  ref={"receipt": name, "stands": other})  # fmt: skip

    def _redeemed(self, record):
        use = record["used"]
        return out("coupon.redeemed", coupon=record["coupon"], template=record["template"], amount=use["face"], receipt=use.get("receipt"),
                   order=use.get("order"), member=use.get("member") or record["owner"], till=use.get("till"))  # fmt: skip

    # Returns and ends

    def _returned(self, original, event, whole):
        back = event.get("receipt") or event.id
        lines = [] if whole else event.get("lines", ())
        for coupon in self.state.get(f"on:{original}", {}).get("coupons", ()):
            record = self.state.get(f"coupon:{coupon}") or {}
            use = record.get("used")
            if not use or original not in (use.get("receipt"), *use["orders"]) or back in use["back"]:
                continue
            use["back"].append(back)
            use["paid"] += sum(line["amount"] for line in lines)
            use["eligible"] += redemption.eligible(record["gtins"], lines) or 0
            if whole or use["paid"] <= 0 or use["eligible"] < (record["threshold"] or 0):
                yield from self._give_back(record)

    def _give_back(self, record):
        use, record["used"] = record["used"], None
        self.kpi.share("redemption_rate", -1, 0)
        self._split_back(record, use)
        if parse_time(record["to"]) <= self.now and self.config.grace_days:
            record["to"] = self._day_end(self.now + timedelta(days=self.config.grace_days)).isoformat()
        expired = parse_time(record["to"]) <= self.now
        record["status"] = "returned"
        yield self._told(record)
        record["status"] = "expired" if expired else "issued"
        if not expired:
            self._open(record, 1)
            self._alarms(record)
        yield self._told(record)

    @on("coupon.state?")
    def taken_back(self, event):
        """Another solution voids a coupon, such as a gift whose reason is gone."""
        record = self._record(event["coupon"])
        if event["status"] == "void" and record and record["status"] in ("issued", "locked"):
            record["hold"] = None
            self._close(record, "void")
            yield self._told(record)

    @timer("expire")
    def expire(self, due):
        record = self.state.get(f"coupon:{due.key}")
        if record and record["status"] == "issued":
            self._close(record, "expired")
            yield self._told(record)
        elif record:
            self._closed(record)

    def _close(self, record, status):
        record["status"] = status
        self._open(record, -1)
        for name in ("hold", "remind", "expire"):
            self.timers.cancel(name, record["coupon"])
        self.timers.set("forget", record["coupon"], self.now + KEPT_AFTER_END)

    def _closed(self, record):
        if record["status"] == "expired":
            self._open(record, -1)
        self.timers.set("forget", record["coupon"], self.now + KEPT_AFTER_END)

    @timer("forget")
    def forget(self, due):
        record = self.state.get(f"coupon:{due.key}")
        if record and parse_time(record["to"]) <= self.now:
            del self.state[f"coupon:{due.key}"]
            self.state.pop(f"code:{record['code']}", None)

    @timer("remind")
    def remind(self, due):
        record = self.state.get(f"coupon:{due.key}")
        if not record or record["status"] not in ("issued", "locked"):
            return
        row = self.tables.members.get(record["owner"]) or {}
        consents = row.get("consents") or {}
        if row.get("left") or consents.get("marketing") is False:
            return
        channel = next(iter(consents.get("messaging") or row.get("channels") or ()), "mini_program")
        last = self.store.hours.store_day(parse_time(record["to"])) - timedelta(days=1)
        name = (self.tables.coupons.get(record["template"]) or {}).get("name", record["template"])
        yield out("message.send", message=f"coupon-{record['coupon']}-{last}", channel=channel, to=record["owner"], purpose="service",
                  text=self.say(f"{name} ends on {last}", f"{name}将于{last}到期"),
                  params={"coupon": record["coupon"], "code": record["code"], "until": last.isoformat()},
                  not_before=self.store.hours.at(self.store.hours.store_day(due.time), REMIND_AT))  # fmt: skip

    # Settlement

    def _to_split(self, record):
        self.state.setdefault("split", {})[record["coupon"]] = 1

    def _split_back(self, record, use):
        """A redemption that no longer stands: not split tonight, or its split undone."""
        if record["coupon"] in self.state.setdefault("split", {}):
            del self.state["split"][record["coupon"]]
        if use.get("settled"):
            undone = self.state.setdefault("undone", {})
            undone[record["coupon"]] = undone.get(record["coupon"], 0) + use["settled"]

    @every("1d", at="00:00")
    def settle(self, due):
        """Each standing redemption's face value by its funders: floored, missing units to the largest remainders."""
        redeemed, undone = self.state.pop("split", {}), self.state.pop("undone", {})
        rows = []
        for sign, coupons in ((-1, undone), (1, redeemed)):
            for coupon in sorted(coupons):
                record = self.state[f"coupon:{coupon}"]
                use = record["used"] or {}
                face = undone[coupon] if sign < 0 else use["face"]
                if sign > 0:
                    use["settled"] = face
                shares = self._shares(record, face)
                row = {
                    "coupon": coupon,
                    "template": record["template"],
                    "face": sign * face,
                    "shares": {f: sign * n for f, n in shares.items()},
                }
                rows.append(row | ({"receipt": name} if (name := use.get("receipt") or use.get("order")) and sign > 0 else {}))
        if not rows:
            return
        totals: dict[str, int] = {}
        for row in rows:
            for funder, amount in row["shares"].items():
                totals[funder] = totals.get(funder, 0) + amount
        self.kpi.add("settled_by_funder", sum(totals.values()))
        day = self.store.hours.ended_day(due.time)
        names = {funder: name for funder in totals if (name := (self.tables.tenants.get(funder) or {}).get("name"))}
        figures = {"settled_by_funder": {"value": totals, "unit": "minor", **({"names": names} if names else {})}}
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"coupons:{day}",
                  kind="coupon_settlement", version=1, figures=figures, rows=rows)  # fmt: skip

    def _shares(self, record, face):
        funded = (self.tables.coupons.get(record["template"]) or {}).get("funded_by") or self.config.default_shares
        return redemption.funders_shares(face, {funded: 100} if isinstance(funded, str) else funded)

    # Words

    def _record(self, code, ai=None):
        """The coupon of a scanned text: its code, its own id, or a GCN with its AI."""
        text = str(code)
        gcn = (ai or {}).get("255") or text.removeprefix("(255)").removeprefix("255")
        names = (text, gcn, self.state.get(f"code:{text.upper()}", {}).get("coupon"))
        return next((found for name in names if name and (found := self.state.get(f"coupon:{name}"))), None)

    def _told(self, record, until=None, ref=None):
        return out("coupon.state", coupon=record["coupon"], code=record["code"], member=record["owner"], status=record["status"],
                   until=until or parse_time(record["to"]), ref=ref)  # fmt: skip

    def _refused(self, record, reason, till, name):
        return out("alert.raise", alert=f"coupon_refused:{record['coupon']}:{name}", kind="coupon_refused", severity="info", state="open",
                   subject=record["coupon"], till=till, text=self.say(f"Coupon refused: {reason}", f"券被拒：{reason}"),
                   ref={"receipt": name, "reason": reason})  # fmt: skip

    def _open(self, record, sign):
        """The face value of coupons that may still be redeemed."""
        total = self.state.setdefault("open", {"face": 0})
        total["face"] += sign * record["face"]
        self.kpi.set("open_face_value", total["face"])


@hookimpl
def storeloom_config_problems(config, store):
    """Somebody pays."""
    if sum(config.get("default_shares", {"store": 100}).values()) > 0:
        return []
    return [
        Problem("default_shares", "Nobody funds these coupons", "没有任何出资方", "Give shares that sum to 100.", "请给出合计100的比例。")
    ]
