"""Receipt-photo points: mall members photograph a tenant's receipt and get points in seconds; repeats, edits, borrowed receipts do not.

A photo comes as a `member.event` of kind `share` with `values.photo`: the name of a file that the member's channel laid into this
solution's picture folder, or the file's base64 (which the log then holds as long as it is kept: names are the better way). Its tenant is
told by the tax number (`tax` in the tenants table), else by name. A card's figures and the names of people are blanked in the text and in
the picture that a reviewer sees; a picture is kept for a review alone. Age is counted to the second where the receipt prints a time of
day, else in store days. A tenant's till sends `pos.sale` and `pos.exception` with the extra field `tenant`; a sale that comes after its
photo and says another total takes the points back. A receipt that was returned earns on what is left. A correction by the reviewer
(`values.total`, `values.number`) counts in place of what was read.

Limit: two photos framed alike of receipts that look alike (scanner apps) may have hashes within `hash_bits`; set it to 0 there.
"""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

REPEATS, REPEAT_WINDOW = 3, timedelta(days=30)
KEPT, SAME_SALE = timedelta(days=180), timedelta(days=1)
NO_CENTS = ("JPY", "KRW", "VND")
REASONS = {
    "unreadable": ("We cannot read it well enough. Please take a new photo.", "小票看不清，请重新拍照。"),
    "not_member": ("Your membership has ended.", "您的会员资格已终止。"),
    "unknown_tenant": ("This shop does not take part.", "该商户未参加活动。"),
    "too_old": ("This receipt is too old.", "小票已超过有效期。"),
    "future": ("This receipt's date lies ahead.", "小票日期晚于当前时间。"),
    "daily_cap": ("You have reached today's number of receipts.", "今日上传张数已达上限。"),
    "used": ("This receipt has been used.", "该小票已被使用。"),
    "returned": ("This purchase was returned.", "该笔消费已退货。"),
    "edited": ("This receipt differs from the shop's own.", "小票与商户记录不符。"),
    "rejected": ("Our staff could not confirm this receipt.", "人工审核未通过。"),
}


