"""Size-curve buying: a style's buy and its first allocation follow each store's true size curve, in packs that fit.

Sales are of the store of their envelope, snapshots of `other_store` where they have one. A size is there while some item of the category in
that size has stock; before anything is known of it, it counts as there. The window begins with the first fact of the category in the store.
Full price is the list price. A store without sales has the chain's curve, which is that of `products.size_share` where every size of the
style has one, else the sum of all stores' corrected units.

A buy that names a store (`to_store`) is split by its curve, any other by the curves of the stores weighed by their forecast of the style,
else of its category, else by their corrected sales. `options.colour`, else that of the line's item, picks among the colours of a style.
Lines without `options.style` are not touched. Six weeks after its allocation a style scores the curve that it was bought by.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

WEEK = timedelta(days=7)
JUDGED_AFTER = timedelta(weeks=6)
FULL_PRICE = 0.7
Count = Annotated[int, Field(ge=0)]


class SizeCurveBuy(Solution):
    number = 89
    zh, en = "尺码配比与首铺", "Size-curve buying and first allocation"
    purpose_zh = "从有货时段的销售中学习各店真实尺码曲线，据此拆分采购与首铺并选择合适的配码包，避免断码与积压并存。"
    formats = ("specialty",)
    produces = ("order.propose", "score.report")
    reads = ("products", "suppliers")
    load = "optimise"
    kpis = {
        "broken_size_rate": kpi("%", "Stores with a broken run", "断码率"),
        "size_sell_through_spread": kpi("points", "Spread of sell-through by size", "尺码售罄率极差"),
        "curve_error": kpi("%", "Error of the curve", "尺码曲线误差"),
    }

    class Config(SolutionConfig):
        prior_strength: float = setting(
            20, "Weight of the chain's curve", "整体曲线权重", unit="each", ge=0, le=500,
            help_en="Units that the chain's curve weighs.", help_zh="整体曲线相当于的件数。",
        )  # fmt: skip
        curve_weeks: int = setting(26, "Window of sales", "销售窗口", unit="wk", ge=4, le=104)
        full_price_only: bool = setting(
            True, "Full price only", "仅用正价销售",
            help_en="Sales marked down by more than 30 % do not teach the curve.", help_zh="降价超过30%的销售不计入曲线。",
        )  # fmt: skip
        min_per_size: int = setting(
            1, "Least of each core size", "核心尺码最少件数", ge=0, le=10,
            help_en="In a store's first allocation.", help_zh="门店首铺中每个核心尺码的最少件数。",
        )  # fmt: skip
        core_sizes: list[str] = setting(
            lambda: ["S", "M", "L"], "Core sizes", "核心尺码",
            help_en="Sizes without which a style is broken.", help_zh="缺少即视为断码的尺码。",
        )  # fmt: skip
        hold_back: float = setting(
            0.3, "Held back", "预留比例", ge=0, le=0.7,
            help_en="Share of the buy kept in the warehouse for the first repeat.", help_zh="留在仓库用于首次补货的比例。",
        )  # fmt: skip
        packs: dict[str, dict[str, Count]] = setting(
            dict, "Pre-packs", "配码包", help_en="Pieces by size of each of the supplier's packs.", help_zh="供应商各配码包的分码件数。",
        )  # fmt: skip
        pack_penalty: float = setting(
            1.0, "Cost of a piece off", "偏差成本", ge=0, le=10,
            help_en="Of one piece over or under the wanted size, against handling of one loose piece.",
            help_zh="每件多或少于目标尺码的成本，以一件散货的处理成本为1。",
        )  # fmt: skip

    # What sells

    @on("inventory.snapshot")
    def counted(self, event):
        gtin, row = self._item(event["gtin"])
        if row:
            store = event.get("other_store") or event.store
            places = self.state.setdefault(f"stock:{gtin}|{store}", {})
            data = {key: value for key, value in event.data.items() if key != "other_store"}
            if self.workers.optimise.position.count(places, data, event.time):
                self._there(row, store, event.time)

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") not in ("sale", "return"):
            return
        day = self.store.hours.store_day(event.time).isoformat()
        for line in event["lines"]:
            gtin, row = self._item(line["gtin"])
            if not row:
                continue
            units = -abs(line["qty"]) if event.get("kind") == "return" or line["qty"] < 0 else line["qty"]
            book = self._book(row["category"], event.store, event.time)
            if not self.config.full_price_only or self._paid(line) >= FULL_PRICE * (row.get("list_price") or line["price"]) - 1e-6:
                sizes = book["sold"].setdefault(day, {})
                sizes[row["size"]] = sizes.get(row["size"], 0) + units
            self.workers.optimise.position.take(self.state.setdefault(f"stock:{gtin}|{event.store}", {}), units, event.time)
            self._there(row, event.store, event.time)
            for buy in self._buys().values():
                if buy["style"] == row["style"]:
                    buy["sold"][row["size"]] = buy["sold"].get(row["size"], 0) + units

    def _paid(self, line):
        """What a piece brought."""
        return abs(line["amount"] / line["qty"]) if line["qty"] else 0

    @on("forecast.demand?")
    def forecast(self, event):
        if event.get("level", "item") in ("item", "category"):
            key = self._item(event["key"])[0] if event.get("level", "item") == "item" else event["key"]
            entry = self.state.setdefault(f"forecast:{key}", {})
            known = entry.get(event.store)
            if known is None or parse_time(known["issued"]) < parse_time(event["issued"]):
                entry[event.store] = {"issued": event["issued"], "mean": event["mean"]}
            elif known["issued"] == event["issued"]:
                known["mean"] += event["mean"]

    def _book(self, category, store, at):
        return self.state.setdefault(f"sales:{category}|{store}", {"begin": rfc3339(at), "sold": {}, "there": {}})

    def _there(self, row, store, at):
        """Note from when to when a size is there."""
        spans = self._book(row["category"], store, at)["there"].setdefault(row["size"], [])
        alike = [one for one in self._sizes().get(row["category"], ()) if one["size"] == row["size"]]
        known = [places for one in alike if (places := self.state.get(f"stock:{one['gtin']}|{store}"))]
        if not known:
            del self._book(row["category"], store, at)["there"][row["size"]]
            return
        here = any(self.workers.optimise.position.units(places) > 0 for places in known)
        if here and (not spans or spans[-1][1] is not None):
            spans.append([rfc3339(at), None])
        elif not here and spans and spans[-1][1] is None:
            spans[-1][1] = rfc3339(at)
        elif not here and not spans:
            spans.append([rfc3339(at), rfc3339(at)])
        first = at - self.config.curve_weeks * WEEK
        while len(spans) > 1 and spans[1][1] is not None and parse_time(spans[1][1]) < first:
            del spans[0]

    # The buy

    @on("order.propose?")
    def proposed(self, event):
        """Split the styles of a draft into sizes; one taken back takes back what came of it."""
        for key in [key for key in self._buys() if key.startswith(f"{event['proposal']}|") and event["stage"] == "cancelled"]:
            for order in self._buys().pop(key)["orders"]:
                yield out("order.propose", **{**order, "stage": "cancelled", "lines": []})
            self.timers.cancel("judge", key)
        if event["stage"] != "draft" or event.get("kind", "buy") != "buy":
            return
        for line in event["lines"]:
            style = (line.get("options") or {}).get("style")
            rows = self._of_style(style, line) if style else {}
            if rows:
                yield from self._buy(event, line, style, rows)

    def _buys(self):
        """What was bought and is not judged yet, by proposal and style."""
        return self.state.setdefault("bought", {})

    def _of_style(self, style, line):
        """The items of a style by size, in the colour that is bought."""
        colour = line["options"].get("colour") or (self.tables.products.get(line["gtin"]) or {}).get("colour")
        rows = [row for rows in self._sizes().values() for row in rows if row["style"] == style]
        same = [row for row in rows if colour is None or row.get("colour") == colour] or rows
        return {row["size"]: row for row in reversed(same)}

    def _buy(self, event, line, style, rows):
        curves = self.workers.optimise.size_curves
        category, total = next(iter(rows.values()))["category"], round(line["qty"])
        stores = self._stores(category, rows, event.get("to_store"))
        by_store = {store: self._curve(category, store, rows) for store in stores}
        weight = sum(stores.values())
        mixed = {size: sum(stores[one] * by_store[one][size] for one in stores) / weight for size in rows}
        wanted = curves.whole(mixed, total, curves.middle_first(rows))
        packs, loose = curves.pack(wanted, self.config.packs, self.config.pack_penalty) if self.config.packs else ({}, wanted)
        bought = {size: loose.get(size, 0) + sum(n * self.config.packs[name].get(size, 0) for name, n in packs.items()) for size in wanted}
        key, orders = f"{event['proposal']}|{style}", []
        extra = {"packs": packs, "loose": loose} if packs else {}
        told = {name: event[name] for name in ("supplier", "to_store", "order_by", "deliver_on") if name in event}
        orders.append({"proposal": f"{event['proposal']}-{style}", "kind": "buy", **told})
        yield self._order(orders[-1], rows, bought, "size_curve", mixed, line.get("cost"), extra)
        first = round(sum(bought.values()) * (1 - self.config.hold_back))
        given = curves.allocate(first, stores, by_store, self.config.core_sizes, self.config.min_per_size, bought)
        for store, pieces in given.items():
            orders.append({"proposal": f"{event['proposal']}-{style}-{store}", "kind": "allocation", "to_store": store})
            yield self._order(orders[-1], rows, pieces, "first_allocation", by_store[store], None, {})
        self._buys()[key] = {
            "style": style, "category": category, "at": rfc3339(self.now), "curve": mixed, "stores": sorted(given), "sold": {},
            "orders": orders, "gtins": {size: row["gtin"] for size, row in rows.items()},
        }  # fmt: skip
        self.timers.set("judge", key, self.now + JUDGED_AFTER)

    def _order(self, order, rows, pieces, reason, curve, cost, extra):
        ordered = self.workers.optimise.size_curves.in_order(pieces)
        lines = [{
            "gtin": rows[size]["gtin"], "qty": pieces[size], "reason": reason,
            **({"cost": price} if (price := cost or rows[size].get("cost")) and order["kind"] == "buy" else {}),
            "options": {"size": size, "share": round(curve[size], 4)},
        } for size in ordered if pieces[size]]  # fmt: skip
        if lines and extra:
            lines[0]["options"] |= extra
        total = round(sum(line["qty"] * line.get("cost", 0) for line in lines)) if order["kind"] == "buy" else None
        return out("order.propose", **order, stage="final", lines=lines, total=total or None)

    # The curves

    def _curve(self, category, store, rows):
        units = self._corrected(category, store)
        return self.workers.optimise.size_curves.curve(units, self._chain(category, rows), self.config.prior_strength)

    def _chain(self, category, rows):
        """The chain's shares over the sizes of a style."""
        shares = {size: row.get("size_share") for size, row in rows.items()}
        if any(share is None for share in shares.values()):
            stores = self._known(category)
            shares = {size: sum(self._corrected(category, store).get(size, 0) for store in stores) for size in rows}
        total = sum(shares.values())
        return {size: share / total if total > 0 else 1 / len(rows) for size, share in shares.items()}

    def _corrected(self, category, store):
        """Units of a category by size in the window, as if every size had been there all the time."""
        book = self.state.get(f"sales:{category}|{store}")
        if book is None:
            return {}
        begin = max(parse_time(book["begin"]), self.now - self.config.curve_weeks * WEEK)
        first = self.store.hours.store_day(begin).isoformat()
        for day in [day for day in book["sold"] if day < first]:
            del book["sold"][day]
        weeks, units = (self.now - begin) / WEEK, {}
        for sizes in book["sold"].values():
            for size, sold in sizes.items():
                units[size] = units.get(size, 0) + sold
        return {
            size: self.workers.optimise.size_curves.corrected(sold, weeks, self._weeks(book, size, begin)) for size, sold in units.items()
        }

    def _weeks(self, book, size, begin):
        spans = book["there"].get(size)
        if not spans:
            return (self.now - begin) / WEEK
        ends = [(parse_time(since), parse_time(until) if until else self.now) for since, until in spans]
        before = max(timedelta(0), ends[0][0] - begin)
        return (before + sum((max(until - max(since, begin), timedelta(0)) for since, until in ends), timedelta(0))) / WEEK

    def _known(self, category):
        return sorted(name.partition("|")[2] for name in self.state if name.startswith(f"sales:{category}|"))

    def _stores(self, category, rows, named):
        """What each store is to get of a buy, by its forecast, else its sales."""
        if named:
            return {named: 1.0}
        found = {}
        for key in [row["gtin"] for row in rows.values()]:
            for store, known in self.state.get(f"forecast:{key}", {}).items():
                found[store] = found.get(store, 0) + known["mean"]
        if not any(found.values()):
            found = {store: known["mean"] for store, known in self.state.get(f"forecast:{category}", {}).items()}
        if not any(found.values()):
            found = {store: sum(self._corrected(category, store).values()) for store in self._known(category)}
        positive = {store: value for store, value in found.items() if value > 0}
        return positive or dict.fromkeys(self._known(category) or [self.store.id], 1.0)

    # Six weeks later

    @timer("judge")
    def judge(self, due):
        """Sell-through by size, broken runs, and how far the curve was off what sold."""
        buy = self._buys().pop(due.key)
        left, broken = dict.fromkeys(buy["gtins"], 0), []
        for store in buy["stores"]:
            units = {size: max(0, self._units(gtin, store)) for size, gtin in buy["gtins"].items()}
            broken.append(any(units.get(size) == 0 for size in self.config.core_sizes if size in units))
            left = {size: left[size] + units[size] for size in left}
        sold = {size: max(0, buy["sold"].get(size, 0)) for size in left}
        through = {size: 100 * sold[size] / (sold[size] + left[size]) for size in left if sold[size] + left[size] > 0}
        if not sum(sold.values()) or not broken:
            return
        error = 50 * sum(abs(buy["curve"][size] - sold[size] / sum(sold.values())) for size in left)
        spread = max(through.values()) - min(through.values())
        self.kpi.share("broken_size_rate", sum(broken), len(broken))
        self.kpi.sample("size_sell_through_spread", spread)
        self.kpi.sample("curve_error", error)
        parts = [
            ("broken_size_rate", 100 * sum(broken) / len(broken), "%"),
            ("size_sell_through_spread", spread, "points"),
            ("curve_error", error, "%"),
        ]
        parts += [(f"sell_through_{size}", through[size], "%") for size in self.workers.optimise.size_curves.in_order(through)]
        yield out("score.report", {"from": parse_time(buy["at"]), "to": due.time}, scheme="size_curve", subject_kind="category",
                  subject=buy["category"], score=round(100 - error, 2), labels={"style": buy["style"]},
                  parts=[{"name": name, "value": round(value, 2), "unit": unit} for name, value, unit in parts])  # fmt: skip

    def _units(self, gtin, store):
        return self.workers.optimise.position.units(self.state.get(f"stock:{gtin}|{store}", {})) or 0

    # The range

    def _item(self, gtin):
        """A gtin as the table writes it, and its row where it has a style and a size."""
        row = self.tables.products.get(gtin) or {}
        return row.get("gtin", gtin), row if row.get("style") and row.get("size") and row.get("category") else {}

    def _sizes(self):
        """Items with a style and a size by category."""

        def build(rows):
            found = {}
            for row in rows:
                if row.get("style") and row.get("size") and row.get("category"):
                    found.setdefault(row["category"], []).append(row)
            return found

        return self.tables.products.derived("sized", build)
