"""Content seeding and creator affiliates: posts are checked, links followed to sales, commission paid after returns, false traffic taken
out.

A post is a `social.mention` with a `creator`; told again, its text and figures are replaced, and a mended one opens. Rules are `ad_mark`,
`banned_words` and `price` (claims beside a currency must be a current price of its products). Net sales are an order's lines, without the
delivery fee; an unpaid order counts when it is told again as paid, an online order and its receipt once, a return that is requested and
then booked at the till once. Commission is paid order by order, rounded down; a suspended post's stays frozen.

A shopper is the member, or the visitor until a visit names both. Scores are told at closing where they changed; on the first of a month
the better half of the creators gets the next batch: the coupon template `creator_batch`, else the first of the table.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import stamp
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import creators, reach
from storeloom.workers.loyalty import coupon_copies
from storeloom.workers.pricing import rows_by_item
from storeloom.workers.pricing.money import exact
from storeloom.workers.pricing.prices import base_price

BATCH, CLICKS_KEPT, ORDERS_KEPT = "creator_batch", 10, timedelta(days=120)
RULES = {
    "ad_mark": ("it does not carry the advertising mark", "未标注广告标识"),
    "banned_words": ("it uses a word that is not allowed", "含有禁用词"),
    "price": ("it claims a price that does not hold", "宣称价格与现价不符"),
}


class ContentSeeding(Solution):
    number = 30
    zh, en = "内容种草与达人分销", "Content seeding and creator affiliates"
    purpose_zh = "与员工和顾客达人合作：发布前审核，链接追踪到店与成交，扣退货后诚实结佣，剔除虚假流量。"
    formats = ("specialty", "mall", "supermarket", "convenience")
    produces = ("score.report", "points.change", "coupon.issue", "message.send", "alert.raise", "insight.report")
    adapters = ("online_store", "messaging?")
    reads = ("products", "members", "coupons", "prices?")
    kpis = {
        "orders_from_content": kpi("count", "Orders from creators' links", "种草成交订单"),
        "commission_ratio": kpi("%", "Commission of attributed net sales", "佣金率"),
        "false_traffic_posts": kpi("count", "Posts suspended for false traffic", "虚假流量内容数"),
        "posts_stopped": kpi("count", "Posts stopped before going out", "拦截内容数"),
    }
    kinds = {
        "false_traffic": ("Clicks of a post come from one device or network", "内容点击疑似虚假流量"),
        "content_seeding": ("Clicks, orders and commission by post", "内容点击、成交与佣金"),
    }

    class Config(SolutionConfig):
        commission_pct: float = setting(8, "Share of attributed net sales", "佣金比例", unit="%", ge=0, le=50)
        link_days: int = setting(7, "Days in which the last click gets the order", "链接有效天数", unit="d", ge=1, le=30)
        hold_days: int = setting(15, "Wait for returns before paying", "结佣等待天数", unit="d", ge=0, le=60)
        banned_words: list[str] = setting(lambda: ["best", "first", "cure"], "Words that stop a post", "禁用词")
        ad_mark: str = setting("ad", "Mark that every paid post carries", "广告标识", min_length=1)
        device_share_max: float = setting(30, "Most clicks from one device or network", "单设备点击占比上限", unit="%", ge=5, le=100)
        min_clicks: int = setting(50, "Clicks before a post is judged", "判定所需点击数", ge=10, le=1000)
        shrink_views: int = setting(500, "Weight of the mean engagement", "平均互动率权重", unit="views", ge=0, le=10000)

    # Posts

    @on("social.mention")
    def mentioned(self, event):
        if not event.get("creator"):
            return
        key = f"post:{event['mention']}"
        fresh = {"creator": event["creator"], "state": "new", "rules": [], "clicks": 0, "devices": {}, "networks": {}, "orders": 0,
                 "net": 0, "paid": 0, "views": 0, "engagements": 0}  # fmt: skip
        post = self.state.setdefault(key, fresh)
        post["views"] = max(post["views"], event.get("reach", 0))
        post["engagements"] = max(post["engagements"], event.get("engagements", 0))
        if event.get("deleted"):
            post["state"] = "deleted"
        elif post["state"] in ("new", "stopped", "open"):
            yield from self._check(event, post)

    def _check(self, event, post):
        """Open the link of a post that keeps the rules; else tell the creator which it breaks, once for the same ones."""
        prices = [price for gtin in event.get("products") or () if (price := self._price(gtin)) is not None]
        rules = creators.broken_rules(event["text"], self.config.ad_mark, self.config.banned_words, prices, self.store.currency)
        if not rules:
            post.update(state="open", rules=[])
            return
        if post["state"] != "stopped":
            self.kpi.add("posts_stopped")
        told = post["rules"] == rules
        post.update(state="stopped", rules=rules)
        channel = reach.first_channel(self.tables.members.get(event["creator"]))
        if channel and not told:
            words = [RULES[rule] for rule in rules]
            text = self.say(
                f"Your post is stopped: {'; '.join(en for en, _ in words)}.", f"您的内容未通过：{'；'.join(zh for _, zh in words)}。"
            )
            yield out("message.send", message=f"post_stopped:{event['mention']}:{'+'.join(rules)}", channel=channel, to=event["creator"],
                      template="post_stopped", text=text, params={"rule": rules[0], "rules": rules, "mention": event["mention"]},
                      purpose="service", campaign=event["mention"])  # fmt: skip

    def _price(self, gtin):
        rows = self.tables.prices.derived("by item", rows_by_item).get(item_key(gtin), ())
        found = base_price(rows, self.now, self.store.hours.zone)
        return (self.tables.products.get(gtin) or {}).get("list_price") if found is None else found

    # Clicks

    @on("web.visit")
    def visited(self, event):
        visitor, member = event["visitor"], event.get("member")
        if member and visitor != member:
            early = self.state.pop(f"clicks:{visitor}", [])
            if early:
                self.state[f"clicks:{member}"] = sorted([*self.state.get(f"clicks:{member}", []), *early])[-CLICKS_KEPT:]
        post = self.state.get(f"post:{event.get('token')}")
        if event["kind"] != "click" or post is None or post["state"] != "open":
            return
        key = f"clicks:{member or visitor}"
        self.state[key] = sorted([*self.state.get(key, []), [stamp(event.time), event["token"]]])[-CLICKS_KEPT:]
        self.timers.set("forget", key, self.now + timedelta(days=self.config.link_days + 1))
        post["clicks"] += 1
        for name, book in ((event.get("device"), post["devices"]), (event.get("network"), post["networks"])):
            if name:
                book[name] = book.get(name, 0) + 1
        yield from self._judge(event["token"], post)

    def _judge(self, mention, post):
        """Suspend a post whose clicks come too much from one device or network."""
        found = max((creators.concentration(post[book], post["clicks"]) for book in ("devices", "networks")), key=lambda one: one[1])
        if post["clicks"] < self.config.min_clicks or found[1] <= self.config.device_share_max:
            return
        post["state"] = "suspended"
        self.kpi.add("false_traffic_posts")
        text = self.say(f"{found[1]:.0f} % of a post's clicks are one source's", f"内容点击的{found[1]:.0f}%来自同一来源")
        yield out("alert.raise", alert=f"false_traffic:{mention}", kind="false_traffic", severity="high", state="open", subject=mention,
                  text=text, value=found[1], limit=self.config.device_share_max, unit="%",
                  ref={"creator": post["creator"], "source": found[0], "clicks": post["clicks"]})  # fmt: skip

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    # Orders

    @on("order.placed")
    def ordered(self, event):
        if event["paid"] and not event.get("draft"):
            shopper = event.get("member") or event.get("visitor")
            self._sold(event, event["order"], shopper, [event["payer"]] if event.get("payer") else [])

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] == "sale":
            payers = [payment["payer"] for payment in event.get("payments") or () if payment.get("payer")]
            self._sold(event, event["receipt"], event.get("member"), payers)
        elif event["kind"] == "return" and event.get("original"):
            self._returned(event["original"], "till", event["receipt"], abs(event["total"]))
        elif event["kind"] == "void":
            self._returned(event["receipt"], "void", event["receipt"], abs(event["total"]))

    @on("return.requested?")
    def return_asked(self, event):
        amount = sum(abs(line["amount"]) for line in event["lines"])
        self._returned(event.get("order") or event.get("receipt"), "asked", event["return"], amount)

    def _sold(self, event, number, shopper, payers):
        """Give an order to the last creator clicked, unless it is the creator's own."""
        for payer in payers if event.get("member") else ():
            known = self.state.setdefault(f"payer:{payer}", [])
            known += [event["member"]] if event["member"] not in known else []
        if f"order:{number}" in self.state or shopper is None:
            return
        since = stamp(event.time - timedelta(days=self.config.link_days))
        clicks = [one for one in self.state.get(f"clicks:{shopper}", ()) if since <= one[0] <= stamp(event.time)]
        if not clicks:
            return
        mention = clicks[-1][1]
        post = self.state[f"post:{mention}"]
        own = event.get("member") == post["creator"] or any(post["creator"] in self.state.get(f"payer:{payer}", ()) for payer in payers)
        net = sum(line["amount"] for line in event["lines"]) if event.get("lines") else event["total"]
        self.state[f"order:{number}"] = {"mention": mention, "net": net, "returns": []}
        self.timers.set("forget", f"order:{number}", self.now + ORDERS_KEPT)
        if own:
            return
        post["orders"] += 1
        post["net"] += net
        self.kpi.add("orders_from_content")
        self.timers.set("pay", number, max(self.now, event.time + timedelta(days=self.config.hold_days)))

    def _returned(self, number, how, name, amount):
        order = self.state.get(f"order:{number}")
        if order is None or any(one[:2] == [how, name] for one in order["returns"]):
            return
        told = next((one for one in order["returns"] if one[0] != how and one[2] == amount and not one[3]), None)
        if told is not None:
            told[3] = True
        order["returns"].append([how, name, 0 if told else amount, told is not None])

    @timer("pay")
    def pay(self, due):
        """The time for returns is over: commission on what stayed, unless the post is suspended."""
        order = self.state[f"order:{due.key}"]
        post = self.state[f"post:{order['mention']}"]
        net = max(0, order["net"] - sum(one[2] for one in order["returns"]))
        points = int(exact(self.config.commission_pct) * net // 100)
        if post["state"] == "suspended":
            return
        self.kpi.share("commission_ratio", points, net)
        post["paid"] += points
        if points:
            yield out("points.change", member=post["creator"], delta=points, reason="earn", source=order["mention"], ref={"order": due.key})

    # Creators

    def _creators(self):
        found: dict[str, dict[str, float]] = {}
        for key in sorted(key for key in self.state if key.startswith("post:")):
            post = self.state[key]
            one = found.setdefault(post["creator"], dict.fromkeys(("engagements", "views", "orders", "clicks"), 0))
            for name in one:
                one[name] += post[name]
        return found

    def _ranked(self):
        scores = creators.scores(self._creators(), self.config.shrink_views)
        return [(creator, scores[creator]) for creator in sorted(scores, key=lambda one: (-scores[one]["score"], one))]

    @every("1d", at="close")
    def report(self, due):
        ranked = self._ranked()
        if not ranked or ranked == [tuple(one) for one in self.state.get("told", ())]:
            return
        self.state["told"] = [list(one) for one in ranked]
        day = self.store.hours.ended_day(due.time)
        window = {"from": self.store.hours.midnight(day), "to": due.time}
        for rank, (creator, score) in enumerate(ranked, 1):
            parts = [
                {"name": "engagement_rate", "value": score["rate"], "unit": "%"},
                {"name": "orders_per_1000_clicks", "value": score["orders_per_1000"]},
            ]
            yield out("score.report", window, scheme="creator", subject_kind="member", subject=creator, score=score["score"], parts=parts,
                      rank=rank, of=len(ranked))  # fmt: skip
        posts = {key.partition(":")[2]: self.state[key] for key in sorted(self.state) if key.startswith("post:")}
        rows = [
            {"mention": name, **{part: post[part] for part in ("creator", "state", "clicks", "orders", "net", "paid")}}
            for name, post in posts.items()
        ]
        figures = {part: {"value": sum(post[part] for post in posts.values()), "unit": unit}
                   for part, unit in (("clicks", "count"), ("orders", "count"), ("net", "minor"), ("paid", "points"))}  # fmt: skip
        yield out("insight.report", window, report=f"content_seeding:{day}", kind="content_seeding", version=1, figures=figures, rows=rows)

    @every("1d", at="open")
    def batch(self, due):
        """On the first of a month the better half of the creators gets the next batch."""
        today = self.store.hours.store_day(due.time)
        offers = sorted(self.tables.coupons.rows(), key=lambda row: row["template"] != BATCH)
        ranked = self._ranked() if today.day == 1 and offers else []
        for creator, _ in ranked[: (len(ranked) + 1) // 2]:
            coupon = f"{BATCH}:{today:%Y-%m}:{creator}"
            issued = coupon_copies.copy_for(offers[0], coupon, creator, due.time, self.store.hours)
            yield out("coupon.issue", issued, campaign=BATCH)
