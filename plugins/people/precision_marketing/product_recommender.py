"""Product recommender: recall, ranking and filters for each shopper on every touchpoint, and an A/B test that never stops.

A list answers each page view (`web.visit` view) and each kiosk start, login and lookup; what is on the page is not in its list.
Interactions are views, clicks, items put into a cart, and purchases. A shopper is the member, else the visitor or the kiosk's session.
Sessions count for co-occurrence where they hold two products or more, half an hour after their last view. Non-merchandise are products of
the categories below; test members those with the tag or tier `test`. Weeks of counts leave the window as a whole.

Shoppers below `control_pct` see plain best sellers. An impression is a product shown (`web.visit` impression); a click within 24 h by its
own time counts once. Purchases within 24 h of a first impression count for conversion and basket. Before a purchase of a shopper who is
not cold is learnt, it is held out: the list of that moment is judged by it.
"""

import math
from datetime import timedelta
from itertools import islice
from statistics import median
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, plain, stamp
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import dayparts, item_pairs
from storeloom.workers.pricing import PriceBook, index_products

BOT_VIEWS = 300
NON_MERCHANDISE = frozenset(
    ("non_merchandise", "service", "services", "bag", "bags", "deposit", "fee", "fees", "gift_card", "购物袋", "服务")
)
INTERACTIONS = ("view", "click", "add")
KIOSK_ASKS = ("start", "login", "lookup")
EVENTS_KEPT, BUYS_KEPT, PATHS_LIKED = 200, 12, 50
SESSION_GAP, CLICK_WITHIN = timedelta(minutes=30), timedelta(hours=24)
ROWS_A_BLOCK, BLOCKS_KEPT = 200, 50
DEPTHS = (5, 10)
RECENCY_D = 30


