"""Promotion screen sync: screens show only offers that hold now, are in stock and cost at the till what the screen says.

A screen that valid promotions name shows those alone; any other shows what its zone sells: the zone's category and those of the zones
within it. A screen in a zone that sells nothing of its own, such as an entrance, shows the whole store's offers. An item whose stock was
never counted counts as available. A price row or news that undercuts or contradicts a promotion keeps it off. A screen is held to what it
played only where screens report at all. It makes no content: an asset is the promotion's id, known to the signage system.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

OFFERS = ("percent", "amount", "fixed", "nth", "multi_buy", "threshold", "bundle", "gift", "member_price")
LEAST_PLAYED_PCT = 90
TILL_KINDS = {"base": "base", "match": "base", "promotion": "promotion", "markdown": "markdown", "member": "member"}


class PromoScreenSync(Solution):
    number = 132
    zh, en = "电子屏促销联动", "Promotion screen sync"
    purpose_zh = "货架屏与品类屏只播放有效、有货且与收银同价的促销，并按价值与天气加权轮播。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("sign.play", "insight.report", "alert.raise")
    adapters = ("signage",)
    reads = ("promotions", "prices", "products", "zones")
    kpis = {
        "slots_played": kpi("%", "Showings played", "实际播放占比"),
        "offers_stopped_for_stock": kpi("count", "Offers stopped for stock", "因缺货下屏的促销"),
        "price_mismatches": kpi("count", "Price mismatches", "价格不一致"),
        "sales_per_slot": kpi("currency", "Sales per showing", "每次播放对应销售额"),
    }
    kinds = {
        "price_mismatch": ("Offer and price differ", "促销价与售价不符"),
        "screen_not_playing": ("Screen plays too little", "屏幕播放不足"),
    }
    load = "light"

    class Config(SolutionConfig):
        slot_s: int = setting(10, "Length of a showing", "单次播放时长", unit="s", ge=3, le=120, effect="reload")
        loop_slots: int = setting(12, "Showings sent ahead", "预发播放数", ge=1, le=200)
        stop_stock: float = setting(3, "Stock at or under which an offer leaves", "停播库存（不高于）", unit="units", ge=0, le=1000)
        weights: dict[str, Annotated[int, Field(ge=1, le=100)]] = setting(
            {}, "Worth of offers", "促销权重", help_en="By promotion; one not named weighs 1.", help_zh="按促销编号；未列出的为 1。"
        )
        hot_c: float = setting(
            30,
            "Heat",
            "高温线",
            unit="°C",
            ge=-10,
            le=50,
            help_en="Forecast maximum from which hot categories weigh double.",
            help_zh="预报最高温达到后热销品类权重加倍。",
        )
        hot_categories: list[str] = setting(["cold_drinks", "ice_cream"], "Categories lifted by heat", "高温加权品类")
        filler: str = setting("brand_loop", "Content shown without any offer", "没有促销时播放的内容")

    def start(self):
        return self._refresh()

    @every("1d", at="open")
    def opening(self, due):
        return self._refresh()

    @timer("loop")
    def loop_over(self, due):
        return self._refresh()

    @on("inventory.snapshot")
    def counted(self, event):
        key, position = self._key(event["gtin"]), self.workers.optimise.position
        known, before = self.state.get(f"stock:{key}", {"places": {}, "reserved": 0}), self._in_stock(key)
        if not position.count(known["places"], event.data, event.time):
            return []
        self.state[f"stock:{key}"] = {**known, "reserved": event.get("reserved", 0)}
        return self._refresh() if before != self._in_stock(key) else []

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return []
        shown, crossed = self.state.get("shown", {}), False
        for line in event["lines"]:
            key = self._key(line["gtin"])
            if key in shown:
                self.state["sales"] = self.state.get("sales", 0) + line["amount"]
            known = self.state.get(f"stock:{key}")
            if known is not None:
                before = self._in_stock(key)
                self.workers.optimise.position.take(known["places"], line["qty"], event.time)
                crossed = crossed or before != self._in_stock(key)
        return self._refresh() if crossed else []

    @on("price.set?")
    def price_set(self, event):
        from storeloom.workers.pricing.shelf import with_news

        kind, scope = TILL_KINDS.get(event["kind"]), event.get("scope") or {}
        undecided = "proposed" in (event.get("state"), event.get("status")) or event.get("status") == "rejected"
        if kind is None or undecided or event.get("lot") or any(scope.values()):
            return []
        start = rfc3339(parse_time(event.get("from") or event.time))
        news = {"gtin": event["gtin"], "kind": kind, "scope": {}, "from": start, "to": event.get("to"), "price": event["price"]}
        name = f"news:{self._key(event['gtin'])}"
        self.state[name] = with_news(self.state.get(name, []), {**news, "set": rfc3339(event.time)}, self.now)
        return self._refresh()

    @on("weather.forecast?")
    def forecast(self, event):
        if event.get("observed"):
            return []
        now = stamp(self.now)
        kept = {start: known for start, known in self.state.get("weather", {}).items() if known["to"] > now}
        start = stamp(parse_time(event["from"]))
        issued = stamp(event.get("issued") or event.time)
        if start not in kept or kept[start]["issued"] <= issued:
            warmest = event.get("temp_max_c", event.get("temp_c"))
            kept[start] = {"to": stamp(parse_time(event["to"])), "issued": issued, "max_c": warmest}
        self.state["weather"] = kept
        return self._refresh()

    @on_table("promotions", "prices", "products", "zones")
    def tables_changed(self, table):
        return self._refresh()

    @on("sign.played?")
    def played(self, event):
        self.state["reported"] = True
        screen = self.state.get(f"screen:{event['screen']}")
        sent = screen is not None and not {event["asset"], event.get("campaign")}.isdisjoint(screen["assets"])
        if sent and event.get("complete", True):
            screen["played"] += 1

    @every("1d", at="close")
    def closing(self, due):
        span = self.store.hours.span(due.time - timedelta(microseconds=1))
        slots, rows = 0, []
        for name in [name for name in self.state if name.startswith("screen:")]:
            screen = self.state[name]
            self._account(screen, due.time)
            sent, played = screen["slots"], min(screen["played"], screen["slots"])
            slots += sent
            screen_id = name.removeprefix("screen:")
            rows.append({"screen": screen_id, "slots": sent, "played": screen["played"]})
            if sent and self.state.get("reported"):
                self.kpi.share("slots_played", played, sent)
                yield from self._judge(screen_id, screen, 100 * played / sent)
            screen |= {"slots": 0, "played": 0, "assets": []}
        self.kpi.share("sales_per_slot", self.state.get("sales", 0), slots)
        if rows:
            day, kind = self.store.hours.store_day(due.time - timedelta(hours=1)), "promo_screens"
            figures = {"slots": {"value": slots, "unit": "count"}, "sales": {"value": self.state.get("sales", 0), "unit": "minor"}}
            window = {"from": span[0] if span else due.time, "to": due.time}
            yield out("insight.report", window, report=f"{kind}-{day}", kind=kind, version=1, figures=figures, rows=rows)
        self.state["sales"] = 0

    def _judge(self, screen_id, screen, share):
        low = share < LEAST_PLAYED_PCT
        if low or screen["low"]:
            yield out(
                "alert.raise",
                alert=f"screen-{screen_id}",
                kind="screen_not_playing",
                severity="warn",
                state="open" if low else "cleared",
                subject=screen_id,
                value=share,
                limit=LEAST_PLAYED_PCT,
                unit="%",
                text=self.say(f"Screen {screen_id} played {share:.1f} % of its showings", f"屏幕 {screen_id} 仅播放 {share:.1f}%"),
            )
        screen["low"] = low

    def _refresh(self):
        """Send each screen a new loop where its last is over, or where other offers hold from the next slot on."""
        span = self.store.hours.span(self.now)
        if span is None:
            return
        offers = self._offers()
        yield from self._note_faults(offers)
        slot = timedelta(seconds=self.config.slot_s)
        for device in self.devices.get("signage", ()):
            fresh = {"start": None, "plan": [], "counters": {}, "slots": 0, "played": 0, "assets": [], "low": False}
            screen = self.state.setdefault(f"screen:{device.id}", fresh)
            start = parse_time(screen["start"]) if screen["start"] else None
            over = start is None or start + slot * len(screen["plan"]) <= self.now
            at = self.now if over else start + -((start - self.now) // slot) * slot
            if not over:
                number = (at - start) // slot
                if number >= len(screen["plan"]) or screen["plan"][number] == self._weighed(device, offers, at):
                    continue
            if at < span[1]:
                yield self._send(device, screen, offers, at, span[1])

    def _send(self, device, screen, offers, at, closes):
        """A loop from `at`, its turns by weight; counters start anew wherever the offers or their weights change."""
        from storeloom.workers.optimise.rotation import next_turn

        slot, config = timedelta(seconds=self.config.slot_s), self.config
        weights = self._playing(screen, at)
        counters = screen["counters"] if screen["start"] and parse_time(screen["start"]) + slot * len(screen["plan"]) == at else {}
        self._account(screen, at)
        plan, items = [], []
        for number in range(config.loop_slots):
            start = at + slot * number
            if start >= closes:
                break
            now = self._weighed(device, offers, start)
            counters = counters if now == weights else {}
            weights = now
            if now:
                chosen, counters = next_turn(dict(now), counters)
                items.append({"asset": chosen, "duration_s": config.slot_s, "campaign": chosen})
            else:
                items.append({"asset": config.filler, "duration_s": config.slot_s})
            plan.append(now)
        screen |= {"start": rfc3339(at), "plan": plan, "counters": counters}
        screen["assets"] = sorted({*screen["assets"], *(item["asset"] for item in items)})
        end = at + slot * len(plan)
        if end < closes:
            self.timers.set("loop", device.id, end)
        return out("sign.play", {"from": at, "to": end}, screen=device.id, items=items)

    def _account(self, screen, until):
        """Count the slots of the loop on the screen that have begun before an instant."""
        if screen["start"]:
            slot = timedelta(seconds=self.config.slot_s)
            screen["slots"] += min(len(screen["plan"]), max(0, -((parse_time(screen["start"]) - until) // slot)))
            screen["start"] = None

    def _playing(self, screen, at):
        """The offers and weights of the slot before `at`, None where there was none."""
        return screen["plan"][-1] if screen["start"] and screen["plan"] else None

    def _weighed(self, device, offers, at):
        """Offers of a screen at an instant, in list order, as [promotion, weight]."""
        from storeloom.workers.pricing.shelf import holds

        zone = self.store.hours.zone
        valid = [offer for offer in offers if holds(offer["row"], at, zone)]
        named = [offer for offer in valid if device.id in (offer["row"].get("screens") or ())]
        sold_here = self._categories(device.zone)
        found = []
        for offer in named or [offer for offer in valid if not offer["row"].get("screens")]:
            row = offer["row"]
            elsewhere = not named and device.zone and row.get("zone") not in (None, device.zone)
            items = [item for item in offer["items"] if named or not sold_here or row.get("zone") or item["category"] in sold_here]
            if elsewhere or not any(item["stock"] and item["priced"] for item in items):
                continue
            hot = self._is_hot(at) and any(item["category"] in self.config.hot_categories for item in items)
            found.append([row["promo"], self.config.weights.get(row["promo"], 1) * (2 if hot else 1)])
        return found

    def _offers(self):
        """Approved promotions with their items: whether each is in stock and priced as promised, as things stand now."""
        from storeloom.workers.pricing.shelf import overlaps

        rows = [row for row in self.tables.promotions.all_rows() if row.get("kind", "fixed") in OFFERS and row.get("approved", True)]
        soon = self.now + timedelta(seconds=self.config.slot_s * (self.config.loop_slots + 1))
        rows = [row for row in rows if overlaps(row, self.now, soon, self.store.hours.zone)]
        products = self.tables.products.rows() if any(row.get("category") for row in rows) else []
        named = {row["promo"]: self._gtins(row, products) for row in rows}
        till = self._till({self._key(gtin) for gtins in named.values() for gtin in gtins})
        return [{"row": row, "items": [self._item(gtin, row, till) for gtin in named[row["promo"]]]} for row in rows]

    def _gtins(self, row, products):
        category = row.get("category")
        return row.get("gtins") or [
            one["gtin"] for one in products if category and category in (one.get("category"), one.get("subcategory"))
        ]

    def _item(self, gtin, row, till):
        product = self.tables.products.get(gtin) or {}
        price = till.promised(row, gtin, self.now)
        category = product.get("category") or row.get("category")
        stock = self._in_stock(self._key(gtin))
        return {"gtin": gtin, "category": category, "stock": stock, "priced": price.kept, "till": price.till, "told": price.told}

    def _till(self, keys):
        """Prices of these items as the till has them now, news on top of the table."""
        from storeloom.workers.pricing.shelf import overlaid

        pricing, zone = self.workers.pricing, self.store.hours.zone
        rows_of = self.tables.prices.derived("by item", pricing.rows_by_item)
        table = [row for key in sorted(keys) for row in rows_of.get(key, ())]
        rows = overlaid(table, [row for key in sorted(keys) for row in self.state.get(f"news:{key}", [])], zone)
        goods = [row for key in sorted(keys) if (row := self.tables.products.get(key))]
        return pricing.offers.TillPrices(rows, goods, zone)

    def _note_faults(self, offers):
        """Alert once of each price that differs, count offers that stock has stopped, and note what is on the screens."""
        from storeloom.workers.pricing.shelf import holds

        valid = [offer for offer in offers if holds(offer["row"], self.now, self.store.hours.zone)]
        wrong = {f"{offer['row']['promo']}|{item['gtin']}": item for offer in valid for item in offer["items"] if not item["priced"]}
        known = self.state.get("wrong", {})
        for name in sorted(wrong.keys() - known.keys()):
            self.kpi.add("price_mismatches")
            yield self._mismatch(name, wrong[name], "open")
        for name in sorted(known.keys() - wrong.keys()):
            yield self._mismatch(name, known[name], "cleared")
        self.state["wrong"] = wrong
        empty = sorted(offer["row"]["promo"] for offer in valid if not any(item["stock"] for item in offer["items"]))
        self.kpi.add("offers_stopped_for_stock", len(set(empty) - set(self.state.get("empty", []))))
        self.state["empty"] = empty
        keys = {self._key(item["gtin"]) for offer in valid for item in offer["items"] if item["stock"] and item["priced"]}
        self.state["shown"] = dict.fromkeys(sorted(keys), 1)

    def _mismatch(self, name, item, state):
        promo, _, gtin = name.partition("|")
        return out(
            "alert.raise",
            alert=f"price-mismatch-{promo}-{gtin}",
            kind="price_mismatch",
            severity="high",
            state=state,
            subject=gtin,
            value=item["till"],
            limit=item["told"],
            text=self.say(f"Offer {promo} and the price of {gtin} differ", f"促销 {promo} 与 {gtin} 的售价不一致"),
        )

    def _in_stock(self, key):
        known = self.state.get(f"stock:{key}")
        if known is None:
            return True
        return self.workers.optimise.position.units(known["places"]) - known["reserved"] > self.config.stop_stock

    def _is_hot(self, at):
        day = self.store.hours.store_day(at)
        start, end = stamp(self.store.hours.midnight(day)), stamp(self.store.hours.midnight(day + timedelta(days=1)))
        windows = self.state.get("weather", {}).items()
        maxima = [known["max_c"] for begin, known in windows if begin < end and known["to"] > start and known["max_c"] is not None]
        return max(maxima, default=float("-inf")) >= self.config.hot_c

    def _categories(self, zone):
        """What a zone sells: its category and those of the zones within it."""
        rows = [row for row in self.tables.zones.rows() if zone and zone in (row["zone"], row.get("parent"))]
        return {row["category"] for row in rows if row.get("category")}

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)
