"""Member consent and digital identity: members grant and withdraw each use of their data; every grant is provable, every request is timed.

A consent is a `member.event` with `consent` (or a kiosk's entry with `values.consent`) and one purpose; a list of purposes, a grant without
its text's version and a partner grant without its partner are refused. Profiles of others whose consents name the texts agreed to
(`consents.texts`) are entered too. An entry dated before what is in force is kept, but changes nothing. Partner grants end after
`grant_days`; another one is thanked for only when the life of the one thanked for is over.

A wallet proves its did:key by signing a nonce (base64url): one that a member asked for (`values.challenge`: it goes out by message), or
that a kiosk of the store announced (`values.nonce`). With it may come a credential, see workers/loyalty/identity: of that, only the answer
is kept. A member's first did binds; another one is refused. The row gives no way to close a request: `task.done` does. A deletion takes
effect at once: all uses are off; did, answers and the chain's salt are gone; sales records lie elsewhere and are not touched. A receipt
that a member shows (`values.receipt`: entry, hash) and that the chain does not bear out is told like a break.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time
from storeloom.workers.loyalty import consents, identity

SHARING = "partner_sharing"
REQUESTS = {
    "access": ("Answer a request for access", "答复查阅申请"),
    "correct": ("Correct a member's data", "更正会员信息"),
    "delete": ("Delete a member's data", "删除会员信息"),
    "port": ("Hand over a copy of a member's data", "提供会员信息副本"),
}
REPEAT = timedelta(days=1)
NONCES_KEPT = timedelta(days=30)
CODE_SPACE = 1 << 128


class ConsentWallet(Solution):
    number = 38
    zh, en = "会员授权与数字身份", "Member consent and digital identity"
    purpose_zh = "会员自持身份，逐项授予和撤回数据使用并获得回报；每次授权可验证，每项申请按时答复。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("member.profile", "member.consent", "points.change", "task.create", "message.send", "alert.raise", "insight.report")
    adapters = ("messaging?", "kiosk?")
    reads = ("members", "tenants?")
    kpis = {
        "consent_rate_by_purpose": kpi("%", "Grants of all consent actions", "授权率"),
        "requests_on_time": kpi("%", "Requests answered in time", "申请按时答复率"),
        "active_partner_grants": kpi("count", "Partner grants in force", "有效合作方授权数"),
        "credentials_checked": kpi("count", "Credentials checked", "核验凭证数"),
    }
    kinds = {
        "data_request": ("A member's data request", "会员信息申请"),
        "request_due": ("A data request is due soon", "信息申请即将到期"),
        "chain_broken": ("The consent chain does not hold", "授权链校验失败"),
        "presentation_refused": ("A wallet's proof was refused", "身份出示被拒"),
    }

    class Config(SolutionConfig):
        purposes: list[str] = setting(lambda: ["service", "marketing", "profiling", SHARING, "biometric"], "Uses that can be granted",
            "可授权用途", help_en="Each alone; others are refused.", help_zh="逐项授权；其他用途不受理。")  # fmt: skip
        grant_days: int = setting(90, "Life of a partner grant", "合作方授权有效期", unit="d", ge=1, le=730,
            help_en="To the minute; others stand until withdrawn.", help_zh="精确到时刻；其他授权撤回前有效。")  # fmt: skip
        reward_points: int = setting(50, "Thanks for a partner grant", "合作方授权奖励", unit="points", ge=0, le=10_000,
            help_en="Once for each partner and life of a grant.", help_zh="每个合作方每个授权期一次。")  # fmt: skip
        request_days: int = setting(30, "Time to answer a request", "申请答复时限", unit="d", ge=1, le=60,
            help_en="Access, copy, correction, deletion.", help_zh="查阅、复制、更正、删除。")  # fmt: skip
        warn_days: int = setting(5, "Alert before a request is due", "到期前告警", unit="d", ge=1, le=30,
            help_en="While it is open.", help_zh="仅对未办结的申请。")  # fmt: skip
        trusted_issuers: list[str] = setting(list, "Issuers believed", "信任的签发方", unit="did",
            help_en="did:key of each; nobody else's credentials count.", help_zh="填did:key；其余签发方不予采信。")  # fmt: skip
        nonce_ttl_s: int = setting(300, "Life of a challenge", "随机数有效期", unit="s", ge=30, le=3600,
            help_en="A nonce counts once.", help_zh="每个随机数仅用一次。")  # fmt: skip

    @on("member.event")
    def doing(self, event):
        values = event.get("values") or {}
        if event.get("member") and values.get("request") in REQUESTS:
            yield from self._request(event, values["request"])
        elif event.get("member") and event.get("consent") is not None and values.get("purpose"):
            yield from self._said(event, values, event["consent"])
        elif event.get("member"):
            yield from self._identity(event, values, trusted=False)

    @on("kiosk.event?")
    def kiosk(self, event):
        values = event.get("values") or {}
        if event.get("member") and values.get("request") in REQUESTS:
            yield from self._request(event, values["request"])
        elif event.get("member") and isinstance(values.get("consent"), bool) and values.get("purpose"):
            yield from self._said(event, values, values["consent"])
        else:
            yield from self._identity(event, values, trusted=True)

    @on("member.profile?")
    def profile(self, event):
        """Consents that were asked elsewhere, where they say which text; a member who left grants nothing any longer."""
        member, said = event["member"], event.get("consents") or {}
        wallet = self._wallet(event)
        wallet["messaging"] = said.get("messaging") or wallet["messaging"]
        if event.get("left"):
            yield from self._withdraw_all(event, wallet)
            return
        for purpose, text in sorted((said.get("texts") or {}).items()):
            now = wallet["grants"].get(f"{purpose}|", {}).get("status") == "granted"
            if purpose in self.config.purposes and purpose != SHARING and isinstance(said.get(purpose), bool) and said[purpose] != now:
                at = parse_time(text["at"]) if isinstance(text, dict) and text.get("at") else event.time
                version = str(text.get("version", "")) if isinstance(text, dict) else str(text)
                yield from self._enter(member, wallet, purpose, None, said[purpose], version, at, "profile")

    # Consent

    def _wallet(self, event):
        member = event["member"]
        fresh = {"salt": f"{draw('salt', event.id, member, modulus=CODE_SPACE):032x}", "grants": {}, "thanked": {}, "did": None,
                 "claims": {}, "messaging": []}  # fmt: skip
        return self.state.setdefault(f"wallet:{member}", fresh)

    def _said(self, event, values, granted):
        purpose, partner = values["purpose"], values.get("partner")
        wallet, version = self._wallet(event), values.get("version")
        if not isinstance(purpose, str) or purpose not in self.config.purposes or (partner is not None and not isinstance(partner, str)):
            return
        known = wallet["grants"].get(f"{purpose}|{partner or ''}") or {}
        if granted and (version is None or (purpose == SHARING and not partner)):
            return
        if not granted and purpose == SHARING and not partner:
            for key in [key for key, grant in wallet["grants"].items() if key.startswith(f"{SHARING}|") and grant["status"] == "granted"]:
                yield from self._enter(event["member"], wallet, SHARING, key.partition("|")[2], False, str(version or ""), event.time,
                                       event.get("channel") or "kiosk")  # fmt: skip
            return
        version = str(version if version is not None else known.get("version", ""))
        same = known.get("status") == ("granted" if granted else "withdrawn") and known.get("version") == version
        if same and (not partner or not granted or event.time - parse_time(known["at"]) < REPEAT):
            return
        channel = event.get("channel") or event.get("kiosk") or "app"
        yield from self._enter(event["member"], wallet, purpose, partner, granted, version, event.time, channel)

    def _enter(self, member, wallet, purpose, partner, granted, version, at, channel):
        """An entry in the chain, the member's receipt, and, unless it is older than what is in force, the state that follows from it."""
        until = at + timedelta(days=self.config.grant_days) if granted and partner else None
        number, digest = self._link(member, wallet, purpose, partner, granted, version, at, until)
        self.kpi.share("consent_rate_by_purpose", granted, 1)
        self._count(purpose, granted)
        key = f"{purpose}|{partner or ''}"
        before = wallet["grants"].get(key)
        text = self.say(f"Consent {number}: {purpose} {'granted' if granted else 'withdrawn'}",
                        f"授权记录{number}：{purpose}已{'授予' if granted else '撤回'}")  # fmt: skip
        receipt = {
            "entry": number,
            "hash": digest,
            "purpose": purpose,
            "version": version,
            "at": at,
            "until": until,
            "partner": self._partner(partner),
        }
        params = {name: value for name, value in receipt.items() if value is not None}
        yield self._message(member, wallet, f"consent-{number}", text, params)
        if before and at < parse_time(before["at"]):
            return
        status = "granted" if granted and (until is None or until > self.now) else "expired" if granted else "withdrawn"
        wallet["grants"][key] = {"status": status, "version": version, "at": at.isoformat(), "until": until and until.isoformat()}
        self._follow(member, key, until if status == "granted" else None)
        self._active(before, status, partner)
        yield self._told(member, purpose, partner, status, version, at, channel, until)
        yield self._in_force(member, wallet)
        if status == "granted" and partner:
            yield from self._thank(member, wallet, partner, at, until)

    def _link(self, member, wallet, purpose, partner, granted, version, at, until):
        head = self.state.setdefault("head", {"entries": 0, "hash": consents.FIRST})
        entry = {"member": consents.subject(member, wallet["salt"]), "purpose": purpose, "partner": partner, "granted": granted,
                 "version": version, "time": at.isoformat(), "until": until and until.isoformat()}  # fmt: skip
        number, digest = head["entries"], consents.entry_hash(head["hash"], entry)
        self.state[f"link:{number:09d}"] = {"entry": entry, "hash": digest}
        self.state["head"] = {"entries": number + 1, "hash": digest}
        return number + 1, digest

    def _follow(self, member, key, until):
        self.timers.cancel("expire", f"{member}|{key}")
        if until:
            self.timers.set("expire", f"{member}|{key}", until)

    @timer("expire")
    def expire(self, due):
        member, purpose, partner = due.key.rsplit("|", 2)
        wallet = self.state[f"wallet:{member}"]
        grant = wallet["grants"][f"{purpose}|{partner}"]
        before = dict(grant)
        grant.update(status="expired", at=due.time.isoformat())
        self._active(before, "expired", partner)
        self._count("expired", None)
        yield self._told(member, purpose, partner, "expired", grant["version"], due.time, "system", due.time)
        yield self._in_force(member, wallet)

    def _active(self, before, status, partner):
        """Keeps count of the partner grants in force."""
        if partner:
            was, now = bool(before) and before["status"] == "granted", status == "granted"
            count = self.state.setdefault("active", {"grants": 0})
            count["grants"] += now - was
            self.kpi.set("active_partner_grants", count["grants"])

    def _thank(self, member, wallet, partner, at, until):
        thanked = wallet["thanked"].get(partner)
        if self.config.reward_points and (thanked is None or at >= parse_time(thanked)):
            wallet["thanked"][partner] = until.isoformat()
            yield out("points.change", member=member, delta=self.config.reward_points, reason="gift", source="consent_wallet",
                      ref={"partner": partner})  # fmt: skip

    def _told(self, member, purpose, partner, status, version, at, channel, until):
        return out("member.consent", member=member, purpose=purpose, status=status, version=version, at=at, channel=channel,
                   partner=partner or None, until=until and self.store.hours.store_day(until))  # fmt: skip

    def _in_force(self, member, wallet, **more):
        """The uses that are granted now; what was never granted is off."""
        granted = {key for key, grant in wallet["grants"].items() if grant["status"] == "granted"}
        uses = {key.partition("|")[0] for key in granted}
        on_ = {purpose: purpose in uses for purpose in ("marketing", "profiling", *self.config.purposes)}
        partners = sorted(key.partition("|")[2] for key in granted if key.startswith(f"{SHARING}|"))
        channels = {"messaging": wallet["messaging"]} if wallet["messaging"] else {}
        keys = [{"kind": "did", "hash": wallet["did"]}] if wallet["did"] else []
        return out("member.profile", member=member, consents={**on_, "partners": partners, **channels},
                   keys=keys, claims=wallet["claims"] or None, **more)  # fmt: skip

    def _withdraw_all(self, event, wallet):
        for key in [key for key, grant in sorted(wallet["grants"].items()) if grant["status"] == "granted"]:
            purpose, partner = key.split("|")
            version = wallet["grants"][key]["version"]
            yield from self._enter(
                event["member"], wallet, purpose, partner or None, False, version, event.time, event.get("channel") or "profile"
            )

    def _partner(self, partner):
        return partner and (self.tables.tenants.get(partner) or {}).get("name", partner)

    # Requests

    def _request(self, event, request):
        member, task = event["member"], f"request-{request}-{event['member']}-{event.time:%Y%m%dT%H%M%S}"
        if f"open:{task}" in self.state:
            return
        due = event.time + timedelta(days=self.config.request_days)
        self.state[f"open:{task}"] = {"member": member, "request": request, "due": due.isoformat()}
        self.timers.set("warn", task, max(due - timedelta(days=self.config.warn_days), self.now))
        self.timers.set("late", task, max(due, self.now))
        yield out("task.create", task=task, kind="data_request", title=self.say(*REQUESTS[request]), priority=2, due=due,
                  role="data_protection", ref=event.ref, values={"member": member, "request": request})  # fmt: skip
        if request == "delete":
            yield from self._delete(event, member)

    def _delete(self, event, member):
        wallet = self._wallet(event)
        yield from self._withdraw_all(event, wallet)
        for key in wallet["grants"]:
            self._follow(member, key, None)
        wallet.update(did=None, claims={}, messaging=[], thanked={})
        yield self._in_force(member, wallet, left=True)
        del self.state[f"wallet:{member}"]

    @on("task.done?")
    def answered(self, event):
        task = event["task"]
        if event["state"] not in ("done", "approved") or f"open:{task}" not in self.state:
            return
        request = self.state.pop(f"open:{task}")
        self.timers.cancel("warn", task)
        self.timers.cancel("late", task)
        if not request.get("late"):
            self.kpi.share("requests_on_time", event.time <= parse_time(request["due"]), 1)
        if request.get("warned"):
            yield self._request_alert(task, request, "cleared")

    @timer("warn")
    def warn(self, due):
        request = self.state[f"open:{due.key}"]
        request["warned"] = True
        yield self._request_alert(due.key, request, "open")

    @timer("late")
    def late(self, due):
        self.state[f"open:{due.key}"]["late"] = True
        self.kpi.share("requests_on_time", 0, 1)

    def _request_alert(self, task, request, state):
        text = self.say(
            f"Request {request['request']} is due {request['due'][:10]}", f"申请{request['request']}将于{request['due'][:10]}到期"
        )
        return out("alert.raise", alert=f"request_due:{task}", kind="request_due", severity="high", state=state, subject=request["member"],
                   text=text, value=self.config.warn_days, unit="d", ref={"task": task})  # fmt: skip

    # Identity

    def _identity(self, event, values, trusted):
        shown = values.get("presentation") or values
        if values.get("receipt"):
            yield from self._receipt(event, values["receipt"])
        elif values.get("challenge") and event.get("member"):
            yield self._challenge(event)
        elif shown.get("signature") and shown.get("nonce") and event.get("member"):
            yield from self._presented(event, shown)
        elif trusted and values.get("nonce"):
            self._announce(values["nonce"], event.time)

    def _announce(self, nonce, at):
        self.state.setdefault(f"nonce:{nonce}", {"at": at.isoformat(), "used": False})
        self.timers.set("nonce", nonce, self.now + NONCES_KEPT)

    @timer("nonce")
    def nonce_old(self, due):
        self.state.pop(f"nonce:{due.key}", None)

    def _challenge(self, event):
        nonce = f"{draw('nonce', event.id, event['member'], modulus=CODE_SPACE):032x}"
        self._announce(nonce, event.time)
        text = self.say("Sign this challenge with your wallet", "请用钱包签名")
        ends = event.time + timedelta(seconds=self.config.nonce_ttl_s)
        return self._message(event["member"], self._wallet(event), f"nonce-{nonce}", text, {"nonce": nonce}, expires=ends)

    def _presented(self, event, shown):
        """A proof of the did, with a credential if there is one; the nonce is spent by the first try."""
        nonce, did, member = self.state.get(f"nonce:{shown['nonce']}"), str(shown.get("did")), event["member"]
        wallet = self._wallet(event)
        try:
            self._spend(nonce, event.time)
            identity.check_nonce(did, shown["nonce"], str(shown["signature"]))
            name = consents.subject(did, "did")
            if wallet["did"] not in (None, name):
                raise identity.Refused("other_did")
            wallet["did"] = name
            if shown.get("credential"):
                self.kpi.add("credentials_checked")
                self._count("credentials", None)
                predicate = str(shown.get("predicate", "over_18"))
                answer = identity.claim(
                    shown["credential"], did, predicate, self.config.trusted_issuers, event.time, shown.get("status_list")
                )
                wallet["claims"][predicate] = "yes" if answer else "no"
        except identity.Refused as refused:
            reason = str(refused)
            yield out("alert.raise", alert=f"presentation_refused:{member}:{event.time:%Y%m%dT%H%M%S}", kind="presentation_refused",
                      severity="warn" if reason == "replay" else "info", state="open", subject=member,
                      text=self.say(f"Proof refused: {reason}", f"出示被拒：{reason}"), ref={"reason": reason})  # fmt: skip
            return
        yield self._in_force(member, wallet)

    def _spend(self, nonce, at):
        if nonce is None:
            raise identity.Refused("nonce")
        if nonce["used"]:
            raise identity.Refused("replay")
        nonce["used"] = True
        if at - parse_time(nonce["at"]) > timedelta(seconds=self.config.nonce_ttl_s):
            raise identity.Refused("nonce")

    def _receipt(self, event, receipt):
        """A receipt is borne out by the chain, or the chain is not what it was."""
        number = receipt.get("entry") if isinstance(receipt, dict) else None
        if not isinstance(number, int):
            return
        link = self.state.get(f"link:{number - 1:09d}")
        if link is None or link["hash"] != receipt.get("hash"):
            text = self.say("A receipt is not in the chain", "授权凭据不在链中")
            yield self._break(event.get("member") or event.get("visitor"), text, number)

    # The night

    @every("1d", at="00:00")
    def night(self, due):
        """Walks the chain from its first entry; reports on days on which something was said."""
        entries = self.state.get("head", {"entries": 0})["entries"]
        place = consents.first_break(self.state[f"link:{number:09d}"] for number in range(entries))
        if place is not None:
            yield self._break(self.store.id, self.say("The consent chain is broken", "授权链断裂"), place + 1)
        counts = self.state.pop("day", None)
        if not counts:
            return
        day = self.store.hours.ended_day(due.time)
        rows = [{"purpose": purpose, **said} for purpose, said in sorted(counts.items()) if "granted" in said]
        figures = {
            "chain_entries": {"value": entries, "unit": "count"},
            "chain_verified": {"value": int(place is None), "unit": "bool"},
            "active_partner_grants": {"value": self.state.get("active", {"grants": 0})["grants"], "unit": "count"},
        }
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"consents:{day}", kind="consents",
                  version=1, figures=figures, rows=rows)  # fmt: skip

    def _break(self, subject, text, number):
        return out("alert.raise", alert=f"chain_broken:{subject}:{number}", kind="chain_broken", severity="critical", state="open",
                   subject=subject, text=text, value=number, unit="entry")  # fmt: skip

    def _count(self, what, granted):
        day = self.state.setdefault("day", {})
        if granted is None:
            day.setdefault(what, {"count": 0})["count"] += 1
        else:
            said = day.setdefault(what, {"granted": 0, "withdrawn": 0})
            said["granted" if granted else "withdrawn"] += 1

    def _message(self, member, wallet, name, text, params, expires=None):
        row = self.tables.members.get(member) or {}
        channels = wallet["messaging"] or (row.get("consents") or {}).get("messaging") or row.get("channels") or ()
        return out("message.send", message=f"{name}-{member}", channel=next(iter(channels), "mini_program"), to=member, purpose="service",
                   text=text, params=params, expires=expires)  # fmt: skip
