"""For merchandising and legal: checks every planned promotion for false 'was' prices, stacking below margin, clashes and missing stock.

A promotion is a row of `promotions`, approved or not yet; a price row with a 'was' price that none of them covers counts as one of its own.
From `lead_days` before its start on it is checked every morning at opening and whenever a table changes; stock as soon as it is counted or
forecast. The day of the start is not part of the reference days. A price taken is the amount of a sale line by its pieces or kilograms,
after all discounts; lines for nothing are gifts. Prices of members and of receipts with coupons can be left out.

The worst stack is what the till would ask (see workers/pricing/promo_stack). Promotions without a priority clash with none. A finding is
one alert by promotion, item and kind, told again when its values change (stock: once) and cleared when it no longer holds, at the latest
at the promotion's end. Compliance is the share of promotions in check without a fault; missing stock is no fault. It changes neither
promotions nor prices: what blocks says so.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting
from storeloom.core.kernel.events import parse_time, stamp

DAY = timedelta(days=1)
SALES_KEPT = timedelta(days=200)
WORDINGS = (
    "while stocks last",
    "while stock lasts",
    "while supplies last",
    "limited stock",
    "售完即止",
    "售完为止",
    "数量有限",
    "送完即止",
)
WORDS = {
    "false_reference_price": ("false 'was' price", "划线价虚高"),
    "margin_floor": ("stack under the margin floor: blocked", "叠加后低于毛利底线：拦截"),
    "promo_clash": ("clash of equal priority", "同优先级冲突"),
    "promo_stock": ("stock short without 'while stocks last'", "库存不足且未注明售完即止"),
    "promo_unusable": ("cannot be priced", "无法计价"),
}
FAULTS = ("false_reference_price", "margin_floor", "promo_clash", "promo_unusable")


class PromoPriceCompliance(Solution):
    number = 130
    zh, en = "促销排期与划线价合规校验", "Promotion and reference-price compliance"
    purpose_zh = "促销上架前逐一校验虚假划线价、叠加破毛利底线、档期冲突与备货不足。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("alert.raise", "insight.report", "score.report")
    reads = ("promotions", "prices", "products", "coupons")
    kpis = {
        "promotions_blocked": kpi("count", "Promotions blocked", "被拦截的促销"),
        "false_reference_prices": kpi("count", "False 'was' prices", "虚假划线价"),
        "compliance": kpi("%", "Compliance", "合规率"),
        "margin_floor_breaches": kpi("count", "Breaches of the margin floor", "击穿毛利底线"),
    }
    kinds = {**WORDS, "promo_price_compliance": ("Promotions checked", "促销合规校验")}

    class Config(SolutionConfig):
        reference_days: int = setting(7, "Days before that bound the 'was' price", "划线价参考天数", unit="days", ge=7, le=90,
            help_en="The lowest deal price of these days is the highest 'was' price.",
            help_zh="促销前此天数内的最低成交价为划线价上限。")  # fmt: skip
        min_margin_pct: float = setting(5, "Margin that the worst stack must leave", "最差叠加须留毛利", unit="% of cost", ge=-50, le=100)
        below_cost_ok: list[str] = setting([], "Categories that may go below", "可低于底线的品类",
            help_en="Fresh goods, clearance.", help_zh="如生鲜、清仓。")  # fmt: skip
        lead_days: int = setting(3, "First check before the start", "首次校验提前天数", unit="days", ge=0, le=30)
        stock_cover: float = setting(0.8, "Stock by forecast that needs no wording", "备货与预测比", ge=0, le=2,
            help_en="Under it 'while stocks last' must be stated.", help_zh="低于此值须注明“售完即止”。")  # fmt: skip
        member_prices_count: bool = setting(True, "Member and coupon prices count as deal prices", "会员价与券后价计入成交价")

    def start(self):
        return self._check()

    @every("1d", at="open")
    def morning(self, due):
        yield from self._check()
        today = self.store.hours.store_day(due.time)
        for name in [name for name in self.state if name.startswith("sold:")]:
            self.state[name] = self.workers.pricing.reference_price.forgotten(self.state[name], today - SALES_KEPT)
        yield from self._report(due.time, today)

    @on_table("promotions", "prices", "products", "coupons")
    def changed(self, table):
        return self._check()

    # Deal prices, stock and forecasts

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] != "sale" or event.store not in ("", self.store.id):
            return
        for line in event["lines"]:
            units = self.workers.pricing.book_check.units(line)
            if line["amount"] <= 0 or units <= 0 or (self._promotion(line.get("promo")) or {}).get("kind") == "gift":
                continue
            price = self.workers.pricing.money.round_money(self._exact(line["amount"]) / self._exact(units))
            book, day = self.state.setdefault(f"sold:{self._key(line['gtin'])}", {}), self.store.hours.store_day(event.time)
            public = not self._reserved(event, line, price)
            self.workers.pricing.reference_price.enter(book, day, stamp(event.time), price, public=public)

    def _reserved(self, event, line, price):
        """Whether a price was for a member or by a coupon only."""
        if event.get("coupons") or any(one.get("method") == "coupon" for one in event.get("payments") or ()):
            return True
        promo, base = self._promotion(line.get("promo")), self._base(line["gtin"], event.time)
        return (
            bool(event.get("member")) and base is not None and price < base and (promo or {}).get("kind", "member_price") == "member_price"
        )

    @on("inventory.snapshot?")
    def counted(self, event):
        key = self._key(event["gtin"])
        new = self.workers.optimise.position.count(self.state.setdefault(f"stock:{key}", {}), event.data, event.time)
        return self._check(key) if new else []

    @on("forecast.demand?")
    def forecast(self, event):
        if event.get("level", "item") != "item":
            return []
        data, key = {**event.data, "mean": event.get("mean", event.get("p50", 0))}, self._key(event["key"])
        self.workers.optimise.demand_windows.enter(self.state.setdefault(f"forecast:{key}", []), data, self.now)
        return self._check(key)

    # The checks

    def _check(self, only=None):
        """Checks all promotions in time, or those of one item; tells what is new and what is over."""
        planned = {row["promo"]: row for row in self._planned()}
        for name in [name for name in self.state if name.startswith("open:") and name[5:] not in planned]:
            yield from (self._alert(key, finding, "cleared") for key, finding in self.state.pop(name).items())
        for promo, row in planned.items():
            items = self._items(row)
            if only is not None and only not in items:
                continue
            found = {f"{one['kind']}-{promo}-{one['gtin']}": one for one in self._findings(row, items)}
            before = self.state.get(f"open:{promo}", {})
            yield from (self._alert(key, before[key], "cleared") for key in before if key not in found)
            for key, finding in found.items():
                if key not in before:
                    self.kpi.add("false_reference_prices", finding["kind"] == "false_reference_price")
                    self.kpi.add("margin_floor_breaches", finding["kind"] == "margin_floor")
                if key not in before or (finding["kind"] != "promo_stock" and finding != before[key]):
                    yield self._alert(key, finding, "open")
            kinds = [[one["kind"] for one in findings.values()] for findings in (before, found)]
            self.kpi.add("promotions_blocked", "margin_floor" in kinds[1] and "margin_floor" not in kinds[0])
            self.state[f"open:{promo}"] = found

    def _findings(self, row, items):
        start, end = self._span(row)
        stack, others = self.workers.pricing.promo_stack, [one for one in self._promotions() if one["promo"] != row["promo"]]
        tables, found = self.tables, []
        rules, unsound = self.workers.pricing.planned.rules_of(
            tables.promotions.all_rows(), tables.coupons.all_rows(), self.store.hours.zone
        )
        for key, product in items.items():
            gtin, named = product["gtin"], {"promo": row["promo"], "gtin": product["gtin"]}
            struck, allowed = self._struck(key, start, end), self._reference(key, start)
            if struck is not None and (allowed is None or struck > allowed):
                limit = {} if allowed is None else {"limit": allowed}
                found.append({**named, "kind": "false_reference_price", "value": struck, **limit})
            wrong = [why for one, why in unsound if one.get("promo", row["promo"]) == row["promo"] and self._reaches(one, product)]
            if wrong:
                found.append({**named, "kind": "promo_unusable", "reason": wrong[0]})
            base = self._base(gtin, max(start, self.now))
            here = [rule for rule, one in rules if self._reaches(one, product)]
            if base is not None and product.get("cost") is not None and product.get("category") not in self.config.below_cost_ok:
                least = self._exact(product["cost"]) * (1 + self._exact(self.config.min_margin_pct) / 100)
                worst = stack.worst(base, here, self._offers(key), max(start, self.now), end, lambda one: self._base(one, start))
                if worst.price < least:
                    limit = -(-least.numerator // least.denominator)
                    found.append({**named, "kind": "margin_floor", "value": worst.price, "limit": limit, "rules": list(worst.rules)})
            clashes = [one["promo"] for one in others if self._clash(row, one, gtin, product)]
            if clashes:
                found.append({**named, "kind": "promo_clash", "value": row["priority"], "others": sorted(clashes)})
            ratio = self._cover(key, start, end)
            if ratio is not None and ratio < self.config.stock_cover - 1e-9 and not self._worded(row):
                found.append({**named, "kind": "promo_stock", "value": round(ratio, 4), "limit": self.config.stock_cover})
        return found

    def _struck(self, key, start, end):
        """The highest 'was' price shown during a promotion."""
        rows = [row for row in self._price_rows(key) if row.get("struck") is not None]
        shelf, zone = self.workers.pricing.shelf, self.store.hours.zone
        return max((row["struck"] for row in rows if shelf.overlaps(row, start, end - timedelta.resolution, zone)), default=None)

    def _reference(self, key, start):
        """The highest 'was' price allowed, None where the item was never sold."""
        which, day = "all" if self.config.member_prices_count else "public", self.store.hours.store_day(start)
        return self.workers.pricing.reference_price.allowed(self.state.get(f"sold:{key}", {}), day, self.config.reference_days, which)

    def _clash(self, row, other, gtin, product):
        if row.get("priority") is None or row["priority"] != other.get("priority"):
            return False
        (start, end), (begin, until) = self._span(row), self._span(other)
        return start < until and begin < end and self.workers.pricing.promoted.names(other, product)

    def _cover(self, key, start, end):
        """Stock by what is forecast of a promotion's time; None where one of them is not known."""
        stock, book = self.workers.optimise.position.units(self.state.get(f"stock:{key}", {})), self.state.get(f"forecast:{key}")
        if stock is None or not book:
            return None
        until = min(end, max(parse_time(one["to"]) for one in book))
        total = self.workers.optimise.demand_windows.expected(book, self.store.hours, start, until) if until > start else None
        return stock / total if total else None

    def _worded(self, row):
        return any(words in str(row.get("wording") or "").lower() for words in WORDINGS)

    # Telling

    def _alert(self, key, finding, state):
        kind, name = finding["kind"], (self.tables.products.get(finding["gtin"]) or {}).get("name", finding["gtin"])
        severity = {"promo_stock": "warn", "promo_clash": "warn"}.get(kind, "high")
        allowed = self.say(f"; allowed {finding.get('limit')}", f"；允许 {finding.get('limit')}") if "limit" in finding else ""
        if kind == "false_reference_price" and not allowed:
            allowed = self.say("; never sold, no comparison allowed", "；从未成交，不得比价")
        text = f"{finding['promo']} {name}: {self.say(*WORDS[kind])} {finding.get('value', finding.get('reason'))}{allowed}"
        more = {field: finding[field] for field in ("promo", "gtin", "rules", "others") if finding.get(field)}
        unit = "ratio" if kind == "promo_stock" else "minor" if kind in ("false_reference_price", "margin_floor") else None
        return out("alert.raise", more, alert=key, kind=kind, severity=severity, state=state, subject=finding["promo"], text=text,
                   value=finding.get("value"), limit=finding.get("limit"), unit=unit)  # fmt: skip

    def _report(self, at, today):
        planned = {row["promo"] for row in self._planned()}
        rows = [one for promo in sorted(planned) for one in self.state[f"open:{promo}"].values()]
        if not planned:
            return
        wrong = {one["promo"] for one in rows if one["kind"] in FAULTS}
        self.kpi.share("compliance", len(planned) - len(wrong), len(planned))
        counts = {kind: sum(one["kind"] == kind for one in rows) for kind in WORDS}
        window = {"from": self.store.hours.midnight(today), "to": at}
        figures = {name: {"value": value, "unit": "count"} for name, value in {"promotions": len(planned), **counts}.items()}
        yield out("insight.report", window, report=f"promo-compliance-{today}", kind="promo_price_compliance", version=1, rows=rows,
                  figures=figures)  # fmt: skip
        yield out("score.report", window, scheme="promo_compliance", subject_kind="store", subject=self.store.id,
                  score=100 * (len(planned) - len(wrong)) / len(planned),
                  parts=[{"name": name, "value": value, "unit": "count"} for name, value in counts.items()])  # fmt: skip

    # What is planned

    def _planned(self):
        """Promotions whose checks have begun and that are not over."""
        first = self.store.hours.store_day(self.now)
        return [
            row for row in self._promotions()
            if self._span(row)[1] > self.now and self.store.hours.store_day(self._span(row)[0]) - self.config.lead_days * DAY <= first
        ]  # fmt: skip

    def _promotions(self):
        """Rows of promotions, and price rows with a 'was' price that none of them covers."""
        rows, zone = list(self.tables.promotions.all_rows()), self.store.hours.zone
        return rows + self.workers.pricing.planned.uncovered(self.tables.prices.all_rows(), self.tables.products.get, rows, zone)

    def _reaches(self, row, product):
        return self.workers.pricing.rights.reaches(row, product["gtin"], product)

    def _offers(self, key):
        rows = [row for row in self._price_rows(key) if row.get("kind", "base") != "base" and not row.get("scope")]
        return [self.workers.pricing.promo_stack.Offer(row["price"], *self._span(row)) for row in rows]

    def _items(self, row):
        """Products that a promotion names, by key."""
        if row.get("gtins"):
            named = [self.tables.products.get(gtin) for gtin in row["gtins"]]
        else:
            named = self.tables.products.all_rows()
        return {self._key(one["gtin"]): one for one in named if one and self.workers.pricing.promoted.names(row, one)}

    def _span(self, row):
        prices = self.workers.pricing.prices
        return tuple(
            prices.instant(row.get(name), self.store.hours.zone, absent) for name, absent in (("from", self.now), ("to", prices.LATEST))
        )

    def _promotion(self, promo):
        return next((row for row in self.tables.promotions.all_rows() if row["promo"] == promo), None) if promo else None

    def _price_rows(self, key):
        return self.tables.prices.derived("by_item", self.workers.pricing.rows_by_item).get(key, ())

    def _base(self, gtin, at):
        base = self.workers.pricing.prices.base_price(self._price_rows(self._key(gtin)), at, self.store.hours.zone)
        return base if base is not None else (self.tables.products.get(gtin) or {}).get("list_price")

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)

    def _exact(self, number):
        return self.workers.pricing.money.exact(number)
