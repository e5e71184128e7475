"""Retail media auction: sponsored places in app, kiosk and search, sold by value and relevance, billed by click, proved by own receipts.

A page view is a `web.visit` view or search, or a kiosk's lookup or choice. Who refused profiling sees no ads, as their effect could not be
held against anyone's. A shopper is the member, else the visitor or the kiosk's session. Hold-outs are counted as exposed where their ad
would have won a place. A campaign is told by its brand, the second one of a brand by brand and number; its result comes `attribution_d`
days after its last day; without a last day it is told every `attribution_d` days, not more often, as two results that differ by few
shoppers tell of these. An ad placed by an auction counts as an impression, and the page's `impression` of it not again; one that no
auction placed counts when the page names its campaign, and its click costs nothing, as it has no price. What a brand sees of fewer than 20
shoppers, shown or held out, is withheld.

The row consumes no stock: `inventory.snapshot` tells it, and is followed where it is there; goods of which nothing is known are in stock.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, rfc3339, stamp
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import ad_auction, reach
from storeloom.workers.optimise import position

DAY, REPEAT = timedelta(days=1), timedelta(minutes=10)
LEAST_SHOPPERS, KEPT_D = 20, 60
PAGES, KIOSK_PAGES = ("view", "search"), ("lookup", "choose")


class Campaign(SolutionConfig):
    brand: str = setting("", "Brand", "品牌")
    gtins: list[str] = setting(list, "Products", "商品", widget="product")
    bid: int = setting(0, "Bid for a click", "每次点击出价", unit="minor", ge=0)
    budget: int = setting(0, "Budget", "预算", unit="minor", ge=0)
    start: date | None = setting(None, "First day", "开始日期")
    end: date | None = setting(None, "Last day", "结束日期")
    keywords: list[str] = setting(list, "Keywords", "关键词")


class RetailMediaAuction(Solution):
    number = 29
    zh, en = "零售媒体竞价投放", "Retail media auction"
    purpose_zh = "在小程序、自助屏与搜索结果中按价值竞拍推广位，保证相关性，按点击计费，并以零售商自有小票衡量增量销售。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("recommend.items", "kiosk.show", "promo.result", "insight.report")
    adapters = ("online_store|kiosk",)
    reads = ("products", "promotions", "members", "suppliers")
    kpis = {
        "media_revenue": kpi("minor", "Billed clicks", "媒体收入"),
        "iroas": kpi("ratio", "Incremental sales for each unit spent", "增量广告回报"),
        "fill_rate": kpi("%", "Places filled", "广告位填充率"),
        "click_rate": kpi("%", "Clicks of impressions", "点击率"),
    }
    kinds = {"retail_media": ("Day of the retail media", "零售媒体日报")}

    class Config(SolutionConfig):
        campaigns: list[Campaign] = setting(list, "Brands' campaigns", "品牌投放计划")
        slots: int = setting(2, "Sponsored places on a page", "每页推广位数", ge=1, le=10)
        reserve: int = setting(50, "Least price of a click", "点击底价", unit="minor", ge=0, le=10_000)
        min_relevance: float = setting(0.3, "Least relevance to the page", "最低相关性", ge=0, le=1,
            help_en="Mean of the category's match and the share of keywords found.", help_zh="品类匹配与关键词命中率的平均。")  # fmt: skip
        prior_ctr: float = setting(2, "Click rate of a new ad", "新广告点击率", unit="%", ge=0.1, le=20,
            help_en="Worth 100 impressions.", help_zh="相当于100次展示。")  # fmt: skip
        attribution_d: int = setting(14, "Days in which sales count", "归因天数", unit="d", ge=1, le=30)
        holdout_pct: int = setting(10, "Shoppers who never see a brand's ads", "品牌对照人群比例", unit="%", ge=2, le=50)
        freq_cap: int = setting(5, "Impressions to a shopper in a day", "每人每日展示上限", ge=1, le=50)

    # Pages

    @on("web.visit")
    def visited(self, event):
        shopper = self._shopper(event)
        if event["kind"] in PAGES:
            text = f"{event.get('page', '')} {event.get('query', '')}"
            yield from self._page(event, shopper, text, {"visitor": event["visitor"], "member": event.get("member")})
        elif event["kind"] == "impression":
            self._reported(event, shopper)
        elif event["kind"] == "click":
            self._click(event, shopper)

    @on("kiosk.event?")
    def kiosk(self, event):
        if event["kind"] in KIOSK_PAGES:
            text = f"{event.get('value', '')} {(event.get('values') or {}).get('query', '')}"
            where = {"session": event["session"], "member": event.get("member")}
            for answer in self._page(event, event.get("member") or event["session"], text, where):
                yield answer
                yield out("kiosk.show", kiosk=event["kiosk"], screen="sponsored", session=event["session"],
                          params={"items": answer.data["items"], "sponsored": True})  # fmt: skip

    def _shopper(self, event):
        visitor, member = event["visitor"], event.get("member")
        if member:
            self.state[f"visitor:{visitor}"] = {"member": member, "day": self._day(self.now)}
        return member or self.state.get(f"visitor:{visitor}", {"member": visitor})["member"]

    def _day(self, at):
        return self.store.hours.store_day(at).isoformat()

    def _page(self, event, shopper, text, where):
        """The auction of a page, answered by its ads."""
        if reach.refuses(self.tables.members.get(shopper), ("profiling",)) or not self.config.campaigns:
            return
        product = self.tables.products.get(event["gtin"]) if event.get("gtin") else None
        category = event.get("category") or (product or {}).get("category")
        ads = [ad for name, one in self._campaigns().items() if (ad := self._entered(name, one, event, shopper, category, text))]
        held = {ad.name for ad in ads if self._held_out(ad.brand, shopper)}
        for ad, _ in ad_auction.auction(ads, self.config.slots, self.config.reserve):
            if ad.name in held:
                self._exposed(ad.name, shopper, event.time)["held"] = True
        won = ad_auction.auction([ad for ad in ads if ad.name not in held], self.config.slots, self.config.reserve)
        self.kpi.share("fill_rate", len(won), self.config.slots)
        self._today()["pages"] += 1
        self._today()["filled"] += len(won)
        if won:
            items = [self._show(ad, price, shopper, event.time) for ad, price in won]
            yield out("recommend.items", where, context="sponsored", items=items, sponsored=True)

    def _campaigns(self):
        """Name -> campaign."""
        found = {}
        for n, one in enumerate(self.config.campaigns):
            found[one.brand if one.brand not in found else f"{one.brand}:{n + 1}"] = one
        return found

    def _span(self, one):
        """First moment of a campaign, and the first after it; None where it has no such end."""
        hours = self.store.hours
        return (one.start and hours.midnight(one.start)), (one.end and hours.midnight(one.end + DAY))

    def _entered(self, name, one, event, shopper, category, text):
        """The campaign as an ad in this auction, None where it takes no part."""
        begins, ends = self._span(one)
        account, seen = self._account(name), self.state.get(f"seen:{name}|{shopper}")
        shown = seen["n"] if seen and seen["day"] == self._day(event.time) else 0
        in_time = (begins is None or begins <= event.time) and (ends is None or event.time < ends)
        if not in_time or account["spend"] >= one.budget or one.bid < self.config.reserve or shown >= self.config.freq_cap:
            return None
        categories = {(self.tables.products.get(gtin) or {}).get("category") for gtin in one.gtins} - {None}
        relevant = ad_auction.relevance(category, text, categories, one.keywords) >= self.config.min_relevance - 1e-9
        if not relevant or self._item(one) is None:
            return None
        if begins and ends:
            left = ad_auction.sits_out((one.budget - account["spend"]) / one.budget, (ends - event.time) / (ends - begins))
            if draw("pace", name, event.id) < 10_000 * left:
                return None
        return ad_auction.Ad(
            name, one.brand, one.bid, ad_auction.click_rate(account["clicks"], account["impressions"], self.config.prior_ctr)
        )

    def _account(self, name):
        return self.state.setdefault(f"campaign:{name}", {"clicks": 0, "impressions": 0, "spend": 0})

    def _item(self, one):
        """The first of the campaign's products that is in stock."""
        stock = ((gtin, position.units(self.state.get(f"stock:{item_key(gtin)}", {}))) for gtin in one.gtins)
        return next((gtin for gtin, units in stock if units is None or units > 0), None)

    def _show(self, ad, price, shopper, at):
        seen = self._exposed(ad.name, shopper, at)
        seen["price"], seen["unseen"] = price, seen.get("unseen", 0) + 1
        self._impression(ad.name)
        return {
            "gtin": self._item(self._campaigns()[ad.name]),
            "score": float(ad.score),
            "reason": self.say("Advertisement: ", "广告：") + ad.brand,
        }

    def _impression(self, name):
        self._account(name)["impressions"] += 1
        self._today()["impressions"] += 1
        self.kpi.share("click_rate", 0, 1)

    def _reported(self, event, shopper):
        """A page tells of an ad that was seen: one placed by an auction counts already, any other counts if its campaign is named."""
        meant = self._meant(event)
        for name in meant:
            seen = self.state.get(f"seen:{name}|{shopper}")
            if seen and seen.get("unseen"):
                seen["unseen"] -= 1
                return
        for name in meant[:1] if event.get("campaign") else ():
            seen = self._exposed(name, shopper, event.time)
            seen["price"], seen["held"] = seen["price"] or 0, self._held_out(self._campaigns()[name].brand, shopper)
            self._impression(name)

    def _meant(self, event):
        """The campaigns of which a page's event may tell: the one that it names, or those of the product."""
        named, item = event.get("campaign"), item_key(event["gtin"]) if event.get("gtin") else None
        campaigns = self._campaigns().items()
        return [name for name, one in campaigns if (named in (name, one.brand) if named else item in map(item_key, one.gtins))]

    def _held_out(self, brand, shopper):
        return draw(f"{brand}{shopper}", modulus=100) < self.config.holdout_pct

    def _exposed(self, name, shopper, at):
        """Note that a shopper saw, or would have seen, the campaign."""
        fresh = {"first": stamp(at), "last": "", "day": "", "n": 0, "price": None, "clicked": None, "sales": 0, "held": False}
        seen = self.state.setdefault(f"seen:{name}|{shopper}", fresh)
        day = self._day(at)
        seen["n"], seen["day"], seen["last"] = (seen["n"] + 1 if seen["day"] == day else 1), day, rfc3339(at)
        ends = self._span(self._campaigns()[name])[1]
        if ends:
            self.timers.set("final", name, ends + self.config.attribution_d * DAY)
        return seen

    def _click(self, event, shopper):
        """Billed once in ten minutes, and only to who was shown the ad."""
        for name in self._meant(event):
            one, seen = self._campaigns()[name], self.state.get(f"seen:{name}|{shopper}")
            if seen is None or seen["price"] is None:
                continue
            if seen["clicked"] is None or event.time - parse_time(seen["clicked"]) >= REPEAT:
                seen["clicked"], account = rfc3339(event.time), self._account(name)
                price = min(seen["price"], one.budget - account["spend"])
                account["clicks"] += 1
                account["spend"] += price
                self.kpi.add("media_revenue", price)
                self.kpi.share("click_rate", 1, 0)
                self._today()["clicks"] += 1
                self._today()["revenue"] += price
            return

    @on("inventory.snapshot?")
    def counted(self, event):
        position.count(self.state.setdefault(f"stock:{item_key(event['gtin'])}", {}), event.data, event.time)

    # Sales

    @on("pos.sale")
    def sold(self, event):
        refs = [payment.get("ref") for payment in event.get("payments", ())]
        if event["kind"] in ("sale", "return") and not any(f"order:{ref}" in self.state for ref in refs if ref):
            self._attribute(event)

    @on("order.placed?")
    def ordered(self, event):
        if not event.get("draft") and f"order:{event['order']}" not in self.state:
            self.state[f"order:{event['order']}"] = self._day(self.now)
            self._attribute(event)

    def _attribute(self, event):
        """Sales of the brand within attribution_d of an exposure."""
        member = event.get("member")
        for name, one in self._campaigns().items() if member else ():
            seen = self.state.get(f"seen:{name}|{member}")
            if seen and parse_time(seen["first"]) <= event.time <= parse_time(seen["last"]) + self.config.attribution_d * DAY:
                own = set(map(item_key, one.gtins))
                seen["sales"] += sum(line["amount"] for line in event["lines"] if self._is_brands(line["gtin"], one.brand, own))

    def _is_brands(self, gtin, brand, own):
        product = self.tables.products.get(gtin) or {}
        supplier = self.tables.suppliers.get(product.get("supplier") or "") or {}
        return item_key(gtin) in own or brand in (product.get("brand"), supplier.get("name"))

    # Reports

    def _today(self):
        return self.state.setdefault("today", dict.fromkeys(("pages", "filled", "impressions", "clicks", "revenue"), 0))

    def _cells(self, name):
        seen = [self.state[key] for key in self.state if key.startswith(f"seen:{name}|")]
        parts = {"exposed": [one for one in seen if not one["held"]], "held": [one for one in seen if one["held"]]}
        return {
            **{part: len(rows) for part, rows in parts.items()},
            **{f"{part}_sales": sum(r["sales"] for r in rows) for part, rows in parts.items()},
        }

    @every("1d", at="00:00")
    def day_over(self, due):
        today, hours = self.state.pop("today", None), self.store.hours
        over = hours.ended_day(due.time)
        if today:
            rows = []
            for name in self._campaigns():
                account, cells = self._account(name), self._cells(name)
                if cells["exposed"] >= LEAST_SHOPPERS:
                    rows.append({"campaign": name, "shoppers": cells["exposed"], **account})
            units = {"revenue": "minor"}
            figures = {part: {"value": value, "unit": units.get(part, "count")} for part, value in today.items()}
            window = {"from": hours.midnight(over), "to": due.time}
            yield out("insight.report", window, report=f"retail_media:{over}", kind="retail_media", version=1, figures=figures, rows=rows)
        for name, one in self._campaigns().items():
            first = self._first(name) if one.end is None else None
            days = (over + DAY - hours.store_day(parse_time(first))).days if first else 0
            if days > 0 and days % self.config.attribution_d == 0:
                yield self._result(name, due.time, "running")
        oldest = (over - KEPT_D * DAY).isoformat()
        for key in list(self.state):
            if (key.startswith("order:") and self.state[key] < oldest) or (key.startswith("visitor:") and self.state[key]["day"] < oldest):
                del self.state[key]

    @timer("final")
    def final(self, due):
        name = due.key
        yield self._result(name, due.time, "final")
        for key in [key for key in self.state if key.startswith(f"seen:{name}|")]:
            del self.state[key]

    def _first(self, name):
        return min((self.state[key]["first"] for key in self.state if key.startswith(f"seen:{name}|")), default=None)

    def _result(self, name, now, state):
        """Exposed shoppers against those held out."""
        account, cells, proved = self._account(name), self._cells(name), self.state.setdefault("proved", {})
        more = ad_auction.incremental_sales(cells)
        if more is not None and account["spend"]:
            proved[name] = {"more": more, "spend": account["spend"]}
            self.kpi.set("iroas", sum(one["more"] for one in proved.values()) / sum(one["spend"] for one in proved.values()))
        shown = min(cells["exposed"], cells["held"]) >= LEAST_SHOPPERS
        buyers = {**cells, "incremental_sales": more} if shown else None
        roi = more / account["spend"] if shown and account["spend"] else None
        window = {"from": self._first(name), "to": now}
        return out("promo.result", window, promo=name, state=state, cost=account["spend"], issued=account["impressions"],
                   redeemed=account["clicks"], roi=roi, buyers=buyers, method="ghost ads, random hold-out of shoppers")  # fmt: skip


@hookimpl
def storeloom_trial_config(tables):
    """Three brands that bid for the pages of their products."""
    brands = {}
    for row in tables["products"]:
        if row.get("brand"):
            brands.setdefault(row["brand"], []).append(row["gtin"])
    named = sorted(brands, key=lambda brand: (-len(brands[brand]), brand))[:3]
    return {"campaigns": [{"brand": brand, "gtins": brands[brand], "bid": 120 - 20 * n, "budget": 200000} for n, brand in enumerate(named)]}
