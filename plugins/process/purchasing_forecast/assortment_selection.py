"""Chooses which items a category keeps, adds and drops by what it would truly lose without them, within the width of its shelf.

A category is reviewed at the close of the day on which `review_weeks` of its sales are in, and again after as many weeks. Its items are
those of the planogram, its width that of the shelves they stand on (of one shared with other categories, the part that its items take up;
without a fixture, what they take up). An item is as wide as its facings, 10 cm where nobody says; a candidate has one facing. Need segments
are `need_segment` or `need` among the attributes, else the subcategory, else the whole category.

A week counts with stock when the item was there on one of its open days; an item that nobody counts is there. An item is out on a day when
its stock is nil from opening to close. Only items with a forecast for that day tell of extra sales. Buyers are members who bought the item
in the window. Net margin takes off waste at cost and adds the supplier's bonus (`bonus_pct` of cost: an attribute of the item, else of the
supplier). A change counts one, be it a drop or a swap; drops for want of width go before swaps.
"""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting

DAY, LEAST_OUT_DAYS, UNKNOWN_WIDTH_MM, KEPT_MEMBERS = timedelta(days=1), 5, 100, 500


class AssortmentSelection(Solution):
    number = 76
    zh, en = "智能选品", "Assortment selection"
    purpose_zh = "按品类缺了某个单品会真正损失多少（而非只看排名），在货架宽度内选定保留、引进与淘汰的商品。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("recommend.items", "insight.report")
    reads = ("products", "fixtures", "planogram", "suppliers")
    load = "optimise"
    kpis = {
        "margin_at_risk": kpi("minor", "Weekly margin at risk", "每周风险毛利"),
        "items_changed": kpi("count", "Items changed", "调整单品数"),
        "sales_per_cm": kpi("minor", "Weekly sales a centimetre", "每厘米周销售额"),
    }
    kinds = {"assortment_review": ("Review of a category's items", "品类选品评估")}

    class Config(SolutionConfig):
        review_weeks: int = setting(
            12, "Time between reviews", "评估周期", unit="wk", ge=4, le=52,
            help_en="Of a category; also the window of its figures.", help_zh="同一品类两次评估的间隔，也是统计窗口。",
        )  # fmt: skip
        protect_weeks: int = setting(13, "New items are protected", "新品保护期", unit="wk", ge=0, le=52)
        min_switchers: int = setting(
            30, "Buyers needed", "最少会员买家", ge=5, le=500,
            help_en="Members who bought the item, to measure its own transfer; five days out of stock do as well.",
            help_zh="测算单品转移率所需的会员买家数；或缺货满五天。",
        )  # fmt: skip
        transfer_default: float = setting(0.5, "Transfer where not measured", "默认转移率", ge=0, le=0.95)
        min_gain: int = setting(500, "Least gain of a swap", "替换最低收益", unit="minor/wk", ge=0, le=1000000)
        max_change: float = setting(
            0.1, "Largest share changed", "单次调整上限", ge=0, le=1,
            help_en="Of a category's items in one review, rounded up.", help_zh="单次评估中调整单品占品类的最大比例，向上取整。",
        )  # fmt: skip
        must_keep: list[Annotated[str, Field(pattern=r"^\d{8,14}$")]] = setting(
            list, "Items held", "必留商品", help_en="By contract, or as the only one of a need.", help_zh="因合同或唯一满足某需求而保留。",
        )  # fmt: skip
        margin_basis: Literal["net", "gross"] = setting(
            "net", "Margin", "毛利口径", help_en="Net takes waste and supplier bonus into account.", help_zh="net计入损耗与供应商返利。",
        )  # fmt: skip

    # What comes in

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        day = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        for line in event["lines"]:
            row = self.tables.products.get(line["gtin"])
            if row is None or not row.get("category"):
                continue
            back = kind == "return" or line["qty"] < 0
            weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
            units = (-1 if back else 1) * (abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"]))
            amount, cost = (-1 if back else 1) * abs(line["amount"]), row.get("cost") or 0
            self.state.setdefault(f"since:{row['category']}", day)
            item = self._item(row["gtin"])
            week = self._week(item, row["category"], day)
            week[0] += amount - cost * units
            week[1] += amount
            week[2] += units * cost * self._bonus(row)
            item["sold"][day] = item["sold"].get(day, 0) + units
            self.workers.optimise.position.take(item["places"], units, event.time)
            member = event.get("member")
            if member and not back and member not in item["members"] and len(item["members"]) < KEPT_MEMBERS:
                item["members"].append(member)

    @on("forecast.demand?")
    def forecast(self, event):
        if event["level"] == "item":
            book = self._item(self._gtin(event["key"]))["demand"]
            self.workers.optimise.outlook.enter_window(book, event.data, self.store.hours, self.now)

    @on("inventory.snapshot?")
    def counted(self, event):
        item, stock = self._item(self._gtin(event["gtin"])), self.workers.optimise.position
        if event.get("other_store", self.store.id) == self.store.id and stock.count(
            item["places"], {**event.data, "other_store": None}, event.time
        ):
            self._stocked(item, event.time)

    @on("inventory.movement?")
    def moved(self, event):
        if event.get("state", "booked") != "booked":
            return
        gtin = self._gtin(event["gtin"])
        row, item = self.tables.products.get(gtin) or {}, self._item(gtin)
        book = {"places": item["places"], "reserved": 0, "in_transit": 0, "net": 0, "coming": {}}
        if item["places"] or event["kind"] == "count":
            self.workers.optimise.position.enter_movement(book, event.data, event.time)
            item["places"] = book["places"]
        self._stocked(item, event.time)
        if event["kind"] == "waste" and row.get("category"):
            day = self.store.hours.trading_day(event.time).isoformat()
            self._week(item, row["category"], day)[3] += abs(event["qty"]) * (event.get("cost") or row.get("cost") or 0)

    # The evening

    @every("1d", at="close")
    def evening(self, due):
        today = self.store.hours.ended_day(due.time)
        opened = (self.store.hours.day(today) or (due.time,))[0]
        categories = self._categories()
        for category in sorted(key[6:] for key in self.state if key.startswith("since:")):
            gtins, outs = categories.get(category, {}), []
            for gtin in gtins:
                item = self._item(gtin)
                self._stocked(item, due.time)
                if item["empty_since"] and item["empty_since"] <= opened.isoformat() and not item["sold"].get(today.isoformat()):
                    outs.append(gtin)
                else:
                    item["there"][str(self._number(category, today.isoformat()))] = True
            self._caught(gtins, outs, today.isoformat())
            since = date.fromisoformat(self.state[f"since:{category}"])
            if (today - since).days + 1 >= 7 * self.config.review_weeks and gtins:
                yield from self._review(category, gtins, since, today, due.time)
        for key in [key for key in self.state if key.startswith("item:")]:
            sold = self.state[key]["sold"]
            for day in [day for day in sold if day <= today.isoformat()]:
                del sold[day]

    def _caught(self, gtins, outs, day):
        """What the others sold above forecast while items were out; two out at once share it by their forecasts."""
        demand = {gtin: known["mean"] for gtin in gtins if (known := self.workers.optimise.outlook.of_day(self._item(gtin)["demand"], day))}
        lost = {gtin: demand[gtin] for gtin in outs if demand.get(gtin)}
        rest = [gtin for gtin in demand if gtin not in outs]
        extra = sum(self._item(gtin)["sold"].get(day, 0) - demand[gtin] for gtin in rest)
        for gtin in outs:
            self._item(gtin)["days_out"] += 1
        for gtin, units in lost.items():
            item = self._item(gtin)
            item["lost"] += units
            item["extra"] += extra * units / sum(lost.values())

    def _review(self, category, gtins, since, today, at):
        engine, config = self.workers.optimise.assortment, self.config
        facts = {gtin: self._facts(gtin, width) for gtin, width in gtins.items()}
        held = {self._gtin(gtin) for gtin in config.must_keep}
        present = [
            engine.Option(gtin, fact["loss"], fact["width"], self._need(gtin), gtin in held or self._is_new(gtin, today))
            for gtin, fact in facts.items()
        ]
        new = {gtin: fact for gtin in self._candidates(category, gtins, today) if (fact := self._promise(gtin, today))}
        candidates = [engine.Option(gtin, fact["loss"], fact["width"], self._need(gtin)) for gtin, fact in new.items()]
        changes = engine.most_changes(config.max_change, len(present))
        choice = engine.choose(present, candidates, self._width(category, gtins), config.min_gain, changes)
        dropped, added = [*choice.drops, *(old for old, _ in choice.swaps)], [fresh for _, fresh in choice.swaps]
        reasons = {one.id: "must_keep" if one.id in held else "protected" if one.firm else "loss_per_cm" for one in present}
        reasons |= dict.fromkeys(choice.drops, "width") | {gtin: "swap" for pair in choice.swaps for gtin in pair}
        groups = {"keep": [gtin for gtin in facts if gtin not in dropped], "add": added, "drop": dropped}
        losses = {gtin: fact["loss"] for gtin, fact in {**facts, **new}.items()}
        for context, chosen in groups.items():
            if chosen:
                items = [
                    {"gtin": gtin, "score": round(losses[gtin], 2), "reason": reasons[gtin]}
                    for gtin in sorted(chosen, key=lambda g: (-losses[g], g))
                ]
                yield out("recommend.items", context=context, items=items, category=category)
        yield self._report(category, since, today, at, {**facts, **{gtin: new[gtin] for gtin in added}}, groups, choice)
        self._begin_anew(category, gtins, today)

    def _report(self, category, since, today, at, facts, groups, choice):
        hours, width = self.store.hours, sum(facts[gtin]["width"] for gtin in groups["keep"] + groups["drop"])
        at_risk, changed = sum(facts[gtin]["loss"] for gtin in groups["drop"]), len(choice.drops) + len(choice.swaps)
        density = sum(fact.get("sales", 0) for fact in facts.values()) / width
        self.kpi.add("margin_at_risk", round(at_risk))
        self.kpi.add("items_changed", changed)
        self.kpi.sample("sales_per_cm", density)
        figures = {"margin_at_risk": (at_risk, "minor"), "items_changed": (changed, "count"), "sales_per_cm": (density, "minor")}
        figures["changes_waiting"] = (len(choice.wanted), "count")
        rows = []
        for context, chosen in groups.items():
            for gtin in chosen:
                row = {"gtin": gtin, "decision": context} | {
                    name: round(value, 4) for name, value in facts[gtin].items() if value is not None
                }
                stock = self.workers.optimise.position.units(self._item(gtin)["places"]) if context == "drop" else None
                rows.append(row | ({} if stock is None else {"run_out": stock}))
        figures = {name: {"value": round(value, 2), "unit": unit} for name, (value, unit) in figures.items()}
        return out(
            "insight.report", {"from": hours.midnight(since), "to": at}, report=f"assortment-{category}-{today:%Y%m%d}",
            kind="assortment_review", version=1, rows=rows, figures=figures,
            text=self.say(f"{category}: {changed} items change", f"{category}：调整{changed}个单品"),
        )  # fmt: skip

    # Figures of an item

    def _facts(self, gtin, width):
        item = self._item(gtin)
        weeks = len(item["there"]) or 1
        sums = [sum(week[n] for week in item["weeks"].values()) for n in range(4)]
        margin = (sums[0] + (sums[2] - sums[3] if self.config.margin_basis == "net" else 0)) / weeks
        measured = item["lost"] > 0 and (item["days_out"] >= LEAST_OUT_DAYS or len(item["members"]) >= self.config.min_switchers)
        caught = self.workers.optimise.assortment.transfer(item["extra"], item["lost"]) if measured else self.config.transfer_default
        return {"margin": margin, "transfer": caught, "loss": margin * (1 - caught), "width": width, "sales": sums[1] / weeks}

    def _promise(self, gtin, today):
        """What a candidate would bring by the forecast of basis new; None without one."""
        row, book = self.tables.products.get(gtin), self._item(gtin)["demand"]
        means = [bases["new"]["mean"] for day, bases in book.items() if day > today.isoformat() and "new" in bases]
        if not means or row.get("list_price") is None:
            return None
        cost = row.get("cost") or 0
        unit = row["list_price"] - cost + (cost * self._bonus(row) if self.config.margin_basis == "net" else 0)
        margin, caught = unit * 7 * sum(means) / len(means), self.config.transfer_default
        width = (row.get("width_mm") or UNKNOWN_WIDTH_MM) / 10
        return {"margin": margin, "transfer": caught, "loss": margin * (1 - caught), "width": width}

    def _bonus(self, row):
        own = (row.get("attributes") or {}).get("bonus_pct")
        return (own if own is not None else (self.tables.suppliers.get(row.get("supplier") or "") or {}).get("bonus_pct") or 0) / 100

    def _need(self, gtin):
        row = self.tables.products.get(gtin) or {}
        attributes = row.get("attributes") or {}
        return str(attributes.get("need_segment") or attributes.get("need") or row.get("subcategory") or row.get("category"))

    def _is_new(self, gtin, today):
        listed = (self.tables.products.get(gtin) or {}).get("listed_on")
        return bool(listed) and (today - date.fromisoformat(listed[:10])).days < 7 * self.config.protect_weeks

    def _candidates(self, category, gtins, today):
        day = today.isoformat()
        for row in self.tables.products.all_rows():
            listed = (row.get("listed_on") or day) <= day < (row.get("delisted_on") or "9999")
            if listed and row.get("category") == category and row["gtin"] not in gtins:
                yield row["gtin"]

    # The shelf

    def _slot_cm(self, slot):
        row = self.tables.products.get(slot["gtin"]) or {}
        return (slot.get("width_mm") or (row.get("width_mm") or UNKNOWN_WIDTH_MM) * (slot.get("facings") or 1)) / 10

    def _categories(self):
        """Items and their width in cm by category, as they stand."""
        found = {}
        for slot in self.tables.planogram.rows():
            row = self.tables.products.get(slot["gtin"]) or {}
            if row.get("category"):
                items = found.setdefault(row["category"], {})
                items[row["gtin"]] = items.get(row["gtin"], 0) + self._slot_cm(slot)
        return {category: dict(sorted(items.items())) for category, items in found.items()}

    def _width(self, category, gtins):
        """Centimetres of shelf that the category has."""
        own, whole = {}, {}
        for slot in self.tables.planogram.rows():
            place = slot["fixture"], str(slot.get("shelf"))
            whole[place] = whole.get(place, 0) + self._slot_cm(slot)
            if self._gtin(slot["gtin"]) in gtins:
                own[place] = own.get(place, 0) + self._slot_cm(slot)
        total = 0
        for (fixture, shelf), width in own.items():
            shelves = (self.tables.fixtures.get(fixture) or {}).get("shelves") or ()
            wide = next((one.get("width_mm") for one in shelves if str(one.get("shelf")) == shelf), None)
            total += wide / 10 * width / whole[fixture, shelf] if wide else width
        return total

    # Books

    def _gtin(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("gtin", gtin)

    def _item(self, gtin):
        fresh = {"weeks": {}, "there": {}, "members": [], "sold": {}, "demand": {}, "places": {}, "empty_since": None}
        return self.state.setdefault(f"item:{gtin}", {**fresh, "days_out": 0, "lost": 0, "extra": 0})

    def _number(self, category, day):
        return (date.fromisoformat(day) - date.fromisoformat(self.state.get(f"since:{category}", day))).days // 7

    def _week(self, item, category, day):
        """Margin, sales, bonus and waste of the week."""
        return item["weeks"].setdefault(str(self._number(category, day)), [0, 0, 0, 0])

    def _stocked(self, item, at):
        """Since when nothing is there."""
        units = self.workers.optimise.position.units(item["places"])
        if units is None or units > 0:
            item["empty_since"] = None
        elif item["empty_since"] is None:
            item["empty_since"] = at.isoformat()

    def _begin_anew(self, category, gtins, today):
        self.state[f"since:{category}"] = (today + DAY).isoformat()
        for gtin in gtins:
            self._item(gtin).update(weeks={}, there={}, members=[], days_out=0, lost=0, extra=0)
