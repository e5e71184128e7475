"""Competitor price watch: offers matched to own items, nonsense prices kept out, an index by category, and answers on known-value items.

A competitor's price of an item is the newest seen that is valid; prices are compared for the own pack's content. An outlier is confirmed by
a price alike from another source, or on a later store day; from then on that level is the offer's usual one. An offer whose content is not
known matches by GTIN alone. While a person is asked, the offer's latest price waits with the task; the answer is `approved` or `rejected`,
or `done` with a yes or no in `values`, and holds for that competitor's article (its sku, else its words) from then on.

Known-value items are looked at when a price comes in and at opening. An item on a running promotion is not answered before the promotion
has ended. The index is reported at close and leaves out items without a competitor's price. Prices follow down; they are not raised again.
"""

from datetime import timedelta
from statistics import median
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

SALES_DAYS = 28
LAST = 5
YES = (True, "yes", "same", "是")


class CompetitorPriceWatch(Solution):
    number = 127
    zh, en = "竞品价格采集与比价", "Competitor price watch"
    purpose_zh = "把竞品报价匹配到自有商品，挡住离谱价格，按品类给出价格指数，并对敏感商品作出应对。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("price.set", "insight.report", "task.create", "alert.raise")
    adapters = ("market_feed",)
    reads = ("products", "prices", "promotions?")
    kpis = {
        "price_index": kpi("index", "Own price over the lowest competitor's", "价格指数"),
        "match_rate": kpi("%", "Offers matched", "匹配率"),
        "kvi_dearer": kpi("count", "Known-value items found dearer", "偏贵的敏感商品"),
        "observations_quarantined": kpi("%", "Prices that had to wait", "待确认的价格"),
    }
    kinds = {
        "match_offer": ("Is this the same item", "确认是否同一商品"),
        "kvi_under_floor": ("A competitor is under the floor", "竞品价低于底线"),
        "price_index": ("Price index", "价格指数"),
    }

    class Config(SolutionConfig):
        match_min: float = setting(
            0.8, "Similarity that matches", "自动匹配相似度", ge=0.5, le=1,
            help_en="Of an offer without GTIN.", help_zh="用于没有条码的报价。",
        )  # fmt: skip
        review_min: float = setting(
            0.55, "Similarity that a person decides", "人工确认相似度", ge=0.2, le=0.8,
            help_en="Below it an offer is dropped.", help_zh="更低则丢弃。",
        )  # fmt: skip
        size_tolerance_pct: float = setting(
            2, "Pack sizes that are equal", "规格容差", unit="%", ge=0, le=20,
            help_en="Sizes closer than this.", help_zh="差异不超过该值视为相同。",
        )  # fmt: skip
        outlier_factor: float = setting(
            1.5, "Factor that waits", "异常倍数", ge=1.1, le=5,
            help_en="Above or below the median of the last five prices.", help_zh="高于或低于最近五次中位数的倍数。",
        )  # fmt: skip
        stale_days: int = setting(
            14, "Age at which a price no longer counts", "价格有效天数", unit="d", ge=1, le=90,
            help_en="Since it was seen.", help_zh="自采集时起。",
        )  # fmt: skip
        kvi: list[str] = setting(
            list,
            "Known-value items",
            "敏感商品",
            widget="product",
            help_en="Items on which the store answers.",
            help_zh="门店会应对的商品。",
        )
        tolerance_pct: float = setting(
            3, "How much dearer is allowed", "允许高出", unit="%", ge=0, le=30,
            help_en="A known-value item over the competitor.", help_zh="敏感商品相对竞品。",
        )  # fmt: skip
        min_margin_pct: float = setting(
            5, "Least margin of an answer", "应对价最低毛利", unit="% of cost", ge=-20, le=50,
            help_en="Below it an alert goes out instead.", help_zh="更低则改为告警。",
        )  # fmt: skip
        price_endings: list[Annotated[int, Field(ge=0, le=99)]] = setting(
            lambda: [90, 80, 60], "Allowed endings", "允许的尾数", unit="minor", min_length=1,
            help_en="Last two digits of an answer.", help_zh="应对价的最后两位。",
        )  # fmt: skip

    @on("competitor.price")
    def seen(self, event):
        gtin, similarity = self._match(event.data)
        self.kpi.share("match_rate", int(gtin is not None and similarity is None), 1)
        if gtin is None:
            return
        if similarity is None:
            yield from self._observe(gtin, {**event.data, "seen": event.get("seen") or rfc3339(event.time)})
            return
        name = self._article(event.data)
        asked = name in self.state
        self.state[name] = {"gtin": gtin, "same": None, "offer": {**event.data, "seen": event.get("seen") or rfc3339(event.time)}}
        if not asked:
            own = (self.tables.products.get(gtin) or {}).get("name", gtin)
            title = self.say(
                f"Is {event.get('name')} of {event['competitor']} our {own}?",
                f"{event['competitor']} 的 {event.get('name')} 是否即 {own}？",
            )
            values = {
                name: event.get(name)
                for name in ("competitor", "sku", "name", "brand", "content", "unit", "price")
                if event.get(name) is not None
            }
            yield out("task.create", task=f"match-{name}", kind="match_offer", title=title, priority=4, role="pricing",
                      items=[{"gtin": gtin}], values=values | {"gtin": gtin, "similarity": round(similarity, 3)})  # fmt: skip

    @on("task.done?")
    def judged(self, event):
        name = event["task"].removeprefix("match-")
        known = self.state.get(name) if name.startswith("article:") else None
        if known is None or known["same"] is not None or event["state"] == "accepted":
            return
        values = [one for key, one in (event.get("values") or {}).items() if key != "gtin" or one == known["gtin"]]
        known["same"] = event["state"] == "approved" or (event["state"] == "done" and any(one in (*YES, known["gtin"]) for one in values))
        offer = known.pop("offer")
        if known["same"]:
            yield from self._observe(known["gtin"], offer)

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        day = self.store.hours.store_day(event.time)
        for line in event["lines"]:
            days = self._item(line["gtin"])["days"]
            sign = -1 if event["kind"] == "return" or line["qty"] < 0 else 1
            units = abs(line["weight_g"]) / 1000 if line.get("weight_g") is not None else abs(line["qty"])
            days[day.isoformat()] = days.get(day.isoformat(), 0) + sign * units
            for old in [one for one in days if one <= (day - timedelta(days=SALES_DAYS)).isoformat()]:
                del days[old]

    @on_table("prices")
    def listed(self, table):
        """New prices of the table take the place of the answers given."""
        for name in [name for name in self.state if name.startswith("item:")]:
            self.state[name]["answer"] = None

    @every("1d", at="open")
    def look(self, due):
        for gtin in self.config.kvi:
            yield from self._answer(gtin)

    @every("1d", at="close")
    def report(self, due):
        sums, day = {}, self.store.hours.ended_day(due.time)
        earliest = (day - timedelta(days=SALES_DAYS)).isoformat()
        for product in self.tables.products.rows():
            own, theirs = self._own(product), self._lowest(product["gtin"])
            if own is None or theirs is None:
                continue
            sold = sum(units for one, units in self._item(product["gtin"])["days"].items() if one > earliest)
            units = sold if sold > 0 else 1
            ours, other, items = sums.get(product.get("category", ""), (0, 0, 0))
            sums[product.get("category", "")] = (ours + own * units, other + theirs[0] * units, items + 1)
        if not sums:
            return
        whole = 100 * sum(one[0] for one in sums.values()) / sum(one[1] for one in sums.values())
        self.kpi.set("price_index", whole)
        rows = [
            {"category": name, "index": round(100 * ours / other, 1), "items": items} for name, (ours, other, items) in sorted(sums.items())
        ]
        window = {"from": self.store.hours.midnight(day), "to": due.time}
        figures = {"price_index": {"value": round(whole, 1), "unit": "index"}}
        yield out("insight.report", window, report=f"price_index-{day}", kind="price_index", version=1, figures=figures, rows=rows)

    def _match(self, offer):
        """The own item of an offer and, where a person is to decide, how similar it is; (None, None) for an offer that is dropped."""
        if offer.get("gtin") and self.tables.products.get(offer["gtin"]):
            return self.tables.products.get(offer["gtin"])["gtin"], None
        known = self.state.get(self._article(offer))
        if known is not None and known["same"] is not None:
            return (known["gtin"], None) if known["same"] else (None, None)
        engine = self.workers.insight.offer_match
        similarity, gtin = engine.best(
            offer, self.tables.products.derived("offer_match", engine.candidates), self.config.size_tolerance_pct
        )
        if gtin is None or similarity < min(self.config.review_min, self.config.match_min):
            return None, None
        return gtin, None if similarity >= self.config.match_min else similarity

    def _article(self, offer):
        """What a competitor's article is remembered by: its sku, else its words and content."""
        words = offer.get("sku") or f"{self.workers.insight.offer_match.text_of(offer)}|{offer.get('content')}|{offer.get('unit')}"
        return f"article:{offer['competitor']}:{words}"

    def _observe(self, gtin, offer):
        """A price of an own item at a competitor, kept out while it is off the offer's usual prices."""
        product = self.tables.products.get(gtin) or {"gtin": gtin}
        price = self.workers.insight.offer_match.in_own_pack(offer["price"], offer, product)
        known = self._item(gtin)["offers"].setdefault(offer["competitor"], {"last": [], "seen": None, "waiting": None})
        seen, waiting = parse_time(offer["seen"]), known["waiting"]
        if known["seen"] is not None and seen < parse_time(known["seen"]):
            return
        off = bool(known["last"]) and self._apart(price, median(known["last"]))
        self.kpi.share("observations_quarantined", int(off), 1)
        day = self.store.hours.store_day(seen).isoformat()
        if off and not (
            waiting and not self._apart(price, waiting["price"]) and (waiting["source"] != offer.get("source") or waiting["day"] < day)
        ):
            if waiting is None or self._apart(price, waiting["price"]):
                known["waiting"] = {"price": price, "source": offer.get("source"), "day": day}
            return
        known |= {"last": [price] if off else [*known["last"], price][-LAST:], "seen": stamp(seen), "waiting": None}
        if self.workers.gs1.item_key(gtin) in map(self.workers.gs1.item_key, self.config.kvi):
            yield from self._answer(gtin)

    def _apart(self, one, other):
        return max(one, other) > self.config.outlier_factor * min(one, other)

    def _answer(self, gtin):
        """The answer on a known-value item that is dearer than the lowest competitor allows; an alert where it would be under the floor."""
        product, lowest = self.tables.products.get(gtin), self._lowest(gtin)
        own = self._own(product) if product else None
        if own is None or lowest is None:
            return
        item, today = self._item(gtin), self.store.hours.store_day(self.now).isoformat()
        theirs, competitor = lowest
        if own <= theirs * (1 + self.config.tolerance_pct / 100) + 1e-9:
            if item["alert"]:
                item["alert"] = False
                yield self._alert(product, theirs, None, "cleared")
            return
        if item["dearer"] != today:
            item["dearer"] = today
            self.kpi.add("kvi_dearer")
        if self._promoted(product) or item["set"] == today:
            return
        price = self.workers.pricing.endings.highest_ending(int(theirs + 1e-9), self.config.price_endings)
        floor = (product.get("cost") or 0) * (1 + self.config.min_margin_pct / 100)
        if price is None or price < floor - 1e-9:
            if not item["alert"]:
                item["alert"] = True
                yield self._alert(product, theirs, floor, "open")
            return
        item |= {"set": today, "answer": price}
        if item["alert"]:
            item["alert"] = False
            yield self._alert(product, theirs, floor, "cleared")
        reason = self.say(f"{competitor} asks {theirs:g}", f"{competitor} 售 {theirs:g}")
        yield out("price.set", {"from": self.now}, gtin=product["gtin"], price=price, kind="match", reason=reason, state="approved")

    def _alert(self, product, theirs, floor, state):
        name = product.get("name", product["gtin"])
        text = self.say(f"{name}: a competitor asks {theirs:g}, no answer above the floor", f"{name}：竞品售 {theirs:g}，应对价低于底线")
        return out("alert.raise", alert=f"kvi-{self.workers.gs1.item_key(product['gtin'])}", kind="kvi_under_floor", severity="warn",
                   state=state, subject=product["gtin"], text=text, value=theirs, limit=floor, unit="minor")  # fmt: skip

    def _promoted(self, product):
        listed = self.tables.prices.rows(gtin=product["gtin"], kind="promotion")
        return bool(listed) or self.workers.pricing.promoted.on_promotion(self.tables.promotions.rows(), product)

    def _own(self, product):
        """What everybody pays for an item now: by the price table, or by the answer given since."""
        pricing, zone, answer = self.workers.pricing, self.store.hours.zone, self._item(product["gtin"])["answer"]
        listed = self.tables.prices.derived("book", lambda rows: pricing.PriceBook(rows, zone=zone)).price_of(product, self.now)
        return answer if listed is None or (answer is not None and answer < listed) else listed

    def _lowest(self, gtin):
        """The lowest of the competitors' newest prices that still count, and whose it is."""
        since = stamp(self.now - timedelta(days=self.config.stale_days))
        offers = self._item(gtin)["offers"].items()
        return min(((one["last"][-1], name) for name, one in offers if one["last"] and one["seen"] >= since), default=None)

    def _item(self, gtin):
        empty = {"offers": {}, "days": {}, "answer": None, "set": None, "dearer": None, "alert": False}
        return self.state.setdefault(f"item:{self.workers.gs1.item_key(gtin)}", empty)
