"""Promotion lift evaluation: what a promotion really added, less what siblings lost, what was bought ahead and what it cost.

Evaluated at 03:00 store time, the night after the last of `post_days`; a sale of the promotion's days that comes within the seven days
after that reopens the result for the next night. Like stores' receipts come as `pos.sale` with their `store`. Days before an item's
first sale are unknown; closed, promoted and sold-out days are left out of the history, sold-out days also of what siblings and the days
after are held against. An item with less than two weeks of history takes `forecast.demand` (basis base), else its mean.

Regular prices are the base prices at the start, else the list price, else what was paid on the days of the baseline. Of a promotion's
row count `funding` (of the supplier, minor a unit; else that of the suppliers table) and `fixed_cost`; its `fee` is paid by the supplier
for kinds display and ad, and is the fixed cost of others that name none. Promotions without end, of 120 days or more, or of no product
or category, are not evaluated. Halo is counted by receipts. The rows of past promotions should stay in the table for as long as
`history_weeks`, so that their days are known.
"""

from datetime import date, timedelta
from functools import partial

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing.prices import base_price, rows_by_item

DAY = timedelta(days=1)
REOPEN_D = 7
LONGEST_D = 200  # days kept beyond the history: the promotion itself and those after it
INSTANT = timedelta(microseconds=1)


