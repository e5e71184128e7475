"""Customer data platform: every trace of a shopper resolved to one pseudonymous person, with tags that end and go only where they may.

Profiles are what sources send (`member.profile`) or name (`member` of any event); keys come with profiles, in the `values` of a
`member.event` (`{union_id: ...}` or `keys: [{kind, hash}]`), as the device of a visit and the payer of a sale or an order. A visitor's
traces are kept until an event names the member too. Phones that are no hashes are not taken and raise an alert. A login
without a member is the profile that holds its first strong key.

A merge falls when what it stood on does: a weak key turns out to be on too many profiles, or a source says so (`member.event` with
`values: {unmerge: [ids]}`, `true` for all); after `unmerge_days` it stands. A profile whose person `left` is forgotten. Household numbers
are keyed with the salt, so they name nobody. Tags are told as `segment.assign` of the scheme `reader:purpose:tag`, whose segment is the
tag, or `none` when it has ended: a group tag (no brand, or `group`) to every brand named in the rules while the namespace is shared, a
brand's to itself alone, and to none whose profiling or purpose the person refused. A merged profile says yes only to what was agreed to:
who was never asked is told as not having agreed.
"""

import hashlib
import hmac
import re
from datetime import timedelta

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, stamp
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import conditions, identity, reach

GROUP = "group"
MOST_HOLDERS = 22  # one more than the widest fan-out, and the one who shows it
RAW_PHONE = re.compile(r"^\+?(?:[\s()-]*\d){7,15}$")
FIELDS = ("stream", "kind", "channel", "category", "gtin", "brand", "qty", "amount", "total", "page", "query", "campaign", "item",
          "touchpoint", "score")  # fmt: skip


class TagRule(SolutionConfig):
    tag: str = setting(..., "Tag", "标签", min_length=1)
    expression: str = setting(..., "Events that give it", "触发事件条件", help_en=f"Over {', '.join(FIELDS)}.", help_zh="按事件字段书写。")
    brand: str = setting(GROUP, "Brand it belongs to, or group", "所属品牌（group 为集团）")
    purpose: str = setting("marketing", "What it may be used for", "允许用途", min_length=1)

    @property
    def name(self):
        return f"{self.brand or GROUP}:{self.purpose}:{self.tag}"