class ReceiptPhotoPoints(Solution):
    number = 39
    zh, en = "拍小票自助积分", "Receipt-photo points"
    purpose_zh = "商户自有收银的商场里，会员拍小票几秒得积分；重复、篡改和借用的小票会被拦下。"
    formats = ("mall",)
    produces = ("vision.text", "points.change", "task.create", "message.send", "alert.raise", "insight.report")
    adapters = ("messaging?",)
    reads = ("tenants", "members")
    load = "vision"
    kpis = {
        "receipts_accepted": kpi("count", "Receipts accepted", "通过小票数"),
        "auto_rate": kpi("%", "Decided without a person", "自动通过率"),
        "refused_repeats": kpi("count", "Repeats refused", "拒绝的重复小票"),
        "tenant_sales_seen": kpi("minor", "Tenant sales seen", "可见商户销售额"),
    }
    kinds = {
        "receipt_review": ("Check a receipt photo", "审核小票照片"),
        "edited_receipt": ("Receipt differs from the shop's own", "小票疑似篡改"),
        "repeated_receipts": ("Member keeps sending used receipts", "会员多次上传重复小票"),
    }

    class Config(SolutionConfig):
        auto_from: float = setting(0.90, "Points without review from", "免审核置信度", ge=0.5, le=1,
            help_en="Least confidence of the four fields.", help_zh="四个字段的最低置信度。")  # fmt: skip
        review_from: float = setting(0.60, "A new photo is asked for below", "重拍置信度（低于）", ge=0.1, le=0.95)
        max_age_d: int = setting(7, "Oldest receipt taken", "小票最长天数", unit="d", ge=1, le=60)
        daily_cap: int = setting(5, "Receipts of a member in a day", "会员每日小票上限", unit="receipts", ge=1, le=50,
            help_en="Accepted ones and those in review.", help_zh="含已通过和审核中的小票。")  # fmt: skip
        amount_cap: int = setting(2_000_000, "Larger amounts are always reviewed", "必审金额（超过）", unit="minor", ge=0, le=100_000_000)
        hash_bits: int = setting(6, "Bits by which the same photo may differ", "同图哈希差异位数", unit="bit", ge=0, le=16)
        points_per_100: dict[str, Annotated[float, Field(ge=0, le=1000)]] = setting(
            lambda: {"fashion": 1, "dining": 1, "jewellery": 0.2}, "Points for each 100 minor units by tenant category",
            "各业态每100分消费所得积分", help_en="Other categories earn none.", help_zh="未列出的业态不积分。")  # fmt: skip
        keep_photo_d: int = setting(30, "A reviewed photo is kept for", "审核照片保存天数", unit="d", ge=0, le=180,
            help_en="From its upload; accepted ones go at once. 0: the reviewer has only the text.",
            help_zh="自上传起；通过的立即删除。0：审核员仅见文字。")  # fmt: skip

    # What members send

    @on("member.event")
    def shared(self, event):
        values, member = event.get("values") or {}, event.get("member")
        if event["kind"] != "share" or member is None or not ("photo" in values or "scene" in values):
            return
        read, page = self._read_scene(values["scene"]) if "scene" in values else self._read_photo(values["photo"], event)
        legible = read is not None and None not in (read["name"], read["number"], read["time"], read["total"])
        if read is not None and read["text"]:
            fields = {name: read[name] for name in ("tenant", "tax", "number", "time", "total") if read[name] is not None}
            yield out("vision.text", camera=event.get("channel", "member_app"), text=read["text"], score=read["confidence"], kind="receipt",
                      fields=fields)  # fmt: skip
        if not legible or read["confidence"] < self.config.review_from:
            yield self._tell(event.id, member, "unreadable")
            return
        claim = {**read, "member": member, "at": plain(event.time), "day": self._day(event.time), "points": 0, "state": "new"}
        reason = self._fault(claim)
        if reason is not None:
            yield from self._refuse(event.id, claim, reason)
            return
        self._claim(event.id, claim)
        if claim["confidence"] < self.config.auto_from or claim["total"] > self.config.amount_cap:
            yield from self._review(event, claim, page)
        else:
            self.kpi.share("auto_rate", 1, 1)
            yield from self._accept(event.id, claim)

    def _read_scene(self, scene):
        read = self.workers.loyalty.receipts.scripted(scene)
        lines = read.pop("lines")
        return {**read, "tenant": self._tenant(read["tax"], lines, inside=False)[0]}, None

    def _read_photo(self, photo, event):
        from storeloom.workers.vision.errors import FrameError
        from storeloom.workers.vision.reading.receipt_rules import field_scores
        from storeloom.workers.vision.reading.receipts import decode, lay_flat

        photo = str(photo)
        kept = self.pictures.read(photo)
        if kept is not None:
            self.timers.set("drop", photo, self.now)
        try:
            picture = decode(photo if kept is None else kept)
        except FrameError:
            return None, None
        number, camera = count(), f"receipt-{event.id}"

        def texts(part):
            return self.workers.vision.view({"camera": camera, "seq": next(number), "pixels": part}, event.time).texts()

        page = lay_flat(picture, texts)
        self.workers.vision.forget(camera)
        receipt = page.receipt(self.store.hours.store_day(event.time), minor_digits=0 if self.store.currency in NO_CENTS else 2)
        tax = receipt.tax.value if receipt.tax else None
        lines = [field.value for field in receipt.header]
        tenant, line = self._tenant(tax, lines, inside=True)
        sure = receipt.tax.score if line is None and tenant else receipt.header[line or 0].score if lines else 0.0
        read = {"name": tenant or tax or (lines[0] if lines else None), "tenant": tenant, "tax": tax, "total": receipt.total,
                "number": receipt.number.value if receipt.number else None, "time": receipt.time.isoformat() if receipt.time else None,
                "confidence": min(field_scores(receipt, sure).values()), "hash": receipt.hash, "text": receipt.text}  # fmt: skip
        return read, page

    def _tenant(self, tax, lines, *, inside):
        return self.workers.loyalty.receipts.tenant_of(self.tables.tenants.rows(), tax, lines, inside=inside)

    # What stands against it

    def _fault(self, claim):
        """Why a receipt earns nothing, by the first rule that it breaks."""
        number = self.state.get(self._number(claim), {"totals": [], "returned": 0})
        sent = self.state.get(f"sent:{claim['member']}", {}).get(claim["day"], 0)
        row = self.tables.tenants.get(claim["tenant"]) if claim["tenant"] else None
        age = self._age_s(claim)
        if (self.tables.members.get(claim["member"]) or {}).get("left"):
            return "not_member"
        if row is None or not (row.get("lease_from") or "") <= claim["time"][:10] <= (row.get("lease_to") or "9"):
            return "unknown_tenant"
        if age > self.config.max_age_d * 86400:
            return "too_old"
        if age < 0:
            return "future"
        if sent >= self.config.daily_cap:
            return "daily_cap"
        if self._used(claim) in self.state or self._seen_before(claim):
            return "used"
        if number["totals"] and claim["total"] not in [total for total, _ in number["totals"]]:
            return "edited"
        return "returned" if number["returned"] >= claim["total"] > 0 else None

    def _age_s(self, claim):
        """Seconds from the receipt to its upload; whole store days where it prints a date alone."""
        if len(claim["time"]) <= 10:
            return (date.fromisoformat(claim["day"]) - date.fromisoformat(claim["time"])).days * 86400
        return (parse_time(claim["at"]) - self._moment(claim["time"])).total_seconds()

    def _moment(self, time):
        """A receipt's time as an instant; a till's own is the store's."""
        moment = datetime.fromisoformat(time)
        return moment if moment.tzinfo else self.store.hours.at(moment.date(), f"{moment:%H:%M}") + timedelta(seconds=moment.second)

    def _seen_before(self, claim):
        engine = self.workers.loyalty.receipts
        days = engine.days_back(self.store.hours.store_day(self.now) + timedelta(days=1), KEPT.days + 2)
        known = (seen for day in days for seen in self.state.get(f"hashes:{day}", {}).values())
        return engine.seen_before(claim["hash"], known, self.config.hash_bits)

    # Outcomes

    def _claim(self, upload, claim):
        """The first valid upload has the receipt; nobody else's counts while it stands."""
        claim["state"] = "review"
        self.state[f"claim:{upload}"] = claim
        self.state[self._used(claim)] = upload
        self._record(self._number(claim))["claims"].append(upload)
        if claim["hash"]:
            self.state.setdefault(f"hashes:{claim['day']}", {})[upload] = claim["hash"]
        oldest = self._day(self.now - REPEAT_WINDOW)
        sent = {day: number for day, number in self.state.get(f"sent:{claim['member']}", {}).items() if day > oldest}
        self.state[f"sent:{claim['member']}"] = sent | {claim["day"]: sent.get(claim["day"], 0) + 1}
        named = f"claim:{upload}", self._used(claim), self._number(claim)
        for key in (*named, f"sent:{claim['member']}", f"hashes:{claim['day']}"):
            self.timers.set("forget", key, self.now + KEPT)

    def _release(self, upload, claim):
        self.state.pop(self._used(claim), None)
        self.state.get(f"hashes:{claim['day']}", {}).pop(upload, None)
        self.state[self._number(claim)]["claims"].remove(upload)
        sent = self.state.get(f"sent:{claim['member']}", {})
        if claim["day"] in sent:
            sent[claim["day"]] -= 1

    def _review(self, event, claim, page):
        self.kpi.share("auto_rate", 0, 1)
        upload, until, photo = event.id, event.time + timedelta(days=self.config.keep_photo_d), None
        if page is not None and self.config.keep_photo_d:
            photo = claim["photo"] = f"review-{upload}.jpg"
            self.pictures.keep(photo, page.blanked(), purpose="receipt review", delete_by=until)
        title = self.say(f"Check a receipt of {claim['name']}", f"审核小票：{claim['name']}")
        why = "amount" if claim["confidence"] >= self.config.auto_from else "confidence"
        values = {key: claim[key] for key in ("member", "tenant", "number", "time", "total", "confidence", "text")}
        values |= {"why": why, "photo_until": plain(until)} | ({"photo": photo} if photo else {})
        yield out("task.create", task=f"receipt-{upload}", kind="receipt_review", title=title, priority=3, role="member_service",
                  evidence="none", values=values, ref=event.ref)  # fmt: skip

    @on("task.done?")
    def reviewed(self, event):
        upload = event["task"].removeprefix("receipt-")
        claim, values = self.state.get(f"claim:{upload}"), event.get("values") or {}
        if claim is None or claim["state"] != "review" or event["state"] not in ("done", "approved", "rejected", "failed"):
            return
        agreed = event["state"] == "approved" or (event["state"] == "done" and values.get("accepted", values.get("approved", True)))
        self._release(upload, claim)
        corrected = {key: kind(values[key]) for key, kind in (("number", str), ("total", int)) if agreed and values.get(key) is not None}
        claim |= corrected
        reason = self._fault(claim) if agreed else "rejected"
        if reason is not None:
            claim["state"] = "refused"
            yield from self._refuse(upload, claim, reason)
            return
        self._claim(upload, claim)
        yield from self._accept(upload, claim)

    def _accept(self, upload, claim):
        claim["state"] = "accepted"
        claim.pop("text", None)
        if claim.get("photo"):
            self.timers.set("drop", claim["photo"], self.now)
        granted = claim["points"] = self._points(claim)
        self.kpi.add("receipts_accepted")
        self.kpi.add("tenant_sales_seen", claim["total"])
        self._note("accepted", claim["tenant"], claim["total"], granted)
        if granted:
            yield self._change(upload, claim, granted, "earn")
        text = self.say(f"Points for your receipt: {granted}", f"小票已通过，获得{granted}积分"), {"points": granted}
        yield self._tell(upload, claim["member"], "accepted", *text)

    def _points(self, claim):
        """Points for what was paid and not returned."""
        category = (self.tables.tenants.get(claim["tenant"]) or {}).get("category")
        left = claim["total"] - self.state[self._number(claim)]["returned"]
        return self.workers.loyalty.points.points_for(left, self.config.points_per_100.get(category, 0))

    def _change(self, upload, claim, delta, reason):
        ref = {"stream": "member.event", "id": upload, "receipt": claim["number"], "tenant": claim["tenant"]}
        return out("points.change", member=claim["member"], delta=delta, reason=reason, source="receipt_photo", ref=ref)

    def _refuse(self, upload, claim, reason):
        member = claim["member"]
        self._note(reason, claim["tenant"] or "", 0, 0)
        yield self._tell(upload, member, reason)
        if reason == "edited":
            yield self._edited(claim, self.state[self._number(claim)]["totals"][-1][0])
        if reason == "used":
            self.kpi.add("refused_repeats")
            at = parse_time(claim["at"])
            earlier = self.workers.loyalty.receipts.within(self.state.get(f"repeats:{member}", ()), at, REPEAT_WINDOW)
            repeats = [*earlier, claim["at"]]
            if len(repeats) >= REPEATS:
                text = self.say(f"{len(repeats)} used receipts in 30 days", f"30天内{len(repeats)}次上传重复小票")
                yield out("alert.raise", alert=f"repeats-{member}-{claim['at']}", kind="repeated_receipts", severity="warn", state="open",
                          subject=member, text=text, value=len(repeats), limit=REPEATS)  # fmt: skip
                repeats = []
            self.state[f"repeats:{member}"] = repeats
            self.timers.set("forget", f"repeats:{member}", self.now + REPEAT_WINDOW)

    def _edited(self, claim, total):
        text = self.say(f"Receipt {claim['number']} of {claim['tenant']} was edited", f"商户{claim['tenant']}小票{claim['number']}疑似篡改")
        return out("alert.raise", alert=f"edited-{claim['tenant']}-{claim['number']}-{claim['member']}", kind="edited_receipt", text=text,
                   severity="high", state="open", subject=claim["member"], value=claim["total"], limit=total, unit="minor")  # fmt: skip

    # What the tenants' tills say

    @on("pos.sale?")
    def sold(self, event):
        tenant, kind = event.get("tenant"), event["kind"]
        if tenant is None:
            return
        if kind == "sale":
            yield from self._compare(event, {"tenant": tenant, "number": event["receipt"]})
        elif kind in ("return", "void"):
            amount = abs(event["total"]) if kind == "return" else None
            yield from self._returned(tenant, event.get("original") or event["receipt"], amount, self._source(event))

    @on("pos.exception?")
    def exception(self, event):
        number, tenant = event.get("original") or event.get("receipt"), event.get("tenant")
        if tenant is None or number is None or event["kind"] not in ("return", "void_receipt"):
            return
        amount = abs(event["amount"]) if event["kind"] == "return" and event.get("amount") is not None else None
        yield from self._returned(tenant, number, amount, self._source(event))

    def _source(self, event):
        """What tells a return that comes twice, as a receipt and as an exception: its own number where it has one."""
        return event.get("receipt", event.id) if event.get("original") else event.id

    def _record(self, key):
        """What is known of a tenant's receipt number: the till's totals, its returns, and who claims it."""
        return self.state.setdefault(key, {"totals": [], "returned": 0, "returns": [], "claims": []})

    def _claims(self, known):
        """The claims on a number that are still remembered."""
        return [(upload, self.state[f"claim:{upload}"]) for upload in known["claims"] if f"claim:{upload}" in self.state]

    def _compare(self, event, sale):
        """Keep a till's total; a claim of that day that says another loses its points."""
        key = self._number(sale)
        known = self._record(key)
        if event["total"] not in [total for total, _ in known["totals"]]:
            known["totals"].append([event["total"], plain(event.time)])
        self.timers.set("forget", key, self.now + (KEPT if known["claims"] else timedelta(days=self.config.max_age_d + 1)))
        for upload, claim in self._claims(known):
            apart = abs(self._moment(claim["time"]) - event.time)
            if claim["total"] in [total for total, _ in known["totals"]] or apart > SAME_SALE:
                continue
            taken, claim["points"], claim["state"] = claim["points"], 0, "refused"
            self._release(upload, claim)
            yield self._tell(f"{upload}-till", claim["member"], "edited")
            yield self._edited(claim, event["total"])
            if taken:
                yield self._change(upload, claim, -taken, "adjust")

    def _returned(self, tenant, number, amount, source):
        """A tenant's return, told once; without an amount it is all that was paid."""
        key = self._number({"tenant": tenant, "number": number})
        known = self._record(key)
        if source in known["returns"]:
            return
        known["returns"].append(source)
        whole = [total for total, _ in known["totals"]] + [claim["total"] for _, claim in self._claims(known)]
        known["returned"] += max(whole, default=0) if amount is None else amount
        self.timers.set("forget", key, self.now + KEPT)
        for upload, claim in self._claims(known):
            left = self._points(claim)
            if claim["state"] == "accepted" and left < claim["points"]:
                yield self._change(upload, claim, left - claim["points"], "return")
                claim["points"] = left

    # Days

    @every("1d", at="close")
    def report(self, due):
        seen = self.state.pop("day", None)
        if seen is None:
            return None
        figures = {name: {"value": number, "unit": "count"} for name, number in seen["outcomes"].items()}
        rows = [{"tenant": tenant, **sums} for tenant, sums in sorted(seen["tenants"].items())]
        start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
        return out("insight.report", {"from": start, "to": due.time}, report=f"receipt-points-{self._day(start)}", kind="receipt_points",
                   version=1, figures=figures, rows=rows)  # fmt: skip

    def _note(self, outcome, tenant, total, granted):
        seen = self.state.setdefault("day", {"outcomes": {}, "tenants": {}})
        seen["outcomes"][outcome] = seen["outcomes"].get(outcome, 0) + 1
        if outcome == "accepted":
            sums = seen["tenants"].setdefault(tenant, {"receipts": 0, "sales": 0, "points": 0})
            for name, number in (("receipts", 1), ("sales", total), ("points", granted)):
                sums[name] += number

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    @timer("drop")
    def drop(self, due):
        self.pictures.delete(due.key)

    # Words

    def _day(self, at):
        return self.store.hours.store_day(at).isoformat()

    def _number(self, claim):
        return f"number:{self.workers.loyalty.receipts.number_key(claim)}"

    def _used(self, claim):
        return f"used:{self.workers.loyalty.receipts.number_key(claim)}|{claim['total']}"

    def _tell(self, upload, member, outcome, text=None, params=None):
        row = self.tables.members.get(member) or {}
        channel = next(iter((row.get("consents") or {}).get("messaging") or row.get("channels") or ()), "mini_program")
        return out("message.send", message=f"receipt-{upload}-{outcome}", channel=channel, to=member, template=f"receipt_{outcome}",
                   text=text or self.say(*REASONS[outcome]), params={"outcome": outcome, **(params or {"reason": outcome})},
                   purpose="service")  # fmt: skip