class PromoLift(Solution):
    number = 42
    zh, en = "促销增量效果评估", "Promotion lift evaluation"
    purpose_zh = "每次促销后说明真正带来的增量：扣除同类商品损失、提前购买和成本，并以未促销的相似门店为参照。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("promo.result", "score.report", "insight.report")
    reads = ("products", "prices", "promotions", "suppliers?")
    kpis = {
        "promo_roi": kpi("%", "Profit effect over cost of promotions", "促销投入回报率"),
        "lift": kpi("%", "Units above the baseline", "促销增量比例"),
        "cannibalisation": kpi("%", "Siblings' lost units of the lift", "同类替代占增量比例"),
        "promotions_losing": kpi("%", "Promotions that lost money", "亏损促销占比"),
    }
    load = "forecast"

    class Config(SolutionConfig):
        history_weeks: int = setting(
            26, "Weeks that make the baseline", "基线历史周数", unit="week", ge=8, le=104,
            help_en="Before the promotion; promoted days in them are left out.", help_zh="促销开始之前；其中的促销日剔除。",
        )  # fmt: skip
        control_stores: list[str] = setting(
            list, "Like stores without the promotion", "未做该促销的相似门店",
            help_en="Store ids; their receipts must reach this store.", help_zh="门店编号；其小票须接入本店。",
        )  # fmt: skip
        post_days: int = setting(
            7, "Days after the end searched for purchases brought forward", "促销后检查提前购买的天数", unit="d", ge=0, le=60,
            help_en="The result comes when they are over.", help_zh="期满后出结果。",
        )  # fmt: skip
        siblings: int = setting(
            10, "Nearest products of the category checked for losses", "检查替代损失的同类商品数", unit="products", ge=0, le=100,
            help_en="Same subcategory first, then nearest in price.", help_zh="先同子类，再按价格相近。",
        )  # fmt: skip
        halo_share: float = setting(
            30, "Extra receipts that would not have come", "额外小票中真正新增的比例", unit="%", ge=0, le=100,
            help_en="The margin of their other lines counts by this share.", help_zh="其余商品毛利按此比例计入。",
        )  # fmt: skip
        min_units: int = setting(
            30, "Baseline units below which there is only an indication", "低于该基线件数仅作参考", ge=1, le=10000,
            help_en="Without ROI, and outside of the figures.", help_zh="不给出回报率，也不计入指标。",
        )  # fmt: skip
        stockout_hours: float = setting(
            2, "A day with more empty hours is left out", "缺货超过该时长的日子剔除", unit="h", ge=0, le=24,
            help_en="Opening hours without stock, by inventory snapshots.", help_zh="按库存快照计的营业时间内缺货时长。",
        )  # fmt: skip
        confidence: float = setting(
            90, "Width of the interval on lift", "增量区间的置信度", unit="%", ge=50, le=99,
            help_en="Block bootstrap of the baseline's errors.", help_zh="对基线误差做分块自助法。",
        )  # fmt: skip

    # What comes in

    @on("pos.sale")
    def sold(self, event):
        place = "" if event.store in ("", self.store.id) else event.store
        if event["kind"] not in ("sale", "return") or (place and place not in self.config.control_stores):
            return
        day = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        seen = f"seen:{day}:{place}:{event.get('till', '')}:{event['receipt']}"
        if seen in self.state:
            return
        self.state[seen] = 1
        book = self.workers.forecast.day_book
        items = book.basket(event["lines"], lambda item: self._product(item).get("unit") == "kg", back=event["kind"] == "return")
        for item, (units, amount) in items.items():
            book.enter(self.state.setdefault(f"news:{place}:{item}", {}), day, units, amount)
            if units > 0 and not place:
                self._filled(item, event.time)
        self._promoted_sale(items, day, place)

    def _promoted_sale(self, items, day, place):
        """Count the receipt for the promotions that it belongs to, with the margin of its other goods; reopen those that were told."""
        names = {}
        for item in items:
            for first, last, over, name in self.state.get(f"promo:{item}", ()):
                if first <= day <= over:
                    names[name] = names.get(name, False) or day <= last
        for name, inside in names.items():
            group = self.state[f"group:{name}"]
            group["dirty"] = True
            if inside and not place:
                others = {item: sold for item, sold in items.items() if item not in group["items"]}
                group["receipts"] += 1
                group["other_margin"] += self.workers.insight.promo_effect.margin(others, self._cost)

    @on("inventory.snapshot?")
    def counted(self, event):
        here = event.get("location", "store") in ("shelf", "store") and event.get("view", "physical") == "physical"
        if here and event.get("other_store", self.store.id) == self.store.id:
            item = item_key(event["gtin"])
            if event["on_hand"] > 0:
                self._filled(item, event.time)
            else:
                self.state.setdefault(f"empty:{item}", rfc3339(event.time))

    def _filled(self, item, at, still_empty=False):
        """Close a time without stock, or bring it up to a time: its opening hours, day by day."""
        since = self.state.get(f"empty:{item}")
        if since is None or at < parse_time(since):
            return
        begin, gaps = parse_time(since), self.state.setdefault(f"gaps:{item}", {})
        for day, lost in self.workers.forecast.day_book.open_hours(self.store.hours, begin, at).items():
            gaps[day] = gaps.get(day, 0) + lost
        if still_empty:
            self.state[f"empty:{item}"] = rfc3339(at)
        else:
            del self.state[f"empty:{item}"]

    @on("calendar.event?")
    def planned(self, event):
        if event.get("zone") is None:
            hours = self.store.hours
            last = hours.store_day(max(parse_time(event["from"]), parse_time(event["to"]) - INSTANT))
            span = [hours.store_day(parse_time(event["from"])).isoformat(), last.isoformat()]
            self.state[f"calendar:{event['event']}"] = [event["kind"], *span]

    @on("forecast.demand?")
    def foreseen(self, event):
        """Kept for promoted items alone, as it stood before the promotion began."""
        if event.get("level", "item") != "item" or event.get("basis") != "base":
            return
        item, day = item_key(event["key"]), self.store.hours.store_day(parse_time(event["from"])).isoformat()
        today = self.store.hours.store_day(self.now).isoformat()
        if any(today <= first and day <= over for first, _, over, _ in self.state.get(f"promo:{item}", ())):
            self.state.setdefault(f"forecast:{item}", {})[day] = event["mean"]

    # The promotions

    def start(self):
        self.index("promotions")

    @on_table("promotions", "products")
    def index(self, table):
        """Find what is promoted when; a promotion whose row vanished after it began is still evaluated."""
        hours, effect = self.store.hours, self.workers.insight.promo_effect
        today = hours.store_day(self.now)
        oldest = (today - (REOPEN_D + self.config.post_days + 1) * DAY).isoformat()
        rows = self._rows()
        windows = [effect.Window(row["promo"], *row["span"], frozenset(row["items"])) for row in rows.values()]
        fresh = {"+".join(sorted(one.promo for one in group)): group for group in effect.groups(windows)}
        counts = {}
        for name, group in self._groups().items():
            known = not rows.keys().isdisjoint(group["promos"])
            if name not in fresh and (known or group["first"] > today.isoformat() or group["last"] < oldest):
                for promo in group["promos"]:
                    counts[promo] = group
                del self.state[f"group:{name}"]
        for name, group in fresh.items():
            if max(one.last for one in group).isoformat() >= oldest:
                self._keep(name, [rows[one.promo] for one in group], counts)
            else:
                self.state.pop(f"group:{name}", None)
        self._keep_items()

    def _rows(self):
        """Promotions of products with their days, items and terms, by name."""
        terms = self.workers.insight.promo_terms
        return terms.promotions(self.tables.promotions.all_rows(), self._by_category(), self.tables.suppliers.get, self.store.hours)

    def _by_category(self):
        return self.tables.products.derived("by category", self.workers.insight.promo_terms.by_category)

    def _keep(self, name, rows, counts):
        before = {id(counts[row["promo"]]): counts[row["promo"]] for row in rows if row["promo"] in counts}
        fresh = {"version": 0, "dirty": True, "told": None}
        fresh |= {part: sum(group[part] for group in before.values()) for part in ("receipts", "other_margin")}
        known, group = self.state.get(f"group:{name}", fresh), self.workers.insight.promo_terms.combined(rows)
        self.state[f"group:{name}"] = known | group | {"dirty": known["dirty"] or known["last"] != group["last"]}

    def _keep_items(self):
        """What a receipt asks: the promotions of each item."""
        found = self.workers.insight.promo_terms.by_item(self._groups(), self.config.post_days)
        for key in [key for key in self.state if key.startswith(("promo:", "forecast:")) and key.partition(":")[2] not in found]:
            del self.state[key]
        for item, entries in found.items():
            self.state[f"promo:{item}"] = entries

    def _groups(self):
        return {key.partition(":")[2]: self.state[key] for key in sorted(self.state) if key.startswith("group:")}

    # The night

    @every("1d", at="03:00")
    def night(self, due):
        today = self.store.hours.store_day(due.time)
        self._fold(today)
        self.index("promotions")
        for name, group in self._groups().items():
            over = date.fromisoformat(group["last"]) + self.config.post_days * DAY
            if over < today and group["dirty"]:
                group["dirty"] = False
                yield from self._evaluate(name, group)

    def _fold(self, today):
        """Enter the day's news into the books, and forget what is older than any baseline asks for."""
        book = self.workers.forecast.day_book
        earliest = today - (7 * self.config.history_weeks + LONGEST_D) * DAY
        for key in [key for key in self.state if key.startswith("empty:")]:
            self._filled(key.partition(":")[2], self.now, still_empty=True)
        news = {key.partition(":")[2] for key in self.state if key.startswith("news:")}
        gaps = {key.partition(":")[2] for key in self.state if key.startswith("gaps:")}
        for name in sorted(news | {f":{item}" for item in gaps}):
            place, _, item = name.rpartition(":")
            empty = {} if place else self.state.pop(f"gaps:{item}", {})
            book.extend(self.state.setdefault(f"book:{name}", book.new()), self.state.pop(f"news:{name}", {}), empty, earliest)
        weekly = today.isoweekday() == 1
        recent = (today - (REOPEN_D + 1) * DAY).isoformat()
        for key in list(self.state):
            kind, _, rest = key.partition(":")
            old = kind == "seen" and rest[:10] < recent
            old = old or (kind == "calendar" and self.state[key][2] < earliest.isoformat())
            if old or (kind == "book" and weekly and max(self.state[key]["days"], default="") < earliest.isoformat()):
                del self.state[key]

    def _frame(self, group):
        first, last = (date.fromisoformat(group[part]) for part in ("first", "last"))
        calendar = [self.state[key] for key in sorted(key for key in self.state if key.startswith("calendar:"))]
        promoted = [(row["items"], row["span"]) for row in self._rows().values()]
        return self.workers.forecast.promo_frame.frame(
            first, last, weeks=self.config.history_weeks, post=self.config.post_days, stockout_hours=self.config.stockout_hours,
            calendar=calendar, promoted=promoted, opens=lambda day: self.store.hours.day(day) is not None,
        )  # fmt: skip

    def _sales(self, frame, item, place=""):
        """An item's sales about the promotion; None where it was never sold."""
        book = self.state.get(f"book:{place}:{item}")
        if book is None:
            return None
        return self.workers.forecast.promo_frame.Sales(frame, item, book, None if place else self.state.get(f"forecast:{item}"))

    def _product(self, item):
        return self.tables.products.get(item) or {}

    def _cost(self, item):
        return self._product(item).get("cost")

    def _price(self, at, item):
        rows = self.tables.prices.derived("by item", rows_by_item).get(item, ())
        return base_price(rows, at, self.store.hours.zone) or self._product(item).get("list_price")

    def _evaluate(self, name, group):
        from storeloom.workers.forecast.promo_account import Goods, account, siblings

        frame, config = self._frame(group), self.config
        price = partial(self._price, self.store.hours.midnight(frame.first))
        goods = Goods(partial(self._sales, frame), price, self._cost)
        beside = siblings(frame, group["items"], goods, self._product, self._by_category(), config.siblings)
        found = account(
            frame, group["items"], beside, goods, controls=config.control_stores, receipts=group["receipts"],
            other_margin=group["other_margin"], halo_share=config.halo_share / 100, fixed=group["fixed"], lump=group["lump"],
            level=config.confidence / 100,
        )  # fmt: skip
        if not (found.effect.units or found.effect.base):
            return
        group["version"] += 1
        sure = found.priced and found.effect.base >= config.min_units
        self._count(group, found.effect if sure else None)
        hours, effect = self.store.hours, found.effect
        roi = effect.roi if sure else None
        window = {"from": hours.midnight(frame.first), "to": hours.midnight(frame.last + DAY)}
        yield out("promo.result", window, promo=name, state="final", units=effect.units, base_units=effect.base,
                  uplift_pct=effect.lift_pct, lo=found.lo, hi=found.hi, margin=round(effect.profit), cost=round(effect.cost), roi=roi,
                  method=f"{'result' if sure else 'indication'}: seasonal baseline, like stores x {found.factor:.4g}")  # fmt: skip
        known = found.figures(roi)
        parts = [{"name": part, "value": value, "unit": unit} for part, (value, unit) in known.items()]
        yield out("score.report", window, scheme="promo_lift", subject_kind="promotion", subject=name, score=roi, parts=parts,
                  labels={"state": "result" if sure else "indication"})  # fmt: skip
        rows = [{**row, "gtin": self._product(row["item"]).get("gtin", row["item"])} for row in found.rows]
        yield out("insight.report", window, report=f"promo_lift:{name}", kind="promo_lift", version=group["version"],
                  figures={part: {"value": value, "unit": unit} for part, (value, unit) in known.items()}, rows=rows,
                  text=None if sure else self.say("Indication only", "仅供参考"))  # fmt: skip

    def _count(self, group, effect):
        """Bring the figures up to this version of the result; an indication counts for nothing."""
        fresh = effect.tally() if effect else [0.0] * 7
        more = [new - old for new, old in zip(fresh, group["told"] or [0.0] * 7, strict=True)]
        group["told"] = fresh
        self.kpi.share("promo_roi", more[0], more[1])
        self.kpi.share("lift", more[2], more[3])
        self.kpi.share("cannibalisation", more[4], more[2])
        self.kpi.share("promotions_losing", more[5], more[6])