class CustomerDataPlatform(Solution):
    number = 24
    zh, en = "客户数据平台CDP", "Customer data platform"
    purpose_zh = "多品牌集团把顾客的每一处触点归并为一个匿名的人，标签会过期，并只在允许的品牌间共享。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("member.profile", "segment.assign", "insight.report", "alert.raise")
    adapters = ("online_store?",)
    reads = ("members", "products")
    kpis = {
        "identity_match_rate": kpi("%", "Profiles that proved to be of a person already known", "身份匹配率"),
        "profiles": kpi("count", "Profiles of all sources", "档案数"),
        "merge_conflicts": kpi("count", "Merges refused for different phones", "合并冲突数"),
        "tag_coverage": kpi("%", "Persons with a live tag", "标签覆盖率"),
    }
    kinds = {
        "merge_conflict": ("One key on two persons with different phones", "同一标识出现在不同手机号的两人"),
        "raw_phone": ("A source sends phones that are not hashed", "来源发送了未加密手机号"),
        "identity": ("Persons, profiles and tags of the day", "当日身份与标签汇总"),
    }

    class Config(SolutionConfig):
        strong_keys: list[str] = setting(
            lambda: ["phone_hash", "union_id", "card_no"], "Keys that prove one person", "强标识", min_length=1,
            help_en="Kinds of hashed keys; one that two profiles share makes them one.", help_zh="两个档案共有任一强标识即为同一人。",
        )  # fmt: skip
        weak_keys: list[str] = setting(
            lambda: ["device", "payer_token", "address_hash"], "Keys that hint at one person", "弱标识",
            help_en="They join persons who differ in no strong key, else make a household.", help_zh="强标识不冲突则合并，否则为同一家庭。",
        )  # fmt: skip
        weak_fanout: int = setting(
            3, "Most persons of a weak key", "弱标识最多人数", unit="persons", ge=2, le=20,
            help_en="One that is seen on more is ignored, and merges by it fall.", help_zh="超过则忽略，由它产生的合并撤销。",
        )  # fmt: skip
        unmerge_days: int = setting(30, "Time in which a merge can be taken back", "合并可撤销期", unit="d", ge=1, le=365)
        tag_ttl_d: int = setting(30, "Life of a behavioural tag since last seen", "行为标签有效期", unit="d", ge=1, le=730)
        tag_rules: list[TagRule] = setting(
            list, "Tags and who may use them", "标签规则", help_en="A tag, the events that give it, its brand and purpose.",
            help_zh="标签、触发条件、品牌与用途。",
        )  # fmt: skip
        shared_namespace: bool = setting(
            True, "Group tags are visible to all brands", "集团标签对所有品牌可见",
            help_en="Off: to the group alone. Brand tags are always their brand's own.", help_zh="关闭后仅集团可见；品牌标签仅限本品牌。",
        )  # fmt: skip
        salt_id: str = setting("default", "Salt of all key hashes", "标识哈希盐", widget="secret", min_length=1)

    # Traces

    @on("member.profile")
    def profiled(self, event):
        if event.source == self.context.instance:
            return
        member = event["member"]
        if event.get("left"):
            yield from self._forget(member)
            return
        profile = self._profile(member, event)
        if event.get("joined"):
            profile["stale"] = True
            profile["created"] = stamp(self.store.hours.midnight(reach.day_of(self.store.hours, event["joined"])))
        if event.time >= parse_time(profile["told"] or profile["seen"]):
            profile |= {"told": stamp(event.time), "consents": event.get("consents") or {}, "tags": list(event.get("tags") or ())}
        yield from self._take(member, event, event.get("keys") or ())

    @on("member.event", "web.visit?")
    def told(self, event):
        values = event.get("values") or {}
        pairs = [{"kind": kind, "hash": value} for kind, value in values.items() if isinstance(value, str)]
        pairs += values.get("keys") or []
        if event.get("device"):
            pairs.append({"kind": "device", "hash": event["device"]})
        member, visitor = self._known_as(event)
        member = member or self._holder(pairs)
        if member is None and visitor is not None:
            self._await(visitor, event, pairs)
            return
        if member is None:
            return
        self._profile(member, event)
        if event["kind"] == "opt_out":
            self.state[f"profile:{member}"]["consents"]["marketing"] = False
        if values.get("unmerge"):
            self.state[f"profile:{member}"]["stale"] = True
            self._part(member, values["unmerge"])
        yield from self._take(member, event, pairs)

    @on("pos.sale?", "order.placed?")
    def bought(self, event):
        if event.get("draft") or event.get("kind") in ("return", "void", "training"):
            return
        payers = [event.get("payer"), *(payment.get("payer") for payment in event.get("payments") or ())]
        pairs = [{"kind": "payer_token", "hash": payer} for payer in payers if payer]
        member = event.get("member") or self._payer(pairs)
        if member is not None:
            self._profile(member, event)
            yield from self._take(member, event, pairs)

    def _profile(self, member, event):
        """The profile of a member, begun with this trace where it is new; an older trace makes it older."""
        row, when = self.tables.members.get(member) or {}, stamp(event.time)
        joined = row.get("joined")
        created = stamp(self.store.hours.midnight(reach.day_of(self.store.hours, joined))) if joined else when
        fresh = {"created": created, "seen": when, "told": None, "keys": {}, "consents": dict(row.get("consents") or {}),
                 "tags": list(row.get("tags") or ()), "trail": {}, "person": member, "merged": [], "since": None, "home": None,
                 "given": {}, "stale": True}  # fmt: skip
        if f"profile:{member}" not in self.state:
            self._total("profiles", 1)
            self._total("persons", 1)
        profile = self.state.setdefault(f"profile:{member}", fresh)
        if when < profile["seen"]:
            profile |= {"seen": when, "created": min(profile["created"], when), "stale": True}
        return profile

    def _known_as(self, event):
        """The member and the visitor of an event; the member by an earlier event of the visitor where it names none."""
        visitor, member = event.get("visitor"), event.get("member")
        record = self.state.get(f"visitor:{visitor}", {}) if visitor else {}
        return member or record.get("member"), visitor

    def _holder(self, pairs):
        """The profile that a login without a member proves to be: the first one that holds one of its strong keys."""
        proofs = [f"key:{pair['kind']}:{pair['hash']}" for pair in pairs if pair["kind"] in self.config.strong_keys]
        return next((one for key in proofs for one in self.state.get(key, ())), None)

    def _await(self, visitor, event, pairs):
        keys = [[pair["kind"], str(pair["hash"]), stamp(event.time)] for pair in pairs if pair["kind"] in self._kinds()]
        tags = self._tags(event)
        if keys or tags:
            record = self.state.setdefault(f"visitor:{visitor}", {"member": None, "keys": [], "trail": {}})
            record["keys"] += [key for key in keys if key[:2] not in [other[:2] for other in record["keys"]]]
            _follow(record["trail"], tags, event.time)
            self._remember(visitor)

    def _remember(self, visitor):
        self.timers.set("visitor", visitor, self.now + timedelta(days=self.config.tag_ttl_d))

    @timer("visitor")
    def visitor_ends(self, due):
        """A visitor who was not seen for the life of a tag is nobody's trace any longer."""
        self.state.pop(f"visitor:{due.key}", None)

    def _payer(self, pairs):
        """The one person whose token paid, for a receipt that names no member."""
        holders = {one for pair in pairs for one in self.state.get(f"key:{pair['kind']}:{pair['hash']}", ())}
        persons = {self.state[f"profile:{one}"]["person"] for one in holders if f"profile:{one}" in self.state}
        return persons.pop() if len(persons) == 1 else None

    def _take(self, member, event, pairs):
        """Keys and tags of a trace go to the member's profile, with what its visitor left before."""
        profile, when = self.state[f"profile:{member}"], stamp(event.time)
        keys = [(pair["kind"], str(pair["hash"]), when) for pair in pairs]
        visitor = event.get("visitor")
        if visitor:
            waited = self.state.get(f"visitor:{visitor}", {"member": None})
            if waited["member"] is None:
                keys += map(tuple, waited.get("keys", ()))
                for name, last in waited.get("trail", {}).items():
                    _follow(profile["trail"], [name], parse_time(last))
            self.state[f"visitor:{visitor}"] = {"member": member}
            self._remember(visitor)
        for kind, value, at in keys:
            if "phone" in kind and RAW_PHONE.match(value):
                yield self._refuse(member, event)
            elif kind in self._kinds():
                self._hold(member, kind, value, at)
        _follow(profile["trail"], self._tags(event), event.time)
        if profile["stale"]:
            profile["stale"] = False
            yield from self._settle({member})
        else:
            yield from self._give(profile["person"], self.state[f"profile:{profile['person']}"])
            self._measure()

    def _hold(self, member, kind, value, at):
        """A profile holds a key since a time; of a key on very many, as a kiosk's, the first holders are enough."""
        profile, holders = self.state[f"profile:{member}"], self.state.setdefault(f"key:{kind}:{value}", [])
        held = profile["keys"].setdefault(kind, {})
        if at < held.get(value, "~"):
            held[value], profile["stale"] = at, True
        if member not in holders and (kind in self.config.strong_keys or len(holders) < MOST_HOLDERS):
            holders.append(member)

    def _joining(self, profile):
        """The keys of a profile that can join it to another: weak ones on too many are left out."""
        fanout, strong = self.config.weak_fanout, self.config.strong_keys
        return {
            kind: {value: at for value, at in values.items() if kind in strong or len(self.state[f"key:{kind}:{value}"]) <= fanout}
            for kind, values in profile["keys"].items()
        }

    def _kinds(self):
        return {*self.config.strong_keys, *self.config.weak_keys}

    def _refuse(self, member, event):
        text = self.say(f"{event.source} sends phone numbers that are not hashed", f"{event.source} 发送了未加密的手机号")
        return out("alert.raise", alert=f"raw-phone-{member}", kind="raw_phone", severity="high", state="open", subject=member, text=text,
                   ref=event.ref)  # fmt: skip

    # Persons

    def _part(self, member, ids):
        """A source takes a merge back, where it is young enough: the profile and these are not one person."""
        profile = self.state[f"profile:{member}"]
        group = {profile["person"], *self.state[f"profile:{profile['person']}"]["merged"]} - {member}
        for other in sorted(group if ids is True else group & set(ids)):
            since = [self.state[f"profile:{one}"]["since"] for one in (member, other)]
            if all(at is None or self._young(at) for at in since):
                self.state["apart"] = [*self.state.get("apart", []), sorted((member, other))]

    def _young(self, at):
        return self.now - parse_time(at) <= timedelta(days=self.config.unmerge_days)

    def _around(self, members):
        """These profiles and all that share a key with one of them, directly or through others; also by the weak key that has just
        become one of too many, for what it joined falls."""
        found, todo = {}, [one for one in members if f"profile:{one}" in self.state]
        while todo:
            one = todo.pop()
            if one in found:
                continue
            found[one] = profile = self.state[f"profile:{one}"]
            todo += [profile["person"], *profile["merged"]]
            for kind, values in profile["keys"].items():
                holders = [self.state[f"key:{kind}:{value}"] for value in values]
                near = [held for held in holders if kind in self.config.strong_keys or len(held) <= self.config.weak_fanout + 1]
                todo += [other for held in near for other in held]
            todo = [other for other in todo if f"profile:{other}" in self.state]
        return found

    def _settle(self, members):
        """Persons, households, conflicts and tags anew, of the profiles that a trace touches."""
        profiles = self._around(members)
        old = {profile["person"] for profile in profiles.values()}
        found = identity.resolve(
            {one: self._joining(profile) for one, profile in profiles.items()},
            self.config.strong_keys, self.config.weak_keys, self.config.weak_fanout,
            fixed=[(one, profile["person"]) for one, profile in profiles.items() if profile["since"] and not self._young(profile["since"])],
            apart={frozenset(pair) for pair in self.state.get("apart", ())},
        )  # fmt: skip
        age = {one: (profile["created"], profile["seen"], one) for one, profile in profiles.items()}
        heads = {group: min(group, key=age.__getitem__) for group in found.persons.values()}
        person = {one: heads[group] for one, group in found.persons.items()}
        self._total("persons", len(heads) - len(old & profiles.keys()))
        for one in sorted(profiles):
            yield from self._place(one, profiles[one], person[one], sorted(set(found.persons[one]) - {one}))
        yield from self._house(profiles, {head: home for home in found.households for group in home for head in [person[group]]}, person)
        yield from self._object(profiles, {tuple(sorted((person[a], person[b]))): kind for a, b, kind in found.conflicts})
        for one in sorted(profiles):
            yield from self._give(one, profiles[one])
        self._measure()

    def _place(self, one, profile, person, others):
        """A profile's person; told where a person gains or loses profiles."""
        before = (profile["person"], profile["merged"])
        profile["person"], profile["merged"] = person, others if person == one else []
        if person != one:
            profile["since"] = profile["since"] if before[0] != one else stamp(self.now)
        elif before[0] != one or before[1] != others:
            profile["since"] = None
            yield self._told(one, profile)

    def _told(self, one, profile):
        shared = [tag for tag in self._live(profile) if tag.startswith(f"{GROUP}:")] if self.config.shared_namespace else []
        tags = {tag for part in self._group(profile) for tag in part["tags"]} | {tag.rpartition(":")[2] for tag in shared}
        return out("member.profile", member=one, merged_from=profile["merged"], consents=self._consents(profile), tags=sorted(tags))

    def _group(self, profile):
        return [profile, *(self.state[f"profile:{other}"] for other in profile["merged"])]

    def _consents(self, profile):
        merged = identity.stricter(part["consents"] for part in self._group(profile))
        return {"marketing": False, "profiling": False, **merged}

    def _house(self, profiles, homes, person):
        """Households are told to their persons; who is in none any longer is told too."""
        for one in sorted(profiles):
            profile = profiles[one]
            home = self._number(min(homes[one])) if one in homes else None
            if home != profile["home"]:
                yield out("segment.assign", scheme="household", segment=home or "none", member=one, previous=profile["home"])
                profile["home"] = home

    def _number(self, first):
        salt = self.secret(self.config.salt_id)
        return hmac.new(salt.encode(), first.encode(), hashlib.sha256).hexdigest()[:16]

    def _object(self, profiles, conflicts):
        open_ = self.state.setdefault("conflicts", {})
        for pair, kind in sorted(conflicts.items()):
            if "|".join(pair) not in open_:
                open_["|".join(pair)] = kind
                self.kpi.add("merge_conflicts")
                yield self._conflict(pair, kind, "open")
        for name in [name for name in open_ if set(name.split("|")) & profiles.keys() and tuple(name.split("|")) not in conflicts]:
            yield self._conflict(name.split("|"), open_.pop(name), "cleared")

    def _conflict(self, pair, kind, state):
        text = self.say(f"{pair[0]} and {pair[1]} share {kind}, yet not their phone", f"{pair[0]} 与 {pair[1]} 的 {kind} 相同，手机号不同")
        return out("alert.raise", alert=f"merge-conflict-{pair[0]}-{pair[1]}", kind="merge_conflict", severity="warn", state=state,
                   subject=pair[0], text=text)  # fmt: skip

    def _forget(self, member):
        """A profile whose person left: its keys, tags and traces go, and merges that stood on them fall."""
        if f"profile:{member}" not in self.state:
            return
        around = self._around({member}).keys() - {member}
        profile = self.state.pop(f"profile:{member}")
        for kind, values in profile["keys"].items():
            for value in values:
                holders = self.state[f"key:{kind}:{value}"]
                if holders == [member]:
                    del self.state[f"key:{kind}:{value}"]
                elif member in holders and (kind in self.config.strong_keys or len(holders) < MOST_HOLDERS):
                    holders.remove(member)
        for visitor in [key for key in self.state if key.startswith("visitor:") and self.state[key]["member"] == member]:
            del self.state[visitor]
        self._total("profiles", -1)
        self._total("persons", -1 if profile["person"] == member else 0)
        self._total("tagged", -1 if profile["given"] else 0)
        for scheme in sorted(profile["given"]):
            yield _ended(scheme, member)
        for one in around:
            other = self.state[f"profile:{one}"]
            other["merged"] = [name for name in other["merged"] if name != member]
        if around:
            yield from self._settle(around)
        self._measure()

    # Tags

    def _tags(self, event):
        """Names of the rules that an event meets; each line of a sale or an order is tried."""
        rules, found = self.config.tag_rules, []
        for line in (event.get("lines") or [{}]) if rules else ():
            fields = {name: line.get(name, event.get(name)) for name in FIELDS} | {"stream": event.stream}
            product = self.tables.products.get(fields["gtin"] or fields["item"] or "") or {}
            fields["category"] = fields["category"] or product.get("category")
            fields["brand"] = fields["brand"] or product.get("brand")
            found += [rule.name for rule in rules if conditions.holds(rule.expression, fields)]
        return found

    def _live(self, profile):
        """Tag -> last seen, of a person's live tags."""
        last = {}
        for part in self._group(profile):
            for name, at in part["trail"].items():
                last[name] = max(last.get(name, at), at)
        return {name: at for name, at in last.items() if self.now < self._ends(at)}

    def _ends(self, at):
        return parse_time(at) + timedelta(days=self.config.tag_ttl_d)

    def _readers(self, rule):
        brand = rule.brand or GROUP
        brands = {other.brand or GROUP for other in self.config.tag_rules}
        return sorted({GROUP, *brands} if brand == GROUP and self.config.shared_namespace else {brand})

    def _give(self, one, profile):
        """Live tags go to the readers that may have them; what was given and is no more is ended."""
        live = self._live(profile) if profile["person"] == one else {}
        consents = self._consents(profile) if live else {}
        wanted = {}
        for rule in self.config.tag_rules:
            if rule.name in live and self._allowed(profile, consents, rule.purpose):
                wanted |= {f"{reader}:{rule.purpose}:{rule.tag}": self._ends(live[rule.name]) for reader in self._readers(rule)}
        given = profile["given"]
        self._total("tagged", bool(wanted) - bool(given))
        for scheme in sorted(given.keys() - wanted.keys()):
            yield _ended(scheme, one)
        for scheme, ends in sorted(wanted.items()):
            if given.get(scheme) != stamp(ends):
                previous = scheme.rpartition(":")[2] if scheme in given else None
                yield out("segment.assign", scheme=scheme, segment=scheme.rpartition(":")[2], member=one, previous=previous, valid_to=ends)
        profile["given"] = {scheme: stamp(ends) for scheme, ends in wanted.items()}
        if wanted:
            self.timers.set("tag", one, min(wanted.values()))
        else:
            self.timers.cancel("tag", one)

    def _allowed(self, profile, consents, purpose):
        known = {name for part in self._group(profile) for name in part["consents"]}
        return all(consents[name] for name in ("profiling", purpose) if name in known)

    @timer("tag")
    def tag_ends(self, due):
        if f"profile:{due.key}" in self.state:
            yield from self._give(due.key, self.state[f"profile:{due.key}"])
            self._measure()

    # Figures

    def _total(self, name, change):
        totals = self.state.setdefault("totals", {"profiles": 0, "persons": 0, "tagged": 0})
        totals[name] += change

    def _measure(self):
        totals = self.state["totals"]
        self.kpi.set("profiles", totals["profiles"])
        if totals["profiles"]:
            self.kpi.set("identity_match_rate", 100 * (1 - totals["persons"] / totals["profiles"]))
            self.kpi.set("tag_coverage", 100 * totals["tagged"] / totals["persons"])

    @every("1d", at="00:00")
    def daily(self, due):
        totals = self.state.get("totals")
        if not totals:
            return
        day = self.store.hours.ended_day(due.time)
        figures = {name: {"value": totals[name], "unit": "count"} for name in sorted(totals)}
        figures["conflicts"] = {"value": len(self.state.get("conflicts", ())), "unit": "count"}
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"identity-{day}", kind="identity",
                  version=1, figures=figures)  # fmt: skip


def _follow(trail, names, at):
    for name in names:
        trail[name] = max(trail.get(name, ""), stamp(at))


def _ended(scheme, member):
    return out("segment.assign", scheme=scheme, segment="none", member=member, previous=scheme.rpartition(":")[2])


@hookimpl
def storeloom_config_problems(config, store):
    """Expressions can be read, and no key both proves and hints."""
    problems = []
    for number, rule in enumerate(config["tag_rules"]):
        wrong = conditions.fault(rule["expression"], FIELDS)
        if wrong:
            problems.append(Problem(f"tag_rules.{number}.expression", wrong, f"表达式有误：{wrong}", "Write a condition.", "请改写条件。"))
    both = sorted(set(config["strong_keys"]) & set(config["weak_keys"]))
    if both:
        name = ", ".join(both)
        problems.append(Problem("weak_keys", f"{name} is strong too", f"{name} 同时是强标识", "Name it in one list.", "请只列入其中一个。"))
    return problems