class ProductRecommender(Solution):
    number = 17
    zh, en = "商品个性化推荐系统", "Personalised product recommender"
    purpose_zh = "为小程序与门店触点上的每位顾客召回并排序商品，用持续运行的A/B测试证明点击、转化与客单提升。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("recommend.items", "experiment.result", "insight.report")
    adapters = ("online_store?", "kiosk?")
    reads = ("products", "prices", "members")
    kpis = {
        "click_rate": kpi("%", "Recommended products clicked", "推荐点击率"),
        "purchase_conversion": kpi("%", "Shoppers shown recommendations who bought", "购买转化率"),
        "basket_gain": kpi("minor", "Basket above that of best sellers", "客单提升"),
        "recall_at_10": kpi("%", "Held-out purchases among the first ten", "前10召回率"),
    }
    kinds = {
        "recommender_offline": ("Recall and precision on held-out purchases", "离线召回与精度"),
        "recommender_online": ("Clicks, conversion and basket by arm", "分组点击、转化与客单"),
        "ranking_model": ("A ranking model was fitted and judged", "排序模型训练与评估"),
    }

    class Config(SolutionConfig):
        recall_k: int = setting(200, "Candidates from all recall paths", "召回候选数", unit="items", ge=10, le=2000)
        list_size: int = setting(10, "Items shown", "推荐列表长度", unit="items", ge=1, le=50)
        history_days: int = setting(180, "Interactions used", "使用的历史天数", unit="d", ge=30, le=730)
        suppress_days: int = setting(14, "Bought items are left out for", "已购商品抑制天数", unit="d", ge=0, le=180)
        repeat_categories: list[str] = setting(
            lambda: ["milk", "bread", "baby", "pet"], "Categories that may come back at once", "可立即复推的品类"
        )
        max_per_category: int = setting(3, "Items of a category in a list", "单列表每品类上限", unit="items", ge=1, le=20)
        control_pct: int = setting(20, "Shoppers who get plain best sellers", "对照组比例", unit="%", ge=5, le=50)
        min_events: int = setting(5, "Interactions before a shopper is known", "脱离冷启动的互动数", ge=1, le=100)
        retrain: Literal["daily", "weekly"] = setting("weekly", "When the ranking model is fitted", "排序模型训练频率")

    # What shoppers do

    @on("web.visit")
    def visited(self, event):
        shopper = event.get("member") or event["visitor"]
        if self._is_test(event.get("member")) or self._is_bot(event):
            return
        kind, item = event["kind"], item_key(event["gtin"]) if event.get("gtin") else None
        if kind == "impression" and item:
            self._shown(shopper, item, event.time)
        elif kind == "click" and item:
            self._clicked(shopper, item, event.time)
        if kind in INTERACTIONS and item and self._is_goods(item):
            self._interact(shopper, item, event.time)
            self._in_session(shopper, item)
        if kind == "view":
            context = event.get("page") or ("product" if item else "home")
            yield self._list(shopper, context, item, event.time, member=event.get("member"), visitor=event["visitor"])

    @on("kiosk.event?")
    def at_kiosk(self, event):
        shopper, item = event.get("member") or event["session"], item_key(event["gtin"]) if event.get("gtin") else None
        if self._is_test(event.get("member")):
            return
        if item and self._is_goods(item):
            self._interact(shopper, item, event.time)
        if event["kind"] in KIOSK_ASKS:
            yield self._list(shopper, "kiosk", item, event.time, member=event.get("member"), session=event["session"])

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] == "sale":
            self._bought(event, event["receipt"])

    @on("order.placed?")
    def ordered(self, event):
        if not event.get("draft"):
            self._bought(event, event["order"])

    @on("inventory.snapshot?")
    def counted(self, event):
        if event.get("view", "physical") == "physical" and event.get("other_store", self.store.id) == self.store.id:
            self.state.setdefault(f"stock:{item_key(event['gtin'])}", {})[event.get("location", "store")] = event["on_hand"]

    def _is_test(self, member):
        row = (self.tables.members.get(member) if member else None) or {}
        return row.get("tier") == "test" or "test" in (row.get("tags") or ())

    def _is_bot(self, event):
        """More than 300 page views in a store day; what was seen of the session is dropped."""
        key = f"views:{self.store.hours.store_day(event.time)}:{event['visitor']}"
        if event["kind"] == "view":
            self.state[key] = self.state.get(key, 0) + 1
            self.timers.set("drop", key, self.now + timedelta(days=2))
        if self.state.get(key, 0) <= BOT_VIEWS:
            return False
        for shopper in (event["visitor"], event.get("member")):
            self.state.pop(f"session:{shopper}", None)
            self.state.pop(f"shopper:{shopper}", None)
        return True

    def _is_goods(self, item):
        return (self.tables.products.get(item) or {}).get("category") not in NON_MERCHANDISE

    def _shopper(self, shopper):
        return self.state.setdefault(f"shopper:{shopper}", {"events": [], "buys": {}, "arm": None})

    def _interact(self, shopper, item, at):
        record = self._shopper(shopper)
        record["events"] = [*record["events"], [item, stamp(at)]][-EVENTS_KEPT:]

    def _in_session(self, shopper, item):
        items = self.state.setdefault(f"session:{shopper}", [])
        items += [item] if item not in items else []
        self.timers.set("session", shopper, self.now + SESSION_GAP)

    @timer("session")
    def session_over(self, due):
        items = self.state.pop(f"session:{due.key}", [])
        if len(items) > 1:
            item_pairs.count(self.state, self._week(due.time), items)

    def _week(self, at):
        return plain(self.store.hours.store_day(at) - timedelta(days=self.store.hours.local(at).weekday()))

    def _bought(self, event, number):
        items = {item: self._category(item) for line in event["lines"] if self._is_goods(item := item_key(line["gtin"]))}
        member = event.get("member")
        if f"receipt:{number}" in self.state or not items or self._is_test(member):
            return
        self.state[f"receipt:{number}"] = 1
        self.timers.set("drop", f"receipt:{number}", self.now + timedelta(days=2))
        if member:
            self._judge(member, items, event.time)
            self._converted(member, event["total"], event.time)
            record, day = self._shopper(member), self.store.hours.store_day(event.time).toordinal()
            for item in items:
                self._interact(member, item, event.time)
                record["buys"][item] = sorted({*record["buys"].get(item, ()), day})[-BUYS_KEPT:]
        item_pairs.count(self.state, self._week(event.time), items)
        item_pairs.sell(self.state, self._week(event.time), dayparts.part_of(self.store.hours, event.time), items)

    def _category(self, item):
        return (self.tables.products.get(item) or {}).get("category") or ""

    @timer("drop")
    def drop(self, due):
        self.state.pop(due.key, None)

    # The list

    def _list(self, shopper, context, item, at, **who):
        ranked = self._ranked(shopper, item, at)
        items = [{"gtin": self._gtin(one), "score": score, "reason": reason} for one, score, reason in ranked]
        return out("recommend.items", context=context, items=items, variant=self._arm(shopper), **who)

    def _arm(self, shopper):
        return "control" if draw(shopper, modulus=100) < self.config.control_pct else "recommended"

    def _gtin(self, item):
        return (self.tables.products.get(item) or {"gtin": item.removeprefix("0")})["gtin"]

    def _ranked(self, shopper, page, at, size=None):
        """Item, score and reason of a list, best first: likeness or the model, then popularity; cold shoppers and control best sellers."""
        size, config = size or self.config.list_size, self.config
        sellers = item_pairs.best_sellers(self.state)
        record = self.state.get(f"shopper:{shopper}", {"events": [], "buys": {}})
        earliest = stamp(at - timedelta(days=config.history_days))
        events = [one for one in record["events"] if one[1] >= earliest]
        if self._arm(shopper) == "control":
            plainly = (item for item, _, _ in sellers if item != page and self._in_stock(item))
            return self._scored(list(islice(plainly, size)), sellers, "best_seller")
        if len(events) < config.min_events:
            now = item_pairs.best_sellers(self.state, dayparts.part_of(self.store.hours, at))
            order = dict.fromkeys([item for item, _, _ in now] + [item for item, _, _ in sellers])
            return self._scored(self._varied(self._filtered(order, record, page, at), size), now + sellers, "daypart")
        return self._for_known(events, record, page, at, sellers, size)

    def _scored(self, items, sellers, reason):
        sold = {}
        for item, _, n in sellers:
            sold.setdefault(item, n)
        return [(item, float(sold.get(item, 0)), reason) for item in items]

    def _for_known(self, events, record, page, at, sellers, size):
        today = self.store.hours.store_day(at).toordinal()
        liked = [page] if page else list(dict.fromkeys(item for item, _ in reversed(events)))[:PATHS_LIKED]
        likeness = item_pairs.alike(self.state, liked)
        due = {item for item, days in record["buys"].items() if item_pairs.due(days, today)}
        sold, own = {item: n for item, _, n in sellers}, {self._category(item) for item, _ in events}
        paths = [*sorted(likeness, key=lambda item: (-likeness[item], -sold.get(item, 0), item)), *sorted(due),
                 *(item for item, category, _ in sellers if category in own), *(item for item, _, _ in sellers)]  # fmt: skip
        recalled = list(dict.fromkeys(paths))[: self.config.recall_k]
        model, most, shown = self.state.get("model"), max([1, *sold.values()]), {}
        habits = self._habits(events) if model else None
        for item in self._filtered(recalled, record, page, at):
            score = likeness.get(item, 0.0)
            if model:
                features = self._features(item, score, sold.get(item, 0) / most, habits, item in due, at)
                score = self.workers.insight.click_model.chance(model["fit"], features)
            reason = "similar" if item in likeness else "repeat" if item in due else "best_seller"
            shown[item] = (score, sold.get(item, 0), reason)
        order = sorted(shown, key=lambda item: (-shown[item][0], -shown[item][1], item))
        return [(item, shown[item][0], shown[item][2]) for item in self._varied(order, size)]

    def _varied(self, ranked, size):
        return item_pairs.varied(ranked, self._category, self.config.max_per_category, size)

    def _filtered(self, items, record, page, at):
        """As they come, without what is on the page, out of stock, or bought lately and of no repeat category."""
        first = self.store.hours.store_day(at).toordinal() - self.config.suppress_days
        bought = {item for item, days in record["buys"].items() if days and days[-1] > first}
        kept = (item for item in items if item != page and self._in_stock(item) and self._is_goods(item))
        return (item for item in kept if item not in bought or self._category(item) in self.config.repeat_categories)

    def _in_stock(self, item):
        held = self.state.get(f"stock:{item}")
        return held is None or (held["store"] if "store" in held else sum(held.values())) > 0

    def _habits(self, events):
        """The median price of what a shopper looked at or bought of late (None: unknown), and when each category was last met."""
        prices = [price for price in (self._price(one) for one, _ in events[-PATHS_LIKED:]) if price]
        last = {}
        for item, time in events:
            category = self._category(item)
            last[category] = max(time, last.get(category, time))
        return median(prices) if prices else None, last

    def _features(self, item, likeness, popularity, habits, due, at):
        """Likeness, popularity, price gap to the shopper's median, recency of the category, and whether a repeat is due."""
        usual, met = habits
        price, last = self._price(item), met.get(self._category(item))
        gap = abs(math.log(price / usual)) if price and usual else 0.0
        recency = math.exp(-max(0.0, (at - parse_time(last)) / timedelta(days=RECENCY_D))) if last else 0.0
        return [round(value, 9) for value in (likeness, popularity, gap, recency, float(due))]

    def _price(self, item):
        rows, zone = self.tables.products, self.store.hours.zone
        book = self.tables.prices.derived("book", lambda prices: PriceBook(prices, products=index_products(rows.all_rows()), zone=zone))
        return book.price_of(self.tables.products.get(item) or {"gtin": item}, self.now)

    # The test

    def _arm_book(self, shopper):
        fresh = {"shown": 0, "clicks": 0, "shoppers": 0, "buyers": 0, "receipts": 0, "sales": 0}
        return self.state.setdefault(f"arm:{self._arm(shopper)}", fresh)

    def _shown(self, shopper, item, at):
        """An impression, with the features that the model learns from; one that was clicked or is a day old makes room for the next."""
        key, book = f"shown:{shopper}:{item}", self._arm_book(shopper)
        book["shown"] += 1
        if self._arm(shopper) == "recommended":
            self.kpi.share("click_rate", 0, 1)
        record = self._shopper(shopper)
        if record["arm"] is None or at - parse_time(record["arm"][0]) > CLICK_WITHIN:
            record["arm"] = [plain(at), False]
            book["shoppers"] += 1
            if self._arm(shopper) == "recommended":
                self.kpi.share("purchase_conversion", 0, 1)
        events = record["events"]
        sold = item_pairs.best_sellers(self.state)
        likeness = item_pairs.alike(self.state, [one for one, _ in events[-PATHS_LIKED:]]).get(item, 0.0)
        share = next((n for one, _, n in sold if one == item), 0) / max(1, sold[0][2] if sold else 1)
        due = item_pairs.due(record["buys"].get(item, ()), self.store.hours.store_day(at).toordinal())
        waiting = self.state.setdefault(key, [])
        waiting.append([plain(at), self._features(item, likeness, share, self._habits(events), due, at)])
        self.timers.set("unclicked", key, self.now + CLICK_WITHIN)

    def _clicked(self, shopper, item, at):
        """The oldest impression of the last 24 h that was not clicked yet; once each."""
        waiting = self.state.get(f"shown:{shopper}:{item}", [])
        found = next((one for one in waiting if timedelta(0) <= at - parse_time(one[0]) <= CLICK_WITHIN), None)
        if found is not None:
            waiting.remove(found)
            self._learn(found[1], 1)
            self._arm_book(shopper)["clicks"] += 1
            if self._arm(shopper) == "recommended":
                self.kpi.share("click_rate", 1, 0)

    @timer("unclicked")
    def unclicked(self, due):
        for _, features in self.state.pop(due.key, []):
            self._learn(features, 0)

    def _learn(self, features, clicked):
        blocks = self.state.setdefault("blocks", {"last": 0, "rows": 0})
        if blocks["rows"] % ROWS_A_BLOCK == 0:
            blocks["last"] += 1
            self.state.pop(f"rows:{blocks['last'] - BLOCKS_KEPT}", None)
        blocks["rows"] += 1
        self.state.setdefault(f"rows:{blocks['last']}", []).append([*features, clicked])

    def _converted(self, member, total, at):
        record = self._shopper(member)
        if record["arm"] and timedelta(0) <= at - parse_time(record["arm"][0]) <= CLICK_WITHIN:
            book = self._arm_book(member)
            book["receipts"] += 1
            book["sales"] += total
            if not record["arm"][1]:
                record["arm"][1] = True
                book["buyers"] += 1
                if self._arm(member) == "recommended":
                    self.kpi.share("purchase_conversion", 1, 0)

    def _judge(self, member, items, at):
        """How many of a known shopper's purchases the list of this moment has."""
        record = self.state.get(f"shopper:{member}")
        if record is None or len(record["events"]) < self.config.min_events or self._arm(member) == "control":
            return
        found = [item for item, _, _ in self._ranked(member, None, at, size=max(DEPTHS))]
        held = self.state.setdefault("held_out", {"buys": 0, "lists": 0, **{f"hits_{k}": 0 for k in DEPTHS}})
        held["buys"] += len(items)
        held["lists"] += 1
        for k in DEPTHS:
            held[f"hits_{k}"] += len(items.keys() & set(found[:k]))
        self.kpi.share("recall_at_10", len(items.keys() & set(found[:10])), len(items))

    # Days

    @every("1d", at="03:00")
    def night(self, due):
        today = self.store.hours.store_day(due.time)
        item_pairs.forget(self.state, plain(today - timedelta(days=self.config.history_days + 6)))
        if self.config.retrain == "daily" or today.isoweekday() == 1:
            yield from self._retrain(due)

    def _retrain(self, due):
        last = self.state.get("blocks", {"last": 0})["last"]
        rows = [row for block in range(1, last + 1) for row in self.state.get(f"rows:{block}", ())]
        clicks = self.workers.insight.click_model
        older, newer = clicks.split(rows)
        fresh, live = clicks.fit(older) if older else None, self.state.get("model")
        if fresh is None:
            return
        loss, old = clicks.log_loss(fresh, newer), clicks.log_loss(live["fit"], newer) if live else math.inf
        taken = loss <= old
        if taken:
            self.state["model"] = {"fit": fresh, "at": plain(due.time)}
        figures = {
            "impressions": {"value": len(rows), "unit": "count"},
            "log_loss": {"value": loss, "unit": "nat"},
            "taken": {"value": int(taken), "unit": "count"},
        }
        figures |= {"live_log_loss": {"value": old, "unit": "nat"}} if live else {}
        yield self._report(due, "ranking_model", figures)

    @every("1d", at="close")
    def report(self, due):
        held, arms = self.state.get("held_out"), {arm: self.state.get(f"arm:{arm}") for arm in ("control", "recommended")}
        if held and held != self.state.get("held_told"):
            self.state["held_told"] = dict(held)
            figures = {f"recall_at_{k}": {"value": 100 * held[f"hits_{k}"] / held["buys"], "unit": "%"} for k in DEPTHS}
            figures |= {f"precision_at_{k}": {"value": 100 * held[f"hits_{k}"] / (k * held["lists"]), "unit": "%"} for k in DEPTHS}
            yield self._report(due, "recommender_offline", figures | {"held_out": {"value": held["buys"], "unit": "count"}})
        if any(arms.values()) and arms != self.state.get("arms_told"):
            self.state["arms_told"] = {arm: dict(book) if book else None for arm, book in arms.items()}
            yield from self._compare(due, {arm: book for arm, book in arms.items() if book})

    def _compare(self, due, arms):
        figures, results = {}, self.workers.insight.trial_report
        for arm, book in arms.items():
            basket = book["sales"] / book["receipts"] if book["receipts"] else None
            parts = {
                "click_rate": (100 * book["clicks"] / book["shown"], "%"),
                "conversion": (100 * book["buyers"] / book["shoppers"], "%"),
                "basket": (basket, "minor"),
            }
            figures |= {f"{arm}_{name}": {"value": value, "unit": unit} for name, (value, unit) in parts.items() if value is not None}
        baskets = [figures.get(f"{arm}_basket") for arm in ("control", "recommended")]
        if all(baskets):
            self.kpi.set("basket_gain", baskets[1]["value"] - baskets[0]["value"])
        for metric, hit, unit in (
            (("click_rate", "clicks", "shown"), ("purchase_conversion", "buyers", "shoppers")) if len(arms) > 1 else ()
        ):
            fields = results.share_fields({arm: (book[hit], book[unit]) for arm, book in arms.items()}, "control", "recommended")
            if fields:
                yield out("experiment.result", fields, experiment="product_recommender", metric=metric)
                base, own = (one["value"] for one in fields["arms"])
                figures |= {f"{metric}_lift": {"value": 100 * (own - base) / base, "unit": "%"}} if base else {}
        yield self._report(due, "recommender_online", figures)

    def _report(self, due, kind, figures):
        version = self.state["version"] = self.state.get("version", 0) + 1
        day = self.store.hours.ended_day(due.time)
        return out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"{kind}:{day}", kind=kind,
                   version=version, figures=figures)  # fmt: skip
