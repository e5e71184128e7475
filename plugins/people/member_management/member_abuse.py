"""Loyalty abuse detection: staff who bank customers' points, rings of accounts that harvest coupons, and bursts of redemptions.

What a member buys in a day is learnt from receipts over 90 days; where those are not seen yet, the table's `receipts_12m` tells. A day's
case on a cashier is raised with the receipt that makes it. A ring is judged as soon as each of its accounts has a receipt (ten minutes
later where some bear no coupon, which may still be told), else at closing; one that grows updates its alert. Of linked accounts the most
that joined within the window count, so that an old account among them hides nothing; one whose joining is not known does not count. Hours
without a redemption count for a burst where the store was open in them.

The review comes back as `task.done` (which the row lacks): `approved`, or `done` unless `values.confirmed` is false, confirms; `rejected`
clears and lets the benefits go. Receipts and accounts of a cleared case count for no other. `segment.assign` of the scheme `benefits_hold`
marks the benefits; no purchase is ever stopped. Kin stand in the staff table as `kin` (members) beside `own_member`. What is lost is the
face value of coupons; points banked are told beside it. Accounts and receipts are forgotten after 180 days, open cases with their review.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight import abuse
from storeloom.workers.insight.exceptions import poisson_tail

LEARNT_D, KEPT, BURST_KEPT, USED_KEPT = 90, timedelta(days=180), timedelta(days=2), timedelta(days=7)
RECEIPTS, TOLD_WITHIN = 50, timedelta(minutes=10)
LINKING = ("device", "payer", "payment", "address")
HELD, SET_FREE = "held", "released"


class MemberAbuse(Solution):
    number = 41
    zh, en = "会员权益反作弊", "Loyalty abuse detection"
    purpose_zh = "识别员工刷积分、团伙薅券与异常核销，用证据而非猜测冻结权益，复核后再处理。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("score.report", "alert.raise", "task.create", "segment.assign", "insight.report")
    reads = ("members", "staff", "coupons")
    kpis = {
        "cases_confirmed": kpi("%", "Cases confirmed of those reviewed", "案件属实率"),
        "loss_prevented": kpi("minor", "Stake of the confirmed cases", "避免损失"),
        "accounts_frozen": kpi("count", "Accounts frozen", "冻结账户数"),
        "review_time": kpi("h", "Time to review", "复核用时"),
    }
    kinds = {
        "staff_points": ("Points banked by staff", "员工代刷积分"),
        "account_ring": ("Ring of accounts", "账户团伙"),
        "coupon_burst": ("Burst of redemptions", "优惠券集中核销"),
        "review_abuse": ("Review a case of abuse", "复核作弊案件"),
        "member_abuse": ("Cases of the day", "反作弊日报"),
    }

    class Config(SolutionConfig):
        p_alert: float = setting(0.000001, "Chance below which a count is a case", "立案概率阈值", ge=0, le=0.01,
            help_en="Of as many receipts by a member in a day, by Poisson.", help_zh="会员当日小票数的泊松尾概率。")  # fmt: skip
        min_lambda: float = setting(0.1, "Least expected daily receipts of a member", "会员日均小票下限", unit="receipts/d", ge=0.01, le=5)
        min_payers: int = setting(4, "Different payers that support a staff case", "员工案件最少付款人数", ge=2, le=50)
        cluster_size: int = setting(5, "Linked accounts that make a ring", "团伙最少账户数", unit="accounts", ge=3, le=100)
        create_window_h: int = setting(48, "Accounts of a ring joined within", "团伙注册时间窗", unit="h", ge=1, le=720)
        coupon_only_pct: float = setting(80, "Receipts with a new-member coupon", "新人券小票占比", unit="%", ge=10, le=100,
            help_en="Share of a ring's receipts that supports a case.", help_zh="支持团伙立案的占比。")  # fmt: skip
        new_member_coupons: list[str] = setting(lambda: ["welcome"], "New-member coupons", "新人券模板")
        shared_exempt: list[str] = setting(list, "Shared devices and addresses", "公用设备或地址",
            help_en="Hashes of shop terminals, offices, dormitories.", help_zh="门店终端、办公室、宿舍等的哈希。")  # fmt: skip
        freeze: bool = setting(True, "Hold points and coupons until reviewed", "复核前冻结权益")

    # What is seen of accounts

    @on("pos.sale")
    def sold(self, event):
        member, receipt = event.get("member"), event["receipt"]
        if member is None or event["kind"] != "sale":
            return
        account, day = self._account(member), self.store.hours.store_day(event.time)
        if receipt in account["seen"]:
            return
        account["seen"] = [*account["seen"], receipt][-RECEIPTS:]
        first = (day - timedelta(days=LEARNT_D)).isoformat()
        account["days"] = {one: number for one, number in account["days"].items() if one >= first}
        account["days"][day.isoformat()] = account["days"].get(day.isoformat(), 0) + 1
        payers = [payment["payer"] for payment in event.get("payments", ()) if payment.get("payer")]
        self._link(member, [f"payer:{payer}" for payer in payers])
        self._keep(f"owner:{receipt}", member, BURST_KEPT)
        self._spent(account, receipt, self._coupon_amount(event))
        yield from self._banked(member, account, event, day, payers)
        yield from self._judge_ring(member)

    def _coupon_amount(self, event):
        """Face value of the new-member coupons that a receipt used, as its redemption told or will tell; None without any."""
        used = self.state.get(f"used:{event['receipt']}")
        if used is not None:
            return used
        named = [name for name in event.get("coupons", ()) if name in self.config.new_member_coupons]
        return sum((self.tables.coupons.get(name) or {}).get("value") or 0 for name in named) if named else None

    def _spent(self, account, receipt, amount):
        before = account["receipts"].pop(receipt, None)
        account["receipts"][receipt] = amount if amount is not None else before
        account["receipts"] = dict(list(account["receipts"].items())[-RECEIPTS:])

    @on("coupon.redeemed")
    def redeemed(self, event):
        template, hours = event["template"], self.store.hours
        key, hour = f"burst:{template}", int(event.time.timestamp() // 3600)
        velocity = self.state.setdefault(key, abuse.new_velocity(hour))
        burst = abuse.redeem(velocity, hour, lambda one: hours.is_open(_hour(one)))
        name = f"burst-{template}-{velocity['hour']}"
        if burst and f"case:{name}" not in self.state:
            yield from self._burst(name, template, velocity)
        if template not in self.config.new_member_coupons:
            return
        receipt = event.get("receipt") or event.get("order") or event["coupon"]
        amount = self.state.get(f"used:{receipt}", 0) + event["amount"]
        self._keep(f"used:{receipt}", amount, USED_KEPT)
        member = event.get("member") or self.state.get(f"owner:{receipt}")
        if member:
            self._spent(self._account(member), receipt, amount)
            yield from self._judge_ring(member)

    @on("points.change")
    def points(self, event):
        if event["reason"] == "earn":
            key = f"points:{self.store.hours.store_day(event.time)}:{event['member']}"
            self._keep(key, self.state.get(key, 0) + event["delta"], BURST_KEPT)

    @on("member.event")
    def joined(self, event):
        if event["kind"] == "join" and event.get("member"):
            self._account(event["member"])["joined"] = plain(event.time)
            hashes = event.get("values") or {}
            self._link(event["member"], [f"{_kind(kind)}:{hash}" for kind, hash in sorted(hashes.items()) if _kind(kind)])
            yield from self._judge_ring(event["member"])

    @on("member.profile?")
    def profile(self, event):
        account = self._account(event["member"])
        if account["joined"] is None and event.get("joined"):
            account["joined"] = self._midnight(event["joined"])
        self._link(event["member"], [f"{_kind(key['kind'])}:{key['hash']}" for key in event.get("keys", ()) if _kind(key["kind"])])
        yield from self._judge_ring(event["member"])

    @on("staff.clock?")
    def clocked(self, event):
        if event["kind"] in ("in", "out"):
            self.state[f"clock:{event['staff']}"] = event["kind"] == "in"

    def _account(self, member):
        fresh = {"joined": None, "links": [], "days": {}, "seen": [], "receipts": {}, "case": None, "cleared": False}
        account = self.state.setdefault(f"account:{member}", fresh)
        if account["joined"] is None and (row := self.tables.members.get(member) or {}).get("joined"):
            account["joined"] = self._midnight(row["joined"])
        self.timers.set("forget", f"account:{member}", self.now + KEPT)
        return account

    def _midnight(self, day):
        hours = self.store.hours
        text = str(day)
        return plain(parse_time(text)) if "T" in text else plain(hours.midnight(type(hours.store_day(self.now)).fromisoformat(text)))

    def _link(self, member, links):
        account = self.state[f"account:{member}"]
        for link in links:
            on = self.state.setdefault(f"link:{link}", [])
            if member not in on and len(on) <= abuse.FANOUT:
                on.append(member)
            account["links"] = sorted({*account["links"], link})

    def _keep(self, key, value, time):
        self.state[key] = value
        self.timers.set("forget", key, self.now + time)

    @timer("forget")
    def forget(self, due):
        gone = self.state.pop(due.key, None)
        for link in gone["links"] if due.key.startswith("account:") and gone else ():
            left = [member for member in self.state.get(f"link:{link}", ()) if f"account:{member}" != due.key]
            if left:
                self.state[f"link:{link}"] = left
            else:
                self.state.pop(f"link:{link}", None)

    # Staff

    def _banked(self, member, account, event, day, payers):
        """Whether chance explains that this cashier had so many receipts of the member today."""
        cashier = event.get("cashier")
        if cashier is None:
            return
        key = f"till:{day}:{member}:{cashier}"
        seen = self.state.get(key, {"receipts": [], "payers": [], "on_duty": 0, "case": False})
        owner = self._owner(member)
        seen["receipts"].append(event["receipt"])
        seen["payers"] = sorted({*seen["payers"], *payers})
        seen["on_duty"] += bool(owner and self.state.get(f"clock:{owner}"))
        self._keep(key, seen, BURST_KEPT)
        p = poisson_tail(len(seen["receipts"]), self._expected(member, account, day))
        if seen["case"] or p >= self.config.p_alert or len(seen["payers"]) < self.config.min_payers:
            return
        seen["case"] = True
        parts = {
            "receipts": len(seen["receipts"]),
            "payers": len(seen["payers"]),
            "expected": self._expected(member, account, day),
            "p": p,
            "points": self.state.get(f"points:{day}:{member}", 0),
            "on_duty": seen["on_duty"],
        }
        stake = sum(account["receipts"].get(receipt) or 0 for receipt in seen["receipts"])
        words = self.say(
            f"{cashier} put {parts['receipts']} receipts of {parts['payers']} payers on card {member}",
            f"收银员{cashier}将{parts['payers']}位付款人的{parts['receipts']}张小票记入会员{member}",
        )
        case = {"kind": "staff_points", "subject": cashier, "accounts": [member], "receipts": seen["receipts"], "stake": stake, "key": key}
        yield from self._open(f"staff-{day}-{member}-{cashier}", case, "staff", parts, words, abuse.suspicion(p, bool(owner)), bool(owner))

    def _expected(self, member, account, day):
        """Receipts a day: seen over 90 days, or told by the table, and never less than the least."""
        seen = sum(number for one, number in account["days"].items() if one < day.isoformat()) / LEARNT_D
        return max(seen, ((self.tables.members.get(member) or {}).get("receipts_12m") or 0) / 365, self.config.min_lambda)

    def _owner(self, member):
        """Of whose staff this is the own or a relative's card."""
        rows = self.tables.staff.derived(
            "owners", lambda rows: {m: r["staff"] for r in rows for m in (r.get("own_member"), *(r.get("kin") or ()))}
        )
        return rows.get(member)

    # Rings

    def _links_of(self, member):
        links = self.state.get(f"account:{member}", {"links": []})["links"]
        return [link for link in links if link.partition(":")[2] not in self.config.shared_exempt]

    def _judge_ring(self, member, whole=False):
        """Raise or update the case of the ring that an account is in; before closing only where each of its accounts has a receipt."""
        linked = abuse.component(member, self._links_of, lambda link: self.state.get(f"link:{link}", ()))
        if len(linked) < self.config.cluster_size:
            return
        known = {one: self.state[f"account:{one}"] for one in linked if f"account:{one}" in self.state}
        times = {one: parse_time(account["joined"]) for one, account in known.items() if account["joined"] and not account["cleared"]}
        ring = abuse.together(times, timedelta(hours=self.config.create_window_h))
        spent = [amount for one in ring for amount in known[one]["receipts"].values()]
        used = [amount for amount in spent if amount is not None]
        if len(ring) < self.config.cluster_size or not used or 100 * len(used) < self.config.coupon_only_pct * len(spent):
            return
        if not whole and not all(known[one]["receipts"] for one in ring):
            self.state.setdefault("waiting", {})[ring[0]] = 1
            return
        before = next((known[one]["case"] for one in ring if known[one]["case"]), None)
        if not whole and before is None and len(used) < len(spent):
            self.timers.set("ring", ring[0], self.now + TOLD_WITHIN)
            return
        if before and self.state.get(f"case:{before}", {}).get("accounts") == ring and self.state[f"case:{before}"]["stake"] == sum(used):
            return
        receipts = sorted(receipt for one in ring for receipt in known[one]["receipts"])
        links = sorted({link for one in ring for link in self._links_of(one)})
        share = 100 * len(used) / len(spent)
        parts = {"accounts": len(ring), "receipts": len(spent), "coupon_share": share, "stake": sum(used)}
        words = self.say(f"{len(ring)} linked accounts used new-member coupons", f"{len(ring)}个关联账户集中使用新人券")
        case = {"kind": "account_ring", "subject": ring[0], "accounts": ring, "receipts": receipts, "stake": sum(used), "links": links}
        for one in ring:
            known[one]["case"] = before or f"ring-{ring[0]}-{plain(self.now)}"
        yield from self._open(known[ring[0]]["case"], case, "member", parts, words, round(share, 1), False)

    @timer("ring")
    def settled(self, due):
        yield from self._judge_ring(due.key, whole=True)

    # Bursts

    def _burst(self, name, template, velocity):
        limit, count = abuse.limit(velocity), velocity["count"]
        title = (self.tables.coupons.get(template) or {}).get("name", template)
        words = self.say(f"{title} was redeemed {count} times within an hour", f"{title}一小时内核销{count}次")
        case = {"kind": "coupon_burst", "subject": template, "accounts": [], "receipts": [], "stake": 0}
        parts = {"redemptions": count, "mean": velocity["mean"], "limit": limit}
        yield from self._open(name, case, "promotion", parts, words, 100 * (1 - limit / count), False)

    # Cases

    def _open(self, name, case, subject_kind, parts, words, score, stronger):
        """Score and alert; for a new case the review, and the hold of the accounts that are new to it."""
        before = self.state.get(f"case:{name}")
        opened = before["opened"] if before else plain(self.now)
        held = [one for one in case["accounts"] if not before or one not in before["held"]] if self.config.freeze else []
        self.state[f"case:{name}"] = {**case, "opened": opened, "state": before["state"] if before else "open",
                                      "held": sorted({*(before["held"] if before else ()), *held})}  # fmt: skip
        units = {"expected": "receipts/d", "coupon_share": "%", "stake": "minor", "points": "points"}
        yield out("score.report", {"from": parse_time(opened), "to": self.now}, scheme="loyalty_abuse", subject_kind=subject_kind,
                  subject=case["subject"], score=score, labels={"case": name, "strength": "strong" if stronger else "plain"},
                  parts=[{"name": key, "value": value} | ({"unit": units[key]} if key in units else {})
                         for key, value in parts.items()])  # fmt: skip
        first = next(iter(parts.values()))
        yield out("alert.raise", alert=name, kind=case["kind"], severity="critical" if stronger else "high", state="open",
                  subject=case["subject"], text=words, value=case["stake"] if case["kind"] == "account_ring" else first,
                  unit="minor" if case["kind"] == "account_ring" else "count", ref={"case": name})  # fmt: skip
        if before is None:
            self._note("opened")
            values = {**parts, "case": name} | {name: case[name] for name in ("accounts", "receipts", "links", "stake") if case.get(name)}
            yield out("task.create", task=f"review-{name}", kind="review_abuse", title=words, priority=2, role="loss_prevention",
                      evidence="value", values=values)  # fmt: skip
        for member in held:
            self.kpi.add("accounts_frozen")
            yield out("segment.assign", scheme="benefits_hold", segment=HELD, member=member, reason=name)

    @on("task.done?")
    def reviewed(self, event):
        name = event["task"].removeprefix("review-")
        case, values = self.state.get(f"case:{name}"), event.get("values") or {}
        if case is None or case["state"] != "open" or event["state"] not in ("done", "approved", "rejected"):
            return
        confirmed = event["state"] != "rejected" and values.get("confirmed", True) is not False
        case["state"] = "confirmed" if confirmed else "cleared"
        self._note(case["state"])
        self.kpi.share("cases_confirmed", confirmed, 1)
        self.kpi.sample("review_time", (event.time - parse_time(case["opened"])) / timedelta(hours=1))
        self.timers.set("forget", f"case:{name}", self.now + KEPT)
        if confirmed:
            self.kpi.add("loss_prevented", case["stake"])
        else:
            yield from self._clear(name, case)

    def _clear(self, name, case):
        for member in case["accounts"] if case["kind"] == "account_ring" else ():
            if f"account:{member}" in self.state:
                self.state[f"account:{member}"].update(cleared=True, case=None)
        if case.get("key") in self.state:
            self.state[case["key"]] = {"receipts": [], "payers": [], "on_duty": 0, "case": False}
        yield out("alert.raise", alert=name, kind=case["kind"], severity="info", state="cleared", subject=case["subject"],
                  text=self.say("Cleared by the review", "复核后解除"), ref={"case": name})  # fmt: skip
        for member in case["held"]:
            yield out("segment.assign", scheme="benefits_hold", segment=SET_FREE, previous=HELD, member=member, reason=name)

    @every("1d", at="close")
    def close(self, due):
        for member in sorted(self.state.pop("waiting", ())):
            yield from self._judge_ring(member, whole=True)
        sums = self.state.pop("day", None)
        if sums:
            day = self.store.hours.ended_day(due.time)
            figures = {name: {"value": number, "unit": "count"} for name, number in sorted(sums.items())}
            yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"member-abuse-{day}",
                      kind="member_abuse", version=1, figures=figures)  # fmt: skip

    def _note(self, name):
        day = self.state.setdefault("day", {})
        day[name] = day.get(name, 0) + 1


def _kind(name):
    """Which of the linking kinds a key is (`device_hash`, `payer`, `home_address`...); None for phones, names and the like."""
    return next(("payer" if kind == "payment" else kind for kind in LINKING if kind in name), None)


def _hour(number):
    """The start of an hour counted since 1970."""
    return parse_time("1970-01-01T00:00:00Z") + timedelta(hours=number)
