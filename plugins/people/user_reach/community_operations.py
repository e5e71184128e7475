"""Community operations: social groups near the store earn points vouchers and group offers by what members buy, told live.

A join puts a person into the group's newest sibling that has room (`g1`, `g1-2`, ...). A group's place is the first that a join told; a
store or a group without a place is not linked. Spend is the amounts of the lines after discounts, without what was paid in points; orders
earn when they are paid, drafts never, and the receipt of an order that earned (its payment names it) earns nothing more. All exchanges that
a balance allows are made at once, one by one. Returns of one receipt are taken together, so that two halves take back the whole; returns
stand in the ledger too, or it would not add up.

`points.change` carries the number and hash of its ledger entry in `ref`: the voucher. A member who shows one (`member.event` view with
`values.entry` and `values.hash`) has it compared by the nightly walk. A post goes to the group (`to`) when one of its members got a reward,
and names those who refused in `params.without`; a member who refused is no occasion for one, and a group of which all refused gets none.
A post that failed does not count to the day. A visit is a member's store day with a receipt in the store or a `member.event` visit.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.workers.insight import geo, reach
from storeloom.workers.loyalty import coupon_copies, vouchers

SCHEME = "community_group"
REMEMBER_RECEIPT = timedelta(days=365)
POST_ANSWERED_WITHIN = timedelta(days=2)


class CommunityOperations(Solution):
    number = 1
    zh, en = "数字化社群全渠道运营平台", "Community omni-channel operations platform"
    purpose_zh = "把社群就近绑定到门店，将消费转化为可追溯的积分凭证与群优惠，并实时展示社群在线上线下带来的业绩。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("points.change", "coupon.issue", "message.send", "segment.assign", "alert.raise", "insight.report")
    adapters = ("messaging", "online_store?")
    reads = ("members", "coupons", "products?")
    kpis = {
        "linked_groups": kpi("count", "Groups linked to the store", "已绑定门店的社群数"),
        "voucher_exchange_rate": kpi("%", "Points exchanged of points earned", "积分兑换率"),
        "group_sales_share": kpi("%", "Net sales to group members of all", "社群销售占比"),
        "store_visits_from_groups": kpi("count", "Store visits of group members", "社群到店人次"),
    }
    kinds = {
        "ledger_broken": ("The ledger of points does not hold", "积分账本校验失败"),
        "community_report": ("What the groups bring today", "社群实时报表"),
    }

    class Config(SolutionConfig):
        spend_per_point: int = setting(
            1500, "Net spend that earns one points voucher", "获得1积分的净消费", unit="minor", ge=1, le=1_000_000,
            help_en="What is left over is carried to the next receipt.", help_zh="余额结转至下一单。",
        )  # fmt: skip
        points_per_coupon: int = setting(
            10, "Balance at which points are exchanged for the reward", "兑换奖励所需积分", unit="points", ge=1, le=10_000,
            help_en="The exchange is made at once.", help_zh="达到即自动兑换。",
        )  # fmt: skip
        reward_coupon: str = setting(
            "community_reward", "Coupon given in exchange", "兑换的优惠券", min_length=1,
            help_en="A template of the table coupons.", help_zh="优惠券表中的模板编号。",
        )  # fmt: skip
        store_radius_m: int = setting(
            3000, "Farthest group that is linked to this store", "绑定门店的最远距离", unit="m", ge=100, le=50_000,
            help_en="Great circle; groups further away stay online-only.", help_zh="大圆距离；更远的社群仅限线上。",
        )  # fmt: skip
        max_group_size: int = setting(
            200, "Members of a full group", "社群人数上限", unit="members", ge=10, le=500,
            help_en="More join a sibling.", help_zh="超出者进入分群。",
        )  # fmt: skip
        daily_group_posts: int = setting(3, "Most posts to one group in a day", "每群每日最多发帖数", ge=0, le=20)
        report_every: int = setting(15, "How often the live report is made", "实时报表间隔", unit="min", ge=1, le=1440)
        networks: list[str] = setting(
            lambda: ["chat_group", "short_video", "messenger"], "Social networks whose groups are taken in", "接入的社交网络",
            help_en="Joins on others are ignored.", help_zh="其他网络的入群不受理。",
        )  # fmt: skip

    # Groups

    @on("member.event")
    def did(self, event):
        member = event.get("member")
        if event["kind"] == "join" and event.get("group"):
            yield from self._join(event)
        elif member and event["kind"] == "share":
            yield from self._gift(event, member, event.get("values") or {})
        elif member and event["kind"] == "view":
            self._shown(event.get("values") or {})
        elif member and event["kind"] == "visit" and self._linked(member):
            self._visit(member, event)
        if member and (event["kind"] == "opt_out" or event.get("consent") is not None):
            self._person(member)["refused"] = event["kind"] == "opt_out" or not event["consent"]

    def _join(self, event):
        base = self.state.get(f"group:{event['group']}", {}).get("base", event["group"])
        known = self.state.get(f"group:{base}")
        network = event.get("network") or (known or {}).get("network")
        who = event.get("member") or event.get("visitor")
        if network not in self.config.networks or who is None:
            return
        if known is None:
            known = self._open(base, base, network)
        self._place(known, event.get("geo"))
        if any(who in self._group(name)["members"] for name in known["siblings"]):
            return
        name = next((name for name in known["siblings"] if len(self._group(name)["members"]) < self.config.max_group_size), None)
        if name is None:
            name = f"{base}-{len(known['siblings']) + 1}"
            self._open(base, name, network)
            known["siblings"].append(name)
        self._group(name)["members"].append(who)
        previous = self._person(who)["groups"][-1:]
        self._person(who)["groups"].append(name)
        self._count_linked()
        reason = f"linked, {round(known['distance_m'])} m" if self._is_linked(name) else "online only"
        yield out("segment.assign", scheme=SCHEME, segment=name, member=event.get("member"), visitor=event.get("visitor"),
                  previous=previous[0] if previous else None, reason=reason)  # fmt: skip

    def _open(self, base, name, network):
        self.state.setdefault("groups", []).append(name)
        made = {"base": base, "network": network, "members": [], "posts": {}}
        self.state[f"group:{name}"] = made | ({"siblings": [name], "distance_m": None} if name == base else {})
        return self.state[f"group:{name}"]

    def _place(self, group, place):
        here = self.store.profile.get("geo")
        if place and here and group["distance_m"] is None:
            group["distance_m"] = geo.distance_m(here, place)

    def _group(self, name):
        return self.state[f"group:{name}"]

    def _is_linked(self, name):
        distance_m = self._group(self._group(name)["base"])["distance_m"]
        return distance_m is not None and distance_m <= self.config.store_radius_m

    def _count_linked(self):
        self.kpi.set("linked_groups", sum(self._is_linked(name) for name in self.state["groups"]))

    def _person(self, who):
        return self.state.setdefault(f"person:{who}", {"groups": [], "refused": None, **vouchers.new_account()})

    def _linked(self, member):
        """The linked groups of a member."""
        return [name for name in self.state.get(f"person:{member}", {"groups": ()})["groups"] if self._is_linked(name)]

    # Points

    @on("pos.sale")
    def sold(self, event):
        paid_orders = [ref for payment in event.get("payments", ()) if f"receipt:{(ref := payment.get('ref'))}" in self.state]
        if event["kind"] == "sale" and not paid_orders:
            yield from self._bought(event, event["receipt"], in_store=event.get("channel") != "online")
        elif event["kind"] == "return" and event.get("original"):
            yield from self._return(event, event["original"], event["receipt"], -event["total"])
        elif event["kind"] == "void":
            yield from self._void(event, event.get("original", event["receipt"]))

    @on("order.placed?")
    def ordered(self, event):
        if event.get("paid") and not event.get("draft"):
            yield from self._bought(event, event["order"], in_store=False)

    def _bought(self, event, receipt, in_store):
        if f"receipt:{receipt}" in self.state:
            return
        member = event.get("member")
        in_points = sum(payment["amount"] for payment in event.get("payments", ()) if payment.get("method") == "points")
        net = max(0, sum(line["amount"] for line in event["lines"]) - in_points)
        linked = self._linked(member) if member else []
        sold = {"member": member if linked else None, "in_store": in_store, **vouchers.new_receipt(net, 0)}
        self.state[f"receipt:{receipt}"] = sold
        self.timers.set("forget", receipt, self.now + REMEMBER_RECEIPT)
        self._count_sale(event, sold, net)
        if not linked or (self.tables.members.get(member) or {}).get("left"):
            return
        if in_store:
            self._visit(member, event)
        sold["points"] = vouchers.earn(self._person(member), net, self.config.spend_per_point)
        if sold["points"]:
            self.kpi.share("voucher_exchange_rate", 0, sold["points"])
            self._today(event.time)["points"] += sold["points"]
            yield self._change(event, "earn", member, sold["points"], receipt=receipt)
            yield from self._exchange(event, member)

    def _count_sale(self, event, sold, net):
        ours = net if sold["member"] else 0
        self.kpi.share("group_sales_share", ours, net)
        today = self._today(event.time)
        today["group_sales"] += ours
        today["in_store_sales"] += ours if sold["in_store"] else 0
        if sold["member"] and net > 0:
            today["active"][sold["member"]] = 1

    def _exchange(self, event, member):
        person, price = self._person(member), self.config.points_per_coupon
        while person["balance"] >= price:
            person["balance"] -= price
            self.kpi.share("voucher_exchange_rate", price, 0)
            row = self.tables.coupons.get(self.config.reward_coupon) or {"template": self.config.reward_coupon}
            change = self._change(event, "redeem", member, -price)
            copy = f"{row['template']}:{member}:{self.state[vouchers.HEAD]['entries']}"
            yield change
            yield out("coupon.issue", coupon_copies.copy_for(row, copy, member, self.now, self.store.hours), campaign=SCHEME, ref=event.ref)
            yield from self._post(event, member, row)

    def _gift(self, event, giver, values):
        to, points = values.get("to"), values.get("points")
        if not to or to == giver or not isinstance(points, int) or points <= 0 or self._person(giver)["balance"] < points:
            return
        self._person(giver)["balance"] -= points
        self._person(to)["balance"] += points
        self._today(event.time)["active"][giver] = 1
        given = self._change(event, "gift", giver, -points, to=to)
        yield given
        yield self._told(event, "gift", to, points, ref=given.data["ref"])
        yield from self._exchange(event, to)

    @on("pos.exception?")
    def exception(self, event):
        if event["kind"] == "return":
            original = event.get("original") or event.get("receipt")
            name = event.get("receipt") if event.get("original") else None
            yield from self._return(event, original, name, abs(event.get("amount", 0)))
        elif event["kind"] == "void_receipt":
            yield from self._void(event, event.get("receipt"))

    def _void(self, event, receipt):
        """A voided receipt comes back whole."""
        yield from self._return(event, receipt, "void", self.state.get(f"receipt:{receipt}", {}).get("net", 0))

    def _return(self, event, original, name, amount):
        sold = self.state.get(f"receipt:{original}")
        if sold is None:
            return
        before = sold["returned"]
        points = vouchers.take_back(sold, name, amount)
        self._count_sale(event, sold, before - sold["returned"])
        if points:
            self._person(sold["member"])["balance"] -= points
            self._today(event.time)["points"] -= points
            yield self._change(event, "return", sold["member"], -points, receipt=original)

    @timer("forget")
    def forget(self, due):
        del self.state[f"receipt:{due.key}"]

    def _change(self, event, reason, member, delta, **more):
        """A change that stands in the ledger; its `ref` is the voucher."""
        entry = {"time": event.time.isoformat(), "member": member, "delta": delta, "reason": reason, **more}
        number, proof = vouchers.append(self.state, entry)
        return self._told(event, reason, member, delta, ref={**event.ref, **more, "entry": number, "hash": proof})

    def _told(self, event, reason, member, delta, ref):
        return out(
            "points.change", member=member, delta=delta, reason=reason, balance=self._person(member)["balance"], source=SCHEME, ref=ref
        )

    # Posts

    def _refuses(self, member):
        told = self._person(member)["refused"]
        row = self.tables.members.get(member) or {}
        return bool(row.get("left")) or (reach.refuses(row, ("marketing",)) if told is None else told)

    def _post(self, event, member, row):
        """Tell a member's groups of the reward, as long as they had not their posts of the day."""
        if self._refuses(member):
            return
        day = self.store.hours.store_day(event.time).isoformat()
        goods = [(self.tables.products.get(gtin) or {}).get("name", gtin) for gtin in row.get("gtins") or ()]
        name = row.get("name", row["template"]) + (f" ({', '.join(goods)})" if goods else "")
        for group in self._linked(member):
            posts = self._group(group)["posts"]
            if posts.get("day") != day:
                posts |= {"day": day, "number": 0, "counted": 0}
            if posts["counted"] >= self.config.daily_group_posts:
                continue
            posts["number"] += 1
            posts["counted"] += 1
            message = f"{group}:{day}:{posts['number']}"
            self.state[f"post:{message}"] = group
            self.timers.set("answered", message, self.now + POST_ANSWERED_WITHIN)
            without = [one for one in self._group(group)["members"] if self._refuses(one)]
            text = self.say(
                f"Shop together: {name} for {self.config.points_per_coupon} points", f"拼单集分：{self.config.points_per_coupon}分兑{name}"
            )
            yield out("message.send", message=message, channel="work_chat", to=group, template=row["template"], text=text, campaign=SCHEME,
                      purpose="marketing", params={"without": without} if without else None)  # fmt: skip

    @on("message.outcome?")
    def answered(self, event):
        to, status = event.get("to"), event["status"]
        if status == "unsubscribed" and to and f"person:{to}" in self.state:
            self._person(to)["refused"] = True
        group = self.state.pop(f"post:{event['message']}", None) if status == "failed" else None
        if group and event["message"].startswith(f"{group}:{self._group(group)['posts']['day']}:"):
            self._group(group)["posts"]["counted"] -= 1

    @timer("answered")
    def post_over(self, due):
        self.state.pop(f"post:{due.key}", None)

    # Ledger

    def _shown(self, values):
        number, proof = values.get("entry"), values.get("hash")
        if isinstance(number, int) and isinstance(proof, str) and 0 < number <= self.state.get(vouchers.HEAD, {"entries": 0})["entries"]:
            self.state.setdefault("shown", {})[str(number)] = proof

    @every("1d", at="02:00")
    def walk(self, due):
        shown = {int(number): proof for number, proof in self.state.pop("shown", {}).items()}
        broken = vouchers.first_broken(self.state, shown)
        if broken is not None:
            text = self.say(f"Entry {broken} of the ledger does not hold", f"积分账本第{broken}条校验失败")
            yield out("alert.raise", alert=f"ledger_broken:{broken}", kind="ledger_broken", severity="critical", state="open",
                      subject=str(broken), text=text, value=broken)  # fmt: skip

    # Report

    def _today(self, at):
        day = self.store.hours.store_day(at).isoformat()
        found = self.state.setdefault("today", {"day": day})
        if found["day"] < day:
            found = self.state["today"] = {"day": day}
        for name in ("points", "group_sales", "in_store_sales", "version"):
            found.setdefault(name, 0)
        for name in ("active", "visits"):
            found.setdefault(name, {})
        return found

    def _visit(self, member, event):
        today = self._today(event.time)
        if member not in today["visits"]:
            today["visits"][member] = 1
            self.kpi.add("store_visits_from_groups")

    @every("config.report_every|min")
    def report(self, due):
        names = self.state.get("groups", [])
        if not names:
            return
        last = due.time - timedelta(microseconds=1)
        today, day = self._today(last), self.store.hours.store_day(last)
        today["version"] += 1
        sales = today["group_sales"]
        figures = {"groups": (len(names), "count"), "linked_groups": (sum(self._is_linked(name) for name in names), "count"),
                   "active_members": (len(today["active"]), "count"), "points": (today["points"], "points"),
                   "group_sales": (sales, "minor"), "visits": (len(today["visits"]), "count")}  # fmt: skip
        if sales > 0:
            figures["in_store_share"] = (100 * today["in_store_sales"] / sales, "%")
        rows = [self._row(name) for name in names]
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"community:{day}",
                  kind="community_report", version=today["version"], rows=rows,
                  figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip

    def _row(self, name):
        group, distance_m = self._group(name), self._group(self._group(name)["base"])["distance_m"]
        known = {} if distance_m is None else {"distance_m": round(distance_m)}
        return {"group": name, "network": group["network"], "members": len(group["members"]), "linked": self._is_linked(name), **known}
