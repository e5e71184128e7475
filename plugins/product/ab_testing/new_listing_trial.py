"""For buyers: tries a new item in some stores against matched twins and says keep, extend or delist by the category margin it adds.

Runs where the sales of several stores come together; the store of a sale is that of its envelope. An item is on trial by the setting or by
`trial` among the `attributes` of its row. It starts on its `listed_on`, but not before `pre_weeks` whole weeks of sales are known; then the
plan is told: which stores get the item. Weeks count from that day. A start without three pairs is tried again the next day.

Stores without a sale in one of the weeks before are not paired. Margin is the amount less the cost of all of the item's category, itself
included; goods of unknown cost have none. A day is on hand by the last count of the day or a sale of the item; without counts all are. A
pair whose stores both sold the item is left out; one in which the item stood in the other store alone counts that way round. `drop` is the
decision to delist; where no pair is left, the trial is extended, then ends with `none`. A promotion is told by the line, else by its
discount or price; one seen in stores of one arm only is flagged.
"""

from datetime import date, timedelta
from statistics import fmean

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import draw
from storeloom.workers.gs1.numbers import item_key

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
LEAST_PAIRS = 3
RECEIPTS, SALES, MARGIN, UNITS, ITEM = range(5)  # what is kept of a store's day


class NewListingTrial(Solution):
    number = 143
    zh, en = "新品上架试销评估", "New-listing store trial"
    purpose_zh = "新品在部分门店试销，与配对的相似门店对照，按其带来的品类毛利判断保留、延长或下架，而不是看单品销量。"
    formats = ("supermarket",)
    produces = ("experiment.result", "insight.report")
    reads = ("products", "prices", "promotions")
    kpis = {
        "category_margin_effect": kpi("currency/week", "Category margin added a store and week", "单店每周品类毛利增量"),
        "cannibalised": kpi("%", "Cannibalised", "蚕食占比"),
        "p_value": kpi("ratio", "p-value", "p 值"),
        "rate_of_sale": kpi("units/week", "Rate of sale a store", "单店每周销量"),
    }
    kinds = {
        "new_listing_plan": ("Stores that get the new item", "新品试销门店"),
        "new_listing_trial": ("Result of a new item's trial", "新品试销结果"),
    }

    class Config(SolutionConfig):
        item: str | None = setting(None, "Item on trial", "试销商品", widget="product", pattern=r"^\d{8,14}$",
            help_en="None: every item that the products table marks as on trial.",
            help_zh="留空：商品表标记为试销的全部商品。")  # fmt: skip
        pairs: int = setting(6, "Matched pairs of stores", "配对门店数", ge=3, le=100)
        pre_weeks: int = setting(8, "Weeks before", "试销前周数", unit="weeks", ge=4, le=52,
            help_en="For matching, and as the period before.", help_zh="用于配对并作为对比前期。")  # fmt: skip
        trial_weeks: int = setting(6, "Weeks of trial", "试销周数", unit="weeks", ge=2, le=26)
        alpha: float = setting(0.05, "Error allowed", "显著性水平", ge=0.005, le=0.2,
            help_en="One-sided: how often an item that adds nothing may be kept.",
            help_zh="单侧：无增量的商品被误留的概率上限。")  # fmt: skip
        hurdle_units: float = setting(5, "Rate of sale needed", "最低销量门槛", unit="units/week", ge=0, le=10000,
            help_en="Of a store in a week, besides the margin.", help_zh="毛利之外，单店每周须达到的销量。")  # fmt: skip
        min_available_pct: float = setting(90, "Days on hand needed", "最低有货天数占比", unit="%", ge=50, le=100,
            help_en="Of a week; one with less is left out.", help_zh="一周中有货天数低于此比例则剔除该周。")  # fmt: skip
        seed: int = setting(1, "Seed of the draw", "随机种子", ge=0, le=2147483647, help_en="Which store of a pair gets the item.",
            help_zh="决定每对门店中哪家上架新品。")  # fmt: skip

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        sign, day = 1 if event["kind"] == "sale" else -1, self.store.hours.store_day(event.time).isoformat()
        for key, row in self._running().items():
            book = self.state.setdefault(f"sold:{key}|{event.store}", {}).setdefault(day, [0] * 5)
            self.state.setdefault(f"since:{key}", day)
            book[RECEIPTS] += sign > 0
            for line in event["lines"]:
                product = self.tables.products.get(line["gtin"]) or {}
                if not row.get("category") or product.get("category") != row["category"]:
                    continue
                units, amount = sign * abs(self.workers.pricing.book_check.units(line)), sign * abs(line["amount"])
                book[SALES] += amount
                book[MARGIN] += 0 if product.get("cost") is None else amount - units * product["cost"]
                book[UNITS] += units
                book[ITEM] += units if item_key(line["gtin"]) == key else 0
                for promo in self._promotions(line, product, event.time) if sign > 0 else ():
                    seen = self.state.setdefault(f"promotions:{key}", {}).setdefault(promo, {})
                    seen[event.store] = max(day, seen.get(event.store, day))

    @on("inventory.snapshot?")
    def counted(self, event):
        key = item_key(event["gtin"])
        if key not in self._running():
            return
        book = self.state.setdefault(f"stock:{key}|{event.get('other_store') or event.store}", {"places": {}, "days": {}})
        if self.workers.optimise.position.count(book["places"], {**event.data, "other_store": None}, event.time):
            on_hand = self.workers.optimise.position.units(book["places"]) > 0
            book["days"][self.store.hours.store_day(event.time).isoformat()] = on_hand

    @every("1d", at="00:00")
    def daily(self, due):
        today, running = self.store.hours.store_day(due.time), self._running()
        for name in [name for name in self.state if ":" in name and name.split(":")[1].split("|")[0] not in running]:
            if not name.startswith("trial:"):
                del self.state[name]
        for key, row in running.items():
            trial = self.state.get(f"trial:{key}")
            if trial is None:
                yield from self._begin(key, row, today)
            elif today >= date.fromisoformat(trial["start"]) + trial["weeks"] * WEEK:
                yield from self._judge(key, row, trial, due.time)

    # The stores

    def _begin(self, key, row, today):
        weeks, since = self.config.pre_weeks, self.state.get(f"since:{key}")
        listed = row.get("listed_on") and date.fromisoformat(row["listed_on"][:10])
        if since is None or today < date.fromisoformat(since) + weeks * WEEK or (listed and today < listed):
            return
        first, profiles, engine = today - weeks * WEEK, [], self.workers.insight.store_pairs
        for name in sorted(name for name in self.state if name.startswith(f"sold:{key}|")):
            receipts = self._weeks(name, first, weeks, RECEIPTS)
            if min(receipts) > 0 and not any(day[ITEM] > 0 for day in self.state[name].values()):
                profiles.append(engine.Profile(name.partition("|")[2], self._weeks(name, first, weeks, SALES), receipts))
        found = engine.closest(profiles, self.config.pairs)
        if len(found) < LEAST_PAIRS:
            self._forget(key, today - 2 * weeks * WEEK)
            return
        pairs = [list(reversed(one.stores) if draw(self.config.seed, key, *one.stores, modulus=2) else one.stores) for one in found]
        self.state[f"trial:{key}"] = {"start": today.isoformat(), "before": weeks, "weeks": self.config.trial_weeks, "pairs": pairs}
        self._forget(key, first)
        rows = [
            {"pair": n + 1, "trial": a, "control": b, "distance": one.distance}
            for n, ((a, b), one) in enumerate(zip(pairs, found, strict=True))
        ]
        text = self.say(
            f"{self._name(row)} goes to {', '.join(a for a, _ in pairs)}", f"{self._name(row)} 上架门店：{'、'.join(a for a, _ in pairs)}"
        )
        midnight = self.store.hours.midnight
        yield out("insight.report", {"from": midnight(today), "to": midnight(today + self.config.trial_weeks * WEEK)},
                  report=f"listing-plan-{row['gtin']}", kind="new_listing_plan", version=1, rows=rows, text=text,
                  figures={"pairs": {"value": len(pairs), "unit": "count"}}, item=row["gtin"])  # fmt: skip

    def _forget(self, key, first):
        """Nothing from before a day is needed any longer."""
        for name in [name for name in self.state if name.startswith(f"sold:{key}|")]:
            self.state[name] = {day: book for day, book in self.state[name].items() if day >= first.isoformat()}

    # The result

    def _judge(self, key, row, trial, at):
        start = date.fromisoformat(trial["start"])
        pairs = [self._as_stocked(key, trial, start, *stores) for stores in trial["pairs"]]
        rows = [self._pair(key, trial, start, *stores) for stores in pairs]
        kept = [one for one in rows if "effect" in one]
        figures, decision, p = {}, "none" if trial.get("extended") else "extend", None
        flags = self._one_armed(key, trial["start"], pairs)
        if kept:
            effects = [one["effect"] for one in kept]
            mean, p = fmean(effects), self.workers.insight.sign_flip.p_value(effects, seed=self.config.seed)
            rate, gained = fmean(one["item_units"] for one in kept), fmean(one["units_gained"] for one in kept)
            figures = {"category_margin_effect": mean, "p_value": p, "rate_of_sale": rate}
            figures |= {"cannibalised": 100 * (1 - gained / rate)} if rate > 0 else {}
            for name, value in figures.items():
                self.kpi.set(name, value)
            keeps = p <= self.config.alpha + 1e-12 and rate >= self.config.hurdle_units
            decision = "keep" if keeps else "drop" if mean <= 0 or trial.get("extended") else "extend"
            arms = [{"arm": arm, "n": len(kept), "value": fmean(one[f"{arm}_change"] for one in kept)} for arm in ("trial", "control")]
            yield out("experiment.result", experiment=f"listing-{row['gtin']}", metric="category_margin", arms=arms, effect=mean, p=p,
                      decision=decision, method="matched pairs, difference in differences, one-sided sign-flip test")  # fmt: skip
        version = 2 if trial.get("extended") else 1
        if decision == "extend":
            trial.update(extended=True, weeks=trial["weeks"] + -(-trial["weeks"] // 2))
        else:
            trial["done"] = True
        told = {"keep": ("keep", "保留"), "drop": ("delist", "下架"), "extend": ("extend", "延长"), "none": ("no result", "无结论")}[
            decision
        ]
        text = self.say(f"{self._name(row)}: {told[0]}", f"{self._name(row)}：{told[1]}")
        text += "".join(
            self.say(f"; {one['promo']} ran in the {one['arm']} stores only", f"；{one['promo']} 仅在{one['arm']}组门店") for one in flags
        )
        yield out("insight.report", {"from": self.store.hours.midnight(start), "to": at}, report=f"listing-trial-{row['gtin']}",
                  kind="new_listing_trial", version=version, rows=rows + flags, text=text, item=row["gtin"], decision=decision,
                  figures={name: {"value": value, "unit": self.kpis[name].unit} for name, value in figures.items()}
                  | {"pairs": {"value": len(kept), "unit": "count"},
                     "one_armed_promotions": {"value": len(flags), "unit": "count"}})  # fmt: skip

    def _as_stocked(self, key, trial, start, ours, other):
        """A pair's stores, first the one that had the item: the one drawn, unless the item stood in the other one alone."""
        drawn, instead = (sum(self._weeks(f"sold:{key}|{name}", start, trial["weeks"], ITEM)) > 0 for name in (ours, other))
        return (other, ours) if instead and not drawn else (ours, other)

    def _pair(self, key, trial, start, ours, other):
        """What a pair of stores shows, by weeks in which the item was on hand; without an effect where it is dropped."""
        engine, before, after = self.workers.insight.store_pairs, trial["before"], trial["weeks"]
        said = {"trial": ours, "control": other}
        names = {"trial": f"sold:{key}|{ours}", "control": f"sold:{key}|{other}"}
        kept = engine.kept_weeks(self._on_hand(key, ours, start, after), self.config.min_available_pct)
        if kept is None:
            return {**said, "dropped": "availability"}
        if sum(self._weeks(names["control"], start, after, ITEM)) > 0:
            return {**said, "dropped": "control sold the item"}
        moved = {}
        for arm, name in names.items():
            for what in (MARGIN, UNITS):
                then, now = self._weeks(name, start - before * WEEK, before, what), self._weeks(name, start, after, what)
                moved[arm, what] = engine.change(then, now, kept)
        item = self._weeks(names["trial"], start, after, ITEM)
        return {**said, "effect": moved["trial", MARGIN] - moved["control", MARGIN], "trial_change": moved["trial", MARGIN],
                "control_change": moved["control", MARGIN], "units_gained": moved["trial", UNITS] - moved["control", UNITS],
                "item_units": fmean(item[week] for week in kept), "weeks": len(kept)}  # fmt: skip

    def _on_hand(self, key, store, start, weeks):
        """Per cent of each week's days on which a store had the item."""
        days, sales = self.state.get(f"stock:{key}|{store}", {}).get("days", {}), self.state.get(f"sold:{key}|{store}", {})
        known = max((day for day in days if day < start.isoformat()), default=None)
        there, found = days.get(known, True), []
        for ahead in range(7 * weeks):
            day = (start + ahead * DAY).isoformat()
            there = days.get(day, there)
            found.append(there or sales.get(day, [0] * 5)[ITEM] > 0)
        return [100 * sum(found[7 * week : 7 * week + 7]) / 7 for week in range(weeks)]

    def _weeks(self, name, first, weeks, what):
        """Weekly sums of one of a store's daily figures."""
        days, found = self.state.get(name, {}), [0] * weeks
        for day, book in days.items():
            week = (date.fromisoformat(day) - first).days // 7
            if 0 <= week < weeks:
                found[week] += book[what]
        return found

    def _promotions(self, line, product, at):
        """What a line was reduced by: the promotion that it names, else those that hold for it, else a price for a time."""
        if line.get("promo"):
            return [line["promo"]]
        pricing, zone = self.workers.pricing, self.store.hours.zone
        if line.get("discount"):
            holding = [row for row in self.tables.promotions.all_rows() if pricing.shelf.holds(row, at, zone)]
            return [row["promo"] for row in holding if pricing.promoted.names(row, product)]
        rows = [row for row in self.tables.prices.rows(gtin=line["gtin"]) if row.get("kind", "base") in ("promotion", "markdown")]
        return [f"{row['kind']} {line['gtin']}" for row in rows if row["price"] == line["price"] and pricing.shelf.holds(row, at, zone)]

    def _one_armed(self, key, start, pairs):
        arms, found = {"trial": {a for a, _ in pairs}, "control": {b for _, b in pairs}}, []
        for promo, seen in sorted(self.state.get(f"promotions:{key}", {}).items()):
            during = {store for store, day in seen.items() if day >= start}
            hit = [arm for arm, stores in arms.items() if during & stores]
            found += [{"promo": promo, "arm": hit[0]}] if len(hit) == 1 else []
        return found

    # The items

    def _running(self):
        """Rows of the items on trial whose trial has not ended, by key."""
        marked = self.tables.products.derived("trial", _marked)
        if self.config.item is not None:
            row = self.tables.products.get(self.config.item)
            marked = {item_key(self.config.item): row} if row else {}
        return {key: row for key, row in marked.items() if not self.state.get(f"trial:{key}", {}).get("done")}

    def _name(self, row):
        return row.get("name", row["gtin"])


def _marked(rows):
    return {item_key(row["gtin"]): row for row in rows if (row.get("attributes") or {}).get("trial")}
